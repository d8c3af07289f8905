//! Builds a zone from records, given in any order.

use std::collections::HashSet;

use super::block::{self, BlockTooLarge, Header, NodeEntry, Sections};
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

    /// Adds a record; `rdata` is uncompressed.
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
        self.records.push(Record { node, ttl: ttl.0, rdata: at, rdata_len, rtype: rtype.0, covered });
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
        let mut remarks = Vec::new();
        let mut sections = Sections::default();
        sections.index(self.nodes.iter().map(|draft| draft.hash));
        sections.bytes.extend_from_slice(self.apex_lower.wire());
        let mut flags = 0;
        if self.apex.wire() != self.apex_lower.wire() {
            sections.bytes.extend_from_slice(self.apex.wire());
            flags |= block::APEX_CASED;
        }
        self.place_names(&mut sections)?;
        let order = self.records_by_node();
        let found = self.place_rrsets(&mut sections, &order, &mut remarks)?;
        let Some(soa) = found.soa else { return Err(BuildError::NoSoa { apex: self.apex }) };
        mark_occluded(&mut sections.nodes, &self.nodes);
        self.place_denial(&mut sections, &mut flags);
        let apex = sections.nodes[0];
        let of_apex = &sections.rrsets[apex.rrsets as usize..][..usize::from(apex.rrset_count)];
        let owns = |rtype: Rtype| of_apex.iter().any(|entry| entry.rtype == rtype.0);
        if owns(Rtype::DNSKEY) && owns(Rtype::RRSIG) {
            flags |= block::SIGNED;
        }
        sections.header = Header {
            record_count: found.records,
            serial: soa.serial,
            negative_ttl: soa.negative_ttl,
            apex_len: self.apex.wire().len() as u8,
            apex_labels: self.apex_labels as u8,
            flags,
            depth: sections.nodes.iter().map(|node| node.labels).max().unwrap_or(0),
            ..Header::default()
        };
        Ok((Zone { words: sections.assemble()? }, remarks))
    }

    fn place_names(&self, sections: &mut Sections) -> Result<(), BlockTooLarge> {
        let base = u32::try_from(sections.bytes.len()).map_err(|_| BlockTooLarge)?;
        sections.bytes.extend_from_slice(&self.names);
        sections.nodes = self
            .nodes
            .iter()
            .map(|draft| NodeEntry {
                name: base + draft.name,
                name_len: draft.name_len,
                labels: draft.labels,
                flags: if draft.cased { block::CASED } else { 0 },
                ..NodeEntry::default()
            })
            .collect();
        for draft in &self.nodes[1..] {
            if self.labels(draft).starts_with(b"\x01*") {
                sections.nodes[draft.parent as usize].flags |= block::WILDCARD_CHILD;
            }
        }
        Ok(())
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

    fn place_rrsets(
        &self,
        sections: &mut Sections,
        order: &[u32],
        remarks: &mut Vec<Remark>,
    ) -> Result<Placed, BuildError> {
        let mut placed = Placed { records: 0, soa: None };
        let mut renderer = Renderer::default();
        let mut rdatas: Vec<&[u8]> = Vec::new();
        let mut owner_wire = Vec::new();
        let mut suffixes = Suffixes::new();
        let mut rest = order;
        for (node, draft) in self.nodes.iter().enumerate() {
            let (mut run, after) = rest.split_at(draft.records as usize);
            rest = after;
            sections.nodes[node].rrsets = u32::try_from(sections.rrsets.len()).map_err(|_| BlockTooLarge)?;
            owner_wire.clear();
            owner_wire.extend_from_slice(self.labels(draft));
            owner_wire.extend_from_slice(self.apex_lower.wire());
            while let Some(&first) = run.first() {
                let first = self.records[first as usize];
                let rtype = Rtype(first.rtype);
                let same = |&number: &u32| {
                    let record = &self.records[number as usize];
                    (record.rtype, record.covered) == (first.rtype, first.covered)
                };
                let count = run.iter().take_while(|number| same(number)).count();
                let (rrset, next) = run.split_at(count);
                run = next;
                let ttl = rrset.iter().map(|&number| self.records[number as usize].ttl).min().unwrap_or(first.ttl);
                if rrset.iter().any(|&number| self.records[number as usize].ttl != ttl) {
                    remarks.push(Remark::TtlsDiffer { owner: self.owner(draft), rtype, kept: Ttl(ttl) });
                }
                rdatas.clear();
                rdatas.extend(rrset.iter().map(|&number| self.rdata_of(&self.records[number as usize])));
                if drop_duplicates(rtype, &mut rdatas) {
                    remarks.push(Remark::Duplicate { owner: self.owner(draft), rtype });
                }
                if rdatas.len() > usize::from(u16::MAX) {
                    return Err(BuildError::RrsetTooLarge { owner: self.owner(draft), rtype });
                }
                if rtype == Rtype::SOA {
                    if node != 0 || rdatas.len() > 1 {
                        return Err(BuildError::SecondSoa { owner: self.owner(draft) });
                    }
                    placed.soa = soa(ttl, rdatas[0]);
                }
                placed.records += rdatas.len() as u32;
                let entry = &mut sections.nodes[node];
                entry.rrset_count += 1;
                match rtype {
                    Rtype::NS if node != 0 => entry.flags |= block::CUT,
                    Rtype::DNAME => entry.flags |= block::DNAME,
                    _ => {}
                }
                let source = Source {
                    apex: self.apex_lower.wire(),
                    owner: &owner_wire,
                    rtype,
                    ttl: Ttl(ttl),
                    rdatas: rdatas.iter().copied(),
                };
                let entry = renderer.render(source, &mut sections.bytes, |name| self.resolve(&mut suffixes, name));
                if u32::try_from(sections.bytes.len()).is_err() {
                    return Err(BlockTooLarge.into());
                }
                sections.rrsets.push(entry);
            }
        }
        Ok(placed)
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
    fn place_denial(&self, sections: &mut Sections, flags: &mut u8) {
        let owners = |rtype: Rtype, sections: &Sections| -> Vec<u32> {
            let owns = |node: &&u32| {
                let node = &sections.nodes[**node as usize];
                let rrsets = &sections.rrsets[node.rrsets as usize..][..usize::from(node.rrset_count)];
                node.flags & block::OCCLUDED == 0 && rrsets.iter().any(|entry| entry.rtype == rtype.0)
            };
            let numbers: Vec<u32> = (0..sections.nodes.len() as u32).collect();
            numbers.iter().filter(owns).copied().collect()
        };
        // An unsigned zone is not searched for what it doesn't have.
        if !sections.rrsets.iter().any(|entry| entry.rtype == Rtype::NSEC.0 || entry.rtype == Rtype::NSEC3.0) {
            return;
        }
        let nsec3 = owners(Rtype::NSEC3, sections);
        let labels = |number: &u32| self.labels(&self.nodes[*number as usize]);
        if nsec3.is_empty() {
            *flags |= block::NSEC;
            sections.extra = owners(Rtype::NSEC, sections);
            sections.extra.sort_by(|a, b| order::cmp(labels(a), labels(b)));
        } else {
            *flags |= block::NSEC3;
            sections.extra = nsec3;
            sections.extra.sort_by(|a, b| labels(a).cmp(labels(b)));
        }
    }
}

struct Placed {
    records: u32,
    soa: Option<Soa>,
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

/// A node is occluded if one of its ancestors is a cut or has a DNAME. Parents stand before their
/// children.
fn mark_occluded(nodes: &mut [NodeEntry], drafts: &[Draft]) {
    for number in 1..nodes.len() {
        let parent = nodes[drafts[number].parent as usize];
        if parent.flags & block::OCCLUDED != 0 {
            nodes[number].cut_labels = parent.cut_labels;
        } else if parent.flags & (block::CUT | block::DNAME) != 0 {
            nodes[number].cut_labels = parent.labels;
        } else {
            continue;
        }
        nodes[number].flags |= block::OCCLUDED;
    }
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
