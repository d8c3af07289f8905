//! The hash of a name and of all its suffixes, in one pass from right to left.
//!
//! The hash of a name extends the hash of its parent, so that one walk over a question's labels
//! gives the keys for every look-up an answer may need: the apex, the owner, each encloser, each
//! wildcard. The key is random for each process, so that nobody can choose names that collide.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

use crate::wire::name::{LABEL_LEN_MAX, LABELS_MAX, NAME_LEN_MAX};
use crate::wire::{NameError, NameRef};

/// Spreads a label's length over the state.
const LENGTH_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
/// Octets that are handled at once.
const WORDS: usize = 16;

/// The hash of a name in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameHash(pub u64);

struct Key {
    root: u64,
    multiplier: u64,
}

fn key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| {
        let random = || RandomState::new().build_hasher().finish();
        Key { root: random(), multiplier: random() | 1 }
    })
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Extends `parent` by a label in lower case.
fn extend(key: &Key, parent: u64, label: &[u8]) -> u64 {
    let mut state = parent ^ (label.len() as u64).wrapping_mul(LENGTH_FACTOR);
    let mut chunks = label.chunks_exact(8);
    for chunk in &mut chunks {
        state = fold(state ^ word(chunk), key.multiplier);
    }
    let rest = chunks.remainder();
    if rest.is_empty() { state } else { fold(state ^ word(rest), key.multiplier) }
}

