//! The steps of a plan in order of time, as its run has them: rungs, flip, holds, and how it ended.

use std::time::Duration;

use super::spread;
use crate::clock::Instant;
use crate::timeline::StepId;
use crate::timeline::guard::{Awaited, Before, Passed};
use crate::timeline::plan::{Lowering, Plan, Raising};
use crate::timeline::run::{EndingKind, Hold, Run};
use crate::timeline::schedule::{Bound, Course, Data, Reason, Since, State, Step, StepKind, seconds};
use crate::zone::Ttl;

/// The most rungs of a ladder: a TTL has 31 bits.
const RUNGS_MAX: usize = 32;

/// The steps of a plan.
pub(super) struct Steps {
    /// T: the plan's instant, and as much later as holds have moved it.
    pub(super) at: Instant,
    /// What has happened or will.
    pub(super) done: Vec<Step>,
    /// What waits for the run to be resumed, or for gates.
    pub(super) waiting: Vec<Step>,
    /// What waits for gates.
    pub(super) awaited: Vec<Awaited>,
    /// What is behind the first gate that has not passed.
    gated: Vec<Step>,
    /// Which steps have a gate before them that has not passed.
    closed: Vec<Before>,
}

impl Steps {
    /// The steps of `plan` for `courses`, as `run` has them.
    pub(super) fn lay(plan: &Plan, courses: &[Course], run: &Run) -> Steps {
        let mut steps = Steps {
            at: plan.at(),
            done: Vec::new(),
            waiting: Vec::new(),
            awaited: Vec::new(),
            gated: Vec::new(),
            closed: Vec::new(),
        };
        if courses.is_empty() {
            return steps;
        }
        let mut laying = Laying { plan, at: plan.at(), old: longest(courses, before), steps: Vec::new() };
        laying.lower();
        laying.flip(courses);
        steps.gated = laying.steps;
        steps.closed =
            Before::ALL.into_iter().filter(|&before| plan.gates.iter().any(|gate| gate.before == before)).collect();
        steps.open();
        let mut passed = run.findings.iter().flat_map(|findings| &findings.passed).peekable();
        for hold in &run.holds {
            while let Some(passed) = passed.next_if(|passed| passed.at <= hold.from) {
                steps.pass(passed);
            }
            steps.hold(plan, hold);
        }
        passed.for_each(|passed| steps.pass(passed));
        steps.wait();
        if let Some(ending) = run.ending {
            match ending.kind {
                EndingKind::RolledBack => steps.roll_back(plan, courses, ending.at),
                EndingKind::Aborted | EndingKind::Finished | EndingKind::Withdrawn => steps.abort(ending.at),
            }
        }
        steps.number();
        steps
    }

    /// Rule 10: what is not behind a gate that has not passed is in the timeline.
    fn open(&mut self) {
        let closed = &self.closed;
        let is_free = |step: &&Step| !closed.iter().any(|before| before.stands_before(step.kind));
        let free = self.gated.iter().take_while(is_free).count();
        self.done.extend(self.gated.drain(..free));
    }

    /// Rule 10: gates have passed.
    fn pass(&mut self, passed: &Passed) {
        let Some(place) = self.closed.iter().position(|before| *before == passed.before) else { return };
        self.closed.remove(place);
        if !passed.shift.is_zero() {
            self.move_flip(passed.shift, &self.gated.clone());
            for step in &mut self.gated {
                step.from = step.from.after(passed.shift);
                // Reckoned from T, a step has moved with it; one that moved by itself says why.
                if passed.before >= Before::Raise || step.kind == StepKind::Flip {
                    step.reason = Reason::Passed { late: passed.shift };
                }
            }
        }
        self.open();
    }

    /// T moves with its step, if that is among those that move.
    fn move_flip(&mut self, shift: Duration, steps: &[Step]) {
        if steps.iter().any(|step| step.kind == StepKind::Flip) {
            self.at = self.at.after(shift);
        }
    }

    /// What waits for gates, and for what.
    fn wait(&mut self) {
        let gated = std::mem::take(&mut self.gated);
        let awaits = |before: &Before| {
            let all = self.waiting.iter().chain(&gated);
            let first = all.filter(|step| before.stands_before(step.kind)).map(|step| step.from).min();
            first.map(|at| Awaited { before: *before, at })
        };
        self.awaited = self.closed.iter().filter_map(awaits).collect();
        self.waiting.extend(gated);
    }

    fn state_at(&self, instant: Instant) -> State {
        self.done.iter().rev().find(|step| step.from < instant).map_or(State::FILE, |step| step.state)
    }

    /// Takes away what would happen from `instant` on, and gives it.
    fn cut(&mut self, instant: Instant) -> Vec<Step> {
        let kept = self.done.iter().take_while(|step| step.from < instant).count();
        self.done.split_off(kept)
    }

