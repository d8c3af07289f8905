//! The owner on a virtual clock, over a folder that is a map: every order of events, no waiting.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::desk;
use super::super::fingerprint::Fingerprint;
use super::super::history::{Limits, Since};
use super::super::load::Loaded;
use super::super::notifier::{self, Heard};
use super::super::registry::Content;
use super::super::report::Level;
use super::super::tree::Tree;
use super::*;
use crate::diag::Diagnostic;
use crate::timeline::Verdict;
use crate::timeline::conduct::{Decision, PlanText, Sources};
use crate::wire::Rcode;
use crate::zone::{Zone, text};

mod inform;

/// T, the instant of every plan here, is so long after the beginning.
const LEAD: Duration = Duration::from_secs(1000);
const T: i64 = 1_796_061_600;
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
    /// Their plans.
    plans: BTreeMap<&'static str, String>,
    /// What the journal has, and whether it takes more.
    journal: Vec<Record>,
    is_full: bool,
    /// What probes see.
    sees: Verdict,
    answers: Vec<(Ticket, Answer)>,
    writings: u64,
    is_there: bool,
    /// What the loaders and scans will say, and when.
    coming: Vec<(Duration, Event)>,
    load_takes: Duration,
    served: BTreeMap<Name, Option<u32>>,
    reports: Vec<Report>,
    /// What secondaries were told: when, and what was served then.
    informed: Vec<(Duration, notifier::Notice, Option<u32>)>,
    publications: usize,
    passages: Vec<Passage>,
    ready: Option<Count>,
}

fn name(stem: &str) -> Name {
    names::apex(stem).unwrap()
}

fn zone(apex: &Name, serial: u32) -> Zone {
    let text = format!("@ 60 SOA ns h {serial} 1 1 1 1\n@ 60 NS ns.other.\nwww 60 A 192.0.2.10\n");
    text::load(apex.as_ref(), &"z".into(), text.as_bytes(), &text::NoInclude).zone.unwrap()
}

fn plan(keys: &str) -> String {
    let flip = "[[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.10\"]\nto = [\"192.0.2.20\"]\n";
    format!("version = 1\nat = \"2026-11-30T18:00Z\"\n{keys}{flip}")
}

