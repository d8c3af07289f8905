//! A small change over a big zone: the owners that it touches, in full.
//!
//! What a patch costs depends on the owners that it touches and not on the zone. It is a block of
//! the same layout, which is looked at first; a node of it replaces the node of the same name, or
//! says that the name is gone.
//!
//! A patch does not move cuts: changes that make or remove a delegation or a DNAME change what is
//! below them, and need [`Zone::rebuilt`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::block::{self, Assembly, Block, BlockTooLarge};
use super::build::{BuildError, ZoneBuilder, canonical_rdata, soa};
use super::hash::{NameHash, Suffixes};
use super::render::{Renderer, Source};
use super::view::OF_PATCH;
use super::{Node, Ttl, View, Zone};
use crate::wire::rdata::{self, MalformedRdata};
use crate::wire::{Name, NameRef, Rtype};

/// One RRset as it is to be. Of RRSIG: the signatures that cover the type that the first of them
/// covers; without records, all signatures of the owner are removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The owner, absolute.
    pub owner: Name,
    /// The type.
    pub rtype: Rtype,
    /// The TTL, at most [`Ttl::MAX`].
    pub ttl: Ttl,
    /// Whether a patch lets the view's cap bound the TTL ([`View::capped`]). Of RRSIG this counts for nothing:
    /// its TTL is that of the records it covers (RFC 4035 § 2.2), and so it is capped when they are. That a
    /// TTL is lower than the signature's Original TTL is allowed (RFC 4035 § 5.3.3).
    pub capped: bool,
    /// The records' data, uncompressed; none removes the RRset.
    pub rdatas: Vec<Box<[u8]>>,
}

impl Change {
    /// Of RRSIG with records: the type that they cover.
    fn covered(&self) -> Option<Rtype> {
        match (self.rtype, self.rdatas.first().map(|rdata| &**rdata)) {
            (Rtype::RRSIG, Some([high, low, ..])) => Some(Rtype(u16::from_be_bytes([*high, *low]))),
            _ => None,
        }
    }

    /// Whether this decides what becomes of the RRset.
    fn decides(&self, owner: &Name, rtype: Rtype, covered: Option<Rtype>) -> bool {
        let of_covered = rtype != Rtype::RRSIG || self.rdatas.is_empty() || self.covered() == covered;
        self.rtype == rtype && self.owner == *owner && of_covered
    }
}

/// Why a change can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The owner is not in the zone.
    #[error("{owner} is not in the zone {apex}")]
    OutOfZone {
        /// The owner.
        owner: Name,
        /// The zone's apex.
        apex: Name,
    },
    /// The data doesn't have the form of its type.
    #[error(transparent)]
    MalformedRdata(#[from] MalformedRdata),
    /// The change makes or removes a delegation or a DNAME; see [`Zone::rebuilt`].
    #[error("{owner} {rtype} changes where the zone is cut")]
    Structure {
        /// The owner.
        owner: Name,
        /// The type: NS or DNAME.
        rtype: Rtype,
    },
    /// The changed records don't make a zone.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl From<BlockTooLarge> for PatchError {
    fn from(too_large: BlockTooLarge) -> Self {
        PatchError::Build(too_large.into())
    }
}

/// The owners of a zone that differ in an edition.
#[derive(Clone)]
pub struct Patch {
    words: Arc<[u32]>,
}

impl std::fmt::Debug for Patch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Patch({} nodes)", self.block().header().node_count)
    }
}

/// In the place of a number: the name is not in the zone.
const NO_NODE: u32 = u32::MAX;

/// RRsets of one owner by type and covered type.
type Rrsets = BTreeMap<(u16, u16), Contents>;

/// What an RRset will be.
struct Contents {
    ttl: Ttl,
    capped: bool,
    rdatas: Vec<Vec<u8>>,
}

