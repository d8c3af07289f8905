//! The system calls of a UDP worker: receive a batch of requests, send a batch of responses.
//!
//! All memory is allocated before. Requests lie in slots of equal length; responses are packed one after the other,
//! which keeps a batch of ordinary ones within a few KiB of cache. The kernel keeps no pointer after a call returns.
//!
//! 1. A response goes to the address in the very memory where the kernel wrote the request's.
//! 2. A response that can't be sent at once is dropped: to the client that is a lost packet, which it knows how to
//!    handle. Nothing waits, nothing is tried twice.
//! 3. Responses in a row to one peer, of one length but for the last, go to the kernel as one (UDP_SEGMENT): a
//!    forwarder that asks much from one port is then answered at a fraction of the cost. If the kernel ever refuses,
//!    they are sent one by one, and no more is asked of it.
//! 4. Likewise one buffer may hold requests in a row from one peer (UDP_GRO), if the [`offload`](super::offload) has
//!    been turned on.
#![allow(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};

use super::ancillary::{Control, Destination, Told, tell};
use crate::answer::Arrival;
use crate::wire::HEADER_LEN;
use crate::wire::edns::UDP_PAYLOAD_OURS;

/// How many messages go through one system call. Fewer cost more calls; more leave the cache and delay the first.
pub(super) const MESSAGES_MAX: usize = 64;

/// The longest request that is read: what we say in OPT that we can take.
const REQUEST_LEN_MAX: usize = UDP_PAYLOAD_OURS as usize;

/// The longest response.
const RESPONSE_LEN_MAX: usize = UDP_PAYLOAD_OURS as usize;

/// The room for responses; it is enough for one to each message, if each message is one request.
const RESPONSES_LEN: usize = MESSAGES_MAX * RESPONSE_LEN_MAX;

/// The room for one message that may hold many requests: 64 KiB, and a line more so that the messages' first lines
/// don't all share one set of the cache.
const ROW_LEN_MAX: usize = 65_536 + 64;

/// How many responses go to the kernel as one; it knows 64 (UDP_MAX_SEGMENTS).
const SEGMENTS_MAX: usize = 64;

/// How many octets those may have: what a datagram may, IPv6 headers included.
const SEGMENTS_LEN_MAX: usize = 65_535 - 48;

/// What [`Batch::receive`] does when nothing has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Sleeps until the first message, or until the socket's read timeout.
    ForOne,
    /// Returns.
    No,
}

/// What a batch's sockets can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Abilities {
    /// They tell which address a message came to.
    pub(super) wildcard: bool,
    /// They give several requests as one message.
    pub(super) rows_in: bool,
    /// They take several responses as one.
    pub(super) rows_out: bool,
}

/// What belongs to one message received besides its octets.
#[derive(Clone, Copy)]
#[repr(C)]
struct Slot {
    /// Where it came from, and the response goes to: a `sockaddr_in` if the family says so.
    peer: libc::sockaddr_in6,
    octets: libc::iovec,
    control: Control,
}

/// What belongs to one message to be sent besides its octets: one response, or several in a row.
#[derive(Clone, Copy)]
#[repr(C)]
struct Row {
    octets: libc::iovec,
    control: Control,
    /// The message that it answers first.
    at: usize,
    /// How long each response is, but for the last.
    segment_len: usize,
    segments: usize,
    destination: Destination,
}

/// What a worker has seen since it last asked, to tell whether rows are worth their while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Messages received.
    pub(super) messages: usize,
    /// Requests in them.
    pub(super) requests: usize,
    /// Requests whose peer is that of the one answered before it.
    pub(super) repeats: usize,
}

/// What answers the requests of a batch.
pub(super) trait Answers {
    /// Writes the response to `request`, which `peer` has sent, into `response`; gives its length, 0 if nothing is said.
    /// Requests that came in one row have its number, others [`Arrival::NO_ROW`].
    fn respond(&mut self, peer: SocketAddr, row: u64, request: &[u8], response: &mut [u8]) -> usize;

    /// Nothing was said to the last request, which `peer` has sent to `destination`. Perhaps it is answered later.
    #[cold]
    fn said_nothing(&mut self, peer: SocketAddr, destination: Destination) {
        let _ = (peer, destination);
    }
}

