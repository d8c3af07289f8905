//! The commands for plans as a person meets them: what `watari plan …` prints (`tests/plans/NAME.txt`).
//!
//! `UPDATE_GOLDEN=1 cargo test --test plans` writes the texts anew. Every instant is given: nothing depends on the day
//! on which the tests run.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/command.rs"]
mod command;
#[path = "support/golden.rs"]
mod golden;

use std::fs;
use std::path::Path;

use command::{text, watari};
use golden::assert_golden;

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

/// It may be late: what it does at an instant is the same on whatever day it is asked.
const PLAN: &str = r#"version = 1
at = "2026-12-01T03:00[Asia/Tokyo]"
late = "accept"

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

#[test]
fn the_zone_is_shown_as_it_is_served_at_any_instant() {
    let folder = command::folder(ZONE, Some(PLAN));
    let shown = transcript(
        folder.path(),
        &[
            &["plan", "at", "example.com", "T-1w"],
            &["plan", "at", "example.com", "T-1s", "--pretty"],
            &["plan", "at", "example.com", "2026-12-01T03:00[Asia/Tokyo]", "--pretty"],
            &["plan", "at", "example.com", "T+1w"],
        ],
    );
    assert_golden("plans", "at", &shown);
}

#[test]
fn what_is_printed_for_an_instant_reads_back_as_the_zone_of_that_instant() {
    let with_plan = command::folder(ZONE, Some(PLAN));
    let canonical = watari(with_plan.path(), &["plan", "at", "example.com", "T"]).stdout;
    let pretty = watari(with_plan.path(), &["plan", "at", "example.com", "T", "--pretty"]).stdout;
    let plan = "version = 1\nat = \"2027-01-01T00:00Z\"\n[[flip]]\nname = \"mail\"\ntype = \"A\"\n\
                from = [\"192.0.2.25\"]\nto = [\"192.0.2.26\"]\n";
    for printed in [&canonical, &pretty] {
        let read = command::folder(ZONE, Some(plan));
        fs::write(read.path().join("zones/example.com.zone"), printed).unwrap();
        let again = watari(read.path(), &["plan", "at", "example.com", "1970-01-01T00:00Z"]);
        assert_eq!(text(&again.stdout), text(&canonical), "{}", text(&again.stderr));
    }
}

#[test]
fn a_diff_shows_what_goes_and_what_comes_between_two_instants() {
    let folder = command::folder(ZONE, Some(PLAN));
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
    assert_golden("plans", "diff", &shown);
}

#[test]
fn a_plan_is_shown_as_of_an_instant() {
    let folder = command::folder(ZONE, Some(PLAN));
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
    let folder = command::folder(
        ZONE,
        Some(&PLAN.replace("192.0.2.11", "192.0.2.300").replace("[\"192.0.2.10\"]", "[\"192.0.2.9\"]")),
    );
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
    assert_golden("plans", "check", &shown);
}

#[test]
fn what_was_mistyped_is_met_with_a_way_out() {
    let folder = command::folder(ZONE, Some(PLAN));
    let shown = transcript(
        folder.path(),
        &[
            &["plan", "at", "exmaple.com", "T"],
            &["plan", "at", "example.com", "tomorrow"],
            &["plan", "at", "example.com", "T-soon"],
            &["plan", "at", "example.com", "2026-12-01T03:00"],
            &["plan", "new", "exmaple.com", "--at", AT, "--flip", "www A 192.0.2.11"],
            &["plan", "new", "example.com", "--at", AT],
            &["plan", "diff", "example.com", "T", "2026-03-08T02:30[America/New_York]"],
        ],
    );
    assert_golden("plans", "mistyped", &shown);
}

const AT: &str = "2026-12-01T03:00[Asia/Tokyo]";
const NOW: [&str; 2] = ["--now", "2026-11-01T00:00Z"];

