//! Properties of zones: a zone and a patched view agree with a naive model, which is a sorted map of
//! names that knows nothing of hashes, blocks and links.
//!
//! The universe is small on purpose (a few labels, few levels, few types), so that wildcards, empty
//! non-terminals, cuts and DNAMEs meet in every combination.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use watari::wire::name::join;
use watari::wire::{Name, NameRef, Rtype};
use watari::zone::{Change, Lookup, Node, Patch, PatchError, Rrset, Suffixes, Ttl, View, Zone, ZoneBuilder};

const APEX: &str = "example";
const LABELS: [&str; 4] = ["a", "B", "*", "ns"];
const DEPTH_MAX: usize = 4;

// ---- The model

/// RRsets by type, those of RRSIG by the covered type too.
type Rrsets = BTreeMap<(Rtype, u16), (Ttl, BTreeSet<Vec<u8>>)>;

#[derive(Clone, Debug, Default)]
struct Model(BTreeMap<Name, Rrsets>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Itself(Name),
    Delegated(Name),
    Redirected(Name),
    Wildcard(Name),
    Missing(Name),
}

impl Model {
    fn set(&mut self, owner: &Name, rtype: Rtype, ttl: Ttl, rdatas: BTreeSet<Vec<u8>>) {
        let rrsets = self.0.entry(owner.clone()).or_default();
        if let Some(first) = rdatas.first() {
            rrsets.insert((rtype, covered(rtype, first)), (ttl, rdatas));
        } else {
            rrsets.retain(|&(of, _), _| of != rtype);
        }
        if rrsets.is_empty() {
            self.0.remove(owner);
        }
    }

    fn has(&self, name: &Name, rtype: Rtype) -> bool {
        self.0.get(name).is_some_and(|rrsets| rrsets.contains_key(&(rtype, 0)))
    }

    fn is_cut(&self, name: &Name) -> bool {
        *name != apex() && self.has(name, Rtype::NS)
    }

    fn exists(&self, name: &Name) -> bool {
        self.0.keys().any(|owner| owner.as_ref().is_at_or_below(name.as_ref()))
    }

    /// All names, empty non-terminals included, in canonical order.
    fn names(&self) -> BTreeSet<Name> {
        self.0.keys().flat_map(|owner| path(owner.as_ref())).collect()
    }

    fn is_occluded(&self, name: &Name) -> bool {
        let above = path(name.as_ref());
        above[..above.len() - 1].iter().any(|above| self.is_cut(above) || self.has(above, Rtype::DNAME))
    }

    /// RFC 1034 § 4.3.2 step 3 as it is written: matching down, label by label.
    fn look_up(&self, name: NameRef<'_>) -> Found {
        let mut encloser = apex();
        for at in path(name) {
            if !self.exists(&at) {
                let wildcard = join(b"\x01*", encloser.as_ref()).unwrap();
                return if self.exists(&wildcard) { Found::Wildcard(wildcard) } else { Found::Missing(encloser) };
            }
            if self.is_cut(&at) {
                return Found::Delegated(at);
            }
            if at.as_ref() == name {
                return Found::Itself(at);
            }
            if self.has(&at, Rtype::DNAME) {
                return Found::Redirected(at);
            }
            encloser = at;
        }
        unreachable!("the path ends at the name")
    }
}

fn covered(rtype: Rtype, rdata: &[u8]) -> u16 {
    if rtype == Rtype::RRSIG { u16::from_be_bytes([rdata[0], rdata[1]]) } else { 0 }
}

fn apex() -> Name {
    Name::from_text(APEX).unwrap()
}

/// From the apex down to `name`.
fn path(name: NameRef<'_>) -> Vec<Name> {
    let below = name.label_count() - 1;
    (0..=below).rev().map(|skipped| name.skip_labels(skipped).unwrap().to_owned()).collect()
}

// ---- What is generated

