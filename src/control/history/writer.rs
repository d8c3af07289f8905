//! What is remembered in the store: a thread of its own, which may take its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use super::passage::{Known, Passage};
use super::{Cause, Stand};
use crate::clock::Instant;
use crate::control::names::NameMap;
use crate::control::run::with_causes;
use crate::control::running::{Archive, Itinerary};
use crate::control::store::StoreError;
use crate::control::store::change::{Bounds, History, NewChange, Source};
use crate::timeline::Serial;
use crate::wire::Name;
use crate::zone::delta::Delta;
use crate::zone::sum::Sum;

/// The most passages that wait. What comes beyond is not told, and found by the next one of its zone.
const WAITING_MAX: usize = 200_000;
/// The most that is put into one transaction: the journal may wait for it.
const BATCH_MAX: usize = 256;
const BATCH_LEN_MAX: usize = 4 << 20;
/// How long the end of the server waits for what is not written yet.
const FINISH_MAX: Duration = Duration::from_secs(5);

/// A passage, and what is known of it.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) passage: Passage,
    pub(super) known: Known,
}

impl Noted {
    /// A passage of which no more is known.
    pub(super) fn of(passage: Passage) -> Noted {
        Noted { passage, known: Known::default() }
    }
}

#[derive(Debug)]
enum Word {
    Note(Box<Noted>),
    /// All that came before is written: say so.
    Finish(Sender<()>),
}

/// The way to the thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Sender<Word>,
    waiting: Arc<AtomicUsize>,
    is_full: bool,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(history: History, bounds: Bounds, archive: Arc<Archive>) -> Writer {
        let (queue, words) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut scribe = Scribe { history, bounds, archive, last: NameMap::default() };
        let left = waiting.clone();
        let thread = std::thread::Builder::new().name("history".to_owned());
        if let Err(error) = thread.spawn(move || scribe.write_all(&words, &left)) {
            tracing::error!("no history is kept: {error}");
        }
        Writer { queue, waiting, is_full: false }
    }

    /// Has `noted` written.
    pub(super) fn note(&mut self, noted: Noted) {
        if self.waiting.load(Ordering::Relaxed) >= WAITING_MAX {
            if !std::mem::replace(&mut self.is_full, true) {
                tracing::warn!("more changes than can be written at once: some will be missing from `watari zone log`");
            }
            return;
        }
        self.is_full = false;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        _ = self.queue.send(Word::Note(Box::new(noted)));
    }

    /// Waits until all is written.
    pub(super) fn finish(&mut self) {
        let (done, is_done) = mpsc::channel();
        if self.queue.send(Word::Finish(done)).is_ok() {
            _ = is_done.recv_timeout(FINISH_MAX);
        }
    }
}

/// A zone as it was noted last.
#[derive(Clone, Copy, Debug)]
struct Last {
    serial: Serial,
    used: Option<Serial>,
    sum: Sum,
}

/// A change that is to be written.
struct Row {
    apex: Name,
    at: Instant,
    cause: Cause,
    before: Serial,
    used: Option<Serial>,
    known: Known,
    last: Last,
}

/// Writes.
struct Scribe {
    history: History,
    bounds: Bounds,
    archive: Arc<Archive>,
    /// What the transaction under way notes.
    last: NameMap<Last>,
}

impl Scribe {
    fn write_all(&mut self, words: &Receiver<Word>, waiting: &AtomicUsize) {
        while let Ok(first) = words.recv() {
            let (mut rows, mut len, mut finish) = (Vec::new(), 0, None);
            let mut next = Some(first);
            while let Some(word) = next {
                match word {
                    Word::Note(noted) => {
                        waiting.fetch_sub(1, Ordering::Relaxed);
                        match self.rows(*noted) {
                            Ok(more) => rows.extend(more),
                            Err(error) => tracing::error!("{}", with_causes(&error)),
                        }
                        len =
                            rows.iter().map(|row: &Row| row.known.delta.as_ref().map_or(0, |delta| delta.len())).sum();
                    }
                    Word::Finish(done) => finish = Some(done),
                }
                let has_room = rows.len() < BATCH_MAX && len < BATCH_LEN_MAX && finish.is_none();
                next = if has_room { words.try_recv().ok() } else { None };
            }
            self.write(&rows);
            // Who waits for it may have gone.
            _ = finish.map(|done| done.send(()));
        }
    }

    fn write(&mut self, rows: &[Row]) {
        self.last.clear();
        if rows.is_empty() {
            return;
        }
        let changes: Vec<_> = rows.iter().map(Row::change).collect();
        match self.history.note(&changes, self.bounds) {
            Ok(()) => rows.iter().for_each(|row| self.archive.remembers(&row.apex)),
            Err(error) => tracing::error!("{}", with_causes(&error)),
        }
    }

    fn last(&self, apex: &Name) -> Result<Option<Last>, StoreError> {
        if let Some(last) = self.last.get(apex) {
            return Ok(Some(*last));
        }
        let last = self.history.last(apex)?;
        Ok(last.map(|change| Last { serial: change.after, used: change.used, sum: change.sum }))
    }

