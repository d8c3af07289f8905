//! A plan held against its zone: what each flip finds there, and what makes it impossible.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::authority;
use crate::diag::{Diagnostic, similar};
use crate::timeline::plan::{Data, Flip, Plan};
use crate::timeline::schedule::Held;
use crate::timeline::show;
use crate::wire::name::join;
use crate::wire::rdata::{Field, Piece, split};
use crate::wire::{Name, NameRef, Rtype};
use crate::zone::{Lookup, Node, Suffixes, Ttl, Zone};

/// In zones of more names than this none is guessed at.
const GUESS_NAMES_MAX: usize = 10_000;

/// What a flip finds in the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The old data, with its TTL.
    Old {
        /// The TTL in the zone file.
        ttl: Ttl,
    },
    /// No such RRset, as the plan says.
    New {
        /// What caches hold instead.
        held: Held,
        /// And for how long.
        ttl: Ttl,
    },
    /// What it flips to.
    Done,
}

/// A plan's flips in its zone, all faults noted.
struct Examination<'a> {
    plan: &'a Plan,
    zone: &'a Zone,
    /// The flips of each owner, in the plan's order.
    owners: HashMap<&'a Name, Vec<&'a Flip>>,
    diagnostics: Vec<Diagnostic>,
}

/// Holds `plan` against `zone`: for each flip what it finds, `None` if it can't be.
pub(super) fn examine(plan: &Plan, zone: &Zone) -> (Vec<Option<Found>>, Vec<Diagnostic>) {
    let mut owners: HashMap<&Name, Vec<&Flip>> = HashMap::with_capacity(plan.flips.len());
    for flip in &plan.flips {
        owners.entry(&flip.owner.value).or_default().push(flip);
    }
    let mut examination = Examination { plan, zone, owners, diagnostics: Vec::new() };
    // A plan that changes nothing here can be for any zone.
    if !plan.flips.is_empty() && !examination.zone_can_change() {
        let found = vec![None; plan.flips.len()];
        authority::check(plan, zone, &found, &mut examination.diagnostics);
        return (found, examination.diagnostics);
    }
    let found: Vec<_> = plan.flips.iter().map(|flip| examination.find(flip)).collect();
    for (flip, found) in plan.flips.iter().zip(&found) {
        if found.is_some() {
            examination.check_aliases(flip);
        }
        if let Some(Found::New { held: Held::Wildcard(wildcard), .. }) = found {
            examination.check_wildcard(flip, wildcard);
        }
        examination.check_targets(flip);
    }
    authority::check(plan, zone, &found, &mut examination.diagnostics);
    (found, examination.diagnostics)
}

impl<'a> Examination<'a> {
    /// The flips of `owner`.
    fn flips_of(&self, owner: &Name) -> &[&'a Flip] {
        self.owners.get(owner).map_or(&[], Vec::as_slice)
    }

    fn fault(&mut self, diagnostic: Diagnostic, span: &Range<usize>, label: impl Into<String>) {
        let place = self.plan.place(span);
        self.diagnostics.push(diagnostic.at(place, label));
    }

    /// A change would break what a signer or ZONEMD says of the whole zone.
    fn zone_can_change(&mut self) -> bool {
        if self.zone.is_signed() && !self.signatures_may_end() {
            return false;
        }
        let digest = self.zone.find(self.zone.apex()).and_then(|apex| apex.rrset(Rtype::ZONEMD));
        if digest.is_some() {
            let diagnostic =
                Diagnostic::error("plan-zonemd", "the zone has a ZONEMD digest, which no edition would match")
                    .help("remove the ZONEMD record from the zone file until the plan is over");
            self.fault(diagnostic, &self.plan.at.span.clone(), "");
            return false;
        }
        true
    }

    /// Whether it does not matter that no signature of the zone covers what the plan makes: where nobody validates.
    fn signatures_may_end(&mut self) -> bool {
        let message = format!("{} comes signed, and its signatures do not cover what the plan makes", self.zone.apex());
        if let Some(absent) = self.plan.ds_absent() {
            let diagnostic = Diagnostic::warning("plan-signatures-end", message)
                .help("let the parent have no DS record until the zone is signed anew, or served unsigned");
            self.fault(diagnostic, &absent.clone(), "so nobody validates them");
            return true;
        }
        let help = match self.plan.authority.as_ref().filter(|authority| authority.switches_here()) {
            None => {
                "flip the records where the zone is signed; or have the DS record removed at the parent, and once its TTL \
                 is over write ds = \"absent\""
            }
            Some(_) => {
                "write here = \"nothing\" in [authority], have the NS records changed where the zone is signed, and have \
                 the registry's change made at T: the horizons are the same"
            }
        };
        let diagnostic = Diagnostic::error("plan-signed-zone", message).help(help);
        self.fault(diagnostic, &self.plan.at.span.clone(), "");
        false
    }

