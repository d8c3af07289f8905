//! One value that a few threads replace and many threads read, once a batch of packets.
//!
//! The owner calls [`Published::publish`]; each reader holds a [`Reader`] with a snapshot of its own and calls
//! [`Reader::refresh`] before a batch. As long as nothing new was published that is one atomic load of a cache line
//! that nobody writes; the lock is taken only by a reader that has seen the generation change, and never while
//! something is built or freed.
//!
//! What is replaced is not freed by the reader who happens to let go of it last, since that is a worker in the middle
//! of its packets and a catalog can take long to free. It stays on a list of retired values until [`publish`] or
//! [`sweep`] finds that nobody reads it any more.
//!
//! [`publish`]: Published::publish
//! [`sweep`]: Published::sweep

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A value of which there is always exactly one that is current.
#[derive(Debug)]
pub struct Published<T> {
    /// Counts the calls of `publish`. Written only with `current` locked.
    generation: AtomicU64,
    current: Mutex<Arc<T>>,
    /// What was replaced and may still be read.
    retired: Mutex<Vec<Arc<T>>>,
}

impl<T> Published<T> {
    /// Starts with `first`.
    pub fn new(first: T) -> Self {
        Published { generation: AtomicU64::new(0), current: Mutex::new(Arc::new(first)), retired: Mutex::default() }
    }

    /// Makes `next` the current value: whoever refreshes from now on reads it.
    pub fn publish(&self, next: T) {
        let next = Arc::new(next);
        let previous = {
            let mut current = lock(&self.current);
            let previous = std::mem::replace(&mut *current, next);
            // Release, so that a reader who sees the number finds the value; it takes the lock all the same.
            self.generation.fetch_add(1, Ordering::Release);
            previous
        };
        lock(&self.retired).push(previous);
        self.sweep();
    }

    /// The current value.
    pub fn snapshot(&self) -> Arc<T> {
        Arc::clone(&lock(&self.current))
    }

    /// How often a value was published.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Frees, on the calling thread, the replaced values that nobody reads any more; returns how many are still read.
    ///
    /// Publishing does this too; call it from time to time so that the last replaced value doesn't stay until then.
    pub fn sweep(&self) -> usize {
        let (unread, remaining) = {
            let mut retired = lock(&self.retired);
            // A count of one is this list's own: nobody can gain another from it.
            let (unread, read) = retired.drain(..).partition::<Vec<_>, _>(|value| Arc::strong_count(value) == 1);
            *retired = read;
            (unread, retired.len())
        };
        drop(unread);
        remaining
    }
}

/// One thread's view of a [`Published`] value: a snapshot, and the generation it is of.
#[derive(Debug)]
pub struct Reader<T> {
    source: Arc<Published<T>>,
    generation: u64,
    snapshot: Arc<T>,
}

impl<T> Reader<T> {
    /// A reader that holds what is current now.
    pub fn new(source: Arc<Published<T>>) -> Self {
        let (generation, snapshot) = source.read();
        Reader { source, generation, snapshot }
    }

    /// Takes the current value if another than the one held was published; returns whether it did.
    #[inline]
    pub fn refresh(&mut self) -> bool {
        let changed = self.source.generation.load(Ordering::Acquire) != self.generation;
        if changed {
            self.take();
        }
        changed
    }

    #[cold]
    fn take(&mut self) {
        (self.generation, self.snapshot) = self.source.read();
    }

    /// The value held.
    #[inline]
    pub fn value(&self) -> &T {
        &self.snapshot
    }
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Reader { source: Arc::clone(&self.source), generation: self.generation, snapshot: Arc::clone(&self.snapshot) }
    }
}

impl<T> Published<T> {
    fn read(&self) -> (u64, Arc<T>) {
        let current = lock(&self.current);
        (self.generation.load(Ordering::Relaxed), Arc::clone(&current))
    }
}

/// Nothing that can panic happens under these locks, so a poisoned one guards whole data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_keeps_its_value_until_it_refreshes() {
        let published = Arc::new(Published::new(1));
        let mut reader = Reader::new(Arc::clone(&published));
        assert!(!reader.refresh());
        published.publish(2);
        assert_eq!(*reader.value(), 1);
        assert!(reader.refresh());
        assert_eq!(*reader.value(), 2);
        assert!(!reader.refresh());
        assert_eq!(published.generation(), 1);
    }

    #[test]
    fn a_replaced_value_is_freed_by_a_sweep_and_not_by_its_last_reader() {
        let first = Arc::new(());
        let published = Arc::new(Published::new(Arc::clone(&first)));
        let mut reader = Reader::new(Arc::clone(&published));
        published.publish(Arc::new(()));
        assert_eq!(published.sweep(), 1, "the reader still has it");
        reader.refresh();
        assert_eq!(Arc::strong_count(&first), 2, "the reader let go of it and did not free it");
        assert_eq!(published.sweep(), 0);
        assert_eq!(Arc::strong_count(&first), 1);
    }

    #[test]
    fn readers_on_other_threads_only_ever_move_forward() {
        let published = Arc::new(Published::new(0_u64));
        let last = 2_000;
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut reader = Reader::new(Arc::clone(&published));
                    let mut seen = 0;
                    while seen < last {
                        reader.refresh();
                        assert!(*reader.value() >= seen);
                        seen = *reader.value();
                    }
                });
            }
            for value in 1..=last {
                published.publish(value);
            }
        });
        assert_eq!(published.sweep(), 0);
    }
}
