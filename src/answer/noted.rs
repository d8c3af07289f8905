//! What is left of an answer for who counts: what kind it was, and what of a running plan was in it.
//!
//! It is written beside the answer, over what was noted of the one before, and never changes an answer.

use crate::wire::{Rcode, Rtype};
use crate::zone::NameHash;

/// What this program is built without, to measure what that costs (`benches/meter.rs`): `meter`, or `counting`, which is
/// both. Nothing, as anybody else builds it.
const WITHOUT: &[u8] = match option_env!("WATARI_BENCH_WITHOUT") {
    Some(without) => without.as_bytes(),
    None => b"",
};
/// Whether answers are counted by their kind.
pub(crate) const COUNTS: bool = !matches!(WITHOUT, b"counting");
/// Whether it is noted what of running plans was in them.
pub(crate) const METERS: bool = COUNTS && !matches!(WITHOUT, b"meter");

/// The types that are told apart; all others are one. Their places are what a [`Kind`] holds.
pub const TYPES: [Rtype; 25] = [
    Rtype::A,
    Rtype::NS,
    Rtype::CNAME,
    Rtype::SOA,
    Rtype::PTR,
    Rtype::MX,
    Rtype::TXT,
    Rtype::AAAA,
    Rtype::SRV,
    Rtype::NAPTR,
    Rtype::DNAME,
    Rtype::DS,
    Rtype::SSHFP,
    Rtype::RRSIG,
    Rtype::NSEC,
    Rtype::DNSKEY,
    Rtype::TLSA,
    Rtype::CDS,
    Rtype::CDNSKEY,
    Rtype::SVCB,
    Rtype::HTTPS,
    Rtype::IXFR,
    Rtype::AXFR,
    Rtype::ANY,
    Rtype::CAA,
];
/// The place of all other types.
const OTHER: u16 = 30;
/// The place of requests in which no question was read.
const NONE: u16 = 31;

/// For each type up to CAA the kind of which no more is known.
const KINDS: [Kind; 258] = {
    let mut kinds = [Kind(OTHER << PLACE_AT); 258];
    // No record has this type: it stands for a question that could not be read.
    kinds[0] = Kind(NONE << PLACE_AT);
    let mut at = 0;
    while at < TYPES.len() {
        kinds[TYPES[at].0 as usize] = Kind((at as u16) << PLACE_AT);
        at += 1;
    }
    kinds
};

// The bits of a kind. The RCODE of the header is where it is in the header.
const RCODE: u16 = 0xf;
const TRUNCATED: u16 = 1 << 4;
const EDNS: u16 = 1 << 5;
const DNSSEC_OK_AT: u16 = 6;
const PLACE_AT: u16 = 7;

/// The RCODE of four bits that stands for BADVERS, which has more: nobody uses it.
const BADVERS: u16 = 14;
/// The RCODE of four bits that stands for silence.
const SILENCE: u16 = 15;

/// What kind of an answer it was, in twelve bits, so that counting it is one addition: the type's place, DO, EDNS,
/// whether it was truncated, and the RCODE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kind(u16);

/// What a [`Kind`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// What was asked for.
    pub asked: Asked,
    /// What was said; `None` if nothing was.
    pub rcode: Option<Rcode>,
    /// Whether it was truncated.
    pub truncated: bool,
    /// Whether DNSSEC records were wanted.
    pub dnssec_ok: bool,
    /// Whether the request had an OPT record.
    pub edns: bool,
}

/// What a request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Records of one of [`TYPES`].
    Type(Rtype),
    /// Records of another type.
    Other,
    /// Nothing that could be read, or with another opcode.
    Nothing,
}

impl Kind {
    /// How many kinds there are.
    pub const COUNT: usize = 1 << 12;
    /// Nothing was said.
    pub(super) const SILENCE: Kind = Kind(NONE << PLACE_AT | SILENCE);

    /// The kind of an answer to a question for `qtype`, of which nothing else is known yet.
    #[inline]
    pub(super) fn of(qtype: Rtype) -> Kind {
        KINDS.get(usize::from(qtype.0)).copied().unwrap_or(Kind(OTHER << PLACE_AT))
    }

    /// The same, with EDNS.
    #[inline]
    pub(super) fn with_edns(self, dnssec_ok: bool) -> Kind {
        Kind(self.0 | EDNS | u16::from(dnssec_ok) << DNSSEC_OK_AT)
    }

    /// The same, as the two octets of flags in the header of the answer say.
    #[inline]
    pub(super) fn with_flags(self, first: u8, second: u8) -> Kind {
        Kind(self.0 | u16::from(first & 2) << 3 | u16::from(second) & RCODE)
    }

    /// The same, where the RCODE is BADVERS, of which the header has no more than zeros.
    pub(super) fn with_badvers(self) -> Kind {
        Kind(self.0 | BADVERS)
    }

    /// Its number, below [`Kind::COUNT`].
    #[inline]
    pub fn number(self) -> usize {
        usize::from(self.0)
    }

