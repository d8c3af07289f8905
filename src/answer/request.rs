//! Reads a request: header, question, and of the rest what matters to an answer.
//!
//! What a message must be to get an answer at all (RFC 1035 § 4.1, RFC 6891 § 6.1, RFC 8906 § 3):
//!
//! 1. Shorter than a header, or itself a response: nothing is said.
//! 2. Not exactly one question, a question that can't be read, records that don't fill the message
//!    exactly, a second OPT, an OPT whose owner is not the root: FORMERR.
//! 3. An opcode other than QUERY: NOTIMP.

use crate::wire::edns::Edns;
use crate::wire::{Class, HEADER_LEN, Opcode, Reader, Rtype};
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
    /// A request of another opcode.
    Other(Request),
    /// A message that is malformed.
    Malformed(Request),
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
        other(message, name, &mut request);
        return Received::Other(request);
    }
    if [qd0, qd1] != [0, 1] {
        if [qd0, qd1, an0, an1, ns0, ns1] == [0; 6] {
            let additional = u16::from_be_bytes([ar0, ar1]);
            request.edns = records(message.get(HEADER_LEN..).unwrap_or_default(), 0, additional).flatten();
        }
        return Received::Malformed(request);
    }
    let Some(end) = question(message, name, &mut request) else { return Received::Malformed(request) };
    request.question_end = end;
    let others = u32::from(u16::from_be_bytes([an0, an1])) + u32::from(u16::from_be_bytes([ns0, ns1]));
    let additional = u16::from_be_bytes([ar0, ar1]);
    match records(message.get(end..).unwrap_or_default(), others, additional) {
        Some(edns) => {
            request.edns = edns;
            Received::Query(request)
        }
        None => Received::Malformed(request),
    }
}

/// Reads what can be read of a request of another opcode: its question, if it has one, is given
/// back, and OPT is answered with OPT (RFC 6891 § 6.1.1).
#[cold]
fn other(message: &[u8], name: &mut Suffixes, request: &mut Request) {
    let Some(&[_, _, _, _, 0, 1, an0, an1, ns0, ns1, ar0, ar1]) = message.first_chunk::<HEADER_LEN>() else { return };
    let Some(end) = question(message, name, request) else { return };
    request.question_end = end;
    let others = u32::from(u16::from_be_bytes([an0, an1])) + u32::from(u16::from_be_bytes([ns0, ns1]));
    let additional = u16::from_be_bytes([ar0, ar1]);
    request.edns = records(message.get(end..).unwrap_or_default(), others, additional).flatten();
}

fn question(message: &[u8], name: &mut Suffixes, request: &mut Request) -> Option<usize> {
    let end = HEADER_LEN + name.set(message.get(HEADER_LEN..)?).ok()?;
    let &[t0, t1, c0, c1] = message.get(end..)?.first_chunk::<4>()?;
    request.qtype = Rtype(u16::from_be_bytes([t0, t1]));
    request.qclass = Class(u16::from_be_bytes([c0, c1]));
    Some(end + 4)
}

/// The OPT record among `others` records and then `additional` ones; `None` if they don't fill
/// `rest` exactly.
fn records(rest: &[u8], others: u32, additional: u16) -> Option<Option<Edns>> {
    // As nearly every query is: nothing, or an OPT without options.
    match (others, additional, rest) {
        (0, 0, []) => return Some(None),
        (0, 1, &[0, 0, 41, size0, size1, t0, t1, t2, t3, 0, 0]) => {
            let ttl = u32::from_be_bytes([t0, t1, t2, t3]);
            return Some(Edns::parse(u16::from_be_bytes([size0, size1]), ttl, &[]));
        }
        _ => {}
    }
    let mut reader = Reader::new(rest);
    let mut edns = None;
    for number in 0..others + u32::from(additional) {
        let root = reader.rest().first() == Some(&0);
        skip_name(&mut reader)?;
        let rtype = Rtype(reader.u16().ok()?);
        let class = reader.u16().ok()?;
        let ttl = reader.u32().ok()?;
        let length = reader.u16().ok()?;
        let rdata = reader.take(usize::from(length)).ok()?;
        // TSIG stands once, and last (RFC 8945 § 5.1).
        if rtype == Rtype::TSIG && number + 1 != others + u32::from(additional) {
            return None;
        }
        if rtype == Rtype::OPT {
            if number < others || !root || edns.is_some() {
                return None;
            }
            edns = Some(Edns::parse(class, ttl, rdata)?);
        }
    }
    reader.is_empty().then_some(edns)
}

/// Steps over a name that may be compressed.
pub(super) fn skip_name(reader: &mut Reader<'_>) -> Option<()> {
    loop {
        match reader.u8().ok()? {
            0 => return Some(()),
            length @ 1..=63 => {
                reader.take(usize::from(length)).ok()?;
            }
            0xc0.. => {
                reader.u8().ok()?;
                return Some(());
            }
            _ => return None,
        }
    }
}
