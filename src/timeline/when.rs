//! An instant as a person asks for it: as a plan's `at`, `now`, or reckoned from the plan's instant T.
//!
//! `2026-12-01T03:00[Asia/Tokyo]`, `now`, `T`, `T-1h`, `T+1h30m`. What can't be read is refused with a way out;
//! only what `now` and T are has to be known later.

use std::str::FromStr;
use std::time::Duration;

use jiff::Zoned;

use super::plan;
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::zone::text;

/// An instant, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// The present.
    Now,
    /// So long before the plan's instant.
    Before(Duration),
    /// So long after the plan's instant, or at it.
    After(Duration),
    /// What the clocks of a time zone show.
    At(Zoned),
}

/// Why a text is no such instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// What follows T is no length of time.
    #[error("`{length}` is not a length of time: write T-1h, T+5m or T+1h30m; T is the plan's instant")]
    ParseLength {
        /// What was written.
        length: String,
    },
    /// It is no date and time with its zone.
    #[error("{}: {}", .0.message, help(.0))]
    ParseInstant(Box<Diagnostic>),
}

fn help(diagnostic: &Diagnostic) -> &str {
    match diagnostic.code {
        // The help speaks of the key in a plan.
        "plan-instant" => {
            "write it as in 2026-12-01T03:00[Asia/Tokyo], now, or T, T-1h, T+5m, where T is the plan's instant"
        }
        _ => diagnostic.help.as_deref().unwrap_or_default(),
    }
}

impl FromStr for When {
    type Err = WhenError;

    fn from_str(written: &str) -> Result<When, WhenError> {
        let written = written.trim();
        if written.eq_ignore_ascii_case("now") {
            return Ok(When::Now);
        }
        let Some(offset) = written.strip_prefix(['T', 't']) else {
            return plan::parse_instant(written).map(When::At).map_err(WhenError::ParseInstant);
        };
        let length = |length: &str| match text::parse_ttl(length.trim()) {
            Some(ttl) => Ok(Duration::from_secs(ttl.0.into())),
            None => Err(WhenError::ParseLength { length: length.trim().to_owned() }),
        };
        match offset.trim_start().split_at_checked(1) {
            None if offset.trim().is_empty() => Ok(When::After(Duration::ZERO)),
            Some(("+", later)) => Ok(When::After(length(later)?)),
            Some(("-", earlier)) => Ok(When::Before(length(earlier)?)),
            _ => match offset.trim_start().strip_prefix('−') {
                Some(earlier) => Ok(When::Before(length(earlier)?)),
                None => plan::parse_instant(written).map(When::At).map_err(WhenError::ParseInstant),
            },
        }
    }
}

impl When {
    /// The instant that is meant `now`, for a plan whose instant is `at`.
    pub fn instant(&self, now: Instant, at: Instant) -> Instant {
        match self {
            When::Now => now,
            When::Before(length) => at.before(*length),
            When::After(length) => at.after(*length),
            When::At(zoned) => plan::to_instant(zoned),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: Instant = Instant::from_unix_seconds(1_000);
    const AT: Instant = Instant::from_unix_seconds(100_000);

    fn instant(text: &str) -> i64 {
        text.parse::<When>().unwrap().instant(NOW, AT).unix_seconds()
    }

    #[test]
    fn instants_are_absolute_or_now_or_reckoned_from_the_plans() {
        for (text, seconds) in [
            ("now", 1_000),
            ("T", 100_000),
            ("t", 100_000),
            ("T-1h", 96_400),
            ("T − 1h", 96_400),
            ("T+5m", 100_300),
            ("T+1h30m", 105_400),
            ("T-1", 99_999),
            ("1970-01-01T00:01Z", 60),
            ("1970-01-01T09:01[Asia/Tokyo]", 60),
        ] {
            assert_eq!(instant(text), seconds, "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_is_refused_with_a_way_out() {
        for (text, words) in [
            ("", "2026-12-01T03:00[Asia/Tokyo]"),
            ("tomorrow", "2026-12-01T03:00[Asia/Tokyo]"),
            ("T-", "T-1h"),
            ("T+soon", "`soon` is not a length of time"),
            ("T+-1h", "T+5m"),
            ("T*2", "2026-12-01T03:00[Asia/Tokyo]"),
            ("2026-12-01T03:00", "2026-12-01T03:00[Asia/Tokyo]"),
            ("2026-12-01", "the time of day is missing"),
            ("2026-12-01T03:00[Asia/Tokio]", "Asia/Tokyo"),
            ("2026-03-08T02:30[America/New_York]", "2026-03-08T01:30-05:00[America/New_York]"),
        ] {
            let error = text.parse::<When>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn what_lies_beyond_all_time_is_its_end() {
        let late = "T+2000w".parse::<When>().unwrap();
        assert_eq!(late.instant(NOW, Instant::MAX), Instant::MAX);
    }
}
