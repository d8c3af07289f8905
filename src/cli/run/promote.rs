//! `watari promote`: a zone that is fetched becomes ours.

use clap::Args;

use super::act::{self, Acting};
use crate::cli::Exit;
use crate::control::socket::{Request, Verb};

/// Make a zone that is fetched from others ours.
///
/// Asks its primaries whether they have anything newer, fetches that, shows what will be done and by what the old primary
/// becomes a secondary of this server, and asks. The zone file is written as the zone is served, its serial is carried on,
/// and no answer changes.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari promote example20121.com
  watari promote example20121.com --dry-run
      only show it, and the bridge back
  watari promote example20121.com --yes --json | jq -r '.bridges[0].bind'
  watari promote example20121.com --expired
      although its primaries were not heard of for longer than its SOA record allows

The exit status is 1 if it was refused or nobody agreed, 3 if no server runs.")]
pub(in crate::cli) struct Promote {
    #[command(flatten)]
    acting: Acting,
    /// Also a zone that has expired
    #[arg(long)]
    expired: bool,
}

impl Promote {
    pub(in crate::cli) fn run(&self) -> Exit {
        super::end(act::run(Request { expired: self.expired, ..Request::new(Verb::Promote) }, &self.acting))
    }
}
