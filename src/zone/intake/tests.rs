//! Transfers message by message: those that are right, and every way in which one can be wrong.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::*;
use crate::wire::tsig::{Algorithm, FollowFault, Key, Secret, Signer};
use crate::zone::delta::Delta;
use crate::zone::text;

const ID: u16 = 4711;
const BOUNDS: Bounds = Bounds { octets: 100_000, records: 1000 };

fn now() -> Instant {
    Instant::from_unix_seconds(1_800_000_000)
}

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

fn zone(serial: u32, more: &str) -> Zone {
    let file = format!("$TTL 60\n@ SOA ns h {serial} 60 60 600 60\n@ NS ns\nns A 192.0.2.1\n{more}");
    text::load(name("a.example").as_ref(), &"a".into(), file.as_bytes(), &text::NoInclude).zone.unwrap()
}

/// The records of `zone`, the SOA record first.
fn records(zone: &Zone) -> Vec<Record> {
    let mut records = Vec::new();
    for node in zone.nodes_in_order() {
        for rrset in node.rrsets() {
            let (owner, rtype, ttl) = (node.name(), rrset.rtype(), rrset.ttl());
            records.extend(rrset.rdatas().map(|rdata| Record {
                owner: owner.clone(),
                rtype,
                ttl,
                rdata: rdata.into(),
            }));
        }
    }
    records.sort_by_key(|record| record.rtype != Rtype::SOA);
    records
}

fn soa(serial: u32) -> Record {
    records(&zone(serial, "")).remove(0)
}

fn txt(owner: &str, text: &[u8]) -> Record {
    let rdata = [&[text.len() as u8], text].concat().into();
    Record { owner: name(owner), rtype: Rtype::TXT, ttl: Ttl(60), rdata }
}

/// A message that answers the question for `apex` and `qtype` with `records`, nothing compressed.
fn message(apex: &str, qtype: Rtype, rcode: u8, records: &[Record]) -> Vec<u8> {
    let mut octets = ID.to_be_bytes().to_vec();
    octets.extend([0x84, rcode, 0, 1]);
    octets.extend((records.len() as u16).to_be_bytes());
    octets.extend([0; 4]);
    octets.extend(name(apex).wire());
    octets.extend(qtype.0.to_be_bytes());
    octets.extend([0, 1]);
    for Record { owner, rtype, ttl, rdata } in records {
        octets.extend(owner.wire());
        octets.extend(rtype.0.to_be_bytes());
        octets.extend([0, 1]);
        octets.extend(ttl.0.to_be_bytes());
        octets.extend((rdata.len() as u16).to_be_bytes());
        octets.extend(&**rdata);
    }
    octets
}

fn wanted(kind: Kind, have: Option<u32>) -> Wanted {
    let have = have.map(|serial| Have::of(zone(serial, "").view()).unwrap());
    Wanted { apex: name("a.example"), have, kind }
}

/// What comes of messages with these records.
fn taken(kind: Kind, have: Option<u32>, messages: &[&[Record]]) -> Result<Option<Taken>, Fault> {
    let mut intake = Intake::new(wanted(kind, have), ID, None, BOUNDS);
    let mut last = None;
    for records in messages {
        assert!(last.is_none(), "it ended too early");
        last = intake.take(&message("a.example", kind.qtype(), 0, records), now())?;
    }
    Ok(last)
}

fn fault(kind: Kind, have: Option<u32>, messages: &[&[Record]]) -> Fault {
    taken(kind, have, messages).err().expect("a fault")
}

#[test]
fn a_whole_zone_comes_however_it_is_cut_into_messages() {
    let zone = zone(7, "x A 192.0.2.2\ny.x TXT \"a\" \"b\"\nsub NS ns.sub\nns.sub A 192.0.2.3\n");
    let mut all = records(&zone);
    all.push(all[0].clone());
    for kind in [Kind::Axfr, Kind::Ixfr] {
        for size in 1..=all.len() {
            let messages: Vec<&[Record]> = all.chunks(size).collect();
            for have in [None, Some(6)] {
                let Some(Taken::Whole(draft)) = taken(kind, have, &messages).unwrap() else { panic!("no zone") };
                let (came, remarks) = draft.finish().unwrap();
                assert!(Delta::between(zone.view(), came.view()).is_empty() && remarks.is_empty());
            }
        }
    }
}

