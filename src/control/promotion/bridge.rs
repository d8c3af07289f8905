//! The bridge back: by what an old primary becomes a secondary of ours, on either side.

use std::fmt;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::prepare::{Surroundings, seen_from};
use crate::answer::Caller;
use crate::control::config::secondary::Primary;
use crate::control::names;
use crate::wire::Name;

/// What is needed for one old primary to follow us.
pub(super) struct Bridge {
    zone: String,
    /// The old primary, where it hears NOTIFY.
    primary: SocketAddr,
    /// Where it reaches us.
    ours: SocketAddr,
    key: Option<Name>,
    is_allowed: bool,
    is_told: bool,
}

impl Bridge {
    pub(super) fn to(apex: &Name, primary: &Primary, around: &Surroundings) -> Bridge {
        let Primary { key, .. } = primary;
        let address = primary.notified_at();
        let caller = Caller { address: address.ip(), key: key.as_ref().map(Name::as_ref), is_encrypted: false };
        let is_it = |target: &crate::control::notifier::Target| target.address == address && target.key == *key;
        let told = &around.told.secondaries;
        Bridge {
            zone: names::shown(apex.as_ref()),
            primary: address,
            ours: seen_from(address, &around.listens),
            key: key.clone(),
            is_allowed: around.rights.transfer.allows(&caller),
            is_told: told.iter().any(|secondary| is_it(&secondary.target) && secondary.zones.has(apex)),
        }
    }

    /// The entry of `transfer.allow`, and that of `transfer.notify`.
    fn entries(&self) -> (String, String) {
        let (ip, primary) = (self.primary.ip(), self.primary);
        match &self.key {
            Some(key) => (
                format!("{{ network = \"{ip}\", key = \"{key}\" }}"),
                format!("{{ address = \"{primary}\", key = \"{key}\" }}"),
            ),
            None => (format!("\"{ip}\""), format!("\"{primary}\"")),
        }
    }

    fn bind(&self) -> String {
        let Bridge { zone, ours, .. } = self;
        let (with, from) = match &self.key {
            Some(key) => (format!(" key \"{key}\""), format!("key \"{key}\"")),
            None => (String::new(), ours.ip().to_string()),
        };
        format!(
            "zone \"{zone}\" {{\n    type secondary; file \"{zone}.copy\";\n    \
             primaries {{ {} port {}{with}; }};\n    allow-notify {{ {from}; }};\n}};\n",
            ours.ip(),
            ours.port()
        )
    }

    fn nsd(&self) -> String {
        let Bridge { zone, ours, .. } = self;
        let key = self.key.as_ref().map_or_else(|| "NOKEY".to_owned(), Name::to_string);
        format!(
            "zone:\n    name: \"{zone}\"\n    zonefile: \"{zone}.copy\"\n    \
             request-xfr: {}@{} {key}\n    allow-notify: {} {key}\n",
            ours.ip(),
            ours.port(),
            ours.ip()
        )
    }

    fn knot(&self) -> String {
        let Bridge { zone, ours, .. } = self;
        let key = self.key.as_ref().map_or_else(String::new, |key| format!("    key: \"{key}\"\n"));
        format!(
            "remote:\n  - id: watari\n    address: {}@{}\n{key}acl:\n  - id: watari\n    address: {}\n{key}    \
             action: notify\nzone:\n  - domain: \"{zone}\"\n    file: \"{zone}.copy\"\n    master: watari\n    acl: watari\n",
            ours.ip(),
            ours.port(),
            ours.ip()
        )
    }

    pub(super) fn data(&self) -> Value {
        let (allow, notify) = self.entries();
        json!({
            "primary": self.primary.to_string(),
            "allow": { "entry": allow, "is_there": self.is_allowed },
            "notify": { "entry": notify, "is_there": self.is_told },
            "bind": self.bind(),
            "nsd": self.nsd(),
            "knot": self.knot(),
        })
    }
}

impl fmt::Display for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (allow, notify) = self.entries();
        let is_there = |is_there| if is_there { "is there already" } else { "is missing" };
        writeln!(f, "The bridge back: {} becomes a secondary of ours.\n", self.primary)?;
        writeln!(f, "# watari.toml, then SIGHUP\n[transfer]")?;
        writeln!(f, "allow = [{allow}]  # {}", is_there(self.is_allowed))?;
        writeln!(f, "notify = [{notify}]  # {}\n", is_there(self.is_told))?;
        match &self.key {
            Some(key) => writeln!(f, "# Both sides have the key {key} already.\n")?,
            None => writeln!(f, "# Nothing is signed; `watari key new NAME` prints a key for both sides.\n")?,
        }
        let zone = "in the place of the zone's present clause";
        writeln!(f, "# BIND: named.conf, {zone}\n{}", self.bind())?;
        writeln!(f, "# NSD: nsd.conf, {zone}\n{}", self.nsd())?;
        writeln!(f, "# Knot DNS: knot.conf, {zone}\n{}", self.knot())
    }
}
