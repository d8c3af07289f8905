//! Portfolios: which zones they match, which wave those are in, what a zone's plan is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::super::{digest_of, parse};
use super::*;
use crate::wire::Name;

const FLIP: &str = "[[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.1\"]\nto = [\"192.0.2.2\"]\n";

fn text(head: &str) -> String {
    format!("version = 1\n{head}at = \"2026-12-01T03:00[Asia/Tokyo]\"\n{FLIP}")
}

fn path() -> Arc<str> {
    "spring.portfolio.toml".into()
}

fn read(text: &str) -> Result<Portfolio, Vec<Diagnostic>> {
    let (portfolio, faults) = Portfolio::read(&path(), text.as_bytes());
    portfolio.ok_or(faults)
}

fn zones(list: &str) -> Portfolio {
    read(&text(list)).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn codes(head: &str) -> Vec<&'static str> {
    read(&text(head)).err().into_iter().flatten().map(|fault| fault.code).collect()
}

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

#[test]
fn a_name_stands_for_itself_alone() {
    let portfolio = zones("zones = [\"shop.test\", \"日本語.example.\", \"UPPER.test\", \".\"]\n");
    for (zone, is) in [
        ("shop.test", true),
        ("SHOP.Test", true),
        ("a.shop.test", false),
        ("test", false),
        ("xn--wgv71a119e.example", true),
        ("upper.test", true),
        (".", true),
    ] {
        assert_eq!(portfolio.matches(name(zone).as_ref()), is, "{zone}");
    }
}

#[test]
fn an_asterisk_stands_for_one_or_more_labels() {
    let portfolio = zones("zones = [\"*.example\", \"*.a.test\"]\nexcept = [\"*.old.example\", \"Keep.example\"]\n");
    for (zone, is) in [
        ("example", false),
        ("a.example", true),
        ("b.A.Example", true),
        ("old.example", true),
        ("x.old.example", false),
        ("keep.example", false),
        ("sub.keep.example", true),
        ("a.test", false),
        ("z.a.test", true),
        ("z.b.test", false),
        ("aexample", false),
        (".", false),
    ] {
        assert_eq!(portfolio.matches(name(zone).as_ref()), is, "{zone}");
    }
}

#[test]
fn an_asterisk_alone_is_every_zone() {
    let portfolio = zones("zones = [\"*\"]\nexcept = [\"test\"]\n");
    for (zone, is) in [(".", true), ("com", true), ("a.b.c", true), ("test", false), ("a.test", true)] {
        assert_eq!(portfolio.matches(name(zone).as_ref()), is, "{zone}");
    }
}

#[test]
fn what_is_no_pattern_is_a_fault_each_with_its_place() {
    let head = "zones = [\"a*.example\", \"www.*.example\", \"*.*.example\", \"\", \"a..b\", 7, \"ok.test\"]\n";
    let faults = read(&text(head)).unwrap_err();
    let found: Vec<_> = faults.iter().map(|fault| (fault.code, fault.labels[0].place.column)).collect();
    let pattern = "portfolio-pattern";
    assert_eq!(
        found,
        [(pattern, 10), (pattern, 24), (pattern, 41), (pattern, 56), (pattern, 60), ("plan-wrong-type", 68)]
    );
    assert_eq!(codes("zones = []\n"), ["portfolio-zones"]);
    assert_eq!(codes("zones = \"*\"\n"), ["plan-wrong-type"]);
    assert_eq!(codes(""), ["plan-missing-key"]);
    let many: Vec<_> = (0..=PATTERNS_MAX).map(|i| format!("\"z{i}.test\"")).collect();
    assert_eq!(codes(&format!("zones = [{}]\n", many.join(","))), ["portfolio-zones"]);
}

fn waved(waves: &str) -> Result<Portfolio, Vec<Diagnostic>> {
    read(&format!("{}[waves]\n{waves}", text("zones = [\"*\"]\n")))
}

