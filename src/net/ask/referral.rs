//! What one server of a parent says of a delegation.
//!
//! Three questions: the SOA of the name above (which zone is the parent, and is the server authoritative for it), NS
//! (the referral: NS in the authority section, glue in the additional one), and DS, which the parent answers itself.
//!
//! A server that has the child as well answers NS from there, with AA, in the answer section: what the parent says
//! can't be heard from it (RFC 1034 § 4.3.2 takes the nearest zone).

use std::net::{IpAddr, SocketAddr};

use hickory_proto::rr::RecordType;

use super::answer::Section;
use super::exchange::Question;
use super::parent::ParentServer;
use super::{AskError, Asker};
use crate::wire::{Name, Rcode};
use crate::zone::Ttl;

/// A set of name servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NsSet {
    /// Its TTL.
    pub ttl: Ttl,
    /// The names, in order, each once.
    pub names: Vec<Name>,
}

/// A set of DS records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DsSet {
    /// Its TTL.
    pub ttl: Ttl,
    /// Their RDATA, in order, each once.
    pub rdatas: Vec<Vec<u8>>,
}

/// What a server of the parent says of the delegation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referral {
    /// The name servers of the child.
    pub ns: NsSet,
    /// The addresses of them that came along, in order.
    pub glue: Vec<(Name, IpAddr, Ttl)>,
    /// The DS records; `None` if there are none, whether that is proven or not.
    pub ds: Option<DsSet>,
}

/// What one server said.
#[derive(Debug)]
pub enum Said {
    /// The delegation, as the parent has it.
    Referral(Referral),
    /// The child's own NS records: it has the child as well.
    Child(NsSet),
    /// That there is no such delegation.
    Nothing,
}

/// A server of the parent, and what it said.
#[derive(Debug)]
pub struct Statement {
    /// Who was asked.
    pub server: ParentServer,
    /// The apex of the parent, as this server has it, and what it said; or why it is of no use.
    pub said: Result<(Name, Said), AskError>,
}

impl Statement {
    /// The delegation, if that was what the server said.
    pub fn referral(&self) -> Option<&Referral> {
        match &self.said {
            Ok((_, Said::Referral(referral))) => Some(referral),
            _ => None,
        }
    }
}

impl Asker {
    /// What `server` says of the delegation of `apex`, whose name without its first label is `above`.
    pub(super) fn statement(&self, server: SocketAddr, apex: &Name, above: &Name) -> Result<(Name, Said), AskError> {
        let parent = self.zone_of(server, above)?;
        let question = |rtype| Question { name: apex, rtype, recursion: false };
        let answer = self.exchange(server, question(RecordType::NS))?;
        if let Some(failure) = answer.failure(&parent) {
            return Err(failure);
        }
        let lame = || AskError::NotAuthoritative { server, zone: parent.clone() };
        if let Some((ttl, names)) = answer.ns(Section::Answer, apex) {
            // Without AA it comes from a cache, and its TTL has been counted down.
            let child = Said::Child(NsSet { ttl, names });
            return if answer.is_authoritative() { Ok((parent, child)) } else { Err(lame()) };
        }
        let Some((ttl, names)) = answer.ns(Section::Authority, apex) else {
            return if answer.is_authoritative() { Ok((parent, Said::Nothing)) } else { Err(lame()) };
        };
        let mut glue = answer.addresses(Section::Additional);
        // Of what isn't below it the parent can't speak.
        glue.retain(|(owner, ..)| names.contains(owner) && owner.as_ref().is_at_or_below(parent.as_ref()));
        glue.sort();
        let answer = self.exchange(server, question(RecordType::DS))?;
        if let Some(failure) = answer.failure(&parent) {
            return Err(failure);
        }
        let ds = answer.ds(apex).map(|(ttl, rdatas)| DsSet { ttl, rdatas });
        // A server from before DNSSEC answers DS with the referral again: it has none.
        let knows = answer.is_authoritative() || (ds.is_none() && answer.ns(Section::Authority, apex).is_some());
        if !knows || answer.rcode() == Rcode::NXDOMAIN {
            return Err(lame());
        }
        Ok((parent, Said::Referral(Referral { ns: NsSet { ttl, names }, glue, ds })))
    }

    /// The apex of the zone in which `server` has the name `name`, with authority.
    fn zone_of(&self, server: SocketAddr, name: &Name) -> Result<Name, AskError> {
        let answer = self.exchange(server, Question { name, rtype: RecordType::SOA, recursion: false })?;
        if let Some(failure) = answer.failure(name) {
            return Err(failure);
        }
        let soa = answer.soa(Section::Answer).or_else(|| answer.soa(Section::Authority));
        match soa {
            Some((apex, _)) if answer.is_authoritative() && name.as_ref().is_at_or_below(apex.as_ref()) => Ok(apex),
            _ => Err(AskError::NotAuthoritative { server, zone: name.clone() }),
        }
    }
}
