//! What looks at one thing came to lately, and what that shows: `5 of 6 over 10m`.
//!
//! 1. A rule counts the last looks, as many as it names, within the time that it names. It is met if enough of them are
//!    what it counts: passes for a gate, failures for a watch.
//! 2. Unknown counts as neither. If the newest look is older than twice the pause between two and the time that one may
//!    take, nobody is looking any more: then no rule is met.
//! 3. What is *told* of a rule changes more slowly than whether it is met: it turns at once when it is met, and back only
//!    when one look more speaks against it than would do. So a probe that flaps around the bound is told once.
//! 4. What is *done* depends on whether the rule is met at that instant, never on what was told.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::Verdict;
use super::plan::probe::Probe;
use crate::clock::Instant;

/// The most looks that a rule may count, and that are kept.
pub const LOOKS_MAX: usize = 100;

/// How many of the last looks must be what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// So many,
    pub count: u16,
    /// of the last so many,
    pub of: u16,
    /// none older than this.
    pub over: Duration,
}

impl Rule {
    /// How many looks in a row, if the plan doesn't say.
    pub const COUNT_DEFAULT: u16 = 3;

    /// Over how long, if the plan doesn't say: the looks, and one more for each that came late.
    pub fn over_default(of: u16, probe: &Probe) -> Duration {
        probe.every * u32::from(of) + probe.timeout * 2
    }

    /// With how many looks that are not what it counts it can't be met.
    fn misses(self) -> usize {
        usize::from(self.of - self.count) + 1
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} over {} s", self.count, self.of, self.over.as_secs())
    }
}

/// What a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Passes: a gate.
    Passes,
    /// Failures: a watch.
    Failures,
}

/// The last looks at one thing.
#[derive(Clone, Debug)]
pub struct Evidence {
    looks: VecDeque<Look>,
    /// How old the newest look may be.
    fresh_for: Duration,
}

#[derive(Clone, Debug)]
struct Look {
    at: Instant,
    verdict: Verdict,
}

/// How many of the looks that a rule counts came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Passes.
    pub passed: usize,
    /// Failures.
    pub failed: usize,
    /// And those of which nothing is known.
    pub unknown: usize,
}

impl Tally {
    /// All of them.
    pub fn all(self) -> usize {
        self.passed + self.failed + self.unknown
    }
}

impl Evidence {
    /// Of `probe`, at which nobody has looked yet.
    pub fn of(probe: &Probe) -> Evidence {
        Evidence { looks: VecDeque::new(), fresh_for: probe.every * 2 + probe.timeout }
    }

    /// A look that began `at` came to `verdict`.
    pub fn note(&mut self, at: Instant, verdict: Verdict) {
        if self.looks.back().is_some_and(|last| last.at >= at) {
            return;
        }
        self.looks.push_back(Look { at, verdict });
        if self.looks.len() > LOOKS_MAX {
            self.looks.pop_front();
        }
    }

    /// Forgets what was seen before `at`.
    pub fn forget_before(&mut self, at: Instant) {
        self.looks.retain(|look| look.at >= at);
    }

    /// What the last look came to.
    pub fn last(&self) -> Option<(Instant, &Verdict)> {
        self.looks.back().map(|look| (look.at, &look.verdict))
    }

    /// Whether anybody has looked lately (rule 2).
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.looks.back().is_some_and(|look| now.since(look.at) <= self.fresh_for)
    }

    fn counted(&self, rule: Rule, now: Instant) -> impl Iterator<Item = &Look> {
        let is_recent = move |look: &&Look| now.since(look.at) <= rule.over;
        self.looks.iter().rev().take(usize::from(rule.of)).take_while(is_recent)
    }

    /// What the looks that `rule` counts came to.
    pub fn tally(&self, rule: Rule, now: Instant) -> Tally {
        let mut tally = Tally::default();
        for look in self.counted(rule, now) {
            match look.verdict {
                Verdict::Pass => tally.passed += 1,
                Verdict::Fail(_) => tally.failed += 1,
                Verdict::Unknown(_) => tally.unknown += 1,
            }
        }
        tally
    }

    /// Whether `rule` is met (rules 1 and 2).
    pub fn meets(&self, rule: Rule, counts: Counts, now: Instant) -> bool {
        let tally = self.tally(rule, now);
        let counted = match counts {
            Counts::Passes => tally.passed,
            Counts::Failures => tally.failed,
        };
        self.is_fresh(now) && counted >= usize::from(rule.count)
    }

    /// What is to be told of `rule`, if `told` was told before (rule 3); `None` as long as there is nothing new.
    pub fn verdict(&self, rule: Rule, counts: Counts, told: Option<&Verdict>, now: Instant) -> Option<Verdict> {
        let tally = self.tally(rule, now);
        let verdict = match counts {
            Counts::Passes if self.meets(rule, counts, now) => Verdict::Pass,
            Counts::Failures if self.meets(rule, counts, now) => self.why(rule, now, true)?,
            Counts::Passes => {
                let slack = usize::from(told == Some(&Verdict::Pass));
                let against = (rule.misses() + slack).min(usize::from(rule.of));
                let is_unmet = tally.failed + tally.unknown >= against;
                match self.is_fresh(now) {
                    true if is_unmet => self.why(rule, now, tally.failed > 0)?,
                    true => return None,
                    false => self.nobody_looks(now)?,
                }
            }
            Counts::Failures => {
                let is_failing = matches!(told, Some(Verdict::Fail(_)));
                let against = (rule.misses() + usize::from(is_failing)).min(usize::from(rule.of));
                match self.is_fresh(now) {
                    true if tally.passed >= against => Verdict::Pass,
                    true if tally.all() > 0 && tally.unknown >= against => self.why(rule, now, false)?,
                    true => return None,
                    false => self.nobody_looks(now)?,
                }
            }
        };
        let same = told.is_some_and(|told| std::mem::discriminant(told) == std::mem::discriminant(&verdict));
        (!same).then_some(verdict)
    }

    /// The newest look that `rule` counts and that failed, or else of which nothing is known.
    fn why(&self, rule: Rule, now: Instant, failed: bool) -> Option<Verdict> {
        let is_meant = |verdict: &Verdict| match verdict {
            Verdict::Pass => false,
            Verdict::Fail(_) => failed,
            Verdict::Unknown(_) => !failed,
        };
        self.counted(rule, now).map(|look| &look.verdict).find(|verdict| is_meant(verdict)).cloned()
    }

    /// If nobody has looked yet, there is nothing to tell.
    fn nobody_looks(&self, now: Instant) -> Option<Verdict> {
        let last = self.looks.back()?;
        let ago = now.since(last.at).as_secs();
        Some(Verdict::Unknown(format!("the last look is {ago} s old")))
    }
}

#[cfg(test)]
mod tests;
