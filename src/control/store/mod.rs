//! The durable state: the journal of runs and the history of zones, in a database in the folder of state.
//!
//! It is SQLite, embedded. It keeps no state that could be worked out of something else: what happened, what was armed,
//! and which serials were promised. What follows from that, the compiler works out anew at each start.
//!
//! Rules:
//! 1. What is appended is on the disk when [`Store::append`] returns, all of it; if it returns an error, nothing is.
//!    (Where the disk itself failed at the end, a later start may find all of it: half of it, never.)
//! 2. One server at a time writes, and holds a lock for as long as it lives. Commands beside it only read, and
//!    a reader neither waits for the writer nor holds it up: both are what a write-ahead log is for.
//! 3. A file that can't be made sense of is left as it is. Whoever deletes it decides that nothing was ever armed.
//! 4. A journal that has no sense in one place has none: nothing is guessed.
//! 5. The history is what was, and nothing follows from it but what secondaries are sent: it is written beside the journal,
//!    over a connection of its own, in small transactions that hold up nobody.
//!
//! PostgreSQL can take the place of SQLite: see `schema` for what differs in the tables. There the lock is an advisory
//! lock of the session, the file's mode is the role's rights, and what is set in `prepare` has no counterpart, since
//! PostgreSQL does it so anyway.

pub mod change;
mod error;
mod journal;
mod lock;
mod members;
pub mod promotion;
mod received;
mod schema;
#[cfg(test)]
mod tests;
mod updates;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use self::lock::Lock;
use self::promotion::{Ended, Promotion};
use self::schema::{MIGRATIONS, Version};
use super::updates::{Overlaid, Written};
use crate::clock::Instant;
use crate::control::catalog_zone::{Enrolled, Noted};
use crate::control::secondary::{Copy, Kept};
use crate::timeline::conduct::PlanText;
use crate::timeline::run::{Entry, Promised, Run};
use crate::wire::Name;
use crate::zone::delta::Delta;

pub use self::error::StoreError;
pub use self::journal::Record;

/// The name of the database in the folder of state.
pub const DATABASE_FILE: &str = "watari.db";

/// How long another program that holds the database is waited for: who copies it is done sooner.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How many octets of the write-ahead log are kept once they are in the database.
const LOG_KEPT_MAX: i64 = 64 << 20;

/// The durable state. One thread uses it.
#[derive(Debug)]
pub struct Store {
    // Before the lock: what is dropped first is closed first.
    connection: Connection,
    _lock: Option<Lock>,
}

