//! The keeper and the writer over a real store: what is remembered of a zone, and how much.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::answer::Catalog;
use crate::answer::Served;
use crate::clock::Instant;
use crate::control::running::Archive;
use crate::control::store::Store;
use crate::control::store::change::{Change, Source};
use crate::timeline::{Serial, Timeline};
use crate::wire::Name;
use crate::zone::Zone;
use crate::zone::delta::Delta;
use crate::zone::sum::Sum;
use crate::zone::text::{self, NoInclude};
use std::sync::Arc;

fn apex() -> Name {
    Name::from_text("a.example.").unwrap()
}

fn zone(serial: u32, rest: &str) -> Zone {
    let text = format!("$TTL 60\n@ SOA ns h {serial} 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n{rest}");
    text::load(apex().as_ref(), &"a.example.zone".into(), text.as_bytes(), &NoInclude).zone.unwrap()
}

fn at(seconds: i64) -> Instant {
    Instant::from_unix_seconds(seconds)
}

/// A server's history, and what it serves.
struct World {
    folder: TempDir,
    _store: Store,
    archive: Arc<Archive>,
    keeper: Keeper,
    limits: Limits,
    catalog: Catalog,
    served: Option<Arc<Timeline>>,
    seconds: i64,
}

impl World {
    fn new(limits: Limits) -> World {
        World::over(tempfile::tempdir().unwrap(), limits)
    }

    fn over(folder: TempDir, limits: Limits) -> World {
        let store = Store::open(folder.path()).unwrap();
        let archive = Arc::new(Archive::open(folder.path()));
        let keeper = Keeper::new(limits, &store, &archive).unwrap();
        let catalog = Catalog::default();
        World { folder, _store: store, archive, keeper, limits, catalog, served: None, seconds: 0 }
    }

    /// Serves `zone` from now on, which `path` says.
    fn serve(&mut self, zone: Zone, path: &str) {
        self.seconds += 1;
        let timeline = Arc::new(Timeline::fixed(zone));
        let known = match &self.served {
            Some(old) => Before::Since(Since::between(old.zone(), timeline.zone(), &self.limits)),
            None => Before::First(recall(&self.archive, &apex(), &timeline, at(self.seconds), &self.limits)),
        };
        self.keeper.pass(
            Passage {
                apex: apex(),
                at: at(self.seconds),
                before: self.served.as_ref().map(|old| Stand::at(old, at(self.seconds))),
                after: Stand::at(&timeline, at(self.seconds)),
                known,
                cause: Cause { source: Source::File, by: path.into() },
                itinerary: None,
            },
            &self.catalog,
        );
        let catalog = self.catalog.with([Served::Zone(timeline.clone())]);
        self.catalog = self.keeper.published(catalog);
        self.served = Some(timeline);
    }

    /// What goes and comes since `serial`, as secondaries are sent it.
    fn since(&self, serial: u32) -> Option<Delta> {
        self.catalog.chain_of(apex().as_ref())?.since(Serial(serial), usize::MAX)
    }

    /// What is stored, the oldest first.
    fn stored(&mut self) -> Vec<Change> {
        self.keeper.finish();
        let store = Store::open_read_only(self.folder.path()).unwrap().unwrap();
        let mut changes = store.changes(&apex(), usize::MAX).unwrap();
        changes.reverse();
        changes
    }

    /// The server ends, and another begins.
    fn restarted(mut self) -> World {
        self.keeper.finish();
        let World { folder, limits, seconds, keeper, _store, archive, .. } = self;
        drop((keeper, _store, archive));
        World { seconds, ..World::over(folder, limits) }
    }
}

/// The records that a zone has, so that two can be compared.
fn sum(zone: &Zone) -> Sum {
    Sum::of(zone.view())
}

