//! Properties of the presentation format: what is printed reads back to the same octets, and no
//! text, however broken, does more than give diagnostics.
use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use watari::wire::rdata::{self, Field};
use watari::wire::{Name, NameRef, Rtype};
use watari::zone::text::{self, NoInclude, Options, Verdict};
use watari::zone::{Ttl, Zone, ZoneBuilder};

fn origin() -> Name {
    Name::from_text("example.com").unwrap()
}

// ---- Generators

fn label() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => select(vec![&b"a"[..], b"WWW", b"*", b"_25", b"x-y", b"@", b"\\", b"\\#", b"$TTL", b"a.b", b"xn--wgv71a119e"])
            .prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 1..20),
        1 => Just(vec![b'z'; 63]),
    ]
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let suffix = select(vec![&b"\0"[..], b"\x07example\x03com\0", b"\x07Example\x03com\0", b"\x03com\0"]);
    (prop::collection::vec(label(), 0..4), suffix).prop_map(|(labels, suffix)| {
        let mut wire = Vec::new();
        for label in labels {
            wire.push(u8::try_from(label.len()).unwrap());
            wire.extend(label);
        }
        wire.extend(suffix);
        wire
    })
}

fn octets(length: impl Into<prop::collection::SizeRange>) -> BoxedStrategy<Vec<u8>> {
    prop::collection::vec(any::<u8>(), length).boxed()
}

fn counted(length: std::ops::Range<usize>) -> BoxedStrategy<Vec<u8>> {
    octets(length)
        .prop_map(|text| {
            let mut counted = vec![u8::try_from(text.len()).unwrap()];
            counted.extend(text);
            counted
        })
        .boxed()
}

fn bitmap() -> BoxedStrategy<Vec<u8>> {
    prop::collection::btree_set(prop_oneof![0u16..300, any::<u16>()], 0..12)
        .prop_map(|types| {
            let mut wire = Vec::new();
            let types: Vec<u16> = types.into_iter().collect();
            for window in types.chunk_by(|a, b| a >> 8 == b >> 8) {
                let mut bits = [0u8; 32];
                for rtype in window {
                    bits[usize::from(rtype & 0xff) / 8] |= 0x80 >> (rtype & 7);
                }
                let length = bits.iter().rposition(|&octet| octet != 0).unwrap() + 1;
                wire.push(u8::try_from(window[0] >> 8).unwrap());
                wire.push(u8::try_from(length).unwrap());
                wire.extend_from_slice(&bits[..length]);
            }
            wire
        })
        .boxed()
}

fn svc_params() -> BoxedStrategy<Vec<u8>> {
    let value = |key: u16| -> BoxedStrategy<Vec<u8>> {
        match key {
            0 => prop::collection::btree_set(1u16..10, 1..3)
                .prop_map(|keys| keys.iter().flat_map(|key| key.to_be_bytes()).collect())
                .boxed(),
            1 => prop::collection::vec(
                prop_oneof![Just(b"\x02h2".to_vec()), Just(b"\x05f\\oo,".to_vec()), counted(1..6)],
                1..4,
            )
            .prop_map(|items| items.concat())
            .boxed(),
            2 | 8 => Just(Vec::new()).boxed(),
            3 => octets(2),
            4 => octets(8),
            6 => octets(32),
            7 => Just(b"/dns-query{?dns}".to_vec()).boxed(),
            _ => octets(0..20),
        }
    };
    let keys = prop::collection::btree_set(prop_oneof![6 => 0u16..10, 1 => any::<u16>()], 0..6);
    keys.prop_flat_map(move |keys| {
        keys.into_iter()
            .map(|key| {
                // Now and then a value that its key does not allow.
                let value = prop_oneof![9 => value(key), 1 => octets(0..5)];
                value.prop_map(move |value| {
                    let mut wire = key.to_be_bytes().to_vec();
                    wire.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
                    wire.extend(value);
                    wire
                })
            })
            .collect::<Vec<_>>()
    })
    .prop_map(|params| params.concat())
    .boxed()
}

fn gateway(flag: u8) -> BoxedStrategy<(u8, Vec<u8>)> {
    let flag = select(vec![0, flag]);
    let host = prop_oneof![
        Just((0u8, Vec::new())),
        octets(4).prop_map(|host| (1, host)),
        octets(16).prop_map(|host| (2, host)),
        name().prop_map(|host| (3, host)),
    ];
    (flag, host).prop_map(|(flag, (kind, host))| (flag | kind, host)).boxed()
}

