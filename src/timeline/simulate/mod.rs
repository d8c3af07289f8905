//! A plan on the virtual clock, against model caches: what they ask, and until when they hold old data.
//!
//! 1. What is answered is the schedule's own [`Timeline::view`](crate::timeline::Timeline::view), at the instant and to
//!    the address of the cache that asks. Nothing here knows what a rung or a countdown is.
//! 2. A cache asks, keeps the answer for as long as its class does, asks nobody meanwhile, and asks again.
//! 3. Caches know nothing of each other, so each goes its way from the beginning to the end alone: there is no queue of
//!    events, and what one draws by chance never moves another.
//! 4. Each cache is a resolver's copy of one RRset; the RRsets that flip are dealt out over the caches in turn.
//! 5. At the beginning, before anything is lowered, copies are of all ages, as they are where a zone has been served for
//!    long.
//! 6. Where there are secondaries, each serves a step as late as the plan lets it (D), and a cache asks any of the
//!    servers. The load that is told is ours alone.
//!
//! Bounded: the caches, the time that is looked at to the second, and all answers together ([`ANSWERS_MAX`]). Where
//! answers run out, fewer caches are followed, and the outcome says how many.

mod axis;
mod chance;
mod handover;
mod outcome;
mod picture;
mod population;
mod scale;
mod served;
mod svg;
#[cfg(test)]
mod tests;
mod ways;

use std::net::IpAddr;
use std::time::Duration;

pub use axis::Axis;
pub use handover::{HandOver, ResolverOutcome};
pub use outcome::{Bucket, ClassOutcome, Outcome, Peak};
pub use picture::{compared, picture};
pub use population::{Asks, CACHES_MAX, Class, Population};
pub use svg::svg;
pub use ways::ways;

use super::schedule::seconds;
use super::{Held, Schedule};
use crate::clock::Instant;
use crate::zone::Ttl;
use chance::Chance;
use outcome::Tally;
use served::Served;

/// The most answers that all caches together get.
pub const ANSWERS_MAX: u64 = 50_000_000;
/// The least time before T that is looked at.
const LEAD_MIN: Duration = Duration::from_secs(600);
/// The most, on either side of it: a year.
const LEAD_MAX: Duration = Duration::from_secs(31_536_000);
/// One day.
const DAY: Duration = Duration::from_secs(86_400);

/// Runs `schedule` against `population`; `None` if nothing flips and no authority is handed over, or not until the run
/// is resumed.
pub fn simulate(schedule: &Schedule, population: &Population) -> Option<Outcome> {
    let window = Window::of(schedule, schedule.pessimistic_horizon()?);
    let mut tally = Tally::new(schedule, population, &window)?;
    if schedule.served_horizon().is_some() {
        let mut served = Served::new(schedule);
        let mut left = ANSWERS_MAX;
        for number in 0..population.caches.min(CACHES_MAX) {
            let cache = Cache::new(schedule, population, number);
            tally.begin(cache.class, cache.course);
            left = left.saturating_sub(cache.follow(schedule, &window, &mut served, &mut tally, left));
            if left == 0 {
                break;
            }
        }
    }
    let mut outcome = tally.finish();
    if let Some(authority) = schedule.handed_over() {
        let edges: Vec<_> = outcome.buckets.iter().map(|bucket| bucket.from).chain([window.axis.end]).collect();
        let resolvers = population.caches.min(CACHES_MAX);
        let done = (schedule.at, schedule.lag);
        outcome.hand_over = Some(handover::follow(authority, done, &edges, resolvers, population.seed));
    }
    Some(outcome)
}

/// The time that is looked at.
struct Window {
    axis: Axis,
    /// Since when what is asked counts as asked in the last time before T.
    last: Instant,
}

impl Window {
    fn of(schedule: &Schedule, pessimistic: Instant) -> Window {
        let at = schedule.at;
        let held = schedule.courses.iter().map(|course| seconds(course.held_ttl)).max().unwrap_or(DAY);
        let first = schedule.steps.first().map_or(at, |step| step.from).min(at);
        let lead = at.since(first.min(schedule.run.armed_at.max(at.before(held)))).clamp(LEAD_MIN, LEAD_MAX);
        // A while of the ordinary is seen too.
        let mut begin = at.before(lead + lead / 3);
        if schedule.run.base.kept_until.is_some() {
            begin = begin.max(schedule.run.based_at);
        }
        let begin = begin.whole_seconds();
        let drain = pessimistic.since(at).min(LEAD_MAX);
        let end = at.after(lead.max(drain + drain / 2));
        let near = seconds(schedule.low_ttl.max(Ttl(20))) / 2;
        Window { axis: Axis { at, begin, end, near }, last: at.before(held.clamp(Duration::from_secs(1), DAY)) }
    }
}

