//! When requests should come in rows: several datagrams of one peer in one buffer (UDP_GRO).
//!
//! Where a forwarder asks from one port this saves more than half of the kernel's work. Where each question comes from
//! another port, as from most resolvers, it saves nothing, and on a real interface costs a look-up for each datagram.
//! So it is turned on when rows have been seen, and off when none come. A few datagrams that lie in the queue at that
//! moment may be lost; what is turned on in vain is therefore tried ever less often.

use super::batch::Seen;

/// After how many requests it is judged.
const WINDOW: usize = 4096;

/// How many windows it stays off after having been of no use: at first, and at most.
const PAUSE: u32 = 16;
const PAUSE_MAX: u32 = 16_384;

#[derive(Debug)]
pub(super) struct Offload {
    is_allowed: bool,
    is_on: bool,
    /// How many windows it stays off at least.
    pause_left: u32,
    next_pause: u32,
}

impl Offload {
    /// Off, and never on unless allowed.
    pub(super) fn new(is_allowed: bool) -> Self {
        Offload { is_allowed, is_on: false, pause_left: 0, next_pause: PAUSE }
    }

    /// Whether enough has been seen.
    #[inline]
    pub(super) fn is_due(&self, seen: &Seen) -> bool {
        seen.requests >= WINDOW
    }

    /// Whether to turn it on or off, if either.
    pub(super) fn judge(&mut self, seen: Seen) -> Option<bool> {
        if !self.is_allowed {
            return None;
        }
        if self.is_on {
            // Less than one request in five was saved a way of its own.
            let is_useless = seen.requests * 4 < seen.messages * 5;
            if is_useless {
                self.is_on = false;
                self.pause_left = self.next_pause;
                self.next_pause = (self.next_pause * 2).min(PAUSE_MAX);
                return Some(false);
            }
        } else if self.pause_left > 0 {
            self.pause_left -= 1;
        } else if seen.repeats * 2 >= seen.requests {
            self.is_on = true;
            return Some(true);
        }
        None
    }

    /// Never tries again.
    pub(super) fn give_up(&mut self) {
        self.is_allowed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDINARY: Seen = Seen { messages: WINDOW, requests: WINDOW, repeats: WINDOW / 10 };
    const REPEATS: Seen = Seen { messages: WINDOW, requests: WINDOW, repeats: WINDOW / 2 };
    const ROWS: Seen = Seen { messages: WINDOW / 16, requests: WINDOW, repeats: WINDOW / 2 };

    #[test]
    fn ordinary_traffic_leaves_it_off() {
        let mut offload = Offload::new(true);
        assert!((0..100).all(|_| offload.judge(ORDINARY).is_none()));
    }

    #[test]
    fn rows_turn_it_on_and_their_end_turns_it_off() {
        let mut offload = Offload::new(true);
        assert_eq!(offload.judge(REPEATS), Some(true));
        assert!((0..100).all(|_| offload.judge(ROWS).is_none()));
        assert_eq!(offload.judge(ORDINARY), Some(false));
    }

    #[test]
    fn what_was_of_no_use_is_tried_ever_less_often() {
        let mut offload = Offload::new(true);
        let turned_on = (0..200).filter(|_| offload.judge(REPEATS) == Some(true)).count();
        // After windows 0, 18, 52 and 118.
        assert_eq!(turned_on, 4);
    }

    #[test]
    fn it_stays_off_where_it_is_not_allowed() {
        let mut offload = Offload::new(false);
        assert!((0..100).all(|_| offload.judge(REPEATS).is_none()));
    }
}
