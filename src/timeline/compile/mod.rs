//! The compiler: a plan and its zone become a schedule, every step with its instant and its reason.
//!
//! The rules, by number where the code obeys them. T is the plan's instant, R an RRset's TTL in the zone
//! file, r the plan's low TTL, A the TTL in the end.
//!
//! 1. An RRset with R > r is lowered to r at T − R. What was handed out before, with R, is gone at T; so
//!    from T on caches hold the old data for r at most. (T − (R − r) would just do for the same horizon, T + r;
//!    the r in between is room for answers under way and for secondaries.)
//! 2. All flips happen at T, in one edition. The new data has the smallest of r, R and A.
//! 3. The TTL becomes A at T + max(R, A): a TTL grows only as fast as confidence.
//! 4. The old data of a flip is gone at T + min(R, r). If the plan is obeyed only since T1 > T − R, it is gone
//!    at max(T1 + R, T + min(R, r)).
//! 5. For an RRset that is new, R is what caches may hold instead: that there is none (the zone's negative
//!    TTL, RFC 2308), or what a wildcard gave. Neither is lowered.
//! 6. What is served is a function of the zone and the plan alone, so that every node, and a node that
//!    restarts at any time, serves the same. T1 matters for what can be promised, and for nothing else.

mod check;
mod examine;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::edition::{Cap, Edition, PatchId, StepId, Timeline};
use super::plan::{Draft, Flip, Plan, in_order};
use super::schedule::{
    Contents, Drain, Held, Length, Reason, RrsetChange, Schedule, Since, Span, Step, StepKind, Term, sum,
};
use super::serial::{Serial, Succession};
use super::show;
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::wire::Name;
use crate::zone::{Change, Patch, Ttl, Zone};
pub use check::check;
use examine::{Found, examine};

/// What became of a plan's text.
#[derive(Debug)]
pub struct Loaded {
    /// The schedule, if there is no error.
    pub schedule: Option<Schedule>,
    /// All that there is to say: errors, warnings, notes.
    pub diagnostics: Vec<Diagnostic>,
}

/// Text and zone to schedule: the one entry that serving, checking and showing use. It finds all faults at
/// once, also those against the zone of flips beside others that don't even read.
///
/// `armed_at` is the instant since which the plan is obeyed (rule 4).
pub fn load(zone: &Zone, path: &Arc<str>, text: &[u8], armed_at: Instant) -> Loaded {
    let (draft, mut diagnostics) = Draft::read(zone.apex(), path, text);
    let sound = !diagnostics.iter().any(Diagnostic::is_error);
    let mut schedule = None;
    match draft {
        Some(draft) if sound => {
            if let Some(plan) = draft.finish() {
                match compile(&plan, zone, armed_at) {
                    Ok(compiled) => {
                        diagnostics.extend(compiled.remarks.iter().cloned());
                        schedule = Some(compiled);
                    }
                    Err(faults) => diagnostics.extend(faults),
                }
            }
        }
        Some(draft) => {
            let plan = draft.finish_at(jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC));
            diagnostics.extend(examine(&plan, zone).1.into_iter().filter(Diagnostic::is_error));
        }
        None => {}
    }
    Loaded { schedule, diagnostics: in_order(diagnostics) }
}

/// Works `plan` out for `zone`, where it is obeyed since `armed_at`.
///
/// # Errors
/// All faults, if the plan can't work; remarks about one that can are in the schedule.
pub fn compile(plan: &Plan, zone: &Zone, armed_at: Instant) -> Result<Schedule, Vec<Diagnostic>> {
    // Promises are in whole seconds, and rather later.
    let armed_at = armed_at.after(Duration::from_nanos(999_999_999)).whole_seconds();
    let (found, mut diagnostics) = examine(plan, zone);
    let is_done = |found: &Option<Found>| *found == Some(Found::Done);
    let done: Vec<_> =
        plan.flips.iter().zip(&found).filter(|(_, found)| is_done(found)).map(|(flip, _)| flip).collect();
    let courses: Vec<Course<'_>> = plan
        .flips
        .iter()
        .zip(found)
        .filter_map(|(flip, found)| Course::lay(plan, zone, flip, found?, &mut diagnostics))
        .collect();
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(diagnostics);
    }
    remark_done(plan, &done, &mut diagnostics);
    let drains: Vec<Drain> = courses.iter().map(|course| course.drain(plan, armed_at)).collect();
    remark_late(plan, armed_at, &courses, &drains, &mut diagnostics);
    let mut succession = Succession::new(Serial(zone.serial()), plan.at(), plan.at.value.time_zone().clone());
    let serial_style = succession.style();
    let (steps, timeline) = match build(zone, &courses, &mut succession) {
        Ok(built) => built,
        Err(reason) => {
            let place = plan.place(&plan.at.span);
            diagnostics
                .push(Diagnostic::error("plan-edition", "an edition of the plan can't be made").at(place, reason));
            return Err(diagnostics);
        }
    };
    Ok(Schedule {
        apex: zone.apex().to_owned(),
        at: plan.at(),
        time_zone: plan.at.value.time_zone().clone(),
        low_ttl: plan.low_ttl(),
        armed_at,
        serial_style,
        serial: Serial(zone.serial()),
        steps,
        drains,
        timeline,
        remarks: diagnostics,
    })
}

