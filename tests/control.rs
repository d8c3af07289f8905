//! The commands that ask a running server, against one that is made up: what comes out, and with which exit status.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use watari::control::socket::{self, Caller, Reply, Request, Socket, Verb};
use watari::diag::Diagnostic;

/// A folder to run in, with a server whose state is in `state` below it.
struct Desk {
    folder: tempfile::TempDir,
    socket: Option<Socket>,
    asked: Arc<Mutex<Vec<Request>>>,
}

/// What came out of a command.
struct Said {
    status: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

impl Desk {
    /// A server that replies so.
    fn new(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let book = asked.clone();
        let handler = move |request: Request, caller: Caller| {
            assert!(caller.by().starts_with("uid "));
            let reply = reply(&request);
            book.lock().unwrap().push(request);
            caller.reply(reply);
        };
        let socket = Socket::listen(&state, handler).unwrap();
        Desk { folder, socket: Some(socket), asked }
    }

    /// A server that shows everything, and does what it has shown.
    fn obliging() -> Desk {
        Desk::new(|request| match &request.act {
            Some(token) if token == "5f" => Reply::done("it is done", json!({ "done": true })),
            Some(_) => Reply::refused("the token is not known"),
            None => Reply::shown("this would be done", json!({ "done": false })).token("5f"),
        })
    }

    fn watari(&self, line: &str) -> Said {
        watari(self.folder.path(), line)
    }

