//! The system calls of a UDP worker: receive a batch of requests, send a batch of responses.
//!
//! All memory is allocated once. Requests lie in slots of equal length; responses are packed one after the other,
//! which keeps a batch of ordinary ones within a few KiB of cache. The kernel keeps no pointer after a call returns.
//!
//! 1. A reply goes to the address in the very memory where the kernel wrote the request's, and with the ancillary data
//!    in which the kernel told where the request came to: IP_PKTINFO and IPV6_PKTINFO read alike in both directions.
//! 2. The interface in it is cleared, so that routing decides the way back; but for a link-local address, which means
//!    nothing without it.
//! 3. A response that can't be sent at once is dropped: to the client that is a lost packet, which it knows how to
//!    handle. Nothing waits, nothing is tried twice.
#![allow(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};

use crate::wire::HEADER_LEN;
use crate::wire::edns::UDP_PAYLOAD_OURS;

/// How many messages go through one system call. Fewer cost more calls; more leave the cache and delay the first.
pub(super) const MESSAGES_MAX: usize = 64;

/// The longest request that is read: what we say in OPT that we can take.
const REQUEST_LEN_MAX: usize = UDP_PAYLOAD_OURS as usize;

/// The longest response.
const RESPONSE_LEN_MAX: usize = UDP_PAYLOAD_OURS as usize;

/// What [`Batch::receive`] does when nothing has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Sleeps until the first message, or until the socket's read timeout.
    ForOne,
    /// Returns.
    No,
}

/// What belongs to one message besides its octets.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Slot {
    /// Where the request came from, and the response goes to: a `sockaddr_in` if the family says so.
    peer: libc::sockaddr_in6,
    request: libc::iovec,
    response: libc::iovec,
    control: Control,
}

/// Room for one `IP_PKTINFO` or `IPV6_PKTINFO`.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 40]);

/// Requests that were received and the responses to them.
pub(super) struct Batch {
    /// Of each message received.
    slots: Zeroed<Slot>,
    incoming: Zeroed<libc::mmsghdr>,
    outgoing: Zeroed<libc::mmsghdr>,
    requests: Zeroed<u8>,
    responses: Zeroed<u8>,
    /// How many messages were received; `incoming` up to here has been written by the kernel.
    received: usize,
    /// How many of those have been looked at.
    answered: usize,
    /// How many of `outgoing` are to be sent.
    queued: usize,
    /// How many octets of `responses` they hold.
    responses_len: usize,
    /// Whether the sockets tell where a message came to.
    wildcard: bool,
}

impl Batch {
    /// An empty batch, for sockets that tell the destination if `wildcard`.
    pub(super) fn new(wildcard: bool) -> Self {
        let mut batch = Batch {
            slots: Zeroed::new(MESSAGES_MAX),
            incoming: Zeroed::new(MESSAGES_MAX),
            outgoing: Zeroed::new(MESSAGES_MAX),
            requests: Zeroed::new(MESSAGES_MAX * REQUEST_LEN_MAX),
            responses: Zeroed::new(MESSAGES_MAX * RESPONSE_LEN_MAX),
            received: MESSAGES_MAX,
            answered: MESSAGES_MAX,
            queued: 0,
            responses_len: 0,
            wildcard,
        };
        for at in 0..MESSAGES_MAX {
            let slot = batch.slots.at(at);
            let header = batch.incoming.at(at);
            // SAFETY: `slot` and `header` point to elements that nothing else refers to now.
            unsafe {
                (*slot).request.iov_base = batch.requests.at(at * REQUEST_LEN_MAX).cast();
                (*slot).request.iov_len = REQUEST_LEN_MAX;
                (*header).msg_hdr.msg_name = (&raw mut (*slot).peer).cast();
                (*header).msg_hdr.msg_iov = &raw mut (*slot).request;
                (*header).msg_hdr.msg_iovlen = 1;
                if wildcard {
                    (*header).msg_hdr.msg_control = (&raw mut (*slot).control).cast();
                }
                let header = batch.outgoing.at(at);
                (*header).msg_hdr.msg_iovlen = 1;
            }
        }
        batch.forget();
        batch
    }

