//! What `watari check` says of files that say from whom zones are fetched (`tests/secondary/faults.txt`;
//! `UPDATE_GOLDEN=1 cargo test --test secondary` writes it anew).

use crate::support::golden::assert_golden;
use crate::support::watari::{transcript, write};

const FILES: [(&str, &str); 8] = [
    ("both.example.secondary.toml", "primaries = [\"192.0.2.1\"]\n"),
    ("both.example.zone", "$TTL 60\n@ SOA ns h 1 60 60 60 60\n@ NS ns\nns A 192.0.2.1\n"),
    ("nobody.example.secondary.toml", "version = 1\n"),
    ("plan.example.plan.toml", "version = 1\n"),
    ("plan.example.secondary.toml", "primaries = \"192.0.2.1\"\n"),
    ("sound.example.secondary.toml", "version = 1\nprimaries = [{ address = \"192.0.2.1\", key = \"k.example\" }]\n"),
    (
        "tls.example.secondary.toml",
        "primaries = [\n  { address = \"192.0.2.1\", tls = { ca = \"ca.pem\" } },\n  { address = \"192.0.2.2\", tls = { pin = \"AAAA\" } \
         },\n  { address = \"192.0.2.3\", tls = { name = \"ns.example\", key = \"k\" } },\n]\n",
    ),
    (
        "wrong.example.secondary.toml",
        "version = 2\nprimaries = [\"ns1.example\", { addres = \"192.0.2.1\" }]\nsize-max = \"1 byte\"\nprimary = 1\n",
    ),
];

#[test]
fn all_faults_are_shown_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in FILES {
        write(&folder.path().join("zones").join(name), text);
    }
    let check = |arguments: &[&str]| transcript(folder.path(), arguments);
    let shown = check(&["check"])
        + &check(&["check", "zones/nobody.example.secondary.toml"])
        + &check(&["check", "zones/sound.example.secondary.toml"]);
    assert_golden("secondary", "faults", &shown);
}
