//! Catalog zones that come, change and go, on a clock of their own.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::control::config::secondary::parse;
use crate::zone::members::Label;

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

fn at(seconds: i64) -> Instant {
    Instant::from_unix_seconds(1_800_000_000 + seconds)
}

fn settings(more: &str) -> Arc<Consumption> {
    let text = format!("primaries = [\"192.0.2.1\"]\n[catalog]\n{more}");
    parse(&"c".into(), text.as_bytes()).0.unwrap().catalog.unwrap()
}

/// Members as `label=name`, with `:group` and `>catalog` behind it.
fn listed(written: &[&str]) -> Result<Members, Broken> {
    let member = |written: &&str| {
        let (rest, goes_to) = written.split_once('>').map_or((*written, None), |(rest, to)| (rest, Some(name(to))));
        let (rest, groups) = rest.split_once(':').map_or((rest, vec![]), |(rest, group)| (rest, vec![group.into()]));
        let (label, apex) = rest.split_once('=').unwrap();
        (name(apex), Member { label: Label(label.as_bytes().into()), groups: groups.into(), goes_to })
    };
    Ok(written.iter().map(member).collect())
}

/// The decisions in words, sorted.
fn words(decisions: Vec<Decision>) -> String {
    let word = |decision: Decision| match decision {
        Decision::Fetch(apex) => format!("fetch {apex}"),
        Decision::Reset(apex) => format!("reset {apex}"),
        Decision::Leave(apex) => format!("leave {apex}"),
    };
    let mut words: Vec<_> = decisions.into_iter().map(word).collect();
    words.sort();
    words.join(", ")
}

/// A world of catalog zones `c.` and `d.`, with its database.
#[derive(Default)]
struct World {
    consumers: Consumers,
    rows: HashMap<Name, Enrolled>,
    kept: BTreeSet<Name>,
    files: Vec<Name>,
}

impl World {
    fn new(more: &str) -> World {
        let mut world = World::default();
        for catalog in ["c.", "d."] {
            assert!(world.consumers.obey(&name(catalog), settings(more)).is_empty());
        }
        world
    }

    fn came(&mut self, catalog: &str, members: &[&str], now: i64) -> Outcome {
        let files = self.files.clone();
        let outcome = self.consumers.came(&name(catalog), listed(members), |apex| files.contains(apex), at(now));
        self.write();
        outcome.unwrap()
    }

    /// What follows from what came, and what is due then.
    fn after(&mut self, catalog: &str, members: &[&str], now: i64) -> String {
        let mut decisions = self.came(catalog, members, now).decisions;
        decisions.extend(self.consumers.due(at(now)));
        self.write();
        words(decisions)
    }

    fn due(&mut self, now: i64) -> String {
        let due = words(self.consumers.due(at(now)));
        self.write();
        due
    }

    fn write(&mut self) {
        for (apex, noted) in self.consumers.take_notes() {
            match noted {
                Noted::Enrolled(enrolled) => _ = self.rows.insert(apex, enrolled),
                Noted::Anew(enrolled) => {
                    self.kept.remove(&apex);
                    self.rows.insert(apex, enrolled);
                }
                Noted::Gone => {
                    self.kept.remove(&apex);
                    self.rows.remove(&apex);
                }
                Noted::Released => _ = self.rows.remove(&apex),
            }
        }
        // What is enrolled is fetched, and kept.
        self.kept.extend(self.consumers.iter().map(|(apex, _)| apex.clone()));
    }

    fn has_kept(&self, apex: &str) -> bool {
        self.kept.contains(&name(apex))
    }

    /// The same after a restart; the catalog zones are obeyed again as their files say.
    fn restarted(mut self, more: &str, now: i64) -> World {
        self.consumers = Consumers::known(self.rows.clone().into_iter().collect(), at(now));
        for catalog in ["c.", "d."] {
            self.consumers.obey(&name(catalog), settings(more));
        }
        self
    }
}

