//! What lies in the zones folder: which zones there are, and in which files.
//!
//! 1. Folders are read to the depth [`DEPTH_MAX`]; hidden ones are left alone.
//! 2. A symbolic link to a file is followed wherever it leads, since only who owns the folder can
//!    put it there; one to a folder is not, so that no walk goes in circles.
//! 3. A zone that is written twice is served from the file whose path sorts first, and said to be
//!    at fault.
//! 4. Only names and kinds are read here, which the folder itself knows: a hundred thousand files
//!    cost no call each. [`Tree::stat`] asks for the rest where it is needed.

use std::collections::HashSet;
use std::collections::hash_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::fingerprint::Fingerprint;
use super::names::{self, NameMap, Role};
use super::portfolio::{self, Membership, PORTFOLIOS_MAX, Portfolios, Reading};
use crate::diag::{DIAGNOSTICS_MAX, Diagnostic};
use crate::wire::Name;

/// How deep folders are followed.
pub const DEPTH_MAX: usize = 32;

/// The files of one zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The folder they are in.
    pub folder: Arc<Path>,
    /// The zone's name as the files spell it, if not as [`names::stem`] does.
    pub spelled: Option<Box<str>>,
    /// Whether there is a zone file.
    pub zone: bool,
    /// Whether there is a plan of its own.
    pub plan: bool,
    /// Whether a file says from whom the zone is fetched.
    pub secondary: bool,
    /// Whether a file says which zones it lists, as a catalog zone.
    pub catalog: bool,
    /// Whether there is no file at all: it is a member of a catalog zone that is obeyed.
    pub is_member: bool,
    /// To which portfolio it belongs, as far as that was looked at.
    pub portfolio: Option<Arc<Membership>>,
    /// What the files are on the disk, if they were looked at; of a file that is gone, nothing.
    pub disk: Fingerprint,
}

impl Files {
    /// The path of the zone file or the plan of `apex`.
    pub fn path(&self, apex: &Name, role: Role) -> PathBuf {
        let stem = self.stem(apex);
        let mut path = PathBuf::with_capacity(self.folder.as_os_str().len() + stem.len() + 16);
        path.push(&self.folder);
        path.push(stem + role.suffix());
        path
    }

    /// The name of the files of `apex`, without what tells them apart.
    pub fn stem(&self, apex: &Name) -> String {
        self.spelled.as_deref().map_or_else(|| names::stem(apex.as_ref()), str::to_owned)
    }

    /// The plan that counts and another one that doesn't, if the zone has two.
    pub fn two_plans(&self, apex: &Name) -> Option<(PathBuf, PathBuf)> {
        let membership = self.portfolio.as_ref()?;
        let path = membership.portfolio.path.to_path_buf();
        match (self.plan, &membership.rival) {
            (true, _) => Some((self.path(apex, Role::Plan), path)),
            (false, rival) => Some((path, rival.as_ref()?.to_path_buf())),
        }
    }

    /// Notes that the file of this `role` is there.
    pub fn set(&mut self, role: Role) {
        match role {
            Role::Zone => self.zone = true,
            Role::Plan => self.plan = true,
            Role::Secondary => self.secondary = true,
            Role::Catalog => self.catalog = true,
        }
    }
}

/// What was found in a folder and below it.
#[derive(Debug, Default)]
pub struct Tree {
    /// The zones and their files.
    pub zones: NameMap<Files>,
    /// The portfolios, and what they say.
    pub portfolios: Vec<(Arc<Path>, Reading)>,
    /// What stands in the way: files that name no zone, zones written twice, unreadable folders.
    pub faults: Vec<Diagnostic>,
    /// Whether the top folder itself can't be read: then nothing is known of what is in it.
    pub is_unreadable: bool,
    /// Zones of which another file was found too: with it gone, the other counts.
    pub twice: Vec<Name>,
}

impl Tree {
    /// Reads the folder `top` and all below it.
    pub fn read(top: &Path) -> Tree {
        Tree::read_after(top, &mut |_| {})
    }

    /// Reads the folder `top` and all below it; `before` is called for each before it is read.
    pub fn read_after(top: &Path, before: &mut dyn FnMut(&Arc<Path>)) -> Tree {
        let mut tree = Tree::default();
        let mut folders = vec![(Arc::from(top), 0)];
        while let Some((folder, depth)) = folders.pop() {
            before(&folder);
            tree.read_folder(&folder, depth, &mut folders);
        }
        tree.portfolios.sort_by(|a, b| a.0.cmp(&b.0));
        if tree.portfolios.len() > PORTFOLIOS_MAX {
            let message = format!("there are {} portfolios, and {PORTFOLIOS_MAX} are the most", tree.portfolios.len());
            tree.fault(Diagnostic::error("portfolio-too-many", message).help("the first by path count"));
            tree.portfolios.truncate(PORTFOLIOS_MAX);
        }
        for (path, reading) in &mut tree.portfolios {
            *reading = portfolio::read(path);
        }
        tree.faults.truncate(DIAGNOSTICS_MAX);
        tree.faults.sort_by(|a, b| a.message.cmp(&b.message));
        tree
    }

