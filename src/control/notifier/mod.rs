//! Whom a change of a zone is told (NOTIFY, RFC 1996), when, and what came of it.
//!
//! ```text
//!                 ┌──────────────── changed again ◄────────────┐
//!  changed ─► waiting ─► under way ─┬─► acknowledged ──────────┤
//!                ▲                  ├─► refused ───────────────┘
//!                └─ longer pauses ──┴─► not answered, or not to be believed
//! ```
//!
//! 1. A zone's newest serial is told, and nothing of those before it: what changes while a notice waits or is under way, or
//!    within [`GAP`] of the last, is one notice.
//! 2. In all, so many are sent in a second as the configuration says, and to one secondary [`UNDER_WAY_MAX`] are under way
//!    at most. A hundred thousand zones that change at one instant wait here, by turns of the secondaries.
//! 3. What is not answered is sent again after pauses that double, up to [`PAUSE_MAX`] (RFC 1996 § 3.6 leaves the way
//!    open). A secondary that was silent is tried with one zone at a time; when it answers again, all that waits for it is due.
//! 4. Who refuses has heard it (§ 3.6 again), and is not told again before the next change, unless it says SERVFAIL.
//! 5. Nobody is given up: to a secondary that is gone goes one datagram in [`PAUSE_MAX`].
//!
//! Nothing here sends anything: what is to be sent comes out, and what was answered goes in.

mod server;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::names;
use super::report::{Level, Report};
use crate::timeline::Serial;
use crate::timeline::plan::patterns::Patterns;
use crate::wire::{Name, Rcode};
use server::{Change, Server};
pub use server::{Count, State};

/// How many notices go out in a second if nothing is said.
pub const RATE_DEFAULT: usize = 500;
/// The least time between two notices of one zone to one secondary.
pub const GAP: Duration = Duration::from_millis(500);
/// How many are under way to one secondary at most.
pub const UNDER_WAY_MAX: usize = 16;
/// The pauses after which what was not answered is sent again.
pub const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest of them.
pub const PAUSE_MAX: Duration = Duration::from_secs(900);
/// In pieces of this length the rate is kept.
const SLOT: Duration = Duration::from_millis(20);

/// Where, and how, somebody is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// The key to sign with.
    pub key: Option<Name>,
    /// The address to send from; `None` leaves it to the system.
    pub source: Option<IpAddr>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address.port() {
            53 => write!(f, "{}", self.address.ip())?,
            _ => write!(f, "{}", self.address)?,
        }
        self.key.as_ref().map_or(Ok(()), |key| write!(f, " (key {})", names::shown(key.as_ref())))
    }
}

/// A secondary that is told of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secondary {
    /// Where, and how.
    pub target: Arc<Target>,
    /// Of which zones.
    pub zones: Patterns,
}

/// Who is told, and how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The secondaries.
    pub secondaries: Arc<[Secondary]>,
    /// The most notices in a second.
    pub rate: usize,
}

impl Default for Told {
    fn default() -> Told {
        Told { secondaries: Arc::default(), rate: RATE_DEFAULT }
    }
}

/// A notice that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// To whom.
    pub target: Arc<Target>,
    /// Of which zone.
    pub apex: Name,
    /// What its serial has become, at least.
    pub serial: Serial,
}

/// What came of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An answer, which can be believed.
    Answer(Rcode),
    /// An answer that can't be believed, or to what we could not sign: what it was.
    Unsure(String),
    /// Nothing, and why.
    Nothing(String),
}

/// What was sent since the start, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Notices that were sent, again and again ones included.
    pub sent: u64,
    /// Answers that say NOERROR.
    pub acknowledged: u64,
    /// Other answers.
    pub refused: u64,
    /// Notices that were not answered.
    pub unanswered: u64,
}

/// Everybody who is told, and of what.
#[derive(Debug, Default)]
pub struct Notifier {
    told: Told,
    servers: BTreeMap<Arc<Target>, Server>,
    tally: Tally,
    /// When the rate lets more be sent, and how many may be until then.
    slot: Option<(Instant, usize)>,
    /// Whose turn it was last.
    last: Option<Arc<Target>>,
}

