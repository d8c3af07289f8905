//! A server of ours that is killed and started again over the same files and the same folder of state.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::client;
use super::program::Running;

/// A server that dies and lives again.
pub(crate) struct Node {
    folder: tempfile::TempDir,
    running: Option<Running>,
    address: Option<SocketAddr>,
}

impl Node {
    /// A server over `files`, names below the folder of zones and their contents; not started yet.
    pub(crate) fn new(files: &[(String, String)]) -> Node {
        let folder = tempfile::tempdir().expect("a folder");
        let zones = folder.path().join("zones");
        std::fs::create_dir(&zones).expect("a folder of zones");
        for (name, text) in files {
            std::fs::write(zones.join(name), text).expect("a file");
        }
        Node { folder, running: None, address: None }
    }

    /// A command of ours, to be run beside this server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watari"));
        command.args(arguments).current_dir(self.folder.path()).env_remove("WATARI_LOG").stdin(Stdio::null());
        command
    }

    /// Starts it, and does not wait.
    pub(crate) fn start(&mut self) {
        let command = self.command(&["serve", "--listen", "127.0.0.1:0", "--workers", "1"]);
        self.address = None;
        self.running = Some(Running::start("watari", command, self.folder.path().join("log")));
    }

    /// Waits until it has read all its files.
    pub(crate) fn wait(&mut self) {
        let running = self.running.as_ref().expect("a server that runs");
        running.until("it is ready", || running.log().lines().any(|line| line.starts_with("ready: ")));
        let log = running.log();
        let line = log.lines().find(|line| line.starts_with("ready: "));
        self.address = line.and_then(|line| line.rsplit(' ').next()).and_then(|address| address.parse().ok());
        assert!(self.address.is_some(), "no address: {log}");
    }

    /// Ends it by SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.running.take().expect("a server that runs").kill();
        self.address = None;
    }

    /// What it has said since it was started last.
    pub(crate) fn log(&self) -> String {
        self.running.as_ref().map(Running::log).unwrap_or_default()
    }

    /// Its folder of state.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Its answers to `questions`, in their order. It is ready.
    pub(crate) fn ask(&self, questions: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let address = self.address.expect("a server that is ready");
        let answers = client::exchange_all(address, questions);
        answers.into_iter().map(|answer| answer.expect("an answer")).collect()
    }
}
