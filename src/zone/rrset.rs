//! Reading an RRset, and writing it into a message.

use std::ops::Range;

use super::block::{Block, CAPPED, Fixup, NodeEntry, RECORD_HEADER, RrsetEntry, TTL_AT, Target};
use super::{Node, Ttl, View};
use crate::wire::name::{NAME_LEN_MAX, join};
use crate::wire::{Name, NameRef, Rtype};

/// Records of one owner, class and type (RFC 2181 § 5). Of RRSIG: those that cover one type.
#[derive(Clone, Copy)]
pub struct Rrset<'a> {
    pub(super) view: View<'a>,
    pub(super) block: Block<'a>,
    pub(super) node: &'a NodeEntry,
    pub(super) entry: &'a RrsetEntry,
}

/// The records don't fit into what is left of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// A name in RDATA whose addresses belong into the additional section.
#[derive(Clone, Copy)]
pub struct Referred<'a> {
    /// Where the name stands, in octets from the start of the written RRset; `None`: the owner.
    pub at: Option<usize>,
    /// The node at that name.
    pub node: Node<'a>,
}

/// The offset of the question's name in a message, which is where stored owners point.
const QUESTION_AT: u16 = 12;
/// From this offset on nothing can be pointed to.
pub(super) const POINTER_REACH: usize = 0x4000;

impl<'a> Rrset<'a> {
    /// The type.
    pub fn rtype(self) -> Rtype {
        Rtype(self.entry.rtype)
    }

    /// Of RRSIG: the type that it covers.
    pub fn covered(self) -> Option<Rtype> {
        self.entry.covered()
    }

    /// The TTL that is served: not above the view's cap, if it is a capped one.
    pub fn ttl(self) -> Ttl {
        self.view.served_ttl(self.stored_ttl())
    }

    /// Whether it is the patch's, which lies over the zone. No other is a capped one.
    #[inline]
    pub fn is_of_patch(self) -> bool {
        let Block(words) = self.block;
        self.view.patch.is_some_and(|Block(of_patch)| std::ptr::eq(words, of_patch))
    }

    /// The TTL that is served, if the view's cap bounds it: of a zone with a plan, what the plan flips.
    #[inline]
    pub fn capped_ttl(self) -> Option<Ttl> {
        let stored = self.stored_ttl();
        (stored & CAPPED != 0).then(|| self.view.served_ttl(stored))
    }

    /// The TTL as it is stored, perhaps with [`CAPPED`].
    fn stored_ttl(self) -> u32 {
        match self.block.data(self.entry).get(TTL_AT..TTL_AT + 4) {
            Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
            _ => 0,
        }
    }

    /// How many records there are.
    #[allow(clippy::len_without_is_empty)] // An RRset is never empty.
    pub fn len(self) -> usize {
        usize::from(self.entry.count)
    }

    /// What the records take as they are stored, owners as pointers.
    pub(super) fn size(self) -> usize {
        self.entry.len as usize
    }

    /// What the records take at most, names written in full.
    pub(super) fn size_max(self) -> usize {
        self.entry.len as usize + usize::from(self.entry.fixups) * NAME_LEN_MAX
    }

