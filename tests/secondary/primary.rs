//! Name servers of others as primaries: each tells our server of what changes, and gives it differences.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::client;
use crate::support::message::rcode;
use crate::support::peer::{Kind, free_address};
use crate::support::program::{self, Running};
use crate::support::query::Query;

pub(crate) const KEY_NAME: &str = "transfer.example";
pub(crate) const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A server that has the zone `a.example`, and tells `secondary` of it.
pub(crate) struct Primary {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    pub(crate) running: Running,
    is_signed: bool,
    folder: PathBuf,
}

impl Primary {
    pub(crate) fn start(kind: Kind, folder: &Path, zone: &str, secondary: SocketAddr, is_signed: bool) -> Primary {
        let address = free_address();
        // Knot wants to find the folder of its journal.
        fs::create_dir_all(folder.join("database")).unwrap();
        fs::write(folder.join("a.example.zone"), zone).unwrap();
        fs::write(folder.join("config"), configuration(kind, folder, address, secondary, is_signed)).unwrap();
        let running = run(kind, folder);
        let primary = Primary { kind, address, running, is_signed, folder: folder.to_owned() };
        primary.wait();
        primary
    }

    fn wait(&self) {
        let question = Query::new("a.example", 6).bytes(1);
        let is_served =
            || client::ask(self.address, &question).is_some_and(|answer| answer.rcode == rcode::NOERROR && answer.aa);
        self.running.until("it serves its zone", is_served);
    }

    /// Puts `zone` in the place of its zone file and has it read.
    pub(crate) fn write(&self, zone: &str) {
        let new = self.folder.join("new");
        fs::write(&new, zone).unwrap();
        fs::rename(new, self.folder.join("a.example.zone")).unwrap();
        assert!(Command::new("kill").args(["-HUP", &self.running.id().to_string()]).status().unwrap().success());
    }

    /// Starts it anew after it was killed.
    pub(crate) fn start_again(&mut self) {
        self.running = run(self.kind, &self.folder);
        self.wait();
    }

    /// Starts it anew with the configuration that `change` makes of its own.
    pub(crate) fn configure(&mut self, change: impl FnOnce(String) -> String) {
        let path = self.folder.join("config");
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
        self.running.kill();
        self.start_again();
    }

    /// Starts it anew with `clause` in the place of what it has of the zone, and waits until it has it.
    pub(crate) fn follow(&mut self, clause: &str) {
        let path = self.folder.join("config");
        let config = fs::read_to_string(&path).unwrap();
        let begins = match self.kind {
            Kind::Bind => "zone \"a.example\"",
            Kind::Knot => "remote:\n",
            _ => "zone:\n",
        };
        let (before, _) = config.split_once(begins).unwrap();
        let folder = match self.kind {
            Kind::Knot => format!("template:\n  - id: default\n    storage: {}\n", self.folder.display()),
            _ => String::new(),
        };
        fs::write(path, format!("{before}{folder}{clause}")).unwrap();
        self.start_again();
    }

    /// What `NAME.secondary.toml` says of it.
    pub(crate) fn named(&self) -> String {
        match self.is_signed {
            true => format!("primaries = [{{ address = \"{}\", key = \"{KEY_NAME}\" }}]\n", self.address),
            false => format!("primaries = [\"{}\"]\n", self.address),
        }
    }
}

fn run(kind: Kind, folder: &Path) -> Running {
    let (program, arguments): (_, &[&str]) = match kind {
        Kind::Bind => ("named", &["-g", "-n", "1", "-c"]),
        Kind::Knot => ("knotd", &["-c"]),
        Kind::Nsd => ("nsd", &["-d", "-c"]),
        Kind::Watari => panic!("a primary of others"),
    };
    let mut command = Command::new(program::find(program));
    command.args(arguments).arg(folder.join("config"));
    Running::start(kind.name(), command, folder.join("log"))
}

fn configuration(kind: Kind, folder: &Path, address: SocketAddr, secondary: SocketAddr, is_signed: bool) -> String {
    let (folder, port, to) = (folder.display(), address.port(), secondary.port());
    match kind {
        Kind::Bind => {
            let (allowed, with) = if is_signed {
                (format!("key \"{KEY_NAME}\";"), format!("key \"{KEY_NAME}\""))
            } else {
                ("127.0.0.1;".to_owned(), String::new())
            };
            format!(
                "key \"{KEY_NAME}\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
                 options {{ directory \"{folder}\"; pid-file none; session-keyfile none; lock-file none;\n\
                 managed-keys-directory \"{folder}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
                 recursion no; dnssec-validation no; notify explicit; notify-delay 0; serial-query-rate 1000;\n\
                 ixfr-from-differences yes; also-notify {{ 127.0.0.1 port {to} {with}; }}; }};\ncontrols {{ }};\n\
                 zone \"a.example\" {{ type primary; file \"a.example.zone\"; allow-transfer {{ {allowed} }}; }};\n"
            )
        }
        Kind::Knot => {
            let (key, acl, remote) = match is_signed {
                true => (
                    format!("key:\n  - id: {KEY_NAME}\n    algorithm: hmac-sha256\n    secret: {SECRET}\n"),
                    format!("    key: {KEY_NAME}\n"),
                    format!("    key: {KEY_NAME}\n"),
                ),
                false => (String::new(), "    address: 127.0.0.1\n".to_owned(), String::new()),
            };
            format!(
                "server:\n    rundir: {folder}\n    listen: 127.0.0.1@{port}\n    udp-workers: 1\n    tcp-workers: 1\n\
                 \x20   tcp-io-timeout: 60000\n    background-workers: 1\ncontrol:\n    listen: {folder}/control\ndatabase:\n    storage: {folder}/database\n\
                 log:\n  - target: stderr\n    any: info\n{key}\
                 remote:\n  - id: ours\n    address: 127.0.0.1@{to}\n{remote}\
                 acl:\n  - id: transfers\n    action: transfer\n{acl}\
                 template:\n  - id: default\n    zonefile-sync: -1\n    zonefile-load: difference\n    notify: ours\n    acl: transfers\n\
                 zone:\n  - domain: a.example.\n    file: {folder}/a.example.zone\n"
            )
        }
        Kind::Nsd => {
            // As `watari key new` prints its name; NSD compares names of keys letter by letter.
            let key = format!("{KEY_NAME}.");
            let with = if is_signed { &*key } else { "NOKEY" };
            let mut text = format!(
                "server:\n    ip-address: 127.0.0.1@{port}\n    server-count: 1\n    username: \"\"\n    chroot: \"\"\n\
                 \x20   pidfile: \"\"\n    database: \"\"\n    zonelistfile: \"{folder}/zone.list\"\n\
                 \x20   xfrdfile: \"{folder}/xfrd.state\"\n    xfrdir: \"{folder}\"\n    zonesdir: \"{folder}\"\n\
                 remote-control:\n    control-enable: no\n"
            );
            _ = write!(
                text,
                "key:\n    name: {key}\n    algorithm: hmac-sha256\n    secret: \"{SECRET}\"\n\
                 zone:\n    name: a.example\n    zonefile: {folder}/a.example.zone\n    store-ixfr: yes\n    create-ixfr: yes\n\
                 \x20   notify: 127.0.0.1@{to} {with}\n    notify-retry: 5\n    provide-xfr: 127.0.0.1 {with}\n"
            );
            text
        }
        Kind::Watari => panic!("a primary of others"),
    }
}
