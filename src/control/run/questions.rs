//! What is asked over the control socket: handed to the owner, or answered here; of one zone, or of all of a portfolio.

use std::sync::Arc;

use super::{Control, GATHERINGS_MAX, Word};
use crate::control::catalog_zone;
use crate::control::desk;
use crate::control::gathering::{self, Gathering};
use crate::control::informed;
use crate::control::lookout;
use crate::control::metered;
use crate::control::metrics;
use crate::control::names;
use crate::control::owner::{Act, Answer, Asked, Consider, Considered, Event, Ticket};
use crate::control::portfolio::Portfolio;
use crate::control::promotion::Promote;
use crate::control::registry::Count;
use crate::control::running;
use crate::control::secondary::told;
use crate::control::socket::{self, Caller, Reply, Verb};
use crate::control::updates::keep::{self, Keep};
use crate::timeline::conduct::Decision;
use crate::timeline::plan;
use crate::wire::Name;
use crate::zone::Zone;

impl Control {
    /// What is asked of the owner by a question from the socket; what the owner need not decide is answered here.
    pub(super) fn asked(&mut self, request: &socket::Request, caller: Caller) -> Option<Event> {
        let Some(name) = &request.zone else {
            match request.verb {
                Verb::Status => {
                    let now = self.clock.now();
                    let reply = desk::overview(self.owner.running(), &self.clock_state(), now);
                    let consumers = self.owner.consumers();
                    let zones = self.owner.secondaries().iter().map(|(a, fetching)| (a, fetching, consumers.origin(a)));
                    let reply = told::beside(reply, zones, now);
                    let reply = catalog_zone::told::beside(reply, consumers, self.owner.secondaries(), None);
                    let reply = catalog_zone::told::of_ours(reply, self.owner.producers(), None);
                    caller.reply(informed::of_all(reply, self.owner.notifier()));
                }
                _ => caller.reply(Reply::refused("which zone is meant is not said").help("name it")),
            }
            return None;
        };
        let portfolio = match self.owner.portfolio_named(name) {
            Ok(portfolio) => portfolio,
            Err(reply) => {
                caller.reply(*reply);
                return None;
            }
        };
        let apex = match names::asked(name) {
            Ok(apex) => apex,
            Err(_) if portfolio.is_some() => Name::root(),
            Err(error) => {
                caller.reply(Reply::refused(format!("`{name}` is no domain name: {error}")));
                return None;
            }
        };
        let decision = match request.verb {
            Verb::Status if let Some(portfolio) = &portfolio => {
                let zones = self.owner.members(portfolio).map(|apex| (apex, self.owner.running_ref(apex)));
                caller.reply(gathering::overview(portfolio, zones, &self.clock_state(), self.clock.now()));
                return None;
            }
            Verb::Status if let Some(fetching) = self.owner.secondary(&apex) => {
                let consumers = self.owner.consumers();
                let reply = told::standing(&apex, fetching, consumers.origin(&apex).as_ref(), self.clock.now());
                caller.reply(catalog_zone::told::beside(reply, consumers, self.owner.secondaries(), Some(&apex)));
                return None;
            }
            Verb::Status if self.owner.producers().is_ours(&apex) => {
                let reply = Reply::shown(String::new(), serde_json::json!({ "zone": apex.to_string() }));
                let reply = catalog_zone::told::of_ours(reply, self.owner.producers(), Some(&apex));
                let told = self.owner.notifier().standing(&apex);
                caller.reply(informed::of_zone(reply, &told));
                return None;
            }
            Verb::Status => {
                self.tell_standing(apex, request.styled, caller);
                return None;
            }
            Verb::Freeze | Verb::Thaw | Verb::Sync | Verb::Promote if portfolio.is_some() => {
                caller.reply(Reply::refused("that is done zone by zone").help("name a zone"));
                return None;
            }
            Verb::Freeze => return Some(self.kept_by(keep::Verb::Freeze, apex, request, caller)),
            Verb::Thaw => return Some(self.kept_by(keep::Verb::Thaw, apex, request, caller)),
            Verb::Sync => return Some(self.kept_by(keep::Verb::Sync, apex, request, caller)),
            Verb::Promote => {
                let by = caller.by().to_owned();
                let ticket = self.ticket(caller, request.styled);
                let (act, even_expired) = (request.act.clone(), request.expired);
                return Some(Event::Promote(Promote { ticket, apex, by, act, even_expired }));
            }
            Verb::Arm => Decision::Arm,
            Verb::Hold => Decision::Hold { why: request.why.clone().unwrap_or_default() },
            Verb::Approve => Decision::Approve { gate: request.gate.clone() },
            Verb::Rollback => Decision::RollBack,
            Verb::Abort => Decision::Abort,
            Verb::Resume => match request.at.as_deref().map(plan::parse_instant) {
                None => Decision::Resume { at: None },
                Some(Ok(at)) => Decision::Resume { at: Some(plan::to_instant(&at)) },
                Some(Err(fault)) => {
                    let help = fault.help.clone().unwrap_or_default();
                    caller.reply(Reply::refused(fault.message.clone()).help(help));
                    return None;
                }
            },
        };
        if let Some(portfolio) = portfolio {
            self.begin_gathering(&portfolio, decision, request.act.clone(), caller);
            return None;
        }
        let by = caller.by().to_owned();
        let ticket = self.ticket(caller, request.styled);
        let act = request.act.clone().map_or(Act::No, Act::If);
        Some(Event::Asked(Asked { ticket, apex, decision, by, act }))
    }

