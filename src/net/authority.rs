//! The service that Watari is: answers from the catalog that was published last.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::answer::{Answerer, Catalog, Identity, Transport};
use crate::clock::{Instant, Ratchet};
use crate::wire::tsig::Keyring;

use super::published::{Published, Reader};
use super::service::{Respond, Service};

/// Answers for the zones of a published catalog.
#[derive(Debug)]
pub struct Authority {
    catalog: Arc<Published<Catalog>>,
    keyring: Arc<Published<Keyring>>,
    clock: Arc<Ratchet>,
    identity: Identity,
}

impl Authority {
    /// Answers from whatever is current in `catalog`, as of what `clock` reads, and says `identity` of itself.
    pub fn new(catalog: Arc<Published<Catalog>>, clock: Arc<Ratchet>, identity: Identity) -> Self {
        Authority { catalog, keyring: Arc::new(Published::new(Keyring::default())), clock, identity }
    }

    /// The same, with the keys that are current in `keyring`.
    #[must_use]
    pub fn with_keyring(mut self, keyring: Arc<Published<Keyring>>) -> Self {
        self.keyring = keyring;
        self
    }
}

impl Service for Authority {
    type Responder = Clerk;

    fn responder(&self) -> Clerk {
        let keyring = Reader::new(Arc::clone(&self.keyring));
        let mut answerer = Answerer::new(self.identity.clone());
        answerer.set_keyring(keyring.value().clone());
        Clerk { catalog: Reader::new(Arc::clone(&self.catalog)), keyring, answerer }
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn tidy(&self) {
        self.catalog.sweep();
        self.keyring.sweep();
    }
}

/// Answers on one thread.
pub struct Clerk {
    catalog: Reader<Catalog>,
    keyring: Reader<Keyring>,
    answerer: Answerer,
}

impl Respond for Clerk {
    #[inline]
    fn refresh(&mut self) {
        self.catalog.refresh();
        if self.keyring.refresh() {
            self.answerer.set_keyring(self.keyring.value().clone());
        }
    }

    #[inline]
    fn foresee<'r>(&mut self, requests: impl Iterator<Item = &'r [u8]>) {
        self.answerer.foresee(self.catalog.value(), requests);
    }

    #[inline]
    fn respond(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        transport: Transport,
        request: &[u8],
        response: &mut [u8],
    ) -> usize {
        self.answerer.answer(self.catalog.value(), now, peer, transport, request, response)
    }
}
