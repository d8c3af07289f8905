//! Where a name leads: what a resolver finds that is sent to it by an NS, MX, SRV or SOA record.

use crate::wire::name::join;
use crate::wire::{Name, NameRef, Rtype};

use super::{Node, View};

/// What stands at a name, seen from this zone alone.
pub(super) enum Reach {
    /// Not in this zone: nothing can be said.
    Outside,
    /// At or below the delegation `cut`: another zone knows.
    Delegated {
        /// The delegation point.
        cut: Name,
        /// Whether this zone holds an address of the name, as glue.
        glue: bool,
    },
    /// Below the DNAME of `owner`.
    Renamed {
        /// The owner of the DNAME.
        owner: Name,
    },
    /// An alias, perhaps by a wildcard.
    Alias,
    /// There is no such name.
    Missing,
    /// The name exists, but has no address.
    NoAddress,
    /// The name has an address, perhaps by a wildcard.
    Addressed,
}

/// Where `target` leads in `view` (RFC 1034 § 4.3.2, RFC 4592, RFC 6672).
pub(super) fn reach(view: View<'_>, target: NameRef<'_>) -> Reach {
    let apex = view.apex();
    if !target.is_at_or_below(apex) {
        return Reach::Outside;
    }
    let labels_below = target.label_count() - apex.label_count();
    let mut encloser = apex;
    for skipped in (0..=labels_below).rev() {
        let Some(name) = target.skip_labels(skipped) else { return Reach::Missing };
        let Some(node) = view.find(name) else {
            return match wildcard_below(view, encloser) {
                Some(wildcard) => at(wildcard),
                None => Reach::Missing,
            };
        };
        if node.is_cut() {
            let glue = view.find(target).is_some_and(has_address);
            return Reach::Delegated { cut: name.to_owned(), glue };
        }
        if skipped == 0 {
            return at(node);
        }
        if node.rrset(Rtype::DNAME).is_some() {
            return Reach::Renamed { owner: name.to_owned() };
        }
        encloser = name;
    }
    Reach::Missing
}

fn at(node: Node<'_>) -> Reach {
    if node.rrset(Rtype::CNAME).is_some() {
        Reach::Alias
    } else if has_address(node) {
        Reach::Addressed
    } else {
        Reach::NoAddress
    }
}

/// Whether `node` has an A or AAAA record.
pub(super) fn has_address(node: Node<'_>) -> bool {
    node.rrset(Rtype::A).is_some() || node.rrset(Rtype::AAAA).is_some()
}

/// The wildcard whose parent is `encloser`.
fn wildcard_below<'a>(view: View<'a>, encloser: NameRef<'_>) -> Option<Node<'a>> {
    let wildcard = join(b"\x01*", encloser).ok()?;
    view.find(wildcard.as_ref())
}

/// The highest delegation point or owner of a DNAME above `name`.
pub(super) fn occluder<'a>(view: View<'a>, name: NameRef<'_>) -> Option<Node<'a>> {
    let labels_below = name.label_count().checked_sub(view.apex().label_count())?;
    (1..=labels_below).rev().find_map(|skipped| {
        let node = view.find(name.skip_labels(skipped)?)?;
        (node.is_cut() || node.rrset(Rtype::DNAME).is_some()).then_some(node)
    })
}
