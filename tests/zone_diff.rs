//! What differs between two views of a zone, RRset by RRset and record by record, held against a naive model: applying it
//! to the one gives the other.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use watari::wire::{Name, Rtype};
use watari::zone::delta::{Delta, Mismatch, Record};
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

/// The same with signatures, which only cover types here.
fn signed_rrsets() -> impl Strategy<Value = Vec<Change>> {
    let signature = (0..OWNERS.len(), prop::sample::select(vec![Rtype::A, Rtype::TXT, Rtype::NSEC]), 0u8..3);
    (rrsets(), prop::collection::vec(signature, 0..6)).prop_map(|(mut rrsets, signatures)| {
        for (owner, covered, signature) in signatures {
            let mut rdata = vec![0; 18];
            rdata[..2].copy_from_slice(&covered.0.to_be_bytes());
            rdata.extend([0, signature]);
            let owner = name(OWNERS[owner]);
            let rdatas = vec![rdata.into()];
            rrsets.push(Change { owner, rtype: Rtype::RRSIG, ttl: Ttl(1), capped: false, rdatas });
        }
        rrsets
    })
}

/// The zone that a delta makes of `zone`, its serial from the SOA record among the rest.
fn made(zone: &Zone, delta: &Delta) -> Zone {
    zone.rebuilt(&delta.changes(zone.view()).unwrap()).unwrap()
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
    fn a_delta_leads_there_and_back_by_a_rebuilt_zone_and_by_a_patch(
        before in signed_rrsets(), after in signed_rrsets(), serials in (1u32..3, 1u32..3),
    ) {
        let (before, after) = (zone(serials.0, &before), zone(serials.1, &after));
        let delta = Delta::between(before.view(), after.view());
        prop_assert_eq!(model(made(&before, &delta).view()), model(after.view()));
        prop_assert_eq!(delta.serials(), (serials.0 != serials.1).then_some(serials));
        let patch = Patch::new(&before, &delta.changes(before.view()).unwrap()).unwrap();
        prop_assert_eq!(model(View::new(&before, Some(&patch), serials.1)), model(after.view()));
        let stored = Delta::from_bytes(&delta.to_bytes()).unwrap();
        prop_assert_eq!(&stored, &delta);
        prop_assert_eq!(model(made(&after, &stored.inverted()).view()), model(before.view()));
        // What is done already need not be done.
        let again = after.rebuilt(&delta.changes_as_far(after.view())).unwrap();
        prop_assert_eq!(model(again.view()), model(after.view()));
        if !delta.is_empty() {
            prop_assert!(delta.changes(after.view()).is_err());
        }
    }

    #[test]
    fn two_deltas_are_one_as_good_as_the_one_straight_there(
        first in signed_rrsets(), second in signed_rrsets(), third in signed_rrsets(),
    ) {
        let zones = [(1, &first), (2, &second), (3, &third)].map(|(serial, rrsets)| zone(serial, rrsets));
        let [first, second, third] = &zones;
        let both = Delta::between(first.view(), second.view()).then(Delta::between(second.view(), third.view()));
        prop_assert_eq!(model(made(first, &both).view()), model(third.view()));
        let straight = Delta::between(first.view(), third.view());
        prop_assert_eq!((both.removed.len(), both.added.len()), (straight.removed.len(), straight.added.len()));
        prop_assert_eq!(both.serials(), Some((1, 3)));
        let back = Delta::between(first.view(), second.view()).then(Delta::between(second.view(), first.view()));
        prop_assert!(back.is_empty());
    }

    #[test]
    fn what_is_no_delta_is_not_taken_for_one(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Some(delta) = Delta::from_bytes(&bytes) {
            prop_assert_eq!(delta.to_bytes(), bytes);
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

#[test]
fn a_delta_of_another_zone_is_refused() {
    let record = |last: u8, ttl| Record {
        owner: name("WWW.example."),
        rtype: Rtype::A,
        ttl: Ttl(ttl),
        rdata: [192, 0, 2, last].into(),
    };
    let change = |record: Record| Change {
        owner: record.owner,
        rtype: record.rtype,
        ttl: record.ttl,
        capped: false,
        rdatas: vec![record.rdata],
    };
    let zone = zone(1, &[change(record(1, 60))]);
    let removes = |record| Delta { removed: vec![record], added: Vec::new() };
    let adds = |record| Delta { removed: Vec::new(), added: vec![record] };
    let (owner, rtype) = (record(1, 0).owner, Rtype::A);
    let not_there = Mismatch::NotThere { owner: owner.clone(), rtype };
    assert_eq!(removes(record(2, 60)).changes(zone.view()), Err(not_there));
    assert_eq!(adds(record(1, 60)).changes(zone.view()), Err(Mismatch::AlreadyThere { owner, rtype }));
    // The TTL is not what a record goes by.
    assert_eq!(removes(record(1, 61)).changes(zone.view()).unwrap()[0].rdatas.len(), 0);
    assert_eq!(adds(record(1, 61)).changes(zone.view()).unwrap()[0].ttl, Ttl(61));
}
