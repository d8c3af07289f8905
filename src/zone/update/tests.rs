//! Updates beside a model that says what RFC 2136 says in the plainest way: a list of records.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::message::Entry;
use super::*;
use crate::wire::{Class, Name, Rcode};
use crate::zone::delta::Delta;
use crate::zone::text::{NoInclude, load, parse_rdata};
use crate::zone::{Amended, Node, View, Zone};

const APEX: &str = "example.";
const FILE: &str = "$TTL 300\n@ SOA ns h 10 7200 3600 1209600 300\n@ NS ns\n@ NS ns.elsewhere.test.\n@ TXT \"apex\"\n\
                    ns A 192.0.2.1\nwww A 192.0.2.2\nwww A 192.0.2.3\nalias CNAME www\na.b TXT \"deep\"\n";

fn name(text: &str) -> Name {
    Name::from_text(&if text == "@" { APEX.to_owned() } else { format!("{text}.{APEX}") }).unwrap()
}

fn zone(text: &str) -> Zone {
    let loaded = load(name("@").as_ref(), &Arc::from("example.zone"), text.as_bytes(), &NoInclude);
    loaded.zone.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

fn entry(owner: &str, rtype: Rtype, class: Class, ttl: u32, data: &str) -> Entry {
    let rdata = match data {
        "" => Vec::new(),
        data => parse_rdata(rtype, data, name("@").as_ref()).unwrap(),
    };
    Entry { owner: name(owner), rtype, class, ttl, rdata: rdata.into() }
}

fn update(prerequisites: Vec<Entry>, changes: Vec<Entry>) -> Update {
    Update { apex: name("@"), class: Class::IN, prerequisites, changes }
}

/// All records of a zone but for the serial.
type Records = BTreeSet<(Name, Rtype, u32, Vec<u8>)>;

fn records(zone: &Zone) -> Records {
    let rrsets = zone.nodes().flat_map(|node| node.rrsets().map(|rrset| (node.name(), rrset)).collect::<Vec<_>>());
    let record = |(owner, rrset): (Name, Rrset<'_>)| {
        let (rtype, ttl) = (rrset.rtype(), rrset.ttl().0);
        let rdatas: Vec<_> = rrset.rdatas().map(|rdata| canonical_rdata(rtype, &rdata)).collect();
        rdatas.into_iter().map(move |rdata| (owner.clone(), rtype, ttl, rdata)).collect::<Vec<_>>()
    };
    rrsets.flat_map(record).collect()
}

fn made(zone: &Zone, draft: &Draft<'_>) -> Zone {
    let changes: Vec<_> = draft.changed().iter().map(Changed::to_change).collect();
    zone.rebuilt(&changes).unwrap()
}

fn tried(prerequisites: Vec<Entry>, changes: Vec<Entry>) -> Result<Records, Rcode> {
    let zone = zone(FILE);
    let mut draft = Draft::new(zone.view());
    let result = draft.update(&update(prerequisites, changes), &|_, _| true);
    result.map(|()| records(&made(&zone, &draft))).map_err(|refusal| refusal.rcode)
}

#[test]
fn rfc2136_3_2_prerequisites() {
    let (any, none, class) = (Class::ANY, Class::NONE, Class::IN);
    let code = |entries: Vec<Entry>| tried(entries, Vec::new()).err();
    let all = Rtype::ANY;
    for (expected, prerequisite) in [
        (None, entry("www", all, any, 0, "")),
        (Some(Rcode::NXDOMAIN), entry("x", all, any, 0, "")),
        // An empty non-terminal is not in use.
        (Some(Rcode::NXDOMAIN), entry("b", all, any, 0, "")),
        (None, entry("b", all, none, 0, "")),
        (Some(Rcode::YXDOMAIN), entry("www", all, none, 0, "")),
        (None, entry("www", Rtype::A, any, 0, "")),
        (Some(Rcode::NXRRSET), entry("www", Rtype::TXT, any, 0, "")),
        (Some(Rcode::YXRRSET), entry("www", Rtype::A, none, 0, "")),
        (None, entry("www", Rtype::TXT, none, 0, "")),
        (Some(Rcode::FORMERR), entry("www", all, any, 1, "")),
        (Some(Rcode::FORMERR), entry("www", Rtype::A, any, 0, "192.0.2.2")),
        (Some(Rcode::FORMERR), entry("www", Rtype::A, Class::CH, 0, "")),
        (Some(Rcode::NXRRSET), entry("www", Rtype::A, class, 0, "192.0.2.2")),
        (Some(Rcode::NOTZONE), Entry { owner: Name::from_text("other.").unwrap(), ..entry("@", all, any, 0, "") }),
    ] {
        assert_eq!(code(vec![prerequisite.clone()]), expected, "{prerequisite:?}");
    }
    let both = ["192.0.2.3", "192.0.2.2"].map(|data| entry("WWW", Rtype::A, class, 0, data));
    assert_eq!(code(both.to_vec()), None);
    let more = [&both[..], &[entry("www", Rtype::A, class, 0, "192.0.2.4")]].concat();
    assert_eq!(code(more), Some(Rcode::NXRRSET));
}

#[test]
fn rfc2136_3_4_1_one_bad_change_undoes_all() {
    let good = entry("new", Rtype::A, Class::IN, 60, "192.0.2.9");
    for (expected, bad) in [
        (Rcode::NOTZONE, Entry { owner: Name::from_text("other.").unwrap(), ..good.clone() }),
        (Rcode::FORMERR, Entry { rdata: Box::default(), ..good.clone() }),
        (Rcode::FORMERR, Entry { rtype: Rtype::ANY, ..good.clone() }),
        (Rcode::FORMERR, Entry { rtype: Rtype::AXFR, ..good.clone() }),
        (Rcode::FORMERR, Entry { class: Class::CH, ..good.clone() }),
        (Rcode::FORMERR, entry("www", Rtype::A, Class::ANY, 1, "")),
        (Rcode::FORMERR, entry("www", Rtype::A, Class::ANY, 0, "192.0.2.2")),
        (Rcode::FORMERR, entry("www", Rtype::A, Class::NONE, 1, "192.0.2.2")),
        (Rcode::FORMERR, entry("www", Rtype::ANY, Class::NONE, 0, "")),
        (Rcode::REFUSED, entry("www", Rtype::NSEC3, Class::ANY, 0, "")),
    ] {
        assert_eq!(tried(Vec::new(), vec![good.clone(), bad.clone()]), Err(expected), "{bad:?}");
    }
}

#[test]
fn rfc2136_3_4_2_the_apex_keeps_soa_and_ns() {
    let before = records(&zone(FILE));
    for change in [
        entry("@", Rtype::SOA, Class::ANY, 0, ""),
        entry("@", Rtype::NS, Class::ANY, 0, ""),
        entry("@", Rtype::SOA, Class::IN, 300, "ns h 10 1 1 1 1"),
        entry("@", Rtype::SOA, Class::IN, 300, "ns h 9 1 1 1 1"),
        entry("www", Rtype::SOA, Class::IN, 300, "ns h 11 1 1 1 1"),
        entry("@", Rtype::SOA, Class::NONE, 0, "ns h 10 7200 3600 1209600 300"),
        entry("@", Rtype::CNAME, Class::IN, 300, "www"),
        entry("alias", Rtype::A, Class::IN, 300, "192.0.2.7"),
        entry("www", Rtype::CNAME, Class::IN, 300, "ns"),
    ] {
        assert_eq!(tried(Vec::new(), vec![change.clone()]).as_ref(), Ok(&before), "{change:?}");
    }
    let all = tried(Vec::new(), vec![entry("@", Rtype::ANY, Class::ANY, 0, "")]).unwrap();
    let gone: Vec<_> = before.difference(&all).map(|(_, rtype, ..)| *rtype).collect();
    assert_eq!(gone, [Rtype::TXT]);
    let servers = ["ns", "ns.elsewhere.test."].map(|data| entry("@", Rtype::NS, Class::NONE, 0, data));
    let left = tried(Vec::new(), servers.to_vec()).unwrap();
    assert_eq!(before.difference(&left).count(), 1, "the last name server stays");
}

#[test]
fn what_can_not_stand_in_a_zone_is_refused() {
    for changes in [
        vec![entry("b", Rtype::DNAME, Class::IN, 60, "www")],
        vec![entry("d", Rtype::DNAME, Class::IN, 60, "www"), entry("x.y.d", Rtype::A, Class::IN, 60, "192.0.2.1")],
        vec![entry("d", Rtype::DNAME, Class::IN, 60, "www"), entry("d", Rtype::NS, Class::IN, 60, "ns")],
        (0..300).map(|n| entry("big", Rtype::TXT, Class::IN, 60, &format!("\"{n}{}\"", "x".repeat(240)))).collect(),
    ] {
        assert_eq!(tried(Vec::new(), changes), Err(Rcode::REFUSED));
    }
    let signed = zone(&format!("{FILE}@ DNSKEY 257 3 13 AAAA\n"));
    let mut draft = Draft::new(signed.view());
    let added = update(Vec::new(), vec![entry("x", Rtype::A, Class::IN, 60, "192.0.2.1")]);
    assert_eq!(draft.update(&added, &|_, _| true).unwrap_err().rcode, Rcode::REFUSED);
    assert!(draft.changed().is_empty());
}

/// The plain model: RFC 2136 § 3.4.2 word by word over a list of records.
#[derive(Clone, Debug)]
struct Model(Vec<Entry>);

impl Model {
    fn of(zone: &Zone) -> Model {
        let entry = |(owner, rtype, ttl, rdata): (Name, Rtype, u32, Vec<u8>)| Entry {
            owner,
            rtype,
            class: Class::IN,
            ttl,
            rdata: rdata.into(),
        };
        Model(records(zone).into_iter().map(entry).collect())
    }

    fn has(&self, test: impl Fn(&Entry) -> bool) -> bool {
        self.0.iter().any(test)
    }

    fn make(&mut self, change: &Entry) {
        let Entry { owner, rtype, class, ttl, rdata } = change;
        let (apex, data) = (*owner == name("@"), canonical_rdata(*rtype, rdata));
        let is_it = |entry: &Entry| entry.owner == *owner && entry.rtype == *rtype;
        let is_same = |entry: &Entry| is_it(entry) && *entry.rdata == *data;
        let serial = |rdata: &[u8]| u32::from_be_bytes(*rdata[rdata.len() - 20..].first_chunk().unwrap());
        let apex_type = |rtype: Rtype| matches!(rtype, Rtype::SOA | Rtype::NS);
        match *class {
            Class::ANY => self.0.retain(|entry| {
                let meant = entry.owner == *owner && (*rtype == Rtype::ANY || entry.rtype == *rtype);
                !meant || (apex && apex_type(entry.rtype))
            }),
            Class::NONE => {
                let last_ns = apex && *rtype == Rtype::NS && self.0.iter().filter(|entry| is_it(entry)).count() == 1;
                if *rtype != Rtype::SOA && !last_ns {
                    self.0.retain(|entry| !is_same(entry));
                }
            }
            _ => {
                let alias =
                    |entry: &Entry| entry.owner == *owner && (entry.rtype == Rtype::CNAME) != (*rtype == Rtype::CNAME);
                if self.has(alias) {
                    return;
                }
                if *rtype == Rtype::SOA && !self.has(|entry| is_it(entry) && serial(&entry.rdata) < serial(rdata)) {
                    return;
                }
                if matches!(*rtype, Rtype::SOA | Rtype::CNAME) {
                    self.0.retain(|entry| !is_it(entry));
                }
                self.0.iter_mut().filter(|entry| is_it(entry)).for_each(|entry| entry.ttl = *ttl);
                if !self.has(is_same) {
                    self.0.push(Entry { rdata: data.into(), ..change.clone() });
                }
            }
        }
    }

    fn records(&self) -> Records {
        let record = |entry: &Entry| (entry.owner.clone(), entry.rtype, entry.ttl, entry.rdata.to_vec());
        self.0.iter().map(record).collect()
    }
}

fn drawn(classes: Vec<Class>) -> impl Strategy<Value = Entry> {
    let owner = prop::sample::select(vec!["@", "www", "WWW", "alias", "new", "a.b", "b"]);
    let data = prop::sample::select(vec![
        (Rtype::A, "192.0.2.2"),
        (Rtype::A, "192.0.2.3"),
        (Rtype::A, "192.0.2.4"),
        (Rtype::TXT, "\"deep\""),
        (Rtype::TXT, "\"apex\""),
        (Rtype::CNAME, "www"),
        (Rtype::CNAME, "NS"),
        (Rtype::NS, "ns"),
        (Rtype::NS, "ns.elsewhere.test."),
        (Rtype::MX, "10 www"),
        (Rtype::SOA, "ns h 10 1 2 3 4"),
        (Rtype::SOA, "ns h 12 1 2 3 4"),
        (Rtype::SOA, "ns h 30 1 2 3 5"),
    ]);
    (owner, data, prop::sample::select(classes), prop::sample::select(vec![60, 300]), any::<bool>()).prop_map(
        |(owner, (rtype, data), class, ttl, all)| match class {
            Class::ANY => entry(owner, if all { Rtype::ANY } else { rtype }, class, 0, ""),
            Class::NONE => entry(owner, rtype, class, 0, data),
            _ => entry(owner, rtype, class, ttl, data),
        },
    )
}

fn changes() -> impl Strategy<Value = Vec<Entry>> {
    prop::collection::vec(drawn(vec![Class::IN, Class::IN, Class::NONE, Class::ANY]), 1..5)
}

/// A file's records at names and of types that an edit may add and remove.
fn edits() -> impl Strategy<Value = BTreeSet<(&'static str, &'static str)>> {
    let records: Vec<_> = ["www", "new", "x"]
        .into_iter()
        .flat_map(|owner| ["A 192.0.2.2", "A 192.0.2.3", "A 192.0.2.4", "TXT \"t\""].map(|data| (owner, data)))
        .collect();
    prop::collection::btree_set(prop::sample::select(records), 0..8)
}

fn file(records: &BTreeSet<(&'static str, &'static str)>) -> Zone {
    let lines: String = records.iter().map(|(owner, data)| format!("{owner} {data}\n")).collect();
    zone(&format!("$TTL 300\n@ SOA ns h 10 7200 3600 1209600 300\n@ NS ns.elsewhere.test.\n{lines}"))
}

fn plain(zone: &Zone) -> BTreeSet<(Name, Rtype, Vec<u8>)> {
    records(zone).into_iter().map(|(owner, rtype, _, rdata)| (owner, rtype, rdata)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn updates_do_what_the_rfc_says(updates in prop::collection::vec(changes(), 1..6)) {
        let zone = zone(FILE);
        let (mut draft, mut model) = (Draft::new(zone.view()), Model::of(&zone));
        for changes in updates {
            draft.update(&update(Vec::new(), changes.clone()), &|_, _| true).unwrap();
            changes.iter().for_each(|change| model.make(change));
            prop_assert_eq!(records(&made(&zone, &draft)), model.records());
        }
        // What went and came is what differs.
        let (mut delta, after) = (Delta::default(), made(&zone, &draft));
        draft.changed().iter().for_each(|changed| changed.note(&mut delta));
        let again = zone.rebuilt(&delta.changes(zone.view()).unwrap()).unwrap();
        prop_assert_eq!(records(&again), records(&after));
    }

    #[test]
    fn an_update_is_taken_back_whole(first in changes(), second in changes()) {
        let zone = zone(FILE);
        let mut draft = Draft::new(zone.view());
        draft.update(&update(Vec::new(), first), &|_, _| true).unwrap();
        let before = draft.changed();
        draft.update(&update(Vec::new(), second), &|_, _| true).unwrap();
        draft.undo();
        prop_assert_eq!(draft.changed(), before);
    }

    /// An edit adds and removes what the person changed; everything else is as it was served.
    #[test]
    fn neither_side_loses_a_change(
        first in edits(),
        steps in prop::collection::vec(prop_oneof![edits().prop_map(Ok), changes().prop_map(Err)], 1..8),
    ) {
        let (mut written, mut overlay) = (file(&first), Overlay::default());
        let mut served = written.clone();
        for step in steps {
            let expected = match step {
                Ok(edited) => {
                    let (old, new) = (plain(&written), plain(&file(&edited)));
                    let mut expected = plain(&served);
                    expected.retain(|record| new.contains(record) || !old.contains(record));
                    expected.extend(new.difference(&old).cloned());
                    written = file(&edited);
                    Some(expected)
                }
                Err(changes) => {
                    // An alias beside what a person writes is set aside; see the test for that.
                    let is_plain = |entry: &Entry| !matches!(entry.rtype, Rtype::CNAME | Rtype::SOA | Rtype::NS);
                    let changes: Vec<_> = changes.into_iter().filter(is_plain).collect();
                    let mut draft = Draft::new(served.view());
                    draft.update(&update(Vec::new(), changes), &|_, _| true).unwrap();
                    let changed = draft.changed();
                    let updated = made(&served, &draft);
                    overlay.fold(&changed);
                    Some(plain(&updated))
                }
            };
            // As it is after a restart.
            let mut read = Overlay::default();
            for ((owner, rtype), layer) in overlay.layers() {
                let (spelled, layer) = Layer::from_bytes(*rtype, &layer.to_bytes(owner)).unwrap();
                read.put((spelled, *rtype), layer);
            }
            prop_assert_eq!(&read, &overlay);
            let merged = overlay.over(&written, 10);
            served = written.rebuilt(&merged.changes).unwrap();
            prop_assert!(merged.set_aside.is_empty());
            overlay = merged.overlay;
            if let Some(expected) = expected {
                prop_assert_eq!(plain(&served), expected);
            }
            // Read once more, nothing changes.
            let again = overlay.over(&written, 10);
            prop_assert_eq!(records(&written.rebuilt(&again.changes).unwrap()), records(&served));
            prop_assert_eq!(&again.overlay, &overlay);
            let sizes: usize = overlay.layers().map(|(key, layer)| layer.size_of(key)).sum();
            prop_assert_eq!(sizes, overlay.size());
        }
    }
}

/// A zone that is big enough for a patch.
fn big() -> Zone {
    let more: String = (0..4200).map(|number| format!("n{number} A 192.0.2.1\n")).collect();
    // Hosts that are not there, and what refers to them.
    zone(&format!("{FILE}{more}x NS new\nm MX 1 b\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn updates_of_a_big_zone_lie_over_it_as_if_it_were_put_together_anew(
        updates in prop::collection::vec(changes(), 1..6),
    ) {
        let (mut base, mut patch, mut rebuilt) = (big(), None, big());
        for (serial, changes) in (11..).zip(updates) {
            let before = patch.as_ref().map_or_else(|| base.view(), |patch| View::new(&base, Some(patch), serial - 1));
            let mut draft = Draft::new(before);
            if draft.update(&update(Vec::new(), changes), &|_, _| true).is_err() {
                continue;
            }
            let mut changed: Vec<_> = draft.changed().into_iter().map(|changed| changed.with_serial(serial)).collect();
            if !changed.iter().any(|changed| changed.rtype == Rtype::SOA) {
                changed.extend(Changed::renumbered(before, serial));
            }
            let mut delta = Delta::default();
            changed.iter().for_each(|changed| changed.note(&mut delta));
            let mut all: Vec<_> = changed.iter().map(Changed::to_change).collect();
            all.sort_by_key(|change| !change.rdatas.is_empty());
            rebuilt = rebuilt.rebuilt(&all).unwrap();
            let amended = base.amended(&Delta::between(base.view(), before).then(delta)).unwrap();
            match amended {
                Amended::Patched(next, _) => patch = Some(next),
                Amended::Anew(next) => (base, patch) = (next, None),
            }
            let served = patch.as_ref().map_or_else(|| base.view(), |patch| View::new(&base, Some(patch), serial));
            prop_assert!(Delta::between(served, rebuilt.view()).is_empty());
            prop_assert_eq!(served.serial(), serial);
            prop_assert_eq!(served.nodes().count(), rebuilt.nodes().count());
            for node in rebuilt.nodes() {
                let own = served.find(node.name().as_ref()).unwrap();
                let has_address = |node: Node<'_>| node.rrset(Rtype::A).is_some();
                let referred = |node: Node<'_>| -> Vec<_> {
                    let to = node.rrsets().flat_map(|rrset| rrset.referred().map(|to| to.node).collect::<Vec<_>>());
                    to.filter(|to| has_address(*to)).map(Node::name).collect()
                };
                prop_assert_eq!(referred(own), referred(node));
                let is = |node: Node<'_>| (node.is_cut(), node.has_dname(), node.is_occluded(), node.is_empty_non_terminal());
                prop_assert_eq!(is(own), is(node));
            }
        }
    }
}

proptest! {
    #[test]
    fn what_is_touched_of_an_overlay_is_folded_as_the_whole(all in prop::collection::vec(changes(), 1..5)) {
        let (mut whole, mut by_parts, mut served) = (Overlay::default(), Overlay::default(), zone(FILE));
        for changes in all {
            let next = {
                let mut draft = Draft::new(served.view());
                if draft.update(&update(Vec::new(), changes), &|_, _| true).is_err() {
                    continue;
                }
                let changed = draft.changed();
                let keys = whole.fold(&changed);
                let mut part = by_parts.of(changed.iter().map(Changed::key));
                prop_assert_eq!(part.fold(&changed), keys.clone());
                by_parts.take_up(keys.into_iter().map(|key| (key.clone(), part.layer(&key).cloned())));
                prop_assert_eq!((&by_parts, by_parts.size()), (&whole, whole.size()));
                made(&served, &draft)
            };
            served = next;
        }
    }
}

fn updated(file: &Zone, changes: Vec<Entry>) -> Overlay {
    let mut draft = Draft::new(file.view());
    draft.update(&update(Vec::new(), changes), &|_, _| true).unwrap();
    let mut overlay = Overlay::default();
    overlay.fold(&draft.changed());
    overlay
}

fn served(overlay: &Overlay, file: &str) -> (Records, Overlay, Vec<Rtype>) {
    let file = zone(file);
    let merged = overlay.over(&file, 99);
    let set_aside = merged.set_aside.iter().map(|aside| aside.rtype).collect();
    (records(&file.rebuilt(&merged.changes).unwrap()), merged.overlay, set_aside)
}

#[test]
fn where_both_can_not_stand_the_file_was_later() {
    let alias = updated(&zone(FILE), vec![entry("new", Rtype::CNAME, Class::IN, 60, "www")]);
    let (records, left, aside) = served(&alias, &format!("{FILE}new A 192.0.2.9\n"));
    assert!(left.is_empty() && aside == [Rtype::CNAME]);
    assert!(records.iter().any(|(owner, rtype, ..)| *owner == name("new") && *rtype == Rtype::A));
    let (_, left, aside) = served(&alias, &format!("{FILE}new CNAME ns\n"));
    assert!(left.is_empty() && aside == [Rtype::CNAME]);
    let data = updated(&zone(FILE), vec![entry("new", Rtype::A, Class::IN, 60, "192.0.2.9")]);
    let (_, left, aside) = served(&data, &format!("{FILE}new CNAME ns\n"));
    assert!(left.is_empty() && aside == [Rtype::A]);
    let servers = updated(&zone(FILE), vec![entry("@", Rtype::NS, Class::NONE, 0, "ns")]);
    let (records, left, _) = served(&servers, &FILE.replace("@ NS ns.elsewhere.test.\n", ""));
    assert!(left.is_empty() && records.iter().any(|(_, rtype, ..)| *rtype == Rtype::NS));
}

#[test]
fn the_soa_record_is_as_any_other_but_for_its_serial() {
    let overlay = updated(&zone(FILE), vec![entry("@", Rtype::SOA, Class::IN, 300, "ns h 12 1 2 3 4")]);
    let soa = |records: &Records| {
        let soa = records.iter().find(|(_, rtype, ..)| *rtype == Rtype::SOA).unwrap();
        soa.3[soa.3.len() - 20..]
            .chunks(4)
            .map(|field| u32::from_be_bytes(*field.first_chunk().unwrap()))
            .collect::<Vec<_>>()
    };
    let (records, left, _) = served(&overlay, &FILE.replace(" 10 ", " 11 "));
    assert_eq!((soa(&records), left == overlay), (vec![99, 1, 2, 3, 4], true));
    let (records, left, aside) = served(&overlay, &FILE.replace(" 7200 ", " 7201 "));
    assert_eq!((soa(&records), left.is_empty()), (vec![99, 7201, 3600, 1_209_600, 300], true));
    assert_eq!(aside, [Rtype::SOA]);
}

#[test]
fn the_ttl_that_is_changed_later_counts() {
    let overlay = updated(&zone(FILE), vec![entry("www", Rtype::A, Class::IN, 60, "192.0.2.2")]);
    let ttl = |records: &Records| records.iter().find(|(owner, ..)| *owner == name("www")).map(|record| record.2);
    let (records, left, _) = served(&overlay, FILE);
    assert_eq!((ttl(&records), left == overlay), (Some(60), true));
    let (records, left, _) = served(&overlay, &FILE.replace("$TTL 300", "$TTL 900"));
    assert_eq!((ttl(&records), left.is_empty()), (Some(900), true));
}

#[test]
fn the_first_rule_that_speaks_decides() {
    let mut policy = Policy::default();
    let rule = |action, identity: &str, reach, types| Rule {
        action,
        identity: Identity::Key(Name::from_text(identity).unwrap()),
        reach,
        types,
    };
    let below = |names, labels: &[u8]| Reach::These(names, vec![Selection::BelowApex(labels.into())]);
    let zone = || [Zones::Zone(name("@"))];
    policy.push(zone(), rule(Action::Deny, "acme.", below(Names::Name, b"\x03www"), Types::Any));
    policy.push(zone(), rule(Action::Grant, "acme.", below(Names::Subdomain, b"\x03www"), Types::Ordinary));
    policy.push([Zones::All], rule(Action::Grant, "acme.", Reach::Zone, Types::These(vec![Rtype::TXT])));
    let key = Name::from_text("ACME").unwrap();
    let requestor = Requestor { key: Some(key.as_ref()), address: [127, 0, 0, 1].into(), is_address_sure: true };
    let apex = name("@");
    let may = policy.of(&apex, &requestor);
    let says = [("www", Rtype::TXT), ("a.www", Rtype::A), ("a.www", Rtype::NS), ("b", Rtype::TXT), ("b", Rtype::A)];
    assert_eq!(says.map(|(owner, rtype)| may(name(owner).as_ref(), rtype)), [false, true, false, true, false]);
    assert!(policy.lets_in(apex.as_ref(), &requestor));
    assert!(!policy.lets_in(apex.as_ref(), &Requestor { key: None, ..requestor }));
}

#[test]
fn who_does_not_sign_is_known_by_a_sure_address_only() {
    let mut policy = Policy::default();
    let identity = Identity::Unsigned(vec!["192.0.2.0/24".parse().unwrap()]);
    policy.push(
        [Zones::Below(Name::root())],
        Rule { action: Action::Grant, identity, reach: Reach::Zone, types: Types::Any },
    );
    let apex = name("@");
    let from = |address: &str, is_address_sure| {
        let requestor = Requestor { key: None, address: address.parse().unwrap(), is_address_sure };
        policy.lets_in(apex.as_ref(), &requestor)
    };
    assert!(from("192.0.2.7", true) && from("::ffff:192.0.2.7", true));
    assert!(!from("192.0.2.7", false) && !from("198.51.100.7", true));
}
