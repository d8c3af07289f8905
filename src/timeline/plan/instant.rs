//! The one instant of a plan, as a person writes it: `2026-12-01T03:00[Asia/Tokyo]`.
//!
//! It must mean one instant and no other: a local time without a zone, in a gap or in a fold of
//! daylight saving time is refused, and what it could mean is shown.

use crate::diag::similar;
use jiff::civil::DateTime;
use jiff::fmt::temporal::{Pieces, PiecesOffset, TimeZoneAnnotationKind};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use crate::clock::Instant;

/// Why a text is not one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum InstantFault {
    /// It doesn't read as a date and time.
    Malformed,
    /// There is a date only.
    NoTime,
    /// There is neither a time zone nor an offset.
    NoZone { local: DateTime },
    /// Nobody has heard of this time zone.
    UnknownZone { zone: String, similar: Option<String> },
    /// The offset is not one that the time zone has at that time.
    WrongOffset { zone: String, written: Offset, right: Vec<Offset> },
    /// The clocks of the zone never show this time: they are put forward over it.
    Gap { before: Zoned, after: Zoned },
    /// The clocks of the zone show this time twice.
    Fold { first: Zoned, second: Zoned },
    /// Instants reach from 1970 to 2262 here.
    OutOfRange,
}

/// Reads an instant with its time zone.
pub(super) fn parse(text: &str) -> Result<Zoned, InstantFault> {
    let pieces = Pieces::parse(text).map_err(|_| InstantFault::Malformed)?;
    let local = pieces.date().to_datetime(pieces.time().ok_or(InstantFault::NoTime)?);
    let zone = match pieces.time_zone_annotation().map(|annotation| annotation.kind()) {
        None => None,
        Some(TimeZoneAnnotationKind::Offset(offset)) => Some((offset.to_string(), TimeZone::fixed(*offset))),
        Some(TimeZoneAnnotationKind::Named(name)) => {
            let name = name.as_str();
            let zone = TimeZone::get(name).map_err(|_| unknown_zone(name))?;
            Some((name.to_owned(), zone))
        }
        // The annotation's kinds may grow.
        #[allow(unreachable_patterns)]
        Some(_) => return Err(InstantFault::Malformed),
    };
    let zoned = match (zone, pieces.offset()) {
        (None, None) => return Err(InstantFault::NoZone { local }),
        (None, Some(offset)) => {
            let zone = match offset {
                PiecesOffset::Zulu => TimeZone::UTC,
                offset => TimeZone::fixed(numeric(offset)),
            };
            local.to_zoned(zone).map_err(|_| InstantFault::OutOfRange)?
        }
        // `Z` says where the instant is given, not which clock is shown.
        (Some((_, zone)), Some(PiecesOffset::Zulu)) => instant(local, Offset::UTC)?.to_zoned(zone),
        (Some((name, zone)), Some(offset)) => with_offset(local, &name, &zone, numeric(offset))?,
        (Some((_, zone)), None) => unambiguous(local, zone)?,
    };
    if to_instant(&zoned).is_some() { Ok(zoned) } else { Err(InstantFault::OutOfRange) }
}

/// The instant of `zoned`, if it lies between 1970 and 2262.
pub(super) fn to_instant(zoned: &Zoned) -> Option<Instant> {
    let nanos = i64::try_from(zoned.timestamp().as_nanosecond()).ok()?;
    (nanos >= 0).then(|| Instant::from_unix_nanos(nanos))
}

fn numeric(offset: PiecesOffset) -> Offset {
    offset.to_numeric_offset()
}

fn instant(local: DateTime, offset: Offset) -> Result<Timestamp, InstantFault> {
    offset.to_timestamp(local).map_err(|_| InstantFault::OutOfRange)
}

fn unambiguous(local: DateTime, zone: TimeZone) -> Result<Zoned, InstantFault> {
    let zoned = |offset: Offset| instant(local, offset).map(|at| at.to_zoned(zone.clone()));
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => zoned(offset),
        // Reading the missing time with the offset before gives a time after the gap, and the other way round.
        AmbiguousOffset::Gap { before, after } => {
            Err(InstantFault::Gap { before: zoned(after)?, after: zoned(before)? })
        }
        AmbiguousOffset::Fold { before, after } => {
            Err(InstantFault::Fold { first: zoned(before)?, second: zoned(after)? })
        }
    }
}

