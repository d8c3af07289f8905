//! What is known of each zone: where its files are, what they were when they were read, how it stands.
//!
//! There is one entry a zone, of some hundred octets with its name: with a hundred thousand zones
//! nothing here may keep a path or a text of its own.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fingerprint::Fingerprint;
use super::names::NameMap;
use super::tree::Files;
use crate::timeline::Serial;
use crate::wire::Name;
use crate::zone::Zone;

/// How a zone stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Its file is known and has not been read.
    New,
    /// It is served as its files say.
    Served,
    /// It is served as its files said before; what they say now can't be used.
    Stale,
    /// It never could be used: SERVFAIL.
    Failed,
}

/// Where a zone is on its way to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nothing is to be done.
    Idle,
    /// It waits for its turn.
    Queued,
    /// It is being read.
    Loading,
    /// It is being read, and has changed since.
    LoadingAgain,
}

/// What the files of a zone say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The zone file and what it includes.
    pub zone: Fingerprint,
    /// The plan.
    pub plan: Fingerprint,
}

/// What is known of one zone.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its files, as they were when they were read.
    pub files: Files,
    /// What the files say that are served.
    pub content: Content,
    /// The serial that was served when it was read.
    pub serial: Serial,
    /// The zone that is served, without what its plan makes of it.
    pub zone: Option<Zone>,
    /// How it stands.
    pub standing: Standing,
    /// Where it is on its way.
    pub phase: Phase,
    /// Whether it includes other files.
    includes: bool,
}

impl Known {
    /// A zone whose files were just found.
    pub fn new(files: Files) -> Known {
        Known {
            files,
            content: Content::default(),
            serial: Serial(0),
            zone: None,
            standing: Standing::New,
            phase: Phase::Idle,
            includes: false,
        }
    }

    /// Changes how the zone stands, and `count` with it.
    pub fn stand(&mut self, standing: Standing, count: &mut Count) {
        count.change(std::mem::replace(&mut self.standing, standing), usize::wrapping_sub);
        count.change(standing, usize::wrapping_add);
    }

    /// Whether other files are included, or have been.
    pub fn has_includes(&self) -> bool {
        self.includes
    }

    /// Whether something is served.
    pub fn is_served(&self) -> bool {
        matches!(self.standing, Standing::Served | Standing::Stale)
    }
}

/// All zones, and what else leads to them.
#[derive(Debug, Default)]
pub struct Registry {
    zones: NameMap<Known>,
    folders: HashSet<Arc<Path>>,
    includes: HashMap<Arc<Path>, Included>,
    count: Count,
}

/// A file that zones include.
#[derive(Debug, Default)]
struct Included {
    disk: Fingerprint,
    by: HashSet<Name>,
}

/// How many zones stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Zones that are served, old contents included.
    pub served: usize,
    /// Of those, zones whose files can't be used now.
    pub stale: usize,
    /// Zones that never could be used.
    pub failed: usize,
}

impl Count {
    fn change(&mut self, standing: Standing, change: fn(usize, usize) -> usize) {
        let counters: &mut [&mut usize] = match standing {
            Standing::New => &mut [],
            Standing::Served => &mut [&mut self.served],
            Standing::Stale => &mut [&mut self.served, &mut self.stale],
            Standing::Failed => &mut [&mut self.failed],
        };
        for counter in counters {
            **counter = change(**counter, 1);
        }
    }
}

impl Registry {
    /// The zone at `apex`.
    pub fn get(&self, apex: &Name) -> Option<&Known> {
        self.zones.get(apex)
    }

    /// The zone at `apex`, whose standing only [`Known::stand`] changes.
    pub fn get_mut(&mut self, apex: &Name) -> Option<&mut Known> {
        self.zones.get_mut(apex)
    }

    /// Makes room for `count` zones more.
    pub fn reserve(&mut self, count: usize) {
        self.zones.reserve(count);
    }

    /// Puts a zone in whose files were just found.
    pub fn insert(&mut self, apex: Name, files: Files) -> &mut Known {
        if !files.is_member && !self.folders.contains(&files.folder) {
            self.folders.insert(files.folder.clone());
        }
        self.zones.entry(apex).or_insert_with(|| Known::new(files))
    }

