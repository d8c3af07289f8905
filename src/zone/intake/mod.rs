//! A zone, or what differs from one, taken in from the messages of a transfer (RFC 5936, RFC 1995).
//!
//! ```text
//! Wanted::request ─► the primary ─► message, message, … ─► Intake::take ─► Taken
//!
//!              ┌ SOA S ┬ nothing more, S is what we have ──────────────────────► Current
//!  an answer ──┤       ├ SOA of what we have ─ goes, SOA, comes, … SOA S ──────► Differences
//!              │       └ any other record … SOA S ─────────────────────────────► Whole
//!              └ anything else: Fault
//! ```
//!
//! Nothing here has a socket or a clock: messages go in with the time, and a zone comes out, or the reason why there is
//! none. The rules, by which the code names them:
//!
//! 1. A message is one of the answer if it has the id and, where it repeats a question, ours (RFC 5936 § 2.2.1). What else
//!    comes ends the transfer: over a connection of its own nothing else can come.
//! 2. The transfer has the serial of its first record. If that is not above what we have, nothing more is read: neither
//!    the same zone again nor an older one is wanted (RFC 1995 § 2).
//! 3. It ends with that SOA record again, and with its last octet: what comes behind is a fault.
//! 4. Of a signed request the answer is signed from its first message to its last (RFC 8945 § 5.3.1). Nothing is given out
//!    before the last is verified.
//! 5. It ends: octets and records are counted, against what may come. Time is the caller's affair.

mod fault;
mod message;
#[cfg(test)]
mod tests;
mod wanted;

pub use fault::Fault;
pub use wanted::{Have, Kind, Wanted};

use super::delta::{Record, Step};
use super::{AddError, BuildError, Remark, Ttl, Zone, ZoneBuilder};
use crate::clock::Instant;
use crate::wire::tsig::Follower;
use crate::wire::{Name, NameRef, Rcode, Rtype, rdata};
use message::{Answer, Rr};

/// How much a transfer may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most octets of its messages.
    pub octets: u64,
    /// The most records.
    pub records: u64,
}

/// A transfer that comes in.
pub struct Intake {
    wanted: Wanted,
    id: u16,
    bounds: Bounds,
    follower: Option<Follower>,
    octets: u64,
    records: u64,
    messages: u64,
    state: State,
    rdata: Vec<u8>,
}

/// How far it has come.
enum State {
    /// Nothing has come.
    Begin,
    /// The first SOA record, which is kept.
    First(Soa),
    /// A whole zone.
    Whole(Soa, Box<Draft>),
    /// What goes from the edition of the first of these serials, and then what comes to that of the second, which
    /// is `None` as long as the other is still open.
    Differences(Soa, Vec<Step>, u32, Option<u32>),
    /// It has ended.
    Ended,
}

/// A SOA record of the apex.
struct Soa {
    ttl: Ttl,
    rdata: Box<[u8]>,
    serial: u32,
}

/// What came.
pub enum Taken {
    /// The primary has nothing newer; this is its serial.
    Current(u32),
    /// A zone.
    Whole(Box<Draft>),
    /// What differs from what we have: from its SOA record to the one that comes last.
    Differences(Vec<Step>),
}

/// A zone that has come and is not put together yet.
pub struct Draft {
    builder: ZoneBuilder,
    /// How many records were left out, since they are not in the zone.
    pub left_out: usize,
}

impl Draft {
    /// Puts it together; says what was mended on the way.
    ///
    /// # Errors
    /// [`BuildError`] if the records don't make a zone.
    pub fn finish(self) -> Result<(Zone, Vec<Remark>), BuildError> {
        self.builder.finish()
    }
}

impl Intake {
    /// Takes in the answer to what was `wanted`, asked with `id`; and signed, if there is a `follower`.
    pub fn new(wanted: Wanted, id: u16, follower: Option<Follower>, bounds: Bounds) -> Intake {
        let state = State::Begin;
        Intake { wanted, id, bounds, follower, octets: 0, records: 0, messages: 0, state, rdata: Vec::new() }
    }