/// Up to eight octets as a word, absent ones as zero.
fn word(octets: &[u8]) -> u64 {
    let high = |rest: &[u8]| rest.iter().rev().fold(0, |word, &octet| word << 8 | u64::from(octet));
    match *octets {
        [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        [a, b, c, d, ref rest @ ..] => high(rest) << 32 | u64::from(u32::from_le_bytes([a, b, c, d])),
        _ => high(octets),
    }
}

impl NameHash {
    /// The hash of the root.
    pub fn root() -> NameHash {
        NameHash(key().root)
    }

    /// The hash of the child `label` (in lower case) of the name with this hash.
    #[must_use]
    pub fn child(self, label: &[u8]) -> NameHash {
        NameHash(extend(key(), self.0, label))
    }

    /// The hash of `name`, which must be in lower case.
    pub fn of(name: NameRef<'_>) -> NameHash {
        let mut suffixes = Suffixes::new();
        match suffixes.set(name.wire()) {
            Ok(_) => suffixes.hash(0),
            Err(_) => NameHash::root(),
        }
    }
}

/// A name in lower case with the hash of each of its suffixes. Made to be reused: setting it
/// allocates nothing.
pub struct Suffixes {
    /// With room behind the longest name, so that whole words can be read and written.
    lower: [u8; NAME_LEN_MAX + 1 + WORDS],
    /// Where label `i` begins in `lower`; the last is the root's.
    starts: [u8; LABELS_MAX + 1],
    hashes: [u64; LABELS_MAX + 1],
    labels: usize,
    len: usize,
}

impl Default for Suffixes {
    fn default() -> Self {
        Suffixes::new()
    }
}

impl Suffixes {
    /// The root.
    pub fn new() -> Suffixes {
        Suffixes {
            lower: [0; NAME_LEN_MAX + 1 + WORDS],
            starts: [0; LABELS_MAX + 1],
            hashes: [key().root; LABELS_MAX + 1],
            labels: 0,
            len: 1,
        }
    }

    /// Takes the uncompressed name at the start of `bytes`; gives its length in octets.
    ///
    /// # Errors
    /// [`NameError`] if there is none; the value is then of no use until it is set again.
    pub fn set(&mut self, bytes: &[u8]) -> Result<usize, NameError> {
        let mut at = 0;
        let mut labels = 0;
        loop {
            let len = usize::from(*bytes.get(at).ok_or(NameError::Truncated)?);
            if len > LABEL_LEN_MAX {
                return Err(NameError::Compressed);
            }
            // `at` is at most 254 here, and so `labels` at most 127.
            self.starts[labels] = at as u8;
            at += 1 + len;
            if at > NAME_LEN_MAX {
                return Err(NameError::NameTooLong);
            }
            if len == 0 {
                break;
            }
            labels += 1;
        }
        self.lower[..at].copy_from_slice(bytes.get(..at).ok_or(NameError::Truncated)?);
        // Length octets are at most 63, and so no letters. In whole vectors: what stands behind the
        // name is nobody's.
        self.lower[..at.next_multiple_of(WORDS)].make_ascii_lowercase();
        self.labels = labels;
        self.len = at;
        let key = key();
        let mut hash = key.root;
        self.hashes[labels] = hash;
        for label in (0..labels).rev() {
            hash = self.extended(key, hash, usize::from(self.starts[label]));
            self.hashes[label] = hash;
        }
        Ok(self.len)
    }

    /// As [`extend`], by the label that begins at `start`.
    fn extended(&self, key: &Key, parent: u64, start: usize) -> u64 {
        let mut left = usize::from(self.lower[start]);
        let mut at = start + 1;
        let mut state = parent ^ (left as u64).wrapping_mul(LENGTH_FACTOR);
        while left > 0 {
            let Some(&octets) = self.lower.get(at..).and_then(|rest| rest.first_chunk()) else { return state };
            let kept = left.min(8);
            state = fold(state ^ u64::from_le_bytes(octets) & u64::MAX >> (64 - 8 * kept), key.multiplier);
            left -= kept;
            at += kept;
        }
        state
    }

    /// How many labels there are, the root not counted.
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// The hash of the suffix without the `skipped` leftmost labels.
    pub fn hash(&self, skipped: usize) -> NameHash {
        NameHash(self.hashes[skipped.min(self.labels)])
    }

    /// Where the suffix without the `skipped` leftmost labels begins, in octets.
    pub fn offset(&self, skipped: usize) -> usize {
        usize::from(self.starts[skipped.min(self.labels)])
    }

    /// The octets, in lower case, of the suffix without the `skipped` leftmost labels.
    pub fn suffix(&self, skipped: usize) -> &[u8] {
        self.lower.get(self.offset(skipped)..self.len).unwrap_or_default()
    }

    /// The octets, in lower case, of the labels from the `skipped`-th up to the `end`-th.
    pub fn between(&self, skipped: usize, end: usize) -> &[u8] {
        self.lower.get(self.offset(skipped)..self.offset(end)).unwrap_or_default()
    }

    /// The whole name in lower case.
    pub fn wire(&self) -> &[u8] {
        self.suffix(0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::wire::Name;

    #[test]
    fn a_suffix_hashes_as_the_name_it_is() {
        let mut suffixes = Suffixes::new();
        let name = Name::from_text("A-Label-of-Many-Octets.wWw.Example.COM").unwrap();
        assert_eq!(suffixes.set(name.wire()), Ok(name.wire().len()));
        let texts = ["a-label-of-many-octets.www.example.com", "www.example.com", "example.com", "com", "."];
        for (skipped, text) in texts.iter().enumerate() {
            let suffix = Name::from_text(text).unwrap();
            assert_eq!(suffixes.hash(skipped), NameHash::of(suffix.as_ref()));
            assert_eq!(suffixes.suffix(skipped), suffix.wire());
        }
        assert_eq!(suffixes.between(1, 2), b"\x03www");
        assert_eq!(suffixes.hash(1), suffixes.hash(2).child(b"www"));
    }

    #[test]
    fn words_hold_every_octet() {
        assert_eq!(word(b"abcdefgh"), u64::from_le_bytes(*b"abcdefgh"));
        assert_eq!(word(b"abcdef"), u64::from_le_bytes(*b"abcdef\0\0"));
        assert_eq!(word(b"abc"), u64::from_le_bytes(*b"abc\0\0\0\0\0"));
    }

    #[test]
    fn overlong_names_are_refused() {
        let mut suffixes = Suffixes::new();
        assert!(suffixes.set(&b"\x01a".repeat(128)).is_err());
        let mut longest = b"\x01a".repeat(127);
        longest.push(0);
        assert_eq!(suffixes.set(&longest), Ok(255));
        assert_eq!(suffixes.labels(), 127);
        assert_eq!(suffixes.set(b"\xc0\x0c"), Err(NameError::Compressed));
    }
}
