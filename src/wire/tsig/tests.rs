//! Signed and verified by ourselves; `tests/rfc/rfc8945.rs` and `tests/tsig.rs` have others judge.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::digest::Digest;
use super::*;
use crate::clock::Instant;
use crate::wire::Name;

const NOW: Instant = Instant::from_unix_seconds(1_790_000_000);

fn key_of(name: &str, algorithm: Algorithm, secret: &[u8]) -> Key {
    let secret = Secret::from_base64(&data_encoding::BASE64.encode(secret)).unwrap();
    Key::new(Name::from_text(name).unwrap().as_ref(), algorithm, secret)
}

fn key(algorithm: Algorithm) -> Key {
    key_of("Transfer.example.", algorithm, b"0123456789abcdef0123456789abcdef")
}

fn ring(key: &Key) -> Keyring {
    [key.clone()].into_iter().collect()
}

/// A query for `www.example A`, with OPT.
fn query() -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend_from_slice(b"\x03www\x07example\0\0\x01\0\x01");
    message.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    message
}

fn signed_by(signer: &mut Signer, message: &[u8], now: Instant) -> Vec<u8> {
    let mut out = vec![0; message.len() + signer.room()];
    out[..message.len()].copy_from_slice(message);
    let length = signer.sign(&mut out, message.len(), now).unwrap();
    assert_eq!(length, out.len(), "the room that is kept is the room that is taken");
    out
}

fn signed(key: &Key, message: &[u8]) -> Vec<u8> {
    signed_by(&mut Signer::asking(key.clone().into()), message, NOW)
}

fn judged(message: &[u8], keyring: &Keyring) -> &'static str {
    match verify(message, NOW, keyring, None) {
        Ok(Some(_)) => "good",
        Ok(None) => "unsigned",
        Err(Rejection::FormErr) => "FORMERR",
        Err(Rejection::BadKey) => "BADKEY",
        Err(Rejection::BadSig) => "BADSIG",
        Err(Rejection::BadTime(_)) => "BADTIME",
        Err(Rejection::BadTrunc(_)) => "BADTRUNC",
    }
}

/// `message`, signed with `key`, with its MAC cut to `length` octets, and what MAC size says changed with it.
fn cut(key: &Key, message: &[u8], length: usize) -> Vec<u8> {
    let whole = signed(key, message);
    let mac_len = key.algorithm().mac_len();
    let mac_at = whole.len() - 6 - mac_len;
    let mut out = whole[..mac_at].to_vec();
    out.extend(whole[mac_at..].iter().copied().chain([0; 64]).take(length.min(mac_len)).chain(vec![
            0;
            length.saturating_sub(
                mac_len
            )
        ]));
    out.extend_from_slice(&whole[mac_at + mac_len..]);
    out[mac_at - 2..mac_at].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
    let rdlength_at = message.len() + key.name().wire().len() + 8;
    let rdlength = u16::try_from(out.len() - rdlength_at - 2).unwrap();
    out[rdlength_at..rdlength_at + 2].copy_from_slice(&rdlength.to_be_bytes());
    out
}

