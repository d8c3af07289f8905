//! Zones that are updated dynamically although a person edits their files.
//!
//! ```text
//! workers ─► inbox ─► owner ─► job (a loader's thread) ─► owner ─► journal ─► published ─► answered
//! ```
//!
//! 1. An update is answered when it is in the database and served; what was answered is never lost, and of what was not,
//!    nothing is half there.
//! 2. A zone's updates are taken by one job at a time. What comes meanwhile waits, and is then taken together: one
//!    transaction, one new serial, however many they are.
//! 3. The zone file is never written but by who asks for it ([`keep`]). What updates have made of it is an [`Overlay`], kept in the database and put over the file at each start and each edit.
//! 4. The serial rises with each job that changes something: above what was served, and above the file's.

mod inbox;
mod job;
pub mod keep;

use std::sync::Arc;

pub use inbox::{Inbox, Petitioned};
pub use job::{Job, Made, Said, Updated};

use super::fingerprint::Fingerprint;
use crate::clock::Instant;
use crate::timeline::Serial;
use crate::timeline::serial::Succession;
use crate::wire::{Name, NameRef, Rtype};
use crate::zone::update::{Key, Layer, Overlay, SetAside};
use crate::zone::{PatchError, Zone};

/// The most octets of what updates have made of one zone.
pub const OVERLAY_SIZE_MAX: usize = 256 << 20;

/// What updates have made of a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlaid {
    /// What they have made of it.
    pub overlay: Arc<Overlay>,
    /// How it stands.
    pub standing: Standing,
}

/// How an overlay stands to its zone file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The serial that is served with it.
    pub serial: Serial,
    /// The fingerprint of the content of the file under it.
    pub content: u64,
    /// How many updates have changed something since the file was as it is served.
    pub updates: u64,
    /// Whether none are taken.
    pub is_frozen: bool,
}

impl Default for Standing {
    fn default() -> Standing {
        Standing { serial: Serial(0), content: 0, updates: 0, is_frozen: false }
    }
}

/// What is to be in the database of an overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The zone.
    pub apex: Name,
    /// How it stands; `None`: the file has it all.
    pub standing: Option<Standing>,
    /// The RRsets of which it says something else than before; `None`: nothing.
    pub layers: Vec<(Key, Option<Layer>)>,
}

/// A file and an overlay put together.
#[derive(Clone, Debug)]
pub struct Together {
    /// The zone as it is served.
    pub zone: Zone,
    /// The overlay from now on; `None`: the file has it all.
    pub overlaid: Option<Overlaid>,
    /// What of it is to be in the database, if that is another than before.
    pub written: Option<Written>,
    /// What of it was set aside.
    pub set_aside: Vec<SetAside>,
}

impl Overlaid {
    /// What stands for a zone as it is served: its file, whose content is `file`, and how what updates have made of it
    /// stands.
    pub fn content(file: Fingerprint, standing: Option<&Standing>) -> u64 {
        standing.map_or(file, |standing| file.with(u64::from(standing.serial.0))).number()
    }

    /// What of this can stand with `file` where not all of it can, each less than the one before: without DNAME records, which
    /// nothing can stand below, and what stands below those of the file; then nothing.
    pub fn less(&self, file: &Zone) -> [Overlaid; 2] {
        let has_dname = |name: NameRef<'_>| file.find(name).is_some_and(|node| node.has_dname());
        let above = |owner: &Name| std::iter::successors(owner.as_ref().parent(), |name| name.parent()).any(has_dname);
        let moves = |(owner, rtype): &Key| *rtype == Rtype::DNAME || above(owner);
        let overlays = [self.overlay.without(moves), Overlay::default()];
        overlays.map(|overlay| Overlaid { overlay: overlay.into(), standing: self.standing })
    }

    /// Puts this over the zone of `apex` as its `file` says, whose content is `content`, at `now`.
    ///
    /// # Errors
    /// [`PatchError`] if no zone comes of it.
    pub fn over(&self, apex: &Name, file: &Zone, content: Fingerprint, now: Instant) -> Result<Together, PatchError> {
        let Standing { serial: served, content: before, updates, is_frozen } = self.standing;
        let merged = self.overlay.over(file, served.0);
        let filed = Serial(file.serial());
        let is_all_in_file = merged.overlay.is_empty() && merged.changes.is_empty();
        let serial = if content.number() == before || (is_all_in_file && filed == served) {
            served
        } else if filed.above(served).is_some() {
            filed
        } else {
            Succession::new(served, now, jiff::tz::TimeZone::UTC).next(now)
        };
        let merged = if serial == served { merged } else { self.overlay.over(file, serial.0) };
        let zone = match merged.changes.as_slice() {
            [] => file.clone(),
            changes => file.rebuilt(changes)?,
        };
        let is_done = merged.overlay.is_empty() && !is_frozen && (serial == filed);
        let updates = if merged.overlay.is_empty() { 0 } else { updates };
        let standing = Standing { serial, content: content.number(), updates, is_frozen };
        let differs = |(key, layer): &(&Key, &Layer)| merged.overlay.layer(key) != Some(*layer);
        let layers: Vec<_> = self.overlay.layers().filter(differs).map(|(key, _)| key.clone()).collect();
        let layers: Vec<_> = layers.into_iter().map(|key| (key.clone(), merged.overlay.layer(&key).cloned())).collect();
        let standing_after = (!is_done).then_some(standing);
        let is_news = standing_after != Some(self.standing) || !layers.is_empty();
        let written = is_news.then(|| Written { apex: apex.clone(), standing: standing_after, layers });
        let overlaid = (!is_done).then(|| Overlaid { overlay: Arc::new(merged.overlay), standing });
        Ok(Together { zone, overlaid, written, set_aside: merged.set_aside })
    }
}
