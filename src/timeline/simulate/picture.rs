//! A simulation as a picture in the terminal: who holds old data, what is asked, and a table of the classes.
//!
//! Drawn with eighths of blocks. All that colours say is also said without them.

use std::fmt::Write;

use super::{Axis, Outcome};
use crate::clock::Instant;
use crate::timeline::plan::Lowering;
use crate::timeline::schedule::{Schedule, Span};
use crate::timeline::show::{Paint, moment};

/// How wide a picture may be.
const WIDTHS: std::ops::RangeInclusive<usize> = 72..=160;
/// Where the plots begin.
const GUTTER: usize = 9;
/// How many rows a plot has.
const ROWS: usize = 6;
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// How wide the name of a way is, where several are compared.
const WAY: usize = 23;

/// `outcome` of `schedule`, drawn for a terminal of `width` columns; with `styled`, in colours.
pub fn picture(outcome: &Outcome, schedule: &Schedule, width: usize, styled: bool) -> String {
    let columns = width.clamp(*WIDTHS.start(), *WIDTHS.end()) - GUTTER - 1;
    let mut drawing = Drawing { out: String::new(), outcome, columns, paint: Paint(styled) };
    // Writing to a String can't fail.
    let _ = drawing.whole(schedule);
    drawing.out
}

/// Several ways beside each other.
pub fn compared(ways: &[Outcome], schedule: &Schedule, width: usize, styled: bool) -> String {
    let mut out = String::new();
    let _ = compare(&mut out, ways, schedule, width.clamp(*WIDTHS.start(), *WIDTHS.end()), Paint(styled));
    out
}

/// How TTLs go down in `outcome`, in few words.
pub(super) fn way(outcome: &Outcome) -> String {
    match (outcome.lowering, outcome.spread.0) {
        (Lowering::Ladder, _) => format!("ladder to {} s", outcome.low_ttl),
        (Lowering::Once, _) => format!("once, to {} s", outcome.low_ttl),
        (Lowering::Countdown, 0) => "countdown, no spread".to_owned(),
        (Lowering::Countdown, spread) => format!("countdown, spread {spread} s"),
    }
}

/// What is drawn in one column.
struct Column {
    old: f64,
    load: f64,
    peak: f64,
}

/// `outcome` in `count` columns along `axis`.
fn columns(outcome: &Outcome, axis: &Axis, count: usize) -> Vec<Column> {
    let place = |column: usize| column as f64 / count as f64;
    (0..count)
        .map(|column| {
            let (from, until) = (axis.instant(place(column)), axis.instant(place(column + 1)));
            let within = || outcome.buckets.iter().filter(|bucket| bucket.from < until && bucket.until > from);
            let seconds: f64 = within().map(|bucket| bucket.until.since(bucket.from).as_secs_f64()).sum();
            let asked: f64 = within().map(|bucket| bucket.load * bucket.until.since(bucket.from).as_secs_f64()).sum();
            Column {
                old: outcome.old_at(axis.instant((place(column) + place(column + 1)) / 2.0)),
                load: if seconds > 0.0 { asked / seconds } else { 0.0 },
                peak: within().map(|bucket| f64::from(bucket.peak)).fold(0.0, f64::max),
            }
        })
        .collect()
}

/// A logarithmic scale for queries a second, as high as the highest peak.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    pub(super) fn of<'a>(outcomes: impl Iterator<Item = &'a Outcome> + Clone) -> Scale {
        let high = outcomes.clone().map(|outcome| f64::from(outcome.peak.queries)).fold(1.0, f64::max);
        let loads = outcomes.flat_map(|outcome| &outcome.buckets).map(|bucket| bucket.load);
        let low = loads.filter(|load| *load > 0.0).fold(high, f64::min);
        Scale { low: (low / 2.0).max(high / 1e5), high }
    }

    /// Where `load` is: 0 at the bottom, 1 at the top.
    pub(super) fn height(&self, load: f64) -> f64 {
        if load <= self.low { 0.0 } else { ((load / self.low).ln() / (self.high / self.low).ln()).min(1.0) }
    }

    /// What is at `height`.
    pub(super) fn load(&self, height: f64) -> f64 {
        self.low * (self.high / self.low).powf(height)
    }

    /// The powers of ten on it.
    pub(super) fn decades(&self) -> impl Iterator<Item = f64> {
        let (first, last) = (self.low.log10().ceil() as i32, self.high.log10().floor() as i32);
        (first..=last).map(|power| 10f64.powi(power))
    }
}

