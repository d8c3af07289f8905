//! Sleeping on several sockets at once.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// The sockets of one worker, and which of them had something to read.
pub(super) struct Poll<'a> {
    sockets: Vec<BorrowedFd<'a>>,
    entries: Vec<libc::pollfd>,
}

impl<'a> Poll<'a> {
    pub(super) fn new(sockets: Vec<BorrowedFd<'a>>) -> Self {
        let entry = |s: &BorrowedFd<'_>| libc::pollfd { fd: s.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let entries = sockets.iter().map(entry).collect();
        Poll { sockets, entries }
    }

    /// Sleeps until something can be read, at most as long as `timeout`; returns on how many sockets that is.
    pub(super) fn wait(&mut self, timeout: Duration) -> io::Result<usize> {
        let timeout = libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: the pointer and the length are those of `entries`, which nothing else refers to during the call.
        let status = unsafe { libc::poll(self.entries.as_mut_ptr(), self.entries.len() as libc::nfds_t, timeout) };
        usize::try_from(status).map_err(|_| io::Error::last_os_error())
    }

    /// The sockets that the last [`Poll::wait`] found something on.
    pub(super) fn readable(&self) -> impl Iterator<Item = BorrowedFd<'a>> {
        self.sockets.iter().zip(&self.entries).filter(|(_, entry)| entry.revents != 0).map(|(&socket, _)| socket)
    }
}
