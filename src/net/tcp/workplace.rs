//! What the connections of one thread share: a responder, and room to read and to answer in.
//!
//! A connection uses it within one poll and leaves nothing in it, so an idle connection owns no buffer at all.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::answer::RecordTooLong;
use crate::net::back::Back;
use crate::net::guard::{Panicked, guarded};
use crate::net::service::{Arrival, Reply, Respond, Service, Transfer, Transport};
use crate::wire::HEADER_LEN;

/// The length of the length before each message (RFC 1035 § 4.2.2), in octets.
pub(super) const PREFIX_LEN: usize = 2;

/// The longest message.
const MESSAGE_LEN_MAX: usize = u16::MAX as usize;

/// How much is read at once: some hundred pipelined requests, after which other connections have their turn.
const READ_LEN: usize = 16 * 1024;

/// How much of answers is gathered before it is written.
const GATHER_LEN: usize = 16 * 1024;

/// How much of a transfer is written at once, less its last message: after that the other transfers and the requests of
/// its connection have their turn.
const RUN_LEN: usize = 60 * 1024;

/// A thread's responder and its scratch memory.
pub(super) struct Workplace<S: Service> {
    service: Arc<S>,
    responder: S::Responder,
    /// Where to read.
    pub(super) input: Box<[u8]>,
    output: Box<[u8]>,
}

/// What came of a run of requests.
pub(super) struct Answered<'a> {
    /// How many octets of the input are done with.
    pub(super) consumed: usize,
    /// The answers, each with its length before it.
    pub(super) answers: &'a [u8],
    /// What the last request began, whose messages come after the answers.
    pub(super) transfer: Option<Box<Transfer>>,
    /// Where the answer to the last request comes out, if that is given later.
    pub(super) later: Option<oneshot::Receiver<Vec<u8>>>,
    /// Why the rest of the input can't be answered, now or ever.
    pub(super) stopped: Stopped,
}

/// Why no further request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// The next one is not complete.
    Incomplete,
    /// The answers should be written first.
    Full,
    /// The last request began a transfer.
    Transfer,
    /// The last request is answered later.
    Later,
    /// The next one is shorter than a header: whoever sent it doesn't speak DNS.
    NotDns,
    /// The answer to the last one panicked.
    Panicked,
}

impl<S: Service> Workplace<S> {
    pub(super) fn new(service: Arc<S>) -> Self {
        Workplace {
            responder: service.responder(),
            service,
            input: vec![0; READ_LEN].into(),
            output: vec![0; RUN_LEN.max(GATHER_LEN) + PREFIX_LEN + MESSAGE_LEN_MAX].into(),
        }
    }

    /// The service that it works for.
    pub(super) fn service(&self) -> &Arc<S> {
        &self.service
    }

    /// Lets go of what was replaced.
    pub(super) fn refresh(&mut self) {
        self.responder.refresh();
    }

    /// Answers the complete requests at the start of `received`, or of the first octets of `input` if that is `None`.
    pub(super) fn answer(&mut self, received: Received<'_>, peer: SocketAddr, transport: Transport) -> Answered<'_> {
        let received = match received {
            Received::Here(len) => &self.input[..len],
            Received::There(octets) => octets,
        };
        let mut rest = received;
        let mut filled = 0;
        let mut now = None;
        let (mut transfer, mut later) = (None, None);
        let stopped = loop {
            if filled >= GATHER_LEN {
                break Stopped::Full;
            }
            let request = match next_request(rest) {
                Next::Request { request, rest: after } => {
                    rest = after;
                    request
                }
                Next::Incomplete => break Stopped::Incomplete,
                Next::NotDns => break Stopped::NotDns,
            };
            let now = *now.get_or_insert_with(|| {
                self.responder.refresh();
                self.service.now()
            });
            let (prefix, room) = self.output[filled..][..PREFIX_LEN + MESSAGE_LEN_MAX].split_at_mut(PREFIX_LEN);
            match guarded(|| {
                self.responder.reply(&Arrival { now, peer, transport, row: Arrival::NO_ROW }, request, room)
            }) {
                Ok(Reply::Message(0)) => {}
                Ok(Reply::Message(len)) => filled += prefixed(prefix, len),
                Ok(Reply::Transfer(begun)) => {
                    transfer = Some(begun);
                    break Stopped::Transfer;
                }
                Ok(Reply::Petition(petition)) => {
                    let (back, receiver) = Back::of_connection();
                    self.service.defer(petition, back);
                    later = Some(receiver);
                    break Stopped::Later;
                }
                Err(Panicked) => {
                    self.responder = self.service.responder();
                    break Stopped::Panicked;
                }
            }
        };
        Answered { consumed: received.len() - rest.len(), answers: &self.output[..filled], transfer, later, stopped }
    }

    /// The next messages of `transfer`, each with its length before it; none after the last.
    ///
    /// # Errors
    /// [`Stuck`]: it can't go on.
    pub(super) fn go_on(&mut self, transfer: &mut Transfer) -> Result<&[u8], Stuck> {
        let now = self.service.now();
        let mut filled = 0;
        while filled < RUN_LEN {
            let (prefix, room) = self.output[filled..][..PREFIX_LEN + MESSAGE_LEN_MAX].split_at_mut(PREFIX_LEN);
            match guarded(|| transfer.next_message(now, room)) {
                Ok(Ok(Some(len))) => filled += prefixed(prefix, len),
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(error.into()),
                Err(Panicked) => return Err(Stuck::Panicked),
            }
        }
        Ok(&self.output[..filled])
    }

    /// A message, with its length before it, that says that there is no transfer for now.
    pub(super) fn refuse(&mut self, transfer: &mut Transfer) -> &[u8] {
        let now = self.service.now();
        let (prefix, room) = self.output[..PREFIX_LEN + MESSAGE_LEN_MAX].split_at_mut(PREFIX_LEN);
        let len = prefixed(prefix, transfer.refuse(now, room));
        &self.output[..len]
    }
}

/// Why a transfer can't go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stuck {
    #[error(transparent)]
    RecordTooLong(#[from] RecordTooLong),
    #[error("its next message panicked")]
    Panicked,
}

/// Writes the length of a message before it; gives that of both.
fn prefixed(prefix: &mut [u8], len: usize) -> usize {
    let len = len.min(MESSAGE_LEN_MAX);
    prefix.copy_from_slice(&(len as u16).to_be_bytes());
    PREFIX_LEN + len
}

/// Where the octets that a connection has received lie.
pub(super) enum Received<'a> {
    /// In the workplace's `input`, so many.
    Here(usize),
    /// Elsewhere.
    There(&'a [u8]),
}

/// The beginning of what was received.
enum Next<'a> {
    Request { request: &'a [u8], rest: &'a [u8] },
    Incomplete,
    NotDns,
}

fn next_request(received: &[u8]) -> Next<'_> {
    let Some((prefix, rest)) = received.split_first_chunk::<PREFIX_LEN>() else { return Next::Incomplete };
    let len = usize::from(u16::from_be_bytes(*prefix));
    if len < HEADER_LEN {
        return Next::NotDns;
    }
    match rest.split_at_checked(len) {
        Some((request, rest)) => Next::Request { request, rest },
        None => Next::Incomplete,
    }
}