struct Drawing<'a> {
    out: String,
    outcome: &'a Outcome,
    columns: usize,
    paint: Paint,
}

impl Drawing<'_> {
    fn whole(&mut self, schedule: &Schedule) -> std::fmt::Result {
        let outcome = self.outcome;
        head(&mut self.out, outcome, schedule, self.paint)?;
        let columns = columns(outcome, &outcome.axis, self.columns);
        self.title("share of caches that hold old data")?;
        let bottom = |row: usize| (ROWS - 1 - row) as f64 / ROWS as f64;
        for row in 0..ROWS {
            let label = match row {
                0 => "100 %".to_owned(),
                3 => "50 %".to_owned(),
                _ => String::new(),
            };
            self.row(&label, bottom(row), &columns, "33", |column| (column.old, column.old))?;
        }
        self.axis()?;
        writeln!(self.out)?;
        let scale = Scale::of(std::iter::once(outcome));
        self.title("queries a second at our server: █ on average, ░ in the worst second")?;
        for row in 0..ROWS {
            let label = short(scale.load(bottom(row) + if row == 0 { 1.0 / ROWS as f64 } else { 0.0 }));
            let label = if row == 0 || row % 2 == 1 { label } else { String::new() };
            self.row(&label, bottom(row), &columns, "34", |column| {
                (scale.height(column.load), scale.height(column.peak))
            })?;
        }
        self.axis()?;
        writeln!(self.out)?;
        self.marks(schedule)?;
        self.classes()?;
        self.figures()
    }

    fn title(&mut self, title: &str) -> std::fmt::Result {
        writeln!(self.out, "{:GUTTER$}{}", "", self.paint.bold(title))
    }

    fn column_of(&self, instant: Instant) -> usize {
        ((self.outcome.axis.place(instant) * self.columns as f64) as usize).min(self.columns - 1)
    }

    /// The columns in which T and the horizons are.
    fn marked(&self) -> [(usize, char, &'static str); 3] {
        let outcome = self.outcome;
        let at = self.column_of(outcome.axis.at);
        let horizon = self.column_of(outcome.horizon).max(at + 1);
        let late = self.column_of(outcome.pessimistic).max(horizon + 1);
        [(at, 'T', "1"), (horizon, 'H', "32"), (late, 'M', "35")]
    }

    /// One row of a plot, whose lower edge is at `bottom` of its height: full up to the first of the heights that
    /// `heights` gives, and light up to the second.
    fn row(
        &mut self,
        label: &str,
        bottom: f64,
        columns: &[Column],
        colour: &str,
        heights: impl Fn(&Column) -> (f64, f64),
    ) -> std::fmt::Result {
        write!(self.out, "{label:>width$} ", width = GUTTER - 2)?;
        write!(self.out, "{}", self.paint.dim("│"))?;
        let marked = self.marked();
        let mut run = String::new();
        for (number, column) in columns.iter().enumerate() {
            let (full, light) = heights(column);
            let eighths = |height: f64| ((height - bottom) * (ROWS * 8) as f64).round().clamp(0.0, 8.0) as usize;
            let cell = match (eighths(full), eighths(light)) {
                (0, 0..=3) => ' ',
                (0, _) => '░',
                // A cell is full or light, not both: the light part wins if it reaches well beyond.
                (some, _) => EIGHTHS.get(some).copied().unwrap_or('█'),
            };
            match marked.iter().find(|(place, ..)| *place == number).filter(|_| cell == ' ') {
                Some(&(_, name, mark)) => {
                    self.flush(&mut run, colour)?;
                    write!(self.out, "{}", self.paint.with(mark, if name == 'T' { "│" } else { "┊" }))?;
                }
                None => run.push(cell),
            }
        }
        let kept = run.trim_end().len();
        run.truncate(kept);
        self.flush(&mut run, colour)?;
        writeln!(self.out)
    }

    fn flush(&mut self, run: &mut String, colour: &str) -> std::fmt::Result {
        if !run.is_empty() {
            write!(self.out, "{}", self.paint.with(colour, run))?;
            run.clear();
        }
        Ok(())
    }

    /// The axis of time, its marks, and their names.
    fn axis(&mut self) -> std::fmt::Result {
        let mut line = vec!['─'; self.columns];
        let mut names = vec![' '; self.columns + 6];
        let mut marks: Vec<(usize, String)> =
            self.marked().into_iter().map(|(place, name, _)| (place, name.to_string())).collect();
        let all = self.outcome.axis.marks().into_iter().filter(|(_, name)| name != "T");
        marks.extend(all.map(|(instant, name)| (self.column_of(instant), name)));
        for (place, name) in marks {
            let from = place.saturating_sub(name.chars().count() / 2);
            let around = from.saturating_sub(1)..from + name.chars().count() + 1;
            let is_single = name.chars().count() == 1;
            let room = if is_single { from..from + 1 } else { around };
            if room.end > names.len() || names.get(room).is_none_or(|room| room.iter().any(|cell| *cell != ' ')) {
                continue;
            }
            for (cell, letter) in names.iter_mut().skip(from).zip(name.chars()) {
                *cell = letter;
            }
            if let Some(cell) = line.get_mut(place) {
                *cell = '┴';
            }
        }
        let names: String = names.into_iter().collect();
        writeln!(
            self.out,
            "{:width$}{}",
            "",
            self.paint.dim(&format!("└{}", String::from_iter(line))),
            width = GUTTER - 1
        )?;
        writeln!(self.out, "{:GUTTER$}{}", "", names.trim_end())
    }

    /// What the letters mean.
    fn marks(&mut self, schedule: &Schedule) -> std::fmt::Result {
        let outcome = self.outcome;
        let horizon = "the promised horizon: no cache that obeys TTLs holds old data";
        let late = "nor does any that keeps everything for 300 s";
        let meant =
            [("T", outcome.axis.at, "the flip"), ("H", outcome.horizon, horizon), ("M", outcome.pessimistic, late)];
        for ((letter, instant, meaning), (.., mark)) in meant.into_iter().zip(self.marked()) {
            let instant = moment(instant, &schedule.time_zone);
            writeln!(self.out, "  {}  {instant}  {meaning}", self.paint.with(mark, letter))?;
        }
        writeln!(self.out)
    }

    fn classes(&mut self) -> std::fmt::Result {
        let outcome = self.outcome;
        let heading = format!(
            "  {:26}{:>7}{:>8}  {:>16}{:>12}{:>10}",
            "caches that …", "number", "asked", "last old copy", "promised", "to spare"
        );
        writeln!(self.out, "{}", self.paint.bold(&heading))?;
        for class in &outcome.classes {
            let asked = class.queries.map_or_else(|| "-".to_owned(), |queries| format!("{queries:.1}"));
            write!(self.out, "  {:26}{:>7}{asked:>8}", class.name, class.caches)?;
            let promised = from_flip(&outcome.axis, class.promised);
            match class.last_old {
                None => writeln!(self.out, "  {:>16}{promised:>12}", "none")?,
                Some(last) => {
                    let spare = class.to_spare(last);
                    let told = format!("{:>10}", length(spare));
                    let told = self.paint.with(if spare < 0.0 { "1;31" } else { "32" }, &told);
                    writeln!(self.out, "  {:>16}{promised:>12}{told}", from_flip(&outcome.axis, last))?;
                }
            }
        }
        writeln!(self.out)
    }

    fn figures(&mut self) -> std::fmt::Result {
        let outcome = self.outcome;
        let asked = format!(
            "asked: by one cache for the RRset with the longest TTL, in the last {} before T",
            Span(outcome.last)
        );
        writeln!(self.out, "  {}", self.paint.dim(&asked))?;
        let at = from_flip(&outcome.axis, outcome.peak.at);
        writeln!(self.out, "  all together ask at most {} times in a second, at {at}", outcome.peak.queries)?;
        match outcome.overdue {
            0 => writeln!(self.out, "  {}", self.paint.green("no copy outlived what was promised for it")),
            some => {
                let line =
                    format!("{some} copies outlived what was promised for them: please report it, with the plan");
                writeln!(self.out, "  {}", self.paint.with("1;31", &line))
            }
        }
    }
}

