//! A zone as a function of time: serials, editions, plans, and the compiler that makes a schedule of a
//! plan.
//!
//! Nothing here reads a clock or a file: text comes in as text, an instant as an argument.

mod edition;
pub mod serial;

pub use edition::{Edition, StepId, Timeline};
pub use serial::Serial;
