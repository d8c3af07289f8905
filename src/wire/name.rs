//! Domain names in uncompressed wire form (RFC 1035 § 3.1), case kept as it was given.
//!
//! Two names are equal if they differ in ASCII case only (RFC 4343); their order is the canonical
//! one of RFC 4034 § 6.1.
//!
//! Invariant of [`Name`] and [`NameRef`]: one to 255 octets; labels of 1 to 63 octets; one root
//! label, at the end.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::Reader;

/// The most octets a name may have (RFC 1035 § 2.3.4).
pub const NAME_LEN_MAX: usize = 255;
/// The most octets a label may have (RFC 1035 § 2.3.4).
pub const LABEL_LEN_MAX: usize = 63;
/// The most labels a name may have, the root not counted.
pub const LABELS_MAX: usize = 127;

/// Why bytes or text are not a domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A label is longer than [`LABEL_LEN_MAX`].
    #[error("a label is longer than {LABEL_LEN_MAX} octets")]
    LabelTooLong,
    /// The name is longer than [`NAME_LEN_MAX`].
    #[error("the name is longer than {NAME_LEN_MAX} octets")]
    NameTooLong,
    /// A label of no octets that is not the root: `a..b`, `.a`.
    #[error("a label is empty")]
    EmptyLabel,
    /// A `\` that is not followed by a character or by three digits up to 255.
    #[error("a backslash is followed neither by a character nor by three digits up to 255")]
    BadEscape,
    /// The bytes end before the root label.
    #[error("the name ends before its root label")]
    Truncated,
    /// A compression pointer, or a label type nobody uses, where a plain name must stand.
    #[error("the name is compressed where it may not be")]
    Compressed,
}

/// An owned domain name.
#[derive(Clone)]
pub struct Name(Box<[u8]>);

/// A borrowed domain name.
#[derive(Clone, Copy)]
pub struct NameRef<'a>(&'a [u8]);

impl Name {
    /// The root.
    pub fn root() -> Name {
        Name(Box::new([0]))
    }

    /// Reads a fully qualified name in presentation form; a final dot may be left out.
    /// `\X` and `\DDD` are understood; U-labels are not (see `zone::text`).
    ///
    /// # Errors
    /// A [`NameError`] that says what is wrong with `text`.
    pub fn from_text(text: &str) -> Result<Name, NameError> {
        let bytes = text.as_bytes();
        if bytes == b"." {
            return Ok(Name::root());
        }
        let mut wire = Vec::with_capacity(bytes.len() + 2);
        wire.push(0);
        let mut length_at = 0;
        let mut i = 0;
        while i < bytes.len() {
            let octet = match bytes[i] {
                b'.' => {
                    close_label(&mut wire, length_at)?;
                    length_at = wire.len();
                    wire.push(0);
                    i += 1;
                    continue;
                }
                b'\\' => {
                    let (octet, used) = unescape(&bytes[i + 1..]).ok_or(NameError::BadEscape)?;
                    i += used;
                    octet
                }
                octet => octet,
            };
            wire.push(octet);
            i += 1;
        }
        if length_at + 1 < wire.len() {
            close_label(&mut wire, length_at)?;
            wire.push(0);
        } else if length_at == 0 {
            return Err(NameError::EmptyLabel);
        }
        if wire.len() > NAME_LEN_MAX {
            return Err(NameError::NameTooLong);
        }
        Ok(Name(wire.into()))
    }

    /// A borrow of this name.
    pub fn as_ref(&self) -> NameRef<'_> {
        NameRef(&self.0)
    }

    /// The uncompressed wire form, root label included.
    pub fn wire(&self) -> &[u8] {
        &self.0
    }
}

fn close_label(wire: &mut [u8], length_at: usize) -> Result<(), NameError> {
    let len = wire.len() - length_at - 1;
    wire[length_at] = match u8::try_from(len) {
        Ok(0) => return Err(NameError::EmptyLabel),
        Ok(len) if usize::from(len) <= LABEL_LEN_MAX => len,
        _ => return Err(NameError::LabelTooLong),
    };
    Ok(())
}

