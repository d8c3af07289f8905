//! `[[gate]]` and `[[watch]]` of a plan: what must be so before a step, and what must stay so after the flip.
//!
//! ```toml
//! [[gate]]
//! before = "flip"
//! probe = "new web"
//! pass = "5 of 6"
//! over = "10m"
//! deadline = "2h"
//!
//! [[watch]]
//! probe = "new web"
//! fail = "3 of 5"
//! for = "1h"
//! rollback = true
//! ```

use std::ops::Range;
use std::time::Duration;

use toml::de::DeTable;

use super::form::{Form, Written};
use super::probe::Probe;
use super::read_length;
use crate::diag::{Diagnostic, similar};
use crate::timeline::evidence::{LOOKS_MAX, Rule};
use crate::timeline::guard::Before;

/// The most gates, and the most watches, of a plan.
pub const GATES_MAX: usize = 32;
/// How long after its step's instant a gate that probes pass may still pass, if the plan doesn't say.
pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(86_400);
/// How long a watch lasts, if the plan doesn't say.
const FOR_DEFAULT: Duration = Duration::from_secs(3600);
/// How long an approval's text may be, in octets.
const APPROVAL_LEN_MAX: usize = 200;

/// Something that must be so before a step is taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gate {
    /// Where it stands.
    pub heading: Range<usize>,
    /// Before which steps.
    pub before: Before,
    /// What must be so.
    pub condition: Condition,
    /// How long after the step's instant it may still pass; no end to it if there is none.
    pub deadline: Option<Duration>,
}

impl Gate {
    /// How long before its step it is looked at.
    pub fn over(&self) -> Duration {
        match &self.condition {
            Condition::Probe { rule, .. } => rule.over,
            Condition::Approval { .. } => Duration::ZERO,
        }
    }
}

/// What a gate waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// A probe passes.
    Probe {
        /// Its place among the probes.
        probe: usize,
        /// How often.
        rule: Rule,
    },
    /// A person says that something is so.
    Approval {
        /// What.
        what: String,
    },
}

/// Something that must stay as it should be after the flip.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watch {
    /// Where it stands.
    pub heading: Range<usize>,
    /// The place of its probe among the probes.
    pub probe: usize,
    /// How often it must fail.
    pub rule: Rule,
    /// How long it is watched, from the flip on.
    pub lasts: Duration,
    /// Whether the plan is rolled back when it fails.
    pub rolls_back: bool,
}

/// Gates and watches as they were read.
pub(super) struct Sentries {
    pub(super) gates: Vec<Gate>,
    pub(super) watches: Vec<Watch>,
}

/// Reads gates and watches over `probes`; `hands_over`: the plan changes name servers.
pub(super) fn read(plan: &mut Form<'_, '_>, probes: &[Written<Probe>], hands_over: bool) -> Sentries {
    let mut used = vec![false; probes.len()];
    let tables = plan.tables("gate", "tables [[gate]], each with before and probe, or before and approve", GATES_MAX);
    let tables = tables.unwrap_or_default();
    let gates: Vec<_> =
        tables.into_iter().filter_map(|(table, heading)| read_gate(plan, probes, &mut used, table, heading)).collect();
    let tables = plan.tables("watch", "tables [[watch]], each with probe", GATES_MAX).unwrap_or_default();
    let mut read = |(table, heading)| read_watch(plan, probes, &mut used, table, heading, hands_over);
    let watches: Vec<_> = tables.into_iter().filter_map(&mut read).collect();
    for (probe, _) in probes.iter().zip(used).filter(|(_, used)| !used) {
        let message = format!("no gate and no watch uses the probe `{}`", probe.value.name);
        let diagnostic = Diagnostic::warning("plan-probe-unused", message)
            .help("it is never looked at; add a [[gate]] or a [[watch]], or leave it out");
        plan.fault(diagnostic, &probe.span, "");
    }
    Sentries { gates, watches }
}

