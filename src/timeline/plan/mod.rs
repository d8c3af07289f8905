//! Plans: what a person writes beside a zone, in `NAME.plan.toml`, version 1.
//!
//! ```toml
//! version = 1
//! at = "2026-12-01T03:00[Asia/Tokyo]"     # the one instant
//! arm = "on-load"                         # obeyed as soon as it is there; without it, `watari arm`
//! low_ttl = "60s"                         # what caches may hold around it
//!
//! [[flip]]                                # all flips happen at once
//! name = "www"
//! type = "A"
//! from = ["123.123.123.123"]              # must be what the zone has
//! to = ["123.123.123.124"]
//! ```
//!
//! [`parse`] knows the zone's name and nothing else of it: it finds all faults that can be seen in the
//! text alone. What a plan means for a zone is the compiler's. `docs/plan-format.md` describes the format.

mod authority;
pub mod compose;
mod flip;
mod form;
pub mod gate;
mod instant;
pub mod patterns;
pub mod portfolio;
pub mod probe;
mod secondaries;
pub mod url;
mod way;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use jiff::Zoned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use authority::{Authority, DS_WRITTEN};
pub use flip::{Data, Flip};
pub use form::{Source, Written};
pub use gate::{Condition, Gate, Watch};
pub use secondaries::Secondaries;
pub use way::{Arming, Lowering, Raising};

use super::Digest;
use crate::clock::Instant;
use crate::diag::{DIAGNOSTICS_MAX, Diagnostic, Place};
use crate::wire::{Name, NameRef, Rtype};
use crate::zone::{Ttl, text};
use form::Form;
use gate::Sentries;
use instant::InstantFault;
use portfolio::{Waves, is_portfolio};
use probe::Probe;

/// What the name of a plan's file ends in, after the zone's name.
pub const FILE_SUFFIX: &str = ".plan.toml";
/// The version of the format that this program reads.
pub const VERSION: u32 = 1;
/// What caches may hold around the instant, if the plan doesn't say. A minute is the least that
/// resolvers with a floor of their own are seen to keep, and so the least that promises anything.
pub const LOW_TTL_DEFAULT: Ttl = Ttl(60);

/// Over how long the deadlines of a countdown are spread, if the plan doesn't say.
pub const SPREAD_DEFAULT: Ttl = Ttl(30);

const KEYS: &[&str] = &[
    "version",
    "at",
    "arm",
    "late",
    "low_ttl",
    "ttl_after",
    "lower",
    "spread",
    "low_for",
    "raise",
    "secondaries",
    "ds",
    "authority",
    "flip",
    "probe",
    "gate",
    "watch",
];

/// The digest of a plan's text: what is armed.
pub fn digest_of(text: &[u8]) -> Digest {
    Digest::of([text])
}

/// A plan for one zone, as it was written, names and data read.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The file.
    pub source: Source,
    /// The zone that it is for.
    pub apex: Name,
    /// The instant of the flips, in the time zone in which people speak of it.
    pub at: Written<Zoned>,
    /// How long caches may hold the old data after the instant; [`LOW_TTL_DEFAULT`] if it isn't written.
    pub low_ttl: Option<Written<Ttl>>,
    /// The TTL in the end; the old one if it isn't written.
    pub ttl_after: Option<Written<Ttl>>,
    /// How it comes to be obeyed; by hand if it isn't written.
    pub arming: Option<Written<Arming>>,
    /// Whether it may flip before the old TTLs have drained; no if it isn't written.
    pub late: Option<Written<bool>>,
    /// How TTLs go down; by a ladder if it isn't written.
    pub lowering: Option<Written<Lowering>>,
    /// Over how long the deadlines of a countdown are spread; [`SPREAD_DEFAULT`] if it isn't written.
    pub spread: Option<Written<Ttl>>,
    /// How long after the instant TTLs stay low in any case; no longer than they would if it isn't written.
    pub low_for: Option<Written<Ttl>>,
    /// How TTLs go up again; by a ladder if it isn't written.
    pub raising: Option<Written<Raising>>,
    /// Who serves the zone besides.
    pub secondaries: Option<Secondaries>,
    /// Whether the parent has a DS record; not known if it isn't written. Beside [`authority`](Plan::authority) it stands
    /// there.
    pub ds: Option<Written<bool>>,
    /// The change of name servers, if there is one.
    pub authority: Option<Authority>,
    /// What flips, all at once; the first are the NS records if the zone that is served here switches them.
    pub flips: Vec<Flip>,
    /// What can be looked at.
    pub probes: Vec<Written<Probe>>,
    /// What must be so before which steps.
    pub gates: Vec<Gate>,
    /// What must stay so after the flip.
    pub watches: Vec<Watch>,
}

