//! What a zone was before: secondaries are sent differences across edits of its file and restarts, and people are shown who
//! changed what and when (`tests/history/NAME.txt`; `UPDATE_GOLDEN=1` writes the texts anew).

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use support::drawn::Seed;
use support::golden::assert_golden;
use support::peer::{Kind, free_address};
use support::secondary::{Secondary, Shared, records};
use support::watari::{Watari, write};

const NAME: &str = "move.example";
const FILE: &str = "move.example.zone";
/// So many edits, and after so many a restart.
const EDITS: usize = 210;
const RESTART_EVERY: usize = 70;

/// Ours over `files`, from which this machine may have zones, telling those at `secondaries`.
fn primary(files: &[(&str, &str)], secondaries: &[SocketAddr]) -> Watari {
    primary_with("", files, secondaries, None)
}

/// The same, with this more in its configuration, telling them with the `key`.
fn primary_with(more: &str, files: &[(&str, &str)], secondaries: &[SocketAddr], key: Option<Shared<'_>>) -> Watari {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(&folder.path().join("zones").join(name), text);
    }
    let entry = |address| match key {
        Some(key) => format!("{{ address = \"{address}\", key = \"{}\" }}", key.name),
        None => format!("\"{address}\""),
    };
    let notify: Vec<_> = secondaries.iter().map(entry).collect();
    let keys = key.map_or_else(String::new, |Shared { name, algorithm, secret }| {
        format!("[keys.\"{name}\"]\nalgorithm = \"{algorithm}\"\nsecret = \"{secret}\"\n")
    });
    let text = format!("{keys}[transfer]\nallow = [\"127.0.0.1\"]\nnotify = [{}]\n{more}", notify.join(", "));
    let path = folder.path().join("watari.toml");
    write(&path, &text);
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    Watari::start(folder, &["--listen", &free_address().to_string()])
}

fn address(server: &Watari) -> SocketAddr {
    format!("127.0.0.1:{}", server.port).parse().unwrap()
}

/// The same server, ended and started again; what `meanwhile` does happens while it is down.
fn restarted(server: Watari, meanwhile: impl FnOnce(&std::path::Path)) -> Watari {
    let address = address(&server).to_string();
    let Watari { folder, running, .. } = server;
    drop(running);
    meanwhile(&folder.path().join("zones").join(FILE));
    Watari::start(folder, &["--listen", &address])
}

