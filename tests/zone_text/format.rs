//! Holds `docs/zone-format.md` true: every case of it is run through BIND, NSD, Knot, ldns and us.
//!
//! A case is a heading, the zone file (a block marked `zone`; with a name behind, a file that it
//! includes) and a table with one row: what each makes of it. Unless the file has a SOA record of
//! its own, [`BASE`] is put before it. In a file `␍` is a carriage return, `⟨BOM⟩` a byte order mark, and
//! `⟨end⟩` means that the last line has no end.
//!
//! When another version of a program reads differently, `UPDATE_GOLDEN=1 cargo test --test zone_text`
//! rewrites the rows; the reasons below them are then to be read again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use watari::wire::{Name, NameRef, Rtype};
use watari::zone::text::{self, Include, IncludeError, Loaded};

use super::peers::{self, Octets, Reading};

const HEADER: &str = "| BIND 9.18 | NSD 4.6 | Knot 3.2 | ldns 1.8 | Watari |";
const BASE: &str = "@ 3600 SOA ns h 1 2 3 4 5\n@ 3600 NS ns\nns 3600 A 192.0.2.1\n";

/// The doc, as lines, and its cases.
struct Case {
    title: String,
    files: BTreeMap<String, String>,
    /// The number of the line with the row.
    row_at: usize,
}

fn cases(lines: &[String]) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut title = String::new();
    let mut files = BTreeMap::new();
    let mut at = 0;
    while at < lines.len() {
        let line = &lines[at];
        if let Some(heading) = line.strip_prefix("### ") {
            title = heading.to_owned();
            files.clear();
        } else if let Some(name) = line.strip_prefix("```zone") {
            let end = at + lines[at..].iter().position(|line| line == "```").unwrap();
            let name = if name.is_empty() { "zone" } else { name.trim() };
            files.insert(name.to_owned(), octets(&lines[at + 1..end].join("\n")));
            at = end;
        } else if line == HEADER {
            cases.push(Case { title: title.clone(), files: std::mem::take(&mut files), row_at: at + 2 });
        }
        at += 1;
    }
    cases
}

fn octets(text: &str) -> String {
    let text = text.replace('␍', "\r").replace("⟨BOM⟩", "\u{feff}");
    match text.strip_suffix("⟨end⟩") {
        Some(text) => text.to_owned(),
        None => text + "\n",
    }
}

/// The records that a reader gives, as a cell; those of [`BASE`] are left out.
fn cell(records: &BTreeSet<Octets>, with_base: bool) -> String {
    let origin = Name::from_text("example.com").unwrap();
    let base = if with_base { peers::records(BASE) } else { BTreeSet::new() };
    let mut cell = String::new();
    for (owner, rtype, ttl, rdata) in records.difference(&base) {
        let owner = NameRef::parse(owner).unwrap();
        let owner = match owner.prefix_below(origin.as_ref()) {
            Some([]) => "@".to_owned(),
            Some(_) => owner.to_string().trim_end_matches("example.com.").trim_end_matches('.').to_owned(),
            None => owner.to_string(),
        };
        let mut data = String::new();
        text::print_rdata(*rtype, rdata, &mut data, Some(origin.as_ref())).unwrap();
        if data.chars().count() > 80 {
            data = data.chars().take(77).collect::<String>() + "...";
        }
        let rtype = if *rtype == Rtype::SOA { "SOA".to_owned() } else { rtype.to_string() };
        let _ = write!(cell, "{}`{owner} {ttl} {rtype} {data}`", if cell.is_empty() { "" } else { "<br>" });
    }
    if cell.is_empty() { "no record".to_owned() } else { cell }
}

fn peer(reading: Reading, with_base: bool) -> String {
    match reading {
        Reading::Records(records) => cell(&records, with_base),
        Reading::Refused(_) => "refuses".to_owned(),
        Reading::Garbled => "prints what does not read back".to_owned(),
    }
}

/// Files of a case, by name.
struct Files<'a>(&'a BTreeMap<String, String>);

impl Include for Files<'_> {
    fn open(&self, _: &str, path: &str) -> Result<(Arc<str>, Vec<u8>), IncludeError> {
        let text = self.0.get(path).ok_or(IncludeError::Outside)?;
        Ok((path.into(), text.as_bytes().to_vec()))
    }
}

fn ours(case: &Case, file: &str, with_base: bool) -> String {
    let origin = Name::from_text("example.com").unwrap();
    let Loaded { zone, diagnostics, .. } =
        text::load(origin.as_ref(), &"zone".into(), file.as_bytes(), &Files(&case.files));
    let codes: BTreeSet<&str> =
        diagnostics.iter().filter(|each| each.is_error() == zone.is_none()).map(|each| each.code).collect();
    let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
    let Some(zone) = zone else { return format!("refuses: {}", codes.join(", ")) };
    let mut records = BTreeSet::new();
    for node in zone.nodes() {
        for rrset in node.rrsets() {
            for rdata in rrset.rdatas() {
                records.insert((node.name().wire().to_ascii_lowercase(), rrset.rtype(), rrset.ttl(), rdata));
            }
        }
    }
    let cell = cell(&records, with_base);
    if codes.is_empty() { cell } else { format!("{cell}<br>warns: {}", codes.join(", ")) }
}

fn row(case: &Case, directory: &Path) -> String {
    let body = &case.files["zone"];
    let with_base = !body.contains("SOA");
    let file = match (with_base, body.strip_prefix('\u{feff}')) {
        (false, _) => body.clone(),
        (true, Some(rest)) => format!("\u{feff}{BASE}{rest}"),
        (true, None) => format!("{BASE}{body}"),
    };
    for (name, text) in &case.files {
        std::fs::write(directory.join(name), text).unwrap();
    }
    std::fs::write(directory.join("zone"), &file).unwrap();
    let bind = peer(peers::bind(directory, "zone"), with_base);
    let nsd = peer(peers::nsd(directory, "zone"), with_base);
    let knot = if peers::knot(directory, "zone").is_ok() { "reads" } else { "refuses" };
    // ldns takes the root for the origin, unless the file says otherwise.
    std::fs::write(directory.join("zone"), format!("$ORIGIN example.com.\n{file}")).unwrap();
    let ldns = peer(peers::ldns(directory, "zone"), with_base);
    format!("| {bind} | {nsd} | {knot} | {ldns} | {} |", ours(case, &file, with_base))
}

#[test]
fn the_doc_says_what_each_makes_of_its_cases() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/zone-format.md");
    let doc = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = doc.lines().map(str::to_owned).collect();
    let cases = cases(&lines);
    assert!(cases.len() > 50, "the doc has its cases");
    let mut differences = String::new();
    for case in &cases {
        let directory = tempfile::tempdir().unwrap();
        let row = row(case, directory.path());
        if lines[case.row_at] != row {
            let _ = write!(differences, "\n{}\n  doc: {}\n  now: {row}\n", case.title, lines[case.row_at]);
            lines[case.row_at] = row;
        }
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        return;
    }
    assert!(differences.is_empty(), "docs/zone-format.md is not what was found:\n{differences}");
}
