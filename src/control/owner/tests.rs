//! The owner on a virtual clock, over a folder that is a map: every order of events, no waiting.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::load::Loaded;
use super::super::registry::Content;
use super::super::report::Level;
use super::*;
use crate::diag::Diagnostic;
use crate::zone::text;

const GRACE: Duration = Duration::from_secs(1);
const TOP: &str = "zones";

/// What a zone file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Serial(u32),
    Broken,
}

/// The owner, and the world as far as it touches it.
struct World {
    owner: Owner,
    start: Instant,
    now: Duration,
    /// The zone files by their stem, with a number that each writing changes.
    disk: BTreeMap<&'static str, (Text, u64)>,
    writings: u64,
    is_there: bool,
    /// What the loaders and scans will say, and when.
    coming: Vec<(Duration, Event)>,
    load_takes: Duration,
    served: BTreeMap<Name, Option<u32>>,
    reports: Vec<Report>,
    publications: usize,
    ready: Option<Count>,
}

fn name(stem: &str) -> Name {
    names::apex(stem).unwrap()
}

fn timeline(apex: &Name, serial: u32) -> Timeline {
    let text = format!("@ 60 SOA ns h {serial} 1 1 1 1\n@ 60 NS ns.other.\n");
    let zone = text::load(apex.as_ref(), &"z".into(), text.as_bytes(), &text::NoInclude).zone.unwrap();
    Timeline::fixed(zone)
}

