//! Probes, of real servers on the loopback (nginx, Postfix, NSD), of black holes and of servers that never come to an end:
//! each comes to the right verdict, and says what to do.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod command;
mod line;
mod mail;
mod names;
mod nginx;
mod tcp;
mod web;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use watari::net::probe;
use watari::timeline::Verdict;
use watari::timeline::plan::probe::{Look, Probe};
use watari::wire::Name;

/// Long enough for a server on a busy machine.
const PATIENT: Duration = Duration::from_secs(60);
/// For who never says a word.
const HASTY: Duration = Duration::from_millis(300);
/// For who says something, and will never come to an end: it must have been heard by then.
const SHORT: Duration = Duration::from_secs(3);
/// Where no packet is sent to: the kernel has no way there for a connection.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::BROADCAST), 443);

fn look_within(timeout: Duration, look: Look) -> Verdict {
    let probe = Probe { name: "a-probe".to_owned(), look, every: timeout, timeout };
    let begun = Instant::now();
    let verdict = probe::look(&probe, &Name::from_text("child.example.").unwrap());
    // Much more than it may take, much less than for ever: the machine may be busy.
    assert!(begun.elapsed() < timeout + PATIENT, "it took {:?}: {verdict}", begun.elapsed());
    verdict
}

#[track_caller]
fn assert_fails(verdict: &Verdict, phrases: &[&str]) {
    let Verdict::Fail(why) = verdict else { panic!("no fail: {verdict}") };
    phrases.iter().for_each(|phrase| assert!(why.contains(phrase), "{phrase:?} is not in: {why}"));
}

#[track_caller]
fn assert_unknown(verdict: &Verdict, phrases: &[&str]) {
    let Verdict::Unknown(why) = verdict else { panic!("not unknown: {verdict}") };
    phrases.iter().for_each(|phrase| assert!(why.contains(phrase), "{phrase:?} is not in: {why}"));
}

/// A server of our own making for one connection.
struct Fake {
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    fn start(serve: impl FnOnce(TcpStream) + Send + 'static) -> Fake {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let thread = thread::spawn(move || serve(listener.accept().unwrap().0));
        Fake { address, thread: Some(thread) }
    }

    /// One that says `begin`, and then `piece` until nobody listens any more.
    fn endless(begin: &'static [u8], piece: &'static [u8]) -> Fake {
        Fake::start(move |mut stream| {
            let _ = stream.write_all(begin);
            while stream.write_all(piece).is_ok() {}
        })
    }

    /// One that says `all` and closes when the other side does.
    fn once(all: &'static [u8]) -> Fake {
        Fake::start(move |mut stream| {
            let _ = stream.write_all(all);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        })
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // Whoever never came lets it wait: come instead.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().unwrap().join();
    }
}
