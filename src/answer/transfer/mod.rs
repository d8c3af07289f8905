//! Transfers of zones to secondaries (RFC 5936, RFC 1995): an iterator of messages that owns its zone.
//!
//! 1. A transfer holds the edition that was served when it began, to its end: what is published meanwhile, or what
//!    flips, doesn't touch it. So no secondary ever has two editions mixed.
//! 2. It gives one message at a time, into memory of the caller's. To who asked with TSIG each of them is signed
//!    (RFC 8945 § 5.3.1), as of when it was written.
//! 3. Names keep their case (RFC 5936 § 3.4). Messages have 16 KiB, as far as a pointer reaches; only an RRset that
//!    doesn't fit into one is sent record by record, in longer ones.
//! 4. The question stands in the first message (RFC 5936 § 2.2.1), OPT in all, if the request had it.
//! 5. IXFR gets the differences from the client's edition straight to the one that is served ("condensed", RFC 1995
//!    § 5), if that is remembered in the chain beside the zone, or the client's serial is that of an earlier edition of the
//!    same timeline, and if it is less than the whole; else the whole zone. Before that begins, who remembers more than the
//!    chain may say so ([`Transfer::missing`]).
//! 6. A serial names one content. An edition in countdown is therefore transferred with the TTL of its rung, whatever is left:
//!    a secondary keeps what it once was given for as long as the serial stays.

mod chain;
mod differences;
mod held;
mod open;
mod page;
mod whole;

use std::fmt;

use super::noted::Kind;
use super::request::Request;
use crate::clock::Instant;
use crate::timeline::Serial;
use crate::wire::tsig::Signer;
use crate::wire::{NameRef, Rcode, Rtype};
use crate::zone::NoRoom;
use crate::zone::delta::Delta;
use crate::zone::sum::Sum;

pub use chain::{Chain, condense};
use differences::Differences;
pub(super) use held::Held;
use open::{Missing, put_together_max};
pub(super) use open::{Opened, open};
use page::Head;
use whole::Whole;

/// A transfer under way.
#[derive(Debug)]
pub struct Transfer {
    held: Held,
    head: Head,
    body: Body,
    missing: Option<Missing>,
    /// Of a request with TSIG.
    signing: Option<Signing>,
}

/// What signs the messages, each over the one before.
#[derive(Debug)]
struct Signing {
    /// As it was at the beginning: what comes in place of the first message is signed over the request too.
    first: Signer,
    next: Signer,
}

/// What is sent.
#[derive(Debug)]
enum Body {
    /// Each record.
    Whole(Whole),
    /// What differs from what the client has.
    Differences(Differences),
}

/// A record is too long for any message. RDATA may have as many octets as a message (RFC 1035 § 3.2.1), which then
/// has no room for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record is too long for a message")]
pub struct RecordTooLong;

impl Transfer {
    fn new(held: Held, request: &Request, received: &[u8], body: Body, missing: Option<Missing>) -> Transfer {
        Transfer { held, head: Head::new(request, received), body, missing, signing: None }
    }

    /// The serial from which differences would be sent, were they in memory; and how many octets of changes are worth
    /// putting together.
    pub fn missing(&self) -> Option<(Serial, usize)> {
        self.missing.as_ref().map(|missing| (missing.serial, put_together_max(&self.held)))
    }

    /// Of a transfer that was not begun: from that serial to the edition with the serial `end`, whose records add up to
    /// `sum`, `delta` went and came.
    pub fn remember(&mut self, delta: Delta, end: (Serial, Sum)) {
        let body = self.missing.take().and_then(|missing| missing.found(delta, end, &self.held));
        self.body = body.unwrap_or_else(|| Body::Whole(Whole::default()));
    }

    /// Signs all messages with `signer`.
    pub(super) fn sign_with(&mut self, signer: Signer) {
        self.signing = Some(Signing { first: signer.clone(), next: signer });
    }

    /// What kind of an answer it is.
    pub(super) fn kind(&self) -> Kind {
        self.head.kind(Rcode::NOERROR)
    }