/// A name that the patch touches: what it will own; `None` if it will be gone.
struct Touched {
    name: Name,
    base: u32,
    flags: u8,
    cut_labels: u8,
    rrsets: Option<Rrsets>,
}

impl Patch {
    pub(in crate::zone) fn block(&self) -> Block<'_> {
        Block(&self.words)
    }

    /// How many octets the patch occupies.
    pub fn size(&self) -> usize {
        size_of_val(&*self.words)
    }

    /// The patch that makes `changes` in `zone`. Of two changes of one RRset the later counts.
    ///
    /// # Errors
    /// [`PatchError`] if a change can't be made, or not by a patch.
    pub fn new(zone: &Zone, changes: &[Change]) -> Result<Patch, PatchError> {
        let mut touched = touch(zone, changes)?;
        prune(zone, &mut touched);
        touch_referrers(zone, &mut touched);
        mark_wildcards(zone, &mut touched);
        let mut nodes: Vec<Touched> = touched.into_values().collect();
        // As `View::linked` searches: by the number of the node that is replaced, new ones last.
        nodes.sort_by(|a, b| a.base.cmp(&b.base).then_with(|| a.name.cmp(&b.name)));
        lay_out(zone, &nodes)
    }
}

/// The owners that `changes` touch, and the empty non-terminals that they make.
fn touch(zone: &Zone, changes: &[Change]) -> Result<BTreeMap<Name, Touched>, PatchError> {
    let mut touched: BTreeMap<Name, Touched> = BTreeMap::new();
    for change in changes {
        let Change { owner, rtype, .. } = change;
        if !owner.as_ref().is_at_or_below(zone.apex()) {
            return Err(PatchError::OutOfZone { owner: owner.clone(), apex: zone.apex().to_owned() });
        }
        for rdata in &change.rdatas {
            rdata::check(*rtype, rdata)?;
        }
        let exists = zone.find(owner.as_ref()).is_some_and(|node| node.rrset(*rtype).is_some());
        let is_apex = *owner.as_ref().wire() == *zone.apex().wire() || owner.as_ref() == zone.apex();
        let cuts = (*rtype == Rtype::NS && !is_apex) || *rtype == Rtype::DNAME;
        if cuts && exists == change.rdatas.is_empty() {
            return Err(PatchError::Structure { owner: owner.clone(), rtype: *rtype });
        }
        add_ancestors(zone, &mut touched, owner);
        let node = touched.entry(owner.clone()).or_insert_with(|| Touched::of(zone, owner));
        let rrsets = node.rrsets.get_or_insert_default();
        if change.rdatas.is_empty() {
            rrsets.retain(|&(of, _), _| of != rtype.0);
        } else {
            let covered = change.covered().map_or(0, |covered| covered.0);
            let mut rdatas: Vec<Vec<u8>> = Vec::with_capacity(change.rdatas.len());
            let mut seen = BTreeSet::new();
            for rdata in &change.rdatas {
                if seen.insert(canonical_rdata(*rtype, rdata)) {
                    rdatas.push(rdata.to_vec());
                }
            }
            rrsets.insert((rtype.0, covered), Contents { ttl: change.ttl, capped: change.capped, rdatas });
        }
    }
    Ok(touched)
}

impl Touched {
    /// The name as the zone has it.
    fn of(zone: &Zone, name: &Name) -> Touched {
        let Some(node) = zone.find(name.as_ref()) else {
            let above = occlusion(zone, name);
            let (flags, cut_labels) = above.map_or((0, 0), |cut_labels| (block::OCCLUDED, cut_labels));
            return Touched { name: name.clone(), base: NO_NODE, flags, cut_labels, rrsets: Some(Rrsets::new()) };
        };
        let rrsets = node
            .rrsets()
            .map(|rrset| {
                let covered = rrset.covered().map_or(0, |covered| covered.0);
                let contents = Contents { ttl: rrset.ttl(), capped: false, rdatas: rrset.rdatas().collect() };
                ((rrset.rtype().0, covered), contents)
            })
            .collect();
        Touched {
            name: node.name(),
            base: number_of(zone, &node),
            flags: node.entry.flags & !(block::CASED | block::TAKEN),
            cut_labels: node.entry.cut_labels,
            rrsets: Some(rrsets),
        }
    }