    fn read_folder(&mut self, folder: &Arc<Path>, depth: usize, folders: &mut Vec<(Arc<Path>, usize)>) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            // Gone between the moment it was seen and now.
            Err(error) if depth > 0 && error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                self.is_unreadable |= depth == 0;
                let message = format!("the folder {} can't be read: {error}", folder.display());
                return self.fault(Diagnostic::error("folder-unreadable", message));
            }
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if name.as_encoded_bytes().starts_with(b".") {
                    continue;
                }
                if depth == DEPTH_MAX {
                    let message = format!("{} lies more than {DEPTH_MAX} folders deep", entry.path().display());
                    self.fault(Diagnostic::error("folder-too-deep", message).help("move it up"));
                    continue;
                }
                folders.push((entry.path().into(), depth + 1));
                continue;
            }
            let Some(name) = name.to_str() else {
                if name.as_encoded_bytes().ends_with(names::ZONE_SUFFIX.as_bytes()) {
                    let message = format!("the name of the file {} is not UTF-8", entry.path().display());
                    self.fault(Diagnostic::error("file-name", message).help("rename it to the A-label of the zone"));
                }
                continue;
            };
            let zone = names::split(name);
            if zone.is_none() && !names::is_portfolio(name) {
                continue;
            }
            if !kind.is_file() && !fs::metadata(entry.path()).is_ok_and(|target| target.is_file()) {
                let message = format!("{} is not a file and leads to none", entry.path().display());
                self.fault(Diagnostic::error("file-kind", message).help("put a file there, or a link to one"));
                continue;
            }
            match zone {
                Some((stem, role)) => self.add(folder, stem, role),
                None => self.portfolios.push((entry.path().into(), Reading::Gone)),
            }
        }
    }

    fn add(&mut self, folder: &Arc<Path>, stem: &str, role: Role) {
        let apex = match names::apex(stem) {
            Ok(apex) => apex,
            Err(error) => return self.fault(name_fault(&folder.join(format!("{stem}{}", role.suffix())), &error)),
        };
        let mut files = files(folder, &apex, stem);
        files.set(role);
        match self.zones.entry(apex) {
            Entry::Vacant(vacant) => {
                vacant.insert(files);
            }
            Entry::Occupied(mut known)
                if known.get().folder == files.folder && known.get().spelled == files.spelled =>
            {
                known.get_mut().set(role);
            }
            Entry::Occupied(mut known) => {
                let apex = known.key().clone();
                let mut paths = [known.get().path(&apex, Role::Zone), files.path(&apex, Role::Zone)];
                if paths[1] < paths[0] {
                    paths.swap(0, 1);
                    known.insert(files);
                }
                self.twice.push(apex.clone());
                self.fault(twice_fault(&apex, &paths[0], &paths[1]));
            }
        }
    }

    /// Finds out which zone belongs to which portfolio; returns what is wrong with that, and with the portfolios' texts.
    pub fn join(&mut self) -> Vec<Diagnostic> {
        let mut portfolios = Portfolios::default();
        let mut faults = Vec::new();
        for (path, reading) in &self.portfolios {
            portfolios.put(path, reading);
            faults.extend_from_slice(reading.faults());
        }
        if portfolios.is_empty() {
            return faults;
        }
        let mut used: HashSet<Arc<Path>> = HashSet::new();
        for (apex, files) in self.zones.iter_mut().filter(|(_, files)| files.zone) {
            files.portfolio = portfolios.of(apex);
            let Some(membership) = &files.portfolio else { continue };
            used.extend([Some(membership.portfolio.path.clone()), membership.rival.clone()].into_iter().flatten());
        }
        faults.extend(
            portfolios.iter().filter(|found| !used.contains(&found.path)).map(|found| portfolio::no_zone(found)),
        );
        faults
    }

    fn fault(&mut self, fault: Diagnostic) {
        if self.faults.len() < DIAGNOSTICS_MAX {
            self.faults.push(fault);
        }
    }

    /// Looks at the files too, as they are on the disk now.
    pub fn stat(&mut self) {
        self.zones.par_iter_mut().for_each(|(apex, files)| files.disk = stat(apex, files));
    }
}

fn stat(apex: &Name, files: &Files) -> Fingerprint {
    let mut fingerprint = Fingerprint::default();
    let (zone, plan) = ((Role::Zone, files.zone), (Role::Plan, files.plan));
    let roles = [zone, plan, (Role::Secondary, files.secondary), (Role::Catalog, files.catalog)];
    for role in roles.iter().filter(|role| role.1) {
        if let Ok(file) = fs::metadata(files.path(apex, role.0)) {
            fingerprint = fingerprint.with_file(&file);
        }
    }
    fingerprint
}

