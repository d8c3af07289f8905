//! The history's statements: what went and came when another edition of a zone began to be served.
//!
//! 1. Each row begins where the one before of its zone ended; a row without its delta is a gap that says so.
//! 2. The last row of a zone stays as long as any: it says what the zone was when the server was stopped.
//! 3. It is bounded by octets, of a zone and in all; the oldest rows go first. Nothing else leans on them: what a plan does
//!    is worked out from its text.

use std::fmt;
use std::str::FromStr;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior};

use super::StoreError;
use super::journal::{key, text};
use crate::clock::Instant;
use crate::timeline::Serial;
use crate::wire::Name;
use crate::zone::sum::Sum;

/// What a row counts for beside its delta: its other columns and its share of the index, about.
pub const ROW_LEN: u64 = 256;
/// The most rows that are taken away in one transaction.
const PRUNED_MAX: usize = 256;

/// What a change came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The zone file was edited.
    File,
    /// A plan took a step, or it was decided about one.
    Plan,
    /// A dynamic update (RFC 2136).
    Update,
    /// It was transferred from a primary.
    Transfer,
    /// A catalog zone of ours lists other zones, or says something else of them.
    Catalog,
}

impl Source {
    const ALL: [Source; 5] = [Source::File, Source::Plan, Source::Update, Source::Transfer, Source::Catalog];

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Source::File => "file",
            Source::Plan => "plan",
            Source::Update => "update",
            Source::Transfer => "transfer",
            Source::Catalog => "catalog",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Source {
    type Err = ();

    fn from_str(text: &str) -> Result<Source, ()> {
        Source::ALL.into_iter().find(|source| source.name() == text).ok_or(())
    }
}

/// A change as it is remembered, without what went and came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number.
    pub id: i64,
    /// Since when it is served.
    pub at: Instant,
    /// What it came from.
    pub source: Source,
    /// Who or what decided it, for people.
    pub by: String,
    /// The serial before.
    pub before: Serial,
    /// The serial since.
    pub after: Serial,
    /// Up to this serial some were served with more than one content.
    pub used: Option<Serial>,
    /// How many records went and how many came, SOA records included; `None` if that is not known.
    pub counts: Option<(u64, u64)>,
    /// What the zone's records add up to since.
    pub sum: Sum,
    /// Whether it is remembered which records.
    pub has_delta: bool,
    /// What it counts for, in octets.
    pub octets: u64,
}

/// A change to be remembered.
#[derive(Clone, Debug)]
pub struct NewChange<'a> {
    /// The zone.
    pub apex: &'a Name,
    /// Since when it is served.
    pub at: Instant,
    /// What it came from.
    pub source: Source,
    /// Who or what decided it.
    pub by: &'a str,
    /// The serial before.
    pub before: Serial,
    /// The serial since.
    pub after: Serial,
    /// Up to this serial some were served with more than one content.
    pub used: Option<Serial>,
    /// How many records went and came.
    pub counts: Option<(u64, u64)>,
    /// What the records add up to since.
    pub sum: Sum,
    /// The records.
    pub delta: Option<&'a [u8]>,
}

/// How much is remembered at most, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// In all.
    pub size: u64,
    /// Of one zone.
    pub per_zone: u64,
}

const INSERT: &str = "
INSERT INTO change (apex, at, source, decided_by, serial_before, serial_after, used, removed, added, sum, octets,
                    octets_so_far, delta)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
const SO_FAR: &str = "SELECT octets_so_far FROM change WHERE apex = ?1 ORDER BY id DESC LIMIT 1";
const CHANGES: &str = "
SELECT id, at, source, decided_by, serial_before, serial_after, used, removed, added, sum, delta IS NOT NULL, octets
FROM change WHERE apex = ?1 ORDER BY id DESC LIMIT ?2";
const DELTA: &str = "SELECT delta FROM change WHERE id = ?1";
const ZONES: &str = "SELECT DISTINCT apex FROM change";
const SIZE: &str = "SELECT COALESCE(SUM(octets), 0) FROM change";
const OLD_OF_ZONE: &str = "
SELECT id, octets FROM change WHERE apex = ?1 AND octets_so_far - octets < ?2
AND id < (SELECT MAX(id) FROM change WHERE apex = ?1) ORDER BY id LIMIT ?3";
const OLD: &str = "SELECT id, octets FROM change WHERE id < ?1 ORDER BY id LIMIT ?2";
const DELETE: &str = "DELETE FROM change WHERE id = ?1";

/// All that is ever asked.
#[cfg(test)]
pub(super) const QUERIES: [&str; 7] = [SO_FAR, CHANGES, DELTA, ZONES, SIZE, OLD_OF_ZONE, OLD];

/// The history, as it is written. One thread has it.
#[derive(Debug)]
pub struct History {
    connection: Connection,
    size: u64,
}

impl History {
    pub(super) fn new(connection: Connection) -> Result<History, StoreError> {
        let size = connection.query_row(SIZE, [], |row| row.get::<_, i64>(0)).map_err(StoreError::Read)?;
        Ok(History { connection, size: size.unsigned_abs() })
    }

    /// How many octets are remembered.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The last change of `apex`.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Change`].
    pub fn last(&self, apex: &Name) -> Result<Option<Change>, StoreError> {
        Ok(changes(&self.connection, apex, 1)?.pop())
    }

