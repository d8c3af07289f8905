//! One RRset's way through a plan: what is before and after, and when the old data is gone (rules 4 and 5).

use super::examine::{Found, ancestors};
use super::steps::{Steps, before, lead, longest};
use super::{remark, spread};
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::timeline::plan::{Flip, Plan};
use crate::timeline::run::Run;
use crate::timeline::schedule::{Contents, Course, Drain, Held, MINIMUM_TTL, Since, Term, seconds};
use crate::wire::Name;
use crate::wire::name::join;
use crate::zone::{Ttl, Zone};

/// The course of `flip`, which finds in the zone what `found` says; `None` if there is none, or none can be.
pub(super) fn lay(
    plan: &Plan,
    zone: &Zone,
    flip: &Flip,
    found: Found,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Course> {
    let written_after = flip.ttl_after.as_ref().or(plan.ttl_after.as_ref()).map(|ttl| ttl.value);
    let node = zone.find(flip.owner.value.as_ref());
    let (held, held_ttl, before, after_ttl) = match found {
        Found::Done => return None,
        Found::Old { ttl } => {
            remark::not_lower(plan, flip, ttl, diagnostics);
            let rrset = node.and_then(|node| node.rrset(flip.rtype.value))?;
            let rdatas = rrset.rdatas().map(Vec::into_boxed_slice).collect();
            (Held::Data, ttl, Some(Contents { ttl, rdatas }), written_after.unwrap_or(ttl))
        }
        Found::New { held, ttl } => {
            let Some(after_ttl) = written_after else {
                remark::no_ttl_after(plan, flip, diagnostics);
                return None;
            };
            if held != Held::Data && ttl > plan.low_ttl() {
                remark::negative(plan, flip, &held, ttl, diagnostics);
            }
            (held, ttl, None, after_ttl)
        }
    };
    let rdatas = flip.to.rdatas();
    let after = (!rdatas.is_empty()).then_some(Contents { ttl: after_ttl, rdatas });
    let owner = node.map_or_else(|| flip.owner.value.clone(), |node| node.name());
    let gone_ttl = gone_ttl(zone, &owner);
    Some(Course { owner, rtype: flip.rtype.value, held, held_ttl, gone_ttl, before, after })
}

/// How long caches may hold what they are told when `owner` is not there. With the name its parents may go, so that any
/// wildcard above it may be the one that answers (RFC 4592 § 3.3.1).
fn gone_ttl(zone: &Zone, owner: &Name) -> Ttl {
    let above = ancestors(owner.as_ref()).skip(1).filter(|name| name.is_at_or_below(zone.apex()));
    let wildcards = above.filter_map(|name| join(b"\x01*", name).ok());
    let ttls = wildcards.filter_map(|name| zone.find(name.as_ref())?.rrsets().map(|rrset| rrset.ttl()).max());
    ttls.fold(zone.negative_ttl(), Ttl::max)
}

/// When the old data of `course`, one of `courses`, is gone (rule 4).
pub(super) fn drain(plan: &Plan, courses: &[Course], course: &Course, steps: &Steps, run: &Run) -> Drain {
    // An alias that stands in the place of what is new is lowered by its own flip.
    let is_lowered = course.held == Held::Data;
    let most = plan.low_ttl().max(spread(plan));
    let lowered = if is_lowered { course.held_ttl.min(most) } else { course.held_ttl };
    let lag = plan.lag();
    let flipped = Term { since: Since::Flip, ttl: lowered, lag };
    let old = longest(courses, before);
    let due = match lead(plan, old, course.held_ttl).filter(|_| is_lowered) {
        Some(lead) => steps.at.before(lead),
        None => steps.at,
    };
    let mut terms = vec![flipped];
    if run.base.kept_until.is_some() {
        terms.insert(0, Term { since: Since::Kept, ttl: Ttl(0), lag });
    } else if run.armed_at > due {
        terms.insert(0, Term { since: Since::Armed, ttl: course.held_ttl, lag });
    }
    let at = |term: &Term, minimum: Ttl| {
        let since = match term.since {
            Since::Armed => run.armed_at,
            Since::Kept => kept_until(run),
            Since::Flip | Since::Rollback => steps.at,
        };
        // Some resolvers keep an answer through the whole second in which it expires.
        since.after(seconds(term.lag)).after(seconds(term.ttl.max(minimum))).rounded_up()
    };
    let in_time = at(&flipped, Ttl(0));
    let latest = |minimum| terms.iter().map(|term| at(term, minimum)).max().unwrap_or(in_time);
    let (horizon, pessimistic) = (latest(Ttl(0)), latest(MINIMUM_TTL));
    // A term that decides nothing would only puzzle.
    if terms.len() > 1 && at(&terms[0], Ttl(0)) <= in_time {
        terms.remove(0);
    }
    Drain {
        owner: course.owner.clone(),
        rtype: course.rtype,
        held: course.held.clone(),
        horizon,
        in_time,
        pessimistic,
        terms,
    }
}

/// By when caches have forgotten what they were given before the zone was as it is now, to the second.
fn kept_until(run: &Run) -> Instant {
    let kept = Instant::from_unix_nanos(run.base.kept_until.unwrap_or(i64::MIN));
    kept.rounded_up()
}

/// When the lowering must have begun for the promise to hold.
pub(super) fn due(plan: &Plan, courses: &[Course], at: Instant) -> Instant {
    let lead = lead(plan, longest(courses, before), longest(courses, before));
    lead.map_or(at, |lead| at.before(lead))
}
