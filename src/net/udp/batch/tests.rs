//! Batches over loopback, where what is sent has arrived when the call returns.

use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::time::Duration;

use super::*;
use crate::net::option;

const PLAIN: Abilities = Abilities { wildcard: false, rows_in: false, rows_out: false };
const ROWS: Abilities = Abilities { wildcard: false, rows_in: true, rows_out: true };

/// Two sockets, each of which sends to the other.
fn pair() -> (UdpSocket, UdpSocket) {
    let [a, b] = [(); 2].map(|()| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        socket
    });
    a.connect(b.local_addr().unwrap()).unwrap();
    (a, b)
}

/// Answers with a function.
struct With<F>(F);

impl<F: FnMut(SocketAddr, &[u8], &mut [u8]) -> usize> Answers for With<F> {
    fn respond(&mut self, peer: SocketAddr, _: u64, request: &[u8], response: &mut [u8]) -> usize {
        self.0(peer, request, response)
    }
}

/// Has `answer` answer.
fn with<F: FnMut(SocketAddr, &[u8], &mut [u8]) -> usize>(answer: F) -> With<F> {
    With(answer)
}

/// `asker` asks, and gets answers of `lengths`, each filled with its number.
fn answer(asker: &UdpSocket, socket: &UdpSocket, abilities: Abilities, lengths: &[usize]) -> Batch {
    for _ in lengths {
        asker.send(&[0; 20]).unwrap();
    }
    let mut batch = Batch::new(abilities);
    assert_eq!(batch.receive(socket.as_fd(), Wait::ForOne).unwrap(), lengths.len());
    let mut number = 0;
    batch.answer(
        usize::MAX,
        with(|peer, request, response| {
            assert_eq!((peer, request.len()), (asker.local_addr().unwrap(), 20));
            let length = lengths[number];
            response[..length].fill(number as u8);
            number += 1;
            length
        }),
    );
    assert!(!batch.is_unanswered());
    batch
}

#[track_caller]
fn assert_arrive(asker: &UdpSocket, lengths: &[usize]) {
    for (number, &length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
        let mut response = [0xFF; 2000];
        assert_eq!(asker.recv(&mut response).unwrap(), length);
        assert!(response[..length].iter().all(|octet| usize::from(*octet) == number));
    }
}

#[test]
fn responses_of_one_length_and_a_shorter_one_leave_as_one() {
    let (asker, socket) = pair();
    let lengths = [100, 100, 100, 60, 60, 70, 70, 0, 70];
    let mut batch = answer(&asker, &socket, ROWS, &lengths);
    assert_eq!(batch.queued, 3, "100 100 100 60, 60, 70 70 70");
    batch.send(socket.as_fd());
    assert_arrive(&asker, &lengths);
}

#[test]
fn responses_leave_one_by_one_where_rows_are_not_known() {
    let (asker, socket) = pair();
    let lengths = [100, 100, 100];
    let mut batch = answer(&asker, &socket, PLAIN, &lengths);
    assert_eq!(batch.queued, 3);
    batch.send(socket.as_fd());
    assert_arrive(&asker, &lengths);
}

#[test]
fn a_row_is_no_longer_than_a_datagram() {
    let (asker, socket) = pair();
    let lengths = [1232; MESSAGES_MAX];
    let mut batch = answer(&asker, &socket, ROWS, &lengths);
    assert_eq!(batch.queued, 2);
    batch.send(socket.as_fd());
    assert_arrive(&asker, &lengths);
}

#[test]
fn responses_to_several_peers_go_to_each_its_own() {
    let (asker, socket) = pair();
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    other.connect(socket.local_addr().unwrap()).unwrap();
    for _ in 0..4 {
        asker.send(b"twelve octets").unwrap();
        asker.send(b"twelve octets").unwrap();
        other.send(b"what's it now").unwrap();
    }
    let mut batch = Batch::new(ROWS);
    batch.receive(socket.as_fd(), Wait::ForOne).unwrap();
    batch.answer(
        usize::MAX,
        with(|_, request, response| {
            response[..request.len()].copy_from_slice(request);
            request.len()
        }),
    );
    assert_eq!(batch.queued, 8);
    assert_eq!(batch.seen, Seen { messages: 12, requests: 12, repeats: 4 });
    batch.send(socket.as_fd());
    for (asker, expected, count) in [(&asker, b"twelve octets", 8), (&other, b"what's it now", 4)] {
        for _ in 0..count {
            let mut response = [0; 100];
            let length = asker.recv(&mut response).unwrap();
            assert_eq!(&response[..length], expected);
        }
    }
}

