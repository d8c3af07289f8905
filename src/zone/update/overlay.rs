//! What updates have made of a zone whose file a person edits: what they added to it and took from it, put over each
//! edition of the file.
//!
//! The rule, of which nothing depends on how often or in which order files were read:
//!
//! 1. What updates added stays, whatever else the file comes to say; what they removed stays removed.
//! 2. Of a record that both speak of, the later word counts. A file that has what was added, or no longer has what was
//!    removed, says so itself: the overlay need not any more, and an edit of that record is the person's from then on.
//! 3. The TTL that an update gave an RRset stays until the file gives it another than the one it had.
//! 4. Where both together make what can't be (two CNAMEs, other data beside one, a DNAME beside NS, no NS at the apex), the
//!    file was later, since the update was made when it could be: what the update did there is set aside, and said.
//! 5. The SOA record is as any other, but for its serial, which is neither's.

use std::collections::BTreeMap;

use super::draft::Changed;
use super::{Contents, Rdatas, is_single};
use crate::wire::{Name, NameRef, Reader, Rtype};
use crate::zone::build::{canonical_rdata, soa};
use crate::zone::rrset::SOA_TAIL;
use crate::zone::{Change, Ttl, Zone};

/// What updates have made of one RRset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Records that are not in the file.
    added: Rdatas,
    /// Records of the file that are not served.
    removed: Rdatas,
    /// The TTL.
    ttl: Ttl,
    /// The TTL that the file had; `None`: it had no such RRset.
    file_ttl: Option<Ttl>,
}

/// Which RRset.
pub type Key = (Name, Rtype);

/// What updates have made of a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    layers: BTreeMap<Key, Layer>,
    size: usize,
}

/// What an update did and the file undid (rule 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The owner.
    pub owner: Name,
    /// The type.
    pub rtype: Rtype,
}

/// A file's zone and an overlay put together.
#[derive(Clone, Debug)]
pub struct Merged {
    /// What is to be changed in the file's zone.
    pub changes: Vec<Change>,
    /// What is left of the overlay.
    pub overlay: Overlay,
    /// What of it was set aside.
    pub set_aside: Vec<SetAside>,
}

impl Layer {
    fn is_nothing(&self) -> bool {
        let same_ttl = self.file_ttl.is_none_or(|file_ttl| file_ttl == self.ttl);
        self.added.is_empty() && self.removed.is_empty() && same_ttl
    }

    /// About how many octets it occupies.
    pub(super) fn size_of(&self, (owner, _): &Key) -> usize {
        let octets = |rdatas: &Rdatas| rdatas.values().map(|rdata| 2 * rdata.len() + 16).sum::<usize>();
        owner.wire().len() + 32 + octets(&self.added) + octets(&self.removed)
    }

    /// What the overlay makes of the file's `rrset`, and what is left of the layer.
    fn over(&self, rtype: Rtype, rrset: Option<&Contents>) -> (Option<Contents>, Layer) {
        let file = rrset.map(|rrset| &rrset.rdatas);
        let mut left = self.clone();
        left.removed.retain(|canonical, _| file.is_some_and(|file| file.contains_key(canonical)));
        left.added.retain(|canonical, _| !file.is_some_and(|file| file.contains_key(canonical)));
        if let Some(rrset) = rrset
            && self.file_ttl != Some(rrset.ttl)
        {
            (left.ttl, left.file_ttl) = (rrset.ttl, Some(rrset.ttl));
        }
        let stays = |(canonical, _): &(&Vec<u8>, _)| !left.removed.contains_key(*canonical);
        let mut rdatas: Rdatas = file
            .into_iter()
            .flatten()
            .filter(stays)
            .map(|(canonical, rdata)| (canonical.clone(), rdata.clone()))
            .collect();
        if is_single(rtype) && !rdatas.is_empty() && !left.added.is_empty() {
            left.added.clear();
        }
        rdatas.extend(left.added.iter().map(|(canonical, rdata)| (canonical.clone(), rdata.clone())));
        let contents = Contents { ttl: left.ttl, rdatas };
        ((!contents.rdatas.is_empty()).then_some(contents), left)
    }

