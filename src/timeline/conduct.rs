//! What becomes of a run when its files change, and what a person may decide about it.
//!
//! Both are functions of the sources (zone file, plan file, run) and an instant; what they come to is an [`Outcome`]: the
//! events that must be in the journal *before* anything of it is served, and the timeline that they make.
//!
//! 1. A plan that says `arm = "on-load"` is armed by being there, armed anew by being edited, and withdrawn by going away;
//!    after its flip it is rolled back by that, and an edit that would take it back is refused.
//!    It counts as obeyed since its file came, or, where the zone was served without it meanwhile, from now on (6). If it
//!    doesn't say so any more after an edit, it goes on as it was armed.
//! 2. A plan that is armed by hand is what it was when it was armed. What happens to its file afterwards is told, and
//!    changes nothing.
//! 3. An edit of the zone file goes into service as always; the plan's editions are made anew over it.
//! 4. A plan whose every flip the zone file has is finished.
//! 5. A plan that ended is not armed again by being there.
//! 6. What is decided counts from an instant that lies [`HEADWAY`] after the present: by then it is in the journal, and
//!    served. So what is served before that instant is what was scheduled, and what comes after it has a higher serial.

mod gates;

use std::sync::Arc;
use std::time::Duration;

use super::compile::{self, settle};
use super::guard::Before;
use super::plan::{self, Arming, digest_of};
use super::run::{Armed, Base, Ending, EndingKind, Entry, Event, Run};
use super::schedule::{Course, Price, Schedule};
use super::serial::Serial;
use super::{Digest, Timeline};
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::zone::Zone;
pub use gates::tell;

/// How long after the present a decision counts: what the journal's disk and the catalog take, with room to spare. A step
/// that is due until then is still taken.
pub const HEADWAY: Duration = Duration::from_millis(500);

/// A plan's text and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanText {
    /// The path of its file, as people see it.
    pub path: Arc<str>,
    /// The text.
    pub text: Arc<[u8]>,
}

impl PlanText {
    /// Its digest.
    pub fn digest(&self) -> Digest {
        digest_of(&self.text)
    }
}

/// The files of a zone as they are now, and where its plan stands.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// The zone as its file says.
    pub zone: &'a Zone,
    /// The fingerprint of its file's content.
    pub content: u64,
    /// The plan's file, if it is there, and since when.
    pub plan: Option<(PlanText, Instant)>,
    /// The run, if there was ever one.
    pub run: Option<&'a Run>,
    /// The text that the run armed, if the file does not say it.
    pub armed: Option<PlanText>,
    /// What was served until now.
    pub past: Past,
}

/// What was served until now, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The serial.
    pub serial: Option<Serial>,
    /// By when caches have forgotten what they were given of what the plan flips.
    pub kept_until: Option<Instant>,
    /// By when they have forgotten what was there before it flips.
    pub old_kept_until: Option<Instant>,
    /// Whether steps were taken that the run does not know of, since the journal took too long: their serials count.
    pub overtaken: bool,
}

/// What files or a decision come to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What must be in the journal first.
    pub entries: Vec<Entry>,
    /// The plan's text, if it is armed now.
    pub plan: Option<PlanText>,
    /// The run from then on.
    pub run: Option<Run>,
    /// What the plan is worked out to, if there is one that is obeyed.
    pub schedule: Option<Schedule>,
    /// What is to be served; `None`: what is served already.
    pub timeline: Option<Timeline>,
    /// What a person should know.
    pub diagnostics: Vec<Diagnostic>,
}

/// What the files make of the zone and its run, where that counts from `at` on; `serving`: something is served already,
/// and may stay.
pub fn follow(sources: &Sources<'_>, at: Instant, serving: bool) -> Outcome {
    let follow = Follow { sources, at, serving, entries: Vec::new(), diagnostics: Vec::new() };
    match (sources.run.filter(|run| !run.is_over()), &sources.plan) {
        (None, None) => follow.rest(),
        (None, Some((text, since))) => follow.found(text, *since),
        (Some(run), None) if run.on_load => follow.withdrawn(run),
        (Some(run), Some((text, since))) if run.on_load && text.digest() != run.plan => {
            follow.edited(run, text, *since)
        }
        (Some(run), _) => follow.going_on(run),
    }
}

