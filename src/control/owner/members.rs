//! Members of catalog zones that are obeyed: they come, go and are fetched as their catalog zones say, without files.

use std::sync::Arc;

use super::Owner;
use super::event::{Effect, Service};
use crate::clock;
use crate::control::catalog_zone::consumers::FEW;
use crate::control::catalog_zone::{Consumers, Decision, Enrolled, Refused};
use crate::control::config::catalog::Consumption;
use crate::control::names;
use crate::control::report::{Level, Report, shown_instant};
use crate::control::secondary::Copy;
use crate::control::tree::{self, Files};
use crate::timeline::show;
use crate::wire::Name;
use crate::zone::members::Members;

/// The most zones that are named of those that a catalog zone lists and does not get.
const REFUSED_SHOWN_MAX: usize = 20;

impl Owner {
    /// Goes on with the members that the database knows.
    #[must_use]
    pub fn with_members(mut self, consumers: Consumers) -> Owner {
        self.consumers = consumers;
        self
    }

    /// The catalog zones that are obeyed, and their members.
    pub fn consumers(&self) -> &Consumers {
        &self.consumers
    }

    /// The file of `apex` says that it is a catalog zone whose members are fetched so, or that it is none.
    pub(super) fn obeys(&mut self, apex: &Name, settings: Option<Arc<Consumption>>, clock: clock::Instant) {
        match settings {
            Some(settings) => {
                for member in self.consumers.obey(apex, settings) {
                    self.has_member(&member);
                }
            }
            None if self.consumers.is_catalog(apex) => {
                let gone = self.consumers.cease(apex, clock);
                let zone = names::shown(apex.as_ref());
                let text = format!("{zone}: it is no catalog zone of ours any more, and its {} members go", gone.len());
                self.reporter.say(Report::new(Level::Warn, text));
                let known = self.secondaries.get(apex).filter(|known| !known.is_expired);
                if let Some(copy) = known.and_then(|known| known.copy.as_ref()) {
                    self.unpublished.push((apex.clone(), Service::Timeline(Arc::new(copy.timeline()))));
                }
            }
            None => {}
        }
    }

    /// The settings of the catalog zone `apex` may be others: what it lists is looked at again.
    pub(super) fn reads_again(&mut self, apex: &Name, clock: clock::Instant) {
        if !self.consumers.is_catalog(apex) {
            return;
        }
        let known = self.secondaries.get(apex).filter(|known| !known.is_expired);
        if let Some(copy) = known.and_then(|known| known.copy.clone()) {
            self.unpublished.push((apex.clone(), Service::Closed(Arc::new(copy.timeline()))));
            self.lists(apex, &copy, clock);
        }
    }

    /// The catalog zone `apex` is served with this content.
    pub(super) fn lists(&mut self, apex: &Name, copy: &Copy, clock: clock::Instant) {
        let has_file = |name: &Name| self.zones.get(name).is_some_and(|known| !known.files.is_member);
        let zone = names::shown(apex.as_ref());
        let outcome = match self.consumers.came(apex, Members::read(copy.view()), has_file, clock) {
            Ok(outcome) => outcome,
            Err(broken) => {
                let text =
                    format!("{zone}: {broken}; as a catalog zone it is not obeyed, and its members stay as they are");
                return self.reporter.say(Report::new(Level::Error, text));
            }
        };
        if outcome.joined + outcome.moved + outcome.left.len() > 0 {
            let (joined, moved, left) = (outcome.joined, outcome.moved, outcome.left.len());
            let (level, grace) = match (left, outcome.grace.is_zero()) {
                (0, _) | (_, true) => (Level::Info, String::new()),
                _ => {
                    let level = if left > FEW { Level::Warn } else { Level::Info };
                    let (length, until) =
                        (show::length(outcome.grace), shown_instant(clock.after(outcome.grace).whole_seconds()));
                    (level, format!("; those that go are served for {length}, until {until}"))
                }
            };
            let text = format!("{zone}: of its members {joined} come, {left} go, and {moved} begin anew{grace}");
            self.reporter.say(Report::new(level, text));
        }
        let count = outcome.refused.len();
        for (name, why) in outcome.refused.into_iter().take(REFUSED_SHOWN_MAX) {
            let member = names::shown(name.as_ref());
            let (why, help) = told(&why);
            let text = format!("{zone}: its member {member} is not taken, since {why}; {help}");
            self.reporter.say(Report::new(Level::Error, text));
        }
        if count > REFUSED_SHOWN_MAX {
            let text = format!(
                "{zone}: {} more of its members are not taken; `watari status {zone}` counts them",
                count - REFUSED_SHOWN_MAX
            );
            self.reporter.say(Report::new(Level::Error, text));
        }
        self.handled += outcome.decisions.len();
        for decision in outcome.decisions {
            self.carry_out(decision, clock);
        }
    }

