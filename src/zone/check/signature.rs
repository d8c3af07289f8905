//! Keys and signatures of a zone that comes signed (RFC 4034 §§ 2 and 3, RFC 4035 § 2.2).
//!
//! A signature is checked for everything but the cryptography: its key, its times, its fields. An
//! RRset is well while one of its signatures is; the others then only earn a warning, and one by a
//! key that is not published earns nothing (RFC 6781 § 4.1.4 publishes signatures before keys).

use crate::wire::{Name, NameRef, Rtype};

use super::findings::Finding;
use super::{Checker, Node, Rrset};

/// DNSKEY flags (RFC 4034 § 2.1.1, RFC 5011 § 3).
const ZONE_KEY: u16 = 0x0100;
const REVOKED: u16 = 0x0080;
/// The only value of DNSKEY's protocol field (RFC 4034 § 2.1.2).
const PROTOCOL: u8 = 3;
/// Signatures that expire within this many seconds are remarked upon: a weekend and a holiday.
const EXPIRES_SOON: i32 = 3 * 86_400;
/// Algorithms that must or should not sign any more (RFC 8624 § 3.1, RFC 9905).
const DEPRECATED: [u8; 6] = [1, 3, 5, 6, 7, 12];

/// A DNSKEY record.
pub(super) struct Key {
    pub(super) rdata: Vec<u8>,
    pub(super) tag: u16,
}

impl Key {
    pub(super) fn new(rdata: Vec<u8>) -> Key {
        let tag = key_tag(&rdata);
        Key { rdata, tag }
    }

    pub(super) fn algorithm(&self) -> u8 {
        self.rdata.get(3).copied().unwrap_or(0)
    }

    fn flags(&self) -> u16 {
        self.rdata.first_chunk().map_or(0, |&flags| u16::from_be_bytes(flags))
    }

    fn protocol(&self) -> u8 {
        self.rdata.get(2).copied().unwrap_or(0)
    }

    fn signs(&self) -> bool {
        self.flags() & ZONE_KEY != 0 && self.protocol() == PROTOCOL
    }
}

/// RFC 4034 Appendix B; the tag of an RSAMD5 key (B.1) is not computed, nobody has one.
fn key_tag(rdata: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for (at, &octet) in rdata.iter().enumerate() {
        sum = sum.wrapping_add(if at % 2 == 0 { u32::from(octet) << 8 } else { u32::from(octet) });
    }
    ((sum + (sum >> 16)) & 0xffff) as u16
}

/// The fixed fields of an RRSIG record (RFC 4034 § 3.1).
struct Signature {
    algorithm: u8,
    labels: u8,
    original_ttl: u32,
    expiration: u32,
    inception: u32,
    tag: u16,
    signer: Name,
    length: usize,
}

impl Signature {
    fn read(rdata: &[u8]) -> Option<Signature> {
        let fixed: &[u8; 18] = rdata.first_chunk()?;
        let number = |at: usize| u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let signer = NameRef::parse(&rdata[18..]).ok()?;
        Some(Signature {
            algorithm: fixed[2],
            labels: fixed[3],
            original_ttl: number(4),
            expiration: number(8),
            inception: number(12),
            tag: u16::from_be_bytes([fixed[16], fixed[17]]),
            signer: signer.to_owned(),
            length: rdata.len() - 18 - signer.wire().len(),
        })
    }

    /// How many octets a signature of this algorithm has, where that is fixed.
    fn length_expected(&self) -> Option<usize> {
        match self.algorithm {
            13 | 15 => Some(64),
            14 => Some(96),
            16 => Some(114),
            _ => None,
        }
    }
}

/// What is wrong with a signature.
struct Fault {
    code: &'static str,
    what: String,
    help: &'static str,
    /// Whether it is worth a warning although another signature is good.
    tell_anyway: bool,
}

