//! Connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use watari::net::Config;

use crate::obey::{Ask, Obeying, PATIENCE, request};
use crate::ports::free_address;

/// Long enough that it never rings in a test that doesn't want it to.
const NEVER: Duration = Duration::from_secs(600);
/// Short enough to be waited for, long enough for a request before.
const SOON: Duration = Duration::from_secs(2);

struct Client(TcpStream);

impl Client {
    fn new(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(stream)
    }

    /// From an address of its own in 127/8.
    fn from(source: Ipv4Addr, server: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(IpAddr::V4(source), 0).into()).unwrap();
        socket.connect(&server.into()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(socket.into())
    }

    fn send(&mut self, requests: &[Vec<u8>]) {
        self.0.write_all(&framed(requests)).unwrap();
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut length = [0; 2];
        self.0.read_exact(&mut length).unwrap();
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        self.0.read_exact(&mut message).unwrap();
        message
    }

    #[track_caller]
    fn assert_echoes(&mut self) {
        self.send(&[request(7, Ask::Echo)]);
        assert_eq!(self.receive(), request(7, Ask::Echo));
    }

    /// Waits until the server has closed, with whatever ceremony, having sent nothing more.
    #[track_caller]
    fn assert_is_closed(&mut self) {
        match self.0.read(&mut [0]) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the connection was reset, without reading.
    #[track_caller]
    fn assert_is_reset(&self) {
        let start = Instant::now();
        while self.0.take_error().unwrap().is_none() {
            assert!(start.elapsed() < PATIENCE, "it is still open");
            std::thread::yield_now();
        }
    }
}

fn framed(requests: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = Vec::new();
    for request in requests {
        octets.extend(u16::try_from(request.len()).unwrap().to_be_bytes());
        octets.extend(request);
    }
    octets
}

fn patient() -> Config {
    let mut config = Config::default();
    config.tcp.idle_timeout = NEVER;
    config.tcp.message_timeout = NEVER;
    config.tcp.write_timeout = NEVER;
    config
}

fn start(config: &Config) -> Obeying {
    Obeying::start(&["127.0.0.1:0"], 1, config)
}

#[test]
fn both_families_and_wildcards_are_answered() {
    for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
        let server = Obeying::start(&[address], 1, &patient());
        let mut address = server.addresses[0];
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() { "127.0.0.2".parse().unwrap() } else { "::1".parse().unwrap() });
        }
        let mut client = Client::new(address);
        client.assert_echoes();
        client.assert_echoes();
    }
}

#[test]
fn every_worker_serves_connections() {
    let server = Obeying::start(&["127.0.0.1:0"], 3, &patient());
    let mut workers = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let mut client = Client::new(server.addresses[0]);
        client.send(&[request(1, Ask::Sight)]);
        workers.insert(client.receive()[4..9].to_vec());
    }
    assert!(workers.iter().map(Vec::as_slice).eq([b"tcp-0", b"tcp-1", b"tcp-2"]));
}

#[test]
fn rfc7766_6_2_1_1_pipelined_requests_are_all_answered() {
    let server = start(&patient());
    let mut client = Client::new(server.addresses[0]);
    // More than is read or written at once.
    let requests: Vec<_> = (0..5_000).map(|number| request(number, Ask::Octets(12 + number % 50))).collect();
    client.send(&requests);
    for number in 0..5_000 {
        let answer = client.receive();
        assert_eq!(answer[..4], u32::to_be_bytes(number));
        assert_eq!(answer.len() as u32, 12 + number % 50);
    }
}

#[test]
fn rfc7766_8_a_request_may_come_in_pieces() {
    let server = start(&patient());
    let mut client = Client::new(server.addresses[0]);
    let octets = framed(&[request(1, Ask::Echo), request(2, Ask::Echo)]);
    for piece in [1, 2, 3, 5, 15] {
        for part in octets.chunks(piece) {
            client.0.write_all(part).unwrap();
        }
        assert_eq!(client.receive(), request(1, Ask::Echo));
        assert_eq!(client.receive(), request(2, Ask::Echo));
    }
}

