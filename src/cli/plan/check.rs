//! `watari plan check`: every fault of plans.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::{Place, PlanError};
use crate::cli::Exit;
use crate::cli::check::Findings;
use crate::control::names::{PLAN_SUFFIX, Role};
use crate::control::settings::{SettingsError, ZONES_DEFAULT};
use crate::control::tree::Tree;

/// Show every fault of plans, and of the zones that they make.
///
/// As `watari check`, for plans alone: a fault of a zone is shown only if it keeps its plan from being judged. The
/// exit status is 1 if there is an error.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari plan check
      all plans in the folder of zones
  watari plan check example20121.com
  watari plan check zones/example20121.com.plan.toml --json")]
pub(in crate::cli) struct Check {
    /// The zones whose plans are checked, or the plans' files, instead of all
    #[arg(value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    plans: Vec<String>,
    #[command(flatten)]
    place: Place,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Check) -> Result<Exit, PlanError> {
    let top = match (&arguments.place.zones, &*arguments.plans) {
        // Files alone need no folder.
        (None, [_, ..]) if arguments.plans.iter().all(|plan| plan.ends_with(PLAN_SUFFIX)) => ZONES_DEFAULT.into(),
        (zones, _) => super::zones_folder(zones.as_deref())?,
    };
    let mut findings = Findings::beside(super::archive(arguments.place.state.as_deref()).unwrap_or_default());
    let paths = if arguments.plans.is_empty() {
        all_plans(&top, &mut findings)?
    } else {
        arguments.plans.iter().map(|plan| path(plan, &top)).collect::<Result<Vec<_>, _>>()?
    };
    findings.check_files(&paths, Some(&top), super::present())?;
    findings.print(arguments.json)?;
    Ok(findings.exit())
}

/// The path of a plan: the file itself, or the plan of the zone that is named.
fn path(plan: &str, top: &Path) -> Result<PathBuf, PlanError> {
    if plan.ends_with(PLAN_SUFFIX) {
        return Ok(plan.into());
    }
    super::find(plan, top).map(|(apex, files)| files.path(&apex, Role::Plan))
}

fn all_plans(top: &Path, findings: &mut Findings) -> Result<Vec<PathBuf>, PlanError> {
    let mut tree = Tree::read(top);
    if tree.is_unreadable {
        return Err(SettingsError::Faults(tree.faults).into());
    }
    findings.add(&mut tree.faults);
    let plans = tree.zones.iter().filter(|(_, files)| files.plan);
    let mut paths: Vec<_> = plans.map(|(apex, files)| files.path(apex, Role::Plan)).collect();
    paths.sort();
    Ok(paths)
}
