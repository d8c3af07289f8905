//! What the server keeps of each zone whose plan is or was obeyed.
//!
//! There may be a hundred thousand of them, so that nothing here keeps a text: a schedule is worked out again for who
//! asks, a plan's text is in the journal.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::history::Cause;
use super::names;
use super::secondary::Kept;
use super::shared::Shared;
use super::store::Store;
use super::store::change::{Change, Source};
use crate::clock::Instant;
use crate::timeline::conduct::{self, Decided, Decision, HEADWAY, Outcome, Past, PlanText, Refusal, Sources};
use crate::timeline::guard::Guard;
use crate::timeline::run::{self, EndingKind, Entry, Promised};
use crate::timeline::{self, Authority, Run, Schedule, Serial, StepKind, Timeline};
use crate::wire::{Name, NameRef};
use crate::zone::Zone;

/// A run, and what it makes of its zone.
#[derive(Clone, Debug)]
pub struct Running {
    /// Where it stands.
    pub run: Run,
    /// What is served; `None` if its zone was not loaded yet.
    pub timeline: Option<Arc<Timeline>>,
    /// The serials that the journal has promised, until the zone is loaded.
    pub promised: Arc<[Promised]>,
    /// What its steps do.
    pub itinerary: Option<Arc<Itinerary>>,
    /// The serial of a step that was served although the run does not know of it, since the journal took too long.
    pub overtaken: Option<Serial>,
}

/// What the steps of a plan do, in few words, and what it is all about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Itinerary {
    /// The instant of the flip.
    pub at: Instant,
    /// When no conforming cache holds old data any more.
    pub horizon: Option<Instant>,
    /// Who serves the zone besides.
    pub secondaries: Box<[SocketAddr]>,
    /// D: how long the last of them may take to follow.
    pub lag: Duration,
    /// Until when resolvers may ask the old name servers, if it changes those.
    pub old_servers_until: Option<Instant>,
    /// What it has looked at, if anything.
    pub guard: Option<Arc<Guard>>,
    kinds: Box<[StepKind]>,
    what: Box<str>,
}

impl Itinerary {
    fn of(schedule: Schedule) -> Itinerary {
        let apex = schedule.apex.as_ref();
        let names: Vec<_> =
            schedule.courses.iter().map(|course| format!("{} {}", shown(&course.owner, apex), course.rtype)).collect();
        Itinerary {
            at: schedule.at,
            horizon: schedule.horizon(),
            secondaries: schedule.secondaries.as_slice().into(),
            lag: Duration::from_secs(u64::from(schedule.lag.0)),
            old_servers_until: schedule.authority.as_ref().map(Authority::old_servers_until),
            kinds: schedule.steps.iter().map(|step| step.kind).collect(),
            guard: schedule.guard.map(Arc::from),
            what: names.join(", ").into(),
        }
    }

    /// How many octets it occupies beside itself.
    pub fn size(&self) -> usize {
        size_of_val(&*self.kinds) + self.what.len()
    }

    /// What a step does: `flip: www A`.
    pub fn step(&self, step: timeline::StepId) -> String {
        let kind = self.kinds.get(usize::from(step.0)).map_or("step", |kind| kind.name());
        format!("{kind}: {}", self.what)
    }

    /// What it is all about: `www A, mail MX`.
    pub fn what(&self) -> &str {
        &self.what
    }
}

fn shown(owner: &Name, apex: NameRef<'_>) -> String {
    match owner.as_ref().prefix_below(apex) {
        Some([]) => "@".to_owned(),
        _ => names::shown_below(owner.as_ref(), apex),
    }
}

impl Running {
    /// Until when resolvers may ask other name servers for the zone than it will have, if that is after `now`: until then all
    /// must have the same data.
    pub fn hands_over_until(&self, now: Instant) -> Option<Instant> {
        let goes_on = self.run.ending.is_none_or(|ending| ending.kind == EndingKind::Finished);
        let until = self.itinerary.as_ref().filter(|_| goes_on)?.old_servers_until?;
        Some(until).filter(|until| *until > now)
    }

    /// A run that the journal knew when the server was started.
    pub fn known(run: Run, promised: Arc<[Promised]>) -> Running {
        Running { run, timeline: None, promised, itinerary: None, overtaken: None }
    }

