//! What we serve of signed zones is put to real validators: Unbound, `delv` and `ldns-verify-zone`.
//!
//! Every kind of answer (positive, wildcard, NXDOMAIN, NODATA of five sorts, delegations secure,
//! insecure and opted out, aliases) is asked in zones of every kind of denial. Unbound must set AD
//! exactly where the chain of trust is whole, and must never call an answer bogus.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use watari::wire::Name;
use watari::zone::text::{NoInclude, load, print_canonical};

use support::message::{Message, name_to_text, rcode, type_to_text};
use support::peer::{Kind, Server, ZoneFile};
use support::program::{self, Running};
use support::query::Query;
use support::signing::{self, Denial, Signed};
use support::watari::{PATIENCE, Watari};
use support::zones::Source;
use support::{client, peer};

/// Whether a validator can be sure of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Always.
    Sure,
    /// Not where the denial opts out (RFC 5155 § 9.2).
    SureUnlessOptOut,
    /// Never.
    Unsure,
}

use Trust::{Sure, SureUnlessOptOut, Unsure};

/// A question for every signed zone, what is said, and whether it can be trusted.
const EVERYWHERE: [(&str, u16, u16, Trust); 35] = [
    // Positive.
    ("", 6, rcode::NOERROR, Sure),
    ("", 2, rcode::NOERROR, Sure),
    ("", 48, rcode::NOERROR, Sure),
    ("", 15, rcode::NOERROR, Sure),
    ("www", 1, rcode::NOERROR, Sure),
    ("WwW", 16, rcode::NOERROR, Sure),
    ("big", 16, rcode::NOERROR, Sure),
    ("*.wild", 1, rcode::NOERROR, Sure),
    // Wildcard expansion (RFC 4035 § 3.1.3.3).
    ("foo.wild", 1, rcode::NOERROR, SureUnlessOptOut),
    ("foo.bar.wild", 16, rcode::NOERROR, SureUnlessOptOut),
    ("q.x.y.went", 16, rcode::NOERROR, SureUnlessOptOut),
    // NXDOMAIN (§ 3.1.3.2), also below names and empty non-terminals.
    ("missing", 1, rcode::NXDOMAIN, SureUnlessOptOut),
    ("zzz.zzz", 1, rcode::NXDOMAIN, SureUnlessOptOut),
    ("x.a.wild", 1, rcode::NXDOMAIN, SureUnlessOptOut),
    ("z.c.wild", 1, rcode::NXDOMAIN, SureUnlessOptOut),
    ("z.y.went", 16, rcode::NXDOMAIN, SureUnlessOptOut),
    // NODATA (§ 3.1.3.1), of empty non-terminals, of wildcards (§ 3.1.3.4).
    ("www", 15, rcode::NOERROR, Sure),
    ("", 33, rcode::NOERROR, Sure),
    ("c.wild", 1, rcode::NOERROR, Sure),
    ("b.a.deep", 1, rcode::NOERROR, Sure),
    ("*.wild", 15, rcode::NOERROR, Sure),
    ("foo.wild", 15, rcode::NOERROR, SureUnlessOptOut),
    ("q.x.y.went", 1, rcode::NOERROR, SureUnlessOptOut),
    // Aliases.
    ("cname", 1, rcode::NOERROR, Sure),
    ("cname-missing", 1, rcode::NXDOMAIN, SureUnlessOptOut),
    ("cname-nodata", 15, rcode::NOERROR, Sure),
    ("cname-wild", 1, rcode::NOERROR, SureUnlessOptOut),
    ("cname-wild-nodata", 1, rcode::NOERROR, SureUnlessOptOut),
    ("foo.cwild", 1, rcode::NOERROR, SureUnlessOptOut),
    ("foo.cmissing", 1, rcode::NXDOMAIN, SureUnlessOptOut),
    ("www.dname", 1, rcode::NOERROR, Sure),
    ("missing.dname", 1, rcode::NXDOMAIN, SureUnlessOptOut),
    // Delegations: DS and its denial (§ 3.1.4).
    ("secure", 43, rcode::NOERROR, Sure),
    ("insecure", 43, rcode::NOERROR, SureUnlessOptOut),
    ("below.ent", 43, rcode::NOERROR, SureUnlessOptOut),
];

