//! Any octets at all, and good ones with faults: nothing panics, nothing is written past its room, every answer can
//! be read. The same rules are the targets of `fuzz/`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(unreachable_pub)]
mod holds;

use proptest::collection::vec;
use proptest::prelude::*;
use watari::clock::Instant;
use watari::wire::tsig::{Rejection, Signer, verify};

const CASES: u32 = 3000;

/// Names that the zone of [`holds::ZONE`] has something to say about.
const NAMES: [&[u8]; 16] = [
    b"\x07example\0",
    b"\x03www\x07eXample\0",
    b"\x05alias\x07example\0",
    b"\x04loop\x07example\0",
    b"\x03far\x07example\0",
    b"\x03www\x01d\x07example\0",
    b"\x01q\x01w\x07example\0",
    b"\x01q\x01c\x07example\0",
    b"\x01b\x01c\x07example\0",
    b"\x01x\x01a\x01b\x01c\x07example\0",
    b"\x03www\x03sub\x07example\0",
    b"\x05https\x07example\0",
    b"\x03big\x07example\0",
    b"\x07missing\x07example\0",
    b"\x07version\x04bind\0",
    b"\0",
];

/// A query in good form.
fn query() -> impl Strategy<Value = Vec<u8>> {
    let types = prop_oneof![
        4 => prop::sample::select(vec![1u16, 2, 5, 6, 15, 16, 28, 39, 43, 46, 47, 65, 255]),
        1 => any::<u16>(),
    ];
    let classes = prop_oneof![8 => Just(1u16), 1 => Just(3), 1 => any::<u16>()];
    let edns = prop::option::of((any::<u16>(), prop_oneof![9 => Just(0u8), 1 => any::<u8>()], any::<u16>()));
    let options = prop_oneof![
        3 => Just(Vec::new()),
        1 => Just(vec![0, 3, 0, 0]),
        1 => Just(vec![0, 11, 0, 0, 0, 3, 0, 0]),
        1 => vec(any::<u8>(), 0..20),
    ];
    (any::<u16>(), prop::sample::select(NAMES.to_vec()), types, classes, edns, options).prop_map(
        |(id, name, rtype, class, edns, options)| {
            let mut bytes = Vec::new();
            for value in [id, 0, 1, 0, 0, u16::from(edns.is_some())] {
                bytes.extend_from_slice(&value.to_be_bytes());
            }
            bytes.extend_from_slice(name);
            bytes.extend_from_slice(&rtype.to_be_bytes());
            bytes.extend_from_slice(&class.to_be_bytes());
            if let Some((size, version, flags)) = edns {
                bytes.extend_from_slice(&[0, 0, 41]);
                bytes.extend_from_slice(&size.to_be_bytes());
                bytes.extend_from_slice(&[0, version]);
                bytes.extend_from_slice(&flags.to_be_bytes());
                bytes.extend_from_slice(&u16::try_from(options.len()).unwrap().to_be_bytes());
                bytes.extend_from_slice(&options);
            }
            bytes
        },
    )
}

/// A question.
const QUESTION: &[u8] = b"\0\x01\0\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";

/// `request`, signed with the key that is known.
fn signed(mut request: Vec<u8>) -> Vec<u8> {
    let mut signer = Signer::asking(holds::key().into());
    let length = request.len();
    request.resize(length + signer.room(), 0);
    signer.sign(&mut request, length, Instant::from_unix_seconds(1_790_000_000)).unwrap();
    request
}

