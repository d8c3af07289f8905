//! A zone's one block of memory: its layout, and reading it.
//!
//! A small zone is some six owners and a dozen RRsets. Held as ordinary collections it would be
//! thirty allocations and a chain of cache misses; it is one allocation instead, in which an
//! answer touches an index slot, a node, an RRset's entry and its bytes. The same layout holds
//! [`Patch`](super::Patch)es.
//!
//! ```text
//! Header │ Slot × 2ⁿ │ NodeEntry × nodes │ RrsetEntry × rrsets │ u32 × extra │ bytes
//! ```
//!
//! - The index: open addressing over [`NameHash`]; a slot holds the hash's upper half and the
//!   node's number plus one.
//! - Nodes: node 0 is the apex. Every owner is a node, and every empty non-terminal.
//! - RRsets of a node follow each other by rising type; an RRSIG RRset per covered type.
//! - Extra: of a zone, the nodes that own NSEC (canonical order) or NSEC3 (order of their hash);
//!   of a patch, for each of its nodes the number of the node that it replaces, or [`NO_NODE`].
//! - Bytes: the apex, then names of nodes (labels below the apex, lower case) and RRsets: aligned
//!   to four octets, fixups, links, then the records as they go into a message.
//!
//! A record is stored ready to copy, its owner `0xC00C`. A *fixup* is a compression pointer in its
//! RDATA whose value depends on the message: to the apex, to the owner, or into the RRset itself.
//! A *link* is a name in RDATA whose addresses belong into the additional section.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::hash::NameHash;
use crate::wire::Rtype;

#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Header {
    /// Word offsets of the sections.
    pub(super) nodes_at: u32,
    pub(super) rrsets_at: u32,
    pub(super) extra_at: u32,
    pub(super) bytes_at: u32,
    pub(super) record_count: u32,
    pub(super) serial: u32,
    /// min(SOA TTL, MINIMUM), in seconds.
    pub(super) negative_ttl: u32,
    pub(super) apex_len: u8,
    pub(super) apex_labels: u8,
    pub(super) flags: u8,
    /// The most labels below the apex that any node has.
    pub(super) depth: u8,
}

pub(super) const HEADER_WORDS: usize = size_of::<Header>() / 4;

/// Header flags: the zone comes signed; its denial is by NSEC, by NSEC3.
pub(super) const SIGNED: u8 = 1;
pub(super) const NSEC: u8 = 2;
pub(super) const NSEC3: u8 = 4;
/// Header flag: the apex as it was written follows the one in lower case.
pub(super) const APEX_CASED: u8 = 8;

#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Slot {
    pub(super) tag: u32,
    /// The node's number plus one; 0 in an empty slot.
    pub(super) node: u32,
}

#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct NodeEntry {
    /// Octet offset of the name.
    pub(super) name: u32,
    /// The number of the first of its RRsets.
    pub(super) rrsets: u32,
    pub(super) rrset_count: u16,
    pub(super) name_len: u8,
    /// Labels below the apex.
    pub(super) labels: u8,
    pub(super) flags: u8,
    /// Of an occluded node: labels below the apex of the cut or DNAME above it.
    pub(super) cut_labels: u8,
    pub(super) reserved: u16,
}

/// Node flags.
pub(super) const CUT: u8 = 1;
pub(super) const OCCLUDED: u8 = 2;
pub(super) const DNAME: u8 = 4;
pub(super) const WILDCARD_CHILD: u8 = 8;
/// The name as it was written follows the one in lower case.
pub(super) const CASED: u8 = 16;
/// In a patch: the name does not exist any more.
pub(super) const REMOVED: u8 = 32;

/// In a patch's extra section: the node replaces none.
pub(super) const NO_NODE: u32 = u32::MAX;

#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct RrsetEntry {
    /// Octet offset of the records; fixups and links stand before them.
    pub(super) data: u32,
    pub(super) len: u32,
    pub(super) rtype: u16,
    pub(super) count: u16,
    pub(super) fixups: u16,
    /// How many links; of RRSIG, which has none, the type covered.
    pub(super) links_or_covered: u16,
}

impl RrsetEntry {
    pub(super) fn links(&self) -> usize {
        if self.rtype == Rtype::RRSIG.0 { 0 } else { usize::from(self.links_or_covered) }
    }

    /// Of RRSIG: the type covered.
    pub(super) fn covered(&self) -> Option<Rtype> {
        (self.rtype == Rtype::RRSIG.0).then_some(Rtype(self.links_or_covered))
    }
}

/// Octets of a record before its RDATA: owner pointer, type, class, TTL, length.
pub const RECORD_HEADER: usize = 12;
/// The octet offset of the TTL in a record.
pub(super) const TTL_AT: usize = 6;

