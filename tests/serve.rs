//! The program itself, over real files and sockets, asked with `dig`: what an operator does to a
//! running server and what it must do then.
//!
//! Every wait is for a condition and bounded; every server is ended by its id.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::watari::{PATIENCE, Watari, write};

fn zone(serial: u32, address: &str) -> String {
    format!("$TTL 300\n@ SOA ns hostmaster {serial} 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.1\nwww A {address}\n")
}

/// A server over `files` that serves for as long as `grace` what has no file any more.
fn serve_with_grace(grace: &str, files: &[(&str, &str)]) -> Watari {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("watari.toml"), &format!("removal-grace = \"{grace}\"\n"));
    for (name, text) in files {
        write(&folder.path().join("zones").join(name), text);
    }
    Watari::start(folder, &[])
}

#[test]
fn what_is_there_is_answered_what_failed_is_servfail_what_is_unknown_is_refused() {
    let one = zone(1, "192.0.2.10");
    let server = Watari::serve(&[
        ("a.example.zone", &one),
        ("deep/er/B.Example.zone", &one),
        ("日本語.example.zone", &one),
        ("broken.example.zone", "not a zone\n"),
        (".hidden.example.zone", &one),
    ]);
    assert!(server.log().contains("ready: 3 zones served, 1 failed, in "), "{}", server.log());
    assert!(server.log().contains("broken.example.zone:1:"), "{}", server.log());
    for name in ["www.a.example", "www.b.example", "www.xn--wgv71a119e.example"] {
        assert_eq!(server.data(name, "A"), "192.0.2.10", "{name}");
        assert_eq!(server.dig(&["+tcp", "+short", name, "A"]).trim_end(), "192.0.2.10", "{name} over TCP");
    }
    assert_eq!(server.status("broken.example"), "SERVFAIL");
    assert_eq!(server.status("hidden.example"), "REFUSED");
    assert_eq!(server.status("example"), "REFUSED");
}

#[test]
fn a_changed_file_is_served_without_being_asked() {
    let mut server = Watari::serve(&[("a.example.zone", &zone(1, "192.0.2.10"))]);
    server.write("a.example.zone", &zone(2, "192.0.2.11"));
    server.until_data("www.a.example", "192.0.2.11");
    server.until("it says so", |server| server.log().contains("a.example: served, serial 2, was 1"));
}

#[test]
fn a_serial_that_did_not_rise_is_served_and_warned_of() {
    let mut server = Watari::serve(&[("a.example.zone", &zone(5, "192.0.2.10"))]);
    server.write("a.example.zone", &zone(5, "192.0.2.11"));
    server.until_data("www.a.example", "192.0.2.11");
    server.until("it warns", |server| server.log().contains("secondaries won't notice; write 6 or higher"));
}

#[test]
fn an_editor_that_saves_by_renaming_never_makes_the_zone_vanish() {
    let mut server = serve_with_grace("60s", &[("a.example.zone", &zone(1, "192.0.2.10"))]);
    for serial in 2..12 {
        let address = format!("192.0.2.{}", 10 + serial);
        // The old file is renamed to a backup, the new one written, then the backup is removed: as vim does.
        fs::rename(server.path("a.example.zone"), server.path("a.example.zone~")).unwrap();
        assert_eq!(server.status("a.example"), "NOERROR");
        server.write("a.example.zone", &zone(serial, &address));
        fs::remove_file(server.path("a.example.zone~")).unwrap();
        server.until_data("www.a.example", &address);
    }
    // A new file is renamed over the old one: as most others do.
    server.write("#tmp", &zone(20, "192.0.2.30"));
    fs::rename(server.path("#tmp"), server.path("a.example.zone")).unwrap();
    server.until_data("www.a.example", "192.0.2.30");
    assert!(!server.log().contains("no longer served"), "{}", server.log());
}

