//! Hand-overs of authority: what a person sees of their plans (`tests/authority/NAME.txt`; `UPDATE_GOLDEN=1` writes them
//! anew), and their horizons held against model resolvers.
//!
//! A model resolver is asked for something at some instants, and asks a server that it knows of: whose name the parent
//! gave, or the zone itself. It is told nothing but NS records and their TTLs. "No resolver of this class asks an old
//! server after its horizon" is then looked at directly. The instants that matter are those right before something
//! ends; random ones are tried besides.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/command.rs"]
mod command;
#[path = "support/golden.rs"]
mod golden;

use std::time::Duration;

use command::{folder, text as utf8, watari};
use golden::assert_golden;
use proptest::prelude::*;
use watari::clock::Instant;
use watari::timeline::run::{Ending, EndingKind};
use watari::timeline::{Authority, MINIMUM_TTL, ResolverClass, Run, Schedule, load, show};
use watari::wire::Name;
use watari::zone::text::{self, NoInclude};

// ---- What a person sees

const ZONE: &str = "\
$TTL 86400
@       IN SOA  ns1 hostmaster 2026112301 7200 3600 1209600 300
        IN NS   ns1
        IN NS   ns2
        IN MX   10 mail
ns1     IN A    192.0.2.1
ns2     IN A    192.0.2.2
www     IN A    192.0.2.10
mail    IN A    192.0.2.25
";

/// With the lowering and raising that make for the fewest steps: what is of interest here is the rest.
const HEAD: &str = "version = 1\nat = \"2026-12-01T03:00[Asia/Tokyo]\"\nlower = \"once\"\nraise = \"once\"\n";

const SERVERS: &str = r#"
[authority]
from = ["ns1", "ns2"]
to = ["ns1.new.example.", "ns2.new.example."]
"#;

/// What `watari plan parent` prints.
const ASKED: &str = r#"parent_ttl = "2d"  # TTL of the NS records at the parent, asked of a.example. at 2026-11-20T00:00:00Z
glue_ttl = "2d"
ds = "absent"
"#;

const FLIP: &str = r#"
[[flip]]
name = "www"
type = "A"
from = ["192.0.2.10"]
to = ["192.0.2.11"]
"#;

const SIGNED: &str = "\
@ IN DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==
@ 3600 IN RRSIG DNSKEY 13 2 3600 20361201000000 20261101000000 34505 @ oJB1W6WNGv+ldvQ3WDG0MQkg5IEhjRip8WTrPYGv07h108dUKGMeDPKijVCHX3DDKdfb+v6oB9wfuh3DTJXUAfI/M0zmO/zz8bW0Rznl8O3tGNazPwQKkRN20XPXV6nwwfoXmJQbsLNrLfkGJ5D6fwFm8nN+6pBzeDQfsS3Ap3o=
";

/// What was typed and what came back, with the plan in front.
fn transcript(zone: &str, plan: &str, commands: &[&[&str]]) -> String {
    let folder = folder(zone, Some(plan));
    let mut shown = format!("{}\n", plan.strip_prefix(HEAD).unwrap_or(plan).trim());
    for arguments in commands {
        let output = watari(folder.path(), arguments);
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| utf8(&bytes));
        shown += &format!("\n$ watari {}\n{stdout}{stderr}", arguments.join(" "));
        match output.status.code() {
            Some(0) => {}
            status => shown += &format!("(exit status {})\n", status.unwrap()),
        }
    }
    shown
}

const SHOW: &[&str] = &["plan", "show", "example.com", "--now", "2026-11-20T00:00Z"];
const CHECK: &[&str] = &["plan", "check", "example.com"];

#[test]
fn a_hand_over_shows_the_registrys_part_and_each_class_of_resolver() {
    let plan = format!("{HEAD}{SERVERS}{ASKED}parent_lag = \"15m\"\n");
    let diff = ["plan", "diff", "example.com", "T-1s", "T"];
    let json = ["plan", "show", "example.com", "--now", "2026-11-20T00:00Z", "--json"];
    assert_golden("authority", "moves", &transcript(ZONE, &plan, &[SHOW, CHECK, &diff, &json]));
}

#[test]
fn old_servers_that_follow_let_sticky_resolvers_go() {
    let plan = format!("{HEAD}{SERVERS}{ASKED}old_follows = true\nchild_ttl = \"1h\"\n");
    assert_golden("authority", "follows", &transcript(ZONE, &plan, &[SHOW]));
}