/// Octets that have the form of `field`.
fn field(field: Field) -> BoxedStrategy<Vec<u8>> {
    match field {
        Field::CompressibleName | Field::Name => name().boxed(),
        Field::U8 | Field::Algorithm => octets(1),
        Field::U16 | Field::Rtype | Field::CertType => octets(2),
        Field::U32 | Field::Period | Field::Time | Field::Ipv4 => octets(4),
        Field::Ipv6 => octets(16),
        Field::Eui48 => octets(6),
        Field::Eui64 | Field::Locator64 => octets(8),
        Field::CharacterString => counted(0..256),
        Field::OptionalCharacterString => prop_oneof![Just(Vec::new()), counted(0..20)].boxed(),
        Field::CharacterStrings => {
            prop::collection::vec(counted(0..30), 1..4).prop_map(|strings| strings.concat()).boxed()
        }
        Field::Text => octets(0..300),
        Field::Tag => prop_oneof![Just(b"\x05issue".to_vec()), counted(1..9)].boxed(),
        Field::Hex => prop_oneof![octets(20), octets(32), octets(1..60)].boxed(),
        Field::Base64 => octets(0..100),
        Field::Nsap => octets(0..21),
        Field::SaltHex => counted(0..20),
        Field::HashBase32 => counted(1..40),
        Field::TypeBitmap => bitmap(),
        Field::NxtBitmap => octets(0..17),
        Field::Atma => octets(2..21),
        Field::A6 => (0u8..=128, octets(16), name())
            .prop_map(|(length, suffix, name)| {
                let mut wire = vec![length];
                wire.extend_from_slice(&suffix[usize::from(length / 8)..]);
                if length > 0 {
                    wire.extend(name);
                }
                wire
            })
            .boxed(),
        Field::Loc => (octets(3), prop::collection::vec(any::<u32>(), 3), any::<bool>())
            .prop_map(|(sizes, angles, tame)| {
                let mut wire = vec![0];
                wire.extend(sizes.iter().map(|&size| if tame { 0x10 | (size % 10) } else { size }));
                for angle in angles {
                    let angle = if tame { (1 << 31) - 300_000_000 + angle % 600_000_000 } else { angle };
                    wire.extend(angle.to_be_bytes());
                }
                wire
            })
            .boxed(),
        Field::Prefixes => {
            prop::collection::vec((select(vec![1u8, 2, 3]), any::<u8>(), any::<bool>(), octets(0..17)), 0..4)
                .prop_map(|items| {
                    let mut wire = Vec::new();
                    for (family, length, negated, address) in items {
                        let length = if family == 1 { length % 34 } else { length };
                        let kept = address.len().min(if family == 1 { 5 } else { 17 });
                        wire.extend([0, family, length, u8::try_from(kept).unwrap() | if negated { 0x80 } else { 0 }]);
                        wire.extend_from_slice(&address[..kept]);
                    }
                    wire
                })
                .boxed()
        }
        Field::SvcParams => svc_params(),
        Field::IpseckeyGateway => (gateway(0), any::<u8>())
            .prop_map(|((kind, host), algorithm)| [vec![kind, algorithm], host].concat())
            .boxed(),
        Field::AmtRelay => gateway(0x80).prop_map(|(kind, host)| [vec![kind], host].concat()).boxed(),
        Field::Hip => (any::<u8>(), octets(1..20), octets(1..100))
            .prop_map(|(algorithm, tag, key)| {
                let mut wire = vec![u8::try_from(tag.len()).unwrap(), algorithm];
                wire.extend(u16::try_from(key.len()).unwrap().to_be_bytes());
                [wire, tag, key].concat()
            })
            .boxed(),
        Field::Names => prop::collection::vec(name(), 0..3).prop_map(|names| names.concat()).boxed(),
        Field::Wks => octets(1..20),
    }
}

/// Every type of the field table, and one that is not in it.
fn types() -> Vec<Rtype> {
    (1..=u16::MAX)
        .map(Rtype)
        .filter(|&rtype| rdata::fields(rtype).is_some() && !rtype.is_meta() || rtype.0 == 65_280)
        .collect()
}

fn rdata_of(rtype: Rtype) -> BoxedStrategy<Vec<u8>> {
    match rdata::fields(rtype) {
        None => octets(0..30),
        Some(fields) => {
            let fields: Vec<_> = fields.iter().map(|&each| field(each)).collect();
            fields.prop_map(|parts| parts.concat()).boxed()
        }
    }
}

fn typed_rdata() -> impl Strategy<Value = (Rtype, Vec<u8>)> {
    select(types())
        .prop_flat_map(|rtype| rdata_of(rtype).prop_map(move |rdata| (rtype, rdata)))
        .prop_filter("has the form of its type", |(rtype, rdata)| rdata::check(*rtype, rdata).is_ok())
}

fn owner() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(label(), 0..3).prop_map(|labels| {
        let mut wire = Vec::new();
        for label in labels {
            wire.push(u8::try_from(label.len()).unwrap());
            wire.extend(label);
        }
        wire.extend(origin().wire());
        wire
    })
}

fn zone() -> impl Strategy<Value = Zone> {
    let record = (owner(), select(vec![0u32, 60, 3600, 0x7fff_ffff]), typed_rdata());
    prop::collection::vec(record, 0..25).prop_map(|records| {
        let mut builder = ZoneBuilder::new(origin().as_ref());
        let soa = text::parse_rdata(Rtype::SOA, "ns hostmaster 1 2 3 4 5", origin().as_ref()).unwrap();
        builder.add(origin().as_ref(), Rtype::SOA, Ttl(3600), &soa).unwrap();
        for (owner, ttl, (rtype, rdata)) in records {
            if rtype != Rtype::SOA {
                builder.add(NameRef::parse(&owner).unwrap(), rtype, Ttl(ttl), &rdata).unwrap();
            }
        }
        builder.finish().unwrap().0
    })
}

