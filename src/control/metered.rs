//! What was handed out of a zone whose plan runs, in words, beside what was predicted.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::names;
use super::socket::Reply;
use crate::clock::Instant;
use crate::net::meter::{Asked, Handout, Reading};
use crate::timeline::Schedule;
use crate::timeline::show::{moment, rfc3339};
use crate::wire::{Name, NameRef};

/// `reply`, which says where the plan of `apex` stands, with what was handed out.
pub fn told(mut reply: Reply, apex: &Name, schedule: Option<&Schedule>, reading: &Reading) -> Reply {
    if reading.is_empty() {
        return reply;
    }
    let predicted = schedule.and_then(Schedule::served_horizon);
    reply.text.push_str("\n  answers since the first step\n");
    let shown = |at: Instant| match schedule {
        Some(schedule) => moment(at, &schedule.time_zone),
        None => rfc3339(at),
    };
    write(&mut reply.text, apex.as_ref(), reading, predicted, shown);
    if let Value::Object(data) = &mut reply.data {
        data.insert("answers".to_owned(), as_json(apex.as_ref(), reading, predicted));
    }
    reply
}

fn write(
    text: &mut String,
    apex: NameRef<'_>,
    reading: &Reading,
    predicted: Option<Instant>,
    shown: impl Fn(Instant) -> String,
) {
    let Reading { old, new, followed, missing } = reading;
    if let (Some((at, ttl)), Some(kept_until)) = (old.last, old.kept_until) {
        _ = write!(text, "  old    the last left at {} with TTL {ttl}; ", shown(at.whole_seconds()));
        _ = write!(text, "observed horizon {}", shown(kept_until.rounded_up()));
        if let Some(predicted) = predicted {
            _ = write!(text, " (predicted {})", shown(predicted));
        }
        _ = writeln!(text, "\n         {}", count(old));
    }
    if new.answers > 0 {
        _ = writeln!(text, "  new    {}", count(new));
        if old.networks > 0 {
            _ = writeln!(text, "         fetched by ~{followed} of the ~{} networks that had the old", old.networks);
        }
    }
    for asked in missing {
        let Asked { count, networks, .. } = asked;
        let from = if *networks == 1 { "one network".to_owned() } else { format!("~{networks} networks") };
        _ = writeln!(text, "  asked for and missing: {}, {count} times by {from}", owner(asked, apex));
    }
}

fn count(handout: &Handout) -> String {
    let answers = if handout.answers == 1 { "answer" } else { "answers" };
    let networks = if handout.networks == 1 { "network" } else { "networks" };
    format!("{} {answers} to ~{} {networks}", handout.answers, handout.networks)
}

/// The name that is missing, as it would stand in the zone file.
fn owner(asked: &Asked, apex: NameRef<'_>) -> String {
    let wire = [&asked.labels, apex.wire()].concat();
    NameRef::parse(&wire).map_or_else(|_| "?".to_owned(), |name| names::shown_below(name, apex))
}

fn as_json(apex: NameRef<'_>, reading: &Reading, predicted: Option<Instant>) -> Value {
    let side = |handout: &Handout| {
        json!({
            "answers": handout.answers,
            "networks": handout.networks,
            "last_at": handout.last.map(|(at, _)| rfc3339(at)),
            "last_ttl": handout.last.map(|(_, ttl)| ttl),
            "kept_until": handout.kept_until.map(|at| rfc3339(at.rounded_up())),
        })
    };
    let missing: Vec<_> = reading
        .missing
        .iter()
        .map(|asked| json!({ "name": owner(asked, apex), "count": asked.count, "networks": asked.networks }))
        .collect();
    json!({
        "old": side(&reading.old),
        "new": side(&reading.new),
        "followed": reading.followed,
        "horizon": predicted.map(rfc3339),
        "missing": missing,
    })
}
