//! Message authentication codes: HMAC over one of the hashes of RFC 8945 § 6.

use hmac::{Hmac, KeyInit, Mac as _};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::key::Algorithm;

/// The longest MAC, that of HMAC-SHA512.
const MAC_LEN_MAX: usize = 64;

/// A MAC as it stands in a record, whole or truncated.
///
/// It has no `==`: what is compared with it is compared in constant time, by `Digest::matches`.
#[derive(Clone, Copy, Debug)]
pub struct Mac {
    octets: [u8; MAC_LEN_MAX],
    length: u8,
}

impl Mac {
    /// The MAC that is `octets`; `None` if there are more than any has.
    pub fn new(octets: &[u8]) -> Option<Mac> {
        let mut mac = Mac { octets: [0; MAC_LEN_MAX], length: u8::try_from(octets.len()).ok()? };
        mac.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(mac)
    }

    /// The octets.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// A MAC that is being worked out.
#[derive(Clone)]
pub(super) enum Digest {
    Sha1(Hmac<Sha1>),
    Sha224(Hmac<Sha224>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
    /// Of a secret that the library takes none of. HMAC takes all, so this never is; it matches nothing.
    Refused,
}

/// The same, said of whichever hash it is.
macro_rules! each {
    ($digest:expr, $state:ident => $done:expr, $refused:expr) => {
        match $digest {
            Digest::Sha1($state) => $done,
            Digest::Sha224($state) => $done,
            Digest::Sha256($state) => $done,
            Digest::Sha384($state) => $done,
            Digest::Sha512($state) => $done,
            Digest::Refused => $refused,
        }
    };
}

impl Digest {
    pub(super) fn new(algorithm: Algorithm, secret: &[u8]) -> Digest {
        let state = match algorithm {
            Algorithm::HmacSha1 => Hmac::new_from_slice(secret).map(Digest::Sha1),
            Algorithm::HmacSha224 => Hmac::new_from_slice(secret).map(Digest::Sha224),
            Algorithm::HmacSha256 => Hmac::new_from_slice(secret).map(Digest::Sha256),
            Algorithm::HmacSha384 => Hmac::new_from_slice(secret).map(Digest::Sha384),
            Algorithm::HmacSha512 => Hmac::new_from_slice(secret).map(Digest::Sha512),
        };
        state.unwrap_or(Digest::Refused)
    }

    /// Takes in `octets`.
    pub(super) fn update(&mut self, octets: &[u8]) {
        each!(self, state => state.update(octets), ());
    }

    /// Takes in a MAC that came before, with its length in front (RFC 8945 § 4.3.1).
    pub(super) fn update_with_mac(&mut self, mac: &Mac) {
        self.update(&[0, mac.length]);
        self.update(mac.octets());
    }

    /// The whole MAC.
    pub(super) fn finish(self) -> Option<Mac> {
        each!(self, state => Mac::new(&state.finalize().into_bytes()), None)
    }

    /// Whether `mac` is what this comes to, or its left part; in constant time. An empty one is not.
    pub(super) fn matches(self, mac: &[u8]) -> bool {
        each!(self, state => state.verify_truncated_left(mac).is_ok(), false)
    }
}
