//! Signed zones, made at test time with BIND's and ldns's tools.

use std::fmt::Write as _;
use std::path::Path;

use super::peer::ZoneFile;
use super::program::must_run;
use super::zones::Source;

/// How a zone proves what is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    Nsec,
    Nsec3 {
        salt: &'static str,
        iterations: u16,
        opt_out: bool,
    },
    /// Not signed at all.
    Unsigned,
}

/// Whose tools sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Bind,
    Ldns,
}

/// A zone, signed or, for contrast, not.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) source: Source,
    pub(crate) file: ZoneFile,
    pub(crate) denial: Denial,
    /// The records of its key-signing keys, one a line, for a trust anchor.
    pub(crate) anchors: String,
}

/// The zone above all others of [`tree`].
pub(crate) const ROOT: &str = "sec.test";

/// The zones of the tree below [`ROOT`]: first label, denial, tool, algorithm.
const CHILDREN: [(&str, Denial, Tool, &str); 7] = [
    ("nsec", Denial::Nsec, Tool::Bind, "ECDSAP256SHA256"),
    ("nsec3", Denial::Nsec3 { salt: "-", iterations: 0, opt_out: false }, Tool::Bind, "ECDSAP256SHA256"),
    ("salted", Denial::Nsec3 { salt: "AABBCCDD", iterations: 7, opt_out: false }, Tool::Bind, "ED25519"),
    ("optout", Denial::Nsec3 { salt: "-", iterations: 0, opt_out: true }, Tool::Bind, "ECDSAP256SHA256"),
    ("ldns", Denial::Nsec, Tool::Ldns, "ECDSAP256SHA256"),
    ("ldns3", Denial::Nsec3 { salt: "01", iterations: 1, opt_out: false }, Tool::Ldns, "ECDSAP256SHA256"),
    ("unsigned", Denial::Unsigned, Tool::Bind, ""),
];

/// A signed zone, its children of all kinds and an unsigned child of the one that opts out, in
/// files below `folder`; the parent last.
pub(crate) fn tree(folder: &Path) -> Vec<Signed> {
    let mut delegations = String::new();
    let mut zones = Vec::new();
    for (label, denial, tool, algorithm) in CHILDREN {
        let apex = format!("{label}.{ROOT}");
        let mut source = contents(&apex);
        if matches!(denial, Denial::Nsec3 { opt_out: true, .. }) {
            source.lines.push("plain 600 IN NS ns.plain".to_owned());
            source.lines.push("ns.plain 600 IN A 192.0.2.1".to_owned());
            let plain = contents(&format!("plain.{apex}"));
            zones.push(sign(folder, plain, Denial::Unsigned, tool, algorithm).0);
        }
        let (signed, ds) = sign(folder, source, denial, tool, algorithm);
        let _ = writeln!(delegations, "{label} 600 IN NS ns.{label}\nns.{label} 600 IN A 192.0.2.1");
        for data in ds {
            let _ = writeln!(delegations, "{label} 600 IN DS {data}");
        }
        zones.push(signed);
    }
    let mut root = contents(ROOT);
    root.lines.extend(delegations.lines().map(str::to_owned));
    root.lines.push("to-nsec 300 IN CNAME www.nsec".to_owned());
    root.lines.push("to-nsec-missing 300 IN CNAME missing.nsec".to_owned());
    root.lines.push("to-nsec3-missing 300 IN CNAME missing.nsec3".to_owned());
    root.lines.push("to-unsigned 300 IN CNAME www.unsigned".to_owned());
    root.lines.push("into-nsec3 300 IN DNAME nsec3".to_owned());
    root.more.extend(["www.into-nsec3", "missing.into-nsec3", "x.wild.into-nsec3"].map(str::to_owned));
    zones.push(sign(folder, root, Denial::Nsec, Tool::Bind, "ECDSAP256SHA256").0);
    zones
}

/// Zones drawn from seeds, signed in turn with each kind of denial, in files below `folder`.
pub(crate) fn drawn(folder: &Path) -> Vec<Signed> {
    let denials = [
        Denial::Nsec,
        Denial::Nsec3 { salt: "-", iterations: 0, opt_out: false },
        Denial::Nsec3 { salt: "-", iterations: 0, opt_out: true },
    ];
    let seeds = 0..DRAWN;
    seeds
        .zip(denials.into_iter().cycle())
        .map(|(seed, denial)| zone(folder, super::drawn::zone(seed), denial))
        .collect()
}

/// `source`, signed, in a file below `folder`.
pub(crate) fn zone(folder: &Path, source: Source, denial: Denial) -> Signed {
    sign(folder, source, denial, Tool::Bind, "ECDSAP256SHA256").0
}

/// How many zones are drawn and signed.
const DRAWN: u64 = 12;

