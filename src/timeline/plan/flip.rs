//! One `[[flip]]` of a plan: an RRset as it is, and as it is to be.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use toml::de::DeTable;

use super::form::{Form, Written};
use super::read_ttl;
use crate::diag::{Diagnostic, similar};
use crate::wire::rdata::{Field, split};
use crate::wire::{Name, NameRef, Rtype};
use crate::zone::{Ttl, text};

const KEYS: &[&str] = &["name", "type", "from", "to", "ttl_after"];

/// An RRset as it is, and as it is to be.
#[derive(Clone, Debug)]
pub struct Flip {
    /// The owner, absolute.
    pub owner: Written<Name>,
    /// Whether the owner was written with a final dot.
    pub absolute: bool,
    /// The type.
    pub rtype: Written<Rtype>,
    /// What the zone has; nothing if the RRset is new.
    pub from: Data,
    /// What it is to have; nothing if the RRset goes.
    pub to: Data,
    /// The TTL in the end, if this flip has its own.
    pub ttl_after: Option<Written<Ttl>>,
}

/// The data of an RRset; order and the case of names in it mean nothing.
#[derive(Clone, Debug)]
pub struct Data {
    /// The records' data, uncompressed; none means no RRset.
    pub records: Vec<Written<Box<[u8]>>>,
    /// Where it stands.
    pub span: Range<usize>,
}

impl Data {
    /// Whether these are the records `rdatas` of type `rtype`.
    pub fn is<'r>(&self, rtype: Rtype, rdatas: impl Iterator<Item = &'r [u8]>) -> bool {
        let mine: BTreeSet<_> = self.records.iter().map(|record| folded(rtype, &record.value)).collect();
        mine == rdatas.map(|rdata| folded(rtype, rdata)).collect()
    }

    /// The records' data alone.
    pub fn rdatas(&self) -> Vec<Box<[u8]>> {
        self.records.iter().map(|record| record.value.clone()).collect()
    }
}

/// `rdata` with the names in it in lower case: names that differ in case only are equal (RFC 4343),
/// whatever the canonical form of a type says about its signatures.
fn folded(rtype: Rtype, rdata: &[u8]) -> Vec<u8> {
    let mut folded = Vec::with_capacity(rdata.len());
    let whole = split(rtype, rdata, |piece| match piece.field {
        Field::Name | Field::CompressibleName | Field::Names => folded.extend(piece.bytes.to_ascii_lowercase()),
        _ => folded.extend_from_slice(piece.bytes),
    });
    if whole.is_ok() { folded } else { rdata.to_vec() }
}

/// Reads one flip of a plan for the zone `apex`.
pub(super) fn read(
    plan: &mut Form<'_, '_>,
    apex: NameRef<'_>,
    table: &DeTable<'_>,
    heading: Range<usize>,
) -> Option<Flip> {
    let source = plan.source;
    let mut form = Form::new(source, plan.faults, table, heading, ("a flip", KEYS));
    let owner = read_owner(&mut form, apex);
    let rtype = read_type(&mut form);
    // Without the type, data can't be read; that it is missing can be said.
    let written_type = rtype.as_ref().map(|rtype| rtype.value);
    let example = |key: &str| format!("{key} = [\"192.0.2.1\"], a list with the data of each record; [] for no RRset");
    let from = read_data(&mut form, "from", written_type, apex, &example("from"));
    let to = read_data(&mut form, "to", written_type, apex, &example("to"));
    let ttl_after = read_ttl(&mut form, "ttl_after");
    let ((owner, absolute), rtype, from, to) = (owner?, rtype?, from?, to?);
    if from.is(rtype.value, to.records.iter().map(|record| &*record.value)) {
        let message = format!("{} {} flips to what it is", owner.value, rtype.value);
        let diagnostic = Diagnostic::error("plan-nothing-changes", message)
            .at(form.source.place(&to.span), "the same as `from`")
            .help("write into `to` what the RRset is to be, or leave this flip out");
        form.faults.push(diagnostic);
        return None;
    }
    Some(Flip { owner, absolute, rtype, from, to, ttl_after })
}

fn read_owner(form: &mut Form<'_, '_>, apex: NameRef<'_>) -> Option<(Written<Name>, bool)> {
    let example = r#"name = "www", or name = "@" for the zone's own name"#;
    let value = form.required("name", example)?;
    let written = form.string("name", value, example)?;
    let owner = match text::name_from_text(written.value, apex) {
        Ok(owner) => owner,
        Err(error) => {
            let diagnostic = Diagnostic::error("plan-name", "this is not a domain name");
            form.fault(diagnostic.help(format!("write {example}")), &written.span, error.to_string());
            return None;
        }
    };
    if !owner.as_ref().is_at_or_below(apex) {
        let diagnostic = Diagnostic::error("plan-name-out-of-zone", format!("{owner} is not in the zone {apex}"));
        let help = "a plan flips names of its own zone; move this flip to the plan of the zone that has the name";
        form.fault(diagnostic.help(help), &written.span, "");
        return None;
    }
    let absolute = written.value.ends_with('.') && !written.value.ends_with("\\.");
    Some((Written { value: owner, span: written.span }, absolute))
}

