//! A change of name servers: what makes it impossible, and until when which resolvers may ask the old servers.
//!
//! T is the instant at which it is done, T_reg the one from which the parent's last server has it, P the TTL of the NS
//! records at the parent, G of the addresses beside them, C of the NS records in the zone as the old servers have it, R
//! of the data that changes.
//!
//! 1. *Parent-centric*: the parent's records, got just before T_reg, are used until T_reg + P. A name that stays may be
//!    given another address at the registry; then G counts too, and P is max(P, G) here and below.
//! 2. *Child-centric*: the zone's own NS records take their place, T_reg + max(P, C). At worst they are learnt from an old
//!    server at the very end of P: T_reg + P + C.
//! 3. *Sticky*: the old NS records come with every answer of the old servers, so nothing ends it but their silence (RFC
//!    2181 § 5.4.1 ranks what the zone says above what the parent says).
//! 4. If the old servers give the new NS records from T on, the old ones are learnt last at T, and whoever asks an old
//!    server after that is told where to go: 2 and 3 are max(T + C, T_reg + P). With secondaries, the last of them does so
//!    from T + D on.
//! 5. A resolver with a minimum TTL m has max(x, m) for each TTL x.
//! 6. Old data that an old server gave last is kept for R more. If all servers have equal data, there is none.
//! 7. Nothing here counts on TTLs that the plan lowers: the old servers may be somebody else's.

use std::fmt;
use std::time::Duration;

use super::examine::Found;
use crate::clock::Instant;
use crate::diag::Diagnostic;
use crate::timeline::authority::{Authority, ClassHorizon, Horizon, ResolverClass};
use crate::timeline::plan::{self, Flip, Plan};
use crate::timeline::schedule::{Course, Length, MINIMUM_TTL, Span, seconds};
use crate::timeline::show;
use crate::wire::{Name, NameRef, Rtype};
use crate::zone::{Ttl, Zone};

/// What horizons are reckoned from.
#[derive(Clone, Copy, Debug)]
struct Terms {
    /// T.
    at: Instant,
    /// T_reg.
    registered_at: Instant,
    /// D: how long secondaries may take to follow.
    lag: Ttl,
    /// P.
    parent: Ttl,
    /// G, if it counts.
    glue: Option<Ttl>,
    /// C.
    child: Ttl,
    /// Whether the old servers follow (rule 4).
    old_follows: bool,
}

impl Terms {
    /// Until when resolvers of `class` may ask the old servers.
    fn asks_until(&self, class: ResolverClass) -> Option<Instant> {
        let minimum = minimum(class);
        let parent = seconds(self.parent.max(self.glue.unwrap_or(Ttl(0))).max(minimum));
        let child = seconds(self.child.max(minimum));
        let from_parent = self.registered_at.after(parent);
        Some(match class {
            ResolverClass::ParentCentric => from_parent,
            _ if self.old_follows => from_parent.max(self.at.after(seconds(self.lag)).after(child)),
            ResolverClass::ChildCentric => self.registered_at.after(parent.max(child)),
            ResolverClass::ChildCentricAtWorst | ResolverClass::MinimumTtl => from_parent.after(child),
            ResolverClass::Sticky => return None,
        })
    }

    /// Until when resolvers of `class` may hold old data whose TTL is `data`.
    fn holds_until(&self, class: ResolverClass, data: Ttl) -> Option<Instant> {
        Some(self.asks_until(class)?.after(seconds(data.max(minimum(class)))))
    }

    /// The arithmetic of the first.
    fn sum(&self, class: ResolverClass) -> String {
        let registered = if self.registered_at == self.at { "T" } else { "T_reg" };
        let changed = if self.lag == Ttl(0) { "T" } else { "T + D" };
        let minimum = (!class.is_conforming()).then_some("m");
        let glue = self.glue.map(|_| "G");
        let from_parent = || longest([Some("P"), glue, None, minimum]);
        let from_child = || longest([Some("C"), None, None, minimum]);
        let either = || longest([Some("P"), glue, Some("C"), minimum]);
        match class {
            ResolverClass::ParentCentric => format!("{registered} + {}", from_parent()),
            _ if self.old_follows && registered == changed => format!("{registered} + {}", either()),
            _ if self.old_follows => {
                format!("max({changed} + {}, {registered} + {})", from_child(), from_parent())
            }
            ResolverClass::ChildCentric => format!("{registered} + {}", either()),
            ResolverClass::ChildCentricAtWorst | ResolverClass::MinimumTtl => {
                format!("{registered} + {} + {}", from_parent(), from_child())
            }
            ResolverClass::Sticky => "as long as the old servers answer".to_owned(),
        }
    }

