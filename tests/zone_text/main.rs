//! The presentation format, from outside: its properties, beside other implementations, and what
//! `docs/zone-format.md` claims of them.
#![allow(clippy::unwrap_used)]

mod format;
mod peers;
mod properties;
mod types;

/// A zone with every type of the field table, each record on one line with its owner.
const ALL_TYPES: &str = include_str!("all-types.zone");
