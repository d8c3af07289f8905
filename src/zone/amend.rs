//! What becomes of a zone by a difference: a patch over it where that is small, and all put together anew where not.
//!
//! A small difference of a big zone costs what it touches, and not the zone. It is a patch until it has grown beyond
//! [`PATCHED_MAX`] records or a thousandth of the zone; where a zone is cut, or what denies its names, only a zone anew knows.

use super::delta::{Delta, Mismatch};
use super::{Change, Patch, PatchError, View, Zone};
use crate::wire::{Name, Rtype};

/// A zone of fewer records is always put together anew: it is answered from in the shortest way.
const PATCHED_FROM: usize = 4096;
/// How many records may differ, of a zone of fewer than a million.
const PATCHED_MAX: usize = 1024;

/// What became of a zone.
#[derive(Clone, Debug)]
pub enum Amended {
    /// A patch over the zone as it was, and the owners that it changes.
    Patched(Patch, Vec<Name>),
    /// Another zone.
    Anew(Zone),
}

/// Why nothing became of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmendError {
    /// It is no difference of that zone.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The records make no zone.
    #[error(transparent)]
    Patch(#[from] PatchError),
}

impl Zone {
    /// This zone after `delta`, which says all that differs from it.
    ///
    /// # Errors
    /// [`AmendError`].
    pub fn amended(&self, delta: &Delta) -> Result<Amended, AmendError> {
        let changes = delta.changes(self.view())?;
        let records = self.record_count();
        let is_small = records >= PATCHED_FROM && delta.len() <= PATCHED_MAX.max(records / 1024);
        if is_small && !denies_anew(self.view(), &changes) {
            match Patch::new(self, &changes) {
                Ok(patch) => {
                    let owners = changes.into_iter().map(|change| change.owner).collect();
                    return Ok(Amended::Patched(patch, owners));
                }
                Err(PatchError::Structure { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Amended::Anew(self.rebuilt(&changes)?))
    }
}

/// Whether `changes` change which names have what denies others, or whether the zone is signed: a patch does not know
/// of that.
fn denies_anew(view: View<'_>, changes: &[Change]) -> bool {
    changes.iter().any(|change| {
        let matters = match change.rtype {
            Rtype::NSEC | Rtype::NSEC3 | Rtype::NSEC3PARAM => true,
            Rtype::DNSKEY | Rtype::RRSIG => change.owner.as_ref() == view.apex(),
            _ => false,
        };
        let exists = view.find(change.owner.as_ref()).is_some_and(|node| match change.rtype {
            Rtype::RRSIG => node.rrsets().any(|rrset| rrset.rtype() == Rtype::RRSIG),
            rtype => node.rrset(rtype).is_some(),
        });
        matters && exists == change.rdatas.is_empty()
    })
}
