//! Making a zone's updates, those that wait together: what comes of them, and what must be in the database first.

use std::sync::Arc;

use super::{OVERLAY_SIZE_MAX, Overlaid, Petitioned, Standing, Written};
use crate::clock::Instant;
use crate::control::fingerprint::Fingerprint;
use crate::control::history::Before;
use crate::control::load::Loader;
use crate::control::running::{News, Running, Served};
use crate::control::tree::Files;
use crate::timeline::serial::Succession;
use crate::timeline::{Schedule, Serial, Timeline};
use crate::wire::edns::ExtendedError;
use crate::wire::{Name, Rcode, Rtype};
use crate::zone::delta::Delta;
use crate::zone::update::{Changed, Draft, Policy, Refusal};
use crate::zone::{Amended, View, Zone};

/// The most who are named as those that asked for what is made together.
const NAMED_MAX: usize = 8;

/// The updates of one zone that are to be made.
#[derive(Debug)]
pub struct Job {
    /// The zone.
    pub apex: Name,
    /// What is asked for, in its order.
    pub petitions: Vec<Petitioned>,
    /// The zone's files.
    pub files: Files,
    /// The content of the file that is served.
    pub content: Fingerprint,
    /// What updates have made of it so far.
    pub overlaid: Option<Arc<Overlaid>>,
    /// Where its plan stands.
    pub running: Option<Arc<Running>>,
}

/// What is said to a petition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// To who asked.
    pub rcode: Rcode,
    /// What goes with it.
    pub error: Option<ExtendedError>,
    /// To a person, if it was refused.
    pub why: Option<String>,
}

impl Said {
    /// That it is done.
    pub const DONE: Said = Said { rcode: Rcode::NOERROR, error: None, why: None };

    /// That it is not.
    pub fn refused(rcode: Rcode, error: Option<ExtendedError>, why: impl Into<String>) -> Said {
        Said { rcode, error, why: Some(why.into()) }
    }
}

impl From<Refusal> for Said {
    fn from(refusal: Refusal) -> Said {
        let error = (refusal.rcode == Rcode::REFUSED).then_some(ExtendedError::PROHIBITED);
        Said::refused(refusal.rcode, error, refusal.why)
    }
}

/// What is to be served once it is in the database.
#[derive(Debug)]
pub struct Made {
    /// The zone.
    pub news: Box<News>,
    /// How what updates have made of it stands.
    pub standing: Standing,
    /// What of that is new.
    pub written: Written,
    /// What differs from the zone that is served.
    pub before: Before,
    /// Who has asked for it, for people.
    pub by: Arc<str>,
}

/// What came of a [`Job`].
#[derive(Debug)]
pub struct Updated {
    /// The zone.
    pub apex: Name,
    /// What is said to each petition, if the database takes what was made.
    pub answers: Vec<(Petitioned, Said)>,
    /// What was made; `None`: nothing is changed.
    pub made: Option<Made>,
}

impl Updated {
    /// Nothing came of it, and nothing is said.
    pub fn nothing(apex: Name) -> Updated {
        Updated { apex, answers: Vec::new(), made: None }
    }
}

impl Job {
    /// Does it, over what is `served`.
    pub fn run(self, served: &Timeline, loader: &Loader, policy: &Policy, now: Instant) -> Updated {
        let zone = served.zone();
        let timeline = self.running.as_ref().and_then(|running| running.timeline.as_deref()).unwrap_or(served);
        let served = Served { zone, content: 0, is_updated: true, running: self.running.as_deref() };
        let is_under_way = self.running.as_ref().is_some_and(|running| !running.run.is_over());
        let schedule = if is_under_way { loader.schedule(&served) } else { None };
        let view = timeline.view_of(timeline.at(now), now);
        let mut draft = Draft::new(view);
        let mut said = Vec::with_capacity(self.petitions.len());
        let mut changing = 0;
        for petitioned in &self.petitions {
            let petition = petitioned.petition();
            let may = policy.of(&self.apex, &petition.requestor());
            let made = draft.update(petition.update(), &may).and_then(|()| untouched(&draft, schedule.as_ref()));
            said.push(match made {
                Ok(()) => {
                    changing += u64::from(!draft.last_changed().is_empty());
                    Said::DONE
                }
                Err(refusal) => {
                    draft.undo();
                    Said::from(refusal)
                }
            });
        }
        let made = match self.make(view, zone, &draft, loader, now) {
            Ok(made) => made.map(|made| counting(made, changing)),
            Err(refusal) => {
                for said in said.iter_mut().filter(|said| **said == Said::DONE) {
                    *said = Said::from(refusal.clone());
                }
                None
            }
        };
        Updated { apex: self.apex, answers: self.petitions.into_iter().zip(said).collect(), made }
    }

