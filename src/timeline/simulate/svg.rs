//! A simulation as an SVG picture, which needs nothing else: one or several ways over the same time.
//!
//! It is readable on light and on dark ground: it follows the reader's preference.

use std::fmt::Write;

use super::picture::{from_flip, way};
use super::scale::Scale;
use super::{Axis, Bucket, Outcome};
use crate::clock::Instant;
use crate::timeline::Schedule;
use crate::timeline::schedule::Span;
use crate::timeline::show::moment;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 936.0;
/// Where the first plot begins, how high plots are, and the room that each needs besides.
const TOP: f64 = 112.0;
const SHARE: f64 = 180.0;
const LOAD: f64 = 200.0;
const BETWEEN: f64 = 84.0;
/// A line of the legend.
const ENTRY: f64 = 24.0;

const STYLE: &str = "\
svg { font: 13px system-ui, 'Helvetica Neue', Arial, sans-serif; }
.ground { fill: #ffffff; } text { fill: #24292f; } .dim { fill: #6e7781; } .title { font-size: 17px; font-weight: 600; }
.head { font-weight: 600; } .grid { stroke: #d8dee4; } .frame { stroke: #8c959f; }
.flip { stroke: #24292f; stroke-width: 1.5; } .horizon { stroke: #1a7f37; stroke-width: 1.5; stroke-dasharray: 5 3; }
.late { stroke: #8250df; stroke-width: 1.5; stroke-dasharray: 2 3; }
.t-horizon { fill: #1a7f37; } .t-late { fill: #8250df; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; } .peak { fill: none; stroke-width: 1; opacity: .55; }
.area { stroke: none; opacity: .14; }
.s0 { stroke: #0969da; } .s1 { stroke: #cf222e; } .s2 { stroke: #bf8700; } .s3 { stroke: #1b7c83; } .s4 { stroke: #a0378a; }
.f0 { fill: #0969da; } .f1 { fill: #cf222e; } .f2 { fill: #bf8700; } .f3 { fill: #1b7c83; } .f4 { fill: #a0378a; }
@media (prefers-color-scheme: dark) {
.ground { fill: #0d1117; } text { fill: #e6edf3; } .dim { fill: #8b949e; } .grid { stroke: #262c34; }
.frame { stroke: #6e7681; } .flip { stroke: #e6edf3; } .horizon { stroke: #3fb950; } .late { stroke: #bc8cff; }
.t-horizon { fill: #3fb950; } .t-late { fill: #bc8cff; }
.s0 { stroke: #58a6ff; } .s1 { stroke: #ff7b72; } .s2 { stroke: #e3b341; } .s3 { stroke: #56d4dd; } .s4 { stroke: #f778ba; }
.f0 { fill: #58a6ff; } .f1 { fill: #ff7b72; } .f2 { fill: #e3b341; } .f3 { fill: #56d4dd; } .f4 { fill: #f778ba; }
}
";

/// The outcomes of one plan, the first of them that of `schedule` itself, as SVG; nothing if there are none.
pub fn svg(outcomes: &[&Outcome], schedule: &Schedule) -> String {
    let Some(first) = outcomes.first() else { return String::new() };
    let mut bottom = TOP - BETWEEN;
    let mut plot = |height| {
        let top = bottom + BETWEEN;
        bottom = top + height;
        (top, bottom)
    };
    let (old, load) = if first.caches > 0 { (Some(plot(SHARE)), Some(plot(LOAD))) } else { (None, None) };
    let asking = first.hand_over.is_some().then(|| plot(SHARE));
    let mut drawing = Drawing { out: String::new(), outcomes, first, schedule, old, load, asking, bottom };
    // Writing to a String can't fail.
    let _ = drawing.whole();
    drawing.out
}

/// A plot's upper and lower edge.
type Plot = (f64, f64);

struct Drawing<'a> {
    out: String,
    outcomes: &'a [&'a Outcome],
    first: &'a Outcome,
    schedule: &'a Schedule,
    /// Who holds old data.
    old: Option<Plot>,
    /// What is asked of us.
    load: Option<Plot>,
    /// Who asks the old name servers.
    asking: Option<Plot>,
    /// The lower edge of the last.
    bottom: f64,
}

fn x(axis: &Axis, instant: Instant) -> f64 {
    LEFT + (RIGHT - LEFT) * axis.place(instant)
}

fn y((top, bottom): Plot, height: f64) -> f64 {
    bottom - (bottom - top) * height
}

impl Drawing<'_> {
    fn whole(&mut self) -> std::fmt::Result {
        let axis = &self.first.axis;
        let height = self.bottom + 60.0 + ENTRY * self.outcomes.len() as f64;
        let apex = escaped(&self.schedule.apex.to_string());
        write!(
            self.out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} \
             {height}\" role=\"img\" aria-label=\"a simulated cutover of {apex}\">\n<style>\n{STYLE}</style>\n\
             <rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n",
        )?;
        let at = moment(axis.at, &self.schedule.time_zone);
        self.text("title", LEFT, 34.0, "start", &format!("{} flips at T = {at}", self.schedule.apex))?;
        let followed = self.first.caches.max(self.first.hand_over.as_ref().map_or(0, |hand_over| hand_over.resolvers));
        let what = match self.outcomes {
            [_] if self.old.is_none() => "simulated".to_owned(),
            [only] => format!("simulated: {}", way(only)),
            all => format!("simulated: {} ways", all.len()),
        };
        let what = format!("{what}; {followed} caches, seed {}", self.first.seed);
        self.text("dim", LEFT, 56.0, "start", &what)?;
        let scale = Scale::of(self.outcomes.iter().copied());
        if let Some(plot) = self.old {
            self.shares(plot, "Share of caches that hold old data")?;
        }
        if let Some(plot) = self.load {
            self.text("head", LEFT, plot.0 - 14.0, "start", "Queries a second at our server")?;
            let note = match self.outcomes {
                [_] => "thick: on average; thin: in the worst second; logarithmic",
                _ => "in the worst second of each time; logarithmic",
            };
            self.text("dim", RIGHT, plot.0 - 14.0, "end", note)?;
            for decade in scale.decades() {
                self.level(plot, scale.height(decade), &decade.to_string())?;
            }
        }
        if let Some(plot) = self.asking {
            self.shares(plot, "Share of resolvers that ask the old name servers")?;
        }
        for plot in [self.old, self.load, self.asking].into_iter().flatten() {
            self.time(axis, plot)?;
        }
        for (number, outcome) in self.outcomes.iter().enumerate() {
            self.lines(axis, &scale, number, outcome)?;
        }
        self.marks(axis)?;
        self.legend()?;
        self.out.push_str("</svg>\n");
        Ok(())
    }

    /// The ground of a plot of shares.
    fn shares(&mut self, plot: Plot, title: &str) -> std::fmt::Result {
        self.text("head", LEFT, plot.0 - 26.0, "start", title)?;
        for quarter in 0..=4 {
            self.level(plot, f64::from(quarter) / 4.0, &format!("{} %", quarter * 25))?;
        }
        Ok(())
    }

    fn text(&mut self, class: &str, x: f64, y: f64, anchor: &str, text: &str) -> std::fmt::Result {
        let text = escaped(text);
        writeln!(self.out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>")
    }

    fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) -> std::fmt::Result {
        let ((x1, y1), (x2, y2)) = (from, to);
        writeln!(self.out, "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>")
    }

    /// A horizontal line of a plot, with what it means.
    fn level(&mut self, plot: Plot, height: f64, label: &str) -> std::fmt::Result {
        let y = y(plot, height);
        self.line("grid", (LEFT, y), (RIGHT, y))?;
        self.text("dim", LEFT - 8.0, y + 4.5, "end", label)
    }

    /// The axis of time below a plot.
    fn time(&mut self, axis: &Axis, plot: Plot) -> std::fmt::Result {
        self.line("frame", (LEFT, plot.1), (RIGHT, plot.1))?;
        let mut free = LEFT - 30.0;
        for (instant, name) in axis.marks() {
            let x = x(axis, instant);
            self.line("frame", (x, plot.1), (x, plot.1 + 5.0))?;
            if x - 26.0 >= free || name == "T" {
                self.text(if name == "T" { "head" } else { "dim" }, x, plot.1 + 20.0, "middle", &name)?;
                free = x + 26.0;
            }
        }
        Ok(())
    }

    /// What became of one way.
    fn lines(&mut self, axis: &Axis, scale: &Scale, number: usize, outcome: &Outcome) -> std::fmt::Result {
        let (colour, is_alone) = (number % 5, self.outcomes.len() == 1);
        let path = |place: &dyn Fn(&Bucket) -> (f64, f64)| {
            let mut path = String::new();
            let within = outcome.buckets.iter().filter(|bucket| bucket.from >= axis.begin && bucket.from < axis.end);
            for bucket in within {
                let (x, y) = place(bucket);
                let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { 'M' } else { 'L' });
            }
            path
        };
        let middle = |bucket: &Bucket| (x(axis, bucket.from) + x(axis, bucket.until)) / 2.0;
        if let Some(plot) = self.old {
            let line = path(&|bucket| (x(axis, bucket.from), y(plot, bucket.old)));
            self.path(&line, colour, is_alone.then_some(plot))?;
        }
        if let Some(plot) = self.load {
            let load = path(&|bucket| (middle(bucket), y(plot, scale.height(bucket.load))));
            let peak = path(&|bucket| (middle(bucket), y(plot, scale.height(f64::from(bucket.peak)))));
            if is_alone {
                writeln!(self.out, "<path class=\"peak s{colour}\" d=\"{peak}\"/>")?;
            }
            self.path(if is_alone { &load } else { &peak }, colour, is_alone.then_some(plot))?;
        }
        if let Some(plot) = self.asking.filter(|_| number == 0) {
            let line = path(&|bucket| (x(axis, bucket.from), y(plot, outcome.asking_old_at(bucket.from))));
            self.path(&line, colour, Some(plot))?;
        }
        Ok(())
    }

    /// A line, and what is below it if it is alone in its plot.
    fn path(&mut self, line: &str, colour: usize, below: Option<Plot>) -> std::fmt::Result {
        if let Some((_, bottom)) = below {
            let last = line.rsplit('L').next().and_then(|place| place.split(' ').next()).unwrap_or_default();
            let first = line.trim_start_matches('M').split(' ').next().unwrap_or_default();
            let area = format!("{line}L{last} {bottom:.1}L{first} {bottom:.1}Z");
            writeln!(self.out, "<path class=\"area f{colour}\" d=\"{area}\"/>")?;
        }
        writeln!(self.out, "<path class=\"line s{colour}\" d=\"{line}\"/>")
    }

    /// T, and the horizons of the first way.
    fn marks(&mut self, axis: &Axis) -> std::fmt::Result {
        let first = self.first;
        let flip = x(axis, axis.at);
        for (top, bottom) in [self.old, self.load, self.asking].into_iter().flatten() {
            self.line("flip", (flip, top - 6.0), (flip, bottom))?;
            self.text("head", flip - 6.0, top - 9.0, "end", "T")?;
        }
        let beside = |x: f64| if x > RIGHT - 220.0 { (x - 6.0, "end") } else { (x + 6.0, "start") };
        let horizons = [
            ("horizon", first.horizon, -26.0, "promised horizon"),
            ("late", first.pessimistic, -9.0, "with minimum TTLs"),
        ];
        for (class, instant, above, name) in horizons {
            let x = x(axis, instant);
            for (top, bottom) in [self.old, self.load].into_iter().flatten() {
                self.line(class, (x, top - 6.0), (x, bottom))?;
            }
            if let Some((top, _)) = self.old {
                let (place, anchor) = beside(x);
                let text = format!("{name}: {}", from_flip(axis, instant));
                self.text(&format!("t-{class}"), place, top + above, anchor, &text)?;
            }
        }
        let classes = first.hand_over.iter().flat_map(|hand_over| &hand_over.classes);
        let last = classes.filter_map(|class| class.promised).max();
        if let (Some((top, bottom)), Some(last)) = (self.asking, last) {
            let x = x(axis, last);
            self.line("horizon", (x, top - 6.0), (x, bottom))?;
            let (place, anchor) = beside(x);
            let text = format!("promised end: {}", from_flip(axis, last));
            self.text("t-horizon", place, top - 9.0, anchor, &text)?;
        }
        Ok(())
    }

    fn legend(&mut self) -> std::fmt::Result {
        let top = self.bottom + 50.0;
        if self.old.is_none() {
            return Ok(());
        }
        let last = Span(self.first.last);
        for (number, outcome) in self.outcomes.iter().enumerate() {
            let y = top + ENTRY * number as f64;
            let key = (LEFT, y - 4.5);
            self.line(&format!("line s{}", number % 5), key, (LEFT + 28.0, key.1))?;
            self.text("", LEFT + 38.0, y, "start", &way(outcome))?;
            let (asked, peak) = (outcome.queries_per_cache().unwrap_or(0.0), outcome.peak.queries);
            let line =
                format!("asked {asked:.1} times by a busy cache in {last} before T; at most {peak} queries a second");
            self.text("dim", LEFT + 230.0, y, "start", &line)?;
        }
        Ok(())
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
