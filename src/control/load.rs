//! Reads the files of a zone and makes its timeline of them.
//!
//! A small zone costs four calls to the system: open, status, read, close. Nothing is asked of the
//! disk that the folder has said already.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::fingerprint::Fingerprint;
use super::include::Includes;
use super::names::Role;
use super::read::{self, ReadError};
use super::registry::Content;
use super::running::{Archive, News, Running, Served};
use super::tree::Files;
use crate::clock::Instant;
use crate::diag::{Diagnostic, Severity};
use crate::timeline::conduct::{Decided, Decision, PlanText, Refusal};
use crate::timeline::{self, Schedule};
use crate::wire::Name;
use crate::zone::check;
use crate::zone::text::{self, Options};

/// The most octets that a thread keeps for reading files between two of them.
const BUFFER_KEPT_MAX: usize = 1 << 20;

/// A zone that is to be loaded.
#[derive(Clone, Debug)]
pub struct Request {
    /// The zone.
    pub apex: Name,
    /// Its files. The zone file is looked for in any case, the plan only if it is said to be there.
    pub files: Files,
    /// What the files said that are in service.
    pub serving: Option<Content>,
    /// Where its plan stands, if there was ever one that was obeyed.
    pub running: Option<Arc<Running>>,
}

/// What came of it.
#[derive(Debug)]
pub struct Loaded {
    /// The zone.
    pub apex: Name,
    /// What came of it.
    pub outcome: Outcome,
    /// What the files were on the disk.
    pub disk: Fingerprint,
    /// Whether there is a plan.
    pub plan: bool,
    /// The files that the zone includes, and what they were.
    pub includes: Vec<(PathBuf, Fingerprint)>,
    /// What a person should know.
    pub faults: Vec<Diagnostic>,
}

/// What came of loading a zone.
#[derive(Debug)]
pub enum Outcome {
    /// It can be served.
    Ready {
        /// The zone over time, and where its plan stands.
        news: Box<News>,
        /// What its files say.
        content: Content,
    },
    /// The files say what is in service.
    Unchanged,
    /// It can't be served.
    Unusable,
    /// There is no zone file.
    Gone,
}

/// Loads zones; every thread may use it at once.
#[derive(Clone, Debug)]
pub struct Loader {
    top: Arc<Path>,
    real: Option<Arc<Path>>,
    size_max: u64,
    archive: Arc<Archive>,
}

