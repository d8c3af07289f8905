//! What differs between two views of a zone, held against a naive model: applying it to the one gives the other.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use watari::wire::{Name, Rtype};
use watari::zone::diff::{Difference, diff};
use watari::zone::{Change, Patch, Ttl, View, Zone, ZoneBuilder};

const APEX: &str = "example.";
const OWNERS: [&str; 6] = ["example.", "a.example.", "b.a.example.", "*.a.example.", "x.y.example.", "B.example."];

/// Everything that a view says: the records of each RRset with their TTL.
type Model = BTreeMap<(Name, Rtype, Option<Rtype>), (Ttl, BTreeSet<Vec<u8>>)>;

fn model(view: View<'_>) -> Model {
    let mut model = Model::new();
    for node in view.nodes() {
        for rrset in node.rrsets() {
            let key = (node.name(), rrset.rtype(), rrset.covered());
            model.insert(key, (rrset.ttl(), rrset.rdatas().collect()));
        }
    }
    model
}

fn apply(model: &mut Model, differences: &[Difference]) {
    for difference in differences {
        let key = (difference.owner.clone(), difference.rtype, difference.covered);
        let was = model.remove(&key);
        let before = difference.before.as_ref().map(|before| (before.ttl, before.rdatas.iter().cloned().collect()));
        assert_eq!(was, before, "what goes is what was there");
        if let Some(after) = &difference.after {
            model.insert(key, (after.ttl, after.rdatas.iter().cloned().collect()));
        }
    }
}

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

fn zone(serial: u32, rrsets: &[Change]) -> Zone {
    let apex = name(APEX);
    let mut builder = ZoneBuilder::new(apex.as_ref());
    let mut soa = vec![0, 0];
    for field in [serial, 1, 1, 1, 1] {
        soa.extend(field.to_be_bytes());
    }
    builder.add(apex.as_ref(), Rtype::SOA, Ttl(60), &soa).unwrap();
    for Change { owner, rtype, ttl, rdatas, .. } in rrsets {
        for rdata in rdatas {
            builder.add(owner.as_ref(), *rtype, *ttl, rdata).unwrap();
        }
    }
    builder.finish().unwrap().0
}

/// RRsets of different owners and types, some of them empty: in a change, those that go.
fn rrsets() -> impl Strategy<Value = Vec<Change>> {
    let data = prop::collection::btree_set(0u8..4, 0..3);
    let rrset = (0..OWNERS.len(), any::<bool>(), 1u32..3, data);
    prop::collection::vec(rrset, 0..10).prop_map(|drawn| {
        let mut rrsets = BTreeMap::new();
        for (owner, is_address, ttl, data) in drawn {
            let rtype = if is_address { Rtype::A } else { Rtype::TXT };
            let rdata = |last: u8| if is_address { [192, 0, 2, last].into() } else { [1, b'a' + last].into() };
            let rdatas = data.into_iter().map(rdata).collect();
            rrsets.insert(
                (owner, rtype),
                Change { owner: name(OWNERS[owner]), rtype, ttl: Ttl(ttl), capped: false, rdatas },
            );
        }
        rrsets.into_values().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applying_a_diff_gives_the_other_view(before in rrsets(), after in rrsets(), serials in (1u32..3, 1u32..3)) {
        let (before, after) = (zone(serials.0, &before), zone(serials.1, &after));
        let differences = diff(before.view(), after.view());
        let mut applied = model(before.view());
        apply(&mut applied, &differences);
        prop_assert_eq!(applied, model(after.view()));
        prop_assert!(diff(after.view(), after.view()).is_empty());
    }

    #[test]
    fn a_patched_view_differs_by_its_changes_and_its_serial(base in rrsets(), changes in rrsets()) {
        let base = zone(1, &base);
        let patch = Patch::new(&base, &changes).unwrap();
        let patched = View::new(&base, Some(&patch), 2);
        let differences = diff(base.view(), patched);
        let mut applied = model(base.view());
        apply(&mut applied, &differences);
        prop_assert_eq!(applied, model(patched));
        prop_assert_eq!(differences[0].rtype, Rtype::SOA);
        for difference in &differences[1..] {
            let is_change = |change: &Change| change.owner == difference.owner && change.rtype == difference.rtype;
            prop_assert!(changes.iter().any(is_change));
        }
    }

    #[test]
    fn two_patches_of_a_zone_differ_as_the_zones_that_they_make(
        base in rrsets(), one in rrsets(), other in rrsets(), serials in (1u32..3, 1u32..3),
    ) {
        let base = zone(1, &base);
        let patches = [&one, &other].map(|changes| Patch::new(&base, changes).unwrap());
        let [before, after] = [0, 1].map(|number| View::new(&base, Some(&patches[number]), [serials.0, serials.1][number]));
        // Another block of the same records, so that all owners are looked at.
        let copy = base.rebuilt(&[]).unwrap();
        let patch = Patch::new(&copy, &other).unwrap();
        let after_in_full = View::new(&copy, Some(&patch), serials.1);
        prop_assert_eq!(diff(before, after), diff(before, after_in_full));
    }
}

#[test]
fn only_records_that_differ_come_and_go() {
    let rrset = |last: &[u8], ttl| Change {
        owner: name("www.example."),
        rtype: Rtype::A,
        ttl: Ttl(ttl),
        capped: false,
        rdatas: last.iter().map(|&last| [192, 0, 2, last].into()).collect(),
    };
    let before = zone(1, &[rrset(&[1, 2], 60)]);
    let lasts = |records: Vec<(Ttl, &[u8])>| records.iter().map(|(_, rdata)| rdata[3]).collect::<Vec<_>>();
    let differences = diff(before.view(), zone(1, &[rrset(&[2, 3], 60)]).view());
    assert_eq!(lasts(differences[0].removed().collect()), [1]);
    assert_eq!(lasts(differences[0].added().collect()), [3]);
    // With another TTL, all records are others.
    let differences = diff(before.view(), zone(1, &[rrset(&[2, 1], 61)]).view());
    assert_eq!(lasts(differences[0].removed().collect()), [1, 2]);
    assert_eq!(lasts(differences[0].added().collect()), [1, 2]);
}