/// What is simulated.
fn head(out: &mut String, outcome: &Outcome, schedule: &Schedule, paint: Paint) -> std::fmt::Result {
    let zone = paint.bold(&schedule.apex.to_string());
    let at = paint.bold(&moment(outcome.axis.at, &schedule.time_zone));
    writeln!(out, "{zone}  flips at T = {at}, simulated; {}", way(outcome))?;
    let line = format!("  {} caches, each with a copy of one RRset that flips; seed {}", outcome.caches, outcome.seed);
    writeln!(out, "{}\n", paint.dim(&line))
}

fn compare(out: &mut String, ways: &[Outcome], schedule: &Schedule, width: usize, paint: Paint) -> std::fmt::Result {
    let Some(first) = ways.first() else { return Ok(()) };
    head(out, first, schedule, paint)?;
    let scale = Scale::of(ways.iter());
    let cells = width - WAY - 43;
    let heading = format!(
        "  {:WAY$}{:>6}{:>8}{:>14}{:>11}  load",
        "TTLs go down by", "asked", "peak/s", "last old copy", "promised"
    );
    writeln!(out, "{}", paint.bold(&heading))?;
    for outcome in ways {
        let name = way(outcome);
        let asked = outcome.queries_per_cache().map_or_else(|| "-".to_owned(), |asked| format!("{asked:.1}"));
        let last = outcome.last_old().map_or_else(|| "none".to_owned(), |last| from_flip(&outcome.axis, last));
        let promised = from_flip(&outcome.axis, outcome.horizon);
        write!(out, "  {name:WAY$}{asked:>6}{:>8}{last:>14}{promised:>11}  ", outcome.peak.queries)?;
        let line: String = columns(outcome, &first.axis, cells)
            .into_iter()
            .map(|column| {
                let height = (scale.height(column.peak) * 8.0).round() as usize;
                EIGHTHS.get(height).copied().unwrap_or('█')
            })
            .collect();
        writeln!(out, "{}", paint.with("34", line.trim_end()))?;
    }
    let last = Span(first.last);
    writeln!(out)?;
    let lines = [
        format!("asked: by a cache that obeys TTLs and always has somebody who wants it, in the last {last} before T"),
        format!("peak/s: by all {} caches together, in the worst second", first.caches),
        "last old copy, promised: of caches that obey TTLs".to_owned(),
        format!("load: the worst second of each time, on one logarithmic scale up to {}", short(scale.high)),
    ];
    for line in lines {
        writeln!(out, "  {}", paint.dim(&line))?;
    }
    Ok(())
}

/// An instant as it is from T.
pub(super) fn from_flip(axis: &Axis, instant: Instant) -> String {
    let offset = axis.offset(instant);
    let sign = if offset < 0.0 { '-' } else { '+' };
    format!("T {sign} {}", length(offset.abs()))
}

/// Seconds as a person reads them: to the tenth where they are few.
fn length(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 0.0 => format!("-{}", length(-seconds)),
        seconds if seconds < 600.0 && (seconds * 10.0).floor() % 10.0 == 0.0 => format!("{:.0} s", seconds.floor()),
        seconds if seconds < 600.0 => format!("{:.1} s", (seconds * 10.0).floor() / 10.0),
        seconds => Span(seconds as u64).to_string(),
    }
}

/// A number in about two digits.
pub(super) fn short(number: f64) -> String {
    match number {
        number if number >= 1e6 => format!("{:.1} M", number / 1e6),
        number if number >= 10.0 => format!("{number:.0}"),
        number if number >= 1.0 => format!("{number:.1}"),
        number if number >= 0.1 => format!("{number:.2}"),
        number => format!("{number:.3}"),
    }
}
