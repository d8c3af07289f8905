//! Writing RRsets as a transfer has them: names in the case in which they were written, whatever the length of the whole.
//!
//! An answer's owner is the question's name, in whatever case that was asked. A secondary is to serve what we serve, so
//! here names keep their octets (RFC 5936 § 3.4): an owner is written out or points to octets that are exactly the same.
//!
//! 1. The first name that is written in a message ends in the apex, in full; all others end in a pointer to that.
//! 2. An owner that was written last is pointed to; that holds for the records of one node, which come together.
//! 3. Of an RRset whose names are not all in lower case the names in RDATA are written in full, since pointers would go
//!    to what is written otherwise.

use super::block::{self, Block, NodeEntry, RECORD_HEADER, TTL_AT};
use super::rrset::{NoRoom, POINTER_REACH, Rrset, pointer};
use super::{Node, Ttl, View};
use crate::wire::{Class, NameRef, Rtype};

/// Which names stand in a message, so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names {
    /// Where the apex is, as it was written.
    pub apex: Option<u16>,
    /// Where the owner of the last record is.
    owner: Option<u16>,
}

impl Names {
    /// The next record has another owner than the last.
    pub fn leave_owner(&mut self) {
        self.owner = None;
    }
}

impl<'a> View<'a> {
    /// How many places there are for nodes, most of which are taken.
    pub fn places(self) -> u32 {
        self.base_places() + self.patch.map_or(0, |patch| patch.table().len() as u32)
    }

    fn base_places(self) -> u32 {
        self.base.table().len() as u32
    }

    /// The node in a place: whoever asks all places has seen each node once.
    pub fn in_place(self, place: u32) -> Option<Node<'a>> {
        match (place.checked_sub(self.base_places()), self.patch) {
            (None, _) => {
                let taken = self.base.table().get(place as usize).is_some_and(|node| !node.is_empty_place());
                if taken { self.linked(place) } else { None }
            }
            (Some(number), Some(patch)) => {
                let entry = patch.table().get(number as usize)?;
                let added = !entry.is_empty_place() && entry.flags & block::ADDED != 0;
                if added { self.of_patch(patch, number) } else { None }
            }
            (Some(_), None) => None,
        }
    }

    /// Reads the beginnings of what belongs to the nodes in these places, so that who writes them soon waits for memory
    /// once and not for each. What it gives means nothing.
    pub fn foresee(self, places: std::ops::Range<u32>) -> u32 {
        let table = self.base.table();
        let end = table.len().min(places.end as usize);
        let nodes = table.get(places.start as usize..end).unwrap_or_default();
        nodes.iter().map(|node| u32::from(self.base.chunk_start(node))).sum()
    }
}

impl<'a> Rrset<'a> {
    /// Writes the records into `message` at `at`; gives the offset of their end.
    ///
    /// # Errors
    /// [`NoRoom`] if they don't all fit; then `message` holds nothing new that counts.
    pub fn write_verbatim(self, message: &mut [u8], at: usize, names: &mut Names) -> Result<usize, NoRoom> {
        let owner = Owner::of(self.block, self.node);
        // What is written in front of a record instead of the two octets of its owner.
        let in_front = owner.len(*names).saturating_sub(2);
        let is_plain = self.entry.fixups == 0 || !owner.is_cased(self.node);
        // The root's apex is shorter than a pointer.
        let is_root = owner.apex.len() < 2;
        if !is_plain || is_root || at + in_front + self.size() > POINTER_REACH {
            let mut after = *names;
            let written = self.write_some_verbatim(0, message, at, &mut after);
            if written.count < self.len() {
                return Err(NoRoom);
            }
            *names = after;
            return Ok(written.end);
        }
        let mut after = *names;
        let owner_at = match names.owner {
            Some(owner_at) => owner_at,
            None => after.wrote(owner, at),
        };
        let records = at + in_front;
        // A message whose apex is not known has it here, at the end of the owner.
        let apex_at = after.apex.unwrap_or(owner_at);
        let end = self.copy(message, records, owner_at, apex_at)?;
        self.point_owners(message, records, owner_at);
        owner.write(message, at, *names);
        *names = after;
        Ok(end)
    }

