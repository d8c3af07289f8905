//! The differences we know, each with its reason.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::case::Case;
use super::compare::{Difference, Outcome};
use crate::support::message;
use crate::support::peer::{Kind, ZoneFile};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    known: Vec<Entry>,
}

/// One known difference. What is not given matches everything; texts may hold `*`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    /// Which of the tests meets it: `unsigned`, `signed`, `odd`.
    suites: Vec<String>,
    peers: Vec<String>,
    /// Kinds of difference: see `compare`.
    kinds: Vec<String>,
    /// Types of the records that differ.
    types: Option<Vec<String>>,
    /// Owners of the records that differ.
    owners: Option<Vec<String>>,
    zones: Option<Vec<String>>,
    names: Option<Vec<String>>,
    /// Types asked for.
    asked: Option<Vec<String>>,
    variants: Option<Vec<String>>,
    /// What our answer is: one of these.
    ours: Option<Vec<String>>,
    /// What theirs is: one of these.
    theirs: Option<Vec<String>>,
    /// Our and their codes, when these differ.
    rcodes: Option<Vec<[u16; 2]>>,
    /// Whether the peer does it at some times only (it depends on time, or on what was asked before), so that a
    /// run may pass without meeting it.
    #[serde(default)]
    sometimes: bool,
    reason: String,
    rfc: String,
}

/// The known differences of one test, and how often each was met.
#[derive(Debug)]
pub(crate) struct Known {
    entries: Vec<Entry>,
    /// The apexes of the zones that are served, in wire form.
    pub(crate) zones: Vec<Vec<u8>>,
    met: BTreeMap<String, usize>,
}

impl Known {
    /// The entries of `suite`.
    pub(crate) fn load(suite: &str, files: &[ZoneFile]) -> Known {
        let file: File = toml::from_str(include_str!("known.toml")).expect("known.toml is well-formed");
        let mut met = BTreeMap::new();
        let entries: Vec<Entry> =
            file.known.into_iter().filter(|entry| entry.suites.iter().any(|name| name == suite)).collect();
        for entry in &entries {
            assert!(!entry.reason.is_empty() && !entry.rfc.is_empty(), "{} gives no reason", entry.id);
            assert!(met.insert(entry.id.clone(), 0).is_none(), "{} stands twice", entry.id);
        }
        let zones = files.iter().map(|file| message::name_from_text(&file.name)).collect();
        Known { entries, zones, met }
    }

    /// Whether an entry explains `difference`; every one that does counts as met.
    pub(crate) fn explains(
        &mut self,
        peer: Kind,
        case: &Case,
        ours: &Outcome,
        theirs: &Outcome,
        difference: &Difference,
    ) -> bool {
        let mut explained = false;
        for entry in &self.entries {
            if entry.matches(&self.zones, peer, case, ours, theirs, difference) {
                *self.met.entry(entry.id.clone()).or_default() += 1;
                explained = true;
            }
        }
        explained
    }

    /// The entries that no difference met, and that one must.
    pub(crate) fn unmet(&self) -> Vec<&str> {
        let must = self.entries.iter().filter(|entry| !entry.sometimes);
        must.map(|entry| entry.id.as_str()).filter(|id| self.met.get(*id) == Some(&0)).collect()
    }

    /// Every entry and how often it was met.
    pub(crate) fn met(&self) -> impl Iterator<Item = (&str, usize)> {
        self.met.iter().map(|(id, &count)| (id.as_str(), count))
    }
}

impl Entry {
    fn matches(
        &self,
        zones: &[Vec<u8>],
        peer: Kind,
        case: &Case,
        ours: &Outcome,
        theirs: &Outcome,
        difference: &Difference,
    ) -> bool {
        let one_of = |patterns: &Option<Vec<String>>, text: &str| {
            patterns.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| fits(pattern, text)))
        };
        let shape = |wanted: &Option<Vec<String>>, outcome: &Outcome| {
            wanted.as_ref().is_none_or(|wanted| {
                let shapes = outcome.shapes(zones);
                wanted.iter().any(|wanted| shapes.contains(&wanted.as_str()))
            })
        };
        let codes = || match (ours.message(), theirs.message()) {
            (Some(ours), Some(theirs)) => [ours.rcode, theirs.rcode],
            _ => [u16::MAX; 2],
        };
        self.peers.iter().any(|name| name == peer.name())
            && self.kinds.iter().any(|kind| fits(kind, &difference.kind))
            && one_of(&self.types, &message::type_to_text(difference.rtype))
            && one_of(&self.owners, &difference.owner)
            && one_of(&self.zones, &case.zone)
            && one_of(&self.asked, &case.rtype())
            && one_of(&self.variants, &case.variant)
            && one_of(&self.names, &case.name().to_ascii_lowercase())
            && shape(&self.ours, ours)
            && shape(&self.theirs, theirs)
            && self.rcodes.as_ref().is_none_or(|wanted| wanted.contains(&codes()))
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for anything and `\*` for a star.
fn fits(pattern: &str, text: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix("\\*") {
        return text.strip_prefix('*').is_some_and(|text| fits(rest, text));
    }
    if let Some(rest) = pattern.strip_prefix('*') {
        return (0..=text.len()).filter(|&at| text.is_char_boundary(at)).any(|at| fits(rest, &text[at..]));
    }
    match pattern.chars().next() {
        None => text.is_empty(),
        Some(first) => text.strip_prefix(first).is_some_and(|text| fits(&pattern[first.len_utf8()..], text)),
    }
}

#[test]
fn patterns_fit() {
    assert!(fits("*", "") && fits("a*", "a.b") && fits("*b*", "abc") && fits("a*c*", "abcd"));
    assert!(fits("\\*.*", "*.a") && !fits("\\*.*", "b.a"));
    assert!(!fits("a", "ab") && !fits("*x", "ab") && !fits("b*", "ab"));
}