/// The place of the files of `apex` that are called `stem` in `folder`; none of them is known to be there yet.
pub fn files(folder: &Arc<Path>, apex: &Name, stem: &str) -> Files {
    let spelled = (names::stem(apex.as_ref()) != stem).then(|| stem.into());
    let disk = Fingerprint::default();
    let (zone, plan, secondary, catalog, is_member, portfolio) = (false, false, false, false, false, None);
    Files { folder: folder.clone(), spelled, zone, plan, secondary, catalog, is_member, portfolio, disk }
}

/// What to say of a file whose name names no zone.
pub fn name_fault(path: &Path, error: &names::ZoneNameError) -> Diagnostic {
    let message = format!("the name of the file {} is no domain name: {error}", path.display());
    Diagnostic::error("file-name", message).help("a zone file is called NAME.zone, as example.com.zone")
}

fn twice_fault(apex: &Name, first: &Path, second: &Path) -> Diagnostic {
    let zone = names::shown(apex.as_ref());
    let message = format!("{zone} is written twice: in {} and in {}", first.display(), second.display());
    Diagnostic::error("zone-written-twice", message).help("the first counts; take the other away")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    fn codes(tree: &Tree) -> Vec<&'static str> {
        tree.faults.iter().map(|fault| fault.code).collect()
    }

    fn apex(stem: &str) -> Name {
        names::apex(stem).unwrap()
    }

    #[test]
    fn zones_and_plans_are_found_in_all_folders() {
        let folder =
            folder(&["a.example.zone", "a.example.plan.toml", "sub/deep/B.example.zone", "README", "root.zone"]);
        let tree = Tree::read(folder.path());
        assert_eq!(tree.faults, []);
        assert_eq!(tree.zones.len(), 3);
        let a = &tree.zones[&apex("a.example")];
        assert!(a.zone && a.plan && a.spelled.is_none());
        let b = &tree.zones[&apex("b.example")];
        assert!(b.zone && !b.plan);
        assert_eq!(b.path(&apex("b.example"), Role::Zone), folder.path().join("sub/deep/B.example.zone"));
        assert!(tree.zones.contains_key(&Name::root()));
    }

    #[test]
    fn hidden_files_and_folders_are_left_alone() {
        let folder = folder(&[".a.example.zone", ".git/b.example.zone", "c.example.zone~"]);
        let tree = Tree::read(folder.path());
        assert_eq!((tree.zones.len(), tree.faults.len()), (0, 0));
    }

    #[test]
    fn a_zone_written_twice_is_a_fault_and_the_first_path_counts() {
        let folder = folder(&["b/a.example.zone", "a/A.example.zone", "b/a.example.plan.toml"]);
        let tree = Tree::read(folder.path());
        assert_eq!(codes(&tree)[0], "zone-written-twice");
        let files = &tree.zones[&apex("a.example")];
        assert_eq!(files.path(&apex("a.example"), Role::Zone), folder.path().join("a/A.example.zone"));
        assert!(tree.twice.contains(&apex("a.example")));
    }

    #[test]
    fn a_file_whose_name_is_no_name_is_a_fault() {
        let folder = folder(&["a..b.zone", "ok.example.zone"]);
        let tree = Tree::read(folder.path());
        assert_eq!((codes(&tree), tree.zones.len()), (vec!["file-name"], 1));
    }

    #[test]
    fn links_to_files_are_followed_and_links_to_folders_are_not() {
        let elsewhere = folder(&["real", "other/c.example.zone"]);
        let folder = folder(&["x"]);
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(elsewhere.path().join(target), folder.path().join(name)).unwrap();
        };
        link("real", "a.example.zone");
        link("nothing", "b.example.zone");
        link("other", "other");
        let tree = Tree::read(folder.path());
        assert_eq!(codes(&tree), ["file-kind"]);
        assert_eq!(tree.zones.keys().collect::<Vec<_>>(), [&apex("a.example")]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_fault() {
        let folder = folder(&[]);
        assert_eq!(codes(&Tree::read(&folder.path().join("none"))), ["folder-unreadable"]);
    }

    #[test]
    fn a_changed_file_has_another_fingerprint() {
        let folder = folder(&["a.example.zone"]);
        let mut tree = Tree::read(folder.path());
        let mut disk = || {
            tree.stat();
            tree.zones[&apex("a.example")].disk
        };
        let before = disk();
        assert_eq!(disk(), before);
        fs::write(folder.path().join("a.example.zone"), "x").unwrap();
        assert_ne!(disk(), before);
    }
}
