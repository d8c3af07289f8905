//! Answers whose TTLs an edition bounds: which of them it touches, and that all records of an RRset go along.

use std::net::IpAddr;

use hickory_proto::op::Message;

use super::*;
use crate::clock::Instant;
use crate::timeline::{Cap, Countdown, Edition, PatchId};
use crate::zone::text::{NoInclude, load};
use crate::zone::{Change, Patch};

const ZONE: &str = "\
$TTL 3600
@ SOA ns1 host 7 1 1 1 300
@ NS ns1
@ NS ns.sub
@ MX 10 mail
@ MX 20 ns1
ns1 A 192.0.2.1
mail A 192.0.2.5
mail AAAA 2001:db8::5
both A 192.0.2.6
both TXT beside
www CNAME a.w
alias CNAME www
out CNAME www.example.net.
*.w A 192.0.2.2
*.w A 192.0.2.3
d DNAME w
sub NS ns.sub
ns.sub A 192.0.2.4
";

/// What makes the zone a signed one; nobody looks whether the signatures are right.
const SIGNATURES: &str = "\
@ DNSKEY 257 3 13 AAAA
@ RRSIG SOA 13 2 3600 20300101000000 20200101000000 1 @ AAAA
@ RRSIG NS 13 2 3600 20300101000000 20200101000000 1 @ AAAA
@ RRSIG DNSKEY 13 2 3600 20300101000000 20200101000000 1 @ AAAA
@ 300 NSEC *.w NS SOA RRSIG NSEC DNSKEY
@ 300 RRSIG NSEC 13 2 3600 20300101000000 20200101000000 1 @ AAAA
*.w RRSIG A 13 3 3600 20300101000000 20200101000000 1 @ AAAA
*.w 300 NSEC @ A RRSIG NSEC
*.w 300 RRSIG NSEC 13 3 300 20300101000000 20200101000000 1 @ AAAA
both RRSIG A 13 3 3600 20300101000000 20200101000000 1 @ AAAA
both RRSIG TXT 13 3 3600 20300101000000 20200101000000 1 @ AAAA
";

const ALL: [Rtype; 6] = [Rtype::A, Rtype::NS, Rtype::MX, Rtype::CNAME, Rtype::DNAME, Rtype::SOA];

/// What bounds TTLs.
#[derive(Clone, Copy)]
struct Bound {
    cap: Cap,
    countdown: Option<Countdown>,
}

fn fixed(ttl: u32) -> Bound {
    Bound { cap: Cap::fixed(Ttl(ttl)), countdown: None }
}

/// The zone `text` with the RRsets of these owners and types capped and nothing else changed.
fn bounded(text: &str, capped: &[(&str, Rtype)], bound: Bound) -> Catalog {
    let apex = name("example.com");
    let zone = load(apex.as_ref(), &"example.com.zone".into(), text.as_bytes(), &NoInclude).zone.unwrap();
    let changes: Vec<Change> = capped
        .iter()
        .map(|&(owner, rtype)| {
            let rrset = zone.find(name(owner).as_ref()).unwrap().rrset(rtype).unwrap();
            let rdatas = rrset.rdatas().map(Into::into).collect();
            Change { owner: name(owner), rtype, ttl: rrset.ttl(), capped: true, rdatas }
        })
        .collect();
    let patches = vec![Patch::new(&zone, &changes).unwrap()];
    let first = Edition { cap: bound.cap, patch: Some(PatchId(0)), ..Edition::first(zone.serial()) };
    let timeline = Timeline::new(zone, patches, first, Vec::new(), bound.countdown).unwrap();
    Catalog::default().with([Served::Zone(Arc::new(timeline))])
}

/// How a question is put.
#[derive(Clone, Copy)]
struct Manner {
    now: Instant,
    peer: IpAddr,
    transport: Transport,
    dnssec_ok: bool,
}

const PLAIN: Manner =
    Manner { now: Instant::MIN, peer: IpAddr::V4(Ipv4Addr::LOCALHOST), transport: Transport::Udp, dnssec_ok: false };
const SIGNED: Manner = Manner { dnssec_ok: true, ..PLAIN };
const OVER_TCP: Manner = Manner { transport: Transport::Tcp { keepalive: Duration::ZERO }, ..PLAIN };