    fn horizon(&self, class: ResolverClass, data: Option<Ttl>) -> ClassHorizon {
        let sum = self.sum(class);
        let data_sum = match (self.asks_until(class), minimum(class) > Ttl(0)) {
            (None, _) => sum.clone(),
            (Some(_), false) => format!("{sum} + R"),
            (Some(_), true) => format!("{sum} + max(R, m)"),
        };
        ClassHorizon {
            class,
            asks: Horizon { at: self.asks_until(class), sum },
            holds: data.map(|data| Horizon { at: self.holds_until(class, data), sum: data_sum }),
        }
    }
}

/// The longest of what these letters stand for.
fn longest(letters: [Option<&str>; 4]) -> String {
    match letters.into_iter().flatten().collect::<Vec<_>>()[..] {
        [only] => only.to_owned(),
        ref letters => format!("max({})", letters.join(", ")),
    }
}

/// Rule 5: the least time for which resolvers of `class` keep anything.
fn minimum(class: ResolverClass) -> Ttl {
    if class.is_conforming() { Ttl(0) } else { MINIMUM_TTL }
}

/// The terms of `authority`, in `plan`, if it is done at `at`.
fn terms(plan: &Plan, authority: &plan::Authority, zone: &Zone, at: Instant) -> Terms {
    let (old, new) = (names(&authority.from), names(&authority.to));
    let stays = old.iter().any(|name| new.contains(name));
    let servers = zone.find(zone.apex()).and_then(|apex| apex.rrset(Rtype::NS));
    let in_file = servers.map_or(Ttl(0), |servers| servers.ttl());
    Terms {
        at,
        registered_at: at.after(seconds(authority.parent_lag())),
        lag: plan.lag(),
        parent: authority.parent_ttl.value,
        glue: authority.glue_ttl.as_ref().map(|glue| glue.value).filter(|_| stays),
        child: authority.child_ttl.as_ref().map_or(in_file, |child| child.value),
        old_follows: authority.old_follows(),
    }
}

fn names(servers: &plan::Data) -> Vec<Name> {
    servers.records.iter().filter_map(|record| name_of(&record.value)).collect()
}

/// The name that NS data is.
fn name_of(rdata: &[u8]) -> Option<Name> {
    NameRef::parse(rdata).ok().map(NameRef::to_owned)
}

/// The hand-over of `plan`, if there is one, done at `at` together with `courses`.
pub(super) fn lay(plan: &Plan, zone: &Zone, courses: &[Course], at: Instant) -> Option<Authority> {
    let authority = plan.authority.as_ref()?;
    let terms = terms(plan, authority, zone, at);
    // What caches hold before the flip, as long as it may have been given without the plan.
    let data = courses.iter().filter(|course| course.rtype != Rtype::NS).map(|course| course.held_ttl).max();
    Some(Authority {
        from: names(&authority.from),
        to: names(&authority.to),
        switches_here: authority.switches_here(),
        parent_ttl: terms.parent,
        glue_ttl: terms.glue,
        child_ttl: terms.child,
        data_ttl: data,
        old_follows: terms.old_follows,
        registered_at: terms.registered_at,
        horizons: ResolverClass::ALL.map(|class| terms.horizon(class, data)).into(),
    })
}

/// Notes what is wrong with the hand-over of `plan` in `zone`, where its flips find `found`.
pub(super) fn check(plan: &Plan, zone: &Zone, found: &[Option<Found>], diagnostics: &mut Vec<Diagnostic>) {
    let Some(authority) = &plan.authority else { return };
    check_ds(plan, authority, zone, diagnostics);
    if !authority.switches_here() {
        check_servers(plan, authority, zone, diagnostics);
    }
    check_addresses(plan, authority, zone, diagnostics);
    check_phases(plan, authority, zone, found, diagnostics);
}

/// Unknown is not a pass for a zone that is signed.
fn check_ds(plan: &Plan, authority: &plan::Authority, zone: &Zone, diagnostics: &mut Vec<Diagnostic>) {
    if authority.ds.is_some() {
        return;
    }
    let place = plan.place(&authority.heading);
    let help = "ask the parent with `watari plan parent NAME`, and write ds = \"absent\" or ds = \"present\"";
    let diagnostic = if zone.is_signed() {
        let message = "the zone is signed, and the plan does not say whether the parent has a DS record for it";
        Diagnostic::error("plan-ds-unknown", message)
    } else {
        let message = "the plan does not say whether the parent has a DS record";
        Diagnostic::warning("plan-ds-unknown", message)
    };
    let label = "if it has, and the new name servers serve the zone unsigned, everyone who validates loses it";
    diagnostics.push(diagnostic.at(place, label).help(help));
}

