//! Portfolios with the program itself: many zones, one plan, in waves; what is said of its faults
//! (`tests/portfolio/NAME.txt`; `UPDATE_GOLDEN=1 cargo test --test portfolio` writes those anew).
//!
//! Every wait is for a condition and bounded; every server is ended by its id.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use support::golden::assert_golden;
use support::ports::free_address;
use support::program::{self, PATIENCE, Running};

const ZONES: usize = 30;

struct Watari {
    folder: tempfile::TempDir,
    running: Option<Running>,
    port: String,
}

impl Watari {
    /// A folder of thirty zones, and nobody who serves it.
    fn new() -> Watari {
        let watari = Watari { folder: tempfile::tempdir().unwrap(), running: None, port: String::new() };
        for i in 0..ZONES {
            watari.write(&format!("{}/{}.zone", i % 3, zone(i)), &text("192.0.2.10"));
        }
        watari
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("zones").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // In one step, as who deploys files does.
        let scratch = path.with_file_name(".scratch");
        fs::write(&scratch, text).unwrap();
        fs::rename(scratch, path).unwrap();
    }

    fn start(&mut self) {
        self.running = None;
        let mut command = Command::new(env!("CARGO_BIN_EXE_watari"));
        command.args(["serve", "--listen", &free_address().to_string(), "--workers", "1"]);
        command.current_dir(self.folder.path()).env_remove("WATARI_LOG");
        self.running = Some(Running::start("watari", command, self.folder.path().join("log")));
        self.until("it is ready", |watari| watari.log().lines().any(|line| line.starts_with("ready: ")));
        let log = self.log();
        let line = log.lines().find(|line| line.starts_with("ready: ")).unwrap();
        self.port = line.rsplit(':').next().unwrap().to_owned();
    }

    fn log(&self) -> String {
        self.running.as_ref().map(Running::log).unwrap_or_default()
    }

    fn until(&mut self, what: &str, condition: impl Fn(&Watari) -> bool) {
        let running = self.running.as_ref().expect("a server that runs");
        running.until(what, || condition(self));
    }

    fn address(&self, zone: &str) -> String {
        let name = format!("www.{zone}");
        let all = ["@127.0.0.1", "-p", &self.port, "+tries=3", "+timeout=2", "+short", &name, "A"];
        program::run("dig", self.folder.path(), &all, PATIENCE).stdout.trim_end().to_owned()
    }

    /// How many zones have the new address.
    fn moved(&self) -> usize {
        (0..ZONES).filter(|i| self.address(&zone(*i)) == "192.0.2.11").count()
    }

    /// What came out of a command, and its exit status.
    fn watari(&self, line: &str) -> (String, i32) {
        let (out, err, status) = self.run(line);
        (out + &err, status)
    }

    fn json(&self, line: &str) -> serde_json::Value {
        let (out, err, _) = self.run(line);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"))
    }

    fn run(&self, line: &str) -> (String, String, i32) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watari"));
        command.args(line.split(' ')).current_dir(self.folder.path()).env_remove("WATARI_LOG");
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        (text(output.stdout), text(output.stderr), output.status.code().unwrap())
    }
}

fn zone(i: usize) -> String {
    format!("z{i}.example")
}

fn text(address: &str) -> String {
    format!(
        "$TTL 1\n@ SOA ns1 h 2026112301 7200 3600 1209600 300\n@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.2\nwww A {address}\n"
    )
}

/// A portfolio whose first wave is so many seconds from now.
fn portfolio(zones: &str, seconds: u64, rest: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let at = jiff::Timestamp::from_second(i64::try_from(now + seconds).unwrap()).unwrap();
    format!("version = 1\nzones = [{zones}]\nat = \"{at}\"\nlate = \"accept\"\nlow_ttl = \"1s\"\n{rest}{FLIP}")
}

const FLIP: &str = "\n[[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.10\"]\nto = [\"192.0.2.11\"]\n";

