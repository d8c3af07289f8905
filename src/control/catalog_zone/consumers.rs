//! Which zones are members of the catalog zones that we obey, and what becomes of them when those change.
//!
//! 1. What a catalog zone that is whole says is compared with who is enrolled: nothing follows from how it came to be so.
//!    So a server that was killed in between, or down, does the same later.
//! 2. Who is enrolled is in the database. A catalog zone that is broken, has expired or can't be fetched changes nothing:
//!    its members stay as they are, over a restart too (RFC 9432 § 5.1).
//! 3. A name has one owner: a file on this machine before any catalog zone, and of these the one that had it first (§ 5.2).
//!    Another that lists it as well gets it when the first lets it go: by saying so (`coo`, § 4.3.1), or by not listing
//!    it any more.
//! 4. A member whose label is another one begins anew: nothing is kept of what it was (§ 5.4, § 5.6).
//! 5. A member that is no longer listed is served for the grace, then not at all (§ 5.3), and what we have of it is kept for
//!    a while: should it be listed again by the same catalog zone under the same label, it is there at once. If a
//!    catalog zone takes more than half of its members away at once, and more than [`FEW`], that is rarely meant: they have
//!    a longer grace.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Instant;
use crate::control::config::catalog::{Consumption, KEPT};
use crate::control::config::secondary::Secondary;
use crate::control::names::NameMap;
use crate::wire::Name;
use crate::zone::members::{Broken, Member, Members};

/// So many members may go at once without further thought (rule 5).
pub const FEW: usize = 10;

/// A zone that is, or was not long ago, a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The catalog zone that has it.
    pub catalog: Name,
    /// What that says of it.
    pub member: Member,
    /// From when it is not served, if it is no longer listed.
    pub leaves_at: Option<Instant>,
}

/// What the database is to have of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted {
    /// That it is a member.
    Enrolled(Enrolled),
    /// The same, and nothing of what was kept of it.
    Anew(Enrolled),
    /// That it is none, and nothing of what was kept.
    Gone,
    /// That it is none any more: it is here for another reason.
    Released,
}

/// What must be done about a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Have it fetched, or in another way than until now.
    Fetch(Name),
    /// Forget what we have of it, then have it fetched.
    Reset(Name),
    /// Serve it no longer.
    Leave(Name),
}

/// Why a catalog zone does not have a zone that it lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// It has a file on this machine.
    HasFile,
    /// It is a member of that catalog zone.
    MemberOf(Name),
}

/// What came of reading a catalog zone.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What must be done.
    pub decisions: Vec<Decision>,
    /// How many are members that were not.
    pub joined: usize,
    /// Which are listed no longer, and until when they are served.
    pub left: Vec<Name>,
    /// The grace of those.
    pub grace: Duration,
    /// How many have come from another catalog zone, or begin anew.
    pub moved: usize,
    /// Which are listed and not taken, that were not said to be before.
    pub refused: Vec<(Name, Refused)>,
}

/// A catalog zone that is obeyed.
#[derive(Debug)]
struct Consumed {
    settings: Arc<Consumption>,
    /// What it lists, as far as that is known since the start.
    listed: Option<Members>,
    /// Why what came last is not obeyed.
    broken: Option<Broken>,
    /// What is not taken, as it was said.
    refused: HashMap<Name, Refused>,
}

/// A member, and what is to become of it.
#[derive(Debug)]
struct Known {
    is: Enrolled,
    /// When it leaves; or, if it has left, when nothing is kept of it any more.
    end: Option<Instant>,
    has_left: bool,
    /// Whether what is kept under its name is its own.
    has_kept: bool,
}

/// All catalog zones that are obeyed, and their members.
#[derive(Debug, Default)]
pub struct Consumers {
    catalogs: NameMap<Consumed>,
    enrolled: NameMap<Known>,
    /// When members are served no longer, and when nothing is kept of them any more.
    ends: BTreeSet<(Instant, Name)>,
    /// What the database is to have.
    notes: Vec<(Name, Noted)>,
}

impl Consumers {
    /// Goes on with what the database has.
    pub fn known(rows: Vec<(Name, Enrolled)>, now: Instant) -> Consumers {
        let mut consumers = Consumers::default();
        for (apex, is) in rows {
            let has_left = is.leaves_at.is_some_and(|at| at <= now);
            let end = is.leaves_at.map(|at| if has_left { at.after(KEPT) } else { at });
            consumers.ends.extend(end.map(|at| (at, apex.clone())));
            consumers.enrolled.insert(apex, Known { is, end, has_left, has_kept: true });
        }
        consumers
    }

