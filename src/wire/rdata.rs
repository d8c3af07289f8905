//! The fields of RDATA, per type: one table that the parser, the printer, the checks, name
//! compression and canonical form all read.
//!
//! A type without an entry is opaque (RFC 3597): it is kept as it came.

use super::name::NameRef;
use super::{Reader, Rtype};

/// One field of RDATA, as it stands on the wire and in presentation form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A name that may be compressed in messages: the types of RFC 1035 only (RFC 3597 § 4).
    CompressibleName,
    /// A name that is never compressed by us, lower-cased in canonical form (RFC 4034 § 6.2) or
    /// not: see [`lowercases_names`].
    Name,
    /// An unsigned integer of one octet.
    U8,
    /// An unsigned integer of two octets.
    U16,
    /// An unsigned integer of four octets.
    U32,
    /// A time to live or an interval of SOA: four octets, `1h30m` in text.
    Period,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A `<character-string>`: a length octet, then up to 255 octets.
    CharacterString,
    /// One or more character-strings, to the end.
    CharacterStrings,
    /// Octets to the end, in text one quoted string (CAA's value, URI's target).
    Text,
    /// A length octet, then octets that in text are a bare word (CAA's tag).
    Tag,
    /// Octets to the end, in text as hexadecimal, blanks allowed; may not be empty.
    Hex,
    /// Octets to the end, in text as base64, blanks allowed.
    Base64,
    /// A length octet, then octets that in text are hexadecimal or `-` (NSEC3's salt).
    SaltHex,
    /// A length octet, then octets that in text are base32hex (NSEC3's next hash).
    HashBase32,
    /// A type, by its mnemonic or TYPEn.
    Rtype,
    /// A DNSSEC algorithm number (RFC 4034 § A.1); a mnemonic is read too.
    Algorithm,
    /// A CERT type (RFC 4398 § 2.1); a mnemonic is read too.
    CertType,
    /// Seconds since 1970 modulo 2³², in text `YYYYMMDDHHmmSS` (RFC 4034 § 3.2).
    Time,
    /// A bitmap of types to the end (RFC 4034 § 4.1.2); may be empty.
    TypeBitmap,
    /// Six octets as `xx-xx-xx-xx-xx-xx` (RFC 7043).
    Eui48,
    /// Eight octets as `xx-xx-xx-xx-xx-xx-xx-xx` (RFC 7043).
    Eui64,
    /// Eight octets as four groups of hexadecimal (RFC 6742: NID, L64).
    Locator64,
    /// A location (RFC 1876): version, size, precisions, latitude, longitude, altitude.
    Loc,
    /// Address prefixes (RFC 3123), to the end.
    Prefixes,
    /// Service parameters (RFC 9460 § 2.1), to the end.
    SvcParams,
    /// IPSECKEY's gateway type, algorithm and gateway (RFC 4025 § 2; the precedence stands before).
    IpseckeyGateway,
    /// AMTRELAY's discovery bit, relay type and relay (RFC 8777 § 4; the precedence stands before).
    AmtRelay,
    /// HIP's algorithm, HIT and public key (RFC 8005 § 5), their lengths in front.
    Hip,
    /// Names to the end (HIP's rendezvous servers).
    Names,
    /// An NSAP address: `0x` and hexadecimal, dots allowed, to the end (RFC 1706).
    Nsap,
    /// WKS's protocol and bitmap of ports (RFC 1035 § 3.4.2; the address stands before), to the end.
    Wks,
    /// A bitmap of the types below 128, up to 16 octets, to the end (NXT, RFC 2535 § 5.2).
    NxtBitmap,
    /// An ATM address: an octet of format, then the address, to the end.
    Atma,
    /// A6's prefix length, address suffix and prefix name (RFC 2874 § 3.1).
    A6,
    /// A character-string that may be absent (ISDN's subaddress, RFC 1183 § 3.2).
    OptionalCharacterString,
}

