//! A service whose requests say what to answer, so that nothing but the network is tested.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use watari::clock::Instant;
use watari::net::{Arrival, Config, Respond, Server, Service, bind};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a request asks for. It is at least as long as a header, and told apart by its number.
pub(crate) enum Ask {
    /// The request itself.
    Echo,
    /// As many octets, the number in front.
    Octets(u32),
    /// Nothing.
    Silence,
    /// A panic.
    Panic,
    /// What the responder sees: its thread, the transport, and the length of the request.
    Sight,
}

pub(crate) fn request(number: u32, ask: Ask) -> Vec<u8> {
    let mut request = number.to_be_bytes().to_vec();
    let (letter, length) = match ask {
        Ask::Echo => (b'e', 0),
        Ask::Octets(length) => (b'o', length),
        Ask::Silence => (b's', 0),
        Ask::Panic => (b'p', 0),
        Ask::Sight => (b't', 0),
    };
    request.push(letter);
    request.extend(length.to_be_bytes());
    request.extend([0; 3]);
    request
}

/// Answers as it is asked.
#[derive(Default)]
pub(crate) struct Obey {
    pub(crate) responders: AtomicUsize,
    pub(crate) refreshes: AtomicUsize,
}

pub(crate) struct Obedient {
    service: &'static Obey,
}

impl Service for &'static Obey {
    type Responder = Obedient;

    fn responder(&self) -> Obedient {
        self.responders.fetch_add(1, Ordering::Relaxed);
        Obedient { service: self }
    }

    fn now(&self) -> Instant {
        Instant::from_unix_seconds(1)
    }
}

impl Respond for Obedient {
    fn refresh(&mut self) {
        self.service.refreshes.fetch_add(1, Ordering::Relaxed);
    }

    fn respond(&mut self, arrival: &Arrival, request: &[u8], response: &mut [u8]) -> usize {
        let &Arrival { now, peer, transport, .. } = arrival;
        assert_eq!(now, Instant::from_unix_seconds(1));
        assert!(peer.ip().is_loopback());
        let Some(letter) = request.get(4) else { return 0 };
        match letter {
            b'o' => {
                let length = u32::from_be_bytes(request[5..9].try_into().unwrap()) as usize;
                response[..length].fill(0xAA);
                response[..4].copy_from_slice(&request[..4]);
                length
            }
            b's' => 0,
            b'p' => panic!("asked to"),
            b't' => {
                let thread = std::thread::current();
                let text = format!("{} {transport:?} {}", thread.name().unwrap(), request.len());
                response[..4].copy_from_slice(&request[..4]);
                response[4..][..text.len()].copy_from_slice(text.as_bytes());
                4 + text.len()
            }
            _ => {
                response[..request.len()].copy_from_slice(request);
                request.len()
            }
        }
    }
}

/// A server that obeys on `addresses`.
pub(crate) struct Obeying {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) service: &'static Obey,
    server: Option<Server>,
}

impl Obeying {
    pub(crate) fn start(addresses: &[&str], workers: usize, config: &Config) -> Self {
        let addresses: Vec<SocketAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
        let bound = bind(&addresses, NonZeroUsize::new(workers).unwrap()).unwrap();
        let addresses = bound.addresses().to_vec();
        let service: &'static Obey = Box::leak(Box::default());
        let server = Some(Server::start(bound, Arc::new(service), config).unwrap());
        Obeying { addresses, service, server }
    }

    pub(crate) fn stop(&mut self) {
        self.server.take().unwrap().stop();
    }
}

impl Drop for Obeying {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}
