//! The network by itself: sockets of this machine, and a service that obeys its requests.
#![allow(clippy::unwrap_used)]

mod obey;
mod tcp;
mod udp;
