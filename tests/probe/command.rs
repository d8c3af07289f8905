//! Programs.

use std::path::Path;
use std::time::{Duration, Instant};

use watari::timeline::Verdict;
use watari::timeline::plan::probe::Look;

use crate::{PATIENT, SHORT, assert_fails, assert_unknown, look_within};

fn command(argv: &[&str]) -> Look {
    Look::Command { argv: argv.iter().map(|&word| word.to_owned()).collect() }
}

fn shell(script: &str) -> Look {
    command(&["sh", "-c", script])
}

/// Whether the process whose id is in `file` ends: a signal takes a moment to kill. One that nobody has waited for has
/// ended, too.
fn ends(file: &Path) -> bool {
    let id = std::fs::read_to_string(file).unwrap();
    let begun = Instant::now();
    while begun.elapsed() < PATIENT {
        let status = std::fs::read_to_string(format!("/proc/{}/status", id.trim())).unwrap_or_default();
        if status.is_empty() || status.contains("State:\tZ") || status.contains("State:\tX") {
            return true;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    false
}

#[test]
fn it_passes_with_0_fails_with_1_and_any_other_end_is_unknown() {
    assert_eq!(look_within(PATIENT, shell("exit 0")), Verdict::Pass);
    let verdict = look_within(PATIENT, shell("echo not on stdout; echo the queue is full >&2; exit 1"));
    assert_eq!(verdict, Verdict::Fail("`sh` ends with 1: the queue is full".to_owned()));
    assert_fails(&look_within(PATIENT, shell("echo only here; exit 1")), &["ends with 1: only here"]);
    assert_unknown(&look_within(PATIENT, shell("exit 2")), &["ends with 2, which is neither 0 nor 1", "says nothing"]);
    assert_unknown(&look_within(PATIENT, shell("kill -9 $$")), &["was ended by signal 9"]);
}

#[test]
fn a_program_that_is_not_there_or_may_not_be_run_is_unknown() {
    let verdict = look_within(PATIENT, command(&["no-such-program-anywhere"]));
    assert_unknown(&verdict, &["there is no program `no-such-program-anywhere`", "install it"]);
    assert_unknown(&look_within(PATIENT, command(&["/etc/passwd"])), &["may not be run", "chmod +x"]);
    assert_unknown(&look_within(PATIENT, command(&[])), &["no program is named"]);
}

#[test]
fn no_shell_reads_its_arguments_and_its_environment_holds_only_what_it_should() {
    let verdict = look_within(PATIENT, command(&["sh", "-c", "echo \"$1\"; exit 1", "sh", "$HOME; *"]));
    assert_fails(&verdict, &["ends with 1: $HOME; *"]);
    // The shell adds what it wants to for itself.
    let verdict = look_within(PATIENT, command(&["sh", "-c", "env | cut -d= -f1 | sort; exit 1"]));
    assert_fails(&verdict, &["WATARI_PROBE WATARI_ZONE"]);
    assert!(!verdict.to_string().contains("CARGO"), "{verdict}");
    let verdict = look_within(PATIENT, shell("echo $WATARI_ZONE $WATARI_PROBE; exit 1"));
    assert_fails(&verdict, &["ends with 1: child.example a-probe"]);
}

#[test]
fn it_is_killed_with_what_it_started_when_its_time_is_up() {
    let folder = tempfile::tempdir().unwrap();
    let (own, child) = (folder.path().join("own"), folder.path().join("child"));
    let script = format!("echo $$ > {}; sleep 300 & echo $! > {}; echo waiting; wait", own.display(), child.display());
    let verdict = look_within(SHORT, shell(&script));
    assert_unknown(&verdict, &["did not end within 3s and was killed", "a longer `timeout`", "waiting"]);
    assert!(ends(&own) && ends(&child));
}

#[test]
fn what_it_leaves_behind_is_killed_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let child = folder.path().join("child");
    // The child holds the shell's output open.
    let verdict = look_within(PATIENT, shell(&format!("sleep 300 & echo $! > {}; echo why; exit 1", child.display())));
    assert_fails(&verdict, &["ends with 1: why"]);
    assert!(ends(&child));
}

#[test]
fn of_endless_output_little_is_kept() {
    let verdict = look_within(PATIENT, shell("head -c 10000000 /dev/zero | tr '\\0' x >&2; exit 1"));
    assert_fails(&verdict, &["ends with 1: xxxx"]);
    assert!(verdict.to_string().len() < 5_000);
    assert_unknown(&look_within(SHORT, command(&["yes"])), &["did not end within 3s", "y y y"]);
}