impl World {
    fn of(disk: &[(&'static str, Text)]) -> World {
        let mut world = World {
            owner: Owner::new(Path::new(TOP), 2, GRACE, NameMap::default()),
            start: Instant::now(),
            now: Duration::ZERO,
            disk: BTreeMap::new(),
            plans: BTreeMap::new(),
            journal: Vec::new(),
            is_full: false,
            sees: Verdict::Pass,
            answers: Vec::new(),
            writings: 0,
            is_there: true,
            coming: Vec::new(),
            load_takes: Duration::from_millis(1),
            served: BTreeMap::new(),
            reports: Vec::new(),
            informed: Vec::new(),
            publications: 0,
            passages: Vec::new(),
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

    fn plan(&mut self, stem: &'static str, keys: &str) {
        self.writings += 1;
        self.plans.insert(stem, plan(keys));
        let path = Path::new(TOP).join(format!("{stem}.plan.toml"));
        self.happen(Event::Seen(vec![Seen::File(path, Change::Whole)]));
    }

    fn clock(&self) -> clock::Instant {
        clock::Instant::from_unix_seconds(T).before(LEAD).after(self.now)
    }

    fn ask(&mut self, stem: &str, decision: Decision, act: Option<String>) {
        let by = "somebody".to_owned();
        self.happen(Event::Asked(Asked {
            ticket: Ticket(1),
            apex: name(stem),
            decision,
            by,
            act: act.map_or(Act::No, Act::If),
        }));
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
        let effects = self.owner.handle(event, self.start + self.now, self.clock());
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
                Effect::Pass(passage) => self.passages.push(*passage),
                Effect::Publish(changes) => {
                    self.publications += 1;
                    for (apex, service) in changes {
                        match service {
                            Service::Timeline(timeline) | Service::Closed(timeline) => {
                                self.served.insert(apex, Some(timeline.at(self.clock()).serial));
                            }
                            Service::Failed => _ = self.served.insert(apex, None),
                            Service::Gone => _ = self.served.remove(&apex),
                        }
                    }
                }
                Effect::Report(report) => self.reports.push(report),
                Effect::Ready(count) => self.ready = Some(count),
                Effect::Journal(records) => {
                    let apexes: BTreeSet<_> = records.iter().map(|record| record.apex.clone()).collect();
                    let failure = self.is_full.then(|| "the disk is full".to_owned());
                    if !self.is_full {
                        self.journal.extend(records);
                    }
                    let event = Event::Journalled { apexes: apexes.into_iter().collect(), failure };
                    self.coming.push((self.now + Duration::from_millis(1), event));
                }
                Effect::Consider(consider) => {
                    let considered = self.considered(consider);
                    self.coming.push((self.now + Duration::from_millis(1), Event::Considered(Box::new(considered))));
                }
                Effect::Answer(ticket, answer) => self.answers.push((ticket, answer)),
                Effect::Look(look) => {
                    let verdict = self.sees.clone();
                    let event = Event::Looked { apex: look.apex, number: look.number, verdict };
                    self.coming.push((self.now + Duration::from_millis(1), event));
                }
                Effect::Inform(notice) => {
                    let served = self.served.get(&notice.apex).copied().flatten();
                    self.informed.push((self.now, notice.clone(), served));
                    let event = Event::Informed(notice, Heard::Answer(Rcode::NOERROR));
                    self.coming.push((self.now + Duration::from_millis(1), event));
                }
                Effect::AskSerial(..) | Effect::Reached(_) | Effect::ReadPortfolio(..) | Effect::Notify(..) => {}
                Effect::Tidy | Effect::Write(..) | Effect::Update(_) | Effect::Say(_) | Effect::Sync(_) => {}
                Effect::Fetch(_) | Effect::Feed(_) | Effect::Forget(_) | Effect::NoteMembers(_) | Effect::Draw(_) => {}
                Effect::Prepare(_) | Effect::BeginPromotion(_) | Effect::Settle(_) | Effect::EndPromotion(..) => {}
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
                let plan = self.plans.get(&*stem).filter(|_| request.files.plan);
                let content = Content {
                    zone: Fingerprint::default().with(u64::from(*serial)),
                    plan: plan
                        .map_or_else(Fingerprint::default, |plan| Fingerprint::default().with_bytes(plan.as_bytes())),
                };
                match request.serving == Some(content) {
                    true => (Outcome::Unchanged, Vec::new()),
                    false => {
                        let zone = zone(&request.apex, *serial);
                        let running = request.running.as_deref();
                        let sources =
                            self.sources(&request.apex, &request.files, &zone, (content.zone.number(), running));
                        let outcome = conduct::follow(&sources, self.clock(), request.serving.is_some());
                        let before = match &request.base {
                            Some(base) => Before::Since(Since::between(base, &zone, &Limits::default())),
                            None => Before::First(None),
                        };
                        (Outcome::Ready { news: Box::new(News::new(outcome)), content, before }, Vec::new())
                    }
                }
            }
        };
        let plan = request.files.plan && self.plans.contains_key(&*stem);
        Loaded { apex: request.apex, outcome, disk, plan, kept: false, includes: Vec::new(), faults, laid: None }
    }

    fn sources<'a>(
        &self,
        apex: &Name,
        files: &Files,
        zone: &'a Zone,
        (content, running): (u64, Option<&'a Running>),
    ) -> Sources<'a> {
        let stem = apex.to_string();
        let text = |text: &String| PlanText { path: "p".into(), text: text.as_bytes().into() };
        let plan = self.plans.get(stem.trim_end_matches('.')).filter(|_| files.plan);
        let plan = plan.map(|plan| (text(plan), self.clock()));
        let armed =
            self.journal.iter().rev().filter(|record| record.apex == *apex).find_map(|record| record.plan.clone());
        let file = plan.as_ref().map(|(text, _)| text);
        let past = running.map(|running| running.past(content, file, armed.as_ref(), self.clock())).unwrap_or_default();
        Sources { zone, content, is_updated: false, plan, run: running.map(|running| &running.run), armed, past }
    }

    fn considered(&self, consider: Consider) -> Considered {
        let Consider { asked, files, content, running } = consider;
        let zone = zone(&asked.apex, self.served[&asked.apex].unwrap());
        let sources = self.sources(&asked.apex, &files, &zone, (content, running.as_deref()));
        let result = conduct::decide(&sources, &asked.decision, &asked.by, self.clock());
        let token = desk::token(&asked.decision, &result, content, self.clock());
        Considered { asked, token, result }
    }

    /// Lets time pass until `until`, everything happening when it is due.
    fn pass_until(&mut self, until: Duration) {
        loop {
            let tick = self.owner.next_tick().map(|at| at.saturating_duration_since(self.start));
            let start = clock::Instant::from_unix_seconds(T).before(LEAD);
            let step = self.owner.next_change().map(|at| at.since(start));
            let coming = self.coming.iter().map(|(at, _)| *at).min();
            let Some(next) = [tick, step, coming].into_iter().flatten().min().filter(|next| *next <= until) else {
                break;
            };
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

#[test]
fn a_plan_is_in_the_journal_before_it_is_served() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.is_full = true;
    world.plan("a", "arm = \"on-load\"\n");
    world.rest();
    assert_eq!((world.journal.len(), world.owner.running().count()), (0, 0));
    assert_eq!(world.said("the disk is full"), 1);
    world.is_full = false;
    world.write("a", Text::Serial(1));
    world.rest();
    let armed = &world.journal[0];
    assert_eq!((armed.entry.event.kind(), armed.plan.is_some()), ("armed", true));
    assert_eq!(armed.promised.last().unwrap().serial, Serial(2), "the flip");
    world.pass(LEAD);
    assert_eq!(world.said("a: flip: www A; serial 2"), 1);
}

const GATED: &str = "arm = \"on-load\"\n[[probe]]\nname = \"web\"\nkind = \"tcp\"\naddress = \"192.0.2.20:80\"\n\
                     [[gate]]\nbefore = \"flip\"\nprobe = \"web\"\n[[watch]]\nprobe = \"web\"\nrollback = true\n";

#[test]
fn a_gate_that_passes_in_time_lets_the_flip_be_at_its_instant() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.plan("a", GATED);
    world.pass(LEAD);
    let kinds: Vec<_> = world.journal.iter().map(|record| record.entry.event.kind()).collect();
    assert_eq!(kinds[..3], ["armed", "verdict", "passed"]);
    assert_eq!(world.said("the gates before the flip have passed, in time"), 1);
    assert_eq!(world.said("a: flip: www A; serial 2"), 1);
}

#[test]
fn what_can_not_be_journalled_has_no_effect_and_is_told_again() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.plan("a", GATED);
    world.pass(LEAD / 2);
    world.is_full = true;
    world.pass(LEAD);
    assert_eq!((world.journal.len(), world.said("flip: www A")), (1, 0));
    assert!(world.said("the disk is full") > 3);
    world.is_full = false;
    world.pass(MS * 60_000);
    assert_eq!(world.said("a: flip: www A; serial 2"), 1);
}

#[test]
fn a_watch_that_fails_rolls_back_once() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.plan("a", GATED);
    world.pass(LEAD + MS * 60_000);
    world.sees = Verdict::Fail("refused".to_owned());
    world.pass(LEAD);
    assert_eq!(world.said("rolled back by the watch `web`"), 1);
    assert_eq!(world.served[&name("a")], Some(3));
}

