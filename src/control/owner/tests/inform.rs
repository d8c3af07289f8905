//! Secondaries are told of every change, after it is served.

use super::super::super::notifier::{RATE_DEFAULT, Secondary, State, Target, Told};
use super::*;
use crate::timeline::plan::patterns::Patterns;

fn telling() -> Told {
    let target = Target { address: ([192, 0, 2, 53], 53).into(), key: None, source: None };
    Told { secondaries: [Secondary { target: target.into(), zones: Patterns::every() }].into(), rate: RATE_DEFAULT }
}

fn world(disk: &[(&'static str, Text)]) -> World {
    let mut world = World::of(disk);
    world.owner.inform(telling(), world.start);
    world.rest();
    world
}

impl World {
    /// What was told since this was asked last: the serials, each with what was served when it was.
    fn told(&mut self) -> Vec<(u32, Option<u32>)> {
        self.informed.drain(..).map(|(_, notice, served)| (notice.serial.0, served)).collect()
    }
}

#[test]
fn a_start_an_edit_and_a_removal() {
    let mut world = world(&[("a", Text::Serial(1)), ("b", Text::Broken)]);
    assert_eq!(world.told(), [(1, Some(1))], "what is first published, and nothing that is not");
    world.write("a", Text::Serial(7));
    world.rest();
    assert_eq!(world.told(), [(7, Some(7))]);
    world.write("a", Text::Serial(7));
    world.write("a", Text::Broken);
    world.rest();
    assert_eq!(world.told(), [], "what goes on as it was");
    world.write("a", Text::Serial(8));
    world.rest();
    assert_eq!(world.owner.notifier().standing(&name("a"))[0].1, State::Acknowledged(Serial(8)));
    world.remove("a");
    world.rest();
    assert_eq!(world.owner.notifier().standing(&name("a")), []);
}

#[test]
fn nobody_is_told_before_all_is_there() {
    let mut world = World::of(&[("a", Text::Serial(1))]);
    world.owner.inform(telling(), world.start);
    world.load_takes = Duration::from_secs(5);
    world.rest();
    let ready = Duration::from_secs(5);
    assert!(world.informed[0].0 >= ready, "{:?}", world.informed);
}

#[test]
fn the_steps_of_a_plan_at_their_instants_and_what_takes_it_back() {
    let mut world = world(&[("a", Text::Serial(1))]);
    world.plan("a", "arm = \"on-load\"\nlow_ttl = \"30s\"\n");
    world.told();
    world.pass_until(LEAD + MS * 999);
    let told = std::mem::take(&mut world.informed);
    let (at, flip, _) = told.last().unwrap();
    assert!(told.len() > 1, "a step lowers TTLs before: {told:?}");
    assert!((LEAD..LEAD + MS * 100).contains(at), "{at:?}");
    let served = world.owner.running_of(&name("a")).and_then(|running| running.timeline.clone()).unwrap();
    assert_eq!(flip.serial.0, served.at(world.clock()).serial);
    world.ask("a", Decision::RollBack, None);
    world.pass(MS * 100);
    let Some((_, Answer::Shown(shown))) = world.answers.pop() else { panic!("{:?}", world.answers) };
    world.ask("a", Decision::RollBack, Some(shown.token));
    world.pass(Duration::from_secs(1));
    let told = world.told();
    assert!(told.len() == 1 && told[0].0 > flip.serial.0, "{told:?}");
}

#[test]
fn tens_of_thousands_that_change_at_once_are_told_at_the_rate() {
    const NAMES: usize = 2000;
    let names: Vec<&'static str> = (0..NAMES).map(|number| &*format!("zone{number}").leak()).collect();
    let zones: Vec<_> = names.iter().map(|name| (*name, Text::Serial(1))).collect();
    let world = world(&zones);
    assert_eq!(world.informed.len(), NAMES);
    for window in world.informed.windows(RATE_DEFAULT) {
        assert!(window[RATE_DEFAULT - 1].0 - window[0].0 >= MS * 900);
    }
    let first = world.informed[0].0;
    assert!(world.informed[NAMES - 1].0 - first < Duration::from_secs(5));
}
