//! Catalog zones of ours: which zones they list, and when they are made anew.
//!
//! 1. What one lists follows from its file and from which zones there are. One that can't be used at the moment is there
//!    all the same: what is wrong with a file for an hour takes the zone from no secondary.
//! 2. It is made elsewhere, kept, and only then served: a serial that anybody has seen is known after a restart.
//! 3. A serial is the second in which the zone is made, or one above the last. So it rises even if the database is lost.
//! 4. It is made at most every [`PACE`], and once at a time: what comes and goes meanwhile is one change.
//! 5. Who only comes or goes costs what they are, not what there is: an addition to ten thousand is a difference of three records.
//!
//! Nothing here looks for zones: who has come or gone is told, and looked at when the zone is made.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::control::config::listing::Listing;
use crate::control::history::{Limits, Since};
use crate::control::names::NameMap;
use crate::control::secondary::Copy;
use crate::timeline::Serial;
use crate::wire::Name;
use crate::zone::delta::Delta;
use crate::zone::members::Members;

/// How often a catalog zone is made anew at most.
pub const PACE: Duration = Duration::from_secs(1);
/// In the database, from whom it was had.
pub const SOURCE: &str = "this server";

/// A catalog zone that is to be made.
#[derive(Debug)]
pub struct Draw {
    /// The catalog zone.
    pub apex: Name,
    /// Which making of it it is.
    pub number: u64,
    /// What it was.
    copy: Option<Arc<Copy>>,
    before: Arc<Members>,
    after: Arc<Members>,
}

/// What came of it.
#[derive(Debug)]
pub struct Drawn {
    /// The catalog zone.
    pub apex: Name,
    /// Which making of it it was.
    pub number: u64,
    /// The zone; or why there is none.
    pub result: Result<Made, String>,
}

/// A catalog zone that was made.
#[derive(Debug)]
pub struct Made {
    /// It.
    pub copy: Arc<Copy>,
    /// What differs from the one before, if that is known to be all.
    pub difference: Option<Delta>,
    /// What differs from the one before without its patch, if it was put together anew.
    pub since: Option<Since>,
}

/// Which zones have come or gone since it was made.
#[derive(Debug)]
enum Touched {
    /// Nobody knows: all are to be looked at.
    All,
    Some(BTreeSet<Name>),
}

#[derive(Debug)]
struct Producer {
    listing: Arc<Listing>,
    copy: Option<Arc<Copy>>,
    /// What `copy` lists.
    members: Arc<Members>,
    touched: Touched,
    /// The number of the making under way, and what that lists.
    under_way: Option<(u64, Arc<Members>)>,
    made_at: Option<Instant>,
}

/// All catalog zones of ours.
#[derive(Debug, Default)]
pub struct Producers {
    all: NameMap<Producer>,
    number: u64,
}

impl Producers {
    /// From now on the catalog zone `apex` lists what `listing` says; `found` is what it was, of one that is not served.
    pub fn set(&mut self, apex: &Name, listing: Arc<Listing>, found: Option<Arc<Copy>>) {
        if let Some(known) = self.all.get_mut(apex) {
            (known.listing, known.touched) = (listing, Touched::All);
            return;
        }
        let members = found.as_ref().and_then(|copy| Members::read(copy.view()).ok()).unwrap_or_default();
        let (members, touched) = (Arc::new(members), Touched::All);
        let producer = Producer { listing, copy: found, members, touched, under_way: None, made_at: None };
        self.all.insert(apex.clone(), producer);
    }

    /// `apex` is no catalog zone of ours any more. Whether it was one.
    pub fn remove(&mut self, apex: &Name) -> bool {
        self.all.remove(apex).is_some()
    }

    /// Whether `apex` is a catalog zone of ours.
    pub fn is_ours(&self, apex: &Name) -> bool {
        self.all.contains_key(apex)
    }