struct Follow<'a> {
    sources: &'a Sources<'a>,
    at: Instant,
    serving: bool,
    entries: Vec<Entry>,
    diagnostics: Vec<Diagnostic>,
}

const BY_PLAN_FILE: &str = "the plan's file";
const BY_ZONE_FILE: &str = "the zone's file";

impl Follow<'_> {
    /// The highest serial that was served.
    fn above(&self) -> Serial {
        let file = Serial(self.sources.zone.serial());
        let run = self.sources.run.and_then(Run::above).unwrap_or(file);
        match self.sources.past.serial {
            Some(served) if served.above(run).is_some() => served,
            _ => run,
        }
    }

    fn base(&self) -> Base {
        let kept_until = self.sources.past.old_kept_until.map(Instant::unix_nanos);
        Base { zone: self.sources.content, above: self.above().0, kept_until }
    }

    /// The same for a plan that begins, where caches have forgotten by `kept_until` what was served. If that is not known
    /// and something else may have been served than the zone file says now, its serial is another too.
    fn beginning(&self, kept_until: Option<i64>) -> Base {
        let base = Base { kept_until, ..self.base() };
        let differs = |run: &Run| !run.is_over() || run.base.zone != self.sources.content;
        let has_risen = Serial(self.sources.zone.serial()).above(Serial(base.above)).is_some();
        let is_same = kept_until.is_some() || has_risen || !self.sources.run.is_some_and(differs);
        let above = if is_same { Serial(base.above) } else { Serial(base.above).successor() };
        Base { above: above.0, ..base }
    }

    fn note(&mut self, run: Option<Run>, event: Event, by: &str) -> Option<Run> {
        let entry = Entry { at: self.at, event, by: by.to_owned() };
        let run = Run::after(run, &entry);
        self.entries.push(entry);
        run
    }

    /// `run` over the zone as it is now.
    fn rebased(&mut self, run: &Run) -> Run {
        if run.base.zone == self.sources.content && !self.sources.past.overtaken {
            return run.clone();
        }
        let base = self.base();
        self.note(Some(run.clone()), Event::Rebased(base), BY_ZONE_FILE).unwrap_or_else(|| run.clone())
    }

    fn outcome(
        self,
        plan: Option<PlanText>,
        run: Option<Run>,
        schedule: Option<Schedule>,
        timeline: Timeline,
    ) -> Outcome {
        let Follow { entries, diagnostics, .. } = self;
        Outcome { entries, plan, run, schedule, timeline: Some(timeline), diagnostics }
    }

    /// The zone as its file has it, and what a run that is over still does.
    fn rest(mut self) -> Outcome {
        let zone = self.sources.zone;
        let Some(run) = self.sources.run.cloned() else {
            return self.outcome(None, None, None, Timeline::fixed(zone.clone()));
        };
        let is_above = |served: Serial| run.above().is_none_or(|above| served.above(above).is_some());
        let run = if !run.is_over() && self.sources.past.serial.is_some_and(is_above) {
            // Its plan, which can't be followed, had led further.
            let base = self.base();
            self.note(Some(run.clone()), Event::Rebased(base), BY_ZONE_FILE).unwrap_or(run)
        } else {
            self.rebased(&run)
        };
        self.settled(run)
    }

    /// What a decision that ended `run` left to be done, whatever became of the plan's file: after a rollback TTLs grow.
    fn aftermath(&self, run: &Run) -> Option<Schedule> {
        let is_decided = |ending: Ending| matches!(ending.kind, EndingKind::RolledBack | EndingKind::Aborted);
        run.ending.filter(|&ending| is_decided(ending))?;
        self.present(run)
    }

    /// What was served stays, or, if nothing is, the zone as its file has it: a name that does not resolve is worse
    /// than one that does not move.
    fn refused(mut self) -> Outcome {
        if self.serving {
            let run = self.sources.run.cloned();
            let diagnostics = std::mem::take(&mut self.diagnostics);
            return Outcome { entries: Vec::new(), plan: None, run, schedule: None, timeline: None, diagnostics };
        }
        self.rest()
    }

    /// A plan's file is there that nothing was made of yet.
    fn found(mut self, text: &PlanText, since: Instant) -> Outcome {
        let zone = self.sources.zone;
        if self.sources.run.is_some_and(|run| run.plan == text.digest()) {
            return self.rest();
        }
        let (plan, _) = plan::parse(zone.apex(), &text.path, &text.text);
        let by_hand = plan.as_ref().is_some_and(|plan| plan.arming() == Arming::ByHand);
        let base = self.beginning(kept_until(self.sources, text, self.at));
        // While something is served, the old data is handed out until this counts; a server that was down handed out
        // nothing since the plan's file came.
        let since = if self.serving || by_hand { self.at } else { since.min(self.at) };
        let proposed = Run::proposed(since).over(base, self.at);
        let loaded = compile::load(zone, &text.path, &text.text, &proposed);
        self.diagnostics = loaded.diagnostics;
        if by_hand {
            // Whether it is too late is told to whoever arms it.
            self.diagnostics.retain(|diagnostic| diagnostic.code != "plan-late");
            return self.rest();
        }
        match loaded.schedule {
            None => self.refused(),
            Some(schedule) if schedule.courses.is_empty() => self.rest(),
            Some(schedule) => self.arm(text, &schedule, true, since, base),
        }
    }

    fn arm(mut self, text: &PlanText, schedule: &Schedule, on_load: bool, since: Instant, base: Base) -> Outcome {
        let zone = self.sources.zone;
        let armed =
            Armed { plan: text.digest(), schedule: schedule.digest(), on_load, since: since.unix_nanos(), base };
        let Some(mut run) = self.note(None, Event::Armed(armed), BY_PLAN_FILE) else { return self.refused() };
        // Gates before what has happened already are not asked again.
        let past = schedule.run.findings.iter().flat_map(|findings| &findings.passed).map(|passed| passed.before);
        let has_gates = |before| schedule.guard.as_ref().is_some_and(|guard| guard.gates_before(before).count() > 0);
        for before in past.filter(|&before| has_gates(before)) {
            run = self.note(Some(run.clone()), Event::Passed { before, shift: 0 }, BY_PLAN_FILE).unwrap_or(run);
        }
        let loaded = compile::load(zone, &text.path, &text.text, &run);
        self.diagnostics = loaded.diagnostics;
        match loaded.schedule {
            Some(schedule) => {
                let timeline = schedule.timeline.clone();
                self.outcome(Some(text.clone()), Some(run), Some(schedule), timeline)
            }
            None => {
                self.entries.clear();
                self.refused()
            }
        }
    }

    /// The plan's file has gone, and the plan with it.
    fn withdrawn(mut self, run: &Run) -> Outcome {
        let zone = self.sources.zone;
        if let Some(schedule) = self.present(run).filter(|schedule| schedule.has_flipped(self.at)) {
            return self.taken_back(run, &schedule);
        }
        let base = Base { kept_until: None, ..self.base() };
        let mut run = run.clone();
        if base.above != zone.serial() || base.zone != run.base.zone {
            run = self.note(Some(run.clone()), Event::Rebased(base), BY_PLAN_FILE).unwrap_or(run);
        }
        let run = self.note(Some(run.clone()), Event::Withdrawn, BY_PLAN_FILE).unwrap_or(run);
        let timeline = settle(zone, &run);
        self.outcome(None, Some(run), None, timeline)
    }

    /// What `run` is worked out to over the zone as it is now; `None` if it can't be, or the zone has all of it.
    fn present(&self, run: &Run) -> Option<Schedule> {
        let text = self.text(run)?;
        let loaded = compile::load(self.sources.zone, &text.path, &text.text, run);
        loaded.schedule.filter(|schedule| !schedule.courses.is_empty())
    }

    /// The plan's file has gone after the flip, and the zone's has the old data: that is a rollback, with the low TTL
    /// and the price of one.
    fn taken_back(mut self, run: &Run, schedule: &Schedule) -> Outcome {
        let kept_until = Some(schedule.kept_until(self.at).unix_nanos());
        let base = Base { kept_until, ..self.base() };
        let back = self.note(Some(run.clone()), Event::RolledBack, BY_PLAN_FILE).unwrap_or_else(|| run.clone());
        let back = self.note(Some(back.clone()), Event::Rebased(base), BY_PLAN_FILE).unwrap_or(back);
        self.settled(back)
    }

    /// `run` is over: what it left to be done, and the zone as its file has it.
    fn settled(self, run: Run) -> Outcome {
        let schedule = self.aftermath(&run);
        let zone = self.sources.zone;
        let timeline = schedule.as_ref().map_or_else(|| settle(zone, &run), |schedule| schedule.timeline.clone());
        self.outcome(None, Some(run), schedule, timeline)
    }

    /// The plan's file, which is obeyed as it is, says something else.
    fn edited(mut self, run: &Run, text: &PlanText, since: Instant) -> Outcome {
        let base = self.beginning(kept_until(self.sources, text, self.at));
        let came_at = since.min(self.at);
        let has_flipped = self.present(run).is_some_and(|present| present.has_flipped(came_at));
        let proposed = Run::proposed(self.at).over(base, self.at);
        let proposed = if has_flipped { proposed.past_flip(self.at) } else { proposed };
        let loaded = compile::load(self.sources.zone, &text.path, &text.text, &proposed);
        match loaded.schedule {
            None => {
                let mut outcome = self.going_on_despite(run);
                outcome.diagnostics = loaded.diagnostics;
                outcome
            }
            Some(schedule) if schedule.courses.is_empty() => {
                self.diagnostics = loaded.diagnostics;
                self.finished(run)
            }
            Some(schedule) if schedule.arming == Arming::ByHand => self.going_on(run),
            Some(schedule) if has_flipped && !schedule.has_flipped(came_at) => {
                let message = format!("what {} says now would take back what has flipped", text.path);
                let help = "it goes on as it was armed; `watari rollback` takes it back, or write the new data into the \
                            zone file first";
                self.diagnostics.push(Diagnostic::error("plan-armed-flipped", message).help(help));
                self.going_on_despite(run)
            }
            Some(schedule) => {
                let since = self.at;
                self.arm(text, &schedule, true, since, base)
            }
        }
    }

    /// The text that the run armed.
    fn text(&self, run: &Run) -> Option<PlanText> {
        let file = self.sources.plan.as_ref().map(|(text, _)| text).filter(|text| text.digest() == run.plan);
        file.or(self.sources.armed.as_ref()).cloned()
    }

    fn going_on(mut self, run: &Run) -> Outcome {
        match &self.sources.plan {
            None => {
                let message =
                    format!("the file of the plan for {} has gone, but the plan is armed", self.sources.zone.apex());
                let help = "it goes on as it was armed; `watari abort` or `watari rollback` ends it";
                self.diagnostics.push(Diagnostic::warning("plan-armed-gone", message).help(help));
            }
            Some((text, _)) if text.digest() != run.plan => {
                let message = format!("{} was edited after it was armed", text.path);
                let help = "it goes on as it was armed; `watari arm` arms what it says now";
                self.diagnostics.push(Diagnostic::warning("plan-armed-edited", message).help(help));
            }
            Some(_) => {}
        }
        self.going_on_despite(run)
    }

    /// The run goes on with the text that it armed.
    fn going_on_despite(mut self, run: &Run) -> Outcome {
        let Some(text) = self.text(run) else {
            let message = format!("what was armed for {} is not known any more", self.sources.zone.apex());
            let help = "put the plan's file back as it was, or arm it again";
            self.diagnostics.push(Diagnostic::error("plan-armed-lost", message).help(help));
            return self.refused();
        };
        let kept = self.entries.len();
        let rebased = self.rebased(run);
        let loaded = compile::load(self.sources.zone, &text.path, &text.text, &rebased);
        self.diagnostics.extend(loaded.diagnostics);
        match loaded.schedule {
            None => {
                self.entries.truncate(kept);
                self.refused()
            }
            Some(schedule) if schedule.courses.is_empty() => {
                self.entries.truncate(kept);
                self.finished(run)
            }
            Some(schedule) => {
                let timeline = schedule.timeline.clone();
                self.outcome(None, Some(rebased), Some(schedule), timeline)
            }
        }
    }

    /// The zone file has all that the plan flips to.
    fn finished(mut self, run: &Run) -> Outcome {
        let base = Base { kept_until: None, ..self.base() };
        let run = self.note(Some(run.clone()), Event::Rebased(base), BY_ZONE_FILE).unwrap_or_else(|| run.clone());
        let run = self.note(Some(run.clone()), Event::Finished, BY_ZONE_FILE).unwrap_or(run);
        let timeline = settle(self.sources.zone, &run);
        self.outcome(None, Some(run), None, timeline)
    }
}

