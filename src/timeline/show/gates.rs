//! Gates and watches of a schedule, for a person and as JSON: what waits for what, and what is known of it.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use super::{Drawing, INDENT, WIDTH, rfc3339, utc, wrapped};
use crate::clock::Instant;
use crate::timeline::Verdict;
use crate::timeline::guard::{Awaited, Before, Findings, Guard, Sentry, Told};
use crate::timeline::plan::{Condition, Gate};
use crate::timeline::schedule::{Schedule, Span};

impl Drawing<'_> {
    /// The steps that wait for gates, behind what they wait for.
    pub(super) fn gates(&mut self, guard: &Guard) -> std::fmt::Result {
        let schedule = self.schedule;
        let mut waiting = schedule.waiting.iter().peekable();
        for (place, awaited) in guard.awaited.iter().enumerate() {
            self.gate(guard, *awaited)?;
            let next = guard.awaited.get(place + 1);
            let mut before = None;
            while let Some(step) = waiting.next_if(|step| next.is_none_or(|next| !next.before.stands_before(step.kind)))
            {
                self.step(step, before == Some(step.kind))?;
                before = Some(step.kind);
            }
        }
        let gone = schedule.drains.iter().map(|drain| drain.horizon).max();
        let flip_waits = guard.flips_at.is_none() && self.now < schedule.at;
        if let Some(gone) = gone.filter(|_| flip_waits && !schedule.run.is_over()) {
            writeln!(self.out)?;
            let title = "if its gates pass in time, no cache that obeys TTLs holds old data from here on";
            return self.titled(gone, title);
        }
        Ok(())
    }

    fn gate(&mut self, guard: &Guard, awaited: Awaited) -> std::fmt::Result {
        let findings = self.schedule.run.findings.as_deref();
        writeln!(self.out)?;
        let what = match self.now < awaited.at {
            true => format!("gate      the {} waits here, unless this is so by then", awaited.before),
            false => format!("gate      the {} waits since then, until this is so", awaited.before),
        };
        let title = self.paint.bold(&what);
        self.row(&self.moment(awaited.at), &title)?;
        let mut left = utc(awaited.at);
        let mut lines: Vec<String> = guard
            .gates_before(awaited.before)
            .map(|(place, gate)| {
                let known = self.known(guard, (place, gate), awaited, findings);
                format!("{}: {known}", condition(guard, gate))
            })
            .collect();
        if let Some(deadline) = guard.deadline(awaited) {
            lines.push(format!("if it is not so by {}, the plan is held", self.moment(deadline)));
        }
        for line in lines.iter().flat_map(|line| wrapped(line, WIDTH - INDENT)) {
            self.row(&left, &line)?;
            left = String::new();
        }
        Ok(())
    }

    /// What is known of a gate, or what is missing.
    fn known(
        &self,
        guard: &Guard,
        (place, gate): (u8, &Gate),
        awaited: Awaited,
        findings: Option<&Findings>,
    ) -> String {
        match &gate.condition {
            Condition::Approval { .. } => match findings.and_then(|findings| findings.approval(place)) {
                Some(at) => format!("approved {}", self.moment(at.whole_seconds())),
                None => {
                    let is_approval = |gate: &&Gate| matches!(gate.condition, Condition::Approval { .. });
                    let which = match guard.gates.iter().filter(is_approval).count() {
                        1 => String::new(),
                        _ => format!(" {}", u16::from(place) + 1),
                    };
                    let apex = self.schedule.apex.to_string();
                    format!("missing; `watari approve {}{which}`", apex.trim_end_matches('.'))
                }
            },
            Condition::Probe { rule, .. } => match findings.and_then(|findings| findings.of(Sentry::Gate(place))) {
                Some(told) => self.told(told),
                None => {
                    let from = awaited.at.before(rule.over);
                    match self.now < from {
                        true => format!("looked at from {} on", self.moment(from)),
                        false => "nothing is known of it yet".to_owned(),
                    }
                }
            },
        }
    }

    fn told(&self, told: &Told) -> String {
        let since = self.moment(told.since.whole_seconds());
        match &told.verdict {
            Verdict::Pass => format!("passes since {since}"),
            Verdict::Fail(why) => format!("fails since {since}: {why}"),
            Verdict::Unknown(why) => format!("not known since {since}: {why}"),
        }
    }

    /// The watches, once the flip is settled.
    pub(super) fn watches(&mut self, guard: &Guard) -> std::fmt::Result {
        let findings = self.schedule.run.findings.as_deref();
        for (place, watch) in (0..).zip(&guard.watches) {
            let rule = watch.rule;
            let then = if watch.rolls_back { "it is rolled back" } else { "an alarm is raised" };
            let (name, lasts) = (guard.watch_name(watch), Span(watch.lasts.as_secs()));
            let title = format!(
                "watch     `{name}`, for {lasts} after the flip: if {} of {} fail, {then}",
                rule.count, rule.of
            );
            let told = findings.and_then(|findings| findings.of(Sentry::Watch(place)));
            let from = guard.flips_at.unwrap_or(self.schedule.at);
            writeln!(self.out)?;
            self.titled(from, &title)?;
            if let Some(told) = told {
                let line = self.told(told);
                for line in wrapped(&line, WIDTH - INDENT) {
                    self.row("", &line)?;
                }
            }
        }
        Ok(())
    }

    fn titled(&mut self, at: Instant, text: &str) -> std::fmt::Result {
        let mut left = self.moment(at);
        for line in wrapped(text, WIDTH - INDENT) {
            let line = self.paint.bold(&line);
            self.row(&left, &line)?;
            left = String::new();
        }
        Ok(())
    }
}

