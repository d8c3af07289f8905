//! Which serial a primary has: one question over UDP, a few times; or one over a connection.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::time::{Instant as Moment, timeout, timeout_at};

use super::{Connection, FetchError, SILENCE_MAX, Source, TRIES, read, request, say};
use crate::clock::Ratchet;
use crate::wire::Rcode;
use crate::zone::intake::{Bounds, Fault, Intake, Taken, Wanted};

/// The longest answer that is read.
const ANSWER_MAX: usize = 4096;

/// Asks `source` for its serial; `None` if the answer does not fit into a datagram.
pub(super) async fn ask(source: &Source, wanted: Wanted, clock: &Ratchet) -> Result<Option<u32>, FetchError> {
    let mut unreachable = None;
    for patience in TRIES {
        let (id, octets, follower) = request(source, &wanted, clock)?;
        let socket = open(source.address).await.map_err(FetchError::Unreachable)?;
        if let Err(error) = socket.send(&octets).await {
            unreachable = Some(error);
            continue;
        }
        let until = Moment::now() + patience;
        let mut answer = [0; ANSWER_MAX];
        loop {
            let length = match timeout_at(until, socket.recv(&mut answer)).await {
                Err(_) => break,
                Ok(Ok(length)) => length,
                Ok(Err(error)) => {
                    unreachable = Some(error);
                    break;
                }
            };
            let bounds = Bounds { octets: ANSWER_MAX as u64, records: 1 };
            let mut intake = Intake::new(wanted.clone(), id, follower.clone(), bounds);
            match intake.take(answer.get(..length).unwrap_or_default(), clock.now()) {
                Ok(Some(Taken::Current(serial))) => return Ok(Some(serial)),
                Ok(_) => {}
                Err(Fault::Truncated) => return Ok(None),
                // Anybody can send us something; what is not ours is waited on (RFC 5452 § 9).
                Err(Fault::NotOurs(_) | Fault::MalformedMessage) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
    }
    Err(unreachable.map_or(FetchError::Silent, FetchError::Unreachable))
}

/// The same over `connection`, where nothing gets lost; `None` also if that is for transfers alone (RFC 9103 § 7.6 leaves it
/// to the server).
pub(super) async fn ask_over(
    connection: &mut Connection,
    source: &Source,
    wanted: Wanted,
    clock: &Ratchet,
) -> Result<Option<u32>, FetchError> {
    let (id, octets, follower) = request(source, &wanted, clock)?;
    say(connection, &octets).await?;
    let mut answer = Vec::new();
    let read = timeout(SILENCE_MAX, read(connection, &mut answer)).await;
    read.map_err(|_| FetchError::Still)?.map_err(FetchError::Broke)?;
    let bounds = Bounds { octets: ANSWER_MAX as u64, records: 1 };
    match Intake::new(wanted, id, follower, bounds).take(&answer, clock.now()) {
        Ok(Some(Taken::Current(serial))) => Ok(Some(serial)),
        Ok(_) | Err(Fault::Truncated | Fault::Rcode(Rcode::REFUSED | Rcode::NOTIMP)) => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

/// A socket that hears `server` and nobody else, on a port that the kernel draws.
async fn open(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    Ok(socket)
}
