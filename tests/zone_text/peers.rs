//! Running other implementations' zone checkers and reading what they print.
//!
//! A program that is not installed fails the test, and says how to install it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use watari::wire::{Name, NameRef, Rtype};
use watari::zone::Ttl;
use watari::zone::text::{self, NoInclude, Options, Verdict};

/// A record as octets: owner in lower case, type, TTL, data.
pub(crate) type Octets = (Vec<u8>, Rtype, Ttl, Vec<u8>);

/// Runs `program`, which Debian has in `package`.
pub(crate) fn run(program: &str, package: &str, arguments: &[&str], directory: &Path) -> Output {
    // nsd-checkzone is for administrators, whose directory is not in everyone's PATH.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
    match Command::new(program).args(arguments).current_dir(directory).env("PATH", path).output() {
        Ok(output) => output,
        Err(error) => panic!("{program} does not run ({error}); install it: apt-get install {package}"),
    }
}

/// What a peer makes of a zone file.
pub(crate) enum Reading {
    Records(BTreeSet<Octets>),
    Refused(String),
    /// It reads the file, and prints what does not read back.
    Garbled,
}

/// The records of `text`, as we read it; of example.com.
pub(crate) fn records(text: &str) -> BTreeSet<Octets> {
    match try_records(text) {
        Ok(records) => records,
        Err(diagnostics) => panic!("{diagnostics}\n{text}"),
    }
}

fn try_records(text: &str) -> Result<BTreeSet<Octets>, String> {
    let origin = Name::from_text("example.com").unwrap();
    let options = Options { origin: origin.as_ref(), default_ttl: None, include: &NoInclude };
    let mut records = BTreeSet::new();
    let diagnostics = text::parse(&"peer".into(), text.as_bytes(), &options, &mut |record| {
        let owner = record.owner.wire().to_ascii_lowercase();
        records.insert((owner, record.rtype, record.ttl, record.rdata.to_vec()));
        Verdict::Next
    });
    if diagnostics.iter().any(|each| each.is_error() || each.code == "zone-ttl-range") {
        return Err(watari::diag::render(&diagnostics, false));
    }
    Ok(records)
}

/// What was printed, read by us: it must not say more than we can tell.
fn reading(printed: &str) -> Reading {
    try_records(printed).map_or(Reading::Garbled, Reading::Records)
}

/// BIND's reading of the file `name` in `directory`: in wire form, as it writes it in its raw format.
pub(crate) fn bind(directory: &Path, name: &str) -> Reading {
    let arguments = ["-i", "none", "-k", "ignore", "-n", "ignore", "-F", "raw", "-o", "zone.raw", "example.com", name];
    let output = run("named-compilezone", "bind9-utils", &arguments, directory);
    if !output.status.success() {
        return Reading::Refused(said(&output));
    }
    Reading::Records(raw(&std::fs::read(directory.join("zone.raw")).unwrap()))
}

/// NSD's reading: it prints text, which we read.
pub(crate) fn nsd(directory: &Path, name: &str) -> Reading {
    let output = run("nsd-checkzone", "nsd", &["-p", "example.com", name], directory);
    if !output.status.success() {
        return Reading::Refused(said(&output));
    }
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let printed: Vec<&str> = printed.lines().filter(|line| !line.starts_with("zone example.com is ok")).collect();
    reading(&(printed.join("\n") + "\n"))
}

/// Knot's reading: it only says whether it can read it.
pub(crate) fn knot(directory: &Path, name: &str) -> Result<(), String> {
    let output = run("kzonecheck", "knot-dnsutils", &["-v", "-o", "example.com", name], directory);
    if output.status.success() { Ok(()) } else { Err(said(&output)) }
}

/// ldns's reading: it prints all types but one in the generic form (RFC 3597), which is wire form.
pub(crate) fn ldns(directory: &Path, name: &str) -> Reading {
    let output = run("ldns-read-zone", "ldnsutils", &["-U", "MAILB", name], directory);
    if !output.status.success() {
        return Reading::Refused(said(&output));
    }
    reading(&String::from_utf8_lossy(&output.stdout))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Reads BIND's raw format, version 1: a header, then RRsets with their length in front.
fn raw(file: &[u8]) -> BTreeSet<Octets> {
    let number = |bytes: &[u8]| bytes.iter().fold(0usize, |value, &octet| value << 8 | usize::from(octet));
    assert_eq!((number(&file[..4]), number(&file[4..8])), (2, 1), "BIND's raw format, version 1");
    let mut records = BTreeSet::new();
    let mut rest = &file[24..];
    while !rest.is_empty() {
        let (set, next) = rest.split_at(number(&rest[..4]));
        let rtype = Rtype(u16::try_from(number(&set[6..8])).unwrap());
        let ttl = Ttl(u32::try_from(number(&set[10..14])).unwrap());
        let owner_end = 20 + number(&set[18..20]);
        let owner = NameRef::parse(&set[20..owner_end]).unwrap();
        let mut data = &set[owner_end..];
        while !data.is_empty() {
            let (rdata, after) = data[2..].split_at(number(&data[..2]));
            records.insert((owner.wire().to_ascii_lowercase(), rtype, ttl, rdata.to_vec()));
            data = after;
        }
        rest = next;
    }
    records
}
