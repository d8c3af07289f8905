//! Signatures and the proof that something does not exist, in a zone that comes signed
//! (RFC 4035 § 3.1.3, RFC 5155 § 7.2).
//!
//! A zone denies by NSEC or by NSEC3. What each kind of answer must prove:
//!
//! | answer | NSEC | NSEC3 |
//! |---|---|---|
//! | no such name | covers the name; covers the wildcard | closest encloser; covers the wildcard |
//! | no such data | matches the name (covers it, if it is an empty non-terminal) | matches the name |
//! | expanded from a wildcard | covers the name | covers the next closer name |
//! | wildcard without such data | covers the name; matches the wildcard | closest encloser; matches the wildcard |
//! | delegation without DS | matches the cut | matches the cut, or closest encloser (opt-out) |

use crate::dnssec::nsec3::{LABEL_LEN, Nsec3Params};
use crate::wire::Rtype;
use crate::zone::{NoRoom, Node, Suffixes};

use super::message::{Message, Section};
use super::resolve::Scene;

/// The most records a proof has.
const PROOF_MAX: usize = 3;

/// A proof that is being written: no record is written twice.
struct Proof<'m, 'b, 'a> {
    message: &'m mut Message<'b>,
    scene: Scene<'a>,
    written: [Option<Node<'a>>; PROOF_MAX],
    /// Where the records of the message begin, if those of other proofs may stand there already.
    others_from: Option<usize>,
}

/// The name does not exist; `skipped` labels are left of the closest encloser.
pub(super) fn no_such_name(
    message: &mut Message<'_>,
    name: &Suffixes,
    scene: Scene<'_>,
    skipped: usize,
) -> Result<(), NoRoom> {
    let mut proof = Proof::new(message, scene);
    let mut wildcard = [0; 256];
    if let Some(params) = proof.params() {
        let skipped = proof.closest_encloser(&params, name, skipped)?;
        let Some(wildcard) = join_wildcard(name.suffix(skipped), &mut wildcard) else { return Ok(()) };
        return proof.nsec3(&params.label(wildcard));
    }
    proof.nsec(name.between(0, scene.below))?;
    let Some(wildcard) = join_wildcard(name.between(skipped, scene.below), &mut wildcard) else { return Ok(()) };
    proof.nsec(wildcard)
}

/// The name is there and has no such records.
pub(super) fn no_such_data(
    message: &mut Message<'_>,
    name: &Suffixes,
    scene: Scene<'_>,
    node: Node<'_>,
) -> Result<(), NoRoom> {
    let mut proof = Proof::new(message, scene);
    match proof.params() {
        Some(params) => proof.matching_or_opted_out(&params, name, 0),
        None => proof.nsec(node.labels()),
    }
}

/// The wildcard `node` stands for the name and has no such records.
pub(super) fn no_such_data_at_wildcard(
    message: &mut Message<'_>,
    name: &Suffixes,
    scene: Scene<'_>,
    node: Node<'_>,
    skipped: usize,
) -> Result<(), NoRoom> {
    let mut proof = Proof::new(message, scene);
    let Some(params) = proof.params() else {
        proof.nsec(name.between(0, scene.below))?;
        return proof.nsec(node.labels());
    };
    proof.closest_encloser(&params, name, skipped)?;
    let mut wildcard = [0; 256];
    let Some(wildcard) = join_wildcard(name.suffix(skipped), &mut wildcard) else { return Ok(()) };
    proof.nsec3(&params.label(wildcard))
}

/// The answer was expanded from a wildcard: no closer match exists.
pub(super) fn expanded(
    message: &mut Message<'_>,
    name: &Suffixes,
    scene: Scene<'_>,
    skipped: usize,
) -> Result<(), NoRoom> {
    Proof::new(message, scene).expanded(name, skipped)
}

/// [`expanded`] for a link of a chain, beside whose proof others may stand; `question_end`: where the
/// records of the message begin.
pub(super) fn expanded_link(
    message: &mut Message<'_>,
    name: &Suffixes,
    scene: Scene<'_>,
    skipped: usize,
    question_end: usize,
) -> Result<(), NoRoom> {
    let mut proof = Proof::new(message, scene);
    proof.others_from = Some(question_end);
    proof.expanded(name, skipped)
}

/// The DS records of the delegation `cut`, or the proof that it has none.
pub(super) fn delegation(
    message: &mut Message<'_>,
    name: &Suffixes,
    scene: Scene<'_>,
    cut: Node<'_>,
    cut_at: u16,
    skipped: usize,
) -> Result<(), NoRoom> {
    if let Some(ds) = cut.rrset(Rtype::DS) {
        message.rrset(Section::Authority, ds, cut_at, scene.apex_at)?;
        if let Some(rrsig) = cut.rrsig(Rtype::DS) {
            message.rrset(Section::Authority, rrsig, cut_at, scene.apex_at)?;
        }
        return Ok(());
    }
    let mut proof = Proof::new(message, scene);
    match proof.params() {
        Some(params) => proof.matching_or_opted_out(&params, name, skipped),
        None => proof.nsec(cut.labels()),
    }
}

