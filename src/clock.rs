//! Instants, as the whole program passes them.
//!
//! The pure core never asks what time it is: an instant is an argument. The rim owns a
//! [`Ratchet`], which reads the system's clock and never goes back.

mod pace;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use pace::{DRIFT_MAX, Pace, Step};

/// An instant: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// An `i64` of nanoseconds reaches the year 2262; arithmetic saturates there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// Before every other instant: the `from` of an edition that was always there.
    pub const MIN: Instant = Instant(i64::MIN);
    /// After every other instant.
    pub const MAX: Instant = Instant(i64::MAX);

    /// The instant `nanos` nanoseconds after the Unix epoch.
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Instant(nanos)
    }

    /// The instant `seconds` seconds after the Unix epoch.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Instant(seconds.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn unix_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// The last whole second that is not after this instant.
    #[must_use]
    pub const fn whole_seconds(self) -> Self {
        Instant::from_unix_seconds(self.unix_seconds())
    }

    /// The first whole second that is not before this instant: promises are rather later.
    #[must_use]
    pub fn rounded_up(self) -> Self {
        self.after(Duration::from_nanos(999_999_999)).whole_seconds()
    }

    /// This instant moved later by `duration`.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Instant(self.0.saturating_add(nanos(duration)))
    }

    /// This instant moved earlier by `duration`.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Instant(self.0.saturating_sub(nanos(duration)))
    }

    /// The time from `earlier` until this instant; zero if `earlier` is not earlier.
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// The clock of the rim: the system's real-time clock, which never goes back within a process,
/// so that a step of NTP delays a flip and never un-flips it.
#[derive(Debug)]
pub struct Ratchet {
    latest: AtomicI64,
}

impl Ratchet {
    /// A clock that never reads earlier than `floor`.
    pub fn new(floor: Instant) -> Self {
        Ratchet { latest: AtomicI64::new(floor.0) }
    }

    /// The present instant.
    pub fn now(&self) -> Instant {
        let Instant(system) = self.system();
        let before = self.latest.load(Ordering::Relaxed);
        if system <= before {
            return Instant(before);
        }
        // Written at most once a millisecond: the line stays shared between the workers' caches.
        if system - before > 1_000_000 {
            self.latest.fetch_max(system, Ordering::Relaxed);
        }
        Instant(system)
    }

    /// The present instant, and later than any that was read here before: two decisions never have the same, also while
    /// the system's clock is behind.
    pub fn next(&self) -> Instant {
        let Instant(system) = self.system();
        let before = self.latest.fetch_max(system, Ordering::Relaxed);
        if system > before {
            Instant(system)
        } else {
            Instant(self.latest.fetch_add(1, Ordering::Relaxed).saturating_add(1))
        }
    }

    /// What the system's clock says, wherever it has been set to: for who tells steps, not for who answers.
    pub fn system(&self) -> Instant {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Instant(nanos(since)),
            Err(_) => Instant(0),
        }
    }

    /// How far the system's clock is behind what [`now`](Ratchet::now) says; `None` if it is not. Until it has caught
    /// up, time stands still and nothing is due.
    pub fn held_back(&self) -> Option<Duration> {
        let behind = Instant(self.latest.load(Ordering::Relaxed)).since(self.system());
        (!behind.is_zero()).then_some(behind)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Instant::MAX.after(Duration::from_secs(1)), Instant::MAX);
        assert_eq!(Instant::MIN.before(Duration::from_secs(1)), Instant::MIN);
        assert_eq!(Instant::from_unix_seconds(-1).unix_seconds(), -1);
        assert_eq!(Instant::from_unix_nanos(-1).unix_seconds(), -1);
        assert_eq!(Instant::from_unix_nanos(1_999_999_999).whole_seconds(), Instant::from_unix_seconds(1));
        assert_eq!(Instant::MIN.since(Instant::MAX), Duration::ZERO);
    }

    #[test]
    fn ratchet_never_reads_before_its_floor() {
        let floor = Instant::from_unix_seconds(8_000_000_000);
        assert_eq!(Ratchet::new(floor).now(), floor);
    }

    #[test]
    fn ratchet_tells_how_far_the_system_is_behind() {
        let ahead = Ratchet::new(Instant::from_unix_seconds(8_000_000_000));
        let behind = ahead.held_back().unwrap();
        assert_eq!(ahead.now().before(behind).unix_seconds() / 1_000_000, ahead.system().unix_seconds() / 1_000_000);
        let free = Ratchet::new(Instant::from_unix_seconds(0));
        assert_eq!(free.held_back(), None);
        assert!(free.now() > Instant::from_unix_seconds(1_600_000_000));
    }
}
