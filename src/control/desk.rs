//! What who asks over the control socket is told: of what would be done, of what was done, of where plans stand.
//!
//! Nothing here decides anything; it puts into words what was worked out.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::discipline::Synchronisation;
use super::names;
use super::owner::{Answer, Considered};
use super::report::shown_instant;
use super::running::Running;
use super::socket::Reply;
use crate::clock::{Instant, Step};
use crate::diag::{Diagnostic, Severity};
use crate::timeline::conduct::{Decided, Decision, Refusal};
use crate::timeline::run::{Entry, Event};
use crate::timeline::show::{self, moment, rfc3339};
use crate::timeline::{Bound, Digest, Run, Schedule, Serial};
use crate::wire::Name;

/// How the system's clock stands, as far as it matters to who arms a plan.
#[derive(Debug)]
pub struct ClockState {
    /// Whether somebody keeps it right.
    pub synchronisation: Synchronisation,
    /// How far the system's clock is behind what is served by.
    pub held_back: Option<Duration>,
    /// The last step that was seen since the server was started.
    pub stepped: Option<Step>,
}

impl ClockState {
    /// What is to be said of it; nothing if all is well.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        match &self.synchronisation {
            Synchronisation::Synchronised { .. } => {}
            Synchronisation::Unsynchronised => warnings.push(
                "nobody keeps the system's clock right: plans flip by it; set up NTP (chrony, systemd-timesyncd)"
                    .to_owned(),
            ),
            Synchronisation::Unknown(error) => {
                warnings.push(format!("whether somebody keeps the system's clock right is not known: {error}"));
            }
        }
        if let Some(step) = self.stepped {
            let by = Duration::from_nanos(step.by.unsigned_abs());
            let way = if step.by < 0 { "back" } else { "forward" };
            warnings.push(format!("the system's clock was set {way} by {by:?} at {}", shown_instant(step.at)));
        }
        if let Some(behind) = self.held_back {
            warnings.push(format!("the system's clock is {behind:?} behind: until it has caught up nothing is due"));
        }
        warnings
    }
}

/// What stands for the state in which `decision` is considered: if it differs when it is to be done, what was shown is
/// no longer so.
pub fn token(decision: &Decision, result: &Result<Decided, Refusal>, content: u64, now: Instant) -> String {
    let Ok(decided) = result else { return String::new() };
    let before = decided.before.as_ref();
    let step = before.and_then(|schedule| schedule.step_at(now)).map_or(u64::MAX, |step| u64::from(step.id.0));
    let run = before.map_or_else(String::new, |schedule| format!("{:?}", schedule.run));
    let plan = decided.outcome.plan.as_ref().map_or(Digest([0; 32]), |text| text.digest());
    let parts = [format!("{decision:?}"), run, format!("{content} {step}")];
    Digest::of(parts.iter().map(String::as_bytes).chain([plan.0.as_slice()])).short()
}

/// The reply to a decision.
pub fn reply(answer: Answer, clock: &ClockState, now: Instant, styled: bool) -> Reply {
    match answer {
        Answer::NotServed => Reply::refused("no such zone is served here")
            .help("`watari status` shows the plans of this server, its log the zones that it could not load"),
        Answer::Secondary => Reply::refused("the zone is fetched from others, so that no plan changes it")
            .help("plans are armed where the zone is; with a zone file in the place of its .secondary.toml it is here"),
        Answer::Told(reply) => *reply,
        Answer::Busy => Reply::failed("too much is asked at once").help("ask again in a moment"),
        Answer::NotJournalled(why) => {
            Reply::failed(format!("it can't be put into the journal, and was not done: {why}"))
                .help("look at the state folder's disk")
        }
        Answer::Shown(considered) | Answer::Changed(considered) => shown(&considered, clock, now, styled),
        Answer::Done(considered) => done(&considered, now),
    }
}

fn refused(refusal: &Refusal, styled: bool) -> Reply {
    match refusal {
        Refusal::Faults(faults) => Reply::faulty(faults, styled).help(refusal.help()),
        Refusal::TooEarly { earliest } => {
            Reply::refused(format!("{refusal}: at {} at the earliest", rfc3339(*earliest))).help(refusal.help())
        }
        _ => Reply::refused(refusal.to_string()).help(refusal.help()),
    }
}

