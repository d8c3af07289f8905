//! `watari.toml`: what a person wrote, read with all its faults.
//!
//! This is the specification, version 1: every key is optional, nothing is filled in. What the
//! server runs with, defaults and command line included, is [`super::settings::Settings`].
//! `docs/configuration.md` explains each key.

mod access;
pub mod authentication;
pub mod catalog;
mod fields;
mod keys;
pub mod listing;
mod quantity;
mod secondaries;
pub mod secondary;
mod tls;
mod update;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeTable;

use super::notifier::Secondary;
use crate::answer::Grant;
use crate::diag::{DIAGNOSTICS_MAX, Diagnostic};
use crate::timeline::plan::url::Url;
use crate::zone::update::Policy;
use fields::{Fields, Source};
pub(in crate::control) use keys::short as secret_is_short;
pub use keys::{KeyEntry, SecretSource};
pub use tls::{FileEntry, TlsEntry};

/// The most addresses to listen on.
const LISTEN_MAX: usize = 64;
/// The most threads that answer.
pub const WORKERS_MAX: usize = 256;
/// The longest text of a `CH TXT` answer: one character-string (RFC 1035 § 3.3).
const IDENTITY_LEN_MAX: usize = 255;

/// What `watari.toml` says; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The folder of zone files and plans, relative to the file.
    pub zones: Option<String>,
    /// The folder of what the server itself keeps, relative to the file.
    pub state: Option<String>,
    /// The addresses to listen on.
    pub listen: Option<Vec<SocketAddr>>,
    /// How many threads answer over UDP.
    pub workers: Option<usize>,
    /// What is logged, as a filter of `tracing`.
    pub log: Option<String>,
    /// The most octets of one zone file.
    pub zone_file_size: Option<u64>,
    /// How long a zone is served after its file has gone.
    pub removal_grace: Option<Duration>,
    /// The answer to `version.bind CH TXT`.
    pub version: Option<String>,
    /// The answer to `id.server CH TXT`, and the NSID.
    pub id: Option<String>,
    /// The most TCP connections in all.
    pub tcp_connections: Option<usize>,
    /// The most TCP connections of one client.
    pub tcp_connections_per_client: Option<usize>,
    /// How long a TCP connection may say nothing.
    pub tcp_idle_timeout: Option<Duration>,
    /// How long a request that has begun may take to come.
    pub tcp_message_timeout: Option<Duration>,
    /// How long a peer may take to read an answer.
    pub tcp_write_timeout: Option<Duration>,
    /// Where it is told by HTTP what becomes of plans.
    pub notify_webhook: Option<String>,
    /// The file of the secret by which what is told is signed, relative to the file.
    pub notify_secret_file: Option<String>,
    /// The program that is told.
    pub notify_command: Vec<String>,
    /// Where metrics are offered over HTTP.
    pub metrics_listen: Option<SocketAddr>,
    /// Where TLS is spoken, and with which certificate.
    pub tls: Option<TlsEntry>,
    /// The keys that are shared with other servers.
    pub keys: Vec<KeyEntry>,
    /// Who may have zones transferred.
    pub transfer_allow: Option<Vec<Grant>>,
    /// The secondaries that are told of changes.
    pub transfer_notify: Option<Vec<Secondary>>,
    /// How many of them are told in a second.
    pub transfer_notify_rate: Option<usize>,
    /// Who may change what in zones.
    pub update: Policy,
    /// The most transfers at one time in all.
    pub transfers: Option<usize>,
    /// The most transfers at one time to one client.
    pub transfers_per_client: Option<usize>,
    /// How many octets of what changed are stored.
    pub history_size: Option<u64>,
    /// How many of one zone.
    pub history_per_zone: Option<u64>,
    /// How many are in memory.
    pub history_memory: Option<u64>,
}

