//! Fields that are addresses of some kind: EUI-48 and EUI-64 (RFC 7043), locators (RFC 6742),
//! prefixes (APL: RFC 3123), NSAP (RFC 1706), ATM (ATMA: ATM Forum af-saa-0069), A6 (RFC 2874).
//! In and out.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::fault::{Fault, Result};
use super::lexer::Word;
use super::numbers::hex_digit;
use super::print::{self, Unprintable};
use super::rdata::Input;
use super::{names, numbers, octets};
use crate::wire::NameRef;

type Printed = std::result::Result<(), Unprintable>;

fn fault(word: Word<'_>, message: &'static str, label: &'static str) -> Box<Fault> {
    Fault::error("zone-address", word.span(), message).label(label)
}

/// Reads an IPv4 address.
pub(super) fn ipv4(word: Word<'_>) -> Result<[u8; 4]> {
    numbers::ipv4(word.bytes).ok_or_else(|| {
        Fault::error("zone-address", word.span(), "this is not an IPv4 address")
            .label("expected four numbers from 0 to 255, such as 192.0.2.1")
    })
}

/// Reads an IPv6 address.
pub(super) fn ipv6(word: Word<'_>) -> Result<[u8; 16]> {
    numbers::ipv6(word.bytes).ok_or_else(|| {
        Fault::error("zone-address", word.span(), "this is not an IPv6 address")
            .label("expected a form like 2001:db8::1")
    })
}

/// Reads `length` octets as pairs of hexadecimal digits with `-` between.
pub(super) fn read_eui(input: &mut Input<'_, '_>, length: usize) -> Result<()> {
    let word = input.bare("an EUI address")?;
    let refuse = || fault(word, "this is not an EUI address", "expected pairs of hexadecimal digits with - between");
    if word.bytes.len() != length * 3 - 1 {
        return Err(refuse());
    }
    for pair in word.bytes.split(|&octet| octet == b'-') {
        let [high, low] = *pair else { return Err(refuse()) };
        let (Some(high), Some(low)) = (hex_digit(high), hex_digit(low)) else { return Err(refuse()) };
        input.out.push(high << 4 | low);
    }
    Ok(())
}

pub(super) fn print_eui(bytes: &[u8], out: &mut String) {
    for (index, octet) in bytes.iter().enumerate() {
        let _ = write!(out, "{}{octet:02x}", if index == 0 { "" } else { "-" });
    }
}

/// Reads eight octets as four groups of one to four hexadecimal digits.
pub(super) fn read_locator(input: &mut Input<'_, '_>) -> Result<()> {
    let word = input.bare("a locator")?;
    let refuse = || fault(word, "this is not a locator", "expected four groups of hexadecimal digits with : between");
    let mut groups = 0;
    for group in word.bytes.split(|&octet| octet == b':') {
        if group.is_empty() || group.len() > 4 || groups == 4 {
            return Err(refuse());
        }
        let mut value = 0u16;
        for &octet in group {
            value = value << 4 | u16::from(hex_digit(octet).ok_or_else(refuse)?);
        }
        input.out.extend_from_slice(&value.to_be_bytes());
        groups += 1;
    }
    if groups == 4 { Ok(()) } else { Err(refuse()) }
}

pub(super) fn print_locator(bytes: &[u8], out: &mut String) {
    for (index, group) in bytes.as_chunks::<2>().0.iter().enumerate() {
        let _ = write!(out, "{}{:x}", if index == 0 { "" } else { ":" }, u16::from_be_bytes(*group));
    }
}

/// Reads prefixes `[!]family:address/length` to the end of the entry.
pub(super) fn read_prefixes(input: &mut Input<'_, '_>) -> Result<()> {
    input.each_to_the_end(|input, word| {
        let refuse =
            || fault(word, "this is not an address prefix", "expected a form like 1:192.0.2.0/24 or !2:2001:db8::/32");
        let (negated, text) = match word.bytes {
            [b'!', text @ ..] => (0x80, text),
            text => (0, text),
        };
        let colon = memchr::memchr(b':', text).ok_or_else(refuse)?;
        let (family, text) = (&text[..colon], &text[colon + 1..]);
        let slash = memchr::memrchr(b'/', text).ok_or_else(refuse)?;
        let (address, length) = (&text[..slash], &text[slash + 1..]);
        let mut octets = [0u8; 16];
        let (family, length) = match family {
            b"1" => {
                octets[..4].copy_from_slice(&numbers::ipv4(address).ok_or_else(refuse)?);
                (1, numbers::decimal(length, 32).ok_or_else(refuse)?)
            }
            b"2" => {
                octets = numbers::ipv6(address).ok_or_else(refuse)?;
                (2, numbers::decimal(length, 128).ok_or_else(refuse)?)
            }
            _ => return Err(refuse()),
        };
        // RFC 3123 § 4: zeros at the end are left out.
        let kept = octets.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
        let [_, _, _, length] = length.to_be_bytes();
        input.out.extend_from_slice(&[0, family, length]);
        input.out.extend(u8::try_from(kept).map(|kept| kept | negated));
        input.out.extend_from_slice(&octets[..kept]);
        Ok(())
    })
}

