//! The one owner of state: files in, catalog out.

pub mod config;
pub mod desk;
pub mod discipline;
pub mod examine;
pub mod fingerprint;
pub mod followers;
pub mod gathering;
mod include;
mod keyring;
pub mod load;
mod memory;
pub mod names;
pub mod owner;
pub mod portfolio;
pub mod read;
pub mod registry;
mod report;
pub mod run;
pub mod running;
pub mod settings;
pub mod settle;
pub mod shared;
pub mod socket;
pub mod store;
pub mod tree;
pub mod watch;
pub mod write;
