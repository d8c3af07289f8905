//! What the packet path sees: for each apex, the timeline of its zone.
//!
//! A catalog is immutable. Changing one zone of a hundred thousand copies one small shard and the
//! list of shards; a worker that holds the old catalog goes on undisturbed.
//!
//! What went and came before stands apart, since only transfers look at it: a zone without history costs nothing there.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::heard::Feed;
use super::transfer::{Chain, Held};
use crate::clock::Instant;
use crate::timeline::Timeline;
use crate::wire::name::LABELS_MAX;
use crate::wire::{Name, NameRef, Rtype};
use crate::zone::{NameHash, Suffixes, Ttl, View, Zone};

/// What is served for an apex.
#[derive(Clone, Debug)]
pub enum Served {
    /// The zone, as a function of time.
    Zone(Arc<Timeline>),
    /// The same, but only to who may have it transferred: it is a catalog zone (RFC 9432 § 7).
    Closed(Arc<Timeline>),
    /// Nothing yet: the zone is known, but has never been loaded. It is answered with SERVFAIL.
    Unavailable(Arc<Name>),
}

/// As it is stored: a zone that does not change is one step nearer.
#[derive(Clone, Debug)]
enum Stored {
    Fixed(Zone),
    Changing(Arc<Timeline>),
    Closed(Arc<Timeline>),
    Unavailable(Arc<Name>),
}

impl From<Served> for Stored {
    fn from(served: Served) -> Stored {
        match served {
            Served::Zone(timeline) if timeline.is_fixed() => Stored::Fixed(timeline.zone().clone()),
            Served::Zone(timeline) => Stored::Changing(timeline),
            Served::Closed(timeline) => Stored::Closed(timeline),
            Served::Unavailable(apex) => Stored::Unavailable(apex),
        }
    }
}

impl Stored {
    fn apex(&self) -> NameRef<'_> {
        match self {
            Stored::Fixed(zone) => zone.apex(),
            Stored::Changing(timeline) | Stored::Closed(timeline) => timeline.zone().apex(),
            Stored::Unavailable(apex) => apex.as_ref().as_ref(),
        }
    }

    fn size(&self) -> usize {
        match self {
            Stored::Fixed(zone) => zone.size(),
            Stored::Changing(timeline) | Stored::Closed(timeline) => timeline.zone().size(),
            Stored::Unavailable(_) => 0,
        }
    }

    /// Whether the apex is `name`, which is in lower case.
    #[inline]
    fn is_at(&self, name: &[u8]) -> bool {
        match self {
            Stored::Fixed(zone) => zone.apex_lower() == name,
            Stored::Changing(timeline) | Stored::Closed(timeline) => timeline.zone().apex_lower() == name,
            Stored::Unavailable(apex) => apex.wire().eq_ignore_ascii_case(name),
        }
    }
}

/// An open-addressed table; at least half of it is empty.
type Shard = Arc<[Option<Entry>]>;

#[derive(Clone, Debug)]
struct Entry {
    hash: NameHash,
    stored: Stored,
}

/// The chains of the zones of one shard that have one; `None` for none.
type Chains = Option<Arc<[(NameHash, Name, Arc<Chain>)]>>;

/// Entries per shard, at most, on average.
const SHARD_LOAD: usize = 32;

/// The zones by apex. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// A power of two of them, chosen by the upper bits of the hash.
    shards: Arc<[Shard]>,
    /// What is remembered of changes: as many as there are shards, or none if nothing is.
    chains: Arc<[Chains]>,
    len: usize,
    /// How many octets the zones occupy.
    size: usize,
    /// How many apexes have so many labels.
    depths: Box<[u32; LABELS_MAX + 1]>,
    /// Bit `n`: an apex has `n` labels.
    depth_bits: u128,
    /// Whether it is not known yet which zones there are.
    is_unread: bool,
    /// From whom zones are fetched.
    feeds: Arc<HashMap<Name, Arc<[Feed]>>>,
}

impl Default for Catalog {
    fn default() -> Self {
        Catalog {
            shards: std::iter::repeat_n(Shard::from([]), 1).collect(),
            chains: Arc::default(),
            len: 0,
            size: 0,
            depths: Box::new([0; LABELS_MAX + 1]),
            depth_bits: 0,
            is_unread: false,
            feeds: Arc::default(),
        }
    }
}

