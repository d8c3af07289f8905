//! A zone of a million records: in from one server and out to two others, and then a difference all the way.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use crate::ours;
use crate::primary::Primary;
use crate::support::client;
use crate::support::message::{Message, rcode};
use crate::support::peer::{Kind, free_address};
use crate::support::query::Query;
use crate::support::secondary::Secondary;

/// SOA, NS and its address among them.
const RECORDS: u32 = 1_000_000;

fn zone(serial: u32, changed: &str) -> String {
    let mut text = format!(
        "$ORIGIN a.example.\n$TTL 300\n@ SOA ns hostmaster {serial} 1 1 86400 300\n@ NS ns\nns A 192.0.2.1\n\
         changed A {changed}\n"
    );
    let address = |number: u32| Ipv4Addr::from(0x0a00_0000 + number);
    (4..RECORDS).for_each(|number| _ = writeln!(text, "h{number} A {}", address(number)));
    text
}

/// How many records of `a.example` `server` sends, and the sum of their hashes: whatever their order, of equal zones alike.
fn sum(server: SocketAddr) -> (u64, u64) {
    let mut stream = client::tcp(server);
    let request = Query::new("a.example", 252).bytes(9);
    stream.write_all(&u16::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
    stream.write_all(&request).unwrap();
    let (mut count, mut sum, mut soas) = (0, 0_u64, BTreeMap::new());
    while soas.values().sum::<u32>() < 2 {
        let octets = client::read_framed(&mut stream).expect("a transfer that goes on");
        let message = Message::parse(&octets).unwrap();
        assert_eq!(message.rcode, rcode::NOERROR);
        for record in message.answer {
            let mut hasher = DefaultHasher::new();
            (record.owner.to_ascii_lowercase(), record.rtype, record.ttl, &record.rdata).hash(&mut hasher);
            count += 1;
            sum = sum.wrapping_add(hasher.finish());
            if record.rtype == 6 {
                *soas.entry(record.rdata).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(soas.len(), 1, "the first record is the last");
    (count, sum)
}

#[test]
fn a_million_records_come_in_and_go_out() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let primary = Primary::start(Kind::Knot, &folder.path().join("primary"), &zone(1, "192.0.2.10"), address, false);
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &primary.named());
    ours.until("a million records", |_| ours::serial(address) == Some(1));
    let theirs = sum(primary.address);
    assert_eq!(theirs.0, u64::from(RECORDS) + 1);
    assert_eq!(sum(address), theirs);
    let mut secondaries = [Kind::Nsd, Kind::Bind].map(|kind| Secondary::start(kind, address, &["a.example"]));
    for secondary in &mut secondaries {
        secondary.until_serial("a.example", 1);
        assert_eq!(sum(secondary.address), theirs, "{}", secondary.kind.name());
    }
    primary.write(&zone(2, "192.0.2.20"));
    ours.until("the difference", |_| ours::serial(address) == Some(2));
    let theirs = sum(primary.address);
    assert_eq!(sum(address), theirs);
    for secondary in &mut secondaries {
        secondary.until_serial("a.example", 2);
        assert_eq!(sum(secondary.address), theirs, "{}", secondary.kind.name());
    }
    ours.until_said("records of differences");
    ours.until_said("transferred a.example. from serial 1");
}
