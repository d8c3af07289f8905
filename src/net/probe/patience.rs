//! How long a look may take, and the one place where it waits.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use super::{Looked, fail};

/// The most that a look waits, whatever its probe says.
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// The end of a look. Shown, it is how long it had: `5s`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    timeout: Duration,
    end: Instant,
}

impl Patience {
    /// From now on.
    pub(super) fn of(timeout: Duration) -> Patience {
        let timeout = timeout.min(TIMEOUT_MAX);
        Patience { timeout, end: Instant::now() + timeout }
    }

    /// When it ends.
    pub(super) fn end(self) -> Instant {
        self.end
    }

    /// How long it was in the beginning.
    pub(super) fn timeout(self) -> Duration {
        self.timeout
    }

    /// The time that is left, if any is.
    pub(super) fn left(self) -> Option<Duration> {
        Some(self.end.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// What `future` comes to; if it takes too long, the fault that `late` tells.
    pub(super) async fn wait<T>(self, future: impl Future<Output = T>, late: impl FnOnce() -> String) -> Looked<T> {
        tokio::time::timeout_at(self.end.into(), future).await.map_err(|_| fail(late()))
    }
}

impl fmt::Display for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.timeout)
    }
}
