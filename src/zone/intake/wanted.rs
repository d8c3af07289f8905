//! What is asked of a primary, and the request for it.

use super::is_above;
use crate::wire::{Class, HEADER_LEN, Name, NameRef, Rtype};
use crate::zone::View;

/// What is asked of a primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The zone.
    pub apex: Name,
    /// What we have of it, if anything.
    pub have: Option<Have>,
    /// How it is asked for.
    pub kind: Kind,
}

/// What we have of a zone: its SOA record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Have {
    /// The serial.
    pub serial: u32,
    /// The data of the SOA record.
    pub soa: Box<[u8]>,
}

/// How a zone is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Which serial there is.
    Soa,
    /// What differs from what we have (RFC 1995); without that, as with AXFR.
    Ixfr,
    /// The whole zone (RFC 5936).
    Axfr,
}

impl Kind {
    /// The type of the question.
    pub fn qtype(self) -> Rtype {
        match self {
            Kind::Soa => Rtype::SOA,
            Kind::Ixfr => Rtype::IXFR,
            Kind::Axfr => Rtype::AXFR,
        }
    }
}

impl Have {
    /// What `view` is.
    pub fn of(view: View<'_>) -> Option<Have> {
        let soa = view.apex_node().rrset(Rtype::SOA)?;
        let rdata = soa.rdatas().next()?;
        Some(Have { serial: view.serial(), soa: rdata.into() })
    }
}

impl Wanted {
    /// Whether a zone with this serial is news to us.
    pub(super) fn is_news(&self, serial: u32) -> bool {
        match (&self.have, self.kind) {
            (Some(have), Kind::Ixfr | Kind::Axfr) => is_above(serial, have.serial),
            _ => true,
        }
    }

    /// The serial from which differences may come.
    pub(super) fn base(&self) -> Option<u32> {
        self.have.as_ref().filter(|_| self.kind == Kind::Ixfr).map(|have| have.serial)
    }

    /// Writes the request with `id` into `out`, in the place of what is there.
    pub fn request(&self, id: u16, out: &mut Vec<u8>) {
        let have = self.have.as_ref().filter(|_| self.kind == Kind::Ixfr);
        out.clear();
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, u8::from(have.is_some()), 0, 0]);
        out.extend_from_slice(self.apex.wire());
        out.extend_from_slice(&self.kind.qtype().0.to_be_bytes());
        out.extend_from_slice(&Class::IN.0.to_be_bytes());
        if let Some(have) = have {
            // The owner is the question's name.
            out.extend_from_slice(&[0xc0, HEADER_LEN as u8]);
            out.extend_from_slice(&Rtype::SOA.0.to_be_bytes());
            out.extend_from_slice(&Class::IN.0.to_be_bytes());
            out.extend_from_slice(&[0; 4]);
            // Two names and twenty octets at most.
            out.extend_from_slice(&(have.soa.len() as u16).to_be_bytes());
            out.extend_from_slice(&have.soa);
        }
    }

    /// The zone.
    pub fn apex(&self) -> NameRef<'_> {
        self.apex.as_ref()
    }
}
