//! What Watari asks of other name servers, asked of real ones on the loopback, and of liars.
//!
//! No test waits for longer than an asker's own timeout; that only ever runs out where silence is the point.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use support::client;
use support::peer::{Kind, Server, ZoneFile, free_address};
use support::program::{self, Running};
use support::query::Query;
use watari::clock::Instant;
use watari::net::ask::{AskError, Asker, Delegation, DelegationError, Parent, ParentError, Remark, Said};
use watari::timeline::Serial;
use watari::wire::Name;
use watari::zone::Ttl;

/// Long enough for a server on a busy machine.
const PATIENT: Asker = Asker { timeout: Duration::from_secs(5), tries: 3, port: 53 };
/// For who will not answer anyway.
const HASTY: Asker = Asker { timeout: Duration::from_millis(200), tries: 2, port: 53 };
/// For who says something, which must have been heard by then, and then no more.
const SHORT: Asker = Asker { timeout: Duration::from_secs(2), tries: 2, port: 53 };

const DS: &str = "12345 13 2 2BB183AF5F22588179A53B0A98631FAD1A292118F9B5E0D7A0B5E5C5F5E5D5C5";

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

fn asked_at() -> Instant {
    Instant::from_unix_seconds(1_800_000_000)
}

/// The zone `example`, which delegates `child`, `signed`, and `wide` to 70 servers with long names.
fn parent_zone(ns_ttl: u32) -> String {
    let mut text = format!(
        "$ORIGIN example.\n$TTL 3600\n@ SOA ns hostmaster 7 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.53\n\
         www A 192.0.2.80\na.b A 192.0.2.81\n\
         child {ns_ttl} NS ns1.child\nchild {ns_ttl} NS ns.provider.test.\nns1.child 7200 A 192.0.2.1\n\
         ns1.child 1800 AAAA 2001:db8::1\nsigned {ns_ttl} NS ns.provider.test.\nsigned 86400 DS {DS}\n\
         deep.in.between {ns_ttl} NS ns.provider.test.\n"
    );
    for number in 0..70 {
        let _ = writeln!(text, "wide 600 NS a-name-server-with-a-long-name-number-{number}.provider{number}.test.");
    }
    text
}

fn child_zone() -> String {
    "$ORIGIN child.example.\n$TTL 60\n@ SOA ns1 hostmaster 2026112301 7200 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n"
        .to_owned()
}

fn serve(kind: Kind, zones: &[(&str, &str)]) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<ZoneFile> = zones
        .iter()
        .map(|(name, text)| {
            let path = folder.path().join(format!("{name}.zone"));
            std::fs::write(&path, text).unwrap();
            ZoneFile { name: (*name).to_owned(), path }
        })
        .collect();
    // Every server has read its files when it answers.
    Server::start(kind, &files)
}

fn delegation(apex: &str, servers: &[SocketAddr]) -> Result<Delegation, DelegationError> {
    PATIENT.delegation(&name(apex), &Parent::Servers(servers.to_vec()), asked_at())
}

/// A server of our own making: what it answers to each datagram, and how many it was sent.
struct Fake {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    fn start(answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Fake {
        Fake::on(free_address(), answers)
    }

    fn on(address: SocketAddr, answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Fake {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let (asked, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, stopped) = (Arc::clone(&asked), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
                counter.fetch_add(1, Ordering::Relaxed);
                for answer in answers(&buffer[..length]) {
                    let _ = socket.send_to(&answer, peer);
                }
            }
        });
        Fake { address, asked, stop, thread: Some(thread) }
    }

