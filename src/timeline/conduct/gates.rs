//! What is decided about gates: that they pass, by time or by a person, and what is told of them.

use super::{Refusal, nanos};
use crate::clock::Instant;
use crate::timeline::Verdict;
use crate::timeline::guard::{Before, Guard, Sentry};
use crate::timeline::plan::Condition;
use crate::timeline::run::{Entry, Event, Run};
use crate::timeline::schedule::Schedule;

/// By how much the steps that wait for their gates move if those pass at `at`, in nanoseconds: to a whole second, and not
/// at all if they pass in time.
pub(super) fn shift_if_passed(schedule: &Schedule, before: Before, at: Instant) -> Result<u64, Refusal> {
    let guard = schedule.guard.as_ref().ok_or(Refusal::NotAwaited)?;
    let awaited = *guard.awaited.first().filter(|awaited| awaited.before == before).ok_or(Refusal::NotAwaited)?;
    if schedule.run.is_held() {
        return Err(Refusal::Held);
    }
    if !guard.may_pass(before, schedule.run.findings.as_deref()) {
        return Err(Refusal::GatesClosed);
    }
    if guard.deadline(awaited).is_some_and(|deadline| deadline < at) {
        return Err(Refusal::PastDeadline);
    }
    match at <= awaited.at {
        true => Ok(0),
        false => Ok(nanos(at.rounded_up().since(awaited.at))),
    }
}

/// The gate that a person means.
pub(super) fn approved(schedule: &Schedule, wanted: Option<&str>) -> Result<u8, Refusal> {
    let guard = schedule.guard.as_ref().ok_or(Refusal::NoApproval)?;
    let all: Vec<_> = (0u8..)
        .zip(&guard.gates)
        .filter_map(|(place, gate)| match &gate.condition {
            Condition::Approval { what } => Some((place, what)),
            Condition::Probe { .. } => None,
        })
        .collect();
    if all.is_empty() {
        return Err(Refusal::NoApproval);
    }
    let is_approved = |place| schedule.run.findings.as_ref().is_some_and(|findings| findings.approval(place).is_some());
    let number = wanted.and_then(|wanted| wanted.parse::<u8>().ok()).and_then(|number| number.checked_sub(1));
    let meant: Vec<_> = match wanted {
        None => all.iter().filter(|(place, _)| !is_approved(*place)).collect(),
        Some(wanted) => all.iter().filter(|(place, what)| *what == wanted || number == Some(*place)).collect(),
    };
    match meant[..] {
        [(place, _)] if is_approved(*place) => Err(Refusal::Approved),
        [(place, _)] => Ok(*place),
        [] if wanted.is_none() => Err(Refusal::Approved),
        _ => Err(Refusal::WhichGate(all.iter().map(|(_, what)| (*what).clone()).collect())),
    }
}

pub(super) fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What was found out about gates and watches at `at`, as it is told; nothing that is served changes by it.
pub fn tell(run: &Run, guard: &Guard, found: &[(Sentry, Verdict)], at: Instant) -> (Vec<Entry>, Run) {
    let entry = |(of, verdict): &(Sentry, Verdict)| Entry {
        at,
        event: Event::Verdict { of: *of, verdict: verdict.clone() },
        by: guard.name(*of),
    };
    let entries: Vec<_> = found.iter().map(entry).collect();
    let run = entries.iter().fold(Some(run.clone()), Run::after).unwrap_or_else(|| run.clone());
    (entries, run)
}
