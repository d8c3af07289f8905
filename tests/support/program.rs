//! Programs of other packages: found, run to their end, or kept running and ended by id.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The longest that anything may take here. What is claimed to be fast is measured elsewhere: this machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// How often it is looked whether something has come.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The command that installs everything the tests need.
const INSTALL: &str = "apt-get install knot nsd bind9 bind9-utils bind9-dnsutils knot-dnsutils unbound ldnsutils \
                       knot-resolver pdns-recursor dnsmasq-base nginx-light libnginx-mod-mail postfix";

/// The full path of `program`.
///
/// # Panics
/// If it is not installed; the message says how to install it.
pub(crate) fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{program} is not installed; install it with: {INSTALL}"))
}

/// What a program that ran to its end left behind.
pub(crate) struct Output {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `program` to its end, at most `limit`.
///
/// # Panics
/// If it is not installed, or did not end in time.
pub(crate) fn run(program: &str, folder: &Path, arguments: &[&str], limit: Duration) -> Output {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let (out, err) = (scratch.path().join("out"), scratch.path().join("err"));
    let mut child = Command::new(find(program))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(File::create(&out).expect("a file for stdout"))
        .stderr(File::create(&err).expect("a file for stderr"))
        .spawn()
        .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child to wait for") {
            break status;
        }
        if begun.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{program} {arguments:?} did not end within {limit:?}");
        }
        std::thread::park_timeout(Duration::from_millis(2));
    };
    let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
    Output { success: status.success(), stdout: read(&out), stderr: read(&err) }
}

/// [`run`], for a program that must succeed.
///
/// # Panics
/// If it fails; the message holds what it said.
pub(crate) fn must_run(program: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = run(program, folder, arguments, PATIENCE);
    assert!(output.success, "{program} {arguments:?} failed:\n{}\n{}", output.stdout, output.stderr);
    output.stdout
}

/// A program that runs until its handle is dropped.
pub(crate) struct Running {
    child: Mutex<Child>,
    log: PathBuf,
    name: String,
}

impl Running {
    /// Starts `command`, its output going to `log`.
    pub(crate) fn start(name: &str, mut command: Command, log: PathBuf) -> Running {
        let file = File::create(&log).expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle of the log"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Running { child: Mutex::new(child), log, name: name.to_owned() }
    }

    /// What becomes of the child in `act`.
    fn child<T>(&self, act: impl FnOnce(&mut Child) -> std::io::Result<T>) -> std::io::Result<T> {
        act(&mut self.child.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How it ended, if it has.
    fn ended(&self) -> std::io::Result<Option<ExitStatus>> {
        self.child(Child::try_wait)
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.ended(), Ok(None))
    }

    /// Waits until `condition` holds.
    ///
    /// # Panics
    /// If it ends before, or [`PATIENCE`] does; the message holds what it said.
    pub(crate) fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !condition() {
            let in_time = self.is_alive() && begun.elapsed() < PATIENCE;
            assert!(in_time, "waited for: {what}, at {}:\n{}", self.name, self.log());
            std::thread::park_timeout(LOOK_AGAIN);
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child(|child| Ok(child.id())).expect("an id")
    }

    /// Its exit status once it has ended by itself; `None` if it does not.
    pub(crate) fn exit_status(&self) -> Option<i32> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Ok(Some(status)) = self.ended() {
                return status.code();
            }
            std::thread::park_timeout(LOOK_AGAIN);
        }
        None
    }

    /// Ends it by SIGKILL, which it can't hear.
    pub(crate) fn kill(&self) {
        self.child(|child| child.kill().and_then(|()| child.wait())).expect("a child to end");
    }

    /// The lines that it has said so far. One that it is just saying is none yet.
    pub(crate) fn log(&self) -> String {
        let mut octets = std::fs::read(&self.log).unwrap_or_default();
        octets.truncate(octets.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1));
        String::from_utf8_lossy(&octets).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM first: NSD is several processes, and its first ends the others.
        let asked = Command::new("kill").args(["-TERM", &self.id().to_string()]).stderr(Stdio::null()).status();
        let begun = Instant::now();
        while asked.is_ok() && begun.elapsed() < PATIENCE && self.is_alive() {
            std::thread::park_timeout(LOOK_AGAIN);
        }
        let _ = self.child(|child| child.kill().and_then(|()| child.wait()));
    }
}
