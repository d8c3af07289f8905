//! What the store has of a zone's changes, for a server that serves it for the first time.

use std::sync::Arc;

use super::{Limits, Stand};
use crate::answer::Chain;
use crate::clock::Instant;
use crate::control::running::Archive;
use crate::timeline::Timeline;
use crate::wire::Name;
use crate::zone::sum::Sum;

/// The most changes of one zone that are read.
const CHANGES_MAX: usize = 4096;

/// The chain of `apex`, of which `timeline` is to be served; `None` if there is no history. It has no links if the zone is
/// not what it was when it was served last.
pub fn recall(
    archive: &Archive,
    apex: &Name,
    timeline: &Timeline,
    now: Instant,
    limits: &Limits,
) -> Option<Arc<Chain>> {
    if !archive.has_history(apex) {
        return None;
    }
    let mut changes = archive.changes(apex, CHANGES_MAX);
    let last = changes.first()?;
    let served = Stand::at(&Arc::new(timeline.clone()), now);
    let goes_on = served.since(last.after).is_some_and(|(last_served, _)| Sum::of(last_served.view()) == last.sum);
    if !goes_on {
        let mut chain = Chain::beginning(last.after, last.used);
        chain.push(served.serial(), None, 0);
        return Some(Arc::new(chain));
    }
    let len_max = limits.memory_per_zone();
    let (mut begins, mut octets, mut count) = (last.after, 0, 0);
    for change in &changes {
        octets += change.octets;
        let fits = octets <= len_max as u64;
        if !(change.has_delta && change.after == begins && change.after.above(change.before).is_some() && fits) {
            break;
        }
        begins = change.before;
        count += 1;
    }
    let mut chain = Chain::beginning(begins, last.used);
    changes.truncate(count);
    for change in changes.into_iter().rev() {
        let delta = archive.delta(change.id);
        chain.push(change.after, delta.map(Arc::from), len_max);
    }
    Some(Arc::new(chain))
}
