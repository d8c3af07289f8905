//! Text to zone: what the server and `watari check` call.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::fault::Fault;
use super::{Include, Options, Verdict, parse};
use crate::diag::{DIAGNOSTICS_MAX, Diagnostic, Place};
use crate::wire::{Name, NameRef, Rtype};
use crate::zone::{AddError, BuildError, Remark, Zone, ZoneBuilder};

/// A zone file that was read.
pub struct Loaded {
    /// The zone; `None` if there was an error.
    pub zone: Option<Zone>,
    /// If there was an error in a record, the others: more may be wrong than could not be read.
    pub rest: Option<ZoneBuilder>,
    /// All that is wrong with the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the zone file `text` of the zone `apex`.
pub fn load(apex: NameRef<'_>, path: &Arc<str>, text: &[u8], include: &dyn Include) -> Loaded {
    let options = Options { origin: apex, default_ttl: None, include };
    let mut builder = ZoneBuilder::new(apex);
    let mut diagnostics = parse(path, text, &options, &mut |record| match builder.add(
        record.owner,
        record.rtype,
        record.ttl,
        record.rdata,
    ) {
        Ok(()) => Verdict::Next,
        Err(error) => Verdict::Refuse(refused(error, record.owner, apex)),
    });
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Loaded { zone: None, rest: Some(builder), diagnostics };
    }
    let zone = match builder.finish() {
        Ok((zone, remarks)) => {
            let remarks = &remarks[..remarks.len().min(DIAGNOSTICS_MAX)];
            let mut places = locate_all(path, text, &options, remarks.iter().map(about));
            diagnostics.extend(remarks.iter().map(|remark| {
                let place = places.remove(&about(remark));
                remarked(remark, place)
            }));
            Some(zone)
        }
        Err(error) => {
            diagnostics.push(unbuilt(&error, path, text, &options));
            None
        }
    };
    Loaded { zone, rest: None, diagnostics }
}

fn about(remark: &Remark) -> (Name, Rtype) {
    match remark {
        Remark::TtlsDiffer { owner, rtype, .. } | Remark::Duplicate { owner, rtype } => (owner.clone(), *rtype),
    }
}

fn refused(error: AddError, owner: NameRef<'_>, apex: NameRef<'_>) -> Box<Fault> {
    let nowhere = (0, 0);
    match error {
        AddError::OutOfZone => {
            Fault::warning("zone-out-of-zone", nowhere, format!("{owner} is not in the zone {apex}"))
                .label("left out")
                .help("put the record into the file of its own zone")
        }
        error => Fault::error("zone-record", nowhere, error.to_string()),
    }
}

fn placed(diagnostic: Diagnostic, place: Option<Place>, label: &'static str) -> Diagnostic {
    match place {
        Some(place) => diagnostic.at(place, label),
        None => diagnostic,
    }
}

fn remarked(remark: &Remark, place: Option<Place>) -> Diagnostic {
    match remark {
        Remark::TtlsDiffer { owner, rtype, kept } => {
            let message = format!("the {rtype} records of {owner} have different TTLs");
            let diagnostic = Diagnostic::warning("zone-ttls-differ", message);
            placed(diagnostic, place, "the first of them")
                .help(format!("the smallest is taken, {kept}; give them all the same (RFC 2181 § 5.2)"))
        }
        Remark::Duplicate { owner, rtype } => {
            let message = format!("a {rtype} record of {owner} stands here twice");
            placed(Diagnostic::warning("zone-duplicate", message), place, "the first of them")
                .help("one is left out (RFC 2181 § 5)")
        }
    }
}

fn unbuilt(error: &BuildError, path: &Arc<str>, text: &[u8], options: &Options<'_>) -> Diagnostic {
    let start = || Some(Place::locate(path, text, 0..0));
    // The last one is the one too many.
    let last = |owner: &Name, rtype| {
        let mut place = None;
        parse(path, text, options, &mut |record| {
            if record.rtype == rtype && record.owner == owner.as_ref() {
                place = Some(record.place.locate());
            }
            Verdict::Next
        });
        place
    };
    match error {
        BuildError::NoSoa { .. } => placed(Diagnostic::error("zone-no-soa", error.to_string()), start(), "").help(
            "begin with `@ SOA` and the primary server, the mailbox, the serial, refresh, retry, expire and minimum",
        ),
        BuildError::SecondSoa { owner } => {
            placed(Diagnostic::error("zone-second-soa", error.to_string()), last(owner, Rtype::SOA), "")
        }
        BuildError::RrsetTooLarge { owner, rtype } => {
            placed(Diagnostic::error("zone-too-large", error.to_string()), last(owner, *rtype), "")
        }
        BuildError::TooLarge(_) => placed(Diagnostic::error("zone-too-large", error.to_string()), start(), ""),
    }
}

/// Where the first `rtype` record of `owner` stands. Reads the file again, up to there.
pub fn locate(path: &Arc<str>, text: &[u8], options: &Options<'_>, owner: NameRef<'_>, rtype: Rtype) -> Option<Place> {
    locate_all(path, text, options, [(owner.to_owned(), rtype)]).into_values().next()
}

/// Where the first record of each of the RRsets `wanted` stands. Reads the file again, once, up to
/// the last of them.
pub fn locate_all(
    path: &Arc<str>,
    text: &[u8],
    options: &Options<'_>,
    wanted: impl IntoIterator<Item = (Name, Rtype)>,
) -> HashMap<(Name, Rtype), Place> {
    let mut missing: HashSet<(Name, Rtype)> = wanted.into_iter().collect();
    let mut places = HashMap::new();
    if missing.is_empty() {
        return places;
    }
    let types: HashSet<Rtype> = missing.iter().map(|&(_, rtype)| rtype).collect();
    parse(path, text, options, &mut |record| {
        // Most records are of no interest: their type says so without a copy of their owner.
        if types.contains(&record.rtype)
            && let Some(found) = missing.take(&(record.owner.to_owned(), record.rtype))
        {
            places.insert(found, record.place.locate());
        }
        if missing.is_empty() { Verdict::Stop } else { Verdict::Next }
    });
    places
}
