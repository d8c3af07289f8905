//! The command line: what `watari` takes, and what it ends with.
//!
//! Scripts rely on the flags and on the [`Exit`] status.

mod check;
mod drawing;
mod generate;
mod key;
mod plan;
mod probe;
mod run;
mod serve;
mod style;
mod zone;

use std::fmt;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::{ExitCode, Termination};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use crate::control::config::{LogFilterError, log_filter};
use crate::control::settings::Overrides;

/// How a command ended. Status 2 is clap's: the command line itself was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: all is well.
    Fine,
    /// 1: what was written (configuration, zone, plan) has errors, the server refused what was asked of it, what was asked
    /// for is not remembered, or a probe failed.
    Faults,
    /// 3: the command could not run: an address in use, a file that can't be read, something that can't be looked at.
    Failed,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(match self {
            Exit::Fine => 0,
            Exit::Faults => 1,
            Exit::Failed => 3,
        })
    }
}

/// The authoritative DNS server for domains on the move.
///
/// Put zone files into a folder, a plan beside each zone that moves, and start `watari serve`.
/// Files are watched: what you save is served.
#[derive(Debug, Parser)]
#[command(
    name = "watari",
    version,
    styles = style::HELP,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = AFTER_HELP,
    after_long_help = AFTER_LONG_HELP,
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "`watari COMMAND --help` has examples.";

const AFTER_LONG_HELP: &str = "\
Exit status:
  0  all is well
  1  a configuration, zone or plan has errors, what was asked for was refused, or
     a probe failed
  2  the command line was not understood
  3  the command could not run: an address is in use, a file can't be read, no
     server runs

Files:
  zones/NAME.zone       the zone NAME, in the presentation format of RFC 1035
  zones/NAME.plan.toml  its plan: what changes, and at which instant
  zones/NAME.portfolio.toml
                        a plan for many zones, in waves
  watari.toml           the configuration; nothing needs one
  state/control.sock    how `watari arm`, `watari status` and others reach the server that runs";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Serve),
    Check(Check),
    #[command(subcommand)]
    Plan(plan::Plan),
    Arm(run::Arm),
    Status(run::Status),
    Hold(run::Hold),
    Resume(run::Resume),
    Approve(run::Approve),
    Rollback(run::Rollback),
    Abort(run::Abort),
    Promote(run::Promote),
    // Boxed: it has many flags.
    Probe(Box<probe::Arguments>),
    #[command(subcommand)]
    Zone(zone::Zone),
    #[command(subcommand)]
    Key(key::Key),
    Completions(Completions),
    Man(Man),
}

/// Serve the zones of a folder, in the foreground.
///
/// Every file NAME.zone in the folder or below it is the zone NAME; NAME.plan.toml beside it is its
/// plan. Files are watched, and a changed zone is served without being asked. A file that can't be
/// used leaves what it said before in service.
///
/// SIGTERM ends the server, SIGHUP makes it look at every file and at the configuration again.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari serve
      the zones in ./zones on 127.0.0.1:5300 and [::1]:5300
  watari serve --zones /etc/watari/zones --listen 192.0.2.1:53 --listen '[2001:db8::1]:53'
  watari serve --config /etc/watari/watari.toml
  dig @127.0.0.1 -p 5300 www.example20121.com A
      ask it

Without flags, watari.toml is read if it is in the current folder. A flag wins over the file.
When all zones are loaded, one line on standard output begins with `ready:`.")]
struct Serve {
    /// The configuration [default: watari.toml, if it is there]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// The folder of zone files and plans [default: zones]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    zones: Option<PathBuf>,
    /// The folder of what the server itself keeps; made if it is not there [default: state]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    state: Option<PathBuf>,
    /// An address to answer on, over UDP and TCP; may be given more than once
    #[arg(long, value_name = "ADDR:PORT", long_help = LISTEN_HELP)]
    listen: Vec<SocketAddr>,
    /// How many threads answer [default: one for each core]
    #[arg(long, value_name = "N", value_parser = parse_workers)]
    workers: Option<NonZeroUsize>,
    /// What to log: error, warn, info, debug, trace, or `watari::net=debug` for one part
    #[arg(long, value_name = "FILTER", env = "WATARI_LOG", value_parser = parse_filter)]
    log: Option<String>,
}

const LISTEN_HELP: &str = "\
An address to answer on, over UDP and TCP; may be given more than once

