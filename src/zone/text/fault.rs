//! A fault in a text: what became of it is a [`Diagnostic`] once the text's file is known.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::diag::{Diagnostic, Place, Severity};

/// A fault, or a remark, about a stretch of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The stable code.
    pub code: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// The octets of the text that are meant: from, to.
    pub span: (usize, usize),
    /// What is wrong, in one sentence without a full stop.
    pub message: Cow<'static, str>,
    /// What to say at the place; may be empty.
    pub label: Cow<'static, str>,
    /// The way out, if there is one to suggest.
    pub help: Option<Cow<'static, str>>,
}

/// Faults are rare, what they interrupt is not: they are kept small by a box.
pub(super) type Result<T> = std::result::Result<T, Box<Fault>>;

impl Fault {
    /// An error at `span`.
    pub fn error(code: &'static str, span: (usize, usize), message: impl Into<Cow<'static, str>>) -> Box<Fault> {
        Box::new(Fault {
            code,
            severity: Severity::Error,
            span,
            message: message.into(),
            label: Cow::Borrowed(""),
            help: None,
        })
    }

    /// A warning at `span`.
    pub fn warning(code: &'static str, span: (usize, usize), message: impl Into<Cow<'static, str>>) -> Box<Fault> {
        let mut fault = Fault::error(code, span, message);
        fault.severity = Severity::Warning;
        fault
    }

    /// The same, with `label` at its place.
    #[must_use]
    pub fn label(mut self: Box<Self>, label: impl Into<Cow<'static, str>>) -> Box<Fault> {
        self.label = label.into();
        self
    }

    /// The same, with a way out.
    #[must_use]
    pub fn help(mut self: Box<Self>, help: impl Into<Cow<'static, str>>) -> Box<Fault> {
        self.help = Some(help.into());
        self
    }

    /// The octets of the text that are meant.
    pub fn span(&self) -> Range<usize> {
        self.span.0..self.span.1
    }

    /// The diagnostic about `place`, which is where [`span`](Fault::span) is in the person's file.
    pub fn diagnose_at(self, place: Place) -> Diagnostic {
        let Fault { code, severity, message, label, help, .. } = self;
        let diagnostic = Diagnostic { code, severity, message: message.into(), labels: Vec::new(), help: None };
        let diagnostic = diagnostic.at(place, label);
        match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }

    /// The diagnostic, where the text that was read is the file `path`.
    pub fn diagnose(self, path: &Arc<str>, text: &[u8]) -> Diagnostic {
        let place = Place::locate(path, text, self.span());
        self.diagnose_at(place)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if !self.label.is_empty() {
            write!(f, ": {}", self.label)?;
        }
        Ok(())
    }
}
impl std::error::Error for Fault {}
