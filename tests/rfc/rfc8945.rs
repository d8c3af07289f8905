//! RFC 8945 (TSIG): what is signed to us, and what we sign; hickory-proto signs and judges where it knows the algorithm.

use std::time::Duration;

use hickory_proto::rr::rdata::tsig::{TsigAlgorithm, TsigError};
use hickory_proto::rr::{Name as HickoryName, TSigner};
use watari::answer::{Rights, Transport};
use watari::clock::Instant;
use watari::wire::Name;
use watari::wire::tsig::{Algorithm, FollowFault, Followed, Follower, Key, Secret, Signer, Tsig};

use super::{Said, Server, serve};
use crate::support::query::Query;

const ZONE: &str = "$TTL 60
@ SOA ns h 1 1 1 1 1
@ NS ns
ns A 192.0.2.1
$GENERATE 0-9 medium TXT \"$ xxxxxxxxxxxxxxxxxxxxxxxxxxxx\"
$GENERATE 0-99 big TXT \"$ xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"
";
/// The clock of `Server`.
const NOW: i64 = 1_790_000_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const TCP: Transport = Transport::Tcp { keepalive: Duration::from_secs(10) };

fn key(algorithm: Algorithm) -> Key {
    let secret = Secret::from_base64(&data_encoding::BASE64.encode(SECRET)).unwrap();
    Key::new(Name::from_text("transfer.example.").unwrap().as_ref(), algorithm, secret)
}

fn knowing(key: Key) -> Rights {
    Rights { keyring: [key].into_iter().collect(), ..Rights::default() }
}

fn server(key: Key) -> Server {
    let mut server = serve(&[("example", ZONE)]);
    server.answerer.set_rights(knowing(key));
    server
}

/// `message` signed with `key` at `seconds`, and who follows the answers.
fn signed(key: &Key, message: &[u8], seconds: i64) -> (Vec<u8>, Follower) {
    let mut signer = Signer::asking(key.clone().into());
    let mut out = [message, &vec![0; signer.room()]].concat();
    signer.sign(&mut out, message.len(), Instant::from_unix_seconds(seconds)).unwrap();
    (out, Follower::of(&signer).unwrap())
}

fn now() -> Instant {
    Instant::from_unix_seconds(NOW)
}

#[test]
fn rfc8945_5_3_an_answer_to_who_signs_is_signed_with_his_key() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        let mut server = server(key.clone());
        for query in [Query::new("ns.example", 1), Query::new("ns.example", 1).edns(1232, false)] {
            for transport in [Transport::Udp, TCP] {
                let (request, mut follower) = signed(&key, &query.bytes(77), NOW);
                let octets = server.octets(transport, &request);
                assert_eq!(follower.message(&octets, now()), Ok(Followed::Signed), "{algorithm}");
                let said = Said::read(octets);
                assert_eq!(said.text(), "NOERROR aa\nanswer ns.example. 60 A 192.0.2.1");
                assert_eq!(said.message.edns.is_some(), query.edns.is_some());
            }
        }
        let said = server.ask("ns.example A");
        assert!(said.message.signature().is_none(), "who does not sign gets what he got before");
    }
}

#[test]
fn rfc8945_4_3_what_we_sign_another_implementation_verifies_and_the_reverse() {
    for (ours, theirs) in [
        (Algorithm::HmacSha256, TsigAlgorithm::HmacSha256),
        (Algorithm::HmacSha384, TsigAlgorithm::HmacSha384),
        (Algorithm::HmacSha512, TsigAlgorithm::HmacSha512),
    ] {
        let key = key(ours);
        let name = HickoryName::from_ascii("Transfer.Example.").unwrap();
        let judge = TSigner::new(SECRET.to_vec(), theirs, name, 300).unwrap();
        // Theirs asks, ours answers, theirs verifies.
        let mut query = hickory_proto::op::Message::query();
        query.metadata.id = 4711;
        let name = HickoryName::from_ascii("ns.example.").unwrap();
        query.add_query(hickory_proto::op::Query::query(name, hickory_proto::rr::RecordType::A));
        let mut verifier = query.finalize(&judge, u64::try_from(NOW).unwrap()).unwrap().unwrap();
        let request = query.to_vec().unwrap();
        let octets = server(key.clone()).octets(Transport::Udp, &request);
        let answer = verifier.verify(&octets).expect("hickory-proto verifies our signature");
        assert_eq!(answer.answers.len(), 1);
        // Ours asks and signs stream after stream, theirs verifies each message over the MAC before it.
        let (request, _) = signed(&key, &Query::new("ns.example", 1).bytes(1), NOW);
        let (mut mac, _, range) = judge.verify_message_byte(&request, None, true).unwrap();
        assert_eq!(range, 1_789_999_700..1_790_000_300);
        let keyring = [key.clone()].into_iter().collect();
        let verified = watari::wire::tsig::verify(&request, now(), &keyring, None).unwrap().unwrap();
        let mut signer = Signer::answering(&verified);
        for number in 0..5u8 {
            let mut out = Query::new("ns.example", 1).bytes(1);
            let length = out.len();
            out.resize(length + signer.room(), 0);
            let at = Instant::from_unix_seconds(NOW + i64::from(number));
            signer.sign(&mut out, length, at).unwrap();
            (mac, ..) = judge.verify_message_byte(&out, Some(&mac), number == 0).unwrap();
        }
    }
}

