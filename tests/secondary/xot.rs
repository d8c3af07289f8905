//! Zones that are fetched over TLS (RFC 9103): from BIND and NSD, from Knot behind TLS, from ourselves; and from whom they are
//! not.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;

use sha2::Digest as _;

use crate::ours;
use crate::primary::{KEY_NAME, Primary};
use crate::support::certificates::{Authority, Pair};
use crate::support::peer::{Kind, free_address};
use crate::support::watari::{Watari, write};
use crate::terminator::{Manner, Terminator};

const NAME: &str = "ns1.example";

fn zone(serial: u32) -> String {
    let more: String = (0..2000).map(|number| format!("name{number} TXT \"text {number}\"\n")).collect();
    format!(
        "$ORIGIN a.example.\n$TTL 300\n@ SOA ns h {serial} 3600 600 86400 300\n@ NS ns\nns A 192.0.2.1\n\
         www A 192.0.2.{serial}\n{more}"
    )
}

/// `NAME.secondary.toml` for a primary at `address` which is known by `tls`.
fn named(address: SocketAddr, key: bool, tls: &str) -> String {
    let key = if key { format!("key = \"{KEY_NAME}\", ") } else { String::new() };
    format!("primaries = [{{ address = \"{address}\", {key}tls = {{ {tls} }} }}]\nrefresh-max = \"1s\"\n")
}

fn by_name(authority: &Authority) -> String {
    format!("name = \"{NAME}\", ca = \"{}\"", authority.ca().unwrap())
}

/// The pin of a certificate's key, as openssl computes it.
fn pin(pair: &Pair) -> String {
    let script = "openssl x509 -in \"$0\" -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64";
    let output = std::process::Command::new("sh").args(["-c", script]).arg(&pair.certificate).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A server of another make that speaks TLS at an address of its own besides.
fn encrypted(kind: Kind, folder: &std::path::Path, ours: SocketAddr, pair: &Pair) -> (Primary, SocketAddr) {
    let tls = free_address();
    let mut primary = Primary::start(kind, folder, &zone(1), ours, true);
    let (certificate, key) = (pair.certificate.display(), pair.key.display());
    primary.configure(|config| match kind {
        Kind::Bind => {
            let listen = format!("listen-on port {} tls own {{ 127.0.0.1; }}; listen-on-v6", tls.port());
            let own = format!("tls own {{ cert-file \"{certificate}\"; key-file \"{key}\"; protocols {{ TLSv1.3; }}; }};\n");
            own + &config.replacen("listen-on-v6", &listen, 1)
        }
        _ => {
            let server = format!(
                "server:\n    ip-address: 127.0.0.1@{port}\n    tls-port: {port}\n    tls-service-pem: \"{certificate}\"\n    \
                 tls-service-key: \"{key}\"\n",
                port = tls.port()
            );
            config.replacen("server:\n", &server, 1)
        }
    });
    (primary, tls)
}

fn from_another_make(kind: Kind) {
    let (folder, address, authority) = (tempfile::tempdir().unwrap(), free_address(), Authority::new());
    let pair = authority.issue(NAME);
    let (primary, tls) = encrypted(kind, &folder.path().join("primary"), address, &pair);
    // NSD 4.6 does not say which protocol it speaks.
    let known = by_name(&authority) + if kind == Kind::Nsd { ", alpn = false" } else { "" };
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &named(tls, true, &known));
    ours.until("it is served", |_| ours::serial(address) == Some(1));
    // It is told in the clear, and fetched over TLS: nothing else listens there.
    for serial in 2..5 {
        primary.write(&zone(serial));
        ours.until("it follows", |_| ours::serial(address) == Some(serial));
        assert_eq!(ours::lines(address, false), ours::lines(primary.address, true));
    }
    ours.until_said("4 records of differences");
    let heard = |ours: &Watari| {
        let (_, told) = ours.command(&["status", "a.example", "--json"]);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!((&told["source"], &told["error"]), (&tls.to_string().into(), &serde_json::Value::Null), "{told}");
        told["refreshed_at"].to_string()
    };
    let before = heard(&ours);
    ours.until("the serial alone is asked for over TLS, too", |ours| heard(ours) > before);
    // Another name is another server.
    let other = format!("name = \"ns2.example\", ca = \"{}\"", authority.ca().unwrap());
    ours.write("a.example.secondary.toml", &named(tls, true, &other));
    ours.until("it is said", |ours| ours.log().contains("its certificate is for ns1.example, not for ns2.example"));
    assert_eq!(ours::serial(address), Some(4));
}

#[test]
fn rfc9103_from_bind() {
    from_another_make(Kind::Bind);
}

#[test]
fn rfc9103_from_nsd() {
    from_another_make(Kind::Nsd);
}

/// Our server, that is to fetch the zone from `terminator`, known by `tls`.
fn fetching(terminator: &Terminator, tls: &str) -> (Watari, SocketAddr) {
    let address = free_address();
    (ours::start(tempfile::tempdir().unwrap(), address, &named(terminator.address, false, tls)), address)
}

