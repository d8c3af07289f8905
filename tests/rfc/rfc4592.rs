//! RFC 4592, wildcards: the zone of § 2.2.1 and its questions.

use super::{Server, serve};

const ZONE: &str = r#"
$TTL 3600
example.                 SOA ns.example.com. h.example.com. 1 1 1 1 300
example.                 NS ns.example.com.
example.                 NS ns.example.net.
*.example.               TXT "this is a wildcard"
*.example.               MX 10 host1.example.
sub.*.example.           TXT "this is not a wildcard"
host1.example.           A 192.0.2.1
_ssh._tcp.host1.example. SRV 0 0 22 host1.example.
_ssh._tcp.host2.example. SRV 0 0 22 host1.example.
subdel.example.          NS ns.example.com.
subdel.example.          NS ns.example.net.
"#;

const SOA: &str = "authority example. 300 SOA ns.example.com. h.example.com. 1 1 1 1 300";

fn server() -> Server {
    serve(&[("example", ZONE)])
}

#[test]
fn rfc4592_2_2_1_names_that_do_not_exist_are_made() {
    let mut server = server();
    server.ask("host3.example. MX").is("NOERROR aa
         answer host3.example. 3600 MX 10 host1.example.
         additional host1.example. 3600 A 192.0.2.1");
    server.ask("foo.bar.example. TXT").is("NOERROR aa\nanswer foo.bar.example. 3600 TXT this is a wildcard");
}

#[test]
fn rfc4592_2_2_1_a_wildcard_without_the_type_is_no_data() {
    server().ask("host3.example. A").is(&format!("NOERROR aa\n{SOA}"));
}

#[test]
fn rfc4592_2_2_1_names_that_exist_are_not_made() {
    let mut server = server();
    for question in ["host1.example. MX", "sub.*.example. MX", "_tcp.host2.example. TXT", "host2.example. TXT"] {
        server.ask(question).is(&format!("NOERROR aa\n{SOA}"));
    }
}

#[test]
fn rfc4592_2_2_1_below_names_that_exist_nothing_is_made() {
    let mut server = server();
    for question in ["_telnet._tcp.host1.example. SRV", "x.host1.example. TXT", "ghost.*.example. MX"] {
        server.ask(question).is(&format!("NXDOMAIN aa\n{SOA}"));
    }
}

#[test]
fn rfc4592_2_2_1_below_a_cut_the_referral_stands() {
    let said = server().ask("host.subdel.example. A");
    assert_eq!((said.head().as_str(), said.section("authority").len()), ("NOERROR", 2));
}

#[test]
fn rfc4592_2_2_1_the_wildcard_itself_can_be_asked_for() {
    server().ask("*.example. TXT").is("NOERROR aa\nanswer *.example. 3600 TXT this is a wildcard");
}

#[test]
fn rfc4592_2_2_2_empty_non_terminals_exist() {
    let zone = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n*.a.b TXT x\nd.c.*.w TXT x\n";
    let mut server = serve(&[("example", zone)]);
    for name in ["b", "a.b", "w", "*.w", "c.*.w"] {
        assert_eq!(server.ask(&format!("{name}.example. A")).head(), "NOERROR aa", "{name}");
    }
    assert_eq!(server.ask("x.b.example. TXT").head(), "NXDOMAIN aa");
    assert_eq!(server.ask("x.a.b.example. TXT").section("answer"), ["x.a.b.example. 60 TXT x"]);
    // A wildcard that exists without data still makes names: they have no data.
    assert_eq!(server.ask("x.w.example. TXT").head(), "NOERROR aa");
}

#[test]
fn rfc4592_3_3_1_the_closest_encloser_alone_counts() {
    // A wildcard higher up does not step in where a nearer name exists.
    let zone = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n* TXT up\na.b TXT there\n";
    let mut server = serve(&[("example", zone)]);
    assert_eq!(server.ask("c.b.example. TXT").head(), "NXDOMAIN aa");
    assert_eq!(server.ask("c.d.example. TXT").section("answer"), ["c.d.example. 60 TXT up"]);
    assert_eq!(server.ask("x.c.d.example. TXT").section("answer"), ["x.c.d.example. 60 TXT up"]);
}

#[test]
fn rfc4592_4_4_a_wildcard_alias_is_followed() {
    let zone = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n*.w CNAME ns\n*.loop CNAME x.loop\n";
    let mut server = serve(&[("example", zone)]);
    server.ask("q.w.example. A").is("NOERROR aa
         answer q.w.example. 60 CNAME ns.example.
         answer ns.example. 60 A 192.0.2.1");
    server.ask("q.w.example. CNAME").is("NOERROR aa\nanswer q.w.example. 60 CNAME ns.example.");
    server.ask("q.loop.example. A").is("NOERROR aa
         answer q.loop.example. 60 CNAME x.loop.example.
         answer x.loop.example. 60 CNAME x.loop.example.");
}

#[test]
fn rfc4592_2_1_1_a_star_within_a_name_or_label_is_no_wildcard() {
    let zone = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\na.*.b TXT x\n*c TXT y\nd* TXT z\n";
    let mut server = serve(&[("example", zone)]);
    // `*.b` is there, without data: what it makes has none (§ 2.2.2).
    assert!(server.ask("a.q.b.example. TXT").section("answer").is_empty());
    assert_eq!(server.ask("qc.example. TXT").head(), "NXDOMAIN aa");
    assert_eq!(server.ask("dq.example. TXT").head(), "NXDOMAIN aa");
}

#[test]
fn rfc8020_2_nothing_is_below_a_name_that_is_missing() {
    let mut server =
        serve(&[("example", "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\na.b.c A 192.0.2.2\n")]);
    // NXDOMAIN only where nothing is below either.
    assert_eq!(server.ask("c.example. A").head(), "NOERROR aa");
    assert_eq!(server.ask("b.c.example. A").head(), "NOERROR aa");
    assert_eq!(server.ask("x.c.example. A").head(), "NXDOMAIN aa");
}