/// Of a zone that does not change here the NS records are either the old or the new ones.
fn check_servers(plan: &Plan, authority: &plan::Authority, zone: &Zone, diagnostics: &mut Vec<Diagnostic>) {
    let servers = zone.find(zone.apex()).and_then(|apex| apex.rrset(Rtype::NS));
    let has: Vec<Vec<u8>> = servers.map(|servers| servers.rdatas().collect()).unwrap_or_default();
    if [&authority.from, &authority.to].iter().any(|data| data.is(Rtype::NS, has.iter().map(Vec::as_slice))) {
        return;
    }
    let has = show::toml_list(Rtype::NS, has.iter().map(Vec::as_slice));
    let message = format!("{} NS is neither what the plan hands over from nor what it hands over to", zone.apex());
    let diagnostic = Diagnostic::error("plan-from-mismatch", message)
        .at(plan.place(&authority.from.span), format!("the zone has {has}"))
        .help(format!("if the zone is right, write from = {has}"));
    diagnostics.push(diagnostic);
}

/// A name server of the zone in the zone itself is found by its address there.
fn check_addresses(plan: &Plan, authority: &plan::Authority, zone: &Zone, diagnostics: &mut Vec<Diagnostic>) {
    for record in &authority.to.records {
        let Some(server) = name_of(&record.value).filter(|name| name.as_ref().is_at_or_below(zone.apex())) else {
            continue;
        };
        let flip = |rtype| plan.flips.iter().find(|flip| flip.owner.value == server && flip.rtype.value == rtype);
        let has_after = |rtype| match flip(rtype) {
            Some(flip) => !flip.to.records.is_empty(),
            None => zone.find(server.as_ref()).is_some_and(|node| node.rrset(rtype).is_some()),
        };
        if has_after(Rtype::A) || has_after(Rtype::AAAA) {
            continue;
        }
        let diagnostic = Diagnostic::error("plan-authority-address", format!("{server} has no address in the zone"))
            .at(plan.place(&record.span), "a name server without an address answers nobody")
            .help(
                "end the name with a dot if it is another zone's, or write its A and AAAA records into the zone file \
                 first; the registry must be told them too",
            );
        diagnostics.push(diagnostic);
    }
}

/// Two phases: authority moves with no change of data, so that it does not matter who asks which servers.
fn check_phases(
    plan: &Plan,
    authority: &plan::Authority,
    zone: &Zone,
    found: &[Option<Found>],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let ttl = |(flip, found): (&Flip, &Option<Found>)| match found {
        Some(Found::Old { ttl } | Found::New { ttl, .. }) if flip.rtype.value != Rtype::NS => {
            Some((*ttl, flip.owner.span.clone()))
        }
        _ => None,
    };
    let changes: Vec<_> = plan.flips.iter().zip(found).filter_map(ttl).collect();
    let Some(first) = changes.first().map(|(_, span)| span) else { return };
    let data = changes.iter().map(|(ttl, _)| *ttl).max().unwrap_or(Ttl(0));
    let terms = terms(plan, authority, zone, plan.at());
    let length = |class| terms.holds_until(class, data).map_or(Duration::ZERO, |until| until.since(terms.at));
    let worst = ResolverClass::ChildCentricAtWorst;
    let sum = |class| format!("{} + R = T + {}", terms.sum(class), Hours(length(class)));
    let mut arithmetic =
        format!("at worst {}, for parent-centric resolvers {}", sum(worst), sum(ResolverClass::ParentCentric));
    if !terms.old_follows {
        arithmetic += "; sticky ones hold on for as long as the old servers answer";
    }
    let lengths = [("P", Some(terms.parent)), ("G", terms.glue), ("C", Some(terms.child)), ("R", Some(data))];
    for (letter, ttl) in lengths.iter().filter_map(|(letter, ttl)| Some((letter, (*ttl)?))) {
        arithmetic += &format!("; {letter} = {}", Length(ttl));
    }
    let alone = seconds(plan.low_ttl().min(data));
    let price = format!(
        "some resolvers have the old data until {} after T, {} more than if it changed alone",
        Hours(length(worst)),
        Hours(length(worst).saturating_sub(alone))
    );
    let diagnostic = if authority.data_may_change() {
        let message = format!("data changes with the name servers: {price}");
        let help = "keep the old service up for so long, as if nothing had changed";
        Diagnostic::warning("plan-data-with-authority", message).help(help)
    } else {
        let drained = terms.asks_until(ResolverClass::MinimumTtl).unwrap_or(terms.registered_at);
        // Of a plan whose instant can't be read there is no later.
        let later = match plan.at.span.is_empty() {
            true => "when that has drained".to_owned(),
            false => format!("at {} or later", show::moment(drained, plan.at.value.time_zone())),
        };
        let help = format!(
            "let authority move first, and flip data in a plan of its own {later}; or write data = \"may-change\" in \
             [authority], and keep the old service up for so long"
        );
        let message = format!("data would change with the name servers: {price}");
        Diagnostic::error("plan-two-phases", message).help(help)
    };
    diagnostics.push(diagnostic.at(plan.place(first), arithmetic));
}

