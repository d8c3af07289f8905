//! What can be said of an owner and its RRsets without looking elsewhere: how the name is written,
//! which types may stand there, TTLs, sizes.

use crate::wire::name::NAME_LEN_MAX;
use crate::wire::{HEADER_LEN, Name, Rtype};

use super::findings::Finding;
use super::{Checker, Node, Rrset, hostname};

/// The largest message there is (RFC 1035 § 4.2.2).
const MESSAGE_LEN_MAX: usize = 65_535;
/// What a record takes beside its RDATA, its owner being a pointer to the question.
const RECORD_OVERHEAD: usize = 12;
/// What a question takes beside its name.
const QUESTION_OVERHEAD: usize = 4;
/// The longest TTL that is not remarked upon: a week, as long as BIND's resolver keeps anything.
const TTL_USUAL_MAX: u32 = 604_800;

impl Checker<'_> {
    /// Checks the name of `node` and which types stand there.
    pub(super) fn owner(&mut self, node: Node<'_>, owner: &Name) {
        let Some(first) = node.rrsets().next() else { return };
        let name = owner.as_ref();
        let at = (owner.clone(), first.rtype());
        if name.labels().skip(1).any(|label| label == b"*") {
            let message = format!("{owner} has a * that is not its first label");
            self.report(Finding::warning("zone-wildcard-inside", at, message).help(
                "only a first label * is a wildcard for others; this name is matched as it is written (RFC 4592)",
            ));
        }
        self.host_owner(node, owner);
        for rrset in node.rrsets() {
            self.place_of_type(node, owner, rrset.rtype());
        }
    }

    fn host_owner(&mut self, node: Node<'_>, owner: &Name) {
        let of_host = [Rtype::A, Rtype::AAAA, Rtype::MX].into_iter().find(|&rtype| node.rrset(rtype).is_some());
        let Some(rtype) = of_host else { return };
        let at = (owner.clone(), rtype);
        let name = owner.as_ref();
        // The host part only: that the zone itself bears such a name is no fault in it.
        let below_apex = name.label_count().saturating_sub(self.apex.as_ref().label_count());
        let host_part = name
            .labels()
            .take(below_apex)
            .enumerate()
            .all(|(index, label)| (index == 0 && label == b"*") || hostname::is_host_label(label));
        // Active Directory looks for its global catalog at gc._msdcs; BIND lets that pass too.
        let active_directory = name.labels().take(2).eq([b"gc".as_slice(), b"_msdcs".as_slice()]);
        let inside_wildcard = name.labels().skip(1).any(|label| label == b"*");
        if !host_part && !active_directory && !inside_wildcard {
            let message = format!("{owner} has {rtype} records, but is not a host name");
            self.report(Finding::warning("zone-owner-not-hostname", at.clone(), message).help(hostname::RULE));
        }
        let spelled = hostname::ipv4_in(name, self.apex.as_ref());
        let own =
            |address: [u8; 4]| node.rrset(Rtype::A).is_some_and(|rrset| rrset.rdatas().any(|rdata| rdata == address));
        if spelled.is_some_and(own) {
            let message = format!("{owner} is an address written as a name");
            self.report(
                Finding::warning("zone-owner-is-address", at, message)
                    .help("the name comes first, then the type and the address: www A 192.0.2.1"),
            );
        }
    }

    /// Checks whether `rtype` may stand at `owner`.
    fn place_of_type(&mut self, node: Node<'_>, owner: &Name, rtype: Rtype) {
        let at = (owner.clone(), rtype);
        let apex_only = matches!(
            rtype,
            Rtype::DNSKEY | Rtype::CDS | Rtype::CDNSKEY | Rtype::NSEC3PARAM | Rtype::CSYNC | Rtype::ZONEMD
        );
        if apex_only && !node.is_apex() {
            let message = format!("{owner} has a {rtype} record, which is read at the apex of a zone only");
            let help = format!("write it at {}, or in the zone that begins at {owner}", self.apex);
            self.report(Finding::warning("zone-not-at-apex", at.clone(), message).help(help));
        }
        if rtype == Rtype::DS && node.is_apex() {
            let message = format!("{owner} has a DS record, but is the apex");
            self.report(
                Finding::warning("zone-ds-at-apex", at.clone(), message)
                    .help("DS belongs into the parent's zone: hand it to your registrar (RFC 4035 § 2.4)"),
            );
        } else if rtype == Rtype::DS && !node.is_cut() {
            let message = format!("{owner} has a DS record, but is not delegated");
            self.report(
                Finding::warning("zone-ds-without-ns", at.clone(), message)
                    .help("add the NS records of the delegation, or remove the DS (RFC 4035 § 2.4)"),
            );
        }
        let obsolete = matches!(
            rtype,
            Rtype::MD
                | Rtype::MF
                | Rtype::MB
                | Rtype::MG
                | Rtype::MR
                | Rtype::MINFO
                | Rtype::NULL
                | Rtype::WKS
                | Rtype::NXT
                | Rtype::A6
        );
        if obsolete {
            let message = format!("{owner} has a {rtype} record; the type is obsolete");
            self.report(
                Finding::warning("zone-obsolete-type", at, message)
                    .help("nothing asks for it, and other servers may refuse the zone: remove it"),
            );
        }
    }

    /// Checks the TTL and the size of `rrset`.
    pub(super) fn rrset(&mut self, owner: &Name, rrset: Rrset<'_>) {
        let rtype = rrset.rtype();
        if rtype == Rtype::RRSIG {
            return;
        }
        let at = (owner.clone(), rtype);
        let ttl = rrset.ttl();
        // NSEC3PARAM is read by servers, not kept by caches; signers give it a TTL of 0.
        if ttl.0 == 0 && rtype != Rtype::NSEC3PARAM {
            let message = format!("the TTL of {owner} {rtype} is 0, so it is asked for again and again");
            self.report(
                Finding::note("zone-ttl-zero", at.clone(), message).help("30 or 60 seconds are as good as none"),
            );
        } else if ttl.0 > TTL_USUAL_MAX {
            let message = format!("the TTL of {owner} {rtype} is {ttl} s, more than a week");
            self.report(
                Finding::note("zone-ttl-long", at.clone(), message)
                    .help("most resolvers keep nothing so long, but those that do will hold on to old data"),
            );
        }
        if rrset.len() < 2 {
            return;
        }
        let mut size = HEADER_LEN + owner.wire().len() + QUESTION_OVERHEAD;
        size += rrset.rdatas().map(|rdata| RECORD_OVERHEAD + rdata.len()).sum::<usize>();
        if size > MESSAGE_LEN_MAX {
            let message =
                format!("{owner} has {} {rtype} records, {size} octets, which fit in no message", rrset.len());
            self.report(
                Finding::error("zone-rrset-too-large", at.clone(), message)
                    .help(format!("an answer has {MESSAGE_LEN_MAX} octets at most, even over TCP: remove records")),
            );
        }
    }
}

/// Whether `rrset` may fit in no message. Quick, and never wrong where it says no.
pub(super) fn may_be_too_large(rrset: Rrset<'_>) -> bool {
    rrset.len() > 1 && rrset.size_max() + HEADER_LEN + NAME_LEN_MAX + QUESTION_OVERHEAD > MESSAGE_LEN_MAX
}
