//! A zone that was fetched becomes ours, and who had it follows us.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::ours;
use crate::primary::{KEY_NAME, Primary, SECRET};
use crate::scripted::{self, Said, Script};
use crate::support::client;
use crate::support::message::rcode;
use crate::support::peer::{Kind, free_address};
use crate::support::query::Query;
use crate::support::signing::{self, Denial};
use crate::support::watari::{Watari, write};

/// A zone with what is easily lost on the way to a file and back.
fn zone(serial: u32) -> String {
    format!(
        "$ORIGIN a.example.\n$TTL 300\n@ SOA ns h {serial} 3600 600 86400 300\n@ NS ns\nns A 192.0.2.1\n\
         www 60 A 192.0.2.{serial}\n    7200 AAAA 2001:db8::1\nMixed.Case TXT \"a\\\\b\" \"; no \\\" comment\"\n\
         @ MX 10 Mail.a.example.\nmail A 192.0.2.9\n*.wild CNAME www\nsub NS ns.sub\nns.sub A 192.0.2.7\n\
         odd TYPE65400 \\# 3 010203\n@ CAA 0 issue \"ca.example\"\n"
    )
}

/// Asks without a pause until it is over, and ten times at least: each answer is one, and the same, but for its serial.
fn ask_all_the_while(address: SocketAddr, is_over: &AtomicBool) {
    let question = Query::new("mail.a.example", 1).bytes(5);
    let mut asked = 0;
    while asked <= 10 || !is_over.load(Ordering::Acquire) {
        let message = client::ask(address, &question).expect("an answer");
        assert_eq!((message.rcode, message.aa, message.answer.len()), (rcode::NOERROR, true, 1), "{}", message.show());
        asked += 1;
    }
}

/// What comes of `watari promote` with these arguments, in JSON.
fn promote(ours: &Watari, arguments: &[&str]) -> (bool, Value) {
    let all: Vec<&str> = ["promote", "a.example", "--json"].iter().chain(arguments).copied().collect();
    let (is_done, said) = ours.command(&all);
    let end = said.rfind('}').unwrap_or_else(|| panic!("{said}")) + 1;
    (is_done, serde_json::from_str(&said[..end]).unwrap_or_else(|error| panic!("{error}: {said}")))
}

/// The code of the answer to a notice of the zone.
fn notified(address: SocketAddr) -> u16 {
    let mut notice = Query::new("a.example", 6).bytes(3);
    notice[2] = 0x24;
    client::ask(address, &notice).expect("an answer").rcode
}

/// How many SOA records dig shows of the changes since `serial`: two of a whole zone, four of one difference.
fn soas_since(ours: &Watari, serial: u32) -> usize {
    let shown = ours.dig(&["+noall", "+answer", "+onesoa", &format!("IXFR={serial}"), "a.example"]);
    shown.lines().filter(|line| line.contains("\tSOA\t")).count()
}

