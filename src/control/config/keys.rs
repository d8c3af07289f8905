//! `[keys."NAME"]`: the keys that are shared with other servers (TSIG, RFC 8945), and how their secrets stay unseen.

use zeroize::Zeroizing;

use super::fields::{Fields, Named, Source, Value};
use crate::diag::{Diagnostic, Place, similar};
use crate::wire::Name;
use crate::wire::tsig::{Algorithm, Secret};

/// A secret of fewer octets can be guessed; RFC 8945 § 10 wants one as long as the hash.
const SECRET_LEN_SHORT: usize = 16;
/// The settings of a key whose lines are shown with their faults; any other line may hold a secret.
const SHOWN: [&str; 3] = ["algorithm", "secret-file", "mac-bits"];

/// A key as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// Its name.
    pub name: Name,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Its secret, or where that is.
    pub secret: SecretSource,
    /// The shortest MAC that is accepted, in octets.
    pub mac_len_min: Option<usize>,
}

/// Where the secret of a key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In the configuration.
    Written {
        /// The secret.
        secret: Secret,
        /// The place, the secret left out.
        place: Place,
    },
    /// In a file of its own.
    File {
        /// Its path, relative to the configuration.
        path: String,
        /// Where the configuration names it.
        place: Place,
    },
}

/// The names of the keys that there are, be they whole or not: what names a key is a fault of its own.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<Name>);

impl Known {
    /// The name of the key that `written` means; that there is none is among the faults of `source`.
    pub(super) fn find(&self, source: &mut Source<'_>, written: &Value<String>) -> Option<Name> {
        let read = Name::from_text(&written.value);
        if let Some(known) = read.as_ref().ok().and_then(|name| self.0.iter().find(|known| *known == name)) {
            return Some(known.clone());
        }
        let (message, help) = match read {
            Ok(name) => (format!("there is no key {name}"), self.help(&name)),
            Err(error) => (format!("there is no key {}: {error}", written.value), "as `transfer.example.`".to_owned()),
        };
        let place = source.place(written.span.clone());
        let fault = Diagnostic::error("config-key-unknown", message).at(place, "not in `[keys]`");
        source.faults.push(fault.help(help));
        None
    }

    fn help(&self, name: &Name) -> String {
        let mut known: Vec<String> = self.0.iter().map(Name::to_string).collect();
        known.sort();
        match similar(&name.to_string(), known.iter().map(String::as_str)) {
            Some(similar) => format!("did you mean `{similar}`?"),
            None if known.is_empty() => format!("`watari key new {name}` makes it, and prints what both sides need"),
            None => format!("known are {}", known.join(", ")),
        }
    }
}

/// Reads all keys.
pub(super) fn read(source: &mut Source<'_>, top: &mut Fields<'_>) -> (Vec<KeyEntry>, Known) {
    let (mut entries, mut known): (Vec<KeyEntry>, _) = (Vec::new(), Known::default());
    for Named { name, mut fields } in top.named_tables(source, "keys") {
        let place = source.place(name.span.clone());
        let mut fault = |message: String, label: &str, help: &str| {
            let fault = Diagnostic::error("config-key", message).at(place.clone(), label);
            source.faults.push(fault.help(help));
        };
        let read = Name::from_text(&name.value);
        match &read {
            Err(error) => {
                fault(format!("the key is named by a domain name: {error}"), "none", "as `transfer.example.`");
            }
            Ok(read) if entries.iter().any(|other| other.name == *read) => {
                fault(
                    format!("the key {read} is there twice"),
                    "again",
                    "names differ in more than case and a final dot",
                );
            }
            Ok(_) => {}
        }
        if !fields.has("algorithm") {
            let help = "write `algorithm = \"hmac-sha256\"`, or what the other side has";
            fault(format!("the key {} has no algorithm", name.value), "", help);
        }
        match (fields.has("secret"), fields.has("secret-file")) {
            (false, false) => {
                let help = "`watari key new NAME` makes one, and prints what the other side needs";
                fault(format!("the key {} has no secret", name.value), "", help);
            }
            (true, true) => {
                let message = format!("the key {} has both `secret` and `secret-file`", name.value);
                fault(message, "", "leave one of them out");
            }
            _ => {}
        }
        known.0.extend(read.as_ref().ok().cloned());
        let algorithm = algorithm(source, &mut fields);
        let mac_len_min = mac_len_min(source, &mut fields, algorithm);
        let secret = secret(source, &mut fields);
        fields.finish(source);
        if let (Ok(name), Some(algorithm), Some(secret)) = (read, algorithm, secret) {
            entries.push(KeyEntry { name, algorithm, secret, mac_len_min });
        }
    }
    (entries, known)
}

fn algorithm(source: &mut Source<'_>, fields: &mut Fields<'_>) -> Option<Algorithm> {
    let written = fields.text(source, "algorithm")?;
    let algorithm = Algorithm::from_text(&written.value);
    if algorithm.is_none() {
        let known: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.text()).collect();
        let message = format!("`{}` is no algorithm of TSIG that is spoken here", written.value);
        source.value_fault(written.span, message, "not known", &format!("known are {}", known.join(", ")));
    }
    algorithm
}

fn mac_len_min(source: &mut Source<'_>, fields: &mut Fields<'_>, algorithm: Option<Algorithm>) -> Option<usize> {
    let (least, most) = algorithm.map_or((10, 64), |algorithm| (algorithm.mac_len_min(), algorithm.mac_len()));
    fields.number(source, "mac-bits", least * 8..=most * 8).map(|bits| bits.div_ceil(8))
}

