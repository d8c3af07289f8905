//! Knot, NSD and BIND as secondaries of ours.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::client;
use super::message::{Message, rcode, show_record};
use super::peer::{Kind, free_address};
use super::program::{self, Running};
use super::query::Query;
use super::watari::{PATIENCE, write};

const AXFR: u16 = 252;

/// A secret that both sides have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) name: &'a str,
    pub(crate) algorithm: &'a str,
    /// In base64.
    pub(crate) secret: &'a str,
}

/// A secondary of ours for some zones.
pub(crate) struct Secondary {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    pub(crate) running: Option<Running>,
    folder: tempfile::TempDir,
}

impl Secondary {
    /// One that asks often by itself.
    pub(crate) fn start(kind: Kind, primary: SocketAddr, zones: &[&str]) -> Secondary {
        let mut secondary = Secondary::new(kind, free_address(), primary, zones, None);
        secondary.run();
        secondary
    }

    /// One at `address`, which does not run yet, and asks, and takes notices, with the key that is `shared`.
    pub(crate) fn new(
        kind: Kind,
        address: SocketAddr,
        primary: SocketAddr,
        zones: &[&str],
        shared: Option<Shared<'_>>,
    ) -> Secondary {
        let folder = tempfile::tempdir().unwrap();
        let text = configuration(kind, primary, zones, folder.path(), address, shared);
        write(&folder.path().join("config"), &text);
        // Without it Knot has no journal, and without that no differences.
        fs::create_dir(folder.path().join("database")).unwrap();
        Secondary { kind, address, running: None, folder }
    }

