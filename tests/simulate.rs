//! `watari plan simulate`: what it draws (`tests/simulate/NAME.txt`), and that no random plan breaks its promise.
//!
//! `UPDATE_GOLDEN=1 cargo test --test simulate` writes the texts anew. Seed and instant are given: nothing depends on
//! chance or on the day on which the tests run.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/command.rs"]
mod command;
#[path = "support/golden.rs"]
mod golden;

use std::fs;
use std::path::Path;
use std::process::Output;

use command::text;
use golden::assert_golden;
use proptest::prelude::*;
use tempfile::TempDir;
use watari::clock::Instant;
use watari::timeline::simulate::{Population, simulate};
use watari::timeline::{Run, load};
use watari::wire::Name;
use watari::zone::text::NoInclude;

const T: i64 = 1_796_061_600; // 2026-11-30T18:00:00Z

const ZONE: &str = "\
$TTL 86400
@       IN SOA  ns1 hostmaster 2026112301 7200 3600 1209600 300
        IN NS   ns1
        IN NS   ns2
ns1     IN A    192.0.2.1
ns2     IN A    192.0.2.2
www     IN A    192.0.2.10
";

const FLIP: &str = r#"version = 1
at = "2026-12-01T03:00[Asia/Tokyo]"

[[flip]]
name = "www"
type = "A"
from = ["192.0.2.10"]
to = ["192.0.2.11"]
"#;

const HAND_OVER: &str = r#"version = 1
at = "2026-12-01T03:00[Asia/Tokyo]"

[authority]
from = ["ns1", "ns2"]
to = ["ns1.new.example.", "ns2.new.example."]
parent_ttl = "2d"
ds = "absent"
here = "nothing"
"#;

fn folder(plan: &str) -> TempDir {
    command::folder(ZONE, Some(plan))
}

/// Runs it with few caches, as of a month before the flip.
fn watari(folder: &Path, more: &[&str]) -> Output {
    let few = ["plan", "simulate", "example.com", "--caches", "600", "--seed", "7", "--now", "2026-11-01T00:00Z"];
    command::watari(folder, &[&few, more].concat())
}

