//! `NAME.secondary.toml`: from whom a zone is fetched, and how much may come.
//!
//! This is the specification, version 1. `docs/secondaries.md` explains each key.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::authentication::{self, WrittenAuthentication};
use super::catalog::{self, Consumption};
use super::fields::{Entry, Fields, Source, Value};
use super::{document, in_order, quantity};
use crate::diag::Diagnostic;
use crate::net::ask::DNS_PORT;
use crate::wire::Name;

/// The port of name servers over TLS (RFC 7858 § 3.1).
const DOT_PORT: u16 = 853;
/// The most primaries of one zone.
const PRIMARIES_MAX: usize = 16;
/// The most octets of a transfer, if nothing is said.
const SIZE_MAX: u64 = 1 << 30;
/// The most records of a transfer, if nothing is said.
const RECORDS_MAX: u64 = 20_000_000;
/// How long a transfer may take, if nothing is said.
const TIME_MAX: Duration = Duration::from_secs(3600);
/// How often a primary is asked at most and at least, if nothing is said.
const REFRESH_MIN: Duration = Duration::from_secs(1);
const REFRESH_MAX: Duration = Duration::from_secs(24 * 3600);

/// From whom a zone is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secondary {
    /// Those who have it, in the order in which they are asked.
    pub primaries: Box<[Primary]>,
    /// The most octets of a transfer.
    pub size_max: u64,
    /// The most records of a transfer.
    pub records_max: u64,
    /// How long a transfer may take.
    pub time_max: Duration,
    /// How often the primary is asked at most, whatever the SOA record says.
    pub refresh_min: Duration,
    /// How often at least.
    pub refresh_max: Duration,
    /// If it is a catalog zone: how its members are fetched.
    pub catalog: Option<Arc<Consumption>>,
}

/// One who has a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Primary {
    /// Where it is asked.
    pub address: SocketAddr,
    /// The key with which that is signed.
    pub key: Option<Name>,
    /// How it is known over TLS, if it is asked over that.
    pub tls: Option<Box<WrittenAuthentication>>,
}

impl Secondary {
    /// What is wrong with the files that it names.
    pub fn faults(&self) -> impl Iterator<Item = Diagnostic> {
        let others = self.catalog.iter().flat_map(|catalog| catalog.groups.values().chain([&catalog.members]));
        // What is as above is told above.
        let others = others.map(|other| &other.primaries).filter(|other| **other != self.primaries);
        let primaries = others.chain([&self.primaries]).flat_map(|primaries| primaries.iter());
        primaries.filter_map(|primary| primary.tls.as_ref()).flat_map(|tls| tls.faults())
    }
}

impl Primary {
    /// Where it would be told that a zone has changed: never over TLS.
    pub fn notified_at(&self) -> SocketAddr {
        let port = if self.tls.is_some() { DNS_PORT } else { self.address.port() };
        SocketAddr::new(self.address.ip(), port)
    }
}

/// Reads the file `path` with this `text`; `None` if it has an error.
pub fn parse(path: &Arc<str>, text: &[u8]) -> (Option<Secondary>, Vec<Diagnostic>) {
    let mut source = match Source::read(path, text) {
        Ok(source) => source,
        Err(fault) => return (None, vec![*fault]),
    };
    let document = document(&mut source);
    let mut top = Fields::new("", Some(document.get_ref()));
    top.number(&mut source, "version", 1..=1);
    let key = top.text(&mut source, "key").and_then(|written| name(&mut source, &written));
    let primaries = primaries(&mut source, &mut top, key.as_ref());
    let mut secondary = Secondary {
        primaries: primaries.into(),
        size_max: top.quantity(&mut source, "size-max", quantity::size, "1GiB").unwrap_or(SIZE_MAX),
        records_max: top.number(&mut source, "records-max", 1..=1 << 31).map_or(RECORDS_MAX, |max| max as u64),
        time_max: top.quantity(&mut source, "time-max", quantity::duration, "1h").unwrap_or(TIME_MAX),
        refresh_min: top.quantity(&mut source, "refresh-min", quantity::duration, "1s").unwrap_or(REFRESH_MIN),
        refresh_max: top.quantity(&mut source, "refresh-max", quantity::duration, "24h").unwrap_or(REFRESH_MAX),
        catalog: None,
    };
    secondary.catalog = catalog::read(&mut source, &mut top, &secondary, key.as_ref()).map(Arc::new);
    top.finish(&mut source);
    let faults = in_order(source.faults);
    let is_sound = !faults.iter().any(Diagnostic::is_error);
    (is_sound.then_some(secondary), faults)
}

