//! The server's end of the control socket: a thread that accepts, reads, asks the handler, and writes.
//!
//! A conversation is a loop of request and reply on one connection; each is a task of its own, so that a client who is
//! slow keeps nobody waiting but himself.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::{self, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::place::{ListenError, Place};
use super::protocol::{self, REQUEST_LEN_MAX, Reply};
use super::{Caller, Handler};

/// How long a server that ends waits for replies that are due.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long accepting pauses if the kernel refuses.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// What clients may cost. The figures have no source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How many connections may be open.
    pub(super) connections_max: usize,
    /// In which time a request must have come, counted from the connection or from the reply before.
    pub(super) request_timeout: Duration,
    /// In which time the handler must have replied.
    pub(super) reply_timeout: Duration,
    /// In which time the client must have taken the reply.
    pub(super) write_timeout: Duration,
}

impl Limits {
    pub(super) const DEFAULT: Limits = Limits {
        connections_max: 16,
        request_timeout: Duration::from_secs(10),
        reply_timeout: Duration::from_secs(60),
        write_timeout: Duration::from_secs(10),
    };
}

/// A control socket that is served.
#[derive(Debug)]
pub struct Socket {
    // Dropped first: who looks for a server that is ending finds none.
    place: Option<Place>,
    stopping: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Socket {
    /// Serves the control socket in the folder `state`, which must be there, by what `handler` does; on a thread of its
    /// own, until it is closed.
    ///
    /// # Errors
    /// [`ListenError`], for instance if another server has it.
    pub fn listen(state: &Path, handler: impl Handler) -> Result<Socket, ListenError> {
        Socket::listen_within(state, handler, Limits::DEFAULT)
    }

    pub(super) fn listen_within(state: &Path, handler: impl Handler, limits: Limits) -> Result<Socket, ListenError> {
        let (listener, place) = Place::take(&super::path(state))?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(ListenError::Serve)?;
        listener.set_nonblocking(true).map_err(ListenError::Serve)?;
        let listener = {
            let _entered = runtime.enter();
            UnixListener::from_std(listener).map_err(ListenError::Serve)?
        };
        let stopping = watch::Sender::new(false);
        let hall = Hall { handler: Arc::new(handler), limits, stopping: stopping.subscribe() };
        let thread = thread::Builder::new().name("control socket".to_owned());
        let thread = thread.spawn(move || serve(&runtime, listener, hall)).map_err(ListenError::Serve)?;
        Ok(Socket { place: Some(place), stopping, thread: Some(thread) })
    }

    /// Ends it: takes the socket away, gives the replies that are due a moment to come, and waits for the thread.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.place = None;
        self.stopping.send_replace(true);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the control socket ended with a panic");
        }
    }
}

/// What all conversations share.
pub(super) struct Hall<H> {
    pub(super) handler: Arc<H>,
    pub(super) limits: Limits,
    pub(super) stopping: watch::Receiver<bool>,
}

impl<H> Clone for Hall<H> {
    fn clone(&self) -> Self {
        Hall { handler: self.handler.clone(), limits: self.limits, stopping: self.stopping.clone() }
    }
}

fn serve<H: Handler>(runtime: &Runtime, listener: UnixListener, hall: Hall<H>) {
    runtime.block_on(async {
        let mut conversations = JoinSet::new();
        let mut stopping = hall.stopping.clone();
        tokio::select! {
            // It fails only if the sender has gone, which means the same.
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = accept(&listener, &hall, &mut conversations) => {}
        }
        drop(listener);
        let all_ended = async { while conversations.join_next().await.is_some() {} };
        _ = timeout(FAREWELL, all_ended).await;
    });
}

async fn accept<H: Handler>(listener: &UnixListener, hall: &Hall<H>, conversations: &mut JoinSet<()>) {
    let places = Arc::new(Semaphore::new(hall.limits.connections_max));
    loop {
        // Those that have ended are forgotten, so that the set is bounded as the places are.
        while conversations.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => match places.clone().try_acquire_owned() {
                Ok(place) => {
                    let hall = hall.clone();
                    conversations.spawn(async move {
                        hall.serve(stream).await;
                        drop(place);
                    });
                }
                Err(_) => turn_away(stream, hall.limits.connections_max),
            },
            Err(error) => {
                tracing::error!(%error, "the control socket cannot accept connections");
                sleep(REFUSED_PAUSE).await;
            }
        }
    }
}

/// Says that there is no place, and closes.
fn turn_away(stream: UnixStream, most: usize) {
    let why = format!("{most} clients are asking already, and there is no place for more");
    let line = protocol::write_reply(&Reply::failed(why).help("try again"));
    // An empty socket takes a short line at once; whoever has gone need not be told.
    _ = stream.into_std().and_then(|mut stream| stream.write_all(&line));
}

impl<H: Handler> Hall<H> {
    async fn serve(self, stream: UnixStream) {
        match stream.peer_cred() {
            Ok(peer) => {
                let by = format!("uid {} over the control socket", peer.uid());
                let (input, output) = stream.into_split();
                self.converse(input, output, &by).await;
            }
            Err(error) => tracing::error!(%error, "the control socket cannot tell who asks"),
        }
    }

    /// Replies to the requests that come from `input`, until somebody has had enough.
    pub(super) async fn converse(
        mut self,
        input: impl AsyncRead + Unpin,
        mut output: impl AsyncWrite + Unpin,
        by: &str,
    ) {
        let mut input = BufReader::new(input);
        loop {
            let mut line = Vec::new();
            let received = tokio::select! {
                biased;
                received = timeout(self.limits.request_timeout, read_line(&mut input, &mut line)) => received,
                _ = self.stopping.wait_for(|stopping| *stopping) => return,
            };
            let (reply, goes_on) = match received {
                Ok(Err(_)) => return,
                // The end, or nobody who wants anything.
                _ if line.is_empty() => return,
                Ok(Ok(())) if line.len() <= REQUEST_LEN_MAX => (self.reply(&line, by).await, true),
                Ok(Ok(())) => (Reply::failed(format!("the request is longer than {REQUEST_LEN_MAX} octets")), false),
                Err(_) => (Reply::failed("the request has begun, and its end did not come in time"), false),
            };
            let line = protocol::write_reply(&reply);
            match timeout(self.limits.write_timeout, output.write_all(&line)).await {
                Ok(Ok(())) if goes_on => {}
                _ => return,
            }
        }
    }

    async fn reply(&self, line: &[u8], by: &str) -> Reply {
        let request = match protocol::read_request(line) {
            Ok(request) => request,
            Err(error) => return error.reply(),
        };
        let (caller, coming) = Caller::new(by);
        // A panic drops the caller: that is replied to as any request that was dropped.
        _ = catch_unwind(AssertUnwindSafe(|| self.handler.handle(request, caller)));
        match timeout(self.limits.reply_timeout, coming).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Reply::failed("the server has dropped the request").help("its log may say why"),
            Err(_) => {
                let why = format!("the server did not reply within {} s", self.limits.reply_timeout.as_secs());
                Reply::failed(why).help("it is busy; `watari status` shows what was done")
            }
        }
    }
}

/// Reads a line, or what stands before the end; of a longer one than may be, one octet too many.
async fn read_line(input: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> io::Result<()> {
    input.take(REQUEST_LEN_MAX as u64 + 1).read_until(b'\n', line).await?;
    Ok(())
}