    /// How many octets, records and messages have come.
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.octets, self.records, self.messages)
    }

    /// Takes the next message, which came at `now`; gives what came when it is the last.
    ///
    /// # Errors
    /// [`Fault`]; then nothing that came counts, and nothing more should be read.
    pub fn take(&mut self, message: &[u8], now: Instant) -> Result<Option<Taken>, Fault> {
        self.messages += 1;
        // A message without records counts too, so that there is an end to them.
        self.octets = self.octets.saturating_add(message.len() as u64);
        if self.octets > self.bounds.octets {
            return Err(Fault::TooManyOctets(self.bounds.octets));
        }
        let answer = Answer::read(message, self.id, &self.wanted)?;
        if let Some(follower) = &mut self.follower {
            follower.message(message, now).map_err(|fault| Fault::unsigned(fault, answer.rcode))?;
        }
        if answer.rcode != Rcode::NOERROR {
            return Err(Fault::Rcode(answer.rcode));
        }
        let (mut rrs, mut ended) = (answer.rrs(), None);
        let mut is_empty = true;
        while let Some(rr) = rrs.next()? {
            is_empty = false;
            self.records += 1;
            if self.records > self.bounds.records {
                return Err(Fault::TooManyRecords(self.bounds.records));
            }
            match &ended {
                None => ended = self.record(message, &rr)?,
                // Rule 2.
                Some(Taken::Current(_)) => break,
                Some(_) => return Err(Fault::Trailing),
            }
        }
        // Between others it may be nothing but padding (RFC 9103 § 7.9.1).
        if is_empty && matches!(self.state, State::Begin) {
            return Err(Fault::Empty);
        }
        if let State::First(soa) = &self.state
            && self.records == 1
            && matches!(self.wanted.kind, Kind::Soa)
        {
            ended = Some(Taken::Current(soa.serial));
        }
        if ended.is_some() {
            self.state = State::Ended;
            if let Some(follower) = self.follower.take() {
                follower.finish().map_err(|fault| Fault::unsigned(fault, Rcode::NOERROR))?;
            }
        }
        Ok(ended)
    }

    /// What to say if the peer closes now.
    pub fn cut_off(&self) -> Fault {
        match self.state {
            State::Begin => Fault::Silent,
            _ => Fault::CutOff,
        }
    }

    fn record(&mut self, message: &[u8], rr: &Rr) -> Result<Option<Taken>, Fault> {
        let Rr { owner, rtype, ttl, at, length } = rr;
        rdata::uncompress(*rtype, message, *at, *length, &mut self.rdata)
            .map_err(|_| Fault::MalformedRecord { owner: owner.clone(), rtype: *rtype })?;
        let is_apex = *owner == self.wanted.apex;
        let soa = (is_apex && *rtype == Rtype::SOA).then(|| Soa::of(*ttl, &self.rdata)).flatten();
        let state = std::mem::replace(&mut self.state, State::Ended);
        let (state, taken) = match (state, soa) {
            (State::Begin, Some(soa)) => match self.wanted.is_news(soa.serial) {
                // Rule 2.
                false => (State::Ended, Some(Taken::Current(soa.serial))),
                true => (State::First(soa), None),
            },
            (State::Begin, None) if *rtype == Rtype::SOA => return Err(Fault::OtherZone(owner.clone())),
            (State::Begin, None) => return Err(Fault::NoSoa(*rtype)),
            (State::First(_), _) if matches!(self.wanted.kind, Kind::Soa) => return Err(Fault::Trailing),
            (State::First(first), Some(soa)) => match self.wanted.base() {
                Some(base) if soa.serial == base => {
                    (State::Differences(first, vec![soa.step(owner, false)], base, None), None)
                }
                Some(base) if soa.serial != first.serial => {
                    return Err(Fault::OtherBase { ours: base, theirs: soa.serial });
                }
                // A zone of one record.
                _ => (State::Ended, Some(self.begin_whole(&first)?.ended(&first, &soa)?)),
            },
            (State::First(first), None) => {
                let mut whole = self.begin_whole(&first)?;
                whole.add(owner.as_ref(), *rtype, *ttl, &self.rdata)?;
                (State::Whole(first, whole), None)
            }
            (State::Whole(first, whole), Some(soa)) => (State::Ended, Some(whole.ended(&first, &soa)?)),
            (State::Whole(first, mut whole), None) => {
                whole.add(owner.as_ref(), *rtype, *ttl, &self.rdata)?;
                (State::Whole(first, whole), None)
            }
            (State::Differences(first, steps, from, to), soa) => {
                self.difference((first, steps, from, to), soa, owner, *rtype, *ttl)?
            }
            (State::Ended, _) => return Err(Fault::Trailing),
        };
        self.state = state;
        Ok(taken)
    }

    fn begin_whole(&self, first: &Soa) -> Result<Box<Draft>, Fault> {
        let mut whole = Box::new(Draft { builder: ZoneBuilder::new(self.wanted.apex.as_ref()), left_out: 0 });
        whole.add(self.wanted.apex.as_ref(), Rtype::SOA, first.ttl, &first.rdata)?;
        Ok(whole)
    }

    fn difference(
        &self,
        (first, mut steps, from, to): (Soa, Vec<Step>, u32, Option<u32>),
        soa: Option<Soa>,
        owner: &Name,
        rtype: Rtype,
        ttl: Ttl,
    ) -> Result<(State, Option<Taken>), Fault> {
        let (from, to) = match (soa, to) {
            (Some(soa), None) => {
                if !is_above(soa.serial, from) || (soa.serial != first.serial && is_above(soa.serial, first.serial)) {
                    return Err(Fault::Sequence { from, to: soa.serial });
                }
                let to = soa.serial;
                steps.push(soa.step(owner, true));
                (from, Some(to))
            }
            (Some(soa), Some(to)) if to == first.serial => {
                return match soa.is(&first) {
                    true => Ok((State::Ended, Some(Taken::Differences(steps)))),
                    false => Err(Fault::OtherEnd),
                };
            }
            (Some(soa), Some(to)) if soa.serial == to => {
                steps.push(soa.step(owner, false));
                (to, None)
            }
            (Some(soa), Some(to)) => return Err(Fault::Sequence { from: to, to: soa.serial }),
            (None, to) => {
                if !owner.as_ref().is_at_or_below(self.wanted.apex.as_ref()) {
                    return Err(Fault::OutOfZone(owner.clone()));
                }
                let record = Record { owner: owner.clone(), rtype, ttl, rdata: self.rdata.as_slice().into() };
                steps.push(Step { comes: to.is_some(), record });
                (from, to)
            }
        };
        Ok((State::Differences(first, steps, from, to), None))
    }
}

