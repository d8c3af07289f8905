//! File names and the zones they stand for.
//!
//! 1. `NAME.zone` is the zone NAME, `NAME.plan.toml` its plan; `NAME.secondary.toml` says from whom the zone NAME is
//!    fetched, which then has no file; `NAME.catalog.toml` that the zone NAME is a catalog zone of zones of ours.
//!    `NAME.portfolio.toml` is a plan for many zones, and its name means nothing. Everything else is nobody's business.
//! 2. NAME is a domain name in presentation form: `example.com`, `0\04731.2.0.192.in-addr.arpa`
//!    (a `/` can't stand in a file name, `\047` can). A final dot may be written.
//! 3. U-labels are their A-labels (UTS 46): `日本語.example.zone` is `xn--wgv71a119e.example`.
//! 4. `root.zone` is the root zone, under the name that IANA publishes it. A zone whose name is
//!    really `root` is written with its final dot: `root..zone`.
//! 5. What begins with a dot is hidden and left alone.

use std::hash::{BuildHasherDefault, Hasher};

use crate::timeline::plan::portfolio;
use crate::wire::name::{Name, NameError, NameRef};

/// What ends the name of a zone file.
pub const ZONE_SUFFIX: &str = ".zone";
/// What ends the name of a plan file.
pub const PLAN_SUFFIX: &str = ".plan.toml";
/// What ends the name of a file that says from whom a zone is fetched.
pub const SECONDARY_SUFFIX: &str = ".secondary.toml";
/// What ends the name of a file that says which zones a catalog zone lists.
pub const CATALOG_SUFFIX: &str = ".catalog.toml";
/// The root's name in a file name (rule 4).
const ROOT_STEM: &str = "root";

/// Which of a zone's files a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The zone file.
    Zone,
    /// The plan beside it.
    Plan,
    /// From whom it is fetched, in place of a zone file.
    Secondary,
    /// Which zones it lists, as a catalog zone, in place of a zone file.
    Catalog,
}

impl Role {
    /// What ends the name of such a file.
    pub fn suffix(self) -> &'static str {
        match self {
            Role::Zone => ZONE_SUFFIX,
            Role::Plan => PLAN_SUFFIX,
            Role::Secondary => SECONDARY_SUFFIX,
            Role::Catalog => CATALOG_SUFFIX,
        }
    }
}

/// Why a file name does not name a zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneNameError {
    /// It is no domain name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Its U-labels have no A-labels.
    #[error("it has characters that no internationalised domain name may have")]
    International,
}

/// Splits the name of a file (without its folder) into the zone's name and the file's role;
/// `None` for a file that is not ours.
pub fn split(file_name: &str) -> Option<(&str, Role)> {
    if file_name.starts_with('.') {
        return None;
    }
    [Role::Zone, Role::Plan, Role::Secondary, Role::Catalog]
        .into_iter()
        .find_map(|role| Some((file_name.strip_suffix(role.suffix())?, role)))
}

/// Whether a file of this name (without its folder) is a portfolio.
pub fn is_portfolio(file_name: &str) -> bool {
    !file_name.starts_with('.') && portfolio::is_portfolio(file_name)
}

/// The zone that `stem` stands for, in lower case.
///
/// # Errors
/// [`ZoneNameError`] if it stands for none.
pub fn apex(stem: &str) -> Result<Name, ZoneNameError> {
    if stem.eq_ignore_ascii_case(ROOT_STEM) {
        return Ok(Name::root());
    }
    let name = if stem.is_ascii() {
        Name::from_text(stem)?
    } else {
        Name::from_text(&idna::domain_to_ascii(stem).map_err(|_| ZoneNameError::International)?)?
    };
    Ok(name.as_ref().to_lowercase())
}

/// The zone that a person asks for: as the stem of its file, or by `.` the root.
///
/// # Errors
/// [`ZoneNameError`] if it is no name.
pub fn asked(name: &str) -> Result<Name, ZoneNameError> {
    match name {
        "." => Ok(Name::root()),
        _ => apex(name),
    }
}

