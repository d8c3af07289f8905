//! The TSIG record at the end of a message (RFC 8945 § 4.2): read, and written.

use super::digest::{Digest, Mac};
use super::sign::NoRoom;
use crate::wire::{Class, HEADER_LEN, Name, NameRef, Reader, Rtype, name};

/// A message that can't be read, or a TSIG record that can't be interpreted: FORMERR (RFC 8945 § 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message or its TSIG record is malformed")]
pub struct Malformed;

/// The longest other data that is written: the server's time (RFC 8945 § 5.2.3).
pub(super) const TIME_LEN: usize = 6;

/// A TSIG record, and the message that it ends.
#[derive(Clone, Debug)]
pub struct Tsig<'m> {
    /// The message up to the record, header as it came.
    pub(super) message: &'m [u8],
    key_name: Name,
    algorithm_name: NameRef<'m>,
    pub(super) time_signed: u64,
    pub(super) fudge: u16,
    pub(super) mac: &'m [u8],
    pub(super) original_id: [u8; 2],
    pub(super) error: u16,
    pub(super) other: &'m [u8],
}

impl<'m> Tsig<'m> {
    /// The TSIG record of `message`, if it has one (rule 1).
    ///
    /// # Errors
    /// [`Malformed`] if the message can't be read to its end, or has the record elsewhere than at its end.
    pub fn last_of(message: &'m [u8]) -> Result<Option<Tsig<'m>>, Malformed> {
        let Some(&[_, _, _, _, qd0, qd1, an0, an1, ns0, ns1, ar0, ar1]) = message.first_chunk::<HEADER_LEN>() else {
            return Err(Malformed);
        };
        let [questions, answers, authorities, additionals] =
            [[qd0, qd1], [an0, an1], [ns0, ns1], [ar0, ar1]].map(|count| u32::from(u16::from_be_bytes(count)));
        let mut reader = Reader::new(message);
        reader.take(HEADER_LEN).map_err(|_| Malformed)?;
        for _ in 0..questions {
            name::skip(&mut reader).ok_or(Malformed)?;
            reader.take(4).map_err(|_| Malformed)?;
        }
        let records = answers + authorities + additionals;
        let mut found = None;
        // Each of them takes eleven octets or more, so a count that lies ends with the message.
        for number in 1..=records {
            let start = reader.position();
            name::skip(&mut reader).ok_or(Malformed)?;
            let rtype = Rtype(reader.u16().map_err(|_| Malformed)?);
            reader.take(6).map_err(|_| Malformed)?;
            let length = reader.u16().map_err(|_| Malformed)?;
            reader.take(usize::from(length)).map_err(|_| Malformed)?;
            if rtype == Rtype::TSIG {
                if number != records || additionals == 0 {
                    return Err(Malformed);
                }
                found = Some(start);
            }
        }
        if !reader.is_empty() {
            return Err(Malformed);
        }
        found.map(|start| Tsig::read(message, start)).transpose()
    }

    /// Reads the record that begins at `start` and must end with the message.
    ///
    /// # Errors
    /// [`Malformed`] if it has not the form of a TSIG record.
    pub fn read(message: &'m [u8], start: usize) -> Result<Tsig<'m>, Malformed> {
        Tsig::parse(message, start).ok_or(Malformed)
    }

    fn parse(message: &'m [u8], start: usize) -> Option<Tsig<'m>> {
        let key_name = name::expand(message, start)?;
        let mut reader = Reader::new(message);
        reader.take(start).ok()?;
        name::skip(&mut reader)?;
        let rtype = Rtype(reader.u16().ok()?);
        let class = Class(reader.u16().ok()?);
        let ttl = reader.u32().ok()?;
        let length = reader.u16().ok()?;
        // Class and TTL are part of what is signed and have but one value (RFC 8945 § 4.2).
        if rtype != Rtype::TSIG || class != Class::ANY || ttl != 0 || usize::from(length) != reader.rest().len() {
            return None;
        }
        // Never compressed (RFC 8945 § 4.2).
        let algorithm_name = NameRef::parse(reader.rest()).ok()?;
        reader.take(algorithm_name.wire().len()).ok()?;
        let time_signed = u64::from(reader.u16().ok()?) << 32 | u64::from(reader.u32().ok()?);
        let fudge = reader.u16().ok()?;
        let mac_len = reader.u16().ok()?;
        let mac = reader.take(usize::from(mac_len)).ok()?;
        let original_id = reader.u16().ok()?.to_be_bytes();
        let error = reader.u16().ok()?;
        let other_len = reader.u16().ok()?;
        let other = reader.take(usize::from(other_len)).ok()?;
        let message = message.get(..start).filter(|before| before.len() >= HEADER_LEN)?;
        let tsig = Tsig { message, key_name, algorithm_name, time_signed, fudge, mac, original_id, error, other };
        reader.is_empty().then_some(tsig)
    }

    /// The name of the key that signed.
    pub fn key_name(&self) -> &Name {
        &self.key_name
    }

    /// The name of the algorithm.
    pub fn algorithm_name(&self) -> NameRef<'m> {
        self.algorithm_name
    }

    /// The MAC, empty if nothing is signed.
    pub fn mac(&self) -> &'m [u8] {
        self.mac
    }

    /// The time in the other data, in seconds since 1970, as BADTIME has it.
    pub(super) fn other_time(&self) -> Option<u64> {
        let time: [u8; TIME_LEN] = self.other.try_into().ok()?;
        let mut seconds = [0; 8];
        seconds[8 - TIME_LEN..].copy_from_slice(&time);
        Some(u64::from_be_bytes(seconds))
    }

    /// The message as it was before it was signed: with its first identifier, without the record (RFC 8945 § 4.3.2).
    pub(super) fn digest_message(&self, digest: &mut Digest) {
        let Some((header, rest)) = self.message.split_first_chunk::<HEADER_LEN>() else { return };
        let mut header = *header;
        let additionals = u16::from_be_bytes([header[10], header[11]]).saturating_sub(1);
        header[..2].copy_from_slice(&self.original_id);
        header[10..].copy_from_slice(&additionals.to_be_bytes());
        digest.update(&header);
        digest.update(rest);
    }

    /// What of the record itself is signed.
    pub(super) fn variables(&self) -> Variables<'_> {
        Variables {
            key_name: self.key_name.as_ref(),
            algorithm_name: self.algorithm_name,
            time_signed: self.time_signed,
            fudge: self.fudge,
            error: self.error,
            other: self.other,
        }
    }
}

