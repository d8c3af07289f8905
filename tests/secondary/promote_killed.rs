//! A server that is killed while a zone becomes ours: between any two effects, and at random.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use watari::control::store::Store;
use watari::control::store::promotion::{Ended, Promotion};
use watari::timeline::{Digest, Serial};
use watari::wire::Name;

use crate::ours;
use crate::scripted::{self, Script, Scripted};
use crate::support::drawn::Seed;
use crate::support::message::Record;
use crate::support::peer::free_address;
use crate::support::watari::{PATIENCE, Watari};

const SERIAL: u32 = 7;
/// How often it dies at random; and at most, if by then it was never acknowledged or always.
const KILLS: usize = 30;
const KILLS_MAX: usize = 10 * KILLS;

fn apex() -> Name {
    Name::from_text("a.example.").unwrap()
}

/// A primary that has the zone.
fn primary() -> Scripted {
    let mut zone = scripted::zone(SERIAL, "3600 600 86400");
    for number in 0..200 {
        zone.push(scripted::record(&format!("n{number}.a.example"), 1, &[192, 0, 2, number]));
    }
    scripted::start(Script::zone(&zone))
}

/// A folder in which the zone has been fetched, and nobody serves it.
fn fetched(primary: &Scripted, address: SocketAddr) -> (tempfile::TempDir, Vec<Record>) {
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &primary.named());
    ours.until("it is served", |_| ours::serial(address) == Some(SERIAL));
    let records = ours::records(address);
    (ours::kill(ours), records)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.as_ref().unwrap(), to.join(entry.as_ref().unwrap().file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The zone's files, by what they are.
struct Files {
    zone: PathBuf,
    secondary: PathBuf,
    aside: PathBuf,
}

impl Files {
    fn of(folder: &Path) -> Files {
        let path = |name: &str| folder.join("zones").join(name);
        Files {
            zone: path("a.example.zone"),
            secondary: path("a.example.secondary.toml"),
            aside: path("a.example.secondary.toml.promoted"),
        }
    }

    fn are_there(&self) -> [bool; 3] {
        [&self.zone, &self.secondary, &self.aside].map(|path| path.exists())
    }
}

const FETCHED: [bool; 3] = [false, true, false];
const OURS: [bool; 3] = [true, false, true];

fn decide(folder: &Path, text: &str) {
    let mut store = Store::open(&folder.join("state")).unwrap();
    let promotion = Promotion {
        apex: apex(),
        at: watari::clock::Instant::from_unix_seconds(1_800_000_000),
        by: "a test".to_owned(),
        serial: Serial(SERIAL),
        source: "nobody".to_owned(),
        file: "a.example.zone".into(),
        digest: Digest::of([text.as_bytes()]),
        ended: None,
    };
    store.append_with(&[], &[], &[promotion]).unwrap();
}

fn ended(folder: &Path) -> Vec<Option<Ended>> {
    let store = Store::open_read_only(&folder.join("state")).unwrap().unwrap();
    store.promotions(&apex()).unwrap().into_iter().map(|promotion| promotion.ended).collect()
}

fn is_kept(folder: &Path) -> bool {
    Store::open_read_only(&folder.join("state")).unwrap().unwrap().received(&apex()).unwrap().is_some()
}

#[test]
fn between_any_two_effects_the_next_start_finishes_what_was_begun() {
    let (primary, address) = (primary(), free_address());
    let (base, records) = fetched(&primary, address);
    primary.say(Script::Silence);
    // What it writes when nobody kills it.
    let whole = tempfile::tempdir().unwrap();
    copy(base.path(), whole.path());
    let ours = ours::start_again(whole, address);
    let (is_done, said) = ours.command(&["promote", "a.example", "--yes"]);
    assert!(is_done, "{said}");
    let whole = ours::kill(ours);
    let text = fs::read_to_string(Files::of(whole.path()).zone).unwrap();

    // What had happened when it was killed, and how that looks.
    let scratch = |folder: &Path| fs::write(folder.join("zones/.a.example.zone.promoted"), &text[..text.len() / 2]);
    let write = |folder: &Path| fs::write(Files::of(folder).zone, &text).unwrap();
    let put_aside = |folder: &Path| fs::rename(Files::of(folder).secondary, Files::of(folder).aside).unwrap();
    for state in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        copy(base.path(), folder.path());
        if state > 0 {
            decide(folder.path(), &text);
        }
        match state {
            2 => scratch(folder.path()).unwrap(),
            3 => write(folder.path()),
            4 => {
                write(folder.path());
                put_aside(folder.path());
            }
            _ => {}
        }
        let ours = ours::start_again(folder, address);
        assert!(ours.log().contains("ready: 1 zones served, 0 failed"), "{state}: {}", ours.log());
        assert_eq!((ours::serial(address), ours::records(address)), (Some(SERIAL), records.clone()), "{state}");
        let folder = ours::kill(ours);
        let files = Files::of(folder.path());
        let expected = if state == 0 { FETCHED } else { OURS };
        assert_eq!(files.are_there(), expected, "{state}");
        let left = fs::read_dir(folder.path().join("zones")).unwrap().count();
        assert_eq!(left, expected.iter().filter(|is_there| **is_there).count(), "{state}: nothing else is left");
        if state > 0 {
            assert_eq!(ended(folder.path()), [Some(Ended::Done)], "{state}");
            assert_eq!(fs::read_to_string(files.zone).unwrap(), text, "{state}");
            assert!(!is_kept(folder.path()), "{state}");
        }
    }
}

