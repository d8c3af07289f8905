//! Octets in text: escaped, in hexadecimal, base32hex and base64.

use super::fault::{Fault, Result};
use super::lexer::Word;
use super::{names, numbers};
use crate::wire::name::unescape;

/// Appends the octets that `word` means, escapes undone.
pub(super) fn append_text(word: Word<'_>, out: &mut Vec<u8>) -> Result<()> {
    if !word.bytes.contains(&b'\\') {
        out.extend_from_slice(word.bytes);
        return Ok(());
    }
    let mut rest = word.bytes;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let Some((octet, used)) = unescape(&rest[at + 1..]) else {
            return Err(names::bad_escape(word));
        };
        out.push(octet);
        rest = &rest[at + 1 + used..];
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Appends `word` as a `<character-string>` (RFC 1035 § 3.3).
#[inline]
pub(super) fn append_character_string(word: Word<'_>, out: &mut Vec<u8>) -> Result<()> {
    let length_at = out.len();
    out.push(0);
    append_text(word, out)?;
    let length = out.len() - length_at - 1;
    out[length_at] = u8::try_from(length).map_err(|_| {
        Fault::error("zone-text", word.span(), "a text may have 255 octets at most")
            .label(format!("has {length}"))
            .help("split it into several texts in quotes, one after the other; readers put them together again")
    })?;
    Ok(())
}

/// Appends hexadecimal digits; `high` holds one that waits for its second.
pub(super) fn append_hex_digits(word: Word<'_>, high: &mut Option<u8>, out: &mut Vec<u8>) -> Result<()> {
    for &octet in word.bytes {
        let Some(digit) = numbers::hex_digit(octet) else {
            return Err(Fault::error("zone-hex", word.span(), "these are not hexadecimal digits"));
        };
        match high.take() {
            None => *high = Some(digit << 4),
            Some(high) => out.push(high | digit),
        }
    }
    Ok(())
}

/// Appends a word of hexadecimal digits, two for each octet.
pub(super) fn append_hex(word: Word<'_>, out: &mut Vec<u8>) -> Result<()> {
    let mut high = None;
    append_hex_digits(word, &mut high, out)?;
    if high.is_some() || word.bytes.is_empty() {
        return Err(Fault::error("zone-hex", word.span(), "the number of hexadecimal digits is odd"));
    }
    Ok(())
}

/// Appends a word of base32hex (RFC 4648 § 7), without padding.
pub(super) fn append_base32(word: Word<'_>, out: &mut Vec<u8>) -> Result<()> {
    let upper = word.bytes.to_ascii_uppercase();
    match data_encoding::BASE32HEX_NOPAD.decode(&upper) {
        Ok(octets) if !octets.is_empty() => {
            out.extend_from_slice(&octets);
            Ok(())
        }
        _ => Err(Fault::error("zone-base32", word.span(), "this is not base32hex")
            .label("expected digits and the letters A to V")),
    }
}

/// A decoder of base64 (RFC 4648 § 4) that takes it in pieces of any length.
#[derive(Default)]
pub(super) struct Base64 {
    bits: u32,
    /// How many of the four characters of a group have been read, padding included.
    characters: u8,
    padding: u8,
    /// A group with padding was the last one.
    ended: bool,
}

impl Base64 {
    /// Decodes `word`.
    pub(super) fn push(&mut self, word: Word<'_>, out: &mut Vec<u8>) -> Result<()> {
        for &octet in word.bytes {
            let value = match octet {
                b'A'..=b'Z' => octet - b'A',
                b'a'..=b'z' => octet - b'a' + 26,
                b'0'..=b'9' => octet - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' if self.characters >= 2 => {
                    self.padding += 1;
                    0
                }
                _ => return Err(base64_fault(word)),
            };
            if self.ended || (self.padding > 0 && octet != b'=') {
                return Err(base64_fault(word));
            }
            self.bits = self.bits << 6 | u32::from(value);
            self.characters += 1;
            if self.characters == 4 {
                let [_, a, b, c] = self.bits.to_be_bytes();
                match self.padding {
                    0 => out.extend_from_slice(&[a, b, c]),
                    1 if c == 0 => out.extend_from_slice(&[a, b]),
                    2 if b == 0 && c == 0 => out.push(a),
                    _ => return Err(base64_fault(word)),
                }
                self.ended = self.padding > 0;
                self.bits = 0;
                self.characters = 0;
            }
        }
        Ok(())
    }

    /// Says whether the last group was whole.
    pub(super) fn finish(&self, last: Word<'_>) -> Result<()> {
        if self.characters == 0 { Ok(()) } else { Err(base64_fault(last)) }
    }
}

/// The fault of a word that is not base64.
pub(super) fn base64_fault(word: Word<'_>) -> Box<Fault> {
    Fault::error("zone-base64", word.span(), "this is not base64")
        .label("expected letters, digits, + and /, in groups of four; = at the end to fill the last")
}
