//! The canonical order of names below one apex (RFC 4034 § 6.1), over labels in lower case.

use std::cmp::Ordering;

use crate::wire::name::LABELS_MAX;

/// Compares two strings of labels (lower case, no root label) in canonical order.
pub(super) fn cmp(left: &[u8], right: &[u8]) -> Ordering {
    let mut left = Backwards::new(left);
    let mut right = Backwards::new(right);
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) => return a.cmp(b),
        }
    }
}

/// Labels from right to left.
struct Backwards<'a> {
    labels: &'a [u8],
    starts: [u8; LABELS_MAX + 1],
    left: usize,
}

impl<'a> Backwards<'a> {
    fn new(labels: &'a [u8]) -> Self {
        let mut starts = [0; LABELS_MAX + 1];
        let mut left = 0;
        let mut at = 0;
        while at < labels.len() && left < starts.len() {
            starts[left] = at as u8;
            left += 1;
            at += 1 + usize::from(labels[at]);
        }
        Backwards { labels, starts, left }
    }
}

impl<'a> Iterator for Backwards<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let at = usize::from(self.starts[self.left]);
        let len = usize::from(*self.labels.get(at)?);
        self.labels.get(at + 1..at + 1 + len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4034_6_1_order_below_an_apex() {
        let ordered: [&[u8]; 6] = [b"", b"\x01a", b"\x02zz\x01a", b"\x01z\x02aa", b"\x01*\x01z", b"\x01\xc8\x01z"];
        for pair in ordered.windows(2) {
            assert_eq!(cmp(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(cmp(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(cmp(b"\x01a", b"\x01a"), Ordering::Equal);
    }
}
