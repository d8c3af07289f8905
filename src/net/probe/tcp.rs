//! A port that must accept a connection: looked at for itself, and the way to every server that speaks over TCP.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::patience::Patience;
use super::{Looked, fail, unknown};
use crate::timeline::Verdict;

/// Connects, and says no word.
pub(super) async fn look(address: SocketAddr, patience: Patience) -> Looked {
    connect(address, patience).await.map(drop)
}

/// A connection to `address`.
pub(super) async fn connect(address: SocketAddr, patience: Patience) -> Looked<TcpStream> {
    let connecting = TcpStream::connect(address);
    let connected = patience.wait(connecting, || silent(address, patience)).await?;
    connected.map_err(|error| refused(address, patience, &error))
}

fn silent(address: SocketAddr, patience: Patience) -> String {
    format!(
        "{address} does not answer within {patience}: is the address right, does the server run, and does a firewall let \
         TCP port {} through?",
        address.port()
    )
}

fn refused(address: SocketAddr, patience: Patience, error: &io::Error) -> Verdict {
    match error.kind() {
        ErrorKind::ConnectionRefused => {
            fail(format!("nothing listens at {address}: start the server, let it listen there, or name the right port"))
        }
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => fail(format!(
            "{address} breaks the connection off at once: does a firewall or an access list stand in between?"
        )),
        ErrorKind::TimedOut => fail(silent(address, patience)),
        _ => unknown(format!(
            "there is no way from here to {address}: {error}; `ip route get {}` shows what this machine knows of it",
            address.ip()
        )),
    }
}
