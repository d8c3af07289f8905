//! A schedule for a person to read, and as JSON for a program.

mod gates;
mod name_servers;

use std::fmt::Write;
use std::net::SocketAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use super::Digest;
use super::demand;
use super::plan::{Arming, Lowering, Raising};
use super::run::EndingKind;
use super::schedule::{
    Bound, Contents, Data, Drain, Length, MINIMUM_TTL, Reason, RrsetChange, Schedule, Since, Span, State, Step,
    StepKind, sum,
};
use crate::clock::Instant;
use crate::wire::{Name, NameRef, Rtype};
use crate::zone::text;

/// How wide a schedule is shown.
const WIDTH: usize = 100;
/// Where the right column begins.
const INDENT: usize = 31;

/// The timeline of `schedule` as of `now`: the steps with their reasons, and when the old data is gone.
/// With `styled`, in colours.
pub fn render(schedule: &Schedule, now: Instant, styled: bool) -> String {
    let mut drawing = Drawing { out: String::new(), schedule, now: now.whole_seconds(), paint: Paint(styled) };
    // Writing to a String can't fail.
    let _ = drawing.whole();
    drawing.out
}

/// How many cells a bar has.
const BAR: usize = 12;

struct Drawing<'a> {
    out: String,
    schedule: &'a Schedule,
    now: Instant,
    paint: Paint,
}

