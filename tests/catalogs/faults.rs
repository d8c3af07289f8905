//! What `watari check` says of files of catalog zones, of those that we make and those that we obey
//! (`tests/catalogs/faults.txt`; `UPDATE_GOLDEN=1 cargo test --test catalogs faults` writes it anew).

use crate::peers::zone;
use crate::support::golden::assert_golden;
use crate::support::watari::{transcript, write};

#[test]
fn all_faults_are_shown_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let both = zone(1);
    let wrong = "members = [\"*.example\", \"a.*\"]\nexept = \"b.example\"\n[group.signed]\nzones = \"a.example\"\n\
                 [coo.\"a..b\"]\nmembers = \"*\"\n";
    let obeyed = "primaries = [\"192.0.2.1\"]\n[catalog]\nremoval-grace = \"soon\"\nprimary = 1\n[catalog.group.signed]\n\
                  primaries = [\"nobody\"]\nkept = \"1h\"\n";
    let files = [
        ("both.example.catalog.toml", "members = \"*\"\n"),
        ("both.example.zone", &*both),
        ("fetched.example.catalog.toml", "members = \"*\"\n"),
        ("fetched.example.secondary.toml", "primaries = [\"192.0.2.1\"]\n"),
        ("nothing.example.catalog.toml", "version = 1\n"),
        ("obeyed.example.secondary.toml", obeyed),
        ("plan.example.catalog.toml", "members = \"*\"\n"),
        ("plan.example.plan.toml", "version = 1\n"),
        ("sound.example.catalog.toml", "members = \"*\"\n[group.signed]\nmembers = [\"*.signed.example\"]\n"),
        ("wrong.example.catalog.toml", wrong),
    ];
    for (name, text) in files {
        write(&folder.path().join("zones").join(name), text);
    }
    let check = |arguments: &[&str]| transcript(folder.path(), arguments);
    let shown = check(&["check"])
        + &check(&["check", "zones/nothing.example.catalog.toml"])
        + &check(&["check", "zones/sound.example.catalog.toml"]);
    assert_golden("catalogs", "faults", &shown);
}
