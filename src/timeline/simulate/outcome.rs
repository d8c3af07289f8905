//! What came of a simulation: how many hold old data when, what our server is asked, and whether promises were kept.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::{Axis, HandOver, Population, ResolverOutcome, Window};
use crate::clock::Instant;
use crate::timeline::plan::Lowering;
use crate::timeline::{Schedule, show};
use crate::zone::Ttl;

/// How many parts the time that is looked at is cut into, at most.
const BUCKETS: u32 = 240;
/// The most seconds whose load is counted one by one; further away from T, nothing is that near.
const SECONDS_MAX: usize = 40_000_000;

/// What came of a simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How TTLs went down.
    pub lowering: Lowering,
    /// To what.
    pub low_ttl: Ttl,
    /// Over how long the deadlines of a countdown were spread.
    pub spread: Ttl,
    /// What chance began with.
    pub seed: u64,
    /// How many caches were followed.
    pub caches: u32,
    /// How many answers they got.
    pub answers: u64,
    /// The time that was looked at, T in it.
    pub axis: Axis,
    /// From when on no conforming cache may hold old data: what was promised.
    pub horizon: Instant,
    /// The same for those with a minimum TTL of their own.
    pub pessimistic: Instant,
    /// What happened, in parts.
    pub buckets: Vec<Bucket>,
    /// What became of each class.
    pub classes: Vec<ClassOutcome>,
    /// When most was asked.
    pub peak: Peak,
    /// Before T, the seconds in which queries per cache are counted: the last day, or R.
    pub last: u64,
    /// How many copies outlived what was promised for their RRset and class. None should.
    pub overdue: u64,
    /// What became of the hand-over of authority, if there is one.
    pub hand_over: Option<HandOver>,
}

/// A part of the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// From when.
    pub from: Instant,
    /// Until when.
    pub until: Instant,
    /// The share of all caches that hold old data when it begins.
    pub old: f64,
    /// What our server is asked in a second, on average.
    pub load: f64,
    /// What it is asked in the worst second.
    pub peak: u32,
}

/// The most that was asked in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peak {
    /// How much.
    pub queries: u32,
    /// In which second.
    pub at: Instant,
}

/// What became of a class of caches.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassOutcome {
    /// What they do.
    pub name: &'static str,
    /// Whether they never keep anything for longer than they are told.
    pub is_conforming: bool,
    /// How many there were.
    pub caches: u32,
    /// When the last of them forgot the old data; `None` if none held any.
    pub last_old: Option<Instant>,
    /// By when they were promised to have.
    pub promised: Instant,
    /// How often each asked for the RRset with the longest TTL in the last time before T; `None` if none asked for it.
    pub queries: Option<f64>,
}

impl Outcome {
    /// How often a cache of the first class, which obeys TTLs and is always asked, asked in the last time before T.
    pub fn queries_per_cache(&self) -> Option<f64> {
        self.classes.first()?.queries
    }

    /// When the last conforming cache forgot the old data.
    pub fn last_old(&self) -> Option<Instant> {
        let conforming = self.classes.iter().filter(|class| class.is_conforming);
        conforming.filter_map(|class| class.last_old).max()
    }

    /// The share of all caches that hold old data at `instant`.
    pub fn old_at(&self, instant: Instant) -> f64 {
        let part = self.buckets.partition_point(|bucket| bucket.from <= instant).saturating_sub(1);
        self.buckets.get(part).map_or(0.0, |bucket| bucket.old)
    }
}

impl Outcome {
    /// The share of resolvers that would ask an old name server at `instant`; 0 if no authority is handed over.
    pub fn asking_old_at(&self, instant: Instant) -> f64 {
        let part = self.buckets.partition_point(|bucket| bucket.from <= instant).saturating_sub(1);
        self.hand_over.as_ref().and_then(|hand_over| hand_over.asking_old.get(part).copied()).unwrap_or(0.0)
    }
}

/// What is counted while caches are followed.
pub(super) struct Tally {
    outcome: Outcome,
    last: Instant,
    edges: Vec<Instant>,
    /// How many more hold old data from each edge on.
    more: Vec<i64>,
    /// What is asked of us in each second.
    seconds: Vec<u32>,
    first_second: Instant,
    /// What is promised for each RRset: to conforming caches, and to others.
    promised: Vec<[Instant; 2]>,
    is_conforming: Vec<bool>,
    is_leading: Vec<bool>,
    /// For each class: the caches of leading RRsets, and what they asked.
    leading: Vec<(u32, u64)>,
    class: usize,
    course: usize,
}

