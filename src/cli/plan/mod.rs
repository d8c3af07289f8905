//! `watari plan …`: what plans do, and what is wrong with them.
//!
//! What the commands share: finding a zone and its plan, and saying why that failed.

mod at;
mod check;
mod diff;
mod new;
mod parent;
mod portfolio;
mod show;
mod simulate;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueHint};

use super::{Exit, print_json, print_text, style};
use crate::clock::{Instant, Ratchet};
use crate::control::examine::Examiner;
use crate::control::load::unreadable;
use crate::control::names::{self, Role};
use crate::control::read;
use crate::control::running::Archive;
use crate::control::settings::{
    self, CONFIG_FILE, Overrides, Settings, SettingsError, ZONE_FILE_SIZE_DEFAULT, ZONES_DEFAULT,
};
use crate::control::tree::{Files, Tree};
use crate::diag::{Diagnostic, similar};
use crate::net::ask::{DelegationError, ResolverError};
use crate::timeline::plan::probe::Probe;
use crate::timeline::{Schedule, plan};
use crate::wire::Name;

/// Write plans, and look at them: what they do and when, and what is wrong with them.
#[derive(Debug, Subcommand)]
pub(super) enum Plan {
    // Boxed: it has many flags.
    New(Box<new::New>),
    Show(show::Show),
    At(at::At),
    Diff(diff::Diff),
    Check(check::Check),
    Parent(parent::Parent),
    Simulate(simulate::Simulate),
}

impl Plan {
    pub(super) fn run(&self) -> Exit {
        let done = match self {
            Plan::New(arguments) => new::run(arguments),
            Plan::Show(arguments) => show::run(arguments),
            Plan::At(arguments) => at::run(arguments),
            Plan::Diff(arguments) => diff::run(arguments),
            Plan::Check(arguments) => check::run(arguments),
            Plan::Parent(arguments) => parent::run(arguments),
            Plan::Simulate(arguments) => simulate::run(arguments),
        };
        done.unwrap_or_else(|error| error.end())
    }
}

/// Where zones and plans are.
#[derive(Debug, Args)]
struct Place {
    /// The folder of zone files and plans [default: that of watari.toml, else zones]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    zones: Option<PathBuf>,
    /// The folder of state, which knows what was armed [default: that of watari.toml, else state]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    state: Option<PathBuf>,
}

