//! `[secondaries]` of a plan: who serves the zone besides, and how long they may take to follow.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use toml::de::DeTable;

use super::form::{Form, Written};
use super::read_length;
use crate::diag::Diagnostic;
use crate::zone::Ttl;

const KEYS: &[&str] = &["servers", "within"];
/// Where a name server is asked that is written without a port.
const PORT: u16 = 53;
/// The most servers of a plan.
const SERVERS_MAX: usize = 64;
/// How long they may take if the plan doesn't say: with NOTIFY they take seconds, without it up to the SOA's REFRESH,
/// which is an hour or two.
const WITHIN_DEFAULT: Ttl = Ttl(7200);

/// Who serves the zone besides, by transfer or by copy of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secondaries {
    /// Where they are asked.
    pub servers: Vec<Written<SocketAddr>>,
    /// D: how long after a step each must serve it.
    pub within: Option<Written<Ttl>>,
}

impl Secondaries {
    /// D: how long after a step each must serve it.
    pub fn within(&self) -> Ttl {
        self.within.as_ref().map_or(WITHIN_DEFAULT, |within| within.value)
    }
}

/// Reads the table `[secondaries]` of a plan.
pub(super) fn read(plan: &mut Form<'_, '_>, table: &DeTable<'_>, heading: Range<usize>) -> Option<Secondaries> {
    let mut form = Form::new(plan.source, plan.faults, table, heading, ("`[secondaries]`", KEYS));
    let servers = read_servers(&mut form);
    let within = read_length(&mut form, "within");
    Some(Secondaries { servers: servers?, within })
}

fn read_servers(form: &mut Form<'_, '_>) -> Option<Vec<Written<SocketAddr>>> {
    let example = r#"servers = ["192.0.2.53", "[2001:db8::53]:5353"]"#;
    let value = form.required("servers", example)?;
    let array = form.array("servers", value, example)?;
    let mut servers = Vec::with_capacity(array.len());
    for item in array.iter() {
        let Some(written) = form.string("servers", item, example) else { continue };
        let address = written.value.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, PORT));
        match address.or_else(|_| written.value.parse()) {
            Ok(value) => servers.push(Written { value, span: written.span }),
            Err(_) => {
                let diagnostic = Diagnostic::error("plan-address", "this is not the address of a server");
                form.fault(diagnostic.help(format!("write {example}")), &written.span, "");
            }
        }
    }
    if array.is_empty() || array.len() > SERVERS_MAX {
        let message = format!("from 1 to {SERVERS_MAX} servers are expected");
        let diagnostic =
            Diagnostic::error("plan-secondaries", message).help("leave `[secondaries]` out if there are none");
        form.fault(diagnostic, &value.span(), "");
        return None;
    }
    Some(servers)
}
