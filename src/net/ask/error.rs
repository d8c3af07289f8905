//! What can be wrong with the answer of a server, and what to do about it.

use std::io;
use std::net::SocketAddr;

use hickory_proto::serialize::binary::DecodeError;

use crate::wire::{Name, Rcode};

/// A server did not say what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// This machine can't send anything there.
    #[error("there is no way from here to {server}")]
    NoRoute {
        /// Who was asked.
        server: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// No answer came in time.
    #[error("{server} does not answer{}", ignored_note(*.ignored))]
    Silent {
        /// Who was asked.
        server: SocketAddr,
        /// How many datagrams came that were not an answer to the question.
        ignored: usize,
    },
    /// The other machine says that nobody listens.
    #[error("nothing listens at {server}")]
    Closed {
        /// Who was asked.
        server: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// An answer came that isn't a message.
    #[error("{server} answers with what is no DNS message")]
    Malformed {
        /// Who was asked.
        server: SocketAddr,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The answer is too long for UDP, and the rest could not be had.
    #[error("{server} truncates its answer, and can't be asked over TCP")]
    NoTcp {
        /// Who was asked.
        server: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// It answers REFUSED.
    #[error("{server} refuses to answer for {zone}")]
    Refused {
        /// Who was asked.
        server: SocketAddr,
        /// About which zone.
        zone: Name,
    },
    /// It answers SERVFAIL.
    #[error("{server} fails to answer for {zone} (SERVFAIL)")]
    ServerFailed {
        /// Who was asked.
        server: SocketAddr,
        /// About which zone.
        zone: Name,
    },
    /// It answers with another code that is no success.
    #[error("{server} answers {rcode} for {zone}")]
    Code {
        /// Who was asked.
        server: SocketAddr,
        /// About which zone.
        zone: Name,
        /// With which code.
        rcode: Rcode,
    },
    /// It answers without authority (AA is not set): it is lame.
    #[error("{server} is not authoritative for {zone}")]
    NotAuthoritative {
        /// Who was asked.
        server: SocketAddr,
        /// About which zone.
        zone: Name,
    },
    /// It answers with authority, out of a zone above.
    #[error("{server} serves a zone above {zone}, but not {zone}")]
    NotServed {
        /// Who was asked.
        server: SocketAddr,
        /// About which zone.
        zone: Name,
    },
    /// It was asked as a resolver and is none, or none for us.
    #[error("{server} does not resolve names for us")]
    NotRecursive {
        /// Who was asked.
        server: SocketAddr,
    },
}

fn ignored_note(ignored: usize) -> String {
    match ignored {
        0 => String::new(),
        1 => " (one datagram came that is no answer to the question)".to_owned(),
        many => format!(" ({many} datagrams came that are no answers to the question)"),
    }
}

impl AskError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            AskError::NoRoute { server, .. } if server.is_ipv6() => {
                "this machine has no IPv6, or no way out over it: name an IPv4 address of the server".to_owned()
            }
            AskError::NoRoute { .. } => {
                "`ip route get` with the address shows what this machine knows of it".to_owned()
            }
            AskError::Silent { server, .. } => format!(
                "is the address right, does the server run, and does a firewall let UDP port {} through? \
                 `dig @{} -p {}` asks it too",
                server.port(),
                server.ip(),
                server.port()
            ),
            AskError::Closed { server, .. } => {
                format!("start the server, let it listen there, or name the right port: {} was asked", server.port())
            }
            AskError::Malformed { .. } => "is it a name server that listens there?".to_owned(),
            AskError::NoTcp { server, .. } => {
                format!("a name server must answer over TCP too (RFC 7766): let TCP port {} through", server.port())
            }
            AskError::Refused { zone, .. } => {
                format!("let the server load {zone}, and let its access list allow this machine to ask")
            }
            AskError::ServerFailed { zone, .. } => format!(
                "look into the server's log: a secondary whose copy of {zone} has expired, or that never had one, \
                 answers so"
            ),
            AskError::Code { .. } => "look into the server's log and configuration".to_owned(),
            AskError::NotAuthoritative { zone, .. } => {
                format!("name a server that has the zone {zone} itself; a resolver, or a server of others, does not")
            }
            AskError::NotServed { zone, .. } => format!("let the server load the zone {zone}, or name another server"),
            AskError::NotRecursive { .. } => "name a recursive resolver that answers this machine".to_owned(),
        }
    }

    /// Who was asked.
    pub fn server(&self) -> SocketAddr {
        match self {
            AskError::NoRoute { server, .. }
            | AskError::Silent { server, .. }
            | AskError::Closed { server, .. }
            | AskError::Malformed { server, .. }
            | AskError::NoTcp { server, .. }
            | AskError::Refused { server, .. }
            | AskError::ServerFailed { server, .. }
            | AskError::Code { server, .. }
            | AskError::NotAuthoritative { server, .. }
            | AskError::NotServed { server, .. }
            | AskError::NotRecursive { server } => *server,
        }
    }
}
