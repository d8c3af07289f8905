//! Records by which services are found and trusted: SRV, SVCB and HTTPS, CAA, TLSA, SMIMEA, SSHFP,
//! OPENPGPKEY, and addresses.

use std::collections::BTreeSet;

use crate::wire::rdata::{self, Field};
use crate::wire::{Name, NameRef, Reader, Rtype};

use super::findings::Finding;
use super::{Checker, Rrset};

/// CAA tags of IANA's registry "Certification Authority Restriction Properties".
const CAA_TAGS: [&[u8]; 7] =
    [b"issue", b"issuewild", b"iodef", b"contactemail", b"contactphone", b"issuevmc", b"issuemail"];
/// CAA flags: issuer critical (RFC 8659 § 4.1).
const CAA_CRITICAL: u8 = 0x80;

/// Digest types of DS (RFC 4034, 4509, 5933, 6605, 9558, 9563); SHA-1 is the first.
const DS_DIGEST_TYPES: [u8; 6] = [1, 2, 3, 4, 5, 6];
const DS_SHA1: u8 = 1;

/// SvcParamKeys (RFC 9460 § 14.3.2).
const SVC_MANDATORY: u16 = 0;
const SVC_ALPN: u16 = 1;
const SVC_NO_DEFAULT_ALPN: u16 = 2;