impl World {
    fn of(disk: &[(&'static str, Text)]) -> World {
        let mut world = World {
            owner: Owner::new(Path::new(TOP), 2, GRACE, NameMap::default()),
            start: Instant::now(),
            now: Duration::ZERO,
            disk: BTreeMap::new(),
            writings: 0,
            is_there: true,
            coming: Vec::new(),
            load_takes: Duration::from_millis(1),
            served: BTreeMap::new(),
            reports: Vec::new(),
            publications: 0,
            ready: None,
        };
        for (stem, text) in disk {
            world.put(stem, *text);
        }
        let effects = world.owner.start();
        world.carry_out(effects);
        world
    }

    /// A world whose zones are loaded and in which nothing is under way.
    fn at_rest(disk: &[(&'static str, Text)]) -> World {
        let mut world = World::of(disk);
        world.rest();
        assert!(world.ready.is_some());
        world
    }

    fn put(&mut self, stem: &'static str, text: Text) {
        self.writings += 1;
        self.disk.insert(stem, (text, self.writings));
    }

    fn write(&mut self, stem: &'static str, text: Text) {
        self.put(stem, text);
        self.see(stem, Change::Whole);
    }

    fn remove(&mut self, stem: &'static str) {
        self.disk.remove(stem);
        self.see(stem, Change::Gone);
    }

    fn see(&mut self, stem: &str, change: Change) {
        self.happen(Event::Seen(vec![Seen::File(Path::new(TOP).join(format!("{stem}.zone")), change)]));
    }

    fn happen(&mut self, event: Event) {
        let effects = self.owner.handle(event, self.start + self.now, clock::Instant::from_unix_seconds(0));
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Scan { under, stat, .. } => {
                    let event = Event::Scanned(self.scanned(under, stat));
                    self.coming.push((self.now + Duration::from_millis(1), event));
                }
                Effect::Load(requests) => {
                    let loaded = requests.into_iter().map(|request| self.loaded(request)).collect();
                    self.coming.push((self.now + self.load_takes, Event::Loaded(loaded)));
                }
                Effect::Publish(changes) => {
                    self.publications += 1;
                    for (apex, service) in changes {
                        match service {
                            Service::Timeline(timeline) => {
                                self.served.insert(apex, Some(timeline.first().serial));
                            }
                            Service::Failed => _ = self.served.insert(apex, None),
                            Service::Gone => _ = self.served.remove(&apex),
                        }
                    }
                }
                Effect::Report(report) => self.reports.push(report),
                Effect::Ready(count) => self.ready = Some(count),
                Effect::Journal(_) | Effect::Consider(_) | Effect::Answer(..) => unreachable!("nobody asks"),
                Effect::Tidy => {}
            }
        }
    }

    fn fingerprint(&self, stem: &str) -> Fingerprint {
        self.disk.get(stem).map_or_else(Fingerprint::default, |(_, writing)| Fingerprint::default().with(*writing))
    }

    fn scanned(&self, under: Arc<Path>, stat: bool) -> Scanned {
        let mut tree = Tree { is_unreadable: !self.is_there, ..Tree::default() };
        for stem in self.disk.keys().filter(|_| self.is_there) {
            let mut files = tree::files(&Path::new(TOP).into(), &name(stem), stem);
            files.zone = true;
            files.disk = if stat { self.fingerprint(stem) } else { Fingerprint::default() };
            tree.zones.insert(name(stem), files);
        }
        Scanned { under, tree, included: Vec::new() }
    }

    /// What a loader that reads now will say.
    fn loaded(&self, request: Request) -> Loaded {
        let stem = request.files.stem(&request.apex);
        let disk = self.fingerprint(&stem);
        let fault = || vec![Diagnostic::error("internal", "it is broken")];
        let (outcome, faults) = match self.disk.get(&*stem).filter(|_| self.is_there) {
            None if !self.is_there => (Outcome::Unusable, fault()),
            None => (Outcome::Gone, Vec::new()),
            Some((Text::Broken, _)) => (Outcome::Unusable, fault()),
            Some((Text::Serial(serial), _)) => {
                let content = Content { zone: Fingerprint::default().with(u64::from(*serial)), ..Content::default() };
                match request.serving == Some(content) {
                    true => (Outcome::Unchanged, Vec::new()),
                    false => {
                        let news = Box::new(News::plain(timeline(&request.apex, *serial)));
                        (Outcome::Ready { news, content }, Vec::new())
                    }
                }
            }
        };
        Loaded { apex: request.apex, outcome, disk, plan: false, includes: Vec::new(), faults }
    }

    /// Lets time pass until `until`, everything happening when it is due.
    fn pass_until(&mut self, until: Duration) {
        loop {
            let tick = self.owner.next_tick().map(|at| at.saturating_duration_since(self.start));
            let coming = self.coming.iter().map(|(at, _)| *at).min();
            let Some(next) = [tick, coming].into_iter().flatten().min().filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            match self.coming.iter().position(|(at, _)| *at <= self.now) {
                Some(at) => {
                    let (_, event) = self.coming.swap_remove(at);
                    self.happen(event);
                }
                None => self.happen(Event::Tick),
            }
        }
        self.now = self.now.max(until);
    }

    fn pass(&mut self, time: Duration) {
        self.pass_until(self.now + time);
    }

    /// Lets everything come to rest.
    fn rest(&mut self) {
        self.pass(Duration::from_secs(60));
        assert!(self.coming.is_empty());
    }

    fn served(&self, stem: &str) -> Option<Option<u32>> {
        self.served.get(&name(stem)).copied()
    }

    fn said(&self, words: &str) -> usize {
        self.reports.iter().filter(|report| report.text.contains(words)).count()
    }
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn all_that_is_there_is_loaded_before_it_is_ready() {
    let world = World::at_rest(&[("a", Text::Serial(1)), ("b", Text::Broken), ("c", Text::Serial(3))]);
    assert_eq!(world.ready, Some(Count { served: 2, stale: 0, failed: 1 }));
    assert_eq!((world.served("a"), world.served("b"), world.served("c")), (Some(Some(1)), Some(None), Some(Some(3))));
    assert_eq!(world.said("answered with SERVFAIL"), 1);
    assert_eq!(world.said("a: served"), 0, "what is loaded at the start is no change");
}

#[test]
fn names_are_known_before_they_are_loaded() {
    let mut world = World::of(&[("a", Text::Serial(1))]);
    world.load_takes = Duration::from_secs(5);
    world.pass(MS * 2);
    assert_eq!(world.served("a"), Some(None), "SERVFAIL, not REFUSED");
    world.rest();
    assert_eq!(world.served("a"), Some(Some(1)));
}

#[test]
fn a_change_is_served_as_soon_as_it_has_settled_and_loaded() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.write("a", Text::Serial(2));
    world.pass(super::super::settle::SETTLE + MS);
    assert_eq!(world.served("a"), Some(Some(2)));
    assert_eq!(world.said("a: served, serial 2, was 1"), 1);
}

#[test]
fn what_breaks_stays_in_service_until_it_is_mended() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.write("a", Text::Broken);
    world.rest();
    assert_eq!((world.served("a"), world.owner.counts()), (Some(Some(1)), Count { served: 1, stale: 1, failed: 0 }));
    world.write("a", Text::Serial(1));
    world.rest();
    assert_eq!(world.said("its file is as before"), 1);
    assert_eq!(world.owner.counts(), Count { served: 1, stale: 0, failed: 0 });
}

#[test]
fn what_never_loaded_is_served_when_it_does() {
    let mut world = World::at_rest(&[("a", Text::Broken)]);
    world.write("a", Text::Serial(1));
    world.rest();
    assert_eq!((world.served("a"), world.owner.counts().served), (Some(Some(1)), 1));
}

#[test]
fn a_zone_outlives_its_file_by_the_grace() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.remove("a");
    world.pass(GRACE - MS);
    assert_eq!(world.served("a"), Some(Some(1)));
    world.pass(MS * 5);
    assert_eq!(world.served("a"), None);
    assert_eq!(world.said("no longer served"), 1);
    world.write("a", Text::Serial(2));
    world.rest();
    assert_eq!(world.served("a"), Some(Some(2)));
}

