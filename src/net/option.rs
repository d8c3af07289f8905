//! Socket options of Linux that `socket2` has no name for.
#![allow(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Asks that every datagram tell which of our addresses it came to, so that the reply can leave from there.
///
/// Only a wildcard socket needs it, and it costs on each packet.
pub(super) fn tell_destination(socket: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<()> {
    match address {
        SocketAddr::V4(_) => set(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1),
        SocketAddr::V6(_) => set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1),
    }
}

/// Forgets what routers say about the path's MTU, and leaves DF unset: a forged "fragmentation needed" must not make
/// the kernel split our replies, which are short enough by themselves (RFC 9715).
pub(super) fn ignore_path_mtu(socket: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<()> {
    match address {
        SocketAddr::V4(_) => set(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT),
        SocketAddr::V6(_) => set(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT),
    }
}

/// Sets the length of the queue of what has arrived; beyond the machine's `rmem_max` if we have the right to.
pub(super) fn set_receive_queue(socket: BorrowedFd<'_>, octets: libc::c_int) -> io::Result<()> {
    set(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, octets)
        .or_else(|_| set(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, octets))
}

/// Whether the kernel takes several datagrams as one buffer, to be cut in segments. One that doesn't know how would
/// ignore the wish and send the whole as one datagram.
pub(super) fn can_send_rows(socket: BorrowedFd<'_>) -> bool {
    // 0 is what it is by default: no segments unless a message asks for them.
    set(socket, libc::SOL_UDP, libc::UDP_SEGMENT, 0).is_ok()
}

/// Whether the kernel may give us several datagrams of one peer as one buffer.
pub(super) fn set_receive_rows(socket: BorrowedFd<'_>, may: bool) -> io::Result<()> {
    set(socket, libc::SOL_UDP, libc::UDP_GRO, may.into())
}

fn set(socket: BorrowedFd<'_>, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let len = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the descriptor is open as long as it is borrowed; the pointer and the length are those of `value`, which
    // the kernel only reads, during the call.
    let status = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), len) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets this process have as many files open as the administrator's hard limit allows; returns how many that is.
///
/// The soft limit is 1024 by default, for programs that use `select`; each TCP connection needs one.
pub(super) fn raise_file_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid `rlimit` that the kernel writes during the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: `limit` is a valid `rlimit` that the kernel only reads, during the call.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}
