//! A logarithmic scale for queries a second: a herd is thousands, an ordinary second less than one.

use super::Outcome;

/// How far below the highest peak it reaches.
const REACH: f64 = 1e5;

/// A scale, as high as the highest peak.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    pub(super) high: f64,
}

impl Scale {
    /// One that fits all of `outcomes`.
    pub(super) fn of<'a>(outcomes: impl Iterator<Item = &'a Outcome> + Clone) -> Scale {
        let high = outcomes.clone().map(|outcome| f64::from(outcome.peak.queries)).fold(1.0, f64::max);
        let loads = outcomes.flat_map(|outcome| &outcome.buckets).map(|bucket| bucket.load);
        let low = loads.filter(|load| *load > 0.0).fold(high, f64::min);
        Scale { low: (low / 2.0).max(high / REACH), high }
    }

    /// Where `load` is: 0 at the bottom, 1 at the top.
    pub(super) fn height(&self, load: f64) -> f64 {
        if load <= self.low { 0.0 } else { ((load / self.low).ln() / (self.high / self.low).ln()).min(1.0) }
    }

    /// What is at `height`.
    pub(super) fn load(&self, height: f64) -> f64 {
        self.low * (self.high / self.low).powf(height)
    }

    /// The powers of ten on it.
    pub(super) fn decades(&self) -> impl Iterator<Item = f64> {
        let (first, last) = (self.low.log10().ceil() as i32, self.high.log10().floor() as i32);
        (first..=last).map(|power| 10f64.powi(power))
    }
}

/// A number in about two digits.
pub(super) fn short(number: f64) -> String {
    match number {
        number if number >= 10.0 => format!("{number:.0}"),
        number if number >= 1.0 => format!("{number:.1}"),
        number if number >= 0.1 => format!("{number:.2}"),
        number => format!("{number:.3}"),
    }
}