#[test]
fn members_come_and_go_and_nothing_follows_from_what_is_the_same() {
    let mut world = World::new("");
    assert_eq!(world.after("c.", &["1=a.", "2=b."], 0), "fetch a., fetch b.");
    assert_eq!(world.after("c.", &["1=a.", "2=b."], 1), "");
    assert_eq!(world.after("c.", &["1=a.", "3=e."], 2), "fetch e., leave b.");
    assert!(world.has_kept("b."));
    // It is there at once when it is listed again; under another label it begins anew.
    assert_eq!(world.after("c.", &["1=a.", "2=b."], 3), "fetch b., leave e.");
    assert!(world.consumers.fetched_from(&name("b.")).unwrap().1);
    assert_eq!(world.after("c.", &["1=a.", "9=e."], 4), "fetch e., leave b.");
    assert!(!world.consumers.fetched_from(&name("e.")).unwrap().1);
    // What is not listed again is let go of.
    assert_eq!(world.due(4 + 7 * 24 * 3600), "");
    assert!(!world.has_kept("b.") && world.has_kept("a."));
    assert_eq!(world.consumers.next(), None);
}

#[test]
fn rfc9432_5_4_a_member_with_another_label_begins_anew() {
    let mut world = World::new("");
    world.came("c.", &["1=a."], 0);
    assert_eq!(world.after("c.", &["2=a."], 1), "reset a.");
    assert_eq!(world.rows[&name("a.")].member.label, Label(b"2".as_slice().into()));
}

#[test]
fn rfc9432_5_1_what_is_broken_changes_nothing_and_is_said_once() {
    let mut world = World::new("");
    world.came("c.", &["1=a."], 0);
    let broken = Broken::NoVersion(name("c."));
    let come = |world: &mut World, broken: &Broken| {
        world.consumers.came(&name("c."), Err(broken.clone()), |_| false, at(1)).map(|outcome| words(outcome.decisions))
    };
    assert_eq!(come(&mut world, &broken), Err(broken.clone()));
    assert_eq!(come(&mut world, &broken), Ok(String::new()));
    assert_eq!(world.consumers.broken(&name("c.")), Some(&broken));
    let mut world = world.restarted("", 2);
    assert!(world.consumers.member(&name("a.")).is_some());
    assert_eq!(world.after("c.", &["1=a.", "2=b."], 3), "fetch b.");
    assert_eq!(world.consumers.broken(&name("c.")), None);
}

#[test]
fn rfc9432_5_2_a_name_has_one_owner() {
    let mut world = World::new("");
    world.files = vec![name("mine.")];
    world.came("c.", &["1=a.", "2=b."], 0);
    let outcome = world.came("d.", &["1=a.", "2=mine.", "3=d.", "4=e."], 1);
    assert_eq!(words(outcome.decisions), "fetch e.");
    let refused = outcome.refused;
    assert_eq!(
        refused,
        [
            (name("a."), Refused::MemberOf(name("c."))),
            (name("d."), Refused::HasFile),
            (name("mine."), Refused::HasFile)
        ]
    );
    // It is said once.
    assert!(world.came("d.", &["1=a.", "2=mine.", "3=d.", "4=e."], 2).refused.is_empty());
    // With its owner gone the other has it, and nothing of what the first had.
    assert_eq!(world.after("c.", &["2=b."], 3), "leave a.");
    assert_eq!(world.consumers.vacant(&name("a.")).map(|decision| words(vec![decision])), Some("fetch a.".into()));
    world.write();
    assert_eq!(world.consumers.member(&name("a.")).unwrap().catalog, name("d."));
    assert!(!world.consumers.fetched_from(&name("a.")).unwrap().1);
    assert!(world.consumers.refused(&name("d.")).all(|(apex, _)| *apex != name("a.")));
    // With its file gone, too.
    world.files.clear();
    assert_eq!(words(world.consumers.vacant(&name("mine.")).into_iter().collect()), "fetch mine.");
    // A file that comes takes it away again, with what there is of it.
    assert_eq!(world.consumers.has_file(&name("b.")).unwrap().catalog, name("c."));
    world.write();
    assert!(world.has_kept("b.") && !world.rows.contains_key(&name("b.")));
    // One of a zone that was a member once has nothing of that.
    assert_eq!(world.after("d.", &[], 4), "leave a., leave e., leave mine.");
    assert_eq!(world.consumers.has_file(&name("a.")), None);
    world.write();
    assert!(!world.has_kept("a.") && world.has_kept("e."));
}

