//! Secondaries are told of changes (RFC 1996): Knot, NSD and BIND follow within moments although their refresh is hours,
//! with and without a key; one that is down, silent or unwilling is told as it should be, and shown.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs::{self, Permissions};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::time::{self, Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use support::peer::{Kind, free_address};
use support::secondary::{Secondary, Shared, records};
use support::watari::{PATIENCE, Watari, write};
use watari::clock::Instant;
use watari::wire::Name;
use watari::wire::tsig::{Algorithm, Key, Keyring, Secret, Signer, verify};

const ZONE: &str = "$TTL 3\n@ SOA ns h 1 7200 7200 1209600 3\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.10\n\
                    $GENERATE 1-9 host$ A 192.0.2.$\n";
const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const SHARED: Shared<'static> = Shared { name: "told.example.", algorithm: "hmac-sha256", secret: SECRET };

/// A plan that flips `www` so many seconds from now.
fn plan(seconds: u64, rest: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(seconds);
    let at = jiff::Timestamp::from_second(i64::try_from(since.as_secs()).unwrap()).unwrap();
    format!(
        "version = 1\nat = \"{at}\"\narm = \"on-load\"\nlow_ttl = \"1s\"\n{rest}\
         [[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.10\"]\nto = [\"192.0.2.11\"]\n"
    )
}

fn configure(folder: &std::path::Path, notify: &str) {
    let path = folder.join("watari.toml");
    let key = format!("[keys.\"told.example.\"]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\"\n");
    let text =
        format!("{key}[transfer]\nallow = [\"127.0.0.1\"]\nnotify = {notify}\n[metrics]\nlisten = \"127.0.0.1:0\"\n");
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// Ours over one zone, telling whom `notify` lists.
fn primary(notify: &str) -> Watari {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("zones/move.example.zone"), ZONE);
    configure(folder.path(), notify);
    Watari::start(folder, &[])
}

fn address(server: &Watari) -> SocketAddr {
    format!("127.0.0.1:{}", server.port).parse().unwrap()
}

