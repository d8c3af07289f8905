//! The way back of one datagram, taken after its batch is long gone.
#![allow(unsafe_code)]

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use super::Shared;
use super::ancillary::{Control, Destination, tell};

/// From which socket, and from which of our addresses, to whom.
pub(in crate::net) struct Way {
    pub(super) sockets: Arc<Shared>,
    /// Which of the worker's sockets.
    pub(super) socket: usize,
    pub(super) peer: SocketAddr,
    pub(super) destination: Destination,
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Way({})", self.peer)
    }
}

impl Way {
    /// Sends `message`, unless there is no room for it in the socket: then it is lost, as any datagram may be.
    pub(in crate::net) fn send(&self, message: &[u8]) {
        let Some(socket) = self.sockets.sockets.get(self.socket) else { return };
        let peer = socket2::SockAddr::from(self.peer);
        let mut octets = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
        let mut control = Control::EMPTY;
        // SAFETY: all zero bits are a value of the header. It points to the peer's address, the message and the control
        // data, which all live until the call returns, and which the kernel only reads.
        unsafe {
            let mut header: libc::msghdr = std::mem::zeroed();
            header.msg_name = peer.as_ptr().cast_mut().cast();
            header.msg_namelen = peer.len();
            header.msg_iov = &raw mut octets;
            header.msg_iovlen = 1;
            tell(&mut header, &raw mut control, self.destination, None);
            libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT);
        }
    }
}