impl Checker<'_> {
    pub(super) fn services(&mut self, owner: &Name, rrset: Rrset<'_>) {
        match rrset.rtype() {
            Rtype::SRV => self.srv(owner, rrset),
            Rtype::SVCB | Rtype::HTTPS => self.svcb(owner, rrset),
            Rtype::CAA => self.caa(owner, rrset),
            Rtype::NAPTR => self.naptr(owner, rrset),
            Rtype::DS => self.digest_types(owner, rrset),
            Rtype::AAAA => self.mapped(owner, rrset),
            Rtype::TLSA | Rtype::SMIMEA | Rtype::OPENPGPKEY => self.key_owner(owner, rrset),
            _ => {}
        }
        self.digests(owner, rrset);
    }

    fn srv(&mut self, owner: &Name, rrset: Rrset<'_>) {
        let at = (owner.clone(), Rtype::SRV);
        let declined = rrset.rdatas().any(|rdata| rdata.get(6..) == Some(&[0]));
        if declined && rrset.len() > 1 {
            let message = format!("{owner} says that it has no such service (SRV … .), and has other SRV records");
            self.report(
                Finding::warning("zone-srv-null-with-others", at, message)
                    .help("keep either the one with the target . or the others (RFC 2782)"),
            );
        }
        if !has_service_labels(owner.as_ref()) {
            self.odd_owners.push((owner.clone(), Rtype::SRV));
        }
    }

    fn svcb(&mut self, owner: &Name, rrset: Rrset<'_>) {
        let rtype = rrset.rtype();
        let at = (owner.clone(), rtype);
        let mut aliases = 0;
        for rdata in rrset.rdatas() {
            let Some((priority, rest)) = rdata.split_at_checked(2) else { continue };
            let Ok(target) = NameRef::parse(rest) else { continue };
            let params = params(&rest[target.wire().len()..]);
            if priority == [0, 0] {
                aliases += 1;
                self.alias_mode(owner, rtype, target, !params.is_empty());
            } else {
                self.service_mode(owner, rtype, &params);
            }
        }
        if aliases > 0 && aliases < rrset.len() {
            let message = format!("{owner} has {rtype} records in AliasMode (priority 0) and in ServiceMode");
            self.report(
                Finding::warning("zone-svcb-modes", at, message)
                    .help("clients look at the alias only: keep the ones or the others (RFC 9460 § 2.4.1)"),
            );
        } else if aliases > 1 {
            let message = format!("{owner} has {aliases} {rtype} records in AliasMode (priority 0)");
            self.report(
                Finding::warning("zone-svcb-aliases", at, message)
                    .help("clients choose one by chance: keep one (RFC 9460 § 2.4.2)"),
            );
        }
    }

    fn alias_mode(&mut self, owner: &Name, rtype: Rtype, target: NameRef<'_>, has_params: bool) {
        let at = (owner.clone(), rtype);
        if target == owner.as_ref() {
            let message = format!("the {rtype} record of {owner} is an alias of itself");
            self.report(
                Finding::error("zone-svcb-loop", at.clone(), message)
                    .help("use priority 1 and the target . for the owner itself (RFC 9460 § 2.5)"),
            );
        }
        if has_params {
            let message = format!("the {rtype} record of {owner} is in AliasMode (priority 0) and has parameters");
            self.report(
                Finding::warning("zone-svcb-alias-params", at, message)
                    .help("clients ignore them: use priority 1, or leave them out (RFC 9460 § 2.4.2)"),
            );
        }
    }

    fn service_mode(&mut self, owner: &Name, rtype: Rtype, params: &[(u16, Vec<u8>)]) {
        let keys: BTreeSet<u16> = params.iter().map(|(key, _)| *key).collect();
        let mandatory = params.iter().filter(|(key, _)| *key == SVC_MANDATORY).flat_map(|(_, value)| {
            value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect::<Vec<_>>()
        });
        let at = (owner.clone(), rtype);
        for key in mandatory.filter(|key| !keys.contains(key)) {
            let message =
                format!("the {rtype} record of {owner} declares the parameter key{key} mandatory, but has none");
            self.report(
                Finding::error("zone-svcb-mandatory", at.clone(), message)
                    .help("clients discard the whole RRset: add the parameter (RFC 9460 § 8)"),
            );
        }
        if keys.contains(&SVC_NO_DEFAULT_ALPN) && !keys.contains(&SVC_ALPN) {
            let message = format!("the {rtype} record of {owner} has no-default-alpn, but no alpn");
            self.report(
                Finding::warning("zone-svcb-no-alpn", at, message)
                    .help("no protocol is left to speak: add alpn (RFC 9460 § 7.1.1)"),
            );
        }
    }

    fn caa(&mut self, owner: &Name, rrset: Rrset<'_>) {
        let at = (owner.clone(), Rtype::CAA);
        for rdata in rrset.rdatas() {
            let [flags, len, rest @ ..] = rdata.as_slice() else { continue };
            let tag = &rest[..usize::from(*len).min(rest.len())];
            let shown = String::from_utf8_lossy(tag);
            if !tag.iter().all(u8::is_ascii_alphanumeric) {
                let message = format!("the CAA tag {shown:?} of {owner} is not made of letters and digits");
                self.report(
                    Finding::warning("zone-caa-tag", at.clone(), message)
                        .help("common tags are issue, issuewild and iodef"),
                );
            } else if !CAA_TAGS.iter().any(|known| tag.eq_ignore_ascii_case(known)) {
                let message = format!("nobody knows the CAA tag {shown:?} of {owner}");
                let help = if flags & CAA_CRITICAL != 0 {
                    "it is marked critical, so no certificate is issued at all: common tags are issue, issuewild and iodef"
                } else {
                    "it restricts nobody: common tags are issue, issuewild and iodef"
                };
                self.report(Finding::warning("zone-caa-tag-unknown", at.clone(), message).help(help));
            }
            if flags & !CAA_CRITICAL != 0 {
                let message = format!("the CAA record of {owner} has the flags {flags}");
                self.report(
                    Finding::warning("zone-caa-flags", at.clone(), message)
                        .help("only 0 and 128 (critical) have a meaning (RFC 8659 § 4.1)"),
                );
            }
        }
    }

    fn naptr(&mut self, owner: &Name, rrset: Rrset<'_>) {
        let at = (owner.clone(), Rtype::NAPTR);
        for rdata in rrset.rdatas() {
            let mut strings = Vec::new();
            let mut replaces = false;
            // What does not split was refused when the zone was built.
            let _ = rdata::split(Rtype::NAPTR, &rdata, |piece| match piece.field {
                Field::CharacterString => strings.push(piece.bytes.get(1..).unwrap_or_default()),
                Field::Name | Field::CompressibleName => replaces = piece.bytes != [0],
                _ => {}
            });
            let Some(regexp) = strings.get(2).filter(|regexp| !regexp.is_empty()) else { continue };
            if replaces {
                let message = format!("the NAPTR record of {owner} has a regular expression and a replacement");
                self.report(
                    Finding::warning("zone-naptr", at.clone(), message)
                        .help("it is one or the other: end it with . or leave the expression empty (RFC 3403 § 4.1)"),
                );
            }
            if !is_substitution(regexp) {
                let shown = String::from_utf8_lossy(regexp);
                let message = format!("the regular expression of the NAPTR record of {owner} is malformed: {shown}");
                self.report(
                    Finding::warning("zone-naptr", at.clone(), message)
                        .help("it has three delimiters, as in !^.*$!sip:info@example.com! (RFC 3402 § 3.2)"),
                );
            }
        }
    }

    /// DS digest types that validators don't take (RFC 8624 § 3.3, RFC 9905).
    fn digest_types(&mut self, owner: &Name, rrset: Rrset<'_>) {
        let at = (owner.clone(), Rtype::DS);
        let types: Vec<u8> = rrset.rdatas().filter_map(|rdata| rdata.get(3).copied()).collect();
        if let Some(unknown) = types.iter().find(|digest_type| !DS_DIGEST_TYPES.contains(digest_type)) {
            let message = format!("a DS record of {owner} has the digest type {unknown}, which nobody knows");
            self.report(Finding::warning("zone-ds-digest-type", at, message).help("use 2 (SHA-256)"));
        } else if types.iter().all(|digest_type| *digest_type == DS_SHA1) {
            let message = format!("the DS records of {owner} have SHA-1 digests only");
            self.report(
                Finding::warning("zone-ds-digest-type", at, message).help(
                    "validators will take the zone for unsigned: add one of type 2, SHA-256 (RFC 8624, RFC 9905)",
                ),
            );
        }
    }

    fn mapped(&mut self, owner: &Name, rrset: Rrset<'_>) {
        let is_mapped = |rdata: &Vec<u8>| rdata.starts_with(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
        if rrset.rdatas().any(|rdata| is_mapped(&rdata)) {
            let message = format!("{owner} has an IPv4 address written as AAAA (::ffff:…)");
            self.report(
                Finding::warning("zone-aaaa-mapped", (owner.clone(), Rtype::AAAA), message)
                    .help("such an address is never sent over a network: write it as A (RFC 5156 § 2.2)"),
            );
        }
    }

    fn key_owner(&mut self, owner: &Name, rrset: Rrset<'_>) {
        let rtype = rrset.rtype();
        let mut labels = owner.as_ref().labels();
        let (first, second) = (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
        let usual = match rtype {
            Rtype::TLSA => has_service_labels(owner.as_ref()),
            Rtype::SMIMEA => second.eq_ignore_ascii_case(b"_smimecert"),
            _ => second.eq_ignore_ascii_case(b"_openpgpkey"),
        };
        if !usual && first != b"*" {
            self.odd_owners.push((owner.clone(), rtype));
        }
    }

    /// TLSA and the like at a name without underscores are found by an alias only.
    pub(super) fn settle_odd_owners(&mut self) {
        let odd = std::mem::take(&mut self.odd_owners);
        if odd.is_empty() {
            return;
        }
        let aliased = self.all_targets(Rtype::CNAME);
        for (owner, rtype) in odd.into_iter().filter(|(owner, _)| !aliased.contains(owner)) {
            let (usual, rfc) = match rtype {
                Rtype::SRV => ("_service._protocol, as in _sip._tcp", "RFC 2782"),
                Rtype::TLSA => ("_port._protocol, as in _443._tcp", "RFC 6698 § 3"),
                Rtype::SMIMEA => ("the hash of the local part and _smimecert", "RFC 8162 § 3"),
                _ => ("the hash of the local part and _openpgpkey", "RFC 7929 § 3"),
            };
            let message = format!("nobody looks for {rtype} at {owner}");
            let help = format!("the name must begin with {usual} ({rfc})");
            self.report(Finding::warning("zone-service-owner", (owner, rtype), message).help(help));
        }
    }

    /// Checks that digests have the length of their algorithm.
    fn digests(&mut self, owner: &Name, rrset: Rrset<'_>) {
        let rtype = rrset.rtype();
        for rdata in rrset.rdatas_if_digest() {
            let Some((digest, expected)) = digest(rtype, &rdata) else { continue };
            if digest.len() != expected {
                let message = format!("the {rtype} record of {owner} has a digest of {} octets", digest.len());
                self.report(
                    Finding::error("zone-digest-length", (owner.clone(), rtype), message)
                        .help(format!("its algorithm makes {expected} octets, so nothing can match: copy it again")),
                );
            }
        }
    }
}

impl Rrset<'_> {
    /// The data of types that hold a digest.
    fn rdatas_if_digest(self) -> impl Iterator<Item = Vec<u8>> {
        let holds =
            matches!(self.rtype(), Rtype::DS | Rtype::CDS | Rtype::SSHFP | Rtype::TLSA | Rtype::SMIMEA | Rtype::ZONEMD);
        self.rdatas().take(if holds { usize::MAX } else { 0 })
    }
}

