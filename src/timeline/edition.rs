//! Editions, and the timeline that they make: which of them is served is a matter of time alone.
//!
//! What editions share is stored once: the zone, and each patch however many of them serve it. An edition itself is
//! three words, so that a ladder of twenty TTLs over a zone costs its one patch and little more.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use super::run::Promised;
use super::{Countdown, Serial};
use crate::clock::Instant;
use crate::zone::{Patch, Ttl, View, Zone};

/// Which step of its schedule caused an edition: the first is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct StepId(pub u16);

/// Which patch of its timeline an edition serves: the first is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatchId(pub u16);

/// How an edition bounds the TTLs that its patch says are capped. Of 31 bits: a fixed bound. With the highest bit, the
/// others say what a transfer of a countdown has; the highest of these, that there is no bound.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cap(u32);

impl Cap {
    /// Not at all.
    pub const OPEN: Cap = Cap(u32::MAX);
    /// By what is left of the timeline's countdown; in a transfer, by `rung`.
    pub const fn countdown(rung: Ttl) -> Cap {
        let below_open = Ttl::MAX.0 - 1;
        Cap(!Ttl::MAX.0 | if rung.0 > below_open { below_open } else { rung.0 })
    }

    /// By `ttl`.
    pub const fn fixed(ttl: Ttl) -> Cap {
        Cap(if ttl.0 > Ttl::MAX.0 { Ttl::MAX.0 } else { ttl.0 })
    }

    /// The bound, if it is a fixed one.
    pub fn ttl(self) -> Option<Ttl> {
        Some(Ttl(self.0)).filter(|&ttl| ttl <= Ttl::MAX)
    }

    /// What a transfer has of a countdown; `None` if it is no countdown.
    pub fn rung(self) -> Option<Ttl> {
        (self.0 > Ttl::MAX.0 && self != Cap::OPEN).then_some(Ttl(self.0 & Ttl::MAX.0))
    }

    /// Whether it is what is left of the timeline's countdown.
    pub fn counts_down(self) -> bool {
        self.rung().is_some()
    }
}

impl fmt::Debug for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Cap::OPEN => f.write_str("Cap::OPEN"),
            Cap(ttl) => match self.rung() {
                Some(rung) => write!(f, "Cap::countdown({rung})"),
                None => write!(f, "Cap::fixed({ttl})"),
            },
        }
    }
}

/// What is served from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Edition {
    /// The instant from which it is served, until the next edition's.
    pub from: Instant,
    /// The serial that is served.
    pub serial: u32,
    /// How capped TTLs are bounded.
    pub cap: Cap,
    /// What differs from the zone.
    pub patch: Option<PatchId>,
    /// The step that caused it; `None` for the zone as it stands in its file.
    pub step: Option<StepId>,
}

impl Edition {
    /// A zone as it stands in its file, served with `serial` since ever.
    pub fn first(serial: u32) -> Edition {
        Edition { from: Instant::MIN, serial, cap: Cap::OPEN, patch: None, step: None }
    }
}

/// An edition but for its serial: what the zones of one plan have in common, in two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Turn {
    from: Instant,
    cap: Cap,
    /// The patch and the step, or [`Turn::NONE`].
    patch: u16,
    step: u16,
}

impl Turn {
    const NONE: u16 = u16::MAX;

    fn of(edition: &Edition) -> Turn {
        let Edition { from, cap, patch, step, serial: _ } = *edition;
        let patch = patch.map_or(Turn::NONE, |PatchId(patch)| patch);
        Turn { from, cap, patch, step: step.map_or(Turn::NONE, |StepId(step)| step) }
    }

    fn served_as(self, serial: u32) -> Edition {
        let number = |number: u16| (number != Turn::NONE).then_some(number);
        let (patch, step) = (number(self.patch).map(PatchId), number(self.step).map(StepId));
        Edition { from: self.from, serial, cap: self.cap, patch, step }
    }
}