    fn is_gone(&self) -> bool {
        self.rrsets.is_none()
    }
}

/// The number of `node`, one of `zone`'s own.
fn number_of(zone: &Zone, node: &Node<'_>) -> u32 {
    let mut suffixes = Suffixes::new();
    let name = node.name();
    if suffixes.set(name.wire()).is_err() {
        return NO_NODE;
    }
    zone.block().find(suffixes.hash(0), node.labels()).unwrap_or(NO_NODE)
}

/// Of a new name: the labels below the apex of the cut or DNAME above it.
fn occlusion(zone: &Zone, name: &Name) -> Option<u8> {
    let mut ancestor = name.as_ref().parent();
    while let Some(above) = ancestor {
        if let Some(node) = zone.find(above) {
            return if node.is_occluded() {
                Some(node.entry.cut_labels)
            } else {
                (node.is_cut() || node.has_dname()).then_some(node.entry.labels)
            };
        }
        ancestor = above.parent();
    }
    None
}

/// The empty non-terminals above `owner` that the zone does not have yet.
fn add_ancestors(zone: &Zone, touched: &mut BTreeMap<Name, Touched>, owner: &Name) {
    let mut ancestor = owner.as_ref().parent();
    while let Some(above) = ancestor.filter(|above| above.is_below(zone.apex())) {
        if zone.find(above).is_some() {
            return;
        }
        let name = above.to_owned();
        touched.entry(name).or_insert_with_key(|name| Touched::of(zone, name));
        ancestor = above.parent();
    }
}

/// Removes names that own nothing and have nothing below them, upwards.
fn prune(zone: &Zone, touched: &mut BTreeMap<Name, Touched>) {
    let is_empty = |node: &Touched| node.rrsets.as_ref().is_some_and(BTreeMap::is_empty);
    let mut empty: Vec<Name> = touched.values().filter(|node| is_empty(node)).map(|node| node.name.clone()).collect();
    if empty.is_empty() {
        return;
    }
    // How many names below each there are more than in the zone, or fewer.
    let mut more: HashMap<Name, i64> = HashMap::new();
    let parent_of = |name: &Name| name.as_ref().parent().map(NameRef::to_owned);
    for parent in touched.values().filter(|node| node.base == NO_NODE).filter_map(|node| parent_of(&node.name)) {
        *more.entry(parent).or_default() += 1;
    }
    // The deepest first, so that a parent is looked at after its children are gone.
    empty.sort_by_key(|name| name.as_ref().label_count());
    while let Some(name) = empty.pop() {
        if children_of(zone, &name) + more.get(&name).copied().unwrap_or(0) > 0 || name.as_ref() == zone.apex() {
            continue;
        }
        if let Some(node) = touched.get_mut(&name) {
            node.rrsets = None;
        }
        let Some(parent) = parent_of(&name).filter(|parent| parent.as_ref().is_below(zone.apex())) else { continue };
        *more.entry(parent.clone()).or_default() -= 1;
        let node = touched.entry(parent.clone()).or_insert_with(|| Touched::of(zone, &parent));
        if is_empty(node) && !empty.contains(&parent) {
            let at = empty.partition_point(|other| other.as_ref().label_count() <= parent.as_ref().label_count());
            empty.insert(at, parent);
        }
    }
}

/// How many names of `zone` are one label below `name`.
fn children_of(zone: &Zone, name: &Name) -> i64 {
    let Some(node) = zone.find(name.as_ref()) else { return 0 };
    if node.entry.children < block::CHILDREN_MAX {
        return i64::from(node.entry.children);
    }
    let is_child = |child: &Node<'_>| {
        child.label_count() == node.label_count() + 1 && child.name().as_ref().is_below(name.as_ref())
    };
    zone.nodes().filter(is_child).count() as i64
}

