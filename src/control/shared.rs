//! What many zones have in common, kept once.
//!
//! A hundred thousand zones that move at one instant by plans that say the same have the same editions but for their
//! serials, and the same itinerary; if the style of their serials makes the same of them (the day, or seconds), the same
//! promises too.
//! What was seen lately is remembered, in a table that does not grow: who has much in common comes together.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use super::running::Itinerary;
use crate::timeline::run::Promised;
use crate::timeline::{Timeline, Turn};

/// How many of each are remembered.
const SLOTS: usize = 256;

/// What was seen lately of what zones may have in common.
#[derive(Debug, Default)]
pub struct Shared {
    editions: Seen<[Turn]>,
    promises: Seen<[Promised]>,
    itineraries: Seen<Itinerary>,
}

impl Shared {
    /// `timeline` with editions that it shares with others.
    pub fn timeline(&mut self, timeline: Timeline) -> Timeline {
        if timeline.later().is_empty() {
            return timeline;
        }
        let later = self.editions.share(timeline.later().clone());
        timeline.sharing(&later)
    }

    /// `promised`, shared.
    pub fn promises(&mut self, promised: Vec<Promised>) -> Arc<[Promised]> {
        self.promises.share(promised.into())
    }

    /// `itinerary`, shared.
    pub fn itinerary(&mut self, itinerary: Itinerary) -> Arc<Itinerary> {
        self.itineraries.share(Arc::new(itinerary))
    }
}

/// Values by the hash of each; the last of one hash.
#[derive(Debug)]
struct Seen<T: ?Sized> {
    hasher: RandomState,
    slots: Vec<Option<Arc<T>>>,
}

impl<T: ?Sized> Default for Seen<T> {
    fn default() -> Self {
        Seen { hasher: RandomState::new(), slots: vec![None; SLOTS] }
    }
}

impl<T: ?Sized + Hash + Eq> Seen<T> {
    /// What equals `value` and was there before, else `value`.
    fn share(&mut self, value: Arc<T>) -> Arc<T> {
        let at = (self.hasher.hash_one(&*value) % SLOTS as u64) as usize;
        let Some(slot) = self.slots.get_mut(at) else { return value };
        match slot {
            Some(known) if **known == *value => known.clone(),
            _ => slot.insert(value).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_is_kept_once_and_what_is_not_is_not_mixed_up() {
        let mut seen = Seen::<[u32]>::default();
        let first = seen.share([1, 2].into());
        assert!(Arc::ptr_eq(&first, &seen.share([1, 2].into())));
        for number in 0..10 * SLOTS as u32 {
            assert_eq!(*seen.share([number].into()), [number]);
        }
        assert_eq!(*seen.share([1, 2].into()), [1, 2]);
        assert_eq!(seen.slots.len(), SLOTS);
    }
}