    /// What is served until `at`. By when caches have forgotten it is worked out only if `content`, the zone file's,
    /// has changed, or the plan's `file` says something else than what was `armed`: it takes the old zone and that text.
    pub fn past(&self, content: u64, file: Option<&PlanText>, armed: Option<&PlanText>, at: Instant) -> Past {
        let Some(timeline) = &self.timeline else {
            return Past { serial: run::high_water(&self.promised, at), ..Past::default() };
        };
        let served = Serial(timeline.at(at).serial);
        let serial = Some(self.overtaken.filter(|serial| serial.above(served).is_some()).unwrap_or(served));
        let overtaken = self.overtaken.is_some();
        let is_changed = content != self.run.base.zone || file.is_some_and(|text| text.digest() != self.run.plan);
        if self.run.is_over() || !(is_changed || overtaken) {
            return Past { serial, overtaken, ..Past::default() };
        }
        let old = armed.filter(|text| text.digest() == self.run.plan);
        let schedule = old.and_then(|text| timeline::load(timeline.zone(), &text.path, &text.text, &self.run).schedule);
        let kept_until = schedule.as_ref().map(|schedule| schedule.kept_until(at));
        let old_kept_until = schedule.map(|schedule| schedule.old_kept_until(at));
        Past { serial, kept_until, old_kept_until, overtaken }
    }
}

/// A zone as its file says, and where its plan stands.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// The zone.
    pub zone: &'a Zone,
    /// The fingerprint of its file's content.
    pub content: u64,
    /// Whether updates lie over the file.
    pub is_updated: bool,
    /// Where its plan stands.
    pub running: Option<&'a Running>,
}

impl Served<'_> {
    /// What the zone and the `plan` beside it, there since an instant, come to. The text that the run armed is looked for
    /// in the `archive` if the plan's file doesn't say it.
    pub fn follow(
        &self,
        plan: Option<(PlanText, Instant)>,
        archive: impl FnOnce() -> Option<PlanText>,
        now: Instant,
        serving: bool,
    ) -> Outcome {
        let at = now.after(HEADWAY);
        conduct::follow(&self.sources(plan, archive, at), at, serving)
    }

    /// What `decision` comes to; the rest is as with [`Served::follow`].
    ///
    /// # Errors
    /// Why it can't be taken.
    pub fn decide(
        &self,
        plan: Option<(PlanText, Instant)>,
        archive: impl FnOnce() -> Option<PlanText>,
        decision: &Decision,
        by: &str,
        now: Instant,
    ) -> Result<Decided, Refusal> {
        let at = now.after(HEADWAY);
        conduct::decide(&self.sources(plan, archive, at), decision, by, at)
    }

    fn sources(
        &self,
        plan: Option<(PlanText, Instant)>,
        archive: impl FnOnce() -> Option<PlanText>,
        at: Instant,
    ) -> Sources<'_> {
        let Served { zone, content, is_updated, running } = *self;
        let armed = running.and_then(|running| match &plan {
            Some((text, _)) if text.digest() == running.run.plan => Some(text.clone()),
            _ => archive(),
        });
        let past = running
            .map(|running| running.past(content, plan.as_ref().map(|(text, _)| text), armed.as_ref(), at))
            .unwrap_or_default();
        Sources { zone, content, is_updated, plan, run: running.map(|running| &running.run), armed, past }
    }
}

/// What is to be served of a zone from now on, and what must be in the journal first.
#[derive(Debug)]
pub struct News {
    outcome: Outcome,
    itinerary: Option<Itinerary>,
}

impl News {
    /// What `outcome` says. A schedule is large, and is let go of.
    pub fn new(mut outcome: Outcome) -> News {
        let itinerary = outcome.schedule.take().map(Itinerary::of);
        News { outcome, itinerary }
    }

    /// The news of a zone without a plan.
    pub fn plain(timeline: Timeline) -> News {
        let (entries, diagnostics) = (Vec::new(), Vec::new());
        let timeline = Some(timeline);
        News::new(Outcome { entries, plan: None, run: None, schedule: None, timeline, diagnostics })
    }

    /// Who decided it, if that was not by editing the zone file.
    pub fn cause(&self) -> Option<Cause> {
        let entry = self.outcome.entries.last()?;
        Some(Cause { source: Source::Plan, by: format!("{} by {}", entry.event.kind(), entry.by).into() })
    }

