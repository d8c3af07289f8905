//! Certificates, right and wrong, and the authority that issued them.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

/// A certificate and its key, in files.
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// A folder of certificates.
pub(crate) struct Authority {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        Authority::called("the authority of this test")
    }

    pub(crate) fn called(name: &str) -> Authority {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        std::fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Authority { folder, issuer: Issuer::new(params, key) }
    }

    /// Its own certificate, for `ca` of a probe.
    pub(crate) fn ca(&self) -> Option<String> {
        Some(self.folder.path().join("ca.pem").display().to_string())
    }

    pub(crate) fn issue(&self, name: &str) -> Pair {
        self.issue_by(name, |params, key| params.signed_by(key, &self.issuer).unwrap(), false)
    }

    pub(crate) fn issue_expired(&self, name: &str) -> Pair {
        self.issue_by(name, |params, key| params.signed_by(key, &self.issuer).unwrap(), true)
    }

    pub(crate) fn self_signed(&self, name: &str) -> Pair {
        self.issue_by(name, |params, key| params.self_signed(key).unwrap(), false)
    }

    fn issue_by(
        &self,
        name: &str,
        sign: impl FnOnce(&CertificateParams, &KeyPair) -> rcgen::Certificate,
        is_expired: bool,
    ) -> Pair {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        if is_expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 2, 3);
        }
        let key = KeyPair::generate().unwrap();
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        let write = |file: &str, text: String| -> PathBuf {
            let path: &Path = &folder.join(file);
            std::fs::write(path, text).unwrap();
            path.to_owned()
        };
        Pair {
            certificate: write("certificate.pem", sign(&params, &key).pem()),
            key: write("key.pem", key.serialize_pem()),
        }
    }
}
