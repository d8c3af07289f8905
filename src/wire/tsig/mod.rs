//! TSIG: messages authenticated with a secret that two parties share (RFC 8945).
//!
//! ```text
//!   request ──► Tsig::last_of ──► Tsig::verify ──► Verified ──► Signer ──► response, response, …
//!                                      │
//!                                      └─► Rejection ──► Tsig::refuse ──► a response that says why
//!
//!   Signer::asking ──► request … response, response, … ──► Follower
//! ```
//!
//! The rules, by which the code names them:
//!
//! 1. A TSIG record stands once, and last (§ 5.1). One that can't be read, or whose MAC has a length that no
//!    signer may give it (§ 5.2.2.1), is FORMERR without a TSIG.
//! 2. Then is checked, in this order: the key, the MAC, the time, the local policy on truncation (§ 5.2).
//! 3. Who has shown that he knows the secret gets a signed answer, also if his clock or his truncation is at
//!    fault; nobody else does (§ 5.3.2).
//! 4. The first message of a stream is signed over the MAC of the request, each later one over the MAC before it,
//!    what stands between them, and the timers only (§ 5.3.1).
//!
//! NOTE: the largest time signed is not remembered for each key (a SHOULD of § 5.2.3). Datagrams overtake each other,
//! and one key is used from several hosts; what may not be replayed has a serial or a prerequisite of its own.
//!
//! Nothing here reads a clock or draws a secret: both are arguments.

mod digest;
mod key;
mod record;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

pub use key::{Algorithm, Key, KeyFault, Keyring, Secret};
pub use record::{Malformed, Tsig};
pub use sign::{NoRoom, Signer};
pub use verify::{FollowFault, Followed, Follower, Rejection, UNSIGNED_MAX, Verified, verify};

pub use digest::Mac;

use super::code::Rcode;

/// How far the clocks of two parties may be apart in what we sign, in seconds (RFC 8945 § 10).
pub const FUDGE: u16 = 300;

/// What the error field of a TSIG record says (RFC 8945 § 3): the extended part of the RCODEs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(pub u16);

#[allow(missing_docs)]
impl Error {
    pub const NONE: Error = Error(0);
    pub const BADSIG: Error = Error(16);
    pub const BADKEY: Error = Error(17);
    pub const BADTIME: Error = Error(18);
    pub const BADTRUNC: Error = Error(22);

    /// The RCODE that goes with it in the header.
    pub const fn rcode(self) -> Rcode {
        match self {
            Error::NONE => Rcode::NOERROR,
            _ => Rcode::NOTAUTH,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Error::NONE => f.write_str("no error"),
            Error::BADSIG => f.write_str("BADSIG"),
            Error::BADKEY => f.write_str("BADKEY"),
            Error::BADTIME => f.write_str("BADTIME"),
            Error::BADTRUNC => f.write_str("BADTRUNC"),
            Error(code) => write!(f, "error {code}"),
        }
    }
}