fn new<'a>(changes: &[&'a str]) -> Vec<&'a str> {
    [&["plan", "new", "example.com", "--at", AT], changes, &NOW].concat()
}

#[test]
fn a_new_plan_is_written_with_what_the_zone_has_and_shown() {
    let folder = command::folder(ZONE, None);
    let changes = ["--flip", "www A 192.0.2.11, 192.0.2.12", "--add", "www AAAA 2001:db8::11", "--ttl-after", "1h"];
    let mut shown = transcript(folder.path(), &[&new(&changes)]);
    shown += &fs::read_to_string(folder.path().join("zones/example.com.plan.toml")).unwrap();
    assert_golden("plans", "new", &shown);
    let checked = watari(folder.path(), &["plan", "check", "example.com"]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stdout));
    let left = fs::read_dir(folder.path().join("zones")).unwrap().count();
    assert_eq!(left, 2, "the zone and its plan, nothing else");
}

#[test]
fn a_new_plan_that_is_only_printed_is_the_one_that_would_be_written() {
    let folder = command::folder(ZONE, None);
    let path = folder.path().join("zones/example.com.plan.toml");
    for changes in [
        &["--flip", "@ MX 10 mx1.example.net., 20 mx2.example.net."][..],
        &["--remove", "mail A", "--add", "mail CNAME mail.example.net.", "--ttl-after", "1d", "--low-ttl", "5m"],
        &["--add", r#"_x TXT "a, b" "it's \" so", "c""#, "--add", "_x TXT d", "--ttl-after", "300"],
        &["--add", "www HTTPS 1 . alpn=h2,h3", "--ttl-after", "300"],
        &["--flip", "www A 192.0.2.11", "--ds", "absent"],
    ] {
        let printed = watari(folder.path(), &[new(changes), vec!["--stdout"]].concat());
        assert_eq!(printed.status.code(), Some(0), "{}", text(&printed.stderr));
        assert!(!path.exists());
        let written = watari(folder.path(), &new(changes));
        assert_eq!(written.status.code(), Some(0), "{}", text(&written.stderr));
        assert_eq!(fs::read_to_string(&path).unwrap(), text(&printed.stdout));
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_plan_that_is_there_is_replaced_only_by_force() {
    let folder = command::folder(ZONE, Some(PLAN));
    let path = folder.path().join("zones/example.com.plan.toml");
    let changes = ["--flip", "www A 192.0.2.77"];
    let refused = watari(folder.path(), &new(&changes));
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("--force"), "{}", text(&refused.stderr));
    assert_eq!(fs::read_to_string(&path).unwrap(), PLAN);
    let forced = watari(folder.path(), &[new(&changes), vec!["--force"]].concat());
    assert_eq!(forced.status.code(), Some(0), "{}", text(&forced.stderr));
    assert!(fs::read_to_string(&path).unwrap().contains("192.0.2.77"));
}

#[test]
fn a_new_plan_with_faults_is_not_written_and_each_fault_has_a_way_out() {
    let folder = command::folder(ZONE, None);
    let faults = [
        &["--flip", "wwww A 192.0.2.11"][..],
        &["--flip", "www.example.com A 192.0.2.11"],
        &["--flip", "www.example.net. A 192.0.2.11"],
        &["--flip", "www AAAA 2001:db8::11", "--flip", "www A 192.0.2.300", "--remove", "www"],
        &["--flip", "www 192.0.2.11"],
        &["--flip", "www AAA 192.0.2.11"],
        &["--add", "www A 192.0.2.11"],
        &["--add", "ftp A 192.0.2.11"],
        &["--flip", "www A 192.0.2.10"],
        &["--flip", "@ NS ns.example.net."],
    ];
    let commands: Vec<_> = faults.iter().map(|changes| new(changes)).collect();
    let shown = transcript(folder.path(), &commands.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert_golden("plans", "new-faults", &shown);
    assert!(!folder.path().join("zones/example.com.plan.toml").exists());
}
