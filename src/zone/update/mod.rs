//! Dynamic update (RFC 2136): what a message asks for, whether it may, and what it makes of a zone.
//!
//! 1. [`Update::parse`] reads the message; what it is about is not looked at.
//! 2. A [`Draft`] is a zone in the making: updates are tried on it one after the other, each whole or not at all, in the
//!    RFC's order: prerequisites (§ 3.2), then for each change its form (§ 3.4.1) and whether it may be made (§ 3.3), then
//!    the changes (§ 3.4.2).
//! 3. A [`Policy`] says who may change what.
//! 4. An [`Overlay`] keeps what updates have made of a zone whose file a person edits, and puts it over each edition of
//!    that file.

mod draft;
mod execute;
mod message;
mod overlay;
mod policy;
mod prerequisite;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::build::canonical_rdata;
use super::{Rrset, Ttl};
use crate::wire::Rtype;

pub use draft::{Changed, Draft, Refusal};
pub use message::{Malformed, Update};
pub use overlay::{Key, Layer, Merged, Overlay, SetAside};
pub use policy::{Action, Identity, Names, Policy, Reach, Requestor, Rule, Selection, Types, Zones};

/// The records of an RRset. Those are the same whose data differ in the case of names alone.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Their TTL.
    pub ttl: Ttl,
    /// Their data, uncompressed, by its canonical form.
    pub rdatas: Rdatas,
}

impl PartialEq for Contents {
    fn eq(&self, other: &Contents) -> bool {
        self.ttl == other.ttl && self.rdatas.keys().eq(other.rdatas.keys())
    }
}

impl Eq for Contents {}

/// The data of records, uncompressed, by its canonical form (RFC 4034 § 6.2).
pub type Rdatas = BTreeMap<Vec<u8>, Box<[u8]>>;

impl Contents {
    fn of(rrset: Rrset<'_>) -> Contents {
        let rdatas = rrset.rdatas().map(|rdata| (canonical_rdata(rrset.rtype(), &rdata), rdata.into())).collect();
        Contents { ttl: rrset.ttl(), rdatas }
    }
}

/// Whether records of `rtype` are what a signer makes, or what says that there is one: those are not for updates, since
/// nothing would sign the zone anew after them.
pub fn is_of_dnssec(rtype: Rtype) -> bool {
    matches!(rtype, Rtype::DNSKEY | Rtype::RRSIG | Rtype::NSEC | Rtype::NSEC3 | Rtype::NSEC3PARAM)
}

/// Whether a record of `rtype` takes the place of the one that is there (RFC 2136 § 3.4.2.2, and DNAME, which came later).
fn is_single(rtype: Rtype) -> bool {
    matches!(rtype, Rtype::CNAME | Rtype::DNAME | Rtype::SOA)
}
