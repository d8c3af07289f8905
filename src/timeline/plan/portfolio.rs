//! Portfolios: one plan for many zones, in `NAME.portfolio.toml`.
//!
//! ```toml
//! version = 1
//! zones = ["*.example", "shop.test"]      # names, or patterns
//! except = ["old.example"]
//! at = "2026-12-01T03:00[Asia/Tokyo]"     # the instant of the first wave
//! # … and all else that a plan has
//! [waves]
//! count = 5
//! every = "1h"
//! ```
//!
//! 1. The plan of a zone is a function of the portfolio's text and the zone's name: [`super::parse`] of a text whose path
//!    ends in [`FILE_SUFFIX`] is that zone's plan, its instant moved by the zone's wave. Everything after that knows
//!    plans of single zones only.
//! 2. The wave of a zone is the SHA-256 of its name (in wire form, in lower case), modulo the number of waves: all nodes
//!    agree, and no zone moves when another comes or goes.
//! 3. What a zone arms is [`Portfolio::plan_text`]: the text without its lists of zones. So who adds a zone edits
//!    nobody else's plan, and a journal of many runs does not keep the list once for each.
//! 4. The lists are read by [`Portfolio::read`] alone, once for all zones.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Zoned};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::form::{Form, Written};
use super::patterns::{PATTERNS_MAX, Patterns};
use super::{Draft, Flip, in_order, read_length, to_instant};
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::timeline::Digest;
use crate::wire::NameRef;

/// What the name of a portfolio's file ends in.
pub const FILE_SUFFIX: &str = ".portfolio.toml";
/// The most waves.
pub const WAVES_MAX: u32 = 1000;

/// The keys that only a portfolio has.
pub(super) const KEYS: &[&str] = &["zones", "except", "waves"];
const WAVES_KEYS: &[&str] = &["count", "every"];

/// Whether the file `path` is a portfolio.
pub fn is_portfolio(path: &str) -> bool {
    path.ends_with(FILE_SUFFIX)
}

/// One plan for many zones, as it was written.
#[derive(Debug)]
pub struct Portfolio {
    zones: Patterns,
    except: Patterns,
    waves: Option<Waves>,
    at: Zoned,
    flips: Vec<Flip>,
    plan_text: Arc<[u8]>,
    cuts: Vec<Cut>,
}

/// Lines of the file that [`Portfolio::plan_text`] does not have.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// The last line before them, from 1.
    after: usize,
    lines: usize,
}

impl Portfolio {
    /// Reads a portfolio. There is one if none of the diagnostics is an error; all faults are found that can be seen
    /// without a zone.
    pub fn read(path: &Arc<str>, text: &[u8]) -> (Option<Portfolio>, Vec<Diagnostic>) {
        let (draft, mut faults) = Draft::read(NameRef::root(), path, text);
        let Some(draft) = draft else { return (None, in_order(faults)) };
        let source = draft.source.clone();
        // It could be read as a table before.
        let (table, _) = DeTable::parse_recoverable(&source.text);
        let keys: Vec<_> = table.get_ref().keys().map(|key| key.get_ref().to_string()).collect();
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let heading = draft.heading.clone();
        let mut form = Form::new(&source, &mut faults, table.get_ref(), heading, ("a portfolio", &keys));
        let example = r#"zones = ["*.example", "shop.test"]"#;
        let zones = form.required("zones", example).and_then(|value| read_patterns(&mut form, "zones", value));
        let except = form.optional("except").and_then(|value| read_patterns(&mut form, "except", value));
        let lists = ["zones", "except"].iter().filter_map(|key| form.optional(key)).map(Spanned::span).collect();
        if let (Some(at), Some(waves)) = (&draft.at, &draft.waves)
            && waves.last(&at.value).is_none()
        {
            let diagnostic = Diagnostic::error("plan-instant", "the last wave is too far away");
            form.fault(diagnostic.help("instants reach from 1970 to 2262"), &at.span, "");
        }
        let sound = !faults.iter().any(Diagnostic::is_error);
        let portfolio = match (zones, draft.at) {
            (Some(zones), Some(at)) if sound => {
                let (plan_text, cuts) = without(&source.text, lists);
                let (except, flips) = (except.unwrap_or_default(), draft.flips);
                Some(Portfolio { zones, except, waves: draft.waves, at: at.value, flips, plan_text, cuts })
            }
            _ => None,
        };
        (portfolio, in_order(faults))
    }

    /// Whether the zone `apex` is one of its zones.
    pub fn matches(&self, apex: NameRef<'_>) -> bool {
        let name = apex.to_lowercase();
        self.zones.has(&name) && !self.except.has(&name)
    }

    /// How many waves it has.
    pub fn waves(&self) -> u32 {
        self.waves.map_or(1, |waves| waves.count)
    }

    /// How long after a wave the next one comes.
    pub fn every(&self) -> Duration {
        self.waves.map_or(Duration::ZERO, |waves| waves.every)
    }

    /// The wave of the zone `apex`, from 0 (rule 2).
    pub fn wave(&self, apex: NameRef<'_>) -> u32 {
        self.waves.map_or(0, |waves| waves.of(apex))
    }

    /// The instant of a wave, in the time zone in which people speak of it.
    pub fn at(&self, wave: u32) -> Zoned {
        self.waves.and_then(|waves| waves.at(&self.at, wave)).unwrap_or_else(|| self.at.clone())
    }

    /// What flips, the owners as if the root were the zone.
    pub fn flips(&self) -> &[Flip] {
        &self.flips
    }

    /// The text of the plan that each of its zones has (rule 3).
    pub fn plan_text(&self) -> &Arc<[u8]> {
        &self.plan_text
    }

