//! Transcripts: zones and plans on a virtual clock, and what is seen of them. Each `tests/transcripts/*.txt`
//! is a script with its golden output; `UPDATE_GOLDEN=1` writes the output anew.
//!
//! ```text
//! == at 2026-11-20T00:00Z              the clock; also `== at +1s`, `+1h`, `+1d`, after what it showed before
//! == zone example.com                  the zone's file, up to the next `==` or `$`: written at this instant
//! == plan example.com                  the same for its plan
//! == no plan example.com               the plan's file is removed
//! == restart                           the server forgets all but the files and the journal
//! == lost state                        it forgets the journal too
//! == lost plan                         it forgets what was armed, and nothing else
//! == probe NAME pass                   what looks at this probe see from here on; also `fail WHY`, `unknown WHY`
//! $ dig www.example.com A              an answer on the wire, read by hickory-proto; also +dnssec, +tcp, +from=ADDRESS
//! $ watari check                       what there is to say of the files
//! $ watari plan show example.com       the timeline; also --json
//! $ watari arm example.com             what the command shows, and what it does; with --yes only what it did, with
//!                                      --dry-run only what it would; also hold, resume [--at INSTANT], rollback, abort, approve
//! $ watari status example.com          where the plan stands, and its journal
//! $ watari status                      where all stand
//! $ log                                what the server warned of when it read the files last
//! # a remark
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/looking.rs"]
mod looking;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::Message;
use watari::answer::{Answerer, Arrival, Catalog, Identity, Served, Transport};
use watari::clock::Instant;
use watari::control::desk::{self, ClockState};
use watari::control::discipline::Synchronisation;
use watari::control::fingerprint::Fingerprint;
use watari::control::owner::{Act, Answer, Asked, Considered, Ticket};
use watari::control::running::{News, Running};
use watari::control::shared::Shared;
use watari::control::socket::{Outcome, Reply};
use watari::diag::{self, Severity};
use watari::timeline::conduct::{self, Decision, PlanText, Sources};
use watari::timeline::plan::{self, Arming};
use watari::timeline::run::{Entry, Event, Promised};
use watari::timeline::{self, Run, Schedule, Timeline, show};
use watari::wire::{Name, Rcode, Rtype};
use watari::zone::Zone;
use watari::zone::text::{self, NoInclude};

/// What the disk keeps of the runs of a zone.
#[derive(Default)]
struct Journal {
    entries: Vec<(i64, Entry)>,
    /// What the present run armed, and the serials that it was promised.
    armed: Option<PlanText>,
    promised: Vec<Promised>,
}

impl Journal {
    fn append(&mut self, outcome: &conduct::Outcome) {
        for (number, entry) in outcome.entries.iter().enumerate() {
            if number == 0 && outcome.plan.is_some() {
                self.armed.clone_from(&outcome.plan);
            }
            let run = self.entries.last().map_or(0, |(run, _)| *run);
            let run = run + i64::from(matches!(entry.event, Event::Armed(_)));
            self.entries.push((run, entry.clone()));
            self.promised = outcome.timeline.iter().flat_map(Timeline::promised).collect();
        }
    }

    /// What was found out about gates: nothing else changes.
    fn tell(&mut self, entries: Vec<Entry>) {
        let run = self.entries.last().map_or(0, |(run, _)| *run);
        self.entries.extend(entries.into_iter().map(|entry| (run, entry)));
    }

    /// The present run, as a server that starts finds it.
    fn known(&self) -> Option<Running> {
        let run = Run::fold(self.entries.iter().map(|(_, entry)| entry))?;
        Some(Running::known(run, self.promised.clone().into()))
    }
}

/// The files of a zone, its journal, and what became of them.
#[derive(Default)]
struct Files {
    zone: String,
    plan: Option<(String, Instant)>,
    journal: Journal,
    running: Option<Running>,
    /// What is served, and the fingerprint of the file that it is made of.
    served: Option<(Arc<Timeline>, u64)>,
    /// What was warned of when they were read last.
    said: Vec<diag::Diagnostic>,
}

impl Files {
    /// As a server does it: what must be in the journal is there first, and a file that can't be used leaves what is
    /// served as it is.
    fn load(&mut self, apex: &str, now: Instant) {
        let text::Loaded { zone, diagnostics, .. } = self.zone(apex);
        self.said = diagnostics;
        let Some(zone) = zone else { return };
        let content = Fingerprint::default().with_bytes(self.zone.as_bytes()).number();
        let outcome = conduct::follow(&self.sources(&zone, content, apex, now), now, self.served.is_some());
        self.said.extend(outcome.diagnostics.iter().filter(|said| said.severity > Severity::Note).cloned());
        self.serve(outcome, content);
    }

