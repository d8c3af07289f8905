//! A zone in the making: what updates have made of a view, RRset by RRset.

use std::collections::BTreeMap;

use super::{Contents, Key, Update, is_of_dnssec};
use crate::wire::{Class, Name, NameRef, Rcode, Rtype};
use crate::zone::delta::{Delta, Record};
use crate::zone::{Change, View};

/// Why an update is not made. Nothing of it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refusal {
    /// What who asked is told.
    pub rcode: Rcode,
    /// What a person is told.
    pub why: String,
}

impl Refusal {
    /// `rcode`, since `why`.
    pub fn new(rcode: Rcode, why: impl Into<String>) -> Refusal {
        Refusal { rcode, why: why.into() }
    }
}

/// The RRsets of a name, by type. Signatures are none of them: see [`super::is_of_dnssec`].
pub(super) type Node = BTreeMap<Rtype, Contents>;

/// An RRset that is another than in the view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The owner.
    pub owner: Name,
    /// The type.
    pub rtype: Rtype,
    /// As the view has it.
    pub before: Option<Contents>,
    /// As it is to be.
    pub after: Option<Contents>,
}

/// A view and what updates have made of it.
#[derive(Clone)]
pub struct Draft<'z> {
    pub(super) view: View<'z>,
    /// The names that were touched, each with all it owns.
    touched: BTreeMap<Name, Node>,
    /// Names that the last update touched, as they were before it.
    undo: BTreeMap<Name, Option<Node>>,
}