fn shown(considered: &Considered, clock: &ClockState, now: Instant, styled: bool) -> Reply {
    let decided = match &considered.result {
        Ok(decided) => decided,
        Err(refusal) => return refused(refusal, styled),
    };
    let zone = names::shown(considered.asked.apex.as_ref());
    let mut text = String::new();
    let after = decided.outcome.schedule.as_ref();
    match &considered.asked.decision {
        Decision::Arm => {
            if let Some(schedule) = after {
                let run = Run { proposed: true, ..schedule.run.clone() };
                text += &show::render(&Schedule { run, ..schedule.clone() }, now, styled);
            }
            let warnings: Vec<Diagnostic> =
                decided.outcome.diagnostics.iter().filter(|fault| fault.severity > Severity::Note).cloned().collect();
            if !warnings.is_empty() {
                _ = write!(text, "\n{}", crate::diag::render(&warnings, styled));
            }
            for warning in clock.warnings() {
                _ = write!(text, "\nwarning: {warning}\n");
            }
        }
        decision => text += &cost(&zone, decision, decided, now),
    }
    let data = json!({
        "zone": considered.asked.apex.to_string(),
        "cost": price(decided),
        "schedule": after,
        "clock": clock.warnings(),
    });
    Reply::shown(text, data).token(considered.token.clone())
}

fn price(decided: &Decided) -> Value {
    decided.price.map_or(
        Value::Null,
        |price| json!({ "recovered_at": rfc3339(price.recovered_at.rounded_up()), "ttl": price.ttl.0 }),
    )
}

/// What a decision costs, in words.
fn cost(zone: &str, decision: &Decision, decided: &Decided, now: Instant) -> String {
    let (Some(before), Some(after)) = (&decided.before, &decided.outcome.schedule) else { return String::new() };
    let at = |instant: Instant| moment(instant.rounded_up(), &before.time_zone);
    let mut text = String::new();
    match decision {
        Decision::Arm => {}
        Decision::RollBack => {
            if let Some(price) = decided.price {
                _ = writeln!(
                    text,
                    "{zone}: if you roll back now, the last cache recovers at {}: what was given the moment before is \
                     kept for {} s",
                    at(price.recovered_at),
                    price.ttl
                );
            }
            _ = writeln!(text, "  the old data is served at once, with serial {}", after.serial_at(now));
            if let Some(last) = after.steps.last().filter(|step| step.from > now) {
                _ = writeln!(text, "  its TTL is what it was again at {}", at(last.from));
            }
        }
        Decision::Abort => {
            _ = writeln!(
                text,
                "{zone}: it is given up, {} before its flip",
                show::distance(before.at, now).trim_start_matches("in ")
            );
            _ = writeln!(text, "  no cache holds anything but what the zone file has: nobody notices");
            _ = writeln!(
                text,
                "  TTLs are at once what they are in the zone file, with serial {}",
                after.serial_at(now)
            );
        }
        Decision::Hold { .. } => {
            _ = writeln!(text, "{zone}: no further step is taken until it is resumed");
            match after.due_if_resumed() {
                Some(due) if due <= now => {
                    _ = writeln!(text, "  all that waits moves by as long as this lasts");
                }
                Some(due) => {
                    _ = writeln!(
                        text,
                        "  if you resume before {}, nothing moves; later, all that waits moves by as much",
                        at(due)
                    )
                }
                None => _ = writeln!(text, "  there is no step that could wait"),
            }
            if let Bound::Most(ttl) = after.state_at(now).bound {
                _ = writeln!(text, "  TTLs stay at {ttl} s: that is how often resolvers ask meanwhile");
            }
        }
        Decision::Approve { .. } => text += &approval(zone, before, after, at),
        Decision::Pass { before: steps } => {
            _ = writeln!(text, "{zone}: the gates before the {steps} pass; T is {}", at(after.at));
        }
        Decision::Resume { .. } => {
            let moved = after.at.since(before.at);
            if moved.is_zero() {
                _ = writeln!(text, "{zone}: it goes on as if it had not been held; T is {}", at(after.at));
            } else {
                _ = writeln!(text, "{zone}: it goes on, {} later; T is {} now", show::length(moved), at(after.at));
            }
            if let Some(horizon) = after.horizon() {
                _ = writeln!(text, "  no cache that obeys TTLs holds old data after {}", at(horizon));
            }
        }
    }
    text
}

