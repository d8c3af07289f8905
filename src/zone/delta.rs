//! What goes from a zone and what comes to it, as records: a difference as it is transferred (RFC 1995 § 4), kept in the
//! history and put together with others.
//!
//! 1. The SOA records are among the records, where they differ; a delta between two editions so names both serials.
//! 2. Records are the same whose owner, type and data are, names in them in any case (RFC 4034 § 6.2): the TTL says
//!    nothing about which record goes, and counts where one comes.
//! 3. An RRset has one TTL (RFC 2181 § 5.2): that of the records which come to it, if any do.

use std::collections::{BTreeMap, HashMap};

use super::build::canonical_rdata;
use super::diff::diff;
use super::{Change, Rrset, Ttl, View};
use crate::wire::{Name, NameRef, Reader, Rtype, name};

/// A record of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The owner, absolute.
    pub owner: Name,
    /// The type.
    pub rtype: Rtype,
    /// The TTL.
    pub ttl: Ttl,
    /// The data, uncompressed.
    pub rdata: Box<[u8]>,
}

impl Record {
    /// Of RRSIG: the type that it covers.
    fn covered(&self) -> Option<Rtype> {
        match (self.rtype, &*self.rdata) {
            (Rtype::RRSIG, [high, low, ..]) => Some(Rtype(u16::from_be_bytes([*high, *low]))),
            _ => None,
        }
    }

    /// The serial of a SOA record.
    pub fn serial(&self) -> Option<u32> {
        if self.rtype != Rtype::SOA {
            return None;
        }
        let mut soa = Reader::new(&self.rdata);
        name::skip(&mut soa)?;
        name::skip(&mut soa)?;
        soa.u32().ok()
    }

    /// What makes it the record that it is (rule 2).
    fn key(&self) -> Key {
        (self.owner.clone(), self.rtype, canonical_rdata(self.rtype, &self.rdata))
    }
}

/// A record's owner, its type, and its data in canonical form.
type Key = (Name, Rtype, Vec<u8>);

/// The records that go and those that come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Those that go.
    pub removed: Vec<Record>,
    /// Those that come.
    pub added: Vec<Record>,
}

/// A record that goes or comes, of many in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whether it comes.
    pub comes: bool,
    /// The record.
    pub record: Record,
}

/// A delta is not one of this zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// A record that should go is not there.
    #[error("{owner} has no such {rtype} record to remove")]
    NotThere {
        /// The owner.
        owner: Name,
        /// The type.
        rtype: Rtype,
    },
    /// A record that should come is there already.
    #[error("{owner} has that {rtype} record already")]
    AlreadyThere {
        /// The owner.
        owner: Name,
        /// The type.
        rtype: Rtype,
    },
}

impl Delta {
    /// What goes and comes from `before` to `after`, which are views of zones with the same apex.
    pub fn between(before: View<'_>, after: View<'_>) -> Delta {
        let mut delta = Delta::default();
        for difference in diff(before, after) {
            let record = |(ttl, rdata): (Ttl, &[u8])| Record {
                owner: difference.owner.clone(),
                rtype: difference.rtype,
                ttl,
                rdata: rdata.into(),
            };
            delta.removed.extend(difference.removed().map(record));
            delta.added.extend(difference.added().map(record));
        }
        delta
    }

    /// What `steps` come to in `view`, one after the other. What goes must be there. What comes may be there already, since
    /// some servers send such differences (NSD 4.6 does): that is no step then.
    ///
    /// # Errors
    /// [`Mismatch::NotThere`].
    pub fn of_steps(view: View<'_>, steps: impl IntoIterator<Item = Step>) -> Result<Delta, Mismatch> {
        let mut chain = Chain::default();
        // The TTLs of the records that were stepped on; `None` of those that are gone.
        let mut present: HashMap<Key, Option<Ttl>> = HashMap::new();
        for Step { comes, record } in steps {
            let key = record.key();
            let now = present.get(&key).copied().unwrap_or_else(|| ttl_of(view, &record, &key.2));
            match (comes, now) {
                (true, Some(ttl)) if ttl == record.ttl => continue,
                (true, Some(ttl)) => chain.remove(Record { ttl, ..record.clone() }),
                (true, None) | (false, Some(_)) => {}
                (false, None) => return Err(Mismatch::NotThere { owner: record.owner, rtype: record.rtype }),
            }
            present.insert(key, comes.then_some(record.ttl));
            match comes {
                true => chain.add(record),
                false => chain.remove(Record { ttl: now.unwrap_or(record.ttl), ..record }),
            }
        }
        Ok(chain.into())
    }

