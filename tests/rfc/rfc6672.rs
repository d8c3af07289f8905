//! RFC 6672, DNAME.

use super::{Server, serve};

fn server() -> Server {
    let long = "l".repeat(63);
    let zone = format!(
        "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\nd 30 DNAME t\nd TXT here\nt A 192.0.2.2\nwww.t A 192.0.2.3\n\
         out DNAME elsewhere.\nloop DNAME x.loop\nlong DNAME {long}.{long}.{long}\nroot DNAME .\ncut DNAME sub\nsub NS ns\n"
    );
    serve(&[("example", &zone)])
}

#[test]
fn rfc6672_3_1_names_below_get_the_dname_and_a_cname() {
    server().ask("www.d.example. A").is("NOERROR aa
         answer d.example. 30 DNAME t.example.
         answer www.d.example. 30 CNAME www.t.example.
         answer www.t.example. 60 A 192.0.2.3");
}

#[test]
fn rfc6672_3_1_the_owner_itself_is_not_redirected() {
    let mut server = server();
    server.ask("d.example. TXT").is("NOERROR aa\nanswer d.example. 60 TXT here");
    server.ask("d.example. DNAME").is("NOERROR aa\nanswer d.example. 30 DNAME t.example.");
    server.ask("d.example. A").is("NOERROR aa\nauthority example. 1 SOA ns.example. h.example. 1 1 1 1 1");
}

#[test]
fn rfc6672_2_2_a_name_that_becomes_too_long_is_yxdomain() {
    let name = format!("{}.{}.long.example. A", "a".repeat(40), "b".repeat(40));
    let said = server().ask(&name);
    assert_eq!(said.head(), "YXDOMAIN aa");
    assert_eq!(said.section("answer").len(), 1);
}

#[test]
fn rfc6672_2_2_the_longest_name_is_not_too_long() {
    // 3 × 64 octets and `.example.`, 9 octets, leave 54 for what is left of the DNAME.
    let said = server().ask(&format!("{}.long.example. A edns", "a".repeat(53)));
    assert_eq!(said.head(), "NXDOMAIN aa");
    assert_eq!(said.section("answer").len(), 2);
    assert_eq!(server().ask(&format!("{}.long.example. A edns", "a".repeat(54))).head(), "YXDOMAIN aa");
}

#[test]
fn rfc6672_2_2_out_of_our_zones_the_resolver_goes_on() {
    server().ask("a.b.out.example. A").is("NOERROR aa
         answer out.example. 60 DNAME elsewhere.
         answer a.b.out.example. 60 CNAME a.b.elsewhere.");
}

#[test]
fn rfc6672_2_2_the_target_may_be_the_root() {
    server().ask("ns.example.root.example. A").is("NOERROR aa
         answer root.example. 60 DNAME .
         answer ns.example.root.example. 60 CNAME ns.example.
         answer ns.example. 60 A 192.0.2.1");
}

#[test]
fn rfc6672_2_2_a_loop_ends_and_repeats_no_record() {
    let said = server().ask("a.loop.example. A edns");
    let dnames = said.section("answer").iter().filter(|line| line.contains(" DNAME ")).count();
    assert_eq!((said.head().as_str(), dnames), ("NOERROR aa", 1));
}

#[test]
fn rfc2181_5_a_question_for_dname_that_ends_where_it_began_repeats_no_record() {
    let zone = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\na DNAME @\n";
    serve(&[("example", zone)]).ask("a.a.example. DNAME").is("NOERROR aa
         answer a.example. 60 DNAME example.
         answer a.a.example. 60 CNAME a.example.");
}

#[test]
fn rfc6672_3_2_a_question_for_cname_ends_at_the_one_that_was_made() {
    server().ask("gone.d.example. CNAME").is("NOERROR aa
         answer d.example. 30 DNAME t.example.
         answer gone.d.example. 30 CNAME gone.t.example.");
}

#[test]
fn rfc6672_3_2_into_a_delegation() {
    let said = server().ask("www.cut.example. A");
    assert_eq!(said.head(), "NOERROR aa");
    assert_eq!(said.section("authority"), ["sub.example. 60 NS ns.example."]);
}

#[test]
fn rfc6672_2_4_names_below_a_dname_are_not_seen() {
    // BIND loads such a zone; Knot DNS and NSD refuse it, and so does the server here. A name can come to be below a
    // DNAME all the same, by a change to a zone that is loaded.
    let zone =
        "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\nd DNAME t\nwww.d A 192.0.2.9\nwww.t A 192.0.2.3\n";
    let said = serve(&[("example", zone)]).ask("www.d.example. A");
    assert_eq!(said.section("answer")[2], "www.t.example. 60 A 192.0.2.3");
}
