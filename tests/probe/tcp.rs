//! Ports.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};
use watari::timeline::Verdict;
use watari::timeline::plan::probe::Look;

use crate::support::peer::free_address;
use crate::{Fake, HASTY, NOWHERE, PATIENT, assert_fails, assert_unknown, look_within};

#[test]
fn a_port_that_accepts_passes() {
    let server = Fake::once(b"");
    assert_eq!(look_within(PATIENT, Look::Tcp { address: server.address }), Verdict::Pass);
}

#[test]
fn a_port_where_nobody_listens_fails() {
    let verdict = look_within(PATIENT, Look::Tcp { address: free_address() });
    assert_fails(&verdict, &["nothing listens at 127.0.0.1:", "start the server"]);
}

#[test]
fn a_port_that_swallows_what_comes_fails_in_time() {
    // Its queue is full, and what comes after that is dropped without a word.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let _queued: Vec<Socket> = (0..4)
        .map(|_| {
            let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            let _ = client.connect(&address.into());
            client
        })
        .collect();
    let verdict = look_within(HASTY, Look::Tcp { address });
    assert_fails(&verdict, &["does not answer within 300ms", "does a firewall let TCP port"]);
    drop(TcpStream::from(socket));
}

#[test]
fn that_there_is_no_way_is_no_fault_of_the_server() {
    let verdict = look_within(PATIENT, Look::Tcp { address: NOWHERE });
    assert_unknown(&verdict, &["there is no way from here to 255.255.255.255:443", "ip route get"]);
}
