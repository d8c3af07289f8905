//! One question about all zones of a portfolio: asked zone by zone, gathered to one reply.
//!
//! ```text
//! new ─► considering ─┬─► shown, with a token for all that would be done
//!                     └─► acting ─► done
//! ```
//!
//! 1. Each zone is asked for as if a person had named it: what is decided of it is its own, and so is its record in the
//!    journal.
//! 2. To act, everything is considered once more. If it comes to what was shown, each zone is asked to do its part, with
//!    its own token; a zone that changed in between is not touched, and said to be refused.
//! 3. At most [`ASKED_MAX`] zones are asked for at one time; of what they answer only a few words are kept.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::desk::ClockState;
use super::names;
use super::owner::{Answer, Considered};
use super::portfolio::Portfolio;
use super::report::shown_instant;
use super::running::Running;
use super::socket::{Caller, Reply};
use crate::clock::Instant;
use crate::timeline::Digest;
use crate::timeline::conduct::{Decision, Refusal};
use crate::timeline::plan::to_instant;
use crate::timeline::show::{distance, moment, rfc3339};
use crate::wire::Name;

/// The most zones that are asked for at one time.
pub const ASKED_MAX: usize = 256;
/// The most zones that a person is told the name of.
const SHOWN_MAX: usize = 20;
/// The most zones that a program is told the name of.
const LISTED_MAX: usize = 10_000;

/// What is asked of all zones.
#[derive(Debug)]
pub struct Question {
    /// What is to be done.
    pub decision: Decision,
    /// The token of what was shown and is to be done.
    pub act: Option<String>,
}

/// A question about the zones of a portfolio that is being answered.
#[derive(Debug)]
pub struct Gathering {
    caller: Caller,
    portfolio: Arc<Portfolio>,
    question: Question,
    /// Zones that are to be asked for, each with the token of what it is to do.
    waiting: VecDeque<(Name, Option<String>)>,
    asked: usize,
    is_acting: bool,
    fates: BTreeMap<Name, Fate>,
}

/// What becomes of a zone.
#[derive(Debug)]
enum Fate {
    /// It would be done.
    Shown { token: String, recovered_at: Option<Instant> },
    /// It is done.
    Done,
    /// It is as it should be already.
    Needless,
    /// It is not done.
    Refused(String),
}

impl Gathering {
    /// Will ask for `zones`.
    pub fn new(caller: Caller, portfolio: Arc<Portfolio>, question: Question, zones: Vec<Name>) -> Gathering {
        let waiting = zones.into_iter().map(|apex| (apex, None)).collect();
        Gathering { caller, portfolio, question, waiting, asked: 0, is_acting: false, fates: BTreeMap::new() }
    }

    /// What is to be done.
    pub fn decision(&self) -> &Decision {
        &self.question.decision
    }

    /// Who asks.
    pub fn by(&self) -> &str {
        self.caller.by()
    }

    /// Whether nobody waits for the reply any more.
    pub fn has_gone(&self) -> bool {
        self.caller.has_gone()
    }

    /// The next zone to ask for, with the token of what it is to do.
    pub fn ask(&mut self) -> Option<(Name, Option<String>)> {
        if self.asked >= ASKED_MAX {
            return None;
        }
        if self.caller.has_gone() {
            self.waiting.clear();
        }
        let next = self.waiting.pop_front()?;
        self.asked += 1;
        Some(next)
    }

    /// Takes the answer for a zone; whether more may be asked at once.
    pub fn answered(&mut self, apex: Name, answer: Answer) -> bool {
        self.asked = self.asked.saturating_sub(1);
        let fate = match answer {
            Answer::Busy => {
                let token = match self.fates.get(&apex) {
                    Some(Fate::Shown { token, .. }) if self.is_acting => Some(token.clone()),
                    _ => None,
                };
                self.waiting.push_back((apex, token));
                return false;
            }
            Answer::Secondary => Fate::Refused("it is fetched from others".to_owned()),
            Answer::NotServed => Fate::Refused("it is not served".to_owned()),
            Answer::NotJournalled(why) => Fate::Refused(format!("it can't be put into the journal: {why}")),
            Answer::Told(reply) => Fate::Refused(reply.text),
            Answer::Done(_) => Fate::Done,
            Answer::Shown(considered) | Answer::Changed(considered) => self.fate(*considered),
        };
        self.fates.insert(apex, fate);
        true
    }

