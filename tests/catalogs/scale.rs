//! Ten thousand zones through a catalog zone: from ours, and from Knot, to ours.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use crate::looking::serials;
use crate::peers::{Peer, listed_by_knot, zone};
use crate::support::message::rcode;
use crate::support::peer::{Kind, free_address};
use crate::support::watari::{Watari, write};

/// How many zones there are.
const ZONES: usize = 10_000;
/// How many come and go.
const CHANGED: usize = 100;

fn name(number: usize) -> String {
    format!("z{number}.example")
}

/// All of `numbers` are served at `address` with serial 1.
fn are_served(address: SocketAddr, numbers: std::ops::Range<usize>) -> bool {
    let names: Vec<_> = numbers.map(name).collect();
    serials(address, &names).into_iter().all(|said| said == Ok(1))
}

fn are_refused(address: SocketAddr, numbers: std::ops::Range<usize>) -> bool {
    let names: Vec<_> = numbers.map(name).collect();
    serials(address, &names).into_iter().all(|said| said == Err(rcode::REFUSED))
}

/// Ours, which obeys `catalog.example` of `primary`.
fn obeys(folder: tempfile::TempDir, at: SocketAddr, primary: SocketAddr) -> Watari {
    let secondary = format!("primaries = [\"{primary}\"]\n[catalog]\n");
    write(&folder.path().join("zones/catalog.example.secondary.toml"), &secondary);
    Watari::start(folder, &["--listen", &at.to_string()])
}

/// Waits until `server` serves the zones of these `numbers`, looking rarely: to look takes its time too.
fn until_served(server: &mut Watari, at: SocketAddr, numbers: std::ops::Range<usize>) {
    server.until(&format!("zones {numbers:?}"), |_| {
        let last = numbers.end - 1;
        let is_there = are_served(at, last..last + 1) && are_served(at, numbers.clone());
        if !is_there {
            std::thread::park_timeout(Duration::from_millis(200));
        }
        is_there
    });
}

#[test]
fn ten_thousand_zones_go_through_a_catalog_zone_and_a_hundred_of_them_change() {
    let (ours_at, theirs_at) = (free_address(), free_address());
    let folder = tempfile::tempdir().unwrap();
    let zones = folder.path().join("zones");
    fs::create_dir(&zones).unwrap();
    let text = zone(1);
    (0..ZONES).for_each(|number| fs::write(zones.join(format!("{}.zone", name(number))), &text).unwrap());
    fs::write(zones.join("catalog.example.catalog.toml"), "members = \"*\"\n").unwrap();
    let config = format!("[transfer]\nallow = [\"127.0.0.1\"]\nnotify = [\"{theirs_at}\"]\nnotify-rate = 100000\n");
    write(&folder.path().join("watari.toml"), &config);
    let ours = Watari::start(folder, &["--listen", &ours_at.to_string()]);
    let mut theirs = obeys(tempfile::tempdir().unwrap(), theirs_at, ours_at);
    until_served(&mut theirs, theirs_at, 0..ZONES);
    // Some go, as many come; the others are as they were.
    (0..CHANGED).for_each(|number| fs::remove_file(ours.path(&format!("{}.zone", name(number)))).unwrap());
    (ZONES..ZONES + CHANGED).for_each(|number| ours.write(&format!("{}.zone", name(number)), &text));
    until_served(&mut theirs, theirs_at, CHANGED..ZONES + CHANGED);
    theirs.until("those that went are gone", |_| are_refused(theirs_at, 0..CHANGED));
    // What changed was sent, and not the whole.
    let log = theirs.log();
    let came: Vec<_> = log.lines().filter(|line| line.contains("catalog.example: served")).collect();
    assert!(came.iter().skip(1).all(|line| line.contains("records of differences")), "{came:#?}");
    // With its primary gone, a restart serves all of them.
    ours.running.kill();
    theirs.running.kill();
    let theirs = obeys(theirs.folder, theirs_at, ours_at);
    let ready = format!("ready: {} zones served, 0 failed", ZONES + 1);
    assert!(theirs.log().contains(&ready), "{}", theirs.log());
    assert!(are_served(theirs_at, CHANGED..ZONES + CHANGED) && are_refused(theirs_at, 0..CHANGED));
    let (_, told) = theirs.command(&["status"]);
    assert!(told.contains(&format!("catalog zone; {ZONES} members, {ZONES} served")), "{told}");
    assert!(theirs.running.is_alive());
}

#[test]
fn thousands_of_zones_of_knot_go_through_a_catalog_zone() {
    let at = free_address();
    let count = ZONES / 4;
    let mut knot = Peer::new(Kind::Knot, at);
    let names: Vec<_> = (0..count).map(name).collect();
    names.iter().for_each(|name| knot.write(name, &zone(1)));
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), None, false)).collect();
    knot.configure(&listed_by_knot(&knot.folder, &members));
    knot.run();
    let mut ours = obeys(tempfile::tempdir().unwrap(), at, knot.address);
    until_served(&mut ours, at, 0..count);
    let members = &members[CHANGED..];
    knot.configure(&listed_by_knot(&knot.folder, members));
    knot.reload();
    ours.until("those that went are gone", |_| are_refused(at, 0..CHANGED));
    assert!(are_served(at, CHANGED..count));
}
