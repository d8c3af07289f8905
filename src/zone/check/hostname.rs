//! How names are written: host names (RFC 952, RFC 1123 § 2.1), addresses in place of names, a
//! final dot that was forgotten (of which `zone::text` tells).

use crate::wire::NameRef;

/// What a host name is made of.
pub(super) const RULE: &str =
    "a host name is made of letters, digits and hyphens, no label beginning or ending with a hyphen (RFC 1123 § 2.1)";

/// Whether `name` is a host name. The root is one, and so is a wildcard of host names.
pub(super) fn is_hostname(name: NameRef<'_>) -> bool {
    name.labels().enumerate().all(|(index, label)| {
        let wildcard = index == 0 && label == b"*";
        wildcard || is_host_label(label)
    })
}

/// Whether `label` may stand in a host name.
pub(super) fn is_host_label(label: &[u8]) -> bool {
    let characters = label.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-');
    characters && !label.starts_with(b"-") && !label.ends_with(b"-")
}

/// Whether `apex` is of a zone that maps addresses to names (RFC 1035 § 3.5, RFC 3596 § 2.5).
pub(super) fn is_reverse(apex: NameRef<'_>) -> bool {
    let labels: Vec<_> = apex.labels().map(<[u8]>::to_ascii_lowercase).collect();
    labels.ends_with(&[b"in-addr".to_vec(), b"arpa".to_vec()]) || labels.ends_with(&[b"ip6".to_vec(), b"arpa".to_vec()])
}

/// Whether `name` was meant to be an IPv4 address: four numbers, followed by the apex or nothing.
pub(super) fn looks_like_address(name: NameRef<'_>, apex: NameRef<'_>) -> bool {
    ipv4_in(name, apex).is_some()
}

/// The IPv4 address that `name` spells.
pub(super) fn ipv4_in(name: NameRef<'_>, apex: NameRef<'_>) -> Option<[u8; 4]> {
    let below_apex = name.is_below(apex) && name.label_count() == apex.label_count() + 4;
    if !below_apex && name.label_count() != 4 {
        return None;
    }
    let mut address = [0; 4];
    for (octet, label) in address.iter_mut().zip(name.labels()) {
        *octet = std::str::from_utf8(label).ok()?.parse().ok()?;
    }
    Some(address)
}

/// Whether `name` ends with the labels of `apex` twice: `www.example.com.example.com`.
pub(super) fn repeats_apex(name: NameRef<'_>, apex: NameRef<'_>) -> bool {
    let apex_labels = apex.label_count();
    // A zone of one label, or of numbers, may well have its own name below it.
    if apex_labels < 2 || !name.is_below(apex) {
        return false;
    }
    let Some(prefix_labels) = name.label_count().checked_sub(2 * apex_labels) else { return false };
    name.labels().skip(prefix_labels).zip(apex.labels()).all(|(left, right)| left.eq_ignore_ascii_case(right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Name;

    fn name(text: &str) -> Name {
        Name::from_text(text).unwrap()
    }

    #[test]
    fn rfc1123_2_1_host_names() {
        for good in [".", "a.example", "1.2.3", "xn--wgv71a119e.example", "*.example"] {
            assert!(is_hostname(name(good).as_ref()), "{good}");
        }
        for bad in ["a_b.example", "-a.example", "a-.example", "a.*.example", r"a\032b.example"] {
            assert!(!is_hostname(name(bad).as_ref()), "{bad}");
        }
    }

    #[test]
    fn an_address_is_seen_with_and_without_the_apex() {
        let apex = name("example.com");
        for (text, expected) in [
            ("192.0.2.1", true),
            ("192.0.2.1.example.com", true),
            ("192.0.2.256", false),
            ("a.192.0.2.1", false),
            ("1.192.0.2.1.example.com", false),
        ] {
            assert_eq!(looks_like_address(name(text).as_ref(), apex.as_ref()), expected, "{text}");
        }
    }

    #[test]
    fn a_forgotten_dot_repeats_the_apex() {
        let apex = name("example.com");
        for (text, expected) in [
            ("www.example.com.example.com", true),
            ("example.com.EXAMPLE.com", true),
            ("www.example.com", false),
            ("com.example.com", false),
            ("www.myexample.com.example.com", false),
        ] {
            assert_eq!(repeats_apex(name(text).as_ref(), apex.as_ref()), expected, "{text}");
        }
        assert!(!repeats_apex(name("com.com").as_ref(), name("com").as_ref()));
    }
}
