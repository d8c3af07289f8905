//! The store beside a model of it: lists in memory.

#![allow(clippy::unwrap_used)]

mod files;
mod killed;

use std::collections::BTreeMap;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::timeline::conduct::HEADWAY;
use crate::timeline::run::{Armed, Base, Event};
use crate::timeline::{Digest, Serial};

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

fn at(seconds: i64) -> Instant {
    Instant::from_unix_seconds(seconds)
}

/// When that was decided which counts from then on.
fn decided(seconds: i64) -> Instant {
    at(seconds).before(HEADWAY)
}

fn armed(plan: &PlanText) -> Event {
    let base = Base { zone: u64::MAX, above: 2_026_070_101, kept_until: None };
    let digest = plan.digest();
    Event::Armed(Armed { plan: digest, schedule: Digest([7; 32]), on_load: true, since: -1, base })
}

fn plan(text: &str) -> PlanText {
    PlanText { path: "zones/a.plan".into(), text: text.as_bytes().into() }
}

fn promised(serials: impl IntoIterator<Item = u32>) -> Vec<Promised> {
    serials.into_iter().map(|serial| Promised { from: at(i64::from(serial)), serial: Serial(serial) }).collect()
}

/// A plan is armed.
fn begins(apex: &str, seconds: i64, text: &str) -> Record {
    let plan = plan(text);
    let entry = Entry { at: at(seconds), event: armed(&plan), by: "the plan's file".to_owned() };
    Record { apex: name(apex), entry, plan: Some(plan), promised: promised([1, 2]) }
}

/// Something else happens.
fn goes_on(apex: &str, seconds: i64, event: Event) -> Record {
    let entry = Entry { at: at(seconds), event, by: "uid 0 over the control socket".to_owned() };
    Record { apex: name(apex), entry, plan: None, promised: promised([3]) }
}

fn empty() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

#[test]
fn every_kind_of_event_comes_back_as_it_was() {
    let (folder, mut store) = empty();
    let base = Base { zone: 5, above: u32::MAX, kept_until: Some(i64::MIN) };
    let events = [
        Event::Rebased(base),
        Event::Held { why: "die Störung \"x\"\n\0".to_owned() },
        Event::Resumed { shift: u64::MAX },
        Event::RolledBack,
        Event::Aborted,
        Event::Finished,
        Event::Withdrawn,
    ];
    let mut records = vec![begins("a.example", 1, "text")];
    records.extend(events.into_iter().map(|event| goes_on("a.example", 2, event)));
    records[3].entry.at = Instant::MIN;
    records[4].entry.at = Instant::MAX;
    store.append(&records).unwrap();
    drop(store);

    let store = Store::open(folder.path()).unwrap();
    let entries = store.entries(&name("a.example")).unwrap();
    let written: Vec<_> = records.iter().map(|record| (1, record.entry.clone())).collect();
    assert_eq!(entries, written);
    let kinds: Vec<_> = entries.iter().map(|(_, entry)| entry.event.kind()).collect();
    let all = ["armed", "rebased", "held", "resumed", "rolled-back", "aborted", "finished", "withdrawn"];
    assert_eq!(kinds, all);
}

#[test]
fn an_empty_store_knows_nothing() {
    let (_folder, mut store) = empty();
    store.append(&[]).unwrap();
    assert_eq!(store.runs().unwrap(), []);
    assert_eq!(store.run_of(&name("a.example")).unwrap(), None);
    assert_eq!(store.plan_text(&name("a.example")).unwrap(), None);
    assert_eq!(store.entries(&name("a.example")).unwrap(), []);
    assert_eq!(store.last_at().unwrap(), None);
}

#[test]
fn the_last_run_is_the_present_one_and_the_others_are_history() {
    let (_folder, mut store) = empty();
    let apex = name("a.example");
    let first = [begins("a.example", 1, "first"), goes_on("a.example", 2, Event::Finished)];
    store.append(&first).unwrap();
    assert_eq!(store.plan_text(&apex).unwrap(), Some(plan("first")));
    let second = begins("a.example", 3, "second");
    store.append(std::slice::from_ref(&second)).unwrap();

    let expected = Run::fold([&second.entry]).unwrap();
    assert_eq!(store.run_of(&apex).unwrap(), Some((expected.clone(), promised([1, 2]))));
    assert_eq!(store.runs().unwrap(), [(apex.clone(), expected, promised([1, 2]))]);
    assert_eq!(store.plan_text(&apex).unwrap(), Some(plan("second")));
    let runs: Vec<_> = store.entries(&apex).unwrap().into_iter().map(|(run, _)| run).collect();
    assert_eq!(runs, [1, 1, 2]);
}

