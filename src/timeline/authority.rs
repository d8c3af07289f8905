//! What the compiler makes of a change of name servers: until when which resolvers may ask the old ones.
//!
//! A cache can be told when to forget data, by its TTL here. It can't be told from here when to forget who has
//! authority: that it learns from the parent, for the parent's TTL, and from the servers that it asks, for theirs.
//! Resolvers differ in whom they believe, so there is a horizon for each class of them ([`ResolverClass`]).

use std::fmt;

use super::schedule::{Length, MINIMUM_TTL};
use crate::clock::Instant;
use crate::wire::Name;
use crate::zone::Ttl;

/// A hand-over of authority, worked out for a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The name servers as they are.
    pub from: Vec<Name>,
    /// The name servers as they are to be.
    pub to: Vec<Name>,
    /// Whether the zone that is served here switches its NS records.
    pub switches_here: bool,
    /// P: the TTL of the NS records at the parent.
    pub parent_ttl: Ttl,
    /// G: the TTL of the addresses that the parent gives; `None` unless a name stays, whose address may change.
    pub glue_ttl: Option<Ttl>,
    /// C: the TTL of the NS records that the old servers give.
    pub child_ttl: Ttl,
    /// R: the longest TTL of the data that changes with it; `None` if none does.
    pub data_ttl: Option<Ttl>,
    /// Whether the old servers, too, give the new NS records from T on.
    pub old_follows: bool,
    /// T_reg: from when the parent's last server has the change.
    pub registered_at: Instant,
    /// Until when resolvers of each class may ask the old servers.
    pub horizons: Vec<ClassHorizon>,
}

/// How a resolver comes to know a zone's name servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResolverClass {
    /// From the parent alone.
    ParentCentric,
    /// From the zone itself, whose NS records take the place of the parent's; when they are gone, from the parent anew.
    ChildCentric,
    /// The same, but the parent's are kept beside them and used again, until their own end.
    ChildCentricAtWorst,
    /// From every answer anew, so that it need never ask the parent again.
    Sticky,
    /// At worst, and it keeps whatever it gets for [`MINIMUM_TTL`] at least.
    MinimumTtl,
}

impl ResolverClass {
    /// All of them.
    pub const ALL: [ResolverClass; 5] = [
        ResolverClass::ParentCentric,
        ResolverClass::ChildCentric,
        ResolverClass::ChildCentricAtWorst,
        ResolverClass::Sticky,
        ResolverClass::MinimumTtl,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            ResolverClass::ParentCentric => "parent-centric",
            ResolverClass::ChildCentric => "child-centric",
            ResolverClass::ChildCentricAtWorst => "child-centric-at-worst",
            ResolverClass::Sticky => "sticky",
            ResolverClass::MinimumTtl => "minimum-ttl",
        }
    }

    /// Whether it obeys the TTLs that it gets.
    pub fn is_conforming(self) -> bool {
        self != ResolverClass::MinimumTtl
    }
}

impl fmt::Display for ResolverClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResolverClass::ParentCentric => f.write_str("parent-centric, which believe the parent alone"),
            ResolverClass::ChildCentric => f.write_str("child-centric, which believe the zone's own NS records"),
            ResolverClass::ChildCentricAtWorst => {
                f.write_str("child-centric at worst, if they learn those at the very end of the parent's")
            }
            ResolverClass::Sticky => f.write_str("sticky, which learn the name servers anew from every answer"),
            ResolverClass::MinimumTtl => {
                write!(f, "the same with a minimum TTL of their own, m = {}", Length(MINIMUM_TTL))
            }
        }
    }
}

/// Until when resolvers of one class have to do with the old servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassHorizon {
    /// The class.
    pub class: ResolverClass,
    /// Until when they may ask the old servers.
    pub asks: Horizon,
    /// Until when they may hold old data of theirs; `None` if data does not change.
    pub holds: Option<Horizon>,
}

/// The end of something, and its arithmetic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// From this instant on it is not so any more; `None`: no TTL ends it.
    pub at: Option<Instant>,
    /// The arithmetic, in the letters of [`Authority`].
    pub sum: String,
}

impl Authority {
    /// Until when the old name servers must answer: the latest of all classes that have an end. Those that have none
    /// end with the old servers: they ask the parent when nobody answers.
    pub fn old_servers_until(&self) -> Instant {
        self.latest(|_| true, |horizon| horizon.asks.at)
    }

    /// From when on resolvers that obey TTLs have followed, and have no old data of the old servers any more.
    pub fn horizon(&self) -> Instant {
        self.latest(ResolverClass::is_conforming, ClassHorizon::ends_at)
    }

    /// The same with those that keep what they get for [`MINIMUM_TTL`] at least.
    pub fn pessimistic_horizon(&self) -> Instant {
        self.latest(|_| true, ClassHorizon::ends_at)
    }

    /// Whether some class of resolvers follows only when the old servers stop.
    pub fn is_unbounded(&self) -> bool {
        self.horizons.iter().any(|horizon| horizon.asks.at.is_none())
    }

    fn latest(
        &self,
        counts: impl Fn(ResolverClass) -> bool,
        end: impl Fn(&ClassHorizon) -> Option<Instant>,
    ) -> Instant {
        let counted = self.horizons.iter().filter(|horizon| counts(horizon.class));
        counted.filter_map(end).max().unwrap_or(self.registered_at)
    }

    /// All of it, as octets that a digest is made of.
    pub(super) fn octets(&self) -> Vec<u8> {
        let mut octets = vec![u8::from(self.switches_here), u8::from(self.old_follows)];
        for names in [&self.from, &self.to] {
            octets.extend((names.len() as u64).to_be_bytes());
            let mut names: Vec<_> = names.iter().map(|name| name.as_ref().to_lowercase()).collect();
            names.sort_by(|one, other| one.wire().cmp(other.wire()));
            names.iter().for_each(|name| octets.extend_from_slice(name.wire()));
        }
        for ttl in [Some(self.parent_ttl), self.glue_ttl, Some(self.child_ttl), self.data_ttl] {
            octets.extend(ttl.map_or(u64::MAX, |ttl| u64::from(ttl.0)).to_be_bytes());
        }
        octets.extend(self.registered_at.unix_nanos().to_be_bytes());
        for ClassHorizon { asks, holds, .. } in &self.horizons {
            for at in [asks.at, holds.as_ref().and_then(|holds| holds.at)] {
                octets.extend(at.map_or(i64::MAX, Instant::unix_nanos).to_be_bytes());
            }
        }
        octets
    }
}

impl ClassHorizon {
    /// From when on they neither ask the old servers nor hold old data of theirs.
    fn ends_at(&self) -> Option<Instant> {
        self.holds.as_ref().map_or(self.asks.at, |holds| holds.at)
    }
}