/// What follows a backslash: the octet, and how many characters it took.
pub fn unescape(after: &[u8]) -> Option<(u8, usize)> {
    match *after {
        [a, b, c, ..] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit() => {
            let value = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
            u8::try_from(value).ok().map(|octet| (octet, 3))
        }
        [a, ..] if !a.is_ascii_digit() => Some((a, 1)),
        _ => None,
    }
}

impl<'a> NameRef<'a> {
    /// Reads the uncompressed name at the start of `bytes`; what follows it is not looked at.
    ///
    /// # Errors
    /// A [`NameError`] if `bytes` do not start with an uncompressed name.
    pub fn parse(bytes: &'a [u8]) -> Result<NameRef<'a>, NameError> {
        let mut at = 0;
        loop {
            let len = usize::from(*bytes.get(at).ok_or(NameError::Truncated)?);
            if len > LABEL_LEN_MAX {
                return Err(NameError::Compressed);
            }
            at += 1 + len;
            if at > NAME_LEN_MAX {
                return Err(NameError::NameTooLong);
            }
            if len == 0 {
                return bytes.get(..at).map(NameRef).ok_or(NameError::Truncated);
            }
        }
    }

    /// The root.
    pub fn root() -> NameRef<'static> {
        NameRef(&[0])
    }

    /// The uncompressed wire form, root label included.
    pub fn wire(self) -> &'a [u8] {
        self.0
    }

    /// The same name, owned.
    pub fn to_owned(self) -> Name {
        Name(self.0.into())
    }

    /// The same name with ASCII letters in lower case (RFC 4034 § 6.2).
    pub fn to_lowercase(self) -> Name {
        // A length octet is at most 63 and so never a letter.
        Name(self.0.to_ascii_lowercase().into())
    }

    /// Whether this is the root.
    pub fn is_root(self) -> bool {
        self.0.len() == 1
    }

    /// The labels from left to right, the root left out.
    pub fn labels(self) -> Labels<'a> {
        Labels(self.0)
    }

    /// How many labels there are, the root not counted.
    pub fn label_count(self) -> usize {
        self.labels().count()
    }

    /// The name without its leftmost label; `None` for the root.
    pub fn parent(self) -> Option<NameRef<'a>> {
        let len = usize::from(*self.0.first()?);
        if len == 0 { None } else { self.0.get(1 + len..).map(NameRef) }
    }

    /// The name without its `count` leftmost labels; `None` if it has fewer.
    pub fn skip_labels(self, count: usize) -> Option<NameRef<'a>> {
        let mut name = self;
        for _ in 0..count {
            name = name.parent()?;
        }
        Some(name)
    }

    /// Whether the leftmost label is `*` (RFC 4592 § 2.1.1).
    pub fn is_wildcard(self) -> bool {
        self.0.starts_with(b"\x01*")
    }

    /// The octets in front of the suffix `ancestor`; `None` if `ancestor` is not a suffix.
    /// Empty if the two are equal.
    pub fn prefix_below(self, ancestor: NameRef<'_>) -> Option<&'a [u8]> {
        let at = self.0.len().checked_sub(ancestor.0.len())?;
        let mut boundary = 0;
        while boundary < at {
            boundary += 1 + usize::from(self.0[boundary]);
        }
        (boundary == at && self.0[at..].eq_ignore_ascii_case(ancestor.0)).then(|| &self.0[..at])
    }

    /// Whether this name is `ancestor` or below it.
    pub fn is_at_or_below(self, ancestor: NameRef<'_>) -> bool {
        self.prefix_below(ancestor).is_some()
    }

    /// Whether this name is below `ancestor` and not equal to it.
    pub fn is_below(self, ancestor: NameRef<'_>) -> bool {
        self.prefix_below(ancestor).is_some_and(|prefix| !prefix.is_empty())
    }

    /// How many labels, counted from the right, the two names share.
    pub fn shared_labels(self, other: NameRef<'_>) -> usize {
        let (mine, yours) = (self.label_count(), other.label_count());
        let shorter = mine.min(yours);
        let (Some(a), Some(b)) = (self.skip_labels(mine - shorter), other.skip_labels(yours - shorter)) else {
            return 0;
        };
        let mut shared = 0;
        for (left, right) in a.labels().zip(b.labels()) {
            shared = if left.eq_ignore_ascii_case(right) { shared + 1 } else { 0 };
        }
        shared
    }
}