/// A length of time in hours, as hand-overs are told in.
struct Hours(Duration);

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match (seconds / 3600, seconds % 3600) {
            (0, rest) => Span(rest).fmt(f),
            (hours, 0) => write!(f, "{hours} h"),
            (hours, rest) => write!(f, "{hours} h {}", Span(rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u32 = 86_400;
    const T: Instant = Instant::from_unix_seconds(1_796_061_600);

    fn terms(parent: u32, child: u32) -> Terms {
        let (parent, child) = (Ttl(parent), Ttl(child));
        Terms { at: T, registered_at: T, lag: Ttl(0), parent, glue: None, child, old_follows: false }
    }

    /// Hours, and seconds besides, from T until no resolver of `class` has old data.
    fn held(terms: &Terms, class: ResolverClass, data: u32) -> String {
        Hours(terms.holds_until(class, Ttl(data)).map_or(Duration::MAX, |until| until.since(T))).to_string()
    }

    #[test]
    fn a_hand_over_with_data_takes_two_or_three_days_below_jp_and_three_or_four_below_com() {
        for (parent, centric, worst) in [(DAY, "48 h", "72 h"), (2 * DAY, "72 h", "96 h")] {
            let terms = terms(parent, DAY);
            assert_eq!(held(&terms, ResolverClass::ParentCentric, DAY), centric);
            assert_eq!(held(&terms, ResolverClass::ChildCentric, DAY), centric);
            assert_eq!(held(&terms, ResolverClass::ChildCentricAtWorst, DAY), worst);
            assert_eq!(terms.holds_until(ResolverClass::Sticky, Ttl(DAY)), None);
        }
    }

    #[test]
    fn data_whose_ttl_was_lowered_beforehand_adds_little() {
        let terms = terms(DAY, DAY);
        assert_eq!(held(&terms, ResolverClass::ParentCentric, 300), "24 h 5 min");
        assert_eq!(held(&terms, ResolverClass::ChildCentricAtWorst, 300), "48 h 5 min");
    }

    #[test]
    fn equal_data_on_both_sides_has_no_horizon() {
        let horizon = terms(DAY, DAY).horizon(ResolverClass::ParentCentric, None);
        assert_eq!((horizon.asks.at, horizon.holds), (Some(T.after(seconds(Ttl(DAY)))), None));
    }

    #[test]
    fn old_servers_that_follow_let_everybody_go_at_the_longer_of_the_two_ttls() {
        for (parent, child, lag) in [(DAY, 3600, 0), (3600, DAY, 0), (3600, DAY, 900), (DAY, DAY, 900)] {
            let registered_at = T.after(seconds(Ttl(lag)));
            let terms = Terms { old_follows: true, registered_at, ..terms(parent, child) };
            let expected = T.after(seconds(Ttl(child.max(parent + lag))));
            for class in [ResolverClass::ChildCentric, ResolverClass::ChildCentricAtWorst, ResolverClass::Sticky] {
                assert_eq!(terms.asks_until(class), Some(expected));
            }
            assert_eq!(terms.asks_until(ResolverClass::ParentCentric), Some(T.after(seconds(Ttl(parent + lag)))));
        }
    }

    #[test]
    fn glue_counts_where_a_name_stays_and_minimum_ttls_lengthen_what_is_shorter() {
        let short = Terms { glue: Some(Ttl(7200)), ..terms(3600, 60) };
        let after = |class| short.asks_until(class).map_or(0, |until| until.since(T).as_secs());
        assert_eq!(after(ResolverClass::ParentCentric), 7200);
        assert_eq!(after(ResolverClass::ChildCentricAtWorst), 7260);
        assert_eq!(after(ResolverClass::MinimumTtl), 7500);
        assert_eq!(held(&short, ResolverClass::MinimumTtl, 60), "2 h 10 min");
    }

    #[test]
    fn sums_say_what_horizons_are_reckoned_from() {
        let late = Terms { registered_at: T.after(seconds(Ttl(900))), ..terms(DAY, DAY) };
        let sums = |terms: &Terms| ResolverClass::ALL.map(|class| terms.sum(class));
        let [parent, usual, worst, sticky, minimum] = sums(&late);
        assert_eq!([parent, usual, worst], ["T_reg + P", "T_reg + max(P, C)", "T_reg + P + C"]);
        assert_eq!([sticky, minimum], ["as long as the old servers answer", "T_reg + max(P, m) + max(C, m)"]);
        let follows = Terms { old_follows: true, glue: Some(Ttl(1)), ..terms(DAY, DAY) };
        assert_eq!(sums(&follows)[3], "T + max(P, G, C)");
        let late = Terms { lag: Ttl(60), ..follows };
        assert_eq!(sums(&late)[4], "max(T + D + max(C, m), T + max(P, G, m))");
    }
}
