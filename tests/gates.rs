//! Gates and watches of a running server: a flip waits for what it needs, and goes back when that is gone.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use support::watari::{Watari, write};

const ZONE: &str = "$TTL 3\n@ SOA ns h 1 7200 3600 1209600 3\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.10\n";
const OLD: &str = "192.0.2.10";
const NEW: &str = "192.0.2.11";

/// A plan that flips `www` so many seconds from now.
fn plan(seconds: u64, rest: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(seconds);
    let at = jiff::Timestamp::from_second(i64::try_from(since.as_secs()).unwrap()).unwrap();
    format!(
        "version = 1\nat = \"{at}\"\narm = \"on-load\"\nlate = \"accept\"\nlow_ttl = \"1s\"\n\
         [[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"{OLD}\"]\nto = [\"{NEW}\"]\n{rest}"
    )
}

fn serve(plan: &str) -> Watari {
    Watari::serve(&[("move.example.zone", ZONE), ("move.example.plan.toml", plan)])
}

fn until_past(server: &mut Watari, plan: &str) {
    let at = plan.split('"').nth(1).unwrap().parse::<jiff::Timestamp>().unwrap();
    let passed = at + jiff::SignedDuration::from_secs(1);
    server.until("the instant is past", |_| jiff::Timestamp::now() > passed);
}

fn status(server: &Watari) -> String {
    server.command(&["status", "move.example"]).1
}