#[test]
fn a_name_server_within_the_zone_has_its_address_there_and_a_name_that_stays_has_glue() {
    let zone = format!("{ZONE}ns3 IN A 192.0.2.3\n");
    let plan = format!("{HEAD}\n[authority]\nfrom = [\"ns1\", \"ns2\"]\nto = [\"ns2\", \"ns3\"]\n{ASKED}");
    assert_golden("authority", "within", &transcript(&zone, &plan, &[SHOW]));
}

#[test]
fn data_moves_with_authority_only_if_the_plan_says_so() {
    let refused = format!("{HEAD}{SERVERS}{ASKED}{FLIP}");
    let accepted = format!("{HEAD}{SERVERS}{ASKED}data = \"may-change\"\n{FLIP}");
    let shown = transcript(ZONE, &refused, &[CHECK]) + "\n----\n" + &transcript(ZONE, &accepted, &[CHECK, SHOW]);
    assert_golden("authority", "data", &shown);
}

#[test]
fn a_signed_zone_is_handed_over_as_it_is() {
    let zone = format!("{ZONE}{SIGNED}");
    let switch = format!("{HEAD}{SERVERS}parent_ttl = \"1d\"\nds = \"present\"\nnew_side = \"signed\"\n");
    let nothing = format!("{switch}here = \"nothing\"\n");
    let absent = format!("{HEAD}{SERVERS}parent_ttl = \"1d\"\nds = \"absent\"\n");
    let shown = [transcript(&zone, &switch, &[CHECK]), transcript(&zone, &nothing, &[CHECK, SHOW])];
    let shown = shown.join("\n----\n") + "\n----\n" + &transcript(&zone, &absent, &[CHECK]);
    assert_golden("authority", "signed", &shown);
}

#[test]
fn a_hand_over_that_is_in_the_zone_file_already_goes_on_at_the_registry() {
    let zone = ZONE.replace("NS   ns1", "NS ns1.new.example.").replace("NS   ns2", "NS ns2.new.example.");
    let plan = format!("{HEAD}{SERVERS}{ASKED}");
    assert_golden("authority", "done", &transcript(&zone, &plan, &[CHECK, SHOW]));
}

#[test]
fn faults_are_told_all_at_once_each_with_a_way_out() {
    let authority = |rest: &str| format!("{HEAD}\n[authority]\n{rest}");
    let signed = format!("{ZONE}{SIGNED}");
    let nothing_here =
        "here = \"nothing\"\nfrom = [\"ns1\", \"ns9\"]\nto = [\"ns.example.\"]\nparent_ttl = \"0s\"\nds = \"absent\"\n";
    let flip_of_ns = FLIP.replace("\"A\"", "\"NS\"").replace("www", "@");
    let cases = [
        (ZONE, authority("from = [\"ns1\"]\nto = []\nparent_tll = \"1d\"\nds = \"maybe\"\nold_follows = \"yes\"\n")),
        (
            ZONE,
            authority("from = [\"ns1\"]\nto = [\"ns2 ns3\", \"ns4.\"]\nglue_ttl = \"soon\"\nnew_side = \"signed\"\n"),
        ),
        (
            ZONE,
            authority("from = [\"ns1\", \"ns2\"]\nto = [\"NS2\", \"ns1\"]\nparent_ttl = \"1d\"\nds = \"present\"\n"),
        ),
        (ZONE, authority("from = [\"ns1\", \"ns9\"]\nto = [\"ns.example\", \"mail\"]\nparent_ttl = \"1d\"\n")),
        (ZONE, format!("{HEAD}{SERVERS}parent_ttl = \"1d\"\nds = \"present\"\nnew_side = \"unsigned\"\n")),
        (ZONE, authority(nothing_here)),
        (&*signed, format!("{HEAD}{SERVERS}parent_ttl = \"1d\"\nhere = \"nothing\"\n")),
        (ZONE, format!("{HEAD}authority = \"moves\"\n")),
        (ZONE, format!("{HEAD}{flip_of_ns}")),
    ];
    let shown: Vec<_> = cases.iter().map(|(zone, plan)| transcript(zone, plan, &[CHECK])).collect();
    assert_golden("authority", "faults", &shown.join("\n----\n"));
}

// ---- Model resolvers

