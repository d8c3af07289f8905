//! `watari zone log`: the changes of a zone.

use std::collections::HashMap;
use std::fmt::Write;

use clap::Args;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{Place, ZoneError};
use crate::cli::{Exit, print_json, print_text, style};
use crate::clock::Instant;
use crate::control::names;
use crate::control::store::change::Change;
use crate::control::store::promotion::{Ended, Promotion};
use crate::timeline::{Serial, show};

/// Print the changes of a zone, the last first: when, which serials, how many records went and came, and why.
///
/// Each line is an edition that began to be served at that instant: by an edit of the zone file, a step of a plan, a dynamic
/// update or a transfer, and who or what decided it. SOA records count too. `?` stands where it is not known what went and
/// came: the zone file was edited while no server ran. Where two editions had one serial, that is said of both.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari zone log example.com
  watari zone log example.com --limit 10
  watari zone log example.com --json
      for programs; instants are UTC

`watari zone diff example.com SERIAL` shows the records.")]
pub(in crate::cli) struct Log {
    /// The zone: example.com, or with U-labels
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    place: Place,
    /// At most so many of the last changes
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Log) -> Result<Exit, ZoneError> {
    let (apex, store) = super::open(&arguments.name, &arguments.place)?;
    let limit = arguments.limit.unwrap_or(usize::MAX);
    let (changes, promotions) = (store.changes(&apex, usize::MAX)?, store.promotions(&apex)?);
    let twins = Twins::of(&changes);
    let is_done = |promotion: &&Promotion| promotion.ended == Some(Ended::Done);
    let promotions = promotions.iter().filter(is_done).map(Entry::Promotion);
    let mut entries: Vec<_> = promotions.chain(changes.iter().map(Entry::Change)).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at()));
    entries.truncate(limit);
    if arguments.json {
        print_json(&entries.iter().map(|entry| Line::of(entry, &twins)).collect::<Vec<_>>())?;
    } else if entries.is_empty() && limit > 0 {
        let nothing = ZoneError::NoChange { zone: names::shown(apex.as_ref()) };
        style::note(&nothing.to_string(), nothing.help().as_deref());
    } else {
        let time_zone = TimeZone::system();
        print_text(|out| entries.iter().try_for_each(|entry| writeln!(out, "{}", line(entry, &twins, &time_zone))))?;
    }
    Ok(Exit::Fine)
}

/// What is a line of its own.
enum Entry<'a> {
    Change(&'a Change),
    /// The zone was fetched until then, and is ours since.
    Promotion(&'a Promotion),
}

impl Entry<'_> {
    fn at(&self) -> Instant {
        match self {
            Entry::Change(change) => change.at,
            Entry::Promotion(promotion) => promotion.at,
        }
    }
}

/// The serials that more than one edition has: with the first and the last change that led to each.
struct Twins(HashMap<Serial, (i64, i64)>);

impl Twins {
    /// Of `changes`, the last first.
    fn of(changes: &[Change]) -> Twins {
        let mut seen: HashMap<Serial, (i64, i64)> = HashMap::new();
        let first = changes.last().map(|first| (first.before, i64::MIN));
        for (serial, id) in first.into_iter().chain(changes.iter().rev().map(|change| (change.after, change.id))) {
            seen.entry(serial).and_modify(|(_, last)| *last = id).or_insert((id, id));
        }
        seen.retain(|_, (first, last)| first != last);
        Twins(seen)
    }

    /// What to say of the serial to which `entry` led.
    fn told(&self, entry: &Entry<'_>) -> String {
        let Entry::Change(change) = entry else { return String::new() };
        let serial = change.after;
        let is_again = |&(first, _): &(i64, i64)| change.id != first;
        match self.0.get(&serial).map(is_again) {
            Some(true) => format!("; serial {serial} was served before with other records"),
            Some(false) => format!("; serial {serial} was served again with other records"),
            None => String::new(),
        }
    }
}

fn line(entry: &Entry<'_>, twins: &Twins, time_zone: &TimeZone) -> String {
    let Line { before, after, removed, added, source, by, .. } = Line::of(entry, twins);
    let count = |sign: char, count: Option<u64>| match count {
        Some(count) => format!("{sign}{count}"),
        None => format!("{sign}?"),
    };
    let (removed, added) = (count('-', removed), count('+', added));
    let moment = show::moment(entry.at().whole_seconds(), time_zone);
    let serials = format!("{before} → {after}");
    let told = twins.told(entry);
    format!("{moment}  {serials:<23}  {removed:>5} {added:>5}  {source:<8}  {by}{told}")
}

/// An entry in JSON.
#[derive(Serialize)]
struct Line<'a> {
    at: String,
    before: u32,
    after: u32,
    /// `null`: not known.
    removed: Option<u64>,
    added: Option<u64>,
    source: &'static str,
    by: &'a str,
    /// Whether it is remembered which records.
    records: bool,
    /// Whether no other edition had the serial.
    unique: bool,
}

impl<'a> Line<'a> {
    fn of(entry: &Entry<'a>, twins: &Twins) -> Line<'a> {
        let is_unique = |serial| !twins.0.contains_key(&serial);
        let at = show::rfc3339(entry.at());
        match *entry {
            Entry::Change(change) => Line {
                at,
                before: change.before.0,
                after: change.after.0,
                removed: change.counts.map(|(removed, _)| removed),
                added: change.counts.map(|(_, added)| added),
                source: change.source.name(),
                by: &change.by,
                records: change.has_delta,
                unique: is_unique(change.after),
            },
            Entry::Promotion(Promotion { serial, by, .. }) => Line {
                at,
                before: serial.0,
                after: serial.0,
                removed: Some(0),
                added: Some(0),
                source: "promoted",
                by,
                records: false,
                unique: is_unique(*serial),
            },
        }
    }
}
