//! A client that asks a resolver for many names again and again, and notes what it is told.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::cutover::{Cutover, Data};
use crate::resolver::RECURSION_DESIRED;
use crate::support::message::Message;
use crate::support::query::Query;

/// How often it asks for each name.
const EVERY: Duration = Duration::from_millis(150);
/// How long it waits for an answer before it asks again.
const PATIENCE: SignedDuration = SignedDuration::from_secs(3);
/// How long after the horizon it goes on asking for a name: what comes then shows whether the promise held.
const AFTER: SignedDuration = SignedDuration::from_millis(1500);
/// The longest after the horizon that it waits for new data.
const AFTER_MAX: SignedDuration = SignedDuration::from_secs(20);
/// How long it waits for a datagram before it looks what is due.
const LOOK_AGAIN: Duration = Duration::from_millis(4);

/// What a client was told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// Taken before the question was sent.
    pub(crate) sent: Timestamp,
    /// Taken after the answer was received.
    pub(crate) received: Timestamp,
    pub(crate) data: Data,
}

/// What it asks for one name.
struct Course<'a> {
    cutover: &'a Cutover,
    due: Timestamp,
    /// The identifier of the question under way, and when it was sent.
    under_way: Option<(u16, Timestamp)>,
    answers: Vec<Answer>,
    is_over: bool,
}

/// Asks `resolver` for all `cutovers` until each has come to its end; the answers to each, in order.
pub(crate) fn ask(resolver: SocketAddr, cutovers: &[Cutover]) -> Vec<Vec<Answer>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a UDP socket");
    socket.connect(resolver).expect("a connected UDP socket");
    socket.set_read_timeout(Some(LOOK_AGAIN)).expect("a read timeout");
    let begin =
        |cutover| Course { cutover, due: cutover.asked_from, under_way: None, answers: Vec::new(), is_over: false };
    let mut courses: Vec<Course<'_>> = cutovers.iter().map(begin).collect();
    let mut id = 0u16;
    let mut buffer = [0; 4096];
    while courses.iter().any(|course| !course.is_over) {
        for course in courses.iter_mut().filter(|course| !course.is_over) {
            let now = Timestamp::now();
            let is_waiting = course.under_way.is_some_and(|(_, sent)| now.duration_since(sent) < PATIENCE);
            if now < course.due || is_waiting {
                continue;
            }
            id = id.wrapping_add(1);
            let mut query = Query::new(&course.cutover.name, 1);
            query.flags = RECURSION_DESIRED;
            course.under_way = Some((id, now));
            course.due = now + EVERY;
            course.is_over = now > course.cutover.horizon + AFTER_MAX;
            let _ = socket.send(&query.bytes(id));
        }
        let Ok(length) = socket.recv(&mut buffer) else { continue };
        let received = Timestamp::now();
        let Ok(message) = Message::parse(&buffer[..length]) else { continue };
        let is_its = |course: &&mut Course<'_>| course.under_way.is_some_and(|(id, _)| id == message.id);
        let Some(course) = courses.iter_mut().find(is_its) else { continue };
        let Some((_, sent)) = course.under_way.take() else { continue };
        if let Some((_, data)) = Data::of(&message) {
            course.answers.push(Answer { sent, received, data });
            course.is_over |= data == Data::New && sent > course.cutover.horizon + AFTER;
        }
    }
    courses.into_iter().map(|course| course.answers).collect()
}