/// A zone that a name belongs to.
#[derive(Clone, Copy)]
pub struct Match<'a> {
    entry: &'a Entry,
    /// How many labels of the name are left of the apex.
    pub skipped: usize,
}

impl<'a> Match<'a> {
    /// The zone as it is served to `peer` at `now`; `None` if it was never loaded, or is not for everybody.
    #[inline]
    pub fn view(self, now: Instant, peer: &SocketAddr) -> Option<View<'a>> {
        self.view_with(|timeline| timeline.view(now, peer.ip()))
    }

    /// The zone as it is served; `changing` looks at one that changes.
    #[inline(always)] // A call would cost a zone that doesn't change more than all else here.
    pub(super) fn view_with(self, changing: impl FnOnce(&'a Timeline) -> View<'a>) -> Option<View<'a>> {
        match &self.entry.stored {
            Stored::Fixed(zone) => Some(zone.view()),
            Stored::Changing(timeline) => Some(changing(timeline)),
            Stored::Closed(_) | Stored::Unavailable(_) => None,
        }
    }

    /// The timeline, if the zone is for those only who may have it transferred. Then nobody else is given a view of it.
    #[cold]
    pub(super) fn closed(self) -> Option<&'a Timeline> {
        match &self.entry.stored {
            Stored::Closed(timeline) => Some(timeline),
            _ => None,
        }
    }

    /// The hash of the apex.
    #[inline]
    pub fn apex(self) -> NameHash {
        self.entry.hash
    }

    /// Whether `view`, one of this zone, has the new data of the plan that runs.
    #[inline]
    pub(super) fn has_flipped(self, view: View<'_>) -> bool {
        matches!(&self.entry.stored, Stored::Changing(timeline) if timeline.has_flipped(view))
    }
}

impl Match<'_> {
    /// The edition that is served at `now`, to be held; `None` if the zone was never loaded.
    pub(super) fn hold(self, now: Instant) -> Option<Held> {
        match &self.entry.stored {
            Stored::Fixed(zone) => Some(Held::Fixed(zone.clone())),
            Stored::Changing(timeline) | Stored::Closed(timeline) => Some(Held::of(timeline, now)),
            Stored::Unavailable(_) => None,
        }
    }
}

/// A place of a shard, perhaps empty.
#[derive(Clone, Copy)]
pub(super) struct Place<'a>(&'a Option<Entry>);

impl<'a> Place<'a> {
    /// Whether there is an entry.
    #[inline]
    pub(super) fn is_taken(self) -> bool {
        self.0.is_some()
    }

    /// The zone that is served, if there is one, without what patches make of it.
    #[inline]
    pub(super) fn zone(self) -> Option<&'a Zone> {
        match &self.0.as_ref()?.stored {
            Stored::Fixed(zone) => Some(zone),
            Stored::Changing(timeline) | Stored::Closed(timeline) => Some(timeline.zone()),
            Stored::Unavailable(_) => None,
        }
    }
}

impl Catalog {
    /// The catalog of a server that doesn't know yet which zones it has. Every name is answered with
    /// SERVFAIL from it, since any may be ours; REFUSED would be a lie that resolvers remember.
    pub fn unread() -> Catalog {
        Catalog { is_unread: true, ..Catalog::default() }
    }

    /// Whether it is not known yet which zones there are.
    pub fn is_unread(&self) -> bool {
        self.is_unread
    }

