//! A countdown: TTLs that shrink towards an instant, so that caches forget by then and not before.
//!
//! An answer may be kept until the deadline and no longer, whenever it is given: its TTL is what is left. With one
//! deadline for all, every cache would ask again in the same second, which is why the deadline is spread: each
//! resolver has its own, by a keyed hash of its network.
//!
//! 1. A deadline is a function of the countdown and the peer's prefix: all nodes of a zone give a resolver, and all
//!    resolvers of one network, the same one.
//! 2. The hash is SipHash-2-4 with the countdown's own key: whoever doesn't know the key can't choose prefixes whose
//!    deadlines meet.
//! 3. No answer that is given before `until` is kept beyond `until` and the longer of `floor` and `spread`.

use std::net::IpAddr;
use std::time::Duration;

use crate::clock::Instant;
use crate::zone::Ttl;

/// By when caches are to have forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Countdown {
    /// The earliest deadline.
    pub until: Instant,
    /// The least TTL that is given, up to the deadline and after it.
    pub floor: Ttl,
    /// Over how long a time the deadlines are spread, from `until` on.
    pub spread: Duration,
    /// The key of the hash that spreads them.
    pub key: [u64; 2],
}

impl Countdown {
    /// When what `peer` is given is to be forgotten: from `until` on, before `until` and `spread`.
    pub fn deadline(&self, peer: IpAddr) -> Instant {
        let spread = u64::try_from(self.spread.as_nanos()).unwrap_or(u64::MAX);
        let share = (u128::from(spread) * u128::from(hash(self.key, peer))) >> 64;
        self.until.after(Duration::from_nanos(share as u64))
    }

    /// How long `peer` may keep what it is given at `now`.
    #[inline]
    pub fn cap(&self, now: Instant, peer: IpAddr) -> Ttl {
        self.left(now, self.deadline(peer))
    }

    /// The whole seconds from `now` until `deadline`, but `floor` at least.
    pub(super) fn left(&self, now: Instant, deadline: Instant) -> Ttl {
        let left = u32::try_from(deadline.since(now).as_secs()).unwrap_or(u32::MAX);
        Ttl(left).min(Ttl::MAX).max(self.floor)
    }
}

/// The hash of the network that `peer` is in: its /24, or its /56, the least that a site is given (RFC 6177). An
/// IPv4 address that is mapped into IPv6 (RFC 4291 § 2.5.5.2) is an IPv4 address.
fn hash(key: [u64; 2], peer: IpAddr) -> u64 {
    match peer.to_canonical() {
        IpAddr::V4(peer) => siphash(key, &peer.octets()[..3]),
        IpAddr::V6(peer) => siphash(key, &peer.octets()[..7]),
    }
}

/// SipHash-2-4 of at most seven octets: one block, the last.
fn siphash([k0, k1]: [u64; 2], octets: &[u8]) -> u64 {
    debug_assert!(octets.len() < 8);
    // Little-endian, the length in the highest octet.
    let block =
        octets.iter().rev().fold(0, |block, &octet| block << 8 | u64::from(octet)) | (octets.len() as u64) << 56;
    let mut state = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573 ^ block,
    ];
    rounds(&mut state, 2);
    state[0] ^= block;
    state[2] ^= 0xff;
    rounds(&mut state, 4);
    state.into_iter().fold(0, |hash, word| hash ^ word)
}

