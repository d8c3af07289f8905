//! `watari zone diff`: the records that went and came between two editions of a zone.

use std::fmt::{self, Write};
use std::str::FromStr;

use clap::Args;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{Place, ZoneError};
use crate::answer::condense;
use crate::cli::drawing::{Drawing, data};
use crate::cli::{Exit, print_json, print_text, style};
use crate::clock::Instant;
use crate::control::names;
use crate::control::store::Store;
use crate::control::store::change::Change;
use crate::timeline::{Serial, plan, show};
use crate::wire::Rtype;
use crate::zone::delta::{Delta, Record};

/// How many serials are named to who asks for one that is not there.
const NAMED_MAX: usize = 10;

/// Print what differs in a zone between two editions that were served: records that went and came, with their TTLs.
///
/// An edition is named by its serial, or by an instant at which it was served. The SOA record comes first. The exit status
/// does not say whether there is a difference.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari zone diff example.com 2026112301
      all that has changed since
  watari zone diff example.com 2026112301 2026112304
  watari zone diff example.com 2026-12-01T03:00[Asia/Tokyo] now
  watari zone diff example.com 2026112304 2026112301
      the way back

An instant is written as a plan's `at`, or is now. `watari zone log example.com` shows which serials there were.")]
pub(in crate::cli) struct Diff {
    /// The zone: example.com, or with U-labels
    #[arg(value_name = "NAME")]
    name: String,
    /// The one edition: its serial, or an instant
    #[arg(value_name = "FROM")]
    from: Point,
    /// The other one [default: now]
    #[arg(value_name = "TO")]
    to: Option<Point>,
    #[command(flatten)]
    place: Place,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// What names an edition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    Serial(Serial),
    Instant(Instant),
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Point, String> {
        if text.eq_ignore_ascii_case("now") {
            return Ok(Point::Instant(Instant::MAX));
        }
        if text.bytes().all(|octet| octet.is_ascii_digit()) {
            let serial = text.parse().map_err(|_| format!("`{text}` is no serial: it is a number below 2³²"))?;
            return Ok(Point::Serial(Serial(serial)));
        }
        let zoned = plan::parse_instant(text).map_err(|fault| {
            let message = fault.message;
            format!("{message}: write a serial, now, or an instant as in 2026-12-01T03:00[Asia/Tokyo]")
        })?;
        Ok(Point::Instant(Instant::from_unix_nanos(zoned.timestamp().as_nanosecond().try_into().unwrap_or(i64::MAX))))
    }
}

pub(super) fn run(arguments: &Diff) -> Result<Exit, ZoneError> {
    let (apex, store) = super::open(&arguments.name, &arguments.place)?;
    let zone = names::shown(apex.as_ref());
    let mut changes = store.changes(&apex, usize::MAX)?;
    if changes.is_empty() {
        return Err(ZoneError::NoChange { zone });
    }
    changes.reverse();
    let editions = Editions { zone, changes };
    let from = editions.find(arguments.from)?;
    let to = editions.find(arguments.to.unwrap_or(Point::Instant(Instant::MAX)))?;
    let mut delta = editions.between(&store, from.min(to), from.max(to))?;
    if from > to {
        delta = delta.inverted();
    }
    let (from, to) = (editions.side(from), editions.side(to));
    if arguments.json {
        print_json(&Json::new(&editions.zone, from, to, &delta))?;
    } else {
        let time_zone = TimeZone::system();
        let drawing = Drawing { time_zone: &time_zone, styled: style::stdout_is_styled() };
        print_text(|out| draw(&drawing, &editions.zone, (from, to), delta, out))?;
    }
    Ok(Exit::Fine)
}

/// What was served, one after the other. The edition 0 is the one before the first change that is remembered.
struct Editions {
    zone: String,
    changes: Vec<Change>,
}

/// An edition, and since when it is served, if that is known.
#[derive(Clone, Copy)]
struct Side {
    at: Option<Instant>,
    serial: Serial,
}