fn names() -> impl Strategy<Value = Name> {
    prop::collection::vec(prop::sample::select(&LABELS[..]), 0..=DEPTH_MAX)
        .prop_map(|labels| Name::from_text(&[&labels[..], &[APEX]].concat().join(".")).unwrap())
}

/// An RRset that is not SOA; sometimes without records, which in a change means removal.
type Generated = (Name, (Rtype, Ttl, BTreeSet<Vec<u8>>));

/// RRsets of which `cuts` in ten are NS or DNAME, and so may change where a zone is cut.
fn rrsets(cuts: u32) -> impl Strategy<Value = (Rtype, Ttl, BTreeSet<Vec<u8>>)> {
    let targets = || prop::collection::btree_set(names().prop_map(|name| name.as_ref().to_lowercase()), 0..4);
    let target = || prop::collection::btree_set(names().prop_map(|name| name.as_ref().to_lowercase()), 0..2);
    let addresses = prop::collection::btree_set(any::<u8>().prop_map(|last| vec![192, 0, 2, last]), 0..3);
    let texts = prop::collection::btree_set("[a-z]{0,3}".prop_map(|text| character_string(&text)), 0..3);
    let covered = prop::sample::select(vec![Rtype::A, Rtype::TXT]);
    let signatures = (covered, prop::collection::btree_set(any::<u8>(), 0..3))
        .prop_map(|(covered, last)| last.into_iter().map(|last| signature(covered, last)).collect());
    let data = prop_oneof![
        3 => addresses.prop_map(|rdatas| (Rtype::A, rdatas)),
        1 => texts.prop_map(|rdatas| (Rtype::TXT, rdatas)),
        3 => targets().prop_map(|names| (Rtype::MX, wires(&names, &[0, 10]))),
        1 => target().prop_map(|names| (Rtype::CNAME, wires(&names, &[]))),
        1 => signatures.prop_map(|rdatas| (Rtype::RRSIG, rdatas)),
    ];
    let cut = prop_oneof![
        3 => targets().prop_map(|names| (Rtype::NS, wires(&names, &[]))),
        1 => target().prop_map(|names| (Rtype::DNAME, wires(&names, &[]))),
    ];
    let of_types = prop_oneof![10 - cuts => data, cuts => cut];
    (of_types, 0u32..5).prop_map(|((rtype, rdatas), ttl)| (rtype, Ttl(ttl * 60), rdatas))
}

