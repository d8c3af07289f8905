//! Reads `[[probe]]`: which keys stand there depends on what is looked at.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use toml::de::DeTable;

use super::{EVERY_DEFAULT, Look, PROBES_MAX, Probe, TIMEOUT_DEFAULT};
use crate::diag::Diagnostic;
use crate::timeline::plan::form::{Form, Written};
use crate::timeline::plan::read_length;
use crate::timeline::plan::url::Url;
use crate::wire::{Name, NameRef, Rtype};
use crate::zone::text;

/// The most servers, RRsets or words of one probe.
const LIST_MAX: usize = 64;
/// How long a look may take at most: it keeps a thread.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// The longest name of a probe, in octets.
const NAME_LEN_MAX: usize = 64;

const EXAMPLE: &str = "tables [[probe]], each with name, kind and what is looked at";

/// What is looked at, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Dns,
    Tcp,
    Http,
    Https,
    Smtp,
    Command,
}

impl Kind {
    const WRITTEN: &[(&str, Kind)] = &[
        ("dns", Kind::Dns),
        ("tcp", Kind::Tcp),
        ("http", Kind::Http),
        ("https", Kind::Https),
        ("smtp", Kind::Smtp),
        ("command", Kind::Command),
    ];

    fn keys(self) -> &'static [&'static str] {
        match self {
            Kind::Dns => &["name", "kind", "every", "timeout", "servers", "same", "serials"],
            Kind::Tcp => &["name", "kind", "every", "timeout", "address"],
            Kind::Http => &["name", "kind", "every", "timeout", "url", "address", "status", "body"],
            Kind::Https => &["name", "kind", "every", "timeout", "url", "address", "status", "body", "ca"],
            Kind::Smtp => &["name", "kind", "every", "timeout", "address", "tls_name", "banner", "ca"],
            Kind::Command => &["name", "kind", "every", "timeout", "run"],
        }
    }
}

/// Reads all probes of a plan for the zone `apex`, each with the place of its name.
pub(in crate::timeline::plan) fn read(plan: &mut Form<'_, '_>, apex: NameRef<'_>) -> Vec<Written<Probe>> {
    let Some(tables) = plan.tables("probe", EXAMPLE, PROBES_MAX) else { return Vec::new() };
    let mut probes: Vec<Written<Probe>> = Vec::with_capacity(tables.len());
    let mut seen: HashMap<String, Range<usize>> = HashMap::with_capacity(tables.len());
    for (table, heading) in tables {
        let Some(probe) = read_probe(plan, apex, table, heading) else { continue };
        match seen.entry(probe.value.name.clone()) {
            Entry::Vacant(entry) => drop(entry.insert(probe.span.clone())),
            Entry::Occupied(first) => {
                let message = format!("two probes have the name `{}`", probe.value.name);
                let diagnostic = Diagnostic::error("plan-probe-name", message)
                    .at(plan.source.place(&probe.span), "again here")
                    .at(plan.source.place(first.get()), "first here")
                    .help("give each a name of its own: gates and watches speak of it by that");
                plan.faults.push(diagnostic);
            }
        }
        probes.push(probe);
    }
    probes
}

