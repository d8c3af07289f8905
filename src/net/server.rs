//! The running server: all threads that answer.

use std::io;
use std::sync::Arc;

use super::bind::BoundSockets;
use super::guard::log_panics;
use super::option::raise_file_limit;
use super::service::Service;
use super::udp;

/// What can be chosen about the network besides the addresses.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {}

/// Threads that answer on bound sockets, until they are stopped.
pub struct Server {
    udp: Vec<udp::Worker>,
}

impl Server {
    /// Starts answering what arrives on `bound`, and what has arrived since it was bound.
    ///
    /// # Errors
    /// If the machine has no room for more threads.
    pub fn start<S: Service>(bound: BoundSockets, service: Arc<S>, _config: &Config) -> io::Result<Server> {
        log_panics();
        if let Err(error) = raise_file_limit() {
            tracing::warn!(%error, "cannot raise the limit of open files");
        }
        let mut server = Server { udp: Vec::new() };
        for (at, sockets) in bound.workers.into_iter().enumerate() {
            server.udp.push(udp::Worker::start(format!("udp-{at}"), sockets.udp, Arc::clone(&service))?);
        }
        Ok(server)
    }

    /// Stops answering, and returns when all threads have ended.
    pub fn stop(self) {
        self.udp.iter().for_each(udp::Worker::stop);
        self.udp.into_iter().for_each(udp::Worker::join);
    }
}
