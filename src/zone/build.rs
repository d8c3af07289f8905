//! Builds a zone from records, given in any order.

use std::collections::HashSet;

use super::block::{self, Assembly, BlockTooLarge};
use super::hash::{NameHash, Suffixes};
use super::render::{Renderer, Source};
use super::{Ttl, Zone, order};
use crate::wire::rdata::{self, MalformedRdata};
use crate::wire::{Name, NameRef, Rtype};

/// Why a record can't be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// The owner is not at or below the apex.
    #[error("the name is not in the zone")]
    OutOfZone,
    /// The data doesn't have the form of its type.
    #[error(transparent)]
    MalformedRdata(#[from] MalformedRdata),
    /// The type never stands in a zone (OPT, TSIG, ANY …).
    #[error("{0} records do not stand in zones")]
    MetaType(Rtype),
    /// There is more than a zone can hold.
    #[error(transparent)]
    TooLarge(#[from] BlockTooLarge),
}

/// Why records don't make a zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// There is no SOA record at the apex.
    #[error("there is no SOA record at the apex {apex}")]
    NoSoa {
        /// The apex.
        apex: Name,
    },
    /// There is more than one SOA record, or one that is not at the apex.
    #[error("there is a second SOA record, at {owner}; a zone has one, at its apex")]
    SecondSoa {
        /// Where the second one stands.
        owner: Name,
    },
    /// An RRset has more records than can be counted.
    #[error("{owner} {rtype} has more than 65,535 records")]
    RrsetTooLarge {
        /// The RRset's owner.
        owner: Name,
        /// The RRset's type.
        rtype: Rtype,
    },
    /// There is more than a zone can hold.
    #[error(transparent)]
    TooLarge(#[from] BlockTooLarge),
}

/// Something that was mended while building.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The TTLs of an RRset differed (RFC 2181 § 5.2); the smallest was taken.
    TtlsDiffer {
        /// The RRset's owner.
        owner: Name,
        /// The RRset's type.
        rtype: Rtype,
        /// The TTL that was taken.
        kept: Ttl,
    },
    /// A record stood there twice (RFC 2181 § 5); one was left out.
    Duplicate {
        /// The record's owner.
        owner: Name,
        /// The record's type.
        rtype: Rtype,
    },
}

/// Takes records and makes a [`Zone`] of them.
pub struct ZoneBuilder {
    apex: Name,
    apex_lower: Name,
    apex_labels: usize,
    nodes: Vec<Draft>,
    /// Numbers of nodes plus one by hash; a power of two.
    slots: Vec<u32>,
    /// Octets of names: lower case, and as written where that differs.
    names: Vec<u8>,
    records: Vec<Record>,
    rdata: Vec<u8>,
    /// The last record's owner, as it was given, and its node: files name an owner in runs.
    last_owner: Vec<u8>,
    last_node: u32,
    suffixes: Suffixes,
}

struct Draft {
    hash: NameHash,
    name: u32,
    parent: u32,
    records: u32,
    name_len: u8,
    labels: u8,
    cased: bool,
}

#[derive(Clone, Copy)]
struct Record {
    node: u32,
    ttl: u32,
    rdata: u32,
    rdata_len: u16,
    rtype: u16,
    covered: u16,
}

impl ZoneBuilder {
    /// A zone with this apex and no records.
    pub fn new(apex: NameRef<'_>) -> ZoneBuilder {
        let mut builder = ZoneBuilder {
            apex: apex.to_owned(),
            apex_lower: apex.to_lowercase(),
            apex_labels: apex.label_count(),
            nodes: Vec::new(),
            slots: vec![0; 16],
            names: Vec::new(),
            records: Vec::new(),
            rdata: Vec::new(),
            last_owner: Vec::new(),
            last_node: 0,
            suffixes: Suffixes::new(),
        };
        builder.insert(NameHash::of(builder.apex_lower.as_ref()), 0, 0, 0, 0, false);
        builder
    }

    /// How many records were added.
    pub fn record_count(&self) -> usize {
        self.records.len()
    }

