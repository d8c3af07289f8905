//! The client's end of the control socket: one request, one reply, on a connection of its own.
//!
//! So nobody holds one of the server's few places while a person thinks.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::protocol::{self, REPLY_LEN_MAX, REQUEST_LEN_MAX, ReadError, Reply, Request};

/// How long the server may take: longer than it takes to say itself that a reply did not come.
const REPLY_TIMEOUT: Duration = Duration::from_secs(75);
/// In which time the server must have taken the connection, and the request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The server could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is none.
    #[error("no server runs with the folder of state {state}: nobody listens at {path}")]
    NoServer {
        /// The folder.
        state: String,
        /// The socket.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// It may not be asked by this user.
    #[error("the control socket {path} may not be opened")]
    Denied {
        /// The socket.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// It could not be reached otherwise.
    #[error("the server at {path} can't be reached")]
    Connect {
        /// The socket.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The request is longer than the server would take.
    #[error("the request is longer than {REQUEST_LEN_MAX} octets")]
    Long,
    /// The request could not be sent.
    #[error("the server can't be asked")]
    Send(#[source] io::Error),
    /// No reply came.
    #[error("the server's reply can't be read")]
    Receive(#[source] io::Error),
    /// No reply came in time.
    #[error("the server did not reply within {} s", REPLY_TIMEOUT.as_secs())]
    Late,
    /// The server went away before it replied.
    #[error("the server closed the connection without a reply")]
    Ended,
    /// The reply is longer than any may be.
    #[error("the server's reply is longer than {REPLY_LEN_MAX} octets")]
    ReplyLong,
    /// The reply can't be understood.
    #[error("the server's reply can't be understood")]
    Understand(#[source] ReadError),
}

impl AskError {
    /// A way out.
    pub fn help(&self) -> Option<String> {
        match self {
            AskError::NoServer { state, .. } => Some(format!(
                "start one with `watari serve --state {state}`, or name the folder of the one that runs with --state DIR"
            )),
            AskError::Denied { .. } => Some(
                "ask as the user that the server runs as, or as root; or name another folder with --state DIR"
                    .to_owned(),
            ),
            AskError::Connect { .. } => {
                Some("name the folder of state of the server that runs with --state DIR".to_owned())
            }
            AskError::Understand(_) => Some("ask with the program that the server runs".to_owned()),
            // It may have been done all the same.
            AskError::Receive(_) | AskError::Late | AskError::Ended | AskError::ReplyLong => {
                Some("the server's log may say why; `watari status` shows what was done".to_owned())
            }
            AskError::Send(_) | AskError::Long => None,
        }
    }
}

/// Asks the server whose folder of state is `state`, and waits for its reply.
///
/// # Errors
/// [`AskError`] if there is none, or no reply that can be understood. What the server refuses is a reply.
pub fn ask(state: &Path, request: &Request) -> Result<Reply, AskError> {
    let line = protocol::write_request(request).map_err(|error| AskError::Send(error.into()))?;
    if line.len() > REQUEST_LEN_MAX {
        return Err(AskError::Long);
    }
    let mut stream = connect(state)?;
    // A server that wants no request may have replied and closed before it was written: that reply is what counts.
    let sent = stream.write_all(&line);
    match (receive(stream), sent) {
        (Err(_), Err(error)) => Err(AskError::Send(error)),
        (received, _) => received,
    }
}

fn connect(state: &Path) -> Result<UnixStream, AskError> {
    let socket_path = super::path(state);
    let path = socket_path.display().to_string();
    let connected = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // It bounds connecting too: a server that hangs may have no room for one more client.
        socket.set_write_timeout(Some(REQUEST_TIMEOUT))?;
        socket.set_read_timeout(Some(REPLY_TIMEOUT))?;
        socket.connect(&SockAddr::unix(&socket_path)?)?;
        Ok(UnixStream::from(socket))
    };
    connected().map_err(|source: io::Error| match source.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            AskError::NoServer { state: state.display().to_string(), path, source }
        }
        ErrorKind::PermissionDenied => AskError::Denied { path, source },
        _ => AskError::Connect { path, source },
    })
}

fn receive(stream: UnixStream) -> Result<Reply, AskError> {
    let mut line = Vec::new();
    let mut input = BufReader::new(stream).take(REPLY_LEN_MAX as u64 + 1);
    match input.read_until(b'\n', &mut line) {
        Ok(0) => Err(AskError::Ended),
        Ok(len) if len > REPLY_LEN_MAX => Err(AskError::ReplyLong),
        Ok(_) => protocol::read_reply(&line).map_err(AskError::Understand),
        Err(error) => Err(match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => AskError::Late,
            ErrorKind::ConnectionReset => AskError::Ended,
            _ => AskError::Receive(error),
        }),
    }
}