/// Adds the owners whose records name a host that gets its first address here: their records know
/// the nodes that they refer to, and a referral must bring this address (RFC 9471).
fn touch_referrers(zone: &Zone, touched: &mut BTreeMap<Name, Touched>) {
    let has_address = |rrsets: &Rrsets| {
        let addresses = |rtype: Rtype| rrsets.contains_key(&(rtype.0, 0));
        addresses(Rtype::A) || addresses(Rtype::AAAA)
    };
    let hosts = touched
        .values()
        .filter(|node| node.base == NO_NODE && node.rrsets.as_ref().is_some_and(has_address))
        .map(|node| NameHash::of(node.name.as_ref().to_lowercase().as_ref()));
    // A node that only seems to refer to one is told again what it is.
    let referrers: Vec<u32> = hosts.flat_map(|host| zone.block().dangling(host)).collect();
    for owner in referrers.into_iter().filter_map(|number| zone.view().linked(number)).map(Node::name) {
        touched.entry(owner).or_insert_with_key(|owner| Touched::of(zone, owner));
    }
}

/// Tells parents whether they have a wildcard as child.
fn mark_wildcards(zone: &Zone, touched: &mut BTreeMap<Name, Touched>) {
    let wildcards: Vec<(Name, bool)> = touched
        .values()
        .filter(|node| node.name.as_ref().is_wildcard())
        .filter_map(|node| Some((node.name.as_ref().parent()?.to_owned(), !node.is_gone())))
        .collect();
    for (parent, exists) in wildcards {
        let node = touched.entry(parent.clone()).or_insert_with(|| Touched::of(zone, &parent));
        node.flags = node.flags & !block::WILDCARD_CHILD | if exists { block::WILDCARD_CHILD } else { 0 };
    }
}

fn lay_out(zone: &Zone, nodes: &[Touched]) -> Result<Patch, PatchError> {
    let base = zone.block();
    let apex = base.apex();
    let apex_labels = usize::from(base.header().apex_labels);
    let hashes: Vec<NameHash> =
        nodes.iter().map(|node| NameHash::of(node.name.as_ref().to_lowercase().as_ref())).collect();
    let apex_as_written = NameRef::parse(base.apex_as_written()).unwrap_or(NameRef::root());
    let (mut assembly, numbers) = Assembly::new(apex_as_written, apex, hashes.into_iter());
    assembly.header.flags |= base.header().flags & block::SIGNED;
    assembly.header.serial = base.header().serial;
    assembly.header.negative_ttl = base.header().negative_ttl;
    assembly.header.depth = base.header().depth;
    let is_added = |(node, _): &(&Touched, &u32)| node.base == NO_NODE;
    let added: HashMap<&Name, u32> =
        nodes.iter().zip(&numbers).filter(is_added).map(|(node, &number)| (&node.name, number)).collect();
    let resolve = |name: &[u8]| {
        let target = NameRef::parse(name).ok()?;
        target.is_at_or_below(NameRef::parse(apex).ok()?).then_some(())?;
        if let Some(number) = zone.find(target).map(|node| number_of(zone, &node)) {
            return Some(number);
        }
        added.get(&target.to_owned()).map(|number| number | OF_PATCH)
    };
    let mut renderer = Renderer::default();
    for (node, &number) in nodes.iter().zip(&numbers) {
        let rrsets = node.rrsets.iter().flatten();
        let owner = node.name.as_ref().to_lowercase();
        let labels = owner.as_ref().prefix_below(apex_as_written).unwrap_or_default();
        let written = Some(&node.name.wire()[..labels.len()]).filter(|written| *written != labels);
        let rrset_count = u16::try_from(rrsets.clone().count()).map_err(|_| BlockTooLarge)?;
        assembly.begin_chunk(number, rrset_count, labels, written)?;
        let entry = assembly.node(number);
        entry.labels = (owner.as_ref().label_count() - apex_labels) as u8;
        entry.cut_labels = node.cut_labels;
        entry.flags |= node.flags;
        if node.base == NO_NODE {
            entry.flags |= block::ADDED;
        } else {
            assembly.extra.extend([node.base, number]);
        }
        if node.is_gone() {
            assembly.node(number).flags |= block::REMOVED;
        }
        let is_capped = |rtype: u16| {
            let rrsets = node.rrsets.as_ref();
            rrsets.and_then(|rrsets| rrsets.get(&(rtype, 0))).is_some_and(|contents| contents.capped)
        };
        for (index, (&(rtype, covered), Contents { ttl, rdatas, .. })) in (0..).zip(rrsets) {
            let ttl = (*ttl).min(Ttl::MAX).0;
            let rtype = Rtype(rtype);
            let capped = is_capped(if rtype == Rtype::RRSIG { covered } else { rtype.0 });
            let flag = if capped { block::CAPPED } else { 0 };
            if rtype == Rtype::SOA
                && let Some(soa) = rdatas.first().and_then(|rdata| soa(ttl, rdata))
            {
                assembly.header.serial = soa.serial;
                // Of the SOA record's TTL and MINIMUM the smaller (RFC 2308 § 5): a cap on the one bounds both.
                assembly.header.negative_ttl = soa.negative_ttl | flag;
            }
            let rdatas = rdatas.iter().map(Vec::as_slice);
            let source = Source { apex, owner: owner.wire(), rtype, ttl: Ttl(ttl | flag), rdatas };
            let entry = renderer.render(source, &mut assembly.chunks, resolve);
            assembly.set_rrset(number, index, entry)?;
        }
    }
    Ok(Patch { words: assembly.finish()? })
}

