//! `[tls]`: where TLS is spoken, and with which certificate.

use std::net::SocketAddr;

use super::fields::{Fields, Source};
use crate::diag::{Diagnostic, Place};

/// What `[tls]` says, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsEntry {
    /// The addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// The file of the certificate, and those that lead from it to an authority.
    pub certificate: FileEntry,
    /// The file of its key.
    pub key: FileEntry,
}

/// A file that is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its path, relative to the configuration.
    pub path: String,
    /// Where the configuration names it.
    pub place: Place,
}

/// Reads the table, if there is one.
pub(super) fn read(source: &mut Source<'_>, top: &mut Fields<'_>) -> Option<TlsEntry> {
    let is_there = top.has("tls");
    let span = top.span_of("tls");
    let mut table = top.table(source, "tls", "tls.");
    let listen = super::addresses(source, &mut table, "listen");
    let mut file = |key| {
        let written = table.text(source, key)?;
        Some(FileEntry { place: source.place(written.span), path: written.value })
    };
    let (certificate, key) = (file("certificate"), file("key"));
    let missing: Vec<_> = ["listen", "certificate", "key"].into_iter().filter(|key| !table.has(key)).collect();
    let is_table = table.is_there();
    table.finish(source);
    if is_there && is_table && !missing.is_empty() {
        let missing: Vec<_> = missing.iter().map(|key| format!("`{key}`")).collect();
        let message = format!("`[tls]` lacks {}", missing.join(" and "));
        let fault = Diagnostic::error("config-tls", message).at(source.place(span), "");
        let help = "it takes `listen = \"192.0.2.1:853\"`, `certificate = \"chain.pem\"` and `key = \"key.pem\"`";
        source.faults.push(fault.help(help));
    }
    let listen = listen.filter(|addresses| !addresses.is_empty())?;
    Some(TlsEntry { listen, certificate: certificate?, key: key? })
}

#[cfg(test)]
mod tests {
    use crate::control::config::parse;
    use crate::diag::render;

    #[test]
    fn a_part_is_not_enough() {
        let faults = |text: &str| render(&parse(&"watari.toml".into(), text).1, false);
        let shown = faults("[tls]\nlisten = \"127.0.0.1:853\"\n");
        let expected = "\
error[config-tls]: `[tls]` lacks `certificate` and `key`
 --> watari.toml:1:2
  |
1 | [tls]
  |  ^^^
  |
  = help: it takes `listen = \"192.0.2.1:853\"`, `certificate = \"chain.pem\"` and `key = \"key.pem\"`";
        assert_eq!(shown, expected);
        let shown = faults("[tls]\nlisten = \"ns1.example\"\ncertificate = 1\nkey = \"k\"\nalpn = 1\n");
        for said in ["`tls.listen` takes addresses", "`tls.certificate` takes text", "`tls.alpn` is not a setting"] {
            assert!(shown.contains(said), "{said}\n{shown}");
        }
        assert!(!shown.contains("config-tls"), "{shown}");
        let whole = "[tls]\nlisten = \"127.0.0.1:853\"\ncertificate = \"c\"\nkey = \"k\"\n";
        let (config, faults) = parse(&"watari.toml".into(), whole);
        assert!(config.tls.is_some_and(|tls| tls.key.path == "k") && faults.is_empty());
    }
}
