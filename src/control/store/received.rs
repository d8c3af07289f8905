//! Zones that were fetched from others: each as it came whole, and what has changed since.
//!
//! ```text
//! received       one row for each zone that came whole; the last one of a zone counts that has come to its end
//! received_part  its records, in pieces; then what changed, piece by piece
//! ```
//!
//! 1. A zone that comes whole is written in pieces of [`PIECE`], each on its own, so that the journal never waits for long.
//!    Only with the last does it count, and in the same transaction what was there before goes: half of it, never.
//! 2. A difference is one piece, and counts at once.
//! 3. When the differences are as many octets as half of the zone, or [`DIFFERENCES_MAX`], it is written anew.
//! 4. What is here can be fetched again: the server may lose the last of it with the power, and nothing of it without.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::StoreError;
use super::journal::key;
use crate::clock::Instant;
use crate::control::secondary::{Copy, Kept};
use crate::wire::{Name, NameRef, Reader, Rtype};
use crate::zone::delta::{Chain, Delta};
use crate::zone::{Ttl, ZoneBuilder};

/// About how many octets one piece has.
const PIECE: usize = 1 << 20;
/// How many differences stand behind a zone.
const DIFFERENCES_MAX: i64 = 1000;

const BEGIN: &str = "INSERT INTO received (apex, refreshed_at, source, is_whole) VALUES (?1, ?2, ?3, 0) RETURNING id";
const PUT: &str = "
INSERT INTO received_part (received_id, number, is_difference, content)
SELECT ?1, COALESCE(MAX(number), 0) + 1, ?2, ?3 FROM received_part WHERE received_id = ?1";
const COUNTS: &str = "UPDATE received SET is_whole = 1 WHERE id = ?1";
const CURRENT: &str =
    "SELECT id, refreshed_at, source FROM received WHERE apex = ?1 AND is_whole = 1 ORDER BY id DESC LIMIT 1";
/// The same, but nothing of what was kept of a member of a catalog zone that is one no longer.
const CURRENT_OF_OWN: &str = "
SELECT id, refreshed_at, source FROM received WHERE apex = ?1 AND is_whole = 1
    AND NOT EXISTS (SELECT 1 FROM member WHERE member.apex = ?1 AND leaves_at IS NOT NULL)
ORDER BY id DESC LIMIT 1";
const SIZES: &str = "
SELECT COALESCE(SUM(CASE WHEN is_difference = 0 THEN LENGTH(content) END), 0),
       COALESCE(SUM(CASE WHEN is_difference = 1 THEN LENGTH(content) END), 0),
       COALESCE(SUM(is_difference), 0)
FROM received_part WHERE received_id = ?1";
const PARTS: &str = "SELECT is_difference, content FROM received_part WHERE received_id = ?1 ORDER BY number";
const REFRESH: &str = "UPDATE received SET refreshed_at = ?2, source = ?3 WHERE id = ?1";
const PARTS_OF_OTHERS: &str =
    "DELETE FROM received_part WHERE received_id IN (SELECT id FROM received WHERE apex = ?1 AND id <> ?2)";
const OTHERS: &str = "DELETE FROM received WHERE apex = ?1 AND id <> ?2";
const PARTS_OF_HALVES: &str =
    "DELETE FROM received_part WHERE received_id IN (SELECT id FROM received WHERE is_whole = 0)";
const HALVES: &str = "DELETE FROM received WHERE is_whole = 0";

/// All that is ever asked.
#[cfg(test)]
pub(super) const QUERIES: [&str; 4] = [CURRENT, CURRENT_OF_OWN, SIZES, PARTS];

/// Writes `copy`, a zone that came whole; or what changed last in it, if that is known.
pub(super) fn keep(
    connection: &mut Connection,
    apex: &Name,
    copy: &Copy,
    difference: Option<&Delta>,
    (at, source): (Instant, &str),
) -> rusqlite::Result<()> {
    if let Some(difference) = difference
        && append(connection, apex, difference, (at, source))?
    {
        return Ok(());
    }
    let id: i64 = connection.query_row(BEGIN, (key(apex), at.unix_nanos(), source), |row| row.get(0))?;
    let mut piece = Vec::with_capacity(PIECE + 1024);
    for node in copy.view().nodes() {
        let owner = node.name();
        for rrset in node.rrsets() {
            rrset.rdatas().for_each(|rdata| write(&mut piece, owner.as_ref(), rrset.rtype(), rrset.ttl(), &rdata));
        }
        if piece.len() >= PIECE {
            connection.prepare_cached(PUT)?.execute((id, 0, &piece))?;
            piece.clear();
        }
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.prepare_cached(PUT)?.execute((id, 0, &piece))?;
    transaction.prepare_cached(PARTS_OF_OTHERS)?.execute((key(apex), id))?;
    transaction.prepare_cached(OTHERS)?.execute((key(apex), id))?;
    transaction.prepare_cached(COUNTS)?.execute([id])?;
    transaction.commit()
}

/// Adds `difference` to what there is; false if it is to be written anew (rule 3).
fn append(
    connection: &mut Connection,
    apex: &Name,
    difference: &Delta,
    (at, source): (Instant, &str),
) -> rusqlite::Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some((id, _, _)) = current(&transaction, apex)? else { return Ok(false) };
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (whole, since, count): (i64, i64, i64) = transaction.prepare_cached(SIZES)?.query_row([id], row)?;
    let content = difference.to_bytes();
    if count >= DIFFERENCES_MAX || since + content.len() as i64 > whole / 2 + 4096 {
        return Ok(false);
    }
    transaction.prepare_cached(PUT)?.execute((id, 1, content))?;
    transaction.prepare_cached(REFRESH)?.execute((id, at.unix_nanos(), source))?;
    transaction.commit()?;
    Ok(true)
}

