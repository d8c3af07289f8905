//! The commands for plans as a person meets them: what `watari plan …` prints (`tests/plans/NAME.txt`).
//!
//! `UPDATE_GOLDEN=1 cargo test --test plans` writes the texts anew. Every instant is given: nothing depends on the day
//! on which the tests run.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const ZONE: &str = "\
$TTL 86400
@       IN SOA  ns1 hostmaster 2026112301 7200 3600 1209600 300
        IN NS   ns1
        IN NS   ns2
        IN MX   10 mail
ns1     IN A    192.0.2.1
ns2     IN A    192.0.2.2
www     IN A    192.0.2.10
mail    IN A    192.0.2.25
shop    IN CNAME www
";

const PLAN: &str = r#"version = 1
at = "2026-12-01T03:00[Asia/Tokyo]"

[[flip]]
name = "www"
type = "A"
from = ["192.0.2.10"]
to = ["192.0.2.11", "192.0.2.12"]

[[flip]]
name = "www"
type = "AAAA"
from = []
to = ["2001:db8::11"]
ttl_after = "1h"
"#;

/// A folder with a zone, and its plan if there is one.
fn folder(plan: Option<&str>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("zones")).unwrap();
    fs::write(folder.path().join("zones/example.com.zone"), ZONE).unwrap();
    if let Some(plan) = plan {
        fs::write(folder.path().join("zones/example.com.plan.toml"), plan).unwrap();
    }
    folder
}

fn watari(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watari"));
    command.args(arguments).current_dir(folder).env_remove("WATARI_LOG").stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What was typed and what came back: all that a person sees, and the exit status unless it is 0.
fn transcript(folder: &Path, commands: &[&[&str]]) -> String {
    let mut shown = String::new();
    for arguments in commands {
        let quoted = |word: &&str| if word.contains([' ', '[']) { format!("'{word}'") } else { (*word).to_owned() };
        let words: Vec<_> = arguments.iter().map(quoted).collect();
        let output = watari(folder, arguments);
        shown += &format!("$ watari {}\n{}{}", words.join(" "), text(&output.stdout), text(&output.stderr));
        match output.status.code() {
            Some(0) => shown.push('\n'),
            status => shown += &format!("(exit status {})\n\n", status.unwrap()),
        }
    }
    shown
}

fn assert_golden(name: &str, shown: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, shown).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(shown, golden, "{} differs; UPDATE_GOLDEN=1 writes it anew", path.display());
}

#[test]
fn the_zone_is_shown_as_it_is_served_at_any_instant() {
    let folder = folder(Some(PLAN));
    let shown = transcript(
        folder.path(),
        &[
            &["plan", "at", "example.com", "T-1w"],
            &["plan", "at", "example.com", "T-1s", "--pretty"],
            &["plan", "at", "example.com", "2026-12-01T03:00[Asia/Tokyo]", "--pretty"],
            &["plan", "at", "example.com", "T+1w"],
        ],
    );
    assert_golden("at", &shown);
}

#[test]
fn what_is_printed_for_an_instant_reads_back_as_the_zone_of_that_instant() {
    let with_plan = folder(Some(PLAN));
    let canonical = watari(with_plan.path(), &["plan", "at", "example.com", "T"]).stdout;
    let pretty = watari(with_plan.path(), &["plan", "at", "example.com", "T", "--pretty"]).stdout;
    let plan = "version = 1\nat = \"2027-01-01T00:00Z\"\n[[flip]]\nname = \"mail\"\ntype = \"A\"\n\
                from = [\"192.0.2.25\"]\nto = [\"192.0.2.26\"]\n";
    for printed in [&canonical, &pretty] {
        let read = folder(Some(plan));
        fs::write(read.path().join("zones/example.com.zone"), printed).unwrap();
        let again = watari(read.path(), &["plan", "at", "example.com", "1970-01-01T00:00Z"]);
        assert_eq!(text(&again.stdout), text(&canonical), "{}", text(&again.stderr));
    }
}

#[test]
fn a_diff_shows_what_goes_and_what_comes_between_two_instants() {
    let folder = folder(Some(PLAN));
    let shown = transcript(
        folder.path(),
        &[
            &["plan", "diff", "example.com", "T-1w", "T-1s"],
            &["plan", "diff", "example.com", "T-1s", "T"],
            &["plan", "diff", "example.com", "T", "T-1s"],
            &["plan", "diff", "example.com", "T+1m", "T+2m"],
            &["plan", "diff", "example.com", "2026-11-30T17:59:59.9Z", "2026-11-30T18:00Z", "--json"],
        ],
    );
    assert_golden("diff", &shown);
}

#[test]
fn a_plan_is_shown_as_of_an_instant() {
    let folder = folder(Some(PLAN));
    let show = |now: &str| {
        let command = ["plan", "show", "example.com", "--now", now];
        text(&watari(folder.path(), &command).stdout)
    };
    let shown = show("2026-11-30T17:59[UTC]");
    assert!(shown.contains("in 1 min"), "{shown}");
    assert!(show("2026-11-30T18:01Z").contains("1 min ago"));
}

#[test]
fn plans_alone_are_checked_and_their_faults_shown_with_their_places() {
    let folder =
        folder(Some(&PLAN.replace("192.0.2.11", "192.0.2.300").replace("[\"192.0.2.10\"]", "[\"192.0.2.9\"]")));
    let shown = transcript(
        folder.path(),
        &[
            &["plan", "check"],
            &["plan", "check", "example.com"],
            &["plan", "check", "zones/example.com.plan.toml", "--json"],
            &["plan", "check", "example.net"],
            &["plan", "check", "gone.plan.toml"],
            &["plan", "at", "example.com", "T"],
        ],
    );
    assert_golden("check", &shown);
}

#[test]
fn what_was_mistyped_is_met_with_a_way_out() {
    let folder = folder(Some(PLAN));
    let shown = transcript(
        folder.path(),
        &[
            &["plan", "at", "exmaple.com", "T"],
            &["plan", "at", "example.com", "tomorrow"],
            &["plan", "at", "example.com", "T-soon"],
            &["plan", "at", "example.com", "2026-12-01T03:00"],
            &["plan", "diff", "example.com", "T", "2026-03-08T02:30[America/New_York]"],
        ],
    );
    assert_golden("mistyped", &shown);
}
