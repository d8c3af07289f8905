//! What the compiler makes of a plan: every step with its instant, its serial and its reason, and when the
//! old data is gone from every conforming cache.
//!
//! A schedule is a function of the zone file, the plan and the run. When the old data is gone depends on since when
//! the plan was obeyed ([`Run::armed_at`]); what is *served* never depends on it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::guard::Guard;
use super::plan::{Arming, Lowering, Raising};
use super::run::{EndingKind, Run};
use super::serial::{Serial, Style};
use super::{Authority, Digest, StepId, Timeline};
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::wire::{Name, Rtype};
use crate::zone::Ttl;

/// A plan, worked out for a zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The zone.
    pub apex: Name,
    /// The digest of the plan's text.
    pub plan: Digest,
    /// The instant of the flips, *T*: the plan's, and as much later as holds have moved it.
    pub at: Instant,
    /// The time zone in which people speak of it.
    pub time_zone: TimeZone,
    /// How long caches may hold what they get around the instant, *r*.
    pub low_ttl: Ttl,
    /// How the plan comes to be obeyed.
    pub arming: Arming,
    /// How TTLs go down.
    pub lowering: Lowering,
    /// Over how long the deadlines of a countdown are spread.
    pub spread: Ttl,
    /// How TTLs go up again.
    pub raising: Raising,
    /// Who serves the zone besides, and must follow within so long (D).
    pub secondaries: Vec<SocketAddr>,
    /// D: how long the last of them may take.
    pub lag: Ttl,
    /// Where the plan stands.
    pub run: Run,
    /// What the zone's serials mean.
    pub serial_style: Style,
    /// The zone file's serial.
    pub serial: Serial,
    /// How long a cache may keep that something does not exist, in the zone file.
    pub negative_ttl: Ttl,
    /// What becomes of each RRset.
    pub courses: Vec<Course>,
    /// The hand-over of authority, if there is one.
    pub authority: Option<Authority>,
    /// What it has looked at, and what waits for it; `None` if nothing, or it is over.
    pub guard: Option<Box<Guard>>,
    /// The steps in order of time, each strictly later than the one before.
    pub steps: Vec<Step>,
    /// The steps that wait because the run is held or gates have not passed, with the instants that they would have had.
    pub waiting: Vec<Step>,
    /// For each flip, when the old data is gone.
    pub drains: Vec<Drain>,
    /// The editions: what is served when.
    pub timeline: Timeline,
    /// Warnings and notes.
    pub remarks: Vec<Diagnostic>,
}

/// One RRset's way through a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// The owner, as the zone writes it.
    pub owner: Name,
    /// The type.
    pub rtype: Rtype,
    /// What caches hold before the flip.
    pub held: Held,
    /// And for how long, if nothing is done about it: R.
    pub held_ttl: Ttl,
    /// How long caches may hold what they are told where it is removed: that there is none, or what a wildcard gives.
    pub gone_ttl: Ttl,
    /// What the RRset is before the flip; `None` if there is none.
    pub before: Option<Contents>,
    /// What it is in the end; `None` if there is none.
    pub after: Option<Contents>,
}

/// Something that happens to the zone at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its place among the steps.
    pub id: StepId,
    /// What it is for.
    pub kind: StepKind,
    /// When.
    pub from: Instant,
    /// The serial from then on; `None` of a step that lies before an edit of the zone file, or waits.
    pub serial: Option<Serial>,
    /// What is served from then on.
    pub state: State,
    /// Why then.
    pub reason: Reason,
}

/// What of a plan is served: which data, and with which TTLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Which data.
    pub data: Data,
    /// With which TTLs.
    pub bound: Bound,
}

impl State {
    /// The zone as its file has it.
    pub const FILE: State = State { data: Data::Old, bound: Bound::Open };
}

/// Which data is served of what a plan flips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Data {
    /// What the zone file has.
    Old,
    /// What the plan flips to.
    New,
}

/// How TTLs of what a plan flips are bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// Not at all.
    Open,
    /// They are this at most.
    Most(Ttl),
    /// They are what is left until the instant; in a transfer, this: a serial has one content.
    Countdown(Ttl),
}

