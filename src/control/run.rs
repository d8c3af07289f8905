//! The rim around the owner: threads, files and signals; carries out its effects.
//!
//! ```text
//! signals ──┐                        ┌─► loaders (one a core) ──┐
//! watch ────┼─► one queue ─► owner ──┼─► scans                  ├─► the queue
//! loaders ──┘                        └─► catalog ─► workers     │
//!     ▲──────────────────────────────────────────────────────────┘
//! ```
//!
//! The queue is bounded by what feeds it: the watch puts in one word however much it has seen, the
//! owner has at most so many zones with the loaders, and a signal is one word.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::include;
use super::load::{Loader, Request};
use super::memory;
use super::owner::{Effect, Event, Owner, Scanned, Service};
use super::registry::Count;
use super::report::{Level, Report};
use super::tree::Tree;
use super::watch::{Inbox, Watch};
use crate::answer::{Catalog, Served};
use crate::clock::Ratchet;
use crate::diag;
use crate::net::Published;
use crate::wire::Name;

/// The longest time that is slept in one piece: a step of the clock is seen after it at the latest.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// What is asked of a running server from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Look at every file again: SIGHUP.
    Reread,
    /// End: SIGTERM, SIGINT.
    Stop,
}

/// What can be changed while the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most octets of one zone file.
    pub zone_file_size: u64,
    /// How long a zone is served after its file has gone.
    pub removal_grace: Duration,
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
}

/// What comes to the owner's thread.
#[derive(Debug)]
enum Word {
    Event(Event),
    /// The inbox of the watch has something.
    Watched,
    Ask(Ask),
}

/// Keeps a catalog as a folder says.
pub struct Control {
    owner: Owner,
    top: Arc<Path>,
    limits: Limits,
    loader: Arc<Loader>,
    catalog: Catalog,
    published: Arc<Published<Catalog>>,
    clock: Arc<Ratchet>,
    queue: (Sender<Word>, Receiver<Word>),
    inbox: Arc<Inbox>,
    watch: Arc<Mutex<Option<Watch>>>,
}

impl Control {
    /// Will keep `published` as the folder `top` says.
    pub fn new(top: &Path, limits: Limits, published: Arc<Published<Catalog>>, clock: Arc<Ratchet>) -> Control {
        Control {
            owner: Owner::new(top, rayon::current_num_threads(), limits.removal_grace),
            top: top.into(),
            limits,
            loader: Arc::new(Loader::new(top, limits.zone_file_size)),
            catalog: Catalog::default(),
            published,
            clock,
            queue: mpsc::channel(),
            inbox: Arc::default(),
            watch: Arc::default(),
        }
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
                Ok(Word::Event(event)) => event,
                Ok(Word::Watched) => Event::Seen(self.inbox.take()),
                Ok(Word::Ask(Ask::Stop)) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(Word::Ask(Ask::Reread)) => {
                    tracing::info!("asked to look at every file again");
                    if let Some(limits) = limits() {
                        self.limit(limits, &mut ready);
                    }
                    Event::Reread
                }
                Err(RecvTimeoutError::Timeout) => Event::Tick,
            };
            self.tell(event, &mut ready);
        }
        // The process ends: freeing a hundred thousand zones one by one would only delay it.
        std::mem::forget(self);
    }

    fn tell(&mut self, event: Event, ready: &mut Option<impl FnOnce(Count)>) {
        let effects = self.owner.handle(event, Instant::now(), self.clock.now());
        self.carry_out(effects, ready);
    }

    fn limit(&mut self, limits: Limits, ready: &mut Option<impl FnOnce(Count)>) {
        self.limits = limits;
        self.tell(Event::Grace(limits.removal_grace), ready);
        self.loader = Arc::new(Loader::new(&self.top, limits.zone_file_size));
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
                    self.catalog = changed(&self.catalog, changes);
                    self.published.publish(self.catalog.clone());
                }
                Effect::Report(report) => log(&report),
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

    fn load(&self, requests: Vec<Request>) {
        let (loader, clock, queue) = (self.loader.clone(), self.clock.clone(), self.queue.0.clone());
        rayon::spawn(move || {
            let now = clock.now();
            let loaded = requests.into_iter().map(|request| loader.load(request, now)).collect();
            _ = queue.send(Word::Event(Event::Loaded(loaded)));
        });
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

/// `catalog` with these changes made, the last of each zone counting.
fn changed(catalog: &Catalog, changes: Vec<(Name, Service)>) -> Catalog {
    let serve = |(apex, service): (Name, Service)| match service {
        Service::Timeline(timeline) => Some(Served::Zone(timeline)),
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