    fn find(&mut self, flip: &Flip) -> Option<Found> {
        let node = self.zone.find(flip.owner.value.as_ref());
        if node.is_none() && !self.is_meant(flip) {
            return None;
        }
        if self.is_glue(flip) || self.is_name_server_address(flip) {
            return None;
        }
        if !self.fits_one(flip) {
            return None;
        }
        let rtype = flip.rtype.value;
        let rrset = node.and_then(|node| node.rrset(rtype));
        let rdatas: Vec<Vec<u8>> = rrset.map(|rrset| rrset.rdatas().collect()).unwrap_or_default();
        let zone_has = |data: &Data| data.is(rtype, rdatas.iter().map(Vec::as_slice));
        if zone_has(&flip.to) {
            return Some(Found::Done);
        }
        if !zone_has(&flip.from) {
            self.mismatch(flip, node, &rdatas);
            return None;
        }
        if let Some(rrset) = rrset {
            return Some(Found::Old { ttl: rrset.ttl() });
        }
        Some(self.missed(flip, node))
    }

    /// Whether a name that is not in the zone was probably meant as it stands: `www.example.com` without
    /// a final dot, in the zone `example.com`, was not.
    fn is_meant(&mut self, flip: &Flip) -> bool {
        let apex = self.zone.apex();
        let Some(apex_labels) = apex.wire().split_last().map(|(_, labels)| labels).filter(|labels| !labels.is_empty())
        else {
            return true;
        };
        let doubled = join(apex_labels, apex).ok();
        let Some(prefix) = doubled
            .filter(|_| !flip.absolute)
            .and_then(|doubled| flip.owner.value.as_ref().prefix_below(doubled.as_ref()).map(<[u8]>::to_vec))
        else {
            return true;
        };
        let message = format!("this means {}", flip.owner.value);
        let help = match join(&prefix, apex) {
            Ok(meant) => format!("write \"{}\" or \"{meant}\"", show::relative(&meant, apex)),
            Err(_) => "end a full name with a dot".to_owned(),
        };
        let diagnostic = Diagnostic::error("plan-name-without-dot", message).help(help);
        self.fault(diagnostic, &flip.owner.span, "a name without a final dot is relative to the zone");
        false
    }

    /// Below a delegation or a DNAME the zone has no say.
    fn is_glue(&mut self, flip: &Flip) -> bool {
        let owner = flip.owner.value.as_ref();
        let Some(cut) = ancestors(owner).filter(|name| name.is_at_or_below(self.zone.apex())).find(|&name| {
            let Some(node) = self.zone.find(name) else { return false };
            node.is_cut() || (name != owner && node.has_dname())
        }) else {
            return false;
        };
        let is_dname = self.zone.find(cut).is_some_and(|node| node.has_dname());
        let message = format!("{owner} is not the zone's own to flip");
        let (label, help) = if is_dname {
            (
                format!("a DNAME at {cut} stands above it"),
                "flip the DNAME's target, or the name in the zone it leads to",
            )
        } else {
            (format!("{cut} is delegated"), "flip it in the zone that is delegated to; change glue in the zone file")
        };
        self.fault(Diagnostic::error("plan-below-cut", message).help(help), &flip.owner.span, label);
        true
    }

    /// The address of one of the zone's own name servers also stands at the parent.
    fn is_name_server_address(&mut self, flip: &Flip) -> bool {
        let owner = flip.owner.value.as_ref();
        if !matches!(flip.rtype.value, Rtype::A | Rtype::AAAA) {
            return false;
        }
        let servers = self.zone.find(self.zone.apex()).and_then(|apex| apex.rrset(Rtype::NS));
        let is_server = servers.is_some_and(|servers| {
            servers.rdatas().any(|rdata| NameRef::parse(&rdata).is_ok_and(|server| server == owner))
        });
        if is_server {
            let message = format!("{owner} is a name server of this zone, whose address the parent zone also gives");
            let help = "resolvers keep the parent's glue, for the parent's TTL: give the new address to a new name \
                        server name, change the NS records at the parent, and flip data after that";
            let diagnostic = Diagnostic::error("plan-name-server-address", message).help(help);
            self.fault(diagnostic, &flip.owner.span, "");
        }
        is_server
    }

