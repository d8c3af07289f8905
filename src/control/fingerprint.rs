//! Whether a file, or what it says, is still what it was.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// A number that changes when any of what went into it changes. Good against accidents, not
/// against somebody who wants two contents with one number: who can write zone files needs none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

const ODD: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93];

impl Fingerprint {
    /// As the journal keeps it.
    pub fn number(self) -> u64 {
        self.0
    }

    /// This fingerprint with one more number in it.
    #[must_use]
    pub fn with(self, number: u64) -> Self {
        let product = u128::from(self.0 ^ number ^ ODD[0]) * u128::from(number.rotate_left(32) ^ ODD[1]);
        Fingerprint((product as u64) ^ ((product >> 64) as u64) ^ self.0.rotate_left(17))
    }

    /// This fingerprint with what is known of a file: its inode, size and times.
    #[must_use]
    pub fn with_file(self, file: &Metadata) -> Self {
        self.with(file.ino()).with(file.size()).with(instant(file.mtime(), file.mtime_nsec())).with(changed_at(file))
    }

    /// This fingerprint with another one in it.
    #[must_use]
    pub fn with_content(self, other: Fingerprint) -> Self {
        self.with(other.0)
    }

    /// This fingerprint with a whole content.
    #[must_use]
    pub fn with_bytes(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut all = self.with(bytes.len() as u64);
        for word in words {
            all = all.with(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        all.with(u64::from_le_bytes(last))
    }
}

fn changed_at(file: &Metadata) -> u64 {
    instant(file.ctime(), file.ctime_nsec())
}

fn instant(seconds: i64, nanoseconds: i64) -> u64 {
    (seconds as u64).wrapping_mul(1_000_000_000).wrapping_add(nanoseconds as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_counts() {
        let text = b"example.com. 3600 IN SOA ns.example.com. host.example.com. 1 2 3 4 5\n".to_vec();
        let whole = Fingerprint::default().with_bytes(&text);
        for at in 0..text.len() {
            let mut other = text.clone();
            other[at] ^= 1;
            assert_ne!(Fingerprint::default().with_bytes(&other), whole, "octet {at}");
        }
        assert_ne!(Fingerprint::default().with_bytes(&text[..text.len() - 1]), whole);
        assert_ne!(Fingerprint::default().with_bytes(b"\0"), Fingerprint::default().with_bytes(b""));
    }

    #[test]
    fn the_order_of_files_counts() {
        let one = Fingerprint::default().with_bytes(b"a").with_bytes(b"b");
        assert_ne!(one, Fingerprint::default().with_bytes(b"b").with_bytes(b"a"));
        assert_ne!(one, Fingerprint::default().with_bytes(b"ab"));
    }
}