#[test]
fn what_somebody_wrote_meanwhile_is_not_taken_for_ours() {
    let (primary, address) = (primary(), free_address());
    let (folder, _) = fetched(&primary, address);
    decide(folder.path(), "what was to be written");
    let files = Files::of(folder.path());
    fs::write(&files.zone, scripted::text(99, "1 1 1")).unwrap();
    let mut ours = ours::start_again(folder, address);
    let zone = files.zone.strip_prefix(ours.folder.path()).unwrap().display().to_string();
    assert!(ours.log().contains(&format!("that is given up: {zone} is not what was to be written")), "{}", ours.log());
    assert!(ours.log().contains("error[secondary-and-zone]"), "{}", ours.log());
    assert_eq!(ended(ours.folder.path()), [Some(Ended::GivenUp)]);
    // Whoever takes one of them away has decided.
    fs::remove_file(files.zone).unwrap();
    ours.until("it is fetched", |_| ours::serial(address) == Some(SERIAL));
}

/// Whether `child` ended by itself before `until`, and then whether it succeeded.
fn succeeded(child: &mut Child, until: Instant) -> Option<bool> {
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.success());
        }
        if Instant::now() >= until {
            return None;
        }
        std::thread::park_timeout(Duration::from_micros(100));
    }
}

#[test]
fn killed_at_any_moment_it_is_the_one_or_the_other_and_served() {
    let (primary, address) = (primary(), free_address());
    let (base, records) = fetched(&primary, address);
    let mut seed = Seed(0x9a0);
    // So often it was acknowledged, was cut short and is ours, was cut short and is fetched.
    let mut met = [0; 3];
    let mut within = Duration::from_millis(40);
    for round in 0..KILLS_MAX {
        if round >= KILLS && met[0] > 0 && met[2] > 0 {
            break;
        }
        let folder = tempfile::tempdir().unwrap();
        copy(base.path(), folder.path());
        let server: Watari = ours::start_again(folder, address);
        let mut command = Command::new(env!("CARGO_BIN_EXE_watari"));
        command.args(["promote", "a.example", "--yes"]).current_dir(server.folder.path());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + within.mul_f64(seed.below(1000) as f64 / 1000.0);
        let acknowledged = succeeded(&mut child, until);
        assert_ne!(acknowledged, Some(false), "{}", server.log());
        within = within.mul_f64(if acknowledged.is_some() { 0.8 } else { 1.1 }).min(PATIENCE);
        let folder = ours::kill(server);
        let acknowledged = acknowledged.or_else(|| succeeded(&mut child, Instant::now() + PATIENCE)).unwrap();
        let server = ours::start_again(folder, address);
        assert!(server.log().contains("ready: 1 zones served, 0 failed"), "{round}: {}", server.log());
        assert_eq!((ours::serial(address), ours::records(address)), (Some(SERIAL), records.clone()), "{round}");
        let folder = ours::kill(server);
        let is_ours = match Files::of(folder.path()).are_there() {
            OURS => true,
            FETCHED => false,
            other => panic!("{round}: {other:?}"),
        };
        assert!(is_ours || !acknowledged, "{round}");
        assert_eq!(ended(folder.path()).contains(&Some(Ended::Done)), is_ours, "{round}");
        met[if acknowledged { 0 } else { 2 - usize::from(is_ours) }] += 1;
    }
    println!("acknowledged {}, cut short and ours {}, cut short and fetched {}", met[0], met[1], met[2]);
    assert!(met[0] > 0 && met[2] > 0, "{met:?}");
}
