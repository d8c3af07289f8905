//! NSEC and NSEC3: is every name in the chain, does each link lead to the next, are the bitmaps
//! true (RFC 4034 § 4, RFC 4035 § 2.3, RFC 5155 § 7.1, RFC 9276)?

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use sha1::{Digest, Sha1};

use crate::wire::rdata::types_in_bitmap;
use crate::wire::{Name, NameRef, Rtype};

use super::findings::Finding;
use super::{Checker, Node};

/// The only hash algorithm of NSEC3 (RFC 5155 § 11).
const SHA1: u8 = 1;
/// More iterations than this and no validator looks at the records (RFC 9276 § 3.2), nor do we.
const ITERATIONS_MAX: u16 = 500;
/// NSEC3 flag: unsigned delegations may have been left out (RFC 5155 § 3.1.2.1).
const OPT_OUT: u8 = 1;

/// One NSEC3 record.
struct Nsec3 {
    owner: Name,
    flags: u8,
    next: Vec<u8>,
    types: BTreeSet<Rtype>,
}

/// Hash, iterations and salt of an NSEC3 chain.
#[derive(Clone, PartialEq, Eq)]
struct Params {
    algorithm: u8,
    iterations: u16,
    salt: Vec<u8>,
}

impl Params {
    /// The parameters and flags at the start of `rdata` of NSEC3 or NSEC3PARAM, and what follows.
    fn read(rdata: &[u8]) -> Option<(Params, u8, &[u8])> {
        let [algorithm, flags, high, low, salt_len, rest @ ..] = rdata else { return None };
        let (salt, rest) = rest.split_at_checked(usize::from(*salt_len))?;
        let iterations = u16::from_be_bytes([*high, *low]);
        Some((Params { algorithm: *algorithm, iterations, salt: salt.to_vec() }, *flags, rest))
    }

    /// RFC 5155 § 5.
    fn hash(&self, name: NameRef<'_>) -> Vec<u8> {
        let once = |octets: &[u8]| {
            let mut hasher = Sha1::new();
            hasher.update(octets);
            hasher.update(&self.salt);
            hasher.finalize().to_vec()
        };
        let mut hash = once(name.to_lowercase().wire());
        for _ in 0..self.iterations {
            hash = once(&hash);
        }
        hash
    }
}

