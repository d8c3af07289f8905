//! The keys of the configuration with their secrets, some of which lie in files.

use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::config::{self, KeyEntry, SecretSource};
use super::read;
use crate::diag::{Diagnostic, Place};
use crate::wire::tsig::{Key, Keyring, Secret};

/// The most octets of a file that holds a secret.
const SECRET_FILE_SIZE_MAX: u64 = 4096;
/// The bits of a file's mode by which others than its owner and its group may read it.
const OTHERS_READ: u32 = 0o004;

/// The keys of `entries`, and what is wrong with their secrets; `configuration` is the file that they stand in.
pub(super) fn gather(entries: &[KeyEntry], configuration: &Path) -> (Keyring, Vec<Diagnostic>) {
    let mut faults = Vec::new();
    let mut keys = Vec::new();
    let metadata = configuration.metadata().ok();
    for entry in entries {
        let secret = match &entry.secret {
            SecretSource::Written { secret, place } => {
                let shown = configuration.display().to_string();
                faults.extend(metadata.as_ref().and_then(|metadata| readable(metadata, &shown, place)));
                Some(secret.clone())
            }
            SecretSource::File { path, place } => {
                let beside = configuration.parent().unwrap_or(Path::new(""));
                from_file(&beside.join(path), place, &mut faults)
            }
        };
        keys.extend(secret.map(|secret| {
            let key = Key::new(entry.name.as_ref(), entry.algorithm, secret);
            entry.mac_len_min.into_iter().fold(key, Key::with_mac_len_min)
        }));
    }
    (keys.into_iter().collect(), faults)
}

fn from_file(path: &Path, place: &Place, faults: &mut Vec<Diagnostic>) -> Option<Secret> {
    let shown = path.display().to_string();
    let mut fault = |message: String, help: &str| {
        faults.push(Diagnostic::error("config-secret", message).at(place.clone(), "").help(help));
        None
    };
    let mut octets = Zeroizing::new(Vec::new());
    let metadata = match read::whole(path, SECRET_FILE_SIZE_MAX, &mut octets) {
        Ok(metadata) => metadata,
        Err(read::ReadError::TooLarge { .. }) => {
            return fault(
                format!("{shown} is too large to be a secret"),
                "it holds the secret in base64 and nothing else",
            );
        }
        Err(error) => {
            return fault(format!("{shown} can't be read: {error}"), "a path is meant from the configuration");
        }
    };
    let read = std::str::from_utf8(&octets).ok().map(Secret::from_base64);
    let secret = match read {
        Some(Ok(secret)) => secret,
        Some(Err(error)) => {
            return fault(format!("in {shown}, {error}"), "it holds the secret in base64 and nothing else");
        }
        None => return fault(format!("{shown} is not text"), "it holds the secret in base64 and nothing else"),
    };
    faults.extend(readable(&metadata, &shown, place));
    faults.extend(config::secret_is_short(&secret, place));
    Some(secret)
}

/// What to say if others than its owner and its group can read a file with a secret.
pub(super) fn readable(metadata: &Metadata, shown: &str, place: &Place) -> Option<Diagnostic> {
    let mode = metadata.permissions().mode() & 0o777;
    (mode & OTHERS_READ != 0).then(|| {
        let message = format!("everybody on this machine can read {shown}, which holds a secret");
        let warning = Diagnostic::warning("config-secret-readable", message).at(place.clone(), "");
        warning.help(format!("chmod {:o} {shown}", mode & !0o007))
    })
}
