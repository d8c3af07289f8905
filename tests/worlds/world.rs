//! A world on a virtual clock: the real owner, loader's and conductor's decisions over files, a journal and people that
//! are values.
//!
//! What a crash takes is in [`Machine`], what it leaves in [`World`]. Every effect that is carried out and everything
//! that comes back is a point at which it can crash.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant as Monotonic};

use watari::clock::Instant;
use watari::control::desk;
use watari::control::fingerprint::Fingerprint;
use watari::control::history::{Before, Limits, Since};
use watari::control::load::{Loaded, Outcome, Request};
use watari::control::names::Role;
use watari::control::owner::{
    Act, Answer, Asked, Consider, Considered, Effect, Event, Owner, Scanned, Service, Ticket,
};
use watari::control::registry::Content;
use watari::control::running::{News, Served};
use watari::control::settle::Change;
use watari::control::store::Record;
use watari::control::tree::{self, Tree};
use watari::control::watch::Seen;
use watari::timeline::conduct::{Decision, PlanText, Refusal};
use watari::timeline::{self, Run, Schedule, Timeline, Verdict};
use watari::zone::text::{self, NoInclude};

use crate::chance::Chance;
use crate::files::{PlanFile, T, ZONE, ZoneFile, apex};
use crate::journal::Journal;
use crate::script::{Ask, Script, Wait, What};

const TOP: &str = "zones";
const GRACE: Duration = Duration::from_secs(1);

/// A rule that was broken, and how.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) rule: u8,
    pub(crate) how: String,
}

pub(crate) fn broken<T>(rule: u8, how: impl Into<String>) -> Result<T, Broken> {
    Err(Broken { rule, how: how.into() })
}

/// What was served from some instant on.
#[derive(Clone, Debug)]
pub(crate) struct Chapter {
    pub(crate) from: Instant,
    pub(crate) timeline: Option<Arc<Timeline>>,
    /// Where the plan stood, and what it came to.
    pub(crate) run: Option<Run>,
    pub(crate) schedule: Option<Schedule>,
    /// How many records the journal had.
    pub(crate) journalled: usize,
    /// Whether the journal took so long that a step came in between, and what is served is but for a moment.
    pub(crate) is_overtaken: bool,
}

/// What who asked for a rollback was told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise {
    pub(crate) told_at: Instant,
    pub(crate) recovered_at: Instant,
}

/// What lies on the disk.
#[derive(Clone, Debug)]
struct Disk {
    zone: ZoneFile,
    plan: Option<PlanFile>,
    /// The plan that was there last, and since when a plan's file is there.
    last_plan: Option<PlanFile>,
    came: Instant,
    writings: [u64; 2],
}

/// What comes back of what was begun.
#[derive(Debug)]
enum Coming {
    Event(Event),
    Read(Vec<Request>),
    Consider(Box<Consider>, Option<Arc<Timeline>>),
    Append(Vec<Record>),
    Reached(Instant),
}

/// What lives in memory.
struct Machine {
    owner: Owner,
    coming: Vec<(Duration, u64, Coming)>,
    count: u64,
    timeline: Option<Arc<Timeline>>,
    asked: HashMap<Ticket, (Decision, bool)>,
    /// When the journal's disk is done with what it has.
    journal_free: Duration,
}

pub(crate) struct World {
    chance: Chance,
    disk: Disk,
    pub(crate) journal: Journal,
    /// Since the beginning of the world.
    passed: Duration,
    /// What the system's clock says besides.
    clock_at_start: i64,
    latest: Instant,
    machine: Option<Machine>,
    tickets: u64,
    crash_in: Option<(u32, Duration)>,
    load_takes: Duration,
    journal_takes: Duration,
    failing: u32,
    /// What looks see.
    sees: u64,
    pub(crate) chapters: Vec<Chapter>,
    pub(crate) promises: Vec<Promise>,
    /// Whether the journal ever took longer than a decision has headway.
    pub(crate) was_late: bool,
}

fn monotonic(passed: Duration) -> Monotonic {
    static START: OnceLock<Monotonic> = OnceLock::new();
    *START.get_or_init(Monotonic::now) + passed
}

fn fingerprint(text: &str) -> Fingerprint {
    Fingerprint::default().with_bytes(text.as_bytes())
}