impl Plan {
    /// The instant of the flips.
    pub fn at(&self) -> Instant {
        to_instant(&self.at.value)
    }

    /// How long caches may hold the old data after the instant.
    pub fn low_ttl(&self) -> Ttl {
        self.low_ttl.as_ref().map_or(LOW_TTL_DEFAULT, |ttl| ttl.value)
    }

    /// How it comes to be obeyed.
    pub fn arming(&self) -> Arming {
        self.arming.as_ref().map_or(Arming::ByHand, |arming| arming.value)
    }

    /// Whether it may flip before the old TTLs have drained.
    pub fn accepts_late(&self) -> bool {
        self.late.as_ref().is_some_and(|late| late.value)
    }

    /// How TTLs go down.
    pub fn lowering(&self) -> Lowering {
        self.lowering.as_ref().map_or(Lowering::Ladder, |way| way.value)
    }

    /// Over how long the deadlines of a countdown are spread.
    pub fn spread(&self) -> Ttl {
        self.spread.as_ref().map_or(SPREAD_DEFAULT, |ttl| ttl.value)
    }

    /// How long after the instant TTLs stay low in any case.
    pub fn low_for(&self) -> Ttl {
        self.low_for.as_ref().map_or(Ttl(0), |ttl| ttl.value)
    }

    /// D: how long after a step the last server serves it.
    pub fn lag(&self) -> Ttl {
        self.secondaries.as_ref().map_or(Ttl(0), Secondaries::within)
    }

    /// How TTLs go up again.
    pub fn raising(&self) -> Raising {
        self.raising.as_ref().map_or(Raising::Ladder, |way| way.value)
    }

    /// Where the plan says that the parent has no DS record, if it does: so nobody validates the zone.
    pub fn ds_absent(&self) -> Option<&Range<usize>> {
        let ds = self.authority.as_ref().map_or(&self.ds, |authority| &authority.ds);
        ds.as_ref().filter(|ds| !ds.value).map(|ds| &ds.span)
    }

    /// The digest of its text: what is armed.
    pub fn digest(&self) -> Digest {
        digest_of(self.source.text.as_bytes())
    }

    /// Where `span` is in the file.
    pub fn place(&self, span: &Range<usize>) -> Place {
        self.source.place(span)
    }
}

/// The instant of `zoned`; the last of all if it lies beyond what can be said.
pub fn to_instant(zoned: &Zoned) -> Instant {
    instant::to_instant(zoned).unwrap_or(Instant::MAX)
}

/// Reads the plan of the zone `apex`. There is a plan if none of the diagnostics is an error.
pub fn parse(apex: NameRef<'_>, path: &Arc<str>, text: &[u8]) -> (Option<Plan>, Vec<Diagnostic>) {
    let (draft, diagnostics) = Draft::read(apex, path, text);
    let sound = !diagnostics.iter().any(Diagnostic::is_error);
    (draft.filter(|_| sound).and_then(Draft::finish), in_order(diagnostics))
}