    /// Adds a record; `rdata` is uncompressed. A TTL of more than 31 bits is taken for [`Ttl::MAX`]: it is
    /// long, and not, as RFC 2181 § 8 had it, zero (RFC 8767 § 4).
    ///
    /// # Errors
    /// [`AddError`]; the builder is then as before.
    pub fn add(&mut self, owner: NameRef<'_>, rtype: Rtype, ttl: Ttl, rdata: &[u8]) -> Result<(), AddError> {
        if rtype.is_meta() {
            return Err(AddError::MetaType(rtype));
        }
        rdata::check(rtype, rdata)?;
        let rdata_len = u16::try_from(rdata.len()).map_err(|_| MalformedRdata { rtype })?;
        let at = u32::try_from(self.rdata.len()).map_err(|_| BlockTooLarge)?;
        let node = if !self.last_owner.is_empty() && self.last_owner == owner.wire() {
            self.last_node
        } else {
            let node = self.node(owner)?;
            self.last_owner.clear();
            self.last_owner.extend_from_slice(owner.wire());
            self.last_node = node;
            node
        };
        self.rdata.extend_from_slice(rdata);
        self.nodes[node as usize].records += 1;
        let covered = match (rtype, rdata) {
            (Rtype::RRSIG, [high, low, ..]) => u16::from_be_bytes([*high, *low]),
            _ => 0,
        };
        self.records.push(Record { node, ttl: ttl.min(Ttl::MAX).0, rdata: at, rdata_len, rtype: rtype.0, covered });
        Ok(())
    }

    /// The node of `owner`; it and its ancestors below the apex are made if need be.
    fn node(&mut self, owner: NameRef<'_>) -> Result<u32, AddError> {
        self.suffixes.set(owner.wire()).map_err(|_| AddError::OutOfZone)?;
        let below = self.suffixes.labels().checked_sub(self.apex_labels).ok_or(AddError::OutOfZone)?;
        if self.suffixes.suffix(below) != self.apex_lower.wire() {
            return Err(AddError::OutOfZone);
        }
        if u32::try_from(self.names.len() + 512).is_err() {
            return Err(BlockTooLarge.into());
        }
        let mut missing = 0;
        let mut parent = loop {
            match self.find(self.suffixes.hash(missing), self.suffixes.between(missing, below)) {
                Some(node) => break node,
                None if missing < below => missing += 1,
                None => break 0,
            }
        };
        for skipped in (0..missing).rev() {
            let name = u32::try_from(self.names.len()).map_err(|_| BlockTooLarge)?;
            let labels = self.suffixes.between(skipped, below);
            let len = labels.len();
            self.names.extend_from_slice(labels);
            let start = self.suffixes.offset(skipped);
            let written = &owner.wire()[start..start + len];
            let cased = skipped == 0 && written != self.suffixes.between(skipped, below);
            if cased {
                self.names.extend_from_slice(written);
            }
            parent = self.insert(self.suffixes.hash(skipped), name, len, below - skipped, parent, cased);
        }
        Ok(parent)
    }

