//! A run: where an armed plan stands. It is the fold of its journal, and of nothing else.
//!
//! ```text
//!             ┌──────────── resumed ───────────┐
//!             ▼                                │
//!  armed ──► running ──── held ───────────► holding
//!             │                                │
//!             ├─ aborted ──────► ended         ├─ aborted, rolled back
//!             ├─ rolled back ──► ended         ▼
//!             └─ finished, withdrawn ──► ended ended
//! ```
//!
//! 1. What a run does to the zone is worked out by the compiler, from plan, zone and run. An event says what was
//!    decided and at which instant, never what follows from it.
//! 2. An event at an instant changes nothing that was served before it.
//! 3. An ended run stays: its zone's serials go on from where it left them.
//! 4. The compiler takes a run of a plan that nobody has armed yet ([`Run::proposed`]) to show what arming it would do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Verdict;
use super::digest::Digest;
use super::guard::{Before, Findings, Passed, Sentry};
use super::serial::Serial;
use crate::clock::Instant;

/// What happened to a run. Durable: what is written here must be read by every later version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// The plan is obeyed from here on.
    Armed(Armed),
    /// The zone file says something else from here on.
    Rebased(Base),
    /// No further step is taken until it is resumed.
    Held {
        /// Why, for people.
        why: String,
    },
    /// What had not happened yet happens so much later than it would have.
    Resumed {
        /// How much later, in nanoseconds.
        shift: u64,
    },
    /// What was found out about a gate or a watch has changed. Nothing comes of it by itself.
    Verdict {
        /// Which.
        of: Sentry,
        /// To what.
        verdict: Verdict,
    },
    /// A person has passed a gate.
    Approved {
        /// Its place in the plan.
        gate: u8,
    },
    /// The gates before these steps have passed.
    Passed {
        /// Which steps.
        before: Before,
        /// How much later that makes them, in nanoseconds.
        shift: u64,
    },
    /// The old data is served again, for good.
    RolledBack,
    /// The plan was given up before its flip.
    Aborted,
    /// The zone file has all that the plan flips to.
    Finished,
    /// The plan's file, which was obeyed for as long as it was there, has gone.
    Withdrawn,
}

impl Event {
    /// Its name in the journal.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::Armed(_) => "armed",
            Event::Rebased(_) => "rebased",
            Event::Held { .. } => "held",
            Event::Resumed { .. } => "resumed",
            Event::Verdict { .. } => "verdict",
            Event::Approved { .. } => "approved",
            Event::Passed { .. } => "passed",
            Event::RolledBack => "rolled-back",
            Event::Aborted => "aborted",
            Event::Finished => "finished",
            Event::Withdrawn => "withdrawn",
        }
    }
}

/// How a plan came to be obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Armed {
    /// The plan's text.
    pub plan: Digest,
    /// What the compiler made of it: what was shown is what is done.
    pub schedule: Digest,
    /// Whether the plan says `arm = "on-load"`: it is obeyed for as long as its file is there.
    pub on_load: bool,
    /// Since when it counts as obeyed (T1): until then the old data may have been handed out with its old TTL.
    /// Nanoseconds since 1970.
    pub since: i64,
    /// The zone that it is for.
    #[serde(flatten)]
    pub base: Base,
}

/// The zone under a run, from some instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The fingerprint of the zone file's content.
    pub zone: u64,
    /// The highest serial that was served until then: what is served from then on has a higher one.
    pub above: u32,
    /// By when caches have forgotten what they were given until then of what the plan flips, if that is known better
    /// than from the zone file's TTLs. Nanoseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<i64>,
}

/// An event and when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Instant,
    /// What.
    pub event: Event,
    /// Who or what decided it, for people: `the plan's file`, `uid 0 over the control socket`.
    pub by: String,
}

/// A run, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The plan's text.
    pub plan: Digest,
    /// Whether it is obeyed for as long as its file is there.
    pub on_load: bool,
    /// Since when it counts as obeyed (T1).
    pub armed_at: Instant,
    /// From when the zone is as `base` says; [`Instant::MIN`] if it was never edited since, and nothing else was under
    /// way.
    pub based_at: Instant,
    /// The zone that it is for.
    pub base: Base,
    /// When it stood still, in order of time; only the last may be open.
    pub holds: Vec<Hold>,
    /// What was found out about its gates and watches, if anything was.
    pub findings: Option<Box<Findings>>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// Whether nobody has armed it yet.
    pub proposed: bool,
}

/// A time in which a run stood still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// From when.
    pub from: Instant,
    /// Until when, and how much later that made everything that had not happened yet.
    pub resumed: Option<(Instant, Duration)>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// When.
    pub at: Instant,
    /// How.
    pub kind: EndingKind,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndingKind {
    /// The old data is served again.
    RolledBack,
    /// It was given up before its flip.
    Aborted,
    /// The zone file has it all.
    Finished,
    /// The plan's file has gone.
    Withdrawn,
}

