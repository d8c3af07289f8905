//! What Watari asks of other name servers: the serial that one serves, what data it has, and what a parent says of a
//! delegation.
//!
//! An [`Asker`] asks and waits, on the thread that calls it; it is meant for questions that come once in a while, and
//! the packet path has nothing to do with it. Messages are hickory-proto's; what goes out of here is in our own types.
//!
//! 1. A question has a random id and, being sent from a socket of its own, a random port. What doesn't come from the
//!    server, or bear its id, or repeat its question, is not an answer, and the time goes on (RFC 5452 § 9).
//! 2. A truncated answer is asked for again over TCP (RFC 7766), one that says FORMERR without EDNS (RFC 6891 § 7).
//! 3. Everything ends: a try after [`Asker::timeout`], a server after [`Asker::tries`], and every list has a most.
//! 4. No CNAME is followed: a zone and its servers have none (RFC 2181 § 10).

mod answer;
mod data;
mod delegation;
mod error;
mod exchange;
mod notify;
mod own;
mod parent;
mod referral;
mod resolver;
mod serial;

use std::time::Duration;

pub use data::Datum;
pub use delegation::{Delegation, DelegationError, Glue, Remark};
pub use error::AskError;
pub use notify::{Notify, NotifyError};
pub use own::own_address;
pub use parent::{Parent, ParentError, ParentServer};
pub use referral::{DsSet, NsSet, Referral, Said, Statement};
pub use resolver::{ResolverError, system_resolver};

/// The port of name servers.
pub const DNS_PORT: u16 = 53;

/// Who asks: how patiently, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// How long one try waits for an answer over UDP; and as long again over TCP, if that is needed.
    pub timeout: Duration,
    /// How often a server is asked before it counts as silent.
    pub tries: u32,
    /// The port of servers that were found by their names.
    pub port: u16,
}

impl Default for Asker {
    fn default() -> Self {
        Asker { timeout: Duration::from_secs(2), tries: 3, port: DNS_PORT }
    }
}
