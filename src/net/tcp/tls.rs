//! TLS of connections that come to us: DNS over TLS (RFC 7858), and zone transfers over it (RFC 9103).
//!
//! 1. TLS 1.3 alone: RFC 9103 § 7.2 wants it of transfers, and there is one listener for both.
//! 2. Who names a protocol by ALPN must name `dot` (RFC 9103 § 7.1); who names none is served as well (RFC 7858 has none).
//! 3. Nobody is asked for a certificate. Who may have a zone, its address and its key say.
//! 4. Early data are not taken: they can be replayed.
//! 5. A certificate can be replaced while connections are served: those that are open go on with the one that they have.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;

use crate::net::{DOT, Published};

/// How much of what is to be sent is encrypted ahead.
const BUFFER_LEN: usize = 64 * 1024;

/// A certificate, those that lead from it to an authority, and its key. A copy is cheap.
#[derive(Clone)]
pub struct Credentials {
    config: Arc<ServerConfig>,
    /// Of the texts that it was read from.
    digest: [u8; 32],
}

/// Texts that are no certificate with its key.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The first is not PEM, or holds no certificate.
    #[error("it holds no certificate in PEM")]
    NoCertificate,
    /// The second is not PEM, or holds no key.
    #[error("it holds no private key in PEM")]
    NoKey,
    /// The two don't go together, or one is of a kind that is not known.
    #[error("the certificate and the key can't be used: {0}")]
    Unusable(rustls::Error),
}

impl Credentials {
    /// The certificates of `chain` in PEM, that of this server first, and its `key` in PEM.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn read(chain: &[u8], key: &[u8]) -> Result<Credentials, CredentialsError> {
        let digest = Sha256::new().chain_update(Sha256::digest(chain)).chain_update(Sha256::digest(key)).finalize();
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| CredentialsError::NoCertificate)?;
        if chain.is_empty() {
            return Err(CredentialsError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CredentialsError::NoKey)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // Does the key belong to the certificate?
        let certified = CertifiedKey::from_der(chain, key, &provider).map_err(CredentialsError::Unusable)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(CredentialsError::Unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Always(Arc::new(certified))));
        config.alpn_protocols = vec![DOT.to_vec()];
        Ok(Credentials { config: Arc::new(config), digest: digest.into() })
    }
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}
impl Eq for Credentials {}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// One certificate, whatever name is asked for.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl rustls::server::ResolvesServerCert for Always {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Begins TLS on connections, with the certificate that is current.
#[derive(Debug)]
pub struct Tls {
    credentials: Published<Credentials>,
}

impl Tls {
    /// Begins with `credentials`.
    pub fn new(credentials: Credentials) -> Tls {
        Tls { credentials: Published::new(credentials) }
    }

    /// Connections that begin from now on have `credentials`; whether those are others than before.
    pub fn replace(&self, credentials: &Credentials) -> bool {
        let is_new = *self.credentials.snapshot() != *credentials;
        if is_new {
            self.credentials.publish(credentials.clone());
        }
        is_new
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.credentials.snapshot().config))
    }

    /// Bounds what `session` keeps of what is to be sent.
    pub(super) fn bound(session: &mut rustls::ServerConnection) {
        session.set_buffer_limit(Some(BUFFER_LEN));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pair() -> (Vec<u8>, Vec<u8>) {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["ns1.example".to_owned()]).unwrap();
        (cert.pem().into_bytes(), signing_key.serialize_pem().into_bytes())
    }

    #[test]
    fn a_certificate_goes_with_its_key_and_with_no_other() {
        let ((chain, key), (_, other)) = (pair(), pair());
        let read = |chain: &[u8], key: &[u8]| Credentials::read(chain, key);
        assert!(read(&chain, &key).is_ok());
        assert!(matches!(read(&key, &key), Err(CredentialsError::NoCertificate)));
        assert!(matches!(read(b"", &key), Err(CredentialsError::NoCertificate)));
        assert!(matches!(read(&chain, &chain), Err(CredentialsError::NoKey)));
        assert!(matches!(read(&chain, &other), Err(CredentialsError::Unusable(_))));
        let shown = format!("{:?}", read(&chain, &key).unwrap());
        assert_eq!(shown, "Credentials", "nothing of a key is shown");
    }

    #[test]
    fn what_is_as_before_is_not_replaced() {
        let (chain, key) = pair();
        let (other_chain, other_key) = pair();
        let before = Credentials::read(&chain, &key).unwrap();
        let tls = Tls::new(before.clone());
        assert!(!tls.replace(&Credentials::read(&chain, &key).unwrap()));
        assert!(tls.replace(&Credentials::read(&other_chain, &other_key).unwrap()));
        assert!(tls.replace(&before));
    }
}
