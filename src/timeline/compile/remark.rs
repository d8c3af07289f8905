//! What the compiler says besides: what is too late, what is done, what will take its time.

use super::course;
use super::steps::Steps;
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::timeline::guard::Before;
use crate::timeline::plan::{Flip, Plan};
use crate::timeline::run::Run;
use crate::timeline::schedule::{Course, Drain, Held, Length, Since, Span, StepKind, sum};
use crate::timeline::show;
use crate::wire::Rtype;
use crate::zone::Ttl;

pub(super) fn not_lower(plan: &Plan, flip: &Flip, ttl: Ttl, diagnostics: &mut Vec<Diagnostic>) {
    let Some(low) = plan.low_ttl.as_ref().filter(|low| ttl < low.value) else { return };
    let message = format!("{} {} has a TTL of {ttl} already", flip.owner.value, flip.rtype.value);
    let diagnostic = Diagnostic::note("plan-low-ttl-not-lower", message)
        .at(plan.place(&low.span), format!("{} is not lower", low.value))
        .help(format!("nothing is to be lowered: it keeps {ttl}; leave low_ttl out if this is so for all flips"));
    diagnostics.push(diagnostic);
}

pub(super) fn negative(plan: &Plan, flip: &Flip, held: &Held, ttl: Ttl, diagnostics: &mut Vec<Diagnostic>) {
    let message =
        format!("caches may not notice {} {} until {} after the flip", flip.owner.value, flip.rtype.value, Length(ttl));
    let help = match held {
        Held::Wildcard(wildcard) => {
            format!("lower the TTLs of {wildcard} and the SOA's MINIMUM in the zone file beforehand")
        }
        _ => "lower the SOA's MINIMUM in the zone file beforehand, or publish the name before anybody asks for it"
            .to_owned(),
    };
    let diagnostic = Diagnostic::note("plan-negative-ttl", message)
        .at(plan.place(&flip.from.span), format!("they may hold {held}"))
        .help(help);
    diagnostics.push(diagnostic);
}

pub(super) fn done(plan: &Plan, done: &[&Flip], diagnostics: &mut Vec<Diagnostic>) {
    if plan.flips.is_empty() {
        return;
    }
    if done.len() == plan.flips.len() {
        let message = "the plan is done: the zone file has all that it flips to";
        let help = match plan.authority {
            None => "remove the plan's file; the zone is served as its own file says, with that file's serial",
            Some(_) => "remove the plan's file when the old name servers are cancelled; `watari plan show` says when",
        };
        let diagnostic = Diagnostic::note("plan-done", message).at(plan.place(&plan.at.span), "").help(help);
        diagnostics.push(diagnostic);
        return;
    }
    for flip in done {
        let message = format!("the zone file already has what {} {} flips to", flip.owner.value, flip.rtype.value);
        let diagnostic = Diagnostic::note("plan-done", message)
            .at(plan.place(&flip.to.span), "served from the beginning")
            .help("leave this flip out, or put the old data back into the zone file");
        diagnostics.push(diagnostic);
    }
}

pub(super) fn no_ttl_after(plan: &Plan, flip: &Flip, diagnostics: &mut Vec<Diagnostic>) {
    let message = format!("{} {} is new: there is no old TTL to go back to", flip.owner.value, flip.rtype.value);
    let diagnostic = Diagnostic::error("plan-ttl-after-missing", message)
        .at(plan.place(&flip.from.span), "from nothing")
        .help("add ttl_after = \"1h\", or what you like, to this [[flip]]");
    diagnostics.push(diagnostic);
}

/// A flip before the old TTLs have drained: refused, unless the plan accepts it or is obeyed already.
pub(super) fn late(
    plan: &Plan,
    run: &Run,
    steps: &Steps,
    courses: &[Course],
    drains: &[Drain],
    diagnostics: &mut Vec<Diagnostic>,
) {
    // Of name servers nothing is promised that counts on their TTL here (rule 8).
    let counted = drains.iter().filter(|drain| drain.rtype != Rtype::NS);
    let worst = counted.filter(|drain| drain.horizon > drain.in_time).max_by_key(|drain| drain.horizon);
    let Some(drain) = worst else { return };
    let moment = |instant| show::moment(instant, plan.at.value.time_zone());
    let name = format!("{} {}", drain.owner, drain.rtype);
    let after = Span(drain.horizon.since(steps.at).as_secs());
    let message =
        format!("too late: caches may hold the old {name} until {}, {after} after the flip", moment(drain.horizon));
    let due = course::due(plan, courses, steps.at);
    let since = if drain.terms.iter().any(|term| term.since == Since::Kept) {
        format!("caches hold what they were given before until K = {}", moment(kept_until(run)))
    } else {
        format!("it is obeyed since T1 = {}", moment(run.armed_at))
    };
    let label = format!("T; the plan was due at {}, and {since}: {}", moment(due), sum(&drain.terms));
    let (code, later) = ("plan-late", drain.horizon.since(drain.in_time));
    let earliest = moment(steps.at.after(later));
    let is_refused = run.proposed && !plan.accepts_late();
    let (diagnostic, help) = match is_refused {
        true => (
            Diagnostic::error(code, message),
            format!(
                "move `at` to {earliest} or later; or write late = \"accept\", and keep the old service up until then"
            ),
        ),
        false => (
            Diagnostic::warning(code, message),
            format!("keep the old service up until then, or move `at` to {earliest} or later"),
        ),
    };
    diagnostics.push(diagnostic.at(plan.place(&plan.at.span), label).help(help));
}

/// Gates before steps that there are none of.
pub(super) fn idle_gates(plan: &Plan, steps: &Steps, diagnostics: &mut Vec<Diagnostic>) {
    let has_raise = steps.done.iter().chain(&steps.waiting).any(|step| step.kind == StepKind::Raise);
    for gate in plan.gates.iter().filter(|gate| gate.before == Before::Raise && !has_raise) {
        let diagnostic =
            Diagnostic::warning("plan-gate-unused", "no TTL goes up again: this gate stands before nothing")
                .at(plan.place(&gate.heading), "")
                .help("leave it out, or write before = \"flip\"");
        diagnostics.push(diagnostic);
    }
}

fn kept_until(run: &Run) -> Instant {
    Instant::from_unix_nanos(run.base.kept_until.unwrap_or(i64::MIN))
}
