//! Taking note of passages from edition to edition, for the history.

use std::sync::Arc;

use super::Owner;
use crate::clock::Instant;
use crate::control::history::{Before, Cause, Passage, Since, Stand};
use crate::control::names::Role;
use crate::control::report::Report;
use crate::control::running::{News, Running};
use crate::control::store::change::Source;
use crate::control::tree::Files;
use crate::timeline::{Serial, Timeline};
use crate::wire::Name;
use crate::zone::delta::Delta;

/// Where that comes from which files say.
pub(super) fn cause(apex: &Name, files: &Files, news: &News, zone_changed: bool) -> Cause {
    let of_file = |source, role| Cause { source, by: files.path(apex, role).to_string_lossy().into() };
    match news.cause() {
        _ if zone_changed => of_file(Source::File, Role::Zone),
        Some(decided) => decided,
        None => of_file(Source::Plan, Role::Plan),
    }
}

impl Owner {
    /// Takes note of what is served instead of what.
    pub(super) fn pass(
        &mut self,
        apex: &Name,
        (timeline, running): (&Arc<Timeline>, Option<&Running>),
        known: Before,
        cause: Cause,
        clock: Instant,
    ) {
        let after = Stand::at(timeline, clock);
        let told = self.running.get(apex).filter(|old| old.timeline.is_some());
        let zone = self.zones.get(apex).and_then(|known| known.zone.clone());
        let (before, known, itinerary) = match (told.and_then(|old| old.timeline.as_ref()), zone) {
            (Some(old), _) => (Some(Stand::at(old, clock)), known, told.and_then(|old| old.itinerary.clone())),
            (None, Some(zone)) => {
                let amended = self.amended.get(apex).cloned();
                let timeline = amended.unwrap_or_else(|| Arc::new(Timeline::fixed(zone)));
                (Some(Stand::at(&timeline, clock)), known, None)
            }
            (None, None) => {
                let chain = if let Before::First(chain) = known { chain } else { None };
                // What was armed before the server was started may have come to pass since.
                let armed = running.map(|running| Stand::at(timeline, running.run.armed_at));
                let missed = armed.filter(|armed| armed.edition != after.edition);
                if chain.is_none() && missed.is_none() {
                    return;
                }
                (missed, Before::First(chain), running.and_then(|running| running.itinerary.clone()))
            }
        };
        self.passages.push(Passage { apex: apex.clone(), at: clock, before, after, known, cause, itinerary });
    }

    /// Says that data changes while name servers do: the others must have it too.
    pub(super) fn say_if_handed_over(
        &mut self,
        apex: &Name,
        running: Option<&Running>,
        (before, cause): (&Before, &Cause),
        after: &Timeline,
        clock: Instant,
    ) {
        let until = running.and_then(|running| running.hands_over_until(clock));
        let (Some(until), Before::Since(since), Source::File | Source::Update) = (until, before, cause.source) else {
            return;
        };
        // A SOA record goes and comes with each serial.
        let serial = self.zones.get(apex).map(|known| known.serial);
        let alone = if serial == Some(Serial(after.at(clock).serial)) { (0, 0) } else { (1, 1) };
        if since.counts != alone {
            self.reporter.say(Report::changed_in_a_hand_over(apex, until));
        }
    }

    /// Remembers what is served of a zone if a patch lies over it, and that is not its plan's.
    pub(super) fn is_amended(&mut self, apex: &Name, timeline: &Arc<Timeline>, is_plain: bool) {
        match timeline.first().patch {
            Some(_) if is_plain => _ = self.amended.insert(apex.clone(), timeline.clone()),
            _ => _ = self.amended.remove(apex),
        }
    }

    /// Whether a zone that differs so from [`Known::zone`](crate::control::registry::Known::zone) has what is served.
    pub(super) fn is_as_served(amended: Option<&Arc<Timeline>>, since: &Since) -> bool {
        let Some(timeline) = amended else { return since.is_nothing() };
        let back = Delta::between(timeline.transferred(*timeline.first()), timeline.zone().view());
        let may_be = since.counts == (back.added.len() as u64, back.removed.len() as u64);
        let delta = since.delta.as_ref().filter(|_| may_be).and_then(|delta| Delta::from_bytes(delta));
        delta.is_some_and(|delta| back.then(delta).is_empty())
    }

    /// Takes note of the step that `timeline` takes at `at`.
    pub(super) fn pass_to(&mut self, apex: &Name, timeline: &Arc<Timeline>, at: Instant) {
        let before = Stand::at(timeline, Instant::from_unix_nanos(at.unix_nanos().saturating_sub(1)));
        let after = Stand::at(timeline, at);
        let itinerary = self.running.get(apex).and_then(|running| running.itinerary.clone());
        let cause = Cause { source: Source::Plan, by: Arc::default() };
        let known = Before::Known;
        self.passages.push(Passage { apex: apex.clone(), at, before: Some(before), after, known, cause, itinerary });
    }
}
