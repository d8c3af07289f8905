//! Every type beside BIND and ldns: the same text gives the same octets.

use std::collections::BTreeSet;

use watari::wire::rdata;
use watari::wire::{Name, Rtype};
use watari::zone::text::{self, NoInclude};

use super::ALL_TYPES;
use super::peers::{self, Octets, Reading};

/// The owners of records that BIND 9.18 does not read: MD and MF, which are obsolete (RFC 1035 § 3.3.4).
const NOT_FOR_BIND: &[&str] = &["md", "mf"];

/// The owners of records that ldns 1.8 does not read. It does not know these types (it takes NXT
/// for NSEC); it wants quotes around the value of CAA and types in CSYNC; it takes the name of
/// NSAP-PTR (RFC 1348 § 5) for a text; it prints a $ at the start of a line without a backslash;
/// it leaves out the format octet of ATMA (af-saa-0069 § 2.2), does not undo the escapes of a list in SVCB (RFC 9460
/// appendix A.1), and leaves a relative gateway of IPSECKEY without its origin.
const NOT_FOR_LDNS: &[&str] = &[
    "nsap-ptr",
    "nxt",
    "atma",
    "atma2",
    "https3",
    "ipseckey3",
    "a6",
    "a6b",
    "a6c",
    "sink",
    "ninfo",
    "rkey",
    "csync0",
    "caa",
    "avc",
    "doa",
    "doa2",
    "amtrelay",
    "amtrelay1",
    "amtrelay2",
    "amtrelay3",
    "ta",
    "\\$x\\.y\\@\\059",
];

/// The file without the records of `owners`.
fn without(owners: &[&str]) -> String {
    let kept = |line: &&str| !line.split_whitespace().next().is_some_and(|owner| owners.contains(&owner));
    let lines: Vec<&str> = ALL_TYPES.lines().filter(kept).collect();
    lines.join("\n") + "\n"
}

fn assert_same(ours: &BTreeSet<Octets>, theirs: &BTreeSet<Octets>, peer: &str) {
    for (missing, whose) in [(ours.difference(theirs), "only ours"), (theirs.difference(ours), peer)] {
        for (owner, rtype, ttl, rdata) in missing {
            eprintln!("{whose}: {} {ttl} {rtype} {rdata:02x?}", String::from_utf8_lossy(owner));
        }
    }
    assert!(ours == theirs, "the records differ from those of {peer}");
}

#[test]
fn the_sample_has_every_type_of_the_field_table() {
    let types: BTreeSet<Rtype> = peers::records(ALL_TYPES).into_iter().map(|(_, rtype, ..)| rtype).collect();
    let known = (1..=u16::MAX).map(Rtype).filter(|&rtype| rdata::fields(rtype).is_some());
    let missing: Vec<Rtype> = known.filter(|rtype| !types.contains(rtype)).collect();
    assert!(missing.is_empty(), "no record of {missing:?} in all-types.zone");
}

#[test]
fn every_type_has_the_octets_that_bind_gives_it() {
    let directory = tempfile::tempdir().unwrap();
    let text = without(NOT_FOR_BIND);
    std::fs::write(directory.path().join("all.zone"), &text).unwrap();
    match peers::bind(directory.path(), "all.zone") {
        Reading::Records(theirs) => assert_same(&peers::records(&text), &theirs, "BIND"),
        Reading::Refused(why) => panic!("{why}"),
        Reading::Garbled => panic!("garbled"),
    }
}

#[test]
fn every_type_has_the_octets_that_ldns_gives_it() {
    let directory = tempfile::tempdir().unwrap();
    let text = without(NOT_FOR_LDNS);
    std::fs::write(directory.path().join("all.zone"), format!("$ORIGIN example.com.\n{text}")).unwrap();
    match peers::ldns(directory.path(), "all.zone") {
        Reading::Records(theirs) => assert_same(&peers::records(&text), &theirs, "ldns"),
        Reading::Refused(why) => panic!("{why}"),
        Reading::Garbled => panic!("garbled"),
    }
}

/// What we print, canonical or pretty, BIND and ldns read as the records that we meant.
#[test]
fn what_we_print_is_read_by_bind_and_ldns() {
    let apex = Name::from_text("example.com").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(directory.path().join("printed.zone"), text).unwrap();
    let print = |owners: &[&str]| {
        let loaded = text::load(apex.as_ref(), &"all.zone".into(), without(owners).as_bytes(), &NoInclude);
        let zone = loaded.zone.unwrap();
        let (mut canonical, mut pretty) = (String::new(), String::new());
        text::print_canonical(zone.view(), &mut canonical).unwrap();
        text::print_pretty(zone.view(), &mut pretty).unwrap();
        [canonical, pretty]
    };
    for printed in print(NOT_FOR_BIND) {
        write(&printed);
        match peers::bind(directory.path(), "printed.zone") {
            Reading::Records(theirs) => assert_same(&peers::records(&without(NOT_FOR_BIND)), &theirs, "BIND"),
            Reading::Refused(why) => panic!("{why}\n{printed}"),
            Reading::Garbled => panic!("garbled"),
        }
    }
    for printed in print(NOT_FOR_LDNS) {
        write(&printed);
        match peers::ldns(directory.path(), "printed.zone") {
            Reading::Records(theirs) => assert_same(&peers::records(&without(NOT_FOR_LDNS)), &theirs, "ldns"),
            Reading::Refused(why) => panic!("{why}\n{printed}"),
            Reading::Garbled => panic!("garbled"),
        }
    }
}