    fn serve(&mut self, outcome: conduct::Outcome, content: u64) {
        if outcome.timeline.is_none() {
            assert!(outcome.entries.is_empty(), "what is not served is not in the journal");
            return;
        }
        self.journal.append(&outcome);
        let folded = self.journal.known().map(|running| running.run);
        let (timeline, running) = News::new(outcome).into_parts(&mut Shared::default()).unwrap();
        assert_eq!(running.as_ref().map(|running| &running.run), folded.as_ref(), "a run is the fold of its journal");
        self.served = Some((timeline, content));
        self.running = running;
    }

    fn sources<'a>(&'a self, zone: &'a Zone, content: u64, apex: &str, now: Instant) -> Sources<'a> {
        let plan = self.plan_text(apex);
        let armed = self.running.as_ref().and_then(|running| match &plan {
            Some((text, _)) if text.digest() == running.run.plan => Some(text.clone()),
            _ => self.journal.armed.clone(),
        });
        let file = plan.as_ref().map(|(text, _)| text);
        let past = self.running.as_ref().map(|running| running.past(content, file, armed.as_ref(), now));
        let (past, run) = (past.unwrap_or_default(), self.running.as_ref().map(|running| &running.run));
        Sources { zone, content, is_updated: false, plan, run, armed, past }
    }

    fn decide(&mut self, apex: &str, decision: Decision, act: bool, now: Instant, by: &str) -> Reply {
        let (timeline, content) = self.served.clone().expect("it is served");
        let sources = self.sources(timeline.zone(), content, apex, now);
        let result = conduct::decide(&sources, &decision, by, now);
        let token = desk::token(&decision, &result, content, now);
        let ticket = Ticket(0);
        let asked = Asked { ticket, apex: name(apex), decision, by: by.to_owned(), act: Act::No };
        let outcome = result.as_ref().ok().map(|decided| decided.outcome.clone());
        let considered = Box::new(Considered { asked, token, result });
        match outcome.filter(|_| act) {
            Some(outcome) => {
                self.serve(outcome, content);
                desk::reply(Answer::Done(considered), &clock(), now, false)
            }
            None => desk::reply(Answer::Shown(considered), &clock(), now, false),
        }
    }

    /// The schedule of what is armed, or was armed last.
    fn standing(&self, apex: &str, now: Instant) -> Reply {
        let timeline = self.served.as_ref().map(|(timeline, _)| timeline);
        let schedule = self.running.as_ref().zip(self.journal.armed.as_ref()).zip(timeline).and_then(
            |((running, text), timeline)| {
                timeline::load(timeline.zone(), &text.path, &text.text, &running.run).schedule
            },
        );
        let (running, entries) = (self.running.as_ref(), &self.journal.entries);
        desk::standing(&name(apex), schedule.as_ref(), running, entries, (&clock(), now, false))
    }

    fn plan_text(&self, apex: &str) -> Option<(PlanText, Instant)> {
        let (text, since) = self.plan.as_ref()?;
        Some((PlanText { path: format!("{apex}.plan.toml").into(), text: text.as_bytes().into() }, *since))
    }

    fn zone(&self, apex: &str) -> text::Loaded {
        text::load(name(apex).as_ref(), &format!("{apex}.zone").into(), self.zone.as_bytes(), &NoInclude)
    }

    /// Where the plan with this text stands: as the journal says, or as it would if it were armed now.
    fn run_of(&self, zone: &Zone, text: &PlanText, since: Instant, now: Instant) -> Run {
        let known = self.running.as_ref().map(|running| &running.run).filter(|run| run.plan == text.digest());
        known.cloned().unwrap_or_else(|| match plan::parse(zone.apex(), &text.path, &text.text).0 {
            Some(plan) if plan.arming() == Arming::OnLoad => Run::proposed(since),
            _ => Run::proposed(now),
        })
    }

    fn check(&self, apex: &str, now: Instant) -> Vec<diag::Diagnostic> {
        let text::Loaded { zone, mut diagnostics, .. } = self.zone(apex);
        if let (Some(zone), Some((text, since))) = (zone, self.plan_text(apex)) {
            let run = self.run_of(&zone, &text, since, now);
            diagnostics.extend(timeline::check(&zone, &text.path, &text.text, &run));
        }
        diagnostics
    }