impl World {
    /// A world until the end of its script, and some hours longer.
    ///
    /// # Errors
    /// A rule that was broken.
    pub(crate) fn run(script: &Script) -> Result<World, Broken> {
        let start = Instant::from_unix_seconds(T + script.starts);
        let disk = Disk {
            zone: script.zone.clone(),
            plan: script.plan.clone(),
            last_plan: script.plan.clone(),
            came: start.before(Duration::from_secs(60)),
            writings: [1, 1],
        };
        let mut world = World::with(disk, Journal::default(), start, Chance::new(script.seed));
        world.start()?;
        world.pass(Duration::from_millis(200))?;
        for happening in &script.happenings {
            world.wait(happening.wait)?;
            world.happen(&happening.what)?;
            if world.chance.percent(25) {
                world.compare_with_restarted()?;
            }
        }
        world.crash_in = None;
        world.pass(Duration::from_secs(20))?;
        world.answer_was_given()?;
        world.compare_with_restarted()?;
        world.pass(Duration::from_secs(30_000))?;
        world.compare_with_restarted()?;
        Ok(world)
    }

    fn with(disk: Disk, journal: Journal, start: Instant, chance: Chance) -> World {
        World {
            chance,
            disk,
            journal,
            passed: Duration::ZERO,
            clock_at_start: start.unix_nanos(),
            latest: Instant::from_unix_seconds(0),
            machine: None,
            tickets: 0,
            crash_in: None,
            load_takes: Duration::from_millis(1),
            journal_takes: Duration::from_millis(1),
            failing: 0,
            sees: 2,
            chapters: Vec::new(),
            promises: Vec::new(),
            was_late: false,
        }
    }

    /// The ratchet's reading.
    pub(crate) fn now(&mut self) -> Instant {
        let system = Instant::from_unix_nanos(self.clock_at_start).after(self.passed);
        self.latest = self.latest.max(system);
        self.latest
    }

    /// The same, for who decides.
    fn next(&mut self) -> Instant {
        let before = self.latest;
        if self.now() == before {
            self.latest = before.after(Duration::from_nanos(1));
        }
        self.latest
    }

    fn start(&mut self) -> Result<(), Broken> {
        self.latest = self.journal.last_at();
        let mut owner = Owner::new(Path::new(TOP), 2, GRACE, self.journal.running());
        let effects = owner.start();
        self.machine = Some(Machine {
            owner,
            coming: Vec::new(),
            count: 0,
            timeline: None,
            asked: HashMap::new(),
            journal_free: self.passed,
        });
        self.carry_out(effects)
    }

    fn stop(&mut self) {
        self.machine = None;
        let from = self.now();
        let journalled = self.journal.records.len();
        self.chapters.push(Chapter {
            from,
            timeline: None,
            run: None,
            schedule: None,
            journalled,
            is_overtaken: false,
        });
    }

    /// Whether it crashes here; then it has.
    fn crashes(&mut self) -> bool {
        let Some((left, _)) = &mut self.crash_in else { return false };
        if *left > 0 {
            *left -= 1;
            return false;
        }
        self.stop();
        true
    }

    fn come_back(&mut self) -> Result<(), Broken> {
        while self.machine.is_none() {
            let down = self.crash_in.take().map_or(Duration::ZERO, |(_, down)| down);
            self.passed += down;
            self.start()?;
        }
        Ok(())
    }

    fn after(&mut self, most: Duration, coming: Coming) {
        let wait = Duration::from_micros(self.chance.below(most.as_micros() as u64 + 1));
        let at = self.passed + wait;
        self.at(at, coming);
    }

    fn at(&mut self, at: Duration, coming: Coming) {
        let Some(machine) = &mut self.machine else { return };
        machine.count += 1;
        machine.coming.push((at, machine.count, coming));
    }

