//! Turns an RRset into the form in which it is stored: records ready to copy into a message.
//!
//! Compression (RFC 1035 § 4.1.4) is decided here, once, and not per answer. A name in RDATA of a
//! type that may be compressed ends in a pointer to the longest of: the owner, a name earlier in
//! the same RRset, a suffix of the apex. Only octets that are exactly alike are left out, so that
//! nothing of what was written is lost; suffixes are looked for in lower case, as nearly all
//! zones are written.

use super::Ttl;
use super::block::{Fixup, Link, RECORD_HEADER, RrsetEntry, Target};
use crate::wire::rdata::{self, Field};
use crate::wire::{Class, Rtype};

/// Offsets from which on a compression pointer can't point (14 bits), with room for the header and
/// the question before the RRset.
const POINTER_REACH: usize = 0x3fff - 300;
/// How many names of an RRset are remembered as targets of pointers.
const NAMES_MAX: usize = 24;

/// Whether the addresses of names in RDATA of `rtype` belong into the additional section.
const fn wants_addresses(rtype: Rtype) -> bool {
    matches!(rtype, Rtype::NS | Rtype::MX | Rtype::SRV | Rtype::SVCB | Rtype::HTTPS)
}

/// The RRset to store.
pub(super) struct Source<'a, I> {
    /// The apex in lower case, with its root label.
    pub(super) apex: &'a [u8],
    /// The owner in lower case, with its root label.
    pub(super) owner: &'a [u8],
    pub(super) rtype: Rtype,
    pub(super) ttl: Ttl,
    pub(super) rdatas: I,
}

/// Reusable memory for rendering.
#[derive(Default)]
pub(super) struct Renderer {
    data: Vec<u8>,
    fixups: Vec<Fixup>,
    links: Vec<Link>,
    /// Where in `data` names begin that a later one may point to.
    names: Vec<u16>,
}

impl Renderer {
    /// Appends the RRset to `bytes`, aligned to four octets. `resolve` gives the number of the
    /// node that a name in RDATA (octets as written) leads to.
    pub(super) fn render<'a>(
        &mut self,
        source: Source<'_, impl Iterator<Item = &'a [u8]>>,
        bytes: &mut Vec<u8>,
        mut resolve: impl FnMut(&[u8]) -> Option<u32>,
    ) -> RrsetEntry {
        self.data.clear();
        self.fixups.clear();
        self.links.clear();
        self.names.clear();
        let Source { apex, owner, rtype, ttl, rdatas } = source;
        let mut covered = None;
        let mut count = 0u16;
        for rdata in rdatas {
            count = count.saturating_add(1);
            if let (Rtype::RRSIG, [high, low, ..]) = (rtype, rdata) {
                covered = Some(u16::from_be_bytes([*high, *low]));
            }
            self.data.extend_from_slice(&[0xc0, 0x0c]);
            self.data.extend_from_slice(&rtype.0.to_be_bytes());
            self.data.extend_from_slice(&Class::IN.0.to_be_bytes());
            self.data.extend_from_slice(&ttl.0.to_be_bytes());
            let length_at = self.data.len();
            self.data.extend_from_slice(&[0, 0]);
            self.rdata(apex, owner, rtype, rdata, &mut resolve);
            let length = u16::try_from(self.data.len() - length_at - 2).unwrap_or(u16::MAX);
            self.data[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        }
        debug_assert_eq!(RECORD_HEADER, 12);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        for fixup in &self.fixups {
            bytes.extend_from_slice(&fixup.to_bytes());
        }
        for link in &self.links {
            bytes.extend_from_slice(&link.to_bytes());
        }
        let data = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&self.data);
        RrsetEntry {
            data,
            len: u32::try_from(self.data.len()).unwrap_or(u32::MAX),
            rtype: rtype.0,
            count,
            fixups: self.fixups.len() as u16,
            links_or_covered: covered.unwrap_or(self.links.len() as u16),
        }
    }

    fn rdata(
        &mut self,
        apex: &[u8],
        owner: &[u8],
        rtype: Rtype,
        rdata: &[u8],
        resolve: &mut impl FnMut(&[u8]) -> Option<u32>,
    ) {
        let wants_addresses = wants_addresses(rtype);
        let split = rdata::split(rtype, rdata, |piece| match piece.field {
            Field::CompressibleName | Field::Name => {
                let at = self.data.len();
                if wants_addresses && at < POINTER_REACH {
                    self.link(at, piece.bytes, owner, rtype, resolve);
                }
                if piece.field == Field::CompressibleName && at < POINTER_REACH {
                    self.compressed(apex, owner, piece.bytes);
                } else {
                    self.data.extend_from_slice(piece.bytes);
                }
            }
            _ => self.data.extend_from_slice(piece.bytes),
        });
        // The builder has checked the form; what it let through is stored as it is.
        debug_assert!(split.is_ok());
    }

    fn link(
        &mut self,
        at: usize,
        name: &[u8],
        owner: &[u8],
        rtype: Rtype,
        resolve: &mut impl FnMut(&[u8]) -> Option<u32>,
    ) {
        // RFC 9460 § 2.5.2: a target of "." in service mode is the owner itself.
        let is_owner = name == [0] && matches!(rtype, Rtype::SVCB | Rtype::HTTPS);
        let (at, target) = if is_owner { (Link::OWNER, owner) } else { (at as u16, name) };
        if let Some(node) = resolve(target)
            && !self.links.iter().rev().take(NAMES_MAX).any(|link| link.node == node)
            && self.links.len() < usize::from(u16::MAX)
        {
            self.links.push(Link { at, node });
        }
    }

    fn compressed(&mut self, apex: &[u8], owner: &[u8], name: &[u8]) {
        let start = self.data.len();
        let mut at = 0;
        // A pointer is two octets: it pays for a suffix of one label or more.
        while name.len() - at > 2 {
            if self.fixups.len() < usize::from(u16::MAX)
                && let Some(target) = self.target(apex, owner, &name[at..])
            {
                self.fixups.push(Fixup { at: (start + at) as u16, target });
                self.data.extend_from_slice(&[0xc0, 0]);
                return;
            }
            let next = at + 1 + usize::from(name[at]);
            self.data.extend_from_slice(&name[at..next]);
            if self.names.len() < NAMES_MAX {
                self.names.push((start + at) as u16);
            }
            at = next;
        }
        self.data.extend_from_slice(&name[at..]);
    }

    fn target(&self, apex: &[u8], owner: &[u8], suffix: &[u8]) -> Option<Target> {
        // A wildcard's records are sent under another name (RFC 4592 § 2.2).
        if suffix == owner && owner.len() > apex.len() && !owner.starts_with(b"\x01*") {
            return Some(Target::Owner);
        }
        if let Some(&at) = self.names.iter().find(|&&at| self.data[usize::from(at)..].starts_with(suffix)) {
            return Some(Target::Itself(at));
        }
        let delta = apex.len().checked_sub(suffix.len())?;
        (starts_label(apex, delta) && apex[delta..] == *suffix).then_some(Target::Apex(delta as u16))
    }
}

fn starts_label(name: &[u8], offset: usize) -> bool {
    let mut at = 0;
    while at < offset {
        at += 1 + usize::from(name[at]);
    }
    at == offset
}
