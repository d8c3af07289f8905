//! What `$INCLUDE` may open: files in the folder of zones, and what a zone has opened so.
//!
//! 1. A path is meant from the folder of the file that names it, as in Knot.
//! 2. What is opened must lie in the folder of zones, by whatever way: an absolute path, `..` and
//!    links are followed, and then looked at.
//! 3. A file that could not be opened is remembered too, so that its coming is noticed.

use std::cell::RefCell;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::fingerprint::Fingerprint;
use super::read::{self, ReadError};
use crate::zone::text::{Include, IncludeError};

/// Opens files in a folder and remembers which.
pub(super) struct Includes<'a> {
    /// The folder as it was named, and as it is without links.
    top: &'a Path,
    real: Option<&'a Path>,
    size_max: u64,
    opened: RefCell<Opened>,
}

/// What was opened.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// The files and what they are on the disk.
    pub(super) files: Vec<(PathBuf, Fingerprint)>,
    /// What they say.
    pub(super) content: Fingerprint,
}

impl<'a> Includes<'a> {
    /// Opens files in `top`, which is `real` without links; without that, none.
    pub(super) fn new(top: &'a Path, real: Option<&'a Path>, size_max: u64) -> Self {
        Includes { top, real, size_max, opened: RefCell::default() }
    }

    /// What was opened.
    pub(super) fn into_opened(self) -> Opened {
        self.opened.into_inner()
    }

    fn remember(&self, path: &Path, disk: Fingerprint, content: &[u8]) {
        let mut opened = self.opened.borrow_mut();
        opened.content = opened.content.with_bytes(content);
        if !opened.files.iter().any(|(known, _)| known == path) {
            opened.files.push((path.to_owned(), disk));
        }
    }
}

impl Include for Includes<'_> {
    fn open(&self, from: &str, path: &str) -> Result<(Arc<str>, Vec<u8>), IncludeError> {
        let named = plain(&Path::new(from).parent().unwrap_or(Path::new("")).join(path));
        let Some(real) = self.real else { return Err(IncludeError::NoFiles) };
        let mut text = Vec::new();
        match read::confined(&named, real, self.size_max, &mut text) {
            Ok(metadata) => {
                // As the watch will tell it.
                let known = match named.canonicalize().ok().as_deref().and_then(|path| path.strip_prefix(real).ok()) {
                    Some(rest) => self.top.join(rest),
                    None => named,
                };
                self.remember(&known, Fingerprint::default().with_file(&metadata), &text);
                Ok((Arc::from(known.to_string_lossy()), text))
            }
            Err(ReadError::Outside) => Err(IncludeError::Outside),
            Err(error) => {
                self.remember(&named, Fingerprint::default(), b"");
                Err(IncludeError::Unreadable(Box::new(error)))
            }
        }
    }
}

/// `path` without `.` and `..`, as far as that can be told from its text.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir if plain.as_os_str().is_empty() => plain.push(component),
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// The fingerprint of an included file as it is on the disk now; of one that is gone, none.
pub(super) fn stat(path: &Path) -> Fingerprint {
    std::fs::metadata(path).map_or_else(|_| Fingerprint::default(), |file| Fingerprint::default().with_file(&file))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;

    #[test]
    fn what_is_included_is_remembered_also_what_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        fs::create_dir(real.join("sub")).unwrap();
        fs::write(real.join("common"), "text").unwrap();
        let includes = Includes::new(folder.path(), Some(&real), 100);
        let from = folder.path().join("sub/a.example.zone").to_string_lossy().into_owned();
        let (path, text) = includes.open(&from, "../common").unwrap();
        assert_eq!((&*path, &*text), (&*folder.path().join("common").to_string_lossy(), &b"text"[..]));
        assert!(matches!(includes.open(&from, "none"), Err(IncludeError::Unreadable(_))));
        assert!(matches!(includes.open(&from, "/etc/passwd"), Err(IncludeError::Outside)));
        let opened = includes.into_opened();
        let paths: Vec<_> = opened.files.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(paths, [folder.path().join("common"), folder.path().join("sub/none")]);
        assert_eq!(opened.files[0].1, stat(&paths[0]));
        assert_eq!(opened.files[1].1, stat(&paths[1]));
    }

    #[test]
    fn dots_are_taken_out_of_paths() {
        assert_eq!(plain(Path::new("zones/sub/.././common")), Path::new("zones/common"));
        assert_eq!(plain(Path::new("../zones/../../x")), Path::new("../../x"));
        assert_eq!(plain(Path::new("./x")), Path::new("./x"));
    }
}
