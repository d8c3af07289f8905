//! Reads whole files, bounded, and no others than files.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not there.
    #[error("there is no such file")]
    NotFound,
    /// It is a folder, a pipe or a device.
    #[error("it is not a file")]
    NotAFile,
    /// It has more octets than may be.
    #[error("it has {size} octets, more than the {max} that `zone-file-size` allows")]
    TooLarge {
        /// How many it has.
        size: u64,
        /// How many it may have.
        max: u64,
    },
    /// It lies outside the folder of zones.
    #[error("it lies outside the folder of zones")]
    Outside,
    /// The system can't read it.
    #[error("{0}")]
    System(#[source] io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => ReadError::NotFound,
            _ => ReadError::System(error),
        }
    }
}

/// Reads the file `path` of at most `size_max` octets into `buffer`, which is emptied before.
///
/// # Errors
/// [`ReadError`].
pub fn whole(path: &Path, size_max: u64, buffer: &mut Vec<u8>) -> Result<Metadata, ReadError> {
    // Not to wait for a writer if it is a pipe.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    read(file, size_max, buffer)
}

/// Reads the file `path`, which must lie in the folder `top`, itself without links, or below it.
///
/// # Errors
/// [`ReadError`].
pub fn confined(path: &Path, top: &Path, size_max: u64, buffer: &mut Vec<u8>) -> Result<Metadata, ReadError> {
    let real = fs::canonicalize(path)?;
    if !real.starts_with(top) {
        return Err(ReadError::Outside);
    }
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW).open(&real)?;
    // A folder on the way may have been replaced by a link since: what counts is what was opened.
    let opened = fs::read_link(PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())));
    if opened.is_ok_and(|opened| !opened.starts_with(top)) {
        return Err(ReadError::Outside);
    }
    read(file, size_max, buffer)
}

fn read(mut file: File, size_max: u64, buffer: &mut Vec<u8>) -> Result<Metadata, ReadError> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(ReadError::NotAFile);
    }
    let too_large = |size| ReadError::TooLarge { size, max: size_max };
    let size = usize::try_from(metadata.len()).map_err(|_| too_large(metadata.len()))?;
    if metadata.len() > size_max {
        return Err(too_large(metadata.len()));
    }
    // What is read in one piece and has the size that was told is whole: no call to learn that it ends.
    buffer.clear();
    buffer.resize(size, 0);
    let mut filled = 0;
    while filled < size {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    buffer.truncate(filled);
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut buffer = b"old".to_vec();
        for content in [vec![], vec![7; 100_000]] {
            fs::write(&path, &content).unwrap();
            whole(&path, 100_000, &mut buffer).unwrap();
            assert_eq!(buffer, content);
        }
        assert!(matches!(whole(&path, 99_999, &mut buffer), Err(ReadError::TooLarge { size: 100_000, .. })));
    }

    #[test]
    fn what_is_not_a_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut buffer = Vec::new();
        assert!(matches!(whole(folder.path(), 10, &mut buffer), Err(ReadError::NotAFile)));
        assert!(matches!(whole(Path::new("/dev/zero"), 10, &mut buffer), Err(ReadError::NotAFile)));
        assert!(matches!(whole(&folder.path().join("none"), 10, &mut buffer), Err(ReadError::NotFound)));
    }

    #[test]
    fn what_lies_outside_is_not_read_by_any_way() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        fs::create_dir(top.join("sub")).unwrap();
        fs::write(top.join("sub/common"), "c").unwrap();
        symlink(outside.path().join("secret"), top.join("link")).unwrap();
        symlink(outside.path(), top.join("folder")).unwrap();
        symlink(top.join("sub/common"), top.join("inside")).unwrap();
        let mut buffer = Vec::new();
        let mut read = |path: PathBuf| confined(&path, &top, 10, &mut buffer).map(|_| ());
        for path in ["link", "folder/secret", "../../../../../../etc/passwd", "sub/../../../../../../etc/passwd"] {
            assert!(matches!(read(top.join(path)), Err(ReadError::Outside | ReadError::NotFound)), "{path}");
        }
        assert!(matches!(read("/etc/passwd".into()), Err(ReadError::Outside)));
        read(top.join("inside")).unwrap();
        read(top.join("sub/../sub/common")).unwrap();
    }
}
