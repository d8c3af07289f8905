//! The same updates to our program and to BIND, hundreds of them: the same is said, and the same zone is there after each.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use watari::clock::Instant;
use watari::wire::tsig::{Algorithm, Key, Secret, Signer};
use watari::wire::{Name, Rtype};
use watari::zone::text::parse_rdata;

use super::support::drawn::Seed;
use super::support::message::{Message, Record, rcode};
use super::support::peer::free_address;
use super::support::program::{self, Running};
use super::support::query::Query;
use super::support::{client, watari::PATIENCE};
use super::{SECRET, serve};

/// How many updates are sent to both.
const UPDATES: u64 = 1500;

const ZONE: &str = "$TTL 300\n@ SOA ns hostmaster 10 7200 3600 1209600 300\n@ NS ns\n@ NS ns.elsewhere.test.\n\
                    ns A 192.0.2.1\nwww A 192.0.2.2\nwww A 192.0.2.3\nalias CNAME www\na.b TXT \"deep\"\n\
                    sub NS ns.sub\nns.sub A 192.0.2.7\n*.w TXT \"wild\"\n";

/// The codes by which an update is refused for what it asks to be changed.
const OF_CHANGES: [u16; 3] = [rcode::FORMERR, rcode::REFUSED, 10];

const NAMES: [&str; 12] =
    ["@", "www", "WWW", "alias", "new", "a.b", "b", "sub", "x.sub", "*.w", "_acme-challenge", "c"];
const DATA: [(Rtype, &str); 18] = [
    (Rtype::A, "192.0.2.2"),
    (Rtype::A, "192.0.2.3"),
    (Rtype::A, "192.0.2.4"),
    (Rtype::TXT, "\"deep\""),
    (Rtype::TXT, "\"wild\" \"more\""),
    (Rtype::TXT, "\"token\""),
    (Rtype::CNAME, "www"),
    (Rtype::CNAME, "ns"),
    (Rtype::NS, "ns"),
    (Rtype::NS, "ns.sub"),
    (Rtype::NS, "ns.elsewhere.test."),
    (Rtype::MX, "10 www"),
    (Rtype::MX, "20 ns"),
    (Rtype::AAAA, "2001:db8::1"),
    (Rtype::NAPTR, "10 10 \"u\" \"sip\" \"\" www"),
    (Rtype::WKS, "192.0.2.1 TCP 25 80"),
    (Rtype::WKS, "192.0.2.1 TCP 443"),
    (Rtype(65280), "\\# 2 abcd"),
];

/// The sections of an update, record by record.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) prerequisites: Vec<Vec<u8>>,
    pub(super) changes: Vec<Vec<u8>>,
    pub(super) shown: Vec<String>,
}

pub(super) fn absolute(name: &str) -> Name {
    Name::from_text(&if name == "@" { "a.example.".to_owned() } else { format!("{name}.a.example.") }).unwrap()
}

pub(super) fn record(owner: &Name, rtype: u16, class: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut octets = owner.wire().to_vec();
    octets.extend(rtype.to_be_bytes());
    octets.extend(class.to_be_bytes());
    octets.extend(ttl.to_be_bytes());
    octets.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    octets.extend(data);
    octets
}

fn draw(seed: &mut Seed, serial: u32) -> Draft {
    let mut draft = Draft::default();
    for _ in 0..[0, 0, 0, 1, 1, 2][seed.below(6)] {
        let (shown, octets) = one(seed, serial, true);
        draft.shown.push(format!("if {shown}"));
        draft.prerequisites.push(octets);
    }
    for _ in 0..seed.below(5) {
        let (shown, octets) = one(seed, serial, false);
        draft.shown.push(shown);
        draft.changes.push(octets);
    }
    draft
}

fn one(seed: &mut Seed, serial: u32, is_prerequisite: bool) -> (String, Vec<u8>) {
    let owner = match seed.below(60) {
        0 => Name::from_text("elsewhere.test.").unwrap(),
        _ => absolute(seed.pick::<&str>(&NAMES)),
    };
    let (mut rtype, mut data) = *seed.pick::<(Rtype, &str)>(&DATA);
    let soa = format!("ns hostmaster {} 7200 3600 1209600 300", serial + 3 - seed.below(5) as u32);
    if seed.below(25) == 0 {
        (rtype, data) = (Rtype::SOA, &soa);
    }
    let rdata = parse_rdata(rtype, data, absolute("@").as_ref()).unwrap();
    let class = match seed.below(if is_prerequisite { 30 } else { 40 }) {
        0 => 7,
        1..10 => 255,
        10..20 => 254,
        _ => 1,
    };
    let odd = seed.below(40);
    let rtype = match (class, seed.below(4)) {
        (255, 0) => 255,
        (254, 0) if is_prerequisite => 255,
        _ if odd == 1 => 252,
        _ => rtype.0,
    };
    let has_data = class < 254 || (class == 254 && !is_prerequisite);
    let rdata = if has_data != (odd == 2 && class != 7) { rdata } else { Vec::new() };
    let rdata = if rtype == 252 { Vec::new() } else { rdata };
    let ttl = if class == 1 && !is_prerequisite { *seed.pick(&[60, 300]) } else { u32::from(odd == 3) };
    let shown = format!("{owner} class {class} type {rtype} ttl {ttl} {data:?} ({} octets)", rdata.len());
    (shown, record(&owner, rtype, class, ttl, &rdata))
}

