//! Zones that are fetched: asked for when it is time, served when they have come, and no longer when nobody was heard of.

use std::sync::Arc;

use super::Owner;
use super::event::{Effect, Service};
use crate::answer::{Chain, Notified};
use crate::clock;
use crate::control::config::secondary::Secondary;
use crate::control::history::{Before, Cause, Passage, Stand};
use crate::control::names;
use crate::control::registry::Standing;
use crate::control::report::{Level, Report};
use crate::control::secondary::{Came, Copy, Due, Fetched, Fetching, Kept, Secondaries};
use crate::control::store::change::Source;
use crate::diag::Diagnostic;
use crate::timeline::Serial;
use crate::wire::Name;

impl Owner {
    /// The zones that are fetched.
    pub fn secondaries(&self) -> &Secondaries {
        &self.secondaries
    }

    /// How the zone `apex` is fetched, if it is.
    pub fn secondary(&self, apex: &Name) -> Option<&Fetching> {
        self.secondaries.get(apex)
    }

    /// The file of `apex` says from whom it is fetched; `found` is what is kept of it, and `remembered` what of its changes.
    pub(super) fn is_fetched(
        &mut self,
        apex: Name,
        from: Arc<Secondary>,
        (found, remembered): (Option<Box<Kept>>, Option<Arc<Chain>>),
        faults: Vec<Diagnostic>,
        clock: clock::Instant,
    ) {
        self.warn_of(&apex, faults);
        // What was its own plan is obeyed no more.
        self.follow(&apex, None, clock);
        self.obeys(&apex, from.catalog.clone(), clock);
        let served = self.secondaries.set(&apex, from, found.map(|found| *found), clock);
        if let Some(copy) = served {
            let source = self.secondaries.get(&apex).map_or_else(String::new, |known| known.source.clone());
            let cause = Cause { source: Source::Transfer, by: source.into() };
            return self.serve_copy(apex, &copy, Some((None, Before::First(remembered), cause)), clock);
        }
        self.reads_again(&apex, clock);
        self.has_not_come(apex);
    }

    /// What is remarkable about the files of `apex`, though they are obeyed.
    pub(super) fn warn_of(&mut self, apex: &Name, faults: Vec<Diagnostic>) {
        if !faults.is_empty() {
            let text = format!("{}: there is something to look at", names::shown(apex.as_ref()));
            self.reporter.say(Report { level: Level::Warn, text, diagnostics: faults });
        }
    }

    /// There is nothing of `apex` that could be served anew: what is served stays, and what is new waits.
    pub(super) fn has_not_come(&mut self, apex: Name) {
        let Some((known, count)) = self.zones.get_to_stand(&apex) else { return };
        match known.standing {
            Standing::New => {
                known.stand(Standing::Failed, count);
                self.unpublished.push((apex, Service::Failed));
            }
            Standing::Stale => known.stand(Standing::Served, count),
            Standing::Served | Standing::Failed => {}
        }
    }

    /// The zone `apex` has a file of its own, or has gone.
    pub(super) fn is_fetched_no_more(&mut self, apex: &Name, clock: clock::Instant) {
        self.obeys(apex, None, clock);
        self.secondaries.remove(apex);
    }

    pub(super) fn notified(&mut self, all: Vec<Notified>, clock: clock::Instant) {
        for Notified { apex, serial, from } in all {
            self.secondaries.notified(&apex, serial, from, clock);
        }
    }

