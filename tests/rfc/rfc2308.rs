//! RFC 2308, negative caching: the SOA record that tells how long a name stays missing.

use super::serve;

fn soa(ttl: u32, minimum: u32) -> String {
    format!("@ {ttl} SOA ns h 1 7200 3600 1209600 {minimum}\n@ 60 NS ns\nns 60 A 192.0.2.1\nalias 60 CNAME gone\n")
}

#[test]
fn rfc2308_3_negative_ttl_is_the_smaller_of_two() {
    for (ttl, minimum, negative) in [(3600, 300, 300), (60, 900, 60), (300, 300, 300), (0, 5, 0), (5, 0, 0)] {
        let mut server = serve(&[("example", &soa(ttl, minimum))]);
        let authority = format!("example. {negative} SOA ns.example. h.example. 1 7200 3600 1209600 {minimum}");
        assert_eq!(server.ask("missing.example. A").section("authority"), [authority.as_str()]);
        assert_eq!(server.ask("ns.example. TXT").section("authority"), [authority.as_str()]);
        // Asked for itself it has its own TTL.
        let own = format!("example. {ttl} SOA ns.example. h.example. 1 7200 3600 1209600 {minimum}");
        assert_eq!(server.ask("example. SOA").section("answer"), [own.as_str()]);
    }
}

#[test]
fn rfc2308_2_1_name_error_after_an_alias() {
    serve(&[("example", &soa(60, 60))]).ask("alias.example. A").is("NXDOMAIN aa
         answer alias.example. 60 CNAME gone.example.
         authority example. 60 SOA ns.example. h.example. 1 7200 3600 1209600 60");
}

#[test]
fn rfc6604_3_the_code_is_that_of_the_last_link() {
    let other = "@ 60 SOA ns h 1 1 1 1 1\n@ 60 NS ns\nns 60 A 192.0.2.1\n";
    let zone = format!("{}far 60 CNAME missing.other.\nout 60 CNAME www.elsewhere.\n", soa(60, 60));
    let mut server = serve(&[("example", &zone), ("other", other)]);
    server.ask("far.example. A").is("NXDOMAIN aa
         answer far.example. 60 CNAME missing.other.
         authority other. 1 SOA ns.other. h.other. 1 1 1 1 1");
    // What is not ours we know nothing about.
    server.ask("out.example. A").is("NOERROR aa\nanswer out.example. 60 CNAME www.elsewhere.");
}

#[test]
fn rfc2308_2_2_no_data_holds_the_soa_and_no_ns() {
    let said = serve(&[("example", &soa(60, 60))]).ask("ns.example. MX");
    assert_eq!((said.head().as_str(), said.section("authority").len()), ("NOERROR aa", 1));
}