/// What a person asks of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Obey the plan as its file says now.
    Arm,
    /// Take no further step.
    Hold {
        /// Why, for people.
        why: String,
    },
    /// Go on; with the flip not before an instant, if there is one.
    Resume {
        /// The new instant of the flip.
        at: Option<Instant>,
    },
    /// Pass a gate that waits for a person.
    Approve {
        /// Which: its text, or its number among the gates; the only one if nothing is said.
        gate: Option<String>,
    },
    /// Go on: the gates before these steps have passed.
    Pass {
        /// Which steps.
        before: Before,
    },
    /// Serve the old data again.
    RollBack,
    /// Give the plan up.
    Abort,
}

/// Why a decision can't be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no plan.
    #[error("there is no plan beside the zone")]
    NoPlan,
    /// Nothing was armed, or it is over.
    #[error("no plan is armed")]
    NotArmed,
    /// It is armed already, as its file says.
    #[error("the plan is armed already, as its file says")]
    ArmedAlready,
    /// What was armed is not known any more.
    #[error("what was armed is not known any more")]
    Lost,
    /// The plan has faults.
    #[error("the plan has faults")]
    Faults(Vec<Diagnostic>),
    /// The zone file has it all.
    #[error("there is nothing to do: the zone file has what the plan flips to")]
    NothingToDo,
    /// The new data is served.
    #[error("the data has flipped already")]
    Flipped,
    /// The old data is served.
    #[error("nothing has flipped yet")]
    NotFlipped,
    /// It stands still.
    #[error("it is held already")]
    Held,
    /// It does not stand still.
    #[error("it is not held")]
    NotHeld,
    /// The flip can't be so early.
    #[error("the flip can't be so early")]
    TooEarly {
        /// When it can be.
        earliest: Instant,
    },
    /// No such steps wait for gates.
    #[error("no steps wait for those gates")]
    NotAwaited,
    /// Not all of its gates may pass.
    #[error("its gates have not passed")]
    GatesClosed,
    /// They may not pass any more.
    #[error("the deadline of its gates is over")]
    PastDeadline,
    /// No gate waits for a person.
    #[error("no gate of the plan waits for a person")]
    NoApproval,
    /// A person has passed it already.
    #[error("it is approved already")]
    Approved,
    /// It is not said which gate is meant, or there is no such one.
    #[error("which gate is meant is not clear: {}", gates::listed(.0))]
    WhichGate(Vec<String>),
    /// The flip is past: it has no other instant any more.
    #[error("the flip is past")]
    FlipIsPast,
}

