//! The owner's part in portfolios: which zone belongs to which, whenever files come, go or say something else.
//!
//! A zone is read again only if its own plan is another one then: who adds a hundred zones to a list of a hundred thousand
//! has a hundred read.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::{Change, Owner};
use crate::control::names;
use crate::control::portfolio::{self, Portfolio, Reading};
use crate::control::registry::Known;
use crate::control::report::{Level, Report};
use crate::control::socket::Reply;
use crate::diag::Diagnostic;
use crate::wire::Name;

/// The most zones with two plans that are named at one time.
const TWO_PLANS_MAX: usize = 20;

impl Owner {
    /// The file of a portfolio was read because something happened to it.
    pub(super) fn portfolio_read(&mut self, path: &Arc<Path>, reading: &Reading) {
        if self.put_portfolio(path, reading) {
            self.regroup();
        }
    }

    /// A reading of the folder `under` found these portfolios; whether zones must be looked through for them.
    pub(super) fn portfolios_found(&mut self, under: &Path, found: Vec<(Arc<Path>, Reading)>, now: Instant) -> bool {
        let gone: Vec<_> = self
            .portfolios
            .below(under)
            .filter(|path| found.iter().all(|(found, _)| found != *path))
            .cloned()
            .collect();
        for path in gone {
            self.files.saw(path.to_path_buf(), Change::Gone, now);
        }
        let mut is_changed = false;
        for (path, reading) in &found {
            // What has gone between the look at the folder and the one at the file is waited for as above.
            if matches!(reading, Reading::Gone) {
                self.files.saw(path.to_path_buf(), Change::Gone, now);
            } else {
                is_changed |= self.put_portfolio(path, reading);
            }
        }
        is_changed
    }

    fn put_portfolio(&mut self, path: &Arc<Path>, reading: &Reading) -> bool {
        if !self.portfolios.put(path, reading) {
            return false;
        }
        let shown = path.display();
        let (level, text) = match reading {
            Reading::Faulty { .. } => {
                (Level::Error, format!("{shown}: what it says now can't be used; what it said before goes on"))
            }
            Reading::Sound(portfolio) if !portfolio.remarks.is_empty() => {
                (Level::Warn, format!("{shown}: there is something to look at"))
            }
            _ => return true,
        };
        self.reporter.say(Report { level, text, diagnostics: reading.faults().to_vec() });
        true
    }

    /// Finds out anew which zone belongs to which portfolio.
    pub(super) fn regroup(&mut self) {
        let mut used: HashSet<Arc<Path>> = HashSet::new();
        // What any of them says now may be for these.
        let mut changed: Vec<Name> = self.kept.drain().collect();
        let (mut two_plans, mut more) = (Vec::new(), 0_usize);
        for (apex, known) in self.zones.iter_mut() {
            let membership = self.portfolios.of(apex);
            if membership != known.files.portfolio {
                changed.push(apex.clone());
            }
            for path in
                membership.iter().flat_map(|found| [Some(&found.portfolio.path), found.rival.as_ref()]).flatten()
            {
                if !used.contains(path) {
                    used.insert(path.clone());
                }
            }
            known.files.portfolio = membership;
            if let Some((counts, other)) = known.files.two_plans(apex) {
                if two_plans.len() < TWO_PLANS_MAX {
                    two_plans.push(portfolio::two_plans(apex, &counts, &other));
                } else {
                    more += 1;
                }
            }
        }
        for apex in changed {
            self.enqueue(&apex);
        }
        if more > 0 {
            let message = format!("{more} more zones have two plans");
            two_plans.push(Diagnostic::error("plan-two-plans", message).help("`watari check` shows them all"));
        }
        let unused = self.portfolios.iter().filter(|found| !used.contains(&found.path));
        two_plans.extend(unused.map(|found| portfolio::no_zone(found)));
        let before = std::mem::take(&mut self.said_of_portfolios);
        for fault in two_plans {
            self.said_of_portfolios.insert(fault.message.clone());
            if !before.contains(&fault.message) {
                self.reporter.say(Report::of_fault(fault));
            }
        }
    }

    /// The portfolio that a person means by `name`; `None` if it is a zone.
    ///
    /// # Errors
    /// What to reply if it is not clear which one is meant.
    pub fn portfolio_named(&self, name: &str) -> Result<Option<Arc<Portfolio>>, Box<Reply>> {
        if !portfolio::is_meant(name) {
            return Ok(None);
        }
        let mut found: Vec<_> = self.portfolios.named(name).collect();
        match (found.pop(), &*found) {
            (Some(only), []) => Ok(Some(only.clone())),
            (Some(last), others) => {
                let paths: Vec<_> = others.iter().chain([&last]).map(|found| &*found.plan.path).collect();
                let reply = Reply::refused(format!("{name} is the name of more than one portfolio"));
                Err(Box::new(reply.help(format!("name one of them: {}", paths.join(", ")))))
            }
            // `portfolio` may be a top-level domain one day.
            (None, _) if names::asked(name).is_ok_and(|apex| self.zones.get(&apex).is_some()) => Ok(None),
            (None, _) => {
                let reply = Reply::refused(format!("there is no portfolio {name} that can be used"));
                Err(Box::new(reply.help("`watari check` shows what is wrong with those that are there")))
            }
        }
    }

    /// The zones whose plan is `portfolio`.
    pub fn members<'a>(&'a self, portfolio: &'a Portfolio) -> impl Iterator<Item = &'a Name> {
        let is_its = |known: &Known| {
            let found = known.files.portfolio.as_ref().filter(|_| !known.files.plan);
            found.is_some_and(|found| found.portfolio.path == portfolio.path)
        };
        self.zones.iter().filter(move |(_, known)| is_its(known)).map(|(apex, _)| apex)
    }

    /// Takes note of whether `apex` goes on with what a portfolio armed that can't be used.
    pub(super) fn note_kept(&mut self, apex: &Name, kept: bool) {
        if kept {
            self.kept.insert(apex.clone());
        } else if !self.kept.is_empty() {
            self.kept.remove(apex);
        }
    }

    /// Says that `apex` has two plans, unless that was said.
    pub(super) fn say_if_two_plans(&mut self, apex: &Name) {
        let Some(known) = self.zones.get(apex).filter(|known| known.files.portfolio.is_some()) else { return };
        let Some((counts, other)) = known.files.two_plans(apex) else { return };
        let fault = portfolio::two_plans(apex, &counts, &other);
        if self.said_of_portfolios.len() < TWO_PLANS_MAX && self.said_of_portfolios.insert(fault.message.clone()) {
            self.reporter.say(Report::of_fault(fault));
        }
    }
}

#[cfg(test)]
mod tests;