impl Bound {
    /// Whether TTLs shrink with every second.
    pub fn counts_down(self) -> bool {
        matches!(self, Bound::Countdown(_))
    }
}

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// TTLs go down, so that caches forget in time.
    Lower,
    /// TTLs stay where the hold met them.
    Hold,
    /// The data changes.
    Flip,
    /// TTLs go up again.
    Raise,
    /// The old data comes back.
    Rollback,
    /// The plan is given up.
    Abort,
}

impl StepKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            StepKind::Lower => "lower",
            StepKind::Hold => "hold",
            StepKind::Flip => "flip",
            StepKind::Raise => "raise",
            StepKind::Rollback => "rollback",
            StepKind::Abort => "abort",
        }
    }
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What becomes of an RRset in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RrsetChange {
    /// The owner.
    pub owner: Name,
    /// The type.
    pub rtype: Rtype,
    /// What it was; `None` if there was none.
    pub before: Option<Contents>,
    /// What it is from then on; `None` if there is none.
    pub after: Option<Contents>,
}

/// The TTL and the records of an RRset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The TTL.
    pub ttl: Ttl,
    /// The records' data, uncompressed.
    pub rdatas: Vec<Box<[u8]>>,
}

/// Why a step is at its instant. *T* is the instant of the flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// T − x: what was handed out before, with x at most, is gone at T.
    OldTtlDrains {
        /// x, in seconds.
        old_ttl: Ttl,
        /// What caches keep from here on.
        low_ttl: Ttl,
        /// D: how long the last server takes to follow.
        lag: Ttl,
    },
    /// T − x, and with each second less.
    CountsDown {
        /// x, in seconds.
        old_ttl: Ttl,
        /// What caches keep at least.
        floor: Ttl,
        /// What caches keep that ask who has transferred the zone.
        rung: Ttl,
        /// D: how long the last server takes to follow.
        lag: Ttl,
    },
    /// The plan says so.
    Declared,
    /// From + wait: a TTL grows only as fast as confidence.
    Confidence {
        /// How long the data has proven itself by then.
        wait: Ttl,
        /// What it has proven itself since: T, or the rollback.
        since: Since,
        /// How long an answer lives until then, in seconds: what going back costs.
        low_ttl: Ttl,
        /// D: how long the last server takes to follow.
        lag: Ttl,
    },
    /// Its gates had not passed at its instant, and then did.
    Passed {
        /// How much later that was.
        late: Duration,
    },
    /// A person, or what watches for one, decided it.
    Decided,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Reason::OldTtlDrains { old_ttl, low_ttl, lag } => write!(
                f,
                "T - {}{}: an answer that was given the moment before, with the old TTL, is gone from every cache at T; \
                 what is given from here on is kept for {} only",
                Lag('-', lag),
                Length(old_ttl),
                Length(low_ttl),
            ),
            Reason::CountsDown { old_ttl, floor, rung, lag } => write!(
                f,
                "T - {}{}: an answer that was given the moment before, with the old TTL, is gone from every cache at T; \
                 what is given from here on is kept until T, and for {} at least; what a secondary gives, for {} only",
                Lag('-', lag),
                Length(old_ttl),
                Length(floor),
                Length(rung),
            ),
            Reason::Declared => write!(f, "T, the instant that the plan declares"),
            Reason::Confidence { wait, since, low_ttl, lag } => write!(
                f,
                "{since} + {}{}: a TTL grows only as fast as confidence; nothing may be kept longer than it has proven \
                 itself, and until here going back takes {} to reach every cache",
                Lag('+', lag),
                Length(wait),
                Length(low_ttl),
            ),
            Reason::Passed { late } => {
                write!(f, "{} later than it was to be: only then had its gates passed", Span(late.as_secs()))
            }
            Reason::Decided => write!(f, "decided then"),
        }
    }
}

impl Schedule {
    /// From when on no conforming cache may hold any old data, nor ask old name servers for it; `None` if nothing flips,
    /// or not until the run is resumed.
    pub fn horizon(&self) -> Option<Instant> {
        self.served_horizon().max(self.handed_over().map(Authority::horizon))
    }

    /// The same of what was served *here*, whoever else may be asked.
    pub fn served_horizon(&self) -> Option<Instant> {
        self.drains.iter().map(|drain| drain.horizon).max().filter(|_| self.is_to_stay())
    }

    /// Whether the new data is served at some instant, and from then on.
    fn is_to_stay(&self) -> bool {
        self.steps.last().is_some_and(|step| step.state.data == Data::New)
    }

