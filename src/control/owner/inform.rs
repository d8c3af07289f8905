//! Telling secondaries that zones have changed (rule 8): after it is served, and never in the way of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::Owner;
use super::event::{Effect, Service};
use crate::clock;
use crate::control::names::NameMap;
use crate::control::notifier::{Notifier, Told};
use crate::control::running::Running;
use crate::timeline::Serial;
use crate::wire::Name;

impl Owner {
    /// What secondaries were told.
    pub fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// From now on those are told.
    pub fn inform(&mut self, told: Told, now: Instant) {
        let Owner { notifier, zones, running, .. } = self;
        let served = zones.iter().filter(|(_, known)| known.is_served());
        notifier.tell(told, served.map(|(apex, known)| (apex, known.serial, named(running, apex))), now);
    }

    /// What is being published has changed.
    pub(super) fn published(&mut self, changes: &[(Name, Service)], now: Instant, clock: clock::Instant) {
        for (apex, service) in changes {
            match service {
                Service::Timeline(timeline) | Service::Closed(timeline) => {
                    self.has_serial(apex, Serial(timeline.at(clock).serial), now)
                }
                Service::Failed => {}
                Service::Gone => self.notifier.forget(apex),
            }
        }
    }

    /// The zone is served with `serial`.
    pub(super) fn has_serial(&mut self, apex: &Name, serial: Serial, now: Instant) {
        self.notifier.changed(apex, serial, named(&self.running, apex), now);
    }

    /// Has secondaries told what is due.
    pub(super) fn tell_secondaries(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.is_ready {
            effects.extend(self.notifier.due(now).into_iter().map(Effect::Inform));
        }
    }

    /// When something is to be told.
    pub(super) fn next_told(&self) -> Option<Instant> {
        self.notifier.next().filter(|_| self.is_ready)
    }
}

/// The secondaries that the plan of `apex` names.
fn named<'r>(running: &'r NameMap<Arc<Running>>, apex: &Name) -> &'r [SocketAddr] {
    let running = running.get(apex).filter(|running| !running.run.is_over());
    running.and_then(|running| running.itinerary.as_ref()).map_or(&[], |plan| &plan.secondaries)
}
