//! EDNS(0): the OPT pseudo-record and the options we know (RFC 6891).

use super::Reader;

/// The UDP payload size that we announce and the most that we send over UDP, in octets: the size
/// that DNS Flag Day 2020 found to travel unfragmented.
pub const UDP_PAYLOAD_OURS: u16 = 1232;
/// The length of an OPT record without options, in octets.
pub const OPT_LEN: usize = 11;

/// Codes of EDNS options (IANA "DNS EDNS0 Option Codes").
#[allow(missing_docs)]
pub mod option {
    pub const NSID: u16 = 3;
    pub const COOKIE: u16 = 10;
    pub const TCP_KEEPALIVE: u16 = 11;
    pub const EXTENDED_ERROR: u16 = 15;
}

/// What a request's OPT record says, as far as it matters to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edns {
    /// The payload size that the requestor can take, as it stands on the wire.
    pub udp_payload: u16,
    /// The version asked for; we speak 0.
    pub version: u8,
    /// Whether DNSSEC records are wanted (RFC 3225).
    pub dnssec_ok: bool,
    /// Whether the server's identity is asked for (RFC 5001).
    pub nsid: bool,
    /// Whether a TCP keepalive option was sent (RFC 7828).
    pub tcp_keepalive: bool,
}

impl Edns {
    /// Reads the fields of an OPT record: its class, its TTL and its data.
    /// `None` if the options do not fill the data exactly.
    pub fn parse(class: u16, ttl: u32, rdata: &[u8]) -> Option<Edns> {
        let [_, version, flags, _] = ttl.to_be_bytes();
        let mut edns =
            Edns { udp_payload: class, version, dnssec_ok: flags & 0x80 != 0, nsid: false, tcp_keepalive: false };
        let mut options = Reader::new(rdata);
        while !options.is_empty() {
            let code = options.u16().ok()?;
            let length = options.u16().ok()?;
            options.take(usize::from(length)).ok()?;
            match code {
                option::NSID => edns.nsid = true,
                option::TCP_KEEPALIVE => edns.tcp_keepalive = true,
                _ => {}
            }
        }
        Some(edns)
    }
}

/// An extended error (RFC 8914 § 4): its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedError(pub u16);

#[allow(missing_docs)]
impl ExtendedError {
    pub const NOT_READY: ExtendedError = ExtendedError(14);
    pub const PROHIBITED: ExtendedError = ExtendedError(18);
    pub const NOT_AUTHORITATIVE: ExtendedError = ExtendedError(20);
    pub const NOT_SUPPORTED: ExtendedError = ExtendedError(21);
    pub const INVALID_DATA: ExtendedError = ExtendedError(24);
}
