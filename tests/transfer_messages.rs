//! Transfers as messages: what they say is exactly what the edition has, whatever the zone, the patch and the room.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op;
use ipnet::IpNet;
use proptest::prelude::*;
use support::drawn;
use watari::answer::noted::{Asked, Kind};
use watari::answer::{Access, Answerer, Arrival, Catalog, Identity, Reply, Rights, Served, Transfer, Transport};
use watari::clock::Instant;
use watari::timeline::{Cap, Countdown, Edition, PatchId, Timeline};
use watari::wire::tsig::{Algorithm, FollowFault, Followed, Follower, Key, Secret, Signer};
use watari::wire::{Name, Rcode, Rtype};
use watari::zone::{Change, Patch, Ttl, View, Zone, ZoneBuilder, text};

const TCP: Transport = Transport::Tcp { keepalive: Duration::from_secs(10) };
/// The end of the countdowns.
const T: i64 = 1_800_000_000;

// ---- Asking, and reading what comes

/// A record: owner, type, TTL and data, names in the case in which they came.
type Record = (Vec<u8>, u16, u32, Vec<u8>);

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

fn at(seconds: i64) -> Instant {
    Instant::from_unix_seconds(seconds)
}

/// A request for AXFR, or from `serial` for IXFR.
fn request(apex: &[u8], serial: Option<u32>, edns: bool) -> Vec<u8> {
    let mut request = vec![0x47, 0x11, 0, 0, 0, 1, 0, 0, 0, u8::from(serial.is_some()), 0, u8::from(edns)];
    request.extend_from_slice(apex);
    request.extend([0, if serial.is_some() { 251 } else { 252 }, 0, 1]);
    if let Some(serial) = serial {
        request.extend([0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0]);
        request.extend(serial.to_be_bytes());
        request.extend([0; 16]);
    }
    if edns {
        request.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    }
    request
}

fn answerer(networks: &[&str]) -> Answerer {
    trusting(Rights { transfer: access(networks), ..Rights::default() })
}

fn access(networks: &[&str]) -> Access {
    Access::new(networks.iter().map(|network| network.parse::<IpNet>().unwrap()))
}

fn trusting(rights: Rights) -> Answerer {
    let mut answerer = Answerer::new(Identity::default());
    answerer.set_rights(rights);
    answerer
}

fn reply(timeline: &Arc<Timeline>, now: Instant, transport: Transport, request: &[u8]) -> (Reply, Vec<u8>) {
    let catalog = Catalog::default().with([Served::Zone(Arc::clone(timeline))]);
    let arrival = Arrival { now, peer: "192.0.2.1:5300".parse().unwrap(), transport, row: Arrival::NO_ROW };
    let mut out = vec![0; 65_535];
    let reply = answerer(&["192.0.2.0/24"]).reply(&catalog, &arrival, request, &mut out);
    if let Reply::Message(len) = reply {
        out.truncate(len);
    }
    (reply, out)
}

fn open(timeline: &Arc<Timeline>, now: Instant, request: &[u8]) -> Transfer {
    match reply(timeline, now, TCP, request) {
        (Reply::Transfer(transfer), _) => *transfer,
        (_, out) => panic!("no transfer: {:?}", op::Message::from_vec(&out).unwrap()),
    }
}

/// All messages, each written into `room` octets.
fn messages(mut transfer: Transfer, room: usize) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let mut out = vec![0xee; room];
    while let Some(len) = transfer.next_message(at(T), &mut out).unwrap() {
        messages.push(out[..len].to_vec());
    }
    messages
}

/// The records of all messages, whose form is checked.
fn records(messages: &[Vec<u8>], edns: bool) -> Vec<Record> {
    let mut records = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        let parsed = op::Message::from_vec(message).unwrap();
        assert!(parsed.metadata.authoritative && !parsed.metadata.truncation);
        assert_eq!(parsed.metadata.id, 0x4711);
        assert_eq!(parsed.edns.is_some(), edns);
        assert_eq!(parsed.queries.len(), usize::from(number == 0), "the question stands in the first message alone");
        let mut at = 12;
        for _ in 0..parsed.queries.len() {
            at = read_name(message, at).1 + 4;
        }
        for _ in 0..u16::from_be_bytes([message[6], message[7]]) {
            let (owner, fields) = read_name(message, at);
            let field = |at| u16::from_be_bytes([message[at], message[at + 1]]);
            let ttl = u32::from_be_bytes(message[fields + 4..fields + 8].try_into().unwrap());
            let start = fields + 10;
            at = start + usize::from(field(fields + 8));
            records.push((owner, field(fields), ttl, read_rdata(message, field(fields), start, at)));
        }
        assert_eq!(at + if edns { 11 } else { 0 }, message.len());
    }
    records
}