#[test]
fn rfc8945_5_2_1_an_unknown_key_is_told_badkey_unsigned() {
    let ours = key(Algorithm::HmacSha256);
    let (request, mut follower) = signed(&ours, &Query::new("ns.example", 1).edns(1232, false).bytes(77), NOW);
    for mut server in [serve(&[("example", ZONE)]), server(key(Algorithm::HmacSha512))] {
        let octets = server.octets(Transport::Udp, &request);
        let fault = follower.message(&octets, now()).unwrap_err();
        assert_eq!(fault.to_string(), "the peer says BADKEY, unsigned");
        let said = Said::read(octets);
        assert_eq!(said.text(), "NOTAUTH");
        assert!(said.message.edns.is_some(), "OPT is answered with OPT (RFC 6891 § 6.1.1)");
        let record = said.message.signature().unwrap();
        assert_eq!(record.name.to_ascii(), "transfer.example.");
        assert_eq!((record.data.error, record.data.mac.len()), (Some(TsigError::BadKey), 0));
        assert_eq!((&record.data.algorithm, record.data.oid), (&TsigAlgorithm::HmacSha256, 77));
    }
}

#[test]
fn rfc8945_5_2_2_a_wrong_mac_is_told_badsig_unsigned() {
    let ours = key(Algorithm::HmacSha256);
    let (mut request, mut follower) = signed(&ours, &Query::new("ns.example", 1).bytes(77), NOW);
    request[13] ^= 1;
    let octets = server(ours).octets(TCP, &request);
    let fault = follower.message(&octets, now()).unwrap_err();
    assert_eq!(fault.to_string(), "the peer says BADSIG, unsigned");
    let said = Said::read(octets);
    assert_eq!(said.text(), "NOTAUTH", "and nothing of the zone");
    let data = &said.message.signature().unwrap().data;
    assert_eq!((data.error, data.mac.len(), data.other.len()), (Some(TsigError::BadSig), 0, 0));
}

#[test]
fn rfc8945_5_2_3_a_clock_that_is_off_is_told_badtime_with_ours_signed() {
    let ours = key(Algorithm::HmacSha256);
    for (seconds, is_good) in
        [(NOW - 301, false), (NOW - 300, true), (NOW + 300, true), (NOW + 301, false), (1000, false)]
    {
        let (request, mut follower) = signed(&ours, &Query::new("ns.example", 1).bytes(77), seconds);
        let octets = server(ours.clone()).octets(Transport::Udp, &request);
        let followed = follower.message(&octets, Instant::from_unix_seconds(seconds));
        if is_good {
            assert_eq!(followed, Ok(Followed::Signed));
            continue;
        }
        // He can verify it: it bears his own time.
        let Err(FollowFault::Refused { error, peer_time, is_signed: true }) = followed else { panic!("{followed:?}") };
        assert_eq!((error.to_string().as_str(), peer_time), ("BADTIME", u64::try_from(NOW).ok()));
        let said = Said::read(octets.clone());
        assert_eq!(said.text(), "NOTAUTH");
        let data = &said.message.signature().unwrap().data;
        assert_eq!((data.time, data.fudge), (u64::try_from(seconds).unwrap(), 300));
        assert_eq!(data.other, [0, 0, 0x6a, 0xb1, 0x3b, 0x80]);
        let name = HickoryName::from_ascii("transfer.example.").unwrap();
        let judge = TSigner::new(SECRET.to_vec(), TsigAlgorithm::HmacSha256, name, 300).unwrap();
        let mac = Said::read(request).message.signature().unwrap().data.mac.clone();
        judge.verify_message_byte(&octets, Some(&mac), true).expect("hickory-proto verifies our signature");
    }
}

#[test]
fn rfc8945_5_2_4_a_mac_that_is_too_short_for_us_is_told_badtrunc_signed() {
    let ours = key(Algorithm::HmacSha256);
    let message = Query::new("ns.example", 1).bytes(77);
    let (whole, _) = signed(&ours, &message, NOW);
    // Sixteen octets of the MAC are left out; both lengths say so.
    let mac_at = whole.len() - 6 - 32;
    let mut request = [&whole[..mac_at + 16], &whole[mac_at + 32..]].concat();
    request[mac_at - 1] = 16;
    let rdlength_at = message.len() + ours.name().wire().len() + 9;
    request[rdlength_at] -= 16;
    let mac = Said::read(request.clone()).message.signature().unwrap().data.mac.clone();
    let name = HickoryName::from_ascii("transfer.example.").unwrap();
    let judge = TSigner::new(SECRET.to_vec(), TsigAlgorithm::HmacSha256, name, 300).unwrap();
    for (key, head) in [(ours.clone(), "NOERROR aa"), (ours.with_mac_len_min(17), "NOTAUTH")] {
        let octets = server(key).octets(Transport::Udp, &request);
        let said = Said::read(octets.clone());
        assert_eq!(said.head(), head);
        let is_refused = said.message.signature().unwrap().data.error == Some(TsigError::BadTrunc);
        assert_eq!(is_refused, head == "NOTAUTH");
        judge.verify_message_byte(&octets, Some(&mac), true).expect("over the MAC as it came");
    }
}