thread_local! {
    /// One buffer a thread: the files of a hundred thousand zones are read into the same memory.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Loader {
    /// Loads zones in the folder `top`, from files of at most `size_max` octets; what was armed is in `archive`.
    pub fn new(top: &Path, size_max: u64, archive: Arc<Archive>) -> Loader {
        Loader { top: top.into(), real: top.canonicalize().ok().map(Into::into), size_max, archive }
    }

    /// Loads a zone, as of `now`.
    pub fn load(&self, request: Request, now: Instant) -> Loaded {
        let apex = request.apex.clone();
        // One zone that finds a fault of ours must not take the others down.
        catch_unwind(AssertUnwindSafe(|| self.load_or_panic(request, now))).unwrap_or_else(|_| {
            let message = "a fault of watari itself was found while this was loaded";
            let fault = Diagnostic::error("internal", message).help("please report it, with the zone file");
            Loaded::unusable(apex, vec![fault])
        })
    }

    fn load_or_panic(&self, request: Request, now: Instant) -> Loaded {
        BUFFER.with_borrow_mut(|buffer| {
            let loaded = self.load_into(request, now, buffer);
            if buffer.capacity() > BUFFER_KEPT_MAX {
                *buffer = Vec::new();
            }
            loaded
        })
    }

    fn load_into(&self, request: Request, now: Instant, buffer: &mut Vec<u8>) -> Loaded {
        let Request { apex, files, serving, running } = request;
        let path = files.path(&apex, Role::Zone);
        let metadata = match read::whole(&path, self.size_max, buffer) {
            Ok(metadata) => metadata,
            Err(ReadError::NotFound) => return self.missing(apex, &files, &path),
            Err(error) => return Loaded::unusable(apex, vec![unreadable(&path, &error)]),
        };
        let disk = Fingerprint::default().with_file(&metadata);
        let plan = match self.plan(&apex, &files) {
            Ok(plan) => plan,
            Err(fault) => return Loaded { disk, plan: true, ..Loaded::unusable(apex, vec![fault]) },
        };
        let disk = plan.as_ref().map_or(disk, |plan| disk.with_file(&plan.metadata));
        let includes = Includes::new(&self.top, self.real.as_deref(), self.size_max);
        let mut content = Content {
            zone: Fingerprint::default().with_bytes(buffer),
            plan: plan.as_ref().map_or_else(Fingerprint::default, |plan| Fingerprint::default().with_bytes(&plan.text)),
        };
        let mut loaded = Loaded { disk, plan: plan.is_some(), ..Loaded::unusable(apex, Vec::new()) };
        let is_overtaken = running.as_ref().is_some_and(|running| running.overtaken.is_some());
        // A file that includes others says more than itself; only reading them tells.
        if serving == Some(content) && !is_overtaken {
            loaded.outcome = Outcome::Unchanged;
            return loaded;
        }
        let path: Arc<str> = path.to_string_lossy().into();
        let text::Loaded { zone, diagnostics, .. } = text::load(loaded.apex.as_ref(), &path, buffer, &includes);
        loaded.faults = diagnostics;
        let opened = includes.into_opened();
        loaded.includes = opened.files;
        if !loaded.includes.is_empty() {
            content.zone = Fingerprint::default().with_bytes(buffer).with_content(opened.content);
            if serving == Some(content) && !is_overtaken {
                loaded.outcome = Outcome::Unchanged;
                return loaded;
            }
        }
        let Some(zone) = zone else { return loaded };
        let includes = Includes::new(&self.top, self.real.as_deref(), self.size_max);
        let options = Options { origin: loaded.apex.as_ref(), default_ttl: None, include: &includes };
        let places = |wanted| text::locate_all(&path, buffer, &options, wanted);
        let contradictions = check::contradictions(&zone.view(), &places);
        if !contradictions.is_empty() {
            loaded.faults.extend(contradictions);
            return loaded;
        }
        let plan = plan.map(|plan| plan.found());
        let read = Served { zone: &zone, content: content.zone.number(), running: running.as_deref() };
        let outcome = read.follow(plan, || self.archive.plan_text(&loaded.apex), now, serving.is_some());
        // Notes are for who asks (`watari plan show`), not for the log.
        let faults = outcome.diagnostics.iter().filter(|diagnostic| diagnostic.severity > Severity::Note);
        loaded.faults.extend(faults.cloned());
        let news = Box::new(News::new(outcome));
        if news.is_served() {
            loaded.outcome = Outcome::Ready { news, content };
        }
        loaded
    }

    /// The files of a zone that is served, and where its plan stands: what a decision is taken about.
    ///
    /// # Errors
    /// What to say if the plan's file can't be read.
    pub fn decide(
        &self,
        apex: &Name,
        files: &Files,
        served: &Served<'_>,
        decision: &Decision,
        by: &str,
        now: Instant,
    ) -> Result<Decided, Refusal> {
        let plan = self.plan(apex, files).map_err(|fault| Refusal::Faults(vec![fault]))?;
        let plan = plan.map(|plan| plan.found());
        served.decide(plan, || self.archive.plan_text(apex), decision, by, now)
    }

    /// What the plan that is armed for a zone is worked out to, as it is served.
    pub fn schedule(&self, served: &Served<'_>) -> Option<Schedule> {
        let running = served.running?;
        let text = self.archive.plan_text(&served.zone.apex().to_owned())?;
        timeline::load(served.zone, &text.path, &text.text, &running.run).schedule
    }

    fn missing(&self, apex: Name, files: &Files, path: &Path) -> Loaded {
        if !self.top.is_dir() {
            let message = format!("the folder {} has gone", self.top.display());
            return Loaded::unusable(apex, vec![Diagnostic::error("folder-unreadable", message)]);
        }
        let plan = files.path(&apex, Role::Plan);
        let plan = (files.plan && plan.exists()).then_some(plan);
        let faults = plan.iter().map(|plan| plan_without_zone(plan, path)).collect();
        Loaded { outcome: Outcome::Gone, plan: plan.is_some(), ..Loaded::unusable(apex, faults) }
    }

    fn plan(&self, apex: &Name, files: &Files) -> Result<Option<PlanFile>, Diagnostic> {
        if !files.plan {
            return Ok(None);
        }
        let path = files.path(apex, Role::Plan);
        let mut text = Vec::new();
        match read::whole(&path, self.size_max, &mut text) {
            Ok(metadata) => Ok(Some(PlanFile { path: path.to_string_lossy().into(), text, metadata })),
            Err(ReadError::NotFound) => Ok(None),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }
}

/// A plan's file, read.
struct PlanFile {
    path: Arc<str>,
    text: Vec<u8>,
    metadata: std::fs::Metadata,
}

impl PlanFile {
    /// The text, and since when it is there.
    fn found(self) -> (PlanText, Instant) {
        let since = came_at(&self.metadata);
        (PlanText { path: self.path, text: self.text.into() }, since)
    }
}

/// When a plan's file came to this machine: since then it is obeyed, if it says `arm = "on-load"` and nothing was
/// journalled of it yet.
///
/// NOTE: what is served does not depend on it, only what is said of caches that may hold old data.
/// The time of the last change of the inode can't be set by who copies files and keeps their dates.
pub fn came_at(plan: &std::fs::Metadata) -> Instant {
    use std::os::unix::fs::MetadataExt;
    Instant::from_unix_seconds(plan.ctime()).after(Duration::from_nanos(plan.ctime_nsec() as u64))
}

impl Loaded {
    fn unusable(apex: Name, faults: Vec<Diagnostic>) -> Loaded {
        let disk = Fingerprint::default();
        Loaded { apex, outcome: Outcome::Unusable, disk, plan: false, includes: Vec::new(), faults }
    }
}

/// What to say of a file that can't be read.
pub fn unreadable(path: &Path, error: &ReadError) -> Diagnostic {
    Diagnostic::error("file-unreadable", format!("the file {} can't be read: {error}", path.display()))
}

/// What to say of a plan beside which there is no zone.
pub fn plan_without_zone(plan: &Path, zone: &Path) -> Diagnostic {
    let message = format!("the plan {} has no zone", plan.display());
    Diagnostic::warning("plan-without-zone", message).help(format!("the zone would be {}", zone.display()))
}
