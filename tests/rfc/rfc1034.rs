//! RFC 1034, domain names: concepts and facilities. The zones of § 6.1 and the answers of § 6.2.

use super::{Server, serve};

const ROOT: &str = r#"
.                        IN SOA SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. 870611 1800 300 604800 86400
.                  86400 IN NS A.ISI.EDU.
.                  86400 IN NS C.ISI.EDU.
.                  86400 IN NS SRI-NIC.ARPA.
MIL.               86400 IN NS SRI-NIC.ARPA.
MIL.               86400 IN NS A.ISI.EDU.
SRI-NIC.ARPA.      86400 IN A 26.0.0.73
SRI-NIC.ARPA.      86400 IN A 10.0.0.51
SRI-NIC.ARPA.      86400 IN MX 0 SRI-NIC.ARPA.
SRI-NIC.ARPA.      86400 IN HINFO DEC-2060 TOPS20
ACC.ARPA.          86400 IN A 26.6.0.65
USC-ISIC.ARPA.     86400 IN CNAME C.ISI.EDU.
EDU.               86400 IN NS SRI-NIC.ARPA.
EDU.               86400 IN NS C.ISI.EDU.
A.ISI.EDU.         172800 IN A 26.3.0.103
C.ISI.EDU.         172800 IN A 10.0.0.52
"#;

const EDU: &str = r#"
EDU.               86400 IN SOA SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. 870729 1800 300 604800 86400
EDU.               86400 IN NS SRI-NIC.ARPA.
EDU.               86400 IN NS C.ISI.EDU.
ISI.EDU.           172800 IN NS VAXA.ISI.EDU.
VAXA.ISI.EDU.      172800 IN A 10.2.0.27
C.ISI.EDU.         172800 IN A 10.0.0.52
"#;

fn root() -> Server {
    serve(&[(".", &format!("$TTL 86400\n{ROOT}"))])
}

#[test]
fn rfc1034_6_2_1_addresses() {
    let said = root().ask("SRI-NIC.ARPA. A");
    assert_eq!(said.head(), "NOERROR aa");
    let mut addresses = said.section("answer");
    addresses.sort();
    assert_eq!(addresses, ["SRI-NIC.ARPA. 86400 A 10.0.0.51", "SRI-NIC.ARPA. 86400 A 26.0.0.73"]);
}

#[test]
fn rfc1034_6_2_3_mx_brings_addresses() {
    let said = root().ask("SRI-NIC.ARPA. MX");
    assert_eq!(said.section("answer"), ["SRI-NIC.ARPA. 86400 MX 0 SRI-NIC.ARPA."]);
    assert_eq!(said.section("additional").len(), 2);
}

#[test]
fn rfc1034_6_2_4_no_data_of_this_type() {
    root().ask("SRI-NIC.ARPA. NS").is("NOERROR aa
         authority . 86400 SOA SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. 870611 1800 300 604800 86400");
}

#[test]
fn rfc1034_6_2_5_no_such_name() {
    root().ask("SIR-NIC.ARPA. A").is("NXDOMAIN aa
         authority . 86400 SOA SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. 870611 1800 300 604800 86400");
}

#[test]
fn rfc1034_6_2_6_a_referral_is_not_authoritative() {
    let said = root().ask("BRL.MIL. A");
    assert_eq!(said.head(), "NOERROR");
    assert!(said.section("answer").is_empty());
    assert_eq!(said.section("authority").len(), 2);
    let mut glue = said.section("additional");
    glue.sort();
    let expected =
        ["A.ISI.EDU. 172800 A 26.3.0.103", "SRI-NIC.ARPA. 86400 A 10.0.0.51", "SRI-NIC.ARPA. 86400 A 26.0.0.73"];
    assert_eq!(glue, expected);
}

#[test]
fn rfc1034_6_2_7_an_alias_leads_into_another_zone_of_ours() {
    // C.ISI.EDU is below the cut ISI.EDU of the zone EDU: its address is the child's to give.
    let edu = format!("$TTL 86400\n{EDU}");
    let mut server = serve(&[(".", &format!("$TTL 86400\n{ROOT}")), ("edu", &edu)]);
    let said = server.ask("USC-ISIC.ARPA. A");
    assert_eq!(said.head(), "NOERROR aa");
    assert_eq!(said.section("answer"), ["USC-ISIC.ARPA. 86400 CNAME C.ISI.EDU."]);
    assert_eq!(said.section("authority"), ["ISI.EDU. 172800 NS VAXA.ISI.EDU."]);
    assert_eq!(said.section("additional"), ["VAXA.ISI.EDU. 172800 A 10.2.0.27"]);
}

#[test]
fn rfc1034_6_2_8_a_question_for_the_alias_itself() {
    root().ask("USC-ISIC.ARPA. CNAME").is("NOERROR aa\nanswer USC-ISIC.ARPA. 86400 CNAME C.ISI.EDU.");
}

#[test]
fn rfc1034_3_1_case_is_kept_and_does_not_matter() {
    let said = root().ask("sri-nic.ArPa. HINFO");
    assert_eq!(said.head(), "NOERROR aa");
    assert_eq!(&said.octets[12..26], b"\x07sri-nic\x04ArPa\0");
    assert!(said.section("answer")[0].starts_with("sri-nic.ArPa. 86400 HINFO"));
}

#[test]
fn rfc1034_3_6_2_a_loop_of_aliases_ends() {
    let zone =
        "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\na CNAME b\nb CNAME c\nc CNAME a\nself CNAME self\n";
    let mut server = serve(&[("example", zone)]);
    server.ask("a.example. A").is("NOERROR aa
         answer a.example. 60 CNAME b.example.
         answer b.example. 60 CNAME c.example.
         answer c.example. 60 CNAME a.example.");
    server.ask("self.example. A").is("NOERROR aa\nanswer self.example. 60 CNAME self.example.");
}

#[test]
fn rfc1034_4_3_2_step_2_the_nearest_zone_answers() {
    let parent = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\nchild NS ns.child\nns.child A 192.0.2.2\n";
    let child = "$TTL 30\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.3\n";
    let mut server = serve(&[("example", parent), ("child.example", child)]);
    server.ask("ns.child.example. A").is("NOERROR aa\nanswer ns.child.example. 30 A 192.0.2.3");
}

#[test]
fn rfc4035_3_1_4_1_ds_is_answered_by_the_parent() {
    let digest = "00".repeat(32);
    let parent =
        format!("$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\nchild NS ns\nchild DS 1 13 2 {digest}\n");
    let child = "$TTL 30\n@ SOA ns h 2 1 1 1 1\n@ NS ns\nns A 192.0.2.3\n";
    let mut server = serve(&[("example", &parent), ("child.example", child)]);
    let said = server.ask("child.example. DS");
    assert_eq!((said.head().as_str(), said.section("answer").len()), ("NOERROR aa", 1));
    assert!(said.section("answer")[0].starts_with("child.example. 60 DS "));
    // Where the parent is not ours, the child says that it has none.
    server = serve(&[("child.example", child)]);
    server.ask("child.example. DS").is("NOERROR aa
         authority child.example. 1 SOA ns.child.example. h.child.example. 2 1 1 1 1");
}

#[test]
fn rfc1035_7_4_a_zone_that_is_not_ours_is_refused() {
    let mut server = root();
    server.catalog = serve(&[("example", "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n")]).catalog;
    server.ask("example.org. A").is("REFUSED");
    server.ask(". NS").is("REFUSED");
}
