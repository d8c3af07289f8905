//! Mail: the null MX (RFC 7505), policies of SPF (RFC 7208) and DMARC (RFC 7489), of which a name
//! has one.

use crate::wire::{Name, NameRef, Rtype};

use super::findings::Finding;
use super::{Checker, Node, Rrset};

impl Checker<'_> {
    pub(super) fn mail(&mut self, node: Node<'_>, owner: &Name) {
        if let Some(mx) = node.rrset(Rtype::MX) {
            self.null_mx(owner, mx);
        }
        let texts: Vec<Vec<u8>> = node.rrset(Rtype::TXT).map(texts).unwrap_or_default();
        let policies = texts.iter().filter(|text| has_version(text, b"v=spf1")).count();
        if policies > 1 {
            let message = format!("{owner} has {policies} SPF policies");
            self.report(
                Finding::warning("zone-spf-several", (owner.clone(), Rtype::TXT), message)
                    .help("receivers then use none (RFC 7208 § 4.5): join them into one record"),
            );
        }
        if node.rrset(Rtype::SPF).is_some() {
            let message = format!("{owner} has a record of the type SPF");
            let help = if policies == 0 {
                "nothing asks for this type any more (RFC 7208 § 3.1): write the policy as TXT"
            } else {
                "nothing asks for this type any more (RFC 7208 § 3.1): the TXT record is enough, remove this"
            };
            self.report(Finding::warning("zone-spf-type", (owner.clone(), Rtype::SPF), message).help(help));
        }
        let is_dmarc = owner.as_ref().labels().next().is_some_and(|label| label.eq_ignore_ascii_case(b"_dmarc"));
        if is_dmarc {
            let policies = texts.iter().filter(|text| has_version(text, b"v=DMARC1")).count();
            if policies > 1 {
                let message = format!("{owner} has {policies} DMARC policies");
                self.report(
                    Finding::warning("zone-dmarc-several", (owner.clone(), Rtype::TXT), message)
                        .help("receivers then use none (RFC 7489 § 6.6.3): keep one"),
                );
            }
        }
    }

    fn null_mx(&mut self, owner: &Name, mx: Rrset<'_>) {
        let at = (owner.clone(), Rtype::MX);
        let mut is_null = false;
        let mut preference_is_zero = true;
        for rdata in mx.rdatas() {
            let Some((preference, exchange)) = rdata.split_at_checked(2) else { continue };
            if NameRef::parse(exchange).is_ok_and(NameRef::is_root) {
                is_null = true;
                preference_is_zero &= preference == [0, 0];
            }
        }
        if is_null && mx.len() > 1 {
            let message = format!("{owner} says that it takes no mail (MX 0 .), and has other MX records");
            self.report(
                Finding::warning("zone-null-mx-with-others", at, message)
                    .help("keep either the null MX or the others (RFC 7505 § 3)"),
            );
        } else if is_null && !preference_is_zero {
            let message = format!("the null MX of {owner} does not have the preference 0");
            self.report(Finding::warning("zone-null-mx-preference", at, message).help("write: MX 0 . (RFC 7505 § 3)"));
        }
    }
}

/// The texts of TXT records, each with its strings joined (RFC 7208 § 3.3).
fn texts(rrset: Rrset<'_>) -> Vec<Vec<u8>> {
    rrset
        .rdatas()
        .map(|rdata| {
            let mut text = Vec::with_capacity(rdata.len());
            let mut rest = rdata.as_slice();
            while let [len, after @ ..] = rest {
                let (string, next) = after.split_at(usize::from(*len).min(after.len()));
                text.extend_from_slice(string);
                rest = next;
            }
            text
        })
        .collect()
}

/// Whether `text` is `version`, or begins with it and goes on with a blank or semicolon.
fn has_version(text: &[u8], version: &[u8]) -> bool {
    let Some((head, rest)) = text.split_at_checked(version.len()) else { return false };
    head.eq_ignore_ascii_case(version) && matches!(rest.first(), None | Some(b' ' | b';' | b'\t'))
}
