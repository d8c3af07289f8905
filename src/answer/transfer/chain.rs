//! What went and came from edition to edition of a zone, as far as it is remembered: differences also across timelines.
//!
//! 1. A chain ends with an edition of the timeline beside it, which need not be the one that is served now: what a plan
//!    has done since, the timeline says itself.
//! 2. Serials rise along a chain (RFC 1982). Where one did not, somebody wrote a lower serial or the same once more: the
//!    chain begins anew there, and no serial up to the highest before is one that says which content a client has.
//! 3. It is bounded by its octets; the oldest link goes first.

use std::sync::Arc;

use crate::timeline::Serial;
use crate::zone::delta::Delta;

/// How many octets a link counts for beside its delta.
const LINK_LEN: usize = size_of::<Link>() + 2 * size_of::<usize>();

/// One change, to where the next begins or the chain ends.
#[derive(Clone, Debug)]
struct Link {
    /// The serial before.
    before: Serial,
    /// What went and came, SOA records included, as [`Delta::to_bytes`] gives it.
    delta: Arc<[u8]>,
}

impl Link {
    /// How many octets it counts for.
    fn len(&self) -> usize {
        LINK_LEN + self.delta.len()
    }
}

/// The changes of a zone, each beginning where the one before ended.
#[derive(Clone, Debug)]
pub struct Chain {
    links: Vec<Link>,
    /// The serial where it ends.
    end: Serial,
    /// Up to this one serials may have been served with other contents (rule 2).
    used: Option<Serial>,
    len: usize,
}

impl Chain {
    /// A chain without links that ends with `end`; serials up to `used` say nothing.
    pub fn beginning(end: Serial, used: Option<Serial>) -> Chain {
        Chain { links: Vec::new(), end, used, len: 0 }
    }

    /// How many octets it occupies, about.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is known of what was before its end.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The serial with which it ends.
    pub fn end(&self) -> Serial {
        self.end
    }

    /// Up to which serial none says which content is meant.
    pub fn used(&self) -> Option<Serial> {
        self.used
    }

    /// The chain with one more change, from its end to `after`, in at most `len_max` octets. Of one without a `delta` it is
    /// not known what went and came, or that was too much: then nothing is known of what lies before.
    pub fn push(&mut self, after: Serial, delta: Option<Arc<[u8]>>, len_max: usize) {
        let before = std::mem::replace(&mut self.end, after);
        let rises = after.above(before).is_some();
        if !rises {
            let higher = |used: Serial| if before.above(used).is_some() { before } else { used };
            self.used = Some(self.used.map_or(before, higher));
        }
        match delta {
            Some(delta) if rises => {
                let link = Link { before, delta };
                self.len += link.len();
                self.links.push(link);
            }
            _ => self.clear(),
        }
        let mut len = self.len;
        let too_old = self.links.iter().take_while(|link| {
            let goes = len > len_max;
            len -= if goes { link.len() } else { 0 };
            goes
        });
        let count = too_old.count();
        self.links.drain(..count);
        self.len = len;
    }

    fn clear(&mut self) {
        self.links.clear();
        self.len = 0;
    }

    /// Whether `serial` says which content a client has, that was served it.
    pub fn is_sure(&self, serial: Serial) -> bool {
        self.used.is_none_or(|used| serial.above(used).is_some())
    }

    /// Whether it is known what came right after `serial`.
    pub fn begins_at(&self, serial: Serial) -> bool {
        self.links.iter().any(|link| link.before == serial)
    }

    /// What goes and comes from `serial` to the end, in one; `None` if it is not known, or if it would be put together of
    /// more than `len_max` octets.
    pub fn since(&self, serial: Serial, len_max: usize) -> Option<Delta> {
        if !self.is_sure(serial) {
            return None;
        }
        let mut begins = (0..).zip(&self.links).filter(|(_, link)| link.before == serial);
        // Twice: the serials have gone once around.
        let (first, None) = (begins.next()?.0, begins.next()) else { return None };
        let links = self.links.get(first..)?;
        if links.iter().map(Link::len).sum::<usize>() > len_max {
            return None;
        }
        condense(links.iter().map(|link| Delta::from_bytes(&link.delta)))
    }
}