    /// Types of which an RRset has one record, and DNAME, which moves what is below it.
    fn fits_one(&mut self, flip: &Flip) -> bool {
        let rtype = flip.rtype.value;
        if !matches!(rtype, Rtype::CNAME | Rtype::DNAME) {
            return true;
        }
        if let Some(second) = flip.to.records.get(1) {
            let diagnostic = Diagnostic::error("plan-many-cnames", format!("a name has one {rtype} record at most"));
            self.fault(diagnostic.help("keep one of them"), &second.span.clone(), "");
            return false;
        }
        if rtype == Rtype::DNAME && (flip.to.records.is_empty() || flip.from.records.is_empty()) {
            let message = "a plan can't add or remove a DNAME: all names below it would change at once";
            let help = "change the zone file for that; a plan can flip the target of a DNAME";
            self.fault(Diagnostic::error("plan-dname", message).help(help), &flip.rtype.span, "");
            return false;
        }
        true
    }

    fn mismatch(&mut self, flip: &Flip, node: Option<Node<'_>>, rdatas: &[Vec<u8>]) {
        let (owner, rtype) = (&flip.owner.value, flip.rtype.value);
        if !rdatas.is_empty() {
            let has = show::toml_list(rtype, rdatas.iter().map(Vec::as_slice));
            let wants = show::toml_list(rtype, flip.to.records.iter().map(|record| &*record.value));
            let message = format!("{owner} {rtype} is neither what the plan flips from nor what it flips to");
            let diagnostic = Diagnostic::error("plan-from-mismatch", message)
                .at(self.plan.place(&flip.from.span), format!("the zone has {has}"))
                .at(self.plan.place(&flip.to.span), "nor does it have this")
                .help(format!(
                    "if the zone is right, write from = {has}; if the flip is done already, the zone must have {wants}"
                ));
            self.diagnostics.push(diagnostic);
            return;
        }
        let there: Vec<_> = node.iter().flat_map(|node| node.rrsets()).map(|rrset| rrset.rtype().to_string()).collect();
        if there.is_empty() {
            let message = format!("{owner} is not in the zone");
            let help = match self.guess(owner) {
                Some(guess) => format!("did you mean \"{guess}\"? If the name is new, write from = []"),
                None => "if the name is new, write from = []".to_owned(),
            };
            self.fault(Diagnostic::error("plan-no-such-name", message).help(help), &flip.owner.span, "");
        } else {
            let message = format!("{owner} has no {rtype} records");
            let help = match there.iter().find(|there| **there == "CNAME") {
                Some(_) => "it is an alias: flip its CNAME, or the name that it leads to",
                None => "if the records are new, write from = []",
            };
            let label = format!("it has {}", there.join(", "));
            self.fault(Diagnostic::error("plan-no-such-rrset", message).help(help), &flip.rtype.span, label);
        }
    }

    fn guess(&self, owner: &Name) -> Option<String> {
        if self.zone.node_count() > GUESS_NAMES_MAX {
            return None;
        }
        let apex = self.zone.apex();
        let names: Vec<String> = self
            .zone
            .nodes_in_order()
            .filter(|node| !node.is_empty_non_terminal() && !node.is_apex())
            .map(|node| show::relative(&node.name(), apex))
            .collect();
        similar(&show::relative(owner, apex), names.iter().map(String::as_str)).map(str::to_owned)
    }

    /// What caches hold for a new RRset before it is there.
    fn missed(&self, flip: &Flip, node: Option<Node<'_>>) -> Found {
        let negative = self.zone.negative_ttl();
        if let Some(node) = node {
            // An alias answers for all types; the plan must remove it, and it drains as data does.
            return match node.rrset(Rtype::CNAME) {
                Some(alias) => Found::New { held: Held::Data, ttl: alias.ttl() },
                None => Found::New { held: Held::Nothing, ttl: negative },
            };
        }
        // RFC 4592 § 3.3.1: the wildcard right below the closest encloser answers for what is not there.
        let owner = flip.owner.value.as_ref();
        let encloser = ancestors(owner).skip(1).find(|&name| self.zone.find(name).is_some());
        let wildcard = encloser.and_then(|encloser| join(b"\x01*", encloser).ok());
        match wildcard.and_then(|wildcard| self.zone.find(wildcard.as_ref())) {
            Some(node) if !node.is_empty_non_terminal() => {
                let longest = node.rrsets().map(|rrset| rrset.ttl()).max();
                Found::New { held: Held::Wildcard(node.name()), ttl: longest.unwrap_or(negative).max(negative) }
            }
            _ => Found::New { held: Held::Nothing, ttl: negative },
        }
    }

