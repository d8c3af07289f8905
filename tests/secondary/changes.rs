//! Random changes at a real primary, and after each both ends have the same records.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::ours;
use crate::primary::Primary;
use crate::support::drawn::Seed;
use crate::support::peer::{Kind, free_address};

/// How often the zone is changed at each primary.
const ROUNDS: usize = 40;

/// A zone that changes at random: its records by owner and type.
struct Changing {
    records: BTreeMap<(String, &'static str), Vec<String>>,
    serial: u32,
    seed: Seed,
}

impl Changing {
    fn new(seed: u64) -> Changing {
        let mut zone = Changing { records: BTreeMap::new(), serial: 1, seed: Seed(seed) };
        (0..60).for_each(|_| zone.change());
        zone
    }

    fn change(&mut self) {
        let seed = &mut self.seed;
        let owner = format!("{}{}", seed.pick(&["a", "b", "C", "d.e", "*.f", "x.y.z"]), seed.below(12));
        let number = seed.below(250);
        let (rtype, rdata) = match seed.below(7) {
            0 => ("A", format!("192.0.2.{number}")),
            1 => ("AAAA", format!("2001:db8::{number}")),
            2 => ("MX", format!("{number} mail{number}")),
            3 => ("TXT", format!("\"some text {number}\" \"more\"")),
            4 => ("SRV", format!("1 2 {number} Host{number}.other.example.")),
            5 => ("CAA", format!("0 issue \"ca{number}.example\"")),
            _ => ("TYPE65400", format!("\\# 2 {number:04x}")),
        };
        let rdatas = self.records.entry((owner, rtype)).or_default();
        match self.seed.below(4) {
            0 => rdatas.clear(),
            1 if !rdatas.is_empty() => _ = rdatas.remove(0),
            _ if !rdatas.contains(&rdata) => rdatas.push(rdata),
            _ => {}
        }
    }

    /// A few changes, and the next serial.
    fn next(&mut self) {
        for _ in 0..1 + self.seed.below(8) {
            self.change();
        }
        // Now and then a leap.
        self.serial += if self.seed.below(5) == 0 { 1000 } else { 1 };
    }

    fn text(&self) -> String {
        let ttl = 300 + self.serial % 3;
        let mut text = format!(
            "$ORIGIN a.example.\n$TTL 300\n@ SOA ns hostmaster {} 3600 600 86400 {ttl}\n@ NS ns\n@ NS ns.other.example.\nns A 192.0.2.1\n\
             sub NS ns.sub\nns.sub A 192.0.2.3\n",
            self.serial
        );
        for ((owner, rtype), rdatas) in &self.records {
            for rdata in rdatas {
                _ = writeln!(text, "{owner} {rtype} {rdata}");
            }
        }
        text
    }
}

fn follows(kind: Kind, is_signed: bool) {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut zone = Changing::new(kind as u64 * 2 + u64::from(is_signed));
    let primary = Primary::start(kind, &folder.path().join("primary"), &zone.text(), address, is_signed);
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &primary.named());
    for round in 0..=ROUNDS {
        let serial = Some(zone.serial);
        ours.until(&format!("serial {serial:?} of {}", kind.name()), |_| ours::serial(address) == serial);
        let theirs = match is_signed {
            false => ours::records(primary.address),
            true => {
                // Our reader signs nothing; what they have is read by somebody who does.
                let lines = ours::lines(primary.address, true);
                assert!(lines.len() > 5, "{lines:?}");
                assert_eq!(ours::lines(address, false), lines, "round {round} of {}", kind.name());
                Vec::new()
            }
        };
        if !is_signed {
            assert_eq!(ours::records(address), theirs, "round {round} of {}", kind.name());
        }
        zone.next();
        primary.write(&zone.text());
    }
    let log = ours.log();
    let differences = log.lines().filter(|line| line.contains("records of differences")).count();
    assert!(differences >= ROUNDS * 9 / 10, "{differences} of {ROUNDS} came as differences\n{log}");
}

#[test]
fn knot_is_followed() {
    follows(Kind::Knot, false);
}

#[test]
fn knot_is_followed_with_a_key() {
    follows(Kind::Knot, true);
}

#[test]
fn bind_is_followed() {
    follows(Kind::Bind, false);
}

#[test]
fn bind_is_followed_with_a_key() {
    follows(Kind::Bind, true);
}

#[test]
fn nsd_is_followed() {
    follows(Kind::Nsd, false);
}

#[test]
fn nsd_is_followed_with_a_key() {
    follows(Kind::Nsd, true);
}