    fn fate(&self, considered: Considered) -> Fate {
        let Considered { token, result, .. } = considered;
        match result {
            Ok(_) if self.is_acting => Fate::Refused("it has changed meanwhile".to_owned()),
            Ok(decided) => Fate::Shown { token, recovered_at: decided.price.map(|price| price.recovered_at) },
            Err(refusal) if is_needless(&self.question.decision, &refusal) => Fate::Needless,
            Err(Refusal::Faults(faults)) => {
                let fault = faults.iter().find(|fault| fault.is_error()).or(faults.first());
                Fate::Refused(fault.map_or_else(String::new, |fault| format!("{} [{}]", fault.message, fault.code)))
            }
            Err(refusal) => Fate::Refused(refusal.to_string()),
        }
    }

    /// Whether nothing can be done until somebody answers.
    pub fn waits(&self) -> bool {
        self.asked > 0
    }

    /// Whether every zone has answered and nothing follows; if all is to be done, that begins now.
    pub fn is_over(&mut self) -> bool {
        if self.asked > 0 || !self.waiting.is_empty() {
            return false;
        }
        let acts = self.question.act.is_some() && self.question.act == self.token();
        if self.is_acting || !acts || self.caller.has_gone() {
            return true;
        }
        self.is_acting = true;
        let parts = self.fates.iter().filter_map(|(apex, fate)| match fate {
            Fate::Shown { token, .. } => Some((apex.clone(), Some(token.clone()))),
            _ => None,
        });
        self.waiting = parts.collect();
        false
    }

    /// What stands for all that would be done; `None` if that is nothing.
    fn token(&self) -> Option<String> {
        let shown = |(apex, fate): (&'_ Name, &'_ Fate)| match fate {
            Fate::Shown { token, .. } => Some((apex.wire().to_vec(), token.clone().into_bytes())),
            _ => None,
        };
        let parts: Vec<_> = self.fates.iter().filter_map(shown).collect();
        let octets = parts.iter().flat_map(|(apex, token)| [apex.as_slice(), token.as_slice()]);
        (!parts.is_empty()).then(|| Digest::of(octets).short())
    }

    /// Tells who asked what came of it.
    pub fn tell(self, clock: &ClockState) {
        let reply = self.reply(clock);
        self.caller.reply(reply);
    }

    fn reply(&self, clock: &ClockState) -> Reply {
        let path = &self.portfolio.plan.path;
        let count = |is: fn(&Fate) -> bool| self.fates.values().filter(|fate| is(fate)).count();
        let is_able = |fate: &Fate| matches!(fate, Fate::Shown { .. } | Fate::Done);
        let (able, needless) = (count(is_able), count(|fate| matches!(fate, Fate::Needless)));
        let refused = self.fates.iter().filter_map(|(apex, fate)| match fate {
            Fate::Refused(why) => Some((names::shown(apex.as_ref()), why)),
            _ => None,
        });
        let refused: Vec<_> = refused.collect();
        let (would, did) = words(&self.question.decision);
        let verb = if self.is_acting { did } else { would };
        let mut text = format!("{path}: {able} of {} zones {verb}\n", self.fates.len());
        let mut waves = Vec::new();
        let says = &self.portfolio.says;
        let first = says.at(0);
        let mut by_wave: BTreeMap<u32, usize> = BTreeMap::new();
        for (apex, _) in self.fates.iter().filter(|(_, fate)| is_able(fate)) {
            *by_wave.entry(says.wave(apex.as_ref())).or_default() += 1;
        }
        for (wave, zones) in by_wave {
            let at = to_instant(&says.at(wave));
            _ = writeln!(text, "  wave {:>3}, {}: {zones}", wave + 1, moment(at, first.time_zone()));
            waves.push(json!({ "wave": wave + 1, "at": rfc3339(at), "zones": zones }));
        }
        let recovered_at = self.fates.values().filter_map(|fate| match fate {
            Fate::Shown { recovered_at, .. } => *recovered_at,
            _ => None,
        });
        let recovered_at = recovered_at.max().filter(|_| self.question.decision == Decision::RollBack);
        if let Some(at) = recovered_at {
            let at = moment(at, first.time_zone());
            _ = writeln!(text, "  if you roll back now, the last cache recovers at {at}");
        }
        if needless > 0 {
            _ = writeln!(text, "  {needless} need nothing: they are so already");
        }
        if !refused.is_empty() {
            _ = writeln!(text, "  {} refused", refused.len());
            for (zone, why) in refused.iter().take(SHOWN_MAX) {
                _ = writeln!(text, "    {zone}: {}", why.strip_prefix(&format!("{zone}: ")).unwrap_or(why));
            }
            if refused.len() > SHOWN_MAX {
                _ = writeln!(text, "    and {} more", refused.len() - SHOWN_MAX);
            }
        }
        for warning in clock.warnings().iter().filter(|_| self.question.decision == Decision::Arm && !self.is_acting) {
            _ = writeln!(text, "warning: {warning}");
        }
        let listed = refused.iter().take(LISTED_MAX).map(|(zone, why)| json!({ "zone": zone, "why": why }));
        let data = json!({
            "portfolio": &**path,
            "zones": self.fates.len(),
            "able": able,
            "needless": needless,
            "waves": waves,
            "refused": refused.len(),
            "refusals": listed.collect::<Vec<_>>(),
            "cost": recovered_at.map_or(Value::Null, |at| json!({ "recovered_at": rfc3339(at) })),
            "clock": clock.warnings(),
        });
        match (self.is_acting, self.token()) {
            (true, _) => Reply::done(text, data).refusing(refused.len()),
            (false, Some(token)) => Reply::shown(text, data).token(token),
            (false, None) => Reply::shown(text, data).help("no zone of this portfolio would be touched"),
        }
    }
}