    fn schedule(&self, apex: &str, now: Instant) -> Option<Schedule> {
        let (zone, (text, since)) = (self.zone(apex).zone?, self.plan_text(apex)?);
        let run = self.run_of(&zone, &text, since, now);
        timeline::load(&zone, &text.path, &text.text, &run).schedule
    }
}

fn name(text: &str) -> Name {
    Name::from_text(text).expect("a name")
}

/// A clock that is kept right.
fn clock() -> ClockState {
    let synchronisation = Synchronisation::Synchronised { max_error: Duration::from_millis(1) };
    ClockState { synchronisation, held_back: None, stepped: None }
}

fn printed(reply: &Reply) -> String {
    match reply.outcome {
        Outcome::Shown | Outcome::Done => reply.text.clone(),
        _ if !reply.faults.is_empty() => reply.text.clone(),
        outcome => {
            let help = reply.help.as_ref().map(|help| format!("help: {help}\n")).unwrap_or_default();
            format!("{}: {}\n{help}", format!("{outcome:?}").to_lowercase(), reply.text.trim_end())
        }
    }
}

#[derive(Default)]
struct World {
    now: Option<Instant>,
    files: BTreeMap<String, Files>,
    looking: looking::Looking,
}

impl World {
    fn now(&self) -> Instant {
        self.now.expect("`== at` stands first")
    }

    fn directive(&mut self, words: &[&str], body: &str) {
        match words {
            ["at", instant] => {
                let before = self.now;
                self.now = Some(match instant.strip_prefix('+') {
                    Some(length) => {
                        let ttl = text::parse_ttl(length).expect("a length of time");
                        self.now().after(Duration::from_secs(u64::from(ttl.0)))
                    }
                    None => {
                        let at: jiff::Timestamp = instant.parse().expect("an instant");
                        Instant::from_unix_nanos(i64::try_from(at.as_nanosecond()).unwrap())
                    }
                });
                let now = self.now();
                self.looking.pass_until(&mut self.files, before.unwrap_or(now), now);
            }
            ["probe", name, verdict @ ..] => self.looking.see(&name.replace('_', " "), &verdict.join(" ")),
            ["zone", apex] => {
                let now = self.now();
                let files = self.files.entry((*apex).to_owned()).or_default();
                body.clone_into(&mut files.zone);
                files.load(apex, now);
            }
            ["plan", apex] => {
                let now = self.now();
                let files = self.files.get_mut(*apex).expect("the zone comes before its plan");
                files.plan = Some((body.to_owned(), now));
                files.load(apex, now);
            }
            ["no", "plan", apex] => {
                let now = self.now();
                let files = self.files.get_mut(*apex).expect("a zone");
                files.plan = None;
                files.load(apex, now);
            }
            ["restart"] => {
                self.looking.forget();
                self.start();
            }
            ["lost", "state"] => {
                self.files.values_mut().for_each(|files| files.journal = Journal::default());
                self.start();
            }
            ["lost", "plan"] => {
                self.files.values_mut().for_each(|files| files.journal.armed = None);
                self.start();
            }
            _ => panic!("unknown directive {words:?}"),
        }
        self.look_out();
    }

    /// The look-out takes note of where plans stand, and does what is due.
    fn look_out(&mut self) {
        let now = self.now();
        for (apex, files) in &self.files {
            self.looking.keep(&name(apex), files, now);
        }
        self.looking.pass_until(&mut self.files, now, now);
    }

    fn start(&mut self) {
        let now = self.now();
        for (apex, files) in &mut self.files {
            files.served = None;
            files.running = files.journal.known();
            files.load(apex, now);
        }
    }

