//! One secondary, and what it was told of each zone.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{GAP, Heard, Notice, PAUSE_MAX, PAUSE_MIN, UNDER_WAY_MAX};
use crate::control::names::NameMap;
use crate::timeline::Serial;
use crate::wire::{Name, Rcode};

/// From so many failures in a row on a secondary is said to be silent.
const SILENT_FROM: u32 = 3;

/// How far it has come that somebody knows of a zone's serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It will be told of this one, or is being told.
    Waiting(Serial),
    /// It has said that it was told of this one.
    Acknowledged(Serial),
    /// It does not want to know of this one.
    Refused(Serial, Rcode),
    /// It was told of this one, and nothing came that can be believed: why. It is told again.
    Failed(Serial, Box<str>),
}

/// How many zones stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// [`State::Waiting`]
    pub waiting: usize,
    /// [`State::Acknowledged`]
    pub acknowledged: usize,
    /// [`State::Refused`]
    pub refused: usize,
    /// [`State::Failed`]
    pub failed: usize,
}

impl Count {
    fn of(&mut self, state: &State) -> &mut usize {
        match state {
            State::Waiting(_) => &mut self.waiting,
            State::Acknowledged(_) => &mut self.acknowledged,
            State::Refused(..) => &mut self.refused,
            State::Failed(..) => &mut self.failed,
        }
    }
}

/// What has changed about a secondary, and is worth a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Silent(String),
    Back,
    Refuses(String),
}

/// One secondary.
#[derive(Debug, Default)]
pub(super) struct Server {
    zones: NameMap<Zone>,
    /// The zones that it is to be told of, and when.
    due: BTreeSet<(Instant, Name)>,
    under_way: usize,
    count: Count,
    /// Whether it was said that it refuses something.
    is_said_to_refuse: bool,
    /// How many times in a row nothing came of it, since when, and until when it is left alone.
    failures: u32,
    failed_at: Option<Instant>,
    not_before: Option<Instant>,
}

#[derive(Debug)]
struct Zone {
    /// What it is to be told, or was.
    serial: Serial,
    state: State,
    due: Option<Instant>,
    sent_at: Option<Instant>,
    is_under_way: bool,
    /// How often it was told so without an answer.
    tries: u32,
}

fn pause(tries: u32) -> Duration {
    PAUSE_MIN.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(PAUSE_MAX)
}

