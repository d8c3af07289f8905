//! Requests that end with a TSIG record (RFC 8945 § 5.2): verified, answered as any other, and signed.
//!
//! Who does not know the secret is told so, and nothing else. Only here, and in nothing that an unsigned request passes
//! through, memory is allocated.

use super::message::Message;
use super::request::{Request, SignedAt};
use super::{Answerer, Arrival, Catalog, Reply};
use crate::wire::edns::{ExtendedError, UDP_PAYLOAD_OURS};
use crate::wire::tsig::{Rejection, Signer, Tsig};
use crate::wire::{Opcode, Rcode};

/// The bit TC in the third octet of a header.
const TC: u8 = 0x02;

impl Answerer {
    /// Answers `received`, whose TSIG record begins at `at`.
    #[cold]
    pub(super) fn signed(
        &mut self,
        catalog: &Catalog,
        arrival: &Arrival,
        (request, at): (&Request, SignedAt),
        received: &[u8],
        out: &mut [u8],
    ) -> Reply {
        let Ok(tsig) = Tsig::read(received, at.octets()) else {
            return Reply::Message(self.respond(request, Rcode::FORMERR, None, received, out));
        };
        let mut signer = match tsig.verify(arrival.now, &self.rights.keyring, None) {
            Ok(verified) => Signer::answering(&verified),
            Err(Rejection::FormErr) => {
                return Reply::Message(self.respond(request, Rcode::FORMERR, None, received, out));
            }
            Err(rejection) => {
                let (peer, key, error) = (arrival.peer, tsig.key_name(), rejection.error());
                tracing::debug!("{peer}: a request signed with the key {key} is refused: {error}");
                let length = self.respond(request, error.rcode(), None, received, out);
                return Reply::Message(tsig.refuse(&rejection, out, length, arrival.now).unwrap_or(0));
            }
        };
        let room = signer.room();
        let key = signer.key().clone();
        let mut length = match request.opcode() {
            Opcode::QUERY => match self.query(catalog, arrival, request, received, out, Some(&signer)) {
                Reply::Message(length) => length,
                Reply::Transfer(mut transfer) => {
                    transfer.sign_with(signer);
                    return Reply::Transfer(transfer);
                }
                petition @ Reply::Petition(_) => return petition,
            },
            Opcode::UPDATE => {
                let signed = (Some(signer), Some(at.octets()));
                return self.petition(catalog, arrival, request, received, out, signed);
            }
            Opcode::NOTIFY => self.notify(catalog, arrival, (request, Some(key.name())), received, out, room),
            _ => self.respond(request, Rcode::NOTIMP, Some(ExtendedError::NOT_SUPPORTED), received, out),
        };
        if length == 0 || out.get(2).is_some_and(|flags| flags & TC != 0) {
            length = truncated(request, received, out, room);
        }
        Reply::Message(signer.sign(out, length, arrival.now).unwrap_or(0))
    }
}

/// What is sent if the answer does not fit beside the record: the question alone, with TC and no error
/// (RFC 8945 § 5.3), and OPT.
fn truncated(request: &Request, received: &[u8], out: &mut [u8], room: usize) -> usize {
    let question = received.get(..request.question_end).unwrap_or_default();
    // NOTE: with a long name and a long key this may be more than the 512 octets that who sends no OPT takes. His own
    // request had more: it held the same question and the same record.
    let size = usize::from(UDP_PAYLOAD_OURS);
    match Message::new(out, question, size, room) {
        Some(mut message) => {
            message.truncate();
            message.finish(request, &[]).0
        }
        None => 0,
    }
}
