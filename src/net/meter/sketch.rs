//! What one worker keeps of one zone whose plan runs, and what those of all workers say together.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, TryLockError};
use std::time::Duration;

use super::missing::{Asked, Missing, Names};
use super::networks::{Networks, Union};
use crate::answer::noted::What;
use crate::clock::Instant;
use crate::zone::NameHash;

/// Written by its worker alone; what is a number can be read by anyone at any time.
#[repr(align(128))]
pub(super) struct Sketch {
    pub(super) apex: NameHash,
    /// Since when it counts.
    pub(super) begun: Instant,
    /// Whether its run is another's by now: the worker begins a new one.
    over: AtomicBool,
    old: Side,
    new: Side,
    /// Made when the first missing name is asked for.
    missing: OnceLock<Box<Mutex<Missing>>>,
}

/// What was handed out of the old data, or of the new.
struct Side {
    answers: AtomicU64,
    last_at: AtomicI64,
    last_ttl: AtomicU32,
    kept_until: AtomicI64,
    networks: Networks,
}

impl Default for Side {
    fn default() -> Self {
        Side {
            answers: AtomicU64::new(0),
            last_at: AtomicI64::new(i64::MIN),
            last_ttl: AtomicU32::new(0),
            kept_until: AtomicI64::new(i64::MIN),
            networks: Networks::default(),
        }
    }
}

impl Side {
    #[inline]
    fn hand(&self, now: Instant, ttl: u32, network: u64) {
        let kept_until = now.unix_nanos().saturating_add(i64::from(ttl) * 1_000_000_000);
        if kept_until > self.kept_until.load(Ordering::Relaxed) {
            self.kept_until.store(kept_until, Ordering::Relaxed);
        }
        self.last_at.store(now.unix_nanos(), Ordering::Relaxed);
        self.last_ttl.store(ttl, Ordering::Relaxed);
        self.count(1);
        self.networks.add(network);
    }

    /// One thread alone adds.
    #[inline]
    fn count(&self, answers: u64) {
        self.answers.store(self.answers.load(Ordering::Relaxed).wrapping_add(answers), Ordering::Relaxed);
    }
}

impl Sketch {
    pub(super) fn new(apex: NameHash, begun: Instant) -> Sketch {
        let (old, new) = (Side::default(), Side::default());
        let (over, missing) = (AtomicBool::new(false), OnceLock::new());
        Sketch { apex, begun, over, old, new, missing }
    }

    /// Whether it counts no more.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Lets it count no more.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Takes note of what was handed to somebody in the network with this hash; `labels` gives as many of the question's.
    #[inline]
    pub(super) fn hand<'n>(&self, now: Instant, what: What, network: u64, labels: impl Fn(usize) -> &'n [u8]) {
        match what {
            What::Old(ttl) => self.old.hand(now, ttl, network),
            What::New(ttl) => self.new.hand(now, ttl, network),
            What::Missing(name, below) => {
                self.with_missing(|missing| missing.add(name.0, network, || labels(usize::from(below))));
            }
        }
    }

    /// What was noted last was handed to the same peer at the same instant so often again.
    pub(super) fn repeat(&self, what: What, count: u64) {
        match what {
            What::Old(_) => self.old.count(count),
            What::New(_) => self.new.count(count),
            What::Missing(name, _) => self.with_missing(|missing| missing.repeat(name.0, count)),
        }
    }

    /// Should somebody be reading this very moment, nothing is counted: nobody waits here.
    #[inline]
    fn with_missing(&self, count: impl FnOnce(&mut Missing)) {
        match self.missing.get_or_init(Box::default).try_lock() {
            Ok(mut missing) => count(&mut missing),
            Err(TryLockError::Poisoned(poisoned)) => count(&mut poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {}
        }
    }
}

/// What is known of the answers of a zone whose plan runs, since the first of its steps.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Of the old data.
    pub old: Handout,
    /// Of the new data.
    pub new: Handout,
    /// How many of the networks that got old data have fetched the new, about.
    pub followed: u64,
    /// Names asked for that do not exist and may well be missed.
    pub missing: Vec<Asked>,
}

/// What was handed out of one side of a flip.
#[derive(Clone, Debug, Default)]
pub struct Handout {
    /// How many answers.
    pub answers: u64,
    /// When the last left, and with which TTL in seconds.
    pub last: Option<(Instant, u32)>,
    /// By when all of them are forgotten: of every answer the instant and its TTL, and of these the latest.
    pub kept_until: Option<Instant>,
    /// To how many networks, about.
    pub networks: u64,
    union: Union,
}

impl Handout {
    fn add(&mut self, side: &Side) {
        let at = side.last_at.load(Ordering::Relaxed);
        if at == i64::MIN {
            return;
        }
        self.answers += side.answers.load(Ordering::Relaxed);
        let last = (Instant::from_unix_nanos(at), side.last_ttl.load(Ordering::Relaxed));
        self.last = self.last.max(Some(last));
        let kept_until = Instant::from_unix_nanos(side.kept_until.load(Ordering::Relaxed));
        // The one number may be read before the other was written.
        let kept_until = kept_until.max(last.0.after(Duration::from_secs(u64::from(last.1))));
        self.kept_until = self.kept_until.max(Some(kept_until));
        self.union.add(&side.networks);
    }
}

impl Reading {
    /// What the sketches of all workers say; `None` if there are none.
    pub(super) fn of<'s>(sketches: impl Iterator<Item = &'s Sketch>) -> Option<Reading> {
        let (mut reading, mut names, mut some) = (Reading::default(), Names::default(), false);
        for sketch in sketches {
            some = true;
            reading.old.add(&sketch.old);
            reading.new.add(&sketch.new);
            if let Some(missing) = sketch.missing.get() {
                let missing = missing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                names.add(&missing);
            }
        }
        let (old, new) = (reading.old.union.estimate(), reading.new.union.estimate());
        // Of two sets both, by what their union has less than their sum.
        let followed = old + new - reading.old.union.with(&reading.new.union).estimate();
        reading.old.networks = old.round() as u64;
        reading.new.networks = new.round() as u64;
        reading.followed = followed.clamp(0.0, old.min(new)).round() as u64;
        reading.missing = names.shown();
        some.then_some(reading)
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.old.answers + self.new.answers == 0 && self.missing.is_empty()
    }
}
