//! Taking the addresses to listen on, all of them before anything else is done.
//!
//! One UDP socket and one listening TCP socket for each pair of worker and address (SO_REUSEPORT): the kernel spreads
//! the clients over them, and no two threads ever touch the same socket.
//!
//! 1. SO_REUSEPORT also lets a second process of the same user take the port and, silently, half of our queries. So
//!    the first socket of each address is bound without it, which fails if anybody has the port, and gets it after.
//! 2. `::` is IPv6 only, whatever the machine's `bindv6only` says: `0.0.0.0` and `::` can both be listened on and mean
//!    the same everywhere. An IPv4 client never appears as `::ffff:a.b.c.d`.
//! 3. Port 0 takes a free port, the same one for UDP and TCP.
//! 4. For TLS there are listening TCP sockets of the same kind.
//! 5. An address that a wildcard of the same list covers gets no sockets of its own.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::sync::Arc;

use socket2::{Domain, Socket, Type};

use super::option;
use super::tcp::Tls;

/// How many connections may wait to be accepted on a socket; the kernel lowers it to its `somaxconn`.
const BACKLOG: i32 = 4096;

/// How much may wait to be read on a UDP socket: some 5,000 queries, about 15 ms of one worker's work. Longer queues
/// only hold queries that their clients have given up.
const UDP_QUEUE_OCTETS: i32 = 4 << 20;

/// How often a port that is free for UDP may turn out to be taken for TCP.
const PORT_ATTEMPTS_MAX: usize = 32;

/// What a socket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Connections.
    Tcp,
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Protocol::Udp => "UDP",
            Protocol::Tcp => "TCP",
        })
    }
}

