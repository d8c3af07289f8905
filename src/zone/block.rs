//! A zone's one block of memory: its layout, and reading it.
//!
//! A small zone is some six owners and a dozen RRsets. Held as ordinary collections it would be
//! thirty allocations and a chain of cache misses; it is one allocation instead, in which an
//! answer touches the header, a node and the node's chunk. The same layout holds
//! [`Patch`](super::Patch)es.
//!
//! ```text
//! Header │ apex │ NodeEntry × 2ⁿ │ extra │ dangling │ chunks
//! ```
//!
//! - The nodes are their own index: a table with open addressing over [`NameHash`]. A node's number
//!   is its place in it. Every owner is a node, and every empty non-terminal.
//! - Extra: of a zone, the numbers of the nodes that own NSEC (canonical order) or NSEC3 (order of
//!   their hash); of a patch, pairs of a number in the zone, rising, and the number of the node
//!   that replaces it.
//! - Dangling: of a zone, pairs of the tag of a name that would be in it and is not, rising, and the number of a node with a
//!   record that wants its addresses: who gives the name addresses finds there whose records come to know it.
//! - Chunks: for each node, what belongs to it, so that it is read in one go: the entries of its
//!   RRsets by rising type (an RRSIG RRset per covered type), its labels below the apex, in lower
//!   case and as written where that differs, and the RRsets. An RRset is aligned to four octets:
//!   fixups, links, then the records as they go into a message.
//!
//! A record is stored ready to copy, its owner `0xC00C`. A *fixup* is a compression pointer in its
//! RDATA whose value depends on the message: to the apex, to the owner, or into the RRset itself.
//! A *link* is a name in RDATA whose addresses belong into the additional section.
//!
//! A TTL has 31 bits (RFC 2181 § 8). In a patch the highest bit of a stored TTL says that the view's
//! cap bounds it; it never goes into a message. In a zone's own block it is never set.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::Ttl;
use super::hash::NameHash;
use crate::wire::{NameRef, Rtype};

#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Header {
    /// Word offsets of the sections.
    pub(super) table_at: u32,
    pub(super) extra_at: u32,
    pub(super) dangling_at: u32,
    pub(super) chunks_at: u32,
    /// The number of the apex's node.
    pub(super) apex_node: u32,
    pub(super) apex_len: u8,
    pub(super) apex_labels: u8,
    pub(super) flags: u8,
    /// The most labels below the apex that any node has.
    pub(super) depth: u8,
    pub(super) serial: u32,
    /// min(SOA TTL, MINIMUM), in seconds; in a patch with [`CAPPED`], if the SOA record's TTL has it.
    pub(super) negative_ttl: u32,
    pub(super) node_count: u32,
    pub(super) record_count: u32,
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
pub(super) struct NodeEntry {
    /// The upper half of the name's hash; the lower chooses the place.
    pub(super) tag: u32,
    /// Octet offset of the chunk.
    pub(super) chunk: u32,
    pub(super) rrset_count: u16,
    pub(super) name_len: u8,
    /// Labels below the apex.
    pub(super) labels: u8,
    pub(super) flags: u8,
    /// Of an occluded node: labels below the apex of the cut or DNAME above it.
    pub(super) cut_labels: u8,
    /// Of a zone: how many nodes are one label below; [`CHILDREN_MAX`] for so many and more.
    pub(super) children: u16,
}

/// The most children that are counted.
pub(super) const CHILDREN_MAX: u16 = u16::MAX;

impl NodeEntry {
    pub(super) fn is_empty_place(&self) -> bool {
        self.flags & TAKEN == 0
    }
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
/// In a patch: the node replaces none.
pub(super) const ADDED: u8 = 64;
/// There is a node here.
pub(super) const TAKEN: u8 = 128;

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
/// In a TTL that a patch stores: it is never above the view's cap.
pub(super) const CAPPED: u32 = !Ttl::MAX.0;

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

