//! What is made of the description of the command line: completions and the manual page.

use std::io::{self, Write};

use clap::Command;
use clap_complete::Shell;

use super::{Cli, Exit, style};

/// Prints the completions for `shell`.
pub(super) fn completions(shell: Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::description(), "watari", &mut script);
    print(&script)
}

/// Prints the manual: the page of `watari` and, after it, the pages of its commands.
pub(super) fn man() -> Exit {
    let mut pages = Vec::new();
    match write_pages(&mut pages) {
        Ok(()) => print(&pages),
        Err(error) => failed(&error),
    }
}

fn write_pages(out: &mut Vec<u8>) -> io::Result<()> {
    let mut description = Cli::description().disable_help_subcommand(true);
    description.build();
    clap_mangen::Man::new(description.clone()).render(out)?;
    description.get_subcommands().try_for_each(|command| write_command(out, command, ""))
}

fn write_command(out: &mut Vec<u8>, command: &Command, above: &str) -> io::Result<()> {
    let name = format!("{above} {}", command.get_name().to_uppercase());
    if command.has_subcommands() {
        return command.get_subcommands().try_for_each(|command| write_command(out, command, &name));
    }
    out.extend_from_slice(format!(".SH \"THE COMMAND{name}\"\n").as_bytes());
    let page = clap_mangen::Man::new(command.clone());
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    page.render_extra_section(out)
}

fn print(bytes: &[u8]) -> Exit {
    match io::stdout().write_all(bytes) {
        Ok(()) => Exit::Fine,
        // Who reads it has read enough: `watari man | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(error) => failed(&error),
    }
}

fn failed(error: &io::Error) -> Exit {
    style::failed(error, None);
    Exit::Failed
}
