//! The look-out: what the gates and watches of plans under way have looked at, and when what was seen is enough to go on,
//! or to go back.
//!
//! ```text
//!            ┌──────────── pause ◄───────────┐
//!            ▼                               │
//!  keep ─► due ─► look ─► looked ─► evidence ┴─► tell ─► (journal) ─► keep ─► pass, hold or roll back
//! ```
//!
//! Nothing here looks at anything: what is to be looked at comes out, and what was seen goes in.
//!
//! 1. A probe is looked at from `over` before the step that waits for it until its gates have passed, and from the flip on
//!    for as long as a watch lasts. One look of it is under way at a time, and [`LOOKS_MAX`] in all.
//! 2. That gates pass is decided [`LEAD`] before their step is due, so that it is in the journal and in the timeline when
//!    its instant comes; or else as soon as they do.
//! 3. What a gate or watch shows is told when it changes, and only what is in the journal has an effect: gates pass if
//!    that was told of each, and if it is so now too.
//! 4. What was asked for is asked for again only after `AGAIN`, should nothing have come of it.
//! 5. After a restart what was told stands, and what was seen is forgotten: nothing passes before it was seen anew.

mod sighting;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::names::NameMap;
use crate::clock::Instant;
use crate::timeline::conduct::HEADWAY;
use crate::timeline::evidence::{Counts, Evidence};
use crate::timeline::guard::{Awaited, Before, CHANGES_MAX, Findings, Guard, Sentry};
use crate::timeline::plan::probe::Probe;
use crate::timeline::plan::{Condition, Gate, Watch};
use crate::timeline::{Run, Verdict};
use crate::wire::Name;

pub use sighting::{Sighting, told};

/// The most looks that are under way at one time.
pub const LOOKS_MAX: usize = 64;
/// How long before a step's instant its gates are decided about: [`HEADWAY`], and what it takes to read the plan again and
/// work it out.
pub const LEAD: Duration = HEADWAY.saturating_add(Duration::from_millis(1500));
/// How long after something was asked for it is asked for again.
const AGAIN: Duration = Duration::from_secs(1);
/// How much longer than it may a look takes before it counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(60);
/// The longest reason that is told, in characters.
const WHY_LEN_MAX: usize = 300;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Look at this.
    Look(Look),
    /// This was found out.
    Tell {
        /// The zone.
        apex: Name,
        /// What, of which.
        found: Vec<(Sentry, Verdict)>,
    },
    /// The gates before these steps pass.
    Pass {
        /// The zone.
        apex: Name,
        /// Which steps.
        before: Before,
    },
    /// The gates have not passed by their deadline: the plan is to be held.
    Hold {
        /// The zone.
        apex: Name,
        /// Why.
        why: String,
    },
    /// A watch has failed, and its plan says that it then goes back.
    RollBack {
        /// The zone.
        apex: Name,
        /// Which watch: `the watch X`.
        by: String,
    },
}

/// A look that is to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The zone.
    pub apex: Name,
    /// Which look it is.
    pub number: u64,
    /// At what.
    pub probe: Arc<Probe>,
}

/// The plans for which something is looked at.
#[derive(Debug, Default)]
pub struct Lookout {
    posts: NameMap<Box<Post>>,
    /// When something is to be done about which zone.
    due: BTreeSet<(Instant, Name)>,
    /// Zones whose looks wait for others to come back, each once.
    waiting: VecDeque<Name>,
    under_way: usize,
    looks: u64,
}

/// What is looked at for one plan.
#[derive(Debug)]
struct Post {
    guard: Arc<Guard>,
    findings: Option<Box<Findings>>,
    plan: crate::timeline::Digest,
    armed_at: Instant,
    is_held: bool,
    /// Whether it waits for looks at others to come back.
    is_waiting: bool,
    views: Vec<View>,
    next: Instant,
    /// When telling, passing, holding or rolling back was asked for last.
    asked: Option<Instant>,
}

/// One probe, and what it was seen to be.
#[derive(Debug)]
struct View {
    probe: Arc<Probe>,
    evidence: Evidence,
    next: Instant,
    under_way: Option<(u64, Instant)>,
}

