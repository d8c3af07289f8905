//! `watari plan show`: what a plan does, step by step.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Exit, PlanShow, style};
use crate::clock::{Instant, Ratchet};
use crate::control::examine::Examiner;
use crate::control::names::{self, Role};
use crate::control::settings::{self, CONFIG_FILE, SettingsError, ZONE_FILE_SIZE_DEFAULT, ZONES_DEFAULT};
use crate::control::tree::{Files, Tree};
use crate::diag::Diagnostic;
use crate::timeline::{Schedule, show};
use crate::wire::Name;

/// The plan can't be shown.
#[derive(Debug, thiserror::Error)]
enum ShowError {
    /// The zone's name is none.
    #[error("`{name}` is no domain name")]
    Name { name: String, source: names::ZoneNameError },
    /// There is no such zone.
    #[error("there is no zone {zone} in {folder}")]
    NoZone { zone: String, folder: String },
    /// It has no plan.
    #[error("the zone {zone} has no plan")]
    NoPlan { zone: String, path: String },
    /// Something can't be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// It can't be printed.
    #[error("the plan can't be printed")]
    Print(#[from] io::Error),
}

impl ShowError {
    fn help(&self) -> Option<String> {
        match self {
            ShowError::NoZone { .. } => Some("name the folder of your zone files with --zones DIR".to_owned()),
            ShowError::NoPlan { path, .. } => Some(format!("write one: {path}; `docs/plan-format.md` says how")),
            _ => None,
        }
    }
}

/// Shows the plan that was named.
pub(super) fn show(arguments: &PlanShow) -> Exit {
    match try_show(arguments) {
        Ok(exit) => exit,
        Err(ShowError::Settings(SettingsError::Faults(faults))) => {
            style::draw(&faults);
            Exit::Faults
        }
        Err(ShowError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(error) => {
            style::failed(&error, error.help().as_deref());
            Exit::Failed
        }
    }
}

fn try_show(arguments: &PlanShow) -> Result<Exit, ShowError> {
    // To the second: a person reads it.
    let now = Instant::from_unix_seconds(Ratchet::new(Instant::from_unix_seconds(0)).now().unix_seconds());
    let top = zones_folder(arguments.zones.as_deref())?;
    let (apex, files) = find(&arguments.name, &top)?;
    let real = top.canonicalize().ok();
    let examiner = Examiner { top: &top, real: real.as_deref(), size_max: ZONE_FILE_SIZE_DEFAULT, now };
    let (schedule, faults) = examiner.schedule(&apex, &files);
    let Some(schedule) = schedule else {
        print_faults(arguments.json, &faults)?;
        return Ok(Exit::Faults);
    };
    print(&schedule, now, arguments.json)?;
    if !arguments.json && !faults.is_empty() {
        style::draw(&faults);
    }
    Ok(Exit::Fine)
}

fn find(name: &str, top: &Path) -> Result<(Name, Files), ShowError> {
    let apex = match name {
        "." => Name::root(),
        _ => names::apex(name).map_err(|source| ShowError::Name { name: name.to_owned(), source })?,
    };
    let mut tree = Tree::read(top);
    if tree.is_unreadable {
        return Err(SettingsError::Faults(tree.faults).into());
    }
    let zone = names::shown(apex.as_ref());
    let files = tree.zones.remove(&apex).filter(|files| files.zone);
    let Some(files) = files else { return Err(ShowError::NoZone { zone, folder: top.display().to_string() }) };
    if !files.plan {
        let path = files.path(&apex, Role::Plan).display().to_string();
        return Err(ShowError::NoPlan { zone, path });
    }
    Ok((apex, files))
}

/// The folder of zones: the one that was named, that of the configuration, or the default.
pub(super) fn zones_folder(named: Option<&Path>) -> Result<PathBuf, SettingsError> {
    let config = Path::new(CONFIG_FILE);
    match named {
        Some(named) => Ok(named.to_owned()),
        None if config.exists() => {
            let (config, faults) = settings::read(config)?;
            if faults.iter().any(Diagnostic::is_error) {
                return Err(SettingsError::Faults(faults));
            }
            Ok(config.zones.map_or_else(|| ZONES_DEFAULT.into(), PathBuf::from))
        }
        None => Ok(ZONES_DEFAULT.into()),
    }
}

fn print(schedule: &Schedule, now: Instant, json: bool) -> io::Result<()> {
    let shown = if json {
        serde_json::to_string_pretty(schedule)? + "\n"
    } else {
        show::render(schedule, now, style::stdout_is_styled())
    };
    io::stdout().write_all(shown.as_bytes())
}

fn print_faults(json: bool, faults: &[Diagnostic]) -> io::Result<()> {
    if !json {
        style::draw(faults);
        return Ok(());
    }
    let shown = serde_json::to_string_pretty(&serde_json::json!({ "diagnostics": faults }))? + "\n";
    io::stdout().write_all(shown.as_bytes())
}