fn secret(source: &mut Source<'_>, fields: &mut Fields<'_>) -> Option<SecretSource> {
    let file = fields.text(source, "secret-file");
    let Some(written) = fields.text(source, "secret") else {
        let file = file?;
        return Some(SecretSource::File { place: source.place(file.span), path: file.value });
    };
    let place = source.place(written.span);
    let text = Zeroizing::new(written.value);
    match Secret::from_base64(&text) {
        Ok(secret) => {
            source.faults.extend(short(&secret, &place));
            Some(SecretSource::Written { secret, place })
        }
        Err(error) => {
            let fault = Diagnostic::error("config-secret", error.to_string()).at(place, "not shown here");
            source.faults.push(fault.help("`watari key new NAME` makes a new one; an old one is copied whole"));
            None
        }
    }
}

/// What to say of a secret that is too short.
pub(in crate::control) fn short(secret: &Secret, place: &Place) -> Option<Diagnostic> {
    let message = format!("the secret has {} octets, and can be guessed", secret.len());
    (secret.len() < SECRET_LEN_SHORT).then(|| {
        Diagnostic::warning("config-secret-short", message)
            .at(place.clone(), "")
            .help("`watari key new NAME` makes one as long as the hash (RFC 8945 § 10)")
    })
}

/// The same place without what its line says, if that may be a secret: faults are shown, logged and sent to others.
/// `before` is the text before it.
pub(super) fn hide_secret(mut place: Place, before: &str) -> Place {
    let header = |line: &&str| line.trim_start().starts_with('[');
    let within =
        before.lines().rev().find(header).is_some_and(|header| {
            header.trim_start().trim_start_matches(['[', ' ', '\t', '"', '\'']).starts_with("keys")
        });
    let line = place.source.trim_start().trim_start_matches(['"', '\'']);
    let written = line.split(['=', ' ', '\t', '.', '"', '\'']).next().unwrap_or_default();
    let may_hold = written == "keys" || within && !line.starts_with('[') && !SHOWN.contains(&written);
    if !may_hold {
        return place;
    }
    // What stands left of `=` is a name; a line without one may be a part of anything.
    let left = place.source.find('=').map_or(0, |at| at + 1);
    place.source.truncate(left);
    place.source.push_str(if left > 0 { " …" } else { "…" });
    if place.span.end >= left {
        let end = place.source.len();
        place.span = end - "…".len()..end;
    }
    place
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::control::config::parse;
    use crate::diag::render;

    fn faults(text: &str) -> String {
        render(&parse(&"watari.toml".into(), text).1, false)
    }

    #[test]
    fn all_faults_of_keys_are_shown_at_once() {
        let shown = faults(
            "[keys.\"a..b\"]\nalgorithm = \"hmac-md5\"\nsecret = \"AAAA\"\nsecret-file = \"x\"\nmac-bits = 8\n\
             [keys.c]\n[keys.C]\nalgorithm = \"hmac-sha1\"\nsecret = \"!\"\n[keys]\nd = 1\n",
        );
        for said in [
            "error[config-key]: the key is named by a domain name: a label is empty\n --> watari.toml:1:7",
            "error[config-key]: the key a..b has both `secret` and `secret-file`",
            "error[config-value]: `hmac-md5` is no algorithm of TSIG that is spoken here\n --> watari.toml:2:13",
            "warning[config-secret-short]: the secret has 3 octets",
            "error[config-value]: `keys.\"a..b\".mac-bits` takes a number from 80 to 512",
            "error[config-key]: the key c has no algorithm",
            "error[config-key]: the key c has no secret",
            "error[config-secret]: the secret is not base64",
        ] {
            assert!(shown.contains(said), "{said}\n{shown}");
        }
        let twice = "[keys.c]\nalgorithm = \"hmac-sha1\"\nsecret-file = \"x\"\n[keys.\"C.\"]\n\
                     algorithm = \"hmac-sha1\"\nsecret-file = \"x\"\n";
        assert!(faults(twice).contains("the key c. is there twice"), "{}", faults(twice));
    }

    #[test]
    fn no_fault_shows_a_secret() {
        for text in [
            "[keys.a]\nalgorithm = \"hmac-sha1\"\nsecret = \"HIDDEN!\"\n",
            "[keys.a]\nalgorithm = \"hmac-sha1\"\nsecret = \"HIDE\"\n",
            "[keys.a]\nalgorithm = \"hmac-sha1\"\nsecrte = \"HIDDEN\"\n",
            "[keys.a]\nsecret = HIDDEN==\n",
            "[keys.a]\nsecret = [\"HIDDEN\"]\n",
            "[keys]\na = \"HIDDEN\"\n",
            "[keys]\na.secret = \"HIDDEN!\"\n",
            "keys.a.secret = \"HIDDEN!\"\n",
            "keys = { a = { algorithm = \"x\", secret = \"HIDDEN!\" } }\n",
            "[keys.a]\nsecret = \"\"\"\nHIDDEN\n\\q HIDDEN\"\"\"\n",
            "[keys.a]\nHIDDEN\n",
            "[ \"keys\".a]\n \"secret\" = 'HIDDEN!'\n",
        ] {
            let shown = faults(text);
            assert!(shown.contains("[config-"), "{text}");
            assert!(!shown.contains("HID"), "{text}\n{shown}");
            let (config, _) = parse(&"watari.toml".into(), text);
            assert!(!format!("{config:?}").contains("HID"), "{text}");
        }
    }
}
