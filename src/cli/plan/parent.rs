//! `watari plan parent`: what the parent zone says of a delegation.

use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};

use clap::Args;
use serde::Serialize;

use super::PlanError;
use crate::cli::{Exit, style};
use crate::control::names;
use crate::net::ask::{self, Asker, DNS_PORT, Delegation, DelegationError, DsSet, Referral, Said, Statement};
use crate::timeline::show;
use crate::wire::Rtype;
use crate::zone::{Ttl, text};

/// Ask the parent zone what it says of a delegation: name servers, glue, DS, each with its TTL.
///
/// A change of name servers is over only when the parent's TTL is: caches hold the parent's NS records as long as it
/// says. All name servers of the parent are asked, without recursion, so that no cache has counted a TTL down. The last
/// lines are a part of a plan.
///
/// The exit status is 1 if the parent does not delegate the zone, 3 if what it says can't be learnt.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  watari plan parent example20121.com
      the parent and its name servers are found through the resolver of /etc/resolv.conf
  watari plan parent example20121.com --resolver 192.0.2.53
  watari plan parent example20121.com --server 192.5.6.30 --server '[2001:503:a83e::2:30]:53'
      these are the parent's name servers
  watari plan parent example20121.com --json | jq .ns.ttl

Where the parent's servers differ, the highest TTL counts, and each server's answer is shown. A server that has the
zone itself, too, answers from there and does not tell the parent's TTL; another one is taken if there is one.")]
pub(in crate::cli) struct Parent {
    /// The zone: example.com, or with U-labels
    #[arg(value_name = "NAME")]
    name: String,
    /// A name server of the parent, instead of those that are found; may be given more than once
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = parse_server, conflicts_with = "resolver")]
    server: Vec<SocketAddr>,
    /// The resolver that finds the parent's name servers [default: the first of /etc/resolv.conf]
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = parse_server)]
    resolver: Option<SocketAddr>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

fn parse_server(text: &str) -> Result<SocketAddr, String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let whole = text.parse().ok();
    let server = whole.or_else(|| Some(SocketAddr::new(bare.parse::<IpAddr>().ok()?, DNS_PORT)));
    server
        .ok_or_else(|| "an address is expected: 192.0.2.1, 192.0.2.1:5300, 2001:db8::1, [2001:db8::1]:5300".to_owned())
}

pub(super) fn run(arguments: &Parent) -> Result<Exit, PlanError> {
    let name = &arguments.name;
    let apex = names::apex(name).map_err(|source| PlanError::Name { name: name.clone(), source })?;
    let parent = match (&*arguments.server, arguments.resolver) {
        ([], Some(resolver)) => ask::Parent::Resolver(resolver),
        ([], None) => ask::Parent::Resolver(ask::system_resolver()?),
        (servers, _) => ask::Parent::Servers(servers.to_vec()),
    };
    let delegation = match Asker::default().delegation(&apex, &parent, super::present()) {
        Ok(delegation) => delegation,
        Err(error @ DelegationError::NotDelegated { .. }) => {
            style::failed(&error, error.help().as_deref());
            return Ok(Exit::Faults);
        }
        Err(error) => return Err(error.into()),
    };
    if arguments.json {
        super::print_json(&Json::new(&delegation))?;
    } else {
        super::print_text(|out| draw(&delegation, out))?;
    }
    Ok(Exit::Fine)
}

