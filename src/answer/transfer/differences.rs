//! What differs between the edition that a client has and the one that is served (RFC 1995 § 4).
//!
//! One difference sequence, from the one straight to the other: the new SOA record; the old one and the records that go; the
//! new one and the records that come; the new one. It costs what differs, and not what the zone holds.

use super::Room;
use super::held::Held;
use super::page::Page;
use crate::wire::Rtype;
use crate::zone::delta::{Delta, Record};

/// How many records there are beside those that go and those that come: SOA records.
const SOAS: usize = 4;

/// The records to send, and how far it has come.
#[derive(Debug)]
pub(super) struct Differences {
    /// The SOA record of what the client has, and its serial.
    before: Record,
    serial: u32,
    removed: Vec<Record>,
    added: Vec<Record>,
    /// How many were sent, SOA records among them.
    sent: usize,
}

impl Differences {
    /// What `delta` says that differs from what the client has; `None` if it does not say which serial that is.
    pub(super) fn new(delta: Delta) -> Option<Differences> {
        let Delta { mut removed, mut added } = delta;
        let at = removed.iter().position(|record| record.rtype == Rtype::SOA)?;
        let before = removed.remove(at);
        // Where it stands is another matter.
        added.retain(|record| record.rtype != Rtype::SOA);
        Some(Differences { serial: before.serial()?, before, removed, added, sent: 0 })
    }

    /// The serial that the client has.
    pub(super) fn serial(&self) -> u32 {
        self.serial
    }

    /// How many records are sent in all.
    pub(super) fn len(&self) -> usize {
        SOAS + self.removed.len() + self.added.len()
    }

    pub(super) fn is_done(&self) -> bool {
        self.sent == self.len()
    }

    /// Writes what `page` has room for.
    pub(super) fn fill(&mut self, held: &Held, page: &mut Page<'_>) {
        while !self.is_done() && self.write_next(held, page).is_ok() {
            self.sent += 1;
        }
    }

    fn write_next(&self, held: &Held, page: &mut Page<'_>) -> Room {
        let added_at = self.removed.len() + 3;
        let (records, number) = match self.sent {
            0 => return page.soa(held.view()),
            1 => (std::slice::from_ref(&self.before), 0),
            sent if sent < added_at - 1 => (&*self.removed, sent - 2),
            sent if sent == added_at - 1 => return page.soa(held.view()),
            sent => (&*self.added, sent - added_at),
        };
        // After the last that comes: the end.
        let Some(Record { owner, rtype, ttl, rdata }) = records.get(number) else { return page.soa(held.view()) };
        let before = number.checked_sub(1).and_then(|before| records.get(before));
        if before.is_none_or(|before| before.owner.wire() != owner.wire()) {
            page.leave_owner();
        }
        page.record(held.view().apex(), owner, *rtype, *ttl, rdata)
    }
}
