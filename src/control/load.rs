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
use super::names::{self, Role};
use super::read::{self, ReadError};
use super::registry::Content;
use super::tree::Files;
use crate::clock::Instant;
use crate::diag::{Diagnostic, Severity};
use crate::timeline::{self, Step, Timeline};
use crate::wire::{Name, NameRef};
use crate::zone::text::{self, Options};
use crate::zone::{Zone, check};

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
        /// The zone over time.
        timeline: Arc<Timeline>,
        /// What the steps of its plan do, in few words.
        steps: Vec<String>,
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
}

thread_local! {
    /// One buffer a thread: the files of a hundred thousand zones are read into the same memory.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Loader {
    /// Loads zones in the folder `top`, from files of at most `size_max` octets.
    pub fn new(top: &Path, size_max: u64) -> Loader {
        Loader { top: top.into(), real: top.canonicalize().ok().map(Into::into), size_max }
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
        let Request { apex, files, serving } = request;
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
        // A file that includes others says more than itself; only reading them tells.
        if serving == Some(content) {
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
            if serving == Some(content) {
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
        let moving = match plan {
            None => Some(Moving { timeline: Timeline::fixed(zone), steps: Vec::new() }),
            Some(plan) => plan.timeline(zone, now, serving.is_some(), &mut loaded.faults),
        };
        if let Some(Moving { timeline, steps }) = moving {
            loaded.outcome = Outcome::Ready { timeline: Arc::new(timeline), steps, content };
        }
        loaded
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

    fn plan(&self, apex: &Name, files: &Files) -> Result<Option<PlanText>, Diagnostic> {
        if !files.plan {
            return Ok(None);
        }
        let path = files.path(apex, Role::Plan);
        let mut text = Vec::new();
        match read::whole(&path, self.size_max, &mut text) {
            Ok(metadata) => Ok(Some(PlanText { path: path.to_string_lossy().into(), text, metadata })),
            Err(ReadError::NotFound) => Ok(None),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }
}

/// The text of a plan.
struct PlanText {
    path: Arc<str>,
    text: Vec<u8>,
    metadata: std::fs::Metadata,
}

impl PlanText {
    /// The timeline of `zone` by this plan, and what its steps do. With faults in the plan: if something is in service,
    /// none, and that stays; else the zone without its plan, since a name that does not resolve is worse than one that
    /// does not move.
    fn timeline(&self, zone: Zone, now: Instant, serving: bool, faults: &mut Vec<Diagnostic>) -> Option<Moving> {
        let armed_at = armed_at(&self.metadata, now);
        let timeline::Loaded { schedule, diagnostics } = timeline::load(&zone, &self.path, &self.text, armed_at);
        // Notes are for who asks (`watari plan show`), not for the log.
        faults.extend(diagnostics.into_iter().filter(|diagnostic| diagnostic.severity > Severity::Note));
        match schedule {
            Some(schedule) => {
                let steps = schedule.steps.iter().map(|step| described(step, zone.apex())).collect();
                Some(Moving { timeline: schedule.timeline, steps })
            }
            None if serving => None,
            None => Some(Moving { timeline: Timeline::fixed(zone), steps: Vec::new() }),
        }
    }
}

/// A timeline and what its steps do, in words.
struct Moving {
    timeline: Timeline,
    steps: Vec<String>,
}

/// What a step does, in few words: `flip: www A`.
fn described(step: &Step, apex: NameRef<'_>) -> String {
    let mut text = step.kind.to_string();
    for (at, change) in step.changes.iter().enumerate() {
        let owner = match change.owner.as_ref().prefix_below(apex) {
            Some([]) => "@".to_owned(),
            _ => names::shown_below(change.owner.as_ref(), apex),
        };
        text.push_str(if at == 0 { ": " } else { ", " });
        text.push_str(&format!("{owner} {}", change.rtype));
    }
    text
}

/// Since when a plan is obeyed: since its file came to this machine.
///
/// NOTE: what is served does not depend on it, only what is said of caches that may hold old data.
/// The time of the last change of the inode can't be set by who copies files and keeps their dates,
/// and it survives a restart of the server; until arming is journalled it is the best witness.
pub fn armed_at(plan: &std::fs::Metadata, now: Instant) -> Instant {
    use std::os::unix::fs::MetadataExt;
    let changed_at = Instant::from_unix_seconds(plan.ctime()).after(Duration::from_nanos(plan.ctime_nsec() as u64));
    changed_at.min(now)
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
