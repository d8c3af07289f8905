//! What becomes of a run when its files change, and what a person may decide about it.
//!
//! Both are functions of the sources (zone file, plan file, run) and an instant; what they come to is an [`Outcome`]: the
//! events that must be in the journal *before* anything of it is served, and the timeline that they make.
//!
//! 1. A plan that says `arm = "on-load"` is armed by being there, armed anew by being edited, and withdrawn by going away;
//!    after its flip it is rolled back by that, and an edit that would take it back is refused.
//!    It counts as obeyed since its file came, or, where the zone was served without it meanwhile, from now on (6). If it
//!    doesn't say so any more after an edit, it goes on as it was armed.
//! 2. A plan that is armed by hand is what it was when it was armed. What happens to its file afterwards is told, and
//!    changes nothing.
//! 3. An edit of the zone file goes into service as always; the plan's editions are made anew over it.
//! 4. A plan whose every flip the zone file has is finished.
//! 5. A plan that ended is not armed again by being there.
//! 6. What is decided counts from an instant that lies [`HEADWAY`] after the present: by then it is in the journal, and
//!    served. So what is served before that instant is what was scheduled, and what comes after it has a higher serial.

mod decide;
mod follow;

use std::sync::Arc;
use std::time::Duration;

use super::compile;
use super::plan::{self, digest_of};
use super::run::{Base, Entry, Run};
use super::schedule::{Course, Schedule};
use super::serial::Serial;
use super::{Digest, Timeline};
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::zone::Zone;
pub use decide::{Decided, Decision, Refusal, decide, tell};
pub use follow::follow;

/// How long after the present a decision counts: what the journal's disk and the catalog take, with room to spare. A step
/// that is due until then is still taken.
pub const HEADWAY: Duration = Duration::from_millis(500);

/// A plan's text and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanText {
    /// The path of its file, as people see it.
    pub path: Arc<str>,
    /// The text.
    pub text: Arc<[u8]>,
}

impl PlanText {
    /// Its digest.
    pub fn digest(&self) -> Digest {
        digest_of(&self.text)
    }
}

/// The files of a zone as they are now, and where its plan stands.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// The zone as its file says.
    pub zone: &'a Zone,
    /// The fingerprint of its file's content.
    pub content: u64,
    /// Whether updates lie over the file: then it is known besides which serial was served, and what comes has a higher one.
    pub is_updated: bool,
    /// The plan's file, if it is there, and since when.
    pub plan: Option<(PlanText, Instant)>,
    /// The run, if there was ever one.
    pub run: Option<&'a Run>,
    /// The text that the run armed, if the file does not say it.
    pub armed: Option<PlanText>,
    /// What was served until now.
    pub past: Past,
}

/// What was served until now, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The serial.
    pub serial: Option<Serial>,
    /// By when caches have forgotten what they were given of what the plan flips.
    pub kept_until: Option<Instant>,
    /// By when they have forgotten what was there before it flips.
    pub old_kept_until: Option<Instant>,
    /// Whether steps were taken that the run does not know of, since the journal took too long: their serials count.
    pub overtaken: bool,
}

/// What files or a decision come to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What must be in the journal first.
    pub entries: Vec<Entry>,
    /// The plan's text, if it is armed now.
    pub plan: Option<PlanText>,
    /// The run from then on.
    pub run: Option<Run>,
    /// What the plan is worked out to, if there is one that is obeyed.
    pub schedule: Option<Schedule>,
    /// What is to be served; `None`: what is served already.
    pub timeline: Option<Timeline>,
    /// What a person should know.
    pub diagnostics: Vec<Diagnostic>,
}

/// By when caches have forgotten what they were given until `at` of what `text` flips, where something else was served
/// than the zone's file says: a plan that is under way has bounded nothing but what it flips itself, and one that was
/// ended has let go of it. In nanoseconds; `None` where nothing else was served.
fn kept_until(sources: &Sources<'_>, text: &PlanText, at: Instant) -> Option<i64> {
    let ended = sources.run.filter(|run| run.is_over());
    let kept_until = match ended {
        Some(run) => Instant::from_unix_nanos(run.base.kept_until?),
        None => sources.past.kept_until?,
    };
    let apex = sources.zone.apex();
    let flips = |text: &PlanText| plan::parse(apex, &text.path, &text.text).0.map(|plan| plan.flips);
    let known: Vec<_> = sources.armed.as_ref().filter(|_| ended.is_none()).and_then(flips).unwrap_or_default();
    // What is new to both is not old to either.
    let leads_alike = |flip: &plan::Flip| {
        let same =
            |other: &&plan::Flip| (&other.owner.value, other.rtype.value) == (&flip.owner.value, flip.rtype.value);
        let other = known.iter().find(same);
        other.is_none_or(|other| other.to.is(flip.rtype.value, flip.to.records.iter().map(|record| &*record.value)))
    };
    let lead_alike = flips(text).is_some_and(|flips| flips.iter().all(leads_alike));
    let kept_until = sources.past.old_kept_until.filter(|_| lead_alike && ended.is_none()).unwrap_or(kept_until);
    let is_known = |course: &Course| {
        known.iter().any(|flip| (&flip.owner.value, flip.rtype.value) == (&course.owner, course.rtype))
    };
    let accepted = Base { zone: 0, above: 0, kept_until: Some(i64::MIN) };
    let schedule = compile::load(sources.zone, &text.path, &text.text, &Run::proposed(at).over(accepted, at)).schedule;
    let courses = schedule.iter().flat_map(|schedule| &schedule.courses);
    let longest = courses.filter(|course| !is_known(course)).map(|course| course.held_ttl).max();
    let others = longest.map(|ttl| at.after(Duration::from_secs(u64::from(ttl.0))));
    Some(others.map_or(kept_until, |others| others.max(kept_until)).unix_nanos())
}
