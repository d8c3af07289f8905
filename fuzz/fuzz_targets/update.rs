//! Updates: made whole or not at all (RFC 2136 § 3.7), and what comes of one is a zone that can be served.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/robustness/holds.rs"]
mod holds;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| holds::update(octets));
