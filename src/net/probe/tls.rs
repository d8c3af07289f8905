//! TLS with a server whose certificate must be valid for a name, and what can be wrong with that.
//!
//! 1. The name goes into SNI, and the certificate must be valid for it, whatever address was connected to: that is how a new
//!    server is looked at before DNS points there.
//! 2. Trusted are the authorities that this machine trusts, and those of the probe's `ca`. Whether a certificate was revoked
//!    is not looked at.
//! 3. TLS 1.2 and 1.3 are spoken.
//! 4. A wrong certificate is explained here, where the certificate is at hand: the library's own error knows less.

use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::patience::Patience;
use super::said::said;
use super::{Looked, fail, unknown};
use crate::clock::Instant;
use crate::timeline::{Verdict, show};

/// How much of a file of certificates is read: what systems come with has a fifth of it.
const CA_LEN_MAX: u64 = 1 << 20;
/// How many names of a certificate are told.
const NAMES_MAX: usize = 5;

/// The handshake over `stream`, which leads to `address`, with who must be `name`: a domain name or an IP address.
pub(super) async fn handshake(
    stream: TcpStream,
    address: SocketAddr,
    name: &str,
    ca: Option<&str>,
    patience: Patience,
) -> Looked<TlsStream<TcpStream>> {
    let server = ServerName::try_from(name.to_owned())
        .map_err(|_| unknown(format!("{} is no name that a certificate can be for", said(name))))?;
    let connector = TlsConnector::from(Arc::new(config(ca)?));
    let connecting = connector.connect(server, stream);
    let late =
        || format!("the TLS handshake with {address} does not end within {patience}: look into the server's log");
    patience.wait(connecting, late).await?.map_err(|error| broken(address, name, &error))
}

fn config(ca: Option<&str>) -> Looked<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let judge = Judge { inner: verifier(ca, &provider)? };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unknown(format!("TLS can't be spoken: {error}")))?;
    // The judge lets through what the library's own verifier does, and nothing else.
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(judge)).with_no_client_auth())
}

fn verifier(ca: Option<&str>, provider: &Arc<CryptoProvider>) -> Looked<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    // What of the system's can't be read is not trusted; the rest is.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca {
        let faulty = |why: String| unknown(format!("`ca` names {file}, {why}: name a file of certificates in PEM"));
        let certificates = read(file).map_err(|error| faulty(format!("which can't be read ({error})")))?;
        if certificates.is_empty() {
            return Err(faulty("which holds no certificate".to_owned()));
        }
        for certificate in certificates {
            roots
                .add(certificate)
                .map_err(|error| faulty(format!("where one is none that can be trusted ({error})")))?;
        }
    }
    if roots.is_empty() {
        let why = "this machine trusts no authority, so that no certificate is valid: install its package of CA \
                   certificates (Debian: ca-certificates), or name a file in `ca`";
        return Err(unknown(why));
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| unknown(format!("no certificate can be verified: {error}")))
}

fn read(file: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let mut text = Vec::new();
    File::open(file)?.take(CA_LEN_MAX).read_to_end(&mut text)?;
    CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(io::Error::other)
}

/// The library's verifier, and who can say what it found.
#[derive(Debug)]
struct Judge {
    inner: Arc<WebPkiServerVerifier>,
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
        self.inner.verify_server_cert(certificate, intermediates, name, ocsp, now).map_err(|error| match error {
            rustls::Error::InvalidCertificate(error) => {
                let fault = CertificateFault::of(&error, certificate, name);
                rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(fault))))
            }
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// What is wrong with a certificate.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct CertificateFault {
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

    /// The fault at `address`, asked for `name`, and the way out.
    fn explain(&self, address: SocketAddr, name: &str) -> String {
        let at = format!("the certificate at {address}");
        let names = self.names();
        let on = |time: Option<UnixTime>| time.map_or_else(String::new, |time| format!(" {}", shown(time)));
        let text = match &self.what {
            Wrong::Name => {
                return format!(
                    "{at} is for {names}, not for {name}: issue one for {name} before the flip, and let the server show \
                     it to who asks for that name (SNI)"
                );
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

/// Why there was no handshake.
fn broken(address: SocketAddr, name: &str, error: &io::Error) -> Verdict {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return fail(format!(
            "{address} breaks off the TLS handshake ({error}): does it speak TLS there, and has it a certificate for {name}?"
        ));
    };
    if let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) = error
        && let Some(fault) = inner.downcast_ref::<CertificateFault>()
    {
        return fail(fault.explain(address, name));
    }
    fail(match error {
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            format!("{address} knows no {name}: set the server up for that name, with a certificate for it")
        }
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) | rustls::Error::PeerIncompatible(_) => {
            format!(
                "the TLS handshake with {address} failed, it speaks nothing that is safe today ({}): let it speak TLS 1.2 or 1.3",
                said(error.to_string())
            )
        }
        rustls::Error::InvalidMessage(_) => {
            format!("{address} does not speak TLS there: is it the right port, and is TLS switched on?")
        }
        _ => format!(
            "the TLS handshake with {address} failed ({}): look into the server's log; has it a certificate for {name}?",
            said(error.to_string())
        ),
    })
}
