//! Requests for an update (RFC 2136): looked at here as far as they cost nothing, and handed on. They are answered when what
//! they ask for is done, by whom it is.
//!
//! 1. What is malformed is FORMERR; of a zone that is not here, NOTAUTH.
//! 2. Whom no rule lets change anything in the zone is REFUSED. That goes for who does not sign, too, unless a rule names his
//!    address; and that only where it can't be another's: over a connection, or on this machine.
//! 3. All else becomes a [`Petition`].

use std::net::SocketAddr;

use super::message::{Message, OptOption};
use super::request::Request;
use super::{Answerer, Arrival, Catalog, Kind, Reply, Transport};
use crate::clock::Instant;
use crate::wire::edns::{ExtendedError, UDP_PAYLOAD_OURS};
use crate::wire::tsig::Signer;
use crate::wire::{Class, NameRef, Rcode};
use crate::zone::update::{Requestor, Update};

/// A request for an update that somebody may make, and what its answer needs.
#[derive(Debug)]
pub struct Petition {
    update: Update,
    request: Request,
    /// The octets up to the end of the zone section.
    question: Box<[u8]>,
    signer: Option<Signer>,
    peer: SocketAddr,
    is_address_sure: bool,
}

impl Petition {
    /// What is asked for.
    pub fn update(&self) -> &Update {
        &self.update
    }

    /// About how many octets it occupies.
    pub fn size(&self) -> usize {
        size_of::<Petition>() + self.question.len() + self.update.size()
    }

    /// Whence it came.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Who asks.
    pub fn requestor(&self) -> Requestor<'_> {
        Requestor {
            key: self.signer.as_ref().map(|signer| signer.key().name()),
            address: self.peer.ip(),
            is_address_sure: self.is_address_sure,
        }
    }

    /// Who asks, for people: `the key acme. at 192.0.2.1`.
    pub fn by(&self) -> String {
        let address = self.peer.ip().to_canonical();
        match self.requestor().key {
            Some(key) => format!("the key {key} at {address}"),
            None => format!("{address}, unsigned"),
        }
    }

    /// The answer, as of `now`.
    pub fn answer(mut self, rcode: Rcode, error: Option<ExtendedError>, now: Instant) -> Vec<u8> {
        let mut out = vec![0; usize::from(UDP_PAYLOAD_OURS)];
        let room = self.signer.as_ref().map_or(0, Signer::room);
        let options = [error.map(OptOption::ExtendedError)];
        let reserved = room + super::opt_len(&options);
        let mut length = 0;
        if let Some(mut message) = Message::new(&mut out, &self.question, usize::from(UDP_PAYLOAD_OURS), reserved) {
            message.rcode = rcode;
            length = message.finish(&self.request, &options).0;
        }
        if let Some(signer) = &mut self.signer {
            // There was room for it.
            length = signer.sign(&mut out, length, now).unwrap_or(0);
        }
        out.truncate(length);
        out
    }
}

impl Answerer {
    /// Looks at `request`, one for an update, which `signer` answers if it is signed; its TSIG record then begins at
    /// `signed_at`.
    #[cold]
    pub(super) fn petition(
        &mut self,
        catalog: &Catalog,
        arrival: &Arrival,
        request: &Request,
        received: &[u8],
        out: &mut [u8],
        signed: (Option<Signer>, Option<usize>),
    ) -> Reply {
        let (mut signer, signed_at) = signed;
        let key = signer.as_ref().map(|signer| signer.key().clone());
        let requestor = Requestor {
            key: key.as_ref().map(|key| key.name()),
            address: arrival.peer.ip(),
            is_address_sure: arrival.transport != Transport::Udp || arrival.peer.ip().to_canonical().is_loopback(),
        };
        let (rcode, error) = match self.judge(catalog, request, received, &requestor, signed_at) {
            Ok(update) => {
                self.noted.kind = Kind::SILENCE;
                return Reply::Petition(Box::new(Petition {
                    update,
                    request: *request,
                    question: received.get(..request.question_end).unwrap_or_default().into(),
                    signer,
                    peer: arrival.peer,
                    is_address_sure: requestor.is_address_sure,
                }));
            }
            Err(refused) => refused,
        };
        let length = self.respond(request, rcode, error, received, out);
        Reply::Message(match &mut signer {
            Some(signer) => signer.sign(out, length, arrival.now).unwrap_or(0),
            None => length,
        })
    }

    fn judge(
        &self,
        catalog: &Catalog,
        request: &Request,
        received: &[u8],
        requestor: &Requestor<'_>,
        signed_at: Option<usize>,
    ) -> Result<Update, (Rcode, Option<ExtendedError>)> {
        let update = Update::parse(received, signed_at).map_err(|_| (Rcode::FORMERR, None))?;
        if catalog.is_unread() {
            return Err((Rcode::SERVFAIL, Some(ExtendedError::NOT_READY)));
        }
        let is_here = catalog.find(&self.name, 0).is_some_and(|found| found.skipped == 0);
        if request.qclass != Class::IN || !is_here {
            return Err((Rcode::NOTAUTH, Some(ExtendedError::NOT_AUTHORITATIVE)));
        }
        let apex: NameRef<'_> = update.apex.as_ref();
        if !self.rights.update.lets_in(apex, requestor) {
            return Err((Rcode::REFUSED, Some(ExtendedError::PROHIBITED)));
        }
        Ok(update)
    }
}
