//! The time that is looked at, cut so that seconds around T are as wide as hours far from it.
//!
//! Everything that a plan does happens in halves: rungs a day, half a day, a quarter before T; a drain of a minute
//! after it. On an even axis a day hides the minute. So an instant's place is the logarithm of how far it is from T,
//! and even close to T: ± ln(1 + distance / near).

use crate::clock::Instant;
use std::time::Duration;

/// The time from `begin` to `end`, with T between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// T.
    pub at: Instant,
    /// What is looked at first.
    pub begin: Instant,
    /// And last.
    pub end: Instant,
    /// Up to which distance from T the axis is about even.
    pub near: Duration,
}

/// Distances from T that people read.
const MARKS: [(u64, &str); 11] = [
    (10, "10 s"),
    (60, "1 min"),
    (600, "10 min"),
    (3600, "1 h"),
    (21_600, "6 h"),
    (86_400, "1 d"),
    (345_600, "4 d"),
    (1_209_600, "2 w"),
    (5_184_000, "60 d"),
    (31_536_000, "1 y"),
    (315_360_000, "10 y"),
];

impl Axis {
    /// Seconds from T.
    pub fn offset(&self, instant: Instant) -> f64 {
        match instant < self.at {
            true => -self.at.since(instant).as_secs_f64(),
            false => instant.since(self.at).as_secs_f64(),
        }
    }

    fn stretched(&self, offset: f64) -> f64 {
        (offset.abs() / self.near.as_secs_f64()).ln_1p().copysign(offset)
    }

    /// Where `instant` is: 0 at the beginning, 1 at the end.
    pub fn place(&self, instant: Instant) -> f64 {
        let [from, to, at] = [self.begin, self.end, instant].map(|instant| self.stretched(self.offset(instant)));
        ((at - from) / (to - from)).clamp(0.0, 1.0)
    }

    /// What is at `place`.
    pub fn instant(&self, place: f64) -> Instant {
        let [from, to] = [self.begin, self.end].map(|instant| self.stretched(self.offset(instant)));
        let stretched = from + (to - from) * place.clamp(0.0, 1.0);
        let distance = Duration::try_from_secs_f64(stretched.abs().exp_m1() * self.near.as_secs_f64());
        let distance = distance.unwrap_or(Duration::MAX);
        let instant = if stretched < 0.0 { self.at.before(distance) } else { self.at.after(distance) };
        instant.max(self.begin).min(self.end)
    }

    /// The ends of at most `count` parts of about the same width, in whole seconds.
    pub(super) fn edges(&self, count: u32) -> Vec<Instant> {
        let mut edges: Vec<_> =
            (0..=count).map(|edge| self.instant(f64::from(edge) / f64::from(count)).whole_seconds()).collect();
        edges.dedup();
        edges
    }

    /// The instants that are marked, with their names.
    pub fn marks(&self) -> Vec<(Instant, String)> {
        let mut marks = vec![(self.at, "T".to_owned())];
        for (distance, name) in MARKS {
            let distance = Duration::from_secs(distance);
            let [before, after] = [self.at.before(distance), self.at.after(distance)];
            marks.extend((before >= self.begin).then(|| (before, format!("-{name}"))));
            marks.extend((after <= self.end).then(|| (after, format!("+{name}"))));
        }
        marks.sort();
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_800_000_000;

    fn seconds(seconds: i64) -> Instant {
        Instant::from_unix_seconds(T + seconds)
    }

    fn axis() -> Axis {
        Axis { at: seconds(0), begin: seconds(-86_400), end: seconds(86_400), near: Duration::from_secs(30) }
    }

    #[test]
    fn a_place_is_where_its_instant_is() {
        for place in [0.0, 0.1, 0.49, 0.5, 0.51, 0.9, 1.0] {
            assert!((axis().place(axis().instant(place)) - place).abs() < 1e-6, "{place}");
        }
        assert!((axis().place(seconds(0)) - 0.5).abs() < 1e-9);
        // A minute is seen beside a day.
        assert!(axis().place(seconds(60)) - 0.5 > 0.05);
    }

    #[test]
    fn edges_only_rise_and_reach_from_end_to_end() {
        let edges = axis().edges(240);
        assert!(edges.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!((edges[0], edges[edges.len() - 1]), (seconds(-86_400), seconds(86_400)));
    }

    #[test]
    fn marks_are_in_order_and_on_the_axis() {
        let names: Vec<_> = axis().marks().into_iter().map(|(_, name)| name).collect();
        assert_eq!(names[0], "-1 d");
        assert_eq!(names[names.len() / 2], "T");
        assert_eq!(names.len(), 13);
    }
}