#[test]
fn differences_come_condensed_or_step_by_step() {
    let (a, b) = (txt("a.a.example", b"1"), txt("b.a.example", b"2"));
    let one = [soa(9), soa(7), a.clone(), soa(9), b.clone(), soa(9)];
    let steps = [soa(9), soa(7), a.clone(), soa(8), b.clone(), a.clone(), soa(8), a.clone(), soa(9), soa(9)];
    for all in [&one[..], &steps] {
        for size in 1..=all.len() {
            let messages: Vec<&[Record]> = all.chunks(size).collect();
            let Some(Taken::Differences(steps)) = taken(Kind::Ixfr, Some(7), &messages).unwrap() else {
                panic!("no differences")
            };
            let delta = Delta::of_steps(zone(7, "a TXT 1\n").view(), steps).unwrap();
            assert_eq!(delta.serials(), Some((7, 9)));
            assert_eq!(delta.removed[1..], *std::slice::from_ref(&a));
            assert_eq!(delta.added.iter().filter(|record| record.rtype != Rtype::SOA).collect::<Vec<_>>(), [&b]);
        }
    }
}

#[test]
fn what_is_not_newer_is_not_taken() {
    let current = |kind, have, records: &[Record]| match taken(kind, have, &[records]) {
        Ok(Some(Taken::Current(serial))) => serial,
        _ => panic!("not current"),
    };
    assert_eq!(current(Kind::Ixfr, Some(7), &[soa(7)]), 7);
    assert_eq!(current(Kind::Ixfr, Some(7), &[soa(6)]), 6);
    assert_eq!(current(Kind::Soa, None, &[soa(6)]), 6);
    // A primary that knows nothing of IXFR sends all it has; the first record says enough.
    let all = records(&zone(7, ""));
    assert_eq!(current(Kind::Ixfr, Some(7), &all), 7);
    assert_eq!(current(Kind::Axfr, Some(7), &all), 7);
    // Serials go round (RFC 1982).
    assert_eq!(current(Kind::Ixfr, Some(7), &[soa(u32::MAX)]), u32::MAX);
    assert!(matches!(taken(Kind::Ixfr, Some(u32::MAX), &[&[soa(7)]]), Ok(None)));
}

#[test]
fn rfc9103_7_9_1_what_is_but_padding_is_passed_over() {
    let zone = zone(7, "x A 192.0.2.2\n");
    let mut all = records(&zone);
    all.push(all[0].clone());
    let padded: Vec<&[Record]> = all.chunks(1).flat_map(|record| [record, &[], &[]]).collect();
    let messages = &padded[..padded.len() - 2];
    let Some(Taken::Whole(draft)) = taken(Kind::Axfr, None, messages).unwrap() else { panic!("no zone") };
    assert!(Delta::between(zone.view(), draft.finish().unwrap().0.view()).is_empty());
    // It counts, so that there is an end to it.
    let endless: Vec<&[Record]> = std::iter::once(&all[..1]).chain(std::iter::repeat_n(&[][..], 1_000_000)).collect();
    assert!(matches!(taken(Kind::Axfr, None, &endless), Err(Fault::TooManyOctets(_))));
}

