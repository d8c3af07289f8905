//! What stays when either end is killed, and when nobody is heard of.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use crate::ours;
use crate::primary::Primary;
use crate::scripted::{self, Script};
use crate::support::peer::{Kind, free_address};
use crate::support::secondary::Secondary;

/// A zone that takes a while to come.
fn large(serial: u32) -> String {
    let mut zone =
        format!("$ORIGIN a.example.\n$TTL 300\n@ SOA ns h {serial} 3600 600 86400 300\n@ NS ns\nns A 192.0.2.1\n");
    for number in 0..60_000 {
        _ = writeln!(
            zone,
            "name{number} TXT \"text {serial} of {number}, which is as long as a text may well be in a zone\""
        );
    }
    zone
}

#[test]
fn a_primary_that_is_killed_in_the_middle_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut primary = Primary::start(Kind::Knot, &folder.path().join("primary"), &large(1), address, true);
    let secondary = primary.named() + "refresh-max = \"2s\"\n";
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &secondary);
    ours.until("it is served", |_| ours::serial(address) == Some(1));
    for serial in 2..8 {
        primary.write(&large(serial));
        // At another moment each time: while it reads its file, while it sends, or after that.
        std::thread::park_timeout(Duration::from_millis(u64::from(serial) * 150));
        primary.running.kill();
        let before = ours::serial(address).expect("it is served all the while");
        assert!(before == serial || before == serial - 1, "{before}");
        primary.start_again();
        ours.until(&format!("serial {serial}"), |_| ours::serial(address) == Some(serial));
    }
}

#[test]
fn ours_is_killed_and_serves_at_once_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut primary = Primary::start(Kind::Knot, &folder.path().join("primary"), &large(1), address, false);
    let secondary = primary.named() + "refresh-max = \"2s\"\n";
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &secondary);
    ours.until("it is served", |_| ours::serial(address) == Some(1));
    for serial in 2..8 {
        primary.write(&large(serial));
        std::thread::park_timeout(Duration::from_millis(u64::from(serial - 2) * 150));
        let folder = ours::kill(ours);
        // With its primary gone, what it has is all that it can serve.
        primary.running.kill();
        ours = ours::start_again(folder, address);
        let served = ours::serial(address);
        assert!(served == Some(serial) || served == Some(serial - 1), "{served:?} of {serial}\n{}", ours.log());
        assert!(ours.log().contains("ready: 1 zones served, 0 failed"), "{}", ours.log());
        primary.start_again();
        ours.until(&format!("serial {serial}"), |_| ours::serial(address) == Some(serial));
        assert_eq!(ours::records(address).len(), 60_003);
    }
}

#[test]
fn it_expires_while_it_serves_and_over_a_restart() {
    let address = free_address();
    // Expires after 6 s.
    let script = Script::zone(&scripted::zone(1, "1 1 6"));
    let primary = scripted::start(script.clone());
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &primary.named());
    ours.until("it is served", |_| ours::serial(address) == Some(1));
    primary.say(Script::Silence);
    ours.until("it has expired", |ours| ours.log().contains("a.example: it has expired with serial 1"));
    assert_eq!(ours.status("a.example"), "SERVFAIL");
    let (_, told) = ours.command(&["status", "a.example"]);
    assert!(told.contains("serial 1; heard of at") && told.contains("expired at"), "{told}");
    // Over a restart it stays so, and one word of its primary brings it back.
    let folder = ours::kill(ours);
    let mut ours = ours::start_again(folder, address);
    assert!(ours.log().contains("ready: 0 zones served, 1 failed"), "{}", ours.log());
    primary.say(script);
    ours.until("it is back", |_| ours::serial(address) == Some(1));
    let (_, told) = ours.command(&["status", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["secondaries"][0]["state"], "served");
}

