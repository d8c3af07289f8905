//! Reading a zone: the nodes of the zone, and of the patch over it first.

use super::block::{self, Block, NodeEntry};
use super::hash::{NameHash, Suffixes};
use super::rrset::{Rrset, name_of};
use super::{Patch, Ttl, Zone, order};
use crate::wire::{Name, NameRef, Rtype};

/// A zone with at most one patch over it, and the serial that is served.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub(super) base: Block<'a>,
    pub(super) patch: Option<Block<'a>>,
    serial: u32,
    /// What no capped TTL is above.
    cap: Ttl,
}

/// A name of the zone, with its RRsets; empty non-terminals have none.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    pub(super) view: View<'a>,
    pub(super) block: Block<'a>,
    pub(super) entry: &'a NodeEntry,
}

/// In a link's number: the node is the patch's.
pub(super) const OF_PATCH: u32 = 1 << 31;

impl<'a> View<'a> {
    /// `zone` with `patch` over it, served with `serial`. `patch` must be one of `zone`.
    pub fn new(zone: &'a Zone, patch: Option<&'a Patch>, serial: u32) -> View<'a> {
        View { base: zone.block(), patch: patch.map(Patch::block), serial, cap: Ttl::MAX }
    }

    /// This view, in which no TTL that its patch says is capped is above `cap`.
    #[must_use]
    pub fn capped(self, cap: Ttl) -> View<'a> {
        View { cap: cap.min(Ttl::MAX), ..self }
    }

    /// Whether a patch lies over the zone.
    #[inline]
    pub fn is_patched(self) -> bool {
        self.patch.is_some()
    }

    /// Whether this very patch lies over the zone.
    #[inline]
    pub fn is_of(self, patch: &Patch) -> bool {
        self.patch.is_some_and(|Block(words)| std::ptr::eq(words, patch.block().0))
    }

    /// The TTL that is served, of one that is `stored`.
    #[inline]
    pub(super) fn served_ttl(self, stored: u32) -> Ttl {
        if stored & block::CAPPED == 0 { Ttl(stored) } else { Ttl(stored & !block::CAPPED).min(self.cap) }
    }

    /// The block that knows the zone's present figures.
    fn top(self) -> Block<'a> {
        self.patch.unwrap_or(self.base)
    }

    /// The apex, as it was written.
    pub fn apex(self) -> NameRef<'a> {
        NameRef::parse(self.base.apex_as_written()).unwrap_or(NameRef::root())
    }

    /// How many labels the apex has.
    pub fn apex_labels(self) -> usize {
        usize::from(self.base.header().apex_labels)
    }

    /// How many octets the apex has.
    pub fn apex_len(self) -> usize {
        usize::from(self.base.header().apex_len)
    }

    /// The serial that is served.
    pub fn serial(self) -> u32 {
        self.serial
    }

    /// How long a cache may keep that something does not exist (RFC 2308 § 3 and § 5).
    pub fn negative_ttl(self) -> Ttl {
        self.served_ttl(self.top().header().negative_ttl)
    }

    /// Whether the zone comes signed.
    pub fn is_signed(self) -> bool {
        self.base.header().flags & block::SIGNED != 0
    }

    /// Whether names are denied by NSEC3 (RFC 5155) and not by NSEC.
    pub fn uses_nsec3(self) -> bool {
        self.base.header().flags & block::NSEC3 != 0
    }

    /// The most labels below the apex that a name has.
    pub(super) fn depth(self) -> usize {
        usize::from(self.top().header().depth)
    }

    /// The node at the apex.
    pub fn apex_node(self) -> Node<'a> {
        let number = self.base.header().apex_node;
        self.linked(number).unwrap_or_else(|| self.of_base(number))
    }

    /// The node at `name`.
    pub fn find(self, name: NameRef<'_>) -> Option<Node<'a>> {
        let mut suffixes = Suffixes::new();
        suffixes.set(name.wire()).ok()?;
        let below = suffixes.labels().checked_sub(self.apex_labels())?;
        if suffixes.suffix(below) != self.base.apex() {
            return None;
        }
        self.find_hashed(suffixes.hash(0), suffixes.between(0, below))
    }

    /// The node whose name has this hash and these labels (in lower case) below the apex.
    pub(super) fn find_hashed(self, hash: NameHash, labels: &[u8]) -> Option<Node<'a>> {
        if let Some(patch) = self.patch
            && let Some(number) = patch.find(hash, labels)
        {
            return self.of_patch(patch, number);
        }
        Some(self.of_base(self.base.find(hash, labels)?))
    }

    fn of_base(self, number: u32) -> Node<'a> {
        Node { view: self, block: self.base, entry: &self.base.table()[number as usize] }
    }

    pub(super) fn of_patch(self, patch: Block<'a>, number: u32) -> Option<Node<'a>> {
        let entry = patch.table().get(number as usize)?;
        (entry.flags & block::REMOVED == 0).then_some(Node { view: self, block: patch, entry })
    }

    /// The node that a link leads to.
    pub(super) fn linked(self, number: u32) -> Option<Node<'a>> {
        if let Some(patch) = self.patch {
            if number & OF_PATCH != 0 {
                return self.of_patch(patch, number & !OF_PATCH);
            }
            let (replaced, _) = patch.extra().as_chunks::<2>();
            if let Ok(at) = replaced.binary_search_by_key(&number, |[base, _]| *base) {
                return self.of_patch(patch, replaced[at][1]);
            }
        }
        Some(self.of_base(number))
    }

    /// All names, in no order.
    pub fn nodes(self) -> impl Iterator<Item = Node<'a>> + use<'a> {
        let kept = self.base.numbers().filter_map(move |number| self.linked(number));
        let added = self.patch.into_iter().flat_map(move |patch| {
            let is_added = move |number: &u32| patch.table()[*number as usize].flags & block::ADDED != 0;
            patch.numbers().filter(is_added).filter_map(move |number| self.of_patch(patch, number))
        });
        kept.chain(added)
    }

    /// All names, in canonical order (RFC 4034 § 6.1).
    pub fn nodes_in_order(self) -> impl Iterator<Item = Node<'a>> + use<'a> {
        let mut nodes: Vec<_> = self.nodes().collect();
        nodes.sort_by(|a, b| order::cmp(a.labels(), b.labels()));
        nodes.into_iter()
    }

    /// The node that owns the NSEC record which matches or covers the name with these labels (in
    /// lower case) below the apex: the last whose name is not after it (RFC 4034 § 4.1).
    pub fn nsec_at_or_before(self, labels: &[u8]) -> Option<Node<'a>> {
        let numbers = self.base.extra();
        let after = numbers.partition_point(|&number| {
            let name = self.base.name(&self.base.table()[number as usize]);
            order::cmp(name, labels).is_le()
        });
        // The order is a circle; the apex is first, and so never after.
        self.linked(*numbers.get(after.checked_sub(1)?)?)
    }

    /// The node that owns the NSEC3 record which matches or covers the hash whose base32hex form,
    /// in lower case, is `label` (RFC 5155 § 3.3).
    pub fn nsec3_at_or_before(self, label: &[u8]) -> Option<Node<'a>> {
        let numbers = self.base.extra();
        let after = numbers.partition_point(|&number| {
            let name = self.base.name(&self.base.table()[number as usize]);
            name.get(1..).unwrap_or_default() <= label
        });
        let at = after.checked_sub(1).unwrap_or(numbers.len().checked_sub(1)?);
        self.linked(*numbers.get(at)?)
    }
}

