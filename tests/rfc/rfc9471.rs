//! RFC 9471, glue: all of it, or TC.

use super::serve;

fn zone(servers: usize) -> String {
    let mut zone = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n".to_owned();
    for number in 0..servers {
        zone.push_str(&format!("sub NS ns{number}.sub\nns{number}.sub A 192.0.2.{number}\n"));
        zone.push_str(&format!("ns{number}.sub AAAA 2001:db8::{number}\n"));
    }
    zone
}

#[test]
fn rfc9471_3_1_all_in_domain_glue_is_in_the_referral() {
    let said = serve(&[("example", &zone(3))]).ask("www.sub.example. A");
    assert_eq!((said.head().as_str(), said.section("additional").len()), ("NOERROR", 6));
}

#[test]
fn rfc9471_3_1_glue_that_does_not_fit_is_tc() {
    let mut server = serve(&[("example", &zone(12))]);
    assert_eq!(server.ask("www.sub.example. A").head(), "NOERROR tc");
    let said = server.ask("www.sub.example. A edns");
    assert_eq!((said.head().as_str(), said.section("additional").len()), ("NOERROR", 24));
    let said = server.ask("www.sub.example. A tcp");
    assert_eq!((said.head().as_str(), said.section("additional").len()), ("NOERROR", 24));
}

#[test]
fn rfc9471_3_2_sibling_glue_goes_along_but_is_no_reason_for_tc() {
    let mut zone = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\nother NS ns0.other\n".to_owned();
    for number in 0..14 {
        zone.push_str(&format!("sub NS ns{number}.other\nns{number}.other A 192.0.2.{number}\n"));
        zone.push_str(&format!("ns{number}.other AAAA 2001:db8::{number}\n"));
    }
    let mut server = serve(&[("example", &zone)]);
    assert_eq!(server.ask("www.sub.example. A").head(), "NOERROR");
    assert_eq!(server.ask("www.sub.example. A tcp").section("additional").len(), 28);
}

#[test]
fn rfc9471_3_1_glue_without_a_cut_above_it_is_data() {
    serve(&[("example", &zone(1))]).ask("ns.example. A").is("NOERROR aa\nanswer ns.example. 60 A 192.0.2.1");
}

#[test]
fn rfc2181_6_1_glue_is_not_answered_with() {
    let said = serve(&[("example", &zone(1))]).ask("ns0.sub.example. A");
    assert_eq!(said.head(), "NOERROR");
    assert!(said.section("answer").is_empty());
}
