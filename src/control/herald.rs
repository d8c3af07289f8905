//! The herald: tells a webhook and a program what becomes of plans.
//!
//! 1. Nobody waits for it: what it has no room for is dropped and counted, and it works on a thread of its own.
//! 2. Each is told `TRIES` times at most, with a limit to each try. What is told is also in the log and in the journal:
//!    a notice that is lost is no decision that is lost.
//! 3. What a webhook is told is signed, if there is a secret: `Watari-Signature: sha256=…` is the HMAC-SHA256 (RFC 2104) of
//!    the body, in base16. The secret is never shown.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::settings::Notify;
use crate::net::probe;
use crate::timeline::Verdict;

/// How many notices wait at most.
const WAITING_MAX: usize = 1024;
/// How often each is told at most, and how long it is waited in between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(2);
/// How long telling may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is looked whether a program has ended.
const POLL: Duration = Duration::from_millis(20);
/// The longest secret, in octets.
const SECRET_LEN_MAX: u64 = 4096;

/// Something that became of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The zone.
    pub zone: String,
    /// What: `flipped`, `held`, `passed`, `rolled-back`, `alarm`, and the other events of a journal.
    pub event: &'static str,
    /// When, in UTC.
    pub at: String,
    /// Who or what decided it.
    pub by: String,
    /// The same for people.
    pub text: String,
}

