//! RFC 6891, EDNS.

use watari::answer::Transport;

use super::{Said, Server, serve};
use crate::support::message::{Message, rcode};
use crate::support::query::{Edns, Query};

fn server() -> Server {
    let mut zone = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n".to_owned();
    for number in 0..10 {
        zone.push_str(&format!("big TXT \"{number}{}\"\n", "x".repeat(80)));
    }
    for number in 0..20 {
        zone.push_str(&format!("bigger TXT \"{number:02}{}\"\n", "x".repeat(80)));
    }
    serve(&[("example", &zone)])
}

fn ask(server: &mut Server, edns: Edns, options: &[u8]) -> Message {
    let mut query = Query::new("ns.example.", 1);
    query.edns = Some(edns);
    query.options = options.to_vec();
    Message::parse(&server.octets(Transport::Udp, &query.bytes(1))).unwrap()
}

const USUAL: Edns = Edns { size: 1232, version: 0, flags: 0 };

#[test]
fn rfc6891_6_1_1_opt_answers_opt_and_only_opt() {
    let mut server = server();
    assert!(ask(&mut server, USUAL, &[]).opt.is_some());
    assert!(Message::parse(&server.ask("ns.example. A").octets).unwrap().opt.is_none());
}

#[test]
fn rfc6891_6_1_1_two_opts_are_malformed() {
    let mut server = server();
    let mut query = Query::new("ns.example.", 1).edns(1232, false).bytes(1);
    query.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    query[11] = 2;
    assert_eq!(Said::read(server.octets(Transport::Udp, &query)).head(), "FORMERR");
}

#[test]
fn rfc6891_6_1_3_a_version_we_do_not_know_is_badvers() {
    let mut server = server();
    for version in [1, 2, 255] {
        let message = ask(&mut server, Edns { version, ..USUAL }, &[]);
        assert_eq!((message.rcode, message.aa), (rcode::BADVERS, false));
        assert_eq!(message.opt.unwrap().version, 0);
        assert!(message.answer.is_empty());
    }
}

#[test]
fn rfc6891_6_1_2_options_we_do_not_know_are_ignored() {
    let message = ask(&mut server(), USUAL, &[0xfd, 0xe9, 0, 1, 9]);
    assert_eq!((message.rcode, message.answer.len()), (rcode::NOERROR, 1));
    assert!(message.opt.unwrap().options.is_empty());
}

#[test]
fn rfc6891_6_1_2_options_that_do_not_fit_are_malformed() {
    let mut server = server();
    for options in [&[0, 3, 0][..], &[0, 3, 0, 4, 1], &[0xfd, 0xe9, 0xff, 0xff]] {
        let mut query = Query::new("ns.example.", 1).edns(1232, false);
        query.options = options.to_vec();
        assert_eq!(Said::read(server.octets(Transport::Udp, &query.bytes(1))).head(), "FORMERR");
    }
}

#[test]
fn rfc6891_6_1_4_flags_we_do_not_know_are_not_sent_back() {
    let message = ask(&mut server(), Edns { flags: 0x7fff, ..USUAL }, &[]);
    assert_eq!(message.opt.unwrap().flags, 0);
}

#[test]
fn rfc3225_3_do_is_copied() {
    let message = ask(&mut server(), Edns { flags: 0x8000, ..USUAL }, &[]);
    assert_eq!(message.opt.unwrap().flags, 0x8000);
}

#[test]
fn rfc6891_6_2_3_less_than_512_is_512() {
    let mut server = server();
    for size in [0, 100, 511] {
        assert_eq!(server.ask(&format!("ns.example. A edns={size}")).section("answer").len(), 1);
    }
}

#[test]
fn rfc6891_6_2_5_the_requestors_size_is_kept_and_ours_is_1232() {
    let mut server = server();
    assert_eq!(server.ask("big.example. TXT").head(), "NOERROR aa tc");
    assert_eq!(server.ask("big.example. TXT edns=512").head(), "NOERROR aa tc");
    assert_eq!(server.ask("big.example. TXT edns=1232").section("answer").len(), 10);
    assert_eq!(server.ask("bigger.example. TXT edns=4096").head(), "NOERROR aa tc");
    assert_eq!(server.ask("bigger.example. TXT edns=512 tcp").section("answer").len(), 20);
    assert_eq!(ask(&mut server, USUAL, &[]).opt.unwrap().size, 1232);
}

#[test]
fn rfc6891_7_a_truncated_answer_keeps_its_opt() {
    let said = server().ask("bigger.example. TXT edns=512");
    assert_eq!(said.head(), "NOERROR aa tc");
    assert!(said.message.edns.is_some() && said.octets.len() <= 512);
}
