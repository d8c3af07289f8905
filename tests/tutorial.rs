//! The README's tutorial, done: every command that it shows, in its order, in a shell.
//!
//! What it waits a minute for comes after some seconds here, what a person is asked for is agreed to, and the server has a
//! port of its own. Nothing else is changed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use support::watari::Watari;

/// The commands of the README's section, line by line.
fn commands() -> Vec<String> {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split("\n## ").find(|section| section.starts_with("Ten minutes")).unwrap();
    let commands: Vec<_> = section.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect();
    assert!(commands.len() > 10, "{commands:?}");
    commands
}

/// Runs `command` in a shell that finds `watari`; its exit status and what it said.
fn shell(server: &Watari, command: &str) -> (Option<i32>, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_watari")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(program.to_owned()).chain(std::env::split_paths(&path))).unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-c", command]).env("PATH", path).env("HOME", server.folder.path()).stdin(Stdio::null());
    let output = shell.current_dir(server.folder.path()).output().unwrap();
    let said = [output.stdout, output.stderr].map(|octets| String::from_utf8_lossy(&octets).into_owned()).concat();
    (output.status.code(), said)
}

#[test]
fn the_tutorial_goes_as_it_says() {
    let mut commands = commands().into_iter();
    // Installing is what cargo has done; the folder is made here.
    assert_eq!(commands.next().unwrap(), "cargo install --path .");
    assert!(commands.next().unwrap().starts_with("mkdir -p ~/cutover && cp -r zones ~/cutover"));
    assert_eq!(commands.next().unwrap(), "watari serve");
    let folder = tempfile::tempdir().unwrap();
    let zones = Path::new(env!("CARGO_MANIFEST_DIR")).join("zones");
    let copied = Command::new("cp").arg("-r").arg(zones).arg(folder.path()).status().unwrap();
    assert!(copied.success());
    let mut server = Watari::start(folder, &[]);
    for command in commands {
        let asks = ["arm", "abort", "rollback"].iter().any(|verb| command.starts_with(&format!("watari {verb} ")));
        let done = command.replace("'+1 minute'", "'+3 seconds'") + if asks { " --yes" } else { "" };
        if command.starts_with("watch ") {
            // A person looks on until the address flips.
            assert!(command.contains("www.example20121.com A"), "{command}");
            server.until_data("www.example20121.com", "123.123.123.124");
            assert_eq!(server.ttl_and_data("www.example20121.com").0, 60);
            continue;
        }
        let (status, said) = shell(&server, &done);
        let is_late = command.contains("'+1 minute'") && !command.contains("--late");
        assert_eq!(status, Some(i32::from(is_late)), "{done}\n{said}\n{}", server.log());
        if is_late {
            assert!(said.contains("plan-late") && said.contains("late = \"accept\""), "{said}");
        }
    }
    server.until_data("www.example20121.com", "123.123.123.123");
}
