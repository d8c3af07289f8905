//! The promise of a schedule, held against model caches over random zones, plans, arming instants, holds and rollbacks.
//!
//! A model cache asks at some instant, keeps the answer for as long as its TTL says, and asks nobody
//! meanwhile. "No cache that obeyed the TTLs we sent holds old data after the horizon" is then: for every
//! instant at which an old answer was given, that instant plus the answer's TTL is not after the horizon. The
//! instants that matter are those right before something changes; random ones are tried besides.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use proptest::prelude::*;
use watari::clock::Instant;
use watari::control::running::Running;
use watari::control::shared::Shared;
use watari::timeline::conduct::{self, Decided, Decision, Past, PlanText, Refusal, Sources};
use watari::timeline::plan::{Lowering, digest_of};
use watari::timeline::run::{Armed, Base, Entry, Event};
use watari::timeline::{Digest, Held, Run, Schedule, Serial, compile, plan};
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
    /// The lines that say how TTLs go down and up.
    ways: String,
    /// How long a secondary may take to follow, in seconds; `None` without one.
    within: Option<u32>,
    /// For each RRset, what it flips to; none removes it.
    flips: Vec<Option<BTreeSet<u8>>>,
    /// New names.
    new: Vec<&'static str>,
    /// Seconds from T at which the plan is armed.
    armed: i64,
    /// Seconds from T at which it is held, and for how long.
    hold: (i64, u32),
    /// Seconds from T at which random caches ask.
    asked: Vec<i64>,
}

/// Resolvers of three networks, each of which has its own deadline in a countdown.
const PEERS: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 53)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x53)),
];

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
    let within = prop::option::of(1u32..5000);
    let plan = (low, 1u32..200_000, (ways(), within), [to(), to(), to(), to()], new);
    let hold = (-200_000i64..200_000, prop_oneof![1u32..200, 1u32..200_000]);
    let armed = prop_oneof![Just(-1_000_000_000i64), -200_000i64..200_000, -100i64..100];
    (zone, plan, armed, hold, prop::collection::vec(-300_000i64..300_000, 30)).prop_map(
        |(
            (serial, soa_ttl, minimum, rrsets, wildcard, alias),
            (low_ttl, ttl_after, (ways, within), flips, new),
            armed,
            hold,
            asked,
        )| World {
            serial,
            soa_ttl,
            minimum,
            rrsets: rrsets.into(),
            wildcard,
            alias,
            low_ttl,
            ttl_after,
            ways,
            within,
            flips: flips.into(),
            new,
            armed,
            hold,
            asked,
        },
    )
}

