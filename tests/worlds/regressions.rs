//! The least worlds in which a rule was once broken, by what broke it; and some in which one easily could be.

use std::time::Duration;

use crate::files::{Kind, PlanEdit, PlanFile, ZoneEdit, ZoneFile};
use crate::script::{Ask, Happening, Script, Wait, What};
use crate::{checks, world::World};

/// A zone and its plan an hour before T, once to be armed by hand, once by being there.
fn script(on_load: bool, happenings: Vec<(Wait, What)>) -> Script {
    let zone = ZoneFile {
        serial: 2_026_113_000,
        minimum: 60,
        ttls: [600, 600, 600, 300, 300],
        has_new: [false; 5],
        bystander: 1,
        is_broken: false,
    };
    let plan = PlanFile {
        at: 0,
        time_zone: "Asia/Tokyo",
        on_load,
        late: true,
        low: 30,
        lower: "ladder",
        spread: 0,
        low_for: 0,
        raise: "ladder",
        kinds: vec![Kind::Replace, Kind::Remove, Kind::ToAlias],
        gates: Vec::new(),
        watches: false,
        remark: 0,
        is_broken: false,
    };
    let happenings = happenings.into_iter().map(|(wait, what)| Happening { wait, what }).collect();
    Script { seed: 1, starts: -3600, zone, plan: Some(plan), happenings }
}

fn hold(script: &Script) -> World {
    let mut world = World::run(script).unwrap_or_else(|broken| panic!("rule {}: {}", broken.rule, broken.how));
    checks::check(&mut world, 1).unwrap_or_else(|broken| panic!("rule {}: {}", broken.rule, broken.how));
    world
}

/// The kinds of events in the journal.
fn journal(world: &World) -> Vec<&'static str> {
    world.journal.records.iter().map(|record| record.entry.event.kind()).collect()
}

fn secs(seconds: u64) -> Wait {
    Wait::For(Duration::from_secs(seconds))
}

fn ask(ask: Ask) -> What {
    What::Ask(ask)
}

fn before_change(millis: u64) -> Wait {
    Wait::BeforeChange(Duration::from_millis(millis))
}

#[test]
fn a_question_that_waits_for_a_zone_that_is_read_without_news_is_answered() {
    let slow = What::Slow { load: Duration::from_millis(500), journal: Duration::from_millis(1) };
    hold(&script(
        false,
        vec![
            (secs(1), slow),
            (secs(1), What::Zone(ZoneEdit::Bystander)),
            (secs(0), ask(Ask::Hold)),
            (secs(20), What::Nothing),
        ],
    ));
}

#[test]
fn a_rollback_goes_on_when_its_plan_is_edited_or_goes() {
    for then in [What::Plan(PlanEdit::At(600)), What::Plan(PlanEdit::Remark), What::PlanRemoved] {
        let restart = What::Restart { down: Duration::from_secs(1) };
        let world = hold(&script(
            false,
            vec![
                (secs(1), ask(Ask::Arm)),
                (Wait::UntilT(20_000), ask(Ask::RollBack)),
                (secs(10), then),
                (secs(10), restart),
            ],
        ));
        assert_eq!(journal(&world), ["armed", "rolled-back", "rebased"]);
    }
}

#[test]
fn a_flip_is_not_early_because_the_zone_file_is_edited_right_before_it() {
    for millis in [1, 5, 100, 400, 499, 501] {
        let edit = (Wait::UntilT(-millis), What::Zone(ZoneEdit::Bystander));
        hold(&script(false, vec![(secs(1), ask(Ask::Arm)), edit.clone()]));
        let roll_back = (secs(0), ask(Ask::RollBack));
        hold(&script(true, vec![edit.clone(), roll_back, edit]));
    }
}

#[test]
fn a_clock_that_is_set_back_takes_no_step_back_after_a_restart() {
    let restart = What::Restart { down: Duration::from_secs(1) };
    hold(&script(true, vec![(Wait::UntilT(100_000), What::Clock(-3600)), (secs(1), restart)]));
}

#[test]
fn two_decisions_while_the_clock_stands_still_are_two() {
    hold(&script(
        false,
        vec![
            (secs(1), ask(Ask::Arm)),
            (Wait::UntilT(-60_000), What::Clock(-3600)),
            (secs(1), What::Zone(ZoneEdit::Bystander)),
            (secs(1), ask(Ask::Hold)),
            (secs(1), ask(Ask::Resume)),
        ],
    ));
}

#[test]
fn a_plan_that_takes_the_place_of_another_promises_nothing_for_what_that_did_not_lower() {
    let kinds = PlanEdit::Kinds(vec![Kind::Replace, Kind::FromAlias, Kind::Add]);
    hold(&script(true, vec![(Wait::UntilT(-40_000), What::Plan(kinds.clone()))]));
    let again = (secs(1), ask(Ask::Arm));
    hold(&script(false, vec![(secs(1), ask(Ask::Arm)), (Wait::UntilT(-40_000), What::Plan(kinds)), again]));
}

#[test]
fn a_plan_edited_while_the_server_was_down_begins_with_a_serial_of_its_own() {
    let crash = What::Crash { effects: 1, down: Duration::from_secs(5) };
    hold(&script(true, vec![(Wait::UntilT(30_000), crash), (secs(0), What::Plan(PlanEdit::At(6000)))]));
}

#[test]
fn a_decision_that_the_journal_does_not_take_has_no_effect() {
    let world = hold(&script(
        false,
        vec![
            (secs(1), ask(Ask::Arm)),
            (Wait::UntilT(20_000), What::JournalFails(1)),
            (secs(0), ask(Ask::RollBack)),
            (secs(20), What::Nothing),
        ],
    ));
    assert_eq!(journal(&world), ["armed"]);
    let last = world.chapters.last().unwrap();
    assert!(last.schedule.as_ref().is_some_and(|schedule| !schedule.run.is_over()));
}

#[test]
fn a_crash_between_any_two_effects_of_a_decision_does_it_or_does_not() {
    for effects in 0..16 {
        let crash = What::Crash { effects, down: Duration::from_millis(5) };
        for (wait, asked) in [(before_change(5000), Ask::Hold), (Wait::UntilT(20_000), Ask::RollBack)] {
            let world =
                hold(&script(false, vec![(secs(1), ask(Ask::Arm)), (wait, crash.clone()), (secs(0), ask(asked))]));
            let kinds = journal(&world);
            let done: &[&str] =
                if asked == Ask::Hold { &["armed", "held"] } else { &["armed", "rolled-back", "rebased"] };
            assert!(kinds == done || kinds == ["armed"], "{kinds:?}");
        }
    }
}
