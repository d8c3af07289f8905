//! The questions: names worth asking × types × ways to ask.

use std::borrow::Cow;

use crate::support::message;
use crate::support::query::{Edns, Query};
use crate::support::signing::Signed;
use crate::support::zones::Source;

/// A question and how it is put.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The zone from whose names it was made.
    pub(crate) zone: String,
    /// How it is put: `plain`, `edns`, `do`, …
    pub(crate) variant: Cow<'static, str>,
    pub(crate) query: Query,
    pub(crate) tcp: bool,
}

impl Case {
    /// The name asked for, as text.
    pub(crate) fn name(&self) -> String {
        message::name_to_text(&self.query.name)
    }

    /// The type asked for, as text.
    pub(crate) fn rtype(&self) -> String {
        message::type_to_text(self.query.rtype)
    }

    /// The most octets an answer may have.
    pub(crate) fn size_max(&self) -> usize {
        match (self.tcp, self.query.edns) {
            (true, _) => 65535,
            (false, None) => 512,
            (false, Some(edns)) => usize::from(edns.size.clamp(512, 1232)),
        }
    }
}

/// A way to put a question.
type Variant = (&'static str, Option<Edns>, bool);

const fn edns(size: u16, version: u8, flags: u16) -> Option<Edns> {
    Some(Edns { size, version, flags })
}

const PLAIN: Variant = ("plain", None, false);
const EDNS: Variant = ("edns", edns(4096, 0, 0), false);
const EDNS_1232: Variant = ("edns-1232", edns(1232, 0, 0), false);
const EDNS_512: Variant = ("edns-512", edns(512, 0, 0), false);
const EDNS_TINY: Variant = ("edns-tiny", edns(100, 0, 0), false);
const DO: Variant = ("do", edns(4096, 0, 0x8000), false);
const DO_1232: Variant = ("do-1232", edns(1232, 0, 0x8000), false);
const DO_512: Variant = ("do-512", edns(512, 0, 0x8000), false);
const VERSION_1: Variant = ("version-1", edns(1232, 1, 0), false);
const UNKNOWN_FLAGS: Variant = ("unknown-flags", edns(1232, 0, 0x4001), false);
const TCP: Variant = ("tcp", None, true);
const TCP_EDNS: Variant = ("tcp-edns", edns(1232, 0, 0), true);
const TCP_DO: Variant = ("tcp-do", edns(1232, 0, 0x8000), true);

/// The types that are asked for at every name.
const TYPES: [u16; 14] = [1, 2, 5, 6, 15, 16, 28, 33, 39, 43, 46, 47, 65, 255];
/// More types, asked in one way only.
const TYPES_MORE: [u16; 16] = [12, 13, 17, 18, 24, 25, 35, 36, 48, 50, 51, 64, 257, 731, 65280, 65535];
/// Types of questions only (RFC 6895 § 3.1), and 0.
const TYPES_META: [u16; 9] = [0, 41, 128, 249, 250, 251, 252, 253, 254];

/// The questions about unsigned zones.
pub(crate) fn of_unsigned(sources: &[Source]) -> Vec<Case> {
    let mut cases = Vec::new();
    for source in sources {
        let drawn = source.apex.starts_with("random");
        for name in source.names() {
            let mut ask = |types: &[u16], variants: &[Variant]| put(&mut cases, &source.apex, &name, types, variants);
            if drawn {
                ask(&[1, 2, 5, 15, 16, 39, 43, 255], &[DO]);
                continue;
            }
            ask(&TYPES, &[PLAIN, DO]);
            ask(&[1, 2, 6, 15, 16, 43, 65], &[EDNS, EDNS_512, TCP]);
            ask(&TYPES_MORE, &[EDNS_1232]);
            ask(&[16], &[VERSION_1, UNKNOWN_FLAGS, EDNS_TINY, TCP_EDNS, TCP_DO]);
        }
        let apex = message::name_from_text(&source.apex);
        put(&mut cases, &source.apex, &apex, &TYPES_META, &[PLAIN, EDNS]);
    }
    for name in [".", "test", "nowhere.test", "example", "zz.parent.tes", "est", "xnasty.test"] {
        put(&mut cases, "-", &message::name_from_text(name.trim_matches('.')), &TYPES, &[PLAIN, DO, TCP]);
    }
    cases
}

/// The questions about signed zones.
pub(crate) fn of_signed(zones: &[Signed]) -> Vec<Case> {
    let types: Vec<u16> = TYPES.into_iter().chain([48, 50, 51]).collect();
    let mut cases = Vec::new();
    // What `plain.optout` holds, `unsigned` holds too.
    for zone in zones.iter().filter(|zone| !zone.source.apex.starts_with("plain.")) {
        for name in zone.source.names() {
            let mut ask =
                |types: &[u16], variants: &[Variant]| put(&mut cases, &zone.source.apex, &name, types, variants);
            ask(&types, &[DO]);
            ask(&[1, 43, 46, 47, 255], &[EDNS]);
            ask(&[1, 16], &[PLAIN, DO_512, DO_1232, TCP_DO]);
        }
    }
    cases
}

fn put(cases: &mut Vec<Case>, zone: &str, name: &[u8], types: &[u16], variants: &[Variant]) {
    for &rtype in types {
        for &(variant, edns, tcp) in variants {
            // Over TCP this would be a transfer.
            if tcp && matches!(rtype, 251 | 252) {
                continue;
            }
            let mut query = Query::of(name.to_vec(), rtype);
            query.edns = edns;
            cases.push(Case { zone: zone.to_owned(), variant: variant.into(), query, tcp });
        }
    }
}
