//! A zone as a function of time: serials, editions, plans, and the compiler that makes a schedule of a
//! plan.
//!
//! Nothing here reads a clock or a file: text comes in as text, an instant as an argument. (One thing is
//! taken from the machine: the rules of time zones, which jiff finds in the system's database or, where
//! there is none, in its own.)
//!
//! The way of a plan: text → [`plan::parse`] → [`compile::compile`] → [`Schedule`], which has the
//! [`Timeline`]. [`load`] goes the whole way; [`check`] also looks at the zone that comes out.

mod authority;
pub mod compile;
pub mod conduct;
mod countdown;
pub mod demand;
mod digest;
mod edition;
pub mod evidence;
pub mod guard;
pub mod plan;
pub mod run;
mod schedule;
pub mod serial;
pub mod show;
pub mod simulate;
mod verdict;
pub mod when;

pub use authority::{Authority, ClassHorizon, Horizon, ResolverClass};
pub use compile::{Loaded, check, load, settle};
pub use countdown::Countdown;
pub use digest::{Digest, MalformedDigest};
pub use edition::{Cap, Edition, PatchId, StepId, Timeline, Turn};
pub use plan::Plan;
pub use run::Run;
pub use schedule::{
    Bound, Contents, Course, Data, Drain, Held, MINIMUM_TTL, Price, Reason, RrsetChange, Schedule, Since, State, Step,
    StepKind, Term,
};
pub use serial::Serial;
pub use verdict::Verdict;
pub use when::When;