/// What `fields` say of how zones are fetched; what they don't say is as in `base`, and `key` its key.
pub(super) fn read_over(
    source: &mut Source<'_>,
    fields: &mut Fields<'_>,
    base: &Secondary,
    key: Option<&Name>,
) -> Secondary {
    let own = fields.text(source, "key").and_then(|written| name(source, &written));
    let primaries = match fields.has("primaries") {
        true => primaries(source, fields, own.as_ref().or(key)).into(),
        false => {
            // So that it is known to be a setting here.
            _ = fields.texts(source, "primaries");
            let keyed = |primary: &Primary| Primary { key: own.clone().or(primary.key.clone()), ..primary.clone() };
            base.primaries.iter().map(keyed).collect()
        }
    };
    let mut quantity = |name, read: fn(&str) -> Option<Duration>, example, base| {
        fields.quantity(source, name, read, example).unwrap_or(base)
    };
    let time_max = quantity("time-max", quantity::duration, "1h", base.time_max);
    let refresh_min = quantity("refresh-min", quantity::duration, "1s", base.refresh_min);
    let refresh_max = quantity("refresh-max", quantity::duration, "24h", base.refresh_max);
    Secondary {
        primaries,
        size_max: fields.quantity(source, "size-max", quantity::size, "1GiB").unwrap_or(base.size_max),
        records_max: fields.number(source, "records-max", 1..=1 << 31).map_or(base.records_max, |max| max as u64),
        time_max,
        refresh_min,
        refresh_max,
        catalog: None,
    }
}

fn primaries(source: &mut Source<'_>, top: &mut Fields<'_>, key: Option<&Name>) -> Vec<Primary> {
    let items = top.entries(source, "primaries");
    if items.as_ref().is_none_or(Vec::is_empty) && source.faults.is_empty() {
        let place = source.place(0..0);
        let fault = Diagnostic::error("secondary-no-primary", "nobody is named from whom the zone is fetched");
        let help = "write `primaries = [\"192.0.2.1\"]`, with the address of the primary";
        source.faults.push(fault.at(place, "").help(help));
    }
    let mut primaries: Vec<Primary> = Vec::new();
    for item in items.into_iter().flatten() {
        let (written, key, tls) = match item {
            Entry::Text(written) => (written, key.cloned(), None),
            Entry::Table(mut fields, span) => {
                let written = fields.text(source, "address");
                let own = fields.text(source, "key").and_then(|written| name(source, &written));
                if !fields.has("address") {
                    let message = "a primary has no address".to_owned();
                    source.value_fault(span, message, "", "write `{ address = \"192.0.2.1\", key = \"NAME\" }`");
                }
                let tls = authentication::read(source, &mut fields).map(Box::new);
                fields.finish(source);
                match written {
                    Some(written) => (written, own.or_else(|| key.cloned()), tls),
                    None => continue,
                }
            }
        };
        let port = if tls.is_some() { DOT_PORT } else { DNS_PORT };
        let Some(address) = address(&written.value, port) else {
            let message = format!("`{}` is no address of a primary", written.value);
            source.value_fault(written.span, message, "", "write it as `192.0.2.1` or `[2001:db8::1]:5353`");
            continue;
        };
        if primaries.iter().any(|known| known.address == address) {
            let message = format!("`primaries` names {address} twice");
            source.value_fault(written.span, message, "named before", "name each once");
        } else if primaries.len() == PRIMARIES_MAX {
            let message = format!("`primaries` names more than {PRIMARIES_MAX}");
            source.value_fault(written.span, message, "too many", "name those that are nearest");
            break;
        } else {
            primaries.push(Primary { address, key, tls });
        }
    }
    primaries
}

/// The address in `text`, with this `port` if it has none.
fn address(text: &str, port: u16) -> Option<SocketAddr> {
    let alone = |text: &str| text.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, port));
    text.parse().ok().or_else(|| alone(text)).filter(|address| address.port() > 0)
}

