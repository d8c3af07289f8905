//! RDATA out: wire form to text, by the field table of [`crate::wire::rdata`].
//!
//! What the text form of a type can't say is printed in the generic one (RFC 3597 § 5), so that
//! whatever is printed reads back to the same octets.

use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{address, bitmap, gateway, loc, numbers, svcb};
use crate::wire::name::write_label;
use crate::wire::rdata::{self, Field, Piece};
use crate::wire::{NameRef, Rtype};

/// A value that the text form of its type can't say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unprintable;

type Printed = Result<(), Unprintable>;

/// Prints `rdata` (names uncompressed) of an `rtype` record. Names below `origin`, if one is given,
/// are printed relative to it.
///
/// # Errors
/// What `out` says.
pub fn print_rdata(rtype: Rtype, rdata: &[u8], out: &mut impl fmt::Write, origin: Option<NameRef<'_>>) -> fmt::Result {
    let mut text = String::with_capacity(64);
    append_rdata(rtype, rdata, origin, &mut text);
    out.write_str(&text)
}

/// As [`print_rdata`], to the end of `out`.
pub(super) fn append_rdata(rtype: Rtype, rdata: &[u8], origin: Option<NameRef<'_>>, out: &mut String) {
    let start = out.len();
    if append_typed(rtype, rdata, origin, out).is_err() {
        out.truncate(start);
        append_generic(rdata, out);
    }
}

/// Prints `rdata` in the generic form (RFC 3597 § 5).
pub(super) fn append_generic(rdata: &[u8], out: &mut String) {
    let _ = write!(out, "\\# {}", rdata.len());
    if !rdata.is_empty() {
        out.push(' ');
        hex(rdata, out);
    }
}

fn append_typed(rtype: Rtype, rdata: &[u8], origin: Option<NameRef<'_>>, out: &mut String) -> Printed {
    if rdata::fields(rtype).is_none() {
        return Err(Unprintable);
    }
    let start = out.len();
    let mut printed = Ok(());
    rdata::split(rtype, rdata, |piece| {
        if printed.is_ok() {
            // A field to the end that is empty, and one that puts a blank before each item, has none.
            let blank = !matches!(
                piece.field,
                Field::TypeBitmap | Field::NxtBitmap | Field::SvcParams | Field::Names | Field::OptionalCharacterString
            );
            if blank && out.len() > start {
                out.push(' ');
            }
            printed = append_field(rtype, piece, origin, out);
        }
    })
    .map_err(|_| Unprintable)?;
    printed?;
    // Our own reader holds digests to their length.
    gateway::check_digest(rtype, rdata, (0, 0)).map_err(|_| Unprintable)
}