use Field::{
    A6, Algorithm, AmtRelay, Atma, Base64, CertType, CharacterString, CharacterStrings, CompressibleName, Eui48, Eui64,
    HashBase32, Hex, Hip, IpseckeyGateway, Ipv4, Ipv6, Loc, Locator64, Name, Names, Nsap, NxtBitmap,
    OptionalCharacterString, Period, Prefixes, SaltHex, SvcParams, Tag, Text, Time, TypeBitmap, U8, U16, U32, Wks,
};

/// The fields of `rtype`'s RDATA in order; `None` if the type is opaque to us.
pub const fn fields(rtype: Rtype) -> Option<&'static [Field]> {
    Some(match rtype {
        Rtype::A => &[Ipv4],
        Rtype::NS | Rtype::MD | Rtype::MF | Rtype::CNAME | Rtype::MB | Rtype::MG | Rtype::MR | Rtype::PTR => {
            &[CompressibleName]
        }
        Rtype::SOA => &[CompressibleName, CompressibleName, U32, Period, Period, Period, Period],
        Rtype::WKS => &[Ipv4, Wks],
        Rtype::HINFO => &[CharacterString, CharacterString],
        Rtype::MINFO => &[CompressibleName, CompressibleName],
        Rtype::MX => &[U16, CompressibleName],
        Rtype::TXT | Rtype::SPF | Rtype::NINFO | Rtype::AVC => &[CharacterStrings],
        Rtype::RP | Rtype::TALINK => &[Name, Name],
        Rtype::AFSDB | Rtype::RT | Rtype::KX => &[U16, Name],
        Rtype::X25 => &[CharacterString],
        Rtype::ISDN => &[CharacterString, OptionalCharacterString],
        Rtype::NSAP => &[Nsap],
        Rtype::NSAP_PTR | Rtype::DNAME => &[Name],
        Rtype::PX => &[U16, Name, Name],
        Rtype::GPOS => &[CharacterString, CharacterString, CharacterString],
        Rtype::AAAA => &[Ipv6],
        Rtype::LOC => &[Loc],
        Rtype::EID | Rtype::NIMLOC => &[Hex],
        Rtype::NXT => &[Name, NxtBitmap],
        Rtype::ATMA => &[Atma],
        Rtype::A6 => &[A6],
        Rtype::SINK => &[U8, U8, U8, Base64],
        Rtype::SRV => &[U16, U16, U16, Name],
        Rtype::NAPTR => &[U16, U16, CharacterString, CharacterString, CharacterString, Name],
        Rtype::CERT => &[CertType, U16, Algorithm, Base64],
        Rtype::APL => &[Prefixes],
        Rtype::DS | Rtype::CDS | Rtype::DLV | Rtype::TA => &[U16, Algorithm, U8, Hex],
        Rtype::SSHFP => &[U8, U8, Hex],
        Rtype::IPSECKEY => &[U8, IpseckeyGateway, Base64],
        Rtype::RRSIG | Rtype::SIG => &[Field::Rtype, Algorithm, U8, U32, Time, Time, U16, Name, Base64],
        Rtype::NSEC => &[Name, TypeBitmap],
        Rtype::KEY | Rtype::DNSKEY | Rtype::CDNSKEY | Rtype::RKEY => &[U16, U8, Algorithm, Base64],
        Rtype::DHCID | Rtype::OPENPGPKEY => &[Base64],
        Rtype::NSEC3 => &[U8, U8, U16, SaltHex, HashBase32, TypeBitmap],
        Rtype::NSEC3PARAM => &[U8, U8, U16, SaltHex],
        Rtype::TLSA | Rtype::SMIMEA => &[U8, U8, U8, Hex],
        Rtype::HIP => &[Hip, Names],
        Rtype::CSYNC => &[U32, U16, TypeBitmap],
        Rtype::ZONEMD => &[U32, U8, U8, Hex],
        Rtype::SVCB | Rtype::HTTPS => &[U16, Name, SvcParams],
        Rtype::NID | Rtype::L64 => &[U16, Locator64],
        Rtype::L32 => &[U16, Ipv4],
        Rtype::LP => &[U16, Name],
        Rtype::EUI48 => &[Eui48],
        Rtype::EUI64 => &[Eui64],
        Rtype::URI => &[U16, U16, Text],
        Rtype::CAA => &[U8, Tag, Text],
        Rtype::DOA => &[U32, U32, U8, CharacterString, Base64],
        Rtype::AMTRELAY => &[U8, AmtRelay],
        _ => return None,
    })
}

