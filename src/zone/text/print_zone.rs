//! Zones out: canonical, for machines and comparisons, and pretty, for people.

use std::collections::HashMap;
use std::fmt::{self, Write};

use super::print::{append_rdata, name};
use crate::wire::rdata::{self, Field};
use crate::wire::{NameRef, Rtype};
use crate::zone::{Ttl, View};

/// Prints a zone with one record a line, all names in full, in canonical order (RFC 4034 § 6) with
/// the SOA record first. The same records give the same text, however they were written.
///
/// # Errors
/// What `out` says.
pub fn print_canonical(zone: View<'_>, out: &mut impl fmt::Write) -> fmt::Result {
    let mut line = String::new();
    each_record(zone, |record| {
        line.clear();
        let Record { owner, ttl, rtype, rdata } = record;
        let _ = write!(line, "{owner}\t{ttl}\tIN\t{rtype}\t");
        append_rdata(rtype, rdata, None, &mut line);
        line.push('\n');
        out.write_str(&line)
    })
}

/// Prints a zone as a person would write it: names relative to `$ORIGIN`, the most frequent TTL in
/// `$TTL`, an owner only once, columns aligned.
///
/// # Errors
/// What `out` says.
pub fn print_pretty(zone: View<'_>, out: &mut impl fmt::Write) -> fmt::Result {
    let columns = Columns::of(zone);
    writeln!(out, "$ORIGIN {}\n$TTL {}", zone.apex(), columns.default_ttl)?;
    let mut line = String::new();
    let mut last_owner: Option<Vec<u8>> = None;
    each_record(zone, |record| {
        line.clear();
        let Record { owner, ttl, rtype, rdata } = record;
        if last_owner.as_deref() != Some(owner.wire()) {
            name(owner, Some(zone.apex()), &mut line);
            last_owner = Some(owner.wire().to_vec());
        }
        let mut column = columns.owner;
        pad(&mut line, column);
        if columns.ttl > 0 {
            if ttl != columns.default_ttl {
                let _ = write!(line, "{ttl}");
            }
            column += columns.ttl;
            pad(&mut line, column);
        }
        let _ = write!(line, "{rtype}");
        column += columns.rtype;
        pad(&mut line, column);
        if rtype != Rtype::SOA || append_soa(rdata, zone.apex(), column, &mut line).is_none() {
            append_rdata(rtype, rdata, Some(zone.apex()), &mut line);
        }
        line.push('\n');
        out.write_str(&line)
    })
}

/// A record that is printed.
struct Record<'a> {
    owner: NameRef<'a>,
    ttl: Ttl,
    rtype: Rtype,
    rdata: &'a [u8],
}

/// Hands every record to `each`: owners in canonical order, the SOA record first, then types by
/// their number, RRSIGs by what they cover, and data in canonical order (RFC 4034 § 6.3).
fn each_record(zone: View<'_>, mut each: impl FnMut(Record<'_>) -> fmt::Result) -> fmt::Result {
    for node in zone.nodes_in_order() {
        let owner = node.name();
        let mut rrsets: Vec<_> = node.rrsets().collect();
        rrsets.sort_by_key(|rrset| (rrset.rtype() != Rtype::SOA, rrset.rtype(), rrset.covered()));
        for rrset in rrsets {
            let mut rdatas: Vec<Vec<u8>> = rrset.rdatas().collect();
            rdatas.sort_by_cached_key(|rdata| canonical(rrset.rtype(), rdata));
            for rdata in &rdatas {
                each(Record { owner: owner.as_ref(), ttl: rrset.ttl(), rtype: rrset.rtype(), rdata })?;
            }
        }
    }
    Ok(())
}

/// The canonical form of `rdata` (RFC 4034 § 6.2).
fn canonical(rtype: Rtype, rdata: &[u8]) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(rdata.len());
    let lowers = rdata::lowercases_names(rtype);
    let whole = rdata::split(rtype, rdata, |piece| match piece.field {
        Field::CompressibleName | Field::Name if lowers => canonical.extend(piece.bytes.to_ascii_lowercase()),
        _ => canonical.extend_from_slice(piece.bytes),
    });
    if whole.is_err() {
        return rdata.to_vec();
    }
    canonical
}

/// The widths of the columns, in characters, the blanks behind included.
struct Columns {
    default_ttl: Ttl,
    owner: usize,
    /// Zero if all TTLs are the default.
    ttl: usize,
    rtype: usize,
}

/// An owner longer than this does not widen the column of owners.
const OWNER_WIDTH_MAX: usize = 32;

impl Columns {
    fn of(zone: View<'_>) -> Columns {
        let mut counts: HashMap<Ttl, usize> = HashMap::new();
        let (mut owner_width, mut rtype_width) = (1, 1);
        let mut text = String::new();
        for node in zone.nodes() {
            let mut owns = false;
            for rrset in node.rrsets() {
                owns = true;
                *counts.entry(rrset.ttl()).or_default() += rrset.len();
                text.clear();
                let _ = write!(text, "{}", rrset.rtype());
                rtype_width = rtype_width.max(text.len());
            }
            if owns {
                text.clear();
                name(node.name().as_ref(), Some(zone.apex()), &mut text);
                if text.len() <= OWNER_WIDTH_MAX {
                    owner_width = owner_width.max(text.len());
                }
            }
        }
        // Of two as frequent, the longer.
        let default_ttl = counts.iter().max_by_key(|&(ttl, count)| (count, ttl)).map_or(Ttl(0), |(&ttl, _)| ttl);
        let others = counts.keys().filter(|&&ttl| ttl != default_ttl);
        let ttl = others.map(|ttl| ttl.to_string().len() + 1).max().unwrap_or(0);
        Columns { default_ttl, owner: owner_width + 1, ttl, rtype: rtype_width + 1 }
    }
}

/// Fills `line` with blanks up to `column`; at least one, so that words stay apart.
fn pad(line: &mut String, column: usize) {
    if line.ends_with(|last: char| last != ' ') || line.is_empty() {
        line.push(' ');
    }
    while line.len() < column {
        line.push(' ');
    }
}

/// Prints the data of a SOA record over several lines, its numbers explained.
fn append_soa(rdata: &[u8], apex: NameRef<'_>, column: usize, out: &mut String) -> Option<()> {
    let mut names = Vec::new();
    let mut numbers = Vec::new();
    rdata::split(Rtype::SOA, rdata, |piece| match piece.field {
        Field::CompressibleName => names.extend(NameRef::parse(piece.bytes).ok()),
        _ => numbers.extend(piece.bytes.try_into().ok().map(u32::from_be_bytes)),
    })
    .ok()?;
    let (&[primary, mailbox], &[_, _, _, _, _]) = (names.as_slice(), numbers.as_slice()) else { return None };
    name(primary, Some(apex), out);
    out.push(' ');
    name(mailbox, Some(apex), out);
    out.push_str(" (");
    for (number, what) in numbers.iter().zip(["serial", "refresh", "retry", "expire", "negative answers"]) {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', column));
        let _ = write!(out, "{number:<10} ; {what}");
    }
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', column));
    out.push(')');
    Some(())
}