    /// Makes the batch empty, and its headers ready for the kernel.
    fn forget(&mut self) {
        for at in 0..self.received {
            // SAFETY: `at` is below MESSAGES_MAX, and nothing else refers to the element now.
            let header = unsafe { &mut (*self.incoming.at(at)).msg_hdr };
            header.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
            header.msg_controllen = if self.wildcard { size_of::<Control>() as _ } else { 0 };
        }
        self.received = 0;
        self.answered = 0;
        self.queued = 0;
        self.responses_len = 0;
    }

    /// Replaces the batch by what has arrived on `socket`; returns how many messages those are.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>, wait: Wait) -> io::Result<usize> {
        self.forget();
        let flags = match wait {
            Wait::ForOne => libc::MSG_WAITFORONE,
            Wait::No => libc::MSG_DONTWAIT,
        };
        // SAFETY: the MESSAGES_MAX headers point to memory of this batch, as long as they say, which nothing else
        // refers to during the call.
        let status = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.incoming.at(0),
                MESSAGES_MAX as libc::c_uint,
                flags as _,
                ptr::null_mut(),
            )
        };
        self.received = usize::try_from(status).map_err(|_| io::Error::last_os_error())?;
        Ok(self.received)
    }

    /// Whether a message was received and not looked at.
    pub(super) fn is_unanswered(&self) -> bool {
        self.answered < self.received
    }

    /// Has `respond` write the response to each message not looked at: given the peer, the request and room, it
    /// returns the length. If it panics, the message it was given is skipped and the rest can be answered by calling
    /// this again.
    #[inline]
    pub(super) fn answer(&mut self, mut respond: impl FnMut(SocketAddr, &[u8], &mut [u8]) -> usize) {
        while self.answered < self.received {
            let at = self.answered;
            self.answered += 1;
            // SAFETY: `at` is below `received`; the kernel has written both, and they are not written while we hold
            // them.
            let (slot, header) = unsafe { (&*self.slots.at(at), &*self.incoming.at(at)) };
            let Some(peer) = peer(slot) else { continue };
            let len = if header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0 {
                (header.msg_len as usize).min(REQUEST_LEN_MAX)
            } else {
                HEADER_LEN
            };
            // SAFETY: the slot's memory is REQUEST_LEN_MAX octets long, initialised, and not written meanwhile; the room for
            // the response is within `responses`, since each of at most MESSAGES_MAX takes at most
            // RESPONSE_LEN_MAX, and nothing else refers to it.
            let (request, response) = unsafe {
                (
                    std::slice::from_raw_parts(self.requests.at(at * REQUEST_LEN_MAX), len),
                    std::slice::from_raw_parts_mut(self.responses.at(self.responses_len), RESPONSE_LEN_MAX),
                )
            };
            let len = respond(peer, request, response).min(RESPONSE_LEN_MAX);
            if len > 0 {
                self.queue(at, len);
            }
        }
    }

    /// Puts the response to message `at`, the next `len` octets of `responses`, among those to be sent.
    #[inline]
    fn queue(&mut self, at: usize, len: usize) {
        let slot = self.slots.at(at);
        // SAFETY: `at` is below `received` and `queued` not above it; nothing else refers to the elements now.
        unsafe {
            (*slot).response.iov_base = self.responses.at(self.responses_len).cast();
            (*slot).response.iov_len = len;
            let incoming = &(*self.incoming.at(at)).msg_hdr;
            let outgoing = &mut (*self.outgoing.at(self.queued)).msg_hdr;
            outgoing.msg_name = incoming.msg_name;
            outgoing.msg_namelen = incoming.msg_namelen;
            outgoing.msg_iov = &raw mut (*slot).response;
            if self.wildcard {
                outgoing.msg_control = incoming.msg_control;
                outgoing.msg_controllen = incoming.msg_controllen;
                clear_interface(outgoing);
            }
        }
        self.queued += 1;
        self.responses_len += len;
    }

    /// Sends the responses that were written (rule 3).
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>) {
        let mut sent = 0;
        while sent < self.queued {
            // SAFETY: the headers from `sent` to `queued` point to memory of this batch that nothing writes during
            // the call.
            let status = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    self.outgoing.at(sent),
                    (self.queued - sent) as libc::c_uint,
                    libc::MSG_DONTWAIT as _,
                )
            };
            match usize::try_from(status) {
                // The kernel stops at the first that fails and tells why only if it is asked again.
                Ok(now_sent @ 1..) => sent += now_sent,
                // There is no room in the socket for this one, so there is none for those behind it.
                Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock => break,
                // This one in particular: a firewall, no route, a peer that can't be.
                _ => sent += 1,
            }
        }
        self.queued = 0;
    }
}

