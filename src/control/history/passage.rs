//! From one edition that was served to the next.

use std::sync::Arc;

use super::Limits;
use crate::answer::Chain;
use crate::clock::Instant;
use crate::control::running::Itinerary;
use crate::control::store::change::Source;
use crate::timeline::{Edition, Serial, Timeline};
use crate::wire::Name;
use crate::zone::delta::Delta;
use crate::zone::{View, Zone};

/// The longest delta that the owner's thread puts together with what patches make of it.
const PUT_TOGETHER_MAX: usize = 1 << 20;

/// What a change came from, and who decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What it came from.
    pub source: Source,
    /// Who or what decided it, for people: the path of a file, the name of a key, the address of a primary.
    pub by: Arc<str>,
}

/// What is known of what was before, of a zone that is to be served.
#[derive(Clone, Debug, Default)]
pub enum Before {
    /// What the one in service says.
    #[default]
    Known,
    /// What differs from the zone that was in service.
    Since(Since),
    /// It is served for the first time since the server was started, and this is what the store has of it, if anything.
    First(Option<Arc<Chain>>),
}

/// What differs between the zones, without patches, of two timelines that follow each other.
#[derive(Clone, Debug)]
pub struct Since {
    /// The zone before.
    pub base: Zone,
    /// How many records went and came.
    pub counts: (u64, u64),
    /// Which; `None` if it is too much to be kept.
    pub delta: Option<Arc<[u8]>>,
}

impl Since {
    /// What differs in `zone` from `base`; it may take as long as reading a zone.
    pub fn between(base: &Zone, zone: &Zone, limits: &Limits) -> Since {
        Since::of(base, &Delta::between(base.view(), zone.view()), limits)
    }

    /// What is known to have gone and come since `base`.
    pub fn of(base: &Zone, delta: &Delta, limits: &Limits) -> Since {
        let counts = (delta.removed.len() as u64, delta.added.len() as u64);
        let delta = Some(delta.to_bytes()).filter(|delta| delta.len() as u64 <= limits.delta_len_max());
        Since { base: base.clone(), counts, delta: delta.map(Arc::from) }
    }

    /// Whether both have the same records.
    pub fn is_nothing(&self) -> bool {
        self.counts == (0, 0)
    }
}

/// An edition that is or was served.
#[derive(Clone, Debug)]
pub struct Stand {
    /// The timeline that it is one of.
    pub timeline: Arc<Timeline>,
    /// The edition.
    pub edition: Edition,
}

impl Stand {
    /// What `timeline` serves at `at`.
    pub fn at(timeline: &Arc<Timeline>, at: Instant) -> Stand {
        Stand { timeline: timeline.clone(), edition: timeline.at(at) }
    }

    /// The serial.
    pub fn serial(&self) -> Serial {
        Serial(self.edition.serial)
    }

    /// What secondaries have of it.
    pub fn view(&self) -> View<'_> {
        self.timeline.transferred(self.edition)
    }

    /// The editions of the timeline after the last one with `serial` that is not after this one, up to this one.
    pub(super) fn since(&self, serial: Serial) -> Option<(Stand, Vec<Edition>)> {
        let until: Vec<_> = self.timeline.editions().take_while(|edition| edition.from <= self.edition.from).collect();
        let first = until.iter().rposition(|edition| edition.serial == serial.0)?;
        let begin = Stand { timeline: self.timeline.clone(), edition: *until.get(first)? };
        Some((begin, until.into_iter().skip(first + 1).collect()))
    }

    /// Another edition of the same timeline.
    pub(super) fn with(&self, edition: Edition) -> Stand {
        Stand { timeline: self.timeline.clone(), edition }
    }
}

/// From one edition to the next.
#[derive(Clone, Debug)]
pub struct Passage {
    /// The zone.
    pub apex: Name,
    /// When.
    pub at: Instant,
    /// What was served; of the first that a server serves, what it would have served when the plan was armed, if there is
    /// one.
    pub before: Option<Stand>,
    /// What is served.
    pub after: Stand,
    /// What is known besides.
    pub known: Before,
    /// What it came from, if it is no step of the timeline of both.
    pub cause: Cause,
    /// What the steps are of the timeline before, or since if there was none.
    pub itinerary: Option<Arc<Itinerary>>,
}

/// What went and came, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) counts: Option<(u64, u64)>,
    pub(super) delta: Option<Arc<[u8]>>,
}

impl Known {
    /// All of `delta`.
    pub(super) fn all(delta: &Delta) -> Known {
        let counts = (delta.removed.len() as u64, delta.added.len() as u64);
        Known { counts: Some(counts), delta: Some(delta.to_bytes().into()) }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.counts == Some((0, 0))
    }
}

impl Passage {
    /// Whether it is the first of its zone since the server was started.
    pub(super) fn is_first(&self) -> bool {
        matches!(self.known, Before::First(_))
    }

    /// Whether it is a step of one timeline.
    pub(super) fn is_step(&self) -> bool {
        let of_one = |before: &Stand| Arc::ptr_eq(&before.timeline, &self.after.timeline);
        !self.is_first() && self.before.as_ref().is_some_and(of_one)
    }

    /// What went and came, if that can be said without comparing whole zones.
    pub(super) fn delta(&self) -> Known {
        let Some(before) = &self.before else { return Known::default() };
        let (old, new) = (before.timeline.zone(), self.after.timeline.zone());
        let since = match &self.known {
            _ if old.is(new) => return Known::all(&Delta::between(before.view(), self.after.view())),
            Before::Since(since) if since.base.is(old) => since,
            _ => return Known::default(),
        };
        let from = Delta::between(before.view(), old.view());
        let to = Delta::between(new.view(), self.after.view());
        match &since.delta {
            delta if from.is_empty() && to.is_empty() => Known { counts: Some(since.counts), delta: delta.clone() },
            Some(delta) if delta.len() <= PUT_TOGETHER_MAX => match Delta::from_bytes(delta) {
                Some(zones) => Known::all(&from.then(zones).then(to)),
                None => Known::default(),
            },
            _ => Known::default(),
        }
    }
}
