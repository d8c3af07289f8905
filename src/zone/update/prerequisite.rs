//! What must be so for an update to be made (RFC 2136 §§ 2.4 and 3.2).

use std::collections::BTreeMap;

use super::Rdatas;
use super::draft::{Draft, Refusal};
use super::message::Entry;
use crate::wire::{Class, Name, Rcode, Rtype};
use crate::zone::build::canonical_rdata;

impl Draft<'_> {
    /// Whether all is as `prerequisites` say.
    pub(super) fn fulfils(&self, prerequisites: &[Entry]) -> Result<(), Refusal> {
        let mut rrsets: BTreeMap<(Name, Rtype), Rdatas> = BTreeMap::new();
        for entry in prerequisites {
            let Entry { owner, rtype, class, ttl, rdata } = entry;
            let refuse = |rcode, why: &str| Err(Refusal::new(rcode, format!("{owner} {rtype}: {why}")));
            if *ttl != 0 {
                return refuse(Rcode::FORMERR, "a prerequisite with a TTL");
            }
            if !owner.as_ref().is_at_or_below(self.view.apex()) {
                return refuse(Rcode::NOTZONE, "a prerequisite out of the zone");
            }
            let exists = || match *rtype {
                // A name that only has names below it is not in use (§ 2.4.4).
                Rtype::ANY => !self.types(owner.as_ref()).is_empty(),
                _ => self.rrset(owner.as_ref(), *rtype).is_some(),
            };
            match *class {
                Class::ANY | Class::NONE if !rdata.is_empty() => {
                    return refuse(Rcode::FORMERR, "a prerequisite of existence with data");
                }
                Class::ANY if !exists() => {
                    let rcode = if *rtype == Rtype::ANY { Rcode::NXDOMAIN } else { Rcode::NXRRSET };
                    return refuse(rcode, "it is not there, and should be");
                }
                Class::NONE if exists() => {
                    let rcode = if *rtype == Rtype::ANY { Rcode::YXDOMAIN } else { Rcode::YXRRSET };
                    return refuse(rcode, "it is there, and should not be");
                }
                Class::ANY | Class::NONE => {}
                Class::IN => {
                    let rrset = rrsets.entry((owner.clone(), *rtype)).or_default();
                    rrset.insert(canonical_rdata(*rtype, rdata), rdata.clone());
                }
                _ => return refuse(Rcode::FORMERR, "a prerequisite of another class"),
            }
        }
        for ((owner, rtype), wanted) in rrsets {
            let found = self.rrset(owner.as_ref(), rtype);
            if !found.is_some_and(|found| found.rdatas.keys().eq(wanted.keys())) {
                return Err(Refusal::new(
                    Rcode::NXRRSET,
                    format!("{owner} {rtype}: it has not the data that it should"),
                ));
            }
        }
        Ok(())
    }
}