/// What a gate asks for.
fn condition(guard: &Guard, gate: &Gate) -> String {
    let name = guard.gate_name(gate);
    match &gate.condition {
        Condition::Approval { .. } => format!("a person says `{name}`"),
        Condition::Probe { rule, .. } => {
            format!("`{name}` passes {} of {} times within {}", rule.count, rule.of, Span(rule.over.as_secs()))
        }
    }
}

#[derive(Serialize)]
pub(super) struct JsonGate {
    before: Before,
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approve: Option<String>,
    #[serde(flatten)]
    rule: Option<JsonRule>,
    deadline: Option<u64>,
    #[serde(flatten)]
    told: Option<JsonTold>,
    approved_at: Option<String>,
    passed_at: Option<String>,
}

#[derive(Serialize)]
pub(super) struct JsonWatch {
    probe: String,
    #[serde(flatten)]
    rule: JsonRule,
    lasts: u64,
    rollback: bool,
    #[serde(flatten)]
    told: Option<JsonTold>,
}

#[derive(Serialize)]
struct JsonRule {
    count: u16,
    of: u16,
    over: u64,
}

#[derive(Serialize)]
struct JsonTold {
    #[serde(flatten)]
    verdict: Verdict,
    since: String,
}

fn rule(rule: crate::timeline::evidence::Rule) -> JsonRule {
    JsonRule { count: rule.count, of: rule.of, over: rule.over.as_secs() }
}

fn told(findings: Option<&Findings>, sentry: Sentry) -> Option<JsonTold> {
    let told = findings?.of(sentry)?;
    Some(JsonTold { verdict: told.verdict.clone(), since: rfc3339(told.since) })
}

/// The gates of `schedule`.
pub(super) fn gates(schedule: &Schedule) -> Vec<JsonGate> {
    let Some(guard) = &schedule.guard else { return Vec::new() };
    let findings = schedule.run.findings.as_deref();
    let gate = |(place, gate): (u8, &Gate)| {
        let name = guard.gate_name(gate).to_owned();
        let (probe, approve, counted) = match &gate.condition {
            Condition::Approval { .. } => (None, Some(name), None),
            Condition::Probe { rule: counted, .. } => (Some(name), None, Some(rule(*counted))),
        };
        JsonGate {
            before: gate.before,
            probe,
            approve,
            rule: counted,
            deadline: gate.deadline.as_ref().map(Duration::as_secs),
            told: told(findings, Sentry::Gate(place)),
            approved_at: findings.and_then(|findings| findings.approval(place)).map(rfc3339),
            passed_at: findings.and_then(|findings| findings.passed(gate.before)).map(|passed| rfc3339(passed.at)),
        }
    };
    (0..).zip(&guard.gates).map(gate).collect()
}

/// The watches of `schedule`.
pub(super) fn watches(schedule: &Schedule) -> Vec<JsonWatch> {
    let Some(guard) = &schedule.guard else { return Vec::new() };
    let findings = schedule.run.findings.as_deref();
    let watches = (0..).zip(&guard.watches);
    let watches = watches.map(|(place, watch)| JsonWatch {
        probe: guard.watch_name(watch).to_owned(),
        rule: rule(watch.rule),
        lasts: watch.lasts.as_secs(),
        rollback: watch.rolls_back,
        told: told(findings, Sentry::Watch(place)),
    });
    watches.collect()
}