// ---- Properties

fn records(zone: &Zone) -> BTreeSet<(Vec<u8>, Rtype, Ttl, Vec<u8>)> {
    let mut records = BTreeSet::new();
    for node in zone.nodes() {
        for rrset in node.rrsets() {
            for rdata in rrset.rdatas() {
                records.insert((node.name().wire().to_vec(), rrset.rtype(), rrset.ttl(), rdata));
            }
        }
    }
    records
}

fn load(text: &str) -> Zone {
    let loaded = text::load(origin().as_ref(), &"printed.zone".into(), text.as_bytes(), &NoInclude);
    match loaded.zone {
        Some(zone) => zone,
        None => panic!("{}\n{text}", watari::diag::render(&loaded.diagnostics, false)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn printed_rdata_reads_back((rtype, rdata) in typed_rdata(), relative: bool) {
        let origin = origin();
        let mut text = String::new();
        text::print_rdata(rtype, &rdata, &mut text, relative.then_some(origin.as_ref())).unwrap();
        let back = text::parse_rdata(rtype, &text, origin.as_ref());
        prop_assert_eq!(back.as_deref(), Ok(&rdata[..]), "{} {}", rtype, text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn printed_zones_read_back(zone in zone()) {
        let (mut canonical, mut pretty) = (String::new(), String::new());
        text::print_canonical(zone.view(), &mut canonical).unwrap();
        text::print_pretty(zone.view(), &mut pretty).unwrap();
        prop_assert_eq!(records(&load(&canonical)), records(&zone), "{}", canonical);
        prop_assert_eq!(records(&load(&pretty)), records(&zone), "{}", pretty);
        let mut again = String::new();
        text::print_canonical(load(&pretty).view(), &mut again).unwrap();
        prop_assert_eq!(again, canonical);
    }
}

/// Reads whatever it is given; the only claim is that this ends, and ends well.
fn survive(text: &[u8]) {
    let origin = origin();
    let path: Arc<str> = "broken.zone".into();
    let options = Options { origin: origin.as_ref(), default_ttl: None, include: &NoInclude };
    let mut records = 0usize;
    let diagnostics = text::parse(&path, text, &options, &mut |record| {
        records += 1;
        assert!(rdata::check(record.rtype, record.rdata).is_ok(), "{} {:?}", record.rtype, record.rdata);
        let mut printed = String::new();
        text::print_rdata(record.rtype, record.rdata, &mut printed, None).unwrap();
        if records < 1000 { Verdict::Next } else { Verdict::Stop }
    });
    assert!(diagnostics.len() <= watari::diag::DIAGNOSTICS_MAX);
    for diagnostic in &diagnostics {
        for label in &diagnostic.labels {
            assert!(label.place.source.get(label.place.span.clone()).is_some(), "{diagnostic:?}");
        }
    }
    let _ = watari::diag::render(&diagnostics, false);
    if records < 1000
        && let Some(zone) = text::load(origin.as_ref(), &path, text, &NoInclude).zone
    {
        let mut pretty = String::new();
        text::print_pretty(zone.view(), &mut pretty).unwrap();
        assert_eq!(self::records(&load(&pretty)), self::records(&zone), "{pretty}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn random_octets_do_no_harm(text in prop::collection::vec(any::<u8>(), 0..400)) {
        survive(&text);
    }

    #[test]
    fn random_words_do_no_harm(words in prop::collection::vec(select(vec![
        "a", "@", ".", "..", "60", "1h", "IN", "CH", "A", "MX", "TXT", "SOA", "SVCB", "LOC", "APL", "HIP", "WKS",
        "$ORIGIN", "$TTL", "$GENERATE", "$INCLUDE", "1-3", "1-2/1", "a$", "${1,2,n}", "${", "\"", "\"x\"", "(", ")",
        "\n", "\n ", ";", "\\#", "\\", "\\0", "\\000", "4", "C0000201", "192.0.2.1", "::1", "alpn=", "alpn=h2",
        "mandatory=alpn", "key1", "N", "E", "10m", "1:1.2.3.4/24", "日本語", "\u{feff}", "\r", "=", "-", "+1", "0x1",
    ]), 0..60)) {
        survive(words.join(" ").as_bytes());
        survive(words.concat().as_bytes());
    }

    #[test]
    fn mutated_zones_do_no_harm(edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, any::<u8>()), 1..8)) {
        let mut text = super::ALL_TYPES.as_bytes().to_vec();
        for (at, kind, octet) in edits {
            let at = at.index(text.len().max(1));
            match kind {
                _ if text.is_empty() => text.push(octet),
                0 => text[at] = octet,
                1 => text.insert(at, octet),
                2 => drop(text.remove(at)),
                _ => text.truncate(at + 1),
            }
        }
        survive(&text);
    }
}
