//! Model caches: they ask at some instant, keep what they are told for as long as its TTL says, and ask nobody
//! meanwhile. What they were told, and until when they keep it, is what promises are held against.
//!
//! They ask at the worst moments: right before and right when anything changes, and at random ones besides; each time
//! from several networks, whose deadlines of a countdown differ. They reckon by the server's own clock: one that is set
//! back only lets them forget sooner.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use watari::clock::Instant;

use crate::chance::Chance;
use crate::files::{KINDS, Told, told};
use crate::world::Chapter;

/// What was asked and told at one instant.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    /// Which chapter's timeline was asked.
    pub(crate) chapter: usize,
    pub(crate) serial: u32,
    /// For each kind of flip what was told, and until when the cache that keeps it longest does so.
    pub(crate) told: [(Told, Instant); 5],
}

const NETWORKS: [[u8; 4]; 3] = [[192, 0, 2, 53], [198, 51, 100, 7], [203, 0, 113, 99]];

/// All that the caches of a world were told, in order of time.
pub(crate) fn all_asked(chapters: &[Chapter], end: Instant, chance: &mut Chance) -> Vec<Asked> {
    let mut all = Vec::new();
    for (chapter, this) in chapters.iter().enumerate() {
        let until = chapters.get(chapter + 1).map_or(end, |next| next.from);
        let Some(timeline) = &this.timeline else { continue };
        let just_before = |at: Instant| at.before(Duration::from_nanos(1));
        let mut instants = vec![this.from, just_before(until)];
        for edition in timeline.editions() {
            instants.extend([just_before(edition.from), edition.from]);
        }
        let length = until.since(this.from).as_nanos() as u64;
        instants.extend((0..4).map(|_| this.from.after(Duration::from_nanos(chance.below(length)))));
        instants.retain(|at| *at == this.from || (this.from..until).contains(at));
        instants.sort();
        instants.dedup();
        for at in instants {
            let mut asked = Asked {
                at,
                chapter,
                serial: timeline.at(at).serial,
                told: KINDS.map(|_| (Told::Neither, Instant::MIN)),
            };
            for network in NETWORKS {
                let view = timeline.view(at, IpAddr::V4(Ipv4Addr::from(network)));
                for kind in KINDS {
                    let (what, ttl) = told(view, kind);
                    let until = at.after(Duration::from_secs(u64::from(ttl.0)));
                    let (known, kept) = &mut asked.told[kind as usize];
                    (*known, *kept) = (what, until.max(*kept));
                }
            }
            all.push(asked);
        }
    }
    all
}
