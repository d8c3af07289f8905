//! One message of an answer: its header, its question, and the records of its answer section.

use super::{Fault, Wanted};
use crate::wire::{Class, HEADER_LEN, Name, Opcode, Rcode, Reader, Rtype, name};
use crate::zone::Ttl;

/// A message that answers what was wanted.
pub(super) struct Answer<'m> {
    message: &'m [u8],
    pub(super) rcode: Rcode,
    /// Where its records begin.
    at: usize,
    count: u16,
}

/// A record; its data lies in the message.
pub(super) struct Rr {
    pub(super) owner: Name,
    pub(super) rtype: Rtype,
    pub(super) ttl: Ttl,
    pub(super) at: usize,
    pub(super) length: usize,
}

/// The records of an answer section, one by one.
pub(super) struct Rrs<'m> {
    message: &'m [u8],
    at: usize,
    left: u16,
}

const QR: u8 = 0x80;
const TC: u8 = 0x02;

impl<'m> Answer<'m> {
    /// Reads the header and the question (rule 1).
    pub(super) fn read(message: &'m [u8], id: u16, wanted: &Wanted) -> Result<Answer<'m>, Fault> {
        let &[id0, id1, flags0, flags1, qd0, qd1, an0, an1, ..] =
            message.first_chunk::<HEADER_LEN>().ok_or(Fault::MalformedMessage)?;
        if u16::from_be_bytes([id0, id1]) != id {
            return Err(Fault::NotOurs("it has another id"));
        }
        if flags0 & QR == 0 || Opcode(flags0 >> 3 & 0x0f) != Opcode::QUERY {
            return Err(Fault::NotOurs("it is no response to a query"));
        }
        let rcode = Rcode(u16::from(flags1 & 0x0f));
        let mut at = HEADER_LEN;
        match u16::from_be_bytes([qd0, qd1]) {
            0 => {}
            1 => {
                let asked = name::expand(message, at).ok_or(Fault::MalformedMessage)?;
                let mut reader = Reader::new(message.get(at..).unwrap_or_default());
                name::skip(&mut reader).ok_or(Fault::MalformedMessage)?;
                let qtype = reader.u16().map_err(|_| Fault::MalformedMessage)?;
                let qclass = reader.u16().map_err(|_| Fault::MalformedMessage)?;
                at += reader.position();
                if asked != wanted.apex {
                    return Err(Fault::OtherQuestion(asked));
                }
                if Rtype(qtype) != wanted.kind.qtype() || Class(qclass) != Class::IN {
                    return Err(Fault::NotOurs("it repeats another question"));
                }
            }
            _ => return Err(Fault::NotOurs("it repeats more than one question")),
        }
        if flags0 & TC != 0 && rcode == Rcode::NOERROR {
            return Err(Fault::Truncated);
        }
        Ok(Answer { message, rcode, at, count: u16::from_be_bytes([an0, an1]) })
    }

    pub(super) fn rrs(&self) -> Rrs<'m> {
        Rrs { message: self.message, at: self.at, left: self.count }
    }
}

impl Rrs<'_> {
    /// The next record, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Rr>, Fault> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let owner = name::expand(self.message, self.at).ok_or(Fault::MalformedMessage)?;
        let mut reader = Reader::new(self.message.get(self.at..).unwrap_or_default());
        name::skip(&mut reader).ok_or(Fault::MalformedMessage)?;
        let mut fixed = || Some((reader.u16().ok()?, reader.u16().ok()?, reader.u32().ok()?, reader.u16().ok()?));
        let (rtype, class, ttl, length) = fixed().ok_or(Fault::MalformedMessage)?;
        let (at, length) = (self.at + reader.position(), usize::from(length));
        reader.take(length).map_err(|_| Fault::MalformedMessage)?;
        self.at += reader.position();
        if Class(class) != Class::IN {
            return Err(Fault::OtherClass(owner));
        }
        Ok(Some(Rr { owner, rtype: Rtype(rtype), ttl: Ttl(ttl).min(Ttl::MAX), at, length }))
    }
}