    /// The octets in which it is stored, with its `owner`.
    pub fn to_bytes(&self, owner: &Name) -> Vec<u8> {
        let mut bytes = owner.wire().to_vec();
        bytes.extend_from_slice(&self.ttl.0.to_be_bytes());
        bytes.extend_from_slice(&self.file_ttl.map_or(u32::MAX, |ttl| ttl.0).to_be_bytes());
        bytes.extend_from_slice(&(self.removed.len() as u32).to_be_bytes());
        for rdata in self.removed.values().chain(self.added.values()) {
            // RDATA is never longer (RFC 1035 § 3.2.1).
            bytes.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
            bytes.extend_from_slice(rdata);
        }
        bytes
    }

    /// What [`Layer::to_bytes`] gave of an RRset of `rtype`; `None` if `bytes` is something else.
    pub fn from_bytes(rtype: Rtype, bytes: &[u8]) -> Option<(Name, Layer)> {
        let mut reader = Reader::new(bytes);
        let owner = NameRef::parse(bytes).ok()?.to_owned();
        reader.take(owner.wire().len()).ok()?;
        let (ttl, file_ttl) = (Ttl(reader.u32().ok()?), reader.u32().ok()?);
        let removed = reader.u32().ok()? as usize;
        let mut layer = Layer {
            added: Rdatas::new(),
            removed: Rdatas::new(),
            ttl,
            file_ttl: Some(Ttl(file_ttl)).filter(|&ttl| ttl <= Ttl::MAX),
        };
        while !reader.is_empty() {
            let len = reader.u16().ok()?;
            let rdata = reader.take(usize::from(len)).ok()?;
            let rdatas = if layer.removed.len() < removed { &mut layer.removed } else { &mut layer.added };
            rdatas.insert(canonical_rdata(rtype, rdata), rdata.into());
        }
        (layer.removed.len() == removed).then_some((owner, layer))
    }
}

impl Overlay {
    /// Of how many RRsets it speaks.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether the file alone is served.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// About how many octets it occupies.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many records updates have added, and how many removed.
    pub fn counts(&self) -> (usize, usize) {
        let count = |of: fn(&Layer) -> &Rdatas| self.layers.values().map(|layer| of(layer).len()).sum();
        (count(|layer| &layer.added), count(|layer| &layer.removed))
    }

    /// What it says of these RRsets.
    #[must_use]
    pub fn of(&self, keys: impl IntoIterator<Item = Key>) -> Overlay {
        let mut part = Overlay::default();
        for key in keys {
            if let Some(layer) = self.layers.get(&key) {
                part.put(key, layer.clone());
            }
        }
        part
    }

    /// From now on it says this of these RRsets, and of no others anything else.
    pub fn take_up(&mut self, layers: impl IntoIterator<Item = (Key, Option<Layer>)>) {
        for (key, layer) in layers {
            match layer {
                Some(layer) => self.put(key, layer),
                None => _ = self.take(&key),
            }
        }
    }

    /// The same without the RRsets that `goes` says.
    #[must_use]
    pub fn without(&self, goes: impl Fn(&Key) -> bool) -> Overlay {
        let mut rest = Overlay::default();
        let kept = self.layers.iter().filter(|(key, _)| !goes(key));
        kept.for_each(|(key, layer)| rest.put(key.clone(), layer.clone()));
        rest
    }

    /// What it says of an RRset.
    pub fn layer(&self, key: &Key) -> Option<&Layer> {
        self.layers.get(key)
    }

    /// All that it says.
    pub fn layers(&self) -> impl Iterator<Item = (&Key, &Layer)> {
        self.layers.iter()
    }

    /// Puts in what was stored.
    pub fn put(&mut self, key: Key, layer: Layer) {
        self.size += layer.size_of(&key);
        if let Some(old) = self.layers.insert(key.clone(), layer) {
            self.size -= old.size_of(&key);
        }
    }