    /// Moves what is said of [`Portfolio::plan_text`], under the name `path`, to the lines of the file.
    pub fn locate(&self, path: &str, diagnostics: &mut [Diagnostic]) {
        for label in diagnostics.iter_mut().flat_map(|diagnostic| &mut diagnostic.labels) {
            if &*label.place.path == path {
                let line = label.place.line;
                label.place.line += self.cuts.iter().filter(|cut| cut.after < line).map(|cut| cut.lines).sum::<usize>();
            }
        }
    }
}

/// `text` with an empty list in place of each of `lists`.
fn without(text: &str, mut lists: Vec<Range<usize>>) -> (Arc<[u8]>, Vec<Cut>) {
    lists.sort_by_key(|list| list.start);
    let (mut kept, mut cuts, mut from) = (String::with_capacity(text.len()), Vec::new(), 0);
    for list in lists {
        kept.push_str(&text[from..list.start]);
        kept.push_str("[]");
        let lines = text[list.clone()].matches('\n').count();
        if lines > 0 {
            cuts.push(Cut { after: kept.matches('\n').count() + 1, lines });
        }
        from = list.end;
    }
    kept.push_str(&text[from..]);
    (kept.into_bytes().into(), cuts)
}

fn read_patterns(form: &mut Form<'_, '_>, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Patterns> {
    let example = format!(r#"{key} = ["*.example", "shop.test"], a list of names and patterns"#);
    let source = form.source;
    let Some(array) = value.get_ref().as_array() else {
        form.wrong_type(key, value, "a list of zones", &example);
        return None;
    };
    if array.is_empty() && key == "zones" {
        let diagnostic = Diagnostic::error("portfolio-zones", "the portfolio is for no zone");
        form.fault(diagnostic.help(format!("write {example}; \"*\" is every zone")), &value.span(), "");
    }
    if array.len() > PATTERNS_MAX {
        let message = format!("`{key}` has {} entries, and {PATTERNS_MAX} are the most", array.len());
        let diagnostic = Diagnostic::error("portfolio-zones", message);
        form.fault(diagnostic.help("use a pattern, as \"*.example\", or two portfolios"), &value.span(), "");
        return None;
    }
    let mut patterns = Patterns::default();
    for item in array.iter() {
        match item.get_ref().as_str() {
            None => form.wrong_type(key, item, "a list of names and patterns", &example),
            Some(written) => {
                if let Err(why) = patterns.add(written) {
                    let diagnostic = Diagnostic::error("portfolio-pattern", "this is no zone's name, nor a pattern")
                        .at(source.place(&item.span()), why)
                        .help("write a name, or * for one or more labels at its left: \"*.example\"");
                    form.faults.push(diagnostic);
                }
            }
        }
    }
    Some(patterns)
}

/// How the zones are staggered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waves {
    count: u32,
    every: Duration,
}

impl Waves {
    /// The wave of the zone `apex`.
    fn of(self, apex: NameRef<'_>) -> u32 {
        let [word, _] = Digest::of([apex.to_lowercase().wire()]).key();
        u32::try_from(word % u64::from(self.count.max(1))).unwrap_or(0)
    }

    fn at(self, at: &Zoned, wave: u32) -> Option<Zoned> {
        let later = SignedDuration::try_from(self.every.checked_mul(wave)?).ok()?;
        at.checked_add(later).ok().filter(|at| to_instant(at) != Instant::MAX)
    }

    fn last(self, at: &Zoned) -> Option<Zoned> {
        self.at(at, self.count.saturating_sub(1))
    }

    /// The instant of the zone `apex`.
    pub(super) fn shift(self, apex: NameRef<'_>, at: Written<Zoned>) -> Written<Zoned> {
        let value = self.at(&at.value, self.of(apex)).unwrap_or(at.value);
        Written { value, span: at.span }
    }

    /// The waves of a portfolio, if it has any.
    pub(super) fn read(portfolio: &mut Form<'_, '_>) -> Option<Waves> {
        let value = portfolio.optional("waves")?;
        let Some(table) = value.get_ref().as_table() else {
            portfolio.wrong_type("waves", value, "a table", "[waves] with count and every below it");
            return None;
        };
        let source = portfolio.source;
        let mut form = Form::new(source, portfolio.faults, table, value.span(), ("[waves]", WAVES_KEYS));
        let count = read_count(&mut form)?;
        if count == 1 {
            // How far one wave is from the next means nothing, but it must be a length all the same.
            read_length(&mut form, "every");
            return Some(Waves { count, every: Duration::ZERO });
        }
        form.required("every", "every = \"1h\"")?;
        let every = read_length(&mut form, "every")?;
        if every.value.0 == 0 {
            let diagnostic = Diagnostic::error("portfolio-waves", "waves that are no time apart are one wave");
            form.fault(diagnostic.help("write every = \"1h\", or leave the waves out"), &every.span, "");
            return None;
        }
        Some(Waves { count, every: Duration::from_secs(u64::from(every.value.0)) })
    }
}

fn read_count(form: &mut Form<'_, '_>) -> Option<u32> {
    let value = form.required("count", "count = 5")?;
    let Some(number) = value.get_ref().as_integer() else {
        form.wrong_type("count", value, "a number", "count = 5");
        return None;
    };
    let count = u32::from_str_radix(number.as_str(), number.radix()).ok();
    let count = count.filter(|count| (1..=WAVES_MAX).contains(count));
    if count.is_none() {
        let diagnostic = Diagnostic::error("portfolio-waves", format!("there are 1 to {WAVES_MAX} waves"));
        form.fault(diagnostic.help("write count = 5"), &value.span(), "");
    }
    count
}

#[cfg(test)]
mod tests;