    /// Members that are due go, and the database is told who is one.
    pub(super) fn members_are_due(&mut self, clock: clock::Instant, effects: &mut Vec<Effect>) {
        for decision in self.consumers.due(clock) {
            self.carry_out(decision, clock);
        }
        let notes = self.consumers.take_notes();
        if !notes.is_empty() {
            effects.push(Effect::NoteMembers(notes));
        }
    }

    fn carry_out(&mut self, decision: Decision, clock: clock::Instant) {
        match decision {
            Decision::Fetch(apex) => self.has_member(&apex),
            Decision::Reset(apex) => {
                self.leave(&apex, clock);
                self.has_member(&apex);
            }
            Decision::Leave(apex) => {
                let was_known = self.leave(&apex, clock);
                self.reporter.gone(&apex, was_known, "its catalog zone lists it no longer", Vec::new());
                self.is_vacant(&apex, clock);
            }
        }
    }

    /// `apex` is a member: what there is of it is looked for, and it is fetched.
    fn has_member(&mut self, apex: &Name) {
        if self.zones.get(apex).is_none() {
            let files = tree::files(&self.nowhere, apex, &names::stem(apex.as_ref()));
            self.zones.insert(apex.clone(), Files { is_member: true, ..files });
            if !self.is_ready {
                // As those of files: its name is known, and it has not been looked for.
                self.unpublished.push((apex.clone(), Service::Failed));
            }
        }
        self.enqueue(apex);
    }

    /// `apex` is not served any more. What is kept of it is the consumers' affair.
    fn leave(&mut self, apex: &Name, clock: clock::Instant) -> bool {
        if self.zones.get(apex).is_none_or(|known| !known.files.is_member) {
            return false;
        }
        self.secondaries.release(apex);
        // If it is being read, what comes of that is nobody's.
        self.zones.remove(apex);
        self.amended.remove(apex);
        self.follow(apex, None, clock);
        self.producers.touch(apex);
        self.unpublished.push((apex.clone(), Service::Gone));
        true
    }

    /// There is no zone `apex` any more, but perhaps a catalog zone that lists it.
    pub(super) fn is_vacant(&mut self, apex: &Name, clock: clock::Instant) {
        if let Some(decision) = self.consumers.vacant(apex) {
            self.carry_out(decision, clock);
        }
    }

    /// There is a file for `apex`, which was a member.
    pub(super) fn has_file_now(&mut self, apex: &Name) {
        let Some(Enrolled { catalog, .. }) = self.consumers.has_file(apex) else { return };
        let (zone, catalog) = (names::shown(apex.as_ref()), names::shown(catalog.as_ref()));
        let text =
            format!("{zone}: it has a file of its own, which counts; it is no member of {catalog} here any more");
        self.reporter.say(Report::new(Level::Warn, text));
    }

    /// Everything has been read: members whose catalog zone has no file are none any more; those whose catalog zone has one
    /// that can't be used are answered with SERVFAIL.
    pub(super) fn members_without_catalog(&mut self, clock: clock::Instant) {
        let mut lost: Vec<(Name, Name)> = Vec::new();
        for (apex, enrolled) in self.consumers.iter() {
            if !self.consumers.is_catalog(&enrolled.catalog) {
                lost.push((enrolled.catalog.clone(), apex.clone()));
            }
        }
        lost.sort();
        let catalogs: std::collections::BTreeSet<_> = lost.iter().map(|(catalog, _)| catalog.clone()).collect();
        for catalog in catalogs {
            let zone = names::shown(catalog.as_ref());
            let is_there = self.zones.get(&catalog).is_some_and(|known| known.files.secondary);
            if is_there {
                let of_it = lost.iter().filter(|(of, _)| *of == catalog);
                let members: Vec<_> = of_it.map(|(_, member)| member.clone()).collect();
                let text = format!("{zone}: its {} members can't be served until its file can be used", members.len());
                self.reporter.say(Report::new(Level::Error, text));
                members.iter().for_each(|member| self.has_member(member));
            } else {
                let gone = self.consumers.cease(&catalog, clock);
                let text =
                    format!("{zone}: it is no catalog zone of ours any more, and its {} members are gone", gone.len());
                self.reporter.say(Report::new(Level::Warn, text));
            }
        }
    }
}

/// Why a member is not taken, and a way out.
fn told(why: &Refused) -> (String, String) {
    match why {
        Refused::HasFile => {
            ("it has a file on this machine".to_owned(), "take the file away, or have it listed no more".to_owned())
        }
        Refused::MemberOf(other) => {
            let other = names::shown(other.as_ref());
            (format!("{other} has it"), format!("{other} must let it go first: with `coo`, or by not listing it"))
        }
    }
}
