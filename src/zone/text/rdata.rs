//! RDATA in: the words of a record to wire form, by the field table of [`crate::wire::rdata`].
//!
//! What one field says of itself is here, texts and encodings are in `octets`; fields with a grammar of their own are
//! in `address`, `bitmap`, `gateway`, `loc` and `svcb`.

use super::fault::{Fault, Result};
use super::lexer::{Lexer, Word};
use super::octets::{self, Base64};
use super::{address, bitmap, gateway, loc, mnemonics, names, numbers, svcb};
use crate::wire::rdata::{self, Field};
use crate::wire::{NameRef, Rtype};

/// The most octets RDATA may have (RFC 1035 § 3.2.1).
pub(super) const RDATA_LEN_MAX: usize = 65_535;

/// The words of a record's RDATA, and where their wire form goes.
pub(super) struct Input<'a, 't> {
    lexer: &'a mut Lexer<'t>,
    peeked: Option<Word<'t>>,
    /// The end of the last word, where a missing one would stand.
    end: usize,
    /// What is appended to relative names.
    pub origin: NameRef<'a>,
    /// The wire form so far.
    pub out: &'a mut Vec<u8>,
    /// Remarks that are no errors.
    pub remarks: &'a mut Vec<Fault>,
}

/// Reads the RDATA of an `rtype` record to the end of its entry, and appends its wire form to `out`.
/// Returns where its last word ends.
pub(super) fn read<'t>(
    rtype: Rtype,
    lexer: &mut Lexer<'t>,
    end: usize,
    origin: NameRef<'_>,
    out: &mut Vec<u8>,
    remarks: &mut Vec<Fault>,
) -> Result<usize> {
    let mut input = Input { lexer, peeked: None, end, origin, out, remarks };
    let first = input.peek()?;
    let start = first.map_or((end, end), Word::span);
    if first.is_some_and(|word| word.bytes == b"\\#" && !word.quoted) {
        input.next()?;
        input.generic(rtype)?;
        return Ok(input.end);
    }
    let Some(fields) = rdata::fields(rtype) else {
        return Err(Fault::error(
            "zone-rdata",
            start,
            format!("the data of a {rtype} record has no written form of its own"),
        )
        .help("write it as \\#, its length in octets, and the octets in hexadecimal (RFC 3597 § 5)"));
    };
    for &field in fields {
        input.field(rtype, field)?;
    }
    if let Some(word) = input.next()? {
        return Err(Fault::error(
            "zone-extra-field",
            word.span(),
            format!("there is more here than a {rtype} record has"),
        )
        .label("not expected")
        .help(extra_field_help(rtype)));
    }
    let end = input.end;
    if input.out.len() > RDATA_LEN_MAX {
        return Err(too_long((start.0, end)));
    }
    gateway::check_digest(rtype, input.out, (start.0, end))?;
    Ok(end)
}

fn extra_field_help(rtype: Rtype) -> &'static str {
    match rtype {
        Rtype::CAA | Rtype::URI | Rtype::HINFO => "a text with blanks stands in quotes",
        _ => "a comment starts with ;",
    }
}

/// The fault of an entry that ends at `end` before `what` came.
#[cold]
pub(super) fn missing(end: usize, what: &str) -> Box<Fault> {
    Fault::error("zone-missing-field", (end, end), format!("{what} is missing")).label(format!("expected {what}"))
}

fn too_long(span: (usize, usize)) -> Box<Fault> {
    Fault::error("zone-rdata", span, format!("the data of a record may have {RDATA_LEN_MAX} octets at most"))
}