impl Run {
    /// The same, where what was served until `at` is as `base` says.
    #[must_use]
    pub fn over(self, base: Base, at: Instant) -> Run {
        let based_at = if base.kept_until.is_some() { at } else { Instant::MIN };
        Run { base, based_at, ..self }
    }

    /// A run of a plan that nobody has armed, as if it were obeyed since `at`: what the compiler shows beforehand.
    pub fn proposed(at: Instant) -> Run {
        let base = Base { zone: 0, above: 0, kept_until: None };
        let nothing = Digest([0; 32]);
        let armed = Armed { plan: nothing, schedule: nothing, on_load: false, since: at.unix_nanos(), base };
        Run { proposed: true, ..Run::of(&armed, at) }
    }

    /// The same, for data that has flipped already: gates that stand before that have passed `at`.
    #[must_use]
    pub fn past_flip(mut self, at: Instant) -> Run {
        for before in [Before::Lower, Before::Flip] {
            self.findings().pass(Passed { before, at, shift: Duration::ZERO });
        }
        self
    }

    /// A run that was armed `at`. Where another was under way, what is served changes with it, and so does the serial.
    fn of(armed: &Armed, at: Instant) -> Run {
        Run {
            plan: armed.plan,
            on_load: armed.on_load,
            armed_at: Instant::from_unix_nanos(armed.since),
            based_at: if armed.base.kept_until.is_some() { at } else { Instant::MIN },
            base: armed.base,
            holds: Vec::new(),
            findings: None,
            ending: None,
            proposed: false,
        }
    }

    /// `run` after one more event; `None` before the first, which arms. What can't follow changes nothing.
    pub fn after(run: Option<Run>, entry: &Entry) -> Option<Run> {
        match (&entry.event, run) {
            (Event::Armed(armed), _) => Some(Run::of(armed, entry.at)),
            (_, None) => None,
            (event, Some(run)) => Some(run.with(entry.at, event)),
        }
    }

    fn with(mut self, at: Instant, event: &Event) -> Run {
        let end = |kind| Some(Ending { at, kind });
        match event {
            Event::Rebased(base) => (self.base, self.based_at) = (*base, at),
            _ if self.is_over() => {}
            Event::Held { .. } if !self.is_held() => self.holds.push(Hold { from: at, resumed: None }),
            Event::Resumed { shift } => {
                if let Some(hold) = self.holds.last_mut().filter(|hold| hold.resumed.is_none()) {
                    hold.resumed = Some((at, Duration::from_nanos(*shift)));
                }
            }
            Event::Verdict { of, verdict } => self.findings().tell(*of, verdict.clone(), at),
            Event::Approved { gate } => self.findings().approve(*gate, at),
            Event::Passed { before, shift } => {
                self.findings().pass(Passed { before: *before, at, shift: Duration::from_nanos(*shift) });
            }
            Event::RolledBack => self.ending = end(EndingKind::RolledBack),
            Event::Aborted => self.ending = end(EndingKind::Aborted),
            Event::Finished => self.ending = end(EndingKind::Finished),
            Event::Withdrawn => self.ending = end(EndingKind::Withdrawn),
            Event::Armed(_) | Event::Held { .. } => {}
        }
        self
    }

    fn findings(&mut self) -> &mut Findings {
        self.findings.get_or_insert_default()
    }

    /// The fold of a journal's entries, the oldest first.
    pub fn fold<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Option<Run> {
        entries.into_iter().fold(None, Run::after)
    }

    /// Where it stands, in a word.
    pub fn state(&self) -> &'static str {
        match self.ending.map(|ending| ending.kind) {
            Some(EndingKind::RolledBack) => "rolled back",
            Some(EndingKind::Aborted) => "aborted",
            Some(EndingKind::Finished) => "finished",
            Some(EndingKind::Withdrawn) => "withdrawn",
            None if self.proposed => "not armed",
            None if self.is_held() => "held",
            None => "armed",
        }
    }

    /// Whether it stands still.
    pub fn is_held(&self) -> bool {
        !self.is_over() && self.holds.last().is_some_and(|hold| hold.resumed.is_none())
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.ending.is_some()
    }

    /// The highest serial that was served before the zone was as it is now; of a run that nobody armed it is not known,
    /// unless another went before.
    pub fn above(&self) -> Option<Serial> {
        (!self.proposed || self.base.above != 0).then_some(Serial(self.base.above))
    }
}

/// A serial, and from when it is served: what the journal promises with each event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Promised {
    /// From when.
    pub from: Instant,
    /// The serial.
    pub serial: Serial,
}

/// The highest of `promised` that has begun by `now`.
pub fn high_water(promised: &[Promised], now: Instant) -> Option<Serial> {
    promised.iter().filter(|one| one.from <= now).max_by_key(|one| one.from).map(|one| one.serial)
}
