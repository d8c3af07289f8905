//! A zone at one edition, held.

use std::sync::Arc;

use crate::clock::Instant;
use crate::timeline::{Edition, Serial, Timeline};
use crate::zone::{View, Zone};

/// What a transfer sends: it lives as long as the transfer, whatever is served meanwhile.
#[derive(Clone, Debug)]
pub(in crate::answer) enum Held {
    /// A zone that doesn't change.
    Fixed(Zone),
    /// An edition of a timeline.
    Edition(Arc<Timeline>, Edition),
}

impl Held {
    /// What `timeline` serves at `now`.
    pub(in crate::answer) fn of(timeline: &Arc<Timeline>, now: Instant) -> Held {
        Held::Edition(Arc::clone(timeline), timeline.at(now))
    }

    /// What is sent.
    pub(in crate::answer) fn view(&self) -> View<'_> {
        match self {
            Held::Fixed(zone) => zone.view(),
            Held::Edition(timeline, edition) => timeline.transferred(*edition),
        }
    }

    /// How many records there are, about.
    pub(super) fn record_count(&self) -> usize {
        match self {
            Held::Fixed(zone) => zone.record_count(),
            Held::Edition(timeline, _) => timeline.zone().record_count(),
        }
    }

    /// How many octets the zone occupies.
    pub(super) fn size(&self) -> usize {
        match self {
            Held::Fixed(zone) => zone.size(),
            Held::Edition(timeline, _) => timeline.zone().size(),
        }
    }

    /// The edition before this one that was served with `serial`.
    pub(super) fn earlier(&self, serial: Serial) -> Option<View<'_>> {
        match self {
            Held::Fixed(_) => None,
            Held::Edition(timeline, edition) => {
                let earlier = timeline.editions().take_while(|earlier| earlier.from < edition.from);
                let last = earlier.filter(|earlier| earlier.serial == serial.0).last()?;
                Some(timeline.transferred(last))
            }
        }
    }

    /// The edition that is or was served with `serial`.
    pub(super) fn with_serial(&self, serial: Serial) -> Option<View<'_>> {
        let view = self.view();
        if view.serial() == serial.0 { Some(view) } else { self.earlier(serial) }
    }
}
