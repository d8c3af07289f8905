//! The program itself, asked by `dig` and `kdig` with keys: every algorithm, wrong secrets, unknown keys, truncation; the
//! keys that `watari key new` makes, as BIND, NSD and Knot read them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use data_encoding::BASE64;
use support::program;
use support::watari::{PATIENCE, Watari};

const ZONE: &str = "$TTL 300\n@ SOA ns hostmaster 1 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.1\n\
                    $GENERATE 0-30 big TXT \"$ xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\n";
const ALGORITHMS: [(&str, usize); 5] =
    [("hmac-sha1", 20), ("hmac-sha224", 28), ("hmac-sha256", 32), ("hmac-sha384", 48), ("hmac-sha512", 64)];

/// A secret that is as long as the MAC.
fn secret(length: usize) -> String {
    let octets: Vec<u8> = (0..length).map(|at| u8::try_from(at * 7 % 256).unwrap()).collect();
    BASE64.encode(&octets)
}

/// A server over one zone, with `configuration`.
fn serve(configuration: &str) -> Watari {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("zones")).unwrap();
    fs::write(folder.path().join("zones/a.example.zone"), ZONE).unwrap();
    configure(folder.path(), configuration);
    Watari::start(folder, &[])
}

fn configure(folder: &Path, configuration: &str) {
    let path = folder.join("watari.toml");
    fs::write(&path, configuration).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// A key for each algorithm, named after it.
fn keys() -> String {
    let table = |(algorithm, length): (&str, usize)| {
        format!("[keys.\"{algorithm}.example\"]\nalgorithm = \"{algorithm}\"\nsecret = \"{}\"\n", secret(length))
    };
    ALGORITHMS.map(table).concat()
}

/// What `dig` says that it could not verify.
fn is_verified(shown: &str) -> bool {
    shown.contains("TSIG PSEUDOSECTION")
        && !shown.contains("Couldn't verify")
        && !shown.contains("could not be validated")
}

#[test]
fn dig_and_kdig_verify_what_is_signed_with_every_algorithm() {
    let server = serve(&keys());
    for (algorithm, length) in ALGORITHMS {
        let key = format!("{algorithm}:{algorithm}.example:{}", secret(length));
        for more in [&["+notcp"][..], &["+tcp"], &["+noedns"], &["+dnssec", "+nsid"], &["+opcode=notify"]] {
            let shown = server.dig(&[&["-y", &key, "ns.a.example", "A"], more].concat());
            assert!(is_verified(&shown), "{shown}");
            assert!(more == ["+opcode=notify"] || shown.contains("192.0.2.1"), "{shown}");
        }
        let at = ["@127.0.0.1", "-p", &server.port, "-y", &key, "ns.a.example", "A"];
        let shown = program::run("kdig", server.folder.path(), &at, PATIENCE);
        assert!(shown.success && shown.stdout.contains("192.0.2.1"), "{}{}", shown.stdout, shown.stderr);
        assert!(!shown.stderr.contains("TSIG") && !shown.stdout.contains("WARNING"), "{}", shown.stderr);
    }
    assert!(!server.dig(&["ns.a.example", "A"]).contains("TSIG"), "who signs nothing gets nothing signed");
}

#[test]
fn dig_and_kdig_verify_a_transfer_message_by_message() {
    let mut server = serve(&format!("[transfer]\nallow = [\"127.0.0.1\"]\n{}", keys()));
    let mut zone = ZONE.replace(" 1 7200", " 2 7200");
    (0..5000).for_each(|number| zone += &format!("name{number} TXT \"some words {number}\"\n"));
    zone += "last A 192.0.2.99\n";
    server.write("a.example.zone", &zone);
    server.until_data("last.a.example", "192.0.2.99");
    let at = ["@127.0.0.1", "-p", &server.port];
    for (algorithm, length) in ALGORITHMS {
        let key = format!("{algorithm}:{algorithm}.example:{}", secret(length));
        let asked = ["-y", &key, "a.example", "AXFR"];
        let shown = server.dig(&asked);
        assert!(shown.contains("some words 4999") && !shown.contains("Transfer failed"), "{algorithm}");
        assert!(shown.matches("SOA\t").count() == 2 && !shown.contains("Couldn't verify"), "{algorithm}");
        let shown = program::run("kdig", server.folder.path(), &[&at[..], &asked].concat(), PATIENCE);
        assert!(shown.success && shown.stdout.contains("some words 4999"), "{}", shown.stderr);
        assert!(!shown.stderr.contains("WARNING") && !shown.stdout.contains("WARNING"), "{}", shown.stderr);
    }
    let key = format!("hmac-sha256:hmac-sha256.example:{}", secret(31));
    let shown = server.dig(&["-y", &key, "a.example", "AXFR"]);
    assert!(shown.contains("Transfer failed") && !shown.contains("some words"), "{shown}");
}

#[test]
fn a_wrong_secret_is_badsig_an_unknown_key_badkey() {
    let server = serve(&keys());
    let wrong = secret(31);
    for (key, said) in [
        (format!("hmac-sha256:hmac-sha256.example:{wrong}"), "BADSIG"),
        (format!("hmac-sha256:other.example:{wrong}"), "BADKEY"),
        (format!("hmac-sha512:hmac-sha256.example:{wrong}"), "BADKEY"),
        (format!("hmac-md5:hmac-sha256.example:{wrong}"), "BADKEY"),
    ] {
        for transport in ["+notcp", "+tcp"] {
            let shown = server.dig(&["-y", &key, transport, "ns.a.example", "A"]);
            assert!(shown.contains("status: NOTAUTH") && shown.contains(said), "{key}\n{shown}");
            assert!(!shown.contains("192.0.2.1") && shown.contains(" 300 0 "), "no data, no MAC\n{shown}");
        }
    }
    assert_eq!(server.data("ns.a.example", "A"), "192.0.2.1");
    assert!(!server.log().contains(&secret(32)));
}

#[test]
fn a_truncated_mac_is_taken_down_to_half_or_to_what_the_key_asks_for() {
    let strict = format!("[keys.strict]\nalgorithm = \"hmac-sha256\"\nmac-bits = 192\nsecret = \"{}\"\n", secret(32));
    let server = serve(&(keys() + &strict));
    for (bits, name, status, more) in [
        (128, "hmac-sha256.example", "NOERROR", "192.0.2.1"),
        (120, "hmac-sha256.example", "FORMERR", ""),
        (80, "hmac-sha256.example", "FORMERR", ""),
        (192, "strict", "NOERROR", "192.0.2.1"),
        (184, "strict", "NOTAUTH", "BADTRUNC"),
    ] {
        let key = format!("hmac-sha256-{bits}:{name}:{}", secret(32));
        let shown = server.dig(&["-y", &key, "ns.a.example", "A"]);
        assert!(shown.contains(&format!("status: {status}")) && shown.contains(more), "{key}\n{shown}");
    }
}

#[test]
fn an_answer_that_does_not_fit_beside_its_signature_comes_over_tcp() {
    let server = serve(&keys());
    let key = format!("hmac-sha512:hmac-sha512.example:{}", secret(64));
    let shown = server.dig(&["-y", &key, "+ignore", "big.a.example", "TXT"]);
    assert!(shown.contains("flags: qr tc rd; QUERY: 1, ANSWER: 0, AUTHORITY: 0") && is_verified(&shown), "{shown}");
    let shown = server.dig(&["-y", &key, "big.a.example", "TXT"]);
    assert!(shown.contains("ANSWER: 31") && is_verified(&shown), "{shown}");
}

#[test]
fn keys_are_read_again_when_told() {
    let mut server = serve(&keys());
    let key = format!("hmac-sha256:late.example:{}", secret(32));
    assert!(server.dig(&["-y", &key, "ns.a.example"]).contains("BADKEY"));
    let file = server.folder.path().join("late.secret");
    fs::write(&file, secret(32) + "\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let late = "[keys.\"late.example\"]\nalgorithm = \"hmac-sha256\"\nsecret-file = \"late.secret\"\n";
    configure(server.folder.path(), late);
    server.signal("-HUP");
    server.until("the key is known", |server| is_verified(&server.dig(&["-y", &key, "ns.a.example"])));
    server.until_said("the keys have changed; known are now: late.example.");
    let log = server.log();
    assert!(log.contains("config-secret-readable") && !log.contains(&secret(32)), "{log}");
    let before = format!("hmac-sha256:hmac-sha256.example:{}", secret(32));
    assert!(server.dig(&["-y", &before, "ns.a.example"]).contains("BADKEY"), "a key that has gone is not known");
    configure(server.folder.path(), "[keys.a]\nalgorithm = 1\n");
    server.signal("-HUP");
    server.until("it says so", |server| server.log().contains("stays as it was"));
    assert!(is_verified(&server.dig(&["-y", &key, "ns.a.example"])));
}

#[test]
fn who_may_have_a_zone_is_said_by_key_and_by_network_and_taken_while_serving() {
    let allowing = |allow: &str| format!("{}[transfer]\nallow = {allow}\n", keys());
    let mut server = serve(&allowing("[\"key:hmac-sha256.example\"]"));
    let with = |algorithm: &str| {
        let (_, length) = ALGORITHMS.into_iter().find(|(name, _)| *name == algorithm).unwrap();
        format!("{algorithm}:{algorithm}.example:{}", secret(length))
    };
    let may = |server: &Watari, key: Option<&str>| {
        let key = key.map(with);
        let signed: Vec<&str> = key.iter().flat_map(|key| ["-y", key.as_str()]).collect();
        let shown = server.dig(&[&signed[..], &["a.example", "AXFR"]].concat());
        let has = shown.contains("ns.a.example.") && shown.contains("XFR size: 3");
        assert!(has != shown.contains("; Transfer failed."), "{shown}");
        has
    };
    let all = |server: &Watari| [None, Some("hmac-sha256"), Some("hmac-sha512")].map(|key| may(server, key));
    assert_eq!(all(&server), [false, true, false], "the key, and nothing but it");
    for (allow, expected) in [
        ("[{ network = \"127.0.0.0/8\", key = \"hmac-sha512.example.\" }]", [false, false, true]),
        ("[{ network = \"192.0.2.0/24\", key = \"hmac-sha512.example.\" }]", [false, false, false]),
        ("[\"127.0.0.1\"]", [true, true, true]),
        ("[]", [false, false, false]),
        ("[\"192.0.2.1\", \"key:hmac-sha512.example\", \"key:hmac-sha256.example\"]", [false, true, true]),
    ] {
        let said = server.log().matches("who may have zones transferred has changed").count();
        configure(server.folder.path(), &allowing(allow));
        server.signal("-HUP");
        server.until("it is taken", |server| {
            server.log().matches("who may have zones transferred has changed").count() > said
        });
        assert_eq!(all(&server), expected, "{allow}");
    }
    // A key that is not there changes nothing.
    configure(server.folder.path(), &allowing("[\"127.0.0.1\", \"key:gone.example\"]"));
    server.signal("-HUP");
    server.until("it says so", |server| {
        server.log().contains("error[config-key-unknown]: there is no key gone.example.")
    });
    assert_eq!(all(&server), [false, true, true]);
    assert!(!server.log().contains("taken at the next start"), "{}", server.log());
}

/// The snippet under the heading `# PROGRAM…` of what was printed.
fn snippet<'t>(printed: &'t str, heading: &str) -> &'t str {
    printed.split("\n\n").find(|part| part.starts_with(heading)).unwrap_or_else(|| panic!("{heading}: {printed}"))
}

#[test]
fn a_new_key_is_read_by_both_sides() {
    for (algorithm, length) in ALGORITHMS {
        let mut server = serve("");
        let (success, printed) = server.command(&["key", "new", r"we\.they.example", "--algorithm", algorithm]);
        assert!(success, "{printed}");
        configure(server.folder.path(), snippet(&printed, "# watari.toml"));
        server.signal("-HUP");
        server.until("the key is known", |server| server.log().contains("known are now"));
        let secret = printed.lines().find_map(|line| line.strip_prefix("secret = ")).unwrap().trim_matches('"');
        assert_eq!(BASE64.decode(secret.as_bytes()).unwrap().len(), length);
        let folder = server.folder.path();
        fs::write(folder.join("named.conf"), snippet(&printed, "# BIND")).unwrap();
        let nsd = format!("server:\n    zonesdir: \"/\"\n    username: \"\"\n{}\n", snippet(&printed, "# NSD"));
        fs::write(folder.join("nsd.conf"), nsd).unwrap();
        fs::write(folder.join("knot.conf"), snippet(&printed, "# Knot DNS")).unwrap();
        for (program, arguments) in [
            ("named-checkconf", &["named.conf"][..]),
            ("nsd-checkconf", &["nsd.conf"]),
            ("knotc", &["-c", "knot.conf", "conf-check"]),
        ] {
            let checked = program::run(program, folder, arguments, PATIENCE);
            assert!(checked.success, "{program} {algorithm}\n{printed}\n{}{}", checked.stdout, checked.stderr);
        }
        // BIND's own tools read the key from its snippet.
        let shown = server.dig(&["-k", "named.conf", "ns.a.example", "A"]);
        assert!(is_verified(&shown) && shown.contains("192.0.2.1"), "{shown}");
        assert!(!server.log().contains(secret));
    }
}

#[test]
fn a_new_key_is_printed_for_whom_it_is_asked_and_never_twice_the_same() {
    let server = serve("");
    let print = |arguments: &[&str]| server.command(&[&["key", "new", "a.example"], arguments].concat()).1;
    let (knot, json) = (print(&["--knot"]), print(&["--json"]));
    assert!(knot.contains("# watari.toml") && knot.contains("# Knot DNS") && !knot.contains("# BIND"), "{knot}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["name"], &json["algorithm"]), (&"a.example.".into(), &"hmac-sha256".into()));
    let secret = json["secret"].as_str().unwrap();
    assert_eq!(BASE64.decode(secret.as_bytes()).unwrap().len(), 32);
    assert!(!knot.contains(secret));
}
