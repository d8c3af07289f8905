//! The apex: name servers, and an SOA with sensible values (RFC 1912 § 2.2, RFC 2308 § 5).

use crate::wire::{NameRef, Rtype};

use super::findings::Finding;
use super::{Checker, Rrset};

/// The longest negative TTL that is not remarked upon (RFC 2308 § 5: one to three hours work well).
const NEGATIVE_TTL_USUAL_MAX: u32 = 3 * 3600;
/// Below this EXPIRE a failure of the primary over a long weekend takes secondaries down.
const EXPIRE_USUAL_MIN: u32 = 7 * 86_400;

impl Checker<'_> {
    pub(super) fn apex(&mut self) {
        let apex = self.apex.clone();
        let Some(node) = self.view.find(apex.as_ref()) else { return };
        match node.rrset(Rtype::NS).map(Rrset::len) {
            None => {
                let message = format!("{apex} has no NS records");
                self.report(
                    Finding::error("zone-no-ns", (apex.clone(), Rtype::SOA), message)
                        .help("name the servers of the zone at its apex: @ NS ns1 (RFC 1034 § 4.2.1)"),
                );
            }
            Some(1) => {
                let message = format!("{apex} has a single name server");
                self.report(Finding::note("zone-single-ns", (apex.clone(), Rtype::NS), message).help(
                    "with two, apart from each other, the zone outlives the failure of one (RFC 1034 § 4.1, RFC 2182)",
                ));
            }
            Some(_) => {}
        }
        if let Some(soa) = node.rrset(Rtype::SOA).and_then(|rrset| rrset.rdatas().next()) {
            self.soa(&soa);
        }
    }

    fn soa(&mut self, rdata: &[u8]) {
        let at = (self.apex.clone(), Rtype::SOA);
        let Ok(mname) = NameRef::parse(rdata) else { return };
        let rest = &rdata[mname.wire().len()..];
        let Ok(rname) = NameRef::parse(rest) else { return };
        let mut numbers = rest[rname.wire().len()..].chunks_exact(4).map(|chunk| match *chunk {
            [a, b, c, d] => u32::from_be_bytes([a, b, c, d]),
            _ => 0,
        });
        let mut next = || numbers.next().unwrap_or(0);
        let (_, refresh, retry, expire) = (next(), next(), next(), next());
        self.mailbox(rname);
        if self.view.serial() == 0 {
            self.report(
                Finding::note("zone-soa-serial-zero", at.clone(), "the serial is 0".to_owned())
                    .help("0 is an ordinary serial, but some tools take it for \"none\": begin with 1 or a date"),
            );
        }
        if refresh >= expire {
            let message = format!("REFRESH ({refresh} s) is not shorter than EXPIRE ({expire} s)");
            self.report(
                Finding::warning("zone-soa-refresh", at.clone(), message)
                    .help("a secondary would stop serving the zone before it asks whether it has changed"),
            );
        } else if expire < EXPIRE_USUAL_MIN {
            let message = format!("EXPIRE is {expire} s, less than a week");
            self.report(Finding::note("zone-soa-expire", at.clone(), message).help(
                "secondaries stop serving the zone when the primary is away so long; two to four weeks are usual",
            ));
        }
        if retry > refresh {
            let message = format!("RETRY ({retry} s) is longer than REFRESH ({refresh} s)");
            self.report(
                Finding::warning("zone-soa-retry", at.clone(), message)
                    .help("a secondary that failed should try again sooner than usual: a quarter of REFRESH is common"),
            );
        }
        let negative_ttl = self.view.negative_ttl();
        if negative_ttl.0 > NEGATIVE_TTL_USUAL_MAX {
            let message = format!("what does not exist is remembered for {negative_ttl} s");
            self.report(Finding::note("zone-soa-negative-ttl", at, message).help(
                "a name that was asked for before it was added stays missing so long: one hour is usual (RFC 2308 § 5)",
            ));
        }
    }

    fn mailbox(&mut self, rname: NameRef<'_>) {
        let at = (self.apex.clone(), Rtype::SOA);
        let Some(local) = rname.labels().next() else { return };
        let finding = if rname.labels().any(|label| label.contains(&b'@')) {
            let message = format!("the mail address in SOA is written with an @: {rname}");
            Finding::warning("zone-soa-rname-at", at, message)
                .help("write a dot in its place, and a dot at the end: hostmaster.example.com. (RFC 1035 § 8)")
        } else if local.iter().any(|octet| !(0x21..0x7f).contains(octet)) {
            let message = format!("the mail address in SOA has a character that none can have: {rname}");
            Finding::warning("zone-soa-rname", at, message).help("write it as hostmaster.example.com. (RFC 1035 § 8)")
        } else {
            return;
        };
        self.report(finding);
    }
}