/// The stem that [`apex`] reads as `name`, as we would spell it ourselves.
pub fn stem(name: NameRef<'_>) -> String {
    if name.is_root() {
        return ROOT_STEM.to_owned();
    }
    let mut text = name.to_string();
    if !text.eq_ignore_ascii_case("root.") {
        text.pop();
    }
    text.replace('/', r"\047")
}

/// A zone's name as it stands in a sentence: without the final dot, the root as `.`.
pub fn shown(name: NameRef<'_>) -> String {
    let mut text = name.to_string();
    if text.len() > 1 {
        text.pop();
    }
    text
}

/// The labels of `name` that are below `apex`, as they stand in a zone file; the whole name if it is not below.
pub fn shown_below(name: NameRef<'_>, apex: NameRef<'_>) -> String {
    match name.prefix_below(apex) {
        Some([]) => "@".to_owned(),
        Some(_) => {
            let (text, apex) = (name.to_string(), apex.to_string());
            text.strip_suffix(&*apex).unwrap_or(&text).trim_end_matches('.').to_owned()
        }
        None => name.to_string(),
    }
}

/// Hashes names in maps of ours. The hash of the standard library would take longer than all else that is done with
/// a zone here; who could choose names that collide can write zone files, and has simpler ways to do harm.
#[derive(Clone, Copy, Debug)]
pub struct NameHasher(u64);

/// A map from names.
pub type NameMap<V> = std::collections::HashMap<Name, V, BuildHasherDefault<NameHasher>>;

impl Default for NameHasher {
    fn default() -> Self {
        NameHasher(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u8(byte));
    }

    fn write_u8(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }

    fn finish(&self) -> u64 {
        // The map takes seven bits from the top and the others from the bottom.
        self.0 ^ self.0.rotate_left(29)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_zone_file_and_its_plan_have_one_name() {
        assert_eq!(split("example.com.zone"), Some(("example.com", Role::Zone)));
        assert_eq!(split("example.com.plan.toml"), Some(("example.com", Role::Plan)));
    }

    #[test]
    fn what_editors_leave_behind_is_not_a_zone() {
        for name in [".example.com.zone.swp", ".example.com.zone", "example.com.zone~", "#example.com.zone#", "4913"] {
            assert_eq!(split(name), None, "{name}");
        }
    }

    #[test]
    fn u_labels_are_their_a_labels() {
        assert_eq!(apex("日本語.example").unwrap().to_string(), "xn--wgv71a119e.example.");
        assert_eq!(apex("BÜCHER.example").unwrap(), apex("xn--bcher-kva.example").unwrap());
    }

    #[test]
    fn the_root_has_the_name_that_iana_gives_its_file() {
        assert!(apex("root").unwrap().as_ref().is_root());
        assert_eq!(apex("root.").unwrap().to_string(), "root.");
    }

    #[test]
    fn a_name_that_is_none_is_refused() {
        assert_eq!(apex("a..b"), Err(ZoneNameError::Name(NameError::EmptyLabel)));
        assert_eq!(apex(""), Err(ZoneNameError::Name(NameError::EmptyLabel)));
        assert!(apex("a\u{0}\u{fffd}é").is_err());
    }

    #[test]
    fn names_are_shown_as_in_the_zone_file() {
        let below =
            |text: &str| shown_below(Name::from_text(text).unwrap().as_ref(), apex("example.com").unwrap().as_ref());
        assert_eq!(below("www.a.example.com"), "www.a");
        assert_eq!(below("Example.com"), "@");
        assert_eq!(below("example.org"), "example.org.");
        assert_eq!(shown_below(apex("www.example").unwrap().as_ref(), NameRef::root()), "www.example");
    }

    #[test]
    fn a_stem_reads_as_the_name_it_was_made_of() {
        for text in
            ["example.com", "root", "root.", r"0\04731.2.0.192.in-addr.arpa", r"a\.b\009.c", "xn--wgv71a119e.example"]
        {
            let name = apex(text).unwrap();
            assert_eq!(apex(&stem(name.as_ref())).unwrap(), name, "{text}");
            assert!(!stem(name.as_ref()).contains('/'));
        }
    }
}