/// Requests that were received and the responses to them.
pub(super) struct Batch {
    abilities: Abilities,
    /// Of each message received.
    slots: Elements<Slot>,
    incoming: Elements<libc::mmsghdr>,
    requests: Elements<u8>,
    /// How long each slot of `requests` is.
    request_room: usize,
    /// Of each message to be sent.
    rows: Elements<Row>,
    outgoing: Elements<libc::mmsghdr>,
    responses: Elements<u8>,
    /// How many messages were received; `incoming` up to here has been written by the kernel.
    received: usize,
    /// How many of those have been looked at.
    answered: usize,
    /// How much of the next one has been looked at.
    offset: usize,
    /// What was told of the next one, once `offset` isn't 0.
    told: Told,
    /// How many messages that were rows have been begun: the number of the last.
    rows_begun: u64,
    /// How many of `outgoing` are to be sent.
    queued: usize,
    /// How many octets of `responses` they hold.
    responses_len: usize,
    /// What was seen.
    pub(super) seen: Seen,
}

impl Batch {
    /// An empty batch.
    pub(super) fn new(abilities: Abilities) -> Self {
        let request_room = if abilities.rows_in { ROW_LEN_MAX } else { REQUEST_LEN_MAX };
        // SAFETY: of both structures of the kernel, all zero bits are a value.
        let (peer, header) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let octets = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        let row = Row {
            octets,
            control: Control::EMPTY,
            at: 0,
            segment_len: 0,
            segments: 0,
            destination: Destination::Bound,
        };
        let mut batch = Batch {
            abilities,
            slots: Elements::new(Slot { peer, octets, control: Control::EMPTY }, MESSAGES_MAX),
            incoming: Elements::new(header, MESSAGES_MAX),
            requests: Elements::new(0, MESSAGES_MAX * request_room),
            request_room,
            rows: Elements::new(row, MESSAGES_MAX),
            outgoing: Elements::new(header, MESSAGES_MAX),
            responses: Elements::new(0, RESPONSES_LEN),
            received: MESSAGES_MAX,
            answered: MESSAGES_MAX,
            offset: 0,
            told: Told::NOTHING,
            rows_begun: Arrival::NO_ROW,
            queued: 0,
            responses_len: 0,
            seen: Seen::default(),
        };
        for at in 0..MESSAGES_MAX {
            let slot = batch.slots.at(at);
            let row = batch.rows.at(at);
            // SAFETY: all pointers are to elements that nothing else refers to now.
            unsafe {
                (*slot).octets.iov_base = batch.requests.at(at * request_room).cast();
                (*slot).octets.iov_len = request_room;
                let incoming = &mut (*batch.incoming.at(at)).msg_hdr;
                incoming.msg_name = (&raw mut (*slot).peer).cast();
                incoming.msg_iov = &raw mut (*slot).octets;
                incoming.msg_iovlen = 1;
                if batch.is_told() {
                    incoming.msg_control = (&raw mut (*slot).control).cast();
                }
                let outgoing = &mut (*batch.outgoing.at(at)).msg_hdr;
                outgoing.msg_iov = &raw mut (*row).octets;
                outgoing.msg_iovlen = 1;
            }
        }
        batch.forget();
        batch
    }

    /// What its sockets can do.
    pub(super) fn abilities(&self) -> Abilities {
        self.abilities
    }

    /// An empty batch that goes on numbering rows: no two of a socket have one number.
    pub(super) fn anew(&self, abilities: Abilities) -> Self {
        Batch { rows_begun: self.rows_begun, ..Batch::new(abilities) }
    }

    /// Whether the kernel may tell something beside a message.
    fn is_told(&self) -> bool {
        self.abilities.wildcard || self.abilities.rows_in
    }

    /// Makes the batch empty, and its headers ready for the kernel.
    fn forget(&mut self) {
        let control_len = if self.is_told() { size_of::<Control>() } else { 0 };
        for at in 0..self.received {
            // SAFETY: `at` is below MESSAGES_MAX, and nothing else refers to the element now.
            let header = unsafe { &mut (*self.incoming.at(at)).msg_hdr };
            header.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
            header.msg_controllen = control_len as _;
        }
        self.received = 0;
        self.answered = 0;
        self.offset = 0;
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
        self.seen.messages += self.received;
        Ok(self.received)
    }

    /// Whether a request was received and not looked at.
    pub(super) fn is_unanswered(&self) -> bool {
        self.answered < self.received
    }

    /// Whether there is room for one more response; if not, they have to be sent.
    pub(super) fn has_room(&self) -> bool {
        self.queued < MESSAGES_MAX && self.responses_len + RESPONSE_LEN_MAX <= RESPONSES_LEN
    }

