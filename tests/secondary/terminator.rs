//! TLS in front of a server that speaks none, with what can be wrong about it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::certificates::{Authority, Pair};
use crate::support::peer::free_address;

/// What it does.
pub(crate) struct Manner<'a> {
    pub(crate) pair: &'a Pair,
    pub(crate) alpn: &'a [&'a [u8]],
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
    /// Whose certificate clients must show.
    pub(crate) clients: Option<&'a Authority>,
    /// After so many octets of a server it breaks off.
    pub(crate) cut: Option<usize>,
}

impl<'a> Manner<'a> {
    pub(crate) fn right(pair: &'a Pair) -> Manner<'a> {
        Manner { pair, alpn: &[b"dot"], versions: TLS13, clients: None, cut: None }
    }
}

const TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// One that listens.
pub(crate) struct Terminator {
    pub(crate) address: SocketAddr,
    /// How many connections there were.
    pub(crate) connections: Arc<AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

impl Terminator {
    pub(crate) fn start(upstream: SocketAddr, manner: &Manner<'_>) -> Terminator {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(manner.versions).unwrap();
        let builder = match manner.clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                let file = CertificateDer::from_pem_file(authority.ca().unwrap()).unwrap();
                roots.add(file).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let chain = CertificateDer::pem_file_iter(&manner.pair.certificate).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&manner.pair.key).unwrap();
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = manner.alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind(free_address())).unwrap();
        let address = listener.local_addr().unwrap();
        let (acceptor, cut) = (TlsAcceptor::from(Arc::new(config)), manner.cut.unwrap_or(usize::MAX));
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(inner) = acceptor.accept(stream).await else { return };
                    let Ok(outer) = TcpStream::connect(upstream).await else { return };
                    let ((mut from, mut to), (mut up, mut down)) = (tokio::io::split(inner), outer.into_split());
                    let upwards = tokio::spawn(async move { _ = tokio::io::copy(&mut from, &mut down).await });
                    let (mut left, mut buffer) = (cut, [0; 4096]);
                    while left > 0
                        && let Ok(count) = up.read(&mut buffer).await
                        && count > 0
                    {
                        let count = count.min(left);
                        left -= count;
                        if to.write_all(&buffer[..count]).await.is_err() || to.flush().await.is_err() {
                            break;
                        }
                    }
                    // With both halves the connection goes, without a word.
                    upwards.abort();
                });
            }
        });
        Terminator { address, connections, _runtime: runtime }
    }
}