/// Reads a configuration. With an error among the diagnostics, the [`Config`] is what could be read.
pub fn parse(path: &Arc<str>, text: &str) -> (Config, Vec<Diagnostic>) {
    let mut source = Source { path: path.clone(), text, faults: Vec::new() };
    let document = document(&mut source);
    let mut top = Fields::new("", Some(document.get_ref()));
    top.number(&mut source, "version", 1..=1);
    let mut config = Config {
        zones: top.text(&mut source, "zones").map(|written| written.value),
        state: top.text(&mut source, "state").map(|written| written.value),
        listen: addresses(&mut source, &mut top, "listen"),
        workers: top.number(&mut source, "workers", 1..=WORKERS_MAX),
        log: log(&mut source, &mut top),
        zone_file_size: top.quantity(&mut source, "zone-file-size", quantity::size, "1GiB"),
        removal_grace: top.quantity(&mut source, "removal-grace", quantity::duration, "1s"),
        ..Config::default()
    };
    let mut identity = top.table(&mut source, "identity", "identity.");
    config.version = character_string(&mut source, &mut identity, "version");
    config.id = character_string(&mut source, &mut identity, "id");
    identity.finish(&mut source);
    let mut tcp = top.table(&mut source, "tcp", "tcp.");
    config.tcp_connections = tcp.number(&mut source, "connections", 1..=1_000_000);
    config.tcp_connections_per_client = tcp.number(&mut source, "connections-per-client", 1..=1_000_000);
    config.tcp_idle_timeout = tcp.quantity(&mut source, "idle-timeout", quantity::duration, "10s");
    config.tcp_message_timeout = tcp.quantity(&mut source, "message-timeout", quantity::duration, "5s");
    config.tcp_write_timeout = tcp.quantity(&mut source, "write-timeout", quantity::duration, "10s");
    tcp.finish(&mut source);
    let mut notify = top.table(&mut source, "notify", "notify.");
    config.notify_webhook = webhook(&mut source, &mut notify);
    config.notify_secret_file = notify.text(&mut source, "secret-file").map(|written| written.value);
    let command = notify.texts(&mut source, "command").unwrap_or_default();
    config.notify_command = command.into_iter().map(|word| word.value).collect();
    notify.finish(&mut source);
    let mut metrics = top.table(&mut source, "metrics", "metrics.");
    config.metrics_listen = metrics_listen(&mut source, &mut metrics);
    metrics.finish(&mut source);
    config.tls = tls::read(&mut source, &mut top);
    let (keys, known) = keys::read(&mut source, &mut top);
    config.keys = keys;
    config.update = update::read(&mut source, &mut top, &known);
    let mut transfer = top.table(&mut source, "transfer", "transfer.");
    config.transfer_allow = access::read(&mut source, &mut transfer, "allow", &known);
    config.transfer_notify = secondaries::read(&mut source, &mut transfer, "notify", &known);
    config.transfer_notify_rate = transfer.number(&mut source, "notify-rate", 1..=100_000);
    config.transfers = transfer.number(&mut source, "transfers", 0..=1_000_000);
    config.transfers_per_client = transfer.number(&mut source, "transfers-per-client", 0..=1_000_000);
    transfer.finish(&mut source);
    let mut history = top.table(&mut source, "history", "history.");
    config.history_size = history.quantity(&mut source, "size", quantity::size, "1GiB");
    config.history_per_zone = history.quantity(&mut source, "per-zone", quantity::size, "100MiB");
    config.history_memory = history.quantity(&mut source, "memory", quantity::size, "64MiB");
    history.finish(&mut source);
    top.finish(&mut source);
    (config, in_order(source.faults))
}

/// The text of `source` as TOML, as far as it is.
fn document<'t>(source: &mut Source<'t>) -> Spanned<DeTable<'t>> {
    let (document, errors) = DeTable::parse_recoverable(source.text);
    for error in errors {
        let place = source.place(error.span().unwrap_or(0..0));
        let fault = Diagnostic::error("config-syntax", "this is not TOML").at(place, error.message().to_owned());
        source.faults.push(fault.help("a setting is written `key = value`, text between double quotes"));
    }
    document
}

/// The first of `faults`, in the order of their places.
fn in_order(mut faults: Vec<Diagnostic>) -> Vec<Diagnostic> {
    faults.truncate(DIAGNOSTICS_MAX);
    faults.sort_by_key(|fault| fault.labels.first().map_or((0, 0), |label| (label.place.line, label.place.column)));
    faults
}

/// The addresses with ports that the list at `key` names, each once.
fn addresses(source: &mut Source<'_>, table: &mut Fields<'_>, key: &'static str) -> Option<Vec<SocketAddr>> {
    let setting = table.name_of(key);
    let written = table.texts(source, key)?;
    let mut addresses = Vec::new();
    for text in &written {
        match text.value.parse() {
            Ok(address) if addresses.contains(&address) => source.value_fault(
                text.span.clone(),
                format!("`{setting}` names {address} twice"),
                "named before",
                "name each address once",
            ),
            Ok(address) => addresses.push(address),
            Err(_) => source.value_fault(
                text.span.clone(),
                format!("`{setting}` takes addresses with a port, and `{}` is none", text.value),
                "not an address with a port",
                "write it as `192.0.2.1:53` or `[2001:db8::1]:53`",
            ),
        }
    }
    if addresses.len() > LISTEN_MAX {
        let span = written.last().map_or(0..0, |last| last.span.clone());
        let message = format!("`{setting}` names more than {LISTEN_MAX} addresses");
        source.value_fault(span, message, "too many", "listen on 0.0.0.0 or [::] for all addresses");
    }
    Some(addresses)
}

