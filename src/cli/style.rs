//! Colours and the words for failure: on terminals only, and never if `NO_COLOR` is set.

use std::error::Error;

use anstream::{AutoStream, ColorChoice};
use clap::builder::Styles;
use clap::builder::styling::{AnsiColor, Style};

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

/// Says on standard error why a command could not run: the error, its causes, and a way out.
pub(super) fn failed(error: &dyn Error, help: Option<&str>) {
    anstream::eprintln!("{}", diag::render(&[failure(error, help)], stderr_is_styled()));
}

/// Draws diagnostics on standard error.
pub(super) fn draw(diagnostics: &[Diagnostic]) {
    anstream::eprintln!("{}", diag::render(diagnostics, stderr_is_styled()));
}

fn failure(error: &dyn Error, help: Option<&str>) -> Diagnostic {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    let failure = Diagnostic::error("failed", message);
    match help {
        Some(help) => failure.help(help),
        None => failure,
    }
}
