//! The smallest client: octets out, octets in, over UDP and TCP, many questions under way at once.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use super::message::Message;
use super::program::PATIENCE;

/// How many questions are under way at once.
const WINDOW: usize = 16;
/// How long to wait for an answer over UDP before asking again.
const AGAIN: Duration = Duration::from_secs(2);
/// How often a question is asked before it counts as not answered.
const TRIES: usize = 3;

fn udp(address: SocketAddr, patience: Duration) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a UDP socket");
    socket.connect(address).expect("a connected UDP socket");
    socket.set_read_timeout(Some(patience)).expect("a read timeout");
    socket
}

/// One question over UDP; `None` if nothing came within `patience`.
pub(crate) fn exchange(address: SocketAddr, question: &[u8], patience: Duration) -> Option<Vec<u8>> {
    let socket = udp(address, patience);
    socket.send(question).ok()?;
    let mut buffer = vec![0; 65535];
    let length = socket.recv(&mut buffer).ok()?;
    buffer.truncate(length);
    Some(buffer)
}

/// What is answered to one question over UDP; `None` if nobody listens there, or nobody answers however often it is asked.
pub(crate) fn ask(address: SocketAddr, question: &[u8]) -> Option<Message> {
    let socket = udp(address, AGAIN);
    let mut buffer = vec![0; 65535];
    for _ in 0..TRIES {
        socket.send(question).ok()?;
        match socket.recv(&mut buffer) {
            Ok(length) => return Message::parse(&buffer[..length]).ok(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
    None
}

/// All `questions` over UDP, each with an identifier of its own in its first two octets; the
/// answers in the order of the questions.
pub(crate) fn exchange_all(address: SocketAddr, questions: &[Vec<u8>]) -> Vec<Option<Vec<u8>>> {
    let mut answers = vec![None; questions.len()];
    let mut buffer = vec![0; 65535];
    // Identifiers are unique within a chunk; a new socket keeps late answers out of the next one.
    for (chunk, answers) in questions.chunks(30_000).zip(answers.chunks_mut(30_000)) {
        let socket = udp(address, AGAIN);
        let at: HashMap<[u8; 2], usize> =
            chunk.iter().enumerate().map(|(index, bytes)| ([bytes[0], bytes[1]], index)).collect();
        assert_eq!(at.len(), chunk.len(), "identifiers are not unique");
        let mut left: Vec<usize> = (0..chunk.len()).collect();
        for _ in 0..TRIES {
            let mut next = left.iter();
            let mut under_way = 0;
            loop {
                while under_way < WINDOW {
                    let Some(&index) = next.next() else { break };
                    socket.send(&chunk[index]).expect("a question sent");
                    under_way += 1;
                }
                if under_way == 0 {
                    break;
                }
                let Ok(length) = socket.recv(&mut buffer) else {
                    under_way = 0;
                    continue;
                };
                let Some(&index) = buffer[..length].first_chunk::<2>().and_then(|id| at.get(id)) else { continue };
                if answers[index].is_none() {
                    answers[index] = Some(buffer[..length].to_vec());
                    under_way = under_way.saturating_sub(1);
                }
            }
            left.retain(|&index| answers[index].is_none());
            if left.is_empty() {
                break;
            }
        }
    }
    answers
}

/// One packet over UDP that may not be answered: a well-formed question follows it, and a server
/// that has one worker has answered the first when it answers the second.
pub(crate) fn exchange_or_silence(address: SocketAddr, packet: &[u8], after: &[u8]) -> Option<Vec<u8>> {
    let socket = udp(address, AGAIN);
    let mut buffer = vec![0; 65535];
    let mut answer = None;
    socket.send(packet).expect("a packet sent");
    for _ in 0..TRIES {
        socket.send(after).expect("a question sent");
        while let Ok(length) = socket.recv(&mut buffer) {
            if buffer[..length].get(..2) == after.get(..2) {
                return answer;
            }
            answer = Some(buffer[..length].to_vec());
        }
    }
    panic!("{address} does not answer any more");
}

/// All `questions` over one TCP connection, [`WINDOW`] at a time; the answers in the order of the
/// questions. A connection that the server closes is opened again.
pub(crate) fn exchange_all_tcp(address: SocketAddr, questions: &[Vec<u8>]) -> Vec<Option<Vec<u8>>> {
    let mut answers = vec![None; questions.len()];
    let mut stream = None;
    for (chunk, answers) in questions.chunks(WINDOW).zip(answers.chunks_mut(WINDOW)) {
        for _ in 0..TRIES {
            let open = match stream.take() {
                Some(open) => open,
                None => tcp(address),
            };
            let left: Vec<usize> = (0..chunk.len()).filter(|&index| answers[index].is_none()).collect();
            stream = exchange_window(open, chunk, &left, answers);
            if answers.iter().all(Option::is_some) {
                break;
            }
        }
    }
    answers
}

/// A TCP connection to `address`.
pub(crate) fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("a TCP connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    stream.set_nodelay(true).expect("no delay");
    stream
}

fn exchange_window(
    mut stream: TcpStream,
    chunk: &[Vec<u8>],
    left: &[usize],
    answers: &mut [Option<Vec<u8>>],
) -> Option<TcpStream> {
    let mut framed = Vec::new();
    for &index in left {
        framed.extend_from_slice(&u16::try_from(chunk[index].len()).expect("a short question").to_be_bytes());
        framed.extend_from_slice(&chunk[index]);
    }
    stream.write_all(&framed).ok()?;
    for _ in left {
        let answer = read_framed(&mut stream)?;
        let index = left.iter().copied().find(|&index| chunk[index].get(..2) == answer.get(..2))?;
        answers[index] = Some(answer);
    }
    Some(stream)
}

/// One message with its length in front; `None` at the end of the stream or after a long silence.
pub(crate) fn read_framed(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}
