//! Catalog zones of ours: made when zones come or go, and served when they are kept.

use std::sync::Arc;
use std::time::Instant;

use super::Owner;
use super::event::Effect;
use crate::answer::Chain;
use crate::clock;
use crate::control::catalog_zone::producers::{Drawn, Producers};
use crate::control::config::listing::Listing;
use crate::control::history::{Before, Cause};
use crate::control::names::{self, Role};
use crate::control::registry::Standing;
use crate::control::report::{Level, Report};
use crate::control::secondary::Copy;
use crate::control::store::change::Source;
use crate::diag::Diagnostic;
use crate::timeline::Serial;
use crate::wire::Name;

impl Owner {
    /// The catalog zones of ours.
    pub fn producers(&self) -> &Producers {
        &self.producers
    }

    /// The file of `apex` says which zones it lists; `found` is what it was, and what is known of its changes.
    pub(super) fn produces(
        &mut self,
        apex: Name,
        listing: Arc<Listing>,
        found: Option<Box<(Copy, Option<Arc<Chain>>)>>,
        faults: Vec<Diagnostic>,
        clock: clock::Instant,
    ) {
        self.warn_of(&apex, faults);
        self.follow(&apex, None, clock);
        let (found, chain) = found.map_or((None, None), |found| (Some(Arc::new(found.0)), found.1));
        self.producers.set(&apex, listing, found.clone());
        if let Some(copy) = found {
            let cause = self.cause_of_listing(&apex);
            let change = chain.map(|chain| (None, Before::First(Some(chain)), cause));
            return self.serve_copy(apex, &copy, change, clock);
        }
        self.has_not_come(apex);
    }

    fn cause_of_listing(&self, apex: &Name) -> Cause {
        let path = self.zones.get(apex).map(|known| known.files.path(apex, Role::Catalog)).unwrap_or_default();
        Cause { source: Source::Catalog, by: path.to_string_lossy().into() }
    }

    /// `apex` is no catalog zone of ours any more, if it was one.
    pub(super) fn produces_no_more(&mut self, apex: &Name) {
        if self.producers.remove(apex) {
            self.secondaries.forget(apex);
        }
    }

    /// Has catalog zones made that are to list something else.
    pub(super) fn draw(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if !self.may_draw() || !self.producers.is_due(now) {
            return;
        }
        let Owner { producers, zones, consumers, .. } = self;
        let is_there = |name: &Name| {
            let known = zones.get(name).filter(|known| known.standing != Standing::New && !known.files.catalog);
            known.is_some() && !consumers.is_catalog(name)
        };
        let draws = producers.due(now, || zones.iter().map(|(apex, _)| apex), is_there);
        effects.extend(draws.into_iter().map(Effect::Draw));
    }

    /// Whether it is known which zones there are.
    fn may_draw(&self) -> bool {
        self.is_ready && self.loading == 0 && self.queue.is_empty()
    }

    /// When catalog zones are to be made.
    pub(super) fn next_draw(&self) -> Option<Instant> {
        if self.may_draw() { self.producers.next() } else { None }
    }

    /// A catalog zone was made.
    pub(super) fn drawn(&mut self, mut drawn: Drawn, clock: clock::Instant) {
        let apex = drawn.apex.clone();
        let zone = names::shown(apex.as_ref());
        if let Err(why) = &drawn.result {
            self.reporter.say(Report::new(Level::Error, format!("{zone}: the catalog zone can't be made: {why}")));
        }
        let Some((old, copy)) = self.producers.drawn(&drawn) else { return };
        let since = drawn.result.as_mut().ok().and_then(|made| made.since.take());
        let count = self.producers.iter().find(|(name, ..)| **name == apex).map_or(0, |(_, count, _)| count);
        let was = old.as_ref().map_or_else(String::new, |old| format!(", was {}", Serial(old.serial())));
        let text = format!("{zone}: served, serial {}{was}; it lists {count} zones", Serial(copy.serial()));
        self.reporter.say(Report::new(Level::Info, text));
        let cause = self.cause_of_listing(&apex);
        let change = old.map(|old| (Some(old), since.map_or(Before::Known, Before::Since), cause));
        self.serve_copy(apex, &copy, change, clock);
    }
}
