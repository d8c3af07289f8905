//! Reading the message of an update (RFC 2136 § 2).

use crate::wire::{Class, HEADER_LEN, Name, Reader, Rtype, name, rdata};

/// The message is no update in good form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is no update in good form")]
pub struct Malformed;

/// What an update asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The zone.
    pub apex: Name,
    /// Its class.
    pub class: Class,
    pub(super) prerequisites: Vec<Entry>,
    pub(super) changes: Vec<Entry>,
}

/// A record of the prerequisites or the changes. What its class and its empty data mean depends on where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) owner: Name,
    pub(super) rtype: Rtype,
    pub(super) class: Class,
    pub(super) ttl: u32,
    /// Uncompressed; empty also where there is none.
    pub(super) rdata: Box<[u8]>,
}

impl Update {
    /// Reads `message`, whose TSIG record begins at `signed_at`, if it is signed; that is not verified here.
    ///
    /// # Errors
    /// [`Malformed`]: FORMERR.
    pub fn parse(message: &[u8], signed_at: Option<usize>) -> Result<Update, Malformed> {
        let &[_, _, _, _, 0, 1, pr0, pr1, up0, up1, ad0, ad1] = message.first_chunk::<HEADER_LEN>().ok_or(Malformed)?
        else {
            return Err(Malformed);
        };
        let message = message.get(..signed_at.unwrap_or(message.len())).ok_or(Malformed)?;
        let mut reader = Reader::new(message);
        reader.take(HEADER_LEN).map_err(|_| Malformed)?;
        let apex = owner(message, &mut reader)?;
        let mut number = || reader.u16().map_err(|_| Malformed);
        let (rtype, class) = (Rtype(number()?), Class(number()?));
        if rtype != Rtype::SOA {
            return Err(Malformed);
        }
        let prerequisites = entries(message, &mut reader, [pr0, pr1], Section::Prerequisites)?;
        let changes = entries(message, &mut reader, [up0, up1], Section::Changes)?;
        let additional = u16::from_be_bytes([ad0, ad1]).checked_sub(u16::from(signed_at.is_some()));
        for _ in 0..additional.ok_or(Malformed)? {
            // Glue of what was asked for, an OPT, or a signature of another kind: nothing depends on them.
            let (_, rtype, ..) = head(message, &mut reader)?;
            if rtype == Rtype::TSIG {
                return Err(Malformed);
            }
        }
        if reader.is_empty() { Ok(Update { apex, class, prerequisites, changes }) } else { Err(Malformed) }
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.prerequisites.len() + self.changes.len()
    }

    /// About how many octets it occupies.
    pub fn size(&self) -> usize {
        let octets = |entry: &Entry| size_of::<Entry>() + entry.owner.wire().len() + entry.rdata.len();
        self.prerequisites.iter().chain(&self.changes).map(octets).sum()
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it says of records to be added or deleted, in few words, for a log: `+2 TXT _acme-challenge, …`.
    pub fn summary(&self) -> String {
        const SHOWN_MAX: usize = 4;
        let change = |entry: &Entry| {
            let sign = if entry.class == self.class { '+' } else { '-' };
            format!("{sign}{} {}", entry.owner, entry.rtype)
        };
        let mut shown: Vec<_> = self.changes.iter().take(SHOWN_MAX).map(change).collect();
        if self.changes.len() > SHOWN_MAX {
            shown.push(format!("and {} more", self.changes.len() - SHOWN_MAX));
        }
        shown.join(", ")
    }
}

/// Where a record stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Prerequisites,
    Changes,
}

fn entries(message: &[u8], reader: &mut Reader<'_>, count: [u8; 2], section: Section) -> Result<Vec<Entry>, Malformed> {
    let count = u16::from_be_bytes(count);
    (0..count).map(|_| entry(message, reader, section)).collect()
}

fn entry(message: &[u8], reader: &mut Reader<'_>, section: Section) -> Result<Entry, Malformed> {
    let (owner, rtype, class, ttl, [at, len]) = head(message, reader)?;
    if rtype == Rtype::TSIG {
        return Err(Malformed);
    }
    let rdata = match class {
        // Whatever these stand for, they say nothing of data.
        Class::ANY if len == 0 => Vec::new(),
        Class::ANY => return Err(Malformed),
        Class::NONE if section == Section::Prerequisites && len == 0 => Vec::new(),
        Class::NONE if section == Section::Prerequisites => return Err(Malformed),
        // What does not stand in a zone has no form that could be looked at; it is refused where it stands.
        _ if rtype.is_meta() || !matches!(class, Class::IN | Class::NONE) => {
            message.get(at..at + len).ok_or(Malformed)?.to_vec()
        }
        _ => rdata::uncompressed(rtype, message, at, len).map_err(|_| Malformed)?,
    };
    Ok(Entry { owner, rtype, class, ttl, rdata: rdata.into() })
}

/// A record's owner, type, class and TTL, and where its data begins and how long it is.
type Head = (Name, Rtype, Class, u32, [usize; 2]);

fn head(message: &[u8], reader: &mut Reader<'_>) -> Result<Head, Malformed> {
    let owner = owner(message, reader)?;
    let mut read = || -> Result<_, crate::wire::ShortInput> {
        let (rtype, class, ttl) = (Rtype(reader.u16()?), Class(reader.u16()?), reader.u32()?);
        let len = usize::from(reader.u16()?);
        let at = reader.position();
        reader.take(len)?;
        Ok((rtype, class, ttl, [at, len]))
    };
    let (rtype, class, ttl, place) = read().map_err(|_| Malformed)?;
    Ok((owner, rtype, class, ttl, place))
}

fn owner(message: &[u8], reader: &mut Reader<'_>) -> Result<Name, Malformed> {
    let owner = name::expand(message, reader.position()).ok_or(Malformed)?;
    name::skip(reader).ok_or(Malformed)?;
    Ok(owner)
}
