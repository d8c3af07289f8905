//! Notices on a clock that tests move.
#![allow(clippy::unwrap_used)]

use super::*;

struct World {
    notifier: Notifier,
    start: Instant,
    now: Duration,
    reports: Vec<String>,
}

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

fn target(last: u8) -> Arc<Target> {
    Arc::new(Target { address: ([192, 0, 2, last], 53).into(), key: None, source: None })
}

fn told(lasts: &[u8], rate: usize) -> Told {
    let secondary = |&last: &u8| Secondary { target: target(last), zones: Patterns::every() };
    Told { secondaries: lasts.iter().map(secondary).collect(), rate }
}

impl World {
    fn telling(told: Told) -> World {
        let mut notifier = Notifier::default();
        notifier.tell(told, [].into_iter(), Instant::now());
        World { notifier, start: Instant::now(), now: Duration::ZERO, reports: Vec::new() }
    }

    fn now(&self) -> Instant {
        self.start + self.now
    }

    fn changed(&mut self, apex: &str, serial: u32) {
        let now = self.now();
        self.notifier.changed(&name(apex), Serial(serial), &[], now);
    }

    fn due(&mut self) -> Vec<Notice> {
        let now = self.now();
        self.notifier.due(now)
    }

    fn heard(&mut self, notice: &Notice, heard: Heard) {
        let now = self.now();
        self.reports.extend(self.notifier.heard(notice, heard, now).map(|report| report.text));
    }

    /// Goes on to when something is to be sent.
    fn go_on(&mut self) -> Option<Duration> {
        let next = self.notifier.next()?.saturating_duration_since(self.start);
        let waited = next.saturating_sub(self.now);
        self.now = self.now.max(next);
        Some(waited)
    }

    fn state(&self, apex: &str) -> State {
        self.notifier.standing(&name(apex)).pop().unwrap().1
    }
}

fn nothing() -> Heard {
    Heard::Nothing("no answer came".to_owned())
}

#[test]
fn a_change_is_told_at_once_and_those_that_follow_it_as_one() {
    let mut world = World::telling(told(&[1], RATE_DEFAULT));
    world.changed("example", 7);
    let [first] = &world.due()[..] else { panic!() };
    assert_eq!((&first.apex, first.serial), (&name("example"), Serial(7)));
    world.changed("example", 8);
    world.changed("example", 9);
    assert_eq!(world.notifier.next(), None, "one is under way");
    world.heard(first, Heard::Answer(Rcode::NOERROR));
    assert_eq!(world.state("example"), State::Waiting(Serial(9)));
    assert_eq!(world.due(), []);
    assert_eq!(world.go_on(), Some(GAP));
    let [second] = &world.due()[..] else { panic!() };
    assert_eq!(second.serial, Serial(9));
    world.heard(second, Heard::Answer(Rcode::NOERROR));
    assert_eq!(world.state("example"), State::Acknowledged(Serial(9)));
    world.changed("example", 9);
    assert_eq!(world.notifier.next(), None, "what is served as before is told to nobody");
    assert_eq!((world.notifier.tally().sent, world.notifier.waiting()), (2, 0));
}

#[test]
fn rfc1996_3_6_who_is_silent_is_told_again_after_longer_and_longer_pauses_and_of_all_when_it_comes() {
    let mut world = World::telling(told(&[1], RATE_DEFAULT));
    for zone in 0..100 {
        world.changed(&format!("zone{zone}.example"), 1);
    }
    let mut pauses = Vec::new();
    for _ in 0..14 {
        let mut sent = world.due();
        world.now += Duration::from_millis(1);
        while pauses.is_empty() && sent.len() < UNDER_WAY_MAX {
            world.go_on();
            sent.extend(world.due());
        }
        let most = if pauses.is_empty() { UNDER_WAY_MAX } else { 1 };
        assert_eq!(sent.len(), most);
        sent.iter().for_each(|notice| world.heard(notice, nothing()));
        pauses.push(world.go_on().unwrap().as_secs());
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]);
    let [trial] = &world.due()[..] else { panic!() };
    world.heard(trial, Heard::Answer(Rcode::NOERROR));
    let back = world.now;
    let mut told = 1;
    while world.go_on().is_some() {
        for notice in world.due() {
            world.heard(&notice, Heard::Answer(Rcode::NOERROR));
            told += 1;
        }
    }
    assert_eq!(told, 100);
    assert!(world.now - back < Duration::from_secs(1), "{:?}", world.now - back);
    assert_eq!(
        world.reports,
        [
            "192.0.2.1 does not answer NOTIFY: no answer came; it is tried again from time to time",
            "192.0.2.1 answers NOTIFY again"
        ]
    );
}

#[test]
fn a_zone_that_is_not_answered_for_keeps_its_pauses_while_others_are() {
    let mut world = World::telling(told(&[1], RATE_DEFAULT));
    world.changed("dropped.example", 1);
    let mut tries = 0;
    for serial in 1..=100 {
        world.changed("other.example", serial);
        world.now += Duration::from_secs(1);
        while world.notifier.next().is_some_and(|next| next <= world.now()) {
            for notice in world.due() {
                let is_dropped = notice.apex == name("dropped.example");
                tries += u32::from(is_dropped);
                world.heard(&notice, if is_dropped { nothing() } else { Heard::Answer(Rcode::NOERROR) });
            }
        }
    }
    assert!((6..=8).contains(&tries), "after 0, 1, 3, 7, 15, 31 and 63 s: {tries}");
    assert!(matches!(world.state("dropped.example"), State::Failed(..)));
    assert_eq!(world.reports, [""; 0], "it is not silent");
}

