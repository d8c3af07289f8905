//! Knot, BIND and another of ours obey catalog zones that ours makes.

use std::fs;
use std::net::SocketAddr;

use crate::looking::serial;
use crate::peers::{Peer, zone};
use crate::support::message::rcode;
use crate::support::peer::{Kind, free_address};
use crate::support::watari::{Watari, write};

const REFUSED: Result<u32, u16> = Err(rcode::REFUSED);
const LISTING: &str = "version = 1\nmembers = [\"*.example\", \"*.signed.test\"]\nexcept = [\"internal.example\"]\n\
                       [group.keyed]\nmembers = [\"*.signed.test\"]\n";

/// Our server at `at`, over these files of the folder of zones, which tells `other` of everything.
fn start(folder: tempfile::TempDir, at: SocketAddr, other: SocketAddr, files: &[(&str, &str)]) -> Watari {
    let text = format!(
        "removal-grace = \"10ms\"\n[transfer]\nallow = [\"127.0.0.1\"]\nnotify = [\"{other}\"]\nnotify-rate = 5000\n"
    );
    write(&folder.path().join("watari.toml"), &text);
    for (name, text) in files {
        write(&folder.path().join("zones").join(name), text);
    }
    start_again(folder, at)
}

fn start_again(folder: tempfile::TempDir, at: SocketAddr) -> Watari {
    Watari::start(folder, &["--listen", &at.to_string(), "--log", "watari=debug"])
}

fn kill(server: Watari) -> tempfile::TempDir {
    server.running.kill();
    server.folder
}

fn files() -> Vec<(&'static str, String)> {
    let zones = ["a.example.zone", "b.signed.test.zone", "internal.example.zone", "other.test.zone"];
    let mut files: Vec<_> = zones.into_iter().map(|name| (name, zone(1))).collect();
    files.push(("catalog.example.catalog.toml", LISTING.to_owned()));
    files
}

/// Ours with [`files`], and `peer` beside it, which obeys its catalog zone as `configure` says.
fn beside(kind: Kind, configure: impl Fn(&Peer) -> String) -> (Watari, Peer) {
    let at = free_address();
    let mut peer = Peer::new(kind, at);
    let files = files();
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let ours = start(tempfile::tempdir().unwrap(), at, peer.address, &files);
    peer.configure(&configure(&peer));
    peer.run();
    (ours, peer)
}

/// What has to come of it, whoever obeys.
fn follows(ours: &Watari, peer: &mut Peer) {
    let until_served = |peer: &mut Peer, wanted: &[(&str, Result<u32, u16>)]| {
        peer.until(&format!("{wanted:?}"), |peer| wanted.iter().all(|(zone, wanted)| peer.serial(zone) == *wanted));
    };
    until_served(peer, &[("a.example", Ok(1)), ("b.signed.test", Ok(1)), ("internal.example", REFUSED)]);
    // One comes, one goes, one changes.
    ours.write("c.example.zone", &zone(5));
    fs::remove_file(ours.path("a.example.zone")).unwrap();
    ours.write("b.signed.test.zone", &zone(2));
    until_served(peer, &[("a.example", REFUSED), ("b.signed.test", Ok(2)), ("c.example", Ok(5))]);
    // What can't be used at the moment is there all the same.
    ours.write("c.example.zone", "nothing of use\n");
    ours.write("d.example.zone", &zone(7));
    until_served(peer, &[("c.example", Ok(5)), ("d.example", Ok(7)), ("other.test", REFUSED)]);
}

#[test]
fn knot_obeys_ours_with_groups_to_templates() {
    let (ours, mut knot) = beside(Kind::Knot, |peer| {
        let folder = peer.folder.display();
        format!(
            "template:\n  - id: default\n    storage: {folder}\n    refresh-min-interval: 2\n    retry-min-interval: 1\n\
             \x20 - id: plain\n    storage: {folder}\n    master: other\n    acl: anybody\n    file: \"plain-%s\"\n    zonefile-sync: 0\n\
             \x20 - id: keyed\n    storage: {folder}\n    master: other\n    acl: anybody\n    file: \"keyed-%s\"\n    zonefile-sync: 0\n\
             zone:\n  - domain: catalog.example.\n    master: other\n    acl: anybody\n    catalog-role: interpret\n\
             \x20   catalog-template: [plain, keyed]\n"
        )
    });
    follows(&ours, &mut knot);
    // Each with the template of its group.
    let has = |knot: &Peer, file: &str| knot.folder.join(file).exists();
    knot.until("zone files", |knot| has(knot, "plain-c.example") && has(knot, "keyed-b.signed.test"));
    assert!(!has(&knot, "plain-b.signed.test") && !has(&knot, "keyed-c.example"));
    // It was sent what differs.
    knot.until("it says how", |knot| knot.log().contains("[catalog.example.] IXFR, incoming"));
}

#[test]
fn bind_obeys_ours() {
    let (ours, mut bind) = beside(Kind::Bind, |peer| {
        let primary = format!("127.0.0.1 port {}", peer.other.port());
        format!(
            "catalog-zones {{ zone \"catalog.example\" default-primaries {{ {primary}; }} in-memory yes min-update-interval 1; }};\n\
             }};\ncontrols {{ }};\n\
             zone \"catalog.example\" {{ type secondary; primaries {{ {primary}; }}; file \"catalog.copy\"; }};\n"
        )
    });
    follows(&ours, &mut bind);
}

