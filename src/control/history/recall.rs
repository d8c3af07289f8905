//! What the store has of a zone's changes: for a server that serves it for the first time, and for a secondary whose edition is
//! older than what is in memory.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;

use super::{Limits, Stand};
use crate::answer::{Chain, Transfer, condense};
use crate::clock::Instant;
use crate::control::running::Archive;
use crate::net::{Memory, Recalled};
use crate::timeline::{Serial, Timeline};
use crate::wire::Name;
use crate::zone::delta::Delta;
use crate::zone::sum::Sum;

/// The most changes of one zone that are read.
const CHANGES_MAX: usize = 4096;
/// The most secondaries for which the store is looked through at one time; others get the whole zone.
const READERS_MAX: usize = 8;

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

/// Looks through the store for secondaries whose edition is older than what is in memory.
#[derive(Clone, Debug)]
pub struct Reader {
    archive: Arc<Archive>,
    readers: Arc<AtomicUsize>,
}

impl Reader {
    /// Reads what is in the `archive`.
    pub fn new(archive: Arc<Archive>) -> Reader {
        Reader { archive, readers: Arc::default() }
    }
}

impl Memory for Reader {
    fn recall(&self, mut transfer: Box<Transfer>) -> Recalled {
        if !self.archive.has_history(&transfer.apex().to_owned()) {
            return Recalled::Now(transfer);
        }
        if self.readers.fetch_add(1, Ordering::Relaxed) >= READERS_MAX {
            self.readers.fetch_sub(1, Ordering::Relaxed);
            return Recalled::Now(transfer);
        }
        let (begins, comes) = oneshot::channel();
        let Reader { archive, readers } = self.clone();
        rayon::spawn(move || {
            // One that finds a fault of ours costs its client the connection, and nobody else anything.
            let read = catch_unwind(AssertUnwindSafe(|| {
                complete(&archive, &mut transfer);
                transfer
            }));
            readers.fetch_sub(1, Ordering::Relaxed);
            // Who waits for it may have gone.
            _ = read.map(|transfer| begins.send(transfer));
        });
        Recalled::Later(comes)
    }
}

/// Lets `transfer` send differences, if the store has them.
fn complete(archive: &Archive, transfer: &mut Transfer) {
    let Some((serial, len_max)) = transfer.missing() else { return };
    if let Some((delta, end)) = since(archive, &transfer.apex().to_owned(), serial, len_max) {
        transfer.remember(delta, end);
    }
}

/// What went and came from the edition of `apex` with `serial` to the last that the store knows, which it names with what
/// its records add up to; `None` if that is not known, or put together of more than `len_max` octets.
fn since(archive: &Archive, apex: &Name, serial: Serial, len_max: usize) -> Option<(Delta, (Serial, Sum))> {
    let changes = archive.changes(apex, CHANGES_MAX);
    let last = changes.first()?;
    if last.used.is_some_and(|used| serial.above(used).is_none()) {
        return None;
    }
    let mut begins = (1..).zip(&changes).filter(|(_, change)| change.before == serial);
    // Twice: the serials have gone once around.
    let (count, None) = (begins.next()?.0, begins.next()) else { return None };
    let since = changes.get(..count)?;
    let rises = since.iter().all(|change| change.has_delta && change.after.above(change.before).is_some());
    let follows = since.windows(2).all(|pair| matches!(pair, [later, earlier] if later.before == earlier.after));
    if !rises || !follows || since.iter().map(|change| change.octets).sum::<u64>() > len_max as u64 {
        return None;
    }
    let read = |id| archive.delta(id).and_then(|bytes| Delta::from_bytes(&bytes));
    let delta = condense(since.iter().rev().map(|change| read(change.id)))?;
    Some((delta, (last.after, last.sum)))
}
