//! The name servers of a parent: named, or found through a resolver.

use std::fmt;
use std::net::SocketAddr;

use hickory_proto::rr::RecordType;

use super::answer::{Answer, Section};
use super::exchange::Question;
use super::{AskError, Asker, DNS_PORT};
use crate::wire::{Name, Rcode};

/// How many addresses of a parent's servers are asked. The root and the largest zones have 26.
const SERVERS_MAX: usize = 32;
/// How many names of servers are looked up.
const NAMES_MAX: usize = 16;

/// How the name servers of a parent are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent {
    /// They are these.
    Servers(Vec<SocketAddr>),
    /// This recursive resolver finds them.
    Resolver(SocketAddr),
}

/// A name server of a parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentServer {
    /// Its name, if it was found by it.
    pub name: Option<Name>,
    /// Where it is asked.
    pub address: SocketAddr,
}

impl fmt::Display for ParentServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name} ")?;
        }
        if self.address.port() == DNS_PORT { write!(f, "{}", self.address.ip()) } else { write!(f, "{}", self.address) }
    }
}

impl Asker {
    /// The servers of the parent of a zone, `above` being the zone's name without its first label: at least one.
    pub(super) fn servers(&self, above: &Name, parent: &Parent) -> Result<Vec<ParentServer>, ParentError> {
        let servers: Vec<_> = match parent {
            Parent::Servers(addresses) => {
                let mut kept: Vec<SocketAddr> = Vec::new();
                addresses.iter().for_each(|address| kept.extend((!kept.contains(address)).then_some(address)));
                kept.into_iter().map(|address| ParentServer { name: None, address }).collect()
            }
            Parent::Resolver(resolver) => self.find_servers(*resolver, above)?,
        };
        if servers.is_empty() {
            return Err(ParentError::NoAddress);
        }
        Ok(servers.into_iter().take(SERVERS_MAX).collect())
    }

    /// Goes up from `above` to the first name that has NS records of its own, which is a zone's apex, and finds the
    /// addresses of its servers.
    fn find_servers(&self, resolver: SocketAddr, above: &Name) -> Result<Vec<ParentServer>, ParentError> {
        // At most 128 names, and the root always has NS records.
        let mut name = above.as_ref();
        let names = loop {
            let owner = name.to_owned();
            let answer = self.resolve(resolver, &owner, RecordType::NS)?;
            if let Some((_, names)) = answer.ns(Section::Answer, &owner) {
                break names;
            }
            name = name.parent().ok_or(ParentError::NoServers)?;
        };
        let mut servers = Vec::new();
        for name in names.into_iter().take(NAMES_MAX) {
            for rtype in [RecordType::A, RecordType::AAAA] {
                // One server whose name can't be looked up leaves the others.
                let Ok(answer) = self.resolve(resolver, &name, rtype) else { continue };
                let own = answer.addresses(Section::Answer).into_iter().filter(|(owner, ..)| *owner == name);
                servers.extend(own.map(|(owner, address, _)| ParentServer {
                    name: Some(owner),
                    address: SocketAddr::new(address, self.port),
                }));
            }
        }
        Ok(servers)
    }

    fn resolve(&self, resolver: SocketAddr, name: &Name, rtype: RecordType) -> Result<Answer, AskError> {
        let answer = self.exchange(resolver, Question { name, rtype, recursion: true })?;
        if answer.rcode() == Rcode::REFUSED || !answer.offers_recursion() {
            return Err(AskError::NotRecursive { server: resolver });
        }
        answer.failure(name).map_or(Ok(answer), Err)
    }
}

/// The servers of a parent can't be found.
#[derive(Debug, thiserror::Error)]
pub enum ParentError {
    /// The resolver does not help.
    #[error("the resolver can't tell the parent's name servers")]
    Resolver(#[from] AskError),
    /// Up to the root, no name has NS records.
    #[error("the resolver knows no name servers, not even the root's")]
    NoServers,
    /// There are name servers, and none has an address.
    #[error("no name server of the parent has an address")]
    NoAddress,
}