/// The fields of a record that are signed: all but the MAC and the original identifier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variables<'a> {
    pub(super) key_name: NameRef<'a>,
    pub(super) algorithm_name: NameRef<'a>,
    pub(super) time_signed: u64,
    pub(super) fudge: u16,
    pub(super) error: u16,
    pub(super) other: &'a [u8],
}

impl Variables<'_> {
    /// Takes in all of them (RFC 8945 § 4.3.3).
    pub(super) fn digest(&self, digest: &mut Digest) {
        // Names in canonical form: uncompressed, in lower case.
        digest.update(self.key_name.to_lowercase().wire());
        digest.update(&Class::ANY.0.to_be_bytes());
        digest.update(&[0; 4]);
        digest.update(self.algorithm_name.to_lowercase().wire());
        self.digest_timers(digest);
        digest.update(&self.error.to_be_bytes());
        digest.update(&(self.other.len() as u16).to_be_bytes());
        digest.update(self.other);
    }

    /// Takes in the timers alone, as for all messages but the first of a stream (RFC 8945 § 5.3.1).
    pub(super) fn digest_timers(&self, digest: &mut Digest) {
        digest.update(&time48(self.time_signed));
        digest.update(&self.fudge.to_be_bytes());
    }

    /// Writes the record behind the message of `length` octets that is in `out`, and counts it in; gives the length
    /// of the whole.
    pub(super) fn write(&self, mac: Option<&Mac>, out: &mut [u8], length: usize) -> Result<usize, NoRoom> {
        let mac = mac.map(Mac::octets).unwrap_or_default();
        let header = out.first_chunk::<HEADER_LEN>().filter(|_| length >= HEADER_LEN).ok_or(NoRoom)?;
        let id = [header[0], header[1]];
        let additionals = u16::from_be_bytes([header[10], header[11]]).checked_add(1).ok_or(NoRoom)?;
        let rdata_len = self.algorithm_name.wire().len() + 16 + mac.len() + self.other.len();
        let fields: [&[u8]; 13] = [
            self.key_name.wire(),
            &Rtype::TSIG.0.to_be_bytes(),
            &Class::ANY.0.to_be_bytes(),
            &[0; 4],
            &(rdata_len as u16).to_be_bytes(),
            self.algorithm_name.wire(),
            &time48(self.time_signed),
            &self.fudge.to_be_bytes(),
            &(mac.len() as u16).to_be_bytes(),
            mac,
            &id,
            &self.error.to_be_bytes(),
            &(self.other.len() as u16).to_be_bytes(),
        ];
        let whole = length + fields.iter().map(|field| field.len()).sum::<usize>() + self.other.len();
        if whole > usize::from(u16::MAX) {
            return Err(NoRoom);
        }
        let mut place = out.get_mut(length..whole).ok_or(NoRoom)?;
        for field in fields.into_iter().chain([self.other]) {
            let (here, behind) = place.split_at_mut_checked(field.len()).ok_or(NoRoom)?;
            here.copy_from_slice(field);
            place = behind;
        }
        if let Some(count) = out.get_mut(10..HEADER_LEN) {
            count.copy_from_slice(&additionals.to_be_bytes());
        }
        Ok(whole)
    }
}

/// A time as it stands on the wire: the low 48 bits of the seconds.
pub(super) fn time48(seconds: u64) -> [u8; TIME_LEN] {
    let [_, _, time @ ..] = seconds.to_be_bytes();
    time
}