impl Tally {
    /// `None` if nothing is promised.
    pub(super) fn new(schedule: &Schedule, population: &Population, window: &Window) -> Option<Tally> {
        // Of what is served here, if anything is; who asks other servers is another matter.
        let horizon = schedule.served_horizon().or(schedule.horizon())?;
        let late = schedule.drains.iter().map(|drain| drain.pessimistic).max();
        let pessimistic = late.or(schedule.pessimistic_horizon())?;
        let axis = window.axis;
        let edges = axis.edges(BUCKETS);
        let is_conforming: Vec<_> = population.classes.iter().map(super::Class::is_conforming).collect();
        let promised_to = |conforming: &bool| if *conforming { horizon } else { pessimistic };
        let classes = population.classes.iter().zip(&is_conforming).map(|(class, conforming)| ClassOutcome {
            name: class.name,
            is_conforming: *conforming,
            caches: 0,
            last_old: None,
            promised: promised_to(conforming),
            queries: None,
        });
        let count = usize::try_from(axis.end.since(axis.begin).as_secs()).unwrap_or(SECONDS_MAX).min(SECONDS_MAX) + 2;
        Some(Tally {
            outcome: Outcome {
                lowering: schedule.lowering,
                low_ttl: schedule.low_ttl,
                spread: schedule.spread,
                seed: population.seed,
                caches: 0,
                answers: 0,
                axis,
                horizon,
                pessimistic,
                buckets: Vec::new(),
                classes: classes.collect(),
                peak: Peak { queries: 0, at: axis.begin },
                last: axis.at.since(window.last).as_secs(),
                overdue: 0,
                hand_over: None,
            },
            last: window.last,
            more: vec![0; edges.len()],
            edges,
            seconds: vec![0; count],
            first_second: axis.end.whole_seconds().before(std::time::Duration::from_secs(count as u64 - 2)),
            promised: schedule.drains.iter().map(|drain| [drain.horizon, drain.pessimistic]).collect(),
            leading: vec![(0, 0); is_conforming.len()],
            is_conforming,
            is_leading: (0..schedule.courses.len()).map(|course| super::is_leading(schedule, course)).collect(),
            class: 0,
            course: 0,
        })
    }

    /// What comes next is of a cache of `class` that asks for `course`.
    pub(super) fn begin(&mut self, class: usize, course: usize) {
        (self.class, self.course) = (class, course);
        self.outcome.caches += 1;
        if let Some(class) = self.outcome.classes.get_mut(class) {
            class.caches += 1;
        }
        if self.leads()
            && let Some((caches, _)) = self.leading.get_mut(class)
        {
            *caches += 1;
        }
    }

    fn leads(&self) -> bool {
        self.is_leading.get(self.course) == Some(&true)
    }

    /// It asks, and an answer is given by us or by a secondary.
    pub(super) fn asked(&mut self, now: Instant, is_ours: bool) {
        self.outcome.answers += 1;
        if is_ours && now >= self.first_second {
            let second = usize::try_from(now.since(self.first_second).as_secs()).unwrap_or(usize::MAX);
            if let Some(count) = self.seconds.get_mut(second) {
                *count += 1;
            }
        }
        if now >= self.last
            && now < self.outcome.axis.at
            && self.leads()
            && let Some((_, asked)) = self.leading.get_mut(self.class)
        {
            *asked += 1;
        }
    }

    /// It holds old data from `from` until `gone_at`.
    pub(super) fn held(&mut self, from: Instant, gone_at: Instant) {
        let [begins, ends] = [from, gone_at].map(|instant| self.edges.partition_point(|&edge| edge < instant));
        for (edge, step) in [(begins, 1), (ends, -1)] {
            if let Some(more) = self.more.get_mut(edge) {
                *more += step;
            }
        }
        let conforming = self.is_conforming.get(self.class) == Some(&true);
        let promised = self.promised.get(self.course).map(|both| both[usize::from(!conforming)]);
        self.outcome.overdue += u64::from(promised.is_some_and(|promised| gone_at > promised));
        if let Some(class) = self.outcome.classes.get_mut(self.class) {
            class.last_old = class.last_old.max(Some(gone_at));
        }
    }

    pub(super) fn finish(self) -> Outcome {
        let Tally { mut outcome, edges, more, seconds, first_second, leading, .. } = self;
        for (class, (caches, asked)) in outcome.classes.iter_mut().zip(leading) {
            class.queries = (caches > 0).then(|| asked as f64 / f64::from(caches));
        }
        let second = |instant: Instant| {
            usize::try_from(instant.since(first_second).as_secs()).unwrap_or(usize::MAX).min(seconds.len())
        };
        let mut old = 0;
        for (pair, more) in edges.windows(2).zip(&more) {
            old += more;
            let (from, until) = (pair[0], pair[1]);
            let within = seconds.get(second(from)..second(until)).unwrap_or_default();
            let asked: u64 = within.iter().copied().map(u64::from).sum();
            outcome.buckets.push(Bucket {
                from,
                until,
                old: old as f64 / f64::from(outcome.caches.max(1)),
                load: asked as f64 / until.since(from).as_secs_f64(),
                peak: within.iter().copied().max().unwrap_or(0),
            });
        }
        let most = seconds.iter().copied().max().unwrap_or(0);
        // The first such second.
        if let Some(at) = seconds.iter().position(|&count| count == most) {
            let at = first_second.after(std::time::Duration::from_secs(at as u64));
            outcome.peak = Peak { queries: most, at };
        }
        outcome
    }
}