    /// Whether nothing goes or comes.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty()
    }

    /// How many records go and come.
    pub fn len(&self) -> usize {
        self.removed.len() + self.added.len()
    }

    /// The serials before and after, if the SOA records are there.
    pub fn serials(&self) -> Option<(u32, u32)> {
        let serial = |records: &[Record]| records.iter().find_map(Record::serial);
        Some((serial(&self.removed)?, serial(&self.added)?))
    }

    /// The way back.
    #[must_use]
    pub fn inverted(self) -> Delta {
        Delta { removed: self.added, added: self.removed }
    }

    /// This and `later` after it, as one: what came and goes again is in neither (RFC 1995 § 5).
    #[must_use]
    pub fn then(self, later: Delta) -> Delta {
        if self.is_empty() {
            return later;
        }
        if later.is_empty() {
            return self;
        }
        let mut chain = Chain::default();
        self.removed.into_iter().for_each(|record| chain.remove(record));
        self.added.into_iter().for_each(|record| chain.add(record));
        later.removed.into_iter().for_each(|record| chain.remove(record));
        later.added.into_iter().for_each(|record| chain.add(record));
        chain.into()
    }

    /// The RRsets of `view` as they are to be, each once, so that [`Patch::new`](super::Patch::new) and
    /// [`Zone::rebuilt`](super::Zone::rebuilt) can make them so.
    ///
    /// # Errors
    /// [`Mismatch`] if this is no delta of that view.
    pub fn changes(&self, view: View<'_>) -> Result<Vec<Change>, Mismatch> {
        self.changes_of(view, true)
    }

    /// The same, as far as it goes: what is not there need not go, and what is there need not come.
    pub fn changes_as_far(&self, view: View<'_>) -> Vec<Change> {
        self.changes_of(view, false).unwrap_or_default()
    }

    fn changes_of(&self, view: View<'_>, is_strict: bool) -> Result<Vec<Change>, Mismatch> {
        let mut rrsets = Rrsets::default();
        for record in &self.removed {
            let rrset = rrsets.of(view, record);
            if rrset.rdatas.remove(&canonical_rdata(record.rtype, &record.rdata)).is_none() && is_strict {
                return Err(Mismatch::NotThere { owner: record.owner.clone(), rtype: record.rtype });
            }
        }
        for record in &self.added {
            let rrset = rrsets.of(view, record);
            let canonical = canonical_rdata(record.rtype, &record.rdata);
            if rrset.rdatas.insert(canonical, record.rdata.clone()).is_some()
                && is_strict
                && rrset.ttl == Some(record.ttl)
            {
                return Err(Mismatch::AlreadyThere { owner: record.owner.clone(), rtype: record.rtype });
            }
            rrset.ttl = Some(record.ttl);
        }
        Ok(rrsets.changes())
    }

    /// The octets in which it is stored: each record as in a message, nothing compressed, after the count of those that go.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = (self.removed.len() as u32).to_be_bytes().to_vec();
        for Record { owner, rtype, ttl, rdata } in self.removed.iter().chain(&self.added) {
            bytes.extend_from_slice(owner.wire());
            bytes.extend_from_slice(&rtype.0.to_be_bytes());
            bytes.extend_from_slice(&ttl.0.to_be_bytes());
            // RDATA is never longer (RFC 1035 § 3.2.1).
            bytes.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
            bytes.extend_from_slice(rdata);
        }
        bytes
    }

    /// What [`Delta::to_bytes`] gave; `None` if `bytes` is something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Delta> {
        let mut reader = Reader::new(bytes);
        let removed = reader.u32().ok()? as usize;
        let mut delta = Delta::default();
        while !reader.is_empty() {
            let owner = NameRef::parse(reader.rest()).ok()?.to_owned();
            reader.take(owner.wire().len()).ok()?;
            let (rtype, ttl) = (Rtype(reader.u16().ok()?), Ttl(reader.u32().ok()?));
            let len = reader.u16().ok()?;
            let rdata = reader.take(usize::from(len)).ok()?.into();
            let records = if delta.removed.len() < removed { &mut delta.removed } else { &mut delta.added };
            records.push(Record { owner, rtype, ttl, rdata });
        }
        (delta.removed.len() == removed).then_some(delta)
    }
}