    /// The nodes, by number, and empty places.
    pub(super) fn table(self) -> &'a [NodeEntry] {
        let header = self.header();
        bytemuck::cast_slice(&self.0[header.table_at as usize..header.extra_at as usize])
    }

    /// The numbers of the nodes, in no order.
    pub(super) fn numbers(self) -> impl Iterator<Item = u32> + use<'a> {
        (0..).zip(self.table()).filter(|(_, node)| !node.is_empty_place()).map(|(number, _)| number)
    }

    pub(super) fn extra(self) -> &'a [u32] {
        let header = self.header();
        &self.0[header.extra_at as usize..header.dangling_at as usize]
    }

    /// The numbers of the nodes with a record that wants the addresses of the name with this hash, which is not in the zone;
    /// and of others, seldom.
    pub(super) fn dangling(self, hash: NameHash) -> impl Iterator<Item = u32> + use<'a> {
        let header = self.header();
        let (pairs, _) = self.0[header.dangling_at as usize..header.chunks_at as usize].as_chunks::<2>();
        let tag = tag(hash);
        let begin = pairs.partition_point(|[other, _]| *other < tag);
        pairs[begin..].iter().take_while(move |[other, _]| *other == tag).map(|[_, number]| *number)
    }

    fn chunks(self) -> &'a [u8] {
        bytemuck::cast_slice(&self.0[self.header().chunks_at as usize..])
    }

    /// The apex in lower case, root label included.
    pub(super) fn apex(self) -> &'a [u8] {
        &bytemuck::cast_slice(&self.0[HEADER_WORDS..])[..usize::from(self.header().apex_len)]
    }

    /// The apex as it was written.
    pub(super) fn apex_as_written(self) -> &'a [u8] {
        let len = usize::from(self.header().apex_len);
        let at = if self.header().flags & APEX_CASED != 0 { len } else { 0 };
        &bytemuck::cast_slice(&self.0[HEADER_WORDS..])[at..at + len]
    }

    /// The labels of a node below the apex, in lower case.
    pub(super) fn name(self, node: &NodeEntry) -> &'a [u8] {
        let at = node.chunk as usize + usize::from(node.rrset_count) * size_of::<RrsetEntry>();
        &self.chunks()[at..at + usize::from(node.name_len)]
    }

    /// The labels of a node below the apex, as they were written.
    pub(super) fn name_as_written(self, node: &NodeEntry) -> &'a [u8] {
        let len = usize::from(node.name_len);
        let at = node.chunk as usize + usize::from(node.rrset_count) * size_of::<RrsetEntry>();
        let at = at + if node.flags & CASED != 0 { len } else { 0 };
        &self.chunks()[at..at + len]
    }

    /// The number of the node with this hash and these labels below the apex.
    pub(super) fn find(self, hash: NameHash, name: &[u8]) -> Option<u32> {
        let table = self.table();
        let mask = table.len() - 1;
        let tag = tag(hash);
        let mut at = hash.0 as usize;
        // Ends: a table has empty places (`table_len`).
        loop {
            let node = &table[at & mask];
            if node.is_empty_place() {
                return None;
            }
            if node.tag == tag && self.name(node) == name {
                return Some((at & mask) as u32);
            }
            at = at.wrapping_add(1);
        }
    }

    /// Where the search for a name with this hash begins.
    pub(super) fn first_place(self, hash: NameHash) -> &'a NodeEntry {
        let table = self.table();
        &table[hash.0 as usize & (table.len() - 1)]
    }

    /// An octet of what belongs to `node`.
    pub(super) fn chunk_start(self, node: &NodeEntry) -> u8 {
        self.chunks().get(node.chunk as usize).copied().unwrap_or(0)
    }

    pub(super) fn rrsets_of(self, node: &NodeEntry) -> &'a [RrsetEntry] {
        let at = self.header().chunks_at as usize + node.chunk as usize / 4;
        bytemuck::cast_slice(&self.0[at..at + usize::from(node.rrset_count) * (size_of::<RrsetEntry>() / 4)])
    }

    pub(super) fn data(self, rrset: &RrsetEntry) -> &'a [u8] {
        let at = rrset.data as usize;
        &self.chunks()[at..at + rrset.len as usize]
    }

    pub(super) fn fixups(self, rrset: &RrsetEntry) -> impl Iterator<Item = Fixup> + use<'a> {
        let end = rrset.data as usize - rrset.links() * Link::LEN;
        let start = end - usize::from(rrset.fixups) * Fixup::LEN;
        self.chunks()[start..end].as_chunks().0.iter().map(|&bytes| Fixup::from_bytes(bytes))
    }

    pub(super) fn links(self, rrset: &RrsetEntry) -> impl Iterator<Item = Link> + use<'a> {
        let end = rrset.data as usize;
        let start = end - rrset.links() * Link::LEN;
        self.chunks()[start..end].as_chunks().0.iter().map(|&bytes| Link::from_bytes(bytes))
    }
}

/// What a node keeps of its name's hash; the other half chooses its place.
fn tag(hash: NameHash) -> u32 {
    (hash.0 >> 32) as u32
}

/// How many places a table for `nodes` nodes has: a power of two, a quarter of them empty at least.
fn table_len(nodes: usize) -> usize {
    (nodes * 4).div_ceil(3).next_power_of_two()
}

/// The block is larger than 32 bits can address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the zone is larger than 4 GiB")]
pub struct BlockTooLarge;

/// A block that is being put together.
pub(super) struct Assembly {
    pub(super) header: Header,
    pub(super) table: Vec<NodeEntry>,
    pub(super) extra: Vec<u32>,
    dangling: Vec<[u32; 2]>,
    pub(super) chunks: Vec<u8>,
    apex: Vec<u8>,
}

