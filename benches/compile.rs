//! How long it takes to arm plans: text and zone to schedule, editions included.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use watari::clock::Instant;
use watari::timeline::{self, Run};
use watari::wire::Name;
use watari::zone::Zone;
use watari::zone::text::{NoInclude, load};

/// A zone of `hosts` hosts.
fn zone(hosts: usize) -> Zone {
    let mut text = "$TTL 86400\n@ IN SOA ns1 hostmaster 2026112301 7200 3600 1209600 300\n IN NS ns1\n".to_owned();
    text += "ns1 IN A 192.0.2.1\n";
    for host in 0..hosts {
        writeln!(text, "host{host} IN A 192.0.2.10").unwrap();
    }
    let apex = Name::from_text("example.com").unwrap();
    load(apex.as_ref(), &"example.com.zone".into(), text.as_bytes(), &NoInclude).zone.unwrap()
}

/// A plan that moves `flips` hosts.
fn plan(flips: usize) -> String {
    let mut text = "version = 1\nat = \"2026-12-01T03:00[Asia/Tokyo]\"\n".to_owned();
    for host in 0..flips {
        let name = format!("name = \"host{host}\"\ntype = \"A\"");
        writeln!(text, "[[flip]]\n{name}\nfrom = [\"192.0.2.10\"]\nto = [\"192.0.2.20\"]").unwrap();
    }
    text
}

fn compile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compile");
    for (hosts, flips) in [(10, 1), (100_000, 1), (10_000, 10_000)] {
        let (zone, plan) = (zone(hosts), plan(flips));
        group.bench_function(format!("{flips} of {hosts} hosts"), |bencher| {
            let path = "example.com.plan.toml".into();
            let run = Run::proposed(Instant::MIN);
            bencher.iter(|| {
                let loaded = timeline::load(black_box(&zone), &path, black_box(plan.as_bytes()), &run);
                assert!(loaded.schedule.is_some());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, compile);
criterion_main!(benches);
