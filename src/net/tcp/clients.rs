//! Who is connected: bounds on the connections in all and for each client, and who has to go when there are too many.
//!
//! 1. At the bound in all, a newcomer is let in and the connection that has had no answer for the longest time is
//!    closed (RFC 7766 § 6.2.3 lets a server do so at any time). To refuse newcomers instead would let whoever fills
//!    all places keep everybody else out until timeouts free them; this way a slow or silent connection is gone in the time that it takes
//!    to open as many others, and a client which asks at once is answered.
//! 2. At the bound for one client, its newcomer is refused: it holds the places itself, and must not push out others.
//!    A client is an IPv4 address or an IPv6 /56, the least that one customer of a network has.
//! 3. From half of the bound on, the idle timeout shrinks in proportion, to a tenth of it when all places are taken.
//!
//! 4. Transfers of zones are counted apart, in all and for each client. Beyond, there is none for now: each may take long and
//!    holds the zone that it sends, be that replaced meanwhile. One that is sent at one go does neither, and isn't counted.
//!
//! The lock is taken when a connection or a transfer begins and when it ends, not for messages.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Limits;

/// The least that the idle timeout shrinks to, as a divisor.
const IDLE_SHRINKS_TO: u32 = 10;

/// Why a connection has to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// Another needs its place.
    PlaceNeeded,
    /// The server stops.
    Stopping,
}

/// All connections of a server.
#[derive(Debug)]
pub(super) struct Clients {
    limits: Limits,
    start: Instant,
    open: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next_id: u64,
    connections: HashMap<u64, Connection>,
    /// The connections by when they were last known to be active: sorted late, only when a place is needed.
    order: BTreeSet<(u64, u64)>,
    counts: HashMap<Network, usize>,
    transfers: usize,
    transfer_counts: HashMap<Network, usize>,
}

#[derive(Debug)]
struct Connection {
    network: Network,
    /// The key in `order`, with the id.
    ordered_at: u64,
    active_at: Arc<AtomicU64>,
    notice: oneshot::Sender<Notice>,
}

/// What counts as one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    V4(Ipv4Addr),
    V6Slash56([u8; 7]),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Network::V4(v4),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, ..] = v6.octets();
                Network::V6Slash56([a, b, c, d, e, f, g])
            }
        }
    }
}

/// The place of one open connection, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    clients: Arc<Clients>,
    network: Network,
    id: u64,
    active_at: Arc<AtomicU64>,
    /// Tells that the connection has to close.
    pub(super) notice: oneshot::Receiver<Notice>,
}

impl Clients {
    pub(super) fn new(limits: Limits) -> Self {
        Clients { limits, start: Instant::now(), open: AtomicUsize::new(0), state: Mutex::default() }
    }

    /// A place for a connection from `address`, which may cost another its own (rule 1); `None` to refuse (rule 2).
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let network = Network::from(address);
        let now = self.now();
        let mut state = self.lock();
        let count = state.counts.get(&network).copied().unwrap_or(0);
        if count >= self.limits.connections_per_client_max || self.limits.connections_max == 0 {
            return None;
        }
        while state.connections.len() >= self.limits.connections_max {
            state.close_idlest();
        }
        let id = state.next_id;
        state.next_id += 1;
        let active_at = Arc::new(AtomicU64::new(now));
        let (notify, notice) = oneshot::channel();
        let connection = Connection { network, ordered_at: now, active_at: Arc::clone(&active_at), notice: notify };
        state.connections.insert(id, connection);
        state.order.insert((now, id));
        *state.counts.entry(network).or_default() += 1;
        self.open.store(state.connections.len(), Ordering::Relaxed);
        drop(state);
        Some(Place { clients: Arc::clone(self), network, id, active_at, notice })
    }

    /// Closes the idlest connection, so that what it holds can be had by another.
    pub(super) fn close_idlest(&self) {
        self.lock().close_idlest();
    }

    /// Tells all connections that the server stops.
    pub(super) fn close_all(&self) {
        let mut state = self.lock();
        let ids: Vec<_> = state.connections.keys().copied().collect();
        for id in ids {
            state.close(id, Notice::Stopping);
        }
    }

    /// How long a connection may be idle, as things are now (rule 3).
    pub(super) fn idle_timeout(&self) -> Duration {
        idle_timeout(&self.limits, self.open.load(Ordering::Relaxed))
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Milliseconds since the server's start.
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn close_idlest(&mut self) {
        while let Some((ordered_at, id)) = self.order.pop_first() {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            let active_at = connection.active_at.load(Ordering::Relaxed);
            if active_at <= ordered_at {
                self.close(id, Notice::PlaceNeeded);
                return;
            }
            connection.ordered_at = active_at;
            self.order.insert((active_at, id));
        }
    }

    fn close(&mut self, id: u64, notice: Notice) {
        if let Some(connection) = self.forget(id) {
            // If nobody listens, it is closing by itself.
            let _ = connection.notice.send(notice);
        }
    }

    fn forget(&mut self, id: u64) -> Option<Connection> {
        let connection = self.connections.remove(&id)?;
        self.order.remove(&(connection.ordered_at, id));
        if let Some(count) = self.counts.get_mut(&connection.network) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&connection.network);
            }
        }
        Some(connection)
    }
}