IPv6 addresses stand in brackets. Port 0 takes a free port and says which.
[default: 127.0.0.1:5300 and, if the machine has IPv6, [::1]:5300]";

impl Serve {
    fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            zones: self.zones.clone(),
            state: self.state.clone(),
            listen: self.listen.clone(),
            workers: self.workers,
            log: self.log.clone(),
        }
    }
}

/// Show every fault in configuration, zones and plans.
///
/// Each fault is shown with its file, line and column, the reason, a stable code and a way out; all
/// of them at once. Nothing is served and nothing is changed.
///
/// The exit status is 1 if there is an error, 0 if there are only warnings, or nothing at all.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari check
      watari.toml, if it is there, and everything in its folder of zones
  watari check --zones new-zones
  watari check zones/example20121.com.zone zones/example20121.com.plan.toml
  watari check --json | jq -r '.diagnostics[] | .code'

A FILE is a zone (NAME.zone), a plan (NAME.plan.toml, checked against NAME.zone beside it), a plan
for many zones (NAME.portfolio.toml) or a configuration (any other .toml).")]
struct Check {
    /// The folder of zone files and plans [default: that of watari.toml, else zones]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    zones: Option<PathBuf>,
    /// The folder of state, which knows what was armed [default: that of watari.toml, else state]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    state: Option<PathBuf>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
    /// What to check, instead of everything
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
}

/// Print a script that completes this command line in a shell.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari completions bash > ~/.local/share/bash-completion/completions/watari
  watari completions fish > ~/.config/fish/completions/watari.fish")]
struct Completions {
    /// The shell
    shell: Shell,
}

/// Print the manual page.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  watari man | man -l -")]
struct Man {}

impl Cli {
    /// Reads the command line of the process; ends it with status 2 if it is not understood.
    pub fn from_command_line() -> Cli {
        Cli::parse()
    }

    /// The description of the command line, from which completions and the manual are made.
    pub fn description() -> clap::Command {
        Cli::command()
    }

    /// Does what was asked.
    pub fn run(self) -> Exit {
        match self.command {
            Command::Serve(arguments) => serve::run(&arguments),
            Command::Check(arguments) => check::run(&arguments),
            Command::Plan(command) => command.run(),
            Command::Arm(arguments) => arguments.run(),
            Command::Status(arguments) => arguments.run(),
            Command::Hold(arguments) => arguments.run(),
            Command::Resume(arguments) => arguments.run(),
            Command::Approve(arguments) => arguments.run(),
            Command::Rollback(arguments) => arguments.run(),
            Command::Abort(arguments) => arguments.run(),
            Command::Promote(arguments) => arguments.run(),
            Command::Probe(arguments) => probe::run(&arguments),
            Command::Zone(command) => command.run(),
            Command::Key(command) => command.run(),
            Command::Completions(arguments) => generate::completions(arguments.shell),
            Command::Man(Man {}) => generate::man(),
        }
    }
}

fn print_json(value: &impl serde::Serialize) -> io::Result<()> {
    let shown = serde_json::to_string_pretty(value)? + "\n";
    io::stdout().write_all(shown.as_bytes())
}

/// What a printer that writes text makes of the standard output.
fn print_text(print: impl FnOnce(&mut String) -> fmt::Result) -> io::Result<()> {
    let mut shown = String::new();
    print(&mut shown).map_err(io::Error::other)?;
    io::stdout().write_all(shown.as_bytes())
}

fn parse_workers(text: &str) -> Result<NonZeroUsize, String> {
    let most = crate::control::config::WORKERS_MAX;
    match text.parse::<NonZeroUsize>() {
        Ok(workers) if workers.get() <= most => Ok(workers),
        _ => Err(format!("a number from 1 to {most} is expected")),
    }
}