fn read_probe(
    plan: &mut Form<'_, '_>,
    apex: NameRef<'_>,
    table: &DeTable<'_>,
    heading: Range<usize>,
) -> Option<Written<Probe>> {
    let kind = read_kind(plan, table, heading.clone())?;
    let mut form = Form::new(plan.source, plan.faults, table, heading, ("this probe", kind.keys()));
    let name = read_name(&mut form);
    let every = read_pace(&mut form, "every", Duration::MAX);
    let timeout = read_pace(&mut form, "timeout", TIMEOUT_MAX);
    let look = match kind {
        Kind::Dns => read_dns(&mut form, apex),
        Kind::Tcp => read_address(&mut form, None, true).map(|address| Look::Tcp { address }),
        Kind::Http | Kind::Https => read_http(&mut form, kind),
        Kind::Smtp => read_smtp(&mut form),
        Kind::Command => read_words(&mut form, "run", r#"run = ["./check", "www"]"#, true)
            .map(|argv| Look::Command { argv: argv.into_iter().map(|word| word.value.to_owned()).collect() }),
    };
    let (name, look) = (name?, look?);
    let (every, timeout) = (every.unwrap_or(EVERY_DEFAULT), timeout.unwrap_or(TIMEOUT_DEFAULT));
    Some(Written { value: Probe { name: name.value.to_owned(), look, every, timeout }, span: name.span })
}

fn read_kind(plan: &mut Form<'_, '_>, table: &DeTable<'_>, heading: Range<usize>) -> Option<Kind> {
    // Which keys there may be, the kind says; here none is a stranger.
    let keys: Vec<_> = table.keys().map(|key| key.get_ref().as_ref()).collect();
    let mut form = Form::new(plan.source, plan.faults, table, heading, ("`[[probe]]`", &keys));
    form.required("kind", r#"kind = "https", or dns, tcp, http, smtp, command"#)?;
    form.choice("kind", Kind::WRITTEN).map(|kind| kind.value)
}

fn read_name<'a>(form: &mut Form<'a, '_>) -> Option<Written<&'a str>> {
    let example = r#"name = "new web""#;
    let value = form.required("name", example)?;
    let name = form.string("name", value, example)?;
    if name.value.trim().is_empty() || name.value.len() > NAME_LEN_MAX || name.value.chars().any(char::is_control) {
        let message = format!("a probe's name has 1 to {NAME_LEN_MAX} octets on one line");
        form.fault(Diagnostic::error("plan-probe-name", message).help(format!("write {example}")), &name.span, "");
        return None;
    }
    Some(name)
}

fn read_pace(form: &mut Form<'_, '_>, key: &str, most: Duration) -> Option<Duration> {
    let written = read_length(form, key)?;
    let length = Duration::from_secs(u64::from(written.value.0));
    if length.is_zero() || length > most {
        let message = match most {
            Duration::MAX => format!("`{key}` is a second at least"),
            most => format!("`{key}` is from 1 to {} seconds", most.as_secs()),
        };
        let diagnostic = Diagnostic::error("plan-probe-pace", message);
        form.fault(diagnostic.help(format!("write {key} = \"5s\"")), &written.span, "");
        return None;
    }
    Some(length)
}

fn read_text(form: &mut Form<'_, '_>, key: &str, example: &str) -> Option<String> {
    let value = form.optional(key)?;
    form.string(key, value, example).map(|text| text.value.to_owned())
}

/// The strings at `key`; none if it is not there and need not be.
fn read_words<'a>(
    form: &mut Form<'a, '_>,
    key: &str,
    example: &str,
    is_required: bool,
) -> Option<Vec<Written<&'a str>>> {
    let value = match is_required {
        true => form.required(key, example)?,
        false => match form.optional(key) {
            Some(value) => value,
            None => return Some(Vec::new()),
        },
    };
    let array = form.array(key, value, example)?;
    if array.is_empty() || array.len() > LIST_MAX {
        let diagnostic = Diagnostic::error("plan-probe-list", format!("`{key}` has from 1 to {LIST_MAX} entries"));
        form.fault(diagnostic.help(format!("write {example}")), &value.span(), "");
        return None;
    }
    let words: Vec<_> = array.iter().filter_map(|item| form.string(key, item, example)).collect();
    (words.len() == array.len()).then_some(words)
}

fn read_dns(form: &mut Form<'_, '_>, apex: NameRef<'_>) -> Option<Look> {
    let example = r#"servers = ["192.0.2.53", "[2001:db8::53]:5353"]"#;
    let servers: Option<Vec<_>> = read_words(form, "servers", example, true).and_then(|words| {
        let servers: Vec<_> = words.iter().filter_map(|word| parse_address(form, word, Some(53), example)).collect();
        (servers.len() == words.len()).then_some(servers)
    });
    let same = read_words(form, "same", r#"same = ["www A", "@ MX"]"#, false).and_then(|words| {
        let same: Vec<_> = words.iter().filter_map(|word| read_rrset(form, word, apex)).collect();
        (same.len() == words.len()).then_some(same)
    });
    let serials = form.choice("serials", &[("equal", true), ("lag", false)]);
    Some(Look::Dns { servers: servers?, same: same?, serials: serials.is_some_and(|serials| serials.value) })
}

