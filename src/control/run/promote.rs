//! Zones that become ours: worked out, and their files written, by a loader's thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Control, Note, Word};
use crate::control::owner::Event;
use crate::control::promotion::{Prepared, Preparing, Surroundings};
use crate::control::socket::Reply;
use crate::control::store::promotion::{Ended, Promotion};
use crate::wire::Name;

impl Control {
    pub(super) fn prepare(&self, mut preparing: Box<Preparing>) {
        // Who has gone was told that it was not done.
        if self.callers.get(&preparing.promote.ticket).is_none_or(|(caller, _)| caller.has_gone()) {
            preparing.promote.act = None;
        }
        let around = Surroundings {
            top: self.top.clone(),
            rights: Arc::clone(&self.rights.snapshot()),
            told: self.limits.told.clone(),
            listens: self.listens.clone(),
            now: self.clock.next(),
        };
        let (loader, queue) = (self.loader.clone(), self.queue.0.clone());
        rayon::spawn(move || {
            let promote = preparing.promote.clone();
            // A fault of ours in one zone must not leave it held for ever.
            let prepared = catch_unwind(AssertUnwindSafe(|| preparing.prepare(&loader, &around)));
            let fault =
                |_| Err(Box::new((promote, Reply::failed("a fault of watari itself was found; please report it"))));
            _ = queue.send(Word::Event(Event::Prepared(prepared.unwrap_or_else(fault))));
        });
    }

    pub(super) fn settle(&self, prepared: Box<Prepared>) {
        let queue = self.queue.0.clone();
        rayon::spawn(move || {
            let settled = prepared.settle();
            _ = queue.send(Word::Event(Event::Settled(prepared, settled)));
        });
    }

    pub(super) fn begin_promotion(&self, promotion: Promotion) {
        _ = self.journal.send(Note::Promotion(promotion));
    }

    pub(super) fn end_promotion(&self, apex: Name, ended: Ended) {
        _ = self.journal.send(Note::Ended(apex, ended));
    }
}
