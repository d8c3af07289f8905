//! Requests: "if an OPT record is present in a received request, compliant responders MUST include an OPT record in their
//! respective responses" (RFC 6891 § 6.1.1), and no answer is larger than the requestor takes (§ 6.2.3).

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/robustness/holds.rs"]
mod holds;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| holds::answer(octets));
