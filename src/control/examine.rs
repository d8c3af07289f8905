//! All that is wrong with the files of one zone: what `watari check` shows.
//!
//! The same functions read zone and plan as when they are served, but here nothing is held back.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::config::listing;
use super::config::secondary::{self, Secondary};
use super::include::Includes;
use super::load::{
    came_at, catalog_and_other, catalog_with_plan, plan_without_zone, secondary_and_zone, secondary_with_plan,
    unreadable,
};
use super::names::{self, Role};
use super::portfolio::{self, Membership, Reading};
use super::read;
use super::running::Archive;
use super::tree::{self, Files, Tree};
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::timeline::plan::{self, Arming};
use crate::timeline::{self, Run, Schedule};
use crate::wire::Name;
use crate::zone::text::{self, Options};
use crate::zone::{Zone, check};

/// Where zones are examined, and as of when.
#[derive(Clone, Copy, Debug)]
pub struct Examiner<'a> {
    /// The folder that `$INCLUDE` is confined to, as it was named.
    pub top: &'a Path,
    /// The same without links.
    pub real: Option<&'a Path>,
    /// The most octets of a file.
    pub size_max: u64,
    /// The instant as of which signatures and plans are judged.
    pub now: Instant,
    /// What was armed, if anybody knows.
    pub archive: Option<&'a Archive>,
}

