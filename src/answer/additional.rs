//! Addresses that go with an answer or a referral (RFC 1034 § 4.3.2 step 6; RFC 9471).

use crate::wire::Rtype;
use crate::zone::{NoRoom, Node, Rrset};

use super::message::{Message, Section};

/// Offsets beyond which nothing can be pointed to.
const POINTER_REACH: usize = 0x4000;

/// Adds the addresses of names in `rrset`, which stands at `start`, as far as there is room; for
/// SVCB and HTTPS also what the names have of the same type (RFC 9460 § 4.1).
pub(super) fn add(message: &mut Message<'_>, rrset: Rrset<'_>, start: usize, owner: u16, apex: u16, signed: bool) {
    let service = matches!(rrset.rtype(), Rtype::SVCB | Rtype::HTTPS);
    for referred in rrset.referred() {
        let at = referred.at.map_or(usize::from(owner), |at| start + at);
        if at >= POINTER_REACH {
            continue;
        }
        let of_service = service && referred.at.is_some();
        if addresses(message, referred.node, at as u16, apex, signed).is_err()
            || (of_service && of_type(message, referred.node, rrset.rtype(), at as u16, apex, signed).is_err())
        {
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
        of_type(message, node, rtype, owner, apex, signed)?;
    }
    Ok(())
}

fn of_type(
    message: &mut Message<'_>,
    node: Node<'_>,
    rtype: Rtype,
    owner: u16,
    apex: u16,
    signed: bool,
) -> Result<(), NoRoom> {
    let Some(rrset) = node.rrset(rtype) else { return Ok(()) };
    let mark = message.mark();
    message.rrset(Section::Additional, rrset, owner, apex)?;
    if let (true, false, Some(rrsig)) = (signed, node.is_occluded(), node.rrsig(rtype))
        && message.rrset(Section::Additional, rrsig, owner, apex).is_err()
    {
        message.rewind(mark);
        return Err(NoRoom);
    }
    Ok(())
}