    /// What kind of an answer it is that there is none.
    pub(super) fn refused_kind(&self) -> Kind {
        self.head.kind(Rcode::SERVFAIL)
    }

    /// The part of `out` that a message may fill before it is signed.
    fn unsigned<'o>(&self, out: &'o mut [u8]) -> Option<&'o mut [u8]> {
        let kept = self.signing.as_ref().map_or(0, |signing| signing.next.room());
        let len = out.len().min(usize::from(u16::MAX)).checked_sub(kept)?;
        out.get_mut(..len)
    }

    /// Writes the next message, as of `now`, into `out` and gives its length; `None` after the last. With all 65,535 octets every
    /// record fits that could.
    ///
    /// # Errors
    /// [`RecordTooLong`]: the transfer can't go on, and what was sent of it is no zone.
    pub fn next_message(&mut self, now: Instant, out: &mut [u8]) -> Result<Option<usize>, RecordTooLong> {
        if self.is_done() {
            return Ok(None);
        }
        let view = self.held.view();
        let room = self.unsigned(out).ok_or(RecordTooLong)?;
        let mut page = self.head.begin(room, view.apex()).ok_or(RecordTooLong)?;
        match &mut self.body {
            Body::Whole(whole) => whole.fill(view, &mut page),
            Body::Differences(differences) => differences.fill(&self.held, &mut page),
        }
        if page.is_empty() {
            return Err(RecordTooLong);
        }
        let len = page.finish(&self.head, Rcode::NOERROR);
        self.head.set_begun(true);
        self.signed(now, out, len).map(Some)
    }

    /// Whether the last message was written.
    pub fn is_done(&self) -> bool {
        match &self.body {
            Body::Whole(whole) => whole.is_done(),
            Body::Differences(differences) => differences.is_done(),
        }
    }

    /// Signs the message of `len` octets in `out`, if it is to be; gives the length of the whole.
    fn signed(&mut self, now: Instant, out: &mut [u8], len: usize) -> Result<usize, RecordTooLong> {
        match &mut self.signing {
            // The room was kept.
            Some(signing) => signing.next.sign(out, len, now).map_err(|_| RecordTooLong),
            None => Ok(len),
        }
    }

    /// Writes a message, as of `now`, that says that there will be no transfer, for now, in place of the first; gives its
    /// length.
    pub fn refuse(&mut self, now: Instant, out: &mut [u8]) -> usize {
        self.head.set_begun(false);
        if let Some(signing) = &mut self.signing {
            signing.next = signing.first.clone();
        }
        let page = self.unsigned(out).and_then(|room| self.head.begin(room, self.apex()));
        let len = page.map_or(0, |page| page.finish(&self.head, Rcode::SERVFAIL));
        if len == 0 { 0 } else { self.signed(now, out, len).unwrap_or(0) }
    }

    /// The name of the key that it is signed with.
    pub fn key(&self) -> Option<NameRef<'_>> {
        self.signing.as_ref().map(|signing| signing.first.key().name())
    }

    /// Whether it was asked for by IXFR; else it was by AXFR.
    pub fn is_incremental(&self) -> bool {
        self.head.qtype() == Rtype::IXFR
    }

    /// Whether each record is sent, and not only what differs from the client's edition.
    pub fn is_whole(&self) -> bool {
        matches!(self.body, Body::Whole(_))
    }

    /// The apex of the zone.
    pub fn apex(&self) -> NameRef<'_> {
        self.held.view().apex()
    }

    /// The serial that is transferred.
    pub fn serial(&self) -> u32 {
        self.held.view().serial()
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.body {
            Body::Whole(_) => write!(f, "{} as a whole, serial {}", self.apex(), self.serial()),
            Body::Differences(differences) => {
                write!(f, "{} from serial {} to {}", self.apex(), differences.serial(), self.serial())
            }
        }
    }
}

/// Whether a page takes more.
type Room = Result<(), NoRoom>;
