//! The names in RDATA: do they lead to what the record needs (RFC 1034 § 3.6.2, RFC 2181 § 10.3)?

use crate::wire::rdata::{self, Field};
use crate::wire::{Name, NameRef, Rtype};

use super::findings::Finding;
use super::hostname;
use super::reach::{Reach, reach};
use super::{Checker, Rrset};

/// The way out where a name in the zone does not exist.
pub(super) const MISSING_DOT: &str =
    "add records for it, correct the name, or end it with a dot if it is meant to be outside of this zone";

/// The first name in `rdata` of `rtype`: the target of NS, CNAME, DNAME, MX, SRV, PTR, SVCB …
pub(super) fn name_in(rtype: Rtype, rdata: &[u8]) -> Option<Name> {
    names_in(rtype, rdata).into_iter().next()
}

fn names_in(rtype: Rtype, rdata: &[u8]) -> Vec<Name> {
    let mut names = Vec::new();
    // What does not split was refused when the zone was built.
    let _ = rdata::split(rtype, rdata, |piece| {
        if matches!(piece.field, Field::CompressibleName | Field::Name) {
            names.extend(NameRef::parse(piece.bytes).ok().map(NameRef::to_owned));
        }
    });
    names
}

impl Checker<'_> {
    pub(super) fn targets(&mut self, owner: &Name, rrset: Rrset<'_>) {
        let rtype = rrset.rtype();
        if matches!(rtype, Rtype::RRSIG | Rtype::NSEC) {
            return;
        }
        let has_target = matches!(
            rdata::fields(rtype),
            Some(fields) if fields.iter().any(|field| matches!(field, Field::CompressibleName | Field::Name))
        );
        if !has_target {
            return;
        }
        for rdata in rrset.rdatas() {
            for (index, target) in names_in(rtype, &rdata).iter().enumerate() {
                // The second name of SOA, RP and MINFO is a mailbox, or leads to TXT.
                if index == 0 && !self.form(owner, rtype, target) {
                    self.leads(owner, rtype, target);
                }
            }
        }
    }

    /// Checks how `target` is written; says whether it was at fault.
    fn form(&mut self, owner: &Name, rtype: Rtype, target: &Name) -> bool {
        let at = (owner.clone(), rtype);
        let wants_host = matches!(
            rtype,
            Rtype::NS | Rtype::MX | Rtype::SRV | Rtype::PTR | Rtype::CNAME | Rtype::SOA | Rtype::AFSDB | Rtype::KX
        );
        if wants_host && hostname::looks_like_address(target.as_ref(), self.apex.as_ref()) {
            let message = format!("the {rtype} record of {owner} holds an address: {target}");
            self.report(Finding::warning("zone-target-is-address", at, message).help(
                "this is read as a name, which does not exist: give the address to a name by A or AAAA, and name that",
            ));
            return true;
        }
        if hostname::repeats_apex(target.as_ref(), self.apex.as_ref()) {
            // The reader of the file has said that a final dot is missing.
            return true;
        }
        let is_of_host = matches!(rtype, Rtype::NS | Rtype::MX | Rtype::SRV)
            || (rtype == Rtype::PTR && hostname::is_reverse(self.apex.as_ref()));
        if is_of_host && !hostname::is_hostname(target.as_ref()) {
            let message = format!("the {rtype} record of {owner} holds {target}, which is not a host name");
            self.report(Finding::warning("zone-target-not-hostname", at, message).help(hostname::RULE));
        }
        false
    }

    /// Checks where `target` leads. Name servers of a delegation are [`Checker::cut`]'s.
    fn leads(&mut self, owner: &Name, rtype: Rtype, target: &Name) {
        let at_apex = *owner == self.apex;
        let wants_address = match rtype {
            Rtype::NS if at_apex => true,
            Rtype::MX | Rtype::SRV | Rtype::AFSDB | Rtype::KX => true,
            Rtype::SOA | Rtype::SVCB | Rtype::HTTPS | Rtype::PTR => false,
            _ => return,
        };
        if target.as_ref().is_root() {
            return;
        }
        // A name server at the apex that nobody can reach makes the zone lame; the rest hurts one name.
        let finding = if at_apex && rtype == Rtype::NS { Finding::error } else { Finding::warning };
        let at = (owner.clone(), rtype);
        let record = format!("the {rtype} record of {owner}");
        let found = match reach(self.view, target.as_ref()) {
            Reach::Missing => {
                finding("zone-target-missing", at, format!("{record} holds {target}, which does not exist"))
                    .help(MISSING_DOT)
            }
            Reach::NoAddress if wants_address => {
                finding("zone-target-without-address", at, format!("{record} holds {target}, which has no address"))
                    .help("give it an A or AAAA record")
            }
            Reach::Alias if wants_address => {
                finding("zone-target-is-alias", at, format!("{record} holds {target}, which is an alias"))
                    .help("name the host itself: the target may not be a CNAME (RFC 2181 § 10.3)")
                    .beside(target, Rtype::CNAME, "the alias")
            }
            Reach::Renamed { owner: dname } if wants_address => finding(
                "zone-target-is-alias",
                at,
                format!("{record} holds {target}, which the DNAME of {dname} renames"),
            )
            .help("name the host itself: the target may not be an alias (RFC 2181 § 10.3)")
            .beside(&dname, Rtype::DNAME, "the DNAME"),
            Reach::Delegated { glue: false, cut } if rtype == Rtype::NS => Finding::warning(
                "zone-glue-missing-sibling",
                at,
                format!("{record} holds {target}, without an address here"),
            )
            .help(format!("the name is delegated with {cut}: give its address here too, as glue"))
            .beside(&cut, Rtype::NS, "the delegation"),
            _ => return,
        };
        self.report(found);
    }
}
