//! Catalog zones (RFC 9432): zones that list which zones a secondary is to have. Not to be taken for the table
//! [`Catalog`](crate::answer::Catalog) from which answers are given.
//!
//! ```text
//!  a catalog zone comes ─► its members (zone::members) ─► consumers: what has changed ─► the owner ─► fetched, as any zone
//!                                                            └─► the database: who is a member of what
//!  zones of ours come and go ─► producers: which list what ─► made and kept (fetcher) ─► served, and transferred
//! ```

pub mod consumers;
pub mod producers;
pub mod told;

pub use consumers::{Consumers, Decision, Enrolled, Noted, Refused};
pub use producers::{Draw, Drawn, Producers};
