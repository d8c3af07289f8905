//! The differential test: every question is put to us and to Debian's Knot DNS, NSD and BIND over
//! the same zones, and what each said is compared as a structure.
//!
//! Where a peer says something else, an entry of `known.toml` names the difference, its reason and
//! the RFC; a difference without an entry fails the test, and so does an entry without a difference.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod case;
mod compare;
mod known;
mod odd;
mod report;

use case::Case;
use compare::Outcome;
use known::Known;
use report::Report;
use support::client;
use support::peer::{Kind, Server, ZoneFile};
use support::{signing, zones};

/// The servers: ours first.
fn start(files: &[ZoneFile]) -> Vec<Server> {
    let kinds = [reference(), Kind::Knot, Kind::Nsd, Kind::Bind];
    std::thread::scope(|scope| {
        let starting: Vec<_> = kinds.map(|kind| scope.spawn(move || Server::start(kind, files))).into_iter().collect();
        starting.into_iter().map(|thread| thread.join().expect("a server")).collect()
    })
}

/// The server in our place: ours, unless a developer of the test wants to see the peers compared.
fn reference() -> Kind {
    match std::env::var("WATARI_DIFFERENTIAL_REFERENCE").as_deref() {
        Ok("knot") => Kind::Knot,
        Ok("nsd") => Kind::Nsd,
        Ok("bind") => Kind::Bind,
        _ => Kind::Watari,
    }
}

/// Puts all `cases` to all servers and compares.
fn compare_all(suite: &str, files: &[ZoneFile], cases: &[Case]) {
    let servers = start(files);
    let mut known = Known::load(suite, files);
    let mut report = Report::default();
    let begun = std::time::Instant::now();
    let outcomes: Vec<Vec<Outcome>> = std::thread::scope(|scope| {
        let asking: Vec<_> = servers.iter().map(|server| scope.spawn(|| ask(server, cases))).collect();
        asking.into_iter().map(|thread| thread.join().expect("outcomes")).collect()
    });
    println!("{} cases, asked in {:?}", cases.len(), begun.elapsed());
    for (index, case) in cases.iter().enumerate() {
        let ours = &outcomes[0][index];
        if servers[0].kind == Kind::Watari {
            for fault in compare::faults(case, ours) {
                report.fault(case, ours, &fault);
            }
        }
        for (server, outcomes) in servers.iter().zip(&outcomes).skip(1) {
            let theirs = &outcomes[index];
            for difference in compare::differences(case.size_max(), ours, theirs) {
                if !known.explains(server.kind, case, ours, theirs, &difference) {
                    report.difference(&known, server.kind, case, ours, theirs, &difference);
                }
            }
        }
    }
    report.finish(cases.len(), &known);
}

fn ask(server: &Server, cases: &[Case]) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = vec![Outcome::Silence; cases.len()];
    for tcp in [false, true] {
        let indices: Vec<usize> = (0..cases.len()).filter(|&index| cases[index].tcp == tcp).collect();
        for indices in indices.chunks(30_000) {
            let questions: Vec<Vec<u8>> =
                (1u16..).zip(indices).map(|(id, &index)| cases[index].query.bytes(id)).collect();
            let answers = match tcp {
                true => client::exchange_all_tcp(server.address, &questions),
                false => client::exchange_all(server.address, &questions),
            };
            for (&index, answer) in indices.iter().zip(answers) {
                outcomes[index] = Outcome::of(answer);
            }
        }
    }
    outcomes
}

#[test]
fn unsigned_zones_are_answered_as_knot_nsd_and_bind_do() {
    let folder = tempfile::tempdir().unwrap();
    let sources = zones::all();
    let files: Vec<ZoneFile> = sources.iter().map(|source| source.write(folder.path())).collect();
    let cases = case::of_unsigned(&sources);
    compare_all("unsigned", &files, &cases);
}

#[test]
fn signed_zones_are_answered_as_knot_nsd_and_bind_do() {
    let folder = tempfile::tempdir().unwrap();
    let mut signed = signing::tree(folder.path());
    signed.extend(signing::drawn(folder.path()));
    let files: Vec<ZoneFile> = signed.iter().map(|zone| zone.file.clone()).collect();
    let cases = case::of_signed(&signed);
    compare_all("signed", &files, &cases);
}

#[test]
fn odd_packets_are_answered_as_knot_nsd_and_bind_do() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<ZoneFile> = odd::zones().iter().map(|source| source.write(folder.path())).collect();
    odd::compare_all(&files);
}
