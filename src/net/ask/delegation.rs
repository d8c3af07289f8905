//! What the parent says of a delegation: the statements of all its servers, taken together.
//!
//! Caches hold what any of the servers gave them. So where servers differ, the highest TTL counts, and every name
//! server, address and DS record that one of them gives is there.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::thread;

use super::parent::ParentError;
use super::{AskError, Asker, DsSet, NsSet, Parent, ParentServer, Referral, Said, Statement};
use crate::clock::Instant;
use crate::wire::Name;
use crate::zone::Ttl;

/// An address of a child's name server, as the parent has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glue {
    /// The name server.
    pub name: Name,
    /// Its address.
    pub address: IpAddr,
    /// The record's TTL.
    pub ttl: Ttl,
}

/// What the parent says of a delegation.
#[derive(Debug)]
pub struct Delegation {
    /// The zone that is delegated.
    pub apex: Name,
    /// The zone that delegates it.
    pub parent: Name,
    /// The zone's name servers, with the highest TTL that a server of the parent gives.
    pub ns: NsSet,
    /// Who gives that TTL.
    pub ns_from: ParentServer,
    /// Their addresses in the parent, each once, with its highest TTL.
    pub glue: Vec<Glue>,
    /// The DS records; `None` if there are none, whether that is proven or not.
    pub ds: Option<DsSet>,
    /// When it was asked.
    pub asked_at: Instant,
    /// Who was asked, and what each said.
    pub statements: Vec<Statement>,
    /// What else is to be known.
    pub remarks: Vec<Remark>,
}

/// What is to be known of the parent's servers beside what they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// One is of no use.
    Failed {
        /// Which one.
        server: ParentServer,
        /// What is wrong, in words, with its cause.
        reason: String,
    },
    /// Some can't be reached from this machine, which says nothing of them.
    Unreachable {
        /// How many.
        count: usize,
    },
    /// One has the child as well: its TTL is the child's, and isn't counted.
    ServesChild {
        /// Which one.
        server: ParentServer,
    },
    /// One says that there is no such delegation.
    NotDelegated {
        /// Which one.
        server: ParentServer,
    },
    /// They name different name servers.
    NsDiffer,
    /// They give different TTLs to the name servers.
    TtlsDiffer,
    /// They give different addresses, or TTLs of addresses.
    GlueDiffers,
    /// They give different DS records, or TTLs of them.
    DsDiffer,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::Failed { server, reason } => write!(f, "{server} is of no use: {reason}"),
            Remark::Unreachable { count: 1 } => f.write_str("one address can't be reached from this machine"),
            Remark::Unreachable { count } => write!(f, "{count} addresses can't be reached from this machine"),
            Remark::ServesChild { server } => {
                write!(f, "{server} also serves the zone itself: the TTL it gives is the zone's own, and isn't counted")
            }
            Remark::NotDelegated { server } => write!(f, "{server} says that the zone is not delegated"),
            Remark::NsDiffer => f.write_str("the parent's servers name different name servers; all of them are listed"),
            Remark::TtlsDiffer => f.write_str("the parent's servers give different TTLs to NS; the highest counts"),
            Remark::GlueDiffers => f.write_str("the parent's servers give different glue; all of it is listed"),
            Remark::DsDiffer => f.write_str("the parent's servers give different DS records; all of them are listed"),
        }
    }
}

/// What the parent says of a delegation can't be learnt.
#[derive(Debug, thiserror::Error)]
pub enum DelegationError {
    /// The root is delegated by nobody.
    #[error("the root zone has no parent")]
    NoParent,
    /// The parent's servers can't be found.
    #[error("the name servers of the parent of {apex} can't be found")]
    Servers {
        /// The zone.
        apex: Name,
        /// Why not.
        source: ParentError,
    },
    /// None of them is of use; this is what is wrong with the first.
    #[error("none of the {asked} servers that were asked says anything of {apex}")]
    NoAnswer {
        /// The zone.
        apex: Name,
        /// How many were asked.
        asked: usize,
        /// What is wrong with the first.
        source: AskError,
    },
    /// The parent has no such delegation.
    #[error("{parent} does not delegate {apex}")]
    NotDelegated {
        /// The zone.
        apex: Name,
        /// The parent.
        parent: Name,
    },
    /// Every server that answers has the child as well, and answers from it.
    #[error("every server of {parent} that answers also serves {apex}, and hides what {parent} says of it")]
    Hidden {
        /// The zone.
        apex: Name,
        /// The parent.
        parent: Name,
    },
}

