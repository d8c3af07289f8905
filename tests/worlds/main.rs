//! Thousands of worlds on a virtual clock: plans, people, edits, restarts, crashes between any two effects, clocks that
//! are set, disks that are slow or full. The server's own decisions are made in each, and the rules of [`checks`] hold
//! in all.
//!
//! A world follows from its seed. `WATARI_WORLDS` says how many are tried, `WATARI_WORLDS_FROM` from which on, `WATARI_WORLD` tries
//! but one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod caches;
mod chance;
mod checks;
mod files;
mod journal;
mod regressions;
mod script;
mod world;

use script::Script;
use world::{Broken, World};

/// How many worlds are tried, if nobody says.
const WORLDS: u64 = 2000;

fn try_world(script: &Script) -> Result<(), Broken> {
    let mut world = World::run(script)?;
    checks::check(&mut world, script.seed)
}

/// Takes away what need not happen for the same rule to be broken.
fn least(mut script: Script, rule: u8) -> (Script, Broken) {
    let breaks = |script: &Script| try_world(script).err().filter(|broken| broken.rule == rule);
    let mut at = 0;
    while at < script.happenings.len() {
        let mut less = script.clone();
        less.happenings.remove(at);
        if breaks(&less).is_some() {
            script = less;
        } else {
            at += 1;
        }
    }
    let broken = breaks(&script).unwrap();
    (script, broken)
}

fn try_seed(seed: u64) -> Result<(), String> {
    let script = Script::drawn(seed);
    let Err(broken) = try_world(&script) else { return Ok(()) };
    let (script, broken) = least(script, broken.rule);
    Err(format!("world {seed} breaks rule {}: {}\n{script:#?}", broken.rule, broken.how))
}

#[test]
fn the_rules_hold_in_every_world() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("WATARI_WORLD") {
        return try_seed(seed).unwrap_or_else(|how| panic!("{how}"));
    }
    let mut rules = std::collections::BTreeMap::<u8, (usize, u64, String)>::new();
    let first = number("WATARI_WORLDS_FROM").unwrap_or(0);
    for seed in first..first + number("WATARI_WORLDS").unwrap_or(WORLDS) {
        if let Err(broken) = try_world(&Script::drawn(seed)) {
            let known = rules.entry(broken.rule).or_insert((0, seed, String::new()));
            known.0 += 1;
            if known.0 == 1 {
                known.2 = try_seed(seed).err().unwrap_or_default();
            }
        }
    }
    let told: Vec<_> = rules.values().map(|(count, _, how)| format!("{count} worlds like this one:\n{how}")).collect();
    assert!(rules.is_empty(), "{}", told.join("\n\n"));
}
