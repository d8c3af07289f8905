//! RFC 3597, unknown types.

use super::serve;

#[test]
fn rfc3597_3_unknown_types_are_served_octet_by_octet() {
    let zone = "@ 60 SOA ns h 1 1 1 1 1\n@ 60 NS ns\nns 60 A 192.0.2.1\nx 60 TYPE65280 \\# 4 0A 00 00 01\ny 60 TYPE1 \\# 4 0A000002\n";
    let mut server = serve(&[("example", zone)]);
    let said = server.ask("x.example. TYPE65280");
    assert_eq!(said.head(), "NOERROR aa");
    assert!(said.octets.ends_with(&[0, 4, 10, 0, 0, 1]));
    assert_eq!(server.ask("y.example. A").section("answer"), ["y.example. 60 A 10.0.0.2"]);
    assert_eq!(server.ask("x.example. TYPE65281").head(), "NOERROR aa");
}

#[test]
fn rfc3597_4_names_in_newer_types_are_not_compressed() {
    let zone = "@ 60 SOA ns h 1 1 1 1 1\n@ 60 NS ns\nns 60 A 192.0.2.1\nsrv 60 SRV 1 2 3 host.example.\nmx 60 MX 1 host.example.\n";
    let mut server = serve(&[("example", zone)]);
    assert!(server.ask("srv.example. SRV").octets.ends_with(b"\x04host\x07example\0"));
    assert!(!server.ask("mx.example. MX").octets.ends_with(b"\x04host\x07example\0"));
}
