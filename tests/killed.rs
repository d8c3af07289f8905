//! A server that is killed with SIGKILL at random instants, hundreds of times: what it answers after each restart is what
//! a server answers that never died, and what it said was done is done.
//!
//! The program itself, over real files and sockets, with the real clock: plans take seconds here. The instants are
//! drawn from seeds; when exactly a signal meets the process the machine decides.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use watari::control::socket::{self, Request, Verb};

use support::drawn::Seed;
use support::message::Message;
use support::node::Node;
use support::program::PATIENCE;
use support::query::Query;

const A: u16 = 1;
const SOA: u16 = 6;

/// How many kills it takes.
const KILLS: usize = 300;
/// The most plans that are tried for them: a busy machine starts fewer servers in the same time.
const PLANS_MAX: usize = 6;
/// How many servers are killed at the same time.
const SIDE_BY_SIDE: usize = 2;
/// How often two servers are compared anew because something changed while they were asked.
const COMPARE_MAX: usize = 50;
/// How often a server is killed around decisions; and at most, if by then not everything has been met that there is.
const DECISIONS: usize = 80;
const DECISIONS_MAX: usize = 10 * DECISIONS;
/// The longest time after a decision in which the signal comes.
const WITHIN_MAX: Duration = Duration::from_secs(10);

/// The data before and after, as octets.
const OLD: [u8; 4] = [192, 0, 2, 10];
const NEW: [u8; 4] = [192, 0, 2, 11];

fn zone(serial: u32, ttl: u32) -> String {
    format!("$TTL {ttl}\n@ SOA ns hostmaster {serial} 7200 3600 1209600 2\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.10\n")
}

fn plan(at: i64, keys: &str) -> String {
    let at = jiff::Timestamp::from_second(at).unwrap();
    let flip = "[[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.10\"]\nto = [\"192.0.2.11\"]\n";
    format!("version = 1\nat = \"{at}\"\n{keys}\n\n{flip}")
}

/// The files of a zone and its plan.
fn files(name: &str, zone: String, plan: String) -> [(String, String); 2] {
    [(format!("{name}.zone"), zone), (format!("{name}.plan.toml"), plan)]
}

/// The questions that are asked of each zone, two a zone: its data and its serial.
fn questions(zones: &[&str]) -> Vec<Vec<u8>> {
    let of = |zone: &&str| [Query::new(&format!("www.{zone}."), A), Query::new(&format!("{zone}."), SOA)];
    zones.iter().flat_map(of).zip(1..).map(|(query, id)| query.bytes(id)).collect()
}

fn show(answer: &[u8]) -> String {
    Message::parse(answer).map_or_else(str::to_owned, |message| message.show())
}

/// The TTL and the data of an answer about `www A`.
fn held(answer: &[u8]) -> (u32, Vec<u8>) {
    let message = Message::parse(answer).unwrap();
    let [record] = &*message.answer else { panic!("{}", message.show()) };
    (record.ttl, record.rdata.clone())
}

/// The serial of an answer about a SOA.
fn serial(answer: &[u8]) -> u32 {
    let message = Message::parse(answer).unwrap();
    let [record] = &*message.answer else { panic!("{}", message.show()) };
    let at = record.rdata.len() - 20;
    u32::from_be_bytes(record.rdata[at..at + 4].try_into().unwrap())
}

/// The highest serials that were seen, a zone each.
struct Serials(Vec<u32>);

impl Serials {
    /// Takes note of `answers`, two a zone.
    ///
    /// # Panics
    /// If a serial has gone back.
    fn note(&mut self, answers: &[Vec<u8>]) {
        self.0.resize(answers.len() / 2, 0);
        for (highest, answers) in self.0.iter_mut().zip(answers.chunks(2)) {
            let serial = serial(&answers[1]);
            assert!(serial >= *highest, "the serial went back from {highest} to {serial}:\n{}", show(&answers[1]));
            *highest = serial;
        }
    }
}

/// A server that is killed, its twin that is not, and what both are asked.
struct Pair {
    killed: Node,
    twin: Node,
    questions: Vec<Vec<u8>>,
    serials: Serials,
}

impl Pair {
    /// Holds the answers of both against each other: an answer counts if the twin said the same before and after.
    fn compare(&mut self) {
        for _ in 0..COMPARE_MAX {
            let before = self.twin.ask(&self.questions);
            let answers = self.killed.ask(&self.questions);
            let after = self.twin.ask(&self.questions);
            self.serials.note(&answers);
            if before != after {
                // An edition began meanwhile, or a second of a countdown went by.
                continue;
            }
            for (expected, answer) in before.iter().zip(&answers) {
                let (expected, shown) = (show(expected), show(answer));
                assert_eq!(shown, expected, "left the killed one, right its twin; it said:\n{}", self.killed.log());
            }
            return;
        }
        panic!("the twin never said the same twice");
    }

