//! Rules over looks, flapping probes among them.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::timeline::plan::probe::Look as What;

fn probe() -> Probe {
    let address = ([192, 0, 2, 1], 80).into();
    let (every, timeout) = (Duration::from_secs(10), Duration::from_secs(5));
    Probe { name: "web".to_owned(), look: What::Tcp { address }, every, timeout }
}

fn at(seconds: i64) -> Instant {
    Instant::from_unix_seconds(seconds)
}

fn rule(count: u16, of: u16) -> Rule {
    Rule { count, of, over: Duration::from_secs(600) }
}

/// `+` passes, `-` fails, `?` is unknown: one look every ten seconds from 0 on.
fn seen(looks: &str) -> (Evidence, Instant) {
    let mut evidence = Evidence::of(&probe());
    let mut now = at(0);
    for (place, look) in looks.chars().enumerate() {
        now = at(10 * i64::try_from(place).unwrap());
        evidence.note(now, verdict(look));
    }
    (evidence, now)
}

fn verdict(look: char) -> Verdict {
    match look {
        '+' => Verdict::Pass,
        '-' => Verdict::Fail("refused".to_owned()),
        _ => Verdict::Unknown("no route".to_owned()),
    }
}

fn passes(looks: &str, rule: Rule) -> bool {
    let (evidence, now) = seen(looks);
    evidence.meets(rule, Counts::Passes, now)
}

#[test]
fn a_rule_counts_the_last_looks() {
    for (looks, count, of, is_met) in [
        ("", 1, 1, false),
        ("++", 3, 3, false),
        ("+++", 3, 3, true),
        ("-+++", 3, 3, true),
        ("+++-", 3, 3, false),
        ("+-+++-", 5, 6, false),
        ("++-+++", 5, 6, true),
        ("+++++", 5, 6, true),
        // What was long ago does not count.
        ("++++++---+", 5, 6, false),
    ] {
        assert_eq!(passes(looks, rule(count, of)), is_met, "{looks} {count} of {of}");
    }
}

#[test]
fn unknown_is_not_a_pass_and_not_a_failure() {
    assert!(!passes("++?", rule(3, 3)));
    assert!(passes("++?+++", rule(5, 6)));
    let (evidence, now) = seen("???");
    assert!(!evidence.meets(rule(1, 3), Counts::Passes, now));
    assert!(!evidence.meets(rule(1, 3), Counts::Failures, now));
}

#[test]
fn looks_must_lie_within_the_time_of_the_rule() {
    let short = Rule { count: 3, of: 3, over: Duration::from_secs(19) };
    assert!(!passes("++++", short));
    assert!(passes("++++", Rule { over: Duration::from_secs(20), ..short }));
}

#[test]
fn if_nobody_looks_any_more_nothing_is_met() {
    let (evidence, now) = seen("+++");
    assert!(evidence.meets(rule(3, 3), Counts::Passes, now.after(Duration::from_secs(25))));
    let later = now.after(Duration::from_secs(26));
    assert!(!evidence.meets(rule(3, 3), Counts::Passes, later));
    let told = evidence.verdict(rule(3, 3), Counts::Passes, Some(&Verdict::Pass), later);
    assert_eq!(told, Some(Verdict::Unknown("the last look is 26 s old".to_owned())));
    assert!(!evidence.meets(rule(3, 3), Counts::Failures, later));
}

#[test]
fn what_is_told_turns_at_once_and_back_slowly() {
    let told = |looks: &str, told: Option<char>| {
        let (evidence, now) = seen(looks);
        evidence.verdict(rule(5, 6), Counts::Passes, told.map(verdict).as_ref(), now)
    };
    assert_eq!(told("++++", None), None, "it may still come");
    assert_eq!(told("+++++", None), Some(Verdict::Pass));
    assert_eq!(told("+--", None), Some(verdict('-')));
    assert_eq!(told("+--", Some('-')), None, "that is known");
    assert_eq!(told("+-++-+", Some('+')), None, "one more than would do is needed");
    assert_eq!(told("--++-+", Some('+')), Some(verdict('-')));
    assert_eq!(told("??", None), Some(verdict('?')));
    assert_eq!(told("", Some('+')), None, "after a restart what was told stands");
}

#[test]
fn a_watch_fails_by_failures_alone() {
    let told = |looks: &str, told: Option<char>| {
        let (evidence, now) = seen(looks);
        evidence.verdict(rule(3, 5), Counts::Failures, told.map(verdict).as_ref(), now)
    };
    assert_eq!(told("++-+-", None), Some(Verdict::Pass));
    assert_eq!(told("+--+-", Some('+')), Some(verdict('-')));
    assert_eq!(told("-+-+-++", Some('-')), None);
    assert_eq!(told("-+-+-+++", Some('-')), Some(Verdict::Pass));
    assert_eq!(told("+????", Some('+')), Some(verdict('?')));
}

#[test]
fn no_more_is_kept_than_a_rule_may_count() {
    let (evidence, _) = seen(&"+".repeat(LOOKS_MAX * 3));
    assert_eq!(evidence.looks.len(), LOOKS_MAX);
}

proptest! {
    /// However a probe flaps: a gate that is told to pass has just been met, and one that is met is told to pass.
    #[test]
    fn what_is_met_is_told(looks in "[+?-]{1,60}", of in 1u16..8, slack in 0u16..7) {
        let rule = rule(of.saturating_sub(slack).max(1), of);
        for counts in [Counts::Passes, Counts::Failures] {
            let mut told: Option<Verdict> = None;
            let mut evidence = Evidence::of(&probe());
            for (place, look) in looks.chars().enumerate() {
                let now = at(10 * i64::try_from(place).unwrap());
                evidence.note(now, verdict(look));
                let is_met = evidence.meets(rule, counts, now);
                let new = evidence.verdict(rule, counts, told.as_ref(), now);
                let wanted = |verdict: &Verdict| match counts {
                    Counts::Passes => verdict.is_pass(),
                    Counts::Failures => matches!(verdict, Verdict::Fail(_)),
                };
                if new.as_ref().is_some_and(wanted) {
                    prop_assert!(is_met);
                }
                told = new.or(told);
                if is_met {
                    prop_assert!(told.as_ref().is_some_and(wanted));
                }
            }
        }
    }

    /// Whether it is met is what counting says.
    #[test]
    fn a_rule_is_met_as_one_counts(looks in "[+?-]{1,40}", of in 1u16..12, slack in 0u16..11) {
        let rule = rule(of.saturating_sub(slack).max(1), of);
        let counted = looks.chars().rev().take(usize::from(of)).filter(|look| *look == '+').count();
        prop_assert_eq!(passes(&looks, rule), counted >= usize::from(rule.count));
    }
}
