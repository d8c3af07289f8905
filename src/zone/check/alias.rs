//! CNAME and DNAME: alone at their owner, one of a kind, and leading somewhere
//! (RFC 1034 § 3.6.2, RFC 2181 § 10.1, RFC 6672 §§ 2.3 and 2.4).

use crate::wire::{Name, NameRef, Rtype};

use super::findings::Finding;
use super::reach::{Reach, reach};
use super::target::{MISSING_DOT, name_in};
use super::{Checker, Node, View, hostname};

/// The longest chain of aliases that is not remarked upon; resolvers give up between 8 and 16.
const CHAIN_LINKS_MAX: usize = 8;

impl Checker<'_> {
    pub(super) fn aliases(&mut self, node: Node<'_>, owner: &Name) {
        self.cname(node, owner);
        self.dname(node, owner);
    }

    fn cname(&mut self, node: Node<'_>, owner: &Name) {
        let Some(cname) = node.rrset(Rtype::CNAME) else { return };
        let at = (owner.clone(), Rtype::CNAME);
        if let Some(other) = beside_cname(node) {
            let message = format!("{owner} has a CNAME and other data ({other})");
            let help = if node.is_apex() {
                "the apex has SOA and NS and so can't be an alias: give it A and AAAA records, or an HTTPS record"
            } else {
                "an alias stands alone: remove the CNAME, or everything else at this name (RFC 1034 § 3.6.2)"
            };
            self.report(
                Finding::error("zone-cname-and-other-data", at.clone(), message).help(help).saying("the alias").beside(
                    owner,
                    other,
                    "the other data",
                ),
            );
        }
        if cname.len() > 1 {
            let message = format!("{owner} has {} CNAME records", cname.len());
            self.report(
                Finding::error("zone-several-cnames", at, message)
                    .help("a name is an alias of one name only: keep one (RFC 2181 § 10.1)"),
            );
            return;
        }
        self.chain(owner);
    }

    /// Follows the alias `owner` within the zone.
    fn chain(&mut self, owner: &Name) {
        let mut links = vec![owner.clone()];
        let end = loop {
            let Some(last) = links.last() else { return };
            let Some(target) = alias_of(self.view, last.as_ref()) else { break None };
            if let Some(at) = links.iter().position(|link| *link == target) {
                break Some(at);
            }
            links.push(target);
            if links.len() > 4 * CHAIN_LINKS_MAX {
                break None;
            }
        };
        let at = (owner.clone(), Rtype::CNAME);
        match end {
            // Reported once: at the first name of the circle in canonical order.
            Some(0) if links.iter().min() == Some(owner) => {
                let message = match links.as_slice() {
                    [_] => format!("{owner} is an alias of itself"),
                    _ => format!("{owner} is an alias that leads back to itself through {}", names(&links[1..])),
                };
                let mut finding = Finding::error("zone-cname-loop", at, message)
                    .help("nobody can resolve this name: one of these aliases must lead to data");
                for link in &links[1..] {
                    finding = finding.beside(link, Rtype::CNAME, "");
                }
                self.report(finding);
            }
            Some(_) => {}
            None if links.len() - 1 > CHAIN_LINKS_MAX => {
                let message =
                    format!("the chain of aliases that starts at {owner} has more than {CHAIN_LINKS_MAX} links");
                self.report(
                    Finding::warning("zone-cname-chain-long", at, message)
                        .help("resolvers give up on long chains: let the alias name the end of the chain"),
                );
            }
            None if links.len() == 2
                && !hostname::repeats_apex(links[1].as_ref(), self.apex.as_ref())
                && matches!(reach(self.view, links[1].as_ref()), Reach::Missing) =>
            {
                let message = format!("{owner} is an alias of {}, which does not exist", links[1]);
                self.report(Finding::warning("zone-cname-to-missing", at, message).help(MISSING_DOT));
            }
            None => {}
        }
    }

    fn dname(&mut self, node: Node<'_>, owner: &Name) {
        let Some(dname) = node.rrset(Rtype::DNAME) else { return };
        let at = (owner.clone(), Rtype::DNAME);
        if dname.len() > 1 {
            let message = format!("{owner} has {} DNAME records", dname.len());
            self.report(
                Finding::error("zone-several-dnames", at.clone(), message)
                    .help("what is below a name is renamed in one way only: keep one (RFC 6672 § 2.4)"),
            );
        }
        if node.is_cut() {
            let message = format!("{owner} has a DNAME and is delegated");
            self.report(
                Finding::error("zone-dname-and-ns", at.clone(), message)
                    .help("either the child zone holds the DNAME, at its apex, or this name is not delegated (RFC 6672 § 2.3)")
                    .saying("the DNAME")
                    .beside(owner, Rtype::NS, "the delegation"),
            );
        }
        if owner.as_ref().is_wildcard() {
            let message = format!("{owner} is a wildcard with a DNAME");
            self.report(
                Finding::warning("zone-wildcard-dname", at.clone(), message).help(
                    "servers and resolvers do not agree on what that means: write the names out (RFC 4592 § 4.4)",
                ),
            );
        }
        if dname
            .rdatas()
            .filter_map(|rdata| name_in(Rtype::DNAME, &rdata))
            .any(|to| to.as_ref().is_below(owner.as_ref()))
        {
            let message = format!("the DNAME of {owner} renames what is below it to names that are below it too");
            self.report(
                Finding::error("zone-dname-loop", at, message)
                    .help("a resolver would rename again and again until the name is too long: name another target"),
            );
        }
    }
}

/// A type at `node` that may not stand beside a CNAME (RFC 1034 § 3.6.2, RFC 4035 § 2.5). KEY,
/// which RFC 3007 § 3.2.1 and BIND let stand there, Knot and NSD refuse.
pub(super) fn beside_cname(node: Node<'_>) -> Option<Rtype> {
    let beside = |rtype: &Rtype| !matches!(*rtype, Rtype::CNAME | Rtype::RRSIG | Rtype::NSEC);
    node.rrsets().map(|rrset| rrset.rtype()).find(beside)
}

/// What `name` is an alias of, if it is one by a CNAME of its own in this zone.
fn alias_of(view: View<'_>, name: NameRef<'_>) -> Option<Name> {
    let node = view.find(name)?;
    if node.is_occluded() {
        return None;
    }
    let rdata = node.rrset(Rtype::CNAME)?.rdatas().next()?;
    name_in(Rtype::CNAME, &rdata)
}

fn names(names: &[Name]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