    /// What the draft comes to; nothing if nothing is changed by it.
    fn make(
        &self,
        view: View<'_>,
        zone: &Zone,
        draft: &Draft<'_>,
        loader: &Loader,
        now: Instant,
    ) -> Result<Option<Made>, Refusal> {
        let changed = draft.changed();
        if changed.is_empty() {
            return Ok(None);
        }
        let serial = self.serial(view, draft, now);
        let mut changed: Vec<_> = changed.into_iter().map(|changed| changed.with_serial(serial.0)).collect();
        if !changed.iter().any(|changed| changed.rtype == Rtype::SOA) {
            let renumbered = if self.has_plan() { zone.view() } else { view };
            changed.extend(Changed::renumbered(renumbered, serial.0));
        }
        let none = Overlaid::default();
        let before = self.overlaid.as_deref().unwrap_or(&none);
        // The whole may be large: only what is touched is made anew.
        let mut touched = before.overlay.of(changed.iter().map(Changed::key));
        let rest = before.overlay.size() - touched.size();
        let keys = touched.fold(&changed);
        if rest + touched.size() > OVERLAY_SIZE_MAX.max(before.overlay.size()) {
            let why = "updates have made more of the zone than is kept; `watari zone sync` writes it into its file";
            return Err(Refusal::new(Rcode::REFUSED, why));
        }
        let layers = keys.into_iter().map(|key| (key.clone(), touched.layer(&key).cloned())).collect();
        let standing = Standing { serial, content: self.content.number(), ..before.standing };
        let (news, before) = match self.has_plan() {
            false => amended(zone, view, &changed, loader)?,
            true => {
                let rebuilt = rebuilt(zone, &changed)?;
                let before = Before::Since(loader.since(zone, &rebuilt));
                (self.news(&rebuilt, &standing, loader, now)?, before)
            }
        };
        let written = Written { apex: self.apex.clone(), standing: Some(standing), layers };
        let mut by: Vec<_> = self.petitions.iter().map(|petitioned| petitioned.petition().by()).collect();
        by.dedup();
        by.truncate(NAMED_MAX);
        Ok(Some(Made { news: Box::new(news), standing, written, before, by: by.join(", ").into() }))
    }

    /// Whether the zone has a plan, or had one.
    fn has_plan(&self) -> bool {
        self.running.is_some() || self.files.plan || self.files.portfolio.is_some()
    }

    /// The zone over time, its plan's steps made anew over it.
    fn news(&self, zone: &Zone, standing: &Standing, loader: &Loader, now: Instant) -> Result<News, Refusal> {
        let content = Overlaid::content(self.content, Some(standing));
        let served = Served { zone, content, is_updated: true, running: self.running.as_deref() };
        let outcome = loader.follow(&self.apex, &self.files, &served, now);
        let outcome = outcome.map_err(|fault| Refusal::new(Rcode::SERVFAIL, fault.message))?;
        let why = outcome.diagnostics.iter().find(|diagnostic| diagnostic.is_error());
        let why = why.map_or_else(|| "its plan could not go on".to_owned(), |fault| fault.message.clone());
        let news = News::new(outcome);
        match news.is_served() {
            true => Ok(news),
            false => Err(Refusal::new(Rcode::REFUSED, format!("the zone's plan stands against it: {why}"))),
        }
    }

    /// The serial from now on: who updated the SOA record has chosen it.
    fn serial(&self, view: View<'_>, draft: &Draft<'_>, now: Instant) -> Serial {
        let served = Serial(view.serial());
        let last = self.overlaid.as_ref().map(|overlaid| overlaid.standing.serial);
        let above = last.filter(|last| last.above(served).is_some()).unwrap_or(served);
        match draft.serial().map(Serial) {
            Some(chosen) if chosen.above(above).is_some() => chosen,
            _ => Succession::new(served, now, jiff::tz::TimeZone::UTC).above(above).next(now),
        }
    }
}

/// `zone`, of which `view` is served, after what has `changed`.
fn amended(zone: &Zone, view: View<'_>, changed: &[Changed], loader: &Loader) -> Result<(News, Before), Refusal> {
    let mut delta = Delta::default();
    changed.iter().for_each(|changed| changed.note(&mut delta));
    let serial = delta.serials().map_or(view.serial(), |(_, serial)| serial);
    let since = Delta::between(zone.view(), view).then(delta);
    let amended = zone.amended(&since).map_err(|error| Refusal::new(Rcode::SERVFAIL, error.to_string()))?;
    let (timeline, before) = match amended {
        Amended::Patched(patch, _) => (Timeline::amended(zone.clone(), patch, serial), Before::Known),
        Amended::Anew(anew) => (Timeline::fixed(anew), Before::Since(loader.since_of(zone, &since))),
    };
    Ok((News::plain(timeline), before))
}

/// `zone` after what has `changed`, put together anew.
fn rebuilt(zone: &Zone, changed: &[Changed]) -> Result<Zone, Refusal> {
    let mut changes: Vec<_> = changed.iter().map(Changed::to_change).collect();
    // What goes comes first: see `Delta::changes`.
    changes.sort_by_key(|change| !change.rdatas.is_empty());
    zone.rebuilt(&changes).map_err(|error| Refusal::new(Rcode::SERVFAIL, error.to_string()))
}

/// Whether the last update left alone what a plan that is under way flips or lowers.
fn untouched(draft: &Draft<'_>, schedule: Option<&Schedule>) -> Result<(), Refusal> {
    let Some(schedule) = schedule else { return Ok(()) };
    for (owner, rtype) in draft.last_changed() {
        let is_of_plan = |course: &&crate::timeline::Course| {
            let is_alias = rtype == Rtype::CNAME || course.rtype == Rtype::CNAME;
            course.owner == owner && (course.rtype == rtype || is_alias)
        };
        if schedule.courses.iter().find(is_of_plan).is_some() {
            let why = format!(
                "{owner} {rtype}: the zone's plan, which is under way, moves it; abort the plan, or wait for it"
            );
            return Err(Refusal::new(Rcode::REFUSED, why));
        }
    }
    Ok(())
}

fn counting(mut made: Made, updates: u64) -> Made {
    made.standing.updates += updates;
    made.written.standing = Some(made.standing);
    made
}