const T: i64 = 1_796_061_600; // 2026-11-30T18:00:00Z
const TTLS: [u32; 8] = [0, 1, 60, 299, 3600, 7200, 86_400, 172_800];
const TICK: Duration = Duration::from_nanos(1);

#[derive(Clone, Debug)]
struct World {
    parent_ttl: u32,
    child_ttl: u32,
    /// Of the data at the old servers.
    data_ttl: u32,
    parent_lag: u32,
    old_follows: bool,
    /// Which answers bring no NS records, from the lowest bit on.
    silent: u64,
    /// Seconds from T at which a client asks a resolver.
    asked: Vec<i64>,
}

fn worlds() -> impl Strategy<Value = World> {
    let ttl = || prop_oneof![prop::sample::select(&TTLS[..]), 0u32..200_000];
    let asked = prop::collection::vec(-400_000i64..600_000, 60);
    (ttl(), ttl(), 1u32..100_000, prop_oneof![Just(0u32), 0u32..10_000], any::<bool>(), any::<u64>(), asked).prop_map(
        |(parent_ttl, child_ttl, data_ttl, parent_lag, old_follows, silent, asked)| World {
            parent_ttl,
            child_ttl,
            data_ttl,
            parent_lag,
            old_follows,
            silent,
            asked,
        },
    )
}

fn schedule(zone: &str, plan: &str) -> Schedule {
    schedule_of(zone, plan, &Run::proposed(Instant::from_unix_seconds(0)))
}

fn schedule_of(zone: &str, plan: &str, run: &Run) -> Schedule {
    let apex = Name::from_text("example.com").unwrap();
    let zone = text::load(apex.as_ref(), &"example.com.zone".into(), zone.as_bytes(), &NoInclude).zone.unwrap();
    let loaded = load(&zone, &"example.com.plan.toml".into(), plan.as_bytes(), run);
    loaded.schedule.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

impl World {
    fn authority(&self) -> Authority {
        let zone = ZONE.replace("www     IN", &format!("www {}", self.data_ttl));
        let plan = format!(
            "{HEAD}{SERVERS}parent_ttl = {}\nchild_ttl = {}\nparent_lag = {}\nold_follows = {}\nds = \"absent\"\n\
             data = \"may-change\"\n{FLIP}",
            self.parent_ttl, self.child_ttl, self.parent_lag, self.old_follows
        );
        schedule(&zone, &plan).authority.unwrap()
    }

    fn registered_at(&self) -> Instant {
        Instant::from_unix_seconds(T).after(length(self.parent_lag))
    }

    /// When resolvers are asked: at random, and right before what they hold may end or change.
    fn instants(&self) -> Vec<Instant> {
        let t = Instant::from_unix_seconds(T);
        let registered_at = self.registered_at();
        let mut instants: Vec<_> = self.asked.iter().map(|&at| Instant::from_unix_seconds(T + at)).collect();
        for minimum in [0, MINIMUM_TTL.0] {
            let [parent, child] = [self.parent_ttl, self.child_ttl].map(|ttl| length(ttl.max(minimum)));
            for base in [t.before(TICK), registered_at.before(TICK)] {
                instants.extend([base, base.after(parent), base.after(child), base.after(parent).after(child)]);
                instants.push(base.after(parent).before(TICK));
                instants.push(base.after(child).before(TICK));
                instants.push(base.after(parent).after(child).before(TICK).before(TICK));
            }
        }
        instants.sort();
        instants.dedup();
        instants
    }
}

fn length(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}

/// Which servers NS records name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Servers {
    Old,
    New,
}

/// NS records in a cache, and until when.
#[derive(Clone, Copy, Debug)]
struct Known {
    servers: Servers,
    until: Instant,
}

/// What a resolver does with the NS records that an answer brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Learns {
    /// It leaves them.
    Never,
    /// It takes them in the place of the parent's, which are gone with that.
    InPlace,
    /// It takes them when it has none of the zone's own.
    Beside,
    /// It takes them from every answer.
    Always,
}

/// A resolver of one kind.
#[derive(Debug)]
struct Resolver<'w> {
    world: &'w World,
    learns: Learns,
    minimum: u32,
    /// Which of the answers that it gets bring no NS records.
    silent: u64,
    parent: Option<Known>,
    child: Option<Known>,
    /// The last instant at which it asked an old server.
    asked_old_at: Option<Instant>,
}

