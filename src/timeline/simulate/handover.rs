//! A hand-over of authority against model resolvers: who still asks the old name servers, and until when.
//!
//! A resolver asks the zone's servers now and then. It asks those that it knows: by the zone's own NS records, if it
//! believes in them and has them, else by the parent's; when it has neither, it asks the parent. Every server tells the
//! NS records that it has with its answer. What the classes make of that is in [`Knowledge::learn`].

use std::time::Duration;

use super::chance::Chance;
use crate::clock::Instant;
use crate::timeline::authority::{Authority, ResolverClass};
use crate::timeline::schedule::{MINIMUM_TTL, seconds};
use crate::zone::Ttl;

/// How many there are of each class, against the others: a model and no measurement. Most believed the zone in 2019;
/// BIND believes the parent alone since 2026.
const WEIGHTS: [(ResolverClass, u64); 5] = [
    (ResolverClass::ParentCentric, 30),
    (ResolverClass::ChildCentric, 40),
    (ResolverClass::ChildCentricAtWorst, 15),
    (ResolverClass::Sticky, 5),
    (ResolverClass::MinimumTtl, 10),
];
/// How often a resolver asks, at most and on average.
const OFTEN: Duration = Duration::from_secs(900);
/// How often it asks in the time that is looked at, at most and on average.
const TIMES: u32 = 1500;

/// What came of a hand-over.
#[derive(Clone, Debug, PartialEq)]
pub struct HandOver {
    /// How many resolvers there were.
    pub resolvers: u32,
    /// The share of them that would ask an old server when each part of the time begins.
    pub asking_old: Vec<f64>,
    /// What became of each class.
    pub classes: Vec<ResolverOutcome>,
    /// How often an old server was asked after it was promised to be no more.
    pub overdue: u64,
}

/// What became of a class of resolvers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResolverOutcome {
    /// How they learn of name servers.
    pub class: ResolverClass,
    /// How many there were.
    pub resolvers: u32,
    /// When the last of them asked an old server; `None` if none did.
    pub last_asked: Option<Instant>,
    /// By when they were promised to have followed; `None` if nothing but the silence of the old servers makes them.
    pub promised: Option<Instant>,
}

/// Which servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Old,
    New,
}

/// The servers that a resolver knows of, and until when.
#[derive(Clone, Copy, Debug, Default)]
struct Knowledge {
    of_parent: Option<(Side, Instant)>,
    of_zone: Option<(Side, Instant)>,
}

/// Who says what from when on.
#[derive(Clone, Copy)]
struct World {
    /// From when the parent names the new servers.
    registered_at: Instant,
    /// From when the old servers name the new ones too; `None`: never.
    follows_at: Option<Instant>,
    parent_ttl: Ttl,
    child_ttl: Ttl,
}

impl Knowledge {
    /// Which servers it asks `now`; it asks the parent first if it knows of none.
    fn ask(&mut self, world: &World, now: Instant) -> Side {
        let fresh = |known: Option<(Side, Instant)>| known.filter(|&(_, until)| now < until).map(|(side, _)| side);
        self.of_zone = self.of_zone.filter(|&(_, until)| now < until);
        if let Some(side) = fresh(self.of_zone).or_else(|| fresh(self.of_parent)) {
            return side;
        }
        let side = if now < world.registered_at { Side::Old } else { Side::New };
        self.of_parent = Some((side, now.after(seconds(world.parent_ttl))));
        side
    }

    /// What a resolver of `class` makes of what the servers of `side` say of themselves `now`.
    fn learn(&mut self, class: ResolverClass, world: &World, side: Side, now: Instant) {
        let told = match side {
            Side::Old if world.follows_at.is_none_or(|at| now < at) => Side::Old,
            _ => Side::New,
        };
        let known = Some((told, now.after(seconds(world.child_ttl))));
        match class {
            ResolverClass::ParentCentric => {}
            ResolverClass::Sticky => self.of_zone = known,
            ResolverClass::ChildCentric if self.of_zone.is_none() => {
                // The zone's take the parent's place.
                (self.of_zone, self.of_parent) = (known, None);
            }
            ResolverClass::ChildCentricAtWorst | ResolverClass::MinimumTtl if self.of_zone.is_none() => {
                self.of_zone = known;
            }
            _ => {}
        }
    }
}

/// Follows `resolvers` resolvers through `authority`, done at `at` and by the last secondary `lag` later, over the
/// time between the first and the last of `edges`.
pub(super) fn follow(
    authority: &Authority,
    (at, lag): (Instant, Ttl),
    edges: &[Instant],
    resolvers: u32,
    seed: u64,
) -> HandOver {
    let promised = |class| authority.horizons.iter().find(|horizon| horizon.class == class).and_then(|one| one.asks.at);
    let mut classes =
        WEIGHTS.map(|(class, _)| ResolverOutcome { class, resolvers: 0, last_asked: None, promised: promised(class) });
    let (mut more, mut overdue) = (vec![0i64; edges.len()], 0);
    let end = edges.last().copied().unwrap_or(at);
    let whole: u64 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
    for number in 0..resolvers {
        let mut chance = Chance::new(!seed, u64::from(number));
        let mut place = chance.bits() % whole.max(1);
        let drawn = WEIGHTS.iter().position(|&(_, weight)| {
            let is_it = place < weight;
            place = place.saturating_sub(weight);
            is_it
        });
        let Some(outcome) = drawn.and_then(|drawn| classes.get_mut(drawn)) else { continue };
        outcome.resolvers += 1;
        let world = World::of(authority, outcome.class, at.after(seconds(lag)));
        // Long enough before T that all are at different points of what they know.
        let before = seconds(world.parent_ttl) + seconds(world.child_ttl);
        let mut now = at.before(before + chance.part(before));
        let mean = OFTEN.max(end.since(now) / TIMES);
        let mut knowledge = Knowledge::default();
        for _ in 0..TIMES * 8 {
            if now >= end {
                break;
            }
            let side = knowledge.ask(&world, now);
            knowledge.learn(outcome.class, &world, side, now);
            let next = now.after(chance.wait(mean));
            if side == Side::Old {
                outcome.last_asked = outcome.last_asked.max(Some(now));
                overdue += u64::from(outcome.promised.is_some_and(|promised| now >= promised));
                let [begins, ends] = [now, next].map(|instant| edges.partition_point(|&edge| edge < instant));
                for (edge, step) in [(begins, 1), (ends, -1)] {
                    if let Some(more) = more.get_mut(edge) {
                        *more += step;
                    }
                }
            }
            now = next;
        }
    }
    let mut asking = 0;
    let asking_old = more.iter().take(edges.len().saturating_sub(1)).map(|more| {
        asking += more;
        asking as f64 / f64::from(resolvers.max(1))
    });
    HandOver { resolvers, asking_old: asking_old.collect(), classes: classes.into(), overdue }
}

impl World {
    fn of(authority: &Authority, class: ResolverClass, follows_at: Instant) -> World {
        let minimum = if class.is_conforming() { Ttl(0) } else { MINIMUM_TTL };
        World {
            registered_at: authority.registered_at,
            follows_at: authority.old_follows.then_some(follows_at),
            parent_ttl: authority.parent_ttl.max(authority.glue_ttl.unwrap_or(Ttl(0))).max(minimum),
            child_ttl: authority.child_ttl.max(minimum),
        }
    }
}
