//! Knot, NSD and BIND as secondaries of ours that sign, with every algorithm: whole zones, differences, notices. Nobody has
//! a zone here but for a key: a wrong one, none at all, and a clock that is wrong are refused.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use support::client;
use support::message::Message;
use support::peer::{Kind, free_address};
use support::query::Query;
use support::secondary::{Secondary, Shared, framed};
use support::watari::{Watari, write};
use watari::clock::Instant;
use watari::wire::Name;
use watari::wire::tsig::{Algorithm, FollowFault, Followed, Follower, Key, Secret, Signer};

const NOTAUTH: u8 = 9;

/// A zone that takes some messages to transfer.
fn zone(serial: u32) -> String {
    let mut text =
        format!("$TTL 3\n@ SOA ns h {serial} 7200 7200 1209600 3\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.10\n");
    for number in 0..2000 {
        _ = writeln!(text, "name{number} TXT \"of serial {serial}, {number}\"");
    }
    text
}

/// A plan that flips `www` so many seconds from now.
fn plan(seconds: u64) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(seconds);
    let at = jiff::Timestamp::from_second(i64::try_from(since.as_secs()).unwrap()).unwrap();
    format!(
        "version = 1\nat = \"{at}\"\narm = \"on-load\"\nlow_ttl = \"1s\"\n\
         [[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.10\"]\nto = [\"192.0.2.11\"]\n"
    )
}

/// The zone, the key's name and its secret for each algorithm.
fn keys() -> Vec<(Algorithm, String, String, String)> {
    let secret = |algorithm: Algorithm| data_encoding::BASE64.encode(&vec![7; algorithm.mac_len()]);
    let key = |algorithm: Algorithm| {
        (algorithm, format!("{algorithm}.example"), format!("{algorithm}.key."), secret(algorithm))
    };
    Algorithm::ALL.map(key).into()
}

