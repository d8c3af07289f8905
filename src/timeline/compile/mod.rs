//! The compiler: a plan, its zone and its run become a schedule, every step with its instant and its reason.
//!
//! The rules, by number where the code obeys them. T is the plan's instant, R the longest TTL in the zone file of what
//! the plan flips, r its low TTL, A the longest TTL in the end.
//!
//! 1. From T − R on TTLs go down, so that whatever is given from then on is gone at T, or lives for r: by a *ladder*, whose
//!    rung R/2ⁿ⁺¹ is served from T − R/2ⁿ; by a *countdown*, whose answers live until T, and whose transfers go down the
//!    ladder; or *once*, to r.
//! 2. All flips happen at T, in one edition. The new data has r at most.
//! 3. A TTL grows only as fast as confidence: from T + x on an answer may live for x. By a *ladder* of doubling rungs, or
//!    *once*, at T + max(R, A). Until T + `low_for` it does not grow.
//!    With secondaries, all this is sooner, or later, by D: how long the last of them may take to follow.
//! 4. The old data of a flip is gone at T + min(its R, r), with a countdown T + min(its R, max(r, spread)). If the plan is
//!    obeyed only since T1, after its lowering should have begun, it is gone at max(T1 + its R, that).
//! 5. For an RRset that is new, R is what caches may hold instead: that there is none (the zone's negative
//!    TTL, RFC 2308), or what a wildcard gave. Neither is lowered.
//! 6. What is served is a function of the zone, the plan and the run alone, so that every node, and a node that
//!    restarts at any time, serves the same. T1 matters for what can be promised, and for nothing else.
//! 7. A hold stops the plan's clock: what had not happened waits, and happens as much later as the run was held for too
//!    long. A rollback serves the old data at once and lets its TTL grow as rule 3 does, since the rollback. An abort
//!    serves the zone as its file has it.
//! 8. Name servers change at T as data does, in the zone that is served here. Who asks the old ones for how long is another
//!    matter: `authority.rs`.
//! 9. Where the zone file was edited under way, what lies before has no edition any more, and serials go on above what
//!    was served. An edit, as every decision, counts from an instant a little ahead: what happens until then still does.
//! 10. What is behind a gate that has not passed waits, as in a hold that begins at its instant. A gate that passes late
//!     moves it on; a gate that passes in time moves nothing.
//! 11. Signatures stay with the data that they cover, under its TTL; new data has none (`patches.rs`).

mod authority;
mod check;
mod course;
mod examine;
mod patches;
mod remark;
mod steps;

use std::sync::Arc;

