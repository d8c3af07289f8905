//! What a person, or what watches for one, may decide about a run, and what that comes to.

use std::time::Duration;

use super::{Outcome, Past, Sources, kept_until};
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::timeline::Verdict;
use crate::timeline::compile;
use crate::timeline::guard::{Before, Guard, Sentry};
use crate::timeline::plan::{Arming, Condition};
use crate::timeline::run::{Armed, Base, Entry, Event, Run};
use crate::timeline::schedule::{Price, Schedule};
use crate::timeline::serial::Serial;

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
    #[error("which gate is meant is not clear: {}", listed(.0))]
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
        Decision::Approve { gate } => (Event::Approved { gate: approved(&before, gate.as_deref())? }, false),
        Decision::Pass { before: steps } => {
            (Event::Passed { before: *steps, shift: shift_if_passed(&before, *steps, at)? }, false)
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

/// By how much the steps that wait for their gates move if those pass at `at`, in nanoseconds: to a whole second, and not
/// at all if they pass in time.
fn shift_if_passed(schedule: &Schedule, before: Before, at: Instant) -> Result<u64, Refusal> {
    let guard = schedule.guard.as_ref().ok_or(Refusal::NotAwaited)?;
    let awaited = *guard.awaited.first().filter(|awaited| awaited.before == before).ok_or(Refusal::NotAwaited)?;
    if schedule.run.is_held() {
        return Err(Refusal::Held);
    }
    if !guard.may_pass(before, schedule.run.findings.as_deref()) {
        return Err(Refusal::GatesClosed);
    }
    if guard.deadline(awaited).is_some_and(|deadline| deadline < at) {
        return Err(Refusal::PastDeadline);
    }
    match at <= awaited.at {
        true => Ok(0),
        false => Ok(nanos(at.rounded_up().since(awaited.at))),
    }
}

/// The gate that a person means.
fn approved(schedule: &Schedule, wanted: Option<&str>) -> Result<u8, Refusal> {
    let guard = schedule.guard.as_ref().ok_or(Refusal::NoApproval)?;
    let all: Vec<_> = (0u8..)
        .zip(&guard.gates)
        .filter_map(|(place, gate)| match &gate.condition {
            Condition::Approval { what } => Some((place, what)),
            Condition::Probe { .. } => None,
        })
        .collect();
    if all.is_empty() {
        return Err(Refusal::NoApproval);
    }
    let is_approved = |place| schedule.run.findings.as_ref().is_some_and(|findings| findings.approval(place).is_some());
    let number = wanted.and_then(|wanted| wanted.parse::<u8>().ok()).and_then(|number| number.checked_sub(1));
    let meant: Vec<_> = match wanted {
        None => all.iter().filter(|(place, _)| !is_approved(*place)).collect(),
        Some(wanted) => all.iter().filter(|(place, what)| *what == wanted || number == Some(*place)).collect(),
    };
    match meant[..] {
        [(place, _)] if is_approved(*place) => Err(Refusal::Approved),
        [(place, _)] => Ok(*place),
        [] if wanted.is_none() => Err(Refusal::Approved),
        _ => Err(Refusal::WhichGate(all.iter().map(|(_, what)| (*what).clone()).collect())),
    }
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What was found out about gates and watches at `at`, as it is told; nothing that is served changes by it.
pub fn tell(run: &Run, guard: &Guard, found: &[(Sentry, Verdict)], at: Instant) -> (Vec<Entry>, Run) {
    let entry = |(of, verdict): &(Sentry, Verdict)| Entry {
        at,
        event: Event::Verdict { of: *of, verdict: verdict.clone() },
        by: guard.name(*of),
    };
    let entries: Vec<_> = found.iter().map(entry).collect();
    let run = entries.iter().fold(Some(run.clone()), Run::after).unwrap_or_else(|| run.clone());
    (entries, run)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
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
