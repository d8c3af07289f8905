//! `NAME.catalog.toml`: a catalog zone (RFC 9432) that lists zones of this server, for its secondaries.
//!
//! This is the specification, version 1. `docs/catalogs.md` explains each key.

use std::sync::Arc;

use super::fields::{Fields, Named, Source};
use super::secondaries::patterns;
use super::{document, in_order};
use crate::diag::Diagnostic;
use crate::timeline::plan::patterns::Patterns;
use crate::wire::{Name, NameRef};
use crate::zone::members::{Label, Member};

/// The most groups, and the most catalog zones to which members go.
const TABLES_MAX: usize = 1000;
/// The longest name of a group: it is one string of a TXT record (RFC 1035 § 3.3).
const GROUP_LEN_MAX: usize = 255;

/// Which zones a catalog zone lists, and what it says of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    members: Patterns,
    except: Patterns,
    /// In the order of their names.
    groups: Box<[(Box<str>, Patterns)]>,
    /// To which catalog zone members go.
    goes_to: Box<[(Name, Patterns)]>,
}

impl Listing {
    /// What is said of the zone `apex`; `None` if it is not listed.
    pub fn member(&self, apex: NameRef<'_>) -> Option<Member> {
        let name = apex.to_lowercase();
        if !self.members.has(&name) || self.except.has(&name) {
            return None;
        }
        let groups = self.groups.iter().filter(|(_, zones)| zones.has(&name)).map(|(group, _)| group.clone());
        let goes_to = self.goes_to.iter().find(|(_, zones)| zones.has(&name)).map(|(to, _)| to.clone());
        Some(Member { label: Label::of(apex), groups: groups.collect(), goes_to })
    }
}

/// Reads the file `path` with this `text`; `None` if it has an error.
pub fn parse(path: &Arc<str>, text: &[u8]) -> (Option<Listing>, Vec<Diagnostic>) {
    let mut source = match Source::read(path, text) {
        Ok(source) => source,
        Err(fault) => return (None, vec![*fault]),
    };
    let document = document(&mut source);
    let mut top = Fields::new("", Some(document.get_ref()));
    top.number(&mut source, "version", 1..=1);
    if !top.has("members") && source.faults.is_empty() {
        let place = source.place(0..0);
        let fault = Diagnostic::error("catalog-no-members", "which zones the catalog zone lists is not said");
        source.faults.push(fault.at(place, "").help("write `members = [\"*\"]` for all, or names and patterns"));
    }
    let members = zones(&mut source, &mut top, "members");
    let except = zones(&mut source, &mut top, "except");
    let groups = tables(&mut source, &mut top, "group", |written| match written.len() <= GROUP_LEN_MAX {
        true => Ok(Box::from(written)),
        false => Err(format!("the name of a group has at most {GROUP_LEN_MAX} octets")),
    });
    let goes_to = tables(&mut source, &mut top, "coo", |written| {
        let name =
            Name::from_text(written).map_err(|error| format!("`{written}` is no name of a catalog zone: {error}"));
        name.map(|name| name.as_ref().to_lowercase())
    });
    top.finish(&mut source);
    let faults = in_order(source.faults);
    let is_sound = !faults.iter().any(Diagnostic::is_error);
    (is_sound.then_some(Listing { members, except, groups, goes_to }), faults)
}

/// The names and patterns at `key`.
fn zones(source: &mut Source<'_>, fields: &mut Fields<'_>, key: &'static str) -> Patterns {
    let setting = fields.name_of(key);
    let written = fields.texts(source, key);
    written.and_then(|written| patterns(source, &setting, &written)).unwrap_or_default()
}

/// The tables in the table at `key`, each with its name and its `members`.
fn tables<T: Ord>(
    source: &mut Source<'_>,
    top: &mut Fields<'_>,
    key: &'static str,
    name: impl Fn(&str) -> Result<T, String>,
) -> Box<[(T, Patterns)]> {
    let mut all = Vec::new();
    for Named { name: written, mut fields } in top.named_tables(source, key) {
        if all.len() == TABLES_MAX {
            let message = format!("`{key}` has more than {TABLES_MAX} tables");
            source.value_fault(written.span, message, "too many", "");
            break;
        }
        if !fields.has("members") {
            let message = format!("`{key}.\"{}\"` does not say for which members it is", written.value);
            source.value_fault(written.span.clone(), message, "", "write `members = [\"*.example\"]` below it");
        }
        let members = zones(source, &mut fields, "members");
        fields.finish(source);
        match name(&written.value) {
            Ok(name) => all.push((name, members)),
            Err(message) => source.value_fault(written.span, message, "", "write another"),
        }
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::diag::render;

    fn read(text: &str) -> (Option<Listing>, String) {
        let (listing, faults) = parse(&"c.example.catalog.toml".into(), text.as_bytes());
        (listing, render(&faults, false))
    }

    #[test]
    fn members_have_their_groups_and_go_where_they_go() {
        let (listing, faults) = read(
            "version = 1\nmembers = [\"*.example\", \"a.test\"]\nexcept = \"x.example\"\n\
             [group.second]\nmembers = [\"a.test\", \"*.b.example\"]\n[group.\"first one\"]\nmembers = \"a.test\"\n\
             [coo.\"Other.Example\"]\nmembers = \"*.b.example\"\n",
        );
        assert_eq!(faults, "");
        let listing = listing.unwrap();
        let shown = |apex: &str| {
            let member = listing.member(Name::from_text(apex).unwrap().as_ref())?;
            let goes_to = member.goes_to.map_or_else(String::new, |to| format!(" to {to}"));
            Some(format!("{}{goes_to}", member.groups.join(", ")))
        };
        assert_eq!(shown("A.test").as_deref(), Some("first one, second"));
        assert_eq!(shown("a.b.example").as_deref(), Some("second to other.example."));
        assert_eq!(shown("b.example").as_deref(), Some(""));
        assert_eq!((shown("x.example"), shown("example"), shown("test")), (None, None, None));
    }

    #[test]
    fn all_faults_are_shown_at_once() {
        let (listing, faults) =
            read("members = [\"a.*\"]\nexept = 1\n[group.g]\nzones = []\n[coo.\"a..b\"]\nmembers = \"*\"\n");
        assert_eq!(listing, None);
        for said in [
            "`a.*` is no zone's name, nor a pattern: a * stands alone",
            "did you mean `except`?",
            "`group.\"g\"` does not say for which members it is",
            "`group.\"g\".zones` is not a setting",
            "`a..b` is no name of a catalog zone: a label is empty",
        ] {
            assert!(faults.contains(said), "{said}\n{faults}");
        }
        assert!(read("version = 1\n").1.contains("error[catalog-no-members]"));
        assert!(read("members = [\n").1.contains("config-syntax"));
    }
}
