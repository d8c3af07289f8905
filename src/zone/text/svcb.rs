//! Service parameters of SVCB and HTTPS, in and out (RFC 9460 § 2.1, § 7, § 8 and appendix A;
//! RFC 9461 for `dohpath`, RFC 9540 for `ohttp`).

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::fault::{Fault, Result};
use super::lexer::Word;
use super::octets::{self, Base64};
use super::print::{self, Unprintable};
use super::rdata::Input;
use super::{address, numbers};
use crate::wire::Reader;

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6HINT: u16 = 6;
const DOHPATH: u16 = 7;
const OHTTP: u16 = 8;

const KEYS: [&str; 9] =
    ["mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp"];

/// The most parameters one record may have.
const PARAMS_MAX: usize = 1000;

struct Param {
    key: u16,
    value: Vec<u8>,
    span: (usize, usize),
}

/// Reads the parameters to the end of the entry and appends them in the order of their keys.
pub(super) fn read(input: &mut Input<'_, '_>) -> Result<()> {
    let mut params: Vec<Param> = Vec::new();
    while let Some(word) = input.next()? {
        if word.quoted {
            return Err(fault(word, "a service parameter does not start with a quote").help("write key=\"value\""));
        }
        let (name, value) = match memchr::memchr(b'=', word.bytes) {
            Some(at) => (&word.bytes[..at], Some(&word.bytes[at + 1..])),
            None => (word.bytes, None),
        };
        let Some(key) = read_key(name) else {
            return Err(fault(word, "this is not a key of a service parameter")
                .label("expected a name such as alpn, or key and a number from 0 to 65534"));
        };
        // A value in quotes is a word of its own that follows without a blank.
        let quoted = match (value, input.peek()?) {
            (Some(b""), Some(next)) if next.quoted && next.at == word.span().1 + 1 => input.next()?,
            _ => None,
        };
        let value = match (quoted, value) {
            (Some(quoted), _) => Some(quoted),
            (None, Some(bytes)) => Some(Word { bytes, at: word.at + name.len() + 1, quoted: false, plain: word.plain }),
            (None, None) => None,
        };
        let whole = (word.at, value.map_or(word.span().1, |value| value.span().1));
        if params.len() == PARAMS_MAX {
            return Err(fault(word, "there are too many service parameters"));
        }
        let mut wire = Vec::new();
        if name.starts_with(b"key") {
            // By its number a key has the octets of its value behind it, known or not, as in BIND.
            if let Some(value) = value {
                octets::append_text(value, &mut wire)?;
            }
            if print_value(key, &wire, &mut String::new()).is_err() {
                return Err(fault(word, "these octets are no value of this service parameter")
                    .help(format!("it has a written form of its own, as {}", key_text(key))));
            }
        } else {
            read_value(key, value, word, &mut wire)?;
        }
        params.push(Param { key, value: wire, span: whole });
    }
    params.sort_by_key(|param| param.key);
    check(&params)?;
    for Param { key, value, span } in &params {
        let length = u16::try_from(value.len())
            .map_err(|_| Fault::error("zone-svcparam", *span, "the value has more than 65535 octets"))?;
        input.out.extend_from_slice(&key.to_be_bytes());
        input.out.extend_from_slice(&length.to_be_bytes());
        input.out.extend_from_slice(value);
    }
    Ok(())
}

fn fault(word: Word<'_>, message: &'static str) -> Box<Fault> {
    Fault::error("zone-svcparam", word.span(), message)
}

fn read_key(name: &[u8]) -> Option<u16> {
    if let Some(at) = KEYS.iter().position(|known| known.as_bytes() == name) {
        return u16::try_from(at).ok();
    }
    let digits = name.strip_prefix(b"key")?;
    // RFC 9460 § 2.1: without leading zeros; 65535 is reserved as invalid.
    if digits.len() > 1 && digits[0] == b'0' {
        return None;
    }
    u16::try_from(numbers::decimal(digits, 65_534)?).ok()
}