    fn ticket(&mut self, caller: Caller, styled: bool) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.callers.retain(|_, (caller, _)| !caller.has_gone());
        self.callers.insert(ticket, (caller, styled));
        ticket
    }

    fn kept_by(&mut self, verb: keep::Verb, apex: Name, request: &socket::Request, caller: Caller) -> Event {
        let ticket = self.ticket(caller, request.styled);
        Event::Keep(Keep { ticket, apex, verb, act: request.act.clone() })
    }

    /// The zone of `apex` that is served.
    fn zone(&self, apex: &Name) -> Option<Zone> {
        self.catalog.zone(apex.as_ref()).cloned()
    }

    fn tell_standing(&self, apex: Name, styled: bool, caller: Caller) {
        let known = self.owner.served(&apex).map(|(_, content)| content);
        let (Some(zone), Some(content)) = (self.zone(&apex), known) else {
            return caller.reply(desk::reply(Answer::NotServed, &self.clock_state(), self.clock.now(), styled));
        };
        let running = self.owner.running_of(&apex);
        let (loader, archive, clock) = (self.loader.clone(), self.archive.clone(), self.clock_state());
        let (now, meter) = (self.clock.now(), self.meter.clone());
        let overlaid = self.owner.overlaid(&apex).cloned();
        let told = self.owner.notifier().standing(&apex);
        let sightings = self.owner.sightings(&apex, now);
        rayon::spawn(move || {
            let served =
                running::Served { zone: &zone, content, is_updated: overlaid.is_some(), running: running.as_deref() };
            let schedule = loader.schedule(&served);
            let entries = archive.entries(&apex);
            let rest = (&clock, now, styled);
            let standing = desk::standing(&apex, schedule.as_ref(), running.as_deref(), &entries, rest);
            let reading = meter.reading(metrics::hash(&apex)).unwrap_or_default();
            let standing = lookout::told(standing, &sightings, now);
            let standing = metered::told(standing, &apex, schedule.as_ref(), &reading);
            let standing = informed::of_zone(standing, &told);
            caller.reply(keep::told(standing, &apex, overlaid.as_ref()));
        });
    }

    pub(super) fn consider(&self, consider: Consider) {
        let Consider { asked, files, content, running } = consider;
        let zone = self.zone(&asked.apex);
        let is_updated = self.owner.overlaid(&asked.apex).is_some();
        let (loader, clock, queue) = (self.loader.clone(), self.clock.clone(), self.queue.0.clone());
        // Who has gone was told that it was not done.
        let gathering = self.parts.get(&asked.ticket).and_then(|(number, _)| self.gatherings.get(number));
        let has_gone = match gathering {
            Some(gathering) => gathering.has_gone(),
            None => self.callers.get(&asked.ticket).is_none_or(|(caller, _)| caller.has_gone()),
        };
        let act = if has_gone && asked.act != Act::Yes { Act::No } else { asked.act.clone() };
        rayon::spawn(move || {
            let now = clock.next();
            let result = match &zone {
                Some(zone) => {
                    let served = running::Served { zone, content, is_updated, running: running.as_deref() };
                    loader.decide(&asked.apex, &files, &served, &asked.decision, &asked.by, now)
                }
                None => Err(crate::timeline::conduct::Refusal::NoPlan),
            };
            let token = desk::token(&asked.decision, &result, content, now);
            let considered = Box::new(Considered { asked: Asked { act, ..asked }, token, result });
            _ = queue.send(Word::Event(Event::Considered(considered)));
        });
    }

    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        if let Some((number, apex)) = self.parts.remove(&ticket) {
            let gathering = self.gatherings.get_mut(&number);
            self.is_busy |= gathering.is_some_and(|gathering| !gathering.answered(apex, answer));
            return;
        }
        let Some((caller, styled)) = self.callers.remove(&ticket) else { return };
        caller.reply(desk::reply(answer, &self.clock_state(), self.clock.now(), styled));
    }

    /// Will ask for all zones of `portfolio`.
    fn begin_gathering(&mut self, portfolio: &Arc<Portfolio>, decision: Decision, act: Option<String>, caller: Caller) {
        if let Decision::Resume { at: Some(_) } = decision {
            let reply = Reply::refused("the zones of a portfolio have instants of their own")
                .help("resume it without --at, or one zone alone with it");
            return caller.reply(reply);
        }
        if self.gatherings.len() >= GATHERINGS_MAX {
            return caller.reply(Reply::failed("too much is asked at once").help("ask again in a moment"));
        }
        let zones: Vec<Name> = self.owner.members(portfolio).cloned().collect();
        self.tickets += 1;
        let question = gathering::Question { decision, act };
        self.gatherings.insert(self.tickets, Gathering::new(caller, portfolio.clone(), question, zones));
    }

    /// Asks for zones that are to be asked for, and replies when all have answered.
    pub(super) fn gather(&mut self, ready: &mut Option<impl FnOnce(Count)>) {
        let numbers: Vec<u64> = self.gatherings.keys().copied().collect();
        for number in numbers {
            self.is_busy = false;
            // Too much waits already: what happens next lets it go on.
            while !self.is_busy {
                let Some(gathering) = self.gatherings.get_mut(&number) else { break };
                if let Some((apex, act)) = gathering.ask() {
                    let (decision, by) = (gathering.decision().clone(), gathering.by().to_owned());
                    self.tickets += 1;
                    let ticket = Ticket(self.tickets);
                    self.parts.insert(ticket, (number, apex.clone()));
                    self.tell(
                        Event::Asked(Asked { ticket, apex, decision, by, act: act.map_or(Act::No, Act::If) }),
                        ready,
                    );
                } else if gathering.is_over() {
                    let clock = self.clock_state();
                    self.gatherings.remove(&number).into_iter().for_each(|gathering| gathering.tell(&clock));
                } else if gathering.waits() {
                    break;
                }
            }
        }
    }
}