/// Whether `refusal` says that what was decided is so already.
fn is_needless(decision: &Decision, refusal: &Refusal) -> bool {
    matches!(
        (decision, refusal),
        (Decision::Arm, Refusal::ArmedAlready | Refusal::NothingToDo)
            | (Decision::Hold { .. }, Refusal::Held)
            | (Decision::Resume { .. }, Refusal::NotHeld)
    )
}

/// What would be done and what was done to zones, in words.
fn words(decision: &Decision) -> (&'static str, &'static str) {
    match decision {
        Decision::Arm => ("would be armed", "are armed"),
        Decision::Hold { .. } => ("would be held", "are held"),
        Decision::Resume { .. } => ("would go on", "go on"),
        Decision::Approve { .. } => ("would be approved", "are approved"),
        Decision::Pass { .. } => ("would pass their gates", "have passed their gates"),
        Decision::RollBack => ("would go back to the old data", "have gone back to the old data"),
        Decision::Abort => ("would be given up", "are given up"),
    }
}

/// Where the plans of a portfolio's zones stand, wave by wave.
pub fn overview<'a>(
    portfolio: &Portfolio,
    zones: impl Iterator<Item = (&'a Name, Option<&'a Arc<Running>>)>,
    clock: &ClockState,
    now: Instant,
) -> Reply {
    let says = &portfolio.says;
    let mut waves: BTreeMap<u32, (usize, BTreeMap<&'static str, usize>)> = BTreeMap::new();
    let mut next: Option<Instant> = None;
    for (apex, running) in zones {
        let digest = portfolio.plan.digest();
        let state = match running {
            None => "not armed",
            Some(running) if running.run.plan != digest && !running.run.is_over() => "armed as another plan",
            Some(running) => running.run.state(),
        };
        let timeline = running.and_then(|running| running.timeline.as_ref());
        let change = timeline.and_then(|timeline| timeline.next_change(now));
        next = [next, change].into_iter().flatten().min();
        let (count, states) = waves.entry(says.wave(apex.as_ref())).or_default();
        *count += 1;
        *states.entry(state).or_default() += 1;
    }
    let count: usize = waves.values().map(|(count, _)| count).sum();
    let mut text = format!("{}: {count} zones in {} waves\n", portfolio.plan.path, says.waves());
    let mut rows = Vec::with_capacity(waves.len());
    for (wave, (count, states)) in waves {
        let at = says.at(wave);
        let shown: Vec<_> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let (at, place) = (to_instant(&at), at.time_zone().clone());
        let when = (moment(at, &place), distance(at, now));
        _ = writeln!(text, "  wave {:>3}, {}, {}: {count} zones: {}", wave + 1, when.0, when.1, shown.join(", "));
        rows.push(json!({ "wave": wave + 1, "at": rfc3339(at), "zones": count, "states": states }));
    }
    if let Some(next) = next {
        _ = writeln!(text, "  the next step is at {}", shown_instant(next));
    }
    for warning in clock.warnings() {
        _ = writeln!(text, "warning: {warning}");
    }
    let data = json!({
        "portfolio": &*portfolio.plan.path,
        "waves": rows,
        "next_change": next.map(rfc3339),
        "clock": clock.warnings(),
    });
    Reply::shown(text, data)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::owner::{Asked, Ticket};
    use super::super::portfolio::{self, Reading};
    use super::super::{discipline::Synchronisation, socket};
    use super::*;
    use crate::timeline::conduct::{Decided, Outcome};

    const ZONES: usize = 1000;

    fn portfolio() -> Arc<Portfolio> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spring.portfolio.toml");
        let text = "version = 1\nzones = [\"*\"]\nat = \"2040-01-01T00:00Z\"\n[[flip]]\nname = \"www\"\ntype = \"A\"\n\
                    from = [\"192.0.2.1\"]\nto = [\"192.0.2.2\"]\n";
        std::fs::write(&path, text).unwrap();
        match portfolio::read(&path.into()) {
            Reading::Sound(portfolio) => portfolio,
            other => panic!("{other:?}"),
        }
    }

    fn clock() -> ClockState {
        ClockState { synchronisation: Synchronisation::Unsynchronised, held_back: None, stepped: None }
    }

    fn gathering(act: Option<String>) -> (Gathering, tokio::sync::oneshot::Receiver<Reply>) {
        let (caller, coming) = Caller::new("uid 1");
        let zones = (0..ZONES).map(|i| Name::from_text(&format!("z{i}.test")).unwrap()).collect();
        let question = Question { decision: Decision::Arm, act };
        (Gathering::new(caller, portfolio(), question, zones), coming)
    }

    fn considered(apex: &Name, result: Result<Decided, Refusal>) -> Box<Considered> {
        let asked = Asked {
            ticket: Ticket(0),
            apex: apex.clone(),
            decision: Decision::Arm,
            by: String::new(),
            act: crate::control::owner::Act::No,
        };
        Box::new(Considered { asked, token: format!("token of {apex}"), result })
    }

    fn can() -> Result<Decided, Refusal> {
        let (entries, diagnostics) = (Vec::new(), Vec::new());
        let outcome = Outcome { entries, plan: None, run: None, schedule: None, timeline: None, diagnostics };
        Ok(Decided { outcome, before: None, price: None })
    }

    /// Answers all that is asked, every tenth zone with a refusal; what is to be done is done but for `changed`.
    fn answer_all(gathering: &mut Gathering, changed: &str) -> Reply {
        let mut asked = VecDeque::new();
        loop {
            while let Some(next) = gathering.ask() {
                asked.push_back(next);
            }
            assert!(asked.len() <= ASKED_MAX);
            let Some((apex, act)) = asked.pop_front() else {
                if gathering.is_over() {
                    return gathering.reply(&clock());
                }
                continue;
            };
            let zone = names::shown(apex.as_ref());
            let answer = match act {
                Some(act) => {
                    assert_eq!(act, format!("token of {apex}"));
                    match zone == changed {
                        true => Answer::Changed(considered(&apex, can())),
                        false => Answer::Done(considered(&apex, can())),
                    }
                }
                None if zone.ends_with("0.test") => Answer::Shown(considered(&apex, Err(Refusal::NoPlan))),
                None => Answer::Shown(considered(&apex, can())),
            };
            gathering.answered(apex, answer);
        }
    }

    #[test]
    fn all_is_shown_then_done_each_zone_by_its_own_token() {
        let (mut first, _coming) = gathering(None);
        let shown = answer_all(&mut first, "");
        assert_eq!(shown.outcome, socket::Outcome::Shown);
        assert!(shown.text.contains("900 of 1000 zones would be armed"), "{}", shown.text);
        assert!(shown.text.contains("and 80 more"), "{}", shown.text);

        let (mut second, _coming) = gathering(shown.token.clone());
        let done = answer_all(&mut second, "z7.test");
        assert_eq!((done.outcome, done.refused), (socket::Outcome::Done, 101));
        assert!(done.text.contains("899 of 1000 zones are armed"), "{}", done.text);

        // What stands for something else is not done, but shown.
        let (mut third, _coming) = gathering(Some("5f".to_owned()));
        let again = answer_all(&mut third, "");
        assert_eq!((again.outcome, again.token), (socket::Outcome::Shown, shown.token));
    }

    #[test]
    fn a_zone_that_nobody_could_be_asked_for_is_asked_for_again() {
        let (mut gathering, _coming) = gathering(None);
        let (apex, _) = gathering.ask().unwrap();
        assert!(!gathering.answered(apex.clone(), Answer::Busy));
        assert!(!gathering.is_over());
        let rest: Vec<_> = std::iter::from_fn(|| {
            let (next, _) = gathering.ask()?;
            gathering.answered(next.clone(), Answer::NotServed);
            Some(next)
        })
        .collect();
        assert_eq!((rest.len(), rest.last()), (ZONES, Some(&apex)));
    }

    #[test]
    fn for_who_has_gone_nothing_more_is_asked() {
        let (mut gathering, coming) = gathering(None);
        let (apex, _) = gathering.ask().unwrap();
        drop(coming);
        assert_eq!(gathering.ask(), None);
        gathering.answered(apex, Answer::NotServed);
        assert!(gathering.is_over());
    }
}
