//! Packets that are malformed, unusual, or not questions at all.

use std::borrow::Cow;

use super::case::Case;
use super::compare::{self, Outcome};
use super::known::Known;
use super::report::Report;
use crate::support::client;
use crate::support::peer::{Kind, Server, ZoneFile};
use crate::support::query::{Edns, Query};
use crate::support::zones::Source;

/// A packet and what is odd about it.
struct Odd {
    label: Cow<'static, str>,
    bytes: Vec<u8>,
}

/// One small zone is enough.
pub(crate) fn zones() -> Vec<Source> {
    let text = r#"
        @ 300 IN SOA ns hostmaster 1 7200 3600 1209600 30
        @ 300 IN NS ns
        ns 300 IN A 192.0.2.1
        www 300 IN A 192.0.2.2
    "#;
    vec![Source::of("odd.test", text)]
}

/// Puts all packets to all servers and compares.
pub(crate) fn compare_all(files: &[ZoneFile]) {
    let servers = super::start(files);
    let after = Query::new("odd.test", 6).bytes(0xfffe);
    let packets = packets();
    let ask = |server: &Server| -> Vec<Outcome> {
        let answers = packets.iter().map(|odd| client::exchange_or_silence(server.address, &odd.bytes, &after));
        answers.map(Outcome::of).collect()
    };
    let outcomes: Vec<Vec<Outcome>> = std::thread::scope(|scope| {
        let asking: Vec<_> = servers.iter().map(|server| scope.spawn(|| ask(server))).collect();
        asking.into_iter().map(|thread| thread.join().expect("outcomes")).collect()
    });
    let mut known = Known::load("odd", files);
    let mut report = Report::default();
    for (index, odd) in packets.iter().enumerate() {
        let query = Query::new("www.odd.test", 1);
        let case = Case { zone: "odd.test".to_owned(), variant: odd.label.clone(), query, tcp: false };
        let ours = &outcomes[0][index];
        if servers[0].kind == Kind::Watari {
            for fault in faults(&odd.bytes, ours) {
                report.fault(&case, ours, &fault);
            }
        }
        for (server, outcomes) in servers.iter().zip(&outcomes).skip(1) {
            let theirs = &outcomes[index];
            for difference in compare::differences(case.size_max(), ours, theirs) {
                if !known.explains(server.kind, &case, ours, theirs, &difference) {
                    report.difference(&known, server.kind, &case, ours, theirs, &difference);
                }
            }
        }
    }
    report.finish(packets.len(), &known);
}

/// What is wrong in our answer to `packet`, whatever it is.
fn faults(packet: &[u8], ours: &Outcome) -> Vec<String> {
    let mut faults = Vec::new();
    match ours {
        Outcome::Malformed(reason) => faults.push(format!("malformed: {reason}")),
        Outcome::Silence => {
            let response = packet.get(2).is_some_and(|byte| byte & 0x80 != 0);
            if packet.len() >= 12 && !response {
                faults.push("silence is for responses and what is shorter than a header".to_owned());
            }
        }
        Outcome::Answer(message, bytes) => {
            if bytes.get(..2) != packet.get(..2) || !message.qr {
                faults.push("the identifier is the question's, and QR is set".to_owned());
            }
            if packet.get(2).is_some_and(|byte| byte >> 3 & 15 != message.opcode) {
                faults.push("the opcode is the question's (RFC 1035 § 4.1.1)".to_owned());
            }
            if packet.len() < 12 || packet[2] & 0x80 != 0 {
                faults.push("responses and what is shorter than a header get no answer".to_owned());
            }
        }
    }
    faults
}

