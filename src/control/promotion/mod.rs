//! Zones that were fetched and become ours: what that takes, in which order, and what a crash leaves of it.
//!
//! ```text
//!  asked ─► its primary is asked once more ─► prepared ─► shown
//!                                                │ agreed
//!                                                ▼
//!                    journal ─► NAME.zone ─► NAME.secondary.toml put aside ─► served from its file ─► ended
//! ```
//!
//! 1. The decision is in the journal before a file is touched; what a crash leaves after it, the next start finishes
//!    ([`recover`]), so that of the two files never both count, nor none.
//! 2. What is written is what is served, record by record, with its serial: it is read back and compared before anything
//!    is written. So no answer changes, and differences go on.
//! 3. From before it is prepared until it has ended nobody fetches the zone, and nobody else is at it.
//! 4. Nothing of a person is replaced or deleted: a file in the way is a refusal, and the old file stays under another name.

mod bridge;
mod prepare;
mod recover;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use prepare::{Prepared, Preparing, Surroundings};
pub use recover::recover;

use super::fingerprint::Fingerprint;
use super::owner::Ticket;
use super::socket::Reply;
use super::write;
use crate::clock::Instant;
use crate::timeline::Digest;
use crate::wire::Name;

/// How long the primaries may take to say whether they have something newer: a reply must come within a minute.
pub const ASKED_MAX: Duration = Duration::from_secs(45);
/// What the name of the file has until it is whole.
const MARK: &str = "promoted";
/// How many names are tried for the file that is put aside.
const ASIDE_MAX: usize = 100;

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct Promote {
    /// The way back.
    pub ticket: Ticket,
    /// The zone.
    pub apex: Name,
    /// Who asks.
    pub by: String,
    /// The token of what was shown, if it is to be done.
    pub act: Option<String>,
    /// Whether it is wanted although it has expired.
    pub even_expired: bool,
}

/// What a person asked for, and why it can't be done.
pub type Refused = Box<(Promote, Reply)>;

/// What was heard of the zone when its primaries were asked.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Who was heard of last, for people.
    pub source: String,
    /// When.
    pub at: Option<Instant>,
    /// Why nobody was now.
    pub error: Option<String>,
    /// What is remarkable besides, each in one sentence.
    pub remarks: Vec<String>,
    /// Whether it is no longer served.
    pub is_expired: bool,
}

/// The files of a zone that has become ours.
#[derive(Debug)]
pub struct Settled {
    /// What its file is on the disk.
    pub disk: Fingerprint,
    /// Where the file lies that said from whom it was fetched.
    pub aside: PathBuf,
}

/// The digest of the text of a zone file.
fn digest(text: &str) -> Digest {
    Digest::of([text.as_bytes()])
}

/// Writes the zone file, and puts the other one aside.
///
/// # Errors
/// Why not, in one sentence. Then the files are as they were.
fn settle(zone: &Path, secondary: &Path, text: &str) -> Result<Settled, String> {
    let mode = secondary.metadata().map(|metadata| metadata.permissions());
    write::marked(zone, text.as_bytes(), false, MARK).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{} is there meanwhile", zone.display()),
        _ => format!("{} can't be written: {error}", zone.display()),
    })?;
    // Who may read the one may read the other. If not that, the file is still what it should be.
    _ = mode.and_then(|mode| fs::set_permissions(zone, mode));
    let aside = put_aside(secondary).inspect_err(|_| {
        _ = fs::remove_file(zone);
        write::sync_folder(zone);
    })?;
    let disk = zone.metadata().map(|metadata| Fingerprint::default().with_file(&metadata)).unwrap_or_default();
    Ok(Settled { disk, aside })
}

/// Gives the file that says from whom a zone is fetched a name under which nobody looks for one.
fn put_aside(secondary: &Path) -> Result<PathBuf, String> {
    let aside = aside(secondary);
    fs::rename(secondary, &aside).map_err(|error| format!("{} can't be renamed: {error}", secondary.display()))?;
    write::sync_folder(secondary);
    Ok(aside)
}

/// That name: the first that is free.
fn aside(secondary: &Path) -> PathBuf {
    let name = |number: usize| {
        let mut name = secondary.file_name().unwrap_or_default().to_owned();
        name.push(if number == 1 { ".promoted".to_owned() } else { format!(".promoted.{number}") });
        secondary.with_file_name(name)
    };
    (1..ASIDE_MAX).map(name).find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| name(ASIDE_MAX))
}

/// Where this server may be reached by those who are to follow it.
pub type Listens = Arc<[SocketAddr]>;