impl<'m, 'b, 'a> Proof<'m, 'b, 'a> {
    fn new(message: &'m mut Message<'b>, scene: Scene<'a>) -> Self {
        Proof { message, scene, written: [None; PROOF_MAX], others_from: None }
    }

    fn expanded(&mut self, name: &Suffixes, skipped: usize) -> Result<(), NoRoom> {
        match self.params() {
            Some(params) => self.nsec3(&params.label(name.suffix(skipped.saturating_sub(1)))),
            None => self.nsec(name.between(0, self.scene.below)),
        }
    }

    /// How the zone hashes names; `None` if it denies by NSEC.
    fn params(&self) -> Option<Nsec3Params<'a>> {
        if !self.scene.view.uses_nsec3() {
            return None;
        }
        let rrset = self.scene.view.apex_node().rrset(Rtype::NSEC3PARAM)?;
        rrset.stored_rdatas().find_map(Nsec3Params::parse)
    }

    /// The NSEC record that matches or covers the name with these labels below the apex.
    fn nsec(&mut self, labels: &[u8]) -> Result<(), NoRoom> {
        match self.scene.view.nsec_at_or_before(labels) {
            Some(node) => self.write(node, Rtype::NSEC),
            None => Ok(()),
        }
    }

    /// The NSEC3 record that matches or covers the hash.
    fn nsec3(&mut self, label: &[u8; LABEL_LEN]) -> Result<(), NoRoom> {
        match self.scene.view.nsec3_at_or_before(label) {
            Some(node) => self.write(node, Rtype::NSEC3),
            None => Ok(()),
        }
    }

    fn matching(&self, label: &[u8; LABEL_LEN]) -> Option<Node<'a>> {
        self.scene.view.nsec3_at_or_before(label).filter(|node| node.labels().get(1..) == Some(&label[..]))
    }

    /// The NSEC3 record that matches the name without its `skipped` leftmost labels; if there is
    /// none, the span that the name is in was opted out, and its closest provable encloser is
    /// proven (RFC 5155 § 7.2.4 and § 7.2.7).
    fn matching_or_opted_out(
        &mut self,
        params: &Nsec3Params<'_>,
        name: &Suffixes,
        skipped: usize,
    ) -> Result<(), NoRoom> {
        match self.matching(&params.label(name.suffix(skipped))) {
            Some(node) => self.write(node, Rtype::NSEC3),
            None => self.closest_encloser(params, name, skipped + 1).map(drop),
        }
    }

    /// The closest encloser proof (RFC 5155 § 7.2.1): a match for the closest provable encloser, and
    /// cover for the next closer name. Gives how many labels are left of that encloser.
    fn closest_encloser(&mut self, params: &Nsec3Params<'_>, name: &Suffixes, skipped: usize) -> Result<usize, NoRoom> {
        for skipped in skipped..=self.scene.below {
            let Some(encloser) = self.matching(&params.label(name.suffix(skipped))) else { continue };
            self.write(encloser, Rtype::NSEC3)?;
            if let Some(next_closer) = skipped.checked_sub(1) {
                self.nsec3(&params.label(name.suffix(next_closer)))?;
            }
            return Ok(skipped);
        }
        Ok(skipped)
    }

    fn write(&mut self, node: Node<'a>, rtype: Rtype) -> Result<(), NoRoom> {
        let Some(rrset) = node.rrset(rtype) else { return Ok(()) };
        let same = |written: &Option<Node<'_>>| written.is_some_and(|written| written.labels() == node.labels());
        if self.written.iter().any(same) {
            return Ok(());
        }
        if let Some(place) = self.written.iter_mut().find(|place| place.is_none()) {
            *place = Some(node);
        }
        let apex = self.scene.apex_at;
        let mark = self.message.mark();
        let start = self.message.rrset_with_owner(Section::Authority, rrset, apex)?;
        if let Some(question_end) = self.others_from {
            let mut owner = [0; 256];
            let Some(length) = self.message.expand(start as u16, &mut owner) else { return Ok(()) };
            if self.message.find(question_end, Section::Authority, &owner[..length], rtype) != Some(start) {
                self.message.rewind(mark);
                return Ok(());
            }
        }
        if let Some(rrsig) = node.rrsig(rtype) {
            self.message.rrset(Section::Authority, rrsig, start as u16, apex)?;
        }
        Ok(())
    }
}

/// `*.` in front of `encloser`.
fn join_wildcard<'w>(encloser: &[u8], wildcard: &'w mut [u8; 256]) -> Option<&'w [u8]> {
    wildcard[..2].copy_from_slice(b"\x01*");
    wildcard.get_mut(2..2 + encloser.len())?.copy_from_slice(encloser);
    wildcard.get(..2 + encloser.len())
}