impl Assembly {
    /// A block with nodes for names with these hashes; gives their numbers too, in that order.
    pub(super) fn new(
        apex: NameRef<'_>,
        apex_lower: &[u8],
        hashes: impl ExactSizeIterator<Item = NameHash>,
    ) -> (Assembly, Vec<u32>) {
        let mut header = Header {
            apex_len: apex_lower.len() as u8,
            apex_labels: apex.label_count() as u8,
            node_count: hashes.len() as u32,
            ..Header::default()
        };
        let mut apex_octets = apex_lower.to_vec();
        if apex.wire() != apex_lower {
            apex_octets.extend_from_slice(apex.wire());
            header.flags |= APEX_CASED;
        }
        let mut table = vec![NodeEntry::default(); table_len(hashes.len())];
        let mask = table.len() - 1;
        let numbers = hashes
            .map(|hash| {
                let mut at = hash.0 as usize & mask;
                while !table[at].is_empty_place() {
                    at = (at + 1) & mask;
                }
                table[at] = NodeEntry { tag: tag(hash), flags: TAKEN, ..NodeEntry::default() };
                at as u32
            })
            .collect();
        let apex = apex_octets;
        (Assembly { header, table, extra: Vec::new(), dangling: Vec::new(), chunks: Vec::new(), apex }, numbers)
    }

    pub(super) fn node(&mut self, number: u32) -> &mut NodeEntry {
        &mut self.table[number as usize]
    }

    /// Begins the chunk of the node `number`: room for its RRsets' entries, and its labels below the
    /// apex, in lower case and, if `written`, as they were written.
    pub(super) fn begin_chunk(
        &mut self,
        number: u32,
        rrset_count: u16,
        labels: &[u8],
        written: Option<&[u8]>,
    ) -> Result<(), BlockTooLarge> {
        let at = self.chunks.len().next_multiple_of(4);
        let chunk = u32::try_from(at).map_err(|_| BlockTooLarge)?;
        self.chunks.resize(at + usize::from(rrset_count) * size_of::<RrsetEntry>(), 0);
        self.chunks.extend_from_slice(labels);
        self.chunks.extend_from_slice(written.unwrap_or_default());
        let node = self.node(number);
        node.chunk = chunk;
        node.rrset_count = rrset_count;
        node.name_len = labels.len() as u8;
        node.flags |= if written.is_some() { CASED } else { 0 };
        Ok(())
    }

    /// Sets the entry of the `index`-th RRset of the node `number`.
    pub(super) fn set_rrset(&mut self, number: u32, index: u16, entry: RrsetEntry) -> Result<(), BlockTooLarge> {
        u32::try_from(self.chunks.len()).map_err(|_| BlockTooLarge)?;
        let at = self.table[number as usize].chunk as usize + usize::from(index) * size_of::<RrsetEntry>();
        self.chunks[at..at + size_of::<RrsetEntry>()].copy_from_slice(bytemuck::bytes_of(&entry));
        Ok(())
    }

    /// A record of the node `number` wants the addresses of the name with this hash, which is not in the zone.
    pub(super) fn dangles(&mut self, hash: NameHash, number: u32) {
        self.dangling.push([tag(hash), number]);
    }

    /// The entries of the RRsets of a node.
    pub(super) fn rrsets_of(&self, node: &NodeEntry) -> impl Iterator<Item = RrsetEntry> {
        let at = node.chunk as usize;
        let entries = &self.chunks[at..at + usize::from(node.rrset_count) * size_of::<RrsetEntry>()];
        entries.chunks_exact(size_of::<RrsetEntry>()).map(bytemuck::pod_read_unaligned)
    }

    pub(super) fn finish(mut self) -> Result<Arc<[u32]>, BlockTooLarge> {
        let word = |at: usize| u32::try_from(at).map_err(|_| BlockTooLarge);
        word(self.chunks.len())?;
        let table_at = HEADER_WORDS + self.apex.len().div_ceil(4);
        let extra_at = table_at + self.table.len() * (size_of::<NodeEntry>() / 4);
        let dangling_at = extra_at + self.extra.len();
        self.dangling.sort_unstable();
        self.dangling.dedup();
        let chunks_at = dangling_at + 2 * self.dangling.len();
        self.header.table_at = word(table_at)?;
        self.header.extra_at = word(extra_at)?;
        self.header.dangling_at = word(dangling_at)?;
        self.header.chunks_at = word(chunks_at)?;
        self.header.depth = self.table.iter().map(|node| node.labels).max().unwrap_or(0).max(self.header.depth);
        let total = chunks_at + self.chunks.len().div_ceil(4);
        // An iterator that knows its length: one allocation, filled in place.
        let mut block: Arc<[u32]> = std::iter::repeat_n(0, total).collect();
        if let Some(words) = Arc::get_mut(&mut block) {
            let (head, chunks) = words.split_at_mut(chunks_at);
            head[..HEADER_WORDS].copy_from_slice(bytemuck::cast_slice(bytemuck::bytes_of(&self.header)));
            let apex: &mut [u8] = bytemuck::cast_slice_mut(&mut head[HEADER_WORDS..table_at]);
            apex[..self.apex.len()].copy_from_slice(&self.apex);
            head[table_at..extra_at].copy_from_slice(bytemuck::cast_slice(&self.table));
            head[extra_at..dangling_at].copy_from_slice(&self.extra);
            head[dangling_at..].copy_from_slice(self.dangling.as_flattened());
            bytemuck::cast_slice_mut::<u32, u8>(chunks)[..self.chunks.len()].copy_from_slice(&self.chunks);
        }
        Ok(block)
    }
}