    /// What the server was asked, whatever its colours.
    fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

fn watari(folder: &Path, line: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watari"));
    let output = command.args(line.split(' ')).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    Said { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn of(verb: Verb) -> Request {
    Request { zone: Some("shop.example".to_owned()), ..Request::new(verb) }
}

#[test]
fn every_command_shows_first_and_then_does_what_it_showed() {
    let desk = Desk::obliging();
    for (line, request) in [
        ("arm Shop.Example.", of(Verb::Arm)),
        ("hold shop.example --why late", Request { why: Some("late".to_owned()), ..of(Verb::Hold) }),
        (
            "resume shop.example --at 2026-12-01T03:00Z",
            Request { at: Some("2026-12-01T03:00Z".to_owned()), ..of(Verb::Resume) },
        ),
        ("rollback shop.example", of(Verb::Rollback)),
        ("abort shop.example", of(Verb::Abort)),
    ] {
        let said = desk.watari(&format!("{line} --yes"));
        assert_eq!((said.status, &*said.out, &*said.err), (0, "this would be done\nit is done\n", ""), "{line}");
        let asked = std::mem::take(&mut *desk.asked.lock().unwrap());
        let act = Request { act: Some("5f".to_owned()), ..request.clone() };
        assert_eq!(asked, [request, act], "{line}");
    }
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_done() {
    let desk = Desk::obliging();
    let said = desk.watari("rollback shop.example");
    assert_eq!((said.status, &*said.out), (1, "this would be done\n"));
    assert_eq!(said.err, "nothing was done; --yes does it\n");
    let said = desk.watari("rollback shop.example --dry-run");
    assert_eq!((said.status, &*said.out, &*said.err), (0, "this would be done\n", ""));
    assert!(desk.asked().iter().all(|request| request.act.is_none()));
}

#[test]
fn for_programs_the_data_comes_out_alone() {
    let desk = Desk::obliging();
    let said = desk.watari("arm shop.example --json");
    assert_eq!((said.status, said.json()), (1, json!({ "done": false })));
    let said = desk.watari("arm shop.example --json --dry-run");
    assert_eq!((said.status, said.json()), (0, json!({ "done": false })));
    let said = desk.watari("arm shop.example --json --yes");
    assert_eq!((said.status, said.json(), &*said.err), (0, json!({ "done": true }), ""));
}

#[test]
fn what_changed_between_showing_and_acting_is_not_done() {
    let desk = Desk::new(|request| {
        let token = if request.act.is_some() { "b" } else { "a" };
        Reply::shown(format!("plan {token}"), json!(token)).token(token)
    });
    let said = desk.watari("arm shop.example --yes");
    assert_eq!((said.status, &*said.out), (1, "plan a\nplan b\n"));
    assert!(said.err.contains("things have changed meanwhile"), "{}", said.err);
    assert_eq!(desk.asked().len(), 2);
}

#[test]
fn a_refusal_says_why_and_what_to_do() {
    let desk = Desk::new(|_| Reply::refused("shop.example has no plan").help("write one: `watari plan new`"));
    let said = desk.watari("arm shop.example --yes");
    assert_eq!((said.status, &*said.out), (1, ""));
    assert_eq!(said.err, "error: shop.example has no plan\nhelp: write one: `watari plan new`\n");
    let said = desk.watari("arm shop.example --json");
    assert_eq!((said.status, &*said.err), (1, ""));
    assert_eq!(said.json()["text"], "shop.example has no plan");
    assert_eq!(said.json()["outcome"], "refused");
    assert_eq!(desk.watari("status shop.example").status, 1);
}

#[test]
fn faults_of_a_plan_are_drawn_and_given_to_programs() {
    let desk = Desk::new(|request| {
        Reply::faulty(&[Diagnostic::error("plan-syntax", "it is wrong").help("right it")], request.styled)
    });
    let said = desk.watari("arm shop.example");
    assert_eq!(said.status, 1);
    assert!(said.err.starts_with("error[plan-syntax]: it is wrong\n"), "{}", said.err);
    assert_eq!(desk.watari("arm shop.example --json").json()["diagnostics"][0]["code"], "plan-syntax");
}

#[test]
fn a_server_that_fails_is_not_a_refusal() {
    let desk = Desk::new(|_| Reply::failed("the journal can't be written"));
    for line in ["arm shop.example --yes", "status"] {
        let said = desk.watari(line);
        assert_eq!((said.status, &*said.err), (3, "error: the journal can't be written\n"), "{line}");
    }
    assert_eq!(desk.watari("status --json").status, 3);
}

#[test]
fn status_is_of_one_zone_or_of_all() {
    let desk = Desk::new(|request| {
        let zone = request.zone.as_deref().unwrap_or("all");
        Reply::shown(format!("{zone}: fine\n"), json!({ "zone": zone }))
    });
    assert_eq!(desk.watari("status").out, "all: fine\n");
    let said = desk.watari("status 日本語.example");
    assert_eq!((said.status, &*said.out, &*said.err), (0, "xn--wgv71a119e.example: fine\n", ""));
    assert_eq!(desk.watari("status . --json").json(), json!({ "zone": "." }));
}

#[test]
fn without_a_server_it_is_said_what_was_tried_and_what_to_do() {
    let mut desk = Desk::obliging();
    desk.socket.take().unwrap().close();
    for line in ["status", "arm shop.example --yes", "status --json"] {
        let said = desk.watari(line);
        assert_eq!((said.status, &*said.out), (3, ""), "{line}");
        assert!(said.err.contains("nobody listens at state/control.sock"), "{}", said.err);
        assert!(said.err.contains("help: start one with `watari serve --state state`"), "{}", said.err);
    }
    // The same if a server has died and left its socket.
    drop(UnixListener::bind(socket::path(&desk.folder.path().join("state"))).unwrap());
    assert_eq!(desk.watari("status").status, 3);
    let said = desk.watari("status --state elsewhere");
    assert!(said.status == 3 && said.err.contains("elsewhere/control.sock"), "{}", said.err);
}

#[test]
fn the_folder_of_state_is_the_one_that_serve_would_take() {
    let desk = Desk::obliging();
    let write = |text: &str| fs::write(desk.folder.path().join("watari.toml"), text).unwrap();
    fs::rename(desk.folder.path().join("state"), desk.folder.path().join("kept")).unwrap();
    assert_eq!(desk.watari("status").status, 3);
    write("state = \"kept\"\n");
    assert_eq!(desk.watari("status").status, 0);
    write("state = \"elsewhere\"\n");
    assert_eq!(desk.watari("status").status, 3);
    assert_eq!(desk.watari("status --state kept").status, 0);
    // A configuration with faults may name another folder than it seems.
    write("state = 7\n");
    let said = desk.watari("status");
    assert!(said.status == 1 && said.err.contains("watari.toml:1:9"), "{}", said.err);
    assert_eq!(desk.watari("status --state kept").status, 0);
}

#[test]
fn what_is_mistyped_never_reaches_the_server() {
    let desk = Desk::obliging();
    assert_eq!(desk.watari("arm a..b --yes").status, 3);
    assert_eq!(desk.watari("resume shop.example --at soon --yes").status, 2);
    assert_eq!(desk.watari("arm shop.example --yes --dry-run").status, 2);
    assert_eq!(desk.asked(), []);
}
