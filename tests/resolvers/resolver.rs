//! The resolvers that Debian packages, each on a free port of the loopback, its cache on, asking one server.
//!
//! What makes them keep answers for other than what they are told, for longer (minimum TTLs, stale answers) or for
//! shorter (prefetching), is off. None validates: there is no root here to begin at.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::support::client;
use crate::support::peer::free_address;
use crate::support::program::{self, Running};
use crate::support::query::Query;

/// RD: resolvers answer nobody without it.
pub(crate) const RECURSION_DESIRED: u16 = 0x100;

/// Whose resolver it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Unbound,
    Bind,
    Knot,
    PowerDns,
    Dnsmasq,
}

impl Kind {
    pub(crate) const ALL: [Kind; 5] = [Kind::Unbound, Kind::Bind, Kind::Knot, Kind::PowerDns, Kind::Dnsmasq];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Unbound => "unbound",
            Kind::Bind => "BIND",
            Kind::Knot => "Knot Resolver",
            Kind::PowerDns => "PowerDNS Recursor",
            Kind::Dnsmasq => "dnsmasq",
        }
    }
}

/// A running resolver; dropped, it is ended.
pub(crate) struct Resolver {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    running: Running,
    _folder: tempfile::TempDir,
}

impl Resolver {
    /// Starts a resolver of `kind` that asks `server` about `zones`, and waits until it resolves `www` of the first.
    ///
    /// # Panics
    /// If the program is not installed, ends, or does not answer in time; the message holds its log.
    pub(crate) fn start(kind: Kind, server: SocketAddr, zones: &[String]) -> Resolver {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let address = free_address();
        let command = command(kind, folder.path(), address, server, zones);
        let running = Running::start(kind.name(), command, folder.path().join("log"));
        let resolver = Resolver { kind, address, running, _folder: folder };
        resolver.running.until("it resolves", || resolver.resolves(&zones[0]));
        resolver
    }

    /// Whether it answers about `www` of `zone`.
    pub(crate) fn resolves(&self, zone: &str) -> bool {
        let mut query = Query::new(&format!("www.{zone}."), 1);
        query.flags = RECURSION_DESIRED;
        client::ask(self.address, &query.bytes(4711)).is_some_and(|message| message.answer.len() == 1)
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        self.running.log()
    }
}

fn command(kind: Kind, folder: &Path, address: SocketAddr, server: SocketAddr, zones: &[String]) -> Command {
    let (port, upstream) = (address.port(), server.port());
    let config = folder.join("config");
    let write = |text: String| std::fs::write(&config, text).expect("a configuration");
    let shown = folder.display();
    let mut command = match kind {
        Kind::Unbound => {
            write(unbound(folder, port, upstream, zones));
            let mut command = Command::new(program::find("unbound"));
            command.args(["-d", "-p", "-c"]).arg(&config);
            command
        }
        Kind::Bind => {
            write(format!(
                "options {{\n  directory \"{shown}\"; pid-file none; session-keyfile none; lock-file none;\n\
                 \x20 managed-keys-directory \"{shown}\"; listen-on port {port} {{ 127.0.0.1; }};\n\
                 \x20 listen-on-v6 {{ none; }}; recursion yes; allow-query {{ any; }}; allow-recursion {{ any; }};\n\
                 \x20 dnssec-validation no; prefetch 0; stale-cache-enable no; stale-answer-enable no;\n\
                 \x20 min-cache-ttl 0; min-ncache-ttl 0;\n\
                 }};\ncontrols {{ }};\n\
                 zone \"example\" {{ type forward; forward only; forwarders {{ 127.0.0.1 port {upstream}; }}; }};\n"
            ));
            let mut command = Command::new(program::find("named"));
            command.args(["-g", "-n", "1", "-c"]).arg(&config);
            command
        }
        Kind::Knot => {
            // FORWARD, not STUB: what STUB gets is kept for the minimum TTL and no longer, whatever its TTL is.
            write(format!(
                "net.ipv6 = false\nnet.listen('127.0.0.1', {port}, {{ kind = 'dns' }})\n\
                 modules.unload('ta_update')\nmodules.unload('ta_signal_query')\nmodules.unload('priming')\n\
                 modules.unload('detect_time_skew')\nmodules.unload('detect_time_jump')\n\
                 trust_anchors.remove('.')\ncache.size = 20 * MB\ncache.min_ttl(0)\n\
                 policy.add(policy.suffix(policy.FORWARD('127.0.0.1@{upstream}'), policy.todnames({{ 'example.' }})))\n"
            ));
            let mut command = Command::new(program::find("kresd"));
            command.arg("-n").arg("-c").arg(&config).arg(folder);
            command
        }
        Kind::PowerDns => {
            let zones: Vec<String> = zones.iter().map(|zone| format!("{zone}=127.0.0.1:{upstream}")).collect();
            let text = format!(
                "local-address=127.0.0.1\nlocal-port={port}\nsocket-dir={shown}\ndaemon=no\ndisable-syslog=yes\n\
                 threads=1\ndnssec=off\nsecurity-poll-suffix=\nhint-file=no\ndont-query=\nallow-from=127.0.0.0/8\n\
                 minimum-ttl-override=0\nrefresh-on-ttl-perc=0\nserve-stale-extensions=0\nquery-local-address=127.0.0.1\n\
                 forward-zones={}\n",
                zones.join(",")
            );
            std::fs::write(folder.join("recursor.conf"), text).expect("a configuration");
            let mut command = Command::new(program::find("pdns_recursor"));
            command.arg(format!("--config-dir={shown}"));
            command
        }
        Kind::Dnsmasq => {
            let mut command = Command::new(program::find("dnsmasq"));
            command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"]);
            // It gives itself to another user, if it may, unless it is told its own.
            let user = program::must_run("id", folder, &["-un"]);
            command.arg(format!("--user={}", user.trim())).args(["--pid-file=", "--log-facility=-"]);
            command.args(["--listen-address=127.0.0.1", "--bind-interfaces", "--cache-size=5000"]);
            command.args(["--min-cache-ttl=0", "--dns-forward-max=1000"]);
            command.arg(format!("--port={port}")).arg(format!("--server=/example/127.0.0.1#{upstream}"));
            command
        }
    };
    command.current_dir(folder);
    command
}

fn unbound(folder: &Path, port: u16, upstream: u16, zones: &[String]) -> String {
    let mut text = format!(
        "server:\n  interface: 127.0.0.1\n  port: {port}\n  do-daemonize: no\n  chroot: \"\"\n  username: \"\"\n\
         \x20 directory: \"{}\"\n  pidfile: \"\"\n  use-syslog: no\n  logfile: \"\"\n  num-threads: 1\n\
         \x20 module-config: \"iterator\"\n  do-not-query-localhost: no\n  access-control: 127.0.0.0/8 allow\n\
         \x20 cache-min-ttl: 0\n  prefetch: no\n  serve-expired: no\nremote-control:\n  control-enable: no\n",
        folder.display()
    );
    // A stub for each zone: one above them all would be left for the name servers that the zones name.
    for zone in zones {
        let _ = writeln!(text, "stub-zone:\n  name: \"{zone}\"\n  stub-addr: 127.0.0.1@{upstream}");
    }
    text
}
