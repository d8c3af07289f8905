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
//! What kind of an answer it was is `noted` beside it, for who counts.
//! What others say of zones that are fetched from them is `heard`.
//! A request with a TSIG record is verified by `signed` after 1, and its answer signed after 6.
//!
//! Before a batch of them, `foresight` reads what their answers will need.
//!
//! Nothing here locks or reads a clock, and nothing allocates, but for names in an answer of more than
//! 16 KiB, where compression can't reach, and for a request with TSIG.

mod access;
mod additional;
mod catalog;
mod chaos;
mod foresight;
mod heard;
mod message;
pub mod noted;
mod proof;
mod request;
mod resolve;
mod signed;
#[cfg(test)]
mod tests;
mod transfer;
mod update;

use std::net::SocketAddr;
use std::time::Duration;

use crate::clock::Instant;
use crate::wire::edns::{ExtendedError, UDP_PAYLOAD_OURS};
use crate::wire::tsig::Signer;
use crate::wire::{Class, Opcode, Rcode, Rtype};
use crate::zone::{Suffixes, View};

pub use access::{Access, Caller, Grant, Rights};
pub use catalog::{Catalog, Match, Served};
pub use chaos::Identity;
pub use foresight::REQUESTS_MAX as FORESEEN_MAX;
pub use heard::{Feed, Notified};
use message::{Message, OptOption, Section, opt_len};
use noted::{COUNTS, Kind, Noted};
use request::{Received, Request, receive};
use resolve::{Expansions, QUESTION_AT, Resolution};
pub use transfer::{Chain, RecordTooLong, Transfer, condense};
use transfer::{Opened, open};
pub use update::Petition;

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
    /// The same, encrypted (TLS).
    Tls {
        /// As of [`Transport::Tcp`].
        keepalive: Duration,
    },
}

impl Transport {
    /// Whether nobody on the way can read it.
    pub fn is_encrypted(self) -> bool {
        matches!(self, Transport::Tls { .. })
    }

    /// Of a connection: how long it may be idle before we close it.
    fn keepalive(self) -> Option<Duration> {
        match self {
            Transport::Udp => None,
            Transport::Tcp { keepalive } | Transport::Tls { keepalive } => Some(keepalive),
        }
    }
}

/// How a request came, when, and from whom.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// When, which is as of when it is answered.
    pub now: Instant,
    /// From whom.
    pub peer: SocketAddr,
    /// How.
    pub transport: Transport,
    /// In which row of datagrams; those of one row are from one peer and at one instant. [`NO_ROW`](Arrival::NO_ROW): in none.
    pub row: u64,
}

impl Arrival {
    /// The number that no row has.
    pub const NO_ROW: u64 = 0;
}

/// What is said to a request.
#[derive(Debug)]
pub enum Reply {
    /// One message of so many octets; 0 says nothing.
    Message(usize),
    /// As many messages as it gives.
    Transfer(Box<Transfer>),
    /// One message, when what it asks for is done.
    Petition(Box<Petition>),
}

/// The least that a datagram may carry (RFC 1035 § 2.3.4).
const UDP_PAYLOAD_MIN: u16 = 512;

/// Answers requests. Each worker has one: it owns the memory that an answer needs.
pub struct Answerer {
    identity: Identity,
    rights: Rights,
    name: Suffixes,
    noted: Noted,
    petition: Option<Box<Petition>>,
    notified: Option<Box<Notified>>,
}

impl Answerer {
    /// An answerer that says `identity` of itself.
    pub fn new(identity: Identity) -> Answerer {
        Answerer {
            identity,
            rights: Rights::default(),
            name: Suffixes::new(),
            noted: Noted::NOTHING,
            petition: None,
            notified: None,
        }
    }

    /// Goes by `rights` from now on; without any nobody's signature is known, and nobody has zones transferred.
    pub fn set_rights(&mut self, rights: Rights) {
        self.rights = rights;
    }

    /// Writes the response to `request` into `out` and gives its length in octets; 0 says nothing.
    /// `out` should hold 65,535 octets for TCP, and 1,232 for UDP. A transfer, which is more than one message, is
    /// refused; see [`Answerer::reply`]. What is answered later says nothing here, and is to be
    /// [taken](Answerer::take_petition).
    #[inline]
    pub fn answer(&mut self, catalog: &Catalog, arrival: &Arrival, request: &[u8], out: &mut [u8]) -> usize {
        match self.reply(catalog, arrival, request, out) {
            Reply::Message(len) => len,
            Reply::Transfer(mut transfer) => {
                self.noted.kind = transfer.refused_kind();
                transfer.refuse(arrival.now, out)
            }
            Reply::Petition(petition) => {
                self.petition = Some(petition);
                0
            }
        }
    }

    /// What [`Answerer::answer`] has left to be answered later.
    pub fn take_petition(&mut self) -> Option<Box<Petition>> {
        self.petition.take()
    }

