//! Fields that are bitmaps: types (NSEC, NSEC3, CSYNC: RFC 4034 § 4.1.2), types of old (NXT:
//! RFC 2535 § 5.2), services (WKS: RFC 1035 § 3.4.2). In and out.

use std::fmt::Write;

use super::fault::{Fault, Result};
use super::mnemonics;
use super::print::Unprintable;
use super::rdata::Input;
use crate::wire::Rtype;
use crate::wire::rdata;

/// Reads types to the end of the entry, in any order.
pub(super) fn read_types(input: &mut Input<'_, '_>) -> Result<()> {
    let mut types = Vec::new();
    input.each_to_the_end(|_, word| {
        types.push(mnemonics::rtype(word)?.0);
        Ok(())
    })?;
    types.sort_unstable();
    for window in types.chunk_by(|a, b| a >> 8 == b >> 8) {
        let mut bits = [0u8; 32];
        for &rtype in window {
            bits[usize::from(rtype & 0xff) / 8] |= 0x80 >> (rtype & 7);
        }
        let last = window.last().map_or(0, |rtype| usize::from(rtype & 0xff) / 8);
        let [number, _] = window[0].to_be_bytes();
        input.out.push(number);
        input.out.extend(u8::try_from(last + 1));
        input.out.extend_from_slice(&bits[..=last]);
    }
    Ok(())
}

/// Prints types, with a blank before each.
pub(super) fn print_types(bitmap: &[u8], out: &mut String) {
    for rtype in rdata::types_in_bitmap(bitmap) {
        let _ = write!(out, " {rtype}");
    }
}

/// Reads NXT's types, each below 128, to the end of the entry.
pub(super) fn read_nxt(input: &mut Input<'_, '_>) -> Result<()> {
    let mut bits = [0u8; 16];
    let mut last = None;
    input.each_to_the_end(|_, word| {
        let Rtype(rtype) = mnemonics::rtype(word)?;
        if rtype >= 128 {
            return Err(Fault::error("zone-nxt", word.span(), "NXT can only list types below 128")
                .help("NSEC, its successor, lists them all (RFC 4034)"));
        }
        let octet = usize::from(rtype / 8);
        bits[octet] |= 0x80 >> (rtype & 7);
        last = last.max(Some(octet));
        Ok(())
    })?;
    if let Some(last) = last {
        input.out.extend_from_slice(&bits[..=last]);
    }
    Ok(())
}

/// Prints NXT's types, with a blank before each.
pub(super) fn print_nxt(bits: &[u8], out: &mut String) -> std::result::Result<(), Unprintable> {
    // The set high bit would mean a form that was never defined.
    if bits.len() > 16 || bits.last() == Some(&0) {
        return Err(Unprintable);
    }
    for rtype in set_bits(bits).filter_map(|bit| u16::try_from(bit).ok()) {
        let _ = write!(out, " {}", Rtype(rtype));
    }
    Ok(())
}

/// Reads WKS's protocol and services, by name or number.
pub(super) fn read_services(input: &mut Input<'_, '_>) -> Result<()> {
    let word = input.bare("a protocol")?;
    let protocol = mnemonics::protocol(word.bytes).ok_or_else(|| {
        Fault::error("zone-protocol", word.span(), "this is not an IP protocol").label("expected TCP, UDP or a number")
    })?;
    let mut bits: Vec<u8> = Vec::new();
    input.each_to_the_end(|_, word| {
        let port = mnemonics::service(word.bytes).ok_or_else(|| {
            Fault::error("zone-service", word.span(), "this is not a service")
                .label("expected a name such as smtp, or a port")
        })?;
        let octet = usize::from(port / 8);
        if bits.len() <= octet {
            bits.resize(octet + 1, 0);
        }
        bits[octet] |= 0x80 >> (port & 7);
        Ok(())
    })?;
    input.out.push(protocol);
    input.out.extend_from_slice(&bits);
    Ok(())
}

/// Prints WKS's protocol and ports, as numbers.
pub(super) fn print_services(bytes: &[u8], out: &mut String) -> std::result::Result<(), Unprintable> {
    let [protocol, bits @ ..] = bytes else { return Err(Unprintable) };
    if bits.len() > 8192 || bits.last() == Some(&0) {
        return Err(Unprintable);
    }
    let _ = write!(out, "{protocol}");
    for port in set_bits(bits) {
        let _ = write!(out, " {port}");
    }
    Ok(())
}

/// The numbers of the bits that are set, the highest bit of the first octet being 0.
fn set_bits(bits: &[u8]) -> impl Iterator<Item = usize> {
    (0..bits.len() * 8).filter(move |bit| bits[bit / 8] & (0x80 >> (bit & 7)) != 0)
}