/// A name, expanded, and where it ends.
fn read_name(message: &[u8], mut at: usize) -> (Vec<u8>, usize) {
    let (mut name, mut end) = (Vec::new(), None);
    loop {
        let length = usize::from(message[at]);
        if length >= 0xc0 {
            let to = (length & 0x3f) << 8 | usize::from(message[at + 1]);
            assert!(to < at, "pointers lead back");
            end = end.or(Some(at + 2));
            at = to;
            continue;
        }
        name.extend_from_slice(&message[at..=at + length]);
        at += 1 + length;
        if length == 0 {
            return (name, end.unwrap_or(at));
        }
    }
}

fn read_rdata(message: &[u8], rtype: u16, start: usize, end: usize) -> Vec<u8> {
    // Octets before the first name, and how many names there are.
    let (before, names) = match rtype {
        2 | 5 | 12 => (0, 1),
        6 => (0, 2),
        15 => (2, 1),
        _ => return message[start..end].to_vec(),
    };
    let mut rdata = message[start..start + before].to_vec();
    let mut at = start + before;
    for _ in 0..names {
        let (name, after) = read_name(message, at);
        rdata.extend(name);
        at = after;
    }
    rdata.extend_from_slice(&message[at..end]);
    rdata
}

/// What a view has, SOA apart, in order.
fn model(view: View<'_>) -> (Record, Vec<Record>) {
    let mut records = Vec::new();
    for node in view.nodes() {
        for rrset in node.rrsets() {
            for rdata in rrset.rdatas() {
                records.push((node.name().wire().to_vec(), rrset.rtype().0, rrset.ttl().0, rdata));
            }
        }
    }
    records.sort();
    let soa = records.iter().position(|record| record.1 == 6).unwrap();
    (records.remove(soa), records)
}

fn assert_is_whole(view: View<'_>, mut received: Vec<Record>) {
    let (soa, expected) = model(view);
    assert_eq!(received.pop().as_ref(), Some(&soa), "the SOA record is last");
    assert_eq!(received.remove(0), soa, "and first");
    received.sort();
    assert_eq!(received, expected);
}

// ---- What is generated

const OWNERS: [&str; 8] =
    ["", "a.", "B.a.", "*.a.", "x.Y.", "cut.", "ns.cut.", "A-long-label-that-is-not-in-lower-case."];

fn below(labels: &str, apex: &str) -> Name {
    if labels.is_empty() { name(apex) } else { name(&format!("{labels}{}", apex.trim_start_matches('.'))) }
}

/// RRsets over few owners: TTL, capped, and numbers that make their data.
type Drawn = Vec<(usize, u8, u32, bool, Vec<u8>)>;

fn rrsets() -> impl Strategy<Value = Drawn> {
    let data = prop::collection::btree_set(0u8..200, 0..40).prop_map(|data| data.into_iter().collect());
    prop::collection::vec((0..OWNERS.len(), 0u8..4, 1u32..300, any::<bool>(), data), 0..12)
}

fn changes(apex: &str, drawn: &Drawn) -> Vec<Change> {
    let mut changes = BTreeMap::new();
    for (owner, rtype, ttl, capped, data) in drawn {
        let owner = below(OWNERS[*owner], apex);
        let (rtype, rdata): (_, fn(&str, u8) -> Vec<u8>) = match rtype {
            0 => (Rtype::A, |_, last| vec![192, 0, 2, last]),
            1 => (Rtype::TXT, |_, last| vec![1, last]),
            2 => (Rtype::MX, |apex, last| {
                let target = below(OWNERS[usize::from(last) % OWNERS.len()], apex);
                // In RDATA a name may be written otherwise than where it is an owner.
                let target = if last % 3 == 0 { target.as_ref().to_lowercase() } else { target };
                [&[0, last], target.wire()].concat()
            }),
            _ => (Rtype::SRV, |apex, last| [&[0, 0, 0, 0, 0, last][..], below("a.", apex).wire()].concat()),
        };
        let rdatas = data.iter().map(|&last| rdata(apex, last).into()).collect();
        let change = Change { owner: owner.clone(), rtype, ttl: Ttl(*ttl), capped: *capped, rdatas };
        changes.insert((owner, rtype), change);
    }
    changes.into_values().collect()
}

