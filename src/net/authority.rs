//! The service that Watari is: answers from the catalog that was published last.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::answer::{Access, Answerer, Catalog, Identity, Reply, Transport};
use crate::clock::{Instant, Ratchet};

use super::published::{Published, Reader};
use super::service::{Respond, Service};

/// Answers for the zones of a published catalog.
#[derive(Debug)]
pub struct Authority {
    catalog: Arc<Published<Catalog>>,
    clock: Arc<Ratchet>,
    identity: Identity,
    access: Arc<Access>,
}

impl Authority {
    /// Answers from whatever is current in `catalog`, as of what `clock` reads, and says `identity` of itself.
    pub fn new(catalog: Arc<Published<Catalog>>, clock: Arc<Ratchet>, identity: Identity) -> Self {
        Authority { catalog, clock, identity, access: Arc::default() }
    }

    /// The same, which lets those have zones transferred to whom `access` is given.
    #[must_use]
    pub fn with_access(self, access: Access) -> Self {
        Authority { access: Arc::new(access), ..self }
    }
}

impl Service for Authority {
    type Responder = Clerk;

    fn responder(&self) -> Clerk {
        let answerer = Answerer::new(self.identity.clone()).with_access(Arc::clone(&self.access));
        Clerk { catalog: Reader::new(Arc::clone(&self.catalog)), answerer }
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn tidy(&self) {
        self.catalog.sweep();
    }
}

/// Answers on one thread.
pub struct Clerk {
    catalog: Reader<Catalog>,
    answerer: Answerer,
}

impl Respond for Clerk {
    #[inline]
    fn refresh(&mut self) {
        self.catalog.refresh();
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

    fn reply(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        transport: Transport,
        request: &[u8],
        response: &mut [u8],
    ) -> Reply {
        self.answerer.reply(self.catalog.value(), now, peer, transport, request, response)
    }
}