fn packets() -> Vec<Odd> {
    let mut packets = Vec::new();
    let mut add = |label: Cow<'static, str>, bytes: Vec<u8>| packets.push(Odd { label, bytes });
    let plain = Query::new("www.odd.test", 1).bytes(0x1234);
    let with_opt = Query::new("www.odd.test", 1).edns(1232, false).bytes(0x1234);
    let with = |at: usize, value: u16| {
        let mut bytes = plain.clone();
        bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
        bytes
    };
    let and = |front: &[u8], counts: [u16; 4], back: &[u8]| {
        let mut bytes = front.to_vec();
        for (index, count) in counts.into_iter().enumerate() {
            bytes[4 + 2 * index..6 + 2 * index].copy_from_slice(&count.to_be_bytes());
        }
        bytes.extend_from_slice(back);
        bytes
    };
    add("plain".into(), plain.clone());
    add("with-opt".into(), with_opt.clone());
    for length in 0..plain.len() {
        add(format!("truncated-{length}").into(), plain[..length].to_vec());
    }
    for length in plain.len()..with_opt.len() {
        add(format!("truncated-opt-{length}").into(), with_opt[..length].to_vec());
    }

    // Header.
    add("qr".into(), with(2, 0x8000));
    add("qr-header-only".into(), and(&with(2, 0x8000)[..12], [0; 4], &[]));
    for (label, flag) in [("aa", 0x400), ("tc", 0x200), ("rd", 0x100), ("ra", 0x80), ("z", 0x40)] {
        add(format!("flag-{label}").into(), with(2, flag));
    }
    for (label, flag) in [("ad", 0x20), ("cd", 0x10), ("rcode", 3), ("all", 0x7ff)] {
        add(format!("flag-{label}").into(), with(2, flag));
    }
    for opcode in 1..16u16 {
        add(format!("opcode-{opcode}").into(), with(2, opcode << 11));
        add(format!("opcode-{opcode}-header-only").into(), and(&with(2, opcode << 11)[..12], [0; 4], &[]));
        let mut bytes = with_opt.clone();
        bytes[2] = (opcode << 3) as u8;
        add(format!("opcode-{opcode}-opt").into(), bytes);
    }

    // Counts.
    let question = plain[12..].to_vec();
    let address = [&question[..], &[0, 0, 1, 44, 0, 4, 192, 0, 2, 9]].concat();
    let opt = with_opt[plain.len()..].to_vec();
    add("questions-0".into(), and(&plain[..12], [0; 4], &[]));
    add("questions-0-opt".into(), and(&plain[..12], [0, 0, 0, 1], &opt));
    add("questions-0-but-one-there".into(), with(4, 0));
    add("questions-2".into(), and(&plain, [2, 0, 0, 0], &question));
    add("questions-2-one-there".into(), with(4, 2));
    add("questions-2-opt".into(), and(&plain, [2, 0, 0, 1], &[&question[..], &opt].concat()));
    add("questions-65535".into(), with(4, 65535));
    add("answers-1".into(), and(&plain, [1, 1, 0, 0], &address));
    add("answers-1-none-there".into(), with(6, 1));
    add("authorities-1".into(), and(&plain, [1, 0, 1, 0], &address));
    add("authorities-1-none-there".into(), with(8, 1));
    add("additionals-1".into(), and(&plain, [1, 0, 0, 1], &address));
    add("additionals-1-none-there".into(), with(10, 1));
    add("additionals-2-opt-first".into(), and(&plain, [1, 0, 0, 2], &[&opt[..], &address].concat()));
    add("additionals-2-opt-last".into(), and(&plain, [1, 0, 0, 2], &[&address[..], &opt].concat()));
    add("trailing-1".into(), and(&plain, [1, 0, 0, 0], &[0]));
    add("trailing-100".into(), and(&plain, [1, 0, 0, 0], &[7; 100]));
    add("trailing-after-opt".into(), and(&with_opt, [1, 0, 0, 1], &[7; 10]));

    // Names and classes.
    let asking = |name: &[u8]| [&plain[..12], name, &[0, 1, 0, 1]].concat();
    add("name-pointer-to-itself".into(), asking(&[0xc0, 12]));
    add("name-pointer-forward".into(), asking(&[0xc0, 20]));
    add("name-pointer-to-header".into(), asking(&[0xc0, 0]));
    add("name-pointer-after-label".into(), asking(&[1, b'a', 0xc0, 12]));
    add("name-label-0x40".into(), asking(&[0x41, 1, 0]));
    add("name-label-0x80".into(), asking(&[0x81, 1, 0]));
    add("name-too-long".into(), asking(&[&[63; 256][..], &[0]].concat()));
    add("name-unfinished".into(), asking(&[5, b'a']));
    add("name-root".into(), asking(&[0]));
    let longest = [&[63; 192][..], &[61; 62], &[0]].concat();
    add("name-longest".into(), asking(&longest));
    for class in [0, 2, 3, 4, 5, 254, 255, 65535] {
        add(format!("class-{class}").into(), with(plain.len() - 2, class));
    }
    for name in ["version.bind", "version.server", "hostname.bind", "id.server", "authors.bind", "www.odd.test"] {
        let mut query = Query::new(name, 16);
        query.class = 3;
        add(format!("chaos-{name}").into(), query.bytes(0x1234));
        query.class = 1;
        add(format!("internet-{name}").into(), query.bytes(0x1234));
    }
    let mut chaos = Query::new("version.bind", 1);
    chaos.class = 3;
    add("chaos-version.bind-a".into(), chaos.bytes(0x1234));

    // EDNS.
    let edns = |edns: Edns, options: &[u8]| {
        let mut query = Query::new("www.odd.test", 1);
        query.edns = Some(edns);
        query.options = options.to_vec();
        query.bytes(0x1234)
    };
    let usual = Edns { size: 1232, version: 0, flags: 0 };
    for version in [1, 2, 255] {
        add(format!("opt-version-{version}").into(), edns(Edns { version, ..usual }, &[]));
        add(format!("opt-version-{version}-do").into(), edns(Edns { version, flags: 0x8000, ..usual }, &[]));
        add(format!("opt-version-{version}-option").into(), edns(Edns { version, ..usual }, &[0xfe, 1, 0, 0]));
    }
    for size in [0, 100, 511, 512, 1233, 65535] {
        add(format!("opt-size-{size}").into(), edns(Edns { size, ..usual }, &[]));
    }
    for flags in [0x8000, 0x4000, 1, 0x7fff] {
        add(format!("opt-flags-{flags:x}").into(), edns(Edns { flags, ..usual }, &[]));
    }
    let client_subnet = [0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2];
    let options: [(&str, &[u8]); 17] = [
        ("nsid", &[0, 3, 0, 0]),
        ("nsid-with-data", &[0, 3, 0, 1, 9]),
        ("cookie", &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("cookie-short", &[0, 10, 0, 7, 1, 2, 3, 4, 5, 6, 7]),
        ("cookie-empty", &[0, 10, 0, 0]),
        ("cookie-12", &[0, 10, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        ("client-subnet", &client_subnet),
        ("client-subnet-empty", &[0, 8, 0, 0]),
        ("padding", &[0, 12, 0, 3, 0, 0, 0]),
        ("keepalive", &[0, 11, 0, 0]),
        ("expire", &[0, 9, 0, 0]),
        ("error", &[0, 15, 0, 2, 0, 1]),
        ("unknown", &[0xfd, 0xe9, 0, 2, 1, 2]),
        ("unknown-twice", &[0xfd, 0xe9, 0, 0, 0xfd, 0xe9, 0, 0]),
        ("cut-in-header", &[0, 3, 0]),
        ("cut-in-data", &[0, 3, 0, 4, 1]),
        ("longer-than-rdata", &[0xfd, 0xe9, 0xff, 0xff]),
    ];
    for (label, options) in options {
        add(format!("option-{label}").into(), edns(usual, options));
    }
    add("opt-twice".into(), and(&plain, [1, 0, 0, 2], &[&opt[..], &opt].concat()));
    add("opt-owner-not-root".into(), and(&plain, [1, 0, 0, 1], &[&[1, b'a'], &opt[..]].concat()));
    add("opt-owner-pointer".into(), and(&plain, [1, 0, 0, 1], &[&[0xc0, 12], &opt[1..]].concat()));
    add("opt-in-answer".into(), and(&plain, [1, 1, 0, 0], &opt));
    add("opt-in-authority".into(), and(&plain, [1, 0, 1, 0], &opt));
    let mut extended = with_opt.clone();
    let at = extended.len() - 6;
    extended[at] = 1;
    add("opt-extended-rcode".into(), extended);

    // Signed transactions whose key nobody knows.
    let mut tsig = vec![1, b'k', 0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 61];
    tsig.extend_from_slice(b"\x0bhmac-sha256\x00");
    tsig.extend_from_slice(&[0, 0, 0x6a, 0, 0, 0, 1, 44, 0, 32]);
    tsig.extend_from_slice(&[9; 32]);
    tsig.extend_from_slice(&[0x12, 0x34, 0, 0, 0, 0]);
    add("tsig-unknown-key".into(), and(&plain, [1, 0, 0, 1], &tsig));
    add("tsig-then-opt".into(), and(&plain, [1, 0, 0, 2], &[&tsig[..], &opt].concat()));
    add("tsig-cut".into(), and(&plain, [1, 0, 0, 1], &tsig[..30]));
    let mut notify = Query::new("odd.test", 6);
    notify.flags = 4 << 11 | 0x400;
    add("notify".into(), notify.bytes(0x1234));
    let mut update = Query::new("odd.test", 6);
    update.flags = 5 << 11;
    add("update".into(), update.bytes(0x1234));
    packets
}
