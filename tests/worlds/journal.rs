//! The journal of a world: what was appended is there after every crash, what was not is not.

use std::sync::Arc;

use watari::clock::Instant;
use watari::control::names::NameMap;
use watari::control::running::Running;
use watari::control::store::Record;
use watari::timeline::conduct::{HEADWAY, PlanText};
use watari::timeline::run::{Entry, Event, Promised, Run};

use crate::files::apex;

/// What is on the disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    pub(crate) records: Vec<Record>,
    reached: Option<Instant>,
}

impl Journal {
    /// Appends `records`, as the real one would.
    ///
    /// # Errors
    /// What the real one would refuse.
    pub(crate) fn append(&mut self, records: Vec<Record>) -> Result<(), String> {
        for record in records {
            match (&record.entry.event, &record.plan) {
                (Event::Armed(armed), Some(plan)) if armed.plan == plan.digest() => {}
                (Event::Armed(_), _) | (_, Some(_)) => return Err("a run begins with its plan".to_owned()),
                _ if self.records.is_empty() => return Err("there is no run".to_owned()),
                _ => {}
            }
            self.records.push(record);
        }
        Ok(())
    }

    pub(crate) fn reach(&mut self, at: Instant) {
        self.reached = self.reached.max(Some(at));
    }

    /// The run after the first `count` records.
    pub(crate) fn run_after(&self, count: usize) -> Option<Run> {
        let entries: Vec<&Entry> = self.records[..count].iter().map(|record| &record.entry).collect();
        Run::fold(entries)
    }

    pub(crate) fn run(&self) -> Option<Run> {
        self.run_after(self.records.len())
    }

    pub(crate) fn plan_text(&self) -> Option<PlanText> {
        self.records.iter().rev().find_map(|record| record.plan.clone())
    }

    fn promised(&self) -> Vec<Promised> {
        self.records.last().map(|record| record.promised.clone()).unwrap_or_default()
    }

    /// What a server that is started knows.
    pub(crate) fn running(&self) -> NameMap<Arc<Running>> {
        self.run().map(|run| (apex(), Arc::new(Running::known(run, self.promised().into())))).into_iter().collect()
    }

    /// The clock must not go behind this.
    pub(crate) fn last_at(&self) -> Instant {
        let decided = self.records.iter().map(|record| record.entry.at.before(HEADWAY)).max();
        decided.max(self.reached).unwrap_or(Instant::from_unix_seconds(0))
    }
}