fn draw(delegation: &Delegation, out: &mut impl Write) -> fmt::Result {
    let Delegation { apex, parent, ns, glue, ds, statements, remarks, .. } = delegation;
    writeln!(out, "{} delegates {}\n", names::shown(parent.as_ref()), names::shown(apex.as_ref()))?;
    rows("NS", ns.names.iter().map(|name| (ns.ttl, name.to_string())), out)?;
    rows("glue", glue.iter().map(|glue| (glue.ttl, format!("{} {}", glue.name, glue.address))), out)?;
    rows("DS", ds.iter().flat_map(|set| set.rdatas.iter().map(|rdata| (set.ttl, ds_text(rdata)))), out)?;
    writeln!(out, "\nasked at {}:", show::rfc3339(delegation.asked_at))?;
    let all_alike = alike(statements);
    for Statement { server, said } in statements {
        match said {
            Ok((_, Said::Referral(_))) if all_alike => writeln!(out, "  {server}")?,
            Ok((_, Said::Referral(referral))) => writeln!(out, "  {server}: {}", referral_text(referral))?,
            Ok((_, Said::Child(ns))) => writeln!(out, "  {server}: NS {}, of the zone itself", units(ns.ttl))?,
            Ok((_, Said::Nothing)) => writeln!(out, "  {server}: no delegation")?,
            Err(error) => writeln!(out, "  {server}: {error}")?,
        }
    }
    if !remarks.is_empty() {
        writeln!(out)?;
    }
    remarks.iter().try_for_each(|remark| writeln!(out, "remark: {remark}"))?;
    write!(out, "\n{}", plan_text(delegation))
}

/// The lines of one kind of record, its TTL and the kind in front of the first.
fn rows(kind: &str, rows: impl Iterator<Item = (Ttl, String)>, out: &mut impl Write) -> fmt::Result {
    let mut before = None;
    for (ttl, text) in rows {
        let (kind, ttl_text) = match before {
            None => (kind, units(ttl)),
            Some(same) if same == ttl => ("", String::new()),
            Some(_) => ("", units(ttl)),
        };
        writeln!(out, "{kind:<5} {ttl_text:>6}  {text}")?;
        before = Some(ttl);
    }
    if before.is_none() { writeln!(out, "{kind:<5} {:>6}", "none") } else { Ok(()) }
}

/// Whether all who told the delegation told the same.
fn alike(statements: &[Statement]) -> bool {
    let mut referrals = statements.iter().filter_map(Statement::referral);
    let first = referrals.next();
    referrals.all(|referral| Some(referral) == first)
}

fn referral_text(Referral { ns, glue, ds }: &Referral) -> String {
    let names: Vec<String> = ns.names.iter().map(ToString::to_string).collect();
    let mut text = format!("NS {} {}", units(ns.ttl), names.join(" "));
    if let Some(ttl) = glue.iter().map(|(.., ttl)| *ttl).max() {
        text += &format!("; glue {}", units(ttl));
    }
    match ds {
        Some(ds) => text + &format!("; DS {}", units(ds.ttl)),
        None => text + "; no DS",
    }
}

/// What a plan for a change of name servers says of the parent.
fn plan_text(delegation: &Delegation) -> String {
    let asked = format!("asked of {} at {}", delegation.ns_from, show::rfc3339(delegation.asked_at));
    let parent_ttl = format!("parent_ttl = \"{}\"", units(delegation.ns.ttl));
    let mut text = format!("[authority]\n{parent_ttl}  # TTL of the NS records at the parent, {asked}\n");
    if let Some(ttl) = glue_ttl(delegation) {
        text += &format!("glue_ttl = \"{}\"\n", units(ttl));
    }
    text + &format!("ds = \"{}\"\n", if delegation.ds.is_some() { "present" } else { "absent" })
}

fn glue_ttl(delegation: &Delegation) -> Option<Ttl> {
    delegation.glue.iter().map(|glue| glue.ttl).max()
}

