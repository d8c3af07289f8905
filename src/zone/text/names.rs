//! Names in text: relative to an origin, escaped, with U-labels. RFC 1035 § 5.1, RFC 4343 § 2.1,
//! UTS 46 (as RFC 5895 leaves it to the user's side to map).

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::fault::{Fault, Result};
use super::lexer::{Lexer, Word};
use crate::wire::name::{self, LABEL_LEN_MAX, NAME_LEN_MAX, NameError};
use crate::wire::{Name, NameRef};

/// Why text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameTextError {
    /// It is not a domain name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// It holds a blank, a quote, a parenthesis or a semicolon without a backslash.
    #[error("a blank, a quote, a parenthesis or a semicolon in a name stands behind a backslash")]
    NotOneWord,
    /// A label beyond ASCII is not valid UTF-8, or not allowed in a domain name (UTS 46).
    #[error("`{label}` can't be a label of an internationalized domain name")]
    ULabel {
        /// The label, as it was written.
        label: String,
    },
}

/// Reads a name as it stands in zone files and plans: `@` is `origin`, a name without a final dot
/// is relative to `origin`, U-labels become A-labels.
///
/// # Errors
/// [`NameTextError`] if `text` is not a name.
pub fn name_from_text(text: &str, origin: NameRef<'_>) -> std::result::Result<Name, NameTextError> {
    let word = match Lexer::new(text.as_bytes()).word() {
        Ok(Some(word)) if !word.quoted && word.bytes.len() == text.len() => word,
        _ if text.is_empty() => return Err(NameError::EmptyLabel.into()),
        _ => return Err(NameTextError::NotOneWord),
    };
    let mut wire = Vec::with_capacity(NAME_LEN_MAX + 1);
    append(word, origin, &mut wire)?;
    Ok(NameRef::parse(&wire)?.to_owned())
}

/// Whether a name that was read ended in a dot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// With a final dot, or `@`.
    Absolute,
    /// Without a final dot: the origin was appended.
    Relative,
}

/// Appends the wire form of the name `word` to `out`.
#[inline]
pub(super) fn append(
    word: Word<'_>,
    origin: NameRef<'_>,
    out: &mut Vec<u8>,
) -> std::result::Result<Written, NameTextError> {
    let start = out.len();
    if word.is_at_sign() {
        out.extend_from_slice(origin.wire());
        return Ok(Written::Absolute);
    }
    let absolute = if word.plain {
        append_plain(word.bytes, out)?
    } else if word.bytes.is_ascii() {
        append_escaped(word.bytes, out)?
    } else {
        let ascii = to_ascii(word.bytes)?;
        append_escaped(&ascii, out)?
    };
    let written = if absolute {
        Written::Absolute
    } else {
        out.extend_from_slice(origin.wire());
        Written::Relative
    };
    if out.len() - start > NAME_LEN_MAX {
        return Err(NameError::NameTooLong.into());
    }
    Ok(written)
}

/// The dots of `bytes` become the length octets of the labels after them. Says whether the last
/// octet was a dot.
#[inline]
fn append_plain(bytes: &[u8], out: &mut Vec<u8>) -> std::result::Result<bool, NameError> {
    if bytes == b"." {
        out.push(0);
        return Ok(true);
    }
    let start = out.len();
    let mut length_at = start;
    out.push(0);
    out.extend_from_slice(bytes);
    for at in start + 1..out.len() {
        if out[at] == b'.' {
            out[length_at] = label_length(at - length_at - 1)?;
            length_at = at;
        }
    }
    end(start, length_at, out)
}