fn zone(apex: &str, drawn: &Drawn) -> Zone {
    let at_apex = name(apex);
    let mut builder = ZoneBuilder::new(at_apex.as_ref());
    let mut soa = [name("Ns.Host.").wire(), at_apex.wire()].concat();
    for field in [7u32, 1, 1, 1, 1] {
        soa.extend(field.to_be_bytes());
    }
    builder.add(at_apex.as_ref(), Rtype::SOA, Ttl(60), &soa).unwrap();
    let cut = below("cut.", apex);
    builder.add(cut.as_ref(), Rtype::NS, Ttl(50), below("ns.cut.", apex).wire()).unwrap();
    for Change { owner, rtype, ttl, rdatas, .. } in changes(apex, drawn) {
        for rdata in rdatas {
            builder.add(owner.as_ref(), rtype, ttl, &rdata).unwrap();
        }
    }
    builder.finish().unwrap().0
}

/// The zone as it is; from 100 on the first patch under a cap, then counted down to 60; from T on the second.
fn timeline(apex: &str, base: &Drawn, patches: [&Drawn; 2], cap: u32) -> Arc<Timeline> {
    let zone = zone(apex, base);
    let patches = patches.map(|drawn| Patch::new(&zone, &changes(apex, drawn)).unwrap()).to_vec();
    let edition = |from, cap, patch, serial| Edition {
        from: at(from),
        cap,
        patch: Some(PatchId(patch)),
        ..Edition::first(serial)
    };
    let later = vec![
        edition(100, Cap::fixed(Ttl(cap)), 0, 8),
        edition(200, Cap::countdown(Ttl(90)), 0, 9),
        edition(T, Cap::OPEN, 1, 10),
    ];
    let countdown = Countdown { until: at(T), floor: Ttl(60), spread: Duration::ZERO, key: [1, 2] };
    Arc::new(Timeline::new(zone, patches, Edition::first(7), later, Some(countdown)).unwrap())
}

const APEXES: [&str; 3] = ["example.test.", "Example.TEST.", "."];
const INSTANTS: [i64; 4] = [0, 150, 250, T];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_transfer_is_the_edition_record_by_record(
        apex in prop::sample::select(&APEXES[..]),
        base in rrsets(), first in rrsets(), second in rrsets(), cap in 1u32..300,
        now in prop::sample::select(&INSTANTS[..]), room in 700usize..20_000, lower in any::<bool>(), edns in any::<bool>(),
    ) {
        let timeline = timeline(apex, &base, [&first, &second], cap);
        let asked = if lower { apex.to_lowercase() } else { apex.to_owned() };
        let transfer = open(&timeline, at(now), &request(name(&asked).wire(), None, edns));
        let view = timeline.transferred(timeline.at(at(now)));
        assert_is_whole(view, records(&messages(transfer, room), edns));
    }

    #[test]
    fn rfc1995_4_differences_make_the_new_edition_of_the_old(
        apex in prop::sample::select(&APEXES[..]),
        base in rrsets(), first in rrsets(), second in rrsets(), cap in 1u32..300,
        instants in (0..INSTANTS.len(), 0..INSTANTS.len()), room in 700usize..20_000,
    ) {
        let (old, new) = (instants.0.min(instants.1), instants.0.max(instants.1));
        prop_assume!(old < new);
        let timeline = timeline(apex, &base, [&first, &second], cap);
        let [before, after] = [old, new].map(|number| timeline.transferred(timeline.at(at(INSTANTS[number]))));
        let request = request(name(apex).wire(), Some(before.serial()), false);
        let mut received = records(&messages(open(&timeline, at(INSTANTS[new]), &request), room), false);
        let ((old_soa, mut records), (new_soa, expected)) = (model(before), model(after));
        if received.get(1) != Some(&old_soa) {
            // More differs than there is.
            assert_is_whole(after, received);
            return Ok(());
        }
        prop_assert!(received.pop().as_ref() == Some(&new_soa));
        prop_assert_eq!(&received[0], &new_soa);
        let added = received.iter().skip(1).position(|record| *record == new_soa).unwrap() + 1;
        for record in &received[2..added] {
            let at = records.iter().position(|there| there == record).expect("what goes was there");
            records.swap_remove(at);
        }
        for record in &received[added + 1..] {
            prop_assert!(!records.contains(record), "what comes was not there");
            records.push(record.clone());
        }
        records.sort();
        prop_assert_eq!(records, expected);
    }

    #[test]
    fn no_request_makes_it_panic(
        counts in prop::array::uniform3(0u8..3), rest in prop::collection::vec(prop_oneof![Just(0xc0), Just(12), 0u8..8, any::<u8>()], 0..60),
        over_tcp in any::<bool>(), qtype in 251u8..=252,
    ) {
        let timeline = Arc::new(Timeline::fixed(zone("example.test.", &Vec::new())));
        let mut request = request(name("example.test").wire(), None, false);
        request[6..12].copy_from_slice(&[0, counts[0], 0, counts[1], 0, counts[2]]);
        let type_at = request.len() - 3;
        request[type_at] = qtype;
        request.extend(rest);
        let transport = if over_tcp { TCP } else { Transport::Udp };
        if let (Reply::Transfer(mut transfer), mut out) = reply(&timeline, at(T), transport, &request) {
            while transfer.next_message(at(T), &mut out).unwrap().is_some() {}
        }
    }
}