impl Drawing<'_> {
    fn whole(&mut self) -> std::fmt::Result {
        let schedule = self.schedule;
        let zone = self.paint.bold(&schedule.apex.to_string());
        if schedule.courses.is_empty() && schedule.authority.is_none() {
            return writeln!(self.out, "{zone}  nothing to do: the zone file has what the plan flips to");
        }
        let when = self.paint.bold(&self.moment(schedule.at));
        let place = schedule.time_zone.iana_name().map(|name| format!(" ({name})")).unwrap_or_default();
        let distance = distance(schedule.at, self.now);
        if schedule.courses.is_empty() {
            writeln!(self.out, "{zone}  changes name servers at T = {when}{place}, {distance}")?;
            writeln!(self.out, "  {}", self.paint.dim("nothing is to be done here"))?;
            return self.name_servers();
        }
        let flips = tense(schedule, self.now);
        writeln!(self.out, "{zone}  {flips} at T = {when}{place}, {distance}")?;
        self.stand()?;
        if schedule.run.based_at == Instant::MIN {
            writeln!(self.out)?;
            self.row("until then", &self.paint.dim(&self.first()))?;
        }
        self.steps()?;
        self.name_servers()
    }

    /// The serial of the first edition, which has no step of its own.
    fn first(&self) -> String {
        let (first, file) = (self.schedule.timeline.first().serial, self.schedule.serial);
        match first == file.0 {
            true => format!("serial {file}, as in the zone file"),
            false => format!("serial {first}; the zone file says {file}"),
        }
    }

    /// Where the plan stands.
    fn stand(&mut self) -> std::fmt::Result {
        let run = &self.schedule.run;
        let line = match (&run.ending, run.holds.last()) {
            _ if run.proposed => match self.schedule.arming {
                Arming::ByHand => "not armed: shown as if it were armed now".to_owned(),
                Arming::OnLoad => {
                    "armed by whoever serves it: shown as if it were served since its file is there".to_owned()
                }
            },
            (Some(ending), _) => {
                let how = match ending.kind {
                    EndingKind::RolledBack => "rolled back",
                    EndingKind::Aborted => "given up",
                    EndingKind::Finished => "finished",
                    EndingKind::Withdrawn => "withdrawn: its file has gone",
                };
                format!("{how}, {}", self.moment(ending.at.rounded_up()))
            }
            (None, Some(hold)) if hold.resumed.is_none() => {
                format!("held since {}", self.moment(hold.from.rounded_up()))
            }
            _ => format!("armed, obeyed since T1 = {}", self.moment(run.armed_at)),
        };
        let line = if run.proposed { self.paint.dim(&line) } else { self.paint.green(&line) };
        writeln!(self.out, "  {line}")?;
        let is_to_come = !run.is_over() && !run.is_held() && self.now < self.schedule.at;
        if let Some(demand) = demand::predict(self.schedule).filter(|_| is_to_come) {
            let line = format!(
                "a busy resolver asks {:.1} times before T; {} of them ask at most {} times a second",
                demand.queries_per_resolver,
                demand::POPULATION,
                demand.peak_per_second
            );
            writeln!(self.out, "  {}", self.paint.dim(&line))?;
        }
        Ok(())
    }

    fn steps(&mut self) -> std::fmt::Result {
        let schedule = self.schedule;
        let mut gone = schedule.served_horizon().or(schedule.recovery());
        let mut shown_now = false;
        let mut before = None;
        let mut based_at = Some(schedule.run.based_at).filter(|&based_at| based_at > Instant::MIN);
        for step in &schedule.steps[self.passed()?..] {
            if let Some(at) = based_at.filter(|&at| at < step.from) {
                self.anew(at)?;
                (based_at, before) = (None, None);
            }
            if let Some(horizon) = gone.filter(|&gone| gone <= step.from) {
                self.mark_now(horizon, &mut shown_now)?;
                self.horizon(horizon)?;
                (gone, before) = (None, None);
            }
            if self.mark_now(step.from, &mut shown_now)? {
                before = None;
            }
            self.step(step, before == Some(step.kind))?;
            before = Some(step.kind);
        }
        if let Some(at) = based_at {
            self.anew(at)?;
        }
        if let Some(horizon) = gone {
            self.mark_now(horizon, &mut shown_now)?;
            self.horizon(horizon)?;
        }
        self.mark_now(Instant::MAX, &mut shown_now)?;
        let guard = schedule.guard.as_deref();
        if let Some(guard) = guard.filter(|_| !schedule.run.is_held()) {
            self.gates(guard)?;
        } else if let Some(first) = schedule.waiting.first() {
            writeln!(self.out)?;
            let count = schedule.waiting.len();
            let what = format!("{count} steps wait, the next of them `{}`, until it is resumed", first.kind);
            self.row(&self.moment(first.from), &self.paint.bold(&what))?;
        }
        guard.map_or(Ok(()), |guard| self.watches(guard))
    }

    /// Says how many steps nobody can be served any more, and what the last of them was; gives their number.
    fn passed(&mut self) -> Result<usize, std::fmt::Error> {
        let (steps, run) = (&self.schedule.steps, &self.schedule.run);
        let is_passed = |instant: Instant| steps.windows(2).take_while(|pair| pair[1].from <= instant).count();
        let (unserved, forgotten) = (is_passed(run.armed_at), is_passed(run.based_at));
        let (count, why) = match unserved >= forgotten {
            true => (unserved, "lie before T1, and were never served"),
            false => (forgotten, "are over, and their serials served"),
        };
        if count > 0 {
            writeln!(self.out)?;
            self.row("", &self.paint.dim(&format!("steps that {why}: {count}")))?;
        }
        Ok(count)
    }

    /// Shows the edition that is served since `at`, when the zone file was edited or the plan changed.
    fn anew(&mut self, at: Instant) -> std::fmt::Result {
        writeln!(self.out)?;
        let served = format!("anew      {}", self.first());
        self.row(&self.moment(at.whole_seconds()), &self.paint.dim(&served))
    }

    /// Shows where `now` is, once, before what begins at `next`; whether it did.
    fn mark_now(&mut self, next: Instant, shown: &mut bool) -> Result<bool, std::fmt::Error> {
        if *shown || self.now >= next {
            return Ok(false);
        }
        *shown = true;
        let schedule = self.schedule;
        let mut line = format!("now: serial {} is served", schedule.serial_at(self.now));
        if let Some(price) = schedule.rollback_price(self.now) {
            let _ = write!(
                line,
                "; if you roll back now, the last cache recovers at {}",
                self.moment(price.recovered_at.rounded_up())
            );
        }
        writeln!(self.out)?;
        let mut left = self.moment(self.now);
        for line in wrapped(&line, WIDTH - INDENT) {
            self.row(&left, &self.paint.green(&line))?;
            left = String::new();
        }
        Ok(true)
    }

    /// One step; `again`: it is one more rung, whose reason was told already.
    fn step(&mut self, step: &Step, again: bool) -> std::fmt::Result {
        let schedule = self.schedule;
        if !again {
            writeln!(self.out)?;
        }
        let serial = step.serial.map_or_else(String::new, |serial| format!("serial {serial}"));
        let title = format!("{}  {serial:<17}  {}", self.paint.bold(&format!("{:8}", step.kind)), self.bar(step));
        self.row(&self.moment(step.from), &title)?;
        let mut left = utc(step.from);
        let changes = schedule.changes(step);
        if again && step.kind != StepKind::Flip {
            let line = match (&changes[..], step.reason) {
                ([_, _, _, ..], reason) => format!("{} RRsets: {}", changes.len(), short(reason)),
                (some, reason) => {
                    let all: Vec<_> = some.iter().map(|one| describe(one, schedule.apex.as_ref(), step.kind)).collect();
                    format!("{}: {}", all.join("; "), short(reason))
                }
            };
            return self.row(&left, &self.paint.dim(&line));
        }
        for change in &changes {
            let line = describe(change, schedule.apex.as_ref(), step.kind);
            for (index, line) in wrapped(&line, WIDTH - INDENT - 4).into_iter().enumerate() {
                let hanging = if index == 0 { "" } else { "    " };
                self.row(&left, &format!("{hanging}{line}"))?;
                left = String::new();
            }
        }
        let mut reason = step.reason.to_string();
        if step.kind == StepKind::Lower && schedule.run.armed_at > step.from {
            let _ =
                write!(reason, ". But T1, since when the plan is obeyed, is {}", self.moment(schedule.run.armed_at));
        }
        for line in wrapped(&reason, WIDTH - INDENT) {
            self.row(&left, &self.paint.dim(&line))?;
            left = String::new();
        }
        Ok(())
    }

    /// How long answers live from `step` on, drawn: a cell for each halving.
    fn bar(&self, step: &Step) -> String {
        let ttl = |state| {
            self.schedule.courses.iter().filter_map(move |course| self.schedule.contents(course, state, step.from))
        };
        let longest = |state| ttl(state).map(|contents| contents.ttl.0).max().unwrap_or(0);
        let whole = longest(State::FILE).max(longest(State { data: Data::New, bound: Bound::Open })).max(1);
        let left = longest(step.state);
        let halvings = (f64::from(whole) / f64::from(left.max(1))).log2().round() as usize;
        let full = if left == 0 { 0 } else { BAR.saturating_sub(halvings).max(1) };
        let bar = "\u{2588}".repeat(full) + &"\u{2591}".repeat(BAR - full);
        format!("{bar} {left} s")
    }

    fn horizon(&mut self, gone: Instant) -> std::fmt::Result {
        let schedule = self.schedule;
        writeln!(self.out)?;
        if schedule.recovery().is_some() {
            let title = "no cache that obeys TTLs holds the new data from here on";
            self.row(&self.moment(gone), &self.paint.bold(title))?;
            let why = "what was given before the rollback has been forgotten";
            return self.row(&utc(gone), &self.paint.dim(why));
        }
        let title = match schedule.authority {
            None => "no cache that obeys TTLs holds old data from here on",
            Some(_) => "no cache that obeys TTLs holds what this server gave before T",
        };
        self.row(&self.moment(gone), &self.paint.bold(title))?;
        let mut left = utc(gone);
        let mut lines = Vec::new();
        for drain in &schedule.drains {
            let name = relative(&drain.owner, schedule.apex.as_ref());
            let mut line = format!("{name} {}: {} = {}", drain.rtype, sum(&drain.terms), self.moment(drain.horizon));
            if drain.terms.iter().any(|term| term.since == Since::Armed) {
                let _ = write!(line, "; T1 = {}, since when the plan is obeyed", self.moment(schedule.run.armed_at));
            }
            lines.push(line);
        }
        if let Some(late) = schedule.pessimistic_horizon().filter(|_| schedule.authority.is_none()) {
            lines.push(format!(
                "the old service may be switched off at {}: by then resolvers that keep everything for {} have \
                 forgotten it too",
                self.moment(late),
                Length(MINIMUM_TTL)
            ));
        }
        for line in lines.iter().flat_map(|line| wrapped(line, WIDTH - INDENT)) {
            self.row(&left, &self.paint.dim(&line))?;
            left = String::new();
        }
        Ok(())
    }

    fn row(&mut self, left: &str, right: &str) -> std::fmt::Result {
        let row = format!("  {left:width$}{right}", width = INDENT - 2);
        writeln!(self.out, "{}", row.trim_end())
    }

    fn moment(&self, instant: Instant) -> String {
        moment(instant, &self.schedule.time_zone)
    }
}

