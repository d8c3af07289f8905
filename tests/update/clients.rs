//! Clients of others, as people use them: dnspython, certbot's plugin dns-rfc2136, octoDNS.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use super::support::program::{self, PATIENCE};
use super::{SECRET, ZONE, serve};

/// How long their installation may take.
const INSTALLED_WITHIN: Duration = Duration::from_secs(600);

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/update"))
}

/// A Python that has what `requirements.txt` names, in an environment of its own below the target folder; made by the first
/// that asks. What was made of another text is made anew.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let wanted = std::fs::read_to_string(folder().join("requirements.txt")).unwrap();
        let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
        let (python, made) = (venv.join("bin/python"), venv.join("made-of"));
        if std::fs::read_to_string(&made).is_ok_and(|text| text == wanted) {
            return python;
        }
        let path = venv.to_str().unwrap();
        let run = |program: &str, arguments: &[&str]| {
            let output = program::run(program, folder(), arguments, INSTALLED_WITHIN);
            assert!(output.success, "{program} {arguments:?}: {}{}", output.stdout, output.stderr);
        };
        run("python3", &["-m", "venv", "--clear", path]);
        run(python.to_str().unwrap(), &["-m", "pip", "install", "--quiet", "-r", "requirements.txt"]);
        std::fs::write(made, wanted).unwrap();
        python
    })
}

fn works(client: &str) {
    let server = serve(ZONE);
    let arguments = ["clients.py", client, &server.port, SECRET];
    let output = program::run(python().to_str().unwrap(), folder(), &arguments, PATIENCE);
    assert!(output.success, "{client}: {}{}\n{}", output.stdout, output.stderr, server.log());
}

#[test]
fn dnspython_updates_and_transfers() {
    works("dnspython");
}

#[test]
fn certbots_plugin_adds_and_removes_tokens() {
    works("certbot");
}

#[test]
fn octodns_brings_a_zone_to_what_is_wanted() {
    works("octodns");
}
