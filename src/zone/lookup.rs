//! Finding what a zone has for a name (RFC 1034 § 4.3.2, step 3, as RFC 4592 § 3.3.1 and RFC 6672
//! § 3.2 read it).
//!
//! The walk goes from the name towards the apex and ends at the first node there is, the closest
//! encloser. What stands above that node was decided when the zone was built: each node knows
//! whether it is below a cut or a DNAME.

use super::hash::Suffixes;
use super::{Node, View};

/// What a zone has for a name. `skipped` counts the labels of the name that are left of a node's.
#[derive(Clone, Copy)]
pub enum Lookup<'a> {
    /// The name itself: authoritative data, or an empty non-terminal.
    Found(Node<'a>),
    /// The name is a delegation or below one.
    Delegated {
        /// The node with the NS records.
        cut: Node<'a>,
        /// Labels left of the cut.
        skipped: usize,
    },
    /// The name is below a DNAME record.
    Redirected {
        /// The node with the DNAME record.
        dname: Node<'a>,
        /// Labels left of it.
        skipped: usize,
    },
    /// The name does not exist; a wildcard stands for it (RFC 4592 § 3.3.1).
    Wildcard {
        /// The wildcard.
        wildcard: Node<'a>,
        /// Labels left of the closest encloser.
        skipped: usize,
    },
    /// The name does not exist.
    Missing {
        /// Labels left of the closest encloser.
        skipped: usize,
    },
}

impl<'a> View<'a> {
    /// What the zone has for `name`, which must be at or below its apex.
    pub fn look_up(self, name: &Suffixes) -> Lookup<'a> {
        let below = name.labels().saturating_sub(self.apex_labels());
        // No name is deeper than the deepest.
        let mut skipped = below.saturating_sub(self.depth());
        let node = loop {
            if skipped >= below {
                break self.apex_node();
            }
            if let Some(node) = self.find_hashed(name.hash(skipped), name.between(skipped, below)) {
                break node;
            }
            skipped += 1;
        };
        if node.is_occluded() {
            let skipped = below - node.cut_labels().min(below);
            return match self.find_hashed(name.hash(skipped), name.between(skipped, below)) {
                Some(dname) if dname.has_dname() && !dname.is_cut() => Lookup::Redirected { dname, skipped },
                Some(cut) => Lookup::Delegated { cut, skipped },
                None => Lookup::Missing { skipped },
            };
        }
        if node.is_cut() {
            return Lookup::Delegated { cut: node, skipped };
        }
        if skipped == 0 {
            return Lookup::Found(node);
        }
        if node.has_dname() {
            return Lookup::Redirected { dname: node, skipped };
        }
        if node.has_wildcard_child() {
            let encloser = name.between(skipped, below);
            let mut labels = [0; 256];
            labels[..2].copy_from_slice(b"\x01*");
            if let Some(rest) = labels.get_mut(2..2 + encloser.len()) {
                rest.copy_from_slice(encloser);
                let labels = &labels[..2 + encloser.len()];
                if let Some(wildcard) = self.find_hashed(name.hash(skipped).child(b"*"), labels) {
                    return Lookup::Wildcard { wildcard, skipped };
                }
            }
        }
        Lookup::Missing { skipped }
    }
}
