//! `watari plan new`: writes a plan beside its zone.

use std::io::{self, Write};
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args};
use jiff::Zoned;

use super::{Place, PlanError};
use crate::cli::{Exit, style};
use crate::clock::Instant;
use crate::control::examine::Examiner;
use crate::control::names::{self, Role};
use crate::control::settings::ZONE_FILE_SIZE_DEFAULT;
use crate::control::write;
use crate::diag::Diagnostic;
use crate::timeline::plan::compose::{Request, Verb, compose};
use crate::timeline::plan::{Arming, DS_WRITTEN, Lowering, Raising};
use crate::timeline::{self, Run, When, show};
use crate::zone::text;

/// Write a plan beside its zone, and show what it does.
///
/// What the zone has at present is filled in. A plan with errors is not written, nor is one that is there replaced
/// without --force. A server obeys it when it is armed: `watari arm NAME`; with --arm on-load, as soon as it is written.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("changes").args(["flip", "add", "remove"]).multiple(true).required(true))]
#[command(after_long_help = "\
Examples:
  watari plan new example20121.com --at '2026-12-01T03:00[Asia/Tokyo]' --flip 'www A 192.0.2.11'
  watari plan new example20121.com --at 2026-11-30T18:00Z --flip 'www A 192.0.2.11, 192.0.2.12' --add 'www AAAA 2001:db8::11' --ttl-after 1h
      two addresses, and a third of another type, all at once
  watari plan new example20121.com --at 2026-11-30T18:00Z --flip '@ MX 10 mx1.example.net., 20 mx2.example.net.' --low-ttl 5m
  watari plan new example20121.com --at 2026-11-30T18:00Z --remove 'mail A' --add 'mail CNAME mail.example.net.' --ttl-after 1d
      an address becomes an alias
  watari plan new example20121.com --at 2026-11-30T18:00Z --flip 'www A 192.0.2.11' --stdout
      only print it

A name is written as in the zone file: www, @ for the zone's own name, or in full with its final dot. Several records
are separated by a comma and a blank, or given with another flag of the same name and type.")]
pub(in crate::cli) struct New {
    /// The zone: example.com, or with U-labels
    #[arg(value_name = "NAME")]
    name: String,
    /// The instant of all changes, with a time zone: 2026-12-01T03:00[Asia/Tokyo]
    #[arg(long, value_name = "INSTANT", value_parser = parse_at)]
    at: String,
    /// Other data for records that are there; may be given more than once
    #[arg(long, value_name = "NAME TYPE DATA")]
    flip: Vec<String>,
    /// Records of a name and type that are not there yet; may be given more than once
    #[arg(long, value_name = "NAME TYPE DATA")]
    add: Vec<String>,
    /// Records that go; may be given more than once
    #[arg(long, value_name = "NAME TYPE")]
    remove: Vec<String>,
    /// What caches may hold around the instant [default: 60s]
    #[arg(long, value_name = "TTL", value_parser = parse_ttl)]
    low_ttl: Option<String>,
    /// The TTL in the end, of all that changes [default: the old one]
    #[arg(long, value_name = "TTL", value_parser = parse_ttl)]
    ttl_after: Option<String>,
    /// Who arms it: `watari arm`, or the server as soon as it is written
    #[arg(long, value_name = "WAY", value_parser = one_of(Arming::WRITTEN))]
    arm: Option<String>,
    /// How TTLs go down: by halves, with each second, or in one step [default: ladder]
    #[arg(long, value_name = "WAY", value_parser = one_of(Lowering::WRITTEN))]
    lower: Option<String>,
    /// How TTLs go up again: by doubling, or in one step [default: ladder]
    #[arg(long, value_name = "WAY", value_parser = one_of(Raising::WRITTEN))]
    raise: Option<String>,
    /// Flip even if there is no time to lower TTLs before
    #[arg(long)]
    late: bool,
    /// Whether the parent has a DS record for the zone: one that comes signed is changed only without
    #[arg(long, value_name = "WHICH", value_parser = one_of(DS_WRITTEN))]
    ds: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Replace a plan that is there
    #[arg(long)]
    force: bool,
    /// Print the plan and write nothing
    #[arg(long, conflicts_with = "force")]
    stdout: bool,
    /// Show it as of another instant than the present
    #[arg(long, value_name = "INSTANT", value_parser = super::parse_instant)]
    now: Option<Zoned>,
}

