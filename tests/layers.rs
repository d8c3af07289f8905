//! The source held to its own rules: who may name whom, what the core may not touch, how files open.
//!
//! `docs/architecture.md` shows the layers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// The layers from the core to the rim; a file names its own and those before it.
const LAYERS: [&str; 10] = ["clock", "diag", "wire", "zone", "dnssec", "timeline", "answer", "net", "control", "cli"];
/// The layers that touch no clock, socket, file or runtime.
const PURE: [&str; 7] = ["clock", "diag", "wire", "zone", "dnssec", "timeline", "answer"];
/// What those may not name.
const IMPURE: [&str; 11] = [
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::thread",
    "std::process",
    "std::env",
    "tokio::",
    "socket2::",
    "notify::",
    "rayon::",
];
/// How one asks what time it is.
const CLOCKS: [&str; 4] = ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"];
/// The only reader of the real-time clock.
const CLOCK: &str = "src/clock.rs";
/// Files outside of `net` that may hold `unsafe`, each saying why.
const UNSAFE_ALSO: [&str; 2] = ["src/control/memory.rs", "src/control/discipline.rs"];
/// How long a file may be: past this it holds two nouns.
const LINES_MAX: usize = 700;

struct File {
    /// The path below the repository.
    name: String,
    text: String,
}

impl File {
    /// The layer, by the folder or the file's own name; the root and `main` have none.
    fn layer(&self) -> Option<&'static str> {
        let below = self.name.strip_prefix("src/")?;
        let first = below.split('/').next()?.trim_end_matches(".rs");
        LAYERS.into_iter().find(|layer| *layer == first)
    }

    /// The lines that are no comments and not of the tests within the file.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = self.name.ends_with("tests.rs") || self.name.contains("/tests/");
        let tests = self.text.lines().position(|line| line.trim() == "#[cfg(test)]" && !line.starts_with(' '));
        // A `#[cfg(test)] mod tests;` at the top of a file ends nothing.
        let tests = tests.filter(|at| self.text.lines().nth(at + 1).is_some_and(|next| next.ends_with('{')));
        let end = if is_test { 0 } else { tests.unwrap_or(usize::MAX) };
        let lines = self.text.lines().enumerate().take(end);
        lines.map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn source() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                files.push(File { name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    assert!(files.len() > 50);
    files
}

fn assert_none(faults: &[String], rule: &str) {
    assert!(faults.is_empty(), "{rule}:\n{}", faults.join("\n"));
}

#[test]
fn a_file_names_its_own_layer_and_those_before_it() {
    let mut faults = Vec::new();
    for file in source() {
        let Some(layer) = file.layer() else { continue };
        let own = LAYERS.iter().position(|other| *other == layer).unwrap();
        for (line, text) in file.code() {
            for later in &LAYERS[own + 1..] {
                if text.contains(&format!("crate::{later}::")) || text.contains(&format!("crate::{later};")) {
                    faults.push(format!("{}:{line}: {layer} names {later}", file.name));
                }
            }
        }
    }
    assert_none(&faults, "layers");
}

#[test]
fn the_core_touches_no_file_socket_thread_or_runtime() {
    let mut faults = Vec::new();
    for file in source().iter().filter(|file| file.layer().is_some_and(|layer| PURE.contains(&layer))) {
        for (line, text) in file.code() {
            for impure in IMPURE.iter().filter(|impure| text.contains(**impure)) {
                faults.push(format!("{}:{line}: {impure}", file.name));
            }
        }
    }
    assert_none(&faults, "the core is pure");
}

#[test]
fn the_core_never_asks_what_time_it_is() {
    let mut faults = Vec::new();
    let pure = |file: &&File| file.layer().is_some_and(|layer| PURE.contains(&layer)) && file.name != CLOCK;
    for file in source().iter().filter(pure) {
        for (line, text) in file.code() {
            for clock in CLOCKS.iter().filter(|clock| text.contains(**clock)) {
                faults.push(format!("{}:{line}: {clock}", file.name));
            }
        }
    }
    assert_none(&faults, "time is an argument");
}

#[test]
fn the_owner_of_state_reads_no_file_and_no_clock() {
    let decisions = [
        "owner.rs",
        "owner/decide.rs",
        "owner/due.rs",
        "owner/event.rs",
        "owner/inform.rs",
        "notifier/mod.rs",
        "notifier/server.rs",
        "settle.rs",
        "registry.rs",
        "report.rs",
        "followers.rs",
        "running.rs",
        "desk.rs",
    ]
    .map(|name| format!("src/control/{name}"));
    let mut faults = Vec::new();
    for file in source().iter().filter(|file| decisions.contains(&file.name)) {
        for (line, text) in file.code() {
            if CLOCKS.iter().chain(&["std::fs", "File::", ".exists()"]).any(|word| text.contains(word)) {
                faults.push(format!("{}:{line}: {text}", file.name));
            }
        }
    }
    assert_none(&faults, "what decides does not act");
}

#[test]
fn only_what_talks_to_the_kernel_is_unsafe() {
    let mut faults = Vec::new();
    for file in source() {
        if file.layer() == Some("net") || UNSAFE_ALSO.contains(&&*file.name) {
            continue;
        }
        for (line, text) in file.code() {
            if text.contains("unsafe {") || text.contains("unsafe fn") || text.contains("unsafe impl") {
                faults.push(format!("{}:{line}: {text}", file.name));
            }
        }
    }
    assert_none(&faults, "unsafe");
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let faults: Vec<_> =
        source().iter().filter(|file| !file.text.starts_with("//! ")).map(|file| file.name.clone()).collect();
    assert_none(&faults, "files without `//!`");
}

#[test]
fn no_file_holds_two_nouns() {
    let lines = |file: &File| file.text.lines().count();
    let long = source().into_iter().filter(|file| lines(file) > LINES_MAX && !file.name.contains("tests"));
    let faults: Vec<_> = long.map(|file| format!("{}: {} lines", file.name, lines(&file))).collect();
    assert_none(&faults, "files that are too long");
}

#[test]
fn nothing_is_called_a_helper() {
    let vague = ["util", "utils", "common", "helpers", "misc"];
    let stem = |file: &File| Path::new(&file.name).file_stem().unwrap().to_string_lossy().into_owned();
    let faults: Vec<_> =
        source().iter().filter(|file| vague.contains(&&*stem(file))).map(|file| file.name.clone()).collect();
    assert_none(&faults, "names that say nothing");
}
