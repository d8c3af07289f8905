//! RFC 5001 (NSID), RFC 4892 (who a server is), RFC 7828 (edns-tcp-keepalive), RFC 8914 (extended errors).

use std::time::Duration;

use watari::answer::Transport;

use super::{Said, serve};
use crate::support::query::Query;

const ZONE: &str = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n";

/// The options of the answer's OPT record.
fn options(said: &Said) -> Vec<(u16, Vec<u8>)> {
    let message = crate::support::message::Message::parse(&said.octets).unwrap();
    message.opt.map(|opt| opt.options).unwrap_or_default()
}

fn with_option(option: &[u8]) -> Vec<u8> {
    let mut query = Query::new("ns.example.", 1).edns(1232, false);
    query.options = option.to_vec();
    query.bytes(1)
}

#[test]
fn rfc5001_2_2_nsid_is_given_to_who_asks() {
    let mut server = serve(&[("example", ZONE)]).identity("watari", "tokyo-1");
    let said = Said::read(server.octets(Transport::Udp, &with_option(&[0, 3, 0, 0])));
    assert_eq!(options(&said), [(3, b"tokyo-1".to_vec())]);
    assert!(options(&server.ask("ns.example. A edns")).is_empty());
    let mut silent = serve(&[("example", ZONE)]);
    assert!(options(&Said::read(silent.octets(Transport::Udp, &with_option(&[0, 3, 0, 0])))).is_empty());
}

#[test]
fn rfc4892_2_identity_in_class_ch() {
    let mut server = serve(&[("example", ZONE)]).identity("watari 0.1", "tokyo-1");
    for (name, text) in [
        ("version.bind.", "watari 0.1"),
        ("VERSION.server.", "watari 0.1"),
        ("id.server.", "tokyo-1"),
        ("hostname.bind.", "tokyo-1"),
    ] {
        let said = server.ask(&format!("{name} TXT ch"));
        assert_eq!(said.head(), "NOERROR aa");
        assert_eq!(said.section("answer"), [format!("{name} 0 TXT {text}")]);
    }
    assert_eq!(server.ask("authors.bind. TXT ch").head(), "REFUSED");
    assert_eq!(serve(&[("example", ZONE)]).ask("version.bind. TXT ch").head(), "REFUSED");
}

#[test]
fn rfc7828_3_2_2_keepalive_is_told_over_tcp_to_who_asks() {
    let mut server = serve(&[("example", ZONE)]);
    let tcp = Transport::Tcp { keepalive: Duration::from_secs(12) };
    let asks = with_option(&[0, 11, 0, 0]);
    assert_eq!(options(&Said::read(server.octets(tcp, &asks))), [(11, vec![0, 120])]);
    assert!(options(&Said::read(server.octets(Transport::Udp, &asks))).is_empty());
    assert!(options(&server.ask("ns.example. A edns tcp")).is_empty());
}

#[test]
fn rfc8914_2_an_error_is_explained_to_who_speaks_edns() {
    let mut server = serve(&[("example", ZONE)]);
    let said = server.ask("elsewhere. A edns");
    assert_eq!((said.head().as_str(), options(&said)), ("REFUSED", vec![(15, vec![0, 20])]));
    assert!(options(&server.ask("elsewhere. A")).is_empty());
}
