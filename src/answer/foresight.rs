//! Looking ahead over a batch of requests, so that their answers don't wait for memory one by one.
//!
//! It changes nothing and decides nothing: whatever it guesses wrongly is found by the answer itself.

use std::hint::black_box;

use super::catalog::Catalog;
use crate::wire::HEADER_LEN;
use crate::zone::{Suffixes, Trail};

/// How many requests are looked ahead over at once: more than a processor fetches lines at a time,
/// fewer than would push each other's out of its first cache.
pub const REQUESTS_MAX: usize = 32;

/// Zones of this many octets are in a processor's own cache, more or less; looking ahead would only
/// cost.
const CACHED: usize = 1 << 20;

/// Reads what the answers to the first [`REQUESTS_MAX`] of `requests` will read first.
#[inline]
pub(super) fn foresee<'r>(name: &mut Suffixes, catalog: &Catalog, requests: impl Iterator<Item = &'r [u8]>) {
    if catalog.size() >= CACHED {
        walk(name, catalog, requests);
    }
}

fn walk<'r>(name: &mut Suffixes, catalog: &Catalog, requests: impl Iterator<Item = &'r [u8]>) {
    // Each pass takes one step for all: the loads of a pass don't depend on each other.
    let mut places = [None; REQUESTS_MAX];
    for (place, request) in places.iter_mut().zip(requests) {
        if name.set(request.get(HEADER_LEN..).unwrap_or_default()).is_ok()
            && let Some(first) = catalog.first_place(name)
        {
            black_box(first.is_taken());
            *place = Some((first, name.hash(0)));
        }
    }
    if places[1].is_none() {
        // One answer waits for nobody else.
        return;
    }
    let mut trails = [None; REQUESTS_MAX];
    for (trail, (place, hash)) in trails.iter_mut().zip(places.into_iter().flatten()) {
        if let Some(zone) = place.zone() {
            let found = Trail::new(zone, hash);
            black_box(found.read_header());
            *trail = Some(found);
        }
    }
    for trail in trails.iter_mut().flatten() {
        black_box(trail.read_node());
    }
    for trail in trails.iter().flatten() {
        black_box(trail.read_chunk());
    }
}
