//! The network: sockets, datagrams in batches, connections.
//!
//! ```text
//! bind ─► Server::start ─┬─ udp: a thread a worker, recvmmsg ─► Respond ─► sendmmsg
//!                        └─ tcp: a thread a worker, tokio, with TLS or without
//! ```
//!
//! [`bind`](fn@bind) takes the addresses before anything slow is done; [`Server`] answers on them with what a [`Service`]
//! gives each thread. That is
//! an [`Authority`], which answers from the catalog that is published to it; the rest knows nothing of zones.
//!
//! The [`Meter`] counts what was answered, off the way of packets.
//!
//! [`ask`] is the other direction: what we ask of other servers; [`fetch`](mod@fetch) has zones transferred from them. [`probe`] looks at what a cutover depends on.

pub mod ask;
mod authority;
mod back;
pub mod bind;
pub mod fetch;
mod guard;
mod judge;
pub mod meter;
pub mod notices;
mod option;
pub mod probe;
pub mod published;
mod said;
mod server;
mod service;
mod tcp;
mod udp;

/// What DNS over TLS calls itself (IANA's registry of ALPN protocol identifiers).
const DOT: &[u8] = b"dot";

pub use authority::{Authority, Counter, Memory};
pub use back::Back;
pub use bind::{BindError, BoundSockets, bind};
pub use guard::Occasionally;
pub use meter::Meter;
pub use notices::Notices;
pub use published::Published;
pub use server::{Config, Server};
pub use service::{Arrival, Petition, Recalled, Respond, Service, Transport};
pub use tcp::{Credentials, CredentialsError, Limits, Tls};
