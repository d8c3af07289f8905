//! The promise of a schedule, held against real caches: the resolvers that Debian packages, in front of our own program,
//! with the real clock and plans of seconds.
//!
//! Each resolver is asked for every name some six times a second, through its whole cutover. An old answer counts
//! against the promise if its question was sent after the horizon. What passes between a resolver and our server is
//! noted on the way, so that what our server said, what the resolver made of it, and what the machine took are told
//! apart.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod cutover;
mod forwarder;
mod resolver;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use client::Answer;
use cutover::{Cutover, Data, LOW_TTL, OLD_TTL, Way};
use forwarder::{Fetch, Forwarder};
use resolver::{Kind, Resolver};
use support::watari::{PATIENCE, Watari};

/// How long after the plans were written the first client begins.
const LEAD: u32 = 2;
/// The flips are staggered over so many seconds.
const STAGGER: usize = 3;
/// How long after the plans were written those flip that come too late.
const LATE: u32 = 4;
/// A second whose share has begun is a second to a resolver that counts by whole ones.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// What became of one cutover in front of one resolver.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    /// When the last question was sent that got old data.
    last_old: Timestamp,
    /// How often the resolver asked from the first lowering until T.
    queries: usize,
}

/// What a second may do to an answer in this resolver: it counts by whole seconds of its clock, and an answer that
/// came within a second is kept through the second that its TTL ends in.
fn rounding(_kind: Kind) -> SignedDuration {
    SignedDuration::ZERO
}

/// Holds what was seen against what was promised.
fn judge(kind: Kind, cutover: &Cutover, fetches: &[Fetch], answers: &[Answer]) -> Result<Outcome, String> {
    let old = |fetch: &&Fetch| fetch.data == Data::Old;
    // What our server said: nothing old from T on, and nothing old that may be kept beyond the horizon.
    for fetch in fetches.iter().filter(old) {
        let kept_until = fetch.sent + SignedDuration::from_secs(i64::from(fetch.ttl));
        if fetch.sent >= cutover.at || kept_until > cutover.horizon {
            return Err(format!("our server broke the promise: {fetch:?}"));
        }
    }
    // What the resolver made of it. The machine's part is how long the last old data was under way to the client
    // for whom it was fetched: the resolver got it, and began to count, at some instant of that.
    let last = fetches.iter().filter(old).next_back().ok_or("no old data was fetched")?;
    let first = answers.iter().find(|answer| answer.received > last.sent).ok_or("no answer after a fetch")?;
    let under_way = first.received.duration_since(last.sent);
    let last_old = answers.iter().filter(|answer| answer.data == Data::Old).next_back().ok_or("no old answer")?;
    if last_old.sent > cutover.horizon + under_way + rounding(kind) {
        return Err(format!("old data after the horizon: {last_old:?}, fetched as {last:?}, under way for {under_way}"));
    }
    if !answers.iter().any(|answer| answer.data == Data::New && answer.sent > cutover.horizon) {
        return Err("no new data after the horizon".to_owned());
    }
    let is_counted = |fetch: &&Fetch| fetch.sent >= cutover.lowered_at && fetch.sent < cutover.at;
    Ok(Outcome { last_old: last_old.sent, queries: fetches.iter().filter(is_counted).count() })
}

/// Seconds from `base` to `instant`.
fn seconds(base: Timestamp, instant: Timestamp) -> f64 {
    instant.duration_since(base).as_secs_f64()
}