/// Three digits after the point are enough for anybody, and the same on every machine.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// Instants are UTC in RFC 3339 form, to the millisecond; `offset` is seconds from T.
impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Part {
            offset: f64,
            seconds: f64,
            holding_old: f64,
            queries_per_second: f64,
            peak_per_second: u32,
            #[serde(skip_serializing_if = "Option::is_none")]
            asking_old: Option<f64>,
        }
        #[derive(Serialize)]
        struct OfClass {
            class: &'static str,
            caches: u32,
            queries_per_cache: Option<f64>,
            last_old: Option<String>,
            promised: String,
            to_spare: Option<f64>,
        }
        #[derive(Serialize)]
        struct OfPeak {
            queries: u32,
            at: String,
            offset: f64,
        }
        let said = |instant: Instant| {
            show::rfc3339(Instant::from_unix_nanos(instant.unix_nanos().div_euclid(1_000_000) * 1_000_000))
        };
        let asking = |number: usize| self.hand_over.as_ref()?.asking_old.get(number).copied();
        let part = |(number, bucket): (usize, &Bucket)| Part {
            asking_old: asking(number).map(|share| (share * 1e6).round() / 1e6),
            offset: rounded(self.axis.offset(bucket.from)),
            seconds: rounded(bucket.until.since(bucket.from).as_secs_f64()),
            holding_old: (bucket.old * 1e6).round() / 1e6,
            queries_per_second: rounded(bucket.load),
            peak_per_second: bucket.peak,
        };
        let class = |class: &ClassOutcome| OfClass {
            class: class.name,
            caches: class.caches,
            queries_per_cache: class.queries.map(rounded),
            last_old: class.last_old.map(said),
            promised: said(class.promised),
            to_spare: class.last_old.map(|last| rounded(class.to_spare(last))),
        };
        let peak = OfPeak {
            queries: self.peak.queries,
            at: said(self.peak.at),
            offset: rounded(self.axis.offset(self.peak.at)),
        };
        #[derive(Serialize)]
        struct OfResolvers {
            class: &'static str,
            resolvers: u32,
            last_asked: Option<String>,
            promised: Option<String>,
        }
        #[derive(Serialize)]
        struct OfHandOver {
            resolvers: u32,
            overdue: u64,
            classes: Vec<OfResolvers>,
        }
        let resolvers = |one: &ResolverOutcome| OfResolvers {
            class: one.class.name(),
            resolvers: one.resolvers,
            last_asked: one.last_asked.map(said),
            promised: one.promised.map(said),
        };
        let hand_over = self.hand_over.as_ref().map(|hand_over| OfHandOver {
            resolvers: hand_over.resolvers,
            overdue: hand_over.overdue,
            classes: hand_over.classes.iter().map(resolvers).collect(),
        });
        let mut json = serializer.serialize_struct("Outcome", 16)?;
        json.serialize_field("lower", &self.lowering)?;
        json.serialize_field("low_ttl", &self.low_ttl.0)?;
        json.serialize_field("spread", &self.spread.0)?;
        json.serialize_field("seed", &self.seed)?;
        json.serialize_field("caches", &self.caches)?;
        json.serialize_field("answers", &self.answers)?;
        json.serialize_field("at", &said(self.axis.at))?;
        json.serialize_field("horizon", &said(self.horizon))?;
        json.serialize_field("old_service_until", &said(self.pessimistic))?;
        json.serialize_field("counted_seconds", &self.last)?;
        json.serialize_field("queries_per_cache", &self.queries_per_cache().map(rounded))?;
        json.serialize_field("peak", &peak)?;
        json.serialize_field("overdue", &self.overdue)?;
        json.serialize_field("classes", &self.classes.iter().map(class).collect::<Vec<_>>())?;
        json.serialize_field("hand_over", &hand_over)?;
        json.serialize_field("series", &self.buckets.iter().enumerate().map(part).collect::<Vec<_>>())?;
        json.end()
    }
}

impl ClassOutcome {
    /// How many seconds before the promised instant `last` is; negative if it is later.
    pub(super) fn to_spare(&self, last: Instant) -> f64 {
        match last <= self.promised {
            true => self.promised.since(last).as_secs_f64(),
            false => -last.since(self.promised).as_secs_f64(),
        }
    }
}
