//! All that there is to say of a plan: its own faults, and those of the zone that it makes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::load;
use crate::diag::{Diagnostic, Place};
use crate::timeline::plan::{self, Plan, in_order};
use crate::timeline::run::Run;
use crate::wire::{Name, Rtype};
use crate::zone::{View, Zone, check};

/// What [`load`] finds, and what is wrong with the zone as the plan makes it and not with the zone as it is, shown
/// where the plan says so. This walks through the whole zone, twice: for a person who asks, not for serving.
pub fn check(zone: &Zone, path: &Arc<str>, text: &[u8], run: &Run) -> Vec<Diagnostic> {
    let loaded = load(zone, path, text, run);
    let (Some(schedule), (Some(plan), _)) = (loaded.schedule, plan::parse(zone.apex(), path, text)) else {
        return loaded.diagnostics;
    };
    let (timeline, at) = (&schedule.timeline, schedule.at);
    let made = made_by(&plan, zone.view(), timeline.view_of(timeline.at(at), at));
    let shown: HashSet<_> = made.iter().flat_map(place_of).collect();
    // The zone's own checks say more of a target that is missing.
    let is_said = |diagnostic: &Diagnostic| {
        diagnostic.code == "plan-target-missing" && place_of(diagnostic).is_some_and(|line| shown.contains(&line))
    };
    let mut all: Vec<_> = loaded.diagnostics.into_iter().filter(|diagnostic| !is_said(diagnostic)).collect();
    all.extend(made);
    in_order(all)
}

fn place_of(diagnostic: &Diagnostic) -> Option<usize> {
    diagnostic.labels.first().map(|label| label.place.line)
}

/// What the checks find in `after` and not in `before`.
fn made_by(plan: &Plan, before: View<'_>, after: View<'_>) -> Vec<Diagnostic> {
    let places = |wanted: Vec<(Name, Rtype)>| -> HashMap<(Name, Rtype), Place> {
        let wanted: HashSet<_> = wanted.into_iter().collect();
        plan.flips
            .iter()
            .map(|flip| ((flip.owner.value.clone(), flip.rtype.value), &flip.to.span))
            .filter(|(rrset, _)| wanted.contains(rrset))
            .map(|(rrset, span)| (rrset, plan.place(span)))
            .collect()
    };
    let already: HashSet<_> = check::check(&before, &places, plan.at())
        .into_iter()
        .map(|diagnostic| (diagnostic.code, diagnostic.message))
        .collect();
    // Signatures that are missing where nobody validates are no news.
    let of_signatures = |diagnostic: &Diagnostic| {
        diagnostic.code.strip_prefix("zone-").is_some_and(|rest| rest.starts_with("rrsig") || rest.starts_with("nsec"))
    };
    let may_end = plan.ds_absent().is_some();
    check::check(&after, &places, plan.at())
        .into_iter()
        .filter(|diagnostic| !(may_end && of_signatures(diagnostic)))
        .filter(|diagnostic| !already.contains(&(diagnostic.code, diagnostic.message.clone())))
        .map(|diagnostic| match diagnostic.labels.is_empty() {
            true => diagnostic.at(plan.place(&plan.at.span), "from here on"),
            false => diagnostic,
        })
        .collect()
}
