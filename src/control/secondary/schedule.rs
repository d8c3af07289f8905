//! When zones that are fetched are asked for, and until when they are served (RFC 1034 § 4.3.5, RFC 1996).
//!
//! 1. A zone is asked for when its SOA record says: REFRESH after it was last heard of, RETRY after that failed; a little
//!    earlier, by up to a tenth, so that many zones of one primary do not all come at once. Where it is known that there is
//!    something newer, and where the failure came so soon that to ask again costs nearly nothing (nobody listens: a primary
//!    is being restarted), it is asked for again after a second, two, four …, up to RETRY.
//! 2. It is served until EXPIRE has passed since it was last heard of. A restart changes nothing about that.
//! 3. One that never came is asked for again after a second, two, four …, up to [`FIRST_MAX`].
//! 4. NOTIFY makes it be asked for at once, but not more often than every [`NOTIFIED_MIN`]: what comes meanwhile counts as
//!    one, and one that names a serial which we have as none, unless the last try failed: who sends it is there again.
//! 5. At most [`FETCHES_MAX`] are being asked for at one time; the others wait here as names.
//! 6. After a start each is asked for within [`START_SPREAD`]: NOTIFY may have been missed.
//!
//! Nothing here asks anybody: who is to be asked comes out, and what came of it goes in.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Copy, Feed, Fetch, Fetched, Kept};
use crate::clock::Instant;
use crate::control::config::secondary::Secondary;
use crate::control::names::NameMap;
use crate::timeline::Serial;
use crate::wire::{Name, Rtype};

/// The most zones that are being asked for at one time.
pub const FETCHES_MAX: usize = 128;
/// The longest time between two tries for a zone that never came.
const FIRST_MAX: Duration = Duration::from_secs(300);
/// How often a zone is asked for at most, however often it is notified.
const NOTIFIED_MIN: Duration = Duration::from_millis(200);
/// A failure that took no longer came soon.
const SOON: Duration = Duration::from_secs(1);
/// Within what time all zones are asked for after a start.
const START_SPREAD: Duration = Duration::from_secs(10);

/// All zones that are fetched.
#[derive(Debug, Default)]
pub struct Secondaries {
    zones: NameMap<Fetching>,
    /// When which zone is to be asked for.
    due: BTreeSet<(Instant, Name)>,
    /// When which zone expires.
    expiries: BTreeSet<(Instant, Name)>,
    under_way: usize,
    /// Counts fetches, so that one of a zone that was taken away and came again is not taken for another.
    number: u64,
    /// From whom zones are fetched now, as far as it has not been told; and of which nothing is to be kept.
    fed: Vec<Fed>,
    forgotten: Vec<Name>,
}

/// A zone, and from whom it is fetched, if it is.
pub type Fed = (Name, Option<Arc<[Feed]>>);

/// A zone that is fetched.
#[derive(Debug)]
pub struct Fetching {
    /// From whom, and how.
    pub from: Arc<Secondary>,
    /// What we have of it.
    pub copy: Option<Arc<Copy>>,
    /// When its primary was last heard of.
    pub refreshed_at: Option<Instant>,
    /// Who that was, for people.
    pub source: String,
    /// Why it did not come, if the last try failed.
    pub error: Option<String>,
    /// Whether it is no longer served, since it was not heard of for too long.
    pub is_expired: bool,
    /// When it is asked for next.
    pub next: Instant,
    failures: u32,
    /// How many fetches of it have ended.
    pub ended: u64,
    /// Whether it is not asked for now, since it becomes ours.
    is_held: bool,
    /// The number of the fetch under way.
    under_way: Option<u64>,
    begun_at: Instant,
    /// The primary that is asked first: who notified, or who had it last.
    first: usize,
    is_notified: bool,
    /// Whether it is to be asked for at once when the fetch under way has ended.
    is_asked_again: bool,
    /// Whether somebody said that there is something newer, and nobody was heard of since.
    is_behind: bool,
}

/// The timers of a SOA record, within the bounds of who configured it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Timers {
    refresh: Duration,
    retry: Duration,
    expire: Duration,
}

/// What is to be done.
#[derive(Debug)]
pub enum Due {
    /// Ask for it.
    Fetch(Fetch),
    /// Serve it no longer.
    Expired(Name, Serial),
}