/// Diagnostics in the order of the lines that they are about, as many as anybody reads.
pub(super) fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let place = |diagnostic: &Diagnostic| diagnostic.labels.first().map(|label| (label.place.line, label.place.column));
    diagnostics.sort_by_key(place);
    diagnostics.truncate(DIAGNOSTICS_MAX);
    diagnostics
}

/// What could be read of a plan, faults or no: so that what is sound can be held against the zone.
pub(super) struct Draft {
    source: Source,
    apex: Name,
    /// What a missing key is shown at.
    heading: Range<usize>,
    at: Option<Written<Zoned>>,
    /// How the zones are staggered, if it is a portfolio that says so.
    waves: Option<Waves>,
    rest: Rest,
    authority: Option<Authority>,
    pub(super) flips: Vec<Flip>,
    probes: Vec<Written<Probe>>,
    sentries: Sentries,
}

/// What a plan says besides its instant and its flips.
struct Rest {
    low_ttl: Option<Written<Ttl>>,
    ttl_after: Option<Written<Ttl>>,
    arming: Option<Written<Arming>>,
    late: Option<Written<bool>>,
    lowering: Option<Written<Lowering>>,
    spread: Option<Written<Ttl>>,
    low_for: Option<Written<Ttl>>,
    raising: Option<Written<Raising>>,
    secondaries: Option<Secondaries>,
    ds: Option<Written<bool>>,
}

impl Draft {
    pub(super) fn read(apex: NameRef<'_>, path: &Arc<str>, text: &[u8]) -> (Option<Draft>, Vec<Diagnostic>) {
        let text: &str = match str::from_utf8(text) {
            Ok(text) => text,
            Err(error) => {
                let place = Place::locate(path, text, error.valid_up_to()..error.valid_up_to() + 1);
                let diagnostic = Diagnostic::error("plan-syntax", "the plan is not UTF-8 text")
                    .at(place, "")
                    .help("save the file as UTF-8");
                return (None, vec![diagnostic]);
            }
        };
        let source = Source { path: path.clone(), text: text.into() };
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            // What stands in a broken table is a guess, and faults in a guess would confuse.
            let diagnose = |error: &toml::de::Error| {
                let span = error.span().unwrap_or(0..0);
                Diagnostic::error("plan-syntax", "this is not TOML").at(source.place(&span), error.message())
            };
            return (None, errors.iter().map(diagnose).collect());
        }
        let mut faults = Vec::new();
        let draft = read_plan(&source, apex, table.get_ref(), &mut faults);
        (Some(draft), faults)
    }

    /// The plan, if its instant was read.
    pub(super) fn finish(mut self) -> Option<Plan> {
        let at = self.at.take()?;
        Some(self.with(at))
    }

    /// The same plan at another instant if its own couldn't be read: to look for faults in the rest.
    pub(super) fn finish_at(mut self, instead: Zoned) -> Plan {
        let at = self.at.take().unwrap_or(Written { value: instead, span: 0..0 });
        self.with(at)
    }

    fn with(self, at: Written<Zoned>) -> Plan {
        let Draft { source, apex, heading: _, at: _, waves, rest, authority, flips, probes, sentries } = self;
        let Sentries { gates, watches } = sentries;
        let at = waves.map_or(at.clone(), |waves| waves.shift(apex.as_ref(), at));
        let Rest { low_ttl, ttl_after, arming, late, lowering, spread, low_for, raising, secondaries, ds } = rest;
        Plan {
            source,
            apex,
            at,
            low_ttl,
            ttl_after,
            arming,
            late,
            lowering,
            spread,
            low_for,
            raising,
            secondaries,
            ds,
            authority,
            flips,
            probes,
            gates,
            watches,
        }
    }
}

const AT_EXAMPLE: &str = r#"at = "2026-12-01T03:00[Asia/Tokyo]""#;

