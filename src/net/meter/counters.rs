//! What one worker counts of all its answers: a block of memory that it alone writes.
//!
//! Adding is an ordinary load and an ordinary store, since there is but one writer; who reads sees each number whole.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::answer::Transport;
use crate::answer::noted::{Kind, Told};

/// How many bounds the histogram has: from 2^10 ns (1 µs) up, each twice the one before, to 2^29 ns (0.5 s).
pub const TIMES: usize = 20;
/// The first bound, as a power of two of nanoseconds.
const TIME_FIRST: u32 = 10;

/// The counters of one worker. Two lines of a cache, so that no neighbour's are in one that is fetched along.
#[repr(align(128))]
pub(super) struct Counters {
    udp: [AtomicU64; Kind::COUNT],
    tcp: [AtomicU64; Kind::COUNT],
    tls: [AtomicU64; Kind::COUNT],
    /// How many batches took less than each bound and not less than the one before; the last: longer.
    times: [AtomicU64; TIMES + 1],
    time_sum: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Counters {
            udp: [const { AtomicU64::new(0) }; Kind::COUNT],
            tcp: [const { AtomicU64::new(0) }; Kind::COUNT],
            tls: [const { AtomicU64::new(0) }; Kind::COUNT],
            times: [const { AtomicU64::new(0) }; TIMES + 1],
            time_sum: AtomicU64::new(0),
        }
    }
}

/// Adds what only the caller's thread adds to.
#[inline]
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
}

impl Counters {
    /// One more answer of the kind with this number.
    #[inline]
    pub(super) fn count(&self, transport: Transport, kind: usize) {
        let kinds = match transport {
            Transport::Udp => &self.udp,
            Transport::Tcp { .. } => &self.tcp,
            Transport::Tls { .. } => &self.tls,
        };
        if let Some(counter) = kinds.get(kind) {
            add(counter, 1);
        }
    }

    /// One more batch that was timed.
    pub(super) fn took(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let at = (u64::BITS - nanos.leading_zeros()).saturating_sub(TIME_FIRST) as usize;
        if let Some(counter) = self.times.get(at.min(TIMES)) {
            add(counter, 1);
        }
        add(&self.time_sum, nanos);
    }
}

/// What all workers have counted.
#[derive(Clone, Debug)]
pub struct Totals {
    udp: Vec<u64>,
    tcp: Vec<u64>,
    tls: Vec<u64>,
    times: [u64; TIMES + 1],
    time_sum: u64,
}

impl Default for Totals {
    fn default() -> Self {
        let none = vec![0; Kind::COUNT];
        Totals { udp: none.clone(), tcp: none.clone(), tls: none, times: [0; TIMES + 1], time_sum: 0 }
    }
}

impl Totals {
    pub(super) fn add(&mut self, counters: &Counters) {
        let sums = self.udp.iter_mut().chain(&mut self.tcp).chain(&mut self.tls).chain(&mut self.times);
        let counted = counters.udp.iter().chain(&counters.tcp).chain(&counters.tls).chain(&counters.times);
        for (sum, counter) in sums.zip(counted) {
            *sum += counter.load(Ordering::Relaxed);
        }
        self.time_sum = self.time_sum.wrapping_add(counters.time_sum.load(Ordering::Relaxed));
    }

    /// Each kind of answer that was given over `udp`, `tcp` and `tls`, and how often.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, Told, u64)> {
        let all = [("udp", &self.udp), ("tcp", &self.tcp), ("tls", &self.tls)].into_iter();
        all.flat_map(|(transport, counts)| {
            let counts = counts.iter().enumerate().filter(|(_, count)| **count > 0);
            counts.map(move |(number, &count)| (transport, Kind::told(number), count))
        })
    }

    /// How long batches took: the upper bounds in seconds, each with how many took less and not less than the bound
    /// before, the last bound being infinite; and the sum, in seconds.
    pub fn times(&self) -> (impl Iterator<Item = (f64, u64)>, f64) {
        let bound = |at: usize| if at < TIMES { (1u64 << (TIME_FIRST as usize + at)) as f64 / 1e9 } else { f64::MAX };
        (self.times.iter().enumerate().map(move |(at, &count)| (bound(at), count)), self.time_sum as f64 / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_under_the_first_bound_above_it() {
        let counters = Counters::default();
        let micros = [0, 1, 2, 100, 10_000_000];
        micros.iter().for_each(|&micros| counters.took(Duration::from_micros(micros)));
        let mut totals = Totals::default();
        totals.add(&counters);
        let (times, sum) = totals.times();
        for (at, (bound, count)) in times.enumerate() {
            let least = if at == 0 { 0.0 } else { (1u64 << (9 + at)) as f64 / 1e9 };
            let within = micros.iter().map(|&micros| micros as f64 / 1e6).filter(|time| (least..bound).contains(time));
            assert_eq!(count, within.count() as u64, "{least} to {bound}");
        }
        assert!((sum - 10.000103).abs() < 1e-9);
    }

    #[test]
    fn two_workers_add_up() {
        let workers = [Counters::default(), Counters::default()];
        let tcp = Transport::Tcp { keepalive: Duration::ZERO };
        let mut kinds = (0..Kind::COUNT).map(Kind::told).zip(0..);
        let kind = kinds.find(|(told, _)| told.rcode.is_some());
        assert!(kind.is_some());
        let noted = crate::answer::Answerer::new(crate::answer::Identity::default()).noted().kind;
        workers.iter().for_each(|counters| counters.count(Transport::Udp, noted.number()));
        workers[0].count(tcp, noted.number());
        workers[1].count(Transport::Tls { keepalive: Duration::ZERO }, noted.number());
        let mut totals = Totals::default();
        workers.iter().for_each(|counters| totals.add(counters));
        let counted: Vec<_> = totals.kinds().map(|(transport, _, count)| (transport, count)).collect();
        assert_eq!(counted, [("udp", 2), ("tcp", 1), ("tls", 1)]);
    }
}
