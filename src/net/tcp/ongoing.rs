//! The transfers that go on over one connection, in turn.
//!
//! A run of messages of one, then of the next: so a short one isn't kept waiting by a long one (RFC 7766 § 6.2.1.1).

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::clients::{Place, TransferPlace};
use super::workplace::Workplace;
use crate::net::guard::Occasionally;
use crate::net::service::{Service, Transfer};

/// How many may go on over one connection. Beyond, nothing more is read until one has ended: whoever asks for a thousand
/// zones at once has them one after the other.
const ONGOING_MAX: usize = 4;

/// The transfers of a connection, the one whose turn it is first.
#[derive(Debug, Default)]
pub(super) struct Ongoing {
    transfers: VecDeque<Started>,
}

#[derive(Debug)]
struct Started {
    transfer: Box<Transfer>,
    octets: usize,
    _place: TransferPlace,
}

impl Ongoing {
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
        peer: SocketAddr,
    ) -> Result<(), Box<Transfer>> {
        static REFUSALS: Occasionally = Occasionally::new();
        if transfer.is_done() {
            tell(&transfer, peer, octets);
            return Ok(());
        }
        let Some(place) = place.begin_transfer() else {
            REFUSALS.run(|unlogged| {
                tracing::warn!(unlogged, "no transfer of {transfer} to {peer}: too many are under way");
            });
            return Err(transfer);
        };
        tracing::debug!("a transfer of {transfer} to {peer} begins");
        self.transfers.push_back(Started { transfer, octets, _place: place });
        Ok(())
    }

    /// The next messages of the one whose turn it is, each with its length before it; none if there is none. `None` if
    /// the client can't be given the rest.
    pub(super) fn next<'w, S: Service>(
        &mut self,
        workplace: &'w mut Workplace<S>,
        peer: SocketAddr,
    ) -> Option<&'w [u8]> {
        let Some(mut started) = self.transfers.pop_front() else { return Some(&[]) };
        let messages = Ongoing::next_of(&mut started.transfer, workplace, peer)?;
        started.octets += messages.len();
        if started.transfer.is_done() {
            started.end(peer);
        } else {
            self.transfers.push_back(started);
        }
        Some(messages)
    }

    /// The next messages of `transfer`, as [`Ongoing::next`] gives them.
    pub(super) fn next_of<'w, S: Service>(
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

impl Started {
    fn end(self, peer: SocketAddr) {
        tell(&self.transfer, peer, self.octets);
    }
}

/// Says what was sent.
fn tell(transfer: &Transfer, peer: SocketAddr, octets: usize) {
    let key = transfer.key().map_or_else(String::new, |key| format!(" with the key {key}"));
    tracing::info!("transferred {transfer} to {peer}{key}: {octets} octets");
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        for Started { transfer, octets, .. } in &self.transfers {
            tracing::info!("a transfer of {transfer} was broken off after {octets} octets");
        }
    }
}
