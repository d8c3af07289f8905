//! The promise of a schedule, held against real caches: the resolvers that Debian packages, in front of our own program,
//! with the real clock and plans of seconds.
//!
//! Each resolver is asked for every name some six times a second, through its whole cutover. What passes between a
//! resolver and our server is noted on the way, so that what our server said, what the resolver made of it, and what
//! the machine took are told apart. `docs/promise.md` has the table that this prints:
//!
//! ```sh
//! cargo test --test resolvers -- --nocapture
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod cutover;
mod forwarder;
mod judge;
mod report;
mod resolver;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;

use client::Answer;
use cutover::{Cutover, LOW_TTL, OLD_TTL, Way};
use forwarder::{Fetch, Forwarder};
use report::Row;
use resolver::{Kind, Resolver};
use support::watari::Watari;

/// How long after the plans were written the first client begins: by then they are armed.
const LEAD: u32 = 2;
/// The flips are staggered over so many seconds.
const STAGGER: usize = 3;
/// How long after the plans were written those flip that come too late.
const LATE: u32 = 4;

/// A resolver, and what stands between it and our server.
struct Cache {
    resolver: Resolver,
    forwarder: Forwarder,
}

/// Starts all resolvers in front of `server`, each in a network of its own.
fn start_caches(server: SocketAddr, zones: &[String]) -> Vec<Cache> {
    std::thread::scope(|scope| {
        let start = |(kind, network)| {
            scope.spawn(move || {
                let forwarder = Forwarder::start(server, Ipv4Addr::new(127, 0, network, 1));
                Cache { resolver: Resolver::start(kind, forwarder.address, zones), forwarder }
            })
        };
        let threads: Vec<_> = Kind::ALL.into_iter().zip(10..).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Writes the plans and waits until all are armed; what is promised of each.
fn arm(server: &mut Watari) -> Vec<Cutover> {
    // A T is a whole second, as it is for people.
    let now = Timestamp::from_second(Timestamp::now().as_second() + 1).unwrap();
    for way in Way::ALL {
        for (number, zone) in way.zones().enumerate() {
            let lead = match way {
                Way::Late => LATE,
                // One TTL for clients to begin in, at random ages of what caches hold, and one for lowering.
                _ => LEAD + 2 * OLD_TTL + u32::try_from(number % STAGGER).unwrap(),
            };
            server.write(&format!("{zone}.plan.toml"), &way.plan(now + Duration::from_secs(u64::from(lead))));
        }
    }
    let count: usize = Way::ALL.iter().map(|way| way.count()).sum();
    server.until("all plans are armed", |server| {
        server.command(&["status", "--json"]).1.matches("\"armed\"").count() >= count
    });
    Cutover::all(server)
}

/// What clients of each of `caches` were told about each of `cutovers`, all at the same time.
fn ask(caches: &[Cache], cutovers: &[Cutover]) -> Vec<Vec<Vec<Answer>>> {
    std::thread::scope(|scope| {
        let addresses = caches.iter().map(|cache| cache.resolver.address);
        let threads: Vec<_> = addresses.map(|address| scope.spawn(move || client::ask(address, cutovers))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Sums up what was seen of `cutovers` through `cache`, a row for each way, and what was not as promised.
fn sum_up(cache: &Cache, cutovers: &[Cutover], seen: &[Vec<Answer>]) -> (Vec<Row>, Vec<String>) {
    let (kind, fetches) = (cache.resolver.kind, cache.forwarder.fetches());
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    for way in Way::ALL {
        let mut outcomes = Vec::new();
        for (cutover, answers) in cutovers.iter().zip(seen).filter(|(cutover, _)| cutover.way == way) {
            let fetches: Vec<Fetch> = fetches.iter().filter(|fetch| fetch.name == cutover.name).cloned().collect();
            match judge::judge(kind, cutover, &fetches, answers) {
                Ok(outcome) => outcomes.push((cutover, outcome)),
                Err(broken) => {
                    faults.push(format!("{}: {broken}: {cutover:?}\n{fetches:?}\n{:?}", kind.name(), answers.last()));
                }
            }
        }
        if !outcomes.is_empty() {
            rows.push(Row::of(kind, way, &outcomes));
        }
    }
    (rows, faults)
}

#[test]
fn no_real_resolver_gives_old_data_after_the_horizon() {
    let mut zones = vec!["ready.example".to_owned()];
    zones.extend(Way::ALL.iter().flat_map(|way| way.zones()));
    let text = cutover::zone();
    let files: Vec<(String, &str)> = zones.iter().map(|zone| (format!("{zone}.zone"), text.as_str())).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let mut server = Watari::serve(&files);
    let address: SocketAddr = format!("127.0.0.1:{}", server.port).parse().unwrap();
    let caches = start_caches(address, &zones);
    // What comes too late comes when caches hold the old data for its whole TTL.
    for Cache { resolver, .. } in &caches {
        for zone in Way::Late.zones() {
            assert!(resolver.resolves(&zone), "{}: {zone}\n{}", resolver.kind.name(), resolver.log());
        }
    }
    let cutovers = arm(&mut server);
    let seen = ask(&caches, &cutovers);

    println!("{}", report::HEAD);
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    for (cache, seen) in caches.iter().zip(&seen) {
        let (found, broken) = sum_up(cache, &cutovers, seen);
        found.iter().for_each(|row| println!("{row}"));
        rows.extend(found);
        faults.extend(broken);
    }
    let later = rows.iter().map(|row| row.overrun).fold(f64::MIN, f64::max);
    println!("\nthe last old answer of all came {later:.3} s after its horizon");
    assert!(faults.is_empty(), "{} faults, among them:\n{}", faults.len(), faults[..faults.len().min(5)].join("\n"));
    check_that_caches_hold(&rows);
    check_queries(&rows);
}

/// Where TTLs were not lowered before the flip, the old data is seen long after what would have been the horizon: these
/// are caches, and the test sees what they hold.
fn check_that_caches_hold(rows: &[Row]) {
    for row in rows.iter().filter(|row| row.way == Way::Late) {
        assert!(row.last_old > f64::from(LOW_TTL + 1), "{} holds nothing: {row}", row.kind.name());
    }
}

/// Resolvers ask as often as predicted, as far as seconds can show it: a TTL of two of them is in fact between one and
/// three, by how a resolver counts, and a busy machine asks less often.
fn check_queries(rows: &[Row]) {
    for kind in Kind::ALL {
        let of = |way| rows.iter().find(|row| row.kind == kind && row.way == way).unwrap();
        let (ladder, countdown, once) = (of(Way::Ladder), of(Way::Countdown), of(Way::Once));
        for row in [ladder, countdown, once] {
            let range = row.predicted * 0.4..=row.predicted * 2.0;
            assert!(range.contains(&row.observed), "not as often as predicted: {row}");
        }
        let is_ordered = countdown.observed < ladder.observed && ladder.observed < once.observed;
        assert!(is_ordered, "{countdown}\n{ladder}\n{once}");
    }
}