    fn command(&mut self, words: &[&str]) -> String {
        let now = self.now();
        match words {
            ["dig", arguments @ ..] => self.dig(arguments),
            ["watari", "check"] => {
                let all: Vec<_> = self.files.iter().flat_map(|(apex, files)| files.check(apex, now)).collect();
                if all.is_empty() { "nothing to say\n".to_owned() } else { diag::render(&all, false) + "\n" }
            }
            ["log"] => {
                let all: Vec<_> = self.files.values().flat_map(|files| files.said.clone()).collect();
                if all.is_empty() { "nothing to say\n".to_owned() } else { diag::render(&all, false) + "\n" }
            }
            ["watari", "plan", "show", apex] => match self.files[*apex].schedule(apex, now) {
                Some(schedule) => show::render(&schedule, now, false),
                None => "no plan\n".to_owned(),
            },
            ["watari", "plan", "show", "--json", apex] => {
                serde_json::to_string_pretty(&self.files[*apex].schedule(apex, now)).unwrap() + "\n"
            }
            ["watari", "status"] => {
                let all: BTreeMap<_, _> = self
                    .files
                    .iter()
                    .filter_map(|(apex, files)| Some((name(apex), Arc::new(files.running.clone()?))))
                    .collect();
                printed(&desk::overview(all.iter(), &clock(), now))
            }
            ["watari", "status", apex] => printed(&self.files[*apex].standing(apex, now)),
            ["watari", verb, apex, options @ ..] => {
                let decision = decision(verb, options);
                let files = self.files.get_mut(*apex).expect("a zone");
                let shown = files.decide(apex, decision.clone(), false, now, PERSON);
                if shown.token.is_none() || options.contains(&"--dry-run") {
                    return printed(&shown);
                }
                let done = files.decide(apex, decision, true, now, PERSON);
                self.look_out();
                let shown = if options.contains(&"--yes") { String::new() } else { printed(&shown) + "\n" };
                shown + &printed(&done)
            }
            _ => panic!("unknown command {words:?}"),
        }
    }

    fn dig(&self, arguments: &[&str]) -> String {
        let (options, question): (Vec<_>, Vec<_>) = arguments.iter().partition(|word| word.starts_with('+'));
        let [name, rtype] = question[..] else { panic!("dig NAME TYPE") };
        let mut request = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        request.extend(Name::from_text(name).unwrap().wire());
        request.extend(Rtype::from_text(rtype).unwrap().0.to_be_bytes());
        request.extend([0, 1]);
        if options.contains(&"+dnssec") {
            request[11] = 1;
            request.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0]);
        }
        let transport = match options.contains(&"+tcp") {
            true => Transport::Tcp { keepalive: Duration::from_secs(10) },
            false => Transport::Udp,
        };
        let served = self.files.iter().map(|(apex, files)| match &files.served {
            Some((timeline, _)) => Served::Zone(timeline.clone()),
            None => Served::Unavailable(Arc::new(Name::from_text(apex).unwrap())),
        });
        let catalog = Catalog::default().with(served);
        let mut out = vec![0; 65_535];
        let mut answerer = Answerer::new(Identity::default());
        let from = options.iter().find_map(|option| option.strip_prefix("+from="));
        let peer: IpAddr = from.map_or(Ipv4Addr::LOCALHOST.into(), |from| from.parse().expect("an address"));
        let arrival = Arrival { now: self.now(), peer: (peer, 5353).into(), transport, row: Arrival::NO_ROW };
        let length = answerer.answer(&catalog, &arrival, &request, &mut out);
        if length == 0 {
            return ";; no answer\n".to_owned();
        }
        draw(&Message::from_vec(&out[..length]).expect("hickory-proto reads our answers"))
    }
}

/// Who types the commands.
const PERSON: &str = "uid 1000 over the control socket";

fn decision(verb: &str, options: &[&str]) -> Decision {
    let option = |name: &str| options.iter().position(|word| *word == name).map(|at| options[at + 1]);
    match verb {
        "arm" => Decision::Arm,
        "hold" => Decision::Hold { why: option("--why").unwrap_or_default().to_owned() },
        "resume" => {
            let at = option("--at").map(|at| plan::parse_instant(at).expect("an instant"));
            Decision::Resume { at: at.as_ref().map(plan::to_instant) }
        }
        "approve" => {
            let gate = options.first().filter(|word| !word.starts_with("--"));
            Decision::Approve { gate: gate.map(|gate| (*gate).to_owned()) }
        }
        "rollback" => Decision::RollBack,
        "abort" => Decision::Abort,
        _ => panic!("unknown command {verb}"),
    }
}

/// As `dig` draws it, but for what is always the same.
fn draw(message: &Message) -> String {
    let metadata = &message.metadata;
    let flags = [(metadata.authoritative, " aa"), (metadata.truncation, " tc")];
    let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| *flag).collect();
    let mut out = format!(";; {}, flags: qr{flags}\n", Rcode(metadata.response_code.into()));
    let sections =
        [("ANSWER", &message.answers), ("AUTHORITY", &message.authorities), ("ADDITIONAL", &message.additionals)];
    for (title, records) in sections.into_iter().filter(|(_, records)| !records.is_empty()) {
        writeln!(out, ";; {title}").unwrap();
        for record in records {
            writeln!(out, "{} {} IN {} {}", record.name.to_ascii(), record.ttl, record.record_type(), record.data)
                .unwrap();
        }
    }
    out
}