#[test]
fn rfc9432_4_3_1_a_member_goes_where_its_catalog_zone_lets_it() {
    // In either order; and what there is of it goes along if the label is the same.
    for (label, is_offered_first, follows) in
        [("1", true, "fetch a."), ("1", false, "fetch a."), ("2", true, "reset a."), ("2", false, "reset a.")]
    {
        let mut world = World::new("");
        world.came("c.", &["1=a.", "2=b."], 0);
        let new = [&*format!("{label}=a."), "2=b."];
        let offer = ["1=a.>d.", "2=b.>e."];
        let moved = match is_offered_first {
            true => {
                assert_eq!(world.after("c.", &offer, 1), "");
                world.after("d.", &new, 2)
            }
            false => {
                assert_eq!(world.after("d.", &new, 1), "");
                world.after("c.", &offer, 2)
            }
        };
        assert_eq!(moved, follows, "{label} {is_offered_first}");
        let enrolled = world.consumers.member(&name("a.")).unwrap();
        assert_eq!((&enrolled.catalog, enrolled.leaves_at), (&name("d."), None));
        assert_eq!(world.consumers.fetched_from(&name("a.")).unwrap().1, label == "1");
        // The old one lets it go, and that is nothing to it any more.
        assert_eq!(world.after("c.", &["2=b."], 3), "");
        assert_eq!(world.consumers.member(&name("b.")).unwrap().catalog, name("c."));
        let mut world = world.restarted("", 4);
        assert_eq!(world.after("c.", &["2=b."], 4) + &world.after("d.", &new, 4), "");
    }
}

#[test]
fn many_that_go_at_once_have_a_longer_grace() {
    let all: Vec<String> = (0..30).map(|number| format!("{number}=z{number}.")).collect();
    let first = |count: usize| all[..count].iter().map(String::as_str).collect::<Vec<_>>();
    let mut world = World::new("removal-grace = \"5s\"\n");
    world.came("c.", &first(30), 0);
    // Few, or fewer than half.
    let outcome = world.came("c.", &first(18), 1);
    assert_eq!((outcome.left.len(), outcome.grace.as_secs()), (12, 5));
    assert_eq!(world.due(5), "");
    assert_eq!(world.due(6).matches("leave").count(), 12);
    let outcome = world.came("c.", &[], 7);
    assert_eq!((outcome.left.len(), outcome.grace.as_secs()), (18, 3600));
    // Over a restart too.
    let mut world = world.restarted("removal-grace = \"5s\"\n", 8);
    assert_eq!(world.after("c.", &[], 1000), "");
    assert_eq!(world.consumers.iter().count(), 18);
    // Who notices in time has lost nothing.
    assert_eq!(world.after("c.", &first(10), 2000), "");
    assert_eq!(world.due(3606), "");
    assert_eq!(world.due(3607).matches("leave").count(), 8);
    // And afterwards, as long as it is kept, it is there again at once.
    assert_eq!(world.after("c.", &first(18), 4000).matches("fetch").count(), 8);
    assert!(world.consumers.fetched_from(&name("z17.")).unwrap().1);
}

#[test]
fn a_catalog_zone_that_is_obeyed_no_more_takes_its_members_along() {
    let mut world = World::new("kept = \"0s\"\n");
    world.came("c.", &["1=a."], 0);
    world.came("d.", &["1=b."], 0);
    assert_eq!(world.consumers.cease(&name("c."), at(1)), [name("a.")]);
    assert_eq!(world.due(1), "leave a.");
    assert!(world.has_kept("a.") && world.consumers.member(&name("b.")).is_some());
    world.consumers.obey(&name("c."), settings("kept = \"0s\"\n"));
    assert_eq!(world.due(2), "");
    assert!(!world.has_kept("a."));
}

#[test]
fn groups_say_how_a_member_is_fetched() {
    let more = "[catalog.group.x]\nprimaries = [\"192.0.2.9\"]\n";
    let mut world = World::new(more);
    assert_eq!(world.after("c.", &["1=a.:x", "2=b.:unknown", "3=e."], 0), "fetch a., fetch b., fetch e.");
    let from = |world: &World, apex: &str| {
        world.consumers.fetched_from(&name(apex)).unwrap().0.primaries[0].address.ip().to_string()
    };
    assert_eq!(["a.", "b.", "e."].map(|apex| from(&world, apex)), ["192.0.2.9", "192.0.2.1", "192.0.2.1"]);
    assert_eq!(world.consumers.group_of(world.consumers.member(&name("a.")).unwrap()).as_deref(), Some("x"));
    // Another group, and other settings, concern those that they concern.
    assert_eq!(world.after("c.", &["1=a.", "2=b.:x", "3=e.:y"], 1), "fetch a., fetch b.");
    let changed = world.consumers.obey(&name("c."), settings("[catalog.group.y]\nrefresh-max = \"1h\"\n"));
    assert_eq!(changed, [name("b."), name("e.")]);
}
