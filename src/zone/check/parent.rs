//! What the parent reads from this zone: CDS and CDNSKEY (RFC 7344, RFC 8078), and ZONEMD's serial,
//! which whoever copies the zone reads (RFC 8976).

use crate::wire::Rtype;

use super::Checker;
use super::findings::Finding;
use super::signature::Key;

/// "Remove the DS records", as a CDS and as a CDNSKEY (RFC 8078 § 4).
const CDS_DELETE: [u8; 5] = [0, 0, 0, 0, 0];
const CDNSKEY_DELETE: [u8; 5] = [0, 0, 3, 0, 0];

impl Checker<'_> {
    pub(super) fn parent(&mut self, keys: &[Key]) {
        let Some(node) = self.view.find(self.apex.as_ref()) else { return };
        let rdatas = |rtype| node.rrset(rtype).map(|rrset| rrset.rdatas().collect::<Vec<_>>()).unwrap_or_default();
        let (cds, cdnskey) = (rdatas(Rtype::CDS), rdatas(Rtype::CDNSKEY));
        for (rtype, all, delete) in [(Rtype::CDS, &cds, &CDS_DELETE), (Rtype::CDNSKEY, &cdnskey, &CDNSKEY_DELETE)] {
            if all.len() > 1 && all.iter().any(|rdata| rdata == delete) {
                let message = format!("{} has a {rtype} record that asks to remove DS, and others", self.apex);
                self.report(
                    Finding::error("zone-cds-delete-with-others", (self.apex.clone(), rtype), message)
                        .help("the request to remove stands alone (RFC 8078 § 4): keep it or the others"),
                );
                return;
            }
        }
        let wanted: Vec<_> = cds.iter().filter(|rdata| **rdata != CDS_DELETE).collect();
        let offered: Vec<_> = cdnskey.iter().filter(|rdata| **rdata != CDNSKEY_DELETE).cloned().map(Key::new).collect();
        for rdata in &wanted {
            let Some((tag, algorithm)) = tag_and_algorithm(rdata) else { continue };
            let names = |key: &&Key| key.tag == tag && key.algorithm() == algorithm;
            if !keys.iter().any(|key| names(&key)) {
                self.unmatched(Rtype::CDS, tag);
            } else if !offered.is_empty() && !offered.iter().any(|key| names(&key)) {
                self.disagree(Rtype::CDS, tag, Rtype::CDNSKEY);
            }
        }
        for key in &offered {
            if !keys.iter().any(|own| own.rdata == key.rdata) {
                self.unmatched(Rtype::CDNSKEY, key.tag);
            } else if !wanted.is_empty()
                && !wanted.iter().any(|rdata| tag_and_algorithm(rdata) == Some((key.tag, key.algorithm())))
            {
                self.disagree(Rtype::CDNSKEY, key.tag, Rtype::CDS);
            }
        }
        self.zonemd();
    }

    fn unmatched(&mut self, rtype: Rtype, tag: u16) {
        let message = format!("the {rtype} record of key {tag} matches no DNSKEY of the zone");
        self.report(
            Finding::error("zone-cds-without-dnskey", (self.apex.clone(), rtype), message).help(
                "a parent that obeyed it would break the zone: add the key, or remove the record (RFC 7344 § 4.1)",
            ),
        );
    }

    fn disagree(&mut self, rtype: Rtype, tag: u16, other: Rtype) {
        let message = format!("the {rtype} record of key {tag} has no {other} record beside it");
        self.report(
            Finding::error("zone-cds-differs-from-cdnskey", (self.apex.clone(), rtype), message)
                .help("where both are published they must say the same (RFC 7344 § 4)")
                .beside(&self.apex.clone(), other, ""),
        );
    }

    fn zonemd(&mut self) {
        let Some(zonemd) = self.view.find(self.apex.as_ref()).and_then(|node| node.rrset(Rtype::ZONEMD)) else {
            return;
        };
        let serial = self.view.serial();
        for rdata in zonemd.rdatas() {
            let Some(&[a, b, c, d]) = rdata.get(..4) else { continue };
            let of = u32::from_be_bytes([a, b, c, d]);
            if of != serial {
                let message = format!("the ZONEMD record is of serial {of}, the zone has {serial}");
                self.report(
                    Finding::warning("zone-zonemd-serial", (self.apex.clone(), Rtype::ZONEMD), message)
                        .help("it verifies nothing: compute it again, or remove it (RFC 8976 § 4)"),
                );
            }
        }
    }
}

/// The key tag and algorithm of a DS or CDS record.
fn tag_and_algorithm(rdata: &[u8]) -> Option<(u16, u8)> {
    match *rdata {
        [high, low, algorithm, ..] => Some((u16::from_be_bytes([high, low]), algorithm)),
        _ => None,
    }
}
