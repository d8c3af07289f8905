//! TLS with a primary from whom zones are fetched (XoT, RFC 9103).
//!
//! 1. The primary is always authenticated: by a certificate that is valid for a name (RFC 8310 § 8.1), by the pin of its
//!    key (RFC 7858 § 4.2), or by both. There is nothing that encrypts and does not ask with whom.
//! 2. TLS 1.3 alone is spoken (RFC 9103 § 7.2), and the primary must say that it speaks DNS over it (ALPN, § 7.1), unless it is
//!    written that it need not: NSD 4.6 does not.
//! 3. No question is encrypted as early data: they can be replayed.
//! 4. A session is begun anew each time: what was verified is verified again.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::{Resumption, WantsClientCert};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, ClientConfig, ConfigBuilder, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::net::DOT;
pub use crate::net::judge::Pin;
use crate::net::judge::{self, AnchorError, CertificateFault, Judge, PinFault};
use crate::net::said::said;

/// How a primary is known, in what a person wrote.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// The name that its certificate must be for.
    pub name: Option<&'a str>,
    /// A file of the authorities that may have issued it; else they are those that this machine trusts.
    pub ca: Option<&'a Path>,
    /// The keys one of which must be its own.
    pub pins: &'a [Pin],
    /// The files of our certificate and its key, for a primary that wants one.
    pub own: Option<(&'a Path, &'a Path)>,
    /// Whether it must say that it speaks DNS over TLS.
    pub alpn: bool,
}

impl Trust<'_> {
    /// Whether its name, if it has one, is one that a certificate can be for.
    pub fn is_named(&self) -> bool {
        self.name.is_none_or(|name| ServerName::try_from(name).is_ok())
    }
}

/// Why TLS can't be spoken with anybody so.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The name is none.
    #[error("`{0}` is no name that a certificate can be for")]
    Name(String),
    /// The authorities can't be had.
    #[error("`tls.ca` names {path}, {source}: name a file of certificates in PEM")]
    Anchors {
        /// The file.
        path: String,
        /// Why.
        source: AnchorError,
    },
    /// Those of the machine can't be had.
    #[error("{0}: install its package of CA certificates (Debian: ca-certificates), or name a file in `tls.ca`")]
    System(#[source] AnchorError),
    /// A file of ours can't be read.
    #[error("{path}, our own {what}, can't be read: {source}")]
    Own {
        /// The file.
        path: String,
        /// What it should be.
        what: &'static str,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// They can't be used.
    #[error("our own certificate and its key can't be used: {0}")]
    Unusable(#[source] rustls::Error),
    /// The library refuses.
    #[error("TLS can't be spoken: {0}")]
    Library(#[source] rustls::Error),
}

/// Why there is no TLS with a primary.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Its certificate is not to be trusted.
    #[error("{0}")]
    Certificate(String),
    /// Its key is another one.
    #[error(
        "its key has the pin `{found}`, and `tls.pin` has not: if that is its new key, and whoever runs it says so, name \
         it there"
    )]
    Pin {
        /// The pin that it has.
        found: String,
    },
    /// It does not say that it speaks DNS.
    #[error(
        "it does not say that it speaks DNS over TLS (ALPN `dot`, RFC 9103 § 7.1): is it the right port? Some servers never say \
         it: with `alpn = false` in `tls` they need not"
    )]
    NoDns,
    /// It speaks none that is spoken here.
    #[error("it speaks no TLS 1.3, which transfers need (RFC 9103 § 7.2): {0}")]
    Version(String),
    /// It speaks something else.
    #[error("it does not speak TLS there: is it the right port, and is TLS switched on?")]
    NotTls,
    /// It broke off.
    #[error("it breaks off the TLS handshake ({0}): does it speak TLS there?")]
    Broke(#[source] io::Error),
    /// It failed otherwise.
    #[error("the TLS handshake failed ({0}): look into its log")]
    Failed(String),
    /// It took too long.
    #[error("the TLS handshake does not end within {0} s: look into its log")]
    Late(u64),
}

/// How TLS is spoken with a primary. A copy is cheap.
#[derive(Clone)]
pub struct Client {
    config: Arc<ClientConfig>,
    server: ServerName<'static>,
    name: Arc<str>,
    alpn: bool,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.name)
    }
}

impl Client {
    /// Reads the files that `trust` names; that may take a moment.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn new(trust: &Trust<'_>) -> Result<Client, TrustError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let name = trust.name.unwrap_or_default();
        let server = match trust.name {
            Some(name) => ServerName::try_from(name.to_owned()).map_err(|_| TrustError::Name(said(name)))?,
            // Of an address no SNI is sent, and whom the key belongs to, the pin says.
            None => ServerName::from(std::net::Ipv4Addr::UNSPECIFIED),
        };
        let judge = trust.name.map_or_else(|| Ok(Judge::of_keys(&provider)), |_| judge(trust.ca, &provider))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(TrustError::Library)?;
        let judge = Arc::new(judge.with_pins(trust.pins));
        let builder = builder.dangerous().with_custom_certificate_verifier(judge);
        let mut config = with_own(builder, trust.own)?;
        config.alpn_protocols = vec![DOT.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Client { config: Arc::new(config), server, name: name.into(), alpn: trust.alpn })
    }

    /// The handshake over `stream`.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(super) async fn connect(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, TlsError> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(self.server.clone(), stream).await.map_err(|error| self.explain(error))?;
        match stream.get_ref().1.alpn_protocol() {
            Some(DOT) => Ok(stream),
            None if !self.alpn => Ok(stream),
            _ => Err(TlsError::NoDns),
        }
    }

    fn explain(&self, error: io::Error) -> TlsError {
        let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
            return TlsError::Broke(error);
        };
        if let Some(fault) = CertificateFault::in_error(inner) {
            let renaming = "name the one that is meant in `tls.name`, or issue one for it";
            return TlsError::Certificate(fault.explain("its certificate", &self.name, renaming));
        }
        if let Some(PinFault(found)) = PinFault::in_error(inner) {
            return TlsError::Pin { found: found.clone() };
        }
        match inner {
            rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => TlsError::NoDns,
            rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) | rustls::Error::PeerIncompatible(_) => {
                TlsError::Version(said(inner.to_string()))
            }
            rustls::Error::InvalidMessage(_) => TlsError::NotTls,
            other => TlsError::Failed(said(other.to_string())),
        }
    }
}

fn judge(ca: Option<&Path>, provider: &Arc<CryptoProvider>) -> Result<Judge, TrustError> {
    let Some(file) = ca else {
        return Judge::new(judge::of_this_machine(), provider).map_err(TrustError::System);
    };
    let faulty = |source| TrustError::Anchors { path: file.display().to_string(), source };
    let mut roots = RootCertStore::empty();
    judge::add(&mut roots, file).map_err(faulty)?;
    Judge::new(roots, provider).map_err(faulty)
}

fn with_own(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    own: Option<(&Path, &Path)>,
) -> Result<ClientConfig, TrustError> {
    let Some((certificate, key)) = own else { return Ok(builder.with_no_client_auth()) };
    let unreadable = |path: &Path, what| {
        let path = path.display().to_string();
        move |source| TrustError::Own { path, what, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(unreadable(certificate, "certificate"))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key, "key"))?;
    builder.with_client_auth_cert(chain, key).map_err(TrustError::Unusable)
}