    /// Whether `apex` is a catalog zone that is obeyed.
    pub fn is_catalog(&self, apex: &Name) -> bool {
        self.catalogs.contains_key(apex)
    }

    /// The catalog zones that are obeyed.
    pub fn catalogs(&self) -> impl Iterator<Item = &Name> {
        self.catalogs.keys()
    }

    /// What is known of `apex`, if it is a member that is served.
    pub fn member(&self, apex: &Name) -> Option<&Enrolled> {
        self.enrolled.get(apex).filter(|known| !known.has_left).map(|known| &known.is)
    }

    /// How the member `apex` is fetched, and whether what is kept under its name is its own; `None` if that is not known.
    pub fn fetched_from(&self, apex: &Name) -> Option<(Arc<Secondary>, bool)> {
        let known = self.enrolled.get(apex)?;
        let consumed = self.catalogs.get(&known.is.catalog)?;
        Some((consumed.settings.of(&known.is.member).clone(), known.has_kept))
    }

    /// The group by which the member `apex` is fetched, if it is one.
    pub fn group_of(&self, enrolled: &Enrolled) -> Option<String> {
        let settings = &self.catalogs.get(&enrolled.catalog)?.settings;
        settings.group_of(&enrolled.member).map(str::to_owned)
    }

    /// Why what came last of `catalog` is not obeyed.
    pub fn broken(&self, catalog: &Name) -> Option<&Broken> {
        self.catalogs.get(catalog)?.broken.as_ref()
    }

    /// What `catalog` lists and does not get.
    pub fn refused(&self, catalog: &Name) -> impl Iterator<Item = (&Name, &Refused)> {
        self.catalogs.get(catalog).into_iter().flat_map(|consumed| &consumed.refused)
    }

