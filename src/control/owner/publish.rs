//! What is loaded becomes what is served.

use std::time::Instant;

use super::event::Effect;
use super::{Owner, PUBLISH_EVERY, PUBLISH_RARELY};
use crate::clock;

impl Owner {
    /// Publishes what is loaded (rule 5).
    pub(super) fn publish(&mut self, now: Instant, clock: clock::Instant, effects: &mut Vec<Effect>) {
        let more = self.loading > 0 || !self.queue.is_empty();
        let is_early = self.published_at.is_some_and(|at| now.saturating_duration_since(at) < self.publish_every);
        let waits = more && is_early;
        if !self.unpublished.is_empty() && !waits {
            // A catalog of many zones is copied each time: the longer it takes in all, the rarer.
            let rarer = (self.publish_every + self.publish_every / 4).min(PUBLISH_RARELY);
            self.publish_every = if more { rarer } else { PUBLISH_EVERY };
            self.published_at = Some(now);
            let changes = std::mem::take(&mut self.unpublished);
            self.published(&changes, now, clock);
            effects.push(Effect::Publish(changes));
        }
        if self.unpublished.is_empty() {
            effects.extend(self.done.drain(..).map(|(ticket, answer)| Effect::Answer(ticket, answer)));
            if !self.said.is_empty() {
                effects.push(Effect::Say(std::mem::take(&mut self.said)));
            }
        }
    }

    pub(super) fn get_ready(&mut self, (now, clock): (Instant, clock::Instant), effects: &mut Vec<Effect>) {
        let busy = self.loading > 0 || !self.queue.is_empty() || !self.scanning.is_empty();
        if self.is_ready || busy {
            return;
        }
        self.is_ready = true;
        self.members_without_catalog(clock);
        effects.push(Effect::Ready(self.zones.counts()));
        // The watch begins now: what changed before is found by looking once more.
        self.folders.by(self.top.to_path_buf(), now);
    }
}