/// The zone that results when `changes` are made.
pub(super) fn rebuild(zone: &Zone, changes: &[Change]) -> Result<Zone, PatchError> {
    let view: View<'_> = zone.view();
    let mut builder = ZoneBuilder::new(zone.apex());
    let mut add = |owner: NameRef<'_>, rtype: Rtype, ttl: Ttl, rdata: &[u8]| {
        builder.add(owner, rtype, ttl, rdata).map_err(|error| match error {
            super::AddError::MalformedRdata(malformed) => PatchError::MalformedRdata(malformed),
            super::AddError::TooLarge(too_large) => too_large.into(),
            super::AddError::OutOfZone | super::AddError::MetaType(_) => {
                PatchError::OutOfZone { owner: owner.to_owned(), apex: zone.apex().to_owned() }
            }
        })
    };
    let mut by_owner: HashMap<&Name, Vec<(usize, &Change)>> = HashMap::new();
    for (at, change) in changes.iter().enumerate() {
        by_owner.entry(&change.owner).or_default().push((at, change));
    }
    for node in view.nodes() {
        let owner = node.name();
        let of_owner = by_owner.get(&owner).map(Vec::as_slice).unwrap_or_default();
        for rrset in node.rrsets() {
            if of_owner.iter().any(|(_, change)| change.decides(&owner, rrset.rtype(), rrset.covered())) {
                continue;
            }
            for rdata in rrset.rdatas() {
                add(owner.as_ref(), rrset.rtype(), rrset.ttl(), &rdata)?;
            }
        }
    }
    for (at, change) in changes.iter().enumerate() {
        let of_owner = by_owner.get(&change.owner).map(Vec::as_slice).unwrap_or_default();
        let mut later = of_owner.iter().filter(|(number, _)| *number > at);
        let overridden = later.any(|(_, later)| later.decides(&change.owner, change.rtype, change.covered()));
        for rdata in change.rdatas.iter().filter(|_| !overridden) {
            add(change.owner.as_ref(), change.rtype, change.ttl, rdata)?;
        }
    }
    Ok(builder.finish()?.0)
}