impl Refusal {
    /// A way out.
    pub fn help(&self) -> &'static str {
        match self {
            Refusal::NoPlan => "write one with `watari plan new`",
            Refusal::NotArmed => "arm it with `watari arm`",
            Refusal::ArmedAlready => "look at it with `watari status`; edit the plan's file, or abort it first",
            Refusal::Lost => "put the plan's file back as it was, or arm it again",
            Refusal::Faults(_) => "mend them, and ask again",
            Refusal::NothingToDo => "remove the plan's file",
            Refusal::Flipped => "go back with `watari rollback`; or write the new data into the zone file first",
            Refusal::NotFlipped => "give it up with `watari abort`",
            Refusal::Held => "let it go on with `watari resume`",
            Refusal::NotHeld => "look at it with `watari status`",
            Refusal::TooEarly { .. } => "name that instant or a later one",
            Refusal::NotAwaited | Refusal::GatesClosed | Refusal::Approved | Refusal::NoApproval => {
                "`watari status` shows what is missing"
            }
            Refusal::PastDeadline => "hold it and resume it; then its gates are asked anew",
            Refusal::WhichGate(_) => "name one of them: `watari approve NAME GATE`",
            Refusal::FlipIsPast => "leave --at out",
        }
    }
}

/// A decision, worked out.
#[derive(Debug)]
pub struct Decided {
    /// What it comes to.
    pub outcome: Outcome,
    /// What is served and scheduled until then; `None` if nothing was armed.
    pub before: Option<Schedule>,
    /// What going back costs, if it goes back.
    pub price: Option<Price>,
}