fn ways() -> impl Strategy<Value = String> {
    let lower =
        prop::sample::select(&["", "lower = \"ladder\"\n", "lower = \"once\"\n", "lower = \"countdown\"\n"][..]);
    let raise = prop::sample::select(&["", "raise = \"ladder\"\n", "raise = \"once\"\n"][..]);
    let length = || prop::option::of(prop_oneof![0u32..100, 0u32..10_000]);
    (lower, raise, length(), length()).prop_map(|(lower, raise, spread, low_for)| {
        let line = |key, length: Option<u32>| length.map(|length| format!("{key} = {length}\n")).unwrap_or_default();
        [lower, raise, &line("spread", spread), &line("low_for", low_for)].concat()
    })
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
        let mut text = "version = 1\nat = \"2026-12-01T03:00[Asia/Tokyo]\"\n".to_owned() + &self.ways;
        if let Some(low) = self.low_ttl {
            text += &format!("low_ttl = {low}\n");
        }
        if let Some(within) = self.within {
            text += &format!("[secondaries]\nservers = [\"192.0.2.53\"]\nwithin = {within}\n");
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

    /// A run of the plan that is armed so.
    fn run(&self, zone: &Zone, armed_at: Instant) -> Run {
        let base = Base { zone: 0, above: zone.serial(), kept_until: None };
        let (plan, schedule) = (digest_of(self.plan().as_bytes()), Digest([0; 32]));
        let armed = Armed { plan, schedule, on_load: false, since: armed_at.unix_nanos(), base };
        Run::fold([&Entry { at: armed_at, event: Event::Armed(armed), by: "a test".to_owned() }]).unwrap()
    }

    fn schedule(&self, zone: &Zone, armed_at: Instant) -> Schedule {
        self.compile(zone, &self.run(zone, armed_at))
    }

    fn compile(&self, zone: &Zone, run: &Run) -> Schedule {
        let path = "example.com.plan.toml".into();
        let (plan, faults) = plan::parse(zone.apex(), &path, self.plan().as_bytes());
        let plan = plan.unwrap_or_else(|| panic!("{faults:#?}"));
        compile::compile(&plan, zone, run).unwrap_or_else(|faults| panic!("{faults:#?}"))
    }

    fn decide(&self, zone: &Zone, run: &Run, decision: &Decision, now: Instant) -> Result<Decided, Refusal> {
        let text = PlanText { path: "example.com.plan.toml".into(), text: self.plan().as_bytes().into() };
        let plan = Some((text, Instant::MIN));
        let sources =
            Sources { zone, content: 0, is_updated: false, plan, run: Some(run), armed: None, past: Past::default() };
        conduct::decide(&sources, decision, "a test", now)
    }

    /// Where the plan stands, from when on: armed, and held and resumed if that can be.
    fn course(&self, zone: &Zone) -> Vec<(Instant, Schedule)> {
        let (armed_at, held_at) = (self.armed_at(), Instant::from_unix_seconds(T + self.hold.0));
        let mut course = vec![(armed_at, self.schedule(zone, armed_at))];
        let resumed_at = held_at.after(length(Ttl(self.hold.1)));
        let hold = Decision::Hold { why: String::new() };
        for (decision, at) in [(hold, held_at), (Decision::Resume { at: None }, resumed_at)] {
            let run = course.last().unwrap().1.run.clone();
            if at <= armed_at {
                return course;
            }
            match self.decide(zone, &run, &decision, at) {
                Ok(decided) => course.push((at, decided.outcome.schedule.unwrap())),
                Err(refusal) => panic!("{refusal}"),
            }
        }
        course
    }

    /// Who asks, and when: at random, and around the changes of `course`.
    fn asked(&self, course: &[(Instant, Schedule)]) -> Vec<(Instant, Asked)> {
        let at_random = self.asked.iter().map(|&at| Instant::from_unix_seconds(T + at));
        let here = at_random.chain(changes(course)).flat_map(|at| PEERS.map(|peer| (at, Asked::Here(peer))));
        let there = self.within.iter().flat_map(|&within| [Duration::ZERO, length(Ttl(within))]);
        let there = there.flat_map(|lag| changes(course).into_iter().map(move |at| (at.after(lag), Asked::There(lag))));
        here.chain(there).collect()
    }
}

/// Who is asked.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// This server, by a peer.
    Here(IpAddr),
    /// A secondary, which has what was to be transferred so long ago.
    There(Duration),
}

/// What who was `asked` served at `at` where the plan stood as `course` says: the zone file's contents until it is armed.
fn served<'a>(zone: &'a Zone, course: &'a [(Instant, Schedule)], at: Instant, asked: Asked) -> View<'a> {
    let at = match asked {
        Asked::There(lag) if at != Instant::MAX => at.before(lag),
        _ => at,
    };
    let stood = course.iter().rev().find(|(from, _)| *from <= at);
    stood.map_or(zone.view(), |(_, Schedule { timeline, .. })| match asked {
        Asked::Here(peer) => timeline.view(at, peer),
        Asked::There(_) => timeline.transferred(timeline.at(at)),
    })
}

