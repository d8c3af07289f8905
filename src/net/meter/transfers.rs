//! What became of transfers out. They end seldom enough for counters that all threads share.

use std::sync::atomic::{AtomicU64, Ordering};

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The whole zone was sent.
    Whole,
    /// What differs from the client's edition was sent.
    Differences,
    /// It was broken off, by whomever.
    Broken,
    /// Too many were under way.
    Busy,
}

impl Ending {
    /// All of them.
    pub const ALL: [Ending; 4] = [Ending::Whole, Ending::Differences, Ending::Broken, Ending::Busy];
}

/// Counts transfers: first those that were asked for by AXFR, then those by IXFR.
#[derive(Debug, Default)]
pub(super) struct Transfers([Asked; 2]);

#[derive(Debug, Default)]
struct Asked {
    endings: [AtomicU64; Ending::ALL.len()],
    octets: AtomicU64,
}

/// What became of the transfers that were asked for in one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    endings: [u64; Ending::ALL.len()],
    /// How many octets were written, lengths before messages included.
    pub octets: u64,
}

impl Transfers {
    pub(super) fn add(&self, incremental: bool, ending: Ending, octets: u64) {
        let asked = &self.0[usize::from(incremental)];
        asked.endings[ending as usize].fetch_add(1, Ordering::Relaxed);
        asked.octets.fetch_add(octets, Ordering::Relaxed);
    }

    pub(super) fn read(&self, incremental: bool) -> Transferred {
        let asked = &self.0[usize::from(incremental)];
        let endings = std::array::from_fn(|at| asked.endings[at].load(Ordering::Relaxed));
        Transferred { endings, octets: asked.octets.load(Ordering::Relaxed) }
    }
}

impl Transferred {
    /// How many ended so.
    pub fn count(&self, ending: Ending) -> u64 {
        self.endings[ending as usize]
    }
}
