//! The certificate of the configuration, and its key, which lie in files.

use std::path::Path;

use zeroize::Zeroizing;

use super::config::{FileEntry, TlsEntry};
use super::keyring::readable;
use super::read::{self, ReadError};
use crate::diag::Diagnostic;
use crate::net::{Credentials, CredentialsError};

/// The most octets of a file of certificates, or of a key.
const FILE_SIZE_MAX: u64 = 1 << 20;

/// What is in the files of `entry`, and what is wrong with them; `configuration` is the file that names them.
pub(super) fn gather(entry: &TlsEntry, configuration: &Path) -> (Option<Credentials>, Vec<Diagnostic>) {
    let mut faults = Vec::new();
    let beside = configuration.parent().unwrap_or(Path::new(""));
    let mut file = |entry: &FileEntry, is_secret: bool| {
        let path = beside.join(&entry.path);
        let shown = path.display().to_string();
        let mut octets = Zeroizing::new(Vec::new());
        match read::whole(&path, FILE_SIZE_MAX, &mut octets) {
            Ok(metadata) => {
                faults.extend(readable(&metadata, &shown, &entry.place).filter(|_| is_secret));
                Some((shown, octets))
            }
            Err(error) => {
                let why = match error {
                    ReadError::TooLarge { .. } => "is too large".to_owned(),
                    error => format!("can't be read: {error}"),
                };
                let help = "a path is meant from the configuration, and the server's user must be able to read it";
                faults.push(fault(entry, format!("{shown} {why}"), help));
                None
            }
        }
    };
    let (chain, key) = (file(&entry.certificate, false), file(&entry.key, true));
    let (Some((chain_path, chain)), Some((key_path, key))) = (chain, key) else { return (None, faults) };
    let fault = match Credentials::read(&chain, &key) {
        Ok(credentials) => return (Some(credentials), faults),
        Err(error @ CredentialsError::NoCertificate) => {
            let help = "it begins with -----BEGIN CERTIFICATE-----, this server's first";
            fault(&entry.certificate, format!("{chain_path}: {error}"), help)
        }
        Err(error @ CredentialsError::NoKey) => {
            let help = "it holds one key, -----BEGIN PRIVATE KEY-----, without a passphrase";
            fault(&entry.key, format!("{key_path}: {error}"), help)
        }
        Err(error @ CredentialsError::Unusable(_)) => {
            let help = "name the key to which the certificate was issued; ECDSA, RSA and Ed25519 are spoken";
            fault(&entry.key, format!("{key_path}: {error}"), help)
        }
    };
    faults.push(fault);
    (None, faults)
}

fn fault(entry: &FileEntry, message: String, help: &str) -> Diagnostic {
    Diagnostic::error("config-tls", message).at(entry.place.clone(), "").help(help)
}
