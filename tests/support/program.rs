//! Programs of other packages: found, run to their end, or kept running and ended by id.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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

/// Runs `dig` to its end. It binds its port with SO_REUSEPORT, as our servers do theirs: once in some thirty thousand times
/// the system gives it the very port that it asks, and it hears itself. Then it asks again.
///
/// # Panics
/// As [`run`].
pub(crate) fn dig(folder: &Path, arguments: &[&str], limit: Duration) -> Output {
    let mut output = run("dig", folder, arguments, limit);
    for _ in 0..3 {
        if !output.stdout.contains("query response not set") {
            break;
        }
        output = run("dig", folder, arguments, limit);
    }
    output
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
    let output = run(program, folder, arguments, Duration::from_secs(60));
    assert!(output.success, "{program} {arguments:?} failed:\n{}\n{}", output.stdout, output.stderr);
    output.stdout
}

/// A program that runs until its handle is dropped.
pub(crate) struct Running {
    child: Child,
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
        Running { child, log, name: name.to_owned() }
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status once it has ended by itself, which may take `limit`.
    pub(crate) fn exit_status(&mut self, limit: Duration) -> Option<i32> {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status.code();
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        None
    }

    /// Ends it by SIGKILL, which it can't hear.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child to kill");
        self.child.wait().expect("a child to wait for");
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Its name, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM first: NSD is several processes, and its first ends the others.
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).stderr(Stdio::null()).status();
        let begun = Instant::now();
        while asked.is_ok() && begun.elapsed() < Duration::from_secs(5) && self.is_alive() {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
