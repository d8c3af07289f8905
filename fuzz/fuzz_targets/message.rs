//! Names and RDATA: "name servers and resolvers MUST handle RRs of unknown type transparently" (RFC 3597 § 3).

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/robustness/holds.rs"]
mod holds;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| holds::message(octets));