/// The words of a command; quotes hold some together.
fn words(command: &str) -> Vec<&str> {
    let parts = command.split('"').enumerate();
    parts.flat_map(|(at, part)| if at % 2 == 1 { vec![part] } else { part.split_whitespace().collect() }).collect()
}

/// Runs the script and gives it back with the output that it has.
fn run(script: &str) -> String {
    let mut world = World::default();
    let mut out = String::new();
    let mut lines = script.lines().peekable();
    while let Some(line) = lines.next() {
        let is_start = |line: &str| line.starts_with("== ") || line.starts_with("$ ") || line.starts_with("# ");
        writeln!(out, "{line}").unwrap();
        let mut body = String::new();
        if is_start(line) && !line.starts_with("# ") {
            while let Some(next) = lines.next_if(|next| !is_start(next)) {
                writeln!(body, "{next}").unwrap();
            }
        }
        if let Some(directive) = line.strip_prefix("== ") {
            out += &body;
            let words: Vec<_> = directive.split_whitespace().collect();
            world.directive(&words, &body);
        } else if let Some(command) = line.strip_prefix("$ ") {
            let words = words(command);
            out += world.command(&words).trim_end();
            out += "\n\n";
        }
    }
    out.trim_end().to_owned() + "\n"
}

#[test]
fn transcripts_come_out_as_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut paths: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let mut differ = Vec::new();
    for path in paths {
        let golden = std::fs::read_to_string(&path).unwrap();
        let found = run(&golden);
        if found == golden {
            continue;
        }
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, found).unwrap();
        } else {
            let first = golden.lines().zip(found.lines()).position(|(golden, found)| golden != found);
            let at = first.unwrap_or_else(|| golden.lines().count().min(found.lines().count()));
            let line = |text: &str| text.lines().nth(at).unwrap_or("(end)").to_owned();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            differ.push(format!("{name}:{}\n  golden: {}\n  found:  {}", at + 1, line(&golden), line(&found)));
        }
    }
    assert!(differ.is_empty(), "UPDATE_GOLDEN=1 accepts what is found:\n{}", differ.join("\n"));
}

/// Every code that the timeline layer can say stands in a transcript.
#[test]
fn every_code_of_plans_has_a_golden() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut codes = std::collections::BTreeSet::new();
    let mut folders = vec![manifest.join("src/timeline")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(path).unwrap();
            codes.extend(source.split('"').filter(|text| is_code(text)).map(str::to_owned));
        }
    }
    assert!(codes.len() > 25, "{codes:?}");
    let mut goldens = String::new();
    for folder in ["tests/transcripts", "tests/plans", "tests/portfolio"] {
        for entry in std::fs::read_dir(manifest.join(folder)).unwrap() {
            goldens += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
        }
    }
    // An edition that can't be made has no known cause.
    let missing: Vec<_> = codes
        .iter()
        .filter(|code| *code != "plan-edition")
        .filter(|code| !goldens.contains(&format!("[{code}]")))
        .collect();
    assert!(missing.is_empty(), "no transcript has {missing:?}");
}

fn is_code(text: &str) -> bool {
    text.strip_prefix("plan-").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
}

/// The examples of the manual are plans that work.
#[test]
fn examples_of_the_manual_have_no_faults() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/plan-format.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let blocks = |language: &str| -> Vec<String> {
        let fence = format!("```{language}\n");
        manual.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
    };
    let name = Name::from_text("example20121.com").unwrap();
    let zone = blocks("zone").concat();
    let loaded = text::load(name.as_ref(), &"example20121.com.zone".into(), zone.as_bytes(), &NoInclude);
    let zone = loaded.zone.expect("the manual's zone");
    let plans = blocks("toml");
    assert!(plans.len() >= 3);
    for plan in plans {
        let is_portfolio = plan.lines().any(|line| line.starts_with("zones ="));
        let path = if is_portfolio { "spring.portfolio.toml" } else { "example20121.com.plan.toml" }.into();
        let loaded = timeline::load(&zone, &path, plan.as_bytes(), &Run::proposed(Instant::MIN));
        assert!(loaded.schedule.is_some(), "{plan}\n{}", diag::render(&loaded.diagnostics, false));
        assert!(!loaded.diagnostics.iter().any(diag::Diagnostic::is_error));
    }
}
