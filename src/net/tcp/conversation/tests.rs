//! Conversations over memory, on a clock that jumps to whatever is waited for.

mod transfers;

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::sleep;

use super::super::Limits;
use super::super::clients::Clients;
use super::*;
use crate::clock;
use crate::net::service::{Arrival, Respond};

const SECOND: Duration = Duration::from_secs(1);

/// Answers with as many octets as the first two of the request say.
struct Octets;

impl Service for Octets {
    type Responder = Octets;

    fn responder(&self) -> Octets {
        Octets
    }

    fn now(&self) -> clock::Instant {
        clock::Instant::MIN
    }
}

impl Respond for Octets {
    fn refresh(&mut self) {}

    fn respond(&mut self, _arrival: &Arrival, request: &[u8], _response: &mut [u8]) -> usize {
        usize::from(u16::from_be_bytes([request[0], request[1]]))
    }
}

fn request(octets: u16) -> Vec<u8> {
    let mut request = vec![0, 12];
    request.extend(octets.to_be_bytes());
    request.extend([0; 10]);
    request
}

fn limits() -> Limits {
    Limits {
        connections_max: 10,
        connections_per_client_max: 10,
        idle_timeout: 10 * SECOND,
        message_timeout: 5 * SECOND,
        write_timeout: 7 * SECOND,
        transfers_max: 3,
        transfers_per_client_max: 2,
    }
}

fn peer() -> SocketAddr {
    "192.0.2.1:5300".parse().unwrap()
}

/// Plays `script` as the peer, over a stream that holds `room` octets; returns how the conversation ended, and when.
async fn converse<F: Future<Output = DuplexStream>>(
    clients: &Arc<Clients>,
    room: usize,
    script: impl FnOnce(DuplexStream) -> F,
) -> (End, Duration) {
    converse_with(Octets, clients, room, script).await
}

/// As [`converse`], with a service of one's own.
async fn converse_with<S: Service, F: Future<Output = DuplexStream>>(
    service: S,
    clients: &Arc<Clients>,
    room: usize,
    script: impl FnOnce(DuplexStream) -> F,
) -> (End, Duration) {
    let start = Instant::now();
    let (theirs, ours) = duplex(room);
    let workplace = RefCell::new(Workplace::new(Arc::new(service)));
    let place = clients.admit(peer().ip()).unwrap();
    let conversation = async {
        let mut ours = ours;
        let end = Conversation::new(&mut ours, peer(), place, false, &workplace).run().await;
        (end, start.elapsed())
    };
    let (end, _theirs) = tokio::join!(conversation, script(theirs));
    end
}

/// Takes an octet at a time, with pauses, until no more come.
async fn sip(theirs: &mut DuplexStream) {
    while theirs.read_exact(&mut [0]).await.is_ok() {
        sleep(SECOND / 4).await;
    }
}

