//! A hand-over of authority, shown: what to do at the registry, who may ask the old servers for how long, and when they
//! may be cancelled.

use std::fmt::Write;

use serde::Serialize;

use super::{Drawing, INDENT, WIDTH, rfc3339, utc, wrapped};
use crate::clock::Instant;
use crate::timeline::authority::{Authority, ClassHorizon, Horizon};
use crate::timeline::run::EndingKind;
use crate::timeline::schedule::{Length, StepKind};
use crate::wire::Name;

impl Drawing<'_> {
    pub(super) fn name_servers(&mut self) -> std::fmt::Result {
        let schedule = self.schedule;
        let Some(authority) = &schedule.authority else { return Ok(()) };
        writeln!(self.out)?;
        writeln!(self.out, "  {}", self.paint.bold("name servers"))?;
        let ending = schedule.run.ending.map(|ending| ending.kind);
        if let Some(EndingKind::RolledBack | EndingKind::Aborted | EndingKind::Withdrawn) = ending {
            let line = "the plan does not hand authority over any more. If the registry's change was made, have it \
                        undone: from then on both sides are needed for as long again";
            return self.lines("", &[line.to_owned()]);
        }
        if schedule.waiting.iter().any(|step| step.kind == StepKind::Flip) {
            let line = "T moves for as long as the run is held, and all that follows with it: do not have the \
                        registry's change made";
            self.lines("", &[line.to_owned()])?;
        }
        self.at_the_registry(authority)?;
        self.classes(authority)?;
        self.cancelled(authority)
    }

    fn at_the_registry(&mut self, authority: &Authority) -> std::fmt::Result {
        let schedule = self.schedule;
        writeln!(self.out)?;
        let title = self.paint.bold("have the registry change the name servers at T");
        self.row(&self.moment(schedule.at), &title)?;
        let mut lines = vec![format!("{} -> {}", list(&authority.from), list(&authority.to))];
        if !authority.switches_here {
            lines.push("the zone that is served here does not change".to_owned());
        }
        if authority.registered_at != schedule.at {
            lines.push(format!(
                "T_reg = {}: the parent's last server has it, T + {} s",
                self.moment(authority.registered_at),
                authority.registered_at.since(schedule.at).as_secs()
            ));
        }
        lines.push(format!("P = {}: the TTL of the NS records at the parent", Length(authority.parent_ttl)));
        if let Some(glue) = authority.glue_ttl {
            lines.push(format!("G = {}: the TTL of the addresses there; a name stays", Length(glue)));
        }
        lines.push(format!("C = {}: the TTL of the NS records in the old zone", Length(authority.child_ttl)));
        match authority.data_ttl {
            Some(data) => lines.push(format!("R = {}: the longest TTL of the data that changes too", Length(data))),
            None => lines.push(
                "data does not change: keep it equal on the old and the new servers, and it does not matter who asks \
                 which"
                    .to_owned(),
            ),
        }
        self.lines(&utc(schedule.at), &lines)
    }

    fn classes(&mut self, authority: &Authority) -> std::fmt::Result {
        writeln!(self.out)?;
        self.row("", &self.paint.bold("until when resolvers may ask the old name servers"))?;
        for ClassHorizon { class, asks, .. } in &authority.horizons {
            let line = match asks.at {
                Some(_) => format!("{}: {class}", asks.sum),
                None => class.to_string(),
            };
            self.end(asks, &line)?;
        }
        if authority.data_ttl.is_none() {
            return Ok(());
        }
        writeln!(self.out)?;
        self.row("", &self.paint.bold("until when they may hold old data of theirs"))?;
        for ClassHorizon { class, holds, .. } in &authority.horizons {
            let Some(holds) = holds else { continue };
            let line = match holds.at {
                Some(_) => format!("{}: {}", holds.sum, class.name().replace('-', " ")),
                None => class.name().to_owned(),
            };
            self.end(holds, &line)?;
        }
        Ok(())
    }

    fn end(&mut self, horizon: &Horizon, line: &str) -> std::fmt::Result {
        let left = horizon.at.map_or_else(|| "while the old ones answer".to_owned(), |at| self.moment(at));
        self.lines(&left, &[line.to_owned()])
    }

    fn cancelled(&mut self, authority: &Authority) -> std::fmt::Result {
        let until = authority.old_servers_until();
        writeln!(self.out)?;
        self.row(&self.moment(until), &self.paint.bold("the old name servers may be cancelled"))?;
        let mut lines = vec!["until then they must answer as the new ones do".to_owned()];
        if authority.is_unbounded() {
            lines.push(format!(
                "sticky resolvers follow only when the old servers stop: some of them fail for up to C = {} then. If \
                 the old servers give the new NS records, too, from T on (old_follows = true), they follow in time",
                Length(authority.child_ttl)
            ));
        }
        let gone = authority.pessimistic_horizon();
        if authority.data_ttl.is_some() {
            lines.push(format!(
                "the old service that the old data leads to may be switched off at {}",
                self.moment(gone)
            ));
        }
        self.lines(&utc(until), &lines)
    }

    /// Lines in the right column, the first with `left` beside it.
    fn lines(&mut self, left: &str, lines: &[String]) -> std::fmt::Result {
        let mut left = left.to_owned();
        for line in lines {
            for (index, line) in wrapped(line, WIDTH - INDENT - 4).into_iter().enumerate() {
                let hanging = if index == 0 { "" } else { "    " };
                self.row(&left, &self.paint.dim(&format!("{hanging}{line}")))?;
                left = String::new();
            }
        }
        Ok(())
    }
}