#[test]
fn rfc8945_5_2_what_is_no_tsig_record_is_formerr_without_one() {
    let ours = key(Algorithm::HmacSha256);
    let message = Query::new("ns.example", 1).bytes(77);
    let (good, _) = signed(&ours, &message, NOW);
    let class_at = message.len() + ours.name().wire().len() + 2;
    let changes: [(usize, u8); 4] = [(class_at + 1, 1), (class_at + 5, 1), (class_at + 8, 0xc0), (good.len() - 1, 1)];
    for (at, octet) in changes {
        let mut request = good.clone();
        request[at] = octet;
        let said = Said::read(server(ours.clone()).octets(Transport::Udp, &request));
        assert_eq!(said.head(), "FORMERR", "octet {at}");
        assert!(said.message.signature().is_none());
    }
    let (twice, _) = signed(&ours, &good, NOW);
    assert_eq!(Said::read(server(ours).octets(Transport::Udp, &twice)).head(), "FORMERR");
}

#[test]
fn rfc8945_5_3_an_answer_that_does_not_fit_beside_the_record_is_the_question_with_tc() {
    let ours = key(Algorithm::HmacSha512);
    let mut server = server(ours.clone());
    for (query, transport, is_whole) in [
        (Query::new("medium.example", 16), Transport::Udp, false),
        (Query::new("medium.example", 16).edns(1232, false), Transport::Udp, true),
        (Query::new("big.example", 16).edns(1232, false), Transport::Udp, false),
        (Query::new("big.example", 16), TCP, true),
    ] {
        let (request, mut follower) = signed(&ours, &query.bytes(77), NOW);
        let octets = server.octets(transport, &request);
        assert_eq!(follower.message(&octets, now()), Ok(Followed::Signed));
        let said = Said::read(octets);
        assert!(transport == TCP || said.octets.len() <= query.edns.map_or(512, |edns| usize::from(edns.size)));
        if is_whole {
            assert_eq!(said.head(), "NOERROR aa");
        } else {
            assert_eq!(said.text(), "NOERROR tc");
            assert_eq!(said.message.queries.len(), 1);
        }
    }
    // Without the record it would have fitted.
    assert_eq!(server.ask("medium.example TXT").head(), "NOERROR aa");
    // The longest name under the longest key is answered too.
    let long = |letter: &str| [letter.repeat(63), letter.repeat(63), letter.repeat(63), letter.repeat(61)].join(".");
    let secret = Secret::from_base64("AAAA").unwrap();
    let key = Key::new(Name::from_text(&long("k")).unwrap().as_ref(), Algorithm::HmacSha512, secret);
    server.answerer.set_rights(knowing(key.clone()));
    let (request, mut follower) = signed(&key, &Query::new(&format!("{}.", long("q")), 1).bytes(1), NOW);
    let octets = server.octets(Transport::Udp, &request);
    assert_eq!(follower.message(&octets, now()), Ok(Followed::Signed));
    assert_eq!(Said::read(octets).text(), "NOERROR tc");
}

#[test]
fn rfc8945_5_2_a_signature_is_verified_whatever_is_asked() {
    let ours = key(Algorithm::HmacSha256);
    for (opcode, head) in [(4, "NOTIMP"), (5, "FORMERR"), (0, "NOERROR aa")] {
        let mut query = Query::new("ns.example", 1);
        query.flags = opcode << 11;
        let (mut request, mut follower) = signed(&ours, &query.bytes(77), NOW);
        let octets = server(ours.clone()).octets(Transport::Udp, &request);
        assert_eq!(follower.message(&octets, now()), Ok(Followed::Signed));
        assert_eq!(Said::read(octets).head(), head);
        request[13] ^= 1;
        assert_eq!(Said::read(server(ours.clone()).octets(Transport::Udp, &request)).head(), "NOTAUTH");
    }
    let (request, mut follower) = signed(&ours, &Query::new("elsewhere.", 1).bytes(77), NOW);
    let octets = server(ours).octets(Transport::Udp, &request);
    assert_eq!(follower.message(&octets, now()), Ok(Followed::Signed), "a refusal is signed too");
    assert_eq!(Said::read(octets).head(), "REFUSED");
}

#[test]
fn rfc8945_4_2_the_name_of_the_key_may_be_compressed() {
    let ours = key(Algorithm::HmacSha256);
    let message = Query::new("transfer.example", 1).bytes(77);
    let (good, _) = signed(&ours, &message, NOW);
    let name = ours.name().wire().len();
    let request = [&good[..message.len()], &[0xc0, 12], &good[message.len() + name..]].concat();
    assert_eq!(Tsig::last_of(&request).unwrap().unwrap().key_name().to_string(), "transfer.example.");
    assert_eq!(Said::read(server(ours).octets(Transport::Udp, &request)).head(), "NXDOMAIN aa");
}
