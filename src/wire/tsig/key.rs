//! Keys: a name, an algorithm and a secret that two parties share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::digest::Digest;
use crate::wire::{Name, NameRef};

/// The most octets of a secret; more than a block of the hash add nothing (RFC 2104 § 3).
const SECRET_LEN_MAX: usize = 512;

/// How a message is authenticated (RFC 8945 § 6). HMAC-MD5 and GSS-TSIG are not spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Algorithm {
    HmacSha1,
    HmacSha224,
    HmacSha256,
    HmacSha384,
    HmacSha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 5] = [
        Algorithm::HmacSha1,
        Algorithm::HmacSha224,
        Algorithm::HmacSha256,
        Algorithm::HmacSha384,
        Algorithm::HmacSha512,
    ];

    /// The name, as people and configurations write it: `hmac-sha256`.
    pub const fn text(self) -> &'static str {
        match self {
            Algorithm::HmacSha1 => "hmac-sha1",
            Algorithm::HmacSha224 => "hmac-sha224",
            Algorithm::HmacSha256 => "hmac-sha256",
            Algorithm::HmacSha384 => "hmac-sha384",
            Algorithm::HmacSha512 => "hmac-sha512",
        }
    }

    /// The name on the wire.
    pub(super) const fn wire(self) -> &'static [u8] {
        match self {
            Algorithm::HmacSha1 => b"\x09hmac-sha1\0",
            Algorithm::HmacSha224 => b"\x0bhmac-sha224\0",
            Algorithm::HmacSha256 => b"\x0bhmac-sha256\0",
            Algorithm::HmacSha384 => b"\x0bhmac-sha384\0",
            Algorithm::HmacSha512 => b"\x0bhmac-sha512\0",
        }
    }

    /// The length of a whole MAC, in octets.
    pub const fn mac_len(self) -> usize {
        match self {
            Algorithm::HmacSha1 => 20,
            Algorithm::HmacSha224 => 28,
            Algorithm::HmacSha256 => 32,
            Algorithm::HmacSha384 => 48,
            Algorithm::HmacSha512 => 64,
        }
    }

    /// The shortest MAC that anyone may send, in octets: half of it, and 10 (RFC 8945 § 5.2.2.1).
    pub const fn mac_len_min(self) -> usize {
        let half = self.mac_len() / 2;
        if half > 10 { half } else { 10 }
    }

    /// Reads a name, in any case; the dot that some write at its end may stand there.
    pub fn from_text(text: &str) -> Option<Algorithm> {
        let text = text.strip_suffix('.').unwrap_or(text);
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.text().eq_ignore_ascii_case(text))
    }

    pub(super) fn from_name(name: NameRef<'_>) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.wire().eq_ignore_ascii_case(name.wire()))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// The octets that two parties share. They are wiped when they are dropped, and never shown by accident.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Octets, or a name, that make no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Not base64.
    #[error("the secret is not base64")]
    NotBase64,
    /// No octets: everybody knows them.
    #[error("the secret is empty")]
    Empty,
    /// More octets than a key has.
    #[error("the secret has more than {SECRET_LEN_MAX} octets")]
    TooLong,
}

impl Secret {
    /// The secret that is `octets`.
    ///
    /// # Errors
    /// [`KeyFault`] if there are none, or too many.
    pub fn new(octets: Zeroizing<Vec<u8>>) -> Result<Secret, KeyFault> {
        match octets.len() {
            0 => Err(KeyFault::Empty),
            1..=SECRET_LEN_MAX => Ok(Secret(octets)),
            _ => Err(KeyFault::TooLong),
        }
    }

    /// Reads the secret in base64, as keys are written everywhere; blanks around it don't matter.
    ///
    /// # Errors
    /// [`KeyFault`].
    pub fn from_base64(text: &str) -> Result<Secret, KeyFault> {
        let octets = data_encoding::BASE64.decode(text.trim().as_bytes()).map_err(|_| KeyFault::NotBase64)?;
        Secret::new(Zeroizing::new(octets))
    }

    /// The secret in base64: for who is to know it.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(data_encoding::BASE64.encode(&self.0))
    }

    /// How many octets it has.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Secret {
    /// Asked when a configuration is read again. Not how a MAC is compared.
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// In lower case: so it is signed (RFC 8945 § 4.3.3).
    name: Name,
    algorithm: Algorithm,
    secret: Secret,
    mac_len_min: usize,
}

impl Key {
    /// The key `name`. MACs may be truncated as far as the RFC lets anyone.
    pub fn new(name: NameRef<'_>, algorithm: Algorithm, secret: Secret) -> Key {
        Key { name: name.to_lowercase(), algorithm, secret, mac_len_min: algorithm.mac_len_min() }
    }

    /// The same, under the policy that a MAC has at least `octets` (RFC 8945 § 5.2.4).
    #[must_use]
    pub fn with_mac_len_min(mut self, octets: usize) -> Key {
        self.mac_len_min = octets.clamp(self.algorithm.mac_len_min(), self.algorithm.mac_len());
        self
    }

    /// Its name.
    pub fn name(&self) -> NameRef<'_> {
        self.name.as_ref()
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The shortest MAC that is accepted, in octets.
    pub fn mac_len_min(&self) -> usize {
        self.mac_len_min
    }

    /// The room that a record signed with this key takes, in octets; one that says BADTIME takes 6 more.
    pub fn tsig_len(&self) -> usize {
        self.name.wire().len() + 10 + self.algorithm.wire().len() + 16 + self.algorithm.mac_len()
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::new(self.algorithm, self.secret.octets())
    }
}

/// The keys that are known, by their names. A copy is cheap: all share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyring(Arc<BTreeMap<Name, Arc<Key>>>);

impl Keyring {
    /// The key called `name`.
    pub fn key(&self, name: &Name) -> Option<&Arc<Key>> {
        self.0.get(name)
    }

    /// All keys, in the order of their names.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.0.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Key> for Keyring {
    /// Of two keys with one name the later one counts.
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        Keyring(Arc::new(keys.into_iter().map(|key| (key.name.clone(), Arc::new(key))).collect()))
    }
}
