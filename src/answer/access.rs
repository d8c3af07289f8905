//! Who may do something: where requests come from, by which key they are signed. Nobody, unless somebody says so.
//!
//! An [`Access`] is a list of grants, and one that fits is enough. A grant fits a request that has everything that it names:
//!
//! 1. a network: the request comes from one of its hosts, signed or not, as BIND and NSD have it. An IPv4 address that is
//!    mapped into IPv6 (RFC 4291 § 2.5.5.2) is an IPv4 address;
//! 2. a key: the request is signed with it, and that was verified (RFC 8945), wherever it comes from;
//! 3. both;
//! 4. that it comes encrypted (TLS), besides.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::wire::tsig::Keyring;
use crate::wire::{Name, NameRef};
use crate::zone::update::Policy;

/// What a server trusts others with: whose signatures it knows, and whom it lets do what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// The keys by which requests are verified.
    pub keyring: Keyring,
    /// Who may have zones transferred.
    pub transfer: Access,
    /// Who may change what in zones.
    pub update: Arc<Policy>,
}

/// Whom a request comes from, as far as that is known.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'r> {
    /// Its address.
    pub address: IpAddr,
    /// The key with which it has signed, which was verified.
    pub key: Option<NameRef<'r>>,
    /// Whether nobody on the way can read it.
    pub is_encrypted: bool,
}

/// What a request must have to be let in: everything that is named here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The network that it comes from.
    pub network: Option<IpNet>,
    /// The name of the key that it is signed with.
    pub key: Option<Name>,
    /// Whether it must be encrypted.
    pub encrypted: bool,
}

impl From<IpNet> for Grant {
    fn from(network: IpNet) -> Grant {
        Grant { network: Some(network), key: None, encrypted: false }
    }
}

impl From<Name> for Grant {
    fn from(key: Name) -> Grant {
        Grant { network: None, key: Some(key), encrypted: false }
    }
}

impl Grant {
    /// Whether it fits `caller`, whose address is this.
    fn fits(&self, address: IpAddr, caller: &Caller<'_>) -> bool {
        let is_named = self.network.is_some() || self.key.is_some();
        is_named
            && self.network.is_none_or(|network| network.contains(&address))
            && self.key.as_ref().is_none_or(|named| caller.key == Some(named.as_ref()))
            && (caller.is_encrypted || !self.encrypted)
    }
}

/// Who may do something. A copy is cheap: all share the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    grants: Arc<[Grant]>,
}

impl Access {
    /// Access for whom one of `grants` fits; with none, for nobody.
    pub fn new<G: Into<Grant>>(grants: impl IntoIterator<Item = G>) -> Access {
        Access { grants: grants.into_iter().map(Into::into).collect() }
    }

    /// Whether `caller` may.
    pub fn allows(&self, caller: &Caller<'_>) -> bool {
        let address = caller.address.to_canonical();
        self.grants.iter().any(|grant| grant.fits(address, caller))
    }

    /// Whether nobody may.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn allows(access: &Access, address: &str, key: Option<&str>) -> bool {
        let key = key.map(|key| Name::from_text(key).unwrap());
        let (address, key) = (address.parse().unwrap(), key.as_ref().map(Name::as_ref));
        access.allows(&Caller { address, key, is_encrypted: false })
    }

    fn network(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_its_hosts_and_no_others() {
        let access = Access::new(["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"].map(network));
        for peer in ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.1", "2001:db8:ffff::1", "198.51.100.7"] {
            assert!(allows(&access, peer, None), "{peer}");
            assert!(allows(&access, peer, Some("any.key")), "{peer}");
        }
        for peer in ["192.0.3.0", "2001:db9::1", "198.51.100.6", "127.0.0.1", "::1", "::c000:201"] {
            assert!(!allows(&access, peer, None), "{peer}");
        }
    }

    #[test]
    fn a_key_opens_from_everywhere_and_no_other_does() {
        let access = Access::new([Name::from_text("Transfer.example").unwrap()]);
        assert!(allows(&access, "192.0.2.1", Some("transfer.EXAMPLE.")));
        assert!(!allows(&access, "192.0.2.1", Some("other.example.")));
        assert!(!allows(&access, "192.0.2.1", None));
    }

    #[test]
    fn who_names_both_wants_both() {
        let key = Name::from_text("transfer.example").unwrap();
        let access = Access::new([Grant { network: Some(network("192.0.2.0/24")), key: Some(key), encrypted: false }]);
        assert!(allows(&access, "192.0.2.1", Some("transfer.example.")));
        assert!(!allows(&access, "192.0.3.1", Some("transfer.example.")));
        assert!(!allows(&access, "192.0.2.1", Some("other.example.")));
        assert!(!allows(&access, "192.0.2.1", None));
    }

    #[test]
    fn who_wants_it_encrypted_does_not_let_in_what_can_be_read() {
        let access = Access::new([Grant { encrypted: true, ..network("192.0.2.0/24").into() }]);
        assert!(!allows(&access, "192.0.2.1", None));
        let caller = |address: &str| Caller { address: address.parse().unwrap(), key: None, is_encrypted: true };
        assert!(access.allows(&caller("192.0.2.1")) && !access.allows(&caller("192.0.3.1")));
    }

    #[test]
    fn nobody_is_allowed_unless_named() {
        assert!(!allows(&Access::default(), "127.0.0.1", Some("transfer.example.")));
        let nothing = Access::new([Grant { network: None, key: None, encrypted: false }]);
        assert!(!allows(&nothing, "127.0.0.1", Some("transfer.example.")), "a grant that names nothing fits nobody");
    }
}
