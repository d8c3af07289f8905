//! Zone files: from text to a zone, and the checks of what it means.
#![allow(missing_docs, clippy::expect_used)]

mod fixture;

use std::collections::HashMap;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use watari::clock::Instant;
use watari::zone::check::check;
use watari::zone::text::{NoInclude, load};

use fixture::{COMPANY, HOSTING, NSEC3, delegations, name, zone};

const NOW: Instant = Instant::from_unix_seconds(1_796_083_200);
/// Delegations of the big zone; each is three lines.
const DELEGATIONS: usize = 100_000;

fn parse(criterion: &mut Criterion) {
    let big = delegations(DELEGATIONS);
    let mut group = criterion.benchmark_group("parse");
    for (name_of_case, text) in [("hosting", HOSTING), ("company", COMPANY), ("signed", NSEC3), ("delegations", &big)] {
        let apex = name("example.com");
        let path: Arc<str> = "example.com.zone".into();
        group.throughput(Throughput::Elements(text.lines().count() as u64));
        group.sample_size(if text.len() > 1 << 20 { 10 } else { 100 });
        group.bench_function(name_of_case, |bencher| {
            bencher.iter(|| load(apex.as_ref(), &path, text.as_bytes(), &NoInclude).zone.expect("a zone"));
        });
    }
    group.finish();
}

fn check_zones(criterion: &mut Criterion) {
    let big = delegations(DELEGATIONS);
    let mut group = criterion.benchmark_group("check");
    for (name_of_case, text) in [("hosting", HOSTING), ("company", COMPANY), ("signed", NSEC3), ("delegations", &big)] {
        let zone = zone("example.com", text);
        group.throughput(Throughput::Elements(zone.record_count() as u64));
        group.sample_size(if text.len() > 1 << 20 { 10 } else { 100 });
        group.bench_function(name_of_case, |bencher| {
            bencher.iter(|| check(&zone.view(), &|_| HashMap::new(), NOW));
        });
    }
    group.finish();
}

criterion_group!(benches, parse, check_zones);
criterion_main!(benches);
