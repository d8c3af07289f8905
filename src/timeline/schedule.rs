//! What the compiler makes of a plan: every step with its instant, its serial and its reason, and when the
//! old data is gone from every conforming cache.
//!
//! A schedule is a function of the zone file and the plan, but for one thing: when the old data is gone
//! depends on since when the plan was obeyed ([`Schedule::armed_at`]). What is *served* never depends on it.

use std::fmt;

use jiff::tz::TimeZone;

use super::serial::{Serial, Style};
use super::{StepId, Timeline};
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::wire::{Name, Rtype};
use crate::zone::Ttl;

/// A plan, worked out for a zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The zone.
    pub apex: Name,
    /// The instant of the flips, *T*.
    pub at: Instant,
    /// The time zone in which people speak of it.
    pub time_zone: TimeZone,
    /// How long caches may hold what they get around the instant, *r*.
    pub low_ttl: Ttl,
    /// Since when the plan is obeyed: until then the old data may have been handed out with its old TTL.
    pub armed_at: Instant,
    /// What the zone's serials mean.
    pub serial_style: Style,
    /// The zone file's serial.
    pub serial: Serial,
    /// The steps in order of time, each strictly later than the one before.
    pub steps: Vec<Step>,
    /// For each flip, when the old data is gone.
    pub drains: Vec<Drain>,
    /// The editions: what is served when.
    pub timeline: Timeline,
    /// Warnings and notes.
    pub remarks: Vec<Diagnostic>,
}

impl Schedule {
    /// From when on no conforming cache may hold any old data; `None` if nothing flips.
    pub fn horizon(&self) -> Option<Instant> {
        self.drains.iter().map(|drain| drain.horizon).max()
    }
}

/// Something that happens to the zone at an instant.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its place among the steps.
    pub id: StepId,
    /// What it is for.
    pub kind: StepKind,
    /// When.
    pub from: Instant,
    /// The serial from then on.
    pub serial: Serial,
    /// What becomes of which RRsets.
    pub changes: Vec<RrsetChange>,
    /// Why then.
    pub reason: Reason,
}

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// TTLs go down, so that caches forget in time.
    Lower,
    /// The data changes.
    Flip,
    /// TTLs go up again.
    Restore,
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            StepKind::Lower => "lower",
            StepKind::Flip => "flip",
            StepKind::Restore => "restore",
        })
    }
}

/// What becomes of an RRset in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RrsetChange {
    /// The owner.
    pub owner: Name,
    /// The type.
    pub rtype: Rtype,
    /// What it was; `None` if there was none.
    pub before: Option<Contents>,
    /// What it is from then on; `None` if there is none.
    pub after: Option<Contents>,
}

/// The TTL and the records of an RRset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The TTL.
    pub ttl: Ttl,
    /// The records' data, uncompressed.
    pub rdatas: Vec<Box<[u8]>>,
}

/// Why a step is at its instant. *T* is the instant of the flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// T − R: what was handed out before with the old TTL R is gone at T.
    OldTtlDrains {
        /// R, in seconds.
        old_ttl: Ttl,
        /// r, in seconds.
        low_ttl: Ttl,
    },
    /// The plan says so.
    Declared,
    /// T + wait: a TTL grows only as fast as confidence.
    Confidence {
        /// The longest of the old TTLs and the TTLs to come, in seconds.
        wait: Ttl,
        /// How long an answer lives until then, in seconds: what going back costs.
        low_ttl: Ttl,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Reason::OldTtlDrains { old_ttl, low_ttl } => write!(
                f,
                "T - {}: an answer that was given the moment before, with the old TTL, is gone from every cache at T; \
                 what is given from here on is kept for {} only",
                Length(old_ttl),
                Length(low_ttl),
            ),
            Reason::Declared => write!(f, "T, the instant that the plan declares"),
            Reason::Confidence { wait, low_ttl } => write!(
                f,
                "T + {}: a TTL grows only as fast as confidence; nothing may be kept longer than it has proven itself, \
                 and until here going back takes {} to reach every cache",
                Length(wait),
                Length(low_ttl),
            ),
        }
    }
}

/// When the old data of a flip is gone from every conforming cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// The owner of the RRset that flips.
    pub owner: Name,
    /// Its type.
    pub rtype: Rtype,
    /// What caches hold before the flip.
    pub held: Held,
    /// From this instant on no conforming cache holds it: the latest of `terms`.
    pub horizon: Instant,
    /// What it would be had the plan been obeyed in time.
    pub in_time: Instant,
    /// What the horizon is the latest of.
    pub terms: Vec<Term>,
}

/// What caches hold of an RRset before it flips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// The old data.
    Data,
    /// That there is no such name or no such data (RFC 2308).
    Nothing,
    /// What a wildcard of this name gave for it (RFC 4592).
    Wildcard(Name),
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::Data => f.write_str("the old data"),
            Held::Nothing => f.write_str("that there is none (the smaller of the SOA's TTL and MINIMUM)"),
            Held::Wildcard(owner) => write!(f, "what the wildcard {owner} gave, or that there is none"),
        }
    }
}

/// An instant since which something is so, and how long caches may not notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Since when.
    pub since: Since,
    /// The longest TTL that was handed out until then.
    pub ttl: Ttl,
}

/// The instants from which drains are reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// T, the flip.
    Flip,
    /// T1, since when the plan is obeyed, if that is later than it should be.
    Armed,
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = match self.since {
            Since::Flip => "T",
            Since::Armed => "T1",
        };
        write!(f, "{since} + {}", Length(self.ttl))
    }
}

/// The arithmetic of a horizon: `max(T1 + 86400 s (1 d), T + 60 s)`.
pub(super) fn sum(terms: &[Term]) -> String {
    match terms {
        [only] => only.to_string(),
        terms => {
            let terms: Vec<_> = terms.iter().map(Term::to_string).collect();
            format!("max({})", terms.join(", "))
        }
    }
}

/// A length of time as a person reads it, the seconds first: they are what `dig` shows.
pub(super) struct Length(pub(super) Ttl);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.0;
        write!(f, "{seconds} s")?;
        if seconds > 60 { write!(f, " ({})", Span(u64::from(seconds))) } else { Ok(()) }
    }
}

/// Seconds in the units of everyday: `1 d 2 h`.
pub(super) struct Span(pub(super) u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(self.0 / 86400, "d"), (self.0 / 3600 % 24, "h"), (self.0 / 60 % 60, "min"), (self.0 % 60, "s")];
        let mut parts = units.iter().filter(|(count, _)| *count > 0).peekable();
        if parts.peek().is_none() {
            return f.write_str("0 s");
        }
        while let Some((count, unit)) = parts.next() {
            write!(f, "{count} {unit}")?;
            if parts.peek().is_some() {
                f.write_str(" ")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_show_seconds_first() {
        assert_eq!(Length(Ttl(60)).to_string(), "60 s");
        assert_eq!(Length(Ttl(86400)).to_string(), "86400 s (1 d)");
        assert_eq!(Length(Ttl(93_784)).to_string(), "93784 s (1 d 2 h 3 min 4 s)");
    }

    #[test]
    fn a_horizon_shows_its_arithmetic() {
        let flip = Term { since: Since::Flip, ttl: Ttl(60) };
        let armed = Term { since: Since::Armed, ttl: Ttl(86400) };
        assert_eq!(sum(&[flip]), "T + 60 s");
        assert_eq!(sum(&[armed, flip]), "max(T1 + 86400 s (1 d), T + 60 s)");
    }
}
