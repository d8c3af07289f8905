//! `[[update]]`: who may change what in zones by dynamic update, as in BIND's `update-policy`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::fields::{Entry, Fields, Source, Value};
use super::keys::Known;
use crate::diag::Diagnostic;
use crate::wire::{Name, Rtype};
use crate::zone::update::{Action, Identity, Names, Policy, Reach, Rule, Selection, Types, Zones};

/// The most rules.
const RULES_MAX: usize = 10_000;
/// How far a rule may reach, as it is written.
const REACHES: [&str; 7] = ["name", "subdomain", "wildcard", "self", "self-subdomain", "self-wildcard", "zone"];

/// Reads all rules, in their order.
pub(super) fn read(source: &mut Source<'_>, top: &mut Fields<'_>, known: &Known) -> Policy {
    let mut policy = Policy::default();
    let entries = top.entries(source, "update").unwrap_or_default();
    if let Some(beyond) = entries.get(RULES_MAX) {
        let message = format!("there are more than {RULES_MAX} rules in `update`");
        source.value_fault(beyond.span(), message, "too many", "let one speak of several zones and names");
    }
    for entry in entries {
        match entry {
            Entry::Table(fields, span) => {
                if let Some((zones, rule)) = rule(source, fields, span, known) {
                    policy.push(zones, rule);
                }
            }
            Entry::Text(written) => {
                let help = "write `[[update]]` on a line, and its settings below it";
                source.value_fault(written.span, "`update` is a list of tables".to_owned(), "not a table", help);
            }
        }
    }
    policy
}

type Span = std::ops::Range<usize>;

fn fault(source: &mut Source<'_>, span: &Span, message: String, help: &str) {
    let place = source.place(span.clone());
    source.faults.push(Diagnostic::error("config-update", message).at(place, "").help(help));
}

/// A rule of which a part can't be read would let in others than was meant, and is none.
fn rule(source: &mut Source<'_>, mut fields: Fields<'_>, span: Span, known: &Known) -> Option<(Vec<Zones>, Rule)> {
    let count = source.faults.iter().filter(|fault| fault.is_error()).count();
    let zones = zones(source, &mut fields, &span);
    let identity = identity(source, &mut fields, &span, known);
    let granted = fields.text(source, "grant").map(|written| (Action::Grant, written));
    let denied = fields.text(source, "deny").map(|written| (Action::Deny, written));
    let names = fields.texts(source, "names");
    let types = types(source, &mut fields);
    let (action, written) = match (granted, denied) {
        (Some(one), None) | (None, Some(one)) => (one.0, Some(one.1)),
        (None, None) => {
            let known = REACHES.join(", ");
            fault(
                source,
                &span,
                "a rule says neither `grant` nor `deny`".to_owned(),
                &format!("one of them says how far it reaches: {known}"),
            );
            (Action::Deny, None)
        }
        (Some(one), Some(_)) => {
            fault(
                source,
                &span,
                "a rule says both `grant` and `deny`".to_owned(),
                "write two rules; the first that speaks of a change decides",
            );
            (one.0, None)
        }
    };
    let reach = written.and_then(|written| reach(source, &written, names, &span));
    fields.finish(source);
    let is_sound = source.faults.iter().filter(|fault| fault.is_error()).count() == count;
    let rule = Rule { action, identity: identity?, reach: reach?, types };
    is_sound.then_some((zones?, rule))
}

fn zones(source: &mut Source<'_>, fields: &mut Fields<'_>, span: &Span) -> Option<Vec<Zones>> {
    const HELP: &str = "write `zones = [\"example.com\", \"*.example.net\"]`; \"*\" is every zone";
    let Some(written) = fields.texts(source, "zones") else {
        if !fields.has("zones") {
            fault(source, span, "a rule does not say for which zones it is".to_owned(), HELP);
        }
        return None;
    };
    let mut zones = Vec::new();
    for one in written {
        let zone = match one.value.strip_prefix("*.") {
            _ if one.value == "*" => Some(Zones::All),
            Some(rest) => Name::from_text(rest).ok().map(|name| Zones::Below(name.as_ref().to_lowercase())),
            None => Name::from_text(&one.value).ok().map(|name| Zones::Zone(name.as_ref().to_lowercase())),
        };
        match zone.filter(|_| !one.value.trim_start_matches("*.").contains('*') || one.value == "*") {
            Some(zone) => zones.push(zone),
            None => source.value_fault(one.span, format!("`{}` is neither a zone nor a pattern", one.value), "", HELP),
        }
    }
    Some(zones)
}