/// As [`append_plain`], with escapes.
fn append_escaped(bytes: &[u8], out: &mut Vec<u8>) -> std::result::Result<bool, NameError> {
    if bytes == b"." {
        out.push(0);
        return Ok(true);
    }
    let start = out.len();
    let mut length_at = start;
    out.push(0);
    let mut at = 0;
    while let Some(&octet) = bytes.get(at) {
        at += 1;
        match octet {
            b'.' => {
                out[length_at] = label_length(out.len() - length_at - 1)?;
                length_at = out.len();
                out.push(0);
            }
            b'\\' => {
                let (octet, used) = name::unescape(&bytes[at..]).ok_or(NameError::BadEscape)?;
                at += used;
                out.push(octet);
            }
            octet => out.push(octet),
        }
    }
    end(start, length_at, out)
}

/// Closes the last label. If it is empty and not the first, its length octet is the root label.
#[inline]
fn end(start: usize, length_at: usize, out: &mut [u8]) -> std::result::Result<bool, NameError> {
    let length = out.len() - length_at - 1;
    if length == 0 && length_at > start {
        out[length_at] = 0;
        return Ok(true);
    }
    out[length_at] = label_length(length)?;
    Ok(false)
}

#[inline]
fn label_length(length: usize) -> std::result::Result<u8, NameError> {
    match u8::try_from(length) {
        Ok(0) => Err(NameError::EmptyLabel),
        Ok(length) if usize::from(length) <= LABEL_LEN_MAX => Ok(length),
        _ => Err(NameError::LabelTooLong),
    }
}

/// The text with every label beyond ASCII as its A-label; other labels stay as they are.
fn to_ascii(bytes: &[u8]) -> std::result::Result<Vec<u8>, NameTextError> {
    let refuse = |label: &[u8]| NameTextError::ULabel { label: String::from_utf8_lossy(label).into_owned() };
    let mut ascii = Vec::with_capacity(bytes.len() * 2);
    let mut rest = bytes;
    loop {
        let mut end = 0;
        while end < rest.len() && rest[end] != b'.' {
            end += if rest[end] == b'\\' { 2 } else { 1 };
        }
        let (label, after) = rest.split_at(end.min(rest.len()));
        if label.is_ascii() {
            ascii.extend_from_slice(label);
        } else if label.contains(&b'\\') {
            return Err(refuse(label));
        } else {
            let mapped = Uts46::new()
                .to_ascii(label, AsciiDenyList::URL, Hyphens::Allow, DnsLength::Ignore)
                .map_err(|_| refuse(label))?;
            ascii.extend_from_slice(mapped.as_bytes());
        }
        match after {
            [dot, next @ ..] => {
                ascii.push(*dot);
                rest = next;
            }
            [] => return Ok(ascii),
        }
    }
}

/// The fault of a name that could not be read.
pub(super) fn fault(error: NameTextError, word: Word<'_>) -> Box<Fault> {
    let span = word.span();
    match error {
        NameTextError::Name(NameError::BadEscape) => bad_escape(word),
        NameTextError::ULabel { .. } => Fault::error("zone-u-label", span, format!("{error}"))
            .label("neither ASCII nor a label that UTS 46 allows")
            .help("write the A-label (xn--…) that the registry shows"),
        NameTextError::Name(NameError::EmptyLabel) => {
            Fault::error("zone-name", span, "this is not a name: a label is empty")
                .label("a dot at its start, two in a row, or nothing")
        }
        NameTextError::Name(_) | NameTextError::NotOneWord => {
            Fault::error("zone-name", span, format!("this is not a name: {error}"))
        }
    }
}

/// The fault of a bad escape in `word`.
pub(super) fn bad_escape(word: Word<'_>) -> Box<Fault> {
    Fault::error(
        "zone-escape",
        word.span(),
        "a backslash is followed neither by a character nor by three digits up to 255",
    )
    .help("a backslash itself is written \\\\, any octet \\ and its three decimal digits")
}

