//! Fetches zones, each as a task of its own on one thread: asks, has what came put together and checked on others, keeps
//! it, and tells the owner.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::Semaphore;

use super::{Copy, Fetch, Fetched, Remark, Success, Unfit};
use crate::answer::Rights;
use crate::clock::Ratchet;
use crate::control::catalog_zone::producers::SOURCE;
use crate::control::catalog_zone::{Draw, Drawn, Noted};
use crate::control::config::authentication::Authentication;
use crate::control::config::secondary::Primary;
use crate::control::history::{Limits, Since};
use crate::control::run::with_causes;
use crate::control::store::Store;
use crate::net::Published;
use crate::net::fetch::{self, Brought, Client, FetchError, Source, Volume};
use crate::timeline::Serial;
use crate::wire::Name;
use crate::zone::delta::Delta;
use crate::zone::intake::{Bounds, Have};

/// The most transfers at one time.
const TRANSFERS_MAX: usize = 16;
/// Of how many primaries it is remembered what TLS with them needs.
const CLIENTS_MAX: usize = 256;
/// The most zones that are put together or kept at one time.
const THREADS_MAX: usize = 4;
/// How long a thread waits for another zone before it ends.
const THREAD_IDLE: Duration = Duration::from_secs(5);

/// Fetches zones.
#[derive(Clone, Debug)]
pub struct Fetcher {
    handle: Handle,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Mutex<Option<Store>>,
    rights: Arc<Published<Rights>>,
    clock: Arc<Ratchet>,
    places: Semaphore,
    limits: Limits,
    /// What was read of files and of the system's authorities for primaries over TLS.
    clients: Mutex<HashMap<Authentication, Client>>,
}

/// What came, fit to be served.
struct Made {
    copy: Copy,
    difference: Option<Delta>,
    since: Option<Since>,
    how: String,
    remarks: Vec<Remark>,
}

impl Fetcher {
    /// Will fetch zones and keep them in the folder `state`, and what differs from one to the next within `limits`; questions are signed with the keys of `rights`.
    ///
    /// # Errors
    /// If the machine has no room for another thread.
    pub fn start(
        state: &Path,
        rights: Arc<Published<Rights>>,
        clock: Arc<Ratchet>,
        limits: Limits,
    ) -> std::io::Result<Fetcher> {
        let store = Store::beside(state);
        let store =
            store.map_err(|error| tracing::error!("what is fetched can't be kept: {}", with_causes(&error))).ok();
        let mut builder = Builder::new_current_thread();
        builder.enable_all().max_blocking_threads(THREADS_MAX).thread_keep_alive(THREAD_IDLE).thread_name("fetched");
        let runtime = builder.build()?;
        let handle = runtime.handle().clone();
        let run = move || runtime.block_on(std::future::pending::<()>());
        std::thread::Builder::new().name("fetch".to_owned()).spawn(run)?;
        let places = Semaphore::new(TRANSFERS_MAX);
        let (store, clients) = (Mutex::new(store), Mutex::default());
        Ok(Fetcher { handle, shared: Arc::new(Shared { store, rights, clock, places, limits, clients }) })
    }

    /// Fetches a zone and calls `done` with what came of it.
    pub fn fetch(&self, fetch: Fetch, done: impl FnOnce(Fetched) + Send + 'static) {
        let shared = self.shared.clone();
        self.handle.spawn(async move {
            let (apex, number) = (fetch.apex.clone(), fetch.number);
            // A fault of ours in one zone must not leave it waiting for ever.
            let fetched = tokio::spawn(async move { shared.fetch(fetch).await }).await;
            done(fetched.unwrap_or_else(|_| Fetched {
                apex,
                number,
                result: Err("a fault of watari itself was found while it was fetched; please report it".to_owned()),
                remarks: Vec::new(),
            }));
        });
    }

