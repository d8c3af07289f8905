//! Serials of zones: their arithmetic, and the next one in the style a zone's people chose.
//!
//! Arithmetic is RFC 1982's with SERIAL_BITS 32. Its order is partial: of two serials that lie
//! exactly 2³¹ apart neither is greater, so [`Serial`] has [`PartialOrd`] and no `Ord`. The order
//! isn't transitive either; it is meant for serials that lie close together, and [`Succession`]
//! keeps them so.
//!
//! Invariants of [`Succession`]:
//! 1. each serial is greater (RFC 1982) than the one before it *and* than the zone file's, so that a
//!    secondary that slept through any number of editions still follows;
//! 2. a calendar or clock reading is taken only if it lies within [`LEAP_MAX`] of the file's
//!    serial; else the serial counts by one;
//! 3. it is a function of the zone's serial and the editions' instants alone: every node that has
//!    the same sources computes the same serials.

use std::cmp::Ordering;
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::clock::Instant;

/// How far above the zone file's serial a date or a clock reading may lie to be taken as a serial:
/// half of what RFC 1982 § 3.1 allows one addition, so that there is room to count on from there.
pub const LEAP_MAX: u32 = 1 << 30;

/// A zone's serial (RFC 1982).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Serial(pub u32);

impl Serial {
    /// The serial after this one. It skips 0, which some software takes for "no serial"; so does BIND.
    #[must_use]
    pub fn successor(self) -> Serial {
        match self.0.wrapping_add(1) {
            0 => Serial(1),
            next => Serial(next),
        }
    }

    /// How far this serial lies above `other` (RFC 1982); `None` if it is not greater.
    pub fn above(self, other: Serial) -> Option<u32> {
        let distance = self.0.wrapping_sub(other.0);
        (1..1 << 31).contains(&distance).then_some(distance)
    }
}

impl PartialOrd for Serial {
    /// RFC 1982 § 3.2; `None` if the two lie 2³¹ apart.
    fn partial_cmp(&self, other: &Serial) -> Option<Ordering> {
        if self == other {
            Some(Ordering::Equal)
        } else if self.above(*other).is_some() {
            Some(Ordering::Greater)
        } else {
            other.above(*self).map(|_| Ordering::Less)
        }
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the number of a serial means to the people of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// `YYYYMMDDnn`: a day, and the number of the edition on that day, from 00.
    Date,
    /// Seconds since 1970.
    Unixtime,
    /// A number that is counted up.
    Counter,
}

impl Style {
    /// The style of `serial`, as it looks at the instant `now`.
    ///
    /// Until 2033 no plausible date reads as a plausible Unix time. After that the reading that lies
    /// closer to `now` is meant.
    pub fn of(serial: Serial, now: Instant) -> Style {
        let now = now.unix_seconds();
        let day_after = now.saturating_add(2 * 86400);
        let unixtime = i64::from(serial.0);
        // Before 2001 a Unix time has nine digits, and so has many a counter.
        let unixtime = (unixtime >= 1_000_000_000 && unixtime <= day_after).then_some(unixtime);
        let date = date_reading(serial).filter(|&date| date <= day_after);
        match (date, unixtime) {
            (Some(date), Some(unixtime)) if now.abs_diff(date) <= now.abs_diff(unixtime) => Style::Date,
            (_, Some(_)) => Style::Unixtime,
            (Some(_), None) => Style::Date,
            (None, None) => Style::Counter,
        }
    }
}

/// The day that `serial` names as `YYYYMMDDnn`, as seconds since 1970; `None` if it names none.
/// The 31st of every month is let pass: counting on after `nn` = 99 leads there.
fn date_reading(serial: Serial) -> Option<i64> {
    let day = serial.0 / 100;
    let year = i16::try_from(day / 10_000).ok()?;
    let month = i8::try_from(day / 100 % 100).ok()?;
    let day = i8::try_from(day % 100).ok()?;
    if year < 1990 || !(1..=31).contains(&day) {
        return None;
    }
    let first = jiff::civil::Date::new(year, month, 1).ok()?;
    let first = first.to_zoned(TimeZone::UTC).ok()?;
    Some(first.timestamp().as_second() + i64::from(day - 1) * 86400)
}

/// The serials of a zone's editions, one after the other.
#[derive(Clone, Debug)]
pub struct Succession {
    style: Style,
    time_zone: TimeZone,
    file: Serial,
    last: Serial,
}

impl Succession {
    /// The serials that follow `file`, the serial of the zone as it stands in its file; its style is
    /// read as of `now`. Days are those of `time_zone`: where the plan's people have midnight.
    pub fn new(file: Serial, now: Instant, time_zone: TimeZone) -> Succession {
        Succession { style: Style::of(file, now), time_zone, file, last: file }
    }