/// Questions of one zone's own, absolute.
const HERE: [(&str, u16, u16, Trust); 14] = [
    ("nsec.sec.test", 43, rcode::NOERROR, Sure),
    ("nsec3.sec.test", 43, rcode::NOERROR, Sure),
    ("unsigned.sec.test", 43, rcode::NOERROR, Sure),
    ("plain.optout.sec.test", 43, rcode::NOERROR, SureUnlessOptOut),
    ("www.unsigned.sec.test", 1, rcode::NOERROR, Unsure),
    ("missing.unsigned.sec.test", 1, rcode::NXDOMAIN, Unsure),
    ("www.plain.optout.sec.test", 1, rcode::NOERROR, Unsure),
    ("www.plain.optout.sec.test", 15, rcode::NOERROR, Unsure),
    ("to-nsec.sec.test", 1, rcode::NOERROR, Sure),
    ("to-nsec-missing.sec.test", 1, rcode::NXDOMAIN, Sure),
    ("to-nsec3-missing.sec.test", 1, rcode::NXDOMAIN, Sure),
    ("to-unsigned.sec.test", 1, rcode::NOERROR, Unsure),
    ("www.into-nsec3.sec.test", 1, rcode::NOERROR, Sure),
    ("missing.into-nsec3.sec.test", 1, rcode::NXDOMAIN, Sure),
];

/// The zones that `delv` is asked about; it starts anew for every question.
const DELV: [&str; 3] = ["nsec.sec.test", "salted.sec.test", "optout.sec.test"];

/// A question to a validator, and what it has to say.
struct Expectation {
    query: Query,
    rcode: u16,
    sure: bool,
    /// It is unsure only because the denial opts out, which `delv` does not tell.
    opted_out: bool,
}

fn expectations<'a>(zones: impl Iterator<Item = &'a Signed>) -> Vec<Expectation> {
    let mut expectations = Vec::new();
    for zone in zones.filter(|zone| zone.denial != Denial::Unsigned) {
        let opts_out = matches!(zone.denial, Denial::Nsec3 { opt_out: true, .. });
        for (name, rtype, rcode, trust) in EVERYWHERE {
            let name = format!("{name}.{}", zone.source.apex);
            let opted_out = trust == SureUnlessOptOut && opts_out;
            let sure = trust != Unsure && !opted_out;
            expectations.push(Expectation { query: Query::new(&name, rtype), rcode, sure, opted_out });
        }
    }
    for (name, rtype, rcode, trust) in HERE {
        expectations.push(Expectation {
            query: Query::new(name, rtype),
            rcode,
            sure: trust == Sure,
            opted_out: trust == SureUnlessOptOut,
        });
    }
    expectations
}

fn show(query: &Query) -> String {
    format!("{} {}", name_to_text(&query.name), type_to_text(query.rtype))
}

fn serve(zones: &[Signed]) -> Server {
    let files: Vec<ZoneFile> = zones.iter().map(|zone| zone.file.clone()).collect();
    Server::start(reference(), &files)
}

/// The server under test: ours, unless a developer of this test wants to see it hold for another.
fn reference() -> Kind {
    match std::env::var("WATARI_DIFFERENTIAL_REFERENCE").as_deref() {
        Ok("knot") => Kind::Knot,
        Ok("nsd") => Kind::Nsd,
        Ok("bind") => Kind::Bind,
        _ => Kind::Watari,
    }
}