    /// Rule 7: a hold.
    fn hold(&mut self, plan: &Plan, hold: &Hold) {
        let state = self.state_at(hold.from);
        let mut rest = self.cut(hold.from);
        if let Bound::Countdown(rung) = state.bound {
            // It stands where the hold met it, and where it has secondaries, not above what they have.
            let left = self.at.after(seconds(spread(plan))).since(hold.from).as_secs();
            let left = Ttl(u32::try_from(left).unwrap_or(u32::MAX).clamp(plan.low_ttl().0, Ttl::MAX.0));
            let left = if plan.secondaries.is_some() { left.min(rung) } else { left };
            self.push(hold.from, StepKind::Hold, State { bound: Bound::Most(left), ..state }, Reason::Decided);
        }
        let Some((resumed_at, shift)) = hold.resumed else {
            self.waiting = rest;
            return;
        };
        // A step that is due just then begins the countdown again by itself.
        let is_due = rest.first().is_some_and(|step| step.from.after(shift) <= resumed_at);
        if state.bound.counts_down() && !is_due {
            self.push(resumed_at, StepKind::Lower, state, Reason::Decided);
        }
        let moved: Vec<Step> = rest.iter().chain(&self.gated).cloned().collect();
        self.move_flip(shift, &moved);
        for step in rest.iter_mut().chain(&mut self.gated) {
            step.from = step.from.after(shift);
        }
        self.done.append(&mut rest);
    }

    /// Rule 7: a rollback.
    fn roll_back(&mut self, plan: &Plan, courses: &[Course], at: Instant) {
        if self.state_at(at).data == Data::Old {
            return self.abort(at);
        }
        drop(self.cut(at));
        self.stop();
        let (low, old) = (plan.low_ttl(), longest(courses, before));
        let bound = if old > low { Bound::Most(low) } else { Bound::Open };
        self.push(at, StepKind::Rollback, State { data: Data::Old, bound }, Reason::Decided);
        let mut laying = Laying { plan, at, old, steps: Vec::new() };
        laying.raise(old, State::FILE, Since::Rollback);
        self.done.append(&mut laying.steps);
    }

    /// Rule 7: an abort.
    fn abort(&mut self, at: Instant) {
        let state = self.state_at(at);
        drop(self.cut(at));
        self.stop();
        if state != State::FILE {
            self.push(at, StepKind::Abort, State::FILE, Reason::Decided);
        }
    }

    /// Nothing waits any more.
    fn stop(&mut self) {
        self.waiting.clear();
        self.awaited.clear();
    }

    fn push(&mut self, from: Instant, kind: StepKind, state: State, reason: Reason) {
        self.done.push(Step { id: StepId(0), kind, from, serial: None, state, reason });
    }

    fn number(&mut self) {
        for (number, step) in (0..).zip(self.done.iter_mut().chain(&mut self.waiting)) {
            step.id = StepId(number);
        }
    }
}

/// A plan's steps as they would be if nothing came in between.
struct Laying<'p> {
    plan: &'p Plan,
    /// What they are reckoned from: T, or the rollback.
    at: Instant,
    /// R.
    old: Ttl,
    steps: Vec<Step>,
}

