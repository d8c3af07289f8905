//! `watari plan at`: the zone as it will be served at an instant.

use clap::Args;

use super::{Place, PlanError};
use crate::cli::Exit;
use crate::timeline::When;
use crate::zone::text;

/// Print the zone as it is served at an instant.
///
/// One record a line, names in full, in canonical order: two such outputs can be compared with diff, and other
/// servers read them as a zone file.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari plan at example20121.com T
      the zone from the plan's instant on
  watari plan at example20121.com T-1s --pretty
  watari plan at example20121.com '2026-12-01T03:00[Asia/Tokyo]' > after.zone

An INSTANT is written as a plan's `at`, or is now, or T, the plan's instant, or reckoned from it: T-1h, T+5m.")]
pub(in crate::cli) struct At {
    /// The zone: example.com, or with U-labels
    #[arg(value_name = "NAME")]
    name: String,
    /// The instant
    #[arg(value_name = "INSTANT")]
    instant: When,
    #[command(flatten)]
    place: Place,
    /// Print as a person would write it: short names, aligned columns
    #[arg(long)]
    pretty: bool,
}

pub(super) fn run(arguments: &At) -> Result<Exit, PlanError> {
    let now = super::present();
    let (schedule, faults) = super::schedule(&arguments.name, &arguments.place, now)?;
    let Some(schedule) = schedule else {
        super::print_faults(false, &faults)?;
        return Ok(Exit::Faults);
    };
    let at = arguments.instant.instant(now, schedule.at);
    let view = schedule.timeline.view_of(schedule.timeline.at(at), at);
    super::print_text(
        |out| {
            if arguments.pretty { text::print_pretty(view, out) } else { text::print_canonical(view, out) }
        },
    )?;
    Ok(Exit::Fine)
}