#[test]
fn each_change_is_kept_with_who_made_it_and_goes_on_after_a_restart() {
    let mut world = World::new(Limits::default());
    world.serve(zone(1, ""), "one");
    world.serve(zone(2, "two A 192.0.2.2\n"), "two");
    world.serve(zone(3, "three A 192.0.2.3\n"), "three");
    let mut world = world.restarted();
    world.serve(zone(3, "three A 192.0.2.3\n"), "again");
    world.serve(zone(4, "four A 192.0.2.4\n"), "four");
    let shown: Vec<_> = world.stored().iter().map(|c| (c.before.0, c.after.0, c.counts, c.by.clone())).collect();
    let two = Some((2, 2));
    assert_eq!(
        shown,
        [(1, 2, Some((1, 2)), "two".to_owned()), (2, 3, two, "three".to_owned()), (3, 4, two, "four".to_owned())]
    );
    let from_one = world.since(1).unwrap();
    assert_eq!(from_one, Delta::between(zone(1, "").view(), zone(4, "four A 192.0.2.4\n").view()));
}

#[test]
fn a_step_of_which_the_store_was_not_told_is_found_by_the_next() {
    let mut world = World::new(Limits::default());
    world.serve(zone(1, ""), "one");
    world.serve(zone(2, "two A 192.0.2.2\n"), "two");
    // What came between was not noted: too much at once, or a disk that was full.
    world.keeper.finish();
    world.served = Some(Arc::new(Timeline::fixed(zone(5, "five A 192.0.2.5\n"))));
    world.serve(zone(6, "five A 192.0.2.5\n"), "six");
    let shown: Vec<_> = world.stored().iter().map(|c| (c.before.0, c.after.0, c.counts)).collect();
    assert_eq!(shown, [(1, 2, Some((1, 2))), (2, 5, None), (5, 6, Some((1, 1)))]);
    assert!(world.since(2).is_none() && world.since(5).is_some());
}

#[test]
fn bounds_hold_in_memory_and_in_the_store() {
    let per_zone = 20_000;
    let stored = Bounds { size: 30_000, per_zone };
    let limits = Limits { stored, memory: 40_000 };
    let mut world = World::new(limits);
    for serial in 1..=100 {
        world.serve(zone(serial, &format!("t TXT \"{}{serial}\"\n", "x".repeat(200))), "file");
        if let Some(chain) = world.catalog.chain_of(apex().as_ref()) {
            assert!(chain.len() <= 10_000, "{}", chain.len());
        }
    }
    let changes = world.stored();
    let octets: u64 = changes.iter().map(|change| change.octets).sum();
    assert!(octets <= per_zone && octets > per_zone / 2, "{octets}");
    assert!(changes.windows(2).all(|pair| pair[0].after == pair[1].before));
    assert_eq!(changes.last().unwrap().after, Serial(100));
    assert!(world.since(99).is_some() && world.since(1).is_none());
    // One that alone is more than a zone may have is noted, without its records.
    let many: String = (0..2000).map(|number| format!("h{number} A 192.0.2.1\n")).collect();
    world.serve(zone(101, &many), "many");
    let last = world.stored().pop().unwrap();
    assert_eq!((last.has_delta, last.counts), (false, Some((2, 2001))));
    assert!(world.since(100).is_none());
}

#[test]
fn many_zones_share_the_memory_and_the_oldest_change_gives_way() {
    let limits = Limits { memory: 4_000, ..Limits::default() };
    let mut world = World::new(limits);
    let text = |serial: u32| format!("$TTL 60\n@ SOA ns h {serial} 1 1 1 1\n@ NS ns\nns A 192.0.2.1\nt TXT {serial}\n");
    let names: Vec<_> = (0..40).map(|number| Name::from_text(&format!("z{number}.example.")).unwrap()).collect();
    for apex in &names {
        let [old, new] = [1, 2].map(|serial| {
            let zone = text::load(apex.as_ref(), &"z".into(), text(serial).as_bytes(), &NoInclude).zone.unwrap();
            Arc::new(Timeline::fixed(zone))
        });
        let known = Before::Since(Since::between(old.zone(), new.zone(), &limits));
        let (before, after) = (Some(Stand::at(&old, at(1))), Stand::at(&new, at(1)));
        let cause = Cause { source: Source::File, by: "file".into() };
        let passage = Passage { apex: apex.clone(), at: at(1), before, after, known, cause, itinerary: None };
        world.keeper.pass(passage, &world.catalog);
        let catalog = world.catalog.with([Served::Zone(new)]);
        world.catalog = world.keeper.published(catalog);
    }
    let kept: Vec<_> = names.iter().map(|apex| world.catalog.chain_of(apex.as_ref()).is_some()).collect();
    let count = kept.iter().filter(|kept| **kept).count();
    assert!((2..40).contains(&count), "{count}");
    assert!(kept.iter().rev().take(count).all(|kept| *kept), "the last ones: {kept:?}");
    world.keeper.finish();
    let store = Store::open_read_only(world.folder.path()).unwrap().unwrap();
    assert_eq!(store.changed_zones().unwrap().len(), 40);
}

