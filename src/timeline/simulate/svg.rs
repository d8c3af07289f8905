//! A simulation as an SVG picture, which needs nothing else: one or several ways over the same time.
//!
//! It is readable on light and on dark ground: it follows the reader's preference.

use std::fmt::Write;

use super::picture::{from_flip, way};
use super::scale::Scale;
use super::{Axis, Outcome};
use crate::clock::Instant;
use crate::timeline::Schedule;
use crate::timeline::show::moment;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 936.0;
/// Each plot's upper and lower edge.
const OLD: (f64, f64) = (112.0, 292.0);
const LOAD: (f64, f64) = (356.0, 556.0);

const STYLE: &str = "\
svg { background: #ffffff; font: 13px system-ui, 'Helvetica Neue', Arial, sans-serif; }
text { fill: #24292f; } .dim { fill: #6e7781; } .title { font-size: 17px; font-weight: 600; }
.head { font-weight: 600; } .grid { stroke: #d8dee4; } .frame { stroke: #8c959f; }
.flip { stroke: #24292f; stroke-width: 1.5; } .horizon { stroke: #1a7f37; stroke-width: 1.5; stroke-dasharray: 5 3; }
.late { stroke: #8250df; stroke-width: 1.5; stroke-dasharray: 2 3; }
.t-horizon { fill: #1a7f37; } .t-late { fill: #8250df; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; } .thin { stroke-width: 1.5; } .peak { fill: none; stroke-width: 1; opacity: .55; }
.area { stroke: none; opacity: .14; }
.s0 { stroke: #0969da; } .s1 { stroke: #cf222e; } .s2 { stroke: #bf8700; } .s3 { stroke: #1b7c83; } .s4 { stroke: #a0378a; }
.f0 { fill: #0969da; } .f1 { fill: #cf222e; } .f2 { fill: #bf8700; } .f3 { fill: #1b7c83; } .f4 { fill: #a0378a; }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117; } text { fill: #e6edf3; } .dim { fill: #8b949e; } .grid { stroke: #262c34; }
.frame { stroke: #6e7681; } .flip { stroke: #e6edf3; } .horizon { stroke: #3fb950; } .late { stroke: #bc8cff; }
.t-horizon { fill: #3fb950; } .t-late { fill: #bc8cff; }
.s0 { stroke: #58a6ff; } .s1 { stroke: #ff7b72; } .s2 { stroke: #e3b341; } .s3 { stroke: #56d4dd; } .s4 { stroke: #f778ba; }
.f0 { fill: #58a6ff; } .f1 { fill: #ff7b72; } .f2 { fill: #e3b341; } .f3 { fill: #56d4dd; } .f4 { fill: #f778ba; }
}
";

/// The outcomes of one plan, the first of them that of `schedule` itself, as SVG; nothing if there are none.
pub fn svg(outcomes: &[&Outcome], schedule: &Schedule) -> String {
    let mut drawing = Drawing { out: String::new(), outcomes, schedule };
    // Writing to a String can't fail.
    let _ = drawing.whole();
    drawing.out
}

struct Drawing<'a> {
    out: String,
    outcomes: &'a [&'a Outcome],
    schedule: &'a Schedule,
}

fn x(axis: &Axis, instant: Instant) -> f64 {
    LEFT + (RIGHT - LEFT) * axis.place(instant)
}

fn y((top, bottom): (f64, f64), height: f64) -> f64 {
    bottom - (bottom - top) * height
}

impl Drawing<'_> {
    fn whole(&mut self) -> std::fmt::Result {
        let Some(first) = self.outcomes.first().copied() else { return Ok(()) };
        let axis = &first.axis;
        let legend = if self.outcomes.len() > 1 { 24.0 * self.outcomes.len() as f64 } else { 0.0 };
        let height = 640.0 + legend;
        let apex = escaped(&self.schedule.apex.to_string());
        write!(
            self.out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} \
             {height}\" role=\"img\" aria-label=\"a simulated cutover of {apex}\">\n<style>\n{STYLE}</style>\n",
        )?;
        let at = escaped(&moment(axis.at, &self.schedule.time_zone));
        self.text("title", LEFT, 34.0, "start", &format!("{apex} flips at {at}"))?;
        let what = match self.outcomes {
            [_] => format!("{}, simulated with {} caches, seed {}", way(first), first.caches, first.seed),
            all => format!("{} ways, simulated with {} caches, seed {}", all.len(), first.caches, first.seed),
        };
        self.text("dim", LEFT, 56.0, "start", &what)?;
        self.text("head", LEFT, OLD.0 - 26.0, "start", "Share of caches that hold old data")?;
        for quarter in 0..=4 {
            let share = f64::from(quarter) / 4.0;
            self.level(OLD, share, &format!("{} %", quarter * 25))?;
        }
        let scale = Scale::of(self.outcomes.iter().copied());
        self.text("head", LEFT, LOAD.0 - 14.0, "start", "Queries a second at our server")?;
        let note = match self.outcomes {
            [_] => "thick: on average; thin: in the worst second; logarithmic",
            _ => "in the worst second of each time; logarithmic",
        };
        self.text("dim", RIGHT, LOAD.0 - 14.0, "end", note)?;
        for decade in scale.decades() {
            self.level(LOAD, scale.height(decade), &decade.to_string())?;
        }
        for plot in [OLD, LOAD] {
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

    fn text(&mut self, class: &str, x: f64, y: f64, anchor: &str, text: &str) -> std::fmt::Result {
        let text = escaped(text);
        writeln!(self.out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>")
    }

    fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) -> std::fmt::Result {
        let ((x1, y1), (x2, y2)) = (from, to);
        writeln!(self.out, "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>")
    }

    /// A horizontal line of a plot, with what it means.
    fn level(&mut self, plot: (f64, f64), height: f64, label: &str) -> std::fmt::Result {
        let y = y(plot, height);
        self.line("grid", (LEFT, y), (RIGHT, y))?;
        self.text("dim", LEFT - 8.0, y + 4.5, "end", label)
    }

    /// The axis of time below a plot.
    fn time(&mut self, axis: &Axis, plot: (f64, f64)) -> std::fmt::Result {
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
        let within = || outcome.buckets.iter().filter(|bucket| bucket.from >= axis.begin && bucket.from < axis.end);
        let path = |height: &dyn Fn(&super::Bucket) -> (f64, f64)| {
            let mut path = String::new();
            for bucket in within() {
                let (plot_x, plot_y) = height(bucket);
                let _ = write!(path, "{}{plot_x:.1} {plot_y:.1}", if path.is_empty() { 'M' } else { 'L' });
            }
            path
        };
        let colour = number % 5;
        let middle = |bucket: &super::Bucket| (x(axis, bucket.from) + x(axis, bucket.until)) / 2.0;
        let old = path(&|bucket| (x(axis, bucket.from), y(OLD, bucket.old)));
        let load = path(&|bucket| (middle(bucket), y(LOAD, scale.height(bucket.load))));
        let peak = path(&|bucket| (middle(bucket), y(LOAD, scale.height(f64::from(bucket.peak)))));
        if self.outcomes.len() == 1 {
            for (line, plot) in [(&old, OLD), (&load, LOAD)] {
                let last = within().last().map_or(RIGHT, |bucket| x(axis, bucket.from));
                writeln!(
                    self.out,
                    "<path class=\"area f{colour}\" d=\"{line}L{last:.1} {0:.1}L{LEFT:.1} {0:.1}Z\"/>",
                    plot.1
                )?;
            }
        }
        writeln!(self.out, "<path class=\"line s{colour}\" d=\"{old}\"/>")?;
        if self.outcomes.len() > 1 {
            return writeln!(self.out, "<path class=\"line thin s{colour}\" d=\"{peak}\"/>");
        }
        writeln!(self.out, "<path class=\"peak s{colour}\" d=\"{peak}\"/>")?;
        writeln!(self.out, "<path class=\"line s{colour}\" d=\"{load}\"/>")
    }

    /// T and the horizons of the first way.
    fn marks(&mut self, axis: &Axis) -> std::fmt::Result {
        let Some(first) = self.outcomes.first().copied() else { return Ok(()) };
        let marks = [("flip", axis.at), ("horizon", first.horizon), ("late", first.pessimistic)];
        for (class, instant) in marks {
            let x = x(axis, instant);
            for (top, bottom) in [OLD, LOAD] {
                self.line(class, (x, top - 6.0), (x, bottom))?;
            }
        }
        let told = |instant| from_flip(axis, instant);
        let (horizon, late) = (told(first.horizon), told(first.pessimistic));
        let (x_horizon, x_late) = (x(axis, first.horizon), x(axis, first.pessimistic));
        self.text("head", x(axis, axis.at) - 5.0, OLD.0 - 8.0, "end", "T")?;
        let beside = |x: f64| if x > RIGHT - 260.0 { (x - 5.0, "end") } else { (x + 5.0, "start") };
        let (place, anchor) = beside(x_horizon);
        self.text("t-horizon", place, OLD.0 - 26.0, anchor, &format!("promised horizon: {horizon}"))?;
        let (place, anchor) = beside(x_late);
        self.text("t-late", place, OLD.0 - 9.0, anchor, &format!("with minimum TTLs: {late}"))
    }

    fn legend(&mut self) -> std::fmt::Result {
        let top = LOAD.1 + 50.0;
        if let [only] = self.outcomes {
            let asked = only.queries_per_cache().map_or_else(String::new, |asked| {
                let last = crate::timeline::schedule::Span(only.last);
                format!("A busy cache that obeys TTLs asks {asked:.1} times in the last {last} before T; ")
            });
            let line = format!("{asked}all together ask at most {} times in a second.", only.peak.queries);
            return self.text("dim", LEFT, top, "start", &line);
        }
        for (number, outcome) in self.outcomes.iter().enumerate() {
            let y = top + 24.0 * number as f64;
            self.line(&format!("line s{}", number % 5), (LEFT, y - 4.5), (LEFT + 28.0, y - 4.5))?;
            let asked = outcome.queries_per_cache().unwrap_or(0.0);
            let peak = outcome.peak.queries;
            let name = way(outcome);
            self.text("", LEFT + 38.0, y, "start", &name)?;
            let line = format!("asked {asked:.1} times by a busy cache before T; at most {peak} queries a second");
            self.text("dim", LEFT + 230.0, y, "start", &line)?;
        }
        Ok(())
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