/// Ours over a zone for each algorithm, telling `told`, each with the key of its zone.
fn primary(told: &[SocketAddr]) -> Watari {
    let folder = tempfile::tempdir().unwrap();
    let (mut text, mut allow, mut notify) = (String::new(), Vec::new(), Vec::new());
    for (algorithm, name, key, secret) in keys() {
        write(&folder.path().join("zones").join(format!("{name}.zone")), &zone(1));
        _ = writeln!(text, "[keys.\"{key}\"]\nalgorithm = \"{algorithm}\"\nsecret = \"{secret}\"");
        allow.push(format!("\"key:{key}\""));
        let entry = |address| format!("{{ address = \"{address}\", key = \"{key}\", zones = \"{name}\" }}");
        notify.extend(told.iter().map(entry));
    }
    text += &format!("[transfer]\nallow = [{}]\nnotify = [{}]\n", allow.join(", "), notify.join(", "));
    let path = folder.path().join("watari.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    Watari::start(folder, &[])
}

fn address(server: &Watari) -> SocketAddr {
    format!("127.0.0.1:{}", server.port).parse().unwrap()
}

fn serial(server: &Watari, zone: &str) -> u32 {
    server.data(zone, "SOA").split(' ').nth(2).and_then(|serial| serial.parse().ok()).unwrap_or_default()
}

#[test]
fn rfc8945_each_secondary_follows_with_every_algorithm() {
    let addresses = Kind::PEERS.map(|kind| (kind, free_address()));
    let mut ours = primary(&addresses.map(|(_, address)| address));
    let keys = keys();
    let zones: Vec<_> = keys
        .iter()
        .map(|(algorithm, zone, name, secret)| {
            (zone.as_str(), Some(Shared { name, algorithm: algorithm.text(), secret }))
        })
        .collect();
    let mut secondaries = addresses.map(|(kind, there)| Secondary::keyed(kind, there, address(&ours), &zones));
    secondaries.iter_mut().for_each(Secondary::run);
    for (zone, _) in &zones {
        secondaries.iter_mut().for_each(|secondary| secondary.until_serial(zone, 1));
    }
    for (zone, _) in &zones {
        ours.write(&format!("{zone}.plan.toml"), &plan(10));
    }
    ours.until("each has flipped", |ours| {
        zones.iter().all(|(zone, _)| ours.data(&format!("www.{zone}"), "A") == "192.0.2.11")
    });
    for (zone, _) in &zones {
        // Told of it, with the key: nobody would ask for hours.
        let flipped = serial(&ours, zone);
        assert!(flipped > 1);
        for secondary in &mut secondaries {
            secondary
                .until("it has flipped", |secondary| secondary.serial(zone).is_some_and(|serial| serial >= flipped));
            let question = Query::new(&format!("www.{zone}"), 1).bytes(1);
            let answer = client::ask(secondary.address, &question).expect("an answer");
            assert_eq!(answer.answer[0].rdata, [192, 0, 2, 11], "{} {zone}", secondary.kind.name());
        }
    }
    let log = ours.log();
    for (_, zone, key, _) in &keys {
        let count = |what: &str| {
            let begin = format!("transferred {zone}. {what}");
            log.lines().filter(|line| line.contains(&begin) && line.contains(&format!("with the key {key}:"))).count()
        };
        assert!(count("as a whole, serial 1") >= Kind::PEERS.len(), "{zone}: {log}");
        assert!(count("from serial") >= Kind::PEERS.len(), "{zone}: {log}");
    }
    assert!(!log.lines().any(|line| line.contains("transferred") && !line.contains("with the key")), "{log}");
}

#[test]
fn who_has_another_secret_or_none_has_no_zone() {
    let ours = primary(&[]);
    let (algorithm, zone, name, _) = keys().remove(2);
    let shared =
        Shared { name: &name, algorithm: algorithm.text(), secret: "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3Q=" };
    for kind in Kind::PEERS {
        for shared in [Some(shared), None] {
            let mut secondary = Secondary::new(kind, free_address(), address(&ours), &[&zone], shared);
            secondary.run();
            // As each says that it was refused.
            let said = match (kind, shared.is_some()) {
                (_, false) => "refused",
                (Kind::Knot, true) => "failed to verify TSIG",
                (Kind::Nsd, true) => "tsig error (Bad Signature)",
                (_, true) => "tsig indicates error",
            };
            secondary.until(said, |secondary| secondary.log().to_lowercase().contains(&said.to_lowercase()));
            assert_eq!(secondary.serial(&zone), None, "{}", kind.name());
        }
    }
    assert!(!ours.log().contains("transferred"), "{}", ours.log());
}

fn transfer(server: SocketAddr, request: &[u8]) -> Vec<Vec<u8>> {
    let mut stream = client::tcp(server);
    stream.write_all(&framed(request.to_vec())).unwrap();
    let (mut messages, mut soas) = (Vec::new(), 0);
    while soas < 2 {
        let octets = client::read_framed(&mut stream).expect("a message");
        let message = Message::parse(&octets).unwrap();
        soas += message.answer.iter().filter(|record| record.rtype == 6).count();
        messages.push(octets);
        if message.rcode != 0 {
            break;
        }
    }
    messages
}

#[test]
fn rfc8945_5_2_3_whose_clock_is_wrong_has_no_zone_and_is_told_the_time() {
    let ours = primary(&[]);
    let now = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Instant::from_unix_seconds(i64::try_from(since.as_secs()).unwrap())
    };
    for (algorithm, zone, name, secret) in keys() {
        let key = Key::new(Name::from_text(&name).unwrap().as_ref(), algorithm, Secret::from_base64(&secret).unwrap());
        let signed = |at: Instant| {
            let mut signer = Signer::asking(Arc::new(key.clone()));
            let mut request = Query::new(&zone, 252).bytes(4711);
            let length = request.len();
            request.resize(length + signer.room(), 0);
            signer.sign(&mut request, length, at).unwrap();
            (request, Follower::of(&signer).unwrap())
        };
        for at in [now().before(Duration::from_secs(400)), now().after(Duration::from_secs(400))] {
            let (request, mut follower) = signed(at);
            let messages = transfer(address(&ours), &request);
            let [refused] = &messages[..] else { panic!("{} messages", messages.len()) };
            let message = Message::parse(refused).unwrap();
            assert_eq!((message.rcode, message.answer.len()), (NOTAUTH.into(), 0));
            let Err(FollowFault::Refused { error, peer_time: Some(time), is_signed: true }) =
                follower.message(refused, at)
            else {
                panic!("{algorithm}")
            };
            assert_eq!(error.to_string(), "BADTIME");
            assert!(time.abs_diff(u64::try_from(now().unix_seconds()).unwrap()) < 60);
        }
        let (request, mut follower) = signed(now());
        let messages = transfer(address(&ours), &request);
        assert!(messages.len() > 1);
        for message in &messages {
            assert_eq!(follower.message(message, now()), Ok(Followed::Signed), "{algorithm}");
        }
    }
}
