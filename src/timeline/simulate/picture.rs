//! A simulation as a picture in the terminal: who holds old data, what is asked, who asks the old name servers, and
//! tables of the classes.
//!
//! Drawn with eighths of blocks. All that colours say is also said without them.

use std::fmt::Write;

use super::scale::{Scale, short};
use super::{Axis, Outcome};
use crate::clock::Instant;
use crate::timeline::plan::Lowering;
use crate::timeline::schedule::{Schedule, Span};
use crate::timeline::show::{Paint, moment};

/// How wide a picture may be.
const WIDTHS: std::ops::RangeInclusive<usize> = 80..=160;
/// Where the plots begin.
const GUTTER: usize = 9;
/// How many rows a plot has.
const ROWS: usize = 6;
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// How wide the name of a way is, where several are compared, and the figures beside it.
const WAY: usize = 23;
const FIGURES: usize = 43;

/// `outcome` of `schedule`, drawn for a terminal of `width` columns; with `styled`, in colours.
pub fn picture(outcome: &Outcome, schedule: &Schedule, width: usize, styled: bool) -> String {
    let columns = width.clamp(*WIDTHS.start(), *WIDTHS.end()) - GUTTER - 1;
    let mut drawing = Drawing { out: String::new(), outcome, columns, marked: Vec::new(), paint: Paint(styled) };
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
    /// Who asks the old name servers.
    asking: f64,
}

/// `outcome` in `count` columns along `axis`.
fn columns(outcome: &Outcome, axis: &Axis, count: usize) -> Vec<Column> {
    let place = |column: usize| column as f64 / count as f64;
    let column = |column: usize| {
        let (from, until) = (axis.instant(place(column)), axis.instant(place(column + 1)));
        let middle = axis.instant((place(column) + place(column + 1)) / 2.0);
        let within = || outcome.buckets.iter().filter(|bucket| bucket.from < until && bucket.until > from);
        let seconds: f64 = within().map(|bucket| bucket.until.since(bucket.from).as_secs_f64()).sum();
        let asked: f64 = within().map(|bucket| bucket.load * bucket.until.since(bucket.from).as_secs_f64()).sum();
        Column {
            old: outcome.old_at(middle),
            load: if seconds > 0.0 { asked / seconds } else { 0.0 },
            peak: within().map(|bucket| f64::from(bucket.peak)).fold(0.0, f64::max),
            asking: outcome.asking_old_at(middle),
        }
    };
    (0..count).map(column).collect()
}

/// An instant that is marked in a plot.
#[derive(Clone, Debug)]
struct Mark {
    column: usize,
    letter: char,
    colour: &'static str,
    instant: Instant,
    meaning: &'static str,
}

struct Drawing<'a> {
    out: String,
    outcome: &'a Outcome,
    columns: usize,
    marked: Vec<Mark>,
    paint: Paint,
}

/// The lower edge of a row, of the plot's height.
fn bottom(row: usize) -> f64 {
    (ROWS - 1 - row) as f64 / ROWS as f64
}