/// Whether names in this type's RDATA are lower-cased in canonical form
/// (RFC 4034 § 6.2 as corrected by RFC 6840 § 5.1).
pub const fn lowercases_names(rtype: Rtype) -> bool {
    matches!(
        rtype,
        Rtype::NS
            | Rtype::MD
            | Rtype::MF
            | Rtype::CNAME
            | Rtype::SOA
            | Rtype::MB
            | Rtype::MG
            | Rtype::MR
            | Rtype::PTR
            | Rtype::MINFO
            | Rtype::MX
            | Rtype::RP
            | Rtype::AFSDB
            | Rtype::RT
            | Rtype::SIG
            | Rtype::PX
            | Rtype::NXT
            | Rtype::NAPTR
            | Rtype::KX
            | Rtype::SRV
            | Rtype::DNAME
            | Rtype::A6
            | Rtype::RRSIG
    )
}

/// A stretch of RDATA: one field's octets, or a name among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// What the octets are.
    pub field: Field,
    /// The octets, names uncompressed.
    pub bytes: &'a [u8],
}

/// RDATA that does not have the shape of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data does not have the form of a {rtype} record")]
pub struct MalformedRdata {
    /// The type whose form was expected.
    pub rtype: Rtype,
}

/// Splits uncompressed `rdata` into the fields of `rtype`; an opaque type is one [`Field::Hex`].
///
/// # Errors
/// [`MalformedRdata`] if a field does not fit, or octets are left over.
pub fn split<'a>(rtype: Rtype, rdata: &'a [u8], mut each: impl FnMut(Piece<'a>)) -> Result<(), MalformedRdata> {
    let Some(fields) = fields(rtype) else {
        each(Piece { field: Field::Hex, bytes: rdata });
        return Ok(());
    };
    let mut reader = Reader::new(rdata);
    for &field in fields {
        let length = length_of(field, reader.rest()).ok_or(MalformedRdata { rtype })?;
        let bytes = reader.take(length).map_err(|_| MalformedRdata { rtype })?;
        each(Piece { field, bytes });
    }
    if reader.is_empty() { Ok(()) } else { Err(MalformedRdata { rtype }) }
}

/// Whether uncompressed `rdata` has the form of `rtype`.
///
/// # Errors
/// [`MalformedRdata`] if it has not.
pub fn check(rtype: Rtype, rdata: &[u8]) -> Result<(), MalformedRdata> {
    split(rtype, rdata, |_| {})
}

/// The RDATA of `rtype` that takes `len` octets of `message` from `at` on, its names uncompressed.
///
/// # Errors
/// [`MalformedRdata`] if it has not the form of its type.
pub fn uncompressed(rtype: Rtype, message: &[u8], at: usize, len: usize) -> Result<Vec<u8>, MalformedRdata> {
    let mut whole = Vec::with_capacity(len);
    uncompress(rtype, message, at, len, &mut whole)?;
    Ok(whole)
}

