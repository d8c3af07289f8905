//! The one owner of what is served: events in, effects out.
//!
//! ```text
//!           ┌─ seen ──► settling ──┐
//!  files ───┤                      ├─► queued ─► loading ─► loaded ─► journalled ─► published
//!           └─ scanned ────────────┘      ▲                    │            ▲
//!                                         └── changed meanwhile┘            │
//!  a person ─► asked ─► considered ─────────────────────────────────────────┘
//! ```
//!
//! Nothing here reads a file, a clock or a socket: what must be done comes out as an [`Effect`], and
//! what came of it goes in as an [`Event`]. So every order of events can be tried on a virtual clock.
//!
//! 1. A zone that can't be loaded leaves in service what was served. One that never could be is
//!    answered with SERVFAIL.
//! 2. A zone whose file has gone is served for the grace, then dropped. If the whole folder has
//!    gone, nothing is dropped: that is a mount or a deployment, not a wish.
//! 3. A zone is read by one loader at a time; a change meanwhile makes it read again.
//! 4. At most [`LOADING_MAX`] zones are with the loaders; the others wait here as names.
//! 5. While many load, what is loaded is published every [`PUBLISH_EVERY`] and then more rarely; a
//!    single one at once.
//! 6. No effect here is needed for a right answer at an instant: flips stand in the timelines. The
//!    owner only says that one has happened.
//! 7. What is decided about a run, by its files or by a person, is in the journal before anything of it is served. Until
//!    then nobody else touches that zone: it counts as being read. And a person is told that it is done when it is
//!    served.
//! 8. Secondaries are told of a change after it is served (`inform`).

mod attend;
mod decide;
mod due;
mod event;
mod fetched;
mod folders;
mod inform;
mod journalled;
mod keep;
mod listing;
mod members;
mod passing;
mod portfolio;
mod promote;
mod publish;
mod update;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::catalog_zone::{Consumers, Producers};
use super::followers::Followers;
use super::history::{Before, Cause, Passage};
use super::load::{Loaded, Outcome, Request};
use super::lookout::Lookout;
use super::names::{self, NameMap};
use super::notifier::Notifier;
use super::portfolio::Portfolios;
use super::registry::{Count, Phase, Registry, Standing};
use super::report::{Report, Reporter, ServedAnew};
use super::running::{News, Running};
use super::secondary::Secondaries;
use super::settle::{Change, Settling};
use super::shared::Shared;
use super::store::Record;
use super::tree::{self, Files};
use super::updates::keep::Keep;
use super::updates::{Overlaid, Petitioned, Said};
use super::watch::Seen;
use crate::clock;
use crate::timeline::conduct;
use crate::timeline::run::{Entry, Event as RunEvent};
use crate::timeline::{Serial, Timeline};
use crate::wire::Name;
pub(super) use attend::BY_GATES;
use due::Due;
pub use event::{Act, Answer, Asked, Consider, Considered, Effect, Event, Scanned, Service, Ticket};
use journalled::Pending;
use update::lay;

/// The most zones that are with the loaders at one time.
pub const LOADING_MAX: usize = 512;
/// The most zones that one loader takes at one time.
const CHUNK_MAX: usize = 32;
/// The most questions of people that wait for their zone.
const ASKED_MAX: usize = 64;
/// How often what is loaded is published while more is loading.
pub const PUBLISH_EVERY: Duration = Duration::from_millis(50);
/// How rarely it becomes at most.
const PUBLISH_RARELY: Duration = Duration::from_secs(10);
/// How often the folder is looked at if it can't be watched, or can't be read.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How many zones must have been handled at once for it to be worth giving memory back afterwards.
const TIDY_FROM: usize = 1000;
/// How long after that: the catalogs that were replaced must have been let go of.
const TIDY_AFTER: Duration = Duration::from_millis(400);