    /// Writes records from the one with number `first` on, as many as fit.
    pub fn write_some_verbatim(self, first: usize, message: &mut [u8], at: usize, names: &mut Names) -> Written {
        let owner = Owner::of(self.block, self.node);
        let ttl = self.ttl();
        let mut written = Written { count: 0, end: at };
        for rdata in self.rdatas().skip(first) {
            let Ok(end) = owner.record(self.rtype(), ttl, &rdata, message, written.end, names) else { break };
            written = Written { count: written.count + 1, end };
        }
        written
    }
}

/// What was written of an RRset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// How many records.
    pub count: usize,
    /// Where they end in the message.
    pub end: usize,
}

/// The name of an owner, as it was written.
#[derive(Clone, Copy)]
pub struct Owner<'a> {
    /// The labels below the apex.
    labels: &'a [u8],
    apex: &'a [u8],
}

impl<'a> Owner<'a> {
    fn of(block: Block<'a>, node: &'a NodeEntry) -> Owner<'a> {
        Owner { labels: block.name_as_written(node), apex: block.apex_as_written() }
    }

    /// `name` below `apex`; as a name of its own if its end is not written as the apex is.
    pub fn new(name: NameRef<'a>, apex: NameRef<'a>) -> Option<Owner<'a>> {
        let labels = name.wire().strip_suffix(apex.wire())?;
        Some(Owner { labels, apex: apex.wire() })
    }

    /// Whether it, or its apex, is written other than in lower case.
    fn is_cased(self, node: &NodeEntry) -> bool {
        node.flags & block::CASED != 0 || self.apex.iter().any(u8::is_ascii_uppercase)
    }

    /// How many octets it takes.
    fn len(self, names: Names) -> usize {
        match names {
            Names { owner: Some(_), .. } => 2,
            Names { apex: Some(_), .. } => self.labels.len() + 2,
            Names { apex: None, .. } => self.labels.len() + self.apex.len(),
        }
    }

    /// Writes it at `at`, where there is room for it.
    fn write(self, message: &mut [u8], at: usize, names: Names) {
        let end = at + self.labels.len();
        match names {
            Names { owner: Some(owner), .. } => message[at..at + 2].copy_from_slice(&pointer(usize::from(owner))),
            Names { apex, .. } => {
                message[at..end].copy_from_slice(self.labels);
                match apex {
                    Some(apex) => message[end..end + 2].copy_from_slice(&pointer(usize::from(apex))),
                    None => message[end..end + self.apex.len()].copy_from_slice(self.apex),
                }
            }
        }
    }

    /// Writes one record of it into `message` at `at`, its data as it is; gives the offset of its end.
    ///
    /// # Errors
    /// [`NoRoom`]; then `message` holds nothing new.
    pub fn record(
        self,
        rtype: Rtype,
        ttl: Ttl,
        rdata: &[u8],
        message: &mut [u8],
        at: usize,
        names: &mut Names,
    ) -> Result<usize, NoRoom> {
        let length = u16::try_from(rdata.len()).map_err(|_| NoRoom)?;
        let header = at + self.len(*names);
        let start = header + RECORD_HEADER - 2;
        let end = start + rdata.len();
        if end > message.len() {
            return Err(NoRoom);
        }
        self.write(message, at, *names);
        if names.owner.is_none() {
            names.wrote(self, at);
        }
        let fields = &mut message[header..start];
        fields[..2].copy_from_slice(&rtype.0.to_be_bytes());
        fields[2..4].copy_from_slice(&Class::IN.0.to_be_bytes());
        fields[TTL_AT - 2..TTL_AT + 2].copy_from_slice(&ttl.0.to_be_bytes());
        fields[8..].copy_from_slice(&length.to_be_bytes());
        message[start..end].copy_from_slice(rdata);
        Ok(end)
    }
}

impl Names {
    /// Notes that `owner` stands at `at`, not as a pointer; gives that offset, which counts only if it can be pointed to.
    fn wrote(&mut self, owner: Owner<'_>, at: usize) -> u16 {
        let reachable = |at: usize| Some(at as u16).filter(|_| at < POINTER_REACH);
        self.owner = match self.apex {
            // No pointer to a pointer.
            Some(apex) if owner.labels.is_empty() => Some(apex),
            _ => reachable(at),
        };
        self.apex = self.apex.or_else(|| reachable(at + owner.labels.len()));
        self.owner.unwrap_or(at as u16)
    }
}
