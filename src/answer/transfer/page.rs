//! A message of a transfer as it is written.

use super::Room;
use crate::answer::noted::Kind;
use crate::answer::request::Request;
use crate::wire::edns::{OPT_LEN, UDP_PAYLOAD_OURS};
use crate::wire::{HEADER_LEN, Name, NameRef, Rcode, Rtype};
use crate::zone::{Names, NoRoom, Owner, Rrset, Ttl, View};

/// How long messages are: pointers reach so far. With longer ones there would be fewer headers, but names that nothing can
/// point to; what comes of it is shorter as it is.
pub(super) const MESSAGE_LEN: usize = 0x4000;

/// What all messages of a transfer have in common.
#[derive(Debug)]
pub(super) struct Head {
    id: [u8; 2],
    qtype: Rtype,
    /// Whether recursion was desired, which is given back (RFC 1035 § 4.1.1).
    rd: u8,
    question: Box<[u8]>,
    /// Whether the first message, which has the question, is written.
    has_begun: bool,
    /// Of a request with OPT: whether DO was set.
    edns: Option<bool>,
}

impl Head {
    /// The head of answers to `request`, which was `received` so.
    pub(super) fn new(request: &Request, received: &[u8]) -> Head {
        let question = received.get(HEADER_LEN..request.question_end).unwrap_or_default();
        Head {
            id: request.id,
            qtype: request.qtype,
            rd: request.flags[0] & 1,
            question: question.into(),
            has_begun: false,
            edns: request.edns.map(|edns| edns.dnssec_ok),
        }
    }

    /// Begins a message in `out`; `None` if not even the question fits.
    pub(super) fn begin<'a>(&self, out: &'a mut [u8], apex: NameRef<'_>) -> Option<Page<'a>> {
        let question = if self.has_begun { &[] } else { &*self.question };
        let reserved = if self.edns.is_some() { OPT_LEN } else { 0 };
        let limit = out.len().min(usize::from(u16::MAX)).checked_sub(reserved)?;
        let at = HEADER_LEN + question.len();
        out.get_mut(HEADER_LEN..at).filter(|_| at <= limit)?.copy_from_slice(question);
        let mut names = Names::default();
        // Whoever asks as the zone is written spares us its name.
        if question.starts_with(apex.wire()) {
            names.apex = Some(HEADER_LEN as u16);
        }
        Some(Page { out, limit, at, count: 0, names })
    }

    /// What was asked for.
    pub(super) fn qtype(&self) -> Rtype {
        self.qtype
    }

    /// What kind of an answer it is that says `rcode`.
    pub(super) fn kind(&self, rcode: Rcode) -> Kind {
        let kind = Kind::of(self.qtype).with_flags(flags(rcode, self.rd), (rcode.0 & 0x0f) as u8);
        self.edns.map_or(kind, |dnssec_ok| kind.with_edns(dnssec_ok))
    }

    /// The head of the messages after the first, or of a message in its place.
    pub(super) fn set_begun(&mut self, has_begun: bool) {
        self.has_begun = has_begun;
    }
}

/// A message that is being written.
pub(super) struct Page<'a> {
    out: &'a mut [u8],
    /// How many octets there may be at most, without OPT.
    limit: usize,
    at: usize,
    count: u16,
    names: Names,
}

impl Page<'_> {
    /// Whether there is no record yet.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The next record has another owner than the last.
    pub(super) fn leave_owner(&mut self) {
        self.names.leave_owner();
    }

    /// Writes the SOA record of `view`.
    pub(super) fn soa(&mut self, view: View<'_>) -> Room {
        self.leave_owner();
        // Every zone has one.
        let Some(soa) = view.apex_node().rrset(Rtype::SOA) else { return Ok(()) };
        self.rrset(soa)?;
        self.leave_owner();
        Ok(())
    }

    /// Writes all of `rrset`, if a message of the usual length has room for it.
    pub(super) fn rrset(&mut self, rrset: Rrset<'_>) -> Room {
        let room = self.limit.min(MESSAGE_LEN);
        self.at = rrset.write_verbatim(&mut self.out[..room], self.at, &mut self.names)?;
        self.count += rrset.len() as u16;
        Ok(())
    }

    /// Writes records of `rrset` from the one with number `first` on, as many as any message has room for; gives how many.
    pub(super) fn some(&mut self, rrset: Rrset<'_>, first: usize) -> usize {
        let out = &mut self.out[..self.limit];
        let written = rrset.write_some_verbatim(first, out, self.at, &mut self.names);
        self.at = written.end;
        self.count += written.count as u16;
        written.count
    }

    /// Writes one record; as the first of its message it may be of any length.
    pub(super) fn record(&mut self, apex: NameRef<'_>, owner: &Name, rtype: Rtype, ttl: Ttl, rdata: &[u8]) -> Room {
        let room = if self.is_empty() { self.limit } else { self.limit.min(MESSAGE_LEN) };
        let owner = Owner::new(owner.as_ref(), apex).ok_or(NoRoom)?;
        self.at = owner.record(rtype, ttl, rdata, &mut self.out[..room], self.at, &mut self.names)?;
        self.count += 1;
        Ok(())
    }

    /// Writes OPT and the header; gives the length of the whole.
    pub(super) fn finish(self, head: &Head, rcode: Rcode) -> usize {
        let Page { out, mut at, count, .. } = self;
        if let Some(dnssec_ok) = head.edns {
            let [size0, size1] = UDP_PAYLOAD_OURS.to_be_bytes();
            // `begin` kept the room.
            out[at..at + OPT_LEN].copy_from_slice(&[0, 0, 41, size0, size1, 0, 0, u8::from(dnssec_ok) << 7, 0, 0, 0]);
            at += OPT_LEN;
        }
        let [id0, id1] = head.id;
        let [an0, an1] = count.to_be_bytes();
        let (questions, additional) = (u8::from(!head.has_begun), u8::from(head.edns.is_some()));
        let (flags, rcode) = (flags(rcode, head.rd), (rcode.0 & 0x0f) as u8);
        let header = [id0, id1, flags, rcode, 0, questions, an0, an1, 0, 0, 0, additional];
        out[..HEADER_LEN].copy_from_slice(&header);
        at
    }
}

/// A response, authoritative (RFC 5936 § 2.2.1), unless it says that there is none.
fn flags(rcode: Rcode, rd: u8) -> u8 {
    0x80 | u8::from(rcode == Rcode::NOERROR) << 2 | rd
}
