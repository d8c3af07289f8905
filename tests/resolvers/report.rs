//! The table of `docs/promise.md`: a line for each resolver and way of lowering TTLs.

use std::fmt::{self, Display};

use jiff::Timestamp;

use crate::cutover::{Cutover, Way};
use crate::judge::Outcome;
use crate::resolver::Kind;

/// What became of all cutovers of one way in front of one resolver.
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) way: Way,
    pub(crate) runs: usize,
    /// The latest horizon, in seconds after T.
    pub(crate) horizon: f64,
    /// When the last question was sent that got old data, in seconds after T.
    pub(crate) last_old: f64,
    /// The same, in seconds after the horizon.
    pub(crate) overrun: f64,
    /// How often a busy resolver was to ask, and did ask, from the first lowering until T, on average.
    pub(crate) predicted: f64,
    pub(crate) observed: f64,
}

impl Row {
    /// Sums up.
    ///
    /// # Panics
    /// If there is nothing to sum up.
    pub(crate) fn of(kind: Kind, way: Way, outcomes: &[(&Cutover, Outcome)]) -> Row {
        assert!(!outcomes.is_empty(), "{} {}: nothing was seen", kind.name(), way.name());
        let seconds = |base: Timestamp, instant: Timestamp| instant.duration_since(base).as_secs_f64();
        let values =
            |value: &dyn Fn(&Cutover, &Outcome) -> f64| outcomes.iter().map(|(a, b)| value(a, b)).collect::<Vec<_>>();
        let most = |values: Vec<f64>| values.into_iter().fold(f64::MIN, f64::max);
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        Row {
            kind,
            way,
            runs: outcomes.len(),
            horizon: most(values(&|cutover, _| seconds(cutover.at, cutover.horizon))),
            last_old: most(values(&|cutover, outcome| seconds(cutover.at, outcome.last_old))),
            overrun: most(values(&|cutover, outcome| seconds(cutover.horizon, outcome.last_old))),
            predicted: mean(values(&|cutover, _| cutover.queries)),
            observed: mean(values(&|_, outcome| outcome.queries as f64)),
        }
    }
}

pub(crate) const HEAD: &str = "\
| resolver | lowered by | runs | horizon, predicted | last old answer | queries, predicted | queries, observed |
|---|---|---|---|---|---|---|";

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, way, runs) = (self.kind.name(), self.way.name(), self.runs);
        write!(f, "| {kind} | {way} | {runs} | T + {:.2} s | T + {:.2} s |", self.horizon, self.last_old)?;
        match self.way {
            // It lies mostly in the past.
            Way::Late => write!(f, " | |"),
            _ => write!(f, " {:.2} | {:.2} |", self.predicted, self.observed),
        }
    }
}
