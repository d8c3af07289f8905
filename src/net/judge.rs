//! Whether a server is to be trusted, by its certificate or by its key, and if not, what is wrong and the way out.
//!
//! 1. The library's own verifier judges certificates: the chain, the time, the name. Nothing passes here that it refuses,
//!    unless no authority is asked, and then nothing but a key that is known (RFC 7858 § 4.2).
//! 2. What it refuses is explained while the certificate is at hand: its own error knows less.
//! 3. Whether a certificate was revoked is not looked at.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};

use super::said::said;
use crate::clock::Instant;
use crate::timeline::show;

/// How much of a file of certificates is read: what systems come with has a fifth of it.
const CA_LEN_MAX: u64 = 1 << 20;
/// How many names of a certificate are told.
const NAMES_MAX: usize = 5;

/// Nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// The file can't be read.
    #[error("which can't be read ({0})")]
    Read(#[from] io::Error),
    /// It is empty, or something else.
    #[error("which holds no certificate")]
    NoCertificate,
    /// A certificate in it is none of an authority.
    #[error("where one is none that can be trusted ({0})")]
    Unfit(#[source] rustls::Error),
    /// There is nobody.
    #[error("this machine trusts no authority, so that no certificate is valid")]
    Nobody,
    /// The library refuses.
    #[error("no certificate can be verified: {0}")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
}

/// The authorities that this machine trusts. What of them can't be read is not trusted; the rest is.
pub(super) fn of_this_machine() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Adds the certificates in PEM of `file` to `roots`.
pub(super) fn add(roots: &mut RootCertStore, file: &Path) -> Result<(), AnchorError> {
    let mut text = Vec::new();
    File::open(file)?.take(CA_LEN_MAX).read_to_end(&mut text)?;
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(io::Error::other)?;
    if certificates.is_empty() {
        return Err(AnchorError::NoCertificate);
    }
    certificates.into_iter().try_for_each(|certificate| roots.add(certificate)).map_err(AnchorError::Unfit)
}

/// The SHA-256 of a public key, as certificates hold it (SPKI).
pub type Pin = [u8; 32];

/// Who judges servers by who has issued their certificate, by their key, or by both.
#[derive(Debug)]
pub(super) struct Judge {
    issuers: Option<Arc<WebPkiServerVerifier>>,
    pins: Box<[Pin]>,
    provider: Arc<CryptoProvider>,
}

impl Judge {
    /// One who trusts the authorities in `roots`.
    ///
    /// # Errors
    /// [`AnchorError`].
    pub(super) fn new(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Judge, AnchorError> {
        if roots.is_empty() {
            return Err(AnchorError::Nobody);
        }
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        Ok(Judge { issuers: Some(builder.build()?), ..Judge::of_keys(provider) })
    }

    /// One who trusts no authority, and nobody but whose key has a pin.
    pub(super) fn of_keys(provider: &Arc<CryptoProvider>) -> Judge {
        Judge { issuers: None, pins: Box::default(), provider: Arc::clone(provider) }
    }

    /// The same, who besides wants the key to have one of `pins`, if there are any.
    pub(super) fn with_pins(self, pins: &[Pin]) -> Judge {
        Judge { pins: pins.into(), ..self }
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(issuers) = &self.issuers {
            issuers.verify_server_cert(certificate, intermediates, name, ocsp, now).map_err(|error| match error {
                rustls::Error::InvalidCertificate(error) => faulty(CertificateFault::of(&error, certificate, name)),
                other => other,
            })?;
        }
        if self.issuers.is_none() || !self.pins.is_empty() {
            let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
            let pin: Pin = Sha256::digest(&key).into();
            if !self.pins.contains(&pin) {
                return Err(faulty(PinFault(data_encoding::BASE64.encode(&pin))));
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn faulty(fault: impl std::error::Error + Send + Sync + 'static) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(fault))))
}

/// The fault of this kind that `error` is about, if it is about one.
fn fault_in<F: std::error::Error + 'static>(error: &rustls::Error) -> Option<&F> {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => inner.downcast_ref(),
        _ => None,
    }
}

/// The key's pin, which is none of those that are known.
#[derive(Debug, thiserror::Error)]
#[error("its key has the pin {0}")]
pub(super) struct PinFault(pub(super) String);

impl PinFault {
    /// The fault that `error` is about, if it is one of a key.
    pub(super) fn in_error(error: &rustls::Error) -> Option<&PinFault> {
        fault_in(error)
    }
}

/// What is wrong with a certificate.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(super) struct CertificateFault {
    what: Wrong,
    /// The names that it is for.
    names: Vec<String>,
    /// Whether the name that was asked for is none of them.
    is_misnamed: bool,
}

#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("it is for another name")]
    Name,
    #[error("it has expired")]
    Expired(Option<UnixTime>),
    #[error("it is not valid yet")]
    NotYet(Option<UnixTime>),
    #[error("it is signed by itself")]
    SelfSigned,
    #[error("nobody who is trusted has issued it")]
    Untrusted,
    #[error("{0}")]
    Other(CertificateError),
}

impl CertificateFault {
    fn of(error: &CertificateError, certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> CertificateFault {
        let parsed = webpki::EndEntityCert::try_from(certificate).ok();
        let is_own_issuer = parsed.as_ref().is_some_and(|parsed| parsed.issuer() == parsed.subject());
        let names = parsed.iter().flat_map(|parsed| parsed.valid_dns_names()).map(str::to_owned).collect();
        let named = ParsedCertificate::try_from(certificate)
            .and_then(|certificate| rustls::client::verify_server_name(&certificate, name));
        let what = match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Wrong::Name,
            CertificateError::Expired => Wrong::Expired(None),
            CertificateError::ExpiredContext { not_after, .. } => Wrong::Expired(Some(*not_after)),
            CertificateError::NotValidYet => Wrong::NotYet(None),
            CertificateError::NotValidYetContext { not_before, .. } => Wrong::NotYet(Some(*not_before)),
            // One that may sign others and signs itself is refused before anybody asks who issued it.
            CertificateError::UnknownIssuer | CertificateError::Other(_) if is_own_issuer => Wrong::SelfSigned,
            // An authority of the same name with another key is another authority.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Wrong::Untrusted,
            other => Wrong::Other(other.clone()),
        };
        CertificateFault { what, names, is_misnamed: named.is_err() }
    }

    /// The fault that `error` is about, if it is one of a certificate.
    pub(super) fn in_error(error: &rustls::Error) -> Option<&CertificateFault> {
        fault_in(error)
    }

    /// The fault of `certificate`, as it is called, where `name` was asked for, and the way out; if it is for another name,
    /// that is `renaming`.
    pub(super) fn explain(&self, certificate: &str, name: &str, renaming: &str) -> String {
        let at = certificate;
        let names = self.names();
        let on = |time: Option<UnixTime>| time.map_or_else(String::new, |time| format!(" {}", shown(time)));
        let text = match &self.what {
            Wrong::Name => {
                return format!("{at} is for {names}, not for {name}: {renaming}");
            }
            Wrong::Expired(time) => format!("{at} expired{}: renew it, and let the server load the new one", on(*time)),
            Wrong::NotYet(time) => {
                format!("{at} is valid only from{}: are the clocks right, here and where it was issued?", on(*time))
            }
            Wrong::SelfSigned => format!(
                "{at} is signed by itself, and nobody trusts it: issue one by an authority that clients trust; if they \
                 trust another one, name its certificate in `ca`"
            ),
            Wrong::Untrusted => format!(
                "{at} comes from an authority that this machine does not trust, or a certificate between them is missing: \
                 let the server send its whole chain; if the authority is your own, name its certificate in `ca`"
            ),
            Wrong::Other(error) => format!("{at} is not valid: {}; issue another one", said(error.to_string())),
        };
        // Two faults are mended at once.
        if self.is_misnamed { format!("{text}; besides, it is for {names}, not for {name}") } else { text }
    }

    fn names(&self) -> String {
        let shown: Vec<String> = self.names.iter().take(NAMES_MAX).map(|name| said(name).replace('`', "")).collect();
        match self.names.len() {
            0 => "no domain name (a common name alone does not count)".to_owned(),
            many if many > NAMES_MAX => format!("{} and {} more", shown.join(", "), many - NAMES_MAX),
            _ => shown.join(", "),
        }
    }
}

fn shown(time: UnixTime) -> String {
    show::rfc3339(Instant::from_unix_seconds(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)))
}
