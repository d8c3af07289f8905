//! Ports for servers that are started by and by.
//!
//! What the system gives to who asks for any port it gives to the next one as soon as that is free again: to a client of
//! another test, between the choice of a port and the start of the server that is to have it, or while that is started
//! anew; and to `dig` even while our server has it, since both share their ports (SO_REUSEPORT), and it hears itself.
//! So a port is taken here from below those, and is this process's until its end: a socket without a file has the port's
//! number in its name, and of those there is one.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::sync::{Mutex, PoisonError};

/// The first port that is taken: well above those that services have.
const FIRST: u16 = 10_000;
/// The first of those that Linux gives if nobody has set `net.ipv4.ip_local_port_range`.
const END: u16 = 32_768;

/// What says that ports are taken.
static TAKEN: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

/// A port of 127.0.0.1 at which nobody listens, over UDP or TCP, but who is told of it.
///
/// # Panics
/// If all are taken.
pub(crate) fn free_address() -> SocketAddr {
    let count = END - FIRST;
    let begin = u16::try_from(RandomState::new().hash_one(0) % u64::from(count)).expect("a number of a port");
    for step in 0..count {
        let port = FIRST + (begin + step) % count;
        let name = UnixAddr::from_abstract_name(format!("watari-test-port-{port}")).expect("a name");
        let Ok(taken) = UnixListener::bind_addr(&name) else { continue };
        // At no address of the machine: some listen at several.
        let everywhere = (Ipv4Addr::UNSPECIFIED, port);
        if UdpSocket::bind(everywhere).is_ok() && TcpListener::bind(everywhere).is_ok() {
            TAKEN.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
            return (Ipv4Addr::LOCALHOST, port).into();
        }
    }
    panic!("no port from {FIRST} to {END} is free for UDP and TCP");
}
