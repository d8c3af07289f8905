//! Reads the files of a zone and makes its timeline of them.
//!
//! A small zone costs four calls to the system: open, status, read, close. Nothing is asked of the
//! disk that the folder has said already.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::catalog_zone::producers::SOURCE;
use super::config::listing::{self, Listing};
use super::config::secondary::{self, Secondary};
use super::fingerprint::Fingerprint;
use super::history::{self, Before, Since};
use super::include::Includes;
use super::names::{self, Role};
use super::portfolio::{self, Portfolio, Reading};
use super::read::{self, ReadError};
use super::registry::Content;
use super::running::{Archive, News, Running, Served};
use super::secondary::{Copy, Kept};
use super::tree::Files;
use super::updates::{Overlaid, Standing, Together, Written};
use crate::answer::Chain;
use crate::clock::Instant;
use crate::diag::{Diagnostic, Severity};
use crate::timeline::conduct::{self, Decided, Decision, PlanText, Refusal};
use crate::timeline::{self, Schedule, Serial};
use crate::wire::{Name, NameRef};
use crate::zone::delta::Delta;
use crate::zone::text::{self, Options};
use crate::zone::update::SetAside;
use crate::zone::{Zone, check};

/// The most octets of a file that says from whom a zone is fetched.
const SECONDARY_SIZE_MAX: u64 = 1 << 20;
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
    /// The zone that is in service.
    pub base: Option<Zone>,
    /// Where its plan stands, if there was ever one that was obeyed.
    pub running: Option<Arc<Running>>,
    /// What updates have made of it, if there were any.
    pub overlaid: Option<Arc<Overlaid>>,
    /// Of a member of a catalog zone: from whom it is fetched, and whether what is kept under its name is its own.
    pub member: Option<(Arc<Secondary>, bool)>,
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
    /// Whether there is a plan of its own.
    pub plan: bool,
    /// Whether it goes on with what a portfolio armed that can't be used now.
    pub kept: bool,
    /// The files that the zone includes, and what they were.
    pub includes: Vec<(PathBuf, Fingerprint)>,
    /// What a person should know.
    pub faults: Vec<Diagnostic>,
    /// What updates have made of it from now on, if there were any.
    pub laid: Option<Laid>,
}

/// What is left of what updates have made of a zone, over its file as it is now.
#[derive(Debug)]
pub struct Laid {
    /// What is left; `None`: the file has it all.
    pub overlaid: Option<Overlaid>,
    /// What of that the database is to have first.
    pub written: Option<Written>,
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
        /// What is known of what was served before.
        before: Before,
    },
    /// It is fetched from others.
    Secondary {
        /// From whom.
        from: Arc<Secondary>,
        /// What is kept of it, if nothing is served.
        found: Option<Box<Kept>>,
        /// And what of its changes.
        remembered: Option<Arc<Chain>>,
        /// What its file says.
        content: Content,
    },
    /// It is a catalog zone of zones of ours.
    Catalog {
        /// Of which.
        listing: Arc<Listing>,
        /// What it was, if nothing is served, and what the store has of its changes.
        found: Option<Box<(Copy, Option<Arc<Chain>>)>>,
        /// What its file says.
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
    limits: history::Limits,
    /// Zones that have become ours, and whose other file could not be put aside.
    promoted: Arc<HashSet<Name>>,
}