impl Store {
    /// Opens the database in `folder`, which is there, to write; makes it if it is not there, and brings it up to date.
    ///
    /// # Errors
    /// [`StoreError`], also at once if another server has the folder. The database is left as it was.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        let lock = Lock::take(folder)?;
        let path = folder.join(DATABASE_FILE);
        if recognise(&path)? == Found::Nothing {
            create(folder, &path).map_err(|source| StoreError::Create { path: path.clone(), source })?;
        }
        let mut connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Nothing is set or written before it is known whose the database is.
        let version = version(&connection, &path)?;
        prepare(&connection, &path)?;
        schema::migrate(&mut connection, MIGRATIONS, version).map_err(|failed| StoreError::Migrate {
            path,
            version: failed.version,
            source: failed.source,
        })?;
        Ok(Store { connection, _lock: Some(lock) })
    }

    /// Opens the database in `folder` only to read, also beside a server that writes; `None` if there is none yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_read_only(folder: &Path) -> Result<Option<Store>, StoreError> {
        let path = folder.join(DATABASE_FILE);
        if recognise(&path)? != Found::Database {
            return Ok(None);
        }
        let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        match version(&connection, &path)? {
            0 => Ok(None),
            version if version < known() => Err(StoreError::Older { path, version, known: known() }),
            _ => Ok(Some(Store { connection, _lock: None })),
        }
    }

    /// The history, to be written by one thread beside the one that has this.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn history(&self) -> Result<change::History, StoreError> {
        let path = self.connection.path().map(Path::new).unwrap_or(Path::new(""));
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        prepare(&connection, path)?;
        change::History::new(connection)
    }

    /// The changes of `apex` that are remembered, the last first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Change`].
    pub fn changes(&self, apex: &Name, limit: usize) -> Result<Vec<change::Change>, StoreError> {
        change::changes(&self.connection, apex, limit)
    }

    /// The zones of which changes are remembered.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Change`].
    pub fn changed_zones(&self) -> Result<Vec<Name>, StoreError> {
        change::zones(&self.connection)
    }

    /// What went and came with the change `id`; `None` if that is not remembered.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn delta(&self, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
        change::delta(&self.connection, id).map_err(StoreError::Read)
    }

    /// Opens the database in `folder` beside the one who writes the journal, to keep in it zones that are fetched.
    ///
    /// What is kept is on the disk a little later than this says (`received`, rule 4): each of ten thousand zones that
    /// are refreshed at a time would else wait for the disk by itself.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn beside(folder: &Path) -> Result<Store, StoreError> {
        let path = folder.join(DATABASE_FILE);
        let mut connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        prepare(&connection, &path)?;
        let relaxed = connection.pragma_update(None, "synchronous", "NORMAL");
        relaxed.and_then(|()| received::sweep(&mut connection)).map_err(|source| StoreError::Open { path, source })?;
        Ok(Store { connection, _lock: None })
    }

    /// Keeps what we have of `apex`: the `copy` whole, or only the `difference` that it now has from what is kept, if
    /// that is known. With the next start it is there, all of it, as heard of `at` an instant from somebody.
    ///
    /// # Errors
    /// [`StoreError::Keep`]; what was kept before is kept.
    pub fn keep(
        &mut self,
        apex: &Name,
        copy: &Copy,
        difference: Option<&Delta>,
        at: (Instant, &str),
    ) -> Result<(), StoreError> {
        received::keep(&mut self.connection, apex, copy, difference, at).map_err(|error| {
            // It may have been for want of room.
            _ = received::sweep(&mut self.connection);
            StoreError::Keep(error)
        })
    }

    /// Puts down `at` which instant the primary of `apex` was heard of, and who that was.
    ///
    /// # Errors
    /// [`StoreError::Keep`].
    pub fn refreshed(&mut self, apex: &Name, at: (Instant, &str)) -> Result<(), StoreError> {
        received::refreshed(&self.connection, apex, at).map_err(StoreError::Keep)
    }

    /// Lets go of what is kept of `apex`.
    ///
    /// # Errors
    /// [`StoreError::Keep`].
    pub fn forget(&mut self, apex: &Name) -> Result<(), StoreError> {
        let mut forget = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            received::forget(&transaction, apex)?;
            transaction.commit()
        };
        forget().map_err(StoreError::Keep)
    }

    /// What is kept of `apex`; nothing of a member of a catalog zone that is one no longer.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Received`].
    pub fn received(&self, apex: &Name) -> Result<Option<Kept>, StoreError> {
        received::read(&self.connection, apex, false)
    }

    /// What is kept of `apex`, which is a member of a catalog zone, perhaps again.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Received`].
    pub fn received_of_member(&self, apex: &Name) -> Result<Option<Kept>, StoreError> {
        received::read(&self.connection, apex, true)
    }

    /// Puts down who is a member of which catalog zone, all of it or nothing.
    ///
    /// # Errors
    /// [`StoreError::Keep`].
    pub fn note_members(&mut self, notes: &[(Name, Noted)]) -> Result<(), StoreError> {
        members::note(&mut self.connection, notes).map_err(StoreError::Keep)
    }

    /// Who is a member of which catalog zone, or was one not long ago.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Member`].
    pub fn members(&self) -> Result<Vec<(Name, Enrolled)>, StoreError> {
        members::all(&self.connection)
    }

    /// Appends `records` in this order, all or nothing; they are on the disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`]: of the database, of a record that no run is there for, or of a run that would begin without its
    /// plan.
    pub fn append(&mut self, records: &[Record]) -> Result<(), StoreError> {
        self.append_with(records, &[], &[])
    }

    /// The same, together with what updates have made of zones, and which zones become ours.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn append_with(
        &mut self,
        records: &[Record],
        written: &[Written],
        promotions: &[Promotion],
    ) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction.map_err(StoreError::Append)?;
        for record in records {
            journal::append(&transaction, record)?;
        }
        for written in written {
            updates::write(&transaction, written).map_err(StoreError::Append)?;
        }
        for promotion in promotions {
            promotion::begin(&transaction, promotion).map_err(StoreError::Append)?;
        }
        transaction.commit().map_err(StoreError::Append)
    }

    /// What updates have made of zones whose files people edit.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Updates`].
    pub fn overlays(&self) -> Result<Vec<(Name, Overlaid)>, StoreError> {
        updates::all(&self.connection)
    }

    /// Puts down what became of the promotion of `apex` that is under way. Of a zone that is ours nothing is kept as
    /// fetched.
    ///
    /// # Errors
    /// [`StoreError::Append`], [`StoreError::Keep`].
    pub fn end_promotion(&mut self, apex: &Name, ended: Ended) -> Result<(), StoreError> {
        if ended == Ended::Done {
            self.forget(apex)?;
        }
        promotion::end(&self.connection, apex, ended).map_err(StoreError::Append)
    }

    /// The promotions that are under way: those that a crash has cut short.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Promotion`].
    pub fn promotions_under_way(&self) -> Result<Vec<Promotion>, StoreError> {
        promotion::under_way(&self.connection)
    }

    /// The promotions of `apex`, the last first.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Promotion`].
    pub fn promotions(&self, apex: &Name) -> Result<Vec<Promotion>, StoreError> {
        promotion::of_zone(&self.connection, apex)
    }

    /// Puts down that time has come to `at`, if that is news.
    ///
    /// # Errors
    /// [`StoreError::Append`].
    pub fn reach(&mut self, at: Instant) -> Result<(), StoreError> {
        journal::reach(&self.connection, at).map_err(StoreError::Append)
    }

    /// The last run of every zone that ever had one, and the serials that are promised; the run that began first comes
    /// first.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Understand`].
    pub fn runs(&self) -> Result<Vec<(Name, Run, Vec<Promised>)>, StoreError> {
        let mut runs = Vec::new();
        self.each_run(|apex, run, promised| runs.push((apex, run, promised)))?;
        Ok(runs)
    }

    /// Gives `take` what [`Store::runs`] returns, one by one: of a hundred thousand not all need be there at once.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Understand`].
    pub fn each_run(&self, take: impl FnMut(Name, Run, Vec<Promised>)) -> Result<(), StoreError> {
        journal::each_run(&self.connection, take)
    }

    /// The last run of `apex`, and the serials that are promised.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Understand`].
    pub fn run_of(&self, apex: &Name) -> Result<Option<(Run, Vec<Promised>)>, StoreError> {
        journal::run_of(&self.connection, apex)
    }

    /// The plan of the last run of `apex`, as it was armed.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn plan_text(&self, apex: &Name) -> Result<Option<PlanText>, StoreError> {
        journal::plan_text(&self.connection, apex).map_err(StoreError::Read)
    }

    /// Everything that happened to the runs of `apex`, each with its run's number, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Understand`].
    pub fn entries(&self, apex: &Name) -> Result<Vec<(i64, Entry)>, StoreError> {
        journal::entries(&self.connection, apex)
    }

    /// The latest instant at which anything was decided, or that was reached: the clock must not go behind it.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn last_at(&self) -> Result<Option<Instant>, StoreError> {
        journal::last_at(&self.connection).map_err(StoreError::Read)
    }
}

