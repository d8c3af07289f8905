//! `watari plan show NAME.portfolio`: what a portfolio does to its zones, wave by wave.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::json;

use super::{Place, PlanError};
use crate::cli::{Exit, style};
use crate::clock::Instant;
use crate::control::examine::Examiner;
use crate::control::names;
use crate::control::portfolio::{Portfolio, Reading, is_meant, stem};
use crate::control::settings::ZONE_FILE_SIZE_DEFAULT;
use crate::control::tree::Tree;
use crate::diag::{Diagnostic, similar};
use crate::timeline::plan::portfolio::FILE_SUFFIX;
use crate::timeline::plan::to_instant;
use crate::timeline::show::{distance, moment, rfc3339};
use crate::wire::Name;

/// The most zones that are named because they can't be moved.
const SHOWN_MAX: usize = 20;

/// The portfolio's file that was named.
pub(super) fn find(name: &str, top: &Path) -> Result<PathBuf, PlanError> {
    let tree = Tree::read(top);
    let file = format!("{}{FILE_SUFFIX}", stem(name));
    let paths = || tree.portfolios.iter().map(|(path, _)| &**path);
    // Its path may have been written, by someone who lets the shell complete it.
    let found: Vec<_> = paths().filter(|path| path.ends_with(&file) || *path == Path::new(&file)).collect();
    match &*found {
        [path] => Ok(path.to_path_buf()),
        [] => {
            let known: Vec<_> =
                paths().filter_map(|path| path.file_name()?.to_str()).map(|name| stem(name).to_owned()).collect();
            let similar = similar(stem(name), known.iter().map(String::as_str)).map(|name| format!("{name}.portfolio"));
            Err(PlanError::NoPortfolio { name: stem(name).to_owned(), folder: top.display().to_string(), similar })
        }
        several => {
            let paths: Vec<_> = several.iter().map(|path| path.display().to_string()).collect();
            Err(PlanError::Portfolios { name: stem(name).to_owned(), paths: paths.join(", ") })
        }
    }
}

/// Shows the portfolio that was named; `None` if a zone is meant.
pub(super) fn show(name: &str, place: &Place, now: Instant, json: bool) -> Result<Option<Exit>, PlanError> {
    if !is_meant(name) {
        return Ok(None);
    }
    let top = super::zones_folder(place.zones.as_deref())?;
    let path = match find(name, &top) {
        // `portfolio` may be a top-level domain one day.
        Err(PlanError::NoPortfolio { .. }) if super::find_zone(name, &top).is_ok() => return Ok(None),
        found => found?,
    };
    let mut tree = Tree::read(&top);
    tree.join();
    let reading = tree.portfolios.iter().find(|(known, _)| **known == *path).map(|(_, reading)| reading.clone());
    let Some(Reading::Sound(portfolio)) = reading else {
        super::print_faults(json, reading.as_ref().map_or(&[], Reading::faults))?;
        return Ok(Some(Exit::Faults));
    };
    let archive = super::archive(place.state.as_deref())?;
    let (real, size_max) = (top.canonicalize().ok(), ZONE_FILE_SIZE_DEFAULT);
    let examiner = Examiner { top: &top, real: real.as_deref(), size_max, now, archive: Some(&archive) };
    let zones: Vec<_> =
        tree.zones.iter().filter(|(apex, files)| files.zone && portfolio.says.matches(apex.as_ref())).collect();
    let mut zones: Vec<Fate> = zones
        .into_par_iter()
        .map(|(apex, files)| {
            let wave = portfolio.says.wave(apex.as_ref());
            let (schedule, faults) = examiner.schedule(apex, files);
            let is_its =
                !files.plan && files.portfolio.as_ref().is_some_and(|found| found.portfolio.path == portfolio.path);
            let moves = schedule.is_some_and(|schedule| !schedule.courses.is_empty());
            let state = examiner.archive.and_then(|archive| archive.run_of(apex)).map(|(run, _)| run.state());
            let fault = faults.into_iter().find(|fault| fault.is_error() && is_its != (fault.code == "plan-two-plans"));
            Fate { apex: apex.clone(), wave, moves: moves && is_its, fault, state }
        })
        .collect();
    zones.sort_by(|a, b| (a.wave, &a.apex).cmp(&(b.wave, &b.apex)));
    let is_fine = zones.iter().all(|zone| zone.fault.is_none());
    if json {
        super::print_json(&as_json(&portfolio, &zones))?;
    } else {
        super::print_text(|out| print(out, &portfolio, &zones, now))?;
        style::draw(&portfolio.remarks);
    }
    Ok(Some(if is_fine { Exit::Fine } else { Exit::Faults }))
}