/// The owner of what is served.
#[derive(Debug)]
pub struct Owner {
    top: Arc<Path>,
    zones: Registry,
    files: Settling<PathBuf>,
    folders: Settling<PathBuf>,
    /// Folders that are being read; true if one must be read again.
    scanning: HashMap<PathBuf, bool>,
    queue: VecDeque<Name>,
    loading: usize,
    unpublished: Vec<(Name, Service)>,
    /// What is to be told of passages from edition to edition.
    passages: Vec<Passage>,
    /// When something was published last; `None` if it is time to.
    published_at: Option<Instant>,
    publish_every: Duration,
    /// The zones whose plan is or was obeyed.
    running: NameMap<Arc<Running>>,
    /// When their timelines change next.
    changes: BTreeSet<Due>,
    /// When the telling of changes goes on, if there are too many for one time.
    tell_at: Option<Instant>,
    shared: Shared,
    pending: NameMap<Pending>,
    asked: VecDeque<Asked>,
    followers: Followers,
    notifier: Notifier,
    lookout: Lookout,
    secondaries: Secondaries,
    /// Whose zones we have because catalog zones list them.
    consumers: Consumers,
    /// Catalog zones that list zones of ours.
    producers: Producers,
    /// Where those are that have no files.
    nowhere: Arc<Path>,
    /// Whether a plan has taken a step that the journal does not know to be reached.
    has_stepped: bool,
    /// Whose decisions are carried out with what is published next.
    done: Vec<(Ticket, Answer)>,
    /// Of zones without a plan that a patch lies over, what is served; [`Known::zone`](super::registry::Known::zone) is
    /// without it.
    amended: NameMap<Arc<Timeline>>,
    /// What updates have made of zones.
    overlaid: NameMap<Arc<Overlaid>>,
    /// Requests for updates that wait for their zone.
    waiting: NameMap<VecDeque<Petitioned>>,
    /// Those that are answered with what is published next.
    said: Vec<(Petitioned, Said)>,
    /// Questions about zones that are updated which wait for their zone.
    keeping: Vec<Keep>,
    /// Those about zones that become ours, which wait for what their primaries say.
    promoting: Vec<promote::Waiting>,
    written_twice: HashSet<Name>,
    portfolios: Portfolios,
    /// Zones that go on with what a portfolio armed that can't be used.
    kept: HashSet<Name>,
    /// What was said of portfolios last.
    said_of_portfolios: HashSet<String>,
    reporter: Reporter,
    loaders: usize,
    /// How many zones were found or loaded since the last rest.
    handled: usize,
    tidy_at: Option<Instant>,
    is_ready: bool,
    is_watched: bool,
    anew: bool,
}

impl Owner {
    /// Owns what is in the folder `top`, with so many `loaders` at hand and so much `grace` for what is gone. `running`
    /// is what the journal knows.
    pub fn new(top: &Path, loaders: usize, grace: Duration, running: NameMap<Arc<Running>>) -> Owner {
        Owner {
            top: top.into(),
            zones: Registry::default(),
            files: Settling::new(grace),
            folders: Settling::new(grace),
            scanning: HashMap::new(),
            queue: VecDeque::new(),
            loading: 0,
            unpublished: Vec::new(),
            passages: Vec::new(),
            published_at: None,
            publish_every: PUBLISH_EVERY,
            running,
            changes: BTreeSet::new(),
            tell_at: None,
            shared: Shared::default(),
            pending: NameMap::default(),
            asked: VecDeque::new(),
            followers: Followers::default(),
            notifier: Notifier::default(),
            lookout: Lookout::default(),
            secondaries: Secondaries::default(),
            consumers: Consumers::default(),
            producers: Producers::default(),
            nowhere: Path::new("").into(),
            has_stepped: false,
            done: Vec::new(),
            amended: NameMap::default(),
            overlaid: NameMap::default(),
            waiting: NameMap::default(),
            said: Vec::new(),
            keeping: Vec::new(),
            promoting: Vec::new(),
            written_twice: HashSet::new(),
            portfolios: Portfolios::default(),
            kept: HashSet::new(),
            said_of_portfolios: HashSet::new(),
            reporter: Reporter::default(),
            loaders: loaders.max(1),
            handled: 0,
            tidy_at: None,
            is_ready: false,
            is_watched: true,
            anew: false,
        }
    }

    /// Whether from now on somebody wants to be told what becomes of plans.
    pub fn notify(&mut self, wanted: bool) {
        self.reporter.notify(wanted);
    }

    /// The first thing to do.
    pub fn start(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.scan(self.top.to_path_buf(), &mut effects);
        effects
    }

