//! Decisions about runs, by people and by the watch over secondaries: considered when nobody else is at the zone, carried
//! out when they are in the journal.

use std::sync::Arc;

use super::event::{Act, Answer, Asked, Consider, Considered, Effect, Ticket};
use super::{ASKED_MAX, Owner, Pending, recorded};
use crate::clock::{self, Instant};
use crate::control::followers::{Behind, Due};
use crate::control::history::{Before, Cause};
use crate::control::lookout::Sighting;
use crate::control::names;
use crate::control::registry::Phase;
use crate::control::report::Report;
use crate::control::running::{News, Running};
use crate::control::socket::Reply;
use crate::control::store::change::Source;
use crate::control::tree::Files;
use crate::control::updates::Overlaid;
use crate::timeline::conduct::Decision;
use crate::timeline::{Edition, Serial};
use crate::wire::Name;

impl Owner {
    /// The zones whose plan is or was obeyed, and where it stands.
    pub fn running(&self) -> impl Iterator<Item = (&Name, &Arc<Running>)> {
        self.running.iter()
    }

    /// Where the plan of `apex` stands.
    pub fn running_of(&self, apex: &Name) -> Option<Arc<Running>> {
        self.running.get(apex).cloned()
    }

    /// The same, where nothing is to be kept.
    pub fn running_ref(&self, apex: &Name) -> Option<&Arc<Running>> {
        self.running.get(apex)
    }

    /// What the gates and watches of `apex` that are looked at by `now` have seen.
    pub fn sightings(&self, apex: &Name, now: Instant) -> Vec<Sighting> {
        self.lookout.sightings(apex, now)
    }

    /// Which secondaries of `apex` have not followed yet, and to which serial.
    pub fn behind(&self, apex: &Name) -> Option<(Serial, &[Behind])> {
        self.followers.behind(apex)
    }

    /// What a zone's files are, and the fingerprint of the content that is served of it, if it is.
    pub fn served(&self, apex: &Name) -> Option<(&Files, u64)> {
        let known = self.zones.get(apex).filter(|known| known.is_served())?;
        Some((
            &known.files,
            Overlaid::content(known.content.zone, self.overlaid(apex).map(|overlaid| &overlaid.standing)),
        ))
    }

    /// Hands a question of a person to who works it out, when nobody else is at the zone.
    pub(super) fn asked(&mut self, asked: Asked, effects: &mut Vec<Effect>) {
        if self.secondaries.get(&asked.apex).is_some() {
            return effects.push(Effect::Answer(asked.ticket, Answer::Secondary));
        }
        if self.producers.is_ours(&asked.apex) {
            let zone = names::shown(asked.apex.as_ref());
            let reply = Reply::refused(format!("{zone} is a catalog zone, and has what it lists"));
            let reply = reply.help("plans are for its members: beside each, or in a portfolio");
            return effects.push(Effect::Answer(asked.ticket, Answer::Told(Box::new(reply))));
        }
        let Some(known) = self.zones.get_mut(&asked.apex).filter(|known| known.is_served()) else {
            return effects.push(Effect::Answer(asked.ticket, Answer::NotServed));
        };
        if known.phase != Phase::Idle {
            if self.asked.len() < ASKED_MAX {
                self.asked.push_back(asked);
            } else {
                effects.push(Effect::Answer(asked.ticket, Answer::Busy));
            }
            return;
        }
        known.phase = Phase::Loading;
        self.loading += 1;
        let running = self.running.get(&asked.apex).cloned();
        let overlaid = self.overlaid.get(&asked.apex).map(|overlaid| &**overlaid);
        let (files, content) =
            (known.files.clone(), Overlaid::content(known.content.zone, overlaid.map(|overlaid| &overlaid.standing)));
        effects.push(Effect::Consider(Consider { asked, files, content, running }));
    }

    /// Asks once more for what had to wait.
    pub(super) fn ask_again(&mut self, effects: &mut Vec<Effect>) {
        for asked in std::mem::take(&mut self.asked) {
            self.asked(asked, effects);
        }
    }

    pub(super) fn considered(&mut self, considered: Box<Considered>, effects: &mut Vec<Effect>) {
        let Asked { ticket, apex, act, .. } = &considered.asked;
        let (ticket, apex) = (*ticket, apex.clone());
        let answer = match (act, &considered.result) {
            (act, Ok(decided)) if *act == Act::Yes || *act == Act::If(considered.token.clone()) => {
                let outcome = &decided.outcome;
                effects.push(Effect::Journal(recorded(&apex, outcome)));
                self.pending.insert(apex, Pending::Decided(considered));
                return;
            }
            (Act::If(_), Ok(_)) => Answer::Changed(considered),
            _ => Answer::Shown(considered),
        };
        effects.push(Effect::Answer(ticket, answer));
        self.is_read(&apex);
        self.ask_again(effects);
    }

    /// A decision is in the journal: now it is carried out.
    pub(super) fn decided(&mut self, considered: Box<Considered>, clock: clock::Instant) {
        let (ticket, apex) = (considered.asked.ticket, considered.asked.apex.clone());
        self.is_read(&apex);
        if let Ok(decided) = &considered.result {
            let news = News::new(decided.outcome.clone());
            let by = || Cause { source: Source::Plan, by: considered.asked.by.as_str().into() };
            let cause = news.cause().unwrap_or_else(by);
            self.serve(apex, news, Before::Known, cause, clock);
            // However much else is loading: who rolls back does not wait for it.
            self.published_at = None;
        }
        self.done.push((ticket, Answer::Done(considered)));
    }

    /// From here on secondaries have to follow to what is served now, if the plan names any.
    pub(super) fn expect_followers(&mut self, apex: &Name, edition: Edition, clock: clock::Instant) {
        let running = self.running.get(apex).filter(|running| !running.run.is_over());
        let plan = running.and_then(|running| running.itinerary.as_ref()).filter(|plan| !plan.secondaries.is_empty());
        match plan {
            Some(plan) => {
                let (serial, from) = (Serial(edition.serial), edition.from.max(clock));
                self.followers.expect(apex, serial, from, &plan.secondaries, plan.lag);
            }
            None => self.followers.forget(apex),
        }
    }

    /// Has secondaries asked, and plans held whose secondaries do not follow.
    pub(super) fn see_who_follows(&mut self, clock: clock::Instant, effects: &mut Vec<Effect>) {
        for due in self.followers.due(clock) {
            match due {
                Due::Ask(apex, server) => effects.push(Effect::AskSerial(apex, server)),
                Due::Late { apex, serial, behind } => {
                    let behind: Vec<_> =
                        behind.iter().map(|behind| format!("{} {}", behind.server, behind.said)).collect();
                    let why = format!("serial {serial} is not served everywhere in time: {}", behind.join("; "));
                    self.reporter.say(Report::not_followed(&apex, &why));
                    let by = "the watch over secondaries".to_owned();
                    let decision = Decision::Hold { why };
                    self.asked(Asked { ticket: Ticket(0), apex, decision, by, act: Act::Yes }, effects);
                }
            }
        }
    }
}
