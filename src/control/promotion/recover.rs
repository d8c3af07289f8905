//! What a crash has left of promotions: finished at the next start, before a file is read.
//!
//! | in the folder | what is done |
//! |---|---|
//! | `NAME.secondary.toml` alone | `NAME.zone` is written of what is kept of the zone, the other file put aside |
//! | both, and `NAME.zone` is what was to be written | the other file is put aside |
//! | `NAME.zone` alone | it is done |
//! | anything else | somebody has been at the files since: it is given up, and they count as they are |

use std::collections::HashSet;
use std::path::Path;

use super::prepare::text_of;
use super::{MARK, digest, put_aside, settle};
use crate::control::names::{self, SECONDARY_SUFFIX, ZONE_SUFFIX};
use crate::control::run::with_causes;
use crate::control::store::promotion::{Ended, Promotion};
use crate::control::store::{Store, StoreError};
use crate::control::write;
use crate::wire::Name;

/// Finishes the promotions that are under way in `store`, of zones in the folder `top`. Gives those of which both files are
/// there still, since the folder can't be written to: their zone file counts.
///
/// # Errors
/// [`StoreError`] if it can't be read which they are.
pub fn recover(store: &mut Store, top: &Path) -> Result<HashSet<Name>, StoreError> {
    let mut left = HashSet::new();
    for promotion in store.promotions_under_way()? {
        let zone = names::shown(promotion.apex.as_ref());
        let ended = match finish(store, top, &promotion) {
            Finish::Done => {
                tracing::info!("{zone}: it is ours, with serial {}: what was begun is finished", promotion.serial);
                Ended::Done
            }
            Finish::GivenUp(why) => {
                tracing::error!("{zone}: it was to become ours, and that is given up: {why}; `watari promote {zone}`");
                Ended::GivenUp
            }
            Finish::Left(why) => {
                tracing::error!("{zone}: it is ours, with serial {}, but {why}; take it away", promotion.serial);
                left.insert(promotion.apex);
                continue;
            }
        };
        if let Err(error) = store.end_promotion(&promotion.apex, ended) {
            tracing::error!("{zone}: {}", with_causes(&error));
        }
    }
    Ok(left)
}

/// How it comes to an end.
enum Finish {
    Done,
    GivenUp(String),
    /// Its files are not as they should be.
    Left(String),
}

fn finish(store: &Store, top: &Path, promotion: &Promotion) -> Finish {
    let path = top.join(&promotion.file);
    write::sweep(&path, MARK);
    let stem = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(ZONE_SUFFIX));
    let Some(stem) = stem else { return Finish::GivenUp(format!("{} is no zone file", path.display())) };
    let secondary = path.with_file_name(format!("{stem}{SECONDARY_SUFFIX}"));
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    match (is_there(&path), is_there(&secondary)) {
        (true, false) => Finish::Done,
        (true, true) => match std::fs::read_to_string(&path) {
            Ok(text) if digest(&text) == promotion.digest => match put_aside(&secondary) {
                Ok(_) => Finish::Done,
                Err(why) => Finish::Left(why),
            },
            _ => Finish::GivenUp(format!("{} is not what was to be written", path.display())),
        },
        (false, true) => {
            let kept = store.received(&promotion.apex).ok().flatten();
            let Some(kept) = kept else { return Finish::GivenUp("nothing is kept of it".to_owned()) };
            let text = text_of(&kept.copy);
            match text.and_then(|text| settle(&path, &secondary, &text)) {
                Ok(_) => Finish::Done,
                Err(why) => Finish::GivenUp(why),
            }
        }
        (false, false) => Finish::GivenUp("its files have gone".to_owned()),
    }
}
