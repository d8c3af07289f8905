//! Connections (RFC 7766): a thread a worker, each with listening sockets of its own and a runtime that never moves a
//! connection to another thread.
//!
//! They share nothing with the UDP workers but the processors. What connections may cost is bounded: their number
//! ([`clients`]), the time in which each has to get on with it, and what is kept of each ([`conversation`]).

mod clients;
mod conversation;
mod later;
mod ongoing;
mod tls;
mod workplace;

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use clients::{Clients, Place};
use conversation::{Conversation, FAREWELL};
use workplace::Workplace;

pub use tls::{Credentials, CredentialsError, Tls};

use super::guard::Occasionally;
use super::service::Service;

/// How often an idle thread lets go of what was replaced.
const REFRESH_PERIOD: Duration = Duration::from_secs(1);

/// How long accepting pauses if the kernel refuses.
const REFUSED_PAUSE: Duration = Duration::from_millis(20);

/// What connections may cost.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How many may be open; beyond, a new one costs the idlest its place.
    pub connections_max: usize,
    /// How many one client, an IPv4 address or an IPv6 /56, may have open; beyond, its new ones are refused.
    pub connections_per_client_max: usize,
    /// How long one may be idle. Told to clients that ask (RFC 7828), and shortened when more than half of
    /// `connections_max` are open.
    pub idle_timeout: Duration,
    /// In which time a request that has begun must have come.
    pub message_timeout: Duration,
    /// In which time the client must have taken an answer.
    pub write_timeout: Duration,
    /// How many zones may be in transfer at one time, those apart that are sent at one go.
    pub transfers_max: usize,
    /// How many of these to one client.
    pub transfers_per_client_max: usize,
}

impl Default for Limits {
    /// RFC 7766 § 6.2.3 suggests an idle timeout "of the order of a few seconds"; the rest has no source.
    fn default() -> Self {
        Limits {
            connections_max: 4096,
            connections_per_client_max: 256,
            idle_timeout: Duration::from_secs(10),
            message_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(10),
            transfers_max: 1024,
            transfers_per_client_max: 512,
        }
    }
}

/// The threads that serve connections.
pub(super) struct Threads {
    clients: Arc<Clients>,
    stopping: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Threads {
    pub(super) fn new(limits: Limits) -> Self {
        Threads { clients: Arc::new(Clients::new(limits)), stopping: watch::Sender::new(false), threads: Vec::new() }
    }

    /// Starts a thread that serves what connects to `listeners`, over TLS where that is said.
    pub(super) fn start<S: Service>(
        &mut self,
        name: String,
        listeners: Vec<(StdListener, Option<Arc<Tls>>)>,
        service: Arc<S>,
    ) -> io::Result<()> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listeners = {
            let _entered = runtime.enter();
            let asynchronous = |(listener, tls)| Ok((TcpListener::from_std(listener)?, tls));
            listeners.into_iter().map(asynchronous).collect::<io::Result<Vec<_>>>()?
        };
        let clients = Arc::clone(&self.clients);
        let stopping = self.stopping.subscribe();
        let work = move || work(&runtime, listeners, service, clients, stopping);
        self.threads.push(thread::Builder::new().name(name).spawn(work)?);
        Ok(())
    }

    /// Tells all threads to end.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until all threads have ended.
    pub(super) fn join(&mut self) {
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a TCP thread ended with a panic");
            }
        }
    }
}

fn work<S: Service>(
    runtime: &Runtime,
    listeners: Vec<(TcpListener, Option<Arc<Tls>>)>,
    service: Arc<S>,
    clients: Arc<Clients>,
    mut stopping: watch::Receiver<bool>,
) {
    let workplace = Rc::new(RefCell::new(Workplace::new(service)));
    LocalSet::new().block_on(runtime, async {
        // Every conversation holds a sender: when all are gone, so are the conversations.
        let (open, mut all_closed) = mpsc::channel::<()>(1);
        let accepting: Vec<_> = listeners
            .into_iter()
            .map(|listener| {
                let shared = (Rc::clone(&workplace), Arc::clone(&clients));
                spawn_local(accept(listener, shared, open.clone()))
            })
            .collect();
        drop(open);
        let refreshing = spawn_local(refresh(Rc::clone(&workplace)));
        // It fails only if the sender has gone, which means the same.
        let _ = stopping.wait_for(|stopping| *stopping).await;
        refreshing.abort();
        accepting.iter().for_each(tokio::task::JoinHandle::abort);
        clients.close_all();
        // Those that have answers to write bound themselves; this is for what is slow to end.
        let _ = timeout(FAREWELL * 2, all_closed.recv()).await;
    });
}

async fn refresh<S: Service>(workplace: Rc<RefCell<Workplace<S>>>) {
    let mut period = interval(REFRESH_PERIOD);
    loop {
        period.tick().await;
        workplace.borrow_mut().refresh();
    }
}

async fn accept<S: Service>(
    (listener, tls): (TcpListener, Option<Arc<Tls>>),
    (workplace, clients): (Rc<RefCell<Workplace<S>>>, Arc<Clients>),
    open: mpsc::Sender<()>,
) {
    static REFUSALS: Occasionally = Occasionally::new();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match clients.admit(peer.ip()) {
                Some(place) => {
                    let (workplace, open) = (Rc::clone(&workplace), open.clone());
                    match &tls {
                        None => spawn_local(serve(stream, peer, place, workplace, open)),
                        Some(tls) => spawn_local(serve_encrypted(stream, tls.acceptor(), peer, place, workplace, open)),
                    };
                }
                None => reset(&stream),
            },
            // It went away before we came to it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // No room for another open file, most likely: one that is idle can be closed.
            Err(error) => {
                REFUSALS.run(|unlogged| tracing::error!(%error, unlogged, "cannot accept connections"));
                clients.close_idlest();
                sleep(REFUSED_PAUSE).await;
            }
        }
    }
}

async fn serve<S: Service>(
    mut stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    workplace: Rc<RefCell<Workplace<S>>>,
    _open: mpsc::Sender<()>,
) {
    let end = Conversation::new(&mut stream, peer, place, false, &workplace).run().await;
    if end.is_abrupt() {
        reset(&stream);
    } else {
        // If the peer has gone there is nobody to tell.
        let _ = stream.shutdown().await;
    }
}

/// As [`serve`], when TLS has begun: that is a part of the first request, and has as long.
async fn serve_encrypted<S: Service>(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    peer: SocketAddr,
    mut place: Place,
    workplace: Rc<RefCell<Workplace<S>>>,
    _open: mpsc::Sender<()>,
) {
    let patience = place.clients().limits().message_timeout;
    let begun = tokio::select! {
        begun = timeout(patience, acceptor.accept_with(stream, Tls::bound)) => begun,
        // What the notice says is the same: it has to go.
        _ = &mut place.notice => return,
    };
    let mut stream = match begun {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!("{peer}: TLS does not begin: {error}"),
        Err(_) => return tracing::debug!("{peer}: TLS has not begun within {patience:?}"),
    };
    let end = Conversation::new(&mut stream, peer, place, true, &workplace).run().await;
    if end.is_abrupt() {
        reset(stream.get_ref().0);
    } else {
        // That it ends is said too, which a peer that reads nothing may keep waiting.
        let _ = timeout(FAREWELL, stream.shutdown()).await;
    }
}

/// Has the connection reset when it is dropped, so that the kernel keeps nothing of it.
fn reset(stream: &TcpStream) {
    // At worst it ends in an orderly way.
    let _ = stream.set_zero_linger();
}