impl Examiner<'_> {
    /// All that is wrong with the zone file and the plan of `apex`.
    pub fn zone_and_plan(&self, apex: &Name, files: &Files) -> Vec<Diagnostic> {
        if files.catalog {
            return self.catalog(apex, files);
        }
        if files.secondary {
            return self.secondary(apex, files);
        }
        let zone = files.path(apex, Role::Zone);
        if !files.zone {
            return vec![plan_without_zone(&files.path(apex, Role::Plan), &zone)];
        }
        let (zone, mut faults) = self.zone(apex, &zone);
        faults.extend(self.plan_of(apex, files, zone.as_ref()).1);
        faults
    }

    /// All that is wrong with the plan of `apex` alone.
    pub fn plan_alone(&self, apex: &Name, files: &Files) -> Vec<Diagnostic> {
        let (zone, mut faults) = self.zone(apex, &files.path(apex, Role::Zone));
        if zone.is_some() {
            // Of the zone only that matters which keeps the plan from being judged.
            faults.clear();
        }
        faults.extend(self.plan_of(apex, files, zone.as_ref()).1);
        faults
    }

    /// The schedule of the plan that counts for `apex`, its own or a portfolio's, and what is wrong with it.
    fn plan_of(&self, apex: &Name, files: &Files, zone: Option<&Zone>) -> (Option<Schedule>, Vec<Diagnostic>) {
        let (schedule, mut faults) = match &files.portfolio {
            _ if files.plan => self.compile(apex, &files.path(apex, Role::Plan), zone),
            Some(membership) => {
                let portfolio = &membership.portfolio;
                let (schedule, mut faults) =
                    self.compile_text(apex, &portfolio.plan.path, &portfolio.plan.text, portfolio.came_at, zone);
                portfolio.explain(apex.as_ref(), &mut faults);
                (schedule, faults)
            }
            None => (None, Vec::new()),
        };
        faults.extend(files.two_plans(apex).map(|(counts, other)| portfolio::two_plans(apex, &counts, &other)));
        (schedule, faults)
    }

    /// All that is wrong with one file, whose name says what it is: a zone, or a plan and whether it fits its zone.
    pub fn file(&self, path: &Path) -> Vec<Diagnostic> {
        let named = path.file_name().and_then(|name| name.to_str()).and_then(names::split);
        let Some((stem, role)) = named else {
            let message = format!("the name of the file {} does not say what it is", path.display());
            let help = "a zone file is called NAME.zone, a plan NAME.plan.toml or NAME.portfolio.toml, what says from \
                        whom a zone is fetched NAME.secondary.toml, which zones a catalog zone lists NAME.catalog.toml, a \
                        configuration watari.toml";
            return vec![Diagnostic::error("file-name", message).help(help)];
        };
        let apex = match names::apex(stem) {
            Ok(apex) => apex,
            Err(error) => return vec![tree::name_fault(path, &error)],
        };
        match role {
            Role::Zone => return self.zone(&apex, path).1,
            Role::Secondary => return self.primaries(path),
            Role::Catalog => return self.listing(path),
            Role::Plan => {}
        }
        let folder: Arc<Path> = path.parent().unwrap_or(Path::new("")).into();
        let beside = tree::files(&folder, &apex, stem).path(&apex, Role::Zone);
        if !beside.exists() {
            return vec![plan_without_zone(path, &beside)];
        }
        let (zone, mut faults) = self.zone(&apex, &beside);
        if zone.is_some() {
            // Of the zone only that matters which keeps the plan from being judged.
            faults.clear();
        }
        faults.extend(self.plan(&apex, path, zone.as_ref()));
        faults
    }

    /// All that is wrong with a catalog zone of ours.
    fn catalog(&self, apex: &Name, files: &Files) -> Vec<Diagnostic> {
        let mut faults = self.listing(&files.path(apex, Role::Catalog));
        let others = [(Role::Zone, files.zone), (Role::Secondary, files.secondary)];
        faults.extend(others.iter().filter(|(_, is)| *is).map(|(role, _)| catalog_and_other(apex, files, *role)));
        if files.plan {
            faults.push(catalog_with_plan(apex, &files.path(apex, Role::Plan)));
        }
        faults
    }

    /// All that is wrong with a file that says which zones a catalog zone lists.
    fn listing(&self, path: &Path) -> Vec<Diagnostic> {
        let mut content = Vec::new();
        match read::whole(path, self.size_max, &mut content) {
            Ok(_) => listing::parse(&path.to_string_lossy().into(), &content).1,
            Err(error) => vec![unreadable(path, &error)],
        }
    }

    /// All that is wrong with a zone that is fetched, as far as its files say.
    fn secondary(&self, apex: &Name, files: &Files) -> Vec<Diagnostic> {
        let mut faults = self.primaries(&files.path(apex, Role::Secondary));
        if files.zone {
            faults.push(secondary_and_zone(apex, files));
        }
        if files.plan {
            faults.push(secondary_with_plan(apex, &files.path(apex, Role::Plan)));
        }
        faults
    }

    /// All that is wrong with a file that says from whom a zone is fetched.
    fn primaries(&self, path: &Path) -> Vec<Diagnostic> {
        let mut content = Vec::new();
        match read::whole(path, self.size_max, &mut content) {
            Ok(_) => {
                let (secondary, mut faults) = secondary::parse(&path.to_string_lossy().into(), &content);
                faults.extend(secondary.iter().flat_map(Secondary::faults));
                faults
            }
            Err(error) => vec![unreadable(path, &error)],
        }
    }

    /// All that is wrong with the portfolio in the file `path`, and with the plans that it makes for its zones in `tree`.
    pub fn portfolio(&self, path: &Path, tree: &mut Tree) -> Vec<Diagnostic> {
        tree.join();
        let reading = portfolio::read(&path.into());
        let mut faults = reading.faults().to_vec();
        let Reading::Sound(portfolio) = reading else { return faults };
        let real = path.canonicalize().ok();
        let is_it = |other: &Path| other == path || (real.is_some() && other.canonicalize().ok() == real);
        // The tree has it under the path that leads through the folder of zones.
        let known = tree.portfolios.iter().map(|(path, _)| path).find(|path| is_it(path)).cloned();
        let mut zones: Vec<_> =
            tree.zones.iter().filter(|(apex, files)| files.zone && portfolio.says.matches(apex.as_ref())).collect();
        if zones.is_empty() {
            faults.push(portfolio::no_zone(&portfolio));
        }
        zones.par_sort_by_key(|(apex, _)| *apex);
        let of_zone = |&(apex, files): &(&Name, &Files)| {
            let counts = files.portfolio.as_ref().is_some_and(|found| Some(&found.portfolio.path) == known.as_ref());
            match known.is_none() || (counts && !files.plan) {
                true => {
                    let rival = files.portfolio.as_ref().and_then(|found| found.rival.clone());
                    let membership = Membership { portfolio: portfolio.clone(), rival };
                    self.plan_alone(
                        apex,
                        &Files { plan: false, portfolio: Some(Arc::new(membership)), ..files.clone() },
                    )
                }
                false => files
                    .two_plans(apex)
                    .map(|(first, other)| portfolio::two_plans(apex, &first, &other))
                    .into_iter()
                    .collect(),
            }
        };
        faults.par_extend(zones.par_iter().flat_map_iter(of_zone));
        faults
    }

    /// The zone of `apex` in the file `path`, if it can be read, and all that is wrong with it.
    pub fn zone(&self, apex: &Name, path: &Path) -> (Option<Zone>, Vec<Diagnostic>) {
        let mut content = Vec::new();
        if let Err(error) = read::whole(path, self.size_max, &mut content) {
            return (None, vec![unreadable(path, &error)]);
        }
        let path: Arc<str> = path.to_string_lossy().into();
        let includes = Includes::new(self.top, self.real, self.size_max);
        let text::Loaded { zone, rest, mut diagnostics } = text::load(apex.as_ref(), &path, &content, &includes);
        let options = Options { origin: apex.as_ref(), default_ttl: None, include: &includes };
        let places = |wanted| text::locate_all(&path, &content, &options, wanted);
        if let Some(zone) = &zone {
            diagnostics.extend(check::check(&zone.view(), &places, self.now));
        } else if let Some((rest, _)) = rest.and_then(|rest| rest.finish().ok()) {
            // A record that can't be read takes no contradiction away, but it may be what seems to be missing.
            let faults = check::contradictions(&rest.view(), &places);
            diagnostics.extend(faults.into_iter().filter(|fault| fault.code != "zone-no-ns"));
        }
        (zone, diagnostics)
    }

    /// The schedule that the plan of `apex` makes, and what is wrong with it; if the zone can't be read, with that.
    pub fn schedule(&self, apex: &Name, files: &Files) -> (Option<Schedule>, Vec<Diagnostic>) {
        match self.zone(apex, &files.path(apex, Role::Zone)) {
            (Some(zone), _) => self.plan_of(apex, files, Some(&zone)),
            (None, faults) => (None, faults),
        }
    }

    fn plan(&self, apex: &Name, path: &Path, zone: Option<&Zone>) -> Vec<Diagnostic> {
        self.compile(apex, path, zone).1
    }

    fn compile(&self, apex: &Name, path: &Path, zone: Option<&Zone>) -> (Option<Schedule>, Vec<Diagnostic>) {
        let mut content = Vec::new();
        let metadata = match read::whole(path, self.size_max, &mut content) {
            Ok(metadata) => metadata,
            Err(error) => return (None, vec![unreadable(path, &error)]),
        };
        self.compile_text(apex, &path.to_string_lossy().into(), &content, came_at(&metadata), zone)
    }

    fn compile_text(
        &self,
        apex: &Name,
        path: &Arc<str>,
        content: &[u8],
        came_at: Instant,
        zone: Option<&Zone>,
    ) -> (Option<Schedule>, Vec<Diagnostic>) {
        match zone {
            Some(zone) => {
                let run = self.run(apex, path, content, came_at);
                let loaded = timeline::load(zone, path, content, &run);
                (loaded.schedule, timeline::check(zone, path, content, &run))
            }
            // Its zone can't be read, so that only what stands in the plan itself can be judged.
            None => (None, plan::parse(apex.as_ref(), path, content).1),
        }
    }

    /// Where the plan with this text stands: as the journal says, or as it would if it were armed now.
    fn run(&self, apex: &Name, path: &Arc<str>, content: &[u8], came_at: Instant) -> Run {
        let known = self.archive.and_then(|archive| archive.run_of(apex)).map(|(run, _)| run);
        if let Some(run) = known.filter(|run| run.plan == plan::digest_of(content)) {
            return run;
        }
        let (plan, _) = plan::parse(apex.as_ref(), path, content);
        match plan.map(|plan| plan.arming()) {
            Some(Arming::OnLoad) => Run::proposed(came_at.min(self.now)),
            _ => Run::proposed(self.now),
        }
    }
}
