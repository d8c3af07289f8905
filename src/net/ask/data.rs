//! The data that a server has itself for an owner name and a type.

use std::net::SocketAddr;
use std::time::Instant;

use hickory_proto::rr::{Record, RecordType};

use super::answer::{octets, ours};
use super::exchange::Question;
use super::{AskError, Asker};
use crate::wire::{Name, Rtype};

/// A record's data: its type (CNAME where a CNAME stands instead of what was asked for), and its RDATA in canonical
/// form, so that equal data are equal octets (RFC 4034 § 6.2).
pub type Datum = (Rtype, Vec<u8>);

impl Asker {
    /// The data of the RRset `owner` `rtype` as `server` serves it out of the zone `apex`, in order and without TTLs; none
    /// if there is no such RRset. All tries end by `end`.
    ///
    /// # Errors
    /// [`AskError`] says what is wrong with the server, or with the way to it.
    pub fn data_before(
        &self,
        server: SocketAddr,
        apex: &Name,
        (owner, rtype): (&Name, Rtype),
        end: Instant,
    ) -> Result<Vec<Datum>, AskError> {
        let question = Question { name: owner, rtype: RecordType::from(rtype.0), recursion: false };
        let answer = self.exchange_before(server, question, Some(end))?;
        if let Some(failure) = answer.failure(apex) {
            return Err(failure);
        }
        if !answer.is_authoritative() {
            return Err(AskError::NotAuthoritative { server, zone: apex.clone() });
        }
        let of_owner = |record: &&Record| ours(&record.name).is_some_and(|name| name == *owner);
        let mut data: Vec<Datum> = answer.message.answers.iter().filter(of_owner).filter_map(datum).collect();
        data.retain(|(kind, _)| *kind == rtype || *kind == Rtype::CNAME);
        data.sort();
        data.dedup();
        Ok(data)
    }
}

fn datum(record: &Record) -> Option<Datum> {
    let rtype = Rtype(record.record_type().into());
    Some((rtype, octets(&record.data)?))
}
