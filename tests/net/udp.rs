//! Datagrams.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::time::Instant;

use watari::net::Config;

use crate::obey::{Ask, Obeying, PATIENCE, request};
use crate::ports::free_address;

fn client(server: SocketAddr) -> UdpSocket {
    let any = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(any).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    // Replies from any other address are not ours to receive.
    socket.connect(server).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut reply = [0; 65_535];
    let length = socket.recv(&mut reply).unwrap();
    reply[..length].to_vec()
}

#[track_caller]
fn assert_echoes(server: SocketAddr) {
    let socket = client(server);
    let sent = request(7, Ask::Echo);
    socket.send(&sent).unwrap();
    assert_eq!(receive(&socket), sent);
}

#[test]
fn both_families_are_answered_by_one_worker() {
    let server = Obeying::start(&["127.0.0.1:0", "[::1]:0"], 1, &Config::default());
    for _ in 0..3 {
        server.addresses.iter().copied().for_each(assert_echoes);
    }
}

#[test]
fn one_address_is_answered_by_every_worker() {
    let server = Obeying::start(&["127.0.0.1:0"], 3, &Config::default());
    let mut workers = BTreeSet::new();
    // The kernel spreads by port: this misses a worker of three less than once in 10^30 runs.
    for _ in 0..200 {
        let socket = client(server.addresses[0]);
        socket.send(&request(1, Ask::Sight)).unwrap();
        workers.insert(receive(&socket)[4..9].to_vec());
    }
    assert!(workers.iter().map(Vec::as_slice).eq([b"udp-0", b"udp-1", b"udp-2"]));
}

#[test]
fn a_reply_leaves_from_the_address_it_came_to_on_a_wildcard() {
    let server = Obeying::start(&["0.0.0.0:0"], 1, &Config::default());
    let port = server.addresses[0].port();
    for address in ["127.0.0.1", "127.0.0.2", "127.3.2.1"] {
        assert_echoes(SocketAddr::new(address.parse().unwrap(), port));
    }
}

#[test]
fn a_reply_leaves_from_the_address_it_came_to_on_the_ipv6_wildcard() {
    let server = Obeying::start(&["[::]:0"], 1, &Config::default());
    // There is one loopback address only; any other of this machine does, asked from loopback.
    let probe = UdpSocket::bind("[::]:0").unwrap();
    let Ok(other) = probe.connect("[2001:db8::1]:9").and_then(|()| probe.local_addr()) else { return };
    assert_echoes(SocketAddr::new(other.ip(), server.addresses[0].port()));
}

#[test]
fn the_ipv6_wildcard_answers_ipv6_and_leaves_ipv4_alone() {
    let v4 = free_address();
    let server = Obeying::start(&[&format!("[::]:{}", v4.port())], 1, &Config::default());
    assert_echoes(SocketAddr::new("::1".parse().unwrap(), server.addresses[0].port()));
    UdpSocket::bind(v4).unwrap();
}

#[test]
fn both_wildcards_serve_side_by_side_on_one_port() {
    let port = free_address().port();
    let _v4 = Obeying::start(&[&format!("0.0.0.0:{port}")], 2, &Config::default());
    let _v6 = Obeying::start(&[&format!("[::]:{port}")], 2, &Config::default());
    assert_echoes(SocketAddr::new("::1".parse().unwrap(), port));
    assert_echoes(SocketAddr::new("127.0.0.9".parse().unwrap(), port));
}

#[test]
fn all_of_a_burst_that_fills_many_batches_is_answered() {
    for addresses in [&["127.0.0.1:0"][..], &["127.0.0.1:0", "[::1]:0"], &["0.0.0.0:0"]] {
        let server = Obeying::start(addresses, 1, &Config::default());
        let socket = client(SocketAddr::new("127.0.0.1".parse().unwrap(), server.addresses[0].port()));
        // Few enough for the queue that an ordinary user may have.
        let burst = 150;
        for number in 0..burst {
            socket.send(&request(number, Ask::Octets(12 + number))).unwrap();
        }
        let mut numbers: Vec<u32> = (0..burst)
            .map(|_| {
                let reply = receive(&socket);
                let number = u32::from_be_bytes(reply[..4].try_into().unwrap());
                assert_eq!(reply.len(), 12 + number as usize);
                number
            })
            .collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..burst));
    }
}

