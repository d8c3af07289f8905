//! Catalog zones (RFC 9432), beside Knot and BIND in either role, over restarts, and of ten thousand zones.
//!
//! NSD 4.6, which Debian has, knows nothing of them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod consumed;
mod faults;
mod looking;
mod peers;
mod produced;
mod properties;
mod scale;
