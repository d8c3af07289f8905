//! `watari plan diff`: what differs between what is served at two instants.

use std::fmt::{self, Write};

use clap::Args;
use serde::Serialize;

use super::{Place, PlanError};
use crate::cli::drawing::{Drawing, data};
use crate::cli::{Exit, print_json, print_text, style};
use crate::clock::Instant;
use crate::timeline::{When, show};
use crate::zone::diff::{Difference, Records, diff};

/// Print what differs in the zone between two instants: records that go and come, with their TTLs.
///
/// The SOA record comes first, with the serial that is served. The exit status does not say whether there is a
/// difference.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari plan diff example20121.com T-1s T
      what the flip does
  watari plan diff example20121.com now T+7d
      all that will have changed in the end
  watari plan diff example20121.com T-1s T --json

An INSTANT is written as a plan's `at`, or is now, or T, the plan's instant, or reckoned from it: T-1h, T+5m.")]
pub(in crate::cli) struct Diff {
    /// The zone: example.com, or with U-labels
    #[arg(value_name = "NAME")]
    name: String,
    /// The one instant
    #[arg(value_name = "FROM")]
    from: When,
    /// The other instant
    #[arg(value_name = "TO")]
    to: When,
    #[command(flatten)]
    place: Place,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Diff) -> Result<Exit, PlanError> {
    let now = super::present();
    let (schedule, faults) = super::schedule(&arguments.name, &arguments.place, now)?;
    let Some(schedule) = schedule else {
        super::print_faults(arguments.json, &faults)?;
        return Ok(Exit::Faults);
    };
    let side = |when: &When| {
        let at = when.instant(now, schedule.at);
        Side { at, serial: schedule.timeline.at(at).serial }
    };
    let (from, to) = (side(&arguments.from), side(&arguments.to));
    let view = |at| schedule.timeline.view_of(schedule.timeline.at(at), at);
    let differences = diff(view(from.at), view(to.at));
    if arguments.json {
        print_json(&Json::new(schedule.apex.to_string(), from, to, &differences))?;
    } else {
        let drawing = Drawing { time_zone: &schedule.time_zone, styled: style::stdout_is_styled() };
        print_text(|out| draw(&drawing, &schedule.apex.to_string(), (from, to), &differences, out))?;
    }
    Ok(Exit::Fine)
}

/// One of the two editions.
#[derive(Clone, Copy)]
struct Side {
    at: Instant,
    serial: u32,
}

fn draw(
    drawing: &Drawing<'_>,
    zone: &str,
    (from, to): (Side, Side),
    differences: &[Difference],
    out: &mut impl Write,
) -> fmt::Result {
    for (sign, Side { at, serial }) in [("---", from), ("+++", to)] {
        drawing.title(sign, zone, Some(at), serial, out)?;
    }
    for difference in differences {
        let Difference { owner, rtype, .. } = difference;
        for (ttl, rdata) in difference.removed() {
            drawing.record('-', owner, ttl, *rtype, rdata, out)?;
        }
        for (ttl, rdata) in difference.added() {
            drawing.record('+', owner, ttl, *rtype, rdata, out)?;
        }
    }
    Ok(())
}

/// The shape of a diff in JSON. Instants are UTC in RFC 3339 form, TTLs seconds; `null` is no RRset.
#[derive(Serialize)]
struct Json {
    zone: String,
    from: JsonSide,
    to: JsonSide,
    changes: Vec<JsonChange>,
}

#[derive(Serialize)]
struct JsonSide {
    at: String,
    serial: u32,
}

#[derive(Serialize)]
struct JsonChange {
    name: String,
    #[serde(rename = "type")]
    rtype: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    covered: Option<String>,
    before: Option<JsonRecords>,
    after: Option<JsonRecords>,
}

#[derive(Serialize)]
struct JsonRecords {
    ttl: u32,
    data: Vec<String>,
}

impl Json {
    fn new(zone: String, from: Side, to: Side, differences: &[Difference]) -> Json {
        let side = |Side { at, serial }| JsonSide { at: show::rfc3339(at), serial };
        Json { zone, from: side(from), to: side(to), changes: differences.iter().map(JsonChange::new).collect() }
    }
}

impl JsonChange {
    fn new(Difference { owner, rtype, covered, before, after }: &Difference) -> JsonChange {
        let records = |records: &Records| JsonRecords {
            ttl: records.ttl.0,
            data: records.rdatas.iter().map(|rdata| data(*rtype, rdata)).collect(),
        };
        JsonChange {
            name: owner.to_string(),
            rtype: rtype.to_string(),
            covered: covered.map(|covered| covered.to_string()),
            before: before.as_ref().map(records),
            after: after.as_ref().map(records),
        }
    }
}
