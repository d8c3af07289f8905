//! Zone cuts: the addresses a referral needs (RFC 9471), and data that nobody can see.

use crate::wire::{Name, NameRef, Rtype};

use super::findings::Finding;
use super::hostname;
use super::reach::{Reach, has_address, occluder, reach};
use super::target::{MISSING_DOT, name_in};
use super::{Checker, Node};

impl Checker<'_> {
    /// Checks the delegation at `node`.
    pub(super) fn cut(&mut self, node: Node<'_>, owner: &Name) {
        let Some(servers) = node.rrset(Rtype::NS) else { return };
        let at = (owner.clone(), Rtype::NS);
        if owner.as_ref().is_wildcard() {
            let message = format!("{owner} is a wildcard with NS records");
            self.report(
                Finding::warning("zone-wildcard-ns", at.clone(), message)
                    .help("servers do not agree on what that means: delegate each name by itself (RFC 4592 § 4.2)"),
            );
        }
        let mut is_own_server = false;
        for rdata in servers.rdatas() {
            let Some(server) = name_in(Rtype::NS, &rdata) else { continue };
            is_own_server |= server == *owner;
            self.name_server(owner, &server);
        }
        let belongs_here = |rtype: Rtype| {
            matches!(rtype, Rtype::NS | Rtype::DS | Rtype::RRSIG | Rtype::NSEC | Rtype::CNAME | Rtype::DNAME)
        };
        for rrset in node.rrsets().filter(|rrset| !belongs_here(rrset.rtype())) {
            let rtype = rrset.rtype();
            if matches!(rtype, Rtype::A | Rtype::AAAA) {
                if !is_own_server && self.doubtful_glue.last() != Some(owner) {
                    self.doubtful_glue.push(owner.clone());
                }
                continue;
            }
            let message = format!("{owner} is delegated, so its {rtype} records are not served");
            self.report(
                Finding::warning("zone-data-at-cut", (owner.clone(), rtype), message)
                    .help("they belong into the zone it is delegated to")
                    .beside(owner, Rtype::NS, "the delegation"),
            );
        }
    }

    /// Checks one name server of the delegation `cut`.
    fn name_server(&mut self, cut: &Name, server: &Name) {
        let at = (cut.clone(), Rtype::NS);
        if server.as_ref().is_at_or_below(cut.as_ref()) {
            if !self.view.find(server.as_ref()).is_some_and(has_address) {
                let message = format!("the delegation of {cut} has no address for its name server {server}");
                self.report(
                    Finding::error("zone-glue-missing", at, message)
                        .help(format!("nobody can ask {server} where it is: add its A or AAAA record here, as glue")),
                );
            }
            return;
        }
        if hostname::looks_like_address(server.as_ref(), self.apex.as_ref()) {
            return;
        }
        let finding = match reach(self.view, server.as_ref()) {
            Reach::Missing => {
                let message = format!("the delegation of {cut} names {server}, which does not exist");
                Finding::warning("zone-target-missing", at, message).help(MISSING_DOT)
            }
            Reach::NoAddress => {
                let message = format!("the delegation of {cut} names {server}, which has no address");
                Finding::warning("zone-target-without-address", at, message).help("give it an A or AAAA record")
            }
            Reach::Alias => {
                let message = format!("the delegation of {cut} names {server}, which is an alias");
                Finding::warning("zone-target-is-alias", at, message)
                    .help("name the host itself: a name server may not be a CNAME (RFC 2181 § 10.3)")
                    .beside(server, Rtype::CNAME, "the alias")
            }
            Reach::Renamed { owner } => {
                let message = format!("the delegation of {cut} names {server}, which the DNAME of {owner} renames");
                Finding::warning("zone-target-is-alias", at, message)
                    .help("name the host itself: a name server may not be an alias (RFC 2181 § 10.3)")
                    .beside(&owner, Rtype::DNAME, "the DNAME")
            }
            Reach::Delegated { cut: sibling, glue: false } => {
                let message = format!("the delegation of {cut} names {server}, without an address here");
                Finding::warning("zone-glue-missing-sibling", at, message)
                    .help(format!("the name is delegated with {sibling}: give its address here too, as glue"))
                    .beside(&sibling, Rtype::NS, "the delegation")
            }
            Reach::Delegated { glue: true, .. } | Reach::Outside | Reach::Addressed => return,
        };
        self.report(finding);
    }

    /// Checks a node below a zone cut or a DNAME.
    pub(super) fn occluded(&mut self, node: Node<'_>, owner: &Name) {
        let Some(above) = occluder(self.view, owner.as_ref()) else { return };
        let above_name = above.name();
        if !above.is_cut() {
            let Some(rtype) = node.rrsets().map(|rrset| rrset.rtype()).find(|rtype| *rtype != Rtype::RRSIG) else {
                return;
            };
            let what = if node.rrset(Rtype::NS).is_some() { "is delegated below" } else { "is below" };
            let message = format!("{owner} {what} the DNAME of {above_name}");
            self.report(
                Finding::error("zone-below-dname", (owner.clone(), rtype), message)
                    .help("everything below a DNAME is renamed, so this can't be served: remove one of the two (RFC 6672 § 2.4)")
                    .beside(&above_name, Rtype::DNAME, "the DNAME"),
            );
            return;
        }
        for rrset in node.rrsets() {
            let rtype = rrset.rtype();
            match rtype {
                Rtype::A | Rtype::AAAA => {
                    if self.doubtful_glue.last() != Some(owner) && !serves(above, owner) {
                        self.doubtful_glue.push(owner.clone());
                    }
                }
                // The checks of DNSSEC speak of these.
                Rtype::RRSIG | Rtype::NSEC => {}
                _ => {
                    let message = match rtype {
                        Rtype::NS => format!("{owner} is delegated here, but {above_name} above it already is"),
                        _ => format!(
                            "{owner} is below the delegation of {above_name}, so its {rtype} records are not served"
                        ),
                    };
                    self.report(
                        Finding::warning("zone-occluded", (owner.clone(), rtype), message)
                            .help(format!("they belong into the zone {above_name}"))
                            .beside(&above_name, Rtype::NS, "the delegation"),
                    );
                }
            }
        }
    }

    /// Addresses at or below a cut must be glue, of this cut or of another.
    pub(super) fn settle_doubtful_glue(&mut self) {
        let doubtful = std::mem::take(&mut self.doubtful_glue);
        if doubtful.is_empty() {
            return;
        }
        let servers = self.all_targets(Rtype::NS);
        for owner in doubtful {
            if servers.contains(&owner) {
                continue;
            }
            let Some(node) = self.view.find(owner.as_ref()) else { continue };
            let rtype = if node.rrset(Rtype::A).is_some() { Rtype::A } else { Rtype::AAAA };
            let cut = if node.is_occluded() {
                occluder(self.view, owner.as_ref()).map_or(owner.clone(), Node::name)
            } else {
                owner.clone()
            };
            let message = format!("{owner} has an address, but no name server of a delegation bears this name");
            self.report(
                Finding::warning("zone-glue-unused", (owner.clone(), rtype), message)
                    .help(format!("it is not served: it belongs into the zone {cut}"))
                    .beside(&cut, Rtype::NS, "the delegation"),
            );
        }
    }
}

/// Whether `host` is a name server of the delegation `cut`.
fn serves(cut: Node<'_>, host: &Name) -> bool {
    let is_host = |rdata: Vec<u8>| NameRef::parse(&rdata).is_ok_and(|server| server == host.as_ref());
    cut.rrset(Rtype::NS).is_some_and(|servers| servers.rdatas().any(is_host))
}