/// Works out what `decision` comes to, where it counts from `at` on. Nothing is done.
///
/// # Errors
/// Why it can't be taken.
pub fn decide(sources: &Sources<'_>, decision: &Decision, by: &str, at: Instant) -> Result<Decided, Refusal> {
    let running = sources.run.filter(|run| !run.is_over());
    if *decision == Decision::Arm {
        return arm(sources, running, by, at);
    }
    let run = running.ok_or(Refusal::NotArmed)?;
    let file = sources.plan.as_ref().map(|(text, _)| text).filter(|text| text.digest() == run.plan);
    let text = file.or(sources.armed.as_ref()).ok_or(Refusal::Lost)?;
    let compile = |run: &Run| {
        let loaded = compile::load(sources.zone, &text.path, &text.text, run);
        loaded.schedule.ok_or(Refusal::Faults(loaded.diagnostics))
    };
    let before = compile(run)?;
    let flipped = before.has_flipped(at);
    let (event, ends) = match decision {
        Decision::Arm => return Err(Refusal::ArmedAlready),
        Decision::Hold { .. } if run.is_held() => return Err(Refusal::Held),
        Decision::Hold { why } => (Event::Held { why: why.clone() }, false),
        Decision::Resume { at: flip_at } => (Event::Resumed { shift: shift(&before, *flip_at, at)? }, false),
        Decision::Approve { gate } => (Event::Approved { gate: gates::approved(&before, gate.as_deref())? }, false),
        Decision::Pass { before: steps } => {
            (Event::Passed { before: *steps, shift: gates::shift_if_passed(&before, *steps, at)? }, false)
        }
        Decision::RollBack if !flipped => return Err(Refusal::NotFlipped),
        Decision::RollBack => (Event::RolledBack, true),
        Decision::Abort if flipped => return Err(Refusal::Flipped),
        Decision::Abort => (Event::Aborted, true),
    };
    let price = before.rollback_price(at).filter(|_| *decision == Decision::RollBack);
    let mut entries = vec![Entry { at, event, by: by.to_owned() }];
    if ends {
        // From here on only the serials of what was served matter, and those the journal has.
        let served = before.serial_at(at);
        if served != Serial(sources.zone.serial()) || before.timeline.at(at).patch.is_some() {
            let kept_until = Some(before.kept_until(at).unix_nanos());
            let base = Base { zone: run.base.zone, above: served.0, kept_until };
            entries.push(Entry { at, event: Event::Rebased(base), by: by.to_owned() });
        }
    }
    let after = entries.iter().fold(Some(run.clone()), Run::after).ok_or(Refusal::NotArmed)?;
    let schedule = compile(&after)?;
    let timeline = Some(schedule.timeline.clone());
    let outcome =
        Outcome { entries, plan: None, run: Some(after), schedule: Some(schedule), timeline, diagnostics: Vec::new() };
    Ok(Decided { outcome, before: Some(before), price })
}