#[test]
fn the_longest_response_has_1232_octets() {
    let server = Obeying::start(&["127.0.0.1:0"], 1, &Config::default());
    let socket = client(server.addresses[0]);
    socket.send(&request(1, Ask::Octets(1232))).unwrap();
    assert_eq!(receive(&socket).len(), 1232);
}

#[test]
fn a_datagram_too_long_to_be_a_request_is_passed_as_its_header() {
    let server = Obeying::start(&["127.0.0.1:0"], 1, &Config::default());
    let socket = client(server.addresses[0]);
    for (length, seen) in [(1232, 1232), (1233, 12), (60_000, 12)] {
        let mut long = request(1, Ask::Sight);
        long.resize(length, 0);
        socket.send(&long).unwrap();
        assert_eq!(receive(&socket)[4..], *format!("udp-0 Udp {seen}").as_bytes());
    }
}

#[test]
fn an_empty_datagram_and_one_that_gets_silence_leave_the_worker_at_work() {
    let server = Obeying::start(&["127.0.0.1:0"], 1, &Config::default());
    let socket = client(server.addresses[0]);
    socket.send(&[]).unwrap();
    socket.send(&request(1, Ask::Silence)).unwrap();
    socket.send(&request(2, Ask::Echo)).unwrap();
    assert_eq!(receive(&socket), request(2, Ask::Echo));
}

#[test]
fn a_peer_that_went_away_costs_nobody_else_their_reply() {
    let server = Obeying::start(&["127.0.0.1:0"], 1, &Config::default());
    for _ in 0..10 {
        client(server.addresses[0]).send(&request(1, Ask::Echo)).unwrap();
        assert_echoes(server.addresses[0]);
    }
}

#[test]
fn a_panic_costs_the_message_that_caused_it_and_no_other() {
    let server = Obeying::start(&["127.0.0.1:0"], 1, &Config::default());
    let socket = client(server.addresses[0]);
    for round in 0..20 {
        for number in 0..6 {
            let ask = if number % 2 == 0 { Ask::Panic } else { Ask::Echo };
            socket.send(&request(round * 6 + number, ask)).unwrap();
        }
    }
    for round in 0..20 {
        for number in [1, 3, 5] {
            assert_eq!(receive(&socket), request(round * 6 + number, Ask::Echo));
        }
    }
    // One for UDP, one for TCP if that has started by now, and a new one after each panic.
    assert!(server.service.responders.load(Ordering::Relaxed) > 60);
}

#[test]
fn an_idle_worker_refreshes_its_responder() {
    let server = Obeying::start(&["127.0.0.1:0"], 1, &Config::default());
    let start = Instant::now();
    while server.service.refreshes.load(Ordering::Relaxed) == 0 {
        assert!(start.elapsed() < PATIENCE, "not once");
        std::thread::yield_now();
    }
}

#[test]
fn a_stop_is_prompt_and_frees_the_port() {
    let own = free_address().to_string();
    for addresses in [&[own.as_str()][..], &[own.as_str(), "[::1]:0"]] {
        // Sleeping workers are woken, and not waited for until they look up by themselves, a second after the last datagram:
        // one time of several this is seen even on a busy machine.
        let times = (0..5).map(|_| {
            let mut server = Obeying::start(addresses, 2, &Config::default());
            server.addresses.iter().copied().for_each(assert_echoes);
            let start = Instant::now();
            server.stop();
            UdpSocket::bind(server.addresses[0]).unwrap();
            start.elapsed()
        });
        let shortest = times.min().unwrap();
        assert!(shortest.as_millis() < 500, "{shortest:?}");
    }
}

#[test]
fn what_arrived_between_binding_and_starting_is_answered() {
    use std::num::NonZeroUsize;
    use std::sync::Arc;
    let bound = watari::net::bind(&["127.0.0.1:0".parse().unwrap()], NonZeroUsize::MIN).unwrap();
    let socket = client(bound.addresses()[0]);
    socket.send(&request(5, Ask::Echo)).unwrap();
    let service: &'static crate::obey::Obey = Box::leak(Box::default());
    let server = watari::net::Server::start(bound, Arc::new(service), &Config::default()).unwrap();
    assert_eq!(receive(&socket), request(5, Ask::Echo));
    server.stop();
}
