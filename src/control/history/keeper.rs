//! What is remembered in memory, on the owner's thread: a chain for each zone that has changed, in the catalog.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::passage::{Before, Passage};
use super::writer::{Noted, Writer};
use super::{Limits, Stand};
use crate::answer::{Catalog, Chain};
use crate::control::names::NameMap;
use crate::control::running::Archive;
use crate::control::store::Store;
use crate::control::store::StoreError;
use crate::timeline::Serial;
use crate::wire::Name;
use crate::zone::delta::Delta;

/// Keeps chains, and has them written down.
#[derive(Debug)]
pub struct Keeper {
    limits: Limits,
    writer: Writer,
    archive: Arc<Archive>,
    /// What is to be in the catalog with what is published next; `None` for nothing.
    pending: NameMap<Option<Arc<Chain>>>,
    /// The octets of each chain, and when it was changed last, in passages.
    chains: NameMap<(usize, u64)>,
    by_age: BTreeMap<u64, Name>,
    len: usize,
    passages: u64,
}

impl Keeper {
    /// Keeps what `limits` allow, and writes it beside what is in `store`; who reads it finds in the `archive` which zones
    /// have a history.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn new(limits: Limits, store: &Store, archive: &Arc<Archive>) -> Result<Keeper, StoreError> {
        let writer = Writer::start(store.history()?, limits.stored, archive.clone());
        let (pending, chains) = (NameMap::default(), NameMap::default());
        let archive = archive.clone();
        Ok(Keeper { limits, writer, archive, pending, chains, by_age: BTreeMap::new(), len: 0, passages: 0 })
    }

    /// Takes note of a passage that is published next, over `catalog`.
    pub fn pass(&mut self, passage: Passage, catalog: &Catalog) {
        if passage.is_step() {
            return self.writer.note(Noted::of(passage));
        }
        if let Before::First(chain) = &passage.known {
            let serial = passage.after.serial();
            // What was served with such serials before is not what came now, or nobody has looked whether it is.
            let unsure = || Arc::new(Chain::beginning(serial, Some(serial)));
            let remembered = || self.archive.has_history(&passage.apex).then(unsure);
            if let Some(chain) = chain.clone().or_else(remembered) {
                self.keep(&passage.apex, chain);
            }
            return self.writer.note(Noted::of(passage));
        }
        let Some(before) = passage.before.clone() else {
            return self.writer.note(Noted::of(passage));
        };
        let known = passage.delta();
        let (from, to) = (before.serial(), passage.after.serial());
        let is_nothing = from == to && known.is_nothing();
        let remembered = match self.pending.get(&passage.apex) {
            Some(pending) => pending.as_ref(),
            None => catalog.chain_of(passage.apex.as_ref()),
        };
        let len_max = self.limits.memory_per_zone();
        let mut chain = up_to(&before, remembered, len_max);
        if is_nothing {
            // What goes on is another timeline, which has no editions of the one before.
            if chain.is_empty() && chain.used().is_none() {
                return;
            }
        } else {
            chain.push(to, known.delta.clone(), len_max);
        }
        self.keep(&passage.apex, Arc::new(chain));
        if !is_nothing {
            self.writer.note(Noted { known, ..Noted::of(passage) });
        }
    }

    /// A zone is no longer served.
    pub fn forget(&mut self, apex: &Name) {
        self.drop_from_memory(apex);
        self.pending.insert(apex.clone(), None);
    }

    /// `catalog` with what belongs into it.
    pub fn published(&mut self, catalog: Catalog) -> Catalog {
        if self.pending.is_empty() { catalog } else { catalog.with_chains(self.pending.drain()) }
    }

    /// Waits, but not for long, until all is written.
    pub fn finish(&mut self) {
        self.writer.finish();
    }

    fn keep(&mut self, apex: &Name, chain: Arc<Chain>) {
        self.drop_from_memory(apex);
        self.passages += 1;
        self.len += chain.len();
        self.chains.insert(apex.clone(), (chain.len(), self.passages));
        self.by_age.insert(self.passages, apex.clone());
        self.pending.insert(apex.clone(), Some(chain));
        // The zones that have not changed for longest give their memory up first.
        while self.len as u64 > self.limits.memory
            && let Some((_, oldest)) = self.by_age.first_key_value()
        {
            let oldest = oldest.clone();
            self.forget(&oldest);
        }
    }

    fn drop_from_memory(&mut self, apex: &Name) {
        if let Some((len, age)) = self.chains.remove(apex) {
            self.len -= len;
            self.by_age.remove(&age);
        }
    }
}

/// What is remembered of changes up to `before`, the steps of its timeline among them.
fn up_to(before: &Stand, remembered: Option<&Arc<Chain>>, len_max: usize) -> Chain {
    let mut chain = match remembered {
        Some(chain) => Chain::clone(chain),
        None => Chain::beginning(Serial(before.timeline.first().serial), None),
    };
    if chain.end() == before.serial() {
        return chain;
    }
    match before.since(chain.end()) {
        Some((mut from, steps)) => {
            for edition in steps {
                let to = before.with(edition);
                let delta = Delta::between(from.view(), to.view());
                chain.push(to.serial(), Some(delta.to_bytes().into()), len_max);
                from = to;
            }
        }
        None => chain.push(before.serial(), None, len_max),
    }
    chain
}