#[test]
fn a_broken_file_leaves_what_was_served_in_service() {
    let mut server = Watari::serve(&[("a.example.zone", &zone(1, "192.0.2.10"))]);
    server.write("a.example.zone", &format!("{}www A 192.0.2.300\n", zone(2, "192.0.2.11")));
    server.until("it says so", |server| {
        let log = server.log();
        log.contains("serial 1 stays in service") && log.contains("a.example.zone:6:")
    });
    assert_eq!(server.data("www.a.example", "A"), "192.0.2.10");
    server.write("a.example.zone", &zone(1, "192.0.2.10"));
    server.until("it is mended", |server| server.log().contains("its file is as before"));
    server.write("a.example.zone", &zone(3, "192.0.2.12"));
    server.until_data("www.a.example", "192.0.2.12");
}

#[test]
fn a_zone_that_contradicts_itself_is_not_served() {
    let contradiction = zone(1, "192.0.2.10") + "www CNAME ns1\n";
    let files = [("a.example.zone", zone(1, "192.0.2.10")), ("b.example.zone", contradiction.clone())];
    let mut server = Watari::serve(&files.each_ref().map(|(name, text)| (*name, text.as_str())));
    assert_eq!(server.status("www.b.example"), "SERVFAIL");
    assert!(server.log().contains("zone-cname-and-other-data"), "{}", server.log());
    server.write("a.example.zone", &contradiction);
    server.until("it says so", |server| server.log().matches("zone-cname-and-other-data").count() > 1);
    assert_eq!(server.data("www.a.example", "A"), "192.0.2.10");
}

#[test]
fn zones_come_and_go_with_their_files() {
    let mut server = serve_with_grace("5s", &[]);
    assert!(server.log().contains("ready: 0 zones served, 0 failed"));
    server.write("a.example.zone", &zone(1, "192.0.2.10"));
    server.until_data("www.a.example", "192.0.2.10");
    fs::remove_file(server.path("a.example.zone")).unwrap();
    assert_eq!(server.status("a.example"), "NOERROR", "within the grace");
    server.until("it is gone", |server| server.status("a.example") == "REFUSED");
}

#[test]
fn folders_come_and_go_with_all_that_is_in_them() {
    let mut server = Watari::serve(&[("old/a.example.zone", &zone(1, "192.0.2.10"))]);
    write(&server.folder.path().join("elsewhere/b.example.zone"), &zone(1, "192.0.2.20"));
    fs::rename(server.folder.path().join("elsewhere"), server.path("new")).unwrap();
    server.until_data("www.b.example", "192.0.2.20");
    server.write("new/b.example.zone", &zone(2, "192.0.2.21"));
    server.until_data("www.b.example", "192.0.2.21");
    fs::create_dir_all(server.path("x/y/z")).unwrap();
    server.write("x/y/z/c.example.zone", &zone(1, "192.0.2.30"));
    server.until_data("www.c.example", "192.0.2.30");
    fs::rename(server.path("old"), server.folder.path().join("away")).unwrap();
    server.until("it is gone", |server| server.status("a.example") == "REFUSED");
    assert_eq!(server.status("c.example"), "NOERROR");
}

#[test]
fn an_included_file_changes_its_zones_and_lies_in_the_folder() {
    let zone = zone(1, "192.0.2.10") + "$INCLUDE common/hosts\n";
    let outside = self::zone(1, "192.0.2.10") + "$INCLUDE ../secret\n";
    let files =
        [("a.example.zone", &*zone), ("common/hosts", "printer A 192.0.2.50\n"), ("out.example.zone", &*outside)];
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "secret A 192.0.2.66\n").unwrap();
    for (name, text) in files {
        write(&folder.path().join("zones").join(name), text);
    }
    let mut server = Watari::start(folder, &[]);
    assert_eq!(server.data("printer.a.example", "A"), "192.0.2.50");
    assert_eq!(server.status("out.example"), "SERVFAIL");
    server.write("common/hosts", "printer A 192.0.2.51\n");
    server.until_data("printer.a.example", "192.0.2.51");
}