fn read_plan(source: &Source, apex: NameRef<'_>, table: &DeTable<'_>, faults: &mut Vec<Diagnostic>) -> Draft {
    // What is missing is missed at the first line.
    let start = source.text.find(|c: char| !c.is_whitespace()).unwrap_or(0);
    let heading = start..start + 1;
    let is_portfolio = is_portfolio(&source.path);
    let what = if is_portfolio { "a portfolio" } else { "a plan" };
    // In a plan of one zone, what only a portfolio has is met with a better answer than that it is not known.
    let others = portfolio::KEYS.iter().filter(|key| is_portfolio || table.contains_key(**key));
    let keys: Vec<&str> = KEYS.iter().chain(others).copied().collect();
    let mut form = Form::new(source, faults, table, heading.clone(), (what, &keys));
    if !is_portfolio {
        refuse_portfolio(&mut form, table);
    }
    read_version(&mut form);
    let at = form.required("at", AT_EXAMPLE).and_then(|value| read_at(&mut form, value));
    let waves = if is_portfolio { Waves::read(&mut form) } else { None };
    let rest = Rest {
        low_ttl: read_ttl(&mut form, "low_ttl"),
        ttl_after: read_ttl(&mut form, "ttl_after"),
        arming: form.choice("arm", Arming::WRITTEN),
        late: form.choice("late", &[("refuse", false), ("accept", true)]),
        lowering: form.choice("lower", Lowering::WRITTEN),
        spread: read_length(&mut form, "spread"),
        low_for: read_length(&mut form, "low_for"),
        raising: form.choice("raise", Raising::WRITTEN),
        secondaries: read_secondaries(&mut form),
        ds: form.choice("ds", authority::DS_WRITTEN),
    };
    check_ways(&mut form, &rest);
    let authority = authority::read(&mut form, apex);
    let mut flips = read_flips(&mut form, apex);
    flips.splice(0..0, authority.as_ref().and_then(|authority| authority.flip(apex)));
    let probes = probe::read(&mut form, apex);
    let hands_over = form.optional("authority").is_some();
    let sentries = gate::read(&mut form, &probes, hands_over);
    let (source, apex) = (source.clone(), apex.to_owned());
    Draft { source, apex, heading, at, waves, rest, authority, flips, probes, sentries }
}

/// What does not go together.
fn check_ways(form: &mut Form<'_, '_>, rest: &Rest) {
    let counts_down = rest.lowering.as_ref().filter(|way| way.value == Lowering::Countdown);
    if let (Some(spread), None) = (&rest.spread, counts_down) {
        let diagnostic = Diagnostic::warning("plan-spread-unused", "only the deadlines of a countdown are spread")
            .help("leave it out, or write lower = \"countdown\"");
        form.fault(diagnostic, &spread.span.clone(), "");
    }
    if let (Some(ds), Some(_)) = (&rest.ds, form.optional("authority")) {
        let diagnostic = Diagnostic::error("plan-ds-place", "where name servers change, `ds` stands in [authority]");
        form.fault(diagnostic.help("move it there"), &ds.span.clone(), "");
    }
}

fn read_secondaries(form: &mut Form<'_, '_>) -> Option<Secondaries> {
    let value = form.optional("secondaries")?;
    let Some(table) = value.get_ref().as_table() else {
        form.wrong_type("secondaries", value, "a table", "[secondaries] and below it servers = [\"192.0.2.53\"]");
        return None;
    };
    secondaries::read(form, table, value.span())
}

fn refuse_portfolio(form: &mut Form<'_, '_>, table: &DeTable<'_>) {
    let mut found: Vec<_> = table.keys().filter(|key| portfolio::KEYS.contains(&&**key.get_ref())).collect();
    found.sort_by_key(|key| key.span().start);
    for key in found {
        let message = format!("`{}` is for plans of many zones", key.get_ref());
        let diagnostic = Diagnostic::error("plan-portfolio-key", message);
        let help = "name the file NAME.portfolio.toml, or leave this out: a plan is for the zone beside it";
        form.fault(diagnostic.help(help), &key.span(), "");
    }
}