fn there_and_back(kind: Kind, is_signed: bool) {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut primary = Primary::start(kind, &folder.path().join("primary"), &zone(1), address, is_signed);
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &primary.named());
    ours.until("it is served", |_| ours::serial(address) == Some(1));
    primary.write(&zone(2));
    ours.until("it has changed", |_| ours::serial(address) == Some(2));
    let before = ours::records(address);
    let of_the_changes = soas_since(&ours, 1);
    assert_eq!(of_the_changes, 4, "a difference");

    // What comes only now is fetched first.
    primary.write(&zone(3));
    let is_over = AtomicBool::new(false);
    let (first, shown, done) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask_all_the_while(address, &is_over));
        let (_, shown) = ours.command(&["promote", "a.example", "--dry-run"]);
        ours.until("it has changed", |_| ours::serial(address) == Some(3));
        let first = ours::records(address);
        let done = promote(&ours, &["--yes"]);
        // Some answers more after it is done.
        let end = std::time::Instant::now() + Duration::from_millis(300);
        while std::time::Instant::now() < end {
            assert_eq!(ours::records(address), first);
        }
        is_over.store(true, Ordering::Release);
        asking.join().unwrap();
        (first, shown, done)
    });
    assert_ne!(before, first);
    assert!(shown.contains("a.example becomes ours") && shown.contains("Do not edit it on the old side"), "{shown}");
    let (is_done, data) = done;
    assert!(is_done, "{data}\n{}", ours.log());
    assert_eq!((&data["serial"], &data["warnings"]), (&Value::from(3), &Value::Array(Vec::new())), "{data}");
    assert_eq!((ours::serial(address), ours::records(address)), (Some(3), first.clone()));
    assert!(!ours.path("a.example.secondary.toml").exists());
    assert_eq!(fs::read_to_string(ours.path("a.example.secondary.toml.promoted")).unwrap(), primary.named());
    // Differences go on over it, and it is in the history.
    assert_eq!(soas_since(&ours, 1), 4, "{}", ours.log());
    let (_, log) = ours.command(&["zone", "log", "a.example"]);
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].contains("3 → 3") && lines[0].contains("promoted") && lines[1].contains("2 → 3"), "{log}");
    assert_eq!(notified(address), 9, "NOTAUTH");
    let (is_done, said) = ours.command(&["promote", "a.example", "--yes"]);
    assert!(!is_done && said.contains("is ours already"), "{said}");

    // The bridge back, as it is printed.
    let bridge = &data["bridges"][0];
    assert_eq!((&bridge["allow"]["is_there"], &bridge["notify"]["is_there"]), (&true.into(), &false.into()), "{data}");
    let config = ours.folder.path().join("watari.toml");
    let text = format!(
        "[transfer]\nallow = [{}]\nnotify = [{}]\n[keys.\"{KEY_NAME}\"]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\"\n",
        bridge["allow"]["entry"].as_str().unwrap(),
        bridge["notify"]["entry"].as_str().unwrap(),
    );
    fs::write(&config, text).unwrap();
    fs::set_permissions(&config, Permissions::from_mode(0o600)).unwrap();
    ours.signal("-HUP");
    primary.running.kill();
    primary.follow(bridge[kind.name()].as_str().unwrap());
    // Nobody need touch a serial to see that it follows: an edit of ours is there.
    let file = fs::read_to_string(ours.path("a.example.zone")).unwrap();
    let edited = file.replacen("3          ; serial", "4          ; serial", 1);
    assert_ne!(edited, file);
    fs::write(ours.path("a.example.zone"), edited.clone() + "new.a.example. A 192.0.2.4\n").unwrap();
    ours.until("the edit is served", |_| ours::serial(address) == Some(4));
    ours.until("who had it follows", |_| ours::serial(primary.address) == Some(4));
    let edited = edited.replacen("4          ; serial", "5          ; serial", 1);
    let more = "new.a.example. A 192.0.2.4\nnewer.a.example. A 192.0.2.5\n";
    fs::write(ours.path("a.example.zone"), edited + more).unwrap();
    ours.until("who had it follows", |_| ours::serial(primary.address) == Some(5));
    ours.until("by a difference", |ours| ours.log().contains("transferred a.example. from serial 4 to 5"));
    // NSD hands over from process to process.
    let names = ["new", "newer", "www"];
    ours.until("all of it", |_| ours::served(primary.address, &names) == ours::served(address, &names));
}

#[test]
fn there_and_back_with_knot() {
    there_and_back(Kind::Knot, true);
}

#[test]
fn there_and_back_with_bind() {
    there_and_back(Kind::Bind, true);
}

#[test]
fn there_and_back_with_nsd() {
    there_and_back(Kind::Nsd, true);
}

#[test]
fn there_and_back_unsigned() {
    there_and_back(Kind::Knot, false);
}

