//! Updates: worked out by a loader's thread, and answered.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Control, Word};
use crate::control::names;
use crate::control::owner::Event;
use crate::control::updates::keep::Sync;
use crate::control::updates::{Job, Petitioned, Said, Updated};
use crate::net::Occasionally;

/// The lines that the log has of updates that are made, and of those that are not: at most one a second of each.
static MADE: Occasionally = Occasionally::new();
static REFUSED: Occasionally = Occasionally::new();

impl Control {
    pub(super) fn update(&self, job: Job) {
        let served = self.catalog.timeline(job.apex.as_ref());
        let (loader, clock, queue) = (self.loader.clone(), self.clock.clone(), self.queue.0.clone());
        let rights = self.rights.snapshot();
        rayon::spawn(move || {
            let apex = job.apex.clone();
            // One update that finds a fault of ours must not take the zone's others down: who asked is told nothing.
            let run = || served.map(|served| job.run(&served, &loader, &rights.update, clock.next()));
            let updated = catch_unwind(AssertUnwindSafe(run)).ok().flatten();
            let updated = updated.unwrap_or_else(|| Updated::nothing(apex));
            _ = queue.send(Word::Event(Event::Updated(Box::new(updated))));
        });
    }

    pub(super) fn sync(&self, sync: Sync) {
        let served = self.catalog.timeline(sync.keep.apex.as_ref());
        let (loader, clock, queue) = (self.loader.clone(), self.clock.clone(), self.queue.0.clone());
        rayon::spawn(move || {
            let written = match &served {
                Some(served) => sync.write(served, &loader, clock.next()),
                None => Err("it is not served".to_owned()),
            };
            let written = written.map(|path| tracing::info!("{} is written anew, with its updates", path.display()));
            _ = queue.send(Word::Event(Event::Synced(sync.keep, written)));
        });
    }

    pub(super) fn say(&mut self, answers: Vec<(Petitioned, Said)>) {
        answers.iter().for_each(|(_, said)| self.updates.add(said.rcode));
        let clock = self.clock.clone();
        rayon::spawn(move || {
            let now = clock.now();
            for (petitioned, Said { rcode, error, why }) in answers {
                log(&petitioned, why.as_deref());
                petitioned.answer(rcode, error, now);
            }
        });
    }
}

fn log(petitioned: &Petitioned, why: Option<&str>) {
    let petition = petitioned.petition();
    let zone = || names::shown(petition.update().apex.as_ref());
    match why {
        None => MADE.run(|unlogged| {
            tracing::info!(unlogged, "{}: updated by {}: {}", zone(), petition.by(), petition.update().summary());
        }),
        Some(why) => REFUSED.run(|unlogged| {
            tracing::warn!(unlogged, "{}: an update by {} is refused: {why}", zone(), petition.by());
        }),
    }
}