/// What a person passes, and what is missing besides.
fn approval(zone: &str, before: &Schedule, after: &Schedule, at: impl Fn(Instant) -> String) -> String {
    let mut text = String::new();
    let Some(guard) = &after.guard else { return text };
    let known = before.run.findings.as_deref();
    let findings = after.run.findings.as_deref();
    let is_new = |place: u8| known.is_none_or(|known| known.approval(place).is_none());
    for (place, gate) in (0u8..).zip(&guard.gates) {
        if is_new(place) && findings.is_some_and(|findings| findings.approval(place).is_some()) {
            let name = guard.gate_name(gate);
            _ = writeln!(text, "{zone}: you say that it is so: {name}; it is the gate before the {}", gate.before);
        }
    }
    for awaited in &guard.awaited {
        let missing: Vec<_> = guard
            .gates_before(awaited.before)
            .filter(|(place, gate)| !guard.is_met(*place, gate, findings))
            .map(|(_, gate)| format!("`{}`", guard.gate_name(gate)))
            .collect();
        match missing.is_empty() {
            true => {
                _ = writeln!(text, "  the {} waits for nothing else; it is due at {}", awaited.before, at(awaited.at))
            }
            false => _ = writeln!(text, "  the {} waits for {} besides", awaited.before, missing.join(", ")),
        }
    }
    text
}

fn done(considered: &Considered, now: Instant) -> Reply {
    let zone = names::shown(considered.asked.apex.as_ref());
    let Ok(decided) = &considered.result else { return Reply::failed("it was not done") };
    let schedule = decided.outcome.schedule.as_ref();
    let serial = schedule.map_or(Serial(0), |schedule| schedule.serial_at(now));
    let text = match &considered.asked.decision {
        Decision::Arm => match schedule {
            Some(schedule) => format!(
                "{zone}: armed, plan {}; it {} at {}\n",
                schedule.plan.short(),
                show::tense(schedule, now),
                moment(schedule.at, &schedule.time_zone)
            ),
            None => format!("{zone}: armed\n"),
        },
        Decision::Hold { .. } => format!("{zone}: held; `watari resume {zone}` lets it go on\n"),
        Decision::Resume { .. } => match schedule {
            Some(schedule) => {
                let (flips, at) = (show::tense(schedule, now), moment(schedule.at, &schedule.time_zone));
                format!("{zone}: resumed; it {flips} at {at}\n")
            }
            None => format!("{zone}: resumed\n"),
        },
        Decision::Approve { .. } => format!("{zone}: approved\n"),
        Decision::Pass { before } => format!("{zone}: the gates before the {before} have passed\n"),
        Decision::RollBack => format!("{zone}: the old data is served again, with serial {serial}\n"),
        Decision::Abort => format!("{zone}: given up; it is served as its file says, with serial {serial}\n"),
    };
    let data = json!({
        "zone": considered.asked.apex.to_string(),
        "cost": price(decided),
        "serial": serial.0,
        "schedule": schedule,
    });
    Reply::done(text, data)
}

