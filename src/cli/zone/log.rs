//! `watari zone log`: the changes of a zone.

use std::fmt::Write;

use clap::Args;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{Place, ZoneError};
use crate::cli::{Exit, print_json, print_text, style};
use crate::control::names;
use crate::control::store::change::Change;
use crate::timeline::show;

/// Print the changes of a zone, the last first: when, which serials, how many records went and came, and why.
///
/// Each line is an edition that began to be served at that instant: by an edit of the zone file, a step of a plan, a dynamic
/// update or a transfer, and who or what decided it. SOA records count too. `?` stands where it is not known what went and
/// came: the zone file was edited while no server ran.
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
    let changes = store.changes(&apex, arguments.limit.unwrap_or(usize::MAX))?;
    if arguments.json {
        print_json(&changes.iter().map(Line::of).collect::<Vec<_>>())?;
    } else if changes.is_empty() && arguments.limit != Some(0) {
        let nothing = ZoneError::NoChange { zone: names::shown(apex.as_ref()) };
        style::note(&nothing.to_string(), nothing.help().as_deref());
    } else {
        let time_zone = TimeZone::system();
        print_text(|out| changes.iter().try_for_each(|change| writeln!(out, "{}", line(change, &time_zone))))?;
    }
    Ok(Exit::Fine)
}

fn line(change: &Change, time_zone: &TimeZone) -> String {
    let Change { at, before, after, source, by, .. } = change;
    let (removed, added) = match change.counts {
        Some((removed, added)) => (format!("-{removed}"), format!("+{added}")),
        None => ("-?".to_owned(), "+?".to_owned()),
    };
    let moment = show::moment(at.whole_seconds(), time_zone);
    let serials = format!("{before} → {after}");
    format!("{moment}  {serials:<23}  {removed:>5} {added:>5}  {source:<8}  {by}")
}

/// A change in JSON.
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
}

impl Line<'_> {
    fn of(change: &Change) -> Line<'_> {
        Line {
            at: show::rfc3339(change.at),
            before: change.before.0,
            after: change.after.0,
            removed: change.counts.map(|(removed, _)| removed),
            added: change.counts.map(|(_, added)| added),
            source: change.source.name(),
            by: &change.by,
            records: change.has_delta,
        }
    }
}
