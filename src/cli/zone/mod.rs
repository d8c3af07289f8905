//! `watari zone …`: what became of zones, from the history in the folder of state, for which no server need run; and what is
//! done with zones that are updated.

mod diff;
mod log;

use std::io;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{Exit, run, style};
use crate::control::names;
use crate::control::settings::{Overrides, Settings, SettingsError};
use crate::control::store::{Store, StoreError};
use crate::wire::Name;

/// Look at the history of zones: what changed, when, and by whom; and at what dynamic updates have made of their files.
#[derive(Debug, Subcommand)]
pub(super) enum Zone {
    Log(log::Log),
    Diff(diff::Diff),
    Freeze(run::Freeze),
    Thaw(run::Thaw),
    Sync(run::Sync),
}

impl Zone {
    pub(super) fn run(&self) -> Exit {
        let done = match self {
            Zone::Log(arguments) => log::run(arguments),
            Zone::Diff(arguments) => diff::run(arguments),
            Zone::Freeze(arguments) => return arguments.run(),
            Zone::Thaw(arguments) => return arguments.run(),
            Zone::Sync(arguments) => return arguments.run(),
        };
        done.unwrap_or_else(ZoneError::end)
    }
}

/// Where the history is.
#[derive(Debug, Args)]
struct Place {
    /// The folder of state [default: that of watari.toml, else state]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    state: Option<PathBuf>,
}

/// The command can't do what was asked.
#[derive(Debug, thiserror::Error)]
enum ZoneError {
    /// The zone's name is none.
    #[error("`{name}` is no domain name")]
    Name { name: String, source: names::ZoneNameError },
    /// The configuration can't be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// There is no database.
    #[error("there is no history in the folder of state {folder}")]
    NoStore { folder: String },
    /// It can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing is remembered of the zone.
    #[error("no change of {zone} is remembered")]
    NoChange { zone: String },
    /// The serial was not served, as far as is remembered.
    #[error("it is not remembered that {zone} was served with serial {serial}")]
    Serial { zone: String, serial: u32, known: String },
    /// Between two editions the records are not known.
    #[error("which records of {zone} went and came from serial {before} to {after} is not known")]
    Gap { zone: String, before: u32, after: u32 },
    /// It can't be printed.
    #[error("what was asked for can't be printed")]
    Print(#[from] io::Error),
}

impl ZoneError {
    fn end(self) -> Exit {
        match self {
            ZoneError::Settings(SettingsError::Faults(faults)) => {
                style::draw(&faults);
                Exit::Faults
            }
            ZoneError::Print(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
            error => {
                style::failed(&error, error.help().as_deref());
                let is_unknown =
                    matches!(error, ZoneError::NoChange { .. } | ZoneError::Serial { .. } | ZoneError::Gap { .. });
                if is_unknown { Exit::Faults } else { Exit::Failed }
            }
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            ZoneError::NoStore { .. } => Some("name the folder of the server's state with --state DIR".to_owned()),
            ZoneError::Store(error) => error.help(),
            ZoneError::NoChange { .. } => {
                Some("changes are remembered from the first that a server sees while it runs".to_owned())
            }
            ZoneError::Serial { known, .. } => Some(format!("remembered are, the last first: {known}")),
            ZoneError::Gap { .. } => Some(
                "its file was edited while no server ran, or too many records went and came; ask for the time before or \
                 after that"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// The zone that was named, and the store of the server that keeps its history.
fn open(name: &str, place: &Place) -> Result<(Name, Store), ZoneError> {
    let apex = names::asked(name).map_err(|source| ZoneError::Name { name: name.to_owned(), source })?;
    let folder = match &place.state {
        Some(named) => named.clone(),
        None => Settings::resolve(&Overrides::default())?.state,
    };
    let store = Store::open_read_only(&folder)?;
    let store = store.ok_or_else(|| ZoneError::NoStore { folder: folder.display().to_string() })?;
    Ok((apex, store))
}
