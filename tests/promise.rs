//! The promise of a schedule, held against model caches over random zones, plans and arming instants.
//!
//! A model cache asks at some instant, keeps the answer for as long as its TTL says, and asks nobody
//! meanwhile. "No cache that obeyed the TTLs we sent holds old data after the horizon" is then: for every
//! instant at which an old answer was given, that instant plus the answer's TTL is not after the horizon. The
//! instants that matter are those right before something changes; random ones are tried besides.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use watari::clock::Instant;
use watari::timeline::{Held, Schedule, Serial, compile, plan};
use watari::wire::{Name, NameRef, Rtype};
use watari::zone::{Ttl, View, Zone, ZoneBuilder};

const T: i64 = 1_796_061_600; // 2026-11-30T18:00:00Z
const ALIVE: [&str; 4] = ["@", "www", "mail", "a.b"];
const TTLS: [u32; 12] = [0, 1, 30, 59, 60, 61, 300, 3600, 7200, 86_400, 172_800, 1_000_000];

fn absolute(name: &str) -> Name {
    let text = if name == "@" { "example.com".to_owned() } else { format!("{name}.example.com") };
    Name::from_text(&text).unwrap()
}

/// An A RRset of the zone: where, TTL, last octets of its addresses.
#[derive(Clone, Debug)]
struct Rrset {
    name: &'static str,
    ttl: u32,
    addresses: BTreeSet<u8>,
}

#[derive(Clone, Debug)]
struct World {
    serial: u32,
    soa_ttl: u32,
    minimum: u32,
    rrsets: Vec<Rrset>,
    /// The TTL of an A record at `*`, if there is a wildcard.
    wildcard: Option<u32>,
    /// The TTL of a CNAME at `alias`, which flips to an A record.
    alias: Option<u32>,
    low_ttl: Option<u32>,
    ttl_after: u32,
    /// For each RRset, what it flips to; none removes it.
    flips: Vec<Option<BTreeSet<u8>>>,
    /// New names.
    new: Vec<&'static str>,
    /// Seconds from T at which the plan is armed.
    armed: i64,
    /// Seconds from T at which random caches ask.
    asked: Vec<i64>,
}

fn ttl() -> impl Strategy<Value = u32> {
    prop_oneof![prop::sample::select(&TTLS[..]), 0u32..100_000]
}

fn worlds() -> impl Strategy<Value = World> {
    let rrset = |name: &'static str| {
        (ttl(), prop::collection::btree_set(1u8..9, 1..4)).prop_map(move |(ttl, addresses)| Rrset {
            name,
            ttl,
            addresses,
        })
    };
    let to = || prop::option::weighted(0.8, prop::collection::btree_set(100u8..109, 1..4));
    let serial = prop_oneof![
        any::<u32>(),
        Just(2_026_113_000u32),
        Just(2_026_112_399),
        Just(2_026_113_099),
        Just(1_796_000_000),
        0u32..1000
    ];
    let zone = (serial, ttl(), ttl(), ALIVE.map(rrset), prop::option::of(ttl()), prop::option::of(ttl()));
    let low = prop::option::of(prop_oneof![Just(60u32), 1u32..7200]);
    let new = prop::sample::subsequence(vec!["new", "x.y.www", "b"], 0..=3);
    let plan = (low, 1u32..200_000, [to(), to(), to(), to()], new);
    let armed = prop_oneof![Just(-1_000_000_000i64), -200_000i64..200_000, -100i64..100];
    (zone, plan, armed, prop::collection::vec(-300_000i64..300_000, 30)).prop_map(
        |((serial, soa_ttl, minimum, rrsets, wildcard, alias), (low_ttl, ttl_after, flips, new), armed, asked)| World {
            serial,
            soa_ttl,
            minimum,
            rrsets: rrsets.into(),
            wildcard,
            alias,
            low_ttl,
            ttl_after,
            flips: flips.into(),
            new,
            armed,
            asked,
        },
    )
}

impl World {
    fn zone(&self) -> Zone {
        let apex = absolute("@");
        let mut builder = ZoneBuilder::new(apex.as_ref());
        let mut add = |name: &Name, rtype, ttl, rdata: &[u8]| {
            builder.add(name.as_ref(), rtype, Ttl(ttl), rdata).unwrap();
        };
        let mut soa = vec![0, 0];
        for field in [self.serial, 3600, 600, 86_400, self.minimum] {
            soa.extend(field.to_be_bytes());
        }
        add(&apex, Rtype::SOA, self.soa_ttl, &soa);
        add(&apex, Rtype::NS, 3600, absolute("ns").wire());
        add(&absolute("ns"), Rtype::A, 3600, &[192, 0, 2, 200]);
        for rrset in &self.rrsets {
            for &last in &rrset.addresses {
                add(&absolute(rrset.name), Rtype::A, rrset.ttl, &[192, 0, 2, last]);
            }
        }
        if let Some(ttl) = self.wildcard {
            add(&absolute("*"), Rtype::A, ttl, &[192, 0, 2, 222]);
        }
        if let Some(ttl) = self.alias {
            add(&absolute("alias"), Rtype::CNAME, ttl, absolute("www").wire());
        }
        builder.finish().unwrap().0
    }