/// By how much what waits moves if it is resumed at `at`, in nanoseconds.
fn shift(schedule: &Schedule, flip_at: Option<Instant>, at: Instant) -> Result<u64, Refusal> {
    let least = schedule.shift_if_resumed(at).ok_or(Refusal::NotHeld)?;
    let Some(flip_at) = flip_at else { return Ok(nanos(least)) };
    if schedule.has_flipped(at) {
        return Err(Refusal::FlipIsPast);
    }
    let earliest = schedule.at.after(least);
    if flip_at < earliest {
        return Err(Refusal::TooEarly { earliest });
    }
    Ok(nanos(flip_at.since(schedule.at)))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// By when caches have forgotten what they were given until `at` of what `text` flips, where something else was served
/// than the zone's file says: a plan that is under way has bounded nothing but what it flips itself, and one that was
/// ended has let go of it. In nanoseconds; `None` where nothing else was served.
fn kept_until(sources: &Sources<'_>, text: &PlanText, at: Instant) -> Option<i64> {
    let ended = sources.run.filter(|run| run.is_over());
    let kept_until = match ended {
        Some(run) => Instant::from_unix_nanos(run.base.kept_until?),
        None => sources.past.kept_until?,
    };
    let apex = sources.zone.apex();
    let flips = |text: &PlanText| plan::parse(apex, &text.path, &text.text).0.map(|plan| plan.flips);
    let known: Vec<_> = sources.armed.as_ref().filter(|_| ended.is_none()).and_then(flips).unwrap_or_default();
    // What is new to both is not old to either.
    let leads_alike = |flip: &plan::Flip| {
        let same =
            |other: &&plan::Flip| (&other.owner.value, other.rtype.value) == (&flip.owner.value, flip.rtype.value);
        let other = known.iter().find(same);
        other.is_none_or(|other| other.to.is(flip.rtype.value, flip.to.records.iter().map(|record| &*record.value)))
    };
    let lead_alike = flips(text).is_some_and(|flips| flips.iter().all(leads_alike));
    let kept_until = sources.past.old_kept_until.filter(|_| lead_alike && ended.is_none()).unwrap_or(kept_until);
    let is_known = |course: &Course| {
        known.iter().any(|flip| (&flip.owner.value, flip.rtype.value) == (&course.owner, course.rtype))
    };
    let accepted = Base { zone: 0, above: 0, kept_until: Some(i64::MIN) };
    let schedule = compile::load(sources.zone, &text.path, &text.text, &Run::proposed(at).over(accepted, at)).schedule;
    let courses = schedule.iter().flat_map(|schedule| &schedule.courses);
    let longest = courses.filter(|course| !is_known(course)).map(|course| course.held_ttl).max();
    let others = longest.map(|ttl| at.after(Duration::from_secs(u64::from(ttl.0))));
    Some(others.map_or(kept_until, |others| others.max(kept_until)).unix_nanos())
}

fn arm(sources: &Sources<'_>, running: Option<&Run>, by: &str, at: Instant) -> Result<Decided, Refusal> {
    let (text, _) = sources.plan.as_ref().ok_or(Refusal::NoPlan)?;
    let mut before = None;
    if let Some(run) = running {
        if run.plan == text.digest() {
            return Err(Refusal::ArmedAlready);
        }
        let armed = sources.armed.as_ref().ok_or(Refusal::Lost)?;
        let schedule = compile::load(sources.zone, &armed.path, &armed.text, run).schedule;
        if schedule.as_ref().is_some_and(|schedule| schedule.has_flipped(at)) {
            return Err(Refusal::Flipped);
        }
        before = schedule;
    }
    let file = Serial(sources.zone.serial());
    let above = sources.run.and_then(Run::above).unwrap_or(file);
    let above = sources.past.serial.filter(|served| served.above(above).is_some()).unwrap_or(above);
    let past = Past { kept_until: before.as_ref().map(|before| before.kept_until(at)), ..sources.past };
    let kept_until = kept_until(&Sources { past, ..sources.clone() }, text, at);
    let base = Base { zone: sources.content, above: above.0, kept_until };
    let proposed = Run::proposed(at).over(base, at);
    let loaded = compile::load(sources.zone, &text.path, &text.text, &proposed);
    let schedule = loaded.schedule.ok_or(Refusal::Faults(loaded.diagnostics.clone()))?;
    if schedule.courses.is_empty() {
        return Err(Refusal::NothingToDo);
    }
    let on_load = schedule.arming == Arming::OnLoad;
    let armed = Armed { plan: text.digest(), schedule: schedule.digest(), on_load, since: at.unix_nanos(), base };
    let entry = Entry { at, event: Event::Armed(armed), by: by.to_owned() };
    let run = Run::after(None, &entry);
    let outcome = Outcome {
        entries: vec![entry],
        plan: Some(text.clone()),
        schedule: run.clone().map(|run| Schedule { run, ..schedule.clone() }),
        timeline: Some(schedule.timeline),
        run,
        diagnostics: loaded.diagnostics,
    };
    Ok(Decided { outcome, before, price: None })
}
