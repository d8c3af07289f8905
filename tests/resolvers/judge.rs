//! What was seen of a cutover, held against what was promised of it.
//!
//! 1. Our server says nothing old from T on, and nothing old that may be kept beyond the horizon. That is exact: it is
//!    reckoned from when the question was passed on to it, before it read its clock.
//! 2. The resolver gives nothing old to a question that was sent after the horizon. What is allowed beyond that is the
//!    machine's part, of which a promise about TTLs can say nothing: how long the last old data was under way to the
//!    resolver, measured, and [`TURN`].
//! 3. There is new data after the horizon.

use jiff::{SignedDuration, Timestamp};

use crate::client::Answer;
use crate::cutover::{Cutover, Data};
use crate::forwarder::Fetch;
use crate::resolver::Kind;

/// How long a resolver may go by a clock that it read before. They read it once, and then answer all that has come in; on
/// a machine that has other things to do they may have to wait for their turn in between.
const TURN: SignedDuration = SignedDuration::from_millis(500);

/// What became of a cutover in front of a resolver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// When the last question was sent that got old data.
    pub(crate) last_old: Timestamp,
    /// How often the resolver asked from the first lowering until T.
    pub(crate) queries: usize,
}

/// Why a cutover did not go as promised.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("our server gave old data from T on, or for longer than until the horizon")]
    Server,
    #[error("nothing old was seen: nothing was tested")]
    NothingOld,
    #[error("old data {after} after the horizon; it was under way for {under_way}")]
    Cache { after: SignedDuration, under_way: SignedDuration },
    #[error("no new data was seen after the horizon")]
    NothingNew,
}