#[test]
fn rfc2202_2_and_rfc4231_4_3_macs_are_those_of_the_test_cases() {
    let expected = [
        (Algorithm::HmacSha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (Algorithm::HmacSha224, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"),
        (Algorithm::HmacSha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ];
    for (algorithm, mac) in expected {
        let mut digest = Digest::new(algorithm, b"Jefe");
        digest.update(b"what do ya want ");
        digest.update(b"for nothing?");
        let ours = digest.finish().unwrap();
        assert_eq!(data_encoding::HEXLOWER.encode(ours.octets()), mac, "{algorithm}");
    }
}

#[test]
fn what_was_signed_is_verified_whatever_the_algorithm() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        assert_eq!(judged(&signed(&key, &query()), &ring(&key)), "good", "{algorithm}");
        assert_eq!(judged(&query(), &ring(&key)), "unsigned");
        assert_eq!(Algorithm::from_text(algorithm.text()), Some(algorithm));
    }
}

#[test]
fn rfc8945_5_2_1_a_key_is_known_by_its_name_and_its_algorithm() {
    let ours = key(Algorithm::HmacSha256);
    let message = signed(&ours, &query());
    assert_eq!(judged(&message, &Keyring::default()), "BADKEY");
    assert_eq!(judged(&message, &ring(&key(Algorithm::HmacSha512))), "BADKEY");
    assert_eq!(judged(&message, &ring(&key_of("transfer.example", Algorithm::HmacSha256, b"other"))), "BADSIG");
    let in_capitals = key_of("TRANSFER.EXAMPLE", Algorithm::HmacSha256, b"0123456789abcdef0123456789abcdef");
    assert_eq!(judged(&message, &ring(&in_capitals)), "good");
}

#[test]
fn rfc8945_5_2_the_key_is_checked_before_the_mac_the_mac_before_the_time_the_time_before_the_truncation() {
    let strict = key(Algorithm::HmacSha256).with_mac_len_min(32);
    let other = key_of("transfer.example", Algorithm::HmacSha256, b"other");
    let late =
        signed_by(&mut Signer::asking(strict.clone().into()), &query(), Instant::from_unix_seconds(1_789_999_699));
    assert_eq!(judged(&late, &Keyring::default()), "BADKEY");
    assert_eq!(judged(&late, &ring(&other)), "BADSIG");
    assert_eq!(judged(&late, &ring(&strict)), "BADTIME");
    let just =
        signed_by(&mut Signer::asking(strict.clone().into()), &query(), Instant::from_unix_seconds(1_789_999_700));
    assert_eq!(judged(&just, &ring(&strict)), "good");
    assert_eq!(judged(&cut(&strict, &query(), 31), &ring(&strict)), "BADTRUNC");
    assert_eq!(judged(&cut(&strict, &query(), 31), &ring(&other)), "BADSIG");
    assert_eq!(judged(&cut(&strict, &query(), 31), &ring(&key(Algorithm::HmacSha256))), "good");
}

#[test]
fn rfc8945_5_2_2_1_a_mac_is_never_shorter_than_half_nor_than_ten_nor_longer_than_whole() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        let whole = algorithm.mac_len();
        for length in [0, 1, 9, 10, whole / 2 - 1, whole / 2, whole - 1, whole, whole + 1, 65, 1000] {
            let expected = if (10.max(whole / 2)..=whole).contains(&length) { "good" } else { "FORMERR" };
            assert_eq!(judged(&cut(&key, &query(), length), &ring(&key)), expected, "{algorithm} {length}");
        }
    }
}

#[test]
fn rfc8945_5_1_the_record_stands_once_and_last() {
    let key = key(Algorithm::HmacSha256);
    let message = signed(&key, &query());
    let twice = signed(&key, &message);
    assert_eq!(judged(&twice, &ring(&key)), "FORMERR");
    let mut followed = message.clone();
    followed.extend_from_slice(&[0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0]);
    followed[11] += 1;
    assert_eq!(judged(&followed, &ring(&key)), "FORMERR");
    let mut in_answer = message.clone();
    (in_answer[7], in_answer[11]) = (2, 0);
    assert_eq!(judged(&in_answer, &ring(&key)), "FORMERR");
}

#[test]
fn rfc8945_4_3_2_a_forwarder_may_change_the_identifier() {
    let key = key(Algorithm::HmacSha256);
    let mut message = signed(&key, &query());
    message[0] ^= 0xff;
    assert_eq!(judged(&message, &ring(&key)), "good");
}

#[test]
fn rfc8945_5_3_an_answer_is_signed_over_the_mac_of_its_request() {
    let key = key(Algorithm::HmacSha384);
    let mut asking = Signer::asking(key.clone().into());
    let request = signed_by(&mut asking, &query(), NOW);
    let verified = verify(&request, NOW, &ring(&key), None).unwrap().unwrap();
    let answer = signed_by(&mut Signer::answering(&verified), &query(), NOW);
    assert!(verify(&answer, NOW, &ring(&key), Some(&verified.mac)).is_ok());
    assert_eq!(judged(&answer, &ring(&key)), "BADSIG", "without it");
    let mut follower = Follower::of(&asking).unwrap();
    assert_eq!(follower.message(&answer, NOW), Ok(Followed::Signed));
    assert_eq!(follower.finish(), Ok(()));
    assert!(Follower::of(&Signer::asking(key.into())).is_none(), "nothing was asked");
}

