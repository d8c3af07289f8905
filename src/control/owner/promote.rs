//! Zones that were fetched and become ours (`promotion`): when their primaries have said what they have, and nobody else
//! is at the zone.

use std::sync::Arc;
use std::time::Instant;

use super::event::{Answer, Effect, Service};
use super::journalled::Pending;
use super::{ASKED_MAX, Owner};
use crate::clock;
use crate::control::history::{Before, Cause, Passage, Stand};
use crate::control::names;
use crate::control::names::Role;
use crate::control::promotion::{ASKED_MAX as WAIT_MAX, Heard, Prepared, Preparing, Promote, Refused, Settled};
use crate::control::registry::{Content, Phase, Standing};
use crate::control::report::Report;
use crate::control::secondary::Fetching;
use crate::control::socket::Reply;
use crate::control::store::change::Source;
use crate::control::store::promotion::Ended;
use crate::timeline::Timeline;
use crate::wire::Name;

/// A question that waits for what primaries say.
#[derive(Debug)]
pub(super) struct Waiting {
    promote: Promote,
    /// How many fetches of the zone have ended then.
    ended: u64,
    /// Until when that is waited for.
    until: Instant,
    remarks: Vec<String>,
}

impl Owner {
    /// A person asks for a zone to become ours: first its primaries are asked whether there is anything newer.
    pub(super) fn promote(&mut self, promote: Promote, now: Instant, clock: clock::Instant, effects: &mut Vec<Effect>) {
        if let Some(refusal) = self.unfit(&promote) {
            return effects.push(Effect::Answer(promote.ticket, Answer::Told(Box::new(refusal))));
        }
        if self.promoting.len() >= ASKED_MAX {
            return effects.push(Effect::Answer(promote.ticket, Answer::Busy));
        }
        let Some(ended) = self.secondaries.ask(&promote.apex, clock) else { return };
        self.promoting.push(Waiting { promote, ended, until: now + WAIT_MAX, remarks: Vec::new() });
    }

    /// Why a zone can't become ours, if it can't.
    fn unfit(&self, promote: &Promote) -> Option<Reply> {
        let zone = names::shown(promote.apex.as_ref());
        let Some(fetching) = self.secondaries.get(&promote.apex) else {
            return Some(match self.zones.get(&promote.apex) {
                Some(_) => Reply::refused(format!("{zone} is ours already: it is not fetched from anybody"))
                    .help("its file, plans and updates change it"),
                None => Reply::refused("no such zone is served here")
                    .help(format!("`{zone}.secondary.toml` in the folder of zones has it fetched first")),
            });
        };
        if let Some(member) = self.consumers.member(&promote.apex) {
            let catalog = names::shown(member.catalog.as_ref());
            return Some(Reply::refused(format!("{zone} is a member of {catalog}, and fetched for as long as that lists it")).help(
                format!("give it a `{zone}.secondary.toml` of its own first: it keeps what it has, and can become ours then"),
            ));
        }
        if self.consumers.is_catalog(&promote.apex) {
            return Some(
                Reply::refused(format!("{zone} is a catalog zone, and with it its members would go"))
                    .help("take `[catalog]` out of its file first, when its members have files of their own"),
            );
        }
        if fetching.copy.is_none() {
            let why = fetching.error.as_deref().map_or_else(String::new, |error| format!(": {error}"));
            return Some(
                Reply::refused(format!("{zone} has never come, so that there is nothing to go on with{why}")).help(
                    format!(
                        "put its zone file in the place of `{zone}.secondary.toml`, with a serial above its primary's"
                    ),
                ),
            );
        }
        (fetching.is_expired && !promote.even_expired).then(|| {
            Reply::refused(format!("{zone} has expired: nobody was heard of for longer than its SOA record allows"))
                .help("with --expired it becomes ours as it was then")
        })
    }

    /// Goes on with what has waited for long enough.
    pub(super) fn promote_again(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        for waiting in std::mem::take(&mut self.promoting) {
            let refusal = self.unfit(&waiting.promote);
            let (fetching, known) =
                (self.secondaries.get(&waiting.promote.apex), self.zones.get(&waiting.promote.apex));
            let is_published = !self.unpublished.iter().any(|(name, _)| *name == waiting.promote.apex);
            let is_free = is_published && known.is_some_and(|known| known.phase == Phase::Idle);
            let reply = match (refusal, fetching) {
                (Some(refusal), _) => refusal,
                (None, Some(fetching)) if is_free && fetching.ended >= waiting.ended && !fetching.is_under_way() => {
                    self.prepare(waiting, effects);
                    continue;
                }
                (None, _) if now < waiting.until => {
                    self.promoting.push(waiting);
                    continue;
                }
                (None, _) => Reply::failed(format!(
                    "its primaries have not said within {} s whether they have anything newer, and are still being asked",
                    WAIT_MAX.as_secs()
                ))
                .help("ask again when that is over; in `.secondary.toml`, name only primaries that answer"),
            };
            effects.push(Effect::Answer(waiting.promote.ticket, Answer::Told(Box::new(reply))));
        }
    }

    /// When that is to be looked at at the latest.
    pub(super) fn next_promotion(&self) -> Option<Instant> {
        self.promoting.iter().map(|waiting| waiting.until).min()
    }

