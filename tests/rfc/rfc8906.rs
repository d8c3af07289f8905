//! RFC 8906, a failure to communicate: what must be answered, and how.

use watari::answer::Transport;

use super::{Said, Server, serve};
use crate::support::query::{Edns, Query};

fn server() -> Server {
    serve(&[("example", "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n")])
}

fn head(server: &mut Server, request: &[u8]) -> String {
    Said::read(server.octets(Transport::Udp, request)).head()
}

#[test]
fn rfc8906_8_1_1_the_zone_is_served() {
    assert_eq!(server().ask("example. SOA").head(), "NOERROR aa");
}

#[test]
fn rfc8906_8_1_2_an_unknown_type_is_no_data() {
    let said = server().ask("example. TYPE1000");
    assert_eq!((said.head().as_str(), said.section("answer").len()), ("NOERROR aa", 0));
}

#[test]
fn rfc8906_8_1_3_1_cd_is_ignored() {
    assert_eq!(server().ask("example. SOA cd").head(), "NOERROR aa");
}

#[test]
fn rfc8906_8_1_3_2_ad_is_ignored() {
    assert_eq!(server().ask("example. SOA ad").head(), "NOERROR aa");
}

#[test]
fn rfc8906_8_1_3_3_z_is_ignored_and_clear() {
    let mut query = Query::new("example.", 6);
    query.flags = 0x40;
    let octets = server().octets(Transport::Udp, &query.bytes(1));
    assert_eq!(octets[3] & 0x40, 0);
    assert_eq!(Said::read(octets).head(), "NOERROR aa");
}

#[test]
fn rfc8906_8_1_3_4_rd_is_copied_and_ra_is_clear() {
    assert_eq!(server().ask("example. SOA rd").head(), "NOERROR aa rd");
}

#[test]
fn rfc8906_8_1_4_an_unknown_opcode_is_notimp() {
    let mut server = server();
    for opcode in (1..16u16).filter(|opcode| ![4, 5].contains(opcode)) {
        let mut query = Query::new("example.", 6);
        query.flags = opcode << 11;
        let octets = server.octets(Transport::Udp, &query.bytes(1));
        assert_eq!((octets[2] >> 3 & 15, octets[3] & 15), (opcode as u8, 4));
        // As the RFC asks it: a header and no more.
        let octets = server.octets(Transport::Udp, &[&[0, 1, (opcode << 3) as u8, 0][..], &[0; 8]].concat());
        assert_eq!((octets.len(), octets[3] & 15), (12, 4));
    }
}

#[test]
fn rfc8906_8_1_5_tcp_is_answered_alike() {
    assert_eq!(server().ask("example. SOA tcp").text(), server().ask("example. SOA").text());
}

#[test]
fn rfc8906_8_2_edns_in_all_its_forms() {
    let mut server = server();
    let ask = |edns: Edns, options: &[u8]| {
        let mut query = Query::new("example.", 6);
        query.edns = Some(edns);
        query.options = options.to_vec();
        query.bytes(1)
    };
    let usual = Edns { size: 1232, version: 0, flags: 0 };
    // Code 16 is BADVERS here; hickory-proto has one name for both.
    assert_eq!(head(&mut server, &ask(usual, &[])), "NOERROR aa");
    assert_eq!(head(&mut server, &ask(Edns { version: 1, ..usual }, &[])), "BADSIG");
    assert_eq!(head(&mut server, &ask(usual, &[0, 100, 0, 0])), "NOERROR aa");
    assert_eq!(head(&mut server, &ask(Edns { flags: 0x40, ..usual }, &[])), "NOERROR aa");
    assert_eq!(head(&mut server, &ask(Edns { version: 1, flags: 0x40, ..usual }, &[])), "BADSIG");
    assert_eq!(head(&mut server, &ask(Edns { version: 1, ..usual }, &[0, 100, 0, 0])), "BADSIG");
}

#[test]
fn rfc1035_4_1_1_responses_and_fragments_get_no_answer() {
    let mut server = server();
    let mut response = Query::new("example.", 6).bytes(1);
    for length in 0..12 {
        assert!(server.octets(Transport::Udp, &response[..length]).is_empty());
    }
    response[2] |= 0x80;
    assert!(server.octets(Transport::Udp, &response).is_empty());
}

#[test]
fn rfc1035_4_1_1_what_is_malformed_is_formerr() {
    let mut server = server();
    let query = Query::new("example.", 6).bytes(1);
    for length in 12..query.len() {
        assert_eq!(head(&mut server, &query[..length]), "FORMERR", "{length} octets");
    }
    for (at, value) in [(5, 0), (5, 2), (7, 1), (9, 1), (11, 1), (12, 0xc0), (12, 0x40), (12, 63)] {
        let mut bytes = query.clone();
        bytes[at] = value;
        assert_eq!(head(&mut server, &bytes), "FORMERR", "octet {at} is {value}");
    }
    assert_eq!(head(&mut server, &[&query[..], &[0]].concat()), "FORMERR");
}

#[test]
fn rfc9619_3_more_than_one_question_is_formerr() {
    let mut query = Query::new("example.", 6).bytes(1);
    let question = query[12..].to_vec();
    query.extend_from_slice(&question);
    query[5] = 2;
    assert_eq!(head(&mut server(), &query), "FORMERR");
}