#[test]
fn sighup_finds_what_no_watch_tells_and_rereads_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    fs::write(&target, zone(1, "192.0.2.10")).unwrap();
    fs::create_dir(folder.path().join("zones")).unwrap();
    std::os::unix::fs::symlink(&target, folder.path().join("zones/a.example.zone")).unwrap();
    fs::write(folder.path().join("watari.toml"), "log = \"warn\"\n").unwrap();
    let mut server = Watari::start(folder, &[]);
    assert_eq!(server.data("www.a.example", "A"), "192.0.2.10");
    assert!(!server.log().contains("INFO"));
    fs::write(&target, zone(2, "192.0.2.11")).unwrap();
    fs::write(server.folder.path().join("watari.toml"), "log = \"info\"\nworkers = 7\n").unwrap();
    server.signal("-HUP");
    server.until_data("www.a.example", "192.0.2.11");
    server.until("it logs more", |server| server.log().contains("INFO a.example: served, serial 2"));
    fs::write(server.folder.path().join("watari.toml"), "log = 7\n").unwrap();
    server.signal("-HUP");
    server.until("it shows the fault", |server| server.log().contains("watari.toml:1:7"));
    assert_eq!(server.data("www.a.example", "A"), "192.0.2.11");
}

#[test]
fn sigterm_ends_it_cleanly() {
    for signal in ["-TERM", "-INT"] {
        let server = Watari::serve(&[("a.example.zone", &zone(1, "192.0.2.10"))]);
        server.signal(signal);
        assert_eq!(server.running.exit_status(), Some(0), "{}", server.log());
        assert!(server.log().contains("stopped"));
    }
}

#[test]
fn state_is_for_nobody_else() {
    let server = Watari::serve(&[]);
    let mode = fs::metadata(server.folder.path().join("state")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn identity_is_told_only_if_it_is_set() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("watari.toml"), "[identity]\nversion = \"w 1\"\nid = \"node-7\"\n").unwrap();
    let server = Watari::start(folder, &[]);
    assert_eq!(server.dig(&["+short", "CH", "TXT", "version.bind"]).trim_end(), "\"w 1\"");
    assert_eq!(server.dig(&["+short", "CH", "TXT", "id.server"]).trim_end(), "\"node-7\"");
    let silent = Watari::serve(&[]);
    assert!(silent.dig(&["CH", "TXT", "version.bind"]).contains("status: REFUSED"));
}

/// A first cutover, with the real clock because that is the point: TTL 3 s, low TTL 1 s.
#[test]
fn a_plan_lowers_the_ttl_and_flips_the_record_at_its_instant() {
    let mut server = Watari::serve(&[("a.example.zone", &zone(1, "192.0.2.10").replace("$TTL 300", "$TTL 3"))]);
    let at = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() + 10).unwrap();
    let flip = "[[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.10\"]\nto = [\"192.0.2.11\"]\n";
    server.write(
        "a.example.plan.toml",
        &format!("version = 1\nat = \"{at}\"\narm = \"on-load\"\nlow_ttl = \"1s\"\n\n{flip}"),
    );
    let mut seen = Vec::new();
    let begun = Instant::now();
    while seen.len() < 4 {
        assert!(begun.elapsed() < PATIENCE, "{seen:?}\n{}", server.log());
        let before = jiff::Timestamp::now();
        let (ttl, data) = server.ttl_and_data("www.a.example");
        let after = jiff::Timestamp::now();
        assert!(data != "192.0.2.11" || after >= at, "flipped too early");
        assert!(data != "192.0.2.10" || before < at, "flipped too late");
        if seen.last() != Some(&(ttl, data.clone())) {
            seen.push((ttl, data));
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let expected = [(3, "192.0.2.10"), (1, "192.0.2.10"), (1, "192.0.2.11"), (3, "192.0.2.11")];
    assert_eq!(seen, expected.map(|(ttl, data)| (ttl, data.to_owned())));
    server.until("it says what was done", |server| {
        let log = server.log();
        ["lower: www A", "flip: www A", "raise: www A"].iter().all(|step| log.contains(step))
    });
    assert_eq!(server.data("a.example", "SOA").split(' ').nth(2), Some("4"));
}

#[test]
fn a_plan_with_faults_leaves_what_was_served_in_service() {
    let mut server = Watari::serve(&[("a.example.zone", &zone(1, "192.0.2.10"))]);
    server.write("a.example.plan.toml", "version = 1\nat = \"soon\"\n");
    server.until("it says so", |server| server.log().contains("a.example.plan.toml:2:6"));
    assert_eq!(server.data("www.a.example", "A"), "192.0.2.10");
    fs::remove_file(server.path("a.example.plan.toml")).unwrap();
    server.until("it is mended", |server| server.log().contains("its file is as before"));
}

/// Runs the program to its end and returns its exit status and what it said.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watari"));
    command.args(arguments).current_dir(folder).env_remove("WATARI_LOG").stdin(Stdio::null());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said.into_owned())
}