    /// What was remarkable when the zone was asked for.
    pub(super) fn note_remarks(&mut self, apex: &Name, remarks: &[crate::control::secondary::Remark]) {
        for waiting in self.promoting.iter_mut().filter(|waiting| waiting.promote.apex == *apex) {
            waiting.remarks = remarks.iter().map(|remark| remark.text.clone()).collect();
        }
    }

    fn prepare(&mut self, waiting: Waiting, effects: &mut Vec<Effect>) {
        let Waiting { promote, remarks, .. } = waiting;
        let apex = promote.apex.clone();
        let (Some(known), Some(fetching)) = (self.zones.get(&apex), self.secondaries.get(&apex)) else { return };
        let Fetching { from, copy: Some(copy), refreshed_at, source, error, is_expired, .. } = fetching else { return };
        let own = known.files.plan.then(|| known.files.path(&apex, Role::Plan));
        let heard =
            Heard { source: source.clone(), at: *refreshed_at, error: error.clone(), remarks, is_expired: *is_expired };
        let preparing = Preparing {
            files: known.files.clone(),
            copy: copy.clone(),
            from: from.clone(),
            heard,
            plan: own.or_else(|| self.portfolios.of(&apex).map(|membership| membership.portfolio.path.to_path_buf())),
            promote,
        };
        self.hold_zone(&apex);
        self.secondaries.hold(&apex);
        effects.push(Effect::Prepare(Box::new(preparing)));
    }

    /// It is worked out: it is shown, or what is decided goes into the journal (rule 7).
    pub(super) fn prepared(&mut self, prepared: Result<Box<Prepared>, Refused>, effects: &mut Vec<Effect>) {
        let (promote, reply) = match prepared {
            Ok(prepared) if prepared.is_agreed() => {
                let apex = prepared.promote.apex.clone();
                effects.push(Effect::BeginPromotion(prepared.promotion.clone()));
                self.pending.insert(apex, Pending::Promotion(prepared));
                return;
            }
            Ok(prepared) => (prepared.promote, prepared.shown),
            Err(refused) => *refused,
        };
        self.not_promoted(&promote, Answer::Told(Box::new(reply)), effects);
    }

    /// The decision is in the journal, or can't be.
    pub(super) fn promotion_journalled(
        &mut self,
        prepared: Box<Prepared>,
        failure: Option<&str>,
        effects: &mut Vec<Effect>,
    ) {
        match failure {
            None => effects.push(Effect::Settle(prepared)),
            Some(why) => {
                self.reporter.say(Report::not_journalled(&prepared.promote.apex, why));
                self.not_promoted(&prepared.promote, Answer::NotJournalled(why.to_owned()), effects);
            }
        }
    }

    fn not_promoted(&mut self, promote: &Promote, answer: Answer, effects: &mut Vec<Effect>) {
        self.is_read(&promote.apex);
        self.secondaries.let_go(&promote.apex);
        effects.push(Effect::Answer(promote.ticket, answer));
        self.ask_again(effects);
    }

    /// Its files are as they should be, or as they were.
    pub(super) fn settled(
        &mut self,
        prepared: Box<Prepared>,
        result: Result<Settled, String>,
        clock: clock::Instant,
        effects: &mut Vec<Effect>,
    ) {
        let (ticket, apex) = (prepared.promote.ticket, prepared.promote.apex.clone());
        let settled = match result {
            Ok(settled) => settled,
            Err(why) => {
                effects.push(Effect::EndPromotion(apex, Ended::GivenUp));
                let reply =
                    Reply::failed(format!("{why}; it is fetched as before")).help("put that right, and ask again");
                return self.not_promoted(&prepared.promote, Answer::Told(Box::new(reply)), effects);
            }
        };
        let done = prepared.done(&settled);
        let Prepared { promotion, zone, content, since, .. } = *prepared;
        let old = self.secondaries.get(&apex).and_then(|known| known.copy.clone());
        self.is_fetched_no_more(&apex, clock);
        self.overlaid.remove(&apex);
        let timeline = Arc::new(Timeline::fixed(zone));
        let portfolio = self.portfolios.of(&apex);
        let Some((known, count)) = self.zones.get_to_stand(&apex) else { return };
        known.stand(Standing::Served, count);
        known.content = Content { zone: content, ..Content::default() };
        (known.files.zone, known.files.secondary) = (true, false);
        (known.files.portfolio, known.files.disk) = (portfolio, settled.disk);
        (known.serial, known.zone) = (promotion.serial, Some(timeline.zone().clone()));
        self.is_amended(&apex, &timeline, true);
        let before = old.map(|old| Stand::at(&Arc::new(old.timeline()), clock));
        let (after, known) = (Stand::at(&timeline, clock), Before::Since(since));
        let cause = Cause { source: Source::File, by: promotion.by.as_str().into() };
        self.passages.push(Passage { apex: apex.clone(), at: clock, before, after, known, cause, itinerary: None });
        self.unpublished.push((apex.clone(), Service::Timeline(timeline)));
        self.published_at = None;
        self.reporter.say(Report::promoted(&promotion));
        effects.push(Effect::EndPromotion(apex.clone(), Ended::Done));
        self.done.push((ticket, Answer::Told(Box::new(done))));
        self.is_read(&apex);
        // What was seen of its files meanwhile; and its plan, if there is one.
        self.enqueue(&apex);
        self.ask_again(effects);
    }
}
