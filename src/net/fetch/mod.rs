//! Zones that are fetched from other servers: first the serial over UDP, then what is new over TCP.
//!
//! 1. Who was notified does without the first: the transfer says soon enough that there is nothing new.
//! 2. What we have is asked to be brought up to date (IXFR). If that does not work, the whole zone is asked for (AXFR), on
//!    a connection of its own.
//! 3. Everything ends: a question after three tries, a transfer when it says nothing for half a minute, or takes
//!    longer or brings more than its bounds allow.
//!
//! What the messages say is [`intake`](crate::zone::intake)'s affair; here they are brought to it.

mod serial;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant as Moment, timeout};

use crate::clock::Ratchet;
use crate::wire::Name;
use crate::wire::tsig::{Follower, Key, Signer};
use crate::zone::delta::Step;
use crate::zone::intake::{Bounds, Draft, Fault, Have, Intake, Kind, Taken, Wanted};

/// How long each try over UDP waits for an answer.
const TRIES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(3)];
/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a transfer may say nothing.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How much is read at one time.
const BUFFER: usize = 64 * 1024;

/// From whom a zone is fetched, and how.
#[derive(Clone, Debug)]
pub struct Source {
    /// Who has it.
    pub address: SocketAddr,
    /// What signs the questions.
    pub key: Option<Arc<Key>>,
    /// How much a transfer may bring.
    pub bounds: Bounds,
    /// How long it may take.
    pub time_max: Duration,
}

/// What a primary has.
pub enum Brought {
    /// What we have.
    Current,
    /// Less than what we have: this serial.
    Behind(u32),
    /// A zone, and why the differences were not taken, if they were asked for.
    Whole(Box<Draft>, Volume, Option<FetchError>),
    /// What differs.
    Differences(Vec<Step>, Volume),
}

/// How much came.
#[derive(Clone, Copy, Debug)]
pub struct Volume {
    /// Octets of messages.
    pub octets: u64,
    /// Records.
    pub records: u64,
    /// How long it took.
    pub took: Duration,
}