fn character_string(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

fn signature(covered: Rtype, last: u8) -> Vec<u8> {
    [&covered.0.to_be_bytes()[..], &[13, 1, 0, 0, 0, 60], &[0; 10], apex().wire(), &[last]].concat()
}

fn wires(names: &BTreeSet<Name>, before: &[u8]) -> BTreeSet<Vec<u8>> {
    names.iter().map(|name| [before, name.wire()].concat()).collect()
}

fn zones() -> impl Strategy<Value = Vec<Generated>> {
    prop::collection::vec((names(), rrsets(3)), 0..12)
}

fn changes() -> impl Strategy<Value = Vec<Generated>> {
    prop::collection::vec((names(), rrsets(1)), 0..6)
}

fn soa() -> Vec<u8> {
    let mut rdata = [apex().wire(), apex().wire()].concat();
    for number in [7u32, 7200, 3600, 1_209_600, 300] {
        rdata.extend_from_slice(&number.to_be_bytes());
    }
    rdata
}

fn model(rrsets: &[Generated]) -> Model {
    let mut model = Model::default();
    model.set(&apex(), Rtype::SOA, Ttl(3600), BTreeSet::from([soa()]));
    for (owner, (rtype, ttl, rdatas)) in rrsets {
        model.set(owner, *rtype, *ttl, rdatas.clone());
    }
    model
}

fn zone(model: &Model) -> Zone {
    let mut builder = ZoneBuilder::new(apex().as_ref());
    for (owner, rrsets) in &model.0 {
        for ((rtype, _), (ttl, rdatas)) in rrsets {
            for rdata in rdatas {
                builder.add(owner.as_ref(), *rtype, *ttl, rdata).unwrap();
            }
        }
    }
    let (zone, remarks) = builder.finish().unwrap();
    assert_eq!(remarks, []);
    zone
}

// ---- What is compared

/// Every name that can be asked for: all over the labels, and one that no zone has.
fn universe() -> Vec<Name> {
    let mut all = vec![apex()];
    let mut level = all.clone();
    for _ in 0..DEPTH_MAX {
        let below = |name: &Name| {
            LABELS
                .into_iter()
                .chain(["missing"])
                .map(|label| join(&character_string(label), name.as_ref()).unwrap())
                .collect::<Vec<_>>()
        };
        level = level.iter().filter(|name| !name.to_string().starts_with("missing")).flat_map(below).collect();
        all.extend_from_slice(&level);
    }
    all
}

fn rrsets_of(node: Node<'_>) -> Rrsets {
    let key = |rrset: Rrset<'_>| (rrset.rtype(), rrset.covered().map_or(0, |covered| covered.0));
    node.rrsets().map(|rrset| (key(rrset), (rrset.ttl(), rrset.rdatas().collect()))).collect()
}

fn looked_up(view: View<'_>, name: &Name) -> Found {
    let mut suffixes = Suffixes::new();
    suffixes.set(name.wire()).unwrap();
    let encloser = |skipped: usize| name.as_ref().skip_labels(skipped).unwrap().to_owned();
    match view.look_up(&suffixes) {
        Lookup::Found(node) => Found::Itself(node.name()),
        Lookup::Delegated { cut, skipped } => {
            assert_eq!(cut.name(), encloser(skipped));
            Found::Delegated(cut.name())
        }
        Lookup::Redirected { dname, skipped } => {
            assert_eq!(dname.name(), encloser(skipped));
            Found::Redirected(dname.name())
        }
        Lookup::Wildcard { wildcard, skipped } => {
            assert_eq!(wildcard.name(), join(b"\x01*", encloser(skipped).as_ref()).unwrap());
            Found::Wildcard(wildcard.name())
        }
        Lookup::Missing { skipped } => Found::Missing(encloser(skipped)),
    }
}

fn assert_agree(view: View<'_>, model: &Model) {
    let names: Vec<Name> = view.nodes_in_order().map(Node::name).collect();
    assert_eq!(names, model.names().into_iter().collect::<Vec<_>>(), "the names, in order");
    assert_eq!(view.nodes().map(Node::name).collect::<BTreeSet<_>>(), model.names(), "the names");
    for node in view.nodes() {
        let name = node.name();
        assert_eq!(rrsets_of(node), model.0.get(&name).cloned().unwrap_or_default(), "the records of {name}");
        assert_eq!(node.is_apex(), name == apex(), "whether {name} is the apex");
        assert_eq!(node.is_cut(), model.is_cut(&name), "whether {name} is a cut");
        assert_eq!(node.has_dname(), model.has(&name, Rtype::DNAME), "whether {name} has a DNAME");
        assert_eq!(node.is_occluded(), model.is_occluded(&name), "whether {name} is occluded");
        assert_eq!(node.is_empty_non_terminal(), !model.0.contains_key(&name), "whether {name} owns nothing");
        for rrset in node.rrsets() {
            assert_eq!(referred(rrset), targets(rrset, model), "what {name} {} refers to", rrset.rtype());
        }
    }
    for name in universe() {
        assert_eq!(view.find(name.as_ref()).is_some(), model.exists(&name), "whether {name} is there");
        assert_eq!(looked_up(view, &name), model.look_up(name.as_ref()), "what is found for {name}");
    }
}

/// The nodes whose addresses `rrset` says belong into the additional section.
fn referred(rrset: Rrset<'_>) -> BTreeSet<Name> {
    let has_address = |node: &Node<'_>| node.rrset(Rtype::A).is_some();
    rrset.referred().map(|referred| referred.node).filter(has_address).map(Node::name).collect()
}

/// The names in `rrset` that have an address in the zone.
fn targets(rrset: Rrset<'_>, model: &Model) -> BTreeSet<Name> {
    let at = match rrset.rtype() {
        Rtype::NS => 0,
        Rtype::MX => 2,
        _ => return BTreeSet::new(),
    };
    let names = rrset.rdatas().map(|rdata| NameRef::parse(&rdata[at..]).unwrap().to_owned());
    names.filter(|name| model.has(name, Rtype::A)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_zone_is_the_sorted_map_of_its_names(rrsets in zones()) {
        let model = model(&rrsets);
        assert_agree(zone(&model).view(), &model);
    }

    /// Signatures follow what they cover, whatever is said of them.
    #[test]
    fn a_capped_view_is_the_zone_with_lower_ttls(
        rrsets in zones(), capped in prop::collection::vec(any::<prop::sample::Index>(), 0..4), cap in 0u32..5,
    ) {
        let mut model = model(&rrsets);
        let base = zone(&model);
        let all: Vec<(Name, Rtype)> = model
            .0
            .iter()
            .flat_map(|(owner, rrsets)| rrsets.keys().map(|&(rtype, _)| (owner.clone(), rtype)))
            .filter(|&(_, rtype)| rtype != Rtype::RRSIG)
            .collect();
        let capped: BTreeSet<_> = capped.into_iter().map(|index| index.get(&all).clone()).collect();
        let changes: Vec<Change> = capped
            .iter()
            .map(|(owner, rtype)| {
                let (ttl, rdatas) = &model.0[owner][&(*rtype, 0)];
                let rdatas = rdatas.iter().map(|rdata| rdata.as_slice().into()).collect();
                Change { owner: owner.clone(), rtype: *rtype, ttl: *ttl, capped: true, rdatas }
            })
            .collect();
        let patch = Patch::new(&base, &changes).unwrap();
        let open = View::new(&base, Some(&patch), base.serial());
        assert_agree(open, &model);
        prop_assert_eq!(open.negative_ttl(), base.negative_ttl());
        let cap = Ttl(cap * 60);
        for (owner, rrsets) in &mut model.0 {
            for ((rtype, covered), (ttl, _)) in rrsets {
                let of = if *rtype == Rtype::RRSIG { Rtype(*covered) } else { *rtype };
                if capped.contains(&(owner.clone(), of)) {
                    *ttl = cap.min(*ttl);
                }
            }
        }
        assert_agree(open.capped(cap), &model);
        let is_soa_capped = capped.contains(&(apex(), Rtype::SOA));
        let negative = if is_soa_capped { cap.min(base.negative_ttl()) } else { base.negative_ttl() };
        prop_assert_eq!(open.capped(cap).negative_ttl(), negative);
    }

    #[test]
    fn a_patched_view_is_the_zone_with_its_changes(rrsets in zones(), changed in changes()) {
        let mut model = model(&rrsets);
        let base = zone(&model);
        let changes: Vec<Change> = changed
            .iter()
            .map(|(owner, (rtype, ttl, rdatas))| Change {
                owner: owner.clone(),
                rtype: *rtype,
                ttl: *ttl,
                capped: false,
                rdatas: rdatas.iter().map(|rdata| rdata.as_slice().into()).collect(),
            })
            .collect();
        for (owner, (rtype, ttl, rdatas)) in &changed {
            model.set(owner, *rtype, *ttl, rdatas.clone());
        }
        let rebuilt = base.rebuilt(&changes).unwrap();
        assert_agree(rebuilt.view(), &model);
        match Patch::new(&base, &changes) {
            Ok(patch) => assert_agree(View::new(&base, Some(&patch), base.serial()), &model),
            Err(PatchError::Structure { owner, rtype }) => {
                let moves = changed.iter().any(|(changed, (of, ..))| *changed == owner && *of == rtype);
                prop_assert!(moves && (rtype == Rtype::NS || rtype == Rtype::DNAME));
            }
            Err(other) => panic!("{other}"),
        }
    }
}