fn nanos() -> i128 {
    i128::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}

#[test]
fn each_zone_flips_in_its_wave() {
    let mut watari = Watari::new();
    let waves = "arm = \"on-load\"\n[waves]\ncount = 3\nevery = \"2s\"\n";
    watari.write("2/spring.portfolio.toml", &portfolio("\"*.example\"", 10, waves));
    let shown = watari.json("plan show spring.portfolio --json");
    let at: Vec<(String, i128)> = shown["zones"]
        .as_array()
        .unwrap()
        .iter()
        .map(|zone| {
            let at: jiff::Timestamp = zone["at"].as_str().unwrap().parse().unwrap();
            assert_eq!(zone["moves"], true, "{zone}");
            (zone["zone"].as_str().unwrap().to_owned(), at.as_nanosecond())
        })
        .collect();
    assert_eq!(at.len(), ZONES);
    let mut instants: Vec<_> = at.iter().map(|(_, at)| *at).collect();
    instants.sort_unstable();
    instants.dedup();
    assert_eq!(instants.len(), 3);
    assert_eq!(instants[2] - instants[0], 4_000_000_000);

    watari.start();
    // An answer may be as old as the question before it and the answer after it.
    let mut seen = (false, 0);
    while nanos() < instants[2] + 500_000_000 {
        for (zone, at) in &at {
            let before = nanos();
            let address = watari.address(zone);
            match &*address {
                "192.0.2.10" => assert!(before < *at, "{zone} is late"),
                "192.0.2.11" => assert!(nanos() >= *at, "{zone} is early"),
                other => panic!("{zone} is {other}\n{}", watari.log()),
            }
            let is_between = nanos() > instants[0] && before < instants[2];
            seen.0 |= is_between;
            seen.1 += usize::from(address == "192.0.2.11" && is_between);
        }
    }
    assert!(seen.0 && seen.1 > 0, "nobody looked between two waves");
    assert_eq!(watari.moved(), ZONES);
    // Whoever was down answers as if it had not been.
    watari.start();
    assert_eq!(watari.moved(), ZONES);
}

#[test]
fn a_list_that_grows_moves_the_new_zones_and_no_others() {
    let mut watari = Watari::new();
    let past = portfolio("\"z1.example\", \"z2.example\"", 0, "arm = \"on-load\"\n");
    watari.write("spring.portfolio.toml", &past);
    watari.start();
    watari.until("two have moved", |watari| watari.moved() == 2);
    watari.write("spring.portfolio.toml", &past.replace("\"z1.example\"", "\"z1.example\",\n  \"z7.example\""));
    watari.until("a third has moved", |watari| watari.moved() == 3);
    let armed = |log: &str| log.matches(": armed by the plan's file").count();
    assert_eq!(armed(&watari.log()), 3, "{}", watari.log());

    // A typing error withdraws nothing, neither at once nor after a restart.
    watari.write("spring.portfolio.toml", &past.replace("zones =", "zones"));
    watari.until("the fault is told", |watari| watari.log().contains("what it says now can't be used"));
    assert_eq!(watari.moved(), 3);
    watari.start();
    watari.until("the fault is told", |watari| watari.log().contains("what it says now can't be used"));
    assert_eq!(watari.moved(), 3);

    // What is no longer in the list, and what has no portfolio any more, is as its file says.
    watari.write("spring.portfolio.toml", &past);
    watari.until("one has gone back", |watari| watari.moved() == 2);
    fs::remove_file(watari.path("spring.portfolio.toml")).unwrap();
    watari.until("all have gone back", |watari| watari.moved() == 0);
    assert!(!watari.log().contains("edited after it was armed"), "{}", watari.log());
}

