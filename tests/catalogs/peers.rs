//! Knot and BIND with catalog zones, as those who make them and as those who obey them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::looking;
use crate::support::peer::{Kind, free_address};
use crate::support::program::{self, Running};

pub(crate) const KEY_NAME: &str = "transfer.example";
pub(crate) const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A zone of one name, at `serial`.
pub(crate) fn zone(serial: u32) -> String {
    format!("$TTL 300\n@ SOA ns.invalid. h.invalid. {serial} 3600 600 86400 300\n@ NS ns.invalid.\nwww A 192.0.2.1\n")
}

/// A catalog zone of these records beside those that each has.
pub(crate) fn catalog(serial: u32, records: &str) -> String {
    format!("$TTL 0\n@ SOA invalid. invalid. {serial} 3600 600 86400 0\n@ NS invalid.\nversion TXT \"2\"\n{records}")
}

/// A server of others over a folder of its own, whose zones may change while it runs.
pub(crate) struct Peer {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    pub(crate) running: Option<Running>,
    pub(crate) folder: PathBuf,
    /// Whom it tells of changes, or from whom it has its zones.
    pub(crate) other: SocketAddr,
    _scratch: tempfile::TempDir,
}

impl Peer {
    /// One that does not run yet, beside the server `other`.
    pub(crate) fn new(kind: Kind, other: SocketAddr) -> Peer {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().to_owned();
        // Knot wants to find the folder of its journal.
        fs::create_dir_all(folder.join("database")).unwrap();
        Peer { kind, address: free_address(), running: None, folder, other, _scratch: scratch }
    }

    /// Writes a zone file.
    pub(crate) fn write(&self, zone: &str, text: &str) {
        let new = self.folder.join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.folder.join(format!("{zone}.zone"))).unwrap();
    }

    /// Writes the configuration: what each has, and `zones`.
    pub(crate) fn configure(&self, zones: &str) {
        let (folder, port, to) = (self.folder.display(), self.address.port(), self.other.port());
        let text = match self.kind {
            Kind::Knot => format!(
                "server:\n    rundir: {folder}\n    listen: 127.0.0.1@{port}\n    udp-workers: 1\n    tcp-workers: 2\n\
                 \x20   tcp-io-timeout: 60000\n    background-workers: 2\ncontrol:\n    listen: {folder}/control\ndatabase:\n    storage: {folder}/database\n\
                 log:\n  - target: stderr\n    any: info\n\
                 key:\n  - id: {KEY_NAME}\n    algorithm: hmac-sha256\n    secret: {SECRET}\n\
                 remote:\n  - id: other\n    address: 127.0.0.1@{to}\n  - id: other-signed\n    address: 127.0.0.1@{to}\n    key: {KEY_NAME}\n\
                 acl:\n  - id: anybody\n    address: 127.0.0.1\n    action: [transfer, notify]\n\
                 \x20 - id: signed\n    key: {KEY_NAME}\n    action: transfer\n\
                 {zones}"
            ),
            Kind::Bind => format!(
                "key \"{KEY_NAME}\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
                 options {{ directory \"{folder}\"; pid-file none; session-keyfile none; lock-file none;\n\
                 managed-keys-directory \"{folder}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
                 recursion no; dnssec-validation no; notify explicit; notify-delay 0; serial-query-rate 1000;\n\
                 allow-transfer {{ 127.0.0.1; }}; allow-notify {{ 127.0.0.1; }}; min-refresh-time 1; min-retry-time 1;\n\
                 ixfr-from-differences yes; also-notify {{ 127.0.0.1 port {to}; }};\n{zones}"
            ),
            Kind::Nsd | Kind::Watari => unreachable!("it is none of others that knows catalog zones"),
        };
        fs::write(self.folder.join("config"), text).unwrap();
    }

    /// Starts it, perhaps again, and waits until it answers at all.
    pub(crate) fn run(&mut self) {
        let (program, arguments): (_, &[&str]) = match self.kind {
            Kind::Knot => ("knotd", &["-c"]),
            _ => ("named", &["-g", "-n", "1", "-c"]),
        };
        let mut command = Command::new(program::find(program));
        command.args(arguments).arg(self.folder.join("config"));
        self.running = Some(Running::start(self.kind.name(), command, self.folder.join("log")));
        self.until("it answers", |peer| looking::serial(peer.address, "nobody.test") != Err(u16::MAX));
    }

    /// Has it read its configuration and its zone files again.
    pub(crate) fn reload(&self) {
        let id = self.running.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    }

    /// Ends it by SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.running.take().unwrap().kill();
    }

    pub(crate) fn serial(&self, zone: &str) -> Result<u32, u16> {
        looking::serial(self.address, zone)
    }

    pub(crate) fn log(&self) -> String {
        self.running.as_ref().map(Running::log).unwrap_or_default()
    }

    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&Peer) -> bool) {
        let running = self.running.as_ref().expect("a server that runs");
        running.until(what, || condition(self));
    }
}

/// What Knot is told of zones that it has and lists in `catalog.example`: each with its group, perhaps, and whether only who
/// knows the key has it.
pub(crate) fn listed_by_knot(folder: &Path, members: &[(&str, Option<&str>, bool)]) -> String {
    let mut text = "template:\n  - id: default\n    zonefile-sync: -1\n    zonefile-load: difference\n    notify: other\n    acl: anybody\n\
                    zone:\n  - domain: catalog.example.\n    catalog-role: generate\n    journal-content: all\n"
        .to_owned();
    for (zone, group, is_signed) in members {
        let file = folder.join(format!("{zone}.zone"));
        text += &format!("  - domain: {zone}.\n    file: {}\n", file.display());
        text += "    catalog-role: member\n    catalog-zone: catalog.example.\n";
        text += &group.map_or_else(String::new, |group| format!("    catalog-group: {group}\n"));
        text += if *is_signed { "    acl: signed\n" } else { "" };
    }
    text
}

/// What BIND is told of zones that it has as primary.
pub(crate) fn had_by_bind(zones: &[&str]) -> String {
    let zone =
        |zone: &&str| format!("zone \"{zone}\" {{ type primary; file \"{zone}.zone\"; check-names ignore; }};\n");
    format!("}};\ncontrols {{ }};\n{}", zones.iter().map(zone).collect::<String>())
}