fn append_field(
    rtype: Rtype,
    Piece { field, bytes }: Piece<'_>,
    origin: Option<NameRef<'_>>,
    out: &mut String,
) -> Printed {
    match field {
        Field::CompressibleName | Field::Name => name(NameRef::parse(bytes).map_err(|_| Unprintable)?, origin, out),
        Field::U8 | Field::Algorithm | Field::U16 | Field::CertType | Field::U32 | Field::Period => {
            let _ = write!(out, "{}", integer(bytes));
        }
        Field::Ipv4 => {
            let address: [u8; 4] = bytes.try_into().map_err(|_| Unprintable)?;
            let _ = write!(out, "{}", Ipv4Addr::from(address));
        }
        Field::Ipv6 => {
            let address: [u8; 16] = bytes.try_into().map_err(|_| Unprintable)?;
            let _ = write!(out, "{}", Ipv6Addr::from(address));
        }
        Field::CharacterString => quoted(bytes.get(1..).ok_or(Unprintable)?, out),
        Field::OptionalCharacterString => {
            if let Some(text) = bytes.get(1..) {
                out.push(' ');
                quoted(text, out);
            }
        }
        Field::CharacterStrings => {
            let mut rest = bytes;
            let mut first = true;
            while let Some((&length, after)) = rest.split_first() {
                let (text, next) = after.split_at_checked(usize::from(length)).ok_or(Unprintable)?;
                if !first {
                    out.push(' ');
                }
                quoted(text, out);
                rest = next;
                first = false;
            }
        }
        Field::Text => {
            if rtype == Rtype::URI && bytes.is_empty() {
                return Err(Unprintable);
            }
            quoted(bytes, out);
        }
        Field::Tag => {
            let tag = bytes.get(1..).filter(|tag| tag.iter().all(u8::is_ascii_alphanumeric)).ok_or(Unprintable)?;
            out.extend(tag.iter().copied().map(char::from));
        }
        Field::Hex => hex(bytes, out),
        Field::Base64 => base64(rtype, bytes, out)?,
        Field::SaltHex => match bytes.get(1..) {
            Some([]) | None => out.push('-'),
            Some(salt) => hex(salt, out),
        },
        Field::HashBase32 => data_encoding::BASE32HEX_NOPAD.encode_append(bytes.get(1..).ok_or(Unprintable)?, out),
        Field::Rtype => {
            let &[high, low] = bytes else { return Err(Unprintable) };
            let _ = write!(out, "{}", Rtype(u16::from_be_bytes([high, low])));
        }
        Field::Time => {
            let seconds: [u8; 4] = bytes.try_into().map_err(|_| Unprintable)?;
            let _ = write!(out, "{:014}", numbers::time_digits(u32::from_be_bytes(seconds)));
        }
        Field::TypeBitmap => bitmap::print_types(bytes, out),
        Field::NxtBitmap => bitmap::print_nxt(bytes, out)?,
        Field::Eui48 | Field::Eui64 => address::print_eui(bytes, out),
        Field::Locator64 => address::print_locator(bytes, out),
        Field::Loc => loc::print(bytes, out)?,
        Field::Prefixes => address::print_prefixes(bytes, out)?,
        Field::SvcParams => svcb::print(bytes, out)?,
        Field::IpseckeyGateway => gateway::print_ipseckey_gateway(bytes, origin, out)?,
        Field::AmtRelay => gateway::print_amt_relay(bytes, origin, out)?,
        Field::Hip => gateway::print_hip(bytes, out)?,
        Field::Names => {
            let mut rest = bytes;
            while !rest.is_empty() {
                let next = NameRef::parse(rest).map_err(|_| Unprintable)?;
                out.push(' ');
                name(next, origin, out);
                rest = &rest[next.wire().len()..];
            }
        }
        Field::Nsap => address::print_nsap(bytes, out)?,
        Field::Atma => address::print_atma(bytes, out)?,
        Field::A6 => address::print_a6(bytes, origin, out)?,
        Field::Wks => bitmap::print_services(bytes, out)?,
    }
    Ok(())
}

/// An unsigned integer of at most four octets in network byte order.
fn integer(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, &octet| value << 8 | u32::from(octet))
}

/// Prints a name, relative to `origin` if it is at or below it.
pub(super) fn name(name: NameRef<'_>, origin: Option<NameRef<'_>>, out: &mut String) {
    let below = origin.filter(|origin| !origin.is_root()).and_then(|origin| {
        let prefix = name.prefix_below(origin)?;
        // The case of a suffix that is left out would be lost.
        (name.wire()[prefix.len()..] == *origin.wire()).then_some(prefix)
    });
    let Some(mut prefix) = below else {
        let _ = write!(out, "{name}");
        return;
    };
    if prefix.is_empty() {
        out.push('@');
    }
    let mut first = true;
    while let Some((&length, after)) = prefix.split_first() {
        let Some((label, next)) = after.split_at_checked(usize::from(length)) else { return };
        if !first {
            out.push('.');
        }
        let _ = write_label(out, label);
        prefix = next;
        first = false;
    }
}

/// Prints octets in quotes.
pub(super) fn quoted(octets: &[u8], out: &mut String) {
    out.push('"');
    for &octet in octets {
        match octet {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(octet));
            }
            0x20..=0x7e => out.push(char::from(octet)),
            _ => {
                let _ = write!(out, "\\{octet:03}");
            }
        }
    }
    out.push('"');
}

/// Prints octets in hexadecimal, upper case.
pub(super) fn hex(octets: &[u8], out: &mut String) {
    data_encoding::HEXUPPER.encode_append(octets, out);
}

/// Prints octets in base64; no octets at all are nothing, where the type allows it.
fn base64(rtype: Rtype, octets: &[u8], out: &mut String) -> Printed {
    if octets.is_empty() {
        return match rtype {
            Rtype::DOA => {
                out.push('-');
                Ok(())
            }
            Rtype::IPSECKEY => {
                out.pop();
                Ok(())
            }
            _ => Err(Unprintable),
        };
    }
    data_encoding::BASE64.encode_append(octets, out);
    Ok(())
}
