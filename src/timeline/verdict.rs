//! What a look at something came to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a look came to. Unknown is not a pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "why", rename_all = "lowercase")]
pub enum Verdict {
    /// It is as it should be.
    Pass,
    /// It is not, and why, and what to do about it.
    Fail(String),
    /// It could not be looked at, and why.
    Unknown(String),
}

impl Verdict {
    /// Whether it is a pass.
    pub fn is_pass(&self) -> bool {
        *self == Verdict::Pass
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Pass => f.write_str("pass"),
            Verdict::Fail(why) => write!(f, "fail: {why}"),
            Verdict::Unknown(why) => write!(f, "unknown: {why}"),
        }
    }
}
