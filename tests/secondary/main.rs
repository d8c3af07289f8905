//! Zones that are fetched: from BIND, Knot and NSD, and from primaries that do what they should not.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod big;
mod changes;
mod faults;
mod malformed;
mod ours;
mod primary;
mod promote;
mod promote_killed;
mod restarts;
mod scripted;
mod terminator;
mod xot;
