//! Which zones are meant: names, and patterns of names.

use std::collections::HashSet;

use crate::wire::{Name, NameRef};
use crate::zone::text;

/// The most names and patterns of one list.
pub const PATTERNS_MAX: usize = 10_000;

/// Names and patterns, in lower case and wire form. None mean no zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    /// Whether `*` is among them.
    every: bool,
    names: HashSet<Box<[u8]>>,
    /// Of `*.example`, `example`.
    suffixes: HashSet<Box<[u8]>>,
}

impl Patterns {
    /// What means every zone.
    pub fn every() -> Patterns {
        Patterns { every: true, ..Patterns::default() }
    }

    /// Whether `name`, in lower case, is meant.
    pub fn has(&self, name: &Name) -> bool {
        if self.every || self.names.contains(name.wire()) {
            return true;
        }
        let mut above = name.as_ref().parent().filter(|_| !self.suffixes.is_empty());
        while let Some(name) = above {
            if self.suffixes.contains(name.wire()) {
                return true;
            }
            above = name.parent();
        }
        false
    }

    /// Takes in a name, or `*` for one or more labels at its left.
    ///
    /// # Errors
    /// Why it is neither.
    pub fn add(&mut self, written: &str) -> Result<(), String> {
        if written == "*" {
            self.every = true;
            return Ok(());
        }
        let (set, rest) = match written.strip_prefix("*.") {
            Some(rest) => (&mut self.suffixes, rest),
            None => (&mut self.names, written),
        };
        if rest.contains('*') {
            return Err("a * stands alone, as the first label".to_owned());
        }
        let name = text::name_from_text(rest, NameRef::root()).map_err(|error| error.to_string())?;
        set.insert(name.as_ref().to_lowercase().wire().into());
        Ok(())
    }
}