    /// All zones.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Known)> {
        self.zones.iter()
    }

    /// All zones.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Name, &mut Known)> {
        self.zones.iter_mut()
    }

    /// Forgets a zone.
    pub fn remove(&mut self, apex: &Name) {
        self.set_includes(apex, Vec::new());
        if let Some(known) = self.zones.remove(apex) {
            self.count.change(known.standing, usize::wrapping_sub);
        }
    }

    /// The zone at `apex`, and the count that must be kept when its standing is changed.
    pub fn get_to_stand(&mut self, apex: &Name) -> Option<(&mut Known, &mut Count)> {
        self.zones.get_mut(apex).map(|known| (known, &mut self.count))
    }

    /// How many zones stand how.
    pub fn counts(&self) -> Count {
        self.count
    }

    /// How many zones are known.
    pub fn len(&self) -> usize {
        self.zones.len()
    }

    /// Whether no zone is known.
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }

    /// The zones whose files are in `folder` or below it.
    pub fn below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = (&'a Name, &'a Known)> {
        let any = self.folders.iter().any(|known| known.starts_with(folder));
        self.zones
            .iter()
            .filter(move |(_, known)| any && !known.files.is_member && known.files.folder.starts_with(folder))
    }

    /// Notes which files the zone at `apex` includes, with what they were when they were read.
    pub fn set_includes(&mut self, apex: &Name, files: Vec<(PathBuf, Fingerprint)>) {
        let Some(known) = self.zones.get_mut(apex) else { return };
        if !known.includes && files.is_empty() {
            return;
        }
        known.includes = !files.is_empty();
        for included in self.includes.values_mut() {
            included.by.remove(apex);
        }
        for (path, disk) in files {
            let included = self.includes.entry(path.into()).or_default();
            included.disk = disk;
            included.by.insert(apex.clone());
        }
        self.includes.retain(|_, included| !included.by.is_empty());
    }

    /// The zones that include the file `path`.
    pub fn including(&self, path: &Path) -> Vec<Name> {
        self.includes.get(path).map_or_else(Vec::new, |included| included.by.iter().cloned().collect())
    }

    /// The files that zones include.
    pub fn included(&self) -> Vec<Arc<Path>> {
        self.includes.keys().cloned().collect()
    }

    /// The zones that include the file `path`, if it is no longer what it was.
    pub fn including_changed(&self, path: &Path, disk: Fingerprint) -> Vec<Name> {
        match self.includes.get(path) {
            Some(included) if included.disk != disk => included.by.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn files(folder: &str) -> Files {
        let (folder, disk) = (Path::new(folder).into(), Fingerprint::default());
        let (plan, secondary, catalog, is_member, portfolio) = (false, false, false, false, None);
        Files { folder, spelled: None, zone: true, plan, secondary, catalog, is_member, portfolio, disk }
    }

    fn name(text: &str) -> Name {
        Name::from_text(text).unwrap()
    }

    #[test]
    fn an_entry_is_small() {
        // Eight octets of it lead to the portfolio, sixteen to the zone: a path or a text of its own would be many times as
        // much.
        assert!(size_of::<(Name, Known)>() <= 112, "{}", size_of::<(Name, Known)>());
    }

    #[test]
    fn zones_are_counted_by_how_they_stand() {
        let mut registry = Registry::default();
        for text in ["a", "b", "c", "d"] {
            registry.insert(name(text), files("z"));
        }
        let mut stand = |text, standing| {
            let (known, count) = registry.get_to_stand(&name(text)).unwrap();
            known.stand(standing, count);
        };
        stand("a", Standing::Served);
        stand("b", Standing::Failed);
        stand("c", Standing::Served);
        stand("c", Standing::Stale);
        assert_eq!(registry.counts(), Count { served: 2, stale: 1, failed: 1 });
        registry.remove(&name("c"));
        registry.remove(&name("d"));
        assert_eq!(registry.counts(), Count { served: 1, stale: 0, failed: 1 });
    }

    #[test]
    fn an_included_file_leads_to_its_zones() {
        let mut registry = Registry::default();
        registry.insert(name("a"), files("z"));
        registry.insert(name("b"), files("z"));
        let (before, after) = (Fingerprint::default(), Fingerprint::default().with(1));
        registry.set_includes(&name("a"), vec![("z/common".into(), before)]);
        registry.set_includes(&name("b"), vec![("z/common".into(), before)]);
        assert_eq!(registry.including(Path::new("z/common")).len(), 2);
        assert_eq!(registry.including_changed(Path::new("z/common"), before).len(), 0);
        assert_eq!(registry.including_changed(Path::new("z/common"), after).len(), 2);
        registry.set_includes(&name("a"), vec![]);
        registry.set_includes(&name("b"), vec![]);
        assert!(registry.included().is_empty());
    }

    #[test]
    fn zones_are_found_by_their_folder() {
        let mut registry = Registry::default();
        registry.insert(name("a"), files("z"));
        registry.insert(name("b"), files("z/sub"));
        assert_eq!(registry.below(Path::new("z")).count(), 2);
        assert_eq!(registry.below(Path::new("z/sub")).count(), 1);
        assert_eq!(registry.below(Path::new("z/su")).count(), 0);
    }
}