/// An RRset as in `www A`.
fn read_rrset(form: &mut Form<'_, '_>, written: &Written<&str>, apex: NameRef<'_>) -> Option<(Name, Rtype)> {
    let read = || {
        let (owner, rtype) = written.value.trim().split_once(char::is_whitespace)?;
        let owner = text::name_from_text(owner, apex).ok().filter(|owner| owner.as_ref().is_at_or_below(apex))?;
        let rtype = Rtype::from_text(rtype.trim()).filter(|rtype| !rtype.is_meta())?;
        Some((owner, rtype))
    };
    let rrset = read();
    if rrset.is_none() {
        let message = format!("`{}` is not a name of this zone and a type", written.value);
        let diagnostic = Diagnostic::error("plan-probe-same", message).help(r#"write same = ["www A", "@ MX"]"#);
        form.fault(diagnostic, &written.span, "");
    }
    rrset
}

fn read_address(form: &mut Form<'_, '_>, port: Option<u16>, is_required: bool) -> Option<SocketAddr> {
    let example = match port {
        Some(_) => r#"address = "192.0.2.20""#,
        None => r#"address = "192.0.2.20:25""#,
    };
    let value = if is_required { form.required("address", example)? } else { form.optional("address")? };
    let written = form.string("address", value, example)?;
    parse_address(form, &written, port, example)
}

/// An address; its port may be left out if `port` is the usual one.
fn parse_address(
    form: &mut Form<'_, '_>,
    written: &Written<&str>,
    port: Option<u16>,
    example: &str,
) -> Option<SocketAddr> {
    let whole = written.value.parse::<SocketAddr>().ok();
    // Brackets around an IPv6 address are welcome, as in a URL.
    let bare = written.value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let ip =
        bare.map_or_else(|| written.value.parse::<IpAddr>().ok(), |bare| bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6));
    let alone = || Some(SocketAddr::new(ip?, port?));
    let address = whole.or_else(alone).filter(|address| address.port() != 0);
    if address.is_none() {
        let message = match port {
            Some(_) => "this is not the address of a server",
            None => "this is not an address with a port",
        };
        form.fault(Diagnostic::error("plan-address", message).help(format!("write {example}")), &written.span, "");
    }
    address
}

fn read_http(form: &mut Form<'_, '_>, kind: Kind) -> Option<Look> {
    let (scheme, port) = if kind == Kind::Https { ("https://", 443) } else { ("http://", 80) };
    let example = format!(r#"url = "{scheme}www.example.com/health""#);
    let value = form.required("url", &example);
    let url = value.and_then(|value| form.string("url", value, &example)).and_then(|written| {
        let url = Url::parse(written.value);
        let fault = match &url {
            Ok(url) if url.is_https == (kind == Kind::Https) => None,
            Ok(_) => Some(format!("this probe looks at {scheme}")),
            Err(error) => Some(error.to_string()),
        };
        if let Some(fault) = fault {
            let diagnostic = Diagnostic::error("plan-probe-url", "this is not a URL that can be looked at");
            form.fault(diagnostic.help(format!("write {example}")), &written.span, fault);
            return None;
        }
        Some((written.value.to_owned(), url.ok()?.port))
    });
    let is_address_sound = form.optional("address").is_none();
    let port = url.as_ref().map_or(port, |(_, port)| *port);
    let address = read_address(form, Some(port), false);
    let status = read_status(form);
    let body = read_text(form, "body", r#"body = "ok""#);
    let ca = read_text(form, "ca", r#"ca = "/etc/ssl/own.pem""#);
    if !is_address_sound && address.is_none() {
        return None;
    }
    Some(Look::Http { url: url?.0, address, status: status?, body, ca })
}

fn read_status(form: &mut Form<'_, '_>) -> Option<Vec<u16>> {
    let Some(value) = form.optional("status") else { return Some(Vec::new()) };
    let example = "status = [200]";
    let array = form.array("status", value, example)?;
    let mut all = Vec::with_capacity(array.len().min(LIST_MAX));
    for item in array.iter().take(LIST_MAX) {
        let number = item.get_ref().as_integer();
        let number = number.and_then(|number| u16::from_str_radix(number.as_str(), number.radix()).ok());
        let Some(status) = number.filter(|status| (100..600).contains(status)) else {
            let diagnostic = Diagnostic::error("plan-probe-status", "a status is a number from 100 to 599");
            form.fault(diagnostic.help(format!("write {example}")), &item.span(), "");
            return None;
        };
        all.push(status);
    }
    Some(all)
}

fn read_smtp(form: &mut Form<'_, '_>) -> Option<Look> {
    let address = read_address(form, Some(25), true);
    let name = read_text(form, "tls_name", r#"tls_name = "mail.example.com""#);
    let banner = read_text(form, "banner", r#"banner = "mail.example.com""#);
    let ca = read_text(form, "ca", r#"ca = "/etc/ssl/own.pem""#);
    Some(Look::Smtp { address: address?, name, banner, ca })
}