/// An update of the zone of [`holds::ZONE`]: records that may be anything of it, in both sections.
fn update() -> impl Strategy<Value = Vec<u8>> {
    let data: Vec<(u16, &'static [u8])> = vec![
        (1, &[192, 0, 2, 9]),
        (1, &[192, 0, 2, 2]),
        (2, b"\x02ns\xc0\x0c"),
        (5, b"\x03www\xc0\x0c"),
        (6, b"\x02ns\xc0\x0c\xc0\x0c\0\0\0\x09\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01"),
        (15, b"\0\x0a\x03www\xc0\x0c"),
        (16, b"\x04text"),
        (39, b"\x01t\xc0\x0c"),
        (46, b"\0\x01"),
        (255, b""),
    ];
    let data = prop_oneof![8 => prop::sample::select(data).prop_map(|(rtype, data)| (rtype, data.to_vec())),
                           1 => (any::<u16>(), vec(any::<u8>(), 0..9))];
    let names = [&NAMES[..15], &[b"\x01x\x02ab\xc0\x0c", b"\xc0\x0c"]].concat();
    let class = prop::sample::select(vec![1u16, 1, 254, 255, 3]);
    let record = (prop::sample::select(names), data, class, prop::sample::select(vec![0u32, 0, 300]), any::<bool>());
    let record = record.prop_map(|(name, (rtype, data), class, ttl, is_empty)| {
        let data = if class == 255 || is_empty && class == 254 { Vec::new() } else { data };
        let mut record = name.to_vec();
        record.extend(rtype.to_be_bytes());
        record.extend(class.to_be_bytes());
        record.extend(if class == 1 { ttl } else { 0 }.to_be_bytes());
        record.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        record.extend(data);
        record
    });
    (vec(record.clone(), 0..2), vec(record, 0..5)).prop_map(|(prerequisites, changes)| {
        let mut message = vec![0, 7, 0x28, 0, 0, 1];
        for count in [prerequisites.len(), changes.len(), 0] {
            message.extend(u16::try_from(count).unwrap().to_be_bytes());
        }
        message.extend(b"\x07example\0\0\x06\0\x01");
        [vec![message], prerequisites, changes].concat().concat()
    })
}

/// `bytes` with some octets changed, cut or added.
fn mutated(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (bytes, changes, any::<prop::sample::Index>(), 0..5u8, vec(any::<u8>(), 0..12)).prop_map(
        |(mut bytes, changes, at, how, more)| {
            for (index, octet) in changes {
                if !bytes.is_empty() {
                    let at = index.index(bytes.len());
                    bytes[at] = octet;
                }
            }
            match how {
                0 if !bytes.is_empty() => bytes.truncate(at.index(bytes.len())),
                1 => bytes.extend(more),
                2 if !bytes.is_empty() => {
                    let at = at.index(bytes.len());
                    bytes.splice(at..at, more);
                }
                _ => {}
            }
            bytes
        },
    )
}

