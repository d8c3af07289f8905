//! Hears from the operating system which files changed, and keeps it until the owner asks.
//!
//! 1. Folders are watched, not files: an editor that saves by renaming replaces the file, and a
//!    watch on the file would go with it.
//! 2. What was heard waits in a bounded [`Inbox`]. If it is full, or if the system's own queue
//!    overflows, the single facts are dropped and one remains: look at everything again.
//! 3. Nothing is decided here: an event says what was seen, its meaning is the owner's affair.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RemoveKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::settle::Change;

/// The most facts that wait for the owner.
const INBOX_MAX: usize = 65_536;

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Something happened to a file.
    File(PathBuf, Change),
    /// The times or the rights of a file changed.
    Touched(PathBuf),
    /// A folder came, or went, with all that is in it.
    Folder(PathBuf),
    /// Something was missed.
    Missed,
    /// Not every folder can be watched.
    Unwatched(String),
}

/// What was seen and not yet taken.
#[derive(Debug, Default)]
pub struct Inbox {
    seen: Mutex<Vec<Seen>>,
}

impl Inbox {
    /// Puts `seen` in; true if the inbox was empty, so that the owner must be woken.
    fn put(&self, seen: Seen) -> bool {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = all.is_empty();
        // Many writes to a big file are one fact.
        if all.last() == Some(&seen) {
            return false;
        }
        if all.len() >= INBOX_MAX {
            all.clear();
            all.push(Seen::Missed);
            return false;
        }
        all.push(seen);
        was_empty
    }

    /// Puts in that there is no watch, and why.
    pub fn missing(&self, why: String) {
        self.put(Seen::Unwatched(why));
    }

    /// Takes everything out, in the order in which it was seen.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A folder could not be watched.
#[derive(Debug, thiserror::Error)]
#[error("changes below {folder} can't be watched")]
pub struct WatchError {
    /// The folder.
    folder: String,
    /// What the system said.
    source: notify::Error,
}

/// Watches folders for as long as it lives.
///
/// Each folder is put under watch by itself: asked for a whole tree, notify would look at every
/// file in it. What it reports of files that are opened would flood the inbox while a hundred
/// thousand are loaded, so that the watch begins after that.
#[derive(Debug)]
pub struct Watch {
    watcher: RecommendedWatcher,
    top: PathBuf,
    absolute: PathBuf,
    watched: HashSet<PathBuf>,
}

impl Watch {
    /// Watches nothing yet, and later folders that are `top` or below it; what is seen goes to `inbox`, and `wake` is
    /// called when there is something new.
    ///
    /// # Errors
    /// [`WatchError`] if the system can't, for instance because its limit of watchers is reached.
    pub fn new(top: &Path, inbox: Arc<Inbox>, wake: impl Fn() + Send + 'static) -> Result<Watch, WatchError> {
        let error = |source| WatchError { folder: top.display().to_string(), source };
        // notify tells absolute paths; a person wants to read them as the folder was named.
        let absolute = std::path::absolute(top).map_err(|e| error(e.into()))?;
        let (named, prefix) = (top.to_owned(), absolute.clone());
        let watcher = notify::recommended_watcher(move |heard: notify::Result<notify::Event>| {
            let mut woken = false;
            for seen in meaning(heard, &prefix, &named) {
                woken |= inbox.put(seen);
            }
            if woken {
                wake();
            }
        })
        .map_err(error)?;
        Ok(Watch { watcher, top: top.to_owned(), absolute, watched: HashSet::new() })
    }

    /// Watches `folder`, unless it is watched already.
    ///
    /// # Errors
    /// [`WatchError`] if the system can't, for instance because its limit of watches is reached.
    pub fn add(&mut self, folder: &Path) -> Result<(), WatchError> {
        if self.watched.contains(folder) {
            return Ok(());
        }
        let rest = folder.strip_prefix(&self.top).unwrap_or(folder);
        // `join` with nothing would end the path with a slash, and no event would match it.
        let absolute = if rest.as_os_str().is_empty() { self.absolute.clone() } else { self.absolute.join(rest) };
        match self.watcher.watch(&absolute, RecursiveMode::NonRecursive) {
            Ok(()) => _ = self.watched.insert(folder.to_owned()),
            // Gone again: its going is an event of the folder above.
            Err(notify::Error { kind: notify::ErrorKind::PathNotFound, .. }) => {}
            Err(source) => return Err(WatchError { folder: folder.display().to_string(), source }),
        }
        Ok(())
    }

