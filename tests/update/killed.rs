//! A server that is killed with SIGKILL while it is updated, many times: what it has answered is there, and of what it has not,
//! nothing is half there.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::CONFIG;
use super::bind::{Draft, absolute, record};
use super::support::client;
use super::support::drawn::Seed;
use super::support::message::{Message, rcode};
use super::support::query::Query;
use super::support::watari::{PATIENCE, Watari};

/// How often it dies.
const KILLS: u64 = 40;
/// The longest that it lives after it has answered two updates.
const LIFE_MAX_MS: u64 = 120;
const TXT: u16 = 16;

/// The update of this number: two records at names of their own.
fn update(number: u64) -> Draft {
    let text = format!("{number}");
    let data = [&[u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat();
    let both = ["left", "right"].map(|side| record(&absolute(&format!("{side}{number}")), TXT, 1, 60, &data));
    Draft { changes: both.to_vec(), ..Draft::default() }
}

/// Sends update after update until the server is gone; `answered` is the number after the last that was answered.
fn send(address: SocketAddr, answered: &AtomicU64, is_over: &AtomicBool) {
    let mut number = answered.load(Ordering::Acquire);
    while !is_over.load(Ordering::Acquire) {
        let message = update(number).message(u16::try_from(number % 65536).unwrap(), "all.");
        let Some(answer) = client::exchange(address, &message, Duration::from_millis(300)) else { continue };
        assert_eq!(Message::parse(&answer).unwrap().rcode, rcode::NOERROR);
        number += 1;
        answered.store(number, Ordering::Release);
    }
}

fn is_there(address: SocketAddr, name: &str) -> bool {
    let answer = client::exchange_all(address, &[Query::new(&format!("{name}.a.example"), TXT).bytes(1)]);
    let message = Message::parse(answer[0].as_ref().expect("an answer")).unwrap();
    assert!(message.rcode == rcode::NOERROR || message.rcode == rcode::NXDOMAIN, "{}", message.show());
    !message.answer.is_empty()
}

fn serial(address: SocketAddr) -> u32 {
    let answer = client::exchange_all(address, &[Query::new("a.example", 6).bytes(1)]);
    let message = Message::parse(answer[0].as_ref().expect("an answer")).unwrap();
    let soa = &message.answer[0].rdata;
    u32::from_be_bytes(soa[soa.len() - 20..][..4].try_into().unwrap())
}

#[test]
fn what_was_answered_outlives_sigkill_and_nothing_is_half_there() {
    let mut folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("zones")).unwrap();
    fs::write(folder.path().join("zones/a.example.zone"), super::ZONE).unwrap();
    let config = folder.path().join("watari.toml");
    fs::write(&config, CONFIG).unwrap();
    fs::set_permissions(config, fs::Permissions::from_mode(0o600)).unwrap();
    let mut seed = Seed(0x6b11);
    let (answered, mut highest) = (AtomicU64::new(0), 0);
    for _ in 0..KILLS {
        let server = Watari::start(folder, &[]);
        let address: SocketAddr = format!("127.0.0.1:{}", server.port).parse().unwrap();
        let first = answered.load(Ordering::Acquire);
        // All that was ever answered is there; of the one that was under way, both or neither.
        for number in 0..first {
            if number + 20 >= first || number % 17 == 0 {
                assert!(is_there(address, &format!("left{number}")), "update {number} of {first}\n{}", server.log());
                assert!(is_there(address, &format!("right{number}")), "update {number} of {first}\n{}", server.log());
            }
        }
        let halves = ["left", "right"].map(|side| is_there(address, &format!("{side}{first}")));
        assert_eq!(halves[0], halves[1], "update {first} is half there");
        let now = serial(address);
        assert!(now >= highest, "the serial went back from {highest} to {now}");
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| send(address, &answered, &is_over));
            let begun = Instant::now();
            while answered.load(Ordering::Acquire) < first + 2 && begun.elapsed() < PATIENCE {
                std::thread::park_timeout(Duration::from_millis(1));
            }
            std::thread::park_timeout(Duration::from_millis(seed.next() % LIFE_MAX_MS));
            highest = highest.max(now);
            server.running.kill();
            is_over.store(true, Ordering::Release);
        });
        let Watari { folder: kept, running, .. } = server;
        drop(running);
        folder = kept;
    }
    let answered = answered.into_inner();
    assert!(answered >= 2 * KILLS, "{answered} updates were answered in {KILLS} lives");
}
