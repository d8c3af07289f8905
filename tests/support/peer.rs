//! Name servers under test: ours and the three that Debian packages, over the same zone files.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::client;
use super::message::rcode;
pub(crate) use super::ports::free_address;
use super::program::{self, Running};
use super::query::Query;

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Watari,
    Knot,
    Nsd,
    Bind,
}

impl Kind {
    /// The three that are not ours.
    pub(crate) const PEERS: [Kind; 3] = [Kind::Knot, Kind::Nsd, Kind::Bind];

    /// As `known.toml` writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Watari => "watari",
            Kind::Knot => "knot",
            Kind::Nsd => "nsd",
            Kind::Bind => "bind",
        }
    }
}

/// A zone to serve: its name without the last dot, and its file.
#[derive(Clone, Debug)]
pub(crate) struct ZoneFile {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// A running name server; dropped, it is ended.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    pub(crate) running: Running,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts a server of `kind` over `zones` and waits until it answers for each of them.
    ///
    /// # Panics
    /// If the program is not installed, ends, or does not answer in time; the message holds its log.
    pub(crate) fn start(kind: Kind, zones: &[ZoneFile]) -> Server {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let address = free_address();
        let command = command(kind, zones, folder.path(), address);
        let running = Running::start(kind.name(), command, folder.path().join("log"));
        let server = Server { kind, address, running, _folder: folder };
        for zone in zones {
            let question = Query::new(&zone.name, 6).bytes(4711);
            let is_served =
                || client::ask(address, &question).is_some_and(|answer| answer.rcode == rcode::NOERROR && answer.aa);
            server.running.until(&format!("it serves {}", zone.name), is_served);
        }
        server
    }
}

fn command(kind: Kind, zones: &[ZoneFile], folder: &Path, address: SocketAddr) -> Command {
    let config = folder.join("config");
    let write = |text: String| std::fs::write(&config, text).expect("a configuration");
    match kind {
        Kind::Watari => {
            let data = folder.join("zones");
            std::fs::create_dir(&data).expect("a folder of zones");
            for zone in zones {
                let target = data.join(format!("{}.zone", zone.name));
                std::fs::copy(&zone.path, target).expect("a copied zone file");
            }
            let mut command = Command::new(env!("CARGO_BIN_EXE_watari"));
            command.arg("serve").arg("--zones").arg(data).arg("--state").arg(folder.join("state"));
            command.arg("--listen").arg(address.to_string()).args(["--workers", "1"]).current_dir(folder);
            command
        }
        Kind::Knot => {
            write(knot(zones, folder, address));
            let mut command = Command::new(program::find("knotd"));
            command.arg("-c").arg(config);
            command
        }
        Kind::Nsd => {
            write(nsd(zones, folder, address));
            let mut command = Command::new(program::find("nsd"));
            command.arg("-d").arg("-c").arg(config);
            command
        }
        Kind::Bind => {
            write(bind(zones, folder, address));
            let mut command = Command::new(program::find("named"));
            command.args(["-g", "-n", "1", "-c"]).arg(config);
            command
        }
    }
}

fn knot(zones: &[ZoneFile], folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    let mut text = format!(
        "server:\n    rundir: {folder}\n    listen: 127.0.0.1@{port}\n    udp-workers: 1\n    tcp-workers: 1\n\
         \x20   background-workers: 1\n    udp-max-payload: 1232\n    nsid: \"\"\n    identity: \"\"\n    version: \"\"\n\
         control:\n    listen: {folder}/control\ndatabase:\n    storage: {folder}/database\n\
         log:\n  - target: stderr\n    any: info\n\
         template:\n  - id: default\n    zonefile-sync: -1\n    journal-content: none\n    semantic-checks: off\nzone:\n",
        port = address.port()
    );
    for zone in zones {
        let _ = writeln!(text, "  - domain: \"{}.\"\n    file: \"{}\"", zone.name, zone.path.display());
    }
    text
}

fn nsd(zones: &[ZoneFile], folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    let mut text = format!(
        "server:\n    ip-address: 127.0.0.1@{port}\n    server-count: 1\n    username: \"\"\n    chroot: \"\"\n\
         \x20   pidfile: \"\"\n    database: \"\"\n    zonelistfile: \"{folder}/zone.list\"\n\
         \x20   xfrdfile: \"{folder}/xfrd.state\"\n    xfrdir: \"{folder}\"\n    zonesdir: \"{folder}\"\n\
         \x20   ipv4-edns-size: 1232\n    minimal-responses: yes\n    refuse-any: no\n    rrl-ratelimit: 0\n\
         \x20   hide-version: yes\n    hide-identity: yes\nremote-control:\n    control-enable: no\n",
        port = address.port()
    );
    for zone in zones {
        let _ = writeln!(text, "zone:\n    name: \"{}\"\n    zonefile: \"{}\"", zone.name, zone.path.display());
    }
    text
}

fn bind(zones: &[ZoneFile], folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    let mut text = format!(
        "options {{\n  directory \"{folder}\"; pid-file none; session-keyfile none; lock-file none;\n\
         \x20 managed-keys-directory \"{folder}\";\n\
         \x20 listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         \x20 recursion no; allow-query {{ any; }}; allow-transfer {{ none; }}; notify no;\n\
         \x20 minimal-responses no-auth; minimal-any yes; answer-cookie no; empty-zones-enable no; zero-no-soa-ttl no;\n\
         \x20 max-udp-size 1232; edns-udp-size 1232; nocookie-udp-size 1232; rrset-order {{ order none; }};\n\
         \x20 dnssec-validation no; check-integrity no; version none; hostname none; server-id none;\n\
         }};\ncontrols {{ }};\n",
        port = address.port()
    );
    for zone in zones {
        let _ = writeln!(
            text,
            "zone \"{}\" {{ type primary; file \"{}\"; check-names ignore; }};",
            zone.name,
            zone.path.display()
        );
    }
    text
}
