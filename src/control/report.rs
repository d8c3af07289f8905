//! What the owner tells a person, and how much of it.
//!
//! One zone that changes is worth a line, a hundred thousand are not: what happens until the owner
//! rests again is one wave, and of a wave the first [`SHOWN_MAX`] of a kind are shown, the others
//! counted.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::herald::Notice;
use super::names;
use super::owner::BY_GATES;
use super::running::Itinerary;
use super::secondary::Remark;
use super::store::promotion::Promotion;
use crate::clock::Instant;
use crate::diag::{Diagnostic, Severity};
use crate::timeline::guard::Sentry;
use crate::timeline::run::{Entry, Event};
use crate::timeline::show::rfc3339;
use crate::timeline::{Serial, StepKind, Verdict, show};
use crate::wire::Name;

/// How many reports of one kind are shown of one wave.
const SHOWN_MAX: usize = 20;
/// How much of what becomes of plans is told at once.
const NOTICES_MAX: usize = 1024;

/// How much a report matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is not as it was asked for.
    Error,
    /// Something is probably not as it was meant.
    Warn,
    /// Something has changed.
    Info,
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How much it matters.
    pub level: Level,
    /// What to say, in one line.
    pub text: String,
    /// What to show besides.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub(super) fn new(level: Level, text: String) -> Report {
        Report { level, text, diagnostics: Vec::new() }
    }

    pub(super) fn of_fault(fault: Diagnostic) -> Report {
        let level = match fault.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warn,
            Severity::Note => Level::Info,
        };
        let mut text = fault.message.clone();
        if let Some(help) = &fault.help {
            text.push_str("; ");
            text.push_str(help);
        }
        // With a place there is a line to show; without one, the sentence says it all.
        let diagnostics = if fault.labels.is_empty() { Vec::new() } else { vec![fault] };
        Report { level, text, diagnostics }
    }

    pub(super) fn unwatched(why: &str) -> Report {
        let text = format!("not every folder can be watched, so changes are looked for from time to time: {why}");
        Report::new(Level::Warn, text)
    }

    pub(super) fn not_journalled(apex: &Name, why: &str) -> Report {
        let zone = names::shown(apex.as_ref());
        let text = format!("{zone}: nothing is changed, since it can't be put into the journal: {why}");
        Report::new(Level::Error, text)
    }

    pub(super) fn followed(apex: &Name, serial: Serial) -> Report {
        let zone = names::shown(apex.as_ref());
        Report::new(Level::Info, format!("{zone}: all its secondaries serve serial {serial}"))
    }

    pub(super) fn not_followed(apex: &Name, why: &str) -> Report {
        let zone = names::shown(apex.as_ref());
        let text = format!("{zone}: its plan is held, and waits for `watari resume {zone}`: {why}");
        Report::new(Level::Error, text)
    }

    pub(super) fn expired(apex: &Name, serial: Serial) -> Report {
        let zone = names::shown(apex.as_ref());
        let text = format!(
            "{zone}: it has expired with serial {serial}, since no primary was heard of for too long, and is answered with \
             SERVFAIL until one is"
        );
        Report::new(Level::Error, text)
    }

    pub(super) fn not_fetched(apex: &Name, why: &str, served: Option<Serial>) -> Report {
        let zone = names::shown(apex.as_ref());
        let text = match served {
            Some(serial) => format!("{zone}: it can't be fetched, and serial {serial} stays in service: {why}"),
            None => format!("{zone}: it can't be fetched, and is answered with SERVFAIL: {why}"),
        };
        Report::new(Level::Warn, text)
    }

    pub(super) fn heard_of_again(apex: &Name, from: SocketAddr) -> Report {
        Report::new(Level::Info, format!("{}: {from} was heard of again", names::shown(apex.as_ref())))
    }

    pub(super) fn changed_in_a_hand_over(apex: &Name, until: Instant) -> Report {
        let zone = names::shown(apex.as_ref());
        let until = shown_instant(until.rounded_up());
        let text = format!(
            "{zone}: its data has changed while its name servers change: until {until} resolvers may ask the old ones, which must \
             have the same; `watari zone freeze {zone}` holds updates for so long"
        );
        Report::new(Level::Warn, text)
    }

    pub(super) fn promoted(promotion: &Promotion) -> Report {
        let Promotion { apex, serial, by, source, .. } = promotion;
        let zone = names::shown(apex.as_ref());
        let text = format!(
            "{zone}: it is ours from now on, with serial {serial}, and no longer fetched from {source}; by {by}"
        );
        Report::new(Level::Info, text)
    }

    pub(super) fn mended(apex: &Name, serial: Serial) -> Report {
        Report::new(Level::Info, format!("{}: its file is as before, serial {serial}", names::shown(apex.as_ref())))
    }
}

/// An instant as people read it, in UTC.
pub(super) fn shown_instant(at: Instant) -> String {
    match jiff::Timestamp::from_second(at.unix_seconds()) {
        Ok(timestamp) => timestamp.to_string(),
        Err(_) => "an instant beyond the calendar".to_owned(),
    }
}

