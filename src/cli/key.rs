//! `watari key`: secrets that two servers share, and what each of them is to be told.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use clap::{Args, Subcommand};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Exit, style};
use crate::wire::tsig::{Algorithm, Secret};
use crate::wire::{Name, NameError};

/// Keys that are shared with other servers (TSIG).
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    New(New),
}

/// Make a key, and print what both sides are to be told.
///
/// The secret is as long as the hash of the algorithm, comes from the system's randomness, and is printed and kept
/// nowhere: what you don't copy is gone.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari key new transfer.example.com.
      for watari.toml, and for BIND, NSD and Knot on the other side
  watari key new transfer.example.com. --algorithm hmac-sha512 --bind
  watari key new transfer.example.com. --json | jq -r .secret > transfer.secret
      for `secret-file = \"transfer.secret\"`

Both sides must know the key by the same name and algorithm. Their clocks may differ by five minutes.")]
pub(super) struct New {
    /// The name of the key, as a domain name; best one that names both parties
    #[arg(value_name = "NAME", value_parser = parse_name)]
    name: Name,
    /// The algorithm
    #[arg(long, value_name = "ALGORITHM", default_value = "hmac-sha256", value_parser = algorithms())]
    algorithm: Algorithm,
    /// Print what BIND is told
    #[arg(long)]
    bind: bool,
    /// Print what NSD is told
    #[arg(long)]
    nsd: bool,
    /// Print what Knot DNS is told
    #[arg(long)]
    knot: bool,
    /// Print JSON for programs
    #[arg(long, conflicts_with_all = ["bind", "nsd", "knot"])]
    json: bool,
}

/// The system gave no secret.
#[derive(Debug, thiserror::Error)]
enum DrawError {
    /// It has no randomness to give.
    #[error("the system gives no random numbers")]
    Randomness(#[source] getrandom::Error),
    /// What it gave makes no key.
    #[error("the key can't be made")]
    Key(#[from] crate::wire::tsig::KeyFault),
}

/// A key as programs read it.
#[derive(Serialize)]
struct Shown<'a> {
    name: String,
    algorithm: &'static str,
    secret: &'a str,
}

impl Key {
    /// Does what was asked.
    pub(super) fn run(&self) -> Exit {
        match self {
            Key::New(arguments) => arguments.run(),
        }
    }
}

impl New {
    fn run(&self) -> Exit {
        let secret = match draw(self.algorithm) {
            Ok(secret) => secret.to_base64(),
            Err(error) => {
                style::failed(&error, None);
                return Exit::Failed;
            }
        };
        let text = Zeroizing::new(if self.json { self.as_json(&secret) } else { self.as_text(&secret) });
        match io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                style::failed(&error, None);
                Exit::Failed
            }
            _ => Exit::Fine,
        }
    }

    fn as_json(&self, secret: &str) -> String {
        let shown = Shown { name: self.name.to_string(), algorithm: self.algorithm.text(), secret };
        serde_json::to_string_pretty(&shown).unwrap_or_default() + "\n"
    }

    fn as_text(&self, secret: &str) -> String {
        let (name, algorithm) = (&self.name, self.algorithm);
        // A name's own backslashes are those of the text it is printed in.
        let quoted = name.to_string().replace('\\', "\\\\");
        let all = !(self.bind || self.nsd || self.knot);
        // Large enough at once: what grows leaves copies behind.
        let mut text = String::with_capacity(4096);
        _ = write!(text, "# watari.toml\n[keys.\"{quoted}\"]\nalgorithm = \"{algorithm}\"\nsecret = \"{secret}\"\n");
        if all || self.bind {
            _ = write!(
                text,
                "\n# BIND: named.conf\nkey \"{name}\" {{\n    algorithm {algorithm};\n    secret \"{secret}\";\n}};\n"
            );
        }
        if all || self.nsd {
            _ = write!(
                text,
                "\n# NSD: nsd.conf\nkey:\n    name: \"{name}\"\n    algorithm: {algorithm}\n    secret: \"{secret}\"\n"
            );
        }
        if all || self.knot {
            _ = write!(
                text,
                "\n# Knot DNS: knot.conf\nkey:\n  - id: \"{quoted}\"\n    algorithm: {algorithm}\n    secret: \"{secret}\"\n"
            );
        }
        text
    }
}

fn draw(algorithm: Algorithm) -> Result<Secret, DrawError> {
    let mut octets = Zeroizing::new(vec![0; algorithm.mac_len()]);
    getrandom::fill(&mut octets).map_err(DrawError::Randomness)?;
    Ok(Secret::new(octets)?)
}

fn parse_name(text: &str) -> Result<Name, NameError> {
    Name::from_text(text)
}

fn algorithms() -> impl clap::builder::TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::text))
        .try_map(|text| Algorithm::from_text(&text).ok_or("not an algorithm"))
}
