//! The hash of names that NSEC3 denies by (RFC 5155 § 5).

use data_encoding::BASE32HEX_NOPAD;
use sha1::{Digest, Sha1};

/// The length of a hash as a label: base32hex of 160 bits.
pub const LABEL_LEN: usize = 32;

/// How a zone hashes its names: the fields of its NSEC3PARAM record (RFC 5155 § 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nsec3Params<'a> {
    iterations: u16,
    salt: &'a [u8],
}

impl<'a> Nsec3Params<'a> {
    /// Reads the data of an NSEC3PARAM record; `None` if it is malformed, or of an algorithm other
    /// than SHA-1, the only one there is.
    pub fn parse(rdata: &'a [u8]) -> Option<Nsec3Params<'a>> {
        let [1, _, high, low, salt_len, salt @ ..] = rdata else { return None };
        (salt.len() == usize::from(*salt_len))
            .then(|| Nsec3Params { iterations: u16::from_be_bytes([*high, *low]), salt })
    }

    /// The hash of `name` (in lower case, wire form), as the label of an NSEC3 record's owner in
    /// lower case.
    pub fn label(&self, name: &[u8]) -> [u8; LABEL_LEN] {
        let mut digest = Sha1::new().chain_update(name).chain_update(self.salt).finalize();
        for _ in 0..self.iterations {
            digest = Sha1::new().chain_update(digest).chain_update(self.salt).finalize();
        }
        let mut label = [0; LABEL_LEN];
        BASE32HEX_NOPAD.encode_mut(&digest, &mut label);
        label.make_ascii_lowercase();
        label
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::wire::Name;

    #[test]
    fn rfc5155_a_hashes_of_the_example_zone() {
        let params = Nsec3Params::parse(&[1, 0, 0, 12, 4, 0xaa, 0xbb, 0xcc, 0xdd]).unwrap();
        for (name, hash) in [
            ("example", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"),
            ("a.example", "35mthgpgcu1qg68fab165klnsnk3dpvl"),
            ("*.w.example", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"),
        ] {
            assert_eq!(params.label(Name::from_text(name).unwrap().wire()), *hash.as_bytes());
        }
    }

    #[test]
    fn other_algorithms_and_malformed_parameters_are_refused() {
        assert_eq!(Nsec3Params::parse(&[2, 0, 0, 0, 0]), None);
        assert_eq!(Nsec3Params::parse(&[1, 0, 0, 0, 2, 0]), None);
        assert_eq!(Nsec3Params::parse(&[1, 0, 0]), None);
    }
}
