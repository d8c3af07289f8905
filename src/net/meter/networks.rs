//! How many networks have asked, without keeping which: HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007).
//!
//! 1. A network is the /24 or the /56 of a peer, as for a countdown's deadline.
//! 2. The hash is keyed, by a key that is drawn at the start of the process and nobody sees; of a hash no more is kept
//!    than which register it falls on and how many zeros it begins with. No address can be had back.
//! 3. The hash is two multiplications, which is enough against who does not see it: the estimate comes out, no hash does.
//! 4. The registers of two workers, or of two sides, make those of the union: register by register the larger.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU8, Ordering};

/// How many bits of a hash choose a register.
const INDEX_BITS: u32 = 9;
/// How many registers there are. The error is 1.04 by the root of it: 4.6 %.
pub(super) const REGISTERS: usize = 1 << INDEX_BITS;

/// A network, until it is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network(u64);

impl Network {
    /// The network that `peer` is in.
    #[inline]
    pub(super) fn of(peer: IpAddr) -> Network {
        match peer {
            IpAddr::V4(v4) => Network(u64::from(v4.to_bits() >> 8)),
            IpAddr::V6(v6) => Network::of_v6(v6),
        }
    }

    /// Not inline: else both are worked out for each, as there is no branch in either.
    #[inline(never)]
    fn of_v6(peer: Ipv6Addr) -> Network {
        match peer.to_ipv4_mapped() {
            Some(v4) => Network::of(v4.into()),
            // The highest octet is free, and says that it is one of these.
            None => Network((peer.to_bits() >> 72) as u64 | 1 << 63),
        }
    }
}

/// The key of the hash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key([u64; 4]);

impl Key {
    /// A key that nobody has seen.
    pub(super) fn random() -> Key {
        Key(std::array::from_fn(|_| RandomState::new().build_hasher().finish()))
    }

    /// The hash of a network.
    #[inline]
    pub(super) fn hash(&self, Network(network): Network) -> u64 {
        let Key([a, b, c, d]) = *self;
        fold(fold(network ^ a, b | 1) ^ c, d | 1)
    }
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The registers of one worker, which it alone writes.
pub(super) struct Networks([AtomicU8; REGISTERS]);

impl Default for Networks {
    fn default() -> Self {
        Networks([const { AtomicU8::new(0) }; REGISTERS])
    }
}

impl Networks {
    /// Takes in a network's hash.
    #[inline]
    pub(super) fn add(&self, hash: u64) {
        let rank = (hash | 1 << (INDEX_BITS - 1)).leading_zeros() as u8 + 1;
        let Some(register) = self.0.get(hash as usize % REGISTERS) else { return };
        if register.load(Ordering::Relaxed) < rank {
            register.store(rank, Ordering::Relaxed);
        }
    }
}

/// The registers of many workers together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Union([u8; REGISTERS]);

impl Default for Union {
    fn default() -> Self {
        Union([0; REGISTERS])
    }
}

impl Union {
    pub(super) fn add(&mut self, networks: &Networks) {
        for (sum, register) in self.0.iter_mut().zip(&networks.0) {
            *sum = (*sum).max(register.load(Ordering::Relaxed));
        }
    }

    /// Both together.
    pub(super) fn with(&self, other: &Union) -> Union {
        Union(std::array::from_fn(|at| self.0[at].max(other.0[at])))
    }

    /// About how many networks there are.
    pub(super) fn estimate(&self) -> f64 {
        let m = REGISTERS as f64;
        let harmonic: f64 = self.0.iter().map(|&rank| f64::exp2(-f64::from(rank))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / harmonic;
        let empty = self.0.iter().filter(|&&rank| rank == 0).count();
        // Few are counted by the registers that none fell on.
        if raw <= 2.5 * m && empty > 0 { m * (m / empty as f64).ln() } else { raw }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key([0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89]);

    fn v4(network: u32) -> IpAddr {
        IpAddr::from((0x0a00_0000 + (network << 8) + 53).to_be_bytes())
    }

    fn v6(network: u32) -> IpAddr {
        IpAddr::from(((0x2001_0db8_u128 << 96) | u128::from(network) << 72 | 0x53).to_be_bytes())
    }

    fn of(key: Key, peers: impl IntoIterator<Item = IpAddr>) -> Union {
        let networks = Networks::default();
        peers.into_iter().for_each(|peer| networks.add(key.hash(Network::of(peer))));
        let mut union = Union::default();
        union.add(&networks);
        union
    }

    /// Networks in a row, as one provider has them: three standard errors at most.
    #[test]
    fn the_estimate_is_within_its_error() {
        for count in [1, 3, 10, 100, 1000, 10_000, 100_000] {
            for peer in [v4, v6] {
                let estimate = of(KEY, (0..count).map(peer)).estimate();
                let error = (estimate / f64::from(count) - 1.0).abs();
                assert!(error < 0.14, "{count} are taken for {estimate}");
            }
        }
        assert_eq!(of(KEY, []).estimate(), 0.0);
    }

    #[test]
    fn a_network_counts_once() {
        let all = (0..=255).map(|last| IpAddr::from([192, 0, 2, last]));
        assert_eq!(of(KEY, all).estimate().round(), 1.0);
        let mapped: IpAddr = std::net::Ipv4Addr::new(192, 0, 2, 9).to_ipv6_mapped().into();
        assert_eq!(Network::of(mapped), Network::of(IpAddr::from([192, 0, 2, 1])));
        assert_ne!(Network::of(v6(1)), Network::of(v6(2)));
    }

    #[test]
    fn merged_is_the_union() {
        let (low, high) = (of(KEY, (0..600).map(v4)), of(KEY, (400..1000).map(v4)));
        assert_eq!(low.with(&high), of(KEY, (0..1000).map(v4)));
        assert_eq!(low.with(&low), low);
    }

    #[test]
    fn another_key_is_another_hash() {
        let (one, other) = (of(KEY, (0..100).map(v4)), of(Key::random(), (0..100).map(v4)));
        assert_ne!(one, other);
    }
}
