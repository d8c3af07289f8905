//! The network: sockets, datagrams in batches, connections.

pub mod published;

pub use published::Published;
