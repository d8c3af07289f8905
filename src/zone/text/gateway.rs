//! Fields that lead to a host: IPSECKEY's gateway (RFC 4025 § 3.1), AMTRELAY's relay (RFC 8777
//! § 4.3), HIP's identity (RFC 8005 § 6). In and out. And the lengths that digests must have.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::fault::{Fault, Result};
use super::lexer::Word;
use super::octets::{self, Base64};
use super::print::{self, Unprintable};
use super::rdata::Input;
use super::{address, names};
use crate::wire::{NameRef, Rtype};

type Printed = std::result::Result<(), Unprintable>;

/// Appends a length octet and what `append` makes of `word`.
pub(super) fn append_counted(
    word: Word<'_>,
    out: &mut Vec<u8>,
    append: impl FnOnce(Word<'_>, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let length_at = out.len();
    out.push(0);
    append(word, out)?;
    out[length_at] = u8::try_from(out.len() - length_at - 1)
        .map_err(|_| Fault::error("zone-rdata", word.span(), "this may have 255 octets at most"))?;
    Ok(())
}

/// Reads a host of kind 0 (none, written `.`), 1 (IPv4), 2 (IPv6) or 3 (a name).
fn read_host(input: &mut Input<'_, '_>, kind: u8, what: &str) -> Result<()> {
    let word = input.bare(what)?;
    match kind {
        0 if word.bytes == b"." => {}
        0 => {
            return Err(
                Fault::error("zone-gateway", word.span(), "of type 0 there is no host").label("expected a single dot")
            );
        }
        1 => input.out.extend_from_slice(&address::ipv4(word)?),
        2 => input.out.extend_from_slice(&address::ipv6(word)?),
        _ => names::read(word, input.origin, input.out, input.remarks)?,
    }
    Ok(())
}

fn print_host(kind: u8, bytes: &[u8], origin: Option<NameRef<'_>>, out: &mut String) -> Printed {
    match kind {
        0 if bytes.is_empty() => out.push('.'),
        1 => {
            let address: [u8; 4] = bytes.try_into().map_err(|_| Unprintable)?;
            let _ = write!(out, "{}", Ipv4Addr::from(address));
        }
        2 => {
            let address: [u8; 16] = bytes.try_into().map_err(|_| Unprintable)?;
            let _ = write!(out, "{}", Ipv6Addr::from(address));
        }
        3 => print::name(NameRef::parse(bytes).map_err(|_| Unprintable)?, origin, out),
        _ => return Err(Unprintable),
    }
    Ok(())
}

fn read_kind(input: &mut Input<'_, '_>, what: &str) -> Result<u8> {
    #[allow(clippy::cast_possible_truncation)] // bounded by 3
    Ok(input.number(3, what)? as u8)
}

/// Reads `gateway-type algorithm gateway`.
pub(super) fn read_ipseckey_gateway(input: &mut Input<'_, '_>) -> Result<()> {
    let kind = read_kind(input, "a type of gateway")?;
    let algorithm = input.octet("an algorithm")?;
    input.out.extend_from_slice(&[kind, algorithm]);
    read_host(input, kind, "a gateway")
}

pub(super) fn print_ipseckey_gateway(bytes: &[u8], origin: Option<NameRef<'_>>, out: &mut String) -> Printed {
    let [kind, algorithm, gateway @ ..] = bytes else { return Err(Unprintable) };
    let _ = write!(out, "{kind} {algorithm} ");
    print_host(*kind, gateway, origin, out)
}

/// Reads `discovery-optional type relay`.
pub(super) fn read_amt_relay(input: &mut Input<'_, '_>) -> Result<()> {
    #[allow(clippy::cast_possible_truncation)] // bounded by 1
    let discovery = input.number(1, "whether discovery is optional, 0 or 1")? as u8;
    let kind = read_kind(input, "a type of relay")?;
    input.out.push(discovery << 7 | kind);
    read_host(input, kind, "a relay")
}

pub(super) fn print_amt_relay(bytes: &[u8], origin: Option<NameRef<'_>>, out: &mut String) -> Printed {
    let [first, relay @ ..] = bytes else { return Err(Unprintable) };
    let _ = write!(out, "{} {} ", first >> 7, first & 0x7f);
    print_host(first & 0x7f, relay, origin, out)
}

/// Reads `algorithm hit public-key`; on the wire the two lengths stand in front.
pub(super) fn read_hip(input: &mut Input<'_, '_>) -> Result<()> {
    let algorithm = input.octet("an algorithm")?;
    let start = input.out.len();
    input.out.extend_from_slice(&[0, algorithm, 0, 0]);
    let word = input.bare("a host identity tag")?;
    octets::append_hex(word, input.out)?;
    let tag_end = input.out.len();
    input.out[start] = u8::try_from(tag_end - start - 4)
        .map_err(|_| Fault::error("zone-rdata", word.span(), "a host identity tag may have 255 octets at most"))?;
    let word = input.bare("a public key")?;
    let mut decoder = Base64::default();
    decoder.push(word, input.out)?;
    decoder.finish(word)?;
    let length = u16::try_from(input.out.len() - tag_end)
        .map_err(|_| Fault::error("zone-rdata", word.span(), "a public key may have 65535 octets at most"))?;
    if length == 0 {
        return Err(Fault::error("zone-rdata", word.span(), "the public key is empty"));
    }
    input.out[start + 2..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

pub(super) fn print_hip(bytes: &[u8], out: &mut String) -> Printed {
    let [tag_length, algorithm, _, _, rest @ ..] = bytes else { return Err(Unprintable) };
    let (tag, key) = rest.split_at_checked(usize::from(*tag_length)).ok_or(Unprintable)?;
    let _ = write!(out, "{algorithm} ");
    print::hex(tag, out);
    out.push(' ');
    data_encoding::BASE64.encode_append(key, out);
    Ok(())
}

/// Whether the digest of a DS or ZONEMD record has the length of its algorithm, if we know that
/// algorithm (RFC 4509 § 2.2, RFC 6605 § 2, RFC 8976 § 2.2.4).
pub(super) fn check_digest(rtype: Rtype, rdata: &[u8], span: (usize, usize)) -> Result<()> {
    let (header, expected) = match (rtype, rdata) {
        // An algorithm of 0 asks the parent to remove the DS records (RFC 8078 § 4).
        (Rtype::CDS, [_, _, 0, ..]) => return Ok(()),
        (Rtype::DS | Rtype::CDS | Rtype::DLV | Rtype::TA, [_, _, _, kind, ..]) => (
            4,
            match kind {
                1 => 20,
                2 | 3 => 32,
                4 => 48,
                _ => return Ok(()),
            },
        ),
        (Rtype::ZONEMD, [_, _, _, _, _, kind, ..]) => (
            6,
            match kind {
                1 => 48,
                2 => 64,
                _ => return Ok(()),
            },
        ),
        _ => return Ok(()),
    };
    let found = rdata.len() - header;
    if found == expected {
        return Ok(());
    }
    Err(Fault::error("zone-digest-length", span, "the digest does not have the length of its algorithm")
        .label(format!("has {found} octets, needs {expected}")))
}