#[test]
fn what_is_no_transfer_is_a_fault() {
    let (axfr, ixfr) = (Kind::Axfr, Kind::Ixfr);
    let text = txt("a.a.example", b"1");
    let other = Record { owner: name("b.example"), ..soa(7) };
    assert_eq!(fault(axfr, None, &[std::slice::from_ref(&text)]), Fault::NoSoa(Rtype::TXT));
    assert_eq!(fault(axfr, None, &[&[other]]), Fault::OtherZone(name("b.example")));
    assert_eq!(fault(axfr, None, &[&[]]), Fault::Empty);
    assert_eq!(fault(axfr, None, &[&[soa(7), text.clone(), soa(8)]]), Fault::OtherEnd);
    assert_eq!(fault(axfr, None, &[&[soa(7), text.clone(), soa(7), text.clone()]]), Fault::Trailing);
    assert_eq!(fault(ixfr, Some(5), &[&[soa(7), soa(6)]]), Fault::OtherBase { ours: 5, theirs: 6 });
    assert_eq!(fault(ixfr, Some(5), &[&[soa(7), soa(5), soa(4)]]), Fault::Sequence { from: 5, to: 4 });
    assert_eq!(fault(ixfr, Some(5), &[&[soa(7), soa(5), soa(8)]]), Fault::Sequence { from: 5, to: 8 });
    assert_eq!(fault(ixfr, Some(5), &[&[soa(8), soa(5), soa(6), soa(7)]]), Fault::Sequence { from: 6, to: 7 });
    let outside = txt("b.example", b"1");
    assert_eq!(fault(ixfr, Some(5), &[&[soa(8), soa(5), outside]]), Fault::OutOfZone(name("b.example")));
    let short = Record { rtype: Rtype::A, rdata: [1, 2, 3].into(), ..text.clone() };
    let malformed = Fault::MalformedRecord { owner: text.owner.clone(), rtype: Rtype::A };
    assert_eq!(fault(axfr, None, &[&[soa(7), short]]), malformed);
    let meta = Record { rtype: Rtype::ANY, ..text.clone() };
    let malformed = Fault::MalformedRecord { owner: text.owner.clone(), rtype: Rtype::ANY };
    assert_eq!(fault(axfr, None, &[&[soa(7), meta]]), malformed);
    let endless: Vec<&[Record]> = std::iter::once([soa(7)].as_slice().to_vec().leak() as &[Record])
        .chain(std::iter::repeat_n(std::slice::from_ref(&text), 5000))
        .collect();
    assert!(matches!(fault(axfr, None, &endless), Fault::TooManyRecords(1000) | Fault::TooManyOctets(_)));
}

#[test]
fn a_message_that_is_not_ours_is_a_fault() {
    let good = message("a.example", Rtype::AXFR, 0, &[soa(7)]);
    let take = |octets: &[u8]| {
        let mut intake = Intake::new(wanted(Kind::Axfr, None), ID, None, BOUNDS);
        intake.take(octets, now()).err()
    };
    let changed = |at: usize, octet: u8| {
        let mut octets = good.clone();
        octets[at] = octet;
        take(&octets)
    };
    assert_eq!(take(&good), None);
    assert!(matches!(changed(0, 0), Some(Fault::NotOurs(_))));
    assert!(matches!(changed(2, 0x04), Some(Fault::NotOurs(_))));
    assert!(matches!(changed(2, 0xa4), Some(Fault::NotOurs(_))));
    assert_eq!(changed(2, 0x86), Some(Fault::Truncated));
    assert_eq!(changed(3, 5), Some(Fault::Rcode(Rcode::REFUSED)));
    assert!(matches!(changed(5, 2), Some(Fault::NotOurs(_))));
    assert!(matches!(changed(24, 251), Some(Fault::NotOurs(_))));
    assert_eq!(take(&message("b.example", Rtype::AXFR, 0, &[soa(7)])), Some(Fault::OtherQuestion(name("b.example"))));
    for end in 0..good.len() {
        assert_eq!(take(&good[..end]), Some(Fault::MalformedMessage), "{end}");
    }
}

