//! The patches that a plan's editions share: one with the old data, one with the new.
//!
//! Of a zone that comes signed, new data is served without signatures, since there are none; where all data of a name goes,
//! so does its NSEC record, which would keep the name. The rest stands as it was signed.

use std::collections::BTreeSet;

use super::EditionError;
use crate::timeline::edition::PatchId;
use crate::timeline::schedule::{Course, Data, State};
use crate::wire::{Name, Rtype};
use crate::zone::{Change, Node, Patch, Ttl, Zone};

/// The patches as far as they are made.
pub(super) struct Patches<'a> {
    zone: &'a Zone,
    courses: &'a [Course],
    patches: Vec<Patch>,
    old: Option<PatchId>,
    new: Option<PatchId>,
}

impl<'a> Patches<'a> {
    /// None, of `courses` in `zone`.
    pub(super) fn new(zone: &'a Zone, courses: &'a [Course]) -> Patches<'a> {
        Patches { zone, courses, patches: Vec::new(), old: None, new: None }
    }

    /// The one that `state` is served with; `None`: the zone as it is.
    pub(super) fn of(&mut self, state: State) -> Result<Option<PatchId>, EditionError> {
        if state == State::FILE {
            return Ok(None);
        }
        let known = match state.data {
            Data::Old => self.old,
            Data::New => self.new,
        };
        if known.is_some() {
            return Ok(known);
        }
        let id = PatchId(u16::try_from(self.patches.len()).map_err(|_| EditionError::TooMany)?);
        self.patches.push(Patch::new(self.zone, &self.changes(state.data))?);
        match state.data {
            Data::Old => self.old = Some(id),
            Data::New => self.new = Some(id),
        }
        Ok(Some(id))
    }

    /// All of them, and which has the new data.
    pub(super) fn finish(self) -> (Vec<Patch>, Option<PatchId>) {
        (self.patches, self.new)
    }

    fn changes(&self, data: Data) -> Vec<Change> {
        let mut changes: Vec<Change> = self.courses.iter().filter_map(|course| change(course, data)).collect();
        if data == Data::New && self.zone.is_signed() {
            let owners: BTreeSet<&Name> = self.courses.iter().map(|course| &course.owner).collect();
            let nodes = owners.into_iter().filter_map(|owner| self.zone.find(owner.as_ref()));
            let unsigned: Vec<Change> = nodes.flat_map(|node| unsigned(node, &changes)).collect();
            changes.extend(unsigned);
        }
        changes
    }
}

/// What `course` is changed to; nothing if the zone has no such RRset and none is to be.
fn change(course: &Course, data: Data) -> Option<Change> {
    let contents = match data {
        Data::Old => Some(course.before.as_ref()?),
        Data::New => course.after.as_ref(),
    };
    Some(Change {
        owner: course.owner.clone(),
        rtype: course.rtype,
        ttl: contents.map_or(Ttl(0), |contents| contents.ttl),
        rdatas: contents.map(|contents| contents.rdatas.clone()).unwrap_or_default(),
        capped: true,
    })
}

/// What takes the signatures of what `changes` change away from `node`.
fn unsigned(node: Node<'_>, changes: &[Change]) -> Vec<Change> {
    let owner = node.name();
    let of_owner = |rtype: Rtype| changes.iter().find(|change| change.owner == owner && change.rtype == rtype);
    let stays = |rtype: Rtype| of_owner(rtype).is_none_or(|change| !change.rdatas.is_empty());
    let of_signer = |rtype: Rtype| matches!(rtype, Rtype::RRSIG | Rtype::NSEC);
    let is_kept = changes.iter().any(|change| change.owner == owner && !change.rdatas.is_empty())
        || node.rrsets().any(|rrset| !of_signer(rrset.rtype()) && stays(rrset.rtype()));
    let change = |rtype: Rtype, ttl: Ttl, rdatas| Change { owner: owner.clone(), rtype, ttl, capped: false, rdatas };
    let mut unsigned = vec![change(Rtype::RRSIG, Ttl(0), Vec::new())];
    if !is_kept {
        unsigned.push(change(Rtype::NSEC, Ttl(0), Vec::new()));
        return unsigned;
    }
    // All signatures of the owner are gone: the others are put back.
    let signatures = node.rrsets().filter(|rrset| rrset.covered().is_some_and(|covered| of_owner(covered).is_none()));
    unsigned.extend(signatures.map(|rrset| {
        let rdatas = rrset.rdatas().map(Vec::into_boxed_slice).collect();
        change(Rtype::RRSIG, rrset.ttl(), rdatas)
    }));
    unsigned
}