/// How one speaks of the flip of `schedule` at `now`.
pub fn tense(schedule: &Schedule, now: Instant) -> &'static str {
    let flips = |step: &Step| step.kind == StepKind::Flip;
    let waits = schedule.waiting.iter().any(flips);
    // What is behind a gate still flips, if that passes in time.
    if waits && (schedule.run.is_held() || now >= schedule.at)
        || !waits && !schedule.steps.iter().any(flips) && schedule.run.is_over()
    {
        "was to flip"
    } else if now < schedule.at {
        "flips"
    } else {
        "flipped"
    }
}

/// A length of time as a person reads it.
pub fn length(length: std::time::Duration) -> String {
    Span(length.as_secs()).to_string()
}

/// How far `at` is from `now`, in words.
pub fn distance(at: Instant, now: Instant) -> String {
    if now < at {
        format!("in {}", Span(at.since(now).as_secs()))
    } else {
        format!("{} ago", Span(now.since(at).as_secs()))
    }
}

/// A rung's reason in few words.
fn short(reason: Reason) -> String {
    match reason {
        Reason::OldTtlDrains { old_ttl, .. } => format!("T - {}", Length(old_ttl)),
        Reason::CountsDown { old_ttl, rung, .. } => format!("T - {}; a secondary's TTL: {rung}", Length(old_ttl)),
        Reason::Confidence { wait, since, .. } => format!("{since} + {}", Length(wait)),
        Reason::Declared | Reason::Passed { .. } | Reason::Decided => reason.to_string(),
    }
}

