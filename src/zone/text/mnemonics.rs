//! Mnemonics: types, classes, algorithms, kinds of certificates.

use super::fault::{Fault, Result};
use super::lexer::Word;
use super::numbers;
use crate::diag::similar;
use crate::wire::Rtype;

/// Reads a type. The common ones are found without a look at all the others.
#[inline]
pub(super) fn rtype(word: Word<'_>) -> Result<Rtype> {
    let quick = match word.bytes {
        b"A" | b"a" => Rtype::A,
        b"NS" | b"ns" => Rtype::NS,
        b"AAAA" | b"aaaa" => Rtype::AAAA,
        b"MX" | b"mx" => Rtype::MX,
        b"TXT" | b"txt" => Rtype::TXT,
        b"CNAME" | b"cname" => Rtype::CNAME,
        b"SOA" | b"soa" => Rtype::SOA,
        b"PTR" | b"ptr" => Rtype::PTR,
        b"SRV" | b"srv" => Rtype::SRV,
        b"CAA" | b"caa" => Rtype::CAA,
        b"DS" | b"ds" => Rtype::DS,
        b"RRSIG" => Rtype::RRSIG,
        b"NSEC" => Rtype::NSEC,
        b"NSEC3" => Rtype::NSEC3,
        _ => return rtype_by_search(word),
    };
    Ok(quick)
}

fn rtype_by_search(word: Word<'_>) -> Result<Rtype> {
    std::str::from_utf8(word.bytes)
        .ok()
        .filter(|_| !word.quoted)
        .and_then(Rtype::from_text)
        .ok_or_else(|| unknown(word))
}

#[cold]
fn unknown(word: Word<'_>) -> Box<Fault> {
    let shown = word.shown();
    let fault = Fault::error("zone-unknown-type", word.span(), format!("`{shown}` is not a type of record"));
    match nearest(&shown) {
        Some(rtype) => {
            fault.help(format!("did you mean {rtype}? A type without a name is written TYPE and its number"))
        }
        None => {
            fault.help("a type that has no name here is written TYPE and its number, its data as \\# (RFC 3597 § 5)")
        }
    }
}

/// The type whose mnemonic was probably meant.
fn nearest(text: &str) -> Option<Rtype> {
    let mnemonics = (1..=LAST_NAMED).map(Rtype).filter(|rtype| !rtype.is_meta()).filter_map(Rtype::mnemonic);
    Rtype::from_text(similar(text, mnemonics)?)
}

/// The last of the types that have names in a row.
const LAST_NAMED: u16 = 264;

/// Finds `text`, in any case, in a table, or reads it as a number up to `max`.
fn look_up(table: &[(&str, u16)], text: &[u8], max: u16) -> Option<u16> {
    if let Some(number) = numbers::decimal(text, u32::from(max)) {
        return u16::try_from(number).ok();
    }
    table.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(text)).map(|&(_, code)| code)
}