    /// As [`Answerer::answer`], for whom can send more than one message.
    #[inline]
    pub fn reply(&mut self, catalog: &Catalog, arrival: &Arrival, request: &[u8], out: &mut [u8]) -> Reply {
        match receive(request, &mut self.name) {
            Received::Silence => {
                self.noted.kind = Kind::SILENCE;
                Reply::Message(0)
            }
            Received::Query(query) => self.query(catalog, arrival, &query, request, out, None),
            Received::Signed(signed, at) => self.signed(catalog, arrival, (&signed, at), request, out),
            Received::Other(other) if other.opcode() == Opcode::UPDATE => {
                self.petition(catalog, arrival, &other, request, out, (None, None))
            }
            Received::Other(other) if other.opcode() == Opcode::NOTIFY => {
                Reply::Message(self.notify(catalog, arrival, (&other, None), request, out, 0))
            }
            Received::Other(other) => {
                let error = Some(ExtendedError::NOT_SUPPORTED);
                Reply::Message(self.respond(&other, Rcode::NOTIMP, error, request, out))
            }
            Received::Malformed(malformed) => {
                Reply::Message(self.respond(&malformed, Rcode::FORMERR, None, request, out))
            }
        }
    }

    /// What is to be noted of the last answer.
    #[inline]
    pub fn noted(&self) -> &Noted {
        &self.noted
    }

    /// Lets go of what was noted of zones whose plan runs. Who reads it does so, since nearly always there is nothing:
    /// until then the next answers add to it.
    #[inline]
    pub fn forget_handed(&mut self) {
        self.noted.clear();
    }

    /// How often the last answer that held something of such zones was given again since this was asked last.
    #[inline]
    pub fn take_repeats(&mut self) -> u64 {
        self.noted.take_repeats()
    }

    /// The first labels, so many, of the name that was asked for last, in lower case. After an alias it is another.
    pub fn asked_labels(&self, count: usize) -> &[u8] {
        self.name.between(0, count)
    }

    /// Looks ahead over the first [`FORESEEN_MAX`] of `requests`, which are about to be answered, so
    /// that their answers wait for memory together. Calling it is never needed.
    #[inline]
    pub fn foresee<'r>(&mut self, catalog: &Catalog, requests: impl Iterator<Item = &'r [u8]>) {
        foresight::foresee(&mut self.name, catalog, requests);
    }

    /// Answers `query`, and leaves room for the record of `signer`, with which it was verified to be signed.
    #[inline]
    fn query(
        &mut self,
        catalog: &Catalog,
        arrival: &Arrival,
        query: &Request,
        request: &[u8],
        out: &mut [u8],
        signer: Option<&Signer>,
    ) -> Reply {
        let mut options = [None; 3];
        let mut size = usize::from(UDP_PAYLOAD_MIN);
        let mut reserved = signer.map_or(0, Signer::room);
        if let Some(edns) = query.edns {
            if edns.version > 0 {
                return Reply::Message(self.respond(query, Rcode::BADVERS, None, request, out));
            }
            size = usize::from(edns.udp_payload.clamp(UDP_PAYLOAD_MIN, UDP_PAYLOAD_OURS));
            if edns.nsid {
                options[0] = self.identity.id.as_deref().map(|id| OptOption::Nsid(id.as_bytes()));
            }
            if let (true, Some(keepalive)) = (edns.tcp_keepalive, arrival.transport.keepalive()) {
                let units = u16::try_from(keepalive.as_millis() / 100).unwrap_or(u16::MAX);
                options[1] = Some(OptOption::TcpKeepalive(units));
            }
            reserved += opt_len(&options);
        }
        if arrival.transport != Transport::Udp {
            size = out.len();
        }
        let question = request.get(..query.question_end).unwrap_or_default();
        let Some(mut message) = Message::new(out, question, size, reserved) else {
            self.noted.kind = Kind::SILENCE;
            return Reply::Message(0);
        };
        if is_transfer(query) {
            let key = signer.map(|signer| signer.key().name());
            match open(&self.rights.transfer, catalog, arrival, key, query, &self.name, request) {
                Opened::Transfer(transfer) => {
                    self.noted.kind = transfer.kind();
                    return Reply::Transfer(transfer);
                }
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
            let noted = &mut self.noted;
            let (access, key) = (&self.rights.transfer, signer.map(|signer| signer.key().name()));
            let mut resolution = Resolution { catalog, arrival, query, name, message, expansions, noted, access, key };
            options[2] = resolution.run().map(OptOption::ExtendedError);
        }
        let (len, kind) = message.finish(query, &options);
        if COUNTS {
            self.noted.kind = kind;
        }
        Reply::Message(len)
    }

    /// A response that says no more than `rcode`.
    #[cold]
    fn respond(
        &mut self,
        request: &Request,
        rcode: Rcode,
        error: Option<ExtendedError>,
        received: &[u8],
        out: &mut [u8],
    ) -> usize {
        let question = received.get(..request.question_end).unwrap_or_default();
        let Some(mut message) = Message::new(out, question, usize::from(UDP_PAYLOAD_MIN), 0) else {
            self.noted.kind = Kind::SILENCE;
            return 0;
        };
        message.rcode = rcode;
        let (len, kind) = message.finish(request, &[error.map(OptOption::ExtendedError)]);
        self.noted.kind = if rcode == Rcode::BADVERS { kind.with_badvers() } else { kind };
        len
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
