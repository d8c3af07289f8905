//! Whether the real-time clock goes at the pace of the monotonic one, or was set.
//!
//! Who disciplines a clock lets it go slower or faster by some parts in a thousand at most; that is drift, and nobody's
//! business. Who sets it makes a step. The two clocks show which it was: over any time both advance alike, but for a step.
//!
//! NOTE: Linux' monotonic clock stands still while the machine sleeps. To have slept shows as a step forward, which for
//! a server it is.

use std::time::Duration;

use super::Instant;

/// How far the real-time clock may come away from the monotonic one between two looks without having been set.
pub const DRIFT_MAX: Duration = Duration::from_millis(500);

/// Compares the real-time clock with the monotonic one, look by look.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    last: Option<(Instant, Duration)>,
}

/// The real-time clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it said when that was seen, after the step.
    pub at: Instant,
    /// By how many nanoseconds it was set forward; backward if negative.
    pub by: i64,
}

impl Pace {
    /// Looks at both clocks: `monotonic` is the time since some instant that stays the same. Tells the step since the
    /// last look, if there was one.
    ///
    /// Between two looks there should be no more than minutes: over some hours, drift adds up to what looks like a step.
    pub fn note(&mut self, realtime: Instant, monotonic: Duration) -> Option<Step> {
        let (was, then) = self.last.replace((realtime, monotonic))?;
        let gone = i128::from(realtime.unix_nanos()) - i128::from(was.unix_nanos());
        let passed = signed(monotonic) - signed(then);
        let by = gone - passed;
        if by.unsigned_abs() < DRIFT_MAX.as_nanos() {
            return None;
        }
        let by = i64::try_from(by).unwrap_or(if by < 0 { i64::MIN } else { i64::MAX });
        Some(Step { at: realtime, by })
    }
}

fn signed(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const START: i64 = 1_700_000_000 * SECOND;

    /// What is told when, after each look, both clocks have gone on by so much: (real-time, monotonic).
    fn told(looks: &[(i64, u64)]) -> Vec<Option<Step>> {
        let (mut pace, mut realtime, mut monotonic) = (Pace::default(), START, 77);
        assert_eq!(pace.note(Instant::from_unix_nanos(realtime), Duration::from_nanos(monotonic)), None);
        let look = |&(real, mono): &(i64, u64)| {
            (realtime, monotonic) = (realtime + real, monotonic + mono);
            pace.note(Instant::from_unix_nanos(realtime), Duration::from_nanos(monotonic))
        };
        looks.iter().map(look).collect()
    }

    #[test]
    fn drift_is_not_told() {
        let almost = SECOND / 2 - 1;
        assert_eq!(told(&[(30 * SECOND, 30 * SECOND as u64), (SECOND + almost, SECOND as u64)]), [None, None]);
        assert_eq!(told(&[(SECOND - almost, SECOND as u64)]), [None]);
    }

    #[test]
    fn drift_does_not_add_up_over_many_looks() {
        assert!(told(&[(SECOND + SECOND / 10, SECOND as u64); 100]).iter().all(Option::is_none));
    }

    #[test]
    fn a_step_is_told_once_with_its_direction() {
        let second = SECOND as u64;
        let step = |at, by| Some(Step { at: Instant::from_unix_nanos(START + at), by });
        let forward = told(&[(SECOND, second), (3 * SECOND / 2, second), (SECOND, second)]);
        assert_eq!(forward, [None, step(5 * SECOND / 2, SECOND / 2), None]);
        assert_eq!(told(&[(-3600 * SECOND, second), (0, 0)]), [step(-3600 * SECOND, -3601 * SECOND), None]);
    }

    #[test]
    fn the_greatest_step_saturates() {
        let mut pace = Pace::default();
        assert_eq!(pace.note(Instant::MIN, Duration::ZERO), None);
        assert_eq!(pace.note(Instant::MAX, Duration::ZERO), Some(Step { at: Instant::MAX, by: i64::MAX }));
        assert_eq!(pace.note(Instant::MIN, Duration::MAX), Some(Step { at: Instant::MIN, by: i64::MIN }));
        assert_eq!(pace.note(Instant::MIN, Duration::ZERO), Some(Step { at: Instant::MIN, by: i64::MAX }));
    }
}
