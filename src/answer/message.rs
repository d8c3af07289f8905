//! The response as it is written: sections in order, whole RRsets, room kept for OPT.

use crate::wire::edns::{ExtendedError, OPT_LEN, UDP_PAYLOAD_OURS, option};
use crate::wire::{HEADER_LEN, Rcode, Rtype};
use crate::zone::{NoRoom, Rrset};

use super::noted::{Kind, METERS};
use super::request::Request;

/// A section of a message after the question.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Answer,
    Authority,
    Additional,
}

/// An option of the response's OPT record.
#[derive(Clone, Copy)]
pub(super) enum OptOption<'a> {
    Nsid(&'a [u8]),
    ExtendedError(ExtendedError),
    /// How long an idle connection is kept, in units of 100 ms (RFC 7828 § 3.1).
    TcpKeepalive(u16),
}

impl OptOption<'_> {
    fn len(self) -> usize {
        4 + match self {
            OptOption::Nsid(id) => id.len(),
            OptOption::ExtendedError(_) | OptOption::TcpKeepalive(_) => 2,
        }
    }
}

/// A response that is being written.
pub(super) struct Message<'a> {
    out: &'a mut [u8],
    /// How many octets records may fill: what the requestor takes, less the OPT record.
    limit: usize,
    at: usize,
    counts: [u16; 3],
    pub(super) authoritative: bool,
    truncated: bool,
    pub(super) rcode: Rcode,
    /// Whether what it holds of zones whose plan runs is noted already.
    pub(super) is_noted: bool,
    /// The longest TTL, in seconds, of the RRsets that a running plan flips: of their data, not of SOA, which goes along.
    /// What was taken back counts too: rather too long. One more than that, and 0 if there are none: an [`Option`] would
    /// make each message longer by a word, which is moved.
    capped: u32,
}

