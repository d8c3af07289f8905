//! What a server says of zones: their serials, or with which RCODE they are refused.

use std::net::SocketAddr;

use crate::support::client;
use crate::support::message::{Message, rcode};
use crate::support::query::Query;
use crate::support::watari::Watari;

/// The serial of `zone` at `address`, or the RCODE that stands in its place.
pub(crate) fn serial(address: SocketAddr, zone: &str) -> Result<u32, u16> {
    let question = Query::new(zone, 6).bytes(4711);
    said(&client::ask(address, &question).ok_or(u16::MAX)?)
}

fn said(message: &Message) -> Result<u32, u16> {
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
    answers
        .into_iter()
        .map(|answer| {
            answer.and_then(|octets| Message::parse(&octets).ok()).map_or(Err(u16::MAX), |message| said(&message))
        })
        .collect()
}

/// Where `server` is.
pub(crate) fn address(server: &Watari) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], server.port.parse().unwrap()))
}