    /// The requests not looked at, in their order.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = &[u8]> {
        (self.answered..self.received).flat_map(|at| {
            // SAFETY: `at` is below `received`: the kernel has written the header, its control data and as many octets as
            // it says, and nothing writes them while we look.
            let (message, told) = unsafe {
                let header = &*self.incoming.at(at);
                let len = (header.msg_len as usize).min(self.request_room);
                let told = if self.is_told() { Told::read(&header.msg_hdr) } else { Told::NOTHING };
                (std::slice::from_raw_parts(self.requests.at(at * self.request_room), len), told)
            };
            let start = if at == self.answered { self.offset } else { 0 };
            let segment_len = told.segment_len.unwrap_or(message.len());
            message.get(start..).unwrap_or_default().chunks(segment_len.max(1))
        })
    }

    /// Has `answers` write the response to each of at most `count` requests not looked at. Stops early when there is no
    /// room for more, so that the responses must be sent. If an answer panics, the request is skipped and the rest can be
    /// answered by calling this again.
    #[inline]
    pub(super) fn answer(&mut self, count: usize, mut answers: impl Answers) {
        for _ in 0..count {
            if !self.is_unanswered() || !self.has_room() {
                return;
            }
            let (at, start, len) = self.take_request();
            // SAFETY: `at` is below `received`: the kernel has written it, and nothing writes it while we look.
            let Some(peer) = peer(unsafe { &*self.slots.at(at) }) else { continue };
            // SAFETY: the octets are within the slot, initialised, and not written meanwhile; `has_room` says that the
            // room for the response is within `responses`, and nothing else refers to it.
            let (request, response) = unsafe {
                (
                    std::slice::from_raw_parts(self.requests.at(at * self.request_room + start), len),
                    std::slice::from_raw_parts_mut(self.responses.at(self.responses_len), RESPONSE_LEN_MAX),
                )
            };
            let row = if self.told.segment_len.is_some() { self.rows_begun } else { Arrival::NO_ROW };
            let len = answers.respond(peer, row, request, response).min(RESPONSE_LEN_MAX);
            if len > 0 {
                self.queue(at, len);
            } else {
                answers.said_nothing(peer, self.told.destination);
            }
        }
    }

    /// The next request: which message it is in, where it starts there, and its length; that of a header if it is too
    /// long to be one.
    #[inline]
    fn take_request(&mut self) -> (usize, usize, usize) {
        let at = self.answered;
        // SAFETY: `at` is below `received`: the kernel has written the header and its control data.
        let header = unsafe { &*self.incoming.at(at) };
        if self.offset == 0 && self.is_told() {
            // SAFETY: as above.
            self.told = unsafe { Told::read(&header.msg_hdr) };
            self.rows_begun += u64::from(self.told.segment_len.is_some());
        }
        let total = (header.msg_len as usize).min(self.request_room);
        let is_cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
        let start = self.offset;
        let end = match self.told.segment_len {
            Some(segment_len) if !is_cut => total.min(start + segment_len),
            _ => total,
        };
        if end < total {
            self.offset = end;
        } else {
            self.offset = 0;
            self.answered += 1;
        }
        self.seen.requests += 1;
        let len = end - start;
        (at, start, if is_cut || len > REQUEST_LEN_MAX { HEADER_LEN } else { len })
    }

    /// Puts the response to a request of message `at`, the next `len` octets of `responses`, among those to be sent.
    #[inline]
    fn queue(&mut self, at: usize, len: usize) {
        let start = self.responses_len;
        self.responses_len += len;
        if self.lengthen_row(at, len) {
            return;
        }
        // SAFETY: `at` is below `received`, and `queued` below MESSAGES_MAX as there was room; nothing else refers to
        // the elements now.
        unsafe {
            let row = &mut *self.rows.at(self.queued);
            row.octets.iov_base = self.responses.at(start).cast();
            row.octets.iov_len = len;
            row.at = at;
            row.segment_len = len;
            row.segments = 1;
            row.destination = self.told.destination;
            let incoming = &(*self.incoming.at(at)).msg_hdr;
            let outgoing = &mut (*self.outgoing.at(self.queued)).msg_hdr;
            outgoing.msg_name = incoming.msg_name;
            outgoing.msg_namelen = incoming.msg_namelen;
            tell(outgoing, &raw mut row.control, row.destination, None);
        }
        self.queued += 1;
    }

    /// Takes the response into the last row, if it can be part of it (rule 3); returns whether it is.
    #[inline]
    fn lengthen_row(&mut self, at: usize, len: usize) -> bool {
        let Some(last) = self.queued.checked_sub(1) else { return false };
        // SAFETY: `last` is below `queued`; nothing else refers to its elements now. Both messages were received.
        unsafe {
            let row = &mut *self.rows.at(last);
            if row.at != at && !is_same_peer(&*self.slots.at(row.at), &*self.slots.at(at)) {
                return false;
            }
            self.seen.repeats += 1;
            let is_part = self.abilities.rows_out
                && len <= row.segment_len
                && row.octets.iov_len == row.segments * row.segment_len
                && row.segments < SEGMENTS_MAX
                && row.octets.iov_len + len <= SEGMENTS_LEN_MAX
                && row.destination == self.told.destination;
            if is_part {
                row.octets.iov_len += len;
                row.segments += 1;
                if row.segments == 2 {
                    let outgoing = &mut (*self.outgoing.at(last)).msg_hdr;
                    tell(outgoing, &raw mut row.control, row.destination, Some(row.segment_len as u16));
                }
            }
            is_part
        }
    }

    /// Sends the responses that were written (rule 2).
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
                _ => {
                    self.send_singly(sent, socket);
                    sent += 1;
                }
            }
        }
        self.queued = 0;
        self.responses_len = 0;
    }

    /// Sends the responses of a row that the kernel refused one by one, and asks for rows no more (rule 3).
    #[cold]
    fn send_singly(&mut self, at: usize, socket: BorrowedFd<'_>) {
        // SAFETY: `at` is below `queued`; nothing else refers to its elements now, and the kernel only reads them.
        unsafe {
            let row = &mut *self.rows.at(at);
            if row.segments == 1 {
                return;
            }
            self.abilities.rows_out = false;
            let outgoing = &mut (*self.outgoing.at(at)).msg_hdr;
            tell(outgoing, &raw mut row.control, row.destination, None);
            let mut rest = row.octets;
            while rest.iov_len > 0 {
                row.octets = rest;
                row.octets.iov_len = rest.iov_len.min(row.segment_len);
                // What can't be sent is dropped (rule 2).
                libc::sendmsg(socket.as_raw_fd(), outgoing, libc::MSG_DONTWAIT);
                rest.iov_base = rest.iov_base.wrapping_byte_add(row.octets.iov_len);
                rest.iov_len -= row.octets.iov_len;
            }
        }
    }
}