fn read_version(form: &mut Form<'_, '_>) {
    let Some(value) = form.required("version", "version = 1") else { return };
    let Some(version) = value.get_ref().as_integer() else {
        return form.wrong_type("version", value, "a number", "version = 1");
    };
    if u32::from_str_radix(version.as_str(), version.radix()) != Ok(VERSION) {
        let diagnostic = Diagnostic::error("plan-version", format!("this program reads plans of version {VERSION}"));
        form.fault(diagnostic.help("write version = 1, or use a newer watari"), &value.span(), "");
    }
}

fn read_at(form: &mut Form<'_, '_>, value: &Spanned<DeValue<'_>>) -> Option<Written<Zoned>> {
    // A date of TOML's own, without quotes, is as good.
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        _ => {
            form.wrong_type("at", value, "an instant", AT_EXAMPLE);
            return None;
        }
    };
    match instant::parse(&text) {
        Ok(zoned) => Some(Written { value: zoned, span: value.span() }),
        Err(fault) => {
            let (diagnostic, label) = explain(&text, fault);
            form.fault(diagnostic, &value.span(), label);
            None
        }
    }
}

/// Reads an instant that stands alone, in the form of a plan's `at`.
///
/// # Errors
/// The fault, with no place.
pub fn parse_instant(text: &str) -> Result<Zoned, Box<Diagnostic>> {
    instant::parse(text).map_err(|fault| Box::new(explain(text, fault).0))
}

fn explain(text: &str, fault: InstantFault) -> (Diagnostic, String) {
    let error = |code, message: &str| Diagnostic::error(code, message);
    // To the minute, as people write it.
    let short = |zoned: &Zoned| {
        let name = zoned.time_zone().iana_name().unwrap_or("UTC");
        format!("{}[{name}]", zoned.strftime("%Y-%m-%dT%H:%M%:z"))
    };
    match fault {
        InstantFault::Malformed => (
            error("plan-instant", "this is not an instant").help(format!("write it as in {AT_EXAMPLE}")),
            "expected a date, a time and a time zone".to_owned(),
        ),
        InstantFault::NoTime => (
            error("plan-instant", "the time of day is missing").help(format!("write it as in {AT_EXAMPLE}")),
            "a day is not an instant".to_owned(),
        ),
        InstantFault::OutOfRange => (
            error("plan-instant", "this instant is too far away").help("instants reach from 1970 to 2262"),
            String::new(),
        ),
        InstantFault::NoZone { local } => {
            let local = local.strftime("%Y-%m-%dT%H:%M");
            let help = format!("say whose clocks: \"{local}[Asia/Tokyo]\", \"{local}+09:00\" or \"{local}Z\"");
            let message = "a local time without a time zone is no instant";
            (error("plan-instant-without-zone", message).help(help), "whose clocks show this?".to_owned())
        }
        InstantFault::UnknownZone { zone, similar } => {
            let help = match similar {
                Some(similar) => format!("did you mean \"{}\"?", text.replace(&zone, &similar)),
                None => "zones are named as in IANA's list: Asia/Tokyo, Europe/Berlin, UTC".to_owned(),
            };
            (error("plan-time-zone", &format!("there is no time zone `{zone}`")).help(help), String::new())
        }
        InstantFault::WrongOffset { zone, written, right } => {
            let right: Vec<_> = right.iter().map(jiff::tz::Offset::to_string).collect();
            let message = format!("the clocks of {zone} are not at {written} then");
            let help = format!("they are at {}; leave the offset out, or correct it", right.join(" or "));
            (error("plan-instant-offset", &message).help(help), String::new())
        }
        InstantFault::Gap { before, after } => {
            let message = "clocks are put forward over this time: there is no such instant";
            let help = format!("did you mean \"{}\" or \"{}\"?", short(&before), short(&after));
            (error("plan-instant-gap", message).help(help), "nobody's clock will show this".to_owned())
        }
        InstantFault::Fold { first, second } => {
            let message = "clocks are put back over this time: there are two such instants";
            let help = format!("choose \"{}\", the first, or \"{}\", the second", short(&first), short(&second));
            (error("plan-instant-fold", message).help(help), "clocks will show this twice".to_owned())
        }
    }
}