#[test]
fn what_can_not_become_ours_is_refused_with_a_way_out() {
    let address = free_address();
    let refusal = Said { rcode: 5, ..Said::default() };
    let primary = scripted::start(Script::Say { serial: 0, messages: vec![refusal] });
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &primary.named());
    ours.write("own.example.zone", "$TTL 60\n@ SOA ns h 1 60 60 600 60\n@ NS ns\nns A 192.0.2.1\n");
    ours.until("ours is served", |ours| ours.status("own.example") == "NOERROR");
    for (name, why, help) in [
        ("own.example", "own.example is ours already", "its file, plans and updates change it"),
        ("nobody.example", "no such zone is served here", "`nobody.example.secondary.toml`"),
        ("a.example", "a.example has never come", "put its zone file in the place"),
    ] {
        let (is_done, said) = ours.command(&["promote", name, "--yes"]);
        assert!(!is_done && said.contains(why) && said.contains(help), "{said}");
    }
    primary.say(Script::zone(&scripted::zone(7, "1 1 4")));
    ours.until("it is served", |_| ours::serial(address) == Some(7));
    // A file in the way is nobody's to replace.
    ours.write("a.example.zone", "$TTL 60\n@ SOA ns h 99 60 60 600 60\n@ NS ns\nns A 192.0.2.1\n");
    let (is_done, said) = ours.command(&["promote", "a.example", "--yes"]);
    assert!(!is_done && said.contains("a.example.zone is in the way"), "{said}");
    assert_eq!(ours::serial(address), Some(7));
    fs::remove_file(ours.path("a.example.zone")).unwrap();
    // Nobody agreed: nothing is done, and it is fetched on.
    let (is_done, said) = ours.command(&["promote", "a.example"]);
    assert!(!is_done && said.contains("nothing was done; --yes does it"), "{said}");
    primary.say(Script::zone(&scripted::zone(8, "1 1 4")));
    ours.until("it is fetched on", |_| ours::serial(address) == Some(8));
    primary.say(Script::Silence);
    ours.until("it has expired", |ours| ours.log().contains("a.example: it has expired with serial 8"));
    let (is_done, said) = ours.command(&["promote", "a.example", "--yes"]);
    assert!(!is_done && said.contains("a.example has expired") && said.contains("--expired"), "{said}");
    let (is_done, data) = promote(&ours, &["--yes", "--expired"]);
    assert!(is_done && data["expired"] == true, "{data}");
    let warning = data["warnings"][0].as_str().unwrap();
    assert!(warning.contains("whether there is anything newer is not known"), "{warning}");
    assert_eq!(ours::serial(address), Some(8));
}

#[test]
fn a_primary_that_was_set_back_is_told_of() {
    let address = free_address();
    let primary = scripted::start(Script::zone(&scripted::zone(7, "1 1 600")));
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &primary.named());
    ours.until("it is served", |_| ours::serial(address) == Some(7));
    primary.say(Script::zone(&scripted::zone(5, "1 1 600")));
    let (is_done, data) = promote(&ours, &["--yes"]);
    assert!(is_done, "{data}");
    let warning = data["warnings"][0].as_str().unwrap();
    assert!(warning.contains("has serial 5, which is not above our 7"), "{warning}");
    assert_eq!(ours::serial(address), Some(7));
}

#[test]
fn plans_and_updates_are_taken_from_then_on_and_the_way_back_is_two_files() {
    let address = free_address();
    let primary = scripted::start(Script::zone(&scripted::zone(7, "3600 600 86400")));
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &primary.named());
    ours.until("it is served", |_| ours::serial(address) == Some(7));
    let at = jiff::Timestamp::now().as_second() - 3;
    let at = jiff::Timestamp::from_second(at).unwrap();
    let plan = format!(
        "version = 1\nat = \"{at}\"\nlate = \"accept\"\nlow_ttl = 60\nttl_after = \"1h\"\n[[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = []\nto = [\"192.0.2.80\"]\n"
    );
    ours.write("a.example.plan.toml", &plan);
    ours.until("the plan is refused", |ours| ours.log().contains("secondary-with-plan"));
    let (is_done, data) = promote(&ours, &["--yes"]);
    assert!(is_done && data["warnings"][0].as_str().unwrap().contains("is the zone's plan from then on"), "{data}");
    let (is_done, said) = ours.command(&["arm", "a.example", "--yes"]);
    assert!(is_done, "{said}\n{}", ours.log());
    ours.until("the plan has flipped", |ours| ours.data("www.a.example", "A") == "192.0.2.80");
    let flipped = ours::serial(address);
    assert!(flipped > Some(7));
    let config = ours.folder.path().join("watari.toml");
    let rule = "[[update]]\nzones = [\"a.example\"]\nfrom = [\"127.0.0.1\"]\ngrant = \"zone\"\n";
    fs::write(&config, fs::read_to_string(&config).unwrap() + rule).unwrap();
    ours.signal("-HUP");
    ours.until("the rule is taken", |ours| ours.log().contains("who may update zones has changed"));
    let mut nsupdate = Command::new("nsupdate").stdin(Stdio::piped()).spawn().unwrap();
    let wanted =
        format!("server 127.0.0.1 {}\nzone a.example\nupdate add up.a.example 60 A 192.0.2.81\nsend\n", ours.port);
    nsupdate.stdin.take().unwrap().write_all(wanted.as_bytes()).unwrap();
    assert!(nsupdate.wait().unwrap().success(), "{}", ours.log());
    assert_eq!(ours.data("up.a.example", "A"), "192.0.2.81");
    assert!(ours::serial(address) > flipped);
    // Over a restart it is the same.
    let folder = ours::kill(ours);
    let mut ours = ours::start_again(folder, address);
    assert_eq!((&*ours.data("www.a.example", "A"), &*ours.data("up.a.example", "A")), ("192.0.2.80", "192.0.2.81"));
    // And back: the one file in the place of the other.
    fs::remove_file(ours.path("a.example.plan.toml")).unwrap();
    primary.say(Script::zone(&scripted::zone(900, "3600 600 86400")));
    fs::rename(ours.path("a.example.secondary.toml.promoted"), ours.path("a.example.secondary.toml")).unwrap();
    fs::remove_file(ours.path("a.example.zone")).unwrap();
    ours.until("it is fetched again", |_| ours::serial(address) == Some(900));
}

