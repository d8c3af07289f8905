//! Name servers: NSD, lame and right, alike and not.

use std::net::{SocketAddr, TcpListener, UdpSocket};

use watari::timeline::Verdict;
use watari::timeline::plan::probe::Look;
use watari::wire::{Name, Rtype};

use crate::support::peer::{Kind, Server, ZoneFile, free_address};
use crate::{HASTY, NOWHERE, PATIENT, SHORT, assert_fails, assert_unknown, look_within};

/// The zone `child.example` with this serial and this address of `www`, whose TTL is `ttl`.
fn child(serial: u32, ttl: u32, www: &str) -> String {
    format!(
        "$ORIGIN child.example.\n$TTL 60\n@ SOA ns1 hostmaster {serial} 7200 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n\
         @ MX 10 mx\n@ MX 20 MX2\nalias CNAME www\nwww {ttl} A {www}\n"
    )
}

const PARENT: &str = "$ORIGIN example.\n$TTL 60\n@ SOA ns hostmaster 7 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.53\n\
                      child NS ns1.child\nns1.child A 192.0.2.1\n";
const OTHER: &str =
    "$ORIGIN other.test.\n$TTL 60\n@ SOA ns hostmaster 7 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.53\n";

fn serve(name: &str, text: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone");
    std::fs::write(&path, text).unwrap();
    Server::start(Kind::Nsd, &[ZoneFile { name: name.to_owned(), path }])
}

fn dns(servers: &[SocketAddr], same: &[(&str, Rtype)], serials: bool) -> Look {
    let same = same.iter().map(|(owner, rtype)| (Name::from_text(owner).unwrap(), *rtype)).collect();
    Look::Dns { servers: servers.to_vec(), same, serials }
}

#[test]
fn servers_that_have_the_same_pass_whatever_the_ttls_and_the_order() {
    let one = serve("child.example", &child(5, 60, "192.0.2.9"));
    let text = child(5, 3600, "192.0.2.9").replace("@ MX 10 mx\n@ MX 20 MX2\n", "@ MX 20 mx2\n@ MX 10 mx\n");
    let two = serve("child.example", &text);
    let same = [
        ("www.child.example.", Rtype::A),
        ("child.example.", Rtype::MX),
        ("alias.child.example.", Rtype::A),
        ("missing.child.example.", Rtype::TXT),
    ];
    assert_eq!(look_within(PATIENT, dns(&[one.address, two.address], &same, true)), Verdict::Pass);
}

#[test]
fn servers_that_differ_fail_and_it_is_said_in_what() {
    let one = serve("child.example", &child(5, 60, "192.0.2.9"));
    let two = serve("child.example", &child(4, 60, "192.0.2.10").replace("alias CNAME www\n", ""));
    let (a, b) = (one.address, two.address);
    let www = ("www.child.example.", Rtype::A);
    let verdict = look_within(PATIENT, dns(&[a, b], &[www, ("alias.child.example.", Rtype::A)], false));
    assert_fails(
        &verdict,
        &[
            &format!("{b} has for www.child.example. A 192.0.2.10, {a} has 192.0.2.9"),
            &format!("{b} has for alias.child.example. A nothing, {a} has CNAME www.child.example."),
            "let both serve the same data",
        ],
    );
    // A serial that lags is a fault only if it is said so.
    assert_eq!(look_within(PATIENT, dns(&[a, b], &[], false)), Verdict::Pass);
    let verdict = look_within(PATIENT, dns(&[a, b], &[], true));
    assert_fails(&verdict, &[&format!("{b} has serial 4, {a} has 5"), "a NOTIFY or a transfer"]);
}

#[test]
fn a_lame_server_fails() {
    let right = serve("child.example", &child(5, 60, "192.0.2.9"));
    let lame = serve("other.test", OTHER);
    let verdict = look_within(PATIENT, dns(&[right.address, lame.address], &[], true));
    assert_fails(&verdict, &[&format!("{} refuses to answer for child.example.", lame.address), "let the server load"]);
    let above = serve("example", PARENT);
    let verdict = look_within(PATIENT, dns(&[above.address, right.address], &[], true));
    assert_fails(&verdict, &[&format!("{} is not authoritative for child.example.", above.address)]);
}

#[test]
fn a_silent_server_fails_in_time_and_a_closed_port_at_once() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let verdict = look_within(HASTY, dns(&[address], &[], false));
    assert_fails(&verdict, &[&format!("{address} does not answer"), "does the server run", "firewall"]);
    let verdict = look_within(PATIENT, dns(&[free_address()], &[], false));
    assert_fails(&verdict, &["nothing listens", "start the server"]);
}

#[test]
fn a_server_that_sends_us_to_tcp_and_is_silent_there_fails_in_time() {
    let address = free_address();
    let (socket, _silent) = (UdpSocket::bind(address).unwrap(), TcpListener::bind(address).unwrap());
    socket.set_read_timeout(Some(SHORT * 2)).unwrap();
    let answers = std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            // QR, AA and TC.
            buffer[2] |= 0x86;
            let _ = socket.send_to(&buffer[..length], peer);
        }
    });
    let same = [("www.child.example.", Rtype::A), ("child.example.", Rtype::MX)];
    let verdict = look_within(SHORT, dns(&[address], &same, true));
    assert_fails(&verdict, &["truncates its answer, and can't be asked over TCP", "RFC 7766", "let TCP port"]);
    answers.join().unwrap();
}

#[test]
fn that_there_is_no_way_is_unknown_unless_another_server_is_wrong() {
    let right = serve("child.example", &child(5, 60, "192.0.2.9"));
    let verdict = look_within(PATIENT, dns(&[right.address, NOWHERE], &[], false));
    assert_unknown(&verdict, &["there is no way from here"]);
    assert_fails(&look_within(PATIENT, dns(&[free_address(), NOWHERE], &[], false)), &["nothing listens"]);
    assert_unknown(&look_within(PATIENT, dns(&[], &[], false)), &["from 1 to 64 servers"]);
}