fn webhook(source: &mut Source<'_>, table: &mut Fields<'_>) -> Option<String> {
    let written = table.text(source, "webhook")?;
    if let Err(error) = Url::parse(&written.value) {
        let message = format!("`notify.webhook` can't be told anything: {error}");
        source.value_fault(written.span, message, "", "write it as `https://www.example.com/hook`");
        return None;
    }
    Some(written.value)
}

fn metrics_listen(source: &mut Source<'_>, metrics: &mut Fields<'_>) -> Option<SocketAddr> {
    let written = metrics.text(source, "listen")?;
    let address = written.value.parse().ok();
    if address.is_none() {
        let message = format!("`metrics.listen` takes an address with a port, and `{}` is none", written.value);
        let help = "write it as `127.0.0.1:9153` or `[::1]:9153`";
        source.value_fault(written.span, message, "not an address with a port", help);
    }
    address
}

/// What says what to log can't be understood.
#[derive(Debug, thiserror::Error)]
pub enum LogFilterError {
    /// It has not the form of a filter.
    #[error(transparent)]
    Form(#[from] tracing_subscriber::filter::ParseError),
    /// A word is no level. It would name a part of the program, but none of ours: nothing at all would be logged.
    #[error("`{0}` is neither a level nor a part of watari")]
    NoLevel(String),
}

/// Whether `text` says what to log.
///
/// # Errors
/// [`LogFilterError`] if it does not.
pub fn log_filter(text: &str) -> Result<(), LogFilterError> {
    tracing_subscriber::EnvFilter::builder().parse(text)?;
    let is_level = |word: &str| word.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
    let is_part = |word: &str| word.starts_with("watari") || word.contains(['=', '[', ':']);
    match text.split(',').map(str::trim).find(|word| !word.is_empty() && !is_level(word) && !is_part(word)) {
        Some(word) => Err(LogFilterError::NoLevel(word.to_owned())),
        None => Ok(()),
    }
}

fn log(source: &mut Source<'_>, top: &mut Fields<'_>) -> Option<String> {
    let written = top.text(source, "log")?;
    if let Err(error) = log_filter(&written.value) {
        let help = "write `error`, `warn`, `info`, `debug` or `trace`, or `watari=debug` for one part";
        source.value_fault(written.span, format!("`log` can't be read: {error}"), "not understood", help);
        return None;
    }
    Some(written.value)
}

fn character_string(source: &mut Source<'_>, table: &mut Fields<'_>, key: &'static str) -> Option<String> {
    let written = table.text(source, key)?;
    if written.value.is_empty() || written.value.len() > IDENTITY_LEN_MAX {
        let message = format!("`identity.{key}` must have 1 to {IDENTITY_LEN_MAX} octets");
        source.value_fault(written.span, message, "", "leave the key out to say nothing");
        return None;
    }
    Some(written.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::render;

    #[test]
    fn every_key_is_read() {
        let text = r#"
            version = 1
            zones = "z"
            state = "s"
            listen = ["127.0.0.1:53", "[::1]:53"]
            workers = 4
            log = "debug"
            zone-file-size = "2GiB"
            removal-grace = "5s"
            [identity]
            version = "watari"
            id = "ns1"
            [tcp]
            connections = 10
            connections-per-client = 2
            idle-timeout = "1m"
            message-timeout = "3s"
            write-timeout = "500ms"
            [notify]
            webhook = "https://www.example.com/hook"
            secret-file = "secret"
            command = ["logger", "-t", "watari"]

            [metrics]
            listen = "127.0.0.1:9153"

            [tls]
            listen = ["127.0.0.1:853", "[::1]:853"]
            certificate = "chain.pem"
            key = "key.pem"

            [keys."a.example."]
            algorithm = "hmac-sha256"
            secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
            mac-bits = 192
            [keys.b]
            algorithm = "HMAC-SHA512"
            secret-file = "b.secret"

            [transfer]
            allow = ["192.0.2.0/24", "198.51.100.7", "key:b", { network = "::1", key = "a.example.", tls = true }]
            notify = ["192.0.2.1", { address = "[::1]:5353", key = "b", zones = "*.example" }]
            notify-rate = 20
            transfers = 10
            transfers-per-client = 0

            [history]
            size = "2GiB"
            per-zone = "1MiB"
            memory = "0B"
        "#;
        let (config, faults) = parse(&"watari.toml".into(), text);
        assert_eq!(faults, []);
        assert_eq!(config.listen.map(|listen| listen.len()), Some(2));
        assert_eq!((config.workers, config.zone_file_size), (Some(4), Some(2 << 30)));
        assert_eq!((config.version.as_deref(), config.id.as_deref()), (Some("watari"), Some("ns1")));
        assert_eq!(config.tcp_idle_timeout, Some(Duration::from_secs(60)));
        let shown = |grant: &Grant| {
            let network = grant.network.map(|network| network.to_string());
            (network.unwrap_or_default(), grant.key.as_ref().map(ToString::to_string).unwrap_or_default())
        };
        let allowed: Vec<_> = config.transfer_allow.iter().flatten().map(shown).collect();
        let expected = [("192.0.2.0/24", ""), ("198.51.100.7/32", ""), ("", "b."), ("::1/128", "a.example.")];
        assert_eq!(allowed, expected.map(|(network, key)| (network.to_owned(), key.to_owned())));
        assert_eq!((config.transfer_notify.map(|all| all.len()), config.transfer_notify_rate), (Some(2), Some(20)));
        assert_eq!((config.transfers, config.transfers_per_client), (Some(10), Some(0)));
        let history = (config.history_size, config.history_per_zone, config.history_memory);
        assert_eq!(history, (Some(2 << 30), Some(1 << 20), Some(0)));
        assert_eq!(config.tcp_write_timeout, Some(Duration::from_millis(500)));
        assert_eq!((config.notify_secret_file.as_deref(), config.notify_command.len()), (Some("secret"), 3));
        assert_eq!(config.tls.map(|tls| (tls.listen.len(), tls.certificate.path)), Some((2, "chain.pem".to_owned())));
        assert_eq!(config.metrics_listen, Some(SocketAddr::from(([127, 0, 0, 1], 9153))));
        let keys: Vec<_> = config.keys.iter().map(|key| (key.name.to_string(), key.algorithm.text())).collect();
        assert_eq!(keys, [("a.example.".into(), "hmac-sha256"), ("b.".into(), "hmac-sha512")]);
        assert_eq!(config.keys[0].mac_len_min, Some(24));
        assert!(matches!(&config.keys[1].secret, SecretSource::File { path, .. } if path == "b.secret"));
    }

    #[test]
    fn nothing_written_is_nothing_said() {
        assert_eq!(parse(&"watari.toml".into(), ""), (Config::default(), vec![]));
    }

    #[test]
    fn one_address_alone_is_a_list_of_one() {
        let (config, faults) = parse(&"watari.toml".into(), "listen = \"127.0.0.1:53\"");
        assert_eq!((config.listen.map(|listen| listen.len()), faults), (Some(1), vec![]));
    }

    #[test]
    fn all_faults_are_shown_at_once_with_a_way_out() {
        let text =
            "zone = \"z\"\nworkers = 0\nlisten = [\"localhost\"]\ntcp = 1\nlog = \"a=b=c\"\n[identity]\nid = 7\n";
        let (_, faults) = parse(&"watari.toml".into(), text);
        let expected = "\
error[config-unknown]: `zone` is not a setting
 --> watari.toml:1:1
  |
1 | zone = \"z\"
  | ^^^^ unknown
  |
  = help: did you mean `zones`?

error[config-value]: `workers` takes a number from 1 to 256
 --> watari.toml:2:11
  |
2 | workers = 0
  |           ^ not such a number
  |
  = help: write `workers = 1`

error[config-value]: `listen` takes addresses with a port, and `localhost` is none
 --> watari.toml:3:11
  |
3 | listen = [\"localhost\"]
  |           ^^^^^^^^^^^ not an address with a port
  |
  = help: write it as `192.0.2.1:53` or `[2001:db8::1]:53`
";
        assert!(render(&faults, false).starts_with(expected), "{}", render(&faults, false));
        let codes: Vec<_> = faults.iter().map(|fault| fault.code).collect();
        assert_eq!(
            codes,
            ["config-unknown", "config-value", "config-value", "config-value", "config-value", "config-value"]
        );
    }

    #[test]
    fn a_fault_of_syntax_has_a_place_too() {
        let (config, faults) = parse(&"watari.toml".into(), "workers = \nzones = \"z\"\n");
        assert_eq!(faults.iter().map(|fault| fault.code).next(), Some("config-syntax"));
        assert_eq!(config.zones.as_deref(), Some("z"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|[\\[\\]a-z=\".\n0-9 ]*") {
            parse(&"watari.toml".into(), &text);
        }
    }
}