/// Steps over a name that may be compressed.
pub fn skip(reader: &mut Reader<'_>) -> Option<()> {
    loop {
        match reader.u8().ok()? {
            0 => return Some(()),
            length @ 1..=63 => {
                reader.take(usize::from(length)).ok()?;
            }
            0xc0.. => {
                reader.u8().ok()?;
                return Some(());
            }
            _ => return None,
        }
    }
}

/// The name at offset `at` of `message`, its compression undone; `None` if there is none. A pointer points to an earlier
/// place than any that was followed before (RFC 1035 § 4.1.4), so that there is an end.
pub fn expand(message: &[u8], at: usize) -> Option<Name> {
    let mut wire = Vec::new();
    expand_into(message, at, &mut wire)?;
    Some(Name(wire.into()))
}

/// As [`expand`], and puts the name behind what is in `wire`.
pub fn expand_into(message: &[u8], at: usize, wire: &mut Vec<u8>) -> Option<()> {
    let begin = wire.len();
    let (mut at, mut earliest) = (at, at);
    loop {
        let length = *message.get(at)?;
        match length {
            0xc0.. => {
                at = usize::from(u16::from_be_bytes([length & 0x3f, *message.get(at + 1)?]));
                if at >= earliest {
                    return None;
                }
                earliest = at;
            }
            0..=63 => {
                let label = message.get(at..=at + usize::from(length))?;
                wire.extend_from_slice(label);
                at += label.len();
                if wire.len() - begin > NAME_LEN_MAX {
                    return None;
                }
                if length == 0 {
                    return Some(());
                }
            }
            _ => return None,
        }
    }
}

/// The name whose labels are `prefix` (labels without a root) followed by `suffix`.
///
/// # Errors
/// [`NameError`] if the whole is too long or `prefix` is not made of labels.
pub fn join(prefix: &[u8], suffix: NameRef<'_>) -> Result<Name, NameError> {
    let mut wire = Vec::with_capacity(prefix.len() + suffix.0.len());
    wire.extend_from_slice(prefix);
    wire.extend_from_slice(suffix.0);
    let whole = NameRef::parse(&wire)?.0.len();
    if whole == wire.len() { Ok(Name(wire.into())) } else { Err(NameError::EmptyLabel) }
}

/// The labels of a name, from left to right, without the root.
#[derive(Clone, Debug)]
pub struct Labels<'a>(&'a [u8]);

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(*self.0.first()?);
        if len == 0 {
            return None;
        }
        let label = self.0.get(1..1 + len)?;
        self.0 = &self.0[1 + len..];
        Some(label)
    }
}

impl PartialEq for NameRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}
impl Eq for NameRef<'_> {}

impl Hash for NameRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for octet in self.0 {
            state.write_u8(octet.to_ascii_lowercase());
        }
    }
}