thread_local! {
    /// One buffer a thread: the files of a hundred thousand zones are read into the same memory.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Loader {
    /// Loads zones in the folder `top`, from files of at most `size_max` octets; what was armed is in `archive`.
    pub fn new(top: &Path, size_max: u64, archive: Arc<Archive>) -> Loader {
        let real = top.canonicalize().ok().map(Into::into);
        let (limits, promoted) = (history::Limits::default(), Arc::default());
        Loader { top: top.into(), real, size_max, archive, limits, promoted }
    }

    /// The same, which remembers of what differs as much as `limits` say.
    #[must_use]
    pub fn with_history(self, limits: history::Limits) -> Loader {
        Loader { limits, ..self }
    }

    /// The same, for which only the zone file of the zones `promoted` counts.
    #[must_use]
    pub fn with_promoted(self, promoted: Arc<HashSet<Name>>) -> Loader {
        Loader { promoted, ..self }
    }

    /// The most octets of a zone file.
    pub fn size_max(&self) -> u64 {
        self.size_max
    }

    /// What differs in `zone` from `base`, as much of it as is remembered.
    pub fn since(&self, base: &Zone, zone: &Zone) -> Since {
        Since::between(base, zone, &self.limits)
    }

    /// The same, where it is known.
    pub fn since_of(&self, base: &Zone, delta: &Delta) -> Since {
        Since::of(base, delta, &self.limits)
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
        let Request { apex, files, serving, base, running, overlaid, member } = request;
        if files.is_member {
            return self.member(apex, member, serving, now);
        }
        let path = files.path(&apex, Role::Zone);
        let metadata = match read::whole(&path, self.size_max, buffer) {
            Ok(metadata) if files.catalog && files.path(&apex, Role::Catalog).exists() => {
                let disk = Fingerprint::default().with_file(&metadata);
                let fault = catalog_and_other(&apex, &files, Role::Zone);
                return Loaded { disk, ..Loaded::unusable(apex.clone(), vec![fault]) };
            }
            Ok(metadata)
                if files.secondary && files.path(&apex, Role::Secondary).exists() && !self.promoted.contains(&apex) =>
            {
                let disk = Fingerprint::default().with_file(&metadata);
                return Loaded { disk, ..Loaded::unusable(apex.clone(), vec![secondary_and_zone(&apex, &files)]) };
            }
            Ok(metadata) => metadata,
            Err(ReadError::NotFound) if files.catalog && files.path(&apex, Role::Catalog).exists() => {
                return self.listing(apex, &files, serving, buffer, now);
            }
            Err(ReadError::NotFound) if files.secondary => {
                return self.secondary(apex, &files, serving, (&path, now), buffer);
            }
            Err(ReadError::NotFound) => return self.missing(apex, &files, &path),
            Err(error) => return Loaded::unusable(apex, vec![unreadable(&path, &error)]),
        };
        let disk = Fingerprint::default().with_file(&metadata);
        let plan = match self.plan(&apex, &files) {
            Ok(None) => running.as_deref().and_then(|running| self.kept(&apex, running)),
            Ok(plan) => plan,
            Err(fault) => return Loaded { disk, plan: true, ..Loaded::unusable(apex, vec![fault]) },
        };
        let own = plan.as_ref().and_then(|plan| plan.metadata.as_ref());
        let disk = own.map_or(disk, |plan| disk.with_file(plan));
        let has_plan = own.is_some();
        let includes = Includes::new(&self.top, self.real.as_deref(), self.size_max);
        let mut content = Content {
            zone: Fingerprint::default().with_bytes(buffer),
            plan: plan.as_ref().map_or_else(Fingerprint::default, |plan| plan.content),
        };
        let kept = plan.as_ref().is_some_and(PlanFile::is_kept);
        let mut loaded = Loaded { disk, plan: has_plan, kept, ..Loaded::unusable(apex, Vec::new()) };
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
        let (zone, overlaid) = match overlaid {
            None => (zone, None),
            Some(overlaid) => match together(&overlaid, &zone, content.zone, &mut loaded, (serving.is_some(), now)) {
                Some(together) => together,
                None => return loaded,
            },
        };
        let found = plan.as_ref().map(|plan| plan.found(came_at(&metadata), now, serving.is_some()));
        let content_served = Overlaid::content(content.zone, overlaid.as_ref().map(|overlaid| &overlaid.standing));
        let is_updated = overlaid.is_some();
        loaded.laid = loaded.laid.take().map(|laid| Laid { overlaid, ..laid });
        let read = Served { zone: &zone, content: content_served, is_updated, running: running.as_deref() };
        let mut outcome = read.follow(found, || self.archive.plan_text(&loaded.apex), now, serving.is_some());
        if let Some(plan) = &plan {
            plan.explain(loaded.apex.as_ref(), &mut outcome.diagnostics);
        }
        // Notes are for who asks (`watari plan show`), not for the log.
        let faults = outcome.diagnostics.iter().filter(|diagnostic| diagnostic.severity > Severity::Note);
        loaded.faults.extend(faults.cloned());
        let news = Box::new(News::new(outcome));
        if let Some(timeline) = &news.outcome().timeline {
            let before = match &base {
                Some(base) => Before::Since(self.since(base, &zone)),
                None => Before::First(history::recall(&self.archive, &loaded.apex, timeline, now, &self.limits)),
            };
            loaded.outcome = Outcome::Ready { news, content, before };
        }
        loaded
    }

    /// What the plan of a zone that is served makes of it after an update.
    ///
    /// # Errors
    /// What to say if the plan's file can't be read.
    pub fn follow(
        &self,
        apex: &Name,
        files: &Files,
        served: &Served<'_>,
        now: Instant,
    ) -> Result<conduct::Outcome, Diagnostic> {
        let plan = match self.plan(apex, files)? {
            None => served.running.and_then(|running| self.kept(apex, running)),
            plan => plan,
        };
        let found = plan.as_ref().map(|plan| plan.found(now, now, true));
        Ok(served.follow(found, || self.archive.plan_text(apex), now, true))
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
        let found = plan.as_ref().map(|plan| plan.found(now, now, true));
        let mut decided = served.decide(found, || self.archive.plan_text(apex), decision, by, now);
        let said = match &mut decided {
            Ok(decided) => Some(&mut decided.outcome.diagnostics),
            Err(Refusal::Faults(faults)) => Some(faults),
            Err(_) => None,
        };
        if let (Some(plan), Some(said)) = (&plan, said) {
            plan.explain(apex.as_ref(), said);
        }
        decided
    }

    /// What `running` armed, if that was a portfolio whose file is there and can't be used: it stays as it was armed.
    fn kept(&self, apex: &Name, running: &Running) -> Option<PlanFile> {
        if running.run.is_over() {
            return None;
        }
        let text = self.archive.plan_text(apex)?;
        let path = Path::new(&*text.path);
        let is_portfolio = path.file_name().and_then(|name| name.to_str()).is_some_and(names::is_portfolio);
        if !is_portfolio || !matches!(portfolio::read(&path.into()), Reading::Faulty { .. }) {
            return None;
        }
        let content = Fingerprint::default().with_bytes(&text.text);
        Some(PlanFile { text, content, metadata: None, portfolio: None })
    }

    /// What the plan that is armed for a zone is worked out to, as it is served.
    pub fn schedule(&self, served: &Served<'_>) -> Option<Schedule> {
        let running = served.running?;
        let text = self.archive.plan_text(&served.zone.apex().to_owned())?;
        timeline::load(served.zone, &text.path, &text.text, &running.run).schedule
    }

    /// Reads from whom a zone is fetched.
    fn secondary(
        &self,
        apex: Name,
        files: &Files,
        serving: Option<Content>,
        (zone, now): (&Path, Instant),
        buffer: &mut Vec<u8>,
    ) -> Loaded {
        let path = files.path(&apex, Role::Secondary);
        let metadata = match read::whole(&path, SECONDARY_SIZE_MAX, buffer) {
            Ok(metadata) => metadata,
            Err(ReadError::NotFound) => return self.missing(apex, files, zone),
            Err(error) => return Loaded::unusable(apex, vec![unreadable(&path, &error)]),
        };
        let disk = Fingerprint::default().with_file(&metadata);
        let (from, mut faults) = secondary::parse(&path.to_string_lossy().into(), buffer);
        let plan = files.path(&apex, Role::Plan);
        let has_plan = files.plan && plan.exists();
        if has_plan {
            faults.push(secondary_with_plan(&apex, &plan));
        }
        // That there is a plan is to be told once.
        let plan = Fingerprint::default().with(u64::from(has_plan));
        let content = Content { zone: Fingerprint::default().with_bytes(buffer), plan };
        let loaded = Loaded { disk, plan: has_plan, ..Loaded::unusable(apex, faults) };
        let Some(from) = from.map(Arc::new) else { return loaded };
        if serving == Some(content) {
            return Loaded { outcome: Outcome::Unchanged, ..loaded };
        }
        let mut loaded = loaded;
        loaded.faults.extend(from.faults());
        let found = if serving.is_none() { self.archive.received(&loaded.apex) } else { None };
        // Not a catalog zone that was ours when a server ran last.
        let found = found.filter(|kept| kept.source != SOURCE).map(Box::new);
        let remembered = self.remembered(&loaded.apex, found.as_deref(), now);
        Loaded { outcome: Outcome::Secondary { from, found, remembered, content }, ..loaded }
    }

    /// What is remembered of the changes of a zone of which this was kept.
    fn remembered(&self, apex: &Name, found: Option<&Kept>, now: Instant) -> Option<Arc<Chain>> {
        history::recall(&self.archive, apex, &found?.copy.timeline(), now, &self.limits)
    }

    /// Reads which zones a catalog zone lists.
    fn listing(
        &self,
        apex: Name,
        files: &Files,
        serving: Option<Content>,
        buffer: &mut Vec<u8>,
        now: Instant,
    ) -> Loaded {
        let path = files.path(&apex, Role::Catalog);
        let metadata = match read::whole(&path, self.size_max, buffer) {
            Ok(metadata) => metadata,
            Err(error) => return Loaded::unusable(apex, vec![unreadable(&path, &error)]),
        };
        let disk = Fingerprint::default().with_file(&metadata);
        let (listing, mut faults) = listing::parse(&path.to_string_lossy().into(), buffer);
        let plan = files.path(&apex, Role::Plan);
        let (has_plan, is_fetched) =
            (files.plan && plan.exists(), files.secondary && files.path(&apex, Role::Secondary).exists());
        faults.extend(has_plan.then(|| catalog_with_plan(&apex, &plan)));
        faults.extend(is_fetched.then(|| catalog_and_other(&apex, files, Role::Secondary)));
        let plan = Fingerprint::default().with(u64::from(has_plan));
        let content = Content { zone: Fingerprint::default().with_bytes(buffer), plan };
        let loaded = Loaded { disk, plan: has_plan, ..Loaded::unusable(apex, faults) };
        let Some(listing) = listing.filter(|_| !is_fetched).map(Arc::new) else { return loaded };
        if serving == Some(content) {
            return Loaded { outcome: Outcome::Unchanged, ..loaded };
        }
        let kept = if serving.is_none() { self.archive.received(&loaded.apex) } else { None };
        let kept = kept.filter(|kept| kept.source == SOURCE);
        let chain = self.remembered(&loaded.apex, kept.as_ref(), now);
        let found = kept.map(|kept| Box::new((kept.copy, chain)));
        Loaded { outcome: Outcome::Catalog { listing, found, content }, ..loaded }
    }

    /// What there is of a member of a catalog zone.
    fn member(
        &self,
        apex: Name,
        member: Option<(Arc<Secondary>, bool)>,
        serving: Option<Content>,
        now: Instant,
    ) -> Loaded {
        // Its catalog zone can't be used now; nobody says from whom it could be fetched.
        let Some((from, has_kept)) = member else { return Loaded::unusable(apex, Vec::new()) };
        let is_kept = has_kept && serving.is_none();
        let found = if is_kept { self.archive.received_of_member(&apex).map(Box::new) } else { None };
        let remembered = self.remembered(&apex, found.as_deref(), now);
        let outcome = Outcome::Secondary { from, found, remembered, content: Content::default() };
        Loaded { outcome, ..Loaded::unusable(apex, Vec::new()) }
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
        let shared = files.portfolio.as_ref().map(|membership| PlanFile::shared(&membership.portfolio));
        if !files.plan {
            return Ok(shared);
        }
        let path = files.path(apex, Role::Plan);
        let mut text = Vec::new();
        match read::whole(&path, self.size_max, &mut text) {
            Ok(metadata) => {
                let content = Fingerprint::default().with_bytes(&text);
                let text = PlanText { path: path.to_string_lossy().into(), text: text.into() };
                Ok(Some(PlanFile { text, content, metadata: Some(metadata), portfolio: None }))
            }
            Err(ReadError::NotFound) => Ok(shared),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }
}

/// A plan's file, read: the zone's own, or a portfolio's.
struct PlanFile {
    text: PlanText,
    content: Fingerprint,
    /// Of its own file.
    metadata: Option<std::fs::Metadata>,
    portfolio: Option<Arc<Portfolio>>,
}

impl PlanFile {
    fn shared(portfolio: &Arc<Portfolio>) -> PlanFile {
        let (text, content) = (portfolio.plan.clone(), portfolio.plan_content);
        PlanFile { text, content, metadata: None, portfolio: Some(portfolio.clone()) }
    }

    /// Whether it is what was armed, for want of a file that can be used.
    fn is_kept(&self) -> bool {
        self.metadata.is_none() && self.portfolio.is_none()
    }

    /// The text, and since when it is there for this zone, whose own file came at `zone_came_at`.
    fn found(&self, zone_came_at: Instant, now: Instant, serving: bool) -> (PlanText, Instant) {
        let since = match (&self.metadata, &self.portfolio) {
            (Some(metadata), _) => came_at(metadata),
            // A zone that is served already may have come to an old portfolio by another file's going.
            (None, Some(portfolio)) if !serving => portfolio.came_at.max(zone_came_at),
            (None, _) => now,
        };
        (self.text.clone(), since)
    }

    /// Lets what is said of the plan be about the lines of its file.
    fn explain(&self, apex: NameRef<'_>, said: &mut Vec<Diagnostic>) {
        if let Some(portfolio) = &self.portfolio {
            portfolio.explain(apex, said);
        }
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
        let includes = Vec::new();
        Loaded { apex, outcome: Outcome::Unusable, disk, plan: false, kept: false, includes, faults, laid: None }
    }
}

/// Puts what updates have made of a zone over its `file`; `None` if nothing that can be served comes of it, while something
/// is `serving`. If nothing is, as much of the updates is served as can stand, and all of them are kept. What is to be said
/// of it, and kept, is in `loaded`.
fn together(
    overlaid: &Overlaid,
    file: &Zone,
    content: Fingerprint,
    loaded: &mut Loaded,
    (serving, now): (bool, Instant),
) -> Option<(Zone, Option<Overlaid>)> {
    let apex = loaded.apex.clone();
    let why = match sound(overlaid, &apex, file, content, now) {
        Ok(together) => {
            let set_aside = |SetAside { owner, rtype }: &SetAside| {
                let message = format!(
                    "what an update made of {owner} {rtype} is set aside: it can't stand with what the file says now"
                );
                Diagnostic::warning("zone-update-set-aside", message)
                    .help("the file was changed later, and so it counts")
            };
            loaded.faults.extend(together.set_aside.iter().map(set_aside));
            loaded.laid = Some(Laid { overlaid: None, written: together.written });
            return Some((together.zone, together.overlaid));
        }
        Err(why) => why,
    };
    let message = format!("what updates have made of {apex} can't stand with what its file says: {why}");
    let conflict = |help| Diagnostic::error("zone-update-conflict", message).help(help);
    let less = if serving { Vec::new() } else { overlaid.less(file).into() };
    let Some((less, together)) =
        less.into_iter().find_map(|less| Some((less.overlay.len(), sound(&less, &apex, file, content, now).ok()?)))
    else {
        loaded.faults.push(conflict("what is served stays; change the file so that both can stand".to_owned()));
        return None;
    };
    loaded.faults.push(conflict(format!(
        "served is the file, with what updates have made of {less} of {} RRsets; all of it is kept, and comes back when the \
         file is changed so that both can stand",
        overlaid.overlay.len()
    )));
    let standing = Standing { serial: Serial(together.zone.serial()), content: content.number(), ..overlaid.standing };
    let written = Written { apex, standing: Some(standing), layers: Vec::new() };
    let written = Some(written).filter(|_| standing != overlaid.standing);
    loaded.laid = Some(Laid { overlaid: None, written });
    Some((together.zone, Some(Overlaid { overlay: overlaid.overlay.clone(), standing })))
}

/// `overlaid` over `file`, or why that can't be served.
fn sound(
    overlaid: &Overlaid,
    apex: &Name,
    file: &Zone,
    content: Fingerprint,
    now: Instant,
) -> Result<Together, String> {
    let together = overlaid.over(apex, file, content, now).map_err(|error| error.to_string())?;
    match check::contradictions(&together.zone.view(), &|_| HashMap::new()).first() {
        Some(fault) => Err(fault.message.clone()),
        None => Ok(together),
    }
}

/// What to say of a file that can't be read.
pub fn unreadable(path: &Path, error: &ReadError) -> Diagnostic {
    Diagnostic::error("file-unreadable", format!("the file {} can't be read: {error}", path.display()))
}

/// What to say of a zone that has a file and is fetched as well.
pub fn secondary_and_zone(apex: &Name, files: &Files) -> Diagnostic {
    let (zone, secondary) = (files.path(apex, Role::Zone), files.path(apex, Role::Secondary));
    let message = format!("{} and {} both say what the zone is", zone.display(), secondary.display());
    let help = "take one of them away: with its zone file it is ours, without it is fetched";
    Diagnostic::error("secondary-and-zone", message).help(help)
}

/// What to say of a catalog zone of ours that has another file, of this `role`, as well.
pub fn catalog_and_other(apex: &Name, files: &Files, role: Role) -> Diagnostic {
    let (catalog, other) = (files.path(apex, Role::Catalog), files.path(apex, role));
    let message = format!("{} and {} both say what the zone is", other.display(), catalog.display());
    Diagnostic::error("catalog-and-other", message).help("take one of them away")
}

/// What to say of a plan for a catalog zone of ours.
pub fn catalog_with_plan(apex: &Name, plan: &Path) -> Diagnostic {
    let zone = names::shown(apex.as_ref());
    let message = format!("the plan {} is not obeyed: {zone} is a catalog zone, and has what it lists", plan.display());
    Diagnostic::error("catalog-with-plan", message).help("plan what its members flip, beside them or in a portfolio")
}

/// What to say of a plan for a zone that is fetched.
pub fn secondary_with_plan(apex: &Name, plan: &Path) -> Diagnostic {
    let zone = names::shown(apex.as_ref());
    let message = format!("the plan {} is not obeyed: {zone} is fetched from its primary", plan.display());
    Diagnostic::error("secondary-with-plan", message)
        .help(format!("put the plan where the zone is, or make the zone yours first: `watari promote {zone}`"))
}

/// What to say of a plan beside which there is no zone.
pub fn plan_without_zone(plan: &Path, zone: &Path) -> Diagnostic {
    let message = format!("the plan {} has no zone", plan.display());
    Diagnostic::warning("plan-without-zone", message).help(format!("the zone would be {}", zone.display()))
}
