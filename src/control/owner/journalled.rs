//! What waits for the journal, and what follows when it is there (rule 7).

use super::attend::Told;
use super::event::{Answer, Considered, Effect};
use super::{Owner, recorded};
use crate::clock;
use crate::control::load::{Loaded, Outcome};
use crate::control::promotion::Prepared;
use crate::control::report::Report;
use crate::control::updates::keep::Keep;
use crate::control::updates::{Overlaid, Updated};
use crate::wire::Name;

/// What waits for the journal.
#[derive(Debug)]
pub(super) enum Pending {
    Loaded(Box<Loaded>),
    Decided(Box<Considered>),
    Told(Box<Told>),
    Updated(Box<Updated>),
    Kept(Box<(Keep, Overlaid)>),
    Promotion(Box<Prepared>),
}

impl Owner {
    /// Takes what was loaded; what belongs into the journal waits for that (rule 7).
    pub(super) fn all_loaded(&mut self, all: Vec<Loaded>, clock: clock::Instant, effects: &mut Vec<Effect>) {
        let (mut records, mut all_written) = (Vec::new(), Vec::new());
        for loaded in all {
            let written = loaded.laid.as_ref().and_then(|laid| laid.written.clone());
            let news = match &loaded.outcome {
                Outcome::Ready { news, .. } if !news.entries().is_empty() || written.is_some() => news,
                _ => {
                    self.loaded(loaded, clock);
                    continue;
                }
            };
            records.extend(recorded(&loaded.apex, news.outcome()));
            all_written.extend(written);
            self.pending.insert(loaded.apex.clone(), Pending::Loaded(Box::new(loaded)));
        }
        if !all_written.is_empty() {
            effects.push(Effect::Write(records, all_written));
        } else if !records.is_empty() {
            effects.push(Effect::Journal(records));
        }
    }

    pub(super) fn journalled(
        &mut self,
        apex: &Name,
        failure: Option<&str>,
        clock: clock::Instant,
        effects: &mut Vec<Effect>,
    ) {
        match (self.pending.remove(apex), failure) {
            (Some(Pending::Loaded(loaded)), None) => self.loaded(*loaded, clock),
            (Some(Pending::Loaded(loaded)), Some(why)) => {
                self.reporter.say(Report::not_journalled(apex, why));
                self.loaded(Loaded { outcome: Outcome::Unusable, ..*loaded }, clock);
            }
            (Some(Pending::Decided(considered)), None) => self.decided(considered, clock),
            (Some(Pending::Decided(considered)), Some(why)) => {
                self.reporter.say(Report::not_journalled(apex, why));
                effects.push(Effect::Answer(considered.asked.ticket, Answer::NotJournalled(why.to_owned())));
                self.is_read(apex);
            }
            (Some(Pending::Told(told)), None) => self.told(apex, *told, clock),
            (Some(Pending::Told(_)), Some(why)) => {
                self.reporter.say(Report::not_journalled(apex, why));
                self.is_read(apex);
            }
            (Some(Pending::Updated(updated)), failure) => self.updates_written(*updated, failure, clock, effects),
            (Some(Pending::Kept(kept)), failure) => {
                let (keep, after) = *kept;
                self.kept(keep, after, failure, effects);
            }
            (Some(Pending::Promotion(prepared)), failure) => self.promotion_journalled(prepared, failure, effects),
            (None, _) => {}
        }
        self.ask_again(effects);
    }
}