/// The answer in short: `owner type TTL` of each record, the sections apart.
fn asked(catalog: &Catalog, manner: Manner, question: &str, rtype: Rtype) -> [String; 3] {
    let additional = u8::from(manner.dnssec_ok);
    let mut request = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, additional];
    request.extend_from_slice(name(question).wire());
    request.extend_from_slice(&rtype.0.to_be_bytes());
    request.extend_from_slice(&[0, 1]);
    if manner.dnssec_ok {
        request.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0]);
    }
    let mut out = vec![0; 0xffff];
    let Manner { now, transport, .. } = manner;
    let arrival = Arrival { now, peer: SocketAddr::new(manner.peer, 5353), transport, row: Arrival::NO_ROW };
    let length = Answerer::new(Identity::default()).answer(catalog, &arrival, &request, &mut out);
    let message = Message::from_vec(&out[..length]).unwrap();
    let sections = [&message.answers, &message.authorities, &message.additionals];
    sections.map(|records| {
        let short = |record: &hickory_proto::rr::Record| {
            assert!(record.ttl <= Ttl::MAX.0, "{record}");
            let owner = record.name.to_string();
            let owner = owner.trim_end_matches("example.com.").trim_end_matches('.');
            format!("{} {} {}", if owner.is_empty() { "@" } else { owner }, record.record_type(), record.ttl)
        };
        records.iter().map(short).collect::<Vec<_>>().join(", ")
    })
}

fn answers(catalog: &Catalog, question: &str, rtype: Rtype) -> String {
    let [answers, ..] = asked(catalog, PLAIN, question, rtype);
    answers
}

#[test]
fn all_records_of_a_capped_rrset_have_the_cap_and_others_their_ttl() {
    let catalog = bounded(ZONE, &[("example.com", Rtype::MX), ("both.example.com", Rtype::A)], fixed(60));
    assert_eq!(answers(&catalog, "example.com", Rtype::MX), "@ MX 60, @ MX 60");
    assert_eq!(answers(&catalog, "both.example.com", Rtype::A), "both A 60");
    assert_eq!(answers(&catalog, "both.example.com", Rtype::TXT), "both TXT 3600");
    assert_eq!(answers(&catalog, "mail.example.com", Rtype::A), "mail A 3600");
}

#[test]
fn a_cap_makes_no_ttl_longer() {
    let catalog = bounded(ZONE, &[("both.example.com", Rtype::A)], fixed(86_400));
    assert_eq!(answers(&catalog, "both.example.com", Rtype::A), "both A 3600");
}

#[test]
fn capped_addresses_are_capped_in_the_additional_section_too() {
    let catalog = bounded(ZONE, &[("mail.example.com", Rtype::A), ("ns.sub.example.com", Rtype::A)], fixed(60));
    let [answer, _, additional] = asked(&catalog, PLAIN, "example.com", Rtype::MX);
    assert_eq!(answer, "@ MX 3600, @ MX 3600");
    assert_eq!(additional, "mail A 60, mail AAAA 3600, ns1 A 3600");
    let [_, authority, additional] = asked(&catalog, PLAIN, "x.sub.example.com", Rtype::A);
    assert_eq!((&*authority, &*additional), ("sub NS 3600", "ns.sub A 60"));
}

#[test]
fn the_apex_ns_and_a_referral_can_be_capped() {
    let catalog = bounded(ZONE, &[("example.com", Rtype::NS), ("sub.example.com", Rtype::NS)], fixed(60));
    let [answer, _, additional] = asked(&catalog, PLAIN, "example.com", Rtype::NS);
    assert_eq!((&*answer, &*additional), ("@ NS 60, @ NS 60", "ns1 A 3600, ns.sub A 3600"));
    let [_, authority, additional] = asked(&catalog, PLAIN, "x.sub.example.com", Rtype::A);
    assert_eq!((&*authority, &*additional), ("sub NS 60", "ns.sub A 3600"));
}

