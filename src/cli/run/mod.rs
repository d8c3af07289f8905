//! `watari arm`, `status`, `hold`, `resume`, `rollback`, `abort`, `promote`: what an operator does to plans and zones of a server
//! that runs.
//!
//! The server does it; here it is asked over its control socket, shown, and asked again to act. What the commands share:
//! finding the socket, and saying why that failed.

mod act;
mod commands;
mod keep;
mod person;
mod promote;
mod status;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{Exit, style};
use crate::control::settings::{Overrides, Settings, SettingsError};
use crate::control::socket::{AskError, Outcome, Reply};
use crate::control::{names, portfolio};

pub(super) use commands::{Abort, Approve, Arm, Hold, Resume, Rollback};
pub(super) use keep::{Freeze, Sync, Thaw};
pub(super) use promote::Promote;
pub(super) use status::Status;

/// Where the server is found.
#[derive(Debug, Args)]
struct Place {
    /// The folder of state of the server that runs [default: that of watari.toml, else state]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    state: Option<PathBuf>,
}

/// The command can't do what was asked.
#[derive(Debug, thiserror::Error)]
enum RunError {
    /// The zone's name is none.
    #[error("`{name}` is no domain name")]
    Name { name: String, source: names::ZoneNameError },
    /// The configuration can't be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The server can't be asked.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// Nobody saw what would be done.
    #[error("what would be done can't be printed, and nothing was done")]
    Show(#[source] io::Error),
    /// Whether to do it can't be read.
    #[error("the answer can't be read, and nothing was done")]
    Answer(#[source] io::Error),
    /// It can't be printed.
    #[error("what was asked for can't be printed")]
    Print(#[source] io::Error),
}

impl RunError {
    fn help(&self) -> Option<String> {
        match self {
            RunError::Ask(error) => error.help(),
            _ => None,
        }
    }
}

/// The folder of state as `watari serve` would find it.
fn state_folder(place: &Place) -> Result<PathBuf, SettingsError> {
    match &place.state {
        Some(named) => Ok(named.clone()),
        None => Settings::resolve(&Overrides::default()).map(|settings| settings.state),
    }
}

/// The name of the zone that was asked for, as the server spells it; of a portfolio, as it was written.
fn zone(name: &str) -> Result<String, RunError> {
    if portfolio::is_meant(name) {
        return Ok(name.to_owned());
    }
    let apex = names::asked(name).map_err(|source| RunError::Name { name: name.to_owned(), source })?;
    Ok(names::shown(apex.as_ref()))
}

fn end(done: Result<Exit, RunError>) -> Exit {
    match done {
        Ok(exit) => exit,
        Err(RunError::Settings(SettingsError::Faults(faults))) => {
            style::draw(&faults);
            Exit::Faults
        }
        Err(RunError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(error) => {
            style::failed(&error, error.help().as_deref());
            Exit::Failed
        }
    }
}

/// How a command ends with this reply.
fn exit(reply: &Reply) -> Exit {
    match reply.outcome {
        // Done of some zones, and not of others.
        Outcome::Done if reply.refused > 0 => Exit::Faults,
        Outcome::Shown | Outcome::Done => Exit::Fine,
        Outcome::Refused => Exit::Faults,
        Outcome::Failed => Exit::Failed,
    }
}

/// What goes to standard output of a reply: what is shown or done, and for programs also why it is not.
fn printed(reply: &Reply, json: bool) -> io::Result<String> {
    let is_fine = matches!(reply.outcome, Outcome::Shown | Outcome::Done);
    let mut text = match (json, is_fine) {
        (true, true) => serde_json::to_string_pretty(&reply.data)?,
        (true, false) => serde_json::to_string_pretty(&serde_json::json!({
            "outcome": reply.outcome,
            "text": reply.text,
            "help": reply.help,
            "data": reply.data,
            "diagnostics": reply.faults,
        }))?,
        (false, true) => reply.text.clone(),
        (false, false) => String::new(),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// Prints a reply and says on standard error why something is not done.
fn print(reply: &Reply, json: bool) -> io::Result<()> {
    put_out(&printed(reply, json)?)?;
    match reply.outcome {
        Outcome::Refused | Outcome::Failed if !json && reply.faults.is_empty() => {
            style::tell(&reply.text, reply.help.as_deref());
        }
        Outcome::Refused | Outcome::Failed if !json => anstream::eprintln!("{}", reply.text),
        _ => {}
    }
    Ok(())
}

fn put_out(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
