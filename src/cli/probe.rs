//! `watari probe`: looks, now, at what a cutover depends on.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::{ArgGroup, Args, ValueHint};
use serde::Serialize;

use super::plan::{self, PlanError, Planned};
use super::{Exit, style};
use crate::control::names::{self, ZoneNameError};
use crate::diag::similar;
use crate::net::ask::DNS_PORT;
use crate::net::probe;
use crate::timeline::Verdict;
use crate::timeline::plan::probe::{EVERY_DEFAULT, Look, Probe, TIMEOUT_DEFAULT};
use crate::timeline::plan::url::{Url, UrlError};
use crate::wire::{Name, Rtype};
use crate::zone::text;

/// The port of mail servers.
const SMTP_PORT: u16 = 25;
/// How many probes look at the same time.
const AT_ONCE_MAX: usize = 8;

/// Look at name servers, ports, web servers and mail servers, each where it will be and under the name that it will have.
///
/// What is looked at stands in flags, or in the plan of a zone: all its probes, or those that are named.
///
/// A web server is looked at under the host of its URL (Host, SNI, certificate) at the address that is given, before DNS
/// points there. `docs/probes.md` says when a look passes, fails and is unknown.
///
/// The exit status is 0 if all pass, 1 if one fails, 3 if one is unknown and none fails.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("look").args(["dns", "tcp", "http", "smtp"]).multiple(true),
    group = ArgGroup::new("what").args(["name", "tcp", "http", "smtp"]).required(true).multiple(true),
    after_long_help = "\
Examples:
  watari probe example20121.com
      all probes of its plan
  watari probe example20121.com 'new web' 'new mail'
  watari probe --http https://www.example20121.com/ --address 192.0.2.11
      is the new web server ready, certificate and all, before the flip?
  watari probe --http https://www.example20121.com/health --address 192.0.2.11:8443 --status 200 --body ok
  watari probe --smtp 192.0.2.25 --tls-name mx.example20121.com
      does it greet, and is its certificate over STARTTLS valid for that name?
  watari probe --tcp 192.0.2.11:993
  watari probe example20121.com --dns 192.0.2.53 --dns 192.0.2.54 --same 'www A' --serials
      do both have the zone, with the same serial and the same address of www?
  watari probe --tcp 192.0.2.11:443 --json | jq -r '.probes[].verdict'"
)]
pub(super) struct Arguments {
    /// The zone whose plan has the probes, or that name servers are asked for: example.com, or with U-labels
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Some of the probes of its plan [default: all]
    #[arg(value_name = "PROBE", conflicts_with = "look")]
    probes: Vec<String>,
    /// The folder of zone files and plans [default: that of watari.toml, else zones]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "look")]
    zones: Option<PathBuf>,
    /// A name server that must answer for NAME with authority; may be given more than once
    #[arg(long, value_name = "ADDR[:PORT]", requires = "name")]
    dns: Vec<Address>,
    /// An RRset that all name servers must have alike: 'www A', '@ MX'; may be given more than once
    #[arg(long, value_name = "'OWNER TYPE'", requires = "dns")]
    same: Vec<String>,
    /// The serials of all name servers must be the same
    #[arg(long, requires = "dns")]
    serials: bool,
    /// A port that must accept connections; may be given more than once
    #[arg(long, value_name = "ADDR:PORT")]
    tcp: Vec<SocketAddr>,
    /// A web server, by its URL: http:// or https://
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, value_parser = parse_url)]
    http: Option<Url>,
    /// Where the web server is, whatever DNS says
    #[arg(long, value_name = "ADDR[:PORT]", requires = "http")]
    address: Option<Address>,
    /// A status that is fine; may be given more than once [default: any from 200 to 399]
    #[arg(long, value_name = "CODE", requires = "http", value_parser = clap::value_parser!(u16).range(200..600))]
    status: Vec<u16>,
    /// What the body must contain
    #[arg(long, value_name = "TEXT", requires = "http")]
    body: Option<String>,
    /// A mail server
    #[arg(long, value_name = "ADDR[:PORT]")]
    smtp: Option<Address>,
    /// The name that the mail server's certificate must be valid for, over STARTTLS
    #[arg(long, value_name = "HOST", requires = "smtp")]
    tls_name: Option<String>,
    /// What the mail server's banner must contain
    #[arg(long, value_name = "TEXT", requires = "smtp")]
    banner: Option<String>,
    /// A file of certificates, in PEM, that are trusted besides the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ca: Option<String>,
    /// How long a look may take, instead of what the plan says [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    timeout: Option<Duration>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// An address, perhaps with a port.
#[derive(Clone, Copy, Debug)]
struct Address {
    ip: IpAddr,
    port: Option<u16>,
}

impl Address {
    fn or_port(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, self.port.unwrap_or(port))
    }
}