impl DelegationError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            DelegationError::NoParent => None,
            DelegationError::Servers { source: ParentError::Resolver(source), .. } => Some(source.help()),
            DelegationError::Servers { .. } => Some("name the parent's servers by their addresses".to_owned()),
            DelegationError::NoAnswer { source, .. } => Some(source.help()),
            DelegationError::NotDelegated { apex, .. } => {
                Some(format!("is {apex} the zone's name, or a name within a zone? And is it registered?"))
            }
            DelegationError::Hidden { parent, .. } => {
                Some(format!("ask whoever keeps {parent} for the TTL of the NS records in it"))
            }
        }
    }
}

impl Asker {
    /// What the parent of `apex` says of its delegation, `now`: all servers of the parent are asked, at once.
    ///
    /// # Errors
    /// [`DelegationError`] if no server of the parent says anything of it.
    pub fn delegation(&self, apex: &Name, parent: &Parent, now: Instant) -> Result<Delegation, DelegationError> {
        let above = apex.as_ref().parent().ok_or(DelegationError::NoParent)?.to_owned();
        let servers =
            self.servers(&above, parent).map_err(|source| DelegationError::Servers { apex: apex.clone(), source })?;
        let statements = thread::scope(|scope| {
            let ask = |server: ParentServer| {
                let above = &above;
                let address = server.address;
                (server, scope.spawn(move || self.statement(address, apex, above)))
            };
            let asked: Vec<_> = servers.into_iter().map(ask).collect();
            let listen = |(server, thread): (ParentServer, thread::ScopedJoinHandle<'_, _>)| {
                // A thread that panicked has said nothing.
                let address = server.address;
                let said = thread.join().unwrap_or(Err(AskError::Silent { server: address, ignored: 0 }));
                Statement { server, said }
            };
            asked.into_iter().map(listen).collect()
        });
        together(apex, statements, now)
    }
}

/// The delegation that all the statements make.
fn together(apex: &Name, statements: Vec<Statement>, now: Instant) -> Result<Delegation, DelegationError> {
    let referrals: Vec<&Referral> = statements.iter().filter_map(Statement::referral).collect();
    let parent = |is: fn(&Said) -> bool| {
        statements.iter().find_map(|statement| match &statement.said {
            Ok((parent, said)) if is(said) => Some(parent.clone()),
            _ => None,
        })
    };
    let highest = statements.iter().filter_map(|statement| Some((statement.referral()?.ns.ttl, &statement.server)));
    // The first of those that are equal.
    let highest = highest.rev().max_by_key(|(ttl, _)| *ttl);
    let (Some(known), Some((ttl, server))) = (parent(|said| matches!(said, Said::Referral(_))), highest) else {
        let apex = apex.clone();
        if let Some(parent) = parent(|said| matches!(said, Said::Child(_))) {
            return Err(DelegationError::Hidden { apex, parent });
        }
        if let Some(parent) = parent(|_| true) {
            return Err(DelegationError::NotDelegated { apex, parent });
        }
        let asked = statements.len();
        let source = first_failure(statements).ok_or(DelegationError::NoParent)?;
        return Err(DelegationError::NoAnswer { apex, asked, source });
    };
    let mut names: Vec<Name> = referrals.iter().flat_map(|referral| referral.ns.names.iter().cloned()).collect();
    names.sort();
    names.dedup();
    Ok(Delegation {
        apex: apex.clone(),
        parent: known,
        ns: NsSet { ttl, names },
        ns_from: server.clone(),
        glue: glue(&referrals),
        ds: ds(&referrals),
        asked_at: now,
        remarks: remarks(&statements, &referrals),
        statements,
    })
}

/// What is wrong with the first server; of one that can't be reached only if there is no other.
fn first_failure(statements: Vec<Statement>) -> Option<AskError> {
    let mut failures: Vec<AskError> = statements.into_iter().filter_map(|statement| statement.said.err()).collect();
    failures.sort_by_key(|failure| matches!(failure, AskError::NoRoute { .. }));
    failures.into_iter().next()
}

fn with_cause(error: &AskError) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn glue(referrals: &[&Referral]) -> Vec<Glue> {
    let all = referrals.iter().flat_map(|referral| &referral.glue);
    let mut glue: Vec<Glue> =
        all.map(|(name, address, ttl)| Glue { name: name.clone(), address: *address, ttl: *ttl }).collect();
    // Of each address the highest TTL comes first and stays.
    glue.sort_by(|a, b| (&a.name, a.address, b.ttl).cmp(&(&b.name, b.address, a.ttl)));
    glue.dedup_by(|later, first| later.name == first.name && later.address == first.address);
    glue
}

