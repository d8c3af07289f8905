//! Editions, and the timeline that they make: which of them is served is a matter of time alone.

use std::sync::Arc;

use serde::Serialize;

use crate::clock::Instant;
use crate::zone::{Patch, View, Zone};

/// Which step of its schedule caused an edition: the first is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct StepId(pub u16);

/// A zone, or a small patch over one, and from when it is served.
#[derive(Clone, Debug)]
pub struct Edition {
    /// The zone of the file, or a rebuilt one.
    pub zone: Zone,
    /// What differs from `zone`.
    pub patch: Option<Arc<Patch>>,
    /// The serial that is served.
    pub serial: u32,
    /// The instant from which it is served, until the next edition's.
    pub from: Instant,
    /// The step that caused it; `None` for the zone as it stands in its file.
    pub step: Option<StepId>,
}

impl Edition {
    /// The records and the serial that are served.
    pub fn view(&self) -> View<'_> {
        View::new(&self.zone, self.patch.as_deref(), self.serial)
    }
}

/// The editions of one zone in order of time.
///
/// Invariants: the first edition is served from [`Instant::MIN`]; each later one begins strictly
/// later than the one before. So there is exactly one edition at every instant.
#[derive(Clone, Debug)]
pub struct Timeline {
    first: Edition,
    later: Box<[Edition]>,
}

impl Timeline {
    /// A zone that doesn't change.
    pub fn fixed(zone: Zone) -> Timeline {
        let serial = zone.serial();
        Timeline { first: Edition { zone, patch: None, serial, from: Instant::MIN, step: None }, later: Box::new([]) }
    }

    /// `zone` until `later` begins; `None` if the editions of `later` don't each begin after the one before.
    pub fn new(zone: Zone, later: Vec<Edition>) -> Option<Timeline> {
        let starts = |editions: &[Edition]| editions.first().is_none_or(|first| first.from > Instant::MIN);
        let rises = later.windows(2).all(|pair| pair[0].from < pair[1].from);
        (starts(&later) && rises).then(|| Timeline { later: later.into(), ..Timeline::fixed(zone) })
    }

    /// The edition that is served at `now`.
    #[inline]
    pub fn at(&self, now: Instant) -> &Edition {
        if self.later.is_empty() { &self.first } else { self.find(now) }
    }

    /// The last edition that has begun. There are few, and the last of them is served for good.
    fn find(&self, now: Instant) -> &Edition {
        self.later.iter().rev().find(|edition| edition.from <= now).unwrap_or(&self.first)
    }

    /// When the next edition begins; `None` if nothing changes after `now`.
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        self.later.iter().map(|edition| edition.from).find(|&from| from > now)
    }

    /// Whether there is but one edition.
    pub fn is_fixed(&self) -> bool {
        self.later.is_empty()
    }

    /// The edition that was always there: the zone as it stands in its file.
    pub fn first(&self) -> &Edition {
        &self.first
    }

    /// All editions in order of time.
    pub fn editions(&self) -> impl Iterator<Item = &Edition> {
        std::iter::once(&self.first).chain(&self.later)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::wire::{Name, Rtype};
    use crate::zone::{Ttl, ZoneBuilder};

    fn zone(serial: u32) -> Zone {
        let apex = Name::from_text("example.").unwrap();
        let mut builder = ZoneBuilder::new(apex.as_ref());
        let mut soa = vec![0, 0];
        for field in [serial, 1, 1, 1, 1] {
            soa.extend(field.to_be_bytes());
        }
        builder.add(apex.as_ref(), Rtype::SOA, Ttl(60), &soa).unwrap();
        builder.finish().unwrap().0
    }

    fn seconds(seconds: i64) -> Instant {
        Instant::from_unix_seconds(seconds)
    }

    fn edition(from: i64) -> Edition {
        Edition { zone: zone(1), patch: None, serial: from as u32, from: seconds(from), step: Some(StepId(0)) }
    }

    #[test]
    fn a_fixed_zone_never_changes() {
        let timeline = Timeline::fixed(zone(7));
        for now in [Instant::MIN, seconds(0), Instant::MAX] {
            assert_eq!(timeline.at(now).view().serial(), 7);
            assert_eq!(timeline.next_change(now), None);
        }
        assert_eq!(timeline.editions().count(), 1);
    }

    #[test]
    fn an_edition_begins_at_its_instant_and_not_before() {
        let timeline = Timeline::new(zone(7), vec![edition(100), edition(200), edition(300)]).unwrap();
        let serial = |now| timeline.at(now).view().serial();
        assert_eq!(serial(Instant::MIN), 7);
        assert_eq!(serial(Instant::from_unix_nanos(99_999_999_999)), 7);
        assert_eq!(serial(seconds(100)), 100);
        assert_eq!(serial(seconds(299)), 200);
        assert_eq!(serial(Instant::MAX), 300);
        assert_eq!(timeline.next_change(Instant::MIN), Some(seconds(100)));
        assert_eq!(timeline.next_change(seconds(100)), Some(seconds(200)));
        assert_eq!(timeline.next_change(seconds(300)), None);
    }

    #[test]
    fn editions_out_of_order_make_no_timeline() {
        assert!(Timeline::new(zone(7), vec![edition(200), edition(100)]).is_none());
        assert!(Timeline::new(zone(7), vec![edition(100), edition(100)]).is_none());
        let always = Edition { from: Instant::MIN, ..edition(0) };
        assert!(Timeline::new(zone(7), vec![always]).is_none());
    }
}