    /// The records' data as it is stored: of types whose data holds no names, as it is.
    pub fn stored_rdatas(self) -> impl Iterator<Item = &'a [u8]> {
        let data = self.block.data(self.entry);
        self.spans().filter_map(move |span| data.get(span))
    }

    /// The records' data, uncompressed, in the order in which they are stored.
    pub fn rdatas(self) -> impl Iterator<Item = Vec<u8>> + use<'a> {
        self.spans().map(move |span| self.expanded(span.start, span.end))
    }

    /// Where each record's data stands.
    fn spans(self) -> impl Iterator<Item = Range<usize>> + use<'a> {
        let data = self.block.data(self.entry);
        let mut at = 0;
        std::iter::from_fn(move || {
            let length = data.get(at + RECORD_HEADER - 2..at + RECORD_HEADER)?;
            let start = at + RECORD_HEADER;
            at = start + usize::from(u16::from_be_bytes([length[0], length[1]]));
            Some(start..at)
        })
    }

    fn expanded(self, start: usize, end: usize) -> Vec<u8> {
        let data = self.block.data(self.entry);
        let mut rdata = Vec::with_capacity(end - start);
        let mut at = start;
        for fixup in self.block.fixups(self.entry) {
            let pointer = usize::from(fixup.at);
            if (start..end).contains(&pointer) {
                rdata.extend_from_slice(&data[at..pointer]);
                self.expand(fixup, &mut rdata);
                at = pointer + 2;
            }
        }
        rdata.extend_from_slice(&data[at..end]);
        if self.rtype() == Rtype::SOA
            && let Some(serial_at) = rdata.len().checked_sub(SOA_TAIL)
        {
            rdata[serial_at..serial_at + 4].copy_from_slice(&self.view.serial().to_be_bytes());
        }
        rdata
    }

    /// Appends the name to which `fixup` points.
    fn expand(self, fixup: Fixup, name: &mut Vec<u8>) {
        match fixup.target {
            Target::Apex(delta) => name.extend_from_slice(&self.block.apex()[usize::from(delta)..]),
            Target::Owner => {
                name.extend_from_slice(self.block.name(self.node));
                name.extend_from_slice(self.block.apex());
            }
            Target::Itself(at) => {
                // Ends: a pointer of the renderer leads to an earlier name.
                let data = self.block.data(self.entry);
                let mut at = usize::from(at);
                while data[at] != 0 && data[at] < 0xc0 {
                    let end = at + 1 + usize::from(data[at]);
                    name.extend_from_slice(&data[at..end]);
                    at = end;
                }
                if data[at] == 0 {
                    name.push(0);
                } else if let Some(next) = self.block.fixups(self.entry).find(|next| usize::from(next.at) == at) {
                    self.expand(next, name);
                }
            }
        }
    }

    /// Writes the records into `message` at `at`; gives the offset of their end. `owner` and `apex`
    /// are the offsets in `message` of the owner's and the apex's name.
    ///
    /// # Errors
    /// [`NoRoom`]; then `message` holds nothing new that counts.
    pub fn write(self, message: &mut [u8], at: usize, owner: u16, apex: u16) -> Result<usize, NoRoom> {
        let end = self.copy(message, at, owner, apex)?;
        if owner != QUESTION_AT {
            self.point_owners(message, at, owner);
        }
        Ok(end)
    }

    /// As [`Rrset::write`], for an owner whose name does not stand in the message yet: it is
    /// written with the first record.
    ///
    /// # Errors
    /// [`NoRoom`]; then `message` holds nothing new that counts.
    pub fn write_with_owner(self, message: &mut [u8], at: usize, apex: u16) -> Result<usize, NoRoom> {
        let labels = self.block.name(self.node);
        // The first record's owner ends in a pointer to the apex, which stands where the record is
        // stored with a pointer to its owner.
        let records = at + labels.len();
        let end = self.copy(message, records, at as u16, apex)?;
        self.point_owners(message, records, at as u16);
        message[at..records].copy_from_slice(labels);
        message[records..records + 2].copy_from_slice(&pointer(usize::from(apex)));
        Ok(end)
    }

    /// Copies the records to `at`, and sets the pointers in their data, and the TTL if it is a capped one.
    pub(super) fn copy(self, message: &mut [u8], at: usize, owner: u16, apex: u16) -> Result<usize, NoRoom> {
        let data = self.block.data(self.entry);
        let end = at + data.len();
        let written = message.get_mut(at..end).ok_or(NoRoom)?;
        if end > POINTER_REACH && self.entry.fixups > 0 {
            return self.copy_expanded(message, at);
        }
        written.copy_from_slice(data);
        for fixup in self.block.fixups(self.entry) {
            let target = match fixup.target {
                Target::Apex(delta) => usize::from(apex) + usize::from(delta),
                Target::Owner => usize::from(owner),
                Target::Itself(delta) => at + usize::from(delta),
            };
            let place = usize::from(fixup.at);
            written[place..place + 2].copy_from_slice(&pointer(target));
        }
        if self.rtype() == Rtype::SOA {
            message[end - SOA_TAIL..end - SOA_TAIL + 4].copy_from_slice(&self.view.serial().to_be_bytes());
        }
        // Only patches cap: a zone without one pays for no more than this question.
        if self.view.patch.is_some() {
            self.bound_ttl(message, at);
        }
        Ok(end)
    }

    /// Lets the owners of the records at `at` point to `owner`.
    pub(super) fn point_owners(self, message: &mut [u8], at: usize, owner: u16) {
        let mut record = at;
        for _ in 0..self.entry.count {
            let Some(header) = message.get_mut(record..record + RECORD_HEADER) else { return };
            header[..2].copy_from_slice(&pointer(usize::from(owner)));
            record += RECORD_HEADER + usize::from(u16::from_be_bytes([header[10], header[11]]));
        }
    }

    /// Gives the records at `at`, which are as they are stored, the TTL that is served.
    fn bound_ttl(self, message: &mut [u8], at: usize) {
        if self.stored_ttl() & CAPPED != 0 {
            self.set_ttl(message, at, self.ttl());
        }
    }

    /// Gives the records at `at` another TTL.
    pub fn set_ttl(self, message: &mut [u8], at: usize, ttl: Ttl) {
        let mut record = at;
        for _ in 0..self.entry.count {
            let Some(header) = message.get_mut(record..record + RECORD_HEADER) else { return };
            header[TTL_AT..TTL_AT + 4].copy_from_slice(&ttl.0.to_be_bytes());
            record += RECORD_HEADER + usize::from(u16::from_be_bytes([header[10], header[11]]));
        }
    }

    /// As [`Rrset::copy`], where pointers can't reach: names in RDATA are written in full.
    fn copy_expanded(self, message: &mut [u8], at: usize) -> Result<usize, NoRoom> {
        let header = self.block.data(self.entry).get(..RECORD_HEADER - 2).ok_or(NoRoom)?;
        let mut end = at;
        for rdata in self.rdatas() {
            let length = u16::try_from(rdata.len()).map_err(|_| NoRoom)?;
            let next = end + RECORD_HEADER + rdata.len();
            let record = message.get_mut(end..next).ok_or(NoRoom)?;
            record[..RECORD_HEADER - 2].copy_from_slice(header);
            record[TTL_AT..TTL_AT + 4].copy_from_slice(&self.ttl().0.to_be_bytes());
            record[RECORD_HEADER - 2..RECORD_HEADER].copy_from_slice(&length.to_be_bytes());
            record[RECORD_HEADER..].copy_from_slice(&rdata);
            end = next;
        }
        Ok(end)
    }

    /// Names in RDATA that are nodes of this zone and whose addresses belong into the additional
    /// section, each node once.
    pub fn referred(self) -> impl Iterator<Item = Referred<'a>> + use<'a> {
        self.block.links(self.entry).filter_map(move |link| {
            let at = (link.at != super::block::Link::OWNER).then_some(usize::from(link.at));
            Some(Referred { at, node: self.view.linked(link.node)? })
        })
    }

    /// Whether [`Rrset::referred`] gives anything.
    pub fn refers(self) -> bool {
        self.entry.links() > 0
    }

    /// The uncompressed data of the first record.
    pub fn first_rdata(self) -> Vec<u8> {
        self.rdatas().next().unwrap_or_default()
    }

    /// The owner.
    pub fn owner(self) -> Name {
        name_of(self.block, self.node)
    }
}

/// The octets of SOA's five integers, the serial first.
pub(super) const SOA_TAIL: usize = 20;

pub(super) fn pointer(offset: usize) -> [u8; 2] {
    (0xc000 | (offset & 0x3fff) as u16).to_be_bytes()
}

/// The absolute name of a node, as it was written.
pub(super) fn name_of(block: Block<'_>, node: &NodeEntry) -> Name {
    let apex = NameRef::parse(block.apex_as_written()).unwrap_or(NameRef::root());
    join(block.name_as_written(node), apex).unwrap_or(apex.to_owned())
}