/// As [`append`], with a fault at `word`; a name that looks as if its final dot was forgotten is
/// remarked upon.
#[inline]
pub(super) fn read(word: Word<'_>, origin: NameRef<'_>, out: &mut Vec<u8>, remarks: &mut Vec<Fault>) -> Result<()> {
    let start = out.len();
    match append(word, origin, out) {
        Ok(Written::Absolute) => Ok(()),
        Ok(Written::Relative) => {
            let origin_len = origin.wire().len();
            let relative = &out[start..out.len() - origin_len];
            if relative.len() + 1 >= origin_len && origin_len > 1 && repeats_origin(relative, origin) {
                remarks.push(forgotten_dot(word, origin));
            }
            Ok(())
        }
        Err(error) => Err(fault(error, word)),
    }
}

/// Whether `relative` (labels without a root) ends with all labels of `origin`. The only label of
/// a short origin, alone, does not count: `test` below `test.` is an ordinary name.
fn repeats_origin(relative: &[u8], origin: NameRef<'_>) -> bool {
    let labels = &origin.wire()[..origin.wire().len() - 1];
    let Some(at) = relative.len().checked_sub(labels.len()) else { return false };
    let mut boundary = 0;
    while boundary < at {
        boundary += 1 + usize::from(relative[boundary]);
    }
    boundary == at && relative[at..].eq_ignore_ascii_case(labels) && (at > 0 || origin.label_count() > 1)
}

#[cold]
fn forgotten_dot(word: Word<'_>, origin: NameRef<'_>) -> Fault {
    let shown = word.shown();
    *Fault::warning("zone-final-dot", word.span(), "this name has no final dot, and so the origin is appended to it")
        .label(format!("is {shown}.{origin}"))
        .help(format!("if {shown}. is meant, write the final dot"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(text: &str) -> std::result::Result<String, NameTextError> {
        let origin = Name::from_text("example.com").unwrap();
        name_from_text(text, origin.as_ref()).map(|name| name.to_string())
    }

    #[test]
    fn rfc1035_5_1_relative_names_and_the_at_sign() {
        assert_eq!(name("@").unwrap(), "example.com.");
        assert_eq!(name(r"\@").unwrap(), r"\@.example.com.");
        assert_eq!(name("www").unwrap(), "www.example.com.");
        assert_eq!(name("www.").unwrap(), "www.");
        assert_eq!(name(".").unwrap(), ".");
        assert_eq!(name(r"a\.b.c").unwrap(), r"a\.b.c.example.com.");
        assert_eq!(name(r"a\046").unwrap(), r"a\..example.com.");
        assert_eq!(name(r"a\.").unwrap(), r"a\..example.com.");
    }

    #[test]
    fn faults_of_names_are_named() {
        for text in ["", "..", ".a", "a..b", "a.."] {
            assert_eq!(name(text), Err(NameError::EmptyLabel.into()), "{text}");
        }
        for text in ["a b", " a", "a\n", "a;b", "\"a\"", "(a)"] {
            assert_eq!(name(text), Err(NameTextError::NotOneWord), "{text}");
        }
        assert_eq!(name(r"a\"), Err(NameError::BadEscape.into()));
        assert_eq!(name(r"a\25"), Err(NameError::BadEscape.into()));
        assert_eq!(name(&"a".repeat(64)), Err(NameError::LabelTooLong.into()));
        assert_eq!(name(&"a.".repeat(128)), Err(NameError::NameTooLong.into()));
        assert_eq!(name(&"a.".repeat(127)[..253]), Err(NameError::NameTooLong.into()));
    }

    #[test]
    fn uts46_u_labels_become_a_labels() {
        assert_eq!(name("日本語.example.").unwrap(), "xn--wgv71a119e.example.");
        assert_eq!(name("_dmarc.日本語。example.").unwrap(), "_dmarc.xn--wgv71a119e.example.");
        assert_eq!(name("BÜCHER").unwrap(), "xn--bcher-kva.example.com.");
        assert!(matches!(name("a\u{200d}b"), Err(NameTextError::ULabel { .. })));
        assert!(matches!(name("日\\.本"), Err(NameTextError::ULabel { .. })));
        assert!(matches!(name("日＼本"), Err(NameTextError::ULabel { .. })));
    }
}