#[test]
fn what_a_capped_wildcard_gives_is_capped() {
    let catalog = bounded(ZONE, &[("*.w.example.com", Rtype::A)], fixed(60));
    assert_eq!(answers(&catalog, "x.w.example.com", Rtype::A), "x.w A 60, x.w A 60");
    assert_eq!(answers(&catalog, "y.z.w.example.com", Rtype::A), "y.z.w A 60, y.z.w A 60");
}

#[test]
fn each_link_of_a_chain_has_its_own_ttl() {
    let catalog = bounded(ZONE, &[("www.example.com", Rtype::CNAME)], fixed(60));
    assert_eq!(
        answers(&catalog, "alias.example.com", Rtype::A),
        "alias CNAME 3600, www CNAME 60, a.w A 3600, a.w A 3600"
    );
    let catalog = bounded(ZONE, &[("out.example.com", Rtype::CNAME)], fixed(60));
    assert_eq!(answers(&catalog, "out.example.com", Rtype::A), "out CNAME 60");
}

/// RFC 6672 § 3.1: the TTL of the CNAME that is made is that of the DNAME.
#[test]
fn a_capped_dname_makes_a_capped_cname() {
    let catalog = bounded(ZONE, &[("d.example.com", Rtype::DNAME)], fixed(60));
    assert_eq!(answers(&catalog, "x.d.example.com", Rtype::A), "d DNAME 60, x.d CNAME 60, x.w A 3600, x.w A 3600");
}

#[test]
fn any_shows_each_rrset_with_its_own_ttl() {
    let catalog = bounded(ZONE, &[("both.example.com", Rtype::A)], fixed(60));
    assert_eq!(asked(&catalog, OVER_TCP, "both.example.com", Rtype::ANY)[0], "both A 60, both TXT 3600");
    assert_eq!(answers(&catalog, "both.example.com", Rtype::ANY), "both A 60");
}

#[test]
fn what_does_not_exist_is_forgotten_as_ever_unless_the_soa_is_capped() {
    let catalog = bounded(ZONE, &[("both.example.com", Rtype::A)], fixed(60));
    for question in ["both.example.com", "nx.example.com"] {
        assert_eq!(asked(&catalog, PLAIN, question, Rtype::AAAA)[1], "@ SOA 300");
    }
    // RFC 2308 § 5: the smaller of the SOA record's own TTL and its MINIMUM.
    for (cap, expected) in [(60, "@ SOA 60"), (600, "@ SOA 300")] {
        let catalog = bounded(ZONE, &[("example.com", Rtype::SOA)], fixed(cap));
        for question in ["both.example.com", "nx.example.com"] {
            assert_eq!(asked(&catalog, PLAIN, question, Rtype::AAAA)[1], expected);
        }
        assert_eq!(answers(&catalog, "example.com", Rtype::SOA), format!("@ SOA {cap}"));
    }
}

#[test]
fn rfc4035_2_2_signatures_have_the_ttl_of_what_they_cover() {
    let text = format!("{ZONE}{SIGNATURES}");
    let capped = [("both.example.com", Rtype::A), ("*.w.example.com", Rtype::A), ("example.com", Rtype::NS)];
    let catalog = bounded(&text, &capped, fixed(60));
    let [answer, ..] = asked(&catalog, SIGNED, "both.example.com", Rtype::A);
    assert_eq!(answer, "both A 60, both RRSIG 60");
    let [answer, ..] = asked(&catalog, SIGNED, "both.example.com", Rtype::TXT);
    assert_eq!(answer, "both TXT 3600, both RRSIG 3600");
    let [answer, ..] = asked(&catalog, SIGNED, "example.com", Rtype::NS);
    assert_eq!(answer, "@ NS 60, @ NS 60, @ RRSIG 60");
    let [answer, ..] = asked(&catalog, SIGNED, "both.example.com", Rtype::RRSIG);
    assert_eq!(answer, "both RRSIG 60, both RRSIG 3600");
    // The proof that the wildcard's own place is the nearest stays as it is.
    let [answer, authority, _] = asked(&catalog, SIGNED, "x.w.example.com", Rtype::A);
    assert_eq!(answer, "x.w A 60, x.w A 60, x.w RRSIG 60");
    assert_eq!(authority, "*.w NSEC 300, *.w RRSIG 300");
}