fn current(connection: &Connection, apex: &Name) -> rusqlite::Result<Option<(i64, i64, String)>> {
    current_by(connection, CURRENT, apex)
}

fn current_by(connection: &Connection, query: &str, apex: &Name) -> rusqlite::Result<Option<(i64, i64, String)>> {
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    connection.prepare_cached(query)?.query_row([key(apex)], row).optional()
}

/// Puts down that `source` was heard of at `at`, and has nothing newer.
pub(super) fn refreshed(connection: &Connection, apex: &Name, (at, source): (Instant, &str)) -> rusqlite::Result<()> {
    if let Some((id, _, _)) = current(connection, apex)? {
        connection.prepare_cached(REFRESH)?.execute((id, at.unix_nanos(), source))?;
    }
    Ok(())
}

/// Lets go of what we have of `apex`, within `transaction`.
pub(super) fn forget(transaction: &Transaction<'_>, apex: &Name) -> rusqlite::Result<()> {
    transaction.prepare_cached(PARTS_OF_OTHERS)?.execute((key(apex), -1))?;
    transaction.prepare_cached(OTHERS)?.execute((key(apex), -1))?;
    Ok(())
}

/// Lets go of zones that did not come to their end.
pub(super) fn sweep(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(PARTS_OF_HALVES, [])?;
    transaction.execute(HALVES, [])?;
    transaction.commit()
}

/// What we have of `apex`, which is a member of a catalog zone, or not.
pub(super) fn read(connection: &Connection, apex: &Name, is_member: bool) -> Result<Option<Kept>, StoreError> {
    let query = if is_member { CURRENT } else { CURRENT_OF_OWN };
    let Some((id, at, source)) = current_by(connection, query, apex).map_err(StoreError::Read)? else {
        return Ok(None);
    };
    let nonsense = || StoreError::Received { apex: apex.clone() };
    let mut builder = ZoneBuilder::new(apex.as_ref());
    let (mut since, mut has_changed) = (Chain::default(), false);
    let mut statement = connection.prepare_cached(PARTS).map_err(StoreError::Read)?;
    let mut rows = statement.query([id]).map_err(StoreError::Read)?;
    while let Some(row) = rows.next().map_err(StoreError::Read)? {
        let is_difference: bool = row.get(0).map_err(StoreError::Read)?;
        let content = row.get_ref(1).map_err(StoreError::Read)?;
        let content = content.as_blob().map_err(|error| StoreError::Read(error.into()))?;
        if is_difference {
            let delta = Delta::from_bytes(content).ok_or_else(nonsense)?;
            delta.removed.into_iter().for_each(|record| since.remove(record));
            delta.added.into_iter().for_each(|record| since.add(record));
            has_changed = true;
            continue;
        }
        let mut reader = Reader::new(content);
        while !reader.is_empty() {
            add(&mut builder, &mut reader).ok_or_else(nonsense)?;
        }
    }
    let (zone, _) = builder.finish().map_err(|_| nonsense())?;
    let mut copy = Copy::whole(zone).map_err(|_| nonsense())?;
    if has_changed {
        copy = copy.with(since.into()).map_err(|_| nonsense())?;
    }
    Ok(Some(Kept { copy, refreshed_at: Instant::from_unix_nanos(at), source }))
}

/// A record as in a message, nothing compressed.
fn write(out: &mut Vec<u8>, owner: NameRef<'_>, rtype: Rtype, ttl: Ttl, rdata: &[u8]) {
    out.extend_from_slice(owner.wire());
    out.extend_from_slice(&rtype.0.to_be_bytes());
    out.extend_from_slice(&ttl.0.to_be_bytes());
    // RDATA is never longer (RFC 1035 § 3.2.1).
    out.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
    out.extend_from_slice(rdata);
}

fn add(builder: &mut ZoneBuilder, reader: &mut Reader<'_>) -> Option<()> {
    let owner = NameRef::parse(reader.rest()).ok()?;
    reader.take(owner.wire().len()).ok()?;
    let (rtype, ttl) = (Rtype(reader.u16().ok()?), Ttl(reader.u32().ok()?));
    let length = reader.u16().ok()?;
    let rdata = reader.take(usize::from(length)).ok()?;
    builder.add(owner, rtype, ttl, rdata).ok()
}
