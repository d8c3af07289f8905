//! Addresses that go with an answer or a referral (RFC 1034 § 4.3.2 step 6; RFC 9471).

use crate::wire::Rtype;
use crate::zone::{NoRoom, Node, Rrset};

use super::message::{Message, Section};

/// Offsets beyond which nothing can be pointed to.
const POINTER_REACH: usize = 0x4000;

/// Adds the addresses of names in `rrset`, which stands at `start`, as far as there is room.
pub(super) fn add(message: &mut Message<'_>, rrset: Rrset<'_>, start: usize, owner: u16, apex: u16, signed: bool) {
    for referred in rrset.referred() {
        let at = referred.at.map_or(usize::from(owner), |at| start + at);
        if at < POINTER_REACH && addresses(message, referred.node, at as u16, apex, signed).is_err() {
            return;
        }
    }
}

/// Adds the glue of the delegation `cut`, whose NS records stand at `start`: first that of name
/// servers below the cut, without which nobody can go on. If there is no room for all of it, the
/// response is truncated (RFC 9471 § 3.1).
pub(super) fn add_glue(message: &mut Message<'_>, cut: Node<'_>, ns: Rrset<'_>, start: usize, apex: u16, signed: bool) {
    let in_domain = |node: Node<'_>| node.labels().ends_with(cut.labels());
    for referred in ns.referred().filter(|referred| in_domain(referred.node)) {
        let at = start + referred.at.unwrap_or(0);
        if at >= POINTER_REACH || addresses(message, referred.node, at as u16, apex, false).is_err() {
            message.truncate();
            return;
        }
    }
    for referred in ns.referred().filter(|referred| !in_domain(referred.node)) {
        let at = start + referred.at.unwrap_or(0);
        if at < POINTER_REACH && addresses(message, referred.node, at as u16, apex, signed).is_err() {
            return;
        }
    }
}

fn addresses(message: &mut Message<'_>, node: Node<'_>, owner: u16, apex: u16, signed: bool) -> Result<(), NoRoom> {
    for rtype in [Rtype::A, Rtype::AAAA] {
        let Some(rrset) = node.rrset(rtype) else { continue };
        let mark = message.mark();
        message.rrset(Section::Additional, rrset, owner, apex)?;
        if let (true, false, Some(rrsig)) = (signed, node.is_occluded(), node.rrsig(rtype))
            && message.rrset(Section::Additional, rrsig, owner, apex).is_err()
        {
            message.rewind(mark);
            return Err(NoRoom);
        }
    }
    Ok(())
}