/// The instants that matter: right before something changes, and when it has.
fn changes(course: &[(Instant, Schedule)]) -> Vec<Instant> {
    let editions = course.iter().flat_map(|(_, schedule)| schedule.timeline.editions().map(|edition| edition.from));
    editions.chain(course.iter().map(|(from, _)| *from)).flat_map(|at| [at.before(TICK), at]).collect()
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
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_conforming_cache_holds_old_data_after_the_horizon(world in worlds()) {
        let zone = world.zone();
        let course = [(world.armed_at(), world.schedule(&zone, world.armed_at()))];
        let schedule = &course[0].1;
        let asked = world.asked(&course);
        for drain in &schedule.drains {
            let mut last_kept = Instant::MIN;
            for &(at, who) in &asked {
                let told = |at| ask(served(&zone, &course, at, who), drain.owner.as_ref(), drain.rtype);
                let answer = told(at);
                if answer.data != told(Instant::MAX).data {
                    let kept_until = at.after(length(answer.ttl));
                    prop_assert!(
                        kept_until <= drain.horizon,
                        "{} {}: asked {who:?} at {at:?}, kept until {kept_until:?}, promised {:?}",
                        drain.owner, drain.rtype, drain.horizon
                    );
                    last_kept = last_kept.max(kept_until);
                }
            }
            // Nor is the promise longer than it must be; of a wildcard the longest TTL is taken, and of a countdown the
            // last deadline, which may be nobody's.
            let slack = match schedule.lowering {
                Lowering::Countdown => length(Ttl(schedule.spread.0.saturating_sub(schedule.low_ttl.0))) + TICK,
                _ => TICK,
            };
            if !matches!(drain.held, Held::Wildcard(_)) && drain.rtype != Rtype::CNAME {
                prop_assert!(drain.horizon.since(last_kept) <= slack, "{drain:?} {last_kept:?}");
            }
            prop_assert!(drain.horizon >= drain.in_time);
            prop_assert!(drain.pessimistic >= drain.horizon);
        }
    }

    #[test]
    fn a_hold_moves_the_horizon_and_keeps_the_promise(world in worlds()) {
        let zone = world.zone();
        let course = world.course(&zone);
        let last = &course.last().unwrap().1;
        if last.run.is_held() {
            prop_assert_eq!(last.horizon().is_some(), last.has_flipped(course.last().unwrap().0));
        }
        let asked = world.asked(&course);
        for drain in last.horizon().iter().flat_map(|_| &last.drains) {
            for &(at, who) in &asked {
                let told = |at| ask(served(&zone, &course, at, who), drain.owner.as_ref(), drain.rtype);
                let answer = told(at);
                if answer.data != told(Instant::MAX).data {
                    let kept_until = at.after(length(answer.ttl));
                    prop_assert!(kept_until <= drain.horizon, "{who:?} {at:?} {kept_until:?} {drain:?}");
                }
            }
        }
        for pair in course.windows(2) {
            let (at, serial) = (pair[1].0, |schedule: &Schedule| schedule.serial_at(pair[1].0));
            // What was served is not undone, and its serials only rise.
            prop_assert!(serial(&pair[1].1) >= serial(&pair[0].1), "{at:?}");
            prop_assert!(pair[1].1.at >= pair[0].1.at);
        }
    }

    #[test]
    fn after_a_rollback_the_new_data_is_gone_when_its_price_says(world in worlds(), since in 0u32..300_000) {
        let zone = world.zone();
        let mut course = world.course(&zone);
        let (from, stood) = course.last().unwrap().clone();
        let back_at = from.max(stood.at).after(length(Ttl(since)));
        let decided = match world.decide(&zone, &stood.run, &Decision::RollBack, back_at) {
            Ok(decided) => decided,
            Err(Refusal::NotFlipped) if stood.run.is_held() => return Ok(()),
            Err(refusal) => panic!("{refusal}"),
        };
        let (price, schedule) = (decided.price.unwrap(), decided.outcome.schedule.unwrap());
        prop_assert!(schedule.serial_at(back_at) > stood.serial_at(back_at));
        prop_assert_eq!(schedule.horizon(), None);
        let is_at_once = stood.steps.iter().any(|step| step.from == back_at);
        prop_assert!(is_at_once || schedule.recovery() >= Some(price.recovered_at));
        let courses = schedule.courses.clone();
        course.push((back_at, schedule));
        let asked = world.asked(&course);
        for one in &courses {
            let old = |who| ask(zone.view(), one.owner.as_ref(), one.rtype).data == ask(served(&zone, &course, Instant::MAX, who), one.owner.as_ref(), one.rtype).data;
            for &(at, who) in &asked {
                prop_assert!(old(who));
                let lag = match who {
                    Asked::Here(_) => Duration::ZERO,
                    Asked::There(lag) => lag,
                };
                let answer = ask(served(&zone, &course, at, who), one.owner.as_ref(), one.rtype);
                if answer.data != ask(zone.view(), one.owner.as_ref(), one.rtype).data {
                    prop_assert!(at.before(lag) < back_at);
                    prop_assert!(at.after(length(answer.ttl)) <= price.recovered_at, "{at:?} {answer:?} {price:?}");
                } else if at.before(lag) >= back_at && one.before.is_some() && !is_at_once {
                    let age = at.since(back_at);
                    prop_assert!(length(answer.ttl) <= length(stood.low_ttl).max(age), "{at:?} {answer:?}");
                }
            }
        }
    }

    #[test]
    fn in_time_the_old_data_is_gone_at_the_instant_plus_the_low_ttl(world in worlds()) {
        let zone = world.zone();
        let schedule = world.schedule(&zone, Instant::MIN);
        let lag = length(Ttl(world.within.unwrap_or(0)));
        let promised = schedule.at.after(lag).after(length(schedule.low_ttl.max(schedule.spread)));
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
        let (plan, _) = plan::parse(zone.apex(), &"p".into(), world.plan().as_bytes());
        let low_for = plan.unwrap().low_for();
        for edition in schedule.timeline.editions().filter(|edition| edition.from >= schedule.at) {
            for drain in &schedule.drains {
                let view = schedule.timeline.view_of(edition, edition.from);
                let Some(node) = view.find(drain.owner.as_ref()) else { continue };
                let Some(rrset) = node.rrset(drain.rtype) else { continue };
                let age = edition.from.since(schedule.at);
                prop_assert!(length(rrset.ttl()) <= length(schedule.low_ttl).max(age));
                if age < length(low_for) {
                    prop_assert!(rrset.ttl() <= schedule.low_ttl);
                }
            }
        }
    }
}

