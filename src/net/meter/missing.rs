//! Which names that do not exist are asked for most: Space-Saving (Metwally, Agrawal, El Abbadi 2005), in sets.
//!
//! 1. A name belongs to one set of four places, chosen by a keyed hash. Where there is none left, the place with the
//!    smallest count is taken over, and its count is the newcomer's possible error: a count less its error was really
//!    asked for.
//! 2. What several networks ask for is taken over last. So names that nobody asks for twice, however many, push out one
//!    another and not what is missed.
//! 3. Which networks asked is a pattern of 64 bits: enough to tell few from many.
//! 4. A name is shown if some networks or many questions ask for it ([`Asked::is_worth_a_look`]). A scanner asks for
//!    each name seldom, and from one place.

use std::collections::HashMap;

/// How many places there are.
const PLACES: usize = 64;
/// How many of them are searched.
const SET: usize = 4;
/// The longest labels that are kept: longer ones are nobody's who forgot a record.
const LABELS_LEN_MAX: usize = 63;
/// From so many networks on a name is shown.
const NETWORKS_SHOWN: u32 = 3;
/// From so many questions on a name is shown, whoever asks.
const COUNT_SHOWN: u64 = 20;
/// The most names that are shown of a zone.
const SHOWN_MAX: usize = 10;

/// What one worker keeps of the names of one zone.
pub(super) struct Missing {
    places: [Place; PLACES],
}

#[derive(Clone, Copy)]
struct Place {
    hash: u64,
    count: u64,
    error: u64,
    /// One bit for each network, some sharing one.
    networks: u64,
    len: u8,
    labels: [u8; LABELS_LEN_MAX],
}

impl Place {
    const EMPTY: Place = Place { hash: 0, count: 0, error: 0, networks: 0, len: 0, labels: [0; LABELS_LEN_MAX] };

    /// What is least goes first (rules 1 and 2).
    fn worth(&self) -> (bool, u64) {
        (self.networks.count_ones() >= NETWORKS_SHOWN, self.count)
    }

    fn is_of(&self, hash: u64) -> bool {
        self.hash == hash && self.count > 0
    }

    fn labels(&self) -> &[u8] {
        self.labels.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl Default for Missing {
    fn default() -> Self {
        Missing { places: [Place::EMPTY; PLACES] }
    }
}

impl Missing {
    /// One question for the name whose hash is `hash`, from a network with the hash `network`. `labels` gives those below
    /// the apex, if they are not kept yet: hashes are keyed, and so one is of one name.
    pub(super) fn add<'n>(&mut self, hash: u64, network: u64, labels: impl FnOnce() -> &'n [u8]) {
        let Some(places) = self.set(hash) else { return };
        let bit = 1 << (network >> 58);
        if let Some(place) = places.iter_mut().find(|place| place.is_of(hash)) {
            place.count += 1;
            place.networks |= bit;
            return;
        }
        let labels = labels();
        let mut kept = [0; LABELS_LEN_MAX];
        let Some(room) = kept.get_mut(..labels.len()).filter(|room| !room.is_empty()) else { return };
        room.copy_from_slice(labels);
        let Some(place) = places.iter_mut().min_by_key(|place| place.worth()) else { return };
        let error = place.count;
        *place = Place { hash, count: error + 1, error, networks: bit, len: labels.len() as u8, labels: kept };
    }

    /// So many questions more for the name whose hash is `hash`, if it is kept, from a network that has asked for it.
    pub(super) fn repeat(&mut self, hash: u64, count: u64) {
        if let Some(place) = self.set(hash).and_then(|places| places.iter_mut().find(|place| place.is_of(hash))) {
            place.count += count;
        }
    }

    /// The places that a name with this hash may have (rule 1).
    fn set(&mut self, hash: u64) -> Option<&mut [Place]> {
        let set = (hash as usize % (PLACES / SET)) * SET;
        self.places.get_mut(set..set + SET)
    }
}

/// A name that does not exist, and how often it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The labels below the apex, in lower case, without a root label.
    pub labels: Vec<u8>,
    /// How often at least.
    pub count: u64,
    /// By about how many networks; more than some ten are not told apart well.
    pub networks: u32,
}

