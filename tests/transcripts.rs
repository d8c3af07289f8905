//! Transcripts: zones and plans on a virtual clock, and what is seen of them. Each `tests/transcripts/*.txt`
//! is a script with its golden output; `UPDATE_GOLDEN=1` writes the output anew.
//!
//! ```text
//! == at 2026-11-20T00:00Z              the clock; also `== at +1s`, `+1h`, `+1d`, after what it showed before
//! == zone example.com                  the zone's file, up to the next `==` or `$`: written at this instant
//! == plan example.com                  the same for its plan
//! == no plan example.com               the plan's file is removed
//! == restart                           the server forgets all but the files
//! $ dig www.example.com A              an answer on the wire, read by hickory-proto; also +dnssec, +tcp
//! $ watari check                       what there is to say of the files
//! $ watari plan show example.com       the timeline; also --json
//! # a remark
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::Message;
use watari::answer::{Answerer, Catalog, Identity, Served, Transport};
use watari::clock::Instant;
use watari::diag;
use watari::timeline::{self, Schedule, Timeline, show};
use watari::wire::{Name, Rcode, Rtype};
use watari::zone::text::{self, NoInclude};

/// The files of a zone, and what became of them.
#[derive(Default)]
struct Files {
    zone: String,
    plan: Option<(String, Instant)>,
    schedule: Option<Schedule>,
    served: Option<Arc<Timeline>>,
}

impl Files {
    /// As a server does it: a plan counts from when its file was written, and a file that can't be used leaves
    /// what is served as it is.
    fn load(&mut self, apex: &str) {
        self.schedule = None;
        let Some(zone) = self.zone(apex).zone else { return };
        let Some((plan, armed_at)) = &self.plan else {
            self.served = Some(Arc::new(Timeline::fixed(zone)));
            return;
        };
        let loaded = timeline::load(&zone, &plan_path(apex), plan.as_bytes(), *armed_at);
        match &loaded.schedule {
            Some(schedule) => self.served = Some(Arc::new(schedule.timeline.clone())),
            None => drop(self.served.get_or_insert_with(|| Arc::new(Timeline::fixed(zone)))),
        }
        self.schedule = loaded.schedule;
    }

    fn zone(&self, apex: &str) -> text::Loaded {
        let name = Name::from_text(apex).expect("an apex");
        text::load(name.as_ref(), &format!("{apex}.zone").into(), self.zone.as_bytes(), &NoInclude)
    }

    fn check(&self, apex: &str) -> Vec<diag::Diagnostic> {
        let text::Loaded { zone, mut diagnostics, .. } = self.zone(apex);
        if let (Some(zone), Some((plan, armed_at))) = (zone, &self.plan) {
            diagnostics.extend(timeline::check(&zone, &plan_path(apex), plan.as_bytes(), *armed_at));
        }
        diagnostics
    }
}

fn plan_path(apex: &str) -> Arc<str> {
    format!("{apex}.plan.toml").into()
}

#[derive(Default)]
struct World {
    now: Option<Instant>,
    files: BTreeMap<String, Files>,
}

impl World {
    fn now(&self) -> Instant {
        self.now.expect("`== at` stands first")
    }

    fn directive(&mut self, words: &[&str], body: &str) {
        match words {
            ["at", instant] => {
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
            }
            ["zone", apex] => {
                let files = self.files.entry((*apex).to_owned()).or_default();
                body.clone_into(&mut files.zone);
                files.load(apex);
            }
            ["plan", apex] => {
                let now = self.now();
                let files = self.files.get_mut(*apex).expect("the zone comes before its plan");
                files.plan = Some((body.to_owned(), now));
                files.load(apex);
            }
            ["no", "plan", apex] => {
                let files = self.files.get_mut(*apex).expect("a zone");
                files.plan = None;
                files.load(apex);
            }
            ["restart"] => {
                for (apex, files) in &mut self.files {
                    files.served = None;
                    files.load(apex);
                }
            }
            _ => panic!("unknown directive {words:?}"),
        }
    }

    fn command(&self, words: &[&str]) -> String {
        match words {
            ["dig", arguments @ ..] => self.dig(arguments),
            ["watari", "check"] => {
                let all: Vec<_> = self.files.iter().flat_map(|(apex, files)| files.check(apex)).collect();
                if all.is_empty() { "nothing to say\n".to_owned() } else { diag::render(&all, false) + "\n" }
            }
            ["watari", "plan", "show", apex] => match &self.files[*apex].schedule {
                Some(schedule) => show::render(schedule, self.now(), false),
                None => "no plan\n".to_owned(),
            },
            ["watari", "plan", "show", "--json", apex] => {
                serde_json::to_string_pretty(&self.files[*apex].schedule).unwrap() + "\n"
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
            Some(timeline) => Served::Zone(timeline.clone()),
            None => Served::Unavailable(Arc::new(Name::from_text(apex).unwrap())),
        });
        let catalog = Catalog::default().with(served);
        let mut out = vec![0; 65_535];
        let mut answerer = Answerer::new(Identity::default());
        let peer = (Ipv4Addr::LOCALHOST, 5353).into();
        let length = answerer.answer(&catalog, self.now(), peer, transport, &request, &mut out);
        if length == 0 {
            return ";; no answer\n".to_owned();
        }
        draw(&Message::from_vec(&out[..length]).expect("hickory-proto reads our answers"))
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
            let words: Vec<_> = command.split_whitespace().collect();
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
    for folder in ["tests/transcripts", "tests/plans"] {
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
        let loaded = timeline::load(&zone, &path, plan.as_bytes(), Instant::MIN);
        assert!(loaded.schedule.is_some(), "{plan}\n{}", diag::render(&loaded.diagnostics, false));
        assert!(!loaded.diagnostics.iter().any(diag::Diagnostic::is_error));
    }
}