use super::conduct::HEADWAY;
use super::countdown::Countdown;
use super::edition::{Cap, Edition, Timeline};
use super::guard::Guard;
use super::plan::{Draft, Plan, in_order};
use super::run::Run;
use super::schedule::{Bound, Course, Schedule, State, Step, StepKind, seconds};
use super::serial::{Serial, Succession};
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::zone::{PatchError, Ttl, Zone};
pub use check::check;
use examine::{Found, examine};
use patches::Patches;
use steps::Steps;

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
/// `run` is where the plan stands; of one that nobody armed, [`Run::proposed`].
pub fn load(zone: &Zone, path: &Arc<str>, text: &[u8], run: &Run) -> Loaded {
    let (draft, mut diagnostics) = Draft::read(zone.apex(), path, text);
    let sound = !diagnostics.iter().any(Diagnostic::is_error);
    let mut schedule = None;
    match draft {
        Some(draft) if sound => {
            if let Some(plan) = draft.finish() {
                match compile(&plan, zone, run) {
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

/// Works `plan` out for `zone`, where it stands as `run` says.
///
/// # Errors
/// All faults, if the plan can't work; remarks about one that can are in the schedule.
pub fn compile(plan: &Plan, zone: &Zone, run: &Run) -> Result<Schedule, Vec<Diagnostic>> {
    // Promises are in whole seconds, and rather later.
    let armed_at = run.armed_at.rounded_up();
    let run = Run { armed_at, ..run.clone() };
    let (found, mut diagnostics) = examine(plan, zone);
    let is_done = |found: &Option<Found>| *found == Some(Found::Done);
    let done: Vec<_> =
        plan.flips.iter().zip(&found).filter(|(_, found)| is_done(found)).map(|(flip, _)| flip).collect();
    let laid = plan.flips.iter().zip(found);
    let courses: Vec<Course> =
        laid.filter_map(|(flip, found)| course::lay(plan, zone, flip, found?, &mut diagnostics)).collect();
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(diagnostics);
    }
    remark::done(plan, &done, &mut diagnostics);
    let steps = Steps::lay(plan, &courses, &run);
    let drains: Vec<_> = courses.iter().map(|course| course::drain(plan, &courses, course, &steps, &run)).collect();
    remark::late(plan, &run, &steps, &courses, &drains, &mut diagnostics);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(diagnostics);
    }
    let time_zone = plan.at.value.time_zone().clone();
    let succession = Succession::new(Serial(zone.serial()), plan.at(), time_zone.clone());
    let succession = run.above().map_or(succession.clone(), |above| succession.above(above));
    let serial_style = succession.style();
    remark::idle_gates(plan, &steps, &mut diagnostics);
    let Steps { at, mut done, waiting, awaited, .. } = steps;
    let flips_at = done.iter().find(|step| step.kind == StepKind::Flip).map(|step| step.from);
    let guard = Guard::of(plan, awaited, flips_at).filter(|_| !courses.is_empty() && !run.is_over());
    let authority = authority::lay(plan, zone, &courses, at);
    let timeline = match build(plan, zone, &courses, &run, at, &mut done, succession) {
        Ok(timeline) => timeline,
        Err(error) => {
            let place = plan.place(&plan.at.span);
            let diagnostic = Diagnostic::error("plan-edition", "an edition of the plan can't be made");
            diagnostics.push(diagnostic.at(place, error.to_string()));
            return Err(diagnostics);
        }
    };
    Ok(Schedule {
        apex: zone.apex().to_owned(),
        plan: plan.digest(),
        at,
        time_zone,
        low_ttl: plan.low_ttl(),
        arming: plan.arming(),
        lowering: plan.lowering(),
        spread: spread(plan),
        raising: plan.raising(),
        secondaries: plan.secondaries.iter().flat_map(|all| &all.servers).map(|server| server.value).collect(),
        lag: plan.lag(),
        run,
        serial_style,
        serial: Serial(zone.serial()),
        negative_ttl: zone.negative_ttl(),
        courses,
        authority,
        guard,
        steps: done,
        waiting,
        drains,
        timeline,
        remarks: diagnostics,
    })
}

/// Over how long deadlines are spread: not at all without a countdown.
fn spread(plan: &Plan) -> Ttl {
    match plan.lowering() {
        super::plan::Lowering::Countdown => plan.spread(),
        _ => Ttl(0),
    }
}

/// What is served of `zone` when its plan is over and no longer asked: its file, with serials that go on from where
/// the run left them.
pub fn settle(zone: &Zone, run: &Run) -> Timeline {
    let file = Serial(zone.serial());
    let based_at = run.based_at;
    let Some(above) = run.above().filter(|&above| file.above(above).is_none()) else {
        return Timeline::fixed(zone.clone());
    };
    let mut succession = Succession::new(file, based_at, jiff::tz::TimeZone::UTC).above(above);
    let serial = if based_at == Instant::MIN { succession.last() } else { succession.next(based_at) };
    Timeline::with_serial(zone.clone(), serial.0)
}

/// Why the editions of a plan can't be made.
#[derive(Debug, thiserror::Error)]
enum EditionError {
    /// The changes can't be made in the zone.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// There are more steps than can be counted.
    #[error("there are too many steps")]
    TooMany,
    /// Instants saturate at the end of time.
    #[error("its steps lie too far apart in time")]
    TooFar,
}

/// The editions that `steps` make; each step is told its serial.
fn build(
    plan: &Plan,
    zone: &Zone,
    courses: &[Course],
    run: &Run,
    at: Instant,
    steps: &mut [Step],
    mut succession: Succession,
) -> Result<Timeline, EditionError> {
    let mut patches = Patches::new(zone, courses);
    let forgotten = forgotten(steps, run);
    let (before, after) = steps.split_at_mut(forgotten);
    let first_state = before.last().map_or(State::FILE, |step| step.state);
    let is_anew = run.based_at > Instant::MIN;
    let file = Serial(zone.serial());
    let serial = match is_anew {
        true if first_state == State::FILE && run.above().is_none_or(|above| file.above(above).is_some()) => file,
        true => succession.next(run.based_at),
        false => succession.last(),
    };
    let first = Edition {
        from: Instant::MIN,
        serial: serial.0,
        cap: cap(first_state),
        patch: patches.of(first_state)?,
        step: before.last().map(|step| step.id),
    };
    let mut later = Vec::with_capacity(after.len());
    for step in after {
        let serial = succession.next(step.from);
        step.serial = Some(serial);
        let (from, cap, patch) = (step.from, cap(step.state), patches.of(step.state)?);
        later.push(Edition { from, serial: serial.0, cap, patch, step: Some(step.id) });
    }
    let counts = |edition: &Edition| edition.cap.counts_down();
    let countdown = (counts(&first) || later.iter().any(counts)).then(|| Countdown {
        until: at,
        floor: plan.low_ttl(),
        spread: seconds(spread(plan)),
        key: plan.digest().key(),
    });
    let (patches, flipped) = patches.finish();
    let timeline = Timeline::new(zone.clone(), patches, first, later, countdown);
    timeline.map(|timeline| timeline.flipping_to(flipped)).ok_or(EditionError::TooFar)
}

/// Rule 9: how many steps lie before the first edition, which is the one that is there when this goes into service. That
/// is up to [`HEADWAY`] before the zone file's edit counts: what falls in between still happens at its instant. But what
/// ended the run is served at once, and nothing before it any more.
fn forgotten(steps: &[Step], run: &Run) -> usize {
    let ended_at = run.ending.map(|ending| ending.at).filter(|&at| at <= run.based_at);
    let until = run.based_at.before(HEADWAY).max(ended_at.unwrap_or(Instant::MIN));
    steps.partition_point(|step| step.from <= until)
}

fn cap(state: State) -> Cap {
    match state.bound {
        Bound::Open => Cap::OPEN,
        Bound::Most(ttl) => Cap::fixed(ttl),
        Bound::Countdown(rung) => Cap::countdown(rung),
    }
}