    /// Starts it, perhaps again.
    pub(crate) fn run(&mut self) {
        let config = self.folder.path().join("config");
        let (program, arguments): (_, &[&str]) = match self.kind {
            Kind::Knot => ("knotd", &["-c"]),
            Kind::Nsd => ("nsd", &["-d", "-c"]),
            Kind::Bind => ("named", &["-g", "-n", "1", "-c"]),
            Kind::Watari => unreachable!("ours is the primary"),
        };
        let mut command = Command::new(program::find(program));
        command.args(arguments).arg(config);
        self.running = Some(Running::start(self.kind.name(), command, self.folder.path().join("log")));
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    pub(crate) fn log(&self) -> String {
        self.running.as_ref().map(Running::log).unwrap_or_default()
    }

    pub(crate) fn serial(&self, zone: &str) -> Option<u32> {
        let question = Query::new(zone, 6).bytes(4711);
        let answer = client::exchange(self.address, &question, Duration::from_millis(200))?;
        let message = Message::parse(&answer).ok()?;
        let soa = message.answer.iter().find(|record| record.rtype == 6)?;
        let at = soa.rdata.len() - 20;
        Some(u32::from_be_bytes(soa.rdata[at..at + 4].try_into().unwrap()))
    }

    pub(crate) fn until_serial(&mut self, zone: &str, serial: u32) {
        self.until(&format!("it serves {zone} {serial}"), |secondary| secondary.serial(zone) == Some(serial));
    }

    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&Secondary) -> bool) {
        let begun = Instant::now();
        while !condition(self) {
            let is_alive = self.running.as_mut().is_some_and(Running::is_alive);
            let in_time = is_alive && begun.elapsed() < PATIENCE;
            assert!(in_time, "waited for: {what}, at {}:\n{}", self.kind.name(), self.log());
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}

fn configuration(
    kind: Kind,
    primary: SocketAddr,
    zones: &[&str],
    folder: &Path,
    address: SocketAddr,
    shared: Option<Shared<'_>>,
) -> String {
    let (port, theirs, at) = (address.port(), primary.port(), folder.display());
    let each = |form: &dyn Fn(&str) -> String| zones.iter().map(|zone| form(zone)).collect::<String>();
    match kind {
        Kind::Knot => {
            let (mut key, mut with) = (String::new(), String::new());
            if let Some(Shared { name, algorithm, secret }) = shared {
                key = format!("key:\n  - id: {name}\n    algorithm: {algorithm}\n    secret: {secret}\n");
                with = format!("    key: {name}\n");
            }
            format!(
                "server:\n    rundir: {at}\n    listen: 127.0.0.1@{port}\n    background-workers: 2\n\
                 control:\n    listen: {at}/control\ndatabase:\n    storage: {at}/database\n\
                 log:\n  - target: stderr\n    any: info\n{key}remote:\n  - id: ours\n    address: 127.0.0.1@{theirs}\n{with}\
                 acl:\n  - id: all\n    address: 127.0.0.1\n    action: transfer\n\
                 \x20 - id: notices\n    address: 127.0.0.1\n    action: notify\n{with}\
                 template:\n  - id: default\n    storage: {at}\n    master: ours\n    acl: [all, notices]\n\
                 \x20   refresh-min-interval: 2\n    retry-min-interval: 1\nzone:\n{}",
                each(&|zone| format!("  - domain: \"{zone}.\"\n"))
            )
        }
        Kind::Nsd => {
            let (mut key, mut with) = (String::new(), "NOKEY");
            if let Some(Shared { name, algorithm, secret }) = shared {
                key = format!("key:\n    name: {name}\n    algorithm: {algorithm}\n    secret: {secret}\n");
                with = name;
            }
            format!(
                "server:\n    ip-address: 127.0.0.1@{port}\n    server-count: 1\n    username: \"\"\n    chroot: \"\"\n\
                 \x20   pidfile: \"\"\n    database: \"\"\n    zonelistfile: \"{at}/zone.list\"\n    verbosity: 2\n\
                 \x20   xfrdfile: \"{at}/xfrd.state\"\n    xfrdir: \"{at}\"\n    zonesdir: \"{at}\"\n\
                 \x20   xfrd-reload-timeout: 0\nremote-control:\n    control-enable: no\n{key}{}",
                each(&|zone| format!(
                    "zone:\n    name: \"{zone}\"\n    request-xfr: 127.0.0.1@{theirs} {with}\n\
                     \x20   allow-notify: 127.0.0.1 {with}\n    provide-xfr: 127.0.0.1 NOKEY\n\
                     \x20   min-refresh-time: 1\n    min-retry-time: 1\n"
                ))
            )
        }
        Kind::Bind => {
            let (mut key, mut with, mut from) = (String::new(), String::new(), "127.0.0.1;".to_owned());
            if let Some(Shared { name, algorithm, secret }) = shared {
                key = format!("key \"{name}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};\n");
                (with, from) = (format!(" key \"{name}\""), format!("key \"{name}\";"));
            }
            format!(
                "{key}options {{\n  directory \"{at}\"; pid-file none; session-keyfile none; lock-file none;\n\
                 \x20 managed-keys-directory \"{at}\";\n\
                 \x20 listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no;\n\
                 \x20 allow-transfer {{ any; }}; notify no; dnssec-validation no; empty-zones-enable no;\n\
                 \x20 min-refresh-time 1; min-retry-time 1; masterfile-format text; check-names secondary ignore;\n\
                 }};\ncontrols {{ }};\n{}",
                each(&|zone| format!(
                    "zone \"{zone}\" {{ type secondary; primaries {{ 127.0.0.1 port {theirs}{with}; }};\n\
                     \x20 allow-notify {{ {from} }}; file \"{zone}.copy\"; }};\n"
                ))
            )
        }
        Kind::Watari => unreachable!("ours is the primary"),
    }
}

/// The records of `zone` at `server`, as a transfer has them; `None` if it gives none.
fn try_records(server: SocketAddr, zone: &str) -> Option<BTreeSet<String>> {
    let mut stream = client::tcp(server);
    stream.write_all(&framed(Query::new(zone, AXFR).bytes(4711))).unwrap();
    let (mut records, mut soas) = (BTreeSet::new(), 0);
    while soas < 2 {
        let message = Message::parse(&client::read_framed(&mut stream)?).unwrap();
        if message.rcode != rcode::NOERROR {
            return None;
        }
        soas += message.answer.iter().filter(|record| record.rtype == 6).count();
        records.extend(message.answer.iter().map(show_record));
    }
    Some(records)
}

/// The records of `zone` at `server`, as a transfer has them.
pub(crate) fn records(server: SocketAddr, zone: &str) -> BTreeSet<String> {
    // NSD hands over from process to process when it has a new zone, and the old one may still take a connection.
    let begun = Instant::now();
    loop {
        match try_records(server, zone) {
            Some(records) => return records,
            None => assert!(begun.elapsed() < PATIENCE, "{zone} at {server} is not transferred"),
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// `question` with its length before it.
pub(crate) fn framed(question: Vec<u8>) -> Vec<u8> {
    [&u16::try_from(question.len()).unwrap().to_be_bytes()[..], &question].concat()
}
