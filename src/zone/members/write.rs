//! Catalog zones as we make them: the records that say what their members are.
//!
//! 1. The label of a member is worked out of its name, and of nothing else: it is the same after a restart, on another
//!    machine, and in another catalog zone, so that a member which goes there keeps what its secondaries have of it.
//! 2. What is in no way meant for a resolver is as RFC 9432 § 4 has it: NS and SOA name `invalid.`, TTLs are 0.

use sha2::{Digest, Sha256};

use super::{COO_LABEL, GROUP_LABEL, Label, Member, Members, VERSION, VERSION_LABEL, ZONES_LABEL};
use crate::wire::{Name, NameRef, Rtype, name};
use crate::zone::delta::{Delta, Record};
use crate::zone::{BuildError, Ttl, Zone, ZoneBuilder};

/// How many octets of a hash a label has, in base16 twice as many characters: two of ten thousand million members have the
/// same label with a chance of one in 10^18.
const HASH_LEN: usize = 16;
const TTL: Ttl = Ttl(0);
/// REFRESH, RETRY, EXPIRE and MINIMUM, in seconds: the list is good for as long as nobody says otherwise.
const TIMERS: [u32; 4] = [3600, 600, 2_147_483_646, 0];

impl Label {
    /// The label of the member `apex` (rule 1).
    pub fn of(apex: NameRef<'_>) -> Label {
        let hash = Sha256::digest(apex.to_lowercase().wire());
        Label(hash.iter().take(HASH_LEN).flat_map(|octet| format!("{octet:02x}").into_bytes()).collect())
    }
}

impl Members {
    /// Says that `apex` is a member, and what else; or that it is none.
    pub fn set(&mut self, apex: Name, member: Option<Member>) {
        match member {
            Some(member) => _ = self.0.insert(apex, member),
            None => _ = self.0.remove(&apex),
        }
    }

    /// The catalog zone at `catalog` that lists them, with this serial.
    ///
    /// # Errors
    /// [`BuildError`] if it would be too large.
    pub fn zone(&self, catalog: NameRef<'_>, serial: u32) -> Result<Zone, BuildError> {
        let mut builder = ZoneBuilder::new(catalog);
        let frame = [soa(catalog, serial), ns(catalog), version(catalog)];
        let members = self.iter().flat_map(|(apex, member)| records(catalog, apex, member));
        for Record { owner, rtype, ttl, rdata } in frame.into_iter().flatten().chain(members) {
            // What is too long for a name is no member (`records`), so that there is nothing here which could be wrong.
            _ = builder.add(owner.as_ref(), rtype, ttl, &rdata);
        }
        builder.finish().map(|(zone, _)| zone)
    }

    /// What goes from the catalog zone at `catalog` and comes to it, when it has listed these and lists `after`.
    pub fn changes(&self, after: &Members, catalog: NameRef<'_>, serials: (u32, u32)) -> Delta {
        let of = |members: &Members, apex| members.get(apex).map(|member| records(catalog, apex, member));
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        removed.extend(soa(catalog, serials.0));
        added.extend(soa(catalog, serials.1));
        for (apex, member) in self.iter().filter(|(apex, member)| after.get(apex) != Some(*member)) {
            let (old, new) = (records(catalog, apex, member), of(after, apex).unwrap_or_default());
            removed.extend(old.iter().filter(|record| !new.contains(record)).cloned());
            added.extend(new.into_iter().filter(|record| !old.contains(record)));
        }
        for (apex, member) in after.iter().filter(|(apex, _)| self.get(apex).is_none()) {
            added.extend(records(catalog, apex, member));
        }
        Delta { removed, added }
    }
}

/// The records of a member; none if its label has no room below the catalog zone.
fn records(catalog: NameRef<'_>, apex: &Name, member: &Member) -> Vec<Record> {
    let own = |prefix: &[&[u8]]| {
        let labels: Vec<u8> = prefix.iter().chain([&ZONES_LABEL]).flat_map(|label| wire(label)).collect();
        name::join(&labels, catalog)
    };
    let label = &*member.label.0;
    // The longest of them decides.
    let (Ok(owner), Ok(group), Ok(goes_to)) = (own(&[label]), own(&[GROUP_LABEL, label]), own(&[COO_LABEL, label]))
    else {
        return Vec::new();
    };
    let record =
        |owner: &Name, rtype, rdata: Vec<u8>| Record { owner: owner.clone(), rtype, ttl: TTL, rdata: rdata.into() };
    let mut records = vec![record(&owner, Rtype::PTR, apex.wire().to_vec())];
    records.extend(member.groups.iter().map(|text| record(&group, Rtype::TXT, wire(text.as_bytes()))));
    records.extend(member.goes_to.iter().map(|to| record(&goes_to, Rtype::PTR, to.wire().to_vec())));
    records
}

/// A label, or a string, behind its length; of a longer one its beginning.
fn wire(text: &[u8]) -> Vec<u8> {
    let text = text.get(..text.len().min(255)).unwrap_or_default();
    [&[text.len() as u8], text].concat()
}

fn soa(catalog: NameRef<'_>, serial: u32) -> Option<Record> {
    let nobody = b"\x07invalid\0".as_slice();
    let numbers = [serial].into_iter().chain(TIMERS).flat_map(u32::to_be_bytes);
    let rdata: Vec<u8> = [nobody, nobody].concat().into_iter().chain(numbers).collect();
    Some(Record { owner: catalog.to_owned(), rtype: Rtype::SOA, ttl: TTL, rdata: rdata.into() })
}

fn ns(catalog: NameRef<'_>) -> Option<Record> {
    let rdata = b"\x07invalid\0".as_slice();
    Some(Record { owner: catalog.to_owned(), rtype: Rtype::NS, ttl: TTL, rdata: rdata.into() })
}

fn version(catalog: NameRef<'_>) -> Option<Record> {
    let owner = name::join(&wire(VERSION_LABEL), catalog).ok()?;
    Some(Record { owner, rtype: Rtype::TXT, ttl: TTL, rdata: wire(VERSION).into() })
}