impl Editions {
    fn side(&self, edition: usize) -> Side {
        match edition.checked_sub(1).and_then(|change| self.changes.get(change)) {
            Some(change) => Side { at: Some(change.at), serial: change.after },
            None => Side { at: None, serial: self.changes.first().map_or(Serial(0), |change| change.before) },
        }
    }

    /// Which edition is meant; of those with one serial the last.
    fn find(&self, point: Point) -> Result<usize, ZoneError> {
        match point {
            Point::Instant(at) => Ok(self.changes.iter().take_while(|change| change.at <= at).count()),
            Point::Serial(serial) => {
                let found = (0..=self.changes.len()).rfind(|&edition| self.side(edition).serial == serial);
                found.ok_or_else(|| {
                    let mut known: Vec<_> =
                        (0..=self.changes.len()).rev().map(|edition| self.side(edition).serial.to_string()).collect();
                    let more = known.len() > NAMED_MAX;
                    known.truncate(NAMED_MAX);
                    let known = known.join(", ") + if more { ", …" } else { "" };
                    ZoneError::Serial { zone: self.zone.clone(), serial: serial.0, known }
                })
            }
        }
    }

    /// What went and came from one edition to a later one.
    fn between(&self, store: &Store, from: usize, to: usize) -> Result<Delta, ZoneError> {
        let mut deltas = Vec::new();
        for change in self.changes.get(from..to).unwrap_or_default() {
            let delta = store.delta(change.id)?.and_then(|bytes| Delta::from_bytes(&bytes));
            let (before, after) = (change.before.0, change.after.0);
            deltas.push(Some(delta.ok_or_else(|| ZoneError::Gap { zone: self.zone.clone(), before, after })?));
        }
        Ok(condense(deltas).unwrap_or_default())
    }
}

fn draw(
    drawing: &Drawing<'_>,
    zone: &str,
    (from, to): (Side, Side),
    delta: Delta,
    out: &mut impl Write,
) -> fmt::Result {
    for (sign, side) in [("---", from), ("+++", to)] {
        let at = side.at.map(Instant::whole_seconds);
        drawing.title(sign, zone, at, side.serial.0, out)?;
    }
    let Delta { removed, added } = delta;
    let (gone, come) = (removed.into_iter().map(|record| ('-', record)), added.into_iter().map(|record| ('+', record)));
    let mut all: Vec<(char, Record)> = gone.chain(come).collect();
    all.sort_by(|(sign, record), (other_sign, other)| {
        let key = |record: &Record| (record.rtype != Rtype::SOA, record.owner.clone(), record.rtype.0);
        key(record).cmp(&key(other)).then(other_sign.cmp(sign))
    });
    all.iter().try_for_each(|(sign, record)| {
        let Record { owner, rtype, ttl, rdata } = record;
        drawing.record(*sign, owner, *ttl, *rtype, rdata, out)
    })
}

/// The shape of a diff in JSON. Instants are UTC in RFC 3339 form, TTLs seconds.
#[derive(Serialize)]
struct Json<'a> {
    zone: &'a str,
    from: JsonSide,
    to: JsonSide,
    removed: Vec<JsonRecord>,
    added: Vec<JsonRecord>,
}

#[derive(Serialize)]
struct JsonSide {
    /// Since when it is served; `null`: from before the first change that is remembered.
    at: Option<String>,
    serial: u32,
}

#[derive(Serialize)]
struct JsonRecord {
    name: String,
    ttl: u32,
    #[serde(rename = "type")]
    rtype: String,
    data: String,
}

impl Json<'_> {
    fn new<'a>(zone: &'a str, from: Side, to: Side, delta: &Delta) -> Json<'a> {
        let side = |Side { at, serial }| JsonSide { at: at.map(show::rfc3339), serial: serial.0 };
        let record = |Record { owner, rtype, ttl, rdata }: &Record| JsonRecord {
            name: owner.to_string(),
            ttl: ttl.0,
            rtype: rtype.to_string(),
            data: data(*rtype, rdata),
        };
        let records = |records: &[Record]| records.iter().map(record).collect();
        Json { zone, from: side(from), to: side(to), removed: records(&delta.removed), added: records(&delta.added) }
    }
}
