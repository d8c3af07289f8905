//! Zones with one fault each (`tests/checks/NAME.zone`), what we say of them (`NAME.txt`), and what
//! BIND, Knot DNS and NSD say (`docs/zone-checks.md`).
//!
//! `UPDATE_GOLDEN=1 cargo test --test checks` writes the texts and the table anew. A zone's first
//! line is a comment that says what is wrong. A zone is of its
//! `$ORIGIN`, else of `example.com`, checked as if it were
//! 2026-12-01T00:00:00Z.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use watari::clock::Instant;
use watari::diag::{Diagnostic, Severity, render};
use watari::wire::Name;
use watari::zone::check::{check, contradictions, prevents_serving};
use watari::zone::text::{self, NoInclude, Options};

const APEX: &str = "example.com";
/// 2026-12-01T00:00:00Z, for us and for kzonecheck.
const NOW: Instant = Instant::from_unix_seconds(1_796_083_200);
const NOW_KNOT: &str = "20261201000000";

/// What a peer refuses and we don't even warn of, with the reason.
const REFUSED_BY_PEER_ONLY: [(&str, &str, &str); 2] = [
    (
        "rrsig-original-ttl-above",
        "kzonecheck",
        "RFC 4035 § 5.3.3: a TTL below the original one is valid, and a TTL ladder makes them",
    ),
    ("rrsig-bogus", "kzonecheck", "signatures are not verified cryptographically: ldns-verify-zone does it"),
];

// ---- Ours

struct Case {
    name: String,
    fault: String,
    diagnostics: Vec<Diagnostic>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks")
}

fn cases() -> Vec<Case> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut zones: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|it| it == "zone")).collect();
    zones.sort();
    assert!(!zones.is_empty());
    zones.iter().map(|path| case(path)).collect()
}

fn case(path: &Path) -> Case {
    let text = fs::read(path).unwrap();
    let fault = String::from_utf8_lossy(&text).lines().next().unwrap().trim_start_matches("; ").to_owned();
    let shown: Arc<str> = path.file_name().unwrap().to_str().unwrap().into();
    let apex = Name::from_text(&apex_of(&text)).unwrap();
    let loaded = text::load(apex.as_ref(), &shown, &text, &NoInclude);
    let mut diagnostics = loaded.diagnostics;
    if let Some(zone) = loaded.zone {
        let options = Options { origin: apex.as_ref(), default_ttl: None, include: &NoInclude };
        let places = |wanted| text::locate_all(&shown, &text, &options, wanted);
        let found = check(&zone.view(), &places, NOW);
        let preventing: Vec<_> = found.iter().filter(|it| prevents_serving(it)).cloned().collect();
        assert_eq!(contradictions(&zone.view(), &places), preventing, "what keeps {shown} from being served");
        diagnostics.extend(found);
    }
    Case { name: path.file_stem().unwrap().to_str().unwrap().to_owned(), fault, diagnostics }
}

/// The zone's name: its `$ORIGIN`, or example.com.
fn apex_of(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let origin = text.lines().find_map(|line| line.strip_prefix("$ORIGIN "));
    origin.map_or(APEX.to_owned(), |origin| origin.trim_end_matches('.').to_owned())
}

fn updates() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

