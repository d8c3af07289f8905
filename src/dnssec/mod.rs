//! DNSSEC: what is needed to serve zones that come signed.

pub mod nsec3;
