//! Who sits before the command: sees what would be done, and says whether to do it.

use std::io::{self, BufRead, IsTerminal, Read};

use crate::control::socket::Reply;

/// The longest answer that is read, in octets.
const ANSWER_LEN_MAX: u64 = 1 << 10;

/// Somebody, or a script.
pub(super) trait Person {
    /// Whether there is somebody who can be asked.
    fn can_be_asked(&self) -> bool;
    /// Prints a reply; with `json` for programs.
    fn show(&mut self, reply: &Reply, json: bool) -> io::Result<()>;
    /// Says something about it.
    fn tell(&mut self, text: &str);
    /// Asks, and waits for the answer.
    fn agrees(&mut self, question: &str) -> io::Result<bool>;
}

/// The one at the terminal.
pub(super) struct Operator;

impl Person for Operator {
    fn can_be_asked(&self) -> bool {
        // The question goes to standard error: what is shown may go to a file all the same.
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    fn show(&mut self, reply: &Reply, json: bool) -> io::Result<()> {
        super::print(reply, json)
    }

    fn tell(&mut self, text: &str) {
        anstream::eprintln!("{text}");
    }

    fn agrees(&mut self, question: &str) -> io::Result<bool> {
        anstream::eprint!("{question} [y/N] ");
        let mut answer = String::new();
        let read = io::stdin().lock().take(ANSWER_LEN_MAX).read_line(&mut answer)?;
        if read == 0 {
            // Nobody ended the line of the question.
            anstream::eprintln!();
        }
        Ok(is_yes(&answer))
    }
}

fn is_yes(answer: &str) -> bool {
    let answer = answer.trim();
    answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for yes in ["y", "Y\n", " yes\r\n", "YES"] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n", "no", "yy", "yes please", "ja", "\u{2713}"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