/// Gathers reports and keeps a wave of them readable.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    reports: Vec<Report>,
    /// Of the present wave: zones that changed, zones with faults, zones that went, zones whose plan took a step, and
    /// what was decided about plans.
    changed: usize,
    faulty: usize,
    gone: usize,
    stepped: usize,
    decided: usize,
    /// What becomes of plans, if anybody wants to be told.
    notices: Option<Vec<Notice>>,
    /// What stood in the way of files when the folder was last read.
    standing: HashSet<String>,
}

impl Reporter {
    /// Takes what there is to tell.
    pub(super) fn take(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// Whether from now on somebody wants to be told what becomes of plans.
    pub(super) fn notify(&mut self, wanted: bool) {
        self.notices = wanted.then(|| self.notices.take().unwrap_or_default());
    }

    /// Takes what becomes of plans.
    pub(super) fn notices(&mut self) -> Vec<Notice> {
        self.notices.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn notice(&mut self, apex: &Name, event: &'static str, at: Instant, by: &str, text: &str) {
        if let Some(notices) = self.notices.as_mut().filter(|notices| notices.len() < NOTICES_MAX) {
            let (zone, by, text) = (names::shown(apex.as_ref()), by.to_owned(), text.to_owned());
            notices.push(Notice { zone, event, at: rfc3339(at), by, text });
        }
    }

    pub(super) fn say(&mut self, report: Report) {
        self.reports.push(report);
    }

    /// Says what stands in the way of files, except what was said when the folder was read before.
    pub(super) fn standing(&mut self, faults: Vec<Diagnostic>, is_all: bool) {
        let mut now: HashSet<String> = HashSet::new();
        for fault in faults {
            now.insert(fault.message.clone());
            if !self.standing.contains(&fault.message) {
                self.say(Report::of_fault(fault));
            }
        }
        if is_all {
            self.standing = now;
        } else {
            self.standing.extend(now);
        }
    }

    /// A zone is served anew.
    pub(super) fn served(&mut self, apex: &Name, change: &ServedAnew, faults: Vec<Diagnostic>) {
        let zone = || names::shown(apex.as_ref());
        if !faults.is_empty() {
            self.faulty += 1;
            if self.faulty <= SHOWN_MAX {
                let (level, text) = if faults.iter().any(Diagnostic::is_error) {
                    (Level::Error, format!("{}: it is served without its plan, which has faults", zone()))
                } else {
                    (Level::Warn, format!("{}: it is served, and there is something to look at", zone()))
                };
                self.say(Report { level, text, diagnostics: faults });
            }
        }
        let (before, after) = (change.before, change.after);
        let Some(before) = before else {
            if !change.is_first_look {
                self.changed += 1;
                if self.changed <= SHOWN_MAX {
                    self.say(Report::new(Level::Info, format!("{}: served, serial {after}", zone())));
                }
            }
            return;
        };
        self.changed += 1;
        if self.changed > SHOWN_MAX {
            return;
        }
        if after > before || (after == before && !change.zone_changed) {
            let text = format!("{}: served, serial {after}, was {before}", zone());
            self.say(Report::new(Level::Info, text));
        } else {
            let next = before.successor();
            let text = format!(
                "{}: served, but its serial {after} is not above {before}: secondaries won't notice; write {next} or higher",
                zone()
            );
            self.say(Report::new(Level::Warn, text));
        }
    }

    /// A zone has come that is fetched.
    pub(super) fn came(&mut self, apex: &Name, serial: u32, from: SocketAddr, how: &str, before: Option<Serial>) {
        self.changed += 1;
        if self.changed <= SHOWN_MAX {
            let was = before.map_or_else(String::new, |before| format!(", was {before}"));
            let text = format!("{}: served, serial {serial}{was}; from {from}, {how}", names::shown(apex.as_ref()));
            self.say(Report::new(Level::Info, text));
        }
    }

    /// There is something to say of a zone that was asked for.
    pub(super) fn remarked(&mut self, apex: &Name, remark: Remark) {
        let text = format!("{}: {}", names::shown(apex.as_ref()), remark.text);
        let level = if remark.faults.is_empty() { Level::Warn } else { Level::Error };
        self.say(Report { level, text, diagnostics: remark.faults });
    }

    /// Something happened to the run of a zone.
    pub(super) fn happened(&mut self, apex: &Name, entry: &Entry, itinerary: Option<&Itinerary>) {
        self.decided += 1;
        if self.decided > SHOWN_MAX && self.notices.is_none() {
            return;
        }
        let zone = names::shown(apex.as_ref());
        let by = &entry.by;
        let what = match &entry.event {
            Event::Armed(_) => match itinerary {
                Some(plan) => format!("armed by {by}: {} flips at {}", plan.what(), shown_instant(plan.at)),
                None => format!("armed by {by}"),
            },
            Event::Held { why } if why.is_empty() => format!("held by {by}"),
            Event::Held { why } => format!("held by {by}: {why}"),
            Event::Resumed { .. } => match itinerary {
                Some(plan) => format!("resumed by {by}; the instant of its flip is {}", shown_instant(plan.at)),
                None => format!("resumed by {by}"),
            },
            Event::Verdict { verdict: Verdict::Pass, .. } => format!("{by} passes"),
            Event::Verdict { verdict: Verdict::Fail(why), .. } => format!("{by} fails: {why}"),
            Event::Verdict { verdict: Verdict::Unknown(why), .. } => format!("nothing is known of {by}: {why}"),
            Event::Approved { .. } => format!("a gate was passed by {by}"),
            Event::Passed { before, shift } => {
                let late = match shift {
                    0 => "in time".to_owned(),
                    late => format!("{} late", show::length(Duration::from_nanos(*late))),
                };
                format!("the gates before the {before} have passed, {late}")
            }
            Event::RolledBack => format!("rolled back by {by}: the old data is served again"),
            Event::Aborted => format!("given up by {by}: it is served as its file says"),
            Event::Finished => "its plan is finished: the zone file has it all".to_owned(),
            Event::Withdrawn => "its plan has gone with its file: it is served as its own file says".to_owned(),
            // That the zone file changed is told already.
            Event::Rebased(_) => return self.decided -= 1,
        };
        let (event, level) = match &entry.event {
            Event::Verdict { of: Sentry::Watch(_), verdict: Verdict::Fail(_) } => ("alarm", Level::Error),
            Event::Held { .. } if by == BY_GATES => ("alarm", Level::Error),
            Event::Verdict { verdict: Verdict::Pass, .. } => ("verdict", Level::Info),
            Event::Verdict { .. } => ("verdict", Level::Warn),
            event => (event.kind(), Level::Info),
        };
        self.notice(apex, event, entry.at, by, &what);
        if self.decided <= SHOWN_MAX {
            self.say(Report::new(level, format!("{zone}: {what}")));
        }
    }

    /// A zone's plan has taken a step; `step` says which, if it is told: a hundred thousand may come at one instant.
    pub(super) fn step(
        &mut self,
        apex: &Name,
        step: impl Fn() -> String,
        at: Instant,
        serial: Serial,
        next: Option<Instant>,
    ) {
        if self.notices.is_some() && step().starts_with(StepKind::Flip.name()) {
            self.notice(apex, "flipped", at, "the plan", &format!("{}; serial {serial}", step()));
        }
        self.stepped += 1;
        if self.stepped > SHOWN_MAX {
            return;
        }
        let zone = names::shown(apex.as_ref());
        let then = match next {
            Some(next) => format!("the next step is at {}", shown_instant(next)),
            None => "that was the last step".to_owned(),
        };
        self.say(Report::new(Level::Info, format!("{zone}: {}; serial {serial}; {then}", step())));
    }

    /// A zone's files can't be used.
    pub(super) fn unusable(&mut self, apex: &Name, serving: Option<Serial>, faults: Vec<Diagnostic>) {
        self.faulty += 1;
        if self.faulty > SHOWN_MAX {
            return;
        }
        let zone = names::shown(apex.as_ref());
        let text = match serving {
            Some(serial) => format!("{zone}: what its file says now can't be used; serial {serial} stays in service"),
            None => format!("{zone}: it can't be served and is answered with SERVFAIL"),
        };
        self.say(Report { level: Level::Error, text, diagnostics: faults });
    }

    /// A zone has gone: `why`.
    pub(super) fn gone(&mut self, apex: &Name, was_known: bool, why: &str, faults: Vec<Diagnostic>) {
        for fault in faults {
            self.say(Report::of_fault(fault));
        }
        if !was_known {
            return;
        }
        self.gone += 1;
        if self.gone <= SHOWN_MAX {
            let zone = names::shown(apex.as_ref());
            self.say(Report::new(Level::Info, format!("{zone}: no longer served, {why}")));
        }
    }

    /// The wave is over: tells how many were not shown.
    pub(super) fn rest(&mut self) {
        let more = |count: usize| (count > SHOWN_MAX).then(|| count - SHOWN_MAX);
        if let Some(more) = more(std::mem::take(&mut self.changed)) {
            self.say(Report::new(Level::Info, format!("{more} more zones have changed and are served")));
        }
        if let Some(more) = more(std::mem::take(&mut self.stepped)) {
            self.say(Report::new(Level::Info, format!("{more} more plans have taken a step")));
        }
        if let Some(more) = more(std::mem::take(&mut self.decided)) {
            self.say(Report::new(Level::Info, format!("{more} more plans were armed, or are over")));
        }
        if let Some(more) = more(std::mem::take(&mut self.faulty)) {
            let text = format!("{more} more zones have faults; `watari check` shows them all");
            self.say(Report::new(Level::Error, text));
        }
        if let Some(more) = more(std::mem::take(&mut self.gone)) {
            self.say(Report::new(Level::Info, format!("{more} more zones are no longer served")));
        }
    }
}

/// How a zone that is served anew differs from what was served.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServedAnew {
    /// The serial that was served, if the zone was.
    pub(super) before: Option<Serial>,
    /// The serial that is served.
    pub(super) after: Serial,
    /// Whether the zone's text differs; if not, its plan does.
    pub(super) zone_changed: bool,
    /// Whether the server has just been started.
    pub(super) is_first_look: bool,
}
