//! What who asks is told of zones that are fetched.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Fetching;
use crate::clock::Instant;
use crate::control::names;
use crate::control::report::shown_instant;
use crate::control::socket::Reply;
use crate::timeline::show::rfc3339;
use crate::wire::Name;

/// How one zone is fetched.
pub fn standing(apex: &Name, fetching: &Fetching, now: Instant) -> Reply {
    Reply::shown(line(apex, fetching, now), data(apex, fetching))
}

/// `reply`, in which it is also told how `zones` are fetched.
pub fn beside<'a>(mut reply: Reply, zones: impl Iterator<Item = (&'a Name, &'a Fetching)>, now: Instant) -> Reply {
    let mut all: Vec<_> = zones.collect();
    all.sort_by_key(|(apex, fetching)| (!fetching.is_expired, fetching.error.is_none(), (*apex).clone()));
    let mut rows = Vec::with_capacity(all.len());
    for (apex, fetching) in all {
        reply.text += &line(apex, fetching, now);
        rows.push(data(apex, fetching));
    }
    if !rows.is_empty()
        && let Value::Object(fields) = &mut reply.data
    {
        fields.insert("secondaries".to_owned(), rows.into());
    }
    reply
}

fn line(apex: &Name, fetching: &Fetching, now: Instant) -> String {
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

fn data(apex: &Name, fetching: &Fetching) -> Value {
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
    })
}