/// As [`uncompressed`], and puts it in the place of what is in `whole`.
///
/// Compression is undone where a sender may not have done without it: in every field that is a name and nothing else, those
/// of types after RFC 1035 too (RFC 3597 § 4 asks it of receivers for most of these).
///
/// # Errors
/// [`MalformedRdata`] if it has not the form of its type.
pub fn uncompress(
    rtype: Rtype,
    message: &[u8],
    at: usize,
    len: usize,
    whole: &mut Vec<u8>,
) -> Result<(), MalformedRdata> {
    let malformed = MalformedRdata { rtype };
    let end = at.checked_add(len).ok_or(malformed)?;
    let rdata = message.get(at..end).ok_or(malformed)?;
    whole.clear();
    let fields = fields(rtype).unwrap_or_default();
    let is_name = |field: &Field| matches!(field, CompressibleName | Name);
    let mut reader = Reader::new(rdata);
    // Up to the last name; what follows is as it is.
    let names = fields.iter().rposition(is_name).map_or(0, |last| last + 1);
    for &field in fields.get(..names).unwrap_or_default() {
        if is_name(&field) {
            super::name::expand_into(message, at + reader.position(), whole).ok_or(malformed)?;
            super::name::skip(&mut reader).ok_or(malformed)?;
        } else {
            let length = length_of(field, reader.rest()).ok_or(malformed)?;
            whole.extend_from_slice(reader.take(length).map_err(|_| malformed)?);
        }
    }
    whole.extend_from_slice(reader.rest());
    if whole.len() > usize::from(u16::MAX) { Err(malformed) } else { check(rtype, whole) }
}

/// The length of the field at the start of `rest`, `None` if the octets do not fit it.
fn length_of(field: Field, rest: &[u8]) -> Option<usize> {
    let counted = |bytes: &[u8]| bytes.first().map(|&len| 1 + usize::from(len)).filter(|&len| len <= bytes.len());
    let name = |bytes: &[u8]| NameRef::parse(bytes).ok().map(|name| name.wire().len());
    match field {
        CompressibleName | Name => name(rest),
        U8 | Algorithm => Some(1),
        U16 | Field::Rtype | CertType => Some(2),
        U32 | Period | Ipv4 | Time => Some(4),
        Eui48 => Some(6),
        Eui64 | Locator64 => Some(8),
        Ipv6 => Some(16),
        Loc => (rest.first() == Some(&0)).then_some(16),
        CharacterString | SaltHex => counted(rest),
        Tag => counted(rest).filter(|&len| len > 1),
        HashBase32 => counted(rest).filter(|&len| len > 1),
        OptionalCharacterString => {
            if rest.is_empty() {
                Some(0)
            } else {
                counted(rest)
            }
        }
        CharacterStrings => to_the_end(rest, counted).filter(|&len| len > 0),
        Names => to_the_end(rest, name),
        TypeBitmap => type_bitmap(rest),
        Hex => (!rest.is_empty()).then_some(rest.len()),
        Text | Base64 | Nsap => Some(rest.len()),
        Wks => (!rest.is_empty()).then_some(rest.len()),
        NxtBitmap => (rest.len() <= 16).then_some(rest.len()),
        Atma => (rest.len() > 1).then_some(rest.len()),
        A6 => {
            let length = usize::from(*rest.first()?);
            let suffix = 16usize.checked_sub(length / 8)?;
            let prefix_name = rest.get(1 + suffix..)?;
            (length <= 128).then_some(1 + suffix + if length == 0 { 0 } else { name(prefix_name)? })
        }
        Prefixes => to_the_end(rest, |item| {
            let len = 4 + usize::from(item.get(3)? & 0x7f);
            (len <= item.len()).then_some(len)
        }),
        SvcParams => svc_params(rest),
        IpseckeyGateway => {
            let gateway = rest.get(2..)?;
            Some(
                2 + match rest.first()? {
                    0 => 0,
                    1 => 4,
                    2 => 16,
                    3 => name(gateway)?,
                    _ => return None,
                },
            )
        }
        AmtRelay => {
            let relay = rest.get(1..)?;
            Some(
                1 + match rest.first()? & 0x7f {
                    0 => 0,
                    1 => 4,
                    2 => 16,
                    3 => name(relay)?,
                    _ => return None,
                },
            )
        }
        Hip => {
            let key = u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]);
            let hit = usize::from(*rest.first()?);
            (hit > 0 && key > 0).then_some(4 + hit + usize::from(key))
        }
    }
}

fn to_the_end(rest: &[u8], item: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
    let mut at = 0;
    while at < rest.len() {
        at += item(&rest[at..])?;
    }
    (at == rest.len()).then_some(at)
}