/// The digest in `rdata`, and the length it should have.
fn digest(rtype: Rtype, rdata: &[u8]) -> Option<(&[u8], usize)> {
    let (algorithm_at, digest_at) = match rtype {
        Rtype::DS | Rtype::CDS => (3, 4),
        Rtype::SSHFP => (1, 2),
        Rtype::TLSA | Rtype::SMIMEA => (2, 3),
        _ => (5, 6),
    };
    let expected = match (rtype, *rdata.get(algorithm_at)?) {
        (Rtype::DS | Rtype::CDS | Rtype::SSHFP, 1) => 20,
        (Rtype::DS | Rtype::CDS, 2 | 3) | (Rtype::SSHFP, 2) | (Rtype::TLSA | Rtype::SMIMEA, 1) => 32,
        (Rtype::DS | Rtype::CDS, 4) | (Rtype::ZONEMD, 1) => 48,
        (Rtype::TLSA | Rtype::SMIMEA | Rtype::ZONEMD, 2) => 64,
        _ => return None,
    };
    Some((rdata.get(digest_at..)?, expected))
}

/// Whether `name` begins with `_service._protocol`, or a wildcard in place of the first.
fn has_service_labels(name: NameRef<'_>) -> bool {
    let mut labels = name.labels();
    let (first, second) = (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
    (first.starts_with(b"_") && second.starts_with(b"_")) || (first == b"*" && second.starts_with(b"_"))
}

/// Whether `regexp` is a substitution expression (RFC 3402 § 3.2): a delimiter, an expression, the
/// delimiter, a replacement, the delimiter, and perhaps the flag `i`.
fn is_substitution(regexp: &[u8]) -> bool {
    let Some((delimiter, rest)) = regexp.split_first() else { return false };
    let mut delimiters = 0;
    let mut escaped = false;
    let mut flags_at = None;
    for (at, octet) in rest.iter().enumerate() {
        if !escaped && octet == delimiter {
            delimiters += 1;
            flags_at = Some(at + 1);
        }
        escaped = !escaped && *octet == b'\\';
    }
    let flags = flags_at.and_then(|at| rest.get(at..)).unwrap_or(b"?");
    delimiters == 2 && matches!(flags, b"" | b"i")
}

/// Service parameters, as key and value.
fn params(bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut reader = Reader::new(bytes);
    let mut params = Vec::new();
    while let (Ok(key), Ok(len)) = (reader.u16(), reader.u16()) {
        let Ok(value) = reader.take(usize::from(len)) else { break };
        params.push((key, value.to_vec()));
    }
    params
}