#[test]
fn each_fault_is_found_and_nothing_else() {
    let mut wrong = String::new();
    for Case { name, diagnostics, .. } in cases() {
        let golden = folder().join(format!("{name}.txt"));
        let drawn = render(&diagnostics, false) + if diagnostics.is_empty() { "" } else { "\n" };
        if updates() {
            fs::write(&golden, drawn).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != drawn {
            writeln!(wrong, "--- {}\n{drawn}", golden.display()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "these differ; UPDATE_GOLDEN=1 writes them anew:\n{wrong}");
}

#[test]
fn every_check_has_a_zone_with_its_fault() {
    let shown: BTreeSet<&str> = cases().iter().flat_map(|case| &case.diagnostics).map(|it| it.code).collect();
    let mut missing = codes_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/zone/check"));
    missing.retain(|code| !shown.contains(code.as_str()));
    assert!(missing.is_empty(), "add a zone to tests/checks for: {missing:?}");
}

/// What looks like the code of a diagnostic in the sources below `folder`.
fn codes_in(folder: &Path) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            codes.extend(codes_in(&path));
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        for prefix in
            ["zone-", "zones-", "plan-", "portfolio-", "config-", "file-", "folder-", "secondary-", "catalog-"]
        {
            let start = format!("\"{prefix}");
            let quoted = source.match_indices(&start).filter_map(|(at, _)| source[at + 1..].split('"').next());
            let is_word = |octet: u8| octet == b'-' || octet.is_ascii_lowercase() || octet.is_ascii_digit();
            codes.extend(quoted.filter(|it| *it != prefix && it.bytes().all(is_word)).map(str::to_owned));
        }
    }
    codes
}

/// Words in the source that look like the code of a diagnostic, and are none.
const NOT_CODES: [&str; 1] = ["zone-file-size"];

#[test]
fn every_code_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/diagnostics.md")).unwrap();
    let explained: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(code, _)| code.to_owned()))
        .collect();
    let mut codes = codes_in(&root.join("src"));
    codes.retain(|code| !NOT_CODES.contains(&code.as_str()));
    let unexplained: Vec<_> = codes.difference(&explained).collect();
    let gone: Vec<_> = explained.difference(&codes).filter(|code| *code != "internal").collect();
    assert!(unexplained.is_empty(), "docs/diagnostics.md does not explain {unexplained:?}");
    assert!(gone.is_empty(), "docs/diagnostics.md explains {gone:?}, which the source no longer has");
}

// ---- Peers

struct Peer {
    program: &'static str,
    package: &'static str,
    /// Arguments before the file, `APEX` for the zone's name.
    arguments: &'static [&'static str],
}

const PEERS: [Peer; 3] = [
    Peer {
        program: "named-checkzone",
        package: "bind9-utils",
        // "local" asks no resolver.
        arguments: &["-i", "local", "APEX"],
    },
    Peer { program: "kzonecheck", package: "knot-dnssecutils", arguments: &["-t", NOW_KNOT, "-o", "APEX"] },
    Peer { program: "nsd-checkzone", package: "nsd", arguments: &["APEX"] },
];

/// What a peer says of a zone.
struct Verdict {
    refused: bool,
    message: String,
}

impl Peer {
    fn check(&self, zone: &str) -> Verdict {
        let apex = apex_of(&fs::read(folder().join(zone)).unwrap());
        let arguments =
            self.arguments.iter().map(|argument| if *argument == "APEX" { apex.as_str() } else { argument });
        let output = Command::new(self.path()).args(arguments).arg(zone).current_dir(folder()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let message = if output.status.code().is_none() {
            "crashes".to_owned()
        } else {
            text.lines().filter_map(|line| said(line, zone)).next().unwrap_or_default()
        };
        Verdict { refused: !output.status.success(), message }
    }

    fn path(&self) -> PathBuf {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into(), "/sbin".into()]);
        let mut programs = folders.map(|folder| folder.join(self.program));
        programs
            .find(|program| program.is_file())
            .unwrap_or_else(|| panic!("{} is not installed; on Debian: apt-get install {}", self.program, self.package))
    }
}

/// What a line of a peer says, without time, file and zone; `None` if it says nothing.
fn said(line: &str, zone: &str) -> Option<String> {
    let line = line.split_once(&format!("{zone}:")).map_or(line, |(_, rest)| rest);
    let line = line.strip_prefix("zone example.com/IN: ").unwrap_or(line);
    let line = line.trim_start_matches(|character: char| character.is_ascii_digit() || ": ".contains(character));
    let line = line.strip_prefix("warning: ").unwrap_or(line).trim();
    let is_chatter = line.is_empty()
        || line == "OK"
        || line == "Error summary:"
        || [
            "loaded serial",
            "zone example.com is ok",
            "loading from master",
            "zone example.com file",
            "While checking node",
        ]
        .iter()
        .any(|chatter| line.starts_with(chatter));
    let line = if line.contains("failed to run semantic checks") { "can't read it" } else { line };
    (!is_chatter).then(|| line.to_owned())
}

