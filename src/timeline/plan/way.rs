//! The ways in which a plan goes about it: who arms it, how TTLs go down, how they go up again.

use serde::Serialize;

/// How a plan comes to be obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arming {
    /// By `watari arm`: one explicit act, after which the plan is what it was then.
    ByHand,
    /// As soon as it is loaded, and for as long as its file is there: for people who keep plans in git.
    OnLoad,
}

/// How TTLs go down towards the instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lowering {
    /// In halving steps, each an edition.
    Ladder,
    /// With each second, in the answer itself.
    Countdown,
    /// In one step.
    Once,
}

/// How TTLs go up after the instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Raising {
    /// In doubling steps, each an edition.
    Ladder,
    /// In one step.
    Once,
}

impl Arming {
    /// As it is written.
    pub const WRITTEN: &[(&str, Arming)] = &[("by-hand", Arming::ByHand), ("on-load", Arming::OnLoad)];
}

impl Lowering {
    /// As it is written.
    pub const WRITTEN: &[(&str, Lowering)] =
        &[("ladder", Lowering::Ladder), ("countdown", Lowering::Countdown), ("once", Lowering::Once)];
}

impl Raising {
    /// As it is written.
    pub const WRITTEN: &[(&str, Raising)] = &[("ladder", Raising::Ladder), ("once", Raising::Once)];
}
