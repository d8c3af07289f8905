//! Transfers that BIND, NSD and Knot sign, followed message after message by what follows ours; and what they say to
//! signatures with faults, beside what we say.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use support::client;
use support::message::{Message, rcode};
use support::peer::free_address;
use support::program::{self, Running};
use support::query::Query;
use watari::clock::Instant;
use watari::wire::Name;
use watari::wire::tsig::{Algorithm, FollowFault, Followed, Follower, Key, Secret, Signer};

/// So many that a transfer takes several messages.
const RECORDS: usize = 6000;

/// A server of others that transfers the zone `a.example` to who signs with one of the keys.
struct Peer {
    address: SocketAddr,
    name: &'static str,
    _running: Running,
    _folder: tempfile::TempDir,
}

fn key(name: &str, algorithm: Algorithm, octet: u8) -> Key {
    let secret = data_encoding::BASE64.encode(&vec![octet; algorithm.mac_len()]);
    Key::new(Name::from_text(name).unwrap().as_ref(), algorithm, Secret::from_base64(&secret).unwrap())
}

/// The key for `algorithm` that all peers know.
fn known(algorithm: Algorithm) -> Key {
    key(&format!("{algorithm}.key"), algorithm, 7)
}

impl Peer {
    /// All three.
    fn all() -> Vec<Peer> {
        ["bind", "knot", "nsd"].map(Peer::start).into()
    }

    fn start(name: &'static str) -> Peer {
        let folder = tempfile::tempdir().unwrap();
        let (path, address) = (folder.path(), free_address());
        let mut zone = "$TTL 300\n@ SOA ns h 1 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.1\n".to_owned();
        for number in 0..RECORDS {
            _ = writeln!(zone, "name{number} TXT \"text {number}\"");
        }
        std::fs::write(path.join("a.example.zone"), zone).unwrap();
        std::fs::write(path.join("config"), configuration(name, path, address)).unwrap();
        let (program, arguments): (_, &[&str]) = match name {
            "bind" => ("named", &["-g", "-n", "1", "-c"]),
            "knot" => ("knotd", &["-c"]),
            _ => ("nsd", &["-d", "-c"]),
        };
        let mut command = Command::new(program::find(program));
        command.args(arguments).arg(path.join("config"));
        let running = Running::start(name, command, path.join("log"));
        let question = Query::new("a.example", 6).bytes(1);
        let is_served =
            || client::ask(address, &question).is_some_and(|answer| answer.rcode == rcode::NOERROR && answer.aa);
        running.until("it serves its zone", is_served);
        Peer { address, name, _running: running, _folder: folder }
    }

    /// All messages that come to `request`, until the transfer has ended or is refused.
    fn transfer(&self, request: &[u8]) -> Vec<Vec<u8>> {
        let mut stream = client::tcp(self.address);
        stream.write_all(&u16::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
        stream.write_all(request).unwrap();
        let (mut messages, mut ends) = (Vec::new(), 0);
        while ends < 2 {
            let octets = client::read_framed(&mut stream).unwrap_or_else(|| panic!("{} ends too early", self.name));
            let message = Message::parse(&octets).unwrap();
            ends += message.answer.iter().filter(|record| record.rtype == 6).count();
            messages.push(octets);
            if message.rcode != rcode::NOERROR {
                break;
            }
        }
        messages
    }
}

fn configuration(name: &str, folder: &Path, address: SocketAddr) -> String {
    let (folder, port) = (folder.display(), address.port());
    let keys = |entry: &dyn Fn(String, Algorithm, String) -> String| -> String {
        let secret = |algorithm: Algorithm| data_encoding::BASE64.encode(&vec![7; algorithm.mac_len()]);
        Algorithm::ALL.map(|algorithm| entry(format!("{algorithm}.key"), algorithm, secret(algorithm))).concat()
    };
    match name {
        "bind" => {
            let known = keys(&|name, algorithm, secret| {
                format!("key \"{name}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};\n")
            });
            let allowed = keys(&|name, _, _| format!("key \"{name}\"; "));
            format!(
                "{known}options {{ directory \"{folder}\"; pid-file none; session-keyfile none; lock-file none;\n\
                 managed-keys-directory \"{folder}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
                 recursion no; notify no; dnssec-validation no; transfer-format many-answers; }};\ncontrols {{ }};\n\
                 zone \"a.example\" {{ type primary; file \"a.example.zone\"; allow-transfer {{ {allowed} }}; }};\n"
            )
        }
        "knot" => {
            let known = keys(&|name, algorithm, secret| {
                format!("  - id: \"{name}\"\n    algorithm: {algorithm}\n    secret: \"{secret}\"\n")
            });
            let allowed = Algorithm::ALL.map(|algorithm| format!("\"{algorithm}.key\"")).join(", ");
            format!(
                "server:\n    rundir: {folder}\n    listen: 127.0.0.1@{port}\n    tcp-io-timeout: 60000\ncontrol:\n    listen: {folder}/control\n\
                 database:\n    storage: {folder}/database\nlog:\n  - target: stderr\n    any: info\nkey:\n{known}\
                 acl:\n  - id: signed\n    action: transfer\n    key: [{allowed}]\n\
                 zone:\n  - domain: a.example.\n    file: {folder}/a.example.zone\n    zonefile-sync: -1\n\
                 \x20   journal-content: none\n    acl: signed\n"
            )
        }
        _ => {
            let known = keys(&|name, algorithm, secret| {
                format!("key:\n    name: \"{name}\"\n    algorithm: {algorithm}\n    secret: \"{secret}\"\n")
            });
            let allowed = keys(&|name, _, _| format!("    provide-xfr: 127.0.0.1 {name}\n"));
            format!(
                "server:\n    ip-address: 127.0.0.1@{port}\n    server-count: 1\n    username: \"\"\n    chroot: \"\"\n\
                 \x20   pidfile: \"\"\n    database: \"\"\n    zonelistfile: \"{folder}/zone.list\"\n\
                 \x20   xfrdfile: \"{folder}/xfrd.state\"\n    xfrdir: \"{folder}\"\n    zonesdir: \"{folder}\"\n\
                 remote-control:\n    control-enable: no\n{known}\
                 zone:\n    name: \"a.example\"\n    zonefile: \"a.example.zone\"\n{allowed}"
            )
        }
    }
}