    /// The hand-over, unless it was taken back or waits.
    pub(super) fn handed_over(&self) -> Option<&Authority> {
        self.authority.as_ref().filter(|_| self.courses.is_empty() || self.is_to_stay())
    }

    /// From when on no conforming cache may hold any new data; `None` if it was not rolled back.
    pub fn recovery(&self) -> Option<Instant> {
        let ending = self.run.ending.filter(|ending| ending.kind == EndingKind::RolledBack)?;
        let kept = self.run.base.kept_until.map(Instant::from_unix_nanos);
        kept.filter(|_| self.steps.iter().any(|step| step.kind == StepKind::Rollback)).map(|kept| kept.max(ending.at))
    }

    /// From when on the old service may be switched off: when resolvers with a minimum TTL of their own have forgotten
    /// it too; `None` if nothing flips.
    pub fn pessimistic_horizon(&self) -> Option<Instant> {
        let served = self.drains.iter().map(|drain| drain.pessimistic).max().filter(|_| self.is_to_stay());
        served.max(self.handed_over().map(Authority::pessimistic_horizon))
    }

    /// The step whose edition is served at `now`; `None` while that is the zone as its file has it.
    pub fn step_at(&self, now: Instant) -> Option<&Step> {
        self.steps.iter().rev().find(|step| step.from <= now)
    }

    /// What is served at `now`.
    pub fn state_at(&self, now: Instant) -> State {
        self.step_at(now).map_or(State::FILE, |step| step.state)
    }

    /// The serial that is served at `now`.
    pub fn serial_at(&self, now: Instant) -> Serial {
        Serial(self.timeline.at(now).serial)
    }

    /// Whether the new data is served at `now`.
    pub fn has_flipped(&self, now: Instant) -> bool {
        self.state_at(now).data == Data::New
    }

    /// The bound of TTLs in `state` at `now`; `None` if there is none.
    fn bound_at(&self, state: State, now: Instant) -> Option<Ttl> {
        match state.bound {
            Bound::Open => None,
            Bound::Most(ttl) => Some(ttl),
            Bound::Countdown(_) => Some(self.left(now)),
        }
    }

    /// What a countdown has come to at `now`, for the peer whose deadline is last.
    pub fn left(&self, now: Instant) -> Ttl {
        let left = self.at.after(seconds(self.spread)).since(now).as_secs();
        Ttl(u32::try_from(left).unwrap_or(u32::MAX).clamp(self.low_ttl.0, Ttl::MAX.0))
    }

    /// What `course` has in `state` at `now`.
    pub fn contents(&self, course: &Course, state: State, now: Instant) -> Option<Contents> {
        let contents = match state.data {
            Data::Old => course.before.as_ref(),
            Data::New => course.after.as_ref(),
        }?;
        let ttl = self.bound_at(state, now).map_or(contents.ttl, |bound| bound.min(contents.ttl));
        Some(Contents { ttl, rdatas: contents.rdatas.clone() })
    }

    /// What becomes of which RRsets in `step`, one of `steps` or of `waiting`.
    pub fn changes(&self, step: &Step) -> Vec<RrsetChange> {
        let all = || self.steps.iter().chain(&self.waiting);
        let before = all().take_while(|other| other.id < step.id).last().map_or(State::FILE, |before| before.state);
        self.courses
            .iter()
            .map(|course| RrsetChange {
                owner: course.owner.clone(),
                rtype: course.rtype,
                before: self.contents(course, before, step.from.before(Duration::from_nanos(1))),
                after: self.contents(course, step.state, step.from),
            })
            .filter(|change| change.before != change.after || step.state.bound.counts_down())
            .collect()
    }

    /// The longest time for which an answer that is given at `now`, in `state`, may be kept.
    fn longest_ttl(&self, state: State, now: Instant) -> Ttl {
        let ttl = |course: &Course| match self.contents(course, state, now) {
            Some(contents) => contents.ttl,
            // That there is none is kept too.
            None if state.data == Data::New => course.gone_ttl,
            None => course.held_ttl,
        };
        self.courses.iter().map(ttl).max().unwrap_or(Ttl(0))
    }

    /// By when every conforming cache has forgotten old data, if nothing else is given from `now` on.
    pub fn old_kept_until(&self, now: Instant) -> Instant {
        // Once the new data is served, the last of the old was given at T.
        let gone = self.drains.iter().map(|drain| drain.horizon).max().filter(|_| self.has_flipped(now));
        gone.unwrap_or_else(|| self.kept_until(now))
    }

