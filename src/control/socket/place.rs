//! The socket's place in the file system: taken by one server at a time, and found again by nobody who may not.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process;

use socket2::{Domain, SockAddr, Socket, Type};

/// Who may open the socket: the server's own user (and root, who may anything).
const MODE: u32 = 0o600;

/// How many clients may wait to be accepted.
const BACKLOG: i32 = 64;

/// The control socket can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// A server that runs has it.
    #[error("another server runs with the same folder of state: it listens at {path}")]
    Live {
        /// The socket.
        path: String,
    },
    /// Something else lies there.
    #[error("{path} is no socket")]
    Occupied {
        /// The file.
        path: String,
    },
    /// The path is longer than the system takes.
    #[error("the path of the control socket {path} is too long")]
    PathLong {
        /// The socket.
        path: String,
    },
    /// The system refused.
    #[error("the control socket {path} can't be made")]
    Make {
        /// The socket.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// There is no thread for it.
    #[error("the control socket can't be served")]
    Serve(#[source] io::Error),
}

impl ListenError {
    /// A way out.
    pub fn help(&self) -> Option<String> {
        match self {
            ListenError::Live { .. } => {
                Some("end that server, or give this one a folder of its own with --state DIR".to_owned())
            }
            ListenError::Occupied { path } => Some(format!("the control socket belongs there: move {path} away")),
            ListenError::PathLong { .. } => Some("name a folder with a shorter path with --state DIR".to_owned()),
            ListenError::Make { .. } => Some("name a folder that may be written with --state DIR".to_owned()),
            ListenError::Serve(_) => None,
        }
    }
}

/// A path at which our own socket lies. It is cleared when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    /// Device and inode of our socket: what else may lie there later is not ours to take away.
    identity: (u64, u64),
}

impl Place {
    /// Listens at `path`, in the place of a server that is no more.
    ///
    /// The socket is made beside it and renamed: whoever finds one at `path` finds it listening and with its mode. So
    /// one that refuses belongs to nobody. Two servers that start in the very same moment may both find it so; the last
    /// one has the place then.
    pub(super) fn take(path: &Path) -> Result<(UnixListener, Place), ListenError> {
        let shown = || path.display().to_string();
        let error = |source| ListenError::Make { path: shown(), source };
        // Not longer than the name that it will have: then that one is not too long either.
        let beside = path.with_file_name(format!(".new-{}", process::id() % 10_000_000));
        let address = |path: &Path| SockAddr::unix(path).map_err(|_| ListenError::PathLong { path: shown() });
        let (at_path, at_beside) = (address(path)?, address(&beside)?);
        let free = |path: &Path| match fs::remove_file(path) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(error(source)),
            _ => Ok(()),
        };
        free(&beside)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(error)?;
        socket.bind(&at_beside).map_err(error)?;
        let taken = (|| {
            fs::set_permissions(&beside, Permissions::from_mode(MODE)).map_err(error)?;
            socket.listen(BACKLOG).map_err(error)?;
            look(path, &at_path)?;
            let metadata = fs::symlink_metadata(&beside).map_err(error)?;
            fs::rename(&beside, path).map_err(error)?;
            Ok(Place { path: path.to_owned(), identity: (metadata.dev(), metadata.ino()) })
        })();
        if taken.is_err() {
            _ = fs::remove_file(&beside);
        }
        taken.map(|place| (UnixListener::from(socket), place))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let is_ours = |metadata: fs::Metadata| (metadata.dev(), metadata.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            // At worst it stays, and the next server replaces it.
            _ = fs::remove_file(&self.path);
        }
    }
}

/// Looks whether a socket that nobody needs lies at `path`, or nothing at all.
fn look(path: &Path, address: &SockAddr) -> Result<(), ListenError> {
    let shown = || path.display().to_string();
    let error = |source| ListenError::Make { path: shown(), source };
    match fs::symlink_metadata(path) {
        Err(source) if source.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(error(source)),
        Ok(metadata) if !metadata.file_type().is_socket() => return Err(ListenError::Occupied { path: shown() }),
        Ok(_) => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(error)?;
    // A server that hangs may have no room for one more client: that is no reason to wait for it.
    socket.set_nonblocking(true).map_err(error)?;
    match socket.connect(address) {
        Ok(()) => Err(ListenError::Live { path: shown() }),
        Err(source) => match source.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::NotFound => Ok(()),
            ErrorKind::WouldBlock => Err(ListenError::Live { path: shown() }),
            _ => Err(error(source)),
        },
    }
}