impl Drawing<'_> {
    fn whole(&mut self, schedule: &Schedule) -> std::fmt::Result {
        let outcome = self.outcome;
        head(&mut self.out, outcome, schedule, self.paint)?;
        let columns = columns(outcome, &outcome.axis, self.columns);
        let mut meant = Vec::new();
        if outcome.caches > 0 {
            self.marked = self.marked_of_caches();
            meant.clone_from(&self.marked);
            self.title("share of caches that hold old data")?;
            self.share(&columns, "33", |column| column.old)?;
            self.title("queries a second at our server: █ on average, ░ in the worst second")?;
            self.load(&columns)?;
        }
        if outcome.hand_over.is_some() {
            self.marked = self.marked_of_hand_over();
            meant.extend(self.marked.iter().skip(usize::from(!meant.is_empty())).cloned());
            self.title("share of resolvers that ask the old name servers")?;
            self.share(&columns, "35", |column| column.asking)?;
        }
        for mark in meant {
            let instant = moment(mark.instant, &schedule.time_zone);
            let letter = self.paint.with(mark.colour, &mark.letter.to_string());
            writeln!(self.out, "  {letter}  {instant}  {}", mark.meaning)?;
        }
        writeln!(self.out)?;
        if outcome.caches > 0 {
            self.classes()?;
        }
        self.resolvers()?;
        self.verdict()
    }

    fn title(&mut self, title: &str) -> std::fmt::Result {
        writeln!(self.out, "{:GUTTER$}{}", "", self.paint.bold(title))
    }

    /// A plot of shares.
    fn share(&mut self, columns: &[Column], colour: &str, share: impl Fn(&Column) -> f64) -> std::fmt::Result {
        for row in 0..ROWS {
            let label = match row {
                0 => "100 %",
                3 => "50 %",
                _ => "",
            };
            self.row(label, bottom(row), columns, colour, |column| (share(column), share(column)))?;
        }
        self.axis()
    }

    /// A plot of queries a second.
    fn load(&mut self, columns: &[Column]) -> std::fmt::Result {
        let scale = Scale::of(std::iter::once(self.outcome));
        for row in 0..ROWS {
            let label = match row {
                0 => short(scale.load(1.0)),
                row if row % 2 == 1 => short(scale.load(bottom(row))),
                _ => String::new(),
            };
            let heights = |column: &Column| (scale.height(column.load), scale.height(column.peak));
            self.row(&label, bottom(row), columns, "34", heights)?;
        }
        self.axis()
    }

    fn column_of(&self, instant: Instant) -> usize {
        ((self.outcome.axis.place(instant) * self.columns as f64) as usize).min(self.columns - 1)
    }

    /// T and the horizons of caches.
    fn marked_of_caches(&self) -> Vec<Mark> {
        let outcome = self.outcome;
        let at = self.column_of(outcome.axis.at);
        let horizon = self.column_of(outcome.horizon).max(at + 1);
        let late = self.column_of(outcome.pessimistic).max(horizon + 1);
        let mark = |column, letter, colour, instant, meaning| Mark { column, letter, colour, instant, meaning };
        vec![
            mark(at, 'T', "1", outcome.axis.at, "the flip"),
            mark(horizon, 'H', "32", outcome.horizon, "promised: none that obeys TTLs holds old data"),
            mark(late, 'M', "35", outcome.pessimistic, "nor does any that keeps everything for 300 s"),
        ]
    }

    /// T and the end of the old name servers.
    fn marked_of_hand_over(&self) -> Vec<Mark> {
        let (outcome, at) = (self.outcome, self.column_of(self.outcome.axis.at));
        let classes = outcome.hand_over.iter().flat_map(|hand_over| &hand_over.classes);
        let last = classes.filter_map(|class| class.promised).max().unwrap_or(outcome.axis.end);
        let column = self.column_of(last).max(at + 1);
        let meaning = "promised: only sticky resolvers still ask them";
        vec![
            Mark { column: at, letter: 'T', colour: "1", instant: outcome.axis.at, meaning: "the hand-over" },
            Mark { column, letter: 'O', colour: "36", instant: last, meaning },
        ]
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
        write!(self.out, "{label:>width$} {}", self.paint.dim("│"), width = GUTTER - 2)?;
        let eighths = |height: f64| ((height - bottom) * (ROWS * 8) as f64).round().clamp(0.0, 8.0) as usize;
        let cells: Vec<char> = columns
            .iter()
            .map(|column| {
                let (full, light) = heights(column);
                match (eighths(full), eighths(light)) {
                    (0, 0..=3) => ' ',
                    (0, _) => '░',
                    // A cell can't be both.
                    (some, _) => EIGHTHS.get(some).copied().unwrap_or('█'),
                }
            })
            .collect();
        // Runs of one colour; marks stand where nothing else does.
        let mut run = String::new();
        for (number, cell) in cells.into_iter().enumerate() {
            match self.marked.iter().find(|mark| mark.column == number).filter(|_| cell == ' ') {
                Some(mark) => {
                    let line = self.paint.with(mark.colour, if mark.letter == 'T' { "│" } else { "┊" });
                    write!(self.out, "{}{line}", self.coloured(colour, &run))?;
                    run.clear();
                }
                None => run.push(cell),
            }
        }
        writeln!(self.out, "{}", self.coloured(colour, run.trim_end()))
    }

    fn coloured(&self, colour: &str, run: &str) -> String {
        if run.trim().is_empty() { run.to_owned() } else { self.paint.with(colour, run) }
    }

    /// The axis of time, its marks, and their names.
    fn axis(&mut self) -> std::fmt::Result {
        let mut line = vec!['─'; self.columns];
        let mut names = vec![' '; self.columns + 1];
        let mut marks: Vec<(usize, String)> =
            self.marked.iter().map(|mark| (mark.column, mark.letter.to_string())).collect();
        let all = self.outcome.axis.marks().into_iter().filter(|(_, name)| name != "T");
        marks.extend(all.map(|(instant, name)| (self.column_of(instant), name)));
        for (place, name) in marks {
            let width = name.chars().count();
            let from = place.saturating_sub(width / 2).min((self.columns + 1).saturating_sub(width));
            let room = match width {
                1 => from..from + 1,
                _ => from.saturating_sub(1)..(from + width + 1).min(self.columns + 1),
            };
            if names.get(room).is_none_or(|room| room.iter().any(|cell| *cell != ' ')) {
                continue;
            }
            for (cell, letter) in names.iter_mut().skip(from).zip(name.chars()) {
                *cell = letter;
            }
            if let Some(cell) = line.get_mut(place) {
                *cell = '┴';
            }
        }
        let line = self.paint.dim(&format!("└{}", String::from_iter(line)));
        writeln!(self.out, "{:width$}{line}", "", width = GUTTER - 1)?;
        writeln!(self.out, "{:GUTTER$}{}\n", "", String::from_iter(names).trim_end())
    }

    /// What became of the classes of caches.
    fn classes(&mut self) -> std::fmt::Result {
        let outcome = self.outcome;
        let heading = format!(
            "  {:25}{:>6}{:>7}  {:>15}{:>12}{:>10}",
            "caches that …", "number", "asked", "last old copy", "promised", "to spare"
        );
        writeln!(self.out, "{}", self.paint.bold(&heading))?;
        for class in &outcome.classes {
            let asked = class.queries.map_or_else(|| "-".to_owned(), |queries| format!("{queries:.1}"));
            let promised = from_flip(&outcome.axis, class.promised);
            let (last, spare) = match class.last_old {
                None => ("none".to_owned(), String::new()),
                Some(last) => {
                    let spare = class.to_spare(last);
                    let colour = if spare < 0.0 { "1;31" } else { "32" };
                    let spare = self.paint.with(colour, &format!("{:>10}", length(spare)));
                    (from_flip(&outcome.axis, last), spare)
                }
            };
            writeln!(self.out, "  {:25}{:>6}{asked:>7}  {last:>15}{promised:>12}{spare}", class.name, class.caches)?;
        }
        let asked =
            format!("asked: by one cache, for the RRset with the longest TTL, in {} before T", Span(outcome.last));
        writeln!(self.out, "\n  {}", self.paint.dim(&asked))?;
        let at = from_flip(&outcome.axis, outcome.peak.at);
        writeln!(self.out, "  all together ask at most {} times in a second, at {at}", outcome.peak.queries)
    }

    /// What became of the classes of resolvers in a hand-over.
    fn resolvers(&mut self) -> std::fmt::Result {
        let outcome = self.outcome;
        let Some(hand_over) = &outcome.hand_over else { return Ok(()) };
        if outcome.caches > 0 {
            writeln!(self.out)?;
        }
        let heading =
            format!("  {:25}{:>6}{:>27}{:>20}", "resolvers that are …", "number", "last asked old servers", "promised");
        writeln!(self.out, "{}", self.paint.bold(&heading))?;
        let told = |instant: Option<Instant>, none: &str| {
            instant.map_or_else(|| none.to_owned(), |instant| from_flip(&outcome.axis, instant))
        };
        for class in &hand_over.classes {
            let (last, promised) = (told(class.last_asked, "never"), told(class.promised, "when they stop"));
            writeln!(self.out, "  {:25}{:>6}{last:>27}{promised:>20}", class.class.name(), class.resolvers)?;
        }
        Ok(())
    }

    fn verdict(&mut self) -> std::fmt::Result {
        let late = self.outcome.hand_over.as_ref().map_or(0, |hand_over| hand_over.overdue);
        let (line, colour) = match (self.outcome.overdue, late) {
            (0, 0) => ("every promise was kept".to_owned(), "32"),
            (0, late) => {
                (format!("old servers were asked {late} times after their promised end: please report it"), "1;31")
            }
            (some, _) => (format!("{some} copies outlived what was promised for them: please report it"), "1;31"),
        };
        writeln!(self.out, "  {}", self.paint.with(colour, &line))
    }
}