/// What the parameters must be to each other; they are sorted.
fn check(params: &[Param]) -> Result<()> {
    for pair in params.windows(2) {
        if pair[0].key == pair[1].key {
            return Err(Fault::error("zone-svcparam", pair[1].span, "this service parameter is given twice"));
        }
    }
    let has = |key: u16| params.binary_search_by_key(&key, |param| param.key).is_ok();
    for param in params {
        match param.key {
            MANDATORY => {
                for key in param.value.as_chunks::<2>().0.iter().copied().map(u16::from_be_bytes) {
                    if !has(key) {
                        let message = format!("`{}` is mandatory, but not given", key_text(key));
                        return Err(Fault::error("zone-svcparam", param.span, message)
                            .help("every key that is listed in mandatory must be given (RFC 9460 § 8)"));
                    }
                }
            }
            NO_DEFAULT_ALPN if !has(ALPN) => {
                return Err(Fault::error("zone-svcparam", param.span, "no-default-alpn leaves no protocol at all")
                    .help("give alpn too (RFC 9460 § 7.1.1)"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_value(key: u16, value: Option<Word<'_>>, whole: Word<'_>, out: &mut Vec<u8>) -> Result<()> {
    let present = |what: &'static str| {
        value
            .filter(|value| !value.bytes.is_empty())
            .ok_or_else(|| fault(whole, "this service parameter needs a value").label(what))
    };
    match key {
        MANDATORY => {
            let value = present("expected a list of keys, such as alpn,port")?;
            let mut keys = Vec::new();
            for name in value.bytes.split(|&octet| octet == b',') {
                let key = read_key(name).ok_or_else(|| {
                    fault(value, "this is not a list of keys").label("expected names such as alpn, with commas between")
                })?;
                keys.push(key);
            }
            keys.sort_unstable();
            if keys.windows(2).any(|pair| pair[0] == pair[1]) || keys.contains(&MANDATORY) {
                return Err(fault(value, "a key is listed twice, or is `mandatory` itself"));
            }
            out.extend(keys.iter().flat_map(|key| key.to_be_bytes()));
        }
        ALPN => {
            let value = present("expected a list of protocols, such as h2,h3")?;
            for protocol in list(value)? {
                let length = u8::try_from(protocol.len()).ok().filter(|&length| length > 0);
                let length = length.ok_or_else(|| fault(value, "a protocol must have 1 to 255 octets"))?;
                out.push(length);
                out.extend_from_slice(&protocol);
            }
        }
        NO_DEFAULT_ALPN | OHTTP => {
            if let Some(value) = value {
                return Err(fault(value, "this service parameter has no value"));
            }
        }
        PORT => {
            let value = present("expected a number from 0 to 65535")?;
            let port = numbers::decimal(value.bytes, 65_535)
                .ok_or_else(|| fault(value, "this is not a port").label("expected a number from 0 to 65535"))?;
            out.extend_from_slice(&port.to_be_bytes()[2..]);
        }
        IPV4HINT | IPV6HINT => {
            let value = present("expected a list of addresses")?;
            let mut at = value.at;
            for address in value.bytes.split(|&octet| octet == b',') {
                let word = Word { bytes: address, at, quoted: false, plain: value.plain };
                at += address.len() + 1;
                if key == IPV4HINT {
                    out.extend_from_slice(&address::ipv4(word)?);
                } else {
                    out.extend_from_slice(&address::ipv6(word)?);
                }
            }
        }
        ECH => {
            let value = present("expected base64")?;
            let mut decoder = Base64::default();
            decoder.push(value, out)?;
            decoder.finish(value)?;
        }
        DOHPATH => {
            let value = present("expected a path such as /dns-query{?dns}")?;
            octets::append_text(value, out)?;
            let valid = std::str::from_utf8(out).is_ok_and(|path| path.starts_with('/') && has_dns_variable(path));
            if !valid {
                return Err(fault(value, "this is not the path of a DNS over HTTPS service")
                    .label("expected a URI template that starts with / and has the variable dns (RFC 9461 § 5)"));
            }
        }
        _ => {
            if let Some(value) = value {
                octets::append_text(value, out)?;
            }
        }
    }
    Ok(())
}

/// Whether the variable `dns` stands in an expression of a URI template (RFC 6570).
fn has_dns_variable(path: &str) -> bool {
    path.split('{').skip(1).filter_map(|after| after.split_once('}')).any(|(expression, _)| {
        expression.trim_start_matches(['?', '&', '/', ';', '+', '#', '.']).split(',').any(|variable| variable == "dns")
    })
}

/// RFC 9460 appendix A.1: a list with commas; in the octets that the escapes of the text leave,
/// `\,` is a comma and `\\` a backslash of an item.
fn list(value: Word<'_>) -> Result<Vec<Vec<u8>>> {
    let mut octets = Vec::new();
    octets::append_text(value, &mut octets)?;
    let mut items = vec![Vec::new()];
    let mut rest = octets.into_iter();
    while let Some(octet) = rest.next() {
        let octet = match octet {
            b',' => {
                items.push(Vec::new());
                continue;
            }
            b'\\' => match rest.next() {
                Some(escaped @ (b',' | b'\\')) => escaped,
                _ => {
                    return Err(fault(
                        value,
                        "a backslash of a list is followed neither by a comma nor by a backslash",
                    )
                    .help("in a list a comma that belongs to an item is written \\\\, and a backslash \\\\\\\\"));
                }
            },
            octet => octet,
        };
        if let Some(item) = items.last_mut() {
            item.push(octet);
        }
    }
    Ok(items)
}

fn key_text(key: u16) -> String {
    KEYS.get(usize::from(key)).map_or_else(|| format!("key{key}"), |&name| name.to_owned())
}

/// Prints parameters, each with a blank before it.
pub(super) fn print(params: &[u8], out: &mut String) -> std::result::Result<(), Unprintable> {
    let mut reader = Reader::new(params);
    let mut present = Vec::new();
    let mut mandatory: &[u8] = &[];
    while !reader.is_empty() {
        let key = reader.u16().map_err(|_| Unprintable)?;
        let length = reader.u16().map_err(|_| Unprintable)?;
        let value = reader.take(usize::from(length)).map_err(|_| Unprintable)?;
        if key == 65_535 {
            return Err(Unprintable);
        }
        if key == MANDATORY {
            mandatory = value;
        }
        present.push(key);
        out.push(' ');
        out.push_str(&key_text(key));
        print_value(key, value, out)?;
    }
    // What our own reader would refuse can only be said in the generic form.
    let listed = mandatory.as_chunks::<2>().0.iter().copied().map(u16::from_be_bytes);
    let complete = listed.into_iter().all(|key| present.contains(&key));
    if !complete || (present.contains(&NO_DEFAULT_ALPN) && !present.contains(&ALPN)) || present.len() > PARAMS_MAX {
        return Err(Unprintable);
    }
    Ok(())
}

fn print_value(key: u16, value: &[u8], out: &mut String) -> std::result::Result<(), Unprintable> {
    let whole = |condition: bool| if condition { Ok(()) } else { Err(Unprintable) };
    match key {
        MANDATORY => {
            let (keys, rest) = value.as_chunks::<2>();
            let keys: Vec<u16> = keys.iter().copied().map(u16::from_be_bytes).collect();
            let rises = keys.windows(2).all(|pair| pair[0] < pair[1]);
            whole(rest.is_empty() && rises && !keys.is_empty() && keys[0] != MANDATORY && !keys.contains(&65_535))?;
            let keys: Vec<String> = keys.into_iter().map(key_text).collect();
            let _ = write!(out, "={}", keys.join(","));
        }
        ALPN => {
            whole(!value.is_empty())?;
            let mut octets = Vec::new();
            let mut reader = Reader::new(value);
            while !reader.is_empty() {
                let length = reader.u8().map_err(|_| Unprintable)?;
                let item = reader.take(usize::from(length)).map_err(|_| Unprintable)?;
                whole(!item.is_empty())?;
                if !octets.is_empty() {
                    octets.push(b',');
                }
                for &octet in item {
                    if matches!(octet, b',' | b'\\') {
                        octets.push(b'\\');
                    }
                    octets.push(octet);
                }
            }
            out.push('=');
            print::quoted(&octets, out);
        }
        NO_DEFAULT_ALPN | OHTTP => whole(value.is_empty())?,
        PORT => {
            let port: [u8; 2] = value.try_into().map_err(|_| Unprintable)?;
            let _ = write!(out, "={}", u16::from_be_bytes(port));
        }
        IPV4HINT => {
            let (addresses, rest) = value.as_chunks::<4>();
            whole(rest.is_empty() && !addresses.is_empty())?;
            let addresses: Vec<String> = addresses.iter().map(|&address| Ipv4Addr::from(address).to_string()).collect();
            let _ = write!(out, "={}", addresses.join(","));
        }
        IPV6HINT => {
            let (addresses, rest) = value.as_chunks::<16>();
            whole(rest.is_empty() && !addresses.is_empty())?;
            let addresses: Vec<String> = addresses.iter().map(|&address| Ipv6Addr::from(address).to_string()).collect();
            let _ = write!(out, "={}", addresses.join(","));
        }
        ECH => {
            whole(!value.is_empty())?;
            out.push('=');
            data_encoding::BASE64.encode_append(value, out);
        }
        DOHPATH => {
            whole(std::str::from_utf8(value).is_ok_and(|path| path.starts_with('/') && has_dns_variable(path)))?;
            out.push('=');
            print::quoted(value, out);
        }
        _ if value.is_empty() => {}
        _ => {
            out.push('=');
            print::quoted(value, out);
        }
    }
    Ok(())
}
