//! The portfolios in the folder of zones: which there are, what they say, and which zone belongs to which.
//!
//! 1. `NAME.portfolio.toml` may lie in the folder of zones or anywhere below it, and is for zones of all folders.
//! 2. A zone has one plan. Its own file counts before any portfolio, and of two portfolios the first by path; the other is
//!    said to be at fault (`plan-two-plans`).
//! 3. A portfolio that can't be used is no reason to withdraw what it says of a hundred thousand zones: what it said
//!    before stays, and after a restart, what it armed.
//! 4. Its text is read once, and shared by all of its zones.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use super::fingerprint::Fingerprint;
use super::load::{came_at, unreadable};
use super::names;
use super::read::{self, ReadError};
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::timeline::conduct::PlanText;
use crate::timeline::plan::portfolio as text;
use crate::wire::{Name, NameRef};

/// The most octets of a portfolio's file.
pub const SIZE_MAX: u64 = 4 << 20;
/// The most portfolios.
pub const PORTFOLIOS_MAX: usize = 256;

/// A portfolio's file that can be used.
#[derive(Debug)]
pub struct Portfolio {
    /// The file.
    pub path: Arc<Path>,
    /// What it says.
    pub says: text::Portfolio,
    /// Its plan, as each of its zones has it.
    pub plan: PlanText,
    /// When its file came to this machine.
    pub came_at: Instant,
    /// What there is to say of its text: nothing that keeps it from being used.
    pub remarks: Vec<Diagnostic>,
    /// The whole text.
    content: Fingerprint,
    /// The plan in it.
    pub(super) plan_content: Fingerprint,
}

/// What was found where a portfolio's file may be.
#[derive(Clone, Debug)]
pub enum Reading {
    /// It can be used.
    Sound(Arc<Portfolio>),
    /// It can't.
    Faulty {
        /// The whole text.
        content: Fingerprint,
        /// Why.
        faults: Vec<Diagnostic>,
    },
    /// There is none.
    Gone,
}

/// Reads the portfolio's file `path`.
pub fn read(path: &Arc<Path>) -> Reading {
    let mut octets = Vec::new();
    let metadata = match read::whole(path, SIZE_MAX, &mut octets) {
        Ok(metadata) => metadata,
        Err(ReadError::NotFound) => return Reading::Gone,
        Err(error) => {
            return Reading::Faulty { content: Fingerprint::default(), faults: vec![unreadable(path, &error)] };
        }
    };
    let shown: Arc<str> = path.to_string_lossy().into();
    let content = Fingerprint::default().with_bytes(&octets);
    let (says, faults) = text::Portfolio::read(&shown, &octets);
    let Some(says) = says else { return Reading::Faulty { content, faults } };
    let plan = PlanText { path: shown, text: says.plan_text().clone() };
    let plan_content = Fingerprint::default().with_bytes(&plan.text);
    let (path, came_at, remarks) = (path.clone(), came_at(&metadata), faults);
    Reading::Sound(Arc::new(Portfolio { path, says, plan, came_at, remarks, content, plan_content }))
}

impl Portfolio {
    /// Lets what is said of its plan for the zone `apex` be about the lines of the file, and about the zone; what is
    /// said of the file already is left out.
    pub fn explain(&self, apex: NameRef<'_>, said: &mut Vec<Diagnostic>) {
        self.says.locate(&self.plan.path, said);
        let is_remark = |said: &Diagnostic| self.remarks.iter().any(|remark| is_same(remark, said));
        said.retain(|said| !is_remark(said));
        let zone = names::shown(apex);
        for diagnostic in said.iter_mut().filter(|said| !said.message.contains(&zone)) {
            diagnostic.message = format!("{zone}: {}", diagnostic.message);
        }
    }
}

impl Reading {
    fn content(&self) -> Fingerprint {
        match self {
            Reading::Sound(portfolio) => portfolio.content,
            Reading::Faulty { content, .. } => *content,
            Reading::Gone => Fingerprint::default(),
        }
    }

    /// What there is to say of it.
    pub fn faults(&self) -> &[Diagnostic] {
        match self {
            Reading::Sound(portfolio) => &portfolio.remarks,
            Reading::Faulty { faults, .. } => faults,
            Reading::Gone => &[],
        }
    }
}

/// That a zone belongs to a portfolio. Two are equal if the zone's plan is the same.
#[derive(Debug)]
pub struct Membership {
    /// The portfolio.
    pub portfolio: Arc<Portfolio>,
    /// The next one that has this zone too, and does not count.
    pub rival: Option<Arc<Path>>,
}

