//! Whether somebody keeps the system's clock right: what the kernel knows of it (adjtimex(2)).
//!
//! A plan flips at an instant, so that a clock which nobody keeps right is worth a word to people. It is never a reason
//! not to serve.
//!
//! NOTE: the kernel knows what it was told. chrony tells it only if its configuration has `rtcsync`, and a container
//! without CAP_SYS_TIME may be forbidden to ask; then the answer is [`Unknown`](Synchronisation::Unknown).
//!
//! No safe library has this call, hence the `unsafe`.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::time::Duration;

/// What the kernel knows of the clock.
#[derive(Debug)]
pub enum Synchronisation {
    /// Somebody keeps it right.
    Synchronised {
        /// How wrong it may be at most, as who keeps it right reckons.
        max_error: Duration,
    },
    /// Nobody does, or did for so long that it counts no more.
    Unsynchronised,
    /// The kernel did not say.
    Unknown(io::Error),
}

/// Asks the kernel. Changes nothing and needs no rights.
pub fn synchronisation() -> Synchronisation {
    // SAFETY: a timex is numbers alone, for each of which zero is a value.
    let mut clock: libc::timex = unsafe { mem::zeroed() };
    // Nothing is to be set: `modes` is zero.
    // SAFETY: adjtimex(2) writes a timex to where it is told, which is ours, and keeps no pointer to it.
    match unsafe { libc::adjtimex(&raw mut clock) } {
        -1 => Synchronisation::Unknown(io::Error::last_os_error()),
        state => decoded(state, clock.status, clock.maxerror),
    }
}

/// What `state`, as adjtimex returns it, the status bits and the greatest error in microseconds say.
fn decoded(state: libc::c_int, status: libc::c_int, max_error: libc::c_long) -> Synchronisation {
    if state == libc::TIME_ERROR || status & libc::STA_UNSYNC != 0 {
        return Synchronisation::Unsynchronised;
    }
    Synchronisation::Synchronised { max_error: Duration::from_micros(u64::try_from(max_error).unwrap_or(0)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME_OK: libc::c_int = 0;
    const TIME_INS: libc::c_int = 1;
    const STA_PLL: libc::c_int = 1;

    #[test]
    fn a_clock_that_is_kept_right_has_an_error_in_microseconds() {
        for state in [TIME_OK, TIME_INS] {
            let decoded = decoded(state, STA_PLL, 1_500);
            let expected = Duration::from_micros(1_500);
            assert!(matches!(decoded, Synchronisation::Synchronised { max_error } if max_error == expected));
        }
        assert!(matches!(decoded(TIME_OK, 0, -1), Synchronisation::Synchronised { max_error: Duration::ZERO }));
    }

    #[test]
    fn either_sign_of_a_clock_that_nobody_keeps_right_counts() {
        assert!(matches!(decoded(libc::TIME_ERROR, STA_PLL, 10), Synchronisation::Unsynchronised));
        assert!(matches!(decoded(TIME_OK, libc::STA_UNSYNC | STA_PLL, 10), Synchronisation::Unsynchronised));
    }

    #[test]
    fn the_kernel_is_asked_without_changing_anything() {
        let kind = mem::discriminant(&synchronisation());
        assert_eq!(mem::discriminant(&synchronisation()), kind);
    }
}