/// A stream of `count` answers to a request, and the follower of it.
fn stream(count: usize, is_signed: impl Fn(usize) -> bool) -> (Vec<Vec<u8>>, Follower) {
    let key = key(Algorithm::HmacSha256);
    let mut asking = Signer::asking(key.clone().into());
    let request = signed_by(&mut asking, &query(), NOW);
    let verified = verify(&request, NOW, &ring(&key), None).unwrap().unwrap();
    let mut signer = Signer::answering(&verified);
    let mut unsigned = Vec::new();
    let mut messages = Vec::new();
    for number in 0..count {
        let mut message = query();
        message[13] = b'a' + u8::try_from(number % 26).unwrap();
        if is_signed(number) {
            messages.push(signer.sign_after(&unsigned, &message));
            unsigned.clear();
        } else {
            unsigned.extend_from_slice(&message);
            messages.push(message);
        }
    }
    (messages, Follower::of(&asking).unwrap())
}

impl Signer {
    /// Signs `message` as a peer does that has sent `unsigned` since it signed last. We never do.
    fn sign_after(&mut self, unsigned: &[u8], message: &[u8]) -> Vec<u8> {
        let mut whole = signed_by(&mut self.clone(), message, NOW);
        if unsigned.is_empty() {
            return signed_by(self, message, NOW);
        }
        let mut digest = self.key().digest();
        digest.update_with_mac(self.mac().unwrap());
        digest.update(unsigned);
        digest.update(message);
        let timers = whole.len() - 6 - 32 - 2 - 8;
        digest.update(&whole[timers..timers + 8]);
        let mac = digest.finish().unwrap();
        whole[timers + 10..timers + 42].copy_from_slice(mac.octets());
        self.set_mac(mac);
        whole
    }
}

#[test]
fn rfc8945_5_3_1_a_stream_is_a_chain_of_macs() {
    let (messages, mut follower) = stream(5, |_| true);
    for message in &messages {
        assert_eq!(follower.message(message, NOW), Ok(Followed::Signed));
    }
    assert_eq!(follower.finish(), Ok(()));
    let (messages, mut follower) = stream(5, |_| true);
    follower.message(&messages[0], NOW).unwrap();
    assert_eq!(follower.message(&messages[2], NOW), Err(FollowFault::BadSig), "one is missing");
    let (messages, mut follower) = stream(5, |_| true);
    assert_eq!(follower.message(&messages[1], NOW), Err(FollowFault::BadSig), "it begins with the second");
}

#[test]
fn rfc8945_5_3_1_up_to_99_messages_in_a_row_are_taken_unsigned() {
    for (count, fault) in [(101, None), (102, Some(FollowFault::TooManyUnsigned))] {
        let (messages, mut follower) = stream(count, |number| number == 0 || number + 1 == count);
        let mut found = None;
        for message in &messages {
            found = found.or(follower.message(message, NOW).err());
        }
        assert_eq!(found, fault, "{count}");
    }
    let (messages, mut follower) = stream(4, |number| number == 0 || number == 3);
    follower.message(&messages[0], NOW).unwrap();
    follower.message(&messages[1], NOW).unwrap();
    assert_eq!(follower.message(&messages[3], NOW), Err(FollowFault::BadSig), "an unsigned one is missing");
}

#[test]
fn rfc8945_5_3_1_the_first_and_the_last_message_of_a_stream_are_signed() {
    let (_, mut follower) = stream(1, |_| true);
    assert_eq!(follower.message(&query(), NOW), Err(FollowFault::NotSigned("first")));
    let (messages, mut follower) = stream(2, |number| number == 0);
    assert_eq!(follower.clone().finish(), Err(FollowFault::NotSigned("first")));
    follower.message(&messages[0], NOW).unwrap();
    assert_eq!(follower.message(&messages[1], NOW), Ok(Followed::Unsigned));
    assert_eq!(follower.finish(), Err(FollowFault::NotSigned("last")));
}

/// What is said to `request`, rejected as of `now`, as it goes out.
fn refusal(request: &[u8], keyring: &Keyring, now: Instant) -> Vec<u8> {
    let tsig = Tsig::last_of(request).unwrap().unwrap();
    let rejection = tsig.verify(now, keyring, None).unwrap_err();
    let mut out = query();
    let length = out.len();
    out.resize(length + tsig.refusal_len(&rejection), 0);
    assert_eq!(tsig.refuse(&rejection, &mut out, length, now), Ok(out.len()));
    out
}

