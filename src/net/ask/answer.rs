//! What a server said, in our own types.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::Message;
use hickory_proto::rr::{DNSClass, Name as TheirName, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, BinEncodable, BinEncoder};

use super::AskError;
use crate::timeline::Serial;
use crate::wire::{Name, NameRef, Rcode, name};
use crate::zone::Ttl;

/// What a server said to a question.
pub(super) struct Answer {
    pub(super) server: SocketAddr,
    pub(super) message: Message,
}

/// A part of a message (RFC 1035 § 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Answer,
    Authority,
    Additional,
}

impl Answer {
    /// Whether the server has the data itself (AA).
    pub(super) fn is_authoritative(&self) -> bool {
        self.message.metadata.authoritative
    }

    /// Whether the server would resolve names for us (RA).
    pub(super) fn offers_recursion(&self) -> bool {
        self.message.metadata.recursion_available
    }

    pub(super) fn rcode(&self) -> Rcode {
        Rcode(self.message.metadata.response_code.into())
    }

    /// That it is neither NOERROR nor NXDOMAIN, as a fault of the server.
    pub(super) fn failure(&self, zone: &Name) -> Option<AskError> {
        let (server, zone) = (self.server, zone.clone());
        match self.rcode() {
            Rcode::NOERROR | Rcode::NXDOMAIN => None,
            Rcode::REFUSED => Some(AskError::Refused { server, zone }),
            Rcode::SERVFAIL => Some(AskError::ServerFailed { server, zone }),
            rcode => Some(AskError::Code { server, zone, rcode }),
        }
    }

    fn records(&self, section: Section, rtype: RecordType) -> impl Iterator<Item = &Record> {
        let records = match section {
            Section::Answer => &self.message.answers,
            Section::Authority => &self.message.authorities,
            Section::Additional => &self.message.additionals,
        };
        records.iter().filter(move |record| record.dns_class == DNSClass::IN && record.record_type() == rtype)
    }

    /// The first SOA record of a section: its owner and serial.
    pub(super) fn soa(&self, section: Section) -> Option<(Name, Serial)> {
        self.records(section, RecordType::SOA).find_map(|record| match &record.data {
            RData::SOA(soa) => Some((ours(&record.name)?, Serial(soa.serial))),
            _ => None,
        })
    }

    /// The NS RRset of `owner`: its highest TTL and its names, in order. Records of one RRset should have one TTL
    /// (RFC 2181 § 5.2); who waits for a cache waits for the longest.
    pub(super) fn ns(&self, section: Section, owner: &Name) -> Option<(Ttl, Vec<Name>)> {
        let target = |data: &RData| match data {
            RData::NS(ns) => ours(&ns.0),
            _ => None,
        };
        self.rrset(section, RecordType::NS, owner, target)
    }

    /// The DS RRset of `owner`: its highest TTL and its RDATA, in order.
    pub(super) fn ds(&self, owner: &Name) -> Option<(Ttl, Vec<Vec<u8>>)> {
        self.rrset(Section::Answer, RecordType::DS, owner, octets)
    }

    /// The addresses of a section, with their owners.
    pub(super) fn addresses(&self, section: Section) -> Vec<(Name, IpAddr, Ttl)> {
        let both = self.records(section, RecordType::A).chain(self.records(section, RecordType::AAAA));
        both.filter_map(|record| {
            let address = match &record.data {
                RData::A(a) => IpAddr::V4(a.0),
                RData::AAAA(aaaa) => IpAddr::V6(aaaa.0),
                _ => return None,
            };
            Some((ours(&record.name)?, address, ttl(record.ttl)))
        })
        .collect()
    }

    fn rrset<T: Ord>(
        &self,
        section: Section,
        rtype: RecordType,
        owner: &Name,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Option<(Ttl, Vec<T>)> {
        let of_owner = |record: &&Record| ours(&record.name).is_some_and(|name| name == *owner);
        let records: Vec<&Record> = self.records(section, rtype).filter(of_owner).collect();
        let ttl = records.iter().map(|record| ttl(record.ttl)).max()?;
        let mut data: Vec<T> = records.iter().filter_map(|record| read(&record.data)).collect();
        data.sort();
        data.dedup();
        Some((ttl, data))
    }
}

/// The RDATA in its canonical form (RFC 4034 § 6.2). Which types hickory reads into fields depends on how it was built;
/// their octets do not.
pub(super) fn octets(data: &RData) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut encoder = BinEncoder::new(&mut octets);
    encoder.set_canonical_form(true);
    data.emit(&mut encoder).ok()?;
    Some(octets)
}

/// A TTL as it is meant: one above the highest means 0 (RFC 2181 § 8).
fn ttl(sent: u32) -> Ttl {
    Some(Ttl(sent)).filter(|&ttl| ttl <= Ttl::MAX).unwrap_or(Ttl(0))
}

/// Our name as hickory's. Both are at most 255 octets of labels of at most 63, so there always is one.
pub(super) fn theirs(name: &Name) -> TheirName {
    TheirName::read(&mut BinDecoder::new(name.wire())).unwrap_or_default()
}

/// Hickory's name as ours.
pub(super) fn ours(name: &TheirName) -> Option<Name> {
    let mut labels = Vec::with_capacity(name.len());
    for label in name.iter() {
        labels.push(u8::try_from(label.len()).ok()?);
        labels.extend_from_slice(label);
    }
    name::join(&labels, NameRef::root()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_go_over_and_come_back() {
        for text in [".", "example.com.", r"a\.b\000\255.Example.", &"a.".repeat(127), &format!("{}.", "x".repeat(63))]
        {
            let name = Name::from_text(text).unwrap();
            assert_eq!(ours(&theirs(&name)).unwrap().wire(), name.wire());
        }
    }

    #[test]
    fn the_octets_of_a_type_that_hickory_does_not_know_are_as_they_came() {
        let rdata = hickory_proto::rr::rdata::NULL::with(vec![0, 1, 255]);
        let data = RData::Unknown { code: RecordType::Unknown(65_280), rdata };
        assert_eq!(octets(&data), Some(vec![0, 1, 255]));
    }

    #[test]
    fn rfc2181_8_a_ttl_with_the_highest_bit_set_is_zero() {
        assert_eq!(ttl(0x7fff_ffff), Ttl::MAX);
        assert_eq!(ttl(0x8000_0000), Ttl(0));
    }
}
