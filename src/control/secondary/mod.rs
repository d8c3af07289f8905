//! Zones that are fetched from others: when, from whom, and what we have of them.
//!
//! ```text
//!  NOTIFY ──┐                                     ┌─► SOA, IXFR, AXFR ─► built and checked ─► kept ─┐
//!           ├─► schedule (whose turn is it) ─► fetcher                                              ├─► the owner
//!  timers ──┘                                     └─► nothing newer, or why it did not come ────────┘
//! ```

mod copy;
mod fetcher;
mod schedule;
#[cfg(test)]
mod tests;
pub mod told;

use std::net::SocketAddr;
use std::sync::Arc;

use super::config::secondary::Secondary;
use super::history::Since;
use crate::clock::Instant;
use crate::timeline::Serial;
use crate::wire::Name;

pub use crate::answer::Feed;
pub use copy::{Copy, Unfit};
pub use fetcher::Fetcher;
pub use schedule::{Came, Due, FETCHES_MAX, Fed, Fetching, Secondaries};

/// What is kept of a zone.
#[derive(Debug)]
pub struct Kept {
    /// The zone.
    pub copy: Copy,
    /// When its primary was last heard of.
    pub refreshed_at: Instant,
    /// Who that was, for people.
    pub source: String,
}

/// A zone that is to be asked for.
#[derive(Debug)]
pub struct Fetch {
    /// The zone.
    pub apex: Name,
    /// Which fetch it is.
    pub number: u64,
    /// From whom.
    pub from: Arc<Secondary>,
    /// What we have of it.
    pub copy: Option<Arc<Copy>>,
    /// Whether somebody said that it has changed: then the serial need not be asked for first.
    pub is_notified: bool,
    /// Which primary is asked first.
    pub first: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Fetched {
    /// The zone.
    pub apex: Name,
    /// Which fetch it was.
    pub number: u64,
    /// What came; or why nothing did, from nobody, in one sentence.
    pub result: Result<Success, String>,
    /// What a person should know besides.
    pub remarks: Vec<Remark>,
}

/// A primary was heard of.
#[derive(Debug)]
pub struct Success {
    /// Who.
    pub from: SocketAddr,
    /// When.
    pub at: Instant,
    /// What it has, if that is news.
    pub copy: Option<Arc<Copy>>,
    /// What differs from the zone before without its patch, if it was put together anew.
    pub since: Option<Since>,
    /// Whether it came whole; else differences did, or nothing.
    pub is_whole: bool,
    /// How it came, for people.
    pub how: String,
    /// The serial that it replaces, if there was one.
    pub before: Option<Serial>,
}

/// What a person should know of a fetch.
#[derive(Debug)]
pub struct Remark {
    /// What, in one sentence.
    pub text: String,
    /// What is wrong with the zone that came, if that is it.
    pub faults: Vec<crate::diag::Diagnostic>,
}