    /// The types that `owner` has when all flips are done.
    fn types_after(&self, owner: &Name) -> BTreeSet<Rtype> {
        let node = self.zone.find(owner.as_ref());
        let mut types: BTreeSet<_> = node.iter().flat_map(|node| node.rrsets()).map(|rrset| rrset.rtype()).collect();
        for flip in self.flips_of(owner) {
            if flip.to.records.is_empty() {
                types.remove(&flip.rtype.value);
            } else {
                types.insert(flip.rtype.value);
            }
        }
        types
    }

    /// RFC 2181 § 10.1: a CNAME stands alone.
    fn check_aliases(&mut self, flip: &Flip) {
        let owner = &flip.owner.value;
        let mut others = self.types_after(owner);
        if flip.to.records.is_empty() || !others.remove(&Rtype::CNAME) || others.is_empty() {
            return;
        }
        // Of the flips that make the fault only one is shown.
        let makes_alias = |other: &&&Flip| other.rtype.value == Rtype::CNAME && !other.to.records.is_empty();
        let shown = self.flips_of(owner).iter().find(makes_alias);
        if shown.is_some_and(|shown| shown.rtype.value != flip.rtype.value) {
            return;
        }
        let others: Vec<_> = others.iter().map(Rtype::to_string).collect();
        let message = format!("{owner} would have a CNAME beside {}", others.join(", "));
        let help = if others.iter().any(|other| other == "SOA") {
            "the apex can't be an alias: flip its A and AAAA records to the addresses of the target".to_owned()
        } else {
            format!("in the same plan, flip what must go to [] ({})", others.join(", "))
        };
        let diagnostic = Diagnostic::error("plan-cname-and-other-data", message).help(help);
        self.fault(diagnostic, &flip.to.span, "an alias stands alone (RFC 2181 § 10.1)");
    }

    /// A name that exists hides the wildcard that answered for it.
    fn check_wildcard(&mut self, flip: &Flip, wildcard: &Name) {
        let owner = &flip.owner.value;
        let first = self.flips_of(owner).first();
        if first.is_some_and(|first| first.rtype.value != flip.rtype.value) {
            return;
        }
        let kept = self.types_after(owner);
        let node = self.zone.find(wildcard.as_ref());
        let lost: Vec<_> = node
            .iter()
            .flat_map(|node| node.rrsets())
            .filter(|rrset| !kept.contains(&rrset.rtype()))
            .map(|rrset| rrset.rtype().to_string())
            .collect();
        if lost.is_empty() {
            return;
        }
        let lost = lost.join(", ");
        let message = format!("once {owner} exists, {wildcard} no longer answers for it");
        let diagnostic = Diagnostic::warning("plan-hides-wildcard", message)
            .help(format!("if {owner} needs them too, add them with from = []"));
        self.fault(diagnostic, &flip.owner.span, format!("it loses the wildcard's {lost}"));
    }

    /// A name of the zone that new data leads to and that isn't there: most often a final dot is missing.
    fn check_targets(&mut self, flip: &Flip) {
        let apex = self.zone.apex();
        // Name servers must have addresses, which is more: `authority.rs` looks.
        let is_name_server = flip.rtype.value == Rtype::NS;
        for record in flip.to.records.iter().filter(|_| !is_name_server) {
            let mut missing = None;
            let mut look = |piece: Piece<'_>| {
                if let (Field::Name | Field::CompressibleName, Ok(target)) = (piece.field, NameRef::parse(piece.bytes))
                    && target.is_below(apex)
                    && !self.will_exist(target)
                {
                    missing = Some(target.to_owned());
                }
            };
            // What doesn't split has no names to look at.
            let _ = split(flip.rtype.value, &record.value, &mut look);
            let Some(target) = missing else { continue };
            let diagnostic =
                Diagnostic::warning("plan-target-missing", format!("this leads to {target}, which is not in the zone"))
                    .help("end the name with a dot if it is another zone's, or add what is missing to the zone first");
            self.fault(diagnostic, &record.span, "");
        }
    }

    fn will_exist(&self, name: NameRef<'_>) -> bool {
        let mut suffixes = Suffixes::new();
        let there =
            suffixes.set(name.wire()).is_ok() && !matches!(self.zone.view().look_up(&suffixes), Lookup::Missing { .. });
        there || self.flips_of(&name.to_owned()).iter().any(|flip| !flip.to.records.is_empty())
    }
}

/// The name itself, its parent, and so on to the root.
pub(super) fn ancestors(name: NameRef<'_>) -> impl Iterator<Item = NameRef<'_>> {
    std::iter::successors(Some(name), |name| name.parent())
}
