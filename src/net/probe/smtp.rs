//! A mail server (RFC 5321): its banner, and over STARTTLS (RFC 3207) its certificate.
//!
//! No mail is begun: banner, EHLO, perhaps STARTTLS, QUIT.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::patience::Patience;
use super::{Looked, fail, tcp, tls};
use crate::net::said::said;

/// How long a line may be. RFC 5321 § 4.5.3.1.5 allows 512.
const LINE_LEN_MAX: u64 = 2048;
/// How many lines a reply may have.
const LINES_MAX: usize = 64;

/// Looks at the mail server at `address`.
pub(super) async fn look(
    address: SocketAddr,
    name: Option<&str>,
    banner: Option<&str>,
    ca: Option<&str>,
    patience: Patience,
) -> Looked {
    let stream = tcp::connect(address, patience).await?;
    // By the address literal: a name of ours need not exist (RFC 5321 § 4.1.3).
    let hello = match stream.local_addr().map(|local| local.ip()) {
        Ok(IpAddr::V6(ip)) => format!("EHLO [IPv6:{ip}]"),
        Ok(IpAddr::V4(ip)) => format!("EHLO [{ip}]"),
        Err(_) => "EHLO [127.0.0.1]".to_owned(),
    };
    let mut talk = Conversation { stream: BufReader::new(stream), address, patience };
    let greeting = talk.hear("a banner").await?;
    if greeting.code != 220 {
        return Err(fail(format!(
            "{address} greets with {}: let the mail server accept connections from here (its access list and load are \
             in its log)",
            greeting.shown()
        )));
    }
    if let Some(wanted) = banner.filter(|wanted| !greeting.text.contains(*wanted)) {
        return Err(fail(format!(
            "{address} greets with {}, without `{wanted}`: is it the server that is meant?",
            greeting.shown()
        )));
    }
    let offers = talk.ask(&hello).await?;
    if offers.code != 250 {
        return Err(fail(format!("{address} answers EHLO with {}: look into the server's log", offers.shown())));
    }
    let Some(name) = name else {
        talk.leave().await;
        return Ok(());
    };
    // Every line after the first is an extension (RFC 5321 § 4.1.1.1).
    let is_starttls =
        |line: &str| line.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("STARTTLS"));
    if !offers.text.lines().skip(1).any(is_starttls) {
        return Err(fail(format!(
            "{address} offers no STARTTLS: switch TLS on in the mail server, with a certificate for {name}"
        )));
    }
    let ready = talk.ask("STARTTLS").await?;
    if ready.code != 220 {
        return Err(fail(format!(
            "{address} offers STARTTLS and answers it with {}: can the mail server read its certificate and key?",
            ready.shown()
        )));
    }
    let stream = talk.into_stream()?;
    let stream = tls::handshake(stream, address, name, ca, patience).await?;
    Conversation { stream: BufReader::new(stream), address, patience }.leave().await;
    Ok(())
}

/// A reply of a server: a code, and the text of its lines.
struct Reply {
    code: u16,
    text: String,
}

impl Reply {
    fn shown(&self) -> String {
        said(format!("{} {}", self.code, self.text))
    }
}

struct Conversation<S> {
    stream: BufReader<S>,
    address: SocketAddr,
    patience: Patience,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    async fn ask(&mut self, command: &str) -> Looked<Reply> {
        let (address, patience) = (self.address, self.patience);
        let line = format!("{command}\r\n");
        let late = || format!("{address} does not read {command} within {patience}: look into the server's log");
        let written = patience.wait(self.stream.write_all(line.as_bytes()), late).await?;
        written.map_err(|error| broken(address, &error.to_string()))?;
        self.hear(&format!("a reply to {command}")).await
    }

    /// A whole reply (RFC 5321 § 4.2.1); `what` it should be is for the fault.
    async fn hear(&mut self, what: &str) -> Looked<Reply> {
        let (address, patience) = (self.address, self.patience);
        let mut text = String::new();
        let mut first = None;
        for _ in 0..LINES_MAX {
            let late = || {
                format!(
                    "{address} does not end {what} within {patience}: does a mail server listen there, and does it let \
                     clients wait longer (postscreen does)? Then give the probe a longer `timeout`"
                )
            };
            let line = patience.wait(self.line(), late).await?.map_err(|error| broken(address, &error.to_string()))?;
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok()).filter(|code| (200..600).contains(code));
            let (Some(code), separator) = (code, line.get(3..4).unwrap_or(" ")) else {
                return Err(fail(format!(
                    "{address} says {}, which no mail server does: is it the right port?",
                    said(line)
                )));
            };
            if *first.get_or_insert(code) != code {
                return Err(fail(format!("{address} mixes two replies in one: look into the server's log")));
            }
            text.push_str(line.get(4..).unwrap_or_default());
            match separator {
                "-" => text.push('\n'),
                _ => return Ok(Reply { code, text }),
            }
        }
        Err(fail(format!("{address} goes on and on, {LINES_MAX} lines are enough for {what}: is it a mail server?")))
    }

    /// A line without its end.
    async fn line(&mut self) -> io::Result<String> {
        let mut octets = Vec::new();
        (&mut self.stream).take(LINE_LEN_MAX).read_until(b'\n', &mut octets).await?;
        match octets.pop() {
            Some(b'\n') => Ok(String::from_utf8_lossy(octets.trim_ascii_end()).into_owned()),
            Some(_) if octets.len() as u64 + 1 == LINE_LEN_MAX => Err(io::Error::other("its lines have no end")),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Says goodbye, as one should. What the server says to it changes nothing.
    async fn leave(mut self) {
        let _ = self.ask("QUIT").await;
    }
}

impl Conversation<TcpStream> {
    /// The stream, for the handshake. What came before it in clear text must not be taken for a part of what follows.
    fn into_stream(self) -> Looked<TcpStream> {
        if self.stream.buffer().is_empty() {
            return Ok(self.stream.into_inner());
        }
        Err(fail(format!(
            "{} says more than it should before the TLS handshake: somebody may stand in between",
            self.address
        )))
    }
}

fn broken(address: SocketAddr, why: &str) -> crate::timeline::Verdict {
    fail(format!("{address} breaks the conversation off ({why}): look into the mail server's log"))
}