    /// Takes note of `event`, and of the time; returns what must be done.
    pub fn handle(&mut self, event: Event, now: Instant, clock: clock::Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Seen(all) => all.into_iter().for_each(|seen| self.seen(seen, now)),
            Event::Scanned(scanned) => self.scanned(scanned, now, &mut effects),
            Event::Loaded(all) => {
                self.all_loaded(all, clock, &mut effects);
                self.ask_again(&mut effects);
            }
            Event::Journalled { apexes, failure } => {
                for apex in apexes {
                    self.journalled(&apex, failure.as_deref(), clock, &mut effects);
                }
            }
            Event::Petitioned(all) => self.petitioned(all),
            Event::Keep(keep) => self.keep(keep, &mut effects),
            Event::Synced(keep, result) => self.synced(&keep, result, &mut effects),
            Event::Promote(promote) => self.promote(promote, now, clock, &mut effects),
            Event::Prepared(prepared) => self.prepared(prepared, &mut effects),
            Event::Settled(prepared, result) => self.settled(prepared, result, clock, &mut effects),
            Event::Updated(updated) => self.updated(updated, &mut effects),
            Event::Asked(asked) => self.asked(asked, &mut effects),
            Event::Considered(considered) => self.considered(considered, &mut effects),
            Event::Said { apex, server, said } => {
                if let Some(serial) = self.followers.said(&apex, server, said) {
                    self.reporter.say(Report::followed(&apex, serial));
                }
            }
            Event::Looked { apex, number, verdict } => {
                let due = self.lookout.looked(&apex, number, verdict, clock);
                self.attend(due, clock, &mut effects);
            }
            Event::Informed(notice, heard) => {
                let report = self.notifier.heard(&notice, heard, now);
                report.into_iter().for_each(|report| self.reporter.say(report));
            }
            Event::Notified(all) => self.notified(all, clock),
            Event::Fetched(fetched) => self.fetched(*fetched, clock),
            Event::Drawn(drawn) => self.drawn(*drawn, clock),
            Event::PortfolioRead(path, reading) => self.portfolio_read(&path, &reading),
            Event::Reread => {
                self.anew = true;
                self.secondaries.try_again(clock);
                self.scan(self.top.to_path_buf(), &mut effects);
            }
            Event::Grace(grace) => {
                self.files.set_grace(grace);
                self.folders.set_grace(grace);
            }
            Event::Tick => {}
        }
        for path in self.files.due(now) {
            match is_portfolio(&path) {
                true => effects.push(Effect::ReadPortfolio(path.into())),
                false => self.file_is_due(&path, now),
            }
        }
        for folder in self.folders.due(now) {
            self.scan(folder, &mut effects);
        }
        self.say_what_changed(now, clock);
        if std::mem::take(&mut self.has_stepped) {
            effects.push(Effect::Reached(clock));
        }
        self.see_who_follows(clock, &mut effects);
        self.look_out(clock, &mut effects);
        self.members_are_due(clock, &mut effects);
        self.fetch(clock, &mut effects);
        self.load(&mut effects);
        effects.extend(self.passages.drain(..).map(|passage| Effect::Pass(Box::new(passage))));
        self.publish(now, clock, &mut effects);
        self.keep_again(&mut effects);
        self.promote_again(now, &mut effects);
        self.update(&mut effects);
        self.get_ready((now, clock), &mut effects);
        self.draw(now, &mut effects);
        self.tell_secondaries(now, &mut effects);
        if self.queue.is_empty() && self.loading == 0 && self.tell_at.is_none() && !self.secondaries.is_crowded() {
            self.reporter.rest();
            if std::mem::take(&mut self.handled) >= TIDY_FROM {
                self.tidy_at = Some(now + TIDY_AFTER);
            }
        }
        if self.tidy_at.is_some_and(|at| at <= now) {
            self.tidy_at = None;
            effects.push(Effect::Tidy);
        }
        effects.extend(self.reporter.take().into_iter().map(Effect::Report));
        effects.extend(self.reporter.notices().into_iter().map(Effect::Notify));
        effects
    }

    /// When to call [`Owner::handle`] with a [`Event::Tick`] at the latest, of the deadlines of this machine.
    pub fn next_tick(&self) -> Option<Instant> {
        let publish = self.published_at.filter(|_| !self.unpublished.is_empty()).map(|at| at + self.publish_every);
        let (told, promotion) = (self.next_told(), self.next_promotion());
        let all = [self.files.next(), self.folders.next(), publish, self.tidy_at, self.tell_at, told, promotion];
        all.into_iter().chain([self.next_draw()]).flatten().min()
    }

    /// When to do so of the instants of plans.
    pub fn next_change(&self) -> Option<clock::Instant> {
        let change = self.changes.first().map(|due| due.at).filter(|_| self.tell_at.is_none());
        let next = [self.followers.next(), self.lookout.next(), self.secondaries.next(), self.consumers.next()];
        [change].into_iter().chain(next).flatten().min()
    }

    /// How many zones stand how.
    pub fn counts(&self) -> Count {
        self.zones.counts()
    }

    fn seen(&mut self, seen: Seen, now: Instant) {
        match seen {
            Seen::File(path, change) => {
                if path.file_name().is_some_and(|name| name == "..data") {
                    // How Kubernetes replaces all files of a volume at once: each is a link through this one.
                    let folder = path.parent().unwrap_or(&self.top).to_owned();
                    self.folders.saw(folder, Change::Whole, now);
                } else if self.is_ours(&path) {
                    self.files.saw(path, change, now);
                }
            }
            Seen::Touched(path) => {
                if self.is_ours(&path) {
                    self.files.touched(path, now);
                }
            }
            Seen::Folder(path) => {
                // If it is the top one itself, what stands there from now on is another folder.
                self.anew |= *path == *self.top;
                self.folders.saw(path, Change::Created, now);
            }
            Seen::Missed => {
                self.anew = true;
                self.folders.saw(self.top.to_path_buf(), Change::Created, now);
            }
            Seen::Unwatched(why) => {
                self.reporter.say(Report::unwatched(&why));
                self.is_watched = false;
                self.look_again(now);
            }
        }
    }

    fn is_ours(&self, path: &Path) -> bool {
        let is_named = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| names::split(name).is_some());
        is_named || is_portfolio(path) || !self.zones.including(path).is_empty()
    }

    fn look_again(&mut self, now: Instant) {
        self.folders.by(self.top.to_path_buf(), now + LOOK_AGAIN);
    }

    /// A file has been quiet for long enough: read what depends on it.
    fn file_is_due(&mut self, path: &Path, now: Instant) {
        for apex in self.zones.including(path) {
            self.enqueue(&apex);
        }
        let Some((stem, role)) = path.file_name().and_then(|name| name.to_str()).and_then(names::split) else { return };
        let apex = match names::apex(stem) {
            Ok(apex) => apex,
            Err(error) => return self.reporter.say(Report::of_fault(tree::name_fault(path, &error))),
        };
        let folder: Arc<Path> = match self.zones.get(&apex) {
            Some(known) if Some(&*known.files.folder) == path.parent() => known.files.folder.clone(),
            _ => path.parent().unwrap_or(&self.top).into(),
        };
        let place = Files { portfolio: self.portfolios.of(&apex), ..tree::files(&folder, &apex, stem) };
        let known = self.zones.insert(apex.clone(), place.clone());
        if (&known.files.folder, &known.files.spelled) != (&place.folder, &place.spelled) {
            // The zone has a file elsewhere; only a look at all of them says which counts.
            return self.folders.saw(self.top.to_path_buf(), Change::Created, now);
        }
        known.files.set(role);
        if self.written_twice.contains(&apex) {
            // Should this file have gone, another counts from now on: looking at all of them finds it.
            return self.folders.by(self.top.to_path_buf(), now);
        }
        self.say_if_two_plans(&apex);
        self.enqueue(&apex);
    }

    fn enqueue(&mut self, apex: &Name) {
        let Some(known) = self.zones.get_mut(apex) else { return };
        match known.phase {
            Phase::Idle => {
                known.phase = Phase::Queued;
                self.queue.push_back(apex.clone());
            }
            Phase::Loading => known.phase = Phase::LoadingAgain,
            Phase::Queued | Phase::LoadingAgain => {}
        }
    }

    /// Hands waiting zones to the loaders (rule 4).
    fn load(&mut self, effects: &mut Vec<Effect>) {
        if !self.is_ready && !self.queue.is_empty() && self.loading == 0 && self.zones.counts() == Count::default() {
            // The names are known and nothing is loaded yet: say SERVFAIL, not REFUSED.
            self.unpublished.extend(self.queue.iter().map(|apex| (apex.clone(), Service::Failed)));
            self.published_at = None;
        }
        while self.loading < LOADING_MAX && !self.queue.is_empty() {
            let chunk = (self.queue.len() / (self.loaders * 4)).clamp(1, CHUNK_MAX);
            let mut requests = Vec::with_capacity(chunk);
            while requests.len() < chunk {
                let Some(apex) = self.queue.pop_front() else { break };
                let Some(known) = self.zones.get_mut(&apex) else { continue };
                known.phase = Phase::Loading;
                requests.push(Request {
                    files: known.files.clone(),
                    serving: known.is_served().then_some(known.content),
                    base: known.zone.clone(),
                    running: self.running.get(&apex).cloned(),
                    overlaid: self.overlaid.get(&apex).cloned(),
                    member: known.files.is_member.then(|| self.consumers.fetched_from(&apex)).flatten(),
                    apex,
                });
            }
            self.loading += requests.len();
            effects.push(Effect::Load(requests));
        }
        if self.queue.is_empty() {
            self.queue.shrink_to_fit();
        }
    }

    /// Nobody reads the zone any more; whether it changed meanwhile.
    fn is_read(&mut self, apex: &Name) -> bool {
        self.loading = self.loading.saturating_sub(1);
        let Some(known) = self.zones.get_mut(apex) else { return false };
        let again = std::mem::replace(&mut known.phase, Phase::Idle) == Phase::LoadingAgain;
        if again {
            known.phase = Phase::Queued;
            self.queue.push_back(apex.clone());
        }
        again
    }

    fn loaded(&mut self, loaded: Loaded, clock: clock::Instant) {
        let Loaded { apex, outcome, disk, plan, kept, includes, faults, laid } = loaded;
        self.handled += 1;
        let again = self.is_read(&apex);
        if again && matches!(outcome, Outcome::Gone) {
            // It may have come back meanwhile.
            return;
        }
        self.note_kept(&apex, kept);
        self.producers.touch(&apex);
        let Some(known) = self.zones.get_mut(&apex) else { return };
        let (before, serial) = (known.standing, known.serial);
        let serving = known.is_served().then_some(serial);
        known.files.disk = disk;
        // A plan that has come meanwhile was not looked for: it will be.
        known.files.plan = plan || again && known.files.plan;
        if known.has_includes() || !includes.is_empty() {
            self.zones.set_includes(&apex, includes);
        }
        if matches!(outcome, Outcome::Ready { .. } | Outcome::Gone) {
            self.is_fetched_no_more(&apex, clock);
        }
        if matches!(outcome, Outcome::Ready { .. } | Outcome::Gone | Outcome::Secondary { .. }) {
            self.produces_no_more(&apex);
        }
        let Some((known, count)) = self.zones.get_to_stand(&apex) else { return };
        match outcome {
            Outcome::Secondary { from, found, remembered, content } => {
                known.content = content;
                self.is_fetched(apex, from, (found, remembered), faults, clock);
            }
            Outcome::Catalog { listing, found, content } => {
                known.content = content;
                self.produces(apex, listing, found, faults, clock);
            }
            Outcome::Ready { news, content, before } => {
                let zone_changed = known.content.zone != content.zone;
                let is_same =
                    matches!(&before, Before::Since(since) if Self::is_as_served(self.amended.get(&apex), since));
                let change = ServedAnew {
                    before: serving,
                    after: news.serial_at(clock).unwrap_or(serial),
                    zone_changed: zone_changed && !is_same,
                    is_first_look: !self.is_ready,
                };
                lay(&mut self.overlaid, &apex, laid);
                known.content = content;
                known.stand(Standing::Served, count);
                let cause = passing::cause(&apex, &known.files, &news, zone_changed);
                self.reporter.served(&apex, &change, faults);
                self.serve(apex, *news, before, cause, clock);
            }
            Outcome::Unchanged => {
                known.stand(Standing::Served, count);
                if before != Standing::Served {
                    self.reporter.say(Report::mended(&apex, serial));
                }
            }
            Outcome::Unusable => {
                known.stand(if serving.is_some() { Standing::Stale } else { Standing::Failed }, count);
                self.reporter.unusable(&apex, serving, faults);
                if before == Standing::New {
                    self.unpublished.push((apex, Service::Failed));
                }
            }
            Outcome::Gone => {
                self.zones.remove(&apex);
                self.amended.remove(&apex);
                self.follow(&apex, None, clock);
                self.reporter.gone(&apex, before != Standing::New, "its file has gone", faults);
                self.unpublished.push((apex.clone(), Service::Gone));
                self.is_vacant(&apex, clock);
            }
        }
    }

    /// Serves what is new, and in the journal as far as it belongs there: from where, and `before` what it is known to differ.
    fn serve(&mut self, apex: Name, news: News, before: Before, cause: Cause, clock: clock::Instant) {
        for entry in news.entries() {
            self.reporter.happened(&apex, entry, news.itinerary());
        }
        let overtaken = self.overtaken(&apex, &news, clock);
        let Some((timeline, mut running)) = news.into_parts(&mut self.shared) else { return };
        self.say_if_handed_over(&apex, running.as_ref(), (&before, &cause), &timeline, clock);
        self.pass(&apex, (&timeline, running.as_ref()), before, cause, clock);
        if let Some(known) = self.zones.get_mut(&apex) {
            known.serial = Serial(timeline.at(clock).serial);
            known.zone = Some(timeline.zone().clone());
        }
        self.is_amended(&apex, &timeline, running.is_none());
        if let (Some(serial), Some(running)) = (overtaken, &mut running) {
            running.overtaken = Some(serial);
            self.enqueue(&apex);
        }
        self.has_stepped |= running.is_some();
        self.follow(&apex, running, clock);
        self.expect_followers(&apex, timeline.at(clock), clock);
        self.unpublished.push((apex, Service::Timeline(timeline)));
    }

    /// The serial that is served, if it is that of a step which `entries` should have come before: the journal took longer
    /// than a decision has headway.
    ///
    /// So it is if what was decided should have been served already, and nobody's old answer was known to be given so
    /// late.
    fn overtaken(&self, apex: &Name, news: &News, clock: clock::Instant) -> Option<Serial> {
        let counts_from = news.entries().first()?.at;
        let timeline = self.running.get(apex)?.timeline.as_ref()?;
        let steps_by_now = |timeline: &Timeline| timeline.next_change(counts_from).is_some_and(|at| at <= clock);
        let goes_on = news.entries().iter().any(|entry| matches!(entry.event, RunEvent::Passed { .. }));
        let is_late = goes_on && news.outcome().timeline.as_ref().is_some_and(steps_by_now);
        (steps_by_now(timeline) || is_late).then(|| Serial(timeline.at(clock).serial))
    }

    /// Remembers where the plan of `apex` stands, and when its timeline changes next.
    fn follow(&mut self, apex: &Name, running: Option<Running>, clock: clock::Instant) {
        if let Some(timeline) = self.running.get(apex).and_then(|old| old.timeline.as_ref()) {
            for edition in timeline.editions() {
                self.changes.remove(&Due { at: edition.from, timeline: timeline.clone() });
            }
        }
        match running {
            Some(running) => {
                let guard = running.itinerary.as_ref().and_then(|plan| plan.guard.as_ref());
                self.lookout.keep(apex, guard, &running.run, clock);
                self.changes.extend(running.timeline.as_ref().and_then(|timeline| Due::after(clock, timeline)));
                self.running.insert(apex.clone(), Arc::new(running));
            }
            // The journal goes on knowing what was served of a zone that has gone.
            None => {
                self.lookout.forget(apex);
                if let Some(running) = self.running.get_mut(apex) {
                    let running = Arc::make_mut(running);
                    running.promised =
                        running.timeline.take().iter().flat_map(|timeline| timeline.promised()).collect();
                }
            }
        }
    }
}

fn is_portfolio(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(names::is_portfolio)
}

/// What the journal must have of `outcome` before it is served.
fn recorded(apex: &Name, outcome: &conduct::Outcome) -> Vec<Record> {
    let promised: Vec<_> = outcome.timeline.iter().flat_map(Timeline::promised).collect();
    let record = |(at, entry): (usize, &Entry)| Record {
        apex: apex.clone(),
        entry: entry.clone(),
        plan: outcome.plan.clone().filter(|_| at == 0),
        promised: promised.clone(),
    };
    outcome.entries.iter().enumerate().map(record).collect()
}

#[cfg(test)]
mod tests;
