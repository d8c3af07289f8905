//! The history of zones: what went and came whenever another edition began to be served, when, and by whom.
//!
//! ```text
//! owner ─► passage ─► keeper ─► chain in the catalog        what secondaries are sent
//!                        └────► writer (a thread) ─► store  what people are shown, and the next start knows
//! ```
//!
//! 1. A passage is noted in the moment in which the new edition is published, so that who asks for it is sent what differs.
//!    What is much work was done before: a loader has compared the zones.
//! 2. The steps of a plan stand in its timeline. They are put into the chain only when another timeline takes its place, and
//!    worked out for the store by the writer, which also finds those that it was not told of: of a server that was down, or
//!    busy.
//! 3. What can't be known is a gap, and said to be one: above all a zone file that was edited while no server ran.
//! 4. What is no longer in memory is read from the store for who asks for it.
//! 5. Nothing else waits for the store. Who wants a change on the disk before it is served puts it into the journal.

mod keeper;
mod passage;
mod recall;
mod writer;

#[cfg(test)]
mod tests;

pub use keeper::Keeper;
pub use passage::{Before, Cause, Passage, Since, Stand};
pub use recall::{Reader, recall};

use super::store::change::Bounds;

/// How much is remembered at most, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In the store.
    pub stored: Bounds,
    /// In memory, for secondaries.
    pub memory: u64,
}

/// As BIND bounds nothing and Knot a zone's journal to 100 MiB: as Knot, and all of them to ten of these.
pub const SIZE_DEFAULT: u64 = 1 << 30;
/// Of one zone.
pub const PER_ZONE_DEFAULT: u64 = 100 << 20;
/// In memory: half a million records, about.
pub const MEMORY_DEFAULT: u64 = 64 << 20;

impl Default for Limits {
    fn default() -> Limits {
        Limits { stored: Bounds { size: SIZE_DEFAULT, per_zone: PER_ZONE_DEFAULT }, memory: MEMORY_DEFAULT }
    }
}

impl Limits {
    /// What one zone may have of the memory: some others shall have a place too.
    fn memory_per_zone(&self) -> usize {
        usize::try_from((self.memory / 4).min(self.stored.per_zone)).unwrap_or(usize::MAX)
    }

    /// The longest delta that anybody keeps.
    fn delta_len_max(&self) -> u64 {
        self.stored.per_zone.min(self.stored.size)
    }
}
