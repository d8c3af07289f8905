//! Catalog zones that are right, odd and broken.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::zone::{Zone, text};

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

fn zone(records: &str) -> Zone {
    let file = format!("$TTL 0\n@ SOA invalid. invalid. 1 60 60 600 0\n@ NS invalid.\n{records}");
    let loaded = text::load(name("catalog.example").as_ref(), &"c".into(), file.as_bytes(), &text::NoInclude);
    loaded.zone.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

/// What `records` beside the right version list, in words.
fn read(records: &str) -> Result<String, String> {
    let zone = zone(&format!("version TXT 2\n{records}"));
    let members = Members::read(zone.view()).map_err(|broken| broken.to_string())?;
    let shown = members.iter().map(|(apex, member)| {
        let goes_to = member.goes_to.iter().map(|to| format!(" to {to}")).collect::<String>();
        format!("{} is {apex} [{}]{goes_to}", member.label, member.groups.join(" "))
    });
    Ok(shown.collect::<Vec<_>>().join("\n"))
}

#[test]
fn rfc9432_4_1_members_are_what_their_ptr_records_name() {
    assert_eq!(read("").unwrap(), "");
    let listed = read("B.zones PTR Example.NET.\na.ZONES PTR example.com.\n").unwrap();
    assert_eq!(listed, "a is example.com. []\nb is example.net. []");
    // Under a label that is no label of text, too.
    assert_eq!(read("\\000\\.x.zones PTR a.example.\n").unwrap(), r"\x00.x is a.example. []");
}

#[test]
fn rfc9432_4_2_what_is_not_known_is_passed_over() {
    let odd = "a.zones PTR a.example.\na.zones TXT \"what\"\nb.zones TXT \"no member\"\ngroup.b.zones TXT \"g\"\n\
               coo.b.zones PTR other.\nx.ext A 192.0.2.1\nx.ext.a.zones PTR b.example.\nowner.a.zones TXT \"me\"\n\
               group.a.zones PTR x.\ncoo.a.zones TXT \"x\"\nversion PTR 3.\nversion.zones A 192.0.2.1\n";
    assert_eq!(read(odd).unwrap(), "a is a.example. []");
}

#[test]
fn rfc9432_4_3_groups_and_where_a_member_may_go() {
    let listed = read(
        "a.zones PTR a.example.\ngroup.a.zones TXT \"two words\"\ngroup.a.zones TXT b\ncoo.a.zones PTR Other.Example.\n\
         b.zones PTR b.example.\ngroup.b.zones TXT \"in\" \"pieces\"\ngroup.b.zones TXT \"\\255\"\n",
    );
    assert_eq!(listed.unwrap(), "a is a.example. [b two words] to other.example.\nb is b.example. []");
}

#[test]
fn rfc9432_5_1_what_is_broken_lists_nothing() {
    let is_broken = |records: &str, why: &str| {
        let broken = Members::read(zone(records).view()).unwrap_err().to_string();
        assert!(broken.contains(why), "{broken}");
    };
    is_broken("a.zones PTR a.example.\n", "no TXT record at version.catalog.example.");
    is_broken("version A 192.0.2.1\n", "no TXT record at version.catalog.example.");
    for version in ["1", "3", "\"\"", "2 2", "\"2 \""] {
        is_broken(&format!("version TXT {version}\n"), "is not the one TXT record \"2\"");
    }
    is_broken("version TXT 2\nversion TXT 3\n", "is not the one TXT record \"2\"");
    is_broken("version TXT 2\na.zones PTR a.\na.zones PTR b.\n", "a.zones.catalog.example. has more than one PTR");
    is_broken("version TXT 2\ncoo.a.zones PTR a.\ncoo.a.zones PTR b.\n", "coo.a.zones.catalog.example. has more than");
    is_broken(
        "version TXT 2\na.zones PTR a.example.\nb.zones PTR A.example.\n",
        "a.example. is listed twice, under a and b",
    );
}