#[test]
fn what_it_lists_and_its_serial_outlive_a_kill_and_secondaries_get_differences() {
    let (ours_at, theirs_at) = (free_address(), free_address());
    let files = files();
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let mut ours = start(tempfile::tempdir().unwrap(), ours_at, theirs_at, &files);
    ours.until("it is served", |_| serial(ours_at, "catalog.example").is_ok());
    let first = serial(ours_at, "catalog.example").unwrap();
    let members = |server: &Watari| {
        let shown = server.dig(&["+noall", "+answer", "+tcp", "catalog.example", "AXFR"]);
        let mut members: Vec<_> = shown
            .lines()
            .filter(|line| line.contains("PTR"))
            .filter_map(|line| line.split_whitespace().last())
            .collect();
        members.sort_unstable();
        members.join(" ")
    };
    assert_eq!(members(&ours), "a.example. b.signed.test.");
    // One of ours obeys it, and lists what it has in one of its own, for a third.
    let third_at = free_address();
    let more = "[catalog]\nrefresh-max = \"1s\"\n";
    let chained = format!("primaries = [\"{ours_at}\"]\n{more}");
    let listing = ("second.example.catalog.toml", "members = [\"*\"]\n");
    let mut second = start(
        tempfile::tempdir().unwrap(),
        theirs_at,
        third_at,
        &[("catalog.example.secondary.toml", &chained), listing],
    );
    let chained = format!("primaries = [\"{theirs_at}\"]\n{more}");
    let folder = tempfile::tempdir().unwrap();
    let mut third = start(folder, third_at, free_address(), &[("second.example.secondary.toml", &chained)]);
    second.until("the second has both", |second| {
        serial(theirs_at, "b.signed.test") == Ok(1) && members(second).is_empty()
            || serial(theirs_at, "a.example") == Ok(1) && serial(theirs_at, "b.signed.test") == Ok(1)
    });
    third.until("the third has both", |_| {
        serial(third_at, "a.example") == Ok(1) && serial(third_at, "b.signed.test") == Ok(1)
    });
    assert_eq!(serial(third_at, "second.example"), Ok(serial(theirs_at, "second.example").unwrap()));
    // A kill changes nothing, and what comes while no server runs is listed after it.
    let folder = kill(ours);
    let mut ours = start_again(folder, ours_at);
    assert_eq!(serial(ours_at, "catalog.example"), Ok(first), "{}", ours.log());
    let folder = kill(ours);
    write(&folder.path().join("zones/e.example.zone"), &zone(9));
    ours = start_again(folder, ours_at);
    third.until("what came is with the third", |_| serial(third_at, "e.example") == Ok(9));
    let later = serial(ours_at, "catalog.example").unwrap();
    assert!(later > first, "{later} {first}");
    assert_eq!(members(&ours), "a.example. b.signed.test. e.example.");
    // Across the restart, too, who has the first is sent one difference.
    let difference = ours.dig(&["+noall", "+answer", "+tcp", "catalog.example", &format!("IXFR={first}")]);
    assert_eq!(difference.lines().count(), 5, "{difference}");
    assert_eq!(difference.matches("e.example.").count(), 1, "{difference}");
    let (_, told) = ours.command(&["status", "catalog.example"]);
    assert!(
        told.contains(&format!("catalog.example: catalog zone of ours; it lists 3 zones; serial {later}")),
        "{told}"
    );
    // Nothing else may change it.
    let (is_done, said) = ours.command(&["arm", "catalog.example", "--yes"]);
    assert!(!is_done && said.contains("is a catalog zone"), "{said}");
    // Without its file it is none.
    fs::remove_file(ours.path("catalog.example.catalog.toml")).unwrap();
    ours.until("it is gone", |_| serial(ours_at, "catalog.example") == REFUSED);
}

#[test]
fn a_zone_goes_from_one_catalog_zone_to_another_with_what_there_is_of_it() {
    let (ours_at, theirs_at) = (free_address(), free_address());
    let zones = [("a.example.zone", &*zone(1)), ("one.test.catalog.toml", "members = \"*\"\n")];
    let ours = start(tempfile::tempdir().unwrap(), ours_at, theirs_at, &zones);
    let secondary = format!("primaries = [\"{ours_at}\"]\n[catalog]\n");
    let files = [("one.test.secondary.toml", &*secondary), ("two.test.secondary.toml", &*secondary)];
    let mut theirs = start(tempfile::tempdir().unwrap(), theirs_at, free_address(), &files);
    theirs.until("it is served", |_| serial(theirs_at, "a.example") == Ok(1));
    ours.write("one.test.catalog.toml", "members = \"*\"\n[coo.\"two.test\"]\nmembers = \"a.example\"\n");
    ours.write("two.test.catalog.toml", "members = \"a.example\"\n");
    theirs.until("it has gone to the other", |theirs| {
        theirs.command(&["status", "a.example"]).1.contains("member of two.test")
    });
    ours.write("one.test.catalog.toml", "members = \"*\"\nexcept = \"a.example\"\n");
    theirs.until("the first has let it go", |theirs| {
        theirs.command(&["status", "one.test"]).1.contains("one.test: catalog zone; 0 members")
    });
    assert_eq!(serial(theirs_at, "a.example"), Ok(1));
    assert_eq!(theirs.log().matches("a.example: served, serial 1").count(), 1, "{}", theirs.log());
}
