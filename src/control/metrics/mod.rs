//! The HTTP listener: `/metrics` for Prometheus, `/healthz` for who asks whether the server is ready.
//!
//! It is off unless an address is named. What it tells is no secret of zones, but names of zones with running plans are
//! in it: it belongs on the loopback or a network of one's own.
//!
//! 1. At most `CONNECTIONS_MAX` connections at one time; who comes beyond them waits for the kernel.
//! 2. A connection has one request and `CONNECTION_TIMEOUT` for all of it.
//! 3. What is asked of the control thread waits `FIGURES_TIMEOUT`: a server that loads much has better to do.

mod exposition;
mod figures;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::run::Handle;
use crate::net::Meter;
pub use figures::{Fetches, Figures, Loads, PLANS_MAX, PlanFigures, Updates, hash};

/// The most connections at one time.
const CONNECTIONS_MAX: usize = 16;
/// How long a connection may last.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the control thread may take to give its figures.
const FIGURES_TIMEOUT: Duration = Duration::from_secs(5);
/// How long accepting pauses if the kernel refuses.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);
/// How much of a request's head is read.
const HEAD_LEN_MAX: usize = 16 * 1024;

/// The metrics can't be offered.
#[derive(Debug, thiserror::Error)]
#[error("metrics can't be offered on {address}")]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// Offers what `meter` and the server that `handle` asks have counted on `address`, on a thread of its own, until the
/// process ends; gives the address, with its port.
///
/// # Errors
/// [`ListenError`] if the address can't be had.
pub fn listen(address: SocketAddr, handle: Handle, meter: Arc<Meter>) -> Result<SocketAddr, ListenError> {
    let error = |source| ListenError { address, source };
    let listener = TcpListener::bind(address).map_err(error)?;
    listener.set_nonblocking(true).map_err(error)?;
    let bound = listener.local_addr().map_err(error)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(error)?;
    let serve = move || {
        runtime.block_on(async move {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => serve(listener, Arc::new(Source { handle, meter })).await,
                Err(error) => tracing::error!("metrics can't be offered: {error}"),
            }
        });
    };
    std::thread::Builder::new().name("metrics".to_owned()).spawn(serve).map_err(error)?;
    Ok(bound)
}

/// Where figures come from.
struct Source {
    handle: Handle,
    meter: Arc<Meter>,
}

async fn serve(listener: tokio::net::TcpListener, source: Arc<Source>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // The semaphore is never closed.
    while let Ok(place) = places.clone().acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection for metrics");
                sleep(REFUSED_PAUSE).await;
                continue;
            }
        };
        let source = source.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request| answer(request, source.clone()));
            let mut http = http1::Builder::new();
            // The one bound of time is the connection's.
            http.keep_alive(false).header_read_timeout(None).max_buf_size(HEAD_LEN_MAX);
            let conversation = http.serve_connection(TokioIo::new(stream), answer);
            if let Ok(Err(error)) = timeout(CONNECTION_TIMEOUT, conversation).await {
                tracing::debug!(%error, "a connection for metrics broke");
            }
            drop(place);
        });
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer<B>(request: Request<B>, source: Arc<Source>) -> Result<Answer, Infallible> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Ok(answer);
    }
    Ok(match request.uri().path() {
        "/metrics" => metrics(&source).await,
        "/healthz" => match figures(&source).await {
            Some(figures) if figures.ready => plain(StatusCode::OK, "ready\n"),
            Some(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "zones are being read\n"),
            None => plain(StatusCode::SERVICE_UNAVAILABLE, "the server is busy\n"),
        },
        _ => plain(StatusCode::NOT_FOUND, "there are /metrics and /healthz\n"),
    })
}

async fn figures(source: &Source) -> Option<Figures> {
    timeout(FIGURES_TIMEOUT, source.handle.figures()).await.ok()?.ok()
}

async fn metrics(source: &Source) -> Answer {
    let Some(mut figures) = figures(source).await else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "the server is busy\n");
    };
    figures.read(&source.meter);
    match exposition::text(figures, &source.meter) {
        Ok(text) => {
            let mut answer = plain(StatusCode::OK, text);
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            answer.headers_mut().insert(CONTENT_TYPE, kind);
            answer
        }
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics can't be written\n"),
    }
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
