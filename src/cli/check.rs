//! `watari check`: every fault of what was written, at once.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use super::{Check, Exit, style};
use crate::clock::{Instant, Ratchet};
use crate::control::config::Config;
use crate::control::examine::Examiner;
use crate::control::names::{self, Role};
use crate::control::running::Archive;
use crate::control::settings::{
    self, CONFIG_FILE, STATE_DEFAULT, SettingsError, ZONE_FILE_SIZE_DEFAULT, ZONES_DEFAULT,
};
use crate::control::tree::{Files, Tree};
use crate::diag::{self, Diagnostic, Severity};
use crate::wire::Name;

/// What was found.
#[derive(Debug, Default, Serialize)]
pub(super) struct Findings {
    configurations: usize,
    zones: usize,
    plans: usize,
    portfolios: usize,
    errors: usize,
    warnings: usize,
    notes: usize,
    diagnostics: Vec<Diagnostic>,
    /// What was armed.
    #[serde(skip)]
    archive: Archive,
}

/// Checks what was named, or everything.
pub(super) fn run(arguments: &Check) -> Exit {
    let now = Ratchet::new(Instant::from_unix_seconds(0)).now();
    let mut findings = Findings::default();
    if let Some(state) = &arguments.state {
        findings = Findings::beside(Archive::open(state));
    }
    let done = if arguments.files.is_empty() {
        findings.check_everything(arguments.zones.as_deref(), now)
    } else {
        findings.check_files(&arguments.files, arguments.zones.as_deref(), now)
    };
    if let Err(error) = done {
        let is_folder = arguments.files.iter().any(|path| path.is_dir());
        let help =
            if is_folder { "name a folder with --zones DIR" } else { "`watari check --help` says what can be checked" };
        style::failed(&error, Some(help));
        return Exit::Failed;
    }
    match findings.print(arguments.json) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            style::failed(&error, None);
            Exit::Failed
        }
        _ => findings.exit(),
    }
}

impl Findings {
    /// Nothing yet, of plans of which `archive` knows what was armed.
    pub(super) fn beside(archive: Archive) -> Findings {
        Findings { archive, ..Findings::default() }
    }

    fn check_everything(&mut self, zones: Option<&Path>, now: Instant) -> Result<(), SettingsError> {
        let path = Path::new(CONFIG_FILE);
        let config = if path.exists() { self.check_config(path)? } else { Config::default() };
        if !self.archive.is_there() {
            self.archive = Archive::open(Path::new(config.state.as_deref().unwrap_or(STATE_DEFAULT)));
        }
        let zones =
            zones.map_or_else(|| config.zones.map_or_else(|| ZONES_DEFAULT.into(), PathBuf::from), Path::to_owned);
        std::fs::read_dir(&zones).map_err(|source| SettingsError::Read {
            what: "the folder of zones",
            path: zones.display().to_string(),
            source,
        })?;
        let mut tree = Tree::read(&zones);
        self.diagnostics.append(&mut tree.faults);
        self.diagnostics.append(&mut tree.join());
        self.portfolios += tree.portfolios.len();
        if tree.zones.is_empty() {
            let message = format!("there is no zone in {}", zones.display());
            self.diagnostics.push(Diagnostic::warning("zones-none", message).help("a zone file is called NAME.zone"));
        }
        let real = zones.canonicalize().ok();
        let size_max = config.zone_file_size.unwrap_or(ZONE_FILE_SIZE_DEFAULT);
        let examiner = Examiner { top: &zones, real: real.as_deref(), size_max, now, archive: Some(&self.archive) };
        let mut all: Vec<_> = tree.zones.into_iter().collect();
        all.par_sort_by(|(a, x), (b, y)| x.folder.cmp(&y.folder).then_with(|| a.cmp(b)));
        self.zones += all.iter().filter(|(_, files)| files.zone || files.secondary || files.catalog).count();
        self.plans += all.iter().filter(|(_, files)| files.plan).count();
        let faults: Vec<_> =
            all.par_iter().flat_map_iter(|(apex, files)| examiner.zone_and_plan(apex, files)).collect();
        self.diagnostics.extend(faults);
        Ok(())
    }