impl std::str::FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Address, &'static str> {
        if let Ok(whole) = text.parse::<SocketAddr>() {
            return Ok(Address { ip: whole.ip(), port: Some(whole.port()) });
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        match bare.parse() {
            Ok(ip) => Ok(Address { ip, port: None }),
            Err(_) => Err("an address is expected: 192.0.2.1, 192.0.2.1:5300, 2001:db8::1, [2001:db8::1]:5300"),
        }
    }
}

fn parse_url(text: &str) -> Result<Url, UrlError> {
    Url::parse(text)
}

fn parse_timeout(text: &str) -> Result<Duration, &'static str> {
    match text::parse_ttl(text) {
        Some(time) if (1..=3600).contains(&time.0) => Ok(Duration::from_secs(time.0.into())),
        _ => Err("a time from 1s to 1h is expected"),
    }
}

/// What was asked for can't be looked at.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    /// The zone's name is none.
    #[error("`{name}` is no domain name")]
    Name { name: String, source: ZoneNameError },
    /// No owner and type.
    #[error("`{0}` is no owner name and type")]
    Same(String),
    /// The plan has no such probe.
    #[error("the plan of {zone} has no probe `{name}`")]
    NoProbe { zone: String, name: String, similar: Option<String> },
    /// The plan has none at all.
    #[error("the plan of {0} has no probe")]
    NoProbes(String),
    /// The plan can't be had.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// It can't be printed.
    #[error("what was asked for can't be printed")]
    Print(#[from] io::Error),
}

