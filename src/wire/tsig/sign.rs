//! Signing: one message, or one after the other of a stream (RFC 8945 § 5.3).

use std::sync::Arc;

use super::digest::Mac;
use super::key::{Algorithm, Key};
use super::record::{TIME_LEN, Tsig, Variables, time48};
use super::verify::{Rejection, Verified};
use super::{Error, FUDGE};
use crate::clock::Instant;
use crate::wire::NameRef;

/// The message and its TSIG record don't fit into the room that is there, or into a message at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no room for the TSIG record")]
pub struct NoRoom;

/// Signs message after message: a request, or the answers to one.
#[derive(Clone, Debug)]
pub struct Signer {
    key: Arc<Key>,
    /// The MAC of the request, then of the message before; a request has none before it.
    prior: Option<Mac>,
    /// Whether a message of the stream was signed (rule 4).
    begun: bool,
}

impl Signer {
    /// Signs a request.
    pub fn asking(key: Arc<Key>) -> Signer {
        Signer { key, prior: None, begun: false }
    }

    /// Signs the answers to the request that was `verified`.
    pub fn answering(verified: &Verified) -> Signer {
        Signer { key: Arc::clone(&verified.key), prior: Some(verified.mac), begun: false }
    }

    /// The key that it signs with.
    pub fn key(&self) -> &Arc<Key> {
        &self.key
    }

    /// The room to keep for the record, in octets.
    pub fn room(&self) -> usize {
        self.key.tsig_len()
    }

    /// The MAC that was written last: over that of a request its answers are signed.
    pub fn mac(&self) -> Option<&Mac> {
        self.prior.as_ref().filter(|_| self.begun)
    }

    #[cfg(test)]
    pub(super) fn set_mac(&mut self, mac: Mac) {
        (self.prior, self.begun) = (Some(mac), true);
    }

    /// Signs the message of `length` octets in `out`, as of `now`, and gives its length with the record.
    ///
    /// # Errors
    /// [`NoRoom`] if `out` does not hold [`Signer::room`] octets more; then nothing was written.
    pub fn sign(&mut self, out: &mut [u8], length: usize, now: Instant) -> Result<usize, NoRoom> {
        let signed = Signed { time_signed: seconds(now), fudge: FUDGE, error: Error::NONE, other: &[] };
        self.sign_as(&signed, out, length)
    }

    fn sign_as(&mut self, signed: &Signed<'_>, out: &mut [u8], length: usize) -> Result<usize, NoRoom> {
        let key = Arc::clone(&self.key);
        let variables = Variables {
            key_name: key.name(),
            algorithm_name: algorithm_name(key.algorithm()),
            time_signed: signed.time_signed,
            fudge: signed.fudge,
            error: signed.error.0,
            other: signed.other,
        };
        let mut digest = key.digest();
        if let Some(prior) = &self.prior {
            digest.update_with_mac(prior);
        }
        digest.update(out.get(..length).ok_or(NoRoom)?);
        if self.begun {
            variables.digest_timers(&mut digest);
        } else {
            variables.digest(&mut digest);
        }
        let mac = digest.finish().ok_or(NoRoom)?;
        let whole = variables.write(Some(&mac), out, length)?;
        (self.prior, self.begun) = (Some(mac), true);
        Ok(whole)
    }
}

/// What one record says besides the key.
struct Signed<'a> {
    time_signed: u64,
    fudge: u16,
    error: Error,
    other: &'a [u8],
}

impl Tsig<'_> {
    /// Writes, behind the response of `length` octets in `out`, the record that tells the sender of this one why it was
    /// rejected (rule 3); gives the length of the whole. To what is malformed nothing is added.
    ///
    /// # Errors
    /// [`NoRoom`] if `out` does not hold it; then nothing was written.
    pub fn refuse(&self, rejection: &Rejection, out: &mut [u8], length: usize, now: Instant) -> Result<usize, NoRoom> {
        let error = rejection.error();
        match rejection {
            Rejection::FormErr => Ok(length),
            Rejection::BadKey | Rejection::BadSig => {
                let variables = Variables {
                    key_name: self.key_name().as_ref(),
                    algorithm_name: self.algorithm_name(),
                    // The RFC does not say whose time. His own, as with BADTIME, is never out of time for him; so do Knot
                    // and NSD.
                    time_signed: self.time_signed,
                    fudge: self.fudge,
                    error: error.0,
                    other: &[],
                };
                variables.write(None, out, length)
            }
            // His own time, so that our answer is not out of time for him too; ours beside it (RFC 8945 § 5.2.3).
            Rejection::BadTime(verified) => {
                let ours: [u8; TIME_LEN] = time48(seconds(now));
                let signed = Signed { time_signed: self.time_signed, fudge: self.fudge, error, other: &ours };
                Signer::answering(verified).sign_as(&signed, out, length)
            }
            Rejection::BadTrunc(verified) => {
                let signed = Signed { time_signed: seconds(now), fudge: FUDGE, error, other: &[] };
                Signer::answering(verified).sign_as(&signed, out, length)
            }
        }
    }

    /// The room that [`Tsig::refuse`] takes, in octets.
    pub fn refusal_len(&self, rejection: &Rejection) -> usize {
        match rejection {
            Rejection::FormErr => 0,
            Rejection::BadKey | Rejection::BadSig => {
                self.key_name().wire().len() + 10 + self.algorithm_name().wire().len() + 16
            }
            Rejection::BadTime(verified) => verified.key.tsig_len() + TIME_LEN,
            Rejection::BadTrunc(verified) => verified.key.tsig_len(),
        }
    }
}

fn algorithm_name(algorithm: Algorithm) -> NameRef<'static> {
    NameRef::parse(algorithm.wire()).unwrap_or(NameRef::root())
}

/// Seconds since 1970, of which 48 bits are sent; before that there are none.
pub(super) fn seconds(now: Instant) -> u64 {
    u64::try_from(now.unix_seconds()).unwrap_or(0)
}