/// Where the plans of all zones stand: a line each, those that end last first.
pub fn overview<'a>(
    running: impl Iterator<Item = (&'a Name, &'a std::sync::Arc<Running>)>,
    clock: &ClockState,
    now: Instant,
) -> Reply {
    let mut all: Vec<_> = running.collect();
    all.sort_by_key(|(apex, running)| {
        (running.run.is_over(), running.itinerary.as_ref().map(|plan| plan.at), (*apex).clone())
    });
    let mut text = String::new();
    let mut rows = Vec::with_capacity(all.len());
    for (apex, running) in all {
        let zone = names::shown(apex.as_ref());
        let state = running.run.state();
        let serial = running.timeline.as_ref().map(|timeline| timeline.at(now).serial);
        let next = running.timeline.as_ref().and_then(|timeline| timeline.next_change(now));
        let at = running.itinerary.as_ref().map(|plan| plan.at);
        let horizon = running.itinerary.as_ref().and_then(|plan| plan.horizon);
        rows.push(json!({
            "zone": apex.to_string(),
            "state": state,
            "at": at.map(rfc3339),
            "horizon": horizon.map(rfc3339),
            "serial": serial,
            "next_change": next.map(rfc3339),
            "plan": running.run.plan,
        }));
        _ = write!(text, "{zone}: {state}");
        if let Some(plan) = &running.itinerary {
            _ = write!(text, "; {} at {}, {}", plan.what(), shown_instant(plan.at), show::distance(plan.at, now));
        }
        let awaited = running.itinerary.as_ref().and_then(|plan| plan.guard.as_ref()?.awaited.first());
        if let Some(awaited) = awaited.filter(|awaited| awaited.at <= now && running.run.state() == "armed") {
            _ = write!(text, "; the {} waits for its gates", awaited.before);
        }
        if let Some(serial) = serial {
            _ = write!(text, "; serial {serial}");
        }
        match next {
            Some(next) => _ = writeln!(text, "; the next step is at {}", shown_instant(next)),
            None => text.push('\n'),
        }
    }
    if rows.is_empty() {
        text.push_str("no plan is armed\n");
    }
    for warning in clock.warnings() {
        _ = writeln!(text, "warning: {warning}");
    }
    Reply::shown(text, json!({ "zones": rows, "clock": clock.warnings() }))
}

/// Where the plan of one zone stands, and how it came there.
pub fn standing(
    apex: &Name,
    schedule: Option<&Schedule>,
    running: Option<&Running>,
    entries: &[(i64, Entry)],
    (clock, now, styled): (&ClockState, Instant, bool),
) -> Reply {
    let zone = names::shown(apex.as_ref());
    let Some(running) = running else {
        return Reply::shown(
            format!("{zone}: no plan was ever armed\n"),
            json!({ "zone": apex.to_string(), "state": null }),
        );
    };
    let mut text = match schedule {
        Some(schedule) => show::render(schedule, now, styled),
        None => format!("{zone}: {}\n", running.run.state()),
    };
    text.push_str("\n  journal\n");
    let mut rows = Vec::with_capacity(entries.len());
    for (run, entry) in entries {
        let detail = match &entry.event {
            Event::Held { why } if !why.is_empty() => format!(": {why}"),
            Event::Armed(armed) => format!(", plan {}", armed.plan.short()),
            Event::Rebased(base) => format!(", above serial {}", base.above),
            Event::Verdict { verdict, .. } => format!(": {verdict}"),
            Event::Passed { before, shift: 0 } => format!(": the gates before the {before}, in time"),
            Event::Passed { before, shift } => {
                let late = show::length(Duration::from_nanos(*shift));
                format!(": the gates before the {before}, {late} late")
            }
            Event::Resumed { shift: 0 } => ", nothing moves".to_owned(),
            Event::Resumed { shift } => format!(", {} later", show::length(Duration::from_nanos(*shift))),
            _ => String::new(),
        };
        let at = schedule
            .map_or_else(|| shown_instant(entry.at), |schedule| moment(entry.at.whole_seconds(), &schedule.time_zone));
        _ = writeln!(text, "  {at}   {}{detail}, by {}", entry.event.kind(), entry.by);
        rows.push(json!({ "run": run, "at": rfc3339(entry.at), "by": entry.by, "event": entry.event }));
    }
    for warning in clock.warnings() {
        _ = write!(text, "\nwarning: {warning}\n");
    }
    let price = schedule.and_then(|schedule| schedule.rollback_price(now));
    let data = json!({
        "zone": apex.to_string(),
        "state": running.run.state(),
        "schedule": schedule,
        "rollback": price.map(|price| json!({ "recovered_at": rfc3339(price.recovered_at.rounded_up()), "ttl": price.ttl.0 })),
        "journal": rows,
        "clock": clock.warnings(),
    });
    Reply::shown(text, data)
}