    /// Has zones asked for whose time has come.
    pub(super) fn fetch(&mut self, clock: clock::Instant, effects: &mut Vec<Effect>) {
        for due in self.secondaries.due(clock) {
            match due {
                Due::Fetch(fetch) => effects.push(Effect::Fetch(fetch)),
                Due::Expired(apex, serial) => {
                    self.reporter.say(Report::expired(&apex, serial));
                    if let Some((known, count)) = self.zones.get_to_stand(&apex) {
                        known.stand(Standing::Failed, count);
                        self.unpublished.push((apex, Service::Failed));
                    }
                }
            }
        }
        // Each time all of them are copied: of many zones that are being read, they come together.
        let is_at_rest = self.queue.is_empty() && self.loading == 0;
        let fed = if is_at_rest { self.secondaries.take_fed() } else { Vec::new() };
        if !fed.is_empty() {
            effects.push(Effect::Feed(fed));
        }
        effects.extend(self.secondaries.take_forgotten().into_iter().map(Effect::Forget));
    }

    /// A zone was asked for.
    pub(super) fn fetched(&mut self, mut fetched: Fetched, clock: clock::Instant) {
        let apex = fetched.apex.clone();
        self.note_remarks(&apex, &fetched.remarks);
        for remark in std::mem::take(&mut fetched.remarks) {
            self.reporter.remarked(&apex, remark);
        }
        let old = self.secondaries.get(&apex).and_then(|known| known.copy.clone());
        let change = match &mut fetched.result {
            Ok(success) if success.copy.is_some() => {
                let cause = Cause { source: Source::Transfer, by: success.from.to_string().into() };
                let known = match &old {
                    Some(_) => success.since.take().map_or(Before::Known, Before::Since),
                    None => Before::First(None),
                };
                Some((old, known, cause))
            }
            _ => None,
        };
        let error_before = self.secondaries.get(&apex).and_then(|known| known.error.clone());
        match &fetched.result {
            Ok(success) if success.copy.is_some() => {
                let (from, how, before) = (success.from, success.how.clone(), success.before);
                if let Some(serial) = success.copy.as_ref().map(|copy| copy.serial()) {
                    self.reporter.came(&apex, serial, from, &how, before);
                }
            }
            Ok(success) => {
                if error_before.is_some() {
                    self.reporter.say(Report::heard_of_again(&apex, success.from));
                }
            }
            // That it fails again for the same reason is no news.
            Err(why) if error_before.as_ref() != Some(why) => {
                let served = self.zones.get(&apex).filter(|known| known.is_served()).map(|known| known.serial);
                self.reporter.say(Report::not_fetched(&apex, why, served));
            }
            Err(_) => {}
        }
        match self.secondaries.fetched(fetched, clock) {
            Came::Serve(copy) => self.serve_copy(apex, &copy, change, clock),
            Came::Nothing => {}
        }
    }

    /// Serves `copy`; in the place of what, and how that came about, is `change`, if it is one.
    pub(super) fn serve_copy(
        &mut self,
        apex: Name,
        copy: &Copy,
        change: Option<(Option<Arc<Copy>>, Before, Cause)>,
        clock: clock::Instant,
    ) {
        let Some((known, count)) = self.zones.get_to_stand(&apex) else { return };
        known.stand(Standing::Served, count);
        let timeline = Arc::new(copy.timeline());
        (known.serial, known.zone) = (Serial(copy.serial()), Some(timeline.zone().clone()));
        self.is_amended(&apex, &timeline, true);
        let after = Stand::at(&timeline, clock);
        if let Some((old, known, cause)) = change {
            let before = old.map(|old| Stand::at(&Arc::new(old.timeline()), clock));
            let passage = Passage { apex: apex.clone(), at: clock, before, after, known, cause, itinerary: None };
            self.passages.push(passage);
        }
        self.follow(&apex, None, clock);
        self.followers.forget(&apex);
        let is_catalog = self.consumers.is_catalog(&apex);
        let is_closed = is_catalog || self.producers.is_ours(&apex);
        let service = if is_closed { Service::Closed } else { Service::Timeline };
        self.unpublished.push((apex.clone(), service(timeline)));
        // One that came is not to wait for others that are being read.
        if self.is_ready {
            self.published_at = None;
        }
        if is_catalog {
            self.lists(&apex, copy, clock);
        }
    }
}
