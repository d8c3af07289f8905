//! Semantic checks: what is wrong with a zone although every line of its file can be read.
//!
//! [`check`] finds all faults of a [`View`] at once. It finds what `named-checkzone`, `kzonecheck`
//! and `nsd-checkzone` find, and more; `docs/zone-checks.md` lists every check beside what they
//! say, `docs/diagnostics.md` explains every code.
//!
//! Severity:
//!
//! - an *error* is a fault that can't be meant: for some client some answer can't be right;
//! - a *warning* is a likely mistake;
//! - a *note* is worth knowing.
//!
//! Not every error is a reason not to serve a zone. Where it contradicts itself, so that no answer
//! is right, it is not served ([`prevents_serving`]). An expired signature or a delegation without
//! glue hurts the names it touches; to refuse the zone for it would hurt all the others too.
//!
//! What can't be seen in a built zone (names out of it, TTLs that differ within an RRset, records
//! written twice) is found when it is loaded. Signatures are not verified cryptographically.

mod alias;
mod apex;
mod delegation;
mod denial;
mod findings;
mod hostname;
mod mail;
mod owner;
mod parent;
mod reach;
mod service;
mod signature;
mod target;

use std::collections::{HashMap, HashSet};

use crate::clock::Instant;
use crate::diag::{Diagnostic, Place};
use crate::wire::{Name, Rtype};

use super::{Node, Rrset, View};
use findings::{Finding, Findings};

/// Finds where RRsets stand in a file, all at once, since that may mean to read it again:
/// `text::locate_all` does it. Without a file, nothing is found.
pub type Places<'a> = dyn Fn(Vec<(Name, Rtype)>) -> HashMap<(Name, Rtype), Place> + 'a;

/// The codes of errors by which a zone contradicts itself.
const CONTRADICTIONS: [&str; 7] = [
    "zone-no-ns",
    "zone-cname-and-other-data",
    "zone-several-cnames",
    "zone-several-dnames",
    "zone-dname-and-ns",
    "zone-below-dname",
    "zone-rrset-too-large",
];

/// Whether a zone in which [`check`] found this should not be served: it contradicts itself.
/// Other errors hurt only the names they speak of.
pub fn prevents_serving(diagnostic: &Diagnostic) -> bool {
    CONTRADICTIONS.contains(&diagnostic.code)
}

/// All faults of `view` at `now`, in the order of the lines they stand on as far as `places` finds
/// them; at most [`crate::diag::DIAGNOSTICS_MAX`], the gravest kept.
pub fn check(view: &View<'_>, places: &Places<'_>, now: Instant) -> Vec<Diagnostic> {
    let mut checker = Checker::new(*view, now);
    checker.run();
    checker.findings.into_diagnostics(places)
}

/// The faults of `view` by which it should not be served: those of [`check`] that
/// [prevent serving](prevents_serving). Quick where there are none, which a server loads at each start.
pub fn contradictions(view: &View<'_>, places: &Places<'_>) -> Vec<Diagnostic> {
    if !is_suspect(*view) {
        return Vec::new();
    }
    // None of these faults comes with time.
    check(view, places, Instant::MIN).into_iter().filter(prevents_serving).collect()
}

/// Whether `view` may contradict itself: never no where [`check`] says that it does.
fn is_suspect(view: View<'_>) -> bool {
    let mut has_dname = false;
    let mut has_occluded = false;
    let suspect = view.nodes().any(|node| {
        has_dname |= node.has_dname();
        has_occluded |= node.is_occluded();
        is_suspect_node(node)
    });
    suspect || (has_dname && has_occluded) || view.apex_node().rrset(Rtype::NS).is_none()
}

/// Whether `view` may contradict itself if it did not before the RRsets of `owners` changed: cheap where few did.
pub fn is_suspect_at<'n>(view: View<'_>, owners: impl Iterator<Item = &'n Name>) -> bool {
    let mut nodes = owners.filter_map(|owner| view.find(owner.as_ref()));
    nodes.any(|node| node.is_occluded() || node.has_dname() || is_suspect_node(node))
        || view.apex_node().rrset(Rtype::NS).is_none()
}

fn is_suspect_node(node: Node<'_>) -> bool {
    let cname =
        node.rrset(Rtype::CNAME).is_some() && (!is_single(node, Rtype::CNAME) || alias::beside_cname(node).is_some());
    let dname = node.has_dname() && (node.is_cut() || !is_single(node, Rtype::DNAME));
    cname || dname || node.rrsets().any(owner::may_be_too_large)
}

fn is_single(node: Node<'_>, rtype: Rtype) -> bool {
    node.rrset(rtype).is_none_or(|rrset| rrset.len() == 1)
}

/// What all checks share.
struct Checker<'a> {
    view: View<'a>,
    apex: Name,
    now: Instant,
    findings: Findings,
    /// Addresses below or at a zone cut that are not glue of that cut itself; glue of another, perhaps.
    doubtful_glue: Vec<Name>,
    /// Owners of TLSA, SMIMEA … at a name no client would ask for, unless an alias leads there.
    odd_owners: Vec<(Name, Rtype)>,
}

impl<'a> Checker<'a> {
    fn new(view: View<'a>, now: Instant) -> Self {
        Checker {
            view,
            apex: view.apex().to_owned(),
            now,
            findings: Findings::default(),
            doubtful_glue: Vec::new(),
            odd_owners: Vec::new(),
        }
    }

    fn run(&mut self) {
        self.apex();
        for node in self.view.nodes() {
            if !node.is_empty_non_terminal() {
                self.node(node);
            }
        }
        self.settle_doubtful_glue();
        self.settle_odd_owners();
        self.dnssec();
    }

    /// The checks that need one node and look-ups.
    fn node(&mut self, node: Node<'_>) {
        let owner = node.name();
        self.owner(node, &owner);
        if node.is_occluded() {
            self.occluded(node, &owner);
            return;
        }
        self.aliases(node, &owner);
        if node.is_cut() {
            self.cut(node, &owner);
        }
        for rrset in node.rrsets() {
            self.rrset(&owner, rrset);
            self.targets(&owner, rrset);
            self.services(&owner, rrset);
        }
        self.mail(node, &owner);
    }

    fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// The names among all RDATA of `rtype` in the zone.
    fn all_targets(&self, rtype: Rtype) -> HashSet<Name> {
        let rrsets = self.view.nodes().filter_map(|node| node.rrset(rtype));
        rrsets.flat_map(|rrset| rrset.rdatas().filter_map(move |rdata| target::name_in(rtype, &rdata))).collect()
    }
}
