//! The transfers that go on over one connection, in turn.
//!
//! A run of messages of one, then of the next: so a short one isn't kept waiting by a long one (RFC 7766 § 6.2.1.1).

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::clients::{Place, TransferPlace};
use super::workplace::{Stuck, Workplace};
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

    /// Takes `transfer` up.
    ///
    /// # Errors
    /// Gives it back if it has no place.
    pub(super) fn begin(
        &mut self,
        transfer: Box<Transfer>,
        place: &Place,
        peer: SocketAddr,
    ) -> Result<(), Box<Transfer>> {
        static REFUSALS: Occasionally = Occasionally::new();
        let Some(place) = place.begin_transfer() else {
            REFUSALS.run(|unlogged| {
                tracing::warn!(unlogged, "no transfer of {transfer} to {peer}: too many are under way");
            });
            return Err(transfer);
        };
        tracing::debug!("a transfer of {transfer} to {peer} begins");
        self.transfers.push_back(Started { transfer, octets: 0, _place: place });
        Ok(())
    }

    /// The next messages of the one whose turn it is, each with its length before it; none if it has ended, or if there
    /// is none.
    ///
    /// # Errors
    /// [`Stuck`]: the client can't be given the rest.
    pub(super) fn next<'w, S: Service>(
        &mut self,
        workplace: &'w mut Workplace<S>,
        peer: SocketAddr,
    ) -> Result<&'w [u8], Stuck> {
        let Some(mut started) = self.transfers.pop_front() else { return Ok(&[]) };
        let Started { transfer, octets, .. } = &mut started;
        match workplace.go_on(transfer) {
            Ok([]) => {
                tracing::info!("transferred {transfer} to {peer}: {octets} octets");
                Ok(&[])
            }
            Ok(messages) => {
                *octets += messages.len();
                self.transfers.push_back(started);
                Ok(messages)
            }
            Err(stuck) => {
                tracing::error!("the transfer of {transfer} to {peer} can't go on: {stuck}");
                Err(stuck)
            }
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        for Started { transfer, octets, .. } in &self.transfers {
            tracing::info!("a transfer of {transfer} was broken off after {octets} octets");
        }
    }
}