/// An address could not be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody has it already.
    #[error("{protocol} {address} is in use")]
    InUse {
        /// For what it was wanted.
        protocol: Protocol,
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The process has no right to a port below 1024.
    #[error("no permission to listen on {protocol} {address}")]
    Forbidden {
        /// For what it was wanted.
        protocol: Protocol,
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// No interface of this machine has the address.
    #[error("{address} is not an address of this machine")]
    NotHere {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel does not speak the address's version of IP.
    #[error("this machine has no {}", if address.is_ipv6() { "IPv6" } else { "IPv4" })]
    NoSuchFamily {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot listen on {protocol} {address}")]
    Listen {
        /// For what it was wanted.
        protocol: Protocol,
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

impl BindError {
    fn new(protocol: Protocol, address: SocketAddr, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::EADDRINUSE) => BindError::InUse { protocol, address, source },
            Some(libc::EACCES | libc::EPERM) => BindError::Forbidden { protocol, address, source },
            Some(libc::EADDRNOTAVAIL) => BindError::NotHere { address, source },
            Some(libc::EAFNOSUPPORT) => BindError::NoSuchFamily { address, source },
            _ => BindError::Listen { protocol, address, source },
        }
    }

    /// A way out, if one is known.
    pub fn help(&self) -> Option<String> {
        match self {
            BindError::InUse { protocol, address, .. } => {
                let list = match protocol {
                    Protocol::Udp => "ss -lunp",
                    Protocol::Tcp => "ss -ltnp",
                };
                let port = address.port();
                let mut help = format!("`{list} 'sport = :{port}'`, as root, shows which program has it");
                if address.ip().is_unspecified() {
                    help.push_str(
                        "; if it listens on one address only, as a stub resolver does, \
                         name the addresses to serve on instead of the wildcard",
                    );
                }
                Some(help)
            }
            BindError::Forbidden { .. } => Some(
                "a port below 1024 needs CAP_NET_BIND_SERVICE: in a systemd unit \
                 `AmbientCapabilities=CAP_NET_BIND_SERVICE`, by hand \
                 `sudo setcap cap_net_bind_service=+ep \"$(command -v watari)\"`; or listen on a higher port"
                    .to_owned(),
            ),
            BindError::NotHere { .. } => Some(
                "`ip address` lists the addresses that are there; one that comes up later must be there first, \
                 or be covered by listening on 0.0.0.0 or [::]"
                    .to_owned(),
            ),
            BindError::NoSuchFamily { .. } => Some("take the address out of the list of those to listen on".to_owned()),
            BindError::Listen { .. } => None,
        }
    }
}

/// The sockets of a server, bound and not yet read: what arrives now waits.
#[derive(Debug)]
pub struct BoundSockets {
    addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
    /// What TLS begins with.
    pub(super) tls: Option<Arc<Tls>>,
    /// For each worker, one socket for each address.
    pub(super) workers: Vec<WorkerSockets>,
}

/// The sockets of one worker, one of each kind for each address.
#[derive(Debug, Default)]
pub(super) struct WorkerSockets {
    pub(super) udp: Vec<UdpSocket>,
    pub(super) tcp: Vec<TcpListener>,
    pub(super) tls: Vec<TcpListener>,
}

impl BoundSockets {
    /// The addresses that are listened on, with the port that was taken for port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Those that are listened on for TLS.
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.tls_addresses
    }

    /// The same, and TCP sockets at each of `addresses` for each worker, on which `tls` is spoken.
    ///
    /// # Errors
    /// The first address that cannot be listened on.
    pub fn with_tls(mut self, addresses: &[SocketAddr], tls: Arc<Tls>) -> Result<BoundSockets, BindError> {
        for &address in &without_covered(addresses) {
            let error = |error| BindError::new(Protocol::Tcp, address, error);
            let first = open(Protocol::Tcp, address, Sharing::MustBeFirst).map_err(error)?;
            let chosen = local_address(&first).map_err(error)?;
            self.tls_addresses.push(chosen);
            let mut first = Some(first);
            for worker in &mut self.workers {
                let socket = match first.take() {
                    Some(first) => first,
                    None => open(Protocol::Tcp, chosen, Sharing::Joins).map_err(error)?,
                };
                worker.tls.push(socket.into());
            }
        }
        self.tls = Some(tls);
        Ok(self)
    }
}

/// Binds UDP and TCP sockets at each of `addresses` for each of `workers`.
///
/// # Errors
/// The first address that cannot be listened on.
pub fn bind(addresses: &[SocketAddr], workers: NonZeroUsize) -> Result<BoundSockets, BindError> {
    let mut bound = BoundSockets {
        addresses: Vec::new(),
        tls_addresses: Vec::new(),
        tls: None,
        workers: (0..workers.get()).map(|_| WorkerSockets::default()).collect(),
    };
    for &address in &without_covered(addresses) {
        let (udp, tcp) = bind_first(address)?;
        let address = local_address(&udp).map_err(|e| BindError::new(Protocol::Udp, address, e))?;
        bound.addresses.push(address);
        let mut firsts = Some((udp, tcp));
        for worker in &mut bound.workers {
            let (udp, tcp) = match firsts.take() {
                Some(firsts) => firsts,
                None => (
                    open(Protocol::Udp, address, Sharing::Joins)
                        .map_err(|e| BindError::new(Protocol::Udp, address, e))?,
                    open(Protocol::Tcp, address, Sharing::Joins)
                        .map_err(|e| BindError::new(Protocol::Tcp, address, e))?,
                ),
            };
            worker.udp.push(udp.into());
            worker.tcp.push(tcp.into());
        }
    }
    Ok(bound)
}

/// `addresses` without those named twice or covered by a wildcard (rule 5).
fn without_covered(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut kept: Vec<SocketAddr> = Vec::new();
    for &address in addresses {
        let covers = |other: &SocketAddr| {
            other.port() == address.port()
                && address.port() != 0
                && (*other == address || (other.ip().is_unspecified() && other.is_ipv4() == address.is_ipv4()))
        };
        let covered_by_a_later_one = addresses.iter().any(|other| *other != address && covers(other));
        if !covered_by_a_later_one && !kept.iter().any(covers) {
            kept.push(address);
        }
    }
    kept
}

/// The first UDP and TCP socket of an address, on the same port.
fn bind_first(address: SocketAddr) -> Result<(Socket, Socket), BindError> {
    let mut attempts_left = if address.port() == 0 { PORT_ATTEMPTS_MAX } else { 1 };
    loop {
        attempts_left -= 1;
        let udp_error = |e| BindError::new(Protocol::Udp, address, e);
        let udp = open(Protocol::Udp, address, Sharing::MustBeFirst).map_err(udp_error)?;
        let chosen = local_address(&udp).map_err(udp_error)?;
        match open(Protocol::Tcp, chosen, Sharing::MustBeFirst) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(e) if e.kind() == io::ErrorKind::AddrInUse && attempts_left > 0 => {}
            Err(e) => return Err(BindError::new(Protocol::Tcp, chosen, e)),
        }
    }
}

/// Whether a socket may share its address with one that is bound already (rule 1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    MustBeFirst,
    Joins,
}