impl Draft {
    /// The message, signed with `key`.
    pub(super) fn message(&self, id: u16, key: &str) -> Vec<u8> {
        let mut message = id.to_be_bytes().to_vec();
        message.extend([0x28, 0]);
        for count in [1, self.prerequisites.len(), self.changes.len(), 0] {
            message.extend(u16::try_from(count).unwrap().to_be_bytes());
        }
        message.extend(absolute("@").wire());
        message.extend([0, 6, 0, 1]);
        message.extend(self.prerequisites.concat());
        message.extend(self.changes.concat());
        let name = Name::from_text(key).unwrap();
        let key = Key::new(name.as_ref(), Algorithm::HmacSha256, Secret::from_base64(SECRET).unwrap());
        let mut signer = Signer::asking(Arc::new(key));
        let length = message.len();
        message.resize(length + signer.room(), 0);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let now = Instant::from_unix_seconds(i64::try_from(now.as_secs()).unwrap());
        let length = signer.sign(&mut message, length, now).unwrap();
        message.truncate(length);
        message
    }
}

fn bind() -> (SocketAddr, Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = (folder.path(), free_address());
    fs::write(path.join("a.example.zone"), ZONE).unwrap();
    let keys: String = ["acme.", "mixed.", "all."]
        .map(|key| format!("key \"{key}\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n"))
        .concat();
    let shown = path.display();
    let config = format!(
        "{keys}options {{ directory \"{shown}\"; pid-file none; session-keyfile none; lock-file none;\n\
         managed-keys-directory \"{shown}\"; listen-on port {} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         recursion no; notify no; dnssec-validation no; check-names primary ignore; check-integrity no; }};\n\
         controls {{ }};\n\
         zone \"a.example\" {{ type primary; file \"a.example.zone\"; allow-transfer {{ any; }};\n\
         serial-update-method increment; update-policy {{\n\
         grant acme. subdomain _acme-challenge.a.example. TXT;\n\
         deny mixed. name www.a.example. ANY;\n\
         grant mixed. zonesub;\n\
         grant all. zonesub ANY; }}; }};\n",
        address.port()
    );
    fs::write(path.join("config"), config).unwrap();
    let mut command = Command::new(program::find("named"));
    command.args(["-g", "-n", "1", "-c"]).arg(path.join("config"));
    let running = Running::start("bind", command, path.join("log"));
    let question = Query::new("a.example", 6).bytes(1);
    running.until("it serves its zone", || client::ask(address, &question).is_some_and(|answer| answer.aa));
    (address, running, folder)
}

fn said(address: SocketAddr, message: &[u8]) -> u16 {
    let answer = client::exchange(address, message, PATIENCE).expect("an answer");
    let message = Message::parse(&answer).unwrap();
    assert_eq!((message.opcode, message.qr), (5, true));
    let is_signed = message.additional.iter().any(|record| record.rtype == 250);
    // BIND reads all of a message before its signature.
    assert!(is_signed || message.rcode == rcode::FORMERR, "{}", message.show());
    message.rcode
}

/// All records of the zone, and its serial.
fn transferred(address: SocketAddr) -> (BTreeSet<Record>, u32) {
    let mut stream = client::tcp(address);
    let question = Query::new("a.example", 252).bytes(1);
    stream.write_all(&u16::try_from(question.len()).unwrap().to_be_bytes()).unwrap();
    stream.write_all(&question).unwrap();
    let (mut records, mut ends) = (Vec::new(), 0);
    while ends < 2 {
        let octets = client::read_framed(&mut stream).expect("a message of a transfer");
        let message = Message::parse(&octets).unwrap();
        ends += message.answer.iter().filter(|record| record.rtype == 6).count();
        assert_eq!(message.rcode, rcode::NOERROR);
        records.extend(message.answer);
    }
    let soa = &records[0].rdata;
    let serial = u32::from_be_bytes(soa[soa.len() - 20..][..4].try_into().unwrap());
    (records.into_iter().collect(), serial)
}

#[test]
fn bind_says_the_same_and_has_the_same_zone() {
    let ours = serve(ZONE);
    let address: SocketAddr = format!("127.0.0.1:{}", ours.port).parse().unwrap();
    let (peer, _running, _folder) = bind();
    let (mut made, mut refused, mut serial) = (0, 0, 10);
    for number in 0..UPDATES {
        let mut seed = Seed(0x2136 + number);
        let draft = draw(&mut seed, serial);
        let key = *seed.pick(&["all.", "all.", "all.", "mixed.", "acme."]);
        let id = u16::try_from(number).unwrap();
        let message = draft.message(id, key);
        let (mine, others) = (said(address, &message), said(peer, &message));
        let shown = format!("update {number} with {key}:\n{}", draft.shown.join("\n"));
        if mine != others {
            // BIND looks at what is to be changed first; RFC 2136 § 3 has prerequisites before.
            let is_of_changes = OF_CHANGES.contains(&others) && !draft.prerequisites.is_empty();
            assert!(is_of_changes, "ours {mine}, BIND's {others}\n{shown}");
            let without = Draft { prerequisites: Vec::new(), ..draft };
            assert_eq!(said(address, &without.message(id, key)), others, "{shown}");
        }
        let ((records, mine), (expected, others)) = (transferred(address), transferred(peer));
        let differ: Vec<_> = records.symmetric_difference(&expected).collect();
        assert!(differ.is_empty(), "{differ:?} ours {}\n{shown}", differ.iter().any(|record| records.contains(record)));
        assert_eq!(mine, others, "{shown}");
        made += u64::from(mine != serial);
        refused += u64::from(mine == serial);
        serial = mine;
    }
    assert!(made > UPDATES / 8 && refused > UPDATES / 8, "{made} made a change, {refused} did not");
}