    fn handle(&mut self, event: Event) -> Result<(), Broken> {
        let (passed, now) = (self.passed, self.now());
        let Some(machine) = &mut self.machine else { return Ok(()) };
        let effects = machine.owner.handle(event, monotonic(passed), now);
        self.carry_out(effects)
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), Broken> {
        for effect in effects {
            if self.crashes() {
                return self.come_back();
            }
            match effect {
                Effect::Scan { under, stat, .. } => {
                    let mut tree = Tree::default();
                    let mut files = tree::files(&Path::new(TOP).into(), &apex(), ZONE);
                    (files.zone, files.plan) = (true, self.disk.plan.is_some());
                    files.disk = if stat { self.disk.fingerprint() } else { Fingerprint::default() };
                    tree.zones.insert(apex(), files);
                    let scanned = Scanned { under, tree, included: Vec::new() };
                    self.after(Duration::from_millis(1), Coming::Event(Event::Scanned(scanned)));
                }
                Effect::Load(requests) => self.after(self.load_takes, Coming::Read(requests)),
                Effect::Consider(consider) => {
                    let timeline = self.machine.as_ref().and_then(|machine| machine.timeline.clone());
                    self.after(self.load_takes, Coming::Consider(Box::new(consider), timeline));
                }
                Effect::Journal(records) => {
                    let takes = Duration::from_micros(self.chance.below(self.journal_takes.as_micros() as u64 + 1));
                    let Some(machine) = &mut self.machine else { continue };
                    machine.journal_free = machine.journal_free.max(self.passed) + takes;
                    let at = machine.journal_free;
                    self.at(at, Coming::Append(records));
                }
                Effect::Reached(at) => {
                    let Some(machine) = &self.machine else { continue };
                    let free = machine.journal_free.max(self.passed);
                    self.at(free, Coming::Reached(at));
                }
                Effect::Publish(changes) => self.publish(changes)?,
                Effect::Answer(ticket, answer) => self.answer(ticket, answer)?,
                Effect::Look(look) => {
                    // It flaps: once it is so, it stays so for a while.
                    if self.chance.percent(15) {
                        self.sees = self.chance.below(4);
                    }
                    let verdict = match self.sees {
                        0 => Verdict::Fail("refused".to_owned()),
                        1 => Verdict::Unknown("no route".to_owned()),
                        _ => Verdict::Pass,
                    };
                    let looked = Event::Looked { apex: look.apex, number: look.number, verdict };
                    self.after(Duration::from_secs(5), Coming::Event(looked));
                }
                // Nobody updates these zones.
                Effect::Write(..) | Effect::Update(_) | Effect::Say(_) | Effect::Sync(_) => {
                    unreachable!("nobody has asked for an update")
                }
                Effect::AskSerial(..)
                | Effect::Inform(_)
                | Effect::Pass(_)
                | Effect::Fetch(_)
                | Effect::Feed(_)
                | Effect::Forget(_)
                | Effect::Prepare(_)
                | Effect::BeginPromotion(_)
                | Effect::Settle(_)
                | Effect::EndPromotion(..)
                | Effect::NoteMembers(_)
                | Effect::Draw(_)
                | Effect::Notify(_)
                | Effect::ReadPortfolio(..)
                | Effect::Report(_)
                | Effect::Ready(_)
                | Effect::Tidy => {}
            }
        }
        Ok(())
    }

    fn come(&mut self, coming: Coming) -> Result<(), Broken> {
        let now = self.now();
        match coming {
            Coming::Event(event) => self.handle(event)?,
            Coming::Read(requests) => {
                let now = self.next();
                let loaded = requests.into_iter().map(|request| self.read(request, now)).collect();
                self.after(self.load_takes, Coming::Event(Event::Loaded(loaded)));
            }
            Coming::Consider(consider, timeline) => {
                let now = self.next();
                let considered = self.consider(*consider, timeline.as_deref(), now);
                self.after(self.load_takes, Coming::Event(Event::Considered(Box::new(considered))));
            }
            Coming::Reached(at) => self.journal.reach(at),
            Coming::Append(records) => {
                self.was_late |= records.iter().any(|record| record.entry.at < now);
                let apexes = vec![apex()];
                let failure = if self.failing > 0 {
                    self.failing -= 1;
                    Some("the disk is full".to_owned())
                } else {
                    if let Err(why) = self.journal.append(records) {
                        return broken(6, format!("the journal would refuse what it is given: {why}"));
                    }
                    None
                };
                self.after(Duration::from_micros(100), Coming::Event(Event::Journalled { apexes, failure }));
            }
        }
        Ok(())
    }

