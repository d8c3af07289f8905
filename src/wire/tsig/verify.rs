//! Verifying: a request, or the answers to one of ours, message after message (RFC 8945 § 5.2 and § 5.3.1).

use std::sync::Arc;

use super::Error;
use super::digest::{Digest, Mac};
use super::key::{Algorithm, Key, Keyring};
use super::record::{Malformed, Tsig};
use super::sign::{Signer, seconds};
use crate::clock::Instant;

/// How many messages in a row may stand unsigned within a stream (RFC 8945 § 5.3.1).
pub const UNSIGNED_MAX: usize = 99;

/// What was signed by who knows the secret.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The key that signed it.
    pub key: Arc<Key>,
    /// The MAC, as it came: what answers it is signed over it.
    pub mac: Mac,
}

/// Why a message is not taken, in the order in which that is found out (rule 2).
#[derive(Clone, Debug)]
pub enum Rejection {
    /// It can't be read, or its MAC has a length that no signer gives it.
    FormErr,
    /// Nobody here knows the key, or not with this algorithm.
    BadKey,
    /// The MAC is not that of the message.
    BadSig,
    /// It was signed too long ago, or too far ahead; by the right key.
    BadTime(Verified),
    /// It was signed by the right key, with a MAC that was cut shorter than we accept.
    BadTrunc(Verified),
}

impl Rejection {
    /// What a TSIG record says of it.
    pub fn error(&self) -> Error {
        match self {
            Rejection::FormErr => Error::NONE,
            Rejection::BadKey => Error::BADKEY,
            Rejection::BadSig => Error::BADSIG,
            Rejection::BadTime(_) => Error::BADTIME,
            Rejection::BadTrunc(_) => Error::BADTRUNC,
        }
    }
}

/// Verifies `message`, which answers what was signed with the MAC `prior`, or nothing; `None` if it is not signed.
///
/// # Errors
/// The [`Rejection`].
pub fn verify(
    message: &[u8],
    now: Instant,
    keyring: &Keyring,
    prior: Option<&Mac>,
) -> Result<Option<Verified>, Rejection> {
    match Tsig::last_of(message) {
        Ok(None) => Ok(None),
        Ok(Some(tsig)) => tsig.verify(now, keyring, prior).map(Some),
        Err(Malformed) => Err(Rejection::FormErr),
    }
}

impl Tsig<'_> {
    /// Verifies the message that this record ends, which answers what was signed with the MAC `prior`, or nothing.
    ///
    /// # Errors
    /// The [`Rejection`].
    pub fn verify(&self, now: Instant, keyring: &Keyring, prior: Option<&Mac>) -> Result<Verified, Rejection> {
        let algorithm = Algorithm::from_name(self.algorithm_name());
        let key = keyring.key(self.key_name()).filter(|key| algorithm == Some(key.algorithm()));
        let key = key.ok_or(Rejection::BadKey)?;
        let mut digest = key.digest();
        if let Some(prior) = prior {
            digest.update_with_mac(prior);
        }
        self.digest_message(&mut digest);
        self.variables().digest(&mut digest);
        self.judge(key, digest, now)
    }

    /// Everything after the key was found: `digest` has taken in all that is signed.
    fn judge(&self, key: &Arc<Key>, digest: Digest, now: Instant) -> Result<Verified, Rejection> {
        let algorithm = key.algorithm();
        if !(algorithm.mac_len_min()..=algorithm.mac_len()).contains(&self.mac.len()) {
            return Err(Rejection::FormErr);
        }
        let mac = Mac::new(self.mac).ok_or(Rejection::FormErr)?;
        if !digest.matches(self.mac) {
            return Err(Rejection::BadSig);
        }
        let verified = Verified { key: Arc::clone(key), mac };
        if self.time_signed.abs_diff(seconds(now)) > u64::from(self.fudge) {
            return Err(Rejection::BadTime(verified));
        }
        if self.mac.len() < key.mac_len_min() {
            return Err(Rejection::BadTrunc(verified));
        }
        Ok(verified)
    }
}

/// Follows the answers to a request of ours, message after message, with up to [`UNSIGNED_MAX`] in a row unsigned.
#[derive(Clone)]
pub struct Follower {
    key: Arc<Key>,
    /// Has taken in the MAC before, and what came unsigned since.
    digest: Digest,
    /// Whether a signed message has come (rule 4).
    begun: bool,
    /// How many unsigned ones have come since the last signed one.
    unsigned: usize,
}

