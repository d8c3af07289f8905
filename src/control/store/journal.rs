//! The journal's statements: how a record becomes rows, and rows become runs.

use std::error::Error;

use rusqlite::{Connection, OptionalExtension, Row, Rows};

use super::StoreError;
use crate::clock::Instant;
use crate::timeline::conduct::{HEADWAY, PlanText};
use crate::timeline::run::{Entry, Event, Promised, Run};
use crate::timeline::serial::Serial;
use crate::wire::Name;

/// What happened to the run of a zone, and what is promised from then on.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The zone.
    pub apex: Name,
    /// What happened.
    pub entry: Entry,
    /// The plan that was armed, which begins a new run: there with [`Event::Armed`] and with nothing else.
    pub plan: Option<PlanText>,
    /// The serials that are promised from then on, in place of those before.
    pub promised: Vec<Promised>,
}

/// The last run of a zone, and the serials that are promised.
pub(super) type Present = (Name, Run, Vec<Promised>);

const BEGIN: &str = "INSERT INTO run (apex, begun_at, promised) VALUES (?1, ?2, ?3) RETURNING id";
const PLAN: &str = "INSERT INTO plan (run_id, path, digest, text) VALUES (?1, ?2, ?3, ?4)";
const LAST: &str = "SELECT MAX(id) FROM run WHERE apex = ?1";
const PROMISE: &str = "UPDATE run SET promised = ?2 WHERE id = ?1";
const EVENT: &str = "INSERT INTO event (run_id, at, kind, decided_by, detail) VALUES (?1, ?2, ?3, ?4, ?5)";

const RUNS: &str = "
SELECT run.id, event.at, event.decided_by, event.detail, run.apex, run.promised
FROM run JOIN event ON event.run_id = run.id
WHERE run.id IN (SELECT MAX(id) FROM run GROUP BY apex)
ORDER BY run.id, event.id";
const RUN: &str = "
SELECT run.id, event.at, event.decided_by, event.detail, run.apex, run.promised
FROM run JOIN event ON event.run_id = run.id
WHERE run.id = (SELECT MAX(id) FROM run WHERE apex = ?1)
ORDER BY event.id";
const ENTRIES: &str = "
SELECT run.id, event.at, event.decided_by, event.detail
FROM run JOIN event ON event.run_id = run.id
WHERE run.apex = ?1
ORDER BY run.id, event.id";
const TEXT: &str = "SELECT path, text FROM plan WHERE run_id = (SELECT MAX(id) FROM run WHERE apex = ?1)";
const LAST_AT: &str = "SELECT MAX(at) FROM event";
const REACH: &str = "UPDATE clock SET reached = ?1 WHERE id = 1 AND reached < ?1";
const REACHED: &str = "SELECT reached FROM clock WHERE id = 1 AND reached > 0";

/// All that is ever asked.
#[cfg(test)]
pub(super) const QUERIES: [&str; 7] = [LAST, RUNS, RUN, ENTRIES, TEXT, LAST_AT, REACHED];

/// A zone as the journal calls it.
pub(super) fn key(apex: &Name) -> String {
    apex.as_ref().to_lowercase().to_string()
}

/// Writes one record, within the transaction of `connection`.
pub(super) fn append(connection: &Connection, record: &Record) -> Result<(), StoreError> {
    let kind = record.entry.event.kind();
    let apex = || record.apex.clone();
    let run = match (&record.entry.event, &record.plan) {
        (Event::Armed(armed), Some(plan)) => begin(connection, record, &armed.plan.to_string(), plan),
        (Event::Armed(_), None) | (_, Some(_)) => return Err(StoreError::Beginning { apex: apex(), kind }),
        (_, None) => promise(connection, record),
    };
    let run = run.map_err(StoreError::Append)?.ok_or_else(|| StoreError::NoRun { apex: apex(), kind })?;
    write(connection, run, &record.entry).map_err(StoreError::Append)
}

fn begin(connection: &Connection, record: &Record, digest: &str, plan: &PlanText) -> rusqlite::Result<Option<i64>> {
    let values = (key(&record.apex), record.entry.at.unix_nanos(), promises(&record.promised)?);
    let run = connection.prepare_cached(BEGIN)?.query_row(values, |row| row.get::<_, i64>(0))?;
    connection.prepare_cached(PLAN)?.execute((run, &*plan.path, digest, &*plan.text))?;
    Ok(Some(run))
}

/// The run that `record` goes on with, now promising what it says.
fn promise(connection: &Connection, record: &Record) -> rusqlite::Result<Option<i64>> {
    let run: Option<i64> = connection.prepare_cached(LAST)?.query_row([key(&record.apex)], |row| row.get(0))?;
    if let Some(run) = run {
        connection.prepare_cached(PROMISE)?.execute((run, promises(&record.promised)?))?;
    }
    Ok(run)
}

fn write(connection: &Connection, run: i64, entry: &Entry) -> rusqlite::Result<()> {
    let detail = json(&entry.event)?;
    let values = (run, entry.at.unix_nanos(), entry.event.kind(), &entry.by, detail);
    connection.prepare_cached(EVENT)?.execute(values)?;
    Ok(())
}