/// The command can't do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlanError {
    /// The zone's name is none.
    #[error("`{name}` is no domain name")]
    Name { name: String, source: names::ZoneNameError },
    /// There is no such zone.
    #[error("there is no zone {zone} in {folder}")]
    NoZone { zone: String, folder: String, similar: Option<String> },
    /// There is no such portfolio.
    #[error("there is no portfolio {name} in {folder}")]
    NoPortfolio { name: String, folder: String, similar: Option<String> },
    /// There is more than one.
    #[error("{name} is the name of more than one portfolio")]
    Portfolios { name: String, paths: String },
    /// It has no plan.
    #[error("the zone {zone} has no plan")]
    NoPlan { zone: String, path: String },
    /// It has one, which is not to be replaced.
    #[error("the zone {zone} has a plan already: {path}")]
    Exists { zone: String, path: String },
    /// The plan can't be written.
    #[error("the plan {path} can't be written")]
    Write { path: String, source: io::Error },
    /// The picture can't be written.
    #[error("the picture {path} can't be written")]
    Picture { path: String, source: io::Error },
    /// Something can't be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The parent's servers can't be looked for.
    #[error("no resolver is known")]
    Resolver(#[from] ResolverError),
    /// The parent says nothing.
    #[error(transparent)]
    Delegation(#[from] DelegationError),
    /// It can't be printed.
    #[error("what was asked for can't be printed")]
    Print(#[from] io::Error),
}

impl PlanError {
    /// Says why the command could not run, and how it ends.
    pub(super) fn end(self) -> Exit {
        match self {
            PlanError::Settings(SettingsError::Faults(faults)) => {
                style::draw(&faults);
                Exit::Faults
            }
            PlanError::Print(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
            error => {
                style::failed(&error, error.help().as_deref());
                Exit::Failed
            }
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            PlanError::NoZone { similar: Some(similar), .. } => Some(format!("did you mean {similar}?")),
            PlanError::NoPortfolio { similar: Some(similar), .. } => Some(format!("did you mean {similar}?")),
            PlanError::NoPortfolio { .. } => Some("a portfolio is called NAME.portfolio.toml".to_owned()),
            PlanError::Portfolios { paths, .. } => Some(format!("name one of them: {paths}")),
            PlanError::NoZone { .. } => Some("name the folder of your zone files with --zones DIR".to_owned()),
            PlanError::NoPlan { path, .. } => {
                Some(format!("write one: {path}; `watari plan new` does, and `docs/plan-format.md` says how"))
            }
            PlanError::Exists { zone, .. } => {
                Some(format!("look at it with `watari plan show {zone}`; --force replaces it, --stdout only prints"))
            }
            PlanError::Resolver(_) => {
                Some("name one with --resolver ADDR, or the parent's servers with --server".to_owned())
            }
            PlanError::Delegation(error) => error.help(),
            _ => None,
        }
    }
}

/// The present, to the second: people read it.
fn present() -> Instant {
    Ratchet::new(Instant::from_unix_seconds(0)).now().whole_seconds()
}

/// An instant in the form of a plan's `at`.
pub(super) fn parse_instant(text: &str) -> Result<jiff::Zoned, String> {
    plan::parse_instant(text).map_err(|fault| {
        let help = fault.help.as_ref().map(|help| format!(": {help}")).unwrap_or_default();
        fault.message.clone() + &help
    })
}

/// The files of the zone that was named.
fn find_zone(name: &str, top: &Path) -> Result<(Name, Files), PlanError> {
    let apex = names::asked(name).map_err(|source| PlanError::Name { name: name.to_owned(), source })?;
    let mut tree = Tree::read(top);
    if tree.is_unreadable {
        return Err(SettingsError::Faults(tree.faults).into());
    }
    // What is wrong with portfolios, `watari check` says.
    tree.join();
    let zone = names::shown(apex.as_ref());
    if let Some(files) = tree.zones.remove(&apex).filter(|files| files.zone) {
        return Ok((apex, files));
    }
    let known: Vec<_> =
        tree.zones.iter().filter(|(_, files)| files.zone).map(|(apex, _)| names::shown(apex.as_ref())).collect();
    let similar = similar(&zone, known.iter().map(String::as_str)).map(str::to_owned);
    Err(PlanError::NoZone { zone, folder: top.display().to_string(), similar })
}

/// The files of the zone that was named, which has a plan.
fn find(name: &str, top: &Path) -> Result<(Name, Files), PlanError> {
    let (apex, files) = find_zone(name, top)?;
    if !files.plan && files.portfolio.is_none() {
        let path = files.path(&apex, Role::Plan).display().to_string();
        return Err(PlanError::NoPlan { zone: names::shown(apex.as_ref()), path });
    }
    Ok((apex, files))
}

/// The zone that was named, and the probes of its plan; none if there are errors among the faults.
pub(super) fn probes(name: &str, zones: Option<&Path>) -> Result<Planned, PlanError> {
    let top = zones_folder(zones)?;
    let (apex, files) = find(name, &top)?;
    let (path, text) = match &files.portfolio {
        Some(membership) if !files.plan => {
            let plan = &membership.portfolio.plan;
            (Arc::clone(&plan.path), plan.text.to_vec())
        }
        _ => {
            let path = files.path(&apex, Role::Plan);
            let mut text = Vec::new();
            if let Err(error) = read::whole(&path, ZONE_FILE_SIZE_DEFAULT, &mut text) {
                return Err(SettingsError::Faults(vec![unreadable(&path, &error)]).into());
            }
            (path.to_string_lossy().into(), text)
        }
    };
    let (plan, mut faults) = plan::parse(apex.as_ref(), &path, &text);
    faults.retain(Diagnostic::is_error);
    let probes = plan.into_iter().flat_map(|plan| plan.probes).map(|probe| probe.value).collect();
    Ok(Planned { apex, probes, faults })
}

/// The probes of a zone's plan.
pub(super) struct Planned {
    pub(super) apex: Name,
    pub(super) probes: Vec<Probe>,
    /// The errors of the plan.
    pub(super) faults: Vec<Diagnostic>,
}

/// The schedule of the plan of the zone that was named, `now`; none if there are errors among the faults.
fn schedule(name: &str, place: &Place, now: Instant) -> Result<(Option<Schedule>, Vec<Diagnostic>), PlanError> {
    let top = zones_folder(place.zones.as_deref())?;
    let (apex, files) = find(name, &top)?;
    let real = top.canonicalize().ok();
    let archive = archive(place.state.as_deref())?;
    let size_max = ZONE_FILE_SIZE_DEFAULT;
    let examiner = Examiner { top: &top, real: real.as_deref(), size_max, now, archive: Some(&archive) };
    Ok(examiner.schedule(&apex, &files))
}

/// What was armed: in the folder of state that was named, that of the configuration, or the default.
pub(super) fn archive(named: Option<&Path>) -> Result<Archive, SettingsError> {
    let overrides = Overrides { state: named.map(Path::to_owned), ..Overrides::default() };
    Settings::resolve(&overrides).map(|settings| Archive::open(&settings.state))
}

/// The folder of zones: the one that was named, that of the configuration, or the default.
fn zones_folder(named: Option<&Path>) -> Result<PathBuf, SettingsError> {
    let config = Path::new(CONFIG_FILE);
    match named {
        Some(named) => Ok(named.to_owned()),
        None if config.exists() => {
            let (config, _, faults) = settings::read(config)?;
            if faults.iter().any(Diagnostic::is_error) {
                return Err(SettingsError::Faults(faults));
            }
            Ok(config.zones.map_or_else(|| ZONES_DEFAULT.into(), PathBuf::from))
        }
        None => Ok(ZONES_DEFAULT.into()),
    }
}

fn print_faults(json: bool, faults: &[Diagnostic]) -> io::Result<()> {
    if !json {
        style::draw(faults);
        return Ok(());
    }
    print_json(&serde_json::json!({ "diagnostics": faults }))
}