/// The zone of a file's text.
fn loaded(apex: &str, contents: &str) -> Arc<Timeline> {
    let loaded = text::load(name(apex).as_ref(), &"zone".into(), contents.as_bytes(), &text::NoInclude);
    Arc::new(Timeline::fixed(loaded.zone.unwrap()))
}

#[test]
fn zones_that_are_drawn_are_transferred_whole() {
    for seed in 0..100 {
        let source = drawn::zone(seed);
        let timeline = loaded(&source.apex, &source.text());
        let transfer = open(&timeline, Instant::MIN, &request(name(&source.apex).wire(), None, false));
        assert_is_whole(timeline.zone().view(), records(&messages(transfer, 65_535), false));
    }
}

const SMALL: &str = "$TTL 300\n@ SOA ns h 5 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.1\n";

#[test]
fn an_rrset_that_fits_in_no_message_of_16_kib_goes_record_by_record() {
    let mut contents = SMALL.to_owned();
    for number in 0..4000 {
        contents += &format!("many A 10.0.{}.{}\nMX{number} MX 1 many\n", number / 250, number % 250);
    }
    let timeline = loaded("example.test", &contents);
    for room in [1000, 16_384, 65_535] {
        let messages = messages(open(&timeline, Instant::MIN, &request(name("example.test").wire(), None, true)), room);
        assert_is_whole(timeline.zone().view(), records(&messages, true));
        let long = messages.iter().filter(|message| message.len() > 16_384 + 11).count();
        assert_eq!(long, usize::from(room == 65_535), "one message alone is longer");
    }
}

#[test]
fn messages_are_filled() {
    let mut contents = SMALL.to_owned();
    for number in 0..20_000 {
        contents += &format!("host{number} A 10.0.{}.{}\n", number / 250, number % 250);
    }
    let timeline = loaded("example.test", &contents);
    let messages = messages(open(&timeline, Instant::MIN, &request(name("example.test").wire(), None, false)), 65_535);
    let (_last, full) = messages.split_last().unwrap();
    assert!(full.iter().all(|message| message.len() > 16_300 && message.len() <= 16_384));
}

#[test]
fn rfc5936_3_4_names_keep_their_case_however_they_are_asked_for() {
    let timeline = timeline("Example.TEST.", &vec![(2, 2, 60, false, vec![2])], [&Vec::new(), &Vec::new()], 60);
    for asked in ["example.test", "Example.TEST", "EXAMPLE.test"] {
        let records = records(&messages(open(&timeline, at(0), &request(name(asked).wire(), None, false)), 700), false);
        assert!(records.iter().all(|(owner, ..)| owner.ends_with(b"\x07Example\x04TEST\x00")));
        assert!(records.iter().any(|(owner, ..)| owner.starts_with(b"\x01B\x01a\x07Example")));
    }
}