    /// From now on certificates are read anew.
    pub fn reread(&self) {
        self.shared.clients.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Lets go of what is kept of `apex`.
    pub fn forget(&self, apex: Name) {
        let shared = self.shared.clone();
        self.handle.spawn_blocking(move || shared.keep(&apex, |store| store.forget(&apex)));
    }

    /// Makes a catalog zone of ours, keeps it, and calls `done` with it.
    pub fn draw(&self, draw: Draw, done: impl FnOnce(Drawn) + Send + 'static) {
        let shared = self.shared.clone();
        self.handle.spawn_blocking(move || {
            let at = shared.clock.now();
            // Serials go around (RFC 1982): in 2106 the seconds begin anew.
            let result = draw.make(at.unix_seconds() as u32, &shared.limits);
            if let Ok(made) = &result {
                let (copy, difference) = (&made.copy, made.difference.as_ref());
                shared.keep(&draw.apex, |store| store.keep(&draw.apex, copy, difference, (at, SOURCE)));
            }
            done(Drawn { apex: draw.apex, number: draw.number, result });
        });
    }

    /// Puts down who is a member of which catalog zone.
    pub fn note_members(&self, notes: Vec<(Name, Noted)>) {
        let shared = self.shared.clone();
        let Some((first, _)) = notes.first().cloned() else { return };
        self.handle.spawn_blocking(move || shared.keep(&first, |store| store.note_members(&notes)));
    }
}

impl Shared {
    async fn fetch(self: Arc<Self>, fetch: Fetch) -> Fetched {
        let (mut remarks, mut failures, mut behind) = (Vec::new(), Vec::new(), None);
        let primaries = &fetch.from.primaries;
        let (later, first) = primaries.split_at(fetch.first.min(primaries.len()));
        for primary in first.iter().chain(later) {
            match self.from(&fetch, primary, &mut remarks).await {
                Ok(Some(success)) => {
                    let (apex, number) = (fetch.apex, fetch.number);
                    return Fetched { apex, number, result: Ok(success), remarks };
                }
                Ok(None) => behind = behind.or(Some(primary)),
                Err(why) => failures.push(format!("{}: {why}", primary.address)),
            }
        }
        let (apex, number) = (fetch.apex, fetch.number);
        let result = match behind {
            // It was heard of, and what we have is not older than what it has.
            Some(primary) => Ok(self.clone().current(&apex, primary).await),
            None => Err(failures.join("; ")),
        };
        Fetched { apex, number, result, remarks }
    }

    /// What `primary` has; `None` if that is older than what we have.
    async fn from(
        self: &Arc<Self>,
        fetch: &Fetch,
        primary: &Primary,
        remarks: &mut Vec<Remark>,
    ) -> Result<Option<Success>, String> {
        let source = self.source(fetch, primary).await?;
        let have = fetch.copy.as_ref().and_then(|copy| Have::of(copy.view()));
        let asked =
            fetch::fetch(&source, &fetch.apex, have.clone(), fetch.is_notified, &self.clock, &self.places).await;
        let mut brought = asked.map_err(|error| error.to_string())?;
        loop {
            match brought {
                Brought::Current => return Ok(Some(self.clone().current(&fetch.apex, primary).await)),
                Brought::Behind(theirs) => {
                    let ours = have.as_ref().map_or(0, |have| have.serial);
                    let text = format!(
                        "{} has serial {theirs}, which is not above our {ours}; nothing is taken from it",
                        primary.address
                    );
                    remarks.push(Remark { text, faults: Vec::new() });
                    return Ok(None);
                }
                Brought::Whole(..) | Brought::Differences(..) => {}
            }
            let is_difference = matches!(brought, Brought::Differences(..));
            let copy = fetch.copy.clone();
            let limits = self.limits;
            let made = tokio::task::spawn_blocking(move || make(copy.as_deref(), brought, &limits)).await;
            let why = match made.map_err(|_| "a fault of watari itself was found while it was put together")? {
                Ok(made) => {
                    let shared = self.clone();
                    let (apex, primary) = (fetch.apex.clone(), primary.clone());
                    let before = have.map(|have| Serial(have.serial));
                    let (success, made) =
                        tokio::task::spawn_blocking(move || shared.kept(&apex, &primary, made, before))
                            .await
                            .map_err(|_| "a fault of watari itself was found while it was kept")?;
                    remarks.extend(made);
                    return Ok(Some(success));
                }
                Err(unfit) => unfit,
            };
            if !is_difference {
                let faults = match why {
                    Unfit::Contradictions(faults) => faults,
                    ref other => return Err(other.to_string()),
                };
                let text = format!("what {} sends can't be served", primary.address);
                remarks.push(Remark { text, faults });
                return Err("the zone that it sends contradicts itself".to_owned());
            }
            // The whole may be right all the same.
            let _place = self.places.acquire().await.ok();
            let failed = Some(FetchError::Fault(crate::zone::intake::Fault::Unfit(why.to_string())));
            let asked = fetch::whole(&source, &fetch.apex, have.clone(), &self.clock, failed).await;
            brought = asked.map_err(|error| error.to_string())?;
        }
    }