#[test]
fn the_longest_request_and_answer_have_65535_octets() {
    let server = start(&patient());
    let mut client = Client::new(server.addresses[0]);
    let mut long = request(1, Ask::Echo);
    long.resize(65_535, 0xBB);
    client.send(&[long.clone(), request(2, Ask::Octets(65_535)), request(3, Ask::Echo)]);
    assert!(client.receive() == long);
    assert_eq!(client.receive().len(), 65_535);
    assert_eq!(client.receive(), request(3, Ask::Echo));
}

#[test]
fn answers_wait_for_a_client_that_reads_late() {
    let server = start(&patient());
    let mut client = Client::new(server.addresses[0]);
    // More than the kernel takes for a peer that doesn't read.
    let count = 400;
    client.send(&(0..count).map(|number| request(number, Ask::Octets(65_535))).collect::<Vec<_>>());
    // Meanwhile another client of the same thread is served.
    Client::new(server.addresses[0]).assert_echoes();
    for number in 0..count {
        let answer = client.receive();
        assert_eq!((answer.len(), &answer[..4]), (65_535, &u32::to_be_bytes(number)[..]));
    }
    client.assert_echoes();
}

#[test]
fn silence_leaves_the_connection_open() {
    let server = start(&patient());
    let mut client = Client::new(server.addresses[0]);
    client.send(&[request(1, Ask::Silence)]);
    client.assert_echoes();
}

#[test]
fn what_cannot_be_a_request_closes_the_connection_after_the_answers_due() {
    let server = start(&patient());
    for garbage in [&b"\0\0"[..], b"\0\x0bhello world", b"\0\0GET / HTTP/1.1\r\n"] {
        let mut client = Client::new(server.addresses[0]);
        let mut octets = framed(&[request(1, Ask::Echo)]);
        octets.extend(garbage);
        client.0.write_all(&octets).unwrap();
        assert_eq!(client.receive(), request(1, Ask::Echo));
        client.assert_is_closed();
    }
}

#[test]
fn a_panic_closes_its_connection_and_no_other() {
    let server = start(&patient());
    let mut other = Client::new(server.addresses[0]);
    other.assert_echoes();
    let mut client = Client::new(server.addresses[0]);
    client.send(&[request(1, Ask::Echo), request(2, Ask::Panic), request(3, Ask::Echo)]);
    assert_eq!(client.receive(), request(1, Ask::Echo));
    client.assert_is_closed();
    other.assert_echoes();
}

#[test]
fn a_client_that_closes_its_side_gets_its_answers_and_then_the_end() {
    let server = start(&patient());
    let mut client = Client::new(server.addresses[0]);
    client.send(&(0..100).map(|number| request(number, Ask::Octets(65_535))).collect::<Vec<_>>());
    client.0.shutdown(Shutdown::Write).unwrap();
    for _ in 0..100 {
        assert_eq!(client.receive().len(), 65_535);
    }
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0, "an orderly end");
}

#[test]
fn rfc7766_6_2_3_an_idle_connection_is_closed() {
    let mut config = patient();
    config.tcp.idle_timeout = SOON;
    let server = start(&config);
    let mut silent = Client::new(server.addresses[0]);
    let mut served = Client::new(server.addresses[0]);
    served.assert_echoes();
    assert_eq!(served.0.read(&mut [0]).unwrap(), 0, "an orderly end");
    assert_eq!(silent.0.read(&mut [0]).unwrap(), 0, "an orderly end");
}

#[test]
fn a_request_that_trickles_in_is_not_waited_for() {
    let mut config = patient();
    config.tcp.message_timeout = SOON;
    let server = start(&config);
    let mut client = Client::new(server.addresses[0]);
    client.0.write_all(&[0xFF, 0xFF]).unwrap();
    let start = Instant::now();
    while client.0.write_all(&[0]).is_ok() {
        assert!(start.elapsed() < PATIENCE, "it is still open");
        std::thread::yield_now();
    }
}

