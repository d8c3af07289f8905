//! The answers of a connection that are given later.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

/// How many one connection may wait for. Beyond, nothing more is read until one is there.
const LATER_MAX: usize = 64;

/// What is waited for.
#[derive(Debug, Default)]
pub(super) struct Later(Vec<oneshot::Receiver<Vec<u8>>>);

impl Later {
    /// Whether nothing is.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether no more requests should be read.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= LATER_MAX
    }

    pub(super) fn extend(&mut self, one: Option<oneshot::Receiver<Vec<u8>>>) {
        self.0.extend(one);
    }

    /// Puts the answers that are there into `given`, each with its length before it. Of one that never comes nothing is
    /// said.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, given: &mut Vec<u8>) {
        self.0.retain_mut(|receiver| match Pin::new(receiver).poll(cx) {
            Poll::Pending => true,
            Poll::Ready(Ok(message)) => {
                if let Ok(len) = u16::try_from(message.len()) {
                    given.extend_from_slice(&len.to_be_bytes());
                    given.extend_from_slice(&message);
                }
                false
            }
            Poll::Ready(Err(_)) => false,
        });
    }
}
