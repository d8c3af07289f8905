//! Catalog zones of ours on a clock of their own.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::control::config::listing::parse;

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

fn listing(text: &str) -> Arc<Listing> {
    Arc::new(parse(&"c".into(), text.as_bytes()).0.unwrap())
}

struct World {
    producers: Producers,
    zones: Vec<Name>,
    start: Instant,
}

impl World {
    fn new(text: &str) -> World {
        let mut producers = Producers::default();
        producers.set(&name("c."), listing(text), None);
        World { producers, zones: Vec::new(), start: Instant::now() }
    }

    fn comes(&mut self, zone: &str) {
        self.zones.push(name(zone));
        self.producers.touch(&name(zone));
    }

    fn goes(&mut self, zone: &str) {
        self.zones.retain(|known| *known != name(zone));
        self.producers.touch(&name(zone));
    }

    fn due(&mut self, millis: u64) -> Vec<Draw> {
        let (now, zones) = (self.start + Duration::from_millis(millis), self.zones.clone());
        self.producers.due(now, || zones.iter(), |zone| zones.contains(zone))
    }

    /// Makes what is due at `millis`, in the second `second`: its serial and what it lists.
    fn made(&mut self, millis: u64, second: u32) -> Option<(u32, String)> {
        let draw = self.due(millis).pop()?;
        let result = draw.make(second, &Limits::default());
        let (_, copy) = self.producers.drawn(&Drawn { apex: draw.apex, number: draw.number, result }).unwrap();
        Some((copy.serial(), listed(&copy)))
    }
}

fn listed(copy: &Copy) -> String {
    let members = Members::read(copy.view()).unwrap();
    members.iter().map(|(apex, _)| apex.to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_comes_and_goes_is_listed_with_a_serial_that_rises() {
    let mut world = World::new("members = [\"*.example\"]\n");
    world.comes("a.example");
    world.comes("b.test");
    assert_eq!(world.made(0, 1000), Some((1000, "a.example.".into())));
    assert_eq!(world.made(0, 1000), None);
    // What is not listed changes nothing.
    world.goes("b.test");
    assert_eq!(world.made(2000, 1002), None);
    world.comes("b.example");
    assert_eq!(world.made(3000, 1003), Some((1003, "a.example. b.example.".into())));
    // A clock that was set back does not set the serial back.
    world.goes("a.example");
    assert_eq!(world.made(4000, 900), Some((1004, "b.example.".into())));
    // One that goes and comes again before it is made has never gone.
    world.goes("b.example");
    world.comes("b.example");
    assert_eq!(world.made(5000, 1005), None);
}

#[test]
fn it_is_made_once_in_a_second_at_most_and_once_at_a_time() {
    let mut world = World::new("members = \"*\"\n");
    world.comes("a.example");
    assert!(world.producers.is_due(world.start));
    let first = world.due(0).pop().unwrap();
    world.comes("b.example");
    assert!(world.due(5000).is_empty() && world.producers.next().is_none());
    let result = first.make(1000, &Limits::default());
    world.producers.drawn(&Drawn { apex: first.apex, number: first.number, result }).unwrap();
    assert_eq!(world.producers.next(), Some(world.start + PACE));
    assert!(world.due(999).is_empty());
    assert_eq!(world.made(1000, 1001), Some((1001, "a.example. b.example.".into())));
}

#[test]
fn it_goes_on_from_what_was_kept() {
    let mut world = World::new("members = \"*\"\n");
    world.comes("a.example");
    let draw = world.due(0).pop().unwrap();
    let kept = draw.make(1000, &Limits::default()).unwrap().copy;
    let mut world = World::new("members = \"*\"\n");
    world.zones = vec![name("a.example")];
    world.producers = Producers::default();
    world.producers.set(&name("c."), listing("members = \"*\"\n"), Some(kept.clone()));
    // Nothing has changed while no server ran.
    assert_eq!(world.made(0, 2000), None);
    world.comes("b.example");
    assert_eq!(world.made(0, 2000), Some((2000, "a.example. b.example.".into())));
    // Something has.
    world.producers = Producers::default();
    world.producers.set(&name("c."), listing("members = \"b.*\"\n".replace("b.*", "b.example").as_str()), Some(kept));
    assert_eq!(world.made(0, 3000), Some((3000, "b.example.".into())));
    // Another file says something else of all.
    let more = listing("members = \"*\"\n[group.g]\nmembers = \"*\"\n");
    world.producers.set(&name("c."), more, None);
    let draw = world.due(5000).pop().unwrap();
    let made = draw.make(4000, &Limits::default()).unwrap();
    let members = Members::read(made.copy.view()).unwrap();
    assert_eq!(members.len(), 2);
    assert!(members.iter().all(|(_, member)| member.groups.concat() == "g"));
    assert_eq!(made.difference.unwrap().len(), 2 + 1 + 2);
}

#[test]
fn one_among_many_is_a_small_difference() {
    let mut world = World::new("members = \"*\"\n");
    (0..5000).for_each(|number| world.comes(&format!("z{number}.example")));
    world.made(0, 1000).unwrap();
    world.comes("new.example");
    let draw = world.due(1000).pop().unwrap();
    let made = draw.make(1001, &Limits::default()).unwrap();
    let difference = made.difference.unwrap();
    assert_eq!((difference.removed.len(), difference.added.len()), (1, 2));
    assert_eq!(Members::read(made.copy.view()).unwrap().len(), 5001);
    assert!(made.since.is_none(), "it lies over what was there as a patch");
}
