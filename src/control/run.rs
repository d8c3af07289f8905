//! The rim around the owner: threads, files and signals; carries out its effects.
//!
//! ```text
//! signals ──┐                        ┌─► loaders (one a core) ──┐
//! watch ────┤                        ├─► scans                  │
//! socket ───┼─► one queue ─► owner ──┼─► journal (one thread) ──┼─► the queue
//! loaders ──┘                        └─► catalog ─► workers     │
//!     ▲──────────────────────────────────────────────────────────┘
//! ```
//!
//! The queue is bounded by what feeds it: the watch puts in one word however much it has seen, the
//! owner has at most so many zones with the loaders and the journal, a signal is one word, and so is a question; those
//! the socket bounds.

mod inform;
mod promote;
mod questions;
mod update;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::catalog_zone::Consumers;
use super::desk::ClockState;
use super::discipline;
use super::gathering::Gathering;
use super::herald::Herald;
use super::history::{self, Keeper};
use super::include;
use super::load::{Loader, Request};
use super::lookout::Look;
use super::memory;
use super::metrics::{self, Fetches, Figures, Loads, Updates};
use super::names::NameMap;
use super::notifier::Told;
use super::owner::{Effect, Event, Owner, Scanned, Service, Ticket};
use super::portfolio::{self, Reading};
use super::promotion::{self, Listens};
use super::registry::Count;
use super::report::{Level, Report};
use super::running::{Archive, Running};
use super::secondary::{Fetch, Fetcher};
use super::settings::Notify;
use super::shared::Shared;
use super::socket::{self, Caller};
use super::store::promotion::{Ended, Promotion};
use super::store::{Record, Store, StoreError};
use super::tree::Tree;
use super::updates::{self, Written};
use super::watch::{Inbox, Watch};
use crate::answer::{Catalog, Rights, Served};
use crate::clock::{self, Pace, Ratchet, Step};
use crate::diag;
use crate::net::{Meter, Notices, Published, ask, probe};
use crate::timeline::run::EndingKind;
use crate::wire::Name;
use inform::Informer;

/// The longest time that is slept in one piece: a step of the clock is seen after it at the latest.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// The most events that are put into the journal in one go.
const RECORDS_MAX: usize = 4096;

/// How many secondaries are asked at one time.
const ASKERS: usize = 4;
/// The most questions about many zones at one time.
const GATHERINGS_MAX: usize = 8;

/// What is asked of a running server from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Look at every file again: SIGHUP.
    Reread,
    /// End: SIGTERM, SIGINT.
    Stop,
}

/// What can be changed while the server runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most octets of one zone file.
    pub zone_file_size: u64,
    /// How long a zone is served after its file has gone.
    pub removal_grace: Duration,
    /// Which secondaries are told of changes.
    pub told: Told,
    /// Who is told what becomes of plans.
    pub notify: Notify,
}

/// A way to ask something of a running server.
#[derive(Clone, Debug)]
pub struct Handle {
    queue: Sender<Word>,
}

impl Handle {
    /// Asks. Nobody hears it after the end.
    pub fn ask(&self, ask: Ask) {
        _ = self.queue.send(Word::Ask(ask));
    }

    /// Asks for what is worth a number; who hears nothing asks a server that ends.
    pub fn figures(&self) -> oneshot::Receiver<Figures> {
        let (sender, figures) = oneshot::channel();
        _ = self.queue.send(Word::Figures(sender));
        figures
    }
}

impl socket::Handler for Handle {
    fn handle(&self, request: socket::Request, caller: Caller) {
        _ = self.queue.send(Word::Question(request, caller));
    }
}

/// What is to be put into the journal.
#[derive(Debug)]
enum Note {
    Records(Vec<Record>),
    Updates(Vec<Record>, Vec<Written>),
    /// A zone becomes ours: nothing that updates made of it before counts any more.
    Promotion(Promotion),
    Ended(Name, Ended),
    Reached(clock::Instant),
}

/// What comes to the owner's thread.
#[derive(Debug)]
enum Word {
    Event(Event),
    /// The inbox of the watch has something.
    Watched,
    /// That of requests for updates has.
    Petitioned,
    /// A primary has said something.
    Notified,
    Ask(Ask),
    Question(socket::Request, Caller),
    Figures(oneshot::Sender<Figures>),
}

