//! The running server: all threads that answer.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::bind::BoundSockets;
use super::guard::log_panics;
use super::option::raise_file_limit;
use super::service::Service;
use super::{tcp, udp};

/// How often [`Service::tidy`] is called.
const TIDY_PERIOD: Duration = Duration::from_secs(1);

/// What can be chosen about the network besides the addresses.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Whether datagrams in a row to or from one peer may cross the kernel's border as one (UDP GSO and GRO), where
    /// such rows are frequent and the kernel can.
    pub udp_offload: bool,
    /// What connections may cost.
    pub tcp: tcp::Limits,
}

impl Default for Config {
    fn default() -> Self {
        Config { udp_offload: true, tcp: tcp::Limits::default() }
    }
}

/// Threads that answer on bound sockets. They end when this is dropped, or told to [stop](Server::stop).
pub struct Server {
    udp: Vec<udp::Worker>,
    tcp: tcp::Threads,
    tidying: Option<Tidying>,
}

/// The thread that tidies up; it ends when the sender goes.
struct Tidying {
    until: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Starts answering what arrives on `bound`, and what has arrived since it was bound.
    ///
    /// # Errors
    /// If the machine has no room for more threads.
    pub fn start<S: Service>(bound: BoundSockets, service: Arc<S>, config: &Config) -> io::Result<Server> {
        log_panics();
        if let Err(error) = raise_file_limit() {
            tracing::warn!(%error, "cannot raise the limit of open files");
        }
        let mut server = Server { udp: Vec::new(), tcp: tcp::Threads::new(config.tcp.clone()), tidying: None };
        let tls = bound.tls;
        for (at, sockets) in bound.workers.into_iter().enumerate() {
            let service_of_worker = Arc::clone(&service);
            let worker = udp::Worker::start(format!("udp-{at}"), sockets.udp, service_of_worker, config.udp_offload)?;
            server.udp.push(worker);
            let plain = sockets.tcp.into_iter().map(|listener| (listener, None));
            let encrypted = sockets.tls.into_iter().map(|listener| (listener, tls.clone()));
            let listeners = plain.chain(encrypted).collect();
            server.tcp.start(format!("tcp-{at}"), listeners, Arc::clone(&service))?;
        }
        server.tidying = Some(Tidying::start(service)?);
        Ok(server)
    }

    /// Stops answering, and returns when all threads have ended: at once, unless a peer is slow to take an answer; then
    /// within two seconds.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.udp.iter().for_each(udp::Worker::stop);
        self.tcp.stop();
        self.udp.drain(..).for_each(udp::Worker::join);
        self.tcp.join();
        if let Some(tidying) = self.tidying.take() {
            tidying.stop();
        }
    }
}

impl Tidying {
    fn start<S: Service>(service: Arc<S>) -> io::Result<Self> {
        let (until, stopped) = mpsc::channel::<()>();
        let tidy = move || {
            while stopped.recv_timeout(TIDY_PERIOD) == Err(RecvTimeoutError::Timeout) {
                service.tidy();
            }
        };
        let thread = thread::Builder::new().name("tidy".to_owned()).spawn(tidy)?;
        Ok(Tidying { until, thread })
    }

    fn stop(self) {
        drop(self.until);
        if self.thread.join().is_err() {
            tracing::error!("the thread that tidies up ended with a panic");
        }
    }
}
