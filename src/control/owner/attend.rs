//! What the look-out calls for: looks, what they came to, and what follows from it. What was found out is in the journal
//! before anything follows.

use super::event::{Act, Asked, Effect, Ticket};
use super::{Owner, Pending};
use crate::clock;
use crate::control::lookout::Due;
use crate::control::registry::Phase;
use crate::control::store::Record;
use crate::timeline::conduct::{self, Decision};
use crate::timeline::guard::Sentry;
use crate::timeline::run::Entry;
use crate::timeline::{Run, Timeline, Verdict};
use crate::wire::Name;

/// Who lets steps go on, and holds a plan whose gates have not passed by their deadline.
pub(in crate::control) const BY_GATES: &str = "its gates";

/// What was found out about gates and watches, on its way into the journal.
#[derive(Debug)]
pub(super) struct Told {
    entries: Vec<Entry>,
    run: Run,
}

impl Owner {
    pub(super) fn look_out(&mut self, clock: clock::Instant, effects: &mut Vec<Effect>) {
        let due = self.lookout.due(clock);
        self.attend(due, clock, effects);
    }

    /// Has done what the look-out calls for. What a zone has no time for now is called for again.
    pub(super) fn attend(&mut self, due: Vec<Due>, clock: clock::Instant, effects: &mut Vec<Effect>) {
        for due in due {
            let (apex, decision, by) = match due {
                Due::Look(look) => {
                    effects.push(Effect::Look(look));
                    continue;
                }
                Due::Tell { apex, found } => {
                    self.tell(&apex, &found, clock, effects);
                    continue;
                }
                Due::Pass { apex, before } => (apex, Decision::Pass { before }, BY_GATES.to_owned()),
                Due::Hold { apex, why } => (apex, Decision::Hold { why }, BY_GATES.to_owned()),
                Due::RollBack { apex, by } => (apex, Decision::RollBack, by),
            };
            if self.is_idle(&apex) {
                self.asked(Asked { ticket: Ticket(0), apex, decision, by, act: Act::Yes }, effects);
            }
        }
    }

    fn is_idle(&self, apex: &Name) -> bool {
        self.zones.get(apex).is_some_and(|known| known.is_served() && known.phase == Phase::Idle)
    }

    fn tell(&mut self, apex: &Name, found: &[(Sentry, Verdict)], clock: clock::Instant, effects: &mut Vec<Effect>) {
        let (Some(running), Some(guard), true) = (self.running.get(apex), self.lookout.guard(apex), self.is_idle(apex))
        else {
            return;
        };
        let (entries, run) = conduct::tell(&running.run, guard, found, clock);
        let promised: Vec<_> = running.timeline.iter().flat_map(|timeline| Timeline::promised(timeline)).collect();
        let record =
            |entry: &Entry| Record { apex: apex.clone(), entry: entry.clone(), plan: None, promised: promised.clone() };
        effects.push(Effect::Journal(entries.iter().map(record).collect()));
        if let Some(known) = self.zones.get_mut(apex) {
            known.phase = Phase::Loading;
            self.loading += 1;
        }
        self.pending.insert(apex.clone(), Pending::Told(Box::new(Told { entries, run })));
    }

    /// What was found out is in the journal.
    pub(super) fn told(&mut self, apex: &Name, told: Told, clock: clock::Instant) {
        self.is_read(apex);
        let Some(running) = self.running.get_mut(apex) else { return };
        let running = std::sync::Arc::make_mut(running);
        running.run = told.run;
        for entry in &told.entries {
            self.reporter.happened(apex, entry, running.itinerary.as_deref());
        }
        let guard = running.itinerary.as_ref().and_then(|plan| plan.guard.as_ref());
        self.lookout.keep(apex, guard, &running.run, clock);
    }
}
