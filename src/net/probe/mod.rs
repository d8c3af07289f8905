//! Looks at what a cutover depends on: name servers, ports, web servers, mail servers, programs.
//!
//! [`look`] carries out one [`Probe`] on the thread that calls it and comes to a [`Verdict`]:
//!
//! 1. **Pass**: it was seen to be as it should be.
//! 2. **Fail**: it was seen to be wrong, and who reads it learns what to do. A server that should answer and does not,
//!    in all the time that the probe has, is wrong: it refuses connections, is silent, breaks off, or never comes to an end.
//! 3. **Unknown**: nothing was learnt of it. This machine has no way there (no route, a host that the network calls
//!    unreachable, a firewall of its own), lacks something (file descriptors, memory, threads), or can't find what the
//!    probe names: an address for a host, a file of certificates, a program. A program that ends in any way but by 0 or 1,
//!    or not in time, said nothing either. A watch must not take a zone back because *we* have lost the network.
//!
//! Whatever the other side does, a look ends with its probe's timeout, and holds little: a reply of a mail server has at
//! most 64 lines of 2 KiB, a header of a web server 64 KiB, of a body at most 1 MiB is read and only a piece kept, of a
//! program's output 4 KiB are kept and the rest is thrown away as it comes.
//!
//! NOTE: one thing can outlive a look: the system's resolver, which looks up the host of a URL where the probe has no
//! address, can't be called off. Its thread ends when the resolver gives up.
//!
//! What the other side says goes into verdicts, and so into the journal and onto terminals: `said` takes out what could
//! do harm there.

mod command;
mod dns;
mod http;
mod patience;
mod smtp;
mod tcp;
mod tls;
mod turn;

use std::future::Future;
use std::time::Duration;

use patience::Patience;

use crate::timeline::Verdict;
use crate::timeline::plan::probe::{Look, Probe};
use crate::wire::Name;

/// What a part of a look comes to: the next part, or the verdict already.
type Looked<T = ()> = Result<T, Verdict>;

/// Carries out `probe` for the zone `apex`: blocks the calling thread, at most for the probe's timeout.
pub fn look(probe: &Probe, apex: &Name) -> Verdict {
    let patience = Patience::of(probe.timeout);
    let looked = match &probe.look {
        Look::Dns { servers, same, serials } => dns::look(servers, same, *serials, apex, patience),
        Look::Tcp { address } => wait_for(tcp::look(*address, patience)),
        Look::Http { url, address, status, body, ca } => {
            let wanted = http::Wanted { status, body: body.as_deref() };
            wait_for(http::look(url, *address, &wanted, ca.as_deref(), patience))
        }
        Look::Smtp { address, name, banner, ca } => {
            wait_for(smtp::look(*address, name.as_deref(), banner.as_deref(), ca.as_deref(), patience))
        }
        Look::Command { argv } => command::look(argv, &probe.name, apex, patience),
    };
    match looked {
        Ok(()) => Verdict::Pass,
        Err(verdict) => verdict,
    }
}

/// Tells `body`, with these header fields besides, to the web server at `url`: passes if it says that it was taken. Blocks
/// the calling thread, at most for `timeout`.
pub fn post(url: &str, fields: &[(&str, String)], body: &[u8], timeout: Duration) -> Verdict {
    let message = http::Message { fields, body: Some(body) };
    let wanted = http::Wanted { status: &[200, 201, 202, 204], body: None };
    match wait_for(http::send(url, None, &message, &wanted, None, Patience::of(timeout))) {
        Ok(()) => Verdict::Pass,
        Err(verdict) => verdict,
    }
}

/// Runs one look on this thread. Nothing of it is left when it returns, but the system's resolver.
fn wait_for(looking: impl Future<Output = Looked>) -> Looked {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(|error| unknown(format!("this machine has nothing left to look with: {error}")))?;
    let looked = runtime.block_on(looking);
    runtime.shutdown_background();
    looked
}

fn fail(why: impl Into<String>) -> Verdict {
    Verdict::Fail(why.into())
}

fn unknown(why: impl Into<String>) -> Verdict {
    Verdict::Unknown(why.into())
}
