//! What is said over the control socket: an object of JSON on a line, each way.
//!
//! ```text
//! → {"version":1,"verb":"arm","zone":"shop.example"}
//! ← {"version":1,"outcome":"shown","text":"…","data":{…},"token":"5f…"}
//! → {"version":1,"verb":"arm","zone":"shop.example","act":"5f…"}
//! ← {"version":1,"outcome":"done","text":"…","data":{…}}
//! ```
//!
//! 1. A request without `act` changes nothing: it is replied to with what would be done, and a token that stands for
//!    exactly that. The same request with this token as `act` does it.
//! 2. An act whose token stands no longer for what would be done is not done: it is replied to with `shown`, what would
//!    be done now and its token.
//! 3. A field that is not known is ignored, one that is missing has a default. A verb or a version that is not known is
//!    an error and says so: half of what was meant is never done.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diag::{self, Diagnostic};

/// The version of what is said here.
pub const VERSION: u64 = 1;
/// The longest request, in octets, with its end of line.
pub const REQUEST_LEN_MAX: usize = 64 << 10;
/// The longest reply, in octets, with its end of line.
pub const REPLY_LEN_MAX: usize = 16 << 20;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Obey a plan.
    Arm,
    /// Say where runs stand.
    Status,
    /// Take no further step.
    Hold,
    /// Go on after a hold.
    Resume,
    /// Pass a gate that waits for a person.
    Approve,
    /// Serve the old data again.
    Rollback,
    /// Give a plan up before its flip.
    Abort,
    /// Take no updates of a zone, and write its file with those that there were.
    Freeze,
    /// Take updates of a zone again.
    Thaw,
    /// Write a zone's file with its updates.
    Sync,
    /// Make a zone that is fetched ours.
    Promote,
}

impl Verb {
    /// All of them.
    pub const ALL: [Verb; 11] = [
        Verb::Arm,
        Verb::Status,
        Verb::Hold,
        Verb::Resume,
        Verb::Approve,
        Verb::Rollback,
        Verb::Abort,
        Verb::Freeze,
        Verb::Thaw,
        Verb::Sync,
        Verb::Promote,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Verb::Arm => "arm",
            Verb::Status => "status",
            Verb::Hold => "hold",
            Verb::Resume => "resume",
            Verb::Approve => "approve",
            Verb::Rollback => "rollback",
            Verb::Abort => "abort",
            Verb::Freeze => "freeze",
            Verb::Thaw => "thaw",
            Verb::Sync => "sync",
            Verb::Promote => "promote",
        }
    }
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What is asked for.
    pub verb: Verb,
    /// The zone, as a person may write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// An instant, in the form of a plan's `at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The gate that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// Whether a zone is meant although it has expired.
    #[serde(default)]
    pub expired: bool,
    /// The token of what was shown and is to be done; without it, it is only shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<String>,
    /// Whether the text may have the colours of a terminal.
    #[serde(default)]
    pub styled: bool,
}

impl Request {
    /// Asks to be shown `verb`, of all zones.
    pub fn new(verb: Verb) -> Request {
        Request { verb, zone: None, at: None, why: None, gate: None, expired: false, act: None, styled: false }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is shown, nothing was changed.
    Shown,
    /// It is done.
    Done,
    /// It can't be done as things are, or as it was asked.
    Refused,
    /// The server is not able to.
    Failed,
}

/// What the server replies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// What became of the request.
    pub outcome: Outcome,
    /// For people. What is shown or done, as it is to be printed; what is refused or failed, with faults as they are
    /// drawn, else in one sentence without a full stop.
    pub text: String,
    /// For programs.
    #[serde(default)]
    pub data: Value,
    /// Stands for what is shown; none if it can't be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The way out, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The faults for which it was refused, as `--json` shows diagnostics everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Value>,
    /// Of how many zones it was refused, if it was done of others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Reply {
    /// Shows what is, or what would be done.
    pub fn shown(text: impl Into<String>, data: Value) -> Reply {
        Reply { data, ..Reply::of(Outcome::Shown, text) }
    }

    /// Tells what was done.
    pub fn done(text: impl Into<String>, data: Value) -> Reply {
        Reply { data, ..Reply::of(Outcome::Done, text) }
    }

    /// Refuses, with the reason in one sentence.
    pub fn refused(why: impl Into<String>) -> Reply {
        Reply::of(Outcome::Refused, why)
    }

