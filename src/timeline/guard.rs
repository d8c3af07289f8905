//! Gates and watches of a plan under way: which steps wait for what, and what was found out about it.
//!
//! 1. A gate that has not passed is a hold that begins at the instant of the first step that it stands before. All gates
//!    before the same steps pass together: what one of them showed an hour ago is no reason to go on now.
//! 2. Whether they pass is decided as late as can be. If they pass then, the step is taken exactly at its instant; if they
//!    pass later, the step and all that follows moves by as much.
//! 3. What was found out is told in the journal before anything comes of it, each gate's and watch's verdict when it
//!    changes, and at most [`CHANGES_MAX`] times; what comes of it is an event of its own.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Verdict;
use super::plan::probe::Probe;
use super::plan::{Condition, Gate, Plan, Watch};
use super::schedule::StepKind;
use crate::clock::Instant;

/// How often the verdict of one gate or watch is told. After that only what has an effect is told once more.
pub const CHANGES_MAX: u16 = 64;

/// Which steps a gate stands before: these, and all that come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Before {
    /// TTLs go down.
    Lower,
    /// The data changes.
    Flip,
    /// TTLs go up again.
    Raise,
}

impl Before {
    /// All of them, in order of time.
    pub const ALL: [Before; 3] = [Before::Lower, Before::Flip, Before::Raise];

    pub(super) const WRITTEN: &[(&str, Before)] =
        &[("lower", Before::Lower), ("flip", Before::Flip), ("raise", Before::Raise)];

    /// Whether steps of this kind wait. Where nothing is lowered, what stands before that stands before the flip.
    pub(super) fn stands_before(self, kind: StepKind) -> bool {
        match kind {
            StepKind::Lower => self == Before::Lower,
            StepKind::Flip => self <= Before::Flip,
            StepKind::Raise => true,
            StepKind::Hold | StepKind::Rollback | StepKind::Abort => false,
        }
    }
}

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Before::Lower => "lowering",
            Before::Flip => "flip",
            Before::Raise => "raising",
        })
    }
}

/// A gate or a watch, by its place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sentry {
    /// A gate.
    Gate(u8),
    /// A watch.
    Watch(u8),
}

/// What was found out about the gates and watches of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Which gates have passed.
    pub passed: Vec<Passed>,
    /// Which gates persons have passed, and when.
    pub approved: Vec<(u8, Instant)>,
    /// What was told last of each gate and watch.
    pub told: Vec<Told>,
}

/// The gates before some steps have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Which.
    pub before: Before,
    /// When.
    pub at: Instant,
    /// How much later that made the steps.
    pub shift: std::time::Duration,
}

/// What was told of a gate or a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Of which.
    pub of: Sentry,
    /// What.
    pub verdict: Verdict,
    /// When.
    pub since: Instant,
    /// How often it has changed.
    pub changes: u16,
}

impl Findings {
    /// What was told last of `sentry`.
    pub fn of(&self, sentry: Sentry) -> Option<&Told> {
        self.told.iter().find(|told| told.of == sentry)
    }

    /// When a person passed `gate`.
    pub fn approval(&self, gate: u8) -> Option<Instant> {
        self.approved.iter().find(|(approved, _)| *approved == gate).map(|(_, at)| *at)
    }

    /// How the gates before these steps passed, if they did.
    pub fn passed(&self, before: Before) -> Option<&Passed> {
        self.passed.iter().find(|passed| passed.before == before)
    }

    pub(super) fn tell(&mut self, of: Sentry, verdict: Verdict, since: Instant) {
        match self.told.iter_mut().find(|told| told.of == of) {
            Some(told) => *told = Told { of, verdict, since, changes: told.changes.saturating_add(1) },
            None => self.told.push(Told { of, verdict, since, changes: 1 }),
        }
    }

    pub(super) fn approve(&mut self, gate: u8, at: Instant) {
        if self.approval(gate).is_none() {
            self.approved.push((gate, at));
        }
    }

    pub(super) fn pass(&mut self, passed: Passed) {
        if self.passed(passed.before).is_none() {
            self.passed.push(passed);
        }
    }
}

/// What a plan has looked at, and what waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Guard {
    /// What is looked at.
    pub probes: Vec<Probe>,
    /// What must be so before which steps.
    pub gates: Vec<Gate>,
    /// What must stay so after the flip.
    pub watches: Vec<Watch>,
    /// What waits for gates, the first first.
    pub awaited: Vec<Awaited>,
    /// When the data flips or flipped, if nothing is in the way any more.
    pub flips_at: Option<Instant>,
}

/// Steps that wait for their gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Awaited {
    /// Which.
    pub before: Before,
    /// The instant of the first of them, had the gates passed.
    pub at: Instant,
}

impl Guard {
    /// What `plan` has looked at; `None` if nothing.
    pub(super) fn of(plan: &Plan, awaited: Vec<Awaited>, flips_at: Option<Instant>) -> Option<Box<Guard>> {
        if plan.gates.is_empty() && plan.watches.is_empty() {
            return None;
        }
        let probes = plan.probes.iter().map(|probe| probe.value.clone()).collect();
        let (gates, watches) = (plan.gates.clone(), plan.watches.clone());
        Some(Box::new(Guard { probes, gates, watches, awaited, flips_at }))
    }

    /// The gates before these steps, each with its place.
    pub fn gates_before(&self, before: Before) -> impl Iterator<Item = (u8, &Gate)> {
        (0..).zip(&self.gates).filter(move |(_, gate)| gate.before == before)
    }

    /// Whether all gates before these steps may pass, as far as `findings` tell.
    pub fn may_pass(&self, before: Before, findings: Option<&Findings>) -> bool {
        self.gates_before(before).all(|(place, gate)| self.is_met(place, gate, findings))
    }

    /// Whether the gate at `place` may pass, as far as `findings` tell.
    pub fn is_met(&self, place: u8, gate: &Gate, findings: Option<&Findings>) -> bool {
        findings.is_some_and(|findings| match gate.condition {
            Condition::Approval { .. } => findings.approval(place).is_some(),
            Condition::Probe { .. } => findings.of(Sentry::Gate(place)).is_some_and(|told| told.verdict.is_pass()),
        })
    }

    /// By when the gates before these steps, whose first is due `at`, must have passed: the earliest of their deadlines.
    pub fn deadline(&self, awaited: Awaited) -> Option<Instant> {
        self.gates_before(awaited.before).filter_map(|(_, gate)| gate.deadline).min().map(|most| awaited.at.after(most))
    }

    /// What a gate waits for, in few words: `new web`, or `the customer has agreed`.
    pub fn gate_name<'g>(&'g self, gate: &'g Gate) -> &'g str {
        match &gate.condition {
            Condition::Approval { what } => what,
            Condition::Probe { probe, .. } => self.probes.get(*probe).map_or("", |probe| &probe.name),
        }
    }

    /// The name of a watch: its probe's.
    pub fn watch_name(&self, watch: &Watch) -> &str {
        self.probes.get(watch.probe).map_or("", |probe| &probe.name)
    }

    /// How a gate or a watch is spoken of.
    pub fn name(&self, sentry: Sentry) -> String {
        match sentry {
            Sentry::Gate(place) => match self.gates.get(usize::from(place)) {
                Some(gate) => format!("the gate `{}` before the {}", self.gate_name(gate), gate.before),
                None => "a gate".to_owned(),
            },
            Sentry::Watch(place) => match self.watches.get(usize::from(place)) {
                Some(watch) => format!("the watch `{}`", self.watch_name(watch)),
                None => "a watch".to_owned(),
            },
        }
    }
}
