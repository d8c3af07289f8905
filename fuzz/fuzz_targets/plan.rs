//! Plans: any octets are a schedule whose serials MUST rise (RFC 1982 § 3.2), or are explained.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/robustness/holds.rs"]
mod holds;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| holds::plan(octets));
