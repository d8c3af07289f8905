//! What a catalog zone lists: the zones that a secondary is to have, and what is said of them (RFC 9432).
//!
//! ```text
//! version.CATALOG            TXT "2"
//! LABEL.zones.CATALOG        PTR example.com.          a member
//! group.LABEL.zones.CATALOG  TXT "signed"              of which group; there may be several
//! coo.LABEL.zones.CATALOG    PTR other.catalog.        to which catalog zone it may go
//! ```
//!
//! 1. A catalog zone is read whole or not at all: what is [`Broken`] lists nothing, and changes nothing (§ 5.1).
//! 2. What is not known here is passed over: other names, other types (§ 4.2).
//! 3. The label of a member means nothing. A member that has another one than before is to begin anew (§ 5.4, § 5.6).
//! 4. A group whose TXT record is not one string of UTF-8 is none that anybody could name, and passed over (§ 4.3.2).

mod write;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;

use super::{Node, View};
use crate::wire::{Name, NameRef, Rtype};

/// The only version of catalog zones there is.
const VERSION: &[u8] = b"2";
/// The labels that mean something.
const VERSION_LABEL: &[u8] = b"version";
const ZONES_LABEL: &[u8] = b"zones";
const GROUP_LABEL: &[u8] = b"group";
const COO_LABEL: &[u8] = b"coo";

/// The members of a catalog zone, by name in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members(BTreeMap<Name, Member>);

/// What a catalog zone says of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its label, in lower case.
    pub label: Label,
    /// Its groups, in order.
    pub groups: Arc<[Box<str>]>,
    /// The catalog zone to which it may go, in lower case.
    pub goes_to: Option<Name>,
}

/// The label of a member, in lower case, without its length.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(pub Box<[u8]>);

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{}", octet.escape_ascii()))
    }
}

/// Why a zone lists nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// There is no version.
    #[error("it has no TXT record at version.{0}, so it is no catalog zone")]
    NoVersion(Name),
    /// There is more than one, or another.
    #[error("the version at version.{0} is not the one TXT record \"2\"")]
    Version(Name),
    /// A name of a member has more than one PTR record.
    #[error("{0} has more than one PTR record")]
    SeveralTargets(Name),
    /// A zone is listed under two labels.
    #[error("{member} is listed twice, under {first} and {second}")]
    ListedTwice {
        /// The zone.
        member: Name,
        /// One of the labels.
        first: Label,
        /// The other.
        second: Label,
    },
}

/// What the name of a node means.
enum Means<'a> {
    Version,
    Member(&'a [u8]),
    Group(&'a [u8]),
    GoesTo(&'a [u8]),
}

impl Means<'_> {
    fn of<'a>(labels: &'a [u8]) -> Option<Means<'a>> {
        let mut labels = split(labels);
        let first = labels.next()?;
        match (labels.next(), labels.next(), labels.next()) {
            (None, ..) => (first == VERSION_LABEL).then_some(Means::Version),
            (Some(ZONES_LABEL), None, _) => Some(Means::Member(first)),
            (Some(label), Some(ZONES_LABEL), None) => match first {
                GROUP_LABEL => Some(Means::Group(label)),
                COO_LABEL => Some(Means::GoesTo(label)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The labels, each after its length, of the name of a node.
fn split(mut labels: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = labels.split_first()?;
        let (label, rest) = rest.split_at_checked(usize::from(*length))?;
        labels = rest;
        Some(label)
    })
}

impl Members {
    /// What the zone lists.
    ///
    /// # Errors
    /// [`Broken`] if it is no catalog zone that may be obeyed (rule 1).
    pub fn read(zone: View<'_>) -> Result<Members, Broken> {
        let mut is_version_right = None;
        let mut targets: BTreeMap<&[u8], Name> = BTreeMap::new();
        let mut groups: BTreeMap<&[u8], Vec<Box<str>>> = BTreeMap::new();
        let mut going: BTreeMap<&[u8], Name> = BTreeMap::new();
        for node in zone.nodes() {
            match Means::of(node.labels()) {
                Some(Means::Version) => is_version_right = says_version(node),
                Some(Means::Member(label)) => targets.extend(target(node)?.map(|target| (label, target))),
                Some(Means::GoesTo(label)) => going.extend(target(node)?.map(|target| (label, target))),
                Some(Means::Group(label)) => _ = groups.insert(label, texts(node)),
                None => {}
            }
        }
        match is_version_right {
            None => return Err(Broken::NoVersion(zone.apex().to_owned())),
            Some(false) => return Err(Broken::Version(zone.apex().to_owned())),
            Some(true) => {}
        }
        let mut members = BTreeMap::new();
        for (label, apex) in targets {
            let groups = groups.remove(label).unwrap_or_default().into();
            let member = Member { label: Label(label.into()), groups, goes_to: going.remove(label) };
            match members.entry(apex) {
                Entry::Vacant(vacant) => _ = vacant.insert(member),
                Entry::Occupied(first) => {
                    return Err(Broken::ListedTwice {
                        member: first.key().clone(),
                        first: first.get().label.clone(),
                        second: member.label,
                    });
                }
            }
        }
        Ok(Members(members))
    }

    /// What is said of `apex`, if it is a member.
    pub fn get(&self, apex: &Name) -> Option<&Member> {
        self.0.get(apex)
    }

    /// All of them, in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Member)> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Name, Member)> for Members {
    fn from_iter<I: IntoIterator<Item = (Name, Member)>>(members: I) -> Members {
        Members(members.into_iter().collect())
    }
}

/// Whether the version is the one that is known; `None` if there is none.
fn says_version(node: Node<'_>) -> Option<bool> {
    let rrset = node.rrset(Rtype::TXT)?;
    let mut strings = rrset.len() == 1;
    let rdata = rrset.first_rdata();
    strings &= single(&rdata) == Some(VERSION);
    Some(strings)
}

/// The target of the only PTR record of `node`, if it has any.
fn target(node: Node<'_>) -> Result<Option<Name>, Broken> {
    let Some(rrset) = node.rrset(Rtype::PTR) else { return Ok(None) };
    if rrset.len() > 1 {
        return Err(Broken::SeveralTargets(node.name()));
    }
    Ok(NameRef::parse(&rrset.first_rdata()).ok().map(NameRef::to_lowercase))
}

/// The texts of `node`, each of one string of UTF-8, in order (rule 4).
fn texts(node: Node<'_>) -> Vec<Box<str>> {
    let rdatas = node.rrset(Rtype::TXT).into_iter().flat_map(|rrset| rrset.rdatas());
    let mut texts: Vec<Box<str>> =
        rdatas.filter_map(|rdata| std::str::from_utf8(single(&rdata)?).ok().map(Box::from)).collect();
    texts.sort();
    texts
}

/// The string of a TXT record that has only one.
fn single(rdata: &[u8]) -> Option<&[u8]> {
    let mut strings = split(rdata);
    strings.next().filter(|_| strings.next().is_none())
}

#[cfg(test)]
mod tests;
