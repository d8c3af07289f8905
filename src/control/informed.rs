//! What secondaries were told, and what they said, in words.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::notifier::{Notifier, State, Target};
use super::socket::Reply;
use crate::wire::Name;

/// `reply`, which is about one zone, with what each secondary was told of it.
pub fn of_zone(mut reply: Reply, told: &[(Arc<Target>, State)]) -> Reply {
    if told.is_empty() {
        return reply;
    }
    reply.text.push_str("\n  secondaries\n");
    let mut rows = Vec::with_capacity(told.len());
    for (target, state) in told {
        let (kind, serial, said) = match state {
            State::Waiting(serial) => ("waiting", serial, None),
            State::Acknowledged(serial) => ("acknowledged", serial, None),
            State::Refused(serial, rcode) => ("refused", serial, Some(rcode.to_string())),
            State::Failed(serial, why) => ("failed", serial, Some(why.to_string())),
        };
        let text = match state {
            State::Waiting(_) => format!("is being told of serial {serial}"),
            State::Acknowledged(_) => format!("knows of serial {serial}"),
            State::Refused(_, rcode) => format!("does not want to know of serial {serial}: {rcode}"),
            State::Failed(_, why) => format!("was told of serial {serial}, and is told again: {why}"),
        };
        _ = writeln!(reply.text, "  {target} {text}");
        let key = target.key.as_ref().map(Name::to_string);
        let address = target.address.to_string();
        rows.push(json!({ "address": address, "key": key, "state": kind, "serial": serial.0, "said": said }));
    }
    with(reply, rows)
}

/// `reply`, which is about the whole server, with what each secondary was told.
pub fn of_all(mut reply: Reply, notifier: &Notifier) -> Reply {
    let all = notifier.overview();
    let mut rows = Vec::with_capacity(all.len());
    for (target, count, failures) in all {
        _ = write!(reply.text, "secondary {target}: knows of {}", zones(count.acknowledged));
        for (number, what) in [
            (count.waiting, "is being told of"),
            (count.refused, "does not want to know of"),
            (count.failed, "was told and is told again of"),
        ] {
            if number > 0 {
                _ = write!(reply.text, "; {what} {}", zones(number));
            }
        }
        if failures > 0 {
            let times = if failures == 1 { "once".to_owned() } else { format!("{failures} times") };
            _ = write!(reply.text, "; did not answer {times}");
        }
        reply.text.push('\n');
        rows.push(json!({
            "address": target.address.to_string(),
            "key": target.key.as_ref().map(Name::to_string),
            "acknowledged": count.acknowledged,
            "waiting": count.waiting,
            "refused": count.refused,
            "failed": count.failed,
            "not_answered": failures,
        }));
    }
    with(reply, rows)
}

fn zones(count: usize) -> String {
    if count == 1 { "1 zone".to_owned() } else { format!("{count} zones") }
}

fn with(mut reply: Reply, rows: Vec<Value>) -> Reply {
    if let (Value::Object(data), false) = (&mut reply.data, rows.is_empty()) {
        data.insert("secondaries".to_owned(), Value::Array(rows));
    }
    reply
}
