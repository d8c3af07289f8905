//! Our own program as the primary of Knot, NSD and BIND: they have the zone record by record, and follow a plan's flip.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use support::client;
use support::message::Message;
use support::peer::Kind;
use support::query::Query;
use support::secondary::{Secondary, framed, records};
use support::watari::{PATIENCE, Watari, write};
use support::{drawn, signing, zones};

const AXFR: u16 = 252;
/// A client that waits for something here is not let go of meanwhile.
const ALLOWED: &str = "[tcp]\nwrite-timeout = \"600s\"\n[transfer]\nallow = [\"127.0.0.1\"]\n";

/// Ours over `files`, from which this machine may have zones.
fn primary(files: &[(&str, &str)]) -> Watari {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(&folder.path().join("zones").join(name), text);
    }
    write(&folder.path().join("watari.toml"), ALLOWED);
    Watari::start(folder, &[])
}

fn address(server: &Watari) -> SocketAddr {
    format!("127.0.0.1:{}", server.port).parse().unwrap()
}

#[test]
fn each_secondary_has_the_zones_record_by_record() {
    // What all three take: not every server takes each of the nasty zones, and that is not what is tested here.
    let mut sources: Vec<_> = (100..112).map(drawn::zone).collect();
    sources.extend(zones::all().into_iter().filter(|zone| ["nasty.test", "other.test"].contains(&&*zone.apex)));
    let mut big = drawn::zone(99);
    big.lines.extend((0..5000).map(|number| format!("host{number}.Rack{} 60 IN A 10.0.0.1", number % 50)));
    sources.push(big);
    let mut texts: Vec<_> = sources.iter().map(|source| (source.apex.clone(), source.text())).collect();
    let folder = tempfile::tempdir().unwrap();
    for signed in signing::drawn(folder.path()).into_iter().chain(signing::tree(folder.path())) {
        texts.push((signed.file.name, fs::read_to_string(signed.file.path).unwrap()));
    }
    let names: Vec<&str> = texts.iter().map(|(name, _)| &**name).collect();
    let files: Vec<_> = texts.iter().map(|(name, text)| (format!("{name}.zone"), text)).collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (&**name, text.as_str())).collect();
    let ours = primary(&files);
    let expected: Vec<_> = names.iter().map(|zone| records(address(&ours), zone)).collect();
    for kind in Kind::PEERS {
        let mut theirs = Secondary::start(kind, address(&ours), &names);
        for (zone, expected) in names.iter().zip(&expected) {
            let serial = serial(&ours, zone);
            let there = theirs.records_at(zone, serial);
            let differ: Vec<_> = there.symmetric_difference(expected).collect();
            assert!(differ.is_empty(), "{zone} at {}: {differ:#?}", kind.name());
        }
    }
}

const ZONE: &str = "$TTL 3\n@ SOA ns h 1 1 1 1209600 3\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.10\nother A 192.0.2.1\n\
                    a A 192.0.2.1\nb A 192.0.2.1\nc A 192.0.2.1\n";

/// A plan that flips `www` so many seconds from now.
fn plan(seconds: u64) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(seconds);
    let at = jiff::Timestamp::from_second(i64::try_from(since.as_secs()).unwrap()).unwrap();
    format!(
        "version = 1\nat = \"{at}\"\narm = \"on-load\"\nlow_ttl = \"1s\"\n\
         [[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.10\"]\nto = [\"192.0.2.11\"]\n"
    )
}

fn serial(server: &Watari, zone: &str) -> u32 {
    server.data(zone, "SOA").split(' ').nth(2).and_then(|serial| serial.parse().ok()).unwrap_or_default()
}