impl Checker<'_> {
    /// The checks of a zone that comes signed, or that has records which only such a zone has.
    pub(super) fn dnssec(&mut self) {
        let Some(apex) = self.view.find(self.apex.as_ref()) else { return };
        let keys: Vec<Key> = apex.rrset(Rtype::DNSKEY).into_iter().flat_map(Rrset::rdatas).map(Key::new).collect();
        self.keys(&keys);
        self.parent(&keys);
        let is_signed = !keys.is_empty() && apex.rrsets().any(|rrset| rrset.rtype() == Rtype::RRSIG);
        if !is_signed {
            self.unsigned(&keys);
            return;
        }
        for node in self.view.nodes().filter(|node| !node.is_empty_non_terminal()) {
            self.signatures(node, &keys);
        }
        self.algorithms(apex, &keys);
        self.denial();
    }

    fn unsigned(&mut self, keys: &[Key]) {
        if !keys.is_empty() {
            let message = format!("{} has DNSKEY records, but no signature", self.apex);
            self.report(
                Finding::warning("zone-dnskey-unsigned", (self.apex.clone(), Rtype::DNSKEY), message)
                    .help("sign the zone, or remove the keys; with a DS at the parent the zone can't be validated"),
            );
        }
        for node in self.view.nodes() {
            let of_signer =
                |rtype: Rtype| matches!(rtype, Rtype::RRSIG | Rtype::NSEC | Rtype::NSEC3 | Rtype::NSEC3PARAM);
            let Some(rtype) = node.rrsets().map(Rrset::rtype).find(|&rtype| of_signer(rtype)) else { continue };
            let owner = node.name();
            let message = format!("{owner} has {rtype} records, but the zone is not signed");
            self.report(
                Finding::warning("zone-signature-without-key", (owner, rtype), message)
                    .help("they are left over from a signed zone, or its DNSKEY records are missing"),
            );
        }
    }

    fn keys(&mut self, keys: &[Key]) {
        let at = (self.apex.clone(), Rtype::DNSKEY);
        for key in keys {
            let tag = key.tag;
            if key.protocol() != PROTOCOL {
                let message = format!("the DNSKEY {tag} has the protocol {}", key.protocol());
                self.report(
                    Finding::error("zone-dnskey", at.clone(), message)
                        .help("it is always 3; validators do not use this key (RFC 4034 § 2.1.2)"),
                );
            } else if key.flags() & ZONE_KEY == 0 {
                let message = format!("the DNSKEY {tag} has the flags {}, so it is no zone key", key.flags());
                self.report(
                    Finding::error("zone-dnskey", at.clone(), message)
                        .help("flags are 256 for a zone signing key, 257 for a key signing key (RFC 4034 § 2.1.1)"),
                );
            }
            if DEPRECATED.contains(&key.algorithm()) {
                let message = format!("the DNSKEY {tag} is of the algorithm {}, which is deprecated", key.algorithm());
                self.report(
                    Finding::warning("zone-algorithm-deprecated", at.clone(), message)
                        .help("validators take the zone for unsigned: move to algorithm 13 (RFC 8624, RFC 9905)"),
                );
            }
        }
    }

    /// RFC 4035 § 2.2: the DNSKEY records are signed with every algorithm among them; RFC 5011
    /// § 2.1: and by every key that is revoked.
    fn algorithms(&mut self, apex: Node<'_>, keys: &[Key]) {
        let mut algorithms: Vec<u8> = keys.iter().filter(|key| key.signs()).map(Key::algorithm).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        let signatures = apex.rrsig(Rtype::DNSKEY).into_iter().flat_map(Rrset::rdatas);
        let signed_by: Vec<(u8, u16)> =
            signatures.filter_map(|rdata| Signature::read(&rdata)).map(|it| (it.algorithm, it.tag)).collect();
        if signed_by.is_empty() {
            return;
        }
        for algorithm in algorithms.into_iter().filter(|&algorithm| signed_by.iter().all(|&(by, _)| by != algorithm)) {
            let message = format!("there is a DNSKEY of algorithm {algorithm}, but no signature of DNSKEY by it");
            self.report(
                Finding::warning("zone-algorithm-does-not-sign", (self.apex.clone(), Rtype::DNSKEY), message)
                    .help("sign with every algorithm whose key is published (RFC 4035 § 2.2)"),
            );
        }
        let revoked = keys.iter().filter(|key| key.flags() & REVOKED != 0);
        for key in revoked.filter(|key| !signed_by.contains(&(key.algorithm(), key.tag))) {
            let message = format!("the DNSKEY {} is revoked, but does not sign the DNSKEY records", key.tag);
            self.report(
                Finding::warning("zone-dnskey-revoked", (self.apex.clone(), Rtype::DNSKEY), message)
                    .help("only a revocation that the key itself signs is believed (RFC 5011 § 2.1)"),
            );
        }
    }

    /// Checks every RRset of `node`, and that nothing is signed that must not be.
    fn signatures(&mut self, node: Node<'_>, keys: &[Key]) {
        let owner = node.name();
        for rrset in node.rrsets() {
            match rrset.covered() {
                None if is_signed_by_zone(node, rrset.rtype()) => self.rrset_signatures(node, &owner, rrset, keys),
                None => {}
                Some(covered) if node.rrset(covered).is_none() => {
                    let message = format!("{owner} has a signature of {covered}, but no {covered} records");
                    self.report(
                        Finding::warning("zone-rrsig-of-nothing", (owner.clone(), covered), message)
                            .help("sign the zone again"),
                    );
                }
                Some(covered) if !is_signed_by_zone(node, covered) => {
                    let message =
                        format!("{owner} has a signature of {covered}, which this zone has no authority over");
                    self.report(
                        Finding::warning("zone-rrsig-not-authoritative", (owner.clone(), covered), message)
                            .help("glue and the NS records of delegations are not signed (RFC 4035 § 2.2)"),
                    );
                }
                Some(_) => {}
            }
        }
    }

    /// Checks the signatures of `rrset`. What is shown is the RRset: of an owner's RRSIG records a
    /// file's reader tells only the first.
    fn rrset_signatures(&mut self, node: Node<'_>, owner: &Name, rrset: Rrset<'_>, keys: &[Key]) {
        let rtype = rrset.rtype();
        let at = (owner.clone(), rtype);
        let Some(rrsig) = node.rrsig(rtype) else {
            let message = format!("{owner} {rtype} has no signature");
            self.report(
                Finding::error("zone-rrsig-missing", at, message)
                    .help("validators take it for forged: sign the zone again after every change"),
            );
            return;
        };
        if rrsig.ttl() != rrset.ttl() {
            let message =
                format!("the signature of {owner} {rtype} has the TTL {}, the records {}", rrsig.ttl(), rrset.ttl());
            self.report(
                Finding::warning("zone-rrsig-ttl", at.clone(), message).help("the two must be the same (RFC 4034 § 3)"),
            );
        }
        let mut faults = Vec::new();
        let mut good_until: Option<i32> = None;
        for signature in rrsig.rdatas().filter_map(|rdata| Signature::read(&rdata)) {
            match self.fault_of(owner, rrset, &signature, keys) {
                Some(fault) => faults.push(fault),
                None => good_until = good_until.max(Some(self.until(signature.expiration))),
            }
        }
        for Fault { code, what, help, tell_anyway } in faults {
            let message = format!("the signature of {owner} {rtype} {what}");
            if good_until.is_none() {
                self.report(Finding::error(code, at.clone(), message).help(help));
            } else if tell_anyway {
                self.report(Finding::warning(code, at.clone(), message).help(help));
            }
        }
        if let Some(seconds) = good_until.filter(|&seconds| seconds < EXPIRES_SOON) {
            let message = format!("the signature of {owner} {rtype} expires in {} h", seconds / 3600);
            self.report(
                Finding::warning("zone-rrsig-expires-soon", at, message)
                    .help("sign the zone again in time: caches keep signatures as long as their TTL"),
            );
        }
    }

    fn fault_of(&self, owner: &Name, rrset: Rrset<'_>, signature: &Signature, keys: &[Key]) -> Option<Fault> {
        let fault = |code, what: String, help, tell_anyway| Some(Fault { code, what, help, tell_anyway });
        let owner_labels = owner.as_ref().label_count() - usize::from(owner.as_ref().is_wildcard());
        let lifetime = signature.expiration.wrapping_sub(signature.inception) as i32;
        let again = "sign the zone again";
        if signature.signer != self.apex {
            let what = format!("names {} as its signer, not the zone", signature.signer);
            fault("zone-rrsig-signer", what, "it must be the apex (RFC 4034 § 3.1.7)", true)
        } else if usize::from(signature.labels) != owner_labels {
            let what = format!("has {} in its labels field, not {owner_labels}", signature.labels);
            fault("zone-rrsig-labels", what, "it is of another name (RFC 4034 § 3.1.3)", true)
        } else if signature.original_ttl < rrset.ttl().0 {
            let what = format!("is for a TTL of {} at most, the records have {}", signature.original_ttl, rrset.ttl());
            fault("zone-rrsig-original-ttl", what, "lower the TTL, or sign again (RFC 4035 § 5.3.3)", true)
        } else if signature.length_expected().is_some_and(|length| length != signature.length) {
            let what = format!("has {} octets, which its algorithm never makes", signature.length);
            fault("zone-rrsig-length", what, again, true)
        } else if lifetime <= 0 {
            fault("zone-rrsig-times", "ends before it begins".to_owned(), again, true)
        } else if self.until(signature.expiration) < 0 {
            let what = format!("expired {} ago", length(self.until(signature.expiration)));
            fault("zone-rrsig-expired", what, "validators refuse it: sign the zone again", true)
        } else if self.until(signature.inception) > 0 {
            let what = format!("is not valid for another {}", length(self.until(signature.inception)));
            fault("zone-rrsig-not-yet-valid", what, "look at the clock of the machine that signs", true)
        } else if !keys
            .iter()
            .any(|key| key.signs() && key.tag == signature.tag && key.algorithm() == signature.algorithm)
        {
            let what = format!(
                "is by the key {} of algorithm {}, which is not in the zone",
                signature.tag, signature.algorithm
            );
            fault("zone-rrsig-unknown-key", what, "add the key, or sign with one that is there", false)
        } else if rrset.rtype() != Rtype::DNSKEY
            && !keys.iter().any(|key| key.tag == signature.tag && key.flags() & REVOKED == 0)
        {
            let what = format!("is by the key {}, which is revoked", signature.tag);
            fault("zone-rrsig-revoked-key", what, "sign with another key (RFC 5011 § 2.1)", false)
        } else {
            None
        }
    }

    /// Seconds from now until the instant `at` of an RRSIG (RFC 4034 § 3.1.5: serial arithmetic).
    fn until(&self, at: u32) -> i32 {
        at.wrapping_sub(self.now.unix_seconds() as u32) as i32
    }
}