    /// What the kind of this number says.
    pub fn told(number: usize) -> Told {
        let number = (number % Kind::COUNT) as u16;
        let asked = match number >> PLACE_AT {
            NONE => Asked::Nothing,
            place => TYPES.get(usize::from(place)).map_or(Asked::Other, |&rtype| Asked::Type(rtype)),
        };
        let rcode = match number & RCODE {
            SILENCE => None,
            BADVERS => Some(Rcode::BADVERS),
            rcode => Some(Rcode(rcode)),
        };
        let is_set = |bit: u16| number & bit != 0;
        Told { asked, rcode, truncated: is_set(TRUNCATED), dnssec_ok: is_set(1 << DNSSEC_OK_AT), edns: is_set(EDNS) }
    }
}

/// The most zones with running plans that one answer is noted for: an alias may lead from one into another.
pub(super) const HANDED_MAX: usize = 4;

/// What an answer held of a zone whose plan runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handed {
    /// The hash of the apex.
    pub apex: NameHash,
    /// What it was.
    pub what: What,
}

/// What was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Data that the plan flips, as it was before, with this as its longest TTL, in seconds.
    Old(u32),
    /// The same as it is afterwards.
    New(u32),
    /// That the question's name, which has this hash and so many labels left of the apex, does not exist.
    Missing(NameHash, u8),
}

/// What was noted of the last answer.
#[derive(Clone, Copy, Debug)]
pub struct Noted {
    /// Its kind.
    pub kind: Kind,
    count: usize,
    handed: [Handed; HANDED_MAX],
    /// Of the last answer that held something of such zones: what it answered, if it came in a row.
    asked: Option<Asking>,
    /// How often that was asked again in its row.
    repeats: u64,
}

/// A question in a row of datagrams. Where it is asked again in its row, the answer holds the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asking {
    row: u64,
    name: NameHash,
    /// The type, whether DNSSEC records are wanted, and how many octets the records may fill.
    manner: u64,
}

impl Asking {
    #[inline]
    pub(super) fn new(row: u64, name: NameHash, qtype: Rtype, dnssec_ok: bool, limit: usize) -> Asking {
        Asking { row, name, manner: (limit as u64) << 32 | u64::from(dnssec_ok) << 16 | u64::from(qtype.0) }
    }
}

impl Noted {
    pub(super) const NOTHING: Noted = Noted {
        kind: Kind::SILENCE,
        count: 0,
        handed: [Handed { apex: NameHash(0), what: What::Old(0) }; HANDED_MAX],
        asked: None,
        repeats: 0,
    };

    /// Whether it held something of zones whose plan runs.
    #[inline]
    pub fn is_met(&self) -> bool {
        self.count > 0
    }

    /// What it held of zones whose plan runs.
    #[inline]
    pub fn handed(&self) -> &[Handed] {
        self.handed.get(..self.count).unwrap_or_default()
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// How often the last answer that held something of such zones was given again since this was asked last.
    #[inline]
    pub(super) fn take_repeats(&mut self) -> u64 {
        std::mem::take(&mut self.repeats)
    }

    /// Whether `asking` repeats the last question whose answer held something of such zones; then that is counted.
    #[inline]
    pub(super) fn is_repeat(&mut self, asking: Asking) -> bool {
        let is_repeat = self.asked == Some(asking);
        self.repeats += u64::from(is_repeat);
        is_repeat
    }

    /// What was handed out answers `asking`; `None`: it can't be repeated.
    #[inline]
    pub(super) fn remember(&mut self, asking: Option<Asking>) {
        self.asked = asking;
    }

    /// Notes what was handed out of the zone whose plan runs and whose apex has this hash. What is too many is not noted.
    #[inline]
    pub(super) fn hand(&mut self, apex: NameHash, what: What) {
        if let Some(place) = self.handed.get_mut(self.count) {
            *place = Handed { apex, what };
            self.count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_tells_what_it_was_made_of() {
        let kinds = [
            (Rtype::A, Rcode::NOERROR, false, None),
            (Rtype::CAA, Rcode::NXDOMAIN, true, Some(true)),
            (Rtype(65_280), Rcode::REFUSED, false, Some(false)),
            (Rtype(0), Rcode::FORMERR, false, None),
            (Rtype::TXT, Rcode::BADVERS, false, Some(true)),
        ];
        for (qtype, rcode, truncated, edns) in kinds {
            let asked = match qtype {
                Rtype(0) => Asked::Nothing,
                rtype if TYPES.contains(&rtype) => Asked::Type(rtype),
                _ => Asked::Other,
            };
            let mut kind = Kind::of(qtype).with_flags(0x84 | u8::from(truncated) << 1, rcode.0 as u8 & 0xf);
            if let Some(dnssec_ok) = edns {
                kind = kind.with_edns(dnssec_ok);
            }
            if rcode == Rcode::BADVERS {
                kind = kind.with_badvers();
            }
            let expected =
                Told { asked, rcode: Some(rcode), truncated, dnssec_ok: edns == Some(true), edns: edns.is_some() };
            assert_eq!(Kind::told(kind.number()), expected);
        }
        assert_eq!(Kind::told(Kind::SILENCE.number()).rcode, None);
    }

    #[test]
    fn each_type_has_a_place_of_its_own() {
        let mut numbers: Vec<_> = TYPES.iter().map(|&rtype| Kind::of(rtype).number()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), TYPES.len());
    }
}
