//! Transfers of zones to secondaries (RFC 5936, RFC 1995): an iterator of messages that owns its zone.
//!
//! 1. A transfer holds the edition that was served when it began, to its end: what is published meanwhile, or what
//!    flips, doesn't touch it. So no secondary ever has two editions mixed.
//! 2. It gives one message at a time, into memory of the caller's. A caller that signs messages hands over less than it
//!    has and appends to what it gets.
//! 3. Names keep their case (RFC 5936 § 3.4). Messages have 16 KiB, as far as a pointer reaches; only an RRset that
//!    doesn't fit into one is sent record by record, in longer ones.
//! 4. The question stands in the first message (RFC 5936 § 2.2.1), OPT in all, if the request had it.
//! 5. IXFR gets the differences from the client's edition straight to the one that is served ("condensed", RFC 1995
//!    § 5), if the client's serial is that of an earlier edition of the same timeline; else the whole zone.
//! 6. A serial names one content. An edition in countdown is therefore transferred with the last TTL that it comes to:
//!    the serial stays while TTLs shrink, so that a secondary would keep what it once was given, and any TTL above the floor
//!    would let caches keep old data for longer than was promised.

mod access;
mod differences;
mod held;
mod open;
mod page;
mod whole;

use std::fmt;

use super::request::Request;
use crate::wire::{NameRef, Rcode};
use crate::zone::NoRoom;

pub use access::Access;
use differences::Differences;
pub(super) use held::Held;
pub(super) use open::{Opened, open};
use page::Head;
use whole::Whole;

/// A transfer under way.
#[derive(Debug)]
pub struct Transfer {
    held: Held,
    head: Head,
    body: Body,
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
    fn new(held: Held, request: &Request, received: &[u8], body: Body) -> Transfer {
        Transfer { held, head: Head::new(request, received), body }
    }

    /// Writes the next message into `out` and gives its length; `None` after the last. With all 65,535 octets every
    /// record fits that could.
    ///
    /// # Errors
    /// [`RecordTooLong`]: the transfer can't go on, and what was sent of it is no zone.
    pub fn next_message(&mut self, out: &mut [u8]) -> Result<Option<usize>, RecordTooLong> {
        if self.is_done() {
            return Ok(None);
        }
        let view = self.held.view();
        let mut page = self.head.begin(out, view.apex()).ok_or(RecordTooLong)?;
        match &mut self.body {
            Body::Whole(whole) => whole.fill(view, &mut page),
            Body::Differences(differences) => differences.fill(&self.held, &mut page),
        }
        if page.is_empty() {
            return Err(RecordTooLong);
        }
        let len = page.finish(&self.head, Rcode::NOERROR);
        self.head.set_begun(true);
        Ok(Some(len))
    }

    /// Whether the last message was written.
    pub fn is_done(&self) -> bool {
        match &self.body {
            Body::Whole(whole) => whole.is_done(),
            Body::Differences(differences) => differences.is_done(),
        }
    }

    /// Writes a message that says that there will be no transfer, for now, in place of the first; gives its length.
    pub fn refuse(&mut self, out: &mut [u8]) -> usize {
        self.head.set_begun(false);
        let page = self.head.begin(out, self.apex());
        page.map_or(0, |page| page.finish(&self.head, Rcode::SERVFAIL))
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