    /// Forgets what is watched at `folder` and below it, so that it is put under watch anew. The folder there may be
    /// another than the one that was.
    pub fn forget(&mut self, folder: &Path) {
        self.watched.retain(|watched| !watched.starts_with(folder));
    }
}

fn meaning(heard: notify::Result<notify::Event>, prefix: &Path, named: &Path) -> Vec<Seen> {
    let event = match heard {
        Ok(event) => event,
        Err(error) => return vec![Seen::Unwatched(error.to_string())],
    };
    if event.need_rescan() {
        return vec![Seen::Missed];
    }
    let paths = event.paths.iter().map(|path| match path.strip_prefix(prefix) {
        Ok(rest) if rest.as_os_str().is_empty() => named.to_owned(),
        Ok(rest) => named.join(rest),
        Err(_) => path.clone(),
    });
    let mut seen = Vec::new();
    for path in paths {
        match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => seen.push(Seen::File(path, Change::Whole)),
            EventKind::Create(CreateKind::Folder) | EventKind::Remove(RemoveKind::Folder) => {
                seen.push(Seen::Folder(path));
            }
            EventKind::Create(_) => seen.push(Seen::File(path, Change::Created)),
            EventKind::Remove(_) => seen.push(Seen::File(path, Change::Gone)),
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
                seen.push(if path.is_dir() { Seen::Folder(path) } else { Seen::File(path, Change::Whole) });
            }
            EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
                // Nobody says whether it was a file: the owner knows what it had there.
                seen.push(Seen::File(path.clone(), Change::Gone));
                seen.push(Seen::Folder(path));
            }
            EventKind::Modify(ModifyKind::Data(_)) => seen.push(Seen::File(path, Change::Written)),
            EventKind::Modify(ModifyKind::Metadata(_)) => seen.push(Seen::Touched(path)),
            _ => {}
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::fs;
    use std::sync::mpsc;
    use std::time::Duration;

    /// Does `act` in a watched folder and returns what was seen until `last` was.
    fn seen_until(act: impl FnOnce(&Path), last: impl Fn(&Path) -> Seen) -> Vec<Seen> {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Arc::new(Inbox::default());
        let (wake, woken) = mpsc::channel();
        let mut watch = Watch::new(folder.path(), inbox.clone(), move || _ = wake.send(())).unwrap();
        watch.add(folder.path()).unwrap();
        act(folder.path());
        let last = last(folder.path());
        let mut seen = Vec::new();
        while !seen.contains(&last) {
            woken.recv_timeout(Duration::from_secs(60)).expect("the change is heard");
            seen.extend(inbox.take());
        }
        seen
    }

    #[test]
    fn a_file_that_is_written_and_closed_is_whole() {
        let seen = seen_until(
            |folder| fs::write(folder.join("a.zone"), "x").unwrap(),
            |folder| Seen::File(folder.join("a.zone"), Change::Whole),
        );
        assert!(matches!(seen[0], Seen::File(_, Change::Created)));
    }

    #[test]
    fn a_file_that_is_renamed_into_place_is_whole() {
        seen_until(
            |folder| {
                fs::write(folder.join("tmp"), "x").unwrap();
                fs::rename(folder.join("tmp"), folder.join("a.zone")).unwrap();
            },
            |folder| Seen::File(folder.join("a.zone"), Change::Whole),
        );
    }

    #[test]
    fn a_file_that_is_removed_is_gone() {
        seen_until(
            |folder| {
                fs::write(folder.join("a.zone"), "x").unwrap();
                fs::remove_file(folder.join("a.zone")).unwrap();
            },
            |folder| Seen::File(folder.join("a.zone"), Change::Gone),
        );
    }

    #[test]
    fn a_new_folder_is_seen() {
        seen_until(|folder| fs::create_dir(folder.join("sub")).unwrap(), |folder| Seen::Folder(folder.join("sub")));
    }

    #[test]
    fn a_full_inbox_says_that_something_was_missed() {
        let inbox = Inbox::default();
        for i in 0..=INBOX_MAX {
            inbox.put(Seen::Folder(i.to_string().into()));
        }
        assert_eq!(inbox.take(), [Seen::Missed]);
    }

    #[test]
    fn an_overflow_of_the_systems_queue_says_that_something_was_missed() {
        let event = notify::Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        assert_eq!(meaning(Ok(event), Path::new("/"), Path::new("z")), [Seen::Missed]);
    }
}