/// A primary that speaks no TLS itself.
fn behind() -> (tempfile::TempDir, Primary) {
    let folder = tempfile::tempdir().unwrap();
    let primary = Primary::start(Kind::Knot, &folder.path().join("primary"), &zone(1), free_address(), false);
    (folder, primary)
}

#[test]
fn who_is_not_the_primary_is_told_from_it_and_it_is_said_why() {
    let (_folder, primary) = behind();
    let (authority, other) = (Authority::new(), Authority::called("another one"));
    let (right, expired, own) = (authority.issue(NAME), authority.issue_expired(NAME), authority.self_signed(NAME));
    let (name, pinned) = (by_name(&authority), format!("pin = \"{}\"", pin(&right)));
    let wrong_pin = format!("pin = \"{}\"", pin(&own));
    let both = format!("{name}, {pinned}");
    let right_manner = || Manner::right(&right);
    for (manner, tls, said) in [
        (right_manner(), &*name, None),
        (right_manner(), &pinned, None),
        (right_manner(), &both, None),
        // A key that is pinned is known, whatever its certificate says (RFC 7858 § 4.2).
        (Manner::right(&own), &wrong_pin, None),
        (Manner::right(&expired), &format!("pin = [\"{}\", \"{}\"]", pin(&own), pin(&expired)), None),
        (right_manner(), &wrong_pin, Some(format!("its key has the pin `{}`, and `tls.pin` has not", pin(&right)))),
        (right_manner(), &format!("{name}, {wrong_pin}"), Some("its key has the pin".to_owned())),
        (right_manner(), &by_name(&other), Some("an authority that this machine does not trust".to_owned())),
        (right_manner(), &format!("name = \"{NAME}\""), Some("name its certificate in `ca`".to_owned())),
        (Manner::right(&expired), &name, Some("its certificate expired 2021-02-03".to_owned())),
        (Manner::right(&own), &name, Some("its certificate is signed by itself".to_owned())),
        (Manner { alpn: &[], ..right_manner() }, &format!("{name}, alpn = false"), None),
        (Manner { alpn: &[b"h2"], ..right_manner() }, &format!("{name}, alpn = false"), Some("(ALPN `dot`".to_owned())),
        (Manner { alpn: &[], ..right_manner() }, &name, Some("(ALPN `dot`, RFC 9103 § 7.1)".to_owned())),
        (Manner { alpn: &[b"h2"], ..right_manner() }, &name, Some("(ALPN `dot`, RFC 9103 § 7.1)".to_owned())),
        (
            Manner { versions: &[&rustls::version::TLS12], ..right_manner() },
            &name,
            Some("it speaks no TLS 1.3, which transfers need".to_owned()),
        ),
    ] {
        let terminator = Terminator::start(primary.address, &manner);
        let (mut ours, address) = fetching(&terminator, tls);
        match said {
            None => {
                ours.until("it is served", |_| ours::serial(address) == Some(1));
                assert_eq!(ours::records(address), ours::records(primary.address), "{tls}");
            }
            Some(said) => {
                ours.until(&format!("{said}, with {tls}"), |ours| ours.log().contains(&said));
                assert_eq!(ours.status("a.example"), "SERVFAIL", "{tls}");
            }
        }
    }
    // Not TLS at all: DNS over TCP, and nothing.
    let address = free_address();
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &named(primary.address, false, &name));
    // It reads what we say as the length of a message, and waits for that, or closes.
    ours.until("it is said", |ours| {
        let said = ["does it speak TLS there?", "does not speak TLS there", "the TLS handshake does not end within"];
        said.iter().any(|said| ours.log().contains(said))
    });
    assert_eq!(ours.status("a.example"), "SERVFAIL");
}

#[test]
fn a_primary_may_want_a_certificate_of_ours() {
    let (_folder, primary) = behind();
    let (authority, clients) = (Authority::new(), Authority::called("the authority of secondaries"));
    let (right, own) = (authority.issue(NAME), clients.issue("secondary.example"));
    let terminator = Terminator::start(primary.address, &Manner { clients: Some(&clients), ..Manner::right(&right) });
    let (mut without, _) = fetching(&terminator, &by_name(&authority));
    without.until("it is refused", |ours| ours.log().contains("CertificateRequired"));
    assert_eq!(without.status("a.example"), "SERVFAIL");
    let shown = format!(
        "{}, certificate = \"{}\", key = \"{}\"",
        by_name(&authority),
        own.certificate.display(),
        own.key.display()
    );
    let (mut with, address) = fetching(&terminator, &shown);
    with.until("it is served", |_| ours::serial(address) == Some(1));
}

