//! Dynamic updates of the program itself: by `nsupdate`, and beside BIND, to which the same updates are sent.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bind;
mod clients;
mod killed;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use support::program;
use support::watari::Watari;

const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const ZONE: &str = "$TTL 300\n@ SOA ns hostmaster 10 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.2\n";
const CONFIG: &str = "
[keys.\"acme.\"]
algorithm = \"hmac-sha256\"
secret = \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"
[keys.\"all.\"]
algorithm = \"hmac-sha256\"
secret = \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"
[keys.\"mixed.\"]
algorithm = \"hmac-sha256\"
secret = \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"
[transfer]
allow = [\"127.0.0.1\"]
[[update]]
zones = [\"a.example\"]
key = \"acme.\"
grant = \"subdomain\"
names = [\"_acme-challenge\"]
types = [\"TXT\"]
[[update]]
zones = [\"a.example\"]
key = \"mixed.\"
deny = \"name\"
names = [\"www\"]
types = [\"ANY\"]
[[update]]
zones = [\"a.example\"]
key = \"mixed.\"
grant = \"zone\"
[[update]]
zones = [\"*\"]
key = \"all.\"
grant = \"zone\"
types = [\"ANY\"]
";

/// A server over the zone `a.example`, in the folder of which `prepare` may put more.
fn serve(zone: &str) -> Watari {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("zones")).unwrap();
    fs::write(folder.path().join("zones/a.example.zone"), zone).unwrap();
    let config = folder.path().join("watari.toml");
    fs::write(&config, CONFIG).unwrap();
    fs::set_permissions(config, fs::Permissions::from_mode(0o600)).unwrap();
    Watari::start(folder, &[])
}

/// What `nsupdate` says to `lines`, signed with `key` if there is one, and whether it ended well.
fn nsupdate(server: &Watari, key: &str, more: &[&str], lines: &str) -> (bool, String) {
    let mut command = Command::new(program::find("nsupdate"));
    if !key.is_empty() {
        command.args(["-y", &format!("hmac-sha256:{key}:{SECRET}")]);
    }
    command.args(more).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let text = format!("server 127.0.0.1 {}\n{lines}\nsend\n", server.port);
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|octets| String::from_utf8_lossy(&octets).into_owned()).concat();
    (output.status.success(), said)
}

fn serial(server: &Watari) -> u32 {
    server.data("a.example", "SOA").split(' ').nth(2).unwrap().parse().unwrap()
}

#[test]
fn nsupdate_adds_and_deletes_over_udp_and_tcp() {
    let server = serve(ZONE);
    for (number, more) in [&[][..], &["-v"]].into_iter().enumerate() {
        let (before, name) = (serial(&server), "_acme-challenge.a.example");
        let said = nsupdate(&server, "acme.", more, &format!("update add {name} 60 TXT token{number}"));
        assert!(said.0, "{}\n{}", said.1, server.log());
        assert_eq!(server.data(name, "TXT"), format!("\"token{number}\""));
        assert_eq!(serial(&server), before + 1);
        let said = nsupdate(&server, "acme.", more, &format!("update delete {name} TXT"));
        assert!(said.0, "{}\n{}", said.1, server.log());
        assert_eq!((server.data(name, "TXT").as_str(), serial(&server)), ("", before + 2));
    }
    let nothing = nsupdate(&server, "all.", &[], "update delete nowhere.a.example A");
    assert!(nothing.0, "{}", nothing.1);
    assert_eq!(serial(&server), 14, "what changes nothing has no serial");
}

#[test]
fn who_may_not_is_refused_and_nothing_is_changed() {
    let mut server = serve(ZONE);
    let add = |name: &str, rtype: &str, data: &str| format!("update add {name}.a.example 60 {rtype} {data}");
    for (key, more, lines, said) in [
        ("", &[][..], add("_acme-challenge", "TXT", "x"), "REFUSED"),
        ("", &["-v"], add("_acme-challenge", "TXT", "x"), "REFUSED"),
        ("acme.", &[], add("www", "TXT", "x"), "REFUSED"),
        ("acme.", &[], add("_acme-challenge", "SRV", "0 0 1 www"), "REFUSED"),
        ("other.", &[], add("_acme-challenge", "TXT", "x"), "BADKEY"),
        ("all.", &[], "zone b.example\nupdate add b.example 60 TXT x".to_owned(), "NOTAUTH"),
        ("all.", &[], format!("prereq nxdomain www.a.example\n{}", add("www", "TXT", "x")), "YXDOMAIN"),
        ("all.", &[], format!("prereq yxdomain x.a.example\n{}", add("www", "TXT", "x")), "NXDOMAIN"),
        ("all.", &[], format!("prereq nxrrset www.a.example A\n{}", add("www", "TXT", "x")), "YXRRSET"),
        ("all.", &[], format!("prereq yxrrset www.a.example A 192.0.2.3\n{}", add("www", "TXT", "x")), "NXRRSET"),
        (
            "all.",
            &[],
            format!("zone a.example\n{}\nupdate add x.b.example 60 A 192.0.2.1", add("x", "A", "192.0.2.1")),
            "NOTZONE",
        ),
    ] {
        let (done, shown) = nsupdate(&server, key, more, &lines);
        assert!(!done && shown.contains(said), "{key} {lines}: {shown}\n{}", server.log());
    }
    assert_eq!(serial(&server), 10);
    server.until_said("an update by the key acme. at 127.0.0.1 is refused");
}

#[test]
fn what_was_answered_is_there_after_a_restart() {
    let mut server = serve(ZONE);
    for number in 0..20 {
        let said = nsupdate(&server, "all.", &[], &format!("update add x{number}.a.example 60 A 192.0.2.{number}"));
        assert!(said.0, "{}", said.1);
    }
    let deleted = nsupdate(&server, "all.", &[], "update delete www.a.example A");
    assert!(deleted.0, "{}", deleted.1);
    let before = serial(&server);
    server.running.kill();
    let Watari { folder, running, .. } = server;
    drop(running);
    server = Watari::start(folder, &[]);
    assert_eq!((serial(&server), server.data("x7.a.example", "A").as_str()), (before, "192.0.2.7"));
    assert_eq!(server.status("www.a.example"), "NXDOMAIN");
}

fn update(server: &Watari, lines: &str) {
    let said = nsupdate(server, "all.", &[], lines);
    assert!(said.0, "{lines}: {}\n{}", said.1, server.log());
}

#[test]
fn a_person_edits_the_file_and_nobody_loses_a_change() {
    let mut server = serve(ZONE);
    update(&server, "update add token.a.example 60 TXT x\nupdate delete www.a.example A 192.0.2.2");
    assert_eq!(serial(&server), 11);
    // The serial is not raised: that is done here.
    server.write("a.example.zone", &format!("{ZONE}mail A 192.0.2.5\nwww A 192.0.2.6\n"));
    server.until_data("mail.a.example", "192.0.2.5");
    assert_eq!((server.data("token.a.example", "TXT").as_str(), serial(&server)), ("\"x\"", 12));
    assert_eq!(server.data("www.a.example", "A"), "192.0.2.6");
    // The file speaks of the very records, and so it counts from then on.
    server.write("a.example.zone", &format!("{ZONE}token TXT x\n").replace("www A 192.0.2.2\n", ""));
    server.until("the file is read", |server| server.data("mail.a.example", "A").is_empty());
    assert_eq!((server.data("token.a.example", "TXT").as_str(), serial(&server)), ("\"x\"", 13));
    server.write("a.example.zone", ZONE);
    server.until_data("www.a.example", "192.0.2.2");
    assert_eq!((server.status("token.a.example"), serial(&server)), ("NXDOMAIN".to_owned(), 14));
    // With a serial of its own that is higher, the file's is served, and nothing is left of the updates.
    server.write("a.example.zone", &ZONE.replace(" 10 ", " 2026112600 "));
    server.until("the serial is the file's", |server| serial(server) == 2_026_112_600);
    let rows = program::run(
        "sqlite3",
        server.folder.path(),
        &["state/watari.db", "SELECT COUNT(*) FROM updated_zone"],
        support::watari::PATIENCE,
    );
    assert_eq!(rows.stdout.trim(), "0", "{}", rows.stderr);
}

#[test]
fn who_changed_what_is_in_the_history() {
    let mut server = serve(ZONE);
    update(&server, "update add token.a.example 60 TXT x\nupdate delete www.a.example A");
    let log = |server: &Watari| server.command(&["zone", "log", "a.example"]).1;
    server.until("it is noted", |server| log(server).contains("10 → 11"));
    let line = log(&server);
    assert!(line.contains("-2    +2  update    the key all. at 127.0.0.1\n"), "{line}");
    let (fine, diff) = server.command(&["zone", "diff", "a.example", "10"]);
    let shown: Vec<_> = diff.lines().filter(|line| !line.contains("SOA")).skip(2).collect();
    assert_eq!(
        (fine, shown),
        (true, vec!["+token.a.example.\t60\tIN\tTXT\t\"x\"", "-www.a.example.\t300\tIN\tA\t192.0.2.2"]),
        "{diff}"
    );
    for (serial, status) in [("10", 0), ("9", 1)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watari"));
        let ended =
            command.current_dir(server.folder.path()).args(["zone", "diff", "a.example", serial]).output().unwrap();
        assert_eq!(ended.status.code(), Some(status), "{serial}");
    }
}

#[test]
fn after_a_restart_as_much_is_served_as_can_stand_and_nothing_is_lost() {
    let mut server = serve(ZONE);
    update(&server, "update add d.a.example 60 DNAME www.a.example.\nupdate add token.a.example 60 TXT x");
    let before = serial(&server);
    let restart = |server: Watari, zone: &str| {
        let Watari { folder, running, .. } = server;
        drop(running);
        fs::write(folder.path().join("zones/a.example.zone"), zone).unwrap();
        Watari::start(folder, &[])
    };
    let contradicting = format!("{ZONE}x.d A 192.0.2.9\n");
    for round in 0..2 {
        server = restart(server, &contradicting);
        assert!(server.log().contains("error[zone-update-conflict]: what updates have made of a.example."));
        assert!(server.log().contains("with what updates have made of 1 of 2 RRsets"), "{}", server.log());
        let served = (server.data("token.a.example", "TXT"), server.data("x.d.a.example", "A"));
        assert_eq!(served, ("\"x\"".to_owned(), "192.0.2.9".to_owned()), "{round}");
        assert!(server.data("d.a.example", "DNAME").is_empty());
        assert_eq!(serial(&server), before + 1, "{round}");
    }
    update(&server, "update add other.a.example 60 TXT y");
    server = restart(server, ZONE);
    assert_eq!(server.data("d.a.example", "DNAME"), "www.a.example.");
    assert_eq!(["token", "other"].map(|name| server.data(&format!("{name}.a.example"), "TXT")), ["\"x\"", "\"y\""]);
    assert_eq!(serial(&server), before + 3);
}

#[test]
fn a_zone_whose_plan_is_over_is_updated_without_a_word_in_the_journal() {
    let mut server = serve(ZONE);
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(48);
    let plan = format!(
        "version = 1\nat = \"{at}\"\narm = \"on-load\"\nlate = \"accept\"\n[[flip]]\nname = \"www\"\ntype = \"A\"\n\
         from = [\"192.0.2.2\"]\nto = [\"192.0.2.3\"]\n"
    );
    server.write("a.example.plan.toml", &plan);
    server.until("it is armed", |server| server.log().contains("armed by"));
    fs::remove_file(server.path("a.example.plan.toml")).unwrap();
    server.until("it is withdrawn", |server| server.log().contains("its plan has gone with its file"));
    let entries = |server: &Watari| {
        let ask = ["state/watari.db", "SELECT COUNT(*) FROM event"];
        let rows = program::run("sqlite3", server.folder.path(), &ask, support::watari::PATIENCE);
        rows.stdout.trim().parse::<u32>().unwrap_or_else(|_| panic!("{}", rows.stderr))
    };
    let (before, begun) = (entries(&server), serial(&server));
    for number in 1..4 {
        update(&server, &format!("update add token{number}.a.example 60 TXT x"));
    }
    assert_eq!((entries(&server), serial(&server)), (before, begun + 3));
    let Watari { folder, running, .. } = server;
    drop(running);
    let mut server = Watari::start(folder, &[]);
    assert_eq!((entries(&server), serial(&server)), (before, begun + 3), "nor at a restart, which serves the same");
    server.write("a.example.zone", &format!("{ZONE}mail A 192.0.2.5\n"));
    server.until_data("mail.a.example", "192.0.2.5");
    assert_eq!(serial(&server), begun + 4);
}

#[test]
fn where_both_can_not_stand_the_file_counts_and_that_is_said() {
    let mut server = serve(ZONE);
    update(&server, "update add alias.a.example 60 CNAME www.a.example.");
    server.write("a.example.zone", &format!("{ZONE}alias A 192.0.2.9\n"));
    server.until_data("alias.a.example", "192.0.2.9");
    let said = "warning[zone-update-set-aside]: what an update made of alias.a.example. CNAME is set aside: it can't stand with \
                what the file says now\n |\n = help: the file was changed later, and so it counts\n";
    server.until_said(said);
    update(&server, "update add d.a.example 60 DNAME www.a.example.");
    server.write("a.example.zone", &format!("{ZONE}x.d A 192.0.2.9\n"));
    let said =
        "error[zone-update-conflict]: what updates have made of a.example. can't stand with what its file says: ";
    server.until("the conflict is said", |server| server.log().contains(said));
    server.until_said("help: what is served stays; change the file so that both can stand");
    assert_eq!(server.data("alias.a.example", "A"), "192.0.2.9", "what was served stays");
}

#[test]
fn a_plan_that_is_under_way_keeps_what_it_moves() {
    let folder = tempfile::tempdir().unwrap();
    let zones = folder.path().join("zones");
    fs::create_dir(&zones).unwrap();
    fs::write(zones.join("a.example.zone"), ZONE).unwrap();
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let plan = format!(
        "version = 1\nat = \"{at}\"\narm = \"on-load\"\nlate = \"accept\"\n[[flip]]\nname = \"www\"\ntype = \"A\"\n\
         from = [\"192.0.2.2\"]\nto = [\"192.0.2.3\"]\n"
    );
    fs::write(zones.join("a.example.plan.toml"), plan).unwrap();
    let config = folder.path().join("watari.toml");
    fs::write(&config, CONFIG).unwrap();
    fs::set_permissions(config, fs::Permissions::from_mode(0o600)).unwrap();
    let mut server = Watari::start(folder, &[]);
    let before = serial(&server);
    let (done, said) = nsupdate(&server, "all.", &[], "update add www.a.example 60 A 192.0.2.9");
    assert!(!done && said.contains("REFUSED"), "{said}");
    server.until_said("the zone's plan, which is under way, moves it");
    assert_eq!(serial(&server), before);
    update(&server, "update add other.a.example 60 A 192.0.2.9");
    assert_eq!(server.data("other.a.example", "A"), "192.0.2.9");
    assert!(serial(&server) > before);
    let (_, status) = server.command(&["status", "a.example"]);
    assert!(status.contains("www A"), "the plan goes on: {status}");
}

#[test]
fn a_zone_is_synced_frozen_and_thawed() {
    let mut server = serve(&format!("; a comment\n{ZONE}"));
    let (done, said) = server.command(&["zone", "sync", "a.example", "--yes"]);
    assert!(!done && said.contains("the file of a.example has all that is served"), "{said}");
    update(&server, "update add token.a.example 60 TXT x\nupdate delete www.a.example A");
    let (_, status) = server.command(&["status", "a.example"]);
    let lies = "over the file lies what 1 updates have made of it: 1 records added, 1 removed; serial 11";
    assert!(status.contains(lies), "{status}");
    let (done, said) = server.command(&["zone", "sync", "a.example"]);
    assert!(!done && said.contains("is written anew, with what 1 updates have made of it"), "{said}");
    assert!(said.contains("without its comments"), "{said}");
    assert!(fs::read_to_string(server.path("a.example.zone")).unwrap().contains("; a comment"), "nobody agreed");
    let (done, said) = server.command(&["zone", "sync", "a.example", "--yes"]);
    assert!(done && said.contains("the file of a.example has what is served"), "{said}");
    let text = fs::read_to_string(server.path("a.example.zone")).unwrap();
    assert!(text.contains("token") && !text.contains("www") && !text.contains("comment"), "{text}");
    server
        .until("nothing lies over it any more", |server| !server.command(&["status", "a.example"]).1.contains("lies"));
    assert_eq!(serial(&server), 11, "what is served is the same");

    update(&server, "update add other.a.example 60 TXT y");
    let (done, said) = server.command(&["zone", "freeze", "a.example", "--yes"]);
    assert!(done && said.contains("a.example is frozen"), "{said}");
    assert!(fs::read_to_string(server.path("a.example.zone")).unwrap().contains("other"));
    let refused = nsupdate(&server, "all.", &[], "update add late.a.example 60 TXT z");
    assert!(!refused.0 && refused.1.contains("REFUSED"), "{}", refused.1);
    // Frozen it stays, over a restart and an edit.
    server.running.kill();
    let Watari { folder, running, .. } = server;
    drop(running);
    let mut server = Watari::start(folder, &[]);
    server.write("a.example.zone", &ZONE.replace(" 10 ", " 100 "));
    server.until("the edit is served", |server| serial(server) == 100);
    assert!(!nsupdate(&server, "all.", &[], "update add late.a.example 60 TXT z").0);
    let (done, said) = server.command(&["zone", "thaw", "a.example", "--yes"]);
    assert!(done && said.contains("a.example takes updates again"), "{said}");
    update(&server, "update add late.a.example 60 TXT z");
    assert_eq!((server.data("late.a.example", "TXT").as_str(), serial(&server)), ("\"z\"", 101));
    assert!(!server.command(&["zone", "thaw", "a.example", "--yes"]).0);
}

#[test]
fn while_name_servers_change_data_does_not_change_without_words_and_can_be_held() {
    let mut server = serve(ZONE);
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1);
    let plan = format!(
        "version = 1\nat = \"{at}\"\nlate = \"accept\"\n[authority]\nfrom = [\"ns\"]\nto = [\"ns.new.example.\"]\n\
         parent_ttl = \"2d\"\nds = \"absent\"\n"
    );
    server.write("a.example.plan.toml", &plan);
    update(&server, "update add before.a.example 60 TXT x");
    let words = "its data has changed while its name servers change: until ";
    assert!(!server.log().contains(words), "nothing is under way: {}", server.log());
    server.until("it is armed", |server| server.command(&["arm", "a.example", "--yes"]).0);
    update(&server, "update add during.a.example 60 TXT x");
    server.until("it is said", |server| server.log().matches(words).count() == 1);
    server.write("a.example.zone", &ZONE.replace(" 10 ", " 100 "));
    server.until("a serial alone is no data", |server| serial(server) >= 100);
    assert_eq!(server.log().matches(words).count(), 1, "{}", server.log());
    server.write("a.example.zone", &(ZONE.replace(" 10 ", " 200 ") + "edit A 192.0.2.77\n"));
    server.until("it is said of an edit, too", |server| server.log().matches(words).count() == 2);

    // Held, the data stands still while the plan goes on.
    let (done, said) = server.command(&["zone", "freeze", "a.example", "--yes"]);
    assert!(done, "{said}");
    let (refused, said) = nsupdate(&server, "all.", &[], "update add late.a.example 60 TXT z");
    assert!(!refused && said.contains("REFUSED"), "{said}");
    server
        .until("the log says why", |server| server.log().contains("is refused: it is frozen until `watari zone thaw`"));
    let (_, status) = server.command(&["status", "a.example"]);
    assert!(status.contains("frozen: updates are REFUSED until `watari zone thaw a.example`"), "{status}");
    server.until("the name servers are the new ones", |server| server.data("a.example", "NS") == "ns.new.example.");
    assert_eq!(server.data("during.a.example", "TXT"), "\"x\"");
    assert_eq!(server.data("late.a.example", "TXT"), "");
}