/// A TTL as a plan writes it: `2d`, `1h30m`.
fn units(Ttl(seconds): Ttl) -> String {
    let mut text = String::new();
    let mut left = seconds;
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if left >= length {
            text += &format!("{}{unit}", left / length);
            left %= length;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn ds_text(rdata: &[u8]) -> String {
    let mut text = String::new();
    // Writing to a String can't fail.
    let _ = text::print_rdata(Rtype::DS, rdata, &mut text, None);
    text
}

/// The shape of a delegation in JSON. Instants are UTC in RFC 3339 form, TTLs seconds; `ds` is `null` if there is none.
#[derive(Serialize)]
struct Json {
    zone: String,
    parent: String,
    asked_at: String,
    ns: JsonRecords,
    glue: Vec<JsonGlue>,
    ds: Option<JsonRecords>,
    servers: Vec<JsonServer>,
    remarks: Vec<String>,
    /// The part of a plan, as text.
    plan: String,
}

#[derive(Serialize)]
struct JsonRecords {
    ttl: u32,
    data: Vec<String>,
}

#[derive(Serialize)]
struct JsonGlue {
    name: String,
    address: IpAddr,
    ttl: u32,
}

#[derive(Serialize)]
struct JsonServer {
    name: Option<String>,
    address: SocketAddr,
    /// `referral`, `child`, `nothing` or `error`.
    says: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ns: Option<JsonRecords>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ds: Option<JsonRecords>,
    #[serde(skip_serializing_if = "Option::is_none")]
    glue: Option<Vec<JsonGlue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Json {
    fn new(delegation: &Delegation) -> Json {
        let glue = delegation.glue.iter();
        Json {
            zone: delegation.apex.to_string(),
            parent: delegation.parent.to_string(),
            asked_at: show::rfc3339(delegation.asked_at),
            ns: JsonRecords::ns(&delegation.ns),
            glue: glue.map(|glue| JsonGlue::new(&glue.name, glue.address, glue.ttl)).collect(),
            ds: delegation.ds.as_ref().map(JsonRecords::ds),
            servers: delegation.statements.iter().map(JsonServer::new).collect(),
            remarks: delegation.remarks.iter().map(ToString::to_string).collect(),
            plan: plan_text(delegation),
        }
    }
}

impl JsonRecords {
    fn ns(set: &ask::NsSet) -> JsonRecords {
        JsonRecords { ttl: set.ttl.0, data: set.names.iter().map(ToString::to_string).collect() }
    }

    fn ds(set: &DsSet) -> JsonRecords {
        JsonRecords { ttl: set.ttl.0, data: set.rdatas.iter().map(|rdata| ds_text(rdata)).collect() }
    }
}

impl JsonGlue {
    fn new(name: &crate::wire::Name, address: IpAddr, ttl: Ttl) -> JsonGlue {
        JsonGlue { name: name.to_string(), address, ttl: ttl.0 }
    }
}

impl JsonServer {
    fn new(Statement { server, said }: &Statement) -> JsonServer {
        let mut json = JsonServer {
            name: server.name.as_ref().map(ToString::to_string),
            address: server.address,
            says: "nothing",
            ns: None,
            ds: None,
            glue: None,
            error: None,
        };
        match said {
            Ok((_, Said::Referral(Referral { ns, glue, ds }))) => {
                json.says = "referral";
                json.ns = Some(JsonRecords::ns(ns));
                json.ds = ds.as_ref().map(JsonRecords::ds);
                json.glue = Some(glue.iter().map(|(name, address, ttl)| JsonGlue::new(name, *address, *ttl)).collect());
            }
            Ok((_, Said::Child(ns))) => {
                json.says = "child";
                json.ns = Some(JsonRecords::ns(ns));
            }
            Ok((_, Said::Nothing)) => {}
            Err(error) => {
                json.says = "error";
                json.error = Some(error.to_string());
            }
        }
        json
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_ttl_is_written_as_a_plan_reads_it() {
        for (seconds, written) in [(0, "0s"), (60, "1m"), (5400, "1h30m"), (172_800, "2d"), (90_061, "1d1h1m1s")] {
            assert_eq!(units(Ttl(seconds)), written);
            assert_eq!(text::parse_ttl(written), Some(Ttl(seconds)));
        }
    }

    #[test]
    fn a_server_is_an_address_with_or_without_a_port() {
        for (written, meant) in [
            ("192.0.2.1", "192.0.2.1:53"),
            ("192.0.2.1:5300", "192.0.2.1:5300"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("[2001:db8::1]", "[2001:db8::1]:53"),
            ("[2001:db8::1]:5300", "[2001:db8::1]:5300"),
        ] {
            assert_eq!(parse_server(written).unwrap().to_string(), meant);
        }
        assert!(parse_server("localhost").is_err());
    }
}