impl<'t> Input<'_, 't> {
    /// The next word of the entry.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Word<'t>>> {
        let word = match self.peeked.take() {
            Some(word) => Some(word),
            None => self.lexer.word()?,
        };
        if let Some(word) = word {
            self.end = word.span().1;
        }
        Ok(word)
    }

    /// The next word, which stays.
    pub(super) fn peek(&mut self) -> Result<Option<Word<'t>>> {
        if self.peeked.is_none() {
            self.peeked = self.lexer.word()?;
        }
        Ok(self.peeked)
    }

    /// The next word, which must be there.
    #[inline]
    pub(super) fn required(&mut self, what: &str) -> Result<Word<'t>> {
        match self.next()? {
            Some(word) => Ok(word),
            None => Err(missing(self.end, what)),
        }
    }

    /// The next word, which must be there and not in quotes.
    #[inline]
    pub(super) fn bare(&mut self, what: &str) -> Result<Word<'t>> {
        let word = self.required(what)?;
        if word.quoted {
            return Err(Fault::error("zone-quoted", word.span(), format!("{what} does not stand in quotes"))
                .help("leave the quotes out"));
        }
        Ok(word)
    }

    /// A decimal number up to `max`.
    #[inline]
    pub(super) fn number(&mut self, max: u32, what: &str) -> Result<u32> {
        let word = self.bare(what)?;
        numbers::decimal(word.bytes, max).ok_or_else(|| {
            Fault::error("zone-number", word.span(), format!("this is not {what}"))
                .label(format!("expected a number from 0 to {max}"))
        })
    }

    /// A decimal number of one octet.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // bounded by 255
    pub(super) fn octet(&mut self, what: &str) -> Result<u8> {
        Ok(self.number(255, what)? as u8)
    }

    /// A name, to the output.
    #[inline]
    pub(super) fn name(&mut self) -> Result<()> {
        let word = self.bare("a name")?;
        names::read(word, self.origin, self.out, self.remarks)
    }

    fn field(&mut self, rtype: Rtype, field: Field) -> Result<()> {
        match field {
            Field::CompressibleName | Field::Name => self.name()?,
            Field::U8 => {
                let mnemonic = self.peek()?.and_then(|word| mnemonics::octet(rtype, word.bytes));
                let value = match mnemonic {
                    Some(value) => {
                        self.next()?;
                        value
                    }
                    None => self.octet("a number of 8 bits")?,
                };
                self.out.push(value);
            }
            Field::U16 => {
                let flags = self.peek()?.and_then(|word| mnemonics::key_flags(rtype, word.bytes));
                let value = match flags {
                    Some(flags) => {
                        self.next()?;
                        u32::from(flags)
                    }
                    None => self.number(0xffff, "a number of 16 bits")?,
                };
                self.out.extend_from_slice(&value.to_be_bytes()[2..]);
            }
            Field::U32 => {
                let value = self.number(u32::MAX, "a number of 32 bits")?;
                self.out.extend_from_slice(&value.to_be_bytes());
            }
            Field::Period => {
                let word = self.bare("a period of time")?;
                let Some(seconds) = numbers::period(word.bytes) else {
                    return Err(Fault::error("zone-period", word.span(), "this is not a period of time")
                        .label("expected seconds, or a form like 1h30m"));
                };
                self.out.extend_from_slice(&seconds.to_be_bytes());
            }
            Field::Ipv4 => {
                let word = self.bare("an IPv4 address")?;
                let address = address::ipv4(word)?;
                self.out.extend_from_slice(&address);
            }
            Field::Ipv6 => {
                let word = self.bare("an IPv6 address")?;
                let address = address::ipv6(word)?;
                self.out.extend_from_slice(&address);
            }
            Field::CharacterString => {
                let word = self.required("a text")?;
                octets::append_character_string(word, self.out)?;
            }
            Field::OptionalCharacterString => {
                if let Some(word) = self.next()? {
                    octets::append_character_string(word, self.out)?;
                }
            }
            Field::CharacterStrings => {
                let word = self.required("a text")?;
                octets::append_character_string(word, self.out)?;
                self.each_to_the_end(|input, word| octets::append_character_string(word, input.out))?;
            }
            Field::Text => {
                let word = self.required("a text")?;
                octets::append_text(word, self.out)?;
                if rtype == Rtype::URI && word.bytes.is_empty() {
                    return Err(Fault::error("zone-text", word.span(), "the target of a URI record may not be empty"));
                }
            }
            Field::Tag => {
                let word = self.bare("a property tag")?;
                let length = u8::try_from(word.bytes.len()).ok();
                let (Some(length), true) = (length, word.bytes.iter().all(u8::is_ascii_alphanumeric)) else {
                    return Err(Fault::error("zone-text", word.span(), "this is not a property tag")
                        .label("expected letters and digits, such as issue, issuewild or iodef"));
                };
                self.out.push(length);
                self.out.extend_from_slice(word.bytes);
            }
            Field::Hex => self.hex_to_the_end()?,
            Field::Base64 => self.base64_to_the_end(rtype)?,
            Field::SaltHex => {
                let word = self.bare("a salt")?;
                if word.bytes == b"-" {
                    self.out.push(0);
                } else {
                    gateway::append_counted(word, self.out, octets::append_hex)?;
                }
            }
            Field::HashBase32 => {
                let word = self.bare("a hash in base32hex")?;
                gateway::append_counted(word, self.out, octets::append_base32)?;
            }
            Field::Rtype => {
                let word = self.bare("a type")?;
                let rtype = mnemonics::rtype(word)?;
                self.out.extend_from_slice(&rtype.0.to_be_bytes());
            }
            Field::Algorithm => {
                let word = self.bare("an algorithm")?;
                let Some(algorithm) = mnemonics::algorithm(word.bytes) else {
                    return Err(Fault::error("zone-algorithm", word.span(), "this is not an algorithm of DNSSEC")
                        .label("expected a number from 0 to 255, or a mnemonic such as ECDSAP256SHA256"));
                };
                self.out.push(algorithm);
            }
            Field::CertType => {
                let word = self.bare("a type of certificate")?;
                let Some(kind) = mnemonics::cert_type(word.bytes) else {
                    return Err(Fault::error("zone-cert-type", word.span(), "this is not a type of certificate")
                        .label("expected a number from 0 to 65535, or a mnemonic such as PKIX"));
                };
                self.out.extend_from_slice(&kind.to_be_bytes());
            }
            Field::Time => {
                let word = self.bare("an instant")?;
                let Some(seconds) = numbers::time(word.bytes) else {
                    return Err(Fault::error("zone-time", word.span(), "this is not an instant")
                        .label("expected YYYYMMDDHHmmSS, or seconds since 1970"));
                };
                self.out.extend_from_slice(&seconds.to_be_bytes());
            }
            Field::TypeBitmap => bitmap::read_types(self)?,
            Field::NxtBitmap => bitmap::read_nxt(self)?,
            Field::Eui48 => address::read_eui(self, 6)?,
            Field::Eui64 => address::read_eui(self, 8)?,
            Field::Locator64 => address::read_locator(self)?,
            Field::Loc => loc::read(self)?,
            Field::Prefixes => address::read_prefixes(self)?,
            Field::SvcParams => svcb::read(self)?,
            Field::IpseckeyGateway => gateway::read_ipseckey_gateway(self)?,
            Field::AmtRelay => gateway::read_amt_relay(self)?,
            Field::Hip => gateway::read_hip(self)?,
            Field::Names => {
                self.each_to_the_end(|input, word| names::read(word, input.origin, input.out, input.remarks))?
            }
            Field::Nsap => address::read_nsap(self)?,
            Field::Atma => address::read_atma(self)?,
            Field::A6 => address::read_a6(self)?,
            Field::Wks => bitmap::read_services(self)?,
        }
        Ok(())
    }

    /// Hands every further word to `each`.
    pub(super) fn each_to_the_end(&mut self, mut each: impl FnMut(&mut Self, Word<'t>) -> Result<()>) -> Result<()> {
        while let Some(word) = self.next()? {
            each(self, word)?;
            if self.out.len() > RDATA_LEN_MAX {
                return Err(too_long(word.span()));
            }
        }
        Ok(())
    }

    /// Hexadecimal digits to the end, blanks allowed anywhere.
    pub(super) fn hex_to_the_end(&mut self) -> Result<()> {
        let start = self.out.len();
        let first = self.bare("hexadecimal digits")?;
        let mut high = None;
        octets::append_hex_digits(first, &mut high, self.out)?;
        let mut last = first;
        self.each_to_the_end(|input, word| {
            last = word;
            octets::append_hex_digits(word, &mut high, input.out)
        })?;
        if high.is_some() || self.out.len() == start {
            return Err(Fault::error("zone-hex", last.span(), "the number of hexadecimal digits is odd")
                .help("two digits make an octet; a leading 0 is written"));
        }
        Ok(())
    }

    /// Base64 to the end, blanks allowed anywhere.
    fn base64_to_the_end(&mut self, rtype: Rtype) -> Result<()> {
        // Nothing to follow: a key that is withdrawn, a gateway without one, `-` for no data.
        let optional = match rtype {
            Rtype::IPSECKEY => true,
            Rtype::KEY => self.out.first().is_some_and(|flags| flags & 0xc0 == 0xc0),
            Rtype::DOA => {
                if self.peek()?.is_some_and(|word| word.bytes == b"-") {
                    self.next()?;
                    return Ok(());
                }
                false
            }
            _ => false,
        };
        if optional && self.peek()?.is_none() {
            return Ok(());
        }
        let start = self.out.len();
        let mut decoder = Base64::default();
        let first = self.bare("base64")?;
        decoder.push(first, self.out)?;
        let mut last = first;
        self.each_to_the_end(|input, word| {
            last = word;
            decoder.push(word, input.out)
        })?;
        decoder.finish(last)?;
        if self.out.len() == start {
            return Err(octets::base64_fault(last));
        }
        Ok(())
    }

    /// RFC 3597 § 5: after `\#`, a length and so many octets in hexadecimal.
    fn generic(&mut self, rtype: Rtype) -> Result<()> {
        let start = self.out.len();
        let word = self.bare("the length of the data")?;
        let length = numbers::decimal(word.bytes, 65_535).ok_or_else(|| {
            Fault::error("zone-number", word.span(), "this is not a length in octets")
                .label("expected a number from 0 to 65535")
        })?;
        let mut high = None;
        self.each_to_the_end(|input, word| octets::append_hex_digits(word, &mut high, input.out))?;
        let span = (word.at, self.end);
        let found = self.out.len() - start;
        if high.is_some() {
            return Err(Fault::error("zone-hex", span, "the number of hexadecimal digits is odd"));
        }
        if u32::try_from(found) != Ok(length) {
            return Err(Fault::error("zone-rdata", span, format!("{length} octets are announced, {found} follow")));
        }
        rdata::check(rtype, &self.out[start..]).map_err(|error| Fault::error("zone-rdata", span, error.to_string()))
    }
}