impl Lookout {
    /// From now on `guard` says what is looked at for `apex`, where its plan stands as `run` says.
    pub fn keep(&mut self, apex: &Name, guard: Option<&Arc<Guard>>, run: &Run, now: Instant) {
        let Some(guard) = guard.filter(|_| !run.is_over() && !run.proposed) else { return self.forget(apex) };
        let is_same = |old: &Post| old.plan == run.plan && old.armed_at == run.armed_at;
        if !self.posts.get(apex).is_some_and(|old| is_same(old)) {
            self.forget(apex);
        }
        let (views, is_waiting) = match self.posts.remove(apex) {
            Some(old) => {
                self.due.remove(&(old.next, apex.clone()));
                (old.views, old.is_waiting)
            }
            None => (guard.probes.iter().map(|probe| View::of(probe, now)).collect(), false),
        };
        let post = Post {
            guard: guard.clone(),
            findings: run.findings.clone(),
            plan: run.plan,
            armed_at: run.armed_at,
            is_held: run.is_held(),
            is_waiting,
            views,
            next: now,
            asked: None,
        };
        self.due.insert((now, apex.clone()));
        self.posts.insert(apex.clone(), Box::new(post));
    }

    /// Nothing is looked at any more for `apex`.
    pub fn forget(&mut self, apex: &Name) {
        if let Some(post) = self.posts.remove(apex) {
            self.due.remove(&(post.next, apex.clone()));
            if post.is_waiting {
                self.waiting.retain(|waiting| waiting != apex);
            }
            let freed = post.views.iter().filter(|view| view.under_way.is_some()).count();
            (0..freed).for_each(|_| self.release());
        }
    }

    /// A look is under way no more: who waits longest has its turn.
    fn release(&mut self) {
        self.under_way -= 1;
        let Some(apex) = self.waiting.pop_front() else { return };
        let Some(post) = self.posts.get_mut(&apex) else { return };
        self.due.remove(&(post.next, apex.clone()));
        (post.is_waiting, post.next) = (false, Instant::MIN);
        self.due.insert((Instant::MIN, apex));
    }

    /// When something is to be done next.
    pub fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What gates and watches `apex` has, and where they stand.
    pub fn guard(&self, apex: &Name) -> Option<&Arc<Guard>> {
        self.posts.get(apex).map(|post| &post.guard)
    }

    /// What is to be done by `now`.
    pub fn due(&mut self, now: Instant) -> Vec<Due> {
        let mut all = Vec::new();
        let mut due = Vec::new();
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            due.extend(self.due.pop_first().map(|(_, apex)| apex));
        }
        for apex in due {
            self.turn(&apex, now, &mut all);
        }
        all
    }

    /// The look `number` at something of `apex` came to `verdict`; gives what is to be done about it.
    pub fn looked(&mut self, apex: &Name, number: u64, verdict: Verdict, now: Instant) -> Vec<Due> {
        let mut all = Vec::new();
        let view = self.posts.get_mut(apex).and_then(|post| {
            post.views.iter_mut().find(|view| view.under_way.is_some_and(|(known, _)| known == number))
        });
        // Of one that counts as lost, or whose plan has gone, nobody wants to know.
        let Some((view, (_, began))) = view.and_then(|view| view.under_way.take().map(|taken| (view, taken))) else {
            return all;
        };
        view.evidence.note(began, shortened(verdict));
        self.release();
        if let Some(post) = self.posts.get(apex) {
            self.due.remove(&(post.next, apex.clone()));
            self.turn(apex, now, &mut all);
        }
        all
    }

    /// Does what is due for one zone, and notes when it is its turn again.
    fn turn(&mut self, apex: &Name, now: Instant, all: &mut Vec<Due>) {
        let Some(post) = self.posts.get_mut(apex) else { return };
        let (mut next, mut lost) = (Instant::MAX, 0);
        for place in 0..post.views.len() {
            let Some(from) = post.wanted(place, now) else { continue };
            let view = &mut post.views[place];
            if let Some((_, began)) = view.under_way {
                let lost_at = began.after(view.probe.timeout + LOST_AFTER);
                if now < lost_at {
                    next = next.min(lost_at);
                    continue;
                }
                view.under_way = None;
                lost += 1;
                view.evidence.note(began, Verdict::Unknown("the look did not come back".to_owned()));
            }
            let look_at = view.next.max(from);
            if now < look_at {
                next = next.min(look_at);
            } else if self.under_way >= LOOKS_MAX {
                if !std::mem::replace(&mut post.is_waiting, true) {
                    self.waiting.push_back(apex.clone());
                }
            } else {
                self.looks += 1;
                self.under_way += 1;
                view.under_way = Some((self.looks, now));
                // Not reckoned from when it should have been: what came late does not come in a heap.
                view.next = now.after(view.probe.every);
                let (number, probe) = (self.looks, view.probe.clone());
                all.push(Due::Look(Look { apex: apex.clone(), number, probe }));
                next = next.min(now.after(view.probe.timeout + LOST_AFTER));
            }
        }
        next = next.min(post.judge(apex, now, all));
        post.next = next;
        if next < Instant::MAX {
            self.due.insert((next, apex.clone()));
        }
        (0..lost).for_each(|_| self.release());
    }
}

