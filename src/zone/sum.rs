//! What the records of a zone add up to: whether two zones have the same ones, told without having both.
//!
//! Each record is hashed and the hashes are added, so that the order means nothing, and what goes and comes can be taken
//! off and put on without looking at the rest. Names count in any case, as in a [`Delta`].
//!
//! Good against accidents. Who can write zones and works to make two with one sum deceives only their own secondaries.

use sha2::{Digest, Sha256};

use super::build::canonical_rdata;
use super::delta::Delta;
use super::{Ttl, View};
use crate::wire::{NameRef, Rtype};

/// A sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(pub u128);

impl Sum {
    /// That of all records of `view`, the SOA record with the serial that is served.
    pub fn of(view: View<'_>) -> Sum {
        let mut sum = 0u128;
        for node in view.nodes() {
            let owner = node.name();
            for rrset in node.rrsets() {
                for rdata in rrset.rdatas() {
                    sum = sum.wrapping_add(hash(owner.as_ref(), rrset.rtype(), rrset.ttl(), &rdata));
                }
            }
        }
        Sum(sum)
    }

    /// That of a zone which had this one, after `delta`.
    #[must_use]
    pub fn after(self, delta: &Delta) -> Sum {
        let Delta { removed, added } = delta;
        let hash = |record: &super::delta::Record| hash(record.owner.as_ref(), record.rtype, record.ttl, &record.rdata);
        let gone = removed.iter().map(hash).fold(self.0, u128::wrapping_sub);
        Sum(added.iter().map(hash).fold(gone, u128::wrapping_add))
    }
}

fn hash(owner: NameRef<'_>, rtype: Rtype, Ttl(ttl): Ttl, rdata: &[u8]) -> u128 {
    let mut hasher = Sha256::new();
    hasher.update(owner.to_lowercase().wire());
    hasher.update(rtype.0.to_be_bytes());
    hasher.update(ttl.to_be_bytes());
    hasher.update(canonical_rdata(rtype, rdata));
    let digest = hasher.finalize();
    digest.iter().take(16).fold(0, |sum, &octet| sum << 8 | u128::from(octet))
}