/// What goes and comes one after the other, put together as it comes: one delta in the end, however many there were.
#[derive(Default)]
pub struct Chain {
    removed: Sequence,
    added: Sequence,
}

impl Chain {
    /// Then `record` goes.
    pub fn remove(&mut self, record: Record) {
        if self.added.take(&record).is_none() {
            self.removed.put(record);
        }
    }

    /// Then `record` comes.
    pub fn add(&mut self, record: Record) {
        match self.removed.take(&record) {
            // What went comes again as it was.
            Some(gone) if gone.ttl == record.ttl && gone.rdata == record.rdata => {}
            Some(gone) => {
                self.removed.put(gone);
                self.added.put(record);
            }
            None => self.added.put(record),
        }
    }
}

impl From<Chain> for Delta {
    fn from(chain: Chain) -> Delta {
        Delta { removed: chain.removed.into(), added: chain.added.into() }
    }
}

/// Records in their order, to be found by what makes them what they are.
#[derive(Default)]
struct Sequence {
    records: Vec<Option<Record>>,
    places: HashMap<Key, usize>,
}

impl Sequence {
    fn put(&mut self, record: Record) {
        self.places.insert(record.key(), self.records.len());
        self.records.push(Some(record));
    }

    fn take(&mut self, like: &Record) -> Option<Record> {
        let place = self.places.remove(&like.key())?;
        self.records.get_mut(place)?.take()
    }
}

impl From<Sequence> for Vec<Record> {
    fn from(sequence: Sequence) -> Vec<Record> {
        sequence.records.into_iter().flatten().collect()
    }
}

/// The TTL of `record` in `view`, if it is there; `canonical` is its data in canonical form.
fn ttl_of(view: View<'_>, record: &Record, canonical: &[u8]) -> Option<Ttl> {
    let node = view.find(record.owner.as_ref())?;
    let rrset = node.rrsets().find(|rrset| rrset.rtype() == record.rtype && rrset.covered() == record.covered())?;
    rrset.rdatas().any(|rdata| canonical_rdata(record.rtype, &rdata) == canonical).then(|| rrset.ttl())
}

/// What an RRset is to be.
#[derive(Default)]
struct Contents {
    /// `None` as long as there was no record.
    ttl: Option<Ttl>,
    /// The records' data, by its canonical form.
    rdatas: BTreeMap<Vec<u8>, Box<[u8]>>,
}

impl Contents {
    fn of(rrset: Rrset<'_>) -> Contents {
        let rdatas = rrset.rdatas().map(|rdata| (canonical_rdata(rrset.rtype(), &rdata), rdata.into())).collect();
        Contents { ttl: Some(rrset.ttl()), rdatas }
    }
}

/// The RRsets that a delta touches, as they come to be.
#[derive(Default)]
struct Rrsets(BTreeMap<(Name, Rtype, Option<Rtype>), Contents>);

impl Rrsets {
    /// That of `record`, at first as `view` has it.
    fn of(&mut self, view: View<'_>, record: &Record) -> &mut Contents {
        let (owner, rtype, covered) = (&record.owner, record.rtype, record.covered());
        let key = (owner.clone(), rtype, covered);
        if !self.0.contains_key(&key) {
            let mut rrsets = view.find(owner.as_ref()).into_iter().flat_map(|node| node.rrsets());
            // A change can remove all signatures of an owner, not some: with one of them all are there.
            for rrset in rrsets.by_ref().filter(|rrset| rrset.rtype() == rtype) {
                let key = (owner.clone(), rtype, rrset.covered());
                self.0.entry(key).or_insert_with(|| Contents::of(rrset));
            }
        }
        self.0.entry(key).or_default()
    }

    /// Those that go come first: where all signatures of an owner are removed, the others are put back after it.
    fn changes(self) -> Vec<Change> {
        let change = |((owner, rtype, _), Contents { ttl, rdatas }): (_, Contents)| Change {
            owner,
            rtype,
            ttl: ttl.unwrap_or(Ttl::MAX),
            capped: false,
            rdatas: rdatas.into_values().collect(),
        };
        let mut changes: Vec<_> = self.0.into_iter().map(change).collect();
        changes.sort_by_key(|change| !change.rdatas.is_empty());
        changes
    }
}
