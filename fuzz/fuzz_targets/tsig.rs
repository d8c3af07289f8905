//! TSIG: "if the TSIG RR cannot be interpreted, the server MUST regard the message as corrupt and return a FORMERR", and "if
//! the MAC fails to verify, the server MUST generate an error response" that "MUST be unsigned" (RFC 8945 § 5.2).

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/robustness/holds.rs"]
mod holds;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| holds::tsig(octets));