    fn find(&self, hash: NameHash, labels: &[u8]) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = hash.0 as usize & mask;
        loop {
            let node = self.slots[at].checked_sub(1)?;
            let draft = &self.nodes[node as usize];
            if draft.hash == hash && self.labels(draft) == labels {
                return Some(node);
            }
            at = (at + 1) & mask;
        }
    }

    fn labels(&self, draft: &Draft) -> &[u8] {
        &self.names[draft.name as usize..][..usize::from(draft.name_len)]
    }

    fn insert(&mut self, hash: NameHash, name: u32, len: usize, labels: usize, parent: u32, cased: bool) -> u32 {
        let node = self.nodes.len() as u32;
        let (name_len, labels) = (len as u8, labels as u8);
        self.nodes.push(Draft { hash, name, parent, records: 0, name_len, labels, cased });
        if self.nodes.len() * 2 > self.slots.len() {
            self.slots.clear();
            self.slots.resize(self.nodes.len() * 4, 0);
            let slots = self.slots.len().next_power_of_two();
            self.slots.resize(slots, 0);
            for number in 0..=node {
                self.occupy(number);
            }
        } else {
            self.occupy(node);
        }
        node
    }

    fn occupy(&mut self, node: u32) {
        let mask = self.slots.len() - 1;
        let mut at = self.nodes[node as usize].hash.0 as usize & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = node + 1;
    }

    /// Makes the zone; says what was mended on the way.
    ///
    /// # Errors
    /// [`BuildError`] if the records don't make a zone.
    pub fn finish(self) -> Result<(Zone, Vec<Remark>), BuildError> {
        let hashes = self.nodes.iter().map(|draft| draft.hash);
        let (mut assembly, numbers) = Assembly::new(self.apex.as_ref(), self.apex_lower.wire(), hashes);
        let mut building =
            Building { assembly: &mut assembly, numbers: &numbers, remarks: Vec::new(), soa: None, records: 0 };
        self.place_rrsets(&mut building)?;
        let Building { remarks, soa, records, .. } = building;
        let Some(soa) = soa else { return Err(BuildError::NoSoa { apex: self.apex }) };
        self.mark_nodes(&mut assembly, &numbers);
        self.place_denial(&mut assembly, &numbers);
        let apex = *assembly.node(numbers[0]);
        let owns = |rtype: Rtype| assembly.rrsets_of(&apex).any(|entry| entry.rtype == rtype.0);
        if owns(Rtype::DNSKEY) && owns(Rtype::RRSIG) {
            assembly.header.flags |= block::SIGNED;
        }
        assembly.header.apex_node = numbers[0];
        assembly.header.record_count = records;
        assembly.header.serial = soa.serial;
        assembly.header.negative_ttl = soa.negative_ttl;
        Ok((Zone { words: assembly.finish()? }, remarks))
    }

    /// The records' numbers, those of one node together, each node's by type and then as given.
    fn records_by_node(&self) -> Vec<u32> {
        let mut starts = Vec::with_capacity(self.nodes.len());
        let mut total = 0u32;
        for draft in &self.nodes {
            starts.push(total);
            total += draft.records;
        }
        let mut order = vec![0; self.records.len()];
        let mut next = starts.clone();
        for (number, record) in (0..).zip(&self.records) {
            let place = &mut next[record.node as usize];
            order[*place as usize] = number;
            *place += 1;
        }
        for (start, draft) in starts.iter().zip(&self.nodes) {
            let run = &mut order[*start as usize..][..draft.records as usize];
            run.sort_by_key(|&number| {
                let record = &self.records[number as usize];
                (record.rtype, record.covered)
            });
        }
        order
    }

    fn place_rrsets(&self, building: &mut Building<'_>) -> Result<(), BuildError> {
        let order = self.records_by_node();
        let mut renderer = Renderer::default();
        let mut rdatas: Vec<&[u8]> = Vec::new();
        let mut owner_wire = Vec::new();
        let mut suffixes = Suffixes::new();
        let mut rest = &order[..];
        for (draft, &number) in self.nodes.iter().zip(building.numbers) {
            let (mut run, after) = rest.split_at(draft.records as usize);
            rest = after;
            let key = |&record: &u32| {
                let record = &self.records[record as usize];
                (record.rtype, record.covered)
            };
            let labels = self.labels(draft);
            let rrsets = u16::try_from(run.chunk_by(|a, b| key(a) == key(b)).count()).map_err(|_| BlockTooLarge)?;
            building.assembly.begin_chunk(number, rrsets, labels, self.as_written(draft))?;
            owner_wire.clear();
            owner_wire.extend_from_slice(labels);
            owner_wire.extend_from_slice(self.apex_lower.wire());
            for index in 0..rrsets {
                let Some(first) = run.first() else { break };
                let rtype = Rtype(key(first).0);
                let (rrset, next) = run.split_at(run.iter().take_while(|record| key(record) == key(first)).count());
                run = next;
                let ttl = self.rrset(draft, rrset, rtype, &mut rdatas, building)?;
                match rtype {
                    Rtype::NS if draft.labels > 0 => building.assembly.node(number).flags |= block::CUT,
                    Rtype::DNAME => building.assembly.node(number).flags |= block::DNAME,
                    _ => {}
                }
                let source = Source {
                    apex: self.apex_lower.wire(),
                    owner: &owner_wire,
                    rtype,
                    ttl,
                    rdatas: rdatas.iter().copied(),
                };
                let apex = self.apex_lower.wire();
                let mut dangling = Vec::new();
                let resolve = |name: &[u8]| {
                    let Some(draft) = self.resolve(&mut suffixes, name) else {
                        let end = name.len().checked_sub(apex.len()).and_then(|at| name.get(at..));
                        if end.is_some_and(|end| end.eq_ignore_ascii_case(apex)) && suffixes.set(name).is_ok() {
                            dangling.push(suffixes.hash(0));
                        }
                        return None;
                    };
                    building.numbers.get(draft as usize).copied()
                };
                let entry = renderer.render(source, &mut building.assembly.chunks, resolve);
                dangling.into_iter().for_each(|hash| building.assembly.dangles(hash, number));
                building.assembly.set_rrset(number, index, entry)?;
            }
        }
        Ok(())
    }

    /// Gathers the data of an RRset's `records` into `rdatas`; gives its TTL.
    fn rrset<'a>(
        &'a self,
        draft: &Draft,
        records: &[u32],
        rtype: Rtype,
        rdatas: &mut Vec<&'a [u8]>,
        building: &mut Building<'_>,
    ) -> Result<Ttl, BuildError> {
        let records = records.iter().map(|&record| &self.records[record as usize]);
        let ttl = records.clone().map(|record| record.ttl).min().unwrap_or(0);
        if records.clone().any(|record| record.ttl != ttl) {
            building.remarks.push(Remark::TtlsDiffer { owner: self.owner(draft), rtype, kept: Ttl(ttl) });
        }
        rdatas.clear();
        rdatas.extend(records.map(|record| self.rdata_of(record)));
        if drop_duplicates(rtype, rdatas) {
            building.remarks.push(Remark::Duplicate { owner: self.owner(draft), rtype });
        }
        if rdatas.len() > usize::from(u16::MAX) {
            return Err(BuildError::RrsetTooLarge { owner: self.owner(draft), rtype });
        }
        if rtype == Rtype::SOA {
            if draft.labels > 0 || rdatas.len() > 1 {
                return Err(BuildError::SecondSoa { owner: self.owner(draft) });
            }
            building.soa = rdatas.first().and_then(|rdata| soa(ttl, rdata));
        }
        building.records += rdatas.len() as u32;
        Ok(Ttl(ttl))
    }

    /// The labels of a node as they were written, if that is not in lower case.
    fn as_written(&self, draft: &Draft) -> Option<&[u8]> {
        let len = usize::from(draft.name_len);
        draft.cased.then(|| &self.names[draft.name as usize + len..][..len])
    }

    /// What nodes know of those above and below them. A node is occluded if one of its ancestors is
    /// a cut or has a DNAME; parents stand before their children.
    fn mark_nodes(&self, assembly: &mut Assembly, numbers: &[u32]) {
        for (draft, &number) in self.nodes.iter().zip(numbers) {
            assembly.node(number).labels = draft.labels;
            if draft.labels == 0 {
                continue;
            }
            let parent = numbers[draft.parent as usize];
            if self.labels(draft).starts_with(b"\x01*") {
                assembly.node(parent).flags |= block::WILDCARD_CHILD;
            }
            let parent = assembly.node(parent);
            parent.children = parent.children.saturating_add(1);
            let parent = *parent;
            let node = assembly.node(number);
            if parent.flags & block::OCCLUDED != 0 {
                node.cut_labels = parent.cut_labels;
            } else if parent.flags & (block::CUT | block::DNAME) != 0 {
                node.cut_labels = parent.labels;
            } else {
                continue;
            }
            node.flags |= block::OCCLUDED;
        }
    }

    /// The node that a name in RDATA leads to.
    fn resolve(&self, suffixes: &mut Suffixes, name: &[u8]) -> Option<u32> {
        let below = name.len().checked_sub(self.apex_lower.wire().len())?;
        if !name[below..].eq_ignore_ascii_case(self.apex_lower.wire()) {
            return None;
        }
        suffixes.set(name).ok()?;
        let labels = suffixes.labels().checked_sub(self.apex_labels)?;
        if suffixes.suffix(labels) != self.apex_lower.wire() {
            return None;
        }
        self.find(suffixes.hash(0), suffixes.between(0, labels))
    }

    fn rdata_of(&self, record: &Record) -> &[u8] {
        &self.rdata[record.rdata as usize..][..usize::from(record.rdata_len)]
    }

    fn owner(&self, draft: &Draft) -> Name {
        crate::wire::name::join(self.labels(draft), self.apex.as_ref()).unwrap_or_else(|_| self.apex.clone())
    }

    /// The nodes that own NSEC3 or NSEC, in the order in which they are searched.
    fn place_denial(&self, assembly: &mut Assembly, numbers: &[u32]) {
        // An unsigned zone is not searched for what it doesn't have.
        let is_denial = |record: &Record| matches!(Rtype(record.rtype), Rtype::NSEC | Rtype::NSEC3);
        if !self.records.iter().any(is_denial) {
            return;
        }
        let owners = |rtype: Rtype| -> Vec<usize> {
            let owns = |draft: &usize| {
                let node = &assembly.table[numbers[*draft] as usize];
                node.flags & block::OCCLUDED == 0 && assembly.rrsets_of(node).any(|entry| entry.rtype == rtype.0)
            };
            (0..numbers.len()).filter(owns).collect()
        };
        let labels = |draft: &usize| self.labels(&self.nodes[*draft]);
        let mut found = owners(Rtype::NSEC3);
        let flag = if found.is_empty() {
            found = owners(Rtype::NSEC);
            found.sort_by(|a, b| order::cmp(labels(a), labels(b)));
            block::NSEC
        } else {
            found.sort_by(|a, b| labels(a).cmp(labels(b)));
            block::NSEC3
        };
        assembly.header.flags |= flag;
        assembly.extra = found.into_iter().map(|draft| numbers[draft]).collect();
    }
}