impl Laying<'_> {
    fn push(&mut self, from: Instant, kind: StepKind, state: State, reason: Reason) {
        self.steps.push(Step { id: StepId(0), kind, from, serial: None, state, reason });
    }

    /// Rule 1.
    fn lower(&mut self) {
        let (old, low) = (self.old, self.plan.low_ttl());
        if old <= low {
            return;
        }
        let lowered = |bound| State { data: Data::Old, bound };
        // What is lowered must have come to the last server by then.
        let lag = seconds(self.plan.lag());
        let from = |lead: Ttl, at: Instant| at.before(seconds(lead)).before(lag);
        match self.plan.lowering() {
            Lowering::Once => {
                let reason = Reason::OldTtlDrains { old_ttl: old, low_ttl: low, lag: self.plan.lag() };
                self.push(from(old, self.at), StepKind::Lower, lowered(Bound::Most(low)), reason);
            }
            Lowering::Countdown => {
                // In the answers one step would do; who transfers the zone goes down a ladder.
                for (above, rung) in rungs(old, low) {
                    let reason = Reason::CountsDown { old_ttl: above, floor: low, rung, lag: self.plan.lag() };
                    self.push(from(above, self.at), StepKind::Lower, lowered(Bound::Countdown(rung)), reason);
                }
            }
            Lowering::Ladder => {
                for (above, rung) in rungs(old, low) {
                    let reason = Reason::OldTtlDrains { old_ttl: above, low_ttl: rung, lag: self.plan.lag() };
                    self.push(from(above, self.at), StepKind::Lower, lowered(Bound::Most(rung)), reason);
                }
            }
        }
    }

    /// Rule 2, and what follows.
    fn flip(&mut self, courses: &[Course]) {
        let (low, new) = (self.plan.low_ttl(), longest(courses, after));
        let flipped = |bound| State { data: Data::New, bound };
        let bound = if new > low { Bound::Most(low) } else { Bound::Open };
        self.push(self.at, StepKind::Flip, flipped(bound), Reason::Declared);
        self.raise(new, flipped(Bound::Open), Since::Flip);
    }

    /// Rule 3: from r up to `new`, and to `last` in the end.
    fn raise(&mut self, new: Ttl, last: State, since: Since) {
        let (low, low_for) = (self.plan.low_ttl(), self.plan.low_for());
        if new <= low {
            return;
        }
        let mut before = low;
        let mut step = |laying: &mut Self, wait: Ttl, state: State, after: Ttl| {
            let lag = laying.plan.lag();
            let reason = Reason::Confidence { wait, since, low_ttl: before, lag };
            // The last server has the new data so much later.
            let since = laying.at.after(seconds(lag));
            laying.push(since.after(seconds(wait)), StepKind::Raise, state, reason);
            before = after;
        };
        if self.plan.raising() == Raising::Once {
            return step(self, self.old.max(new).max(low_for), last, new);
        }
        let mut ladder: Vec<Ttl> = rungs(new, low).map(|(above, _)| above).collect();
        ladder.reverse();
        // Of the rungs that have to wait only the last is climbed.
        let skipped = ladder.partition_point(|&rung| rung <= low_for).saturating_sub(1);
        for rung in ladder.drain(..).skip(skipped) {
            let state = if rung == new { last } else { State { bound: Bound::Most(rung), ..last } };
            step(self, rung.max(low_for), state, rung);
        }
    }
}

/// The rungs from `old` down to `low`: what was there before each, and the rung.
fn rungs(old: Ttl, low: Ttl) -> impl Iterator<Item = (Ttl, Ttl)> {
    let halves = move |&(_, rung): &(Ttl, Ttl)| (rung > low).then(|| (rung, Ttl(rung.0 / 2).max(low)));
    let first = (old > low).then(|| (old, Ttl(old.0 / 2).max(low)));
    std::iter::successors(first, halves).take(RUNGS_MAX)
}

/// The TTL of a course's data, as far as there is any.
pub(super) fn before(course: &Course) -> Option<Ttl> {
    course.before.as_ref().map(|contents| contents.ttl)
}

fn after(course: &Course) -> Option<Ttl> {
    course.after.as_ref().map(|contents| contents.ttl)
}

pub(super) fn longest(courses: &[Course], ttl: impl Fn(&Course) -> Option<Ttl>) -> Ttl {
    courses.iter().filter_map(ttl).max().unwrap_or(Ttl(0))
}

/// How long before T an RRset whose TTL is `ttl` is lowered first, in a plan whose longest is `old`; `None` if it isn't.
pub(super) fn lead(plan: &Plan, old: Ttl, ttl: Ttl) -> Option<Duration> {
    let low = plan.low_ttl();
    if ttl <= low {
        return None;
    }
    let lead = match plan.lowering() {
        Lowering::Once => old,
        Lowering::Countdown => ttl,
        Lowering::Ladder => rungs(old, low).find(|&(_, rung)| rung < ttl)?.0,
    };
    Some(seconds(lead) + seconds(plan.lag()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder(old: u32, low: u32) -> Vec<(u32, u32)> {
        rungs(Ttl(old), Ttl(low)).map(|(above, rung)| (above.0, rung.0)).collect()
    }

    #[test]
    fn a_day_has_eleven_rungs_down_to_a_minute() {
        let rungs: Vec<u32> = ladder(86400, 60).iter().map(|(_, rung)| *rung).collect();
        assert_eq!(rungs, [43200, 21600, 10800, 5400, 2700, 1350, 675, 337, 168, 84, 60]);
        assert_eq!((ladder(14400, 60).len(), ladder(3600, 60).len()), (8, 6));
    }

    #[test]
    fn a_rung_is_gone_when_the_instant_comes() {
        for (old, low) in [(86400, 60), (61, 60), (119, 60), (120, 60), (7, 1), (2_147_483_647, 1)] {
            let ladder = ladder(old, low);
            assert_eq!(ladder.first().map(|(above, _)| *above), Some(old));
            assert_eq!(ladder.last().map(|(_, rung)| *rung), Some(low));
            for pair in ladder.windows(2) {
                // A rung is given until T − itself.
                assert_eq!(pair[0].1, pair[1].0);
            }
        }
        assert_eq!(ladder(60, 60), []);
        assert_eq!(ladder(0, 60), []);
    }
}
