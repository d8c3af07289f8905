//! Zones that were fetched and became ours: a row for each promotion, written before a file of it is touched.
//!
//! A row is under way until its files are as they should be, or it was given up. What a crash has left of one that is
//! under way, the next start finishes ([`crate::control::promotion`]).

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use rusqlite::types::FromSql;
use rusqlite::{Connection, Row};

use super::StoreError;
use super::journal::{key, text};
use crate::clock::Instant;
use crate::timeline::{Digest, Serial};
use crate::wire::Name;

/// A zone becomes ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// The zone.
    pub apex: Name,
    /// When it was decided.
    pub at: Instant,
    /// Who decided it.
    pub by: String,
    /// The serial that is carried on.
    pub serial: Serial,
    /// From whom it was fetched last, for people.
    pub source: String,
    /// Its zone file, below the folder of zones.
    pub file: PathBuf,
    /// The digest of what is written there.
    pub digest: Digest,
    /// What became of it; `None` while it is under way.
    pub ended: Option<Ended>,
}

/// What became of a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its files are as they should be.
    Done,
    /// It could not be done.
    GivenUp,
}

impl Ended {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Ended::Done => "done",
            Ended::GivenUp => "given up",
        }
    }
}

const BEGIN: &str = "
INSERT INTO promotion (apex, at, decided_by, serial, source, file, digest, ended)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)";
const END: &str = "UPDATE promotion SET ended = ?2 WHERE apex = ?1 AND ended IS NULL";
const UNDER_WAY: &str =
    "SELECT apex, at, decided_by, serial, source, file, digest, ended FROM promotion WHERE ended IS NULL ORDER BY id";
const OF_ZONE: &str = "
SELECT apex, at, decided_by, serial, source, file, digest, ended FROM promotion WHERE apex = ?1 ORDER BY id DESC";

/// All that is ever asked of one zone.
#[cfg(test)]
pub(super) const QUERIES: [&str; 1] = [OF_ZONE];

/// Writes that `promotion` is under way, within the transaction of `connection`.
pub(super) fn begin(connection: &Connection, promotion: &Promotion) -> rusqlite::Result<()> {
    let Promotion { apex, at, by, serial, source, file, digest, ended: _ } = promotion;
    let file = file.as_os_str().as_bytes();
    let values = (key(apex), at.unix_nanos(), by, serial.0, source, file, digest.to_string());
    connection.prepare_cached(BEGIN)?.execute(values)?;
    Ok(())
}

/// Writes what became of the promotion of `apex` that is under way.
pub(super) fn end(connection: &Connection, apex: &Name, ended: Ended) -> rusqlite::Result<()> {
    connection.prepare_cached(END)?.execute((key(apex), ended.name()))?;
    Ok(())
}

/// Those that are under way, in the order in which they were decided.
pub(super) fn under_way(connection: &Connection) -> Result<Vec<Promotion>, StoreError> {
    let mut statement = connection.prepare_cached(UNDER_WAY).map_err(StoreError::Read)?;
    let mut rows = statement.query([]).map_err(StoreError::Read)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::Read)? {
        all.push(promotion(row)?);
    }
    Ok(all)
}

/// Those of `apex`, the last first.
pub(super) fn of_zone(connection: &Connection, apex: &Name) -> Result<Vec<Promotion>, StoreError> {
    let mut statement = connection.prepare_cached(OF_ZONE).map_err(StoreError::Read)?;
    let mut rows = statement.query([key(apex)]).map_err(StoreError::Read)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::Read)? {
        all.push(promotion(row)?);
    }
    Ok(all)
}

fn promotion(row: &Row<'_>) -> Result<Promotion, StoreError> {
    let shown = text(row, 0)?;
    let nonsense = || StoreError::Promotion { apex: shown.to_owned() };
    let ended = match column::<Option<String>>(row, 7)?.as_deref() {
        None => None,
        Some("done") => Some(Ended::Done),
        Some("given up") => Some(Ended::GivenUp),
        Some(_) => return Err(nonsense()),
    };
    Ok(Promotion {
        apex: Name::from_text(shown).map_err(|_| nonsense())?,
        at: Instant::from_unix_nanos(column(row, 1)?),
        by: column(row, 2)?,
        serial: Serial(column(row, 3)?),
        source: column(row, 4)?,
        file: OsString::from_vec(column(row, 5)?).into(),
        digest: text(row, 6)?.parse().map_err(|_| nonsense())?,
        ended,
    })
}

fn column<T: FromSql>(row: &Row<'_>, at: usize) -> Result<T, StoreError> {
    row.get(at).map_err(StoreError::Read)
}