#[test]
fn files_come_and_go_while_it_serves() {
    let address = free_address();
    let primary = scripted::start(Script::zone(&scripted::zone(5, "3600 600 86400")));
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, "primaries = [\"nobody\"]\n");
    ours.until("its fault is shown", |ours| ours.log().contains("`nobody` is no address of a primary"));
    assert_eq!(ours.status("a.example"), "SERVFAIL");
    ours.write("a.example.secondary.toml", &primary.named());
    ours.until("it is served", |_| ours::serial(address) == Some(5));
    // A fault in the file leaves in service what was.
    ours.write("a.example.secondary.toml", "primaries = 5\n");
    ours.until("its fault is shown", |ours| ours.log().contains("`primaries` takes text, not a number"));
    assert_eq!(ours::serial(address), Some(5));
    ours.write("a.example.secondary.toml", &primary.named());
    // A plan is not obeyed, and a zone file beside it not taken.
    let plan = "version = 1\nat = \"2099-01-01T00:00:00Z\"\narm = \"on-load\"\n[[flip]]\nname = \"ns\"\ntype = \"A\"\nfrom = [\"192.0.2.1\"]\nto = [\"192.0.2.2\"]\n";
    ours.write("a.example.plan.toml", plan);
    ours.until("the plan is refused", |ours| ours.log().contains("secondary-with-plan"));
    let (is_done, said) = ours.command(&["arm", "a.example", "--yes"]);
    assert!(!is_done && said.contains("the zone is fetched from others"), "{said}");
    fs::remove_file(ours.path("a.example.plan.toml")).unwrap();
    ours.write("a.example.zone", &scripted::text(9, "1 1 1"));
    ours.until("the two are refused", |ours| ours.log().contains("both say what the zone is"));
    assert_eq!(ours::serial(address), Some(5));
    let (_, checked) = ours.command(&["check"]);
    assert!(checked.contains("error[secondary-and-zone]"), "{checked}");
    // Without the other the zone file counts; and without that, nothing is there any more.
    fs::remove_file(ours.path("a.example.secondary.toml")).unwrap();
    ours.until("the zone file counts", |_| ours::serial(address) == Some(9));
    fs::remove_file(ours.path("a.example.zone")).unwrap();
    ours.until("it is gone", |ours| ours.status("a.example") == "REFUSED");
}

#[test]
fn who_has_the_zone_from_ours_is_given_differences_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    let (address, there) = (free_address(), free_address());
    let primary = Primary::start(Kind::Knot, &folder.path().join("primary"), &large(1), address, false);
    let small =
        |serial: u32| large(1).replace("h 1 3600", &format!("h {serial} 3600")) + &format!("x{serial} A 192.0.2.1\n");
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &primary.named());
    ours.until("it is served", |_| ours::serial(address) == Some(1));
    let mut last = Secondary::new(Kind::Knot, there, address, &["a.example"], None);
    last.run();
    last.until_serial("a.example", 1);
    last.stop();
    for serial in 2..5 {
        primary.write(&small(serial));
        ours.until(&format!("serial {serial}"), |_| ours::serial(address) == Some(serial));
    }
    ours.until("it is noted", |ours| {
        ours.command(&["zone", "log", "a.example", "--json", "--limit", "1"]).1.contains("\"after\": 4")
    });
    let (_, log) = ours.command(&["zone", "log", "a.example"]);
    let by = format!("transfer  {}", primary.address);
    assert!(log.lines().count() == 3 && log.lines().all(|line| line.ends_with(&by)), "{log}");
    let (_, diff) = ours.command(&["zone", "diff", "a.example", "3"]);
    assert!(diff.contains("+x4.a.example.\t300\tIN\tA\t192.0.2.1\n"), "{diff}");
    primary.running.kill();
    let folder = ours::kill(ours);
    let telling = format!("[transfer]\nallow = [\"127.0.0.1\"]\nnotify = [\"{there}\"]\n");
    fs::write(folder.path().join("watari.toml"), telling).unwrap();
    ours = ours::start_again(folder, address);
    ours.until("it is served", |_| ours::serial(address) == Some(4));
    last.run();
    last.until_serial("a.example", 4);
    ours.until_said("transferred a.example. from serial 1 to 4");
    assert_eq!(ours::records(there), ours::records(address));
}
