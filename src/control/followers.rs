//! Whether the secondaries of a zone follow its plan: which of them must serve which serial, and by when.
//!
//! A plan that names its secondaries reckons with D, the time in which each of them serves a step. Here it is seen to: each
//! is asked for its serial after a step, until it has followed. One that has not by then holds the plan.
//!
//! Nothing here asks anybody: who is to be asked comes out, and what was said goes in.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::names::NameMap;
use crate::clock::Instant;
use crate::timeline::Serial;
use crate::wire::Name;

/// How often a secondary is asked at least and at most: a twentieth of the time that it has, within these.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The zones whose secondaries have to follow.
#[derive(Debug, Default)]
pub struct Followers {
    zones: NameMap<Following>,
    /// When something is to be done about which zone.
    due: BTreeSet<(Instant, Name)>,
}

/// What the secondaries of one zone have to come to.
#[derive(Debug)]
struct Following {
    serial: Serial,
    until: Instant,
    pause: Duration,
    next: Instant,
    /// Who has not followed yet, and what it said last.
    behind: Vec<Behind>,
}

/// A secondary that has not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Where it is asked.
    pub server: SocketAddr,
    /// What it said last, or what kept it from saying something.
    pub said: String,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Ask this one for its serial.
    Ask(Name, SocketAddr),
    /// These have not followed in time.
    Late {
        /// The zone.
        apex: Name,
        /// What they should have come to.
        serial: Serial,
        /// Who has not.
        behind: Vec<Behind>,
    },
}

impl Followers {
    /// From `from` on the zone is served with `serial`, which each of `servers` must serve `within` that.
    pub fn expect(&mut self, apex: &Name, serial: Serial, from: Instant, servers: &[SocketAddr], within: Duration) {
        self.forget(apex);
        let pause = (within / 20).clamp(PAUSE_MIN, PAUSE_MAX);
        let behind = servers.iter().map(|&server| Behind { server, said: "has not been asked yet".to_owned() });
        let next = from.after(pause.min(within));
        let following = Following { serial, until: from.after(within), pause, next, behind: behind.collect() };
        if !following.behind.is_empty() {
            self.due.insert((next, apex.clone()));
            self.zones.insert(apex.clone(), following);
        }
    }

    /// Nobody has to follow any more.
    pub fn forget(&mut self, apex: &Name) {
        if let Some(following) = self.zones.remove(apex) {
            self.due.remove(&(following.next, apex.clone()));
        }
    }

    /// When something is to be done next.
    pub fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What is to be done by `now`.
    pub fn due(&mut self, now: Instant) -> Vec<Due> {
        let mut all = Vec::new();
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, apex)) = self.due.pop_first() else { break };
            let Some(following) = self.zones.get_mut(&apex) else { continue };
            if now >= following.until.after(following.pause) {
                // Asked once more when the time was over, and still behind.
                let (serial, behind) = (following.serial, std::mem::take(&mut following.behind));
                self.zones.remove(&apex);
                all.push(Due::Late { apex, serial, behind });
                continue;
            }
            all.extend(following.behind.iter().map(|behind| Due::Ask(apex.clone(), behind.server)));
            following.next = now.after(following.pause);
            self.due.insert((following.next, apex));
        }
        all
    }

    /// A secondary said which serial it has, or why it can't; whether with that all have followed, and to which serial.
    pub fn said(&mut self, apex: &Name, server: SocketAddr, said: Result<Serial, String>) -> Option<Serial> {
        let following = self.zones.get_mut(apex)?;
        let serial = following.serial;
        let has_followed = said.as_ref().is_ok_and(|said| *said >= serial);
        let words = match said {
            Ok(said) => format!("serves serial {said}"),
            Err(why) => why,
        };
        if has_followed {
            following.behind.retain(|behind| behind.server != server);
        } else if let Some(behind) = following.behind.iter_mut().find(|behind| behind.server == server) {
            behind.said = words;
        }
        if !following.behind.is_empty() {
            return None;
        }
        self.forget(apex);
        Some(serial)
    }

    /// Who has not followed yet, and to which serial.
    pub fn behind(&self, apex: &Name) -> Option<(Serial, &[Behind])> {
        self.zones.get(apex).map(|following| (following.serial, &*following.behind))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const WITHIN: Duration = Duration::from_secs(100);

    fn at(seconds: i64) -> Instant {
        Instant::from_unix_seconds(seconds)
    }

    fn server(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 53))
    }

    fn expecting(servers: &[SocketAddr]) -> (Followers, Name) {
        let apex = Name::from_text("example.com").unwrap();
        let mut followers = Followers::default();
        followers.expect(&apex, Serial(7), at(1000), servers, WITHIN);
        (followers, apex)
    }

    #[test]
    fn each_is_asked_until_it_has_followed() {
        let (mut followers, apex) = expecting(&[server(1), server(2)]);
        assert_eq!(followers.next(), Some(at(1005)));
        assert_eq!(followers.due(at(1004)), []);
        assert_eq!(followers.due(at(1005)), [Due::Ask(apex.clone(), server(1)), Due::Ask(apex.clone(), server(2))]);
        assert_eq!(followers.said(&apex, server(1), Ok(Serial(7))), None);
        assert_eq!(followers.said(&apex, server(2), Ok(Serial(6))), None);
        assert_eq!(followers.due(at(1010)), [Due::Ask(apex.clone(), server(2))]);
        assert_eq!(followers.behind(&apex).unwrap().1[0].said, "serves serial 6");
        // It may be further already.
        assert_eq!(followers.said(&apex, server(2), Ok(Serial(8))), Some(Serial(7)));
        assert_eq!((followers.next(), followers.behind(&apex)), (None, None));
    }

    #[test]
    fn who_has_not_followed_in_time_is_late_after_one_more_question() {
        let (mut followers, apex) = expecting(&[server(1)]);
        let mut asked = 0;
        let mut now = at(1000);
        let late = loop {
            now = followers.next().unwrap().max(now);
            let due = followers.due(now);
            match &due[0] {
                Due::Ask(..) => {
                    asked += 1;
                    assert_eq!(followers.said(&apex, server(1), Err("does not answer".to_owned())), None);
                }
                Due::Late { behind, .. } => break behind.clone(),
            }
        };
        assert!(now >= at(1100) && now <= at(1110), "{now:?}");
        assert!((19..=22).contains(&asked), "{asked}");
        assert_eq!(late, [Behind { server: server(1), said: "does not answer".to_owned() }]);
        assert_eq!(followers.next(), None);
    }

    #[test]
    fn a_new_serial_takes_the_place_of_the_old_one() {
        let (mut followers, apex) = expecting(&[server(1)]);
        followers.expect(&apex, Serial(8), at(1050), &[server(1)], WITHIN);
        assert_eq!(followers.said(&apex, server(1), Ok(Serial(7))), None);
        assert_eq!(followers.next(), Some(at(1055)));
        followers.forget(&apex);
        assert_eq!(followers.due(at(9999)), []);
    }
}
