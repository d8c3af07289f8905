//! One connection: requests in, answers out, in order, until somebody has had enough.
//!
//! It runs over anything that reads and writes. What it owns is what is unfinished: the start of a request, or answers
//! that the peer doesn't take. While there are such answers nothing more is read (RFC 7766 § 6.2.1 asks the *client* to
//! read all the while), which bounds both.
//!
//! Always one of three clocks runs:
//!
//! ```text
//! Idle     nothing is unfinished        since the last answer             idle timeout, shorter under pressure
//! Reading  a request has begun          since its first octets came       message timeout
//! Writing  answers wait for the peer    since the first of them waits     write timeout
//! ```
//!
//! None is put off by single octets that trickle in or out.
//!
//! A transfer is written in runs of some messages, each when the one before is gone; between them requests are read
//! and answered as ever. It may take as long as it needs, if each run is taken within the write timeout.
//!
//! What is answered later (an update) keeps nobody waiting: its answer is written when it is there, perhaps after those to
//! later requests (RFC 7766 § 7).

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};

use super::clients::{Notice, Place};
use super::later::Later;
use super::ongoing::Ongoing;
use super::workplace::{Received, Stopped, Workplace};
use crate::net::meter::Ending;
use crate::net::service::{Recalled, Service, Transfer, Transport};

/// How long a server that stops waits for a peer to take the answers that are due.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);

/// How often a connection is read before the others of its thread have their turn.
const READS_IN_A_ROW_MAX: usize = 4;

/// With so many octets to write, a transfer need not go on.
const ENOUGH: usize = 16 * 1024;

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer closed its side, and has every answer.
    Finished,
    /// The connection broke.
    Broken,
    /// The peer sent what can't be a request.
    NotDns,
    /// The answer to a request panicked.
    Panicked,
    /// A transfer can't go on. To close is the only way to say so (RFC 5936 § 2.2).
    Stuck,
    /// A clock ran out.
    TimedOut(Phase),
    /// The server wanted it.
    Noticed(Notice),
}

impl End {
    /// Whether the peer deserves no orderly end: whom we wait for no longer need not be waited for by the kernel either.
    pub(super) fn is_abrupt(self) -> bool {
        match self {
            End::TimedOut(Phase::Reading | Phase::Writing) | End::Noticed(Notice::PlaceNeeded) => true,
            End::Finished
            | End::Broken
            | End::NotDns
            | End::Panicked
            | End::Stuck
            | End::TimedOut(Phase::Idle)
            | End::Noticed(Notice::Stopping) => false,
        }
    }
}

/// Which clock runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    Reading,
    Writing,
}

/// A connection and what is unfinished on it.
pub(super) struct Conversation<'a, S: Service, T> {
    stream: &'a mut T,
    peer: SocketAddr,
    place: Place,
    is_encrypted: bool,
    workplace: &'a RefCell<Workplace<S>>,
    /// What was received and not answered.
    received: Vec<u8>,
    /// Answers of which the first `written` octets were written.
    unsent: Vec<u8>,
    written: usize,
    transfers: Ongoing<S>,
    /// Where a transfer comes out of which more is looked for first.
    recalled: Option<oneshot::Receiver<Box<Transfer>>>,
    later: Later,
    /// Whether what was written may still wait in the stream.
    flushing: bool,
    /// Whether the peer has closed its side.
    peer_closed: bool,
    /// Why we close after having written.
    closing: Option<End>,
    /// Counts what restarts a clock.
    events: u64,
}

impl<'a, S: Service, T: AsyncRead + AsyncWrite + Unpin> Conversation<'a, S, T> {
    pub(super) fn new(
        stream: &'a mut T,
        peer: SocketAddr,
        place: Place,
        is_encrypted: bool,
        workplace: &'a RefCell<Workplace<S>>,
    ) -> Self {
        Conversation {
            stream,
            peer,
            place,
            is_encrypted,
            workplace,
            received: Vec::new(),
            unsent: Vec::new(),
            written: 0,
            transfers: Ongoing::default(),
            recalled: None,
            later: Later::default(),
            flushing: false,
            peer_closed: false,
            closing: None,
            events: 0,
        }
    }