#[test]
fn a_zone_has_one_plan_and_its_own_counts() {
    let mut watari = Watari::new();
    let past = portfolio("\"z1.example\", \"z2.example\"", 0, "arm = \"on-load\"\n");
    watari.write("b.portfolio.toml", &past);
    let own = past.replace("zones = [\"z1.example\", \"z2.example\"]\n", "").replace("192.0.2.11", "192.0.2.12");
    watari.write("1/z1.example.plan.toml", &own);
    watari.write("c.portfolio.toml", &portfolio("\"z2.*\"", 0, "").replace("z2.*", "z2.example"));
    watari.write("d.portfolio.toml", &portfolio("\"*.nowhere\"", 0, ""));
    watari.start();
    watari.until("both have moved", |watari| {
        watari.address("z1.example") == "192.0.2.12" && watari.address("z2.example") == "192.0.2.11"
    });
    let log = watari.log();
    for told in [
        "z1.example has two plans: zones/1/z1.example.plan.toml and zones/b.portfolio.toml",
        "z2.example has two plans: zones/b.portfolio.toml and zones/c.portfolio.toml",
        "zones/d.portfolio.toml is for no zone that is here",
    ] {
        assert!(log.contains(told), "{told}: {log}");
    }
    // When its own plan goes, the portfolio's counts; when that comes first, it does.
    fs::remove_file(watari.path("1/z1.example.plan.toml")).unwrap();
    watari.until("the portfolio counts", |watari| watari.address("z1.example") == "192.0.2.11");
    watari.write("a.portfolio.toml", &past.replace("192.0.2.11", "192.0.2.13"));
    watari.until("the first by path counts", |watari| watari.address("z2.example") == "192.0.2.13");
}

#[test]
fn all_zones_are_armed_held_and_rolled_back_together() {
    let mut watari = Watari::new();
    watari.write("0/z3.example.zone", &text("192.0.2.99"));
    watari.write("0/z6.example.zone", &text("192.0.2.11"));
    watari.write("spring.portfolio.toml", &portfolio("\"*.example\"", 3600, "[waves]\ncount = 3\nevery = \"1h\"\n"));
    watari.start();
    let states = |watari: &Watari| {
        let mut all: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
        for wave in watari.json("status spring.portfolio --json")["waves"].as_array().unwrap() {
            for (state, count) in wave["states"].as_object().unwrap() {
                *all.entry(state.clone()).or_default() += count.as_u64().unwrap();
            }
        }
        all.into_iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(states(&watari), "30 not armed");

    // It is shown, and nothing is done.
    let (said, status) = watari.watari("arm spring.portfolio");
    assert_eq!(status, 1);
    assert!(said.contains("28 of 30 zones would be armed"), "{said}");
    assert!(said.contains("1 need nothing") && said.contains("z3.example: www.z3.example. A is neither"), "{said}");
    assert_eq!(states(&watari), "30 not armed");

    // One can't be armed: the others are, and the exit status says so.
    let (said, status) = watari.watari("arm spring.portfolio.toml --yes");
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("28 of 30 zones are armed"), "{said}");
    assert_eq!(states(&watari), "28 armed, 2 not armed");
    let again = watari.json("arm spring.portfolio --json");
    assert_eq!((again["able"].as_u64(), again["needless"].as_u64()), (Some(0), Some(29)), "{again}");
    // Its record in the journal is the zone's own.
    let one = watari.json("status z1.example --json");
    assert_eq!((one["state"].as_str(), one["journal"].as_array().map(Vec::len)), (Some("armed"), Some(1)), "{one}");

    let (said, status) = watari.watari("hold spring.portfolio --why lunch --yes");
    assert_eq!(status, 1, "{said}");
    assert_eq!(states(&watari), "28 held, 2 not armed");
    let (said, status) = watari.watari("resume spring.portfolio --at 2040-01-01T00:00Z --yes");
    assert!(status == 1 && said.contains("instants of their own"), "{said}");
    watari.watari("resume spring.portfolio --yes");
    assert_eq!(states(&watari), "28 armed, 2 not armed");

    // One zone goes its own way, and nobody rolls back what has not flipped.
    assert_eq!(watari.watari("abort z1.example --yes").1, 0);
    let (said, status) = watari.watari("rollback spring.portfolio --yes");
    assert!(status == 1 && said.contains("nothing has flipped yet"), "{said}");
    watari.start();
    assert_eq!(states(&watari), "1 aborted, 27 armed, 2 not armed");
    watari.watari("abort spring.portfolio --yes");
    assert_eq!(states(&watari), "28 aborted, 2 not armed");
    let (said, status) = watari.watari("arm autumn.portfolio --yes");
    assert!(status == 1 && said.contains("there is no portfolio autumn.portfolio"), "{said}");
}