#[test]
fn without_a_bound_all_answers_are_those_of_the_zone() {
    for text in [ZONE.to_owned(), format!("{ZONE}{SIGNATURES}")] {
        let apex = name("example.com");
        let zone = load(apex.as_ref(), &"example.com.zone".into(), text.as_bytes(), &NoInclude).zone.unwrap();
        let every: Vec<(String, Rtype)> = zone
            .nodes()
            .flat_map(|node| node.rrsets().map(move |rrset| (node.name().to_string(), rrset.rtype())))
            .filter(|(_, rtype)| *rtype != Rtype::RRSIG)
            .collect();
        let every: Vec<(&str, Rtype)> = every.iter().map(|(owner, rtype)| (&**owner, *rtype)).collect();
        let plain = Catalog::default().with([Served::Zone(Arc::new(Timeline::fixed(zone.clone())))]);
        let open = bounded(&text, &every, Bound { cap: Cap::OPEN, ..fixed(0) });
        let closed = bounded(&text, &every, fixed(0));
        for (owner, manner) in
            every.iter().flat_map(|(owner, _)| [PLAIN, SIGNED, OVER_TCP].map(|manner| (owner, manner)))
        {
            let owner = owner.replace("*", "x");
            for rtype in ALL.into_iter().chain([Rtype::AAAA, Rtype::TXT, Rtype::NSEC, Rtype::ANY, Rtype::RRSIG]) {
                let expected = asked(&plain, manner, &owner, rtype);
                assert_eq!(asked(&open, manner, &owner, rtype), expected, "{owner} {rtype}");
                // OPT, whose TTL is none, is not among the records that hickory-proto gives.
                let zero = expected.map(|section| section.replace(" 3600", " 0").replace(" 300", " 0"));
                assert_eq!(asked(&closed, manner, &owner, rtype), zero, "{owner} {rtype}");
            }
        }
    }
}

/// Names in an RRset that reaches beyond 16 KiB are written in full.
#[test]
fn an_rrset_beyond_the_reach_of_pointers_is_capped_as_well() {
    let many: String = (0..1200).map(|host| format!("many MX 10 a-host-with-a-long-name{host}\n")).collect();
    let text = format!("{ZONE}{many}");
    for (bound, ttl) in [(fixed(60), 60), (Bound { cap: Cap::OPEN, ..fixed(0) }, 3600)] {
        let catalog = bounded(&text, &[("many.example.com", Rtype::MX)], bound);
        let [answer, ..] = asked(&catalog, OVER_TCP, "many.example.com", Rtype::MX);
        assert_eq!(answer, vec![format!("many MX {ttl}"); 1200].join(", "));
    }
}

#[test]
fn a_countdown_gives_each_network_its_own_ttl() {
    let (until, second) = (Instant::from_unix_seconds(1_800_000_000), Duration::from_secs(1));
    let countdown = Countdown { until, floor: Ttl(30), spread: Duration::from_secs(600), key: [1, 2] };
    let bound = Bound { cap: Cap::countdown(Ttl(1800)), countdown: Some(countdown) };
    let catalog = bounded(ZONE, &[("both.example.com", Rtype::A)], bound);
    let ttl = |now: Instant, peer: [u8; 4]| {
        let manner = Manner { now, peer: IpAddr::from(peer), ..PLAIN };
        let answer = asked(&catalog, manner, "both.example.com", Rtype::A)[0].clone();
        answer.rsplit(' ').next().unwrap().parse::<u32>().unwrap()
    };
    let now = until.before(second * 2000);
    let ttls: Vec<u32> = (0..100).map(|network| ttl(now, [10, 0, network, 1])).collect();
    assert!(ttls.iter().all(|ttl| (2000..2600).contains(ttl)), "{ttls:?}");
    assert!(ttls.iter().collect::<std::collections::HashSet<_>>().len() > 80, "{ttls:?}");
    assert_eq!(ttl(now, [10, 0, 7, 1]), ttl(now, [10, 0, 7, 254]));
    assert_eq!(ttl(now.after(second * 100), [10, 0, 7, 1]), ttls[7] - 100);
    assert_eq!(ttl(until.before(second * 7200), [10, 0, 7, 1]), 3600);
    assert_eq!(ttl(until.after(second * 600), [10, 0, 7, 1]), 30);
}