#[test]
fn a_file_that_comes_back_within_the_grace_was_never_away() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.remove("a");
    world.pass(GRACE - MS);
    world.write("a", Text::Serial(2));
    world.rest();
    assert_eq!((world.served("a"), world.said("no longer")), (Some(Some(2)), 0));
}

#[test]
fn a_file_that_comes_back_while_its_going_is_looked_at_is_not_lost() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.load_takes = MS * 50;
    world.remove("a");
    world.pass(GRACE + MS * 10);
    // The loader has found nothing and has not said so yet.
    world.write("a", Text::Serial(2));
    world.rest();
    assert_eq!((world.served("a"), world.said("no longer")), (Some(Some(2)), 0));
}

#[test]
fn a_change_while_it_is_loading_is_loaded_again() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.load_takes = MS * 500;
    world.write("a", Text::Serial(2));
    world.pass(MS * 100);
    world.write("a", Text::Serial(3));
    world.rest();
    assert_eq!(world.served("a"), Some(Some(3)));
}

#[test]
fn what_was_missed_is_found_by_looking_at_everything() {
    let mut world = World::at_rest(&[("a", Text::Serial(1)), ("b", Text::Serial(1))]);
    world.put("a", Text::Serial(2));
    world.disk.remove("b");
    world.put("c", Text::Serial(1));
    world.happen(Event::Seen(vec![Seen::Missed]));
    world.rest();
    assert_eq!((world.served("a"), world.served("b"), world.served("c")), (Some(Some(2)), None, Some(Some(1))));
}

#[test]
fn a_folder_that_has_gone_takes_nothing_with_it() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.is_there = false;
    world.see("a", Change::Gone);
    world.happen(Event::Seen(vec![Seen::Folder(TOP.into())]));
    world.pass(Duration::from_secs(600));
    assert_eq!(world.served("a"), Some(Some(1)));
    world.is_there = true;
    world.put("a", Text::Serial(2));
    world.pass(LOOK_AGAIN + GRACE);
    assert_eq!((world.served("a"), world.owner.counts().stale), (Some(Some(2)), 0));
}

#[test]
fn without_a_watch_changes_are_looked_for() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.happen(Event::Seen(vec![Seen::Unwatched("no more watches".to_owned())]));
    for serial in 2..5 {
        world.put("a", Text::Serial(serial));
        world.pass(LOOK_AGAIN + GRACE);
        assert_eq!(world.served("a"), Some(Some(serial)));
    }
}