impl Server {
    pub(super) fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }

    pub(super) fn count(&self) -> Count {
        self.count
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn standing(&self, apex: &Name) -> Option<State> {
        self.zones.get(apex).map(|zone| zone.state.clone())
    }

    pub(super) fn changed(&mut self, apex: &Name, serial: Serial, now: Instant) {
        let count = &mut self.count;
        let zone = self.zones.entry(apex.clone()).or_insert_with(|| {
            count.waiting += 1;
            // Anything but `serial`: the zone is new here.
            let before = Serial(serial.0.wrapping_sub(1));
            let state = State::Waiting(before);
            Zone { serial: before, state, due: None, sent_at: None, is_under_way: false, tries: 0 }
        });
        if zone.serial == serial {
            return;
        }
        (zone.serial, zone.tries) = (serial, 0);
        zone.stand(State::Waiting(serial), count);
        if !zone.is_under_way {
            let at = zone.sent_at.map_or(now, |sent| now.max(sent + GAP));
            self.schedule(apex, at);
        }
    }

    pub(super) fn forget(&mut self, apex: &Name) {
        let Some(zone) = self.zones.remove(apex) else { return };
        *self.count.of(&zone.state) -= 1;
        if let Some(at) = zone.due {
            self.due.remove(&(at, apex.clone()));
        }
    }

    fn schedule(&mut self, apex: &Name, at: Instant) {
        let Some(zone) = self.zones.get_mut(apex) else { return };
        if let Some(before) = zone.due.replace(at) {
            self.due.remove(&(before, apex.clone()));
        }
        self.due.insert((at, apex.clone()));
    }

    /// When it is to be told something next.
    pub(super) fn next(&self) -> Option<Instant> {
        let most = if self.failures > 0 { 1 } else { UNDER_WAY_MAX };
        let (at, _) = self.due.first().filter(|_| self.under_way < most)?;
        Some(self.not_before.map_or(*at, |not_before| not_before.max(*at)))
    }

    /// What it is to be told at `now`.
    pub(super) fn take(&mut self, now: Instant) -> Option<(Name, Serial)> {
        self.next().filter(|at| *at <= now)?;
        let (_, apex) = self.due.pop_first()?;
        let zone = self.zones.get_mut(&apex)?;
        (zone.due, zone.sent_at, zone.is_under_way) = (None, Some(now), true);
        zone.tries += 1;
        self.under_way += 1;
        Some((apex, zone.serial))
    }

    /// Takes what came of `notice`.
    pub(super) fn heard(&mut self, notice: &Notice, heard: Heard, now: Instant) -> Option<Change> {
        self.under_way = self.under_way.saturating_sub(1);
        let change = match &heard {
            Heard::Nothing(why) => self.failed(notice, why, now),
            Heard::Answer(_) | Heard::Unsure(_) => self.answered(now),
        };
        let Some(zone) = self.zones.get_mut(&notice.apex) else { return change };
        zone.is_under_way = false;
        let serial = notice.serial;
        let (state, again, why) = match heard {
            Heard::Answer(Rcode::NOERROR) => (State::Acknowledged(serial), false, None),
            Heard::Answer(Rcode::SERVFAIL) => {
                (State::Refused(serial, Rcode::SERVFAIL), true, Some("SERVFAIL".to_owned()))
            }
            Heard::Answer(rcode) => (State::Refused(serial, rcode), false, Some(rcode.to_string())),
            Heard::Unsure(why) => (State::Failed(serial, why.clone().into()), true, Some(why)),
            Heard::Nothing(why) => (State::Failed(serial, why.into()), true, None),
        };
        let tries = zone.tries;
        if zone.serial != serial {
            // It has changed meanwhile.
            let at = zone.sent_at.map_or(now, |sent| now.max(sent + GAP));
            self.schedule(&notice.apex, at);
        } else {
            zone.stand(state, &mut self.count);
            if again {
                self.schedule(&notice.apex, now + pause(tries));
            }
        }
        if why.is_none() && self.count.refused + self.count.failed == 0 {
            self.is_said_to_refuse = false;
        }
        // Once for however many zones.
        match change {
            None => why.filter(|_| !std::mem::replace(&mut self.is_said_to_refuse, true)).map(Change::Refuses),
            change => change,
        }
    }

    /// Nothing came. Of all that was under way at one time, that is one failure.
    fn failed(&mut self, notice: &Notice, why: &str, now: Instant) -> Option<Change> {
        let sent_at = self.zones.get(&notice.apex).and_then(|zone| zone.sent_at);
        if self.failed_at.is_some_and(|failed| sent_at.is_none_or(|sent| sent <= failed)) {
            return None;
        }
        self.failures += 1;
        self.failed_at = Some(now);
        self.not_before = Some(now + pause(self.failures));
        (self.failures == SILENT_FROM).then(|| Change::Silent(why.to_owned()))
    }

    /// Something came: if it was silent, what waits for it to come back is due.
    fn answered(&mut self, now: Instant) -> Option<Change> {
        (self.failed_at, self.not_before) = (None, None);
        let failures = std::mem::take(&mut self.failures);
        // One that does not answer for one zone, and does for others, is not silent: that zone keeps its pauses.
        if failures < SILENT_FROM {
            return None;
        }
        for (_, apex) in std::mem::take(&mut self.due) {
            if let Some(zone) = self.zones.get_mut(&apex) {
                (zone.due, zone.tries) = (Some(now), 0);
                self.due.insert((now, apex));
            }
        }
        Some(Change::Back)
    }
}

impl Zone {
    fn stand(&mut self, state: State, count: &mut Count) {
        *count.of(&self.state) -= 1;
        *count.of(&state) += 1;
        self.state = state;
    }
}