/// A TTL: `"1h30m"`, `"60s"` or a number of seconds, not 0.
fn read_ttl(form: &mut Form<'_, '_>, key: &str) -> Option<Written<Ttl>> {
    let written = read_length(form, key)?;
    if written.value == Ttl(0) {
        let diagnostic = Diagnostic::error("plan-ttl-zero", "a TTL of 0 forbids caches to keep anything");
        let help = "every lookup of every client would come here; write \"1s\" or more, \"60s\" is a good low TTL";
        form.fault(diagnostic.help(help), &written.span, "");
        return None;
    }
    Some(written)
}

/// A length of time in whole seconds, written as a TTL.
fn read_length(form: &mut Form<'_, '_>, key: &str) -> Option<Written<Ttl>> {
    let value = form.optional(key)?;
    let example = format!("{key} = \"60s\"");
    let ttl = match value.get_ref() {
        DeValue::String(written) => text::parse_ttl(written),
        DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok().map(Ttl),
        _ => {
            form.wrong_type(key, value, "a length of time", &example);
            return None;
        }
    };
    let Some(ttl) = ttl.filter(|&ttl| ttl <= Ttl::MAX) else {
        let diagnostic = Diagnostic::error("plan-ttl", "this is not a TTL");
        let help = "write seconds or units, up to 68 years: \"300\", \"1h30m\", \"1d\"";
        form.fault(diagnostic.help(help), &value.span(), "");
        return None;
    };
    Some(Written { value: ttl, span: value.span() })
}

const FLIP_EXAMPLE: &str = "a table [[flip]] with name, type, from and to for each RRset that flips";

fn read_flips(form: &mut Form<'_, '_>, apex: NameRef<'_>) -> Vec<Flip> {
    // A hand-over of authority is enough for a plan.
    let value = match form.optional("authority") {
        Some(_) => form.optional("flip"),
        None => form.required("flip", FLIP_EXAMPLE),
    };
    let Some(value) = value else { return Vec::new() };
    if value.get_ref().is_table() {
        let diagnostic = Diagnostic::error("plan-wrong-type", "`flip` is a list of tables");
        form.fault(diagnostic.help("write [[flip]] with two brackets"), &value.span(), "this is a single table");
        return Vec::new();
    }
    let Some(array) = form.array("flip", value, FLIP_EXAMPLE) else { return Vec::new() };
    if array.is_empty() {
        let diagnostic = Diagnostic::error("plan-missing-key", "the plan flips nothing");
        form.fault(diagnostic.help(format!("write {FLIP_EXAMPLE}")), &value.span(), "");
    }
    let mut flips: Vec<Flip> = Vec::with_capacity(array.len());
    let mut seen: HashMap<(Name, Rtype), Range<usize>> = HashMap::with_capacity(array.len());
    for item in array.iter() {
        let Some(table) = item.get_ref().as_table() else {
            form.wrong_type("flip", item, "a table", FLIP_EXAMPLE);
            continue;
        };
        let Some(flip) = flip::read(form, apex, table, item.span()) else { continue };
        match seen.entry((flip.owner.value.clone(), flip.rtype.value)) {
            Entry::Vacant(entry) => drop(entry.insert(flip.owner.span.clone())),
            Entry::Occupied(first) => {
                let message = format!("{} {} flips twice", flip.owner.value, flip.rtype.value);
                let diagnostic = Diagnostic::error("plan-duplicate-flip", message)
                    .at(form.source.place(&flip.owner.span), "again here")
                    .at(form.source.place(first.get()), "first here")
                    .help("write all its data into one [[flip]]");
                form.faults.push(diagnostic);
            }
        }
        flips.push(flip);
    }
    flips
}
