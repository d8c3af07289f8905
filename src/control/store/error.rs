//! Why the store could not do what was asked, and a way out.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;

use crate::wire::Name;

/// The store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The lock of the folder could not be asked for.
    #[error("the lock {} can't be taken", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another server has the folder.
    #[error("another server{} uses the folder of state {}", numbered(*process), folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The server's process, if it could be read.
        process: Option<u32>,
    },
    /// The file of the database could be neither found nor made.
    #[error("the database {} can be neither found nor made", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database could not be opened.
    #[error("the database {} can't be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the database said.
        source: rusqlite::Error,
    },
    /// The file system has not what the database needs.
    #[error("the database {} can't keep a write-ahead log where it is", path.display())]
    WriteAhead {
        /// The file.
        path: PathBuf,
    },
    /// It is a file of another kind, or one that was damaged.
    #[error("the file {} is no database", path.display())]
    NoDatabase {
        /// The file.
        path: PathBuf,
        /// What the database said, if it was asked.
        source: Option<rusqlite::Error>,
    },
    /// The database has gone, and what was not yet written to it is still there.
    #[error("the database {} has gone, and its write-ahead log has not", path.display())]
    LogAlone {
        /// The file of the database.
        path: PathBuf,
    },
    /// It is a database of somebody else's.
    #[error("the database {} is not one of Watari's", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later version of the program has written it.
    #[error("the database {} has version {version} and this program knows version {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i64,
        /// The highest that is known.
        known: i64,
    },
    /// An earlier version of the program has written it, and it is only to be read.
    #[error("the database {} has version {version} and this program reads version {known}", path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i64,
        /// The one that is read.
        known: i64,
    },
    /// The database could not be brought to a version.
    #[error("the database {} can't be brought to version {version}", path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// The version.
        version: i64,
        /// What the database said.
        source: rusqlite::Error,
    },
    /// What happened could not be written.
    #[error("the journal can't be written")]
    Append(#[source] rusqlite::Error),
    /// Something happened to a run that is not there.
    #[error("the journal has no run of {apex} that this could have happened to: {kind}")]
    NoRun {
        /// The zone.
        apex: Name,
        /// What happened.
        kind: &'static str,
    },
    /// A plan was armed without its text, or a text came with something else.
    #[error("a run of {apex} begins with its plan and with nothing else, not with: {kind}")]
    Beginning {
        /// The zone.
        apex: Name,
        /// What happened.
        kind: &'static str,
    },
    /// The journal could not be read.
    #[error("the journal can't be read")]
    Read(#[source] rusqlite::Error),
    /// What updates have made of a zone is not what this program writes.
    #[error("what is kept of the updates of {apex} has no sense")]
    Updates {
        /// The zone.
        apex: String,
    },
    /// What is kept of a zone's promotion is not what this program writes.
    #[error("what is kept of the promotion of {apex} has no sense")]
    Promotion {
        /// The zone.
        apex: String,
    },
    /// Something in the history is not what this program writes.
    #[error("the history has no sense at change {id}: {what}")]
    Change {
        /// The change.
        id: i64,
        /// What has none.
        what: &'static str,
    },
    /// A change could not be written.
    #[error("the history can't be written")]
    Note(#[source] rusqlite::Error),
    /// A zone that was fetched could not be kept.
    #[error("what was fetched can't be kept")]
    Keep(#[source] rusqlite::Error),
    /// What is kept of a zone that was fetched makes no sense.
    #[error("what is kept of {apex} makes no sense")]
    Received {
        /// The zone.
        apex: Name,
    },
    /// What is known of a member of a catalog zone makes no sense.
    #[error("what is known of {apex}, a member of a catalog zone, makes no sense")]
    Member {
        /// The zone, as it is written there.
        apex: String,
    },
    /// Something in the journal is not what this program writes.
    #[error("the journal has no sense at run {run}: {what}")]
    Understand {
        /// The run.
        run: i64,
        /// What has none.
        what: &'static str,
        /// Why.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

fn numbered(process: Option<u32>) -> String {
    process.map(|process| format!(" (process {process})")).unwrap_or_default()
}

impl StoreError {
    /// A way out.
    pub fn help(&self) -> Option<String> {
        let help = match self {
            StoreError::Lock { .. } | StoreError::Create { .. } => "name a folder that may be written with --state DIR",
            StoreError::InUse { .. } => "stop it, or name another folder with --state DIR",
            StoreError::WriteAhead { .. } => "name a folder on a disk of this machine with --state DIR",
            StoreError::NoDatabase { .. } | StoreError::Foreign { .. } => {
                "it was left as it is: put a copy of the database in its place, or move it away; without it no plan counts \
                 as armed before"
            }
            StoreError::LogAlone { .. } => {
                "it was left as it is: put the database back, or move the files watari.db-wal and watari.db-shm away too"
            }
            StoreError::Newer { .. } => {
                "it was left as it is: start the version of Watari that wrote it, or put a copy from before in its place"
            }
            StoreError::Older { .. } => "start this version's server once: it brings the database up to date",
            StoreError::Migrate { source, .. } => {
                return Some(of_database(source).unwrap_or("it was left at the version before").to_owned());
            }
            StoreError::Understand { .. }
            | StoreError::Updates { .. }
            | StoreError::Promotion { .. }
            | StoreError::Change { .. } => {
                "something else has written to it, or it is damaged: put a copy of the database in its place"
            }
            StoreError::Open { source, .. }
            | StoreError::Append(source)
            | StoreError::Note(source)
            | StoreError::Keep(source)
            | StoreError::Read(source) => {
                return of_database(source).map(str::to_owned);
            }
            StoreError::Received { .. } => "it is fetched anew",
            StoreError::Member { .. } => {
                "take it out of the table `member`: it is enrolled anew when its catalog zone is read"
            }
            StoreError::NoRun { .. } | StoreError::Beginning { .. } => return None,
        };
        Some(help.to_owned())
    }
}

/// A way out of what the database says.
fn of_database(error: &rusqlite::Error) -> Option<&'static str> {
    match error.sqlite_error_code()? {
        ErrorCode::DiskFull => Some("make room on the disk of the folder of state"),
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => {
            Some("its folder and all files in it must be readable and writable to the user that the server runs as")
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Some("another program holds it: end that"),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Some("it is damaged: put a copy of it in its place"),
        ErrorCode::SystemIoFailure => Some("look at the disk of the folder of state"),
        _ => None,
    }
}
