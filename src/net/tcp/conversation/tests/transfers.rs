//! Conversations in which zones are transferred.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::answer::noted::Asked;
use crate::answer::{Access, Catalog, Identity, Rights, Served};
use crate::clock::Ratchet;
use crate::net::authority::Authority;
use crate::net::published::Published;
use crate::timeline::Timeline;
use crate::wire::{Name, Rcode, Rtype};
use crate::zone::{Ttl, ZoneBuilder};

/// How many hosts the zone has: enough for ten runs of messages.
const HOSTS: usize = 30_000;

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

/// A zone of so many hosts, which everybody may have.
fn authority(hosts: usize) -> Authority {
    let apex = name("example");
    let mut builder = ZoneBuilder::new(apex.as_ref());
    builder.add(apex.as_ref(), Rtype::SOA, Ttl(60), &[[0; 2].as_slice(), &[0, 0, 0, 1].repeat(5)].concat()).unwrap();
    for host in 0..hosts {
        builder.add(name(&format!("host{host}.example")).as_ref(), Rtype::A, Ttl(60), &[192, 0, 2, 1]).unwrap();
    }
    let timeline = Arc::new(Timeline::fixed(builder.finish().unwrap().0));
    let published = Arc::new(Published::new(Catalog::default().with([Served::Zone(timeline)])));
    let everybody = Access::new(["0.0.0.0/0".parse::<ipnet::IpNet>().unwrap()]);
    let rights = Arc::new(Published::new(Rights { transfer: everybody, ..Rights::default() }));
    Authority::new(published, Arc::new(Ratchet::new(clock::Instant::from_unix_seconds(0))), Identity::default())
        .with_rights(rights)
}

fn axfr(id: u8) -> Vec<u8> {
    let mut request = vec![0, 25, 0, id, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    request.extend_from_slice(name("example").wire());
    request.extend([0, 252, 0, 1]);
    request
}

/// The next message.
async fn message(theirs: &mut DuplexStream) -> Vec<u8> {
    let len = theirs.read_u16().await.unwrap();
    let mut message = vec![0; usize::from(len)];
    theirs.read_exact(&mut message).await.unwrap();
    message
}

fn id(message: &[u8]) -> u8 {
    message[1]
}

fn answers(message: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([message[6], message[7]]))
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_nobody_takes_runs_out_of_time() {
    let clients = Arc::new(Clients::new(limits()));
    let ended = converse_with(authority(HOSTS), &clients, 64, async |mut theirs| {
        theirs.write_all(&axfr(1)).await.unwrap();
        theirs
    })
    .await;
    assert_ended(ended, End::TimedOut(Phase::Writing), 7 * SECOND);
    let ended = converse_with(authority(HOSTS), &clients, 64, async |mut theirs| {
        theirs.write_all(&axfr(1)).await.unwrap();
        sip(&mut theirs).await;
        theirs
    })
    .await;
    assert_ended(ended, End::TimedOut(Phase::Writing), 7 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_transfer_may_take_long_if_it_gets_on() {
    let clients = Arc::new(Clients::new(limits()));
    let ended = converse_with(authority(HOSTS), &clients, 64, async |mut theirs| {
        theirs.write_all(&axfr(1)).await.unwrap();
        theirs.shutdown().await.unwrap();
        let mut records = 0;
        while records < HOSTS + 2 {
            // Four of them are a run.
            sleep(3 * SECOND / 2).await;
            records += answers(&message(&mut theirs).await);
        }
        assert_eq!(records, HOSTS + 2);
        theirs
    })
    .await;
    assert_eq!(ended.0, End::Finished);
    assert!(ended.1 > 50 * SECOND, "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_short_transfer_need_not_wait_for_a_long_one() {
    let clients = Arc::new(Clients::new(limits()));
    let ended = converse_with(authority(HOSTS), &clients, 64, async |mut theirs| {
        theirs.write_all(&[axfr(1), axfr(2), axfr(3)].concat()).await.unwrap();
        let mut records = [0; 4];
        let mut order = Vec::new();
        let mut refused = 0;
        while records[1] < HOSTS + 2 || records[2] < HOSTS + 2 {
            let message = message(&mut theirs).await;
            order.push(id(&message));
            records[usize::from(id(&message))] += answers(&message);
            // Two are what one client may have here: the third is told so, with SERVFAIL.
            if id(&message) == 3 {
                refused += 1;
                assert_eq!((answers(&message), message[3] & 0x0f), (0, 2));
            }
        }
        order.dedup();
        assert!(order.len() > 10, "by turns: {order:?}");
        assert_eq!((refused, records[3]), (1, 0));
        // And now that they have ended there is room again.
        theirs.write_all(&axfr(3)).await.unwrap();
        while records[3] < HOSTS + 2 {
            records[3] += answers(&message(&mut theirs).await);
        }
        theirs.shutdown().await.unwrap();
        theirs
    })
    .await;
    assert_ended(ended, End::Finished, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_place_for_a_transfer_is_free_when_its_connection_has_gone() {
    let clients = Arc::new(Clients::new(limits()));
    for _ in 0..5 {
        let ended = converse_with(authority(HOSTS), &clients, 64, async |mut theirs| {
            theirs.write_all(&[axfr(1), axfr(2)].concat()).await.unwrap();
            for _ in 0..6 {
                assert!(answers(&message(&mut theirs).await) > 100);
            }
            drop(theirs);
            duplex(1).0
        })
        .await;
        assert_ended(ended, End::Broken, Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_cuts_a_transfer_off() {
    let clients = Arc::new(Clients::new(limits()));
    let ended = converse_with(authority(HOSTS), &clients, 64, async |mut theirs| {
        theirs.write_all(&axfr(1)).await.unwrap();
        message(&mut theirs).await;
        clients.close_all();
        let mut rest = Vec::new();
        theirs.read_to_end(&mut rest).await.unwrap();
        assert!(rest.len() < 100_000);
        theirs
    })
    .await;
    assert_ended(ended, End::Noticed(Notice::Stopping), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_many_small_zones_at_once_has_them_all() {
    let clients = Arc::new(Clients::new(limits()));
    let authority = authority(10);
    let meter = Arc::clone(authority.meter());
    let ended = converse_with(authority, &clients, 64, async |theirs| {
        let (mut reads, mut writes) = tokio::io::split(theirs);
        let ask = async {
            for id in 0..100 {
                writes.write_all(&axfr(id)).await.unwrap();
            }
        };
        let take = async {
            for number in 0..100 {
                let mut message = vec![0; usize::from(reads.read_u16().await.unwrap())];
                reads.read_exact(&mut message).await.unwrap();
                assert_eq!((id(&message), answers(&message)), (number, 12));
            }
        };
        tokio::join!(ask, take);
        writes.shutdown().await.unwrap();
        reads.unsplit(writes)
    })
    .await;
    assert_ended(ended, End::Finished, Duration::ZERO);
    let totals = meter.totals();
    let counted: Vec<_> =
        totals.kinds().map(|(transport, told, count)| (transport, told.asked, told.rcode, count)).collect();
    assert_eq!(counted, [("tcp", Asked::Type(Rtype::AXFR), Some(Rcode::NOERROR), 100)], "each is one answer");
}
