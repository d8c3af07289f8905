//! What becomes of a run when its files change.

use super::{Outcome, PlanText, Sources, kept_until};
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::timeline::Timeline;
use crate::timeline::compile::{self, settle};
use crate::timeline::plan::{self, Arming};
use crate::timeline::run::{Armed, Base, Ending, EndingKind, Entry, Event, Run};
use crate::timeline::schedule::Schedule;
use crate::timeline::serial::Serial;

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
        let is_updated = self.sources.is_updated;
        let differs = |run: &Run| !run.is_over() || !is_updated && run.base.zone != self.sources.content;
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
        let is_known = run.base.zone == self.sources.content || self.is_at_rest(run);
        if is_known && !self.sources.past.overtaken {
            return run.clone();
        }
        let base = self.base();
        self.note(Some(run.clone()), Event::Rebased(base), BY_ZONE_FILE).unwrap_or_else(|| run.clone())
    }

    /// Whether `run` has nothing to do with what is served any more, nor with its serials: it is over and has left nothing
    /// to be done, and updates have given the zone a higher serial. Then they need not be in the journal.
    fn is_at_rest(&self, run: &Run) -> bool {
        let is_ended = run.is_over() && self.aftermath(run).is_none();
        is_ended && self.sources.is_updated && Serial(self.sources.zone.serial()).above(self.above()).is_some()
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
