//! A stream on which nothing is heard before something was said.
//!
//! A web server speaks when it is asked. What is there before is read as what comes after: so a server of another kind,
//! which greets its clients, is told by what it says, and not by whether it was faster than our request.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The stream.
pub(super) struct OurTurn<S> {
    stream: S,
    has_spoken: bool,
    /// Who waits to read meanwhile.
    listener: Option<Waker>,
}

impl<S> OurTurn<S> {
    /// `stream`, on which nothing was said yet.
    pub(super) fn new(stream: S) -> OurTurn<S> {
        OurTurn { stream, has_spoken: false, listener: None }
    }

    fn spoken(&mut self) {
        self.has_spoken = true;
        if let Some(listener) = self.listener.take() {
            listener.wake();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for OurTurn<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.has_spoken {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        self.listener = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for OurTurn<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, octets);
        if written.is_ready() {
            self.spoken();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.spoken();
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_was_there_before_is_read_once_something_was_said() {
        let (mut server, client) = tokio::io::duplex(64);
        server.write_all(b"220 hello").await.unwrap();
        let (mut reading, mut writing) = tokio::io::split(OurTurn::new(client));
        let heard = tokio::spawn(async move {
            let mut heard = [0; 9];
            reading.read_exact(&mut heard).await.map(|_| heard)
        });
        tokio::task::yield_now().await;
        assert!(!heard.is_finished());
        writing.write_all(b"GET").await.unwrap();
        assert_eq!(&heard.await.unwrap().unwrap(), b"220 hello");
    }
}
