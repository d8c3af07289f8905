//! What we tell a person about something they wrote: a zone file, a plan, a configuration.
//!
//! A [`Diagnostic`] has a stable code, the place in the file with the line itself, the reason and a
//! way out. It holds everything needed to show it, so that no source has to be kept. All faults
//! of a file are reported at once; [`render()`] draws them for a terminal, serde makes JSON of them.

mod render;
mod similar;

use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

pub use render::render;
pub use similar::similar;

/// The most diagnostics kept for one file; a file with more is not read by anyone.
pub const DIAGNOSTICS_MAX: usize = 100;

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// It works, but probably not as intended.
    Warning,
    /// What was written can't be used.
    Error,
}

/// A fault, or a remark, about something a person wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The stable code, by which `docs/diagnostics.md` explains it: `zone-cname-and-other-data`.
    pub code: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where: the first is the place itself, others explain it. Empty if there is no file to show.
    pub labels: Vec<Label>,
    /// The way out, if there is one to suggest.
    pub help: Option<String>,
}

/// A place and what to say there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// The place.
    pub place: Place,
    /// What to say there; may be empty.
    pub text: String,
}

/// A stretch of one line of a file, with the line itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file's path, as the person named it.
    pub path: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The line itself, without its end.
    pub source: String,
    /// The octets of `source` that are meant.
    pub span: Range<usize>,
}

impl Place {
    /// The place of `span` (octets of `text`) in the file `path`. A span that crosses lines is cut
    /// at the end of its first line.
    pub fn locate(path: &Arc<str>, text: &[u8], span: Range<usize>) -> Place {
        let start = span.start.min(text.len());
        let line_start = text[..start].iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let line_end = text[start..].iter().position(|&b| b == b'\n').map_or(text.len(), |at| start + at);
        let line = text[..line_start].iter().filter(|&&b| b == b'\n').count() + 1;
        let shown = |range: Range<usize>| String::from_utf8_lossy(&text[range]).into_owned();
        let before = shown(line_start..start);
        let meant = shown(start..span.end.clamp(start, line_end));
        let rest = shown(span.end.clamp(start, line_end)..line_end);
        let column = before.chars().count() + 1;
        let span = before.len()..before.len() + meant.len();
        let source = (before + &meant + &rest).trim_end_matches('\r').to_owned();
        let span = span.start.min(source.len())..span.end.min(source.len());
        Place { path: path.clone(), line, column, source, span }
    }
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, Severity::Error, message.into())
    }

    /// A warning without a place.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, Severity::Warning, message.into())
    }

    /// A note without a place.
    pub fn note(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, Severity::Note, message.into())
    }

    fn new(code: &'static str, severity: Severity, message: String) -> Diagnostic {
        Diagnostic { code, severity, message, labels: Vec::new(), help: None }
    }

    /// The same, shown at `place` with `text` beside it.
    #[must_use]
    pub fn at(mut self, place: Place, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { place, text: text.into() });
        self
    }

    /// The same, with a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_shows_its_line() {
        let path: Arc<str> = "a.zone".into();
        let place = Place::locate(&path, b"one\ntwo \xff three\r\nfour", 10..15);
        assert_eq!((place.line, place.column), (2, 7));
        assert_eq!(&place.source[place.span.clone()], "three");
        assert_eq!(Place::locate(&path, b"x\ny\n", 99..100).line, 3);
        assert_eq!(Place::locate(&path, b"ab\ncd", 1..5).span, 1..2);
    }
}