/// What becomes of an RRset, in one line.
fn describe(change: &RrsetChange, apex: NameRef<'_>, kind: StepKind) -> String {
    let name = format!("{} {}", relative(&change.owner, apex), change.rtype);
    let data = |contents: &Contents| list(change.rtype, contents.rdatas.iter().map(|rdata| &**rdata));
    match (&change.before, &change.after) {
        (_, Some(after)) if kind == StepKind::Hold => format!("{name}: TTL {}, as the hold met it", after.ttl),
        (Some(before), Some(after)) if before.rdatas == after.rdatas && before.ttl == after.ttl => {
            format!("{name}: TTL {}, and a second less with each second", before.ttl)
        }
        (Some(before), Some(after)) if before.rdatas == after.rdatas || kind == StepKind::Lower => {
            format!("{name}: TTL {} -> {}", before.ttl, after.ttl)
        }
        (Some(before), Some(after)) => format!("{name}: {} -> {}, TTL {}", data(before), data(after), after.ttl),
        (None, Some(after)) => format!("{name}: new, {}, TTL {}", data(after), after.ttl),
        (Some(before), None) => format!("{name}: {} is removed", data(before)),
        (None, None) => name,
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let room = lines.last().map_or(0, |line| line.chars().count());
        if room > 0 && room + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// Colours, if they may be.
#[derive(Clone, Copy)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    pub(super) fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }
    pub(super) fn green(self, text: &str) -> String {
        self.with("32", text)
    }
}

/// `instant` on the clocks of `time_zone`, with their offset.
pub fn moment(instant: Instant, time_zone: &TimeZone) -> String {
    match Timestamp::from_nanosecond(i128::from(instant.unix_nanos())) {
        Ok(timestamp) => timestamp.to_zoned(time_zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.f %:z").to_string(),
        Err(_) => "beyond all time".to_owned(),
    }
}

fn utc(instant: Instant) -> String {
    match Timestamp::from_nanosecond(i128::from(instant.unix_nanos())) {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%d %H:%M:%S%.f UTC").to_string(),
        Err(_) => String::new(),
    }
}

/// `name` as it is written in the zone `apex`: `www`, or `@`.
pub(super) fn relative(name: &Name, apex: NameRef<'_>) -> String {
    match name.as_ref().prefix_below(apex) {
        Some([]) => "@".to_owned(),
        Some(prefix) if !apex.is_root() => {
            let labels = [prefix, &[0]].concat();
            let text = NameRef::parse(&labels).map(|labels| labels.to_string()).unwrap_or_default();
            text.trim_end_matches('.').to_owned()
        }
        _ => name.to_string(),
    }
}

fn print(rtype: Rtype, rdata: &[u8]) -> String {
    let mut text = String::new();
    let _ = text::print_rdata(rtype, rdata, &mut text, None);
    text
}

fn list<'r>(rtype: Rtype, rdatas: impl Iterator<Item = &'r [u8]>) -> String {
    let mut texts: Vec<_> = rdatas.map(|rdata| print(rtype, rdata)).collect();
    texts.sort();
    texts.join(", ")
}

/// Records' data as a plan has them: `["192.0.2.1", "192.0.2.2"]`.
pub(super) fn toml_list<'r>(rtype: Rtype, rdatas: impl Iterator<Item = &'r [u8]>) -> String {
    let mut texts: Vec<_> = rdatas.map(|rdata| toml_string(&print(rtype, rdata))).collect();
    texts.sort();
    format!("[{}]", texts.join(", "))
}

/// A string as a plan has it.
pub(super) fn toml_string(text: &str) -> String {
    // Between single quotes TOML has no escapes.
    if !text.contains(['"', '\\']) {
        format!("\"{text}\"")
    } else if !text.contains('\'') {
        format!("'{text}'")
    } else {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json(self).serialize(serializer)
    }
}