    /// The same, where `above` was served already: the next serial is above that too.
    #[must_use]
    pub fn above(mut self, above: Serial) -> Succession {
        if above.above(self.last).is_some() {
            self.last = above;
        }
        self
    }

    /// The last serial: the file's, or one that was served already.
    pub fn last(&self) -> Serial {
        self.last
    }

    /// The style that is kept.
    pub fn style(&self) -> Style {
        self.style
    }

    /// The serial of the next edition, which is served from `from`.
    pub fn next(&mut self, from: Instant) -> Serial {
        let reading = match self.style {
            Style::Date => date_serial(from, &self.time_zone),
            // RFC 1982 arithmetic makes the wrap in 2106 an ordinary step.
            Style::Unixtime => Some(Serial((from.unix_seconds() & 0xffff_ffff) as u32)),
            Style::Counter => None,
        };
        let fits = |reading: &Serial| {
            reading.above(self.last).is_some() && reading.above(self.file).is_some_and(|leap| leap <= LEAP_MAX)
        };
        self.last = reading.filter(fits).unwrap_or_else(|| self.last.successor());
        self.last
    }
}

/// `YYYYMMDD00` of the day on which `from` falls.
fn date_serial(from: Instant, time_zone: &TimeZone) -> Option<Serial> {
    let timestamp = Timestamp::from_second(from.unix_seconds()).ok()?;
    let date = time_zone.to_datetime(timestamp).date();
    let field = |value: i8| u32::try_from(value).ok();
    let day = u32::try_from(date.year()).ok()? * 10_000 + field(date.month())? * 100 + field(date.day())?;
    day.checked_mul(100).map(Serial)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Instant {
        let timestamp: Timestamp = text.parse().unwrap();
        Instant::from_unix_seconds(timestamp.as_second())
    }

    fn serials(file: u32, time_zone: TimeZone, instants: &[&str]) -> Vec<u32> {
        let first = at(instants[0]);
        let mut succession = Succession::new(Serial(file), first, time_zone);
        instants.iter().map(|instant| succession.next(at(instant)).0).collect()
    }

    #[test]
    fn rfc1982_5_1_order_is_partial() {
        assert!(Serial(1) > Serial(0));
        assert!(Serial(0) > Serial(0xffff_ffff));
        assert!(Serial(0x7fff_ffff) > Serial(0));
        assert!(Serial(0x8000_0001) < Serial(0));
        assert_eq!(Serial(0x8000_0000).partial_cmp(&Serial(0)), None);
        assert_eq!(Serial(0).partial_cmp(&Serial(0x8000_0000)), None);
        assert_eq!(Serial(7).partial_cmp(&Serial(7)), Some(Ordering::Equal));
    }

    #[test]
    fn counting_skips_zero() {
        assert_eq!(Serial(0xffff_ffff).successor(), Serial(1));
        assert_eq!(Serial(0).successor(), Serial(1));
    }

    #[test]
    fn styles_are_recognised() {
        let now = at("2026-11-23T04:00:00Z");
        assert_eq!(Style::of(Serial(2_026_112_301), now), Style::Date);
        assert_eq!(Style::of(Serial(1_997_010_101), now), Style::Date);
        assert_eq!(Style::of(Serial(1_795_400_000), now), Style::Unixtime);
        assert_eq!(Style::of(Serial(1), now), Style::Counter);
        assert_eq!(Style::of(Serial(20_261_123), now), Style::Counter);
        assert_eq!(Style::of(Serial(2_026_130_101), now), Style::Counter);
        assert_eq!(Style::of(Serial(2_062_112_301), now), Style::Counter, "a date far ahead is a slip of the pen");
        assert_eq!(Style::of(Serial(4_294_967_295), now), Style::Counter);
    }

    #[test]
    fn from_2033_on_the_closer_reading_is_meant() {
        // 2034-08-14 as Unix time.
        assert_eq!(Style::of(Serial(2_039_123_101), at("2040-01-01T00:00:00Z")), Style::Date);
        let now = at("2034-05-06T00:00:00Z");
        // 2033-12-12 as Unix time, "2018-01-01" as a date.
        assert_eq!(Style::of(Serial(2_018_010_101), now), Style::Unixtime);
    }

    #[test]
    fn date_style_takes_the_day_and_counts_within_it() {
        let instants = ["2026-11-30T01:00:00Z", "2026-12-01T00:00:00Z", "2026-12-01T00:00:01Z", "2026-12-03T09:00:00Z"];
        let expected = [2_026_113_000, 2_026_120_100, 2_026_120_101, 2_026_120_300];
        assert_eq!(serials(2_026_112_301, TimeZone::UTC, &instants), expected);
        let expected = [2_026_113_008, 2_026_120_100, 2_026_120_101, 2_026_120_300];
        assert_eq!(serials(2_026_113_007, TimeZone::UTC, &instants), expected);
    }

    #[test]
    fn the_day_is_that_of_the_plan() {
        let new_york = TimeZone::fixed(jiff::tz::offset(-5));
        assert_eq!(serials(2_026_112_301, new_york, &["2026-12-01T01:00:00Z"]), [2_026_113_000]);
    }

    #[test]
    fn date_style_counts_on_over_99() {
        let instants = ["2026-11-30T01:00:00Z", "2026-11-30T02:00:00Z", "2026-11-30T03:00:00Z", "2026-12-01T00:00:00Z"];
        let expected = [2_026_113_099, 2_026_113_100, 2_026_113_101, 2_026_120_100];
        assert_eq!(serials(2_026_113_098, TimeZone::UTC, &instants), expected);
        assert_eq!(Style::of(Serial(2_026_113_101), at(instants[2])), Style::Date);
    }

    #[test]
    fn counter_and_unixtime_keep_their_style() {
        let instants = ["2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"];
        assert_eq!(serials(41, TimeZone::UTC, &instants), [42, 43, 44]);
        let expected = [1_795_996_800, 1_796_083_200, 1_796_083_201];
        assert_eq!(serials(1_795_400_000, TimeZone::UTC, &instants), expected);
    }

    #[test]
    fn a_serial_ahead_of_the_clock_counts_by_one() {
        let instants = ["2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"];
        assert_eq!(serials(2_026_120_500, TimeZone::UTC, &instants), [2_026_120_501, 2_026_120_502]);
        assert_eq!(serials(4_294_967_294, TimeZone::UTC, &instants), [4_294_967_295, 1]);
    }

    proptest! {
        #[test]
        fn serials_only_rise(
            file: u32,
            start in 0i64..5_000_000_000,
            steps in prop::collection::vec(0i64..200_000, 1..300),
        ) {
            let mut now = start;
            let mut succession = Succession::new(Serial(file), Instant::from_unix_seconds(now), TimeZone::UTC);
            let mut last = Serial(file);
            for step in steps {
                now += step;
                let next = succession.next(Instant::from_unix_seconds(now));
                prop_assert!(next > last, "{next} after {last}");
                prop_assert!(next > Serial(file), "{next} after the file's {file}");
                last = next;
            }
        }

        #[test]
        fn a_realistic_date_serial_stays_readable(
            day in 0i64..3300,
            nn in 0u32..90,
            steps in prop::collection::vec(0i64..400_000, 1..9),
        ) {
            let mut now = 1_700_000_000 + day * 86400;
            let file = Serial(2_015_060_700 + nn);
            let mut succession = Succession::new(file, Instant::from_unix_seconds(now), TimeZone::UTC);
            prop_assert_eq!(succession.style(), Style::Date);
            for step in steps {
                now += step;
                let serial = succession.next(Instant::from_unix_seconds(now));
                let today = date_serial(Instant::from_unix_seconds(now), &TimeZone::UTC).unwrap();
                prop_assert_eq!(serial.0 / 100, today.0 / 100);
            }
        }
    }
}