impl Asked {
    fn is_worth_a_look(&self) -> bool {
        self.networks >= NETWORKS_SHOWN || self.count >= COUNT_SHOWN
    }
}

/// The names that all workers have seen together.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<Vec<u8>, (u64, u64)>);

impl Names {
    /// Takes in what one worker has seen.
    pub(super) fn add(&mut self, missing: &Missing) {
        for place in missing.places.iter().filter(|place| place.count > 0) {
            let (count, networks) = self.0.entry(place.labels().to_vec()).or_default();
            *count += place.count - place.error;
            *networks |= place.networks;
        }
    }

    /// Those that are worth a look, the most asked for first.
    pub(super) fn shown(self) -> Vec<Asked> {
        let asked = |(labels, (count, networks))| Asked { labels, count, networks: estimate(networks) };
        let mut shown: Vec<Asked> = self.0.into_iter().map(asked).filter(Asked::is_worth_a_look).collect();
        shown.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.labels.cmp(&b.labels)));
        shown.truncate(SHOWN_MAX);
        shown
    }
}

/// By how many networks so many bits are set, most likely.
fn estimate(networks: u64) -> u32 {
    let clear = f64::from(networks.count_zeros().max(1));
    (64.0 * (64.0 / clear).ln()).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn name(number: u64) -> Vec<u8> {
        let label = format!("n{number}").into_bytes();
        [vec![label.len() as u8], label].concat()
    }

    fn shown(missing: &Missing) -> Vec<Asked> {
        let mut names = Names::default();
        names.add(missing);
        names.shown()
    }

    #[test]
    fn a_missing_record_is_found_among_scanners() {
        let mut missing = Missing::default();
        let forgotten = b"\x09selector2\x0a_domainkey";
        for number in 0..10_000u64 {
            let name = name(number);
            missing.add(hash(number), hash(7), || &name);
            if number % 50 == 0 {
                missing.add(hash(99_999), hash(number / 50 % 5 + 100), || forgotten);
            }
        }
        let shown = shown(&missing);
        assert_eq!(shown.len(), 1, "{shown:?}");
        assert_eq!(shown[0].labels, forgotten);
        assert!((150..=200).contains(&shown[0].count), "{shown:?}");
        assert!((3..=5).contains(&shown[0].networks));
    }

    #[test]
    fn a_count_is_never_more_than_was_asked() {
        let mut missing = Missing::default();
        let mut asked = HashMap::new();
        for step in 0..20_000u64 {
            let number = hash(step) >> 32 & if step % 3 == 0 { 0xf } else { 0xfff };
            let name = name(number);
            missing.add(hash(number), hash(step % 9), || &name);
            *asked.entry(name).or_insert(0) += 1;
        }
        let mut names = Names::default();
        names.add(&missing);
        for (labels, (count, _)) in names.0 {
            assert!(count <= asked[&labels]);
        }
    }

    #[test]
    fn what_one_network_asks_a_few_times_is_not_shown() {
        let mut missing = Missing::default();
        (0..COUNT_SHOWN - 1).for_each(|_| missing.add(1, 1, || b"\x03abc"));
        assert_eq!(shown(&missing), []);
        missing.add(1, 1, || b"\x03abc");
        assert_eq!(shown(&missing).len(), 1);
    }

    #[test]
    fn workers_add_up() {
        let (mut one, mut other) = (Missing::default(), Missing::default());
        (0..15).for_each(|_| one.add(1, hash(1), || b"\x03abc"));
        (0..15).for_each(|_| other.add(1, hash(2), || b"\x03abc"));
        let mut names = Names::default();
        names.add(&one);
        names.add(&other);
        assert_eq!(names.shown(), [Asked { labels: b"\x03abc".to_vec(), count: 30, networks: 2 }]);
    }
}