    /// Checks files, each for what its name says it is.
    pub(super) fn check_files(
        &mut self,
        files: &[PathBuf],
        zones: Option<&Path>,
        now: Instant,
    ) -> Result<(), SettingsError> {
        for path in files {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let role = names::split(name).map(|(_, role)| role);
            let is_plan = role == Some(Role::Plan);
            let is_secondary = matches!(role, Some(Role::Secondary | Role::Catalog));
            let is_portfolio = names::is_portfolio(name);
            if !path.is_file() {
                let source = path.metadata().err().unwrap_or_else(|| io::Error::other("it is not a file"));
                return Err(SettingsError::Read { what: "the file", path: path.display().to_string(), source });
            }
            if name.ends_with(".toml") && !is_plan && !is_secondary && !is_portfolio {
                self.check_config(path)?;
                continue;
            }
            self.zones += usize::from(is_secondary || name.ends_with(names::ZONE_SUFFIX));
            self.plans += usize::from(is_plan);
            // What a zone includes lies in the folder of zones: the one that was named, or its own.
            let beside = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let top = zones.filter(|zones| is_below(path, zones)).unwrap_or(beside);
            let real = top.canonicalize().ok();
            let (archive, size_max) = (Some(&self.archive), ZONE_FILE_SIZE_DEFAULT);
            let examiner = Examiner { top, real: real.as_deref(), size_max, now, archive };
            match is_portfolio {
                true => {
                    self.portfolios += 1;
                    self.diagnostics.extend(examiner.portfolio(path, &mut Tree::read(top)));
                }
                false => self.diagnostics.extend(examiner.file(path)),
            }
        }
        Ok(())
    }

    fn check_config(&mut self, path: &Path) -> Result<Config, SettingsError> {
        let (config, _, faults) = settings::read(path)?;
        self.configurations += 1;
        self.diagnostics.extend(faults);
        Ok(config)
    }

    /// Checks the plan of a zone alone, its own or a portfolio's.
    pub(super) fn check_plan_of(&mut self, (apex, files): (&Name, &Files), top: &Path, now: Instant) {
        self.plans += 1;
        let real = top.canonicalize().ok();
        let (archive, size_max) = (Some(&self.archive), ZONE_FILE_SIZE_DEFAULT);
        let examiner = Examiner { top, real: real.as_deref(), size_max, now, archive };
        self.diagnostics.extend(examiner.plan_alone(apex, files));
    }

    /// Adds what was found elsewhere.
    pub(super) fn add(&mut self, found: &mut Vec<Diagnostic>) {
        self.diagnostics.append(found);
    }

    /// Prints what was found, and how much of it there is.
    pub(super) fn print(&mut self, json: bool) -> io::Result<()> {
        self.count();
        let shown = if json { self.as_json() } else { self.as_text(style::stdout_is_styled()) };
        io::stdout().write_all(shown.as_bytes())
    }

    /// How a command ends that found this and printed it.
    pub(super) fn exit(&self) -> Exit {
        if self.errors > 0 { Exit::Faults } else { Exit::Fine }
    }

    fn count(&mut self) {
        let count = |severity| self.diagnostics.iter().filter(|found| found.severity == severity).count();
        (self.errors, self.warnings, self.notes) =
            (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    }

    fn as_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    fn as_text(&self, styled: bool) -> String {
        let mut text = String::new();
        if !self.diagnostics.is_empty() {
            text.push_str(&diag::render(&self.diagnostics, styled));
            text.push_str("\n\n");
        }
        let others = self.plans + self.portfolios + self.configurations;
        let mut checked = Vec::with_capacity(4);
        checked.extend((self.zones > 0 || others == 0).then(|| counted(self.zones, "zone")));
        checked.extend((self.plans > 0).then(|| counted(self.plans, "plan")));
        checked.extend((self.portfolios > 0).then(|| counted(self.portfolios, "portfolio")));
        checked.extend((self.configurations > 0).then(|| counted(self.configurations, "configuration")));
        let mut found = vec![counted(self.errors, "error"), counted(self.warnings, "warning")];
        found.extend((self.notes > 0).then(|| counted(self.notes, "note")));
        text.push_str(&format!("{} checked: {}\n", checked.join(", "), found.join(", ")));
        text
    }
}

fn is_below(path: &Path, folder: &Path) -> bool {
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
