//! What readings of folders find: zones that come, go, or have other files.

use std::path::PathBuf;
use std::time::Instant;

use super::event::{Effect, Scanned};
use super::{Change, Owner};
use crate::control::names::Role;
use crate::control::registry::Phase;
use crate::control::tree::Files;
use crate::wire::Name;

impl Owner {
    pub(super) fn scan(&mut self, folder: PathBuf, effects: &mut Vec<Effect>) {
        // Reading the top reads all: what waits below it needs no reading of its own.
        if let Some(again) = self.scanning.get_mut(&folder) {
            *again = true;
            return;
        }
        self.scanning.insert(folder.clone(), false);
        // A folder below the top that asks for it may be another than the one that was.
        let anew = *folder != *self.top || std::mem::take(&mut self.anew);
        let (under, stat, included) = (folder.into(), self.is_ready, self.zones.included());
        effects.push(Effect::Scan { under, stat, included, anew });
    }

    pub(super) fn scanned(&mut self, scanned: Scanned, now: Instant, effects: &mut Vec<Effect>) {
        let Scanned { under, tree, included } = scanned;
        if self.scanning.remove(&*under) == Some(true) {
            self.scan(under.to_path_buf(), effects);
        }
        let is_top = under == self.top;
        if tree.is_unreadable {
            // A folder that came and went again is nobody's loss; without the top one nothing can be said (rule 2).
            if is_top {
                self.reporter.standing(tree.faults, true);
                self.anew = true;
                return self.look_again(now);
            }
        } else {
            self.reporter.standing(tree.faults, is_top);
        }
        if is_top {
            self.written_twice = tree.twice.into_iter().collect();
        }
        let regroup = self.portfolios_found(&under, tree.portfolios, now);
        let gone: Vec<PathBuf> = self
            .zones
            .below(&under)
            .filter(|(apex, _)| !tree.zones.contains_key(*apex))
            .map(|(apex, known)| known.files.path(apex, Role::Zone))
            .collect();
        for path in gone {
            self.files.saw(path, Change::Gone, now);
        }
        self.zones.reserve(tree.zones.len().saturating_sub(self.zones.len()));
        self.queue.reserve(if self.is_ready { 0 } else { tree.zones.len() });
        self.handled += tree.zones.len();
        for (apex, files) in tree.zones {
            self.found(apex, files, is_top, now);
        }
        if regroup {
            self.regroup();
        }
        for (path, disk) in included {
            for apex in self.zones.including_changed(&path, disk) {
                self.enqueue(&apex);
            }
        }
        if !self.is_watched {
            self.look_again(now);
        }
    }

    /// A reading of a folder found the files of a zone.
    fn found(&mut self, apex: Name, mut files: Files, is_top: bool, now: Instant) {
        files.portfolio = self.portfolios.of(&apex);
        let Some(known) = self.zones.get_mut(&apex) else {
            self.queue.push_back(apex.clone());
            self.zones.insert(apex, files).phase = Phase::Queued;
            return;
        };
        if !is_top && (&known.files.folder, &known.files.spelled) != (&files.folder, &files.spelled) {
            // Which of the two counts, only a look at all folders says.
            return self.folders.saw(self.top.to_path_buf(), Change::Created, now);
        }
        if known.files != files {
            let was_member = known.files.is_member;
            known.files = files;
            if was_member {
                self.has_file_now(&apex);
            }
            self.enqueue(&apex);
        }
    }
}
