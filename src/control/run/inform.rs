//! The thread that sends notices to secondaries: all that are under way wait on one runtime.
//!
//! How many that are, and how often, the owner bounds.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};

use super::{Control, Word, with_causes};
use crate::clock::Ratchet;
use crate::control::notifier::{Heard, Notice};
use crate::control::owner::Event;
use crate::net::ask::{Notify, NotifyError};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where notices are put that are to be sent.
pub(super) type Informer = UnboundedSender<(Notice, Notify)>;

/// Sends what it is given, on a thread of its own.
pub(super) fn start(queue: Sender<Word>, clock: Arc<Ratchet>) -> Informer {
    let (sender, mut notices) = unbounded_channel::<(Notice, Notify)>();
    let inform = move || {
        let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!("secondaries can't be told of changes: {error}"),
        };
        LocalSet::new().block_on(&runtime, async {
            while let Some((notice, notify)) = notices.recv().await {
                let (queue, clock) = (queue.clone(), clock.clone());
                spawn_local(async move {
                    let heard = heard(notify.send(&clock, PATIENCE).await);
                    tracing::debug!("{} told of {} serial {}: {heard:?}", notice.target, notice.apex, notice.serial);
                    _ = queue.send(Word::Event(Event::Informed(notice, heard)));
                });
            }
        });
    };
    // Should no thread be had, what is put in comes back at once.
    if let Err(error) = std::thread::Builder::new().name("informer".to_owned()).spawn(inform) {
        tracing::error!("secondaries can't be told of changes: {error}");
    }
    sender
}

fn heard(answer: Result<crate::wire::Rcode, NotifyError>) -> Heard {
    match answer {
        Ok(rcode) => Heard::Answer(rcode),
        Err(error @ NotifyError::Unsure(_)) => Heard::Unsure(with_causes(&error)),
        Err(error) => Heard::Nothing(with_causes(&error)),
    }
}

impl Control {
    /// Has a notice sent, with what is served now.
    pub(super) fn inform(&self, notice: Notice) {
        let target = &notice.target;
        let key = target.key.as_ref().map(|name| self.rights.snapshot().keyring.key(name).cloned().ok_or(name));
        let unsent = |why: String| Event::Informed(notice.clone(), Heard::Unsure(why));
        let event = match key.transpose() {
            Err(name) => unsent(format!("there is no key {name}")),
            Ok(key) => {
                let (server, source, apex) = (target.address, target.source, notice.apex.clone());
                let soa = self.catalog.soa(apex.as_ref(), self.clock.now());
                let notify = Notify { server, source, apex, soa, key };
                match self.informer.send((notice.clone(), notify)) {
                    Ok(()) => return,
                    Err(_) => unsent("it can't be sent".to_owned()),
                }
            }
        };
        _ = self.queue.0.send(Word::Event(event));
    }
}
