//! Our server as a secondary, at a known address; and what a server has, record by record.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::primary::{KEY_NAME, SECRET};
use crate::support::client;
use crate::support::message::{Message, Record, rcode};
use crate::support::program;
use crate::support::query::Query;
use crate::support::watari::{PATIENCE, Watari, write};

/// Our server in `folder`, at `address`; it fetches `a.example` as `secondary` says.
pub(crate) fn start(folder: tempfile::TempDir, address: SocketAddr, secondary: &str) -> Watari {
    write(&folder.path().join("zones/a.example.secondary.toml"), secondary);
    configure(folder.path());
    start_again(folder, address)
}

pub(crate) fn start_again(folder: tempfile::TempDir, address: SocketAddr) -> Watari {
    Watari::start(folder, &["--listen", &address.to_string(), "--log", "watari=debug"])
}

fn configure(folder: &Path) {
    let path = folder.join("watari.toml");
    let text = format!(
        "[transfer]\nallow = [\"127.0.0.1\"]\n\
         [keys.\"{KEY_NAME}\"]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\"\n"
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// Ends `server` by SIGKILL and keeps its folder.
pub(crate) fn kill(server: Watari) -> tempfile::TempDir {
    server.running.kill();
    server.folder
}

/// The serial of `a.example` at `address`; `None` if there is no answer, or SERVFAIL.
pub(crate) fn serial(address: SocketAddr) -> Option<u32> {
    let question = Query::new("a.example", 6).bytes(7);
    let message = client::ask(address, &question).filter(|message| message.rcode == rcode::NOERROR)?;
    let soa = message.answer.iter().find(|record| record.rtype == 6)?;
    let at = soa.rdata.len().checked_sub(20)?;
    Some(u32::from_be_bytes(*soa.rdata.get(at..)?.first_chunk::<4>()?))
}

/// All records of `a.example` at `address`, in order; signed questions only if `dig` is needed for them.
pub(crate) fn records(address: SocketAddr) -> Vec<Record> {
    let mut stream = client::tcp(address);
    let request = Query::new("a.example", 252).bytes(9);
    stream.write_all(&u16::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
    stream.write_all(&request).unwrap();
    let (mut records, mut ends) = (Vec::new(), 0);
    while ends < 2 {
        let octets = client::read_framed(&mut stream).expect("a transfer that goes on");
        let message = Message::parse(&octets).unwrap();
        assert_eq!(message.rcode, rcode::NOERROR);
        ends += message.answer.iter().filter(|record| record.rtype == 6).count();
        records.extend(message.answer);
    }
    records.sort();
    records.dedup();
    records
}

/// What `address` answers for A records of these names in `a.example`.
pub(crate) fn served(address: SocketAddr, names: &[&str]) -> Vec<Vec<Record>> {
    let answer = |name: &&str| {
        let question = Query::new(&format!("{name}.a.example"), 1).bytes(11);
        client::ask(address, &question).expect("an answer").answer
    };
    names.iter().map(answer).collect()
}

/// What `dig` shows of all records of `a.example` at `address`, asked with the key or without, a record a line, in order and in
/// lower case.
pub(crate) fn lines(address: SocketAddr, is_signed: bool) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (port, key) = (address.port().to_string(), format!("hmac-sha256:{KEY_NAME}:{SECRET}"));
    let with: &[&str] = if is_signed { &["-y", &key] } else { &[] };
    let zone = ["@127.0.0.1", "-p", &port, "a.example", "AXFR", "+noall", "+answer", "+onesoa"];
    let shown = program::run("dig", folder.path(), &[with, &zone].concat(), PATIENCE).stdout;
    let mut lines: Vec<_> = shown.lines().map(str::to_lowercase).collect();
    lines.sort();
    lines
}