#[test]
fn a_transfer_keeps_its_edition_whatever_is_served_meanwhile() {
    let text = |last: u32, serial: u32| {
        let hosts: String = (0..5000).map(|number| format!("host{number} A 192.0.2.{last}\n")).collect();
        SMALL.replace(" 5 ", &format!(" {serial} ")) + &hosts
    };
    let before = loaded("example.test", &text(1, 5));
    let mut transfer = open(&before, Instant::MIN, &request(name("example.test").wire(), None, false));
    let mut out = vec![0; 65_535];
    let len = transfer.next_message(at(T), &mut out).unwrap().unwrap();
    let first = out[..len].to_vec();
    let expected = model(before.zone().view());
    drop(before);
    assert_eq!(reply(&loaded("example.test", &text(2, 6)), Instant::MIN, TCP, &[0; 12]).1.len(), 12);
    let mut all = vec![first];
    all.extend(messages(transfer, 65_535));
    let mut received = records(&all, false);
    assert_eq!(received.pop(), Some(received.remove(0)));
    received.sort();
    assert_eq!(received, expected.1);
}

/// RCODE, AA, answers, and the extended error if there is one.
fn said(timeline: &Arc<Timeline>, transport: Transport, request: &[u8]) -> (String, bool, usize) {
    let (reply, out) = reply(timeline, at(T), transport, request);
    assert!(matches!(reply, Reply::Message(_)));
    let message = op::Message::from_vec(&out).unwrap();
    (message.metadata.response_code.to_string(), message.metadata.authoritative, message.answers.len())
}

#[test]
fn what_is_no_transfer_is_one_message() {
    let timeline = timeline("example.test.", &Vec::new(), [&Vec::new(), &Vec::new()], 60);
    let apex = name("example.test");
    let code = |code: op::ResponseCode| code.to_string();
    // RFC 1995 § 2: over UDP, and for who has as much or more, the SOA record.
    let soa = (code(op::ResponseCode::NoError), true, 1);
    assert_eq!(said(&timeline, Transport::Udp, &request(apex.wire(), Some(7), false)), soa);
    assert_eq!(said(&timeline, TCP, &request(apex.wire(), Some(10), false)), soa);
    assert_eq!(said(&timeline, TCP, &request(apex.wire(), Some(11), true)), soa);
    assert_eq!(said(&timeline, Transport::Udp, &request(apex.wire(), Some(11), true)), soa);
    // RFC 5936 § 4.2: there is no AXFR over UDP.
    let formerr = (code(op::ResponseCode::FormErr), false, 0);
    assert_eq!(said(&timeline, Transport::Udp, &request(apex.wire(), None, false)), formerr);
    // RFC 1995 § 3: a serial is needed, of this zone.
    let mut bare = request(apex.wire(), None, false);
    bare[12 + apex.wire().len() + 1] = 251;
    assert_eq!(said(&timeline, TCP, &bare), formerr);
    let mut other = request(apex.wire(), Some(7), false);
    other[12 + apex.wire().len() + 5] = 20;
    assert_eq!(said(&timeline, TCP, &other), formerr);
    // RFC 5936 § 2.2.1: no apex of ours.
    let notauth = (code(op::ResponseCode::NotAuth), false, 0);
    assert_eq!(said(&timeline, TCP, &request(name("ns.example.test").wire(), None, false)), notauth);
    assert_eq!(said(&timeline, TCP, &request(name("test").wire(), None, false)), notauth);
    // Serials that no edition had: all of it.
    for serial in [6, 1, 0xffff_fff0] {
        let transfer = open(&timeline, at(T), &request(apex.wire(), Some(serial), false));
        assert_is_whole(timeline.transferred(timeline.at(at(T))), records(&messages(transfer, 65_535), false));
    }
}

#[test]
fn who_is_not_allowed_learns_nothing() {
    let timeline = Arc::new(Timeline::fixed(zone("example.test.", &Vec::new())));
    let catalog = Catalog::default().with([Served::Zone(timeline)]);
    for (networks, peer) in
        [(&[][..], "127.0.0.1:53"), (&["192.0.2.0/24"], "198.51.100.1:53"), (&["::/0"], "192.0.2.1:53")]
    {
        for apex in ["example.test", "example.org"] {
            for (serial, transport) in [(None, TCP), (Some(7), TCP), (Some(6), Transport::Udp), (None, Transport::Udp)]
            {
                let request = request(name(apex).wire(), serial, true);
                let mut out = [0; 512];
                let arrival =
                    Arrival { now: Instant::MIN, peer: peer.parse().unwrap(), transport, row: Arrival::NO_ROW };
                let reply = answerer(networks).reply(&catalog, &arrival, &request, &mut out);
                let Reply::Message(len) = reply else { panic!("a transfer to {peer}") };
                let message = op::Message::from_vec(&out[..len]).unwrap();
                assert_eq!(message.metadata.response_code, op::ResponseCode::Refused);
                // RFC 8914 § 4.19: Prohibited.
                assert!(out[..len].ends_with(&[0, 15, 0, 2, 0, 18]));
            }
        }
    }
}