/// What becomes of a zone.
struct Fate {
    apex: Name,
    wave: u32,
    /// Whether the portfolio has something to do in it.
    moves: bool,
    /// Why it can't be moved.
    fault: Option<Diagnostic>,
    /// Where its run stands, if it has one.
    state: Option<&'static str>,
}

fn what(portfolio: &Portfolio) -> String {
    let what = |flip: &crate::timeline::plan::Flip| {
        let owner = match flip.owner.value.as_ref().is_root() {
            true => "@".to_owned(),
            false => names::shown(flip.owner.value.as_ref()),
        };
        format!("{owner} {}", flip.rtype.value)
    };
    portfolio.says.flips().iter().map(what).collect::<Vec<_>>().join(", ")
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn print(out: &mut String, portfolio: &Portfolio, zones: &[Fate], now: Instant) -> fmt::Result {
    let says = &portfolio.says;
    let first = says.at(0);
    let at = to_instant(&first);
    let place = first.time_zone().iana_name().map(|name| format!(" ({name})")).unwrap_or_default();
    let waves = counted(says.waves() as usize, "wave");
    writeln!(out, "{}  {} in {waves}", portfolio.plan.path, counted(zones.len(), "zone"))?;
    writeln!(
        out,
        "  flips {} from T = {}{place} on, {}",
        what(portfolio),
        moment(at, first.time_zone()),
        distance(at, now)
    )?;
    writeln!(out)?;
    writeln!(out, "  wave   at                            zones   to be moved   done   can't be moved")?;
    let mut empty = 0;
    for wave in 0..says.waves() {
        let of = || zones.iter().filter(move |zone| zone.wave == wave);
        if of().next().is_none() {
            empty += 1;
            continue;
        }
        let at = moment(to_instant(&says.at(wave)), first.time_zone());
        let faulty = of().filter(|zone| zone.fault.is_some()).count();
        let moves = of().filter(|zone| zone.fault.is_none() && zone.moves).count();
        let done = of().count() - faulty - moves;
        writeln!(out, "  {:>4}   {at}   {:>5}   {moves:>11}   {done:>4}   {faulty:>14}", wave + 1, of().count())?;
    }
    if empty > 0 {
        writeln!(out, "  in {} there is no zone", counted(empty, "wave"))?;
    }
    let mut states: Vec<(&str, usize)> = Vec::new();
    for state in zones.iter().filter_map(|zone| zone.state) {
        match states.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += 1,
            None => states.push((state, 1)),
        }
    }
    if !states.is_empty() {
        let states: Vec<_> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
        writeln!(out, "\n  of these: {}", states.join(", "))?;
    }
    let faulty: Vec<_> = zones.iter().filter_map(|zone| Some((zone, zone.fault.as_ref()?))).collect();
    if faulty.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n  can't be moved")?;
    for (zone, fault) in faulty.iter().take(SHOWN_MAX) {
        let zone = names::shown(zone.apex.as_ref());
        let message = fault.message.strip_prefix(&format!("{zone}: ")).unwrap_or(&fault.message);
        writeln!(out, "  {zone}: {message} [{}]", fault.code)?;
    }
    match faulty.len().saturating_sub(SHOWN_MAX) {
        0 => Ok(()),
        more => writeln!(
            out,
            "  and {}; `watari plan check {}` shows them all",
            counted(more, "more zone"),
            portfolio.plan.path
        ),
    }
}

fn as_json(portfolio: &Portfolio, zones: &[Fate]) -> serde_json::Value {
    let says = &portfolio.says;
    let waves = (0..says.waves()).map(|wave| {
        json!({
            "wave": wave + 1,
            "at": rfc3339(to_instant(&says.at(wave))),
            "zones": zones.iter().filter(|zone| zone.wave == wave).count(),
        })
    });
    let zones = zones.iter().map(|zone| {
        json!({
            "zone": zone.apex.to_string(),
            "wave": zone.wave + 1,
            "at": rfc3339(to_instant(&says.at(zone.wave))),
            "moves": zone.moves && zone.fault.is_none(),
            "state": zone.state,
            "fault": zone.fault,
        })
    });
    json!({
        "portfolio": &*portfolio.plan.path,
        "plan": portfolio.plan.digest(),
        "flips": what(portfolio),
        "waves": waves.collect::<Vec<_>>(),
        "zones": zones.collect::<Vec<_>>(),
        "diagnostics": portfolio.remarks,
    })
}
