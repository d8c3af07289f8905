//! A server that is killed while it appends: what it has acknowledged is there, and nothing is half there.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

/// Names the folder to the process that is to be killed.
const FOLDER: &str = "WATARI_TEST_STORE_OF_THE_KILLED";
/// How often it is killed.
const KILLS: usize = 20;
/// How many runs begin with each append.
const RUNS: usize = 12;

/// The records of append number `batch`: its runs begin, those of the one before stand still.
fn records(batch: usize) -> Vec<Record> {
    let begin = |run| {
        begins(&apex(batch, run), batch as i64, "a text that is long enough to fill some pages ".repeat(9).as_str())
    };
    let held = |run| goes_on(&apex(batch - 1, run), batch as i64, Event::Held { why: "to see it".to_owned() });
    let before = if batch == 0 { 0 } else { RUNS };
    (0..before).map(held).chain((0..RUNS).map(begin)).collect()
}

fn apex(batch: usize, run: usize) -> String {
    format!("r{run}.b{batch}.example")
}

/// How many appends the store has, each of them whole.
fn whole_batches(store: &Store) -> usize {
    let runs = store.runs().unwrap();
    assert_eq!(runs.len() % RUNS, 0, "a batch is half there");
    let batches = runs.len() / RUNS;
    for (at, (zone, run, promises)) in runs.iter().enumerate() {
        let batch = at / RUNS;
        assert_eq!(*zone, name(&apex(batch, at % RUNS)));
        let followed = batch + 1 < batches;
        assert_eq!(run.is_held(), followed, "{zone}");
        assert_eq!(*promises, if followed { promised([3]) } else { promised([1, 2]) }, "{zone}");
        assert!(store.plan_text(zone).unwrap().is_some(), "{zone}");
    }
    batches
}

/// Not a test of its own: what [`what_was_acknowledged_outlives_the_process`] starts and kills.
#[test]
fn appends_until_it_is_killed() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let mut store = Store::open(Path::new(&folder)).unwrap();
    for batch in whole_batches(&store).. {
        store.append(&records(batch)).unwrap();
        // Past the harness, which keeps what a test prints.
        writeln!(io::stderr(), "{batch}").unwrap();
    }
}

#[test]
fn what_was_acknowledged_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    // Any numbers would do, and the scheduler adds its own.
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut acknowledged = None;
    for _ in 0..KILLS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "control::store::tests::killed::appends_until_it_is_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        for _ in 0..=(random >> 32) % 8 {
            acknowledged = Some(lines.next().unwrap().unwrap().parse::<usize>().unwrap());
        }
        // A moment somewhere in the append that is under way.
        for _ in 0..(random >> 40) % 2_000_000 {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said before it ended counts too; a line may have been cut off.
        for line in lines.map_while(Result::ok) {
            acknowledged = line.parse().ok().max(acknowledged);
        }
        let store = Store::open(folder.path()).unwrap();
        assert!(whole_batches(&store) > acknowledged.unwrap());
    }
}
