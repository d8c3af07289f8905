//! Who may change what: rules as in BIND's `update-policy`, of which the first that speaks of a change decides.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::wire::{Name, NameRef, Rtype};

/// Whether a rule lets or forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It may be done.
    Grant,
    /// It may not.
    Deny,
}

/// Who asks for an update.
#[derive(Clone, Copy, Debug)]
pub struct Requestor<'r> {
    /// The key that the request is signed with, verified; `None`: it is not signed.
    pub key: Option<NameRef<'r>>,
    /// Whence it came.
    pub address: IpAddr,
    /// Whether the address is known to be true: it came over a connection, or from this machine.
    pub is_address_sure: bool,
}

/// Whom a rule speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Who signs with this key.
    Key(Name),
    /// Who signs with a key below this name.
    KeyBelow(Name),
    /// Who signs with any key.
    AnyKey,
    /// Who signs with nothing, and asks from one of these.
    Unsigned(Vec<IpNet>),
}

/// A name, and perhaps all below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// The name itself.
    Name,
    /// It, and all below it.
    Subdomain,
    /// All below it.
    Wildcard,
}

/// Where a rule reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// These names: absolute, or relative to the apex.
    These(Names, Vec<Selection>),
    /// What the requestor's key is named after.
    Key(Names),
    /// The whole zone.
    Zone,
}

/// A name in a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// As it stands.
    Absolute(Name),
    /// Labels without a root, below the zone's apex; none is the apex.
    BelowApex(Box<[u8]>),
}

/// The types that a rule speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Types {
    /// All but SOA, NS and those of DNSSEC, as BIND has it where none is named.
    Ordinary,
    /// All.
    Any,
    /// These.
    These(Vec<Rtype>),
}

/// The zones that rules are for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Zones {
    /// One.
    Zone(Name),
    /// All below a name.
    Below(Name),
    /// All.
    All,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it does.
    pub action: Action,
    /// Whom it speaks of.
    pub identity: Identity,
    /// Where it reaches.
    pub reach: Reach,
    /// Of which types.
    pub types: Types,
}

/// All rules, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
    /// For which zones a rule is: the numbers of the rules, rising.
    of_zones: HashMap<Zones, Vec<usize>>,
}

impl Policy {
    /// Adds `rule` for `zones`, after all others.
    pub fn push(&mut self, zones: impl IntoIterator<Item = Zones>, rule: Rule) {
        for zones in zones {
            let of_zones = self.of_zones.entry(zones).or_default();
            if of_zones.last() != Some(&self.rules.len()) {
                of_zones.push(self.rules.len());
            }
        }
        self.rules.push(rule);
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules for the zone `apex` that speak of `requestor`, in their order.
    fn rules<'p>(&'p self, apex: NameRef<'_>, requestor: &Requestor<'_>) -> Vec<&'p Rule> {
        let own = std::iter::once(Zones::Zone(apex.to_lowercase()));
        let above = std::iter::successors(apex.parent(), |name| name.parent());
        let zones = own.chain(above.map(|name| Zones::Below(name.to_lowercase()))).chain([Zones::All]);
        let mut numbers: Vec<usize> = zones.filter_map(|zones| self.of_zones.get(&zones)).flatten().copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().filter_map(|at| self.rules.get(at)).filter(|rule| rule.identity.is(requestor)).collect()
    }

    /// Whether `requestor` may change anything in the zone `apex`: if not, the request need not be looked at.
    pub fn lets_in(&self, apex: NameRef<'_>, requestor: &Requestor<'_>) -> bool {
        self.rules(apex, requestor).iter().any(|rule| rule.action == Action::Grant)
    }

    /// What `requestor` may change in the zone `apex`.
    pub fn of<'p>(&'p self, apex: &'p Name, requestor: &Requestor<'p>) -> impl Fn(NameRef<'_>, Rtype) -> bool + 'p {
        let (rules, key) = (self.rules(apex.as_ref(), requestor), requestor.key);
        move |owner, rtype| {
            let speaks = |rule: &&&Rule| rule.types.has(rtype) && rule.reach.has(owner, apex.as_ref(), key);
            rules.iter().find(speaks).is_some_and(|rule| rule.action == Action::Grant)
        }
    }
}

impl Identity {
    fn is(&self, requestor: &Requestor<'_>) -> bool {
        match (self, requestor.key) {
            (Identity::Key(name), Some(key)) => name.as_ref() == key,
            (Identity::KeyBelow(name), Some(key)) => key.is_below(name.as_ref()),
            (Identity::AnyKey, Some(_)) => true,
            (Identity::Unsigned(networks), None) => {
                let address = requestor.address.to_canonical();
                requestor.is_address_sure && networks.iter().any(|network| network.contains(&address))
            }
            (Identity::Unsigned(_), Some(_)) | (_, None) => false,
        }
    }
}

impl Reach {
    fn has(&self, owner: NameRef<'_>, apex: NameRef<'_>, key: Option<NameRef<'_>>) -> bool {
        match self {
            Reach::Zone => owner.is_at_or_below(apex),
            Reach::Key(names) => key.is_some_and(|key| names.has(owner, key)),
            Reach::These(names, selections) => selections.iter().any(|selection| match selection {
                Selection::Absolute(name) => names.has(owner, name.as_ref()),
                Selection::BelowApex(labels) => {
                    crate::wire::name::join(labels, apex).is_ok_and(|name| names.has(owner, name.as_ref()))
                }
            }),
        }
    }
}

impl Names {
    fn has(&self, owner: NameRef<'_>, name: NameRef<'_>) -> bool {
        match self {
            Names::Name => owner == name,
            Names::Subdomain => owner.is_at_or_below(name),
            Names::Wildcard => owner.is_below(name),
        }
    }
}

impl Types {
    fn has(&self, rtype: Rtype) -> bool {
        match self {
            Types::Ordinary => !super::is_of_dnssec(rtype) && !matches!(rtype, Rtype::SOA | Rtype::NS),
            Types::Any => true,
            Types::These(types) => types.contains(&rtype),
        }
    }
}
