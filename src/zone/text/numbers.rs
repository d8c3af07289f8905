//! Numbers, periods, dates and addresses in text: octets to values, nothing else.

use std::net::Ipv6Addr;

use crate::zone::Ttl;

/// The greatest TTL (RFC 2181 § 8), in seconds.
pub(super) const TTL_MAX: u32 = Ttl::MAX.0;

/// Reads decimal digits, all of `text`; `None` if it is not a number or above `max`.
#[inline]
pub(super) fn decimal(text: &[u8], max: u32) -> Option<u32> {
    if text.is_empty() || text.len() > 10 {
        // Leading zeros are allowed, as many as there are.
        let significant = text.iter().position(|&octet| octet != b'0')?;
        return if significant > 0 { decimal(&text[significant..], max) } else { None };
    }
    let mut value = 0u64;
    for &octet in text {
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    u32::try_from(value).ok().filter(|&value| value <= max)
}

/// Reads a TTL: seconds, or weeks, days, hours, minutes and seconds as `1w2d3h4m5s`, in any order
/// and any case. `None` if `text` is neither or does not fit 32 bits.
pub fn parse_ttl(text: &str) -> Option<Ttl> {
    period(text.as_bytes()).map(Ttl)
}

/// As [`parse_ttl`], in seconds.
#[inline]
pub(super) fn period(text: &[u8]) -> Option<u32> {
    if let Some(seconds) = decimal(text, u32::MAX) {
        return Some(seconds);
    }
    let mut total = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.iter().position(|octet| !octet.is_ascii_digit())?;
        let count = decimal(&rest[..digits], u32::MAX)?;
        let seconds = match rest[digits].to_ascii_lowercase() {
            b'w' => 604_800,
            b'd' => 86_400,
            b'h' => 3_600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        total = total.checked_add(u64::from(count) * seconds)?;
        rest = &rest[digits + 1..];
    }
    if text.is_empty() { None } else { u32::try_from(total).ok() }
}

/// Reads an IPv4 address: four decimal numbers up to 255 without leading zeros.
#[inline]
pub(super) fn ipv4(text: &[u8]) -> Option<[u8; 4]> {
    let mut address = [0; 4];
    let mut index = 0;
    let mut value = 0u16;
    let mut digits = 0;
    for &octet in text {
        if octet == b'.' {
            if digits == 0 || index == 3 {
                return None;
            }
            address[index] = u8::try_from(value).ok()?;
            index += 1;
            value = 0;
            digits = 0;
        } else {
            let digit = octet.wrapping_sub(b'0');
            if digit > 9 || digits == 3 || (digits > 0 && value == 0) {
                return None;
            }
            value = value * 10 + u16::from(digit);
            digits += 1;
        }
    }
    if index != 3 || digits == 0 {
        return None;
    }
    address[3] = u8::try_from(value).ok()?;
    Some(address)
}

/// Reads an IPv6 address (RFC 4291 § 2.2).
pub(super) fn ipv6(text: &[u8]) -> Option<[u8; 16]> {
    std::str::from_utf8(text).ok()?.parse::<Ipv6Addr>().ok().map(|address| address.octets())
}

/// Reads an instant of DNSSEC (RFC 4034 § 3.2): fourteen digits `YYYYMMDDHHmmSS`, or up to ten
/// digits of seconds since 1970; modulo 2³².
pub(super) fn time(text: &[u8]) -> Option<u32> {
    if text.len() != 14 {
        return decimal(text, u32::MAX);
    }
    let part = |from: usize, to: usize| decimal(&text[from..to], u32::MAX);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    // A second of 60 is a leap second.
    if year < 1970 || day == 0 || day > days_in(year, month)? || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut days = 0u64;
    for earlier in 1970..year {
        days += if is_leap(earlier) { 366 } else { 365 };
    }
    for earlier in 1..month {
        days += u64::from(days_in(year, earlier)?);
    }
    days += u64::from(day - 1);
    let seconds = ((days * 24 + u64::from(hour)) * 60 + u64::from(minute)) * 60 + u64::from(second);
    u32::try_from(seconds & 0xffff_ffff).ok()
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u32, month: u32) -> Option<u32> {
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => return None,
    })
}

/// The fourteen digits of an instant between 1970 and 2106 (RFC 4034 § 3.2).
pub(super) fn time_digits(seconds: u32) -> u64 {
    let mut days = seconds / 86_400;
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let mut month = 1;
    while let Some(length) = days_in(year, month) {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let second = seconds % 86_400;
    let date = (u64::from(year) * 100 + u64::from(month)) * 100 + u64::from(days + 1);
    ((date * 100 + u64::from(second / 3600)) * 100 + u64::from(second / 60 % 60)) * 100 + u64::from(second % 60)
}

/// The value of a hexadecimal digit.
#[inline]
pub(super) fn hex_digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_in_seconds_or_units() {
        for (text, seconds) in [("0", 0), ("300", 300), ("1h30m", 5400), ("1W", 604_800), ("30m1h", 5400), ("0001", 1)]
        {
            assert_eq!(parse_ttl(text), Some(Ttl(seconds)), "{text}");
        }
        for text in ["", "h", "1h30", "1x", "-1", "4294967296", "7102w", "1 h", "99999999999999999999w"] {
            assert_eq!(parse_ttl(text), None, "{text}");
        }
        assert_eq!(parse_ttl("4294967295"), Some(Ttl(u32::MAX)));
    }

    #[test]
    fn addresses_are_read_strictly() {
        assert_eq!(ipv4(b"192.0.2.1"), Some([192, 0, 2, 1]));
        assert_eq!(ipv4(b"0.0.0.0"), Some([0; 4]));
        for text in ["1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1..2.3", "1.2.3.", ".1.2.3", "1.2.3.4444", ""] {
            assert_eq!(ipv4(text.as_bytes()), None, "{text}");
        }
        assert_eq!(ipv6(b"::1").map(|a| a[15]), Some(1));
        assert_eq!(ipv6(b"fe80::1%eth0"), None);
    }

    #[test]
    fn rfc4034_3_2_times_in_both_forms() {
        assert_eq!(time(b"20300101000000"), Some(1_893_456_000));
        assert_eq!(time(b"1893456000"), Some(1_893_456_000));
        assert_eq!(time(b"19700101000000"), Some(0));
        assert_eq!(time(b"21060207062816"), Some(0));
        assert_eq!(time_digits(1_893_456_000), 20_300_101_000_000);
        assert_eq!(time_digits(u32::MAX), 21_060_207_062_815);
        assert_eq!(time_digits(951_782_400), 20_000_229_000_000);
        for text in ["20301301000000", "20300229000000", "20300101240000", "19691231235959", "2030010100000x", ""] {
            assert_eq!(time(text.as_bytes()), None, "{text}");
        }
    }
}
