//! A TOML table read as a form: known keys of known types; every fault is noted and reading goes on.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::diag::{Diagnostic, Place, similar};

/// The file of a plan: what diagnostics show.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path, as the person named it.
    pub path: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

impl Source {
    /// The place of `span`, octets of the text.
    pub fn place(&self, span: &Range<usize>) -> Place {
        Place::locate(&self.path, self.text.as_bytes(), span.clone())
    }
}

/// Something a person wrote, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<T> {
    /// What it means.
    pub value: T,
    /// The octets of the file that say so.
    pub span: Range<usize>,
}

/// A table that is being read.
pub(super) struct Form<'a, 'f> {
    pub(super) source: &'a Source,
    pub(super) faults: &'f mut Vec<Diagnostic>,
    table: &'a DeTable<'a>,
    /// What a missing key is shown at.
    pub(super) heading: Range<usize>,
}

impl<'a, 'f> Form<'a, 'f> {
    /// Reads `table`, in which `keys` may stand; others are faults.
    pub(super) fn new(
        source: &'a Source,
        faults: &'f mut Vec<Diagnostic>,
        table: &'a DeTable<'a>,
        heading: Range<usize>,
        (what, keys): (&str, &[&str]),
    ) -> Form<'a, 'f> {
        let mut strangers: Vec<_> = table.keys().filter(|key| !keys.contains(&&**key.get_ref())).collect();
        strangers.sort_by_key(|key| key.span().start);
        for key in strangers {
            let name = key.get_ref();
            let help = match similar(name, keys.iter().copied().filter(|known| !table.contains_key(*known))) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("{what} has {}", listed(keys)),
            };
            let message = format!("{what} has no key `{name}`");
            faults.push(Diagnostic::error("plan-unknown-key", message).at(source.place(&key.span()), "").help(help));
        }
        Form { source, faults, table, heading }
    }

    /// Notes a fault at `span`.
    pub(super) fn fault(&mut self, diagnostic: Diagnostic, span: &Range<usize>, label: impl Into<String>) {
        let place = self.source.place(span);
        self.faults.push(diagnostic.at(place, label));
    }

    /// The value of `key`, if it is there.
    pub(super) fn optional(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    /// The value of `key`; it is a fault if it is missing, which `example` mends.
    pub(super) fn required(&mut self, key: &str, example: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        let value = self.table.get(key);
        if value.is_none() {
            let diagnostic = Diagnostic::error("plan-missing-key", format!("`{key}` is missing"));
            self.fault(diagnostic.help(format!("write {example}")), &self.heading.clone(), "");
        }
        value
    }

    /// `value` as a string.
    pub(super) fn string(
        &mut self,
        key: &str,
        value: &'a Spanned<DeValue<'a>>,
        example: &str,
    ) -> Option<Written<&'a str>> {
        match value.get_ref().as_str() {
            Some(text) => Some(Written { value: text, span: value.span() }),
            None => {
                self.wrong_type(key, value, "a string", example);
                None
            }
        }
    }

    /// What the word at `key` stands for, if it is there: one of `words`.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<Written<T>> {
        let value = self.optional(key)?;
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let example = names.iter().map(|word| format!("{key} = \"{word}\"")).collect::<Vec<_>>().join(" or ");
        let written = self.string(key, value, &example)?;
        let known = words.iter().find(|(word, _)| *word == written.value);
        if known.is_none() {
            let help = match similar(written.value, names.iter().copied()) {
                Some(known) => format!("did you mean \"{known}\"?"),
                None => format!("write {example}"),
            };
            let message = format!("`{key}` is not `{}`", written.value);
            self.fault(Diagnostic::error("plan-choice", message).help(help), &written.span, "");
        }
        known.map(|(_, value)| Written { value: *value, span: written.span })
    }

    /// Whether `key` is true, if it is there.
    pub(super) fn boolean(&mut self, key: &str) -> Option<Written<bool>> {
        let value = self.optional(key)?;
        let written = value.get_ref().as_bool();
        if written.is_none() {
            self.wrong_type(key, value, "true or false", &format!("{key} = true"));
        }
        written.map(|written| Written { value: written, span: value.span() })
    }

    /// `value` as an array.
    pub(super) fn array(
        &mut self,
        key: &str,
        value: &'a Spanned<DeValue<'a>>,
        example: &str,
    ) -> Option<&'a DeArray<'a>> {
        let array = value.get_ref().as_array();
        if array.is_none() {
            self.wrong_type(key, value, "an array", example);
        }
        array
    }

    /// The tables at `key`, if it is there, each with its place: `most` of them at most.
    pub(super) fn tables(
        &mut self,
        key: &str,
        example: &str,
        most: usize,
    ) -> Option<Vec<(&'a DeTable<'a>, Range<usize>)>> {
        let value = self.optional(key)?;
        if value.get_ref().is_table() {
            let diagnostic = Diagnostic::error("plan-wrong-type", format!("`{key}` is a list of tables"));
            let help = format!("write [[{key}]] with two brackets");
            self.fault(diagnostic.help(help), &value.span(), "this is a single table");
            return None;
        }
        let array = self.array(key, value, example)?;
        if array.len() > most {
            let message = format!("a plan has {most} tables [[{key}]] at most");
            self.fault(Diagnostic::error("plan-too-many", message).help("leave some out"), &value.span(), "");
        }
        let mut tables = Vec::with_capacity(array.len().min(most));
        for item in array.iter().take(most) {
            match item.get_ref().as_table() {
                Some(table) => tables.push((table, item.span())),
                None => self.wrong_type(key, item, "a table", example),
            }
        }
        Some(tables)
    }

    /// Notes that `value` is not `expected`.
    pub(super) fn wrong_type(&mut self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str, example: &str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date without quotes",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        let diagnostic = Diagnostic::error("plan-wrong-type", format!("`{key}` is {expected}"));
        self.fault(diagnostic.help(format!("write {example}")), &value.span(), format!("this is {found}"));
    }
}

/// `a`, `b` and `c`.
pub(super) fn listed(keys: &[&str]) -> String {
    match keys {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(|key| format!("`{key}`")).collect();
            format!("{} and `{last}`", first.join(", "))
        }
    }
}
