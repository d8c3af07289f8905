//! Ours obeys catalog zones that Knot makes and that people write for BIND.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use crate::looking::{address, serial};
use crate::peers::{KEY_NAME, Peer, SECRET, catalog, had_by_bind, listed_by_knot, zone};
use crate::support::message::rcode;
use crate::support::peer::{Kind, free_address};
use crate::support::watari::{Watari, write};

const REFUSED: Result<u32, u16> = Err(rcode::REFUSED);

/// Our server at `at`, over these files of the folder of zones; who is at 127.0.0.2 may have zones transferred.
fn start(folder: tempfile::TempDir, at: SocketAddr, files: &[(&str, &str)]) -> Watari {
    let path = folder.path().join("watari.toml");
    let text = format!(
        "removal-grace = \"10ms\"\n[transfer]\nallow = [\"127.0.0.2\"]\n\
         [keys.\"{KEY_NAME}\"]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\"\n"
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    for (name, text) in files {
        write(&folder.path().join("zones").join(name), text);
    }
    start_again(folder, at)
}

fn start_again(folder: tempfile::TempDir, at: SocketAddr) -> Watari {
    Watari::start(folder, &["--listen", &at.to_string(), "--log", "watari=debug"])
}

/// What our server serves of `zones`, in order.
fn served(server: &Watari, zones: &[&str]) -> Vec<Result<u32, u16>> {
    zones.iter().map(|zone| serial(address(server), zone)).collect()
}

fn until_served(server: &mut Watari, zones: &[(&str, Result<u32, u16>)]) {
    let names: Vec<_> = zones.iter().map(|(zone, _)| *zone).collect();
    let wanted: Vec<_> = zones.iter().map(|(_, wanted)| *wanted).collect();
    server.until(&format!("{zones:?}"), |server| served(server, &names) == wanted);
}

/// BIND with the zones a, b and c, and the catalog zones of these records.
fn bind(at: SocketAddr, catalogs: &[(&str, &str)]) -> Peer {
    let mut bind = Peer::new(Kind::Bind, at);
    for name in ["a.example", "b.example", "c.example"] {
        bind.write(name, &zone(1));
    }
    for (name, records) in catalogs {
        bind.write(name, &catalog(1, records));
    }
    let catalogs = catalogs.iter().map(|(name, _)| *name);
    bind.configure(&had_by_bind(
        &["a.example", "b.example", "c.example"].into_iter().chain(catalogs).collect::<Vec<_>>(),
    ));
    bind.run();
    bind
}

const A: &str = "1.zones PTR a.example.\n";
const B: &str = "2.zones PTR b.example.\n";
const C: &str = "3.zones PTR c.example.\n";

#[test]
fn knot_lists_its_zones_and_ours_follows_with_groups_to_settings() {
    let at = free_address();
    let mut knot = Peer::new(Kind::Knot, at);
    for name in ["a.example", "b.example", "c.example"] {
        knot.write(name, &zone(7));
    }
    let members = [("a.example", None, false), ("b.example", Some("keyed"), true)];
    knot.configure(&listed_by_knot(&knot.folder, &members));
    knot.run();
    knot.until("it serves b.example", |knot| knot.serial("b.example") == Ok(7));
    let secondary = format!(
        "primaries = [\"{}\"]\n[catalog]\nrefresh-max = \"1s\"\n[catalog.group.keyed]\nkey = \"{KEY_NAME}\"\n",
        knot.address
    );
    let mut ours = start(tempfile::tempdir().unwrap(), at, &[("catalog.example.secondary.toml", &secondary)]);
    // What needs the key is had by its group, and by nothing else.
    until_served(&mut ours, &[("a.example", Ok(7)), ("b.example", Ok(7)), ("c.example", REFUSED)]);
    let (_, told) = ours.command(&["status", "b.example"]);
    assert!(told.contains("serial 7;") && told.contains("member of catalog.example, group keyed"), "{told}");
    // One comes, one goes, one loses its group and with it the key.
    let members = [("b.example", None, true), ("c.example", None, false)];
    knot.configure(&listed_by_knot(&knot.folder, &members));
    knot.reload();
    until_served(&mut ours, &[("a.example", REFUSED), ("b.example", Ok(7)), ("c.example", Ok(7))]);
    let is_in_none = |ours: &Watari| !ours.command(&["status", "b.example"]).1.contains("group keyed");
    ours.until("it is in no group", is_in_none);
    knot.write("b.example", &zone(8));
    knot.reload();
    ours.until("b.example can't be fetched", |ours| ours.log().contains("b.example: it can't be fetched"));
    let (_, told) = ours.command(&["status", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let counts = &told["catalogs"][0];
    assert_eq!(
        (&counts["members"], &counts["served"], &counts["failing"]),
        (&2.into(), &2.into(), &1.into()),
        "{told}"
    );
    // The catalog zone is nobody's business but of those who may have it.
    assert_eq!(serial(at, "catalog.example"), REFUSED);
    assert_eq!(serial(at, "x.zones.catalog.example"), REFUSED);
    assert!(ours.dig(&["-b", "127.0.0.2", "+short", "version.catalog.example", "TXT"]).contains("\"2\""));
    assert!(ours.dig(&["-b", "127.0.0.2", "+tcp", "catalog.example", "AXFR"]).contains("c.example."));
}

#[test]
fn a_catalog_zone_of_bind_with_labels_groups_and_what_is_broken() {
    let at = free_address();
    let all = [A, B, "group.2.zones TXT unknown\nx.ext TXT \"what\"\n"].concat();
    let mut bind = bind(at, &[("catalog.example", &all)]);
    let secondary = format!("primaries = [\"{}\"]\nrefresh-max = \"1s\"\n[catalog]\n", bind.address);
    let mut ours = start(tempfile::tempdir().unwrap(), at, &[("catalog.example.secondary.toml", &secondary)]);
    until_served(&mut ours, &[("a.example", Ok(1)), ("b.example", Ok(1)), ("c.example", REFUSED)]);
    // Broken in each way, it changes nothing, and is said to be.
    for (serial, (records, why)) in (2..).zip([
        ([A, C, "version TXT \"3\"\n"].concat(), "is not the one TXT record"),
        ([A, A, "1.zones PTR c.example.\n"].concat(), "1.zones.catalog.example. has more than one PTR record"),
        ([A, "9.zones PTR a.example.\n", C].concat(), "a.example. is listed twice, under 1 and 9"),
    ]) {
        bind.write("catalog.example", &catalog(serial, &records));
        bind.reload();
        ours.until(why, |ours| ours.log().contains(why));
        assert_eq!(served(&ours, &["a.example", "b.example", "c.example"]), [Ok(1), Ok(1), REFUSED]);
    }
    let (_, told) = ours.command(&["status", "catalog.example"]);
    assert!(told.contains("2 members, 2 served; what came last is not obeyed: a.example. is listed twice"), "{told}");
    // So it is over a restart, with nobody to ask.
    let at_first = ours::kill(ours);
    let mut ours = start_again(at_first, at);
    assert_eq!(served(&ours, &["a.example", "b.example", "c.example"]), [Ok(1), Ok(1), REFUSED]);
    // Right again, it is obeyed again.
    bind.write("catalog.example", &catalog(9, &[B, C].concat()));
    bind.reload();
    until_served(&mut ours, &[("a.example", REFUSED), ("b.example", Ok(1)), ("c.example", Ok(1))]);
    // Under another label it begins anew: also with what the primary set back.
    bind.kill();
    bind.write("b.example", &zone(0));
    bind.run();
    bind.write("catalog.example", &catalog(10, &["other.zones PTR b.example.\n", C].concat()));
    bind.reload();
    until_served(&mut ours, &[("b.example", Ok(0)), ("c.example", Ok(1))]);
    ours.until_said("of its members 0 come, 0 go, and 1 begin anew");
}

#[test]
fn it_serves_at_once_what_it_had_and_a_kill_in_between_leaves_nothing_half() {
    let at = free_address();
    let mut bind = bind(at, &[("catalog.example", &[A, B].concat())]);
    let secondary = format!("primaries = [\"{}\"]\nrefresh-max = \"1s\"\n[catalog]\n", bind.address);
    let mut ours = start(tempfile::tempdir().unwrap(), at, &[("catalog.example.secondary.toml", &secondary)]);
    until_served(&mut ours, &[("a.example", Ok(1)), ("b.example", Ok(1))]);
    // The catalog zone changes, and ours is killed at another moment each time.
    for round in 0..6u32 {
        let (listed, gone) = if round % 2 == 0 { ([A, C], "b.example") } else { ([A, B], "c.example") };
        let stays = if gone == "b.example" { "c.example" } else { "b.example" };
        bind.write("catalog.example", &catalog(round + 2, &listed.concat()));
        bind.reload();
        std::thread::park_timeout(std::time::Duration::from_millis(u64::from(round) * 40));
        ours = start_again(ours::kill(ours), at);
        assert_eq!(serial(at, "a.example"), Ok(1), "{}", ours.log());
        until_served(&mut ours, &[("a.example", Ok(1)), (gone, REFUSED), (stays, Ok(1))]);
    }
    // With its primary gone, what it has is all there is, and that is served from the first packet.
    bind.kill();
    let ours = start_again(ours::kill(ours), at);
    assert!(ours.log().contains("ready: 3 zones served, 0 failed"), "{}", ours.log());
    assert_eq!(served(&ours, &["a.example", "b.example", "c.example"]), [Ok(1), Ok(1), REFUSED]);
}

#[test]
fn a_name_has_one_owner_and_goes_where_that_lets_it() {
    let at = free_address();
    let bind = bind(at, &[("one.example", &[A, B].concat()), ("two.example", &[A, C].concat())]);
    let secondary = format!("primaries = [\"{}\"]\n[catalog]\n", bind.address);
    let files = [("one.example.secondary.toml", &*secondary), ("c.example.zone", &zone(50))];
    let mut ours = start(tempfile::tempdir().unwrap(), at, &files);
    until_served(&mut ours, &[("a.example", Ok(1)), ("b.example", Ok(1)), ("c.example", Ok(50))]);
    ours.write("two.example.secondary.toml", &secondary);
    let refusals = [
        "two.example: its member a.example is not taken, since one.example has it",
        "two.example: its member c.example is not taken, since it has a file on this machine",
    ];
    ours.until("both are refused", |ours| refusals.iter().all(|said| ours.log().contains(said)));
    let (_, told) = ours.command(&["status"]);
    assert!(told.contains(
        "two.example: catalog zone; 0 members, 0 served; 2 that it lists are not taken: a.example, c.example"
    ));
    // The first lets it go to the second, which has it under the same label: what there is of it stays.
    bind.write("one.example", &catalog(2, &[A, "coo.1.zones PTR two.example.\n", B].concat()));
    bind.reload();
    let is_of = |ours: &Watari, what: &str| ours.command(&["status", "a.example"]).1.contains(what);
    ours.until("a.example has gone to two.example", |ours| is_of(ours, "member of two.example"));
    assert_eq!(served(&ours, &["a.example"]), [Ok(1)]);
    bind.write("one.example", &catalog(3, B));
    bind.reload();
    ours.until("one.example at 3", |ours| ours.log().contains("one.example: served, serial 3"));
    assert_eq!(served(&ours, &["a.example"]), [Ok(1)]);
    // With its file gone it is fetched; a file that comes is what counts.
    fs::remove_file(ours.path("c.example.zone")).unwrap();
    until_served(&mut ours, &[("c.example", Ok(1))]);
    ours.write("b.example.zone", &zone(60));
    until_served(&mut ours, &[("b.example", Ok(60))]);
    ours.until_said("b.example: it has a file of its own, which counts");
    // A catalog zone that is none any more takes its members along, and no others.
    fs::remove_file(ours.path("two.example.secondary.toml")).unwrap();
    until_served(&mut ours, &[("a.example", REFUSED), ("b.example", Ok(60)), ("c.example", REFUSED)]);
    fs::remove_file(ours.path("b.example.zone")).unwrap();
    until_served(&mut ours, &[("b.example", Ok(1))]);
    ours.write("one.example.secondary.toml", &format!("primaries = [\"{}\"]\n", bind.address));
    until_served(&mut ours, &[("b.example", REFUSED), ("one.example", Ok(3))]);
}

#[test]
fn a_catalog_zone_that_was_emptied_takes_nothing_away_at_once() {
    let at = free_address();
    let mut bind = Peer::new(Kind::Bind, at);
    let names: Vec<String> = (0..12).map(|number| format!("z{number}.example")).collect();
    names.iter().for_each(|name| bind.write(name, &zone(1)));
    let records: String = (0..).zip(&names).map(|(label, name)| format!("{label}.zones PTR {name}.\n")).collect();
    bind.write("catalog.example", &catalog(1, &records));
    let all: Vec<_> = names.iter().map(String::as_str).chain(["catalog.example"]).collect();
    bind.configure(&had_by_bind(&all));
    bind.run();
    let secondary = format!("primaries = [\"{}\"]\n[catalog]\n", bind.address);
    let mut ours = start(tempfile::tempdir().unwrap(), at, &[("catalog.example.secondary.toml", &secondary)]);
    let every: Vec<_> = names.iter().map(|name| (name.as_str(), Ok(1))).collect();
    until_served(&mut ours, &every);
    bind.write("catalog.example", &catalog(2, ""));
    bind.reload();
    let said = "0 come, 12 go, and 0 begin anew; those that go are served for 1 h, until";
    ours.until(said, |ours| ours.log().contains(said));
    let mut ours = start_again(ours::kill(ours), at);
    assert!(ours.log().contains("ready: 13 zones served"), "{}", ours.log());
    let (_, told) = ours.command(&["status"]);
    assert!(told.contains("12 members, 12 served, 12 are listed no longer, and go"), "{told}");
    until_served(&mut ours, &every);
    // Whoever did that has time to undo it.
    bind.write("catalog.example", &catalog(3, &records));
    bind.reload();
    ours.until("all are listed again", |ours| {
        ours.command(&["status"]).1.contains("catalog.example: catalog zone; 12 members, 12 served\n")
    });
}

mod ours {
    use super::Watari;

    /// Ends `server` by SIGKILL and keeps its folder.
    pub(super) fn kill(server: Watari) -> tempfile::TempDir {
        server.running.kill();
        server.folder
    }
}
