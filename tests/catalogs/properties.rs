//! Properties of catalog zones: of any at all, and of those that we make.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use watari::control::secondary::Copy;
use watari::wire::{Name, NameRef, Rtype};
use watari::zone::delta::Delta;
use watari::zone::members::{Label, Member, Members};
use watari::zone::{Ttl, Zone, ZoneBuilder};

const CATALOG: &str = "c.test.";

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

/// Owners and data that mean something in a catalog zone, or nearly.
fn record() -> impl Strategy<Value = (String, Rtype, Vec<u8>)> {
    let labels = prop::sample::select(vec!["zones", "version", "coo", "group", "ext", "a", "B", "\\000", "zones.x"]);
    let owner = vec(labels, 0..5).prop_map(|labels| labels.iter().map(|label| format!("{label}.")).collect::<String>());
    let likely = prop::sample::select(vec!["version.", "a.zones.", "B.zones.", "group.a.zones.", "coo.a.zones."]);
    let owner = prop_oneof![2 => owner, 3 => likely.prop_map(str::to_owned)];
    let target = prop::sample::select(vec!["m.example.", "M.example.", "n.example.", "c.test.", "."]);
    let text = prop_oneof![
        4 => Just(b"\x012".to_vec()),
        1 => Just(b"\x013".to_vec()),
        1 => Just(b"\x012\x012".to_vec()),
        1 => vec(any::<u8>(), 0..6).prop_map(|text| [&[text.len() as u8], &*text].concat()),
    ];
    let data = prop_oneof![
        4 => target.prop_map(|target| (Rtype::PTR, name(target).wire().to_vec())),
        3 => text.prop_map(|text| (Rtype::TXT, text)),
        1 => Just((Rtype::A, vec![192, 0, 2, 1])),
    ];
    (owner, data).prop_map(|(owner, (rtype, rdata))| (owner, rtype, rdata))
}

fn zone(records: &[(String, Rtype, Vec<u8>)]) -> Zone {
    let catalog = name(CATALOG);
    let mut builder = ZoneBuilder::new(catalog.as_ref());
    let mut add = |owner: NameRef<'_>, rtype, rdata: &[u8]| builder.add(owner, rtype, Ttl(0), rdata).unwrap();
    let soa = [b"\0\0".as_slice(), &1u32.to_be_bytes(), &[0; 16]].concat();
    add(catalog.as_ref(), Rtype::SOA, &soa);
    add(catalog.as_ref(), Rtype::NS, b"\x07invalid\0");
    for (owner, rtype, rdata) in records {
        add(name(&format!("{owner}{CATALOG}")).as_ref(), *rtype, rdata);
    }
    builder.finish().unwrap().0
}

/// What the records list, found in the simplest way; `None` if they are broken.
fn model(records: &[(String, Rtype, Vec<u8>)]) -> Option<BTreeMap<Name, String>> {
    let at = |owner: &str, rtype| {
        let mut data: Vec<Vec<u8>> = records
            .iter()
            .filter(|(name, of, _)| name.eq_ignore_ascii_case(owner) && *of == rtype)
            // Names are the same in any case, and a record that stands there twice is one.
            .map(|(_, of, data)| if *of == Rtype::PTR { data.to_ascii_lowercase() } else { data.clone() })
            .collect();
        data.sort();
        data.dedup();
        data
    };
    if at("version.", Rtype::TXT) != [b"\x012"] {
        return None;
    }
    let mut members = BTreeMap::new();
    for (owner, ..) in records {
        let owner = owner.to_ascii_lowercase();
        let labels: Vec<_> = owner.trim_end_matches('.').split('.').collect();
        let is_known = matches!(labels[..], [_, "zones"] | ["coo", _, "zones"]);
        if is_known && at(&owner, Rtype::PTR).len() > 1 {
            return None;
        }
        let ([label, "zones"], [target]) = (&labels[..], &*at(&owner, Rtype::PTR)) else { continue };
        let member = NameRef::parse(target).unwrap().to_owned();
        if members.insert(member, (*label).to_owned()).is_some_and(|other| other != *label) {
            return None;
        }
    }
    Some(members)
}

fn members() -> impl Strategy<Value = Members> {
    let apex = prop::sample::select(vec!["a.example", "B.example", "x.y.test", ".", "c.test", "d.test"]);
    let groups = prop::collection::btree_set(prop::sample::select(vec!["", "g", "two words", "ä"]), 0..3);
    let goes_to = prop::option::of(prop::sample::select(vec!["d.test", "e.test"]));
    btree_map(apex, (groups, goes_to), 0..6).prop_map(|members| {
        let member = |(apex, (groups, goes_to)): (&str, (std::collections::BTreeSet<&str>, Option<&str>))| {
            let apex = name(apex).as_ref().to_lowercase();
            let groups = groups.into_iter().map(Box::from).collect();
            let label = Label::of(apex.as_ref());
            (apex, Member { label, groups, goes_to: goes_to.map(name) })
        };
        members.into_iter().map(member).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_zone_lists_what_it_lists_or_is_broken(records in vec(record(), 0..12), is_versioned in any::<bool>()) {
        let version = ("version.".to_owned(), Rtype::TXT, b"\x012".to_vec());
        let records: Vec<_> = records.into_iter().chain(is_versioned.then_some(version)).collect();
        let zone = zone(&records);
        let read = Members::read(zone.view());
        prop_assert_eq!(&read, &Members::read(zone.view()));
        let listed = read.ok().map(|members| {
            members.iter().map(|(apex, member)| (apex.clone(), member.label.0.to_vec())).collect::<BTreeMap<_, _>>()
        });
        let model = model(&records).map(|members| {
            members.into_iter().map(|(apex, label)| {
                let label = name(&label);
                (apex, label.wire()[1..label.wire().len() - 1].to_ascii_lowercase())
            }).collect()
        });
        prop_assert_eq!(listed, model);
    }

    #[test]
    fn what_we_make_is_read_as_what_it_was_made_of(members in members(), serial in any::<u32>()) {
        let zone = members.zone(name(CATALOG).as_ref(), serial).unwrap();
        prop_assert_eq!(zone.serial(), serial);
        prop_assert_eq!(Members::read(zone.view()), Ok(members));
    }

    #[test]
    fn a_change_makes_of_one_what_the_other_is(before in members(), after in members()) {
        let catalog = name(CATALOG);
        let copy = Copy::whole(before.zone(catalog.as_ref(), 1).unwrap()).unwrap();
        let changed = copy.with(before.changes(&after, catalog.as_ref(), (1, 2))).unwrap();
        let anew = after.zone(catalog.as_ref(), 2).unwrap();
        prop_assert!(Delta::between(changed.view(), anew.view()).is_empty());
        prop_assert_eq!(Members::read(changed.view()), Ok(after));
    }
}