fn list(names: &[Name]) -> String {
    let mut out = String::new();
    for (index, name) in names.iter().enumerate() {
        let _ = write!(out, "{}{name}", if index == 0 { "" } else { ", " });
    }
    out
}

/// The shape of a hand-over in JSON.
#[derive(Serialize)]
pub(super) struct Json {
    from: Vec<String>,
    to: Vec<String>,
    here: &'static str,
    registered_at: String,
    parent_ttl: u32,
    glue_ttl: Option<u32>,
    child_ttl: u32,
    data_ttl: Option<u32>,
    old_follows: bool,
    horizons: Vec<JsonClass>,
    old_servers_until: String,
}

/// One class of resolvers. An instant that is `null` has no end but that of the old servers.
#[derive(Serialize)]
struct JsonClass {
    class: &'static str,
    asks_old_servers_until: Option<String>,
    sum: String,
    /// Absent if data does not change.
    #[serde(skip_serializing_if = "Option::is_none")]
    holds_old_data: Option<JsonHorizon>,
}

#[derive(Serialize)]
struct JsonHorizon {
    until: Option<String>,
    sum: String,
}

pub(super) fn json(authority: &Authority) -> Json {
    let names = |names: &[Name]| names.iter().map(Name::to_string).collect();
    let instant = |at: Option<Instant>| at.map(rfc3339);
    let class = |horizon: &ClassHorizon| JsonClass {
        class: horizon.class.name(),
        asks_old_servers_until: instant(horizon.asks.at),
        sum: horizon.asks.sum.clone(),
        holds_old_data: horizon
            .holds
            .as_ref()
            .map(|holds| JsonHorizon { until: instant(holds.at), sum: holds.sum.clone() }),
    };
    Json {
        from: names(&authority.from),
        to: names(&authority.to),
        here: if authority.switches_here { "switch" } else { "nothing" },
        registered_at: rfc3339(authority.registered_at),
        parent_ttl: authority.parent_ttl.0,
        glue_ttl: authority.glue_ttl.map(|ttl| ttl.0),
        child_ttl: authority.child_ttl.0,
        data_ttl: authority.data_ttl.map(|ttl| ttl.0),
        old_follows: authority.old_follows,
        horizons: authority.horizons.iter().map(class).collect(),
        old_servers_until: rfc3339(authority.old_servers_until()),
    }
}
