//! `watari plan show`: what a plan does, step by step.

use std::io::{self, Write};

use clap::Args;
use jiff::Zoned;

use super::{Place, PlanError};
use crate::cli::{Exit, style};
use crate::clock::Instant;
use crate::timeline::{Schedule, When, show};

/// Show what a plan does, step by step, each with its instant and its reason.
///
/// The plan is compiled exactly as `watari serve` compiles it; nothing is changed.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari plan show example20121.com
  watari plan show spring.portfolio
  watari plan show 日本語.example --zones /etc/watari/zones
  watari plan show example20121.com --now '2026-11-30T12:00[Asia/Tokyo]'
  watari plan show example20121.com --json")]
pub(in crate::cli) struct Show {
    /// The zone: example.com, or with U-labels; or a portfolio: spring.portfolio
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    place: Place,
    /// Show it as of another instant than the present
    #[arg(long, value_name = "INSTANT", value_parser = super::parse_instant)]
    now: Option<Zoned>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Show) -> Result<Exit, PlanError> {
    let now =
        arguments.now.clone().map_or_else(super::present, |now| When::At(now).instant(Instant::MIN, Instant::MIN));
    if let Some(exit) = super::portfolio::show(&arguments.name, &arguments.place, now, arguments.json)? {
        return Ok(exit);
    }
    let (schedule, faults) = super::schedule(&arguments.name, &arguments.place, now)?;
    let Some(schedule) = schedule else {
        super::print_faults(arguments.json, &faults)?;
        return Ok(Exit::Faults);
    };
    print(&schedule, now, arguments.json)?;
    if !arguments.json && !faults.is_empty() {
        style::draw(&faults);
    }
    Ok(Exit::Fine)
}

fn print(schedule: &Schedule, now: Instant, json: bool) -> io::Result<()> {
    if json {
        return super::print_json(schedule);
    }
    io::stdout().write_all(show::render(schedule, now, style::stdout_is_styled()).as_bytes())
}