#[test]
fn what_lies_over_a_big_zone_becomes_ours_with_it() {
    let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
    let many: String = (0..5000).map(|number| format!("many{number} A 192.0.2.1\n")).collect();
    let zone = |serial| zone(serial) + &many;
    let primary = Primary::start(Kind::Knot, &folder.path().join("primary"), &zone(1), address, false);
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &primary.named());
    for serial in 1..=3 {
        primary.write(&zone(serial));
        ours.until("it is served", |_| ours::serial(address) == Some(serial));
    }
    let before = ours::records(address);
    let (is_done, data) = promote(&ours, &["--yes"]);
    assert!(is_done && data["serial"] == 3, "{data}");
    assert_eq!((ours::serial(address), ours::records(address)), (Some(3), before));
    // From before the patches, and from between them.
    assert_eq!((soas_since(&ours, 1), soas_since(&ours, 2)), (4, 4), "{}", ours.log());
    let file = fs::read_to_string(ours.path("a.example.zone")).unwrap();
    let edited = file.replacen("3          ; serial", "4          ; serial", 1) + "new A 192.0.2.4\n";
    fs::write(ours.path("a.example.zone"), edited).unwrap();
    ours.until("the edit is served", |_| ours::serial(address) == Some(4));
    assert_eq!((soas_since(&ours, 1), soas_since(&ours, 3)), (4, 4), "{}", ours.log());
    // Nor does a restart end them.
    ours.signal("-TERM");
    assert_eq!(ours.running.exit_status(), Some(0), "{}", ours.log());
    let ours = ours::start_again(ours::kill(ours), address);
    assert_eq!((soas_since(&ours, 1), soas_since(&ours, 3)), (4, 4), "{}", ours.log());
}

#[test]
fn zones_drawn_at_random_and_signed_in_all_ways_become_ours_as_they_are() {
    let scratch = tempfile::tempdir().unwrap();
    let zones: Vec<_> = signing::drawn(scratch.path()).into_iter().chain(signing::tree(scratch.path())).collect();
    let (theirs, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (there, address) = (free_address(), free_address());
    for folder in [&theirs, &own] {
        write(&folder.path().join("watari.toml"), "[transfer]\nallow = [\"127.0.0.1\"]\n");
    }
    for zone in &zones {
        let name = &zone.file.name;
        let text = fs::read_to_string(&zone.file.path).unwrap();
        write(&theirs.path().join(format!("zones/{name}.zone")), &text);
        write(&own.path().join(format!("zones/{name}.secondary.toml")), &format!("primaries = [\"{there}\"]\n"));
    }
    let _primary = ours::start_again(theirs, there);
    let mut ours = ours::start_again(own, address);
    let all = |ours: &Watari, name: &str| {
        let shown = ours.dig(&[name, "AXFR", "+noall", "+answer"]);
        let mut lines: Vec<_> = shown.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let mut before = Vec::new();
    for zone in &zones {
        let name = &zone.file.name;
        ours.until(&format!("{name} is served"), |ours| ours.status(name) == "NOERROR");
        before.push(all(&ours, name));
        let (is_done, said) = ours.command(&["promote", name, "--yes"]);
        assert!(is_done, "{name}: {said}");
        assert_eq!(
            said.contains("the zone is signed, and nothing here signs it anew"),
            zone.denial != Denial::Unsigned
        );
        assert_eq!(all(&ours, name), before[before.len() - 1], "{name}");
    }
    let ours = ours::start_again(ours::kill(ours), address);
    assert!(ours.log().contains(&format!("ready: {} zones served, 0 failed", zones.len())), "{}", ours.log());
    for (zone, before) in zones.iter().zip(before) {
        assert_eq!(all(&ours, &zone.file.name), before, "{}", zone.file.name);
    }
}