    /// By when every conforming cache has forgotten what it was given before `now` of what the plan flips.
    pub fn kept_until(&self, now: Instant) -> Instant {
        let (armed_at, mut state) = (self.run.armed_at, State::FILE);
        let mut latest = match self.run.base.kept_until {
            Some(kept) => Instant::from_unix_nanos(kept),
            None => armed_at.min(now).after(seconds(self.longest_ttl(State::FILE, armed_at))),
        };
        for step in self.steps.iter().take_while(|step| step.from < now) {
            // What was scheduled before it was obeyed was not served.
            if step.from > armed_at {
                latest = latest.max(step.from.after(seconds(self.longest_ttl(state, step.from))));
            }
            state = step.state;
        }
        latest.max(now.after(seconds(self.longest_ttl(state, now)))).after(seconds(self.lag))
    }

    /// What going back at `now` would cost; `None` if there is nothing to go back from.
    pub fn rollback_price(&self, now: Instant) -> Option<Price> {
        let state = self.state_at(now);
        // TTLs never shrink once the data has flipped: what is given last is kept longest.
        let ttl = self.longest_ttl(state, now);
        // The last server goes on handing it out for D.
        let given_until = now.after(seconds(self.lag));
        (state.data == Data::New).then(|| Price { now, ttl, recovered_at: given_until.after(seconds(ttl)) })
    }

    /// By how much everything that waits would move if the run were resumed at `now`: not at all if nothing was due
    /// meanwhile. `None` if it is not held.
    pub fn shift_if_resumed(&self, now: Instant) -> Option<Duration> {
        self.run.is_held().then(|| self.due_if_resumed().map_or(Duration::ZERO, |due| now.since(due)))
    }

    /// Until when a hold moves nothing: until the next step that waits, and in a countdown, which it stops, not at all.
    /// `None` if nothing waits.
    pub fn due_if_resumed(&self) -> Option<Instant> {
        let stopped = self.steps.last().filter(|step| step.kind == StepKind::Hold);
        stopped.or(self.waiting.first()).map(|step| step.from)
    }

    /// The digest of what is to happen: instants, data, TTLs, serials.
    pub fn digest(&self) -> Digest {
        let mut text: Vec<u8> = self.apex.as_ref().to_lowercase().wire().to_vec();
        for course in &self.courses {
            text.extend_from_slice(course.owner.as_ref().to_lowercase().wire());
            text.extend_from_slice(&course.rtype.0.to_be_bytes());
            for contents in [&course.before, &course.after].into_iter().flatten() {
                text.extend_from_slice(&contents.ttl.0.to_be_bytes());
                let mut rdatas = contents.rdatas.clone();
                rdatas.sort();
                for rdata in rdatas {
                    text.extend_from_slice(&(rdata.len() as u64).to_be_bytes());
                    text.extend_from_slice(&rdata);
                }
            }
        }
        for step in self.steps.iter().chain(&self.waiting) {
            text.extend_from_slice(&step.from.unix_nanos().to_be_bytes());
            text.extend_from_slice(step.kind.name().as_bytes());
            text.extend_from_slice(&step.serial.map_or(0, |serial| serial.0).to_be_bytes());
            let bound = match step.state.bound {
                Bound::Open => u64::MAX,
                Bound::Countdown(rung) => 1 << 32 | u64::from(rung.0),
                Bound::Most(ttl) => u64::from(ttl.0),
            };
            text.extend_from_slice(&bound.to_be_bytes());
        }
        text.extend(self.authority.iter().flat_map(Authority::octets));
        Digest::of([self.plan.0.as_slice(), &text])
    }
}

/// What going back costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// When it would be done.
    pub now: Instant,
    /// How long the new data, given the moment before, may be kept.
    pub ttl: Ttl,
    /// From when on no conforming cache may hold the new data.
    pub recovered_at: Instant,
}

pub(super) fn seconds(ttl: Ttl) -> Duration {
    Duration::from_secs(u64::from(ttl.0))
}

