//! Telling a secondary that a zone has changed (NOTIFY, RFC 1996), once, and hearing what it says.
//!
//! The message has the zone's SOA record as a hint (§ 3.7): who has that serial need not ask. It is signed if there is a
//! key; then only an answer that is signed as well is believed (RFC 8945 § 5.3).
//!
//! Unlike all else that is asked of others, this waits on a runtime: many are under way at one time.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use crate::clock::Ratchet;
use crate::wire::tsig::{Follower, Key, Signer};
use crate::wire::{Class, HEADER_LEN, Name, NameRef, Opcode, Rcode, Rtype};
use crate::zone::Ttl;

/// The longest answer that is read: it has no more than the question and a TSIG record.
const ANSWER_LEN_MAX: usize = 4096;

/// What is told, and to whom.
#[derive(Clone, Debug)]
pub struct Notify {
    /// Who is told.
    pub server: SocketAddr,
    /// The address to send from; `None` leaves it to the system.
    pub source: Option<IpAddr>,
    /// The zone that has changed.
    pub apex: Name,
    /// Its SOA record as it is now: TTL and RDATA.
    pub soa: Option<(Ttl, Vec<u8>)>,
    /// What to sign with.
    pub key: Option<Arc<Key>>,
}

/// Why there is no answer that can be believed.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// It can't be sent.
    #[error("it can't be sent")]
    Unsent(#[source] io::Error),
    /// Nobody listens there.
    #[error("nobody listens there")]
    Closed,
    /// Nothing came.
    #[error("no answer came")]
    Silent,
    /// Something came that nobody needs to believe.
    #[error("the answer can't be believed: {0}")]
    Unsure(String),
}

impl Notify {
    /// Sends it, and waits for the answer as long as `patience` says; gives its RCODE.
    ///
    /// # Errors
    /// [`NotifyError`].
    pub async fn send(&self, clock: &Ratchet, patience: Duration) -> Result<Rcode, NotifyError> {
        let end = Instant::now() + patience;
        let unsent = |source: io::Error| match source.kind() {
            ErrorKind::ConnectionRefused => NotifyError::Closed,
            _ => NotifyError::Unsent(source),
        };
        let mut id = [0; 2];
        getrandom::fill(&mut id).map_err(|error| NotifyError::Unsent(io::Error::other(error)))?;
        let mut message = self.message(id);
        let follower = self.sign(clock, &mut message)?;
        // A socket, and so a port, of its own (RFC 5452 § 9.2).
        let source = self.source.unwrap_or(match self.server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        });
        let socket = UdpSocket::bind((source, 0)).await.map_err(unsent)?;
        socket.connect(self.server).await.map_err(unsent)?;
        socket.send(&message).await.map_err(unsent)?;
        let mut answer = [0; ANSWER_LEN_MAX];
        let mut doubt = None;
        loop {
            let length = match timeout_at(end, socket.recv(&mut answer)).await {
                Ok(Ok(length)) => length,
                Ok(Err(error)) => return Err(unsent(error)),
                Err(_) => return Err(doubt.map_or(NotifyError::Silent, NotifyError::Unsure)),
            };
            let octets = answer.get(..length).unwrap_or_default();
            let Some(rcode) = self.answered(id, octets) else { continue };
            let Some(follower) = &follower else { return Ok(rcode) };
            match follower.clone().message(octets, clock.now()) {
                Ok(_) => return Ok(rcode),
                // Anybody may have sent this: the right one may still come.
                Err(fault) => doubt = Some(format!("{rcode}, and {fault}")),
            }
        }
    }

    fn message(&self, id: [u8; 2]) -> Vec<u8> {
        const AUTHORITATIVE: u8 = 0x04;
        let mut message = Vec::with_capacity(512);
        let answers = u8::from(self.soa.is_some());
        message.extend([id[0], id[1], Opcode::NOTIFY.0 << 3 | AUTHORITATIVE, 0, 0, 1, 0, answers, 0, 0, 0, 0]);
        message.extend_from_slice(self.apex.wire());
        message.extend(Rtype::SOA.0.to_be_bytes());
        message.extend(Class::IN.0.to_be_bytes());
        if let Some((ttl, rdata)) = &self.soa {
            message.extend([0xc0, HEADER_LEN as u8]);
            message.extend(Rtype::SOA.0.to_be_bytes());
            message.extend(Class::IN.0.to_be_bytes());
            message.extend(ttl.0.to_be_bytes());
            // Two names and five numbers.
            message.extend((rdata.len() as u16).to_be_bytes());
            message.extend_from_slice(rdata);
        }
        message
    }

    /// Signs `message`, and gives who follows the answer.
    fn sign(&self, clock: &Ratchet, message: &mut Vec<u8>) -> Result<Option<Follower>, NotifyError> {
        let Some(key) = &self.key else { return Ok(None) };
        let mut signer = Signer::asking(Arc::clone(key));
        let length = message.len();
        message.resize(length + signer.room(), 0);
        let unsigned = |error| NotifyError::Unsent(io::Error::other(error));
        let length = signer.sign(message, length, clock.now()).map_err(unsigned)?;
        message.truncate(length);
        Ok(Follower::of(&signer))
    }

    /// What `octets` say, if they answer what was sent with `id`.
    fn answered(&self, id: [u8; 2], octets: &[u8]) -> Option<Rcode> {
        let &[id0, id1, flags, rcode, qd0, qd1, ..] = octets.first_chunk::<HEADER_LEN>()?;
        let is_response = flags & 0x80 != 0 && Opcode(flags >> 3 & 0x0f) == Opcode::NOTIFY;
        let question = || octets.get(HEADER_LEN..).and_then(|rest| NameRef::parse(rest).ok());
        let is_asked = match [qd0, qd1] {
            // Who can't read it need not repeat it.
            [0, 0] => true,
            _ => question().is_some_and(|name| name == self.apex.as_ref()),
        };
        ([id0, id1] == id && is_response && is_asked).then(|| Rcode(u16::from(rcode & 0x0f)))
    }
}