/// A compression pointer to be set when its RRset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fixup {
    /// Octet offset within the RRset's records.
    pub(super) at: u16,
    pub(super) target: Target,
}

/// What a fixed-up pointer points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The apex, this many octets into it.
    Apex(u16),
    /// The owner.
    Owner,
    /// The RRset itself, this many octets into it.
    Itself(u16),
}

const KIND: u16 = 0xc000;
const OWNER: u16 = 0x4000;
const ITSELF: u16 = 0x8000;

impl Fixup {
    pub(super) const LEN: usize = 4;

    pub(super) fn to_bytes(self) -> [u8; 4] {
        let target = match self.target {
            Target::Apex(delta) => delta,
            Target::Owner => OWNER,
            Target::Itself(delta) => ITSELF | delta,
        };
        let ([a, b], [c, d]) = (self.at.to_le_bytes(), target.to_le_bytes());
        [a, b, c, d]
    }

    fn from_bytes([a, b, c, d]: [u8; 4]) -> Fixup {
        let target = u16::from_le_bytes([c, d]);
        let at = u16::from_le_bytes([a, b]);
        let target = match target & KIND {
            0 => Target::Apex(target),
            OWNER => Target::Owner,
            _ => Target::Itself(target & !KIND),
        };
        Fixup { at, target }
    }
}

/// A name in RDATA whose addresses belong into the additional section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Octet offset of the name within the RRset's records; [`Link::OWNER`] for the owner.
    pub(super) at: u16,
    /// The number of the node that has the addresses.
    pub(super) node: u32,
}

impl Link {
    pub(super) const LEN: usize = 8;
    pub(super) const OWNER: u16 = u16::MAX;

    pub(super) fn to_bytes(self) -> [u8; 8] {
        let ([a, b], [c, d, e, f]) = (self.at.to_le_bytes(), self.node.to_le_bytes());
        [a, b, 0, 0, c, d, e, f]
    }

    fn from_bytes([a, b, _, _, c, d, e, f]: [u8; 8]) -> Link {
        Link { at: u16::from_le_bytes([a, b]), node: u32::from_le_bytes([c, d, e, f]) }
    }
}

/// A view of a block.
#[derive(Clone, Copy)]
pub(super) struct Block<'a>(pub(super) &'a [u32]);

impl<'a> Block<'a> {
    pub(super) fn header(self) -> &'a Header {
        bytemuck::from_bytes(bytemuck::cast_slice(&self.0[..HEADER_WORDS]))
    }

    pub(super) fn slots(self) -> &'a [Slot] {
        bytemuck::cast_slice(&self.0[HEADER_WORDS..self.header().nodes_at as usize])
    }

    pub(super) fn nodes(self) -> &'a [NodeEntry] {
        let header = self.header();
        bytemuck::cast_slice(&self.0[header.nodes_at as usize..header.rrsets_at as usize])
    }

    pub(super) fn rrsets(self) -> &'a [RrsetEntry] {
        let header = self.header();
        bytemuck::cast_slice(&self.0[header.rrsets_at as usize..header.extra_at as usize])
    }

    pub(super) fn extra(self) -> &'a [u32] {
        let header = self.header();
        &self.0[header.extra_at as usize..header.bytes_at as usize]
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        bytemuck::cast_slice(&self.0[self.header().bytes_at as usize..])
    }

    /// The apex in lower case, root label included.
    pub(super) fn apex(self) -> &'a [u8] {
        &self.bytes()[..usize::from(self.header().apex_len)]
    }

    /// The apex as it was written.
    pub(super) fn apex_as_written(self) -> &'a [u8] {
        let len = usize::from(self.header().apex_len);
        let at = if self.header().flags & APEX_CASED != 0 { len } else { 0 };
        &self.bytes()[at..at + len]
    }

    /// The labels of a node below the apex, in lower case.
    pub(super) fn name(self, node: &NodeEntry) -> &'a [u8] {
        let at = node.name as usize;
        &self.bytes()[at..at + usize::from(node.name_len)]
    }

    /// The labels of a node below the apex, as they were written.
    pub(super) fn name_as_written(self, node: &NodeEntry) -> &'a [u8] {
        let len = usize::from(node.name_len);
        let at = node.name as usize + if node.flags & CASED != 0 { len } else { 0 };
        &self.bytes()[at..at + len]
    }

    /// The number of the node with this hash and these labels below the apex.
    pub(super) fn find(self, hash: NameHash, name: &[u8]) -> Option<u32> {
        let slots = self.slots();
        let mask = slots.len() - 1;
        let tag = tag(hash);
        let mut at = hash.0 as usize & mask;
        // Ends: an index has empty slots (`slot_count`).
        loop {
            let slot = slots[at & mask];
            if slot.node == 0 {
                return None;
            }
            if slot.tag == tag {
                let number = slot.node - 1;
                if self.name(&self.nodes()[number as usize]) == name {
                    return Some(number);
                }
            }
            at += 1;
        }
    }

    pub(super) fn rrsets_of(self, node: &NodeEntry) -> &'a [RrsetEntry] {
        let at = node.rrsets as usize;
        &self.rrsets()[at..at + usize::from(node.rrset_count)]
    }

    pub(super) fn data(self, rrset: &RrsetEntry) -> &'a [u8] {
        let at = rrset.data as usize;
        &self.bytes()[at..at + rrset.len as usize]
    }

    pub(super) fn fixups(self, rrset: &RrsetEntry) -> impl Iterator<Item = Fixup> + use<'a> {
        let end = rrset.data as usize - rrset.links() * Link::LEN;
        let start = end - usize::from(rrset.fixups) * Fixup::LEN;
        self.bytes()[start..end].as_chunks().0.iter().map(|&bytes| Fixup::from_bytes(bytes))
    }

    pub(super) fn links(self, rrset: &RrsetEntry) -> impl Iterator<Item = Link> + use<'a> {
        let end = rrset.data as usize;
        let start = end - rrset.links() * Link::LEN;
        self.bytes()[start..end].as_chunks().0.iter().map(|&bytes| Link::from_bytes(bytes))
    }
}