fn idle_timeout(limits: &Limits, open: usize) -> Duration {
    let all = limits.connections_max.max(1) as f64;
    // One up to half of the places, zero when none is free.
    let free = ((all - open as f64) / all * 2.0).clamp(0.0, 1.0);
    let least = limits.idle_timeout / IDLE_SHRINKS_TO;
    least + (limits.idle_timeout - least).mul_f64(free)
}

impl Place {
    /// The connection was of use just now.
    pub(super) fn is_active(&self) {
        self.active_at.store(self.clients.now(), Ordering::Relaxed);
    }

    pub(super) fn clients(&self) -> &Clients {
        &self.clients
    }

    /// A place for a transfer over this connection; `None` if there are enough (rule 4).
    pub(super) fn begin_transfer(&self) -> Option<TransferPlace> {
        let limits = &self.clients.limits;
        let mut state = self.clients.lock();
        let count = state.transfer_counts.get(&self.network).copied().unwrap_or(0);
        if state.transfers >= limits.transfers_max || count >= limits.transfers_per_client_max {
            return None;
        }
        state.transfers += 1;
        *state.transfer_counts.entry(self.network).or_default() += 1;
        drop(state);
        Some(TransferPlace { clients: Arc::clone(&self.clients), network: self.network })
    }
}

/// The place of one transfer, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct TransferPlace {
    clients: Arc<Clients>,
    network: Network,
}

impl Drop for TransferPlace {
    fn drop(&mut self) {
        let mut state = self.clients.lock();
        state.transfers -= 1;
        if let Some(count) = state.transfer_counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                state.transfer_counts.remove(&self.network);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.clients.lock();
        state.forget(self.id);
        self.clients.open.store(state.connections.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(all: usize, each: usize) -> Arc<Clients> {
        let limits = Limits { connections_max: all, connections_per_client_max: each, ..Limits::default() };
        Arc::new(Clients::new(limits))
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_newcomer_takes_the_place_of_the_idlest() {
        let clients = clients(3, 3);
        let mut places: Vec<_> = (0..3).map(|n| clients.admit(address(n)).unwrap()).collect();
        places[0].active_at.store(u64::MAX - 1, Ordering::Relaxed);
        let _newcomer = clients.admit(address(9)).unwrap();
        assert!(places[0].notice.try_recv().is_err());
        assert_eq!(places[1].notice.try_recv(), Ok(Notice::PlaceNeeded));
        assert!(places[2].notice.try_recv().is_err());
    }

    #[test]
    fn one_client_is_refused_at_its_bound_and_others_are_not() {
        let clients = clients(10, 2);
        let first = clients.admit(address(1)).unwrap();
        let _second = clients.admit(address(1)).unwrap();
        assert!(clients.admit(address(1)).is_none());
        assert!(clients.admit(address(2)).is_some());
        drop(first);
        assert!(clients.admit(address(1)).is_some());
    }

    #[test]
    fn an_ipv6_client_is_its_slash_56() {
        let clients = clients(10, 1);
        let admit = |text: &str| clients.admit(text.parse().unwrap());
        let _one = admit("2001:db8:0:1100::1").unwrap();
        assert!(admit("2001:db8:0:11ff::2").is_none());
        assert!(admit("2001:db8:0:1200::1").is_some());
    }

    #[test]
    fn nothing_is_left_of_connections_that_closed() {
        let clients = clients(4, 4);
        let places: Vec<_> = (0..20).filter_map(|n| clients.admit(address(n))).collect();
        assert_eq!(clients.lock().connections.len(), 4);
        drop(places);
        let state = clients.lock();
        assert!(state.connections.is_empty() && state.order.is_empty() && state.counts.is_empty());
        assert_eq!(clients.open.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn idle_timeout_shrinks_from_half_of_the_places_on() {
        let limits = Limits { connections_max: 100, idle_timeout: Duration::from_secs(10), ..Limits::default() };
        let seconds = |open| idle_timeout(&limits, open).as_secs_f64();
        assert_eq!(seconds(0), 10.0);
        assert_eq!(seconds(50), 10.0);
        assert_eq!(seconds(75), 5.5);
        assert_eq!(seconds(100), 1.0);
        assert_eq!(seconds(101), 1.0);
    }
}
