//! Reads a TOML table key by key and gathers every fault, so that a person sees all of them at once.
//!
//! serde stops at the first fault and knows a place only for some; this walks the tree with spans.
//! A key that was not asked for by the time of [`Fields::finish`] is unknown.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys;
use crate::diag::{Diagnostic, Place, similar};

/// The text that is read, and what is wrong with it.
pub(super) struct Source<'a> {
    pub(super) path: Arc<str>,
    pub(super) text: &'a str,
    pub(super) faults: Vec<Diagnostic>,
}

impl<'a> Source<'a> {
    /// The file `path` with this text, in which nothing is wrong yet.
    ///
    /// # Errors
    /// It is no text.
    pub(super) fn read(path: &Arc<str>, text: &'a [u8]) -> Result<Source<'a>, Box<Diagnostic>> {
        let Ok(text) = std::str::from_utf8(text) else {
            let fault = Diagnostic::error("config-syntax", format!("{path} is not text in UTF-8"));
            return Err(Box::new(fault.help("write it anew, with an editor that writes UTF-8")));
        };
        Ok(Source { path: path.clone(), text, faults: Vec::new() })
    }

    /// The place of `span` in the text.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        let place = Place::locate(&self.path, self.text.as_bytes(), span.clone());
        keys::hide_secret(place, self.text.get(..span.start).unwrap_or_default())
    }

    /// Reports that the value at `span` can't be used.
    pub(super) fn value_fault(&mut self, span: Range<usize>, message: String, label: &str, help: &str) {
        let place = self.place(span);
        self.faults.push(Diagnostic::error("config-value", message).at(place, label).help(help));
    }
}

/// One table and which of its keys have been asked for.
pub(super) struct Fields<'t> {
    /// The table's name with a final dot, empty for the top of the file.
    prefix: Cow<'static, str>,
    table: Option<&'t DeTable<'t>>,
    asked: Vec<&'static str>,
}

/// A value and where it stands.
pub(super) struct Value<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// A table whose name a person chose.
pub(super) struct Named<'t> {
    pub(super) name: Value<String>,
    pub(super) fields: Fields<'t>,
}

/// An entry of a list: text, or a table with settings of its own.
pub(super) enum Entry<'t> {
    Text(Value<String>),
    Table(Fields<'t>, Range<usize>),
}

impl Entry<'_> {
    pub(super) fn span(&self) -> Range<usize> {
        match self {
            Entry::Text(written) => written.span.clone(),
            Entry::Table(_, span) => span.clone(),
        }
    }
}

impl<'t> Fields<'t> {
    /// The keys of `table`; without one, every key is absent.
    pub(super) fn new(prefix: impl Into<Cow<'static, str>>, table: Option<&'t DeTable<'t>>) -> Self {
        Fields { prefix: prefix.into(), table, asked: Vec::new() }
    }

    fn take(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.asked.push(key);
        self.table?.get(key)
    }

    /// The table at `key`.
    pub(super) fn table(&mut self, source: &mut Source<'_>, key: &'static str, prefix: &'static str) -> Fields<'t> {
        let table = self.take(key).and_then(|value| match value.get_ref() {
            DeValue::Table(table) => Some(table),
            other => {
                let message = format!("`{}{key}` is a table, not {}", self.prefix, with_article(other));
                source.value_fault(value.span(), message, "a table is expected", &format!("write `[{key}]` on a line"));
                None
            }
        });
        Fields::new(prefix, table)
    }

    /// The tables in the table at `key`, each with the name that a person gave it.
    pub(super) fn named_tables(&mut self, source: &mut Source<'_>, key: &'static str) -> Vec<Named<'t>> {
        let tables = self.table(source, key, "");
        let mut named = Vec::new();
        for (name, value) in tables.table.into_iter().flatten() {
            let prefix = format!("{key}.\"{}\"", name.get_ref());
            match value.get_ref() {
                DeValue::Table(table) => {
                    let name = Value { value: name.get_ref().to_string(), span: name.span() };
                    named.push(Named { name, fields: Fields::new(prefix + ".", Some(table)) });
                }
                other => {
                    let message = format!("`{prefix}` is a table, not {}", with_article(other));
                    let help = format!("write `[{prefix}]` on a line");
                    source.value_fault(value.span(), message, "a table is expected", &help);
                }
            }
        }
        named
    }