/// Whether the zone signs `rtype` at `node` (RFC 4035 § 2.2).
fn is_signed_by_zone(node: Node<'_>, rtype: Rtype) -> bool {
    !node.is_occluded() && (!node.is_cut() || matches!(rtype, Rtype::DS | Rtype::NSEC))
}

fn length(seconds: i32) -> String {
    match seconds.unsigned_abs() {
        seconds if seconds >= 2 * 86_400 => format!("{} days", seconds / 86_400),
        seconds if seconds >= 2 * 3600 => format!("{} h", seconds / 3600),
        seconds => format!("{} min", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4034_5_4_key_tag_of_the_example() {
        let key = "AQOeiiR0GOMYkDshWoSKz9XzfwJr1AYtsmx3TGkJaNXVbfi/2pHm822aJ5iI9BMzNXxeYCmZDRD99WYwYqUSdjMm\
                   mAphXdvxegXd/M5+X7OrzKBaMbCVdFLUUh6DhweJBjEVv5f2wwjM9XzcnOf+EPbtG9DMBmADjFDc2w/rljwvFw==";
        let mut rdata = vec![1, 0, 3, 5];
        rdata.extend(data_encoding::BASE64.decode(key.as_bytes()).unwrap());
        assert_eq!(key_tag(&rdata), 60485);
    }
}