impl Ord for NameRef<'_> {
    /// The canonical order: by label from the right, each as lower-case octets, absent first.
    fn cmp(&self, other: &Self) -> Ordering {
        let (mine, yours) = (self.label_count(), other.label_count());
        let shorter = mine.min(yours);
        let (Some(a), Some(b)) = (self.skip_labels(mine - shorter), other.skip_labels(yours - shorter)) else {
            return mine.cmp(&yours);
        };
        let mut order = Ordering::Equal;
        // From left to right; the rightmost difference decides, so a later one overrides.
        for (left, right) in a.labels().zip(b.labels()) {
            match cmp_labels(left, right) {
                Ordering::Equal => {}
                differs => order = differs,
            }
        }
        order.then(mine.cmp(&yours))
    }
}
impl PartialOrd for NameRef<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn cmp_labels(left: &[u8], right: &[u8]) -> Ordering {
    left.iter().map(u8::to_ascii_lowercase).cmp(right.iter().map(u8::to_ascii_lowercase))
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}
impl Eq for Name {}
impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}
impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_ref().cmp(&other.as_ref())
    }
}
impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for NameRef<'_> {
    /// Presentation form, fully qualified, with what would be misread escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for label in self.labels() {
            write_label(f, label)?;
            f.write_str(".")?;
        }
        Ok(())
    }
}

/// Writes one label in presentation form.
///
/// # Errors
/// What `out` says.
pub fn write_label(out: &mut impl fmt::Write, label: &[u8]) -> fmt::Result {
    for &octet in label {
        match octet {
            b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                out.write_char('\\')?;
                out.write_char(char::from(octet))?;
            }
            0x21..=0x7e => out.write_char(char::from(octet))?,
            _ => write!(out, "\\{octet:03}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}
impl fmt::Debug for NameRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_text(text).unwrap()
    }

    #[test]
    fn text_and_wire_agree() {
        assert_eq!(name("www.Example.com").wire(), b"\x03www\x07Example\x03com\x00");
        assert_eq!(name(".").wire(), b"\x00");
        assert_eq!(name(r"a\.b\009\\.c").wire(), b"\x05a.b\x09\\\x01c\x00");
        assert_eq!(name(r"a\.b\009\\.c").to_string(), r"a\.b\009\\.c.");
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(Name::from_text("a..b"), Err(NameError::EmptyLabel));
        assert_eq!(Name::from_text(""), Err(NameError::EmptyLabel));
        assert_eq!(Name::from_text(".a"), Err(NameError::EmptyLabel));
        assert_eq!(Name::from_text(r"a\25"), Err(NameError::BadEscape));
        assert_eq!(Name::from_text(r"a\256"), Err(NameError::BadEscape));
        assert_eq!(Name::from_text(&"a".repeat(64)), Err(NameError::LabelTooLong));
        assert_eq!(Name::from_text(&"a.".repeat(128)), Err(NameError::NameTooLong));
        assert!(Name::from_text(&"a.".repeat(127)).is_ok());
        assert_eq!(NameRef::parse(b"\x03ww").unwrap_err(), NameError::Truncated);
        assert_eq!(NameRef::parse(b"\xc0\x0c").unwrap_err(), NameError::Compressed);
    }

    #[test]
    fn rfc4034_6_1_canonical_order() {
        let ordered = [
            "example.",
            "a.example.",
            "yljkjljk.a.example.",
            "Z.a.example.",
            "zABC.a.EXAMPLE.",
            "z.example.",
            r"\001.z.example.",
            "*.z.example.",
            r"\200.z.example.",
        ];
        for pair in ordered.windows(2) {
            assert!(name(pair[0]) < name(pair[1]), "{} {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn suffixes_fall_on_label_boundaries() {
        let apex = name("ample.com");
        assert!(!name("ex\\ample.com").as_ref().is_below(apex.as_ref()));
        assert!(!name("example.com").as_ref().is_at_or_below(apex.as_ref()));
        assert!(name("a.AMPLE.com").as_ref().is_below(apex.as_ref()));
        assert_eq!(name("a.b.c").as_ref().shared_labels(name("x.B.c").as_ref()), 2);
        assert_eq!(name("b.a.c").as_ref().shared_labels(name("b.x.c").as_ref()), 1);
    }
}