fn seconds(ttl: Ttl) -> Duration {
    Duration::from_secs(u64::from(ttl.0))
}

/// One flip's way through time.
struct Course<'p> {
    flip: &'p Flip,
    /// The owner, as the zone writes it.
    owner: Name,
    /// What caches hold before the flip, and for how long if nothing is done about it: R.
    held: Held,
    held_ttl: Ttl,
    /// R once the lowering has drained: the smaller of R and r; R if it can't be lowered.
    lowered_ttl: Ttl,
    /// What becomes of the RRset, in order of time; the first is what it is before.
    before: Option<Contents>,
    events: Vec<Event>,
}

struct Event {
    at: Instant,
    kind: StepKind,
    reason: Reason,
    after: Option<Contents>,
}

impl<'p> Course<'p> {
    fn lay(
        plan: &Plan,
        zone: &Zone,
        flip: &'p Flip,
        found: Found,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Course<'p>> {
        let low = plan.low_ttl();
        let written_after = flip.ttl_after.as_ref().or(plan.ttl_after.as_ref()).map(|ttl| ttl.value);
        let (held, held_ttl, before, after) = match found {
            Found::Done => return None,
            Found::Old { ttl } => {
                remark_not_lower(plan, flip, ttl, diagnostics);
                let rdatas = flip_contents(zone, flip);
                (Held::Data, ttl, Some(Contents { ttl, rdatas }), written_after.unwrap_or(ttl))
            }
            Found::New { held, ttl } => {
                let Some(after) = written_after else {
                    let message =
                        format!("{} {} is new: there is no old TTL to go back to", flip.owner.value, flip.rtype.value);
                    let diagnostic = Diagnostic::error("plan-ttl-after-missing", message)
                        .at(plan.place(&flip.from.span), "from nothing")
                        .help("add ttl_after = \"1h\", or what you like, to this [[flip]]");
                    diagnostics.push(diagnostic);
                    return None;
                };
                if held != Held::Data && ttl > low {
                    remark_negative(plan, flip, &held, ttl, diagnostics);
                }
                (held, ttl, None, after)
            }
        };
        let at = plan.at();
        let mut events = Vec::new();
        let mut lowered_ttl = held_ttl;
        if let Some(before) = before.as_ref() {
            lowered_ttl = held_ttl.min(low);
            if held_ttl > low {
                // Rule 1.
                events.push(Event {
                    at: at.before(seconds(held_ttl)),
                    kind: StepKind::Lower,
                    reason: Reason::OldTtlDrains { old_ttl: held_ttl, low_ttl: low },
                    after: Some(Contents { ttl: low, rdatas: before.rdatas.clone() }),
                });
            }
        } else if held == Held::Data {
            // The alias that stands in its place is lowered by its own flip.
            lowered_ttl = held_ttl.min(low);
        }
        // Rule 2.
        let flipped_ttl = before.as_ref().map_or(low, |before| low.min(before.ttl)).min(after);
        let rdatas = flip.to.rdatas();
        let new = |ttl| (!rdatas.is_empty()).then(|| Contents { ttl, rdatas: rdatas.clone() });
        events.push(Event { at, kind: StepKind::Flip, reason: Reason::Declared, after: new(flipped_ttl) });
        if flipped_ttl != after && !rdatas.is_empty() {
            // Rule 3.
            let wait = held_ttl.max(after);
            events.push(Event {
                at: at.after(seconds(wait)),
                kind: StepKind::Restore,
                reason: Reason::Confidence { wait, low_ttl: flipped_ttl },
                after: new(after),
            });
        }
        let node = zone.find(flip.owner.value.as_ref());
        let owner = node.map_or_else(|| flip.owner.value.clone(), |node| node.name());
        Some(Course { flip, owner, held, held_ttl, lowered_ttl, before, events })
    }

    /// When the plan must be obeyed for its promise to hold.
    fn due(&self, plan: &Plan) -> Instant {
        let at = plan.at();
        if self.lowered_ttl < self.held_ttl { at.before(seconds(self.held_ttl)) } else { at }
    }

    /// Rule 4.
    fn drain(&self, plan: &Plan, armed_at: Instant) -> Drain {
        let flipped = Term { since: Since::Flip, ttl: self.lowered_ttl };
        let mut terms = vec![flipped];
        if armed_at > self.due(plan) {
            terms.insert(0, Term { since: Since::Armed, ttl: self.held_ttl });
        }
        let at = |term: &Term| {
            let since = match term.since {
                Since::Flip => plan.at(),
                Since::Armed => armed_at,
            };
            since.after(seconds(term.ttl))
        };
        let in_time = at(&flipped);
        Drain {
            owner: self.owner.clone(),
            rtype: self.flip.rtype.value,
            held: self.held.clone(),
            horizon: terms.iter().map(at).max().unwrap_or(in_time),
            in_time,
            terms,
        }
    }
}

