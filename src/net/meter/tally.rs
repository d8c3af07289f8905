//! What one worker counts with: its block of counters, and its sketches of zones whose plan runs.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::networks::{Key, Network};
use super::sketch::Sketch;
use super::{Meter, Unenrolled, ZONES_MAX};
use crate::answer::Transport;
use crate::answer::noted::{Handed, Kind, What};
use crate::clock::Instant;
use crate::zone::NameHash;

/// Of one worker, which alone writes through it.
pub struct Tally {
    meter: Arc<Meter>,
    key: Key,
    counters: Arc<Counters>,
    sketches: HashMap<u64, Arc<Sketch>, BuildHasherDefault<AsItIs>>,
    /// The one that was written last: a plan that is asked for is asked for often.
    last: Option<Arc<Sketch>>,
    /// What was written to it last.
    same: What,
    /// There is no room for more of them until then: looking for some takes long.
    full_until: Instant,
}

/// How long it takes until room is looked for again.
const FULL: Duration = Duration::from_secs(1);

/// A hash that is one already.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        self.0 = octets.iter().fold(self.0, |hash, &octet| hash << 8 | u64::from(octet));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Tally {
    pub(super) fn new(meter: Arc<Meter>, key: Key, counters: Arc<Counters>) -> Tally {
        let (sketches, same, full_until) = (HashMap::default(), What::Old(0), Instant::MIN);
        Tally { meter, key, counters, sketches, last: None, same, full_until }
    }

    /// One more answer.
    #[inline]
    pub fn count(&self, transport: Transport, kind: Kind) {
        self.counters.count(transport, kind.number());
    }

    /// One more batch that was timed.
    pub fn took(&self, time: Duration) {
        self.counters.took(time);
    }

    /// Takes note of what was handed to `peer` of a zone whose plan runs; `labels` gives as many of the question's.
    #[inline]
    pub fn meter<'n>(&mut self, now: Instant, peer: IpAddr, handed: &Handed, labels: impl Fn(usize) -> &'n [u8]) {
        if !self.last.as_ref().is_some_and(|sketch| sketch.apex == handed.apex && !sketch.is_over()) {
            self.find(handed.apex, now);
        }
        self.same = handed.what;
        if let Some(sketch) = &self.last {
            sketch.hand(now, handed.what, self.key.hash(Network::of(peer)), labels);
        }
    }

    /// What was noted last was handed to the same peer at the same instant so often again.
    #[cold]
    pub fn repeat(&self, count: u64) {
        if let Some(sketch) = self.last.as_ref().filter(|sketch| !sketch.is_over()) {
            sketch.repeat(self.same, count);
        }
    }

    /// Turns to the sketch of another zone than the last; a new one if there is none, and room. Nothing waits here: if
    /// the list of all sketches is being read, the next answer makes it.
    fn find(&mut self, apex: NameHash, now: Instant) {
        let known = self.sketches.get(&apex.0).filter(|sketch| !sketch.is_over()).cloned();
        self.last = known.or_else(|| if now < self.full_until { None } else { self.make(apex, now) });
    }

    #[cold]
    fn make(&mut self, apex: NameHash, now: Instant) -> Option<Arc<Sketch>> {
        self.sketches.remove(&apex.0);
        if self.sketches.len() >= ZONES_MAX {
            self.sketches.retain(|_, sketch| !sketch.is_over());
        }
        let enrolled = match self.sketches.len() < ZONES_MAX {
            true => self.meter.enrol(|| Sketch::new(apex, now)),
            false => Err(Unenrolled::Full),
        };
        match enrolled {
            Ok(sketch) => {
                self.sketches.insert(apex.0, sketch.clone());
                Some(sketch)
            }
            Err(Unenrolled::Full) => {
                self.full_until = now.after(FULL);
                None
            }
            Err(Unenrolled::Busy) => None,
        }
    }
}