impl<'z> Draft<'z> {
    /// `view`, and nothing changed.
    pub fn new(view: View<'z>) -> Draft<'z> {
        Draft { view, touched: BTreeMap::new(), undo: BTreeMap::new() }
    }

    /// Makes what `update` asks for, if `may` says of each owner and type that it is allowed.
    ///
    /// # Errors
    /// [`Refusal`]; then the draft is as before.
    pub fn update(&mut self, update: &Update, may: &dyn Fn(NameRef<'_>, Rtype) -> bool) -> Result<(), Refusal> {
        if update.class != Class::IN || update.apex.as_ref() != self.view.apex() {
            let why = format!("{} {} is no zone here", update.apex, update.class);
            return Err(Refusal::new(Rcode::NOTAUTH, why));
        }
        self.undo.clear();
        self.fulfils(&update.prerequisites)?;
        self.scan(&update.changes, may)?;
        if update.changes.is_empty() {
            return Ok(());
        }
        if self.types(self.view.apex()).into_iter().any(is_of_dnssec) {
            return Err(Refusal::new(Rcode::REFUSED, "the zone is signed, and nothing here would sign it anew"));
        }
        self.execute(&update.changes);
        let sound = self.is_sound();
        if sound.is_err() {
            self.undo();
        }
        sound
    }

    /// Takes the last update back.
    pub fn undo(&mut self) {
        for (name, node) in std::mem::take(&mut self.undo) {
            match node {
                Some(node) => _ = self.touched.insert(name, node),
                None => _ = self.touched.remove(&name),
            }
        }
    }

    /// The RRsets that the last update has changed.
    pub fn last_changed(&self) -> Vec<Key> {
        let mut changed = Vec::new();
        for (owner, before) in &self.undo {
            let own = if before.is_none() { node_of(self.view, owner.as_ref()) } else { Node::new() };
            let before = before.as_ref().unwrap_or(&own);
            let none = Node::new();
            let after = self.touched.get(owner).unwrap_or(&none);
            let types = before.keys().chain(after.keys().filter(|rtype| !before.contains_key(rtype)));
            let differs = |rtype: &&Rtype| before.get(rtype) != after.get(rtype);
            changed.extend(types.filter(differs).map(|&rtype| (owner.clone(), rtype)));
        }
        changed
    }

    /// The serial of the SOA record, if updates have given it another.
    pub fn serial(&self) -> Option<u32> {
        let soa = self.touched.get(&self.view.apex().to_owned())?.get(&Rtype::SOA)?;
        let serial = super::execute::serial(soa)?;
        (serial != self.view.serial()).then_some(serial)
    }

    /// The names that the last update touched.
    pub fn last_touched(&self) -> impl Iterator<Item = &Name> {
        self.undo.keys()
    }

    /// What is to be another than in the view: every RRset once, by owner and type.
    pub fn changed(&self) -> Vec<Changed> {
        let mut changed = Vec::new();
        for (owner, after) in &self.touched {
            let mut before = node_of(self.view, owner.as_ref());
            for (&rtype, after) in after {
                let before = before.remove(&rtype);
                if before.as_ref() != Some(after) {
                    changed.push(Changed { owner: owner.clone(), rtype, before, after: Some(after.clone()) });
                }
            }
            let gone = before.into_iter();
            changed.extend(gone.map(|(rtype, before)| {
                let before = Some(before);
                Changed { owner: owner.clone(), rtype, before, after: None }
            }));
        }
        changed
    }

    /// The RRset of `owner` and `rtype`.
    pub(super) fn rrset(&self, owner: NameRef<'_>, rtype: Rtype) -> Option<Contents> {
        match self.touched.get(&owner.to_owned()) {
            Some(node) => node.get(&rtype).cloned(),
            None => self.view.find(owner)?.rrset(rtype).map(Contents::of),
        }
    }

    /// The types that `owner` has records of.
    pub(super) fn types(&self, owner: NameRef<'_>) -> Vec<Rtype> {
        match self.touched.get(&owner.to_owned()) {
            Some(node) => node.keys().copied().collect(),
            None => {
                self.view.find(owner).into_iter().flat_map(|node| node.rrsets().map(|rrset| rrset.rtype())).collect()
            }
        }
    }

    /// Whether anything is owned by a name below `owner`.
    pub(super) fn has_below(&self, owner: NameRef<'_>) -> bool {
        let owns = |name: &Name| self.touched.get(name).is_none_or(|node| !node.is_empty());
        let touched = self.touched.iter().any(|(name, node)| !node.is_empty() && name.as_ref().is_below(owner));
        touched
            || self.view.nodes().filter(|node| !node.is_empty_non_terminal()).any(|node| {
                let name = node.name();
                name.as_ref().is_below(owner) && owns(&name)
            })
    }

    /// What `owner` has, to be changed.
    pub(super) fn touch(&mut self, owner: &Name) -> &mut Node {
        let Draft { view, touched, undo } = self;
        let node = touched.get(owner);
        if !undo.contains_key(owner) {
            undo.insert(owner.clone(), node.cloned());
        }
        touched.entry(owner.clone()).or_insert_with(|| node_of(*view, owner.as_ref()))
    }
}

fn node_of(view: View<'_>, owner: NameRef<'_>) -> Node {
    let rrsets = view.find(owner).into_iter().flat_map(|node| node.rrsets());
    rrsets.filter(|rrset| rrset.covered().is_none()).map(|rrset| (rrset.rtype(), Contents::of(rrset))).collect()
}

impl Changed {
    /// Which RRset it is.
    pub fn key(&self) -> Key {
        (self.owner.clone(), self.rtype)
    }

    /// That the SOA record of `view` gets another `serial`.
    pub fn renumbered(view: View<'_>, serial: u32) -> Option<Changed> {
        let before = Contents::of(view.apex_node().rrset(Rtype::SOA)?);
        let after = Some(super::overlay::numbered(before.clone(), serial));
        Some(Changed { owner: view.apex().to_owned(), rtype: Rtype::SOA, before: Some(before), after })
    }

    /// The same, where it is a SOA record that gets `serial`.
    #[must_use]
    pub fn with_serial(self, serial: u32) -> Changed {
        let is_soa = self.rtype == Rtype::SOA;
        let after = self.after.map(|set| if is_soa { super::overlay::numbered(set, serial) } else { set });
        Changed { after, ..self }
    }

    /// As a patch or a new zone takes it.
    pub fn to_change(&self) -> Change {
        let (ttl, rdatas) = match &self.after {
            Some(after) => (after.ttl, after.rdatas.values().cloned().collect()),
            None => (crate::zone::Ttl::MAX, Vec::new()),
        };
        Change { owner: self.owner.clone(), rtype: self.rtype, ttl, capped: false, rdatas }
    }

    /// What goes and comes, into `delta`.
    pub fn note(&self, delta: &mut Delta) {
        let Changed { owner, rtype, before, after } = self;
        let is_kept = |one: &Contents, other: &Option<Contents>, canonical: &Vec<u8>| {
            other
                .as_ref()
                .is_some_and(|other| other.ttl == one.ttl && other.rdatas.get(canonical) == one.rdatas.get(canonical))
        };
        let records = |one: &Option<Contents>, other: &Option<Contents>| -> Vec<Record> {
            let Some(one) = one else { return Vec::new() };
            let left = one.rdatas.iter().filter(|(canonical, _)| !is_kept(one, other, canonical));
            let record =
                |rdata: &[u8]| Record { owner: owner.clone(), rtype: *rtype, ttl: one.ttl, rdata: rdata.into() };
            left.map(|(_, rdata)| record(rdata)).collect()
        };
        delta.removed.extend(records(before, after));
        delta.added.extend(records(after, before));
    }
}
