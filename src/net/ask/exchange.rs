//! One question to one server and its answer: over UDP, over TCP if that is too small, a bounded number of times.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::RecordType;

use super::answer::{Answer, theirs};
use super::{AskError, Asker};
use crate::wire::{HEADER_LEN, Name};

/// How long an answer over UDP may be: what every network carries in one piece (RFC 9715).
const UDP_PAYLOAD: u16 = 1232;
/// The longest message there is.
const MESSAGE_LEN_MAX: usize = 65_535;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) name: &'a Name,
    pub(super) rtype: RecordType,
    /// Whether the server shall find it out itself (RD).
    pub(super) recursion: bool,
}

/// Why a try brought no answer.
enum Failure {
    /// Nothing else will come of it.
    Final(AskError),
    /// The next one may.
    Try(AskError),
}

impl Asker {
    /// What `server` says to `question`; whether it is any good is not looked at.
    pub(super) fn exchange(&self, server: SocketAddr, question: Question<'_>) -> Result<Answer, AskError> {
        self.exchange_before(server, question, None)
    }

    /// As [`Self::exchange`], and all tries together end by `end`, if there is one.
    pub(super) fn exchange_before(
        &self,
        server: SocketAddr,
        question: Question<'_>,
        end: Option<Instant>,
    ) -> Result<Answer, AskError> {
        let message = self.insist(server, question, true, end)?;
        // A server from before EDNS, or a box in front of it, takes OPT for a fault (RFC 6891 § 7).
        if message.metadata.response_code == ResponseCode::FormErr {
            return self.insist(server, question, false, end).map(|message| Answer { server, message });
        }
        Ok(Answer { server, message })
    }

    fn insist(
        &self,
        server: SocketAddr,
        question: Question<'_>,
        edns: bool,
        end: Option<Instant>,
    ) -> Result<Message, AskError> {
        let mut ignored = 0;
        let mut reason = None;
        for _ in 0..self.tries {
            let Some(timeout) = Deadline::of(self.timeout, end).left() else { break };
            match (Asker { timeout, ..*self }).attempt(server, question, edns, end, &mut ignored) {
                Ok(message) => return Ok(message),
                Err(Failure::Final(error)) => return Err(error),
                // That it was silent once says less than what it said another time.
                Err(Failure::Try(AskError::Silent { .. })) => {}
                Err(Failure::Try(error)) => reason = Some(error),
            }
        }
        Err(reason.unwrap_or(AskError::Silent { server, ignored }))
    }

    fn attempt(
        &self,
        server: SocketAddr,
        question: Question<'_>,
        edns: bool,
        end: Option<Instant>,
        ignored: &mut usize,
    ) -> Result<Message, Failure> {
        let asked = ask(question, edns);
        let octets = asked.to_vec().map_err(|error| {
            let source = io::Error::other(error);
            Failure::Final(AskError::NoRoute { server, source })
        })?;
        let failed = |source: io::Error| match source.kind() {
            ErrorKind::ConnectionRefused => Failure::Try(AskError::Closed { server, source }),
            _ => Failure::Final(AskError::NoRoute { server, source }),
        };
        let socket = open(server).map_err(failed)?;
        socket.send(&octets).map_err(failed)?;
        let deadline = Deadline::of(self.timeout, end);
        let mut buffer = vec![0; MESSAGE_LEN_MAX];
        let mut malformed = None;
        while let Some(left) = deadline.left() {
            socket.set_read_timeout(Some(left)).map_err(failed)?;
            let length = match socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if is_timeout(&error) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(error)),
            };
            let octets = buffer.get(..length).unwrap_or_default();
            // Anybody can send us something; only who saw the question knows its id.
            if octets.len() < HEADER_LEN || octets.get(..2) != Some(asked.metadata.id.to_be_bytes().as_slice()) {
                *ignored += 1;
                continue;
            }
            match Message::from_vec(octets) {
                Ok(message) if !is_answer(&message, &asked) => *ignored += 1,
                Ok(message) if message.metadata.truncation => return self.ask_over_tcp(server, &asked, end),
                Ok(message) => return Ok(message),
                Err(source) => malformed = Some(source),
            }
        }
        Err(Failure::Try(match malformed {
            Some(source) => AskError::Malformed { server, source },
            None => AskError::Silent { server, ignored: *ignored },
        }))
    }

    fn ask_over_tcp(&self, server: SocketAddr, asked: &Message, end: Option<Instant>) -> Result<Message, Failure> {
        let failed = |source| Failure::Try(AskError::NoTcp { server, source });
        let octets = self.fetch_over_tcp(server, asked, end).map_err(failed)?;
        let message =
            Message::from_vec(&octets).map_err(|source| Failure::Try(AskError::Malformed { server, source }))?;
        if !is_answer(&message, asked) {
            return Err(failed(io::Error::new(ErrorKind::InvalidData, "what came is no answer to the question")));
        }
        if message.metadata.truncation {
            return Err(failed(io::Error::new(ErrorKind::InvalidData, "the answer is truncated there, too")));
        }
        Ok(message)
    }

    fn fetch_over_tcp(&self, server: SocketAddr, asked: &Message, end: Option<Instant>) -> io::Result<Vec<u8>> {
        let deadline = Deadline::of(self.timeout, end);
        let mut stream = TcpStream::connect_timeout(&server, deadline.left().ok_or(ErrorKind::TimedOut)?)?;
        let message = asked.to_vec().map_err(io::Error::other)?;
        let mut framed = u16::try_from(message.len()).map_err(io::Error::other)?.to_be_bytes().to_vec();
        framed.extend_from_slice(&message);
        // The question is smaller than any socket's buffer: it never waits.
        stream.set_write_timeout(Some(self.timeout))?;
        stream.write_all(&framed)?;
        let mut length = [0; 2];
        read_until(&mut stream, &mut length, &deadline)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        read_until(&mut stream, &mut message, &deadline)?;
        Ok(message)
    }
}

fn ask(question: Question<'_>, edns: bool) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = question.recursion;
    message.add_query(Query::query(theirs(question.name), question.rtype));
    if edns {
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_PAYLOAD);
        message.set_edns(edns);
    }
    message
}

/// Whether `message` answers `asked`. A server that can't read the question need not repeat it.
fn is_answer(message: &Message, asked: &Message) -> bool {
    let metadata = &message.metadata;
    metadata.id == asked.metadata.id
        && metadata.message_type == MessageType::Response
        && metadata.op_code == OpCode::Query
        && (message.queries == asked.queries
            || (message.queries.is_empty() && metadata.response_code == ResponseCode::FormErr))
}

/// A socket that hears `server` and nobody else, on a port that the kernel draws.
fn open(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(server)?;
    Ok(socket)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Fills `buffer`, however many pieces it comes in, until the deadline.
fn read_until(stream: &mut TcpStream, buffer: &mut [u8], deadline: &Deadline) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        stream.set_read_timeout(Some(deadline.left().ok_or(ErrorKind::TimedOut)?))?;
        match stream.read(buffer.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

struct Deadline(Instant);

impl Deadline {
    /// After `timeout`, and no later than `end`, if there is one.
    fn of(timeout: Duration, end: Option<Instant>) -> Deadline {
        let after = Instant::now() + timeout;
        Deadline(end.map_or(after, |end| end.min(after)))
    }

    /// The time that is left, if any is.
    fn left(&self) -> Option<Duration> {
        Some(self.0.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }
}
