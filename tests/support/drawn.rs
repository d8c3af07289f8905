//! Zones drawn from seeds: few labels, few levels, so that wildcards, cuts, DNAMEs and aliases meet.

use std::collections::BTreeSet;

use super::zones::Source;

/// A generator of numbers (splitmix64): the same zones on every machine.
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("a small number")
    }

    /// One of `items`.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// A zone drawn from `seed`: few labels, so that names meet.
pub(crate) fn zone(seed: u64) -> Source {
    let mut seed = Seed(0xda7a_0000 + seed);
    let number = seed.0 - 0xda7a_0000;
    let labels = ["a", "b", "c", "*", "d"];
    let name = |least: usize, stars: bool, seed: &mut Seed| {
        let depth = least + seed.below(4 - least);
        let drawn: Vec<&str> = (0..depth)
            .map(|_| {
                loop {
                    let label = *seed.pick(&labels);
                    if stars || label != "*" {
                        break label;
                    }
                }
            })
            .collect();
        if drawn.is_empty() { "@".to_owned() } else { drawn.join(".") }
    };
    let minimum = seed.pick(&[5, 300, 4000]).to_string();
    let mut lines = vec![
        format!("@ 300 IN SOA ns hostmaster {number} 7200 3600 1209600 {minimum}"),
        "@ 300 IN NS ns".to_owned(),
        "ns 300 IN A 192.0.2.1".to_owned(),
    ];
    let mut aliases: BTreeSet<String> = BTreeSet::new();
    let mut owners: BTreeSet<String> = ["@", "ns"].map(str::to_owned).into();
    let mut dnames: BTreeSet<String> = BTreeSet::new();
    for index in 0..24 {
        let owner = name(1, true, &mut seed);
        let below = |ancestor: &String| owner.ends_with(&format!(".{ancestor}"));
        if aliases.contains(&owner) || dnames.iter().any(below) {
            continue;
        }
        let target = match seed.below(5) {
            0 => "www.other.test.".to_owned(),
            1 => "www.out.invalid.".to_owned(),
            _ => name(0, true, &mut seed),
        };
        let line = match seed.below(11) {
            0 | 1 => format!("{owner} 300 IN A 192.0.2.{index}"),
            2 => format!("{owner} 200 IN TXT \"{index}\""),
            3 => format!("{owner} 100 IN MX {index} {target}"),
            4 => format!("{owner} 300 IN AAAA 2001:db8::{index}"),
            5 | 6 if !owner.contains('*') => format!("{owner} 400 IN NS {}", name(1, false, &mut seed)),
            7 | 8 if !owners.contains(&owner) => {
                aliases.insert(owner.clone());
                format!("{owner} 300 IN CNAME {target}")
            }
            9 if !owner.contains('*')
                && !dnames.contains(&owner)
                && !owners.iter().any(|other| other.ends_with(&format!(".{owner}"))) =>
            {
                // A DNAME beside NS is refused by some.
                if lines.iter().any(|line| line.starts_with(&format!("{owner} 400 IN NS"))) {
                    continue;
                }
                dnames.insert(owner.clone());
                format!("{owner} 300 IN DNAME {target}")
            }
            _ => format!("{owner} 300 IN SRV 1 2 3 {target}"),
        };
        if line.contains(" IN NS ") && dnames.contains(&owner) {
            continue;
        }
        owners.insert(owner);
        lines.push(line);
    }
    let more = vec!["a.a.a.a".to_owned(), "b.c".to_owned()];
    Source { apex: format!("random{number}.test"), lines, filler: Vec::new(), more }
}
