//! The serial that a server serves.

use std::net::SocketAddr;
use std::time::Instant;

use hickory_proto::rr::RecordType;

use super::answer::Section;
use super::exchange::Question;
use super::{AskError, Asker};
use crate::timeline::Serial;
use crate::wire::Name;

impl Asker {
    /// The serial with which `server` serves the zone `apex`, which it must have itself.
    ///
    /// # Errors
    /// [`AskError`] says what is wrong with the server, or with the way to it.
    pub fn serial(&self, server: SocketAddr, apex: &Name) -> Result<Serial, AskError> {
        self.find_serial(server, apex, None)
    }

    /// As [`Self::serial`], by `end` at the latest.
    ///
    /// # Errors
    /// [`AskError`] says what is wrong with the server, or with the way to it.
    pub fn serial_before(&self, server: SocketAddr, apex: &Name, end: Instant) -> Result<Serial, AskError> {
        self.find_serial(server, apex, Some(end))
    }

    fn find_serial(&self, server: SocketAddr, apex: &Name, end: Option<Instant>) -> Result<Serial, AskError> {
        let question = Question { name: apex, rtype: RecordType::SOA, recursion: false };
        let answer = self.exchange_before(server, question, end)?;
        if let Some(failure) = answer.failure(apex) {
            return Err(failure);
        }
        if !answer.is_authoritative() {
            return Err(AskError::NotAuthoritative { server, zone: apex.clone() });
        }
        match answer.soa(Section::Answer) {
            Some((owner, serial)) if owner == *apex => Ok(serial),
            _ => Err(AskError::NotServed { server, zone: apex.clone() }),
        }
    }
}