/// Why a primary brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It does not answer over UDP.
    #[error("it does not answer over UDP")]
    Silent,
    /// The network does not lead there.
    #[error("it can't be reached: {0}")]
    Unreachable(#[source] io::Error),
    /// The connection was not made in time.
    #[error("it takes no connection within {} s", CONNECT_MAX.as_secs())]
    NoConnection,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broke(#[source] io::Error),
    /// The transfer stood still.
    #[error("it has said nothing for {} s", SILENCE_MAX.as_secs())]
    Still,
    /// The transfer took too long.
    #[error("it did not end within {} s, and `time-max` allows no more", .0.as_secs())]
    Endless(Duration),
    /// What it said can't be taken.
    #[error("{0}")]
    Fault(#[from] Fault),
    /// Neither the whole zone nor the differences can be had.
    #[error("{whole}; and of the differences: {differences}")]
    Neither {
        /// Why not the whole zone.
        whole: Box<FetchError>,
        /// Why not the differences.
        differences: Box<FetchError>,
    },
    /// No random number was to be had.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

/// Asks `source` for what is newer than what we `have` of `apex`. At most as many transfers as there are `places` run at
/// one time.
///
/// # Errors
/// [`FetchError`].
pub async fn fetch(
    source: &Source,
    apex: &Name,
    have: Option<Have>,
    is_notified: bool,
    clock: &Ratchet,
    places: &Semaphore,
) -> Result<Brought, FetchError> {
    if let (Some(have), false) = (&have, is_notified) {
        let wanted = Wanted { apex: apex.clone(), have: None, kind: Kind::Soa };
        match serial::ask(source, wanted, clock).await? {
            Some(serial) if serial == have.serial => return Ok(Brought::Current),
            Some(serial) if !is_above(serial, have.serial) => return Ok(Brought::Behind(serial)),
            _ => {}
        }
    }
    // It is never closed.
    let _place = places.acquire().await.ok();
    let mut failed = None;
    if have.is_some() {
        let wanted = Wanted { apex: apex.clone(), have: have.clone(), kind: Kind::Ixfr };
        match transfer(source, wanted, clock).await {
            Err(FetchError::Fault(fault)) if fault.may_be_of_ixfr() => failed = Some(FetchError::Fault(fault)),
            other => return other,
        }
    }
    whole(source, apex, have, clock, failed).await
}

/// Asks `source` for the whole zone, since the differences `failed`.
///
/// # Errors
/// [`FetchError`].
pub async fn whole(
    source: &Source,
    apex: &Name,
    have: Option<Have>,
    clock: &Ratchet,
    failed: Option<FetchError>,
) -> Result<Brought, FetchError> {
    let wanted = Wanted { apex: apex.clone(), have, kind: Kind::Axfr };
    match (transfer(source, wanted, clock).await, failed) {
        (Ok(Brought::Whole(draft, volume, _)), failed) => Ok(Brought::Whole(draft, volume, failed)),
        (Err(whole), Some(failed)) if whole.to_string() != failed.to_string() => {
            Err(FetchError::Neither { whole: Box::new(whole), differences: Box::new(failed) })
        }
        (other, _) => other,
    }
}

async fn transfer(source: &Source, wanted: Wanted, clock: &Ratchet) -> Result<Brought, FetchError> {
    let begun = Moment::now();
    let all = timeout(source.time_max, transfer_until(source, wanted, clock));
    let (taken, intake, ours) = all.await.map_err(|_| FetchError::Endless(source.time_max))??;
    let (octets, records, _) = intake.counts();
    let volume = Volume { octets, records, took: begun.elapsed() };
    Ok(match taken {
        Taken::Current(serial) if ours.is_some_and(|ours| ours != serial) => Brought::Behind(serial),
        Taken::Current(_) => Brought::Current,
        Taken::Whole(draft) => Brought::Whole(draft, volume, None),
        Taken::Differences(steps) => Brought::Differences(steps, volume),
    })
}

async fn transfer_until(
    source: &Source,
    wanted: Wanted,
    clock: &Ratchet,
) -> Result<(Taken, Intake, Option<u32>), FetchError> {
    let ours = wanted.have.as_ref().map(|have| have.serial);
    let connection = timeout(CONNECT_MAX, TcpStream::connect(source.address)).await;
    let stream = connection.map_err(|_| FetchError::NoConnection)?.map_err(FetchError::Unreachable)?;
    // What is asked fits into one segment.
    _ = stream.set_nodelay(true);
    let mut stream = BufReader::with_capacity(BUFFER, stream);
    let (id, request, follower) = request(source, &wanted, clock)?;
    let mut framed = (request.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(&request);
    stream.write_all(&framed).await.map_err(FetchError::Broke)?;
    let mut intake = Intake::new(wanted, id, follower, source.bounds);
    let mut message = Vec::new();
    loop {
        match timeout(SILENCE_MAX, read(&mut stream, &mut message)).await.map_err(|_| FetchError::Still)? {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(intake.cut_off().into()),
            Err(error) => return Err(FetchError::Broke(error)),
        }
        if let Some(taken) = intake.take(&message, clock.now())? {
            return Ok((taken, intake, ours));
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>, message: &mut Vec<u8>) -> io::Result<()> {
    let length = stream.read_u16().await?;
    message.resize(usize::from(length), 0);
    stream.read_exact(message).await.map(|_| ())
}

/// The request for what is `wanted`, with its id, signed if `source` has a key.
fn request(source: &Source, wanted: &Wanted, clock: &Ratchet) -> Result<(u16, Vec<u8>, Option<Follower>), FetchError> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(FetchError::Random)?;
    let id = u16::from_be_bytes(id);
    let mut octets = Vec::new();
    wanted.request(id, &mut octets);
    let Some(key) = &source.key else { return Ok((id, octets, None)) };
    let mut signer = Signer::asking(Arc::clone(key));
    let length = octets.len();
    octets.resize(length + signer.room(), 0);
    // The room is there.
    let signed = signer.sign(&mut octets, length, clock.now()).unwrap_or(length);
    octets.truncate(signed);
    let follower = Follower::of(&signer);
    Ok((id, octets, follower))
}

/// Whether `serial` is greater than `other` (RFC 1982 § 3.2).
fn is_above(serial: u32, other: u32) -> bool {
    crate::timeline::Serial(serial).above(crate::timeline::Serial(other)).is_some()
}
