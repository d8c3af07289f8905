//! `watari plan check`: every fault of plans.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::{Place, PlanError};
use crate::cli::Exit;
use crate::cli::check::Findings;
use crate::control::names::{PLAN_SUFFIX, Role};
use crate::control::portfolio;
use crate::control::settings::{SettingsError, ZONES_DEFAULT};
use crate::control::tree::{Files, Tree};
use crate::timeline::plan::portfolio::FILE_SUFFIX;
use crate::wire::Name;

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
  watari plan check spring.portfolio
  watari plan check zones/example20121.com.plan.toml --json")]
pub(in crate::cli) struct Check {
    /// The zones whose plans are checked, or portfolios, or the plans' files, instead of all
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
    let targets = if arguments.plans.is_empty() {
        all_plans(&top, &mut findings)?
    } else {
        arguments.plans.iter().map(|plan| target(plan, &top)).collect::<Result<Vec<_>, _>>()?
    };
    for target in targets {
        match target {
            Target::File(path) => findings.check_files(&[path], Some(&top), super::present())?,
            Target::Zone(zone) => findings.check_plan_of((&zone.0, &zone.1), &top, super::present()),
        }
    }
    findings.print(arguments.json)?;
    Ok(findings.exit())
}

/// What is checked.
enum Target {
    File(PathBuf),
    Zone(Box<(Name, Files)>),
}

/// The file itself, or the plan of the zone or the portfolio that is named.
fn target(plan: &str, top: &Path) -> Result<Target, PlanError> {
    if plan.ends_with(PLAN_SUFFIX) || (plan.ends_with(FILE_SUFFIX) && Path::new(plan).exists()) {
        return Ok(Target::File(plan.into()));
    }
    if portfolio::is_meant(plan) {
        return super::portfolio::find(plan, top).map(Target::File);
    }
    let (apex, files) = super::find(plan, top)?;
    // Of a plan of its own its file is checked, of a portfolio what it means for this zone.
    Ok(match files.plan && files.portfolio.is_none() {
        true => Target::File(files.path(&apex, Role::Plan)),
        false => Target::Zone(Box::new((apex, files))),
    })
}

fn all_plans(top: &Path, findings: &mut Findings) -> Result<Vec<Target>, PlanError> {
    let mut tree = Tree::read(top);
    if tree.is_unreadable {
        return Err(SettingsError::Faults(tree.faults).into());
    }
    findings.add(&mut tree.faults);
    let plans = tree.zones.iter().filter(|(_, files)| files.plan);
    let mut paths: Vec<_> = plans.map(|(apex, files)| files.path(apex, Role::Plan)).collect();
    paths.sort();
    paths.extend(tree.portfolios.iter().map(|(path, _)| path.to_path_buf()));
    Ok(paths.into_iter().map(Target::File).collect())
}
