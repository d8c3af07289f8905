//! A plan that names its secondaries, beside real ones: it goes on while they follow, and is held by one that does not.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use support::peer::{Kind, Server, ZoneFile, free_address};
use support::watari::{Watari, write};

const ZONE: &str = "$TTL 3\n@ SOA ns h 1 7200 3600 1209600 3\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.10\n";

/// A plan that flips `www` so many seconds from now, and reckons with these secondaries.
fn plan(seconds: u64, secondaries: &[SocketAddr]) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(seconds);
    let at = jiff::Timestamp::from_second(i64::try_from(since.as_secs()).unwrap()).unwrap();
    let servers: Vec<_> = secondaries.iter().map(|server| format!("\"{server}\"")).collect();
    format!(
        "version = 1\nat = \"{at}\"\narm = \"on-load\"\nlow_ttl = \"1s\"\n\
         [secondaries]\nservers = [{}]\nwithin = \"3s\"\n\
         [[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.10\"]\nto = [\"192.0.2.11\"]\n",
        servers.join(", ")
    )
}

fn state(server: &Watari) -> String {
    let (_, text) = server.command(&["status", "move.example", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    json["state"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_secondary_that_does_not_follow_holds_the_plan() {
    // NSD serves what the zone file said, and will go on doing so.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("move.example.zone");
    write(&file, ZONE);
    let zones = [ZoneFile { name: "move.example".to_owned(), path: file }];
    let secondary = Server::start(Kind::Nsd, &zones);
    let plan = plan(12, &[secondary.address]);
    let mut primary = Watari::serve(&[("move.example.zone", ZONE), ("move.example.plan.toml", &plan)]);
    primary.until("the plan is held", |primary| state(primary) == "held");
    let (_, text) = primary.command(&["status", "move.example"]);
    assert!(text.contains("by the watch over secondaries"), "{text}");
    assert!(text.contains(&format!("{} serves serial 1", secondary.address)), "{text}");
    primary.until_said("waits for `watari resume move.example`");
    // Its instant passes, and nothing flips.
    let at = plan.split('"').nth(1).unwrap().parse::<jiff::Timestamp>().unwrap();
    let passed = at + jiff::SignedDuration::from_secs(1);
    primary.until("the instant is past", |_| jiff::Timestamp::now() > passed);
    assert_eq!(primary.data("www.move.example", "A"), "192.0.2.10");
}

#[test]
fn secondaries_that_follow_let_the_plan_go_on() {
    let address = free_address();
    let plan = plan(12, &[address]);
    let files = [("move.example.zone", ZONE), ("move.example.plan.toml", plan.as_str())];
    // The second has the same files, as a copy would bring them.
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(&Path::new(folder.path()).join("zones").join(name), text);
    }
    let _second = Watari::start(folder, &["--listen", &address.to_string()]);
    let mut primary = Watari::serve(&files);
    primary.until_data("www.move.example", "192.0.2.11");
    primary.until("they followed to the flip", |primary| {
        primary.log().contains("flip: www A") && primary.log().contains("all its secondaries serve serial")
    });
    assert_eq!(state(&primary), "armed");
}
