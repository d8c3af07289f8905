//! The commands that act: each is a request, and the words by which it is explained.

use clap::Args;

use super::act::{self, Acting};
use crate::cli::Exit;
use crate::cli::plan::parse_instant;
use crate::control::socket::{Request, Verb};

/// Have the server that runs obey the plan of a zone.
///
/// Shows every step that the plan will take, with its instant and its reason, and asks. What was shown is what is done:
/// if it is no longer the same when you agree, it is shown again.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari arm example20121.com
  watari arm example20121.com --dry-run
      only show it
  watari arm 日本語.example --yes --state /var/lib/watari
      without asking
  watari arm spring.portfolio
      all zones of zones/spring.portfolio.toml

The exit status is 1 if it was refused or nobody agreed, 3 if no server runs.")]
pub(in crate::cli) struct Arm {
    #[command(flatten)]
    acting: Acting,
}

/// Have a plan take no further step until it is resumed.
///
/// Shows what stands still and what that costs, and asks. What is served stays as it is.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari hold example20121.com
  watari hold example20121.com --why 'the new server is not ready' --yes
  watari hold example20121.com --dry-run

The exit status is 1 if it was refused or nobody agreed, 3 if no server runs.")]
pub(in crate::cli) struct Hold {
    #[command(flatten)]
    acting: Acting,
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

/// Have a plan that is held go on.
///
/// Shows when each step will be taken now, and asks.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari resume example20121.com
  watari resume example20121.com --at '2026-12-02T03:00[Asia/Tokyo]'
      at an instant of your own
  watari resume example20121.com --dry-run

The exit status is 1 if it was refused or nobody agreed, 3 if no server runs.")]
pub(in crate::cli) struct Resume {
    #[command(flatten)]
    acting: Acting,
    /// The new instant of the plan, with a time zone [default: the one that is shown]
    #[arg(long, value_name = "INSTANT", value_parser = parse_at)]
    at: Option<String>,
}

/// Pass a gate of a plan that waits for a person.
///
/// Shows what you say with it and what the plan waits for besides, and asks.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari approve example20121.com
  watari approve example20121.com 'the customer has agreed' --yes
  watari approve example20121.com 2 --dry-run
      the second gate of the plan

The exit status is 1 if it was refused or nobody agreed, 3 if no server runs.")]
pub(in crate::cli) struct Approve {
    #[command(flatten)]
    acting: Acting,
    /// The gate, by its text or its number among the plan's gates [default: the only one that waits for a person]
    #[arg(value_name = "GATE")]
    gate: Option<String>,
}

/// Serve the old data of a zone again, with a higher serial.
///
/// Shows what goes back and when the last cache has recovered, and asks.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari rollback example20121.com
  watari rollback example20121.com --dry-run
      only show what it would cost
  watari rollback example20121.com --yes
  watari rollback spring.portfolio
      all zones that it has flipped

The exit status is 1 if it was refused or nobody agreed, 3 if no server runs.")]
pub(in crate::cli) struct Rollback {
    #[command(flatten)]
    acting: Acting,
}

/// Give a plan up before its flip.
///
/// Shows what is undone of it, and asks. After its flip a plan is rolled back instead.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari abort example20121.com
  watari abort example20121.com --dry-run
  watari abort example20121.com --yes

The exit status is 1 if it was refused or nobody agreed, 3 if no server runs.")]
pub(in crate::cli) struct Abort {
    #[command(flatten)]
    acting: Acting,
}

fn parse_at(text: &str) -> Result<String, String> {
    parse_instant(text).map(|_| text.to_owned())
}

impl Arm {
    pub(in crate::cli) fn run(&self) -> Exit {
        super::end(act::run(Request::new(Verb::Arm), &self.acting))
    }
}

impl Hold {
    pub(in crate::cli) fn run(&self) -> Exit {
        let request = Request { why: self.why.clone(), ..Request::new(Verb::Hold) };
        super::end(act::run(request, &self.acting))
    }
}

impl Resume {
    pub(in crate::cli) fn run(&self) -> Exit {
        let request = Request { at: self.at.clone(), ..Request::new(Verb::Resume) };
        super::end(act::run(request, &self.acting))
    }
}

impl Approve {
    pub(in crate::cli) fn run(&self) -> Exit {
        let request = Request { gate: self.gate.clone(), ..Request::new(Verb::Approve) };
        super::end(act::run(request, &self.acting))
    }
}

impl Rollback {
    pub(in crate::cli) fn run(&self) -> Exit {
        super::end(act::run(Request::new(Verb::Rollback), &self.acting))
    }
}

impl Abort {
    pub(in crate::cli) fn run(&self) -> Exit {
        super::end(act::run(Request::new(Verb::Abort), &self.acting))
    }
}
