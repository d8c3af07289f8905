//! Transfers that come in, message by message (RFC 5936 § 2.2, RFC 1995 § 4).

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/robustness/holds.rs"]
mod holds;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| holds::transfer(octets));