#[test]
fn what_is_promised_replaces_what_was() {
    let (_folder, mut store) = empty();
    store.append(&[begins("a.example", 1, "x"), begins("b.example", 1, "x")]).unwrap();
    store.append(&[goes_on("a.example", 2, Event::Held { why: String::new() })]).unwrap();
    let promises: Vec<_> = store.runs().unwrap().into_iter().map(|(_, _, promised)| promised).collect();
    assert_eq!(promises, [promised([3]), promised([1, 2])]);
}

#[test]
fn names_are_the_same_in_every_case_and_with_every_octet() {
    let (_folder, mut store) = empty();
    let odd = r"a\.b\255\000\\.EXAMPLE";
    store.append(&[begins(odd, 1, "x"), begins(".", 1, "x")]).unwrap();
    store.append(&[goes_on(&odd.to_lowercase(), 2, Event::Aborted)]).unwrap();
    let apexes: Vec<_> = store.runs().unwrap().into_iter().map(|(apex, ..)| apex).collect();
    assert_eq!(apexes, [name(odd), Name::root()]);
    let key: String = store.connection.query_row("SELECT MAX(apex) FROM run", [], |row| row.get(0)).unwrap();
    assert_eq!(key, r"a\.b\255\000\\.example.");
}

#[test]
fn one_record_that_can_not_be_written_takes_the_others_with_it() {
    let (_folder, mut store) = empty();
    store.append(&[begins("a.example", 1, "x")]).unwrap();
    let before = store.runs().unwrap();
    let held = || goes_on("a.example", 2, Event::Held { why: String::new() });

    let stray = goes_on("b.example", 3, Event::Aborted);
    let error = store.append(&[held(), begins("c.example", 3, "x"), stray]).unwrap_err();
    assert!(matches!(error, StoreError::NoRun { apex, kind: "aborted" } if apex == name("b.example")));

    let without_plan = Record { plan: None, ..begins("b.example", 3, "x") };
    let with_plan = Record { plan: Some(plan("x")), ..held() };
    for wrong in [without_plan, with_plan] {
        assert!(matches!(store.append(&[held(), wrong]), Err(StoreError::Beginning { .. })));
    }
    assert_eq!(store.runs().unwrap(), before);
    assert_eq!(store.last_at().unwrap(), Some(decided(1)));
}

#[test]
fn the_latest_instant_is_the_clocks_floor_in_whatever_order_they_come() {
    let (_folder, mut store) = empty();
    store.append(&[begins("a.example", 9, "x"), begins("b.example", 4, "x")]).unwrap();
    assert_eq!(store.last_at().unwrap(), Some(decided(9)), "what counts from then on was decided before");
}

#[test]
fn a_plan_is_kept_octet_by_octet() {
    let (_folder, mut store) = empty();
    let octets = PlanText { path: "p".into(), text: (0..=255).cycle().take(100_000).collect() };
    let record = Record { plan: Some(octets.clone()), ..begins("a.example", 1, "") };
    store.append(&[record]).unwrap();
    assert_eq!(store.plan_text(&name("A.example")).unwrap(), Some(octets));
}

#[test]
fn a_journal_without_sense_is_not_guessed_at() {
    let damage = [
        ("UPDATE event SET detail = '{\"kind\":\"ascended\"}' WHERE id = 2", "what happened to it"),
        ("UPDATE event SET detail = '{' WHERE id = 2", "what happened to it"),
        ("UPDATE run SET promised = '[[1]]'", "its serials"),
        ("UPDATE run SET apex = 'a..example.'", "its zone"),
        ("DELETE FROM event WHERE id = 1", "it does not begin armed"),
    ];
    for (statement, sense) in damage {
        let (_folder, mut store) = empty();
        store.append(&[begins("a.example", 1, "x"), goes_on("a.example", 2, Event::Aborted)]).unwrap();
        store.connection.execute_batch(statement).unwrap();
        let error = store.runs().unwrap_err();
        assert!(matches!(error, StoreError::Understand { run: 1, what, .. } if what == sense), "{statement}: {error}");
        assert!(error.help().is_some());
    }
}

#[test]
fn looking_up_reads_no_table_from_end_to_end() {
    let (_folder, store) = empty();
    let queries = journal::QUERIES.into_iter().chain(updates::QUERIES).chain(change::QUERIES);
    for query in queries.chain(received::QUERIES).chain(promotion::QUERIES) {
        let mut plan = store.connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let values = ["a.example.", "1", "1"].into_iter().take(plan.parameter_count());
        let mut rows = plan.query(rusqlite::params_from_iter(values)).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let step: String = row.get(3).unwrap();
            let scan = step.starts_with("SCAN") && !step.contains("COVERING INDEX");
            assert!(!scan && !step.contains("AUTOMATIC"), "{query}: {step}");
        }
    }
}