#[test]
fn a_portfolio_that_flipped_goes_back_together() {
    let mut watari = Watari::new();
    watari.write("spring.portfolio.toml", &portfolio("\"*.example\"", 0, ""));
    watari.start();
    assert_eq!(watari.moved(), 0);
    let (said, status) = watari.watari("arm spring.portfolio --yes");
    assert_eq!(status, 0, "{said}");
    assert_eq!(watari.moved(), ZONES);
    let (said, status) = watari.watari("rollback spring.portfolio --yes");
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("if you roll back now, the last cache recovers at"), "{said}");
    assert_eq!(watari.moved(), 0);
}

/// What was typed and what came back.
fn transcript(watari: &Watari, lines: &[&str]) -> String {
    let mut shown = String::new();
    for line in lines {
        let (said, status) = watari.watari(line);
        shown += &format!("$ watari {line}\n{said}(exit status {status})\n\n");
    }
    shown
}

const SPRING: &str = r#"version = 1
zones = [
  "*.example",
  "shop.test",
]
except = ["z29.example"]
at = "2040-12-01T03:00[Asia/Tokyo]"

[waves]
count = 4
every = "1h"

[[flip]]
name = "www"
type = "A"
from = ["192.0.2.10"]
to = ["192.0.2.11"]
"#;

#[test]
fn what_a_portfolio_does_is_shown_wave_by_wave() {
    let watari = Watari::new();
    watari.write("spring.portfolio.toml", SPRING);
    watari.write("0/z3.example.zone", &text("192.0.2.99"));
    watari.write("0/z6.example.zone", &text("192.0.2.11"));
    watari.write("none.portfolio.toml", &SPRING.replace("*.example", "*.org").replace("4", "1"));
    let now = "--now 2040-11-30T12:00Z";
    let show = format!("plan show spring.portfolio {now}");
    let lines =
        [&*show, "plan show zones/spring.portfolio.toml --json", "plan show autumn.portfolio", "plan check z3.example"];
    let shown = transcript(&watari, &lines[..1]) + &transcript(&watari, &lines[2..]);
    assert_golden("portfolio", "show", &shown);
    assert_eq!(watari.json(lines[1])["zones"].as_array().unwrap().len(), ZONES - 1);
}

#[test]
fn faults_are_shown_once_with_their_places() {
    let watari = Watari::new();
    let faulty = SPRING
        .replace("\"shop.test\"", "\"a*.test\", 7, \"a..b\"")
        .replace("count = 4", "count = 0")
        .replace("192.0.2.11", "192.0.2.300")
        .replace("every", "evry");
    watari.write("faulty.portfolio.toml", &faulty);
    watari.write("spring.portfolio.toml", &(SPRING.replace("except", "spread = \"1m\"\nexcept")));
    watari.write("summer.portfolio.toml", &SPRING.replace("\"*.example\"", "\"z4.example\"").replace("2040", "2041"));
    watari.write("winter.portfolio.toml", &SPRING.replace("*.example", "*.org"));
    watari.write("0/z3.example.zone", &text("192.0.2.99"));
    watari.write("1/z1.example.plan.toml", &SPRING.replace("[waves]\ncount = 4\nevery = \"1h\"\n", ""));
    let shown = transcript(&watari, &["check", "plan check faulty.portfolio", "check zones/winter.portfolio.toml"]);
    assert_golden("portfolio", "faults", &shown);
}
