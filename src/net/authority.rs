//! The service that Watari is: answers from the catalog that was published last.

use std::sync::Arc;
use std::time::Duration;

use crate::answer::noted::{COUNTS, METERS};
use crate::answer::{Answerer, Arrival, Catalog, Identity, Reply, Rights};
use crate::clock::{Instant, Ratchet};
use crate::wire::Rcode;
use crate::wire::edns::ExtendedError;

use super::back::Back;
use super::meter::{Ending, Meter, Tally};
use super::notices::Notices;
use super::published::{Published, Reader};
use super::service::{Petition, Recalled, Respond, Service, Transfer};

/// Answers for the zones of a published catalog.
#[derive(Debug)]
pub struct Authority {
    catalog: Arc<Published<Catalog>>,
    rights: Arc<Published<Rights>>,
    clock: Arc<Ratchet>,
    identity: Identity,
    meter: Arc<Meter>,
    notices: Arc<Notices>,
    counter: Option<Box<dyn Counter>>,
    memory: Option<Box<dyn Memory>>,
}

/// Takes requests that are answered later. Several threads bring them at once; it must not make them wait.
pub trait Counter: Send + Sync + std::fmt::Debug + 'static {
    /// Takes `petition`, whose answer goes `back`.
    fn take(&self, petition: Box<Petition>, back: Back);
}

/// Remembers what went and came in zones beyond what is in a catalog.
pub trait Memory: Send + Sync + std::fmt::Debug + 'static {
    /// As [`Service::recall`].
    fn recall(&self, transfer: Box<Transfer>) -> Recalled;
}

impl Authority {
    /// Answers from whatever is current in `catalog`, as of what `clock` reads, and says `identity` of itself.
    pub fn new(catalog: Arc<Published<Catalog>>, clock: Arc<Ratchet>, identity: Identity) -> Self {
        Authority {
            catalog,
            rights: Arc::new(Published::new(Rights::default())),
            clock,
            identity,
            meter: Arc::default(),
            counter: None,
            memory: None,
            notices: Arc::default(),
        }
    }

    /// What was said to it of zones that are fetched.
    pub fn notices(&self) -> &Arc<Notices> {
        &self.notices
    }

    /// What is counted of its answers.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// The same, which goes by what is current in `rights`.
    #[must_use]
    pub fn with_rights(self, rights: Arc<Published<Rights>>) -> Self {
        Authority { rights, ..self }
    }
}

impl Authority {
    /// The same, which brings what asks for an update to `counter`. Without one it is refused.
    #[must_use]
    pub fn with_counter(self, counter: impl Counter) -> Self {
        Authority { counter: Some(Box::new(counter)), ..self }
    }

    /// The same, which asks `memory` before it sends a whole zone to who has an earlier edition of it.
    #[must_use]
    pub fn with_memory(self, memory: impl Memory) -> Self {
        Authority { memory: Some(Box::new(memory)), ..self }
    }
}

impl Service for Authority {
    type Responder = Clerk;

    fn responder(&self) -> Clerk {
        let rights = Reader::new(Arc::clone(&self.rights));
        let mut answerer = Answerer::new(self.identity.clone());
        answerer.set_rights(rights.value().clone());
        Clerk {
            catalog: Reader::new(Arc::clone(&self.catalog)),
            rights,
            answerer,
            tally: self.meter.tally(),
            notices: Arc::clone(&self.notices),
        }
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn defer(&self, petition: Box<Petition>, back: Back) {
        match &self.counter {
            Some(counter) => counter.take(petition, back),
            None => back.send(petition.answer(Rcode::REFUSED, Some(ExtendedError::PROHIBITED), self.clock.now())),
        }
    }

    fn recall(&self, transfer: Box<Transfer>) -> Recalled {
        match &self.memory {
            Some(memory) if transfer.missing().is_some() => memory.recall(transfer),
            _ => Recalled::Now(transfer),
        }
    }

    fn transferred(&self, transfer: &Transfer, ending: Ending, octets: u64) {
        self.meter.transferred(transfer.is_incremental(), ending, octets);
    }

    fn tidy(&self) {
        self.catalog.sweep();
        self.meter.settle();
        self.rights.sweep();
    }
}

/// Answers on one thread.
pub struct Clerk {
    catalog: Reader<Catalog>,
    rights: Reader<Rights>,
    answerer: Answerer,
    tally: Tally,
    notices: Arc<Notices>,
}

impl Clerk {
    /// Counts the last answer.
    #[inline]
    fn count(&mut self, arrival: &Arrival) {
        if COUNTS {
            self.tally.count(arrival.transport, self.answerer.noted().kind);
        }
        if METERS && self.answerer.noted().is_met() {
            self.meter(arrival);
        }
        if self.answerer.is_notified() {
            self.hand_on();
        }
    }

    #[cold]
    fn hand_on(&mut self) {
        if let Some(notified) = self.answerer.take_notified() {
            self.notices.put(*notified);
        }
    }

    /// Counts the last answer, which held something of zones whose plan runs. Not inline: nearly all answers pass by it.
    #[inline(never)]
    fn meter(&mut self, arrival: &Arrival) {
        self.meter_repeats();
        for handed in self.answerer.noted().handed() {
            let labels = |below| self.answerer.asked_labels(below);
            self.tally.meter(arrival.now, arrival.peer.ip(), handed, labels);
        }
        self.answerer.forget_handed();
    }

    /// Counts the answers that were the last one metered over again.
    #[inline]
    fn meter_repeats(&mut self) {
        let repeats = self.answerer.take_repeats();
        if repeats > 0 {
            self.tally.repeat(repeats);
        }
    }
}

impl Respond for Clerk {
    #[inline]
    fn refresh(&mut self) {
        if METERS {
            self.meter_repeats();
        }
        self.catalog.refresh();
        if self.rights.refresh() {
            self.answerer.set_rights(self.rights.value().clone());
        }
    }

    fn take_petition(&mut self) -> Option<Box<Petition>> {
        self.answerer.take_petition()
    }

    #[inline]
    fn foresee<'r>(&mut self, requests: impl Iterator<Item = &'r [u8]>) {
        self.answerer.foresee(self.catalog.value(), requests);
    }

    fn took(&mut self, time: Duration) {
        self.tally.took(time);
    }

    #[inline]
    fn respond(&mut self, arrival: &Arrival, request: &[u8], response: &mut [u8]) -> usize {
        let len = self.answerer.answer(self.catalog.value(), arrival, request, response);
        self.count(arrival);
        len
    }

    fn reply(&mut self, arrival: &Arrival, request: &[u8], response: &mut [u8]) -> Reply {
        // NOTE: a transfer is counted as it begins, also one for which there is then no place: the log tells of those.
        let reply = self.answerer.reply(self.catalog.value(), arrival, request, response);
        self.count(arrival);
        reply
    }
}
