//! The schedule on a clock of its own.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::control::config::secondary::parse;
use crate::zone::text;

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

fn copy(serial: u32) -> Copy {
    let file = format!("$TTL 60\n@ SOA ns h {serial} 1000 100 10000 60\n@ NS ns\nns A 192.0.2.1\n");
    let loaded = text::load(name("a.example").as_ref(), &"a".into(), file.as_bytes(), &text::NoInclude);
    Copy::whole(loaded.zone.unwrap()).unwrap()
}

fn from() -> Secondary {
    parse(&"a".into(), b"primaries = [\"192.0.2.1\", \"192.0.2.2:5353\"]").0.unwrap()
}

fn at(seconds: i64) -> Instant {
    Instant::from_unix_seconds(1_800_000_000 + seconds)
}

fn primary() -> SocketAddr {
    "192.0.2.2:5353".parse().unwrap()
}

/// The fetches that are due, and what has expired.
fn due(secondaries: &mut Secondaries, now: Instant) -> (Vec<Fetch>, usize) {
    let (mut fetches, mut expired) = (Vec::new(), 0);
    for due in secondaries.due(now) {
        match due {
            Due::Fetch(fetch) => fetches.push(fetch),
            Due::Expired(..) => expired += 1,
        }
    }
    (fetches, expired)
}

fn ends(secondaries: &mut Secondaries, fetch: Fetch, came: Result<Option<Copy>, &str>, now: Instant) -> Came {
    let success = |copy: Option<Copy>| Success {
        from: primary(),
        at: now,
        copy: copy.map(Arc::new),
        since: None,
        is_whole: false,
        how: String::new(),
        before: None,
    };
    let result = came.map(success).map_err(str::to_owned);
    secondaries.fetched(Fetched { apex: fetch.apex, number: fetch.number, result, remarks: Vec::new() }, now)
}

/// A zone that came at second 0 with serial 7.
fn served() -> Secondaries {
    let mut secondaries = Secondaries::default();
    assert!(secondaries.set(&name("a.example"), from(), None, at(0)).is_none());
    let (mut fetches, _) = due(&mut secondaries, at(0));
    assert!(matches!(ends(&mut secondaries, fetches.remove(0), Ok(Some(copy(7))), at(0)), Came::Serve(_)));
    secondaries
}

#[test]
fn it_is_asked_for_as_its_soa_record_says() {
    let mut secondaries = served();
    let refresh = secondaries.next().unwrap();
    assert!((at(900)..=at(1000)).contains(&refresh), "{refresh:?}");
    assert!(due(&mut secondaries, at(899)).0.is_empty());
    let (mut fetches, _) = due(&mut secondaries, refresh);
    assert_eq!((fetches.len(), fetches[0].is_notified, fetches[0].first), (1, false, 1));
    let failed_at = refresh.after(Duration::from_secs(6));
    assert!(matches!(ends(&mut secondaries, fetches.remove(0), Err("no"), failed_at), Came::Nothing));
    let retry = secondaries.next().unwrap().since(failed_at);
    assert!((90..=100).contains(&retry.as_secs()), "{retry:?}");
    assert_eq!(secondaries.get(&name("a.example")).unwrap().error.as_deref(), Some("no"));
}

/// After how many seconds it is asked for again, time after time, where each try `takes` so long and fails.
fn pauses(secondaries: &mut Secondaries, takes: Duration) -> Vec<f64> {
    let pause = |_| {
        let now = secondaries.next().unwrap();
        let (mut fetches, _) = due(secondaries, now);
        let ended = now.after(takes);
        ends(secondaries, fetches.remove(0), Err("no"), ended);
        secondaries.next().unwrap().since(ended).as_secs_f64()
    };
    (0..10).map(pause).collect()
}

