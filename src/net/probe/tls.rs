//! TLS with a server whose certificate must be valid for a name, and what can be wrong with that.
//!
//! 1. The name goes into SNI, and the certificate must be valid for it, whatever address was connected to: that is how a new
//!    server is looked at before DNS points there.
//! 2. Trusted are the authorities that this machine trusts, and those of the probe's `ca` (`judge`).
//! 3. TLS 1.2 and 1.3 are spoken.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::patience::Patience;
use super::{Looked, fail, unknown};
use crate::net::judge::{self, CertificateFault, Judge};
use crate::net::said::said;
use crate::timeline::Verdict;

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
    let judge = judge(ca, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unknown(format!("TLS can't be spoken: {error}")))?;
    // The judge lets through what the library's own verifier does, and nothing else.
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(judge)).with_no_client_auth())
}

fn judge(ca: Option<&str>, provider: &Arc<CryptoProvider>) -> Looked<Judge> {
    let mut roots = judge::of_this_machine();
    if let Some(file) = ca {
        judge::add(&mut roots, file.as_ref())
            .map_err(|error| unknown(format!("`ca` names {file}, {error}: name a file of certificates in PEM")))?;
    }
    Judge::new(roots, provider).map_err(|error| {
        let help = "install its package of CA certificates (Debian: ca-certificates), or name a file in `ca`";
        unknown(format!("{error}: {help}"))
    })
}

/// Why there was no handshake.
fn broken(address: SocketAddr, name: &str, error: &io::Error) -> Verdict {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return fail(format!(
            "{address} breaks off the TLS handshake ({error}): does it speak TLS there, and has it a certificate for {name}?"
        ));
    };
    if let Some(fault) = CertificateFault::in_error(error) {
        let renaming =
            format!("issue one for {name} before the flip, and let the server show it to who asks for that name (SNI)");
        return fail(fault.explain(&format!("the certificate at {address}"), name, &renaming));
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