impl<'w> Resolver<'w> {
    fn new(world: &'w World, learns: Learns, minimum: u32, silent: u64) -> Resolver<'w> {
        Resolver { world, learns, minimum, silent, parent: None, child: None, asked_old_at: None }
    }

    fn kept(&self, servers: Servers, now: Instant, ttl: u32) -> Known {
        Known { servers, until: now.after(length(ttl.max(self.minimum))) }
    }

    /// A client asks it at `now`, and it has no answer in its cache.
    fn asked(&mut self, now: Instant) {
        for known in [&mut self.parent, &mut self.child] {
            *known = known.filter(|known| now < known.until);
        }
        if self.parent.is_none() && self.child.is_none() {
            let servers = if now < self.world.registered_at() { Servers::Old } else { Servers::New };
            self.parent = Some(self.kept(servers, now, self.world.parent_ttl));
        }
        let Some(servers) = self.child.or(self.parent).map(|known| known.servers) else { return };
        if servers == Servers::Old {
            self.asked_old_at = Some(now);
        }
        let is_silent = self.silent & 1 == 1;
        self.silent = self.silent.rotate_right(1);
        if is_silent {
            return;
        }
        let has_changed = now >= Instant::from_unix_seconds(T) && self.world.old_follows;
        let told = if servers == Servers::New || has_changed { Servers::New } else { Servers::Old };
        let told = self.kept(told, now, self.world.child_ttl);
        match self.learns {
            Learns::Never => {}
            Learns::InPlace if self.child.is_some() => {}
            Learns::InPlace => (self.parent, self.child) = (None, Some(told)),
            Learns::Beside => self.child = self.child.or(Some(told)),
            Learns::Always => self.child = Some(told),
        }
    }
}

/// The resolvers that a class is made of; at worst some answers bring no NS records (`silent`).
fn resolvers(world: &World, class: ResolverClass, silent: u64) -> Vec<Resolver<'_>> {
    let resolver = |learns| Resolver::new(world, learns, 0, 0);
    let all = [Learns::Never, Learns::InPlace, Learns::Beside];
    match class {
        ResolverClass::ParentCentric => vec![resolver(Learns::Never)],
        // Either all answers bring NS records or none does, which is as if it had learnt none.
        ResolverClass::ChildCentric => vec![resolver(Learns::InPlace), resolver(Learns::Never)],
        ResolverClass::ChildCentricAtWorst => all.map(|learns| Resolver::new(world, learns, 0, silent)).into(),
        ResolverClass::Sticky => vec![Resolver::new(world, Learns::Always, 0, silent)],
        ResolverClass::MinimumTtl => all.map(|learns| Resolver::new(world, learns, MINIMUM_TTL.0, silent)).into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_resolver_asks_an_old_server_after_the_horizon_of_its_class(world in worlds()) {
        let authority = world.authority();
        let instants = world.instants();
        for horizon in &authority.horizons {
            let Some(until) = horizon.asks.at else {
                prop_assert!(horizon.class == ResolverClass::Sticky && !world.old_follows);
                continue;
            };
            let data_until = horizon.holds.as_ref().unwrap().at.unwrap();
            let minimum = if horizon.class.is_conforming() { 0 } else { MINIMUM_TTL.0 };
            // Whatever a resolver was asked before, and since when.
            for since in 0..instants.len() {
                for mut resolver in resolvers(&world, horizon.class, world.silent) {
                    instants[since..].iter().for_each(|&at| resolver.asked(at));
                    let Some(last) = resolver.asked_old_at else { continue };
                    prop_assert!(last <= until, "{:?}: {last:?} is after {until:?}", horizon.class);
                    prop_assert!(last.after(length(world.data_ttl.max(minimum))) <= data_until);
                    prop_assert!(last <= authority.old_servers_until());
                }
            }
        }
    }

    #[test]
    fn horizons_are_no_later_than_the_last_resolver_needs(world in worlds()) {
        let authority = world.authority();
        let registered_at = world.registered_at();
        let (before, t) = (registered_at.before(TICK), Instant::from_unix_seconds(T).before(TICK));
        for horizon in &authority.horizons {
            let Some(until) = horizon.asks.at else { continue };
            let minimum = if horizon.class.is_conforming() { 0 } else { MINIMUM_TTL.0 };
            let [parent, child] = [world.parent_ttl, world.child_ttl].map(|ttl| length(ttl.max(minimum)));
            // Asked twice or three times: when it last learns of the old servers, and when it last knows them.
            let end = |base: Instant, ttl: Duration| base.after(ttl).before(TICK);
            let ways = [
                vec![before, end(before, parent)],
                vec![before, end(before, child)],
                vec![t, end(t, child)],
                vec![before, end(before, parent), end(end(before, parent), child)],
                vec![before],
            ];
            let mut last = None;
            for way in &ways {
                // From the first answer nothing of the zone's own is learnt, or from all something.
                for mut resolver in [1, 0].into_iter().flat_map(|silent| resolvers(&world, horizon.class, silent)) {
                    // A TTL of 0 ends before the tick before its end.
                    way.iter().filter(|at| **at >= way[0]).for_each(|&at| resolver.asked(at));
                    last = last.max(resolver.asked_old_at);
                }
            }
            prop_assert!(until.since(last.unwrap()) <= 4 * TICK, "{:?}: {last:?}, {until:?}", horizon.class);
        }
    }
}

#[test]
fn a_sticky_resolver_stays_for_as_long_as_the_old_servers_answer() {
    let world = World {
        parent_ttl: 60,
        child_ttl: 3600,
        data_ttl: 60,
        parent_lag: 0,
        old_follows: false,
        silent: 0,
        asked: (-1..1000).map(|hours| hours * 3000).collect(),
    };
    let sticky = &world.authority().horizons[3];
    assert_eq!((sticky.class, sticky.asks.at), (ResolverClass::Sticky, None));
    let mut resolver = Resolver::new(&world, Learns::Always, 0, 0);
    world.asked.iter().for_each(|&at| resolver.asked(Instant::from_unix_seconds(T + at)));
    assert_eq!(resolver.asked_old_at, Some(Instant::from_unix_seconds(T + 999 * 3000)));
}

// ---- What is armed

#[test]
fn what_is_armed_covers_the_hand_over() {
    let plan = |rest: &str| format!("{HEAD}{SERVERS}ds = \"absent\"\nparent_ttl = \"1d\"\n{rest}");
    let digest = |zone: &str, rest: &str| schedule(zone, &plan(rest)).digest();
    let first = schedule(ZONE, &plan("here = \"nothing\"\n"));
    assert_eq!(first.digest(), digest(ZONE, "here = \"nothing\"\n"));
    // The plan's text is the same: what differs is the TTL of the NS records in the zone.
    let short = ZONE.replace("IN NS   ns1", "3600 IN NS ns1").replace("IN NS   ns2", "3600 IN NS ns2");
    assert_ne!(first.digest(), digest(&short, "here = \"nothing\"\n"));
    let mut other = first.clone();
    other.authority.as_mut().unwrap().horizons[0].asks.at = None;
    assert_ne!(first.digest(), other.digest());
}

#[test]
fn a_plan_that_is_taken_back_says_that_the_registry_must_be_told() {
    let plan = format!("{HEAD}{SERVERS}{ASKED}");
    let flipped_at = Instant::from_unix_seconds(T);
    let ending = Ending { at: flipped_at.after(length(3600)), kind: EndingKind::RolledBack };
    let armed = Run { proposed: false, ..Run::proposed(Instant::from_unix_seconds(0)) };
    let shown = |run: &Run| show::render(&schedule_of(ZONE, &plan, run), flipped_at.after(length(7200)), false);
    assert!(shown(&armed).contains("may be cancelled"));
    let taken_back = shown(&Run { ending: Some(ending), ..armed });
    assert!(!taken_back.contains("may be cancelled") && taken_back.contains("have it undone"), "{taken_back}");
}

#[test]
fn a_horizon_reckons_with_secondaries_that_follow_later() {
    let secondaries = "[secondaries]\nservers = [\"192.0.2.53\"]\nwithin = \"10m\"\n";
    let plan = format!("{HEAD}{secondaries}{SERVERS}ds = \"absent\"\nparent_ttl = 60\nold_follows = true\n");
    let authority = schedule(ZONE, &plan).authority.unwrap();
    assert_eq!(authority.horizons[3].asks.sum, "max(T + D + C, T + P)");
    assert_eq!(authority.old_servers_until(), Instant::from_unix_seconds(T + 600 + 86_400));
}
