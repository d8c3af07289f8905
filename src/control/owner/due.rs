//! When timelines change next, in order.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::clock;
use crate::timeline::Timeline;
use crate::wire::NameRef;

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
