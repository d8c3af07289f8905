//! Who may have zones transferred: networks that were named. Nobody, unless somebody says so.

use std::net::IpAddr;

use ipnet::IpNet;

/// The networks whose hosts may have zones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    networks: Box<[IpNet]>,
}

impl Access {
    /// Access for these networks; with none, for nobody.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Access {
        Access { networks: networks.into_iter().collect() }
    }

    /// Whether `peer` may have zones. An IPv4 address that is mapped into IPv6 (RFC 4291 § 2.5.5.2) is an IPv4 address.
    pub fn allows(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.networks.iter().any(|network| network.contains(&peer))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_network_has_its_hosts_and_no_others() {
        let access = Access::new(["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"].map(|net| net.parse().unwrap()));
        let allows = |peer: &str| access.allows(peer.parse().unwrap());
        for peer in ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.1", "2001:db8:ffff::1", "198.51.100.7"] {
            assert!(allows(peer), "{peer}");
        }
        for peer in ["192.0.3.0", "2001:db9::1", "198.51.100.6", "127.0.0.1", "::1", "::c000:201"] {
            assert!(!allows(peer), "{peer}");
        }
    }

    #[test]
    fn nobody_is_allowed_unless_named() {
        assert!(!Access::default().allows("127.0.0.1".parse().unwrap()));
    }
}