    fn take(&mut self, key: &Key) -> Option<Layer> {
        let layer = self.layers.remove(key)?;
        self.size -= layer.size_of(key);
        Some(layer)
    }

    /// Takes up what updates have `changed` in the zone as it is served. Gives the RRsets of which it says something else
    /// now.
    pub fn fold(&mut self, changed: &[Changed]) -> Vec<Key> {
        let mut keys = Vec::new();
        for Changed { owner, rtype, before, after } in changed {
            let key = (owner.clone(), *rtype);
            let (before, after) = (before.clone().map(|set| unnumbered(*rtype, set)), after.clone());
            let after = after.map(|set| unnumbered(*rtype, set));
            if before == after {
                continue;
            }
            let file_ttl = before.as_ref().map(|before| before.ttl);
            let mut layer = self.take(&key).unwrap_or_else(|| Layer {
                added: Rdatas::new(),
                removed: Rdatas::new(),
                ttl: file_ttl.unwrap_or(Ttl::MAX),
                file_ttl,
            });
            let none = Rdatas::new();
            let of = |set: &Option<Contents>| set.as_ref().map_or(none.clone(), |set| set.rdatas.clone());
            let (old, new) = (of(&before), of(&after));
            for (canonical, rdata) in old.iter().filter(|(canonical, _)| !new.contains_key(*canonical)) {
                if layer.added.remove(canonical).is_none() {
                    layer.removed.insert(canonical.clone(), rdata.clone());
                }
            }
            for (canonical, rdata) in new.iter().filter(|(canonical, _)| !old.contains_key(*canonical)) {
                if layer.removed.remove(canonical).is_none() {
                    layer.added.insert(canonical.clone(), rdata.clone());
                }
            }
            layer.ttl = after.map_or(layer.ttl, |after| after.ttl);
            if !layer.is_nothing() {
                self.put(key.clone(), layer);
            }
            keys.push(key);
        }
        keys
    }

