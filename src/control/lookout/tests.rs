//! The look-out on a virtual clock, with what it asks for carried out: probes that flap, restarts, and a model cache.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::timeline::conduct::{self, Decision, Past, PlanText, Sources};
use crate::timeline::run::{EndingKind, Entry, Event};
use crate::timeline::{Data, Schedule};
use crate::zone::{Zone, text};

const T: i64 = 1_796_061_600;
const EVERY: i64 = 10;

fn at(seconds: i64) -> Instant {
    Instant::from_unix_seconds(T + seconds)
}

fn zone() -> Zone {
    let text = "@ 600 SOA ns h 7 1 1 1 600\n@ 600 NS ns.other.\nwww 600 A 192.0.2.10\n";
    text::load(apex().as_ref(), &"z".into(), text.as_bytes(), &text::NoInclude).zone.unwrap()
}

fn apex() -> Name {
    Name::from_text("example.com").unwrap()
}

fn plan(rest: &str) -> PlanText {
    let text = format!(
        "version = 1\nat = \"2026-11-30T18:00Z\"\n{rest}[[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.10\"]\n\
         to = [\"192.0.2.20\"]\n[[probe]]\nname = \"web\"\nkind = \"tcp\"\naddress = \"192.0.2.20:80\"\nevery = \"{EVERY}s\"\n"
    );
    PlanText { path: "p".into(), text: text.into_bytes().into() }
}

/// A zone with its plan, armed long before; what looks see is asked of a function of their number.
struct World {
    zone: Zone,
    plan: PlanText,
    lookout: Lookout,
    now: Instant,
    run: Run,
    entries: Vec<Entry>,
    /// What was worked out, and since when it is served.
    schedules: Vec<(Instant, Schedule)>,
    looks: Vec<(Instant, Verdict)>,
    most: usize,
    /// How many looks had come back when gates passed.
    known: Vec<(Before, usize)>,
}

impl World {
    fn of(rest: &str) -> World {
        let (zone, plan, now) = (zone(), plan(rest), at(-5000));
        let none = Run::proposed(now);
        let mut world = World {
            zone,
            plan,
            lookout: Lookout::default(),
            now,
            run: none,
            entries: Vec::new(),
            schedules: Vec::new(),
            looks: Vec::new(),
            most: 0,
            known: Vec::new(),
        };
        world.decide(Decision::Arm, "a person");
        world
    }

    fn decide(&mut self, decision: Decision, by: &str) {
        let run = (!self.run.proposed).then_some(&self.run);
        let text = Some(self.plan.clone());
        let plan = text.clone().map(|text| (text, self.now));
        let sources =
            Sources { zone: &self.zone, content: 0, is_updated: false, plan, run, armed: text, past: Past::default() };
        let decided = conduct::decide(&sources, &decision, by, self.now.after(HEADWAY)).unwrap();
        self.entries.extend(decided.outcome.entries);
        self.run = decided.outcome.run.unwrap();
        self.schedules.push((self.now, decided.outcome.schedule.unwrap()));
        self.keep();
    }

    fn keep(&mut self) {
        let guard = self.schedules.last().and_then(|(_, schedule)| schedule.guard.clone()).map(Arc::from);
        self.lookout.keep(&apex(), guard.as_ref(), &self.run, self.now);
    }

    fn restart(&mut self) {
        self.lookout = Lookout::default();
        self.keep();
    }

