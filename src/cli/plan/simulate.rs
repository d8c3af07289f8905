//! `watari plan simulate`: a plan on the virtual clock, against model caches.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueHint};
use jiff::Zoned;

use super::{Place, PlanError};
use crate::cli::{Exit, style};
use crate::clock::Instant;
use crate::control::names::Role;
use crate::control::settings::ZONE_FILE_SIZE_DEFAULT;
use crate::control::{read, write};
use crate::diag::Diagnostic;
use crate::timeline::simulate::{self, CACHES_MAX, Outcome, Population};
use crate::timeline::{Schedule, When, plan};
use crate::wire::Name;

/// How wide a picture is where nobody says.
const WIDTH_DEFAULT: usize = 80;

/// Run a plan against model caches: who holds old data until when, and what your server is asked.
///
/// The plan is compiled as `watari serve` compiles it and answers thousands of model caches on a virtual clock, from
/// before the first TTL is lowered until long after the flip. Nothing is asked of anybody, and nothing is changed.
/// The same seed gives the same caches.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari plan simulate example20121.com
  watari plan simulate example20121.com --compare
      every way to lower TTLs beside the plan's own
  watari plan simulate example20121.com --compare --svg cutover.svg
  watari plan simulate example20121.com --json | jq '.peak'

The caches are a model: most obey TTLs, some keep nothing for longer than an hour or a day, some keep everything for a
minute or five. The axis of time is logarithmic from T in both directions, so that a minute is seen beside a day.")]
pub(in crate::cli) struct Simulate {
    /// The zone: example.com, or with U-labels
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    place: Place,
    /// How many caches ask
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = parse_caches)]
    caches: u32,
    /// What chance begins with
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Set the other ways to lower TTLs beside the plan's
    #[arg(long)]
    compare: bool,
    /// Write the picture to FILE, as SVG
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    svg: Option<PathBuf>,
    /// Simulate it as if it were armed at another instant than the present
    #[arg(long, value_name = "INSTANT", value_parser = super::parse_instant)]
    now: Option<Zoned>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

fn parse_caches(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(caches @ 1..=CACHES_MAX) => Ok(caches),
        _ => Err(format!("a number from 1 to {CACHES_MAX} is expected")),
    }
}

pub(super) fn run(arguments: &Simulate) -> Result<Exit, PlanError> {
    let now =
        arguments.now.clone().map_or_else(super::present, |now| When::At(now).instant(Instant::MIN, Instant::MIN));
    let (schedule, faults) = super::schedule(&arguments.name, &arguments.place, now)?;
    let Some(schedule) = schedule else {
        super::print_faults(arguments.json, &faults)?;
        return Ok(Exit::Faults);
    };
    let population = Population::of_the_internet(arguments.caches, arguments.seed);
    let own = schedule.clone();
    let ways = match arguments.compare {
        true => match read_plan(arguments)? {
            Some(plan) => {
                let zone = schedule.timeline.zone().clone();
                simulate::ways(schedule, &plan, &zone)
            }
            None => vec![schedule],
        },
        false => vec![schedule],
    };
    let outcomes: Vec<_> = ways.iter().filter_map(|way| simulate::simulate(way, &population)).collect();
    let Some(first) = outcomes.first() else {
        let message = "nothing flips: there is nothing to simulate";
        let fault =
            Diagnostic::error("simulate-no-flip", message).help("`watari plan show` says where the plan stands");
        super::print_faults(arguments.json, &[fault])?;
        return Ok(Exit::Faults);
    };
    if let Some(path) = &arguments.svg {
        let all: Vec<_> = outcomes.iter().collect();
        draw(path, &simulate::svg(&all, &own))?;
    }
    match (arguments.json, arguments.compare) {
        (true, true) => super::print_json(&serde_json::json!({ "zone": own.apex.to_string(), "ways": outcomes }))?,
        (true, false) => super::print_json(first)?,
        (false, compare) => {
            print(first, &outcomes, &own, compare)?;
            if !faults.is_empty() {
                style::draw(&faults);
            }
        }
    }
    Ok(Exit::Fine)
}

fn print(first: &Outcome, outcomes: &[Outcome], schedule: &Schedule, compare: bool) -> io::Result<()> {
    let width = style::stdout_width().unwrap_or(WIDTH_DEFAULT);
    let styled = style::stdout_is_styled();
    // Of a hand-over that changes nothing here, TTLs are not lowered in any way.
    let shown = match compare && first.caches > 0 {
        true => simulate::compared(outcomes, schedule, width, styled),
        false => simulate::picture(first, schedule, width, styled),
    };
    io::stdout().write_all(shown.as_bytes())
}

/// The plan's text once more: the schedule that was made of it no longer has it.
fn read_plan(arguments: &Simulate) -> Result<Option<plan::Plan>, PlanError> {
    let top = super::zones_folder(arguments.place.zones.as_deref())?;
    let (apex, files): (Name, _) = super::find(&arguments.name, &top)?;
    let path = files.path(&apex, Role::Plan);
    let mut text = Vec::new();
    if read::whole(&path, ZONE_FILE_SIZE_DEFAULT, &mut text).is_err() {
        // It has gone since; the plan alone is shown.
        return Ok(None);
    }
    let path: Arc<str> = path.to_string_lossy().into();
    Ok(plan::parse(apex.as_ref(), &path, &text).0)
}

fn draw(path: &Path, picture: &str) -> Result<(), PlanError> {
    let failed = |source| PlanError::Picture { path: path.display().to_string(), source };
    write::whole(path, picture.as_bytes(), true).map_err(failed)
}