/// When the old data of a flip is gone from every conforming cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// The owner of the RRset that flips.
    pub owner: Name,
    /// Its type.
    pub rtype: Rtype,
    /// What caches hold before the flip.
    pub held: Held,
    /// From this instant on no conforming cache holds it: the latest of `terms`.
    pub horizon: Instant,
    /// What it would be had the plan been obeyed in time.
    pub in_time: Instant,
    /// The same for resolvers that keep whatever they get for [`MINIMUM_TTL`] at least.
    pub pessimistic: Instant,
    /// What the horizon is the latest of.
    pub terms: Vec<Term>,
}

/// The minimum TTL that some resolvers set against what they are told, as far as one has to reckon with it.
pub const MINIMUM_TTL: Ttl = Ttl(300);

/// What caches hold of an RRset before it flips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// The old data.
    Data,
    /// That there is no such name or no such data (RFC 2308).
    Nothing,
    /// What a wildcard of this name gave for it (RFC 4592).
    Wildcard(Name),
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::Data => f.write_str("the old data"),
            Held::Nothing => f.write_str("that there is none (the smaller of the SOA's TTL and MINIMUM)"),
            Held::Wildcard(owner) => write!(f, "what the wildcard {owner} gave, or that there is none"),
        }
    }
}

/// An instant since which something is so, and how long caches may not notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Since when.
    pub since: Since,
    /// The longest TTL that was handed out until then.
    pub ttl: Ttl,
    /// D: how long the last server takes to follow.
    pub lag: Ttl,
}

/// The instants from which drains are reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// T, the flip.
    Flip,
    /// T1, since when the plan is obeyed, if that is later than it should be.
    Armed,
    /// K, by when caches have forgotten what they were given before the zone file was edited or the plan armed anew.
    Kept,
    /// B, the rollback.
    Rollback,
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Since::Flip => "T",
            Since::Armed => "T1",
            Since::Kept => "K",
            Since::Rollback => "B",
        })
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lag = if self.lag == Ttl(0) { String::new() } else { format!(" + D {}", Length(self.lag)) };
        match self.ttl {
            Ttl(0) => write!(f, "{}{lag}", self.since),
            ttl => write!(f, "{}{lag} + {}", self.since, Length(ttl)),
        }
    }
}

/// The arithmetic of a horizon: `max(T1 + 86400 s (1 d), T + 60 s)`.
pub(super) fn sum(terms: &[Term]) -> String {
    match terms {
        [only] => only.to_string(),
        terms => {
            let terms: Vec<_> = terms.iter().map(Term::to_string).collect();
            format!("max({})", terms.join(", "))
        }
    }
}

/// A length of time as a person reads it, the seconds first: they are what `dig` shows.
pub(super) struct Length(pub(super) Ttl);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.0;
        write!(f, "{seconds} s")?;
        if seconds > 60 { write!(f, " ({})", Span(u64::from(seconds))) } else { Ok(()) }
    }
}

/// D, with its sign, where there is one: ` D 600 s (10 min) -`.
struct Lag(char, Ttl);

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Ttl(0) => Ok(()),
            lag => write!(f, "D {} {} ", Length(lag), self.0),
        }
    }
}

/// Seconds in the units of everyday: `1 d 2 h`.
pub(super) struct Span(pub(super) u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(self.0 / 86400, "d"), (self.0 / 3600 % 24, "h"), (self.0 / 60 % 60, "min"), (self.0 % 60, "s")];
        let mut parts = units.iter().filter(|(count, _)| *count > 0).peekable();
        if parts.peek().is_none() {
            return f.write_str("0 s");
        }
        while let Some((count, unit)) = parts.next() {
            write!(f, "{count} {unit}")?;
            if parts.peek().is_some() {
                f.write_str(" ")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_show_seconds_first() {
        assert_eq!(Length(Ttl(60)).to_string(), "60 s");
        assert_eq!(Length(Ttl(86400)).to_string(), "86400 s (1 d)");
        assert_eq!(Length(Ttl(93_784)).to_string(), "93784 s (1 d 2 h 3 min 4 s)");
    }

    #[test]
    fn a_horizon_shows_its_arithmetic() {
        let flip = Term { since: Since::Flip, ttl: Ttl(60), lag: Ttl(0) };
        let armed = Term { since: Since::Armed, ttl: Ttl(86400), lag: Ttl(0) };
        assert_eq!(sum(&[flip]), "T + 60 s");
        assert_eq!(sum(&[armed, flip]), "max(T1 + 86400 s (1 d), T + 60 s)");
    }
}