    /// Whether `key` is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// The text at `key`.
    pub(super) fn text(&mut self, source: &mut Source<'_>, key: &'static str) -> Option<Value<String>> {
        let value = self.take(key)?;
        self.as_text(source, key, value)
    }

    fn as_text(&self, source: &mut Source<'_>, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Value<String>> {
        match value.get_ref() {
            DeValue::String(text) => Some(Value { value: text.to_string(), span: value.span() }),
            other => {
                let message = format!("`{}{key}` takes text, not {}", self.prefix, with_article(other));
                source.value_fault(value.span(), message, "text is expected", "put it between double quotes");
                None
            }
        }
    }

    /// The list of texts at `key`; one text alone is a list of one.
    pub(super) fn texts(&mut self, source: &mut Source<'_>, key: &'static str) -> Option<Vec<Value<String>>> {
        let value = self.take(key)?;
        match value.get_ref() {
            DeValue::Array(items) => Some(items.iter().filter_map(|item| self.as_text(source, key, item)).collect()),
            _ => self.as_text(source, key, value).map(|only| vec![only]),
        }
    }

    /// The list of texts and tables at `key`; one of them alone is a list of one.
    pub(super) fn entries(&mut self, source: &mut Source<'_>, key: &'static str) -> Option<Vec<Entry<'t>>> {
        let value = self.take(key)?;
        let entry = |item: &'t Spanned<DeValue<'t>>| match item.get_ref() {
            DeValue::Table(table) => {
                let fields = Fields::new(format!("{}{key}.", self.prefix), Some(table));
                Some(Entry::Table(fields, item.span()))
            }
            _ => self.as_text(source, key, item).map(Entry::Text),
        };
        match value.get_ref() {
            DeValue::Array(items) => Some(items.iter().filter_map(entry).collect()),
            _ => Some([value].into_iter().filter_map(entry).collect()),
        }
    }

    /// Whether `key` is true.
    pub(super) fn flag(&mut self, source: &mut Source<'_>, key: &'static str) -> Option<bool> {
        let value = self.take(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            other => {
                let message = format!("`{}{key}` takes true or false, not {}", self.prefix, with_article(other));
                source.value_fault(value.span(), message, "not understood", &format!("write `{key} = true`"));
                None
            }
        }
    }

    /// Whether this table is there.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Where `key` is written.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        let found = self.table.and_then(|table| table.keys().find(|written| written.get_ref() == key));
        found.map_or(0..0, Spanned::span)
    }

    /// The whole name of the setting `key`.
    pub(super) fn name_of(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The number at `key`, which must lie in `range`.
    pub(super) fn number(
        &mut self,
        source: &mut Source<'_>,
        key: &'static str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Option<usize> {
        let value = self.take(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(integer) => usize::from_str_radix(integer.as_str(), integer.radix()).ok(),
            _ => None,
        };
        if let Some(number) = number.filter(|number| range.contains(number)) {
            return Some(number);
        }
        let message = format!("`{}{key}` takes a number from {} to {}", self.prefix, range.start(), range.end());
        source.value_fault(value.span(), message, "not such a number", &format!("write `{key} = {}`", range.start()));
        None
    }

    /// What `read` makes of the text at `key`, such as a length of time.
    pub(super) fn quantity<T>(
        &mut self,
        source: &mut Source<'_>,
        key: &'static str,
        read: fn(&str) -> Option<T>,
        example: &str,
    ) -> Option<T> {
        let written = self.text(source, key)?;
        let read = read(&written.value);
        if read.is_none() {
            let message = format!("`{}{key}` can't be read: a whole number with its unit is expected", self.prefix);
            source.value_fault(written.span, message, "not understood", &format!("write it as `{example}`"));
        }
        read
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self, source: &mut Source<'_>) {
        for key in self.table.into_iter().flat_map(|table| table.keys()) {
            let name = key.get_ref().as_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let help = match similar(name, self.asked.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known here: {}", self.asked.join(", ")),
            };
            let place = source.place(key.span());
            let message = format!("`{}{name}` is not a setting", self.prefix);
            source.faults.push(Diagnostic::error("config-unknown", message).at(place, "unknown").help(help));
        }
    }
}

fn with_article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
