//! What the server runs with: the command line over `watari.toml` over the defaults.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::config::{self, Config};
use super::credentials;
use super::history;
use super::keyring;
use super::notifier::{self, Told};
use super::store::change::Bounds;
use crate::answer::{Access, Rights};
use crate::diag::Diagnostic;
use crate::net::Credentials;
use crate::wire::tsig::Keyring;

/// The configuration that is read if none is named and it is there.
pub const CONFIG_FILE: &str = "watari.toml";
/// The folder of zones if none is named.
pub const ZONES_DEFAULT: &str = "zones";
/// The folder of state if none is named.
pub const STATE_DEFAULT: &str = "state";
/// The port if no address is named: one that needs no rights.
pub const PORT_DEFAULT: u16 = 5300;
/// The most octets of a zone file if nothing is said: some twenty million records.
pub const ZONE_FILE_SIZE_DEFAULT: u64 = 1 << 30;
/// How long a zone is served after its file has gone, if nothing is said: longer than any editor
/// needs to put the new file in the place of the old.
pub const REMOVAL_GRACE_DEFAULT: Duration = Duration::from_secs(1);
/// What is logged if nothing is said.
pub const LOG_DEFAULT: &str = "info";

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--zones`
    pub zones: Option<PathBuf>,
    /// `--state`
    pub state: Option<PathBuf>,
    /// `--listen`, as often as it was given.
    pub listen: Vec<SocketAddr>,
    /// `--workers`
    pub workers: Option<NonZeroUsize>,
    /// `--log`, or the environment's `WATARI_LOG`.
    pub log: Option<String>,
}

/// What the server runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The configuration that was read.
    pub config: Option<PathBuf>,
    /// The folder of zone files and plans.
    pub zones: PathBuf,
    /// The folder of what the server itself keeps.
    pub state: PathBuf,
    /// The addresses to listen on.
    pub listen: Listen,
    /// How many threads answer over UDP.
    pub workers: NonZeroUsize,
    /// What is logged.
    pub log: String,
    /// The most octets of one zone file.
    pub zone_file_size: u64,
    /// How long a zone is served after its file has gone.
    pub removal_grace: Duration,
    /// The answer to `version.bind CH TXT`.
    pub version: Option<String>,
    /// The answer to `id.server CH TXT`, and the NSID.
    pub id: Option<String>,
    /// What TCP may cost.
    pub tcp: Tcp,
    /// How many zones are transferred at a time.
    pub transfer: Transfers,
    /// Where TLS is spoken, and with which certificate.
    pub tls: Option<TlsSettings>,
    /// Which secondaries are told of changes.
    pub told: Told,
    /// How much of what changed is remembered.
    pub history: history::Limits,
    /// Who is told what becomes of plans.
    pub notify: Notify,
    /// Where metrics are offered over HTTP, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// The keys that are shared with other servers, and who may have zones transferred.
    pub rights: Rights,
    /// What is to be said of the configuration although it can be used.
    pub warnings: Vec<Diagnostic>,
}

/// Where TLS is spoken, and with which certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// The certificate and its key.
    pub credentials: Credentials,
}

/// What a configuration names that is in files of its own, and secret.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// The keys that are shared with other servers.
    pub keyring: Keyring,
    /// The certificate of this server, and its key.
    pub credentials: Option<Credentials>,
}

/// Who is told what becomes of plans; nobody if nobody is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// A URL that it is told.
    pub webhook: Option<String>,
    /// The file of the secret by which that is signed.
    pub secret_file: Option<PathBuf>,
    /// A program that it is told.
    pub command: Vec<String>,
}

/// The addresses to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Somebody named them: each must be had.
    Named(Vec<SocketAddr>),
    /// Nobody named any: the loopback addresses, IPv6 only if the machine has it.
    Loopback,
}

impl Listen {
    /// All of them.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        match self {
            Listen::Named(addresses) => addresses.clone(),
            Listen::Loopback => [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
                .map(|address| SocketAddr::new(address, PORT_DEFAULT))
                .to_vec(),
        }
    }
}

/// What the configuration says of TCP; what it does not say is decided where connections are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tcp {
    /// The most connections in all.
    pub connections: Option<usize>,
    /// The most connections of one client.
    pub connections_per_client: Option<usize>,
    /// How long a connection may say nothing.
    pub idle_timeout: Option<Duration>,
    /// How long a request that has begun may take to come.
    pub message_timeout: Option<Duration>,
    /// How long a peer may take to read an answer.
    pub write_timeout: Option<Duration>,
}

/// How many transfers out there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfers {
    /// The most at one time in all.
    pub transfers: Option<usize>,
    /// The most at one time to one client.
    pub transfers_per_client: Option<usize>,
}

/// The settings could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file could not be read.
    #[error("{what} {path} can't be read")]
    Read {
        /// What it is.
        what: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file has faults.
    #[error("the configuration has faults")]
    Faults(Vec<Diagnostic>),
}

impl Settings {
    /// Reads the configuration and lays the command line over it.
    ///
    /// # Errors
    /// [`SettingsError`] if a configuration that was named can't be read, or one has faults.
    pub fn resolve(overrides: &Overrides) -> Result<Settings, SettingsError> {
        let path = overrides.config.clone().or_else(|| {
            let default = PathBuf::from(CONFIG_FILE);
            default.exists().then_some(default)
        });
        let (config, secrets, warnings) = match &path {
            Some(path) => read(path)?,
            None => Default::default(),
        };
        if warnings.iter().any(Diagnostic::is_error) {
            return Err(SettingsError::Faults(warnings));
        }
        let transfer = Access::new(config.transfer_allow.clone().unwrap_or_default());
        let rights = Rights { keyring: secrets.keyring, transfer, update: Arc::new(config.update.clone()) };
        let listen = config.tls.as_ref().map(|tls| tls.listen.clone());
        let tls = listen.zip(secrets.credentials).map(|(listen, credentials)| TlsSettings { listen, credentials });
        Ok(Settings { rights, tls, warnings, ..Settings::of(config, path, overrides) })
    }

    fn of(config: Config, path: Option<PathBuf>, overrides: &Overrides) -> Settings {
        let beside = path.as_deref().and_then(Path::parent).map_or_else(PathBuf::new, Path::to_owned);
        let folder = |given: &Option<PathBuf>, written: Option<String>, default: &str| match (given, written) {
            (Some(given), _) => given.clone(),
            (None, Some(written)) => beside.join(written),
            (None, None) => PathBuf::from(default),
        };
        Settings {
            zones: folder(&overrides.zones, config.zones, ZONES_DEFAULT),
            state: folder(&overrides.state, config.state, STATE_DEFAULT),
            listen: match (overrides.listen.as_slice(), config.listen) {
                ([], None) => Listen::Loopback,
                ([], Some(written)) => Listen::Named(written),
                (given, _) => Listen::Named(given.to_vec()),
            },
            workers: overrides.workers.or(config.workers.and_then(NonZeroUsize::new)).unwrap_or_else(cores),
            log: overrides.log.clone().or(config.log).unwrap_or_else(|| LOG_DEFAULT.to_owned()),
            zone_file_size: config.zone_file_size.unwrap_or(ZONE_FILE_SIZE_DEFAULT),
            removal_grace: config.removal_grace.unwrap_or(REMOVAL_GRACE_DEFAULT),
            version: config.version,
            id: config.id,
            tcp: Tcp {
                connections: config.tcp_connections,
                connections_per_client: config.tcp_connections_per_client,
                idle_timeout: config.tcp_idle_timeout,
                message_timeout: config.tcp_message_timeout,
                write_timeout: config.tcp_write_timeout,
            },
            notify: Notify {
                webhook: config.notify_webhook,
                secret_file: config.notify_secret_file.map(|file| beside.join(file)),
                command: config.notify_command,
            },
            metrics: config.metrics_listen,
            tls: None,
            told: Told {
                secondaries: config.transfer_notify.unwrap_or_default().into(),
                rate: config.transfer_notify_rate.unwrap_or(notifier::RATE_DEFAULT),
            },
            history: history::Limits {
                stored: Bounds {
                    size: config.history_size.unwrap_or(history::SIZE_DEFAULT),
                    per_zone: config.history_per_zone.unwrap_or(history::PER_ZONE_DEFAULT),
                },
                memory: config.history_memory.unwrap_or(history::MEMORY_DEFAULT),
            },
            transfer: Transfers { transfers: config.transfers, transfers_per_client: config.transfers_per_client },
            config: path,
            rights: Rights::default(),
            warnings: Vec::new(),
        }
    }

    /// What differs in `other` and can't be changed while the server runs.
    pub fn needs_restart(&self, other: &Settings) -> Vec<&'static str> {
        let listen = |settings: &Settings| settings.tls.as_ref().map(|tls| tls.listen.clone());
        let differs = [
            ("zones", self.zones != other.zones),
            ("state", self.state != other.state),
            ("listen", self.listen != other.listen),
            ("workers", self.workers != other.workers),
            ("identity", (&self.version, &self.id) != (&other.version, &other.id)),
            ("tcp", self.tcp != other.tcp),
            ("metrics", self.metrics != other.metrics),
            ("transfer", self.transfer != other.transfer),
            ("tls.listen", listen(self) != listen(other)),
            ("history", self.history != other.history),
        ];
        differs.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
    }
}

/// Reads the configuration file `path`, and the files in which its secrets are, with all their faults.
///
/// # Errors
/// [`SettingsError::Read`].
pub fn read(path: &Path) -> Result<(Config, Secrets, Vec<Diagnostic>), SettingsError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|source| SettingsError::Read {
        what: "the configuration",
        path: shown.clone(),
        source,
    })?;
    let (config, mut faults) = config::parse(&Arc::from(shown), &text);
    let (keyring, of_secrets) = keyring::gather(&config.keys, path);
    faults.extend(of_secrets);
    let (credentials, of_tls) = config.tls.as_ref().map(|tls| credentials::gather(tls, path)).unwrap_or_default();
    faults.extend(of_tls);
    Ok((config, Secrets { keyring, credentials }, faults))
}

fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, Overrides) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watari.toml");
        std::fs::write(&path, text).unwrap();
        (folder, Overrides { config: Some(path), ..Overrides::default() })
    }

    #[test]
    fn folders_in_the_file_are_beside_the_file() {
        let (folder, overrides) = written("zones = \"z\"\nstate = \"/var/lib/watari\"\n");
        let settings = Settings::resolve(&overrides).unwrap();
        assert_eq!(settings.zones, folder.path().join("z"));
        assert_eq!(settings.state, Path::new("/var/lib/watari"));
    }

    #[test]
    fn the_command_line_wins() {
        let (_folder, mut overrides) = written("zones = \"z\"\nlisten = \"127.0.0.1:53\"\nworkers = 7\n");
        overrides.zones = Some("mine".into());
        overrides.listen = vec!["127.0.0.1:1053".parse().unwrap()];
        let settings = Settings::resolve(&overrides).unwrap();
        assert_eq!(settings.zones, Path::new("mine"));
        assert_eq!(settings.listen, Listen::Named(vec!["127.0.0.1:1053".parse().unwrap()]));
        assert_eq!(settings.workers.get(), 7);
    }

    #[test]
    fn nothing_named_is_the_loopback_at_5300() {
        let addresses = Listen::Loopback.addresses();
        assert_eq!(addresses, ["127.0.0.1:5300".parse().unwrap(), "[::1]:5300".parse().unwrap()]);
    }

    #[test]
    fn a_configuration_that_was_named_must_be_there() {
        let overrides = Overrides { config: Some("/nowhere/watari.toml".into()), ..Overrides::default() };
        assert!(matches!(Settings::resolve(&overrides), Err(SettingsError::Read { .. })));
    }

    #[test]
    fn a_configuration_with_faults_is_not_used() {
        let (_folder, overrides) = written("listen = 5\n");
        assert!(matches!(Settings::resolve(&overrides), Err(SettingsError::Faults(faults)) if faults.len() == 1));
    }

    #[test]
    fn secrets_lie_in_files_beside_the_configuration() {
        use std::os::unix::fs::PermissionsExt;
        let text = "[keys.a]\nalgorithm = \"hmac-sha1\"\nsecret-file = \"a.secret\"\nmac-bits = 160\n";
        let (folder, overrides) = written(text);
        let file = folder.path().join("a.secret");
        let faults = |error| match error {
            Err(SettingsError::Faults(faults)) => faults.iter().map(|fault| fault.code).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(faults(Settings::resolve(&overrides)), ["config-secret"]);
        std::fs::write(&file, "no base 64\n").unwrap();
        assert_eq!(faults(Settings::resolve(&overrides)), ["config-secret"]);
        std::fs::write(&file, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM=\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let settings = Settings::resolve(&overrides).unwrap();
        let name = crate::wire::Name::from_text("A.").unwrap();
        assert_eq!(settings.rights.keyring.key(&name).map(|key| key.mac_len_min()), Some(20));
        let codes: Vec<_> = settings.warnings.iter().map(|warning| warning.code).collect();
        assert_eq!(codes, ["config-secret-readable"]);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(Settings::resolve(&overrides).unwrap().warnings, []);
    }

    #[test]
    fn what_needs_a_restart_is_named() {
        let (_folder, overrides) = written("");
        let before = Settings::resolve(&overrides).unwrap();
        let after = Settings { workers: NonZeroUsize::new(99).unwrap(), log: "debug".into(), ..before.clone() };
        assert_eq!(before.needs_restart(&after), ["workers"]);
    }
}
