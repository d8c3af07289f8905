//! The answer engine: a pure function from a catalog, an instant and a request to a response.
//!
//! A packet's way, in order:
//!
//! 1. `request`: what was asked, and whether it is answered at all;
//! 2. `catalog`: which zone the name belongs to, and which of its editions is served now, with which TTLs to this peer;
//! 3. `resolve`: what the zone has for the name, link by link of a chain of aliases;
//! 4. `additional`: addresses that go with it;
//! 5. `proof`: with DO set, signatures and the proof of what does not exist;
//! 6. `message`: sections, limits, OPT.
//!
//! A transfer is not one message but many: `transfer` holds the zone and gives them one by one.
//!
//! Before a batch of them, `foresight` reads what their answers will need.
//!
//! Nothing here locks or reads a clock, and nothing allocates, but for names in an answer of more than
//! 16 KiB, where compression can't reach.

mod additional;
mod catalog;
mod chaos;
mod foresight;
mod message;
mod proof;
mod request;
mod resolve;
#[cfg(test)]
mod tests;
mod transfer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Instant;
use crate::wire::edns::{ExtendedError, UDP_PAYLOAD_OURS};
use crate::wire::{Class, Rcode, Rtype};
use crate::zone::{Suffixes, View};

pub use catalog::{Catalog, Match, Served};
pub use chaos::Identity;
pub use foresight::REQUESTS_MAX as FORESEEN_MAX;
use message::{Message, OptOption, Section, opt_len};
use request::{Received, Request, receive};
use resolve::{Expansions, QUESTION_AT, Resolution};
pub use transfer::{Access, RecordTooLong, Transfer};
use transfer::{Opened, open};

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// Over a connection.
    Tcp {
        /// How long the connection may be idle before we close it, as edns-tcp-keepalive tells it
        /// (RFC 7828).
        keepalive: Duration,
    },
}

/// How a request came, when, and from whom.
#[derive(Clone, Copy)]
struct Arrival<'r> {
    now: Instant,
    peer: &'r SocketAddr,
    transport: Transport,
}

/// What is said to a request.
#[derive(Debug)]
pub enum Reply {
    /// One message of so many octets; 0 says nothing.
    Message(usize),
    /// As many messages as it gives.
    Transfer(Box<Transfer>),
}

/// The least that a datagram may carry (RFC 1035 § 2.3.4).
const UDP_PAYLOAD_MIN: u16 = 512;

/// Answers requests. Each worker has one: it owns the memory that an answer needs.
pub struct Answerer {
    identity: Identity,
    access: Arc<Access>,
    name: Suffixes,
}

impl Answerer {
    /// An answerer that says `identity` of itself.
    pub fn new(identity: Identity) -> Answerer {
        Answerer { identity, access: Arc::default(), name: Suffixes::new() }
    }

    /// The same, which lets those have zones transferred to whom `access` is given.
    #[must_use]
    pub fn with_access(self, access: Arc<Access>) -> Answerer {
        Answerer { access, ..self }
    }

    /// Writes the response to `request` into `out` and gives its length in octets; 0 says nothing.
    /// `out` should hold 65,535 octets for TCP, and 1,232 for UDP. A transfer, which is more than one message, is
    /// refused; see [`Answerer::reply`].
    #[inline]
    pub fn answer(
        &mut self,
        catalog: &Catalog,
        now: Instant,
        peer: SocketAddr,
        transport: Transport,
        request: &[u8],
        out: &mut [u8],
    ) -> usize {
        match self.reply(catalog, now, peer, transport, request, out) {
            Reply::Message(len) => len,
            Reply::Transfer(mut transfer) => transfer.refuse(out),
        }
    }

    /// As [`Answerer::answer`], for whom can send more than one message.
    #[inline]
    pub fn reply(
        &mut self,
        catalog: &Catalog,
        now: Instant,
        peer: SocketAddr,
        transport: Transport,
        request: &[u8],
        out: &mut [u8],
    ) -> Reply {
        match receive(request, &mut self.name) {
            Received::Silence => Reply::Message(0),
            Received::Query(query) => {
                let arrival = Arrival { now, peer: &peer, transport };
                self.query(catalog, arrival, &query, request, out)
            }
            Received::Other(other) => {
                let error = Some(ExtendedError::NOT_SUPPORTED);
                Reply::Message(respond(&other, Rcode::NOTIMP, error, request, out))
            }
            Received::Malformed(malformed) => Reply::Message(respond(&malformed, Rcode::FORMERR, None, request, out)),
        }
    }

