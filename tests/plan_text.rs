//! Whatever stands in a plan's file, reading it ends in a plan or in diagnostics that can be drawn.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use watari::clock::Instant;
use watari::diag;
use watari::timeline::{self, Run};
use watari::wire::Name;
use watari::zone::Zone;
use watari::zone::text::{NoInclude, load};

const ZONE: &str = "\
$TTL 86400
@       IN SOA ns1 hostmaster 2026112301 7200 3600 1209600 300
        IN NS  ns1
ns1     IN A   192.0.2.1
www     IN A   192.0.2.10
shop    IN CNAME www
*.w     IN TXT \"wild\"
sub     IN NS  ns.sub
";

const PLAN: &str = r#"version = 1
at = "2026-12-01T03:00[Asia/Tokyo]"
arm = "on-load"
late = "accept"
low_ttl = "60s"
ttl_after = "1h"
lower = "countdown"
spread = "90s"
low_for = "20m"
raise = "once"

[[flip]]
name = "www"
type = "A"
from = ["192.0.2.10"]
to = ["192.0.2.20", "192.0.2.21"]

[[probe]]
name = "web"
kind = "https"
url = "https://www.example.com:8443/health?x"
address = "[2001:db8::1]"
status = [200, 204]
body = "ok"

[[probe]]
name = "names"
kind = "dns"
servers = ["192.0.2.53", "[2001:db8::53]:5353"]
same = ["www A", "@ SOA"]
serials = "lag"

[[gate]]
before = "lower"
probe = "names"
pass = "2 of 3"
over = "1m"

[[gate]]
before = "flip"
approve = "the customer has agreed"

[[watch]]
probe = "web"
fail = "3 of 5"
for = "1h"
rollback = true

[[flip]]
name = "a.w"
type = "TXT"
from = []
to = ['"日本語" "it''s"']
ttl_after = 300
"#;

const SCRAPS: [&str; 24] = [
    "[",
    "]",
    "\"",
    "'",
    "=",
    "\n",
    "[[flip]]\n",
    "\\",
    "\0",
    "é",
    "日",
    "{",
    "}",
    "#",
    ",",
    "at",
    "\"\"\"",
    "1979-05-27",
    "9999999999999999999",
    "[Asia/Tokyo]",
    "www",
    "*",
    "..",
    "\u{feff}",
];

const VALUES: [&str; 26] = [
    "1",
    "-1",
    "1.5",
    "true",
    "\"\"",
    "\"@\"",
    "\".\"",
    "[]",
    "[[]]",
    "{}",
    "{ a = 1 }",
    "[\"\"]",
    "[\"@\"]",
    "1979-05-27",
    "07:32:00",
    "1979-05-27T07:32:00Z",
    "\"2262-04-11T23:47:16Z\"",
    "\"1970-01-01T00:00:00Z\"",
    "2147483647",
    "\"68y\"",
    "\"2147483647\"",
    "4294967296",
    "[\"192.0.2.10\", \"192.0.2.10\"]",
    "\"\\u0000\"",
    "\"*.*\"",
    "\"TYPE0\"",
];

fn zone() -> Zone {
    let apex = Name::from_text("example.com").unwrap();
    load(apex.as_ref(), &"example.com.zone".into(), ZONE.as_bytes(), &NoInclude).zone.unwrap()
}

fn is_drawn(text: &[u8]) {
    let loaded =
        timeline::load(&zone(), &"example.com.plan.toml".into(), text, &Run::proposed(Instant::from_unix_seconds(0)));
    assert_eq!(loaded.schedule.is_none(), loaded.diagnostics.iter().any(diag::Diagnostic::is_error));
    diag::render(&loaded.diagnostics, false);
    if let Some(schedule) = loaded.schedule {
        timeline::show::render(&schedule, Instant::from_unix_seconds(1), true);
        serde_json::to_string(&schedule).unwrap();
    }
}

#[test]
fn a_byte_order_mark_or_windows_line_ends_do_no_harm() {
    let plan = PLAN.replace("it''s", "its");
    for text in [plan.clone(), plan.replace('\n', "\r\n"), format!("\u{feff}{plan}")] {
        let loaded = timeline::load(&zone(), &"p".into(), text.as_bytes(), &Run::proposed(Instant::MIN));
        assert!(loaded.schedule.is_some(), "{}", diag::render(&loaded.diagnostics, false));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_drawn(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        is_drawn(&octets);
    }

    #[test]
    fn any_damage_to_a_plan_is_drawn(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..20, 0usize..24), 1..5),
    ) {
        let mut text = PLAN.replace("it''s", "its").into_bytes();
        for (at, removed, scrap) in cuts {
            let at = at.index(text.len() + 1).min(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, SCRAPS[scrap].bytes());
        }
        is_drawn(&text);
    }

    #[test]
    fn any_value_of_any_key_is_drawn(key in 0usize..15, value in prop::sample::select(&VALUES[..])) {
        let keys = [
            "version", "at", "arm", "late", "low_ttl", "ttl_after", "lower", "spread", "low_for", "raise", "flip", "name",
            "type", "from", "to",
        ];
        let plan = PLAN.replace("it''s", "its");
        let damaged: Vec<_> = plan
            .lines()
            .map(|line| match line.strip_prefix(keys[key]) {
                Some(rest) if rest.starts_with(" =") => format!("{} = {value}", keys[key]),
                _ => line.to_owned(),
            })
            .collect();
        is_drawn(damaged.join("\n").as_bytes());
    }
}