#[test]
fn a_primary_that_is_restarted_is_followed_as_soon_as_it_is_there() {
    let doubles = |pauses: &[f64]| {
        let most = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 100.0, 100.0, 100.0];
        pauses.iter().zip(most).all(|(pause, most)| (most * 0.89..=most).contains(pause))
    };
    // Nobody listens, and that is known at once.
    let mut secondaries = served();
    let quick = pauses(&mut secondaries, Duration::from_millis(3));
    assert!(doubles(&quick), "{quick:?}");
    // It says nothing: RETRY, as the zone has it.
    let mut secondaries = served();
    let silent = pauses(&mut secondaries, Duration::from_secs(6));
    assert!(silent.iter().all(|pause| (89.0..=100.0).contains(pause)), "{silent:?}");
    // It is there again and says so, though it has nothing newer.
    let apex = name("a.example");
    let now = secondaries.next().unwrap().after(Duration::from_secs(1)).min(at(9_000));
    secondaries.notified(&apex, Some(7), primary(), now);
    assert!(secondaries.next().unwrap() <= now);
    let (mut fetches, _) = due(&mut secondaries, now);
    ends(&mut secondaries, fetches.remove(0), Ok(None), now);
    // It has something newer, and can't give it yet, however long it takes to say so.
    let now = now.after(Duration::from_secs(1));
    secondaries.notified(&apex, Some(8), primary(), now);
    let busy = pauses(&mut secondaries, Duration::from_secs(6));
    assert!(doubles(&busy), "{busy:?}");
    let now = secondaries.next().unwrap();
    let (mut fetches, _) = due(&mut secondaries, now);
    assert!(matches!(ends(&mut secondaries, fetches.remove(0), Ok(Some(copy(8))), now), Came::Serve(_)));
    assert!((900..=1000).contains(&secondaries.next().unwrap().since(now).as_secs()));
}

#[test]
fn it_expires_and_comes_back_with_the_first_word_of_a_primary() {
    let mut secondaries = served();
    let mut expired_at = None;
    for second in 0..10_100 {
        let (fetches, expired) = due(&mut secondaries, at(second));
        for fetch in fetches {
            ends(&mut secondaries, fetch, Err("no"), at(second).after(Duration::from_secs(6)));
        }
        if expired > 0 {
            assert_eq!(expired_at.replace(second), None);
        }
    }
    assert_eq!(expired_at, Some(10_000));
    let (fetches, _) = due(&mut secondaries, at(10_300));
    for fetch in fetches {
        // The primary has what we had: that is served again.
        assert!(matches!(ends(&mut secondaries, fetch, Ok(None), at(10_300)), Came::Serve(_)));
    }
    let known = secondaries.get(&name("a.example")).unwrap();
    assert_eq!((known.is_expired, known.expires_at()), (false, at(20_300)));
}

#[test]
fn who_asks_is_told_of_a_fetch_that_began_after_that() {
    let (mut secondaries, zone) = (served(), name("a.example"));
    let ended = |secondaries: &Secondaries| secondaries.get(&zone).unwrap().ended;
    let wanted = secondaries.ask(&zone, at(10)).unwrap();
    let fetch = due(&mut secondaries, at(10)).0.remove(0);
    // One that is under way when somebody else asks does not count for him.
    let later = secondaries.ask(&zone, at(11)).unwrap();
    ends(&mut secondaries, fetch, Ok(None), at(12));
    assert!(ended(&secondaries) == wanted && wanted < later);
    let fetch = due(&mut secondaries, at(12)).0.remove(0);
    ends(&mut secondaries, fetch, Err("no"), at(18));
    assert_eq!(ended(&secondaries), later);
    assert!(due(&mut secondaries, at(20)).0.is_empty(), "and then as its SOA record says");
}

#[test]
fn nobody_asks_for_what_is_held_nor_does_it_expire() {
    let (mut secondaries, zone) = (served(), name("a.example"));
    secondaries.hold(&zone);
    secondaries.notified(&zone, Some(8), primary(), at(5));
    assert_eq!((due(&mut secondaries, at(20_000)).0.len(), secondaries.next()), (0, None));
    assert!(!secondaries.get(&zone).unwrap().is_expired);
    secondaries.let_go(&zone);
    let (fetches, expired) = due(&mut secondaries, at(20_000));
    assert_eq!((fetches.len(), expired), (1, 1));
}

#[test]
fn what_did_not_come_is_tried_again_when_everything_is_looked_at() {
    let mut secondaries = served();
    secondaries.try_again(at(10));
    assert!(due(&mut secondaries, at(10)).0.is_empty(), "nothing failed");
    let refresh = secondaries.next().unwrap();
    let fetch = due(&mut secondaries, refresh).0.remove(0);
    ends(&mut secondaries, fetch, Err("no"), refresh);
    secondaries.try_again(refresh.after(Duration::from_secs(1)));
    assert_eq!(due(&mut secondaries, refresh.after(Duration::from_secs(1))).0.len(), 1);
}