/// A zone file's records: a few owners, data and TTLs, so that much goes and comes back.
fn records() -> impl Strategy<Value = String> {
    let record = (0u8..6, 0u8..4, 1u32..3, 0u8..3).prop_map(|(owner, data, ttl, kind)| match kind {
        0 => format!("h{owner} {ttl} A 192.0.2.{data}\n"),
        1 => format!("h{owner} {ttl} MX {data} Mail{data}\n"),
        _ => format!("cut{owner} {ttl} NS ns.cut{owner}\nns.cut{owner} {ttl} A 192.0.2.{data}\n"),
    });
    prop::collection::vec(record, 0..14).prop_map(|lines| {
        // One TTL for an RRset, and each record once.
        let mut ttls = std::collections::BTreeMap::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut text = String::new();
        for line in lines.iter().flat_map(|record| record.lines()) {
            let words: Vec<_> = line.split(' ').collect();
            let (owner, ttl, rtype, data) = (words[0], words[1], words[2], words[3..].join(" "));
            let ttl = ttls.entry((owner.to_owned(), rtype.to_owned())).or_insert_with(|| ttl.to_owned());
            if seen.insert((owner.to_owned(), rtype.to_owned(), data.clone())) {
                text += &format!("{owner} {ttl} {rtype} {data}\n");
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever is edited, put together, forgotten and recalled: what a client is sent makes its zone the one that is
    /// served, and the sum says so.
    #[test]
    fn what_is_sent_is_what_differs(
        texts in prop::collection::vec((records(), 1u32..5, prop::bool::weighted(0.1)), 2..14),
        start: u32,
        memory in prop_oneof![Just(0u64), 500u64..8000, Just(MEMORY_DEFAULT)],
    ) {
        let mut world = World::new(Limits { memory, ..Limits::default() });
        let mut served: Vec<Zone> = Vec::new();
        let mut serial = start;
        for (rest, step, restart) in &texts {
            serial = serial.wrapping_add(*step);
            if let (true, Some(last)) = (*restart, served.last()) {
                world = world.restarted();
                world.serve(last.clone(), "again");
            }
            let zone = zone(serial, rest);
            world.serve(zone.clone(), "file");
            served.push(zone);
            let now = served.last().unwrap();
            for (age, before) in served.iter().rev().enumerate().skip(1) {
                let Some(delta) = world.since(before.serial()) else {
                    prop_assert!(memory < MEMORY_DEFAULT, "{age} edits ago");
                    continue;
                };
                prop_assert_eq!(sum(before).after(&delta), sum(now));
                let rebuilt = before.rebuilt(&delta.changes(before.view()).unwrap()).unwrap();
                prop_assert!(Delta::between(rebuilt.view(), now.view()).is_empty());
                let straight = Delta::between(before.view(), now.view());
                prop_assert_eq!((delta.removed.len(), delta.added.len()), (straight.removed.len(), straight.added.len()));
            }
        }
        let stored = world.stored();
        prop_assert_eq!(stored.len(), served.len() - 1);
        prop_assert!(stored.iter().zip(&served[1..]).all(|(change, zone)| change.sum == sum(zone)));
    }
}