#[test]
fn what_breaks_off_in_the_middle_harms_nothing() {
    let (_folder, primary) = behind();
    let authority = Authority::new();
    let right = authority.issue(NAME);
    for cut in [0, 1, 2, 100, 5000, 60_000] {
        let terminator = Terminator::start(primary.address, &Manner { cut: Some(cut), ..Manner::right(&right) });
        let (mut ours, address) = fetching(&terminator, &by_name(&authority));
        ours.until("it has tried", |ours| ours.log().contains("a.example: it can't be fetched"));
        assert_eq!(ours.status("a.example"), "SERVFAIL", "{cut}");
        // And comes when it can.
        let whole = Terminator::start(primary.address, &Manner::right(&right));
        ours.write("a.example.secondary.toml", &named(whole.address, false, &by_name(&authority)));
        ours.until("it is served", |_| ours::serial(address) == Some(1));
    }
}

#[test]
fn nothing_is_asked_in_the_clear_and_one_connection_does() {
    let (_folder, primary) = behind();
    let authority = Authority::new();
    let right = authority.issue(NAME);
    let terminator = Terminator::start(primary.address, &Manner::right(&right));
    // Whoever asked for the serial over UDP would be heard here.
    let clear = std::net::UdpSocket::bind(terminator.address).unwrap();
    clear.set_nonblocking(true).unwrap();
    let (mut ours, address) = fetching(&terminator, &by_name(&authority));
    ours.until("it is served", |_| ours::serial(address) == Some(1));
    ours.until("the serial was asked for", |_| terminator.connections.load(Ordering::Relaxed) >= 3);
    primary.write(&zone(2));
    ours.until("it follows", |_| ours::serial(address) == Some(2));
    assert!(clear.recv_from(&mut [0; 512]).is_err(), "something was asked in the clear");
}

#[test]
fn an_authority_that_changes_is_taken_with_sighup() {
    let (_folder, primary) = behind();
    let (authority, next) = (Authority::new(), Authority::called("the next one"));
    let right = next.issue(NAME);
    let terminator = Terminator::start(primary.address, &Manner::right(&right));
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("zones/ca.pem"), &fs::read_to_string(authority.ca().unwrap()).unwrap());
    let address = free_address();
    let tls = format!("name = \"{NAME}\", ca = \"ca.pem\"");
    let mut ours = ours::start(folder, address, &named(terminator.address, false, &tls));
    ours.until("it is refused", |ours| ours.log().contains("an authority that this machine does not trust"));
    fs::copy(next.ca().unwrap(), ours.path("ca.pem")).unwrap();
    ours.signal("-HUP");
    ours.until("it is served", |_| ours::serial(address) == Some(1));
    // And one that is missing is said, with its place.
    fs::remove_file(ours.path("ca.pem")).unwrap();
    let (is_well, shown) = ours.command(&["check"]);
    assert!(
        !is_well && shown.contains("error[secondary-tls]: `tls.ca` names zones/ca.pem, which can't be read"),
        "{shown}"
    );
    assert!(shown.contains(" --> zones/a.example.secondary.toml:1:"), "{shown}");
}

#[test]
fn between_two_of_ours() {
    let authority = Authority::new();
    let pair = authority.issue(NAME);
    let folder = tempfile::tempdir().unwrap();
    fs::copy(&pair.certificate, folder.path().join("chain.pem")).unwrap();
    fs::copy(&pair.key, folder.path().join("key.pem")).unwrap();
    fs::set_permissions(folder.path().join("key.pem"), Permissions::from_mode(0o600)).unwrap();
    let (address, tls) = (free_address(), free_address());
    let config = format!(
        "[tls]\nlisten = \"{tls}\"\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n\
         [transfer]\nallow = [{{ network = \"127.0.0.1\", tls = true }}]\nnotify = [\"{address}\"]\n"
    );
    write(&folder.path().join("watari.toml"), &config);
    write(&folder.path().join("zones/a.example.zone"), &zone(1));
    let mut primary = Watari::start(folder, &[]);
    let pinned = format!("pin = \"{}\"", pin(&pair));
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &named(tls, false, &pinned));
    ours.until("it is served", |_| ours::serial(address) == Some(1));
    primary.write("a.example.zone", &zone(2));
    ours.until("it follows", |_| ours::serial(address) == Some(2));
    primary.until_said("transferred a.example. from serial 1 to 2");
    // It becomes ours as any other does; the bridge leads to where notices are heard.
    let (is_done, said) = ours.command(&["promote", "a.example", "--yes"]);
    assert!(is_done && said.contains("notify = [\"127.0.0.1:53\"]"), "{said}");
    assert_eq!(ours::serial(address), Some(2));
}

#[test]
fn a_pin_is_the_digest_of_the_public_key() {
    // What the documentation computes with openssl, from the key itself.
    let pair = Authority::new().issue(NAME);
    let script = "openssl pkey -in \"$0\" -pubout -outform der | base64 -w0";
    let output = std::process::Command::new("sh").args(["-c", script]).arg(&pair.key).output().unwrap();
    let der = data_encoding::BASE64.decode(String::from_utf8(output.stdout).unwrap().trim().as_bytes()).unwrap();
    assert_eq!(data_encoding::BASE64.encode(&sha2::Sha256::digest(&der)), pin(&pair));
}