    async fn source(self: &Arc<Self>, fetch: &Fetch, primary: &Primary) -> Result<Source, String> {
        let key = match &primary.key {
            None => None,
            Some(name) => {
                let key = self.rights.snapshot().keyring.key(name).cloned();
                Some(key.ok_or_else(|| format!("no key {name} is in `[keys]` of the configuration"))?)
            }
        };
        let bounds = Bounds { octets: fetch.from.size_max, records: fetch.from.records_max };
        let tls = match &primary.tls {
            None => None,
            Some(written) => {
                let (shared, how) = (self.clone(), written.how.clone());
                let client = tokio::task::spawn_blocking(move || shared.client(how)).await;
                Some(client.map_err(|_| "a fault of watari itself was found in what TLS needs")??)
            }
        };
        Ok(Source { address: primary.address, tls, key, bounds, time_max: fetch.from.time_max })
    }

    /// What TLS needs, read before or now.
    fn client(&self, how: Authentication) -> Result<Client, String> {
        if let Some(client) = self.clients.lock().unwrap_or_else(PoisonError::into_inner).get(&how) {
            return Ok(client.clone());
        }
        // Not under the lock: it may take a moment.
        let client = how.client().map_err(|error| error.to_string())?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS_MAX {
            clients.clear();
        }
        clients.insert(how, client.clone());
        Ok(client)
    }

    async fn current(self: Arc<Self>, apex: &Name, primary: &Primary) -> Success {
        let (from, at) = (primary.address, self.clock.now());
        let apex = apex.clone();
        let keep = move || self.keep(&apex, |store| store.refreshed(&apex, (at, &from.to_string())));
        _ = tokio::task::spawn_blocking(keep).await;
        Success { from, at, copy: None, since: None, is_whole: false, how: String::new(), before: None }
    }

    fn kept(&self, apex: &Name, primary: &Primary, made: Made, before: Option<Serial>) -> (Success, Vec<Remark>) {
        let Made { copy, difference, since, how, remarks } = made;
        let (from, at) = (primary.address, self.clock.now());
        let source = from.to_string();
        self.keep(apex, |store| store.keep(apex, &copy, difference.as_ref(), (at, &source)));
        let is_whole = difference.is_none();
        (Success { from, at, copy: Some(Arc::new(copy)), since, is_whole, how, before }, remarks)
    }

    /// What can't be kept is served all the same: with the next start it is fetched anew.
    fn keep<E: std::error::Error>(&self, apex: &Name, keep: impl FnOnce(&mut Store) -> Result<(), E>) {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(store) = store.as_mut() else { return };
        if let Err(error) = keep(store) {
            tracing::error!("{apex}: {}", with_causes(&error));
        }
    }
}

/// Puts together what was brought, and checks it.
fn make(before: Option<&Copy>, brought: Brought, limits: &Limits) -> Result<Made, Unfit> {
    let mut remarks = Vec::new();
    match brought {
        Brought::Differences(steps, volume) => {
            let (copy, delta) = before.ok_or(Unfit::Nothing)?.after(steps)?;
            let how = told(&format!("{} records of differences", delta.len()), volume);
            let since = before.and_then(|before| copy.since(before, limits));
            Ok(Made { copy, difference: Some(delta), since, how, remarks })
        }
        Brought::Whole(draft, volume, failed) => {
            let left_out = draft.left_out;
            let (zone, _) = draft.finish().map_err(|error| Unfit::Patch(error.into()))?;
            if left_out > 0 {
                let text = format!("{left_out} records that are not in the zone are left out");
                remarks.push(Remark { text, faults: Vec::new() });
            }
            let mut how = told(&format!("{} records", zone.record_count()), volume);
            if let Some(failed) = failed {
                how += &format!("; as a whole, since of the differences it is said: {failed}");
            }
            let copy = Copy::whole(zone)?;
            let since = before.and_then(|before| copy.since(before, limits));
            Ok(Made { copy, difference: None, since, how, remarks })
        }
        Brought::Current | Brought::Behind(_) => Err(Unfit::Nothing),
    }
}

fn told(what: &str, volume: Volume) -> String {
    format!("{what} in {} octets, {} ms", volume.octets, volume.took.as_millis())
}