#[test]
fn who_refuses_is_not_told_again_before_the_next_change_and_it_is_said_once() {
    let mut world = World::telling(told(&[1], RATE_DEFAULT));
    world.changed("a.example", 1);
    world.changed("b.example", 1);
    for notice in world.due() {
        world.heard(&notice, Heard::Answer(Rcode::NOTAUTH));
    }
    assert_eq!(world.notifier.next(), None);
    assert_eq!(world.state("a.example"), State::Refused(Serial(1), Rcode::NOTAUTH));
    assert_eq!(world.reports.len(), 1, "{:?}", world.reports);
    assert!(world.reports[0].contains("192.0.2.1 does not take NOTIFY of a.example: NOTAUTH"), "{:?}", world.reports);
    world.changed("a.example", 2);
    world.go_on();
    let [notice] = &world.due()[..] else { panic!() };
    world.heard(notice, Heard::Answer(Rcode::SERVFAIL));
    assert_eq!(world.go_on(), Some(PAUSE_MIN), "that may pass");
    let [notice] = &world.due()[..] else { panic!() };
    world.heard(notice, Heard::Unsure("BADTIME".to_owned()));
    assert_eq!(world.go_on(), Some(2 * PAUSE_MIN), "and so may that");
    let (_, count, failures) = world.notifier.overview().pop().unwrap();
    assert_eq!((count.refused, count.failed, failures), (1, 1, 0));
}

#[test]
fn so_many_go_out_in_a_second_by_turns_and_one_that_is_silent_keeps_nobody_waiting() {
    const ZONES: usize = 10_000;
    let mut world = World::telling(told(&[1, 2], 500));
    for zone in 0..ZONES {
        world.changed(&format!("zone{zone}.example"), 1);
    }
    let mut acknowledged = 0;
    let mut under_way = Vec::new();
    while acknowledged < ZONES {
        let waited = world.go_on().unwrap();
        assert!(waited <= Duration::from_secs(1));
        for notice in world.due() {
            if *notice.target == *target(2) {
                acknowledged += 1;
                world.heard(&notice, Heard::Answer(Rcode::NOERROR));
            } else {
                under_way.push(notice);
                assert!(under_way.len() <= UNDER_WAY_MAX);
            }
        }
    }
    let seconds = world.now.as_secs_f64();
    assert!((seconds - (ZONES + UNDER_WAY_MAX) as f64 / 500.0).abs() < 0.1, "{seconds}");
    assert_eq!(world.notifier.tally().sent as usize, ZONES + UNDER_WAY_MAX);
    let mut slow = World::telling(told(&[1], 2));
    ["a", "b", "c"].iter().for_each(|zone| slow.changed(zone, 1));
    while slow.go_on().is_some() {
        slow.due();
    }
    assert_eq!(slow.now, Duration::from_secs(1), "two a second, the third after one");
}

#[test]
fn who_is_named_by_a_plan_alone_is_told_as_its_address_is_known() {
    let mut world = World::telling(Told::default());
    let keyed = Target { key: Some(name("key.example")), ..(*target(1)).clone() };
    let secondary = Secondary { target: Arc::new(keyed.clone()), zones: Patterns::default() };
    let now = world.now();
    world.notifier.tell(Told { secondaries: [secondary].into(), ..Told::default() }, [].into_iter(), now);
    world.changed("example", 1);
    assert_eq!(world.due(), [], "of no zone");
    let besides = [keyed.address, target(2).address];
    world.notifier.changed(&name("example"), Serial(1), &besides, now);
    let targets: Vec<_> = world.due().into_iter().map(|notice| notice.target).collect();
    assert_eq!(targets, [Arc::new(keyed), target(2)]);
    // Its plan is over.
    world.notifier.changed(&name("example"), Serial(2), &[], now);
    assert_eq!(world.notifier.standing(&name("example")), []);
}

#[test]
fn a_new_secondary_is_told_of_all_zones_and_one_that_went_of_none() {
    let mut world = World::telling(told(&[1], RATE_DEFAULT));
    world.changed("example", 1);
    let sent = world.due();
    world.heard(&sent[0], Heard::Answer(Rcode::NOERROR));
    let (now, apex) = (world.now(), name("example"));
    world.notifier.tell(told(&[1, 2], 500), [(&apex, Serial(1), &[][..])].into_iter(), now);
    world.go_on();
    let due = world.due();
    assert_eq!(due.iter().map(|notice| notice.target.clone()).collect::<Vec<_>>(), [target(2)]);
    world.notifier.tell(told(&[1], 500), [(&apex, Serial(1), &[][..])].into_iter(), now);
    world.heard(&due[0], nothing());
    assert_eq!(world.notifier.overview().len(), 1);
    assert_eq!(world.state("example"), State::Acknowledged(Serial(1)));
    world.notifier.forget(&apex);
    assert_eq!((world.notifier.standing(&apex), world.notifier.next()), (vec![], None));
}
