//! The program as a person types it, in a folder with a zone and its plan.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A folder with the zone `example.com`, and its plan if there is one.
pub(crate) fn folder(zone: &str, plan: Option<&str>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let zones = folder.path().join("zones");
    fs::create_dir(&zones).unwrap();
    fs::write(zones.join("example.com.zone"), zone).unwrap();
    if let Some(plan) = plan {
        fs::write(zones.join("example.com.plan.toml"), plan).unwrap();
    }
    folder
}

/// What comes of `watari` with these arguments in `folder`.
pub(crate) fn watari(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watari"));
    command.args(arguments).current_dir(folder).env_remove("WATARI_LOG").stdin(Stdio::null()).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