    fn times_asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// The octets of the question's name, type and class.
fn question(query: &[u8]) -> &[u8] {
    let labels = query[12..].iter().position(|&octet| octet == 0).unwrap();
    &query[12..12 + labels + 5]
}

/// A right answer to a question for SOA, with these flags: QR and AA are 0x8400.
fn soa_answer(query: &[u8], flags: u16, serial: u32) -> Vec<u8> {
    let mut message = query[..2].to_vec();
    message.extend(flags.to_be_bytes());
    message.extend([0, 1, 0, 1, 0, 0, 0, 0]);
    message.extend(question(query));
    // Owner: a pointer to the question. SOA, IN, a TTL, and 22 octets: two roots and five numbers.
    message.extend([0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 60, 0, 22, 0, 0]);
    for number in [serial, 7200, 3600, 1_209_600, 300] {
        message.extend(number.to_be_bytes());
    }
    message
}

/// An answer with nothing but its question and a code.
fn code_answer(query: &[u8], flags: u16) -> Vec<u8> {
    let mut message = query[..2].to_vec();
    message.extend(flags.to_be_bytes());
    message.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend(question(query));
    message
}

#[test]
fn the_serial_of_every_kind_of_secondary_is_read() {
    for kind in [Kind::Watari, Kind::Knot, Kind::Nsd, Kind::Bind] {
        let server = serve(kind, &[("child.example", &child_zone())]);
        let serial = PATIENT.serial(server.address, &name("CHILD.example")).unwrap();
        assert_eq!(serial, Serial(2_026_112_301), "{}", kind.name());
    }
}

#[test]
fn a_server_of_other_zones_refuses_and_one_of_the_zone_above_is_told_apart() {
    let server = serve(Kind::Nsd, &[("example", &parent_zone(172_800))]);
    let asked = |zone: &str| PATIENT.serial(server.address, &name(zone)).unwrap_err();
    assert!(matches!(asked("elsewhere.test"), AskError::Refused { .. }));
    // A name of the zone, one that isn't there, and a delegation: none of them is a zone of this server.
    assert!(matches!(asked("www.example"), AskError::NotServed { .. }));
    assert!(matches!(asked("nothing.example"), AskError::NotServed { .. }));
    let lame = asked("child.example");
    assert!(matches!(lame, AskError::NotAuthoritative { .. }));
    assert_eq!(lame.to_string(), format!("{} is not authoritative for child.example.", server.address));
    assert!(lame.help().contains("name a server that has the zone child.example."));
}

#[test]
fn servfail_and_other_codes_are_named() {
    for (flags, expected) in [(0x8002, "(SERVFAIL)"), (0x8005, "refuses"), (0x8004, "NOTIMP"), (0x8009, "NOTAUTH")] {
        let server = Fake::start(move |query| vec![code_answer(query, flags)]);
        let error = PATIENT.serial(server.address, &name("child.example")).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(server.times_asked(), 1, "an answer is an answer");
    }
}

#[test]
fn a_black_hole_is_asked_as_often_as_was_said_and_then_given_up() {
    let hole = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let error = HASTY.serial(hole.local_addr().unwrap(), &name("child.example")).unwrap_err();
    assert!(matches!(error, AskError::Silent { ignored: 0, .. }), "{error}");
    // What was sent lies there still: each time another id, from another port.
    hole.set_nonblocking(true).unwrap();
    let mut buffer = [0; 512];
    let sent: Vec<_> = std::iter::from_fn(|| {
        let (_, peer) = hole.recv_from(&mut buffer).ok()?;
        Some((peer.port(), [buffer[0], buffer[1]]))
    })
    .collect();
    assert_eq!(sent.len(), 2);
    assert_ne!(sent[0], sent[1]);
}

#[test]
fn a_port_where_nobody_listens_is_named() {
    let error = HASTY.serial(free_address(), &name("child.example")).unwrap_err();
    assert!(matches!(error, AskError::Closed { .. }), "{error}");
}

#[test]
fn rfc5452_9_1_what_does_not_answer_the_question_is_not_believed() {
    type Forge = fn(&[u8]) -> Vec<u8>;
    let forgeries: [(&str, Forge); 7] = [
        ("another id, and no message", |query| {
            let mut message = soa_answer(query, 0x8400, 666);
            message[1] ^= 1;
            message.truncate(message.len() - 3);
            message
        }),
        ("another id", |query| {
            let mut message = soa_answer(query, 0x8400, 666);
            message[1] ^= 1;
            message
        }),
        ("another name", |query| {
            let mut message = soa_answer(query, 0x8400, 666);
            message[13] ^= 1;
            message
        }),
        ("another type", |query| {
            let mut message = soa_answer(query, 0x8400, 666);
            message[12 + question(query).len() - 3] ^= 4;
            message
        }),
        ("no question", |query| {
            let mut message = query[..2].to_vec();
            message.extend([0x84, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            message
        }),
        ("the question itself", <[u8]>::to_vec),
        ("a few octets", |query| query[..2].to_vec()),
    ];
    let ask = |(what, forge): (&str, Forge)| {
        let server = Fake::start(move |query| vec![forge(query)]);
        let error = SHORT.serial(server.address, &name("child.example")).unwrap_err();
        assert!(matches!(error, AskError::Silent { ignored: 1.., .. }), "{what}: {error}");
        // The true answer behind it is.
        let server = Fake::start(move |query| vec![forge(query), soa_answer(query, 0x8400, 5)]);
        assert_eq!(PATIENT.serial(server.address, &name("child.example")).unwrap(), Serial(5), "{what}");
    };
    // All at the same time: each is waited for.
    thread::scope(|scope| forgeries.into_iter().for_each(|forgery| _ = scope.spawn(move || ask(forgery))));
}

#[test]
fn what_is_no_message_is_called_so_unless_a_message_follows() {
    let garbage = |query: &[u8]| {
        let mut message = soa_answer(query, 0x8400, 666);
        message.truncate(message.len() - 3);
        message
    };
    let server = Fake::start(move |query| vec![garbage(query)]);
    let error = SHORT.serial(server.address, &name("child.example")).unwrap_err();
    assert!(matches!(error, AskError::Malformed { .. }), "{error}");
    let server = Fake::start(move |query| vec![garbage(query), soa_answer(query, 0x8400, 5)]);
    assert_eq!(PATIENT.serial(server.address, &name("child.example")).unwrap(), Serial(5));
}

#[test]
fn an_answer_from_a_cache_is_no_serial() {
    let server = Fake::start(|query| vec![soa_answer(query, 0x8080, 5)]);
    let error = PATIENT.serial(server.address, &name("child.example")).unwrap_err();
    assert!(matches!(error, AskError::NotAuthoritative { .. }), "{error}");
}

#[test]
fn rfc6891_7_a_server_that_takes_edns_for_a_fault_is_asked_without() {
    let server = Fake::start(|query| {
        // An additional record is OPT; the server answers with a header alone.
        let formerr = [&query[..2], &[0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
        vec![if query[11] == 1 { formerr } else { soa_answer(query, 0x8400, 5) }]
    });
    assert_eq!(PATIENT.serial(server.address, &name("child.example")).unwrap(), Serial(5));
    assert_eq!(server.times_asked(), 2);
}

#[test]
fn a_truncated_answer_is_asked_for_over_tcp_in_pieces_too() {
    let address = free_address();
    let listener = TcpListener::bind(address).unwrap();
    let server = Fake::on(address, |query| vec![code_answer(query, 0x8600)]);
    let over_tcp = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query).unwrap();
        let answer = soa_answer(&query, 0x8400, 5);
        let mut framed = u16::try_from(answer.len()).unwrap().to_be_bytes().to_vec();
        framed.extend(answer);
        stream.set_nodelay(true).unwrap();
        framed.chunks(7).for_each(|piece| stream.write_all(piece).unwrap());
    });
    assert_eq!(PATIENT.serial(server.address, &name("child.example")).unwrap(), Serial(5));
    over_tcp.join().unwrap();
}

#[test]
fn a_truncated_answer_without_tcp_is_called_so() {
    let server = Fake::start(|query| vec![code_answer(query, 0x8600)]);
    let error = PATIENT.serial(server.address, &name("child.example")).unwrap_err();
    assert!(matches!(error, AskError::NoTcp { .. }), "{error}");
    assert!(error.help().contains("let TCP port"));
}

#[test]
fn every_kind_of_parent_tells_ns_glue_and_that_there_is_no_ds() {
    for kind in [Kind::Knot, Kind::Nsd, Kind::Bind, Kind::Watari] {
        let server = serve(kind, &[("example", &parent_zone(172_800))]);
        let said = delegation("child.example", &[server.address]).unwrap();
        let kind = kind.name();
        assert_eq!(said.parent, name("example"), "{kind}");
        assert_eq!(said.ns.ttl, Ttl(172_800), "{kind}");
        assert_eq!(said.ns.names, [name("ns1.child.example"), name("ns.provider.test")], "{kind}");
        let glue: Vec<_> = said.glue.iter().map(|glue| (glue.name.clone(), glue.address, glue.ttl)).collect();
        let v4: IpAddr = "192.0.2.1".parse().unwrap();
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let ns1 = || name("ns1.child.example");
        assert_eq!(glue, [(ns1(), v4, Ttl(7200)), (ns1(), v6, Ttl(1800))], "{kind}");
        assert_eq!(said.ds, None, "{kind}");
        assert_eq!(said.asked_at, asked_at());
        assert_eq!(said.remarks, [], "{kind}");
    }
}

#[test]
fn ds_records_are_told_with_their_ttl() {
    let server = serve(Kind::Nsd, &[("example", &parent_zone(172_800))]);
    let ds = delegation("signed.example", &[server.address]).unwrap().ds.unwrap();
    assert_eq!(ds.ttl, Ttl(86_400));
    assert_eq!(ds.rdatas.len(), 1);
    assert_eq!(ds.rdatas[0][..4], [0x30, 0x39, 13, 2]);
}

#[test]
fn a_referral_too_long_for_udp_is_whole() {
    for kind in Kind::PEERS {
        let server = serve(kind, &[("example", &parent_zone(172_800))]);
        let said = delegation("wide.example", &[server.address]).unwrap();
        assert_eq!(said.ns.names.len(), 70, "{}", kind.name());
        assert_eq!(said.ns.ttl, Ttl(600));
    }
}

#[test]
fn the_parent_is_the_zone_and_not_the_name_above() {
    let server = serve(Kind::Nsd, &[("example", &parent_zone(172_800))]);
    let said = delegation("deep.in.between.example", &[server.address]).unwrap();
    assert_eq!(said.parent, name("example"));
}

#[test]
fn what_the_parent_does_not_delegate_is_told() {
    let server = serve(Kind::Knot, &[("example", &parent_zone(172_800))]);
    for apex in ["nothing.example", "www.example", "b.example", "x.a.b.example"] {
        let error = delegation(apex, &[server.address]).unwrap_err();
        assert!(
            matches!(&error, DelegationError::NotDelegated { parent, .. } if *parent == name("example")),
            "{error}"
        );
    }
    // Below a delegation this server is no parent's.
    let error = delegation("grandchild.child.example", &[server.address]).unwrap_err();
    let DelegationError::NoAnswer { source: AskError::NotAuthoritative { zone, .. }, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(zone, name("child.example"));
    assert!(matches!(delegation(".", &[server.address]), Err(DelegationError::NoParent)));
}

#[test]
fn of_servers_that_differ_the_highest_ttl_counts_and_silence_is_a_remark() {
    let (low, high) = (parent_zone(3600), parent_zone(172_800).replace("ns.provider.test.", "ns.other.test."));
    let low = serve(Kind::Nsd, &[("example", &low)]);
    let high = serve(Kind::Knot, &[("example", &high)]);
    let hole = Fake::start(|_| Vec::new());
    let servers = Parent::Servers(vec![low.address, hole.address, high.address, low.address]);
    let said = SHORT.delegation(&name("child.example"), &servers, asked_at()).unwrap();
    assert_eq!(said.ns.ttl, Ttl(172_800));
    assert_eq!(said.ns_from.address, high.address);
    assert_eq!(said.ns.names, ["ns1.child.example", "ns.other.test", "ns.provider.test"].map(name));
    assert_eq!(said.statements.len(), 3, "each is asked once");
    let ttls: Vec<_> = said.statements.iter().map(|one| one.referral().map(|referral| referral.ns.ttl)).collect();
    assert_eq!(ttls, [Some(Ttl(3600)), None, Some(Ttl(172_800))]);
    let [Remark::Failed { server, reason }, Remark::NsDiffer, Remark::TtlsDiffer] = &said.remarks[..] else {
        panic!("{:?}", said.remarks);
    };
    assert_eq!(server.address, hole.address);
    assert_eq!(*reason, format!("{} does not answer", hole.address));
}

#[test]
fn rfc1034_4_3_2_a_server_of_parent_and_child_hides_the_parents_ttl() {
    for kind in Kind::PEERS {
        let both = serve(kind, &[("example", &parent_zone(172_800)), ("child.example", &child_zone())]);
        let error = delegation("child.example", &[both.address]).unwrap_err();
        assert!(matches!(error, DelegationError::Hidden { .. }), "{}: {error}", kind.name());
        let parent = serve(Kind::Nsd, &[("example", &parent_zone(172_800))]);
        let said = delegation("child.example", &[both.address, parent.address]).unwrap();
        assert_eq!(said.ns.ttl, Ttl(172_800));
        assert!(matches!(&said.statements[0].said, Ok((_, Said::Child(ns))) if ns.ttl == Ttl(60)));
        assert!(matches!(&said.remarks[..], [Remark::ServesChild { server }] if server.address == both.address));
    }
}

#[test]
fn a_resolver_that_is_named_as_the_parents_server_is_refused_by_its_missing_authority() {
    let cache = Fake::start(|query| vec![soa_answer(query, 0x8180, 5)]);
    let error = delegation("child.example", &[cache.address]).unwrap_err();
    assert!(matches!(error, DelegationError::NoAnswer { source: AskError::NotAuthoritative { .. }, .. }), "{error}");
}

/// unbound, which finds `example` and the root at `parent` and nothing else in the world.
fn unbound(folder: &Path, parent: SocketAddr) -> (Running, SocketAddr) {
    let address = free_address();
    let config = folder.join("unbound.conf");
    let text = format!(
        "server:\n  interface: {}@{}\n  do-daemonize: no\n  chroot: \"\"\n  username: \"\"\n  pidfile: \"\"\n\
         \x20 use-syslog: no\n  directory: \"{}\"\n  module-config: \"iterator\"\n  do-not-query-localhost: no\n\
         \x20 num-threads: 1\n  do-ip6: no\n  local-zone: \"test.\" transparent\n\
         \x20 access-control: 127.0.0.0/8 allow\nremote-control:\n  control-enable: no\n\
         stub-zone:\n  name: \"example.\"\n  stub-addr: {parent_at}\n",
        address.ip(),
        address.port(),
        folder.display(),
        parent_at = format_args!("{}@{}", parent.ip(), parent.port()),
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(program::find("unbound"));
    command.arg("-d").arg("-c").arg(&config);
    let running = Running::start("unbound", command, folder.join("unbound.log"));
    let question = Query::new("localhost", 6).bytes(1);
    running.until("it answers", || client::ask(address, &question).is_some());
    (running, address)
}

#[test]
fn through_a_resolver_the_cut_is_found_and_its_servers_are_asked_themselves() {
    // The parent's server has its own address as its zone has it, and the port that the asker takes.
    let zone = parent_zone(172_800).replace("192.0.2.53", "127.0.0.1");
    let parent = serve(Kind::Nsd, &[("example", &zone)]);
    let folder = tempfile::tempdir().unwrap();
    let (_running, resolver) = unbound(folder.path(), parent.address);
    let asker = Asker { port: parent.address.port(), ..PATIENT };
    let said = asker.delegation(&name("deep.in.between.example"), &Parent::Resolver(resolver), asked_at()).unwrap();
    assert_eq!(said.parent, name("example"));
    assert_eq!(said.ns.ttl, Ttl(172_800), "not what the resolver's cache has left of it");
    assert_eq!(said.ns_from.name, Some(name("ns.example")));
    assert_eq!(said.ns_from.address, SocketAddr::from((Ipv4Addr::LOCALHOST, parent.address.port())));
}

#[test]
fn a_name_server_is_no_resolver() {
    let server = serve(Kind::Nsd, &[("example", &parent_zone(172_800))]);
    let asked = PATIENT.delegation(&name("child.example"), &Parent::Resolver(server.address), asked_at());
    let error = asked.unwrap_err();
    let DelegationError::Servers { source: ParentError::Resolver(AskError::NotRecursive { .. }), .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(error.help().unwrap(), "name a recursive resolver that answers this machine");
}

/// `watari plan parent` with these arguments: its exit status, and what it printed.
fn watari(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watari"));
    let output = command.args(["plan", "parent"]).args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_prints_what_the_parent_says_and_a_part_of_a_plan() {
    let server = serve(Kind::Nsd, &[("example", &parent_zone(172_800))]);
    let at = server.address.to_string();
    let (status, shown, said) = watari(&["child.example", "--server", &at]);
    assert_eq!((status, said.as_str()), (0, ""));
    assert!(
        shown.starts_with(
            "example delegates child.example\n\n\
             NS        2d  ns1.child.example.\n\
             \x20             ns.provider.test.\n\
             glue      2h  ns1.child.example. 192.0.2.1\n\
             \x20        30m  ns1.child.example. 2001:db8::1\n\
             DS      none\n\nasked at "
        ),
        "{shown}"
    );
    let part = &shown[shown.find("[authority]").unwrap()..];
    let table: toml::Table = part.parse().unwrap();
    let authority = table["authority"].as_table().unwrap();
    assert_eq!(authority["parent_ttl"].as_str(), Some("2d"));
    assert_eq!(authority["glue_ttl"].as_str(), Some("2h"));
    assert_eq!(authority["ds"].as_str(), Some("absent"));
    assert!(part.contains(&format!("# TTL of the NS records at the parent, asked of {at} at 20")), "{part}");

    let (status, shown, _) = watari(&["signed.example", "--server", &at, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(status, 0);
    assert_eq!(json["ns"]["ttl"], 172_800);
    assert_eq!(json["ns"]["data"][0], "ns.provider.test.");
    assert_eq!(json["ds"]["ttl"], 86_400);
    assert!(json["ds"]["data"][0].as_str().unwrap().starts_with("12345 13 2 2"), "{json}");
    assert_eq!(json["servers"][0]["says"], "referral");
    assert!(json["plan"].as_str().unwrap().ends_with("ds = \"present\"\n"));
}

#[test]
fn the_command_ends_with_1_without_a_delegation_and_with_3_without_an_answer() {
    let server = serve(Kind::Nsd, &[("example", &parent_zone(172_800))]);
    let (status, shown, said) = watari(&["nothing.example", "--server", &server.address.to_string()]);
    assert_eq!((status, shown.as_str()), (1, ""));
    assert!(said.contains("example. does not delegate nothing.example."), "{said}");
    let (status, _, said) = watari(&["child.example", "--server", &free_address().to_string()]);
    assert_eq!(status, 3);
    assert!(said.contains("nothing listens at 127.0.0.1:") && said.contains("help"), "{said}");
}
