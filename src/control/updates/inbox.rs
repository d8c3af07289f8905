//! Where those who read requests leave what asks for an update.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::answer::Petition;
use crate::clock::{Instant, Ratchet};
use crate::net::{Back, Counter};
use crate::wire::Rcode;
use crate::wire::edns::ExtendedError;

/// The most updates that wait, all zones together.
const WAITING_MAX: usize = 4096;
/// The most octets that they may be asking about.
const WAITING_SIZE_MAX: usize = 64 << 20;

/// A request for an update, and the way back.
#[derive(Debug)]
pub struct Petitioned {
    petition: Box<Petition>,
    back: Back,
    _place: Place,
}

impl Petitioned {
    /// What is asked for.
    pub fn petition(&self) -> &Petition {
        &self.petition
    }

    /// Answers it, as of `now`.
    pub fn answer(self, rcode: Rcode, error: Option<ExtendedError>, now: Instant) {
        self.back.send(self.petition.answer(rcode, error, now));
    }
}

/// How much waits.
#[derive(Debug, Default)]
struct Load {
    count: AtomicUsize,
    size: AtomicUsize,
}

/// A place among what waits; dropped, it is free.
#[derive(Debug)]
struct Place {
    load: Arc<Load>,
    size: usize,
}

impl Place {
    fn take(load: &Arc<Load>, size: usize) -> Option<Place> {
        // Two at once may both be refused where there was room for one; more than there is room for never come in.
        let place = Place { load: load.clone(), size };
        let count = load.count.fetch_add(1, Ordering::Relaxed) + 1;
        let total = load.size.fetch_add(size, Ordering::Relaxed) + size;
        (count <= WAITING_MAX && total <= WAITING_SIZE_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.load.count.fetch_sub(1, Ordering::Relaxed);
        self.load.size.fetch_sub(self.size, Ordering::Relaxed);
    }
}

/// What waits for the owner.
pub struct Inbox {
    waiting: Mutex<Vec<Petitioned>>,
    load: Arc<Load>,
    clock: Arc<Ratchet>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inbox({:?})", self.load)
    }
}

impl Inbox {
    /// An empty one, which calls `wake` when something lies in it that was empty.
    pub fn new(clock: Arc<Ratchet>, wake: impl Fn() + Send + Sync + 'static) -> Inbox {
        Inbox { waiting: Mutex::default(), load: Arc::default(), clock, wake: Box::new(wake) }
    }

    /// Takes everything out.
    pub fn take(&self) -> Vec<Petitioned> {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Counter for Arc<Inbox> {
    fn take(&self, petition: Box<Petition>, back: Back) {
        let Some(place) = Place::take(&self.load, petition.size()) else {
            // Who asks over UDP asks again anyway; who asks over a connection is not to wait in vain.
            return back.send(petition.answer(Rcode::SERVFAIL, Some(ExtendedError::NOT_READY), self.clock.now()));
        };
        let was_empty = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push(Petitioned { petition, back, _place: place });
            waiting.len() == 1
        };
        if was_empty {
            (self.wake)();
        }
    }
}