fn parse_filter(text: &str) -> Result<String, LogFilterError> {
    log_filter(text).map(|()| text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_description_holds() {
        Cli::description().debug_assert();
    }

    #[test]
    fn the_interface_that_scripts_rely_on_is_there() {
        for line in [
            "watari serve",
            "watari serve --config watari.toml",
            "watari serve --zones z --state s --listen 127.0.0.1:53 --listen [::1]:53 --workers 2",
            "watari check",
            "watari check --zones z",
            "watari check --json a.zone a.plan.toml watari.toml",
            "watari plan show example.com",
            "watari plan show example.com --zones z --json",
            "watari plan show spring.portfolio",
            "watari rollback spring.portfolio.toml --yes",
            "watari plan show example.com --now 2026-12-01T03:00Z",
            "watari plan new example.com --at 2026-12-01T03:00Z --remove www --low-ttl 60s --ttl-after 1h --zones z --force",
            "watari plan new example.com --at 2026-12-01T03:00Z --flip www --add www --now 2026-11-01T03:00Z --stdout",
            "watari plan at example.com T-1h --zones z --pretty",
            "watari plan diff example.com now 2026-12-01T03:00[Asia/Tokyo] --zones z --json",
            "watari plan check",
            "watari plan check example.com a.plan.toml --zones z --json",
            "watari arm example.com",
            "watari arm example.com --yes --json --state s",
            "watari status",
            "watari status example.com --json --state s",
            "watari hold example.com --why late --dry-run --json --state s",
            "watari resume example.com --at 2026-12-01T03:00[Asia/Tokyo] --yes",
            "watari rollback example.com --dry-run",
            "watari abort example.com --yes",
            "watari plan simulate example.com",
            "watari plan simulate example.com --zones z --state s --caches 1000 --seed 7 --now 2026-12-01T03:00Z --json",
            "watari plan simulate example.com --compare --svg picture.svg",
            "watari plan parent example.com",
            "watari plan parent example.com --server 192.0.2.1 --server [2001:db8::1]:5300 --json",
            "watari plan parent example.com --resolver 2001:db8::1",
            "watari probe example.com",
            "watari probe example.com web mail --zones z --timeout 10s --json",
            "watari probe --tcp 192.0.2.1:443 --tcp [2001:db8::1]:443 --timeout 10s --json",
            "watari probe --http https://example.com/ --address 192.0.2.1 --status 200 --status 204 --body ok --ca ca.pem",
            "watari probe --smtp 192.0.2.1 --tls-name mx.example.com --banner mx --ca ca.pem",
            "watari probe example.com --dns 192.0.2.1 --dns [2001:db8::1]:5300 --same www|A --serials",
            "watari promote example.com",
            "watari promote example.com --expired --yes --json --state s",
            "watari zone log example.com",
            "watari zone log example.com --limit 10 --json --state s",
            "watari zone diff example.com 2026112301",
            "watari zone diff example.com 1 4294967295 --json --state s",
            "watari zone diff example.com 2026-12-01T03:00[Asia/Tokyo] now",
            "watari key new transfer.example.",
            "watari key new transfer.example --algorithm hmac-sha512 --bind --nsd --knot",
            "watari key new transfer.example --json",
            "watari completions bash",
            "watari man",
        ] {
            Cli::try_parse_from(line.split(' ')).unwrap();
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "watari",
            "watari serve --workers 0",
            "watari serve --workers 257",
            "watari serve --listen localhost",
            "watari serve zones",
            "watari plan",
            "watari plan show",
            "watari plan new example.com --at 2026-12-01T03:00Z",
            "watari plan new example.com --flip www",
            "watari plan new example.com --at 2026-12-01T03:00 --flip www",
            "watari plan new example.com --at 2026-12-01T03:00Z --flip www --low-ttl soon",
            "watari plan at example.com",
            "watari plan at example.com tomorrow",
            "watari plan diff example.com T",
            "watari arm",
            "watari arm a.example b.example",
            "watari arm example.com --yes --dry-run",
            "watari resume example.com --at T+1h",
            "watari rollback example.com --why late",
            "watari plan simulate",
            "watari plan simulate example.com --caches 0",
            "watari plan simulate example.com --caches 1000001",
            "watari plan parent",
            "watari plan parent example.com --server a.gtld-servers.net",
            "watari plan parent example.com --server 192.0.2.1 --resolver 192.0.2.2",
            "watari probe",
            "watari probe example.com web --tcp 192.0.2.1:443",
            "watari probe example.com --zones z --tcp 192.0.2.1:443",
            "watari probe --dns 192.0.2.1",
            "watari probe --tcp 192.0.2.1",
            "watari probe --http example.com",
            "watari probe --http https://example.com/ --status 1000",
            "watari probe --tcp 192.0.2.1:443 --address 192.0.2.1",
            "watari probe --tcp 192.0.2.1:443 --timeout 0s",
            "watari zone",
            "watari zone log",
            "watari zone log example.com --limit -1",
            "watari zone diff example.com",
            "watari zone diff example.com 4294967296",
            "watari zone diff example.com T-1h",
            "watari key",
            "watari key new",
            "watari key new a..b",
            "watari key new a --algorithm hmac-md5",
            "watari key new a --json --bind",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