#[test]
fn a_client_that_does_not_take_its_answers_is_not_waited_for() {
    let mut config = patient();
    config.tcp.write_timeout = SOON;
    let server = start(&config);
    let mut client = Client::new(server.addresses[0]);
    client.send(&(0..400).map(|number| request(number, Ask::Octets(65_535))).collect::<Vec<_>>());
    client.assert_is_reset();
}

#[test]
fn a_connection_too_many_costs_the_idlest_its_place() {
    let mut config = patient();
    config.tcp.connections_max = 3;
    let server = Obeying::start(&["127.0.0.1:0"], 1, &config);
    let mut clients: Vec<_> = (0..3).map(|_| Client::new(server.addresses[0])).collect();
    for at in [1, 2, 0] {
        clients[at].assert_echoes();
        // Activity is told apart by milliseconds.
        let active = Instant::now();
        while active.elapsed() < Duration::from_millis(3) {
            std::thread::yield_now();
        }
    }
    let mut newcomer = Client::new(server.addresses[0]);
    newcomer.assert_echoes();
    clients[1].assert_is_closed();
    clients[0].assert_echoes();
    clients[2].assert_echoes();
}

#[test]
fn one_client_cannot_have_all_the_connections() {
    let mut config = patient();
    config.tcp.connections_per_client_max = 2;
    let server = Obeying::start(&["127.0.0.1:0"], 2, &config);
    let [greedy, modest] = [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3)];
    let mut held: Vec<_> = (0..2).map(|_| Client::from(greedy, server.addresses[0])).collect();
    held.iter_mut().for_each(Client::assert_echoes);
    Client::from(greedy, server.addresses[0]).assert_is_closed();
    Client::from(modest, server.addresses[0]).assert_echoes();
    held.iter_mut().for_each(Client::assert_echoes);
}

#[test]
fn rfc7828_the_idle_timeout_is_passed_to_be_told() {
    let mut config = patient();
    config.tcp.idle_timeout = Duration::from_secs(12);
    let server = start(&config);
    let mut client = Client::new(server.addresses[0]);
    client.send(&[request(1, Ask::Sight)]);
    assert_eq!(client.receive()[4..], *b"tcp-0 Tcp { keepalive: 12s } 12");
}

#[test]
fn a_stop_is_prompt_with_connections_in_all_states() {
    let mut server = Obeying::start(&[&free_address().to_string()], 1, &patient());
    let address = server.addresses[0];
    let _idle = Client::new(address);
    let mut served = Client::new(address);
    served.assert_echoes();
    let mut begun = Client::new(address);
    begun.0.write_all(&[0]).unwrap();
    let mut stuck = Client::new(address);
    stuck.send(&(0..400).map(|number| request(number, Ask::Octets(65_535))).collect::<Vec<_>>());
    stuck.0.peek(&mut [0]).unwrap();
    let start = Instant::now();
    server.stop();
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    served.assert_is_closed();
    TcpListener::bind(address).unwrap();
}

#[test]
fn slow_connections_hurt_neither_udp_nor_those_who_ask_at_once() {
    let mut config = patient();
    config.tcp.connections_max = 100;
    config.tcp.connections_per_client_max = 100;
    let server = start(&config);
    let address = server.addresses[0];
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.connect(address).unwrap();
    udp.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut slow = Vec::new();
    for number in 0..500_u32 {
        let [.., high, low] = number.to_be_bytes();
        let mut client = Client::from(Ipv4Addr::new(127, 1, high, low), address);
        match number % 3 {
            0 => {}
            1 => client.0.write_all(&[0]).unwrap(),
            _ => {
                // It may have been closed by now, having been the idlest.
                let _ = client.0.write_all(&framed(&[request(number, Ask::Octets(65_535))]));
            }
        }
        slow.push(client);
        let sent = request(number, Ask::Echo);
        udp.send(&sent).unwrap();
        let mut reply = [0; 64];
        let length = udp.recv(&mut reply).unwrap();
        assert_eq!(reply[..length], sent);
        if number % 10 == 0 {
            Client::new(address).assert_echoes();
        }
    }
}
