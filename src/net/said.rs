//! What the other side said, as it may be shown: in one line, not too long, and without what moves a terminal's cursor.

use std::error::Error;

/// How much of it is quoted.
const SAID_MAX: usize = 200;

/// `octets` between backticks.
pub(super) fn said(octets: impl AsRef<[u8]>) -> String {
    format!("`{}`", plain(octets.as_ref(), SAID_MAX))
}

/// The text of `octets`, of at most `most` of them, its lines one after the other.
pub(super) fn plain(octets: &[u8], most: usize) -> String {
    let cut = octets.get(..most).unwrap_or(octets);
    let text = String::from_utf8_lossy(cut);
    let mut shown = String::with_capacity(text.len());
    for word in text.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()) {
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.extend(word.chars().map(|character| if does_harm(character) { '\u{fffd}' } else { character }));
    }
    if cut.len() < octets.len() {
        shown.push('…');
    }
    shown
}

/// An error and its causes, one after the other.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// Whether it is a control character, or one that changes the direction of what follows.
fn does_harm(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_one_short_line_without_controls() {
        assert_eq!(said("220 mail\r\n\tready  "), "`220 mail ready`");
        assert_eq!(said(b"\x1b[2Jgone\x07 \xff"), "`\u{fffd}[2Jgone\u{fffd} \u{fffd}`");
        assert_eq!(said("a\u{202e}b"), "`a\u{fffd}b`");
        assert_eq!(plain(b"abc", 2), "ab…");
        assert!(said("x".repeat(10_000)).len() < 300);
    }
}