/// What every zone of the tree holds: an example of each kind of answer.
fn contents(apex: &str) -> Source {
    let text = r#"
        @ 600 IN SOA ns hostmaster 1 7200 3600 1209600 300
        @ 600 IN NS ns
        @ 600 IN MX 10 mail
        @ 600 IN TXT "apex"
        ns 600 IN A 192.0.2.1
        ns 600 IN AAAA 2001:db8::1
        mail 600 IN A 192.0.2.25
        www 60 IN A 192.0.2.80
        www 60 IN TXT "text"
        *.wild 300 IN A 192.0.2.90
        *.wild 300 IN TXT "wild"
        a.wild 300 IN A 192.0.2.91
        b.c.wild 300 IN A 192.0.2.92
        *.x.y.went 300 IN TXT "wildcard below empty non-terminals"
        *.cwild 300 IN CNAME www
        *.cmissing 300 IN CNAME missing
        *.cnowild 300 IN CNAME foo.wild
        c.b.a.deep 300 IN A 192.0.2.93
        cname 300 IN CNAME www
        cname-missing 300 IN CNAME missing
        cname-nodata 300 IN CNAME mail
        cname-wild 300 IN CNAME foo.wild
        cname-wild-nodata 300 IN CNAME foo.x.y.went
        cname-out 300 IN CNAME www.out.invalid.
        cname-insecure 300 IN CNAME www.insecure
        dname 300 IN DNAME target
        www.target 300 IN A 192.0.2.94
        *.wild.target 300 IN A 192.0.2.95
        insecure 600 IN NS ns.insecure
        ns.insecure 600 IN A 192.0.2.96
        insecure2 600 IN NS ns.out.invalid.
        below.ent 600 IN NS ns.insecure
        secure 600 IN NS ns.secure
        secure 600 IN DS 12345 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
        ns.secure 600 IN A 192.0.2.97
        zz-last 300 IN A 192.0.2.98
    "#;
    let mut source = Source::of(apex, text);
    for number in 0..10 {
        source.lines.push(format!("big 300 IN TXT \"{number:03}{}\"", "x".repeat(197)));
    }
    for name in ["missing", "www.dname", "missing.dname", "foo.wild.dname", "foo.bar.wild", "z.c.wild", "0", "WWW"] {
        source.more.push(name.to_owned());
    }
    source
}

/// Signs `source`; returns the data of its DS records too.
fn sign(folder: &Path, source: Source, denial: Denial, tool: Tool, algorithm: &str) -> (Signed, Vec<String>) {
    let apex = source.apex.clone();
    let plain = source.write(folder);
    if denial == Denial::Unsigned {
        return (Signed { source, file: plain, denial, anchors: String::new() }, Vec::new());
    }
    let keys = folder.join(format!("keys-{apex}"));
    std::fs::create_dir(&keys).expect("a folder of keys");
    let signed = folder.join(format!("{apex}.signed"));
    let (input, output) = (plain.path.display().to_string(), signed.display().to_string());
    let (anchors, ds) = match tool {
        Tool::Bind => {
            let ksk = must_run("dnssec-keygen", &keys, &["-q", "-a", algorithm, "-f", "KSK", &apex]);
            must_run("dnssec-keygen", &keys, &["-q", "-a", algorithm, &apex]);
            let mut arguments = vec!["-q", "-S", "-K", ".", "-o", &apex, "-f", &output];
            let iterations;
            if let Denial::Nsec3 { salt, iterations: count, opt_out } = denial {
                iterations = count.to_string();
                arguments.extend(["-3", salt, "-H", &iterations]);
                if opt_out {
                    arguments.push("-A");
                }
            }
            arguments.push(&input);
            must_run("dnssec-signzone", &keys, &arguments);
            let key = format!("{}.key", ksk.trim());
            let ds = must_run("dnssec-dsfromkey", &keys, &["-2", &key]);
            (read(&keys.join(&key)), ds)
        }
        Tool::Ldns => {
            let ksk = must_run("ldns-keygen", &keys, &["-a", algorithm, "-k", &apex]).trim().to_owned();
            let zsk = must_run("ldns-keygen", &keys, &["-a", algorithm, &apex]).trim().to_owned();
            let mut arguments = vec!["-o", &apex, "-f", &output];
            let iterations;
            if let Denial::Nsec3 { salt, iterations: count, opt_out } = denial {
                iterations = count.to_string();
                arguments.extend(["-n", "-s", salt, "-t", &iterations]);
                if opt_out {
                    arguments.push("-p");
                }
            }
            arguments.extend([input.as_str(), &ksk, &zsk]);
            must_run("ldns-signzone", &keys, &arguments);
            let ds = must_run("ldns-key2ds", &keys, &["-n", "-2", &format!("{ksk}.key")]);
            (read(&keys.join(format!("{ksk}.key"))), ds)
        }
    };
    let without_comments = |text: &str, rtype: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.split(';').next().unwrap_or_default().trim());
        lines.filter(|line| line.split_whitespace().any(|word| word == rtype)).map(str::to_owned).collect()
    };
    let ds = without_comments(&ds, "DS")
        .iter()
        .map(|line| line.split_whitespace().skip_while(|word| *word != "DS").skip(1).collect::<Vec<_>>().join(" "))
        .collect();
    let anchors = without_comments(&anchors, "DNSKEY").join("\n");
    let file = ZoneFile { name: apex, path: signed };
    (Signed { source, file, denial, anchors }, ds)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a key file")
}
