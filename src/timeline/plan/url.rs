//! The URL of a web server that is looked at: `http://` or `https://`, a host, perhaps a port, a path (RFC 3986).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::wire::Name;

/// A URL, read. Shown, it is what is asked for: with A-labels, and without a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whether it is to be asked over TLS.
    pub is_https: bool,
    /// A domain name of A-labels in lower case without the last dot, or an IP address without brackets.
    pub host: String,
    /// The port: 80 or 443, if it isn't written.
    pub port: u16,
    /// Path and query, from the first `/` on.
    pub path: String,
}

/// Why a text is no URL that can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It begins with neither.
    #[error("a URL begins with `http://` or `https://`")]
    Scheme,
    /// It names a user.
    #[error("a URL here has no user or password before an `@`")]
    User,
    /// The host is none.
    #[error("its host is neither a domain name nor an IP address")]
    Host,
    /// The port is none.
    #[error("its port is no number from 1 to 65535")]
    Port,
    /// A character that must be written with `%`.
    #[error("its path has characters that a URL writes with `%`")]
    Path,
}

impl Url {
    /// Reads `text`.
    ///
    /// # Errors
    /// [`UrlError`] if it is no URL of a web server.
    pub fn parse(text: &str) -> Result<Url, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(UrlError::Scheme),
        };
        // A fragment is the browser's own business.
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UrlError::User);
        }
        let (host, port) = split(authority)?;
        if !path.bytes().all(|octet| octet.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&octet)) {
            return Err(UrlError::Path);
        }
        let port = match port {
            None if is_https => 443,
            None => 80,
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(UrlError::Port)?,
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Url { is_https, host, port, path })
    }

    /// Host and, if it isn't the usual one, port, as they stand in the Host field of a request.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.is_https { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }
}

fn split(authority: &str) -> Result<(String, Option<&str>), UrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or(UrlError::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| UrlError::Host)?;
        let port = match port {
            "" => None,
            _ => Some(port.strip_prefix(':').ok_or(UrlError::Port)?),
        };
        return Ok((address.to_string(), port));
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok((address.to_string(), port));
    }
    let host = idna::domain_to_ascii(host).map_err(|_| UrlError::Host)?;
    let host = host.strip_suffix('.').unwrap_or(&host);
    let is_hostname = host.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._".contains(&octet));
    match Name::from_text(host) {
        Ok(_) if is_hostname && !host.is_empty() => Ok((host.to_owned(), port)),
        _ => Err(UrlError::Host),
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_url_is_read_and_shown_as_it_is_asked_for() {
        for (written, shown, port) in [
            ("http://example.com", "http://example.com/", 80),
            ("HTTPS://Example.COM./a?b=c#d", "https://example.com/a?b=c", 443),
            ("https://example.com:8443?q", "https://example.com:8443/?q", 8443),
            ("https://日本語.example/", "https://xn--wgv71a119e.example/", 443),
            ("http://192.0.2.1:80/", "http://192.0.2.1/", 80),
            ("http://[2001:db8::1]:81/x", "http://[2001:db8::1]:81/x", 81),
        ] {
            let url = Url::parse(written).unwrap();
            assert_eq!((&*url.to_string(), url.port), (shown, port));
            assert_eq!(Url::parse(shown), Ok(url));
        }
    }

    #[test]
    fn what_is_no_url_of_a_web_server_is_refused() {
        for (written, error) in [
            ("example.com", UrlError::Scheme),
            ("ftp://example.com/", UrlError::Scheme),
            ("https://me:pass@example.com/", UrlError::User),
            ("https:///path", UrlError::Host),
            ("https://a b/", UrlError::Host),
            ("https://[::1/", UrlError::Host),
            ("https://example.com:0/", UrlError::Port),
            ("https://example.com:x/", UrlError::Port),
            ("https://example.com/a b", UrlError::Path),
            ("https://example.com/\r\nX: y", UrlError::Path),
            ("https://example.com/日", UrlError::Path),
        ] {
            assert_eq!(Url::parse(written), Err(error), "{written}");
        }
    }
}