/// The editions of one zone in order of time.
///
/// Invariants: the first edition is served from [`Instant::MIN`]; each later one begins strictly
/// later than the one before. So there is exactly one edition at every instant. Every patch that an
/// edition names is there, and the countdown is, if an edition's cap is one.
#[derive(Clone, Debug)]
pub struct Timeline {
    zone: Zone,
    patches: Box<[Patch]>,
    first: Edition,
    /// All editions but the first, and the serial of each.
    later: Arc<[Turn]>,
    serials: Box<[u32]>,
    countdown: Option<Box<Countdown>>,
    /// The patch with the new data, if there is one: the others have the old.
    flipped: Option<PatchId>,
}

impl Timeline {
    /// A zone that doesn't change.
    pub fn fixed(zone: Zone) -> Timeline {
        let serial = zone.serial();
        Timeline::with_serial(zone, serial)
    }

    /// A zone that doesn't change and is served with another serial than its file's.
    pub fn with_serial(zone: Zone, serial: u32) -> Timeline {
        let first = Edition::first(serial);
        let (patches, serials) = (Box::new([]), Box::new([]));
        Timeline { zone, patches, first, later: Arc::default(), serials, countdown: None, flipped: None }
    }

    /// A zone that doesn't change, with `patch`, one of its own, over it.
    pub fn amended(zone: Zone, patch: Patch, serial: u32) -> Timeline {
        let first = Edition { patch: Some(PatchId(0)), ..Edition::first(serial) };
        Timeline { patches: Box::new([patch]), first, ..Timeline::with_serial(zone, serial) }
    }

    /// `first` until `later` begins; `patches` are patches of `zone`. `None` if the editions don't make a timeline: if
    /// they don't each begin after the one before, the first at [`Instant::MIN`], or if one names a patch or a
    /// countdown that isn't there.
    pub fn new(
        zone: Zone,
        patches: Vec<Patch>,
        first: Edition,
        later: Vec<Edition>,
        countdown: Option<Countdown>,
    ) -> Option<Timeline> {
        let serials = later.iter().map(|edition| edition.serial).collect();
        let (patches, later) = (patches.into(), later.iter().map(Turn::of).collect());
        let timeline =
            Timeline { zone, patches, first, later, serials, countdown: countdown.map(Box::new), flipped: None };
        timeline.is_sound().then_some(timeline)
    }

    /// The same timeline, in which `patch` has the data that its plan flips to.
    #[must_use]
    pub fn flipping_to(self, patch: Option<PatchId>) -> Timeline {
        Timeline { flipped: patch, ..self }
    }

    /// Whether `view`, one of this timeline, has the data that its plan flips to.
    #[inline]
    pub fn has_flipped(&self, view: View<'_>) -> bool {
        let patch = self.flipped.and_then(|PatchId(patch)| self.patches.get(usize::from(patch)));
        patch.is_some_and(|patch| view.is_of(patch))
    }

    /// Whether the invariants hold.
    fn is_sound(&self) -> bool {
        let mut before = None;
        self.editions().all(|edition| {
            let begins =
                before.replace(edition.from).map_or(edition.from == Instant::MIN, |before| before < edition.from);
            let has_patch = edition.patch.is_none_or(|PatchId(patch)| usize::from(patch) < self.patches.len());
            let has_countdown = !edition.cap.counts_down() || self.countdown.is_some();
            begins && has_patch && has_countdown
        })
    }

    /// The zone without its patches.
    #[inline]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The edition that is served at `now`.
    #[inline]
    pub fn at(&self, now: Instant) -> Edition {
        if self.later.is_empty() { self.first } else { self.find(now) }
    }

    /// The last edition that has begun.
    fn find(&self, now: Instant) -> Edition {
        let begun = self.later.partition_point(|turn| turn.from <= now);
        let last = begun.checked_sub(1).and_then(|last| self.later.get(last).zip(self.serials.get(last)));
        last.map_or(self.first, |(turn, &serial)| turn.served_as(serial))
    }

