//! What the checks have found, before it becomes diagnostics: bounded, in order, few of a kind.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::diag::{DIAGNOSTICS_MAX, Diagnostic, Place, Severity};
use crate::wire::{Name, Rtype};

use super::Places;

/// The most findings of one code that are shown; the others are counted.
const SHOWN_OF_A_CODE_MAX: usize = 12;
/// The most findings of one code that are kept, so that the first in canonical order can be shown
/// whatever order the zone is walked in.
const KEPT_OF_A_CODE_MAX: usize = 1000;

/// A fault, where it is, and what else explains it.
pub(super) struct Finding {
    diagnostic: Diagnostic,
    owner: Name,
    rtype: Rtype,
    text: &'static str,
    others: Vec<(Name, Rtype, &'static str)>,
}

impl Finding {
    pub(super) fn error(code: &'static str, at: (Name, Rtype), message: String) -> Self {
        Finding::new(Diagnostic::error(code, message), at)
    }

    pub(super) fn warning(code: &'static str, at: (Name, Rtype), message: String) -> Self {
        Finding::new(Diagnostic::warning(code, message), at)
    }

    pub(super) fn note(code: &'static str, at: (Name, Rtype), message: String) -> Self {
        Finding::new(Diagnostic::note(code, message), at)
    }

    fn new(diagnostic: Diagnostic, (owner, rtype): (Name, Rtype)) -> Self {
        Finding { diagnostic, owner, rtype, text: "", others: Vec::new() }
    }

    /// The same, with a way out.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.diagnostic = self.diagnostic.help(help);
        self
    }

    /// The same, with `text` shown at the place of the fault.
    pub(super) fn saying(mut self, text: &'static str) -> Self {
        self.text = text;
        self
    }

    /// The same, with another RRset that explains it.
    pub(super) fn beside(mut self, owner: &Name, rtype: Rtype, text: &'static str) -> Self {
        self.others.push((owner.clone(), rtype, text));
        self
    }

    /// The RRsets whose places are shown.
    fn wanted(&self) -> impl Iterator<Item = (Name, Rtype)> {
        let others = self.others.iter().map(|(owner, rtype, _)| (owner.clone(), *rtype));
        std::iter::once((self.owner.clone(), self.rtype)).chain(others)
    }

    fn into_diagnostic(self, places: &HashMap<(Name, Rtype), Place>) -> Diagnostic {
        let mut diagnostic = self.diagnostic;
        if let Some(place) = places.get(&(self.owner, self.rtype)) {
            diagnostic = diagnostic.at(place.clone(), self.text);
            for (owner, rtype, text) in self.others {
                if let Some(place) = places.get(&(owner, rtype)) {
                    diagnostic = diagnostic.at(place.clone(), text);
                }
            }
        }
        diagnostic
    }
}

/// Findings by code.
#[derive(Default)]
pub(super) struct Findings(BTreeMap<&'static str, OfACode>);

#[derive(Default)]
struct OfACode {
    kept: Vec<Finding>,
    count: usize,
}

impl Findings {
    pub(super) fn push(&mut self, finding: Finding) {
        let of_a_code = self.0.entry(finding.diagnostic.code).or_default();
        of_a_code.count += 1;
        if of_a_code.kept.len() < KEPT_OF_A_CODE_MAX {
            of_a_code.kept.push(finding);
        }
    }

    /// The gravest, in the order of their lines; those without a place last, in canonical order.
    pub(super) fn into_diagnostics(self, places: &Places<'_>) -> Vec<Diagnostic> {
        let mut shown = Vec::new();
        let mut remarks = Vec::new();
        for (code, OfACode { mut kept, count }) in self.0 {
            kept.sort_by(|a, b| {
                let grave = Reverse(a.diagnostic.severity).cmp(&Reverse(b.diagnostic.severity));
                grave.then_with(|| a.owner.cmp(&b.owner)).then(a.rtype.cmp(&b.rtype))
            });
            let gravest = kept.first().map_or(Severity::Note, |finding| finding.diagnostic.severity);
            kept.truncate(SHOWN_OF_A_CODE_MAX);
            let more = count - kept.len();
            shown.append(&mut kept);
            if more > 0 {
                let message = format!("{more} more faults of the kind {code}");
                remarks.push((gravest, Diagnostic::note(code, message)));
            }
        }
        shown.sort_by_key(|finding| Reverse(finding.diagnostic.severity));
        shown.truncate(DIAGNOSTICS_MAX.saturating_sub(remarks.len()));
        let wanted: BTreeSet<(Name, Rtype)> = shown.iter().flat_map(Finding::wanted).collect();
        let places = places(wanted.into_iter().collect());
        let mut located: Vec<(Name, Diagnostic)> =
            shown.into_iter().map(|finding| (finding.owner.clone(), finding.into_diagnostic(&places))).collect();
        located.sort_by(|(left_owner, left), (right_owner, right)| {
            let line = |diagnostic: &Diagnostic| {
                let place = diagnostic.labels.first().map(|label| &label.place);
                place.map_or((true, None, 0), |place| (false, Some(place.path.clone()), place.line))
            };
            line(left).cmp(&line(right)).then_with(|| left_owner.cmp(right_owner)).then(left.code.cmp(right.code))
        });
        remarks.sort_by_key(|(gravest, _)| Reverse(*gravest));
        let located = located.into_iter().map(|(_, diagnostic)| diagnostic);
        located.chain(remarks.into_iter().map(|(_, remark)| remark)).take(DIAGNOSTICS_MAX).collect()
    }
}