impl ProbeError {
    fn help(&self) -> Option<String> {
        match self {
            ProbeError::Same(_) => Some("write them like 'www A' or '@ MX'".to_owned()),
            ProbeError::NoProbe { similar: Some(similar), .. } => Some(format!("did you mean `{similar}`?")),
            ProbeError::NoProbes(_) => Some(
                "name in flags what is to be looked at, or write [[probe]] into the plan; `docs/probes.md` says how"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match carry_out(arguments) {
        Ok(exit) => exit,
        Err(ProbeError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(ProbeError::Plan(error)) => error.end(),
        Err(error) => {
            style::failed(&error, error.help().as_deref());
            Exit::Failed
        }
    }
}

fn carry_out(arguments: &Arguments) -> Result<Exit, ProbeError> {
    let (apex, mut probes) = match &arguments.name {
        Some(name) if !arguments.names_a_look() => {
            let Planned { apex, probes, faults } = plan::probes(name, arguments.zones.as_deref())?;
            if !faults.is_empty() {
                style::draw(&faults);
                return Ok(Exit::Faults);
            }
            let chosen = choose(probes, &arguments.probes, &apex)?;
            (apex, chosen)
        }
        Some(name) => {
            let apex = names::asked(name).map_err(|source| ProbeError::Name { name: name.clone(), source })?;
            let probes = flagged(arguments, &apex)?;
            (apex, probes)
        }
        None => (Name::root(), flagged(arguments, &Name::root())?),
    };
    for probe in &mut probes {
        probe.timeout = arguments.timeout.unwrap_or(probe.timeout);
    }
    let mut looks = Vec::new();
    for some in probes.chunks(AT_ONCE_MAX) {
        let seen = look(some, &apex);
        if !arguments.json {
            print(&seen)?;
        }
        looks.extend(seen);
    }
    if arguments.json {
        let text = serde_json::to_string_pretty(&Json { probes: &looks }).map_err(io::Error::other)? + "\n";
        io::stdout().write_all(text.as_bytes())?;
    }
    Ok(exit(&looks))
}

impl Arguments {
    /// Whether a flag says what is looked at.
    fn names_a_look(&self) -> bool {
        !self.dns.is_empty() || !self.tcp.is_empty() || self.http.is_some() || self.smtp.is_some()
    }
}

/// Those of a plan's probes that were named, in the order of the plan; all if none was.
fn choose(mut probes: Vec<Probe>, named: &[String], apex: &Name) -> Result<Vec<Probe>, ProbeError> {
    let zone = || names::shown(apex.as_ref());
    if probes.is_empty() {
        return Err(ProbeError::NoProbes(zone()));
    }
    if let Some(strange) = named.iter().find(|name| probes.iter().all(|probe| probe.name != **name)) {
        let similar = similar(strange, probes.iter().map(|probe| &*probe.name)).map(str::to_owned);
        return Err(ProbeError::NoProbe { zone: zone(), name: strange.clone(), similar });
    }
    probes.retain(|probe| named.is_empty() || named.contains(&probe.name));
    Ok(probes)
}

/// What the flags name.
fn flagged(arguments: &Arguments, apex: &Name) -> Result<Vec<Probe>, ProbeError> {
    let mut looks = Vec::new();
    if !arguments.dns.is_empty() {
        let servers = arguments.dns.iter().map(|server| server.or_port(DNS_PORT)).collect();
        let same = arguments.same.iter().map(|text| rrset(text, apex)).collect::<Result<_, _>>()?;
        looks.push(("dns".to_owned(), Look::Dns { servers, same, serials: arguments.serials }));
    }
    looks.extend(arguments.tcp.iter().map(|&address| (format!("tcp {address}"), Look::Tcp { address })));
    if let Some(url) = &arguments.http {
        let look = Look::Http {
            url: url.to_string(),
            address: arguments.address.map(|address| address.or_port(url.port)),
            status: arguments.status.clone(),
            body: arguments.body.clone(),
            ca: arguments.ca.clone(),
        };
        looks.push(("http".to_owned(), look));
    }
    if let Some(address) = arguments.smtp {
        let look = Look::Smtp {
            address: address.or_port(SMTP_PORT),
            name: arguments.tls_name.clone(),
            banner: arguments.banner.clone(),
            ca: arguments.ca.clone(),
        };
        looks.push(("smtp".to_owned(), look));
    }
    let probe = |(name, look)| Probe { name, look, every: EVERY_DEFAULT, timeout: TIMEOUT_DEFAULT };
    Ok(looks.into_iter().map(probe).collect())
}

/// `www A`, `@ MX`, `www.example.com. AAAA`.
fn rrset(text: &str, apex: &Name) -> Result<(Name, Rtype), ProbeError> {
    let fault = || ProbeError::Same(text.to_owned());
    let (owner, rtype) = text.trim().split_once(char::is_whitespace).ok_or_else(fault)?;
    let rtype = Rtype::from_text(&rtype.trim().to_ascii_uppercase()).ok_or_else(fault)?;
    let owner = match owner {
        "@" => apex.clone(),
        absolute if absolute.ends_with('.') => Name::from_text(absolute).map_err(|_| fault())?,
        relative => Name::from_text(&format!("{relative}.{apex}")).map_err(|_| fault())?,
    };
    Ok((owner, rtype))
}

/// A probe that was carried out.
#[derive(Serialize)]
struct Seen {
    name: String,
    #[serde(flatten)]
    verdict: Verdict,
    /// How long it took.
    seconds: f64,
}

/// What `watari probe --json` prints.
#[derive(Serialize)]
struct Json<'a> {
    probes: &'a [Seen],
}

fn look(probes: &[Probe], apex: &Name) -> Vec<Seen> {
    let look = |probe: &Probe| {
        let begun = Instant::now();
        let verdict = probe::look(probe, apex);
        Seen { name: probe.name.clone(), verdict, seconds: begun.elapsed().as_secs_f64() }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = probes.iter().map(|probe| (probe, scope.spawn(move || look(probe)))).collect();
        let lost = |probe: &Probe| Seen {
            name: probe.name.clone(),
            verdict: Verdict::Unknown("the look broke off".to_owned()),
            seconds: 0.0,
        };
        threads.into_iter().map(|(probe, thread)| thread.join().unwrap_or_else(|_| lost(probe))).collect()
    })
}

fn print(looks: &[Seen]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for Seen { name, verdict, seconds } in looks {
        let (word, why) = match verdict {
            Verdict::Pass => ("pass", ""),
            Verdict::Fail(why) => ("fail", &**why),
            Verdict::Unknown(why) => ("unknown", &**why),
        };
        let line = format!("{word:<7}  {name}  {seconds:.3} s  {why}");
        writeln!(out, "{}", line.trim_end())?;
    }
    out.flush()
}

fn exit(looks: &[Seen]) -> Exit {
    let has = |wanted: fn(&Verdict) -> bool| looks.iter().any(|seen| wanted(&seen.verdict));
    if has(|verdict| matches!(verdict, Verdict::Fail(_))) {
        Exit::Faults
    } else if has(|verdict| matches!(verdict, Verdict::Unknown(_))) {
        Exit::Failed
    } else {
        Exit::Fine
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn seen(verdict: Verdict) -> Seen {
        Seen { name: String::new(), verdict, seconds: 0.0 }
    }

    #[test]
    fn one_that_fails_outweighs_one_that_is_unknown() {
        let (fail, unknown) = (|| seen(Verdict::Fail(String::new())), || seen(Verdict::Unknown(String::new())));
        assert_eq!(exit(&[seen(Verdict::Pass)]), Exit::Fine);
        assert_eq!(exit(&[seen(Verdict::Pass), unknown()]), Exit::Failed);
        assert_eq!(exit(&[unknown(), fail(), seen(Verdict::Pass)]), Exit::Faults);
    }

    #[test]
    fn an_rrset_is_named_relative_to_the_zone_or_absolutely() {
        let apex = Name::from_text("example.com.").unwrap();
        for (text, owner) in [("www A", "www.example.com."), ("@ a", "example.com."), ("x.test. A", "x.test.")] {
            assert_eq!(rrset(text, &apex).unwrap(), (Name::from_text(owner).unwrap(), Rtype::A));
        }
        assert!(rrset("www", &apex).is_err());
        assert!(rrset("www NONSENSE", &apex).is_err());
    }
}