/// RFC 4034 § 4.1.2: windows rise; each has 1 to 32 octets, the last of them not zero.
fn type_bitmap(rest: &[u8]) -> Option<usize> {
    let mut last_window = None;
    let mut at = 0;
    while at < rest.len() {
        let window = rest[at];
        let len = usize::from(*rest.get(at + 1)?);
        let bits = rest.get(at + 2..at + 2 + len)?;
        let rises = last_window.is_none_or(|last| window > last);
        if !rises || !(1..=32).contains(&len) || bits.last() == Some(&0) {
            return None;
        }
        last_window = Some(window);
        at += 2 + len;
    }
    Some(at)
}

/// RFC 9460 § 2.2: keys strictly rise.
fn svc_params(rest: &[u8]) -> Option<usize> {
    let mut last_key = None;
    let mut reader = Reader::new(rest);
    while !reader.is_empty() {
        let key = reader.u16().ok()?;
        let len = reader.u16().ok()?;
        reader.take(usize::from(len)).ok()?;
        if last_key.is_some_and(|last| key <= last) {
            return None;
        }
        last_key = Some(key);
    }
    Some(rest.len())
}

/// The types of a valid type bitmap, rising (RFC 4034 § 4.1.2).
pub fn types_in_bitmap(bitmap: &[u8]) -> Vec<Rtype> {
    let mut types = Vec::new();
    let mut rest = bitmap;
    while let [window, len, after @ ..] = rest {
        let (bits, next) = after.split_at(usize::from(*len).min(after.len()));
        for (octet, &byte) in (0u16..).zip(bits) {
            for bit in 0..8 {
                if byte & (0x80 >> bit) != 0 {
                    types.push(Rtype(u16::from(*window) << 8 | octet << 3 | bit));
                }
            }
        }
        rest = next;
    }
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_rdata_is_refused() {
        assert!(check(Rtype::A, &[1, 2, 3]).is_err());
        assert!(check(Rtype::A, &[1, 2, 3, 4, 5]).is_err());
        assert!(check(Rtype::MX, b"\x00\x0a\x01a\x00").is_ok());
        assert!(check(Rtype::MX, b"\x00\x0a\xc0\x0c").is_err());
        assert!(check(Rtype::TXT, b"").is_err());
        assert!(check(Rtype::TXT, b"\x00").is_ok());
        assert!(check(Rtype::NSEC, b"\x00\x00\x01\x40").is_ok());
        assert!(check(Rtype::NSEC, b"\x00\x00\x01\x00").is_err());
        assert!(check(Rtype(65280), b"").is_ok());
    }

    #[test]
    fn rfc1035_4_1_4_compression_is_undone() {
        let message = b"\x07example\x00\x00\x0a\x02mx\xc0\x00\xc0\x20";
        assert_eq!(uncompressed(Rtype::MX, message, 9, 7).unwrap(), b"\x00\x0a\x02mx\x07example\x00");
        assert_eq!(uncompressed(Rtype::NS, message, 14, 2).unwrap(), b"\x07example\x00");
        assert_eq!(uncompressed(Rtype::A, message, 9, 4).unwrap(), b"\x00\x0a\x02m");
        // Too short, too long, beyond the end, forward.
        for (rtype, at, len) in [(Rtype::MX, 9, 6), (Rtype::MX, 9, 8), (Rtype::MX, 9, 70), (Rtype::NS, 16, 2)] {
            assert!(uncompressed(rtype, message, at, len).is_err(), "{rtype} {at} {len}");
        }
        assert!(uncompressed(Rtype::NS, message, usize::MAX, 2).is_err());
    }

    #[test]
    fn rfc4034_4_1_2_bitmap() {
        let bitmap = [0, 6, 0x40, 0x01, 0, 0, 0, 0x03, 4, 1, 0x40];
        assert_eq!(types_in_bitmap(&bitmap), [Rtype::A, Rtype::MX, Rtype::RRSIG, Rtype::NSEC, Rtype(1025)]);
    }
}