fn ds(referrals: &[&Referral]) -> Option<DsSet> {
    let sets: Vec<&DsSet> = referrals.iter().filter_map(|referral| referral.ds.as_ref()).collect();
    let ttl = sets.iter().map(|set| set.ttl).max()?;
    let mut rdatas: Vec<Vec<u8>> = sets.iter().flat_map(|set| set.rdatas.iter().cloned()).collect();
    rdatas.sort();
    rdatas.dedup();
    Some(DsSet { ttl, rdatas })
}

fn remarks(statements: &[Statement], referrals: &[&Referral]) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut count = 0;
    for Statement { server, said } in statements {
        let server = || server.clone();
        match said {
            Ok((_, Said::Referral(_))) => {}
            Ok((_, Said::Child(_))) => remarks.push(Remark::ServesChild { server: server() }),
            Ok((_, Said::Nothing)) => remarks.push(Remark::NotDelegated { server: server() }),
            Err(AskError::NoRoute { .. }) => count += 1,
            Err(error) => remarks.push(Remark::Failed { server: server(), reason: with_cause(error) }),
        }
    }
    remarks.extend((count > 0).then_some(Remark::Unreachable { count }));
    let differ = |differs: fn(&Referral, &Referral) -> bool| referrals.windows(2).any(|two| differs(two[0], two[1]));
    remarks.extend(differ(|a, b| a.ns.names != b.ns.names).then_some(Remark::NsDiffer));
    remarks.extend(differ(|a, b| a.ns.ttl != b.ns.ttl).then_some(Remark::TtlsDiffer));
    remarks.extend(differ(|a, b| a.glue != b.glue).then_some(Remark::GlueDiffers));
    remarks.extend(differ(|a, b| a.ds != b.ds).then_some(Remark::DsDiffer));
    remarks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io;

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_text(text).unwrap()
    }

    fn statement(last: u8, said: impl FnOnce(std::net::SocketAddr) -> Result<Said, AskError>) -> Statement {
        let address = ([192, 0, 2, last], 53).into();
        let said = said(address).map(|said| (name("example"), said));
        Statement { server: ParentServer { name: None, address }, said }
    }

    fn referral(last: u8, glue_ttls: &[(u8, u32)], ds_ttl: Option<u32>) -> Statement {
        let glue = glue_ttls.iter().map(|&(host, ttl)| (name("ns.a.example"), [198, 51, 100, host].into(), Ttl(ttl)));
        let ds = ds_ttl.map(|ttl| DsSet { ttl: Ttl(ttl), rdatas: vec![vec![last]] });
        let ns = NsSet { ttl: Ttl(300), names: vec![name("ns.a.example")] };
        statement(last, |_| Ok(Said::Referral(Referral { ns, glue: glue.collect(), ds })))
    }

    fn no_route(last: u8) -> Statement {
        statement(last, |server| Err(AskError::NoRoute { server, source: io::ErrorKind::NetworkUnreachable.into() }))
    }

    #[test]
    fn of_each_address_and_of_ds_the_highest_ttl_counts() {
        let statements =
            vec![referral(1, &[(1, 60), (2, 900)], None), referral(2, &[(1, 600)], Some(5)), referral(3, &[], Some(9))];
        let said = together(&name("a.example"), statements, Instant::MIN).unwrap();
        let glue: Vec<_> = said.glue.iter().map(|glue| (glue.address.to_string(), glue.ttl.0)).collect();
        assert_eq!(glue, [("198.51.100.1".to_owned(), 600), ("198.51.100.2".to_owned(), 900)]);
        assert_eq!(said.ds, Some(DsSet { ttl: Ttl(9), rdatas: vec![vec![2], vec![3]] }));
        assert_eq!(said.ns_from.address.to_string(), "192.0.2.1:53", "the first of equals");
        assert_eq!(said.remarks, [Remark::GlueDiffers, Remark::DsDiffer]);
    }

    #[test]
    fn servers_that_this_machine_cannot_reach_are_one_remark_and_blamed_last() {
        let statements = vec![no_route(1), referral(2, &[], None), no_route(3)];
        let said = together(&name("a.example"), statements, Instant::MIN).unwrap();
        assert_eq!(said.remarks, [Remark::Unreachable { count: 2 }]);
        let silent = statement(2, |server| Err(AskError::Silent { server, ignored: 0 }));
        let error = together(&name("a.example"), vec![no_route(1), silent], Instant::MIN).unwrap_err();
        assert!(matches!(error, DelegationError::NoAnswer { asked: 2, source: AskError::Silent { .. }, .. }));
    }
}
