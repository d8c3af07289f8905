//! `tls` of a primary: how it is known that it is the one, when zones are fetched over TLS.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::fields::{Fields, Source, Value};
use crate::control::keyring::readable;
use crate::diag::{Diagnostic, Place};
use crate::net::fetch::{Client, Pin, Trust, TrustError};

/// The most pins of one primary.
const PINS_MAX: usize = 8;
const HELP: &str = "write `tls = { name = \"ns1.example.net\" }`, with `ca = \"ca.pem\"` if the authority is your own; or `tls = { pin = \
                    \"…\" }`, the SHA-256 of its public key in base64";

/// How a primary is known over TLS. Alike for all zones that come from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authentication {
    /// The name that its certificate must be for.
    pub name: Option<Box<str>>,
    /// The authorities that may have issued it; else those that this machine trusts.
    pub ca: Option<PathBuf>,
    /// The keys one of which must be its own.
    pub pins: Box<[Pin]>,
    /// Our own certificate and its key.
    pub own: Option<(PathBuf, PathBuf)>,
    /// Whether it must say that it speaks DNS over TLS (ALPN).
    pub alpn: bool,
}

/// The same, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenAuthentication {
    /// What is written.
    pub how: Authentication,
    /// Where.
    pub place: Place,
}

impl Authentication {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn client(&self) -> Result<Client, TrustError> {
        Client::new(&Trust {
            name: self.name.as_deref(),
            ca: self.ca.as_deref(),
            pins: &self.pins,
            own: self.own.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path())),
            alpn: self.alpn,
        })
    }
}

impl WrittenAuthentication {
    /// What is wrong with the files that are named.
    pub fn faults(&self) -> Vec<Diagnostic> {
        // What this machine trusts is no affair of this file, and takes long to read.
        if self.how.ca.is_none() && self.how.own.is_none() {
            return Vec::new();
        }
        let unfit = self.how.client().err().map(|error| {
            let fault = Diagnostic::error("secondary-tls", error.to_string()).at(self.place.clone(), "");
            fault.help("paths are meant from the folder of this file; the server's user must be able to read them")
        });
        let key = self.how.own.as_ref().map(|(_, key)| key);
        let read_by_all = key.and_then(|key| readable(&key.metadata().ok()?, &key.display().to_string(), &self.place));
        unfit.into_iter().chain(read_by_all).collect()
    }
}

/// Reads `tls` of a primary, if there is one, in the file of `source`.
pub(super) fn read(source: &mut Source<'_>, primary: &mut Fields<'_>) -> Option<WrittenAuthentication> {
    if !primary.has("tls") {
        return None;
    }
    let span = primary.span_of("tls");
    let mut fields = primary.table(source, "tls", "primaries.tls.");
    let beside = Path::new(&*source.path).parent().unwrap_or(Path::new("")).to_owned();
    let name = fields.text(source, "name").and_then(|written| named(source, written));
    let mut file = |source: &mut Source<'_>, key| fields.text(source, key).map(|written| beside.join(written.value));
    let (ca, certificate, key) = (file(source, "ca"), file(source, "certificate"), file(source, "key"));
    let alpn = fields.flag(source, "alpn").unwrap_or(true);
    let pins = fields.texts(source, "pin").unwrap_or_default();
    if let Some(beyond) = pins.get(PINS_MAX) {
        let message = format!("`primaries.tls.pin` names more than {PINS_MAX}");
        source.value_fault(beyond.span.clone(), message, "too many", "name that of its key, and that of its next one");
    }
    let pins: Vec<_> = pins.into_iter().filter_map(|written| pin(source, written)).collect();
    let (is_table, has_name, has_pin) = (fields.is_there(), fields.has("name"), fields.has("pin"));
    let own = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            let why = "`certificate` and `key` go together: the one that we show, and its private key";
            fault(source, span.clone(), why, "name both files, or none");
            None
        }
    };
    if is_table && !has_name && !has_pin {
        let why =
            "over TLS with whoever answers, anybody could give us the zone: it is not said how the primary is known";
        fault(source, span.clone(), why, HELP);
    } else if ca.is_some() && !has_name {
        fault(source, span.clone(), "`ca` counts for a `name`, which is missing", HELP);
    }
    fields.finish(source);
    let how = Authentication { name: name.map(Into::into), ca, pins: pins.into(), own, alpn };
    Some(WrittenAuthentication { how, place: source.place(span) })
}

fn fault(source: &mut Source<'_>, span: Range<usize>, why: &str, help: &str) {
    let place = source.place(span);
    source.faults.push(Diagnostic::error("secondary-tls", why).at(place, "").help(help));
}

fn named(source: &mut Source<'_>, written: Value<String>) -> Option<String> {
    let trust = Trust { name: Some(&written.value), ca: None, pins: &[], own: None, alpn: true };
    if trust.is_named() {
        return Some(written.value);
    }
    let message = format!("`{}` is no name that a certificate can be for", written.value);
    source.value_fault(written.span, message, "", "write it as `ns1.example.net`, without a final dot");
    None
}

fn pin(source: &mut Source<'_>, written: Value<String>) -> Option<Pin> {
    let pin = data_encoding::BASE64.decode(written.value.as_bytes()).ok().and_then(|octets| octets.try_into().ok());
    if pin.is_none() {
        let message = format!("`{}` is no pin: the 44 characters of a SHA-256 in base64 are", written.value);
        let help = "openssl x509 -in cert.pem -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64";
        source.value_fault(written.span, message, "", help);
    }
    pin
}
