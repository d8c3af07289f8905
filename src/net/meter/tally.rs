//! What one worker counts with: its block of counters, and its sketches of zones whose plan runs.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::networks::{Key, Network};
use super::sketch::Sketch;
use super::{Meter, ZONES_MAX};
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
    /// What was written to it last. Who asks in a row is told the same in a row, and one more of it says nothing new but
    /// that it was one more.
    same: (Instant, SocketAddr, Handed),
}

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
        let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let same = (Instant::MIN, nobody, Handed { apex: NameHash(0), what: What::Old(0) });
        Tally { meter, key, counters, sketches: HashMap::default(), last: None, same }
    }

    /// One more answer; whether it is counted, which it is not if something of a running plan was in it.
    #[inline]
    pub fn count(&self, transport: Transport, kind: Kind) -> bool {
        let number = kind.unmet_number();
        number.map(|number| self.counters.count(transport, number)).is_some()
    }

    /// One more answer in which something of a running plan was.
    #[inline]
    pub fn count_met(&self, transport: Transport, kind: Kind) {
        self.counters.count(transport, kind.number());
    }

    /// One more batch that was timed.
    pub fn took(&self, time: Duration) {
        self.counters.took(time);
    }

    /// Counts what was handed out if it is the same as was metered last, to the same peer at the same instant; whether it is.
    #[inline]
    pub fn repeats(&self, now: Instant, peer: SocketAddr, handed: &Handed) -> bool {
        let sketch = self.last.as_ref().filter(|sketch| !sketch.is_over() && self.same == (now, peer, *handed));
        sketch.map(|sketch| sketch.repeat(handed.what)).is_some()
    }

    /// Takes note of what was handed to `peer` of a zone whose plan runs; `labels` gives as many of the question's.
    pub fn meter<'n>(&mut self, now: Instant, peer: SocketAddr, handed: &Handed, labels: impl Fn(usize) -> &'n [u8]) {
        if !self.last.as_ref().is_some_and(|sketch| sketch.apex == handed.apex && !sketch.is_over()) {
            self.find(handed.apex, now);
        }
        let Some(sketch) = &self.last else { return };
        let network = self.key.hash(Network::of(peer.ip()));
        let is_noted = sketch.hand(now, handed.what, network, labels);
        // An instant that no answer has: nothing repeats what was not noted.
        self.same = (if is_noted { now } else { Instant::MIN }, peer, *handed);
    }

    /// Turns to the sketch of another zone than the last; a new one if there is none, and room. Nothing waits here: if
    /// the list of all sketches is being read, the next answer makes it.
    fn find(&mut self, apex: NameHash, now: Instant) {
        let known = self.sketches.get(&apex.0).filter(|sketch| !sketch.is_over()).cloned();
        self.last = known.or_else(|| self.make(apex, now));
    }

    #[cold]
    fn make(&mut self, apex: NameHash, now: Instant) -> Option<Arc<Sketch>> {
        self.sketches.remove(&apex.0);
        if self.sketches.len() >= ZONES_MAX {
            self.sketches.retain(|_, sketch| !sketch.is_over());
            if self.sketches.len() >= ZONES_MAX {
                return None;
            }
        }
        let sketch = self.meter.enrol(|| Sketch::new(apex, now))?;
        self.sketches.insert(apex.0, sketch.clone());
        Some(sketch)
    }
}