/// A zone file made of pieces that mean something.
fn zone_file() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        b"$ORIGIN ",
        b"$TTL ",
        b"$INCLUDE ",
        b"$GENERATE ",
        b"1-3 ",
        b"$ ",
        b"${0,3,x} ",
        b"@ ",
        b"a ",
        b"*.b ",
        b"c.d. ",
        b"example. ",
        b"IN ",
        b"CH ",
        b"CLASS1 ",
        b"300 ",
        b"1h30m ",
        b"A ",
        b"AAAA ",
        b"TXT ",
        b"MX ",
        b"NS ",
        b"SOA ",
        b"CNAME ",
        b"TYPE65280 ",
        b"\\# ",
        b"4 ",
        b"0a000001 ",
        b"192.0.2.1 ",
        b"2001:db8::1 ",
        b"\"a b\" ",
        b"\" ",
        b"( ",
        b") ",
        b"; x\n",
        b"\n",
        b"\n",
        b"\n",
        b"\t",
        b"\\",
        b"\\065 ",
        b"\\300 ",
        "日本語 ".as_bytes(),
        b"\xff ",
        b"\0",
        b"LOC ",
        b"HTTPS ",
        b"1 . alpn=h2 ",
        b"RRSIG ",
        b"NSEC ",
        b"10 www\n",
        b"@ SOA ns h 1 1 1 1 1\n",
        b"@ NS ns\n",
    ];
    let drawn = vec(prop::sample::select(pieces), 0..40).prop_map(|pieces| pieces.concat());
    prop_oneof![
        drawn.clone(),
        drawn.prop_map(|drawn| [b"@ 300 SOA ns h 1 1 1 1 1\n@ NS ns\n".as_slice(), &drawn].concat()),
        Just(holds::ZONE.as_bytes().to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_answered_or_passed_over(request in vec(any::<u8>(), 0..80)) {
        holds::answer(&request);
    }

    #[test]
    fn good_queries_are_answered(request in query()) {
        holds::answer(&request);
    }

    #[test]
    fn queries_with_faults_are_answered(request in mutated(query())) {
        holds::answer(&request);
    }

    #[test]
    fn updates_are_made_whole_or_not_at_all(request in update()) {
        holds::answer(&request);
        holds::answer(&signed(request));
    }

    #[test]
    fn any_octets_behind_a_zone_section_are_answered(octets in vec(prop_oneof![3 => 0u8..8, 1 => Just(0xc0), 1 => any::<u8>()], 0..60)) {
        holds::update(&octets);
    }

    #[test]
    fn updates_with_faults_are_answered(request in mutated(update())) {
        holds::answer(&request);
    }

    #[test]
    fn requests_that_are_signed_are_answered(request in query(), cut in 0..80usize) {
        holds::tsig(&request);
        holds::tsig(&request[..request.len().saturating_sub(cut)]);
    }

    #[test]
    fn signatures_with_faults_are_refused(request in mutated(query().prop_map(signed))) {
        holds::tsig(&request);
    }

    #[test]
    fn any_octets_behind_a_question_are_no_signature(
        start in 0..60usize,
        more in vec(prop_oneof![1 => Just(0u8), 1 => Just(0xc0), 1 => any::<u8>()], 0..90),
    ) {
        let good = signed(QUESTION.to_vec());
        holds::tsig(&[&good[..(QUESTION.len() + start).min(good.len())], &more].concat());
    }

    #[test]
    fn transfers_with_faults_harm_nothing(at in 0..600usize, octet: u8, cut in 0..600usize, more in vec(any::<u8>(), 0..40)) {
        for seed in TRANSFERS {
            let mut octets = seed.to_vec();
            if let Some(place) = octets.get_mut(at) {
                *place = octet;
            }
            holds::transfer(&octets);
            octets.truncate(cut);
            octets.extend(&more);
            holds::transfer(&octets);
        }
    }

    #[test]
    fn rdata_of_any_type_is_printed_and_read_back(
        rtype in prop_oneof![3 => 1u16..70, 1 => 99u16..110, 1 => 249u16..265, 1 => any::<u16>()],
        data in vec(prop_oneof![2 => 0u8..8, 1 => any::<u8>()], 0..40),
    ) {
        holds::message(&[&rtype.to_be_bytes()[..], &data].concat());
    }

    #[test]
    fn names_of_any_octets_are_printed_and_read_back(labels in vec(vec(any::<u8>(), 1..12), 0..8)) {
        let mut wire = Vec::new();
        for label in labels {
            wire.push(u8::try_from(label.len()).unwrap());
            wire.extend(label);
        }
        wire.push(0);
        holds::message(&wire);
    }

    #[test]
    fn any_zone_file_is_read_or_explained(text in mutated(zone_file())) {
        holds::zone_file(&text);
    }

    #[test]
    fn any_plan_is_read_or_explained(text in mutated(Just(PLAN.to_vec()))) {
        holds::plan(&text);
    }
}

const PLAN: &[u8] = br#"version = 1
at = "2026-12-01T03:00[Asia/Tokyo]"
low_ttl = "60s"
ttl_after = "1h"

[[flip]]
name = "www"
type = "A"
from = ["192.0.2.2"]
to = ["192.0.2.20"]
"#;

/// A whole zone, and differences: as `fuzz/seeds/transfer` has them.
const TRANSFERS: [&[u8]; 2] =
    [include_bytes!("../../fuzz/seeds/transfer/whole"), include_bytes!("../../fuzz/seeds/transfer/differences")];

#[test]
fn the_seeds_of_the_fuzzer_are_what_they_are_called() {
    let keyring = [holds::key()].into_iter().collect();
    let verified = |seed: &[u8]| verify(seed, Instant::from_unix_seconds(1_790_000_000), &keyring, None);
    let (good, forged) =
        (include_bytes!("../../fuzz/seeds/tsig/signed"), include_bytes!("../../fuzz/seeds/tsig/forged"));
    assert!(matches!(verified(good), Ok(Some(_))));
    assert!(matches!(verified(forged), Err(Rejection::BadSig)));
    holds::tsig(good);
    holds::tsig(forged);
    holds::update(include_bytes!("../../fuzz/seeds/update/plain"));
}

#[test]
fn the_plan_that_is_mutated_is_good() {
    holds::plan(PLAN);
}
