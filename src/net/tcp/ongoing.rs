//! The transfers that go on over one connection, in turn.
//!
//! A run of messages of one, then of the next: so a short one isn't kept waiting by a long one (RFC 7766 § 6.2.1.1).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use super::clients::{Place, TransferPlace};
use super::workplace::Workplace;
use crate::net::guard::Occasionally;
use crate::net::meter::Ending;
use crate::net::service::{Service, Transfer};

/// How many may go on over one connection. Beyond, nothing more is read until one has ended: whoever asks for a thousand
/// zones at once has them one after the other.
const ONGOING_MAX: usize = 4;

/// The transfers of a connection, the one whose turn it is first.
pub(super) struct Ongoing<S: Service> {
    transfers: VecDeque<Started<S>>,
}

/// One of them. It has ended when it is dropped, well if it is done.
struct Started<S: Service> {
    service: Arc<S>,
    transfer: Box<Transfer>,
    octets: usize,
    peer: SocketAddr,
    /// What is sent at one go needs none.
    _place: Option<TransferPlace>,
}

impl<S: Service> Default for Ongoing<S> {
    fn default() -> Self {
        Ongoing { transfers: VecDeque::new() }
    }
}

impl<S: Service> Ongoing<S> {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.transfers.is_empty()
    }

    /// Whether no more requests should be read.
    pub(super) fn is_full(&self) -> bool {
        self.transfers.len() >= ONGOING_MAX
    }

    /// Takes `transfer` up, whose first messages, so many octets, are about to be written. If they are all, it is done.
    ///
    /// # Errors
    /// Gives it back if it has no place.
    pub(super) fn begin(
        &mut self,
        transfer: Box<Transfer>,
        octets: usize,
        place: &Place,
        (peer, service): (SocketAddr, Arc<S>),
    ) -> Result<(), Box<Transfer>> {
        static REFUSALS: Occasionally = Occasionally::new();
        let place = match transfer.is_done() {
            true => None,
            false => match place.begin_transfer() {
                Some(place) => Some(place),
                None => {
                    REFUSALS.run(|unlogged| {
                        tracing::warn!(unlogged, "no transfer of {transfer} to {peer}: too many are under way");
                    });
                    service.transferred(&transfer, Ending::Busy, 0);
                    return Err(transfer);
                }
            },
        };
        let started = Started { service, transfer, octets, peer, _place: place };
        if !started.transfer.is_done() {
            tracing::debug!("a transfer of {} to {peer} begins", started.transfer);
            self.transfers.push_back(started);
        }
        Ok(())
    }

    /// The next messages of the one whose turn it is, each with its length before it; none if there is none. `None` if
    /// the client can't be given the rest.
    pub(super) fn next<'w>(&mut self, workplace: &'w mut Workplace<S>, peer: SocketAddr) -> Option<&'w [u8]> {
        let Some(mut started) = self.transfers.pop_front() else { return Some(&[]) };
        let messages = Ongoing::next_of(&mut started.transfer, workplace, peer)?;
        started.octets += messages.len();
        if !started.transfer.is_done() {
            self.transfers.push_back(started);
        }
        Some(messages)
    }

    /// The next messages of `transfer`, as [`Ongoing::next`] gives them.
    pub(super) fn next_of<'w>(
        transfer: &mut Transfer,
        workplace: &'w mut Workplace<S>,
        peer: SocketAddr,
    ) -> Option<&'w [u8]> {
        match workplace.go_on(transfer) {
            Ok(messages) => Some(messages),
            Err(stuck) => {
                tracing::error!("the transfer of {transfer} to {peer} can't go on: {stuck}");
                None
            }
        }
    }
}

impl<S: Service> Drop for Started<S> {
    fn drop(&mut self) {
        let Started { service, transfer, octets, peer, .. } = self;
        let ending = match (transfer.is_done(), transfer.is_whole()) {
            (true, true) => Ending::Whole,
            (true, false) => Ending::Differences,
            (false, _) => Ending::Broken,
        };
        let key = transfer.key().map_or_else(String::new, |key| format!(" with the key {key}"));
        match ending {
            Ending::Broken => tracing::info!("a transfer of {transfer} to {peer} was broken off after {octets} octets"),
            _ => tracing::info!("transferred {transfer} to {peer}{key}: {octets} octets"),
        }
        service.transferred(transfer, ending, *octets as u64);
    }
}
