//! Datagrams: one thread a worker, with sockets that no other thread reads.
//!
//! A worker with one socket sleeps inside `recvmmsg` itself; one with several asks `poll` first. Nothing in the loop
//! allocates, locks, or writes what another thread reads; the clock is read and the responder refreshed once for each
//! batch.
//!
//! To stop, the sockets are shut down, which wakes a sleeper and costs nothing while there is work. (Linux does so for
//! unconnected sockets too, and reports ENOTCONN all the same.) Should that ever fail, the sleep ends by itself after
//! [`IDLE`].

mod ancillary;
mod batch;
mod offload;
mod poll;
mod way;

use std::io;
use std::net::{Shutdown, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ancillary::Destination;
use batch::{Abilities, Answers, Batch, MESSAGES_MAX, Wait};
use offload::Offload;
use poll::Poll;
pub(super) use way::Way;

use super::back::Back;
use super::guard::{Occasionally, guarded};
use super::option;
use super::service::{Arrival, Respond, Service, Transport};
use crate::answer::FORESEEN_MAX;
use crate::clock;

/// How long a worker sleeps at most: an idle one too lets go of an old catalog.
const IDLE: Duration = Duration::from_secs(1);

/// How many batches are taken from one socket before the others of the worker have their turn.
const BATCHES_IN_A_ROW_MAX: usize = 4;

/// Of how many batches one is timed: reading a clock twice is much beside a batch of one.
const TIMED_ONE_OF: u8 = 64;

/// How long a worker pauses if the kernel refuses to receive for a reason that does not pass by itself.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);

/// A running worker.
pub(super) struct Worker {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

struct Shared {
    sockets: Vec<UdpSocket>,
    stopping: AtomicBool,
}

impl Worker {
    /// Starts a thread that answers what arrives on `sockets`.
    pub(super) fn start<S: Service>(
        name: String,
        sockets: Vec<UdpSocket>,
        service: Arc<S>,
        offload: bool,
    ) -> io::Result<Self> {
        for socket in &sockets {
            socket.set_read_timeout(Some(IDLE))?;
        }
        let shared = Arc::new(Shared { sockets, stopping: AtomicBool::new(false) });
        let thread = {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(name).spawn(move || work(&shared, &*service, offload))?
        };
        Ok(Worker { shared, thread })
    }

    /// Tells the worker to end after the batch it is at.
    pub(super) fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        for socket in &self.shared.sockets {
            // It says ENOTCONN, and wakes the worker.
            let _ = socket2::SockRef::from(socket).shutdown(Shutdown::Read);
        }
    }

    /// Waits until the worker has ended.
    pub(super) fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("a UDP worker ended with a panic");
        }
    }
}

fn work<S: Service>(shared: &Arc<Shared>, service: &S, offload: bool) {
    let sockets: Vec<_> = shared.sockets.iter().map(AsFd::as_fd).collect();
    let is_wildcard = |s: &UdpSocket| s.local_addr().is_ok_and(|address| address.ip().is_unspecified());
    let abilities = Abilities {
        wildcard: shared.sockets.iter().any(is_wildcard),
        rows_in: false,
        rows_out: offload && sockets.iter().all(|&socket| option::can_send_rows(socket)),
    };
    let mut worker = Loop {
        service,
        responder: service.responder(),
        batch: Batch::new(abilities),
        offload: Offload::new(offload),
        sockets: &sockets,
        shared,
        untimed: 0,
    };
    match sockets[..] {
        [] => {}
        [only] => worker.run_one(only),
        _ => worker.run_many(Poll::new(sockets.clone())),
    }
}

struct Loop<'a, S: Service> {
    service: &'a S,
    responder: S::Responder,
    batch: Batch,
    offload: Offload,
    sockets: &'a [BorrowedFd<'a>],
    shared: &'a Arc<Shared>,
    /// How many batches there are until one is timed.
    untimed: u8,
}

