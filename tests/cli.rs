//! The command line as scripts and people meet it, and that what is written about it is so.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use watari::cli::Cli;
use watari::control::config::{self, Config};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap()
}

/// Runs `watari` in `folder`.
fn watari(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watari"));
    command.args(arguments).current_dir(folder).env_remove("WATARI_LOG").stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The lines of a document's code that are commands, without the prompt.
fn commands(document: &str) -> Vec<String> {
    let lines = document.lines().filter_map(|line| line.trim_start().strip_prefix("$ "));
    lines.map(str::to_owned).collect()
}

#[test]
fn every_command_that_the_documents_and_the_help_show_is_understood() {
    let mut shown = Vec::new();
    for name in [
        "README.md",
        "docs/configuration.md",
        "docs/plan-format.md",
        "docs/probes.md",
        "docs/history.md",
        "docs/transfers.md",
        "docs/updates.md",
        "docs/secondaries.md",
        "docs/catalogs.md",
        "CHANGELOG.md",
    ] {
        let document = read(name);
        shown.extend(commands(&document));
        // Also those within a sentence or a table: `watari check`.
        shown.extend(document.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    for command in
        ["serve", "check", "arm", "status", "hold", "resume", "rollback", "abort", "probe", "completions", "man"]
    {
        let help = watari(repository(), &[command, "--help"]);
        shown.extend(text(&help.stdout).lines().map(|line| line.trim().to_owned()));
    }
    for command in ["new", "show", "at", "diff", "check", "parent"] {
        let help = watari(repository(), &["plan", command, "--help"]);
        shown.extend(text(&help.stdout).lines().map(|line| line.trim().to_owned()));
    }
    for command in ["log", "diff"] {
        let help = watari(repository(), &["zone", command, "--help"]);
        shown.extend(text(&help.stdout).lines().map(|line| line.trim().to_owned()));
    }
    let mut understood = 0;
    for line in shown {
        let line = line.replace("cargo run --release -- ", "watari ");
        // Only the command: not what its output goes to, nor what is said of it.
        let line = line.split([';', '|', '>', '#']).next().unwrap_or_default().trim();
        let mut words = line.split_whitespace().map(|word| word.trim_matches('\''));
        let command = words.clone().nth(1).unwrap_or_default();
        let is_ours = words.next() == Some("watari") && command.chars().all(|c| c.is_ascii_lowercase());
        if !is_ours || command.is_empty() || line.contains("COMMAND") {
            continue;
        }
        let mut line = line.replace("NAME", "example.com");
        // A shell puts an instant here.
        if let (Some(start), Some(end)) = (line.find("\"$("), line.find(")\"")) {
            line.replace_range(start..end + 2, "2030-12-01T03:00Z");
        }
        if let Err(error) = Cli::try_parse_from(words_of(&line)) {
            // Prose speaks of `watari plan show` without a name.
            let is_only_incomplete = [
                ErrorKind::MissingRequiredArgument,
                ErrorKind::DisplayHelp,
                ErrorKind::DisplayVersion,
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
            ];
            assert!(is_only_incomplete.contains(&error.kind()), "`{line}`: {error}");
        }
        understood += 1;
    }
    assert!(understood > 20, "only {understood} commands were found");
}

#[test]
fn the_readme_has_every_command() {
    fn leaves(command: &clap::Command, path: &str, all: &mut Vec<String>) {
        let path = format!("{path}{}", command.get_name());
        if !command.has_subcommands() {
            all.push(path);
            return;
        }
        command.get_subcommands().for_each(|below| leaves(below, &format!("{path} "), all));
    }
    let (readme, mut all) = (read("README.md"), Vec::new());
    leaves(&Cli::command(), "", &mut all);
    let missing: Vec<_> = all.iter().filter(|command| !readme.contains(&format!("`{command}"))).collect();
    assert!(missing.is_empty() && all.len() > 20, "not in README.md: {missing:?}");
}

/// The words of a command as a shell has them: what stands between single quotes is one.
fn words_of(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (at, part) in line.split('\'').enumerate() {
        for (nth, piece) in if at % 2 == 0 { part.split(' ').collect() } else { vec![part] }.into_iter().enumerate() {
            if nth > 0 {
                words.push(String::new());
            }
            words.last_mut().unwrap().push_str(piece);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn the_first_command_of_the_readme_serves_the_zones_it_says() {
    let readme = read("README.md");
    let served = readme.lines().find_map(|line| line.strip_prefix("ready: ")?.split(' ').next()).unwrap();
    let checked = text(&watari(repository(), &["check"]).stdout);
    assert_eq!(checked, format!("{served} zones, 1 plan checked: no errors, no warnings\n"));
}

#[test]
fn the_example_of_the_configuration_is_whole_and_right() {
    let document = read("docs/configuration.md");
    let example = document.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let (config, faults) = config::parse(&"docs/configuration.md".into(), example);
    assert_eq!(faults, []);
    let shown = format!("{config:?}");
    assert!(!shown.contains("None"), "a key is missing in the example: {shown}");
    assert_ne!(config, Config::default());
    // Every key stands in the table too.
    let mut table = String::new();
    for line in example.lines() {
        if let Some(name) = line.strip_prefix('[').map(|name| name.trim_start_matches('[')) {
            // A key may have any name.
            let name = if name.starts_with("keys.") { "keys.NAME" } else { name.trim_end_matches(']') };
            table = format!("{name}.");
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| *key != "version" || !table.is_empty())
        {
            assert!(document.contains(&format!("| `{table}{key}` |")), "{table}{key} is not explained");
        }
    }
}

#[test]
fn what_is_mistyped_is_told_once_and_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| text(&watari(folder.path(), arguments).stderr);
    assert!(said(&["serve", "--log", "loud"]).contains("`loud` is neither a level nor a part of watari"));
    assert!(said(&["check", "."]).contains("help: name a folder with --zones DIR"));
    let shown = said(&["plan", "show", "a..b"]);
    assert_eq!(shown.matches("a label is empty").count(), 1, "{shown}");
}

#[test]
fn check_shows_what_contradicts_itself_beside_what_it_could_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let zone = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NX ns\nwww A 192.0.2.1\nwww CNAME other\nx A 300.1.2.3\n";
    fs::write(folder.path().join("a.example.zone"), zone).unwrap();
    let shown = text(&watari(folder.path(), &["check", "a.example.zone"]).stdout);
    for code in ["zone-unknown-type", "zone-cname-and-other-data", "zone-address"] {
        assert!(shown.contains(code), "{code}: {shown}");
    }
    // The line that names the server is there; it is only mistyped.
    assert!(!shown.contains("zone-no-ns"), "{shown}");
}

#[test]
fn check_shows_all_faults_at_once_and_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("watari.toml", "workers = 0\n");
    write("zones/a.example.zone", "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.300\n");
    write("zones/a.example.plan.toml", "version = 1\nat = \"soon\"\n[[flip]]\nname = \"www\"\n");
    write("zones/b.example.plan.toml", "version = 1\n");
    let checked = watari(folder.path(), &["check"]);
    assert_eq!(checked.status.code(), Some(1));
    let shown = text(&checked.stdout);
    for place in
        ["watari.toml:1:11", "a.example.zone:3:9", "a.example.plan.toml:2:6", "b.example.plan.toml has no zone"]
    {
        assert!(shown.contains(place), "{place}\n{shown}");
    }
    assert!(shown.lines().last().unwrap().starts_with("1 zone, 2 plans, 1 configuration checked: "), "{shown}");

    let json = watari(folder.path(), &["check", "--json", "zones/a.example.zone"]);
    assert_eq!(json.status.code(), Some(1));
    let found: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(found["errors"], 1);
    let place = &found["diagnostics"][0]["labels"][0]["place"];
    assert_eq!((&place["line"], &place["column"]), (&3.into(), &9.into()));
    assert_eq!(place["path"], "zones/a.example.zone");

    assert_eq!(watari(folder.path(), &["check", "nothing.zone"]).status.code(), Some(3));
    assert_eq!(watari(folder.path(), &["check", "--zones", "nothing"]).status.code(), Some(3));
}

#[test]
fn a_plan_with_faults_is_not_shown_and_its_faults_are() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("zones")).unwrap();
    fs::copy(repository().join("zones/example20121.com.zone"), folder.path().join("zones/example20121.com.zone"))
        .unwrap();
    let show = |arguments: &[&str]| watari(folder.path(), &[&["plan", "show"], arguments].concat());
    let none = show(&["example20121.com"]);
    assert_eq!(none.status.code(), Some(3));
    assert!(text(&none.stderr).contains("help: write one: zones/example20121.com.plan.toml"), "{}", text(&none.stderr));
    fs::write(folder.path().join("zones/example20121.com.plan.toml"), "version = 2\n").unwrap();
    assert_eq!(show(&["example20121.com"]).status.code(), Some(1));
    let json = show(&["example20121.com", "--json"]);
    assert_eq!(json.status.code(), Some(1));
    let found: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(found["diagnostics"].as_array().is_some_and(|faults| !faults.is_empty()));
    assert_eq!(show(&["other.example"]).status.code(), Some(3));
    assert_eq!(show(&["a..b"]).status.code(), Some(3));
}

#[test]
fn completions_and_the_manual_are_made() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let made = watari(repository(), &["completions", shell]);
        assert!(made.status.success() && text(&made.stdout).contains("watari"), "{shell}");
    }
    let manual = text(&watari(repository(), &["man"]).stdout);
    for words in
        [".TH watari 1", "THE COMMAND SERVE", "THE COMMAND CHECK", "THE COMMAND PLAN SHOW", "THE COMMAND PLAN DIFF"]
    {
        assert!(manual.contains(words), "{words}");
    }
}

#[test]
fn nothing_is_coloured_that_is_not_a_terminal() {
    let help = watari(repository(), &["serve", "--help"]);
    assert!(!help.stdout.contains(&0x1b));
    let failed = watari(repository(), &["check", "nothing.zone"]);
    assert!(!failed.stderr.contains(&0x1b) && !failed.stderr.is_empty());
}