    /// Looks ahead over the first [`FORESEEN_MAX`] of `requests`, which are about to be answered, so
    /// that their answers wait for memory together. Calling it is never needed.
    #[inline]
    pub fn foresee<'r>(&mut self, catalog: &Catalog, requests: impl Iterator<Item = &'r [u8]>) {
        foresight::foresee(&mut self.name, catalog, requests);
    }

    #[inline]
    fn query(
        &mut self,
        catalog: &Catalog,
        arrival: Arrival<'_>,
        query: &Request,
        request: &[u8],
        out: &mut [u8],
    ) -> Reply {
        let mut options = [None; 3];
        let mut size = usize::from(UDP_PAYLOAD_MIN);
        let mut reserved = 0;
        if let Some(edns) = query.edns {
            if edns.version > 0 {
                return Reply::Message(respond(query, Rcode::BADVERS, None, request, out));
            }
            size = usize::from(edns.udp_payload.clamp(UDP_PAYLOAD_MIN, UDP_PAYLOAD_OURS));
            if edns.nsid {
                options[0] = self.identity.id.as_deref().map(|id| OptOption::Nsid(id.as_bytes()));
            }
            if let (true, Transport::Tcp { keepalive }) = (edns.tcp_keepalive, arrival.transport) {
                let units = u16::try_from(keepalive.as_millis() / 100).unwrap_or(u16::MAX);
                options[1] = Some(OptOption::TcpKeepalive(units));
            }
            reserved = opt_len(&options);
        }
        if arrival.transport != Transport::Udp {
            size = out.len();
        }
        let question = request.get(..query.question_end).unwrap_or_default();
        let Some(mut message) = Message::new(out, question, size, reserved) else { return Reply::Message(0) };
        if is_transfer(query) {
            match open(&self.access, catalog, arrival, query, &self.name, request) {
                Opened::Transfer(transfer) => return Reply::Transfer(transfer),
                Opened::Soa(held) => soa(held.view(), &mut message),
                Opened::Refused(rcode, error) => {
                    message.rcode = rcode;
                    options[2] = error.map(OptOption::ExtendedError);
                }
            }
        } else if query.qclass == Class::CH {
            let error = chaos::answer(&self.identity, &self.name, query, &mut message);
            options[2] = error.map(OptOption::ExtendedError);
        } else {
            let (name, message) = (&mut self.name, &mut message);
            let expansions = Expansions::default();
            let mut resolution = Resolution { catalog, arrival, query, name, message, expansions };
            options[2] = resolution.run().map(OptOption::ExtendedError);
        }
        Reply::Message(message.finish(query, &options))
    }
}

fn is_transfer(query: &Request) -> bool {
    matches!(query.qtype, Rtype::AXFR | Rtype::IXFR) && query.qclass == Class::IN
}

/// The SOA record alone, under the question's name, which is the apex.
fn soa(view: View<'_>, message: &mut Message<'_>) {
    message.authoritative = true;
    if let Some(soa) = view.apex_node().rrset(Rtype::SOA)
        && message.rrset(Section::Answer, soa, QUESTION_AT, QUESTION_AT).is_err()
    {
        message.truncate();
    }
}

/// A response that says no more than `rcode`.
fn respond(request: &Request, rcode: Rcode, error: Option<ExtendedError>, received: &[u8], out: &mut [u8]) -> usize {
    let question = received.get(..request.question_end).unwrap_or_default();
    let size = usize::from(UDP_PAYLOAD_MIN);
    match Message::new(out, question, size, 0) {
        Some(mut message) => {
            message.rcode = rcode;
            message.finish(request, &[error.map(OptOption::ExtendedError)])
        }
        None => 0,
    }
}
