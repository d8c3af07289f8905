//! How much a plan makes resolvers ask: a small population of them, each asking anew as soon as its copy is gone.
//!
//! A busy resolver is the worst case, since one that nobody asks asks nobody. What is predicted is the load that the
//! plan itself causes; it is the same for every zone with the same TTLs.
//!
//! It is not made of the simulator (`simulate`), since it answers another question with less. The simulator draws ages,
//! pauses and addresses of many classes of caches by chance, and asks the timeline itself; it tells when the old data is
//! gone. This is two numbers beside each schedule that is shown: resolvers stand in a fixed order, so that no seed changes
//! what an operator was shown, and the schedule's TTLs are read without a zone. That both come to the same where they look
//! at the same is a test of the simulator's (`what_is_predicted_of_demand_is_what_caches_do`).

use serde::Serialize;

use super::plan::Lowering;
use super::schedule::{Bound, Data, Schedule, State};
use crate::clock::Instant;
use crate::zone::Ttl;

/// How many resolvers are followed.
const RESOLVERS: u32 = 1000;
/// The population that peaks are told for.
pub const POPULATION: u32 = 10_000;
/// The most answers that one resolver is followed through.
const ANSWERS_MAX: u32 = 5000;

/// What resolvers ask between the first lowering and the flip.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Demand {
    /// How often a busy resolver asks in that time, on average.
    pub queries_per_resolver: f64,
    /// The most queries in one second from the first lowering until caches have the new data, if 10,000 busy resolvers
    /// ask.
    pub peak_per_second: u32,
}

/// What is asked under `schedule` for the RRset with the longest TTL; `None` if nothing is lowered.
pub fn predict(schedule: &Schedule) -> Option<Demand> {
    let old = schedule.courses.iter().filter_map(|course| course.before.as_ref()).map(|contents| contents.ttl).max()?;
    let begin = schedule.steps.first().filter(|step| step.state != State::FILE && step.from < schedule.at)?.from;
    let end =
        schedule.at.after(std::time::Duration::from_secs(u64::from(schedule.spread.0.max(schedule.low_ttl.0)) + 1));
    let seconds = usize::try_from(end.since(begin).as_secs()).ok()?;
    let mut asked = vec![0u32; seconds.min(40_000_000) + 2];
    let mut before_flip = 0u64;
    for resolver in 0..RESOLVERS {
        let share = f64::from(resolver) / f64::from(RESOLVERS);
        // Their copies from before the lowering are of all ages.
        let mut at = begin.after(std::time::Duration::from_secs_f64(f64::from(old.0) * share));
        for _ in 0..ANSWERS_MAX {
            if at >= end {
                break;
            }
            let second = usize::try_from(at.since(begin).as_secs()).unwrap_or(usize::MAX);
            if let Some(count) = asked.get_mut(second) {
                *count += 1;
            }
            before_flip += u64::from(at < schedule.at);
            // Spread as by a hash: not in the order of ages.
            let place = f64::from(resolver * 617 % RESOLVERS) / f64::from(RESOLVERS);
            at = at.after(std::time::Duration::from_secs(u64::from(ttl(schedule, old, at, place).0.max(1))));
        }
    }
    Some(Demand {
        queries_per_resolver: before_flip as f64 / f64::from(RESOLVERS),
        peak_per_second: asked.iter().max().copied().unwrap_or(0) * (POPULATION / RESOLVERS),
    })
}

/// The TTL that a resolver gets at `now` whose deadline lies at `place`, from 0 to 1, of the spread.
fn ttl(schedule: &Schedule, old: Ttl, now: Instant, place: f64) -> Ttl {
    let state = schedule.state_at(now);
    let bound = match state.bound {
        Bound::Open => old,
        Bound::Most(ttl) => ttl,
        Bound::Countdown(_) => {
            let spread = std::time::Duration::from_secs_f64(f64::from(schedule.spread.0) * place);
            let left = schedule.at.after(spread).since(now).as_secs();
            Ttl(u32::try_from(left).unwrap_or(u32::MAX).max(schedule.low_ttl.0))
        }
    };
    debug_assert!(schedule.lowering == Lowering::Countdown || !state.bound.counts_down());
    if state.data == Data::New { bound } else { bound.min(old) }
}
