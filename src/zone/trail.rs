//! The way of a look-up through a zone's memory, one line of it at a time.
//!
//! Zones that are seldom asked for lie in slow memory, and a look-up waits at each step for the
//! address of the next. Taking each step for many look-ups before the next step of any, a worker
//! waits for all of them at once. What is read here is read again, from the cache, by the answer.

use super::Zone;
use super::block::{Block, NodeEntry};
use super::hash::NameHash;

/// The way to one name in one zone.
#[derive(Clone, Copy)]
pub struct Trail<'a> {
    block: Block<'a>,
    hash: NameHash,
    node: Option<&'a NodeEntry>,
}

impl<'a> Trail<'a> {
    /// The way to the name with this hash in `zone`.
    #[inline]
    pub fn new(zone: &'a Zone, hash: NameHash) -> Self {
        Trail { block: zone.block(), hash, node: None }
    }

    /// Reads the zone's header.
    #[inline]
    pub fn read_header(&self) -> u32 {
        self.block.header().table_at
    }

    /// Reads the place where the name's node is, most likely.
    #[inline]
    pub fn read_node(&mut self) -> u32 {
        let node = self.block.first_place(self.hash);
        self.node = Some(node);
        node.tag
    }

    /// Reads the beginning of that node's chunk.
    #[inline]
    pub fn read_chunk(&self) -> u8 {
        self.node.map_or(0, |node| self.block.chunk_start(node))
    }
}
