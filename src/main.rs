//! The `watari` program.

use watari::cli::{Cli, Exit};

fn main() -> Exit {
    Cli::from_command_line().run()
}