/// One of the words that a key of a plan takes.
fn one_of<T>(written: &[(&'static str, T)]) -> PossibleValuesParser {
    PossibleValuesParser::new(written.iter().map(|(word, _)| *word))
}

fn parse_at(text: &str) -> Result<String, String> {
    super::parse_instant(text).map(|_| text.to_owned())
}

fn parse_ttl(text: &str) -> Result<String, String> {
    match text::parse_ttl(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("seconds or units are expected: 300, 90s, 1h30m, 1d".to_owned()),
    }
}

impl New {
    fn request(&self) -> Request<'_> {
        let mut changes = Vec::new();
        for (verb, texts) in [(Verb::Flip, &self.flip), (Verb::Remove, &self.remove), (Verb::Add, &self.add)] {
            changes.extend(texts.iter().map(|text| (verb, text.as_str())));
        }
        Request {
            at: &self.at,
            low_ttl: self.low_ttl.as_deref(),
            ttl_after: self.ttl_after.as_deref(),
            arm: self.arm.as_deref(),
            lower: self.lower.as_deref(),
            raise: self.raise.as_deref(),
            late: self.late,
            ds: self.ds.as_deref(),
            changes,
        }
    }
}

pub(super) fn run(arguments: &New) -> Result<Exit, PlanError> {
    let now =
        arguments.now.clone().map_or_else(super::present, |now| When::At(now).instant(Instant::MIN, Instant::MIN));
    let top = super::zones_folder(arguments.place.zones.as_deref())?;
    let (apex, files) = super::find_zone(&arguments.name, &top)?;
    let path = files.path(&apex, Role::Plan);
    let zone_name = names::shown(apex.as_ref());
    let exists = || PlanError::Exists { zone: zone_name.clone(), path: path.display().to_string() };
    if !arguments.stdout && !arguments.force && path.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let real = top.canonicalize().ok();
    let examiner = Examiner { top: &top, real: real.as_deref(), size_max: ZONE_FILE_SIZE_DEFAULT, now, archive: None };
    let (zone, faults) = examiner.zone(&apex, &files.path(&apex, Role::Zone));
    let Some(zone) = zone else { return Ok(refused(&faults)) };
    let text = match compose(&zone, &zone_name, &arguments.request()) {
        Ok(text) => text,
        Err(faults) => return Ok(refused(&faults)),
    };
    // Serving, checking and showing will see these octets: they are judged before anybody does.
    let shown_path: Arc<str> = path.to_string_lossy().into();
    let schedule = timeline::load(&zone, &shown_path, text.as_bytes(), &Run::proposed(now)).schedule;
    let faults = timeline::check(&zone, &shown_path, text.as_bytes(), &Run::proposed(now));
    let Some(schedule) = schedule.filter(|_| !faults.iter().any(Diagnostic::is_error)) else {
        return Ok(refused(&faults));
    };
    if arguments.stdout {
        io::stdout().write_all(text.as_bytes())?;
    } else {
        write::whole(&path, text.as_bytes(), arguments.force).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => exists(),
            _ => PlanError::Write { path: path.display().to_string(), source },
        })?;
        let shown = show::render(&schedule, now, style::stdout_is_styled());
        io::stdout().write_all(format!("{} is written\n\n{shown}", path.display()).as_bytes())?;
    }
    if !faults.is_empty() {
        style::draw(&faults);
    }
    Ok(Exit::Fine)
}

fn refused(faults: &[Diagnostic]) -> Exit {
    style::draw(faults);
    anstream::eprintln!("\nno plan is written");
    Exit::Faults
}