fn now() -> Instant {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Instant::from_unix_seconds(i64::try_from(since.as_secs()).unwrap())
}

/// A request for a transfer, signed with `key` at `at`, and who follows the answers.
fn request(key: Key, at: Instant) -> (Vec<u8>, Follower) {
    let mut signer = Signer::asking(Arc::new(key));
    let mut out = Query::new("a.example", 252).bytes(4711);
    let length = out.len();
    out.resize(length + signer.room(), 0);
    signer.sign(&mut out, length, at).unwrap();
    (out, Follower::of(&signer).unwrap())
}

#[test]
fn rfc8945_5_3_1_the_transfers_of_others_are_followed_to_their_ends() {
    for peer in Peer::all() {
        for algorithm in Algorithm::ALL {
            let (request, follower) = request(known(algorithm), now());
            let messages = peer.transfer(&request);
            assert!(messages.len() > 2, "{} takes {} messages", peer.name, messages.len());
            let follow = |messages: &[Vec<u8>]| {
                let mut follower = follower.clone();
                let mut unsigned = 0;
                for message in messages {
                    unsigned += usize::from(follower.message(message, now())? == Followed::Unsigned);
                }
                follower.finish().map(|()| unsigned)
            };
            let unsigned = follow(&messages);
            assert!(unsigned.is_ok(), "{} {algorithm}: {unsigned:?}", peer.name);
            // Of a stream that somebody has touched, nothing counts.
            let mut lacking = messages.clone();
            lacking.remove(1);
            assert!(follow(&lacking).is_err(), "{} {algorithm}: a message is missing", peer.name);
            let mut swapped = messages.clone();
            swapped.swap(1, 2);
            assert!(follow(&swapped).is_err(), "{} {algorithm}: two are swapped", peer.name);
            for at in [0, 1, messages.len() - 1] {
                let mut changed = messages.clone();
                let middle = changed[at].len() / 2;
                changed[at][middle] ^= 1;
                assert!(follow(&changed).is_err(), "{} {algorithm}: message {at} is changed", peer.name);
            }
        }
    }
}

#[test]
fn rfc8945_5_3_2_the_refusals_of_others_are_understood() {
    for peer in Peer::all() {
        let heard = |key: Key, at: Instant| {
            let (request, mut follower) = request(key, at);
            let messages = peer.transfer(&request);
            assert_eq!(messages.len(), 1);
            assert_eq!(Message::parse(&messages[0]).unwrap().rcode, 9, "{} says NOTAUTH", peer.name);
            follower.message(&messages[0], at).unwrap_err()
        };
        let algorithm = Algorithm::HmacSha256;
        let unknown = heard(key("unknown.key", algorithm, 7), now());
        assert_eq!(unknown.to_string(), "the peer says BADKEY, unsigned", "{}", peer.name);
        let wrong = heard(key("hmac-sha256.key", algorithm, 8), now());
        assert_eq!(wrong.to_string(), "the peer says BADSIG, unsigned", "{}", peer.name);
        for at in [now().before(Duration::from_secs(4000)), now().after(Duration::from_secs(4000))] {
            let late = heard(known(algorithm), at);
            let FollowFault::Refused { error, peer_time: Some(peer_time), is_signed } = late else {
                panic!("{}: {late:?}", peer.name)
            };
            assert_eq!(error.to_string(), "BADTIME");
            assert_eq!(is_signed, peer.name != "nsd", "{}", peer.name);
            assert!(
                peer_time.abs_diff(u64::try_from(now().unix_seconds()).unwrap()) < 60,
                "{} says its time",
                peer.name
            );
        }
    }
}
