//! `[catalog]` in `NAME.secondary.toml`: the zone is a catalog zone (RFC 9432), and its members are fetched so.
//!
//! What is not said there is as it is for the catalog zone itself; what is not said of a group, as for all members.
//! `docs/catalogs.md` explains each key.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::fields::{Fields, Named, Source};
use super::quantity;
use super::secondary::{Secondary, read_over};
use crate::wire::Name;
use crate::zone::members::Member;

/// How long members are served on of which many go at once, if nothing is said.
const MASS_REMOVAL_GRACE: Duration = Duration::from_secs(3600);
/// For how long what we have of a member is kept after it has gone, if nothing is said.
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// The most groups of one catalog zone.
const GROUPS_MAX: usize = 1000;

/// How the members of a catalog zone are fetched, and let go of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumption {
    /// How members of no group that is known are fetched.
    pub members: Arc<Secondary>,
    /// How those of groups are.
    pub groups: BTreeMap<Box<str>, Arc<Secondary>>,
    /// How long a member is served after it is no longer listed.
    pub removal_grace: Duration,
    /// The same of many that go at once.
    pub mass_removal_grace: Duration,
    /// For how long after that what we have of it is kept.
    pub kept: Duration,
}

impl Consumption {
    /// The first group of `member` that is known here.
    pub fn group_of<'m>(&self, member: &'m Member) -> Option<&'m str> {
        member.groups.iter().map(|group| &**group).find(|group| self.groups.contains_key(*group))
    }

    /// How `member` is fetched.
    pub fn of(&self, member: &Member) -> &Arc<Secondary> {
        self.group_of(member).and_then(|group| self.groups.get(group)).unwrap_or(&self.members)
    }
}

/// The table of a catalog zone that is itself fetched as `own` says, with `key`; `None` if it is none.
pub(super) fn read(
    source: &mut Source<'_>,
    top: &mut Fields<'_>,
    own: &Secondary,
    key: Option<&Name>,
) -> Option<Consumption> {
    let mut table = top.table(source, "catalog", "catalog.");
    if !table.is_there() {
        return None;
    }
    let members = read_over(source, &mut table, own, key);
    let removal_grace = table.quantity(source, "removal-grace", quantity::duration, "1m").unwrap_or_default();
    let many = table.quantity(source, "mass-removal-grace", quantity::duration, "1h").unwrap_or(MASS_REMOVAL_GRACE);
    let kept = table.quantity(source, "kept", quantity::duration, "168h").unwrap_or(KEPT);
    let mut groups = BTreeMap::new();
    for Named { name, mut fields } in table.named_tables(source, "group") {
        if groups.len() == GROUPS_MAX {
            let message = format!("there are more than {GROUPS_MAX} groups");
            source.value_fault(name.span, message, "too many", "name those whose members are fetched otherwise");
            break;
        }
        let group = read_over(source, &mut fields, &members, key);
        fields.finish(source);
        groups.insert(name.value.into(), Arc::new(group));
    }
    table.finish(source);
    let (members, mass_removal_grace) = (Arc::new(members), many.max(removal_grace));
    Some(Consumption { members, groups, removal_grace, mass_removal_grace, kept })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::control::config::secondary::{Secondary, parse};
    use crate::diag::render;

    fn read(text: &str) -> (Option<Secondary>, String) {
        let (secondary, faults) = parse(&"c.example.secondary.toml".into(), text.as_bytes());
        (secondary, render(&faults, false))
    }

    fn shown(secondary: &Secondary) -> Vec<String> {
        let key = |key: &Option<crate::wire::Name>| key.as_ref().map_or_else(String::new, |key| format!(" {key}"));
        secondary.primaries.iter().map(|primary| format!("{}{}", primary.address, key(&primary.key))).collect()
    }

    #[test]
    fn what_is_not_said_is_as_it_was_said_before() {
        let (secondary, faults) = read(
            "primaries = [\"192.0.2.1\"]\nkey = \"k\"\nsize-max = \"1MiB\"\n[catalog]\nrefresh-max = \"1h\"\n\
             removal-grace = \"2h\"\n[catalog.group.other]\nprimaries = [\"192.0.2.2\"]\n\
             [catalog.group.\"two words\"]\nkey = \"l\"\ntime-max = \"5m\"\n",
        );
        assert_eq!(faults, "");
        let secondary = secondary.unwrap();
        let catalog = secondary.catalog.as_ref().unwrap();
        assert_eq!(shown(&secondary), ["192.0.2.1:53 k."]);
        assert_eq!(shown(&catalog.members), ["192.0.2.1:53 k."]);
        assert_eq!((catalog.members.size_max, catalog.members.refresh_max.as_secs()), (1 << 20, 3600));
        assert_ne!(secondary.refresh_max, catalog.members.refresh_max);
        assert_eq!(shown(&catalog.groups["other"]), ["192.0.2.2:53 k."]);
        let words = &catalog.groups["two words"];
        assert_eq!((shown(words), words.time_max.as_secs()), (vec!["192.0.2.1:53 l.".to_owned()], 300));
        assert_eq!(words.refresh_max.as_secs(), 3600);
        // Many that go are never given less time than few.
        assert_eq!((catalog.removal_grace.as_secs(), catalog.mass_removal_grace.as_secs()), (7200, 7200));
        assert_eq!(read("primaries = [\"192.0.2.1\"]\n").0.unwrap().catalog, None);
        assert!(read("primaries = [\"192.0.2.1\"]\n[catalog]\n").0.unwrap().catalog.is_some());
    }

    #[test]
    fn faults_are_shown_with_their_place() {
        let (secondary, faults) = read(
            "primaries = [\"192.0.2.1\"]\n[catalog]\ngrace = 1\nkept = \"long\"\nprimaries = [\"nobody\"]\n\
             [catalog.group.a]\nversion = 1\n",
        );
        assert_eq!(secondary, None);
        for said in [
            "`catalog.grace` is not a setting",
            "`catalog.kept` can't be read",
            "`nobody` is no address of a primary",
            "`group.\"a\".version` is not a setting",
        ] {
            assert!(faults.contains(said), "{said}\n{faults}");
        }
        assert!(read("primaries = [\"192.0.2.1\"]\ncatalog = true\n").1.contains("`catalog` is a table"));
    }
}
