//! A whole zone (RFC 5936 § 2.2): the SOA record, all others in no order, the SOA record again.

use super::Room;
use super::page::Page;
use crate::wire::Rtype;
use crate::zone::{NoRoom, Node, View};

/// How many nodes are looked ahead over at once.
const AHEAD: u32 = 64;

/// How far it has come.
#[derive(Debug, Default)]
pub(super) struct Whole {
    stage: Stage,
    /// The place of the next node.
    place: u32,
    /// Of the node's RRsets, which is next.
    rrset: usize,
    /// Of its records, which is next, if it is too long for a message.
    record: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Opening,
    Records,
    Closed,
}

impl Whole {
    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Closed
    }

    /// Writes what `page` has room for.
    pub(super) fn fill(&mut self, view: View<'_>, page: &mut Page<'_>) {
        // What has no room comes with the next page.
        let _ = self.write(view, page);
    }

    fn write(&mut self, view: View<'_>, page: &mut Page<'_>) -> Room {
        if self.stage == Stage::Opening {
            page.soa(view)?;
            self.stage = Stage::Records;
        }
        if self.stage == Stage::Records {
            let places = view.places();
            // Where the page before ended, the rest was looked over already.
            let mut seen = self.place.next_multiple_of(AHEAD);
            while self.place < places {
                if self.place >= seen {
                    std::hint::black_box(view.foresee(seen..seen + AHEAD));
                    seen += AHEAD;
                }
                if let Some(node) = view.in_place(self.place) {
                    page.leave_owner();
                    self.node(node, page)?;
                }
                self.place += 1;
            }
            page.soa(view)?;
            self.stage = Stage::Closed;
        }
        Ok(())
    }

    /// Writes what is left of `node`.
    fn node(&mut self, node: Node<'_>, page: &mut Page<'_>) -> Room {
        for rrset in node.rrsets().skip(self.rrset) {
            if node.is_apex() && rrset.rtype() == Rtype::SOA {
                self.rrset += 1;
                continue;
            }
            if self.record > 0 || page.rrset(rrset).is_err() {
                if !page.is_empty() {
                    return Err(NoRoom);
                }
                // Too long for a message: it goes record by record, into messages of any length.
                self.record += page.some(rrset, self.record);
                if self.record < rrset.len() {
                    return Err(NoRoom);
                }
                self.record = 0;
            }
            self.rrset += 1;
        }
        self.rrset = 0;
        Ok(())
    }
}
