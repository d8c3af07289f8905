//! What a server says of zones: their serials, or with which RCODE they are refused.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::support::client;
use crate::support::message::{Message, rcode};
use crate::support::query::Query;
use crate::support::watari::Watari;

/// The longest that anything may take here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The serial of `zone` at `address`, or the RCODE that stands in its place.
pub(crate) fn serial(address: SocketAddr, zone: &str) -> Result<u32, u16> {
    let question = Query::new(zone, 6).bytes(4711);
    let answer = client::exchange(address, &question, Duration::from_millis(500)).ok_or(u16::MAX)?;
    said(&answer)
}

fn said(answer: &[u8]) -> Result<u32, u16> {
    let message = Message::parse(answer).map_err(|_| u16::MAX)?;
    let soa = message.answer.iter().find(|record| record.rtype == 6);
    match soa.filter(|_| message.rcode == rcode::NOERROR).and_then(|soa| soa.rdata.last_chunk::<20>()) {
        Some([a, b, c, d, ..]) => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        None => Err(message.rcode),
    }
}

/// The same of many zones, all asked at once.
pub(crate) fn serials(address: SocketAddr, zones: &[String]) -> Vec<Result<u32, u16>> {
    let questions: Vec<_> = (0..).zip(zones).map(|(id, zone)| Query::new(zone, 6).bytes(id)).collect();
    let answers = client::exchange_all(address, &questions);
    answers.into_iter().map(|answer| answer.map_or(Err(u16::MAX), |answer| said(&answer))).collect()
}

/// Waits until `server` says of `zone` what is `wanted`.
pub(crate) fn until(server: &mut Watari, what: &str, condition: impl Fn(&Watari) -> bool) {
    let begun = Instant::now();
    while !condition(server) {
        let is_alive = server.running.is_alive();
        assert!(is_alive && begun.elapsed() < PATIENCE, "waited for: {what}\n{}", server.log());
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Where `server` is.
pub(crate) fn address(server: &Watari) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], server.port.parse().unwrap()))
}
