//! Our own server over a folder of its own: started, asked with `dig`, told with the commands of its operator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::command;
use super::ports::free_address;
pub(crate) use super::program::PATIENCE;
use super::program::{self, Running};

/// A running server over a folder of its own.
pub(crate) struct Watari {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) running: Running,
    pub(crate) port: String,
}

impl Watari {
    /// Starts a server over `files`: names below the folder of zones, and their contents.
    pub(crate) fn serve(files: &[(&str, &str)]) -> Watari {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            write(&folder.path().join("zones").join(name), text);
        }
        Watari::start(folder, &[])
    }

    /// Starts a server in `folder`, at an address of its own unless `arguments` have one.
    pub(crate) fn start(folder: tempfile::TempDir, arguments: &[&str]) -> Watari {
        fs::create_dir_all(folder.path().join("zones")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_watari"));
        command.args(["serve", "--workers", "1"]).args(arguments);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", &free_address().to_string()]);
        }
        command.current_dir(folder.path()).env_remove("WATARI_LOG");
        let running = Running::start("watari", command, folder.path().join("log"));
        let mut server = Watari { folder, running, port: String::new() };
        server.until("it is ready", |server| server.log().lines().any(|line| line.starts_with("ready: ")));
        let log = server.log();
        let line = log.lines().find(|line| line.starts_with("ready: ")).unwrap();
        server.port = line.rsplit(':').next().unwrap().to_owned();
        server
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("zones").join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write(&self.path(name), text);
    }

    pub(crate) fn log(&self) -> String {
        self.running.log()
    }

    /// What `dig` shows with these arguments.
    pub(crate) fn dig(&self, arguments: &[&str]) -> String {
        let server = ["@127.0.0.1", "-p", &self.port, "+tries=3", "+timeout=2"];
        let all: Vec<&str> = server.iter().chain(arguments).copied().collect();
        program::run("dig", self.folder.path(), &all, PATIENCE).stdout
    }

    /// The data of the answer, line by line.
    pub(crate) fn data(&self, name: &str, rtype: &str) -> String {
        self.dig(&["+short", name, rtype]).trim_end().to_owned()
    }

    /// What `watari`, with these arguments and the folder of state of this server, prints, and whether it ends well.
    pub(crate) fn command(&self, arguments: &[&str]) -> (bool, String) {
        let output = command::watari(self.folder.path(), arguments);
        let text = [output.stdout, output.stderr].map(|octets| String::from_utf8_lossy(&octets).into_owned()).concat();
        (output.status.success(), text)
    }

    pub(crate) fn status(&self, name: &str) -> String {
        let shown = self.dig(&[name, "SOA"]);
        let status = shown.split("status: ").nth(1).and_then(|rest| rest.split(',').next());
        status.unwrap_or("no answer").to_owned()
    }

    pub(crate) fn ttl_and_data(&self, name: &str) -> (u32, String) {
        let shown = self.dig(&["+noall", "+answer", name, "A"]);
        let fields: Vec<&str> = shown.split_whitespace().collect();
        (fields[1].parse().unwrap(), fields[4].to_owned())
    }

    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&Watari) -> bool) {
        self.running.until(what, || condition(self));
    }

    /// Waits until it has said `text`: what it does is seen before it is told.
    pub(crate) fn until_said(&mut self, text: &str) {
        self.until(&format!("it says: {text}"), |server| server.log().contains(text));
    }

    pub(crate) fn until_data(&mut self, name: &str, expected: &str) {
        self.until(&format!("{name} is {expected}"), |server| server.data(name, "A") == expected);
    }

    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.running.id().to_string()]).status().unwrap().success());
    }
}

/// What comes out of `watari` in `folder`: the command, what it prints, and its exit status.
pub(crate) fn transcript(folder: &Path, arguments: &[&str]) -> String {
    let output = command::watari(folder, arguments);
    let said = command::text(&output.stdout);
    format!("$ watari {}\n{said}(exit status {})\n", arguments.join(" "), output.status.code().unwrap())
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