/// What a slot keeps of a hash; its other half chooses the slot.
pub(super) fn tag(hash: NameHash) -> u32 {
    (hash.0 >> 32) as u32
}

/// How many slots an index of `nodes` nodes has: a power of two, a quarter of them empty at least.
pub(super) fn slot_count(nodes: usize) -> usize {
    (nodes * 4).div_ceil(3).next_power_of_two()
}

/// The sections of a block that is being put together.
#[derive(Default)]
pub(super) struct Sections {
    pub(super) header: Header,
    pub(super) slots: Vec<Slot>,
    pub(super) nodes: Vec<NodeEntry>,
    pub(super) rrsets: Vec<RrsetEntry>,
    pub(super) extra: Vec<u32>,
    pub(super) bytes: Vec<u8>,
}

/// The sections are larger than 32 bits can address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the zone is larger than 4 GiB")]
pub struct BlockTooLarge;

impl Sections {
    /// The index over nodes whose hashes are `hashes`, in their order.
    pub(super) fn index(&mut self, hashes: impl ExactSizeIterator<Item = NameHash>) {
        self.slots.clear();
        self.slots.resize(slot_count(hashes.len()), Slot::default());
        let mask = self.slots.len() - 1;
        for (node, hash) in (1..).zip(hashes) {
            let mut at = hash.0 as usize & mask;
            while self.slots[at].node != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = Slot { tag: tag(hash), node };
        }
    }

    pub(super) fn assemble(mut self) -> Result<Arc<[u32]>, BlockTooLarge> {
        let word = |at: usize| u32::try_from(at).map_err(|_| BlockTooLarge);
        word(self.bytes.len())?;
        let nodes_at = HEADER_WORDS + self.slots.len() * (size_of::<Slot>() / 4);
        let rrsets_at = nodes_at + self.nodes.len() * (size_of::<NodeEntry>() / 4);
        let extra_at = rrsets_at + self.rrsets.len() * (size_of::<RrsetEntry>() / 4);
        let bytes_at = extra_at + self.extra.len();
        self.header.nodes_at = word(nodes_at)?;
        self.header.rrsets_at = word(rrsets_at)?;
        self.header.extra_at = word(extra_at)?;
        self.header.bytes_at = word(bytes_at)?;
        let total = bytes_at + self.bytes.len().div_ceil(4);
        // An iterator that knows its length: one allocation, filled in place.
        let mut block: Arc<[u32]> = std::iter::repeat_n(0, total).collect();
        if let Some(words) = Arc::get_mut(&mut block) {
            let (head, bytes) = words.split_at_mut(bytes_at);
            head[..HEADER_WORDS].copy_from_slice(bytemuck::cast_slice(bytemuck::bytes_of(&self.header)));
            head[HEADER_WORDS..nodes_at].copy_from_slice(bytemuck::cast_slice(&self.slots));
            head[nodes_at..rrsets_at].copy_from_slice(bytemuck::cast_slice(&self.nodes));
            head[rrsets_at..extra_at].copy_from_slice(bytemuck::cast_slice(&self.rrsets));
            head[extra_at..].copy_from_slice(&self.extra);
            bytemuck::cast_slice_mut::<u32, u8>(bytes)[..self.bytes.len()].copy_from_slice(&self.bytes);
        }
        Ok(block)
    }
}
