//! Questions, built octet by octet, so that wrong ones can be built too.

use super::message;

/// EDNS of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Edns {
    pub(crate) size: u16,
    pub(crate) version: u8,
    /// DO is 0x8000.
    pub(crate) flags: u16,
}

/// A question to send.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Query {
    /// In wire form, case as it is sent.
    pub(crate) name: Vec<u8>,
    pub(crate) rtype: u16,
    pub(crate) class: u16,
    /// The second 16 bits of the header: QR, opcode, flags, RCODE.
    pub(crate) flags: u16,
    pub(crate) edns: Option<Edns>,
    pub(crate) options: Vec<u8>,
}

impl Query {
    /// A plain question of class IN; `name` in presentation format.
    pub(crate) fn new(name: &str, rtype: u16) -> Query {
        Query::of(message::name_from_text(name), rtype)
    }

    /// A plain question of class IN; `name` in wire form.
    pub(crate) fn of(name: Vec<u8>, rtype: u16) -> Query {
        Query { name, rtype, class: 1, flags: 0, edns: None, options: Vec::new() }
    }

    /// The same with EDNS of `version` 0.
    pub(crate) fn edns(mut self, size: u16, dnssec_ok: bool) -> Query {
        self.edns = Some(Edns { size, version: 0, flags: if dnssec_ok { 0x8000 } else { 0 } });
        self
    }

    /// The message, with `id`.
    pub(crate) fn bytes(&self, id: u16) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        for value in [id, self.flags, 1, 0, 0, u16::from(self.edns.is_some())] {
            bytes.extend_from_slice(&value.to_be_bytes());
        }
        bytes.extend_from_slice(&self.name);
        bytes.extend_from_slice(&self.rtype.to_be_bytes());
        bytes.extend_from_slice(&self.class.to_be_bytes());
        if let Some(edns) = self.edns {
            bytes.extend_from_slice(&[0, 0, 41]);
            bytes.extend_from_slice(&edns.size.to_be_bytes());
            bytes.extend_from_slice(&[0, edns.version]);
            bytes.extend_from_slice(&edns.flags.to_be_bytes());
            bytes.extend_from_slice(&u16::try_from(self.options.len()).expect("short options").to_be_bytes());
            bytes.extend_from_slice(&self.options);
        }
        bytes
    }
}
