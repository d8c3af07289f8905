//! Zone files (RFC 1035 § 5): any octets are a zone or are explained, and what a zone prints MUST read back as the
//! same zone.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/robustness/holds.rs"]
mod holds;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| holds::zone_file(octets));