impl Draft {
    fn add(&mut self, owner: NameRef<'_>, rtype: Rtype, ttl: Ttl, rdata: &[u8]) -> Result<(), Fault> {
        match self.builder.add(owner, rtype, ttl, rdata) {
            Ok(()) => Ok(()),
            // As with a zone file.
            Err(AddError::OutOfZone) => {
                self.left_out += 1;
                Ok(())
            }
            Err(AddError::TooLarge(_)) => Err(Fault::TooLarge),
            Err(AddError::MetaType(_) | AddError::MalformedRdata(_)) => {
                Err(Fault::MalformedRecord { owner: owner.to_owned(), rtype })
            }
        }
    }

    /// Rule 3.
    fn ended(self: Box<Self>, first: &Soa, last: &Soa) -> Result<Taken, Fault> {
        if last.is(first) { Ok(Taken::Whole(self)) } else { Err(Fault::OtherEnd) }
    }
}

impl Soa {
    fn of(ttl: Ttl, rdata: &[u8]) -> Option<Soa> {
        let serial = super::build::soa(ttl.0, rdata)?.serial;
        Some(Soa { ttl, rdata: rdata.into(), serial })
    }

    fn step(self, owner: &Name, comes: bool) -> Step {
        let record = Record { owner: owner.clone(), rtype: Rtype::SOA, ttl: self.ttl, rdata: self.rdata };
        Step { comes, record }
    }

    fn is(&self, other: &Soa) -> bool {
        self.serial == other.serial && self.rdata.eq_ignore_ascii_case(&other.rdata)
    }
}

/// Whether `serial` is greater than `other` (RFC 1982 § 3.2).
fn is_above(serial: u32, other: u32) -> bool {
    (1..1 << 31).contains(&serial.wrapping_sub(other))
}