    /// Lets time pass until `end`; looks see what `see` says.
    fn pass(&mut self, end: Instant, mut see: impl FnMut(usize) -> Verdict) {
        while let Some(next) = self.lookout.next().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            let mut due = self.lookout.due(self.now);
            self.most = self.most.max(due.iter().filter(|due| matches!(due, Due::Look(_))).count());
            while let Some(one) = due.pop() {
                match one {
                    Due::Look(look) => {
                        let verdict = see(self.looks.len());
                        self.looks.push((self.now, verdict.clone()));
                        due.extend(self.lookout.looked(&look.apex, look.number, verdict, self.now));
                    }
                    Due::Tell { found, .. } => {
                        let guard = self.lookout.guard(&apex()).unwrap().clone();
                        let (entries, run) = conduct::tell(&self.run, &guard, &found, self.now);
                        self.entries.extend(entries);
                        self.run = run;
                        self.keep();
                    }
                    Due::Pass { before, .. } => {
                        self.known.push((before, self.looks.len()));
                        self.decide(Decision::Pass { before }, "its gates");
                    }
                    Due::Hold { why, .. } => self.decide(Decision::Hold { why }, "its gates"),
                    Due::RollBack { by, .. } => self.decide(Decision::RollBack, &by),
                }
            }
        }
        self.now = end;
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.entries.iter().map(|entry| entry.event.kind()).collect()
    }

    fn schedule(&self) -> &Schedule {
        &self.schedules.last().unwrap().1
    }
}

fn fail() -> Verdict {
    Verdict::Fail("refused".to_owned())
}

const GATE: &str = "[[gate]]\nbefore = \"flip\"\nprobe = \"web\"\npass = \"2 of 3\"\ndeadline = \"1h\"\n";

#[test]
fn looks_begin_so_long_before_the_step_as_the_rule_counts() {
    let mut world = World::of(GATE);
    world.pass(at(0), |_| Verdict::Pass);
    assert_eq!(world.looks[0].0, at(-40).before(LEAD));
    assert_eq!(world.kinds(), ["armed", "verdict", "passed"]);
    assert_eq!(world.entries[2].at, at(-2).after(HEADWAY));
    assert_eq!(world.schedule().at, at(0));
    // When the gate has passed, nobody looks any more.
    let looks = world.looks.len();
    world.pass(at(9999), |_| Verdict::Pass);
    assert_eq!((world.looks.len(), world.lookout.next()), (looks, None));
}

#[test]
fn a_gate_that_has_not_passed_by_its_deadline_holds_the_plan() {
    let mut world = World::of(GATE);
    world.pass(at(7000), |_| Verdict::Unknown("no route".to_owned()));
    assert_eq!(world.kinds(), ["armed", "verdict", "held"]);
    assert!(world.run.is_held() && !world.schedule().has_flipped(at(7000)));
    // It is asked anew when it is resumed.
    world.decide(Decision::Resume { at: None }, "a person");
    world.pass(at(7100), |_| Verdict::Pass);
    assert!(world.schedule().has_flipped(at(7100)), "{:?}", world.kinds());
}

#[test]
fn what_was_seen_lately_is_told_beside_what_is_needed() {
    let mut world = World::of(&format!("{GATE}[[watch]]\nprobe = \"web\"\nfail = \"2 of 3\"\n"));
    let shown = |world: &World| {
        let reply = crate::control::socket::Reply::shown(String::new(), serde_json::json!({}));
        told(reply, &world.lookout.sightings(&apex(), world.now), world.now)
    };
    world.pass(at(-100), |_| fail());
    assert_eq!(shown(&world).text, "", "nobody looks yet");
    world.pass(at(-10), |look| if look == 2 { Verdict::Pass } else { fail() });
    let reply = shown(&world);
    let line = "gate   web: 1 of 3 passed, needs 2 of 3 over 40 s; last look 2 s ago: refused";
    assert_eq!(reply.text, format!("\n  looks\n  {line}\n"));
    let looks = &reply.data["looks"];
    assert_eq!((&looks[0]["passed"], &looks[0]["failed"], &looks[0]["of"]), (&1.into(), &2.into(), &3.into()));
    assert_eq!(looks[0]["last"], serde_json::json!({ "verdict": "fail", "why": "refused" }));
    // After the flip it is the watch that counts, and only what it has seen since.
    world.pass(at(1), |_| Verdict::Pass);
    let none = "watch  web: 0 of 0 failed, fails with 2 of 3 over 40 s; no look has come back yet";
    assert_eq!(shown(&world).text, format!("\n  looks\n  {none}\n"));
    world.pass(at(25), |_| Verdict::Unknown("no route".to_owned()));
    let line = "watch  web: 0 of 2 failed, 2 not known, fails with 2 of 3 over 40 s; last look 7 s ago: no route";
    assert_eq!(shown(&world).text, format!("\n  looks\n  {line}\n"));
}