#[test]
fn nothing_of_a_plan_is_obeyed_that_nobody_armed() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.plan("a", "");
    world.pass(LEAD * 2);
    assert_eq!((world.journal.len(), world.said("flip")), (0, 0));
}

#[test]
fn a_decision_is_shown_first_and_done_when_it_is_in_the_journal() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.plan("a", "");
    world.rest();
    world.ask("a", Decision::Arm, None);
    world.rest();
    let Some((Ticket(1), Answer::Shown(shown))) = world.answers.pop() else { panic!("{:?}", world.answers) };
    assert!(world.journal.is_empty());
    world.ask("a", Decision::Arm, Some("another state".to_owned()));
    world.rest();
    assert!(matches!(world.answers.pop(), Some((_, Answer::Changed(_)))));
    world.is_full = true;
    world.ask("a", Decision::Arm, Some(shown.token.clone()));
    world.rest();
    assert!(matches!(world.answers.pop(), Some((_, Answer::NotJournalled(_)))));
    assert_eq!(world.owner.running().count(), 0);
    world.is_full = false;
    world.ask("a", Decision::Arm, Some(shown.token.clone()));
    assert!(world.answers.is_empty(), "not before the journal has it");
    world.rest();
    assert!(matches!(world.answers.pop(), Some((_, Answer::Done(_)))));
    assert_eq!(world.journal[0].entry.by, "somebody");
    assert_eq!(world.owner.running_of(&name("a")).unwrap().run.state(), "armed");
    world.ask("b", Decision::Arm, None);
    assert!(matches!(world.answers.pop(), Some((_, Answer::NotServed))));
}

#[test]
fn a_plan_that_comes_while_its_zone_is_read_is_obeyed() {
    let mut world = World::at_rest(&[]);
    world.load_takes = MS * 500;
    world.write("a", Text::Serial(1));
    world.pass(MS * 100);
    world.plan("a", "arm = \"on-load\"\n");
    world.rest();
    assert_eq!(world.owner.running_of(&name("a")).unwrap().run.state(), "armed");
}

#[test]
fn a_question_waits_for_its_zone_to_be_read() {
    let mut world = World::at_rest(&[("a", Text::Serial(1))]);
    world.plan("a", "");
    world.rest();
    world.load_takes = MS * 500;
    world.write("a", Text::Serial(2));
    world.pass(MS * 100);
    world.ask("a", Decision::Arm, None);
    assert!(world.answers.is_empty());
    world.rest();
    let Some((_, Answer::Shown(shown))) = world.answers.pop() else { panic!("nobody answered") };
    assert!(shown.result.is_ok());
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