fn identity(source: &mut Source<'_>, fields: &mut Fields<'_>, span: &Span, known: &Known) -> Option<Identity> {
    let (key, from) = (fields.text(source, "key"), fields.texts(source, "from"));
    match (key, from) {
        (Some(key), None) => match key.value.strip_prefix("*.") {
            _ if key.value == "*" => Some(Identity::AnyKey),
            Some(rest) => match Name::from_text(rest) {
                Ok(name) => Some(Identity::KeyBelow(name)),
                Err(error) => {
                    fault(
                        source,
                        &key.span,
                        format!("`{}` names no keys: {error}", key.value),
                        "as `*.hosts.example.`",
                    );
                    None
                }
            },
            None => known.find(source, &key).map(Identity::Key),
        },
        (None, Some(from)) => {
            let count = from.len();
            let networks: Vec<IpNet> = from.iter().filter_map(|one| network(source, one)).collect();
            (networks.len() == count).then_some(Identity::Unsigned(networks))
        }
        (None, None) => {
            if !fields.has("key") && !fields.has("from") {
                let help = "write `key = \"acme.\"`; `watari key new acme.` makes one";
                fault(source, span, "a rule does not say for whom it is".to_owned(), help);
            }
            None
        }
        (Some(_), Some(_)) => {
            let help = "`from` is for who does not sign; leave it out where a key is named";
            fault(source, span, "a rule says both `key` and `from`".to_owned(), help);
            None
        }
    }
}

fn network(source: &mut Source<'_>, written: &Value<String>) -> Option<IpNet> {
    let network = written.value.parse().or_else(|_| written.value.parse::<IpAddr>().map(IpNet::from));
    match network {
        Ok(network) if network.addr() == network.network() => Some(network),
        _ => {
            let message = format!("`update.from` takes networks, and `{}` is none", written.value);
            source.value_fault(written.span.clone(), message, "not a network", "write it as `192.0.2.0/24` or `::1`");
            None
        }
    }
}

fn reach(
    source: &mut Source<'_>,
    written: &Value<String>,
    names: Option<Vec<Value<String>>>,
    span: &Span,
) -> Option<Reach> {
    let (of_names, own) = match written.value.as_str() {
        "name" => (Names::Name, true),
        "subdomain" => (Names::Subdomain, true),
        "wildcard" => (Names::Wildcard, true),
        "self" => (Names::Name, false),
        "self-subdomain" => (Names::Subdomain, false),
        "self-wildcard" => (Names::Wildcard, false),
        "zone" => {
            refuse_names(source, written, names, span);
            return Some(Reach::Zone);
        }
        other => {
            let message = format!("a rule can't reach `{other}`");
            let help = match crate::diag::similar(other, REACHES.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known are {}", REACHES.join(", ")),
            };
            source.value_fault(written.span.clone(), message, "not known", &help);
            return None;
        }
    };
    if !own {
        refuse_names(source, written, names, span);
        return Some(Reach::Key(of_names));
    }
    let Some(names) = names.filter(|names| !names.is_empty()) else {
        let message = format!("a rule that reaches `{}` names no names", written.value);
        fault(
            source,
            span,
            message,
            "write `names = [\"_acme-challenge\"]`: below the zone, or absolute with a final dot",
        );
        return None;
    };
    let selections = names.iter().map(|name| selection(source, name)).collect::<Option<Vec<_>>>()?;
    Some(Reach::These(of_names, selections))
}

fn refuse_names(source: &mut Source<'_>, written: &Value<String>, names: Option<Vec<Value<String>>>, span: &Span) {
    if names.is_some() {
        let message = format!("a rule that reaches `{}` takes no `names`", written.value);
        fault(source, span, message, "leave `names` out, or let it reach `name`, `subdomain` or `wildcard`");
    }
}

fn selection(source: &mut Source<'_>, written: &Value<String>) -> Option<Selection> {
    let text = written.value.as_str();
    if text == "@" {
        return Some(Selection::BelowApex(Box::default()));
    }
    match Name::from_text(text) {
        Ok(name) if text.ends_with('.') => Some(Selection::Absolute(name)),
        Ok(name) => {
            let labels = name.wire().split_last().map(|(_, labels)| labels).unwrap_or_default();
            Some(Selection::BelowApex(labels.into()))
        }
        Err(error) => {
            let help = "write it below the zone, as `_acme-challenge`, or absolute with a final dot";
            source.value_fault(written.span.clone(), format!("`{text}` is no name: {error}"), "", help);
            None
        }
    }
}