#[test]
fn rfc1995_a_flip_reaches_each_secondary_as_a_difference() {
    let mut ours = primary(&[("move.example.zone", ZONE)]);
    let mut secondaries: Vec<_> =
        Kind::PEERS.into_iter().map(|kind| Secondary::start(kind, address(&ours), &["move.example"])).collect();
    for secondary in &mut secondaries {
        secondary.until_serial("move.example", 1);
    }
    let whole = |log: &str| log.lines().filter(|line| line.contains("transferred move.example. as a whole")).count();
    let before = whole(&ours.log());
    ours.write("move.example.plan.toml", &plan(10));
    ours.until_data("www.move.example", "192.0.2.11");
    let flipped = serial(&ours, "move.example");
    assert!(flipped > 1);
    let shown = ours.dig(&["ixfr=1", "move.example"]);
    let soas: Vec<_> = shown.lines().filter(|line| line.contains("SOA")).collect();
    let www: Vec<_> = shown.lines().filter(|line| line.starts_with("www") && line.contains("192.0.2.1")).collect();
    assert_eq!((soas.len(), www.len()), (4, 2), "{shown}");
    assert!(www[0].ends_with("192.0.2.10") && www[1].ends_with("192.0.2.11"), "{shown}");
    assert!(!shown.contains("other.move.example"), "only what differs: {shown}");
    let mut asked = 0;
    for secondary in &mut secondaries {
        // Steps after the flip raise the serial again.
        let follows = || {
            asked += 1;
            records(address(&ours), "move.example") == records(secondary.address, "move.example")
        };
        secondary.running.as_ref().unwrap().until("it has what ours has", follows);
    }
    let sent = |log: &str| log.lines().filter(|line| line.contains("transferred move.example. from serial")).count();
    ours.until("the last transfer is logged", |ours| whole(&ours.log()) - before >= asked);
    let log = ours.log();
    assert!(sent(&log) > Kind::PEERS.len(), "as differences: {log}");
    // Each was asked for the whole by this test alone.
    assert_eq!(whole(&log) - before, asked, "{log}");
    // An edit of the file is one more difference, also from what was before the plan.
    ours.write("move.example.zone", &(ZONE.replace("h 1 ", "h 500 ") + "new A 192.0.2.99\n"));
    ours.until_data("new.move.example", "192.0.2.99");
    for secondary in &mut secondaries {
        secondary.until("it has the new record", |secondary| {
            records(secondary.address, "move.example").iter().any(|record| record.starts_with("new."))
        });
    }
    let shown = ours.dig(&["ixfr=1", "move.example"]);
    assert_eq!(shown.lines().filter(|line| line.contains("SOA")).count(), 4, "{shown}");
    assert!(shown.contains("new.move.example") && !shown.contains("other.move.example"), "{shown}");
}

#[test]
fn who_is_not_named_has_no_transfer() {
    let ours = Watari::serve(&[("move.example.zone", ZONE)]);
    let shown = ours.dig(&["axfr", "move.example"]);
    assert!(shown.contains("Transfer failed"), "{shown}");
    let shown = ours.dig(&["+tcp", "-t", "IXFR=1", "move.example", "+noall", "+comments"]);
    assert!(!shown.contains("192.0.2.10"), "{shown}");
}

#[test]
fn a_transfer_under_way_keeps_its_edition_and_lets_others_ask() {
    let text = |serial: u32, last: u32| {
        let last = |number: usize| if number % 10 == 7 { last } else { 10 };
        let hosts: String = (0..200_000).map(|number| format!("host{number} A 192.0.2.{}\n", last(number))).collect();
        format!("$TTL 60\n@ SOA ns h {serial} 60 60 1209600 60\n@ NS ns\nns A 192.0.2.1\n{hosts}")
    };
    let mut ours = primary(&[("big.example.zone", &text(1, 10))]);
    let mut stream = TcpStream::connect(address(&ours)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&framed(Query::new("big.example", AXFR).bytes(1))).unwrap();
    // It has begun, and waits for us to read.
    let mut first = [0; 2];
    stream.read_exact(&mut first).unwrap();
    ours.write("big.example.zone", &text(2, 20));
    ours.until_data("host7.big.example", "192.0.2.20");
    // A question on the same connection is answered before the transfer has ended.
    stream.write_all(&framed(Query::new("ns.big.example", 1).bytes(2))).unwrap();
    let mut rest = vec![0; usize::from(u16::from_be_bytes(first))];
    stream.read_exact(&mut rest).unwrap();
    let (mut messages, mut answered_after, mut hosts) = (1, None, 0);
    let mut take = |message: &Message, messages: usize| {
        if message.id == 2 {
            assert_eq!(message.answer[0].rdata, [192, 0, 2, 1]);
            answered_after = Some(messages);
            return 0;
        }
        let addresses = message.answer.iter().filter(|record| record.rtype == 1 && record.rdata != [192, 0, 2, 1]);
        hosts += addresses.inspect(|record| assert_eq!(record.rdata, [192, 0, 2, 10], "of the first edition")).count();
        message.answer.iter().filter(|record| record.rtype == 6).count()
    };
    let mut soas = take(&Message::parse(&rest).unwrap(), 0);
    while soas < 2 {
        let message = Message::parse(&client::read_framed(&mut stream).expect("a message")).unwrap();
        soas += take(&message, messages);
        messages += 1;
    }
    assert_eq!(hosts, 200_000);
    assert!(answered_after.is_some_and(|after| after < messages), "{answered_after:?} of {messages}");
    assert_eq!(serial(&ours, "big.example"), 2);
}
