//! What the server says of itself: `CH TXT` (RFC 4892) and NSID (RFC 5001).

use crate::wire::edns::ExtendedError;
use crate::wire::{Class, Rcode, Rtype};
use crate::zone::Suffixes;

use super::message::{Message, Section};
use super::request::Request;

/// What the server says of itself to who asks; nothing unless it is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The answer to `CH TXT version.bind` and `version.server`; at most 255 octets count.
    pub version: Option<String>,
    /// The answer to `CH TXT id.server` and `hostname.bind`, and NSID; at most 255 octets count.
    pub id: Option<String>,
}

/// Answers a question of class CH.
pub(super) fn answer(
    identity: &Identity,
    name: &Suffixes,
    query: &Request,
    message: &mut Message<'_>,
) -> Option<ExtendedError> {
    let text = match name.wire() {
        b"\x07version\x04bind\0" | b"\x07version\x06server\0" => identity.version.as_deref(),
        b"\x02id\x06server\0" | b"\x08hostname\x04bind\0" => identity.id.as_deref(),
        _ => None,
    };
    let Some(text) = text else {
        message.rcode = Rcode::REFUSED;
        return Some(ExtendedError::NOT_AUTHORITATIVE);
    };
    message.authoritative = true;
    if matches!(query.qtype, Rtype::TXT | Rtype::ANY) {
        let text = &text.as_bytes()[..text.len().min(255)];
        let length = text.len() as u8;
        let [type0, type1] = Rtype::TXT.0.to_be_bytes();
        let [class0, class1] = Class::CH.0.to_be_bytes();
        let head = [0xc0, 0x0c, type0, type1, class0, class1, 0, 0, 0, 0];
        let [len0, len1] = (u16::from(length) + 1).to_be_bytes();
        if message.record(Section::Answer, [&head, &[len0, len1, length], text]).is_err() {
            message.truncate();
        }
    }
    None
}