/// What a message was that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// Signed: it and all before it are authentic.
    Signed,
    /// Unsigned: nothing is known of it until a signed one comes.
    Unsigned,
}

/// Why a stream of answers is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FollowFault {
    /// A message can't be read.
    #[error("a message or its TSIG record is malformed")]
    Malformed,
    /// The first or the last message is not signed.
    #[error("the {0} message is not signed")]
    NotSigned(&'static str),
    /// Too many in a row are not signed.
    #[error("more than {UNSIGNED_MAX} messages in a row are not signed")]
    TooManyUnsigned,
    /// It is signed with another key than the request.
    #[error("a message is signed with another key than the request")]
    OtherKey,
    /// The MAC is not that of the message.
    #[error("the signature of a message is wrong")]
    BadSig,
    /// The peer's clock and ours are too far apart.
    #[error("a message was signed at a time too far from ours")]
    BadTime,
    /// The MAC was cut shorter than we accept.
    #[error("the signature of a message is shorter than we accept")]
    BadTrunc,
    /// The peer did not take the request.
    #[error("the peer says {error}{}", if *is_signed { "" } else { ", unsigned" })]
    Refused {
        /// What it says.
        error: Error,
        /// Its time in seconds since 1970, if it says that (BADTIME).
        peer_time: Option<u64>,
        /// Whether it has shown that it knows the secret. If not, anyone could have said it.
        is_signed: bool,
    },
}

impl Follower {
    /// Follows the answers to what `signer` has signed last; `None` if it has signed nothing.
    pub fn of(signer: &Signer) -> Option<Follower> {
        let mut digest = signer.key().digest();
        digest.update_with_mac(signer.mac()?);
        Some(Follower { key: Arc::clone(signer.key()), digest, begun: false, unsigned: 0 })
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// [`FollowFault`]; then nothing of the stream counts, and nothing more should be read of it.
    pub fn message(&mut self, message: &[u8], now: Instant) -> Result<Followed, FollowFault> {
        let Some(tsig) = Tsig::last_of(message).map_err(|Malformed| FollowFault::Malformed)? else {
            return self.unsigned(message);
        };
        if *tsig.key_name() != self.key.name().to_owned()
            || Algorithm::from_name(tsig.algorithm_name()) != Some(self.key.algorithm())
        {
            return Err(FollowFault::OtherKey);
        }
        let error = Error(tsig.error);
        // Not BADKEY and BADSIG alone: NSD does not sign BADTIME.
        if error != Error::NONE && tsig.mac.is_empty() {
            return Err(FollowFault::Refused { error, peer_time: tsig.other_time(), is_signed: false });
        }
        let mut digest = self.digest.clone();
        tsig.digest_message(&mut digest);
        if self.begun {
            tsig.variables().digest_timers(&mut digest);
        } else {
            tsig.variables().digest(&mut digest);
        }
        let verified = tsig.judge(&self.key, digest, now).map_err(|rejection| match rejection {
            Rejection::FormErr => FollowFault::Malformed,
            Rejection::BadKey => FollowFault::OtherKey,
            Rejection::BadSig => FollowFault::BadSig,
            Rejection::BadTime(_) => FollowFault::BadTime,
            Rejection::BadTrunc(_) => FollowFault::BadTrunc,
        })?;
        if error != Error::NONE {
            return Err(FollowFault::Refused { error, peer_time: tsig.other_time(), is_signed: true });
        }
        self.digest = self.key.digest();
        self.digest.update_with_mac(&verified.mac);
        (self.begun, self.unsigned) = (true, 0);
        Ok(Followed::Signed)
    }

    fn unsigned(&mut self, message: &[u8]) -> Result<Followed, FollowFault> {
        if !self.begun {
            return Err(FollowFault::NotSigned("first"));
        }
        if self.unsigned == UNSIGNED_MAX {
            return Err(FollowFault::TooManyUnsigned);
        }
        self.unsigned += 1;
        self.digest.update(message);
        Ok(Followed::Unsigned)
    }

    /// Says that the stream has ended.
    ///
    /// # Errors
    /// [`FollowFault::NotSigned`] if its last message was not signed, or none came.
    pub fn finish(self) -> Result<(), FollowFault> {
        match (self.begun, self.unsigned) {
            (false, _) => Err(FollowFault::NotSigned("first")),
            (true, 0) => Ok(()),
            (true, _) => Err(FollowFault::NotSigned("last")),
        }
    }
}
