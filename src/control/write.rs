//! Writes a file whole or not at all: whoever watches the folder never sees half of it, and a loss of power leaves no half
//! of it either.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;

/// Writes `content` to `path`. A file that is there is replaced only if `replace` says so.
///
/// # Errors
/// What the system said; [`io::ErrorKind::AlreadyExists`] if there is a file that must not be replaced.
pub fn whole(path: &Path, content: &[u8], replace: bool) -> io::Result<()> {
    marked(path, content, replace, &process::id().to_string())
}

/// The same, under a name with `mark` until it is whole, so that who comes after a crash knows what to take away.
///
/// # Errors
/// As with [`whole`].
pub fn marked(path: &Path, content: &[u8], replace: bool, mark: &str) -> io::Result<()> {
    let scratch = scratch(path, mark);
    let done =
        fill(&scratch, content).and_then(|()| if replace { fs::rename(&scratch, path) } else { link(&scratch, path) });
    // Renamed, it is gone already.
    let _ = fs::remove_file(&scratch);
    done.map(|()| sync_folder(path))
}

/// Takes away what a crash has left of [`marked`].
pub fn sweep(path: &Path, mark: &str) {
    let _ = fs::remove_file(scratch(path, mark));
}

/// Hidden, so that it is nobody's zone or plan, and in the same folder, so that it can be renamed.
fn scratch(path: &Path, mark: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{mark}"));
    path.with_file_name(name)
}

fn fill(path: &Path, content: &[u8]) -> io::Result<()> {
    // One of our number may have been killed over it.
    let _ = fs::remove_file(path);
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

/// The names in the folder of `path`, too, are on the disk when this returns. Some file systems can't promise it, and do
/// without.
pub fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}