    /// Refuses for faults in what a person wrote, drawn in colours if `styled`.
    pub fn faulty(faults: &[Diagnostic], styled: bool) -> Reply {
        let as_json = faults.iter().filter_map(|fault| serde_json::to_value(fault).ok()).collect();
        Reply { faults: as_json, ..Reply::refused(diag::render(faults, styled)) }
    }

    /// Tells that the server is not able to, with the reason in one sentence.
    pub fn failed(why: impl Into<String>) -> Reply {
        Reply::of(Outcome::Failed, why)
    }

    fn of(outcome: Outcome, text: impl Into<String>) -> Reply {
        Reply { outcome, text: text.into(), data: Value::Null, token: None, help: None, faults: Vec::new(), refused: 0 }
    }

    /// The same, which can be done by its token.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Reply {
        self.token = Some(token.into());
        self
    }

    /// The same, which was refused of so many zones.
    #[must_use]
    pub fn refusing(mut self, zones: usize) -> Reply {
        self.refused = zones;
        self
    }

    /// The same, with a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Reply {
        self.help = Some(help.into());
        self
    }
}

/// With the version before it.
#[derive(Serialize)]
struct Versioned<'a, T> {
    version: u64,
    #[serde(flatten)]
    said: &'a T,
}

/// A line could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no JSON.
    #[error("it is no JSON")]
    Parse(#[source] serde_json::Error),
    /// It does not say which version it is of.
    #[error("it has no `version`")]
    NoVersion,
    /// It is of another version.
    #[error("it is of version {version}, and only version {VERSION} is known")]
    Version {
        /// Which.
        version: Value,
    },
    /// Its verb is not known.
    #[error("the verb {verb} is not known")]
    Verb {
        /// Which.
        verb: Value,
    },
    /// A field is missing, or is not what it should be.
    #[error("it can't be understood")]
    Understand(#[source] serde_json::Error),
}

impl ReadError {
    fn help(&self) -> Option<String> {
        let version = env!("CARGO_PKG_VERSION");
        match self {
            ReadError::Verb { .. } => {
                let known = Verb::ALL.map(Verb::name).join(", ");
                Some(format!("the server is watari {version} and knows: {known}"))
            }
            ReadError::Version { .. } => Some(format!("the server is watari {version}: ask with the same program")),
            _ => None,
        }
    }

    /// What is replied to a request that could not be read.
    pub(super) fn reply(&self) -> Reply {
        let reply = Reply::failed(format!("the request: {}", crate::control::run::with_causes(self)));
        Reply { help: self.help(), ..reply }
    }
}

/// The line of a request.
///
/// # Errors
/// If it can't be written as JSON, which its parts always can.
pub fn write_request(request: &Request) -> serde_json::Result<Vec<u8>> {
    write(request)
}

/// The line of a reply; of one that is too long, the line of another that says so.
pub fn write_reply(reply: &Reply) -> Vec<u8> {
    let why = match write(reply) {
        Ok(line) if line.len() <= REPLY_LEN_MAX => return line,
        Ok(line) => format!("the reply has {} octets, and {REPLY_LEN_MAX} are the most", line.len()),
        Err(error) => format!("the reply can't be written: {error}"),
    };
    // It may still have been done.
    write(&Reply::failed(why).help("`watari status NAME` shows one zone")).unwrap_or_default()
}

fn write(said: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    // An end of line within a string is written as `\n`: the only real one is the last octet.
    let mut line = serde_json::to_vec(&Versioned { version: VERSION, said })?;
    line.push(b'\n');
    Ok(line)
}

/// Reads the line of a request.
///
/// # Errors
/// [`ReadError`], which says what is wrong with it.
pub fn read_request(line: &[u8]) -> Result<Request, ReadError> {
    let value = read(line)?;
    match value.get("verb") {
        Some(verb) if Verb::ALL.iter().all(|known| *verb != known.name()) => {
            Err(ReadError::Verb { verb: verb.clone() })
        }
        _ => serde_json::from_value(value).map_err(ReadError::Understand),
    }
}

/// Reads the line of a reply.
///
/// # Errors
/// [`ReadError`], which says what is wrong with it.
pub fn read_reply(line: &[u8]) -> Result<Reply, ReadError> {
    serde_json::from_value(read(line)?).map_err(ReadError::Understand)
}

fn read(line: &[u8]) -> Result<Value, ReadError> {
    let value: Value = serde_json::from_slice(line).map_err(ReadError::Parse)?;
    match value.get("version") {
        Some(version) if *version == VERSION => Ok(value),
        Some(version) => Err(ReadError::Version { version: version.clone() }),
        None => Err(ReadError::NoVersion),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request() -> Request {
        Request {
            zone: Some("日本語.example".to_owned()),
            at: Some("2026-12-01T03:00[Asia/Tokyo]".to_owned()),
            why: Some("two\nlines, and \"quotes\"".to_owned()),
            act: Some("5f".to_owned()),
            styled: true,
            ..Request::new(Verb::Resume)
        }
    }

    #[test]
    fn a_request_is_read_as_it_was_written() {
        for request in Verb::ALL.map(Request::new).into_iter().chain([request()]) {
            let line = write_request(&request).unwrap();
            assert_eq!(line.iter().filter(|octet| **octet == b'\n').count(), 1);
            assert!(line.ends_with(b"}\n") && line.starts_with(b"{\"version\":1,"));
            assert_eq!(read_request(&line).unwrap(), request);
        }
    }

    #[test]
    fn a_reply_is_read_as_it_was_written() {
        let fault = Diagnostic::error("plan-syntax", "it is wrong").help("right it");
        for reply in [
            Reply::shown("one\ntwo\n", json!({ "steps": [1, 2] })).token("5f"),
            Reply::done("armed", json!(null)),
            Reply::refused("it is over").help("arm another"),
            Reply::faulty(&[fault], false),
            Reply::failed("the journal can't be written"),
        ] {
            let line = write_reply(&reply);
            assert_eq!(line.iter().filter(|octet| **octet == b'\n').count(), 1);
            assert_eq!(read_reply(&line).unwrap(), reply);
        }
    }

    #[test]
    fn faults_are_there_for_people_and_for_programs() {
        let reply = Reply::faulty(&[Diagnostic::error("plan-syntax", "it is wrong")], false);
        assert_eq!((reply.outcome, &*reply.text), (Outcome::Refused, "error[plan-syntax]: it is wrong"));
        assert_eq!(reply.faults[0]["code"], "plan-syntax");
    }

    #[test]
    fn what_a_later_version_adds_is_ignored() {
        let line = br#"{"version":1,"verb":"arm","zone":"a.example","weight":7}"#;
        let request = read_request(line).unwrap();
        assert_eq!(request, Request { zone: Some("a.example".to_owned()), ..Request::new(Verb::Arm) });
        let line = br#"{"version":1,"outcome":"shown","text":"so","mood":"fine"}"#;
        assert_eq!(read_reply(line).unwrap(), Reply::shown("so", Value::Null));
    }

    #[test]
    fn what_can_not_be_understood_is_told_with_a_way_out() {
        for (line, words) in [
            ("", "it is no JSON"),
            ("arm a.example", "it is no JSON"),
            ("[]", "no `version`"),
            (r#"{"verb":"arm"}"#, "no `version`"),
            (r#"{"version":2,"verb":"arm"}"#, "it is of version 2, and only version 1 is known"),
            (r#"{"version":"1","verb":"arm"}"#, "it is of version \"1\""),
            (r#"{"version":1}"#, "missing field `verb`"),
            (r#"{"version":1,"verb":"Arm"}"#, "the verb \"Arm\" is not known"),
            (r#"{"version":1,"verb":"defer"}"#, "the verb \"defer\" is not known"),
            (r#"{"version":1,"verb":7}"#, "the verb 7 is not known"),
            (r#"{"version":1,"verb":"arm","zone":["a"]}"#, "invalid type"),
        ] {
            let reply = read_request(line.as_bytes()).unwrap_err().reply();
            assert_eq!(reply.outcome, Outcome::Failed, "{line}");
            assert!(reply.text.contains(words), "{line}: {}", reply.text);
        }
        let help = |line: &[u8]| read_request(line).unwrap_err().reply().help.unwrap();
        assert!(
            help(br#"{"version":1,"verb":"defer"}"#)
                .contains("knows: arm, status, hold, resume, approve, rollback, abort")
        );
        assert!(help(br#"{"version":2,"verb":"arm"}"#).contains(env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn verbs_are_written_by_their_names() {
        for verb in Verb::ALL {
            assert_eq!(serde_json::to_value(verb).unwrap(), verb.name());
        }
    }

    #[test]
    fn a_reply_that_is_too_long_is_replaced() {
        let long = Reply::shown("x".repeat(REPLY_LEN_MAX), Value::Null);
        let reply = read_reply(&write_reply(&long)).unwrap();
        assert_eq!(reply.outcome, Outcome::Failed);
        assert!(reply.text.contains("16777216 are the most"), "{}", reply.text);
    }
}
