//! NOTIFY: somebody who has a zone that we fetch says that it has changed (RFC 1996).
//!
//! 1. It is taken from who the zone is fetched from, known by its address or by its key; what anybody else says is
//!    refused. Either is enough: primaries rarely sign it, and one may have several addresses.
//! 2. It is about the SOA record of the zone. If it brings that record, it is a hint (§ 3.7): who has that serial already
//!    need not ask. Nothing else is taken from it.
//! 3. What is to be done about it is the owner's affair: here it is answered, and handed on.

use std::net::{IpAddr, SocketAddr};

use super::catalog::Catalog;
use super::message::Message;
use super::request::Request;
use super::{Answerer, Arrival};
use crate::wire::edns::UDP_PAYLOAD_OURS;
use crate::wire::{Class, HEADER_LEN, Name, NameRef, Rcode, Reader, Rtype, name};

/// Who has a zone that is fetched, and may say that it has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// From where it is fetched.
    pub address: IpAddr,
    /// The key with which.
    pub key: Option<Name>,
}

/// Somebody who may has said that a zone has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notified {
    /// The zone.
    pub apex: Name,
    /// Its serial, if that was said.
    pub serial: Option<u32>,
    /// Who.
    pub from: SocketAddr,
}

impl Answerer {
    /// What was said last of a zone that is fetched, once.
    pub fn take_notified(&mut self) -> Option<Box<Notified>> {
        self.notified.take()
    }

    /// Whether something was.
    #[inline]
    pub fn is_notified(&self) -> bool {
        self.notified.is_some()
    }

    /// Answers NOTIFY, signed with `key` if it was, and leaves `kept` octets for what comes behind.
    #[cold]
    pub(super) fn notify(
        &mut self,
        catalog: &Catalog,
        arrival: &Arrival,
        (request, key): (&Request, Option<NameRef<'_>>),
        received: &[u8],
        out: &mut [u8],
        kept: usize,
    ) -> usize {
        let rcode = match about(request, received) {
            Some(apex) if (request.qtype, request.qclass) == (Rtype::SOA, Class::IN) => {
                self.hear(catalog, arrival, &apex, key, hint(request, received))
            }
            Some(_) => Rcode::NOTIMP,
            None => Rcode::FORMERR,
        };
        let question = received.get(..request.question_end).unwrap_or_default();
        let Some(mut message) = Message::new(out, question, usize::from(UDP_PAYLOAD_OURS), kept) else { return 0 };
        (message.rcode, message.authoritative) = (rcode, rcode == Rcode::NOERROR);
        let (length, kind) = message.finish(request, &[]);
        self.noted.kind = kind;
        length
    }

    fn hear(
        &mut self,
        catalog: &Catalog,
        arrival: &Arrival,
        apex: &Name,
        key: Option<NameRef<'_>>,
        serial: Option<u32>,
    ) -> Rcode {
        let Some(feeds) = catalog.feeds(apex) else { return Rcode::NOTAUTH };
        let from = arrival.peer;
        // An IPv4 address may come as an IPv6 one.
        let address = from.ip().to_canonical();
        let is_of = |feed: &Feed| {
            let by_key = feed.key.as_ref().zip(key).is_some_and(|(known, key)| known.as_ref() == key);
            by_key || feed.address.to_canonical() == address
        };
        if !feeds.iter().any(is_of) {
            tracing::debug!("{from}: NOTIFY of {apex} is refused: it is not fetched from there");
            return Rcode::REFUSED;
        }
        self.notified = Some(Box::new(Notified { apex: apex.clone(), serial, from }));
        Rcode::NOERROR
    }
}

/// The zone that it is about, if it says so in one question.
fn about(request: &Request, received: &[u8]) -> Option<Name> {
    (request.question_end > HEADER_LEN).then_some(())?;
    let name = NameRef::parse(received.get(HEADER_LEN..)?).ok()?;
    Some(name.to_lowercase())
}

/// The serial of the SOA record that it brings (rule 2).
fn hint(request: &Request, received: &[u8]) -> Option<u32> {
    let answers = u16::from_be_bytes([*received.get(6)?, *received.get(7)?]);
    if answers == 0 {
        return None;
    }
    let mut reader = Reader::new(received.get(request.question_end..)?);
    name::skip(&mut reader)?;
    let (rtype, _class, _ttl) = (reader.u16().ok()?, reader.u16().ok()?, reader.u32().ok()?);
    let length = reader.u16().ok()?;
    let mut rdata = Reader::new(reader.take(usize::from(length)).ok()?);
    if Rtype(rtype) != Rtype::SOA {
        return None;
    }
    name::skip(&mut rdata)?;
    name::skip(&mut rdata)?;
    rdata.u32().ok()
}