    fn plan(&self) -> String {
        let list = |addresses: &BTreeSet<u8>| {
            // Backwards: order means nothing.
            let quoted: Vec<_> = addresses.iter().rev().map(|last| format!("\"192.0.2.{last}\"")).collect();
            quoted.join(", ")
        };
        let mut text = "version = 1\nat = \"2026-12-01T03:00[Asia/Tokyo]\"\n".to_owned();
        if let Some(low) = self.low_ttl {
            text += &format!("low_ttl = {low}\n");
        }
        let after = format!("ttl_after = {}\n", self.ttl_after);
        for (rrset, to) in self.rrsets.iter().zip(&self.flips) {
            let (name, from) = (rrset.name, list(&rrset.addresses));
            let to = to.as_ref().map(list).unwrap_or_default();
            text += &format!("[[flip]]\nname = \"{name}\"\ntype = \"A\"\nfrom = [{from}]\nto = [{to}]\n");
            if self.ttl_after.is_multiple_of(2) {
                text += &after;
            }
        }
        for name in &self.new {
            text += &format!("[[flip]]\nname = \"{name}\"\ntype = \"A\"\nfrom = []\nto = [\"192.0.2.150\"]\n{after}");
        }
        if self.alias.is_some() {
            text += "[[flip]]\nname = \"alias\"\ntype = \"CNAME\"\nfrom = [\"www\"]\nto = []\n";
            text += &format!("[[flip]]\nname = \"alias\"\ntype = \"A\"\nfrom = []\nto = [\"192.0.2.151\"]\n{after}");
        }
        text
    }

    fn armed_at(&self) -> Instant {
        Instant::from_unix_seconds(T + self.armed)
    }

    fn schedule(&self, zone: &Zone, armed_at: Instant) -> Schedule {
        let path = "example.com.plan.toml".into();
        let (plan, faults) = plan::parse(zone.apex(), &path, self.plan().as_bytes());
        let plan = plan.unwrap_or_else(|| panic!("{faults:#?}"));
        compile::compile(&plan, zone, armed_at).unwrap_or_else(|faults| panic!("{faults:#?}"))
    }

    /// What is served at `at`: the zone file's contents until the plan is armed.
    fn served<'a>(&self, zone: &'a Zone, schedule: &'a Schedule, at: Instant) -> View<'a> {
        if at < self.armed_at() { zone.view() } else { schedule.timeline.view_of(schedule.timeline.at(at), at) }
    }
}

/// What a resolver is told, and for how long it may keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    /// The type and the data; nothing for NODATA and NXDOMAIN.
    data: Option<(Rtype, BTreeSet<Vec<u8>>)>,
    ttl: Ttl,
}

/// What the zone says, told anew from RFC 1034 and 4592 and not by the server's own look-up.
fn ask(view: View<'_>, owner: NameRef<'_>, rtype: Rtype) -> Answer {
    let mut name = owner;
    let mut node = view.find(name);
    while node.is_none() {
        name = name.parent().unwrap();
        if view.find(name).is_some() {
            let wildcard = Name::from_text(&format!("*.{name}")).unwrap();
            node = view.find(wildcard.as_ref());
            break;
        }
    }
    let rrset = node.and_then(|node| node.rrset(rtype).or_else(|| node.rrset(Rtype::CNAME)));
    match rrset {
        Some(rrset) => Answer { data: Some((rrset.rtype(), rrset.rdatas().collect())), ttl: rrset.ttl() },
        None => Answer { data: None, ttl: view.negative_ttl() },
    }
}

fn length(ttl: Ttl) -> Duration {
    Duration::from_secs(u64::from(ttl.0))
}

