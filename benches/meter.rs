//! What an answer costs beside itself, counting and the meter, in instructions: they repeat where times do not.
//!
//! ```text
//! cargo bench --bench meter                                 as it is built
//! WATARI_BENCH_WITHOUT=meter cargo bench --bench meter      without what is kept of plans
//! WATARI_BENCH_WITHOUT=counting cargo bench --bench meter   without that, and without what is counted of every answer
//! ```
//!
//! Each case runs under callgrind (of valgrind, which must be there), which counts what happens in [`answers`] alone. Keys
//! of hashes are new in each process, and with them how far a look-up goes: a case is the least of [`RUNS`] processes.
#![allow(missing_docs, clippy::expect_used)]

mod fixture;

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use watari::answer::{Catalog, Identity, Served};
use watari::clock::{Instant, Ratchet};
use watari::net::{Arrival, Authority, Published, Respond, Service, Transport};
use watari::timeline::{self, Run, Timeline};
use watari::wire::Rtype;

use fixture::{COMPANY, request, zone};

/// How many answers a process gives.
const ANSWERS: u32 = 10_000;
/// In how many processes.
const RUNS: usize = 7;
/// How many answers in a row go to one peer, where they come in rows.
const ROW: u32 = 16;
/// How many come at once.
const BATCH: u32 = 64;
/// How many peers there are, each in a network of its own.
const PEERS: u32 = 64;

/// The plan of `move.example`, a minute before it flips: the old data with a short TTL.
const PLAN: &str = "version = 1\nat = \"2026-12-01T03:00[UTC]\"\n\
    [[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.11\"]\nto = [\"192.0.2.12\"]\n";
const NOW: Instant = Instant::from_unix_seconds(1_796_094_000 - 60);

/// Each with its question, and how many answers there are in a row.
const CASES: [(&str, &str, Rtype, u32); 9] = [
    ("SOA, a zone without a plan", "stay.example", Rtype::SOA, ROW),
    ("A, a zone without a plan", "www.stay.example", Rtype::A, ROW),
    ("MX with addresses, a zone without a plan", "stay.example", Rtype::MX, ROW),
    ("a missing name, a zone without a plan", "missing.stay.example", Rtype::A, ROW),
    ("A that a running plan leaves as it is", "mail.move.example", Rtype::A, ROW),
    ("A that a running plan flips, in rows", "www.move.example", Rtype::A, ROW),
    ("A that a running plan flips, one by one", "www.move.example", Rtype::A, 1),
    ("a missing name in its zone, in rows", "missing.move.example", Rtype::A, ROW),
    ("a missing name in its zone, one by one", "missing.move.example", Rtype::A, 1),
];

fn catalog() -> Catalog {
    let moving = zone("move.example", COMPANY);
    let run = Run::proposed(Instant::MIN);
    let loaded = timeline::load(&moving, &"move.example.plan.toml".into(), PLAN.as_bytes(), &run);
    let schedule = loaded.schedule.expect("a plan without errors");
    let staying = Timeline::fixed(zone("stay.example", COMPANY));
    Catalog::default().with([Served::Zone(Arc::new(schedule.timeline)), Served::Zone(Arc::new(staying))])
}

/// What is measured.
#[inline(never)]
fn answers(respond: &mut impl Respond, peers: &[SocketAddr], request: &[u8], row: u32) -> usize {
    let mut out = [0; 1232];
    let mut octets = 0;
    let (mut now, mut peers) = (NOW, peers.iter().cycle());
    let mut row_number = Arrival::NO_ROW;
    let mut peer = peers.next().copied().expect("a cycle has no end");
    for number in 0..ANSWERS {
        if number % row == 0 {
            now = now.after(Duration::from_nanos(1000));
            peer = peers.next().copied().expect("a cycle has no end");
            row_number += u64::from(row > 1);
        }
        if number % BATCH == 0 {
            respond.refresh();
        }
        let arrival = Arrival { now, peer, transport: Transport::Udp, row: row_number };
        octets += respond.respond(&arrival, black_box(request), &mut out);
    }
    octets
}

fn measured(case: usize) {
    let (name, question, rtype, row) = CASES[case];
    let clock = Arc::new(Ratchet::new(Instant::MIN));
    let authority = Authority::new(Arc::new(Published::new(catalog())), clock, Identity::default());
    let peers: Vec<SocketAddr> =
        (0..PEERS).map(|peer| (Ipv4Addr::from_bits(0x0a00_0001 + (peer << 8)), 5353).into()).collect();
    let mut responder = authority.responder();
    let octets = answers(&mut responder, &peers, &request(question, rtype, false), row);
    assert!(octets > 12 * ANSWERS as usize, "{name} is answered");
}

/// Instructions for one answer, in one process.
fn instructions(case: usize) -> f64 {
    let exe = std::env::current_exe().expect("this program's file");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*answers*"])
        .arg(exe)
        .args(["--case", &case.to_string()])
        .output()
        .expect("valgrind can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<f64>().ok());
    collected.unwrap_or_else(|| panic!("callgrind says no number: {said}")) / f64::from(ANSWERS)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--case") {
        return measured(arguments[at + 1].parse().expect("a number"));
    }
    // Under `cargo test` it only sees that each case is answered.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return (0..CASES.len()).for_each(measured);
    }
    println!("without: {}", option_env!("WATARI_BENCH_WITHOUT").unwrap_or("nothing"));
    for (case, (name, ..)) in CASES.iter().enumerate() {
        let least = (0..RUNS).map(|_| instructions(case)).fold(f64::INFINITY, f64::min);
        println!("{least:8.1}  {name}");
    }
}
