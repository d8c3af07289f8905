//! What is shown when servers differ in a way nobody has explained.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::case::Case;
use super::compare::{Difference, Outcome};
use super::known::Known;
use crate::support::message::type_to_text;
use crate::support::peer::Kind;

/// How many examples of a group are shown.
const EXAMPLES: usize = 2;
/// How many groups are shown.
const GROUPS: usize = 40;

/// Differences and faults so far, alike ones together.
#[derive(Debug, Default)]
pub(crate) struct Report {
    groups: BTreeMap<String, (usize, Vec<String>)>,
}

impl Report {
    /// Something is wrong in our answer by itself.
    pub(crate) fn fault(&mut self, case: &Case, ours: &Outcome, fault: &str) {
        self.add(format!("FAULT {fault}"), || format!("{}\n  ours:\n{}", show(case), ours.show()));
    }

    /// A difference that no entry explains.
    pub(crate) fn difference(
        &mut self,
        known: &Known,
        peer: Kind,
        case: &Case,
        ours: &Outcome,
        theirs: &Outcome,
        difference: &Difference,
    ) {
        let about = match difference.rtype {
            0 => difference.detail.clone(),
            rtype => type_to_text(rtype),
        };
        let shapes = ours.shapes(&known.zones).join(" ");
        let group = format!("{} {} {about} (our answer is: {shapes})", peer.name(), difference.kind);
        self.add(group, || {
            format!(
                "{}: {}\n  ours:\n{}  {}:\n{}",
                show(case),
                difference.detail,
                ours.show(),
                peer.name(),
                theirs.show()
            )
        });
    }

    fn add(&mut self, group: String, example: impl FnOnce() -> String) {
        let (count, examples) = self.groups.entry(group).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(example());
        }
    }

    /// Ends the test.
    ///
    /// # Panics
    /// If something is wrong, differs without an entry, or an entry was not met.
    pub(crate) fn finish(self, cases: usize, known: &Known) {
        let mut text = String::new();
        for (id, count) in known.met() {
            println!("{count:8} {id}");
        }
        let differences: usize = self.groups.values().map(|(count, _)| count).sum();
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        for (group, (count, _)) in &groups {
            let _ = writeln!(text, "{count:8} {group}");
        }
        for (group, (count, examples)) in groups.into_iter().take(GROUPS) {
            let _ = writeln!(text, "\n== {count} × {group}");
            for example in examples {
                let _ = writeln!(text, "{example}");
            }
        }
        let unmet = known.unmet();
        for id in &unmet {
            let _ = writeln!(text, "known difference {id:?} was not met: remove it");
        }
        assert!(
            self.groups.is_empty() && unmet.is_empty(),
            "{cases} cases, {differences} unexplained differences\n{text}"
        );
    }
}

fn show(case: &Case) -> String {
    format!("{} {} ({}, zone {})", case.name(), case.rtype(), case.variant, case.zone)
}
