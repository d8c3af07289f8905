//! The changes of an update: looked at before any is made (RFC 2136 §§ 3.3 and 3.4.1), then made (§ 3.4.2).

use super::draft::{Draft, Refusal};
use super::message::Entry;
use super::{Contents, Rdatas, is_of_dnssec, is_single};
use crate::wire::{Class, NameRef, Rcode, Rtype};
use crate::zone::build::{canonical_rdata, soa};
use crate::zone::{RECORD_HEADER_LEN, Ttl};

/// Of WKS: the address and the protocol, by which one takes the place of another (§ 3.4.2.2).
const WKS_KEY_LEN: usize = 5;

/// The most octets of an RRset: a message has 65,535, of which the question and what goes with it take some.
const OCTETS_MAX: usize = 65_535 - 512;

impl Draft<'_> {
    /// Whether all `changes` have the form of one and are allowed.
    pub(super) fn scan(&self, changes: &[Entry], may: &dyn Fn(NameRef<'_>, Rtype) -> bool) -> Result<(), Refusal> {
        for Entry { owner, rtype, class, ttl, rdata } in changes {
            let refuse = |rcode, why: &str| Err(Refusal::new(rcode, format!("{owner} {rtype}: {why}")));
            if !owner.as_ref().is_at_or_below(self.view.apex()) {
                return refuse(Rcode::NOTZONE, "a change out of the zone");
            }
            let is_well_formed = match *class {
                Class::IN => !rtype.is_meta() && crate::wire::rdata::check(*rtype, rdata).is_ok(),
                Class::ANY => *ttl == 0 && rdata.is_empty() && (!rtype.is_meta() || *rtype == Rtype::ANY),
                Class::NONE => *ttl == 0 && !rtype.is_meta() && crate::wire::rdata::check(*rtype, rdata).is_ok(),
                _ => false,
            };
            if !is_well_formed {
                return refuse(Rcode::FORMERR, "no change in good form");
            }
            if is_of_dnssec(*rtype) {
                return refuse(Rcode::REFUSED, "nothing here would sign the zone after it");
            }
            let is_allowed = match *rtype {
                Rtype::ANY => self.types(owner.as_ref()).into_iter().all(|rtype| may(owner.as_ref(), rtype)),
                _ => may(owner.as_ref(), *rtype),
            };
            if !is_allowed {
                return refuse(Rcode::REFUSED, "the policy does not allow it");
            }
        }
        Ok(())
    }

    /// Makes all `changes`. What can't be made is passed over, as the RFC has it.
    pub(super) fn execute(&mut self, changes: &[Entry]) {
        for entry in changes {
            let is_apex = entry.owner.as_ref() == self.view.apex();
            match entry.class {
                Class::ANY => self.delete_rrsets(entry, is_apex),
                Class::NONE => self.delete_record(entry, is_apex),
                _ => self.add(entry),
            }
        }
    }

    /// § 3.4.2.2.
    fn add(&mut self, entry: &Entry) {
        let Entry { owner, rtype, ttl, rdata, .. } = entry;
        let goes_beside = |other: &Rtype| !is_of_dnssec(*other) && (*rtype == Rtype::CNAME) != (*other == Rtype::CNAME);
        // Of a delegation at a wildcard nobody knows what it means (RFC 4592 § 4.2); BIND passes over it, too.
        let is_delegation_at_wildcard = *rtype == Rtype::NS && owner.as_ref().is_wildcard();
        if is_delegation_at_wildcard || self.types(owner.as_ref()).iter().any(goes_beside) {
            return;
        }
        let before = self.rrset(owner.as_ref(), *rtype);
        if *rtype == Rtype::SOA && !before.as_ref().is_some_and(|before| rises(before, rdata)) {
            return;
        }
        let mut rdatas = before.map(|before| before.rdatas).unwrap_or_default();
        let canonical = canonical_rdata(*rtype, rdata);
        match *rtype {
            _ if is_single(*rtype) => rdatas.retain(|other, _| *other == canonical),
            Rtype::WKS => rdatas.retain(|other, _| other.get(..WKS_KEY_LEN) != canonical.get(..WKS_KEY_LEN)),
            _ => {}
        }
        // What differs in the case of names alone stays as it is spelled.
        rdatas.entry(canonical).or_insert_with(|| rdata.clone());
        // An RRset has one TTL (RFC 2181 § 5.2): the last that was asked for.
        let ttl = Ttl(*ttl).min(Ttl::MAX);
        self.touch(owner).insert(*rtype, Contents { ttl, rdatas });
    }

    /// § 3.4.2.3.
    fn delete_rrsets(&mut self, entry: &Entry, is_apex: bool) {
        let stays = |rtype: Rtype| is_of_dnssec(rtype) || (is_apex && matches!(rtype, Rtype::SOA | Rtype::NS));
        let types = self.types(entry.owner.as_ref());
        let goes = |rtype: &Rtype| (entry.rtype == Rtype::ANY || entry.rtype == *rtype) && !stays(*rtype);
        for rtype in types.into_iter().filter(goes) {
            self.touch(&entry.owner).remove(&rtype);
        }
    }

    /// § 3.4.2.4.
    fn delete_record(&mut self, entry: &Entry, is_apex: bool) {
        let Some(mut rrset) = self.rrset(entry.owner.as_ref(), entry.rtype) else { return };
        let is_last_ns = is_apex && entry.rtype == Rtype::NS && rrset.rdatas.len() == 1;
        if entry.rtype == Rtype::SOA || is_last_ns {
            return;
        }
        if rrset.rdatas.remove(&canonical_rdata(entry.rtype, &entry.rdata)).is_none() {
            return;
        }
        let node = self.touch(&entry.owner);
        match rrset.rdatas.is_empty() {
            true => _ = node.remove(&entry.rtype),
            false => _ = node.insert(entry.rtype, rrset),
        }
    }

    /// Whether what the last update has touched can stand in a zone. The RFC knows nothing of it: DNAME came later, and an
    /// RRset may have grown with each of its updates.
    pub(super) fn is_sound(&self) -> Result<(), Refusal> {
        for owner in self.last_touched() {
            let owner = owner.as_ref();
            let types = self.types(owner);
            let refuse = |why: &str| Err(Refusal::new(Rcode::REFUSED, format!("{owner}: {why}")));
            if types.is_empty() {
                continue;
            }
            let has_dname = types.contains(&Rtype::DNAME);
            if has_dname && types.contains(&Rtype::NS) && owner != self.view.apex() {
                return refuse("a DNAME can't stand beside NS");
            }
            if has_dname && self.has_below(owner) {
                return refuse("nothing can stand below a DNAME");
            }
            let above = std::iter::successors(owner.parent(), |name| name.parent());
            let mut above = above.take_while(|name| name.is_at_or_below(self.view.apex()));
            if above.any(|name| self.types(name).contains(&Rtype::DNAME)) {
                return refuse("nothing can stand below a DNAME");
            }
            let large =
                types.into_iter().find(|&rtype| self.rrset(owner, rtype).is_some_and(|set| octets(&set) > OCTETS_MAX));
            if let Some(rtype) = large {
                return refuse(&format!("its {rtype} records would not fit into a message"));
            }
        }
        Ok(())
    }
}

/// The octets of an RRset in a message, after its question.
fn octets(rrset: &Contents) -> usize {
    rrset.rdatas.values().map(|rdata| rdata.len() + RECORD_HEADER_LEN).sum()
}

/// The serial of a SOA record.
pub(super) fn serial(soa: &Contents) -> Option<u32> {
    only(&soa.rdatas).and_then(|rdata| self::soa(0, rdata)).map(|soa| soa.serial)
}

/// Whether the SOA record `after` has a higher serial than the one that is there (RFC 1982).
fn rises(before: &Contents, after: &[u8]) -> bool {
    let serial = |rdata: &[u8]| soa(0, rdata).map(|soa| soa.serial);
    let before = only(&before.rdatas).and_then(serial);
    let distance = |before: u32| serial(after).map(|after| after.wrapping_sub(before));
    before.and_then(distance).is_some_and(|distance| (1..1 << 31).contains(&distance))
}

fn only(rdatas: &Rdatas) -> Option<&[u8]> {
    rdatas.values().next().map(|rdata| &**rdata)
}