impl PartialEq for Membership {
    fn eq(&self, other: &Membership) -> bool {
        let (mine, others) = (&self.portfolio, &other.portfolio);
        mine.path == others.path && mine.plan_content == others.plan_content
    }
}

impl Eq for Membership {}

/// The portfolio that counts for a zone, and the next one that has it too.
type Claims = (Arc<Path>, Option<Arc<Path>>);

/// All portfolios.
#[derive(Debug, Default)]
pub struct Portfolios {
    all: BTreeMap<Arc<Path>, Known>,
    /// One membership for all zones that have the same.
    memberships: HashMap<Claims, Arc<Membership>>,
}

/// A portfolio's file.
#[derive(Debug)]
struct Known {
    /// What it said when it was looked at last.
    content: Fingerprint,
    /// What counts of it (rule 3).
    counts: Option<Arc<Portfolio>>,
}

impl Portfolios {
    /// Takes note of what a file says; whether that is something new.
    pub fn put(&mut self, path: &Arc<Path>, reading: &Reading) -> bool {
        if let Reading::Gone = reading {
            let was_there = self.all.remove(path).is_some();
            self.memberships.clear();
            return was_there;
        }
        let content = reading.content();
        if self.all.get(path).is_some_and(|known| known.content == content) || self.is_full_for(path) {
            return false;
        }
        let known = self.all.entry(path.clone()).or_insert(Known { content, counts: None });
        known.content = content;
        if let Reading::Sound(portfolio) = reading {
            known.counts = Some(portfolio.clone());
        }
        self.memberships.clear();
        true
    }

    fn is_full_for(&self, path: &Path) -> bool {
        self.all.len() >= PORTFOLIOS_MAX && !self.all.contains_key(path)
    }

    /// To which the zone `apex` belongs.
    pub fn of(&mut self, apex: &Name) -> Option<Arc<Membership>> {
        let counting = self.all.values().filter_map(|known| known.counts.as_ref());
        let mut found = counting.filter(|portfolio| portfolio.says.matches(apex.as_ref()));
        let portfolio = found.next()?;
        let rival = found.next().map(|rival| rival.path.clone());
        let key = (portfolio.path.clone(), rival.clone());
        let membership = || Arc::new(Membership { portfolio: portfolio.clone(), rival });
        Some(self.memberships.entry(key).or_insert_with(membership).clone())
    }

    /// Those that count, the first by path first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Portfolio>> {
        self.all.values().filter_map(|known| known.counts.as_ref())
    }

    /// The files in `folder` and below it.
    pub fn below(&self, folder: &Path) -> impl Iterator<Item = &Arc<Path>> {
        self.all.keys().filter(move |path| path.starts_with(folder))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those that a person means by `name`: the name of a file, with or without its end, or its path.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Arc<Portfolio>> {
        let file = format!("{}{}", stem(name), text::FILE_SUFFIX);
        self.iter().filter(move |portfolio| portfolio.path.ends_with(&file))
    }
}

/// A portfolio's name without what its file's name ends in.
pub fn stem(name: &str) -> &str {
    name.strip_suffix(text::FILE_SUFFIX).or_else(|| name.strip_suffix(SUFFIX_SHORT)).unwrap_or(name)
}

/// What a person may leave it at.
const SUFFIX_SHORT: &str = ".portfolio";

/// Whether a person who writes `name` means a portfolio, not a zone.
pub fn is_meant(name: &str) -> bool {
    name.ends_with(text::FILE_SUFFIX) || name.ends_with(SUFFIX_SHORT)
}

/// Whether two diagnostics say the same of the same place, whatever zone they speak of.
fn is_same(one: &Diagnostic, other: &Diagnostic) -> bool {
    let place = |said: &Diagnostic| said.labels.first().map(|label| label.place.clone());
    one.code == other.code && !one.labels.is_empty() && place(one) == place(other)
}

/// What to say of a zone that has two plans, of which `counts` does.
pub fn two_plans(apex: &Name, counts: &Path, other: &Path) -> Diagnostic {
    let zone = names::shown(apex.as_ref());
    let message = format!("{zone} has two plans: {} and {}", counts.display(), other.display());
    let help = "a zone has one plan, and the first counts; take the other away, or leave the zone out with `except`";
    Diagnostic::error("plan-two-plans", message).help(help)
}

/// What to say of a portfolio that is for no zone that there is.
pub fn no_zone(portfolio: &Portfolio) -> Diagnostic {
    let message = format!("{} is for no zone that is here", portfolio.path.display());
    Diagnostic::warning("portfolio-no-zone", message).help("look at its `zones` and `except`")
}
