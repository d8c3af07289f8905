//! Lists of who may do something, as `transfer.allow`: networks, keys, and keys within networks.

use std::net::IpAddr;

use ipnet::IpNet;

use super::fields::{Entry, Fields, Source, Value};
use super::keys::Known;
use crate::answer::Grant;

/// The most entries of a list.
const GRANTS_MAX: usize = 1024;
/// What stands before the name of a key.
const KEY: &str = "key:";

/// The list at `key` of `table`; what is wrong with it is among the faults of `source`.
pub(super) fn read(
    source: &mut Source<'_>,
    table: &mut Fields<'_>,
    key: &'static str,
    known: &Known,
) -> Option<Vec<Grant>> {
    let setting = table.name_of(key);
    let entries = table.entries(source, key)?;
    if let Some(beyond) = entries.get(GRANTS_MAX) {
        let message = format!("`{setting}` has more than {GRANTS_MAX} entries");
        source.value_fault(beyond.span(), message, "too many", "name larger networks, or a key that many share");
    }
    let read = entries.into_iter().filter_map(|entry| match entry {
        Entry::Text(written) => match written.value.strip_prefix(KEY) {
            Some(name) => {
                let name = Value { value: name.trim().to_owned(), span: written.span };
                known.find(source, &name).map(Grant::from)
            }
            None => network(source, &setting, &written).map(Grant::from),
        },
        Entry::Table(fields, span) => both(source, &setting, fields, span, known),
    });
    Some(read.collect())
}

/// A table, which wants all that it names.
fn both(
    source: &mut Source<'_>,
    setting: &str,
    mut fields: Fields<'_>,
    span: std::ops::Range<usize>,
    known: &Known,
) -> Option<Grant> {
    let written = (fields.text(source, "network"), fields.text(source, "key"));
    let (has_tls, tls) = (fields.has("tls"), fields.flag(source, "tls"));
    let is_empty = !fields.has("network") && !fields.has("key");
    fields.finish(source);
    if is_empty {
        let message = format!("an entry of `{setting}` names neither a network nor a key");
        source.value_fault(span, message, "", "write `{ network = \"192.0.2.0/24\", key = \"transfer.example.\" }`");
        return None;
    }
    let (network_written, key_written) = written;
    let network_read = network_written.as_ref().map(|written| network(source, setting, written));
    let key_read = key_written.as_ref().map(|written| known.find(source, written));
    // An entry of which a part can't be read would let in others than was meant.
    match (network_read, key_read) {
        _ if has_tls && tls.is_none() => None,
        (Some(None), _) | (_, Some(None)) | (None, None) => None,
        (network, key) => {
            let encrypted = tls.unwrap_or(false);
            Some(Grant { network: network.flatten(), key: key.flatten(), encrypted })
        }
    }
}

/// The network that is written. One with bits beyond its length is a fault: which of the two was meant, nobody can know.
fn network(source: &mut Source<'_>, setting: &str, written: &Value<String>) -> Option<IpNet> {
    const HELP: &str = "write a network as `192.0.2.0/24` or `2001:db8::/32`, a host as `192.0.2.1`, a key as \
                        `key:transfer.example.`";
    let network: Result<IpNet, _> = written.value.parse().or_else(|_| written.value.parse::<IpAddr>().map(IpNet::from));
    match network {
        Ok(network) if network.addr() == network.network() => Some(network),
        Ok(network) => {
            let message = format!("`{setting}` names {network}, which is no network but a host in {}", network.trunc());
            let help = format!("write `{}` for the network, or `{}` for the host", network.trunc(), network.addr());
            source.value_fault(written.span.clone(), message, "a host with the length of a network", &help);
            None
        }
        Err(_) => {
            let message = format!("`{setting}` takes networks and keys, and `{}` is neither", written.value);
            source.value_fault(written.span.clone(), message, "not a network", HELP);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::control::config::parse;
    use crate::diag::render;

    const KEYS: &str = "[keys.\"transfer.example.\"]\nalgorithm = \"hmac-sha256\"\n\
                        secret = \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"\n[keys.broken]\n";

    fn shown(allow: &str) -> (usize, String) {
        let text = format!("[transfer]\nallow = {allow}\n{KEYS}");
        let (config, mut faults) = parse(&"watari.toml".into(), &text);
        faults.retain(|fault| fault.code != "config-key");
        (config.transfer_allow.map_or(0, |allowed| allowed.len()), render(&faults, false))
    }

    #[test]
    fn networks_that_are_none_are_faults() {
        let (count, shown) = shown("[\"192.0.2.1/24\", \"all\", \"192.0.2.0/33\", \"192.0.2.0/24\"]");
        assert_eq!(count, 1);
        for said in [
            "`transfer.allow` names 192.0.2.1/24, which is no network but a host in 192.0.2.0/24\n --> watari.toml:2:10",
            "`transfer.allow` takes networks and keys, and `all` is neither",
            "`transfer.allow` takes networks and keys, and `192.0.2.0/33` is neither",
        ] {
            assert!(shown.contains(said), "{said}\n{shown}");
        }
    }

    #[test]
    fn keys_are_named_alone_and_within_networks() {
        let all =
            "[\"key:Transfer.Example\", { network = \"::1\", key = \"transfer.example.\" }, { key = \"broken\" }]";
        assert_eq!(shown(all), (3, String::new()));
        assert_eq!(shown("\"key:transfer.example.\"").0, 1, "one alone is a list of one");
    }

    #[test]
    fn a_key_that_nobody_knows_is_a_fault_with_a_way_out() {
        let (count, faults) = shown("[\"key:transfre.example.\", \"key:a..b\", { key = \"xfr\", network = \"::1\" }]");
        assert_eq!(count, 0, "{faults}");
        let expected = "\
error[config-key-unknown]: there is no key transfre.example.
 --> watari.toml:2:10
  |
2 | allow = [\"key:transfre.example.\", \"key:a..b\", { key = \"xfr\", network = \"::1\" }]
  |          ^^^^^^^^^^^^^^^^^^^^^^^ not in `[keys]`
  |
  = help: did you mean `transfer.example.`?

error[config-key-unknown]: there is no key a..b: a label is empty
";
        assert!(faults.starts_with(expected), "{faults}");
        assert!(faults.contains("there is no key xfr.\n") && faults.contains("known are broken., transfer.example."));
        let (_, faults) = parse(&"watari.toml".into(), "[transfer]\nallow = \"key:a\"\n");
        assert!(render(&faults, false).contains("`watari key new a.` makes it"), "{}", render(&faults, false));
    }

    #[test]
    fn an_entry_that_can_be_read_in_part_lets_nobody_in() {
        let (count, faults) = shown(
            "[{ network = \"192.0.2.1/24\", key = \"transfer.example.\" }, {}, { keys = 1 }, 7,\n\
             { key = \"transfer.example.\", tls = 1 }]",
        );
        assert_eq!(count, 0, "{faults}");
        for said in [
            "names 192.0.2.1/24",
            "names neither a network nor a key",
            "did you mean `key`?",
            "not a number",
            "`transfer.allow.tls` takes true or false",
        ] {
            assert!(faults.contains(said), "{said}\n{faults}");
        }
    }
}