fn rounds([a, b, c, d]: &mut [u64; 4], count: usize) {
    for _ in 0..count {
        *a = a.wrapping_add(*b);
        *b = b.rotate_left(13) ^ *a;
        *a = a.rotate_left(32);
        *c = c.wrapping_add(*d);
        *d = d.rotate_left(16) ^ *c;
        *a = a.wrapping_add(*d);
        *d = d.rotate_left(21) ^ *a;
        *c = c.wrapping_add(*b);
        *b = b.rotate_left(17) ^ *c;
        *c = c.rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::hash::Hasher;
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    const UNTIL: i64 = 1_800_000_000;

    fn countdown(floor: u32, spread: u64) -> Countdown {
        let spread = Duration::from_secs(spread);
        Countdown { until: Instant::from_unix_seconds(UNTIL), floor: Ttl(floor), spread, key: [1, 2] }
    }

    fn seconds(ttl: Ttl) -> Duration {
        Duration::from_secs(u64::from(ttl.0))
    }

    fn peers() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
            any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
        ]
    }

    /// Nanoseconds from two days before `until` to one day after it.
    fn instants() -> impl Strategy<Value = Instant> {
        const DAY: i64 = 86_400_000_000_000;
        (-2 * DAY..DAY).prop_map(|nanos| Instant::from_unix_nanos(UNTIL * 1_000_000_000 + nanos))
    }

    proptest! {
        #[test]
        fn a_deadline_is_within_the_spread(peer in peers(), spread in 0u64..1_000_000, key in any::<[u64; 2]>()) {
            let countdown = Countdown { key, ..countdown(60, spread) };
            let deadline = countdown.deadline(peer);
            prop_assert!(deadline >= countdown.until);
            prop_assert!(deadline < countdown.until.after(countdown.spread) || spread == 0 && deadline == countdown.until);
        }

        #[test]
        fn a_network_has_one_deadline(bits in any::<u128>(), other in any::<u128>(), key in any::<[u64; 2]>()) {
            let countdown = Countdown { key, ..countdown(60, 1_000_000) };
            let host = (1 << 72) - 1;
            let deadline = |bits| countdown.deadline(Ipv6Addr::from_bits(bits).into());
            // 2001::/16, where nothing is mapped.
            let bits = bits >> 16 | 0x2001 << 112;
            prop_assert_eq!(deadline(bits), deadline(bits & !host | other & host));
            prop_assert_ne!(deadline(bits), deadline(bits ^ 1 << 72));
            let v4 = Ipv4Addr::from_bits(bits as u32);
            let near = Ipv4Addr::from_bits(bits as u32 & !0xff | other as u32 & 0xff);
            prop_assert_eq!(countdown.deadline(v4.into()), countdown.deadline(near.into()));
            prop_assert_eq!(countdown.deadline(v4.into()), countdown.deadline(near.to_ipv6_mapped().into()));
            let far = Ipv4Addr::from_bits(bits as u32 ^ 0x100);
            prop_assert_ne!(countdown.deadline(v4.into()), countdown.deadline(far.into()));
        }

        #[test]
        fn no_answer_outlives_the_promise(
            now in instants(), peer in peers(), floor in 1u32..4000, spread in 0u64..4000, stored in 1u32..200_000,
        ) {
            let countdown = countdown(floor, spread);
            let kept_until = now.after(seconds(countdown.cap(now, peer).min(Ttl(stored))));
            if now < countdown.until {
                prop_assert!(kept_until <= countdown.until.after(seconds(Ttl(floor)).max(countdown.spread)));
            }
            // Nor is it forgotten a second too soon.
            let deadline = countdown.deadline(peer);
            prop_assert!(now.after(seconds(countdown.cap(now, peer))) > deadline.before(Duration::from_secs(1)));
        }

        #[test]
        fn a_cap_only_falls(times in (instants(), instants()), peer in peers(), floor in 0u32..4000, spread in 0u64..4000) {
            let countdown = countdown(floor, spread);
            let (early, late) = (times.0.min(times.1), times.0.max(times.1));
            prop_assert!(countdown.cap(early, peer) >= countdown.cap(late, peer));
            prop_assert!(countdown.cap(late, peer) >= Ttl(floor));
        }

        /// The standard library's is deprecated for being no use in tables, not for being wrong.
        #[test]
        #[allow(deprecated)]
        fn the_hash_is_siphash_2_4(key in any::<[u64; 2]>(), octets in prop::collection::vec(any::<u8>(), 0..8)) {
            let mut hasher = std::hash::SipHasher::new_with_keys(key[0], key[1]);
            hasher.write(&octets);
            prop_assert_eq!(siphash(key, &octets), hasher.finish());
        }
    }

    /// From the paper's test vectors: key 00 01 … 0f, data 00 01 … 06.
    #[test]
    fn the_hash_is_the_same_on_all_nodes() {
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        assert_eq!(siphash(key, &[0, 1, 2, 3, 4, 5, 6]), 0xab02_00f5_8b01_d137);
    }

    #[test]
    fn a_countdown_far_away_caps_nothing_that_is_a_ttl() {
        let peer = Ipv4Addr::LOCALHOST.into();
        assert_eq!(countdown(60, 600).cap(Instant::MIN, peer), Ttl::MAX);
        assert_eq!(countdown(60, 600).cap(Instant::MAX, peer), Ttl(60));
    }

    /// Ten thousand networks in a row, as one provider has them, over a hundred buckets of a hundred: the sum of
    /// squares would be about 99, and above 150 once in a thousand times for a hash that is even.
    #[test]
    fn deadlines_are_spread_evenly() {
        let countdown = countdown(60, 100);
        let far = |network: u32| Ipv6Addr::from_bits((0x2001_0db8 << 96) | u128::from(network) << 72);
        let near = |network: u32| Ipv4Addr::from_bits(0x0a00_0000 | network << 8);
        let evenness = |peer: &dyn Fn(u32) -> IpAddr| {
            let mut buckets = [0i64; 100];
            for network in 0..10_000 {
                buckets[countdown.deadline(peer(network)).since(countdown.until).as_secs() as usize] += 1;
            }
            buckets.iter().map(|count| (count - 100).pow(2)).sum::<i64>() / 100
        };
        for evenness in [evenness(&|network| near(network).into()), evenness(&|network| far(network).into())] {
            assert!((50..150).contains(&evenness), "{evenness}");
        }
    }
}
