//! Answers: what one costs, from the octets of the request to the octets of the response.
#![allow(missing_docs, clippy::expect_used)]

mod fixture;

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use watari::answer::{Answerer, Arrival, Catalog, Identity, Served, Transport};
use watari::clock::Instant;
use watari::timeline::Timeline;
use watari::wire::{Rcode, Rtype};

use fixture::{COMPANY, HOSTING, NSEC, NSEC3, request, zone};

/// A datagram from this host.
const ARRIVAL: Arrival = Arrival {
    now: Instant::from_unix_seconds(1_796_083_200),
    peer: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5353),
    transport: Transport::Udp,
    row: Arrival::NO_ROW,
};
/// Zones in the catalog of a hosting company.
const HOSTED: usize = 10_000;

/// What an answer must hold, so that what is measured is what is named.
struct Expected {
    rcode: Rcode,
    /// Records in the answer, authority and additional sections, OPT among the last.
    counts: [u8; 3],
}

const fn noerror(answer: u8, authority: u8, additional: u8) -> Expected {
    Expected { rcode: Rcode::NOERROR, counts: [answer, authority, additional] }
}

const fn nxdomain(authority: u8) -> Expected {
    Expected { rcode: Rcode::NXDOMAIN, counts: [0, authority, 1] }
}

fn serving(apex: &str, text: &str) -> Served {
    Served::Zone(Arc::new(Timeline::fixed(zone(apex, text))))
}

fn measure(criterion: &mut Criterion, group: &str, catalog: &Catalog, cases: &[(&str, Vec<u8>, Expected)]) {
    let mut group = criterion.benchmark_group(group);
    let mut answerer = Answerer::new(Identity::default());
    let mut out = [0; 1232];
    for (name, request, expected) in cases {
        let mut answer = || answerer.answer(catalog, &ARRIVAL, black_box(request), &mut out);
        let len = answer();
        assert!(len > 12, "{name} is answered");
        assert_eq!([out[7], out[9], out[11]], expected.counts, "the records of {name}");
        assert_eq!(u16::from(out[3] & 0xf), expected.rcode.0, "the RCODE of {name}");
        let mut answer = || answerer.answer(catalog, &ARRIVAL, black_box(request), &mut out);
        group.bench_function(*name, |bencher| bencher.iter(&mut answer));
    }
    group.finish();
}

fn unsigned(criterion: &mut Criterion) {
    let catalog = Catalog::default().with([serving("example.com", COMPANY)]);
    let ask = |question, rtype| request(question, rtype, false);
    let cases = [
        ("soa", ask("example.com", Rtype::SOA), noerror(1, 0, 1)),
        ("hit", ask("www.example.com", Rtype::A), noerror(1, 0, 1)),
        ("mx", ask("example.com", Rtype::MX), noerror(2, 0, 4)),
        ("cname", ask("ftp.example.com", Rtype::A), noerror(2, 0, 1)),
        ("nodata", ask("mail2.example.com", Rtype::AAAA), noerror(0, 1, 1)),
        ("nxdomain", ask("missing.example.com", Rtype::A), nxdomain(1)),
        ("referral", ask("www.dev.example.com", Rtype::A), noerror(0, 2, 3)),
        ("wildcard", ask("any.apps.example.com", Rtype::A), noerror(1, 0, 1)),
    ];
    measure(criterion, "answer", &catalog, &cases);
}

fn signed(criterion: &mut Criterion) {
    let ask = |question, rtype| request(question, rtype, true);
    let nsec = [
        ("hit", ask("www.example.com", Rtype::A), noerror(2, 0, 1)),
        ("nodata", ask("www.example.com", Rtype::MX), noerror(0, 4, 1)),
        ("nxdomain", ask("missing.example.com", Rtype::A), nxdomain(6)),
        ("wildcard", ask("any.wild.example.com", Rtype::TXT), noerror(2, 2, 1)),
        ("secure referral", ask("www.sec.example.com", Rtype::A), noerror(0, 3, 1)),
    ];
    let nsec3 = [
        ("hit", ask("www.example.com", Rtype::A), noerror(2, 0, 1)),
        ("nodata", ask("www.example.com", Rtype::MX), noerror(0, 4, 1)),
        ("nxdomain", ask("nothere.example.com", Rtype::A), nxdomain(6)),
        ("insecure referral", ask("www.sub.example.com", Rtype::A), noerror(0, 3, 2)),
    ];
    measure(criterion, "answer NSEC", &Catalog::default().with([serving("example.com", NSEC)]), &nsec);
    measure(criterion, "answer NSEC3", &Catalog::default().with([serving("example.com", NSEC3)]), &nsec3);
}

/// Every zone once, so that no answer finds its zone in the processor's cache.
fn hosted(criterion: &mut Criterion) {
    let apex = |number: usize| format!("customer{number}.example");
    let catalog = Catalog::default().with((0..HOSTED).map(|number| serving(&apex(number), HOSTING)));
    let requests: Vec<_> =
        (0..HOSTED).map(|number| request(&format!("mail.{}", apex(number * 7919 % HOSTED)), Rtype::A, false)).collect();
    let mut answerer = Answerer::new(Identity::default());
    let mut out = [0; 1232];
    let mut next = requests.iter().cycle();
    criterion.bench_function("answer hosted/hit in 10,000 zones", |bencher| {
        bencher.iter(|| {
            let request = next.next().expect("a cycle has no end");
            answerer.answer(&catalog, &ARRIVAL, request, &mut out)
        });
    });
}

criterion_group!(benches, unsigned, signed, hosted);
criterion_main!(benches);