    /// Answers until the end, and tells which.
    pub(super) async fn run(mut self) -> End {
        let mut clock = Clock::new(self.timeout(Phase::Idle));
        poll_fn(|cx| self.poll(cx, &mut clock)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>, clock: &mut Clock) -> Poll<End> {
        match self.poll_notice(cx) {
            Poll::Ready(Notice::Stopping) if self.phase() == Phase::Writing => {
                self.closing = Some(End::Noticed(Notice::Stopping));
                clock.cut_to(FAREWELL);
            }
            Poll::Ready(notice) => return Poll::Ready(End::Noticed(notice)),
            Poll::Pending => {}
        }
        match self.poll_messages(cx) {
            Poll::Ready(Ok(end)) => return Poll::Ready(end),
            Poll::Ready(Err(_)) => return Poll::Ready(End::Broken),
            Poll::Pending => {}
        }
        let phase = self.phase();
        ready!(clock.poll(cx, phase, self.events, || self.timeout(phase)));
        Poll::Ready(End::TimedOut(phase))
    }

    fn poll_notice(&mut self, cx: &mut Context<'_>) -> Poll<Notice> {
        if self.place.notice.is_terminated() {
            return Poll::Pending;
        }
        match ready!(Pin::new(&mut self.place.notice).poll(cx)) {
            Ok(notice) => Poll::Ready(notice),
            Err(_) => Poll::Pending,
        }
    }

    fn phase(&self) -> Phase {
        let waits = !self.later.is_empty() || self.recalled.is_some();
        if !self.unsent.is_empty() || self.flushing || !self.transfers.is_empty() || waits {
            Phase::Writing
        } else if !self.received.is_empty() {
            Phase::Reading
        } else {
            Phase::Idle
        }
    }

    /// Reads, answers and writes until it has to wait, or until an end.
    fn poll_messages(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<End>> {
        for _ in 0..READS_IN_A_ROW_MAX {
            ready!(self.poll_unsent(cx))?;
            if let Some(end) = self.closing {
                return Poll::Ready(Ok(end));
            }
            let mut given = Vec::new();
            self.later.poll(cx, &mut given);
            self.write(cx, &given)?;
            let workplace = &mut *self.workplace.borrow_mut();
            self.poll_recalled(cx, workplace)?;
            let may_begin = !self.transfers.is_full() && !self.later.is_full() && self.recalled.is_none();
            if may_begin && self.answer_received(cx, workplace)? {
                continue;
            }
            if self.transfers.is_empty() && (self.peer_closed || !may_begin) {
                if self.later.is_empty() && self.recalled.is_none() {
                    return Poll::Ready(Ok(End::Finished));
                }
                // What comes wakes us; what was written of others is gone first.
                if self.unsent.is_empty() && !self.flushing {
                    return Poll::Pending;
                }
                continue;
            }
            if may_begin && !self.peer_closed {
                let mut buffer = ReadBuf::new(&mut workplace.input);
                let read = Pin::new(&mut *self.stream).poll_read(cx, &mut buffer)?;
                match (read, buffer.filled().len()) {
                    (Poll::Pending, _) if self.transfers.is_empty() => return Poll::Pending,
                    (Poll::Pending, _) => {}
                    (Poll::Ready(()), 0) => self.peer_closed = true,
                    (Poll::Ready(()), len) if self.received.is_empty() => {
                        let consumed = self.answer(cx, workplace, Received::Here(len))?;
                        self.received.extend_from_slice(&workplace.input[consumed..len]);
                    }
                    (Poll::Ready(()), len) => self.received.extend_from_slice(&workplace.input[..len]),
                }
            }
            // Beside a few answers, so that who asks on and on doesn't keep its own transfer waiting; not beside a run.
            if self.unsent.len() < ENOUGH {
                self.transfer(cx, workplace)?;
            }
        }
        // The other connections of the thread have their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Answers what was received before; returns whether there was something to answer.
    fn answer_received(&mut self, cx: &mut Context<'_>, workplace: &mut Workplace<S>) -> io::Result<bool> {
        if self.received.is_empty() {
            return Ok(false);
        }
        let mut received = std::mem::take(&mut self.received);
        let consumed = self.answer(cx, workplace, Received::There(&received))?;
        if consumed < received.len() {
            received.drain(..consumed);
            self.received = received;
        }
        Ok(consumed > 0 || self.closing.is_some())
    }

    /// Answers the complete requests in what was received and begins to write the answers; returns how many octets of
    /// it are done with.
    fn answer(
        &mut self,
        cx: &mut Context<'_>,
        workplace: &mut Workplace<S>,
        received: Received<'_>,
    ) -> io::Result<usize> {
        let keepalive = self.place.clients().idle_timeout();
        let transport = match self.is_encrypted {
            true => Transport::Tls { keepalive },
            false => Transport::Tcp { keepalive },
        };
        let answered = workplace.answer(received, self.peer, transport);
        let (consumed, transfer) = (answered.consumed, answered.transfer);
        self.later.extend(answered.later);
        if consumed > 0 {
            self.place.is_active();
            self.events += 1;
        }
        match answered.stopped {
            Stopped::Incomplete | Stopped::Full | Stopped::Transfer | Stopped::Later => {}
            Stopped::NotDns => self.closing = Some(End::NotDns),
            Stopped::Panicked => self.closing = Some(End::Panicked),
        }
        self.write(cx, answered.answers)?;
        match transfer.map(|transfer| workplace.service().recall(transfer)) {
            Some(Recalled::Now(transfer)) => self.begin(cx, workplace, transfer)?,
            Some(Recalled::Later(receiver)) => self.recalled = Some(receiver),
            None => {}
        }
        Ok(consumed)
    }

    /// Begins the transfer of which more was looked for, if that is done.
    fn poll_recalled(&mut self, cx: &mut Context<'_>, workplace: &mut Workplace<S>) -> io::Result<()> {
        let Some(receiver) = &mut self.recalled else { return Ok(()) };
        let Poll::Ready(transfer) = Pin::new(receiver).poll(cx) else { return Ok(()) };
        self.recalled = None;
        match transfer {
            Ok(transfer) => self.begin(cx, workplace, transfer),
            Err(_) => {
                self.closing = Some(End::Stuck);
                Ok(())
            }
        }
    }

    /// Begins to write the first messages of a transfer.
    fn begin(
        &mut self,
        cx: &mut Context<'_>,
        workplace: &mut Workplace<S>,
        mut transfer: Box<Transfer>,
    ) -> io::Result<()> {
        let service = Arc::clone(workplace.service());
        let Some(messages) = Ongoing::next_of(&mut transfer, workplace, self.peer) else {
            service.transferred(&transfer, Ending::Broken, 0);
            self.closing = Some(End::Stuck);
            return Ok(());
        };
        match self.transfers.begin(transfer, messages.len(), &self.place, (self.peer, service)) {
            Ok(()) => self.write(cx, messages),
            Err(mut transfer) => self.write(cx, workplace.refuse(&mut transfer)),
        }
    }

    /// Begins to write the next messages of a transfer, if there is one.
    fn transfer(&mut self, cx: &mut Context<'_>, workplace: &mut Workplace<S>) -> io::Result<()> {
        if self.transfers.is_empty() {
            return Ok(());
        }
        self.place.is_active();
        self.events += 1;
        match self.transfers.next(workplace, self.peer) {
            Some(messages) => self.write(cx, messages),
            None => {
                self.closing = Some(End::Stuck);
                Ok(())
            }
        }
    }

    /// Writes `answers`, as much as the stream takes now; keeps the rest.
    fn write(&mut self, cx: &mut Context<'_>, mut answers: &[u8]) -> io::Result<()> {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(answers);
            return Ok(());
        }
        while !answers.is_empty() {
            self.flushing = true;
            match Pin::new(&mut *self.stream).poll_write(cx, answers) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(len)) => answers = &answers[len..],
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.unsent.extend_from_slice(answers);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Writes what waits.
    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.unsent.len() {
            let len = ready!(Pin::new(&mut *self.stream).poll_write(cx, &self.unsent[self.written..]))?;
            if len == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += len;
            self.place.is_active();
        }
        self.unsent = Vec::new();
        self.written = 0;
        if self.flushing {
            ready!(Pin::new(&mut *self.stream).poll_flush(cx))?;
            self.flushing = false;
        }
        Poll::Ready(Ok(()))
    }

    fn timeout(&self, phase: Phase) -> Duration {
        let clients = self.place.clients();
        match phase {
            Phase::Idle => clients.idle_timeout(),
            Phase::Reading => clients.limits().message_timeout,
            Phase::Writing => clients.limits().write_timeout,
        }
    }
}

/// The clock of a conversation. It starts anew with each phase and each run of answers; the timer behind it is moved
/// only if it would ring too late, so that an answer costs no timer.
struct Clock {
    phase: Phase,
    events: u64,
    deadline: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Clock {
    fn new(timeout: Duration) -> Self {
        let deadline = Instant::now() + timeout;
        Clock { phase: Phase::Idle, events: 0, deadline, timer: Box::pin(sleep_until(deadline)) }
    }

    /// Ready when the time for `phase`, which restarts with `events`, has run out.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        phase: Phase,
        events: u64,
        timeout: impl FnOnce() -> Duration,
    ) -> Poll<()> {
        if (phase, events) != (self.phase, self.events) {
            (self.phase, self.events) = (phase, events);
            self.ring_at(Instant::now() + timeout());
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if Instant::now() >= self.deadline {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(self.deadline);
        }
    }

    fn ring_at(&mut self, deadline: Instant) {
        self.deadline = deadline;
        if deadline < self.timer.deadline() {
            self.timer.as_mut().reset(deadline);
        }
    }

    /// Leaves `remaining` at most.
    fn cut_to(&mut self, remaining: Duration) {
        self.ring_at(self.deadline.min(Instant::now() + remaining));
    }
}

#[cfg(test)]
mod tests;
