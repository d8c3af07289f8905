//! What the control thread knows that is worth a number: zones, loads, plans, the clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Instant;
use crate::control::load::{Loaded, Outcome};
use crate::control::names;
use crate::control::notifier::Tally;
use crate::control::registry::Count;
use crate::control::running::Running;
use crate::control::secondary::{Fetched, Fetching};
use crate::net::Meter;
use crate::net::meter::Reading;
use crate::wire::{Name, Rcode};
use crate::zone::NameHash;

/// The most plans of which each has figures of its own: those whose instants are nearest.
pub const PLANS_MAX: usize = 256;

/// What the control thread knows, at one instant.
#[derive(Debug, Default)]
pub struct Figures {
    /// Whether every zone that was there at the start has been read.
    pub ready: bool,
    /// How many zones stand how.
    pub count: Count,
    /// What came of loading zones.
    pub loads: Loads,
    /// What was said to who asked for updates.
    pub updates: Updates,
    /// What came of fetching zones.
    pub fetches: Fetches,
    /// How many zones that are fetched are served, have expired, and never came.
    pub fetched: [usize; 3],
    /// How often somebody asked to look at every file again.
    pub rereads: u64,
    /// How far the system's clock is behind what is served by.
    pub held_back: Duration,
    /// What secondaries were told, and what came of it.
    pub notices: Tally,
    /// How many notices wait, or are under way.
    pub notices_waiting: usize,
    /// How many plans stand how.
    pub states: BTreeMap<&'static str, usize>,
    /// Those that are under way, [`PLANS_MAX`] at most.
    pub plans: Vec<PlanFigures>,
}

/// How often zones were loaded, and what came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loads {
    /// They can be served anew.
    pub ready: u64,
    /// They say what is served.
    pub unchanged: u64,
    /// They can't be served.
    pub unusable: u64,
    /// They have gone.
    pub gone: u64,
}

impl Loads {
    /// Counts one more.
    pub fn add(&mut self, loaded: &Loaded) {
        *match loaded.outcome {
            Outcome::Ready { .. } | Outcome::Secondary { .. } | Outcome::Catalog { .. } => &mut self.ready,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Unusable => &mut self.unusable,
            Outcome::Gone => &mut self.gone,
        } += 1;
    }
}

/// How many updates were answered with which RCODE.
#[derive(Clone, Debug, Default)]
pub struct Updates(pub BTreeMap<Rcode, u64>);

impl Updates {
    /// Counts one more.
    pub fn add(&mut self, rcode: Rcode) {
        *self.0.entry(rcode).or_default() += 1;
    }
}

/// How often zones were fetched, and what came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fetches {
    /// The whole zone.
    pub whole: u64,
    /// What differs.
    pub differences: u64,
    /// Nobody had anything newer.
    pub current: u64,
    /// Nothing, from nobody.
    pub failed: u64,
}

impl Fetches {
    /// Counts one more.
    pub fn add(&mut self, fetched: &Fetched) {
        *match &fetched.result {
            Ok(success) if success.copy.is_none() => &mut self.current,
            Ok(success) if success.is_whole => &mut self.whole,
            Ok(_) => &mut self.differences,
            Err(_) => &mut self.failed,
        } += 1;
    }
}

/// A plan that is under way.
#[derive(Debug)]
pub struct PlanFigures {
    /// The zone, without the final dot.
    pub zone: String,
    /// The hash of its apex.
    pub apex: NameHash,
    /// The instant of the flip.
    pub at: Instant,
    /// When no conforming cache holds old data any more.
    pub horizon: Option<Instant>,
    /// What was handed out.
    pub reading: Reading,
}

/// The hash by which a zone is metered.
pub fn hash(apex: &Name) -> NameHash {
    NameHash::of(apex.as_ref().to_lowercase().as_ref())
}

impl Figures {
    /// Takes in the zones that are fetched.
    pub fn count_fetched<'f>(&mut self, zones: impl Iterator<Item = &'f Fetching>) {
        let [served, expired, never] = &mut self.fetched;
        for fetching in zones {
            *match &fetching.copy {
                Some(_) if fetching.is_expired => &mut *expired,
                Some(_) => &mut *served,
                None => &mut *never,
            } += 1;
        }
    }

    /// Takes in the plans that are `running`.
    pub fn count_plans<'r>(&mut self, running: impl Iterator<Item = (&'r Name, &'r Arc<Running>)>, now: Instant) {
        let mut under_way = Vec::new();
        for (apex, running) in running {
            *self.states.entry(running.run.state()).or_default() += 1;
            // What was rolled back is still being forgotten.
            let is_watched = !running.run.is_over() || running.run.state() == "rolled back";
            if let Some(itinerary) = running.itinerary.as_ref().filter(|_| is_watched) {
                under_way.push((itinerary.at.since(now).max(now.since(itinerary.at)), apex, itinerary));
            }
        }
        under_way.sort_by_key(|(distance, apex, _)| (*distance, *apex));
        under_way.truncate(PLANS_MAX);
        self.plans.extend(under_way.into_iter().map(|(_, apex, itinerary)| PlanFigures {
            zone: names::shown(apex.as_ref()),
            apex: hash(apex),
            at: itinerary.at,
            horizon: itinerary.horizon,
            reading: Reading::default(),
        }));
    }

    /// Asks `meter` what was handed out of each.
    pub fn read(&mut self, meter: &Meter) {
        let apexes: Vec<_> = self.plans.iter().map(|plan| plan.apex).collect();
        for (plan, reading) in self.plans.iter_mut().zip(meter.readings(&apexes)) {
            plan.reading = reading.unwrap_or_default();
        }
    }
}