/// The sender of a message; `None` if it can't be answered: port 0 is nobody's.
#[inline]
fn peer(slot: &Slot) -> Option<SocketAddr> {
    // The ports lie at one place in both families.
    if slot.peer.sin6_port == 0 {
        return None;
    }
    Some(match libc::c_int::from(slot.peer.sin6_family) {
        libc::AF_INET => {
            let v4 = as_v4(&slot.peer);
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
    })
}

/// Whether two messages came from one peer. The ports, which lie at one place in both families, tell most apart.
#[inline]
fn is_same_peer(a: &Slot, b: &Slot) -> bool {
    let (a, b) = (&a.peer, &b.peer);
    if a.sin6_port != b.sin6_port || a.sin6_family != b.sin6_family {
        return false;
    }
    if libc::c_int::from(a.sin6_family) == libc::AF_INET {
        return as_v4(a).sin_addr.s_addr == as_v4(b).sin_addr.s_addr;
    }
    a.sin6_addr.s6_addr == b.sin6_addr.s6_addr && a.sin6_scope_id == b.sin6_scope_id
}

#[inline]
fn as_v4(peer: &libc::sockaddr_in6) -> &libc::sockaddr_in {
    // SAFETY: a `sockaddr_in` is shorter, aligned no more strictly, and made of integers, of which any bits are a value.
    unsafe { &*ptr::from_ref(peer).cast::<libc::sockaddr_in>() }
}

/// Elements that only raw pointers refer to, so that the kernel's view and ours never contradict one another.
struct Elements<T> {
    start: NonNull<[T]>,
}

impl<T: Copy> Elements<T> {
    fn new(element: T, len: usize) -> Self {
        Elements { start: NonNull::from(Box::leak(vec![element; len].into_boxed_slice())) }
    }
}

impl<T> Elements<T> {
    #[inline]
    fn at(&self, at: usize) -> *mut T {
        debug_assert!(at < self.start.len());
        self.start.cast::<T>().as_ptr().wrapping_add(at)
    }
}

impl<T> Drop for Elements<T> {
    fn drop(&mut self) {
        // SAFETY: it came from a box, and all pointers into it go with the batch that owns this.
        drop(unsafe { Box::from_raw(self.start.as_ptr()) });
    }
}

#[cfg(test)]
mod tests;