const TICK: Duration = Duration::from_nanos(1);

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_conforming_cache_holds_old_data_after_the_horizon(world in worlds()) {
        let zone = world.zone();
        let armed_at = world.armed_at();
        let schedule = world.schedule(&zone, armed_at);
        let mut asked: Vec<Instant> = world.asked.iter().map(|&at| Instant::from_unix_seconds(T + at)).collect();
        asked.push(armed_at.before(TICK));
        asked.push(armed_at);
        for edition in schedule.timeline.editions() {
            asked.push(edition.from.before(TICK));
            asked.push(edition.from);
        }
        for drain in &schedule.drains {
            let latest = ask(world.served(&zone, &schedule, Instant::MAX), drain.owner.as_ref(), drain.rtype);
            let mut last_kept = Instant::MIN;
            for &at in &asked {
                let answer = ask(world.served(&zone, &schedule, at), drain.owner.as_ref(), drain.rtype);
                if answer.data != latest.data {
                    let kept_until = at.after(length(answer.ttl));
                    prop_assert!(
                        kept_until <= drain.horizon,
                        "{} {}: asked at {at:?}, kept until {kept_until:?}, promised {:?}",
                        drain.owner, drain.rtype, drain.horizon
                    );
                    last_kept = last_kept.max(kept_until);
                }
            }
            // Nor is the promise longer than it must be; of a wildcard the longest TTL is taken.
            if !matches!(drain.held, Held::Wildcard(_)) && drain.rtype != Rtype::CNAME {
                prop_assert!(drain.horizon.since(last_kept) <= TICK, "{drain:?} {last_kept:?}");
            }
            prop_assert!(drain.horizon >= drain.in_time);
        }
    }

    #[test]
    fn in_time_the_old_data_is_gone_at_the_instant_plus_the_low_ttl(world in worlds()) {
        let zone = world.zone();
        let schedule = world.schedule(&zone, Instant::MIN);
        let promised = schedule.at.after(length(schedule.low_ttl));
        for drain in schedule.drains.iter().filter(|drain| drain.held == Held::Data) {
            prop_assert!(drain.horizon <= promised);
        }
    }

    #[test]
    fn serials_only_rise_and_each_instant_has_one_edition(world in worlds()) {
        let zone = world.zone();
        let schedule = world.schedule(&zone, world.armed_at());
        let editions: Vec<_> = schedule.timeline.editions().collect();
        prop_assert_eq!(editions[0].serial, zone.serial());
        for pair in editions.windows(2) {
            prop_assert!(pair[0].from < pair[1].from);
            prop_assert!(Serial(pair[1].serial) > Serial(pair[0].serial));
            prop_assert!(Serial(pair[1].serial) > Serial(zone.serial()));
            prop_assert_eq!(schedule.timeline.at(pair[1].from.before(TICK)).serial, pair[0].serial);
            prop_assert_eq!(schedule.timeline.at(pair[1].from).serial, pair[1].serial);
        }
    }

    #[test]
    fn what_is_served_does_not_depend_on_when_the_plan_was_loaded(world in worlds(), again in -300_000i64..300_000) {
        let zone = world.zone();
        let first = world.schedule(&zone, world.armed_at());
        let second = world.schedule(&zone, Instant::from_unix_seconds(T + again));
        let editions = |schedule: &Schedule| -> Vec<_> {
            schedule.timeline.editions().map(|edition| (edition.from, edition.serial)).collect()
        };
        prop_assert_eq!(editions(&first), editions(&second));
        for edition in first.timeline.editions() {
            let (at, second) = (edition.from, &second.timeline);
            let (one, two) = (first.timeline.view_of(edition, at), second.view_of(second.at(at), at));
            for drain in &first.drains {
                let answer = |view| ask(view, drain.owner.as_ref(), drain.rtype);
                prop_assert_eq!(answer(one), answer(two));
            }
        }
    }

    #[test]
    fn ttls_grow_only_as_fast_as_confidence(world in worlds()) {
        let zone = world.zone();
        let schedule = world.schedule(&zone, world.armed_at());
        for edition in schedule.timeline.editions().filter(|edition| edition.from >= schedule.at) {
            for drain in &schedule.drains {
                let view = schedule.timeline.view_of(edition, edition.from);
                let Some(node) = view.find(drain.owner.as_ref()) else { continue };
                let Some(rrset) = node.rrset(drain.rtype) else { continue };
                let age = edition.from.since(schedule.at);
                prop_assert!(length(rrset.ttl()) <= length(schedule.low_ttl).max(age));
            }
        }
    }
}

/// A hundred thousand zones may be armed at once.
#[test]
fn an_armed_plan_costs_less_than_a_kibibyte() {
    let text = "$TTL 86400\n@ IN SOA ns1 h 2026112301 7200 3600 1209600 300\n IN NS ns1\nns1 IN A 192.0.2.1\n\
                www IN A 192.0.2.10\n IN AAAA 2001:db8::10\n IN TXT \"beside\"\n";
    let path = "example.com.zone".into();
    let zone = watari::zone::text::load(absolute("@").as_ref(), &path, text.as_bytes(), &watari::zone::text::NoInclude);
    let zone = zone.zone.unwrap();
    let plan = "version = 1\nat = \"2026-12-01T03:00[Asia/Tokyo]\"\n[[flip]]\nname = \"www\"\ntype = \"A\"\n\
                from = [\"192.0.2.10\"]\nto = [\"192.0.2.20\"]\n";
    let path = "example.com.plan.toml".into();
    let loaded = watari::timeline::load(&zone, &path, plan.as_bytes(), Instant::MIN);
    let timeline = loaded.schedule.unwrap().timeline;
    assert_eq!(timeline.editions().count(), 4);
    assert!(timeline.size() < 1024);
}
