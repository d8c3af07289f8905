//! The lock of the folder of state: one server at a time.
//!
//! It is an advisory lock (flock(2)) on a file of its own: the kernel gives it up with the process, however that ends,
//! so that a lock is never left behind. The file stays; that it is there says nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process;

use rustix::fs::{FlockOperation, flock};

use super::StoreError;

/// The name of the file.
const FILE: &str = "lock";

/// Nobody else has the folder as long as this lives.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the folder, or says at once who has it.
    pub(super) fn take(folder: &Path) -> Result<Lock, StoreError> {
        let path = folder.join(FILE);
        let failed = |source| StoreError::Lock { path: path.clone(), source };
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = open.map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(error) if error == rustix::io::Errno::WOULDBLOCK => {
                let process = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                return Err(StoreError::InUse { folder: folder.to_owned(), process });
            }
            Err(error) => return Err(failed(io::Error::from(error))),
        }
        // For people: what counts is the lock.
        file.set_len(0).and_then(|()| writeln!(file, "{}", process::id())).map_err(failed)?;
        Ok(Lock(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would not do: a process that is being started may hold a copy of the file for some microseconds.
        _ = flock(&self.0, FlockOperation::Unlock);
    }
}
