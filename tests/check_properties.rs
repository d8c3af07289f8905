//! The checks hold whatever the records are: those of `tests/checks`, some left out, some repeated
//! elsewhere, some with octets changed.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use watari::clock::Instant;
use watari::diag::DIAGNOSTICS_MAX;
use watari::wire::{Name, Rtype};
use watari::zone::check::{check, contradictions, prevents_serving};
use watari::zone::text::{NoInclude, Options, Verdict, parse};
use watari::zone::{Ttl, Zone, ZoneBuilder};

const NOW: Instant = Instant::from_unix_seconds(1_796_083_200);
/// Records of zones that are as large as this are no use here.
const FILE_LEN_MAX: u64 = 64 * 1024;

#[derive(Clone, Debug)]
struct Record {
    owner: Name,
    rtype: Rtype,
    ttl: Ttl,
    rdata: Vec<u8>,
}

/// Every record of every zone of `tests/checks`, by zone.
static ZONES: LazyLock<Vec<Vec<Record>>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|it| it == "zone"));
    files.retain(|file| fs::metadata(file).unwrap().len() < FILE_LEN_MAX);
    files.sort();
    files.iter().map(|file| records(&fs::read(file).unwrap())).collect()
});

fn records(text: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let apex = apex();
    let options = Options { origin: apex.as_ref(), default_ttl: None, include: &NoInclude };
    let path: Arc<str> = "a.zone".into();
    parse(&path, text, &options, &mut |record| {
        let (rtype, ttl, rdata) = (record.rtype, record.ttl, record.rdata.to_vec());
        records.push(Record { owner: record.owner.to_owned(), rtype, ttl, rdata });
        Verdict::Next
    });
    records
}

fn apex() -> Name {
    Name::from_text("example.com").unwrap()
}

/// What is done to a zone's records.
#[derive(Clone, Debug)]
enum Change {
    /// One is left out.
    Drop(prop::sample::Index),
    /// An octet of its data is changed.
    Mutate(prop::sample::Index, prop::sample::Index, u8),
    /// One moves to another's owner.
    Move(prop::sample::Index, prop::sample::Index),
    /// One of another zone is added.
    Add(prop::sample::Index, prop::sample::Index),
    /// Its TTL is another.
    Ttl(prop::sample::Index, u32),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    use prop::sample::Index;
    let change = prop_oneof![
        any::<Index>().prop_map(Change::Drop),
        any::<(Index, Index, u8)>().prop_map(|(at, octet, value)| Change::Mutate(at, octet, value)),
        any::<(Index, Index)>().prop_map(|(from, to)| Change::Move(from, to)),
        any::<(Index, Index)>().prop_map(|(zone, at)| Change::Add(zone, at)),
        any::<(Index, u32)>().prop_map(|(at, ttl)| Change::Ttl(at, ttl)),
    ];
    prop::collection::vec(change, 0..12)
}

fn changed(mut records: Vec<Record>, changes: &[Change]) -> Vec<Record> {
    for change in changes {
        if records.is_empty() {
            break;
        }
        match change {
            Change::Drop(at) => {
                records.swap_remove(at.index(records.len()));
            }
            Change::Mutate(at, octet, value) => {
                let at = at.index(records.len());
                let rdata = &mut records[at].rdata;
                if !rdata.is_empty() {
                    let octet = octet.index(rdata.len());
                    rdata[octet] = *value;
                }
            }
            Change::Move(from, to) => {
                let owner = records[to.index(records.len())].owner.clone();
                let at = from.index(records.len());
                records[at].owner = owner;
            }
            Change::Add(zone, at) => {
                let others = &ZONES[zone.index(ZONES.len())];
                if !others.is_empty() {
                    records.push(others[at.index(others.len())].clone());
                }
            }
            Change::Ttl(at, ttl) => {
                let at = at.index(records.len());
                records[at].ttl = Ttl(*ttl);
            }
        }
    }
    records
}

/// The zone of those `records` that can be added; `None` if they make none.
fn zone(records: &[Record]) -> Option<Zone> {
    let mut builder = ZoneBuilder::new(apex().as_ref());
    for Record { owner, rtype, ttl, rdata } in records {
        // A record that is malformed now is left out.
        let _ = builder.add(owner.as_ref(), *rtype, *ttl, rdata);
    }
    Some(builder.finish().ok()?.0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_checks_hold_whatever_the_records_are(base in any::<prop::sample::Index>(), changes in changes()) {
        let records = changed(ZONES[base.index(ZONES.len())].clone(), &changes);
        if let Some(zone) = zone(&records) {
            let view = zone.view();
            let found = check(&view, &|_| HashMap::new(), NOW);
            prop_assert!(found.len() <= DIAGNOSTICS_MAX);
            let quick = contradictions(&view, &|_| HashMap::new());
            let preventing: Vec<_> = found.iter().filter(|it| prevents_serving(it)).cloned().collect();
            prop_assert_eq!(quick, preventing);
            prop_assert_eq!(check(&view, &|_| HashMap::new(), NOW), found, "the same again");
        }
    }
}
