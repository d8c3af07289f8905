//! The files of a promotion, and what a crash leaves of them.

#![allow(clippy::unwrap_used)]

use super::*;

fn folder() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (zone, secondary) = (folder.path().join("a.zone"), folder.path().join("a.secondary.toml"));
    fs::write(&secondary, "primaries = []").unwrap();
    (folder, zone, secondary)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_put_aside_before_stays() {
    let (folder, zone, secondary) = folder();
    for number in 1..=3 {
        fs::write(&secondary, format!("{number}")).unwrap();
        settle(&zone, &secondary, "text").unwrap();
        assert_eq!(fs::read_to_string(&zone).unwrap(), "text");
        fs::remove_file(&zone).unwrap();
    }
    let aside = ["a.secondary.toml.promoted", "a.secondary.toml.promoted.2", "a.secondary.toml.promoted.3"];
    assert_eq!(names(folder.path()), aside);
    for (number, name) in (1..).zip(aside) {
        assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), format!("{number}"));
    }
}

#[test]
fn what_can_not_be_done_whole_leaves_the_files_as_they_were() {
    let (folder, zone, secondary) = folder();
    fs::write(&zone, "somebody's").unwrap();
    assert!(settle(&zone, &secondary, "text").unwrap_err().ends_with("a.zone is there meanwhile"));
    assert_eq!(fs::read_to_string(&zone).unwrap(), "somebody's");
    fs::remove_file(&zone).unwrap();
    fs::remove_file(&secondary).unwrap();
    let why = settle(&zone, &secondary, "text").unwrap_err();
    assert!(why.contains("a.secondary.toml can't be renamed: No such file"), "{why}");
    assert_eq!(names(folder.path()), [""; 0]);
    let nowhere = folder.path().join("none/a.zone");
    let why = settle(&nowhere, &secondary, "text").unwrap_err();
    assert!(why.contains("a.zone can't be written: No such file"), "{why}");
}

#[test]
fn who_may_read_the_one_may_read_the_other() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, zone, secondary) = folder();
    fs::set_permissions(&secondary, fs::Permissions::from_mode(0o640)).unwrap();
    settle(&zone, &secondary, "text").unwrap();
    assert_eq!(zone.metadata().unwrap().permissions().mode() & 0o777, 0o640);
}
