//! The bytes of DNS: names, codes, a bounds-checked reader, the fields of RDATA, EDNS, TSIG.
//!
//! Nothing here knows what a zone is. RFC 1035, 3597, 6891, 8945.

pub mod code;
pub mod edns;
pub mod name;
pub mod rdata;
pub mod reader;
pub mod tsig;

pub use code::{Class, Opcode, Rcode, Rtype};
pub use name::{Name, NameError, NameRef};
pub use reader::{Reader, ShortInput};

/// The length of a message header (RFC 1035 § 4.1.1), in octets.
pub const HEADER_LEN: usize = 12;
