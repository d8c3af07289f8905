//! `transfer.notify`: the secondaries that are told of changes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::fields::{Entry, Fields, Source, Value};
use super::keys::Known;
use crate::control::notifier::{Secondary, Target};
use crate::net::ask::DNS_PORT;
use crate::timeline::plan::patterns::{PATTERNS_MAX, Patterns};

/// The most secondaries.
const SECONDARIES_MAX: usize = 256;
const ADDRESS_HELP: &str = "write it as `192.0.2.53`, `192.0.2.53:5353` or `[2001:db8::53]:5353`";

/// The list at `key` of `table`; what is wrong with it is among the faults of `source`.
pub(super) fn read(
    source: &mut Source<'_>,
    table: &mut Fields<'_>,
    key: &'static str,
    known: &Known,
) -> Option<Vec<Secondary>> {
    let setting = table.name_of(key);
    let entries = table.entries(source, key)?;
    if let Some(beyond) = entries.get(SECONDARIES_MAX) {
        let message = format!("`{setting}` names more than {SECONDARIES_MAX} secondaries");
        source.value_fault(beyond.span(), message, "too many", "let some of them tell the others");
    }
    let mut secondaries: Vec<Secondary> = Vec::new();
    for entry in entries {
        let span = entry.span();
        let read = match entry {
            Entry::Text(written) => address(source, &setting, &written).map(|address| Secondary {
                target: Arc::new(Target { address, key: None, source: None }),
                zones: Patterns::every(),
            }),
            Entry::Table(mut fields, span) => {
                let read = secondary(source, &setting, &mut fields, span, known);
                fields.finish(source);
                read
            }
        };
        let Some(read) = read else { continue };
        if secondaries.iter().any(|other| other.target == read.target) {
            let message = format!("`{setting}` names {} twice", read.target);
            source.value_fault(span, message, "named before", "name it once, with all its zones");
            continue;
        }
        secondaries.push(read);
    }
    Some(secondaries)
}

fn secondary(
    source: &mut Source<'_>,
    setting: &str,
    fields: &mut Fields<'_>,
    span: std::ops::Range<usize>,
    known: &Known,
) -> Option<Secondary> {
    let written = fields.text(source, "address");
    if written.is_none() && !fields.has("address") {
        source.value_fault(span, format!("an entry of `{setting}` has no address"), "", ADDRESS_HELP);
    }
    let address = written.and_then(|written| address(source, setting, &written));
    let key = fields.text(source, "key").map(|written| known.find(source, &written));
    let from = fields.text(source, "source").map(|written| own_address(source, setting, &written, address));
    let zones = fields
        .texts(source, "zones")
        .map_or_else(|| Some(Patterns::every()), |zones| patterns(source, setting, &zones));
    let (address, zones) = (address?, zones?);
    // What can't be read is not left out: it would be told in another way than was meant.
    let (key, from) = (key.map_or(Some(None), |key| key.map(Some))?, from.map_or(Some(None), |from| from.map(Some))?);
    Some(Secondary { target: Arc::new(Target { address, key, source: from }), zones })
}

fn address(source: &mut Source<'_>, setting: &str, written: &Value<String>) -> Option<SocketAddr> {
    let address = written.value.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS_PORT));
    let address = address.or_else(|_| written.value.parse()).ok();
    if address.is_none() {
        let message = format!("`{setting}` takes addresses, and `{}` is none", written.value);
        source.value_fault(written.span.clone(), message, "not an address", ADDRESS_HELP);
    }
    address
}

/// An address of this machine, of the same version of IP as the one that it sends to.
fn own_address(
    source: &mut Source<'_>,
    setting: &str,
    written: &Value<String>,
    to: Option<SocketAddr>,
) -> Option<IpAddr> {
    let address: Option<IpAddr> = written.value.parse().ok();
    let fits = address.is_some_and(|from| to.is_none_or(|to| to.is_ipv4() == from.is_ipv4()));
    if !fits {
        let message = format!("`{setting}` can't send from `{}`", written.value);
        let help = "write an address of this machine without a port, as `192.0.2.1`, of the same version of IP";
        source.value_fault(written.span.clone(), message, "not such an address", help);
    }
    address.filter(|_| fits)
}

/// The names and patterns that were `written` at `setting`; `None` if one is neither.
pub(super) fn patterns(source: &mut Source<'_>, setting: &str, written: &[Value<String>]) -> Option<Patterns> {
    const HELP: &str = "write a name, or * for one or more labels at its left: `*.example`";
    if let Some(beyond) = written.get(PATTERNS_MAX) {
        let message = format!("`{setting}` has more than {PATTERNS_MAX} names of zones");
        source.value_fault(beyond.span.clone(), message, "too many", "use a pattern, as `*.example`");
    }
    let mut patterns = Some(Patterns::default());
    for text in written {
        let added = patterns.as_mut().map(|patterns| patterns.add(&text.value));
        if let Some(Err(why)) = added {
            let message = format!("`{}` is no zone's name, nor a pattern: {why}", text.value);
            source.value_fault(text.span.clone(), message, "", HELP);
            patterns = None;
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use crate::control::config::parse;
    use crate::control::notifier::Secondary;
    use crate::diag::render;
    use crate::wire::Name;

    fn read(notify: &str) -> (Vec<Secondary>, String) {
        let text = format!("keys.k.algorithm = \"hmac-sha256\"\n[transfer]\nnotify = {notify}\n");
        let (config, mut faults) = parse(&"watari.toml".into(), &text);
        faults.retain(|fault| fault.code != "config-key");
        (config.transfer_notify.unwrap_or_default(), render(&faults, false))
    }

    #[test]
    fn secondaries_are_addresses_or_tables() {
        let (all, faults) = read(
            "[\"192.0.2.1\", \"[::1]:5353\",\n\
             { address = \"192.0.2.2\", key = \"K.\", source = \"127.0.0.1\", zones = [\"a.example\", \"*.b.example\"] }]",
        );
        assert_eq!(faults, "");
        let shown: Vec<_> = all.iter().map(|secondary| secondary.target.to_string()).collect();
        assert_eq!(shown, ["192.0.2.1", "[::1]:5353", "192.0.2.2 (key k)"]);
        let has = |at: usize, zone: &str| Name::from_text(zone).is_ok_and(|zone| all[at].zones.has(&zone));
        assert!(has(0, "any.test") && has(2, "a.example") && has(2, "x.y.b.example") && !has(2, "b.example"));
    }

    #[test]
    fn what_can_not_be_told_is_a_fault_with_a_way_out() {
        let (all, faults) = read(
            "[\"ns1.example\", { key = \"k\" }, { address = \"::1\", source = \"127.0.0.1\" }, \"192.0.2.1\", \"192.0.2.1:53\",\n\
             { address = \"192.0.2.3\", key = \"l\" }, { address = \"192.0.2.4\", zones = [\"a.*\"] }, { adress = 1 }]",
        );
        assert_eq!(all.len(), 1, "{faults}");
        for said in [
            "`transfer.notify` takes addresses, and `ns1.example` is none",
            "an entry of `transfer.notify` has no address",
            "`transfer.notify` can't send from `127.0.0.1`",
            "`transfer.notify` names 192.0.2.1 twice",
            "error[config-key-unknown]: there is no key l.",
            "`a.*` is no zone's name, nor a pattern: a * stands alone",
            "did you mean `address`?",
        ] {
            assert!(faults.contains(said), "{said}\n{faults}");
        }
    }
}
