//! A forwarder between a resolver and our server that takes note of what passes.
//!
//! It asks from a network of its own: to our server each resolver is another one, as they are in the world, and
//! has a deadline of its own in a countdown.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use crate::cutover::Data;
use crate::support::message::{Message, name_to_text};

/// How often it looks whether it is to end.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const DATAGRAM_MAX: usize = 4096;

/// What a resolver got of our server about the address of a `www`.
#[derive(Clone, Debug)]
pub(crate) struct Fetch {
    /// The full name, with its last dot, in lower case.
    pub(crate) name: String,
    /// When the question was passed on: our server saw it at this instant or later.
    pub(crate) sent: Timestamp,
    pub(crate) ttl: u32,
    pub(crate) data: Data,
}

/// Who asked what is under way, with which identifier, and when that was passed on.
type UnderWay = Mutex<HashMap<u16, (SocketAddr, [u8; 2], Timestamp)>>;

/// A running forwarder; dropped, it ends.
pub(crate) struct Forwarder {
    /// Where the resolver asks.
    pub(crate) address: SocketAddr,
    fetches: Arc<Mutex<Vec<Fetch>>>,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Forwarder {
    /// Starts one that asks `server` from `source`.
    pub(crate) fn start(server: SocketAddr, source: Ipv4Addr) -> Forwarder {
        let socket = |address: Ipv4Addr| {
            let socket = UdpSocket::bind((address, 0)).expect("a UDP socket");
            socket.set_read_timeout(Some(LOOK_AGAIN)).expect("a read timeout");
            socket
        };
        let (front, back) = (Arc::new(socket(Ipv4Addr::LOCALHOST)), Arc::new(socket(source)));
        back.connect(server).expect("a connected UDP socket");
        let address = front.local_addr().expect("its address");
        let (fetches, ended, under_way) = (Arc::default(), Arc::new(AtomicBool::new(false)), Arc::default());
        let questions = {
            let (front, back, under_way, ended) =
                (Arc::clone(&front), Arc::clone(&back), Arc::clone(&under_way), Arc::clone(&ended));
            std::thread::spawn(move || pass_questions(&front, &back, &under_way, &ended))
        };
        let answers = {
            let (fetches, ended) = (Arc::clone(&fetches), Arc::clone(&ended));
            std::thread::spawn(move || pass_answers(&front, &back, &under_way, &fetches, &ended))
        };
        Forwarder { address, fetches, ended, threads: vec![questions, answers] }
    }

    /// What has passed so far, in order.
    pub(crate) fn fetches(&self) -> Vec<Fetch> {
        self.fetches.lock().expect("no thread panicked").clone()
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn pass_questions(front: &UdpSocket, back: &UdpSocket, under_way: &UnderWay, ended: &AtomicBool) {
    let next = AtomicU16::new(0);
    let mut buffer = [0; DATAGRAM_MAX];
    while !ended.load(Ordering::Relaxed) {
        let Ok((length, peer)) = front.recv_from(&mut buffer) else { continue };
        let Some(id) = buffer[..length].first_chunk::<2>().copied() else { continue };
        // No more are under way than there are identifiers: the oldest goes.
        let own = next.fetch_add(1, Ordering::Relaxed);
        buffer[..2].copy_from_slice(&own.to_be_bytes());
        under_way.lock().expect("no thread panicked").insert(own, (peer, id, Timestamp::now()));
        let _ = back.send(&buffer[..length]);
    }
}

fn pass_answers(
    front: &UdpSocket,
    back: &UdpSocket,
    under_way: &UnderWay,
    fetches: &Mutex<Vec<Fetch>>,
    ended: &AtomicBool,
) {
    let mut buffer = [0; DATAGRAM_MAX];
    while !ended.load(Ordering::Relaxed) {
        let Ok(length) = back.recv(&mut buffer) else { continue };
        let Some(own) = buffer[..length].first_chunk::<2>().copied().map(u16::from_be_bytes) else { continue };
        let Some((peer, id, sent)) = under_way.lock().expect("no thread panicked").remove(&own) else { continue };
        buffer[..2].copy_from_slice(&id);
        // Noted before it is passed on: whoever gets it finds it noted.
        fetches.lock().expect("no thread panicked").extend(fetch(&buffer[..length], sent));
        let _ = front.send_to(&buffer[..length], peer);
    }
}

/// What `answer` says of the address of a `www`; resolvers ask other things too.
fn fetch(answer: &[u8], sent: Timestamp) -> Option<Fetch> {
    let message = Message::parse(answer).expect("an answer that can be read");
    let question = message.questions.first().filter(|question| question.rtype == 1)?;
    let name = name_to_text(&question.name).to_ascii_lowercase();
    let (ttl, data) = Data::of(&message)?;
    name.starts_with("www.").then_some(Fetch { name, sent, ttl, data })
}