impl<'a> Message<'a> {
    /// A response of at most `size` octets to `request`, whose bytes up to the end of the question
    /// are `question`, with `reserved` octets kept for the OPT record. `None` if not even the
    /// question fits.
    #[inline]
    pub(super) fn new(out: &'a mut [u8], question: &[u8], size: usize, reserved: usize) -> Option<Message<'a>> {
        let limit = size.min(out.len()).checked_sub(reserved)?;
        if question.len() > limit {
            return None;
        }
        out[..question.len()].copy_from_slice(question);
        Some(Message {
            at: question.len(),
            out,
            limit,
            counts: [0; 3],
            authoritative: false,
            truncated: false,
            rcode: Rcode::NOERROR,
            is_noted: false,
            capped: 0,
        })
    }

    /// How many octets records may fill.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Says that something that belongs here is left out (RFC 2181 § 9).
    pub(super) fn truncate(&mut self) {
        self.truncated = true;
    }

    /// Writes `rrset` under the owner at offset `owner`; gives the offset at which it begins. Inline whatever the compiler
    /// makes of it: as a call, an answer with two additional addresses costs 80 instructions more.
    #[inline(always)]
    pub(super) fn rrset(&mut self, section: Section, rrset: Rrset<'_>, owner: u16, apex: u16) -> Result<usize, NoRoom> {
        let start = self.at;
        self.at = rrset.write(&mut self.out[..self.limit], start, owner, apex)?;
        self.counts[section as usize] += rrset.len() as u16;
        if METERS && rrset.is_of_patch() && !self.is_noted {
            self.note_capped(rrset);
        }
        Ok(start)
    }

    #[inline(never)]
    fn note_capped(&mut self, rrset: Rrset<'_>) {
        if let Some(ttl) = rrset.capped_ttl()
            && rrset.rtype() != Rtype::SOA
        {
            self.capped = self.capped.max(ttl.0 + 1);
        }
    }

    /// The longest TTL since it was taken last of RRsets that a running plan flips.
    pub(super) fn take_capped(&mut self) -> Option<u32> {
        std::mem::take(&mut self.capped).checked_sub(1)
    }

    /// Writes `rrset` with its owner, which does not stand in the message yet; gives the offset at
    /// which it begins.
    pub(super) fn rrset_with_owner(&mut self, section: Section, rrset: Rrset<'_>, apex: u16) -> Result<usize, NoRoom> {
        let start = self.at;
        self.at = rrset.write_with_owner(&mut self.out[..self.limit], start, apex)?;
        self.counts[section as usize] += rrset.len() as u16;
        Ok(start)
    }

    /// Writes one record from its parts.
    pub(super) fn record(&mut self, section: Section, parts: [&[u8]; 3]) -> Result<usize, NoRoom> {
        let start = self.at;
        let end = start + parts.iter().map(|part| part.len()).sum::<usize>();
        if end > self.limit {
            return Err(NoRoom);
        }
        let mut at = start;
        for part in parts {
            self.out[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        self.at = end;
        self.counts[section as usize] += 1;
        Ok(start)
    }

    /// Where the first record of `rtype` with this owner begins in `section`; the records of a
    /// message begin at `question_end`.
    pub(super) fn find(&self, question_end: usize, section: Section, owner: &[u8], rtype: Rtype) -> Option<usize> {
        let records = |sections: usize| self.counts[..sections].iter().map(|&count| usize::from(count)).sum::<usize>();
        let mut at = question_end;
        for number in 0..records(section as usize + 1) {
            let start = at;
            loop {
                match *self.out.get(at)? {
                    0 => break at += 1,
                    0xc0.. => break at += 2,
                    label => at += 1 + usize::from(label),
                }
            }
            let head = self.out.get(at..at + 10)?;
            at += 10 + usize::from(u16::from_be_bytes([head[8], head[9]]));
            if number < records(section as usize) || head[..2] != rtype.0.to_be_bytes() {
                continue;
            }
            let mut name = [0; 256];
            let length = self.expand(start as u16, &mut name)?;
            if name[..length].eq_ignore_ascii_case(owner) {
                return Some(start);
            }
        }
        None
    }

    /// Gives the records of `rrset`, written at `start`, another TTL.
    pub(super) fn set_ttl(&mut self, rrset: Rrset<'_>, start: usize, ttl: crate::zone::Ttl) {
        rrset.set_ttl(self.out, start, ttl);
    }

    /// A state to come back to.
    pub(super) fn mark(&self) -> Mark {
        Mark { at: self.at, counts: self.counts }
    }

    /// Takes back what was written since `mark`.
    pub(super) fn rewind(&mut self, mark: Mark) {
        self.at = mark.at;
        self.counts = mark.counts;
    }

    /// The offset of the name that is left of the one at `name` without its `skipped` leftmost
    /// labels; follows compression.
    pub(super) fn suffix_of(&self, name: u16, skipped: usize) -> u16 {
        let mut at = usize::from(name);
        let mut left = skipped;
        // A name has at most 127 labels, each behind at most one pointer.
        for _ in 0..=2 * crate::wire::name::LABELS_MAX {
            match self.out.get(at..at + 2) {
                Some(&[high, low]) if high >= 0xc0 => at = usize::from(u16::from_be_bytes([high & 0x3f, low])),
                Some(_) if left == 0 => break,
                Some(&[length, _]) => {
                    at += 1 + usize::from(length);
                    left -= 1;
                }
                _ => break,
            }
        }
        at as u16
    }

    /// Copies the name at offset `name`, uncompressed, into `wire`; gives its length.
    pub(super) fn expand(&self, name: u16, wire: &mut [u8; 256]) -> Option<usize> {
        let mut at = usize::from(name);
        let mut len = 0;
        for _ in 0..=2 * crate::wire::name::LABELS_MAX + 1 {
            let length = *self.out.get(at)?;
            if length >= 0xc0 {
                at = usize::from(u16::from_be_bytes([length & 0x3f, *self.out.get(at + 1)?]));
                continue;
            }
            let label = self.out.get(at..=at + usize::from(length))?;
            wire.get_mut(len..len + label.len())?.copy_from_slice(label);
            len += label.len();
            at += label.len();
            if length == 0 {
                return (len <= crate::wire::name::NAME_LEN_MAX).then_some(len);
            }
        }
        None
    }

    /// Writes the OPT record and the header; gives the length of the whole, and its kind.
    #[inline]
    pub(super) fn finish(mut self, request: &Request, options: &[Option<OptOption<'_>>]) -> (usize, Kind) {
        let mut kind = Kind::of(request.qtype);
        let mut additional = self.counts[2];
        if let Some(edns) = request.edns {
            self.opt(edns.dnssec_ok, options);
            additional += 1;
            kind = kind.with_edns(edns.dnssec_ok);
        }
        let questions = u8::from(request.question_end > HEADER_LEN);
        let [flags0, _] = request.flags;
        let opcode = request.opcode();
        // RD is copied (RFC 1035 § 4.1.1); RA and Z are clear, AD and CD too (RFC 4035 § 3.1.6).
        let ([an0, an1], [ns0, ns1]) = (self.counts[0].to_be_bytes(), self.counts[1].to_be_bytes());
        let [ar0, ar1] = additional.to_be_bytes();
        let flags0 =
            0x80 | opcode.0 << 3 | u8::from(self.authoritative) << 2 | u8::from(self.truncated) << 1 | flags0 & 1;
        let flags1 = (self.rcode.0 & 0x0f) as u8;
        let [id0, id1] = request.id;
        let header = [id0, id1, flags0, flags1, 0, questions, an0, an1, ns0, ns1, ar0, ar1];
        if let Some(place) = self.out.first_chunk_mut() {
            *place = header;
        }
        (self.at, kind.with_flags(flags0, flags1))
    }

    fn opt(&mut self, dnssec_ok: bool, options: &[Option<OptOption<'_>>]) {
        let length: usize = options.iter().flatten().map(|option| option.len()).sum();
        let [size0, size1] = UDP_PAYLOAD_OURS.to_be_bytes();
        let [len0, len1] = (length as u16).to_be_bytes();
        let extended = (self.rcode.0 >> 4) as u8;
        let opt: [u8; OPT_LEN] = [0, 0, 41, size0, size1, extended, 0, u8::from(dnssec_ok) << 7, 0, len0, len1];
        if let Some(place) = self.out.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = opt;
            self.at += OPT_LEN;
        }
        if length > 0 {
            self.opt_options(options);
        }
    }

    fn opt_options(&mut self, options: &[Option<OptOption<'_>>]) {
        let mut at = self.at;
        let mut put = |bytes: &[u8]| {
            // `new` kept the room.
            if let Some(place) = self.out.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
                at += bytes.len();
            }
        };
        for option in options.iter().flatten() {
            let number;
            let (code, data): (u16, &[u8]) = match option {
                OptOption::Nsid(id) => (option::NSID, id),
                OptOption::ExtendedError(error) => {
                    number = error.0.to_be_bytes();
                    (option::EXTENDED_ERROR, &number)
                }
                OptOption::TcpKeepalive(timeout) => {
                    number = timeout.to_be_bytes();
                    (option::TCP_KEEPALIVE, &number)
                }
            };
            put(&code.to_be_bytes());
            put(&(data.len() as u16).to_be_bytes());
            put(data);
        }
        self.at = at;
    }
}

/// A state of a [`Message`].
#[derive(Clone, Copy)]
pub(super) struct Mark {
    at: usize,
    counts: [u16; 3],
}

/// The room that an OPT record with these options takes.
pub(super) fn opt_len(options: &[Option<OptOption<'_>>]) -> usize {
    OPT_LEN + options.iter().flatten().map(|option| option.len()).sum::<usize>()
}
