//! What our servers answer about one RRset of a plan, at any instant: the zone file until the plan is obeyed, then the
//! schedule's own timeline.
//!
//! An edition that doesn't count down says the same to all for as long as it is served, so that the zone is asked once
//! for it and then remembered; a countdown is asked each time.

use std::net::IpAddr;

use crate::clock::Instant;
use crate::timeline::{Cap, Course, Held, Schedule, Timeline};
use crate::wire::Rtype;
use crate::zone::{Ttl, View};

/// What a cache is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) ttl: Ttl,
    /// Whether it is other data than the flip brings.
    pub(super) is_old: bool,
}

/// The data of an answer, sorted; `None` if there is none.
type Data = Option<(Rtype, Vec<Vec<u8>>)>;

pub(super) struct Served<'a> {
    schedule: &'a Schedule,
    /// From when each edition is served, the first since ever.
    froms: Vec<Instant>,
    caps: Vec<Cap>,
    /// For each RRset, the data that the flip brings.
    new: Vec<Data>,
    /// For each RRset, what each edition says of it and, last, what the zone file does.
    known: Vec<Vec<Option<Answer>>>,
}

impl<'a> Served<'a> {
    pub(super) fn new(schedule: &'a Schedule) -> Served<'a> {
        let timeline = &schedule.timeline;
        let flipped = timeline.view_of(timeline.at(schedule.at), schedule.at);
        let froms: Vec<_> = timeline.editions().map(|edition| edition.from).collect();
        let caps = timeline.editions().map(|edition| edition.cap).collect();
        let new = schedule.courses.iter().map(|course| ask(flipped, course).0).collect();
        let known = vec![vec![None; froms.len() + 1]; schedule.courses.len()];
        Served { schedule, froms, caps, new, known }
    }

    /// What is answered to `peer` at `now` about the RRset with this number among the schedule's courses.
    pub(super) fn answer(&mut self, course: usize, now: Instant, peer: IpAddr) -> Answer {
        let Schedule { run, timeline, .. } = self.schedule;
        // What was scheduled before it was obeyed was not served.
        let is_file = now < run.armed_at && run.base.kept_until.is_none();
        let edition = match is_file {
            true => self.froms.len(),
            false => self.froms.partition_point(|&from| from <= now).saturating_sub(1),
        };
        if let Some(Some(known)) = self.known.get(course).and_then(|known| known.get(edition)) {
            return *known;
        }
        let fresh = self.ask(course, now, peer, is_file.then_some(timeline));
        if !self.caps.get(edition).is_some_and(|cap| cap.counts_down())
            && let Some(place) = self.known.get_mut(course).and_then(|known| known.get_mut(edition))
        {
            *place = Some(fresh);
        }
        fresh
    }

    fn ask(&self, number: usize, now: Instant, peer: IpAddr, file: Option<&Timeline>) -> Answer {
        let Some(course) = self.schedule.courses.get(number) else { return Answer { ttl: Ttl(0), is_old: false } };
        let view = match file {
            Some(timeline) => timeline.zone().view(),
            None => self.schedule.timeline.view(now, peer),
        };
        let (data, ttl) = ask(view, course);
        Answer { ttl, is_old: self.new.get(number) != Some(&data) }
    }
}

/// What `view` says of an RRset, and how long that may be kept.
fn ask(view: View<'_>, course: &Course) -> (Data, Ttl) {
    let node = view.find(course.owner.as_ref());
    match node.and_then(|node| node.rrset(course.rtype).or_else(|| node.rrset(Rtype::CNAME))) {
        Some(rrset) => {
            let mut rdatas: Vec<_> = rrset.rdatas().collect();
            rdatas.sort();
            (Some((rrset.rtype(), rdatas)), rrset.ttl())
        }
        // The compiler has looked for the longest TTL that a wildcard could give.
        None if node.is_none() && matches!(course.held, Held::Wildcard(_)) => (None, course.held_ttl),
        None => (None, view.negative_ttl()),
    }
}
