//! Who is a member of which catalog zone: a row for each zone that is one, or was one not long ago.
//!
//! What is kept of a zone that is a member no longer is nobody else's: `received` does not give it to whom fetches a zone
//! of that name for another reason.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;
use super::journal::key;
use super::received;
use crate::clock::Instant;
use crate::control::catalog_zone::{Enrolled, Noted};
use crate::wire::Name;
use crate::zone::members::{Label, Member};

const PUT: &str = "
INSERT INTO member (apex, catalog, label, groups, goes_to, leaves_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (apex) DO UPDATE SET catalog = ?2, label = ?3, groups = ?4, goes_to = ?5, leaves_at = ?6";
const TAKE: &str = "DELETE FROM member WHERE apex = ?1";
const ALL: &str = "SELECT apex, catalog, label, groups, goes_to, leaves_at FROM member ORDER BY apex";

/// Writes what has changed, all of it or nothing.
pub(super) fn note(connection: &mut Connection, notes: &[(Name, Noted)]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (apex, noted) in notes {
        if matches!(noted, Noted::Anew(_) | Noted::Gone) {
            received::forget(&transaction, apex)?;
        }
        match noted {
            Noted::Enrolled(enrolled) | Noted::Anew(enrolled) => {
                let Enrolled { catalog, member, leaves_at } = enrolled;
                let groups = serde_json::to_string(&member.groups).unwrap_or_default();
                let (goes_to, leaves_at) = (member.goes_to.as_ref().map(key), leaves_at.map(Instant::unix_nanos));
                let row = (key(apex), key(catalog), &member.label.0, groups, goes_to, leaves_at);
                transaction.prepare_cached(PUT)?.execute(row)?;
            }
            Noted::Gone | Noted::Released => _ = transaction.prepare_cached(TAKE)?.execute([key(apex)])?,
        }
    }
    transaction.commit()
}

/// All of them.
pub(super) fn all(connection: &Connection) -> Result<Vec<(Name, Enrolled)>, StoreError> {
    let mut statement = connection.prepare_cached(ALL).map_err(StoreError::Read)?;
    let mut rows = statement.query([]).map_err(StoreError::Read)?;
    let mut members = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::Read)? {
        let text: String = row.get(0).map_err(StoreError::Read)?;
        let member = member(row).map_err(StoreError::Read)?.zip(Name::from_text(&text).ok());
        let (enrolled, apex) = member.ok_or(StoreError::Member { apex: text })?;
        members.push((apex, enrolled));
    }
    Ok(members)
}

/// What `row` says of a member; `None` if it makes no sense.
fn member(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Enrolled>> {
    let name = |text: String| Name::from_text(&text).ok();
    let (catalog, label, groups): (String, Vec<u8>, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
    let (goes_to, leaves_at): (Option<String>, Option<i64>) = (row.get(4)?, row.get(5)?);
    let groups = serde_json::from_str::<Vec<Box<str>>>(&groups).ok();
    let leaves_at = leaves_at.map(Instant::from_unix_nanos);
    Ok(name(catalog).zip(groups).map(|(catalog, groups)| {
        let member = Member { label: Label(label.into()), groups: groups.into(), goes_to: goes_to.and_then(name) };
        Enrolled { catalog, member, leaves_at }
    }))
}