/// The changes that are remembered, the last first.
fn log(server: &Watari) -> Vec<Value> {
    let (_, text) = server.command(&["zone", "log", NAME, "--json"]);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Waits until the last change that is remembered leads to `serial`.
fn until_noted(server: &mut Watari, serial: u32) {
    server.until("the change is noted", |server| {
        let (_, text) = server.command(&["zone", "log", NAME, "--json", "--limit", "1"]);
        let last: Option<Vec<Value>> = serde_json::from_str(&text).ok();
        last.is_some_and(|last| last.first().is_some_and(|change| change["after"] == serial))
    });
}

fn serial(server: &Watari) -> u32 {
    server.data(NAME, "SOA").split(' ').nth(2).and_then(|serial| serial.parse().ok()).unwrap_or_default()
}

fn until_serial(server: &mut Watari, wanted: u32) {
    server.until(&format!("serial {wanted} is served"), |server| serial(server) == wanted);
}

/// A zone as it is edited: RRsets by owner and type, with their TTL.
struct Zone {
    serial: u32,
    rrsets: BTreeMap<(String, &'static str), (u32, BTreeSet<String>)>,
}

impl Zone {
    fn text(&self) -> String {
        let mut text = format!("@ 60 SOA ns h {} 1 1 1209600 60\n@ 60 NS ns\nns 60 A 192.0.2.1\n", self.serial);
        for ((owner, rtype), (ttl, datas)) in &self.rrsets {
            for data in datas {
                _ = writeln!(text, "{owner} {ttl} {rtype} {data}");
            }
        }
        text
    }

    /// Does one thing: adds, removes or replaces a record, gives an RRset another TTL, delegates or takes a delegation back.
    fn edit(&mut self, seed: &mut Seed) {
        let number = seed.below(250);
        let host = format!("h{}", seed.below(40));
        let cut = format!("cut{}", seed.below(6));
        match seed.below(8) {
            0..=2 => {
                let (rtype, data) = match seed.below(4) {
                    0 => ("A", format!("192.0.2.{number}")),
                    1 => ("AAAA", format!("2001:db8::{number:x}")),
                    2 => ("MX", format!("{} Mail{number}", number % 7)),
                    _ => ("TXT", format!("\"{}\"", "x".repeat(1 + number))),
                };
                let rrset = self.rrsets.entry((host, rtype)).or_insert((60, BTreeSet::new()));
                rrset.1.insert(data);
            }
            3 => {
                let mut owners = self.rrsets.keys().filter(|(owner, _)| owner.starts_with('h'));
                if let Some(key) = owners.nth(number % 20).cloned()
                    && let Some((_, datas)) = self.rrsets.get_mut(&key)
                {
                    datas.pop_first();
                }
            }
            4 => self.rrsets.values_mut().take(1 + number % 3).for_each(|(ttl, _)| *ttl = 30 + number as u32),
            5 => self.rrsets.retain(|(owner, _), _| *owner != host),
            6 => {
                self.rrsets.insert((cut.clone(), "NS"), (300, [format!("ns.{cut}"), "ns".to_owned()].into()));
                self.rrsets.insert((format!("ns.{cut}"), "A"), (300, [format!("192.0.2.{number}")].into()));
            }
            _ => self.rrsets.retain(|(owner, _), _| *owner != cut && *owner != format!("ns.{cut}")),
        }
        self.rrsets.retain(|_, (_, datas)| !datas.is_empty());
    }
}

#[test]
fn rfc1995_edits_of_the_file_reach_each_secondary_as_differences_and_across_restarts() {
    edits_reach_each_secondary(None);
}

#[test]
fn rfc8945_edits_of_the_file_reach_each_secondary_that_signs_as_differences_and_across_restarts() {
    let secret = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";
    edits_reach_each_secondary(Some(Shared { name: "history.example.", algorithm: "hmac-sha256", secret }));
}

fn edits_reach_each_secondary(key: Option<Shared<'_>>) {
    let mut seed = Seed(95);
    let mut zone = Zone { serial: u32::MAX - 50, rrsets: BTreeMap::new() };
    (0..60).for_each(|_| zone.edit(&mut seed));
    let addresses = Kind::PEERS.map(|kind| (kind, free_address()));
    let mut ours = primary_with("", &[(FILE, &zone.text())], &addresses.map(|(_, address)| address), key);
    let mut secondaries = addresses.map(|(kind, there)| Secondary::new(kind, there, address(&ours), &[NAME], key));
    for secondary in &mut secondaries {
        secondary.run();
        secondary.until_serial(NAME, zone.serial);
    }
    let (mut wholes, mut differences, mut asked) = (0, 0, 0);
    let mut count = |ours: &Watari| {
        let log = ours.log();
        let lines = |what: &str| log.lines().filter(|line| line.contains(what)).count();
        wholes += lines("transferred move.example. as a whole");
        let signed = key.map_or_else(String::new, |key| format!("with the key {}:", key.name));
        let is_theirs = |line: &&str| line.contains("transferred move.example. from serial") && line.contains(&signed);
        differences += log.lines().filter(is_theirs).count();
    };
    for round in 1..=EDITS {
        (0..1 + seed.below(4)).for_each(|_| zone.edit(&mut seed));
        zone.serial = zone.serial.wrapping_add(1 + seed.below(3) as u32).max(1);
        ours.write(FILE, &zone.text());
        until_serial(&mut ours, zone.serial);
        // Sometimes they fall behind, and have more than one change to take.
        if seed.below(4) == 0 {
            continue;
        }
        let expected = records(address(&ours), NAME);
        asked += 1;
        for secondary in &mut secondaries {
            let there = secondary.records_at(NAME, zone.serial);
            let differ: Vec<_> = there.symmetric_difference(&expected).collect();
            assert!(differ.is_empty(), "edit {round}, {}: {differ:#?}", secondary.kind.name());
        }
        if round % RESTART_EVERY < 3 && round > 3 {
            count(&ours);
            ours = restarted(ours, |_| ());
        }
    }
    count(&ours);
    // The first of each, and what this test has asked for.
    assert_eq!(wholes - asked, Kind::PEERS.len(), "{}", ours.log());
    assert!(differences >= 2 * asked, "{differences} of {asked}");
    let log = log(&ours);
    assert!(log.iter().all(|change| change["records"] == true && change["source"] == "file"), "{log:?}");
    assert!(log.windows(2).all(|pair| pair[0]["before"] == pair[1]["after"]), "{log:?}");
    assert_eq!(log.first().map(|change| &change["after"]), Some(&zone.serial.into()));
}

const ZONE: &str = "$TTL 3\n@ SOA ns h 1 60 60 1209600 3\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.10\n$GENERATE 1-9 host$ A 192.0.2.$\n";

fn with_serial(serial: u32, rest: &str) -> String {
    ZONE.replace("h 1 ", &format!("h {serial} ")) + rest
}

/// How many SOA records the answer to IXFR from `serial` has, and which records of `new` and `old`.
fn ixfr(server: &Watari, serial: u32) -> (usize, String) {
    let shown = server.dig(&[&format!("ixfr={serial}"), NAME, "+noall", "+answer"]);
    (shown.lines().filter(|line| line.contains("SOA")).count(), shown)
}

#[test]
fn an_edit_while_no_server_runs_is_a_gap_and_says_so() {
    let mut ours = primary(&[(FILE, ZONE)], &[]);
    ours.write(FILE, &with_serial(2, "two A 192.0.2.2\n"));
    until_serial(&mut ours, 2);
    until_noted(&mut ours, 2);
    assert_eq!(ixfr(&ours, 1).0, 4);
    // Nothing was edited: it goes on.
    ours = restarted(ours, |_| ());
    assert_eq!(ixfr(&ours, 1).0, 4);
    // A comment is no change.
    ours = restarted(ours, |file| write(file, &with_serial(2, "two A 192.0.2.2 ; the second\n")));
    assert_eq!(ixfr(&ours, 1).0, 4);
    ours = restarted(ours, |file| write(file, &with_serial(5, "five A 192.0.2.5\n")));
    until_noted(&mut ours, 5);
    assert_eq!(ixfr(&ours, 1).0, 2);
    assert_eq!(ixfr(&ours, 2).0, 2);
    ours.write(FILE, &with_serial(6, "five A 192.0.2.5\nsix A 192.0.2.6\n"));
    until_serial(&mut ours, 6);
    until_noted(&mut ours, 6);
    assert_eq!(ixfr(&ours, 5).0, 4);
    assert_eq!(ixfr(&ours, 2).0, 2);
    let shown: Vec<_> = log(&ours)
        .iter()
        .map(|change| {
            (change["before"].as_u64().unwrap(), change["after"].as_u64().unwrap(), change["removed"].is_null())
        })
        .collect();
    assert_eq!(shown, [(5, 6, false), (2, 5, true), (1, 2, false)]);
    let (fine, text) = ours.command(&["zone", "diff", NAME, "1"]);
    assert!(
        !fine && text.contains("which records of move.example went and came from serial 2 to 5 is not known"),
        "{text}"
    );
}

#[test]
fn a_serial_that_was_served_twice_with_other_contents_is_no_beginning() {
    let mut ours = primary(&[(FILE, ZONE)], &[]);
    ours.write(FILE, &with_serial(2, "two A 192.0.2.2\n"));
    until_serial(&mut ours, 2);
    // The serial was forgotten.
    ours.write(FILE, &with_serial(2, "two A 192.0.2.2\nforgotten A 192.0.2.3\n"));
    ours.until_data("forgotten.move.example", "192.0.2.3");
    let said = "move.example: served, but its serial 2 is not above 2: secondaries won't notice; write 3 or higher";
    ours.until_said(said);
    ours.write(FILE, &with_serial(3, "two A 192.0.2.2\nforgotten A 192.0.2.3\nthree A 192.0.2.4\n"));
    until_serial(&mut ours, 3);
    for serial in [1, 2] {
        let (soas, shown) = ixfr(&ours, serial);
        assert_eq!(soas, 2, "{shown}");
        assert!(shown.contains("forgotten"), "{shown}");
    }
    until_noted(&mut ours, 3);
    let (_, text) = ours.command(&["zone", "log", NAME]);
    let told: Vec<_> = text.lines().map(|line| line.split_once("; ").map_or("", |(_, told)| told)).collect();
    let again = "serial 2 was served before with other records";
    assert_eq!(told, ["", again, "serial 2 was served again with other records"], "{text}");
    let unique: Vec<_> = log(&ours).iter().map(|change| change["unique"] == true).collect();
    assert_eq!(unique, [true, false, false]);
    ours = restarted(ours, |_| ());
    assert_eq!(ixfr(&ours, 2).0, 2, "neither after a restart");
    ours.write(FILE, &with_serial(4, "two A 192.0.2.2\n"));
    until_serial(&mut ours, 4);
    assert_eq!(ixfr(&ours, 3).0, 4);
}

#[test]
fn what_is_no_longer_in_memory_is_read_back_for_a_secondary() {
    let there = free_address();
    // Not one difference has a place.
    let mut ours = primary_with("[history]\nmemory = \"64B\"\n", &[(FILE, ZONE)], &[there], None);
    let mut knot = Secondary::new(Kind::Knot, there, address(&ours), &[NAME], None);
    knot.run();
    knot.until_serial(NAME, 1);
    knot.stop();
    for serial in 2..6 {
        ours.write(FILE, &with_serial(serial, &format!("host{serial}x A 192.0.2.{serial}\n")));
        until_serial(&mut ours, serial);
    }
    until_noted(&mut ours, 5);
    knot.run();
    let there = knot.records_at(NAME, 5);
    knot.until("it says how", |knot| knot.log().contains("IXFR, incoming"));
    ours.until_said("transferred move.example. from serial 1 to 5");
    assert_eq!(there, records(address(&ours), NAME));
    // What nobody knows is still sent whole, and after a restart all is as it was.
    assert_eq!(ixfr(&ours, u32::MAX).0, 2);
    ours = restarted(ours, |_| ());
    assert_eq!(ixfr(&ours, 2).0, 4);
}

/// A plan that flips `www` so many seconds from now.
fn plan(seconds: u64) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(seconds);
    let at = jiff::Timestamp::from_second(i64::try_from(since.as_secs()).unwrap()).unwrap();
    format!(
        "version = 1\nat = \"{at}\"\narm = \"on-load\"\nlow_ttl = \"1s\"\n\
         [[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.10\"]\nto = [\"192.0.2.11\"]\n"
    )
}

#[test]
fn steps_of_plans_are_changes_and_those_of_a_server_that_was_down_are_noted_at_their_instants() {
    let mut ours = primary(&[(FILE, ZONE)], &[]);
    let text = plan(12);
    let at: jiff::Timestamp = text.split('"').nth(1).unwrap().parse().unwrap();
    ours.write("move.example.plan.toml", &text);
    ours.until("it is armed", |ours| ours.log().contains("armed by"));
    ours = restarted(ours, |_| {
        while jiff::Timestamp::now() < at + jiff::SignedDuration::from_secs(1) {
            std::thread::park_timeout(Duration::from_millis(50));
        }
    });
    ours.until_data("www.move.example", "192.0.2.11");
    ours.until("the flip is noted", |ours| log(ours).iter().any(|change| change["by"] == "flip: www A"));
    let changes = log(&ours);
    let flip = changes.iter().find(|change| change["by"] == "flip: www A").unwrap();
    assert_eq!((&flip["source"], &flip["at"]), (&"plan".into(), &at.to_string().into()));
    let before = flip["before"].to_string();
    let (_, shown) = ours.command(&["zone", "diff", NAME, &before, &flip["after"].to_string()]);
    assert!(shown.contains("-www.move.example.\t1\tIN\tA\t192.0.2.10"), "{shown}");
    assert!(shown.contains("+www.move.example.\t1\tIN\tA\t192.0.2.11"), "{shown}");
    // The file takes it over, and secondaries with any serial since the beginning are sent what differs.
    let served = serial(&ours);
    ours.write(FILE, &with_serial(served + 100, "new A 192.0.2.99\n").replace("192.0.2.10\n", "192.0.2.11\n"));
    ours.until_data("new.move.example", "192.0.2.99");
    for serial in [1, before.parse().unwrap(), served] {
        let (soas, shown) = ixfr(&ours, serial);
        assert_eq!((soas, shown.contains("host5")), (4, false), "from {serial}: {shown}");
    }
}

/// `shown` without what differs from day to day: instants as people read them, and as programs do.
fn timeless(shown: &str) -> String {
    let mut rest = shown;
    let mut text = String::new();
    while let Some(at) = rest.find("20").filter(|_| !rest.is_empty()) {
        let (before, from) = rest.split_at(at);
        text += before;
        let shape: String = from.chars().take(26).map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        let len = match shape {
            people if people.replace('-', "+") == "9999+99+99 99:99:99 +99:99" => 26,
            programs if programs.starts_with("9999-99-99T99:99:99") => from.find('"').unwrap_or(0),
            _ => 0,
        };
        text += if len > 0 { "INSTANT" } else { "20" };
        rest = &from[len.max(2)..];
    }
    text + rest
}

#[test]
fn people_and_programs_are_shown_who_changed_what() {
    let mut ours = primary(&[(FILE, ZONE)], &[]);
    let mut shown = String::new();
    let mut see = |ours: &Watari, arguments: &[&str]| {
        let (_, text) = ours.command(arguments);
        _ = write!(shown, "$ watari {}\n{}\n", arguments.join(" "), timeless(&text));
    };
    see(&ours, &["zone", "log", NAME]);
    see(&ours, &["zone", "diff", NAME, "1"]);
    ours.write(FILE, &with_serial(2, "two A 192.0.2.2\n"));
    until_noted(&mut ours, 2);
    ours.write(FILE, &with_serial(3, "two 60 A 192.0.2.2\ntext TXT \"a b\"\n"));
    until_noted(&mut ours, 3);
    ours = restarted(ours, |file| write(file, &with_serial(10, "ten MX 5 mail\n")));
    until_noted(&mut ours, 10);
    ours.write(FILE, &with_serial(11, "ten MX 5 mail\neleven A 192.0.2.11\n"));
    until_noted(&mut ours, 11);
    for arguments in [
        &["zone", "log", NAME][..],
        &["zone", "log", NAME, "--limit", "1", "--json"],
        &["zone", "diff", NAME, "1", "3"],
        &["zone", "diff", NAME, "3", "2"],
        &["zone", "diff", NAME, "10"],
        &["zone", "diff", NAME, "10", "11", "--json"],
        &["zone", "diff", NAME, "now"],
        &["zone", "diff", NAME, "2", "11"],
        &["zone", "diff", NAME, "7"],
        &["zone", "diff", NAME, "soon"],
        &["zone", "log", "a..b"],
        &["zone", "log", NAME, "--state", "elsewhere"],
    ] {
        see(&ours, arguments);
    }
    assert_golden("history", "shown", &shown);
}

#[test]
fn what_is_noted_is_whole_when_the_server_is_killed() {
    let mut seed = Seed(9);
    let mut zone = Zone { serial: 1, rrsets: BTreeMap::new() };
    (0..60).for_each(|_| zone.edit(&mut seed));
    let mut ours = primary(&[(FILE, &zone.text())], &[]);
    let mut noted: Vec<Value> = Vec::new();
    for _ in 0..25 {
        for _ in 0..1 + seed.below(3) {
            zone.edit(&mut seed);
            zone.serial += 1;
            ours.write(FILE, &zone.text());
            std::thread::park_timeout(Duration::from_millis(seed.below(150) as u64));
        }
        ours.running.kill();
        ours = restarted(ours, |_| ());
        until_serial(&mut ours, zone.serial);
        let mut changes = log(&ours);
        changes.reverse();
        assert!(changes.len() >= noted.len() && changes[..noted.len()] == noted[..], "{noted:#?}, then {changes:#?}");
        assert!(changes.windows(2).all(|pair| pair[0]["after"] == pair[1]["before"]), "{changes:#?}");
        for change in &changes[noted.len()..] {
            let serials = [&change["before"], &change["after"]].map(Value::to_string);
            let (fine, text) = ours.command(&["zone", "diff", NAME, &serials[0], &serials[1], "--json"]);
            assert_eq!(fine, change["records"] == true, "{text}");
            if fine {
                let diff: Value = serde_json::from_str(&text).unwrap();
                let len = |which: &str| diff[which].as_array().map_or(0, Vec::len);
                assert_eq!(
                    (change["removed"] == len("removed"), change["added"] == len("added")),
                    (true, true),
                    "{text}"
                );
            }
        }
        noted = changes;
    }
    assert!(noted.iter().any(|change| change["records"] == true), "{noted:#?}");
}