/// The shape of a schedule in JSON. Instants are UTC in RFC 3339 form, TTLs seconds.
#[derive(Serialize)]
struct Json {
    zone: String,
    plan: Digest,
    schedule: Digest,
    at: String,
    time_zone: Option<String>,
    low_ttl: u32,
    arm: Arming,
    lower: Lowering,
    spread: u32,
    raise: Raising,
    secondaries: Vec<SocketAddr>,
    within: u32,
    state: &'static str,
    armed_at: String,
    serial: u32,
    serial_style: super::serial::Style,
    horizon: Option<String>,
    old_service_until: Option<String>,
    recovery: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authority: Option<name_servers::Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gates: Vec<gates::JsonGate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    watches: Vec<gates::JsonWatch>,
    demand: Option<demand::Demand>,
    steps: Vec<JsonStep>,
    waiting: Vec<JsonStep>,
    drains: Vec<JsonDrain>,
    remarks: Vec<crate::diag::Diagnostic>,
}

#[derive(Serialize)]
struct JsonStep {
    id: u16,
    kind: String,
    from: String,
    serial: Option<u32>,
    reason: String,
    changes: Vec<JsonChange>,
}

#[derive(Serialize)]
struct JsonChange {
    name: String,
    #[serde(rename = "type")]
    rtype: String,
    before: Option<JsonContents>,
    after: Option<JsonContents>,
}

#[derive(Serialize)]
struct JsonContents {
    ttl: u32,
    data: Vec<String>,
}

#[derive(Serialize)]
struct JsonDrain {
    name: String,
    #[serde(rename = "type")]
    rtype: String,
    held: String,
    horizon: String,
    in_time: String,
    with_minimum_ttl: String,
    sum: String,
}

/// `instant` in UTC, in RFC 3339 form.
pub fn rfc3339(instant: Instant) -> String {
    let timestamp = Timestamp::from_nanosecond(i128::from(instant.unix_nanos()));
    timestamp.map(|timestamp| timestamp.to_string()).unwrap_or_default()
}

fn json(schedule: &Schedule) -> Json {
    let contents = |rtype, contents: &Option<Contents>| {
        contents.as_ref().map(|contents| JsonContents {
            ttl: contents.ttl.0,
            data: contents.rdatas.iter().map(|rdata| print(rtype, rdata)).collect(),
        })
    };
    let change = |change: &RrsetChange| JsonChange {
        name: change.owner.to_string(),
        rtype: change.rtype.to_string(),
        before: contents(change.rtype, &change.before),
        after: contents(change.rtype, &change.after),
    };
    let step = |step: &Step| JsonStep {
        id: step.id.0,
        kind: step.kind.to_string(),
        from: rfc3339(step.from),
        serial: step.serial.map(|serial| serial.0),
        reason: step.reason.to_string(),
        changes: schedule.changes(step).iter().map(change).collect(),
    };
    let drain = |drain: &Drain| JsonDrain {
        name: drain.owner.to_string(),
        rtype: drain.rtype.to_string(),
        held: drain.held.to_string(),
        horizon: rfc3339(drain.horizon),
        in_time: rfc3339(drain.in_time),
        with_minimum_ttl: rfc3339(drain.pessimistic),
        sum: sum(&drain.terms),
    };
    Json {
        zone: schedule.apex.to_string(),
        plan: schedule.plan,
        schedule: schedule.digest(),
        at: rfc3339(schedule.at),
        time_zone: schedule.time_zone.iana_name().map(str::to_owned),
        low_ttl: schedule.low_ttl.0,
        arm: schedule.arming,
        lower: schedule.lowering,
        spread: schedule.spread.0,
        raise: schedule.raising,
        secondaries: schedule.secondaries.clone(),
        within: schedule.lag.0,
        state: schedule.run.state(),
        armed_at: rfc3339(schedule.run.armed_at),
        serial: schedule.serial.0,
        serial_style: schedule.serial_style,
        horizon: schedule.horizon().map(rfc3339),
        old_service_until: schedule.pessimistic_horizon().map(rfc3339),
        recovery: schedule.recovery().map(rfc3339),
        authority: schedule.authority.as_ref().map(name_servers::json),
        gates: gates::gates(schedule),
        watches: gates::watches(schedule),
        demand: demand::predict(schedule),
        steps: schedule.steps.iter().map(step).collect(),
        waiting: schedule.waiting.iter().map(step).collect(),
        drains: schedule.drains.iter().map(drain).collect(),
        remarks: schedule.remarks.clone(),
    }
}
