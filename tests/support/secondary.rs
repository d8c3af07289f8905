//! Knot, NSD and BIND as secondaries of ours.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::client;
use super::message::{Message, Record, rcode, show_record};
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

/// Where a primary is, and how it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Primary<'a> {
    pub(crate) address: SocketAddr,
    /// Over TLS: the file of the authority that issued its certificate, and the name that this is for.
    pub(crate) tls: Option<(&'a str, &'a str)>,
}

impl From<SocketAddr> for Primary<'_> {
    fn from(address: SocketAddr) -> Self {
        Primary { address, tls: None }
    }
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
    pub(crate) fn new<'a>(
        kind: Kind,
        address: SocketAddr,
        primary: impl Into<Primary<'a>>,
        zones: &[&str],
        shared: Option<Shared<'_>>,
    ) -> Secondary {
        let zones: Vec<_> = zones.iter().map(|zone| (*zone, shared)).collect();
        Secondary::keyed(kind, address, primary, &zones)
    }

    /// The same, with a key for each zone.
    pub(crate) fn keyed<'a>(
        kind: Kind,
        address: SocketAddr,
        primary: impl Into<Primary<'a>>,
        zones: &[(&str, Option<Shared<'_>>)],
    ) -> Secondary {
        let folder = tempfile::tempdir().unwrap();
        let text = configuration(kind, primary.into(), zones, folder.path(), address);
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
        let message = client::ask(self.address, &question)?;
        message.answer.iter().find(|record| record.rtype == 6).map(serial_of)
    }

    /// Its records of `zone` once it has that with `serial`. Which it may say before each of its processes does so: NSD
    /// hands over from one to another, and the old one may still take a connection.
    pub(crate) fn records_at(&mut self, zone: &str, serial: u32) -> BTreeSet<String> {
        self.until_serial(zone, serial);
        let mut there = BTreeSet::new();
        let running = self.running.as_ref().expect("a server that runs");
        running.until(&format!("all of it serves {zone} {serial}"), || {
            let found = try_records(self.address, zone).filter(|(of, _)| *of == serial);
            found.map(|(_, records)| there = records).is_some()
        });
        there
    }

    pub(crate) fn until_serial(&mut self, zone: &str, serial: u32) {
        self.until(&format!("it serves {zone} {serial}"), |secondary| secondary.serial(zone) == Some(serial));
    }

    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&Secondary) -> bool) {
        let running = self.running.as_ref().expect("a server that runs");
        running.until(what, || condition(self));
    }
}

