//! The figures that the ways of lowering are chosen by, and that outcomes can be had again.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::timeline::plan::Lowering;
use crate::timeline::{Run, load, plan};
use crate::wire::Name;
use crate::zone::Zone;
use crate::zone::text::NoInclude;

const T: i64 = 1_796_061_600; // 2026-11-30T18:00:00Z
const ZONE: &str = "$TTL 86400\n@ IN SOA ns1 h 2026112301 7200 3600 1209600 300\n IN NS ns1\nns1 IN A 192.0.2.1\n\
                    www IN A 192.0.2.10\n";

fn zone(text: &str) -> Zone {
    let apex = Name::from_text("example.com").unwrap();
    crate::zone::text::load(apex.as_ref(), &"example.com.zone".into(), text.as_bytes(), &NoInclude).zone.unwrap()
}

fn text(ways: &str) -> String {
    format!(
        "version = 1\nat = \"2026-12-01T03:00[Asia/Tokyo]\"\n{ways}\n[[flip]]\nname = \"www\"\ntype = \"A\"\n\
         from = [\"192.0.2.10\"]\nto = [\"192.0.2.20\"]\n"
    )
}

fn armed(zone: &Zone, ways: &str, run: &Run) -> Schedule {
    let loaded = load(zone, &"example.com.plan.toml".into(), text(ways).as_bytes(), run);
    loaded.schedule.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

fn schedule(ways: &str) -> Schedule {
    armed(&zone(ZONE), ways, &Run::proposed(Instant::MIN))
}

fn run(ways: &str, population: &Population) -> Outcome {
    simulate(&schedule(ways), population).unwrap()
}

/// How often a busy cache asks in the last day before T, of so many.
fn queries(ways: &str) -> f64 {
    run(ways, &Population::conforming(5000, 1)).queries_per_cache().unwrap()
}

#[test]
fn a_fixed_low_ttl_is_asked_for_all_day_long() {
    let asked = queries("lower = \"once\"\nlow_ttl = 300");
    assert!((137.0..=147.0).contains(&asked), "{asked}");
}

#[test]
fn a_ladder_is_asked_for_once_a_rung_at_most() {
    let asked = queries("lower = \"ladder\"");
    assert!((5.0..=8.0).contains(&asked), "{asked}");
}

#[test]
fn a_countdown_is_asked_for_once() {
    let asked = queries("lower = \"countdown\"");
    assert!((1.0..=1.1).contains(&asked), "{asked}");
}

#[test]
fn the_spread_of_a_countdown_keeps_the_herd_apart() {
    let population = Population::conforming(10_000, 1);
    let spread = run("lower = \"countdown\"", &population).peak.queries;
    let herd = run("lower = \"countdown\"\nspread = 0", &population).peak.queries;
    assert!(herd > 5000, "{herd}");
    assert!(spread * 20 <= herd, "{spread} of {herd}");
}

#[test]
fn promises_are_kept_to_every_class_by_every_way() {
    for ways in [
        "lower = \"ladder\"",
        "lower = \"countdown\"",
        "lower = \"countdown\"\nspread = 600",
        "lower = \"once\"\nlow_ttl = 300",
        "[secondaries]\nservers = [\"192.0.2.53\", \"192.0.2.54\"]\nwithin = \"10m\"",
    ] {
        let outcome = run(ways, &Population::of_the_internet(2000, 3));
        assert_eq!(outcome.overdue, 0, "{ways}");
        for class in &outcome.classes {
            let last = class.last_old.unwrap();
            assert!(last <= class.promised, "{ways}: {}", class.name);
            assert!(last > outcome.axis.at, "{ways}: {}", class.name);
        }
        // Nor is the promise longer than it must be.
        assert!(outcome.horizon.since(outcome.last_old().unwrap()) < Duration::from_secs(10), "{ways}");
    }
}

#[test]
fn what_was_lowered_too_late_drains_until_the_horizon() {
    let armed_at = Instant::from_unix_seconds(T - 3600);
    let schedule = armed(&zone(ZONE), "late = \"accept\"", &Run::proposed(armed_at));
    let outcome = simulate(&schedule, &Population::conforming(2000, 1)).unwrap();
    assert_eq!(outcome.horizon, armed_at.after(DAY));
    assert_eq!(outcome.overdue, 0);
    assert!(outcome.horizon.since(outcome.last_old().unwrap()) < Duration::from_secs(600));
    // An hour before T nothing was lowered; half a day after it half of them remember.
    let half = outcome.old_at(Instant::from_unix_seconds(T + 43_200));
    assert!((0.4..0.6).contains(&half), "{half}");
}

#[test]
fn a_promise_that_is_too_short_is_found_out() {
    let mut schedule = schedule("lower = \"ladder\"");
    for drain in &mut schedule.drains {
        drain.horizon = drain.horizon.before(Duration::from_secs(10));
    }
    let outcome = simulate(&schedule, &Population::conforming(1000, 1)).unwrap();
    assert!(outcome.overdue > 0);
    assert!(outcome.last_old().unwrap() > outcome.horizon);
}

#[test]
fn the_same_seed_gives_the_same_outcome_and_another_another() {
    let outcome = |seed| run("lower = \"ladder\"", &Population::of_the_internet(500, seed));
    assert_eq!(outcome(1), outcome(1));
    assert_ne!(outcome(1).buckets, outcome(2).buckets);
}

/// What `plan show` predicts is reckoned from the schedule's states, without an answer: two tellers of one thing.
#[test]
fn what_is_predicted_of_demand_is_what_caches_do() {
    for ways in ["lower = \"ladder\"", "lower = \"countdown\"", "lower = \"once\"\nlow_ttl = 600"] {
        let schedule = schedule(ways);
        let predicted = crate::timeline::demand::predict(&schedule).unwrap();
        let outcome = simulate(&schedule, &Population::conforming(crate::timeline::demand::POPULATION, 1)).unwrap();
        let asked = outcome.queries_per_cache().unwrap();
        let ratio = predicted.queries_per_resolver / asked;
        assert!((0.95..1.05).contains(&ratio), "{ways}: {predicted:?}, {asked}");
        // It follows a tenth of them, so that its worst second is a rough one.
        let ratio = f64::from(predicted.peak_per_second) / f64::from(outcome.peak.queries);
        assert!((0.33..3.0).contains(&ratio), "{ways}: {predicted:?}, {:?}", outcome.peak);
    }
}

#[test]
fn more_caches_are_asked_for_no_more_by_each() {
    let asked = |caches| run("lower = \"ladder\"", &Population::conforming(caches, 1)).queries_per_cache().unwrap();
    assert!((asked(300) - asked(3000)).abs() < 0.3);
}

#[test]
fn a_new_name_is_held_to_be_missing_for_the_negative_ttl() {
    let zone = zone(ZONE);
    let plan = "version = 1\nat = \"2026-12-01T03:00[Asia/Tokyo]\"\nttl_after = \"1h\"\n[[flip]]\nname = \"new\"\n\
                type = \"A\"\nfrom = []\nto = [\"192.0.2.20\"]\n";
    let loaded = load(&zone, &"example.com.plan.toml".into(), plan.as_bytes(), &Run::proposed(Instant::MIN));
    let outcome = simulate(&loaded.schedule.unwrap(), &Population::conforming(1000, 1)).unwrap();
    assert_eq!(outcome.horizon, Instant::from_unix_seconds(T + 300));
    assert_eq!(outcome.overdue, 0);
    assert!(outcome.horizon.since(outcome.last_old().unwrap()) < Duration::from_secs(10));
}

/// A hand-over of authority whose parent keeps NS records for two days and whose servers keep them for one.
fn hand_over(more: &str) -> Outcome {
    let zone = zone(ZONE);
    let plan = format!(
        "version = 1\nat = \"2026-12-01T03:00[Asia/Tokyo]\"\n[authority]\nfrom = [\"ns1\"]\n\
         to = [\"ns1.new.example.\"]\nparent_ttl = \"2d\"\nds = \"absent\"\n{more}"
    );
    let loaded = load(&zone, &"example.com.plan.toml".into(), plan.as_bytes(), &Run::proposed(Instant::MIN));
    let schedule = loaded.schedule.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    simulate(&schedule, &Population::of_the_internet(2000, 1)).unwrap()
}

#[test]
fn resolvers_follow_a_hand_over_by_what_each_class_was_promised() {
    let outcome = hand_over("here = \"nothing\"");
    let hand_over = outcome.hand_over.as_ref().unwrap();
    assert_eq!((outcome.caches, hand_over.overdue), (0, 0));
    for class in &hand_over.classes {
        let last = class.last_asked.unwrap();
        match class.promised {
            Some(promised) => {
                assert!(last < promised, "{}", class.class);
                let early = promised.since(last);
                // Few learn the zone's records at the very end of the parent's.
                assert!(early < DAY * 3 / 2, "{}: {early:?}", class.class);
            }
            // Until the last that is looked at.
            None => assert!(outcome.axis.end.since(last) < DAY, "{}", class.class),
        }
    }
    assert!((outcome.asking_old_at(Instant::from_unix_seconds(T - 1)) - 1.0).abs() < 1e-9);
    // Who is sticky stays.
    let rest = hand_over.asking_old.last().unwrap();
    assert!((0.03..0.07).contains(rest), "{rest}");
}

#[test]
fn old_servers_that_follow_let_nobody_stay() {
    let outcome = hand_over("old_follows = true");
    let hand_over = outcome.hand_over.as_ref().unwrap();
    assert_eq!((outcome.overdue, hand_over.overdue), (0, 0));
    assert!(hand_over.classes.iter().all(|class| class.promised.is_some()));
    assert_eq!(hand_over.asking_old.last(), Some(&0.0));
}

#[test]
fn without_a_flip_there_is_nothing_to_simulate() {
    let zone = zone(&ZONE.replace("192.0.2.10", "192.0.2.20"));
    let schedule = armed(&zone, "", &Run::proposed(Instant::MIN));
    assert_eq!(simulate(&schedule, &Population::conforming(10, 1)), None);
}

#[test]
fn every_way_is_compared_once_and_a_countdown_only_where_it_can_be() {
    let zone = zone(ZONE);
    let compared = |ways: &str| {
        let plan = plan::parse(zone.apex(), &"example.com.plan.toml".into(), text(ways).as_bytes()).0.unwrap();
        let all = super::ways(armed(&zone, ways, &Run::proposed(Instant::MIN)), &plan, &zone);
        all.iter().map(|way| (way.lowering, way.low_ttl.0, way.spread.0)).collect::<Vec<_>>()
    };
    let (ladder, countdown, once) = (Lowering::Ladder, Lowering::Countdown, Lowering::Once);
    let all = [(ladder, 60, 0), (countdown, 60, 30), (countdown, 60, 0), (once, 300, 0), (once, 60, 0)];
    assert_eq!(compared("lower = \"ladder\""), all);
    let own = compared("lower = \"countdown\"\nspread = 600\nlow_ttl = 300");
    assert_eq!(own[0], (countdown, 300, 600));
    assert_eq!(own.len(), 5, "once to 300 s is there once: {own:?}");
    let beside = compared("[secondaries]\nservers = [\"192.0.2.53\"]\nwithin = \"10m\"");
    assert_eq!(beside, [(ladder, 60, 0), (once, 300, 0), (once, 60, 0)]);
}

#[test]
fn answers_that_may_not_be_kept_are_bounded() {
    let zone = zone(&ZONE.replace("$TTL 86400", "$TTL 0"));
    let schedule = armed(&zone, "", &Run::proposed(Instant::MIN));
    let outcome = simulate(&schedule, &Population::conforming(50, 1)).unwrap();
    assert!(outcome.answers <= 50 * 2000, "{}", outcome.answers);
    assert_eq!(outcome.overdue, 0);
}

#[test]
fn a_picture_is_well_formed_whatever_the_names() {
    let schedule = schedule("lower = \"ladder\"");
    let outcome = simulate(&schedule, &Population::of_the_internet(200, 1)).unwrap();
    let drawn = svg(&[&outcome, &outcome], &schedule);
    assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
    assert!(!drawn.contains("NaN") && !drawn.contains("inf"));
    let opened = drawn.matches("<text").count();
    assert_eq!(opened, drawn.matches("</text>").count());
    for width in [0, 80, 400] {
        let text = picture(&outcome, &schedule, width, false);
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= width.clamp(80, 160), "{longest}\n{text}");
        assert!(!text.contains('\x1b'));
    }
}