impl View {
    fn of(probe: &Probe, now: Instant) -> View {
        View { probe: Arc::new(probe.clone()), evidence: Evidence::of(probe), next: now, under_way: None }
    }
}

impl Post {
    /// From when on the probe at `place` is to be looked at, if at all from `now` on (rule 1).
    fn wanted(&self, place: usize, now: Instant) -> Option<Instant> {
        let gates = self.guard.awaited.iter().flat_map(|awaited| {
            let gates = self.guard.gates_before(awaited.before);
            gates.filter_map(|(_, gate)| match &gate.condition {
                Condition::Probe { probe, rule } if *probe == place => Some(awaited.at.before(LEAD).before(rule.over)),
                _ => None,
            })
        });
        let flips_at = self.guard.flips_at;
        let watches = self.guard.watches.iter().filter(|watch| watch.probe == place);
        let watches = watches.filter_map(|watch| flips_at.filter(|at| now < at.after(watch.lasts)));
        gates.chain(watches).min()
    }

    /// What the evidence comes to (rules 2 and 3); gives when that may change by time alone.
    fn judge(&mut self, apex: &Name, now: Instant, all: &mut Vec<Due>) -> Instant {
        if let Some(asked) = self.asked.map(|asked| asked.after(AGAIN)).filter(|&again| now < again) {
            return asked;
        }
        let apex = apex.clone();
        let found = self.found(now);
        if !found.is_empty() {
            all.push(Due::Tell { apex, found });
            return self.ask(now);
        }
        if let Some(by) = self.failed(now) {
            all.push(Due::RollBack { apex, by });
            return self.ask(now);
        }
        let watched = self.watched_until(now);
        let Some(awaited) = self.guard.awaited.first().copied().filter(|_| !self.is_held) else { return watched };
        let decide_at = awaited.at.before(LEAD);
        if now < decide_at {
            return watched.min(decide_at);
        }
        if let Some(deadline) = self.guard.deadline(awaited) {
            if now > deadline {
                let why = format!("the gates before the {} have not passed: {}", awaited.before, self.missing(awaited));
                all.push(Due::Hold { apex, why });
                return self.ask(now);
            }
            if !self.may_pass(awaited, now) {
                return watched.min(deadline.after(Duration::from_nanos(1)));
            }
        }
        if self.may_pass(awaited, now) {
            all.push(Due::Pass { apex, before: awaited.before });
            return self.ask(now);
        }
        watched
    }

    fn ask(&mut self, now: Instant) -> Instant {
        self.asked = Some(now);
        now.after(AGAIN)
    }

    /// When the next watch ends.
    fn watched_until(&self, now: Instant) -> Instant {
        let ends = self.guard.watches.iter().filter_map(|watch| Some(self.guard.flips_at?.after(watch.lasts)));
        ends.filter(|&end| now < end).min().unwrap_or(Instant::MAX)
    }