fn with_offset(local: DateTime, name: &str, zone: &TimeZone, written: Offset) -> Result<Zoned, InstantFault> {
    let right = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => vec![offset],
        AmbiguousOffset::Gap { .. } => return unambiguous(local, zone.clone()),
        AmbiguousOffset::Fold { before, after } => vec![before, after],
    };
    if right.contains(&written) {
        Ok(instant(local, written)?.to_zoned(zone.clone()))
    } else {
        Err(InstantFault::WrongOffset { zone: name.to_owned(), written, right })
    }
}

fn unknown_zone(name: &str) -> InstantFault {
    let known: Vec<String> = jiff::tz::db().available().map(|known| known.as_str().to_owned()).collect();
    let city = |zone: &str| zone.rsplit('/').next().unwrap_or(zone).to_owned();
    let similar = similar(name, known.iter().map(String::as_str)).map(str::to_owned).or_else(|| {
        // `Tokyo` for `Asia/Tokyo`.
        known.iter().find(|known| city(known).eq_ignore_ascii_case(&city(name))).cloned()
    });
    InstantFault::UnknownZone { zone: name.to_owned(), similar }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn utc(text: &str) -> String {
        parse(text).unwrap().timestamp().to_string()
    }

    #[test]
    fn an_instant_is_written_with_a_zone_or_an_offset() {
        for text in [
            "2026-12-01T03:00[Asia/Tokyo]",
            "2026-12-01T03:00:00+09:00[Asia/Tokyo]",
            "2026-12-01 03:00+09:00",
            "2026-12-01T03:00:00+09",
            "2026-11-30T18:00Z",
            "2026-11-30T18:00Z[Asia/Tokyo]",
            "2026-11-30T18:00:00.000Z",
        ] {
            assert_eq!(utc(text), "2026-11-30T18:00:00Z", "{text}");
        }
        let shown = parse("2026-11-30T18:00Z[Asia/Tokyo]").unwrap();
        assert_eq!(shown.to_string(), "2026-12-01T03:00:00+09:00[Asia/Tokyo]");
    }

    #[test]
    fn a_local_time_alone_is_no_instant() {
        assert!(matches!(parse("2026-12-01T03:00"), Err(InstantFault::NoZone { .. })));
        assert_eq!(parse("2026-12-01"), Err(InstantFault::NoTime));
        assert_eq!(parse("2026-12-01[Asia/Tokyo]"), Err(InstantFault::NoTime));
        assert_eq!(parse("tomorrow"), Err(InstantFault::Malformed));
        assert_eq!(parse("2026-11-31T03:00Z"), Err(InstantFault::Malformed));
        assert_eq!(parse("2300-01-01T00:00Z"), Err(InstantFault::OutOfRange));
        assert_eq!(parse("1969-01-01T00:00Z"), Err(InstantFault::OutOfRange));
    }

    #[test]
    fn a_gap_shows_the_times_on_both_sides() {
        let Err(InstantFault::Gap { before, after }) = parse("2026-03-08T02:30[America/New_York]") else {
            panic!("a gap");
        };
        assert_eq!(before.to_string(), "2026-03-08T01:30:00-05:00[America/New_York]");
        assert_eq!(after.to_string(), "2026-03-08T03:30:00-04:00[America/New_York]");
    }

    #[test]
    fn a_fold_shows_both_and_an_offset_chooses() {
        let Err(InstantFault::Fold { first, second }) = parse("2026-11-01T01:30[America/New_York]") else {
            panic!("a fold");
        };
        assert_eq!(first.to_string(), "2026-11-01T01:30:00-04:00[America/New_York]");
        assert_eq!(second.to_string(), "2026-11-01T01:30:00-05:00[America/New_York]");
        assert_eq!(utc("2026-11-01T01:30-05:00[America/New_York]"), "2026-11-01T06:30:00Z");
    }

    #[test]
    fn an_offset_must_be_one_the_zone_has() {
        let Err(InstantFault::WrongOffset { right, .. }) = parse("2026-12-01T03:00+08:00[Asia/Tokyo]") else {
            panic!("a wrong offset");
        };
        assert_eq!(right, [jiff::tz::offset(9)]);
    }

    #[test]
    fn an_unknown_zone_is_met_with_a_guess() {
        let guess = |text: &str| match parse(text) {
            Err(InstantFault::UnknownZone { similar, .. }) => similar,
            other => panic!("{other:?}"),
        };
        assert_eq!(guess("2026-12-01T03:00[Asia/Tokio]").as_deref(), Some("Asia/Tokyo"));
        assert_eq!(guess("2026-12-01T03:00[Tokyo]").as_deref(), Some("Asia/Tokyo"));
        assert_eq!(guess("2026-12-01T03:00[Middle/Earth]"), None);
    }
}