#[test]
fn what_was_asked_for_in_vain_is_asked_for_again() {
    let mut world = World::of(GATE);
    let mut told = 0;
    let mut now = world.now;
    while now < at(-30) {
        now = world.lookout.next().unwrap();
        for due in world.lookout.due(now) {
            if let Due::Look(look) = due {
                let found = world.lookout.looked(&look.apex, look.number, Verdict::Pass, now);
                told += found.iter().filter(|due| matches!(due, Due::Tell { .. })).count();
            } else if let Due::Tell { .. } = due {
                told += 1;
            }
        }
    }
    assert!(told >= 2, "the journal took nothing, and it was told {told} times");
}

#[test]
fn a_look_that_never_comes_back_is_unknown_and_taken_again() {
    let mut world = World::of(GATE);
    let mut numbers = Vec::new();
    let mut now = world.now;
    while now < at(200) {
        now = world.lookout.next().unwrap().max(now);
        for due in world.lookout.due(now) {
            if let Due::Look(look) = due {
                numbers.push(look.number);
            }
        }
    }
    assert!((2..6).contains(&numbers.len()), "{numbers:?}");
    assert!(world.lookout.looked(&apex(), numbers[0], Verdict::Pass, now).is_empty(), "it comes too late");
    assert_eq!(world.lookout.under_way, 1);
}

#[test]
fn no_more_looks_are_under_way_than_may_be() {
    let mut lookout = Lookout::default();
    let world = World::of(GATE);
    let guard: Arc<Guard> = Arc::from(world.schedule().guard.clone().unwrap());
    let names: Vec<Name> = (0..200).map(|n| Name::from_text(&format!("z{n}.example")).unwrap()).collect();
    for name in &names {
        lookout.keep(name, Some(&guard), &world.run, at(-20));
    }
    let mut under_way: Vec<Look> = Vec::new();
    let (mut seen, mut now) = (std::collections::HashSet::new(), at(-20));
    for _ in 0..2000 {
        now = now.after(Duration::from_millis(1));
        let mut due = lookout.due(now);
        if !under_way.is_empty() {
            let look = under_way.remove(0);
            due.extend(lookout.looked(&look.apex, look.number, Verdict::Pass, now));
        }
        for one in due {
            if let Due::Look(look) = one {
                seen.insert(look.apex.clone());
                under_way.push(look);
            }
        }
        assert!(under_way.len() <= LOOKS_MAX);
    }
    assert_eq!(seen.len(), names.len(), "all have their turn");
    names.iter().for_each(|name| lookout.forget(name));
    assert_eq!((lookout.under_way, lookout.next()), (0, None));
}

#[test]
fn a_watch_that_fails_takes_the_plan_back_once() {
    let mut world = World::of("[[watch]]\nprobe = \"web\"\nfail = \"2 of 3\"\nrollback = true\n");
    world.pass(at(9999), |look| if look < 5 { Verdict::Pass } else { fail() });
    assert_eq!(world.kinds(), ["armed", "verdict", "verdict", "rolled-back", "rebased"]);
    assert_eq!(world.entries[3].by, "the watch `web`");
    assert_eq!(world.run.ending.map(|ending| ending.kind), Some(EndingKind::RolledBack));
}

#[test]
fn a_watch_that_may_not_roll_back_only_tells() {
    let mut world = World::of("[[watch]]\nprobe = \"web\"\nfail = \"2 of 3\"\n");
    world.pass(at(9999), |_| fail());
    assert_eq!(world.kinds(), ["armed", "verdict"]);
    assert!(world.schedule().has_flipped(at(9999)));
}