impl Notifier {
    /// From now on those are told; who no longer is, is forgotten. `zones` are all that are served, each with the
    /// secondaries that its plan names.
    pub fn tell<'z>(
        &mut self,
        told: Told,
        zones: impl Iterator<Item = (&'z Name, Serial, &'z [SocketAddr])>,
        now: Instant,
    ) {
        self.told = told;
        for (apex, serial, besides) in zones {
            self.changed(apex, serial, besides, now);
        }
        self.servers.retain(|_, server| !server.is_empty());
    }

    /// The zone `apex` is served with `serial`; `besides` are secondaries that its plan names.
    pub fn changed(&mut self, apex: &Name, serial: Serial, besides: &[SocketAddr], now: Instant) {
        let targets = self.targets(apex, besides);
        for (target, server) in &mut self.servers {
            if !targets.contains(target) {
                server.forget(apex);
            }
        }
        for target in targets {
            self.servers.entry(target).or_default().changed(apex, serial, now);
        }
    }

    /// The zone `apex` is no longer served.
    pub fn forget(&mut self, apex: &Name) {
        self.servers.values_mut().for_each(|server| server.forget(apex));
    }

    /// Who is told of `apex`. One whom only a plan names is told as the configuration says of its address.
    fn targets(&self, apex: &Name, besides: &[SocketAddr]) -> Vec<Arc<Target>> {
        let named = self.told.secondaries.iter();
        let mut targets: Vec<_> =
            named.filter(|named| named.zones.has(apex)).map(|named| named.target.clone()).collect();
        for &address in besides {
            if targets.iter().any(|target| target.address == address) {
                continue;
            }
            let known = self.told.secondaries.iter().find(|named| named.target.address == address);
            targets.push(
                known.map_or_else(
                    || Arc::new(Target { address, key: None, source: None }),
                    |known| known.target.clone(),
                ),
            );
        }
        targets.sort();
        targets.dedup();
        targets
    }

    /// When something is to be sent next.
    pub fn next(&self) -> Option<Instant> {
        let next = self.servers.values().filter_map(Server::next).min()?;
        match self.slot {
            Some((until, 0)) => Some(next.max(until)),
            _ => Some(next),
        }
    }

    /// What is to be sent at `now`. What comes of each is told to [`Notifier::heard`].
    pub fn due(&mut self, now: Instant) -> Vec<Notice> {
        let mut notices = Vec::new();
        if self.next().is_none_or(|next| next > now) {
            return notices;
        }
        let (until, mut left) = match self.slot {
            Some((until, left)) if now < until => (until, left),
            _ => self.slot_at(now),
        };
        while left > 0
            && let Some(notice) = self.take(now)
        {
            left -= 1;
            self.tally.sent += 1;
            notices.push(notice);
        }
        self.slot = Some((until, left));
        notices
    }

    /// Until when how many may be sent, from `now` on.
    fn slot_at(&self, now: Instant) -> (Instant, usize) {
        let rate = self.told.rate.max(1) as f64;
        let count = (rate * SLOT.as_secs_f64()).max(1.0).floor();
        (now + Duration::from_secs_f64(count / rate), count as usize)
    }

    /// The next notice, of whoever's turn it is.
    fn take(&mut self, now: Instant) -> Option<Notice> {
        let taken = |(target, server): (&Arc<Target>, &mut Server)| {
            let (apex, serial) = server.take(now)?;
            Some(Notice { target: target.clone(), apex, serial })
        };
        let after = self.last.take().map_or(Bound::Unbounded, Bound::Excluded);
        let notice = self.servers.range_mut((after, Bound::Unbounded)).find_map(taken);
        let notice = notice.or_else(|| self.servers.iter_mut().find_map(taken))?;
        self.last = Some(notice.target.clone());
        Some(notice)
    }

    /// Takes what came of `notice`; what is to be said of it.
    pub fn heard(&mut self, notice: &Notice, heard: Heard, now: Instant) -> Option<Report> {
        match &heard {
            Heard::Answer(Rcode::NOERROR) => self.tally.acknowledged += 1,
            Heard::Answer(_) | Heard::Unsure(_) => self.tally.refused += 1,
            Heard::Nothing(_) => self.tally.unanswered += 1,
        }
        let Notice { target, apex, .. } = notice;
        let zone = names::shown(apex.as_ref());
        let (level, text) = match self.servers.get_mut(target)?.heard(notice, heard, now)? {
            Change::Silent(why) => {
                (Level::Warn, format!("{target} does not answer NOTIFY: {why}; it is tried again from time to time"))
            }
            Change::Back => (Level::Info, format!("{target} answers NOTIFY again")),
            Change::Refuses(why) => {
                let more = "`watari status` counts the zones";
                (Level::Warn, format!("{target} does not take NOTIFY of {zone}: {why}; {more}"))
            }
        };
        Some(Report::new(level, text))
    }

    /// What everybody was told of `apex`, and how far that has come.
    pub fn standing(&self, apex: &Name) -> Vec<(Arc<Target>, State)> {
        let all = self.servers.iter();
        all.filter_map(|(target, server)| Some((target.clone(), server.standing(apex)?))).collect()
    }

    /// How many zones stand how with everybody, and since how many tries nothing came.
    pub fn overview(&self) -> Vec<(Arc<Target>, Count, u32)> {
        let all = self.servers.iter().filter(|(_, server)| !server.is_empty());
        all.map(|(target, server)| (target.clone(), server.count(), server.failures())).collect()
    }

    /// What was sent since the start.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// How many notices wait, or are under way.
    pub fn waiting(&self) -> usize {
        self.servers.values().map(|server| server.count().waiting).sum()
    }
}