fn types(source: &mut Source<'_>, fields: &mut Fields<'_>) -> Types {
    let Some(written) = fields.texts(source, "types") else { return Types::Ordinary };
    let mut types = Vec::new();
    for one in written {
        match Rtype::from_text(&one.value) {
            Some(Rtype::ANY) => return Types::Any,
            Some(rtype) if !rtype.is_meta() => types.push(rtype),
            _ => {
                let message = format!("`{}` is no type of record", one.value);
                source.value_fault(one.span, message, "not known", "write its mnemonic, TYPE and its number, or ANY");
            }
        }
    }
    Types::These(types)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::control::config::parse;
    use crate::diag::render;
    use crate::zone::update::Requestor;

    const KEY: &str = "[keys.\"acme.\"]\nalgorithm = \"hmac-sha256\"\n\
                       secret = \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"\n";

    fn faults(rules: &str) -> String {
        render(&parse(&"watari.toml".into(), &format!("{KEY}{rules}")).1, false)
    }

    #[test]
    fn rules_are_read_in_their_order() {
        let text = format!(
            "{KEY}[[update]]\nzones = \"example.com\"\nkey = \"acme.\"\ndeny = \"name\"\nnames = \"_acme-challenge.www\"\n\
             [[update]]\nzones = [\"example.com\", \"*.example.net\"]\nkey = \"ACME\"\ngrant = \"subdomain\"\n\
             names = [\"_acme-challenge\", \"@\"]\ntypes = \"TXT\"\n\
             [[update]]\nzones = \"*\"\nfrom = \"::1\"\ngrant = \"zone\"\ntypes = [\"ANY\"]\n"
        );
        let (config, faults) = parse(&"watari.toml".into(), &text);
        assert_eq!(faults, []);
        let name = |text: &str| Name::from_text(text).unwrap();
        let may = |apex: &str, key: Option<&str>, owner: &str, rtype| {
            let key = key.map(name);
            let requestor = Requestor {
                key: key.as_ref().map(Name::as_ref),
                address: "::1".parse().unwrap(),
                is_address_sure: true,
            };
            config.update.of(&name(apex), &requestor)(name(owner).as_ref(), rtype)
        };
        let acme = Some("acme.");
        assert!(!may("example.com", acme, "_acme-challenge.www.example.com", Rtype::TXT));
        assert!(may("example.com", acme, "_acme-challenge.example.com", Rtype::TXT));
        assert!(may("example.com", acme, "www.example.com", Rtype::TXT), "`@` and all below it");
        assert!(may("a.example.net", acme, "x._acme-challenge.a.example.net", Rtype::TXT));
        assert!(!may("example.net", acme, "_acme-challenge.example.net", Rtype::TXT));
        assert!(!may("example.com", acme, "www.example.com", Rtype::A));
        assert!(!may("example.com", Some("other."), "www.example.com", Rtype::TXT));
        assert!(may("any.test", None, "any.test", Rtype::SOA));
    }

    #[test]
    fn all_faults_of_rules_are_shown_at_once() {
        let shown = faults(
            "[[update]]\n[[update]]\nzones = [\"a.*.b\", \"a..b\"]\nkey = \"acem.\"\ngrant = \"nmae\"\ntypes = [\"ANNY\"]\n\
             [[update]]\nzones = \"*\"\nkey = \"acme.\"\nfrom = \"10.0.0.1/8\"\ngrant = \"name\"\ndeny = \"name\"\n\
             [[update]]\nzones = \"*\"\nfrom = \"10.0.0.1/8\"\ngrant = \"self\"\nnames = \"x\"\nname = \"y\"\n\
             [[update]]\nzones = \"*\"\nkey = \"*\"\ngrant = \"name\"\n\
             [[update]]\nzones = \"*\"\nkey = \"*.a..b\"\ngrant = \"name\"\nnames = \"a..b\"\n",
        );
        for said in [
            "error[config-update]: a rule does not say for which zones it is\n --> watari.toml:4:1",
            "a rule does not say for whom it is",
            "a rule says neither `grant` nor `deny`",
            "`a.*.b` is neither a zone nor a pattern\n --> watari.toml:6:10",
            "`a..b` is neither a zone nor a pattern",
            "error[config-key-unknown]: there is no key acem.",
            "did you mean `name`?",
            "`ANNY` is no type of record",
            "a rule says both `key` and `from`",
            "a rule says both `grant` and `deny`",
            "`update.from` takes networks, and `10.0.0.1/8` is none",
            "a rule that reaches `self` takes no `names`",
            "error[config-unknown]: `update.name` is not a setting",
            "a rule that reaches `name` names no names",
            "`*.a..b` names no keys",
            "`a..b` is no name",
        ] {
            assert!(shown.contains(said), "{said}\n{shown}");
        }
        assert!(faults("update = 5\n").contains("update"));
    }
}
