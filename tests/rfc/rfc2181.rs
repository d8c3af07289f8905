//! RFC 2181, clarifications: RRsets as a whole, truncation.

use super::serve;

fn zone() -> String {
    let mut zone = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n".to_owned();
    for number in 0..40 {
        zone.push_str(&format!("big TXT \"{number:02}{}\"\n", "x".repeat(198)));
    }
    for number in 0..27 {
        zone.push_str(&format!("many A 192.0.2.{number}\n"));
    }
    for number in 0..20 {
        zone.push_str(&format!("mx MX {number} mail{number}\nmail{number} A 192.0.2.{number}\n"));
    }
    zone
}

#[test]
fn rfc2181_9_what_does_not_fit_is_truncated_by_whole_rrsets() {
    let mut server = serve(&[("example", &zone())]);
    server.ask("big.example. TXT").is("NOERROR aa tc");
    server.ask("big.example. TXT edns=4096").is("NOERROR aa tc");
    let said = server.ask("big.example. TXT tcp");
    assert_eq!((said.head().as_str(), said.section("answer").len()), ("NOERROR aa", 40));
}

#[test]
fn rfc2181_9_additional_data_that_do_not_fit_are_left_out_without_tc() {
    let mut server = serve(&[("example", &zone())]);
    let said = server.ask("mx.example. MX");
    assert_eq!((said.head().as_str(), said.section("answer").len()), ("NOERROR aa", 20));
    assert!(said.octets.len() <= 512 && said.section("additional").len() < 20);
    assert_eq!(server.ask("mx.example. MX tcp").section("additional").len(), 20);
}

#[test]
fn rfc2181_5_an_rrset_is_complete() {
    let mut server = serve(&[("example", &zone())]);
    // 12 + 18 + 27 × 16 = 462 octets.
    let said = server.ask("many.example. A");
    assert_eq!((said.head().as_str(), said.section("answer").len()), ("NOERROR aa", 27));
}

#[test]
fn rfc2181_5_2_ttls_of_an_rrset_are_one() {
    let zone = "@ 60 SOA ns h 1 1 1 1 1\n@ 60 NS ns\nns 60 A 192.0.2.1\nwww 300 A 192.0.2.2\nwww 60 A 192.0.2.3\n";
    let said = serve(&[("example", zone)]).ask("www.example. A");
    let ttls: Vec<u32> = said.message.answers.iter().map(|record| record.ttl).collect();
    assert_eq!(ttls[0], ttls[1]);
}