#[test]
fn a_flip_waits_for_its_port_to_open() {
    let address = support::peer::free_address();
    let rest = format!(
        "[[probe]]\nname = \"new web\"\nkind = \"tcp\"\naddress = \"{address}\"\nevery = \"1s\"\ntimeout = \"1s\"\n\
         [[gate]]\nbefore = \"flip\"\nprobe = \"new web\"\npass = \"2 of 2\"\n"
    );
    let plan = plan(5, &rest);
    let mut server = serve(&plan);
    until_past(&mut server, &plan);
    assert_eq!(server.data("www.move.example", "A"), OLD);
    server.until("it is told why", |server| status(server).contains("fails since"));
    let text = status(&server);
    let line = text.lines().find(|line| line.contains("gate   new web: 0 of ")).expect("what was seen lately");
    assert!(line.contains("passed, needs 2 of 2 over") && line.contains("; last look "), "{text}");
    let (_, json) = server.command(&["status", "move.example", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["looks"][0]["probe"], "new web", "{json}");
    assert!(json["looks"][0]["failed"].as_u64() > Some(0), "{json}");
    // What was told, and what waits, survive a restart.
    drop(server.running);
    let mut server = Watari::start(server.folder, &[]);
    assert_eq!(server.data("www.move.example", "A"), OLD);
    let _open = TcpListener::bind(address).unwrap();
    server.until_data("www.move.example", NEW);
    let text = status(&server);
    assert!(text.contains("passed: the gates before the flip") && text.contains("late, by its gates"), "{text}");
}

#[test]
fn a_flip_waits_for_a_person() {
    let plan = plan(4, "[[gate]]\nbefore = \"flip\"\napprove = \"the customer has agreed\"\n");
    let mut server = serve(&plan);
    until_past(&mut server, &plan);
    assert_eq!(server.data("www.move.example", "A"), OLD);
    let text = status(&server);
    assert!(text.contains("a person says `the customer has agreed`: missing"), "{text}");
    let (is_shown, text) = server.command(&["approve", "move.example", "--dry-run"]);
    assert!(is_shown && text.contains("the customer has agreed"), "{text}");
    let (is_refused, text) = server.command(&["approve", "move.example", "the weather is fine", "--yes"]);
    assert!(!is_refused && text.contains("which gate is meant"), "{text}");
    let (is_done, text) = server.command(&["approve", "move.example", "--yes"]);
    assert!(is_done, "{text}");
    server.until_data("www.move.example", NEW);
}

#[test]
fn a_gate_that_passes_in_time_lets_the_flip_be_at_its_instant() {
    let rest = "[[probe]]\nname = \"ready\"\nkind = \"command\"\nrun = [\"true\"]\nevery = \"1s\"\n\
                [[gate]]\nbefore = \"flip\"\nprobe = \"ready\"\npass = \"1 of 1\"\n";
    let plan = plan(12, rest);
    let mut server = serve(&plan);
    server.until_data("www.move.example", NEW);
    let text = status(&server);
    assert!(text.contains("passed: the gates before the flip, in time"), "{text}");
}

#[test]
fn a_watch_takes_the_plan_back() {
    let folder = tempfile::tempdir().unwrap();
    let flag = folder.path().join("flag");
    std::fs::write(&flag, "").unwrap();
    let rest = format!(
        "[[probe]]\nname = \"shop\"\nkind = \"command\"\nrun = [\"test\", \"-e\", \"{}\"]\nevery = \"1s\"\n\
         [[watch]]\nprobe = \"shop\"\nfail = \"2 of 2\"\nfor = \"1h\"\nrollback = true\n",
        flag.display()
    );
    let mut server = serve(&plan(3, &rest));
    server.until_data("www.move.example", NEW);
    std::fs::remove_file(&flag).unwrap();
    server.until_data("www.move.example", OLD);
    server.until("it is told", |server| server.log().contains("rolled back by the watch `shop`"));
    let text = status(&server);
    assert!(text.contains("rolled-back, by the watch `shop`"), "{text}");
}

#[test]
fn who_is_told_is_read_anew_at_a_hangup() {
    let folder = tempfile::tempdir().unwrap();
    let told = [folder.path().join("first"), folder.path().join("second")];
    let file = folder.path().join("watari.toml");
    let configuration =
        |told: &std::path::Path| format!("[notify]\ncommand = [\"sh\", \"-c\", \"cat >> {}\"]\n", told.display());
    write(&file, "");
    for number in 0..told.len() {
        let name = format!("zones/{number}.example");
        write(&folder.path().join(format!("{name}.zone")), ZONE);
        let by_hand = plan(600, "").replace("arm = \"on-load\"\n", "");
        write(&folder.path().join(format!("{name}.plan.toml")), &by_hand);
    }
    let mut server = Watari::start(folder, &[]);
    for (times, told) in told.iter().enumerate() {
        write(&file, &configuration(told));
        server.signal("-HUP");
        server.until("it is read", |server| {
            server.log().matches("who is told what becomes of plans was read anew").count() == times + 1
        });
        let (is_done, text) = server.command(&["arm", &format!("{times}.example"), "--yes"]);
        assert!(is_done, "{text}");
        let zone = format!("\"zone\":\"{times}.example");
        server.until("it is told", |_| std::fs::read_to_string(told).is_ok_and(|text| text.contains(&zone)));
    }
    assert!(!std::fs::read_to_string(&told[0]).unwrap().contains("1.example"));
    // An empty one tells nobody.
    write(&file, "");
    server.signal("-HUP");
    server.until("it is read", |server| {
        server.log().matches("who is told what becomes of plans was read anew").count() == 3
    });
    assert!(!server.log().contains("taken at the next start"), "{}", server.log());
}

#[test]
fn who_is_named_is_told_what_becomes_of_a_plan() {
    let folder = tempfile::tempdir().unwrap();
    let webhook = TcpListener::bind("127.0.0.1:0").unwrap();
    let told = folder.path().join("told");
    let config = format!(
        "[notify]\nwebhook = \"http://{}/hook\"\nsecret-file = \"secret\"\ncommand = [\"sh\", \"-c\", \"cat >> {}\"]\n",
        webhook.local_addr().unwrap(),
        told.display()
    );
    write(&folder.path().join("watari.toml"), &config);
    write(&folder.path().join("secret"), "a secret\n");
    write(&folder.path().join("zones/move.example.zone"), ZONE);
    write(&folder.path().join("zones/move.example.plan.toml"), &plan(2, ""));
    let heard = std::thread::spawn(move || {
        let mut heard = Vec::new();
        while heard.len() < 2 {
            let (mut stream, _) = webhook.accept().unwrap();
            let mut request = Vec::new();
            let mut octets = [0; 4096];
            while !request.ends_with(b"}") {
                let length = stream.read(&mut octets).unwrap();
                assert!(length > 0, "it ends in the middle");
                request.extend_from_slice(&octets[..length]);
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").unwrap();
            heard.push(String::from_utf8(request).unwrap());
        }
        heard
    });
    let mut server = Watari::start(folder, &[]);
    server.until_data("www.move.example", NEW);
    server.until("both are told", |_| std::fs::read_to_string(&told).is_ok_and(|text| text.contains("flipped")));
    let heard = heard.join().unwrap();
    for (request, event) in heard.iter().zip(["armed", "flipped"]) {
        assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("watari-signature: sha256="), "{request}");
        assert!(request.contains(&format!("\"event\":\"{event}\"")), "{request}");
    }
    assert!(!server.log().contains("a secret"));
}
