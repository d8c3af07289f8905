//! The control socket: how the commands of the operator reach a server that runs.
//!
//! ```text
//! watari arm ──► client ──► control.sock ──► server ──► Handler ──► the owner's thread
//!            ◄── Reply  ◄──              ◄──        ◄── Caller  ◄──
//! ```
//!
//! It is a Unix socket in the folder of state. Over it go lines of JSON ([`protocol`]): a request, its reply, perhaps
//! another request. Nothing here knows what a request does.
//!
//! 1. Whoever may open the socket may ask everything: it has mode 0600 before the first client can find it. Who asks is
//!    told to the handler, by the kernel's word and not by the client's.
//! 2. Everything is bounded: the connections, a line, the time in which it must come, be answered and be taken.
//! 3. Every request that is a line is replied to, if only with what is wrong with it or with the handler.

mod client;
mod place;
pub mod protocol;
mod server;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use tokio::sync::oneshot;

pub use client::{AskError, ask};
pub use place::ListenError;
pub use protocol::{Outcome, Reply, Request, Verb};
pub use server::Socket;

/// The socket's name in the folder of state.
pub const CONTROL_SOCKET: &str = "control.sock";

/// The path of the socket of a server whose folder of state is `state`.
pub fn path(state: &Path) -> PathBuf {
    state.join(CONTROL_SOCKET)
}

/// Does what is asked over the socket.
pub trait Handler: Send + Sync + 'static {
    /// Takes `request` and sees to it that `caller` gets a reply, now or later, from this thread or from another. It
    /// runs on the thread that serves all callers, so it hands on whatever may take a while.
    fn handle(&self, request: Request, caller: Caller);
}

impl<F: Fn(Request, Caller) + Send + Sync + 'static> Handler for F {
    fn handle(&self, request: Request, caller: Caller) {
        self(request, caller);
    }
}

/// Who asked something, and the way back.
#[derive(Debug)]
pub struct Caller {
    by: String,
    reply: oneshot::Sender<Reply>,
}

impl Caller {
    /// A caller that is called `by` in the journal, and where its reply will come.
    pub fn new(by: impl Into<String>) -> (Caller, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        (Caller { by: by.into(), reply: sender }, receiver)
    }

    /// Who it is, for people: `uid 1000 over the control socket`.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// Whether nobody waits any more. The caller was told so: what it asked for must not be done afterwards.
    pub fn has_gone(&self) -> bool {
        self.reply.is_closed()
    }

    /// Replies. Nobody hears it if the caller has gone.
    pub fn reply(self, reply: Reply) {
        _ = self.reply.send(reply);
    }
}