    /// What is to be written of a passage: also what came before it and was not noted.
    fn rows(&mut self, noted: Noted) -> Result<Vec<Row>, StoreError> {
        let Noted { passage, known } = noted;
        let (apex, itinerary) = (&passage.apex, passage.itinerary.as_deref());
        let last = self.last(apex)?;
        let mut course = Course { apex, last, rows: Vec::new() };
        match (&passage.before, last) {
            // Served for the first time, and as it was served last, perhaps some steps later; or not.
            (_, Some(last)) if passage.is_first() => match goes_on(&passage.after, last) {
                Some(_) => course.steps(&passage.after, last.serial, itinerary),
                None => course.gap(&passage.after, passage.at, passage.cause.clone()),
            },
            (None, _) => {}
            (Some(before), _) => {
                match last {
                    Some(last) if last.serial == before.serial() => {}
                    Some(last) if before.since(last.serial).is_some() => {
                        course.steps(before, last.serial, itinerary);
                    }
                    Some(_) => course.gap(before, passage.at, passage.cause.clone()),
                    None => {
                        course.last = Some(Last { serial: before.serial(), used: None, sum: Sum::of(before.view()) })
                    }
                }
                if passage.is_first() || passage.is_step() {
                    course.steps(&passage.after, before.serial(), itinerary);
                } else {
                    course.change(before, &passage, known);
                }
            }
        }
        let Course { rows, last, .. } = course;
        if let (Some(last), false) = (last, rows.is_empty()) {
            self.last.insert(apex.clone(), last);
        }
        Ok(rows)
    }
}

/// Whether the timeline of `after` has what was served last; and then what came since.
fn goes_on(after: &Stand, last: Last) -> Option<Stand> {
    let (begin, _) = after.since(last.serial)?;
    (Sum::of(begin.view()) == last.sum).then_some(begin)
}

/// Rows of one zone as they come.
struct Course<'a> {
    apex: &'a Name,
    last: Option<Last>,
    rows: Vec<Row>,
}

impl Course<'_> {
    /// The steps of the timeline of `until` since the edition with `serial`.
    fn steps(&mut self, until: &Stand, serial: Serial, itinerary: Option<&Itinerary>) {
        let Some((mut from, steps)) = until.since(serial) else { return };
        for edition in steps {
            let to = until.with(edition);
            let delta = Delta::between(from.view(), to.view());
            let by = match edition.step.zip(itinerary) {
                Some((step, itinerary)) => itinerary.step(step).into(),
                None => "its plan".into(),
            };
            let cause = Cause { source: Source::Plan, by };
            self.push(edition.from, cause, (&from, &to), Known::all(&delta), Some(&delta));
            from = to;
        }
    }

    /// To `to`, and nobody knows what went and came.
    fn gap(&mut self, to: &Stand, at: Instant, cause: Cause) {
        let Some(last) = self.last else { return };
        let sum = Sum::of(to.view());
        // Written with the same serial, and not edited at all but for comments: nothing happened.
        if sum == last.sum && to.serial() == last.serial {
            return;
        }
        self.add(at, cause, last, to.serial(), Known::default(), sum);
    }

    /// From `before` to what another timeline serves.
    fn change(&mut self, before: &Stand, passage: &Passage, known: Known) {
        let after = &passage.after;
        // What a loader has not compared is compared here.
        let (known, delta) = match (&known.counts, &known.delta) {
            (Some(_), Some(bytes)) => (known.clone(), Delta::from_bytes(bytes)),
            (Some(_), None) => (known, None),
            (None, _) => {
                let delta = Delta::between(before.view(), after.view());
                (Known::all(&delta), Some(delta))
            }
        };
        self.push(passage.at, passage.cause.clone(), (before, after), known, delta.as_ref());
    }

    fn push(
        &mut self,
        at: Instant,
        cause: Cause,
        (before, after): (&Stand, &Stand),
        known: Known,
        delta: Option<&Delta>,
    ) {
        if known.is_nothing() && before.serial() == after.serial() {
            return;
        }
        let last = self.last.filter(|last| last.serial == before.serial());
        let sum = match (last, delta) {
            (Some(last), Some(delta)) => last.sum.after(delta),
            _ => Sum::of(after.view()),
        };
        let last = last.unwrap_or(Last { serial: before.serial(), used: None, sum });
        self.add(at, cause, last, after.serial(), known, sum);
    }

    fn add(&mut self, at: Instant, cause: Cause, before: Last, after: Serial, known: Known, sum: Sum) {
        let rises = after.above(before.serial).is_some();
        let higher = |used: Serial| if before.serial.above(used).is_some() { before.serial } else { used };
        let used = if rises { before.used } else { Some(before.used.map_or(before.serial, higher)) };
        let last = Last { serial: after, used, sum };
        self.rows.push(Row { apex: self.apex.clone(), at, cause, before: before.serial, used, known, last });
        self.last = Some(last);
    }
}

impl Row {
    fn change(&self) -> NewChange<'_> {
        let Row { apex, at, cause, before, used, known, last } = self;
        NewChange {
            apex,
            at: *at,
            source: cause.source,
            by: &cause.by,
            before: *before,
            after: last.serial,
            used: *used,
            counts: known.counts,
            sum: last.sum,
            delta: known.delta.as_deref(),
        }
    }
}
