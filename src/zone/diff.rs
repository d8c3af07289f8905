//! What differs between two views of one zone: RRset by RRset, with TTLs, the serial included.
//!
//! 1. The SOA record comes first, then owners in canonical order (RFC 4034 § 6.1) and types by number.
//! 2. Records are compared octet by octet, the order of records in an RRset means nothing. Owners that differ in
//!    case only are one.
//! 3. Two views of one and the same zone differ only where one has a patch, and in the serial: then no other owner is
//!    looked at, and what it costs depends on the patches and not on the zone.
//! 4. Whoever removes each `before` from the first view and adds each `after` has the second.

use std::collections::BTreeMap;

use super::{Node, Rrset, Ttl, View, order};
use crate::wire::name::join;
use crate::wire::{Name, NameRef, Rtype};

/// An RRset that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The owner.
    pub owner: Name,
    /// The type.
    pub rtype: Rtype,
    /// Of RRSIG: the type that is covered.
    pub covered: Option<Rtype>,
    /// What it is in the first view; `None` if there is none.
    pub before: Option<Records>,
    /// What it is in the second; `None` if there is none.
    pub after: Option<Records>,
}

/// The TTL and the records of an RRset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// The TTL.
    pub ttl: Ttl,
    /// The records' data, uncompressed, in canonical order (RFC 4034 § 6.3).
    pub rdatas: Vec<Vec<u8>>,
}

impl Records {
    fn of(rrset: Rrset<'_>) -> Records {
        let mut rdatas: Vec<_> = rrset.rdatas().collect();
        rdatas.sort();
        Records { ttl: rrset.ttl(), rdatas }
    }

    fn has(&self, ttl: Ttl, rdata: &[u8]) -> bool {
        self.ttl == ttl && self.rdatas.iter().any(|mine| mine == rdata)
    }
}

impl Difference {
    /// The records that go: those of `before` that `after` doesn't have with the same TTL.
    pub fn removed(&self) -> impl Iterator<Item = (Ttl, &[u8])> {
        records_without(self.before.as_ref(), self.after.as_ref())
    }

    /// The records that come.
    pub fn added(&self) -> impl Iterator<Item = (Ttl, &[u8])> {
        records_without(self.after.as_ref(), self.before.as_ref())
    }
}

fn records_without<'r>(
    records: Option<&'r Records>,
    others: Option<&'r Records>,
) -> impl Iterator<Item = (Ttl, &'r [u8])> {
    let all = records.into_iter().flat_map(|records| records.rdatas.iter().map(|rdata| (records.ttl, &**rdata)));
    all.filter(move |(ttl, rdata)| !others.is_some_and(|others| others.has(*ttl, rdata)))
}

/// What differs between `before` and `after`, which are views of zones with the same apex.
pub fn diff(before: View<'_>, after: View<'_>) -> Vec<Difference> {
    let mut differences =
        if before.is_of_the_zone_of(after) { diff_patched(before, after) } else { diff_all(before, after) };
    // Stable: all else stays in its order.
    differences.sort_by_key(|difference| difference.rtype != Rtype::SOA);
    differences
}

/// What differs between two views of one zone (rule 3).
fn diff_patched(before: View<'_>, after: View<'_>) -> Vec<Difference> {
    let apex = before.apex_node().labels();
    let mut owners: Vec<_> = before.patched().chain(after.patched()).chain([apex]).collect();
    owners.sort_unstable_by(|a, b| order::cmp(a, b));
    owners.dedup();
    let mut differences = Vec::new();
    for labels in owners {
        compare(before.at_labels(labels), after.at_labels(labels), &mut differences);
    }
    differences
}

/// What differs between two views of two zones. Each node of the one is looked up in the other: that is less work than to
/// bring both into order, which only what differs needs.
fn diff_all(before: View<'_>, after: View<'_>) -> Vec<Difference> {
    let (mut differing, mut found) = (Vec::new(), 0);
    for old in before.nodes() {
        let new = after.at_labels(old.labels());
        found += usize::from(new.is_some());
        if !new.is_some_and(|new| is_same(old, new)) {
            differing.push((old.labels(), Some(old), new));
        }
    }
    if found < after.nodes().count() {
        let added = after.nodes().filter(|new| before.at_labels(new.labels()).is_none());
        differing.extend(added.map(|new| (new.labels(), None, Some(new))));
    }
    differing.sort_unstable_by(|(one, ..), (other, ..)| order::cmp(one, other));
    let mut differences = Vec::new();
    for (_, old, new) in differing {
        compare(old, new, &mut differences);
    }
    differences
}

/// Whether two nodes have the same records in the same order, as nearly all do.
fn is_same(old: Node<'_>, new: Node<'_>) -> bool {
    let is_alike = |(old, new): (Rrset<'_>, Rrset<'_>)| {
        let heads = [old, new].map(|rrset| (rrset.rtype(), rrset.ttl(), rrset.len()));
        heads[0] == heads[1] && old.rdatas().eq(new.rdatas())
    };
    old.rrsets().count() == new.rrsets().count() && old.rrsets().zip(new.rrsets()).all(is_alike)
}

/// What an RRset is in the first view and in the second.
type Sides = (Option<Records>, Option<Records>);

/// Notes what differs between two nodes of one name, either of which may be missing.
fn compare(old: Option<Node<'_>>, new: Option<Node<'_>>, differences: &mut Vec<Difference>) {
    let Some(owner) = old.or(new).map(Node::name) else { return };
    let mut rrsets: BTreeMap<(Rtype, Option<Rtype>), Sides> = BTreeMap::new();
    for rrset in old.into_iter().flat_map(Node::rrsets) {
        rrsets.entry((rrset.rtype(), rrset.covered())).or_default().0 = Some(Records::of(rrset));
    }
    for rrset in new.into_iter().flat_map(Node::rrsets) {
        rrsets.entry((rrset.rtype(), rrset.covered())).or_default().1 = Some(Records::of(rrset));
    }
    for ((rtype, covered), (before, after)) in rrsets {
        if before != after {
            differences.push(Difference { owner: owner.clone(), rtype, covered, before, after });
        }
    }
}

impl<'a> View<'a> {
    /// Whether both are views of one zone, apart from patches.
    fn is_of_the_zone_of(self, other: View<'_>) -> bool {
        std::ptr::eq(self.base.0, other.base.0)
    }

    /// The labels below the apex of all that the patch touches, in no order.
    fn patched(self) -> impl Iterator<Item = &'a [u8]> {
        self.patch
            .into_iter()
            .flat_map(|patch| patch.numbers().map(move |number| patch.name(&patch.table()[number as usize])))
    }

    /// The node with these labels, in lower case, below the apex.
    fn at_labels(self, labels: &[u8]) -> Option<Node<'a>> {
        let name = join(labels, NameRef::parse(self.base.apex()).ok()?).ok()?;
        self.find(name.as_ref())
    }
}