    /// What a loader that reads now will say.
    fn read(&self, request: Request, now: Instant) -> Loaded {
        let Request { apex, files, serving, running, base, overlaid: _, member: _ } = request;
        let (zone_text, plan) = (self.disk.zone.text(), self.disk.plan().filter(|_| files.plan));
        let content = Content {
            zone: fingerprint(&zone_text),
            plan: plan
                .as_ref()
                .map_or_else(Fingerprint::default, |(plan, _)| Fingerprint::default().with_bytes(&plan.text)),
        };
        let (disk, plan_is_there) = (self.disk.fingerprint(), plan.is_some());
        let loaded = |outcome| Loaded {
            apex: apex.clone(),
            outcome,
            disk,
            plan: plan_is_there,
            kept: false,
            includes: Vec::new(),
            faults: Vec::new(),
            laid: None,
        };
        let is_overtaken = running.as_ref().is_some_and(|running| running.overtaken.is_some());
        if serving == Some(content) && !is_overtaken {
            return loaded(Outcome::Unchanged);
        }
        let path = files.path(&apex, Role::Zone).to_string_lossy().into();
        let Some(zone) = text::load(apex.as_ref(), &path, zone_text.as_bytes(), &NoInclude).zone else {
            return loaded(Outcome::Unusable);
        };
        let read =
            Served { zone: &zone, content: content.zone.number(), is_updated: false, running: running.as_deref() };
        let news = Box::new(News::new(read.follow(plan, || self.journal.plan_text(), now, serving.is_some())));
        let before = match &base {
            Some(base) => Before::Since(Since::between(base, &zone, &Limits::default())),
            None => Before::First(None),
        };
        loaded(if news.is_served() { Outcome::Ready { news, content, before } } else { Outcome::Unusable })
    }

    fn consider(&self, consider: Consider, timeline: Option<&Timeline>, now: Instant) -> Considered {
        let Consider { asked, files, content, running } = consider;
        let plan = self.disk.plan().filter(|_| files.plan);
        let result = match timeline {
            Some(timeline) => {
                let served = Served { zone: timeline.zone(), content, is_updated: false, running: running.as_deref() };
                served.decide(plan, || self.journal.plan_text(), &asked.decision, &asked.by, now)
            }
            None => Err(Refusal::NoPlan),
        };
        Considered { token: desk::token(&asked.decision, &result, content, now), asked, result }
    }

    fn publish(&mut self, changes: Vec<(watari::wire::Name, Service)>) -> Result<(), Broken> {
        let from = self.now();
        let Some(machine) = &mut self.machine else { return Ok(()) };
        for (_, service) in changes {
            machine.timeline = match service {
                Service::Timeline(timeline) | Service::Closed(timeline) => Some(timeline),
                Service::Failed | Service::Gone => None,
            };
        }
        let timeline = machine.timeline.clone();
        let running = machine.owner.running_of(&apex()).filter(|_| timeline.is_some());
        let is_overtaken = running.as_ref().is_some_and(|running| running.overtaken.is_some());
        let run = running.map(|running| running.run.clone());
        if let Some(run) = &run {
            // Rule 6: what is served follows from what is on the disk.
            let all = self.journal.records.len();
            let is_durable = (0..=all).rev().any(|count| self.journal.run_after(count).as_ref() == Some(run));
            if !is_durable {
                return broken(6, format!("at {from:?} a run is served that the journal does not have: {run:?}"));
            }
        }
        let schedule = run.as_ref().zip(timeline.as_ref()).and_then(|(run, timeline)| {
            let armed = self.journal.plan_text().filter(|text| text.digest() == run.plan)?;
            timeline::load(timeline.zone(), &armed.path, &armed.text, run).schedule
        });
        let journalled = self.journal.records.len();
        self.chapters.push(Chapter { from, timeline, run, schedule, journalled, is_overtaken });
        Ok(())
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer) -> Result<(), Broken> {
        // Nobody waits for what the look-out has decided.
        if ticket == Ticket(0) {
            return Ok(());
        }
        let told_at = self.now();
        let Some(machine) = &mut self.machine else { return Ok(()) };
        let Some((decision, acts)) = machine.asked.remove(&ticket) else {
            return broken(6, format!("{ticket:?} was answered twice, or never asked"));
        };
        match answer {
            Answer::Shown(considered) if !acts && considered.result.is_ok() => {
                let thinks = Duration::from_millis(self.chance.one_of(&[1, 50, 900, 5000]));
                let token = considered.token.clone();
                self.ask(decision, Act::If(token), thinks);
            }
            Answer::Done(considered) => {
                let Ok(decided) = &considered.result else { return broken(6, "what was refused is done") };
                if !acts {
                    return broken(6, "what was to be shown only is done");
                }
                let run = decided.outcome.run.clone();
                let all = self.journal.records.len();
                if !(0..=all).rev().any(|count| self.journal.run_after(count) == run) {
                    return broken(6, "what is not in the journal is said to be done");
                }
                if let Some(price) = decided.price {
                    self.promises.push(Promise { told_at, recovered_at: price.recovered_at });
                }
            }
            Answer::NotJournalled(_) if !acts => return broken(6, "what was to be shown only went to the journal"),
            _ => {}
        }
        Ok(())
    }