    /// The records, the TTLs and the serial that `peer` is served at `now`. Not inline: zones that don't change, which
    /// are nearly all, pass by it.
    #[inline(never)]
    pub fn view(&self, now: Instant, peer: IpAddr) -> View<'_> {
        self.seen(self.at(now), |countdown, _| countdown.cap(now, peer))
    }

    /// What `edition`, one of this timeline, serves at `now`, for a person to see. A countdown is shown with its
    /// earliest deadline, which is the one that the operator declared; some resolvers are given a little more.
    pub fn view_of(&self, edition: Edition, now: Instant) -> View<'_> {
        self.seen(edition, |countdown, _| countdown.left(now, countdown.until))
    }

    /// What `edition`, one of this timeline, is to a secondary, which keeps it as long as the serial stays: of a countdown,
    /// a rung of the ladder.
    pub fn transferred(&self, edition: Edition) -> View<'_> {
        self.seen(edition, |_, rung| rung)
    }

    #[inline]
    fn seen(&self, edition: Edition, left: impl FnOnce(&Countdown, Ttl) -> Ttl) -> View<'_> {
        let patch = edition.patch.and_then(|PatchId(patch)| self.patches.get(usize::from(patch)));
        let view = View::new(&self.zone, patch, edition.serial);
        match (edition.cap, &self.countdown) {
            (Cap::OPEN, _) => view,
            (Cap(ttl), None) => view.capped(Ttl(ttl)),
            (cap, Some(countdown)) => match cap.rung() {
                Some(rung) => view.capped(left(countdown, rung)),
                None => view.capped(Ttl(cap.0)),
            },
        }
    }

    /// When the next edition begins; `None` if none does after `now`. What a countdown does to TTLs is no edition.
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        self.later.iter().map(|turn| turn.from).find(|&from| from > now)
    }

    /// Whether there is but one edition, and that is the zone as it stands in its file.
    pub fn is_fixed(&self) -> bool {
        self.later.is_empty() && self.first.patch.is_none() && self.first.serial == self.zone.serial()
    }

    /// The edition that was always there.
    pub fn first(&self) -> &Edition {
        &self.first
    }

    /// All editions but the first, without their serials: those of one plan over many zones are the same.
    pub fn later(&self) -> &Arc<[Turn]> {
        &self.later
    }

    /// The same timeline, with `later`, which is equal to its own, in their place.
    #[must_use]
    pub fn sharing(self, later: &Arc<[Turn]>) -> Timeline {
        debug_assert_eq!(self.later, *later);
        Timeline { later: later.clone(), ..self }
    }

    /// All editions in order of time.
    pub fn editions(&self) -> impl Iterator<Item = Edition> {
        let later = self.later.iter().zip(&self.serials).map(|(turn, &serial)| turn.served_as(serial));
        std::iter::once(self.first).chain(later)
    }

    /// The serials, and from when each is served: what the journal keeps.
    pub fn promised(&self) -> impl Iterator<Item = Promised> {
        self.editions().map(|edition| Promised { from: edition.from, serial: Serial(edition.serial) })
    }

    /// How capped TTLs are counted down.
    pub fn countdown(&self) -> Option<&Countdown> {
        self.countdown.as_deref()
    }

    /// How many octets it occupies beside its zone.
    pub fn size(&self) -> usize {
        /// The counts of an [`Arc`], in front of a patch, and of editions.
        const COUNTS: usize = 2 * size_of::<usize>();
        let later = if self.later.is_empty() { 0 } else { COUNTS + size_of_val(&*self.later) };
        let patches: usize = self.patches.iter().map(|patch| COUNTS + patch.size()).sum();
        let countdown = self.countdown.as_deref().map_or(0, size_of_val);
        size_of::<Timeline>() + size_of_val(&*self.patches) + patches + later + size_of_val(&*self.serials) + countdown
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;
    use crate::wire::{Name, Rtype};
    use crate::zone::{Change, ZoneBuilder};

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn zone(serial: u32) -> Zone {
        let apex = Name::from_text("example.").unwrap();
        let mut builder = ZoneBuilder::new(apex.as_ref());
        let mut soa = vec![0, 0];
        for field in [serial, 1, 1, 1, 1] {
            soa.extend(field.to_be_bytes());
        }
        builder.add(apex.as_ref(), Rtype::SOA, Ttl(60), &soa).unwrap();
        builder.finish().unwrap().0
    }

    fn seconds(seconds: i64) -> Instant {
        Instant::from_unix_seconds(seconds)
    }

    fn edition(from: i64) -> Edition {
        Edition { from: seconds(from), step: Some(StepId(0)), ..Edition::first(from as u32) }
    }

    fn timeline(first: Edition, later: Vec<Edition>) -> Option<Timeline> {
        Timeline::new(zone(7), Vec::new(), first, later, None)
    }

    #[test]
    fn a_fixed_zone_never_changes() {
        let timeline = Timeline::fixed(zone(7));
        for now in [Instant::MIN, seconds(0), Instant::MAX] {
            assert_eq!(timeline.view(now, PEER).serial(), 7);
            assert_eq!(timeline.next_change(now), None);
        }
        assert_eq!(timeline.editions().count(), 1);
    }

    #[test]
    fn an_edition_begins_at_its_instant_and_not_before() {
        let timeline = timeline(Edition::first(7), vec![edition(100), edition(200), edition(300)]).unwrap();
        let serial = |now| timeline.view(now, PEER).serial();
        assert_eq!(serial(Instant::MIN), 7);
        assert_eq!(serial(Instant::from_unix_nanos(99_999_999_999)), 7);
        assert_eq!(serial(seconds(100)), 100);
        assert_eq!(serial(seconds(299)), 200);
        assert_eq!(serial(Instant::MAX), 300);
        assert_eq!(timeline.next_change(Instant::MIN), Some(seconds(100)));
        assert_eq!(timeline.next_change(seconds(100)), Some(seconds(200)));
        assert_eq!(timeline.next_change(seconds(300)), None);
    }

    #[test]
    fn editions_out_of_order_make_no_timeline() {
        let first = Edition::first(7);
        assert!(timeline(first, vec![edition(200), edition(100)]).is_none());
        assert!(timeline(first, vec![edition(100), edition(100)]).is_none());
        assert!(timeline(first, vec![Edition { from: Instant::MIN, ..edition(0) }]).is_none());
        assert!(timeline(edition(0), vec![edition(100)]).is_none());
    }

    #[test]
    fn an_edition_without_its_patch_or_countdown_makes_no_timeline() {
        let patched = Edition { patch: Some(PatchId(1)), ..edition(100) };
        let patches = |count| vec![Patch::new(&zone(7), &[]).unwrap(); count];
        let made = |count| Timeline::new(zone(7), patches(count), Edition::first(7), vec![patched], None);
        assert!(made(1).is_none() && made(2).is_some());
        let counted = Edition { cap: Cap::countdown(Ttl(60)), ..edition(100) };
        assert!(timeline(Edition::first(7), vec![counted]).is_none());
        assert!(timeline(Edition { cap: Cap::countdown(Ttl(60)), ..Edition::first(7) }, Vec::new()).is_none());
    }

    #[test]
    fn only_a_zone_as_it_stands_in_its_file_is_fixed() {
        assert!(Timeline::fixed(zone(7)).is_fixed());
        assert!(Timeline::with_serial(zone(7), 7).is_fixed());
        assert!(!Timeline::with_serial(zone(7), 8).is_fixed());
        assert_eq!(Timeline::with_serial(zone(7), 8).view(seconds(0), PEER).serial(), 8);
        assert!(!timeline(Edition::first(7), vec![edition(100)]).unwrap().is_fixed());
        let patch = Patch::new(&zone(7), &[]).unwrap();
        let patched = Edition { patch: Some(PatchId(0)), ..Edition::first(7) };
        assert!(!Timeline::new(zone(7), vec![patch], patched, Vec::new(), None).unwrap().is_fixed());
    }

    #[test]
    fn a_cap_is_open_or_fixed_or_a_countdown() {
        assert_eq!((Cap::OPEN.ttl(), Cap::OPEN.rung()), (None, None));
        for ttl in [Ttl(0), Ttl(60), Ttl::MAX] {
            assert_eq!((Cap::fixed(ttl).ttl(), Cap::fixed(ttl).rung()), (Some(ttl), None));
            let rung = ttl.min(Ttl(Ttl::MAX.0 - 1));
            assert_eq!((Cap::countdown(ttl).ttl(), Cap::countdown(ttl).rung()), (None, Some(rung)));
        }
        assert_eq!(Cap::fixed(Ttl(u32::MAX)), Cap::fixed(Ttl::MAX));
        assert!(size_of::<Edition>() <= 24);
    }

    const T: i64 = 1_800_000_000;
    const OLD: [u8; 4] = [192, 0, 2, 10];
    const NEW: [u8; 4] = [192, 0, 2, 20];

    fn www() -> Name {
        Name::from_text("www.example.").unwrap()
    }

    /// `www` counted down to T, where it flips; then a ladder of `rungs`, an hour each.
    fn moving(rungs: u32) -> Timeline {
        let mut builder = ZoneBuilder::new(zone(7).apex());
        for rrset in zone(7).nodes().flat_map(|node| node.rrsets().collect::<Vec<_>>()) {
            builder.add(zone(7).apex(), rrset.rtype(), rrset.ttl(), &rrset.first_rdata()).unwrap();
        }
        builder.add(www().as_ref(), Rtype::A, Ttl(86_400), &OLD).unwrap();
        let zone = builder.finish().unwrap().0;
        let patch = |data: [u8; 4]| {
            let rdatas = vec![data.into()];
            let change = Change { owner: www(), rtype: Rtype::A, ttl: Ttl(86_400), capped: true, rdatas };
            Patch::new(&zone, &[change]).unwrap()
        };
        let patches = vec![patch(OLD), patch(NEW)];
        let serial = zone.serial() + 1;
        let mut later = vec![Edition {
            from: seconds(T - 86_400),
            cap: Cap::countdown(Ttl(43_200)),
            patch: Some(PatchId(0)),
            ..Edition::first(serial)
        }];
        later.extend((0..rungs).map(|rung| Edition {
            from: seconds(T + i64::from(rung) * 3600),
            cap: Cap::fixed(Ttl((rung * 3600).max(60))),
            patch: Some(PatchId(1)),
            ..Edition::first(serial + 1 + rung)
        }));
        let countdown = Countdown { until: seconds(T), floor: Ttl(60), spread: Duration::from_secs(600), key: [1, 2] };
        Timeline::new(zone.clone(), patches, Edition::first(zone.serial()), later, Some(countdown)).unwrap()
    }

    fn served(view: View<'_>) -> (u32, Vec<u8>) {
        let rrset = view.find(www().as_ref()).unwrap().rrset(Rtype::A).unwrap();
        (rrset.ttl().0, rrset.first_rdata())
    }

    #[test]
    fn a_countdown_is_in_the_answers_and_a_ladder_follows_it() {
        let timeline = moving(20);
        let shown = |at: i64| served(timeline.view_of(timeline.at(seconds(at)), seconds(at)));
        assert_eq!(shown(T - 86_401), (86_400, OLD.to_vec()));
        assert_eq!(shown(T - 86_400), (86_400, OLD.to_vec()));
        assert_eq!(shown(T - 1000), (1000, OLD.to_vec()));
        assert_eq!(shown(T - 1), (60, OLD.to_vec()));
        assert_eq!(shown(T), (60, NEW.to_vec()));
        assert_eq!(shown(T + 2 * 3600), (7200, NEW.to_vec()));
        let deadline = timeline.countdown().unwrap().deadline(PEER);
        let now = seconds(T - 5000);
        let left = deadline.since(now).as_secs() as u32;
        assert_eq!(served(timeline.view(now, PEER)), (left, OLD.to_vec()));
        assert!((5000..5600).contains(&left));
        // A secondary keeps what it has for as long as the serial stays.
        assert_eq!(served(timeline.transferred(timeline.at(now))), (43_200, OLD.to_vec()));
    }

    #[test]
    fn a_ladder_and_two_patches_cost_less_than_a_kibibyte() {
        let timeline = moving(20);
        assert_eq!(timeline.editions().count(), 22);
        println!(
            "{} octets, patches {:?}",
            timeline.size(),
            timeline.patches.iter().map(Patch::size).collect::<Vec<_>>()
        );
        assert!(timeline.size() < 1024, "{}", timeline.size());
    }
}
