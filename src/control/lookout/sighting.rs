//! What gates and watches have seen lately, for a person and as JSON: how near each is to what it waits for.
//!
//! The journal tells verdicts, and those only when they change. This is of the moment, and in memory alone: after a restart
//! it begins anew, as the look-out does.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Lookout, Post};
use crate::clock::Instant;
use crate::control::socket::Reply;
use crate::timeline::Verdict;
use crate::timeline::evidence::{Evidence, Rule, Tally};
use crate::timeline::guard::{Before, Sentry};
use crate::timeline::plan::Condition;
use crate::timeline::show::{length, rfc3339};
use crate::wire::Name;

/// What a gate or a watch, which is being looked at, has seen lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Which it is.
    pub of: Sentry,
    /// The name of its probe.
    pub probe: String,
    /// Of a gate: which steps it stands before.
    pub before: Option<Before>,
    /// What it counts: passes if it is a gate, failures if it is a watch.
    pub rule: Rule,
    /// What the looks that count came to.
    pub tally: Tally,
    /// When the last look began, and what it came to.
    pub last: Option<(Instant, Verdict)>,
}

impl Lookout {
    /// What the gates and watches of `apex` that are looked at by `now` have seen.
    pub fn sightings(&self, apex: &Name, now: Instant) -> Vec<Sighting> {
        self.posts.get(apex).map_or_else(Vec::new, |post| post.sightings(now))
    }
}

impl Post {
    fn sightings(&self, now: Instant) -> Vec<Sighting> {
        let gates = (0..).zip(&self.guard.gates).filter_map(|(place, gate)| match &gate.condition {
            Condition::Probe { probe, rule } if self.is_awaited(gate, now) => {
                let evidence = self.views[*probe].evidence.clone();
                Some((Sentry::Gate(place), *probe, Some(gate.before), *rule, evidence))
            }
            _ => None,
        });
        let watches = (0..).zip(&self.guard.watches).filter(|(_, watch)| self.is_watching(watch, now));
        let watches =
            watches.map(|(place, watch)| (Sentry::Watch(place), watch.probe, None, watch.rule, self.since_flip(watch)));
        let sighting =
            |(of, probe, before, rule, evidence): (Sentry, usize, Option<Before>, Rule, Evidence)| Sighting {
                of,
                probe: self.views[probe].probe.name.clone(),
                before,
                rule,
                tally: evidence.tally(rule, now),
                last: evidence.last().map(|(at, verdict)| (at, verdict.clone())),
            };
        gates.chain(watches).map(sighting).collect()
    }
}

/// `reply`, which says where a plan stands at `now`, with what its gates and watches have seen.
pub fn told(mut reply: Reply, sightings: &[Sighting], now: Instant) -> Reply {
    if sightings.is_empty() {
        return reply;
    }
    reply.text.push_str("\n  looks\n");
    for sighting in sightings {
        _ = writeln!(reply.text, "  {}", sighting.in_words(now));
    }
    if let Value::Object(data) = &mut reply.data {
        data.insert("looks".to_owned(), sightings.iter().map(Sighting::as_json).collect());
    }
    reply
}

impl Sighting {
    fn in_words(&self, now: Instant) -> String {
        let Sighting { probe, rule, tally, .. } = self;
        let (kind, counted, verb) = match self.of {
            Sentry::Gate(_) => ("gate", tally.passed, "passed"),
            Sentry::Watch(_) => ("watch", tally.failed, "failed"),
        };
        let mut line = format!("{kind:<6} {probe}: {counted} of {} {verb}", tally.all());
        if tally.unknown > 0 {
            _ = write!(line, ", {} not known", tally.unknown);
        }
        let needs = if self.before.is_some() { "needs" } else { "fails with" };
        _ = write!(line, ", {needs} {} of {} over {}; ", rule.count, rule.of, length(rule.over));
        match &self.last {
            None => line.push_str("no look has come back yet"),
            Some((at, verdict)) => {
                let verdict = match verdict {
                    Verdict::Pass => "passed",
                    Verdict::Fail(why) | Verdict::Unknown(why) => why,
                };
                _ = write!(line, "last look {} ago: {verdict}", length(now.since(*at)));
            }
        }
        line
    }

    fn as_json(&self) -> Value {
        let Sighting { probe, before, rule, tally, last, .. } = self;
        json!({
            "kind": if before.is_some() { "gate" } else { "watch" },
            "probe": probe,
            "before": before,
            "count": rule.count,
            "of": rule.of,
            "over": rule.over.as_secs(),
            "passed": tally.passed,
            "failed": tally.failed,
            "unknown": tally.unknown,
            "last_at": last.as_ref().map(|(at, _)| rfc3339(*at)),
            "last": last.as_ref().map(|(_, verdict)| verdict),
        })
    }
}
