//! The recursive resolver of this machine, by resolv.conf(5).

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};

use super::DNS_PORT;

const FILE: &str = "/etc/resolv.conf";

/// The resolver of this machine is not known.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// The file can't be read.
    #[error("{FILE}, which names the resolver of this machine, can't be read")]
    Read(#[source] io::Error),
    /// No line of it names one.
    #[error("{FILE} names no resolver")]
    None,
}

/// The first resolver that this machine is told to use.
///
/// # Errors
/// [`ResolverError`] if it is told none.
pub fn system_resolver() -> Result<SocketAddr, ResolverError> {
    let text = fs::read(FILE).map_err(ResolverError::Read)?;
    first(&String::from_utf8_lossy(&text)).ok_or(ResolverError::None)
}

/// The first `nameserver` that is an address. One with the name of an interface in it, `fe80::1%eth0`, is not taken.
fn first(text: &str) -> Option<SocketAddr> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        if words.next() != Some("nameserver") {
            return None;
        }
        let address: IpAddr = words.next()?.parse().ok()?;
        Some(SocketAddr::new(address, DNS_PORT))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_nameserver_is_the_resolver() {
        let text = "# nameserver 192.0.2.9\nsearch example.com\nnameserver fe80::1%eth0\n\
                    nameserver\t2001:db8::53 # ours\nnameserver 192.0.2.2\n";
        assert_eq!(first(text), "[2001:db8::53]:53".parse().ok());
        assert_eq!(first("options edns0\n"), None);
    }
}
