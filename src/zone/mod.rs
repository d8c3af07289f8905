//! Zones: the records of one apex at one serial, immutable, and reading them.
//!
//! A [`Zone`] is one block of memory (see `block`). A [`Patch`] is a small block that replaces
//! some owners of a zone; a [`View`] is a zone with at most one patch over it and the serial that
//! is served. Everything that reads a zone reads a view.
//!
//! RFC 1034 § 4.2 and 4.3, RFC 2181, RFC 4592, RFC 6672.

mod amend;
mod block;
mod build;
pub mod check;
pub mod delta;
pub mod diff;
mod hash;
pub mod intake;
mod lookup;
pub mod members;
mod order;
mod patch;
mod render;
mod rrset;
pub mod sum;
#[cfg(test)]
mod tests;
pub mod text;
mod trail;
pub mod update;
mod verbatim;
mod view;

use std::fmt;
use std::sync::Arc;

pub use amend::{AmendError, Amended};
pub use block::{BlockTooLarge, RECORD_HEADER as RECORD_HEADER_LEN};
pub use build::{AddError, BuildError, Remark, ZoneBuilder};
pub use hash::{NameHash, Suffixes};
pub use lookup::Lookup;
pub use patch::{Change, Patch, PatchError};
pub use rrset::{NoRoom, Referred, Rrset};
pub use trail::Trail;
pub use verbatim::{Names, Owner, Written};
pub use view::{Node, View};

use crate::wire::{Class, NameRef};
use block::Block;

/// A time to live: how long a cache may keep what it was given, in seconds (RFC 2181 § 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttl(pub u32);

impl Ttl {
    /// The longest TTL there is (RFC 2181 § 8).
    pub const MAX: Ttl = Ttl(0x7fff_ffff);
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The records of one apex at one serial. Immutable; a clone shares the memory.
#[derive(Clone)]
pub struct Zone {
    words: Arc<[u32]>,
}

impl Zone {
    pub(in crate::zone) fn block(&self) -> Block<'_> {
        Block(&self.words)
    }

    /// The zone as its file says, without a patch.
    pub fn view(&self) -> View<'_> {
        View::new(self, None, self.serial())
    }

    /// The apex, as it was written.
    pub fn apex(&self) -> NameRef<'_> {
        self.view().apex()
    }

    /// The apex in lower case, in wire form.
    pub fn apex_lower(&self) -> &[u8] {
        self.block().apex()
    }

    /// The class: IN.
    pub fn class(&self) -> Class {
        Class::IN
    }

    /// The serial of the SOA record.
    pub fn serial(&self) -> u32 {
        self.block().header().serial
    }

    /// How long a cache may keep that something does not exist: the smaller of the SOA record's
    /// TTL and its MINIMUM field (RFC 2308 § 3 and § 5).
    pub fn negative_ttl(&self) -> Ttl {
        Ttl(self.block().header().negative_ttl)
    }

    /// Whether the zone comes signed: it has DNSKEY and RRSIG records at the apex.
    pub fn is_signed(&self) -> bool {
        self.block().header().flags & block::SIGNED != 0
    }

    /// How many names there are, empty non-terminals included.
    pub fn node_count(&self) -> usize {
        self.block().header().node_count as usize
    }

    /// How many records there are.
    pub fn record_count(&self) -> usize {
        self.block().header().record_count as usize
    }

    /// Whether this and `other` are one and the same zone, not only alike.
    pub fn is(&self, other: &Zone) -> bool {
        Arc::ptr_eq(&self.words, &other.words)
    }

    /// How many octets the zone occupies.
    pub fn size(&self) -> usize {
        size_of_val(&*self.words)
    }

    /// All names, in no order.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        self.view().nodes()
    }

    /// All names, in canonical order (RFC 4034 § 6.1).
    pub fn nodes_in_order(&self) -> impl Iterator<Item = Node<'_>> {
        self.view().nodes_in_order()
    }

    /// The node at `name`.
    pub fn find(&self, name: NameRef<'_>) -> Option<Node<'_>> {
        self.view().find(name)
    }

    /// The zone that results when `changes` are made, all memory its own.
    ///
    /// # Errors
    /// [`PatchError`] as [`Patch::new`], except for changes of structure, which are made here.
    /// A zone of its own has no capped TTLs: [`Change::capped`] counts for nothing.
    pub fn rebuilt(&self, changes: &[Change]) -> Result<Zone, PatchError> {
        patch::rebuild(self, changes)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({} {})", self.apex(), self.serial())
    }
}