/// Starts Unbound with the tree's trust anchor, asking `server` for everything below it.
fn unbound(folder: &Path, server: SocketAddr, zones: &[Signed]) -> (Running, SocketAddr) {
    let address = peer::free_address();
    let config = folder.join("unbound.conf");
    std::fs::write(folder.join("anchors"), &zones.last().unwrap().anchors).unwrap();
    let mut text = format!(
        "server:\n  interface: 127.0.0.1@{port}\n  do-ip6: no\n  do-daemonize: no\n  chroot: \"\"\n  username: \"\"\n\
         \x20 directory: \"{folder}\"\n  pidfile: \"\"\n  use-syslog: no\n  verbosity: 1\n  num-threads: 1\n\
         \x20 do-not-query-localhost: no\n  local-zone: \"test.\" nodefault\n  trust-anchor-file: \"{folder}/anchors\"\n\
         \x20 module-config: \"validator iterator\"\n  val-log-level: 2\n  qname-minimisation: no\n\
         remote-control:\n  control-enable: no\n",
        port = address.port(),
        folder = folder.display(),
    );
    // The addresses that the zones name are documentation's: every zone is asked here.
    for zone in zones {
        let stub = format!("stub-zone:\n  name: \"{}\"\n  stub-addr: 127.0.0.1@{}\n", zone.file.name, server.port());
        text.push_str(&stub);
    }
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(program::find("unbound"));
    command.arg("-d").arg("-c").arg(config);
    let running = Running::start("unbound", command, folder.join("unbound.log"));
    let question = Query::new("localhost", 1).bytes(1);
    running.until("it answers", || client::ask(address, &question).is_some());
    (running, address)
}

#[test]
fn unbound_validates_every_kind_of_answer() {
    let folder = tempfile::tempdir().unwrap();
    let zones = signing::tree(folder.path());
    let server = serve(&zones);
    let (running, address) = unbound(folder.path(), server.address, &zones);
    let expectations = expectations(zones.iter());
    let questions: Vec<Vec<u8>> = (1u16..)
        .zip(&expectations)
        .map(|(id, expectation)| {
            let mut query = expectation.query.clone().edns(4096, true);
            query.flags = 0x100;
            query.bytes(id)
        })
        .collect();
    let answers = client::exchange_all(address, &questions);
    let mut wrong = Vec::new();
    for (expectation, answer) in expectations.iter().zip(answers) {
        let Some(bytes) = answer else {
            wrong.push(format!("{}: no answer", show(&expectation.query)));
            continue;
        };
        let message = Message::parse(&bytes).unwrap();
        if message.rcode != expectation.rcode || message.ad != expectation.sure {
            wrong.push(format!(
                "{}: rcode {} AD {}, expected rcode {} AD {}\n{}",
                show(&expectation.query),
                message.rcode,
                message.ad,
                expectation.rcode,
                expectation.sure,
                message.show()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} are wrong:\n{}\n{}",
        wrong.len(),
        expectations.len(),
        wrong.join("\n"),
        running.log()
    );
}

#[test]
fn delv_validates_every_kind_of_answer() {
    let folder = tempfile::tempdir().unwrap();
    let zones = signing::tree(folder.path());
    let server = serve(&zones);
    let anchors = folder.path().join("delv.anchors");
    std::fs::write(&anchors, delv_anchors(&zones.last().unwrap().anchors)).unwrap();
    let port = server.address.port().to_string();
    let root = format!("+root={}", signing::ROOT);
    let anchors = anchors.display().to_string();
    let mut wrong = Vec::new();
    let expectations = expectations(zones.iter().filter(|zone| DELV.contains(&zone.source.apex.as_str())));
    for expectation in &expectations {
        let name = name_to_text(&expectation.query.name);
        let rtype = type_to_text(expectation.query.rtype);
        let arguments = ["@127.0.0.1", "-p", &port, "-a", &anchors, &root, &name, &rtype];
        let output = program::run("delv", folder.path(), &arguments, PATIENCE);
        let said = output.stdout + &output.stderr;
        let missing = said.contains("ncache nxdomain");
        let failed = said.contains("resolution failed") && !said.contains("ncache");
        let unsure = said.contains("unsigned answer");
        let sure = said.contains("fully validated") && !unsure;
        let right = !failed
            && (sure == expectation.sure || expectation.opted_out)
            && missing == (expectation.rcode == rcode::NXDOMAIN);
        if !right {
            wrong.push(format!("{name} {rtype}: expected sure {}\n{said}", expectation.sure));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), expectations.len(), wrong.join("\n"));
}

/// A DNSKEY record as the trust anchor that `delv` reads.
fn delv_anchors(keys: &str) -> String {
    let anchors = keys.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().skip_while(|word| *word != "DNSKEY").collect();
        let [_, flags, protocol, algorithm, key @ ..] = &words[..] else { panic!("not a key: {line}") };
        format!("  {}. static-key {flags} {protocol} {algorithm} \"{}\";\n", signing::ROOT, key.concat())
    });
    format!("trust-anchors {{\n{}}};\n", anchors.collect::<String>())
}