/// IANA "DNS Security Algorithm Numbers".
const ALGORITHMS: &[(&str, u16)] = &[
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("ECC", 4),
    ("RSASHA1", 5),
    ("DSA-NSEC3-SHA1", 6),
    ("NSEC3DSA", 6),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("NSEC3RSASHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECC-GOST", 12),
    ("ECCGOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

/// Reads a DNSSEC algorithm: its number or its mnemonic.
#[allow(clippy::cast_possible_truncation)] // all at most 255
pub(super) fn algorithm(text: &[u8]) -> Option<u8> {
    look_up(ALGORITHMS, text, 255).map(|code| code as u8)
}

/// IANA "Delegation Signer (DS) Resource Record (RR) Type Digest Algorithms".
const DIGESTS: &[(&str, u16)] =
    &[("SHA-1", 1), ("SHA1", 1), ("SHA-256", 2), ("SHA256", 2), ("GOST", 3), ("SHA-384", 4), ("SHA384", 4)];

/// RFC 5155 § 11.
const NSEC3_HASHES: &[(&str, u16)] = &[("SHA-1", 1)];

/// RFC 2535 § 3.1.3.
const KEY_PROTOCOLS: &[(&str, u16)] =
    &[("NONE", 0), ("TLS", 1), ("EMAIL", 2), ("DNSSEC", 3), ("IPSEC", 4), ("ALL", 255)];

/// Reads the mnemonic of an octet of an `rtype` record that is usually a number, as BIND does.
#[allow(clippy::cast_possible_truncation)] // all at most 255
pub(super) fn octet(rtype: Rtype, text: &[u8]) -> Option<u8> {
    let table = match rtype {
        Rtype::DS | Rtype::CDS | Rtype::DLV | Rtype::TA => DIGESTS,
        Rtype::NSEC3 | Rtype::NSEC3PARAM => NSEC3_HASHES,
        Rtype::KEY | Rtype::DNSKEY | Rtype::CDNSKEY | Rtype::RKEY => KEY_PROTOCOLS,
        _ => return None,
    };
    look_up(table, text, 255).map(|code| code as u8)
}

/// RFC 2535 § 3.1.2, and the flag of RFC 3757.
const KEY_FLAGS: &[(&str, u16)] = &[
    ("NOCONF", 0x4000),
    ("NOAUTH", 0x8000),
    ("NOKEY", 0xc000),
    ("EXTEND", 0x1000),
    ("USER", 0),
    ("ZONE", 0x0100),
    ("HOST", 0x0200),
    ("NTYP3", 0x0300),
    ("KSK", 0x0001),
];

/// Reads the flags of a key by name, with `|` between, as BIND does.
pub(super) fn key_flags(rtype: Rtype, text: &[u8]) -> Option<u16> {
    if !matches!(rtype, Rtype::KEY | Rtype::DNSKEY | Rtype::CDNSKEY | Rtype::RKEY) {
        return None;
    }
    text.split(|&octet| octet == b'|').try_fold(0, |flags, name| {
        let (_, flag) = KEY_FLAGS.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))?;
        Some(flags | flag)
    })
}

/// RFC 4398 § 2.1.
const CERT_TYPES: &[(&str, u16)] = &[
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];

/// Reads a type of certificate: its number or its mnemonic.
pub(super) fn cert_type(text: &[u8]) -> Option<u16> {
    look_up(CERT_TYPES, text, 65_535)
}

/// IP protocols that WKS records were written for.
const PROTOCOLS: &[(&str, u16)] = &[("ICMP", 1), ("IGMP", 2), ("TCP", 6), ("EGP", 8), ("UDP", 17)];

/// Reads an IP protocol: its number or its name.
#[allow(clippy::cast_possible_truncation)] // all at most 255
pub(super) fn protocol(text: &[u8]) -> Option<u8> {
    look_up(PROTOCOLS, text, 255).map(|code| code as u8)
}

/// Well-known services, as WKS records name them (RFC 1010, RFC 1035 § 3.4.2).
const SERVICES: &[(&str, u16)] = &[
    ("ECHO", 7),
    ("DISCARD", 9),
    ("SYSTAT", 11),
    ("DAYTIME", 13),
    ("NETSTAT", 15),
    ("QOTD", 17),
    ("CHARGEN", 19),
    ("FTP-DATA", 20),
    ("FTP", 21),
    ("SSH", 22),
    ("TELNET", 23),
    ("SMTP", 25),
    ("TIME", 37),
    ("WHOIS", 43),
    ("DOMAIN", 53),
    ("TFTP", 69),
    ("GOPHER", 70),
    ("FINGER", 79),
    ("HTTP", 80),
    ("WWW", 80),
    ("KERBEROS", 88),
    ("POP2", 109),
    ("POP3", 110),
    ("SUNRPC", 111),
    ("AUTH", 113),
    ("NNTP", 119),
    ("NTP", 123),
    ("IMAP2", 143),
    ("IMAP", 143),
    ("SNMP", 161),
    ("IRC", 194),
    ("HTTPS", 443),
];

/// Reads a service: its port or its name.
pub(super) fn service(text: &[u8]) -> Option<u16> {
    look_up(SERVICES, text, 65_535)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_type_suggests_its_neighbour() {
        assert_eq!(nearest("AAA"), Some(Rtype::AAAA));
        assert_eq!(nearest("CNMAE"), Some(Rtype::CNAME));
        assert_eq!(nearest("MXX"), Some(Rtype::MX));
        assert_eq!(nearest("WWW.EXAMPLE"), None);
    }
}