/// Keeps a catalog as a folder says.
pub struct Control {
    owner: Owner,
    top: Arc<Path>,
    limits: Limits,
    loader: Arc<Loader>,
    archive: Arc<Archive>,
    history: (history::Limits, Keeper),
    journal: Sender<Note>,
    questions: Sender<(Name, SocketAddr)>,
    informer: Informer,
    rights: Arc<Published<Rights>>,
    callers: HashMap<Ticket, (Caller, bool)>,
    /// Questions about many zones, by their number, and to which a ticket belongs.
    gatherings: BTreeMap<u64, Gathering>,
    parts: HashMap<Ticket, (u64, Name)>,
    tickets: u64,
    /// Whether a zone could not be asked for just now.
    is_busy: bool,
    pace: Pace,
    started: Instant,
    stepped: Option<Step>,
    catalog: Catalog,
    published: Arc<Published<Catalog>>,
    meter: Arc<Meter>,
    notices: Arc<Notices>,
    fetcher: Option<Fetcher>,
    listens: Listens,
    /// Zones that have become ours, and whose other file could not be put aside.
    promoted: Arc<HashSet<Name>>,
    loads: Loads,
    updates: Updates,
    fetches: Fetches,
    rereads: u64,
    clock: Arc<Ratchet>,
    queue: (Sender<Word>, Receiver<Word>),
    herald: Option<Herald>,
    inbox: Arc<Inbox>,
    petitions: Arc<updates::Inbox>,
    watch: Arc<Mutex<Option<Watch>>>,
}

impl Control {
    /// Will keep `published` as the folder `top` says, and what is decided in `store`, which lies in the folder `state`;
    /// what is answered from it is counted by `meter`. Secondaries are told of changes with the keys of `rights`.
    /// Of what changes as much is remembered as `history` says.
    ///
    /// # Errors
    /// [`StoreError`] if the journal can't be read.
    pub fn new(
        (top, state): (&Path, &Path),
        limits: Limits,
        mut store: Store,
        (published, rights): (Arc<Published<Catalog>>, Arc<Published<Rights>>),
        (clock, meter): (Arc<Ratchet>, Arc<Meter>),
        history: history::Limits,
    ) -> Result<Control, StoreError> {
        let promoted = Arc::new(promotion::recover(&mut store, top)?);
        let (mut running, mut shared) = (NameMap::<Arc<Running>>::default(), Shared::default());
        store.each_run(|apex, run, promised| {
            running.insert(apex, Arc::new(Running::known(run, shared.promises(promised))));
        })?;
        let archive = Arc::new(Archive::open(state));
        let overlaid = store.overlays()?;
        let queue = mpsc::channel();
        let waker = queue.0.clone();
        let wake = move || _ = waker.send(Word::Petitioned);
        let members = Consumers::known(store.members()?, clock.now());
        let mut owner = Owner::new(top, rayon::current_num_threads(), limits.removal_grace, running);
        owner.inform(limits.told.clone(), Instant::now());
        Ok(Control {
            owner: owner.with_overlaid(overlaid).with_members(members),
            petitions: Arc::new(updates::Inbox::new(clock.clone(), wake)),
            top: top.into(),
            loader: {
                let loader = Loader::new(top, limits.zone_file_size, archive.clone());
                Arc::new(loader.with_history(history).with_promoted(promoted.clone()))
            },
            history: (history, Keeper::new(history, &store, &archive)?),
            limits,
            archive,
            journal: keep_journal(store, queue.0.clone()),
            questions: ask_serials(queue.0.clone()),
            informer: inform::start(queue.0.clone(), clock.clone()),
            rights,
            callers: HashMap::new(),
            gatherings: BTreeMap::new(),
            parts: HashMap::new(),
            tickets: 0,
            is_busy: false,
            pace: Pace::default(),
            started: Instant::now(),
            stepped: None,
            catalog: Catalog::default(),
            published,
            meter,
            notices: Arc::default(),
            fetcher: None,
            listens: Arc::default(),
            promoted,
            loads: Loads::default(),
            updates: Updates::default(),
            fetches: Fetches::default(),
            rereads: 0,
            clock,
            queue,
            herald: None,
            inbox: Arc::default(),
            watch: Arc::default(),
        })
    }

    /// From now on `herald` is told what becomes of plans, or nobody. What another was told before, that one still tells.
    pub fn notify(&mut self, herald: Option<Herald>) {
        self.owner.notify(herald.is_some());
        self.herald = herald;
    }

