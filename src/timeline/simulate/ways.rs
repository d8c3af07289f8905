//! The other ways in which a plan could lower its TTLs, each compiled as if it were written so.

use super::super::compile::compile;
use super::super::plan::{Lowering, Plan, SPREAD_DEFAULT, Written};
use super::super::{Run, Schedule};
use crate::zone::{Ttl, Zone};

/// The low TTL that people set by hand.
const BY_HAND: Ttl = Ttl(300);

/// `schedule`, which is that of `plan` for `zone`, and the same plan by every other way: a ladder, a countdown with and
/// without a spread, once to what people set by hand, and once to the plan's own low TTL. As if each were obeyed since
/// the same instant.
pub fn ways(schedule: Schedule, plan: &Plan, zone: &Zone) -> Vec<Schedule> {
    let low = plan.low_ttl();
    let others = [
        (Lowering::Ladder, low, Ttl(0)),
        (Lowering::Countdown, low, SPREAD_DEFAULT),
        (Lowering::Countdown, low, Ttl(0)),
        (Lowering::Once, BY_HAND, Ttl(0)),
        (Lowering::Once, low, Ttl(0)),
    ];
    let run = Run::proposed(schedule.run.armed_at);
    let mut ways = vec![schedule];
    for (lowering, low, spread) in others {
        // Secondaries have the TTLs of a transfer: they can't count down.
        let can = lowering != Lowering::Countdown || plan.secondaries.is_none();
        let is_there = ways.iter().any(|way| (way.lowering, way.low_ttl, way.spread) == (lowering, low, spread));
        if !can || is_there {
            continue;
        }
        let changed = Plan {
            lowering: Some(written(lowering)),
            low_ttl: Some(written(low)),
            spread: Some(written(spread)),
            // It is only looked at.
            late: Some(written(true)),
            ..plan.clone()
        };
        ways.extend(compile(&changed, zone, &run));
    }
    ways
}

/// As if it were written somewhere.
fn written<T>(value: T) -> Written<T> {
    Written { value, span: 0..0 }
}
