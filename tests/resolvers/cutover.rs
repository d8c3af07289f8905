//! A cutover of seconds: a zone, its plan, and what is promised of it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::message::Message;
use crate::support::watari::Watari;

/// R, the TTL before.
pub(crate) const OLD_TTL: u32 = 16;
/// r.
pub(crate) const LOW_TTL: u32 = 2;
/// Over how long a countdown spreads its deadlines.
const SPREAD: u32 = 2;

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    Old,
    New,
}

impl Data {
    /// What `message` says of the address of a `www`, and its TTL; `None` if nothing.
    pub(crate) fn of(message: &Message) -> Option<(u32, Data)> {
        let [record] = &*message.answer else { return None };
        let data = match &*record.rdata {
            [192, 0, 2, 10] => Data::Old,
            [192, 0, 2, 11] => Data::New,
            _ => return None,
        };
        Some((record.ttl, data))
    }
}

/// How TTLs go down before the flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Ladder,
    Countdown,
    Once,
    /// Not at all: the plan comes too late for it. Caches hold old data long after the flip, and the horizon says so.
    Late,
}

impl Way {
    pub(crate) const ALL: [Way; 4] = [Way::Ladder, Way::Countdown, Way::Once, Way::Late];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Ladder => "ladder",
            Way::Countdown => "countdown",
            Way::Once => "once",
            Way::Late => "late",
        }
    }

    /// How many cutovers go this way.
    pub(crate) fn count(self) -> usize {
        match self {
            Way::Ladder | Way::Countdown => 50,
            Way::Once | Way::Late => 10,
        }
    }

    /// The names of the zones that go this way.
    pub(crate) fn zones(self) -> impl Iterator<Item = String> {
        (0..self.count()).map(move |number| format!("{}{number}.example", self.name()))
    }

    /// The text of a plan that flips at `at`.
    pub(crate) fn plan(self, at: Timestamp) -> String {
        let keys = match self {
            Way::Ladder => String::new(),
            Way::Countdown => format!("lower = \"countdown\"\nspread = {SPREAD}\n"),
            Way::Once => "lower = \"once\"\n".to_owned(),
            Way::Late => "late = \"accept\"\n".to_owned(),
        };
        format!(
            "version = 1\nat = \"{at}\"\narm = \"on-load\"\nlow_ttl = {LOW_TTL}\n{keys}\n\
             [[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.10\"]\nto = [\"192.0.2.11\"]\n"
        )
    }
}

/// The text of a zone.
pub(crate) fn zone() -> String {
    format!("$TTL {OLD_TTL}\n@ SOA ns h 1 7200 3600 1209600 2\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.10\n")
}

/// A cutover, and what is promised of it.
#[derive(Clone, Debug)]
pub(crate) struct Cutover {
    pub(crate) way: Way,
    /// The name that flips, with its last dot.
    pub(crate) name: String,
    /// T; T1, if the plan came later than that.
    pub(crate) at: Timestamp,
    /// When TTLs begin to go down.
    pub(crate) lowered_at: Timestamp,
    /// The promise.
    pub(crate) horizon: Timestamp,
    /// How often a busy resolver is to ask from then until T.
    pub(crate) queries: f64,
    /// When clients begin to ask.
    pub(crate) asked_from: Timestamp,
}

impl Cutover {
    /// What `server` promises of all zones: each horizon by `watari status`, the rest, which is alike for all zones that
    /// go one way, by `watari plan show` of the first of them.
    ///
    /// # Panics
    /// If the two don't say the same.
    pub(crate) fn all(server: &Watari) -> Vec<Cutover> {
        let status = read(server, &["status", "--json"]);
        let stands = status["zones"].as_array().expect("a list of zones");
        let mut cutovers = Vec::new();
        for way in Way::ALL {
            let first = way.zones().next().expect("a zone");
            let shown = read(server, &["plan", "show", &first, "--json"]);
            let lead = instant(&shown["at"]).duration_since(instant(&shown["steps"][0]["from"]));
            for (number, zone) in way.zones().enumerate() {
                let name = format!("{zone}.");
                let stand = stands.iter().find(|stand| stand["zone"] == *name).expect("a zone that is armed");
                let (at, horizon) = (instant(&stand["at"]), instant(&stand["horizon"]));
                assert!(zone != first || shown["horizon"] == stand["horizon"], "{shown} {stand}");
                // At the first lowering caches hold copies of all ages.
                let place = (number as f64 + 0.5) / way.count() as f64;
                cutovers.push(Cutover {
                    way,
                    name: format!("www.{name}"),
                    at: at.max(horizon - SignedDuration::from_secs(i64::from(OLD_TTL))),
                    lowered_at: at - lead,
                    horizon,
                    queries: shown["demand"]["queries_per_resolver"].as_f64().unwrap_or(0.0),
                    asked_from: at - lead - Duration::from_secs(u64::from(OLD_TTL)).mul_f64(place),
                });
            }
        }
        cutovers
    }
}

/// What a command prints as JSON.
fn read(server: &Watari, arguments: &[&str]) -> Value {
    let (_, text) = server.command(arguments);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no instant: {value}"))
}