    fn ask(&mut self, decision: Decision, act: Act, later: Duration) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let acts = matches!(act, Act::If(_));
        let at = self.passed + later;
        if let Some(machine) = &mut self.machine {
            machine.asked.insert(ticket, (decision.clone(), acts));
        }
        let asked = Asked { ticket, apex: apex(), decision, by: "somebody".to_owned(), act };
        self.at(at, Coming::Event(Event::Asked(asked)));
    }

    /// Lets time pass, everything happening when it is due.
    pub(crate) fn pass(&mut self, time: Duration) -> Result<(), Broken> {
        let until = self.passed + time;
        loop {
            self.come_back()?;
            let now = self.now();
            let passed = self.passed;
            let Some(machine) = &mut self.machine else { continue };
            let coming = machine.coming.iter().map(|(at, count, _)| (*at, *count)).min();
            let tick = machine.owner.next_tick().map(|at| at.saturating_duration_since(monotonic(Duration::ZERO)));
            let change = machine.owner.next_change().map(|at| passed + at.since(now));
            let next = [coming.map(|(at, _)| at), tick, change].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.passed = passed.max(next);
            match coming.filter(|(at, _)| *at <= self.passed) {
                Some((_, count)) => {
                    let at = machine.coming.iter().position(|(_, other, _)| *other == count).unwrap_or_default();
                    let (_, _, coming) = machine.coming.swap_remove(at);
                    if self.crashes() {
                        continue;
                    }
                    self.come(coming)?;
                }
                None => self.handle(Event::Tick)?,
            }
        }
        self.passed = self.passed.max(until);
        Ok(())
    }

    fn wait(&mut self, wait: Wait) -> Result<(), Broken> {
        let now = self.now();
        let time = match wait {
            Wait::For(time) => time,
            Wait::BeforeChange(before) => {
                let timeline = self.machine.as_ref().and_then(|machine| machine.timeline.as_ref());
                let next = timeline.and_then(|timeline| timeline.next_change(now));
                next.map_or(Duration::from_secs(1), |next| next.before(before).since(now))
            }
            Wait::UntilT(millis) => Instant::from_unix_nanos(T * 1_000_000_000 + millis * 1_000_000).since(now),
        };
        self.pass(time)
    }

    fn happen(&mut self, what: &What) -> Result<(), Broken> {
        match what {
            What::Ask(ask) => {
                let at = |seconds| Some(Instant::from_unix_seconds(T + seconds));
                let decision = match *ask {
                    Ask::Arm => Decision::Arm,
                    Ask::Hold => Decision::Hold { why: "to see".to_owned() },
                    Ask::Resume => Decision::Resume { at: None },
                    Ask::ResumeLater(seconds) => Decision::Resume { at: at(seconds) },
                    Ask::RollBack => Decision::RollBack,
                    Ask::Abort => Decision::Abort,
                };
                self.ask(decision, Act::No, Duration::ZERO);
            }
            What::Zone(edit) => {
                self.disk.zone.edit(*edit);
                self.disk.writings[0] += 1;
                self.see(Role::Zone, Change::Whole)?;
            }
            What::Plan(edit) => {
                if let Some(plan) = &mut self.disk.plan {
                    plan.edit(edit);
                    let plan = plan.clone();
                    self.put_plan(plan)?;
                }
            }
            What::PlanRemoved => {
                self.disk.plan = None;
                self.disk.writings[1] += 1;
                self.see(Role::Plan, Change::Gone)?;
            }
            What::PlanBack => {
                if let Some(plan) = self.disk.last_plan.clone() {
                    self.put_plan(plan)?;
                }
            }
            What::Restart { down } => {
                self.stop();
                self.passed += *down;
                self.start()?;
            }
            What::Crash { effects, down } => self.crash_in = Some((*effects, *down)),
            What::JournalFails(times) => self.failing = *times,
            What::Clock(seconds) => self.clock_at_start += seconds * 1_000_000_000,
            What::Slow { load, journal } => (self.load_takes, self.journal_takes) = (*load, *journal),
            What::Nothing => {}
        }
        Ok(())
    }

    fn put_plan(&mut self, plan: PlanFile) -> Result<(), Broken> {
        self.disk.came = self.now();
        self.disk.writings[1] += 1;
        self.disk.last_plan = Some(plan.clone());
        self.disk.plan = Some(plan);
        self.see(Role::Plan, Change::Whole)
    }

    fn see(&mut self, role: Role, change: Change) -> Result<(), Broken> {
        let path = Path::new(TOP).join(format!("{ZONE}{}", role.suffix()));
        self.handle(Event::Seen(vec![Seen::File(path, change)]))?;
        self.come_back()
    }

    fn is_at_rest(&self) -> bool {
        let Some(machine) = &self.machine else { return false };
        let soon = |at: Monotonic| at < monotonic(self.passed + Duration::from_secs(3600));
        machine.coming.is_empty() && !machine.owner.next_tick().is_some_and(soon) && machine.timeline.is_some()
    }

    /// Rule 6: nobody waits for an answer for ever.
    fn answer_was_given(&self) -> Result<(), Broken> {
        match &self.machine {
            Some(machine) if self.is_at_rest() && !machine.asked.is_empty() => {
                broken(6, format!("{} who asked were never answered", machine.asked.len()))
            }
            _ => Ok(()),
        }
    }

    /// Rule 3: the fold of the journal is what the owner has, and a server that is started now serves what this one does.
    fn compare_with_restarted(&mut self) -> Result<(), Broken> {
        let now = self.now();
        let Some(machine) = self.machine.as_ref().filter(|_| self.is_at_rest()) else { return Ok(()) };
        let run = machine.owner.running_of(&apex()).map(|running| running.run.clone());
        let is_loaded = machine.owner.running_of(&apex()).is_none_or(|running| running.timeline.is_some());
        if is_loaded && self.journal.run() != run {
            return broken(3, format!("{run:?}\nis not the fold of the journal:\n{:?}", self.journal.run()));
        }
        let counts = machine.owner.counts();
        if counts.stale + counts.failed > 0 || self.failing > 0 {
            // What is served is not what the files say: a restart takes the files.
            return Ok(());
        }
        let Some(mine) = machine.timeline.clone() else { return Ok(()) };
        let mut other = World::with(self.disk.clone(), self.journal.clone(), now, Chance::new(1));
        other.start()?;
        other.pass(Duration::from_millis(200))?;
        let news = other.journal.records.get(self.journal.records.len());
        let arms = news.is_some_and(|record| matches!(record.entry.event, timeline::run::Event::Armed(_)));
        if arms && self.journal.run().is_none_or(|run| run.is_over()) {
            // NOTE: a plan's file that was refused while the server ran may be obeyed by one that is started: it counts
            // from when it came.
            return Ok(());
        }
        if news.is_some() {
            let more: Vec<_> =
                other.journal.records[self.journal.records.len()..].iter().map(|one| &one.entry).collect();
            return broken(3, format!("a restart at {now:?} decides something: {more:?}"));
        }
        let Some(theirs) = other.machine.as_ref().and_then(|machine| machine.timeline.clone()) else {
            return broken(3, format!("after a restart at {now:?} nothing is served"));
        };
        let later = mine.editions().chain(theirs.editions()).map(|edition| edition.from).filter(|from| *from > now);
        for at in std::iter::once(now).chain(later) {
            crate::checks::same_at(&mine, &theirs, at)
                .or_else(|how| broken(3, format!("after a restart at {now:?}: at {at:?} {how}")))?;
        }
        Ok(())
    }
}

impl Disk {
    fn fingerprint(&self) -> Fingerprint {
        let [zone, plan] = self.writings;
        Fingerprint::default().with(zone).with(if self.plan.is_some() { plan } else { 0 })
    }

    fn plan(&self) -> Option<(PlanText, Instant)> {
        let plan = self.plan.as_ref()?;
        let path = format!("{TOP}/{ZONE}.plan.toml");
        Some((PlanText { path: path.as_str().into(), text: plan.text().into_bytes().into() }, self.came))
    }
}