    /// Arms a plan by hand on both.
    fn arm(&self, zone: &str) {
        for node in [&self.killed, &self.twin] {
            let output = node.command(&["arm", zone, "--yes"]).output().unwrap();
            assert!(output.status.success(), "{zone}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Kills a server through a whole plan, from before it is armed until TTLs are what they were. How often it died.
fn kill_through_a_plan(seed: u64) -> usize {
    // TTL 8 s, so that it lasts from T − 8 s until T + 8 s, with a step at each power of two around T.
    let at = now().as_second() + 14;
    let names = ["ladder.example", "countdown.example", "hand.example", "late.example"];
    let files = [
        files(names[0], zone(7, 8), plan(at, "arm = \"on-load\"\nlow_ttl = 1")),
        files(
            names[1],
            zone(2026112600, 8),
            plan(at, "arm = \"on-load\"\nlow_ttl = 1\nlower = \"countdown\"\nspread = 2\nraise = \"once\""),
        ),
        files(names[2], zone(1_700_000_000, 8), plan(at, "low_ttl = 2\nlow_for = 3")),
        files(names[3], zone(7, 8), plan(at, "low_ttl = 1\nlate = \"accept\"\nlower = \"once\"")),
    ]
    .concat();
    let (killed, twin) = (Node::new(&files), Node::new(&files));
    let mut pair = Pair { killed, twin, questions: questions(&names), serials: Serials(Vec::new()) };
    pair.twin.start();
    pair.twin.wait();
    let mut seed = Seed(seed);
    let mut waiting = [(names[2], at - 10), (names[3], at - 3)].to_vec();
    let mut kills = 0;
    while now().as_second() < at + 9 {
        pair.killed.start();
        if seed.below(4) == 0 {
            // Some die on the way: before, while and after the journal is written and read.
            std::thread::park_timeout(Duration::from_micros(seed.below(15_000) as u64));
            pair.killed.kill();
            kills += 1;
            continue;
        }
        pair.killed.wait();
        pair.compare();
        let mut until = Instant::now() + Duration::from_micros(seed.below(40_000) as u64);
        while let Some(&(zone, from)) = waiting.first()
            && now().as_second() >= from
        {
            pair.arm(zone);
            waiting.remove(0);
            // It dies before what was decided counts: that is no reason for time to be skipped in the other zones.
            until = Instant::now();
        }
        while Instant::now() < until {
            pair.compare();
        }
        pair.killed.kill();
        kills += 1;
    }
    pair.killed.start();
    pair.killed.wait();
    pair.compare();
    let answers = pair.killed.ask(&pair.questions);
    for (zone, answers) in names.iter().zip(answers.chunks(2)) {
        assert_eq!(held(&answers[0]), (8, NEW.to_vec()), "{zone}");
    }
    kills
}

#[test]
fn a_server_that_is_killed_again_and_again_answers_as_one_that_never_died() {
    let mut kills = 0;
    for plan in 0..PLANS_MAX {
        if kills >= KILLS {
            break;
        }
        kills += std::thread::scope(|scope| {
            let seeds = (0..SIDE_BY_SIDE).map(|side| (plan * SIDE_BY_SIDE + side) as u64);
            let threads: Vec<_> = seeds.map(|seed| scope.spawn(move || kill_through_a_plan(seed))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
    }
    assert!(kills >= KILLS, "only {kills} kills");
    println!("killed {kills} times");
}

/// What may be decided in a state, what it leads to, and what of it the journal has.
struct Choice {
    verb: &'static str,
    from: &'static [&'static str],
    to: &'static str,
    events: &'static [&'static str],
}

/// Before the flip. As no TTL was lowered yet, an abort changes nothing of what is served, and no serial.
const BEFORE: &[Choice] = &[
    Choice { verb: "arm", from: &["", "aborted"], to: "armed", events: &["armed"] },
    Choice { verb: "hold", from: &["armed"], to: "held", events: &["held"] },
    Choice { verb: "resume", from: &["held"], to: "armed", events: &["resumed"] },
    Choice { verb: "abort", from: &["armed", "held"], to: "aborted", events: &["aborted"] },
];
/// After it.
const AFTER: &[Choice] = &[
    Choice { verb: "arm", from: &["", "rolled back"], to: "armed", events: &["armed"] },
    Choice { verb: "hold", from: &["armed"], to: "held", events: &["held"] },
    Choice { verb: "resume", from: &["held"], to: "armed", events: &["resumed"] },
    Choice { verb: "rollback", from: &["armed", "held"], to: "rolled back", events: &["rolled-back", "rebased"] },
];

/// Where a plan stands, as its server says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    /// Empty: nothing was ever armed.
    state: String,
    journal: Vec<Value>,
}

impl Standing {
    fn of(node: &Node, zone: &str) -> Standing {
        let request = Request { zone: Some(zone.to_owned()), ..Request::new(Verb::Status) };
        let reply = socket::ask(&node.state(), &request).unwrap();
        let state = reply.data["state"].as_str().unwrap_or_default().to_owned();
        Standing { state, journal: reply.data["journal"].as_array().cloned().unwrap_or_default() }
    }

    /// The kinds of the events after the first `count`.
    fn events_after(&self, count: usize) -> Vec<&str> {
        self.journal[count..].iter().map(|entry| entry["event"]["kind"].as_str().unwrap()).collect()
    }
}

/// Whether `child` ended by itself before `until`, and then whether it succeeded.
fn ended(child: &mut Child, until: Instant) -> Option<bool> {
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.success());
        }
        if Instant::now() >= until {
            return None;
        }
        std::thread::park_timeout(Duration::from_micros(200));
    }
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn said(child: &mut Child) -> String {
    let mut text = String::new();
    _ = child.stderr.take().map(|mut err| std::io::Read::read_to_string(&mut err, &mut text));
    text
}

/// Decides at random, and kills the server around it.
fn kill_around_decisions(seed: u64) {
    let begun = now().as_second();
    let names = ["before.example", "after.example"];
    let keys = "low_ttl = 60\nlate = \"accept\"";
    let files = [
        files(names[0], zone(7, 3600), plan(begun + 86_400, keys)),
        // It flips as soon as it is armed. TTLs grow from two minutes after T on, long after this test.
        files(names[1], zone(7, 3600), plan(begun - 3, keys)),
    ]
    .concat();
    let mut node = Node::new(&files);
    let questions = questions(&names);
    let mut serials = Serials(Vec::new());
    let mut seed = Seed(seed);
    node.start();
    node.wait();
    // So often a decision was acknowledged, was cut short and is there, was cut short and is not.
    let mut met = [0; 3];
    // In which time the signal comes. What a decision takes the machine says: it grows until every third is acknowledged.
    let mut within = Duration::from_millis(50);
    for number in 0..DECISIONS_MAX {
        if number >= DECISIONS && met.iter().all(|&count| count > 0) {
            break;
        }
        let (zone, choices) = *seed.pick(&[(names[0], BEFORE), (names[1], AFTER)]);
        let before = Standing::of(&node, zone);
        let served = node.ask(&questions);
        let possible: Vec<_> = choices.iter().filter(|choice| choice.from.contains(&&*before.state)).collect();
        let choice = seed.pick(&possible);
        let until = Instant::now() + within.mul_f64(seed.below(1000) as f64 / 1000.0);
        let mut child = spawn(node.command(&[choice.verb, zone, "--yes"]));
        let acknowledged = ended(&mut child, until);
        assert_ne!(acknowledged, Some(false), "{} {zone}: {}", choice.verb, said(&mut child));
        within = within.mul_f64(if acknowledged.is_some() { 0.83 } else { 1.1 }).min(WITHIN_MAX);
        // Of a server that has not died since the decision.
        let promised = acknowledged.map(|_| node.ask(&questions));
        node.kill();
        let acknowledged = acknowledged.or_else(|| ended(&mut child, Instant::now() + PATIENCE)).unwrap();

        node.start();
        node.wait();
        let after = Standing::of(&node, zone);
        let context = format!("{} {zone}, acknowledged: {acknowledged}; {before:?}; {after:?}", choice.verb);
        assert!(after.journal.starts_with(&before.journal), "what was known is no more: {context}");
        let events = after.events_after(before.journal.len());
        if acknowledged || !events.is_empty() {
            assert_eq!((&*after.state, &*events), (choice.to, choice.events), "{context}");
        } else {
            assert_eq!(after, before, "{context}");
        }
        met[if acknowledged { 0 } else { 1 + usize::from(events.is_empty()) }] += 1;

        let answers = node.ask(&questions);
        serials.note(&answers);
        let shown = |answers: &[Vec<u8>]| answers.iter().map(|answer| show(answer)).collect::<Vec<_>>();
        if let Some(promised) = promised {
            assert_eq!(shown(&answers), shown(&promised), "{context}");
        } else if events.is_empty() {
            assert_eq!(shown(&answers), shown(&served), "{context}");
        }
        let flipped = matches!(&*Standing::of(&node, names[1]).state, "armed" | "held");
        let expected = if flipped { (60, NEW.to_vec()) } else { (held(&answers[2]).0, OLD.to_vec()) };
        assert_eq!((held(&answers[0]), held(&answers[2])), ((3600, OLD.to_vec()), expected), "{context}");
        if held(&served[2]).1 != held(&answers[2]).1 {
            assert!(serial(&answers[3]) > serial(&served[3]), "other data with the same serial: {context}");
        }
    }
    println!("acknowledged {}, cut short and there {}, cut short and not there {}", met[0], met[1], met[2]);
    assert!(met.iter().all(|&count| count > 0), "{met:?}");
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill_and_what_was_not_is_whole_or_not_there() {
    std::thread::scope(|scope| {
        for seed in 0..SIDE_BY_SIDE as u64 {
            scope.spawn(move || kill_around_decisions(1000 + seed));
        }
    });
}