fn name(source: &mut Source<'_>, written: &Value<String>) -> Option<Name> {
    let name = Name::from_text(&written.value);
    if let Err(error) = &name {
        let message = format!("`{}` is no name of a key: {error}", written.value);
        source.value_fault(written.span.clone(), message, "", "write it as in `[keys]` of watari.toml");
    }
    name.ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::diag::render;
    use crate::net::fetch::Pin;
    use std::path::Path;

    fn faults(text: &str) -> String {
        render(&parse(&"a.example.secondary.toml".into(), text.as_bytes()).1, false)
    }

    #[test]
    fn every_key_is_read() {
        let text = r#"
            version = 1
            key = "of.all."
            primaries = ["192.0.2.1", "2001:db8::1", { address = "[2001:db8::1]:5353", key = "own" }]
            size-max = "1MiB"
            records-max = 1000
            time-max = "5m"
            refresh-min = "10s"
            refresh-max = "1h"
        "#;
        let (secondary, faults) = parse(&"x".into(), text.as_bytes());
        assert_eq!(faults, []);
        let secondary = secondary.unwrap();
        let shown: Vec<_> = secondary
            .primaries
            .iter()
            .map(|primary| format!("{} {}", primary.address, primary.key.as_ref().unwrap()))
            .collect();
        assert_eq!(shown, ["192.0.2.1:53 of.all.", "[2001:db8::1]:53 of.all.", "[2001:db8::1]:5353 own."]);
        assert_eq!((secondary.size_max, secondary.records_max), (1 << 20, 1000));
        assert_eq!((secondary.refresh_min.as_secs(), secondary.refresh_max.as_secs()), (10, 3600));
        assert_eq!(secondary.time_max.as_secs(), 300);
    }

    #[test]
    fn how_a_primary_is_known_over_tls_is_read() {
        let pin = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let text = format!(
            "primaries = [{{ address = \"192.0.2.1\", tls = {{ name = \"ns.example\", ca = \"ca.pem\", pin = \"{pin}\" }} }},\n\
             {{ address = \"192.0.2.2:8853\", tls = {{ pin = [\"{pin}\"], certificate = \"c\", key = \"/k\", alpn = false }} }}]\n"
        );
        let (secondary, faults) = parse(&"zones/x.secondary.toml".into(), text.as_bytes());
        assert_eq!(faults, []);
        let secondary = secondary.unwrap();
        let addresses: Vec<_> = secondary.primaries.iter().map(|primary| primary.address.to_string()).collect();
        assert_eq!(addresses, ["192.0.2.1:853", "192.0.2.2:8853"]);
        let notified: Vec<_> = secondary.primaries.iter().map(|primary| primary.notified_at().to_string()).collect();
        assert_eq!(notified, ["192.0.2.1:53", "192.0.2.2:53"]);
        let [first, second] = [0, 1].map(|at| &secondary.primaries[at].tls.as_ref().unwrap().how);
        let pin: Pin = std::array::from_fn(|at| at as u8);
        assert_eq!(
            (first.name.as_deref(), first.pins.as_ref(), first.alpn),
            (Some("ns.example"), [pin].as_slice(), true)
        );
        assert_eq!(first.ca.as_deref(), Some(Path::new("zones/ca.pem")));
        let own = second.own.as_ref().unwrap();
        assert_eq!((own.0.as_path(), own.1.as_path()), (Path::new("zones/c"), Path::new("/k")));
        assert_eq!((second.name.as_deref(), second.pins.as_ref(), second.alpn), (None, [pin].as_slice(), false));
    }

    #[test]
    fn over_tls_with_whoever_answers_is_refused() {
        let of = |tls: &str| faults(&format!("primaries = [{{ address = \"192.0.2.1\", tls = {tls} }}]\n"));
        for tls in ["{}", "{ ca = \"ca.pem\" }", "{ certificate = \"c\", key = \"k\" }"] {
            assert!(of(tls).contains("error[secondary-tls]: over TLS with whoever answers"), "{tls}: {}", of(tls));
        }
        for (tls, said) in [
            ("true", "`primaries.tls` is a table, not true or false"),
            ("{ name = \"ns.example.\" }", ""),
            ("{ name = \"no name\" }", "`no name` is no name that a certificate can be for"),
            ("{ pin = \"AAAA\" }", "`AAAA` is no pin"),
            ("{ pin = \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\", ca = \"c\" }", "`ca` counts for a `name`"),
            ("{ name = \"a.example\", key = \"k\" }", "`certificate` and `key` go together"),
            ("{ nam = \"a.example\" }", "`primaries.tls.nam` is not a setting"),
        ] {
            assert!(of(tls).contains(said), "{tls}: {}", of(tls));
        }
    }

    #[test]
    fn all_faults_are_shown_at_once() {
        let shown = faults(
            "primaries = [\"192.0.2.1\", \"ns1.example\", { key = \"k\" }, \"192.0.2.1\"]\nsize-max = 5\nprimary = 1\n",
        );
        for said in [
            "`ns1.example` is no address of a primary\n --> a.example.secondary.toml:1:",
            "a primary has no address",
            "`primaries` names 192.0.2.1:53 twice",
            "`size-max` takes text, not a number",
            "`primary` is not a setting",
        ] {
            assert!(shown.contains(said), "{said}\n{shown}");
        }
        assert!(faults("version = 1\n").contains("error[secondary-no-primary]: nobody is named"));
        assert!(faults("primaries = []\n").contains("secondary-no-primary"));
        assert!(faults("primaries = [\n").contains("config-syntax"));
    }
}