    /// What is to be told that was not told yet.
    fn found(&self, now: Instant) -> Vec<(Sentry, Verdict)> {
        let findings = self.findings.as_deref();
        let mut found = Vec::new();
        for (place, gate) in (0u8..).zip(&self.guard.gates) {
            if let Condition::Probe { probe, rule } = &gate.condition
                && self.is_awaited(gate, now)
            {
                let of = Sentry::Gate(place);
                let told = findings.and_then(|findings| findings.of(of));
                let is_new =
                    self.views[*probe].evidence.verdict(*rule, Counts::Passes, told.map(|told| &told.verdict), now);
                let is_spent = told.is_some_and(|told| told.changes >= CHANGES_MAX);
                found.extend(is_new.filter(|new| !is_spent || new.is_pass()).map(|new| (of, new)));
            }
        }
        for (place, watch) in (0u8..).zip(&self.guard.watches).filter(|(_, watch)| self.is_watching(watch, now)) {
            let of = Sentry::Watch(place);
            let told = findings.and_then(|findings| findings.of(of));
            let evidence = self.since_flip(watch);
            let is_new = evidence.verdict(watch.rule, Counts::Failures, told.map(|told| &told.verdict), now);
            let is_spent = told.is_some_and(|told| told.changes >= CHANGES_MAX);
            found.extend(is_new.filter(|new| !is_spent || matches!(new, Verdict::Fail(_))).map(|new| (of, new)));
        }
        found
    }

    /// Whether `gate` is one that is waited for, and looked at by now.
    fn is_awaited(&self, gate: &Gate, now: Instant) -> bool {
        let mut awaited = self.guard.awaited.iter().filter(|awaited| awaited.before == gate.before);
        awaited.any(|awaited| now >= awaited.at.before(LEAD).before(gate.over()))
    }

    fn is_watching(&self, watch: &Watch, now: Instant) -> bool {
        self.guard.flips_at.is_some_and(|at| at <= now && now < at.after(watch.lasts))
    }

    /// What was seen for `watch`: what was so before the flip is not its concern.
    fn since_flip(&self, watch: &Watch) -> Evidence {
        let mut evidence = self.views[watch.probe].evidence.clone();
        if let Some(at) = self.guard.flips_at {
            evidence.forget_before(at);
        }
        evidence
    }

    /// The watch that has failed, was told to have, and takes the plan back.
    fn failed(&self, now: Instant) -> Option<String> {
        let findings = self.findings.as_deref()?;
        let failed = (0u8..).zip(&self.guard.watches).find(|(place, watch)| {
            let told = findings.of(Sentry::Watch(*place));
            watch.rolls_back
                && self.is_watching(watch, now)
                && told.is_some_and(|told| matches!(told.verdict, Verdict::Fail(_)))
                && self.since_flip(watch).meets(watch.rule, Counts::Failures, now)
        });
        failed.map(|(place, _)| self.guard.name(Sentry::Watch(place)))
    }

    /// Whether the gates may pass: it was told of each, and it is so now (rule 3).
    fn may_pass(&self, awaited: Awaited, now: Instant) -> bool {
        let is_so = |gate: &Gate| match &gate.condition {
            Condition::Approval { .. } => true,
            Condition::Probe { probe, rule } => self.views[*probe].evidence.meets(*rule, Counts::Passes, now),
        };
        self.guard.may_pass(awaited.before, self.findings.as_deref())
            && self.guard.gates_before(awaited.before).all(|(_, gate)| is_so(gate))
    }

    fn missing(&self, awaited: Awaited) -> String {
        let findings = self.findings.as_deref();
        let missing = self.guard.gates_before(awaited.before);
        let missing = missing.filter(|(place, gate)| !self.guard.is_met(*place, gate, findings));
        let missing: Vec<_> = missing
            .map(|(place, gate)| {
                let name = self.guard.gate_name(gate);
                match findings.and_then(|findings| findings.of(Sentry::Gate(place))) {
                    Some(told) => format!("`{name}`: {}", told.verdict),
                    None => format!("`{name}`"),
                }
            })
            .collect();
        if missing.is_empty() { "they did not pass at the same time".to_owned() } else { missing.join("; ") }
    }
}

/// A verdict as it is kept: the journal holds no pages.
fn shortened(verdict: Verdict) -> Verdict {
    let short = |why: String| match why.char_indices().nth(WHY_LEN_MAX) {
        Some((end, _)) => format!("{}…", &why[..end]),
        None => why,
    };
    match verdict {
        Verdict::Pass => Verdict::Pass,
        Verdict::Fail(why) => Verdict::Fail(short(why)),
        Verdict::Unknown(why) => Verdict::Unknown(short(why)),
    }
}

#[cfg(test)]
mod tests;