#[test]
fn what_was_seen_before_the_flip_is_no_concern_of_a_watch() {
    let rest = format!("{GATE}[[watch]]\nprobe = \"web\"\nfail = \"1 of 3\"\nrollback = true\n");
    let mut world = World::of(&rest);
    // Fails once, late in the gate's window, and then never again.
    world.pass(at(500), |look| if look == 2 { fail() } else { Verdict::Pass });
    assert!(world.run.ending.is_none(), "{:?}", world.kinds());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// However probes flap, and whenever the server is restarted: no gate, no flip; at most one rollback; a bounded number
    /// of events, of which the run is the fold; and no cache that obeyed TTLs holds old data after the horizon.
    #[test]
    fn no_gate_no_flip_and_no_broken_promise(
        runs in proptest::collection::vec((1usize..40, 0u8..4), 1..30),
        lower in prop_oneof![Just("ladder"), Just("once"), Just("countdown")],
        restarts in proptest::collection::vec(-600i64..4000, 0..4),
        is_held in any::<bool>(),
        (count, of) in prop_oneof![Just((1u16, 1u16)), Just((2, 3)), Just((5, 6)), Just((3, 3))],
    ) {
        let rest = format!(
            "lower = \"{lower}\"\n[[gate]]\nbefore = \"lower\"\nprobe = \"web\"\npass = \"1 of 2\"\ndeadline = \"1d\"\n\
             [[gate]]\nbefore = \"flip\"\nprobe = \"web\"\npass = \"{count} of {of}\"\ndeadline = \"1d\"\n\
             [[watch]]\nprobe = \"web\"\nfail = \"4 of 5\"\nrollback = true\nfor = \"30m\"\n"
        );
        let kinds: Vec<u8> = runs.iter().flat_map(|(length, kind)| std::iter::repeat_n(*kind, *length)).collect();
        let see = |look: usize| match kinds.get(look) {
            Some(0) => fail(),
            Some(1) => Verdict::Unknown("no route".to_owned()),
            _ => Verdict::Pass,
        };
        let mut world = World::of(&rest);
        let mut stops = restarts;
        stops.sort_unstable();
        for stop in stops {
            world.pass(at(stop), see);
            world.restart();
        }
        if is_held && world.run.ending.is_none() && world.now < at(4000) {
            world.decide(Decision::Hold { why: String::new() }, "a person");
            let later = world.now.after(Duration::from_secs(333));
            world.pass(later, see);
            if world.run.ending.is_none() {
                world.decide(Decision::Resume { at: None }, "a person");
            }
        }
        world.pass(at(20_000), see);

        prop_assert_eq!(Run::fold(&world.entries), Some(world.run.clone()));
        let rollbacks = world.entries.iter().filter(|entry| entry.event == Event::RolledBack).count();
        prop_assert!(rollbacks <= 1);
        let verdicts = world.entries.iter().filter(|entry| matches!(entry.event, Event::Verdict { .. })).count();
        prop_assert!(verdicts <= 3 * (usize::from(CHANGES_MAX) + 1));
        prop_assert!(world.most <= 1, "one look at a time");
        // No gate, no flip: counted by hand.
        for (before, looks) in &world.known {
            let (count, of) = if *before == Before::Lower { (1, 2) } else { (count, of) };
            let seen = world.looks[..*looks].iter().rev().take(usize::from(of));
            prop_assert!(seen.filter(|(_, verdict)| verdict.is_pass()).count() >= usize::from(count));
        }
        let passed = world.entries.iter().find(|entry| matches!(entry.event, Event::Passed { before: Before::Flip, .. }));
        let served = |instant: Instant| world.schedules.iter().rev().find(|(from, _)| *from <= instant).map(|(_, schedule)| schedule);
        let mut kept_until = Instant::MIN;
        let course = world.schedule().courses[0].clone();
        for second in -5000..20_000 {
            let instant = at(second);
            let Some(schedule) = served(instant) else { continue };
            let state = schedule.state_at(instant);
            match state.data {
                Data::New => prop_assert!(passed.is_some_and(|entry| entry.at <= instant)),
                Data::Old if world.run.ending.is_none() => {
                    let ttl = schedule.contents(&course, state, instant).unwrap().ttl;
                    kept_until = kept_until.max(instant.after(Duration::from_secs(u64::from(ttl.0))));
                }
                Data::Old => {}
            }
        }
        if let Some(horizon) = world.schedule().horizon().filter(|_| world.run.ending.is_none()) {
            prop_assert!(kept_until <= horizon, "held until {kept_until:?}, promised {horizon:?}");
        }
    }
}