fn promises(promised: &[Promised]) -> rusqlite::Result<String> {
    json(&promised.iter().map(|one| (one.from.unix_nanos(), one.serial.0)).collect::<Vec<_>>())
}

fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// The last run of every zone, the oldest first.
pub(super) fn each_run(
    connection: &Connection,
    mut take: impl FnMut(Name, Run, Vec<Promised>),
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(RUNS).map_err(StoreError::Read)?;
    presents(statement.query([]).map_err(StoreError::Read)?, |(apex, run, promised)| take(apex, run, promised))
}

/// The last run of `apex`.
pub(super) fn run_of(connection: &Connection, apex: &Name) -> Result<Option<(Run, Vec<Promised>)>, StoreError> {
    let mut statement = connection.prepare_cached(RUN).map_err(StoreError::Read)?;
    let mut present = None;
    presents(statement.query([key(apex)]).map_err(StoreError::Read)?, |found| present = Some(found))?;
    Ok(present.map(|(_, run, promised)| (run, promised)))
}

/// Folds rows, which come run by run.
fn presents(mut rows: Rows<'_>, mut take: impl FnMut(Present)) -> Result<(), StoreError> {
    let mut present: Option<Present> = None;
    let mut last = None;
    while let Some(row) = rows.next().map_err(StoreError::Read)? {
        let (id, entry) = entry(row)?;
        match present.as_mut().filter(|_| last == Some(id)) {
            // A run is moved out of its place only as long as it takes to fold one more entry into it.
            Some((_, run, _)) => {
                let before = std::mem::replace(run, Run::proposed(Instant::MIN));
                if let Some(after) = Run::after(Some(before), &entry) {
                    *run = after;
                }
            }
            None => {
                let nonsense = |what| not_understood(id, what);
                let run = Run::after(None, &entry);
                let run =
                    run.ok_or(StoreError::Understand { run: id, what: "it does not begin armed", source: None })?;
                let apex = Name::from_text(text(row, 4)?).map_err(|error| nonsense("its zone")(error.into()))?;
                let promised = serde_json::from_str::<Vec<(i64, u32)>>(text(row, 5)?);
                let promised = promised.map_err(|error| nonsense("its serials")(error.into()))?;
                let promise =
                    |(from, serial)| Promised { from: Instant::from_unix_nanos(from), serial: Serial(serial) };
                let next = (apex, run, promised.into_iter().map(promise).collect());
                present.replace(next).into_iter().for_each(&mut take);
            }
        }
        last = Some(id);
    }
    present.into_iter().for_each(take);
    Ok(())
}

/// Everything that happened to the runs of `apex`.
pub(super) fn entries(connection: &Connection, apex: &Name) -> Result<Vec<(i64, Entry)>, StoreError> {
    let mut statement = connection.prepare_cached(ENTRIES).map_err(StoreError::Read)?;
    let mut rows = statement.query([key(apex)]).map_err(StoreError::Read)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::Read)? {
        entries.push(entry(row)?);
    }
    Ok(entries)
}

/// The plan of the last run of `apex`.
pub(super) fn plan_text(connection: &Connection, apex: &Name) -> rusqlite::Result<Option<PlanText>> {
    let plan = |row: &Row<'_>| Ok(PlanText { path: row.get(0)?, text: row.get::<_, Vec<u8>>(1)?.into() });
    connection.prepare_cached(TEXT)?.query_row([key(apex)], plan).optional()
}

/// Puts down that time has come to `at`.
pub(super) fn reach(connection: &Connection, at: Instant) -> rusqlite::Result<()> {
    connection.prepare_cached(REACH)?.execute([at.unix_nanos()])?;
    Ok(())
}

/// The latest instant at which anything was decided, or that was reached. What is decided counts from [`HEADWAY`] later
/// on: a server that starts meanwhile is not to skip that time.
pub(super) fn last_at(connection: &Connection) -> rusqlite::Result<Option<Instant>> {
    let at: Option<i64> = connection.prepare_cached(LAST_AT)?.query_row([], |row| row.get(0))?;
    let decided = at.map(|at| Instant::from_unix_nanos(at).before(HEADWAY));
    let reached: Option<i64> = connection.prepare_cached(REACHED)?.query_row([], |row| row.get(0)).optional()?;
    Ok(decided.max(reached.map(Instant::from_unix_nanos)))
}

/// A row's first four columns: the run's id, when, who, what.
fn entry(row: &Row<'_>) -> Result<(i64, Entry), StoreError> {
    let run = row.get(0).map_err(StoreError::Read)?;
    let at = Instant::from_unix_nanos(row.get(1).map_err(StoreError::Read)?);
    let by = row.get(2).map_err(StoreError::Read)?;
    let event = serde_json::from_str(text(row, 3)?);
    let event = event.map_err(|error| not_understood(run, "what happened to it")(error.into()))?;
    Ok((run, Entry { at, event, by }))
}

pub(super) fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r str, StoreError> {
    let value = row.get_ref(column).map_err(StoreError::Read)?;
    value.as_str().map_err(|error| StoreError::Read(error.into()))
}

fn not_understood(run: i64, what: &'static str) -> impl FnOnce(Box<dyn Error + Send + Sync>) -> StoreError {
    move |source| StoreError::Understand { run, what, source: Some(source) }
}
