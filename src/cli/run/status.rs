//! `watari status`: where the plans of a server that runs stand.

use clap::Args;

use super::{Place, RunError};
use crate::cli::{Exit, style};
use crate::control::socket::{Request, Verb, ask};

/// Show where the plans of the server that runs stand.
///
/// Of every zone with a plan that is or was obeyed, or of the one that is named; asked over the server's control
/// socket.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari status
  watari status example20121.com
  watari status --state /var/lib/watari
  watari status --json

The exit status is 3 if no server runs.")]
pub(in crate::cli) struct Status {
    /// The zone: example.com, or with U-labels; or a portfolio: spring.portfolio; without it, all
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(in crate::cli) fn run(&self) -> Exit {
        super::end(self.show())
    }

    fn show(&self) -> Result<Exit, RunError> {
        let zone = self.name.as_deref().map(super::zone).transpose()?;
        let request = Request { zone, styled: style::stdout_is_styled(), ..Request::new(Verb::Status) };
        let reply = ask(&super::state_folder(&self.place)?, &request)?;
        super::print(&reply, self.json).map_err(RunError::Print)?;
        Ok(super::exit(&reply))
    }
}