/// A zone that is being put together.
struct Building<'a> {
    assembly: &'a mut Assembly,
    /// The numbers of the drafts' nodes.
    numbers: &'a [u32],
    remarks: Vec<Remark>,
    soa: Option<Soa>,
    records: u32,
}

/// What a zone keeps at hand of its SOA record.
pub(super) struct Soa {
    pub(super) serial: u32,
    pub(super) negative_ttl: u32,
}

/// Reads the SOA record's `rdata`, served with `ttl`.
pub(super) fn soa(ttl: u32, rdata: &[u8]) -> Option<Soa> {
    let tail = rdata.len().checked_sub(super::rrset::SOA_TAIL)?;
    let (integers, _) = rdata.get(tail..)?.as_chunks::<4>();
    let minimum = u32::from_be_bytes(*integers.get(4)?);
    Some(Soa { serial: u32::from_be_bytes(*integers.first()?), negative_ttl: ttl.min(minimum) })
}

/// Leaves out records that are equal to an earlier one (RFC 2181 § 5, compared as RFC 4034 § 6.2
/// says); gives whether there were any.
fn drop_duplicates(rtype: Rtype, rdatas: &mut Vec<&[u8]>) -> bool {
    /// Up to here comparing each with each is quicker than hashing.
    const FEW: usize = 8;
    let before = rdatas.len();
    if before < 2 {
        return false;
    }
    if before <= FEW {
        let mut kept = 0;
        for at in 0..before {
            let rdata = rdatas[at];
            if !rdatas[..kept].iter().any(|other| same_rdata(rtype, other, rdata)) {
                rdatas[kept] = rdata;
                kept += 1;
            }
        }
        rdatas.truncate(kept);
    } else {
        let mut seen = HashSet::with_capacity(before);
        rdatas.retain(|rdata| seen.insert(canonical_rdata(rtype, rdata)));
    }
    rdatas.len() < before
}

fn same_rdata(rtype: Rtype, a: &[u8], b: &[u8]) -> bool {
    a == b
        || (a.len() == b.len()
            && rdata::lowercases_names(rtype)
            && a.eq_ignore_ascii_case(b)
            && canonical_rdata(rtype, a) == canonical_rdata(rtype, b))
}

/// RDATA in canonical form (RFC 4034 § 6.2, item 3).
pub(super) fn canonical_rdata(rtype: Rtype, rdata: &[u8]) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(rdata.len());
    let split = rdata::split(rtype, rdata, |piece| match piece.field {
        rdata::Field::Name | rdata::Field::CompressibleName if rdata::lowercases_names(rtype) => {
            canonical.extend(piece.bytes.iter().map(u8::to_ascii_lowercase));
        }
        _ => canonical.extend_from_slice(piece.bytes),
    });
    if split.is_err() { rdata.to_vec() } else { canonical }
}