fn read_gate(
    plan: &mut Form<'_, '_>,
    probes: &[Written<Probe>],
    used: &mut [bool],
    table: &DeTable<'_>,
    heading: Range<usize>,
) -> Option<Gate> {
    let keys: &[&str] = match table.contains_key("approve") {
        true => &["before", "approve", "deadline", "probe"],
        false => &["before", "probe", "pass", "over", "deadline"],
    };
    let mut form = Form::new(plan.source, plan.faults, table, heading.clone(), ("this gate", keys));
    let before = form.required("before", r#"before = "flip", or lower, or raise"#);
    let before = before.and_then(|_| form.choice("before", Before::WRITTEN));
    let deadline = read_length(&mut form, "deadline").map(|ttl| Duration::from_secs(u64::from(ttl.value.0)));
    let condition = match (form.optional("probe"), form.optional("approve")) {
        (Some(probe), Some(_)) => {
            let diagnostic = Diagnostic::error("plan-gate-condition", "a gate waits for a probe or for a person");
            form.fault(diagnostic.help("write two gates; both must pass"), &probe.span(), "and here for a probe");
            return None;
        }
        (None, Some(_)) => read_approval(&mut form).map(|what| Condition::Approval { what }),
        _ => {
            let probe = read_probe(&mut form, probes, used);
            let rule = read_rule(&mut form, "pass", probe.map(|probe| &probes[probe].value));
            probe.zip(rule).map(|(probe, rule)| Condition::Probe { probe, rule })
        }
    };
    let condition = condition?;
    let by_probe = matches!(condition, Condition::Probe { .. });
    let deadline = deadline.or(by_probe.then_some(DEADLINE_DEFAULT));
    Some(Gate { heading, before: before?.value, condition, deadline })
}

fn read_approval(form: &mut Form<'_, '_>) -> Option<String> {
    let example = r#"approve = "the customer has agreed""#;
    let value = form.required("approve", example)?;
    let written = form.string("approve", value, example)?;
    let is_line = !written.value.chars().any(char::is_control);
    if written.value.trim().is_empty() || written.value.len() > APPROVAL_LEN_MAX || !is_line {
        let message = format!("`approve` has 1 to {APPROVAL_LEN_MAX} octets on one line");
        let diagnostic = Diagnostic::error("plan-gate-approve", message).help(format!("write {example}"));
        form.fault(diagnostic, &written.span, "");
        return None;
    }
    Some(written.value.to_owned())
}

fn read_watch(
    plan: &mut Form<'_, '_>,
    probes: &[Written<Probe>],
    used: &mut [bool],
    table: &DeTable<'_>,
    heading: Range<usize>,
    hands_over: bool,
) -> Option<Watch> {
    const KEYS: &[&str] = &["probe", "fail", "over", "for", "rollback"];
    let mut form = Form::new(plan.source, plan.faults, table, heading.clone(), ("`[[watch]]`", KEYS));
    let probe = read_probe(&mut form, probes, used);
    let rule = read_rule(&mut form, "fail", probe.map(|probe| &probes[probe].value));
    let lasts = read_length(&mut form, "for").map(|ttl| Duration::from_secs(u64::from(ttl.value.0)));
    let rollback = form.boolean("rollback");
    if let Some(written) = rollback.as_ref().filter(|rollback| rollback.value && hands_over) {
        let message = "a change of name servers is never rolled back by itself";
        let diagnostic = Diagnostic::error("plan-watch-rollback-authority", message).help(
            "leave `rollback` out: the watch then only raises an alarm; what resolvers have learnt of the parent \
             does not come back by what is served here",
        );
        form.fault(diagnostic, &written.span.clone(), "");
    }
    let (probe, rule) = (probe?, rule?);
    let rolls_back = rollback.is_some_and(|rollback| rollback.value);
    Some(Watch { heading, probe, rule, lasts: lasts.unwrap_or(FOR_DEFAULT), rolls_back })
}

/// The place of the probe that is named.
fn read_probe(form: &mut Form<'_, '_>, probes: &[Written<Probe>], used: &mut [bool]) -> Option<usize> {
    let example = r#"probe = "new web", the name of a [[probe]]"#;
    let value = form.required("probe", example)?;
    let written = form.string("probe", value, example)?;
    let names = || probes.iter().map(|probe| &*probe.value.name);
    let found = names().position(|name| name == written.value);
    match found {
        Some(probe) => used[probe] = true,
        None => {
            let help = match similar(written.value, names()) {
                Some(known) => format!("did you mean \"{known}\"?"),
                None => "add a [[probe]] of that name".to_owned(),
            };
            let message = format!("there is no probe `{}`", written.value);
            form.fault(Diagnostic::error("plan-probe-unknown", message).help(help), &written.span, "");
        }
    }
    found
}

/// How often at `key`, and `over` how long; `None` if it can't be read, or without a `probe`.
fn read_rule(form: &mut Form<'_, '_>, key: &str, probe: Option<&Probe>) -> Option<Rule> {
    let example = format!(r#"{key} = "5 of 6""#);
    let (count, of, span) = match form.optional(key) {
        None => (Rule::COUNT_DEFAULT, Rule::COUNT_DEFAULT, None),
        Some(value) => {
            let written = form.string(key, value, &example)?;
            let numbers = written
                .value
                .split_once(" of ")
                .and_then(|(count, of)| Some((count.trim().parse::<u16>().ok()?, of.trim().parse::<u16>().ok()?)));
            let is_sound = |(count, of): &(u16, u16)| (1..=*of).contains(count) && usize::from(*of) <= LOOKS_MAX;
            let Some((count, of)) = numbers.filter(is_sound) else {
                let message = format!("`{key}` says how many of how many looks, up to {LOOKS_MAX}");
                let diagnostic = Diagnostic::error("plan-rule", message).help(format!("write {example}"));
                form.fault(diagnostic, &written.span, "");
                return None;
            };
            (count, of, Some(written.span))
        }
    };
    let over = read_length(form, "over");
    let probe = probe?;
    let Some(over) = over else { return Some(Rule { count, of, over: Rule::over_default(of, probe) }) };
    let length = Duration::from_secs(u64::from(over.value.0));
    let least = probe.every * u32::from(count - 1) + probe.timeout;
    if length < least {
        let message = format!("{count} looks take longer than `over`");
        let help = format!("the probe looks every {} s: write over = \"{}s\" or more", probe.every.as_secs(), {
            least.as_secs()
        });
        let mut diagnostic = Diagnostic::error("plan-rule-over", message).at(form.source.place(&over.span), "");
        if let Some(span) = span {
            diagnostic = diagnostic.at(form.source.place(&span), "so many");
        }
        form.faults.push(diagnostic.help(help));
        return None;
    }
    Some(Rule { count, of, over: length })
}
