//! `watari serve`: binds, starts the workers, loads, and stays until it is told to stop.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use super::{Exit, Serve, style};
use crate::answer::{Catalog, Identity, Rights};
use crate::clock::{self, Ratchet};
use crate::control::herald::{Herald, HeraldError};
use crate::control::metrics;
use crate::control::registry::Count;
use crate::control::run::{Ask, Control, Handle, Limits};
use crate::control::secondary::Fetcher;
use crate::control::settings::{Listen, Overrides, Settings, SettingsError};
use crate::control::socket::{ListenError, Socket};
use crate::control::store::{Store, StoreError};
use crate::net::{self, Authority, BindError, BoundSockets, Published, Server, Tls, bind};

/// The server could not be started.
#[derive(Debug, thiserror::Error)]
enum StartError {
    /// The addresses could not be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The folder of zones is not there.
    #[error("the folder of zones {path} can't be read")]
    Zones { path: String, source: io::Error },
    /// The folder of state could not be made.
    #[error("the folder of state {path} can't be made")]
    State { path: String, source: io::Error },
    /// The journal can't be kept.
    #[error("the journal in the folder of state {path} can't be kept")]
    Journal { path: String, source: StoreError },
    /// The control socket can't be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Nobody can be told what becomes of plans.
    #[error(transparent)]
    Notify(#[from] HeraldError),
    /// The metrics can't be offered.
    #[error(transparent)]
    Metrics(#[from] metrics::ListenError),
    /// The threads could not be started.
    #[error("the server can't be started")]
    Threads(#[source] io::Error),
}

impl StartError {
    fn help(&self) -> Option<String> {
        match self {
            StartError::Bind(error) => error.help(),
            StartError::Zones { .. } => Some("name the folder of your zone files with --zones DIR".to_owned()),
            StartError::State { .. } => Some("name a folder that may be written with --state DIR".to_owned()),
            StartError::Journal { source, .. } => source.help(),
            StartError::Listen(error) => error.help(),
            StartError::Notify(_) => Some("see `secret-file` in `[notify]` of watari.toml".to_owned()),
            StartError::Metrics(_) => Some("name another address, or none, in `[metrics]`".to_owned()),
            StartError::Threads(_) => None,
        }
    }
}

/// Changes what is logged while the server runs.
type LogFilter = reload::Handle<EnvFilter, Registry>;

/// Runs the server until it is told to stop.
pub(super) fn run(arguments: &Serve) -> Exit {
    let started = Instant::now();
    let overrides = arguments.overrides();
    let settings = match Settings::resolve(&overrides) {
        Ok(settings) => settings,
        Err(SettingsError::Faults(faults)) => {
            style::draw(&faults);
            return Exit::Faults;
        }
        Err(error) => {
            style::failed(&error, None);
            return Exit::Failed;
        }
    };
    let log = start_log(&settings.log);
    warn_of(&settings);
    match serve(&settings, &overrides, &log, started) {
        Ok(()) => {
            tracing::info!("stopped");
            // Not by returning: what is left is freed by the system in no time, by us in a while.
            process::exit(0)
        }
        Err(error) => {
            style::failed(&error, error.help().as_deref());
            Exit::Failed
        }
    }
}

fn serve(settings: &Settings, overrides: &Overrides, log: &LogFilter, started: Instant) -> Result<(), StartError> {
    let zones_error = |source| StartError::Zones { path: settings.zones.display().to_string(), source };
    std::fs::read_dir(&settings.zones).map_err(zones_error)?;
    make_state_folder(&settings.state)?;
    let journal = |source| StartError::Journal { path: settings.state.display().to_string(), source };
    let store = Store::open(&settings.state).map_err(journal)?;
    let mut bound = bind_all(settings)?;
    let tls = settings.tls.as_ref().map(|tls| (Arc::new(Tls::new(tls.credentials.clone())), &tls.listen));
    if let Some((tls, addresses)) = &tls {
        bound = bound.with_tls(addresses, tls.clone())?;
        tracing::info!("listening on {}, over TLS", joined(bound.tls_addresses()));
    }
    let tls = tls.map(|(tls, _)| tls);
    let addresses = bound.addresses().to_vec();
    tracing::info!("listening on {}, over UDP and TCP", joined(&addresses));

    // Not before what was journalled last: what was decided then has happened.
    let floor = store.last_at().map_err(journal)?.unwrap_or(clock::Instant::from_unix_seconds(0));
    let clock = Arc::new(Ratchet::new(floor));
    if let Some(behind) = clock.held_back() {
        tracing::warn!("the system's clock is {behind:?} behind the journal: until it has caught up nothing is due");
    }
    let published = Arc::new(Published::new(Catalog::unread()));
    let identity = Identity { version: settings.version.clone(), id: settings.id.clone() };
    let rights = Arc::new(Published::new(settings.rights.clone()));
    let authority = Authority::new(published.clone(), clock.clone(), identity).with_rights(rights.clone());
    let folders = (settings.zones.as_path(), settings.state.as_path());
    let meter = authority.meter().clone();
    let fetching_clock = clock.clone();
    let counted = (clock, meter.clone());
    let shared = (published, rights.clone());
    let mut control =
        Control::new(folders, limits(settings), store, shared, counted, settings.history).map_err(journal)?;
    let authority = Arc::new(authority.with_counter(control.updates()).with_memory(control.memory()));
    control.notify(Herald::start(&settings.notify)?);
    let notices = authority.notices().clone();
    let fetcher = Fetcher::start(&settings.state, rights.clone(), fetching_clock, settings.history);
    control.fetch(fetcher.map_err(StartError::Threads)?, notices);
    control.listens(&addresses);
    if let Some(address) = settings.metrics {
        let address = metrics::listen(address, control.handle(), meter)?;
        tracing::info!("metrics are at http://{address}/metrics");
    }
    let socket = Socket::listen(&settings.state, control.handle())?;
    hear_signals(control.handle()).map_err(StartError::Threads)?;
    let server = Server::start(bound, authority, &network(settings)).map_err(StartError::Threads)?;

    let ready = |count: Count| say_ready(count, &addresses, started);
    let reread = || {
        let reread = reread(settings, overrides, log, &rights)?;
        if let (Some(tls), Some(settings)) = (&tls, &reread.tls)
            && tls.replace(&settings.credentials)
        {
            tracing::info!("the certificate has changed: connections that begin from now on have the new one");
        }
        Some(limits(&reread))
    };
    control.run(ready, reread);
    socket.close();
    server.stop();
    Ok(())
}

fn start_log(filter: &str) -> LogFilter {
    let (filter, handle) = reload::Layer::new(log_filter(filter));
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(style::stderr_is_styled()).with_target(false);
    tracing_subscriber::registry().with(filter).with(lines).init();
    handle
}

/// What was asked for; of the watch's library, which tells how it tidies up after a folder that has gone, the
/// errors alone unless it is named.
fn log_filter(asked: &str) -> EnvFilter {
    EnvFilter::builder().parse_lossy(format!("notify=error,{asked}"))
}

fn make_state_folder(path: &Path) -> Result<(), StartError> {
    let error = |source| StartError::State { path: path.display().to_string(), source };
    // Keys will lie here: nobody else may look in.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(error)
}

fn bind_all(settings: &Settings) -> Result<BoundSockets, BindError> {
    let addresses = settings.listen.addresses();
    match (bind(&addresses, settings.workers), &settings.listen) {
        // Nobody asked for IPv6 here, so that a machine without it is no fault.
        (Err(BindError::NoSuchFamily { address, .. } | BindError::NotHere { address, .. }), Listen::Loopback)
            if address.is_ipv6() =>
        {
            tracing::warn!("this machine has no IPv6: {address} is not listened on");
            let others: Vec<_> = addresses.into_iter().filter(SocketAddr::is_ipv4).collect();
            bind(&others, settings.workers)
        }
        (bound, _) => bound,
    }
}

fn network(settings: &Settings) -> net::Config {
    let mut config = net::Config::default();
    let (limits, tcp) = (&mut config.tcp, &settings.tcp);
    limits.connections_max = tcp.connections.unwrap_or(limits.connections_max);
    limits.connections_per_client_max = tcp.connections_per_client.unwrap_or(limits.connections_per_client_max);
    limits.idle_timeout = tcp.idle_timeout.unwrap_or(limits.idle_timeout);
    limits.message_timeout = tcp.message_timeout.unwrap_or(limits.message_timeout);
    limits.write_timeout = tcp.write_timeout.unwrap_or(limits.write_timeout);
    let transfer = &settings.transfer;
    limits.transfers_max = transfer.transfers.unwrap_or(limits.transfers_max);
    limits.transfers_per_client_max = transfer.transfers_per_client.unwrap_or(limits.transfers_per_client_max);
    config
}

fn limits(settings: &Settings) -> Limits {
    let Settings { zone_file_size, removal_grace, .. } = *settings;
    Limits { zone_file_size, removal_grace, told: settings.told.clone(), notify: settings.notify.clone() }
}

/// Passes signals on. They are held back from this moment, also while zones are loading.
fn hear_signals(handle: Handle) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut hangup, mut terminate, mut interrupt) = {
        let _context = runtime.enter();
        (signal(SignalKind::hangup())?, signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let listen = async move {
        loop {
            let ask = tokio::select! {
                _ = hangup.recv() => Ask::Reread,
                _ = terminate.recv() => Ask::Stop,
                _ = interrupt.recv() => Ask::Stop,
            };
            handle.ask(ask);
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(listen))?;
    Ok(())
}

/// Says what is to be said of a configuration that can be used.
fn warn_of(settings: &Settings) {
    if !settings.warnings.is_empty() {
        tracing::warn!("of the configuration\n{}", crate::diag::render(&settings.warnings, false));
    }
}

/// Reads the configuration again; takes what can be changed in a running server and says what can't.
fn reread(running: &Settings, overrides: &Overrides, log: &LogFilter, rights: &Published<Rights>) -> Option<Settings> {
    let settings = match Settings::resolve(overrides) {
        Ok(settings) => settings,
        Err(SettingsError::Faults(faults)) => {
            tracing::error!(
                "the configuration has faults and stays as it was\n{}",
                crate::diag::render(&faults, false)
            );
            return None;
        }
        Err(error) => {
            tracing::error!("{}; it stays as it was", crate::control::run::with_causes(&error));
            return None;
        }
    };
    if log.reload(log_filter(&settings.log)).is_err() {
        tracing::warn!("what is logged can't be changed");
    }
    warn_of(&settings);
    let before = rights.snapshot();
    if *before != settings.rights {
        // First it is so, then it is said.
        rights.publish(settings.rights.clone());
        let names: Vec<_> = settings.rights.keyring.keys().map(|key| key.name().to_string()).collect();
        if before.keyring != settings.rights.keyring {
            tracing::info!("the keys have changed; known are now: {}", names.join(", "));
        }
        if before.update != settings.rights.update {
            tracing::info!("who may update zones has changed");
        }
        if before.transfer != settings.rights.transfer {
            tracing::info!("who may have zones transferred has changed");
        }
    }
    let restart = running.needs_restart(&settings);
    if !restart.is_empty() {
        tracing::warn!("changed in the configuration and taken at the next start: {}", restart.join(", "));
    }
    Some(settings)
}

/// The one line that programs wait for.
fn say_ready(count: Count, addresses: &[SocketAddr], started: Instant) {
    let mut line = format!("ready: {} zones served, {} failed", count.served, count.failed);
    _ = write!(line, ", in {:.3} s, on {}", started.elapsed().as_secs_f64(), joined(addresses));
    let mut out = io::stdout().lock();
    // Who started us may not care to listen; that is no reason to end.
    _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn joined(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
    addresses.join(" and ")
}