/// What lies where the database should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// A file without content: a server ended between making and filling it.
    Empty,
    Database,
}

/// Looks at what lies at `path` before SQLite may, which takes a file of one octet for an empty one, and deletes the log
/// beside an empty one. What has content SQLite can judge.
///
/// It is not opened: to close it would take away the locks that this process may have on it (fcntl(2)).
fn recognise(path: &Path) -> Result<Found, StoreError> {
    let found = match path.metadata() {
        Ok(file) if file.len() > 1 => return Ok(Found::Database),
        Ok(file) if file.len() == 1 => return Err(StoreError::NoDatabase { path: path.to_owned(), source: None }),
        Ok(_) => Found::Empty,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Nothing,
        Err(source) => return Err(StoreError::Create { path: path.to_owned(), source }),
    };
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    match Path::new(&log).metadata() {
        Ok(log) if log.len() > 0 => Err(StoreError::LogAlone { path: path.to_owned() }),
        _ => Ok(found),
    }
}

/// Makes the file, empty and nobody else's. The files that SQLite puts beside it have its mode.
fn create(folder: &Path, path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // The names too must outlive a loss of power; some file systems can't promise it, and do without.
    for folder in [Some(folder), folder.parent()].into_iter().flatten() {
        _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, StoreError> {
    let opened = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let ready = opened.and_then(|connection| connection.busy_timeout(BUSY_TIMEOUT).map(|()| connection));
    ready.map_err(|source| StoreError::Open { path: path.to_owned(), source })
}

/// The version of this program's tables.
fn known() -> i64 {
    MIGRATIONS.len() as i64
}

/// The version of the tables in `connection`, 0 if there are none, if this program can do anything with them.
fn version(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let path = path.to_owned();
    match schema::version(connection) {
        Ok(Version::Empty) => Ok(0),
        Ok(Version::At(version)) if version > known() => Err(StoreError::Newer { path, version, known: known() }),
        Ok(Version::At(version)) => Ok(version),
        Ok(Version::Foreign) => Err(StoreError::Foreign { path }),
        Err(source) => match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Err(StoreError::NoDatabase { path, source: Some(source) })
            }
            _ => Err(StoreError::Open { path, source }),
        },
    }
}

/// Sets what SQLite does not do unless it is told.
fn prepare(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let set = || -> rusqlite::Result<String> {
        // To the disk at the end of each transaction: what follows from an event is served at once.
        connection.pragma_update(None, "synchronous", "FULL")?;
        let mode = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update_and_check(None, "journal_size_limit", LOG_KEPT_MAX, |_| Ok(()))?;
        Ok(mode)
    };
    let path = path.to_owned();
    match set() {
        Ok(mode) if mode.eq_ignore_ascii_case("wal") => Ok(()),
        Ok(_) => Err(StoreError::WriteAhead { path }),
        Err(source) => Err(StoreError::Open { path, source }),
    }
}