#[test]
fn what_can_not_run_says_why_with_its_own_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert_eq!(run(path, &["serve", "--zones"]).0, Some(2));
    let (status, said) = run(path, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(status, Some(3));
    assert!(said.contains("the folder of zones zones can't be read") && said.contains("--zones DIR"), "{said}");
    fs::create_dir(path.join("zones")).unwrap();
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (status, said) = run(path, &["serve", "--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(status, Some(3));
    assert!(said.contains("is in use") && said.contains("help: "), "{said}");
    fs::write(path.join("watari.toml"), "zoned = 1\n").unwrap();
    let (status, said) = run(path, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(status, Some(1));
    assert!(said.contains("watari.toml:1:1"), "{said}");
}

#[test]
fn a_folder_that_is_replaced_is_watched_as_the_one_before() {
    let mut server = Watari::serve(&[("a.example.zone", &zone(1, "192.0.2.1"))]);
    let (top, aside) = (server.path(""), server.folder.path().join("aside"));
    fs::create_dir(&aside).unwrap();
    write(&aside.join("a.example.zone"), &zone(2, "192.0.2.2"));
    fs::rename(&top, server.folder.path().join("before")).unwrap();
    fs::rename(&aside, &top).unwrap();
    server.until_data("www.a.example", "192.0.2.2");
    server.write("a.example.zone", &zone(3, "192.0.2.3"));
    server.until_data("www.a.example", "192.0.2.3");

    fs::remove_dir_all(&top).unwrap();
    server.until("it says so", |server| server.log().contains("zones can't be read"));
    server.write("a.example.zone", &zone(4, "192.0.2.4"));
    server.until_data("www.a.example", "192.0.2.4");
    server.write("a.example.zone", &zone(5, "192.0.2.5"));
    server.until_data("www.a.example", "192.0.2.5");
    assert!(!server.log().contains("watch descriptor"), "{}", server.log());
}

#[test]
fn a_server_without_zones_refuses_what_it_is_asked() {
    let server = Watari::serve(&[]);
    assert!(server.log().contains("ready: 0 zones served, 0 failed, in "), "{}", server.log());
    assert_eq!(server.status("a.example"), "REFUSED");
    assert_eq!(server.status("."), "REFUSED");
}

#[test]
fn of_a_zone_that_is_written_twice_the_other_counts_when_the_first_has_gone() {
    let mut server =
        Watari::serve(&[("a.example.zone", &zone(1, "192.0.2.1")), ("sub/a.example.zone", &zone(2, "192.0.2.2"))]);
    assert_eq!(server.data("www.a.example", "A"), "192.0.2.1");
    fs::remove_file(server.path("a.example.zone")).unwrap();
    server.until_data("www.a.example", "192.0.2.2");
    assert!(!server.log().contains("no longer served"), "{}", server.log());
}