#[test]
fn what_we_print_of_a_signed_zone_is_verified_by_ldns() {
    let folder = tempfile::tempdir().unwrap();
    for zone in signing::tree(folder.path()).iter().filter(|zone| zone.denial != Denial::Unsigned) {
        let apex = Name::from_text(&zone.file.name).unwrap();
        let text = std::fs::read(&zone.file.path).unwrap();
        let path = zone.file.path.display().to_string().into();
        let loaded = load(apex.as_ref(), &path, &text, &NoInclude);
        let read = loaded.zone.unwrap_or_else(|| panic!("{}: {:#?}", zone.file.name, loaded.diagnostics));
        assert!(read.is_signed());
        let mut printed = String::new();
        print_canonical(read.view(), &mut printed).unwrap();
        let file = folder.path().join(format!("{}.printed", zone.file.name));
        std::fs::write(&file, printed).unwrap();
        let file = file.display().to_string();
        let said = program::must_run("ldns-verify-zone", folder.path(), &[&file]);
        assert!(said.contains("verified"), "{}: {said}", zone.file.name);
    }
}

/// A zone whose provider signs it, before it moves.
const MOVING: &str = r#"
    @ 600 IN SOA ns hostmaster 1 7200 3600 1209600 5
    @ 600 IN NS ns
    ns 600 IN A 192.0.2.1
    www 60 IN A 192.0.2.80
    www 600 IN TXT "text"
    goes 60 IN A 192.0.2.81
"#;

/// Owner, TTL, type or the type that is covered, and data of each record that `dig` shows.
fn answers(server: &Watari, name: &str, rtype: &str) -> Vec<(u32, String, String)> {
    let shown = server.dig(&["+dnssec", "+noall", "+answer", name, rtype]);
    let record = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, ttl, _, rtype, data @ ..] = &words[..] else { panic!("not a record: {line}") };
        let rtype = if *rtype == "RRSIG" { format!("RRSIG {}", data[0]) } else { (*rtype).to_owned() };
        (ttl.parse().unwrap(), rtype, data.join(" "))
    };
    shown.lines().map(record).collect()
}

/// What Unbound says to a question: the RCODE, whether it is sure, and all else.
fn resolved(address: SocketAddr, name: &str) -> Message {
    let mut query = Query::new(name, 1).edns(4096, true);
    query.flags = 0x100;
    client::ask(address, &query.bytes(7)).unwrap_or_else(|| panic!("no answer for {name}"))
}

