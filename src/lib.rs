//! Watari: the authoritative DNS server for domains on the move.
//!
//! The layers, each of which names only itself and those before it:
//!
//! ```text
//! clock, diag  <  wire  <  zone  <  dnssec  <  timeline  <  answer   |  <  net  <  control  <  cli
//! └─────────── pure: no tokio, no sockets, no files, no now() ────┘  └──── the rim ────┘
//! ```

pub mod answer;
pub mod cli;
pub mod clock;
pub mod control;
pub mod diag;
pub mod dnssec;
pub mod net;
pub mod timeline;
pub mod wire;
pub mod zone;
