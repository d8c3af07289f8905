//! The meter: what was answered, and of zones whose plan runs, what was handed out to how many.
//!
//! ```text
//! worker ─► Tally ─┬─► Counters   a block a worker ───────────────┐
//!                  └─► Sketch     a zone with a plan, a worker ───┼─► Meter, whenever somebody asks
//! worker ─► Tally ─► …  ──────────────────────────────────────────┘
//! ```
//!
//! 1. A worker writes what is its own: plain loads and stores, no lock, nothing that another thread writes. Who asks
//!    reads it from there, number by number.
//! 2. An answer in which nothing of a running plan was costs one addition.
//! 3. A sketch is made at the first answer of its zone, so that plans nobody asks for cost nothing; there are at most
//!    [`ZONES_MAX`] a worker, and [`SKETCHES_MAX`] in all.
//! 4. No address is kept, nor what one could be had back from (`networks`).
//!
//! `docs/decisions/the-meter-is-off-the-path.md` says why.

mod counters;
mod missing;
mod networks;
mod sketch;
mod tally;
#[cfg(test)]
mod tests;
mod transfers;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use crate::clock::Instant;
use crate::zone::NameHash;
use counters::Counters;
pub use counters::{TIMES, Totals};
pub use missing::Asked;
use networks::Key;
use sketch::Sketch;
pub use sketch::{Handout, Reading};
pub use tally::Tally;
use transfers::Transfers;
pub use transfers::{Ending, Transferred};

/// The most zones of which one worker keeps sketches.
pub const ZONES_MAX: usize = 4096;
/// The most sketches of all workers, each of some 1,200 octets.
pub const SKETCHES_MAX: usize = 32_768;

/// Why a sketch is not on the list.
enum Unenrolled {
    /// Somebody reads it at this moment.
    Busy,
    /// There is no room.
    Full,
}

/// What all workers have counted.
pub struct Meter {
    key: Key,
    counters: Mutex<AllCounters>,
    transfers: Transfers,
    sketches: Mutex<Vec<Arc<Sketch>>>,
}

#[derive(Default)]
struct AllCounters {
    of_workers: Vec<Arc<Counters>>,
    /// What workers counted that are gone.
    gone: Totals,
}

impl Default for Meter {
    fn default() -> Self {
        let transfers = Transfers::default();
        Meter { key: Key::random(), counters: Mutex::default(), transfers, sketches: Mutex::default() }
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}

impl Meter {
    /// What one more worker counts with.
    pub fn tally(self: &Arc<Self>) -> Tally {
        let counters = Arc::<Counters>::default();
        lock(&self.counters).of_workers.push(counters.clone());
        Tally::new(self.clone(), self.key, counters)
    }

    /// Puts one more sketch on the list.
    fn enrol(&self, sketch: impl FnOnce() -> Sketch) -> Result<Arc<Sketch>, Unenrolled> {
        let mut sketches = match self.sketches.try_lock() {
            Ok(sketches) => sketches,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Unenrolled::Busy),
        };
        if sketches.len() >= SKETCHES_MAX {
            return Err(Unenrolled::Full);
        }
        let sketch = Arc::new(sketch());
        sketches.push(sketch.clone());
        Ok(sketch)
    }

    /// What was counted of all answers.
    pub fn totals(&self) -> Totals {
        let counters = lock(&self.counters);
        let mut totals = counters.gone.clone();
        counters.of_workers.iter().for_each(|worker| totals.add(worker));
        totals
    }

    /// A transfer, asked for by IXFR if `incremental` and else by AXFR, has ended after so many octets.
    pub fn transferred(&self, incremental: bool, ending: Ending, octets: u64) {
        self.transfers.add(incremental, ending, octets);
    }

    /// What became of transfers that were asked for by IXFR if `incremental`, and else by AXFR.
    pub fn transfers(&self, incremental: bool) -> Transferred {
        self.transfers.read(incremental)
    }

    /// What is known of the zone whose apex has this hash; `None` if nothing is.
    pub fn reading(&self, apex: NameHash) -> Option<Reading> {
        let sketches: Vec<_> = lock(&self.sketches).iter().filter(|sketch| sketch.apex == apex).cloned().collect();
        Reading::of(sketches.iter().map(|sketch| &**sketch))
    }

    /// The same of many zones, with one look at all there is.
    pub fn readings(&self, apexes: &[NameHash]) -> Vec<Option<Reading>> {
        let mut of_zones: HashMap<u64, Vec<Arc<Sketch>>> = apexes.iter().map(|apex| (apex.0, Vec::new())).collect();
        for sketch in lock(&self.sketches).iter() {
            if let Some(of_zone) = of_zones.get_mut(&sketch.apex.0) {
                of_zone.push(sketch.clone());
            }
        }
        let sketches = |apex: &NameHash| of_zones.get(&apex.0).into_iter().flatten().map(|sketch| &**sketch);
        apexes.iter().map(|apex| Reading::of(sketches(apex))).collect()
    }

    /// Whether nothing is known of any zone.
    pub fn is_empty(&self) -> bool {
        lock(&self.sketches).is_empty()
    }

    /// Forgets what was counted of the zone before `since`, which belongs to another run.
    pub fn forget_before(&self, apex: NameHash, since: Instant) {
        lock(&self.sketches).retain(|sketch| {
            let stays = sketch.apex != apex || sketch.begun >= since;
            if !stays {
                sketch.end();
            }
            stays
        });
    }

    /// Adds up what workers counted that are gone. Called now and then on a thread that answers nothing.
    pub(super) fn settle(&self) {
        let mut counters = lock(&self.counters);
        let AllCounters { of_workers, gone } = &mut *counters;
        of_workers.retain(|worker| {
            // A count of one is this list's own: nobody can gain another from it.
            let stays = Arc::strong_count(worker) > 1;
            if !stays {
                gone.add(worker);
            }
            stays
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
