//! `watari zone freeze`, `thaw`, `sync`: zones that are updated dynamically, and their files.

use clap::Args;

use super::act::{self, Acting};
use crate::cli::Exit;
use crate::control::socket::{Request, Verb};

/// Refuse dynamic updates of a zone, and write its file with those that there were.
///
/// Shows what is written, and asks. The file loses its comments; what is served stays as it is.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari zone freeze example20121.com
  watari zone freeze example20121.com --dry-run
      only show it

The exit status is 1 if it was refused or nobody agreed, 3 if no server runs.")]
pub(in crate::cli) struct Freeze {
    #[command(flatten)]
    acting: Acting,
}

/// Take dynamic updates of a frozen zone again.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari zone thaw example20121.com --yes

The exit status is 1 if it was refused or nobody agreed, 3 if no server runs.")]
pub(in crate::cli) struct Thaw {
    #[command(flatten)]
    acting: Acting,
}

/// Write the file of a zone with the dynamic updates that lie over it.
///
/// Shows what is written, and asks. The file loses its comments; what is served stays as it is.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari zone sync example20121.com
  watari zone sync example20121.com --yes

The exit status is 1 if it was refused or nobody agreed, 3 if no server runs.")]
pub(in crate::cli) struct Sync {
    #[command(flatten)]
    acting: Acting,
}

impl Freeze {
    pub(in crate::cli) fn run(&self) -> Exit {
        super::end(act::run(Request::new(Verb::Freeze), &self.acting))
    }
}

impl Thaw {
    pub(in crate::cli) fn run(&self) -> Exit {
        super::end(act::run(Request::new(Verb::Thaw), &self.acting))
    }
}

impl Sync {
    pub(in crate::cli) fn run(&self) -> Exit {
        super::end(act::run(Request::new(Verb::Sync), &self.acting))
    }
}