    /// What must be in the journal first.
    pub fn entries(&self) -> &[Entry] {
        &self.outcome.entries
    }

    /// What it was made of, but for the schedule.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// What the plan is about.
    pub fn itinerary(&self) -> Option<&Itinerary> {
        self.itinerary.as_ref()
    }

    /// Whether something new is to be served.
    pub fn is_served(&self) -> bool {
        self.outcome.timeline.is_some()
    }

    /// The serial that is served at `now`.
    pub fn serial_at(&self, now: Instant) -> Option<Serial> {
        self.outcome.timeline.as_ref().map(|timeline| Serial(timeline.at(now).serial))
    }

    /// The zone over time, and where its plan stands, if there was ever one that was obeyed; what other zones have too is
    /// `shared` with them.
    pub fn into_parts(self, shared: &mut Shared) -> Option<(Arc<Timeline>, Option<Running>)> {
        let News { outcome: Outcome { run, timeline, .. }, itinerary } = self;
        let timeline = Arc::new(shared.timeline(timeline?));
        let itinerary = itinerary.map(|itinerary| shared.itinerary(itinerary));
        let running = run.map(|run| Running {
            run,
            timeline: Some(timeline.clone()),
            promised: Arc::default(),
            itinerary,
            overtaken: None,
        });
        Some((timeline, running))
    }
}

/// What was armed, for who reads.
#[derive(Debug, Default)]
pub struct Archive {
    store: Mutex<Option<Store>>,
    /// The zones that have a history.
    changed: Mutex<HashSet<Name>>,
}

impl Archive {
    /// What lies in the folder `state`; nothing if nothing does, or it can't be read.
    pub fn open(state: &Path) -> Archive {
        let store = Store::open_read_only(state).unwrap_or_else(|error| {
            tracing::error!("{}", super::run::with_causes(&error));
            None
        });
        let archive = Archive { store: Mutex::new(store), changed: Mutex::default() };
        let changed = archive.read(Store::changed_zones).unwrap_or_default().into_iter().collect();
        Archive { changed: Mutex::new(changed), ..archive }
    }

    /// Whether changes of `apex` are remembered.
    pub fn has_history(&self, apex: &Name) -> bool {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).contains(apex)
    }

    /// From now on changes of `apex` are remembered.
    pub fn remembers(&self, apex: &Name) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if !changed.contains(apex) {
            changed.insert(apex.clone());
        }
    }

    /// The changes of `apex`, the last first, at most `limit`.
    pub fn changes(&self, apex: &Name, limit: usize) -> Vec<Change> {
        self.read(|store| store.changes(apex, limit)).unwrap_or_default()
    }

    /// What went and came with the change `id`.
    pub fn delta(&self, id: i64) -> Option<Vec<u8>> {
        self.read(|store| store.delta(id)).flatten()
    }

    /// Whether there is a journal.
    pub fn is_there(&self) -> bool {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The text that the present run of `apex` armed.
    pub fn plan_text(&self, apex: &Name) -> Option<PlanText> {
        self.read(|store| store.plan_text(apex)).flatten()
    }

    /// What happened to the runs of `apex`, the oldest first, each with the number of its run.
    pub fn entries(&self, apex: &Name) -> Vec<(i64, Entry)> {
        self.read(|store| store.entries(apex)).unwrap_or_default()
    }

    /// The present run of `apex`.
    pub fn run_of(&self, apex: &Name) -> Option<(Run, Vec<Promised>)> {
        self.read(|store| store.run_of(apex)).flatten()
    }

    /// What is kept of `apex`, a zone that is fetched.
    pub fn received(&self, apex: &Name) -> Option<Kept> {
        self.read(|store| store.received(apex)).flatten()
    }

    /// What is kept of `apex`, which is fetched as a member of a catalog zone.
    pub fn received_of_member(&self, apex: &Name) -> Option<Kept> {
        self.read(|store| store.received_of_member(apex)).flatten()
    }

    fn read<T, E: std::error::Error + 'static>(&self, read: impl FnOnce(&Store) -> Result<T, E>) -> Option<T> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        read(store.as_ref()?).map_err(|error| tracing::error!("{}", super::run::with_causes(&error))).ok()
    }
}