    /// Remembers `changes` in this order, all or none, and forgets as much of the oldest as `bounds` say. A delta that alone
    /// is more than a zone may have is not kept, but that there was one is.
    ///
    /// # Errors
    /// [`StoreError::Note`].
    pub fn note(&mut self, changes: &[NewChange<'_>], bounds: Bounds) -> Result<(), StoreError> {
        let size = self.noted(changes, bounds).map_err(StoreError::Note)?;
        self.size = size;
        Ok(())
    }

    fn noted(&mut self, changes: &[NewChange<'_>], bounds: Bounds) -> rusqlite::Result<u64> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut size = self.size;
        for change in changes {
            size += insert(&transaction, change, bounds)?;
            size -= forget(&transaction, change.apex, bounds.per_zone)?;
        }
        // Of what is forgotten in all, each transaction takes so much that it ends: more goes with the next.
        if size > bounds.size {
            let last = transaction.last_insert_rowid();
            let mut statement = transaction.prepare_cached(OLD)?;
            let old = statement.query_map((last, PRUNED_MAX as i64), id_and_octets)?.collect::<Result<Vec<_>, _>>()?;
            for (id, octets) in old {
                if size <= bounds.size {
                    break;
                }
                transaction.prepare_cached(DELETE)?.execute([id])?;
                size = size.saturating_sub(octets);
            }
        }
        transaction.commit()?;
        Ok(size)
    }
}

/// Writes `change`; gives what it counts for.
fn insert(connection: &Connection, change: &NewChange<'_>, bounds: Bounds) -> rusqlite::Result<u64> {
    let NewChange { apex, at, source, by, before, after, used, counts, sum, delta } = *change;
    let key = key(apex);
    let delta = delta.filter(|delta| delta.len() as u64 + ROW_LEN <= bounds.per_zone.min(bounds.size));
    let octets = ROW_LEN + delta.map_or(0, |delta| delta.len() as u64);
    let so_far: Option<i64> = connection.prepare_cached(SO_FAR)?.query_row([&key], |row| row.get(0)).optional()?;
    let so_far = so_far.unwrap_or_default().saturating_add(octets as i64);
    connection.prepare_cached(INSERT)?.execute((
        key,
        at.unix_nanos(),
        source.name(),
        by,
        before.0,
        after.0,
        used.map(|used| used.0),
        counts.map(|(removed, _)| removed as i64),
        counts.map(|(_, added)| added as i64),
        sum.0.to_be_bytes(),
        octets as i64,
        so_far,
        delta,
    ))?;
    Ok(octets)
}

/// Takes away the oldest rows of `apex` beyond `per_zone` octets; gives for how many octets they counted.
fn forget(connection: &Connection, apex: &Name, per_zone: u64) -> rusqlite::Result<u64> {
    let key = key(apex);
    let so_far: i64 = connection.prepare_cached(SO_FAR)?.query_row([&key], |row| row.get(0))?;
    let until = so_far.saturating_sub_unsigned(per_zone);
    let mut statement = connection.prepare_cached(OLD_OF_ZONE)?;
    let old = statement.query_map((key, until, PRUNED_MAX as i64), id_and_octets)?.collect::<Result<Vec<_>, _>>()?;
    let mut forgotten = 0;
    for (id, octets) in old {
        connection.prepare_cached(DELETE)?.execute([id])?;
        forgotten += octets;
    }
    Ok(forgotten)
}

fn id_and_octets(row: &Row<'_>) -> rusqlite::Result<(i64, u64)> {
    Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
}

/// The changes of `apex`, the last first, at most `limit`.
pub(super) fn changes(connection: &Connection, apex: &Name, limit: usize) -> Result<Vec<Change>, StoreError> {
    let mut statement = connection.prepare_cached(CHANGES).map_err(StoreError::Read)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query((key(apex), limit)).map_err(StoreError::Read)?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::Read)? {
        changes.push(change(row)?);
    }
    Ok(changes)
}

fn change(row: &Row<'_>) -> Result<Change, StoreError> {
    let id = row.get(0).map_err(StoreError::Read)?;
    let source = text(row, 2)?.parse().map_err(|()| StoreError::Change { id, what: "what it came from" })?;
    let sum: Vec<u8> = row.get(9).map_err(StoreError::Read)?;
    let sum = sum.try_into().map_err(|_| StoreError::Change { id, what: "its sum" })?;
    let read = || -> rusqlite::Result<Change> {
        let counts: (Option<i64>, Option<i64>) = (row.get(7)?, row.get(8)?);
        Ok(Change {
            id,
            at: Instant::from_unix_nanos(row.get(1)?),
            source,
            by: row.get(3)?,
            before: Serial(row.get(4)?),
            after: Serial(row.get(5)?),
            used: row.get::<_, Option<u32>>(6)?.map(Serial),
            counts: counts.0.zip(counts.1).map(|(removed, added)| (removed.unsigned_abs(), added.unsigned_abs())),
            sum: Sum(u128::from_be_bytes(sum)),
            has_delta: row.get(10)?,
            octets: row.get::<_, i64>(11)?.unsigned_abs(),
        })
    };
    read().map_err(StoreError::Read)
}

/// The zones of which there is any.
pub(super) fn zones(connection: &Connection) -> Result<Vec<Name>, StoreError> {
    let mut statement = connection.prepare_cached(ZONES).map_err(StoreError::Read)?;
    let mut rows = statement.query([]).map_err(StoreError::Read)?;
    let mut zones = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::Read)? {
        zones.push(Name::from_text(text(row, 0)?).map_err(|_| StoreError::Change { id: 0, what: "its zone" })?);
    }
    Ok(zones)
}

/// What went and came with the change `id`.
pub(super) fn delta(connection: &Connection, id: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    Ok(connection.prepare_cached(DELTA)?.query_row([id], |row| row.get(0)).optional()?.flatten())
}
