//! `[[probe]]` of a plan: something that can be looked at, and what it should be like.
//!
//! Here it is only said. Looking is the rim's, and comes to a [`Verdict`](crate::timeline::Verdict).

mod read;

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use crate::wire::{Name, Rtype};

pub(super) use read::read;

/// The most probes of a plan.
pub const PROBES_MAX: usize = 32;
/// How often a probe is looked at if the plan doesn't say.
pub const EVERY_DEFAULT: Duration = Duration::from_secs(10);
/// How long a look may take if the plan doesn't say.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// Something that can be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Hash)]
pub struct Probe {
    /// Its name, by which gates and watches speak of it.
    pub name: String,
    /// What is looked at, and what it should be like.
    pub look: Look,
    /// How often it is looked at while somebody waits for it.
    pub every: Duration,
    /// How long a look may take.
    pub timeout: Duration,
}

/// What is looked at, and what it should be like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Hash)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Look {
    /// Name servers: each must answer with authority, and for `same` all alike.
    Dns {
        /// Where they are asked.
        servers: Vec<SocketAddr>,
        /// RRsets that all must answer alike, besides the SOA's serial: owners are absolute.
        #[serde(skip)]
        same: Vec<(Name, Rtype)>,
        /// Whether their serials must be the same, or may lag.
        serials: bool,
    },
    /// A port that must accept a connection.
    Tcp {
        /// Where.
        address: SocketAddr,
    },
    /// A web server.
    Http {
        /// The URL: `http://` or `https://`; its host goes into Host and SNI, and the certificate must be valid for it.
        url: String,
        /// Where to connect, whatever DNS says of the host.
        address: Option<SocketAddr>,
        /// The statuses that are fine; none: any from 200 to 399.
        status: Vec<u16>,
        /// What the body must contain.
        body: Option<String>,
        /// A file of certificates that are trusted besides the system's, in PEM.
        ca: Option<String>,
    },
    /// A mail server.
    Smtp {
        /// Where to connect.
        address: SocketAddr,
        /// The name that its certificate must be valid for, over STARTTLS; without it, STARTTLS is not asked for.
        name: Option<String>,
        /// What the banner must contain.
        banner: Option<String>,
        /// A file of certificates that are trusted besides the system's, in PEM.
        ca: Option<String>,
    },
    /// A program: it passes with exit status 0, fails with 1, and any other is unknown.
    Command {
        /// The program and its arguments; no shell.
        argv: Vec<String>,
    },
}