/// Prints prefixes, with a blank before each but the first.
pub(super) fn print_prefixes(bytes: &[u8], out: &mut String) -> Printed {
    let mut rest = bytes;
    let mut first = true;
    while !rest.is_empty() {
        let [0, family, length, flags, after @ ..] = rest else { return Err(Unprintable) };
        let kept = usize::from(flags & 0x7f);
        let (address, next) = after.split_at_checked(kept).ok_or(Unprintable)?;
        let size = match family {
            1 => 4,
            2 => 16,
            _ => return Err(Unprintable),
        };
        if kept > size || usize::from(*length) > size * 8 || address.last() == Some(&0) {
            return Err(Unprintable);
        }
        let mut octets = [0u8; 16];
        octets[..kept].copy_from_slice(address);
        let blank = if first { "" } else { " " };
        let negation = if flags & 0x80 == 0 { "" } else { "!" };
        let _ = write!(out, "{blank}{negation}{family}:");
        let [a, b, c, d, ..] = octets;
        let _ = match family {
            1 => write!(out, "{}/{length}", Ipv4Addr::new(a, b, c, d)),
            _ => write!(out, "{}/{length}", Ipv6Addr::from(octets)),
        };
        rest = next;
        first = false;
    }
    Ok(())
}

/// Reads `0x` and hexadecimal digits, with dots anywhere.
pub(super) fn read_nsap(input: &mut Input<'_, '_>) -> Result<()> {
    let word = input.bare("an NSAP address")?;
    let [b'0', b'x' | b'X', digits @ ..] = word.bytes else {
        return Err(fault(word, "this is not an NSAP address", "expected 0x and hexadecimal digits"));
    };
    append_dotted_hex(word, digits, input.out)
}

fn append_dotted_hex(word: Word<'_>, digits: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let digits: Vec<u8> = digits.iter().copied().filter(|&octet| octet != b'.').collect();
    octets::append_hex(Word { bytes: &digits, ..word }, out).map_err(|mut fault| {
        fault.span = word.span();
        fault
    })
}

pub(super) fn print_nsap(bytes: &[u8], out: &mut String) -> Printed {
    if bytes.is_empty() {
        return Err(Unprintable);
    }
    out.push_str("0x");
    print::hex(bytes, out);
    Ok(())
}

/// Reads an ATM address: `+` and digits (E.164), or hexadecimal digits with dots anywhere (AESA).
pub(super) fn read_atma(input: &mut Input<'_, '_>) -> Result<()> {
    let word = input.bare("an ATM address")?;
    if let [b'+', digits @ ..] = word.bytes {
        let digits: Vec<u8> = digits.iter().copied().filter(|&octet| octet != b'.').collect();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(fault(word, "this is not an ATM address", "expected + and digits"));
        }
        input.out.push(1);
        input.out.extend_from_slice(&digits);
        return Ok(());
    }
    input.out.push(0);
    append_dotted_hex(word, word.bytes, input.out)
}

pub(super) fn print_atma(bytes: &[u8], out: &mut String) -> Printed {
    match bytes {
        [0, address @ ..] if !address.is_empty() => print::hex(address, out),
        [1, digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            out.push('+');
            out.extend(digits.iter().copied().map(char::from));
        }
        _ => return Err(Unprintable),
    }
    Ok(())
}

/// Reads `prefix-length [suffix] [prefix-name]`; a suffix unless the length is 128, a name unless it is 0.
pub(super) fn read_a6(input: &mut Input<'_, '_>) -> Result<()> {
    #[allow(clippy::cast_possible_truncation)] // bounded by 128
    let length = input.number(128, "a prefix length")? as u8;
    input.out.push(length);
    if length < 128 {
        let word = input.bare("an address suffix")?;
        let mut address = ipv6(word)?;
        let start = usize::from(length / 8);
        address[start] &= 0xff >> (length % 8);
        input.out.extend_from_slice(&address[start..]);
    }
    if length > 0 {
        let word = input.bare("a prefix name")?;
        names::read(word, input.origin, input.out, input.remarks)?;
    }
    Ok(())
}

pub(super) fn print_a6(bytes: &[u8], origin: Option<NameRef<'_>>, out: &mut String) -> Printed {
    let [length @ 0..=128, rest @ ..] = bytes else { return Err(Unprintable) };
    let start = usize::from(length / 8);
    let (suffix, name) = rest.split_at_checked(16 - start).ok_or(Unprintable)?;
    let mut address = [0u8; 16];
    address[start..].copy_from_slice(suffix);
    if start < 16 && address[start] & !(0xff >> (length % 8)) != 0 {
        return Err(Unprintable);
    }
    let _ = write!(out, "{length}");
    if *length < 128 {
        let _ = write!(out, " {}", Ipv6Addr::from(address));
    }
    if *length > 0 {
        out.push(' ');
        print::name(NameRef::parse(name).map_err(|_| Unprintable)?, origin, out);
    }
    Ok(())
}
