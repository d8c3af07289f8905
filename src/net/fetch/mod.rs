//! Zones that are fetched from other servers: first the serial over UDP, then what is new over TCP; all of it over TLS where
//! that is wanted.
//!
//! 1. Who was notified does without the first: the transfer says soon enough that there is nothing new.
//! 2. What we have is asked to be brought up to date (IXFR). If that does not work, the whole zone is asked for (AXFR), on
//!    a connection of its own.
//! 3. Everything ends: a question after three tries, a transfer when it says nothing for half a minute, or takes
//!    longer or brings more than its bounds allow.
//!
//! 4. Over TLS nothing is asked in the clear: the serial, too, and what is new after it over the same connection (RFC 9103 § 5.3
//!    says what would leak).
//!
//! What the messages say is [`intake`](crate::zone::intake)'s affair; here they are brought to it.

mod serial;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant as Moment, timeout};

use crate::clock::Ratchet;
use crate::wire::Name;
use crate::wire::tsig::{Follower, Key, Signer};
use crate::zone::delta::Step;
use crate::zone::intake::{Bounds, Draft, Fault, Have, Intake, Kind, Taken, Wanted};

pub use tls::{Client, Pin, TlsError, Trust, TrustError};

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
    /// How it is spoken with over TLS, if it is.
    pub tls: Option<Client>,
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
    /// There is no TLS with it.
    #[error("{0}")]
    Tls(#[from] TlsError),
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
    let mut connection = None;
    if let (Some(have), false) = (&have, is_notified) {
        let wanted = Wanted { apex: apex.clone(), have: None, kind: Kind::Soa };
        let serial = match &source.tls {
            None => serial::ask(source, wanted, clock).await?,
            Some(_) => serial::ask_over(connection.insert(connect(source).await?), source, wanted, clock).await?,
        };
        match serial {
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
        let is_reused = connection.is_some();
        let mut came = transfer(source, connection, wanted.clone(), clock).await;
        // Who answers once and closes is asked once more.
        if is_reused && matches!(came, Err(FetchError::Broke(_) | FetchError::Fault(Fault::Silent))) {
            came = transfer(source, None, wanted, clock).await;
        }
        match came {
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
    match (transfer(source, None, wanted, clock).await, failed) {
        (Ok(Brought::Whole(draft, volume, _)), failed) => Ok(Brought::Whole(draft, volume, failed)),
        (Err(whole), Some(failed)) if whole.to_string() != failed.to_string() => {
            Err(FetchError::Neither { whole: Box::new(whole), differences: Box::new(failed) })
        }
        (other, _) => other,
    }
}

/// Has what is `wanted` transferred, over `connection` if there is one.
async fn transfer(
    source: &Source,
    connection: Option<Connection>,
    wanted: Wanted,
    clock: &Ratchet,
) -> Result<Brought, FetchError> {
    let begun = Moment::now();
    let all = timeout(source.time_max, transfer_until(source, connection, wanted, clock));
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
    connection: Option<Connection>,
    wanted: Wanted,
    clock: &Ratchet,
) -> Result<(Taken, Intake, Option<u32>), FetchError> {
    let ours = wanted.have.as_ref().map(|have| have.serial);
    let mut stream = match connection {
        Some(connection) => connection,
        None => connect(source).await?,
    };
    let (id, request, follower) = request(source, &wanted, clock)?;
    say(&mut stream, &request).await?;
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

/// What messages come over.
type Connection = BufReader<Box<dyn Stream>>;

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A new connection to `source`.
async fn connect(source: &Source) -> Result<Connection, FetchError> {
    let connection = timeout(CONNECT_MAX, TcpStream::connect(source.address)).await;
    let stream = connection.map_err(|_| FetchError::NoConnection)?.map_err(FetchError::Unreachable)?;
    // What is asked fits into one segment.
    _ = stream.set_nodelay(true);
    let stream: Box<dyn Stream> = match &source.tls {
        None => Box::new(stream),
        Some(client) => {
            let late = TlsError::Late(CONNECT_MAX.as_secs());
            Box::new(timeout(CONNECT_MAX, client.connect(stream)).await.map_err(|_| late)??)
        }
    };
    Ok(BufReader::with_capacity(BUFFER, stream))
}

async fn say(stream: &mut Connection, request: &[u8]) -> Result<(), FetchError> {
    let mut framed = (request.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(request);
    stream.write_all(&framed).await.map_err(FetchError::Broke)?;
    stream.flush().await.map_err(FetchError::Broke)
}

async fn read(stream: &mut Connection, message: &mut Vec<u8>) -> io::Result<()> {
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