    /// Each with how many zones it lists, and its serial if it is served.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, usize, Option<u32>)> {
        self.all.iter().map(|(apex, known)| (apex, known.members.len(), known.copy.as_ref().map(|copy| copy.serial())))
    }

    /// The zone `apex` has perhaps come or gone.
    pub fn touch(&mut self, apex: &Name) {
        for known in self.all.values_mut() {
            if let Touched::Some(names) = &mut known.touched {
                names.insert(apex.clone());
            }
        }
    }

    /// What is to be made at `now`; `zones` are all that are there, and `is_there` says it of one.
    pub fn due<'z, I: Iterator<Item = &'z Name>>(
        &mut self,
        now: Instant,
        zones: impl Fn() -> I,
        is_there: impl Fn(&Name) -> bool,
    ) -> Vec<Draw> {
        let mut draws = Vec::new();
        for (apex, known) in &mut self.all {
            if known.next().is_none_or(|next| next.is_some_and(|next| next > now)) {
                continue;
            }
            let after = match std::mem::replace(&mut known.touched, Touched::Some(BTreeSet::new())) {
                Touched::All => {
                    let listed = zones().filter(|zone| is_there(zone));
                    let member = |zone: &'z Name| Some((zone.clone(), known.listing.member(zone.as_ref())?));
                    Arc::new(listed.filter_map(member).collect())
                }
                Touched::Some(names) => {
                    let mut after = known.members.clone();
                    for name in names {
                        let member = if is_there(&name) { known.listing.member(name.as_ref()) } else { None };
                        if member.as_ref() != after.get(&name) {
                            Arc::make_mut(&mut after).set(name, member);
                        }
                    }
                    after
                }
            };
            if known.copy.is_some() && *after == *known.members {
                continue;
            }
            self.number += 1;
            known.under_way = Some((self.number, after.clone()));
            known.made_at = Some(now);
            let (copy, before) = (known.copy.clone(), known.members.clone());
            draws.push(Draw { apex: apex.clone(), number: self.number, copy, before, after });
        }
        draws
    }

    /// Whether something is to be made at `now`.
    pub fn is_due(&self, now: Instant) -> bool {
        self.all.values().filter_map(Producer::next).any(|next| next.is_none_or(|next| next <= now))
    }

    /// When something is to be made that has to wait.
    pub fn next(&self) -> Option<Instant> {
        self.all.values().filter_map(Producer::next).flatten().min()
    }

    /// A catalog zone was made: what it was, and what it is.
    pub fn drawn(&mut self, drawn: &Drawn) -> Option<(Option<Arc<Copy>>, Arc<Copy>)> {
        let known = self.all.get_mut(&drawn.apex)?;
        let (_, members) = known.under_way.take_if(|(number, _)| *number == drawn.number)?;
        match &drawn.result {
            Ok(made) => {
                known.members = members;
                Some((known.copy.replace(made.copy.clone()), made.copy.clone()))
            }
            Err(_) => {
                known.touched = Touched::All;
                None
            }
        }
    }
}

impl Producer {
    /// When it is to be made, or at once; `None` if nothing is known to have changed.
    #[allow(clippy::option_option)] // Nothing to do, and nothing to wait for.
    fn next(&self) -> Option<Option<Instant>> {
        let is_touched = !matches!(&self.touched, Touched::Some(names) if names.is_empty());
        (is_touched && self.under_way.is_none()).then(|| self.made_at.map(|at| at + PACE))
    }
}

impl Draw {
    /// Makes the zone, in the second `second` since 1970.
    ///
    /// # Errors
    /// Why it can't be made, in one sentence.
    pub fn make(&self, second: u32, limits: &Limits) -> Result<Made, String> {
        let apex = self.apex.as_ref();
        let Some(old) = &self.copy else {
            let zone = self.after.zone(apex, second).map_err(|error| error.to_string())?;
            let copy = Copy::whole(zone).map_err(|error| error.to_string())?;
            return Ok(Made { copy: Arc::new(copy), difference: None, since: None });
        };
        let (last, now) = (Serial(old.serial()), Serial(second));
        let serial = if now.above(last).is_some() { now } else { last.successor() };
        let delta = self.before.changes(&self.after, apex, (last.0, serial.0));
        let (copy, difference) = match old.with(delta.clone()) {
            Ok(copy) => (copy, Some(delta)),
            // What was kept is not quite what this version makes.
            Err(_) => {
                let zone = self.after.zone(apex, serial.0).map_err(|error| error.to_string())?;
                (Copy::whole(zone).map_err(|error| error.to_string())?, None)
            }
        };
        let since = copy.since(old, limits);
        Ok(Made { copy: Arc::new(copy), difference, since })
    }
}

#[cfg(test)]
mod tests;
