//! Colours and the words for failure: on terminals only, and never if `NO_COLOR` is set.

use std::error::Error;

use anstream::{AutoStream, ColorChoice};
use clap::builder::Styles;
use clap::builder::styling::{AnsiColor, Style};

use crate::control::run::with_causes;
use crate::diag::{self, Diagnostic};

/// How help is drawn.
pub(super) const HELP: Styles = Styles::styled()
    .header(Style::new().bold())
    .usage(Style::new().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default().dimmed());

/// Whether what is written to standard error may be coloured.
pub(super) fn stderr_is_styled() -> bool {
    AutoStream::choice(&std::io::stderr()) != ColorChoice::Never
}

/// Whether what is written to standard output may be coloured.
pub(super) fn stdout_is_styled() -> bool {
    AutoStream::choice(&std::io::stdout()) != ColorChoice::Never
}

/// How many columns standard output has, if it is a terminal.
pub(super) fn stdout_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|&columns| columns > 0)
}

/// Says on standard error why a command could not run: the error, its causes, and a way out.
pub(super) fn failed(error: &dyn Error, help: Option<&str>) {
    tell(&with_causes(error), help);
}

/// Says on standard error what is wrong, and a way out.
pub(super) fn tell(what: &str, help: Option<&str>) {
    let (red, cyan) = (AnsiColor::Red.on_default().bold(), AnsiColor::Cyan.on_default().bold());
    anstream::eprintln!("{red}error{red:#}: {what}");
    if let Some(help) = help {
        anstream::eprintln!("{cyan}help{cyan:#}: {help}");
    }
}

/// Says on standard error what is no fault, and what to know of it.
pub(super) fn note(what: &str, help: Option<&str>) {
    let (green, cyan) = (AnsiColor::Green.on_default().bold(), AnsiColor::Cyan.on_default().bold());
    anstream::eprintln!("{green}note{green:#}: {what}");
    if let Some(help) = help {
        anstream::eprintln!("{cyan}help{cyan:#}: {help}");
    }
}

/// Draws diagnostics on standard error.
pub(super) fn draw(diagnostics: &[Diagnostic]) {
    anstream::eprintln!("{}", diag::render(diagnostics, stderr_is_styled()));
}
