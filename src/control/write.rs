//! Writes a file whole or not at all: whoever watches the folder never sees half of it.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process;

/// Writes `content` to `path`. A file that is there is replaced only if `replace` says so.
///
/// # Errors
/// What the system said; [`io::ErrorKind::AlreadyExists`] if there is a file that must not be replaced.
pub fn whole(path: &Path, content: &[u8], replace: bool) -> io::Result<()> {
    // Hidden, so that it is nobody's zone or plan, and in the same folder, so that it can be renamed.
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", process::id()));
    let scratch = path.with_file_name(name);
    let done =
        fill(&scratch, content).and_then(|()| if replace { fs::rename(&scratch, path) } else { link(&scratch, path) });
    // Renamed, it is gone already.
    let _ = fs::remove_file(&scratch);
    done
}

fn fill(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Gives `from` the name `to` too, unless something has it: in one step, where renaming would replace it.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        // Some file systems have no links.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => match to.symlink_metadata() {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        },
        done => done,
    }
}