#[test]
fn no_real_resolver_gives_old_data_after_the_horizon() {
    let begun = std::time::Instant::now();
    let mut zones = vec!["ready.example".to_owned()];
    zones.extend(Way::ALL.iter().flat_map(|way| way.zones()));
    let text = cutover::zone();
    let files: Vec<(String, &str)> = zones.iter().map(|zone| (format!("{zone}.zone"), text.as_str())).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let mut server = Watari::serve(&files);
    let address: SocketAddr = format!("127.0.0.1:{}", server.port).parse().unwrap();
    let caches: Vec<(Forwarder, Resolver)> = std::thread::scope(|scope| {
        let zones = &zones;
        let start = |(kind, network)| {
            scope.spawn(move || {
                let forwarder = Forwarder::start(address, Ipv4Addr::new(127, 0, network, 1));
                let resolver = Resolver::start(kind, forwarder.address, zones);
                // Whose plan comes too late has given away the old data before.
                for zone in Way::Late.zones() {
                    assert!(resolver.resolves(&zone, PATIENCE), "{}: {zone}\n{}", kind.name(), resolver.log());
                }
                (forwarder, resolver)
            })
        };
        let threads: Vec<_> = Kind::ALL.into_iter().zip(10..).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    println!("ready {:?}", begun.elapsed());

    // A T is a whole second, as it is for people.
    let now = Timestamp::from_second(Timestamp::now().as_second() + 1).unwrap();
    for way in Way::ALL {
        for (number, zone) in way.zones().enumerate() {
            let lead = match way {
                Way::Late => LATE,
                _ => LEAD + 2 * OLD_TTL + (number % STAGGER) as u32,
            };
            let at = now + Duration::from_secs(u64::from(lead));
            server.write(&format!("{zone}.plan.toml"), &way.plan(at));
        }
    }
    let count: usize = Way::ALL.iter().map(|way| way.count()).sum();
    server.until("all plans are armed", |server| {
        let (_, text) = server.command(&["status", "--json"]);
        text.matches("\"armed\"").count() >= count
    });
    println!("armed {:?}", begun.elapsed());
    let (_, text) = server.command(&["status", "--json"]);
    println!("{}", &text[..text.len().min(1500)]);
    let shown = |way: Way| {
        let server = &server;
        let place = move |number: usize| (number as f64 + 0.5) / way.count() as f64;
        way.zones().enumerate().map(move |(number, zone)| Cutover::shown(server, way, &zone, place(number)))
    };
    let cutovers: Vec<Cutover> = Way::ALL.into_iter().flat_map(shown).collect();
    println!("shown {:?}", begun.elapsed());

    let seen: Vec<Vec<Vec<Answer>>> = std::thread::scope(|scope| {
        let cutovers = &cutovers;
        let ask = |(_, resolver): &(Forwarder, Resolver)| {
            let address = resolver.address;
            scope.spawn(move || client::ask(address, cutovers))
        };
        let threads: Vec<_> = caches.iter().map(ask).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    println!("asked {:?}", begun.elapsed());

    let mut faults = Vec::new();
    println!("| resolver | lowered by | runs | horizon | last old answer | queries, predicted | queries, observed |");
    println!("|---|---|---|---|---|---|---|");
    for ((forwarder, resolver), seen) in caches.iter().zip(&seen) {
        let (kind, fetches) = (resolver.kind, forwarder.fetches());
        for way in Way::ALL {
            let mut outcomes = Vec::new();
            for (cutover, answers) in cutovers.iter().zip(seen).filter(|(cutover, _)| cutover.way == way) {
                let fetches: Vec<Fetch> =
                    fetches.iter().filter(|fetch| fetch.name == cutover.name).cloned().collect();
                match judge(kind, cutover, &fetches, answers) {
                    Ok(outcome) => outcomes.push((cutover, outcome)),
                    Err(fault) => faults.push(format!("{}: {} {cutover:?}: {fault}", kind.name(), cutover.name)),
                }
            }
            if outcomes.is_empty() {
                continue;
            }
            let most = |value: &dyn Fn(&Cutover, &Outcome) -> f64| {
                outcomes.iter().map(|(cutover, outcome)| value(cutover, outcome)).fold(f64::MIN, f64::max)
            };
            let mean = |value: &dyn Fn(&Cutover, &Outcome) -> f64| {
                outcomes.iter().map(|(cutover, outcome)| value(cutover, outcome)).sum::<f64>() / outcomes.len() as f64
            };
            println!(
                "| {} | {} | {} | T + {:.2} s | T + {:.2} s | {:.2} | {:.2} |",
                kind.name(),
                way.name(),
                outcomes.len(),
                most(&|cutover, _| seconds(cutover.at, cutover.horizon)),
                most(&|cutover, outcome| seconds(cutover.at, outcome.last_old)),
                mean(&|cutover, _| cutover.queries),
                mean(&|_, outcome| outcome.queries as f64),
            );
        }
    }
    let _ = (SECOND, LOW_TTL);
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.iter().take(40).cloned().collect::<Vec<_>>().join("\n"));
}