    /// How many apexes there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// How many octets the zones occupy, patches not counted.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The zone with the most labels that `name` is at or below (RFC 1034 § 4.3.2, step 2), apart
    /// from those that would leave fewer than `skipped` labels.
    #[inline]
    pub fn find(&self, name: &Suffixes, skipped: usize) -> Option<Match<'_>> {
        let labels = name.labels();
        (skipped..=labels)
            .filter(|skipped| self.depth_bits >> (labels - skipped) & 1 != 0)
            .find_map(|skipped| self.exact(name, skipped).map(|entry| Match { entry, skipped }))
    }

    /// The zone at `apex` without what patches make of it, if it was ever loaded.
    pub fn zone(&self, apex: NameRef<'_>) -> Option<&Zone> {
        let mut suffixes = Suffixes::new();
        suffixes.set(apex.wire()).ok()?;
        match &self.exact(&suffixes, 0)?.stored {
            Stored::Fixed(zone) => Some(zone),
            Stored::Changing(timeline) | Stored::Closed(timeline) => Some(timeline.zone()),
            Stored::Unavailable(_) => None,
        }
    }

    /// What is served of the zone at `apex`, as a function of time, if it was ever loaded.
    pub fn timeline(&self, apex: NameRef<'_>) -> Option<Arc<Timeline>> {
        let mut suffixes = Suffixes::new();
        suffixes.set(apex.wire()).ok()?;
        match &self.exact(&suffixes, 0)?.stored {
            Stored::Fixed(zone) => Some(Arc::new(Timeline::fixed(zone.clone()))),
            Stored::Changing(timeline) | Stored::Closed(timeline) => Some(timeline.clone()),
            Stored::Unavailable(_) => None,
        }
    }

    /// The SOA record of the zone at `apex` as it is transferred at `now`, if the zone was ever loaded: TTL and RDATA.
    pub fn soa(&self, apex: NameRef<'_>, now: Instant) -> Option<(Ttl, Vec<u8>)> {
        let mut suffixes = Suffixes::new();
        suffixes.set(apex.wire()).ok()?;
        let held = Match { entry: self.exact(&suffixes, 0)?, skipped: 0 }.hold(now)?;
        let soa = held.view().apex_node().rrset(Rtype::SOA)?;
        Some((soa.ttl(), soa.rdatas().next()?))
    }

    /// What went and came before what is served of the zone that was `found`, if anything is remembered.
    pub(super) fn chain(&self, found: Match<'_>) -> Option<&Arc<Chain>> {
        self.chain_at(found.entry.hash, found.entry.stored.apex())
    }

    /// What is remembered of the changes of the zone at `apex`.
    pub fn chain_of(&self, apex: NameRef<'_>) -> Option<&Arc<Chain>> {
        self.chain_at(hash_of(apex), apex)
    }

    fn chain_at(&self, hash: NameHash, apex: NameRef<'_>) -> Option<&Arc<Chain>> {
        let mut chains = self.chains.get(shard_of(hash, self.chains.len().max(1)))?.iter().flat_map(|all| all.iter());
        chains.find(|(other, name, _)| *other == hash && name.as_ref() == apex).map(|(_, _, chain)| chain)
    }

    /// The catalog with these chains in place of what was remembered of their zones; `None` for nothing.
    #[must_use]
    pub fn with_chains(&self, changes: impl IntoIterator<Item = (Name, Option<Arc<Chain>>)>) -> Catalog {
        let mut drafts: HashMap<usize, Vec<(NameHash, Name, Arc<Chain>)>> = HashMap::new();
        for (apex, chain) in changes {
            let hash = hash_of(apex.as_ref());
            let at = shard_of(hash, self.shards.len());
            let known = || self.chains.get(at).into_iter().flatten().flat_map(|all| all.iter()).cloned();
            let draft = drafts.entry(at).or_insert_with(|| known().collect());
            draft.retain(|(other, name, _)| *other != hash || *name != apex);
            draft.extend(chain.map(|chain| (hash, apex, chain)));
        }
        if drafts.is_empty() || self.chains.is_empty() && drafts.values().all(Vec::is_empty) {
            return self.clone();
        }
        let chains = (0..self.shards.len()).map(|at| match drafts.remove(&at) {
            Some(draft) => (!draft.is_empty()).then(|| draft.into()),
            None => self.chains.get(at).cloned().flatten(),
        });
        Catalog { chains: chains.collect(), ..self.clone() }
    }

    /// Where the search for the zone of `name` begins, most likely.
    #[inline]
    pub(super) fn first_place(&self, name: &Suffixes) -> Option<Place<'_>> {
        let labels = name.labels();
        let skipped = (0..=labels).find(|skipped| self.depth_bits >> (labels - skipped) & 1 != 0)?;
        let hash = name.hash(skipped);
        let shard = self.shards.get(shard_of(hash, self.shards.len()))?;
        shard.get(hash.0 as usize & shard.len().wrapping_sub(1)).map(Place)
    }

    fn exact(&self, name: &Suffixes, skipped: usize) -> Option<&Entry> {
        let hash = name.hash(skipped);
        let shard = self.shards.get(shard_of(hash, self.shards.len()))?;
        let mask = shard.len().checked_sub(1)?;
        let mut at = hash.0 as usize & mask;
        while let Some(Some(entry)) = shard.get(at) {
            if entry.hash == hash && entry.stored.is_at(name.suffix(skipped)) {
                return Some(entry);
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// The catalog with these instead of what was there for their apexes.
    #[must_use]
    pub fn with(&self, served: impl IntoIterator<Item = Served>) -> Catalog {
        let changes = served.into_iter().map(|served| {
            let stored = Stored::from(served);
            Change { hash: hash_of(stored.apex()), apex: stored.apex().to_owned(), stored: Some(stored) }
        });
        self.changed(changes.collect())
    }

    /// The catalog without these apexes.
    #[must_use]
    pub fn without<'n>(&self, apexes: impl IntoIterator<Item = NameRef<'n>>) -> Catalog {
        let changes =
            apexes.into_iter().map(|apex| Change { hash: hash_of(apex), apex: apex.to_owned(), stored: None });
        self.changed(changes.collect())
    }

    /// The catalog in which these apexes are fetched from those, and from nobody where there is `None`.
    #[must_use]
    pub fn fed(&self, changes: impl IntoIterator<Item = (Name, Option<Arc<[Feed]>>)>) -> Catalog {
        let mut feeds = HashMap::clone(&self.feeds);
        for (apex, from) in changes {
            match from {
                Some(from) => _ = feeds.insert(apex, from),
                None => _ = feeds.remove(&apex),
            }
        }
        Catalog { feeds: Arc::new(feeds), ..self.clone() }
    }

    /// From whom `apex` is fetched, if it is.
    pub(super) fn feeds(&self, apex: &Name) -> Option<&[Feed]> {
        self.feeds.get(apex).map(|feeds| &**feeds)
    }

    fn changed(&self, changes: Vec<Change>) -> Catalog {
        let wanted = (self.len + changes.len()).div_ceil(SHARD_LOAD).next_power_of_two();
        // More shards than now for many more zones, never fewer.
        let count = if wanted > self.shards.len() * 2 { wanted } else { self.shards.len() };
        let mut drafts: Vec<Option<Vec<Entry>>> = if count == self.shards.len() {
            vec![None; count]
        } else {
            let mut drafts = vec![Some(Vec::new()); count];
            for entry in self.shards.iter().flat_map(|shard| shard.iter().flatten()) {
                if let Some(draft) = &mut drafts[shard_of(entry.hash, count)] {
                    draft.push(entry.clone());
                }
            }
            drafts
        };
        let mut catalog = Catalog { is_unread: false, ..self.clone() };
        for Change { hash, apex, stored } in changes {
            let at = shard_of(hash, count);
            let draft = drafts[at].get_or_insert_with(|| self.shards[at].iter().flatten().cloned().collect());
            let labels = apex.as_ref().label_count();
            if let Some(at) = draft.iter().position(|e| e.hash == hash && e.stored.apex() == apex.as_ref()) {
                catalog.size -= draft.swap_remove(at).stored.size();
                catalog.len -= 1;
                catalog.depths[labels] -= 1;
            }
            if let Some(stored) = stored {
                catalog.size += stored.size();
                catalog.len += 1;
                draft.push(Entry { hash, stored });
                catalog.depths[labels] += 1;
            }
        }
        catalog.shards = drafts
            .into_iter()
            .enumerate()
            .map(|(at, draft)| draft.map_or_else(|| self.shards[at].clone(), |entries| shard(&entries)))
            .collect();
        if count != self.shards.len() && !self.chains.is_empty() {
            let all = self.chains.iter().flatten().flat_map(|all| all.iter().cloned());
            catalog.chains = Arc::default();
            catalog = catalog.with_chains(all.map(|(_, apex, chain)| (apex, Some(chain))));
        }
        catalog.depth_bits =
            (0..).zip(catalog.depths.iter()).fold(0, |bits, (depth, &count)| bits | u128::from(count > 0) << depth);
        catalog
    }
}

/// What is to be stored for an apex; `None` for nothing.
struct Change {
    hash: NameHash,
    apex: Name,
    stored: Option<Stored>,
}

fn hash_of(apex: NameRef<'_>) -> NameHash {
    NameHash::of(apex.to_lowercase().as_ref())
}

fn shard_of(hash: NameHash, count: usize) -> usize {
    (hash.0 >> 40) as usize & (count - 1)
}

fn shard(entries: &[Entry]) -> Shard {
    if entries.is_empty() {
        return Shard::from([]);
    }
    let mut slots = vec![None; (entries.len() * 2).next_power_of_two()];
    let mask = slots.len() - 1;
    for entry in entries {
        let mut at = entry.hash.0 as usize & mask;
        while slots[at].is_some() {
            at = (at + 1) & mask;
        }
        slots[at] = Some(entry.clone());
    }
    slots.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_text(text).unwrap()
    }

    fn unavailable(text: &str) -> Served {
        Served::Unavailable(Arc::new(name(text)))
    }

    fn found(catalog: &Catalog, text: &str, skipped: usize) -> Option<(String, usize)> {
        let mut suffixes = Suffixes::new();
        suffixes.set(name(text).wire()).unwrap();
        catalog.find(&suffixes, skipped).map(|found| (found.entry.stored.apex().to_string(), found.skipped))
    }

    #[test]
    fn rfc1034_4_3_2_the_nearest_ancestor_is_found() {
        let catalog = Catalog::default().with(["example.com", "sub.Example.com", "org"].map(unavailable));
        assert_eq!(found(&catalog, "a.sub.EXAMPLE.com", 0), Some(("sub.Example.com.".into(), 1)));
        assert_eq!(found(&catalog, "sub.example.com", 1), Some(("example.com.".into(), 1)));
        assert_eq!(found(&catalog, "x.y.org", 0), Some(("org.".into(), 2)));
        assert_eq!(found(&catalog, "com", 0), None);
        assert_eq!(found(&catalog.with([unavailable(".")]), "com", 0), Some((".".into(), 1)));
    }

    #[test]
    fn what_is_remembered_stays_with_its_zone_however_the_catalog_grows() {
        let names: Vec<String> = (0..3000).map(|number| format!("zone{number}.example")).collect();
        let mut catalog = Catalog::default().with([unavailable("zone0.example"), unavailable("zone1.example")]);
        let chain = |serial| Some(Arc::new(Chain::beginning(crate::timeline::Serial(serial), None)));
        catalog = catalog.with_chains([(name("zone0.example"), chain(7)), (name("ZONE1.example"), chain(8))]);
        catalog = catalog.with(names.iter().map(|name| unavailable(name)));
        let end = |catalog: &Catalog, text: &str| catalog.chain_of(name(text).as_ref()).map(|chain| chain.end().0);
        assert_eq!(
            ["zone0.example", "zone1.example", "zone2.example"].map(|name| end(&catalog, name)),
            [Some(7), Some(8), None]
        );
        let fewer = catalog.with_chains([(name("Zone0.example"), None)]);
        assert_eq!((end(&fewer, "zone0.example"), end(&catalog, "zone0.example")), (None, Some(7)));
    }

    #[test]
    fn a_change_leaves_the_old_catalog_as_it_was() {
        let names: Vec<String> = (0..5000).map(|number| format!("zone{number}.example")).collect();
        let all = Catalog::default().with(names.iter().map(|name| unavailable(name)));
        assert_eq!(all.len(), 5000);
        let fewer =
            all.without(names[..4999].iter().map(|text| name(text)).collect::<Vec<_>>().iter().map(Name::as_ref));
        assert_eq!((all.len(), fewer.len()), (5000, 1));
        assert!(found(&all, "zone17.example", 0).is_some() && found(&fewer, "zone17.example", 0).is_none());
        let again = fewer.with([unavailable("zone4999.example"), unavailable("ZONE4999.example")]);
        assert_eq!(again.len(), 1);
        let empty = again.without([name("zone4999.example").as_ref()]);
        assert!(empty.is_empty() && found(&empty, "zone4999.example", 0).is_none());
    }
}