#[test]
fn what_a_peer_refuses_is_told() {
    let mut untold = Vec::new();
    let mut rows = String::new();
    for Case { name, fault, diagnostics } in cases() {
        let gravest = diagnostics.iter().map(|diagnostic| diagnostic.severity).max();
        write!(rows, "| {} | {} |", shown(&fault), ours(&diagnostics)).unwrap();
        for peer in &PEERS {
            let verdict = peer.check(&format!("{name}.zone"));
            let excepted = REFUSED_BY_PEER_ONLY.iter().any(|&(zone, by, _)| zone == name && by == peer.program);
            let told = gravest >= Some(Severity::Warning);
            if verdict.refused && !told && !excepted {
                untold.push(format!("{} refuses {name}.zone ({})", peer.program, verdict.message));
            } else if excepted && (told || !verdict.refused) {
                untold.push(format!("{} and {name}.zone need no exception any more", peer.program));
            }
            match (verdict.refused, verdict.message.as_str()) {
                (false, "") => rows.push_str(" – |"),
                (false, message) => write!(rows, " warns: {} |", shown(message)).unwrap(),
                (true, message) => write!(rows, " **refuses**: {} |", shown(message)).unwrap(),
            }
        }
        rows.push('\n');
    }
    assert!(untold.is_empty(), "{untold:#?}");
    if updates() {
        fs::write(table_path(), table(&rows)).unwrap();
    }
}

fn shown(text: &str) -> String {
    text.replace('|', "\\|").replace('*', "\\*").replace('<', "&lt;")
}

fn ours(diagnostics: &[Diagnostic]) -> String {
    let mut all: BTreeMap<&str, Severity> = BTreeMap::new();
    for diagnostic in diagnostics {
        let severity = all.entry(diagnostic.code).or_insert(diagnostic.severity);
        *severity = diagnostic.severity.max(*severity);
    }
    let name = |severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let all: Vec<String> = all.into_iter().map(|(code, severity)| format!("{} `{code}`", name(severity))).collect();
    if all.is_empty() { "–".to_owned() } else { all.join(", ") }
}

// ---- The table

fn table_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/zone-checks.md")
}

fn table(rows: &str) -> String {
    let mut exceptions = String::new();
    for (zone, by, reason) in REFUSED_BY_PEER_ONLY {
        writeln!(exceptions, "- `{zone}.zone`, refused by {by}: {reason}.").unwrap();
    }
    format!(
        "{INTRODUCTION}\n{exceptions}\n## Fault by fault\n\n\
         | fault | Watari | BIND | Knot DNS | NSD |\n|---|---|---|---|---|\n{rows}"
    )
}

const INTRODUCTION: &str = "\
# What is checked in a zone

`watari check` reports all faults of a zone at once. [diagnostics.md](diagnostics.md) explains each code. The table below
stands each check beside what BIND 9.18 (`named-checkzone -i local`), Knot DNS 3.2 (`kzonecheck`) and NSD 4.6
(`nsd-checkzone`) say of the same zone; it is written by `UPDATE_GOLDEN=1 cargo test --test checks`, which runs them over
`tests/checks/*.zone`. A **refusal** is an exit status other than 0. kzonecheck exits so for every fault it finds; Knot
itself refuses only what contradicts itself.

Severity:

- an *error* is a fault that can't be meant: for some client some answer can't be right;
- a *warning* is a likely mistake;
- a *note* is worth knowing.

An error does not always keep a zone from being served. What can't be read is not served, nor is a zone that contradicts
itself: no NS at the apex, a CNAME beside other data or twice, a DNAME twice, at a delegation or with names below it, an
RRset that fits in no message. Any other error hurts the names that it speaks of, and refusing the zone would hurt all the
others too: an expired signature, a delegation without glue. Then the zone is served and the error logged.

Whatever one of the three refuses, Watari reports at least as a warning, except:
";

#[test]
fn the_table_of_checks_is_up_to_date() {
    if updates() {
        return;
    }
    let table = fs::read_to_string(table_path()).unwrap_or_default();
    for Case { name, fault, diagnostics } in cases() {
        let row = format!("| {} | {} |", shown(&fault), ours(&diagnostics));
        assert!(table.contains(&row), "docs/zone-checks.md lacks {name}.zone; UPDATE_GOLDEN=1 writes it: {row}");
    }
}
