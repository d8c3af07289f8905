//! `watari plan`.
use super::{Exit, PlanShow};
pub(super) fn show(_: &PlanShow) -> Exit {
    Exit::Failed
}
