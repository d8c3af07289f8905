//! Chance that can be had again: the same seed gives the same numbers on every machine.
//!
//! The generator is SplitMix64 (Steele, Lea, Flood 2014): one word of state, good enough for model caches, of no use
//! against anybody who wants to guess.

use std::time::Duration;

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// The stream with this number among those of `seed`: what one cache draws never moves another's.
    pub(super) fn new(seed: u64, stream: u64) -> Chance {
        Chance(mix(seed) ^ mix(stream.wrapping_mul(STEP)))
    }

    /// 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// From 0 to below 1, evenly.
    pub(super) fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A part of `whole`, evenly.
    pub(super) fn part(&mut self, whole: Duration) -> Duration {
        whole.mul_f64(self.share())
    }

    /// How long one waits for what happens at random, once in `mean` on average.
    pub(super) fn wait(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.share()).ln())
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_another_gives_others() {
        let drawn = |seed, stream| [(); 4].map(|()| 0).map(|_: u64| Chance::new(seed, stream).bits());
        assert_eq!(drawn(1, 1), drawn(1, 1));
        assert_ne!(drawn(1, 1), drawn(1, 2));
        assert_ne!(drawn(1, 1), drawn(2, 1));
        assert_ne!(drawn(1, 2), drawn(2, 1));
    }

    #[test]
    fn shares_are_even_and_waits_have_their_mean() {
        let mut chance = Chance::new(7, 0);
        let shares: f64 = (0..10_000).map(|_| chance.share()).sum();
        assert!((4900.0..5100.0).contains(&shares), "{shares}");
        let waits: f64 = (0..10_000).map(|_| chance.wait(Duration::from_secs(60)).as_secs_f64()).sum();
        assert!((58.0..62.0).contains(&(waits / 10_000.0)), "{waits}");
    }
}