fn key() -> Key {
    let secret = Secret::from_base64("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=").unwrap();
    Key::new(name("transfer.key").as_ref(), Algorithm::HmacSha256, secret)
}

/// `request`, signed as of T, and who follows what answers it.
fn signed(mut request: Vec<u8>) -> (Vec<u8>, Follower) {
    let mut signer = Signer::asking(Arc::new(key()));
    let length = request.len();
    request.resize(length + signer.room(), 0);
    signer.sign(&mut request, length, at(T)).unwrap();
    (request, Follower::of(&signer).unwrap())
}

/// An answerer that knows the key.
fn knowing(networks: &[&str]) -> Answerer {
    trusting(Rights { keyring: [key()].into_iter().collect(), transfer: access(networks), ..Rights::default() })
}

#[test]
fn rfc8945_5_3_1_who_signs_has_each_message_signed_as_of_its_time() {
    let mut text = SMALL.to_owned();
    (0..400).for_each(|number| text += &format!("many TXT {number} {}\n", "x".repeat(200)));
    let timeline = loaded("example.test", &text);
    let catalog = Catalog::default().with([Served::Zone(Arc::clone(&timeline))]);
    let arrival = Arrival { now: at(T), peer: "192.0.2.1:5300".parse().unwrap(), transport: TCP, row: Arrival::NO_ROW };
    for (room, edns) in [(1000, false), (1000, true), (65_535, true)] {
        let (request, mut follower) = signed(request(name("example.test").wire(), None, edns));
        let mut out = vec![0; 65_535];
        let reply = knowing(&["192.0.2.0/24"]).reply(&catalog, &arrival, &request, &mut out);
        let Reply::Transfer(mut transfer) = reply else { panic!("no transfer") };
        let mut messages = Vec::new();
        // An hour for each: a time of the beginning would be out of time.
        let mut now = at(T);
        while let Some(len) = transfer.next_message(now, &mut out[..room]).unwrap() {
            assert_eq!(follower.message(&out[..len], now), Ok(Followed::Signed));
            let tsig = 14 + 10 + 13 + 16 + 32;
            let mut unsigned = out[..len - tsig].to_vec();
            unsigned[11] -= 1;
            messages.push(unsigned);
            now = now.after(Duration::from_secs(3600));
        }
        assert!(messages.len() > 3, "{}", messages.len());
        assert_eq!(follower.finish(), Ok(()));
        assert_is_whole(timeline.zone().view(), records(&messages, edns));
    }
}

#[test]
fn a_signature_opens_nothing_and_a_wrong_one_closes() {
    let timeline = loaded("example.test", SMALL);
    let catalog = Catalog::default().with([Served::Zone(timeline)]);
    let mut out = vec![0; 65_535];
    let mut said = |networks: &[&str], request: &[u8], now| {
        let mut answerer = knowing(networks);
        let peer = "192.0.2.1:5300".parse().unwrap();
        match answerer.reply(&catalog, &Arrival { now, peer, transport: TCP, row: Arrival::NO_ROW }, request, &mut out)
        {
            Reply::Message(len) => (Rcode(u16::from(out[3] & 0xf)), out[..len].to_vec()),
            Reply::Transfer(_) | Reply::Petition(_) => panic!("no message"),
        }
    };
    let (request, follower) = signed(request(name("example.test").wire(), None, true));
    let (rcode, refused) = said(&[], &request, at(T));
    assert_eq!(rcode, Rcode::REFUSED);
    assert_eq!(follower.clone().message(&refused, at(T)), Ok(Followed::Signed));
    let mut wrong = request.clone();
    let last_of_mac = wrong.len() - 7;
    wrong[last_of_mac] ^= 1;
    for networks in [&[][..], &["192.0.2.0/24"]] {
        let (rcode, refused) = said(networks, &wrong, at(T));
        assert_eq!(rcode, Rcode::NOTAUTH);
        assert!(matches!(follower.clone().message(&refused, at(T)), Err(FollowFault::Refused { .. })));
        assert_eq!(said(networks, &request, at(T + 301)).0, Rcode::NOTAUTH, "BADTIME");
    }
}

