//! A program that looks for itself: it passes with exit status 0, fails with 1, and any other is unknown.
//!
//! 1. It is started without a shell, in an environment that holds `PATH`, `WATARI_ZONE` (the zone's name without its last
//!    dot) and `WATARI_PROBE` (the probe's name), and nothing else of ours. It reads nothing.
//! 2. It leads a process group of its own, which is killed when the program has ended or its time is up: what it started
//!    goes with it, unless that left the group by itself.
//! 3. The group is killed before the program is waited for: until then nobody else can have its id.
//! 4. The first 4 KiB of what it says on standard error, or else on standard output, tell why. The rest is read and thrown
//!    away, so that it does not wait for us.

use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::patience::Patience;
use super::{Looked, fail, unknown};
use crate::net::said::{plain, said};
use crate::wire::Name;

/// How much of each of its two streams is kept.
const OUTPUT_LEN_MAX: usize = 4 << 10;
/// How often its streams are read after its end: twice what pipes hold.
const READS_MAX: usize = 64;

/// Runs `argv` for the probe `name` of the zone `apex`.
pub(super) fn look(argv: &[String], name: &str, apex: &Name, patience: Patience) -> Looked {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(unknown("no program is named"));
    };
    let zone = apex.to_string();
    let mut command = Command::new(program);
    command.args(arguments).env_clear().process_group(0);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.env("WATARI_ZONE", zone.strip_suffix('.').filter(|name| !name.is_empty()).unwrap_or(&zone));
    command.env("WATARI_PROBE", name);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            unknown(format!("there is no program {}: install it, or name its whole path", said(program)))
        }
        ErrorKind::PermissionDenied => {
            unknown(format!("{} may not be run: make it executable (chmod +x) for the server's user", said(program)))
        }
        _ => unknown(format!("{} can't be run: {error}", said(program))),
    })?;
    let ended = Running::of(child).and_then(|running| running.wait(patience));
    let (status, output) = ended.map_err(|error| unknown(format!("{} can't be watched: {error}", said(program))))?;
    judge(program, status, &output, patience)
}

fn judge(program: &str, status: Option<ExitStatus>, output: &[u8], patience: Patience) -> Looked {
    let (program, words) = (said(program), plain(output, OUTPUT_LEN_MAX));
    let saying = if words.is_empty() { ", and says nothing".to_owned() } else { format!(": {words}") };
    let Some(status) = status else {
        return Err(unknown(format!(
            "{program} did not end within {patience} and was killed: give the probe a longer `timeout`{saying}"
        )));
    };
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(1), _) => Err(fail(format!("{program} ends with 1{saying}"))),
        (Some(code), _) => Err(unknown(format!("{program} ends with {code}, which is neither 0 nor 1{saying}"))),
        (None, signal) => Err(unknown(format!("{program} was ended by signal {}{saying}", signal.unwrap_or(0)))),
    }
}

/// A program that runs; dropped, it is killed with its group.
struct Running {
    child: Child,
    group: Pid,
}

impl Running {
    fn of(child: Child) -> io::Result<Running> {
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(ErrorKind::InvalidData)?;
        Ok(Running { child, group })
    }

    /// Waits until it ends or its time is up: its exit status, if it ended, and what it said.
    fn wait(mut self, patience: Patience) -> io::Result<(Option<ExitStatus>, Vec<u8>)> {
        let ended = rustix::process::pidfd_open(self.group, PidfdFlags::empty())?;
        let mut streams = [
            Stream::of(self.child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Source>)),
            Stream::of(self.child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Source>)),
        ];
        let mut has_ended = false;
        while let (false, Some(left)) = (has_ended, patience.left()) {
            let wait = Timespec::try_from(left).map_err(io::Error::other)?;
            has_ended = hear(&mut streams, Some(ended.as_fd()), &wait)?.0;
        }
        // What it started might write for ever.
        self.kill_group();
        for _ in 0..READS_MAX {
            if !hear(&mut streams, None, &Timespec { tv_sec: 0, tv_nsec: 0 })?.1 {
                break;
            }
        }
        let status = self.child.wait()?;
        let [stderr, stdout] = streams.map(|stream| stream.kept);
        Ok((has_ended.then_some(status), if stderr.trim_ascii().is_empty() { stdout } else { stderr }))
    }

    /// Kills what still runs of it. That nothing does is no fault.
    fn kill_group(&self) {
        let _ = rustix::process::kill_process_group(self.group, Signal::KILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `wait` it has been reaped, its id may be another's.
        if let Ok(None) = self.child.try_wait() {
            self.kill_group();
            let _ = self.child.wait();
        }
    }
}

/// Waits at most `wait`, takes what the streams have, and says whether the process `ended` has ended, and whether any stream
/// had something.
fn hear(streams: &mut [Stream], ended: Option<BorrowedFd<'_>>, wait: &Timespec) -> io::Result<(bool, bool)> {
    let open = streams.iter().filter_map(|stream| stream.source.as_ref().map(|source| source.as_fd()));
    let mut watched: Vec<_> =
        ended.into_iter().chain(open).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
    match rustix::event::poll(&mut watched, Some(wait)) {
        Err(rustix::io::Errno::INTR) => return Ok((false, true)),
        other => other?,
    };
    let mut is_ready = watched.iter().map(|fd| !fd.revents().is_empty()).collect::<Vec<_>>().into_iter();
    drop(watched);
    let has_ended = ended.is_some() && is_ready.next() == Some(true);
    let mut was_heard = false;
    for (stream, is_ready) in streams.iter_mut().filter(|stream| stream.is_open()).zip(is_ready) {
        if is_ready {
            stream.read()?;
            was_heard = true;
        }
    }
    Ok((has_ended, was_heard))
}

trait Source: Read + AsFd {}
impl<T: Read + AsFd> Source for T {}

/// A stream that a program writes to.
struct Stream {
    source: Option<Box<dyn Source>>,
    kept: Vec<u8>,
}

impl Stream {
    fn of(source: Option<Box<dyn Source>>) -> Stream {
        Stream { source, kept: Vec::new() }
    }

    fn is_open(&self) -> bool {
        self.source.is_some()
    }

    /// Takes what is there: one read, which does not wait, since the stream is ready.
    fn read(&mut self) -> io::Result<()> {
        let mut piece = [0; OUTPUT_LEN_MAX];
        let Some(source) = &mut self.source else { return Ok(()) };
        match source.read(&mut piece) {
            Ok(0) => self.source = None,
            Ok(length) => {
                let room = OUTPUT_LEN_MAX.saturating_sub(self.kept.len());
                self.kept.extend_from_slice(piece.get(..length.min(room)).unwrap_or_default());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
