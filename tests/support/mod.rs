//! What the black-box tests share: peers (Debian's NSD, Knot DNS and BIND) and our own program on
//! free ports of the loopback, a client, a reader of messages that knows nothing of `src/`, zones.
//!
//! Nothing here runs as a service, nothing uses a fixed port; every process is ended by its id
//! when its handle is dropped, and everything it wrote is in a directory that goes with it.

// Each test program compiles this module for itself and uses a part of it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod command;
pub(crate) mod drawn;
pub(crate) mod golden;
pub(crate) mod message;
pub(crate) mod node;
pub(crate) mod peer;
pub(crate) mod ports;
pub(crate) mod program;
pub(crate) mod query;
pub(crate) mod secondary;
pub(crate) mod signing;
pub(crate) mod watari;
pub(crate) mod zones;
