//! When a file that is being changed is quiet enough to be read.
//!
//! A pure table of deadlines: events go in with the time, names whose time has come go out.
//!
//! | seen | read after | why |
//! |---|---|---|
//! | closed by a writer, or renamed into place | [`SETTLE`] | it is whole; several in a row are one change |
//! | created, not yet written | [`CREATED`] | a link is whole at once and says nothing more |
//! | written, not yet closed | [`OPEN`] since the last write | a half-written file may well parse |
//! | gone | the grace | an editor that saves by renaming puts another in its place |
//! | touched (times, rights) | [`CREATED`], unless it waits already | it may be readable now |
//!
//! A later event replaces an earlier one. However often a name is touched, it is read after
//! [`LATEST`], so that a file that is written without a pause is served all the same.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How long after a file was closed.
pub const SETTLE: Duration = Duration::from_millis(3);
/// How long after a file was created and nobody has written to it.
pub const CREATED: Duration = Duration::from_millis(100);
/// How long after the last write to a file that is still open.
pub const OPEN: Duration = Duration::from_secs(2);
/// How long after the first event at the latest.
pub const LATEST: Duration = Duration::from_secs(10);

/// What was seen of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It was closed by a writer, or renamed into place.
    Whole,
    /// It appeared.
    Created,
    /// Something was written to it.
    Written,
    /// It is gone, or renamed away.
    Gone,
}

/// Things that wait to be read, each with its deadline.
#[derive(Debug)]
pub struct Settling<K> {
    grace: Duration,
    waiting: HashMap<K, Wait>,
    deadlines: BTreeSet<(Instant, K)>,
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    first: Instant,
    due: Instant,
}

impl<K: Clone + Eq + Hash + Ord> Settling<K> {
    /// Nothing waits; what is gone waits for `grace`.
    pub fn new(grace: Duration) -> Self {
        Settling { grace, waiting: HashMap::new(), deadlines: BTreeSet::new() }
    }

    /// Changes the time that what is gone waits from now on.
    pub fn set_grace(&mut self, grace: Duration) {
        self.grace = grace;
    }

    /// Notes that `change` was seen of `key`.
    pub fn saw(&mut self, key: K, change: Change, now: Instant) {
        let wait = match change {
            Change::Whole => SETTLE,
            Change::Created => CREATED,
            Change::Written => OPEN,
            Change::Gone => self.grace,
        };
        let before = self.waiting.get(&key).copied();
        let first = before.map_or(now, |wait| wait.first);
        // What is gone can't be read half-way: the limit is for those that keep being written.
        let due = if change == Change::Gone { now + wait } else { (now + wait).min(first + LATEST) };
        self.set(key, Wait { first, due });
    }

    /// Sees to it that `key` is due at `at` or before.
    pub fn by(&mut self, key: K, at: Instant) {
        let first = match self.waiting.get(&key) {
            Some(wait) if wait.due <= at => return,
            Some(wait) => wait.first,
            None => at,
        };
        self.set(key, Wait { first, due: at });
    }

    fn set(&mut self, key: K, wait: Wait) {
        if let Some(before) = self.waiting.insert(key.clone(), wait) {
            self.deadlines.remove(&(before.due, key.clone()));
        }
        self.deadlines.insert((wait.due, key));
    }

    /// Notes that the times or the rights of `key` changed.
    pub fn touched(&mut self, key: K, now: Instant) {
        if !self.waiting.contains_key(&key) {
            self.saw(key, Change::Created, now);
        }
    }

    /// Takes out what is due.
    pub fn due(&mut self, now: Instant) -> Vec<K> {
        let mut due = Vec::new();
        while self.deadlines.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, key)) = self.deadlines.pop_first() {
                self.waiting.remove(&key);
                due.push(key);
            }
        }
        due
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(1);

    /// Feeds events at their milliseconds and returns when each read would happen.
    fn reads(events: &[(u64, Change)]) -> Vec<u64> {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut settling = Settling::new(GRACE);
        let mut reads = Vec::new();
        let mut step = |settling: &mut Settling<u8>, until: Instant| {
            while let Some(next) = settling.next().filter(|next| *next <= until) {
                assert_eq!(settling.due(next), [7]);
                reads.push(u64::try_from((next - start).as_millis()).unwrap_or(u64::MAX));
            }
        };
        for (ms, change) in events {
            step(&mut settling, at(*ms));
            settling.saw(7, *change, at(*ms));
        }
        step(&mut settling, at(1_000_000));
        reads
    }

    #[test]
    fn a_closed_file_is_read_at_once() {
        assert_eq!(reads(&[(0, Change::Created), (1, Change::Written), (2, Change::Whole)]), [5]);
    }

    #[test]
    fn several_saves_in_a_row_are_one_change() {
        assert_eq!(reads(&[(0, Change::Whole), (1, Change::Whole), (2, Change::Whole)]), [5]);
    }

    #[test]
    fn a_file_that_is_still_being_written_waits_for_its_writer() {
        assert_eq!(
            reads(&[(0, Change::Created), (1, Change::Written), (1500, Change::Written), (1600, Change::Whole)]),
            [1603]
        );
    }

    #[test]
    fn a_writer_that_never_closes_is_read_all_the_same() {
        assert_eq!(reads(&[(0, Change::Written)]), [2000]);
        let forever: Vec<_> = (0..100).map(|i| (i * 100, Change::Written)).collect();
        assert_eq!(reads(&forever)[0], 10_000);
    }

    #[test]
    fn an_editor_that_renames_does_not_make_the_zone_vanish() {
        assert_eq!(reads(&[(0, Change::Gone), (900, Change::Whole)]), [903]);
    }

    #[test]
    fn what_is_gone_is_looked_at_after_the_grace() {
        assert_eq!(reads(&[(0, Change::Gone)]), [1000]);
    }

    #[test]
    fn a_link_says_nothing_more_after_it_was_made() {
        assert_eq!(reads(&[(0, Change::Created)]), [100]);
    }
}