#[test]
fn waves_are_counted_and_some_time_apart() {
    assert_eq!(waved("count = 5\nevery = \"1h\"\n").unwrap().waves(), 5);
    assert_eq!(waved("count = 1\n").unwrap().waves(), 1);
    for (waves, code) in [
        ("count = 0\nevery = \"1h\"\n", "portfolio-waves"),
        ("count = 1001\nevery = \"1h\"\n", "portfolio-waves"),
        ("count = 2\nevery = \"0\"\n", "portfolio-waves"),
        ("count = 2\n", "plan-missing-key"),
        ("every = \"1h\"\n", "plan-missing-key"),
        ("count = \"2\"\nevery = \"1h\"\n", "plan-wrong-type"),
        ("count = 2\nevery = \"soon\"\n", "plan-ttl"),
        ("count = 2\nevery = \"1h\"\nfirst = 1\n", "plan-unknown-key"),
        ("count = 1000\nevery = \"60y\"\n", "plan-ttl"),
        ("count = 1000\nevery = \"3000w\"\n", "plan-instant"),
    ] {
        let faults = waved(waves).expect_err(waves);
        assert_eq!(faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), [code], "{waves}");
    }
}

#[test]
fn the_plan_of_a_zone_is_moved_by_its_wave() {
    let text = format!("{}[waves]\ncount = 5\nevery = \"90m\"\n", text("zones = [\"*\"]\n"));
    let portfolio = read(&text).unwrap();
    let mut seen = [0; 5];
    for i in 0..1000 {
        let apex = name(&format!("z{i}.example"));
        let (plan, faults) = parse(apex.as_ref(), &path(), text.as_bytes());
        assert_eq!(faults, []);
        let plan = plan.unwrap();
        let wave = portfolio.wave(apex.as_ref());
        assert_eq!(plan.at.value, portfolio.at(wave));
        assert_eq!(plan.at().since(to_instant(&portfolio.at(0))), Duration::from_secs(5400) * wave);
        assert_eq!(plan.flips[0].owner.value, name(&format!("www.z{i}.example")));
        seen[wave as usize] += 1;
    }
    assert!(seen.iter().all(|&count| (140..260).contains(&count)), "{seen:?}");
    // The case of a name means nothing, and what the hash is stays for ever: nodes of different age must agree.
    assert_eq!(portfolio.wave(name("SHOP.Example").as_ref()), portfolio.wave(name("shop.example").as_ref()));
    let waves: Vec<_> =
        ["a.example", "b.example", "shop.test", "."].map(|zone| portfolio.wave(name(zone).as_ref())).into();
    assert_eq!(waves, [2, 2, 3, 1]);
}

#[test]
fn who_adds_a_zone_edits_nobody_elses_plan() {
    let one = zones("zones = [\"a.test\"]\n");
    let two = zones("zones = [\n  \"a.test\", # a ] in a remark\n  \"b.test\",\n]\n");
    assert_eq!(digest_of(one.plan_text()), digest_of(two.plan_text()));
    let late = zones("zones = [\"a.test\"]\nlate = \"accept\"\n");
    assert_ne!(digest_of(one.plan_text()), digest_of(late.plan_text()));
    let (plan, faults) = parse(name("a.test").as_ref(), &path(), two.plan_text());
    assert_eq!((faults, plan.unwrap().digest()), (vec![], digest_of(one.plan_text())));
}

#[test]
fn what_is_said_of_a_zones_plan_is_shown_in_the_lines_of_the_file() {
    let whole = text("zones = [\n  \"a.test\",\n  \"b.test\",\n]\nexcept = [\n]\n").replace("192.0.2.2", "192.0.2.300");
    let (_, faults) = Portfolio::read(&path(), whole.as_bytes());
    let portfolio = read(&whole.replace("192.0.2.300", "192.0.2.3")).unwrap();
    let broken = String::from_utf8(portfolio.plan_text().to_vec()).unwrap().replace("192.0.2.3", "192.0.2.300");
    let (_, mut moved) = parse(name("a.test").as_ref(), &path(), broken.as_bytes());
    assert_ne!(moved[0].labels[0].place.line, faults[0].labels[0].place.line);
    portfolio.locate(&path(), &mut moved);
    assert_eq!((moved.len(), faults.len()), (1, 1));
    assert_eq!(moved[0].labels[0].place, faults[0].labels[0].place);
}

#[test]
fn a_plan_of_one_zone_has_no_list_of_zones() {
    let text = format!("{}[waves]\ncount = 2\nevery = \"1h\"\n", text("zones = [\"*\"]\nexcept = []\n"));
    let (plan, faults) = parse(name("a.test").as_ref(), &"a.test.plan.toml".into(), text.as_bytes());
    assert!(plan.is_none());
    assert_eq!(faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["plan-portfolio-key"; 3]);
}