#[test]
fn a_serial_that_does_not_rise_is_warned_of() {
    let mut world = World::at_rest(&[("a", Text::Serial(7))]);
    world.write("a", Text::Serial(6));
    world.rest();
    assert_eq!(world.served("a"), Some(Some(6)));
    let warned = world.reports.iter().find(|report| report.level == Level::Warn).unwrap();
    assert!(warned.text.contains("write 8 or higher"), "{}", warned.text);
}

#[test]
fn a_wave_of_changes_is_told_in_few_lines_and_published_in_few_steps() {
    let stems: Vec<&'static str> = (0..3000).map(|number| &*format!("z{number}").leak()).collect();
    let mut world = World::at_rest(&stems.iter().map(|stem| (*stem, Text::Serial(1))).collect::<Vec<_>>());
    let (reports, publications) = (world.reports.len(), world.publications);
    stems.iter().for_each(|stem| world.put(stem, Text::Serial(2)));
    world.happen(Event::Reread);
    world.rest();
    assert!(stems.iter().all(|stem| world.served(stem) == Some(Some(2))));
    assert_eq!(world.said("2980 more zones have changed"), 1);
    assert!(world.reports.len() - reports < 30);
    assert!(world.publications - publications < 10, "{}", world.publications - publications);
}

/// One thing that happens to a file, and how long after the one before.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Write(u8, bool),
    /// It is written, and the watch misses it.
    WriteUnseen(u8),
    Remove(u8),
    Touch(u8),
    Reread,
}

fn deeds() -> impl Strategy<Value = Vec<(Deed, u16)>> {
    let deed = prop_oneof![
        (0..3_u8, any::<bool>()).prop_map(|(file, valid)| Deed::Write(file, valid)),
        (0..3_u8).prop_map(Deed::WriteUnseen),
        (0..3_u8).prop_map(Deed::Remove),
        (0..3_u8).prop_map(Deed::Touch),
        Just(Deed::Reread),
    ];
    let after = prop_oneof![0..10_u16, 0..1500_u16];
    proptest::collection::vec((deed, after), 1..30)
}

proptest! {
    #[test]
    fn whatever_happens_in_the_end_the_folder_is_served(deeds in deeds(), load_takes in 0..2000_u64) {
        let stems = ["a", "b", "c"];
        let mut world = World::of(&[("a", Text::Serial(1))]);
        world.load_takes = Duration::from_millis(load_takes);
        let mut serial = 1;
        let mut valid: BTreeMap<&str, Vec<u32>> = BTreeMap::from([("a", vec![1])]);
        for (deed, after) in deeds {
            world.pass(Duration::from_millis(u64::from(after)));
            serial += 1;
            match deed {
                Deed::Write(file, true) => {
                    world.write(stems[usize::from(file)], Text::Serial(serial));
                    valid.entry(stems[usize::from(file)]).or_default().push(serial);
                }
                Deed::Write(file, false) => world.write(stems[usize::from(file)], Text::Broken),
                Deed::WriteUnseen(file) => {
                    world.put(stems[usize::from(file)], Text::Serial(serial));
                    valid.entry(stems[usize::from(file)]).or_default().push(serial);
                }
                Deed::Remove(file) => world.remove(stems[usize::from(file)]),
                Deed::Touch(file) => {
                    let path = Path::new(TOP).join(format!("{}.zone", stems[usize::from(file)]));
                    world.happen(Event::Seen(vec![Seen::Touched(path)]));
                }
                Deed::Reread => world.happen(Event::Reread),
            }
        }
        world.rest();
        world.happen(Event::Reread);
        world.rest();
        for stem in stems {
            match world.disk.get(stem) {
                None => prop_assert_eq!(world.served(stem), None),
                Some((Text::Serial(serial), _)) => prop_assert_eq!(world.served(stem), Some(Some(*serial))),
                Some((Text::Broken, _)) => match world.served(stem) {
                    Some(Some(serial)) => prop_assert!(valid[stem].contains(&serial)),
                    other => prop_assert_eq!(other, Some(None)),
                },
            }
        }
        let counts = world.owner.counts();
        prop_assert_eq!(counts.served, world.served.values().flatten().count());
        prop_assert_eq!(counts.served + counts.failed, world.served.len());
    }
}