/// Until when a resolver of `kind` gives what it got at `arrived` for `ttl` seconds.
///
/// All of them count by whole seconds of their clock. Two keep an answer through the second in which its time is
/// over, and so what came late in a second for almost a second more than the others.
fn kept_until(kind: Kind, arrived: Timestamp, ttl: u32) -> Timestamp {
    let ttl = SignedDuration::from_secs(i64::from(ttl));
    match kind {
        Kind::Unbound | Kind::Knot => {
            arrived + ttl - SignedDuration::from_nanos(i64::from(arrived.subsec_nanosecond())) + SECOND
        }
        Kind::Bind | Kind::PowerDns | Kind::Dnsmasq => arrived + ttl,
    }
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// What became of `cutover` in front of a resolver of `kind`: what the resolver got for it, and what clients were told.
pub(crate) fn judge(kind: Kind, cutover: &Cutover, fetches: &[Fetch], answers: &[Answer]) -> Result<Outcome, Broken> {
    let is_broken = |fetch: &Fetch| {
        let kept_until = fetch.sent + SignedDuration::from_secs(i64::from(fetch.ttl));
        fetch.data == Data::Old && (fetch.sent >= cutover.at || kept_until > cutover.horizon)
    };
    if fetches.iter().any(is_broken) {
        return Err(Broken::Server);
    }
    let last = fetches.iter().rev().find(|fetch| fetch.data == Data::Old).ok_or(Broken::NothingOld)?;
    let first = answers.iter().find(|answer| answer.received > last.sent).ok_or(Broken::NothingOld)?;
    let last_old = answers.iter().rev().find(|answer| answer.data == Data::Old).ok_or(Broken::NothingOld)?;
    // The resolver got it before it answered the client for whom it asked.
    let kept_until = kept_until(kind, first.received, last.ttl).max(cutover.horizon);
    if last_old.sent > kept_until + TURN {
        let (after, under_way) =
            (last_old.sent.duration_since(cutover.horizon), first.received.duration_since(last.sent));
        return Err(Broken::Cache { after, under_way });
    }
    if !answers.iter().any(|answer| answer.data == Data::New && answer.sent > cutover.horizon) {
        return Err(Broken::NothingNew);
    }
    let is_counted = |fetch: &&Fetch| fetch.sent >= cutover.lowered_at && fetch.sent < cutover.at;
    Ok(Outcome { last_old: last_old.sent, queries: fetches.iter().filter(is_counted).count() })
}

mod tests {
    use super::*;
    use crate::cutover::Way;

    const T: i64 = 1_800_000_000;

    /// Milliseconds from T.
    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(T * 1000 + millis).unwrap()
    }

    /// A ladder whose horizon is two seconds after T.
    fn cutover() -> Cutover {
        Cutover {
            way: Way::Ladder,
            name: "www.a.example.".to_owned(),
            at: at(0),
            lowered_at: at(-16_000),
            horizon: at(2000),
            queries: 2.5,
            asked_from: at(-20_000),
        }
    }

    fn fetch(sent: i64, ttl: u32, data: Data) -> Fetch {
        Fetch { name: "www.a.example.".to_owned(), sent: at(sent), ttl, data }
    }

    /// Answers that took a millisecond.
    fn answers(seen: &[(i64, Data)]) -> Vec<Answer> {
        let answer = |&(sent, data): &(i64, Data)| Answer { sent: at(sent), received: at(sent + 1), data };
        seen.iter().map(answer).collect()
    }

    fn verdict(kind: Kind, fetches: &[Fetch], seen: &[(i64, Data)]) -> Result<usize, Broken> {
        judge(kind, &cutover(), fetches, &answers(seen)).map(|outcome| outcome.queries)
    }

    #[test]
    fn a_cache_that_obeys_is_fine() {
        let fetches = [
            fetch(-20_000, 16, Data::Old),
            fetch(-4000, 4, Data::Old),
            fetch(-1, 2, Data::Old),
            fetch(2000, 2, Data::New),
        ];
        let seen = [(-20_000, Data::Old), (-1, Data::Old), (1990, Data::Old), (2001, Data::New)];
        assert_eq!(verdict(Kind::Bind, &fetches, &seen), Ok(2));
    }

    #[test]
    fn old_data_long_after_the_horizon_is_a_fault() {
        let fetches = [fetch(-1500, 2, Data::Old), fetch(2000, 2, Data::New)];
        let seen = [(-1500, Data::Old), (2600, Data::Old), (2700, Data::New)];
        for kind in Kind::ALL {
            assert!(matches!(verdict(kind, &fetches, &seen), Err(Broken::Cache { .. })), "{}", kind.name());
        }
    }

    /// It came right after the second had begun.
    #[test]
    fn a_whole_second_is_allowed_to_those_who_keep_it() {
        let fetches = [fetch(-1, 2, Data::Old), fetch(3000, 2, Data::New)];
        let seen = [(-1, Data::Old), (2900, Data::Old), (3001, Data::New)];
        assert_eq!(verdict(Kind::Unbound, &fetches, &seen), Ok(1));
        assert!(matches!(verdict(Kind::Bind, &fetches, &seen), Err(Broken::Cache { .. })));
    }

    #[test]
    fn old_data_from_our_server_at_the_flip_is_a_fault() {
        let seen = [(0, Data::Old), (2001, Data::New)];
        assert_eq!(verdict(Kind::Bind, &[fetch(0, 1, Data::Old)], &seen), Err(Broken::Server));
    }

    #[test]
    fn a_ttl_beyond_the_horizon_is_a_fault_though_nobody_kept_to_it() {
        let seen = [(-1, Data::Old), (2001, Data::New)];
        assert_eq!(verdict(Kind::Bind, &[fetch(-1, 3, Data::Old)], &seen), Err(Broken::Server));
    }

    #[test]
    fn a_test_in_which_nothing_was_seen_is_none() {
        let fetches = [fetch(-1, 2, Data::Old)];
        assert_eq!(verdict(Kind::Bind, &fetches, &[(-1, Data::Old)]), Err(Broken::NothingNew));
        assert_eq!(verdict(Kind::Bind, &[], &[(2001, Data::New)]), Err(Broken::NothingOld));
    }
}
