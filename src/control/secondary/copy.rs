//! What we have of a zone that is fetched: the zone as it came whole, and what has changed since.
//!
//! A small difference of a big zone becomes a patch over the zone that came whole, together with those before it
//! ([`Zone::amended`]).

use std::collections::HashMap;

use crate::control::history::{Limits, Since};
use crate::diag::Diagnostic;
use crate::timeline::Timeline;
use crate::zone::delta::{Delta, Mismatch, Step};
use crate::zone::{AmendError, Amended, Patch, PatchError, View, Zone, check};

/// What we have of a zone.
#[derive(Clone, Debug)]
pub struct Copy {
    zone: Zone,
    /// What has changed since, all in all, and as it is served.
    since: Option<(Delta, Patch)>,
    serial: u32,
}

/// Why what came can't be served.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It is no difference of what we have.
    #[error("the differences are none of what we have: {0}")]
    Mismatch(#[from] Mismatch),
    /// The records make no zone.
    #[error("{0}")]
    Patch(#[from] PatchError),
    /// There is nothing that it could be a difference of.
    #[error("there is nothing that this could be a difference of")]
    Nothing,
    /// The zone contradicts itself.
    #[error("the zone contradicts itself")]
    Contradictions(Vec<Diagnostic>),
}

impl From<AmendError> for Unfit {
    fn from(error: AmendError) -> Unfit {
        match error {
            AmendError::Mismatch(mismatch) => mismatch.into(),
            AmendError::Patch(error) => error.into(),
        }
    }
}

impl Copy {
    /// A zone that came whole.
    ///
    /// # Errors
    /// [`Unfit::Contradictions`].
    pub fn whole(zone: Zone) -> Result<Copy, Unfit> {
        sound(zone.view(), true)?;
        let serial = zone.serial();
        Ok(Copy { zone, since: None, serial })
    }

    /// The same after these steps, and what they come to.
    ///
    /// # Errors
    /// [`Unfit`]; nothing has become of this copy.
    pub fn after(&self, steps: Vec<Step>) -> Result<(Copy, Delta), Unfit> {
        let delta = Delta::of_steps(self.view(), steps)?;
        Ok((self.with(delta.clone())?, delta))
    }

    /// The same with what changed since.
    ///
    /// # Errors
    /// [`Unfit`]; nothing has become of this copy.
    pub fn with(&self, delta: Delta) -> Result<Copy, Unfit> {
        let (_, serial) = delta.serials().unwrap_or((self.serial, self.serial));
        let since = match &self.since {
            Some((before, _)) => before.clone().then(delta),
            None => delta,
        };
        match self.zone.amended(&since)? {
            Amended::Patched(patch, owners) => {
                let view = View::new(&self.zone, Some(&patch), serial);
                sound(view, check::is_suspect_at(view, owners.iter()))?;
                Ok(Copy { zone: self.zone.clone(), since: Some((since, patch)), serial })
            }
            Amended::Anew(zone) => Copy::whole(zone),
        }
    }

    /// What is served.
    pub fn view(&self) -> View<'_> {
        View::new(&self.zone, self.since.as_ref().map(|(_, patch)| patch), self.serial)
    }

    /// The serial.
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// The zone as it came whole, or was put together last.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// What this has that the zone of `before`, without its patch, had not; `None` if it is the same zone.
    pub fn since(&self, before: &Copy, limits: &Limits) -> Option<Since> {
        (!self.zone.is(&before.zone)).then(|| Since::between(&before.zone, &self.zone, limits))
    }

    /// What is served, at all times.
    pub fn timeline(&self) -> Timeline {
        match &self.since {
            Some((_, patch)) => Timeline::amended(self.zone.clone(), patch.clone(), self.serial),
            None => Timeline::with_serial(self.zone.clone(), self.serial),
        }
    }
}

