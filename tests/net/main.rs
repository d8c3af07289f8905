//! The network by itself: sockets of this machine, and a service that obeys its requests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod obey;
#[path = "../support/ports.rs"]
mod ports;
mod tcp;
mod udp;
