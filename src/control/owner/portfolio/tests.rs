//! The owner's part in portfolios, in virtual time: which zones are read again, and what is said.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::super::{Effect, Event, Scanned};
use super::*;
use crate::clock;
use crate::control::load::{Loaded, Outcome, Request};
use crate::control::names::NameMap;
use crate::control::owner::Before;
use crate::control::portfolio::read;
use crate::control::registry::Content;
use crate::control::running::News;
use crate::control::tree::Tree;
use crate::control::watch::Seen;
use crate::timeline::Timeline;
use crate::zone::text::{self, NoInclude};

const ZONE: &str = "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.1\n";

/// An owner of a real folder, whose files are read when it says so.
struct World {
    folder: tempfile::TempDir,
    owner: Owner,
    now: Instant,
    /// Which zones were read.
    read: Vec<String>,
    said: Vec<String>,
}

impl World {
    fn new(files: &[(&str, &str)]) -> World {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let owner = Owner::new(folder.path(), 1, Duration::from_secs(1), NameMap::default());
        let mut world = World { folder, owner, now: Instant::now(), read: Vec::new(), said: Vec::new() };
        let effects = world.owner.start();
        world.carry_out(effects);
        world
    }

    fn tell(&mut self, event: Event) {
        let effects = self.owner.handle(event, self.now, clock::Instant::from_unix_seconds(1));
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Scan { under, .. } => {
                    let tree = Tree::read(&under);
                    self.tell(Event::Scanned(Scanned { under, tree, included: Vec::new() }));
                }
                Effect::Load(requests) => {
                    let loaded = requests.into_iter().map(|request| self.load(request)).collect();
                    self.tell(Event::Loaded(loaded));
                }
                Effect::ReadPortfolio(path) => {
                    let reading = read(&path);
                    self.tell(Event::PortfolioRead(path, reading));
                }
                Effect::Report(report) => self.said.push(report.text),
                _ => {}
            }
        }
    }

    fn load(&mut self, request: Request) -> Loaded {
        let apex = request.apex;
        self.read.push(names::shown(apex.as_ref()));
        let (zone, disk) =
            (text::load(apex.as_ref(), &"z".into(), ZONE.as_bytes(), &NoInclude).zone, request.files.disk);
        let news = Box::new(News::plain(Timeline::fixed(zone.unwrap())));
        let before = Before::First(None);
        let outcome = Outcome::Ready { news, content: Content::default(), before };
        let (includes, faults) = (Vec::new(), Vec::new());
        Loaded { apex, outcome, disk, plan: request.files.plan, kept: false, includes, faults, laid: None }
    }

    /// Writes a file, lets time pass, and returns which zones were read for it.
    fn write(&mut self, name: &str, text: Option<&str>) -> Vec<String> {
        let path = self.folder.path().join(name);
        let change = match text {
            Some(text) => std::fs::write(&path, text).map(|()| Change::Whole),
            None => std::fs::remove_file(&path).map(|()| Change::Gone),
        };
        self.read.clear();
        self.tell(Event::Seen(vec![Seen::File(path, change.unwrap())]));
        while let Some(next) = self.owner.files.next() {
            self.now = next;
            self.tell(Event::Tick);
        }
        self.read.sort();
        std::mem::take(&mut self.read)
    }
}

fn spring(zones: &str, address: &str) -> String {
    format!(
        "version = 1\nzones = [{zones}]\nat = \"2040-01-01T00:00Z\"\n[[flip]]\nname = \"@\"\ntype = \"A\"\n\
         from = []\nto = [\"{address}\"]\nttl_after = \"60s\"\n"
    )
}

#[test]
fn a_zone_is_read_again_only_if_its_plan_is_another() {
    let mut world = World::new(&[("a.test.zone", ZONE), ("b.test.zone", ZONE), ("c.example.zone", ZONE)]);
    assert_eq!(world.read.len(), 3);
    let file = "spring.portfolio.toml";
    assert_eq!(world.write(file, Some(&spring("\"a.test\"", "192.0.2.1"))), ["a.test"]);
    assert_eq!(world.write(file, Some(&spring("\"*.test\"", "192.0.2.1"))), ["b.test"]);
    assert_eq!(world.write(file, Some(&spring("\"*.test\"", "192.0.2.1"))), [""; 0]);
    assert_eq!(world.write(file, Some(&spring("\"*.test\"", "192.0.2.2"))), ["a.test", "b.test"]);
    // A typing error changes nothing, nor does its mending.
    assert_eq!(world.write(file, Some("zones")), [""; 0]);
    assert!(world.said.iter().any(|said| said.contains("can't be used")));
    assert_eq!(world.write(file, Some(&spring("\"*.test\"", "192.0.2.2"))), [""; 0]);
    // A zone that comes is read once, with its portfolio.
    assert_eq!(world.write("d.test.zone", Some(ZONE)), ["d.test"]);
    let d = names::apex("d.test").unwrap();
    assert!(world.owner.zones.get(&d).unwrap().files.portfolio.is_some());
    assert_eq!(world.write(file, None), ["a.test", "b.test", "d.test"]);
}

#[test]
fn what_is_wrong_is_said_once() {
    let one = spring("\"*.test\"", "192.0.2.1");
    let mut world = World::new(&[("a.test.zone", ZONE), ("a.portfolio.toml", &one), ("b.portfolio.toml", &one)]);
    let two_plans = |world: &World| world.said.iter().filter(|said| said.contains("has two plans")).count();
    assert_eq!(two_plans(&world), 1);
    world.write("c.portfolio.toml", Some(&spring("\"*.nowhere\"", "192.0.2.1")));
    world.write("b.test.zone", Some(ZONE));
    world.tell(Event::Reread);
    assert_eq!(world.said.iter().filter(|said| said.contains("is for no zone")).count(), 1);
    let a = names::apex("a.test").unwrap();
    let (counts, other) = world.owner.zones.get(&a).unwrap().files.two_plans(&a).unwrap();
    assert!(counts.ends_with("a.portfolio.toml") && other.ends_with("b.portfolio.toml"));
    world.write("a.portfolio.toml", None);
    let files = &world.owner.zones.get(&a).unwrap().files;
    assert!(files.two_plans(&a).is_none() && files.portfolio.is_some());
}
