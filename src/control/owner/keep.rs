//! Freezing, thawing and syncing zones that are updated: when nobody else is at the zone.

use std::sync::Arc;

use super::event::{Answer, Effect};
use super::journalled::Pending;
use super::{ASKED_MAX, Owner};
use crate::control::names::Role;
use crate::control::registry::Phase;
use crate::control::report::Report;
use crate::control::socket::Reply;
use crate::control::updates::keep::{Keep, Sync, Verb};
use crate::control::updates::{Overlaid, Standing, Written};
use crate::wire::Name;

impl Owner {
    /// Shows what a person asks for, or does it.
    pub(super) fn keep(&mut self, keep: Keep, effects: &mut Vec<Effect>) {
        let Some(known) = self.zones.get(&keep.apex).filter(|known| known.is_served()) else {
            return effects.push(Effect::Answer(keep.ticket, Answer::NotServed));
        };
        if self.secondaries.get(&keep.apex).is_some() {
            let reply = Reply::refused("the zone is fetched from others, and takes no updates").help("ask its primary");
            return effects.push(Effect::Answer(keep.ticket, Answer::Told(Box::new(reply))));
        }
        if self.producers.is_ours(&keep.apex) {
            let reply = Reply::refused("it is a catalog zone, has what it lists, and takes no updates");
            return effects.push(Effect::Answer(keep.ticket, Answer::Told(Box::new(reply))));
        }
        let overlaid = self.overlaid.get(&keep.apex).map(|overlaid| &**overlaid);
        let shown = keep.shown(&known.files.path(&keep.apex, Role::Zone).display().to_string(), overlaid);
        if shown.token.is_none() || !keep.is_agreed(overlaid) {
            return effects.push(Effect::Answer(keep.ticket, Answer::Told(Box::new(shown))));
        }
        let is_published = !self.unpublished.iter().any(|(name, _)| *name == keep.apex);
        if known.phase != Phase::Idle || !is_published {
            if self.keeping.len() < ASKED_MAX {
                self.keeping.push(keep);
            } else {
                effects.push(Effect::Answer(keep.ticket, Answer::Busy));
            }
            return;
        }
        let standing = overlaid.map_or_else(
            || Standing { serial: known.serial, content: known.content.zone.number(), ..Standing::default() },
            |overlaid| overlaid.standing,
        );
        let overlay = overlaid.map(|overlaid| overlaid.overlay.clone()).unwrap_or_default();
        self.hold_zone(&keep.apex);
        match keep.verb {
            Verb::Sync => self.sync(keep, effects),
            Verb::Freeze | Verb::Thaw => {
                let is_frozen = keep.verb == Verb::Freeze;
                let standing = Standing { is_frozen, ..standing };
                let written = Written { apex: keep.apex.clone(), standing: Some(standing), layers: Vec::new() };
                effects.push(Effect::Write(Vec::new(), vec![written]));
                let after = Overlaid { overlay, standing };
                self.pending.insert(keep.apex.clone(), Pending::Kept(Box::new((keep, after))));
            }
        }
    }

    /// Asks once more for what had to wait.
    pub(super) fn keep_again(&mut self, effects: &mut Vec<Effect>) {
        for keep in std::mem::take(&mut self.keeping) {
            self.keep(keep, effects);
        }
    }

    /// That a zone is frozen or thawed is in the database, or can't be.
    pub(super) fn kept(&mut self, keep: Keep, after: Overlaid, failure: Option<&str>, effects: &mut Vec<Effect>) {
        if let Some(why) = failure {
            self.is_read(&keep.apex);
            self.reporter.say(Report::not_journalled(&keep.apex, why));
            return effects.push(Effect::Answer(keep.ticket, Answer::NotJournalled(why.to_owned())));
        }
        let has_updates = !after.overlay.is_empty();
        self.overlaid.insert(keep.apex.clone(), Arc::new(after));
        if keep.verb == Verb::Freeze && has_updates {
            return self.sync(keep, effects);
        }
        self.is_read(&keep.apex);
        let done = keep.done(self.overlaid(&keep.apex));
        effects.push(Effect::Answer(keep.ticket, Answer::Told(Box::new(done))));
    }

    /// The zone file is written, or can't be.
    pub(super) fn synced(&mut self, keep: &Keep, result: Result<(), String>, effects: &mut Vec<Effect>) {
        self.is_read(&keep.apex);
        let reply = match result {
            Ok(()) => {
                self.enqueue(&keep.apex);
                keep.done(self.overlaid(&keep.apex))
            }
            Err(why) => Reply::failed(why).help("nothing was written; what is served stays"),
        };
        effects.push(Effect::Answer(keep.ticket, Answer::Told(Box::new(reply))));
    }

    fn sync(&self, keep: Keep, effects: &mut Vec<Effect>) {
        let Some(known) = self.zones.get(&keep.apex) else { return };
        let (files, content) = (known.files.clone(), known.content);
        let (running, overlaid) = (self.running.get(&keep.apex).cloned(), self.overlaid.get(&keep.apex).cloned());
        effects.push(Effect::Sync(Sync { keep, files, content, running, overlaid }));
    }

    /// Nobody else touches the zone from now on.
    pub(super) fn hold_zone(&mut self, apex: &Name) {
        if let Some(known) = self.zones.get_mut(apex) {
            known.phase = Phase::Loading;
            self.loading += 1;
        }
    }
}