#[test]
fn rfc8945_5_3_2_who_asked_hears_why_he_was_refused() {
    let ours = key(Algorithm::HmacSha512);
    let mut asking = Signer::asking(ours.clone().into());
    let request = signed_by(&mut asking, &query(), NOW);
    let heard = |answer: &[u8]| Follower::of(&asking).unwrap().message(answer, NOW).unwrap_err();
    let unknown = refusal(&request, &Keyring::default(), NOW);
    assert_eq!(heard(&unknown), FollowFault::Refused { error: Error::BADKEY, peer_time: None, is_signed: false });
    let other = key_of("transfer.example", Algorithm::HmacSha512, b"other");
    let wrong = heard(&refusal(&request, &ring(&other), NOW));
    assert_eq!(wrong, FollowFault::Refused { error: Error::BADSIG, peer_time: None, is_signed: false });
    let later = NOW.after(std::time::Duration::from_secs(1000));
    let late = refusal(&request, &ring(&ours), later);
    assert_eq!(
        heard(&late),
        FollowFault::Refused { error: Error::BADTIME, peer_time: Some(1_790_001_000), is_signed: true }
    );
    let mut forged = late;
    let at = forged.len() - 1;
    forged[at] ^= 1;
    assert_eq!(heard(&forged), FollowFault::BadSig, "the time of the other side is signed");
    let cut_short = cut(&ours, &query(), 40);
    let strict = ring(&ours.clone().with_mac_len_min(41));
    let tsig = Tsig::last_of(&cut_short).unwrap().unwrap();
    assert_eq!(tsig.verify(NOW, &strict, None).unwrap_err().error(), Error::BADTRUNC);
    assert_eq!(Tsig::last_of(&refusal(&cut_short, &strict, NOW)).unwrap().unwrap().mac.len(), 64);
}

#[test]
fn without_room_nothing_is_written() {
    let key = key(Algorithm::HmacSha256);
    for missing in [1, 10, key.tsig_len()] {
        let mut signer = Signer::asking(key.clone().into());
        let mut out = query();
        let length = out.len();
        out.resize(length + signer.room() - missing, 0xee);
        let before = out.clone();
        assert_eq!(signer.sign(&mut out, length, NOW), Err(NoRoom));
        assert_eq!(out, before);
        assert!(signer.mac().is_none());
    }
    let mut whole = vec![0; 70_000];
    whole[..12].copy_from_slice(&query()[..12]);
    assert_eq!(Signer::asking(key.into()).sign(&mut whole, 65_500, NOW), Err(NoRoom), "no message is as long");
}

#[test]
fn no_secret_is_shown_by_accident() {
    let key = key_of("a.", Algorithm::HmacSha1, b"HIDDEN");
    let shown = format!("{key:?} {:?} {:?}", ring(&key), Signer::asking(key.clone().into()));
    let encoded = data_encoding::BASE64.encode(b"HIDDEN");
    assert!(!shown.contains("HIDDEN") && !shown.contains(&encoded) && !shown.contains("72, 73"), "{shown}");
}

#[test]
fn every_change_of_an_octet_is_noticed() {
    let key = key(Algorithm::HmacSha256);
    let (message, keyring) = (signed(&key, &query()), ring(&key));
    let names = query().len()..query().len() + key.name().wire().len() + 10 + key.algorithm().wire().len();
    for at in 2..message.len() {
        for change in 1..=255u8 {
            let mut changed = message.clone();
            changed[at] ^= change;
            // Names are the same in any case.
            if changed[at].eq_ignore_ascii_case(&message[at]) && names.contains(&at) {
                continue;
            }
            assert_ne!(judged(&changed, &keyring), "good", "octet {at} changed by {change}");
        }
    }
}

proptest! {
    #[test]
    fn any_message_that_was_signed_is_verified(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        algorithm in prop::sample::select(Algorithm::ALL.to_vec()),
        secret in proptest::collection::vec(any::<u8>(), 1..200),
        seconds in 0..1i64 << 33,
    ) {
        let key = key_of("k.", algorithm, &secret);
        // One record of a type nobody knows, so that anything may stand in it.
        let mut message = vec![0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 255, 1, 0, 1, 0, 0, 0, 0];
        message.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        message.extend_from_slice(&body);
        let now = Instant::from_unix_seconds(seconds);
        let out = signed_by(&mut Signer::asking(key.clone().into()), &message, now);
        prop_assert!(matches!(verify(&out, now, &ring(&key), None), Ok(Some(_))));
    }
}
