//! Locations (RFC 1876), in and out.
//!
//! On the wire a size or a precision is a mantissa and a power of ten, in centimetres; a latitude
//! or longitude thousandths of a second of arc around 2³¹; an altitude centimetres above
//! 100 000 m below the WGS 84 spheroid.

use std::fmt::Write;

use super::fault::{Fault, Result};
use super::lexer::Word;
use super::numbers;
use super::print::Unprintable;
use super::rdata::Input;

const EQUATOR: u32 = 1 << 31;
const ALTITUDE_BASE: i64 = 10_000_000;
const THOUSANDTHS_PER_DEGREE: u32 = 3_600_000;
/// 9 · 10⁹ cm.
const SIZE_MAX: u64 = 9_000_000_000;

fn fault(word: Word<'_>, message: &'static str) -> Box<Fault> {
    Fault::error("zone-location", word.span(), message)
        .help("a location is written `52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m`; minutes, seconds and all behind the altitude may be left out")
}

/// Reads `d1 [m1 [s1]] N|S d2 [m2 [s2]] E|W altitude [size [horizontal [vertical]]]`.
pub(super) fn read(input: &mut Input<'_, '_>) -> Result<()> {
    let latitude = read_angle(input, 90, b'N', b'S')?;
    let longitude = read_angle(input, 180, b'E', b'W')?;
    let word = input.bare("an altitude")?;
    let altitude = centimetres(word.bytes)
        .and_then(|altitude| u32::try_from(altitude + ALTITUDE_BASE).ok())
        .ok_or_else(|| fault(word, "this is not an altitude from -100000.00m to 42849672.95m"))?;
    // RFC 1876 § 3: 1 m, 10 000 m and 10 m unless given.
    let mut sizes = [0x12, 0x16, 0x13];
    for size in &mut sizes {
        let Some(word) = input.next()? else { break };
        *size = centimetres(word.bytes)
            .and_then(|size| u64::try_from(size).ok())
            .and_then(power_of_ten)
            .ok_or_else(|| fault(word, "this is not a size or precision from 0m to 90000000.00m"))?;
    }
    input.out.push(0);
    input.out.extend_from_slice(&sizes);
    for part in [latitude, longitude, altitude] {
        input.out.extend_from_slice(&part.to_be_bytes());
    }
    Ok(())
}

fn read_angle(input: &mut Input<'_, '_>, degrees_max: u32, positive: u8, negative: u8) -> Result<u32> {
    let word = input.bare("degrees")?;
    let degrees = numbers::decimal(word.bytes, degrees_max).ok_or_else(|| fault(word, "these are not degrees"))?;
    let mut thousandths = degrees * THOUSANDTHS_PER_DEGREE;
    let mut last = word;
    for part in 0..3 {
        let word = input.bare("a hemisphere")?;
        last = word;
        if let [letter] = *word.bytes {
            let letter = letter.to_ascii_uppercase();
            if letter == positive || letter == negative {
                if thousandths > degrees_max * THOUSANDTHS_PER_DEGREE {
                    return Err(fault(word, "these are too many degrees"));
                }
                return Ok(if letter == positive { EQUATOR + thousandths } else { EQUATOR - thousandths });
            }
        }
        let more = match part {
            0 => numbers::decimal(word.bytes, 59).map(|minutes| minutes * 60_000),
            1 => fixed_point(word.bytes, 3).filter(|&seconds| seconds < 60_000).and_then(|s| u32::try_from(s).ok()),
            _ => None,
        };
        thousandths += more.ok_or_else(|| fault(word, "these are not minutes, seconds or a hemisphere"))?;
    }
    Err(fault(last, "a hemisphere is missing"))
}

/// A decimal number with at most `places` places, as an integer of the last place.
fn fixed_point(text: &[u8], places: u32) -> Option<u64> {
    let (whole, fraction) = match memchr::memchr(b'.', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &b""[..]),
    };
    let length = u32::try_from(fraction.len()).ok().filter(|&length| length <= places)?;
    let whole = if whole.is_empty() && length > 0 { 0 } else { numbers::decimal(whole, u32::MAX)? };
    let fraction = if length == 0 { 0 } else { numbers::decimal(fraction, u32::MAX)? };
    Some(u64::from(whole) * 10u64.pow(places) + u64::from(fraction) * 10u64.pow(places - length))
}

/// Metres with or without `m`, in centimetres.
fn centimetres(text: &[u8]) -> Option<i64> {
    let text = text.strip_suffix(b"m").unwrap_or(text);
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let value = i64::try_from(fixed_point(digits, 2)?).ok()?;
    Some(if negative { -value } else { value })
}

/// Centimetres as a mantissa of one digit and a power of ten; further digits are cut off.
fn power_of_ten(centimetres: u64) -> Option<u8> {
    if centimetres > SIZE_MAX {
        return None;
    }
    let (mut mantissa, mut power) = (centimetres, 0u8);
    while mantissa > 9 {
        mantissa /= 10;
        power += 1;
    }
    u8::try_from(mantissa).ok().map(|mantissa| mantissa << 4 | power)
}

/// Prints a location; what can't be written as one is unprintable.
pub(super) fn print(bytes: &[u8], out: &mut String) -> std::result::Result<(), Unprintable> {
    let &[0, size, horizontal, vertical, a, b, c, d, e, f, g, h, i, j, k, l] = bytes else {
        return Err(Unprintable);
    };
    print_angle(u32::from_be_bytes([a, b, c, d]), 90, ('N', 'S'), out)?;
    out.push(' ');
    print_angle(u32::from_be_bytes([e, f, g, h]), 180, ('E', 'W'), out)?;
    let altitude = i64::from(u32::from_be_bytes([i, j, k, l])) - ALTITUDE_BASE;
    let sign = if altitude < 0 { "-" } else { "" };
    let _ = write!(out, " {sign}{}.{:02}m", altitude.abs() / 100, altitude.abs() % 100);
    for size in [size, horizontal, vertical] {
        let (mantissa, power) = (u64::from(size >> 4), u32::from(size & 0x0f));
        // A mantissa of 0 has one power only that reads back.
        if mantissa > 9 || power > 9 || (mantissa == 0 && power > 0) {
            return Err(Unprintable);
        }
        let centimetres = mantissa * 10u64.pow(power);
        let _ = write!(out, " {}.{:02}m", centimetres / 100, centimetres % 100);
    }
    Ok(())
}

fn print_angle(
    value: u32,
    degrees_max: u32,
    (positive, negative): (char, char),
    out: &mut String,
) -> std::result::Result<(), Unprintable> {
    let thousandths = value.abs_diff(EQUATOR);
    if thousandths > degrees_max * THOUSANDTHS_PER_DEGREE {
        return Err(Unprintable);
    }
    let hemisphere = if value >= EQUATOR { positive } else { negative };
    let (degrees, rest) = (thousandths / THOUSANDTHS_PER_DEGREE, thousandths % THOUSANDTHS_PER_DEGREE);
    let (minutes, rest) = (rest / 60_000, rest % 60_000);
    let _ = write!(out, "{degrees} {minutes} {}.{:03} {hemisphere}", rest / 1000, rest % 1000);
    Ok(())
}
