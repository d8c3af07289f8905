//! RFC 8482, ANY.

use super::{Server, serve};

fn server() -> Server {
    let zone = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\nns AAAA 2001:db8::1\nns TXT x\nalias CNAME ns\na.ent TXT x\n";
    serve(&[("example", zone)])
}

#[test]
fn rfc8482_4_1_any_over_udp_is_one_rrset() {
    assert_eq!(server().ask("ns.example. ANY").section("answer").len(), 1);
}

#[test]
fn rfc8482_4_1_any_over_tcp_is_all() {
    assert_eq!(server().ask("ns.example. ANY tcp").section("answer").len(), 3);
}

#[test]
fn rfc8482_4_1_any_ends_at_an_alias() {
    server().ask("alias.example. ANY").is("NOERROR aa\nanswer alias.example. 60 CNAME ns.example.");
}

#[test]
fn rfc8482_4_any_of_what_has_nothing() {
    let mut server = server();
    let soa = "authority example. 1 SOA ns.example. h.example. 1 1 1 1 1";
    server.ask("ent.example. ANY").is(&format!("NOERROR aa\n{soa}"));
    server.ask("missing.example. ANY").is(&format!("NXDOMAIN aa\n{soa}"));
}
