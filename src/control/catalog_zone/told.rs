//! What who asks is told of catalog zones and their members.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::consumers::Enrolled;
use super::{Consumers, Producers};
use crate::control::names;
use crate::control::secondary::{Fetching, Secondaries};
use crate::control::socket::Reply;
use crate::wire::Name;

/// The most zones that are shown by name of those that a catalog zone lists and does not get.
const REFUSED_SHOWN_MAX: usize = 20;

/// Of which catalog zone a zone is a member, and in which group it is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The catalog zone.
    pub catalog: Name,
    /// The group.
    pub group: Option<String>,
    /// Whether it is listed no longer, and goes.
    pub is_leaving: bool,
}

impl Origin {
    /// As it stands in a sentence.
    pub fn words(&self) -> String {
        let group = self.group.iter().map(|group| format!(", group {group}")).collect::<String>();
        let leaving = if self.is_leaving { ", which lists it no longer" } else { "" };
        format!("member of {}{group}{leaving}", names::shown(self.catalog.as_ref()))
    }
}

impl Consumers {
    /// Where `apex` comes from, if it is a member.
    pub fn origin(&self, apex: &Name) -> Option<Origin> {
        let enrolled = self.member(apex)?;
        let Enrolled { catalog, leaves_at, .. } = enrolled;
        Some(Origin { catalog: catalog.clone(), group: self.group_of(enrolled), is_leaving: leaves_at.is_some() })
    }
}

/// How the members of a catalog zone stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many there are.
    pub members: usize,
    /// Of these, how many are served.
    pub served: usize,
    /// How many have never come.
    pub waiting: usize,
    /// How many have expired.
    pub expired: usize,
    /// How many could not be fetched the last time.
    pub failing: usize,
    /// How many are listed no longer, and go.
    pub leaving: usize,
}

impl Count {
    fn add(&mut self, enrolled: &Enrolled, fetching: Option<&Fetching>) {
        self.members += 1;
        self.leaving += usize::from(enrolled.leaves_at.is_some());
        let Some(fetching) = fetching else { return self.waiting += 1 };
        self.failing += usize::from(fetching.error.is_some());
        match (&fetching.copy, fetching.is_expired) {
            (None, _) => self.waiting += 1,
            (Some(_), true) => self.expired += 1,
            (Some(_), false) => self.served += 1,
        }
    }

    /// That of each catalog zone.
    pub fn of_all(consumers: &Consumers, secondaries: &Secondaries) -> BTreeMap<Name, Count> {
        let mut counts: BTreeMap<Name, Count> =
            consumers.catalogs().map(|catalog| (catalog.clone(), Count::default())).collect();
        for (apex, enrolled) in consumers.iter() {
            if let Some(count) = counts.get_mut(&enrolled.catalog) {
                count.add(enrolled, secondaries.get(apex));
            }
        }
        counts
    }
}

/// `reply`, in which it is also told what the catalog zones of ours list, or `only` one.
pub fn of_ours(mut reply: Reply, producers: &Producers, only: Option<&Name>) -> Reply {
    let mut all: Vec<_> = producers.iter().filter(|(apex, ..)| only.is_none_or(|only| only == *apex)).collect();
    all.sort_by_key(|(apex, ..)| (*apex).clone());
    let mut rows = Vec::new();
    for (apex, count, serial) in all {
        let serial_shown =
            serial.map_or_else(|| "it has not been made".to_owned(), |serial| format!("serial {serial}"));
        let zone = names::shown(apex.as_ref());
        _ = writeln!(reply.text, "{zone}: catalog zone of ours; it lists {count} zones; {serial_shown}");
        rows.push(json!({ "zone": apex.to_string(), "members": count, "serial": serial }));
    }
    if !rows.is_empty()
        && let Value::Object(fields) = &mut reply.data
    {
        fields.insert("listings".to_owned(), rows.into());
    }
    reply
}

/// `reply`, in which it is also told what has become of the catalog zones that are obeyed, or of `only` one.
pub fn beside(mut reply: Reply, consumers: &Consumers, secondaries: &Secondaries, only: Option<&Name>) -> Reply {
    let mut rows = Vec::new();
    for (catalog, count) in Count::of_all(consumers, secondaries) {
        if only.is_some_and(|only| *only != catalog) {
            continue;
        }
        reply.text += &line(&catalog, consumers, &count);
        rows.push(data(&catalog, consumers, &count));
    }
    if !rows.is_empty()
        && let Value::Object(fields) = &mut reply.data
    {
        fields.insert("catalogs".to_owned(), rows.into());
    }
    reply
}

fn line(catalog: &Name, consumers: &Consumers, count: &Count) -> String {
    let Count { members, served, waiting, expired, failing, leaving } = *count;
    let mut text = format!("{}: catalog zone; {members} members, {served} served", names::shown(catalog.as_ref()));
    for (count, what) in [
        (waiting, "have never come"),
        (expired, "have expired"),
        (failing, "could not be fetched the last time"),
        (leaving, "are listed no longer, and go"),
    ] {
        if count > 0 {
            _ = write!(text, ", {count} {what}");
        }
    }
    let mut refused: Vec<_> = consumers.refused(catalog).map(|(apex, _)| names::shown(apex.as_ref())).collect();
    if !refused.is_empty() {
        refused.sort();
        let (all, more) = (refused.len(), refused.len().saturating_sub(REFUSED_SHOWN_MAX));
        refused.truncate(REFUSED_SHOWN_MAX);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        _ = write!(text, "; {all} that it lists are not taken: {}{more}", refused.join(", "));
    }
    if let Some(broken) = consumers.broken(catalog) {
        _ = write!(text, "; what came last is not obeyed: {broken}");
    }
    text.push('\n');
    text
}

fn data(catalog: &Name, consumers: &Consumers, count: &Count) -> Value {
    let mut refused: Vec<_> = consumers.refused(catalog).map(|(apex, _)| apex.to_string()).collect();
    refused.sort();
    let Count { members, served, waiting, expired, failing, leaving } = *count;
    json!({
        "zone": catalog.to_string(),
        "members": members,
        "served": served,
        "waiting": waiting,
        "expired": expired,
        "failing": failing,
        "leaving": leaving,
        "refused": refused,
        "broken": consumers.broken(catalog).map(ToString::to_string),
    })
}