/// What came of a fetch.
#[derive(Debug)]
pub enum Came {
    /// Serve this; whether it is news, or was expired.
    Serve(Arc<Copy>),
    /// Everything stays as it is.
    Nothing,
}

impl Timers {
    fn of(copy: &Copy, from: &Secondary) -> Timers {
        let soa = copy.view().apex_node().rrset(Rtype::SOA).map(|soa| soa.first_rdata()).unwrap_or_default();
        let tail = soa.len().checked_sub(16).and_then(|at| soa.get(at..)).unwrap_or_default();
        let field = |at: usize| {
            let octets = tail.get(at * 4..at * 4 + 4).and_then(|octets| octets.first_chunk::<4>());
            Duration::from_secs(octets.map_or(0, |octets| u64::from(u32::from_be_bytes(*octets))))
        };
        let within = |time: Duration| time.clamp(from.refresh_min, from.refresh_max.max(from.refresh_min));
        Timers { refresh: within(field(0)), retry: within(field(1)), expire: field(2) }
    }
}

impl Secondaries {
    /// The zone at `apex`.
    pub fn get(&self, apex: &Name) -> Option<&Fetching> {
        self.zones.get(apex)
    }

    /// All zones.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Fetching)> {
        self.zones.iter()
    }

    /// From now on `apex` is fetched as `from` says; `found` is what is kept of it, for whom has nothing. Gives what is
    /// to be served of it, if that is not served already.
    pub fn set(
        &mut self,
        apex: &Name,
        from: impl Into<Arc<Secondary>>,
        found: Option<Kept>,
        now: Instant,
    ) -> Option<Arc<Copy>> {
        let from = from.into();
        if let Some(known) = self.zones.get_mut(apex) {
            (known.from, known.first) = (from, 0);
            self.plan(apex, now);
            self.fed.push((apex.clone(), self.feeds(apex)));
            return None;
        }
        let next = now.after(spread(apex, 0, START_SPREAD));
        let mut fetching = Fetching {
            from,
            copy: None,
            refreshed_at: None,
            source: String::new(),
            error: None,
            is_expired: false,
            next,
            failures: 0,
            ended: 0,
            is_held: false,
            under_way: None,
            begun_at: Instant::MIN,
            first: 0,
            is_notified: false,
            is_asked_again: false,
            is_behind: false,
        };
        let mut served = None;
        if let Some(Kept { copy, refreshed_at, source }) = found {
            let expires_at = refreshed_at.after(Timers::of(&copy, &fetching.from).expire);
            // A clock that was set back does not make it live longer than its EXPIRE from now.
            (fetching.refreshed_at, fetching.source) = (Some(refreshed_at.min(now)), source);
            let copy = Arc::new(copy);
            fetching.is_expired = expires_at <= now;
            served = (!fetching.is_expired).then(|| copy.clone());
            fetching.copy = Some(copy);
        } else {
            fetching.next = now;
        }
        self.due.insert((fetching.next, apex.clone()));
        self.zones.insert(apex.clone(), fetching);
        self.fed.push((apex.clone(), self.feeds(apex)));
        self.watch_expiry(apex);
        served
    }

    /// It is no longer fetched, and nothing of it is to be kept.
    pub fn remove(&mut self, apex: &Name) -> bool {
        let is_fetched = self.release(apex);
        self.forgotten.extend(is_fetched.then(|| apex.clone()));
        is_fetched
    }

    /// Nothing is to be kept of `apex`, which is not fetched.
    pub fn forget(&mut self, apex: &Name) {
        self.forgotten.push(apex.clone());
    }

    /// It is no longer fetched.
    pub fn release(&mut self, apex: &Name) -> bool {
        let Some(known) = self.zones.remove(apex) else { return false };
        self.due.remove(&(known.next, apex.clone()));
        self.expiries.remove(&(known.expires_at(), apex.clone()));
        self.under_way -= usize::from(known.under_way.is_some());
        self.fed.push((apex.clone(), None));
        true
    }

    /// Has `apex` asked for at once, and once more if that is under way. Gives how many fetches of it will have ended when
    /// what comes of that is known.
    pub fn ask(&mut self, apex: &Name, now: Instant) -> Option<u64> {
        let known = self.zones.get_mut(apex)?;
        let is_under_way = known.under_way.is_some();
        known.is_asked_again |= is_under_way;
        let ended = known.ended + 1 + u64::from(is_under_way);
        self.plan(apex, now);
        Some(ended)
    }

    /// Has those asked for that did not come the last time: what that needs may be there by now.
    pub fn try_again(&mut self, now: Instant) {
        let failed = self.zones.iter().filter(|(_, known)| known.error.is_some()).map(|(apex, _)| apex.clone());
        for apex in failed.collect::<Vec<_>>() {
            self.plan(&apex, now);
        }
    }

    /// Nobody asks for `apex`, nor does it expire, until it is let go of.
    pub fn hold(&mut self, apex: &Name) {
        let Some(known) = self.zones.get_mut(apex) else { return };
        known.is_held = true;
        self.due.remove(&(known.next, apex.clone()));
        self.expiries.remove(&(known.expires_at(), apex.clone()));
    }

    /// It is as if it had not been held.
    pub fn let_go(&mut self, apex: &Name) {
        let Some(known) = self.zones.get_mut(apex) else { return };
        known.is_held = false;
        let next = known.next;
        self.plan(apex, next);
        self.watch_expiry(apex);
    }

    /// Somebody who has the zone says that it has changed, perhaps to this serial.
    pub fn notified(&mut self, apex: &Name, serial: Option<u32>, from: SocketAddr, now: Instant) {
        let Some(known) = self.zones.get_mut(apex) else { return };
        let has = known.copy.as_ref().filter(|_| !known.is_expired).map(|copy| Serial(copy.serial()));
        if let (Some(has), Some(serial)) = (has, serial)
            && Serial(serial).above(has).is_none()
            && known.error.is_none()
        {
            return;
        }
        (known.is_notified, known.is_behind) = (true, true);
        let primaries = known.from.primaries.iter();
        known.first = primaries.clone().position(|primary| primary.address.ip() == from.ip()).unwrap_or(known.first);
        if known.under_way.is_none() {
            let at = now.max(known.begun_at.after(NOTIFIED_MIN));
            let next = known.next.min(at);
            self.plan(apex, next);
        }
    }

    fn plan(&mut self, apex: &Name, next: Instant) {
        let Some(known) = self.zones.get_mut(apex) else { return };
        self.due.remove(&(known.next, apex.clone()));
        known.next = next;
        if known.under_way.is_none() && !known.is_held {
            self.due.insert((next, apex.clone()));
        }
    }

    fn watch_expiry(&mut self, apex: &Name) {
        let Some(known) = self.zones.get(apex).filter(|known| known.copy.is_some() && !known.is_expired) else {
            return;
        };
        self.expiries.insert((known.expires_at(), apex.clone()));
    }

    /// What is due at `now`.
    pub fn due(&mut self, now: Instant) -> Vec<Due> {
        let mut all = Vec::new();
        while let Some((_, apex)) = self.expiries.pop_first_if(now) {
            if let Some(known) = self.zones.get_mut(&apex)
                && let Some(copy) = &known.copy
            {
                known.is_expired = true;
                all.push(Due::Expired(apex, Serial(copy.serial())));
            }
        }
        while self.under_way < FETCHES_MAX
            && let Some((_, apex)) = self.due.pop_first_if(now)
        {
            let Some(known) = self.zones.get_mut(&apex) else { continue };
            self.number += 1;
            self.under_way += 1;
            (known.under_way, known.begun_at) = (Some(self.number), now);
            let is_notified = std::mem::take(&mut known.is_notified);
            all.push(Due::Fetch(Fetch {
                number: self.number,
                from: known.from.clone(),
                copy: known.copy.clone(),
                is_notified,
                first: known.first,
                apex,
            }));
        }
        all
    }

    /// When something is due next.
    pub fn next(&self) -> Option<Instant> {
        let fetch = self.due.first().filter(|_| self.under_way < FETCHES_MAX);
        [fetch, self.expiries.first()].into_iter().flatten().map(|(at, _)| *at).min()
    }

    /// Takes what came of a fetch.
    pub fn fetched(&mut self, fetched: Fetched, now: Instant) -> Came {
        let Fetched { apex, number, result, .. } = fetched;
        let Some(known) = self.zones.get_mut(&apex).filter(|known| known.under_way == Some(number)) else {
            return Came::Nothing;
        };
        known.under_way = None;
        known.ended += 1;
        self.under_way = self.under_way.saturating_sub(1);
        let before = known.expires_at();
        let mut came = Came::Nothing;
        match result {
            Ok(success) => {
                let was_expired = std::mem::take(&mut known.is_expired);
                known.first = known.from.primaries.iter().position(|p| p.address == success.from).unwrap_or(0);
                (known.error, known.failures, known.is_behind) = (None, 0, false);
                (known.refreshed_at, known.source) = (Some(success.at), success.from.to_string());
                match success.copy {
                    Some(copy) => came = Came::Serve(known.copy.insert(copy).clone()),
                    None if was_expired => came = known.copy.clone().map_or(Came::Nothing, Came::Serve),
                    None => {}
                }
            }
            Err(why) => {
                known.failures = known.failures.saturating_add(1);
                known.error = Some(why);
            }
        }
        let timers = known.copy.as_ref().map(|copy| Timers::of(copy, &known.from));
        let doubled = Duration::from_secs(1 << known.failures.saturating_sub(1).min(16));
        let is_soon = known.is_behind || now.since(known.begun_at) <= SOON;
        let pause = match (timers, known.failures) {
            (Some(timers), 0) => timers.refresh,
            (Some(timers), _) if is_soon => timers.retry.min(doubled.max(known.from.refresh_min)),
            (Some(timers), _) => timers.retry,
            (None, _) => FIRST_MAX.min(doubled),
        };
        let shorter = spread(&apex, number, pause / 10);
        let next = match known.is_notified || std::mem::take(&mut known.is_asked_again) {
            true => now.max(known.begun_at.after(NOTIFIED_MIN)),
            false => now.after(pause.saturating_sub(shorter)),
        };
        self.expiries.remove(&(before, apex.clone()));
        self.plan(&apex, next);
        self.watch_expiry(&apex);
        came
    }

    /// Whether so many are being asked for that one that comes is no news by itself.
    pub fn is_crowded(&self) -> bool {
        self.under_way >= FETCHES_MAX / 2
    }

    /// From whom zones are fetched now, as far as that is news.
    pub fn take_fed(&mut self) -> Vec<Fed> {
        std::mem::take(&mut self.fed)
    }

    /// The zones of which nothing is to be kept any more.
    pub fn take_forgotten(&mut self) -> Vec<Name> {
        std::mem::take(&mut self.forgotten)
    }

    /// Who may notify of `apex`, and with what.
    fn feeds(&self, apex: &Name) -> Option<Arc<[Feed]>> {
        let known = self.zones.get(apex)?;
        let feed = |primary: &crate::control::config::secondary::Primary| Feed {
            address: primary.address.ip(),
            key: primary.key.clone(),
        };
        Some(known.from.primaries.iter().map(feed).collect())
    }
}

impl Fetching {
    /// Until when it is served, if it is not heard of; for ever, if it never came.
    pub fn expires_at(&self) -> Instant {
        let timers = self.copy.as_ref().map(|copy| Timers::of(copy, &self.from));
        timers.zip(self.refreshed_at).map_or(Instant::MAX, |(timers, at)| at.after(timers.expire))
    }

    /// Whether it is being asked for.
    pub fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }
}

/// A length of time from none to `most`, that differs from zone to zone and from time to time.
fn spread(apex: &Name, number: u64, most: Duration) -> Duration {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xcbf2_9ce4_8422_2325;
    for octet in apex.wire() {
        mixed = (mixed ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mixed ^= mixed >> 29;
    most.mul_f64((mixed % 4096) as f64 / 4096.0)
}

/// Takes out the first if its time has come.
trait PopFirstIf {
    fn pop_first_if(&mut self, now: Instant) -> Option<(Instant, Name)>;
}

impl PopFirstIf for BTreeSet<(Instant, Name)> {
    fn pop_first_if(&mut self, now: Instant) -> Option<(Instant, Name)> {
        self.first().is_some_and(|(at, _)| *at <= now).then(|| self.pop_first()).flatten()
    }
}