    /// Puts this over `file`, the zone as its file has it; what comes out is served with `serial`.
    pub fn over(&self, file: &Zone, serial: u32) -> Merged {
        let mut merged = Merged { changes: Vec::new(), overlay: Overlay::default(), set_aside: Vec::new() };
        let contents = |owner: &Name, rtype| file.find(owner.as_ref())?.rrset(rtype).map(Contents::of);
        let mut owners: BTreeMap<&Name, Vec<(&Key, &Layer)>> = BTreeMap::new();
        for (key, layer) in &self.layers {
            owners.entry(&key.0).or_default().push((key, layer));
        }
        let mut soa = contents(&file.apex().to_owned(), Rtype::SOA);
        for (owner, layers) in owners {
            let is_apex = owner.as_ref() == file.apex();
            let types = file.find(owner.as_ref()).into_iter().flat_map(|node| node.rrsets());
            let filed: Vec<Rtype> =
                types.filter(|rrset| rrset.covered().is_none()).map(|rrset| rrset.rtype()).collect();
            let mut made: BTreeMap<Rtype, (Option<Contents>, Layer)> = BTreeMap::new();
            for ((_, rtype), layer) in &layers {
                let own = contents(owner, *rtype).map(|set| unnumbered(*rtype, set));
                let (mut set, mut left) = layer.over(*rtype, own.as_ref());
                if is_apex && *rtype == Rtype::NS && set.is_none() {
                    (set, left) = (own, nothing());
                }
                if left.added.len() < layer.added.len()
                    && !layer.added.keys().all(|canonical| {
                        left.added.contains_key(canonical)
                            || set.as_ref().is_some_and(|set| set.rdatas.contains_key(canonical))
                    })
                {
                    merged.set_aside.push(SetAside { owner: owner.clone(), rtype: *rtype });
                }
                made.insert(*rtype, (set, left));
            }
            // The types that there would be, and of which of them the overlay alone speaks.
            let there = |made: &BTreeMap<Rtype, (Option<Contents>, Layer)>, rtype: Rtype| match made.get(&rtype) {
                Some((set, _)) => set.is_some(),
                None => filed.contains(&rtype),
            };
            let others = |made: &BTreeMap<Rtype, (Option<Contents>, Layer)>| -> Vec<Rtype> {
                let all = filed.iter().chain(made.keys()).copied();
                let beside = |rtype: &Rtype| !matches!(*rtype, Rtype::CNAME | Rtype::RRSIG | Rtype::NSEC);
                all.filter(|&rtype| there(made, rtype)).filter(beside).collect()
            };
            if there(&made, Rtype::CNAME) && !others(&made).is_empty() {
                let is_filed = filed.contains(&Rtype::CNAME);
                let gone = if is_filed { others(&made) } else { vec![Rtype::CNAME] };
                set_aside(&mut made, owner, gone, &mut merged.set_aside);
            }
            if there(&made, Rtype::DNAME) && there(&made, Rtype::NS) && !is_apex {
                let gone = if filed.contains(&Rtype::DNAME) { Rtype::NS } else { Rtype::DNAME };
                set_aside(&mut made, owner, vec![gone], &mut merged.set_aside);
            }
            for (rtype, (set, left)) in made {
                if rtype == Rtype::SOA {
                    soa = set;
                } else if set != contents(owner, rtype) {
                    let (ttl, rdatas) =
                        set.map_or((Ttl::MAX, Vec::new()), |set| (set.ttl, set.rdatas.into_values().collect()));
                    merged.changes.push(Change { owner: owner.clone(), rtype, ttl, capped: false, rdatas });
                }
                if !left.is_nothing() {
                    merged.overlay.put((owner.clone(), rtype), left);
                }
            }
        }
        let filed = contents(&file.apex().to_owned(), Rtype::SOA);
        let soa = soa.map(|set| numbered(set, serial));
        if let (Some(soa), true) = (soa.clone(), soa != filed) {
            let owner = file.apex().to_owned();
            let rdatas = soa.rdatas.into_values().collect();
            merged.changes.push(Change { owner, rtype: Rtype::SOA, ttl: soa.ttl, capped: false, rdatas });
        }
        // What goes comes first: see `Delta::changes`.
        merged.changes.sort_by_key(|change| !change.rdatas.is_empty());
        merged
    }
}

fn nothing() -> Layer {
    Layer { added: Rdatas::new(), removed: Rdatas::new(), ttl: Ttl::MAX, file_ttl: None }
}

/// Takes back what the overlay added of `types` at `owner`.
fn set_aside(
    made: &mut BTreeMap<Rtype, (Option<Contents>, Layer)>,
    owner: &Name,
    types: Vec<Rtype>,
    said: &mut Vec<SetAside>,
) {
    for rtype in types {
        let Some((set, left)) = made.get_mut(&rtype) else { continue };
        if left.added.is_empty() {
            continue;
        }
        let added = std::mem::take(&mut left.added);
        if let Some(contents) = set {
            contents.rdatas.retain(|canonical, _| !added.contains_key(canonical));
            if contents.rdatas.is_empty() {
                *set = None;
            }
        }
        said.push(SetAside { owner: owner.clone(), rtype });
    }
}

/// A SOA record without its serial (rule 5); any other as it is.
fn unnumbered(rtype: Rtype, contents: Contents) -> Contents {
    if rtype == Rtype::SOA { numbered(contents, 0) } else { contents }
}

/// SOA records with `serial`.
pub(super) fn numbered(contents: Contents, serial: u32) -> Contents {
    let Contents { ttl, rdatas } = contents;
    let with = |rdata: Box<[u8]>| {
        let mut rdata = rdata;
        if soa(0, &rdata).is_some()
            && let Some(place) = rdata.len().checked_sub(SOA_TAIL).and_then(|at| rdata.get_mut(at..at + 4))
        {
            place.copy_from_slice(&serial.to_be_bytes());
        }
        (canonical_rdata(Rtype::SOA, &rdata), rdata)
    };
    Contents { ttl, rdatas: rdatas.into_values().map(with).collect() }
}
