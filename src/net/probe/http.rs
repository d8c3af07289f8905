//! A web server: the status of its answer to GET, and what its body says.
//!
//! 1. It is looked at under the host of the URL, which goes into Host and SNI, at the address of the probe.
//! 2. Without an address, the system's resolver looks the host up. Do that only where the name is there already: a resolver
//!    remembers for a while that one is not.
//! 3. A redirect is not followed: it is a status like another.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, HOST, LOCATION, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncWrite};

use super::patience::Patience;
use super::turn::OurTurn;
use super::{Looked, fail, tcp, tls, unknown};
use crate::net::said::{chain, said};
use crate::timeline::Verdict;
use crate::timeline::plan::url::Url;

/// How much of a body is read.
const BODY_LEN_MAX: usize = 1 << 20;
/// How long status line and header fields together may be.
const HEADER_LEN_MAX: usize = 64 << 10;
/// By what name we ask.
const AGENT: &str = concat!("watari/", env!("CARGO_PKG_VERSION"), " (probe)");

/// What the answer should be like.
pub(super) struct Wanted<'a> {
    /// The statuses that are fine; none: any from 200 to 399.
    pub(super) status: &'a [u16],
    /// What the body must contain.
    pub(super) body: Option<&'a str>,
}

/// What is brought along: nothing, to look.
pub(super) struct Message<'a> {
    /// Header fields besides our own.
    pub(super) fields: &'a [(&'a str, String)],
    /// The body, if anything is told and not only looked at.
    pub(super) body: Option<&'a [u8]>,
}

/// Looks at `url`.
pub(super) async fn look(
    url: &str,
    address: Option<SocketAddr>,
    wanted: &Wanted<'_>,
    ca: Option<&str>,
    patience: Patience,
) -> Looked {
    send(url, address, &Message { fields: &[], body: None }, wanted, ca, patience).await
}

/// Asks for `url`, or tells it something.
pub(super) async fn send(
    url: &str,
    address: Option<SocketAddr>,
    message: &Message<'_>,
    wanted: &Wanted<'_>,
    ca: Option<&str>,
    patience: Patience,
) -> Looked {
    let url = Url::parse(url).map_err(|error| unknown(format!("{} can't be looked at: {error}", said(url))))?;
    let address = match address {
        Some(address) => address,
        None => find(&url, patience).await?,
    };
    let stream = tcp::connect(address, patience).await?;
    if url.is_https {
        let stream = tls::handshake(stream, address, &url.host, ca, patience).await?;
        ask(stream, address, &url, message, wanted, patience).await
    } else {
        ask(stream, address, &url, message, wanted, patience).await
    }
}

/// The first address of the URL's host.
async fn find(url: &Url, patience: Patience) -> Looked<SocketAddr> {
    let host = &url.host;
    let unheard = |why: String| unknown(format!("no address of {host} is known here ({why}): name one in `address`"));
    // It is our resolver that is late, and not the server.
    let asked = tokio::time::timeout_at(patience.end().into(), tokio::net::lookup_host((&**host, url.port))).await;
    let mut found = asked
        .map_err(|_| unheard("the resolver does not answer".to_owned()))?
        .map_err(|error| unheard(error.to_string()))?;
    found.next().ok_or_else(|| unheard("it has none".to_owned()))
}

async fn ask<S>(
    stream: S,
    address: SocketAddr,
    url: &Url,
    message: &Message<'_>,
    wanted: &Wanted<'_>,
    patience: Patience,
) -> Looked
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let late = || {
        format!(
            "{address} does not answer the request for {url} within {patience}: is the server overloaded, or waits it for \
                 another one behind it?"
        )
    };
    let method = if message.body.is_some() { Method::POST } else { Method::GET };
    let mut request = Request::builder().method(method).uri(&url.path);
    for (name, value) in message.fields {
        request = request.header(*name, value);
    }
    let request = request
        .header(HOST, url.authority())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*")
        // What is packed can't be searched.
        .header(ACCEPT_ENCODING, "identity")
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::copy_from_slice(message.body.unwrap_or_default())))
        .map_err(|error| unknown(format!("{url} can't be asked for: {error}")))?;
    let answering = async {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEADER_LEN_MAX);
        let (mut sender, connection) = builder.handshake(TokioIo::new(OurTurn::new(stream))).await?;
        // It ends with the runtime, that is with the look.
        tokio::spawn(connection);
        sender.send_request(request).await
    };
    let answer = patience.wait(answering, late).await?.map_err(|error| broken(address, url, &error))?;
    judge_status(&answer, address, url, wanted)?;
    match wanted.body {
        Some(text) => search(answer.into_body(), text, address, url, patience).await,
        None => Ok(()),
    }
}

fn judge_status(answer: &Response<Incoming>, address: SocketAddr, url: &Url, wanted: &Wanted<'_>) -> Looked {
    let status = answer.status();
    let is_fine = match wanted.status {
        [] => (200..400).contains(&status.as_u16()),
        some => some.contains(&status.as_u16()),
    };
    if is_fine {
        return Ok(());
    }
    let expected = match wanted.status {
        [] => "from 200 to 399".to_owned(),
        some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
    };
    let help = match (answer.headers().get(LOCATION), status.as_u16()) {
        (Some(target), 300..400) => format!(
            "it leads to {}, and redirects are not followed: name that URL, or take {} for fine in `status`",
            said(target.as_bytes()),
            status.as_u16()
        ),
        (_, 404 | 421) => format!("is {} set up at that server?", url.host),
        (_, 500..) => "the server's log says why".to_owned(),
        _ => "see what the server says to it".to_owned(),
    };
    Err(fail(format!("{address} answers {status} to {url}, where {expected} is expected: {help}")))
}

/// Reads the body until `text` is found.
async fn search(mut body: Incoming, text: &str, address: SocketAddr, url: &Url, patience: Patience) -> Looked {
    let finder = memmem::Finder::new(text);
    // What was read last: the text may begin there.
    let mut tail: Vec<u8> = Vec::new();
    let mut length = 0;
    if text.is_empty() {
        return Ok(());
    }
    let late = || {
        format!("the body of {url} does not come to an end at {address} within {patience}, `{text}` is not in it yet")
    };
    while let Some(frame) = patience.wait(body.frame(), late).await? {
        let frame = frame.map_err(|error| broken(address, url, &error))?;
        let Ok(octets) = frame.into_data() else { continue };
        length += octets.len();
        tail.extend_from_slice(&octets);
        if finder.find(&tail).is_some() {
            return Ok(());
        }
        if length >= BODY_LEN_MAX {
            return Err(fail(format!(
                "the first MiB of the body of {url} at {address} does not contain `{text}`: name a page that is shorter, or \
                 a text nearer to its beginning"
            )));
        }
        tail.drain(..tail.len().saturating_sub(text.len() - 1));
    }
    Err(fail(format!(
        "the body of {url} at {address} does not contain `{text}`: does the server have the right contents, and is it the \
         right server?"
    )))
}

fn broken(address: SocketAddr, url: &Url, error: &hyper::Error) -> Verdict {
    let why = said(chain(error));
    fail(if error.is_parse() {
        format!("{address} answers with what is no HTTP ({why}): is it the right port, and is TLS expected there?")
    } else {
        format!("{address} breaks off its answer to {url} ({why}): look into the server's log")
    })
}