impl<'a> Node<'a> {
    /// The owner name, as it was written.
    pub fn name(self) -> Name {
        name_of(self.block, self.entry)
    }

    /// The labels below the apex, in lower case, without a root label.
    pub fn labels(self) -> &'a [u8] {
        self.block.name(self.entry)
    }

    /// How many labels the name has below the apex.
    pub fn label_count(self) -> usize {
        usize::from(self.entry.labels)
    }

    /// The RRsets by rising type; RRSIG in one RRset per covered type.
    pub fn rrsets(self) -> impl Iterator<Item = Rrset<'a>> + use<'a> {
        let Node { view, block, entry: node } = self;
        block.rrsets_of(node).iter().map(move |entry| Rrset { view, block, node, entry })
    }

    /// The RRset of `rtype`; for RRSIG ask [`Node::rrsig`].
    pub fn rrset(self, rtype: Rtype) -> Option<Rrset<'a>> {
        let entry = self.block.rrsets_of(self.entry).iter().find(|entry| entry.rtype == rtype.0)?;
        Some(Rrset { view: self.view, block: self.block, node: self.entry, entry })
    }

    /// The signatures that cover `rtype`.
    pub fn rrsig(self, covered: Rtype) -> Option<Rrset<'a>> {
        let of_covered = |entry: &&block::RrsetEntry| entry.covered() == Some(covered);
        let entry = self.block.rrsets_of(self.entry).iter().find(of_covered)?;
        Some(Rrset { view: self.view, block: self.block, node: self.entry, entry })
    }

    /// Whether this is the apex.
    pub fn is_apex(self) -> bool {
        self.entry.labels == 0
    }

    /// Whether this is a delegation: it owns NS records and is not the apex.
    pub fn is_cut(self) -> bool {
        self.entry.flags & block::CUT != 0
    }

    /// Whether a DNAME record stands here (RFC 6672).
    pub fn has_dname(self) -> bool {
        self.entry.flags & block::DNAME != 0
    }

    /// Whether the name is below a cut or a DNAME, so that it holds glue at most.
    pub fn is_occluded(self) -> bool {
        self.entry.flags & block::OCCLUDED != 0
    }

    /// Whether there are no records here but below (RFC 4592 § 2.2.2).
    pub fn is_empty_non_terminal(self) -> bool {
        self.entry.rrset_count == 0
    }

    pub(super) fn has_wildcard_child(self) -> bool {
        self.entry.flags & block::WILDCARD_CHILD != 0
    }

    /// Of an occluded node: how many labels below the apex the cut or DNAME above it has.
    pub(super) fn cut_labels(self) -> usize {
        usize::from(self.entry.cut_labels)
    }
}