#[test]
fn a_restart_changes_nothing_about_when_it_expires() {
    let kept = |refreshed_at| Kept { copy: copy(7), refreshed_at, source: primary().to_string() };
    let mut secondaries = Secondaries::default();
    assert!(secondaries.set(&name("a.example"), from(), Some(kept(at(-9_990))), at(0)).is_some());
    assert_eq!(secondaries.get(&name("a.example")).unwrap().expires_at(), at(10));
    let (fetches, expired) = due(&mut secondaries, at(10));
    assert_eq!((fetches.len(), expired), (1, 1));
    assert!(fetches[0].copy.is_some());
    let mut secondaries = Secondaries::default();
    assert!(secondaries.set(&name("a.example"), from(), Some(kept(at(-10_001))), at(0)).is_none());
    assert!(secondaries.get(&name("a.example")).unwrap().is_expired);
    // A clock that was set back lets it live no longer than its EXPIRE.
    let mut secondaries = Secondaries::default();
    assert!(secondaries.set(&name("a.example"), from(), Some(kept(at(5_000))), at(0)).is_some());
    assert_eq!(secondaries.get(&name("a.example")).unwrap().expires_at(), at(10_000));
}

#[test]
fn a_flood_of_notices_makes_few_fetches() {
    let mut secondaries = served();
    let apex = name("a.example");
    secondaries.notified(&apex, Some(7), primary(), at(5));
    secondaries.notified(&apex, Some(6), primary(), at(5));
    assert!(due(&mut secondaries, at(5)).0.is_empty(), "we have that");
    let mut fetched = 0;
    let mut under_way = Vec::new();
    // Ten seconds, a hundred notices in each; a fetch takes 50 ms.
    for step in 0..1000 {
        let now = at(10).after(Duration::from_millis(step * 10));
        secondaries.notified(&apex, None, primary(), now);
        under_way.retain(|(done, _): &(Instant, Fetch)| {
            let is_done = *done <= now;
            !is_done || {
                fetched += 1;
                false
            }
        });
        if under_way.is_empty() {
            for fetch in due(&mut secondaries, now).0 {
                assert!(fetch.is_notified);
                let number = fetch.number;
                under_way.push((now.after(Duration::from_millis(50)), fetch));
                let result = Ok(Success {
                    from: primary(),
                    at: now,
                    copy: None,
                    since: None,
                    is_whole: false,
                    how: String::new(),
                    before: None,
                });
                secondaries.fetched(Fetched { apex: apex.clone(), number, result, remarks: Vec::new() }, now);
            }
        }
    }
    assert!((40..=60).contains(&fetched), "{fetched}");
}

#[test]
fn no_more_are_asked_for_at_one_time_than_may_be() {
    let mut secondaries = Secondaries::default();
    for number in 0..1000 {
        secondaries.set(&name(&format!("z{number}.example")), from(), None, at(0));
    }
    let (mut fetches, _) = due(&mut secondaries, at(0));
    assert_eq!(fetches.len(), FETCHES_MAX);
    // Nothing can be done until one has ended: there is nothing to wake up for.
    assert_eq!(secondaries.next(), None);
    let mut all = 0;
    while let Some(fetch) = fetches.pop() {
        all += 1;
        ends(&mut secondaries, fetch, Ok(Some(copy(1))), at(1));
        fetches.extend(due(&mut secondaries, at(1)).0);
        assert!(fetches.len() <= FETCHES_MAX);
    }
    assert_eq!(all, 1000);
    // What was taken away while it was asked for is not missed.
    secondaries.set(&name("last.example"), from(), None, at(2));
    let (mut fetches, _) = due(&mut secondaries, at(2));
    assert!(secondaries.remove(&name("last.example")));
    assert!(matches!(ends(&mut secondaries, fetches.remove(0), Ok(Some(copy(1))), at(3)), Came::Nothing));
}

#[test]
fn what_never_came_is_asked_for_less_and_less_often() {
    let mut secondaries = Secondaries::default();
    secondaries.set(&name("a.example"), from(), None, at(0));
    let mut times = Vec::new();
    for second in 0..3000 {
        for fetch in due(&mut secondaries, at(second)).0 {
            times.push(second);
            ends(&mut secondaries, fetch, Err("no"), at(second));
        }
    }
    assert!(times.starts_with(&[0, 1, 3]) && (12..=20).contains(&times.len()), "{times:?}");
}
