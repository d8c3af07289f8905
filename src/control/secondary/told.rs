//! What who asks is told of zones that are fetched.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Fetching;
use crate::clock::Instant;
use crate::control::catalog_zone::told::Origin;
use crate::control::names;
use crate::control::report::shown_instant;
use crate::control::socket::Reply;
use crate::timeline::show::rfc3339;
use crate::wire::Name;

/// The most members of catalog zones that are shown by name, of those that are in trouble.
const MEMBERS_SHOWN_MAX: usize = 100;

/// How one zone is fetched.
pub fn standing(apex: &Name, fetching: &Fetching, origin: Option<&Origin>, now: Instant) -> Reply {
    Reply::shown(line(apex, fetching, origin, now), data(apex, fetching, origin))
}

/// `reply`, in which it is also told how `zones` are fetched.
/// Of members of catalog zones, some of those that could not be fetched.
pub fn beside<'a>(
    mut reply: Reply,
    zones: impl Iterator<Item = (&'a Name, &'a Fetching, Option<Origin>)>,
    now: Instant,
) -> Reply {
    let is_in_trouble = |fetching: &Fetching| fetching.is_expired || fetching.error.is_some();
    let mut all: Vec<_> = zones.filter(|(_, fetching, origin)| origin.is_none() || is_in_trouble(fetching)).collect();
    all.sort_by_key(|(apex, fetching, _)| (!fetching.is_expired, fetching.error.is_none(), (*apex).clone()));
    let (mut rows, mut members) = (Vec::with_capacity(all.len()), 0);
    for (apex, fetching, origin) in all {
        members += usize::from(origin.is_some());
        if origin.is_some() && members > MEMBERS_SHOWN_MAX {
            continue;
        }
        reply.text += &line(apex, fetching, origin.as_ref(), now);
        rows.push(data(apex, fetching, origin.as_ref()));
    }
    if !rows.is_empty()
        && let Value::Object(fields) = &mut reply.data
    {
        fields.insert("secondaries".to_owned(), rows.into());
    }
    reply
}

fn line(apex: &Name, fetching: &Fetching, origin: Option<&Origin>, now: Instant) -> String {
    let mut text = format!("{}: fetched", names::shown(apex.as_ref()));
    match (&fetching.copy, fetching.refreshed_at) {
        (Some(copy), Some(at)) => {
            let state = if fetching.is_expired { "expired" } else { "expires" };
            _ = write!(
                text,
                " from {}; serial {}; heard of at {}, {state} at {}",
                fetching.source,
                copy.serial(),
                shown_instant(at.whole_seconds()),
                shown_instant(fetching.expires_at().whole_seconds())
            );
        }
        _ => text += "; it has never come",
    }
    origin.iter().for_each(|origin| _ = write!(text, "; {}", origin.words()));
    match fetching.is_under_way() || fetching.next <= now {
        true => text += "; it is being asked for",
        false => _ = write!(text, "; asked for again at {}", shown_instant(fetching.next.whole_seconds())),
    }
    if let Some(error) = &fetching.error {
        _ = write!(text, "; the last time in vain: {error}");
    }
    text.push('\n');
    text
}

fn data(apex: &Name, fetching: &Fetching, origin: Option<&Origin>) -> Value {
    let primaries: Vec<_> = fetching.from.primaries.iter().map(|primary| primary.address.to_string()).collect();
    json!({
        "zone": apex.to_string(),
        "state": match (&fetching.copy, fetching.is_expired) {
            (None, _) => "waiting",
            (Some(_), true) => "expired",
            (Some(_), false) => "served",
        },
        "serial": fetching.copy.as_ref().map(|copy| copy.serial()),
        "primaries": primaries,
        "source": fetching.copy.as_ref().map(|_| fetching.source.clone()),
        "refreshed_at": fetching.refreshed_at.map(rfc3339),
        "expires_at": fetching.copy.as_ref().map(|_| rfc3339(fetching.expires_at())),
        "next": rfc3339(fetching.next),
        "error": fetching.error,
        "catalog": origin.map(|origin| origin.catalog.to_string()),
        "group": origin.and_then(|origin| origin.group.clone()),
    })
}
