//! The serial that a server serves.

use std::net::SocketAddr;

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
        let answer = self.exchange(server, Question { name: apex, rtype: RecordType::SOA, recursion: false })?;
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
