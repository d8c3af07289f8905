//! A real socket in a scratch folder, served by handlers that are made up.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

use super::protocol::{REQUEST_LEN_MAX, read_reply, write_request};
use super::server::{Hall, Limits};
use super::*;

/// Says what was asked and by whom.
fn echo(request: Request, caller: Caller) {
    let text = format!("{} {}", request.verb.name(), request.zone.as_deref().unwrap_or("all"));
    let by = caller.by().to_owned();
    caller.reply(Reply::shown(text, json!({ "by": by })).token("5f"));
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn arm(zone: &str) -> Request {
    Request { zone: Some(zone.to_owned()), ..Request::new(Verb::Arm) }
}

fn connect(state: &Path) -> BufReader<UnixStream> {
    let stream = UnixStream::connect(path(state)).unwrap();
    // So that a fault is a failed test and not one that hangs.
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    BufReader::new(stream)
}

fn say(stream: &mut BufReader<UnixStream>, octets: &[u8]) {
    stream.get_mut().write_all(octets).unwrap();
}

fn hear(stream: &mut BufReader<UnixStream>) -> Reply {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).unwrap();
    read_reply(&line).unwrap()
}

fn is_at_end(stream: &mut BufReader<UnixStream>) -> bool {
    match stream.read(&mut [0]) {
        Ok(len) => len == 0,
        // What it did not read of ours makes it a reset.
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_request_is_replied_to_and_the_kernel_says_who_asks() {
    let state = folder();
    let _socket = Socket::listen(state.path(), echo).unwrap();
    let reply = ask(state.path(), &arm("a.example")).unwrap();
    let uid = fs::metadata(state.path()).unwrap().uid();
    let by = format!("uid {uid} over the control socket");
    assert_eq!(reply, Reply::shown("arm a.example", json!({ "by": by })).token("5f"));
}

#[test]
fn a_conversation_goes_on_until_its_end_which_needs_no_end_of_line() {
    let state = folder();
    let _socket = Socket::listen(state.path(), echo).unwrap();
    let mut stream = connect(state.path());
    say(&mut stream, b"{\"version\":1,\"verb\":\"status\"}\n{\"version\":1,\"verb\":\"hold\"}\n{\"version\":1}\n");
    assert_eq!(hear(&mut stream).text, "status all");
    assert_eq!(hear(&mut stream).text, "hold all");
    assert_eq!(hear(&mut stream).outcome, Outcome::Failed);
    say(&mut stream, br#"{"version":1,"verb":"abort","zone":"b.example"}"#);
    stream.get_mut().shutdown(Shutdown::Write).unwrap();
    assert_eq!(hear(&mut stream).text, "abort b.example");
    assert!(is_at_end(&mut stream));
}

#[test]
fn a_reply_may_come_later_from_another_thread() {
    let state = folder();
    let (queue, owner) = mpsc::sync_channel::<(Request, Caller)>(4);
    let hand_on = move |request, caller| _ = queue.send((request, caller));
    let socket = Socket::listen(state.path(), hand_on).unwrap();
    thread::scope(|scope| {
        let first = scope.spawn(|| ask(state.path(), &arm("a.example")).unwrap());
        let (_, held) = owner.recv().unwrap();
        // The first waits, and the second is replied to.
        let second = scope.spawn(|| ask(state.path(), &arm("b.example")).unwrap());
        let (request, caller) = owner.recv().unwrap();
        echo(request, caller);
        assert_eq!(second.join().unwrap().text, "arm b.example");
        assert!(!held.has_gone());
        held.reply(Reply::done("a.example is armed", json!(null)));
        assert_eq!(first.join().unwrap().outcome, Outcome::Done);
    });
    socket.close();
}

#[test]
fn a_line_that_is_too_long_is_refused() {
    let state = folder();
    let _socket = Socket::listen(state.path(), echo).unwrap();
    let mut stream = connect(state.path());
    say(&mut stream, &vec![b'x'; REQUEST_LEN_MAX + 1]);
    let reply = hear(&mut stream);
    assert_eq!((reply.outcome, &*reply.text), (Outcome::Failed, "the request is longer than 65536 octets"));
    assert!(is_at_end(&mut stream));
}

#[test]
fn the_longest_line_is_taken() {
    let state = folder();
    let _socket = Socket::listen(state.path(), echo).unwrap();
    let mut request = Request { why: Some(String::new()), ..arm("a.example") };
    let short = write_request(&request).unwrap().len();
    request.why = Some("x".repeat(REQUEST_LEN_MAX - short));
    assert_eq!(ask(state.path(), &request).unwrap().text, "arm a.example");
    request.why.as_mut().unwrap().push('x');
    assert!(matches!(ask(state.path(), &request), Err(AskError::Long)));
}

#[test]
fn a_client_who_is_slow_keeps_nobody_waiting() {
    let state = folder();
    let _socket = Socket::listen(state.path(), echo).unwrap();
    let mut slow = connect(state.path());
    say(&mut slow, b"{\"version\":1,");
    assert_eq!(ask(state.path(), &arm("a.example")).unwrap().text, "arm a.example");
    say(&mut slow, b"\"verb\":\"status\"}\n");
    assert_eq!(hear(&mut slow).text, "status all");
}

/// A conversation in virtual time: what `handler` and the server's end of a pipe of `room` octets make of `said`, and
/// how long it took until the end.
async fn conversation(handler: impl Handler, room: usize, said: &[u8], listens: bool) -> (Vec<u8>, Duration) {
    let (_stop, stopping) = watch::channel(false);
    let hall = Hall { handler: Arc::new(handler), limits: Limits::DEFAULT, stopping };
    let (mut client, server) = tokio::io::duplex(room);
    let begun = tokio::time::Instant::now();
    let (input, output) = tokio::io::split(server);
    let conversation = tokio::spawn(async move { hall.converse(input, output, "nobody").await });
    client.write_all(said).await.unwrap();
    let mut heard = Vec::new();
    if listens {
        client.read_to_end(&mut heard).await.unwrap();
    }
    conversation.await.unwrap();
    (heard, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_client_who_says_nothing_loses_his_place() {
    let (heard, took) = conversation(echo, 1 << 10, b"", true).await;
    assert_eq!((&*heard, took.as_secs()), (&b""[..], 10));
}

#[tokio::test(start_paused = true)]
async fn a_client_who_does_not_finish_loses_his_place_and_is_told() {
    let (heard, took) = conversation(echo, 1 << 10, b"{", true).await;
    assert_eq!(read_reply(&heard).unwrap().text, "the request has begun, and its end did not come in time");
    assert_eq!(took.as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_client_who_does_not_listen_loses_his_place() {
    let long = |_, caller: Caller| caller.reply(Reply::shown("x".repeat(1 << 20), json!(null)));
    let (_, took) = conversation(long, 1 << 10, b"{\"version\":1,\"verb\":\"status\"}\n", false).await;
    assert_eq!(took.as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_sees_that_nobody_waits() {
    let (queue, owner) = mpsc::sync_channel::<Caller>(1);
    let hand_on = move |_, caller| _ = queue.send(caller);
    let (heard, took) = conversation(hand_on, 1 << 10, b"{\"version\":1,\"verb\":\"status\"}\n", true).await;
    let reply = read_reply(&heard).unwrap();
    assert_eq!((reply.outcome, &*reply.text), (Outcome::Failed, "the server did not reply within 60 s"));
    // The conversation waited for another request then.
    assert_eq!(took.as_secs(), 60 + 10);
    assert!(owner.recv().unwrap().has_gone());
}

#[test]
fn a_client_too_many_is_told_so_and_a_place_is_free_again_when_one_goes() {
    let state = folder();
    let limits = Limits { connections_max: 2, ..Limits::DEFAULT };
    let _socket = Socket::listen_within(state.path(), echo, limits).unwrap();
    let mut open = [connect(state.path()), connect(state.path())];
    for stream in &mut open {
        say(stream, b"{\"version\":1,\"verb\":\"status\"}\n");
        assert_eq!(hear(stream).outcome, Outcome::Shown);
    }
    let reply = ask(state.path(), &arm("a.example")).unwrap();
    assert_eq!(reply.outcome, Outcome::Failed);
    assert!(reply.text.starts_with("2 clients are asking already"), "{}", reply.text);
    let [gone, _stays] = &mut open;
    gone.get_mut().shutdown(Shutdown::Write).unwrap();
    assert!(is_at_end(gone));
    // The place is given back when the conversation has ended, which whoever sees its end may be quicker than.
    let told = (0..1_000).map(|_| ask(state.path(), &arm("a.example")).unwrap().outcome);
    assert!(told.into_iter().any(|outcome| outcome == Outcome::Shown));
}

#[test]
fn a_handler_that_drops_the_request_is_told_on() {
    let state = folder();
    let handler = |request: Request, _| assert!(request.zone.is_some(), "on purpose");
    let _socket = Socket::listen(state.path(), handler).unwrap();
    // The second panics.
    for request in [arm("a.example"), Request::new(Verb::Status), arm("a.example")] {
        let reply = ask(state.path(), &request).unwrap();
        assert_eq!((reply.outcome, &*reply.text), (Outcome::Failed, "the server has dropped the request"));
    }
}

#[test]
fn a_reply_of_a_megabyte_arrives() {
    let state = folder();
    let long = |_, caller: Caller| caller.reply(Reply::shown("x".repeat(1 << 20), json!(null)));
    let _socket = Socket::listen(state.path(), long).unwrap();
    assert_eq!(ask(state.path(), &arm("a.example")).unwrap().text.len(), 1 << 20);
}

#[test]
fn only_the_servers_user_may_open_the_socket() {
    let state = folder();
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let _socket = Socket::listen(state.path(), echo).unwrap();
    assert_eq!(fs::metadata(path(state.path())).unwrap().permissions().mode() & 0o777, 0o600);
    // And nothing else is left there.
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);
}

#[test]
fn a_socket_of_a_server_that_is_no_more_is_replaced() {
    let state = folder();
    drop(UnixListener::bind(path(state.path())).unwrap());
    assert!(matches!(ask(state.path(), &arm("a.example")), Err(AskError::NoServer { .. })));
    let _socket = Socket::listen(state.path(), echo).unwrap();
    assert_eq!(ask(state.path(), &arm("a.example")).unwrap().text, "arm a.example");
}

#[test]
fn a_socket_of_a_server_that_runs_is_left_to_it() {
    let state = folder();
    let first = Socket::listen(state.path(), echo).unwrap();
    let error = Socket::listen(state.path(), echo).unwrap_err();
    assert!(matches!(&error, ListenError::Live { path } if path.ends_with("control.sock")), "{error}");
    assert!(error.help().unwrap().contains("--state DIR"));
    assert_eq!(ask(state.path(), &arm("a.example")).unwrap().text, "arm a.example");
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);
    first.close();
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let state = folder();
    fs::write(path(state.path()), "mine").unwrap();
    let error = Socket::listen(state.path(), echo).unwrap_err();
    assert!(matches!(error, ListenError::Occupied { .. }), "{error}");
    assert_eq!(fs::read(path(state.path())).unwrap(), b"mine");
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);
}

#[test]
fn a_socket_of_another_is_not_taken_away() {
    let state = folder();
    let first = Socket::listen(state.path(), echo).unwrap();
    fs::remove_file(path(state.path())).unwrap();
    let second = Socket::listen(state.path(), echo).unwrap();
    first.close();
    assert_eq!(ask(state.path(), &arm("a.example")).unwrap().text, "arm a.example");
    second.close();
}

#[test]
fn a_server_that_ends_gives_the_replies_that_are_due() {
    let state = folder();
    let (queue, owner) = mpsc::sync_channel::<Caller>(1);
    let socket = Socket::listen(state.path(), move |_, caller| _ = queue.send(caller)).unwrap();
    thread::scope(|scope| {
        let asking = scope.spawn(|| ask(state.path(), &arm("a.example")).unwrap());
        let _idle = connect(state.path());
        let caller = owner.recv().unwrap();
        let closing = scope.spawn(move || socket.close());
        caller.reply(Reply::done("done", json!(null)));
        closing.join().unwrap();
        assert_eq!(asking.join().unwrap().outcome, Outcome::Done);
    });
    assert!(matches!(ask(state.path(), &arm("a.example")), Err(AskError::NoServer { .. })));
}

#[test]
fn what_keeps_from_listening_or_asking_is_told_with_a_way_out() {
    let state = folder();
    let nowhere = state.path().join("nowhere");
    let error = Socket::listen(&nowhere, echo).unwrap_err();
    assert!(matches!(error, ListenError::Make { .. }) && error.help().is_some(), "{error}");
    let error = ask(&nowhere, &arm("a.example")).unwrap_err();
    assert!(matches!(error, AskError::NoServer { .. }), "{error}");
    assert!(error.help().unwrap().contains(&format!("watari serve --state {}", nowhere.display())));
    let long = state.path().join("x".repeat(100));
    fs::create_dir(&long).unwrap();
    let error = Socket::listen(&long, echo).unwrap_err();
    assert!(matches!(error, ListenError::PathLong { .. }) && error.help().is_some(), "{error}");
    assert!(matches!(ask(&long, &arm("a.example")), Err(AskError::Connect { .. })));
}

#[test]
fn a_server_that_says_something_else_is_not_believed() {
    let state = folder();
    let listener = UnixListener::bind(path(state.path())).unwrap();
    thread::scope(|scope| {
        for (line, words) in [
            (&b"hello\n"[..], "it is no JSON"),
            (b"{\"version\":2,\"outcome\":\"done\",\"text\":\"\"}\n", "version 2"),
            (b"{\"version\":1,\"outcome\":\"maybe\",\"text\":\"\"}\n", "unknown variant"),
            (b"", "without a reply"),
        ] {
            let asking = scope.spawn(|| ask(state.path(), &arm("a.example")).unwrap_err());
            let (stream, _) = listener.accept().unwrap();
            let mut stream = BufReader::new(stream);
            stream.read_until(b'\n', &mut Vec::new()).unwrap();
            stream.get_mut().write_all(line).unwrap();
            drop(stream);
            let error = crate::control::run::with_causes(&asking.join().unwrap());
            assert!(error.contains(words), "{error}");
        }
    });
}
