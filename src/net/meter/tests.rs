//! What workers note, and what the meter says of it.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;

use super::*;
use crate::answer::noted::{Handed, What};

const APEX: NameHash = NameHash(7);
const T: Instant = Instant::from_unix_seconds(1_800_000_000);

fn seconds(from_t: i64) -> Instant {
    Instant::from_unix_seconds(T.unix_seconds() + from_t)
}

fn network(number: u8) -> IpAddr {
    IpAddr::from([10, 0, number, 53])
}

const MISSING: What = What::Missing(NameHash(9), 1);

fn hand(tally: &mut Tally, at: i64, from: u8, what: What) {
    tally.meter(seconds(at), network(from), &Handed { apex: APEX, what }, |_| b"\x03www");
}

#[test]
fn two_workers_are_one_reading() {
    let meter = Arc::<Meter>::default();
    let mut workers = [meter.tally(), meter.tally()];
    for from in 0..20 {
        hand(&mut workers[usize::from(from) % 2], -100 + i64::from(from), from, What::Old(60));
    }
    for from in 15..25 {
        hand(&mut workers[0], 5, from, What::New(60));
    }
    let reading = meter.reading(APEX).unwrap();
    assert_eq!((reading.old.answers, reading.new.answers), (20, 10));
    assert_eq!(reading.old.last, Some((seconds(-81), 60)));
    assert_eq!(reading.old.kept_until, Some(seconds(-21)));
    // The key is drawn: now and then two networks, or four, fall together.
    assert!((16..=22).contains(&reading.old.networks) && (7..=12).contains(&reading.new.networks), "{reading:?}");
    assert!((2..=8).contains(&reading.followed), "{reading:?}");
    assert!(meter.reading(NameHash(8)).is_none());
}

/// As TTLs go down an answer that was given earlier may be kept for longer.
#[test]
fn the_observed_horizon_is_that_of_the_answer_that_is_kept_longest() {
    let meter = Arc::<Meter>::default();
    let mut worker = meter.tally();
    hand(&mut worker, -100, 1, What::Old(200));
    hand(&mut worker, -50, 1, What::Old(60));
    let old = meter.reading(APEX).unwrap().old;
    assert_eq!((old.last, old.kept_until), (Some((seconds(-50), 60)), Some(seconds(100))));
}

#[test]
fn another_run_is_counted_anew() {
    let meter = Arc::<Meter>::default();
    let mut worker = meter.tally();
    hand(&mut worker, -100, 1, What::Old(200));
    meter.forget_before(APEX, seconds(-100));
    assert!(meter.reading(APEX).is_some());
    meter.forget_before(APEX, seconds(-50));
    assert!(meter.reading(APEX).is_none() && meter.is_empty());
    hand(&mut worker, -40, 2, What::New(60));
    let reading = meter.reading(APEX).unwrap();
    assert_eq!((reading.old.answers, reading.new.answers), (0, 1));
}

#[test]
fn zones_beyond_the_bound_are_not_counted_until_there_is_room() {
    let meter = Arc::<Meter>::default();
    let mut worker = meter.tally();
    let hand = |worker: &mut Tally, zone: u64, at: i64| {
        let handed = Handed { apex: NameHash(zone), what: What::Old(60) };
        worker.meter(seconds(at), network(1), &handed, |_| b"");
    };
    (0..5000).for_each(|zone| hand(&mut worker, zone, 0));
    assert!(meter.reading(NameHash(4095)).is_some() && meter.reading(NameHash(4096)).is_none());
    meter.forget_before(NameHash(17), Instant::MAX);
    // Room is not looked for with each answer.
    hand(&mut worker, 4999, 0);
    assert!(meter.reading(NameHash(4999)).is_none());
    hand(&mut worker, 4999, 1);
    assert!(meter.reading(NameHash(4999)).is_some() && meter.reading(NameHash(17)).is_none());
}

#[test]
fn what_is_missing_is_said_with_its_labels() {
    let meter = Arc::<Meter>::default();
    let mut worker = meter.tally();
    for from in 0..5 {
        hand(&mut worker, 0, from, MISSING);
    }
    let missing = meter.reading(APEX).unwrap().missing;
    assert_eq!(missing.len(), 1);
    assert_eq!((&*missing[0].labels, missing[0].count), (&b"\x03www"[..], 5));
    assert!((3..=5).contains(&missing[0].networks));
}

/// What comes in rows is counted at once.
#[test]
fn repeats_of_what_was_metered_last_are_counted() {
    let meter = Arc::<Meter>::default();
    let mut worker = meter.tally();
    worker.repeat(9);
    for (what, times) in [(What::Old(60), 5), (MISSING, 40), (What::New(60), 2)] {
        hand(&mut worker, 1, 1, what);
        worker.repeat(times - 1);
    }
    let reading = meter.reading(APEX).unwrap();
    assert_eq!((reading.old.answers, reading.new.answers), (5, 2));
    assert_eq!(reading.missing.iter().map(|asked| asked.count).collect::<Vec<_>>(), [40]);
    // A name that is not kept is not taken for the one before.
    hand(&mut worker, 1, 1, MISSING);
    worker.meter(seconds(1), network(1), &Handed { apex: APEX, what: What::Missing(NameHash(8), 9) }, |_| b"");
    worker.repeat(5);
    assert_eq!(meter.reading(APEX).unwrap().missing[0].count, 41);
    // Nor is another run.
    meter.forget_before(APEX, Instant::MAX);
    worker.repeat(5);
    assert!(meter.reading(APEX).is_none());
}

/// However often and how soon.
#[test]
fn what_repeats_is_counted_each_time() {
    let meter = Arc::<Meter>::default();
    let mut worker = meter.tally();
    for at in 0..3 {
        for (what, times) in [(What::Old(60), 5), (MISSING, 7), (What::New(60), 2)] {
            (0..times).for_each(|_| hand(&mut worker, at, 1, what));
        }
    }
    let reading = meter.reading(APEX).unwrap();
    assert_eq!((reading.old.answers, reading.new.answers), (15, 6));
    assert_eq!(reading.missing.iter().map(|asked| asked.count).collect::<Vec<_>>(), [21]);
    // Of another run nothing is counted into this one.
    meter.forget_before(APEX, Instant::MAX);
    (0..3).for_each(|_| hand(&mut worker, 2, 1, What::New(60)));
    assert_eq!(meter.reading(APEX).unwrap().new.answers, 3);
}

#[test]
fn what_a_worker_counted_stays_when_it_is_gone() {
    let meter = Arc::<Meter>::default();
    let worker = meter.tally();
    let kind = crate::answer::Answerer::new(crate::answer::Identity::default()).noted().kind;
    worker.count(crate::answer::Transport::Udp, kind);
    let count = |meter: &Meter| meter.totals().kinds().map(|(_, _, count)| count).sum::<u64>();
    meter.settle();
    assert_eq!((count(&meter), lock(&meter.counters).of_workers.len()), (1, 1));
    drop(worker);
    meter.settle();
    assert_eq!((count(&meter), lock(&meter.counters).of_workers.len()), (1, 0));
}