/// The sender of a message; `None` if it can't be answered: port 0 is nobody's.
#[inline]
fn peer(slot: &Slot) -> Option<SocketAddr> {
    let peer = match libc::c_int::from(slot.peer.sin6_family) {
        libc::AF_INET => {
            // SAFETY: the kernel has written a `sockaddr_in` there, as the family says; it is shorter than a
            // `sockaddr_in6` and aligned no more strictly.
            let v4 = unsafe { &*(&raw const slot.peer).cast::<libc::sockaddr_in>() };
            let address = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            SocketAddr::V4(SocketAddrV4::new(address, u16::from_be(v4.sin_port)))
        }
        libc::AF_INET6 => {
            let v6 = &slot.peer;
            let address = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            let port = u16::from_be(v6.sin6_port);
            SocketAddr::V6(SocketAddrV6::new(address, port, v6.sin6_flowinfo, v6.sin6_scope_id))
        }
        _ => return None,
    };
    (peer.port() != 0).then_some(peer)
}

/// Lets routing choose the interface that `header`'s reply leaves by (rule 2).
///
/// # Safety
/// The control data of `header` has been written by the kernel, and nothing else refers to it.
unsafe fn clear_interface(header: &mut libc::msghdr) {
    // SAFETY: by the contract of this function the control data is a row of `cmsghdr`, each followed by data of the
    // type it tells; the pointers that CMSG_FIRSTHDR and CMSG_NXTHDR return are null or lie within.
    unsafe {
        let mut item = libc::CMSG_FIRSTHDR(header);
        while let Some(found) = item.as_ref() {
            let data = libc::CMSG_DATA(item);
            match (found.cmsg_level, found.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    ptr::addr_of_mut!((*data.cast::<libc::in_pktinfo>()).ipi_ifindex).write_unaligned(0);
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = data.cast::<libc::in6_pktinfo>();
                    let address = Ipv6Addr::from(ptr::addr_of!((*info).ipi6_addr).read_unaligned().s6_addr);
                    if !address.is_unicast_link_local() {
                        ptr::addr_of_mut!((*info).ipi6_ifindex).write_unaligned(0);
                    }
                }
                _ => {}
            }
            item = libc::CMSG_NXTHDR(header, item);
        }
    }
}

/// Elements that only raw pointers refer to, so that the kernel's view and ours never contradict one another.
struct Zeroed<T> {
    start: NonNull<[T]>,
}

impl<T: Copy> Zeroed<T> {
    fn new(len: usize) -> Self {
        // SAFETY: `T` is one of the kernel's structures, or octets, for which all zero bits are a value.
        let elements = vec![unsafe { std::mem::zeroed::<T>() }; len].into_boxed_slice();
        Zeroed { start: NonNull::from(Box::leak(elements)) }
    }
}

impl<T> Zeroed<T> {
    #[inline]
    fn at(&self, at: usize) -> *mut T {
        debug_assert!(at < self.start.len());
        self.start.cast::<T>().as_ptr().wrapping_add(at)
    }
}

impl<T> Drop for Zeroed<T> {
    fn drop(&mut self) {
        // SAFETY: it came from a box, and all pointers into it go with the batch that owns this.
        drop(unsafe { Box::from_raw(self.start.as_ptr()) });
    }
}