fn sound(view: View<'_>, is_suspect: bool) -> Result<(), Unfit> {
    let faults = if is_suspect { check::contradictions(&view, &|_| HashMap::new()) } else { Vec::new() };
    if faults.is_empty() { Ok(()) } else { Err(Unfit::Contradictions(faults)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::wire::{Name, Rtype};
    use crate::zone::delta::Record;
    use crate::zone::text;

    fn zone(serial: u32, names: usize, more: &str) -> Zone {
        let mut file = format!("$TTL 60\n@ SOA ns h {serial} 60 60 600 60\n@ NS ns\nns A 192.0.2.1\n{more}");
        for number in 0..names {
            file += &format!("n{number} A 192.0.2.1\n");
        }
        let apex = Name::from_text("a.example").unwrap();
        let loaded = text::load(apex.as_ref(), &"a".into(), file.as_bytes(), &text::NoInclude);
        loaded.zone.unwrap()
    }

    fn delta(before: &Copy, after: &Zone) -> Delta {
        Delta::between(before.view(), after.view())
    }

    #[test]
    fn a_small_difference_of_a_big_zone_is_a_patch_and_a_big_one_is_not() {
        let mut copy = Copy::whole(zone(1, 5000, "")).unwrap();
        for (serial, more) in [(2, "x A 192.0.2.9\n"), (3, "y A 192.0.2.9\n"), (4, "x A 192.0.2.9\nz.y A 192.0.2.9\n")]
        {
            let next = zone(serial, 5000, more);
            copy = copy.with(delta(&copy, &next)).unwrap();
            assert!(copy.since.is_some());
            assert!(Delta::between(copy.view(), next.view()).is_empty());
            assert_eq!((copy.serial(), copy.timeline().at(crate::clock::Instant::MAX).serial), (serial, serial));
        }
        let next = zone(5, 8000, "");
        let copy = copy.with(delta(&copy, &next)).unwrap();
        assert!(copy.since.is_none());
        assert!(Delta::between(copy.view(), next.view()).is_empty());
    }

    #[test]
    fn what_comes_though_it_is_there_goes_when_it_is_told_to() {
        let copy = Copy::whole(zone(1, 5000, "x A 192.0.2.9\n")).unwrap();
        let record = |serial: u32, more: &str, rtype: Rtype| {
            let zone = zone(serial, 0, more);
            let all = Delta::between(zone.view(), self::zone(9, 0, "").view()).removed;
            all.into_iter().find(|record| record.rtype == rtype).unwrap()
        };
        let soa = |serial| record(serial, "", Rtype::SOA);
        let x = record(1, "x A 192.0.2.9\n", Rtype::A);
        let step = |comes, record: &Record| Step { comes, record: record.clone() };
        let first = vec![step(false, &soa(1)), step(true, &soa(2)), step(true, &x)];
        let second = vec![step(false, &soa(2)), step(false, &x), step(true, &soa(3))];
        let both = [first.clone(), second.clone()].concat();
        let (at_2, delta) = copy.after(first).unwrap();
        assert_eq!(delta.len(), 2, "{delta:?}");
        for (after, steps) in [(&at_2, second.clone()), (&copy, both)] {
            let (at_3, _) = after.after(steps).unwrap();
            assert!(Delta::between(at_3.view(), zone(3, 5000, "").view()).is_empty());
        }
        let (at_3, _) = at_2.after(second.clone()).unwrap();
        assert!(matches!(at_3.after(second), Err(Unfit::Mismatch(Mismatch::NotThere { .. }))));
    }

    #[test]
    fn a_cut_and_a_small_zone_are_put_together_anew() {
        for (names, more) in [(5000, "sub NS ns\n"), (10, "x A 192.0.2.9\n")] {
            let copy = Copy::whole(zone(1, names, "")).unwrap();
            let next = zone(2, names, more);
            let copy = copy.with(delta(&copy, &next)).unwrap();
            assert!(copy.since.is_none());
            assert!(Delta::between(copy.view(), next.view()).is_empty());
        }
    }

    #[test]
    fn what_is_no_difference_of_it_or_contradicts_itself_is_not_taken() {
        let copy = Copy::whole(zone(1, 5000, "")).unwrap();
        let other = Delta::between(zone(1, 5000, "x A 192.0.2.9\n").view(), zone(2, 5000, "").view());
        assert!(matches!(copy.with(other), Err(Unfit::Mismatch(_))));
        let mut twice = delta(&copy, &zone(2, 5000, "x A 192.0.2.9\n"));
        let apex = Name::from_text("x.a.example").unwrap();
        let alias = twice.added.iter().find(|record| record.owner == apex).unwrap().clone();
        twice.added.push(Record { rtype: Rtype::CNAME, rdata: b"\x01y\x00".as_slice().into(), ..alias });
        assert!(matches!(copy.with(twice), Err(Unfit::Contradictions(_))));
    }
}
