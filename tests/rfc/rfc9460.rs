//! RFC 9460, SVCB and HTTPS: what goes with them.

use super::serve;

#[test]
fn rfc9460_4_1_targets_bring_addresses_and_services() {
    let zone = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n\
                self HTTPS 1 . alpn=h2\nself A 192.0.2.2\nalias HTTPS 0 self\nservice HTTPS 1 ns\nout HTTPS 0 elsewhere.\n";
    let mut server = serve(&[("example", zone)]);
    let additional =
        |server: &mut super::Server, name: &str| server.ask(&format!("{name}.example. HTTPS")).section("additional");
    assert_eq!(additional(&mut server, "self"), ["self.example. 60 A 192.0.2.2"]);
    assert_eq!(additional(&mut server, "service"), ["ns.example. 60 A 192.0.2.1"]);
    let of_alias = additional(&mut server, "alias");
    assert_eq!(of_alias.len(), 2);
    assert!(of_alias.iter().any(|line| line.starts_with("self.example. 60 HTTPS 1 .")));
    assert!(additional(&mut server, "out").is_empty());
}