fn fine(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_flip_is_drawn_with_its_instant_and_its_horizon() {
    assert_golden("simulate", "flip", &fine(&watari(folder(FLIP).path(), &[])));
}

#[test]
fn the_ways_to_lower_ttls_are_set_side_by_side() {
    assert_golden("simulate", "compare", &fine(&watari(folder(FLIP).path(), &["--compare"])));
}

#[test]
fn a_hand_over_shows_who_asks_the_old_servers() {
    assert_golden("simulate", "hand-over", &fine(&watari(folder(HAND_OVER).path(), &[])));
}

#[test]
fn programs_get_all_of_it() {
    let folder = folder(FLIP);
    let shown = fine(&watari(folder.path(), &["--json"]));
    let mut json: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let series = json["series"].as_array_mut().unwrap();
    assert!(series.len() > 200);
    let seconds = |part: &serde_json::Value, key: &str| part[key].as_f64().unwrap();
    for pair in series.windows(2) {
        let end = seconds(&pair[0], "offset") + seconds(&pair[0], "seconds");
        assert!((end - seconds(&pair[1], "offset")).abs() < 0.01, "no gap: {pair:?}");
    }
    let asked: f64 = series.iter().map(|part| seconds(part, "queries_per_second") * seconds(part, "seconds")).sum();
    // Rates are rounded, and some are of hours.
    let answers = json["answers"].as_f64().unwrap();
    assert!((asked - answers).abs() < answers / 20.0, "{asked} of {answers}");
    // What is left is short enough to be read.
    json["series"].as_array_mut().unwrap().truncate(3);
    assert_golden("simulate", "json", &(serde_json::to_string_pretty(&json).unwrap() + "\n"));
    let compared = fine(&watari(folder.path(), &["--json", "--compare"]));
    let compared: serde_json::Value = serde_json::from_str(&compared).unwrap();
    assert_eq!(compared["ways"].as_array().unwrap().len(), 5);
}

#[test]
fn the_same_seed_draws_the_same_picture() {
    let folder = folder(FLIP);
    let json = |more: &[&str]| fine(&watari(folder.path(), &[&["--json"], more].concat()));
    assert_eq!(json(&[]), json(&[]));
    // Of a flag that is given twice clap says so, instead of taking one.
    assert_eq!(watari(folder.path(), &["--seed", "8"]).status.code(), Some(2));
}

#[test]
fn a_picture_is_written_whole_and_replaced() {
    let folder = folder(FLIP);
    let path = folder.path().join("picture.svg");
    fs::write(&path, "before").unwrap();
    for more in [&["--svg", "picture.svg"][..], &["--svg", "picture.svg", "--compare"]] {
        fine(&watari(folder.path(), more));
        let drawn = fs::read_to_string(&path).unwrap();
        assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
        assert!(drawn.contains("promised horizon: T + 60 s"));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "zones, and the picture");
    let refused = watari(folder.path(), &["--svg", "gone/picture.svg"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("the picture gone/picture.svg can't be written"));
}

#[test]
fn a_plan_that_flips_nothing_says_where_to_look() {
    let folder = folder(FLIP);
    fs::write(folder.path().join("zones/example.com.zone"), ZONE.replace("192.0.2.10", "192.0.2.11")).unwrap();
    let refused = watari(folder.path(), &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("watari plan show"), "{}", text(&refused.stderr));
}

/// A plan in numbers.
#[derive(Clone, Debug)]
struct World {
    ttl: u32,
    minimum: u32,
    low_ttl: u32,
    /// How TTLs go down, or that there are secondaries.
    way: String,
    /// Seconds from T at which it is armed.
    armed: i64,
    seed: u64,
}

fn worlds() -> impl Strategy<Value = World> {
    let way = prop_oneof![
        Just("lower = \"ladder\"\n".to_owned()),
        Just("lower = \"once\"\n".to_owned()),
        (0u32..4000).prop_map(|spread| format!("lower = \"countdown\"\nspread = {spread}\n")),
        (1u32..8000).prop_map(|within| format!("[secondaries]\nservers = [\"192.0.2.53\"]\nwithin = {within}\n")),
    ];
    let armed = prop_oneof![Just(-1_000_000_000i64), -200_000i64..100_000];
    (60u32..200_000, 1u32..90_000, 60u32..4000, way, armed, any::<u64>())
        .prop_map(|(ttl, minimum, low_ttl, way, armed, seed)| World { ttl, minimum, low_ttl, way, armed, seed })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_model_cache_holds_old_data_after_what_its_class_was_promised(world in worlds()) {
        let World { ttl, minimum, low_ttl, way, armed, seed } = world;
        let apex = Name::from_text("example.com").unwrap();
        let zone = ZONE.replace("86400\n@", &format!("{ttl}\n@")).replace("1209600 300", &format!("1209600 {minimum}"));
        let path = "example.com.zone".into();
        let zone = watari::zone::text::load(apex.as_ref(), &path, zone.as_bytes(), &NoInclude).zone.unwrap();
        let head = format!("version = 1\nat = \"2026-12-01T03:00[Asia/Tokyo]\"\nlate = \"accept\"\nlow_ttl = {low_ttl}\n");
        let flips = "[[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.10\"]\nto = []\n\
                     [[flip]]\nname = \"new\"\ntype = \"A\"\nfrom = []\nto = [\"192.0.2.11\"]\nttl_after = \"1d\"\n";
        let armed_at = Instant::from_unix_seconds(T + armed);
        let path = "example.com.plan.toml".into();
        let loaded = load(&zone, &path, (head + &way + flips).as_bytes(), &Run::proposed(armed_at));
        let schedule = loaded.schedule.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        let outcome = simulate(&schedule, &Population::of_the_internet(60, seed)).unwrap();
        prop_assert_eq!(outcome.overdue, 0);
        for class in &outcome.classes {
            prop_assert!(class.last_old.is_none_or(|last| last <= class.promised), "{class:?}");
        }
        prop_assert_eq!(outcome.caches, 60);
    }
}
