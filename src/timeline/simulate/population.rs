//! Who asks: classes of caches, how long each keeps what it is told, and how often somebody wants it.
//!
//! [`Population::of_the_internet`] is a model and no measurement: the classes are those that resolvers are known to
//! make (their documentation, and what was seen of public ones in 2023), the weights are round numbers.
//!
//! These classes differ in what they do with a TTL. Those that differ in whom they ask for the name servers
//! (parent-centric, child-centric, sticky) matter where authority is handed over: `handover.rs`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::chance::Chance;
use crate::timeline::schedule::seconds;
use crate::zone::Ttl;

/// The most caches that are followed.
pub const CACHES_MAX: u32 = 1_000_000;

/// The caches that are followed.
#[derive(Clone, Debug)]
pub struct Population {
    /// How many, at most [`CACHES_MAX`].
    pub caches: u32,
    /// What kinds there are.
    pub classes: Vec<Class>,
    /// What chance begins with.
    pub seed: u64,
}

/// Caches that do the same with a TTL.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// What they do, for people.
    pub name: &'static str,
    /// How many there are of them, against the others' weights.
    pub weight: u32,
    /// They keep whatever they get for this at least.
    pub least: Ttl,
    /// And for this at most.
    pub most: Ttl,
    /// When they ask.
    pub asks: Asks,
}

/// When a cache asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// As soon as its copy is gone: somebody always wants it. The worst case for load.
    AtOnce,
    /// When somebody wants it and it has none, which is so once in this time on average.
    AtRandom(Duration),
}

impl Class {
    /// Caches that obey every TTL, with clients that always ask.
    pub const CONFORMING: Class =
        Class { name: "obey TTLs", weight: 1, least: Ttl(0), most: Ttl::MAX, asks: Asks::AtOnce };

    /// How long an answer with `ttl` is kept.
    pub fn keeps(&self, ttl: Ttl) -> Duration {
        seconds(ttl.min(self.most).max(self.least))
    }

    /// Whether they never keep anything for longer than they are told.
    pub fn is_conforming(&self) -> bool {
        self.least == Ttl(0)
    }
}

impl Population {
    /// `caches` caches that obey every TTL and are asked all the time.
    pub fn conforming(caches: u32, seed: u64) -> Population {
        Population { caches, classes: vec![Class::CONFORMING], seed }
    }

    /// `caches` caches of all kinds that are known.
    pub fn of_the_internet(caches: u32, seed: u64) -> Population {
        let most = |name, weight, most| Class { name, weight, most: Ttl(most), ..Class::CONFORMING };
        let least = |name, weight, least| Class { name, weight, least: Ttl(least), ..Class::CONFORMING };
        let seldom = Asks::AtRandom(Duration::from_secs(1800));
        let classes = vec![
            Class { weight: 30, ..Class::CONFORMING },
            Class { name: "obey TTLs, seldom asked", weight: 20, asks: seldom, ..Class::CONFORMING },
            // Unbound, Knot Resolver and PowerDNS Recursor as they come; Quad9, Google and OpenDNS.
            most("keep for 1 d at most", 20, 86_400),
            most("keep for 12 h at most", 5, 43_200),
            most("keep for 6 h at most", 10, 21_600),
            most("keep for 1 h at most", 5, 3600),
            // Against the standard, and common.
            least("keep for 1 min at least", 5, 60),
            least("keep for 5 min at least", 5, 300),
        ];
        Population { caches, classes, seed }
    }

    /// The class of the cache with this number. Classes are dealt in turn and not drawn, so that the first caches are
    /// mixed as all of them are.
    pub(super) fn class_of(&self, cache: u32) -> usize {
        let whole: u32 = self.classes.iter().map(|class| class.weight).sum();
        // Multiples of the golden ratio fall evenly however many there are.
        let mut place = (f64::from(cache) * 0.618_033_988_749_894_9).fract() * f64::from(whole);
        for (number, class) in self.classes.iter().enumerate() {
            place -= f64::from(class.weight);
            if place < 0.0 {
                return number;
            }
        }
        self.classes.len().saturating_sub(1)
    }
}

/// Where a resolver asks from: any address, of IPv6 one in four.
pub(super) fn address(chance: &mut Chance) -> IpAddr {
    let bits = chance.bits();
    match bits >> 62 {
        0 => Ipv6Addr::from_bits(1 << 125 | u128::from(bits) << 61 | u128::from(chance.bits() >> 3)).into(),
        _ => Ipv4Addr::from_bits(bits as u32).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_keeps_no_less_than_its_least_and_no_more_than_its_most() {
        let class = Class { least: Ttl(60), most: Ttl(3600), ..Class::CONFORMING };
        let kept = [0, 59, 61, 3600, 86_400].map(|ttl| class.keeps(Ttl(ttl)).as_secs());
        assert_eq!(kept, [60, 60, 61, 3600, 3600]);
        assert!(!class.is_conforming() && Class::CONFORMING.is_conforming());
    }

    #[test]
    fn classes_are_dealt_by_their_weights_however_many_caches_there_are() {
        let population = Population::of_the_internet(20_000, 1);
        let whole: u32 = population.classes.iter().map(|class| class.weight).sum();
        for caches in [100, 1000, 20_000] {
            let mut dealt = vec![0u32; population.classes.len()];
            for cache in 0..caches {
                dealt[population.class_of(cache)] += 1;
            }
            for (class, dealt) in population.classes.iter().zip(dealt) {
                let fair = f64::from(caches * class.weight) / f64::from(whole);
                assert!((f64::from(dealt) - fair).abs() <= 2.0, "{} of {caches} {}", dealt, class.name);
            }
        }
    }

    #[test]
    fn resolvers_are_in_many_networks() {
        let mut chance = Chance::new(1, 1);
        let mut networks: Vec<_> = (0..1000)
            .map(|_| match address(&mut chance) {
                IpAddr::V4(address) => address.octets()[..3].to_vec(),
                IpAddr::V6(address) => address.octets()[..7].to_vec(),
            })
            .collect();
        networks.sort();
        networks.dedup();
        assert!(networks.len() > 990);
        assert!((200..300).contains(&networks.iter().filter(|network| network.len() == 7).count()));
    }
}