/// `deltas`, each beginning where the one before ends, in one; `None` if one is missing.
pub fn condense(deltas: impl IntoIterator<Item = Option<Delta>>) -> Option<Delta> {
    let mut deltas: Vec<Delta> = deltas.into_iter().collect::<Option<_>>()?;
    // By twos: put together one after the other, the first would be gone through for each.
    while deltas.len() > 1 {
        let mut pairs = std::mem::take(&mut deltas).into_iter();
        while let Some(first) = pairs.next() {
            deltas.push(match pairs.next() {
                Some(second) => first.then(second),
                None => first,
            });
        }
    }
    Some(deltas.pop().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// A delta of so many octets that can be told from others.
    fn delta(number: u8) -> Arc<[u8]> {
        let owner = [1, b'a' + number % 26, 0];
        let mut bytes = vec![0, 0, 0, 0];
        bytes.extend(owner);
        bytes.extend([0, 16, 0, 0, 0, 60, 0, 2, 1, number]);
        bytes.into()
    }

    fn chain(serials: &[u32]) -> Chain {
        let mut chain = Chain::beginning(Serial(serials[0]), None);
        for (number, &serial) in (0..).zip(&serials[1..]) {
            chain.push(Serial(serial), Some(delta(number)), usize::MAX);
        }
        chain
    }

    #[test]
    fn a_chain_is_entered_at_each_of_its_serials() {
        let chain = chain(&[1, 2, 5, 9]);
        let added = |serial| chain.since(Serial(serial), usize::MAX).map(|delta| delta.added.len());
        assert_eq!([1, 2, 5].map(added), [Some(3), Some(2), Some(1)]);
        assert_eq!([0, 3, 9, 10].map(added), [None; 4]);
    }

    #[test]
    fn the_serial_goes_on_over_its_end() {
        let chain = chain(&[u32::MAX - 1, u32::MAX, 1, 2]);
        assert_eq!(chain.since(Serial(u32::MAX - 1), usize::MAX).unwrap().added.len(), 3);
        assert_eq!(chain.since(Serial(1), usize::MAX).unwrap().added.len(), 1);
    }

    #[test]
    fn serials_that_were_served_twice_are_no_beginning() {
        let same = chain(&[7, 8, 8, 9]);
        assert!([7, 8].iter().all(|&serial| same.since(Serial(serial), usize::MAX).is_none()));
        let again = chain(&[10, 11, 5, 10, 11, 12, 13]);
        assert!([5, 10, 11].iter().all(|&serial| again.since(Serial(serial), usize::MAX).is_none()));
        assert_eq!(again.since(Serial(12), usize::MAX).unwrap().added.len(), 1);
    }

    #[test]
    fn a_change_of_which_nothing_is_known_ends_what_was_before() {
        let mut chain = chain(&[1, 2]);
        chain.push(Serial(3), None, usize::MAX);
        chain.push(Serial(4), Some(delta(9)), usize::MAX);
        assert!(chain.since(Serial(1), usize::MAX).is_none() && chain.since(Serial(2), usize::MAX).is_none());
        assert_eq!(chain.since(Serial(3), usize::MAX).unwrap().added.len(), 1);
    }

    proptest! {
        #[test]
        fn the_oldest_goes_first_and_the_bound_holds(count in 1u32..40, room in 0usize..40) {
            let len = LINK_LEN + delta(0).len();
            let mut chain = Chain::beginning(Serial(0), None);
            for number in 1..=count {
                chain.push(Serial(number), Some(delta(number as u8)), room * len);
                prop_assert!(chain.len() <= room * len);
            }
            let kept = room.min(count as usize);
            prop_assert_eq!(chain.len(), kept * len);
            for serial in 0..count {
                let known = chain.since(Serial(serial), usize::MAX).map(|delta| delta.added.len());
                let behind = (count - serial) as usize;
                prop_assert_eq!(known, (behind <= kept).then_some(behind.min(26)).map(|_| behind));
            }
        }
    }
}
