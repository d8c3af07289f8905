//! What updates have made of zones, in the database: a row for each such zone, and one for each RRset that is another than
//! in its file.

use std::sync::Arc;

use rusqlite::Connection;

use super::StoreError;
use crate::control::updates::{Overlaid, Standing, Written};
use crate::timeline::Serial;
use crate::wire::{Name, Rtype};
use crate::zone::update::{Layer, Overlay};

const STAND: &str = "
INSERT INTO updated_zone (apex, serial, content, updates, frozen) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (apex) DO UPDATE SET serial = ?2, content = ?3, updates = ?4, frozen = ?5";
const PUT: &str = "
INSERT INTO updated_rrset (apex, owner, rtype, layer) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (apex, owner, rtype) DO UPDATE SET layer = ?4";
const TAKE: &str = "DELETE FROM updated_rrset WHERE apex = ?1 AND owner = ?2 AND rtype = ?3";
const FORGET_RRSETS: &str = "DELETE FROM updated_rrset WHERE apex = ?1";
const FORGET: &str = "DELETE FROM updated_zone WHERE apex = ?1";
const ZONES: &str = "SELECT apex, serial, content, updates, frozen FROM updated_zone ORDER BY apex";
const RRSETS: &str = "SELECT rtype, layer FROM updated_rrset WHERE apex = ?1 ORDER BY owner, rtype";

/// What is asked of one zone.
#[cfg(test)]
pub(super) const QUERIES: [&str; 1] = [RRSETS];

fn key(name: &Name) -> String {
    name.as_ref().to_lowercase().to_string()
}

/// Writes what is new of an overlay, within the transaction of `connection`.
pub(super) fn write(connection: &Connection, written: &Written) -> rusqlite::Result<()> {
    let apex = key(&written.apex);
    let Some(Standing { serial, content, updates, is_frozen }) = written.standing else {
        connection.prepare_cached(FORGET_RRSETS)?.execute([&apex])?;
        connection.prepare_cached(FORGET)?.execute([&apex])?;
        return Ok(());
    };
    connection.prepare_cached(STAND)?.execute((&apex, serial.0, content as i64, updates as i64, is_frozen))?;
    for ((owner, rtype), layer) in &written.layers {
        let name = key(owner);
        match layer {
            Some(layer) => connection.prepare_cached(PUT)?.execute((&apex, name, rtype.0, layer.to_bytes(owner)))?,
            None => connection.prepare_cached(TAKE)?.execute((&apex, name, rtype.0))?,
        };
    }
    Ok(())
}

/// All overlays.
pub(super) fn all(connection: &Connection) -> Result<Vec<(Name, Overlaid)>, StoreError> {
    let mut zones = connection.prepare_cached(ZONES).map_err(StoreError::Read)?;
    let row = |row: &rusqlite::Row<'_>| {
        let standing = Standing {
            serial: Serial(row.get(1)?),
            content: row.get::<_, i64>(2)? as u64,
            updates: row.get::<_, i64>(3)? as u64,
            is_frozen: row.get(4)?,
        };
        Ok((row.get::<_, String>(0)?, standing))
    };
    let zones: Result<Vec<_>, _> = zones.query_map([], row).map_err(StoreError::Read)?.collect();
    let mut all = Vec::new();
    for (text, standing) in zones.map_err(StoreError::Read)? {
        let nonsense = || StoreError::Updates { apex: text.clone() };
        let apex = Name::from_text(&text).map_err(|_| nonsense())?;
        let mut overlay = Overlay::default();
        let mut rrsets = connection.prepare_cached(RRSETS).map_err(StoreError::Read)?;
        let row = |row: &rusqlite::Row<'_>| Ok((Rtype(row.get(0)?), row.get::<_, Vec<u8>>(1)?));
        for rrset in rrsets.query_map([&text], row).map_err(StoreError::Read)? {
            let (rtype, octets) = rrset.map_err(StoreError::Read)?;
            let (owner, layer) = Layer::from_bytes(rtype, &octets).ok_or_else(nonsense)?;
            overlay.put((owner, rtype), layer);
        }
        all.push((apex, Overlaid { overlay: Arc::new(overlay), standing }));
    }
    Ok(all)
}