impl Checker<'_> {
    pub(super) fn denial(&mut self) {
        let Some(apex) = self.view.find(self.apex.as_ref()) else { return };
        let nsec3: Vec<(Name, Vec<u8>)> = self
            .view
            .nodes()
            .filter_map(|node| Some((node, node.rrset(Rtype::NSEC3)?)))
            .flat_map(|(node, rrset)| rrset.rdatas().map(move |rdata| (node.name(), rdata)))
            .collect();
        let has_nsec = apex.rrset(Rtype::NSEC).is_some();
        let has_nsec3 = !nsec3.is_empty();
        let at = (self.apex.clone(), Rtype::SOA);
        if has_nsec && has_nsec3 {
            let message = format!("{} has NSEC and NSEC3 records", self.apex);
            self.report(
                Finding::error("zone-nsec-and-nsec3", at, message).help(
                    "a zone denies by the one or the other: sign it again without the old records (RFC 5155 § 10)",
                ),
            );
        } else if has_nsec3 {
            self.nsec3(&nsec3);
        } else if has_nsec {
            self.nsec();
        } else {
            let message = format!("{} is signed, but has neither NSEC nor NSEC3 records", self.apex);
            self.report(
                Finding::error("zone-nsec-missing", at, message)
                    .help("what does not exist can't be denied, so validators get no answer: sign the zone again"),
            );
        }
    }

    fn nsec(&mut self) {
        let mut links: Vec<(Name, Option<Name>)> = Vec::new();
        for node in self.view.nodes_in_order().filter(|node| !node.is_empty_non_terminal()) {
            let owner = node.name();
            let at = (owner.clone(), Rtype::NSEC);
            let Some(nsec) = node.rrset(Rtype::NSEC) else {
                if !node.is_occluded() {
                    let rtype = node.rrsets().next().map_or(Rtype::NSEC, |rrset| rrset.rtype());
                    let message = format!("{owner} has no NSEC record");
                    self.report(
                        Finding::error("zone-nsec-missing", (owner.clone(), rtype), message)
                            .help("sign the zone again"),
                    );
                    links.push((owner, None));
                }
                continue;
            };
            if node.is_occluded() {
                let message = format!("{owner} has an NSEC record, but is not in this zone's authority");
                self.report(
                    Finding::warning("zone-nsec-not-authoritative", at, message)
                        .help("glue has no NSEC (RFC 4035 § 2.3): sign the zone again"),
                );
                continue;
            }
            if nsec.len() > 1 {
                let message = format!("{owner} has {} NSEC records", nsec.len());
                self.report(Finding::error("zone-nsec-several", at.clone(), message).help("sign the zone again"));
            }
            if nsec.ttl() > self.view.negative_ttl() {
                let (ttl, negative) = (nsec.ttl(), self.view.negative_ttl());
                let message = format!("the NSEC record of {owner} has the TTL {ttl}, negative answers {negative}");
                self.report(
                    Finding::note("zone-nsec-ttl", at.clone(), message)
                        .help("resolvers that answer from NSEC deny for longer than the zone means to (RFC 9077)"),
                );
            }
            let Some(rdata) = nsec.rdatas().next() else { continue };
            let Ok(next) = NameRef::parse(&rdata) else { continue };
            let claimed = types_in_bitmap(&rdata[next.wire().len()..]).into_iter().collect();
            self.bitmap(at, &claimed, &types_at(node), Rtype::NSEC);
            links.push((owner, Some(next.to_owned())));
        }
        let following = links.iter().skip(1).chain(links.first()).map(|(owner, _)| owner.clone()).collect::<Vec<_>>();
        for ((owner, next), following) in links.into_iter().zip(following) {
            let Some(next) = next.filter(|next| *next != following) else { continue };
            let message = format!("the NSEC record of {owner} leads to {next}, not to the next name, {following}");
            self.report(
                Finding::error("zone-nsec-chain", (owner, Rtype::NSEC), message)
                    .help("names between the two are denied although they exist, or not denied: sign the zone again"),
            );
        }
    }

    fn bitmap(&mut self, at: (Name, Rtype), claimed: &BTreeSet<Rtype>, present: &BTreeSet<Rtype>, by: Rtype) {
        if claimed == present {
            return;
        }
        let list = |types: Vec<String>| types.join(" ");
        let missing = list(present.difference(claimed).map(ToString::to_string).collect());
        let surplus = list(claimed.difference(present).map(ToString::to_string).collect());
        let mut faults = Vec::new();
        if !missing.is_empty() {
            faults.push(format!("denies {missing}, which is there"));
        }
        if !surplus.is_empty() {
            faults.push(format!("claims {surplus}, which is not there"));
        }
        let message = format!("the {by} record of {} {}", at.0, faults.join(", and "));
        self.report(
            Finding::error("zone-nsec-bitmap", at, message)
                .help("sign the zone again after every change of its records"),
        );
    }

    fn nsec3(&mut self, all: &[(Name, Vec<u8>)]) {
        let Some(params) = self.nsec3_params(all) else { return };
        let mut chain: BTreeMap<Vec<u8>, Nsec3> = BTreeMap::new();
        for (owner, rdata) in all {
            let Some((own, flags, rest)) = Params::read(rdata) else { continue };
            let hash = owner.as_ref().labels().next().and_then(base32_hash);
            let below_apex = owner.as_ref().parent().is_some_and(|parent| parent == self.apex.as_ref());
            let Some(hash) = hash.filter(|_| below_apex) else {
                let message = format!("{owner} has an NSEC3 record, but is no hash right below the apex");
                self.report(
                    Finding::error("zone-nsec3-owner", (owner.clone(), Rtype::NSEC3), message)
                        .help("sign the zone again (RFC 5155 § 3)"),
                );
                continue;
            };
            if own != params {
                continue;
            }
            let Some((next, bitmap)) =
                rest.split_first().and_then(|(len, rest)| rest.split_at_checked(usize::from(*len)))
            else {
                continue;
            };
            let types = types_in_bitmap(bitmap).into_iter().collect();
            chain.insert(hash, Nsec3 { owner: owner.clone(), flags, next: next.to_vec(), types });
        }
        let first = chain.keys().next().cloned();
        let following: Vec<_> = chain.keys().skip(1).cloned().chain(first).collect();
        for (nsec3, following) in chain.values().zip(&following) {
            if nsec3.next != *following {
                let message = format!(
                    "the NSEC3 record {} leads to {}, not to the next hash, {}",
                    nsec3.owner,
                    shown(&nsec3.next),
                    shown(following)
                );
                self.report(
                    Finding::error("zone-nsec3-chain", (nsec3.owner.clone(), Rtype::NSEC3), message)
                        .help("names whose hash is between the two can't be denied: sign the zone again"),
                );
            }
        }
        self.nsec3_names(&params, &chain);
    }

    /// The parameters of the chain that is served: those of NSEC3PARAM (RFC 5155 § 4).
    fn nsec3_params(&mut self, all: &[(Name, Vec<u8>)]) -> Option<Params> {
        let apex = self.view.find(self.apex.as_ref())?;
        let at = (self.apex.clone(), Rtype::NSEC3PARAM);
        let Some(rrset) = apex.rrset(Rtype::NSEC3PARAM) else {
            let message = format!("{} has NSEC3 records, but no NSEC3PARAM", self.apex);
            self.report(
                Finding::error("zone-nsec3param", (self.apex.clone(), Rtype::SOA), message).help(
                    "servers need it to find the NSEC3 records to answer with (RFC 5155 § 4): sign the zone again",
                ),
            );
            return None;
        };
        let declared: Vec<Vec<u8>> = rrset.rdatas().collect();
        let mut usable = None;
        for (params, flags, _) in declared.iter().filter_map(|rdata| Params::read(rdata)) {
            if flags != 0 || params.algorithm != SHA1 {
                let message = format!("the NSEC3PARAM record has the algorithm {} and flags {flags}", params.algorithm);
                self.report(
                    Finding::error("zone-nsec3param", at.clone(), message)
                        .help("servers ignore it unless the algorithm is 1 and the flags are 0 (RFC 5155 § 4.1.2)"),
                );
            } else if all.iter().any(|(_, rdata)| Params::read(rdata).is_some_and(|(own, ..)| own == params)) {
                usable = Some(params);
            } else {
                let message = "no NSEC3 record has the parameters of the NSEC3PARAM record".to_owned();
                self.report(
                    Finding::error("zone-nsec3param", at.clone(), message)
                        .help("servers find no NSEC3 record to answer with: sign the zone again (RFC 5155 § 4)"),
                );
            }
        }
        let params = usable?;
        if params.iterations > 0 {
            let message = format!("NSEC3 hashes {} times more than needed", params.iterations);
            self.report(
                Finding::warning("zone-nsec3-iterations", at.clone(), message)
                    .help("it protects nothing, and validators may take the zone for unsigned: use 0 (RFC 9276 § 3.1)"),
            );
        }
        if !params.salt.is_empty() {
            self.report(
                Finding::note("zone-nsec3-salt", at, "NSEC3 has a salt".to_owned())
                    .help("it protects nothing: use none (RFC 9276 § 3.1)"),
            );
        }
        (params.iterations <= ITERATIONS_MAX).then_some(params)
    }

    /// Whether every name has its NSEC3 record, and every NSEC3 record its name.
    fn nsec3_names(&mut self, params: &Params, chain: &BTreeMap<Vec<u8>, Nsec3>) {
        let mut named = BTreeSet::new();
        let insecure = self.insecure_only();
        for node in self.view.nodes().filter(|node| !node.is_occluded() && !is_nsec3_owner(*node)) {
            let owner = node.name();
            let types = types_at(node);
            let hash = params.hash(owner.as_ref());
            if let Some(nsec3) = chain.get(&hash) {
                self.bitmap((nsec3.owner.clone(), Rtype::NSEC3), &nsec3.types, &types, Rtype::NSEC3);
            } else if !(insecure.contains(&owner)
                && covering(chain, &hash).is_some_and(|nsec3| nsec3.flags & OPT_OUT != 0))
            {
                let rtype = node.rrsets().next().map_or(Rtype::NSEC3, |rrset| rrset.rtype());
                let what = if node.is_empty_non_terminal() { ", an empty non-terminal," } else { "" };
                let message = format!("{owner}{what} has no NSEC3 record");
                let help = format!("its hash is {}: sign the zone again", shown(&hash));
                self.report(Finding::error("zone-nsec3-missing", (owner, rtype), message).help(help));
            }
            named.insert(hash);
        }
        for (_, nsec3) in chain.iter().filter(|(hash, _)| !named.contains(*hash)) {
            let message = format!("the NSEC3 record {} is of no name in the zone", nsec3.owner);
            self.report(
                Finding::warning("zone-nsec3-of-nothing", (nsec3.owner.clone(), Rtype::NSEC3), message)
                    .help("sign the zone again without the old records"),
            );
        }
    }

    /// The names that opt-out may leave out of the chain: unsigned delegations, and what is only
    /// above such (RFC 5155 § 7.1).
    fn insecure_only(&self) -> BTreeSet<Name> {
        let mut insecure = BTreeSet::new();
        let mut secure = BTreeSet::new();
        for node in self.view.nodes().filter(|node| !node.is_occluded() && !is_nsec3_owner(*node)) {
            if node.is_empty_non_terminal() {
                continue;
            }
            let owner = node.name();
            let of = if node.is_cut() && node.rrset(Rtype::DS).is_none() { &mut insecure } else { &mut secure };
            let mut name = Some(owner.as_ref());
            while let Some(ancestor) = name.filter(|name| name.is_below(self.apex.as_ref())) {
                if !of.insert(ancestor.to_owned()) {
                    break;
                }
                name = ancestor.parent();
            }
        }
        insecure.retain(|name| !secure.contains(name));
        insecure
    }
}