fn read_type(form: &mut Form<'_, '_>) -> Option<Written<Rtype>> {
    let example = r#"type = "A""#;
    let value = form.required("type", example)?;
    let written = form.string("type", value, example)?;
    let Some(rtype) = Rtype::from_text(written.value) else {
        let known = (1..=u16::MAX).filter_map(|code| Rtype(code).mnemonic());
        let help = match similar(written.value, known) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "write the type's name, A for instance, or TYPE and its number".to_owned(),
        };
        let message = format!("there is no type `{}`", written.value);
        form.fault(Diagnostic::error("plan-type", message).help(help), &written.span, "");
        return None;
    };
    if let Some((code, message, help)) = refused(rtype) {
        form.fault(Diagnostic::error(code, message).help(help), &written.span, "");
        return None;
    }
    Some(Written { value: rtype, span: written.span })
}

/// Why a plan can't flip RRsets of `rtype`: code, reason, way out.
fn refused(rtype: Rtype) -> Option<(&'static str, String, &'static str)> {
    let refused = "plan-type-refused";
    Some(match rtype {
        Rtype::SOA => (
            refused,
            "the SOA record is not flipped".to_owned(),
            "leave it out: its serial rises with each step by itself; change its other fields in the zone file",
        ),
        Rtype::NS | Rtype::DS | Rtype::CSYNC => (
            "plan-name-server-change",
            format!("{rtype} records are not flipped: a change of name servers goes through the parent zone"),
            "write [authority] for that, and flip data in another plan when it has drained: resolvers keep the old \
             name servers for the parent's and the child's TTL, not for this one",
        ),
        Rtype::DNSKEY
        | Rtype::RRSIG
        | Rtype::NSEC
        | Rtype::NSEC3
        | Rtype::NSEC3PARAM
        | Rtype::CDS
        | Rtype::CDNSKEY
        | Rtype::DLV
        | Rtype::TA
        | Rtype::KEY
        | Rtype::SIG
        | Rtype::NXT
        | Rtype::ZONEMD => {
            (refused, format!("{rtype} records are made by the zone's signer, and not flipped"), "leave this flip out")
        }
        _ if rtype.is_meta() => {
            (refused, format!("{rtype} is not a type of records"), "write the type of the records that flip")
        }
        _ => return None,
    })
}

/// Reads the list of data at `key`; without a type only whether it is there.
pub(super) fn read_data(
    form: &mut Form<'_, '_>,
    key: &str,
    rtype: Option<Rtype>,
    origin: NameRef<'_>,
    example: &str,
) -> Option<Data> {
    let value = form.required(key, example)?;
    let array = form.array(key, value, example)?;
    let rtype = rtype?;
    let mut records: Vec<Written<Box<[u8]>>> = Vec::with_capacity(array.len());
    let mut sound = true;
    let mut seen: HashMap<Vec<u8>, Range<usize>> = HashMap::with_capacity(array.len());
    for item in array.iter() {
        let Some(written) = form.string(key, item, example) else {
            sound = false;
            continue;
        };
        match text::parse_rdata(rtype, written.value, origin) {
            Ok(rdata) => {
                if let Some(first) = seen.get(&folded(rtype, &rdata)) {
                    let diagnostic = Diagnostic::warning("plan-duplicate-data", "the same data stands here twice")
                        .at(form.source.place(&written.span), "again here")
                        .at(form.source.place(first), "first here")
                        .help("leave one out: an RRset has each record once");
                    form.faults.push(diagnostic);
                    continue;
                }
                seen.insert(folded(rtype, &rdata), written.span.clone());
                records.push(Written { value: rdata.into(), span: written.span });
            }
            Err(fault) => {
                sound = false;
                let message = format!("this is not the data of a record of type {rtype}");
                let span = within(form.source.text.as_ref(), &written, fault.span());
                let mut diagnostic = Diagnostic::error("plan-rdata", message);
                diagnostic.help = fault.help.as_ref().map(ToString::to_string);
                form.fault(diagnostic, &span, fault.to_string());
            }
        }
    }
    sound.then(|| Data { records, span: value.span() })
}

/// Where in the file `part`, octets of the string `written`, is; the whole string if escapes stand between.
fn within(text: &str, written: &Written<&str>, part: Range<usize>) -> Range<usize> {
    let start = written.span.start + 1;
    let verbatim = text.get(start..start + written.value.len()) == Some(written.value);
    if verbatim && part.end <= written.value.len() && !part.is_empty() {
        start + part.start..start + part.end
    } else {
        written.span.clone()
    }
}