/// A hundred thousand zones may be armed at once.
#[test]
fn a_plan_that_many_zones_have_costs_each_less_than_a_kibibyte() {
    let text = "$TTL 86400\n@ IN SOA ns1 h 2026112301 7200 3600 1209600 300\n IN NS ns1\nns1 IN A 192.0.2.1\n\
                www IN A 192.0.2.10\n IN AAAA 2001:db8::10\n IN TXT \"beside\"\n";
    let path = "example.com.zone".into();
    let zone = watari::zone::text::load(absolute("@").as_ref(), &path, text.as_bytes(), &watari::zone::text::NoInclude);
    let zone = zone.zone.unwrap();
    let plan = "version = 1\nat = \"2026-12-01T03:00[Asia/Tokyo]\"\n[[flip]]\nname = \"www\"\ntype = \"A\"\n\
                from = [\"192.0.2.10\"]\nto = [\"192.0.2.20\"]\n";
    let path = "example.com.plan.toml".into();
    let text = PlanText { path, text: plan.as_bytes().into() };
    let past = Past::default();
    let sources = Sources {
        zone: &zone,
        content: 0,
        is_updated: false,
        plan: Some((text, Instant::MIN)),
        run: None,
        armed: None,
        past,
    };
    let armed = conduct::decide(&sources, &Decision::Arm, "a test", Instant::from_unix_seconds(T - 1_000_000)).unwrap();
    let news = watari::control::running::News::new(armed.outcome);
    let itinerary = news.itinerary().unwrap().size();
    let (timeline, running) = news.into_parts(&mut Shared::default()).unwrap();
    // Eleven rungs down, the flip, eleven up, and the zone as it stands in its file.
    assert_eq!(timeline.editions().count(), 24);
    assert!(running.is_some());
    let all = timeline.size() + size_of::<Running>() + itinerary;
    assert!(all < 1536, "{all}: {} for the timeline, {itinerary} for its words", timeline.size());
    // What zones of one plan have in common is kept once, whatever their serials are.
    let own = all - itinerary - size_of_val(&**timeline.later());
    assert!(own < 1024, "{own} for each zone");
}