fn configuration(
    kind: Kind,
    primary: Primary<'_>,
    zones: &[(&str, Option<Shared<'_>>)],
    folder: &Path,
    address: SocketAddr,
) -> String {
    let (port, theirs, at) = (address.port(), primary.address.port(), folder.display());
    let mut keys: Vec<_> = zones.iter().filter_map(|(_, shared)| *shared).collect();
    keys.dedup_by_key(|shared| shared.name);
    let each_key = |form: &dyn Fn(Shared<'_>) -> String| keys.iter().map(|shared| form(*shared)).collect::<String>();
    let each = |form: &dyn Fn(&str, Option<&str>) -> String| {
        zones.iter().map(|(zone, shared)| form(zone, shared.map(|shared| shared.name))).collect::<String>()
    };
    match kind {
        Kind::Knot => {
            assert!(primary.tls.is_none(), "it speaks no TLS");
            let remotes = each_key(&|Shared { name, .. }| {
                format!("  - id: \"{name}\"\n    address: 127.0.0.1@{theirs}\n    key: \"{name}\"\n")
            });
            let notices = each_key(&|Shared { name, .. }| {
                format!("  - id: \"{name}\"\n    address: 127.0.0.1\n    action: notify\n    key: \"{name}\"\n")
            });
            let known = each_key(&|Shared { name, algorithm, secret }| {
                format!("  - id: \"{name}\"\n    algorithm: {algorithm}\n    secret: {secret}\n")
            });
            format!(
                "server:\n    rundir: {at}\n    listen: 127.0.0.1@{port}\n    background-workers: 2\n\
                 control:\n    listen: {at}/control\ndatabase:\n    storage: {at}/database\n\
                 log:\n  - target: stderr\n    any: info\nkey:\n{known}\
                 remote:\n  - id: unsigned\n    address: 127.0.0.1@{theirs}\n{remotes}\
                 acl:\n  - id: all\n    address: 127.0.0.1\n    action: transfer\n\
                 \x20 - id: unsigned\n    address: 127.0.0.1\n    action: notify\n{notices}\
                 template:\n  - id: default\n    storage: {at}\n    refresh-min-interval: 2\n    retry-min-interval: 1\nzone:\n{}",
                each(&|zone, key| {
                    let key = key.unwrap_or("unsigned");
                    format!("  - domain: \"{zone}.\"\n    master: \"{key}\"\n    acl: [all, \"{key}\"]\n")
                })
            )
        }
        Kind::Nsd => {
            let (mut bundle, mut tls, mut with) = (String::new(), String::new(), "");
            if let Some((authority, name)) = primary.tls {
                bundle = format!("    tls-cert-bundle: \"{authority}\"\n");
                tls = format!("tls-auth:\n    name: encrypted\n    auth-domain-name: \"{name}\"\n");
                with = " encrypted";
            }
            let known = each_key(&|Shared { name, algorithm, secret }| {
                format!("key:\n    name: {name}\n    algorithm: {algorithm}\n    secret: {secret}\n")
            });
            format!(
                "server:\n    ip-address: 127.0.0.1@{port}\n    server-count: 1\n    username: \"\"\n    chroot: \"\"\n\
                 \x20   pidfile: \"\"\n    database: \"\"\n    zonelistfile: \"{at}/zone.list\"\n    verbosity: 2\n\
                 \x20   xfrdfile: \"{at}/xfrd.state\"\n    xfrdir: \"{at}\"\n    zonesdir: \"{at}\"\n\
                 \x20   xfrd-reload-timeout: 0\n{bundle}remote-control:\n    control-enable: no\n{known}{tls}{}",
                each(&|zone, key| {
                    let key = key.unwrap_or("NOKEY");
                    format!(
                        "zone:\n    name: \"{zone}\"\n    request-xfr: 127.0.0.1@{theirs} {key}{with}\n\
                         \x20   allow-notify: 127.0.0.1 {key}\n    provide-xfr: 127.0.0.1 NOKEY\n\
                         \x20   min-refresh-time: 1\n    min-retry-time: 1\n"
                    )
                })
            )
        }
        Kind::Bind => {
            let (mut tls, mut over) = (String::new(), "");
            if let Some((authority, name)) = primary.tls {
                tls = format!("tls encrypted {{ ca-file \"{authority}\"; remote-hostname \"{name}\"; }};\n");
                over = " tls encrypted";
            }
            let known = each_key(&|Shared { name, algorithm, secret }| {
                format!("key \"{name}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};\n")
            });
            format!(
                "{tls}{known}options {{\n  directory \"{at}\"; pid-file none; session-keyfile none; lock-file none;\n\
                 \x20 managed-keys-directory \"{at}\";\n\
                 \x20 listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no;\n\
                 \x20 allow-transfer {{ any; }}; notify no; dnssec-validation no; empty-zones-enable no;\n\
                 \x20 min-refresh-time 1; min-retry-time 1; masterfile-format text; check-names secondary ignore;\n\
                 }};\ncontrols {{ }};\n{}",
                each(&|zone, key| {
                    let with = key.map_or_else(String::new, |key| format!(" key \"{key}\""));
                    let from = key.map_or_else(|| "127.0.0.1;".to_owned(), |key| format!("key \"{key}\";"));
                    format!(
                        "zone \"{zone}\" {{ type secondary; primaries {{ 127.0.0.1 port {theirs}{with}{over}; }};\n\
                         \x20 allow-notify {{ {from} }}; file \"{zone}.copy\"; }};\n"
                    )
                })
            )
        }
        Kind::Watari => unreachable!("ours is the primary"),
    }
}

/// The serial of `zone` at `server` and its records, as a transfer has them; `None` if it gives none.
fn try_records(server: SocketAddr, zone: &str) -> Option<(u32, BTreeSet<String>)> {
    let mut stream = client::tcp(server);
    stream.write_all(&framed(Query::new(zone, AXFR).bytes(4711))).unwrap();
    let (mut records, mut soas) = (BTreeSet::new(), Vec::new());
    while soas.len() < 2 {
        let message = Message::parse(&client::read_framed(&mut stream)?).unwrap();
        if message.rcode != rcode::NOERROR {
            return None;
        }
        soas.extend(message.answer.iter().filter(|record| record.rtype == 6).map(serial_of));
        records.extend(message.answer.iter().map(show_record));
    }
    Some((soas[0], records))
}

fn serial_of(soa: &Record) -> u32 {
    let at = soa.rdata.len() - 20;
    u32::from_be_bytes(soa.rdata[at..at + 4].try_into().unwrap())
}

/// The records of `zone` at `server`, as a transfer has them.
pub(crate) fn records(server: SocketAddr, zone: &str) -> BTreeSet<String> {
    // NSD hands over from process to process when it has a new zone, and the old one may still take a connection.
    let begun = Instant::now();
    loop {
        match try_records(server, zone) {
            Some((_, records)) => return records,
            None => assert!(begun.elapsed() < PATIENCE, "{zone} at {server} is not transferred"),
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// `question` with its length before it.
pub(crate) fn framed(question: Vec<u8>) -> Vec<u8> {
    [&u16::try_from(question.len()).unwrap().to_be_bytes()[..], &question].concat()
}
