//! Updates of zones: taken when nobody else is at the zone, those that wait together; answered when they are served.

use std::sync::Arc;

use super::event::Effect;
use super::{Owner, Pending, recorded};
use crate::clock;
use crate::control::history::Cause;
use crate::control::load::Laid;
use crate::control::names::NameMap;
use crate::control::registry::Phase;
use crate::control::report::Report;
use crate::control::store::change::Source;
use crate::control::updates::{Job, Overlaid, Petitioned, Said, Updated};
use crate::wire::edns::ExtendedError;
use crate::wire::{Name, Rcode};

/// The most updates of a zone that are taken together.
const TOGETHER_MAX: usize = 512;

impl Owner {
    /// The same, where updates have made of zones what the database knows.
    #[must_use]
    pub fn with_overlaid(mut self, overlaid: impl IntoIterator<Item = (Name, Overlaid)>) -> Owner {
        self.overlaid.extend(overlaid.into_iter().map(|(apex, overlaid)| (apex, overlaid.into())));
        self
    }

    /// What updates have made of `apex`.
    pub fn overlaid(&self, apex: &Name) -> Option<&Overlaid> {
        self.overlaid.get(apex).map(|overlaid| &**overlaid)
    }

    /// Takes requests, each to wait for its zone.
    pub(super) fn petitioned(&mut self, all: Vec<Petitioned>) {
        for petitioned in all {
            let apex = petitioned.petition().update().apex.clone();
            self.waiting.entry(apex).or_default().push_back(petitioned);
        }
    }

    /// Has those updates made whose zone is free.
    pub(super) fn update(&mut self, effects: &mut Vec<Effect>) {
        if self.waiting.is_empty() {
            return;
        }
        let zones: Vec<Name> = self.waiting.keys().cloned().collect();
        for apex in zones {
            let refused = match self.zones.get(&apex) {
                None => Some(Said::refused(Rcode::NOTAUTH, Some(ExtendedError::NOT_AUTHORITATIVE), "it is not here")),
                Some(_) if self.secondaries.get(&apex).is_some() => {
                    let why = "it is fetched from others: ask its primary";
                    Some(Said::refused(Rcode::NOTAUTH, Some(ExtendedError::NOT_AUTHORITATIVE), why))
                }
                Some(_) if self.producers.is_ours(&apex) => {
                    let why = "it is a catalog zone, and has what it lists";
                    Some(Said::refused(Rcode::NOTAUTH, Some(ExtendedError::NOT_AUTHORITATIVE), why))
                }
                Some(known) if !known.is_served() => {
                    Some(Said::refused(Rcode::SERVFAIL, Some(ExtendedError::NOT_READY), "it is not served"))
                }
                _ if self.overlaid.get(&apex).is_some_and(|overlaid| overlaid.standing.is_frozen) => {
                    Some(Said::refused(
                        Rcode::REFUSED,
                        Some(ExtendedError::PROHIBITED),
                        "it is frozen until `watari zone thaw`",
                    ))
                }
                _ => None,
            };
            if let Some(said) = refused {
                let waiting = self.waiting.remove(&apex).unwrap_or_default();
                effects.push(Effect::Say(waiting.into_iter().map(|petitioned| (petitioned, said.clone())).collect()));
                continue;
            }
            // What is made over the zone that is served must be made over the one that is about to be, too.
            let is_published = !self.unpublished.iter().any(|(name, _)| *name == apex);
            if is_published {
                self.begin_update(&apex, effects);
            }
        }
    }

    fn begin_update(&mut self, apex: &Name, effects: &mut Vec<Effect>) {
        let Some(known) = self.zones.get_mut(apex).filter(|known| known.phase == Phase::Idle) else { return };
        let running = self.running.get(apex).cloned();
        // Beside a plan one alone: if the plan can't go on with it, the others are none the worse.
        let is_under_way = running.as_ref().is_some_and(|running| !running.run.is_over());
        let Some(waiting) = self.waiting.get_mut(apex) else { return };
        let count = if is_under_way { 1 } else { waiting.len().min(TOGETHER_MAX) };
        let petitions: Vec<_> = waiting.drain(..count).collect();
        if waiting.is_empty() {
            self.waiting.remove(apex);
        }
        known.phase = Phase::Loading;
        self.loading += 1;
        let (files, content) = (known.files.clone(), known.content.zone);
        let overlaid = self.overlaid.get(apex).cloned();
        effects.push(Effect::Update(Job { apex: apex.clone(), petitions, files, content, overlaid, running }));
    }

    /// What comes of updates was worked out: it goes into the database (rule 7).
    pub(super) fn updated(&mut self, updated: Box<Updated>, effects: &mut Vec<Effect>) {
        let apex = updated.apex.clone();
        match &updated.made {
            Some(made) => {
                let records = recorded(&apex, made.news.outcome());
                effects.push(Effect::Write(records, vec![made.written.clone()]));
                self.pending.insert(apex, Pending::Updated(updated));
            }
            None => {
                self.is_read(&apex);
                effects.push(Effect::Say(updated.answers));
                self.ask_again(effects);
            }
        }
    }

    /// It is there, or can't be.
    pub(super) fn updates_written(
        &mut self,
        updated: Updated,
        failure: Option<&str>,
        clock: clock::Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Updated { apex, mut answers, made } = updated;
        self.is_read(&apex);
        if let Some(why) = failure {
            self.reporter.say(Report::not_journalled(&apex, why));
            for (_, said) in answers.iter_mut().filter(|(_, said)| *said == Said::DONE) {
                *said = Said::refused(Rcode::SERVFAIL, None, "it can't be put into the database");
            }
            return effects.push(Effect::Say(answers));
        }
        if let Some(made) = made {
            let overlaid = Arc::make_mut(self.overlaid.entry(apex.clone()).or_default());
            overlaid.standing = made.standing;
            Arc::make_mut(&mut overlaid.overlay).take_up(made.written.layers);
            let cause = Cause { source: Source::Update, by: made.by };
            self.serve(apex, *made.news, made.before, cause, clock);
            // Who waits for an answer does not wait for what else is loading.
            self.published_at = None;
        }
        self.said.extend(answers);
    }
}

/// Takes note of what is left of what updates have made of a zone that was read.
pub(super) fn lay(all: &mut NameMap<Arc<Overlaid>>, apex: &Name, laid: Option<Laid>) {
    match laid {
        Some(Laid { overlaid: Some(overlaid), .. }) => _ = all.insert(apex.clone(), overlaid.into()),
        Some(Laid { overlaid: None, .. }) => _ = all.remove(apex),
        None => {}
    }
}
