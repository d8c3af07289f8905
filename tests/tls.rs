//! TLS: questions (RFC 7858) and transfers (RFC 9103), by kdig, BIND and NSD; who may have a zone only so; certificates that
//! are replaced; and clients that mean no good.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use support::certificates::{Authority, Pair};
use support::client;
use support::message::Message;
use support::peer::{Kind, free_address};
use support::program;
use support::query::Query;
use support::secondary::{Primary, Secondary, framed};
use support::watari::{PATIENCE, Watari, write};

const NAME: &str = "ns1.example";
const ZONE: &str = "$TTL 300\n@ SOA ns h 1 7200 7200 1209600 300\n@ NS ns\nns A 192.0.2.1\n\
                    $GENERATE 0-2999 name$ TXT text$\n";

/// A server of ours that speaks TLS.
struct Encrypted {
    ours: Watari,
    authority: Authority,
    /// Where it does.
    tls: SocketAddr,
}

impl Encrypted {
    /// One that has `rest` besides in its configuration.
    fn serve(rest: &str) -> Encrypted {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("zones/a.example.zone"), ZONE);
        let authority = Authority::new();
        put(folder.path(), &authority.issue(NAME));
        let tls = "[tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n";
        fs::write(folder.path().join("watari.toml"), format!("{tls}{rest}")).unwrap();
        let ours = Watari::start(folder, &[]);
        let log = ours.log();
        let line = log.lines().find(|line| line.ends_with(", over TLS")).unwrap();
        let tls = line.trim_end_matches(", over TLS").rsplit(' ').next().unwrap().parse().unwrap();
        Encrypted { ours, authority, tls }
    }

    fn ca(&self) -> String {
        self.authority.ca().unwrap()
    }

    /// What `kdig` shows, which verifies the certificate.
    fn kdig(&self, arguments: &[&str]) -> program::Output {
        let (port, ca) = (self.tls.port().to_string(), format!("+tls-ca={}", self.ca()));
        let name = format!("+tls-hostname={NAME}");
        let server = ["@127.0.0.1", "-p", &port, &ca, &name, "+timeout=5"];
        program::run("kdig", self.ours.folder.path(), &[&server[..], arguments].concat(), PATIENCE)
    }

    /// A connection that offers these protocols, in these versions of TLS.
    fn connect(
        &self,
        alpn: &[&[u8]],
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_file_iter(self.ca()).unwrap().map(Result::unwrap));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let name = ServerName::try_from(NAME).unwrap();
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = TcpStream::connect(self.tls)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        Ok(StreamOwned::new(session, stream))
    }
}

fn put(folder: &std::path::Path, pair: &Pair) {
    fs::copy(&pair.certificate, folder.join("chain.pem")).unwrap();
    fs::copy(&pair.key, folder.join("key.pem")).unwrap();
    fs::set_permissions(folder.join("key.pem"), Permissions::from_mode(0o600)).unwrap();
}

const TLS13: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];

#[test]
fn rfc7858_questions_are_answered_over_tls() {
    let server = Encrypted::serve("");
    let shown = server.kdig(&["name7.a.example", "TXT"]).stdout;
    assert!(shown.contains("TLS session (TLS1.3)"), "{shown}");
    assert!(shown.contains("status: NOERROR") && shown.contains("\"text7\""), "{shown}");
    let other = server.kdig(&["name7.a.example", "TXT", "+tls-hostname=ns2.example"]);
    assert!(!other.stdout.contains("\"text7\"") && other.stderr.contains("certificate"), "{}", other.stderr);
    // Many on one connection, and answers of any length.
    let mut stream = server.connect(&[b"dot"], TLS13).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"dot"[..]));
    for id in 0..500 {
        stream.write_all(&framed(Query::new(&format!("name{id}.a.example"), 16).bytes(id))).unwrap();
    }
    for id in 0..500 {
        let message = read(&mut stream);
        assert_eq!((message.id, message.answer.len()), (id, 1));
    }
    // Whoever offers no protocol speaks what this port is for; another is not spoken.
    let mut silent = server.connect(&[], TLS13).unwrap();
    silent.write_all(&framed(Query::new("a.example", 6).bytes(7))).unwrap();
    assert_eq!(read(&mut silent).id, 7);
    assert!(server.connect(&[b"h2"], TLS13).is_err());
    assert!(server.connect(&[b"dot"], &[&rustls::version::TLS12]).is_err(), "RFC 9103 § 7.2: TLS 1.3 alone");
}

fn read(stream: &mut impl std::io::Read) -> Message {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut octets).unwrap();
    Message::parse(&octets).unwrap()
}

#[test]
fn rfc9103_a_zone_may_be_had_over_tls_alone() {
    let server = Encrypted::serve("[transfer]\nallow = [{ network = \"127.0.0.1\", tls = true }]\n");
    let shown = server.ours.dig(&["a.example", "AXFR"]);
    assert!(shown.contains("Transfer failed"), "{shown}");
    let shown = server.kdig(&["a.example", "AXFR"]).stdout;
    assert!(shown.contains("XFR size") || shown.contains("Received"), "{shown}");
    assert_eq!(shown.lines().filter(|line| line.contains("\"text")).count(), 3000);
    let mut stream = server.connect(&[b"dot"], TLS13).unwrap();
    stream.write_all(&framed(Query::new("a.example", 252).bytes(1))).unwrap();
    let mut soas = 0;
    while soas < 2 {
        soas += read(&mut stream).answer.iter().filter(|record| record.rtype == 6).count();
    }
    let log = server.ours.log();
    assert_eq!(log.matches("transferred a.example. as a whole, serial 1 to").count(), 2, "{log}");
}