/// The signed request, who signs what answers it, and who takes that.
fn signed() -> (Signer, Intake) {
    let secret = Secret::from_base64("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=").unwrap();
    let key = Arc::new(Key::new(name("k").as_ref(), Algorithm::HmacSha256, secret));
    let (mut request, wanted) = (Vec::new(), wanted(Kind::Axfr, None));
    wanted.request(ID, &mut request);
    let length = request.len();
    request.resize(length + 200, 0);
    let mut asking = Signer::asking(Arc::clone(&key));
    let length = asking.sign(&mut request, length, now()).unwrap();
    let keyring = [key.as_ref().clone()].into_iter().collect();
    let verified = crate::wire::tsig::verify(&request[..length], now(), &keyring, None).unwrap().unwrap();
    let follower = Follower::of(&asking).unwrap();
    (Signer::answering(&verified), Intake::new(wanted, ID, Some(follower), BOUNDS))
}

fn sign(signer: &mut Signer, mut octets: Vec<u8>, at: Instant) -> Vec<u8> {
    let length = octets.len();
    octets.resize(length + 200, 0);
    let length = signer.sign(&mut octets, length, at).unwrap();
    octets.truncate(length);
    octets
}

#[test]
fn a_signed_transfer_is_signed_from_end_to_end() {
    let zone = zone(7, "x A 192.0.2.2\n");
    let mut all = records(&zone);
    all.push(all[0].clone());
    let messages: Vec<_> = all.chunks(1).map(|records| message("a.example", Rtype::AXFR, 0, records)).collect();
    // The unsigned ones in the middle count once a signed one follows.
    for unsigned in 0..messages.len() {
        let (mut signer, mut intake) = signed();
        let mut result = Ok(None);
        for (number, octets) in messages.iter().enumerate() {
            let octets = if number == unsigned { octets.clone() } else { sign(&mut signer, octets.clone(), now()) };
            result = intake.take(&octets, now());
            if result.is_err() {
                break;
            }
        }
        let fault = result.err();
        if unsigned == 0 {
            assert_eq!(fault, Some(Fault::Signature(FollowFault::NotSigned("first"))));
        } else if unsigned + 1 == messages.len() {
            assert_eq!(fault, Some(Fault::Signature(FollowFault::NotSigned("last"))));
        } else {
            // Our signer does not know of what it did not sign.
            assert_eq!(fault, Some(Fault::Signature(FollowFault::BadSig)));
        }
    }
    let (mut signer, mut intake) = signed();
    let results: Vec<_> =
        messages.iter().map(|octets| intake.take(&sign(&mut signer, octets.clone(), now()), now())).collect();
    assert!(matches!(results.last(), Some(Ok(Some(Taken::Whole(_))))));
    let (mut signer, mut intake) = signed();
    let late = now().after(std::time::Duration::from_secs(301));
    let fault = intake.take(&sign(&mut signer, messages[0].clone(), late), now()).err();
    assert_eq!(fault, Some(Fault::Signature(FollowFault::BadTime)));
    let (_, mut intake) = signed();
    let refused = message("a.example", Rtype::AXFR, 5, &[]);
    assert_eq!(intake.take(&refused, now()).err(), Some(Fault::UnsignedRcode(Rcode::REFUSED)));
}

#[test]
fn a_request_for_differences_says_what_we_have() {
    let mut octets = Vec::new();
    wanted(Kind::Ixfr, Some(7)).request(ID, &mut octets);
    assert_eq!(octets[..12], [0x12, 0x67, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0]);
    let soa = soa(7);
    assert!(octets.ends_with(&soa.rdata));
    wanted(Kind::Axfr, Some(7)).request(ID, &mut octets);
    assert_eq!(octets.len(), 12 + 11 + 4);
}

proptest::proptest! {
    #[test]
    fn no_octets_make_it_panic(messages in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..200), 1..5)) {
        let mut intake = Intake::new(wanted(Kind::Ixfr, Some(7)), ID, None, BOUNDS);
        for mut octets in messages {
            if octets.len() > 12 {
                octets[..8].copy_from_slice(&[0x12, 0x67, 0x84, 0, 0, 0, 0, 3]);
            }
            if intake.take(&octets, now()).is_err() {
                break;
            }
        }
    }
}
