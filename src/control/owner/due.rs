//! When timelines change next, in order; and telling that they have.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Owner;
use crate::clock;
use crate::timeline::{Serial, Timeline};
use crate::wire::NameRef;

/// The most steps that are told at one time, and the pause after so many: a hundred thousand zones may flip at one
/// instant, and who answers must not notice that it is told. So it takes about a hundredth of a core, and half a minute for
/// all of those.
const TOLD_MAX: usize = 64;
const TELL_PAUSE: Duration = Duration::from_millis(20);

/// When a timeline changes. In order of time; at one time, of the zones' names.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) at: clock::Instant,
    pub(super) timeline: Arc<Timeline>,
}

impl Due {
    pub(super) fn after(now: clock::Instant, timeline: &Arc<Timeline>) -> Option<Due> {
        timeline.next_change(now).map(|at| Due { at, timeline: timeline.clone() })
    }

    fn key(&self) -> (clock::Instant, NameRef<'_>) {
        (self.at, self.timeline.zone().apex())
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl Owner {
    /// Says which zones have come to another edition (rule 6).
    pub(super) fn say_what_changed(&mut self, now: Instant, clock: clock::Instant) {
        let is_due = |changes: &BTreeSet<Due>| changes.first().is_some_and(|due| due.at <= clock);
        self.has_stepped |= is_due(&self.changes);
        if self.tell_at.is_some_and(|at| now < at) {
            return;
        }
        self.tell_at = None;
        for told in 0.. {
            if !is_due(&self.changes) {
                return;
            }
            if told == TOLD_MAX {
                self.tell_at = Some(now + TELL_PAUSE);
                return;
            }
            let Some(Due { at, timeline }) = self.changes.pop_first() else { break };
            let apex = timeline.zone().apex().to_owned();
            let Some(running) = self.running.get(&apex) else { continue };
            let edition = timeline.at(at);
            let step = edition.step.zip(running.itinerary.as_ref());
            let step = || step.map_or_else(|| "its plan has taken a step".to_owned(), |(step, plan)| plan.step(step));
            let (serial, next) = (Serial(edition.serial), timeline.next_change(at));
            self.reporter.step(&apex, step, at, serial, next);
            if let Some(known) = self.zones.get_mut(&apex) {
                known.serial = serial;
            }
            self.pass_to(&apex, &timeline, at);
            self.expect_followers(&apex, edition, at);
            self.has_serial(&apex, serial, now);
            self.changes.extend(Due::after(at, &timeline));
        }
    }
}