#[test]
fn rfc9103_bind_and_nsd_are_secondaries_over_tls() {
    let addresses = [Kind::Bind, Kind::Nsd].map(|kind| (kind, free_address()));
    let notify: Vec<_> = addresses.iter().map(|(_, address)| format!("\"{address}\"")).collect();
    let allow = "allow = [{ network = \"127.0.0.1\", tls = true }]";
    let mut server = Encrypted::serve(&format!("[transfer]\n{allow}\nnotify = [{}]\n", notify.join(", ")));
    let ca = server.ca();
    let primary = Primary { address: server.tls, tls: Some((&ca, NAME)) };
    let mut secondaries = addresses.map(|(kind, there)| Secondary::new(kind, there, primary, &["a.example"], None));
    for secondary in &mut secondaries {
        secondary.run();
        assert_eq!(secondary.records_at("a.example", 1).len(), 3003);
    }
    server.ours.until("both know of it", |ours| {
        let (_, text) = ours.command(&["status", "a.example"]);
        text.matches("knows of serial 1").count() == 2
    });
    server.ours.write("a.example.zone", &ZONE.replace("h 1 ", "h 2 "));
    secondaries.iter_mut().for_each(|secondary| secondary.until_serial("a.example", 2));
    // Not to who is another.
    let primary = Primary { address: server.tls, tls: Some((&ca, "ns2.example")) };
    for kind in [Kind::Bind, Kind::Nsd] {
        let mut secondary = Secondary::new(kind, free_address(), primary, &["a.example"], None);
        secondary.run();
        let said = if kind == Kind::Bind { "TLS peer certificate verification failed" } else { "TLS" };
        secondary.until(said, |secondary| secondary.log().contains(said));
        assert_eq!(secondary.serial("a.example"), None);
    }
}

#[test]
fn a_certificate_is_replaced_while_serving_and_a_wrong_one_is_not_taken() {
    let mut server = Encrypted::serve("");
    let folder = server.ours.folder.path().to_owned();
    let mut before = server.connect(&[b"dot"], TLS13).unwrap();
    let certificate = |stream: &StreamOwned<ClientConnection, TcpStream>| {
        stream.conn.peer_certificates().unwrap()[0].as_ref().to_vec()
    };
    put(&folder, &server.authority.issue(NAME));
    server.ours.signal("-HUP");
    server.ours.until("it is taken", |ours| ours.log().contains("the certificate has changed"));
    let after = server.connect(&[b"dot"], TLS13).unwrap();
    assert_ne!(certificate(&before), certificate(&after));
    before.write_all(&framed(Query::new("a.example", 6).bytes(7))).unwrap();
    assert_eq!(read(&mut before).id, 7, "what has begun goes on");
    // The key of another certificate: as an editor leaves it that has copied one of two files.
    fs::copy(server.authority.issue(NAME).key, folder.join("key.pem")).unwrap();
    let (is_well, shown) = server.ours.command(&["check"]);
    assert!(!is_well && shown.contains("error[config-tls]"), "{shown}");
    server.ours.signal("-HUP");
    server.ours.until("it is said", |ours| ours.log().contains("the configuration has faults and stays as it was"));
    server.ours.until_said("key.pem: the certificate and the key can't be used");
    assert_eq!(certificate(&server.connect(&[b"dot"], TLS13).unwrap()), certificate(&after));
    fs::remove_file(folder.join("key.pem")).unwrap();
    let (_, shown) = server.ours.command(&["check"]);
    assert!(shown.contains("can't be read: there is no such file") && shown.contains("key = \"key.pem\""), "{shown}");
}

#[test]
fn who_does_not_begin_tls_or_sends_something_else_is_let_go() {
    let server = Encrypted::serve("[tcp]\nmessage-timeout = \"300ms\"\nconnections-per-client = 20\n");
    let mut silent = TcpStream::connect(server.tls).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(matches!(silent.read(&mut [0; 1]), Ok(0) | Err(_)), "closed, not kept waiting");
    let mut plain = TcpStream::connect(server.tls).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(&framed(Query::new("a.example", 6).bytes(7))).unwrap();
    let mut said = Vec::new();
    _ = plain.read_to_end(&mut said);
    assert!(said.len() < 20, "an alert at most: {said:?}");
    // What has begun and is left counts as a connection, and is let go.
    let held: Vec<_> = (0..20).map(|_| TcpStream::connect(server.tls).unwrap()).collect();
    let begun = std::time::Instant::now();
    while server.connect(&[b"dot"], TLS13).is_err() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::park_timeout(Duration::from_millis(20));
    }
    drop(held);
    // And TCP without it goes on.
    let mut stream = client::tcp(format!("127.0.0.1:{}", server.ours.port).parse().unwrap());
    stream.write_all(&framed(Query::new("a.example", 6).bytes(7))).unwrap();
    assert_eq!(Message::parse(&client::read_framed(&mut stream).unwrap()).unwrap().id, 7);
}