fn status(server: &Watari, arguments: &[&str]) -> Value {
    let (_, text) = server.command(&[&["status", "--json"], arguments].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// How far `server` has come with telling the secondary at `address` of the zone: the state, and the serial.
fn told(server: &Watari, address: SocketAddr) -> (String, u64) {
    let status = status(server, &["move.example"]);
    let rows = status["secondaries"].as_array().cloned().unwrap_or_default();
    let row = rows.iter().find(|row| row["address"] == address.to_string());
    row.map(|row| (row["state"].as_str().unwrap().to_owned(), row["serial"].as_u64().unwrap())).unwrap_or_default()
}

fn serial(server: &Watari) -> u32 {
    server.data("move.example", "SOA").split(' ').nth(2).and_then(|serial| serial.parse().ok()).unwrap_or_default()
}

fn edited(serial: u32) -> String {
    ZONE.replace("h 1 ", &format!("h {serial} ")) + &format!("edit{serial} A 192.0.2.{}\n", serial % 250)
}

fn follow(shared: Option<Shared<'_>>) {
    let addresses = Kind::PEERS.map(|kind| (kind, free_address()));
    let key = shared.map_or_else(String::new, |shared| format!(", key = \"{}\"", shared.name));
    let entries = addresses.map(|(_, address)| format!("{{ address = \"{address}\"{key} }}"));
    let mut ours = primary(&format!("[{}]", entries.join(", ")));
    let mut secondaries =
        addresses.map(|(kind, there)| Secondary::new(kind, there, address(&ours), &["move.example"], shared));
    for secondary in &mut secondaries {
        secondary.run();
        secondary.until_serial("move.example", 1);
    }
    ours.until("all have answered", |ours| addresses.iter().all(|(_, there)| told(ours, *there).0 == "acknowledged"));
    // Nobody would ask for hours.
    ours.write("move.example.zone", &edited(2));
    for secondary in &mut secondaries {
        assert_eq!(secondary.records_at("move.example", 2), records(address(&ours), "move.example"));
    }
    ours.write("move.example.plan.toml", &plan(12, ""));
    ours.until_data("www.move.example", "192.0.2.11");
    for secondary in &mut secondaries {
        secondary.until("it has flipped", |secondary| {
            records(secondary.address, "move.example").iter().any(|record| record.contains("192.0.2.11"))
        });
        let now = serial(&ours);
        secondary
            .until("it serves what we do", |secondary| secondary.serial("move.example").is_some_and(|it| it >= now));
    }
    ours.until("all know", |ours| {
        let acknowledged = ("acknowledged".to_owned(), u64::from(serial(ours)));
        addresses.iter().all(|(_, there)| told(ours, *there) == acknowledged)
    });
    let log = ours.log();
    for secondary in &secondaries {
        let theirs = secondary.log();
        // As each says that it was told, and with which words it got differences.
        let (notice, difference) = match secondary.kind {
            Kind::Knot => ("notify, incoming", "IXFR, incoming"),
            Kind::Nsd => ("notify for move.example. from 127.0.0.1", "commit"),
            _ => ("received notify for zone 'move.example'", "Transfer status: success"),
        };
        assert!(theirs.to_lowercase().contains(&notice.to_lowercase()), "{}:\n{theirs}", secondary.kind.name());
        assert!(theirs.contains(difference), "{}:\n{theirs}", secondary.kind.name());
    }
    let differences = log.matches("transferred move.example. from serial").count();
    assert!(differences >= secondaries.len(), "as differences: {log}");
}

#[test]
fn rfc1996_an_edit_and_a_flip_reach_each_secondary_by_notice() {
    follow(None);
}

#[test]
fn rfc1996_an_edit_and_a_flip_reach_each_secondary_by_notices_with_a_key() {
    follow(Some(SHARED));
}

#[test]
fn a_secondary_that_was_down_has_it_when_it_comes() {
    let there = free_address();
    let mut ours = primary(&format!("[\"{there}\"]"));
    let mut secondary = Secondary::new(Kind::Knot, there, address(&ours), &["move.example"], None);
    secondary.run();
    secondary.until_serial("move.example", 1);
    ours.until("it knows", |ours| told(ours, there) == ("acknowledged".to_owned(), 1));
    secondary.stop();
    ours.write("move.example.zone", &edited(2));
    ours.until("nobody hears", |ours| told(ours, there) == ("failed".to_owned(), 2));
    let (_, shown) = ours.command(&["status", "move.example"]);
    assert!(
        shown.contains(&format!("{there} was told of serial 2, and is told again: nobody listens there")),
        "{shown}"
    );
    let (_, shown) = ours.command(&["status"]);
    assert!(
        shown.contains(&format!("secondary {there}: knows of 0 zones; was told and is told again of 1 zone; did not"))
    );
    ours.until("it is said", |ours| ours.log().contains(&format!("{there} does not answer NOTIFY")));
    secondary.run();
    ours.until("it knows again", |ours| told(ours, there) == ("acknowledged".to_owned(), 2));
    ours.until_said(&format!("{there} answers NOTIFY again"));
    secondary.until_serial("move.example", 2);
}

#[test]
fn who_does_not_want_to_know_is_shown_and_not_told_again() {
    // Knot wants a key, NSD another key, BIND has another zone.
    let addresses = [Kind::Knot, Kind::Nsd, Kind::Bind].map(|kind| (kind, free_address()));
    let [(_, knot), (_, nsd), (_, bind)] = addresses;
    let list = format!("[\"{knot}\", {{ address = \"{nsd}\", key = \"told.example.\" }}, \"{bind}\"]");
    let mut ours = primary(&list);
    let other = Shared { secret: "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3Q=", ..SHARED };
    let mut secondaries = [
        Secondary::new(Kind::Knot, knot, address(&ours), &["move.example"], Some(SHARED)),
        Secondary::new(Kind::Nsd, nsd, address(&ours), &["move.example"], Some(other)),
        Secondary::new(Kind::Bind, bind, address(&ours), &["other.example"], None),
    ];
    secondaries.iter_mut().for_each(Secondary::run);
    ours.until("all have said so", |ours| {
        told(ours, knot).0 == "refused" && told(ours, nsd).0 == "failed" && told(ours, bind).0 == "refused"
    });
    let said = |rows: &Value, address: SocketAddr| {
        let row = rows["secondaries"].as_array().unwrap().iter().find(|row| row["address"] == address.to_string());
        row.unwrap()["said"].as_str().unwrap_or_default().to_owned()
    };
    ours.until("NSD has said why", |ours| {
        said(&status(ours, &["move.example"]), nsd).contains("the answer can't be believed")
    });
    let rows = status(&ours, &["move.example"]);
    assert_eq!((said(&rows, knot), said(&rows, bind)), ("NOTAUTH".to_owned(), "NOTAUTH".to_owned()));
    assert!(said(&rows, nsd).contains("NOTAUTH, and the peer says BADSIG, unsigned"), "{rows}");
    ours.until_said(&format!("{knot} does not take NOTIFY of move.example: NOTAUTH"));
    let all = status(&ours, &[]);
    let refused: u64 = all["secondaries"].as_array().unwrap().iter().map(|row| row["refused"].as_u64().unwrap()).sum();
    assert_eq!(refused, 2, "{all}");
}

/// A secondary of the test's own, which says what it is told to say.
struct Ear {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Ear {
    fn new() -> Ear {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        Ear { address: socket.local_addr().unwrap(), socket }
    }

    fn hear(&self) -> (Vec<u8>, SocketAddr) {
        self.hear_within(PATIENCE).expect("a notice")
    }

    /// The next notice, if one comes within `limit`. Whom a plan names is asked for its serial besides: that is none.
    fn hear_within(&self, limit: Duration) -> Option<(Vec<u8>, SocketAddr)> {
        let end = time::Instant::now() + limit;
        let mut octets = vec![0; 4096];
        while let Some(left) = end.checked_duration_since(time::Instant::now()).filter(|left| !left.is_zero()) {
            self.socket.set_read_timeout(Some(left)).unwrap();
            let Ok((length, from)) = self.socket.recv_from(&mut octets) else { continue };
            if octets[2] & 0x78 == 0x20 {
                octets.truncate(length);
                return Some((octets, from));
            }
        }
        None
    }

    /// Lets go of what has come: until it was answered a notice may have come more than once.
    fn forget(&self) {
        self.socket.set_nonblocking(true).unwrap();
        while self.socket.recv_from(&mut [0; 4096]).is_ok() {}
        self.socket.set_nonblocking(false).unwrap();
    }

    fn answer(&self, to: SocketAddr, notice: &[u8], rcode: u8) {
        let mut answer = notice[..question_end(notice)].to_vec();
        (answer[2], answer[3]) = (answer[2] | 0x80, rcode);
        answer[6..12].fill(0);
        self.socket.send_to(&answer, to).unwrap();
    }
}

fn question_end(message: &[u8]) -> usize {
    12 + message[12..].iter().position(|octet| *octet == 0).unwrap() + 5
}

/// The serial in the SOA record of the answer section.
fn hinted(notice: &[u8]) -> u32 {
    let record = question_end(notice);
    let length = usize::from(u16::from_be_bytes([notice[record + 10], notice[record + 11]]));
    let serial = record + 12 + length - 20;
    u32::from_be_bytes(notice[serial..serial + 4].try_into().unwrap())
}

#[test]
fn rfc1996_3_a_notice_is_a_question_for_the_soa_with_the_record_as_a_hint_and_is_sent_until_it_is_answered() {
    let ear = Ear::new();
    let mut ours = primary(&format!("[\"{}\"]", ear.address));
    let (first, _) = ear.hear();
    // Opcode 4, AA; one question, one answer.
    assert_eq!((&first[2..4], &first[4..12]), (&[0x24, 0][..], &[0, 1, 0, 1, 0, 0, 0, 0][..]));
    assert_eq!(first[12..question_end(&first)], *b"\x04move\x07example\0\0\x06\0\x01");
    assert_eq!(hinted(&first), 1);
    // It is not answered: it comes again, with what is served by then.
    ours.write("move.example.zone", &edited(2));
    ours.until("it is served", |ours| serial(ours) == 2);
    let (mut notice, mut from) = ear.hear();
    while hinted(&notice) != 2 {
        (notice, from) = ear.hear();
    }
    // What is no answer to it is not taken for one.
    let mut wrong = notice.clone();
    wrong[1] ^= 1;
    ear.answer(from, &wrong, 0);
    let mut other = notice.clone();
    other[13] ^= 1;
    ear.answer(from, &other, 0);
    assert_ne!(told(&ours, ear.address).0, "acknowledged");
    ear.answer(from, &notice, 0);
    ours.until("it has heard", |ours| told(ours, ear.address) == ("acknowledged".to_owned(), 2));
    ear.forget();
    assert_eq!(ear.hear_within(Duration::from_secs(3)), None, "who knows is told no more");
    let metrics = ours.log().lines().find_map(|line| line.split("metrics are at http://").nth(1)).unwrap().to_owned();
    let (place, path) = metrics.split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(place).unwrap();
    std::io::Write::write_all(&mut stream, format!("GET /{path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut stream, &mut text).unwrap();
    assert!(text.contains("watari_notice_outcomes_total{outcome=\"acknowledged\"} 1"), "{text}");
    assert!(text.contains("watari_notices_waiting 0"), "{text}");
}

#[test]
fn rfc8945_5_3_only_a_signed_answer_to_a_signed_notice_is_believed() {
    let ear = Ear::new();
    let mut ours = primary(&format!("[{{ address = \"{}\", key = \"told.example.\" }}]", ear.address));
    let name = Name::from_text("told.example.").unwrap();
    let key = Key::new(name.as_ref(), Algorithm::HmacSha256, Secret::from_base64(SECRET).unwrap());
    let keyring: Keyring = [key].into_iter().collect();
    let now = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Instant::from_unix_seconds(i64::try_from(since.as_secs()).unwrap())
    };
    let (notice, from) = ear.hear();
    assert!(verify(&notice, now(), &keyring, None).unwrap().is_some(), "it is signed");
    ear.answer(from, &notice, 0);
    ours.until("it is shown", |ours| told(ours, ear.address).0 == "failed");
    let (notice, from) = ear.hear();
    let verified = verify(&notice, now(), &keyring, None).unwrap().unwrap();
    let mut answer = notice[..question_end(&notice)].to_vec();
    answer[2] |= 0x80;
    answer[6..12].fill(0);
    let (mut signer, length) = (Signer::answering(&verified), answer.len());
    answer.resize(length + signer.room(), 0);
    let length = signer.sign(&mut answer, length, now()).unwrap();
    ear.socket.send_to(&answer[..length], from).unwrap();
    ours.until("it is believed", |ours| told(ours, ear.address) == ("acknowledged".to_owned(), 1));
}

#[test]
fn whom_a_plan_names_is_told_and_who_is_new_in_the_configuration_too() {
    let (of_plan, new) = (Ear::new(), Ear::new());
    let mut ours = primary("[]");
    assert!(status(&ours, &[])["secondaries"].is_null());
    let secondaries = format!("[secondaries]\nservers = [\"{}\"]\nwithin = \"1h\"\n", of_plan.address);
    ours.write("move.example.plan.toml", &plan(3 * 86400, &secondaries));
    let (notice, from) = of_plan.hear();
    assert_eq!(hinted(&notice), 1);
    of_plan.answer(from, &notice, 0);
    configure(ours.folder.path(), &format!("{{ address = \"{}\", zones = [\"*.example\"] }}", new.address));
    ours.signal("-HUP");
    let (notice, from) = new.hear();
    assert_eq!(hinted(&notice), 1);
    new.answer(from, &notice, 0);
    ours.until("both know", |ours| {
        [of_plan.address, new.address].iter().all(|there| told(ours, *there) == ("acknowledged".to_owned(), 1))
    });
    of_plan.forget();
    configure(ours.folder.path(), &format!("{{ address = \"{}\", zones = [\"other.example\"] }}", new.address));
    ours.signal("-HUP");
    ours.until("it is told no more", |ours| told(ours, new.address).0.is_empty());
    assert_eq!(of_plan.hear_within(Duration::from_millis(100)), None, "who knows is not told again");
}
