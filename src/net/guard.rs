//! A panic in an answer costs that answer, not the worker.
//!
//! With SO_REUSEPORT a worker that has gone takes its share of the clients with it, for ever. So what answers runs
//! inside [`guarded`]: a panic there is caught and logged, at most one a second since whoever found the message that
//! causes it may send it again, and the caller makes itself a new responder.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

thread_local! {
    static ANSWERING: Cell<bool> = const { Cell::new(false) };
}

/// An answer panicked; it has been logged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Panicked;

/// Runs `answer`, which leaves nothing behind that is used after it has panicked.
#[inline]
pub(super) fn guarded<T>(answer: impl FnOnce() -> T) -> Result<T, Panicked> {
    ANSWERING.set(true);
    let result = catch_unwind(AssertUnwindSafe(answer));
    ANSWERING.set(false);
    result.map_err(|_payload| Panicked)
}

/// Has panics inside [`guarded`] logged, and at a bounded rate; leaves all others to the hook that was there.
pub(super) fn log_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| if ANSWERING.get() { log(panic) } else { before(panic) }));
    });
}

fn log(panic: &PanicHookInfo<'_>) {
    static PANICS: Occasionally = Occasionally::new();
    let payload = panic.payload();
    let reason = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    PANICS.run(|unlogged| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, reason, unlogged, "an answer panicked; the message was dropped, please report this");
    });
}

/// Lets something happen at most once a second, and counts what it held back.
#[derive(Debug)]
pub struct Occasionally {
    last: Mutex<Option<Instant>>,
    held_back: AtomicU64,
}

impl Default for Occasionally {
    fn default() -> Self {
        Occasionally::new()
    }
}

impl Occasionally {
    const PAUSE: Duration = Duration::from_secs(1);

    /// Something that has not happened yet.
    pub const fn new() -> Self {
        Occasionally { last: Mutex::new(None), held_back: AtomicU64::new(0) }
    }

    /// Runs `act` with the number of times it was held back since, if the last run is long enough ago.
    pub fn run(&self, act: impl FnOnce(u64)) {
        let now = Instant::now();
        let due = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let due = last.is_none_or(|last| now.duration_since(last) >= Self::PAUSE);
            if due {
                *last = Some(now);
            }
            due
        };
        if due {
            act(self.held_back.swap(0, Ordering::Relaxed));
        } else {
            self.held_back.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_and_the_next_answer_is_given() {
        log_panics();
        assert_eq!(guarded(|| -> u8 { panic!("on purpose") }), Err(Panicked));
        assert_eq!(guarded(|| 7), Ok(7));
        assert!(!ANSWERING.get());
    }

    #[test]
    fn what_comes_too_often_is_counted() {
        let occasionally = Occasionally::new();
        let mut runs = Vec::new();
        for _ in 0..3 {
            occasionally.run(|held_back| runs.push(held_back));
        }
        assert_eq!(runs, [0]);
        assert_eq!(occasionally.held_back.load(Ordering::Relaxed), 2);
    }
}