/// One cache.
struct Cache<'a> {
    /// What it does, and the number of its class.
    behaves: &'a Class,
    class: usize,
    /// What it asks for: the number of a course.
    course: usize,
    peer: IpAddr,
    chance: Chance,
}

impl<'a> Cache<'a> {
    fn new(schedule: &Schedule, population: &'a Population, number: u32) -> Cache<'a> {
        let mut chance = Chance::new(population.seed, u64::from(number));
        let class = population.class_of(number);
        let behaves = population.classes.get(class).unwrap_or(&Class::CONFORMING);
        let course = number as usize % schedule.courses.len().max(1);
        Cache { behaves, class, course, peer: population::address(&mut chance), chance }
    }

    /// Follows it through the window, for `most` answers; gives how many it got.
    fn follow(
        mut self,
        schedule: &Schedule,
        window: &Window,
        served: &mut Served<'_>,
        tally: &mut Tally,
        most: u64,
    ) -> u64 {
        let servers = 1 + schedule.secondaries.len() as u64;
        let lag = seconds(schedule.lag);
        let mut now = self.enter(schedule, window, served, tally);
        let mut answers = 0;
        while now < window.axis.end && answers < most {
            answers += 1;
            let is_ours = servers == 1 || self.chance.bits().is_multiple_of(servers);
            let asked_at = if is_ours { now } else { now.before(lag) };
            let answer = served.answer(self.course, asked_at, self.peer);
            // What may not be kept at all is asked for once a second.
            let gone_at = now.after(self.behaves.keeps(answer.ttl).max(Duration::from_secs(1)));
            tally.asked(now, is_ours);
            if answer.is_old {
                let kept = self.behaves.keeps(answer.ttl);
                tally.held(now, now.after(kept));
            }
            now = self.next(gone_at);
        }
        answers
    }

    /// Rule 5: it holds something already, or waits for somebody to want it. Gives when it asks first.
    fn enter(&mut self, schedule: &Schedule, window: &Window, served: &mut Served<'_>, tally: &mut Tally) -> Instant {
        let begin = window.axis.begin;
        let answer = served.answer(self.course, begin.before(Duration::from_secs(1)), self.peer);
        let mut kept = self.behaves.keeps(answer.ttl);
        // What was served before the zone was edited is known by when it is gone, and by nothing else.
        let before = schedule.run.base.kept_until.map(Instant::from_unix_nanos);
        let is_old = match before {
            Some(kept_until) => {
                kept = kept_until.since(begin).min(seconds(self.behaves.most));
                true
            }
            None => answer.is_old,
        };
        if let Asks::AtRandom(mean) = self.behaves.asks {
            let holds = kept.as_secs_f64() / (kept + mean).as_secs_f64().max(1e-9);
            if self.chance.share() >= holds {
                return begin.after(self.chance.wait(mean));
            }
        }
        let gone_at = begin.after(self.chance.part(kept));
        if is_old {
            tally.held(begin, gone_at);
        }
        self.next(gone_at)
    }

    /// When it asks again, whose copy is gone at `gone_at`.
    fn next(&mut self, gone_at: Instant) -> Instant {
        match self.behaves.asks {
            Asks::AtOnce => gone_at,
            Asks::AtRandom(mean) => gone_at.after(self.chance.wait(mean)),
        }
    }
}

/// Whether an RRset is the one that load is told of: it has old data, with the longest TTL.
fn is_leading(schedule: &Schedule, course: usize) -> bool {
    let longest = |held: bool| {
        let some = schedule.courses.iter().filter(|course| !held || course.held == Held::Data);
        some.map(|course| course.held_ttl).max()
    };
    let leading = longest(true).or_else(|| longest(false));
    let only_data = longest(true).is_some();
    schedule
        .courses
        .get(course)
        .is_some_and(|course| Some(course.held_ttl) == leading && (!only_data || course.held == Held::Data))
}