/// The zone's DS record is gone at the parent, and the zone is still signed.
fn moves_with_its_signatures(denial: Denial) {
    let folder = tempfile::tempdir().unwrap();
    let zone = signing::zone(folder.path(), Source::of("move.test", MOVING), denial);
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(15);
    let plan = format!(
        "version = 1\nat = \"{at:.0}\"\narm = \"on-load\"\nlate = \"accept\"\nlower = \"countdown\"\nspread = 0\n\
         low_ttl = \"1s\"\nds = \"absent\"\n\
         [[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.80\"]\nto = [\"192.0.2.90\"]\n\
         [[flip]]\nname = \"goes\"\ntype = \"A\"\nfrom = [\"192.0.2.81\"]\nto = []\n\
         [[flip]]\nname = \"comes\"\ntype = \"A\"\nfrom = []\nto = [\"192.0.2.91\"]\nttl_after = \"1m\"\n"
    );
    let text = std::fs::read_to_string(&zone.file.path).unwrap();
    let mut server = Watari::serve(&[
        ("move.test.zone", &text),
        ("move.test.plan.toml", &plan),
        ("../watari.toml", "[transfer]\nallow = [\"127.0.0.1\"]\n"),
    ]);
    server.until_said("plan-signatures-end");
    let address: SocketAddr = format!("127.0.0.1:{}", server.port).parse().unwrap();
    let (_validating, validating) = unbound(folder.path(), address, std::slice::from_ref(&zone));
    // A TTL below the one that was signed is as good (RFC 4035 § 5.3.3).
    let before = resolved(validating, "www.move.test");
    assert!(before.rcode == rcode::NOERROR && before.ad, "{}", before.show());
    let mut counted = BTreeSet::new();
    loop {
        let shown = answers(&server, "www.move.test", "A");
        let [(ttl, rtype, data), signature @ ..] = &shown[..] else { panic!("{shown:?}\n{}", server.log()) };
        assert_eq!(rtype, "A");
        if data == "192.0.2.90" {
            assert!(signature.is_empty(), "{shown:?}");
            break;
        }
        let [(signature_ttl, covered, _)] = signature else { panic!("{shown:?}") };
        assert_eq!((&**data, ttl, &**covered), ("192.0.2.80", signature_ttl, "RRSIG A"));
        assert!(*ttl <= 15, "{shown:?}");
        counted.insert(*ttl);
        assert!(
            jiff::Timestamp::now() < at + jiff::SignedDuration::from_secs(20),
            "it does not flip\n{}",
            server.log()
        );
        std::thread::park_timeout(Duration::from_millis(200));
    }
    assert!(counted.len() > 2, "the signature's TTL does not go down: {counted:?}");
    // What does not flip is as it was signed.
    let texts = answers(&server, "www.move.test", "TXT");
    let shorts: Vec<_> = texts.iter().map(|(ttl, rtype, _)| (*ttl, &**rtype)).collect();
    assert_eq!(shorts, [(600, "TXT"), (600, "RRSIG TXT")]);
    let comes = answers(&server, "comes.move.test", "A");
    assert!(matches!(&comes[..], [(_, rtype, data)] if rtype == "A" && data == "192.0.2.91"), "{comes:?}");
    for (name, rtype, status) in
        [("goes", "A", "NXDOMAIN"), ("goes", "TXT", "NXDOMAIN"), ("no", "A", "NXDOMAIN"), ("comes", "MX", "NOERROR")]
    {
        let shown = server.dig(&["+dnssec", &format!("{name}.move.test"), rtype]);
        assert!(
            shown.contains(&format!("status: {status}")) && shown.contains("ANSWER: 0"),
            "{name} {rtype}:\n{shown}"
        );
    }
    let transferred = server.dig(&["+onesoa", "move.test", "AXFR"]);
    let of_www: BTreeSet<String> = transferred
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter_map(|words| (words.first() == Some(&"www.move.test.")).then(|| words[3..5].join(" ")))
        .collect();
    assert!(of_www.contains("A 192.0.2.90") && of_www.contains("RRSIG TXT"), "{transferred}");
    assert!(!of_www.contains("RRSIG A"), "{transferred}");
    // Without a DS record nobody minds; with one, everybody would.
    server.until("what was resolved before is forgotten", |_| {
        jiff::Timestamp::now() > at + jiff::SignedDuration::from_secs(3)
    });
    let bogus = resolved(validating, "www.move.test");
    assert_eq!(bogus.rcode, rcode::SERVFAIL, "{}", bogus.show());
    let elsewhere = tempfile::tempdir().unwrap();
    let insecure = Signed { anchors: String::new(), ..zone };
    let (_resolving, resolving) = unbound(elsewhere.path(), address, &[insecure]);
    for (name, expected) in [("www", Some([192, 0, 2, 90])), ("comes", Some([192, 0, 2, 91])), ("goes", None)] {
        let after = resolved(resolving, &format!("{name}.move.test"));
        let data: Vec<_> = after.answer.iter().filter(|record| record.rtype == 1).map(|record| &record.rdata).collect();
        assert_eq!(data, expected.iter().map(|data| data.to_vec()).collect::<Vec<_>>().iter().collect::<Vec<_>>());
        let missing = if expected.is_none() { rcode::NXDOMAIN } else { rcode::NOERROR };
        assert_eq!((after.rcode, after.ad), (missing, false), "{}", after.show());
    }
}

#[test]
fn a_zone_without_ds_moves_with_its_signatures_and_nsec() {
    moves_with_its_signatures(Denial::Nsec);
}

#[test]
fn a_zone_without_ds_moves_with_its_signatures_and_nsec3() {
    moves_with_its_signatures(Denial::Nsec3 { salt: "-", iterations: 0, opt_out: false });
}