#[test]
fn a_row_that_the_kernel_refuses_leaves_one_by_one() {
    let (asker, socket) = pair();
    let lengths = [100, 100, 30];
    let mut batch = answer(&asker, &socket, ROWS, &lengths);
    batch.send_singly(0, socket.as_fd());
    assert_arrive(&asker, &lengths);
    assert!(!batch.abilities().rows_out);
}

/// Has `lengths` arrive at the asker in rows, where they are received as `abilities` says; returns in how many messages.
fn receive_row(abilities: Abilities, asker: &UdpSocket, socket: &UdpSocket, lengths: &[usize]) -> (usize, Vec<usize>) {
    answer(asker, socket, ROWS, lengths).send(socket.as_fd());
    let mut batch = Batch::new(abilities);
    let messages = batch.receive(asker.as_fd(), Wait::ForOne).unwrap();
    let mut received = Vec::new();
    while batch.is_unanswered() {
        batch.answer(
            usize::MAX,
            with(|peer, request, _| {
                assert_eq!(peer, socket.local_addr().unwrap());
                if request.len() > HEADER_LEN {
                    assert!(request.iter().all(|octet| usize::from(*octet) == received.len()));
                }
                received.push(request.len());
                0
            }),
        );
    }
    (messages, received)
}

#[test]
fn requests_in_a_row_are_told_apart() {
    let (asker, socket) = pair();
    option::set_receive_rows(asker.as_fd(), true).unwrap();
    let lengths = [50, 50, 50, 50, 20];
    assert_eq!(receive_row(ROWS, &asker, &socket, &lengths), (1, lengths.to_vec()));
    assert_eq!(receive_row(ROWS, &asker, &socket, &[40]), (1, vec![40]));
}

#[test]
fn requests_in_a_row_come_singly_unless_we_ask_for_rows() {
    let (asker, socket) = pair();
    let lengths = [50, 50, 50, 50, 20];
    assert_eq!(receive_row(PLAIN, &asker, &socket, &lengths), (5, lengths.to_vec()));
}

#[test]
fn a_panic_in_the_middle_of_a_row_skips_one_request() {
    let (asker, socket) = pair();
    option::set_receive_rows(asker.as_fd(), true).unwrap();
    answer(&asker, &socket, ROWS, &[50; 6]).send(socket.as_fd());
    let mut batch = Batch::new(ROWS);
    batch.receive(asker.as_fd(), Wait::ForOne).unwrap();
    let mut seen = Vec::new();
    while batch.is_unanswered() {
        let answer = || {
            batch.answer(
                usize::MAX,
                with(|_, request, _| {
                    seen.push(request[0]);
                    assert!(request[0] != 2, "on purpose");
                    0
                }),
            );
        };
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(answer));
    }
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn many_rows_of_requests_are_answered_in_several_sends() {
    let (asker, socket) = pair();
    option::set_receive_rows(asker.as_fd(), true).unwrap();
    for _ in 0..10 {
        answer(&asker, &socket, ROWS, &[20; 40]).send(socket.as_fd());
    }
    let mut batch = Batch::new(ROWS);
    assert_eq!(batch.receive(asker.as_fd(), Wait::ForOne).unwrap(), 10);
    let mut sends = 0;
    while batch.is_unanswered() {
        batch.answer(usize::MAX, with(|_, _, _| 1232));
        batch.send(asker.as_fd());
        sends += 1;
    }
    assert_eq!(batch.seen.requests, 400);
    assert_eq!(sends, 7, "64 of that length at a time");
}

/// Answers nothing, and keeps the numbers of rows.
#[derive(Default)]
struct Numbers(Vec<u64>);

impl Answers for &mut Numbers {
    fn respond(&mut self, _: SocketAddr, row: u64, _: &[u8], _: &mut [u8]) -> usize {
        self.0.push(row);
        0
    }
}

#[test]
fn requests_of_one_row_have_its_number_and_no_others() {
    let (asker, socket) = pair();
    option::set_receive_rows(asker.as_fd(), true).unwrap();
    let mut batch = Batch::new(ROWS);
    for expected in [&[1, 1, 1, 2, 2, Arrival::NO_ROW][..], &[3, 3, 3, 4, 4, Arrival::NO_ROW]] {
        for lengths in [&[20; 3][..], &[20; 2], &[20]] {
            answer(&asker, &socket, ROWS, lengths).send(socket.as_fd());
        }
        batch = batch.anew(ROWS);
        assert_eq!(batch.receive(asker.as_fd(), Wait::ForOne).unwrap(), 3);
        let mut numbers = Numbers::default();
        batch.answer(usize::MAX, &mut numbers);
        assert_eq!(numbers.0, expected);
    }
}