impl<S: Service> Loop<'_, S> {
    fn run_one(&mut self, socket: BorrowedFd<'_>) {
        loop {
            let received = self.batch.receive(socket, Wait::ForOne);
            if self.is_stopping() {
                return;
            }
            match received {
                Ok(_) => self.answer(socket),
                Err(error) => self.rest(&error),
            }
        }
    }

    fn run_many(&mut self, mut poll: Poll<'_>) {
        loop {
            let readable = poll.wait(IDLE);
            if self.is_stopping() {
                return;
            }
            match readable {
                Ok(0) => self.responder.refresh(),
                Ok(_) => poll.readable().for_each(|socket| self.drain(socket)),
                Err(error) => self.rest(&error),
            }
        }
    }

    /// Answers what waits on a socket, unless that goes on and on.
    fn drain(&mut self, socket: BorrowedFd<'_>) {
        for _ in 0..BATCHES_IN_A_ROW_MAX {
            match self.batch.receive(socket, Wait::No) {
                Ok(received) => {
                    self.answer(socket);
                    if received < MESSAGES_MAX {
                        return;
                    }
                }
                // Another reader can't have been faster, but a wrong checksum is found only by reading.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return self.rest(&error),
            }
        }
    }

    fn answer(&mut self, socket: BorrowedFd<'_>) {
        self.responder.refresh();
        let now = self.service.now();
        let timed = self.begin_timing();
        while self.batch.is_unanswered() {
            let responder = &mut self.responder;
            let batch = &mut self.batch;
            // Answers are the same without it, and so they go on if it panics.
            let is_foreseen = guarded(|| responder.foresee(batch.unanswered())).is_ok();
            let desk = Desk { service: self.service, responder, now, socket, shared: self.shared };
            if guarded(|| batch.answer(FORESEEN_MAX, desk)).is_err() || !is_foreseen {
                self.responder = self.service.responder();
            }
            if !self.batch.has_room() {
                self.batch.send(socket);
            }
        }
        self.batch.send(socket);
        if let Some(begun) = timed {
            self.responder.took(begun.elapsed());
        }
        if self.offload.is_due(&self.batch.seen) {
            self.judge_offload();
        }
    }

    /// When this batch began to be answered, if it is one of those that are timed.
    #[inline]
    fn begin_timing(&mut self) -> Option<Instant> {
        match self.untimed.checked_sub(1) {
            Some(untimed) => {
                self.untimed = untimed;
                None
            }
            None => {
                self.untimed = TIMED_ONE_OF - 1;
                Some(Instant::now())
            }
        }
    }

    /// Decides from what was seen whether requests should come in rows, and has it so.
    #[cold]
    fn judge_offload(&mut self) {
        let seen = std::mem::take(&mut self.batch.seen);
        let Some(rows_in) = self.offload.judge(seen) else { return };
        for &socket in self.sockets {
            if let Err(error) = option::set_receive_rows(socket, rows_in) {
                tracing::debug!(%error, rows_in, "cannot have datagrams received in rows");
                self.offload.give_up();
                // Rows that come all the same need the room; for those that don't it does no harm.
                if !rows_in {
                    return;
                }
            }
        }
        self.batch = self.batch.anew(Abilities { rows_in, ..self.batch.abilities() });
        tracing::debug!(rows_in, "datagrams of one peer in a row");
    }

    /// Nothing was received.
    #[cold]
    fn rest(&mut self, error: &io::Error) {
        static REFUSALS: Occasionally = Occasionally::new();
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => self.responder.refresh(),
            io::ErrorKind::Interrupted => {}
            // What ICMP said about an earlier reply.
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable => {}
            _ => {
                REFUSALS.run(|unlogged| tracing::error!(%error, unlogged, "cannot receive datagrams"));
                thread::sleep(REFUSED_PAUSE);
            }
        }
    }

    #[inline]
    fn is_stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::Acquire)
    }
}

/// Answers the requests of one batch.
struct Desk<'a, S: Service> {
    service: &'a S,
    responder: &'a mut S::Responder,
    now: clock::Instant,
    socket: BorrowedFd<'a>,
    shared: &'a Arc<Shared>,
}

impl<S: Service> Answers for Desk<'_, S> {
    #[inline]
    fn respond(&mut self, peer: SocketAddr, row: u64, request: &[u8], response: &mut [u8]) -> usize {
        self.responder.respond(&Arrival { now: self.now, peer, transport: Transport::Udp, row }, request, response)
    }

    #[cold]
    fn said_nothing(&mut self, peer: SocketAddr, destination: Destination) {
        let Some(petition) = self.responder.take_petition() else { return };
        let is_ours = |socket: &UdpSocket| socket.as_raw_fd() == self.socket.as_raw_fd();
        let Some(socket) = self.shared.sockets.iter().position(is_ours) else { return };
        let way = Way { sockets: Arc::clone(self.shared), socket, peer, destination };
        self.service.defer(petition, Back::of_datagram(way));
    }
}
