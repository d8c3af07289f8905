//! A schedule for a person to read, and as JSON for a program.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use super::schedule::{Contents, Drain, RrsetChange, Schedule, Since, Span, Step, StepKind, sum};
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
    let mut out = String::new();
    let paint = Paint(styled);
    let now = now.whole_seconds();
    // Writing to a String can't fail.
    let _ = write_schedule(&mut out, schedule, now, paint);
    out
}

fn write_schedule(out: &mut String, schedule: &Schedule, now: Instant, paint: Paint) -> std::fmt::Result {
    let zone = schedule.apex.as_ref();
    let when = moment(schedule.at, &schedule.time_zone);
    if schedule.steps.is_empty() {
        return writeln!(
            out,
            "{}  nothing to do: the zone file has what the plan flips to",
            paint.bold(&zone.to_string())
        );
    }
    let place = schedule.time_zone.iana_name().map(|name| format!(" ({name})")).unwrap_or_default();
    let distance = if now < schedule.at {
        format!("in {}", Span(schedule.at.since(now).as_secs()))
    } else {
        format!("{} ago", Span(now.since(schedule.at).as_secs()))
    };
    writeln!(out, "{}  flips at T = {}{place}, {distance}", paint.bold(&zone.to_string()), paint.bold(&when))?;
    writeln!(out)?;
    write_row(out, "until then", &paint.dim(&format!("serial {}, as in the zone file", schedule.serial)))?;
    let mut shown_now = false;
    let mut horizon = schedule.horizon();
    for step in &schedule.steps {
        if let Some(gone) = horizon.filter(|&gone| gone <= step.from) {
            mark_now(out, schedule, now, gone, &mut shown_now, paint)?;
            write_horizon(out, schedule, gone, paint)?;
            horizon = None;
        }
        mark_now(out, schedule, now, step.from, &mut shown_now, paint)?;
        write_step(out, schedule, step, paint)?;
    }
    if let Some(gone) = horizon {
        mark_now(out, schedule, now, gone, &mut shown_now, paint)?;
        write_horizon(out, schedule, gone, paint)?;
    }
    mark_now(out, schedule, now, Instant::MAX, &mut shown_now, paint)
}

/// Shows where `now` is, once, before what begins at `next`.
fn mark_now(
    out: &mut String,
    schedule: &Schedule,
    now: Instant,
    next: Instant,
    shown: &mut bool,
    paint: Paint,
) -> std::fmt::Result {
    if *shown || now >= next {
        return Ok(());
    }
    *shown = true;
    let edition = schedule.timeline.at(now);
    let line = format!("now: serial {} is served", edition.serial);
    writeln!(out)?;
    write_row(out, &moment(now, &schedule.time_zone), &paint.green(&line))
}

fn write_step(out: &mut String, schedule: &Schedule, step: &Step, paint: Paint) -> std::fmt::Result {
    writeln!(out)?;
    let title = format!("{}  serial {}", paint.bold(&format!("{:7}", step.kind)), step.serial);
    write_row(out, &moment(step.from, &schedule.time_zone), &title)?;
    let mut left = utc(step.from);
    for change in &step.changes {
        let line = describe(change, schedule.apex.as_ref(), step.kind);
        for (index, line) in wrapped(&line, WIDTH - INDENT - 4).into_iter().enumerate() {
            let hanging = if index == 0 { "" } else { "    " };
            write_row(out, &left, &format!("{hanging}{line}"))?;
            left = String::new();
        }
    }
    let mut reason = step.reason.to_string();
    if step.kind == StepKind::Lower && schedule.armed_at > step.from {
        let _ = write!(
            reason,
            ". But T1, since when the plan is obeyed, is {}",
            moment(schedule.armed_at, &schedule.time_zone)
        );
    }
    for line in wrapped(&reason, WIDTH - INDENT) {
        write_row(out, &left, &paint.dim(&line))?;
        left = String::new();
    }
    Ok(())
}

fn write_horizon(out: &mut String, schedule: &Schedule, gone: Instant, paint: Paint) -> std::fmt::Result {
    writeln!(out)?;
    let title = "no cache that obeys TTLs holds old data from here on";
    write_row(out, &moment(gone, &schedule.time_zone), &paint.bold(title))?;
    let mut left = utc(gone);
    for drain in &schedule.drains {
        let name = relative(&drain.owner, schedule.apex.as_ref());
        let mut line =
            format!("{name} {}: {} = {}", drain.rtype, sum(&drain.terms), moment(drain.horizon, &schedule.time_zone));
        if drain.terms.iter().any(|term| term.since == Since::Armed) {
            let _ = write!(
                line,
                "; T1 = {}, since when the plan is obeyed",
                moment(schedule.armed_at, &schedule.time_zone)
            );
        }
        for line in wrapped(&line, WIDTH - INDENT) {
            write_row(out, &left, &paint.dim(&line))?;
            left = String::new();
        }
    }
    Ok(())
}

fn write_row(out: &mut String, left: &str, right: &str) -> std::fmt::Result {
    let row = format!("  {left:width$}{right}", width = INDENT - 2);
    writeln!(out, "{}", row.trim_end())
}

/// What becomes of an RRset, in one line.
fn describe(change: &RrsetChange, apex: NameRef<'_>, kind: StepKind) -> String {
    let name = format!("{} {}", relative(&change.owner, apex), change.rtype);
    let data = |contents: &Contents| list(change.rtype, contents.rdatas.iter().map(|rdata| &**rdata));
    match (&change.before, &change.after) {
        (Some(before), Some(after)) if kind != StepKind::Flip => format!("{name}: TTL {} -> {}", before.ttl, after.ttl),
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

#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }
    fn green(self, text: &str) -> String {
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
    at: String,
    time_zone: Option<String>,
    low_ttl: u32,
    armed_at: String,
    serial: u32,
    serial_style: super::serial::Style,
    horizon: Option<String>,
    steps: Vec<JsonStep>,
    drains: Vec<JsonDrain>,
    remarks: Vec<crate::diag::Diagnostic>,
}

#[derive(Serialize)]
struct JsonStep {
    id: u16,
    kind: String,
    from: String,
    serial: u32,
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
        serial: step.serial.0,
        reason: step.reason.to_string(),
        changes: step.changes.iter().map(change).collect(),
    };
    let drain = |drain: &Drain| JsonDrain {
        name: drain.owner.to_string(),
        rtype: drain.rtype.to_string(),
        held: drain.held.to_string(),
        horizon: rfc3339(drain.horizon),
        in_time: rfc3339(drain.in_time),
        sum: sum(&drain.terms),
    };
    Json {
        zone: schedule.apex.to_string(),
        at: rfc3339(schedule.at),
        time_zone: schedule.time_zone.iana_name().map(str::to_owned),
        low_ttl: schedule.low_ttl.0,
        armed_at: rfc3339(schedule.armed_at),
        serial: schedule.serial.0,
        serial_style: schedule.serial_style,
        horizon: schedule.horizon().map(rfc3339),
        steps: schedule.steps.iter().map(step).collect(),
        drains: schedule.drains.iter().map(drain).collect(),
        remarks: schedule.remarks.clone(),
    }
}