fn open(protocol: Protocol, address: SocketAddr, sharing: Sharing) -> io::Result<Socket> {
    let kind = match protocol {
        Protocol::Udp => Type::DGRAM,
        Protocol::Tcp => Type::STREAM,
    };
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if protocol == Protocol::Tcp {
        // A restart must not wait for the connections of the process before it.
        socket.set_reuse_address(true)?;
    }
    match sharing {
        Sharing::MustBeFirst => {
            socket.bind(&address.into())?;
            socket.set_reuse_port(true)?;
        }
        Sharing::Joins => {
            socket.set_reuse_port(true)?;
            socket.bind(&address.into())?;
        }
    }
    match protocol {
        Protocol::Udp => {
            option::ignore_path_mtu(socket.as_fd(), &address)?;
            option::set_receive_queue(socket.as_fd(), UDP_QUEUE_OCTETS)?;
            if address.ip().is_unspecified() {
                option::tell_destination(socket.as_fd(), &address)?;
            }
        }
        Protocol::Tcp => {
            // Accepted connections inherit it: answers are written whole, so there is nothing to wait for.
            socket.set_tcp_nodelay(true)?;
            socket.set_nonblocking(true)?;
            socket.listen(BACKLOG)?;
        }
    }
    Ok(socket)
}

fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn port_0_takes_one_port_for_udp_and_tcp_and_all_workers() {
        let bound = bind(&[address("127.0.0.1:0"), address("[::1]:0")], NonZeroUsize::new(3).unwrap()).unwrap();
        assert_eq!(bound.addresses().len(), 2);
        assert_eq!(bound.workers.len(), 3);
        for worker in &bound.workers {
            for (at, address) in bound.addresses().iter().enumerate() {
                assert_ne!(address.port(), 0);
                assert_eq!(worker.udp[at].local_addr().unwrap(), *address);
                assert_eq!(worker.tcp[at].local_addr().unwrap(), *address);
            }
        }
    }

    #[test]
    fn a_port_that_shares_itself_is_in_use_all_the_same() {
        let one = NonZeroUsize::MIN;
        let first = bind(&[address("127.0.0.1:0")], one).unwrap();
        let error = bind(first.addresses(), one).unwrap_err();
        assert!(matches!(error, BindError::InUse { protocol: Protocol::Udp, .. }), "{error:?}");
        assert!(error.help().unwrap().contains("ss -lunp"));
    }

    #[test]
    fn a_tcp_listener_of_another_program_is_found() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = bind(&[other.local_addr().unwrap()], NonZeroUsize::MIN).unwrap_err();
        assert!(matches!(error, BindError::InUse { protocol: Protocol::Tcp, .. }), "{error:?}");
        assert!(error.help().unwrap().contains("ss -ltnp"));
    }

    #[test]
    fn an_address_that_is_not_here_is_named() {
        // RFC 5737: no interface has an address of documentation.
        let error = bind(&[address("192.0.2.1:0")], NonZeroUsize::MIN).unwrap_err();
        assert_eq!(error.to_string(), "192.0.2.1:0 is not an address of this machine");
    }

    #[test]
    fn both_wildcards_can_be_bound_on_one_port() {
        let v4 = bind(&[address("0.0.0.0:0")], NonZeroUsize::MIN).unwrap();
        let port = v4.addresses()[0].port();
        bind(&[SocketAddr::new("::".parse().unwrap(), port)], NonZeroUsize::MIN).unwrap();
    }

    #[test]
    fn an_address_that_a_wildcard_covers_gets_no_socket() {
        let addresses =
            ["127.0.0.1:53", "0.0.0.0:53", "127.0.0.1:53", "[::1]:53", "[::1]:53", "127.0.0.1:0", "127.0.0.1:0"];
        let kept = without_covered(&addresses.map(address));
        assert_eq!(kept, ["0.0.0.0:53", "[::1]:53", "127.0.0.1:0", "127.0.0.1:0"].map(address));
    }
}