/// What is simulated.
fn head(out: &mut String, outcome: &Outcome, schedule: &Schedule, paint: Paint) -> std::fmt::Result {
    let zone = paint.bold(&schedule.apex.to_string());
    let at = paint.bold(&moment(outcome.axis.at, &schedule.time_zone));
    let does = if outcome.caches > 0 { "flips" } else { "hands authority over" };
    writeln!(out, "{zone}  {does} at T = {at}")?;
    let line = match outcome.caches {
        0 => format!("  simulated; seed {}", outcome.seed),
        caches => format!("  simulated: {}; {caches} caches, each of one RRset; seed {}", way(outcome), outcome.seed),
    };
    writeln!(out, "{}\n", paint.dim(&line))
}

fn compare(out: &mut String, ways: &[Outcome], schedule: &Schedule, width: usize, paint: Paint) -> std::fmt::Result {
    let Some(first) = ways.first() else { return Ok(()) };
    head(out, first, schedule, paint)?;
    let scale = Scale::of(ways.iter());
    let cells = width - WAY - FIGURES;
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
        let eighth = |column: Column| EIGHTHS.get((scale.height(column.peak) * 8.0).round() as usize).copied();
        let line: String = columns(outcome, &first.axis, cells).into_iter().filter_map(eighth).collect();
        let line = paint.with("34", line.trim_end());
        writeln!(out, "  {name:WAY$}{asked:>6}{:>8}{last:>14}{promised:>11}  {line}", outcome.peak.queries)?;
    }
    let last = Span(first.last);
    writeln!(out)?;
    for line in [
        format!("asked: by a busy cache that obeys TTLs, in {last} before T"),
        format!("peak/s: by all {} caches together, in the worst second", first.caches),
        "last old copy, promised: of caches that obey TTLs".to_owned(),
        format!("load: the worst second of each time, on a logarithmic scale up to {}", short(scale.high)),
    ] {
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

/// Seconds as a person reads them: to the tenth where they are few, to the minute where they are many. Rather less.
fn length(seconds: f64) -> String {
    let tenths = (seconds.abs() * 10.0).floor();
    let text = match seconds.abs() {
        length if length < 600.0 && tenths % 10.0 == 0.0 => format!("{:.0} s", tenths / 10.0),
        length if length < 600.0 => format!("{:.1} s", tenths / 10.0),
        length if length < 86_400.0 => Span(length as u64).to_string(),
        length => Span(length as u64 / 60 * 60).to_string(),
    };
    if seconds < 0.0 { format!("-{text}") } else { text }
}
