//! Name servers: each must answer with authority, and all alike.
//!
//! Each is asked on a thread of its own, so that a silent one takes no time from the others. No resolver is asked: what one
//! says may be out of its cache, and asking it for a name that does not exist yet would have it remember that.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use super::patience::Patience;
use super::{Looked, fail, unknown};
use crate::net::ask::{AskError, Asker, DNS_PORT, Datum};
use crate::timeline::{Serial, Verdict};
use crate::wire::{Name, Rtype};
use crate::zone::text;

/// How many servers a probe may look at.
const SERVERS_MAX: usize = 64;
/// How many differences are told.
const DIFFERENCES_MAX: usize = 4;
/// How many records of an RRset are told.
const RECORDS_MAX: usize = 4;
/// How often a server is asked before it counts as silent.
const TRIES: u32 = 3;
/// The longest that one try waits.
const TRY_MAX: Duration = Duration::from_secs(2);

/// What one server serves.
struct Served {
    server: SocketAddr,
    serial: Serial,
    /// The data of each RRset that was asked for.
    data: Vec<Vec<Datum>>,
}

/// Asks all `servers` for the SOA of `apex` and the RRsets in `same`; with `serials`, their serials must be the same too.
pub(super) fn look(
    servers: &[SocketAddr],
    same: &[(Name, Rtype)],
    serials: bool,
    apex: &Name,
    patience: Patience,
) -> Looked {
    if servers.is_empty() || servers.len() > SERVERS_MAX {
        return Err(unknown(format!("from 1 to {SERVERS_MAX} servers can be looked at, not {}", servers.len())));
    }
    let (mut faults, mut obstacles, mut served) = (Vec::new(), Vec::new(), Vec::new());
    for asked in ask(servers, same, apex, patience) {
        match asked {
            Ok(one) => served.push(one),
            Err(Verdict::Unknown(why)) => obstacles.push(why),
            Err(Verdict::Fail(why)) => faults.push(why),
            Err(Verdict::Pass) => {}
        }
    }
    faults.extend(differences(&served, same, serials));
    match (&*faults, &*obstacles) {
        ([], []) => Ok(()),
        ([], obstacles) => Err(unknown(list(obstacles))),
        (faults, _) => Err(fail(list(faults))),
    }
}

/// What each server says, in their order.
fn ask(servers: &[SocketAddr], same: &[(Name, Rtype)], apex: &Name, patience: Patience) -> Vec<Looked<Served>> {
    let lacking = || unknown("this machine has nothing left to look with: no thread could be started");
    thread::scope(|scope| {
        let start = |&server| {
            let builder = thread::Builder::new().name("probe".to_owned());
            builder.spawn_scoped(scope, move || ask_one(server, same, apex, patience))
        };
        let threads: Vec<_> = servers.iter().map(start).collect();
        let join = |thread: Result<thread::ScopedJoinHandle<'_, _>, _>| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|_| Err(lacking())),
            Err(_) => Err(lacking()),
        };
        threads.into_iter().map(join).collect()
    })
}

fn ask_one(server: SocketAddr, same: &[(Name, Rtype)], apex: &Name, patience: Patience) -> Looked<Served> {
    let asker = Asker { timeout: (patience.timeout() / TRIES).min(TRY_MAX), tries: TRIES, port: DNS_PORT };
    let serial = asker.serial_before(server, apex, patience.end()).map_err(|error| verdict(&error))?;
    let ask = |(owner, rtype): &(Name, Rtype)| asker.data_before(server, apex, (owner, *rtype), patience.end());
    let data = same.iter().map(ask).collect::<Result<_, _>>().map_err(|error| verdict(&error))?;
    Ok(Served { server, serial, data })
}

fn verdict(error: &AskError) -> Verdict {
    let why = format!("{error}: {}", error.help());
    if matches!(error, AskError::NoRoute { .. }) { unknown(why) } else { fail(why) }
}

/// In what the servers differ from the first.
fn differences(served: &[Served], same: &[(Name, Rtype)], serials: bool) -> Vec<String> {
    let Some((first, others)) = served.split_first() else { return Vec::new() };
    let mut found = Vec::new();
    for other in others {
        if serials && other.serial != first.serial {
            let (late, ahead) = if other.serial < first.serial { (other, first) } else { (first, other) };
            found.push(format!(
                "{} has serial {}, {} has {}: is a NOTIFY or a transfer on its way? Else see why {} does not follow",
                late.server, late.serial, ahead.server, ahead.serial, late.server
            ));
        }
        let rrsets = same.iter().zip(first.data.iter().zip(&other.data));
        for ((owner, rtype), (data, others_data)) in rrsets.filter(|(_, (data, others_data))| data != others_data) {
            found.push(format!(
                "{} has for {owner} {rtype} {}, {} has {}: let both serve the same data before going on",
                other.server,
                records(others_data, *rtype),
                first.server,
                records(data, *rtype)
            ));
        }
    }
    found
}

fn records(data: &[Datum], asked: Rtype) -> String {
    if data.is_empty() {
        return "nothing".to_owned();
    }
    let mut shown = String::new();
    for (at, (rtype, rdata)) in data.iter().take(RECORDS_MAX).enumerate() {
        // Writing to a String can't fail.
        let _ = write!(shown, "{}", if at > 0 { ", " } else { "" });
        let _ = if *rtype == asked { Ok(()) } else { write!(shown, "{rtype} ") };
        let _ = text::print_rdata(*rtype, rdata, &mut shown, None);
    }
    if data.len() > RECORDS_MAX {
        let _ = write!(shown, " and {} more", data.len() - RECORDS_MAX);
    }
    shown
}

fn list(reasons: &[String]) -> String {
    let mut shown = reasons.iter().take(DIFFERENCES_MAX).map(String::as_str).collect::<Vec<_>>().join("; ");
    if reasons.len() > DIFFERENCES_MAX {
        let _ = write!(shown, "; and {} more", reasons.len() - DIFFERENCES_MAX);
    }
    shown
}