    /// What remembers changes of zones beyond what is in memory.
    pub fn memory(&self) -> history::Reader {
        history::Reader::new(self.archive.clone())
    }

    /// Where requests for updates are to be left.
    pub fn updates(&self) -> Arc<updates::Inbox> {
        self.petitions.clone()
    }

    /// From now on zones are fetched by `fetcher`, and `notices` is where primaries are heard.
    pub fn fetch(&mut self, fetcher: Fetcher, notices: Arc<Notices>) {
        let queue = self.queue.0.clone();
        notices.on_first(move || _ = queue.send(Word::Notified));
        (self.fetcher, self.notices) = (Some(fetcher), notices);
    }

    /// From now on people are told that this server is reached at `addresses`.
    pub fn listens(&mut self, addresses: &[SocketAddr]) {
        self.listens = addresses.into();
    }

    /// A way to ask something of this while it runs.
    pub fn handle(&self) -> Handle {
        Handle { queue: self.queue.0.clone() }
    }

    /// Runs until it is asked to stop. `ready` is called once, when every zone that was there at the start has been
    /// read; `limits` whenever somebody asks to look at everything again.
    pub fn run(mut self, ready: impl FnOnce(Count), mut limits: impl FnMut() -> Option<Limits>) {
        let mut ready = Some(ready);
        let effects = self.owner.start();
        self.carry_out(effects, &mut ready);
        loop {
            let event = match self.queue.1.recv_timeout(self.sleep()) {
                Ok(Word::Event(event)) => {
                    match &event {
                        Event::Loaded(all) => all.iter().for_each(|loaded| self.loads.add(loaded)),
                        Event::Fetched(fetched) => self.fetches.add(fetched),
                        _ => {}
                    }
                    event
                }
                Ok(Word::Petitioned) => Event::Petitioned(self.petitions.take()),
                Ok(Word::Watched) => Event::Seen(self.inbox.take()),
                Ok(Word::Notified) => Event::Notified(self.notices.take()),
                Ok(Word::Ask(Ask::Stop)) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(Word::Ask(Ask::Reread)) => {
                    tracing::info!("asked to look at every file again");
                    self.rereads += 1;
                    self.fetcher.iter().for_each(Fetcher::reread);
                    if let Some(limits) = limits() {
                        self.limit(limits, &mut ready);
                    }
                    Event::Reread
                }
                Ok(Word::Question(request, caller)) => match self.asked(&request, caller) {
                    Some(event) => event,
                    // What it asks of many zones is asked below.
                    None if !self.gatherings.is_empty() => Event::Tick,
                    None => continue,
                },
                Ok(Word::Figures(caller)) => {
                    // Who has gone no longer wants to know.
                    _ = caller.send(self.figures(ready.is_none()));
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => Event::Tick,
            };
            self.look_at_clock();
            self.tell(event, &mut ready);
            self.gather(&mut ready);
        }
        self.history.1.finish();
        // The process ends: freeing a hundred thousand zones one by one would only delay it.
        std::mem::forget(self);
    }

    fn tell(&mut self, event: Event, ready: &mut Option<impl FnOnce(Count)>) {
        let effects = self.owner.handle(event, Instant::now(), self.clock.now());
        self.carry_out(effects, ready);
    }

    fn limit(&mut self, limits: Limits, ready: &mut Option<impl FnOnce(Count)>) {
        if self.limits.told != limits.told {
            self.owner.inform(limits.told.clone(), Instant::now());
        }
        // In the file of a secret there may be another by now.
        if self.limits.notify != limits.notify || limits.notify.secret_file.is_some() {
            match Herald::start(&limits.notify) {
                Ok(herald) => {
                    tracing::info!("who is told what becomes of plans was read anew");
                    self.notify(herald);
                }
                Err(error) => tracing::error!("{}: who is told of plans stays as it was", with_causes(&error)),
            }
        }
        self.limits = limits;
        self.tell(Event::Grace(self.limits.removal_grace), ready);
        let loader = Loader::new(&self.top, self.limits.zone_file_size, self.archive.clone());
        self.loader = Arc::new(loader.with_history(self.history.0).with_promoted(self.promoted.clone()));
    }

    /// Notes whether the system's clock was set.
    fn look_at_clock(&mut self) {
        if let Some(step) = self.pace.note(self.clock.system(), self.started.elapsed()) {
            let by = Duration::from_nanos(step.by.unsigned_abs());
            let way = if step.by < 0 { "back" } else { "forward" };
            tracing::warn!("the system's clock was set {way} by {by:?}");
            self.stepped = Some(step);
        }
    }

    fn clock_state(&self) -> ClockState {
        ClockState {
            synchronisation: discipline::synchronisation(),
            held_back: self.clock.held_back(),
            stepped: self.stepped,
        }
    }

    /// How long nothing has to be done if nothing happens.
    fn sleep(&self) -> Duration {
        let tick = self.owner.next_tick().map(|at| at.saturating_duration_since(Instant::now()));
        let change = self.owner.next_change().map(|at| at.since(self.clock.now()));
        [tick, change].into_iter().flatten().fold(SLEEP_MAX, Duration::min)
    }

    fn carry_out(&mut self, effects: Vec<Effect>, ready: &mut Option<impl FnOnce(Count)>) {
        for effect in effects {
            match effect {
                Effect::Load(requests) => self.load(requests),
                Effect::Scan { under, stat, included, anew } => self.scan(under, stat, included, anew),
                Effect::Publish(changes) => {
                    self.forget_other_runs(&changes);
                    for (apex, service) in &changes {
                        if matches!(service, Service::Gone) {
                            self.history.1.forget(apex);
                        }
                    }
                    self.catalog = self.history.1.published(changed(&self.catalog, changes));
                    self.published.publish(self.catalog.clone());
                }
                Effect::Pass(passage) => self.history.1.pass(*passage, &self.catalog),
                Effect::ReadPortfolio(path) => self.read_portfolio(path),
                Effect::Journal(records) => _ = self.journal.send(Note::Records(records)),
                Effect::Write(records, written) => _ = self.journal.send(Note::Updates(records, written)),
                Effect::Update(job) => self.update(job),
                Effect::Sync(sync) => self.sync(sync),
                Effect::Prepare(preparing) => self.prepare(preparing),
                Effect::BeginPromotion(promotion) => self.begin_promotion(promotion),
                Effect::Settle(prepared) => self.settle(prepared),
                Effect::EndPromotion(apex, ended) => self.end_promotion(apex, ended),
                Effect::Say(answers) => self.say(answers),
                Effect::Reached(at) => _ = self.journal.send(Note::Reached(at)),
                Effect::Consider(consider) => self.consider(consider),
                Effect::AskSerial(apex, server) => _ = self.questions.send((apex, server)),
                Effect::Look(look) => self.look(look),
                Effect::Inform(notice) => self.inform(notice),
                Effect::Fetch(fetch) => self.ask_for(fetch),
                Effect::Feed(changes) => {
                    self.catalog = self.catalog.fed(changes);
                    self.published.publish(self.catalog.clone());
                }
                Effect::Draw(draw) => {
                    let queue = self.queue.0.clone();
                    let done = move |drawn| _ = queue.send(Word::Event(Event::Drawn(Box::new(drawn))));
                    if let Some(fetcher) = &self.fetcher {
                        fetcher.draw(draw, done);
                    }
                }
                Effect::NoteMembers(notes) => {
                    self.fetcher.iter().for_each(|fetcher| fetcher.note_members(notes.clone()));
                }
                Effect::Forget(apex) => self.fetcher.iter().for_each(|fetcher| fetcher.forget(apex.clone())),
                Effect::Answer(ticket, answer) => self.answer(ticket, answer),
                Effect::Report(report) => log(&report),
                Effect::Notify(notice) => self.herald.iter().for_each(|herald| herald.tell(notice.clone())),
                Effect::Tidy => {
                    self.published.sweep();
                    rayon::spawn(memory::give_back);
                }
                Effect::Ready(count) => {
                    // Also if there is no zone at all: now that is known.
                    self.published.publish(self.catalog.clone());
                    rayon::spawn(memory::give_back);
                    self.begin_watch();
                    if let Some(ready) = ready.take() {
                        ready(count);
                    }
                }
            }
        }
    }

    /// Lets the meter begin anew where another run is served from now on.
    fn forget_other_runs(&self, changes: &[(Name, Service)]) {
        if self.meter.is_empty() {
            return;
        }
        for (apex, _) in changes {
            // What was rolled back is still being forgotten by caches.
            let is_metered =
                |running: &&Arc<Running>| running.run.ending.is_none_or(|ending| ending.kind == EndingKind::RolledBack);
            let running = self.owner.running_ref(apex).filter(is_metered);
            let since = running.map_or(clock::Instant::MAX, |running| running.run.armed_at);
            self.meter.forget_before(metrics::hash(apex), since);
        }
    }

    fn figures(&self, ready: bool) -> Figures {
        let mut figures = Figures {
            ready,
            count: self.owner.counts(),
            loads: self.loads,
            updates: self.updates.clone(),
            fetches: self.fetches,
            rereads: self.rereads,
            held_back: self.clock.held_back().unwrap_or_default(),
            notices: self.owner.notifier().tally(),
            notices_waiting: self.owner.notifier().waiting(),
            ..Figures::default()
        };
        figures.count_fetched(self.owner.secondaries().iter().map(|(_, fetching)| fetching));
        figures.count_plans(self.owner.running(), self.clock.now());
        figures
    }

    fn load(&self, requests: Vec<Request>) {
        let (loader, clock, queue) = (self.loader.clone(), self.clock.clone(), self.queue.0.clone());
        rayon::spawn(move || {
            let now = clock.next();
            let loaded = requests.into_iter().map(|request| loader.load(request, now)).collect();
            _ = queue.send(Word::Event(Event::Loaded(loaded)));
        });
    }

    /// Has a zone fetched.
    fn ask_for(&self, fetch: Fetch) {
        let queue = self.queue.0.clone();
        if let Some(fetcher) = &self.fetcher {
            fetcher.fetch(fetch, move |fetched| _ = queue.send(Word::Event(Event::Fetched(Box::new(fetched)))));
        }
    }

    /// Has a probe looked at, on a thread of its own: there are as many as the look-out allows.
    fn look(&self, look: Look) {
        let queue = self.queue.0.clone();
        let thread = std::thread::Builder::new().name("look".to_owned());
        let Look { apex, number, probe } = look;
        let looking = thread.spawn(move || {
            let verdict = probe::look(&probe, &apex);
            _ = queue.send(Word::Event(Event::Looked { apex, number, verdict }));
        });
        if let Err(error) = looking {
            tracing::error!("nothing can be looked at: {error}");
        }
    }

    fn scan(&self, under: Arc<Path>, stat: bool, included: Vec<Arc<Path>>, anew: bool) {
        let (watch, inbox, queue) = (self.watch.clone(), self.inbox.clone(), self.queue.0.clone());
        rayon::spawn(move || {
            let mut tree = {
                let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
                let mut unwatched = false;
                if let (Some(watch), true) = (watch.as_mut(), anew) {
                    watch.forget(&under);
                }
                Tree::read_after(&under, &mut |folder| {
                    // First the watch, then the look: what changes in between is seen twice, not missed.
                    match watch.as_mut().map(|watch| watch.add(folder)) {
                        Some(Err(error)) if !unwatched => {
                            unwatched = true;
                            inbox.missing(with_causes(&error));
                            _ = queue.send(Word::Watched);
                        }
                        _ => {}
                    }
                })
            };
            if stat {
                tree.stat();
            }
            let included = included.into_iter().map(|path| (path.clone(), include::stat(&path))).collect();
            _ = queue.send(Word::Event(Event::Scanned(Scanned { under, tree, included })));
        });
    }

    fn read_portfolio(&self, path: Arc<Path>) {
        let (top, queue) = (self.top.clone(), self.queue.0.clone());
        rayon::spawn(move || {
            let reading = portfolio::read(&path);
            // If the whole folder has gone, that is a mount or a deployment, not a wish.
            if !matches!(reading, Reading::Gone) || top.is_dir() {
                _ = queue.send(Word::Event(Event::PortfolioRead(path, reading)));
            }
        });
    }

    fn begin_watch(&mut self) {
        let queue = self.queue.0.clone();
        let wake = move || _ = queue.send(Word::Watched);
        match Watch::new(&self.top, self.inbox.clone(), wake) {
            Ok(watch) => *self.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(watch),
            Err(error) => {
                self.inbox.missing(with_causes(&error));
                _ = self.queue.0.send(Word::Watched);
            }
        }
    }
}

/// Keeps the journal on a thread of its own: a disk may take its time, and nobody else shall wait for it. What has come
/// meanwhile is put in together.
fn keep_journal(mut store: Store, queue: Sender<Word>) -> Sender<Note> {
    let (sender, notes) = mpsc::channel::<Note>();
    // Should no thread be had, what is decided stays undecided: its sender is gone.
    let thread = std::thread::Builder::new().name("journal".to_owned());
    let kept = thread.spawn(move || {
        while let Ok(first) = notes.recv() {
            let (mut all, mut written, mut reached) = (Vec::new(), Vec::new(), None);
            let (mut promotions, mut ended) = (Vec::new(), Vec::new());
            let mut next = Some(first);
            while let Some(note) = next {
                match note {
                    Note::Records(records) => all.extend(records),
                    Note::Updates(records, updates) => {
                        all.extend(records);
                        written.extend(updates);
                    }
                    Note::Promotion(promotion) => {
                        let apex = promotion.apex.clone();
                        written.push(Written { apex, standing: None, layers: Vec::new() });
                        promotions.push(promotion);
                    }
                    Note::Ended(apex, how) => ended.push((apex, how)),
                    Note::Reached(at) => reached = reached.max(Some(at)),
                }
                next = if all.len() + written.len() < RECORDS_MAX { notes.try_recv().ok() } else { None };
            }
            if !all.is_empty() || !written.is_empty() {
                let failure = store.append_with(&all, &written, &promotions).err().map(|error| with_causes(&error));
                let updated = written.into_iter().map(|written| written.apex);
                let mut apexes: Vec<_> = all.into_iter().map(|record| record.apex).chain(updated).collect();
                apexes.dedup();
                _ = queue.send(Word::Event(Event::Journalled { apexes, failure }));
            }
            for (apex, ended) in ended {
                if let Err(error) = store.end_promotion(&apex, ended) {
                    tracing::error!("{}", with_causes(&error));
                }
            }
            if let Some(at) = reached
                && let Err(error) = store.reach(at)
            {
                tracing::error!("{}", with_causes(&error));
            }
        }
    });
    if let Err(error) = kept {
        tracing::error!("the journal can't be kept: {error}");
    }
    sender
}

/// Asks secondaries for their serials, on threads of their own: one that is silent takes its time. A zone's secondary
/// is asked again only after a pause, so that the queue holds a few questions for each at most.
fn ask_serials(queue: Sender<Word>) -> Sender<(Name, SocketAddr)> {
    let (sender, questions) = mpsc::channel::<(Name, SocketAddr)>();
    let questions = Arc::new(Mutex::new(questions));
    for number in 0..ASKERS {
        let (questions, queue) = (questions.clone(), queue.clone());
        let thread = std::thread::Builder::new().name(format!("asker-{number}"));
        let asking = thread.spawn(move || {
            let next = || questions.lock().unwrap_or_else(PoisonError::into_inner).recv();
            while let Ok((apex, server)) = next() {
                let said = ask::Asker::default().serial(server, &apex).map_err(|error| with_causes(&error));
                _ = queue.send(Word::Event(Event::Said { apex, server, said }));
            }
        });
        if let Err(error) = asking {
            tracing::error!("secondaries can't be asked: {error}");
        }
    }
    sender
}

/// `catalog` with these changes made, the last of each zone counting.
fn changed(catalog: &Catalog, changes: Vec<(Name, Service)>) -> Catalog {
    let serve = |(apex, service): (Name, Service)| match service {
        Service::Timeline(timeline) => Some(Served::Zone(timeline)),
        Service::Closed(timeline) => Some(Served::Closed(timeline)),
        Service::Failed => Some(Served::Unavailable(Arc::new(apex))),
        Service::Gone => None,
    };
    if !changes.iter().any(|(_, service)| matches!(service, Service::Gone)) {
        return catalog.with(changes.into_iter().filter_map(serve));
    }
    let last: HashMap<Name, Service> = changes.into_iter().collect();
    let (gone, stay): (Vec<_>, Vec<_>) = last.into_iter().partition(|(_, service)| matches!(service, Service::Gone));
    catalog.without(gone.iter().map(|(apex, _)| apex.as_ref())).with(stay.into_iter().filter_map(serve))
}

fn log(report: &Report) {
    let mut text = report.text.clone();
    if !report.diagnostics.is_empty() {
        text.push('\n');
        text.push_str(&diag::render(&report.diagnostics, false));
    }
    match report.level {
        Level::Error => tracing::error!("{text}"),
        Level::Warn => tracing::warn!("{text}"),
        Level::Info => tracing::info!("{text}"),
    }
}

/// An error and its causes in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