    /// All members that are served.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Enrolled)> {
        self.enrolled.iter().filter(|(_, known)| !known.has_left).map(|(apex, known)| (apex, &known.is))
    }

    /// From now on `catalog` is obeyed, with these settings. Gives the members to which they are new.
    pub fn obey(&mut self, catalog: &Name, settings: Arc<Consumption>) -> Vec<Name> {
        let before =
            self.catalogs.get_mut(catalog).map(|known| std::mem::replace(&mut known.settings, settings.clone()));
        if before.is_none() {
            let (listed, broken, refused) = (None, None, HashMap::new());
            self.catalogs.insert(catalog.clone(), Consumed { settings: settings.clone(), listed, broken, refused });
        }
        let is_new = |member: &Member| before.as_ref().is_none_or(|before| before.of(member) != settings.of(member));
        let mut changed = Vec::new();
        for (apex, known) in self.enrolled.iter_mut().filter(|(_, known)| known.is.catalog == *catalog) {
            if !known.has_left {
                changed.extend(is_new(&known.is.member).then(|| apex.clone()));
                continue;
            }
            if let (Some(end), Some(left_at)) = (known.end, known.is.leaves_at) {
                self.ends.remove(&(end, apex.clone()));
                let end = left_at.after(settings.kept);
                known.end = Some(end);
                self.ends.insert((end, apex.clone()));
            }
        }
        changed.sort();
        changed
    }

    /// A catalog zone has come. `has_file` tells of which zones there are files.
    ///
    /// # Errors
    /// [`Broken`], if that is news: nothing has changed.
    pub fn came(
        &mut self,
        catalog: &Name,
        listed: Result<Members, Broken>,
        has_file: impl Fn(&Name) -> bool,
        now: Instant,
    ) -> Result<Outcome, Broken> {
        let mut outcome = Outcome::default();
        let Some(consumed) = self.catalogs.get_mut(catalog) else { return Ok(outcome) };
        let listed = match listed {
            Ok(listed) => listed,
            Err(broken) => {
                let is_news = consumed.broken.replace(broken.clone()) != Some(broken.clone());
                return if is_news { Err(broken) } else { Ok(outcome) };
            }
        };
        consumed.broken = None;
        let before = consumed.listed.replace(listed.clone());
        let said = std::mem::take(&mut consumed.refused);
        let mut refused = HashMap::new();
        for (apex, member) in listed.iter() {
            if apex == catalog {
                refused.insert(apex.clone(), Refused::HasFile);
                continue;
            }
            match self.enrol(catalog, apex, member, &has_file) {
                Ok(Some((decision, is_joined))) => {
                    outcome.joined += usize::from(is_joined);
                    outcome.moved += usize::from(!is_joined && matches!(decision, Some(Decision::Reset(_))));
                    outcome.decisions.extend(decision);
                }
                Ok(None) => {}
                Err(why) => _ = refused.insert(apex.clone(), why),
            }
        }
        outcome.refused = refused
            .iter()
            .filter(|(apex, why)| said.get(*apex) != Some(why))
            .map(|(a, w)| (a.clone(), w.clone()))
            .collect();
        outcome.refused.sort();
        let gone: Vec<Name> = self
            .enrolled
            .iter()
            .filter(|(apex, known)| known.is.is_listed_by(catalog) && listed.get(apex).is_none())
            .map(|(apex, _)| apex.clone())
            .collect();
        if let Some(consumed) = self.catalogs.get_mut(catalog) {
            consumed.refused = refused;
            let many = gone.len() > FEW && gone.len() > listed.len();
            let settings = &consumed.settings;
            outcome.grace = if many { settings.mass_removal_grace } else { settings.removal_grace };
        }
        let at = now.after(outcome.grace);
        gone.iter().for_each(|apex| self.leaves(apex, at));
        // Another catalog zone may have waited for what this one says now of where its members go.
        let going: Vec<_> = listed.iter().filter_map(|(apex, member)| Some((apex, member.goes_to.clone()?))).collect();
        for (apex, to) in going {
            let was = before.as_ref().and_then(|before| before.get(apex)).and_then(|member| member.goes_to.as_ref());
            if was != Some(&to) {
                outcome.decisions.extend(self.offer(apex, &to, &has_file));
            }
        }
        outcome.left = gone;
        outcome.left.sort();
        Ok(outcome)
    }

    /// `catalog` lists `apex`. What follows, if anything does, and whether that was no member before.
    fn enrol(
        &mut self,
        catalog: &Name,
        apex: &Name,
        member: &Member,
        has_file: impl Fn(&Name) -> bool,
    ) -> Result<Option<(Option<Decision>, bool)>, Refused> {
        let enrolled = Enrolled { catalog: catalog.clone(), member: member.clone(), leaves_at: None };
        if has_file(apex) {
            return Err(Refused::HasFile);
        }
        let Some(known) = self.enrolled.get(apex) else {
            self.put(apex, enrolled, true);
            return Ok(Some((Some(Decision::Fetch(apex.clone())), true)));
        };
        if known.is == enrolled {
            return Ok(None);
        }
        let (is_served, known) = (!known.has_left, &known.is);
        let is_own = known.catalog == *catalog;
        let is_same = known.member.label == member.label;
        if is_own {
            let is_fetched_otherwise = self.is_fetched_otherwise(known, &enrolled);
            self.put(apex, enrolled, !is_same);
            let decision = match (is_served, is_same) {
                (false, _) => Some(Decision::Fetch(apex.clone())),
                (true, false) => Some(Decision::Reset(apex.clone())),
                (true, true) => is_fetched_otherwise.then(|| Decision::Fetch(apex.clone())),
            };
            return Ok(Some((decision, !is_served)));
        }
        if !is_served {
            // What another catalog zone once had of it is nothing to this one.
            self.put(apex, enrolled, true);
            return Ok(Some((Some(Decision::Fetch(apex.clone())), true)));
        }
        let may_go = known.member.goes_to.as_ref() == Some(catalog);
        if !may_go && known.leaves_at.is_none() {
            return Err(Refused::MemberOf(known.catalog.clone()));
        }
        let keeps_state = may_go && is_same;
        self.put(apex, enrolled, !keeps_state);
        let apex = apex.clone();
        Ok(Some((Some(if keeps_state { Decision::Fetch(apex) } else { Decision::Reset(apex) }), false)))
    }

    fn is_fetched_otherwise(&self, before: &Enrolled, after: &Enrolled) -> bool {
        let settings = self.catalogs.get(&after.catalog).map(|consumed| &consumed.settings);
        settings.is_some_and(|settings| settings.of(&before.member) != settings.of(&after.member))
    }

    /// The catalog zone `to` may have `apex`, if it lists it.
    fn offer(&mut self, apex: &Name, to: &Name, has_file: impl Fn(&Name) -> bool) -> Option<Decision> {
        let member = self.catalogs.get(to)?.listed.as_ref()?.get(apex)?.clone();
        let (decision, _) = self.enrol(to, apex, &member, has_file).ok().flatten()?;
        self.catalogs.get_mut(to)?.refused.remove(apex);
        decision
    }

    fn put(&mut self, apex: &Name, is: Enrolled, is_anew: bool) {
        let noted = if is_anew { Noted::Anew } else { Noted::Enrolled };
        self.notes.push((apex.clone(), noted(is.clone())));
        let known = Known { is, end: None, has_left: false, has_kept: !is_anew };
        let before = self.enrolled.insert(apex.clone(), known);
        self.ends_not(apex, before.and_then(|before| before.end));
    }

    fn ends_not(&mut self, apex: &Name, end: Option<Instant>) {
        end.into_iter().for_each(|at| _ = self.ends.remove(&(at, apex.clone())));
    }

    /// `apex` is served until `at`.
    fn leaves(&mut self, apex: &Name, at: Instant) {
        let Some(known) = self.enrolled.get_mut(apex) else { return };
        known.is.leaves_at = Some(at);
        let before = known.end.replace(at);
        self.notes.push((apex.clone(), Noted::Enrolled(known.is.clone())));
        self.ends_not(apex, before);
        self.ends.insert((at, apex.clone()));
    }

    /// `catalog` is no longer obeyed: its file is gone, or says so. Its members go at once.
    pub fn cease(&mut self, catalog: &Name, now: Instant) -> Vec<Name> {
        self.catalogs.remove(catalog);
        let of_it = |known: &Known| known.is.catalog == *catalog && !known.has_left;
        let mut gone: Vec<Name> =
            self.enrolled.iter().filter(|(_, known)| of_it(known)).map(|(apex, _)| apex.clone()).collect();
        gone.sort();
        gone.iter().for_each(|apex| self.leaves(apex, now));
        gone
    }

    /// There is no zone `apex` any more: a catalog zone that lists it may have it.
    pub fn vacant(&mut self, apex: &Name) -> Option<Decision> {
        let mut listing: Vec<&Name> = self
            .catalogs
            .iter()
            .filter(|(_, consumed)| consumed.listed.as_ref().is_some_and(|listed| listed.get(apex).is_some()))
            .map(|(catalog, _)| catalog)
            .collect();
        listing.sort();
        let to = (*listing.first()?).clone();
        self.offer(apex, &to, |_| false)
    }

    /// `apex` has a file on this machine from now on. What it was a member of, if it was one.
    pub fn has_file(&mut self, apex: &Name) -> Option<Enrolled> {
        let Known { is, end, has_left, .. } = self.enrolled.remove(apex)?;
        self.ends_not(apex, end);
        self.notes.push((apex.clone(), if has_left { Noted::Gone } else { Noted::Released }));
        if let Some(consumed) = self.catalogs.get_mut(&is.catalog).filter(|_| is.leaves_at.is_none()) {
            consumed.refused.insert(apex.clone(), Refused::HasFile);
        }
        (!has_left).then_some(is)
    }

    /// The members that are to be served no longer; what is kept of others is let go of.
    pub fn due(&mut self, now: Instant) -> Vec<Decision> {
        let mut decisions = Vec::new();
        while self.ends.first().is_some_and(|(at, _)| *at <= now)
            && let Some((at, apex)) = self.ends.pop_first()
        {
            let Some(known) = self.enrolled.get_mut(&apex) else { continue };
            if known.has_left {
                self.enrolled.remove(&apex);
                self.notes.push((apex, Noted::Gone));
                continue;
            }
            let kept = self.catalogs.get(&known.is.catalog).map_or(KEPT, |consumed| consumed.settings.kept);
            let end = at.after(kept);
            (known.has_left, known.end) = (true, Some(end));
            self.ends.insert((end, apex.clone()));
            decisions.push(Decision::Leave(apex));
        }
        decisions
    }

    /// When something is due.
    pub fn next(&self) -> Option<Instant> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// What the database is to have.
    pub fn take_notes(&mut self) -> Vec<(Name, Noted)> {
        std::mem::take(&mut self.notes)
    }
}

impl Enrolled {
    /// Whether `catalog` has it, and lists it.
    fn is_listed_by(&self, catalog: &Name) -> bool {
        self.catalog == *catalog && self.leaves_at.is_none()
    }
}

#[cfg(test)]
mod tests;