/// Nobody can be told.
#[derive(Debug, thiserror::Error)]
pub enum HeraldError {
    /// The secret can't be read.
    #[error("the file of the secret {path} can't be read")]
    Secret {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is nothing in it, or too much.
    #[error("the file of the secret {path} has no line of 1 to {SECRET_LEN_MAX} octets")]
    NoSecret {
        /// The file.
        path: String,
    },
    /// No thread can be had.
    #[error("nobody can be told what becomes of plans")]
    Thread(#[source] std::io::Error),
}

/// A secret, which is never shown.
struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    fn read(path: &Path) -> Result<Secret, HeraldError> {
        let shown = || path.display().to_string();
        let length = path.metadata().map(|file| file.len());
        let text = length.and_then(|length| if length > SECRET_LEN_MAX { Ok(Vec::new()) } else { std::fs::read(path) });
        let text = text.map_err(|source| HeraldError::Secret { path: shown(), source })?;
        // An editor's end of line is not part of it.
        let text = text.trim_ascii_end().to_vec();
        if text.is_empty() { Err(HeraldError::NoSecret { path: shown() }) } else { Ok(Secret(text)) }
    }

    /// HMAC-SHA256 of `message` (RFC 2104).
    fn sign(&self, message: &[u8]) -> [u8; 32] {
        const BLOCK: usize = 64;
        let mut key = [0; BLOCK];
        match self.0.len() {
            ..=BLOCK => key[..self.0.len()].copy_from_slice(&self.0),
            _ => key[..32].copy_from_slice(&Sha256::digest(&self.0)),
        }
        let padded = |pad: u8| key.map(|octet| octet ^ pad);
        let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
        Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
    }
}

/// Tells who wants to be told.
#[derive(Debug)]
pub struct Herald {
    queue: SyncSender<Notice>,
    dropped: Arc<AtomicU64>,
}

impl Herald {
    /// Will tell whom `notify` names; `None` if it names nobody.
    ///
    /// # Errors
    /// [`HeraldError`] if the secret can't be had.
    pub fn start(notify: &Notify) -> Result<Option<Herald>, HeraldError> {
        if notify.webhook.is_none() && notify.command.is_empty() {
            return Ok(None);
        }
        let secret = notify.secret_file.as_deref().map(Secret::read).transpose()?;
        let (queue, notices) = sync_channel(WAITING_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let told = Told { notify: notify.clone(), secret, dropped: dropped.clone() };
        let thread = thread::Builder::new().name("herald".to_owned());
        thread.spawn(move || told.run(&notices)).map_err(HeraldError::Thread)?;
        Ok(Some(Herald { queue, dropped }))
    }

    /// Tells `notice` as soon as can be; never waits.
    pub fn tell(&self, notice: Notice) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(notice) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Who is told, on the herald's thread.
struct Told {
    notify: Notify,
    secret: Option<Secret>,
    dropped: Arc<AtomicU64>,
}

impl Told {
    fn run(&self, notices: &Receiver<Notice>) {
        while let Ok(notice) = notices.recv() {
            match self.dropped.swap(0, Ordering::Relaxed) {
                0 => {}
                count => tracing::warn!("{count} notices could not be told, since too many came at once"),
            }
            let Ok(body) = serde_json::to_vec(&notice) else { continue };
            if let Some(webhook) = &self.notify.webhook {
                try_to_tell("the webhook", || self.post(webhook, &body));
            }
            if !self.notify.command.is_empty() {
                try_to_tell("the command", || run(&self.notify.command, &body));
            }
        }
    }

    fn post(&self, url: &str, body: &[u8]) -> Result<(), String> {
        let mut fields = vec![("content-type", "application/json".to_owned())];
        if let Some(secret) = &self.secret {
            fields.push(("watari-signature", format!("sha256={}", HEXLOWER.encode(&secret.sign(body)))));
        }
        match probe::post(url, &fields, body, TIMEOUT) {
            Verdict::Pass => Ok(()),
            Verdict::Fail(why) | Verdict::Unknown(why) => Err(why),
        }
    }
}

fn try_to_tell(whom: &str, tell: impl Fn() -> Result<(), String>) {
    for number in 1..=TRIES {
        match tell() {
            Ok(()) => return,
            Err(why) if number == TRIES => tracing::error!("{whom} could not be told what became of a plan: {why}"),
            Err(_) => thread::sleep(PAUSE * number),
        }
    }
}

/// Runs a program that reads `body` on its standard input.
fn run(command: &[String], body: &[u8]) -> Result<(), String> {
    let (program, arguments) = command.split_first().ok_or_else(|| "no program is named".to_owned())?;
    let mut running = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program} can't be run: {error}"))?;
    // A notice is shorter than what a pipe holds: who does not read it keeps nobody waiting. One that has ended already
    // says so by its status.
    if let Some(mut input) = running.stdin.take() {
        _ = input.write_all(body).and_then(|()| input.write_all(b"\n"));
    }
    let end = Instant::now() + TIMEOUT;
    loop {
        match running.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("{program} ends with {status}")),
            Ok(None) if Instant::now() < end => thread::sleep(POLL),
            Ok(None) => {
                _ = running.kill();
                _ = running.wait();
                return Err(format!("{program} did not end within {TIMEOUT:?}"));
            }
            Err(error) => return Err(format!("{program} can't be waited for: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn signed(secret: &[u8], message: &[u8]) -> String {
        HEXLOWER.encode(&Secret(secret.to_vec()).sign(message))
    }

    #[test]
    fn rfc4231_4_signatures_are_hmac_sha256() {
        let cases: [(&[u8], &[u8], &str); 3] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (secret, message, expected) in cases {
            assert_eq!(signed(secret, message), expected);
        }
    }

    #[test]
    fn a_secret_is_a_line_of_its_file_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert!(matches!(Secret::read(&path), Err(HeraldError::Secret { .. })));
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(Secret::read(&path), Err(HeraldError::NoSecret { .. })));
        std::fs::write(&path, "Jefe\n").unwrap();
        let secret = Secret::read(&path).unwrap();
        assert_eq!((secret.0.as_slice(), format!("{secret:?}").as_str()), (b"Jefe".as_slice(), "Secret"));
    }

    #[test]
    fn who_is_not_listening_is_not_waited_for() {
        let (queue, _notices) = sync_channel(1);
        let herald = Herald { queue, dropped: Arc::default() };
        let text = String::new;
        let notice = Notice { zone: text(), event: "held", at: text(), by: text(), text: text() };
        for _ in 0..5 {
            herald.tell(notice.clone());
        }
        assert_eq!(herald.dropped.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_program_is_told_on_its_standard_input() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("told");
        let command = ["sh", "-c", "cat > \"$0\"", path.to_str().unwrap()].map(str::to_owned);
        run(&command, b"{}").unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{}\n");
        assert!(run(&["false".to_owned()], b"{}").unwrap_err().contains("ends with"));
        assert!(run(&["/nowhere/at/all".to_owned()], b"{}").unwrap_err().contains("can't be run"));
    }
}