#[test]
fn a_transfer_is_noted_and_one_that_is_not_to_be_had_is_signed_too() {
    let timeline = loaded("example.test", SMALL);
    let catalog = Catalog::default().with([Served::Zone(timeline)]);
    let arrival = Arrival { now: at(T), peer: "192.0.2.1:5300".parse().unwrap(), transport: TCP, row: Arrival::NO_ROW };
    let mut out = vec![0; 65_535];
    for edns in [false, true] {
        let (request, mut follower) = signed(request(name("example.test").wire(), None, edns));
        let mut follower_again = follower.clone();
        let mut answerer = knowing(&["192.0.2.0/24"]);
        let reply = answerer.reply(&catalog, &arrival, &request, &mut out);
        assert!(matches!(reply, Reply::Transfer(_)));
        let told = Kind::told(answerer.noted().kind.number());
        assert_eq!((told.asked, told.rcode, told.edns), (Asked::Type(Rtype::AXFR), Some(Rcode::NOERROR), edns));
        // Who can send but one message refuses it.
        let len = answerer.answer(&catalog, &arrival, &request, &mut out);
        let told = Kind::told(answerer.noted().kind.number());
        assert_eq!((told.rcode, out[3] & 0xf), (Some(Rcode::SERVFAIL), 2));
        assert_eq!(follower.message(&out[..len], at(T)), Ok(Followed::Signed));
        // Also if messages were written that were never sent.
        let Reply::Transfer(mut transfer) = reply else { panic!("no transfer") };
        while transfer.next_message(at(T), &mut out).unwrap().is_some() {}
        let len = transfer.refuse(at(T), &mut out);
        assert_eq!((out[3] & 0xf, out[5]), (2, 1), "SERVFAIL, with the question");
        assert_eq!(follower_again.message(&out[..len], at(T)), Ok(Followed::Signed));
    }
}

#[test]
fn a_countdown_is_one_content_for_one_serial_with_the_ttl_of_its_rung() {
    let drawn = vec![(1, 0, 250, true, vec![1, 2])];
    let timeline = timeline("example.test.", &drawn, [&drawn, &drawn], 100);
    let apex = name("example.test");
    let ttl = |now| {
        let records = records(&messages(open(&timeline, now, &request(apex.wire(), None, false)), 65_535), false);
        records.iter().filter(|record| record.0.starts_with(b"\x01a")).map(|record| record.2).collect::<Vec<_>>()
    };
    assert_eq!(ttl(at(0)), [250, 250]);
    assert_eq!(ttl(at(150)), [100, 100], "the cap of its rung");
    for now in [at(200), at(T - 86_400), at(T - 200), at(T).before(Duration::from_nanos(1))] {
        assert_eq!(ttl(now), [90, 90]);
    }
    assert_eq!(ttl(at(T)), [250, 250]);
}

#[test]
fn rfc1995_4_a_difference_is_old_and_new_each_behind_its_soa() {
    let base = vec![(1, 0, 250, false, vec![1, 2]), (3, 1, 60, false, (0..30).collect())];
    let flipped = vec![(1, 0, 250, false, vec![2, 3]), (4, 1, 60, false, vec![7])];
    let timeline = timeline("example.test.", &base, [&base[..1].to_vec(), &flipped], 100);
    let request = request(name("example.test").wire(), Some(8), false);
    let records = records(&messages(open(&timeline, at(T), &request), 65_535), false);
    let shown: Vec<_> = records
        .iter()
        .map(|(owner, rtype, ttl, rdata)| match rtype {
            6 => format!("serial {}", rdata[rdata.len() - 17]),
            _ => format!("{}{} {rtype} {ttl} {}", char::from(owner[1]), char::from(owner[3]), rdata.last().unwrap()),
        })
        .collect();
    assert_eq!(shown, ["serial 10", "serial 8", "ae 1 250 1", "serial 10", "ae 1 250 3", "xY 16 60 7", "serial 10"]);
}
