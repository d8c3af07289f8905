//! What the network asks of the rest of the server: answers to messages.
//!
//! Sockets know nothing of zones, and answers know nothing of sockets. Between them stand these two traits, so that
//! either can be tested without the other.

use std::time::Duration;

use tokio::sync::oneshot;

use super::back::Back;
use super::meter::Ending;
pub use crate::answer::{Arrival, Petition, Transport};
pub(super) use crate::answer::{Reply, Transfer};
use crate::clock::Instant;

/// What all threads that answer share.
pub trait Service: Send + Sync + 'static {
    /// What one thread answers with.
    type Responder: Respond;

    /// A responder for the calling thread. Called at its start, and again if an answer panicked.
    fn responder(&self) -> Self::Responder;

    /// The present instant, read once for each batch of messages.
    fn now(&self) -> Instant;

    /// Takes up what is answered later. Called by a thread that answers others meanwhile: it must not wait.
    fn defer(&self, petition: Box<Petition>, back: Back) {
        let _ = (petition, back);
    }

    /// Looks whether more is remembered than is in memory of what `transfer` misses. Gives it back, or where it comes out: it
    /// must not wait either.
    fn recall(&self, transfer: Box<Transfer>) -> Recalled {
        Recalled::Now(transfer)
    }

    /// Takes note that `transfer` has ended so, after so many octets.
    fn transferred(&self, transfer: &Transfer, ending: Ending, octets: u64) {
        let _ = (transfer, ending, octets);
    }

    /// Called about once a second on a thread that answers nothing: the place to free what was replaced.
    fn tidy(&self) {}
}

/// A transfer that is to begin.
#[derive(Debug)]
pub enum Recalled {
    /// At once.
    Now(Box<Transfer>),
    /// When it comes out here.
    Later(oneshot::Receiver<Box<Transfer>>),
}

/// Answers messages on one thread; owns what it needs for that.
pub trait Respond {
    /// Takes note of what has changed. Called before each batch of messages, and every second when none come, so that
    /// an idle thread lets go of what was replaced.
    fn refresh(&mut self);

    /// Looks ahead over `requests`, which are about to be answered, so that their answers wait for memory together.
    fn foresee<'r>(&mut self, requests: impl Iterator<Item = &'r [u8]>) {
        let _ = requests;
    }

    /// What the last request was, if nothing is said to it now because it is answered later.
    fn take_petition(&mut self) -> Option<Box<Petition>> {
        None
    }

    /// Takes note that a batch took so long. Told of some batches only.
    fn took(&mut self, time: Duration) {
        let _ = time;
    }

    /// Writes the response to `request` into `response` and returns its length, at most `response.len()`; 0 says
    /// nothing.
    ///
    /// A datagram too long to be a request is passed as its header alone, so that nobody takes a part for the whole.
    fn respond(&mut self, arrival: &Arrival, request: &[u8], response: &mut [u8]) -> usize;

    /// As [`Respond::respond`], to a request that came over a connection, where the answer may be many messages.
    fn reply(&mut self, arrival: &Arrival, request: &[u8], response: &mut [u8]) -> Reply {
        Reply::Message(self.respond(arrival, request, response))
    }
}