#[test]
fn time_never_goes_back_behind_what_was_reached() {
    let (folder, mut store) = empty();
    store.reach(at(7)).unwrap();
    store.reach(at(5)).unwrap();
    assert_eq!(store.last_at().unwrap(), Some(at(7)));
    store.append(&[begins("a.example", 9, "x")]).unwrap();
    store.reach(at(8)).unwrap();
    drop(store);
    assert_eq!(Store::open(folder.path()).unwrap().last_at().unwrap(), Some(decided(9)));
}

fn event() -> impl Strategy<Value = Event> {
    let base = (any::<u64>(), any::<u32>(), any::<Option<i64>>());
    let base = base.prop_map(|(zone, above, kept_until)| Base { zone, above, kept_until });
    let armed = (any::<[u8; 32]>(), any::<[u8; 32]>(), any::<bool>(), any::<i64>(), base.clone());
    let armed = armed.prop_map(|(plan, schedule, on_load, since, base)| {
        Event::Armed(Armed { plan: Digest(plan), schedule: Digest(schedule), on_load, since, base })
    });
    prop_oneof![
        2 => armed,
        2 => base.prop_map(Event::Rebased),
        3 => any::<String>().prop_map(|why| Event::Held { why }),
        3 => any::<u64>().prop_map(|shift| Event::Resumed { shift }),
        1 => Just(Event::RolledBack),
        1 => Just(Event::Aborted),
        1 => Just(Event::Finished),
        1 => Just(Event::Withdrawn),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    let promised = proptest::collection::vec((any::<i64>(), any::<u32>()), 0..5);
    (0..3usize, any::<i64>(), event(), any::<String>(), promised, any::<Vec<u8>>()).prop_map(
        |(zone, at, event, by, promised, text)| {
            let promise = |(from, serial)| Promised { from: Instant::from_unix_nanos(from), serial: Serial(serial) };
            let begins = matches!(event, Event::Armed(_));
            Record {
                apex: name(["a.example", "b.example", "."][zone]),
                entry: Entry { at: Instant::from_unix_nanos(at), event, by },
                plan: begins.then_some(PlanText { path: "p".into(), text: text.into() }),
                promised: promised.into_iter().map(promise).collect(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_fold_of_what_is_read_is_the_fold_of_what_was_written(
        batches in proptest::collection::vec(proptest::collection::vec(record(), 0..6), 0..8),
    ) {
        let (folder, mut store) = empty();
        let mut model: BTreeMap<Name, Vec<Record>> = BTreeMap::new();
        for batch in batches {
            let begun = |apex: &Name, before: &[Record]| {
                model.contains_key(apex) || before.iter().any(|one| one.apex == *apex && one.plan.is_some())
            };
            let fits = (0..batch.len()).all(|i| batch[i].plan.is_some() || begun(&batch[i].apex, &batch[..i]));
            prop_assert_eq!(store.append(&batch).is_ok(), fits);
            if fits {
                for record in batch {
                    model.entry(record.apex.clone()).or_default().push(record);
                }
            }
        }
        drop(store);
        let store = Store::open_read_only(folder.path()).unwrap().unwrap();
        let mut runs = store.runs().unwrap();
        runs.sort_by(|one, other| one.0.cmp(&other.0));
        let expected = model.iter().map(|(apex, records)| {
            let run = Run::fold(records.iter().map(|record| &record.entry)).unwrap();
            (apex.clone(), run, records.last().unwrap().promised.clone())
        });
        prop_assert_eq!(&runs, &expected.collect::<Vec<_>>());
        for (apex, run, promised) in runs {
            prop_assert_eq!(store.run_of(&apex).unwrap(), Some((run, promised)));
            let read = store.entries(&apex).unwrap().into_iter().map(|(_, entry)| entry);
            let written = model[&apex].iter().map(|record| record.entry.clone());
            prop_assert_eq!(read.collect::<Vec<_>>(), written.collect::<Vec<_>>());
            let text = model[&apex].iter().rev().find_map(|record| record.plan.clone());
            prop_assert_eq!(store.plan_text(&apex).unwrap(), text);
        }
        let latest = model.values().flatten().map(|record| record.entry.at.before(HEADWAY)).max();
        prop_assert_eq!(store.last_at().unwrap(), latest);
    }
}