/// The types that an NSEC or NSEC3 record at `node` lists.
fn types_at(node: Node<'_>) -> BTreeSet<Rtype> {
    let all = node.rrsets().map(|rrset| rrset.rtype());
    if node.is_cut() {
        // RFC 4035 § 2.3: at a delegation the parent's own types only.
        all.filter(|rtype| matches!(*rtype, Rtype::NS | Rtype::DS | Rtype::NSEC | Rtype::RRSIG)).collect()
    } else {
        all.collect()
    }
}

/// Whether nothing but NSEC3 stands at `node`: a name that is a hash, and not itself hashed.
fn is_nsec3_owner(node: Node<'_>) -> bool {
    node.rrset(Rtype::NSEC3).is_some()
        && node.rrsets().all(|rrset| matches!(rrset.rtype(), Rtype::NSEC3 | Rtype::RRSIG))
}

fn covering<'a>(chain: &'a BTreeMap<Vec<u8>, Nsec3>, hash: &[u8]) -> Option<&'a Nsec3> {
    let before = chain.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(hash))).next_back();
    before.or_else(|| chain.iter().next_back()).map(|(_, nsec3)| nsec3)
}

fn base32_hash(label: &[u8]) -> Option<Vec<u8>> {
    let hash = data_encoding::BASE32HEX_NOPAD.decode(&label.to_ascii_uppercase()).ok()?;
    (hash.len() == 20).then_some(hash)
}

fn shown(hash: &[u8]) -> String {
    data_encoding::BASE32HEX_NOPAD.encode(hash).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5155_a_hashes_of_the_example() {
        let params = Params { algorithm: SHA1, iterations: 12, salt: vec![0xaa, 0xbb, 0xcc, 0xdd] };
        for (name, hash) in [
            ("example", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"),
            ("a.example", "35mthgpgcu1qg68fab165klnsnk3dpvl"),
            ("*.w.EXAMPLE", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"),
        ] {
            assert_eq!(shown(&params.hash(Name::from_text(name).unwrap().as_ref())), hash, "{name}");
        }
    }
}