/// The RRset's records as the zone has them.
fn flip_contents(zone: &Zone, flip: &Flip) -> Vec<Box<[u8]>> {
    let node = zone.find(flip.owner.value.as_ref());
    let rrset = node.and_then(|node| node.rrset(flip.rtype.value));
    rrset.map(|rrset| rrset.rdatas().map(Vec::into_boxed_slice).collect()).unwrap_or_default()
}

/// The steps, one for each instant, and the editions that they make.
fn build(zone: &Zone, courses: &[Course<'_>], succession: &mut Succession) -> Result<(Vec<Step>, Timeline), String> {
    let mut instants: BTreeMap<Instant, Vec<(usize, &Event)>> = BTreeMap::new();
    for (index, course) in courses.iter().enumerate() {
        for event in &course.events {
            instants.entry(event.at).or_default().push((index, event));
        }
    }
    let mut present: Vec<Option<Contents>> = courses.iter().map(|course| course.before.clone()).collect();
    let mut steps = Vec::new();
    let (mut patches, mut editions) = (Vec::new(), Vec::new());
    for (&from, events) in &instants {
        let Some(&(_, first)) = events.first() else { continue };
        let mut changes = Vec::new();
        for &(index, event) in events {
            let course = &courses[index];
            let before = std::mem::replace(&mut present[index], event.after.clone());
            let (owner, rtype) = (course.owner.clone(), course.flip.rtype.value);
            changes.push(RrsetChange { owner, rtype, before, after: event.after.clone() });
        }
        let differs = courses.iter().zip(&present).filter(|(course, present)| **present != course.before);
        let all: Vec<Change> = differs
            .map(|(course, present)| Change {
                owner: course.owner.clone(),
                rtype: course.flip.rtype.value,
                ttl: present.as_ref().map_or(Ttl(0), |contents| contents.ttl),
                capped: false,
                rdatas: present.as_ref().map(|contents| contents.rdatas.clone()).unwrap_or_default(),
            })
            .collect();
        patches.push(Patch::new(zone, &all).map_err(|error| error.to_string())?);
        let number = u16::try_from(steps.len()).map_err(|_| "there are too many steps".to_owned())?;
        let (id, patch) = (StepId(number), Some(PatchId(number)));
        let serial = succession.next(from);
        editions.push(Edition { from, serial: serial.0, cap: Cap::OPEN, patch, step: Some(id) });
        steps.push(Step { id, kind: first.kind, from, serial, changes, reason: first.reason });
    }
    let first = Edition::first(zone.serial());
    let timeline =
        Timeline::new(zone.clone(), patches, first, editions, None).ok_or("its steps lie too far apart in time")?;
    Ok((steps, timeline))
}

fn remark_not_lower(plan: &Plan, flip: &Flip, ttl: Ttl, diagnostics: &mut Vec<Diagnostic>) {
    let Some(low) = plan.low_ttl.as_ref().filter(|low| ttl < low.value) else { return };
    let message = format!("{} {} has a TTL of {ttl} already", flip.owner.value, flip.rtype.value);
    let diagnostic = Diagnostic::note("plan-low-ttl-not-lower", message)
        .at(plan.place(&low.span), format!("{} is not lower", low.value))
        .help(format!("nothing is to be lowered: it keeps {ttl}; leave low_ttl out if this is so for all flips"));
    diagnostics.push(diagnostic);
}

fn remark_negative(plan: &Plan, flip: &Flip, held: &Held, ttl: Ttl, diagnostics: &mut Vec<Diagnostic>) {
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

fn remark_done(plan: &Plan, done: &[&Flip], diagnostics: &mut Vec<Diagnostic>) {
    if done.len() == plan.flips.len() {
        let message = "the plan is done: the zone file has all that it flips to";
        let diagnostic = Diagnostic::note("plan-done", message)
            .at(plan.place(&plan.at.span), "")
            .help("remove the plan's file; the zone is served as its own file says, with that file's serial");
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

fn remark_late(
    plan: &Plan,
    armed_at: Instant,
    courses: &[Course<'_>],
    drains: &[Drain],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let worst = courses.iter().zip(drains).filter(|(_, drain)| drain.horizon > drain.in_time);
    let Some((course, drain)) = worst.max_by_key(|(_, drain)| drain.horizon) else { return };
    let moment = |instant| show::moment(instant, plan.at.value.time_zone());
    let name = format!("{} {}", drain.owner, drain.rtype);
    let after = Span(drain.horizon.since(plan.at()).as_secs());
    let message =
        format!("too late: caches may hold the old {name} until {}, {after} after the flip", moment(drain.horizon));
    let due = course.due(plan);
    let label = format!(
        "T; the plan was due at {}, and is obeyed since T1 = {}: {}",
        moment(due),
        moment(armed_at),
        sum(&drain.terms),
    );
    let lead = courses.iter().map(|course| plan.at().since(course.due(plan))).max().unwrap_or_default();
    let earliest = armed_at.after(lead);
    let help = format!("move `at` to {} or later, or keep the old service up until then", moment(earliest));
    diagnostics.push(Diagnostic::warning("plan-late", message).at(plan.place(&plan.at.span), label).help(help));
}
