//! Reads a request: header, question, and of the rest what matters to an answer.
//!
//! What a message must be to get an answer at all (RFC 1035 § 4.1, RFC 6891 § 6.1, RFC 8906 § 3):
//!
//! 1. Shorter than a header, or itself a response: nothing is said.
//! 2. Not exactly one question, a question that can't be read, records that don't fill the message
//!    exactly, a second OPT, an OPT whose owner is not the root: FORMERR.
//! 3. A TSIG record elsewhere than at the end: FORMERR (RFC 8945 § 5.2). Where it belongs it comes before all that
//!    follows: `signed` verifies it.
//! 4. An opcode other than QUERY and NOTIFY: NOTIMP.

use std::num::NonZeroU16;

use crate::wire::edns::Edns;
use crate::wire::{Class, HEADER_LEN, Opcode, Reader, Rtype, name};
use crate::zone::Suffixes;

/// A request, read as far as could be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) id: [u8; 2],
    /// The two octets of flags.
    pub(super) flags: [u8; 2],
    /// Where the question ends; [`HEADER_LEN`] if it could not be read.
    pub(super) question_end: usize,
    pub(super) qtype: Rtype,
    pub(super) qclass: Class,
    pub(super) edns: Option<Edns>,
}

/// What is to be done about a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Received {
    /// Say nothing.
    Silence,
    /// A query in good form.
    Query(Request),
    /// A request of any opcode in good form that ends with a TSIG record.
    Signed(Request, SignedAt),
    /// A request of another opcode.
    Other(Request),
    /// A message that is malformed.
    Malformed(Request),
}

/// Where in a message its TSIG record begins. Two octets, so that the records of a request still come in a register.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignedAt(NonZeroU16);

impl SignedAt {
    pub(super) fn octets(self) -> usize {
        usize::from(self.0.get())
    }
}

const QR: u8 = 0x80;

impl Request {
    pub(super) fn opcode(&self) -> Opcode {
        Opcode(self.flags[0] >> 3 & 0x0f)
    }
}

/// Reads `message`; the question's name goes into `name`.
#[inline]
pub(super) fn receive(message: &[u8], name: &mut Suffixes) -> Received {
    let Some(&[id0, id1, flags0, flags1, qd0, qd1, an0, an1, ns0, ns1, ar0, ar1]) = message.first_chunk::<HEADER_LEN>()
    else {
        return Received::Silence;
    };
    if flags0 & QR != 0 {
        return Received::Silence;
    }
    let mut request = Request {
        id: [id0, id1],
        flags: [flags0, flags1],
        question_end: HEADER_LEN,
        qtype: Rtype(0),
        qclass: Class::IN,
        edns: None,
    };
    if request.opcode() != Opcode::QUERY {
        return match other(message, name, &mut request) {
            Some(at) => Received::Signed(request, at),
            None => Received::Other(request),
        };
    }
    if [qd0, qd1] != [0, 1] {
        if [qd0, qd1, an0, an1, ns0, ns1] == [0; 6] {
            let additional = u16::from_be_bytes([ar0, ar1]);
            request.edns = records(message, HEADER_LEN, 0, additional).and_then(|records| records.edns);
        }
        return Received::Malformed(request);
    }
    let Some(end) = question(message, name, &mut request) else { return Received::Malformed(request) };
    request.question_end = end;
    let others = u32::from(u16::from_be_bytes([an0, an1])) + u32::from(u16::from_be_bytes([ns0, ns1]));
    let additional = u16::from_be_bytes([ar0, ar1]);
    match records(message, end, others, additional) {
        Some(Records { edns, signed: None }) => {
            request.edns = edns;
            Received::Query(request)
        }
        Some(Records { edns, signed: Some(at) }) => {
            request.edns = edns;
            Received::Signed(request, at)
        }
        None => Received::Malformed(request),
    }
}

/// Reads what can be read of a request of another opcode: its question, if it has one, is given
/// back, and OPT is answered with OPT (RFC 6891 § 6.1.1). Gives the place of its TSIG record.
#[cold]
fn other(message: &[u8], name: &mut Suffixes, request: &mut Request) -> Option<SignedAt> {
    let &[_, _, _, _, 0, 1, an0, an1, ns0, ns1, ar0, ar1] = message.first_chunk::<HEADER_LEN>()? else { return None };
    let end = question(message, name, request)?;
    request.question_end = end;
    let others = u32::from(u16::from_be_bytes([an0, an1])) + u32::from(u16::from_be_bytes([ns0, ns1]));
    let additional = u16::from_be_bytes([ar0, ar1]);
    let records = records(message, end, others, additional)?;
    request.edns = records.edns;
    records.signed
}

fn question(message: &[u8], name: &mut Suffixes, request: &mut Request) -> Option<usize> {
    let end = HEADER_LEN + name.set(message.get(HEADER_LEN..)?).ok()?;
    let &[t0, t1, c0, c1] = message.get(end..)?.first_chunk::<4>()?;
    request.qtype = Rtype(u16::from_be_bytes([t0, t1]));
    request.qclass = Class(u16::from_be_bytes([c0, c1]));
    Some(end + 4)
}

/// What the records after the question hold that matters.
#[derive(Default)]
struct Records {
    edns: Option<Edns>,
    signed: Option<SignedAt>,
}

const _: () = assert!(size_of::<Option<Records>>() <= 8, "they come in a register");

/// Reads `others` records and then `additional` ones behind `start`; `None` if they don't fill `message` exactly.
fn records(message: &[u8], start: usize, others: u32, additional: u16) -> Option<Records> {
    let rest = message.get(start..).unwrap_or_default();
    // As nearly every query is: nothing, or an OPT without options.
    match (others, additional, rest) {
        (0, 0, []) => return Some(Records::default()),
        (0, 1, &[0, 0, 41, size0, size1, t0, t1, t2, t3, 0, 0]) => {
            let ttl = u32::from_be_bytes([t0, t1, t2, t3]);
            return Some(Records { edns: Edns::parse(u16::from_be_bytes([size0, size1]), ttl, &[]), signed: None });
        }
        _ => {}
    }
    let mut reader = Reader::new(rest);
    let (mut edns, mut signed) = (None, None);
    for number in 0..others + u32::from(additional) {
        let at = start + reader.position();
        let root = reader.rest().first() == Some(&0);
        name::skip(&mut reader)?;
        let rtype = Rtype(reader.u16().ok()?);
        let class = reader.u16().ok()?;
        let ttl = reader.u32().ok()?;
        let length = reader.u16().ok()?;
        let rdata = reader.take(usize::from(length)).ok()?;
        if rtype == Rtype::TSIG {
            // It stands once, and last (RFC 8945 § 5.1).
            if number < others || number + 1 != others + u32::from(additional) {
                return None;
            }
            signed = Some(SignedAt(NonZeroU16::new(u16::try_from(at).ok()?)?));
        }
        if rtype == Rtype::OPT {
            if number < others || !root || edns.is_some() {
                return None;
            }
            edns = Some(Edns::parse(class, ttl, rdata)?);
        }
    }
    reader.is_empty().then_some(Records { edns, signed })
}