#[track_caller]
fn assert_ended((end, elapsed): (End, Duration), expected: End, after: Duration) {
    assert_eq!(end, expected);
    // The timer's wheel has notches of a millisecond.
    assert!(elapsed >= after && elapsed < after + SECOND / 100, "after {elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_idle() {
    let ended = converse(&Arc::new(Clients::new(limits())), 64, async |theirs| theirs).await;
    assert_ended(ended, End::TimedOut(Phase::Idle), 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn each_answer_starts_the_idle_time_anew() {
    let ended = converse(&Arc::new(Clients::new(limits())), 64, async |mut theirs| {
        for _ in 0..3 {
            sleep(9 * SECOND).await;
            theirs.write_all(&request(12)).await.unwrap();
            theirs.read_exact(&mut [0; 14]).await.unwrap();
        }
        theirs
    })
    .await;
    assert_ended(ended, End::TimedOut(Phase::Idle), 37 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn idle_time_is_short_when_all_places_are_taken() {
    let clients = Arc::new(Clients::new(limits()));
    let _others: Vec<_> = (0..9).map(|_| clients.admit(peer().ip()).unwrap()).collect();
    let ended = converse(&clients, 64, async |theirs| theirs).await;
    assert_ended(ended, End::TimedOut(Phase::Idle), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_trickles_in_does_not_put_off_its_time() {
    let ended = converse(&Arc::new(Clients::new(limits())), 64, async |mut theirs| {
        sleep(SECOND).await;
        while theirs.write_all(&[1]).await.is_ok() {
            sleep(SECOND / 4).await;
        }
        theirs
    })
    .await;
    assert_ended(ended, End::TimedOut(Phase::Reading), 6 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_request_starts_when_the_one_before_it_is_answered() {
    let ended = converse(&Arc::new(Clients::new(limits())), 64, async |mut theirs| {
        let octets = request(12);
        theirs.write_all(&octets[..5]).await.unwrap();
        sleep(4 * SECOND).await;
        theirs.write_all(&octets[5..]).await.unwrap();
        theirs.write_all(&octets[..5]).await.unwrap();
        theirs.read_exact(&mut [0; 14]).await.unwrap();
        theirs
    })
    .await;
    assert_ended(ended, End::TimedOut(Phase::Reading), 9 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn answers_that_trickle_out_do_not_put_off_their_time() {
    let ended = converse(&Arc::new(Clients::new(limits())), 64, async |mut theirs| {
        theirs.write_all(&request(60_000)).await.unwrap();
        sip(&mut theirs).await;
        theirs
    })
    .await;
    assert_ended(ended, End::TimedOut(Phase::Writing), 7 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_its_answers_late_but_in_time_gets_them() {
    let ended = converse(&Arc::new(Clients::new(limits())), 64, async |mut theirs| {
        theirs.write_all(&[request(60_000), request(12)].concat()).await.unwrap();
        sleep(6 * SECOND).await;
        theirs.read_exact(&mut [0; 60_002]).await.unwrap();
        theirs.read_exact(&mut [0; 14]).await.unwrap();
        theirs.shutdown().await.unwrap();
        theirs
    })
    .await;
    assert_ended(ended, End::Finished, 6 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_place_is_needed_ends_at_once() {
    let clients = Arc::new(Clients::new(limits()));
    let ended = converse(&clients, 64, async |mut theirs| {
        theirs.write_all(&request(60_000)).await.unwrap();
        sleep(SECOND).await;
        clients.close_idlest();
        theirs
    })
    .await;
    assert_ended(ended, End::Noticed(Notice::PlaceNeeded), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_a_moment_for_the_answers_that_are_due() {
    let clients = Arc::new(Clients::new(limits()));
    let takes = async |mut theirs: DuplexStream, delay| {
        theirs.write_all(&request(60_000)).await.unwrap();
        sleep(SECOND).await;
        clients.close_all();
        sleep(delay).await;
        let _ = theirs.read_exact(&mut [0; 60_002]).await;
        theirs
    };
    let ended = converse(&clients, 64, |theirs| takes(theirs, FAREWELL / 2)).await;
    assert_ended(ended, End::Noticed(Notice::Stopping), SECOND + FAREWELL / 2);
    let ended = converse(&clients, 64, |theirs| takes(theirs, FAREWELL * 3)).await;
    assert_ended(ended, End::TimedOut(Phase::Writing), SECOND + FAREWELL);
    let ended = converse(&clients, 64, async |theirs| {
        clients.close_all();
        theirs
    })
    .await;
    assert_ended(ended, End::Noticed(Notice::Stopping), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_vanishes_ends_it() {
    let ended = converse(&Arc::new(Clients::new(limits())), 64, async |mut theirs| {
        theirs.write_all(&request(60_000)).await.unwrap();
        theirs.read_exact(&mut [0; 100]).await.unwrap();
        drop(theirs);
        duplex(1).0
    })
    .await;
    assert_ended(ended, End::Broken, Duration::ZERO);
}
