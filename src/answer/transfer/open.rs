//! What a request for a transfer comes to.
//!
//! 1. Who is not allowed is REFUSED, whatever was asked; it learns nothing of which zones there are.
//! 2. A name that is no apex of ours: NOTAUTH (RFC 5936 § 2.2.1). A zone that has not been loaded: SERVFAIL.
//! 3. AXFR over UDP: FORMERR, since there is no such thing (RFC 5936 § 4.2); so does BIND, where Knot says NOTIMP.
//! 4. IXFR without the client's SOA record: FORMERR (RFC 1995 § 3).
//! 5. IXFR over UDP, and from a serial that is ours or newer: our SOA record alone (RFC 1995 § 2).

use std::sync::Arc;

use super::chain::Chain;
use super::differences::Differences;
use super::held::Held;
use super::whole::Whole;
use super::{Body, Transfer};
use crate::answer::access::{Access, Caller};
use crate::answer::catalog::Catalog;
use crate::answer::request::Request;
use crate::answer::{Arrival, Transport};
use crate::timeline::Serial;
use crate::wire::edns::ExtendedError;
use crate::wire::{Class, HEADER_LEN, NameRef, Rcode, Reader, Rtype, name};
use crate::zone::Suffixes;
use crate::zone::delta::Delta;
use crate::zone::sum::Sum;

/// So many octets of changes are put together also for a zone that has less.
const PUT_TOGETHER_ALWAYS: usize = 1 << 16;

/// What is answered.
pub(in crate::answer) enum Opened {
    /// Messages.
    Transfer(Box<Transfer>),
    /// The SOA record of what is served.
    Soa(Held),
    /// That it can't be.
    Refused(Rcode, Option<ExtendedError>),
}

/// Opens the transfer that `query` asks for, which was `received` so and verified to be signed with `key`; `question` is
/// its name.
pub(in crate::answer) fn open(
    access: &Access,
    catalog: &Catalog,
    arrival: &Arrival,
    key: Option<NameRef<'_>>,
    query: &Request,
    question: &Suffixes,
    received: &[u8],
) -> Opened {
    let refused = |rcode| Opened::Refused(rcode, None);
    let caller = Caller { address: arrival.peer.ip(), key, is_encrypted: arrival.transport.is_encrypted() };
    if !access.allows(&caller) {
        return Opened::Refused(Rcode::REFUSED, Some(ExtendedError::PROHIBITED));
    }
    if catalog.is_unread() {
        return Opened::Refused(Rcode::SERVFAIL, Some(ExtendedError::NOT_READY));
    }
    let Some(found) = catalog.find(question, 0).filter(|found| found.skipped == 0) else {
        return Opened::Refused(Rcode::NOTAUTH, Some(ExtendedError::NOT_AUTHORITATIVE));
    };
    let over_udp = arrival.transport == Transport::Udp;
    let is_axfr = query.qtype == Rtype::AXFR;
    if over_udp && is_axfr {
        return refused(Rcode::FORMERR);
    }
    let client = if is_axfr { None } else { client_serial(query, received) };
    if !is_axfr && client.is_none() {
        return refused(Rcode::FORMERR);
    }
    let Some(held) = found.hold(arrival.now) else {
        return Opened::Refused(Rcode::SERVFAIL, Some(ExtendedError::INVALID_DATA));
    };
    if let Some(client) = client {
        let is_behind = Serial(client) < Serial(held.view().serial());
        if over_udp || !is_behind {
            return Opened::Soa(held);
        }
    }
    let chain = catalog.chain(found);
    let delta = client.and_then(|serial| since(Serial(serial), &held, chain.map(|chain| &**chain)));
    let missing = client.filter(|_| delta.is_none()).and_then(|serial| Missing::of(Serial(serial), chain));
    let body = delta.and_then(|delta| worth(delta, &held)).unwrap_or_else(|| Body::Whole(Whole::default()));
    Opened::Transfer(Box::new(Transfer::new(held, query, received, body, missing)))
}

/// `delta` as what is sent, if it is less than the whole.
fn worth(delta: Delta, held: &Held) -> Option<Body> {
    Differences::new(delta).filter(|differences| differences.len() < held.record_count()).map(Body::Differences)
}

/// From where differences are not in memory, and what is there.
#[derive(Debug)]
pub(super) struct Missing {
    /// The client's serial.
    pub(super) serial: Serial,
    chain: Option<Arc<Chain>>,
}

impl Missing {
    /// `None` if what else may be remembered of `serial` can't help.
    fn of(serial: Serial, chain: Option<&Arc<Chain>>) -> Option<Missing> {
        let may_help = chain.is_none_or(|chain| chain.is_sure(serial) && !chain.begins_at(serial));
        may_help.then(|| Missing { serial, chain: chain.cloned() })
    }

    /// What is sent, where `delta` goes up to the edition with the serial `end`, whose records add up to `sum`.
    pub(super) fn found(self, delta: Delta, (end, sum): (Serial, Sum), held: &Held) -> Option<Body> {
        let rest = match held.with_serial(end) {
            Some(view) => {
                let is_sure = self.chain.is_none_or(|chain| chain.is_sure(end)) && Sum::of(view) == sum;
                is_sure.then(|| Delta::between(view, held.view()))
            }
            None => since(end, held, self.chain.as_deref()),
        };
        worth(delta.then(rest?), held)
    }
}

/// How many octets of changes are put together for what is `held`: of more than the zone has is more work than the zone.
pub(super) fn put_together_max(held: &Held) -> usize {
    held.size().max(PUT_TOGETHER_ALWAYS)
}

/// What goes and comes from the edition with `serial` to the one that is `held`; `None` if that is not known, or not worth
/// it.
fn since(serial: Serial, held: &Held, chain: Option<&Chain>) -> Option<Delta> {
    if let Some(chain) = chain {
        if !chain.is_sure(serial) {
            return None;
        }
        if let Some(delta) = chain.since(serial, put_together_max(held)) {
            let end = held.with_serial(chain.end())?;
            return Some(delta.then(Delta::between(end, held.view())));
        }
    }
    held.earlier(serial).map(|before| Delta::between(before, held.view()))
}

/// The serial in the SOA record of the authority section, which is owned by the question's name.
fn client_serial(query: &Request, received: &[u8]) -> Option<u32> {
    let question = NameRef::parse(received.get(HEADER_LEN..)?).ok()?;
    let [_, _, _, _, _, _, an0, an1, ns0, ns1, ..] = *received else { return None };
    if [an0, an1] != [0, 0] {
        return None;
    }
    let mut reader = Reader::new(received.get(query.question_end..)?);
    for _ in 0..u16::from_be_bytes([ns0, ns1]) {
        let owner = reader.rest();
        name::skip(&mut reader)?;
        let rtype = Rtype(reader.u16().ok()?);
        let class = Class(reader.u16().ok()?);
        reader.u32().ok()?;
        let length = reader.u16().ok()?;
        let rdata = reader.take(usize::from(length)).ok()?;
        let is_of_question =
            owner.starts_with(&[0xc0, HEADER_LEN as u8]) || NameRef::parse(owner).is_ok_and(|owner| owner == question);
        if rtype == Rtype::SOA && class == Class::IN && is_of_question {
            let mut soa = Reader::new(rdata);
            name::skip(&mut soa)?;
            name::skip(&mut soa)?;
            return soa.u32().ok();
        }
    }
    None
}
