//! The patches of one zone, in one piece of memory: where many zones have two small patches each, what leads to a patch
//! would be as large as the patch.
//!
//! ```text
//! where each begins, and the last ends │ the patches' blocks
//! ```

use super::block::Block;
use super::{Patch, View, Zone};

/// Patches of one zone, by number: the first is 0.
#[derive(Clone, Default)]
pub struct Patches {
    words: Box<[u32]>,
}

impl Patches {
    /// A copy of `patches`; `None` if they are so large that 32 bits can't address them.
    pub fn of(patches: &[Patch]) -> Option<Patches> {
        if patches.is_empty() {
            return Some(Patches::default());
        }
        let blocks = || patches.iter().map(|patch| patch.block().0);
        let mut end = patches.len() + 1;
        let mut words = Vec::with_capacity(end + blocks().map(<[u32]>::len).sum::<usize>());
        words.push(u32::try_from(end).ok()?);
        for block in blocks() {
            end += block.len();
            words.push(u32::try_from(end).ok()?);
        }
        blocks().for_each(|block| words.extend_from_slice(block));
        Some(Patches { words: words.into() })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.words.first().map_or(0, |&begin| begin as usize - 1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// How many octets they occupy.
    pub fn size(&self) -> usize {
        size_of_val(&*self.words)
    }

    /// `zone`, whose patches these are, with the one of this `number` over it if there is one, served with `serial`.
    #[inline]
    pub fn view<'a>(&'a self, zone: &'a Zone, number: Option<usize>, serial: u32) -> View<'a> {
        View::over(zone, number.and_then(|number| self.block(number)), serial)
    }

    /// Whether in `view` the patch of this `number` lies over the zone.
    #[inline]
    pub fn is_in(&self, view: View<'_>, number: usize) -> bool {
        let is = |Block(words): Block<'_>, Block(other): Block<'_>| std::ptr::eq(words, other);
        view.patch.zip(self.block(number)).is_some_and(|(seen, block)| is(seen, block))
    }

    #[inline]
    fn block(&self, number: usize) -> Option<Block<'_>> {
        let [begin, end] = *self.words.get(number..)?.first_chunk()?;
        let is_one = number + 1 < *self.words.first()? as usize;
        self.words.get(begin as usize..end as usize).filter(|_| is_one).map(Block)
    }
}

impl std::fmt::Debug for Patches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Patches({} of {} octets)", self.len(), self.size())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::wire::{Name, NameRef, Rtype};
    use crate::zone::{Change, Ttl, ZoneBuilder};

    fn name(text: &str) -> Name {
        Name::from_text(text).unwrap()
    }

    #[test]
    fn each_is_found_by_its_number_and_no_other() {
        let apex = name("example.");
        let mut builder = ZoneBuilder::new(apex.as_ref());
        builder.add(apex.as_ref(), Rtype::SOA, Ttl(60), &[0; 22]).unwrap();
        let zone = builder.finish().unwrap().0;
        let patch = |owner: NameRef<'_>| {
            let rdatas = vec![[192, 0, 2, 1].into()];
            let change = Change { owner: owner.to_owned(), rtype: Rtype::A, ttl: Ttl(60), capped: false, rdatas };
            Patch::new(&zone, &[change]).unwrap()
        };
        let owners = [name("a.example."), name("a.longer.name.example."), name("b.example.")];
        let patches = Patches::of(&owners.each_ref().map(|owner| patch(owner.as_ref()))).unwrap();
        assert_eq!((patches.len(), patches.is_empty()), (3, false));
        for number in 0..6 {
            let view = patches.view(&zone, Some(number), 7);
            assert_eq!((view.is_patched(), view.serial()), (number < 3, 7));
            let found: Vec<bool> = owners.iter().map(|owner| view.find(owner.as_ref()).is_some()).collect();
            assert_eq!(found, [0, 1, 2].map(|other| other == number));
            assert!((0..6).all(|other| patches.is_in(view, other) == (other == number && number < 3)));
        }
        assert!(!patches.view(&zone, None, 7).is_patched());
        assert!(!patches.is_in(zone.view(), 0));
        let none = Patches::of(&[]).unwrap();
        assert_eq!((none.len(), none.size(), none.view(&zone, Some(0), 7).is_patched()), (0, 0, false));
    }
}
